//! Deployments of containers by ECS and CodeDeploy against timelines worked out by hand; each test says how.
//!
//! Unless a test says otherwise a service has tasks that are pending for 20 s and pull for 10 s, and a health check that passes at once: ordered at 600 s, paid
//! from 620 s, in service at 630 s. What drains is paid for 300 s.

mod common;

use common::*;
use costsim::arch::FleetRunning;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::spec::deployment::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

fn service(tasks: u32) -> Fleet {
    let instance = InstanceType { name: "a task".into(), vcpu: 1, memory_mib: 1024, arch: Arch::X86 };
    Fleet {
        task: Some(Task {
            milli_vcpu: 1000,
            memory: MegaBytes(1024),
            arch: Arch::X86,
            extra_disk: 0,
            spot_discount: 0,
        }),
        warmup: SimDuration::ZERO,
        pending: constant(20.0),
        boot: vec![constant(10.0)],
        health_check_interval: SimDuration::ZERO,
        ..Fleet::fixed(instance, tasks)
    }
}

fn deployed(rate: f64, duration: f64, kind: DeploymentKind) -> Scenario {
    let mut scenario = scenario(rate, 3600.0, constant(duration));
    scenario.traffic.spread = Spread::Even;
    scenario.deployments = vec![Deployment {
        at: secs(600.0),
        lasts: secs(3000.0),
        per: Frequency::Once,
        component: "target".into(),
        name: "as a test".into(),
        kind,
    }];
    scenario
}

fn rolling(min_healthy: f64, maximum: f64) -> DeploymentKind {
    DeploymentKind::RollingUpdate(RollingUpdate { min_healthy, maximum })
}

/// The original tasks are kept for 1,000 s.
fn shifted(shift: TrafficShift) -> DeploymentKind {
    DeploymentKind::BlueGreen(BlueGreen { shift, termination_wait: secs(1000.0) })
}

fn run_service(scenario: &Scenario, service: Fleet, algorithm: Balancing) -> RunOutput {
    run(scenario, &behind_balancer(ComponentKind::Fleet(service), algorithm))
}

/// Milliseconds of tasks that are paid.
fn paid(output: &RunOutput) -> u128 {
    let meter = output.usage.meters.iter().find(|meter| meter.sku == "fargate.gb.x86.hour");
    meter.map_or(0, |meter| meter.total / 1024)
}

fn level(output: &RunOutput, at: f64) -> f64 {
    output.series.capacity[0].1[(at / output.series.bucket.as_secs_f64()) as usize]
}

fn assert_levels(output: &RunOutput, expected: &[(f64, f64)]) {
    for &(at, expected) in expected {
        let level = level(output, at);
        assert!((level - expected).abs() < 1e-9, "at {at} s: {level} instead of {expected}");
    }
}

/// Four tasks, by hand:
/// - 100 % and 200 %: four more are paid from 620 s; at 630 s they serve, and the old ones drain until 930 s: 4 x 310 s more.
/// - 100 % and 150 %: two more, paid from 620 s; at 630 s two old ones drain (until 930 s) and the last two start (paid from 650 s, in service at 660 s), when
///   the last old ones drain until 960 s: 4 x 310 s again.
/// - 50 % and 100 %: no room, so two are stopped at 600 s (paid until 900 s) and two start (from 620 s); at 630 s the other two (until 930 s, from 650 s):
///   4 x 280 s.
#[test]
fn a_rolling_update_keeps_its_bounds() {
    let updated = |min_healthy: f64, maximum: f64| {
        let output =
            run_service(&deployed(20.0, 0.1, rolling(min_healthy, maximum)), service(4), Balancing::RoundRobin);
        assert_eq!(output.classes[0].ended[1..], [0; 4], "nobody is refused or cut off");
        output
    };
    let output = updated(1.0, 2.0);
    assert_eq!(paid(&output), 4 * (3_600_000 + 310_000));
    assert_levels(&output, &[(610.0, 4.0), (625.0, 8.0), (925.0, 8.0), (935.0, 4.0)]);
    let output = updated(1.0, 1.5);
    assert_eq!(paid(&output), 4 * (3_600_000 + 310_000));
    assert_levels(&output, &[(610.0, 4.0), (625.0, 6.0), (645.0, 6.0), (655.0, 8.0), (935.0, 6.0), (965.0, 4.0)]);
    let output = updated(0.5, 1.0);
    assert_eq!(paid(&output), 4 * (3_600_000 + 280_000));
    assert_levels(&output, &[(610.0, 4.0), (625.0, 6.0), (655.0, 8.0), (905.0, 6.0), (935.0, 4.0)]);
}

