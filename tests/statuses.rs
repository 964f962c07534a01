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
