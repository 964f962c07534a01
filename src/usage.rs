//! What an architecture used: exact integer counters by component, meter and hour. `arch` writes them, `bill` prices them.
//!
//! A counter knows its raw unit and no price. [`Meter`] names what was counted with the key of the price list
//! (`lambda.request.x86`), so that a new service needs no new type here.

use crate::units::SimDuration;
use serde::Serialize;

/// One hour in ns.
const HOUR: u64 = SimDuration::from_hours(1).0;

/// Most periods that a counter is kept by: the hours of six years. Memory does not grow with longer horizons.
pub const MOST_PERIODS: u64 = 6 * 366 * 24;

/// Hours of a period that counters are kept by: one, or as many as make at most [`MOST_PERIODS`] of the horizon, doubled until they do.
pub const fn hours_each(horizon: SimDuration) -> u64 {
    let hours = horizon.0.div_ceil(HOUR);
    let mut each = 1;
    while hours.div_ceil(each) > MOST_PERIODS {
        each *= 2;
    }
    each
}

/// Hours of each of so many periods that a whole horizon was counted by; `None` if so many are not the whole.
pub fn hours_of(periods: usize, horizon: SimDuration) -> Option<u64> {
    let hours = horizon.0.div_ceil(HOUR);
    let found = |each: &u64| hours.div_ceil(*each) == periods as u64;
    // Either way of counting: by the hour where commitments are paid so, or in the periods of the horizon.
    [1, hours_each(horizon)].into_iter().find(found).filter(|_| periods > 0)
}

/// What a raw count counts. A price list states its price in another unit; `bill` converts exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RawUnit {
    /// Things: requests, records.
    Count,
    /// Memory x time: MB (1,024 KB) x milliseconds.
    MbMs,
    /// Time in milliseconds (instances, addresses, gateways in use).
    Ms,
    /// Bytes.
    Bytes,
    /// GiB of volume x milliseconds.
    GibMs,
    /// Millionths of a load balancer capacity unit x hour (the largest of the four dimensions in each hour).
    MicroLcuHours,
    /// Whole hours, a started one counted in full.
    Hours,
}

impl RawUnit {
    /// All.
    pub const ALL: [Self; 7] =
        [Self::Count, Self::MbMs, Self::Ms, Self::Bytes, Self::GibMs, Self::MicroLcuHours, Self::Hours];

    /// The unit of this [`Self::key`].
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.key() == key)
    }

    /// The name under which results and usage files know it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::MbMs => "mb_ms",
            Self::Ms => "ms",
            Self::Bytes => "bytes",
            Self::GibMs => "gib_ms",
            Self::MicroLcuHours => "micro_lcu_hours",
            Self::Hours => "hours",
        }
    }
}

/// The component of what belongs to none, such as a tier that several functions share.
pub const ACCOUNT: &str = "account";

/// One counter of one component in one replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// Component that used it, or `account` for what belongs to none.
    pub component: String,
    /// Key of the price list, e.g. `lambda.duration.arm`, `ec2.od.linux.m7g.large`.
    pub sku: String,
    /// What is counted.
    pub unit: RawUnit,
    /// Over the measured horizon.
    pub total: u128,
    /// The same by period of the horizon (the last may be partial); sums to `total`. A period is an hour, or longer in horizons of many
    /// years: see [`hours_each`].
    pub hourly: Vec<u64>,
}

/// All counters of one replication, ordered by component (in the model's order), then SKU.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// The counters.
    pub meters: Vec<Meter>,
}

impl Usage {
    /// This, less what `with` has more than `without` (more where it has less), never below zero. All three count the same meters in the same
    /// order. By hour it is not asked for: the result has totals alone.
    #[must_use]
    pub fn less(&self, with: &Self, without: &Self) -> Self {
        let mut result = self.clone();
        for ((meter, with), without) in result.meters.iter_mut().zip(&with.meters).zip(&without.meters) {
            meter.total = meter.total.saturating_add(without.total).saturating_sub(with.total);
            meter.hourly.clear();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven days and six years are kept by the hour; fifty years are 438,300 hours, and a 16th of them is the first that is few enough.
    #[test]
    fn periods_are_few_in_any_horizon() {
        let hours = SimDuration::from_hours;
        assert_eq!(hours_each(hours(168)), 1);
        assert_eq!(hours_each(hours(6 * 366 * 24)), 1);
        assert_eq!(hours_each(hours(6 * 366 * 24 + 1)), 2);
        assert_eq!(hours_each(hours(438_300)), 16);
        assert_eq!(hours_of(27_394, hours(438_300)), Some(16));
        // By the hour, where commitments are paid so; a part is no whole.
        assert_eq!(hours_of(438_300, hours(438_300)), Some(1));
        assert_eq!(
            (hours_of(168, hours(168)), hours_of(100, hours(168)), hours_of(0, hours(168))),
            (Some(1), None, None)
        );
    }
}
