//! Memory, hooks, warm pool and changes of type of a fleet as users write them.

use super::distribution::Distribution;
use super::fleet_yaml::{self, RawSpot};
use super::group::{Hook, Hooks, MemoryUse, PoolState, Resize, WarmPool, WhenFull};
use super::model::{Days, InstanceType};
use super::model_yaml::within;
use super::quantity::TimeOfDay;
use super::read::{At, FromYaml, Reader, Schemas, keywords, record};
use crate::units::{Bytes, SimDuration};
use crate::yaml::Node;
use serde_json::json;

record! {
    /// Memory that the application takes of an instance.
    pub(crate) struct RawMemory: "memory such as `{ base: 500 MB, per_request: 20 MB, when_full: refuse }`" {
        /// Of the operating system and the application at rest.
        required base: At<Bytes>,
        /// Of each request at work.
        required per_request: At<Bytes>,
        /// What happens to a request for which there is none: `refuse` (503) or `restart` (the application is killed with all that it has at
        /// work, and starts again); default refuse.
        optional when_full: WhenFull,
    }
}

keywords!(WhenFull, "`refuse` or `restart`", { "refuse" => Self::Refuse, "restart" => Self::Restart });

record! {
    /// Actions that the group waits for, paid.
    pub(crate) struct RawHooks: "lifecycle hooks such as `{ launch: { takes: 90s } }`" {
        /// From running on, beside the boot; only then the instance is registered.
        optional launch: RawHook,
        /// After draining, before the instance is terminated.
        optional terminate: RawHook,
    }
}

record! {
    /// A lifecycle hook.
    pub(crate) struct RawHook: "a hook such as `{ takes: 90s, heartbeat: 1h, default: abandon }`" {
        /// How long its action takes.
        required takes: Distribution,
        /// The group waits no longer than this (default 1h).
        optional heartbeat: At<SimDuration>,
        /// What happens then: `abandon` (a new instance is terminated and replaced) or `continue`; default abandon.
        optional default: HookResult,
    }
}

/// What a hook does that was not completed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookResult {
    Abandon,
    Continue,
}

keywords!(HookResult, "`abandon` or `continue`", { "abandon" => Self::Abandon, "continue" => Self::Continue });

record! {
    /// Instances that wait, prepared: launched and their user data run before.
    pub(crate) struct RawWarmPool: "a warm pool such as `{ state: stopped, max_prepared: 10 }`" {
        /// `stopped`, `hibernated` or `running` (default stopped).
        optional state: PoolState,
        /// Instances of the group and its pool together (default the group's largest size).
        optional max_prepared: At<u32>,
        /// The pool is never smaller (default 0).
        optional min_size: At<u32>,
        /// Instances that the group gives up return to the pool (default false).
        optional reuse_on_scale_in: bool,
        /// From the order until an instance of the pool runs, not billed (default: stopped 18s, hibernated 17.5s; running: 1.9 s to 3.9 s).
        optional start: Distribution,
    }
}

keywords!(PoolState, "`stopped`, `hibernated` or `running`", {
    "stopped" => Self::Stopped,
    "hibernated" => Self::Hibernated,
    "running" => Self::Running,
});

/// Memory use on an instance type.
pub(super) fn check_memory(raw: &RawMemory, instance: Option<&InstanceType>, reader: &mut Reader) -> Option<MemoryUse> {
    let (base, per_request) = (raw.base.as_ref()?, raw.per_request.as_ref()?);
    if per_request.value.0 == 0 {
        let help = "write e.g. `20 MB`, or leave `memory:` out";
        reader.error("not-positive", "a request at work takes some memory", per_request.span, "", help);
        return None;
    }
    let memory = MemoryUse {
        base: base.value,
        per_request: per_request.value,
        when_full: raw.when_full.unwrap_or(WhenFull::Refuse),
    };
    if let Some(instance) = instance.filter(|instance| memory.holds(instance.memory_mib) == 0) {
        let title = format!("`{}` has {} MB: not enough for one request", instance.name, instance.memory_mib);
        reader.error("out-of-memory", title, base.span, "", "take a larger instance type, or write less memory");
        return None;
    }
    Some(memory)
}

fn check_hook(raw: &RawHook, reader: &mut Reader) -> Option<Hook> {
    let second = SimDuration::from_secs;
    // 30 s to 2 h, an hour unless stated (EC2 Auto Scaling API, HeartbeatTimeout).
    let heartbeat = within(raw.heartbeat.as_ref(), second(30), second(7_200), second(3_600), reader);
    let continues = raw.default == Some(HookResult::Continue);
    Some(Hook { takes: raw.takes.clone()?, heartbeat, continues })
}

/// Lifecycle hooks.
pub(super) fn check_hooks(raw: &RawHooks, reader: &mut Reader) -> Hooks {
    let mut hook = |raw: Option<&RawHook>| raw.and_then(|raw| check_hook(raw, reader));
    Hooks { launch: hook(raw.launch.as_ref()), terminate: hook(raw.terminate.as_ref()) }
}

/// Largest memory of an instance that can hibernate, in MiB (EC2 user guide, hibernation prerequisites: less than 150 GiB).
const HIBERNATES: u32 = 150 << 10;

