//! Fleets of instances and services of Fargate tasks as users write them -> [`Fleet`].

use super::distribution::Distribution;
use super::group_yaml::{self, RawHooks, RawMemory, RawResize, RawWarmPool};
use super::model::{Arch, CpuCredits, Fleet, InstanceType, ScalingPolicy, Scheduled, Spot, Task};
use super::model_yaml::{speed, warn, within, zones};
use super::quantity::{Days, Percent};
use super::read::{At, FromYaml, Reader, Schemas, keywords, record};
use super::scaling_yaml::{self, RawPolicy, RawScheduled};
use crate::catalog;
use crate::diag::{Span, nearest};
use crate::finding::{Code, Finding};
use crate::units::{Bytes, Limit, MegaBytes, SimDuration};
use crate::yaml::{Key, Node, Value, shorten};
use serde_json::json;

/// Lower bound of the CPU alarm of target tracking as a share of the target: EC2 groups (console listings), services of ECS (AWS.md 4.7).
const EC2_CPU_BOUND: f64 = 0.7;
const ECS_CPU_BOUND: f64 = 0.9;

/// What an instance of the T families does without credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreditMode {
    Unlimited,
    Standard,
}

keywords!(CreditMode, "`unlimited` or `standard`", { "unlimited" => Self::Unlimited, "standard" => Self::Standard });

/// What runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlPlane {
    Ecs,
    Eks,
}

keywords!(ControlPlane, "`ecs` or `eks`", { "ecs" => Self::Ecs, "eks" => Self::Eks });

/// Whose health checks decide what an Auto Scaling group replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HealthChecks {
    Elb,
    Ec2,
}

keywords!(HealthChecks, "`elb` or `ec2`", { "elb" => Self::Elb, "ec2" => Self::Ec2 });

record! {
    /// EC2 Auto Scaling group.
    pub(crate) struct RawFleet: "the settings of a fleet" {
        /// EC2 instance type, e.g. m7g.large.
        required instance_type: At<String>,
        /// Smallest size.
        required min: At<u32>,
        /// Largest size.
        required max: At<u32>,
        /// Size at the start, all in service (default min).
        optional desired: At<u32>,
        /// Zones it is spread over (default 2).
        optional zones: At<u32>,
        /// Requests at work on one instance (default unlimited).
        optional concurrency: At<Limit>,
        /// Requests waiting on one instance; beyond it 503 (default unlimited).
        optional queue: Limit,
        /// One scaling policy or a list of them; without one the size stays at desired.
        optional scaling: OneOrMore<RawPolicy>,
        /// Changes of the bounds or the size at times of the day.
        optional schedule: Vec<RawScheduled>,
        /// Which instances are Spot ones; none unless given.
        optional spot: RawSpot,
        /// Mean time until an instance fails and is replaced (default: none fails).
        optional mtbf: At<Days>,
        /// Failed health checks in a row until an instance is replaced, 2 to 10 (default 2).
        optional unhealthy_threshold: At<u32>,
        /// What is replaced: `elb`, whatever the balancer takes for unhealthy, or `ec2`, only what fails itself; default elb.
        optional health_checks: HealthChecks,
        /// Passed health checks in a row until an unhealthy instance is healthy again, 2 to 10 (default 5).
        optional healthy_threshold: At<u32>,
        /// CPU credits of the T families: `unlimited` (surplus is paid) or `standard` (slows down to the baseline); default unlimited.
        optional credits: At<CreditMode>,
        /// What runs containers on it: `ecs` (free) or `eks` (a cluster is paid by the hour); none unless given.
        optional control_plane: ControlPlane,
        /// How long a new instance takes.
        optional boot: RawBoot,
        /// Memory that the application takes; it is not looked at unless given.
        optional memory: RawMemory,
        /// Interval of the balancer's health check (default 30s).
        optional health_check_interval: At<SimDuration>,
        /// A new instance is not replaced for failed health checks for so long (default 300s as in the console; 0s by API); only behind a balancer.
        optional health_check_grace: At<SimDuration>,
        /// Actions that the group waits for when it launches or terminates an instance.
        optional lifecycle_hooks: RawHooks,
        /// Instances that wait prepared; none unless given.
        optional warm_pool: RawWarmPool,
        /// Changes of the type of a single server, at times of the day or once, with their downtime.
        optional resize: Vec<RawResize>,
        /// Draining before an instance is terminated (default 300s).
        optional deregistration_delay: At<SimDuration>,
        /// gp3 root volume of each instance (default 8 GB).
        optional volume: At<Bytes>,
        /// Operations a second that the volume is provisioned for, 3000 to 80000; what is above 3,000 is paid (default 3000).
        optional volume_iops: At<u32>,
        /// Its throughput, 125 to 2000 MB/s; what is above 125 MB/s is paid (default 125 MB/s).
        optional volume_throughput: At<Throughput>,
        /// Period of the fleet's metrics: 60s (detailed monitoring, paid) or 300s (default 60s).
        optional metric_period: At<SimDuration>,
        /// Time for which a new instance is kept out of the metric and blocks scaling in (default 300s).
        optional warmup: At<SimDuration>,
        /// Speed of a vCPU relative to the reference vCPU (default 1).
        optional speed: At<f64>,
    }
    later [
        "mixed_instances", "cooldown", "failures", "placement", "purchase", "savings_plan", "reserved",
    ]
}

