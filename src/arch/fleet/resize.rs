//! A single server that changes its instance type: it is stopped, changed and started again.
//!
//! What it has at work is cut off (502), and nobody answers until it has started: stopping, then as from stopped (EC2 user guide, "change the instance
//! type": the instance has to be stopped; from stopping on it is not billed, its volume is). The user data does not run again.

use super::memory::Room;
use super::{DAY, FleetState, Instance, Phase, Step};
use crate::arch::call::{Call, Ending};
use crate::arch::output::Outcome;
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::sim::sampler::Sampler;
use crate::spec::group::Resize;
use crate::spec::model::Fleet;
use crate::units::{SimDuration, SimTime};

/// The changes of a fleet.
pub struct Resizes {
    changes: Vec<(Resize, Room)>,
    stopping: Vec<Sampler>,
    key: Key,
}

impl Resizes {
    /// Of a fleet.
    pub fn new(fleet: &Fleet, key: Key) -> Self {
        Self {
            changes: fleet.resizes.iter().map(|one| (one.clone(), Room::new(fleet, one.to.memory_mib))).collect(),
            stopping: fleet.resizes.iter().map(|one| Sampler::compile(&one.downtime)).collect(),
            key: key.named("resize"),
        }
    }
}

impl FleetState {
    /// Puts the changes on the agenda.
    pub(super) fn plan_resizes(&mut self, warmup: SimDuration, queue: &mut EventQueue<Event>) {
        let midnight = warmup.0 % DAY.0;
        for index in 0..self.resizes.changes.len() {
            let Resize { at, once, .. } = self.resizes.changes[index].0;
            let at = if once { SimTime::ZERO + warmup + at } else { SimTime((midnight + at.0) % DAY.0) };
            self.plan(at, Step::Resize(index as u32), 0, queue);
        }
    }

    /// A change is due, if it is one of its days.
    pub(super) fn resize_server(
        &mut self,
        now: SimTime,
        index: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        let (Resize { days, to, once, .. }, room) = self.resizes.changes[index as usize].clone();
        if !once {
            self.plan(now + DAY, Step::Resize(index), 0, queue);
        }
        if !(once || days.contains(super::weekday(now, shared.scenario))) || self.books.is_already(index as usize) {
            return;
        }
        let here =
            |instance: &Instance| matches!(instance.phase, Phase::Starting | Phase::InService | Phase::Unhealthy);
        let server = self.instances.iter().position(here).map(|slot| slot as u32);
        if let Some(slot) = server {
            self.take_away(slot);
            for call in self.remove(now, slot, shared) {
                self.books.left(&call, now);
                done(&call, Ending { at: now, status: 502, outcome: Outcome::Failed });
            }
        }
        (self.vcpu, self.room) = (f64::from(to.vcpu), room);
        self.books.becomes(now, index as usize, self.vcpu);
        let Some(zone) = server.map(|slot| self.instances[slot as usize].zone) else { return };
        if !self.may_launch(now, false, shared, queue) {
            return;
        }
        let slot = self.place_in(zone, false, Phase::Starting);
        self.starting += 1;
        self.by_zone[zone as usize] += 1;
        self.books.stops(now);
        self.instances[slot as usize].still = true;
        let takes = self.resizes.stopping[index as usize].sample(self.resizes.key.draw(self.launches, 0));
        self.plan(now + takes, Step::Resized, slot, queue);
    }

    /// The server runs again.
    pub(super) fn resized(&mut self, now: SimTime, slot: u32, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        self.books.starts(now);
        self.instances[slot as usize].still = false;
        self.woken(now, slot, shared, queue);
    }
}
