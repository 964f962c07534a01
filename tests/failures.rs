//! Failures against timelines worked out by hand, and against renewal theory.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::arch::{Control, How, simulate_with};
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::traffic::{Source, Variant};
use costsim::units::*;

/// 40 requests/s, evenly spaced, of 100 ms each.
fn steady(horizon: f64, events: Vec<Incident>) -> Scenario {
    let mut scenario = scenario(40.0, horizon, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    scenario.events = events;
    scenario
}

fn event(at: f64, lasts: f64, what: Trouble) -> Incident {
    Incident { at: secs(at), lasts: secs(lasts), per: Frequency::Once, what }
}

/// In service 40 s and one check after the launch.
fn group(size: u32) -> Fleet {
    Fleet { max: size + 4, pending: constant(20.0), boot: vec![constant(20.0)], ..fleet(size, 2) }
}

/// Behind a balancer that waits for a minute.
fn behind(fleet: Fleet) -> Architecture {
    let mut architecture = behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin);
    if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
        balancer.idle_timeout = SimDuration::from_secs(60);
    }
    architecture
}

/// The mean level of the group in a bucket that lies in `at`.
fn level(output: &RunOutput, at: f64) -> f64 {
    output.series.capacity[0].1[(at / output.series.bucket.as_secs_f64()) as usize]
}

fn total(output: &RunOutput, sku: &str) -> u128 {
    output.usage.meters.iter().find(|meter| meter.sku == sku).expect("a meter").total
}

/// Zone a of two fails at 600 s with two of four instances.
///
/// By hand: the second failed check is between 35 and 65 s after the failure (a phase of up to 30 s, one interval of 30 s, 5 s to wait for the
/// answer). Until then every other request meets silence: 20 a second for 35 to 65 s, less none, more for the two at work (100 ms
/// x 20/s): 702 to 1,302 time out, and no other. Each is ended 10 s after it came, those at work after the balancer's minute. Replacements
/// are ordered when the failure is noticed and run 20 s later: two instances until 655 s at the earliest, four from 685 s on. At 3,000 s
/// the zone is back; one instance is launched there, then, when it serves, one is drained for 300 s, and once more.
#[test]
fn a_zone_fails_and_comes_back() {
    let scenario = steady(7200.0, vec![event(600.0, 2400.0, Trouble::ZoneFails(0))]);
    let output = run(&scenario, &behind(group(4)));
    let class = &output.classes[0];
    let timed_out = class.ended[Outcome::TimedOut as usize];
    assert!((702..=1302).contains(&timed_out), "{timed_out}");
    let other = class.ended[Outcome::Failed as usize] + class.ended[Outcome::Rejected as usize];
    assert_eq!(other, 0);
    assert!(class.arrived - class.ended.iter().sum::<u64>() <= 4, "only the last 100 ms are in flight");
    let bucket = output.series.bucket.as_secs_f64();
    for (index, ended) in output.series.ended.iter().enumerate() {
        let at = index as f64 * bucket;
        // Counted when their fate is known: at once for those that wait for a connection and have to be told, with the failure for the others.
        if !(590.0..680.0).contains(&at) {
            assert_eq!(ended[Outcome::TimedOut as usize], 0, "at {at} s");
        }
    }
    for (at, expected) in [(300.0, 4.0), (625.0, 4.0), (700.0, 4.0), (2980.0, 4.0), (3030.0, 5.0), (5000.0, 4.0)] {
        assert!((level(&output, at) - expected).abs() < 1e-9, "at {at} s: {}", level(&output, at));
    }
    // All four are in zone b until the zone is back; then two and two. Nothing else is launched.
    assert_close("peak", output.components[1].capacity.expect("a level").1, 6.0, 1e-12);
    // Without it nobody notices anything.
    let source = Source::new(&scenario, 0, &Variant::default()).expect("traffic");
    let how = How { without: Some(Frequency::Once), ..How::default() };
    let quiet = simulate_with(&scenario, &behind(group(4)), 0, source, &Control::default(), how).expect("a result");
    assert_eq!(quiet.classes[0].ended[Outcome::TimedOut as usize], 0);
    assert_eq!(total(&quiet, "ec2.od.linux.m7i.large"), 4 * 7_200_000);
}