record! {
    /// A mix of on-demand and Spot instances. Prices: `ec2.spot_typical.` of the price list.
    pub(crate) struct RawSpot: "a mix such as `{ base: 2, on_demand: 25%, interruptions: 10% }`" {
        /// On-demand instances before any Spot one (default 0).
        optional base: At<u32>,
        /// Share of on-demand instances among those above the base (default 0%).
        optional on_demand: Percent,
        /// Share of Spot instances that are interrupted within a month (AWS Spot Advisor publishes bands).
        required interruptions: At<Percent>,
    }
}

record! {
    /// How long a new instance takes from the launch to its first passing health check.
    pub(crate) struct RawBoot: "the parts of a boot such as `{ user_data: 60s, app_start: 20s }`" {
        /// From the launch to `running`, not billed (default 22.6s).
        optional pending: Distribution,
        /// Boot of the operating system (default 3.2s).
        optional os: Distribution,
        /// The user-data script.
        optional user_data: Distribution,
        /// Start of the application until it answers.
        optional app_start: Distribution,
    }
}

record! {
    /// Tasks of a container service on Fargate.
    pub(crate) struct RawFargate: "the settings of a Fargate service" {
        /// vCPUs of a task: 0.25, 0.5, 1, 2, 4, 8, 16 or 32.
        required cpu: At<f64>,
        /// Memory of a task, within what Fargate offers for its vCPUs.
        required memory: At<MegaBytes>,
        /// Processor architecture (default x86_64).
        optional arch: Arch,
        /// Smallest number of tasks.
        required min: At<u32>,
        /// Largest number of tasks.
        required max: At<u32>,
        /// Tasks at the start, all in service (default min).
        optional desired: At<u32>,
        /// Zones they are spread over (default 2).
        optional zones: At<u32>,
        /// Requests at work in one task (default unlimited).
        optional concurrency: At<Limit>,
        /// Requests waiting in one task; beyond it 503 (default unlimited).
        optional queue: Limit,
        /// One scaling policy or a list of them; without one the number stays at desired.
        optional scaling: OneOrMore<RawPolicy>,
        /// Changes of the bounds or the number at times of the day.
        optional schedule: Vec<RawScheduled>,
        /// No scaling in for so long after a task has come into service or ended (default 300s).
        optional cooldown: At<SimDuration>,
        /// Which tasks run on Fargate Spot; none unless given.
        optional spot: RawFargateSpot,
        /// Disk of a task, 20 to 200 GB (default 20 GB, which are free).
        optional ephemeral_storage: At<Bytes>,
        /// How long a new task takes.
        optional start: RawTaskStart,
        /// `ecs` (free) or `eks` (a cluster is paid by the hour); default ecs.
        optional control_plane: ControlPlane,
        /// Interval of the balancer's health check (default 30s).
        optional health_check_interval: At<SimDuration>,
        /// Failed health checks in a row until a task is replaced, 2 to 10 (default 2).
        optional unhealthy_threshold: At<u32>,
        /// Mean time until a task fails and is replaced (default: none fails).
        optional mtbf: At<Days>,
        /// Draining before a task is stopped; paid (default 300s).
        optional deregistration_delay: At<SimDuration>,
        /// Speed of a vCPU relative to the reference vCPU (default 1).
        optional speed: At<f64>,
    }
    later ["capacity_providers", "warmup"]
}

