//! Memory, grace, hooks, quota, warm pools and forecasts of groups against timelines worked out by hand.

mod common;

use common::*;
use costsim::arch::FleetRunning;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::finding::Code;
use costsim::spec::deployment::*;
use costsim::spec::group::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

const MB: u64 = 1 << 20;

fn even(rate: f64, horizon: f64, total: f64) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(total));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn behind(fleet: Fleet) -> Architecture {
    behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin)
}

fn ended(output: &RunOutput, outcome: Outcome) -> u64 {
    output.classes[0].ended[outcome as usize]
}

/// What the group has used of this.
fn total(output: &RunOutput, sku: &str) -> u128 {
    let own = |meter: &&costsim::usage::Meter| meter.component == "target" && meter.sku == sku;
    output.usage.meters.iter().find(own).expect("a meter").total
}

/// On-demand milliseconds.
fn instances(output: &RunOutput) -> u128 {
    total(output, "ec2.od.linux.m7i.large")
}

/// The level of the fleet is `expected(second)` in every bucket in which that is constant.
fn assert_levels(output: &RunOutput, expected: impl Fn(f64) -> f64) {
    let bucket = output.series.bucket.as_secs_f64();
    for (index, &level) in output.series.capacity[0].1.iter().enumerate() {
        let (from, to) = (index as f64 * bucket, (index + 1) as f64 * bucket);
        if (expected(from) - expected(to - 1e-9)).abs() < 0.5 {
            assert!((level - expected(from)).abs() < 1e-9, "at {from} s: {level} instead of {}", expected(from));
        }
    }
}

/// A schedule of one change at this time of the first day.
fn at(seconds: f64, desired: u32) -> Scheduled {
    Scheduled { at: secs(seconds), days: Days(0b111_1111), min: None, max: None, desired: Some(desired) }
}

fn memory(per_request_mb: u64, when_full: WhenFull) -> Option<MemoryUse> {
    // 8,192 MB less 192 MB at rest.
    Some(MemoryUse { base: Bytes(192 * MB), per_request: Bytes(per_request_mb * MB), when_full })
}

/// 8,000 MB hold four requests of 2,000 MB. By hand: ten requests arrive in the first second, each stays for a second: four are taken, then one
/// for each that leaves: 4 of every 10, 40 in 10 s (the last four may still be there at the end).
#[test]
fn an_instance_without_memory_refuses() {
    let fleet = Fleet { memory: memory(2_000, WhenFull::Refuse), ..fleet(1, 2) };
    for running in [FleetRunning::Automatic, FleetRunning::Eager] {
        let output = run_with(&even(10.0, 10.0, 1.0), &behind(fleet.clone()), running);
        assert_eq!(output.classes[0].arrived, 100);
        assert_eq!(ended(&output, Outcome::Rejected), 60, "{output:?}");
        assert_eq!(ended(&output, Outcome::Failed), 0);
    }
    // Without a limit by memory the concurrency decides, and the others queue.
    let roomy = Fleet { concurrency: Limit::At(4), ..fleet };
    let output = run(&even(10.0, 10.0, 1.0), &behind(roomy));
    assert_eq!(ended(&output, Outcome::Rejected), 0);
}

/// By hand: requests of 10 s arrive each second from 1 s on (evenly spaced); the instance holds four, so the fifth kills it and the four: five failures (502) within
/// the first five seconds. The application takes 20 s to start, so connections are refused for 20 s: 19 or 20 more. The next four are taken
/// and the fifth kills it again: a cycle of 25 requests in 25 s, none of which is ever served.
#[test]
fn an_instance_that_runs_out_of_memory_starts_again() {
    let fleet = Fleet {
        memory: memory(2_000, WhenFull::Restart),
        boot: vec![constant(3.0), constant(20.0)],
        app_is_last: true,
        health_check_interval: secs(300.0),
        ..fleet(1, 2)
    };
    let output = run(&even(1.0, 100.0, 10.0), &behind(fleet.clone()));
    assert_eq!((ended(&output, Outcome::Served), ended(&output, Outcome::Rejected)), (0, 0));
    let restarts = output.findings.iter().find(|finding| finding.code == Code::OutOfMemory).expect("a finding");
    assert_eq!(restarts.value, Some(4.0), "{restarts:?}");
    // With room for the ten that are there at once nothing is lost.
    let roomy = Fleet { memory: memory(700, WhenFull::Restart), ..fleet.clone() };
    let output = run(&even(1.0, 100.0, 10.0), &behind(roomy));
    assert!(
        ended(&output, Outcome::Served) >= 89 && ended(&output, Outcome::Failed) == 0 && output.findings.is_empty()
    );
    // A health check that notices earlier (two failed checks, 5 s apart, the first within 5 s: at most 10 s) replaces the instance, which pending
    // keeps away for 60 s: the second instance is billed from then on, and nobody is there in the meantime: 503.
    let replaced = Fleet { health_check_interval: secs(5.0), pending: constant(60.0), ..fleet };
    let output = run(&even(1.0, 60.0, 10.0), &behind(replaced));
    assert!(ended(&output, Outcome::Rejected) >= 44, "{:?}", output.classes[0].ended);
}

