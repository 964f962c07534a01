//! A level over time: its integral and its peak.

use crate::units::SimTime;

/// A whole number that changes at instants.
///
/// The integral over a span is value(end) x end - value(start) x start - the sum of (change x instant): a change costs an
/// addition, not a multiplication. The sums wrap around at 2^64, which is exact as long as the integral between two
/// calls of [`Gauge::take_area`] fits: an hour of five million.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauge {
    value: u64,
    peak: u64,
    /// Sum of change x instant since the last take, with the value at that take as a change then.
    moment: u64,
}

impl Gauge {
    /// A gauge that reads `value` from the origin on.
    pub const fn new(value: u64) -> Self {
        Self { value, peak: value, moment: 0 }
    }

    /// What it reads now.
    #[inline]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// `count` more.
    #[inline]
    pub fn add(&mut self, now: SimTime, count: u64) {
        self.value += count;
        self.moment = self.moment.wrapping_add(now.0.wrapping_mul(count));
        self.peak = self.peak.max(self.value);
    }

    /// `count` less.
    #[inline]
    pub fn sub(&mut self, now: SimTime, count: u64) {
        self.value -= count;
        self.moment = self.moment.wrapping_sub(now.0.wrapping_mul(count));
    }

    /// One more.
    #[inline]
    pub fn up(&mut self, now: SimTime) {
        self.add(now, 1);
    }

    /// One less.
    #[inline]
    pub fn down(&mut self, now: SimTime) {
        self.sub(now, 1);
    }

    /// Value x nanoseconds since the last call, up to `now`.
    pub fn take_area(&mut self, now: SimTime) -> u128 {
        let here = self.value.wrapping_mul(now.0);
        let area = here.wrapping_sub(self.moment);
        self.moment = here;
        u128::from(area)
    }

    /// Forgets the past; the peak starts again at the present value.
    pub fn restart(&mut self, now: SimTime) {
        self.take_area(now);
        self.peak = self.value;
    }

    /// Something of which this is a part has reached `level`: that is the peak, if it is more.
    pub fn note_peak(&mut self, level: u64) {
        self.peak = self.peak.max(level);
    }

    /// Largest value since the start or restart.
    pub const fn peak(&self) -> u64 {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_and_peak() {
        let mut gauge = Gauge::new(1);
        gauge.up(SimTime(10));
        gauge.up(SimTime(20));
        gauge.down(SimTime(30));
        assert_eq!(gauge.take_area(SimTime(40)), 10 + 20 + 30 + 20);
        assert_eq!(gauge.peak(), 3);
        gauge.restart(SimTime(50));
        assert_eq!((gauge.peak(), gauge.take_area(SimTime(60))), (2, 20));
        // Late in a century, far beyond what value x instant can hold.
        let late = 3_155_760_000_000_000_000;
        gauge.take_area(SimTime(late));
        gauge.add(SimTime(late + 10), 998);
        gauge.sub(SimTime(late + 20), 500);
        assert_eq!(gauge.take_area(SimTime(late + 30)), 20 + 10_000 + 5_000);
    }
}
