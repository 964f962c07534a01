//! The long part: which simulations a comparison needs, and running them on all cores.
//!
//! A comparison needs, for each architecture:
//!
//! * every replication of the traffic as it is;
//! * every replication again *without* the bursts of each frequency, where a burst happens at another pace than the horizon
//!   does. The paired difference of the two is what these bursts cost, and it is scaled to the month at the bursts' own
//!   frequency, not at the horizon's. Where the components forget within hours, the difference is simulated only
//!   around the bursts, with and without them: see `burst_window`;
//! * the first replication at 75 % and at 125 % of the traffic, for the totals that the report prints beside the bill: enough
//!   to see how the cost follows the traffic, since the noise between replications is shown by the bill's own interval.
//!
//! Jobs are independent, share nothing that changes and are collected in index order, so the results are the same bytes for
//! any number of threads. The simulator is a parameter: tests pass a fake one.

mod infer;
mod memory;
pub mod sample;

pub use memory::Memory;

use crate::arch::output::{Horizon, RunOutput};
use crate::arch::{self, AsWindow, Came, Control, FluidCapacity, History, How, SimulationError};
use crate::spec::model::Architecture;
use crate::spec::ownership::growth_scales;
use crate::spec::scenario::{Frequency, Scenario};
use crate::traffic::{self, Moments, Source, Variant};
use crate::units::{NANOS_PER_MILLI, SimDuration, SimTime};
use crate::usage::{self, Usage};
use infer::Measured;
use rayon::prelude::*;
use sample::Sampling;
use std::sync::atomic::{AtomicU64, Ordering};

/// The traffic at which the totals beside the bill are simulated, as multiples of the scenario's.
pub const OTHER_TRAFFIC: [f64; 2] = [0.75, 1.25];

/// The traffic as the scenario says.
const AS_IT_IS: Variant = Variant { scale: 1.0, without: None, window: None };

/// One simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Job<'a> {
    /// Position in [`Scenario::architectures`].
    pub architecture: usize,
    /// From 0.
    pub replication: u32,
    /// Its traffic.
    pub variant: Variant,
    /// Begin here and measure only this, instead of the whole horizon.
    pub window: Option<(SimTime, Horizon)>,
    /// Set for a window that stands for others.
    pub stands: Option<AsWindow>,
    /// What was before the window, where a fleet keeps more than is simulated.
    pub history: Option<History<'a>>,
}

impl Job<'_> {
    /// The first replication of the first architecture, over the whole horizon.
    fn of(scale: f64, without: Option<Frequency>) -> Self {
        let variant = Variant { scale, without, window: None };
        Self { architecture: 0, replication: 0, variant, window: None, stands: None, history: None }
    }
}

/// How far all jobs are, and whether to give up. Shared by all threads; only the progress bar looks at the counters, so
/// nothing in the results depends on them.
#[derive(Debug, Default)]
pub struct Progress {
    total_millis: AtomicU64,
    control: Control,
}

impl Progress {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What simulations report to and are stopped by.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Share of the simulated time that is done, 0..=1.
    pub fn share(&self) -> f64 {
        let total = self.total_millis.load(Ordering::Relaxed);
        let done = self.control.simulated_millis.load(Ordering::Relaxed);
        if total == 0 { 0.0 } else { (done as f64 / total as f64).min(1.0) }
    }

    /// Requests simulated so far, by all jobs.
    pub fn requests(&self) -> u64 {
        self.control.requests.load(Ordering::Relaxed)
    }

    /// Asks all jobs to stop.
    pub fn cancel(&self) {
        self.control.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.control.cancelled.load(Ordering::Relaxed)
    }
}

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Stopped on request.
    #[error("stopped before the end; nothing was written")]
    Cancelled,
    /// A simulation could not go on.
    #[error("{architecture}: {message}")]
    Simulation {
        /// The architecture that was simulated.
        architecture: String,
        /// What happened.
        message: String,
    },
    /// The operating system gave no threads.
    #[error("cannot start {threads} threads: {message}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        message: String,
    },
}

/// What the bill needs of a run at other traffic, and what its clients noticed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counted {
    /// Counters.
    pub usage: Usage,
    /// Requests that arrived.
    pub arrived: u64,
    /// Cold starts of all components.
    pub cold_starts: u64,
    /// What clients noticed.
    pub noticed: Noticed,
}