/// With 50 % and 100 % two of four tasks serve from 600 to 630 s. One request a task at a time and none queued, each takes 0.95 s, 4 a second: all four
/// are at work all the time, and half of the requests of those 30 s are refused: 60. (The second half of the tasks is replaced from 630 to 660 s: 60 more.)
#[test]
fn fewer_healthy_tasks_serve_fewer_requests() {
    let busy = Fleet { concurrency: Limit::At(1), queue: Limit::At(0), ..service(4) };
    let output = run_service(&deployed(4.0, 0.95, rolling(0.5, 1.0)), busy.clone(), Balancing::LeastOutstanding);
    let refused = output.classes[0].ended[Outcome::Rejected as usize];
    assert!((117..=123).contains(&refused), "{refused}");
    let output = run_service(&deployed(4.0, 0.95, rolling(1.0, 2.0)), busy, Balancing::LeastOutstanding);
    assert_eq!(output.classes[0].ended[1..], [0; 4]);
}

/// Two tasks. The replacements are paid from 620 s and serve at 630 s, when the shift begins; then its steps, the wait of 1,000 s and 300 s of draining until the
/// original ones end: so many seconds after 620 s are both sets paid.
#[test]
fn both_sets_are_paid_until_the_original_one_has_drained() {
    for (shift, steps) in [
        (TrafficShift::ALL_AT_ONCE, 0),
        (TrafficShift::canary(5), 300),
        (TrafficShift::canary(15), 900),
        (TrafficShift::linear(1), 540),
        (TrafficShift::linear(3), 1_620),
    ] {
        for algorithm in [Balancing::RoundRobin, Balancing::Random, Balancing::LeastOutstanding, Balancing::Zonal] {
            let output = run_service(&deployed(20.0, 0.1, shifted(shift)), service(2), algorithm);
            assert_eq!(paid(&output), 2 * (3_600_000 + (10 + steps + 1_000 + 300) * 1_000), "{shift:?} {algorithm:?}");
            assert_eq!(output.classes[0].ended[1..], [0; 4], "nobody is refused or cut off: {shift:?} {algorithm:?}");
            let end = 620.0 + 10.0 + steps as f64 + 1_300.0;
            assert_levels(&output, &[(615.0, 2.0), (625.0, 4.0), (end - 10.0, 4.0), (end + 10.0, 2.0)]);
        }
    }
    // Clients who try again change nothing where nothing fails.
    let mut scenario = deployed(20.0, 0.1, shifted(TrafficShift::canary(5)));
    let backoff = Backoff { base: secs(0.1), cap: secs(1.0), factor: 2.0, full_jitter: false };
    scenario.client.retries = Some(Retries { attempts: 2, on: vec![503, 504], backoff });
    let output = run_service(&scenario, service(2), Balancing::RoundRobin);
    assert_eq!(paid(&output), 2 * (3_600_000 + 1_610_000));
    assert_eq!(output.classes[0].ended[1..], [0; 4]);
    // A service that is not deployed within the horizon is as it was.
    let plain = run_service(&Scenario { deployments: Vec::new(), ..scenario }, service(2), Balancing::RoundRobin);
    assert_eq!(paid(&plain), 2 * 3_600_000);
}