record! {
    /// A mix of Fargate and Fargate Spot, as a capacity provider strategy makes it.
    pub(crate) struct RawFargateSpot: "a mix such as `{ base: 2, on_demand: 25%, interruptions: 10%, discount: 60% }`" {
        /// On-demand tasks before any Spot one: the strategy's base (default 0).
        optional base: At<u32>,
        /// Share of on-demand tasks among those above the base: their weight over the sum of the weights (default 0%).
        optional on_demand: Percent,
        /// Share of Spot tasks that are interrupted within a month.
        required interruptions: At<Percent>,
        /// What a Spot task costs less than one on demand, to a tenth of a percent. AWS says `up to 70%`.
        required discount: At<Percent>,
    }
}

record! {
    /// How long a new task takes until its first passing health check.
    pub(crate) struct RawTaskStart: "the parts of a start such as `{ pull: 15s, app_start: 20s }`" {
        /// From the order to the image pull, not billed (default 20s).
        optional pending: Distribution,
        /// Pulling the image, billed (default 10s).
        optional pull: Distribution,
        /// Start of the application until it answers, billed.
        optional app_start: Distribution,
    }
}

/// One value or a list of them.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMore<T>(pub(crate) Vec<T>);

impl<T: FromYaml> FromYaml for OneOrMore<T> {
    const EXPECTS: &'static str = T::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Sequence(_) => Vec::read(node, reader).map(Self),
            _ => T::read(node, reader).map(|value| Self(vec![value])),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let one = T::schema(schemas);
        json!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
    }
}

/// How many.
#[derive(Clone, Copy)]
pub(super) struct Sizes<'a> {
    pub(super) min: Option<&'a At<u32>>,
    pub(super) max: Option<&'a At<u32>>,
    pub(super) desired: Option<&'a At<u32>>,
}

impl Sizes<'_> {
    pub(super) fn check(self, reader: &mut Reader) {
        let Self { min, max, desired } = self;
        if let (Some(min), Some(max)) = (min, max)
            && min.value > max.value
        {
            let title = format!("`min` ({}) is more than `max` ({})", min.value, max.value);
            reader.error("min-above-max", title, min.span, "", "swap them");
        }
        if let Some(max) = max
            && !(1..=100_000).contains(&max.value)
        {
            reader.error("out-of-range", format!("a largest size of {}", max.value), max.span, "", "write 1 to 100000");
        }
        if let (Some(desired), Some(min), Some(max)) = (desired, min, max)
            && !(min.value..=max.value).contains(&desired.value)
            && min.value <= max.value
        {
            let title = format!("`desired` ({}) is not between `min` and `max`", desired.value);
            reader.error(
                "desired-out-of-range",
                title,
                desired.span,
                "",
                &format!("write {} to {}", min.value, max.value),
            );
        }
    }
}

/// Requests at work at once.
fn concurrency(limit: Option<&At<Limit>>, reader: &mut Reader) -> Limit {
    if let Some(limit) = limit.filter(|limit| limit.value == Limit::At(0)) {
        let help = "write at least 1, or `unlimited`";
        reader.error("out-of-range", "a concurrency of 0 serves no request", limit.span, "", help);
    }
    limit.map_or(Limit::Unlimited, |limit| limit.value)
}

