//! Functions on Lambda Managed Instances as users write them -> [`Fleet`]s that Lambda runs.

use super::distribution::Distribution;
use super::fleet_yaml::{Sizes, check_instance};
use super::model::{Fleet, InstanceType, Managed, ScalingPolicy, TargetTracking, TrackedMetric};
use super::model_yaml::{speed, warn, within};
use super::quantity::Percent;
use super::read::{At, Reader, record};
use crate::catalog::{self, Package};
use crate::diag::Span;
use crate::finding::{Code, Finding};
use crate::units::{Bytes, Limit, MegaBytes, SimDuration};
use crate::yaml::{Key, shorten};

/// Instances that Lambda starts with, one in each of three zones (developer guide, scaling of Managed Instances).
const INSTANCES: u32 = 3;
/// CPU utilisation and share of the concurrency at which another instance is asked for. AWS publishes none; with half in reserve, traffic may
/// double before anything is refused, which is what the developer guide says of it.
const TARGET: f64 = 0.5;
/// Longest init (AWS.md 1.12).
const LONGEST_INIT: SimDuration = SimDuration::from_mins(15);
/// Age at which an instance is replaced (AWS.md 1.12).
const ROTATION: SimDuration = SimDuration::from_hours(14 * 24);

record! {
    /// Function on Lambda Managed Instances.
    pub(crate) struct RawManaged: "the settings of a function on managed instances" {
        /// EC2 instance type, e.g. m7g.xlarge.
        required instance_type: At<String>,
        /// Runtime, e.g. python3.13: decides the concurrency, and its measured init is part of an instance's start.
        required runtime: At<String>,
        /// Memory of an execution environment, 2 GB to 32 GB (default 2 GB).
        optional memory: At<MegaBytes>,
        /// Memory for each vCPU of an environment: 2 GB, 4 GB or 8 GB (default 2 GB).
        optional memory_per_vcpu: At<MegaBytes>,
        /// Requests at work in an environment (default for each vCPU: Python 16, Node.js 64, Java and .NET 32).
        optional concurrency: At<u32>,
        /// Smallest number of instances (default 3).
        optional min: At<u32>,
        /// Largest number of instances.
        required max: At<u32>,
        /// Instances at the start (default min).
        optional desired: At<u32>,
        /// Zones they are spread over (default 3).
        optional zones: At<u32>,
        /// CPU utilisation, and share of the concurrency, beyond which instances are added (default 50%).
        optional target: At<Percent>,
        /// What loading the user's own code and libraries adds to the init.
        optional dependencies: Distribution,
        /// How long an instance that goes may finish its requests: the function's time-out (default 3s).
        optional timeout: At<SimDuration>,
        /// Speed of a vCPU relative to the reference vCPU (default 1).
        optional speed: At<f64>,
        /// What Lambda itself logs for each call (default 400 B).
        optional platform_log: Bytes,
    }
    later ["scaling", "schedule", "error_rate", "async", "calls", "instance_requirements", "spot", "arch"]
}

/// Requests at work for each vCPU (AWS.md 1.12). Runtimes: developer guide, Managed Instances.
fn per_vcpu(runtime: &At<String>, reader: &mut Reader) -> Option<f64> {
    let (name, text) = (runtime.value.to_lowercase(), shorten(&runtime.value));
    let known = [("python", 16.0), ("node", 64.0), ("java", 32.0), ("dotnet", 32.0)];
    let found = known.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, each)| *each);
    if found.is_none() {
        let title = format!("managed instances do not run `{text}`");
        reader.error(
            "unknown-runtime",
            title,
            runtime.span,
            "",
            "write e.g. `python3.13`, `nodejs22`, `java21` or `dotnet8`",
        );
    }
    found
}

/// How many environments of this size an instance holds, and the vCPUs of one.
fn environments(instance: &InstanceType, raw: &RawManaged, reader: &mut Reader) -> Option<(u32, f64)> {
    let memory = raw.memory.as_ref().map_or(2_048, |at| at.value.0);
    let ratio = raw.memory_per_vcpu.as_ref().map_or(2_048, |at| at.value.0);
    if let Some(at) = raw.memory.as_ref().filter(|at| !(2_048..=32_768).contains(&at.value.0)) {
        let title = format!("{} MB is out of range", at.value.0);
        reader.error("out-of-range", title, at.span, "", "write 2 GB to 32 GB");
        return None;
    }
    if let Some(at) = raw.memory_per_vcpu.as_ref().filter(|at| ![2_048, 4_096, 8_192].contains(&at.value.0)) {
        let title = format!("{} MB for each vCPU is not offered", at.value.0);
        reader.error("out-of-range", title, at.span, "", "write 2 GB, 4 GB or 8 GB");
        return None;
    }
    if memory < ratio {
        let span = raw.memory_per_vcpu.as_ref().or(raw.memory.as_ref()).map(|at| at.span)?;
        let help = format!("write `memory: {} GB` or more", ratio / 1_024);
        reader.error("out-of-range", "an environment has at least one vCPU", span, "", &help);
        return None;
    }
    let vcpu = f64::from(memory) / f64::from(ratio);
    let fit = (instance.memory_mib / memory).min((f64::from(instance.vcpu) / vcpu) as u32);
    if fit == 0 {
        let title = format!("an environment of {memory} MB and {vcpu} vCPU does not fit on `{}`", instance.name);
        let name = raw.instance_type.as_ref()?;
        let help = format!("it has {} vCPU and {} MB: take a larger one", instance.vcpu, instance.memory_mib);
        reader.error("out-of-range", title, name.span, "", &help);
        return None;
    }
    Some((fit, vcpu))
}

