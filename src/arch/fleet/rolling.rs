//! A rolling update of an ECS service: new tasks start as far as the maximum percentage allows, and old ones are stopped as new ones serve.
//!
//! - Of `desired` tasks at most `maximum` x desired (rounded down) start or serve at a time, at least `min_healthy` x desired (rounded up) stay in service.
//!   Those that drain count for neither.
//! - An old task is stopped when a new one serves in its place. Where the maximum leaves no room for the new ones, so many old ones are stopped before as
//!   the minimum allows. Which it does first where both are possible the guide leaves open ("may"); this is our reading.
//! - What is launched meanwhile, for whatever reason, is of the new version.
//!
//! Source: ECS developer guide, "rolling update"; ECS API, DeploymentConfiguration.

use super::rollout::{LOOK, belongs};
use super::{FleetState, Step};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::spec::deployment::RollingUpdate;
use crate::units::SimTime;

/// An update that goes on.
#[derive(Clone, Copy)]
pub struct Rolling {
    rule: RollingUpdate,
    /// Tasks up to this launch are of the old version.
    last_old: u64,
}

impl FleetState {
    /// An update begins.
    pub(super) fn rolling_begins(
        &mut self,
        now: SimTime,
        rule: RollingUpdate,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        self.rolling = Some(Rolling { rule, last_old: self.launches });
        self.rolling_goes_on(now, shared, queue);
    }

    /// Old tasks are stopped and new ones launched, as many as may be.
    pub(super) fn rolling_goes_on(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let Some(Rolling { rule, last_old }) = self.rolling else { return };
        let count = |old: bool| {
            let of = self.instances.iter().filter(|one| belongs(one) && (one.launched <= last_old) == old);
            of.count() as u32
        };
        let (old, fresh) = (count(true), count(false) + self.waiting_launches());
        if old == 0 {
            self.rolling = None;
            return;
        }
        let desired = self.size.desired;
        let lacking = desired.saturating_sub(fresh);
        let room = rule.most(desired).saturating_sub(old + fresh);
        let healthy = self.in_service.len() as u32;
        let replaced = healthy.saturating_sub(desired);
        let in_the_way = lacking.saturating_sub(room);
        let stopped = replaced.max(in_the_way).min(healthy.saturating_sub(rule.least(desired))).min(old);
        let mut gone = 0;
        for _ in 0..stopped {
            let launched = |place: &usize| self.instances[self.in_service[*place] as usize].launched;
            let oldest = (0..self.in_service.len()).min_by_key(launched).filter(|place| launched(place) <= last_old);
            let Some(place) = oldest else { break };
            self.drain_at(now, place, queue);
            gone += 1;
        }
        for _ in 0..lacking.min(room + gone) {
            self.launch(now, shared, queue);
        }
        self.plan(now + LOOK, Step::RollingGoesOn, 0, queue);
    }
}
