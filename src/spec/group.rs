//! What a group of instances does besides serving and scaling: memory, the grace of health checks, lifecycle hooks, a pool of prepared instances,
//! forecasts.

use super::distribution::Distribution;
use super::model::{Days, InstanceType, TrackedMetric};
use crate::units::{Bytes, SimDuration};

/// Memory that the application takes of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Of the operating system and the application at rest.
    pub base: Bytes,
    /// Of each request at work. Those that queue take none.
    pub per_request: Bytes,
    /// What happens to a request for which there is none left.
    pub when_full: WhenFull,
}

/// What an instance without memory does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It refuses the request (503).
    Refuse,
    /// The application is killed with all that it had at work (502) and starts again.
    Restart,
}

impl MemoryUse {
    /// Requests that can be at work on an instance with this much memory.
    pub fn holds(&self, memory_mib: u32) -> u64 {
        let all = u64::from(memory_mib) << 20;
        all.saturating_sub(self.base.0) / self.per_request.0.max(1)
    }
}

/// A lifecycle hook: an action that the group waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// How long the action takes.
    pub takes: Distribution,
    /// The group waits no longer than this.
    pub heartbeat: SimDuration,
    /// An action that takes longer lets the instance go on; otherwise a new one is terminated and replaced.
    pub continues: bool,
}

/// The hooks of a group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hooks {
    /// From running on, beside the boot; only then the instance is registered.
    pub launch: Option<Hook>,
    /// After draining, before the instance is terminated.
    pub terminate: Option<Hook>,
}

/// A warm pool.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmPool {
    /// How its instances wait.
    pub state: PoolState,
    /// Instances of the group and its pool together; `None`: the group's largest size.
    pub max_prepared: Option<u32>,
    /// The pool is never smaller.
    pub min_size: u32,
    /// Instances that the group gives up return to the pool.
    pub reuse: bool,
    /// From the order until an instance of the pool runs.
    pub start: Distribution,
}

/// How the instances of a warm pool wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolState {
    /// Stopped: the volume is paid. The operating system and the application start again.
    Stopped,
    /// Hibernated: the same, but the application is still in memory.
    Hibernated,
    /// Running, and paid.
    Running,
}

/// Predictive scaling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predictive {
    /// What is forecast: CPU, or requests for each target.
    pub metric: TrackedMetric,
    /// What each instance should have of it: CPU as a fraction of 1, requests a minute.
    pub target: f64,
    /// So long before each hour its instances are launched (`SchedulingBufferTime`).
    pub buffer: SimDuration,
}

/// A change of the type of a single server, at a time of the day or once.
#[derive(Debug, Clone, PartialEq)]
pub struct Resize {
    /// Since midnight, where t = 0 is a midnight; or since t = 0, if it happens once.
    pub at: SimDuration,
    /// It happens once.
    pub once: bool,
    /// On which days, if it does not.
    pub days: Days,
    /// The type that it has from then on.
    pub to: InstanceType,
    /// From the order until it runs again: stopping, the change, and starting.
    pub downtime: Distribution,
}