/// What clients noticed of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noticed {
    /// Requests that ended without being served.
    pub not_served: u64,
    /// Requests that were served later than the limit that was given.
    pub slow: u64,
    /// Further attempts.
    pub retried: u64,
}

impl Noticed {
    /// Of a whole run; `limit` is how long a request may take, to the width of a bin of the histogram.
    pub fn of(run: &RunOutput, limit: Option<SimDuration>) -> Self {
        let mut noticed = Self::default();
        for class in &run.classes {
            noticed.not_served += class.ended[1..].iter().sum::<u64>();
            noticed.retried += class.retried;
            if let Some(limit) = limit {
                noticed.slow += class.latency.bins().filter(|(bound, _)| *bound > limit).map(|(_, n)| n).sum::<u64>();
            }
        }
        noticed
    }

    fn less(self, with: Self, without: Self) -> Self {
        let shift = |own: u64, with: u64, without: u64| own.saturating_add(without).saturating_sub(with);
        Self {
            not_served: shift(self.not_served, with.not_served, without.not_served),
            slow: shift(self.slow, with.slow, without.slow),
            retried: shift(self.retried, with.retried, without.retried),
        }
    }
}

/// How long a request may take before its client notices: the limit of the first latency objective.
pub fn slow_from(scenario: &Scenario) -> Option<SimDuration> {
    scenario.objectives.latency.first().map(|objective| objective.limit)
}

impl Counted {
    /// Of a whole run, without counting slow requests.
    pub fn of(run: &RunOutput) -> Self {
        Self::slower_than(run, None)
    }

    /// Of a whole run, whose slow requests take longer than `limit`.
    fn slower_than(run: &RunOutput, limit: Option<SimDuration>) -> Self {
        let arrived = run.classes.iter().map(|class| class.arrived).sum();
        let cold_starts = run.components.iter().filter_map(|component| component.cold_starts).sum();
        Self { usage: run.usage.clone(), arrived, cold_starts, noticed: Noticed::of(run, limit) }
    }

    /// This, less what `with` has more than `without` (more where it has less). All three count the same meters in the same order.
    pub fn less(&self, with: &Self, without: &Self) -> Self {
        let shifted = |of: fn(&Self) -> u64| of(self).saturating_add(of(without)).saturating_sub(of(with));
        Self {
            usage: self.usage.less(&with.usage, &without.usage),
            arrived: shifted(|counted| counted.arrived),
            cold_starts: shifted(|counted| counted.cold_starts),
            noticed: self.noticed.less(with.noticed, without.noticed),
        }
    }
}

/// The first replication at another traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct AtTraffic {
    /// Multiple of the scenario's traffic.
    pub scale: f64,
    /// With all bursts.
    pub full: Counted,
    /// Without the bursts of each frequency, in the order of [`burst_groups`].
    pub without: Vec<Counted>,
}

/// All runs of one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchitectureRuns {
    /// One a replication.
    pub full: Vec<RunOutput>,
    /// For each frequency of [`burst_groups`]: one a replication, without its bursts.
    pub without: Vec<(Frequency, Vec<Counted>)>,
    /// At other traffic; empty when it was not asked for.
    pub at_traffic: Vec<AtTraffic>,
}

impl ArchitectureRuns {
    /// Appends further replications of the same architecture.
    pub fn extend(&mut self, more: Self) {
        self.full.extend(more.full);
        for (without, more) in self.without.iter_mut().zip(more.without) {
            without.1.extend(more.1);
        }
    }
}

/// The frequencies of the scenario's bursts, events and deployments that do not keep the horizon's pace, in a fixed order. Bursts once a month in a
/// horizon of a month need no run of their own: all is scaled by 1. Events and deployments do, so that it can be told what they cost.
pub fn burst_groups(scenario: &Scenario) -> Vec<Frequency> {
    let event = |frequency: Frequency| scenario.events.iter().any(|event| event.per == frequency);
    [Frequency::Month, Frequency::Week, Frequency::Once]
        .into_iter()
        .filter(|&frequency| happenings(scenario, frequency).next().is_some())
        .filter(|&frequency| {
            let deploys = scenario.deployments.iter().any(|deployment| deployment.per == frequency);
            deploys || event(frequency) || !(frequency == Frequency::Month && scenario.horizon == scenario.month)
        })
        .collect()
}

