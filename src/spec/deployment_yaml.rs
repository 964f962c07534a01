//! Deployments as users write them, checked against the components that they concern.

use super::deployment::{BlueGreen, Deployment, DeploymentKind, InstanceRefresh, RollingUpdate, TrafficShift};
use super::distribution::Distribution;
use super::model::{Architecture, Component, ComponentKind, Fleet, LoadBalancer, Provisioned};
use super::model_yaml::within;
use super::quantity::{Percent, UpToTwice};
use super::read::{At, FromYaml, Reader, Schemas, keyword, record};
use super::scenario::{Account, Frequency};
use crate::diag::{Span, nearest};
use crate::units::SimDuration;
use crate::yaml::{Node, shorten};
use serde_json::json;

/// Most deployments of a scenario: each keeps a version of its component in memory.
const MOST: usize = 100;

record! {
    /// A new version of a component takes over.
    pub(crate) struct RawDeployment: "a deployment such as `{ at: 2d10h, component: shop, kind: LambdaCanary10Percent5Minutes, per: week }`" {
        /// Start since t = 0, within the horizon.
        required at: At<SimDuration>,
        /// Name of the component, in the architectures that have it.
        required component: At<String>,
        /// How it takes over: for functions as CodeDeploy names it, with or without `Lambda` (as SAM does); for groups of instances `InstanceRefresh`; for containers `RollingUpdate` (the ECS
        /// scheduler) or CodeDeploy's kinds with `ECS`.
        required kind: At<RawKind>,
        /// Instance refresh: share of the group that stays in service (default 90%). Rolling update: minimumHealthyPercent (default 100%).
        optional min_healthy: At<Percent>,
        /// Rolling update: maximumPercent, of tasks that start or serve (default 200%).
        optional maximum: At<UpToTwice>,
        /// CodeDeploy with `ECS`: the original tasks are kept, and paid, for so long after the last step (default 1h, at most 2d).
        optional termination_wait: At<SimDuration>,
        /// Instance refresh: it waits once when this share of the instances has been replaced (default: never).
        optional checkpoint: At<Percent>,
        /// Instance refresh: for so long (default 1h).
        optional checkpoint_delay: At<SimDuration>,
        /// How often it happens: `month`, `week` or `once` (default once, shown apart from the monthly total).
        optional per: Frequency,
    }
}

/// A kind with the name that it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawKind(&'static str, DeploymentKind);

/// What may be written, and what it means.
const KINDS: &[RawKind] = &[
    lambda("LambdaAllAtOnce", TrafficShift::ALL_AT_ONCE),
    lambda("LambdaCanary10Percent5Minutes", TrafficShift::canary(5)),
    lambda("LambdaCanary10Percent10Minutes", TrafficShift::canary(10)),
    lambda("LambdaCanary10Percent15Minutes", TrafficShift::canary(15)),
    lambda("LambdaCanary10Percent30Minutes", TrafficShift::canary(30)),
    lambda("LambdaLinear10PercentEvery1Minute", TrafficShift::linear(1)),
    lambda("LambdaLinear10PercentEvery2Minutes", TrafficShift::linear(2)),
    lambda("LambdaLinear10PercentEvery3Minutes", TrafficShift::linear(3)),
    lambda("LambdaLinear10PercentEvery10Minutes", TrafficShift::linear(10)),
    // SAM's names.
    lambda("AllAtOnce", TrafficShift::ALL_AT_ONCE),
    lambda("Canary10Percent5Minutes", TrafficShift::canary(5)),
    lambda("Canary10Percent10Minutes", TrafficShift::canary(10)),
    lambda("Canary10Percent15Minutes", TrafficShift::canary(15)),
    lambda("Canary10Percent30Minutes", TrafficShift::canary(30)),
    lambda("Linear10PercentEvery1Minute", TrafficShift::linear(1)),
    lambda("Linear10PercentEvery2Minutes", TrafficShift::linear(2)),
    lambda("Linear10PercentEvery3Minutes", TrafficShift::linear(3)),
    lambda("Linear10PercentEvery10Minutes", TrafficShift::linear(10)),
    RawKind("InstanceRefresh", DeploymentKind::InstanceRefresh(InstanceRefresh::DEFAULT)),
    RawKind("RollingUpdate", DeploymentKind::RollingUpdate(RollingUpdate::DEFAULT)),
    ecs("ECSAllAtOnce", TrafficShift::ALL_AT_ONCE),
    ecs("ECSCanary10Percent5Minutes", TrafficShift::canary(5)),
    ecs("ECSCanary10Percent15Minutes", TrafficShift::canary(15)),
    ecs("ECSLinear10PercentEvery1Minutes", TrafficShift::linear(1)),
    ecs("ECSLinear10PercentEvery3Minutes", TrafficShift::linear(3)),
];