/// Where the requests go: one task in each set, one request at a time, none queued, each takes 0.95 s, 10 a second. A set that gets a share p of them serves one
/// each 1 + (1 - p) / p / 10 s: the request itself (ten gaps), then on the mean (1 - p) / p gaps until the next one of this set.
///
/// By hand, T(p) = 1 / (1 + 0.1 (1 - p) / p): before and after the shift T(1) = 1 a second; in each step T(p) + T(1 - p). The canary of 15 minutes, p = 0.1:
/// 900 x (0.52632 + 0.98901) = 1,363.8 where one set serves 900; linear by 3 minutes: 180 x the sum over p = 0.1 ... 0.9. The spread of a number of renewals is
/// below 1 / sqrt(n) of it, each step's being less than 30.
#[test]
fn requests_go_to_each_set_by_the_weights() {
    let served = |shift: TrafficShift| {
        let single = Fleet { concurrency: Limit::At(1), queue: Limit::At(0), ..service(1) };
        let output = run_service(&deployed(10.0, 0.95, shifted(shift)), single, Balancing::RoundRobin);
        output.classes[0].ended[Outcome::Served as usize] as f64
    };
    let rate = |p: f64| 1.0 / (1.0 + 0.1 * (1.0 - p) / p);
    let both = |p: f64| rate(p) + rate(1.0 - p);
    assert!((served(TrafficShift::ALL_AT_ONCE) - 3_600.0).abs() <= 2.0, "{}", served(TrafficShift::ALL_AT_ONCE));
    let canary = 2_700.0 + 900.0 * both(0.1);
    assert!(
        (served(TrafficShift::canary(15)) - canary).abs() < 60.0,
        "{}, by hand {canary}",
        served(TrafficShift::canary(15))
    );
    let steps: f64 = (1..=9).map(|tenths| 180.0 * both(f64::from(tenths) / 10.0)).sum();
    let linear = 3_600.0 - 9.0 * 180.0 + steps;
    assert!(
        (served(TrafficShift::linear(3)) - linear).abs() < 90.0,
        "{}, by hand {linear}",
        served(TrafficShift::linear(3))
    );
}

/// The service goes on scaling: at 700 s a schedule asks for three tasks instead of two, and each set gets a third one, paid from 720 s.
///
/// By hand, all at once at 630 s, kept until 1,630 s, drained at 1,930 s: two originals for 1,930 s and their third for 1,210 s; two replacements for 2,980 s and
/// their third for 2,880 s. At 2,000 s it asks for one: two of three drain for 300 s more instead of going on for 1,600.
#[test]
fn a_new_size_holds_for_each_set() {
    let size = |at: f64, desired| Scheduled {
        at: secs(at),
        days: Days(0b111_1111),
        min: Some(1),
        max: None,
        desired: Some(desired),
    };
    let with = |schedule: Vec<Scheduled>| {
        let group = Fleet { min: 1, max: 3, schedule, ..service(2) };
        paid(&run_service(&deployed(1.0, 0.1, shifted(TrafficShift::ALL_AT_ONCE)), group, Balancing::RoundRobin))
    };
    let grown = (2 * 1_930 + 1_210 + 2 * 2_980 + 2_880) * 1_000;
    assert_eq!(with(vec![size(700.0, 3)]), grown);
    assert_eq!(with(vec![size(700.0, 3), size(2_000.0, 1)]), grown - 2 * 1_300_000);
    // During the wait both sets shrink: at 1,000 s each has one task that drains until 1,300 s.
    assert_eq!(with(vec![size(1_000.0, 1)]), (1_930 + 1_300 + 2_980 + 680) * 1_000);
}

/// The two ways of running a fleet agree to the bit: while both sets are at work and queue, whoever chooses, and while tasks are replaced.
#[test]
fn both_ways_of_running_agree() {
    for kind in [shifted(TrafficShift::linear(1)), rolling(0.5, 1.0), rolling(1.0, 1.5)] {
        for algorithm in [Balancing::RoundRobin, Balancing::Random, Balancing::LeastOutstanding, Balancing::Zonal] {
            let mut scenario = deployed(30.0, 0.1, kind);
            scenario.traffic.spread = Spread::Poisson;
            scenario.classes[0].work = Work::Phases { cpu: exponential(0.05), wait: exponential(0.05) };
            let busy = Fleet { concurrency: Limit::At(4), queue: Limit::At(3), ..service(3) };
            let architecture = behind_balancer(ComponentKind::Fleet(busy), algorithm);
            let [quick, plain] = [FleetRunning::Automatic, FleetRunning::Eager]
                .map(|running| run_with(&scenario, &architecture, running));
            let told = |output: &RunOutput| {
                let quantiles = [0.0, 0.5, 0.9, 0.99, 1.0].map(|q| output.classes[0].latency.quantile(q));
                (output.classes[0].ended, quantiles, output.components[1].time_in_system, output.usage.meters.clone())
            };
            assert_eq!(told(&quick), told(&plain), "{kind:?} {algorithm:?}");
            assert!(quick.classes[0].ended[Outcome::Served as usize] > 50_000);
        }
    }
}

