//! Deployments against timelines computed by hand and closed forms; each test says how.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::run::{Counted, Progress, RunOptions, run as run_all, simulate};
use costsim::spec::deployment::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// MB of `function()`.
const MEMORY: u128 = 1769;

/// Evenly spaced requests (at half a gap, one and a half …) and a deployment of the only component.
fn deployed(rate: f64, horizon: f64, duration: f64, at: f64, shift: TrafficShift) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(duration));
    scenario.traffic.spread = Spread::Even;
    scenario.deployments = vec![deployment(at, shift)];
    scenario
}

fn deployment(at: f64, shift: TrafficShift) -> Deployment {
    Deployment {
        at: secs(at),
        lasts: shift.lasts(),
        per: Frequency::Week,
        component: "only".into(),
        name: "as a test".into(),
        kind: DeploymentKind::Lambda(shift),
    }
}

fn used(output: &RunOutput, sku: &str) -> u128 {
    output.usage.meters.iter().filter(|meter| meter.sku == sku).map(|meter| meter.total).sum()
}

fn run_function(scenario: &Scenario, function: Function) -> RunOutput {
    run(scenario, &alone(ComponentKind::Lambda(function)))
}

fn peaks(output: &RunOutput) -> (u64, u64) {
    let peak = |level: Option<(f64, f64)>| level.map_or(0, |level| level.1 as u64);
    (peak(output.components[0].capacity), peak(output.components[0].busy))
}

/// One request a second of 100 ms. At 300 s the new version finds no environment: one more init of 400 ms. The old one was idle from 299.6 s on and
/// ends 50 s later: capacity is (349.6 - 0.5) + (600 - 300.5) = 648.6 s of 600.
#[test]
fn a_new_version_starts_cold_and_the_old_one_idles_until_it_expires() {
    let scenario = deployed(1.0, 600.0, 0.1, 300.0, TrafficShift::ALL_AT_ONCE);
    let function = Function { init: vec![constant(0.4)], idle_timeout: secs(50.0), ..function() };
    let output = run_function(&scenario, function.clone());
    assert_eq!(output.components[0].cold_starts, Some(2));
    assert_eq!(used(&output, "lambda.duration.x86"), (600 * 100 + 2 * 400) * MEMORY);
    assert_eq!(used(&output, "lambda.request.x86"), 600);
    assert_close("capacity", output.components[0].capacity.expect("it is there").0 * 600.0, 648.6, 1e-9);
    assert_eq!(peaks(&output), (2, 1));
    assert_eq!(output.usage.meters.iter().filter(|meter| meter.sku == "lambda.request.x86").count(), 1);
    // Nothing else is different.
    let without = run_function(&Scenario { deployments: Vec::new(), ..scenario }, function);
    assert_eq!(without.components[0].cold_starts, Some(1));
    assert_eq!(output.components[0].served, without.components[0].served);
}

/// Requests each second of 100 ms, environments that live for 1.5 s: a request is cold if the one before it went to the other version, which at a
/// share of p happens with 2 p (1 - p). A canary of 30 minutes: 1,800 x 0.18 = 324 (a switch is followed by one with 0.09, so the standard deviation is
/// (1,800 x (0.18 x 0.82 + 2 x (0.09 - 0.0324)))^0.5 = 22). Linear in steps of 10 minutes: 600 x the sum of 2 p (1 - p) over 0.1 to 0.9 = 600 x 3.3 = 1,980
/// (standard deviation below 600^0.5 x (9 x 0.25)^0.5 = 37 and neighbours' covariances, 45).
#[test]
fn requests_are_shifted_by_the_share() {
    let cold = |shift: TrafficShift| {
        let scenario = deployed(1.0, 10_000.0, 0.1, 1_000.0, shift);
        let output = run_function(&scenario, Function { idle_timeout: secs(1.5), ..function() });
        // One at the start, one when the new version begins for good.
        output.components[0].cold_starts.expect("it is there") as f64 - 1.0
    };
    let canary = cold(TrafficShift::canary(30));
    assert!((canary - 324.0).abs() < 4.0 * 22.0, "{canary}");
    let linear = cold(TrafficShift::linear(10));
    assert!((linear - 1_980.0).abs() < 4.0 * 45.0, "{linear}");
    assert!((cold(TrafficShift::ALL_AT_ONCE) - 1.0).abs() < 1e-12);
}

