//! A REST API in front of a function: its price, its statuses and its time-out.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

fn behind_rest(function: Function) -> Architecture {
    let mut architecture = behind_api(ComponentKind::Lambda(function));
    let ComponentKind::HttpApi(api) = &mut architecture.components[0].kind else { return architecture };
    (api.rest, api.timeout) = (true, secs(29.0));
    architecture
}

fn used(output: &RunOutput, sku: &str) -> Option<u128> {
    output.usage.meters.iter().find(|meter| meter.sku == sku).map(|meter| meter.total)
}

/// Ten requests with 2 MB of answer each are ten requests; an HTTP API counts steps of 512 KB, four each.
#[test]
fn a_request_is_a_request() {
    let mut scenario = scenario(1.0, 10.0, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    scenario.classes[0].response_size = Bytes(2 << 20);
    let output = run(&scenario, &behind_rest(function()));
    assert_eq!((used(&output, "apigw.rest.request"), used(&output, "apigw.http.request")), (Some(10), None));
    let output = run(&scenario, &behind_api(ComponentKind::Lambda(function())));
    assert_eq!((used(&output, "apigw.rest.request"), used(&output, "apigw.http.request")), (None, Some(40)));
}

/// How many clients try again on each status, of ten whose requests the function refuses, fails or does not end.
#[test]
fn statuses_reach_the_client_as_the_api_translates_them() {
    let retried = |function: Function, seconds: f64, status: u16| {
        let mut scenario = scenario(1.0, 10.0, constant(seconds));
        scenario.traffic.spread = Spread::Even;
        scenario.client.retries = Some(Retries {
            attempts: 1,
            on: vec![status],
            backoff: Backoff { base: secs(0.001), factor: 1.0, cap: secs(0.001), full_jitter: false },
        });
        run(&scenario, &behind_rest(function)).classes[0].retried
    };
    let with = |function: &Function, seconds| {
        [429, 500, 502, 503, 504].map(|status| retried(function.clone(), seconds, status))
    };
    let off = Function { reserved_concurrency: Some(0), ..function() };
    assert_eq!(with(&off, 0.1), [0, 10, 0, 0, 0]);
    let failing = Function { error_rate: 1.0, ..function() };
    assert_eq!(with(&failing, 0.1), [0, 0, 10, 0, 0]);
    let short = Function { timeout: secs(1.0), ..function() };
    assert_eq!(with(&short, 2.0).map(|count| count > 0), [false, false, true, false, false]);
}

/// The API gives up after 29 s, the function goes on and is paid for 40 s.
#[test]
fn it_gives_up_after_29_seconds() {
    let mut scenario = scenario(0.01, 200.0, constant(40.0));
    scenario.traffic.spread = Spread::Even;
    let output = run(&scenario, &behind_rest(function()));
    assert_eq!(output.classes[0].ended[Outcome::TimedOut as usize], 2);
    assert_eq!(used(&output, "lambda.duration.x86"), Some(2 * 40_000 * 1769));
}
