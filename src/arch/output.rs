//! What one replication of one architecture measured. `arch` fills it, `compare` reads it.

use crate::finding::Finding;
use crate::stats::histogram::Histogram;
use crate::units::{SimDuration, SimTime};
use crate::usage::Usage;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// Answered.
    Served = 0,
    /// Refused by a limit.
    Throttled = 1,
    /// No room or no target.
    Rejected = 2,
    /// 504, or the client gave up.
    TimedOut = 3,
    /// An error of the handler.
    Failed = 4,
}

impl Outcome {
    /// All, in the order of [`ClassOutput::ended`].
    pub const ALL: [Self; 5] = [Self::Served, Self::Throttled, Self::Rejected, Self::TimedOut, Self::Failed];
}

/// One replication of one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutput {
    /// By request class, in the scenario's order.
    pub classes: Vec<ClassOutput>,
    /// By component, in the model's order.
    pub components: Vec<ComponentOutput>,
    /// Counters for the bill.
    pub usage: Usage,
    /// Over time.
    pub series: SeriesOutput,
    /// For each latency objective, in the scenario's order of `objectives.latency`; those without windows are looked at in the series' buckets.
    pub windows: Vec<WindowOutput>,
    /// Events that the engine handled (arrivals included).
    pub events: u64,
    /// Requests that were simulated for it, those of the warm-up included.
    pub simulated: u64,
    /// By how much the fleets that scale were larger in the windows than the fluid of their history has it, as a share of their capacity;
    /// `None` where there is no such history.
    pub history_off: Option<f64>,
    /// What was found in the run itself.
    pub findings: Vec<Finding>,
}

/// One class of requests.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassOutput {
    /// Arrived within the horizon.
    pub arrived: u64,
    /// Ended within the horizon, by [`Outcome`]; `arrived` minus their sum is in flight.
    pub ended: [u64; 5],
    /// Further attempts.
    pub retried: u64,
    /// Requests that met a cold start.
    pub cold_starts: u64,
    /// Latency of the served ones.
    pub latency: Histogram,
}

/// One component. Levels are over the measured horizon.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComponentOutput {
    /// Requests it answered (calls, not client requests).
    pub served: u64,
    /// Calls refused by a limit.
    pub throttled: u64,
    /// Of these, those that a request rate refused: the account's, or that of a function's URL.
    pub throttled_by_rate: u64,
    /// Calls refused for lack of room or targets.
    pub rejected: u64,
    /// Cold starts; `None` where there can be none.
    pub cold_starts: Option<u64>,
    /// Environments or instances: mean and peak; `None` without capacity of its own.
    pub capacity: Option<(f64, f64)>,
    /// Those at work: mean and peak (environments; for fleets vCPU-equivalents of instances: CPU utilisation x instances).
    pub busy: Option<(f64, f64)>,
    /// Share of the capacity at work (0..=1).
    pub utilisation: Option<f64>,
    /// Share (0..=1) of each paid SKU's usage that was idle: (sku, share). `compare` turns it into idle cost.
    pub idle_shares: Vec<(String, f64)>,
    /// Peak connections to the shared backend.
    pub peak_connections: Option<u64>,
    /// Total time that calls spent in it and number of calls that this is the sum over.
    pub time_in_system: (SimDuration, u64),
    /// Integral over the horizon of the number of calls in it, divided by the horizon.
    pub mean_in_system: f64,
    /// Time for which its calls waited for other functions, paid by both.
    pub waited: SimDuration,
    /// What became of messages or events, where there are such.
    pub queue: Option<Box<QueueOutput>>,
    /// Calls that waited for a place at work on one of its machines, where there are such.
    pub backlog: Option<BacklogOutput>,
}

/// Calls that waited on the machines of a fleet for a place at work.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BacklogOutput {
    /// Time that all of them waited, request-nanoseconds: the integral of their number.
    pub area: u128,
    /// Their mean number over the horizon, on all machines together.
    pub mean: f64,
    /// How many had to wait.
    pub requests: u64,
    /// Most that waited at once on one machine.
    pub peak: u64,
}

/// Messages of a queue, or events of a function that is invoked asynchronously. Counted when it happens.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueueOutput {
    /// Taken in.
    pub received: u64,
    /// Handled well.
    pub done: u64,
    /// Came back to be tried again.
    pub returned: u64,
    /// Attempts that were refused by a limit: of batches, or of events.
    pub throttled: u64,
    /// Given up and kept in another queue.
    pub dead: u64,
    /// Given up and lost: dropped or too old.
    pub expired: u64,
    /// In it at the end of the horizon.
    pub waiting: u64,
    /// Most that were in it at once.
    pub peak: u64,
    /// From being taken in until handled well.
    pub age: Histogram,
}

/// Buckets over time. All vectors are equally long.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesOutput {
    /// Length of a bucket.
    pub bucket: SimDuration,
    /// Arrivals.
    pub arrived: Vec<u64>,
    /// Ends by [`Outcome`].
    pub ended: Vec<[u64; 5]>,
    /// Cold starts.
    pub cold_starts: Vec<u64>,
    /// p50, p95 and p99 of served requests whose fate was known in the bucket.
    pub latency: Vec<Option<[SimDuration; 3]>>,
    /// Mean capacity: (component index, one value a bucket).
    pub capacity: Vec<(usize, Vec<f64>)>,
    /// Mean busy: (component index, one value a bucket).
    pub busy: Vec<(usize, Vec<f64>)>,
}

/// How the windows of one latency objective fared, by the time at which a request arrived.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WindowOutput {
    /// Windows in which requests ended.
    pub judged: u64,
    /// Those in which it held.
    pub held: u64,
    /// Time of those in which it did not.
    pub missed: SimDuration,
    /// Start (since t = 0) of the window with the greatest share of requests over the limit or not served, and this share; `None` when all held.
    pub worst: Option<(SimDuration, f64)>,
}

/// Where the measured horizon lies on the engine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// t = 0: the warm-up's end.
    pub start: SimTime,
    /// The end.
    pub end: SimTime,
}
