//! The engine against queueing theory: expected values are closed forms, tolerances are written beside them.
//!
//! Tolerances are about three standard errors of the simulated estimate at the stated length, from the theory's variance and
//! correlation time where it is known, rounded up.

mod common;

use common::*;
use costsim::arch::FleetRunning;
use costsim::arch::output::Outcome;
use costsim::spec::distribution::Distribution;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Erlang's loss formula for `servers` and offered load `load` in erlang (Erlang 1917), by its stable recursion.
fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |b, k| load * b / (f64::from(k) + load * b))
}

/// M/G/c/c is insensitive: the loss depends on the distribution by its mean alone.
#[test]
fn reserved_concurrency_is_erlang_b() {
    for (servers, load) in [(1, 0.5), (5, 3.0), (10, 8.0), (40, 45.0)] {
        for (name, service) in
            [("exponential", exponential(0.5)), ("constant", constant(0.5)), ("log-normal", lognormal(0.5, 1.0))]
        {
            let scenario = scenario(load / 0.5, 500_000.0 / load, service);
            let function = Function { reserved_concurrency: Some(u64::from(servers)), ..function() };
            let output = run(&scenario, &alone(ComponentKind::Lambda(function)));
            let expected = erlang_b(servers, load);
            // A million requests: relative standard error of a loss share B is below 3 / sqrt(10^6 B) even with correlation.
            let tolerance = 0.006 + 3.0 / (1e6 * expected).sqrt();
            assert_close(
                &format!("loss, {servers} servers, {load} erlang, {name}"),
                share(&output, Outcome::Throttled),
                expected,
                tolerance,
            );
            assert_close("carried load", output.components[0].busy.expect("a level").0, load * (1.0 - expected), 0.012);
        }
    }
}

fn single_server_fleet(service: Distribution, load: f64, concurrency: Limit) -> (f64, f64) {
    let instances = 8;
    let mean = 0.02;
    // Random balancing splits a Poisson stream into independent Poisson streams: eight single servers at once.
    let scenario = cpu_scenario(load / mean * f64::from(instances), 6000.0, service);
    let fleet = Fleet { concurrency, ..fleet(instances, 1) };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::Random));
    let latency = &output.classes[0].latency;
    assert_eq!(output.components[1].rejected, 0);
    assert_close("utilisation", output.components[1].utilisation.expect("a share"), load, 0.01);
    (latency.mean_secs() / mean, latency.quantile(0.99).expect("served").as_secs_f64() / mean)
}

/// One request at a time, first come first served. M/M/1: T = 1 / (1 - rho), exponential, so p99 = T ln 100.
/// M/D/1 (Pollaczek-Khinchine): T = 1 + rho / (2 (1 - rho)).
#[test]
fn a_fleet_with_one_request_at_a_time_is_mm1_and_md1() {
    for load in [0.5, 0.8] {
        let (mean, p99) = single_server_fleet(exponential(0.02), load, Limit::At(1));
        assert_close("M/M/1 mean", mean, 1.0 / (1.0 - load), 0.02);
        assert_close("M/M/1 p99", p99, 100f64.ln() / (1.0 - load), 0.03);
        let (mean, _) = single_server_fleet(constant(0.02), load, Limit::At(1));
        assert_close("M/D/1 mean", mean, 1.0 + load / (2.0 * (1.0 - load)), 0.02);
    }
}

/// Processor sharing is insensitive: T = 1 / (1 - rho) for every distribution of the work (Kleinrock 1976, section 4.4).
#[test]
fn unlimited_sharing_of_one_vcpu_is_mg1_ps() {
    for load in [0.5, 0.8] {
        for service in [exponential(0.02), constant(0.02), lognormal(0.02, 1.0)] {
            let name = format!("M/G/1-PS mean at {load}, {service:?}");
            let (mean, _) = single_server_fleet(service, load, Limit::Unlimited);
            assert_close(&name, mean, 1.0 / (1.0 - load), 0.025);
        }
    }
}

