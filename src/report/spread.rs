//! The lines of a month's bill by the hour or the day, exactly: what `focus.csv` holds.
//!
//! A line's quantity is spread over the billed month as the first replication's counter behind it was spread over the horizon; a horizon
//! shorter than the month repeats, a longer one folds. Parts are whole millionths of a unit and add up to the quantity, so parts times
//! the price add up to the amount.

use crate::money::wide::Wide;
use crate::money::{Quantity, UsdPer};
use crate::results::{ArchitectureResult, LineItem, Results};

const HOUR: u64 = 3_600;
/// A month longer than a year is nobody's.
const MOST_HOURS: f64 = 8_784.0;

/// How long a row of `focus.csv` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// 24 hours, counted from the start of the scenario.
    #[default]
    Day,
    /// An hour.
    Hour,
}

/// The part of a line in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Seconds since the start.
    pub(super) from: u64,
    /// End, exclusive.
    pub(super) to: u64,
    /// Never zero.
    pub(super) quantity: Quantity,
}

/// Length of the billed month in seconds.
pub(super) fn month_seconds(results: &Results) -> u64 {
    // `as` turns NaN into 0.
    ((results.billed_hours.clamp(0.0, MOST_HOURS) * HOUR as f64).round() as u64).max(1)
}

/// The quantity and the price of a line; `None` where a foreign file says no number.
pub(super) fn numbers(item: &LineItem) -> Option<(Quantity, UsdPer)> {
    Some((item.quantity.parse().ok()?, item.unit_price.parse().ok()?))
}

/// A line by period; periods without any of it are left out. The month's first hour is the simulated one `shift` hours after t = 0.
pub(super) fn parts(
    results: &Results,
    a: &ArchitectureResult,
    item: &LineItem,
    period: Period,
    shift: i64,
) -> Vec<Part> {
    let Some((quantity, _)) = numbers(item) else { return Vec::new() };
    let month = month_seconds(results);
    let weights = weights(a, item, month, shift, results.hours_each());
    let all: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    // Where the cumulative sum of the weights cuts the quantity.
    let cut = |sum: u128| {
        let product = Wide::new(quantity.millionths()).checked_mul(Wide::new(sum))?;
        product.div_rem(Wide::new(all))?.0.narrow()
    };
    let hours = match period {
        Period::Hour => 1,
        Period::Day => 24,
    };
    let mut found = Vec::new();
    let (mut sum, mut before) = (0u128, 0u128);
    for (index, weights) in weights.chunks(hours).enumerate() {
        sum += weights.iter().map(|weight| u128::from(*weight)).sum::<u128>();
        let Some(at) = cut(sum) else { return Vec::new() };
        let from = (index * hours) as u64 * HOUR;
        let to = (from + (hours as u64) * HOUR).min(month);
        match Quantity::from_millionths(at - before) {
            Some(quantity) if quantity > Quantity::ZERO => found.push(Part { from, to, quantity }),
            _ => {}
        }
        before = at;
    }
    found
}

