//! Usage by hour: each component keeps open counters and closes them into its ledger when an hour ends.

use crate::usage::{Meter, RawUnit, Usage};

/// The sum of count x each over the classes. Saturating: absurd sizes must not stop a run.
pub fn weighted(counts: &[u64], each: &[u64]) -> u64 {
    counts.iter().zip(each).fold(0, |sum, (count, each)| sum.saturating_add(count.saturating_mul(*each)))
}

/// The meters of one architecture, in a fixed order.
#[derive(Debug, Default)]
pub struct Ledger {
    meters: Vec<Meter>,
}

/// Position of a meter in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct MeterId(usize);

impl Ledger {
    /// Opens a meter for a component.
    pub fn open(&mut self, component: &str, sku: impl Into<String>, unit: RawUnit) -> MeterId {
        self.meters.push(Meter {
            component: component.to_owned(),
            sku: sku.into(),
            unit,
            total: 0,
            hourly: Vec::new(),
        });
        MeterId(self.meters.len() - 1)
    }

    /// Books one hour (or the part of one that ends the horizon).
    pub fn book(&mut self, meter: MeterId, amount: u64) {
        let meter = &mut self.meters[meter.0];
        meter.total += u128::from(amount);
        meter.hourly.push(amount);
    }

    /// The finished usage.
    pub fn finish(self) -> Usage {
        Usage { meters: self.meters }
    }
}
