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

    /// Takes one token at `now`, if there is a whole one.
    #[inline]
    pub fn take(&mut self, now: SimTime) -> bool {
        let refill = now.since(self.filled_at).0 as f64 * self.per_nano;
        self.level = (self.level + refill).min(self.capacity);
        self.filled_at = now;
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