/// Two instances from 600 s on, whose application takes 100 s. Pending 20 s.
fn slow_start(grace: Option<f64>) -> RunOutput {
    let fleet = Fleet {
        max: 2,
        schedule: vec![at(600.0, 2)],
        pending: constant(20.0),
        boot: vec![constant(100.0)],
        app_is_last: true,
        grace: grace.map(secs),
        ..fleet(1, 2)
    };
    run(&even(0.1, 3600.0, 0.1), &behind(fleet))
}

/// By hand: registered when it runs (620 s), the second failed check at 650 to 680 s. With a grace of 0 s it is terminated then, 30 to 60 s old (billed: a minute),
/// and its successor runs 20 s later: a cycle of 50 to 80 s, 37 to 60 times until 3,600 s. With 60 s it is terminated at 680 s exactly and the
/// cycle is 80 s: 37 terminations from 680 s to 3,560 s, each paid for 60 s; the 38th runs from 3,580 s on. With 130 s or 300 s nothing is terminated: the first
/// check passes at 720 to 750 s.
#[test]
fn a_start_beyond_the_grace_period_goes_round_in_circles() {
    let output = slow_start(Some(60.0));
    assert_levels(&output, |at| if at < 620.0 || (at - 620.0) % 80.0 >= 60.0 { 1.0 } else { 2.0 });
    assert_eq!(instances(&output), 3_600_000 + 37 * 60_000 + 20_000);
    let finding = output.findings.iter().find(|finding| finding.code == Code::NeverInService).expect("a finding");
    assert_eq!(finding.value, Some(37.0), "{finding:?}");
    let output = slow_start(Some(0.0));
    let extra = (instances(&output) - 3_600_000) as f64 / 60_000.0;
    assert!((37.0..=60.0).contains(&extra), "{extra}");
    for grace in [Some(130.0), Some(300.0), None] {
        let output = slow_start(grace);
        assert_levels(&output, |at| if at < 620.0 { 1.0 } else { 2.0 });
        assert!(output.findings.is_empty(), "{:?}", output.findings);
    }
}

/// Without a balancer nobody checks: a single server that takes ten minutes to start is not terminated.
#[test]
fn without_a_balancer_there_is_no_grace() {
    let group = Fleet {
        max: 2,
        schedule: vec![at(60.0, 2)],
        boot: vec![constant(600.0)],
        grace: Some(secs(0.0)),
        ..fleet(1, 2)
    };
    let output = run(&even(0.1, 1800.0, 0.1), &alone(ComponentKind::Fleet(group)));
    assert_levels(&output, |at| if at < 60.0 { 1.0 } else { 2.0 });
    assert!(output.findings.is_empty());
}

fn hook(takes: f64, heartbeat: f64, continues: bool) -> Option<Hook> {
    Some(Hook { takes: constant(takes), heartbeat: secs(heartbeat), continues })
}

/// A second instance from 600 s, one again from 1,800 s on; pending 20 s, boot 40 s, draining 300 s.
fn hooked(hooks: Hooks) -> RunOutput {
    let fleet = Fleet {
        max: 2,
        schedule: vec![at(600.0, 2), at(1800.0, 1)],
        pending: constant(20.0),
        boot: vec![constant(40.0)],
        hooks: Some(Box::new(hooks)),
        ..fleet(1, 2)
    };
    run(&even(20.0, 3600.0, 0.1), &behind(fleet))
}

