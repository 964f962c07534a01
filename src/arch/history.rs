//! The history of a window: what the fleets that scale have gone through before its requests come. See [`super::fleet::fluid`].

use super::How;
use super::fleet::fluid::Inflow;
use super::output::Horizon;
use super::way_back::{Path, Place};
use super::world::World;
use crate::sim::engine;
use crate::sim::queue::EventQueue;
use crate::spec::model::{Architecture, Component, ComponentKind};
use crate::spec::scenario::{Frequency, RequestClass, Scenario};
use crate::traffic::{Batch, Moments, Source, TrafficError};
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};

/// What was before the requests come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History<'a> {
    /// Requests that are expected in each minute of the engine's clock.
    pub by_minute: &'a [f64],
    /// When the requests come.
    pub until: SimTime,
    /// What requests of each class need.
    pub needs: &'a [Moments],
    /// Requests that are known.
    pub came: Option<&'a Came>,
}

/// Requests that came, by minute and class.
#[derive(Debug, Clone, PartialEq)]
pub struct Came {
    /// The first minute of the engine's clock.
    first: u64,
    /// By minute, then class: requests, and their CPU seconds on the reference vCPU.
    minutes: Vec<Vec<(f64, f64)>>,
}

impl Came {
    const MINUTE: SimDuration = SimDuration::from_mins(1);

    /// Those of a source from `begin`, a whole minute, to `end`.
    ///
    /// # Errors
    /// As [`Source::fill`].
    pub fn of(mut source: Source, begin: SimTime, end: SimTime, classes: usize) -> Result<Self, TrafficError> {
        let first = begin.0 / Self::MINUTE.0;
        let length = end.since(begin).0.div_ceil(Self::MINUTE.0) as usize;
        let mut minutes = vec![vec![(0.0, 0.0); classes]; length];
        let mut batch = Batch::new();
        source.fill(&mut batch)?;
        while batch.len > 0 {
            let columns = batch.at[..batch.len].iter().zip(&batch.class[..batch.len]).zip(&batch.cpu[..batch.len]);
            for ((at, &class), &cpu) in columns {
                let minute = (at.0 / Self::MINUTE.0).saturating_sub(first) as usize;
                if let Some(sum) = minutes.get_mut(minute).and_then(|minute| minute.get_mut(usize::from(class))) {
                    sum.0 += 1.0;
                    sum.1 += cpu as f64 / NANOS_PER_SEC as f64;
                }
            }
            source.fill(&mut batch)?;
        }
        Ok(Self { first, minutes })
    }

    /// In periods of so many minutes, of those classes only that are meant.
    fn by_period(&self, minutes: usize, meant: &[bool]) -> (u64, Vec<(f64, f64)>) {
        let of_minute = |minute: &Vec<(f64, f64)>| {
            let classes = minute.iter().zip(meant).filter(|(_, meant)| **meant);
            classes.fold((0.0, 0.0), |sum, (one, _)| (sum.0 + one.0, sum.1 + one.1))
        };
        let of_period = |minutes: &[Vec<(f64, f64)>]| {
            minutes.iter().map(of_minute).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        };
        (self.first / minutes as u64, self.minutes.chunks(minutes).map(of_period).collect())
    }
}

impl History<'_> {
    /// What flows into a fleet whose metric has this period.
    pub(super) fn inflow(&self, classes: &[RequestClass], paths: &[Path], fleet: Place, period: SimDuration) -> Inflow {
        let all: f64 = classes.iter().map(|class| class.share).sum();
        let (mut share, mut needs) = (0.0, Moments::default());
        for ((class, path), of) in classes.iter().zip(paths).zip(self.needs) {
            if path.last == fleet && all > 0.0 {
                let part = class.share / all;
                share += part;
                needs.cpu.iter_mut().zip(of.cpu).for_each(|(sum, one)| *sum += part * one);
                needs.wait += part * of.wait;
            }
        }
        if share > 0.0 {
            needs.cpu.iter_mut().for_each(|sum| *sum /= share);
            needs.wait /= share;
        }
        let minutes = (period.0 / SimDuration::from_mins(1).0).max(1) as usize;
        let expected = self.by_minute.chunks(minutes).map(|minutes| minutes.iter().sum::<f64>() * share).collect();
        let meant: Vec<bool> = paths.iter().map(|path| path.last == fleet).collect();
        let came = self.came.map_or((0, Vec::new()), |came| came.by_period(minutes, &meant));
        Inflow { expected, needs, until: self.until, came }
    }
}

/// The capacity that a fleet which scales would have if all of its work were fluid.
#[derive(Debug, Clone, PartialEq)]
pub struct FluidCapacity {
    /// Position of the fleet among the components.
    pub component: usize,
    /// Its name.
    pub name: String,
    /// Mean number of instances in each slot.
    pub by_slot: Vec<f64>,
}

/// Whether a component follows its history: it changes its size by what it has seen.
pub fn follows(kind: &ComponentKind) -> bool {
    matches!(kind, ComponentKind::Fleet(fleet) if !fleet.scaling.is_empty())
}

/// The capacity of the fleets that scale in each slot of what is measured, if all of it were fluid. A window's history is the part of it before the
/// window: the draws are the same.
pub fn fluid_capacity(
    scenario: &Scenario,
    architecture: &Architecture,
    replication: u32,
    history: History<'_>,
    without: Option<Frequency>,
    measured: Horizon,
    slot: SimDuration,
) -> Vec<FluidCapacity> {
    let history = History { until: SimTime(u64::MAX), ..history };
    let how = How { history: Some(history), bucket: Some(slot), without, ..How::default() };
    let mut queue = EventQueue::new(measured.end, 1.0);
    let mut world = World::new(scenario, architecture, replication, &how, measured, &mut queue);
    engine::drain(&mut world, &mut queue, measured.end);
    let levels = world.finish(architecture, 0, &mut queue).series.capacity;
    let of_fleet = |(component, by_slot): (usize, Vec<f64>)| {
        let Component { name, kind } = &architecture.components[component];
        follows(kind).then(|| FluidCapacity { component, name: name.clone(), by_slot })
    };
    levels.into_iter().filter_map(of_fleet).collect()
}