/// Start and end of the bursts, events and deployments of a frequency.
fn happenings(scenario: &Scenario, frequency: Frequency) -> impl Iterator<Item = (SimDuration, SimDuration)> {
    let bursts = scenario.traffic.bursts.iter().map(|burst| (burst.per, burst.at, burst.lasts));
    let events = scenario.events.iter().map(|event| (event.per, event.at, event.lasts));
    let deployments = scenario.deployments.iter().map(|one| (one.per, one.at, one.lasts));
    bursts
        .chain(events)
        .chain(deployments)
        .filter(move |(per, ..)| *per == frequency)
        .map(|(_, at, lasts)| (at, at + lasts))
}

/// What to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions<'a> {
    /// Threads; 0 = one for each core.
    pub threads: usize,
    /// Whether to simulate [`OTHER_TRAFFIC`] as well.
    pub other_traffic: bool,
    /// The first replication that is wanted: those before it are there. Other traffic comes with replication 0.
    pub first: u32,
    /// Windows that stand for the horizon, instead of all of it.
    pub sampled: Option<&'a Sampled>,
}

/// Windows that stand for the horizon of those architectures that can be cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Which windows.
    pub sampling: Sampling,
    /// By architecture: whether windows stand for its horizon.
    pub cut: Vec<bool>,
}

impl Sampled {
    /// How an architecture is cut, if it is.
    fn of(&self, architecture: usize) -> Option<&Sampling> {
        self.cut.get(architecture).is_some_and(|&cut| cut).then_some(&self.sampling)
    }
}

/// Other traffic that is simulated, as multiples of the scenario's: that of the bill's side totals, of the environments and of
/// the months of growth; each once.
pub fn scales(scenario: &Scenario, options: &RunOptions<'_>) -> Vec<f64> {
    if options.first > 0 {
        return Vec::new();
    }
    let beside = if options.other_traffic { OTHER_TRAFFIC.as_slice() } else { &[] };
    let environments = scenario.environments.iter().map(|environment| environment.traffic);
    let mut found: Vec<f64> = Vec::new();
    for scale in beside.iter().copied().chain(environments).chain(growth_scales(scenario.billing.growth)) {
        if (scale - 1.0f64).abs() >= 1e-12 && found.iter().all(|known| (known - scale).abs() >= 1e-12) {
            found.push(scale);
        }
    }
    found
}

