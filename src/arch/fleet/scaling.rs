//! What size a group should have: its policies, each with its own alarms.
//!
//! The group tells the datapoints of a metric period and gets back the size that it should have. Sources: EC2 Auto Scaling user guide,
//! "dynamic scaling", "step and simple scaling policies"; console listings of the alarms that target tracking makes.
//!
//! - **Target tracking** (the exact formula is not published): after `out_periods` minutes above the target the group grows to
//!   ceil(instances x metric / target), instances that warm up counting as capacity; after `in_periods` minutes below `in_bound` x target it
//!   shrinks to the same formula.
//! - **Steps**: while the alarm lasts, the step that the distance from the threshold falls into changes the size, in each period.
//!   What is added is counted from the instances past their warm-up, so those that warm up are not ordered twice.
//! - **Simple**: one step; after it acted it waits until all instances have started and drained and for its cooldown, whatever
//!   the alarm does meanwhile.
//!
//! Several policies: the largest size that any of them wants wins; the group shrinks only when every policy that can shrink it agrees, and
//! never while an instance starts or warms up.

use crate::spec::model::{Change, ScalingPolicy, StepScaling, TrackedMetric};
use crate::units::{SimDuration, SimTime};

/// The datapoints of a metric period.
pub struct Seen {
    /// Mean CPU utilisation of the measured instances.
    pub cpu: f64,
    /// Requests for each instance in service and minute.
    pub per_target: f64,
    /// Mean number of requests at work or queued on a measured instance.
    pub outstanding: f64,
    /// Instances in service and past their warm-up; never 0.
    pub measured: u32,
    /// Instances in service.
    pub in_service: u32,
    /// An instance starts or warms up.
    pub warming: bool,
    /// An instance starts or drains.
    pub changing: bool,
    /// When an instance last came into service or was terminated.
    pub changed_at: SimTime,
}

/// Bounds and present size of the group.
pub struct Size {
    /// Smallest.
    pub min: u32,
    /// Largest.
    pub max: u32,
    /// The size that it has or is on its way to.
    pub desired: u32,
}

struct Rule {
    policy: ScalingPolicy,
    /// Periods in a row above and below what the policy compares with.
    over: u32,
    under: u32,
    /// A simple policy has acted at some time.
    acted: bool,
}

/// The policies of a group.
pub struct Policies {
    rules: Vec<Rule>,
    /// Minutes of a metric period.
    minutes: f64,
}

