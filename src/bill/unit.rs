//! Units of prices, and how raw counts become them, exactly.

use crate::money::wide::Wide;
use crate::money::{Quantity, grouped};
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration};
use crate::usage::RawUnit;
use std::fmt;

/// The unit of a price as a price list names it: `GB-s`, `instance-hour`, `GB-month`, `request` …
///
/// The last part of the name says what it measures; a name that ends in none of the known parts counts things.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceUnit {
    name: String,
    kind: UnitKind,
}

/// What a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKind {
    /// Things: requests, messages, operations.
    Count,
    /// Hours of something.
    Hour,
    /// Seconds of something.
    Second,
    /// Something held for the billed month.
    Month,
    /// GB (1,024 MB) of memory x seconds.
    GbSecond,
    /// GB (1,024 MB) of memory x hours.
    GbHour,
    /// GB (1,024^3 bytes).
    Gb,
    /// GB (1,024^3 bytes) stored for the billed month.
    GbMonth,
    /// Capacity units of a load balancer x hours.
    LcuHour,
}

impl PriceUnit {
    /// The unit of this name. Every name means something, so this cannot fail.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let kind = match name.rsplit_once('-').unwrap_or(("", &name)) {
            ("", "GB") => UnitKind::Gb,
            ("", "hour") => UnitKind::Hour,
            ("", "month") => UnitKind::Month,
            ("GB", "s") => UnitKind::GbSecond,
            ("GB", "hour") => UnitKind::GbHour,
            ("GB", "month") => UnitKind::GbMonth,
            ("LCU" | "NLCU", "hour") => UnitKind::LcuHour,
            (_, "hour") => UnitKind::Hour,
            (_, "s") => UnitKind::Second,
            (_, "month") => UnitKind::Month,
            _ => UnitKind::Count,
        };
        Self { name, kind }
    }

    /// As the price list names it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it measures.
    pub const fn kind(&self) -> UnitKind {
        self.kind
    }

    /// How many raw counts make one unit, with the reason in words; `None` where the raw unit measures something else.
    ///
    /// `month` is the billed month: a GB-month is a GB held for all of it.
    pub fn conversion(&self, raw: RawUnit, month: SimDuration) -> Option<Conversion> {
        const MS_PER_HOUR: u128 = 3_600_000;
        // A month of whole hours is the rule; the nanoseconds keep any other exact.
        let per_month = |multiple: u128, step: &str| Conversion {
            raw_per_unit: Wide::new(u128::from(month.0)),
            multiple,
            explained: format!("{} {step} in the month of {month}", grouped(&decimal(month.0.into(), multiple))),
        };
        let exact = |raw_per_unit: u128, explained: &str| Conversion {
            raw_per_unit: Wide::new(raw_per_unit),
            multiple: 1,
            explained: explained.to_owned(),
        };
        Some(match (raw, self.kind) {
            (RawUnit::Count, UnitKind::Count) => exact(1, ""),
            (RawUnit::Hours, UnitKind::Hour) => exact(1, ""),
            (RawUnit::Ms, UnitKind::Hour) => exact(MS_PER_HOUR, "3,600,000 ms in an hour"),
            (RawUnit::Ms, UnitKind::Second) => exact(1_000, "1,000 ms in a second"),
            (RawUnit::Ms, UnitKind::Month) => per_month(NANOS_PER_MILLI.into(), "ms"),
            (RawUnit::Hours, UnitKind::Month) => per_month(u128::from(NANOS_PER_SEC) * 3_600, "hours"),
            (RawUnit::MbMs, UnitKind::GbSecond) => {
                exact(1_024 * 1_000, "1,024,000 MB-ms in a GB-s (1,024 MB x 1,000 ms)")
            }
            (RawUnit::MbMs, UnitKind::GbHour) => {
                exact(1_024 * MS_PER_HOUR, "3,686,400,000 MB-ms in a GB-hour (1,024 MB x 3,600,000 ms)")
            }
            (RawUnit::Bytes, UnitKind::Gb) => exact(1 << 30, "1,073,741,824 bytes in a GB"),
            (RawUnit::GibMs, UnitKind::GbMonth) => per_month(NANOS_PER_MILLI.into(), "GB-ms"),
            (RawUnit::MicroLcuHours, UnitKind::LcuHour) => exact(1_000_000, "1,000,000 micro-LCU-hours in an LCU-hour"),
            _ => return None,
        })
    }
}