const fn ecs(name: &'static str, shift: TrafficShift) -> RawKind {
    RawKind(name, DeploymentKind::BlueGreen(BlueGreen::new(shift)))
}

const fn lambda(name: &'static str, shift: TrafficShift) -> RawKind {
    RawKind(name, DeploymentKind::Lambda(shift))
}

impl FromYaml for RawKind {
    const EXPECTS: &'static str = "a deployment configuration such as `LambdaCanary10Percent5Minutes`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let words: Vec<&str> = KINDS.iter().map(|kind| kind.0).collect();
        let word = keyword(node, reader, Self::EXPECTS, &words)?;
        KINDS.iter().copied().find(|kind| kind.0 == word)
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "enum": KINDS.iter().map(|kind| kind.0).collect::<Vec<_>>() })
    }
}

/// Checks the deployments. `selected`: the architectures are not those of the scenario's list, so a component may be missing.
pub(crate) fn check(
    raw: Vec<RawDeployment>,
    horizon: SimDuration,
    account: &Account,
    architectures: &[Architecture],
    selected: bool,
    reader: &mut Reader,
) -> Vec<Deployment> {
    if let Some(first) = raw.get(MOST) {
        let title = format!("more than {MOST} deployments");
        let span = reader.first_line(first.span);
        reader.error("too-many", title, span, "", "leave some out, or shorten `horizon:`");
        return Vec::new();
    }
    let mut checked: Vec<Deployment> = Vec::new();
    for raw in raw {
        let Some(RawKind(name, what)) = raw.kind.as_ref().map(|kind| kind.value) else { continue };
        let what = refined(what, &raw, reader);
        let (Some(at), Some(component), Some(kind)) = (raw.at, raw.component, raw.kind) else { continue };
        let mut found = false;
        let mut lasts = length(what);
        for architecture in architectures {
            let Some(one) = architecture.components.iter().find(|one| one.name == component.value) else { continue };
            found = true;
            if let Some(preparation) = check_component(account, architecture, one, what, kind.span, reader) {
                lasts = lasts.max(preparation + length(what));
            }
        }
        if !found && !selected && !architectures.is_empty() {
            let names = architectures.iter().flat_map(|architecture| &architecture.components);
            let near = nearest(&component.value, names.map(|one| one.name.as_str()));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write the name of a function, a fleet or a service".to_owned(),
            };
            let title = format!("no architecture has a component `{}`", shorten(&component.value));
            reader.error("unknown-component", title, component.span, "", &help);
        }
        if at.value >= horizon || at.value + lasts > horizon {
            let title = format!("the deployment, which takes {lasts}, is not over within the horizon of {horizon}");
            reader.error("deployment-outside", title, at.span, "", "move it, or lengthen `horizon:`");
        }
        let per = raw.per.unwrap_or(Frequency::Once);
        let deployment =
            Deployment { at: at.value, lasts, per, component: component.value, name: name.to_owned(), kind: what };
        if checked.iter().any(|other| overlap(other, &deployment)) {
            let title = format!("two deployments of `{}` at a time", shorten(&deployment.component));
            let help = "a second one is refused until the first is over: begin it later";
            reader.error("deployment-overlap", title, at.span, "", help);
        }
        checked.push(deployment);
    }
    checked.sort_by_key(|deployment| deployment.at);
    checked
}

/// Whether both concern one component and one begins before the other is over.
fn overlap(a: &Deployment, b: &Deployment) -> bool {
    let (first, second) = if a.at <= b.at { (a, b) } else { (b, a) };
    a.component == b.component && (first.at == second.at || second.at < first.at + first.lasts)
}

