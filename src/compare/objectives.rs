//! Whether the objectives hold, over the horizon and window by window.
//!
//! A latency objective counts a request that was not served as over its limit: refusing everyone is no way to be fast. A
//! request still in flight at the end counts for neither side.

use super::figures::Counts;
use crate::arch::output::{Outcome, RunOutput, WindowOutput};
use crate::results::ObjectiveResult;
use crate::spec::scenario::{LatencyObjective, Scenario};
use crate::stats::histogram::Histogram;
use crate::stats::intervals::{figure, merge};
use crate::units::SimDuration;

/// Judges all objectives of the scenario, latency first, in the order of the file. `latency` is the histogram of all served
/// requests of all replications.
pub fn judge(scenario: &Scenario, runs: &[RunOutput], latency: &Histogram) -> Vec<ObjectiveResult> {
    let all = runs.iter().map(Counts::of_all).fold(Counts::default(), Counts::plus);
    let objectives = &scenario.objectives;
    let mut judged: Vec<ObjectiveResult> = objectives
        .latency
        .iter()
        .enumerate()
        .map(|(index, objective)| {
            let windows: Vec<&WindowOutput> = runs.iter().filter_map(|run| run.windows.get(index)).collect();
            judge_latency(objective, &all, latency, &windows)
        })
        .collect();
    judged.extend(objectives.failures.map(|limit| judge_failures(limit, &all, scenario.horizon, runs)));
    judged
}

/// [`judge`], and whether each objective holds in each replication alone.
pub fn judge_each(scenario: &Scenario, runs: &[RunOutput], latency: &[Histogram]) -> Vec<ObjectiveResult> {
    let mut judged = judge(scenario, runs, &merge(latency));
    judged.iter_mut().for_each(|all| all.margin_each.clear());
    for (run, latency) in runs.iter().zip(latency) {
        for (all, alone) in judged.iter_mut().zip(judge(scenario, std::slice::from_ref(run), latency)) {
            all.met_each.push(alone.met);
            all.margin_each.extend(alone.margin_each);
        }
    }
    judged
}

fn judge_latency(
    objective: &LatencyObjective,
    all: &Counts,
    latency: &Histogram,
    windows: &[&WindowOutput],
) -> ObjectiveResult {
    let not_served = all.all_ended().saturating_sub(all.ended_as(Outcome::Served));
    let value = quantile_with_unserved(latency, not_served, objective.quantile);
    let limit = objective.limit.as_millis_f64();
    let found = (!windows.is_empty()).then(|| Windows::of(windows));
    let met = match (objective.window, &found) {
        (Some(_), Some(found)) => found.share_met() >= objective.met - 1e-12,
        // Nothing ended: nothing was late.
        _ if all.all_ended() == 0 => true,
        _ => value.is_some_and(|value| value <= objective.limit),
    };
    let margin = match (objective.window, &found) {
        (Some(_), Some(found)) => Some(found.share_met() - objective.met),
        _ if all.all_ended() == 0 => Some(1.0),
        _ => value.map(|value| 1.0 - value.as_millis_f64() / limit),
    };
    ObjectiveResult {
        name: objective.name.clone(),
        text: text_of(objective),
        limit,
        value: value.map(SimDuration::as_millis_f64),
        met,
        met_each: Vec::new(),
        margin_each: vec![margin],
        windows_met: found.as_ref().filter(|_| objective.window.is_some()).map(Windows::share_met),
        worst_window: found.as_ref().and_then(|found| found.worst),
        minutes_missed: found.map(|found| figure(found.minutes_missed, 0.0)),
    }
}

/// `p99 <= 500 ms in 99.9 % of 5m windows`.
fn text_of(objective: &LatencyObjective) -> String {
    let LatencyObjective { name, limit, window, met, .. } = objective;
    let limit = format!("{name} <= {} ms", limit.as_millis_f64());
    match window {
        Some(window) => format!("{limit} in {} % of {window} windows", percent(*met)),
        None => limit,
    }
}

/// A share as a percentage without the noise of binary fractions: 0.999 -> 99.9.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

fn judge_failures(limit: f64, all: &Counts, horizon: SimDuration, runs: &[RunOutput]) -> ObjectiveResult {
    let ended = all.all_ended();
    let served = all.ended_as(Outcome::Served);
    let value = if ended == 0 { 0.0 } else { (ended - served) as f64 / ended as f64 };
    let (worst, minutes_missed) = failing_buckets(limit, horizon, runs);
    ObjectiveResult {
        name: "failures".to_owned(),
        text: format!("failures <= {} %", percent(limit)),
        limit,
        value: Some(value),
        met: value <= limit,
        met_each: Vec::new(),
        margin_each: vec![Some(limit - value)],
        windows_met: None,
        worst_window: worst,
        minutes_missed: (!minutes_missed.is_empty()).then(|| figure(minutes_missed, 0.0)),
    }
}

/// Start (in seconds) of the bucket of the series with the greatest share of failures beyond the limit, and by replication the
/// minutes of the buckets beyond it.
fn failing_buckets(limit: f64, horizon: SimDuration, runs: &[RunOutput]) -> (Option<f64>, Vec<f64>) {
    let (mut worst, mut worst_share) = (None, limit);
    let mut minutes = Vec::with_capacity(runs.len());
    for run in runs {
        let length = run.series.bucket;
        let mut missed = SimDuration::ZERO;
        for (index, by_outcome) in run.series.ended.iter().enumerate() {
            let ended: u64 = by_outcome.iter().sum();
            let failed = ended - by_outcome[Outcome::Served as usize];
            let share = failed as f64 / ended.max(1) as f64;
            if share <= limit {
                continue;
            }
            let start = SimDuration(length.0.saturating_mul(index as u64));
            missed = missed + (horizon - start).min(length);
            if share > worst_share {
                (worst, worst_share) = (Some(start.as_secs_f64()), share);
            }
        }
        minutes.push(missed.as_secs_f64() / 60.0);
    }
    (worst, minutes)
}

