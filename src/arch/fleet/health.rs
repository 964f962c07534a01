//! Instances that hang while their machine runs, and a group that leaves them alone.
//!
//! With the health check type `EC2` an Auto Scaling group replaces only instances whose machine fails. The balancer's health check takes one that hangs
//! out of service; it stays registered and paid. When it answers again it is healthy after `healthy_threshold` passed checks, the first at a random
//! phase of the interval. With the type `ELB` it is terminated and replaced when it is noticed, as a failed one is ([`super::failures`]).
//!
//! **Fail-open**: while no target is healthy, requests go to all of them, as if all were. So what answers again serves at once; the first that is healthy
//! ends it. Sources: ELB user guide, "health checks for your target groups"; EC2 Auto Scaling user guide, "health checks".

use super::{FleetState, Instance, Phase, Step};
use crate::arch::call::{Call, Ending};
use crate::arch::world::{Event, Shared};
use crate::sim::allowance::Allowance;
use crate::sim::queue::EventQueue;
use crate::units::{SimDuration, SimTime};

impl FleetState {
    /// So large a share of those in service hangs because of this event.
    pub(super) fn hang(
        &mut self,
        now: SimTime,
        share: f64,
        event: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        let serves = |instance: &Instance| instance.phase == Phase::InService && !instance.dead;
        let drawn = self.drawn(serves, event);
        let taken = (drawn.len() as f64 * share + 0.5) as usize;
        for &(_, slot) in drawn.iter().take(taken) {
            self.fail(now, slot, shared, queue, done);
            self.instances[slot as usize].hung = event + 1;
        }
    }

    /// The event is over: what hangs because of it answers again.
    pub(super) fn answer_again(
        &mut self,
        now: SimTime,
        event: u32,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        for slot in 0..self.instances.len() as u32 {
            let instance = &mut self.instances[slot as usize];
            if instance.hung != event + 1 || instance.phase == Phase::Gone {
                continue;
            }
            (instance.dead, instance.hung, instance.restarting) = (false, 0, false);
            let waited = instance.server.take_waited(now);
            let occupancy = instance.server.take_occupancy(now);
            let lost = instance.server.abort();
            instance.server = self.running.server(self.vcpu, self.room.concurrency, self.room.queue);
            instance.server.skip_to(now);
            // What it had of credits is left out: it begins without.
            if let Some(credits) = self.credits {
                instance.server.grant(now, Allowance::new(credits.earned, credits.most, credits.unlimited));
            }
            instance.planned = SimTime::NEVER;
            self.books.worked(0.0, occupancy, 0.0);
            self.books.waited(waited);
            self.never_connected(now, &lost, done);
            self.comes_back(now, slot, queue);
        }
    }

    /// An instance answers again; if it is out of service, it has checks to pass.
    pub(super) fn comes_back(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>) {
        let Instance { launched, phase, .. } = self.instances[slot as usize];
        if phase == Phase::Unhealthy {
            let interval = self.check_interval.0;
            let first = self.failures.first_check(launched, interval);
            let further = interval.saturating_mul(u64::from(self.healthy_threshold.saturating_sub(1)));
            self.plan(now + SimDuration(first.saturating_add(further)), Step::Healthy, slot, queue);
        }
    }

    /// The health check has noticed that an instance hangs, and the group leaves it alone.
    pub(super) fn take_out(&mut self, slot: u32) {
        self.instances[slot as usize].phase = Phase::Unhealthy;
        self.in_service.remove_slot(slot);
        self.open_if_none_is_healthy();
    }

    /// An instance has passed as many checks as it takes.
    pub(super) fn healthy(&mut self, slot: u32) {
        let instance = &mut self.instances[slot as usize];
        if instance.phase == Phase::Unhealthy && !instance.dead && !instance.restarting {
            instance.phase = Phase::InService;
            self.close();
            self.in_service.push(slot);
        }
    }

    /// Fail-open: without a healthy target, all that are registered get requests.
    pub(super) fn open_if_none_is_healthy(&mut self) {
        if self.in_service.is_empty() && !self.fails_open {
            let registered = |slot: &u32| self.instances[*slot as usize].phase == Phase::Unhealthy;
            self.in_service.replace((0..self.instances.len() as u32).filter(registered).collect());
            self.fails_open = !self.in_service.is_empty();
        } else if self.fails_open {
            // Another one has become unhealthy.
            let registered = |slot: &u32| self.instances[*slot as usize].phase == Phase::Unhealthy;
            self.in_service.replace((0..self.instances.len() as u32).filter(registered).collect());
        }
    }

    /// A target is healthy again: those that are not get nothing any more.
    pub(super) fn close(&mut self) {
        if std::mem::take(&mut self.fails_open) {
            let instances = &self.instances;
            self.in_service.retain(|&slot| instances[slot as usize].phase == Phase::InService);
        }
    }

    /// Instances that are registered and unhealthy.
    pub(super) fn unhealthy_count(&self) -> u32 {
        self.instances.iter().filter(|instance| instance.phase == Phase::Unhealthy).count() as u32
    }
}
