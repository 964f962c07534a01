//! What became of the clients' requests: counts, latency, series and objective windows. Touched once when a request arrives
//! and once when it ends.
//!
//! While a bucket of the series is open its counts and latencies go to one set of counters and one histogram a class; they are
//! added to the totals when the bucket closes. Memory is fixed by the number of classes, buckets and windows.

use super::call::Call;
use super::calls::Calls;
use super::output::{ClassOutput, Horizon, Outcome, SeriesOutput, WindowOutput};
use crate::spec::scenario::{LatencyObjective, Scenario};
use crate::stats::histogram::Histogram;
use crate::units::{SimDuration, SimTime};
use std::cell::Cell;

#[derive(Debug, Clone)]
struct Counters {
    arrived: u64,
    ended: [u64; 5],
    retried: u64,
    cold_starts: u64,
    latency: Histogram,
}

impl Counters {
    fn new() -> Self {
        Self { arrived: 0, ended: [0; 5], retried: 0, cold_starts: 0, latency: Histogram::new() }
    }

    fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        for (mine, theirs) in self.ended.iter_mut().zip(other.ended) {
            *mine += theirs;
        }
        self.retried += other.retried;
        self.cold_starts += other.cold_starts;
        self.latency.merge(&other.latency);
    }

    fn clear(&mut self) {
        self.arrived = 0;
        self.ended = [0; 5];
        self.retried = 0;
        self.cold_starts = 0;
        self.latency.clear();
    }
}

/// The windows of one objective, with the one that was last touched at hand.
#[derive(Debug)]
struct Windows {
    quantile: f64,
    limit: SimDuration,
    length: u64,
    from: u64,
    to: u64,
    index: usize,
    /// Requests that ended, and those over the limit or not served.
    counts: Vec<(u32, u32)>,
}

impl Windows {
    /// Of `length` (> 0) each, over a horizon.
    fn new(objective: &LatencyObjective, length: u64, horizon: SimDuration) -> Self {
        let counts = vec![(0, 0); horizon.0.div_ceil(length).max(1) as usize];
        let LatencyObjective { quantile, limit, .. } = *objective;
        Self { quantile, limit, length, from: 0, to: length, index: 0, counts }
    }

    #[inline]
    fn record(&mut self, since_start: u64, over: bool) {
        if since_start < self.from || since_start >= self.to {
            self.open(since_start);
        }
        self.count(1, u32::from(over));
    }

    /// The window in which this is is at hand.
    fn open(&mut self, since_start: u64) {
        let index = since_start / self.length;
        self.from = index * self.length;
        self.to = self.from + self.length;
        self.index = (index as usize).min(self.counts.len() - 1);
    }

    /// Counts in the window at hand. One of more than four billion requests keeps its counts at the limit.
    #[inline]
    fn count(&mut self, ended: u32, late: u32) {
        let counts = &mut self.counts[self.index];
        *counts = (counts.0.saturating_add(ended), counts.1.saturating_add(late));
    }

    /// [`Windows::record`] for the ordinary of these calls, all served.
    fn record_together(&mut self, calls: &Calls<'_>, start: SimTime) {
        let limit = self.limit.0;
        let (mut ended, mut late) = (0u32, 0u32);
        for ((ordinary, taken), &at) in calls.ordinary.iter().zip(calls.taken).zip(calls.at) {
            let since_start = at.since(start).0;
            if since_start < self.from || since_start >= self.to {
                self.count(ended, late);
                (ended, late) = (0, 0);
                self.open(since_start);
            }
            // There are no more than a batch holds.
            ended = ended.wrapping_add(u32::from(ordinary.get()));
            late = late.wrapping_add(u32::from(ordinary.get() & (taken.get() > limit)));
        }
        self.count(ended, late);
    }

