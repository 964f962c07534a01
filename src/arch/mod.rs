//! How AWS behaves: state machines that count usage. Knows no price.
//!
//! [`simulate`] runs one replication of one architecture over a stream of requests. One file a kind of component; [`world`] is
//! the graph that connects them.

pub mod backend_transfer;
pub mod call;
mod calls;
mod chain;
mod deliveries;
mod deployment;
mod durable;
mod events;
pub mod fleet;
pub mod front;
pub mod function_url;
pub mod history;
pub mod lambda;
pub mod ledger;
pub mod message_queue;
pub mod output;
mod passes;
pub mod pool;
pub mod provisioned;
pub mod requests;
pub mod stream;
pub mod table;
pub mod token_bucket;
pub mod way_back;
pub mod world;

use crate::sim::engine;
use crate::sim::queue::EventQueue;
use crate::spec::model::Architecture;
use crate::spec::scenario::{Frequency, Scenario, Shape};
use crate::traffic::{Batch, Source, TrafficError};
use crate::units::{SimDuration, SimTime};
pub use history::{Came, FluidCapacity, History, fluid_capacity};
use output::{Horizon, RunOutput};
use passes::Passes;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use world::{Arrival, Event, World};

/// What a running simulation tells and is told by other threads.
#[derive(Debug, Default)]
pub struct Control {
    /// Set it to stop all simulations soon.
    pub cancelled: AtomicBool,
    /// Requests that have arrived so far, in all simulations.
    pub requests: AtomicU64,
    /// Simulated time done so far in milliseconds, in all simulations.
    pub simulated_millis: AtomicU64,
}

/// Why a simulation has no result.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The traffic could not be read.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    /// [`Control::cancelled`] was set.
    #[error("stopped")]
    Cancelled,
}

/// How fleets run their instances; see [`fleet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FleetRunning {
    /// The fastest way that gives the right answer.
    #[default]
    Automatic,
    /// Always an event for each end: the plain version that tests hold the fast one to.
    Eager,
}

/// How a simulation is run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct How<'a> {
    /// How fleets run their instances.
    pub fleets: FleetRunning,
    /// Events and deployments of the scenario that happen this often are left out (bursts are left out by the traffic).
    pub without: Option<Frequency>,
    /// What is measured instead of the whole horizon.
    pub measured: Option<Horizon>,
    /// Set for a window that stands for others.
    pub window: Option<AsWindow>,
    /// What was before the requests come.
    pub history: Option<History<'a>>,
    /// Length of a bucket of the series, if not the usual one.
    pub bucket: Option<SimDuration>,
    /// Whether usage is kept by the hour however long the horizon is.
    pub by_the_hour: bool,
    /// Requests are taken one after another even where a batch in passes gives the same: the plain version that tests hold those to.
    pub one_by_one: bool,
}

/// How a window that stands for others is measured: its series has one bucket, and requests whose end is known ahead count even if they
/// end after it, since nothing else sees them end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsWindow {
    /// Number of its first request: draws are keyed by it, so windows that begin at different numbers draw independently.
    pub first_id: u64,
}

/// The measured horizon of a scenario on the engine's clock.
pub fn horizon_of(scenario: &Scenario) -> Horizon {
    let start = SimTime::ZERO + scenario.warmup;
    Horizon { start, end: start + scenario.horizon }
}

/// Simulates one replication of one architecture.
///
/// # Errors
/// When a traffic file cannot be read, or when it was cancelled.
pub fn simulate(
    scenario: &Scenario,
    architecture: &Architecture,
    replication: u32,
    source: Source,
    control: &Control,
) -> Result<RunOutput, SimulationError> {
    simulate_with(scenario, architecture, replication, source, control, How::default())
}

/// [`simulate`] with a say in how.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_with(
    scenario: &Scenario,
    architecture: &Architecture,
    replication: u32,
    mut source: Source,
    control: &Control,
    how: How<'_>,
) -> Result<RunOutput, SimulationError> {
    let measured = how.measured.unwrap_or_else(|| horizon_of(scenario));
    let end = measured.end;
    let mut batch = Batch::new();
    source.fill(&mut batch)?;
    let mut queue = EventQueue::new(end, expected_rate(scenario, &batch));
    let mut world = World::new(scenario, architecture, replication, &how, measured, &mut queue);
    let mut passes = Passes::of(&world);
    if how.one_by_one {
        world.back.take_one_by_one();
        passes = None;
    }
    let mut arrived = 0;
    // Before the first request there is next to nothing to do.
    let mut told_millis = batch.at[0].0 / 1_000_000;
    while batch.len > 0 {
        match &mut passes {
            Some(passes) => passes.take(&mut world, &batch, &mut queue),
            None => one_by_one(&mut world, &batch, &mut queue),
        }
        arrived += batch.len as u64;
        let millis = batch.at[batch.len - 1].0 / 1_000_000;
        control.requests.fetch_add(batch.len as u64, Ordering::Relaxed);
        control.simulated_millis.fetch_add(millis - told_millis, Ordering::Relaxed);
        told_millis = millis;
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(SimulationError::Cancelled);
        }
        source.fill(&mut batch)?;
    }
    engine::drain(&mut world, &mut queue, end);
    control.simulated_millis.fetch_add((end.0 / 1_000_000).saturating_sub(told_millis), Ordering::Relaxed);
    Ok(world.finish(architecture, arrived, &mut queue))
}

#[inline(never)]
fn one_by_one(world: &mut World<'_>, batch: &Batch, queue: &mut EventQueue<Event>) {
    let columns = batch.at[..batch.len].iter().zip(&batch.class[..batch.len]);
    let columns = columns.zip(&batch.cpu[..batch.len]).zip(&batch.wait[..batch.len]);
    let arrivals = columns.map(|(((&at, &class), &cpu), &wait)| (at, Arrival { class, cpu, wait }));
    engine::feed(world, queue, arrivals);
}

/// About how many requests a second will come: tunes the event queue and has no influence on results.
fn expected_rate(scenario: &Scenario, first: &Batch) -> f64 {
    let rate = match &scenario.traffic.shape {
        Shape::Constant(rate) => rate.0,
        Shape::Steps(steps) => steps.iter().map(|step| step.1.0).fold(0.0, f64::max),
        Shape::Diurnal(diurnal) => diurnal.mean.0,
        Shape::ReplayRate(_) | Shape::ReplayRequests(_) => {
            let last = first.len.saturating_sub(1);
            first.len as f64 / first.at[last].since(first.at[0]).as_secs_f64().max(1e-3)
        }
    };
    rate * scenario.traffic.scale
}
