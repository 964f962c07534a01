//! Deployments of a scenario: when a new version of a component takes over, and how its share of the traffic grows.

use super::scenario::Frequency;
use crate::units::SimDuration;

/// A deployment of one component, in every architecture that has a component of this name.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Start, since t = 0; within the horizon.
    pub at: SimDuration,
    /// From its start until the old version gets no more requests, preparation included; the longest of all architectures. It is over within
    /// the horizon.
    pub lasts: SimDuration,
    /// How often it happens.
    pub per: Frequency,
    /// Name of the component.
    pub component: String,
    /// As written: `LambdaCanary10Percent5Minutes`.
    pub name: String,
    /// How the new version takes over.
    pub kind: DeploymentKind,
}

/// How a new version takes over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DeploymentKind {
    /// CodeDeploy shifts the requests of a function's alias.
    Lambda(TrafficShift),
    /// The instances of a group are replaced batch by batch.
    InstanceRefresh(InstanceRefresh),
    /// ECS replaces the tasks of a service, as many at once as its bounds allow.
    RollingUpdate(RollingUpdate),
    /// CodeDeploy shifts the requests of an ECS service to a second set of tasks.
    BlueGreen(BlueGreen),
}

/// How a rolling update of an ECS service goes on (ECS developer guide, "rolling update").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollingUpdate {
    /// minimumHealthyPercent as a share (0..=1): so many of the tasks stay in service, rounded up.
    pub min_healthy: f64,
    /// maximumPercent as a share (1..=2): so many tasks start or serve at once, rounded down.
    pub maximum: f64,
}

impl RollingUpdate {
    /// 100 % and 200 % (ECS API, DeploymentConfiguration: the defaults of replica services).
    pub const DEFAULT: Self = Self { min_healthy: 1.0, maximum: 2.0 };

    /// The fewest of so many tasks that stay in service.
    pub fn least(&self, tasks: u32) -> u32 {
        (f64::from(tasks) * self.min_healthy - 1e-9).ceil() as u32
    }

    /// The most that start or serve.
    pub fn most(&self, tasks: u32) -> u32 {
        (f64::from(tasks) * self.maximum + 1e-9).floor() as u32
    }

    /// How often new tasks have to start before all are replaced; `None` if the bounds leave no room for any.
    pub fn rounds(&self, tasks: u32) -> Option<u32> {
        let room = self.most(tasks).saturating_sub(self.least(tasks));
        if tasks == 0 { Some(0) } else { (room > 0).then(|| tasks.div_ceil(room)) }
    }
}

/// How CodeDeploy replaces the task set of an ECS service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlueGreen {
    /// How the share of the replacement set grows, from when all of it serves.
    pub shift: TrafficShift,
    /// So long after the last step the original set is kept, without requests and paid.
    pub termination_wait: SimDuration,
}

impl BlueGreen {
    /// With this shift; the original set is kept for an hour, as a service made by the ECS console has it (ECS developer guide, "blue/green
    /// deployment with CodeDeploy", default settings; read 2026-11-29). The API has no default; at most two days.
    pub const fn new(shift: TrafficShift) -> Self {
        Self { shift, termination_wait: SimDuration::from_hours(1) }
    }
}

/// How an instance refresh goes on (EC2 Auto Scaling user guide).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InstanceRefresh {
    /// Share (0..=1) of the group that stays in service.
    pub min_healthy: f64,
    /// It waits once when this share (0..=1) of the instances has been replaced.
    pub checkpoint: Option<f64>,
    /// For so long.
    pub checkpoint_delay: SimDuration,
}

impl InstanceRefresh {
    /// 90 % stay in service, and there is no checkpoint.
    pub const DEFAULT: Self = Self { min_healthy: 0.9, checkpoint: None, checkpoint_delay: SimDuration::from_hours(1) };

