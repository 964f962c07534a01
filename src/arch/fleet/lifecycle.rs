//! From the launch of an instance to its first passing health check, and from the end of draining to its end.
//!
//! - The boot runs beside the **launch hook**. Registered is the instance when the hook is through, in service after the first check that passes.
//! - **Grace**: from its registration on the instance may fail checks for so long; if it still does then, and has failed as many in a row as make a
//!   target unhealthy, it is terminated and replaced. An application that starts more slowly than that never serves: the group goes on for ever.
//! - The **terminate hook** follows the draining. Waiting is paid.
//!
//! Sources: EC2 Auto Scaling user guide, "lifecycle hooks", "health check grace period" (300 s in the console, 0 s by API).

use super::{FleetState, Phase, Step};
use crate::arch::world::{Event, Shared};
use crate::finding::{Code, Finding, Unit};
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::sim::sampler::Sampler;
use crate::spec::group::Hook;
use crate::spec::model::Fleet;
use crate::units::{SimDuration, SimTime};

struct HookState {
    takes: Sampler,
    heartbeat: SimDuration,
    continues: bool,
    key: Key,
}

impl HookState {
    fn new(hook: &Hook, key: Key) -> Self {
        let Hook { takes, heartbeat, continues } = hook;
        Self { takes: Sampler::compile(takes), heartbeat: *heartbeat, continues: *continues, key }
    }

    /// How long the group waits, and whether the instance goes on then.
    fn wait(&self, launch: u64) -> (SimDuration, bool) {
        let takes = self.takes.sample(self.key.draw(launch, 0));
        if takes <= self.heartbeat { (takes, true) } else { (self.heartbeat, self.continues) }
    }
}

/// What a group waits for.
pub struct Lifecycle {
    /// `None`: nobody checks a starting instance.
    grace: Option<SimDuration>,
    launch: Option<HookState>,
    terminate: Option<HookState>,
    restart: Key,
    app_is_last: bool,
    /// Instances that were replaced before they ever served.
    pub never_served: u64,
}

impl Lifecycle {
    /// Of a fleet.
    pub fn new(fleet: &Fleet, key: Key) -> Self {
        let state = |hook: Option<&Hook>, name| hook.map(|hook| HookState::new(hook, key.named(name)));
        let hooks = fleet.hooks.as_deref();
        Self {
            grace: fleet.grace,
            launch: state(hooks.and_then(|hooks| hooks.launch.as_ref()), "launch hook"),
            terminate: state(hooks.and_then(|hooks| hooks.terminate.as_ref()), "terminate hook"),
            restart: key.named("restart"),
            app_is_last: fleet.app_is_last,
            never_served: 0,
        }
    }
}

impl FleetState {
    /// No balancer checks its instances, so that none is replaced because it starts slowly.
    pub fn unchecked(&mut self) {
        self.lifecycle.grace = None;
    }

    /// The parts of the boot of this launch that `wanted` takes, by their position.
    pub(super) fn booting(&self, launch: u64, wanted: impl Fn(usize) -> bool) -> SimDuration {
        let parts = self.boot.iter().zip(&self.keys.boot).enumerate().filter(|(part, _)| wanted(*part));
        parts.fold(SimDuration::ZERO, |sum, (_, (part, key))| sum + part.sample(key.draw(launch, 0)))
    }

    /// Whether a part of the boot is the start of the application.
    pub(super) fn is_app(&self, part: usize) -> bool {
        self.lifecycle.app_is_last && part + 1 == self.boot.len()
    }

    /// The n-th start of the application alone, in this group.
    pub(super) fn app_start(&self, launch: u64, n: u64) -> SimDuration {
        match self.boot.last() {
            Some(part) if self.lifecycle.app_is_last => part.sample(self.lifecycle.restart.draw(launch, n as u32)),
            _ => SimDuration::ZERO,
        }
    }

    /// An instance runs and will answer from `ready` on: when it will be in service, or given up.
    pub(super) fn register(&mut self, now: SimTime, ready: SimTime, slot: u32, queue: &mut EventQueue<Event>) {
        let launch = self.instances[slot as usize].launched;
        let (hook, goes_on) =
            self.lifecycle.launch.as_ref().map_or((SimDuration::ZERO, true), |hook| hook.wait(launch));
        let registered = now + hook;
        if !goes_on {
            return self.plan(registered, Step::Unhealthy, slot, queue);
        }
        // A new target needs one passing check, and the application comes up somewhere between two.
        let interval = self.check_interval.0;
        let bits = self.keys.check.draw(launch, 0);
        let first = ready.max(registered) + SimDuration(((u128::from(bits) * u128::from(interval)) >> 64) as u64);
        if let Some(grace) = self.lifecycle.grace {
            // Checks are an interval apart, counted back from the first that passes; those before it fail.
            let first_failed = registered + SimDuration(first.since(registered).0 % interval.max(1));
            let unhealthy = first_failed + SimDuration(interval.saturating_mul(self.failures.further_checks()));
            let patience = unhealthy.max(registered + grace);
            if patience < first {
                return self.plan(patience, Step::Unhealthy, slot, queue);
            }
        }
        self.plan(first, Step::InService, slot, queue);
    }

    /// How long the launch hook holds an instance on its way into a pool.
    pub(super) fn launch_hook(&self, launch: u64) -> SimDuration {
        self.lifecycle.launch.as_ref().map_or(SimDuration::ZERO, |hook| hook.wait(launch).0)
    }

    /// An instance has drained: when its hook is through, if that is not now.
    pub(super) fn waits_for_its_end(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>) -> bool {
        let launch = self.instances[slot as usize].launched;
        let Some(hook) = &self.lifecycle.terminate else { return false };
        let (wait, _) = hook.wait(launch);
        if wait > SimDuration::ZERO {
            self.plan(now + wait, Step::Over, slot, queue);
        }
        wait > SimDuration::ZERO
    }

    /// An instance is replaced before it has served.
    pub(super) fn counts_as_never_served(&mut self, slot: u32) {
        let instance = &self.instances[slot as usize];
        if instance.phase == Phase::Starting && !instance.dead {
            self.lifecycle.never_served += 1;
        }
    }

    /// Findings of the run, in words.
    pub fn findings(&self, name: &str, shared: &Shared<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut find = |code, count: u64, unit, text: String, fix: &str| {
            if count > 0 {
                found.push(Finding::new(code, text).of(name).value(count as f64, unit).fix(fix));
            }
        };
        let count = self.lifecycle.never_served;
        let text = format!(
            "fleet `{name}` terminated {count} instances that had not passed a health check within the grace period or whose launch hook was \
             abandoned, and paid for them"
        );
        let fix = "raise `health_check_grace`, or let the application start sooner";
        find(Code::NeverInService, count, Unit::Instances, text, fix);
        let count = self.restarts;
        let text =
            format!("instances of fleet `{name}` ran out of memory {count} times and lost what they had at work");
        find(Code::OutOfMemory, count, Unit::Restarts, text, "lower `concurrency`, or take a larger instance type");
        let (count, quota) = (self.refused.count, shared.scenario.account.vcpu_quota.as_u64());
        let text = format!(
            "{count} launches of fleet `{name}` were refused by `account.vcpu_quota` ({quota}) and tried again each minute"
        );
        find(
            Code::VcpuQuota,
            count,
            Unit::Launches,
            text,
            "have it raised, which is done on request, or start fewer at a time",
        );
        found
    }
}
