//! Lambda in other years, and environments apart from their calls, against timelines computed by hand; each test says how.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::arch::{Control, simulate};
use costsim::run::{ArchitectureRuns, Counted};
use costsim::spec::distribution::Distribution;
use costsim::spec::lifecycle::*;
use costsim::spec::model::*;
use costsim::spec::scenario::{FreeTier, Scenario, Spread};
use costsim::spec::{LoadOptions, load};
use costsim::traffic::{Source, Variant};
use costsim::units::*;

/// MB of `function()`.
const MEMORY: u128 = 1769;

fn even(rate: f64, horizon: f64, duration: f64) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(duration));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn used(output: &RunOutput, sku: &str) -> u128 {
    output.usage.meters.iter().filter(|meter| meter.sku == sku).map(|meter| meter.total).sum()
}

fn run_function(scenario: &Scenario, function: Function) -> RunOutput {
    run(scenario, &alone(ComponentKind::Lambda(function)))
}

/// 3 million requests of 1 s at 512 MB: 1,500,000 GB-s, of which 400,000 are free, and 2 million paid requests. AWS's pricing page: 18.33337 + 0.40 at
/// 0.0000166667, 18.34 (18.337) + 0.40 at 0.00001667; without free tier 25.00005 + 0.60 (the same usage as `tests/bills/L00*.yaml`). A
/// hundred a second for 30,000 s, evenly, are exactly that many; the month is as long.
#[test]
fn three_million_requests_cost_what_aws_says() {
    let mut scenario = even(100.0, 30_000.0, 1.0);
    scenario.month = scenario.horizon;
    let class = &mut scenario.classes[0];
    (class.response_size, class.log_size) = (Bytes(0), Bytes(0));
    let lifecycle = Lifecycle { init_was_free: true, ..Lifecycle::default() };
    let function = Function { memory: MegaBytes(512), lifecycle, ..function() };
    let mut price = |times: Times, free_tier: FreeTier| {
        scenario.account.times = times;
        scenario.account.free_tier = free_tier;
        scenario.billing.rates = times
            .rate()
            .map(|(key, price)| (key.to_owned(), vec![costsim::spec::billing::RateTier::of_all(price)]))
            .into_iter()
            .collect();
        scenario.architectures = vec![alone(ComponentKind::Lambda(function.clone()))];
        let output = run(&scenario, &scenario.architectures[0]);
        assert_eq!(used(&output, "lambda.duration.x86"), 3_000_000 * 1_000 * 512);
        assert_eq!(used(&output, "lambda.request.x86"), 3_000_000);
        let files = costsim::catalog::price_lists("us-east-1", None).expect("price lists");
        let book = costsim::bill::price_list::book("us-east-1", &files).expect("a book");
        let runs = [ArchitectureRuns { full: vec![output], without: Vec::new(), at_traffic: Vec::new() }];
        let results = costsim::compare::results(&scenario, &runs, &book).expect("results");
        results.architectures[0].monthly_cost.total.clone().expect("a total")
    };
    assert_eq!(price(Times::Today, FreeTier::Full), "18.73337");
    assert_eq!(price(Times::Today, FreeTier::None), "25.60005");
    assert_eq!(price(Times::In2017, FreeTier::Full), "18.737");
}

/// Ten calls of 120 ms with an init of 400 ms: today 400 + 10 x 120 ms. In 2017, in steps of 100 ms and without the init of a managed runtime, 10 x 200 ms; with
/// the init (520 ms: 600) otherwise. Until November 2023 10 x 120 ms.
#[test]
fn durations_are_billed_as_then() {
    let mut scenario = even(0.1, 100.0, 0.12);
    let mut billed = |times: Times, init_was_free: bool| {
        scenario.account.times = times;
        let lifecycle = Lifecycle { init_was_free, ..Lifecycle::default() };
        let output = run_function(&scenario, Function { init: vec![constant(0.4)], lifecycle, ..function() });
        used(&output, "lambda.duration.x86") / MEMORY
    };
    assert_eq!(billed(Times::Today, true), 1_600);
    assert_eq!(billed(Times::In2017, true), 2_000);
    assert_eq!(billed(Times::In2017, false), 600 + 9 * 200);
    assert_eq!(billed(Times::Before2023, true), 1_200);
}