/// Health checks in a row that make a target change its state.
fn threshold(checks: Option<&At<u32>>, what: &str, default: u32, reader: &mut Reader) -> u32 {
    if let Some(at) = checks.filter(|at| !(2..=10).contains(&at.value)) {
        reader.error("out-of-range", format!("{} {what} checks", at.value), at.span, "", "write 2 to 10");
    }
    checks.map_or(default, |at| at.value)
}

fn mtbf(mean: Option<&At<Days>>, reader: &mut Reader) -> Option<SimDuration> {
    let mean = mean?;
    if mean.value.0 < SimDuration::from_secs(60) {
        reader.error("out-of-range", "instances would fail before they serve", mean.span, "", "write e.g. `90d`");
    }
    Some(mean.value.0)
}

/// A fleet.
pub(super) fn check_fleet(
    key: &Key,
    span: Span,
    raw: &RawFleet,
    findings: &mut Vec<Finding>,
    reader: &mut Reader,
) -> Option<Fleet> {
    let second = SimDuration::from_secs;
    let instance = raw.instance_type.as_ref().and_then(|name| check_instance(name, reader));
    let sizes = Sizes { min: raw.min.as_ref(), max: raw.max.as_ref(), desired: raw.desired.as_ref() };
    sizes.check(reader);
    let Sizes { min, max, desired } = sizes;
    let zones = zones(raw.zones.as_ref(), reader);
    let concurrency = concurrency(raw.concurrency.as_ref(), reader);
    let metric_period = raw.metric_period.as_ref();
    if let Some(period) = metric_period.filter(|period| ![second(60), second(300)].contains(&period.value)) {
        let title = format!("a metric period of {} does not exist", period.value);
        reader.error("out-of-range", title, period.span, "", "write `60s` (detailed monitoring) or `300s`");
    }
    let volume = raw.volume.as_ref();
    let volume_gib = volume.map_or(8, |volume| volume.value.0.div_ceil(1 << 30));
    let volume_gib = u32::try_from(volume_gib).ok().filter(|gib| *gib <= 65_536);
    if volume_gib.is_none()
        && let Some(volume) = volume
    {
        reader.error("out-of-range", "a gp3 volume has at most 64 TB", volume.span, "", "write e.g. `8 GB`");
    }
    let (volume_iops, volume_mbps) = check_volume(raw, volume_gib, reader);
    let health = within(raw.health_check_interval.as_ref(), second(5), second(300), second(30), reader);
    let draining = within(raw.deregistration_delay.as_ref(), second(0), second(3_600), second(300), reader);
    // Without a default warm-up the cooldown of 300 s is used (EC2 Auto Scaling user guide).
    let warmup = within(raw.warmup.as_ref(), second(0), second(86_400), second(300), reader);
    let speed = speed(raw.speed.as_ref(), reader);
    let memory = raw.memory.as_ref().and_then(|memory| group_yaml::check_memory(memory, instance.as_ref(), reader));
    let grace = within(raw.health_check_grace.as_ref(), second(0), second(7_200), second(300), reader);
    let hooks = raw.lifecycle_hooks.as_ref().map(|hooks| Box::new(group_yaml::check_hooks(hooks, reader)));
    let warm_pool = raw
        .warm_pool
        .as_ref()
        .map(|pool| group_yaml::check_warm_pool(pool, instance.as_ref(), volume_gib, raw.spot.as_ref(), reader));
    let one = |size: Option<&At<u32>>| size.is_some_and(|size| size.value == 1);
    let single = one(min) && one(max) && raw.warm_pool.is_none() && raw.spot.is_none();
    let resizes = raw.resize.as_deref().unwrap_or_default();
    let resizes = group_yaml::check_resizes(resizes, instance.as_ref(), single, reader);
    let policies = raw.scaling.as_ref().map_or(&[][..], |policies| &policies.0);
    let predictive = scaling_yaml::predictive(policies, reader);
    let scaling: Vec<ScalingPolicy> = raw
        .scaling
        .iter()
        .flat_map(|policies| &policies.0)
        .filter_map(|policy| scaling_yaml::check(policy, EC2_CPU_BOUND, reader))
        .collect();
    let schedule: Vec<Scheduled> =
        raw.schedule.iter().flatten().filter_map(|change| scaling_yaml::check_scheduled(change, reader)).collect();
    let credits = instance.as_ref().and_then(|instance| catalog::cpu_credits(&instance.name));
    if let (Some(mode), Some(instance), None) = (&raw.credits, &instance, credits) {
        let title = format!("`{}` has no CPU credits", instance.name);
        reader.error("no-credits", title, mode.span, "", "remove it: only the T families have credits");
    }
    let unlimited = raw.credits.as_ref().is_none_or(|mode| mode.value == CreditMode::Unlimited);
    if let (Some(min), Some(max), None) = (min, max, &raw.scaling)
        && min.value < max.value
        && schedule.is_empty()
        && !raw.given.contains(&"scaling")
    {
        let size = desired.unwrap_or(min).value;
        let help = "add e.g. `scaling: { target_tracking: { cpu: 50% } }`, or make `min` and `max` equal";
        let says = format!("without `scaling` it stays at {size} instances");
        warn(key, span, Code::NoScaling, &says, help, findings, reader);
    }
    let boot = raw.boot.as_ref();
    let app_start = boot.and_then(|boot| boot.app_start.clone());
    let app_start_given = match boot {
        Some(boot) => boot.given.contains(&"app_start"),
        // A `boot:` that is no mapping has been refused.
        None => raw.given.contains(&"boot"),
    };
    let fixed = matches!((min, max), (Some(min), Some(max)) if min.value == max.value);
    if app_start.is_none() && !fixed && !app_start_given {
        warn(
            key,
            span,
            Code::EmptyProgram,
            "without `app_start` its start-up is that of an empty program",
            "add e.g. `boot: { user_data: 60s, app_start: 20s }`",
            findings,
            reader,
        );
    }
    let part = |part: Option<Distribution>, default: Distribution| part.unwrap_or(default);
    let millis = |n| Distribution::Constant(SimDuration::from_millis(n));
    // m7i.large, Amazon Linux 2023: API 4.8 s + pending to running 17.8 s, boot 3.2 s (brevdev/ec2-coldboot-research, 2026-01).
    let pending = part(boot.and_then(|boot| boot.pending.clone()), millis(22_600));
    let os = part(boot.and_then(|boot| boot.os.clone()), millis(3_200));
    let app_is_last = app_start.is_some();
    let boot = [Some(os), boot.and_then(|boot| boot.user_data.clone()), app_start].into_iter().flatten().collect();
    let unhealthy_threshold = threshold(raw.unhealthy_threshold.as_ref(), "failed", 2, reader);
    let healthy_threshold = threshold(raw.healthy_threshold.as_ref(), "passed", 5, reader);
    let mtbf = mtbf(raw.mtbf.as_ref(), reader);
    let spot = match &raw.spot {
        None => None,
        Some(raw) => {
            let interruptions = interruptions(raw.interruptions.as_ref()?, reader);
            Some(Spot {
                base: raw.base.as_ref().map_or(0, |base| base.value),
                on_demand_share: raw.on_demand.map_or(0.0, |share| share.0),
                interruptions,
            })
        }
    };
    Some(Fleet {
        spot,
        mtbf,
        unhealthy_threshold,
        healthy_threshold,
        replaces_unhealthy: raw.health_checks != Some(HealthChecks::Ec2),
        task: None,
        managed: None,
        eks: raw.control_plane == Some(ControlPlane::Eks),
        scale_in_rest: SimDuration::ZERO,
        credits: credits.map(|hourly| CpuCredits { hourly, unlimited }),
        schedule,
        instance: instance?,
        min: min?.value,
        max: max?.value,
        desired: desired.or(min)?.value,
        zones,
        concurrency,
        queue: raw.queue.unwrap_or(Limit::Unlimited),
        scaling,
        speed,
        pending,
        boot,
        health_check_interval: health,
        deregistration_delay: draining,
        volume_gib: volume_gib?,
        volume_iops,
        volume_mbps,
        metric_period: metric_period.map_or(second(60), |period| period.value),
        warmup,
        app_is_last,
        memory,
        grace: Some(grace),
        hooks,
        warm_pool: warm_pool.map(Box::new),
        resizes,
        predictive,
    })
}

