//! What an architecture used: exact integer counters by component, meter and hour. `arch` writes them, `bill` prices them.
//!
//! A counter knows its raw unit and no price. [`Meter`] names what was counted with the key of the price list
//! (`lambda.request.x86`), so that a new service needs no new type here.

use serde::Serialize;

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
    /// The same by hour of the horizon (the last may be partial); sums to `total`.
    pub hourly: Vec<u64>,
}

/// All counters of one replication, ordered by component (in the model's order), then SKU.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// The counters.
    pub meters: Vec<Meter>,
}
