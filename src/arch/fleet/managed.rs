//! Lambda Managed Instances: a fleet that Lambda runs. Its instances hold execution environments that take several requests at once and share the
//! instance's vCPUs; the router finds whichever has room, and refuses (429) what finds none. Each instance is replaced at a given age, the new one
//! before the old one (AWS.md 1.12; Lambda developer guide, Managed Instances).

use super::{FleetState, Phase, Step};
use crate::arch::call::Ending;
use crate::arch::output::Outcome;
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::spec::model::{Fleet, Managed};
use crate::units::{SimDuration, SimTime};
use std::collections::VecDeque;

/// Instances that are replaced at an age.
pub(super) struct Rotation {
    age: SimDuration,
    /// Those whose successor is under way, by slot and launch.
    leaving: VecDeque<(u32, u64)>,
}

impl Rotation {
    pub(super) fn new(rule: &Managed) -> Self {
        Self { age: rule.rotation, leaving: VecDeque::new() }
    }
}

/// What a request meets for which nobody has room.
pub(super) fn full(fleet: &Fleet) -> Ending {
    let (status, outcome) = if fleet.managed.is_some() { (429, Outcome::Throttled) } else { (503, Outcome::Rejected) };
    Ending { at: SimTime::ZERO, status, outcome }
}

impl FleetState {
    /// Puts the end of an instance that runs from now on the agenda.
    pub(super) fn plan_rotation(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>) {
        if let Some(rotation) = &self.rotation {
            self.plan(now + rotation.age, Step::Rotates, slot, queue);
        }
    }

    /// An instance has reached its age: a successor is launched, and it stays until that is in service.
    pub(super) fn rotate(&mut self, now: SimTime, slot: u32, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let instance = &self.instances[slot as usize];
        if instance.phase != Phase::InService {
            return;
        }
        let launch = instance.launched;
        if let Some(rotation) = &mut self.rotation {
            rotation.leaving.push_back((slot, launch));
        }
        self.launch(now, shared, queue);
    }

    /// An instance has just come into service: if it succeeds one, that drains. If that is gone already, and so was replaced, there is one too
    /// many, and the newcomer goes.
    pub(super) fn take_over(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        let Some((slot, launch)) = self.rotation.as_mut().and_then(|rotation| rotation.leaving.pop_front()) else {
            return;
        };
        let stands = self.instances[slot as usize].launched == launch;
        let old = self.in_service.iter().position(|&other| other == slot).filter(|_| stands);
        if let Some(place) = old.or_else(|| self.in_service.len().checked_sub(1)) {
            self.drain_at(now, place, queue);
        }
    }
}
