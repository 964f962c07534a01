//! What is wrong with a function as it is configured: each finding with the number that triggers it and the fix.

use crate::arch::function_url;
use crate::arch::output::{Outcome, RunOutput};
use crate::arch::way_back::{Path, places};
use crate::finding::{Code, Finding, Unit};
use crate::money::Usd;
use crate::results::LineItem;
use crate::sim::sampler::Sampler;
use crate::spec::distribution::Distribution;
use crate::spec::model::{Architecture, ComponentKind, Function, OutboundKind};
use crate::spec::scenario::{Scenario, Work};
use crate::units::{Limit, SimDuration};

/// A p99.9 beyond this share of the time-out is near it.
const NEAR: f64 = 0.8;
/// Doubling the memory "costs the same" up to this factor.
const SAME: f64 = 1.05;
/// Busy share below which provisioned concurrency costs more than on demand: 0.0000041667 / (0.0000166667 - 0.0000097222), us-east-1
/// (AWS.md 1.6); about the same in the other regions.
const BREAK_EVEN: f64 = 0.6;
/// An init that is heavy for requests that do not need all of it.
const HEAVY_INIT: f64 = 1.0;
/// Below this duration the request rate (10 x concurrency) refuses before the concurrency does.
const RATE_BOUND: f64 = 0.1;

/// Concurrency that AWS keeps unreserved (developer guide, quotas).
const UNRESERVED: u64 = 100;

/// The highest level that its provisioned concurrency may have.
fn most_provisioned(function: &Function) -> Option<u64> {
    let rule = function.provisioned.as_ref()?;
    let scheduled = rule.schedule.iter().map(|change| change.1).max().unwrap_or(0);
    Some(rule.level.max(scheduled).max(rule.tracking.as_ref().map_or(0, |tracking| tracking.max)))
}

/// More reserved than AWS lets an account reserve.
fn over_reserved(scenario: &Scenario, architecture: &Architecture) -> Option<Finding> {
    let Limit::At(limit) = scenario.account.concurrency else { return None };
    let reserved: u64 = architecture
        .components
        .iter()
        .filter_map(|component| match &component.kind {
            ComponentKind::Lambda(function) => function.reserved_concurrency.or_else(|| most_provisioned(function)),
            _ => None,
        })
        .fold(0, u64::saturating_add);
    (reserved > 0 && reserved.saturating_add(UNRESERVED) > limit).then(|| {
        let text = format!(
            "{reserved} of the account's {limit} concurrent executions are reserved or provisioned; AWS refuses to leave less than {UNRESERVED} \
             unreserved"
        );
        Finding::new(Code::OverReserved, text)
            .value(reserved as f64, Unit::Environments)
            .limit(limit.saturating_sub(UNRESERVED) as f64)
            .fix("reserve less, or raise `account.concurrency`")
    })
}

/// Findings about all functions of an architecture. `lines` are those of its bill.
pub fn of_functions(
    scenario: &Scenario,
    architecture: &Architecture,
    runs: &[RunOutput],
    lines: &[LineItem],
) -> Vec<Finding> {
    let places = places(architecture);
    let paths: Vec<Path> = (0..scenario.classes.len()).map(|class| Path::of(architecture, &places, class)).collect();
    let mut found: Vec<Finding> = over_reserved(scenario, architecture).into_iter().collect();
    for (index, component) in architecture.components.iter().enumerate() {
        let ComponentKind::Lambda(function) = &component.kind else { continue };
        let classes: Vec<usize> = (0..paths.len()).filter(|&class| paths[class].last == places[index]).collect();
        let one = One { scenario, architecture, runs, index, name: &component.name, function, classes };
        let checks = [
            one.near_the_timeout(),
            one.gateway_gives_up(),
            one.memory_for_nothing(),
            one.idle_provisioned(),
            one.refused_by_rate(),
            one.one_for_everything(),
            one.logs_cost_more(lines),
            one.paid_twice(),
            one.lost_events(),
        ];
        found.extend(checks.into_iter().flatten().map(|finding| finding.of(&component.name)));
    }
    found
}

