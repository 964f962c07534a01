//! From the outputs of the replications to figures with intervals: requests, latency, components, histograms.

use crate::arch::output::{BacklogOutput, ClassOutput, ComponentOutput, Outcome, QueueOutput, RunOutput};
use crate::results::{
    BacklogResult, ClassResult, ComponentResult, Figure, HistogramResult, Latency, Level, QueueResult, Requests,
};
use crate::spec::model::Architecture;
use crate::spec::scenario::Scenario;
use crate::stats::histogram::Histogram;
use crate::stats::intervals::{figure, maximum, merge, percentiles};
use crate::units::SimDuration;

/// Counts of one replication, of one class or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Arrived within the horizon.
    pub arrived: u64,
    /// By [`Outcome`].
    pub ended: [u64; 5],
    /// Further attempts.
    pub retried: u64,
    /// Requests that met a cold start.
    pub cold_starts: u64,
}

impl Counts {
    /// Of one class.
    pub fn of(class: &ClassOutput) -> Self {
        let ClassOutput { arrived, ended, retried, cold_starts, latency: _ } = *class;
        Self { arrived, ended, retried, cold_starts }
    }

    /// Of all classes together.
    pub fn of_all(run: &RunOutput) -> Self {
        run.classes.iter().map(Self::of).fold(Self::default(), Self::plus)
    }

    /// Both together.
    pub fn plus(mut self, other: Self) -> Self {
        self.arrived += other.arrived;
        self.retried += other.retried;
        self.cold_starts += other.cold_starts;
        self.ended.iter_mut().zip(other.ended).for_each(|(mine, theirs)| *mine += theirs);
        self
    }

    /// Ended in any way.
    pub fn all_ended(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// Ended in this way.
    pub fn ended_as(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize]
    }
}

fn counted(each: &[Counts], what: impl Fn(&Counts) -> u64) -> Figure {
    figure(each.iter().map(|counts| what(counts) as f64).collect(), 0.0)
}

/// Requests by how they ended, from one [`Counts`] a replication.
pub fn requests(each: &[Counts]) -> Requests {
    let ended = |outcome| counted(each, |counts| counts.ended_as(outcome));
    Requests {
        arrived: counted(each, |counts| counts.arrived),
        served: ended(Outcome::Served),
        throttled: ended(Outcome::Throttled),
        rejected: ended(Outcome::Rejected),
        timed_out: ended(Outcome::TimedOut),
        failed: ended(Outcome::Failed),
        in_flight: counted(each, |counts| counts.arrived.saturating_sub(counts.all_ended())),
        retried: counted(each, |counts| counts.retried),
    }
}

/// Requests that met a cold start.
pub fn cold_starts(each: &[Counts]) -> Figure {
    counted(each, |counts| counts.cold_starts)
}

/// Latency figures in milliseconds, from one histogram a replication.
pub fn latency(each: &[&Histogram]) -> Latency {
    let means = each.iter().map(|h| if h.count() == 0 { f64::NAN } else { h.mean_secs() * 1e3 }).collect();
    let largest = each.iter().map(|h| if h.count() == 0 { f64::NAN } else { h.max().as_millis_f64() }).collect();
    let mut found = percentiles(each, &[0.5, 0.9, 0.95, 0.99, 0.999]).into_iter();
    let mut next = || found.next().unwrap_or_default();
    Latency {
        mean: figure(means, 0.0),
        p50: next(),
        p90: next(),
        p95: next(),
        p99: next(),
        p999: next(),
        max: maximum(largest),
    }
}

/// Each replication's latency of all classes together.
pub fn latency_of_all(runs: &[RunOutput]) -> Vec<Histogram> {
    runs.iter().map(|run| merge(run.classes.iter().map(|class| &class.latency))).collect()
}

/// Results by class, in the scenario's order.
pub fn classes(scenario: &Scenario, runs: &[RunOutput]) -> Vec<ClassResult> {
    let of_class = |index: usize, name: &str| {
        let outputs: Vec<&ClassOutput> = runs.iter().filter_map(|run| run.classes.get(index)).collect();
        let counts: Vec<Counts> = outputs.iter().map(|class| Counts::of(class)).collect();
        let histograms: Vec<&Histogram> = outputs.iter().map(|class| &class.latency).collect();
        ClassResult {
            name: name.to_owned(),
            requests: requests(&counts),
            cold_starts: cold_starts(&counts),
            latency_ms: latency(&histograms),
        }
    };
    scenario.classes.iter().enumerate().map(|(index, class)| of_class(index, &class.name)).collect()
}

/// A figure of those replications in which it exists; `None` where it exists in none.
fn optional(
    each: &[&ComponentOutput],
    what: impl Fn(&ComponentOutput) -> Option<f64>,
    of: fn(Vec<f64>) -> Figure,
) -> Option<Figure> {
    let values: Vec<f64> = each.iter().map(|component| what(component).unwrap_or(f64::NAN)).collect();
    values.iter().any(|value| !value.is_nan()).then(|| of(values))
}