/// Little: L = lambda W, for each component; L is an integral over time, W a mean over calls: two separate meters.
#[test]
fn littles_law_holds_for_every_component() {
    let scenario = scenario(50.0, 40_000.0, lognormal(0.3, 0.8));
    let lambda = behind_api(ComponentKind::Lambda(Function { init: vec![constant(1.0)], ..function() }));
    let mut work = scenario.clone();
    work.classes[0].work = Work::Phases { cpu: exponential(0.05), wait: exponential(0.1) };
    let servers = behind_balancer(ComponentKind::Fleet(fleet(4, 2)), Balancing::LeastOutstanding);
    for (scenario, architecture) in [(&scenario, lambda), (&work, servers)] {
        let output = run(scenario, &architecture);
        for component in &output.components {
            let (time, calls) = component.time_in_system;
            let rate = calls as f64 / scenario.horizon.as_secs_f64();
            let wait = time.as_secs_f64() / calls as f64;
            assert!(calls > 1_000_000);
            // Only requests that straddle the ends of the horizon can differ.
            assert_close("Little's law", component.mean_in_system, rate * wait, 1e-4);
        }
    }
}

/// With most-recently-used reuse and no limit, the environments alive just before an instant are as many as the greatest
/// concurrency over the idle time-out before it. Here computed from the arrivals alone.
fn warm_pool_is_greatest_concurrency(rate: f64, idle: f64, seed: u64) {
    {
        let horizon = 20_000.0 / rate;
        let mut scenario = scenario(rate, horizon, exponential(2.0));
        scenario.seed = seed;
        let function = Function { idle_timeout: secs(idle), ..function() };
        let output = run(&scenario, &alone(ComponentKind::Lambda(function)));

        let mut source = costsim::traffic::Source::new(&scenario, 0, &Default::default()).expect("traffic");
        let mut batch = costsim::traffic::Batch::new();
        let mut changes: Vec<(u64, i64)> = Vec::new();
        loop {
            source.fill(&mut batch).expect("arrivals");
            if batch.len == 0 {
                break;
            }
            for i in 0..batch.len {
                changes.push((batch.at[i].0, 1));
                changes.push((batch.at[i].0 + batch.wait[i], -1));
            }
        }
        changes.sort_unstable();
        // Concurrency as steps; a level lasts until the next change and counts for `idle` after it has ended.
        let (mut level, mut best): (i64, VecDeque<(u64, i64)>) = (0, VecDeque::new());
        let end = (horizon * 1e9) as u64;
        let (mut pool_area, mut now) = (0.0, 0u64);
        let idle = (idle * 1e9) as u64;
        // `best` holds (expires, level), levels descending: the front is the greatest that still counts.
        let advance = |best: &mut VecDeque<(u64, i64)>, now: &mut u64, to: u64, level: i64, area: &mut f64| {
            while *now < to {
                while best.front().is_some_and(|front| front.0 <= *now) {
                    best.pop_front();
                }
                let pool = best.front().map_or(level, |front| front.1.max(level));
                let until = best.front().map_or(to, |front| if front.1 > level { front.0.min(to) } else { to });
                *area += pool as f64 * (until - *now) as f64;
                *now = until;
            }
        };
        for (at, step) in changes {
            advance(&mut best, &mut now, at.min(end), level, &mut pool_area);
            while best.back().is_some_and(|back| back.1 <= level) {
                best.pop_back();
            }
            best.push_back((at + idle, level));
            level += step;
        }
        advance(&mut best, &mut now, end, level, &mut pool_area);
        let expected = pool_area / end as f64;
        assert_close("mean environments", output.components[0].capacity.expect("a level").0, expected, 1e-9);
    }
}

/// A whole scenario drawn at random, whose traffic stops long before the horizon ends.
fn drained(rate: f64, mean: f64, retries: u8, seed: u64) -> Scenario {
    let mut scenario = scenario(rate, 4000.0, constant(0.0));
    scenario.seed = seed;
    scenario.classes[0].work = Work::Phases { cpu: exponential(mean * 0.4), wait: exponential(mean * 0.6) };
    scenario.traffic.shape = Shape::Steps(vec![
        (SimDuration::ZERO, PerSecond(rate)),
        (SimDuration::from_secs(300), PerSecond(rate * 4.0)),
        (SimDuration::from_secs(900), PerSecond(0.0)),
    ]);
    scenario.client.timeout = Some(SimDuration::from_secs(5));
    scenario.client.retries = (retries > 0).then(|| Retries {
        attempts: retries,
        on: vec![429, 502, 503, 504],
        backoff: Backoff {
            base: SimDuration::from_millis(100),
            cap: SimDuration::from_secs(5),
            factor: 2.0,
            full_jitter: seed.is_multiple_of(2),
        },
    });
    scenario
}

fn scaling_fleet(max: u32, concurrency: u64, queue: u64) -> Fleet {
    Fleet {
        min: 1,
        max,
        concurrency: Limit::At(concurrency),
        queue: Limit::At(queue),
        scaling: vec![tracking()],
        boot: vec![constant(20.0), exponential(15.0)],
        pending: constant(22.6),
        ..fleet(1, 2)
    }
}