/// All jobs of a comparison: for each architecture its replications, then each group of bursts, then other traffic.
pub fn jobs(scenario: &Scenario, options: &RunOptions<'_>) -> Vec<Job<'static>> {
    let groups = burst_groups(scenario);
    let mut jobs = Vec::new();
    for architecture in 0..scenario.architectures.len() {
        let withouts = || std::iter::once(None).chain(groups.iter().copied().map(Some));
        for without in withouts() {
            let one = |replication| Job { architecture, replication, ..Job::of(1.0, without) };
            jobs.extend((options.first..scenario.replications).map(one));
        }
        for scale in scales(scenario, options) {
            jobs.extend(withouts().map(|without| Job { architecture, ..Job::of(scale, without) }));
        }
    }
    jobs
}

/// Requests that all jobs together are expected to simulate.
pub fn expected_requests(scenario: &Scenario, options: &RunOptions<'_>) -> f64 {
    let whole = (scenario.warmup + scenario.horizon).as_secs_f64().max(1e-9);
    let share = |job: &Job| job.variant.scale * simulated(scenario, options, job).as_secs_f64() / whole;
    traffic::expected_requests(scenario) * jobs(scenario, options).iter().map(share).sum::<f64>()
}

/// Time that a job simulates.
fn simulated(scenario: &Scenario, options: &RunOptions<'_>, job: &Job<'_>) -> SimDuration {
    match (window_of(scenario, job), options.sampled.and_then(|sampled| sampled.of(job.architecture))) {
        (Some((begin, measured)), _) => measured.end.since(begin) + measured.end.since(begin),
        (None, Some(sampling)) => sampling.simulated(),
        (None, None) => scenario.warmup + scenario.horizon,
    }
}

/// Where alone it makes a difference whether the bursts of a frequency happen: from the hour in which the first begins to the hour after the
/// last has ended *and* been forgotten; and when to begin, so that what was before is forgotten, too. `None` if a
/// component of the architecture has no bounded memory, or if little would be saved.
///
/// The memory ([`Memory`]) is counted twice, and an hour is added.
fn burst_window(scenario: &Scenario, architecture: &Architecture, frequency: Frequency) -> Option<(SimTime, Horizon)> {
    // What a fleet may keep shows at the end: see `same_capacity_at_the_end`.
    let memory = Memory::of(scenario, architecture).ok()?.lasts;
    let hour = SimDuration::from_hours(1).0;
    let hours = ((memory + memory).0.div_ceil(hour) + 1).saturating_mul(hour);
    let first = happenings(scenario, frequency).map(|(at, _)| at.0).min()? / hour * hour;
    let last = happenings(scenario, frequency).map(|(_, end)| end.0).max()?;
    let until = last.saturating_add(hours).div_ceil(hour).saturating_mul(hour).min(scenario.horizon.0);
    let whole = arch::horizon_of(scenario);
    let begin = SimTime((whole.start.0 + first).saturating_sub(hours));
    let measured = Horizon { start: whole.start + SimDuration(first), end: whole.start + SimDuration(until) };
    // It is simulated twice, and beginning at an hour needs whole hours of warm-up.
    let begin = if begin < whole.start { SimTime::ZERO } else { begin };
    (2 * measured.end.since(begin).0 < whole.end.0).then_some((begin, measured))
}

/// What a job leaves: everything of the traffic as it is, counters alone of its variants, so that memory does not grow.
enum Left {
    Run(Box<RunOutput>),
    Counted(Counted),
    /// Around the bursts: with them, and without.
    Around(Counted, Counted),
}

/// Runs everything that a comparison of the scenario needs, with `simulate` doing one job.
///
/// # Errors
/// [`RunError::Cancelled`] after [`Progress::cancel`], otherwise what went wrong in the first job (in their order) that failed.
/// A failure makes jobs that have not begun give up.
pub fn run<S>(
    scenario: &Scenario,
    options: &RunOptions<'_>,
    progress: &Progress,
    simulate: S,
) -> Result<Vec<ArchitectureRuns>, RunError>
where
    S: Fn(&Job<'_>, &Progress) -> Result<RunOutput, RunError> + Sync,
{
    let jobs = jobs(scenario, options);
    let millis = |job: &Job| simulated(scenario, options, job).0 / NANOS_PER_MILLI;
    // What an earlier look has done is done.
    let done = progress.control.simulated_millis.load(Ordering::Relaxed);
    progress.total_millis.store(done + jobs.iter().map(millis).sum::<u64>(), Ordering::Relaxed);
    let limit = slow_from(scenario);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| RunError::Threads { threads: options.threads, message: error.to_string() })?;
    let one = |job: &Job| {
        if progress.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        let go = |job: &Job| simulate(job, progress).inspect_err(|_| progress.cancel());
        if let Some(window) = window_of(scenario, job) {
            let with = go(&Job { variant: Variant { without: None, ..job.variant }, window: Some(window), ..*job })?;
            let without = go(&Job { window: Some(window), ..*job })?;
            // Forgotten only if both end with the same capacity: target tracking can keep what a burst has added for as long as the
            // load lies between its bounds. Then the whole horizon has to be simulated.
            if same_capacity_at_the_end(&with, &without) {
                let counted = |run| Counted::slower_than(run, limit);
                return Ok(Left::Around(counted(&with), counted(&without)));
            }
        }
        let mut run = match options.sampled.and_then(|sampled| sampled.of(job.architecture)) {
            Some(sampling) => in_windows(scenario, sampling, job, go)?,
            None => go(job)?,
        };
        // By the hour, only the first replication is shown, and only commitments are paid: years of hours would fill the memory.
        if (job.replication > 0 || job.variant != AS_IT_IS) && !scenario.billing.needs_hours() {
            run.usage.meters.iter_mut().for_each(|meter| meter.hourly = Vec::new());
        }
        Ok(if job.variant == AS_IT_IS {
            Left::Run(Box::new(run))
        } else {
            Left::Counted(Counted::slower_than(&run, limit))
        })
    };
    // One job at a time a thread: jobs are long and differ in length.
    let ended: Vec<Result<Left, RunError>> = pool.install(|| jobs.par_iter().with_max_len(1).map(one).collect());
    let mut left = Vec::with_capacity(ended.len());
    let mut cancelled = false;
    for result in ended {
        match result {
            Ok(it) => left.push(it),
            // A failure stops the other jobs: it is the reason, they are not.
            Err(RunError::Cancelled) => cancelled = true,
            Err(reason) => return Err(reason),
        }
    }
    if cancelled { Err(RunError::Cancelled) } else { Ok(gather(scenario, options, left)) }
}

/// Does a job window by window, and infers the whole from them.
fn in_windows(
    scenario: &Scenario,
    sampling: &Sampling,
    job: &Job<'_>,
    go: impl Fn(&Job<'_>) -> Result<RunOutput, RunError>,
) -> Result<RunOutput, RunError> {
    let whole = arch::horizon_of(scenario);
    let architecture = &scenario.architectures[job.architecture];
    let failed = |error: traffic::TrafficError| RunError::Simulation {
        architecture: architecture.name.clone(),
        message: error.to_string(),
    };
    let keeps = architecture.components.iter().any(|component| arch::history::follows(&component.kind));
    let past = if keeps { Some(Past::of(scenario, job).map_err(failed)?) } else { None };
    let fluid = past.as_ref().map_or_else(Vec::new, |past| past.capacity(whole, sampling.slot, None));
    let mut measured = Vec::new();
    for window in sampling.windows(job.replication) {
        let (slot, length) = (window.slot as u64, sampling.slot.0);
        let start = whole.start + SimDuration(slot * length);
        let end = (start + SimDuration(window.slots as u64 * length)).min(whole.end);
        let begin = start.0.saturating_sub(sampling.memory.0);
        // Whole metric periods: what came before them is the fluid's.
        let begin = SimTime(if keeps { begin / METRIC_PERIOD.0 * METRIC_PERIOD.0 } else { begin });
        // As many numbers for each slot as no window has requests.
        let stands = Some(AsWindow { first_id: (slot + 1) << 36 });
        let history = past.as_ref().map(|past| past.until(begin));
        let run = go(&Job { window: Some((begin, Horizon { start, end })), stands, history, ..*job })?;
        let mut here = Vec::new();
        if let Some(past) = &past {
            // The same requests as a fluid: what it makes of them says what it is off by, whatever the requests are.
            let variant = Variant { window: Some((begin, end)), ..job.variant };
            let source = Source::new(scenario, job.replication, &variant).map_err(failed)?;
            let came = Came::of(source, begin, end, scenario.classes.len()).map_err(failed)?;
            here = past.capacity(Horizon { start, end }, end.since(start), Some(&came));
        }
        measured.push(Measured { window, run, fluid: here });
    }
    let hours_each = if scenario.billing.needs_hours() { 1 } else { usage::hours_each(scenario.horizon) };
    Ok(infer::whole(sampling, scenario.horizon, hours_each, &measured, &fluid))
}

/// The longest period of a fleet's metric; the other one divides it.
const METRIC_PERIOD: SimDuration = SimDuration::from_mins(5);

/// What was before the windows of a job, where a fleet keeps more than is simulated.
struct Past<'a> {
    scenario: &'a Scenario,
    job: &'a Job<'a>,
    by_minute: Vec<f64>,
    needs: Vec<Moments>,
}

impl<'a> Past<'a> {
    fn of(scenario: &'a Scenario, job: &'a Job<'a>) -> Result<Self, traffic::TrafficError> {
        let by_minute = traffic::expected_by_minute(scenario, &job.variant)?;
        let needs = scenario.classes.iter().map(|class| Moments::of(&class.work)).collect();
        Ok(Self { scenario, job, by_minute, needs })
    }

    /// Until requests come.
    fn until(&self, until: SimTime) -> History<'_> {
        History { by_minute: &self.by_minute, until, needs: &self.needs, came: None }
    }

    /// The capacity of the fleets that scale, if all of it were fluid, as far as it is known with the requests that came.
    fn capacity(&self, measured: Horizon, slot: SimDuration, came: Option<&Came>) -> Vec<FluidCapacity> {
        let history = History { came, ..self.until(measured.end) };
        let Job { architecture, replication, variant, .. } = *self.job;
        let architecture = &self.scenario.architectures[architecture];
        arch::fluid_capacity(self.scenario, architecture, replication, history, variant.without, measured, slot)
    }
}

