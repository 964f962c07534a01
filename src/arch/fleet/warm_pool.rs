//! A warm pool: instances that were launched and have run their user data before they are needed.
//!
//! The pool holds what the group with its pool should have prepared (`max_prepared`, else the group's largest size) less the size that the
//! group should have, and never fewer than `min_size`. Entering it an instance boots, which is paid; then it waits **stopped** (its volume is
//! paid), **hibernated** (the same; the application stays in memory) or **running** (all of it is paid). A launch takes one that is prepared, in the
//! zone with fewest instances, and only without any launches afresh. From stopped the system and the application start again, from hibernated
//! the system only, from running nothing does; the user data never runs again.
//!
//! CPU credits outlast a stop by seven days; what was owed is charged when it stops.
//!
//! Sources: EC2 Auto Scaling user guide, "warm pools" (automatic public addresses are given back by stopped instances); EC2 user guide, "CPU credits"
//! (T3, T3a and T4g; AWS.md 4.5).

use super::{Credits, FleetState, Instance, Phase, Step};
use crate::arch::world::{Event, Shared};
use crate::sim::allowance::Allowance;
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::sim::sampler::Sampler;
use crate::spec::group::{PoolState, WarmPool};
use crate::units::{SimDuration, SimTime};

/// The state of a warm pool.
pub struct Pool {
    state: PoolState,
    max_prepared: Option<u32>,
    min_size: u32,
    reuse: bool,
    start: Sampler,
    key: Key,
    /// Those that wait.
    ready: Vec<Waiting>,
    /// Those that boot.
    preparing: Vec<u32>,
}

/// An instance that waits, and since when.
#[derive(Clone, Copy)]
struct Waiting {
    slot: u32,
    since: SimTime,
}

/// For so long a stopped instance keeps its CPU credits.
const CREDITS_KEPT: SimDuration = SimDuration::from_hours(7 * 24);

impl Pool {
    /// An empty one.
    pub fn new(rule: &WarmPool, key: Key) -> Self {
        Self {
            state: rule.state,
            max_prepared: rule.max_prepared,
            min_size: rule.min_size,
            reuse: rule.reuse,
            start: Sampler::compile(&rule.start),
            key: key.named("warm pool"),
            ready: Vec::new(),
            preparing: Vec::new(),
        }
    }

    fn len(&self) -> u32 {
        (self.ready.len() + self.preparing.len()) as u32
    }
}

impl FleetState {
    /// How many instances are missing in the pool (negative: too many).
    fn missing_in_pool(&self) -> i64 {
        let Some(pool) = &self.warm else { return 0 };
        let prepared = pool.max_prepared.unwrap_or(self.size.max);
        let wanted = prepared.saturating_sub(self.size.desired).max(pool.min_size);
        let missing = i64::from(wanted) - i64::from(pool.len());
        // Those that drain come back.
        let expected = if pool.reuse { self.draining } else { 0 };
        if missing > 0 { (missing - i64::from(expected)).max(0) } else { missing }
    }

    /// At the start all of the pool is there and waits.
    pub(super) fn start_with_pool(&mut self, shared: &mut Shared<'_>) {
        for _ in 0..self.missing_in_pool().max(0) {
            let zone = self.emptiest_zone();
            self.wait_in_pool(SimTime::ZERO, zone, None, shared);
        }
    }

    /// Launches or terminates until the pool has its size.
    pub(super) fn fill_pool(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        if self.warm.is_none() {
            return;
        }
        let missing = self.missing_in_pool();
        for _ in 0..missing {
            if !self.failures.any_zone_works() || !self.takes_vcpus(shared) {
                // It is tried again when the group next changes.
                break;
            }
            let zone = self.emptiest_zone();
            let slot = self.place_in(zone, false, Phase::Preparing);
            if let Some(pool) = &mut self.warm {
                pool.preparing.push(slot);
            }
            let pending = self.pending.sample(self.keys.pending.draw(self.launches, 0));
            self.plan(now + pending, Step::Running, slot, queue);
        }
        for _ in missing..0 {
            let Some(pool) = &self.warm else { return };
            let last = pool.preparing.last().copied().or(pool.ready.last().map(|waiting| waiting.slot));
            last.into_iter().for_each(|slot| self.leave_pool(now, slot, shared));
        }
    }