/// Milliseconds of instances beside the first one.
fn paid(hooks: Hooks) -> u128 {
    instances(&hooked(hooks)) - 3_600_000
}

/// By hand: it runs from 620 s and drains from 1,800 s to 2,100 s: 1,480 s. A launch hook of 100 s costs nothing more (it serves later); a
/// terminate hook of 90 s keeps it until 2,190 s; one whose heartbeat is 60 s until 2,160 s. A launch hook of 100 s with a heartbeat of 50 s is
/// abandoned at 670 s and its successor runs at 690 s, and so on every 70 s: billed 60 s each (a minute at least).
#[test]
fn hooks_are_waited_for_and_paid() {
    assert_eq!(paid(Hooks::default()), 1_480_000);
    assert_eq!(paid(Hooks { launch: hook(100.0, 3600.0, false), terminate: None }), 1_480_000);
    assert_eq!(paid(Hooks { launch: None, terminate: hook(90.0, 3600.0, false) }), 1_570_000);
    assert_eq!(paid(Hooks { launch: None, terminate: hook(90.0, 60.0, false) }), 1_540_000);
    assert_eq!(paid(Hooks { launch: hook(100.0, 50.0, true), terminate: None }), 1_480_000);
    // From 600 s to 1,800 s: runs at 620 + 70 k, the 17th (k = 16) at 1,740 s until 1,790 s; the 18th is pending when it is given up.
    let output = hooked(Hooks { launch: hook(100.0, 50.0, false), terminate: None });
    assert_eq!(instances(&output) - 3_600_000, 17 * 60_000);
    assert!(
        output.findings.iter().any(|finding| (finding.code, finding.value) == (Code::NeverInService, Some(17.0))),
        "{:?}",
        output.findings
    );
}

/// When the second instance begins to serve: nobody is refused any more.
fn serves_from(output: &RunOutput) -> f64 {
    let bucket = output.series.bucket.as_secs_f64();
    let refused = |ended: &[u64; 5]| ended[Outcome::Rejected as usize] > 0;
    (output.series.ended.iter().rposition(refused).expect("somebody is refused") + 1) as f64 * bucket
}

/// One instance holds two requests of 0.1 s at once; 30 requests/s need three places, so that a third is refused until the second instance serves.
///
/// By hand: ordered at 600 s, running at 620 s, booted at 660 s; the first check within 1 s here. With a launch hook of 100 s it serves from 720 s on.
#[test]
fn a_launch_hook_delays_the_service() {
    let serves = |hooks| {
        let fleet = Fleet {
            max: 2,
            concurrency: Limit::At(2),
            queue: Limit::At(0),
            schedule: vec![at(600.0, 2)],
            pending: constant(20.0),
            boot: vec![constant(40.0)],
            health_check_interval: secs(5.0),
            hooks: Some(Box::new(hooks)),
            ..fleet(1, 2)
        };
        serves_from(&run(&even(30.0, 1800.0, 0.1), &behind(fleet)))
    };
    assert!((660.0..=670.0).contains(&serves(Hooks::default())));
    assert!((720.0..=730.0).contains(&serves(Hooks { launch: hook(100.0, 3600.0, false), terminate: None })));
}

/// Eight vCPUs hold four instances of two. By hand: six are wanted at 600 s, five more launches are ordered, three start, two are refused and
/// tried again each minute. At 1,800 s four are wanted: the two refused are given up. Then nothing is refused any more.
#[test]
fn launches_beyond_the_quota_are_refused() {
    let mut scenario = even(0.1, 3600.0, 0.1);
    scenario.account.vcpu_quota = Limit::At(8);
    let group = Fleet { max: 6, schedule: vec![at(600.0, 6), at(1800.0, 4)], pending: constant(20.0), ..fleet(1, 2) };
    let output = run(&scenario, &behind(group.clone()));
    assert_levels(&output, |at| if at < 620.0 { 1.0 } else { 4.0 });
    let finding = output.findings.iter().find(|finding| finding.code == Code::VcpuQuota).expect("a finding");
    assert!(finding.value == Some(2.0) && finding.text.contains("(8)"), "{finding:?}");
    // Room comes back when an instance has drained: of six wanted four are there; when two are wanted at 1,800 s two drain until 2,100 s, and
    // six wanted again at 2,400 s are four.
    let again = Fleet { schedule: vec![at(600.0, 6), at(1800.0, 2), at(2400.0, 6)], ..group };
    let output = run(&scenario, &behind(again));
    assert_levels(&output, |at| match at {
        ..620.0 => 1.0,
        620.0..2100.0 => 4.0,
        2100.0..2420.0 => 2.0,
        _ => 4.0,
    });
}