/// Half of eight Spot instances are interrupted at 600 s, beside two on-demand ones; there is no Spot capacity for ten minutes.
///
/// By hand: four leave service at 600 s, end the work of 100 ms that they have, and are terminated at 720 s (two minutes, less than the draining
/// of five). Their replacements are launched at 1,200 s and run from 1,220 s: 500 s are not paid. Nobody notices.
#[test]
fn a_wave_of_spot_interruptions() {
    let scenario = steady(3600.0, vec![event(600.0, 600.0, Trouble::SpotInterrupted(0.5))]);
    let spot = Some(Spot { base: 2, on_demand_share: 0.0, interruptions: 0.0 });
    let output = run(&scenario, &behind(Fleet { spot, ..group(10) }));
    for (at, expected) in [(590.0, 10.0), (700.0, 10.0), (730.0, 6.0), (1210.0, 6.0), (1230.0, 10.0), (3000.0, 10.0)] {
        assert!((level(&output, at) - expected).abs() < 1e-9, "at {at} s: {}", level(&output, at));
    }
    assert_eq!(total(&output, "ec2.od.linux.m7i.large"), 2 * 3_600_000);
    assert_eq!(total(&output, "ec2.spot_typical.linux.m7i.large"), 8 * 3_600_000 - 4 * 500_000);
    let ended = &output.classes[0].ended;
    assert_eq!(ended[1..].iter().sum::<u64>(), 0, "{ended:?}");
}

/// With so long a start that an instance is missing for two hours less the two minutes in which it drains, renewal theory gives
/// the mean level: (1/rate + 120 s) / (1/rate + 7,200 s), with a rate of ln 2 a month where half of them are interrupted.
#[test]
fn spot_instances_are_interrupted_at_their_rate() {
    let mut scenario = scenario(0.001, 730.0 * 3600.0, constant(0.1));
    scenario.seed = 11;
    let spot = Some(Spot { base: 0, on_demand_share: 0.0, interruptions: 0.5 });
    let group = Fleet { spot, pending: constant(7200.0), health_check_interval: secs(5.0), ..fleet(400, 2) };
    let output = run(&scenario, &behind(group));
    let life = 730.0 * 3600.0 / std::f64::consts::LN_2;
    let expected = 400.0 * (1.0 - (life + 120.0) / (life + 7200.0));
    // About 277 interruptions: 6 % is one standard deviation.
    assert_close("missing", 400.0 - output.components[1].capacity.expect("a level").0, expected, 0.2);
}

/// Each instance fails after 10 h in the mean, is noticed after 50 s and missing for the 10 minutes of a long start.
#[test]
fn instances_fail_at_their_rate() {
    let scenario = scenario(0.01, 400.0 * 3600.0, constant(0.1));
    let group = Fleet { mtbf: Some(secs(36_000.0)), pending: constant(600.0), ..fleet(40, 2) };
    let output = run(&scenario, &behind(group));
    let expected = 40.0 * (1.0 - (36_000.0 + 50.0) / (36_000.0 + 650.0));
    // About 1,600 failures: 2.5 % is one standard deviation.
    assert_close("missing", 40.0 - output.components[1].capacity.expect("a level").0, expected, 0.1);
}

/// When the only instance is silent and replaced there is nobody at all: 503. Without a balancer a client that never gives up waits for ever for
/// what was at work, and finds no connection afterwards.
#[test]
fn a_single_server_fails() {
    let mut scenario = steady(1800.0, vec![event(600.0, 600.0, Trouble::ZoneFails(0))]);
    scenario.classes[0].response_size = Bytes(0);
    let single = Fleet { zones: 1, ..group(1) };
    let output = run(&scenario, &alone(ComponentKind::Fleet(single)));
    let class = &output.classes[0];
    // Nothing can be launched before 1,200 s; it serves 40 s and a check of up to 30 s later.
    let (timed_out, refused) = (class.ended[Outcome::TimedOut as usize], class.ended[Outcome::Rejected as usize]);
    assert!((35 * 40..=65 * 40).contains(&timed_out), "{timed_out}");
    let from_noticed = (timed_out + refused) as f64 / 40.0;
    assert!((639.9..=670.1).contains(&from_noticed), "{from_noticed} s");
    // 4 at work when it failed, and those of the last 100 ms.
    assert!((4..=8).contains(&(class.arrived - class.ended.iter().sum::<u64>())));
}
