//! Lambda Managed Instances against timelines worked out by hand and the pricing page.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::money::Usd;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

const DAYS_14: SimDuration = SimDuration::from_hours(14 * 24);

/// So many instances of 2 vCPU, each with one environment that takes 32 requests: python3.13 with 4 GB on an m7i.large.
fn managed(instances: u32) -> Fleet {
    let rule = Managed {
        runtime: "python3.13".into(),
        environments: 1,
        per_environment: 32,
        rotation: DAYS_14,
        platform_log: Bytes(0),
    };
    Fleet {
        managed: Some(rule),
        concurrency: Limit::At(32),
        queue: Limit::At(0),
        pending: constant(22.6),
        boot: vec![constant(3.2)],
        health_check_interval: SimDuration::ZERO,
        deregistration_delay: secs(3.0),
        warmup: SimDuration::ZERO,
        ..fleet(instances, 2)
    }
}

fn even(rate: f64, horizon: f64, duration: f64) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(duration));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn used(output: &RunOutput, sku: &str) -> Option<u128> {
    output.usage.meters.iter().find(|meter| meter.sku == sku).map(|meter| meter.total)
}

const KEYS: [&str; 3] = ["ec2.od.linux.m7i.large", "lambda.lmi.fee.linux.m7i.large", "lambda.lmi.request"];

/// An hour of three m7i.large at $0.1008, 15 % of that as a fee, and 3,600 requests at $0.20 a million: 3 x 0.1008 + 3 x 0.01512 + 0.00072.
/// There is no duration, no volume, no address and no metric to pay.
#[test]
fn instances_a_fee_and_requests_are_paid() {
    let output = run(&even(1.0, 3600.0, 0.1), &behind_api(ComponentKind::Fleet(managed(3))));
    assert_eq!(KEYS.map(|key| used(&output, key)), [Some(3 * 3_600_000), Some(3 * 3_600_000), Some(3600)]);
    let others: Vec<&str> = output
        .usage
        .meters
        .iter()
        .filter(|meter| meter.component == "target" && !KEYS.contains(&meter.sku.as_str()))
        .map(|meter| meter.sku.as_str())
        .collect();
    assert_eq!(others, ["cw.logs.lambda_vended"]);
    let bill = priced(&output, &KEYS, SimDuration::from_hours(1), &FreeTier::Full);
    assert_eq!(bill.total, "0.34848".parse::<Usd>().expect("a sum"));
}

/// Five requests a second of 9.95 s on 32 places: of each 50 the first 32 find one, the other 18 none; the next 50 come when each place has
/// been free for 50 ms. 429 becomes 503 behind an HTTP API.
#[test]
fn what_finds_no_room_is_refused() {
    let mut scenario = even(5.0, 100.0, 9.95);
    scenario.client.retries = None;
    let output = run(&scenario, &behind_api(ComponentKind::Fleet(managed(1))));
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 10 * 18);
    assert_eq!((output.components[1].throttled, output.components[1].rejected), (180, 0));
    assert_eq!(used(&output, "lambda.lmi.request"), Some(10 * 32));
    // A client that tries again on 503 does so; on 429, which the API does not pass on, it does not.
    let with = |status: u16| {
        let mut scenario = scenario.clone();
        scenario.client.retries = Some(Retries {
            attempts: 1,
            on: vec![status],
            backoff: Backoff { base: secs(0.01), factor: 2.0, cap: secs(1.0), full_jitter: false },
        });
        run(&scenario, &behind_api(ComponentKind::Fleet(managed(1)))).classes[0].retried
    };
    assert_eq!(with(429), 0);
    assert!(with(503) >= 180);
}

/// Four requests of 1 s of CPU at once share two vCPUs: 2 s each. Another instance takes half of them: 1 s.
#[test]
fn environments_share_the_vcpus_and_the_router_finds_the_idle_ones() {
    let longest = |instances| {
        // Four within a millisecond.
        let mut scenario = cpu_scenario(1.0, 10.0, constant(1.0));
        scenario.traffic.spread = Spread::Even;
        scenario.traffic.shape =
            Shape::Steps(vec![(SimDuration::ZERO, PerSecond(4_000.0)), (SimDuration::from_millis(1), PerSecond(0.0))]);
        let output = run(&scenario, &alone(ComponentKind::Fleet(managed(instances))));
        assert_eq!(output.classes[0].ended[Outcome::Served as usize], 4);
        output.classes[0].latency.quantile(1.0).expect("served").as_secs_f64()
    };
    assert_close("one instance", longest(1), 2.0, 0.01);
    assert_close("two instances", longest(2), 1.0, 0.01);
}

/// Replaced at an age of an hour: at 3,600 s two more are asked for, which run from 3,622.6 s and serve from 3,625.8 s; then the old ones
/// drain for 3 s. So four are paid for 6.2 s, and nobody is refused. The new ones are an hour old only after the end.
#[test]
fn instances_are_replaced_before_they_go() {
    let mut fleet = managed(2);
    if let Some(rule) = &mut fleet.managed {
        rule.rotation = SimDuration::from_hours(1);
    }
    let output = run(&even(2.0, 7200.0, 1.0), &behind_api(ComponentKind::Fleet(fleet)));
    assert_eq!(used(&output, KEYS[0]), Some(2 * 7_200_000 + 2 * 6_200));
    assert_eq!(output.components[1].capacity.map(|level| level.1 as u64), Some(4));
    assert_eq!(output.classes[0].ended[1..], [0, 0, 0, 0]);
}

/// 28 requests at work on 32 places, with a target of 16: a minute's mean beyond it asks for ceil(1 x 28 / 16) = 2 instances at 60 s; the
/// second runs from 82.6 s on. 29 come each second and stay for 0.97 s.
#[test]
fn it_grows_with_its_concurrency() {
    let follow = ScalingPolicy::TargetTracking(TargetTracking {
        metric: TrackedMetric::Outstanding,
        target: 16.0,
        out_periods: 1,
        in_periods: 15,
        in_bound: 0.7,
        disable_scale_in: false,
    });
    let fleet = Fleet { max: 4, scaling: vec![follow], ..managed(1) };
    let output = run(&even(29.0, 120.0, 0.97), &behind_api(ComponentKind::Fleet(fleet)));
    assert_eq!(used(&output, KEYS[0]), Some(120_000 + (120_000 - 82_600)));
    assert_eq!(output.classes[0].ended[1..], [0, 0, 0, 0]);
}