    fn finish(self, horizon: SimDuration) -> WindowOutput {
        let mut found = WindowOutput::default();
        for (index, &(ended, over)) in self.counts.iter().enumerate().filter(|(_, (ended, _))| *ended > 0) {
            found.judged += 1;
            // The allowance is a hair wider than the product, whose binary fraction may fall short: 10 x (1 - 0.9) < 1.
            if f64::from(over) <= (1.0 - self.quantile) * f64::from(ended) + 1e-6 {
                found.held += 1;
                continue;
            }
            let start = SimDuration(self.length.saturating_mul(index as u64));
            found.missed = found.missed + (horizon - start).min(SimDuration(self.length));
            let share = f64::from(over) / f64::from(ended);
            if found.worst.is_none_or(|(_, worst)| share > worst) {
                found.worst = Some((start, share));
            }
        }
        found
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct RequestMeter {
    start: SimTime,
    horizon: SimDuration,
    last_end: SimTime,
    open: Vec<Counters>,
    total: Vec<Counters>,
    scratch: Histogram,
    windows: Vec<Windows>,
    series: SeriesOutput,
}

impl RequestMeter {
    /// For what is `measured` of a scenario. Requests that end after `last_end` stay in flight; `bucket` is the series' bucket.
    pub fn new(scenario: &Scenario, measured: Horizon, last_end: SimTime, bucket: SimDuration) -> Self {
        let Horizon { start, end } = measured;
        let counters = vec![Counters::new(); scenario.classes.len()];
        let horizon = end.since(start);
        // Over the whole horizon, the minutes missed are still counted, bucket by bucket.
        let windows = scenario
            .objectives
            .latency
            .iter()
            .map(|objective| Windows::new(objective, objective.window.unwrap_or(bucket).0.max(1), horizon));
        Self {
            start,
            horizon,
            last_end,
            open: counters.clone(),
            total: counters,
            scratch: Histogram::new(),
            windows: windows.collect(),
            series: SeriesOutput { bucket, ..SeriesOutput::default() },
        }
    }

    /// A request arrives.
    #[inline]
    pub fn arrived(&mut self, class: u16, at: SimTime) {
        if at >= self.start {
            self.open[usize::from(class)].arrived += 1;
        }
    }

    /// Whether the measured horizon has begun at `at`.
    #[inline(always)]
    pub fn measures(&self, at: SimTime) -> bool {
        at >= self.start
    }

    /// Requests arrive, all before the measured horizon begins or all after.
    pub fn arrived_together(&mut self, calls: &Calls<'_>) {
        if calls.at[0] >= self.start {
            self.open.iter_mut().zip(calls.count.iter()).for_each(|(open, count)| open.arrived += count);
        }
    }

    /// [`RequestMeter::ended`] for ordinary calls that arrive all before the measured horizon begins or all after.
    #[inline(never)]
    pub fn served_together(&mut self, calls: &Calls<'_>) {
        if calls.at[0] < self.start {
            return;
        }
        let ends = calls.at.iter().zip(calls.taken).map(|(&at, taken)| at + SimDuration(taken.get()));
        if ends.fold(SimTime::ZERO, SimTime::max) > self.last_end {
            return self.served_one_by_one(calls);
        }
        let ordinary = || calls.ordinary.iter().map(Cell::get).zip(calls.taken.iter().map(Cell::get));
        if let [open] = &mut self.open[..] {
            open.latency.record_all(ordinary().filter(|(ordinary, _)| *ordinary).map(|(_, taken)| taken));
        } else {
            for ((ordinary, taken), &class) in ordinary().zip(calls.class) {
                if ordinary {
                    self.open[usize::from(class)].latency.record(SimDuration(taken));
                }
            }
        }
        for (open, &count) in self.open.iter_mut().zip(calls.count.iter()) {
            open.ended[Outcome::Served as usize] += count;
        }
        for windows in &mut self.windows {
            windows.record_together(calls, self.start);
        }
    }

    /// Where some may end after the last instant that counts.
    #[cold]
    fn served_one_by_one(&mut self, calls: &Calls<'_>) {
        for n in (0..calls.len()).filter(|&n| calls.ordinary[n].get()) {
            let call = calls.call(n);
            self.ended(&call, call.at + SimDuration(calls.taken[n].get()), Outcome::Served);
        }
    }

    /// A client tries again.
    pub fn retried(&mut self, call: &Call) {
        if call.first_at >= self.start {
            self.open[usize::from(call.class)].retried += 1;
        }
    }

    /// A request ends, at an instant that may lie ahead.
    #[inline(always)]
    pub fn ended(&mut self, call: &Call, at: SimTime, outcome: Outcome) {
        if call.first_at < self.start || at > self.last_end {
            return;
        }
        let latency = at.since(call.first_at);
        let counters = &mut self.open[usize::from(call.class)];
        counters.ended[outcome as usize] += 1;
        if call.cold {
            counters.cold_starts += 1;
        }
        let served = outcome == Outcome::Served;
        if served {
            counters.latency.record(latency);
        }
        if !self.windows.is_empty() {
            let since_start = call.first_at.since(self.start).0;
            for windows in &mut self.windows {
                windows.record(since_start, !served || latency > windows.limit);
            }
        }
    }

    /// Closes the open bucket.
    pub fn close_bucket(&mut self) {
        let mut arrived = 0;
        let mut ended = [0; 5];
        let mut cold_starts = 0;
        self.scratch.clear();
        for (open, total) in self.open.iter_mut().zip(&mut self.total) {
            arrived += open.arrived;
            for (sum, count) in ended.iter_mut().zip(open.ended) {
                *sum += count;
            }
            cold_starts += open.cold_starts;
            self.scratch.merge(&open.latency);
            total.add(open);
            open.clear();
        }
        self.series.arrived.push(arrived);
        self.series.ended.push(ended);
        self.series.cold_starts.push(cold_starts);
        let quantile = |q| self.scratch.quantile(q);
        self.series.latency.push(quantile(0.5).zip(quantile(0.95)).zip(quantile(0.99)).map(|((a, b), c)| [a, b, c]));
    }

    /// Buckets closed so far.
    pub fn buckets(&self) -> usize {
        self.series.arrived.len()
    }

    /// The results; everything must have been closed.
    pub fn finish(self) -> (Vec<ClassOutput>, SeriesOutput, Vec<WindowOutput>) {
        let classes = self.total.into_iter().map(|counters| ClassOutput {
            arrived: counters.arrived,
            ended: counters.ended,
            retried: counters.retried,
            cold_starts: counters.cold_starts,
            latency: counters.latency,
        });
        let windows = self.windows.into_iter().map(|windows| windows.finish(self.horizon));
        (classes.collect(), self.series, windows.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(quantile: f64, horizon: u64, counts: &[(u32, u32)]) -> WindowOutput {
        let length = SimDuration::from_mins(5);
        let objective = LatencyObjective {
            name: "p".into(),
            quantile,
            limit: SimDuration::from_millis(500),
            window: Some(length),
            met: 1.0,
        };
        let horizon = SimDuration::from_mins(horizon);
        let mut windows = Windows::new(&objective, length.0, horizon);
        for (index, &(ended, over)) in counts.iter().enumerate() {
            (0..ended).for_each(|n| windows.record(index as u64 * length.0 + u64::from(n), n < over));
        }
        windows.finish(horizon)
    }

    #[test]
    fn windows_hold_or_do_not() {
        // Four windows of 5 minutes in a horizon of 18 minutes, so that the last is 3 minutes long:
        // 1 of 100 late holds p99; 2 of 100 does not; none arrived: not judged; 1 of 10 late does not.
        let found = windows(0.99, 18, &[(100, 1), (100, 2), (0, 0), (10, 1)]);
        assert_eq!((found.judged, found.held, found.missed), (3, 1, SimDuration::from_mins(8)));
        assert_eq!(found.worst, Some((SimDuration::from_mins(15), 0.1)));
    }

    #[test]
    fn one_late_request_of_ten_holds_p90() {
        let found = windows(0.9, 5, &[(10, 1)]);
        assert_eq!((found.judged, found.held, found.worst), (1, 1, None));
    }
}
