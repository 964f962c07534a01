//! A token bucket: refilled continuously, never above its capacity.

use crate::units::SimTime;

/// The bucket. Starts full.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_nano: f64,
    capacity: f64,
    level: f64,
    /// What is left of a full one when a token has been taken, if one more makes it exactly full again; otherwise not a number.
    full_but_one: f64,
    filled_at: SimTime,
}

/// See [`TokenBucket::full_but_one`].
fn full_but_one(capacity: f64) -> f64 {
    let left = capacity - 1.0;
    if left >= 0.0 && left + 1.0 >= capacity { left } else { f64::NAN }
}

impl TokenBucket {
    /// `rate` tokens a second (>= 0), at most `capacity` of them (>= 0).
    pub fn new(rate: f64, capacity: f64) -> Self {
        let filled_at = SimTime::ZERO;
        Self { per_nano: rate / 1e9, capacity, level: capacity, full_but_one: full_but_one(capacity), filled_at }
    }

    /// Another rate and capacity from `now` on; what is in it stays, up to the new capacity, and what the capacity grows by is added.
    pub fn change(&mut self, now: SimTime, rate: f64, capacity: f64) {
        self.fill(now);
        self.level = (self.level + (capacity - self.capacity).max(0.0)).min(capacity);
        (self.per_nano, self.capacity, self.full_but_one) = (rate / 1e9, capacity, full_but_one(capacity));
    }

    #[inline]
    fn refill(&self, now: SimTime) -> f64 {
        now.since(self.filled_at).0 as f64 * self.per_nano
    }

    #[inline]
    fn fill(&mut self, now: SimTime) {
        let refill = self.refill(now);
        let level = self.level + refill;
        // One instruction, where `min` takes care of what is not a number; each request waits for the level that the last one left.
        self.level = if level < self.capacity { level } else { self.capacity };
        self.filled_at = now;
    }

    /// Takes one token at `now`, if there is a whole one.
    #[inline]
    #[expect(clippy::float_cmp, reason = "exactly that level, or the long way")]
    pub fn take(&mut self, now: SimTime) -> bool {
        // Most often it is full again, and then it is what it was: the next request need not wait for the sum.
        if self.level == self.full_but_one && self.refill(now) >= 1.0 {
            self.filled_at = now;
            return true;
        }
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

    /// The short way for a full one changes nothing: levels are those of the sums alone, to the bit.
    #[test]
    fn full_again() {
        for (rate, capacity) in [(2.0, 3.0), (7.3, 1.0), (10_000.0, 5_000.0), (3.0, 0.5), (0.7, 2.3), (1e3, 1e17)] {
            let mut bucket = TokenBucket::new(rate, capacity);
            let (mut level, mut before, mut at) = (capacity, 0u64, 0u64);
            for n in 0..2000u64 {
                at += crate::sim::random::Key::new(n, 0).draw(n, 0) % (3_000_000_000.0 / rate) as u64;
                level = (level + (at - before) as f64 * (rate / 1e9)).min(capacity);
                before = at;
                let granted = level >= 1.0;
                level -= f64::from(u8::from(granted));
                assert_eq!(
                    (bucket.take(SimTime(at)), bucket.level.to_bits()),
                    (granted, level.to_bits()),
                    "{rate} {n}"
                );
            }
        }
    }

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