/// A quota that holds fewer than the group begins with.
#[test]
fn a_quota_holds_from_the_start() {
    let mut scenario = even(0.1, 600.0, 0.1);
    scenario.account.vcpu_quota = Limit::At(7);
    let output = run(&scenario, &behind(fleet(5, 2)));
    assert_levels(&output, |_| 3.0);
}

fn pool(state: PoolState, reuse: bool) -> Option<WarmPool> {
    let start = match state {
        PoolState::Stopped => constant(18.0),
        PoolState::Hibernated => constant(17.5),
        PoolState::Running => constant(3.0),
    };
    Some(WarmPool { state, max_prepared: None, min_size: 0, reuse, start })
}

/// One instance of at most three; three are wanted at 600 s, one again at 1,800 s. Pending 22.6 s; system 3.2 s, user data 60 s, application 20 s.
fn pooled(warm_pool: Option<WarmPool>) -> RunOutput {
    let fleet = Fleet {
        max: 3,
        schedule: vec![at(600.0, 3), at(1800.0, 1)],
        pending: constant(22.6),
        boot: vec![constant(3.2), constant(60.0), constant(20.0)],
        app_is_last: true,
        warm_pool: warm_pool.map(Box::new),
        ..fleet(1, 2)
    };
    run(&even(0.1, 3600.0, 0.1), &behind(fleet))
}

/// By hand, beside the one instance of 3,600 s. Two are in the pool from the start.
///
/// Stopped: they stand still for 600 s, run from 618 s to 2,100 s (draining 300 s from 1,800 s on). Then the pool is two short again (one instance in a
/// group of three): ordered at 1,800 s, when the group shrinks, they run from 1,822.6 s for 3.2 + 60 s and are stopped from 1,885.8 s on.
/// Instances: 2 x (1,482 + 63.2) s; volumes of 8 GiB: those, the first, and 2 x (600 + 3,600 - 1,885.8) s standing still.
#[test]
fn a_stopped_pool_pays_its_volumes() {
    let output = pooled(pool(PoolState::Stopped, false));
    assert_levels(&output, |at| match at {
        ..618.0 => 1.0,
        618.0..1822.6 => 3.0,
        1822.6..1885.8 => 5.0,
        1885.8..2100.0 => 3.0,
        _ => 1.0,
    });
    let run = 3_600_000 + 2 * (1_482_000 + 63_200);
    assert_eq!(instances(&output), run);
    assert_eq!(total(&output, "ebs.gp3.gb"), 8 * (run + 2 * (600_000 + 1_714_200)));
    // An address is given back by what stands still.
    assert_eq!(total(&output, "vpc.public_ipv4"), run);
}

/// By hand: the same, but they run from 617.5 s, and those that are prepared at 1,800 s enter the pool with their application: 3.2 + 60 + 20 s.
#[test]
fn a_hibernated_pool_is_entered_with_the_application() {
    let output = pooled(pool(PoolState::Hibernated, false));
    assert_eq!(instances(&output), 3_600_000 + 2 * (2_100_000 - 617_500 + 83_200));
}

/// By hand: a running pool is paid from the start: three instances until 1,800 s; then the two that drain until 2,100 s, and two more from 1,822.6 s.
#[test]
fn a_running_pool_is_paid() {
    let output = pooled(pool(PoolState::Running, false));
    assert_levels(&output, |at| if (1822.6..2100.0).contains(&at) { 5.0 } else { 3.0 });
}

/// By hand: with `max_prepared: 1` and `min_size: 2` the pool has two all the time: two are woken at 600 s and two are prepared in their place (622.6 s to
/// 685.8 s); those that could return at 2,100 s find the pool full.
#[test]
fn a_pool_keeps_its_size() {
    let rule = WarmPool { max_prepared: Some(1), min_size: 2, ..pool(PoolState::Stopped, true).expect("a pool") };
    let output = pooled(Some(rule));
    assert_eq!(instances(&output), 3_600_000 + 2 * 1_482_000 + 2 * 63_200);
    assert_levels(&output, |at| match at {
        ..618.0 => 1.0,
        618.0..622.6 => 3.0,
        622.6..685.8 => 5.0,
        685.8..2100.0 => 3.0,
        _ => 1.0,
    });
}