/// MB/s of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throughput(u32);

impl FromYaml for Throughput {
    const EXPECTS: &'static str = "a throughput such as `250 MB/s`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(text) = node.scalar() else { return reader.mismatch(node, Self::EXPECTS) };
        let number = text.trim().strip_suffix("MB/s").map(str::trim_end).filter(|digits| digits.len() <= 9);
        let number = number.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let Some(number) = number.and_then(|digits| digits.parse().ok()) else {
            let title = format!("expected {}, found `{}`", Self::EXPECTS, shorten(text));
            reader.error("wrong-type", title, node.span, "", "write a whole number of MB/s, e.g. `250 MB/s`");
            return None;
        };
        Some(Self(number))
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "string", "pattern": r"^\s*[0-9]+\s*MB/s\s*$" })
    }
}

/// Operations and MB a second of a gp3 volume.
///
/// EBS user guide, general purpose volumes: 3,000 and 125 MB/s are in the price of the storage; at most 80,000 and 2,000 MB/s since 2025-09, 500 operations for each GB and
/// 0.25 MB/s for each operation (read 2026-11-29 in copies of that page by others).
fn check_volume(raw: &RawFleet, gib: Option<u32>, reader: &mut Reader) -> (u32, u32) {
    let iops = raw.volume_iops.as_ref().map_or(Fleet::FREE_IOPS, |iops| iops.value);
    let mbps = raw.volume_throughput.as_ref().map_or(Fleet::FREE_MBPS, |mbps| mbps.value.0);
    if let Some(at) = &raw.volume_iops {
        let most = gib.unwrap_or(u32::MAX).saturating_mul(500).clamp(Fleet::FREE_IOPS, 80_000);
        if !(Fleet::FREE_IOPS..=most).contains(&iops) {
            let title = format!("this gp3 volume has no {iops} operations a second");
            let help = format!("write 3000 to {most}: at most 500 for each GB of `volume:`, and 80000");
            reader.error("out-of-range", title, at.span, "", &help);
        }
    }
    if let Some(at) = &raw.volume_throughput {
        let most = (iops / 4).clamp(Fleet::FREE_MBPS, 2_000);
        if !(Fleet::FREE_MBPS..=most).contains(&mbps) {
            let title = format!("this gp3 volume has no {mbps} MB/s");
            let help = format!("write `125 MB/s` to `{most} MB/s`: at most a quarter of `volume_iops:`, and 2000");
            reader.error("out-of-range", title, at.span, "", &help);
        }
    }
    (iops, mbps)
}