/// Whether all components end with the same mean capacity in the last bucket.
fn same_capacity_at_the_end(a: &RunOutput, b: &RunOutput) -> bool {
    let ends = |run: &RunOutput| -> Vec<Option<f64>> {
        run.series.capacity.iter().map(|(_, levels)| levels.last().copied()).collect()
    };
    ends(a).iter().zip(&ends(b)).all(|pair| match pair {
        // An environment more or less comes and goes with the draws of cold starts.
        (Some(a), Some(b)) => (a - b).abs() <= 0.01 * a.max(*b),
        _ => true,
    })
}

/// The part of the horizon that is enough for a job, if it is a part.
fn window_of(scenario: &Scenario, job: &Job<'_>) -> Option<(SimTime, Horizon)> {
    burst_window(scenario, &scenario.architectures[job.architecture], job.variant.without?)
}

/// Puts what the jobs left, in the order of [`jobs`], where it belongs.
fn gather(scenario: &Scenario, options: &RunOptions<'_>, left: Vec<Left>) -> Vec<ArchitectureRuns> {
    let groups = burst_groups(scenario);
    let replications = scenario.replications.saturating_sub(options.first) as usize;
    let limit = slow_from(scenario);
    let mut left = left.into_iter();
    let mut result = Vec::with_capacity(scenario.architectures.len());
    for _ in &scenario.architectures {
        let full: Vec<RunOutput> = left.by_ref().take(replications).filter_map(Left::run).collect();
        let mut without = Vec::new();
        for &frequency in &groups {
            without.push((
                frequency,
                left.by_ref()
                    .take(replications)
                    .zip(&full)
                    .map(|(left, full)| left.counted(&Counted::slower_than(full, limit)))
                    .collect(),
            ));
        }
        let mut at_traffic = Vec::new();
        for scale in scales(scenario, options) {
            let mut left = left.by_ref().take(1 + groups.len());
            let nothing = Counted::default();
            if let Some(full) = left.next().map(|left| left.counted(&nothing)) {
                let without = left.map(|left| left.counted(&full)).collect();
                at_traffic.push(AtTraffic { scale, full, without });
            }
        }
        result.push(ArchitectureRuns { full, without, at_traffic });
    }
    result
}

