//! Durable functions against timelines worked out by hand.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::money::Usd;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

const MEMORY: u128 = 1769;
const DAYS_14: SimDuration = SimDuration::from_hours(14 * 24);

fn durable() -> Durable {
    Durable {
        steps: 3,
        waits: vec![constant(60.0), constant(120.0)],
        replay: constant(0.1),
        checkpoint: Bytes(1024),
        retention: DAYS_14,
        retries: 2,
    }
}

fn function_of(rule: Durable) -> Function {
    Function { init: vec![constant(0.4)], idle_timeout: secs(90.0), durable: Some(rule), ..function() }
}

/// A single request of 0.9 s at 500 s.
fn one_request() -> Scenario {
    let mut scenario = scenario(0.001, 1000.0, constant(0.9));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn used(output: &RunOutput, sku: &str) -> u128 {
    output.usage.meters.iter().filter(|meter| meter.sku == sku).map(|meter| meter.total).sum()
}

/// Three invocations of 0.3 s: the first makes an environment (0.4 s); after a wait of 60 s the second finds it and replays 0.1 s; after 120 s it
/// has ended, and the third makes one again. Billed: 700 + 400 + 800 ms; the waits nothing. The client waits 0.7 + 60 + 0.4 + 120 + 0.8 s.
#[test]
fn an_execution_is_several_invocations() {
    let output = run(&one_request(), &alone(ComponentKind::Lambda(function_of(durable()))));
    assert_eq!(output.classes[0].ended, [1, 0, 0, 0, 0]);
    assert_close("latency", output.classes[0].latency.mean_secs(), 181.9, 0.005);
    assert_eq!(output.components[0].cold_starts, Some(2));
    assert_eq!(used(&output, "lambda.request.x86"), 3);
    assert_eq!(used(&output, "lambda.duration.x86"), 1_900 * MEMORY);
    // The start, three steps, two waits.
    assert_eq!(used(&output, "lambda.durable.op"), 6);
    assert_eq!(used(&output, "lambda.durable.written"), 3 * 1024);
    // One KB for the first wait, two for the second, three for the fortnight after the end.
    let byte_ms = 1_024 * 60_000 + 2 * 1_024 * 120_000 + 3 * 1_024 * 14 * 86_400_000_u128;
    assert_eq!(used(&output, "lambda.durable.retained"), byte_ms >> 30);
    // A million of them: 6 million operations at $8 a million.
    let bill = priced_for(&output, &["lambda.durable.op"], secs(1000.0), secs(1e9), &FreeTier::Full);
    assert_eq!(bill.total, "48".parse::<Usd>().expect("a sum"));
}

/// All fail: an invocation and two more, 1 s and 2 s after, with the init again inside each of them (0.4 s); each has a third of the work. The
/// client is told 500 after 0.4 + 0.3 + 1 + 0.7 + 2 + 0.7 s. One operation: the start.
#[test]
fn failures_are_tried_again() {
    let function = Function { error_rate: 1.0, ..function_of(durable()) };
    let output = run(&one_request(), &alone(ComponentKind::Lambda(function)));
    assert_eq!(output.classes[0].ended[Outcome::Failed as usize], 1);
    assert_eq!(used(&output, "lambda.request.x86"), 3);
    assert_eq!(used(&output, "lambda.duration.x86"), 2_100 * MEMORY);
    assert_eq!((used(&output, "lambda.durable.op"), used(&output, "lambda.durable.written")), (1, 0));
}

/// No environment is allowed: the execution does not begin, and nothing is paid.
#[test]
fn a_throttle_ends_what_has_not_begun() {
    let function = Function { reserved_concurrency: Some(0), ..function_of(durable()) };
    let output = run(&one_request(), &alone(ComponentKind::Lambda(function)));
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 1);
    assert_eq!((used(&output, "lambda.request.x86"), used(&output, "lambda.durable.op")), (0, 0));
}

/// One environment, and executions that begin each 10 s with a wait of 10 s: the second part of each meets the first part of the next, of 5 s, in
/// the only environment (it comes 5 s after the first part has ended, when the next has just begun). It is tried again after 1 s, 2 s and 4 s, that
/// is 7 s later, when the environment is free; until then 3 throttles.
#[test]
fn a_throttled_part_is_tried_again() {
    let rule = Durable { waits: vec![constant(6.0)], replay: constant(0.0), ..durable() };
    let mut scenario = scenario(0.1, 40.0, constant(10.0));
    scenario.traffic.spread = Spread::Even;
    let function = Function { init: vec![], reserved_concurrency: Some(1), ..function_of(rule) };
    let output = run(&scenario, &alone(ComponentKind::Lambda(function)));
    // By hand: the first execution begins at 5 s, its first part ends at 10 s; its second is due at 16 s, while the one that began at 15 s
    // works until 20 s: throttled at 16, 17 and 19 s, it runs from 23 s to 28 s. The third, at 25 s, is refused; the second execution's second
    // part is due at 26 s: throttled at 26 and 27 s, it runs from 29 s to 34 s. The fourth, at 35 s, finds the environment free until 40 s.
    assert_eq!(output.classes[0].ended[Outcome::Served as usize], 2);
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 1);
    assert_eq!(output.components[0].throttled, 3 + 2 + 1);
    assert_eq!(used(&output, "lambda.request.x86"), 5);
}