/// An instance type of the catalogue that is modelled.
pub(crate) fn check_instance(name: &At<String>, reader: &mut Reader) -> Option<InstanceType> {
    let Some(instance) = catalog::instance_type(&name.value) else {
        let help = match nearest(&name.value, catalog::instance_types()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "write e.g. `m7g.large`; families t3, t3a, t4g, m5 to m8g, c5 to c7g, r6g and r7g are known".to_owned()
            }
        };
        let title = format!("the instance type `{}` is not known", shorten(&name.value));
        reader.error("unknown-instance", title, name.span, "", &help);
        return None;
    };
    Some(instance)
}

/// A service of Fargate tasks.
pub(super) fn check_fargate(
    key: &Key,
    span: Span,
    raw: &RawFargate,
    findings: &mut Vec<Finding>,
    reader: &mut Reader,
) -> Option<Fleet> {
    let second = SimDuration::from_secs;
    let sizes = Sizes { min: raw.min.as_ref(), max: raw.max.as_ref(), desired: raw.desired.as_ref() };
    sizes.check(reader);
    let Sizes { min, max, desired } = sizes;
    let arch = raw.arch.unwrap_or(Arch::X86);
    let task = check_task(raw.cpu.as_ref(), raw.memory.as_ref(), arch, reader);
    let zones = zones(raw.zones.as_ref(), reader);
    let concurrency = concurrency(raw.concurrency.as_ref(), reader);
    let health = within(raw.health_check_interval.as_ref(), second(5), second(300), second(30), reader);
    let draining = within(raw.deregistration_delay.as_ref(), second(0), second(3_600), second(300), reader);
    let rest = within(raw.cooldown.as_ref(), second(0), second(86_400), second(300), reader);
    let unhealthy_threshold = threshold(raw.unhealthy_threshold.as_ref(), "failed", 2, reader);
    let mtbf = mtbf(raw.mtbf.as_ref(), reader);
    let speed = speed(raw.speed.as_ref(), reader);
    let policies = raw.scaling.as_ref().map_or(&[][..], |policies| &policies.0);
    scaling_yaml::no_forecast(policies, reader);
    let scaling = policies.iter().filter_map(|policy| scaling_yaml::check(policy, ECS_CPU_BOUND, reader)).collect();
    let schedule: Vec<Scheduled> =
        raw.schedule.iter().flatten().filter_map(|change| scaling_yaml::check_scheduled(change, reader)).collect();
    let start = raw.start.as_ref();
    let app_start = start.and_then(|start| start.app_start.clone());
    let fixed = matches!((min, max), (Some(min), Some(max)) if min.value == max.value);
    if app_start.is_none() && !fixed && !start.is_some_and(|start| start.given.contains(&"app_start")) {
        let says = "without `app_start` its start-up is that of an empty program";
        let help = "add e.g. `start: { pull: 15s, app_start: 20s }`";
        warn(key, span, Code::EmptyProgram, says, help, findings, reader);
    }
    // First containers after about 30 s in all (vladionescu.me, 2022-04); how much of it is the pull is not published.
    let seconds = |n| Distribution::Constant(second(n));
    let pending = start.and_then(|start| start.pending.clone()).unwrap_or_else(|| seconds(20));
    let pull = start.and_then(|start| start.pull.clone()).unwrap_or_else(|| seconds(10));
    let spot = raw.spot.as_ref().map(|raw| fargate_spot(raw, reader));
    let extra_disk = extra_disk(raw.ephemeral_storage.as_ref(), reader);
    let task = task?;
    let (spot, spot_discount) = match spot {
        Some(spot) => spot.map(|(spot, discount)| (Some(spot), discount))?,
        None => (None, 0),
    };
    let task = Task { extra_disk: extra_disk?, spot_discount, ..task };
    let vcpu = f64::from(task.milli_vcpu) / 1_000.0;
    let memory = f64::from(task.memory.0) / 1_024.0;
    let instance = InstanceType {
        name: format!("Fargate {vcpu} vCPU, {memory} GB"),
        vcpu: task.milli_vcpu.div_ceil(1_000),
        memory_mib: task.memory.0,
        arch,
    };
    Some(Fleet {
        min: min?.value,
        max: max?.value,
        desired: desired.or(min)?.value,
        zones,
        concurrency,
        queue: raw.queue.unwrap_or(Limit::Unlimited),
        scaling,
        schedule,
        speed,
        pending,
        boot: [Some(pull), app_start].into_iter().flatten().collect(),
        health_check_interval: health,
        unhealthy_threshold,
        mtbf,
        deregistration_delay: draining,
        volume_gib: 0,
        // A service's metrics are the mean over its tasks from the start; no warm-up keeps new ones out of it.
        warmup: SimDuration::ZERO,
        scale_in_rest: rest,
        eks: raw.control_plane == Some(ControlPlane::Eks),
        spot,
        task: Some(task),
        ..Fleet::fixed(instance, 1)
    })
}

