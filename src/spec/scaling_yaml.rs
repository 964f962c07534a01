//! Scaling policies and schedules of a fleet as users write them.

use super::group::Predictive;
use super::model::{Alarm, Change, Days, ScalingPolicy, Scheduled, Step, StepScaling, TargetTracking, TrackedMetric};
use super::model_yaml::within;
use super::quantity::{Percent, TimeOfDay};
use super::read::{At, FromYaml, Reader, Schemas, keywords, record};
use crate::diag::Span;
use crate::units::SimDuration;
use crate::yaml::Node;
use serde_json::json;

/// Changes that a step may make at once, and instances in a group.
const MOST: u32 = 100_000;

record! {
    /// A scaling policy: exactly one of these kinds.
    pub(crate) struct RawPolicy: "a scaling policy such as `{ target_tracking: { cpu: 50% } }`" {
        /// Keeps a metric near its target.
        optional target_tracking: RawTracking,
        /// Changes the size by how far a metric is beyond a threshold, in each period.
        optional step: RawStepScaling,
        /// Changes the size once, then waits until that is done and for a cooldown.
        optional simple: RawSimpleScaling,
        /// Raises the smallest size before each hour to what a forecast of that hour needs.
        optional predictive: RawPredictive,
    }
    later ["high_resolution"]
}

record! {
    /// Predictive scaling by `cpu` or `requests_per_target`. The forecast is ours: AWS does not publish its own.
    pub(crate) struct RawPredictive: "predictive scaling such as `{ cpu: 50%, buffer: 5m }`" {
        /// Mean CPU utilisation to keep.
        optional cpu: At<Percent>,
        /// Requests for each target and minute to keep.
        optional requests_per_target: At<f64>,
        /// So long before each hour its instances are launched, at most an hour (default 0s).
        optional buffer: At<SimDuration>,
    }
}

record! {
    /// Target tracking: `cpu`, `requests_per_target` or `outstanding`.
    pub(crate) struct RawTracking: "target tracking such as `{ cpu: 50% }`" {
        /// Mean CPU utilisation to keep.
        optional cpu: At<Percent>,
        /// Requests for each target and minute to keep.
        optional requests_per_target: At<f64>,
        /// Requests at work or queued on each instance to keep: a custom metric that the application publishes.
        optional outstanding: At<f64>,
        /// Periods above the target before scaling out (default 3).
        optional out_periods: At<u32>,
        /// Periods below the lower bound before scaling in (default 15).
        optional in_periods: At<u32>,
        /// The lower bound as a share of the target (default 70% for cpu on EC2, else 90%).
        optional in_bound: Percent,
        /// Never scales in (default false).
        optional disable_scale_in: bool,
    }
}

record! {
    /// Step scaling: an alarm `above` or `below` a threshold, and steps by the distance from it.
    pub(crate) struct RawStepScaling: "step scaling such as `{ above: { cpu: 60% }, steps: [ { add: 1 }, { from: 20%, add: 50% } ] }`" {
        /// Acts while a metric is above this.
        optional above: RawThreshold,
        /// Acts while a metric is below this.
        optional below: RawThreshold,
        /// Metric periods in a row beyond the threshold before it acts (default 3).
        optional periods: At<u32>,
        /// The steps, by ascending `from`.
        required steps: At<Vec<RawStep>>,
        /// At least so many instances at once, where a percentage gives fewer.
        optional min_change: At<u32>,
    }
}

record! {
    /// Simple scaling: an alarm `above` or `below` a threshold, one change, a cooldown.
    pub(crate) struct RawSimpleScaling: "simple scaling such as `{ above: { cpu: 70% }, add: 2 }`" {
        /// Acts when a metric is above this.
        optional above: RawThreshold,
        /// Acts when a metric is below this.
        optional below: RawThreshold,
        /// Metric periods in a row beyond the threshold before it acts (default 3).
        optional periods: At<u32>,
        /// Instances to add: a number or a percentage of those there are.
        optional add: CountOrShare,
        /// Instances to remove, likewise.
        optional remove: CountOrShare,
        /// The size to take.
        optional set: At<u32>,
        /// At least so many instances at once, where a percentage gives fewer.
        optional min_change: At<u32>,
        /// Rest after the last instance has started or ended (default 300s).
        optional cooldown: At<SimDuration>,
    }
}

record! {
    /// A threshold: one metric.
    pub(crate) struct RawThreshold: "a threshold such as `{ cpu: 60% }`" {
        /// Mean CPU utilisation.
        optional cpu: At<Percent>,
        /// Requests for each target and minute.
        optional requests_per_target: At<f64>,
        /// Requests at work or queued on each instance.
        optional outstanding: At<f64>,
    }
}