impl fmt::Display for PriceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// One unit of a price = `raw_per_unit` / `multiple` raw counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// See above; not zero.
    pub raw_per_unit: Wide,
    /// See above; not zero.
    pub multiple: u128,
    /// The reason in words for the formula of a line; empty where counts are units.
    pub explained: String,
}

/// A fraction as a decimal of at most six digits.
fn decimal(numerator: u128, denominator: u128) -> String {
    Quantity::from_ratio(Wide::new(numerator), Wide::new(denominator)).unwrap_or_default().to_string()
}

/// The raw unit's name as formulas show it after a number.
pub const fn raw_name(raw: RawUnit) -> &'static str {
    match raw {
        RawUnit::Count => "counted",
        RawUnit::MbMs => "MB-ms",
        RawUnit::Ms => "ms",
        RawUnit::Bytes => "bytes",
        RawUnit::GibMs => "GB-ms",
        RawUnit::MicroLcuHours => "micro-LCU-hours",
        RawUnit::Hours => "started hours",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: SimDuration = SimDuration::from_hours(730);

    /// Raw counts in one unit, as a fraction.
    fn raw_in_one(unit: &str, raw: RawUnit) -> Option<(u128, u128)> {
        let c = PriceUnit::new(unit).conversion(raw, MONTH)?;
        Some((c.raw_per_unit.narrow()?, c.multiple))
    }

    #[test]
    fn names_say_what_they_measure() {
        let kind = |name: &str| PriceUnit::new(name).kind();
        assert_eq!(kind("instance-hour"), UnitKind::Hour);
        assert_eq!(kind("LCU-hour"), UnitKind::LcuHour);
        assert_eq!(kind("NLCU-hour"), UnitKind::LcuHour);
        assert_eq!(kind("consumer-shard-hour"), UnitKind::Hour);
        assert_eq!(kind("vCPU-s"), UnitKind::Second);
        assert_eq!(kind("GB-s"), UnitKind::GbSecond);
        assert_eq!(kind("metric-month"), UnitKind::Month);
        assert_eq!(kind("month"), UnitKind::Month);
        assert_eq!(kind("GB"), UnitKind::Gb);
        assert_eq!(kind("request"), UnitKind::Count);
        assert_eq!(kind("connection-minute"), UnitKind::Count);
    }

    #[test]
    fn conversions_are_those_of_the_price_pages() {
        assert_eq!(raw_in_one("GB-s", RawUnit::MbMs), Some((1_024_000, 1)));
        assert_eq!(raw_in_one("instance-hour", RawUnit::Ms), Some((3_600_000, 1)));
        assert_eq!(raw_in_one("GB", RawUnit::Bytes), Some((1_073_741_824, 1)));
        // One GB for all of the month: 730 h in ms.
        let (per, multiple) = raw_in_one("GB-month", RawUnit::GibMs).expect("converts");
        assert_eq!((per % multiple, per / multiple), (0, 730 * 3_600_000));
        let (per, multiple) = raw_in_one("metric-month", RawUnit::Hours).expect("converts");
        assert_eq!((per % multiple, per / multiple), (0, 730));
    }

    #[test]
    fn what_measures_something_else_does_not_convert() {
        assert_eq!(raw_in_one("GB", RawUnit::Count), None);
        assert_eq!(raw_in_one("request", RawUnit::Ms), None);
        assert_eq!(raw_in_one("GB-month", RawUnit::Bytes), None);
    }
}