/// The share that is interrupted within a month, which leaves some.
fn interruptions(share: &At<Percent>, reader: &mut Reader) -> f64 {
    if share.value.0 > 0.999 {
        let help = "write at most 99.9%; an `events:` entry interrupts them all at once";
        reader.error("out-of-range", "nothing would survive", share.span, "", help);
    }
    share.value.0
}

/// The mix of a service, and the discount in thousandths.
fn fargate_spot(raw: &RawFargateSpot, reader: &mut Reader) -> Option<(Spot, u32)> {
    let interruptions = interruptions(raw.interruptions.as_ref()?, reader);
    let discount = raw.discount.as_ref()?;
    let permille = (discount.value.0 * 1_000.0 + 0.5) as u32;
    if !(1..=999).contains(&permille) || (discount.value.0 * 1_000.0 - f64::from(permille)).abs() > 1e-6 {
        let help = "write 0.1% to 99.9%, to a tenth of a percent";
        reader.error("out-of-range", "no discount that Fargate Spot could have", discount.span, "", help);
    }
    let base = raw.base.as_ref().map_or(0, |base| base.value);
    Some((Spot { base, on_demand_share: raw.on_demand.map_or(0.0, |share| share.0), interruptions }, permille))
}

/// GB of disk beyond the 20 that are free.
fn extra_disk(disk: Option<&At<Bytes>>, reader: &mut Reader) -> Option<u32> {
    let Some(disk) = disk else { return Some(0) };
    let gb = disk.value.0 >> 30;
    if !(20..=200).contains(&gb) || disk.value.0 != gb << 30 {
        reader.error("out-of-range", "Fargate offers no such disk", disk.span, "", "write `20 GB` to `200 GB`");
        return None;
    }
    u32::try_from(gb - 20).ok()
}