record! {
    /// A step: where it begins, and what it does.
    pub(crate) struct RawStep: "a step such as `{ from: 20%, add: 3 }`" {
        /// Distance from the threshold at which it begins, in the metric's unit (default 0).
        optional from: CountOrShare,
        /// Instances to add: a number or a percentage of those there are.
        optional add: CountOrShare,
        /// Instances to remove, likewise.
        optional remove: CountOrShare,
        /// The size to take.
        optional set: At<u32>,
    }
}

record! {
    /// A change of the group's bounds or size at a time of the day.
    pub(crate) struct RawScheduled: "a change such as `{ at: \"08:00\", days: weekdays, min: 6 }`" {
        /// Time of day, counted from t = 0, which is midnight.
        required at: At<TimeOfDay>,
        /// On which days (default every).
        optional days: Days,
        /// Smallest size from then on.
        optional min: At<u32>,
        /// Largest size from then on.
        optional max: At<u32>,
        /// The size to take.
        optional desired: At<u32>,
    }
}

keywords!(Days, "`every`, `weekdays`, `weekend` or a day", {
    "every" => Self(0b111_1111),
    "weekdays" => Self(0b001_1111),
    "weekend" => Self(0b110_0000),
    "monday" => Self(1),
    "tuesday" => Self(1 << 1),
    "wednesday" => Self(1 << 2),
    "thursday" => Self(1 << 3),
    "friday" => Self(1 << 4),
    "saturday" => Self(1 << 5),
    "sunday" => Self(1 << 6),
});

/// A plain number, or a percentage.
#[derive(Debug, Clone)]
pub(crate) enum CountOrShare {
    Count(At<f64>),
    Share(At<Percent>),
}

impl CountOrShare {
    const fn span(&self) -> Span {
        match self {
            Self::Count(at) => at.span,
            Self::Share(at) => at.span,
        }
    }
}

impl FromYaml for CountOrShare {
    const EXPECTS: &'static str = "a number such as `2`, or a percentage such as `50%`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.scalar() {
            Some(text) if text.trim_end().ends_with('%') => At::read(node, reader).map(Self::Share),
            Some(_) => At::read(node, reader).map(Self::Count),
            None => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let (number, percent) = (f64::schema(schemas), Percent::schema(schemas));
        json!({ "anyOf": [number, percent] })
    }
}

/// One policy. `cpu_bound`: the lower bound of target tracking on the CPU as a share of its target, unless stated.
pub(crate) fn check(raw: &RawPolicy, cpu_bound: f64, reader: &mut Reader) -> Option<ScalingPolicy> {
    if raw.given.len() != 1 {
        if !reader.failed_within(raw.span) {
            let span = reader.first_line(raw.span);
            let help = "write each policy by itself: `scaling: [ { target_tracking: … }, { step: … } ]`";
            let title = "a scaling policy is one of target_tracking, step, simple and predictive";
            reader.error("one-policy", title, span, "", help);
        }
        return None;
    }
    if let Some(tracking) = &raw.target_tracking {
        return check_tracking(tracking, cpu_bound, reader).map(ScalingPolicy::TargetTracking);
    }
    if let Some(step) = &raw.step {
        return check_step(step, reader).map(ScalingPolicy::Step);
    }
    raw.simple.as_ref().and_then(|simple| check_simple(simple, reader)).map(ScalingPolicy::Step)
}

/// The predictive policy among these, which sets a floor and is no alarm.
pub(crate) fn predictive(policies: &[RawPolicy], reader: &mut Reader) -> Option<Predictive> {
    let mut found = policies.iter().filter_map(|policy| policy.predictive.as_ref());
    let raw = found.next()?;
    if let Some(second) = found.next() {
        let span = reader.first_line(second.span);
        reader.error("two-forecasts", "a group follows one forecast", span, "a second one", "remove one of them");
    }
    let (metric, target) =
        metric(raw.cpu.as_ref(), raw.requests_per_target.as_ref(), None, raw.span, "predictive scaling", reader)?;
    if target.value <= 0.0 {
        let help = "write e.g. `50%` or `1000`";
        reader.error("not-positive", "the target must be more than zero", target.span, "", help);
        return None;
    }
    let hour = SimDuration::from_hours(1);
    let buffer = within(raw.buffer.as_ref(), SimDuration::ZERO, hour, SimDuration::ZERO, reader);
    Some(Predictive { metric, target: target.value, buffer })
}

/// Refuses a forecast for tasks.
pub(crate) fn no_forecast(policies: &[RawPolicy], reader: &mut Reader) {
    for policy in policies.iter().filter_map(|policy| policy.predictive.as_ref()) {
        let span = reader.first_line(policy.span);
        let help = "remove it: a forecast that is right can be written as a `schedule:`";
        reader.error("no-forecast", "predictive scaling of tasks is not modelled", span, "", help);
    }
}

