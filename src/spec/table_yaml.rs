//! A DynamoDB table as users write it.

use super::distribution::Distribution;
use super::model::{Consistency, Table};
use super::read::{At, Reader, keywords, record};
use crate::units::Bytes;

/// Largest item (DynamoDB developer guide, quotas).
const LARGEST_ITEM: Bytes = Bytes(400 << 10);

record! {
    /// DynamoDB table on demand. Nobody waits for another: its latency is added to the caller's.
    pub(crate) struct RawTable: "the settings of a table such as `{ item_size: 2 KB }`" {
        /// Size of an item (default 1 KB).
        optional item_size: At<Bytes>,
        /// Reading an item as the caller sees it (default lognormal p50 4ms, p99 15ms: an estimate within AWS's "single-digit milliseconds").
        optional read_latency: Distribution,
        /// Writing an item as the caller sees it (default lognormal p50 6ms, p99 20ms: an estimate).
        optional write_latency: Distribution,
        /// How items are read: `eventual`, `strong` or `transactional` (default eventual).
        optional consistency: Consistency,
        /// Writes are transactional and take twice the units (default false).
        optional transactional_writes: bool,
        /// What the table stores, for the bill (default 0 B).
        optional storage: Bytes,
    }
    later ["provisioned", "capacity", "auto_scaling", "global", "backups", "streams", "cache"]
}

keywords!(Consistency, "how items are read (`eventual`, `strong` or `transactional`)", {
    "eventual" => Self::Eventual,
    "strong" => Self::Strong,
    "transactional" => Self::Transactional,
});

/// AWS promises single-digit milliseconds on average; no dated public percentiles as seen from a function were found, so the tails are
/// estimates.
pub(crate) fn default_latency(median_ms: f64, p99_ms: f64) -> Distribution {
    const Z99: f64 = 2.326_347_874_040_841;
    Distribution::LogNormal { mu: libm::log(median_ms / 1e3), sigma: libm::log(p99_ms / median_ms) / Z99 }
}

/// Checks the settings.
pub(crate) fn check(raw: &RawTable, reader: &mut Reader) -> Table {
    if let Some(item) = raw.item_size.as_ref().filter(|item| item.value > LARGEST_ITEM) {
        let help = "write at most 400 KB, or read and write several items";
        reader.error("out-of-range", "an item has at most 400 KB", item.span, "", help);
    }
    Table {
        item: raw.item_size.as_ref().map_or(Bytes(1 << 10), |item| item.value),
        read_latency: raw.read_latency.clone().unwrap_or_else(|| default_latency(4.0, 15.0)),
        write_latency: raw.write_latency.clone().unwrap_or_else(|| default_latency(6.0, 20.0)),
        reads: raw.consistency.unwrap_or(Consistency::Eventual),
        transactional_writes: raw.transactional_writes.unwrap_or(false),
        storage: raw.storage.unwrap_or(Bytes(0)),
    }
}