/// Ten new environments at once and one more each second, for all functions together: of ten calls a second that all stay, 10 + 9.95 are let in within
/// 10 s, whether one function takes them or two.
#[test]
fn the_regions_burst_is_shared() {
    let mut scenario = even(10.0, 10.0, 100.0);
    scenario.account.burst = Some(Burst { at_once: 10, per_minute: 60 });
    let output = run_function(&scenario, function());
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 81);
    // The second function is called by the first and stays as long: two environments a call.
    let work = Some((Distribution::ZERO, constant(100.0)));
    let call = Outbound { to: ComponentId(1), what: OutboundKind::Function { work, retries: 0 }, classes: vec![true] };
    let caller = Function { calls: vec![call], ..function() };
    scenario.classes[0].work =
        costsim::spec::scenario::Work::Phases { cpu: Distribution::ZERO, wait: Distribution::ZERO };
    let mut architecture = alone(ComponentKind::Lambda(caller));
    architecture.components.push(Component { name: "callee".into(), kind: ComponentKind::Lambda(function()) });
    let output = run(&scenario, &architecture);
    let starts: u64 = output.components.iter().filter_map(|component| component.cold_starts).sum();
    assert_eq!(starts, 19);
}

/// Ten calls, 100 s apart, of environments that live for 50 s: nine of them end within the horizon, and each takes its extensions 2 s.
#[test]
fn a_shutdown_is_paid_when_an_environment_ends() {
    let lifecycle = Lifecycle { shutdown: secs(2.0), ..Lifecycle::default() };
    let function = Function { idle_timeout: secs(50.0), lifecycle, ..function() };
    let output = run_function(&even(0.01, 1000.0, 0.1), function);
    assert_eq!(used(&output, "lambda.duration.x86"), (10 * 100 + 9 * 2_000) * MEMORY);
}

/// A thousand calls that each need a new environment with an init of 400 ms. All ahead: none is cold, none waits, all inits are paid. Half: binomial, 500 with
/// a standard deviation of 15.8.
#[test]
fn environments_that_are_initialised_ahead_are_paid_and_not_waited_for() {
    let with = |proactive| {
        let lifecycle = Lifecycle { proactive, ..Lifecycle::default() };
        let function = Function { init: vec![constant(0.4)], idle_timeout: secs(1.0), lifecycle, ..function() };
        run_function(&even(0.1, 10_000.0, 0.1), function)
    };
    let all = with(1.0);
    assert_eq!((all.components[0].cold_starts, all.classes[0].cold_starts), (Some(0), 0));
    assert_eq!(all.classes[0].latency.max(), secs(0.1));
    assert_eq!(used(&all, "lambda.duration.x86"), 1_000 * 500 * MEMORY);
    let half = with(0.5);
    assert_eq!(used(&half, "lambda.duration.x86"), 1_000 * 500 * MEMORY);
    assert!(half.components[0].cold_starts.unwrap().abs_diff(500) < 64, "{:?}", half.components[0].cold_starts);
}

/// A call each 300 s, a lifetime drawn from 0 to 600 s once a replication: after the first call either none is cold or all are, with equal probability
/// (of 40 replications 20, standard deviation 3.2).
#[test]
fn the_idle_lifetime_may_be_drawn() {
    let idle = Some(Distribution::Uniform { low: SimDuration::ZERO, high: secs(600.0) });
    let lifecycle = Lifecycle { idle, ..Lifecycle::default() };
    let architecture = alone(ComponentKind::Lambda(Function { lifecycle, ..function() }));
    let scenario = even(1.0 / 300.0, 3_000.0, 0.1);
    let mut cold = 0;
    for replication in 0..40 {
        let source = Source::new(&scenario, replication, &Variant::default()).expect("traffic");
        let output = simulate(&scenario, &architecture, replication, source, &Control::default()).expect("a run");
        let starts = Counted::of(&output).cold_starts;
        assert!([1, 10].contains(&starts), "{starts}");
        cold += u64::from(starts == 10);
    }
    assert!((7..=33).contains(&cold), "{cold}");
}