/// Ten a second of 9.95 s: 100 at work, whatever the version. All at once: 100 new environments beside 100 idle ones. The concurrency is shared: 100
/// reserved refuse nothing, of 99 each tenth of a second somebody is missing (an environment is free each 0.1 s, so one of 100 calls is refused).
#[test]
fn versions_share_the_concurrency() {
    let scenario = deployed(10.0, 300.0, 9.95, 100.0, TrafficShift::ALL_AT_ONCE);
    let with = |reserved| {
        run_function(
            &scenario,
            Function { reserved_concurrency: Some(reserved), idle_timeout: secs(900.0), ..function() },
        )
    };
    let output = with(100);
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 0);
    assert_eq!(peaks(&output), (200, 100));
    assert_eq!(output.components[0].cold_starts, Some(200));
    let less = with(99);
    assert_eq!(peaks(&less).1, 99);
    let without = run_function(
        &Scenario { deployments: Vec::new(), ..scenario.clone() },
        Function { reserved_concurrency: Some(99), idle_timeout: secs(900.0), ..function() },
    );
    assert!(without.classes[0].ended[Outcome::Throttled as usize] > 0);
    assert_eq!(
        less.classes[0].ended[Outcome::Throttled as usize],
        without.classes[0].ended[Outcome::Throttled as usize]
    );
}

/// A function may add one environment a second, ten at once. Twenty calls a second of 0.44 s need nine environments. The
/// deployment at 5 s finds 10 - 9 + 5 = 6 left, for nine that it needs within half a second: some are refused. A
/// bucket of its own for the new version would refuse nobody; nor does one that has been filled again by 12 s.
#[test]
fn versions_share_the_scaling_rate() {
    let throttled = |at| {
        let mut scenario = deployed(20.0, 60.0, 0.44, at, TrafficShift::ALL_AT_ONCE);
        scenario.account.scaling = Limit::At(10);
        run_function(&scenario, function()).classes[0].ended[Outcome::Throttled as usize]
    };
    assert!(throttled(5.0) > 0, "{}", throttled(5.0));
    // Ten more after ten seconds.
    assert_eq!(throttled(12.0), 0);
}

/// Two provisioned environments. Those of the new version are asked for at 300 s and ready 90 s and 2 x 10 ms later; the canary's last step is at 690.02 s.
/// Then the old ones are given up: 690.02 s are paid as 900; the new ones are paid from 300 s on. No call is ever cold. The two
/// new ones are initialised for 400 ms each, which is paid; the old ones were so before the start.
#[test]
fn both_versions_provisioned_concurrency_is_paid_during_the_shift() {
    let scenario = deployed(1.0, 3600.0, 0.1, 300.0, TrafficShift::canary(5));
    let rule = Provisioned { level: 2, preparation: secs(90.0), tracking: None, schedule: Vec::new() };
    let output = run_function(&scenario, Function { provisioned: Some(rule), init: vec![constant(0.4)], ..function() });
    assert_eq!(used(&output, "lambda.pc.init.x86"), 2 * 400 * MEMORY);
    assert_eq!(used(&output, "lambda.pc.capacity.x86"), 2 * (900 + 3300) * 1000 * MEMORY);
    assert_eq!(used(&output, "lambda.pc.duration.x86"), 3600 * 100 * MEMORY);
    assert_eq!(output.components[0].cold_starts, Some(0));
    assert_eq!(peaks(&output), (4, 1));
}

