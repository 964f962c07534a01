//! What happened over time: the first replication's buckets, with the bill spread over them.

use crate::arch::output::{Outcome, RunOutput, SeriesOutput};
use crate::bill::Bill;
use crate::results::{NamedSeries, Series};
use crate::spec::model::Architecture;
use crate::units::SimDuration;
use crate::usage;

/// The series of one replication. The month's bill is spread over the horizon as the usage behind it was; without one, nothing
/// accrues.
pub fn series(architecture: &Architecture, run: &RunOutput, bill: Option<&Bill>, horizon: SimDuration) -> Series {
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
        cumulative_cost: bill
            .map(|bill| cumulative(&bill.hourly_cost(&run.usage), *bucket, arrived.len(), horizon))
            .unwrap_or_default(),
    }
}

/// The month's cost accrued by the end of each of `buckets` buckets, from what each hour, or longer period, of the horizon costs.
pub(super) fn cumulative(hourly: &[f64], bucket: SimDuration, buckets: usize, horizon: SimDuration) -> Vec<f64> {
    // An hour, or the longer periods of many years.
    let hour = SimDuration::from_hours(usage::hours_of(hourly.len(), horizon).unwrap_or(1)).0;
    let mut before = vec![0.0];
    for cost in hourly {
        before.push(before[before.len() - 1] + cost);
    }
    let at = |time: u64| {
        let index = ((time / hour) as usize).min(hourly.len());
        let within = time.saturating_sub(index as u64 * hour);
        // The last hour may be cut short by the horizon.
        let length = horizon.0.saturating_sub(index as u64 * hour).min(hour);
        before[index] + hourly.get(index).map_or(0.0, |cost| cost * within as f64 / length.max(1) as f64)
    };
    (1..=buckets as u64).map(|index| at(bucket.0.saturating_mul(index).min(horizon.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_accrues_evenly_within_an_hour_and_ends_at_the_total() {
        let (horizon, half_hour) = (SimDuration::from_mins(150), SimDuration::from_mins(30));
        // $2 in the first hour, nothing in the second, $6 in the last, which is half an hour long.
        let hourly = [2.0, 0.0, 6.0];
        assert_eq!(cumulative(&hourly, half_hour, 5, horizon), [1.0, 2.0, 2.0, 2.0, 8.0]);
        // Buckets may reach beyond the horizon, and be longer than an hour.
        assert_eq!(cumulative(&hourly, SimDuration::from_hours(2), 2, horizon), [2.0, 8.0]);
        assert_eq!(cumulative(&[], half_hour, 2, horizon), [0.0, 0.0]);
        // Fifty years are counted by 16 hours: 27,394 periods, of which the last has 12.
        let fifty = SimDuration::from_hours(438_300);
        let mut periods = vec![0.0; 27_394];
        (periods[0], periods[27_393]) = (4.0, 2.0);
        assert_eq!(cumulative(&periods, SimDuration::from_hours(8), 2, fifty), [2.0, 4.0]);
        assert_eq!(cumulative(&periods, SimDuration::from_hours(219_150), 2, fifty), [4.0, 6.0]);
    }
}
