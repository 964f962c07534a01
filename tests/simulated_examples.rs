//! AWS's worked examples of balancers, Fargate and volumes, simulated and then priced. `tests/worked_examples.rs` prices the same counters
//! without simulating, and `tests/credits.rs` has the t3.large at full load.

mod common;

use common::*;
use costsim::arch::output::RunOutput;
use costsim::bill::{BillInput, bill, price_list};
use costsim::catalog;
use costsim::spec::billing::Billing;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;
use costsim::usage::Usage;

/// What these keys cost in a month of 720 h, by the rate of the simulated time.
fn cost(output: &RunOutput, scenario: &Scenario, keys: &[&str]) -> f64 {
    let meters = output.usage.meters.iter().filter(|meter| keys.contains(&meter.sku.as_str())).cloned();
    let usage = Usage { meters: meters.collect() };
    let lists = catalog::price_lists("us-east-1", None).expect("embedded lists are readable");
    let book = price_list::book("us-east-1", &lists).expect("the shipped price lists are sound");
    let result = bill(&BillInput {
        full: &[&usage],
        without: &[],
        horizon: scenario.horizon,
        month: SimDuration::from_hours(720),
        book: &book,
        stated: &[],
        billing: &Billing::default(),
        free_tier: &FreeTier::None,
        half_width: &|_| None,
    });
    result.expect("a bill").total.to_f64()
}

/// An hour behind a balancer: so many requests a second, so many on each connection, which stays open for so long; request and response together
/// of so many bytes; so many rules.
fn balanced(
    kind: ComponentKind,
    (rate, on_connection, open): (f64, f64, u64),
    bytes: u64,
    rules: u32,
) -> (RunOutput, Scenario) {
    let mut scenario = scenario(rate, 3_600.0, constant(0.001));
    scenario.traffic.spread = Spread::Even;
    scenario.client.requests_per_connection = on_connection;
    let class = &mut scenario.classes[0];
    (class.request_size, class.response_size) = (Bytes(bytes / 2), Bytes(bytes - bytes / 2));
    let mut architecture = behind_balancer(kind, Balancing::RoundRobin);
    if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
        balancer.idle_timeout = SimDuration::from_secs(open);
        balancer.rules = rules;
    }
    (run(&scenario, &architecture), scenario)
}

fn units(output: &RunOutput) -> f64 {
    output.usage.meters.iter().find(|meter| meter.sku == "alb.lcu").expect("a meter").total as f64 / 1e6
}

/// Elastic Load Balancing pricing page, example 1: a connection a second that lasts two minutes, five requests on it, 60 rules, 1.08 GB an hour:
/// 0.04, 0.04, 0.25 and 1.08 units, so 1.08: 16.20 + 6.2208 = 22.4208 $ in 720 h. To functions 0.4 GB are a unit: 2.7 units, 31.752 $.
/// (AWS takes 300 KB/s for 1.08 GB an hour; here a request carries a 18,000th of that.)
#[test]
fn the_example_of_a_balancer() {
    let bytes = (1.08 * f64::from(1 << 30) / 18_000.0) as u64;
    for (kind, expected, total) in
        [(ComponentKind::Fleet(fleet(2, 2)), 1.08, 22.4208), (ComponentKind::Lambda(function()), 2.7, 31.752)]
    {
        let (output, scenario) = balanced(kind, (5.0, 5.0, 120), bytes, 60);
        assert_close("units", units(&output), expected, 1e-4);
        assert_close("cost", cost(&output, &scenario, &["alb.hour", "alb.lcu"]), total, 1e-4);
    }
}

/// The other three dimensions, each as the largest: new connections 100 / 25, active ones 10 x 600 / 3,000, rules 50 x (100 - 10) / 1,000.
#[test]
fn each_dimension_of_a_balancer_can_be_the_largest() {
    for (traffic, rules, expected) in
        [((100.0, 1.0, 1), 1, 4.0), ((10.0, 1.0, 600), 1, 2.0), ((50.0, 20.0, 60), 100, 4.5)]
    {
        let (output, _) = balanced(ComponentKind::Fleet(fleet(2, 2)), traffic, 0, rules);
        assert_close("units", units(&output), expected, 1e-6);
    }
}

/// Fargate pricing page: five tasks of 1 vCPU, 2 GB and 30 GB of disk for 600 s on each of 30 days: 1.01196 + 0.2223 + 0.02772 = 1.26198 $, on ARM
/// 0.809496 + 0.178002 + 0.02772 = 1.015218 $. The page prices by the second, the price list, which is used here, by the hour: the fifth digit.
/// On Spot at 65 % less, the disk is paid in full.
#[test]
fn the_example_of_fargate() {
    let at = |at, desired| Scheduled {
        at: secs(at),
        days: Days(0b111_1111),
        min: Some(0),
        max: None,
        desired: Some(desired),
    };
    for (arch, name, compute) in [(Arch::X86, "x86", 1.01196 + 0.2223), (Arch::Arm, "arm", 0.809_496 + 0.178_002)] {
        for (spot, spot_discount) in [(None, 0), (Some(0.35), 650)] {
            let task = Task { milli_vcpu: 1_000, memory: MegaBytes(2_048), arch, extra_disk: 10, spot_discount };
            let instance = InstanceType { name: "a task".into(), vcpu: 1, memory_mib: 2_048, arch };
            let group = Fleet {
                min: 0,
                max: 5,
                desired: 0,
                task: Some(task),
                spot: spot.map(|_| Spot { base: 0, on_demand_share: 0.0, interruptions: 0.0 }),
                schedule: vec![at(3_600.0, 5), at(4_200.0, 0)],
                deregistration_delay: SimDuration::ZERO,
                ..Fleet::fixed(instance, 5)
            };
            let scenario = scenario(0.001, 86_400.0, constant(0.1));
            let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(group), Balancing::RoundRobin));
            let keys: Vec<String> = ["fargate.vcpu", "fargate.gb", "fargate.spot_650.vcpu", "fargate.spot_650.gb"]
                .map(|key| format!("{key}.{name}.hour"))
                .to_vec();
            let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            keys.push("fargate.ephemeral");
            let expected = compute * spot.unwrap_or(1.0) + 0.02772;
            assert_close(name, cost(&output, &scenario, &keys), expected, 1e-4);
        }
    }
}

/// EBS pricing page, example 1: a volume of 2,000 GB for 12 hours of 30 days at 0.08 $: 2.67 $. (Its IOPS and throughput beyond what is free are priced
/// in `tests/worked_examples.rs`; fleets have none.)
#[test]
fn the_example_of_a_volume() {
    let end = Scheduled {
        at: SimDuration::from_hours(12),
        days: Days(0b111_1111),
        min: Some(0),
        max: None,
        desired: Some(0),
    };
    let group = Fleet {
        min: 0,
        schedule: vec![end],
        volume_gib: 2_000,
        deregistration_delay: SimDuration::ZERO,
        ..fleet(1, 2)
    };
    let scenario = scenario(0.0001, 720.0 * 3_600.0, constant(0.1));
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(group), Balancing::RoundRobin));
    assert_close("cost", cost(&output, &scenario, &["ebs.gp3.gb"]), 2_000.0 * 0.08 * 12.0 / 720.0, 1e-6);
}