/// From the first step to the last.
fn length(kind: DeploymentKind) -> SimDuration {
    match kind {
        DeploymentKind::Lambda(shift) => shift.lasts(),
        DeploymentKind::InstanceRefresh(rule) => rule.checkpoint.map_or(SimDuration::ZERO, |_| rule.checkpoint_delay),
        DeploymentKind::RollingUpdate(_) => SimDuration::ZERO,
        DeploymentKind::BlueGreen(rule) => rule.shift.lasts() + rule.termination_wait,
    }
}

/// With what an entry says beside its kind.
fn refined(what: DeploymentKind, raw: &RawDeployment, reader: &mut Reader) -> DeploymentKind {
    let (refresh, rolling, codedeploy) = ("`InstanceRefresh`", "`RollingUpdate`", "CodeDeploy's kinds with `ECS`");
    let mut not_for = |given: Option<Span>, who: &str| {
        if let Some(span) = given {
            reader.error("wrong-deployment", format!("this is for {who}"), span, "", "remove it");
        }
    };
    let refreshes = matches!(what, DeploymentKind::InstanceRefresh(_));
    let rolls = matches!(what, DeploymentKind::RollingUpdate(_));
    let shifts = matches!(what, DeploymentKind::BlueGreen(_));
    let both = format!("{refresh} and {rolling}");
    not_for(raw.min_healthy.as_ref().filter(|_| !refreshes && !rolls).map(|at| at.span), &both);
    not_for(raw.maximum.as_ref().filter(|_| !rolls).map(|at| at.span), rolling);
    not_for(raw.checkpoint.as_ref().filter(|_| !refreshes).map(|at| at.span), refresh);
    not_for(raw.checkpoint_delay.as_ref().filter(|_| !refreshes).map(|at| at.span), refresh);
    not_for(raw.termination_wait.as_ref().filter(|_| !shifts).map(|at| at.span), codedeploy);
    let healthy = |default: f64| raw.min_healthy.as_ref().map_or(default, |share| share.value.0);
    match what {
        DeploymentKind::Lambda(_) => what,
        DeploymentKind::InstanceRefresh(rule) => DeploymentKind::InstanceRefresh(InstanceRefresh {
            min_healthy: healthy(rule.min_healthy),
            checkpoint: raw.checkpoint.as_ref().map(|share| share.value.0),
            checkpoint_delay: raw.checkpoint_delay.as_ref().map_or(rule.checkpoint_delay, |delay| delay.value),
        }),
        DeploymentKind::RollingUpdate(rule) => DeploymentKind::RollingUpdate(RollingUpdate {
            min_healthy: healthy(rule.min_healthy),
            maximum: raw.maximum.as_ref().map_or(rule.maximum, |share| share.value.0),
        }),
        DeploymentKind::BlueGreen(rule) => {
            // At most two days (CodeDeploy API, BlueInstanceTerminationOption).
            let (none, most) = (SimDuration::ZERO, SimDuration::from_hours(48));
            let wait = within(raw.termination_wait.as_ref(), none, most, rule.termination_wait, reader);
            DeploymentKind::BlueGreen(BlueGreen { termination_wait: wait, ..rule })
        }
    }
}

/// What a draw hardly ever exceeds: about the 99th percentile.
fn at_most(distribution: &Distribution) -> SimDuration {
    match distribution {
        Distribution::Constant(always) => *always,
        Distribution::Exponential { mean } => *mean + *mean + *mean + *mean + *mean,
        Distribution::LogNormal { mu, sigma } => SimDuration::from_secs_f64(libm::exp(mu + 2.33 * sigma).min(1e6)),
        Distribution::Gamma { shape, scale } => {
            SimDuration::from_secs_f64((scale * (shape + 5.0 * (shape + 1.0).sqrt())).min(1e6))
        }
        Distribution::Uniform { high, .. } => *high,
        Distribution::Percentiles(points) => points.last().map_or(SimDuration::ZERO, |point| point.1),
        Distribution::Samples(samples) => samples.last().copied().unwrap_or_default(),
    }
}

/// From the launch of an instance or a task until it is in service.
fn start_takes(fleet: &Fleet) -> SimDuration {
    let start = fleet.boot.iter().fold(at_most(&fleet.pending), |sum, part| sum + at_most(part));
    let hook = fleet.hooks.as_ref().and_then(|hooks| hooks.launch.as_ref());
    let hook = hook.map_or(SimDuration::ZERO, |hook| at_most(&hook.takes).min(hook.heartbeat));
    start + hook + fleet.health_check_interval
}