impl Left {
    fn run(self) -> Option<RunOutput> {
        match self {
            Self::Run(run) => Some(*run),
            Self::Counted(_) | Self::Around(..) => None,
        }
    }

    /// What was counted; where only the difference to `full` is known, `full` less that.
    fn counted(self, full: &Counted) -> Counted {
        match self {
            Self::Run(run) => Counted::of(&run),
            Self::Counted(counted) => counted,
            Self::Around(with, without) => full.less(&with, &without),
        }
    }
}

/// Does one job with the simulator.
///
/// # Errors
/// See [`RunError`].
pub fn simulate(scenario: &Scenario, job: &Job<'_>, progress: &Progress) -> Result<RunOutput, RunError> {
    let architecture = &scenario.architectures[job.architecture];
    let failed = |error: SimulationError| match error {
        SimulationError::Cancelled => RunError::Cancelled,
        other => RunError::Simulation { architecture: architecture.name.clone(), message: other.to_string() },
    };
    let window = job.window.map(|(begin, measured)| (begin, measured.end));
    let variant = Variant { window, ..job.variant };
    let source = Source::new(scenario, job.replication, &variant).map_err(|error| failed(error.into()))?;
    let how = How {
        measured: job.window.map(|(_, measured)| measured),
        window: job.stands,
        without: job.variant.without,
        history: job.history,
        by_the_hour: scenario.billing.needs_hours(),
        ..How::default()
    };
    arch::simulate_with(scenario, architecture, job.replication, source, progress.control(), how).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::{answer, burst, scenario};
    use std::time::Duration;

    fn options(threads: usize, other_traffic: bool) -> RunOptions<'static> {
        RunOptions { threads, other_traffic, ..RunOptions::default() }
    }

    #[test]
    fn bursts_at_the_horizons_own_pace_need_no_run_of_their_own() {
        let mut given = scenario();
        let groups = burst_groups;
        assert_eq!(groups(&given), []);
        given.traffic.bursts = vec![burst(Frequency::Once), burst(Frequency::Month), burst(Frequency::Once)];
        assert_eq!(groups(&given), [Frequency::Month, Frequency::Once]);
        given.horizon = given.month;
        assert_eq!(groups(&given), [Frequency::Once]);
    }

    #[test]
    fn every_job_once() {
        let mut given = scenario();
        // 2 architectures x 3 replications.
        assert_eq!(jobs(&given, &options(1, false)).len(), 6);
        // And 2 scales of one replication each.
        assert_eq!(jobs(&given, &options(1, true)).len(), 10);
        given.traffic.bursts = vec![burst(Frequency::Week)];
        // All of it again without the bursts.
        assert_eq!(jobs(&given, &options(1, true)).len(), 20);
    }

    #[test]
    fn results_lie_where_they_belong_whatever_the_threads() {
        let mut given = scenario();
        given.traffic.bursts = vec![burst(Frequency::Week)];
        let work = |threads| {
            let late_first = |job: &Job<'_>, _: &Progress| {
                // The first jobs take longest, so that the order of ending is not the order of the jobs.
                std::thread::sleep(Duration::from_millis(if job.replication == 0 { 10 } else { 0 }));
                Ok(answer(job))
            };
            run(&given, &options(threads, true), &Progress::new(), late_first).expect("the fake does not fail")
        };
        let one = work(1);
        assert_eq!(one, work(4));
        assert_eq!(one.len(), 2);
        let arrived = |run: &RunOutput| Counted::of(run).arrived;
        assert_eq!(one[1].full.iter().map(arrived).collect::<Vec<_>>(), [1_000, 1_010, 1_020]);
        let (frequency, without) = &one[1].without[0];
        assert_eq!(*frequency, Frequency::Week);
        assert_eq!(without.iter().map(|counted| counted.arrived).collect::<Vec<_>>(), [900, 910, 920]);
        let scaled: Vec<_> =
            one[0].at_traffic.iter().map(|at| (at.scale, at.full.arrived, at.without[0].arrived)).collect();
        assert_eq!(scaled, [(0.75, 750, 650), (1.25, 1_250, 1_150)]);
        assert_eq!(one[0].full[0].usage.meters[0].component, "shop");
        assert_eq!(one[1].full[0].usage.meters[0].component, "web");
    }

    #[test]
    fn progress_reaches_the_end() {
        let given = scenario();
        let progress = Progress::new();
        let done = |job: &Job<'_>, progress: &Progress| {
            let millis = (given.warmup + given.horizon).0 / 1_000_000;
            progress.control().simulated_millis.fetch_add(millis, Ordering::Relaxed);
            progress.control().requests.fetch_add(1_000, Ordering::Relaxed);
            Ok(answer(job))
        };
        run(&given, &options(2, false), &progress, done).expect("the fake does not fail");
        assert_eq!((progress.share(), progress.requests()), (1.0, 6_000));
    }

    #[test]
    fn stopping_is_no_result() {
        let progress = Progress::new();
        let stop = |job: &Job<'_>, progress: &Progress| {
            progress.cancel();
            Ok(answer(job))
        };
        let stopped = run(&scenario(), &options(1, false), &progress, stop);
        assert!(matches!(stopped, Err(RunError::Cancelled)), "{stopped:?}");
    }

    #[test]
    fn a_failure_is_named_and_stops_the_rest() {
        let fail = |job: &Job<'_>, _: &Progress| match job {
            Job { architecture: 1, replication: 1, .. } => {
                Err(RunError::Simulation { architecture: "ec2".into(), message: "out of range".into() })
            }
            job => Ok(answer(job)),
        };
        let failed = run(&scenario(), &options(3, true), &Progress::new(), fail).expect_err("one fails");
        assert_eq!(failed.to_string(), "ec2: out of range");
    }
}
