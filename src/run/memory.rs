//! How long the components of an architecture remember what was.
//!
//! A part of the horizon can stand for itself only if what came before it has been forgotten when it begins: environments that
//! sat idle are gone, instances that were draining have ended, alarms have run their course.

use crate::spec::model::{Architecture, ComponentKind, Fleet, ScalingPolicy, TrackedMetric};
use crate::spec::scenario::{Scenario, Shape};
use crate::traffic::{Moments, expected_requests};
use crate::units::{Limit, SimDuration};

/// What the start of an instance takes at most, as far as its memory is concerned.
const START: SimDuration = SimDuration::from_mins(10);

/// Calls that find an empty pool take longer and so leave more environments than there will be. An init is cut off at 10 s; the
/// time-out of these calls is counted no further than that.
const FIRST_CALLS: SimDuration = SimDuration::from_secs(20);

/// Fewer requests than these in a metric period are no fluid.
const FEWEST_REQUESTS: f64 = 30.0;
/// Work that is spread over more of a metric period than this (E S^2 / E S of the CPU time S, the mean of the request that is at work) varies less
/// from period to period than the fluid does.
const LONGEST_WORK: f64 = 0.05;

/// How long the components of an architecture remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The longest of what they declare: the idle time-out of functions, what alarms, warm-up, start and draining of a fleet take together.
    pub lasts: SimDuration,
    /// Why more than that may be kept, if it may and no fluid can stand for what was before: what scales by its own state keeps what it has
    /// added for as long as the load lies within its bounds.
    pub may_keep: Option<&'static str>,
    /// Whether every end of a request is known when it is begun: nothing needs to be simulated for it after the window.
    pub ends_known: bool,
}

impl Memory {
    /// Of an architecture in a scenario.
    ///
    /// # Errors
    /// Why its memory has no bound.
    pub fn of(scenario: &Scenario, architecture: &Architecture) -> Result<Self, &'static str> {
        if matches!(scenario.traffic.shape, Shape::ReplayRequests(_)) {
            return Err("requests that are replayed one by one are not cut into windows");
        }
        if scenario.backend.is_some() {
            return Err("connections to the shared backend are kept for as long as they are");
        }
        let client = &scenario.client;
        // A client who tries again comes back later.
        let comes_back = client.retries.as_ref().map_or(SimDuration::ZERO, |retries| {
            let each = retries.backoff.cap + client.timeout.unwrap_or_default();
            SimDuration(each.0.saturating_mul(u64::from(retries.attempts)))
        });
        let mut memory = Self { lasts: comes_back, may_keep: None, ends_known: client.retries.is_none() };
        for component in &architecture.components {
            let lasts = match &component.kind {
                ComponentKind::HttpApi(_) | ComponentKind::LoadBalancer(_) | ComponentKind::Table(_) => {
                    SimDuration::ZERO
                }
                ComponentKind::Queue(_) | ComponentKind::Stream(_) => {
                    return Err("messages and records may wait for any time");
                }
                ComponentKind::Lambda(function) if function.asynchronous.is_some() => {
                    return Err("events may be tried again for hours");
                }
                ComponentKind::Lambda(function) if function.lifecycle.idle.is_some() => {
                    return Err("how long idle environments live is drawn for each replication");
                }
                ComponentKind::Pool(pool) => {
                    memory.ends_known = false;
                    pool.function.idle_timeout + FIRST_CALLS
                }
                ComponentKind::Lambda(function) if function.durable.is_some() => {
                    return Err("executions of durable functions may wait for any time");
                }
                ComponentKind::Lambda(function) => {
                    if function.provisioned.is_some() && function.max_age.is_some() {
                        return Err(
                            "when provisioned environments are initialised again depends on when the simulation began",
                        );
                    }
                    memory.ends_known &= !function.calls_at_instants();
                    if let Some(provisioned) = &function.provisioned
                        && (provisioned.tracking.is_some() || !provisioned.schedule.is_empty())
                    {
                        memory.may_keep = Some("provisioned concurrency that changes keeps its level");
                    }
                    function.idle_timeout.max(function.max_age.unwrap_or_default()) + FIRST_CALLS
                }
                ComponentKind::Fleet(fleet) => {
                    if fleet.queue == Limit::Unlimited || fleet.concurrency == Limit::Unlimited {
                        return Err("a queue without an end is worked off after any time");
                    }
                    if fleet.managed.as_ref().is_some_and(|rule| rule.rotation < scenario.horizon + scenario.warmup) {
                        return Err("when managed instances are replaced depends on when the simulation began");
                    }
                    if fleet.credits.is_some() {
                        return Err("CPU credits are earned and spent over days");
                    }
                    if !fleet.schedule.is_empty() || !fleet.resizes.is_empty() {
                        return Err("where a schedule stands depends on when the simulation began");
                    }
                    if fleet.mtbf.is_some() || fleet.spot.is_some_and(|spot| spot.interruptions > 0.0) {
                        return Err("which instances fail depends on which were there before");
                    }
                    if fleet.predictive.is_some() {
                        return Err("a forecast looks back over two weeks");
                    }
                    if !fleet.scaling.is_empty() {
                        memory.may_keep = memory.may_keep.or(not_fluid(scenario, fleet));
                    }
                    memory.ends_known = false;
                    let alarms = fleet.scaling.iter().map(|policy| match policy {
                        ScalingPolicy::TargetTracking(rule) => {
                            SimDuration::from_mins(u64::from(rule.in_periods) + u64::from(rule.out_periods))
                        }
                        ScalingPolicy::Step(rule) => {
                            let periods = SimDuration(fleet.metric_period.0 * u64::from(rule.alarm.periods));
                            periods + rule.cooldown.unwrap_or_default()
                        }
                    });
                    let hooks = fleet.hooks.iter().flat_map(|hooks| [&hooks.launch, &hooks.terminate]).flatten();
                    let hooks = hooks.fold(SimDuration::ZERO, |sum, hook| sum + hook.heartbeat);
                    alarms.max().unwrap_or_default() + fleet.warmup + fleet.deregistration_delay + START + hooks
                }
            };
            memory.lasts = memory.lasts.max(lasts);
        }
        Ok(memory)
    }
}