/// A group of instances is deployed in the same way: a second set of instances, each with its volume, from running on.
#[test]
fn a_set_of_instances_is_paid_as_instances() {
    let group = Fleet {
        pending: constant(20.0),
        boot: vec![constant(10.0)],
        health_check_interval: SimDuration::ZERO,
        warmup: SimDuration::ZERO,
        ..fleet(2, 2)
    };
    let output = run_service(&deployed(20.0, 0.1, shifted(TrafficShift::canary(5))), group, Balancing::RoundRobin);
    let total = |sku: &str| output.usage.meters.iter().find(|meter| meter.sku == sku).map_or(0, |meter| meter.total);
    assert_eq!(total("ec2.od.linux.m7i.large"), 2 * (3_600_000 + 1_610_000));
    assert_eq!(total("ebs.gp3.gb"), 8 * 2 * (3_600_000 + 1_610_000));
}

/// What the finding tells, and what the deployment costs by hand: a month in which a service of two tasks of 0.25 vCPU and 0.5 GB is deployed once has 2 x (10 s +
/// 300 s + 3,600 s + 300 s) more of them, at 0.25 x 0.04048 + 0.5 x 0.004445 $ and 0.005 $ for the address an hour: 2 x 4,210 / 3,600 x 0.0173425 = 0.040562 $; the
/// health check takes up to 30 s more, which is 0.0003 $.
#[test]
fn a_finding_tells_what_a_deployment_did_and_cost() {
    let model = "\
name: containers
entry: lb
components:
  lb: { load_balancer: { to: web } }
  web: { fargate: { cpu: 0.25, memory: 512 MB, min: 2, max: 2, start: { pending: 20s, pull: 10s } } }
";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("containers.yaml");
    std::fs::write(&path, model).expect("written");
    let options = costsim::spec::LoadOptions {
        inputs: vec![path.to_string_lossy().into_owned()],
        rate: Some("1/s".into()),
        duration: Some("100ms".into()),
        cpu_share: Some("0%".into()),
        horizon: Some("1d".into()),
        replications: Some(2),
        set: vec![
            "account.free_tier=none".into(),
            "deployments=[{ at: 12h, component: web, kind: ECSCanary10Percent5Minutes, per: month }]".into(),
        ],
        ..costsim::spec::LoadOptions::default()
    };
    let scenario = costsim::spec::load(&options).expect("a scenario").scenario;
    let files = costsim::catalog::price_lists(&scenario.region, None).expect("price lists");
    let book = costsim::bill::price_list::book(&scenario.region, &files).expect("a book");
    let runs = costsim::run::run(
        &scenario,
        &costsim::run::RunOptions::default(),
        &costsim::run::Progress::new(),
        |job, progress| costsim::run::simulate(&scenario, job, progress),
    );
    let results = costsim::compare::results(&scenario, &runs.expect("runs"), &book).expect("results");
    let found = &results.architectures[0].warnings;
    let text = found.iter().find(|text| text.starts_with("deployment 1")).expect("a finding");
    assert!(text.contains("`web` by ECSCanary10Percent5Minutes at 12h"), "{text}");
    assert!(text.contains("p99 at worst"), "{text}");
    let dollars: f64 =
        text.rsplit('$').next().and_then(|rest| rest.split(' ').next()).expect("dollars").parse().expect(text);
    assert!((0.0405..0.0410).contains(&dollars), "{text}");
}
