//! What became of the clients' requests: counts, latency, series and objective windows. Touched once when a request arrives
//! and once when it ends.
//!
//! While a bucket of the series is open its counts and latencies go to one set of counters and one histogram a class; they are
//! added to the totals when the bucket closes. Memory is fixed by the number of classes, buckets and windows.

use super::call::Call;
use super::output::{ClassOutput, Outcome, SeriesOutput, WindowOutput};
use crate::spec::scenario::Scenario;
use crate::stats::histogram::Histogram;
use crate::units::{SimDuration, SimTime};

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
    limit: SimDuration,
    length: u64,
    from: u64,
    to: u64,
    index: usize,
    output: WindowOutput,
}

impl Windows {
    #[inline]
    fn record(&mut self, since_start: u64, over: bool) {
        if since_start < self.from || since_start >= self.to {
            let index = since_start / self.length;
            self.from = index * self.length;
            self.to = self.from + self.length;
            self.index = (index as usize).min(self.output.ended.len() - 1);
        }
        // A window of more than four billion requests keeps its counts at the limit.
        self.output.ended[self.index] = self.output.ended[self.index].saturating_add(1);
        self.output.over[self.index] = self.output.over[self.index].saturating_add(u32::from(over));
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct RequestMeter {
    start: SimTime,
    end: SimTime,
    open: Vec<Counters>,
    total: Vec<Counters>,
    scratch: Histogram,
    windows: Vec<Option<Windows>>,
    series: SeriesOutput,
}

impl RequestMeter {
    /// For a scenario whose measured horizon is `start..end`; `bucket` is the series' bucket.
    pub fn new(scenario: &Scenario, start: SimTime, end: SimTime, bucket: SimDuration) -> Self {
        let counters = vec![Counters::new(); scenario.classes.len()];
        let windows = scenario.objectives.latency.iter().map(|objective| {
            // Over the whole horizon, the minutes missed are still counted, bucket by bucket.
            let length = objective.window.unwrap_or(bucket).0.max(1);
            let count = end.since(start).0.div_ceil(length).max(1) as usize;
            let output = WindowOutput { length: SimDuration(length), ended: vec![0; count], over: vec![0; count] };
            Some(Windows { limit: objective.limit, length, from: 0, to: length, index: 0, output })
        });
        Self {
            start,
            end,
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

    /// A client tries again.
    pub fn retried(&mut self, call: &Call) {
        if call.first_at >= self.start {
            self.open[usize::from(call.class)].retried += 1;
        }
    }

    /// A request ends, at an instant that may lie ahead. Those that end after the horizon stay in flight.
    #[inline(always)]
    pub fn ended(&mut self, call: &Call, at: SimTime, outcome: Outcome) {
        if call.first_at < self.start || at > self.end {
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
            for windows in self.windows.iter_mut().flatten() {
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
    pub fn finish(self) -> (Vec<ClassOutput>, SeriesOutput, Vec<Option<WindowOutput>>) {
        let classes = self.total.into_iter().map(|counters| ClassOutput {
            arrived: counters.arrived,
            ended: counters.ended,
            retried: counters.retried,
            cold_starts: counters.cold_starts,
            latency: counters.latency,
        });
        let windows = self.windows.into_iter().map(|windows| windows.map(|windows| windows.output));
        (classes.collect(), self.series, windows.collect())
    }
}