/// How much of a line each hour of the month has; never all zero. The last hour may be cut short by the month's end.
fn weights(a: &ArchitectureResult, item: &LineItem, month: u64, shift: i64, hours_each: u64) -> Vec<u64> {
    let hours = usize::try_from(month.div_ceil(HOUR)).unwrap_or(1);
    let counted = a.usage.iter().find(|u| u.replication == 0 && u.component == item.component && u.sku == item.sku);
    // Longer periods, of horizons of many years, tell nothing of an hour.
    let hourly = counted.filter(|_| hours_each == 1).map(|usage| usage.hourly.as_slice()).unwrap_or_default();
    let mut weights = vec![0u64; hours];
    if hourly.len() > hours {
        for (index, count) in hourly.iter().enumerate() {
            weights[index % hours] = weights[index % hours].saturating_add(*count);
        }
    } else if !hourly.is_empty() {
        for (index, weight) in weights.iter_mut().enumerate() {
            // Both fit: a horizon has fewer hours than 2^32.
            let at = (index as i64 + shift).rem_euclid(hourly.len() as i64);
            *weight = hourly[at as usize];
        }
    }
    if weights.iter().all(|weight| *weight == 0) {
        weights.fill(HOUR);
        if let (Some(last), rest @ 1..) = (weights.last_mut(), month % HOUR) {
            *last = rest;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn results(hourly: &[u64], quantity: &str, hours: f64) -> Results {
        let mut results = fixture::results(1);
        results.billed_hours = hours;
        let a = &mut results.architectures[0];
        a.line_items.truncate(1);
        a.line_items[0].quantity = quantity.to_owned();
        a.usage.truncate(1);
        a.usage[0].component = a.line_items[0].component.clone();
        a.usage[0].sku = a.line_items[0].sku.clone();
        a.usage[0].hourly = hourly.to_vec();
        results
    }

    fn found(results: &Results, period: Period) -> Vec<(u64, u64, String)> {
        let a = &results.architectures[0];
        let hours = |part: &Part| (part.from / 3_600, part.to / 3_600, part.quantity.to_string());
        parts(results, a, &a.line_items[0], period, 0).iter().map(hours).collect()
    }

    #[test]
    fn a_short_horizon_repeats_and_nothing_is_lost() {
        // Weights 1, 0, 2 repeat over 5 hours: 1 0 2 1 0, so 10 is cut at 1/4, 1/4, 3/4, 4/4, 4/4 of it.
        let given = results(&[1, 0, 2], "10", 5.0);
        let want = [(0, 1, "2.5"), (2, 3, "5"), (3, 4, "2.5")].map(|(a, b, q)| (a, b, q.to_owned()));
        assert_eq!(found(&given, Period::Hour), want);
        // Three millionths over a weight of four: cut at 0.75, 0.75, 2.25, 3.
        let tiny = found(&results(&[1, 0, 2], "0.000003", 5.0), Period::Hour);
        assert_eq!(tiny, [(2, 3, "0.000002".to_owned()), (3, 4, "0.000001".to_owned())]);
    }

    #[test]
    fn a_long_horizon_folds_and_days_end_with_the_month() {
        // Hours 0..5 on a month of 2: 1+3+5 and 2+4.
        let given = results(&[1, 2, 3, 4, 5], "15", 2.0);
        assert_eq!(found(&given, Period::Hour), [(0, 1, "9".to_owned()), (1, 2, "6".to_owned())]);
        // 30 hours, evenly: 24 and 6.
        let even = results(&[], "30", 30.0);
        assert_eq!(found(&even, Period::Day), [(0, 24, "24".to_owned()), (24, 30, "6".to_owned())]);
    }

    #[test]
    fn a_month_that_starts_elsewhere_is_shifted() {
        // Weights 1, 0, 2 from one hour before t = 0: 2 1 0 2.
        let given = results(&[1, 0, 2], "5", 4.0);
        let a = &given.architectures[0];
        let found: Vec<u128> =
            parts(&given, a, &a.line_items[0], Period::Hour, -1).iter().map(|p| p.quantity.millionths()).collect();
        assert_eq!(found, [2_000_000, 1_000_000, 2_000_000]);
    }

    #[test]
    fn half_an_hour_weighs_half() {
        let even = results(&[], "3", 1.5);
        let a = &even.architectures[0];
        let parts = parts(&even, a, &a.line_items[0], Period::Hour, 0);
        assert_eq!((parts[1].from, parts[1].to, parts[1].quantity.to_string()), (3_600, 5_400, "1".to_owned()));
    }

    #[test]
    fn no_month_breaks_it() {
        for hours in [f64::NAN, -1.0, 0.0, 1e300] {
            let given = results(&[7], "3.000001", hours);
            let a = &given.architectures[0];
            let sum: u128 =
                parts(&given, a, &a.line_items[0], Period::Hour, 0).iter().map(|part| part.quantity.millionths()).sum();
            assert_eq!(sum, 3_000_001, "{hours}");
        }
    }
}