/// The quantile of the latency of all requests that ended, those not served counting as infinitely late. `None` = infinite.
fn quantile_with_unserved(latency: &Histogram, not_served: u64, quantile: f64) -> Option<SimDuration> {
    let served = latency.count();
    let total = served + not_served;
    let rank = ((quantile * total as f64).ceil() as u64).clamp(1, total.max(1));
    if rank > served {
        return None;
    }
    // Half a rank below, so that rounding cannot reach the next one.
    latency.quantile((rank as f64 - 0.5) / served as f64)
}

/// The windows of one objective in all replications.
struct Windows {
    /// Windows with requests.
    judged: u64,
    /// Those that held.
    held: u64,
    /// Start of the window with the greatest share of late requests, seconds; `None` when all held.
    worst: Option<f64>,
    /// By replication.
    minutes_missed: Vec<f64>,
}

impl Windows {
    fn of(replications: &[&WindowOutput]) -> Self {
        // The first of the worst.
        let worst = replications.iter().filter_map(|one| one.worst).reduce(|a, b| if b.1 > a.1 { b } else { a });
        Self {
            judged: replications.iter().map(|one| one.judged).sum(),
            held: replications.iter().map(|one| one.held).sum(),
            worst: worst.map(|(start, _)| start.as_secs_f64()),
            minutes_missed: replications.iter().map(|one| one.missed.as_secs_f64() / 60.0).collect(),
        }
    }

    fn share_met(&self) -> f64 {
        if self.judged == 0 { 1.0 } else { self.held as f64 / self.judged as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(quantile: f64, window: Option<u64>, met: f64) -> LatencyObjective {
        LatencyObjective {
            name: "p99".into(),
            quantile,
            limit: SimDuration::from_millis(500),
            window: window.map(SimDuration::from_mins),
            met,
        }
    }

    /// 100 requests of 1..=100 ms.
    fn hundred() -> Histogram {
        let mut h = Histogram::new();
        (1..=100).for_each(|ms| h.record(SimDuration::from_millis(ms)));
        h
    }

    fn counts(served: u64, throttled: u64) -> Counts {
        Counts { arrived: served + throttled, ended: [served, throttled, 0, 0, 0], ..Counts::default() }
    }

    #[test]
    fn requests_not_served_count_as_late() {
        let h = hundred();
        let p = |not_served, q| quantile_with_unserved(&h, not_served, q).map(|d| d.as_millis_f64());
        assert!((p(0, 0.9).expect("served") - 90.0).abs() < 0.4);
        // 100 served and 100 refused: the median is the slowest served request, one more is infinite.
        assert_eq!(p(100, 0.5), Some(100.0));
        assert_eq!(p(100, 0.51), None);
        // 100 served and 1 refused: p99 is rank ceil(0.99 x 101) = 100, the slowest served; with 2 it is rank 101.
        assert_eq!(p(1, 0.99), Some(100.0));
        assert_eq!(p(2, 0.99), None);
        assert_eq!(quantile_with_unserved(&Histogram::new(), 0, 0.99), None);
    }

    #[test]
    fn a_limit_over_the_whole_horizon() {
        let judged = judge_latency(&objective(0.99, None, 1.0), &counts(100, 0), &hundred(), &[]);
        assert!(judged.met && judged.windows_met.is_none() && judged.minutes_missed.is_none());
        assert_eq!(judged.text, "p99 <= 500 ms");
        let judged = judge_latency(&objective(0.99, None, 1.0), &counts(100, 10), &hundred(), &[]);
        assert!(!judged.met, "10 of 110 were refused");
        assert_eq!(judged.value, None);
        let judged = judge_latency(&objective(0.99, None, 1.0), &counts(0, 0), &Histogram::new(), &[]);
        assert!(judged.met, "nobody came, nobody waited");
    }

    #[test]
    fn windows_hold_or_do_not() {
        // Three windows with requests, of which one held; 8 minutes did not, in each of two replications.
        let worst = |share| Some((SimDuration::from_mins(15), share));
        let missed = SimDuration::from_mins(8);
        let output = WindowOutput { judged: 3, held: 1, missed, worst: worst(0.1) };
        let worse = WindowOutput { worst: Some((SimDuration::from_mins(5), 0.2)), ..output };
        let judge = |met| {
            judge_latency(&objective(0.99, Some(5), met), &counts(100, 0), &hundred(), &[&output, &output, &worse])
        };
        let judged = judge(0.3);
        assert!(judged.met);
        assert_eq!(judged.windows_met, Some(1.0 / 3.0));
        assert_eq!(judged.worst_window, Some(300.0));
        let missed = judged.minutes_missed.expect("windows");
        assert_eq!((missed.value, missed.each), (8.0, vec![8.0; 3]));
        assert!(!judge(0.34).met);
        assert_eq!(judge(0.999).text, "p99 <= 500 ms in 99.9 % of 5m windows");
    }

    #[test]
    fn failures_leave_out_what_is_in_flight() {
        let all = Counts { arrived: 1_100, ended: [990, 5, 3, 1, 1], ..Counts::default() };
        let judged = judge_failures(0.01, &all, SimDuration::ZERO, &[]);
        assert_eq!((judged.value, judged.met), (Some(0.01), true));
        assert!(!judge_failures(0.0099, &all, SimDuration::ZERO, &[]).met);
        assert_eq!(judge_failures(0.001, &all, SimDuration::ZERO, &[]).text, "failures <= 0.1 %");
    }
}
