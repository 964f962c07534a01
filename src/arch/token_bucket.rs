//! A token bucket: refilled continuously, never above its capacity.

use crate::units::SimTime;

/// The bucket. Starts full.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_nano: f64,
    capacity: f64,
    level: f64,
    filled_at: SimTime,
}

impl TokenBucket {
    /// `rate` tokens a second (>= 0), at most `capacity` of them (>= 0).
    pub fn new(rate: f64, capacity: f64) -> Self {
        Self { per_nano: rate / 1e9, capacity, level: capacity, filled_at: SimTime::ZERO }
    }

    /// Another rate and capacity from `now` on; what is in it stays, up to the new capacity, and what the capacity grows by is added.
    pub fn change(&mut self, now: SimTime, rate: f64, capacity: f64) {
        self.fill(now);
        self.level = (self.level + (capacity - self.capacity).max(0.0)).min(capacity);
        (self.per_nano, self.capacity) = (rate / 1e9, capacity);
    }

    #[inline]
    fn fill(&mut self, now: SimTime) {
        let refill = now.since(self.filled_at).0 as f64 * self.per_nano;
        self.level = (self.level + refill).min(self.capacity);
        self.filled_at = now;
    }

    /// Takes one token at `now`, if there is a whole one.
    #[inline]
    pub fn take(&mut self, now: SimTime) -> bool {
        self.fill(now);
        let granted = self.level >= 1.0;
        if granted {
            self.level -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 2 a second, burst 3, two taken at 0 s; from 1 s on (three in it, none lost) 4 a second and burst 5: five at once, then four a second.
    #[test]
    fn another_rate() {
        let mut bucket = TokenBucket::new(2.0, 3.0);
        let at = |millis: u64| SimTime(millis * 1_000_000);
        assert_eq!([0, 0].map(|ms| bucket.take(at(ms))), [true, true]);
        bucket.change(at(1000), 4.0, 5.0);
        assert_eq!([1000; 6].map(|ms| bucket.take(at(ms))), [true, true, true, true, true, false]);
        assert_eq!([1249, 1250].map(|ms| bucket.take(at(ms))), [false, true]);
        // Less room: what is beyond it is lost.
        bucket.change(at(9000), 1.0, 1.0);
        assert_eq!([9000, 9000].map(|ms| bucket.take(at(ms))), [true, false]);
    }

    /// By hand: 2 a second, burst 3: three at once, then one every half second.
    #[test]
    fn burst_then_rate() {
        let mut bucket = TokenBucket::new(2.0, 3.0);
        let at = |millis: u64| SimTime(millis * 1_000_000);
        assert_eq!([0, 0, 0, 0].map(|ms| bucket.take(at(ms))), [true, true, true, false]);
        assert_eq!([499, 500, 999, 1000].map(|ms| bucket.take(at(ms))), [false, true, false, true]);
        assert_eq!([9000, 9000, 9000, 9000].map(|ms| bucket.take(at(ms))), [true, true, true, false]);
    }
}
