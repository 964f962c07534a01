//! The account's vCPU quota of on-demand instances: a launch beyond it is refused, and the group tries again a minute later.
//!
//! Source: EC2 user guide, "On-Demand Instance quotas" (running instances count, by their vCPUs; stopped ones do not). How soon a group tries
//! again is not published.

use super::{FleetState, Step};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::units::{Limit, SimDuration, SimTime};

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

/// Launches of a group that were refused.
#[derive(Default)]
pub struct Refused {
    /// Those that it will try again.
    waiting: u32,
    /// In all.
    pub count: u64,
}

impl FleetState {
    /// vCPUs of an instance that count: those of Fargate tasks and Spot instances have quotas of their own.
    fn counted_vcpus(&self, spot: bool) -> u64 {
        if spot || self.launch_quota.is_some() { 0 } else { self.vcpu as u64 }
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
