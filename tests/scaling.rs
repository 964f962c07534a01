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
