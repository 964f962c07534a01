//! The network load balancer's counters, by hand from the ELB pricing page.

mod common;

use common::*;
use costsim::arch::output::Outcome;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// 40 requests/s for an hour, 20 on each connection: 2 new connections a second (2 / 800), 700 open at a time (each for 350 s; 700 / 100,000), and
/// 1 KB in and 2 KB out for each request: 0.41 GB, which is the largest. With two zones half of the bytes cross, paid on both sides.
#[test]
fn capacity_units_of_a_network_balancer() {
    for cross_zone in [false, true] {
        let mut scenario = scenario(40.0, 3600.0, constant(0.1));
        scenario.traffic.spread = Spread::Even;
        let algorithm = if cross_zone { Balancing::Random } else { Balancing::Zonal };
        let mut architecture = behind_balancer(ComponentKind::Fleet(fleet(3, 2)), algorithm);
        if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
            balancer.idle_timeout = SimDuration::from_secs(350);
            balancer.network = Some(Network { cross_zone });
        }
        let output = run(&scenario, &architecture);
        let class = &output.classes[0];
        let bytes = class.arrived * 1024 + class.ended[Outcome::Served as usize] * 2048;
        let total = |sku: &str| output.usage.meters.iter().find(|meter| meter.sku == sku).map(|meter| meter.total);
        assert_eq!(total("nlb.hour"), Some(1));
        let units = total("nlb.nlcu").expect("a meter") as f64;
        assert_close("units", units, bytes as f64 / (1u64 << 30) as f64 * 1e6, 1e-5);
        assert!(units > 400_000.0, "{units}");
        assert_eq!(total("dto.cross_az"), cross_zone.then_some(u128::from(bytes)));
        assert_eq!(total("alb.hour"), None);
        assert_eq!(class.arrived, 144_000);
    }
}

/// Many small connections decide: 16,000 requests a second, one on each connection, are 20 units of 800.
#[test]
fn new_connections_decide() {
    let mut scenario = scenario(16_000.0, 10.0, constant(0.0));
    scenario.client.requests_per_connection = 1.0;
    scenario.traffic.spread = Spread::Even;
    let class = &mut scenario.classes[0];
    (class.request_size, class.response_size) = (Bytes(0), Bytes(0));
    let mut architecture = behind_balancer(ComponentKind::Fleet(fleet(2, 2)), Balancing::Zonal);
    if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
        balancer.idle_timeout = SimDuration::from_secs(1);
        balancer.network = Some(Network { cross_zone: false });
    }
    let output = run(&scenario, &architecture);
    let units = output.usage.meters.iter().find(|meter| meter.sku == "nlb.nlcu").expect("a meter").total;
    // For ten seconds of an hour.
    assert_close("units", units as f64 / 1e6, 20.0 * 10.0 / 3600.0, 1e-4);
}

/// 144,000 requests with 10 KB each to and from a database in one of three zones: two thirds cross, paid on both sides. Functions stand in two zones.
#[test]
fn what_crosses_to_the_database_is_paid_on_both_sides() {
    let mut scenario = scenario(40.0, 3600.0, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    scenario.warmup = SimDuration::from_mins(10);
    let hourly = "0.1".parse().expect("money");
    let transfer = Bytes(10 << 10);
    scenario.backend = Some(Backend { hourly, max_connections: Limit::Unlimited, pool_per_instance: 1, transfer });
    let group = ComponentKind::Fleet(Fleet { zones: 3, ..fleet(3, 2) });
    for (architecture, share) in [
        (behind_balancer(group, Balancing::RoundRobin), 2.0 / 3.0),
        (behind_balancer(ComponentKind::Lambda(function()), Balancing::RoundRobin), 0.5),
    ] {
        let output = run(&scenario, &architecture);
        let crossed = output.usage.meters.iter().find(|meter| meter.sku == "dto.cross_az").expect("a meter");
        assert_eq!(crossed.component, "backend");
        assert_close("bytes", crossed.total as f64, 144_000.0 * 10_240.0 * 2.0 * share, 1e-5);
    }
}

/// The idle time-out of a balancer is 60 s unless stated (ALB user guide), and whoever has no answer by then gets 504; the target knows nothing of it.
///
/// By hand, a request each 100 s, from 50 s on, that computes for 90 s on one of two vCPUs, in 10,000 s: nobody is served, all but the last one, which is under way at the end, are
/// 504 after 60 s; the instance works for all of the 90 s: 99 x 90 + 50 = 8,960 s of one vCPU, 0.448 of the instance. Whoever tries again 20 s after the 504 comes while the first
/// attempt still works, and the second one works until 170 s, beside the next request's first one: 98 x 90 + 70 = 8,890 s more (the last but one begins 70 s before the
/// end). Requests of 59.99 s are served, those of 60.01 s are not.
#[test]
fn a_balancer_gives_up_after_a_minute_and_the_instance_works_on() {
    let shipped = costsim::spec::LoadOptions {
        inputs: vec!["ec2-asg-alb".into()],
        rate: Some("1/s".into()),
        duration: Some("100ms".into()),
        cpu_share: Some("0%".into()),
        ..costsim::spec::LoadOptions::default()
    };
    let model = costsim::spec::load(&shipped).expect("a scenario").scenario.architectures.remove(0);
    let minute = model.components.iter().find_map(|one| match &one.kind {
        ComponentKind::LoadBalancer(balancer) => Some(balancer.idle_timeout),
        _ => None,
    });
    assert_eq!(minute, Some(SimDuration::from_secs(60)));
    let mut architecture = behind_balancer(ComponentKind::Fleet(fleet(1, 2)), Balancing::RoundRobin);
    if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
        balancer.idle_timeout = SimDuration::from_secs(60);
    }
    let of = |cpu: f64, again: bool| {
        let mut scenario = cpu_scenario(0.01, 10_000.0, constant(cpu));
        scenario.traffic.spread = Spread::Even;
        if again {
            let backoff = Backoff { base: secs(20.0), cap: secs(20.0), factor: 1.0, full_jitter: false };
            scenario.client.retries = Some(Retries { attempts: 1, on: vec![504], backoff });
        }
        run(&scenario, &architecture)
    };
    let output = of(90.0, false);
    assert_eq!(output.classes[0].ended[Outcome::TimedOut as usize], 99);
    assert_eq!(output.classes[0].ended[Outcome::Served as usize], 0);
    assert_close("at work", output.components[1].busy.expect("a level").0, 0.448, 1e-9);
    assert_close("held", output.components[1].mean_in_system, 0.896, 1e-9);
    let output = of(90.0, true);
    assert_eq!(output.classes[0].ended[Outcome::TimedOut as usize], 99);
    assert_close("with attempts", output.components[1].busy.expect("a level").0, 0.8925, 1e-9);
    for (cpu, served) in [(59.99, 99), (60.01, 0)] {
        let output = of(cpu, false);
        assert_eq!(output.classes[0].ended[Outcome::Served as usize], served, "{cpu}");
        assert_eq!(output.classes[0].ended[Outcome::TimedOut as usize], 99 - served, "{cpu}");
    }
}