fn level(each: &[&ComponentOutput], what: impl Fn(&ComponentOutput) -> Option<(f64, f64)>) -> Option<Level> {
    let mean = optional(each, |component| what(component).map(|level| level.0), |values| figure(values, 0.0))?;
    let peak = optional(each, |component| what(component).map(|level| level.1), maximum)?;
    Some(Level { mean, peak })
}

/// What became of messages or events.
fn queue(each: &[&ComponentOutput]) -> Option<QueueResult> {
    let queues: Vec<&QueueOutput> = each.iter().filter_map(|component| component.queue.as_deref()).collect();
    let ages: Vec<&Histogram> = queues.iter().map(|queue| &queue.age).collect();
    let mean_of = |what: fn(&QueueOutput) -> u64| figure(queues.iter().map(|queue| what(queue) as f64).collect(), 0.0);
    (!queues.is_empty()).then(|| QueueResult {
        received: mean_of(|queue| queue.received),
        done: mean_of(|queue| queue.done),
        returned: mean_of(|queue| queue.returned),
        throttled: mean_of(|queue| queue.throttled),
        dead_lettered: mean_of(|queue| queue.dead),
        lost: mean_of(|queue| queue.expired),
        waiting: mean_of(|queue| queue.waiting),
        peak: maximum(queues.iter().map(|queue| queue.peak as f64).collect()),
        age_ms: latency(&ages),
    })
}

/// What waited on the machines of a fleet.
fn backlog(each: &[&ComponentOutput]) -> Option<BacklogResult> {
    let known: Vec<BacklogOutput> = each.iter().filter_map(|component| component.backlog).collect();
    let of = |what: fn(&BacklogOutput) -> f64| known.iter().map(what).collect();
    let wait = |backlog: &BacklogOutput| match backlog.requests {
        0 => f64::NAN,
        requests => backlog.area as f64 / 1e6 / requests as f64,
    };
    (!known.is_empty()).then(|| BacklogResult {
        mean: figure(of(|backlog| backlog.mean), 0.0),
        peak: maximum(of(|backlog| backlog.peak as f64)),
        requests: figure(of(|backlog| backlog.requests as f64), 0.0),
        wait_ms: figure(of(wait), 0.0),
    })
}

/// Results by component, in the model's order; `idle_cost` is filled in by the bill.
pub fn components(architecture: &Architecture, runs: &[RunOutput]) -> Vec<ComponentResult> {
    let of_component = |index: usize| {
        let component = architecture.components.get(index)?;
        let each: Vec<&ComponentOutput> = runs.iter().filter_map(|run| run.components.get(index)).collect();
        let mean_of = |what: &dyn Fn(&ComponentOutput) -> f64| figure(each.iter().map(|c| what(c)).collect(), 0.0);
        Some(ComponentResult {
            name: component.name.clone(),
            kind: component.kind.key().to_owned(),
            served: mean_of(&|c| c.served as f64),
            throttled: mean_of(&|c| c.throttled as f64),
            rejected: mean_of(&|c| c.rejected as f64),
            cold_starts: optional(&each, |c| c.cold_starts.map(|n| n as f64), |values| figure(values, 0.0)),
            capacity: level(&each, |c| c.capacity),
            busy: level(&each, |c| c.busy),
            utilisation: optional(&each, |c| c.utilisation, |values| figure(values, 0.0)),
            idle_cost: None,
            idle_cost_each: Vec::new(),
            idle_shares: Vec::new(),
            peak_connections: optional(&each, |c| c.peak_connections.map(|n| n as f64), maximum),
            mean_time_ms: mean_of(&|c| match c.time_in_system {
                (_, 0) => f64::NAN,
                (total, calls) => total.as_millis_f64() / calls as f64,
            }),
            mean_in_system: mean_of(&|c| c.mean_in_system),
            queue: queue(&each),
            backlog: backlog(&each),
        })
    };
    (0..architecture.components.len()).filter_map(of_component).collect()
}

/// Latency distributions: of all requests, then by class where there is more than one.
pub fn histograms(scenario: &Scenario, runs: &[RunOutput]) -> Vec<HistogramResult> {
    let of = |name: &str, histogram: &Histogram| HistogramResult {
        name: name.to_owned(),
        bins: histogram.bins().map(|(bound, count)| (SimDuration::as_millis_f64(bound), count)).collect(),
    };
    let mut found = vec![of("all", &merge(&latency_of_all(runs)))];
    if scenario.classes.len() > 1 {
        for (index, class) in scenario.classes.iter().enumerate() {
            let each = runs.iter().filter_map(|run| run.classes.get(index)).map(|class| &class.latency);
            found.push(of(&class.name, &merge(each)));
        }
    }
    found
}
