//! Auto scaling against timelines worked out by hand.

mod common;

use common::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// 90 % CPU for 20 minutes, then 5 %, evenly spaced requests of 100 ms CPU on one two-vCPU instance, target 50 %.
///
/// By hand: datapoints above the target at 60, 120 and 180 s, so at 180 s desired = ceil(1 x 0.9 / 0.5) = 2. Pending 20 s: running,
/// and billed, from 200 s. Start 40 s and a health check within 30 s: in service between 240 and 270 s. Load falls at 1,200 s; the first
/// low datapoint is at 1,260 s, the fifteenth at 2,100 s: one drains for 300 s and is billed until 2,400 s.
#[test]
fn out_after_three_minutes_in_after_fifteen_and_paid_while_draining() {
    let mut scenario = cpu_scenario(1.0, 3600.0, constant(0.1));
    scenario.traffic.shape = Shape::Steps(vec![
        (SimDuration::ZERO, PerSecond(0.9 * 2.0 / 0.1)),
        (SimDuration::from_secs(1200), PerSecond(0.05 * 2.0 / 0.1)),
    ]);
    scenario.traffic.spread = Spread::Even;
    let fleet = Fleet {
        min: 1,
        max: 5,
        scaling: vec![tracking()],
        pending: constant(20.0),
        boot: vec![constant(10.0), constant(30.0)],
        ..fleet(1, 2)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    let (_, capacity) = &output.series.capacity[0];
    let bucket = output.series.bucket.as_secs_f64();
    assert_close("bucket", bucket, 5.0, 1e-12);
    for (index, &level) in capacity.iter().enumerate() {
        let at = index as f64 * bucket;
        let expected = if (200.0..2400.0).contains(&at) { 2.0 } else { 1.0 };
        assert!((level - expected).abs() < 1e-9, "at {at} s: {level} instead of {expected}");
    }
    // 3,600 s of the first and 2,200 s of the second instance.
    let instances = output.usage.meters.iter().find(|meter| meter.sku == "ec2.od.linux.m7i.large").expect("a meter");
    assert_eq!(instances.total, 5_800_000);
    // In service between 240 and 270 s: only then does the busy level of the first halve; all work is done either way.
    let (_, busy) = &output.series.busy[0];
    assert_close("busy early", busy[30], 0.9, 0.02);
    assert_close("busy late", busy[400], 0.05, 0.05);
    assert_eq!(output.classes[0].ended[0], output.classes[0].arrived);
}

/// A group never leaves its bounds, and a fixed one never moves.
#[test]
fn bounds_hold() {
    let mut scenario = cpu_scenario(80.0, 3600.0, exponential(0.1));
    scenario.seed = 3;
    let tracking = TargetTracking {
        metric: TrackedMetric::RequestsPerTarget,
        target: 100.0,
        out_periods: 3,
        in_periods: 15,
        in_bound: 0.9,
        disable_scale_in: false,
    };
    let fleet = Fleet {
        min: 2,
        max: 6,
        queue: Limit::At(50),
        concurrency: Limit::At(50),
        scaling: vec![ScalingPolicy::TargetTracking(tracking)],
        ..fleet(2, 2)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::LeastOutstanding));
    assert_close("peak", output.components[1].capacity.expect("a level").1, 6.0, 1e-12);
    assert!(output.series.capacity[0].1.iter().all(|level| (2.0..=6.0).contains(level)));
}

/// The level of the fleet in buckets of `bucket` seconds is `expected(second)` but in the bucket in which it changes.
fn assert_levels(output: &costsim::arch::output::RunOutput, expected: impl Fn(f64) -> f64) {
    let bucket = output.series.bucket.as_secs_f64();
    for (index, &level) in output.series.capacity[0].1.iter().enumerate() {
        let (from, to) = (index as f64 * bucket, (index + 1) as f64 * bucket);
        if (expected(from) - expected(to - 1e-9)).abs() < 0.5 {
            assert!((level - expected(from)).abs() < 1e-9, "at {from} s: {level} instead of {}", expected(from));
        }
    }
}