impl Policies {
    /// With all alarms at rest.
    pub fn new(policies: &[ScalingPolicy], period: SimDuration) -> Self {
        let rule = |policy: &ScalingPolicy| Rule { policy: policy.clone(), over: 0, under: 0, acted: false };
        Self { rules: policies.iter().map(rule).collect(), minutes: period.as_secs_f64() / 60.0 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The size that the group should have after these datapoints.
    pub fn size_after(&mut self, now: SimTime, seen: &Seen, size: &Size) -> u32 {
        let mut grow_to = size.desired;
        let mut shrink_to = size.min;
        let (mut all_low, mut any_shrinks) = (true, false);
        // The alarms of target tracking count minutes; a coarser metric has fewer datapoints for them.
        let minutes = self.minutes;
        let periods = |count: u32| (f64::from(count) / minutes).ceil().max(1.0) as u32;
        for rule in &mut self.rules {
            match &rule.policy {
                ScalingPolicy::TargetTracking(tracking) => {
                    let (value, base) = seen.metric(tracking.metric);
                    let wanted = (base * value / tracking.target).ceil() as u32;
                    rule.over = if value > tracking.target { rule.over + 1 } else { 0 };
                    rule.under = if value < tracking.in_bound * tracking.target { rule.under + 1 } else { 0 };
                    if rule.over >= periods(tracking.out_periods) {
                        grow_to = grow_to.max(wanted);
                    }
                    if !tracking.disable_scale_in {
                        any_shrinks = true;
                        all_low &= rule.under >= periods(tracking.in_periods);
                        shrink_to = shrink_to.max(wanted);
                    }
                }
                ScalingPolicy::Step(step) => {
                    let (value, _) = seen.metric(step.alarm.metric);
                    let distance =
                        if step.alarm.above { value - step.alarm.threshold } else { step.alarm.threshold - value };
                    rule.over = if distance > 0.0 { rule.over + 1 } else { 0 };
                    let rests = step
                        .cooldown
                        .is_some_and(|cooldown| rule.acted && (seen.changing || now < seen.changed_at + cooldown));
                    let alarm = rule.over >= step.alarm.periods && !rests;
                    let base = if step.cooldown.is_some() { size.desired } else { seen.measured };
                    if step.alarm.above {
                        if alarm {
                            let wanted = step_to(step, distance, base).min(size.max);
                            rule.acted |= wanted > grow_to;
                            grow_to = grow_to.max(wanted);
                        }
                    } else {
                        any_shrinks = true;
                        all_low &= alarm;
                        if alarm && !seen.warming {
                            let wanted = step_to(step, distance, size.desired).max(size.min);
                            rule.acted |= wanted < size.desired;
                            shrink_to = shrink_to.max(wanted);
                        }
                    }
                }
            }
        }
        let grow_to = grow_to.min(size.max);
        if grow_to > size.desired {
            grow_to
        } else if any_shrinks && all_low && !seen.warming {
            shrink_to.min(size.desired)
        } else {
            size.desired
        }
    }
}

impl Seen {
    /// A metric, and the number of instances that it is the mean over.
    fn metric(&self, metric: TrackedMetric) -> (f64, f64) {
        match metric {
            TrackedMetric::Cpu => (self.cpu, f64::from(self.measured)),
            TrackedMetric::RequestsPerTarget => (self.per_target, f64::from(self.in_service)),
            TrackedMetric::Outstanding => (self.outstanding, f64::from(self.measured)),
        }
    }
}

/// The size that a step policy makes of `base` instances at this distance from its threshold.
fn step_to(policy: &StepScaling, distance: f64, base: u32) -> u32 {
    // Steps ascend and the first begins at the threshold, so there is one.
    let step = policy.steps.iter().rev().find(|step| distance >= step.from);
    let Some(step) = step else { return base };
    let by = match step.change {
        Change::To(size) => return size,
        Change::By(count) => count,
        Change::Percent(percent) => {
            let exact = f64::from(base) * percent / 100.0;
            // Away from zero below one instance, toward zero above (user guide: 12.7 -> 12, 0.67 -> 1, -0.33 -> -1, -6.67 -> -6).
            let whole = if exact.abs() < 1.0 { exact.signum() } else { exact.trunc() };
            whole as i64
        }
    };
    let least = i64::from(policy.min_change);
    let by = if by.abs() < least { least * by.signum() } else { by };
    u32::try_from((i64::from(base) + by).max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::model::{Alarm, Step, TargetTracking};

    fn seen(cpu: f64, measured: u32) -> Seen {
        Seen {
            cpu,
            per_target: 0.0,
            outstanding: 0.0,
            measured,
            in_service: measured,
            warming: false,
            changing: false,
            changed_at: SimTime::ZERO,
        }
    }

    fn size(desired: u32) -> Size {
        Size { min: 1, max: 100, desired }
    }

    fn steps(above: bool, threshold: f64, steps: &[(f64, Change)]) -> ScalingPolicy {
        ScalingPolicy::Step(StepScaling {
            alarm: Alarm { metric: TrackedMetric::Cpu, above, threshold, periods: 1 },
            steps: steps.iter().map(|&(from, change)| Step { from, change }).collect(),
            min_change: 0,
            cooldown: None,
        })
    }

    fn policies(rules: &[ScalingPolicy]) -> Policies {
        Policies::new(rules, SimDuration::from_mins(1))
    }

    fn at(minutes: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_mins(minutes)
    }

    /// The user guide's example: threshold 50 %, out by 10 % from 60 % and by 30 % from 70 %, ten instances. At 60 % one is
    /// added; at 70 % before that one has warmed up, 30 % of ten are three, of which one is on its way: 13 in all.
    #[test]
    fn the_user_guides_step_example() {
        let out = steps(true, 0.5, &[(0.0, Change::By(0)), (0.1, Change::Percent(10.0)), (0.2, Change::Percent(30.0))]);
        let mut policies = policies(&[out]);
        assert_eq!(policies.size_after(at(1), &seen(0.55, 10), &size(10)), 10);
        assert_eq!(policies.size_after(at(2), &seen(0.61, 10), &size(10)), 11);
        let warming = Seen { warming: true, ..seen(0.71, 10) };
        assert_eq!(policies.size_after(at(3), &warming, &size(11)), 13);
    }

    /// The user guide's roundings of a percentage: 12.7 -> 12, 0.67 -> 1, -0.33 -> -1, -6.67 -> -6.
    #[test]
    fn percentages_round_as_the_user_guide_says() {
        let policy = |percent, min_change| StepScaling {
            alarm: Alarm { metric: TrackedMetric::Cpu, above: true, threshold: 0.5, periods: 1 },
            steps: vec![Step { from: 0.0, change: Change::Percent(percent) }],
            min_change,
            cooldown: None,
        };
        for (base, percent, expected) in [(127, 10.0, 139), (67, 1.0, 68), (33, -1.0, 32), (667, -1.0, 661)] {
            assert_eq!(step_to(&policy(percent, 0), 0.1, base), expected, "{base} x {percent} %");
        }
        // MinAdjustmentMagnitude: 25 % of four is one, at least two.
        assert_eq!(step_to(&policy(25.0, 2), 0.1, 4), 6);
    }

    /// A simple policy adds two, then ignores the alarm until the launches are over and five minutes have passed.
    #[test]
    fn simple_scaling_waits_for_its_cooldown() {
        let simple = ScalingPolicy::Step(StepScaling {
            alarm: Alarm { metric: TrackedMetric::Cpu, above: true, threshold: 0.7, periods: 2 },
            steps: vec![Step { from: 0.0, change: Change::By(2) }],
            min_change: 0,
            cooldown: Some(SimDuration::from_mins(5)),
        });
        let mut policies = policies(&[simple]);
        assert_eq!(policies.size_after(at(1), &seen(0.9, 1), &size(1)), 1);
        assert_eq!(policies.size_after(at(2), &seen(0.9, 1), &size(1)), 3);
        // Both start at once and are in service at 3 min.
        assert_eq!(policies.size_after(at(3), &Seen { changing: true, ..seen(0.9, 1) }, &size(3)), 3);
        for minute in 4..8 {
            let seen = Seen { changed_at: at(3), ..seen(0.9, 3) };
            assert_eq!(policies.size_after(at(minute), &seen, &size(3)), 3, "{minute}");
        }
        assert_eq!(policies.size_after(at(8), &Seen { changed_at: at(3), ..seen(0.9, 3) }, &size(3)), 5);
    }

    /// Out if any wants it, the most of them; in only if all that can scale in agree; never while one warms up.
    #[test]
    fn several_policies() {
        let tracking = |metric, target, disable_scale_in| {
            ScalingPolicy::TargetTracking(TargetTracking {
                metric,
                target,
                out_periods: 1,
                in_periods: 1,
                in_bound: 0.7,
                disable_scale_in,
            })
        };
        let cpu = |disable| tracking(TrackedMetric::Cpu, 0.5, disable);
        let requests = tracking(TrackedMetric::RequestsPerTarget, 100.0, false);
        let with = |cpu, per_target| Seen { per_target, ..seen(cpu, 4) };
        let mut both = policies(&[cpu(false), requests.clone()]);
        // 4 x 0.6 / 0.5 = 4.8 -> 5; 4 x 200 / 100 = 8.
        assert_eq!(both.size_after(at(1), &with(0.6, 50.0), &size(4)), 5);
        assert_eq!(both.size_after(at(2), &with(0.6, 200.0), &size(4)), 8);
        assert_eq!(both.size_after(at(3), &with(0.2, 90.0), &size(4)), 4);
        // ceil(4 x 0.1 / 0.5) = 1 and ceil(4 x 45 / 100) = 2: the larger.
        assert_eq!(both.size_after(at(4), &with(0.1, 45.0), &size(4)), 2);
        assert_eq!(both.size_after(at(5), &Seen { warming: true, ..with(0.1, 45.0) }, &size(4)), 4);
        // One that never scales in has no say in it.
        let mut one = policies(&[cpu(true), requests]);
        assert_eq!(one.size_after(at(1), &with(0.5, 10.0), &size(4)), 1);
        assert_eq!(policies(&[cpu(true)]).size_after(at(1), &with(0.0, 0.0), &size(4)), 4);
    }

    /// Below 30 % one is taken away, below 20 % half; the policy that adds has no say.
    #[test]
    fn steps_inwards() {
        let inwards = steps(false, 0.3, &[(0.0, Change::By(-1)), (0.1, Change::Percent(-50.0))]);
        let mut policies = policies(&[inwards, steps(true, 0.6, &[(0.0, Change::By(1))])]);
        assert_eq!(policies.size_after(at(1), &seen(0.25, 8), &size(8)), 7);
        assert_eq!(policies.size_after(at(2), &seen(0.15, 8), &size(8)), 4);
        assert_eq!(policies.size_after(at(3), &seen(0.3, 8), &size(8)), 8);
    }
}
