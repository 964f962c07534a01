//! A level over time: its integral and its peak.

use crate::units::SimTime;

/// A whole number that changes at instants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauge {
    value: u64,
    since: u64,
    area: u128,
    peak: u64,
}

impl Gauge {
    /// A gauge that reads `value` from the origin on.
    pub const fn new(value: u64) -> Self {
        Self { value, since: 0, area: 0, peak: value }
    }

    /// What it reads now.
    #[inline]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Sets it at `now`, which must not be before the last change.
    #[inline]
    pub fn set(&mut self, now: SimTime, value: u64) {
        self.area += u128::from(self.value) * u128::from(now.0 - self.since);
        self.since = now.0;
        self.value = value;
        self.peak = self.peak.max(value);
    }

    /// One more.
    #[inline]
    pub fn up(&mut self, now: SimTime) {
        self.set(now, self.value + 1);
    }

    /// One less.
    #[inline]
    pub fn down(&mut self, now: SimTime) {
        self.set(now, self.value - 1);
    }

    /// Value x nanoseconds since the last call, up to `now`.
    pub fn take_area(&mut self, now: SimTime) -> u128 {
        self.set(now, self.value);
        std::mem::take(&mut self.area)
    }

    /// Forgets the past; the peak starts again at the present value.
    pub fn restart(&mut self, now: SimTime) {
        self.take_area(now);
        self.peak = self.value;
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
    }
}