/// A policy that keeps this metric at its target: a minute above it adds, a quarter of an hour below 70 % of it takes away. How fast Lambda
/// really is has not been published.
fn follow(metric: TrackedMetric, target: f64) -> ScalingPolicy {
    ScalingPolicy::TargetTracking(TargetTracking {
        metric,
        target,
        out_periods: 1,
        in_periods: 15,
        in_bound: 0.7,
        disable_scale_in: false,
    })
}

/// A function on managed instances.
pub(super) fn check(
    key: &Key,
    span: Span,
    raw: &RawManaged,
    findings: &mut Vec<Finding>,
    reader: &mut Reader,
) -> Option<Fleet> {
    let second = SimDuration::from_secs;
    let instance = raw.instance_type.as_ref().and_then(|name| check_instance(name, reader));
    if let (Some(at), Some(kind)) = (&raw.instance_type, &instance)
        && (kind.name.starts_with('t') || kind.memory_mib < 4_096)
    {
        let help = "write e.g. `m7g.xlarge`, `c7i.large` or `r7g.xlarge`";
        reader.error("wrong-instance", format!("Lambda does not manage `{}`", kind.name), at.span, "", help);
    }
    let sizes = Sizes { min: raw.min.as_ref(), max: raw.max.as_ref(), desired: raw.desired.as_ref() };
    sizes.check(reader);
    let max = raw.max.as_ref()?;
    let min = raw.min.as_ref().map_or(INSTANCES.min(max.value), |at| at.value);
    let zones = raw.zones.as_ref().map_or(3, |_| super::model_yaml::zones(raw.zones.as_ref(), reader));
    let timeout = within(raw.timeout.as_ref(), second(1), second(900), second(3), reader);
    let speed = speed(raw.speed.as_ref(), reader);
    let runtime = raw.runtime.as_ref()?;
    let each_vcpu = per_vcpu(runtime, reader);
    let instance = instance?;
    let (environments, vcpu) = environments(&instance, raw, reader)?;
    let most = (64.0 * vcpu) as u32;
    if let Some(at) = raw.concurrency.as_ref().filter(|at| !(1..=most).contains(&at.value)) {
        let title = format!("{} requests at once in an environment of {vcpu} vCPU", at.value);
        reader.error("out-of-range", title, at.span, "", &format!("write 1 to {most}: 64 for each vCPU"));
    }
    let per_environment = raw.concurrency.as_ref().map(|at| at.value);
    let per_environment = per_environment.or_else(|| Some((each_vcpu? * vcpu) as u32))?.max(1);
    let target = raw.target.as_ref().map_or(TARGET, |at| at.value.0);
    if let Some(at) = raw.target.as_ref().filter(|at| !(0.05..=0.95).contains(&at.value.0)) {
        reader.error("out-of-range", "a target that cannot be kept", at.span, "", "write 5% to 95%");
    }
    let mut boot = vec![Distribution::Constant(SimDuration::from_millis(3_200))];
    match catalog::lambda_runtime(&runtime.value, Package::Zip, instance.arch, MegaBytes(2_048)) {
        Some(start) => boot.push(start.init),
        None if each_vcpu.is_some() => {
            let title = format!("the start-up of the runtime `{}` is not known", shorten(&runtime.value));
            let help = "write one that is, e.g. `python3.13`, `nodejs22`, `java21` or `dotnet8`";
            reader.error("unknown-runtime", title, runtime.span, "", help);
        }
        None => {}
    }
    match &raw.dependencies {
        Some(Distribution::Constant(time)) if *time > LONGEST_INIT => {
            let help = "an init has up to 15 minutes: shorten `dependencies`";
            reader.error("out-of-range", format!("an init of {time}"), span, "", help);
        }
        Some(time) => boot.push(time.clone()),
        None if min < max.value && !raw.given.contains(&"dependencies") => {
            let says = "without `dependencies` its start-up is that of an empty program";
            let help = "add e.g. `dependencies: 300ms`, the time that loading your own code takes";
            warn(key, span, Code::EmptyProgram, says, help, findings, reader);
        }
        None => {}
    }
    let concurrency = environments.saturating_mul(per_environment);
    let scaling = if min < max.value {
        let busy = f64::from(concurrency) * target;
        vec![follow(TrackedMetric::Cpu, target), follow(TrackedMetric::Outstanding, busy)]
    } else {
        Vec::new()
    };
    Some(Fleet {
        min,
        max: max.value,
        desired: raw.desired.as_ref().map_or(min, |at| at.value),
        zones,
        concurrency: Limit::At(u64::from(concurrency)),
        queue: Limit::At(0),
        scaling,
        speed,
        // As any EC2 instance (AWS.md 4.6).
        pending: Distribution::Constant(SimDuration::from_millis(22_600)),
        boot,
        health_check_interval: SimDuration::ZERO,
        deregistration_delay: timeout,
        volume_gib: 0,
        warmup: SimDuration::ZERO,
        managed: Some(Managed {
            runtime: runtime.value.clone(),
            environments,
            per_environment,
            rotation: ROTATION,
            platform_log: raw.platform_log.unwrap_or(Bytes(400)),
        }),
        ..Fleet::fixed(instance, 1)
    })
}