/// Two deployments of a week, each of which costs an init of 400 ms; the run without them has neither, and the base is the same.
#[test]
fn a_deployments_cost_is_the_difference_of_runs_with_and_without_it() {
    let mut scenario = deployed(0.1, 2.0 * 86_400.0, 0.1, 90_000.0, TrafficShift::ALL_AT_ONCE);
    scenario.deployments.push(deployment(100_000.0, TrafficShift::ALL_AT_ONCE));
    scenario.warmup = SimDuration::from_hours(1);
    scenario.architectures = vec![alone(ComponentKind::Lambda(Function { init: vec![constant(0.4)], ..function() }))];
    let options = RunOptions { threads: 1, ..RunOptions::default() };
    let runs = run_all(&scenario, &options, &Progress::new(), |job, progress| simulate(&scenario, job, progress));
    let runs = &runs.expect("runs")[0];
    let duration = |counted: &Counted| {
        counted.usage.meters.iter().find(|meter| meter.sku == "lambda.duration.x86").expect("it is there").total
    };
    let (frequency, without) = &runs.without[0];
    assert_eq!(*frequency, Frequency::Week);
    assert_eq!(duration(&Counted::of(&runs.full[0])) - duration(&without[0]), 2 * 400 * MEMORY);
    assert_eq!(
        (Counted::of(&runs.full[0]).cold_starts, without[0].cold_starts),
        (2, 0),
        "the first one is in the warm-up"
    );
}

/// However it is invoked: behind a queue, by its own callers, and as one that calls another function and holds its environment.
#[test]
fn every_way_of_invoking_meets_the_versions() {
    let scenario = deployed(0.2, 600.0, 0.1, 300.0, TrafficShift::ALL_AT_ONCE);
    let asynchronous = Asynchronous { maximum_age: SimDuration::from_hours(6), retries: 2, on_failure: None };
    let output = run_function(&scenario, Function { asynchronous: Some(asynchronous), ..function() });
    assert_eq!(output.components[0].cold_starts, Some(2));
    let call = Outbound {
        to: ComponentId(1),
        what: OutboundKind::Function {
            work: Some((costsim::spec::distribution::Distribution::ZERO, constant(0.2))),
            retries: 2,
        },
        classes: vec![true],
    };
    let mut architecture = alone(ComponentKind::Lambda(Function { calls: vec![call], ..function() }));
    architecture.components.push(Component { name: "callee".into(), kind: ComponentKind::Lambda(function()) });
    let output = run(&scenario, &architecture);
    assert_eq!((output.components[0].cold_starts, output.components[1].cold_starts), (Some(2), Some(1)));
    // 120 calls of 100 ms that wait for 200 ms more.
    assert_eq!(used(&output, "lambda.duration.x86"), 120 * (300 + 200) * MEMORY);
    let mut other = scenario.clone();
    other.deployments[0].component = "callee".into();
    let output = run(&other, &architecture);
    assert_eq!((output.components[0].cold_starts, output.components[1].cold_starts), (Some(1), Some(2)));
}

/// What the finding tells: one request a second, one after another, so all at once is one further cold start.
#[test]
fn a_finding_tells_what_a_deployment_did() {
    let options = costsim::spec::LoadOptions {
        inputs: vec!["lambda-http-api".into()],
        rate: Some("1/s".into()),
        duration: Some("100ms".into()),
        cpu_share: Some("0%".into()),
        horizon: Some("1d".into()),
        replications: Some(2),
        set: vec![
            "traffic.spread=even".into(),
            "account.free_tier=none".into(),
            "lambda-http-api:shop.lambda.dependencies=400ms".into(),
            "deployments=[{ at: 12h, component: shop, kind: AllAtOnce, per: week }]".into(),
        ],
        ..costsim::spec::LoadOptions::default()
    };
    let scenario = costsim::spec::load(&options).expect("a scenario").scenario;
    let found = findings(&scenario);
    let text = found.iter().find(|text| text.starts_with("deployment 1")).expect("a finding");
    assert!(text.contains("`shop` by AllAtOnce at 12h"), "{text}");
    assert!(text.contains("1.0 further cold starts each time, $0.0000"), "{text}");
    assert!(text.contains("p99 at worst"), "{text}");
}

fn findings(scenario: &Scenario) -> Vec<String> {
    let files = costsim::catalog::price_lists(&scenario.region, None).expect("price lists");
    let book = costsim::bill::price_list::book(&scenario.region, &files).expect("a book");
    let runs =
        run_all(scenario, &RunOptions::default(), &Progress::new(), |job, progress| simulate(scenario, job, progress));
    let results = costsim::compare::results(scenario, &runs.expect("runs"), &book).expect("results");
    results.architectures[0].warnings.clone()
}
