//! What a client sees of a failure depends on what stands in front, and its retries match on it (AWS.md 5.6 and 6.6: the ALB and API
//! Gateway guides).

mod common;

use common::*;
use costsim::arch::output::Outcome;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// Retries counted when a client tries once more on exactly one status.
fn retried(architecture: &Architecture, duration: f64, status: u16) -> (u64, u64, [u64; 5]) {
    let mut scenario = scenario(2.0, 500.0, constant(duration));
    scenario.traffic.shape =
        Shape::Steps(vec![(SimDuration::ZERO, PerSecond(2.0)), (SimDuration::from_secs(400), PerSecond(0.0))]);
    let backoff = Backoff { base: SimDuration::from_millis(10), cap: secs(1.0), factor: 2.0, full_jitter: false };
    scenario.client.retries = Some(Retries { attempts: 1, on: vec![status], backoff });
    let output = run(&scenario, architecture);
    let class = &output.classes[0];
    (class.arrived, class.retried, class.ended)
}

#[test]
fn a_functions_time_out_is_504_behind_an_api_and_502_behind_a_balancer() {
    let function = || ComponentKind::Lambda(Function { timeout: secs(1.0), ..function() });
    for (architecture, status) in
        [(behind_api(function()), 504), (behind_balancer(function(), Balancing::RoundRobin), 502)]
    {
        for tried in [502, 503, 504] {
            let (arrived, retried, ended) = retried(&architecture, 3.0, tried);
            assert_eq!(retried, if tried == status { arrived } else { 0 }, "retries on {tried}");
            assert_eq!(ended[Outcome::TimedOut as usize], arrived);
        }
    }
}

#[test]
fn a_throttle_is_503_behind_an_api_and_502_behind_a_balancer() {
    let function = || ComponentKind::Lambda(Function { reserved_concurrency: Some(0), ..function() });
    for (architecture, status) in [
        (behind_api(function()), 503),
        (behind_balancer(function(), Balancing::RoundRobin), 502),
        (alone(function()), 429),
    ] {
        for tried in [429, 502, 503] {
            let (arrived, retried, ended) = retried(&architecture, 0.1, tried);
            assert_eq!(retried, if tried == status { arrived } else { 0 }, "retries on {tried}");
            assert_eq!(ended[Outcome::Throttled as usize], arrived);
        }
    }
}

#[test]
fn the_front_gives_up_with_504_while_the_function_goes_on() {
    let function = || ComponentKind::Lambda(function());
    let mut balancer = behind_balancer(function(), Balancing::RoundRobin);
    if let ComponentKind::LoadBalancer(front) = &mut balancer.components[0].kind {
        front.idle_timeout = secs(5.0);
    }
    // The API gives up after 30 s, the balancer after 5 s; the work takes 40 s.
    for architecture in [behind_api(function()), balancer] {
        let (arrived, retried, ended) = retried(&architecture, 40.0, 504);
        assert_eq!((retried, ended[Outcome::TimedOut as usize]), (arrived, arrived));
    }
}

/// A request that was refused has no answer of the usual size: an API meters what was sent (one increment of 512 KB), a balancer the bytes
/// that passed. Those that are served are metered by their answer: 2 MB are four increments.
#[test]
fn fronts_meter_the_answers_that_were_given() {
    let usage = |architecture: &Architecture, sku: &str, response: u64| {
        let mut scenario = scenario(2.0, 3_600.0, constant(0.1));
        scenario.classes[0].response_size = Bytes(response);
        let output = run(&scenario, architecture);
        let meter = output.usage.meters.iter().find(|meter| meter.sku == sku).expect("the front's meter");
        (meter.total, u128::from(output.classes[0].arrived), u128::from(output.classes[0].ended[0]))
    };
    let refusing = || ComponentKind::Lambda(Function { reserved_concurrency: Some(0), ..function() });
    let (metered, arrived, served) = usage(&behind_api(refusing()), "apigw.http.request", 2 << 20);
    assert_eq!((metered, served), (arrived, 0));
    let (metered, arrived, served) =
        usage(&behind_api(ComponentKind::Lambda(function())), "apigw.http.request", 2 << 20);
    // What is in flight at the end has been metered as sent.
    assert_eq!(metered, arrived + 3 * served);

    let balancer = |kind| behind_balancer(kind, Balancing::RoundRobin);
    let large = usage(&balancer(refusing()), "alb.lcu", 1 << 30);
    assert_eq!(large, usage(&balancer(refusing()), "alb.lcu", 0));
    // 0.4 GB an hour to functions are one LCU: some 7,200 GB are 18,000 LCU, and far more than the connections.
    let (metered, _, served) = usage(&balancer(ComponentKind::Lambda(function())), "alb.lcu", 1 << 30);
    assert_close("LCU", metered as f64 / 1e6, served as f64 / 0.4, 1e-3);
}