/// Memory that Fargate offers for these thousandths of a vCPU, in GB: from, to, in steps of (AWS Fargate pricing page, 2026).
fn memory_sizes(milli_vcpu: u32) -> Option<(u32, u32, u32)> {
    Some(match milli_vcpu {
        500 => (1, 4, 1),
        1_000 => (2, 8, 1),
        2_000 => (4, 16, 1),
        4_000 => (8, 30, 1),
        8_000 => (16, 60, 4),
        16_000 => (32, 120, 8),
        _ => return None,
    })
}

fn check_task(cpu: Option<&At<f64>>, memory: Option<&At<MegaBytes>>, arch: Arch, reader: &mut Reader) -> Option<Task> {
    let (cpu, memory) = (cpu?, memory?);
    let milli_vcpu = (cpu.value.min(1e6) * 1_000.0 + 0.5) as u32;
    let mb = memory.value.0;
    let (fits, offered) = match milli_vcpu {
        250 => ([512, 1_024, 2_048].contains(&mb), "512 MB, 1 GB or 2 GB".to_owned()),
        32_000 => ([60, 120, 244].contains(&(mb / 1_024)) && mb.is_multiple_of(1_024), "60, 120 or 244 GB".to_owned()),
        _ => {
            let Some((from, to, step)) = memory_sizes(milli_vcpu) else {
                let title = format!("Fargate offers no {} vCPU", cpu.value);
                reader.error("out-of-range", title, cpu.span, "", "write 0.25, 0.5, 1, 2, 4, 8, 16 or 32");
                return None;
            };
            let gb = mb / 1_024;
            let fits = mb.is_multiple_of(1_024) && (from..=to).contains(&gb) && (gb - from).is_multiple_of(step);
            (fits, format!("{from} to {to} GB in steps of {step} GB"))
        }
    };
    if !fits {
        let title = format!("Fargate offers no {mb} MB with {} vCPU", cpu.value);
        reader.error("out-of-range", title, memory.span, "", &format!("write {offered}"));
    }
    Some(Task { milli_vcpu, memory: memory.value, arch, extra_disk: 0, spot_discount: 0 })
}
