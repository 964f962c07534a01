//! An instance refresh: the instances of a group are replaced batch by batch, since a new version of the application is in their image.
//!
//! At most so many instances that the minimum healthy percentage stays in service are taken out at once, the oldest first, at least one; they drain, and as many are
//! launched at the same time. When these serve and their warm-up is over the next batch follows; at the checkpoint the refresh waits. Instances that are launched
//! meanwhile are of the new version. A warm pool is not refreshed. It is looked at each second.
//!
//! Source: EC2 Auto Scaling user guide, "instance refresh" (90 % unless stated; the group is not scaled in by it).

use super::rollout::LOOK;
use super::{FleetState, Phase, Step};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::spec::deployment::InstanceRefresh;
use crate::units::SimTime;

/// A refresh that goes on.
#[derive(Clone, Copy)]
pub struct Refresh {
    rule: InstanceRefresh,
    /// Instances up to this launch are of the old version; so many were there.
    last_old: u64,
    old: u32,
    /// It waits at its checkpoint until then.
    rests_until: SimTime,
    rested: bool,
}

impl FleetState {
    /// A refresh begins.
    pub(super) fn refresh_begins(
        &mut self,
        now: SimTime,
        rule: InstanceRefresh,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        let (last_old, old) = (self.launches, self.in_service.len() as u32);
        self.refresh = Some(Refresh { rule, last_old, old, rests_until: now, rested: false });
        self.refresh_goes_on(now, shared, queue);
    }

    /// The next batch is replaced, if the one before serves and is warm.
    pub(super) fn refresh_goes_on(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let Some(mut refresh) = self.refresh else { return };
        let Refresh { rule, last_old, old, .. } = refresh;
        let is_old = |slot: &u32| self.instances[*slot as usize].launched <= last_old;
        let left = self.in_service.iter().filter(|slot| is_old(slot)).count() as u32;
        if left == 0 {
            self.refresh = None;
            return;
        }
        let warm = |slot: &u32| is_old(slot) || self.instances[*slot as usize].warm_from <= now;
        if self.starting == 0 && self.in_service.iter().all(warm) {
            let done = f64::from(old.saturating_sub(left)) / f64::from(old.max(1));
            if rule.checkpoint.is_some_and(|share| done >= share - 1e-9) && !refresh.rested {
                (refresh.rested, refresh.rests_until) = (true, now + rule.checkpoint_delay);
            }
            if now >= refresh.rests_until {
                let healthy = (f64::from(self.size.desired) * rule.min_healthy - 1e-9).ceil() as u32;
                let batch = (self.in_service.len() as u32).saturating_sub(healthy).clamp(1, left);
                for _ in 0..batch {
                    let launched = |place: &usize| self.instances[self.in_service[*place] as usize].launched;
                    let Some(place) = (0..self.in_service.len()).min_by_key(launched) else { break };
                    self.drain_at(now, place, queue);
                    self.launch(now, shared, queue);
                }
            }
        }
        self.refresh = Some(refresh);
        self.plan(now + LOOK, Step::RefreshGoesOn, 0, queue);
    }

    /// Takes the instance at this place out of service, and drains it.
    pub(super) fn drain_at(&mut self, now: SimTime, place: usize, queue: &mut EventQueue<Event>) {
        let slot = self.in_service.remove(place);
        let instance = &mut self.instances[slot as usize];
        instance.phase = Phase::Draining;
        self.by_zone[instance.zone as usize] -= 1;
        self.draining += 1;
        self.plan(now + self.drain, Step::Terminated, slot, queue);
    }
}