/// By hand, with `reuse_on_scale_in`: the two that scale in at 1,800 s are expected in the pool, so that none is launched for it. From 2,100 s on they stand still
/// for 1,500 s.
#[test]
fn a_pool_takes_back_what_scales_in() {
    let output = pooled(pool(PoolState::Stopped, true));
    assert_levels(&output, |at| if (618.0..2100.0).contains(&at) { 3.0 } else { 1.0 });
    let run = 3_600_000 + 2 * 1_482_000;
    assert_eq!(instances(&output), run);
    assert_eq!(total(&output, "ebs.gp3.gb"), 8 * (run + 2 * (600_000 + 1_500_000)));
}

/// When the second instance serves, ordered at 600 s: by hand, with checks 5 s apart. Cold: 22.6 + 3.2 + 60 + 20 = 105.8 s; stopped: 18 + 3.2 + 20 = 41.2 s;
/// hibernated: 17.5 + 3.2 = 20.7 s; running: 3 s.
#[test]
fn a_pool_shortens_the_start() {
    let serves = |warm_pool: Option<WarmPool>| {
        let fleet = Fleet {
            max: 2,
            concurrency: Limit::At(2),
            queue: Limit::At(0),
            schedule: vec![at(600.0, 2)],
            pending: constant(22.6),
            boot: vec![constant(3.2), constant(60.0), constant(20.0)],
            app_is_last: true,
            health_check_interval: secs(5.0),
            warm_pool: warm_pool.map(Box::new),
            ..fleet(1, 2)
        };
        serves_from(&run(&even(30.0, 1800.0, 0.1), &behind(fleet))) - 600.0
    };
    for (warm_pool, expected) in [
        (None, 105.8),
        (pool(PoolState::Stopped, false), 41.2),
        (pool(PoolState::Hibernated, false), 20.7),
        (pool(PoolState::Running, false), 3.0),
    ] {
        let took = serves(warm_pool.clone());
        // A check within 5 s, read off in buckets of 5 s.
        assert!((expected..=expected + 10.0).contains(&took), "{warm_pool:?}: {took} instead of {expected}");
    }
}

/// Traffic that is high from 08:00 to 20:00, each day: 20 requests/s, 1 request/s otherwise.
fn days(days: u64) -> Scenario {
    let mut scenario = even(1.0, 86_400.0 * days as f64, 0.01);
    let steps = (0..days).flat_map(|day| {
        let at = |hour| SimDuration::from_hours(24 * day + hour);
        [(at(0), PerSecond(1.0)), (at(8), PerSecond(20.0)), (at(20), PerSecond(1.0))]
    });
    scenario.traffic.shape = Shape::Steps(steps.collect());
    scenario
}

fn forecast(buffer: f64) -> Fleet {
    let predictive = Predictive { metric: TrackedMetric::RequestsPerTarget, target: 300.0, buffer: secs(buffer) };
    // Scaling in, to one, whenever no forecast holds it: below 10,000 requests a minute and target.
    let inwards = StepScaling {
        alarm: Alarm { metric: TrackedMetric::RequestsPerTarget, above: false, threshold: 10_000.0, periods: 1 },
        steps: vec![Step { from: 0.0, change: Change::To(1) }],
        min_change: 0,
        cooldown: None,
    };
    Fleet {
        max: 10,
        predictive: Some(predictive),
        scaling: vec![ScalingPolicy::Step(inwards)],
        deregistration_delay: secs(0.0),
        warmup: secs(0.0),
        metric_period: secs(300.0),
        ..fleet(1, 2)
    }
}