/// What a refresh of a group takes without its checkpoint.
fn refresh_takes(fleet: &Fleet, rule: InstanceRefresh) -> SimDuration {
    let batch = start_takes(fleet) + fleet.warmup + SimDuration::from_secs(1);
    let batches = rule.batches(fleet.max).max(rule.batches(fleet.desired));
    SimDuration(batch.0.saturating_mul(u64::from(batches)))
}

/// What ECS takes to start new tasks, so often, and to drain the old ones.
fn tasks_take(fleet: &Fleet, rounds: u32) -> SimDuration {
    let tasks = u64::from(fleet.max.max(fleet.desired));
    // 20 launches of tasks a second, 100 at once.
    let quota =
        if fleet.task.is_some() { SimDuration::from_millis(50 * tasks.saturating_sub(100)) } else { SimDuration::ZERO };
    let round = start_takes(fleet) + SimDuration::from_secs(2);
    let hook = fleet.hooks.as_ref().and_then(|hooks| hooks.terminate.as_ref());
    let hook = hook.map_or(SimDuration::ZERO, |hook| at_most(&hook.takes).min(hook.heartbeat));
    SimDuration(round.0.saturating_mul(u64::from(rounds))) + quota + fleet.deregistration_delay + hook
}

/// The balancer in front of a component.
fn balancer<'a>(architecture: &'a Architecture, component: &Component) -> Option<&'a LoadBalancer> {
    let position = architecture.components.iter().position(|one| one.name == component.name)?;
    architecture.components.iter().find_map(|one| match &one.kind {
        ComponentKind::LoadBalancer(balancer) if balancer.to.0.iter().any(|to| usize::from(to.0) == position) => {
            Some(balancer)
        }
        _ => None,
    })
}

/// What a deployment by ECS or by CodeDeploy takes beside its steps, if a group can be deployed so.
fn check_tasks(
    architecture: &Architecture,
    component: &Component,
    fleet: &Fleet,
    kind: DeploymentKind,
    span: Span,
    reader: &mut Reader,
) -> Option<SimDuration> {
    let name = &component.name;
    if fleet.warm_pool.is_some() || !fleet.resizes.is_empty() {
        let title = format!("`{name}` is deployed by ECS and has a `warm_pool:` or a `resize:`");
        reader.error("not-modelled", title, span, "", "leave one of the two out, or write `kind: InstanceRefresh`");
        return None;
    }
    match kind {
        DeploymentKind::RollingUpdate(rule) => {
            let sizes = fleet.min.min(fleet.desired)..=fleet.max.max(fleet.desired);
            if let Some(tasks) = sizes.clone().find(|&tasks| rule.rounds(tasks).is_none()) {
                let title = format!("a rolling update of {tasks} tasks may neither stop nor start one");
                let help = "lower `min_healthy`, or raise `maximum`: ECS would wait for ever";
                reader.error("stuck-deployment", title, span, "", help);
                return None;
            }
            let rounds = sizes.filter_map(|tasks| rule.rounds(tasks)).max().unwrap_or(0);
            Some(tasks_take(fleet, rounds))
        }
        DeploymentKind::BlueGreen(rule) => {
            let Some(balancer) = balancer(architecture, component) else {
                let title = format!("no balancer stands before `{name}`, so that CodeDeploy can shift no requests");
                let help = "put a `load_balancer` before it, or write `kind: RollingUpdate`";
                reader.error("wrong-deployment", title, span, "", help);
                return None;
            };
            // CodeDeploy user guide, deployment configurations.
            if balancer.network.is_some() && rule.shift != TrafficShift::ALL_AT_ONCE {
                let help = "write `kind: ECSAllAtOnce`, or take a `load_balancer`";
                let title = "behind a network load balancer CodeDeploy shifts all requests at once";
                reader.error("wrong-deployment", title, span, "", help);
                return None;
            }
            if fleet.spot.is_some() {
                let title = format!("`{name}` has Spot capacity, which CodeDeploy does not deploy to");
                let help = "leave `spot:` out, or write `kind: RollingUpdate`";
                reader.error("wrong-deployment", title, span, "", help);
                return None;
            }
            Some(tasks_take(fleet, 1))
        }
        DeploymentKind::Lambda(_) | DeploymentKind::InstanceRefresh(_) => None,
    }
}