fn loaded(set: &[&str], duration: &str) -> Result<Scenario, String> {
    let options = LoadOptions {
        inputs: vec!["lambda-http-api".into()],
        rate: Some("1/s".into()),
        duration: Some(duration.into()),
        cpu_share: Some("0%".into()),
        set: set.iter().map(|&set| set.to_owned()).collect(),
        ..LoadOptions::default()
    };
    load(&options).map(|loaded| loaded.scenario).map_err(|findings| costsim::diag::render_all(&findings, false))
}

fn function_of(scenario: &Scenario) -> &Function {
    let functions = scenario.architectures[0].components.iter();
    let mut functions = functions.filter_map(|component| match &component.kind {
        ComponentKind::Lambda(function) => Some(function),
        _ => None,
    });
    functions.next().expect("a function")
}

#[test]
fn presets_set_what_is_not_stated() {
    let lambda = "lambda-http-api:shop.lambda";
    let x86 = format!("{lambda}.arch=x86_64");
    let scenario = loaded(&["limits=2017", &x86], "100ms").unwrap();
    let account = &scenario.account;
    assert_eq!((account.concurrency, account.request_rate), (Limit::At(600), Limit::At(6_000)));
    assert_eq!(account.burst, Some(Burst { at_once: 3_000, per_minute: 500 }));
    assert_eq!(scenario.billing.rates[0].0, "lambda.duration.x86");
    assert!(function_of(&scenario).lifecycle.init_was_free);
    // What is stated stays; a shorter time, no arm64.
    let scenario = loaded(&["limits=2017", &x86, "account.concurrency=200"], "100ms").unwrap();
    assert_eq!(scenario.account.concurrency, Limit::At(200));
    let long = format!("{lambda}.timeout=10m");
    assert!(loaded(&["limits=2017", &x86, &long], "100ms").unwrap_err().contains("5m"));
    let arm = loaded(&["limits=2017"], "100ms").unwrap_err();
    assert!(arm.contains("arm64 came in 2021"), "{arm}");
    // Before November 2023.
    let scenario = loaded(&["limits=2023", "region=ap-southeast-2"], "100ms").unwrap();
    assert_eq!(scenario.account.burst, Some(Burst { at_once: 500, per_minute: 500 }));
    assert_eq!((scenario.account.concurrency, scenario.account.scaling), (Limit::At(1_000), Limit::Unlimited));
    assert!(scenario.billing.rates.is_empty());
    assert!(loaded(&["limits=2018"], "100ms").unwrap_err().contains("`2017`"));
}

#[test]
fn what_environments_may_say() {
    let with = |key: &str| loaded(&[&format!("lambda-http-api:shop.lambda.{key}")], "100ms");
    let lifecycle = |key: &str| function_of(&with(key).unwrap()).lifecycle.clone();
    assert_eq!(function_of(&with("max_age=observed").unwrap()).max_age, Some(secs(7_380.0)));
    assert_eq!(function_of(&with("max_age=none").unwrap()).max_age, None);
    assert_eq!(lifecycle("extensions={ init: 100ms, shutdown: 500ms }").shutdown, secs(0.5));
    assert_eq!(function_of(&with("extensions={ init: 100ms }").unwrap()).init.len(), 3);
    assert!((lifecycle("proactive_init=30%").proactive - 0.3).abs() < 1e-12);
    assert!(lifecycle("idle_timeout={ uniform: { low: 5m, high: 45m } }").idle.is_some());
    assert!(with("extensions={ shutdown: 3s }").unwrap_err().contains("at most `2s`"));
}