/// A metric and its value; one of the three has to be given.
fn metric(
    cpu: Option<&At<Percent>>,
    requests: Option<&At<f64>>,
    outstanding: Option<&At<f64>>,
    span: Span,
    what: &str,
    reader: &mut Reader,
) -> Option<(TrackedMetric, At<f64>)> {
    let all = [
        cpu.map(|at| (TrackedMetric::Cpu, at.clone().map(|percent| percent.0))),
        requests.map(|at| (TrackedMetric::RequestsPerTarget, at.clone())),
        outstanding.map(|at| (TrackedMetric::Outstanding, at.clone())),
    ];
    let mut found = all.into_iter().flatten();
    let first = found.next();
    if let Some((_, second)) = found.next() {
        let help = "write one policy for each: `scaling: [ { target_tracking: … }, { target_tracking: … } ]`";
        reader.error("two-metrics", format!("{what} follows one metric"), second.span, "a second one", help);
        return None;
    }
    if first.is_none() && !reader.failed_within(span) {
        let help = "add `cpu: 50%`, `requests_per_target: 1000` or `outstanding: 20`";
        let span = reader.first_line(span);
        reader.error("missing-key", format!("{what} needs a metric"), span, "", help);
    }
    first
}

fn in_range(value: Option<&At<u32>>, low: u32, high: u32, default: u32, reader: &mut Reader) -> u32 {
    let Some(at) = value else { return default };
    if !(low..=high).contains(&at.value) {
        let title = format!("{} is out of range", at.value);
        reader.error("out-of-range", title, at.span, "", &format!("write {low} to {high}"));
    }
    at.value
}

fn periods(value: Option<&At<u32>>, default: u32, reader: &mut Reader) -> u32 {
    in_range(value, 1, 1_440, default, reader)
}

fn check_tracking(raw: &RawTracking, cpu_bound: f64, reader: &mut Reader) -> Option<TargetTracking> {
    let metrics = (raw.cpu.as_ref(), raw.requests_per_target.as_ref(), raw.outstanding.as_ref());
    let (metric, target) = metric(metrics.0, metrics.1, metrics.2, raw.span, "target tracking", reader)?;
    // Lower bounds of the alarms: the caller's for CPU; 0.9 x for the others (from memory, AWS.md 4.7).
    let bound = if metric == TrackedMetric::Cpu { cpu_bound } else { 0.9 };
    if target.value <= 0.0 {
        let help = "write e.g. `50%` or `1000`";
        reader.error("not-positive", "the target must be more than zero", target.span, "", help);
        return None;
    }
    Some(TargetTracking {
        metric,
        target: target.value,
        out_periods: periods(raw.out_periods.as_ref(), 3, reader),
        in_periods: periods(raw.in_periods.as_ref(), 15, reader),
        in_bound: raw.in_bound.map_or(bound, |bound| bound.0),
        disable_scale_in: raw.disable_scale_in.unwrap_or(false),
    })
}

fn check_alarm(
    above: Option<&RawThreshold>,
    below: Option<&RawThreshold>,
    at: Option<&At<u32>>,
    span: Span,
    reader: &mut Reader,
) -> Option<Alarm> {
    let (threshold, is_above) = match (above, below) {
        (Some(threshold), None) => (threshold, true),
        (None, Some(threshold)) => (threshold, false),
        _ => {
            if !reader.failed_within(span) {
                let span = reader.first_line(span);
                let help = "write `above: { cpu: 60% }`, or `below: { cpu: 30% }`; for both directions, two policies";
                reader.error("one-alarm", "this policy needs one threshold, `above` or `below`", span, "", help);
            }
            return None;
        }
    };
    let metrics = (threshold.cpu.as_ref(), threshold.requests_per_target.as_ref(), threshold.outstanding.as_ref());
    let (metric, value) = metric(metrics.0, metrics.1, metrics.2, threshold.span, "a threshold", reader)?;
    Some(Alarm { metric, above: is_above, threshold: value.value, periods: periods(at, 3, reader) })
}

