//! Usage by hour: each component keeps open counters and closes them into its ledger when an hour ends. In horizons of many years the
//! ledger keeps longer periods, so that memory does not grow.

use crate::usage::{Meter, RawUnit, Usage};

/// The sum of count x each over the classes. Saturating: absurd sizes must not stop a run.
pub fn weighted(counts: &[u64], each: &[u64]) -> u64 {
    counts.iter().zip(each).fold(0, |sum, (count, each)| sum.saturating_add(count.saturating_mul(*each)))
}

/// The meters of one architecture, in a fixed order.
#[derive(Debug)]
pub struct Ledger {
    meters: Vec<Meter>,
    /// Hours booked by each meter.
    hours: Vec<u64>,
    /// Hours of a period.
    hours_each: u64,
}

/// Position of a meter in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct MeterId(usize);

impl Ledger {
    /// An empty one that keeps periods of so many hours (> 0).
    pub const fn new(hours_each: u64) -> Self {
        Self { meters: Vec::new(), hours: Vec::new(), hours_each }
    }

    /// Opens a meter for a component.
    pub fn open(&mut self, component: &str, sku: impl Into<String>, unit: RawUnit) -> MeterId {
        self.meters.push(Meter {
            component: component.to_owned(),
            sku: sku.into(),
            unit,
            total: 0,
            hourly: Vec::new(),
        });
        self.hours.push(0);
        MeterId(self.meters.len() - 1)
    }

    /// Books one hour (or the part of one that ends the horizon).
    pub fn book(&mut self, meter: MeterId, amount: u64) {
        let (meter, hours) = (&mut self.meters[meter.0], &mut self.hours[meter.0]);
        meter.total += u128::from(amount);
        match meter.hourly.last_mut() {
            Some(period) if *hours % self.hours_each > 0 => *period = period.saturating_add(amount),
            _ => meter.hourly.push(amount),
        }
        *hours += 1;
    }

    /// The finished usage.
    pub fn finish(mut self) -> Usage {
        self.meters.iter_mut().for_each(|meter| meter.hourly.shrink_to_fit());
        Usage { meters: self.meters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_add_up_to_periods_and_to_the_total() {
        let mut ledger = Ledger::new(2);
        let (a, b) = (ledger.open("a", "x", RawUnit::Count), ledger.open("b", "y", RawUnit::Count));
        for hour in 1..=5 {
            ledger.book(a, hour);
            ledger.book(b, 0);
        }
        let usage = ledger.finish();
        assert_eq!((usage.meters[0].total, &usage.meters[0].hourly[..]), (15, &[3, 7, 5][..]));
        assert_eq!((usage.meters[1].total, &usage.meters[1].hourly[..]), (0, &[0, 0, 0][..]));
    }
}