/// By hand: 20 requests/s are 1,200 a minute: four instances of 300; 1 request/s needs one. On day 0 there is no history. From 24 h on each hour is like the day
/// before: four instances from 08:00 to 20:00, launched at the hour, or 600 s before it with a buffer. Each falls at 20:00, when the
/// floor does, at the next metric.
#[test]
fn a_forecast_sets_a_floor() {
    for buffer in [0.0, 600.0] {
        let output = run(&days(3), &behind(forecast(buffer)));
        assert_levels(&output, |at| {
            let (day, hour) = ((at / 86_400.0) as u64, at % 86_400.0);
            let from = 8.0 * 3600.0 - buffer;
            // The bucket is 10 minutes; the metric after 20:00 comes within five.
            if day > 0 && (from..20.0 * 3600.0 + 300.0).contains(&hour) { 4.0 } else { 1.0 }
        });
    }
}

/// A forecast alone never scales in: four from the first 08:00 of day 1 on.
#[test]
fn a_forecast_alone_never_scales_in() {
    let output = run(&days(3), &behind(Fleet { scaling: Vec::new(), ..forecast(0.0) }));
    assert_levels(&output, |at| if at < 32.0 * 3600.0 { 1.0 } else { 4.0 });
}

/// A single server of two vCPUs that has four from 01:00 on, on the second day of Monday 2 March 2026 only (Tuesday).
///
/// By hand: it is stopped at 25 h = 90,000 s; 58 s later it runs again, boots for 3 s (system) + 20 s (application, not the user data) and
/// serves after one check within 5 s. Its volume is paid all the time, its instance not for 58 s. 10 requests/s of 30 s each: 300 at work are cut
/// off; for 81 to 86 s nobody is there: 810 to 860 are refused. 27 h in all.
#[test]
fn a_server_changes_its_type() {
    let (hour, horizon) = (3600.0, 27.0 * 3600.0);
    let to = InstanceType { name: "m7i.xlarge".into(), vcpu: 4, memory_mib: 16_384, arch: Arch::X86 };
    let days = Days(0b000_0010);
    let resize = Resize { at: SimDuration::from_hours(1), once: false, days, to, downtime: constant(58.0) };
    let server = Fleet {
        resizes: vec![resize],
        boot: vec![constant(3.0), constant(600.0), constant(20.0)],
        app_is_last: true,
        health_check_interval: secs(5.0),
        ..fleet(1, 2)
    };
    let output = run(&even(10.0, horizon, 30.0), &behind(server.clone()));
    assert_eq!(instances(&output), 25 * 3_600_000);
    assert_eq!(total(&output, "ec2.od.linux.m7i.xlarge"), 2 * 3_600_000 - 58_000);
    // The same change, given once as a time since t = 0.
    let mut once = server.clone();
    once.resizes[0] = Resize { at: SimDuration::from_hours(25), once: true, ..once.resizes[0].clone() };
    let same = run(&even(10.0, horizon, 30.0), &behind(once.clone()));
    assert_eq!(
        (instances(&same), ended(&same, Outcome::Failed)),
        (instances(&output), ended(&output, Outcome::Failed))
    );
    assert_eq!(total(&same, "ec2.od.linux.m7i.xlarge"), 2 * 3_600_000 - 58_000);
    // After a warm-up it is counted from t = 0, and it does not come back the day after.
    let mut scenario = even(0.01, 49.0 * hour, 1.0);
    scenario.warmup = secs(hour);
    once.resizes[0].at = SimDuration::from_hours(1);
    let later = run(&scenario, &behind(once));
    assert_eq!((instances(&later), total(&later, "ec2.od.linux.m7i.xlarge")), (3_600_000, 48 * 3_600_000 - 58_000));
    assert_eq!(total(&output, "ebs.gp3.gb"), 8 * 27 * 3_600_000);
    assert!((299..=301).contains(&ended(&output, Outcome::Failed)), "{:?}", output.classes[0].ended);
    assert!((809..=861).contains(&ended(&output, Outcome::Rejected)), "{:?}", output.classes[0].ended);
    // Half of two vCPUs are at work before, a quarter of four afterwards.
    let mut scenario = cpu_scenario(10.0, horizon, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    let output = run(&scenario, &behind(server));
    let (bucket, busy) = (output.series.bucket.as_secs_f64(), &output.series.busy[0].1);
    let at = |seconds: f64| busy[(seconds / bucket) as usize];
    assert_close("before", at(20.0 * hour), 0.5, 0.01);
    assert_close("after", at(26.0 * hour), 0.25, 0.01);
}

/// Two instances for an hour, each with a volume of 100 GB for 4,000 operations a second and 250 MB/s, of which 3,000 and 125 MB/s are free: 2 x 1,000 and 2 x 125 are paid
/// for the hour. In a month of 730 hours, in us-east-1, that would be 2 x (1,000 x 0.005 + 125 x 0.04) = 20 $.
#[test]
fn what_a_volume_is_provisioned_for_is_paid() {
    let fast = Fleet { volume_gib: 100, volume_iops: 4_000, volume_mbps: 250, ..fleet(2, 2) };
    let output = run(&even(0.01, 3600.0, 0.1), &behind(fast));
    assert_eq!(total(&output, "ebs.gp3.iops"), 2 * 1_000 * 3_600_000);
    assert_eq!(total(&output, "ebs.gp3.mbps"), 2 * 125 * 3_600_000);
    let month = SimDuration::from_hours(730);
    let wanted = ["ebs.gp3.iops", "ebs.gp3.mbps"];
    let priced = priced_for(&output, &wanted, SimDuration::from_hours(1), month, &FreeTier::None);
    assert_eq!(priced.total, "20".parse().expect("a sum"));
    let plain = run(&even(0.01, 3600.0, 0.1), &behind(fleet(2, 2)));
    assert!(plain.usage.meters.iter().all(|meter| !wanted.contains(&meter.sku.as_str())));
}

/// Four instances are replaced from 600 s on; 75 % stay in service, so one at a time. Pending 20 s, no boot, a check within 5 s, a warm-up of 60 s, draining 300 s.
///
/// By hand: each batch drains one and launches one, which runs 20 s later, serves 0 to 5 s after that and is warm 60 s later; it is looked at each second: the
/// next batch follows 80 to 86 s after the one before. Each batch is 280 s of a fifth instance (launched + 20 s until + 300 s): 4 x 280 s in all.
/// With a checkpoint at half of them and a wait of 1,000 s the third batch comes 1,160 to 1,172 s after the first. Nobody is refused.
#[test]
fn an_instance_refresh_replaces_batch_by_batch() {
    let refreshed = |checkpoint: Option<f64>, min_healthy: f64| {
        let mut scenario = even(20.0, 3600.0, 0.1);
        let rule = InstanceRefresh { min_healthy, checkpoint, checkpoint_delay: secs(1000.0) };
        scenario.deployments = vec![Deployment {
            at: secs(600.0),
            lasts: secs(2400.0),
            per: Frequency::Once,
            component: "target".into(),
            name: "InstanceRefresh".into(),
            kind: DeploymentKind::InstanceRefresh(rule),
        }];
        let group =
            Fleet { pending: constant(20.0), health_check_interval: secs(5.0), warmup: secs(60.0), ..fleet(4, 2) };
        let output = run(&scenario, &behind(group));
        assert_eq!(output.classes[0].ended[1..], [0; 4], "nobody is refused or cut off");
        assert_eq!(instances(&output), 4 * (3_600_000 + 280_000));
        output
    };
    let peak = |output: &RunOutput| output.components[1].capacity.expect("a level").1;
    let level =
        |output: &RunOutput, at: f64| output.series.capacity[0].1[(at / output.series.bucket.as_secs_f64()) as usize];
    let output = refreshed(None, 0.75);
    // Launched at 600, 680 to 686, 760 to 772 and 840 to 858 s; each drains for 300 s.
    for (at, expected) in
        [(610.0, 4.0), (625.0, 5.0), (710.0, 6.0), (795.0, 7.0), (885.0, 8.0), (925.0, 7.0), (1165.0, 4.0)]
    {
        assert!(
            (level(&output, at) - expected).abs() < 1e-9,
            "at {at} s: {} instead of {expected}",
            level(&output, at)
        );
    }
    // Two at a time with half in service.
    let output = refreshed(None, 0.5);
    assert!((level(&output, 625.0) - 6.0).abs() < 1e-9 && (peak(&output) - 8.0).abs() < 1e-9);
    let output = refreshed(Some(0.5), 0.75);
    for (at, expected) in [(710.0, 6.0), (1700.0, 4.0), (1775.0, 4.0), (1800.0, 5.0)] {
        assert!(
            (level(&output, at) - expected).abs() < 1e-9,
            "at {at} s: {} instead of {expected}",
            level(&output, at)
        );
    }
}