/// With three digits, or whole.
fn gb_seconds(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// One function and what is known about it.
struct One<'a> {
    scenario: &'a Scenario,
    architecture: &'a Architecture,
    runs: &'a [RunOutput],
    index: usize,
    name: &'a str,
    function: &'a Function,
    /// Classes of requests that end here.
    classes: Vec<usize>,
}

impl One<'_> {
    /// Ends so of the requests that come here, over all runs.
    fn ended(&self, outcome: Outcome) -> u64 {
        let of_run =
            |run: &RunOutput| self.classes.iter().map(|&c| run.classes[c].ended[outcome as usize]).sum::<u64>();
        self.runs.iter().map(of_run).sum()
    }

    fn used(&self, sku: &str) -> u128 {
        let meters = self.runs.iter().flat_map(|run| &run.usage.meters);
        meters.filter(|meter| meter.component == self.name && meter.sku.starts_with(sku)).map(|meter| meter.total).sum()
    }

    fn near_the_timeout(&self) -> Option<Finding> {
        // What a client waits for an execution says nothing about its invocations.
        if self.function.durable.is_some() {
            return None;
        }
        let slowest =
            self.classes.iter().flat_map(|&class| self.runs.iter().map(move |run| &run.classes[class].latency));
        let slowest = slowest.filter_map(|latency| latency.quantile(0.999)).max()?;
        let timeout = self.function.timeout;
        let limit = NEAR * timeout.as_secs_f64();
        (slowest.as_secs_f64() > limit).then(|| {
            let text = format!(
                "the p99.9 of what function `{}` serves is {slowest}, near its time-out of {timeout}: slower calls are cut off and paid in full",
                self.name
            );
            Finding::new(Code::NearTimeout, text)
                .value(slowest.as_secs_f64(), Unit::Seconds)
                .limit(limit)
                .fix("raise `timeout`, or its memory if it computes")
        })
    }

    fn gateway_gives_up(&self) -> Option<Finding> {
        let (limit, name) = self.architecture.components.iter().find_map(|component| match &component.kind {
            ComponentKind::HttpApi(api) => Some((api.timeout, if api.rest { "REST" } else { "HTTP" })),
            _ => None,
        })?;
        let timed_out = self.ended(Outcome::TimedOut);
        let timeout = self.function.timeout;
        (timeout > limit && timed_out > 0).then(|| {
            let text = format!(
                "the {name} API gives up after {limit} (504 to {timed_out} requests) while function `{}` may go on, and is paid, for {timeout}",
                self.name
            );
            Finding::new(Code::GatewayGivesUp, text)
                .value(timeout.as_secs_f64(), Unit::Seconds)
                .limit(limit.as_secs_f64())
                .count(timed_out)
                .fix(format!("use `timeout: {limit}` or less, or answer later"))
        })
    }

    /// Mean CPU on the reference vCPU and mean wait of the requests that come here, seconds.
    fn work(&self) -> Option<(f64, f64)> {
        let mean = |distribution: &Distribution| Sampler::compile(distribution).mean_secs();
        let (mut cpu, mut wait, mut shares) = (0.0, 0.0, 0.0);
        for &class in &self.classes {
            let class = &self.scenario.classes[class];
            let (class_cpu, class_wait) = match &class.work {
                Work::Phases { cpu, wait } => (mean(cpu), mean(wait)),
                Work::Duration { total, cpu_factor, wait_factor, .. } => {
                    let total = mean(total);
                    (total * cpu_factor, total * wait_factor)
                }
            };
            cpu += class.share * class_cpu;
            wait += class.share * class_wait;
            shares += class.share;
        }
        (shares > 0.0).then(|| (cpu / shares, wait / shares))
    }

    fn memory_for_nothing(&self) -> Option<Finding> {
        if !self.function.calls.is_empty() {
            // What it waits for is not known here.
            return None;
        }
        let (cpu, wait) = self.work()?;
        let duration =
            |memory: f64| cpu / (memory / crate::arch::lambda::MB_PER_VCPU).min(1.0) / self.function.speed + wait;
        let memory = f64::from(self.function.memory.0);
        let twice = (2.0 * memory).min(10_240.0);
        let (now, then) = (duration(memory), duration(twice));
        let factor = twice * then / (memory * now);
        (factor <= SAME && then < 0.9 * now).then(|| {
            let text = format!(
                "function `{}` takes {} a call on average at {} MB; {} MB would take {} and change the cost of its duration by {:+.0} %: it computes \
                 nearly all the time",
                self.name,
                SimDuration::from_secs_f64(now),
                self.function.memory.0,
                twice as u32,
                SimDuration::from_secs_f64(then),
                (factor - 1.0) * 100.0,
            );
            Finding::new(Code::MemoryDoublingFree, text)
                .value(factor, Unit::Times)
                .limit(SAME)
                .fix(format!("use `memory: {} MB`", twice as u32))
        })
    }

    fn idle_provisioned(&self) -> Option<Finding> {
        let capacity = self.used("lambda.pc.capacity");
        let share = self.used("lambda.pc.duration") as f64 / capacity as f64;
        (capacity > 0 && share < BREAK_EVEN).then(|| {
            let text = format!(
                "the provisioned concurrency of function `{}` is busy {:.1} % of its paid time, below the {:.0} % from which it is cheaper than on \
                 demand: it buys fewer cold starts, not a lower bill",
                self.name,
                share * 100.0,
                BREAK_EVEN * 100.0
            );
            Finding::new(Code::ProvisionedUnderBreakEven, text)
                .value(share, Unit::Share)
                .limit(BREAK_EVEN)
                .fix("lower it, or follow the load with a schedule or target tracking")
        })
    }

    fn refused_by_rate(&self) -> Option<Finding> {
        let of_url = function_url::rate(self.scenario, self.architecture, self.index, self.function);
        let of_account = match self.scenario.account.request_rate {
            Limit::At(rate) => Some(rate),
            Limit::Unlimited => None,
        };
        let (rate, whose) = match (of_url, of_account) {
            (Some(url), account) if account.is_none_or(|rate| url <= rate) => {
                (url, "of its URL (10 x reserved concurrency)")
            }
            (_, Some(account)) => (account, "of the account (10 x concurrency)"),
            (_, None) => return None,
        };
        let components = || self.runs.iter().map(|run| &run.components[self.index]);
        let refused: u64 = components().map(|component| component.throttled_by_rate).sum();
        let (time, calls) = components().fold((0.0, 0), |(time, calls), component| {
            (time + component.time_in_system.0.as_secs_f64(), calls + component.time_in_system.1)
        });
        let mean = time / calls.max(1) as f64;
        let full = match (self.function.reserved_concurrency, self.scenario.account.concurrency) {
            (Some(reserved), _) => reserved as f64,
            (None, limit) => limit.as_u64() as f64,
        };
        // Little's law: at the full rate so many are at work.
        let at_work = rate as f64 * mean;
        (refused > 0 && calls > 0 && mean < RATE_BOUND && at_work < full).then(|| {
            let text = format!(
                "the request rate refuses {refused} calls of function `{}`: they take {:.0} ms, so the {rate} requests a second {whose} \
                 end when {at_work:.0} of {full:.0} are at work",
                self.name,
                mean * 1000.0
            );
            Finding::new(Code::ThrottledByRate, text)
                .value(mean, Unit::Seconds)
                .limit(RATE_BOUND)
                .count(refused)
                .fix("ask for more concurrency, or batch")
        })
    }

    fn one_for_everything(&self) -> Option<Finding> {
        let init: f64 = self.function.init.iter().map(|part| Sampler::compile(part).mean_secs()).sum();
        let starts: u64 = self.runs.iter().filter_map(|run| run.components[self.index].cold_starts).sum();
        (self.classes.len() > 1 && init > HEAVY_INIT && starts > 0).then(|| {
            let text = format!(
                "function `{}` handles {} kinds of requests with one init of {init:.1} s, paid and waited for at each of {starts} cold starts",
                self.name,
                self.classes.len(),
            );
            Finding::new(Code::HeavyInit, text)
                .value(init, Unit::Seconds)
                .limit(HEAVY_INIT)
                .count(starts)
                .fix("make separate functions, which load only what each needs")
        })
    }

    /// It waits for other functions, and both are paid.
    fn paid_twice(&self) -> Option<Finding> {
        let waited: f64 = self.runs.iter().map(|run| run.components[self.index].waited.as_secs_f64()).sum();
        let each = waited * f64::from(self.function.memory.0) / 1024.0 / self.runs.len().max(1) as f64;
        let time: f64 = self.runs.iter().map(|run| run.components[self.index].time_in_system.0.as_secs_f64()).sum();
        (waited > 0.0).then(|| {
            let names: Vec<String> = self
                .function
                .calls
                .iter()
                .filter(|call| matches!(call.what, OutboundKind::Function { .. }))
                .filter_map(|call| self.architecture.components.get(usize::from(call.to.0)))
                .map(|callee| format!("`{}`", callee.name))
                .collect();
            let text = format!(
                "function `{}` waits for {}: {} GB-s of the simulated time ({:.0} % of its calls' time) are paid twice, once for waiting and once for \
                 the work",
                self.name,
                names.join(" and "),
                gb_seconds(each),
                waited / time * 100.0
            );
            Finding::new(Code::WaitsForAnother, text)
                .value(each, Unit::GbSeconds)
                .fix("put a queue between them, let a state machine call both, or make one function of them")
        })
    }

    /// Events that it accepted and nobody will ever handle.
    fn lost_events(&self) -> Option<Finding> {
        self.function.asynchronous.as_ref()?;
        let events = || self.runs.iter().filter_map(|run| run.components[self.index].queue.as_deref());
        let (lost, received) = events().fold((0, 0), |(lost, all), queue| (lost + queue.expired, all + queue.received));
        (lost > 0).then(|| {
            let text = format!(
                "{lost} of {received} events that function `{}` accepted (202) were given up and lost after all attempts",
                self.name
            );
            Finding::new(Code::EventsLost, text)
                .value(lost as f64, Unit::Events)
                .fix("name a queue under `on_failure:`, or give it more concurrency")
        })
    }

    fn logs_cost_more(&self, lines: &[LineItem]) -> Option<Finding> {
        let sum = |sku: &str| {
            let own = lines.iter().filter(|line| line.component == self.name && line.sku.starts_with(sku));
            Usd::checked_sum(own.filter_map(|line| line.amount.parse::<Usd>().ok()))
        };
        let (logs, compute) = (sum("cw.logs")?, sum("lambda")?);
        (logs > compute && compute > Usd::ZERO).then(|| {
            let text = format!(
                "the logs of function `{}` cost {} a month, more than the function ({})",
                self.name,
                logs.cents(),
                compute.cents()
            );
            Finding::new(Code::LoggingOverCompute, text)
                .value(logs.to_f64() / compute.to_f64(), Unit::Times)
                .limit(1.0)
                .fix("log less, or keep the lines shorter")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{Control, simulate};
    use crate::compare::fixtures;
    use crate::spec::model::{Asynchronous, ComponentId, Outbound, Provisioned};
    use crate::spec::scenario::Shape;
    use crate::traffic::{Source, Variant};
    use crate::units::{MegaBytes, PerSecond};

    /// What is found about a function that serves `rate` requests a second of this CPU and wait (seconds) for 100 s.
    fn found(rate: f64, cpu: f64, wait: f64, change: impl Fn(&mut Scenario, &mut Function)) -> Vec<Finding> {
        let mut scenario = fixtures::scenario();
        let constant = |seconds| Distribution::Constant(SimDuration::from_secs_f64(seconds));
        scenario.traffic.shape = Shape::Constant(PerSecond(rate));
        scenario.traffic.bursts.clear();
        scenario.horizon = SimDuration::from_secs(100);
        scenario.warmup = SimDuration::ZERO;
        scenario.client.timeout = None;
        scenario.client.retries = None;
        for class in &mut scenario.classes {
            class.work = Work::Phases { cpu: constant(cpu), wait: constant(wait) };
        }
        let mut architecture = fixtures::lambda();
        for component in &mut architecture.components {
            if let ComponentKind::Lambda(function) = &mut component.kind {
                function.memory = MegaBytes(1769);
                change(&mut scenario, function);
            }
        }
        let source = Source::new(&scenario, 0, &Variant::default()).expect("traffic");
        let run = simulate(&scenario, &architecture, 0, source, &Control::default()).expect("a run");
        of_functions(&scenario, &architecture, &[run], &[])
    }

    fn finds(found: &[Finding], what: &str) -> bool {
        found.iter().any(|finding| finding.text.contains(what))
    }

    #[test]
    fn a_sound_function_has_no_findings() {
        assert_eq!(found(5.0, 0.01, 0.1, |_, _| {}), vec![]);
    }

    #[test]
    fn calls_near_the_time_out() {
        let near =
            |timeout| found(5.0, 0.0, 8.5, move |_, function| function.timeout = SimDuration::from_secs(timeout));
        assert!(finds(&near(10), "near its time-out"));
        assert!(!finds(&near(20), "near its time-out"));
    }

    #[test]
    fn a_gateway_that_gives_up_first() {
        let long =
            |timeout| found(1.0, 0.0, 40.0, move |_, function| function.timeout = SimDuration::from_secs(timeout));
        assert!(finds(&long(60), "gives up after 30s"));
        assert!(!finds(&long(30), "gives up after"));
    }

    /// Twice 512 MB halves a pure computation for the same price; with as much waiting as computing the bill grows by a third: 2 x (1/2 + 1) / 2 = 1.5.
    #[test]
    fn memory_that_would_cost_the_same() {
        let small = |cpu: f64, wait: f64| found(5.0, cpu, wait, |_, function| function.memory = MegaBytes(512));
        assert!(finds(&small(0.05, 0.0), "change the cost of its duration by +0 %"));
        assert!(!finds(&small(0.01, 0.0345), "change the cost"));
        assert!(!finds(&found(5.0, 0.05, 0.0, |_, _| {}), "change the cost"), "beyond one vCPU nothing is gained");
    }

    /// Five requests a second of 100 ms keep half an environment busy: half of one, a twentieth of ten.
    #[test]
    fn provisioned_concurrency_below_its_break_even() {
        let with = |rate: f64, level| {
            found(rate, 0.0, 0.1, move |_, function| {
                let preparation = SimDuration::from_secs(90);
                function.provisioned = Some(Provisioned { level, preparation, tracking: None, schedule: Vec::new() });
            })
        };
        assert!(finds(&with(5.0, 10), "is busy 5.0 % of its paid time"));
        assert!(!finds(&with(200.0, 10), "of its paid time"), "20 at work on 10 environments");
    }

    #[test]
    fn the_request_rate_ends_before_the_concurrency() {
        let with = |rate: f64, duration: f64| {
            found(rate, 0.0, duration, |scenario, _| {
                scenario.account.concurrency = Limit::At(20);
                scenario.account.request_rate = Limit::At(200);
            })
        };
        assert!(finds(&with(400.0, 0.02), "200 requests a second of the account"));
        assert!(!finds(&with(400.0, 0.5), "requests a second of the account"), "here the concurrency ends first");
    }

    #[test]
    fn one_heavy_init_for_several_requests() {
        let with = |seconds: f64| {
            found(5.0, 0.0, 0.1, move |_, function| {
                function.init = vec![Distribution::Constant(SimDuration::from_secs_f64(seconds))];
            })
        };
        assert!(finds(&with(2.0), "one init of 2.0 s"));
        assert!(!finds(&with(0.5), "one init"));
    }

    /// 500 calls of 100 ms that each wait 300 ms for another function: 500 x 0.3 s x 1,769 / 1,024 GB = 259 GB-s, three quarters of their time.
    #[test]
    fn waiting_for_a_function_is_paid_twice() {
        let mut scenario = fixtures::scenario();
        let constant = |seconds| Distribution::Constant(SimDuration::from_secs_f64(seconds));
        scenario.traffic.shape = Shape::Constant(PerSecond(5.0));
        scenario.traffic.spread = crate::spec::scenario::Spread::Even;
        scenario.traffic.bursts.clear();
        scenario.horizon = SimDuration::from_secs(100);
        scenario.warmup = SimDuration::ZERO;
        for class in &mut scenario.classes {
            class.work = Work::Phases { cpu: Distribution::ZERO, wait: constant(0.1) };
        }
        let mut architecture = fixtures::lambda();
        let classes = scenario.classes.len();
        let mut callee = architecture.components[1].clone();
        callee.name = "price".into();
        architecture.components.push(callee);
        for component in &mut architecture.components {
            if let ComponentKind::Lambda(function) = &mut component.kind {
                function.memory = MegaBytes(1769);
                (function.init, function.first_call) = (Vec::new(), SimDuration::ZERO);
                function.allocation = Distribution::ZERO;
            }
        }
        let work = Some((Distribution::ZERO, constant(0.3)));
        let call = Outbound {
            to: ComponentId(2),
            what: OutboundKind::Function { work, retries: 2 },
            classes: vec![true; classes],
        };
        let ComponentKind::Lambda(shop) = &mut architecture.components[1].kind else { panic!() };
        shop.calls = vec![call];
        let source = Source::new(&scenario, 0, &Variant::default()).expect("traffic");
        let run = simulate(&scenario, &architecture, 0, source, &Control::default()).expect("a run");
        let found = of_functions(&scenario, &architecture, &[run], &[]);
        assert!(finds(&found, "`shop` waits for `price`: 259 GB-s of the simulated time (75 % of"), "{found:?}");
        assert!(!finds(&found, "`price` waits"));
    }

    #[test]
    fn events_that_are_lost() {
        let with = |error_rate| {
            found(5.0, 0.0, 0.1, move |_, function| {
                let maximum_age = SimDuration::from_hours(6);
                function.asynchronous = Some(Asynchronous { maximum_age, retries: 0, on_failure: None });
                function.error_rate = error_rate;
            })
        };
        let lost = with(1.0);
        assert!(finds(&lost, "events that function `shop` accepted (202) were given up"), "{lost:?}");
        assert!(!finds(&with(0.0), "given up"));
    }

    #[test]
    fn more_reserved_than_may_be() {
        let with = |limit| {
            found(5.0, 0.0, 0.1, move |scenario, function| {
                scenario.account.concurrency = Limit::At(limit);
                function.reserved_concurrency = Some(950);
            })
        };
        assert!(finds(&with(1000), "950 of the account's 1000"));
        assert!(!finds(&with(1050), "are reserved"));
        let provisioned = found(5.0, 0.0, 0.1, |_, function| {
            let preparation = SimDuration::from_secs(90);
            function.provisioned = Some(Provisioned { level: 5000, preparation, tracking: None, schedule: Vec::new() });
        });
        assert!(finds(&provisioned, "5000 of the account's 1000"));
    }

    #[test]
    fn logs_that_cost_more_than_the_function() {
        let line = |sku: &str, amount: &str| LineItem {
            component: "shop".into(),
            sku: sku.into(),
            amount: amount.into(),
            ..LineItem::default()
        };
        let (scenario, architecture) = (fixtures::scenario(), fixtures::lambda());
        let found = |logs: &str| {
            let lines = [
                line("lambda.duration.arm", "2.00"),
                line("lambda.request.arm", "1.00"),
                line("cw.logs.lambda_vended", logs),
            ];
            of_functions(&scenario, &architecture, &[], &lines)
        };
        assert!(finds(&found("3.50"), "cost $3.50 a month, more than the function ($3.00)"));
        assert!(!finds(&found("2.50"), "the logs"));
    }
}