    /// The zone with fewest instances of the group and its pool.
    fn emptiest_zone(&self) -> u32 {
        let pooled = |zone: u32| {
            let waiting = |pool: &Pool| pool.ready.iter().map(|one| one.slot).chain(pool.preparing.clone()).collect();
            let slots: Vec<u32> = self.warm.as_ref().map(waiting).unwrap_or_default();
            slots.iter().filter(|&&slot| self.instances[slot as usize].zone == zone).count() as u32
        };
        let zones = (0..self.zones).filter(|&zone| self.failures.works(zone));
        zones.min_by_key(|&zone| self.by_zone[zone as usize] + pooled(zone)).unwrap_or(0)
    }

    /// A new instance that is prepared already; with what it has `kept` of its credits.
    fn wait_in_pool(&mut self, now: SimTime, zone: u32, kept: Option<Allowance>, shared: &mut Shared<'_>) {
        let runs = self.warm.as_ref().is_some_and(|pool| pool.state == PoolState::Running);
        if runs && !self.takes_vcpus(shared) {
            return;
        }
        let slot = self.place_in(zone, false, Phase::Pooled);
        if runs {
            self.books.runs(now, false);
            self.instances[slot as usize].running_since = now;
        } else {
            self.books.stops(now);
        }
        let fresh = |credits: Credits| Allowance::new(credits.earned, credits.most, credits.unlimited);
        if let Some(allowance) = kept.or(self.credits.map(fresh)) {
            self.instances[slot as usize].server.grant(now, allowance);
        }
        if let Some(pool) = &mut self.warm {
            pool.ready.push(Waiting { slot, since: now });
        }
    }

    /// An instance of the pool runs for the first time: when it has booted it waits.
    pub(super) fn prepare(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>) {
        let stopped = self.warm.as_ref().is_some_and(|pool| pool.state == PoolState::Stopped);
        let launch = self.instances[slot as usize].launched;
        let boot = self.booting(launch, |part| !(stopped && self.is_app(part)));
        self.plan(now + boot.max(self.launch_hook(launch)), Step::Prepared, slot, queue);
    }

    /// It has booted.
    pub(super) fn prepared(&mut self, now: SimTime, slot: u32, shared: &mut Shared<'_>) {
        let Some(pool) = &mut self.warm else { return };
        pool.preparing.retain(|&other| other != slot);
        pool.ready.push(Waiting { slot, since: now });
        let runs = pool.state == PoolState::Running;
        let instance = &mut self.instances[slot as usize];
        instance.phase = Phase::Pooled;
        if !runs {
            self.books.terminated(now, instance.running_since, false);
            self.books.stops(now);
            instance.running_since = SimTime::NEVER;
            self.stops_counting(false, shared);
        }
    }

