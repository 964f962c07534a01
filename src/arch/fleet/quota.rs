//! The account's quotas, which all groups of an architecture share.
//!
//! - **vCPUs of on-demand instances**: a launch beyond it is refused, and the group tries again a minute later (EC2 user guide, "On-Demand Instance
//!   quotas": running instances count, by their vCPUs; stopped ones do not; how soon a group tries again is not published).
//! - **Launches of Fargate tasks**: 20 a second, 100 at once, in an account and region, those of Spot tasks apart (ECS developer guide, "Fargate
//!   throttling quotas"; AWS.md 7.3). A launch beyond it waits.

use super::{FleetState, Step};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::units::{Limit, NANOS_PER_SEC, SimDuration, SimTime};

const AGAIN: SimDuration = SimDuration::from_secs(60);

/// vCPUs that the account may use and uses, in all groups.
pub struct VcpuQuota {
    limit: u64,
    used: u64,
}

impl VcpuQuota {
    /// Nothing is used.
    pub const fn new(limit: Limit) -> Self {
        Self { limit: limit.as_u64(), used: 0 }
    }

    fn take(&mut self, vcpus: u64) -> bool {
        let fits = self.limit - self.used >= vcpus;
        if fits {
            self.used += vcpus;
        }
        fits
    }
}

/// A bucket of task launches that refills at a constant rate.
#[derive(Clone, Copy)]
struct Launches {
    /// When the next would start if there were no burst.
    next: SimTime,
}

impl Launches {
    const EVERY: SimDuration = SimDuration(NANOS_PER_SEC / 20);
    const BURST: SimDuration = SimDuration(99 * Self::EVERY.0);

    /// When a launch ordered now starts.
    fn start(&mut self, now: SimTime) -> SimTime {
        let next = self.next.max(now);
        self.next = next + Self::EVERY;
        now + (next.since(now) - Self::BURST)
    }
}

/// The account's launches of tasks.
pub struct TaskLaunches {
    on_demand: Launches,
    spot: Launches,
}

impl TaskLaunches {
    /// Full buckets.
    pub const FULL: Self = Self { on_demand: Launches { next: SimTime::ZERO }, spot: Launches { next: SimTime::ZERO } };

    /// When a launch ordered now by any service starts.
    pub fn start(&mut self, now: SimTime, spot: bool) -> SimTime {
        if spot { self.spot.start(now) } else { self.on_demand.start(now) }
    }
}

/// Launches of a group that were refused.
#[derive(Default)]
pub struct Refused {
    /// Those that it will try again.
    waiting: u32,
    /// In all.
    pub count: u64,
}

impl Refused {
    /// Those that it will try again.
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }
}

impl FleetState {
    /// vCPUs of an instance that count: those of Fargate tasks and Spot instances have quotas of their own.
    fn counted_vcpus(&self, spot: bool) -> u64 {
        if spot || self.tasks { 0 } else { self.vcpu as u64 }
    }

    /// Takes the vCPUs of a launch; if there are none the launch is put off.
    pub(super) fn may_launch(
        &mut self,
        now: SimTime,
        spot: bool,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) -> bool {
        if shared.vcpus.take(self.counted_vcpus(spot)) {
            return true;
        }
        self.refused.count += 1;
        self.refused.waiting += 1;
        if self.refused.waiting == 1 {
            self.plan(now + AGAIN, Step::LaunchAgain, 0, queue);
        }
        false
    }

    /// Takes the vCPUs of an on-demand instance for the pool, which asks again by itself. Whether there are any.
    pub(super) fn takes_vcpus(&self, shared: &mut Shared<'_>) -> bool {
        shared.vcpus.take(self.counted_vcpus(false))
    }

    /// Gives back the vCPUs of an instance.
    pub(super) fn stops_counting(&self, spot: bool, shared: &mut Shared<'_>) {
        // A server may have changed its size since.
        shared.vcpus.used = shared.vcpus.used.saturating_sub(self.counted_vcpus(spot));
    }

    /// Tries the refused launches again; they are not counted twice.
    pub(super) fn launch_again(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let count = self.refused.count;
        for _ in 0..std::mem::take(&mut self.refused.waiting) {
            self.launch(now, shared, queue);
        }
        self.refused.count = count;
    }

    /// Gives up a launch that was refused. Whether there was one.
    pub(super) fn forget_refused(&mut self) -> bool {
        let any = self.refused.waiting > 0;
        self.refused.waiting -= u32::from(any);
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 140 launches at once the first hundred start at once, the others at 20 a second; a second later 20 more would. Those of Spot tasks
    /// have a bucket of their own.
    #[test]
    fn launches_of_tasks_keep_their_quota() {
        let mut quota = TaskLaunches::FULL;
        let now = SimTime::ZERO + SimDuration::from_secs(50);
        let starts: Vec<f64> = (0..140).map(|_| quota.start(now, false).since(now).as_secs_f64()).collect();
        assert!(starts[..100].iter().all(|start| *start <= 0.0));
        assert!((starts[100] - 0.05).abs() < 1e-9 && (starts[139] - 2.0).abs() < 1e-9, "{starts:?}");
        assert!(quota.start(now, true) <= now);
        let later = now + SimDuration::from_secs(3);
        let starts: Vec<f64> = (0..21).map(|_| quota.start(later, false).since(later).as_secs_f64()).collect();
        assert!(starts[..20].iter().all(|start| *start <= 0.0) && starts[20] > 0.0, "{starts:?}");
    }
}