    /// Batches that replace so many instances.
    pub fn batches(&self, instances: u32) -> u32 {
        let healthy = (f64::from(instances) * self.min_healthy - 1e-9).ceil() as u32;
        instances.div_ceil(instances.saturating_sub(healthy).max(1))
    }
}

/// A share of the requests goes to the new version: `first` at once, then `step` more each `every`, until it is all.
///
/// CodeDeploy's names (user guide, deployment configurations; AWS.md 2.10): a canary shifts 10 % and after its interval the rest, a linear one
/// 10 % at the start of each interval, so that ten steps take nine intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrafficShift {
    /// Per cent that go to the new version at once, 1..=100.
    pub first: u32,
    /// Per cent that follow each time, 1..=100.
    pub step: u32,
    /// Time between two steps.
    pub every: SimDuration,
}

impl TrafficShift {
    /// All requests at once.
    pub const ALL_AT_ONCE: Self = Self { first: 100, step: 100, every: SimDuration::ZERO };

    /// 10 %, and the rest after so many minutes.
    pub const fn canary(minutes: u64) -> Self {
        Self { first: 10, step: 90, every: SimDuration::from_mins(minutes) }
    }

    /// 10 % each so many minutes.
    pub const fn linear(minutes: u64) -> Self {
        Self { first: 10, step: 10, every: SimDuration::from_mins(minutes) }
    }

    /// Share (0..=1) of the requests that go to the new version so long after the first step.
    pub fn share(&self, after: SimDuration) -> f64 {
        let steps = after.0.checked_div(self.every.0).unwrap_or(0);
        let percent = u64::from(self.first).saturating_add(u64::from(self.step).saturating_mul(steps));
        percent.min(100) as f64 / 100.0
    }

    /// From the first step to the last.
    pub fn lasts(&self) -> SimDuration {
        let left = 100u32.saturating_sub(self.first);
        SimDuration(self.every.0.saturating_mul(u64::from(left.div_ceil(self.step.max(1)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The user guide's words: 10 % at the start of each increment; a canary's rest after its interval.
    #[test]
    fn shares_grow_by_steps() {
        let shares = |shift: TrafficShift, seconds: &[u64]| -> Vec<f64> {
            seconds.iter().map(|&second| shift.share(SimDuration::from_secs(second))).collect()
        };
        assert_eq!(shares(TrafficShift::ALL_AT_ONCE, &[0, 1]), [1.0, 1.0]);
        assert_eq!(shares(TrafficShift::canary(5), &[0, 299, 300, 9_999]), [0.1, 0.1, 1.0, 1.0]);
        assert_eq!(shares(TrafficShift::linear(2), &[0, 119, 120, 1_079, 1_080]), [0.1, 0.1, 0.2, 0.9, 1.0]);
        let lasts = |shift: TrafficShift| shift.lasts().as_secs_f64() / 60.0;
        assert_eq!(lasts(TrafficShift::ALL_AT_ONCE), 0.0);
        assert_eq!((lasts(TrafficShift::canary(30)), lasts(TrafficShift::linear(10))), (30.0, 90.0));
    }

    /// The developer guide's words: of four tasks 50 % are two, of two 75 % are two (rounded up); the maximum is rounded down.
    #[test]
    fn bounds_of_a_rolling_update() {
        let rule = |min_healthy, maximum| RollingUpdate { min_healthy, maximum };
        assert_eq!((rule(0.5, 1.0).least(4), rule(0.75, 1.0).least(2), rule(1.0, 1.5).most(3)), (2, 2, 4));
        assert_eq!(RollingUpdate::DEFAULT.rounds(7), Some(1));
        assert_eq!((rule(0.5, 1.0).rounds(4), rule(1.0, 1.25).rounds(4)), (Some(2), Some(4)));
        assert_eq!(
            (rule(1.0, 1.0).rounds(4), rule(0.5, 1.0).rounds(1), rule(1.0, 1.0).rounds(0)),
            (None, None, Some(0))
        );
    }
}
