//! A function's URL against a timeline computed by hand.
//!
//! Five are reserved, so the URL takes 50 requests a second, and 50 more at once. Of 200 a second for 10 s, at 2.5 ms, 7.5 ms … 9,997.5 ms, it lets in
//! floor(50 + 50 x 9.9975) = 549 and refuses 1,451. At 10 ms each two at most are at work, so nothing else refuses any.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::spec::lifecycle::Times;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

const LET_IN: u64 = 549;
const REFUSED: u64 = 1_451;

fn given() -> Scenario {
    let mut scenario = scenario(200.0, 10.0, constant(0.01));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn reserved() -> Function {
    Function { reserved_concurrency: Some(5), ..function() }
}

fn url(function: Function) -> Architecture {
    alone(ComponentKind::Lambda(function))
}

fn ends(output: &RunOutput) -> (u64, u64) {
    let ended = |outcome: Outcome| output.classes[0].ended[outcome as usize];
    (ended(Outcome::Served), ended(Outcome::Throttled))
}

fn requests(output: &RunOutput) -> u128 {
    let paid = output.usage.meters.iter().filter(|meter| meter.sku == "lambda.request.x86");
    paid.map(|meter| meter.total).sum()
}

#[test]
fn a_url_takes_ten_requests_a_second_for_each_reserved() {
    let output = run(&given(), &url(reserved()));
    assert_eq!(ends(&output), (LET_IN, REFUSED));
    assert_eq!((output.components[0].throttled, output.components[0].throttled_by_rate), (REFUSED, REFUSED));
    // What is refused costs nothing.
    assert_eq!(requests(&output), u128::from(LET_IN));
    // Nothing reserved: nothing to be ten times of.
    assert_eq!(ends(&run(&given(), &url(function()))).1, 0);
    // Nor behind an API, which invokes the function itself.
    assert_eq!(ends(&run(&given(), &behind_api(ComponentKind::Lambda(reserved())))).1, 0);
    // There were no URLs in 2017.
    let mut then = given();
    then.account.times = Times::In2017;
    assert_eq!(ends(&run(&then, &url(reserved()))).1, 0);
}

/// 51 a second and 51 more are more than the URL lets in at any time; if its refusals took tokens, the account would refuse most of them.
#[test]
fn what_it_refuses_takes_nothing_of_the_accounts_rate() {
    let mut given = given();
    given.account.request_rate = Limit::At(51);
    assert_eq!(ends(&run(&given, &url(reserved()))), (LET_IN, REFUSED));
    // An account that takes less refuses as many as it would alone: floor(20 + 20 x 9.9975) = 219 are let in.
    given.account.request_rate = Limit::At(20);
    assert_eq!(ends(&run(&given, &url(reserved()))).0, 219);
}

/// Reserved is none: all are refused with 429, on which a client tries again; on 503 it would not.
#[test]
fn its_refusal_is_429() {
    let mut given = scenario(10.0, 10.0, constant(0.01));
    given.traffic.shape = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(10.0)), (secs(5.0), PerSecond(0.0))]);
    for (status, again) in [(429, true), (503, false)] {
        let backoff = Backoff { base: secs(0.01), cap: secs(1.0), factor: 2.0, full_jitter: false };
        given.client.retries = Some(Retries { attempts: 1, on: vec![status], backoff });
        let function = Function { reserved_concurrency: Some(0), ..function() };
        let class = &run(&given, &url(function)).classes[0];
        assert_eq!(class.retried, if again { class.arrived } else { 0 }, "on {status}");
        assert_eq!(class.ended[Outcome::Throttled as usize], class.arrived);
    }
}

/// A function that calls others has a URL like any other, and a version that is deployed is behind the same one. What is called by a function does not
/// pass its URL.
#[test]
fn callers_and_versions_stand_behind_it() {
    let calls = |to: u16, what: Function| {
        let work = Some((costsim::spec::distribution::Distribution::ZERO, constant(0.001)));
        let what_is_called = OutboundKind::Function { work, retries: 0 };
        Function { calls: vec![Outbound { to: ComponentId(to), what: what_is_called, classes: vec![true] }], ..what }
    };
    let two = |caller: Function, callee: Function| {
        let mut architecture = url(caller);
        architecture.components.push(Component { name: "callee".into(), kind: ComponentKind::Lambda(callee) });
        architecture
    };
    let output = run(&given(), &two(calls(1, reserved()), function()));
    assert_eq!(ends(&output), (LET_IN, REFUSED));
    let output = run(&given(), &two(calls(1, function()), reserved()));
    assert_eq!(ends(&output).1, 0);
    let mut deployed = given();
    deployed.deployments = vec![costsim::spec::deployment::Deployment {
        at: secs(5.0),
        lasts: SimDuration::ZERO,
        per: Frequency::Once,
        component: "only".into(),
        name: "AllAtOnce".into(),
        kind: costsim::spec::deployment::DeploymentKind::Lambda(costsim::spec::deployment::TrafficShift::ALL_AT_ONCE),
    }];
    assert_eq!(ends(&run(&deployed, &url(reserved()))), (LET_IN, REFUSED));
}
