//! The reaction time of a fleet to a load that doubles: metric, alarm, boot and first health check, worked out by hand.

mod common;

use common::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;
use std::process::Command;

/// Two instances of two vCPUs at 60 %, then at 120 %, from 600 s on; evenly spaced requests of 100 ms CPU, two at a time on an instance, the
/// others wait. 70 % is the target.
///
/// By hand: the metric of the minute that ends at 660 s is the first above 70 % (60 s after the doubling), the third is that of 780 s
/// (120 s more until the alarm). CPU cannot read more than 100 %, so desired = ceil(2 x 1.0 / 0.7) = 3. Boot: 22.6 s pending, billed from 802.6 s
/// on; 3.2 s of operating system, 60 s of user data and 20 s of application: up at 885.8 s. The first health check comes within 30 s of that:
/// the reaction takes 285.8 to 315.8 s.
///
/// Until then work arrives at 1.2 times the rate at which it is done, so who comes at t waits for 0.2 (t - 600 s); from then on three instances
/// share the load (80 %), and waits become shorter. So the longest latency, which is 0.2 x reaction + 100 ms, tells when the new
/// instance has come into service.
#[test]
fn metric_alarm_boot_and_first_check() {
    let mut scenario = cpu_scenario(1.0, 1_800.0, constant(0.1));
    let rate = |load: f64| PerSecond(load * 4.0 / 0.1);
    scenario.traffic.shape =
        Shape::Steps(vec![(SimDuration::ZERO, rate(0.6)), (SimDuration::from_secs(600), rate(1.2))]);
    scenario.traffic.spread = Spread::Even;
    let tracking = TargetTracking {
        metric: TrackedMetric::Cpu,
        target: 0.7,
        out_periods: 3,
        in_periods: 15,
        in_bound: 0.7,
        disable_scale_in: false,
    };
    let fleet = Fleet {
        max: 8,
        concurrency: Limit::At(2),
        scaling: vec![ScalingPolicy::TargetTracking(tracking)],
        pending: constant(22.6),
        boot: vec![constant(3.2), constant(60.0), constant(20.0)],
        ..fleet(2, 2)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    let bucket = output.series.bucket.as_secs_f64();
    for (index, &level) in output.series.capacity[0].1.iter().enumerate() {
        let (from, to) = (index as f64 * bucket, (index + 1) as f64 * bucket);
        if to <= 802.6 {
            assert!((level - 2.0).abs() < 1e-9, "at {from} s: {level}");
        } else if from >= 802.6 && to < 1_100.0 {
            assert!((level - 3.0).abs() < 1e-9, "at {from} s: {level}");
        }
    }
    let longest = output.classes[0].latency.max().as_secs_f64();
    let reaction = (longest - 0.1) / 0.2;
    assert!((285.6..=316.0).contains(&reaction), "{reaction} s");
    // All wait on the instances, none is lost; the queue of one of them grew to what it cannot do: 0.2 x 20/s x reaction.
    let backlog = output.components[1].backlog.expect("a fleet has one");
    assert_close("longest queue", backlog.peak as f64, 0.2 * 20.0 * reaction, 0.02);
    let class = &output.classes[0];
    assert_eq!(class.ended[1..].iter().sum::<u64>(), 0);
}

/// The shipped scenario's picture is what the program draws. `UPDATE_README=1` writes it anew.
#[test]
fn the_picture_of_the_doubled_load_is_current() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_costsim"))
        .current_dir(dir.path())
        .args(["compare", "doubled-load", "--quiet", "--out", "report", "--replications", "1", "--quick"])
        .output()
        .expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let drawn =
        std::fs::read_to_string(dir.path().join("report/charts/traffic-1-target-tracking.svg")).expect("a chart");
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doubled-load.svg");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&kept, &drawn).expect("written");
    }
    let kept = std::fs::read_to_string(kept).unwrap_or_default();
    assert!(drawn == kept, "docs/doubled-load.svg is not what the program draws");
}