    /// Puts an instance of the pool into the group instead of launching one. Whether there was one (or no vCPUs for it).
    pub(super) fn wake_one(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) -> bool {
        let Some(pool) = &self.warm else { return false };
        let zone = |slot: u32| self.instances[slot as usize].zone;
        let slots = pool.ready.iter().map(|waiting| waiting.slot).enumerate();
        let there = slots.filter(|(_, slot)| self.failures.works(zone(*slot)));
        let order = |slot: u32| (self.by_zone[zone(slot) as usize], self.instances[slot as usize].launched);
        let Some((place, slot)) = there.min_by_key(|&(_, slot)| order(slot)) else { return false };
        let stopped = pool.state != PoolState::Running;
        if stopped && !self.may_launch(now, false, shared, queue) {
            return true;
        }
        let since = self.warm.as_mut().map_or(now, |pool| pool.ready.remove(place).since);
        if stopped {
            self.books.starts(now);
            if now > since + CREDITS_KEPT {
                let server = self.running.server(self.vcpu, self.room.concurrency, self.room.queue);
                self.instances[slot as usize].server = server;
            }
        }
        // It comes into the group now, and what was on the agenda for it is no longer.
        self.launches += 1;
        self.starting += 1;
        let instance = &mut self.instances[slot as usize];
        instance.launched = self.launches;
        instance.phase = Phase::Starting;
        self.by_zone[instance.zone as usize] += 1;
        let start = self.warm.as_ref().map(|pool| pool.start.sample(pool.key.draw(self.launches, 0)));
        self.plan(now + start.unwrap_or_default(), Step::Woken, slot, queue);
        true
    }

    /// An instance of the pool, or one that was stopped, runs again.
    pub(super) fn woken(&mut self, now: SimTime, slot: u32, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        let state = self.warm.as_ref().map_or(PoolState::Stopped, |pool| pool.state);
        let credits = self.credits;
        let Instance { launched, running_since, server, .. } = &mut self.instances[slot as usize];
        let launch = *launched;
        if *running_since == SimTime::NEVER {
            *running_since = now;
            self.books.runs(now, false);
            // It earned nothing while it stood still.
            server.skip_to(now);
            if let (Some(credits), None) = (credits, server.allowance()) {
                server.grant(now, Allowance::new(credits.earned, credits.most, credits.unlimited));
            }
        }
        self.plan_its_end(now, slot, shared, queue);
        let boot = self.booting(launch, |part| match state {
            PoolState::Stopped => part == 0 || self.is_app(part),
            PoolState::Hibernated => part == 0 && !self.is_app(part),
            PoolState::Running => false,
        });
        self.register(now, now + boot, slot, queue);
    }

    /// Takes an instance out of the pool for good.
    fn leave_pool(&mut self, now: SimTime, slot: u32, shared: &mut Shared<'_>) {
        let Some(pool) = &mut self.warm else { return };
        pool.ready.retain(|other| other.slot != slot);
        pool.preparing.retain(|&other| other != slot);
        let instance = &self.instances[slot as usize];
        let waits_stopped = instance.phase == Phase::Pooled && instance.running_since == SimTime::NEVER;
        if waits_stopped {
            self.books.starts(now);
        }
        // It is no change of the group.
        let changed_at = self.changed_at;
        self.remove_as(now, slot, !waits_stopped, shared);
        self.changed_at = changed_at;
    }

    /// An instance of the pool fails: another one is prepared. Whether it was one; those that stand still do not fail by themselves.
    pub(super) fn fails_in_pool(
        &mut self,
        now: SimTime,
        slot: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) -> bool {
        let instance = &self.instances[slot as usize];
        if !matches!(instance.phase, Phase::Preparing | Phase::Pooled) {
            return false;
        }
        let zone_works = self.failures.works(instance.zone);
        if instance.running_since < SimTime::NEVER || !zone_works || instance.phase == Phase::Preparing {
            self.leave_pool(now, slot, shared);
            self.fill_pool(now, shared, queue);
        }
        true
    }

    /// An instance has ended in this zone: with `reuse_on_scale_in` it waits in the pool from now on.
    pub(super) fn return_to_pool(&mut self, now: SimTime, slot: u32, zone: u32, shared: &mut Shared<'_>) {
        let reuse = self.warm.as_ref().is_some_and(|pool| pool.reuse);
        if reuse && self.failures.works(zone) && self.missing_in_pool() > 0 {
            let kept = self.instances[slot as usize].server.allowance().map(Allowance::kept);
            self.wait_in_pool(now, zone, kept, shared);
        }
    }
}
