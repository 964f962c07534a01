//! AWS's worked examples for Lambda (`tests/worked_examples.rs` has their sources) through simulations that produce the same usage. A part of
//! the month is simulated and billed for the whole: the number of requests is an exact fraction.

mod common;

use common::*;
use costsim::arch::output::RunOutput;
use costsim::bill::Bill;
use costsim::bill::book::{Price, Tier};
use costsim::money::Usd;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

const MONTH: SimDuration = SimDuration::from_hours(730);

fn usd(text: &str) -> Usd {
    text.parse().expect(text)
}

/// So many evenly spaced requests of this length in a part of a month.
fn even(requests: f64, seconds: f64, part: SimDuration) -> Scenario {
    let mut scenario = scenario(requests / part.as_secs_f64(), part.as_secs_f64(), constant(seconds));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn at(memory: u32) -> Function {
    Function { memory: MegaBytes(memory), ..function() }
}

/// All that a function pays by itself.
const KEYS: [&str; 10] = [
    "lambda.request.x86",
    "lambda.duration.x86",
    "lambda.ephemeral_over_512mb.x86",
    "lambda.pc.capacity.x86",
    "lambda.pc.duration.x86",
    "lambda.snapstart.cache",
    "lambda.snapstart.restore",
    "lambda.stream.gb",
    "lambdaedge.request",
    "lambdaedge.duration",
];

/// The lines of a bill by key, and its total.
fn check(id: &str, bill: &Bill, items: &[(&str, &str)], total: &str) {
    for (sku, expected) in items {
        let amounts = bill.lines.iter().filter(|line| line.sku == *sku).map(|line| line.amount);
        assert_eq!(Usd::checked_sum(amounts).expect("in range"), usd(expected), "{id}: {sku}");
    }
    assert_eq!(bill.total, usd(total), "{id}: total");
}

/// Simulates `1/parts` of the requests in `1/parts` of the month.
fn simulated(requests: u64, parts: u64, seconds: f64, function: Function, free_tier: &FreeTier) -> (RunOutput, Bill) {
    assert_eq!(requests % parts, 0);
    let part = SimDuration(MONTH.0 / parts);
    assert_eq!(part.0 * parts, MONTH.0);
    let output = run(&even((requests / parts) as f64, seconds, part), &alone(ComponentKind::Lambda(function)));
    assert_eq!(output.classes[0].arrived, requests / parts);
    let bill = priced_for(&output, &KEYS, part, MONTH, free_tier);
    (output, bill)
}

#[test]
fn requests_and_duration() {
    // L00, L00b: 3 million requests of 1 s at 512 MB.
    let items = [("lambda.duration.x86", "18.33337"), ("lambda.request.x86", "0.4")];
    check("L00", &simulated(3_000_000, 1_000, 1.0, at(512), &FreeTier::Full).1, &items, "18.73337");
    let items = [("lambda.duration.x86", "25.00005"), ("lambda.request.x86", "0.6")];
    check("L00b", &simulated(3_000_000, 1_000, 1.0, at(512), &FreeTier::None).1, &items, "25.60005");
    // L01: 3 million of 120 ms at 1,536 MB.
    let items = [("lambda.duration.x86", "2.333338"), ("lambda.request.x86", "0.4")];
    check("L01", &simulated(3_000_000, 1_000, 0.12, at(1_536), &FreeTier::Full).1, &items, "2.733338");
    // L13: 15 billion requests and 61.44 billion GB-s, through all three tiers: 4.096 GB-s each.
    let items = [("lambda.duration.x86", "854203.296"), ("lambda.request.x86", "3000")];
    let (_, bill) = simulated(15_000_000_000, 1_000_000, 1.024, at(4_096), &FreeTier::None);
    check("L13", &bill, &items, "857203.296");
}

/// L00c: the same usage as L00 at the rate of before December 2020.
#[test]
fn the_historic_rate() {
    let (output, _) = simulated(3_000_000, 1_000, 1.0, at(512), &FreeTier::Full);
    let historic = |price: &Price| {
        let rate = "0.00001667".parse().expect("a rate");
        Price { tiers: vec![Tier { price: rate, to: None, ..price.tiers[0].clone() }], ..price.clone() }
    };
    let part = SimDuration(MONTH.0 / 1_000);
    let bill = priced_with(&output, &KEYS, part, MONTH, &FreeTier::Full, &[("lambda.duration.x86", &historic)]);
    check("L00c", &bill, &[("lambda.duration.x86", "18.337"), ("lambda.request.x86", "0.4")], "18.737");
}

/// L03: 6 million of 280 ms at 4,096 MB with 2,048 MB of `/tmp`.
#[test]
fn ephemeral_storage() {
    let function = Function { ephemeral: MegaBytes(2_048), ..at(4_096) };
    let items = [
        ("lambda.duration.x86", "105.333544"),
        ("lambda.request.x86", "1"),
        ("lambda.ephemeral_over_512mb.x86", "0.077868"),
    ];
    check("L03", &simulated(6_000_000, 1_000, 0.28, function, &FreeTier::Full).1, &items, "106.411412");
}

/// L04: 100 ready environments of 1,536 MB for 8 hours, half a million requests of 100 ms on them; then 2.5 million of 120 ms on demand. A 32nd
/// of it: 15 minutes, which are three steps of five.
#[test]
fn provisioned_concurrency() {
    let part = SimDuration(MONTH.0 / 32);
    let (ready, rest) = (900.0, part.as_secs_f64() - 900.0);
    let spread = |from: f64, over: f64, count: u32, seconds: f64| {
        (0..count).map(move |n| (from + over * (f64::from(n) + 0.5) / f64::from(count), seconds))
    };
    // The last on a ready environment has ended before they are given up.
    let mut requests: Vec<(f64, f64)> = spread(0.0, ready - 1.0, 500_000 / 32, 0.1).collect();
    requests.extend(spread(ready, rest, 2_500_000 / 32, 0.12));
    let (_file, shape) = replayed(&requests);
    let mut scenario = even(1.0, 1.0, part);
    scenario.traffic.shape = shape;
    let rule =
        Provisioned { level: 100, preparation: SimDuration::ZERO, tracking: None, schedule: vec![(secs(ready), 0)] };
    let function = Function { provisioned: Some(rule), ..at(1_536) };
    let output = run(&scenario, &alone(ComponentKind::Lambda(function)));
    let items = [
        ("lambda.pc.capacity.x86", "18.000144"),
        ("lambda.request.x86", "0.4"),
        ("lambda.pc.duration.x86", "0.729165"),
        ("lambda.duration.x86", "0.833335"),
    ];
    check("L04", &priced_for(&output, &KEYS, part, MONTH, &FreeTier::Full), &items, "19.962644");
}

/// L06: 7.44 million requests of 2 s at 1 GB in 31 days, each hundredth in an environment restored from a snapshot. A hundredth of it: 124
/// rounds of 216 s, in each of which six environments serve a hundred requests each and then end.
#[test]
fn snapstart() {
    let month = SimDuration::from_hours(744);
    let part = SimDuration(month.0 / 100);
    let mut requests = Vec::new();
    for round in 0..124 {
        for turn in 0..100 {
            requests.extend([(f64::from(round) * 216.0 + f64::from(turn) * 2.01, 2.0); 6]);
        }
    }
    let (_file, shape) = replayed(&requests);
    let mut scenario = even(1.0, 1.0, part);
    scenario.traffic.shape = shape;
    let snapstart = Some(SnapStart { paid: true });
    let function = Function { snapstart, allocation: constant(0.005), idle_timeout: secs(5.0), ..at(1_024) };
    let output = run(&scenario, &alone(ComponentKind::Lambda(function)));
    assert_eq!(output.components[0].cold_starts, Some(744));
    let items = [
        ("lambda.request.x86", "1.488"),
        ("lambda.duration.x86", "248.000496"),
        ("lambda.snapstart.cache", "4.02992064"),
        ("lambda.snapstart.restore", "10.40110512"),
    ];
    check("L06", &priced_for(&output, &KEYS, part, month, &FreeTier::None), &items, "263.91952176");
}

/// L08: 10 million requests of 10 ms at the edge, where nothing is free.
#[test]
fn at_the_edge() {
    let function = Function { edge: true, ..at(128) };
    let (output, bill) = simulated(10_000_000, 1_000, 0.01, function, &FreeTier::Full);
    check("L08", &bill, &[("lambdaedge.duration", "0.625125"), ("lambdaedge.request", "6")], "6.625125");
    assert!(output.usage.meters.iter().all(|meter| !meter.sku.starts_with("lambda.")));
}

/// M01: an init of 80.00 ms and a duration of 133.61 ms are billed as 214 ms: one ceiling.
#[test]
fn one_ceiling() {
    let scenario = even(1.0, 0.133_61, SimDuration::from_secs(10));
    let function = Function { init: vec![constant(0.08)], ..at(128) };
    let output = run(&scenario, &alone(ComponentKind::Lambda(function)));
    let duration = output.usage.meters.iter().find(|meter| meter.sku == "lambda.duration.x86").expect("a meter");
    assert_eq!(duration.total, 214 * 128);
}