/// A zone that fails and Spot instances that are taken away, while there is traffic.
fn trouble(any: bool) -> Vec<Incident> {
    let event = |at, lasts, what| Incident { at: secs(at), lasts: secs(lasts), per: Frequency::Once, what };
    let events = [event(320.0, 300.0, Trouble::ZoneFails(0)), event(700.0, 100.0, Trouble::SpotInterrupted(0.5))];
    events.into_iter().filter(|_| any).collect()
}

/// The same with instances that fail often, half of them Spot ones.
fn failing_fleet(any: bool, fleet: Fleet) -> Fleet {
    let spot = any.then_some(Spot { base: 1, on_demand_share: 0.5, interruptions: 0.9 });
    Fleet { mtbf: any.then_some(secs(900.0)), spot, ..fleet }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// See [`warm_pool_is_greatest_concurrency`].
    #[test]
    fn the_warm_pool_is_the_greatest_concurrency_of_the_last_idle_timeout(rate in -2.0f64..2.0, idle in 0.3f64..3.0, seed: u64) {
        warm_pool_is_greatest_concurrency(10f64.powf(rate), 10f64.powf(idle), seed);
    }

    /// Every request that arrived has ended once the traffic has stopped and all time-outs have passed: none lost, none counted twice.
    #[test]
    fn requests_are_conserved(rate in 1.0f64..60.0, mean in 0.01f64..0.5, retries in 0u8..4, seed: u64, limit in 1u64..40, algorithm in 0usize..3) {
        let mut scenario = drained(rate, mean, retries, seed);
        scenario.events = trouble(true);
        let algorithm = [Balancing::RoundRobin, Balancing::Random, Balancing::LeastOutstanding][algorithm];
        let function = Function { reserved_concurrency: Some(limit), init: vec![constant(0.4)], ..function() };
        for architecture in [
            behind_api(ComponentKind::Lambda(function.clone())),
            behind_balancer(ComponentKind::Lambda(function), algorithm),
            behind_balancer(ComponentKind::Fleet(scaling_fleet(4, limit, limit)), algorithm),
            behind_balancer(ComponentKind::Fleet(failing_fleet(true, scaling_fleet(4, limit, limit))), algorithm),
        ] {
            let output = run(&scenario, &architecture);
            let class = &output.classes[0];
            prop_assert!(class.arrived > 300);
            prop_assert_eq!(class.ended.iter().sum::<u64>(), class.arrived);
            prop_assert_eq!(output.series.arrived.iter().sum::<u64>(), class.arrived);
            let by_bucket: u64 = output.series.ended.iter().flatten().sum();
            prop_assert_eq!(by_bucket, class.arrived);
            prop_assert_eq!(class.latency.count(), class.ended[Outcome::Served as usize]);
        }
    }

    /// The fast way of running a fleet gives the plain way's results to the bit.
    #[test]
    fn lazy_and_eager_fleets_agree(rate in 5.0f64..60.0, mean in 0.01f64..0.5, seed: u64, concurrency in 1u64..20, choice in 0usize..3, credits in 0usize..3, fails: bool) {
        let mut scenario = drained(rate, mean, 0, seed);
        scenario.events = trouble(fails);
        let algorithm = match (choice, fails) {
            (0, true) => Balancing::Zonal,
            (0, false) => Balancing::Random,
            (1, _) => Balancing::RoundRobin,
            _ => Balancing::LeastOutstanding,
        };
        // None, so many that they are spent and earned within minutes, and paid for when there are none.
        let credits = [None, Some(CpuCredits { hourly: 60, unlimited: false }), Some(CpuCredits { hourly: 12, unlimited: true })][credits];
        let fleet = Fleet { credits, ..failing_fleet(fails, scaling_fleet(5, concurrency, 30)) };
        let mut architecture = behind_balancer(ComponentKind::Fleet(fleet), algorithm);
        if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
            balancer.slow_start = SimDuration::from_secs(if fails { 90 } else { 0 });
        }
        let mut fast = run(&scenario, &architecture);
        let plain = run_with(&scenario, &architecture, FleetRunning::Eager);
        // Those who look for the least outstanding need to know of ends, too.
        prop_assert!(choice == 2 || plain.events > fast.events);
        fast.events = plain.events;
        prop_assert_eq!(fast, plain);
    }
}
