//! Fargate services against a timeline worked out by hand and the pricing page.

mod common;

use common::*;
use costsim::arch::output::RunOutput;
use costsim::money::Usd;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

fn service(milli_vcpu: u32, gb: u32, arch: Arch, tasks: u32) -> Fleet {
    let instance = InstanceType { name: "a task".into(), vcpu: 1, memory_mib: gb * 1024, arch };
    Fleet {
        task: Some(Task { milli_vcpu, memory: MegaBytes(gb * 1024), arch, extra_disk: 0, spot_discount: 0 }),
        warmup: SimDuration::ZERO,
        scale_in_rest: SimDuration::from_secs(300),
        ..Fleet::fixed(instance, tasks)
    }
}

fn total(output: &RunOutput, sku: &str) -> Option<u128> {
    output.usage.meters.iter().find(|meter| meter.sku == sku).map(|meter| meter.total)
}

/// Half a vCPU, 90 % of one task for 20 minutes, then 5 %; target 50 %.
///
/// By hand: above the target at 60, 120 and 180 s, so ceil(1 x 0.9 / 0.5) = 2 from 180 s on. Pending 20 s; paid from the image pull at 200 s. Load
/// falls at 1,200 s: below 0.9 x 50 % at 1,260 s, the fifteenth time at 2,100 s, when the last change lies more than 300 s back; one drains for
/// 300 s: paid until 2,400 s. So 3,600 + 2,200 s of half a vCPU and 1 GB.
#[test]
fn a_service_scales_and_is_paid_from_the_pull() {
    let mut scenario = cpu_scenario(1.0, 3600.0, constant(0.1));
    scenario.traffic.shape = Shape::Steps(vec![
        (SimDuration::ZERO, PerSecond(0.9 * 0.5 / 0.1)),
        (SimDuration::from_secs(1200), PerSecond(0.25)),
    ]);
    scenario.traffic.spread = Spread::Even;
    let tracking = TargetTracking {
        metric: TrackedMetric::Cpu,
        target: 0.5,
        out_periods: 3,
        in_periods: 15,
        in_bound: 0.9,
        disable_scale_in: false,
    };
    let fleet = Fleet {
        max: 5,
        scaling: vec![ScalingPolicy::TargetTracking(tracking)],
        pending: constant(20.0),
        boot: vec![constant(10.0), constant(30.0)],
        ..service(500, 1, Arch::X86, 1)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    for (index, &level) in output.series.capacity[0].1.iter().enumerate() {
        let at = index as f64 * output.series.bucket.as_secs_f64();
        let expected = if (200.0..2400.0).contains(&at) { 2.0 } else { 1.0 };
        assert!((level - expected).abs() < 1e-9, "at {at} s: {level} instead of {expected}");
    }
    assert_eq!(total(&output, "fargate.vcpu.x86.hour"), Some(5_800_000 / 2));
    assert_eq!(total(&output, "fargate.gb.x86.hour"), Some(5_800_000 * 1024));
    assert_eq!(
        total(&output, "vpc.public_ipv4").map(|both| both > 5_800_000),
        Some(true),
        "the balancer's and the tasks'"
    );
    assert!(output.usage.meters.iter().all(|meter| !meter.sku.starts_with("ec2.") && !meter.sku.starts_with("ebs.")));
    assert_eq!(total(&output, "cw.metric"), None);
    // A request of 100 ms CPU alone on half a vCPU takes 200 ms.
    let fastest = output.classes[0].latency.quantile(0.0).expect("served").as_secs_f64();
    assert_close("alone", fastest, 0.2, 0.01);
}

/// The pricing page's rates: 1 vCPU and 2 GB are 0.04048 + 2 x 0.004445 = 0.04937 $ an hour on x86, and with a cluster of EKS 0.10 more.
#[test]
fn an_hour_of_a_task_costs_what_the_page_says() {
    let scenario = scenario(0.01, 3600.0, constant(0.1));
    let fleet = Fleet { eks: true, ..service(1000, 2, Arch::X86, 1) };
    let output = run(&scenario, &alone(ComponentKind::Fleet(fleet)));
    let wanted = ["fargate.vcpu.x86.hour", "fargate.gb.x86.hour", "eks.cluster"];
    let result = priced(&output, &wanted, SimDuration::from_hours(1), &FreeTier::None);
    assert_eq!(result.total, "0.14937".parse::<Usd>().expect("a sum"));
}

/// A task that fails within its first minute is paid for a minute.
#[test]
fn a_minute_is_the_least() {
    let mut scenario = scenario(0.01, 3600.0, constant(0.1));
    scenario.warmup = SimDuration::ZERO;
    let only_once = |at, desired| Scheduled {
        at: secs(at),
        days: Days(0b111_1111),
        min: Some(0),
        max: None,
        desired: Some(desired),
    };
    // Ordered at 600 s, paid from 600 s (nothing is pending), given up at 620 s while it still pulls.
    let fleet = Fleet {
        min: 0,
        max: 1,
        desired: 0,
        schedule: vec![only_once(600.0, 1), only_once(620.0, 0)],
        boot: vec![constant(100.0)],
        ..service(250, 1, Arch::Arm, 0)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    assert_eq!(total(&output, "fargate.vcpu.arm.hour"), Some(60_000 / 4));
    assert_eq!(total(&output, "fargate.gb.arm.hour"), Some(60_000 * 1024));
}

/// Two services order 80 tasks each in the same instant. The quota of launches is the account's, not a service's: of 160 launches 100 start at once, the others at
/// 20 a second.
///
/// By hand: the first service gets its 80 at 600 s, the second 20 at 600 s and 60 at 600.05, 600.10 ... 603 s, nothing is pending: 0.05 x (1 + 2 + ... + 60) = 91.5
/// task-seconds less than 80 x 600. With Spot, which has a bucket of its own, the second one waits for nobody.
#[test]
fn services_share_the_quota_of_launches() {
    let mut scenario = scenario(1.0, 1200.0, constant(0.1));
    let class = scenario.classes[0].clone();
    scenario.classes = vec![RequestClass { share: 0.5, ..class.clone() }, RequestClass { share: 0.5, ..class }];
    let order = Scheduled { at: secs(600.0), days: Days(0b111_1111), min: Some(0), max: None, desired: Some(80) };
    let group = Fleet { min: 0, max: 80, desired: 0, schedule: vec![order], ..service(250, 1, Arch::X86, 0) };
    let seconds = |second: Fleet, sku: &str| {
        let mut architecture = behind_balancer(ComponentKind::Fleet(group.clone()), Balancing::RoundRobin);
        if let ComponentKind::LoadBalancer(balancer) = &mut architecture.components[0].kind {
            balancer.to = Route(vec![ComponentId(1), ComponentId(2)]);
        }
        architecture.components.push(Component { name: "second".into(), kind: ComponentKind::Fleet(second) });
        let output = run(&scenario, &architecture);
        let of = |name: &str, sku: &str| {
            let meter = output.usage.meters.iter().find(|meter| meter.component == name && meter.sku == sku);
            meter.map_or(0, |meter| meter.total)
        };
        (of("target", "fargate.gb.x86.hour") / 1024, of("second", sku) / 1024)
    };
    assert_eq!(seconds(group.clone(), "fargate.gb.x86.hour"), (80 * 600_000, 80 * 600_000 - 91_500));
    let spot = Some(Spot { base: 0, on_demand_share: 0.0, interruptions: 0.0 });
    let task = group.task.map(|task| Task { spot_discount: 600, ..task });
    let second = Fleet { spot, task, ..group.clone() };
    assert_eq!(seconds(second, "fargate.spot_600.gb.x86.hour"), (80 * 600_000, 80 * 600_000));
}
