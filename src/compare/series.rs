//! What happened over time: the first replication's buckets, with the bill spread over them.

use crate::arch::output::{Outcome, RunOutput, SeriesOutput};
use crate::money::Usd;
use crate::results::{LineItem, NamedSeries, Series};
use crate::spec::model::Architecture;
use crate::units::SimDuration;
use crate::usage::Usage;

/// The series of one replication. `lines` is the month's bill, spread over the horizon as the usage behind it was.
pub fn series(architecture: &Architecture, run: &RunOutput, lines: &[LineItem], horizon: SimDuration) -> Series {
    let SeriesOutput { bucket, arrived, ended, cold_starts, latency, capacity, busy } = &run.series;
    let ended_as = |outcome: Outcome| ended.iter().map(|by| by[outcome as usize]).collect();
    let percentile =
        |which: usize| latency.iter().map(|found| found.map(|found| found[which].as_millis_f64())).collect();
    let named = |levels: &[(usize, Vec<f64>)]| {
        let one = |(index, values): &(usize, Vec<f64>)| {
            let component = architecture.components.get(*index)?;
            Some(NamedSeries { name: component.name.clone(), values: values.clone() })
        };
        levels.iter().filter_map(one).collect()
    };
    Series {
        bucket_seconds: bucket.as_secs_f64(),
        arrived: arrived.clone(),
        served: ended_as(Outcome::Served),
        throttled: ended_as(Outcome::Throttled),
        rejected: ended_as(Outcome::Rejected),
        timed_out: ended_as(Outcome::TimedOut),
        failed: ended_as(Outcome::Failed),
        cold_starts: cold_starts.clone(),
        p50_ms: percentile(0),
        p95_ms: percentile(1),
        p99_ms: percentile(2),
        capacity: named(capacity),
        busy: named(busy),
        cumulative_cost: cumulative_cost(lines, &run.usage, *bucket, arrived.len(), horizon),
    }
}

/// The month's cost accrued by the end of each of `buckets` buckets: each line is spread over the hours as its meter
/// counted, evenly within an hour, and evenly over all where no meter counted it by the hour.
fn cumulative_cost(
    lines: &[LineItem],
    usage: &Usage,
    bucket: SimDuration,
    buckets: usize,
    horizon: SimDuration,
) -> Vec<f64> {
    let hour = SimDuration::from_hours(1).0;
    let hours = horizon.0.div_ceil(hour) as usize;
    let mut hourly = vec![0.0; hours];
    for line in lines {
        let Ok(amount) = line.amount.parse::<Usd>() else {
            continue;
        };
        let mut weights = vec![0u128; hours];
        // A line of the account covers the SKU in all components; one of a component only its own.
        let own = |component: &str| line.component == component || line.component == crate::usage::ACCOUNT;
        for meter in usage.meters.iter().filter(|meter| meter.sku == line.sku && own(&meter.component)) {
            weights.iter_mut().zip(&meter.hourly).for_each(|(weight, count)| *weight += u128::from(*count));
        }
        let all: u128 = weights.iter().sum();
        for (cost, weight) in hourly.iter_mut().zip(weights) {
            let share = if all == 0 { 1.0 / hours as f64 } else { weight as f64 / all as f64 };
            *cost += amount.to_f64() * share;
        }
    }
    let before: Vec<f64> = std::iter::once(0.0)
        .chain(hourly.iter().scan(0.0, |sum, cost| {
            *sum += cost;
            Some(*sum)
        }))
        .collect();
    let at = |time: u64| {
        let index = ((time / hour) as usize).min(hours);
        // The last hour may be cut short by the horizon.
        let length = horizon.0.saturating_sub(index as u64 * hour).min(hour);
        let within = if length == 0 { 0.0 } else { (time - index as u64 * hour) as f64 / length as f64 };
        before[index] + hourly.get(index).map_or(0.0, |cost| cost * within)
    };
    (1..=buckets as u64).map(|index| at(bucket.0.saturating_mul(index).min(horizon.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{Meter, RawUnit};

    fn line(component: &str, sku: &str, amount: &str) -> LineItem {
        LineItem { component: component.into(), sku: sku.into(), amount: amount.into(), ..LineItem::default() }
    }

    fn meter(component: &str, sku: &str, hourly: Vec<u64>) -> Meter {
        let total = hourly.iter().map(|&count| u128::from(count)).sum();
        Meter { component: component.into(), sku: sku.into(), unit: RawUnit::Count, total, hourly }
    }

    #[test]
    fn cost_accrues_as_the_usage_did_and_ends_at_the_total() {
        let usage = Usage {
            meters: vec![
                meter("a", "calls", vec![1, 0, 3]),
                meter("b", "calls", vec![0, 4, 0]),
                meter("c", "x", vec![]),
            ],
        };
        let horizon = SimDuration::from_mins(150);
        let half_hour = SimDuration::from_mins(30);
        let accrued = |lines: &[LineItem]| cumulative_cost(lines, &usage, half_hour, 5, horizon);
        // Of a's $8, a quarter in the first hour, the rest in the last, which is half an hour long.
        assert_eq!(accrued(&[line("a", "calls", "8")]), [1.0, 2.0, 2.0, 2.0, 8.0]);
        // The account's line follows both: 1, 4, 3 of 8.
        assert_eq!(accrued(&[line("account", "calls", "8")]), [0.5, 1.0, 3.0, 5.0, 8.0]);
        // Nothing counted: even over the three hours.
        assert_eq!(accrued(&[line("c", "x", "6")]), [1.0, 2.0, 3.0, 4.0, 6.0]);
        assert_eq!(accrued(&[]), [0.0; 5]);
        // Buckets may reach beyond the horizon.
        assert_eq!(
            cumulative_cost(&[line("a", "calls", "8")], &usage, SimDuration::from_hours(2), 2, horizon),
            [2.0, 8.0]
        );
    }
}