/// Why the history of a fleet that scales cannot be that of a fluid ([`crate::arch::fleet::fluid`]), if it cannot.
fn not_fluid(scenario: &Scenario, fleet: &Fleet) -> Option<&'static str> {
    let metric = |policy: &ScalingPolicy| match policy {
        ScalingPolicy::TargetTracking(rule) => rule.metric,
        ScalingPolicy::Step(rule) => rule.alarm.metric,
    };
    if fleet.scaling.iter().any(|policy| metric(policy) == TrackedMetric::Outstanding) {
        return Some("a fleet that scales by the requests at work keeps instances for as long as its alarms let it");
    }
    if !scenario.events.is_empty() || !scenario.deployments.is_empty() {
        return Some(
            "a fleet that scales keeps instances for as long as its alarms let it, and what an event or a deployment does to them is no fluid",
        );
    }
    if scenario.client.retries.is_some() {
        return Some(
            "a fleet that scales keeps instances for as long as its alarms let it, and clients who try again come when they were refused",
        );
    }
    if fleet.memory.is_some() || fleet.warm_pool.is_some() {
        return Some(
            "a fleet that scales keeps instances for as long as its alarms let it, and what its memory or its warm pool does is no fluid",
        );
    }
    let period = fleet.metric_period.as_secs_f64();
    let rate = expected_requests(scenario) / (scenario.warmup + scenario.horizon).as_secs_f64().max(1e-9);
    if rate * period < FEWEST_REQUESTS {
        return Some(
            "a fleet that scales keeps instances for as long as its alarms let it, and so few requests are soon simulated",
        );
    }
    let takes = scenario.classes.iter().map(|class| Moments::of(&class.work)).map(|needs| {
        let [one, two, _] = needs.cpu;
        if one > 0.0 { two / one / fleet.speed } else { 0.0 }
    });
    (takes.fold(0.0, f64::max) > LONGEST_WORK * period)
        .then_some("a fleet that scales keeps instances for as long as its alarms let it, and its requests work for longer than its metric can tell apart")
}