/// A warm pool of instances with volumes of `volume_gib`.
pub(super) fn check_warm_pool(
    raw: &RawWarmPool,
    instance: Option<&InstanceType>,
    volume_gib: Option<u32>,
    spot: Option<&RawSpot>,
    reader: &mut Reader,
) -> WarmPool {
    if let Some(spot) = spot {
        let span = reader.first_line(spot.span);
        let help = "leave `spot:` or `warm_pool:` out";
        reader.error("no-spot-pool", "a group with Spot instances has no warm pool", span, "", help);
    }
    let state = raw.state.unwrap_or(PoolState::Stopped);
    for size in [&raw.max_prepared, &raw.min_size].into_iter().flatten() {
        if size.value > 100_000 {
            reader.error("out-of-range", format!("a pool of {}", size.value), size.span, "", "write 0 to 100000");
        }
    }
    if let (PoolState::Hibernated, Some(instance), Some(gib)) = (state, instance, volume_gib) {
        let span = reader.first_line(raw.span);
        let memory = instance.memory_mib.div_ceil(1_024);
        if instance.memory_mib >= HIBERNATES {
            let title = format!("`{}` has too much memory to hibernate", instance.name);
            reader.error("cannot-hibernate", title, span, "", "write `state: stopped`");
        } else if gib <= memory {
            let title = format!("a volume of {gib} GB does not hold the {memory} GB of memory of `{}`", instance.name);
            let help = format!("add `volume: {} GB` to the fleet, or write `state: stopped`", gib + memory);
            reader.error("cannot-hibernate", title, span, "", &help);
        }
    }
    // Measured on m7i.large (brevdev/ec2-coldboot-research, 2026-01): from stopped 21.2 s, hibernated 20.7 s, each with the 3.2 s until the
    // system answers; from running 1.9 to 3.9 s.
    let (millis, always) = (SimDuration::from_millis, Distribution::Constant);
    let start = raw.start.clone().unwrap_or_else(|| match state {
        PoolState::Stopped => always(millis(18_000)),
        PoolState::Hibernated => always(millis(17_500)),
        PoolState::Running => Distribution::Uniform { low: millis(1_900), high: millis(3_900) },
    });
    WarmPool {
        state,
        max_prepared: raw.max_prepared.as_ref().map(|size| size.value),
        min_size: raw.min_size.as_ref().map_or(0, |size| size.value),
        reuse: raw.reuse_on_scale_in.unwrap_or(false),
        start,
    }
}

/// A time of day, or a time since t = 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Daily(SimDuration),
    Once(SimDuration),
}

impl FromYaml for When {
    const EXPECTS: &'static str = "a time of day such as `\"02:00\"`, or a time since the start such as `3d2h`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(text) = node.scalar() else { return reader.mismatch(node, Self::EXPECTS) };
        if text.contains(':') {
            return TimeOfDay::read(node, reader).map(|time| Self::Daily(time.0));
        }
        SimDuration::read(node, reader).map(Self::Once)
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let (daily, once) = (TimeOfDay::schema(schemas), SimDuration::schema(schemas));
        json!({ "anyOf": [daily, once] })
    }
}

record! {
    /// A change of the instance type of a single server: it is stopped, changed and started again.
    pub(crate) struct RawResize: "a change such as `{ at: \"02:00\", days: sunday, to: m7g.xlarge }` or `{ at: 3d2h, to: m7g.xlarge }`" {
        /// Time of day, counted from t = 0, which is midnight; or a time since t = 0, when it happens once.
        required at: At<When>,
        /// On which days (default every); not for one that happens once.
        optional days: At<Days>,
        /// The type that it has from then on, of the same processor architecture.
        required to: At<String>,
        /// From the order until it runs again, without the boot that follows (default 58s: 40 s to stop, from memory, and 18 s to start).
        optional downtime: Distribution,
    }
}

/// Changes of the type of a fleet.
pub(super) fn check_resizes(
    raw: &[RawResize],
    instance: Option<&InstanceType>,
    single: bool,
    reader: &mut Reader,
) -> Vec<Resize> {
    let mut checked = Vec::new();
    for one in raw {
        let (Some(at), Some(to)) = (&one.at, &one.to) else { continue };
        if !single {
            let span = reader.first_line(one.span);
            let help = "write `min: 1` and `max: 1` without a pool, or replace the instances of a group by an instance refresh";
            reader.error("not-single", "only a single server changes its type", span, "", help);
            continue;
        }
        let Some(found) = fleet_yaml::check_instance(to, reader) else { continue };
        if let Some(from) = instance.filter(|from| from.arch != found.arch) {
            let title = format!("`{}` has another processor architecture than `{}`", found.name, from.name);
            reader.error("wrong-architecture", title, to.span, "", "choose a type of the same architecture");
        }
        let burstable = |name: &str| crate::catalog::cpu_credits(name).is_some();
        if burstable(&found.name) || instance.is_some_and(|from| burstable(&from.name)) {
            let help = "change between families without CPU credits";
            reader.error("not-modelled", "CPU credits across a change of type are not modelled", to.span, "", help);
        }
        let downtime = one.downtime.clone().unwrap_or(Distribution::Constant(SimDuration::from_secs(58)));
        let days = one.days.as_ref().map_or(Days(0b111_1111), |days| days.value);
        let (at, once) = match at.value {
            When::Daily(at) => (at, false),
            When::Once(at) => (at, true),
        };
        if let Some(days) = one.days.as_ref().filter(|_| once) {
            let help = "remove it, or write a time of day such as `at: \"02:00\"`";
            reader.error("wrong-type", "a change since the start happens once, on no other days", days.span, "", help);
        }
        checked.push(Resize { at, once, days, to: found, downtime });
    }
    checked
}