/// What comes before the first step, if the component can be deployed so.
fn check_component(
    account: &Account,
    architecture: &Architecture,
    component: &Component,
    kind: DeploymentKind,
    span: Span,
    reader: &mut Reader,
) -> Option<SimDuration> {
    match (kind, &component.kind) {
        (DeploymentKind::Lambda(_), ComponentKind::Lambda(function)) => {
            let changes = |rule: &Provisioned| rule.tracking.is_some() || !rule.schedule.is_empty();
            if function.provisioned.as_ref().is_some_and(changes) {
                let title = format!("`{}` is deployed and its provisioned concurrency changes", component.name);
                let help = "write a number under `provisioned_concurrency`: AWS lets nobody change it while an alias is shifted, and what target tracking \
                            and schedules do before and after is not modelled";
                reader.error("not-modelled", title, span, "", help);
                return None;
            }
            if function.durable.is_some() {
                let title = format!("`{}` is deployed and durable", component.name);
                let help = "leave one of the two out: an execution stays with the version that began it, which is not modelled";
                reader.error("not-modelled", title, span, "", help);
                return None;
            }
            let level = function.provisioned.as_ref().map_or(0, |rule| rule.level);
            let limit = function.reserved_concurrency.unwrap_or(account.concurrency.as_u64());
            if level.saturating_mul(2) > limit {
                let title = format!(
                    "both versions of `{}` together need 2 x {level} provisioned environments, of {limit}",
                    component.name
                );
                let help = "AWS refuses to allocate them: raise the concurrency, or provision at most half of it";
                reader.error("provisioned-twice", title, span, "", help);
                return None;
            }
            Some(function.provisioned.as_ref().map_or(SimDuration::ZERO, |rule| rule.ready_after(rule.level)))
        }
        (DeploymentKind::InstanceRefresh(rule), ComponentKind::Fleet(fleet))
            if fleet.task.is_none() && fleet.managed.is_none() =>
        {
            Some(refresh_takes(fleet, rule))
        }
        (DeploymentKind::InstanceRefresh(_), other) => {
            let (name, key) = (&architecture.name, other.key());
            let title =
                format!("`{}` of `{name}` is a {key}, and this kind is for groups of instances", component.name);
            reader.error("wrong-deployment", title, span, "", "name a component that is a `fleet`");
            None
        }
        (DeploymentKind::RollingUpdate(_) | DeploymentKind::BlueGreen(_), ComponentKind::Fleet(fleet))
            if fleet.managed.is_none() =>
        {
            check_tasks(architecture, component, fleet, kind, span, reader)
        }
        (DeploymentKind::RollingUpdate(_) | DeploymentKind::BlueGreen(_), other) => {
            let (name, key) = (&architecture.name, other.key());
            let title = format!("`{}` of `{name}` is a {key}, and this kind is for containers", component.name);
            let help = "name a component that is a `fargate` service or a `fleet`";
            reader.error("wrong-deployment", title, span, "", help);
            None
        }
        (DeploymentKind::Lambda(_), ComponentKind::Pool(_)) => {
            let title = format!("`{}` is deployed and has `environment_concurrency`", component.name);
            reader.error("not-modelled", title, span, "", "leave one of the two out");
            None
        }
        (DeploymentKind::Lambda(_), other) => {
            let (name, key) = (&architecture.name, other.key());
            let title = format!("`{}` of `{name}` is a {key}, and this kind is for functions", component.name);
            reader.error("wrong-deployment", title, span, "", "name a component that is a `lambda`");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments_overlap_until_the_last_step() {
        let minutes = SimDuration::from_mins;
        let at = |minute, component: &str| Deployment {
            at: minutes(minute),
            lasts: minutes(5),
            per: Frequency::Once,
            component: component.to_owned(),
            name: "LambdaCanary10Percent5Minutes".to_owned(),
            kind: DeploymentKind::Lambda(TrafficShift::canary(5)),
        };
        assert!(overlap(&at(10, "shop"), &at(14, "shop")) && overlap(&at(14, "shop"), &at(10, "shop")));
        assert!(!overlap(&at(10, "shop"), &at(15, "shop")));
        assert!(!overlap(&at(10, "shop"), &at(12, "price")));
    }
}