fn step(above: bool, threshold: f64, periods: u32, by: i64, cooldown: Option<f64>) -> ScalingPolicy {
    ScalingPolicy::Step(StepScaling {
        alarm: Alarm { metric: TrackedMetric::Cpu, above, threshold, periods },
        steps: vec![Step { from: 0.0, change: Change::By(by) }],
        min_change: 0,
        cooldown: cooldown.map(secs),
    })
}

/// 90 % CPU of one instance for 20 minutes, then 5 %.
fn load_that_falls() -> Scenario {
    let mut scenario = cpu_scenario(1.0, 3600.0, constant(0.1));
    scenario.traffic.shape = Shape::Steps(vec![
        (SimDuration::ZERO, PerSecond(0.9 * 2.0 / 0.1)),
        (SimDuration::from_secs(1200), PerSecond(1.0)),
    ]);
    scenario.traffic.spread = Spread::Even;
    scenario
}

/// Two instances more after two periods above 60 %, one less in each period after five below 20 %.
///
/// By hand: above at 60 and 120 s, so two are launched at 120 s and run from 140 s. Until they serve (160 to 190 s) the alarm
/// stays on, but they are on their way already. Load falls at 1,200 s: below at 1,260 s, the fifth time at 1,500 s and again at 1,560 s; each
/// drains for 300 s.
#[test]
fn steps_add_and_remove() {
    let fleet = Fleet {
        min: 1,
        max: 5,
        scaling: vec![step(true, 0.6, 2, 2, None), step(false, 0.2, 5, -1, None)],
        pending: constant(20.0),
        boot: vec![constant(20.0)],
        ..fleet(1, 2)
    };
    let output = run(&load_that_falls(), &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    assert_levels(&output, |at| match at {
        ..140.0 => 1.0,
        140.0..1800.0 => 3.0,
        1800.0..1860.0 => 2.0,
        _ => 1.0,
    });
}

/// Simple scaling by one at a time, the load of 90 % of one instance doubled: 1.8 instances.
///
/// By hand: above 65 % at 60 s: the second is launched, runs from 80 s and serves from 85 s at the latest (no boot, a check within
/// 5 s). Both are above 65 %; the cooldown of 300 s is over between 380 and 385 s, so the third is launched at the metric of 420 s and
/// runs from 440 s. Then 1.8 / 3 = 60 % is not above 65 %.
#[test]
fn simple_scaling_rests_between_its_changes() {
    let mut scenario = cpu_scenario(36.0, 1800.0, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    let fleet = Fleet {
        min: 1,
        max: 5,
        scaling: vec![step(true, 0.65, 1, 1, Some(300.0))],
        pending: constant(20.0),
        health_check_interval: SimDuration::from_secs(5),
        ..fleet(1, 2)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    assert_levels(&output, |at| match at {
        ..80.0 => 1.0,
        80.0..440.0 => 2.0,
        _ => 3.0,
    });
}

/// From Friday 27 February 2026, warmed up for 26 hours: three instances from 01:00 on, one from 02:00 on, on weekdays only.
///
/// By hand: t = 0 is a Friday, so on the days -1 and 0 the changes happen, on day 1 (Saturday) they do not. Pending takes 20 s, draining 300 s.
#[test]
fn a_schedule_keeps_its_times_and_days() {
    let mut scenario = cpu_scenario(0.01, 30.0 * 3600.0, constant(0.1));
    scenario.start = jiff::civil::date(2026, 2, 27);
    scenario.warmup = SimDuration::from_hours(26);
    let at = |hours, min, desired| Scheduled {
        at: SimDuration::from_hours(hours),
        days: Days(0b001_1111),
        min: Some(min),
        max: None,
        desired,
    };
    let fleet =
        Fleet { max: 5, schedule: vec![at(1, 3, None), at(2, 1, Some(1))], pending: constant(20.0), ..fleet(1, 2) };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    assert_levels(&output, |at| if (3620.0..7500.0).contains(&at) { 3.0 } else { 1.0 });
    // Two more, each for 3,880 s.
    let instances = output.usage.meters.iter().find(|meter| meter.sku == "ec2.od.linux.m7i.large").expect("a meter");
    assert_eq!(instances.total, 30 * 3_600_000 + 2 * 3_880_000);
}

/// A target of two requests at work on each instance: ten on one make five.
#[test]
fn a_custom_metric_is_tracked() {
    let mut scenario = scenario(10.0, 1800.0, constant(1.0));
    scenario.traffic.spread = Spread::Even;
    let tracking = TargetTracking {
        metric: TrackedMetric::Outstanding,
        target: 2.0,
        out_periods: 3,
        in_periods: 15,
        in_bound: 0.9,
        disable_scale_in: false,
    };
    let fleet = Fleet {
        min: 1,
        max: 9,
        scaling: vec![ScalingPolicy::TargetTracking(tracking)],
        pending: constant(20.0),
        ..fleet(1, 2)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    // 10 requests/s of 1 s each are ten at work, but for the first second of the first minute.
    assert_levels(&output, |at| if at < 200.0 { 1.0 } else { 5.0 });
}

/// The load of 90 % of one instance for 20 minutes, then 5 %, with metrics of five minutes.
///
/// By hand: three alarm minutes are one datapoint, that of 300 s: the second instance is ordered then and runs from 320 s. Load falls at 1,200 s; 15 minutes
/// are three datapoints below: 1,500, 1,800 and 2,100 s; it drains until 2,400 s. No metric is paid.
#[test]
fn metrics_of_five_minutes() {
    let fleet = Fleet {
        min: 1,
        max: 5,
        scaling: vec![tracking()],
        pending: constant(20.0),
        boot: vec![constant(40.0)],
        metric_period: SimDuration::from_secs(300),
        ..fleet(1, 2)
    };
    let output = run(&load_that_falls(), &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    assert_levels(&output, |at| if (320.0..2400.0).contains(&at) { 2.0 } else { 1.0 });
    assert!(output.usage.meters.iter().all(|meter| meter.sku != "cw.metric"));
}

/// Two instances share 48 % of one: 24 % each, of a target of 50 %. By hand: with the bound of 0.7 (35 %) the fifteenth datapoint below it is
/// that of 900 s, and ceil(2 x 0.24 / 0.5) = 1: one drains until 1,200 s. With a bound of 0.4 (20 %) nothing is below it.
#[test]
fn the_bound_for_scaling_in_is_a_parameter() {
    let mut scenario = cpu_scenario(0.48 * 2.0 / 0.1, 3600.0, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    let with = |in_bound: f64| {
        let policy = TargetTracking {
            metric: TrackedMetric::Cpu,
            target: 0.5,
            out_periods: 3,
            in_periods: 15,
            in_bound,
            disable_scale_in: false,
        };
        let fleet = Fleet { min: 1, max: 2, scaling: vec![ScalingPolicy::TargetTracking(policy)], ..fleet(2, 2) };
        run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin))
    };
    assert_levels(&with(0.7), |at| if at < 1200.0 { 2.0 } else { 1.0 });
    assert_levels(&with(0.4), |_| 2.0);
}

/// The same two instances, and a third one that the schedule wants at 720 s (in service within 5 s of 740 s, warm 1,200 s later).
///
/// By hand: 48 % of one on three is below the bound of 35 % as well. Nothing shrinks while the third warms up, until 1,940 to 1,945 s; the next
/// metric is that of 1,980 s: ceil(3 x 0.16 / 0.5) = 1, so that two drain, until 2,280 s. Without a warm-up it is that of 900 s.
#[test]
fn nothing_shrinks_while_an_instance_warms_up() {
    let mut scenario = cpu_scenario(0.48 * 2.0 / 0.1, 3600.0, constant(0.1));
    scenario.traffic.spread = Spread::Even;
    let with = |warmup: f64| {
        let third = Scheduled {
            at: SimDuration::from_secs(720),
            days: Days(0b111_1111),
            min: None,
            max: None,
            desired: Some(3),
        };
        let fleet = Fleet {
            min: 1,
            max: 3,
            schedule: vec![third],
            scaling: vec![tracking()],
            pending: constant(20.0),
            health_check_interval: SimDuration::from_secs(5),
            warmup: secs(warmup),
            ..fleet(2, 2)
        };
        run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin))
    };
    assert_levels(&with(1200.0), |at| match at {
        ..740.0 => 2.0,
        740.0..2280.0 => 3.0,
        _ => 1.0,
    });
    assert_levels(&with(0.0), |at| match at {
        ..740.0 => 2.0,
        740.0..1200.0 => 3.0,
        _ => 1.0,
    });
}