/// What a step does.
fn change(
    add: Option<&CountOrShare>,
    remove: Option<&CountOrShare>,
    set: Option<&At<u32>>,
    span: Span,
    reader: &mut Reader,
) -> Option<Change> {
    let found = [add.map(|by| (by, 1.0)), remove.map(|by| (by, -1.0))];
    let mut found = found.into_iter().flatten();
    let change = match (found.next(), found.next(), set) {
        (None, None, Some(set)) => Some(Change::To(in_range(Some(set), 0, MOST, 0, reader))),
        (Some((CountOrShare::Share(share), sign)), None, None) => {
            Some(Change::Percent(sign * libm::round(share.value.0 * 1e6) / 1e4))
        }
        (Some((CountOrShare::Count(count), sign)), None, None) => {
            if count.value > f64::from(MOST) || libm::trunc(count.value) < count.value {
                let help = format!("write a whole number up to {MOST}, or a percentage");
                reader.error("out-of-range", "this is no number of instances", count.span, "", &help);
            }
            // In range, or refused above.
            Some(Change::By((sign * count.value.min(f64::from(MOST))) as i64))
        }
        _ => None,
    };
    if change.is_none() && !reader.failed_within(span) {
        let span = reader.first_line(span);
        reader.error("one-change", "say one of `add`, `remove` and `set`", span, "", "write e.g. `add: 1`");
    }
    change
}

fn check_step(raw: &RawStepScaling, reader: &mut Reader) -> Option<StepScaling> {
    let alarm = check_alarm(raw.above.as_ref(), raw.below.as_ref(), raw.periods.as_ref(), raw.span, reader)?;
    let list = raw.steps.as_ref()?;
    let mut steps: Vec<Step> = Vec::new();
    for step in &list.value {
        let from = match &step.from {
            None => 0.0,
            Some(CountOrShare::Share(share)) if alarm.metric == TrackedMetric::Cpu => share.value.0,
            Some(CountOrShare::Count(count)) if alarm.metric != TrackedMetric::Cpu || count.value <= 0.0 => count.value,
            Some(other) => {
                let help = "for `cpu` write a percentage such as `20%`, for the other metrics a plain number";
                reader.error("wrong-unit", "`from` has not the unit of the metric", other.span(), "", help);
                return None;
            }
        };
        let change = change(step.add.as_ref(), step.remove.as_ref(), step.set.as_ref(), step.span, reader)?;
        let after = steps.last().map(|last| last.from);
        if after.is_some_and(|last| from <= last) || (after.is_none() && from > 0.0) {
            let span = step.from.as_ref().map_or_else(|| reader.first_line(step.span), CountOrShare::span);
            let help = "the first step begins at 0, each further one beyond the one before";
            reader.error("not-ascending", "the steps do not ascend from the threshold", span, "", help);
        }
        steps.push(Step { from, change });
    }
    if steps.is_empty() {
        reader.error("no-steps", "there are no steps", list.span, "", "write e.g. `steps: [ { add: 1 } ]`");
    }
    let min_change = in_range(raw.min_change.as_ref(), 0, MOST, 0, reader);
    Some(StepScaling { alarm, steps, min_change, cooldown: None })
}

fn check_simple(raw: &RawSimpleScaling, reader: &mut Reader) -> Option<StepScaling> {
    let alarm = check_alarm(raw.above.as_ref(), raw.below.as_ref(), raw.periods.as_ref(), raw.span, reader)?;
    let change = change(raw.add.as_ref(), raw.remove.as_ref(), raw.set.as_ref(), raw.span, reader)?;
    let (default, most) = (SimDuration::from_secs(300), SimDuration::from_hours(24));
    let cooldown = raw.cooldown.as_ref();
    if let Some(at) = cooldown.filter(|at| at.value > most) {
        let title = format!("{} is out of range", at.value);
        reader.error("out-of-range", title, at.span, "", "write 0s to 24h");
    }
    Some(StepScaling {
        alarm,
        steps: vec![Step { from: 0.0, change }],
        min_change: in_range(raw.min_change.as_ref(), 0, MOST, 0, reader),
        cooldown: Some(cooldown.map_or(default, |at| at.value)),
    })
}

/// A change of the schedule.
pub(crate) fn check_scheduled(raw: &RawScheduled, reader: &mut Reader) -> Option<Scheduled> {
    for size in [&raw.min, &raw.max, &raw.desired].into_iter().flatten() {
        in_range(Some(size), 0, MOST, 0, reader);
    }
    if let (Some(min), Some(max)) = (&raw.min, &raw.max)
        && min.value > max.value
    {
        let title = format!("`min` ({}) is more than `max` ({})", min.value, max.value);
        reader.error("min-above-max", title, min.span, "", "swap them");
    }
    if raw.min.is_none() && raw.max.is_none() && raw.desired.is_none() && !reader.failed_within(raw.span) {
        let span = reader.first_line(raw.span);
        reader.error("no-change", "this changes nothing", span, "", "add `min`, `max` or `desired`");
    }
    let value = |at: &Option<At<u32>>| at.as_ref().map(|at| at.value);
    Some(Scheduled {
        at: raw.at.as_ref()?.value.0,
        days: raw.days.unwrap_or(Days(0b111_1111)),
        min: value(&raw.min),
        max: value(&raw.max),
        desired: value(&raw.desired),
    })
}
