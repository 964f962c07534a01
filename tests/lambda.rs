//! Lambda's behaviours against timelines computed by hand; each test says how.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// Evenly spaced requests: at half a gap, one and a half …
fn even(rate: f64, horizon: f64, duration: f64) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(duration));
    scenario.traffic.spread = Spread::Even;
    scenario
}

fn used(output: &RunOutput, sku: &str) -> u128 {
    output.usage.meters.iter().filter(|meter| meter.sku == sku).map(|meter| meter.total).sum()
}

fn provisioned(level: u64) -> Provisioned {
    Provisioned { level, preparation: SimDuration::from_secs(90), tracking: None, schedule: Vec::new() }
}

fn run_function(scenario: &Scenario, function: Function) -> RunOutput {
    run(scenario, &alone(ComponentKind::Lambda(function)))
}

/// MB of `function()`.
const MEMORY: u128 = 1769;

/// One request a second of 3 s on two ready environments: of each three the first two find one ready, the third spills over; the
/// environment that it makes is free again when the next such request comes, 3 s later.
#[test]
fn provisioned_concurrency_spills_over_to_on_demand() {
    let function = Function { provisioned: Some(provisioned(2)), ..function() };
    let output = run_function(&even(1.0, 30.0, 3.0), function);
    assert_eq!(output.components[0].cold_starts, Some(1));
    assert_eq!(used(&output, "lambda.pc.duration.x86"), 20 * 3_000 * MEMORY);
    assert_eq!(used(&output, "lambda.duration.x86"), 10 * 3_000 * MEMORY);
    assert_eq!(used(&output, "lambda.pc.capacity.x86"), 2 * 30_000 * MEMORY);
    assert_eq!(used(&output, "lambda.request.x86"), 30);
    // Two ready and one made; three at work.
    assert_eq!(output.components[0].capacity.map(|level| level.1 as u64), Some(3));
    assert_eq!(output.components[0].busy.map(|level| level.1 as u64), Some(3));
}

/// Two more environments from 60 s to 420 s: 6 minutes, paid as 10. The first one is paid for the hour.
#[test]
fn provisioned_time_is_paid_in_steps_of_five_minutes() {
    let rule = Provisioned {
        schedule: vec![(SimDuration::from_secs(60), 3), (SimDuration::from_secs(420), 1)],
        ..provisioned(1)
    };
    let output = run_function(&even(1.0, 3600.0, 0.1), Function { provisioned: Some(rule), ..function() });
    assert_eq!(used(&output, "lambda.pc.capacity.x86"), (3600 + 2 * 600) * 1000 * MEMORY);
}

/// An init of 400 ms; two environments from before the start, three more from 1 h to 2 h, and none lives for longer than 30 min. In three hours the two are
/// initialised again at 30, 60, 90, 120 and 150 min, the three at 60 and 90 min (at 120 they are given up): 10 + 6 inits. They are paid as what calls on
/// such environments are: 16 x 0.4 s x 1,769 / 1,024 GB x $0.0000097222 = $0.00010749107375.
#[test]
fn inits_of_provisioned_environments_are_paid_apart() {
    let hours = SimDuration::from_hours;
    let rule = Provisioned { schedule: vec![(hours(1), 5), (hours(2), 2)], ..provisioned(2) };
    let function = Function { provisioned: Some(rule), init: vec![constant(0.4)], ..function() };
    let aged = Function { max_age: Some(SimDuration::from_mins(30)), ..function.clone() };
    let scenario = even(0.1, 10_800.0, 0.1);
    let output = run_function(&scenario, aged.clone());
    assert_eq!(used(&output, "lambda.pc.init.x86"), 16 * 400 * MEMORY);
    assert_eq!(used(&output, "lambda.pc.duration.x86"), 1_080 * 100 * MEMORY);
    assert_eq!((used(&output, "lambda.duration.x86"), output.components[0].cold_starts), (0, Some(0)));
    let bill = priced(&output, &["lambda.pc.init.x86"], scenario.horizon, &FreeTier::Full);
    assert_close("its price", bill.total.to_f64(), 0.000_107_491_073_75, 1e-9);
    assert_eq!(bill.lines.len(), 1, "a line of its own");
    // Nothing ends by itself: the raise alone.
    let output = run_function(&scenario, function.clone());
    assert_eq!(used(&output, "lambda.pc.init.x86"), 3 * 400 * MEMORY);
    // More of `/tmp` than is free is paid while it initialises, too: 512 MB more.
    let output = run_function(&scenario, Function { ephemeral: MegaBytes(1_024), ..aged });
    assert_eq!(used(&output, "lambda.ephemeral_over_512mb.x86"), (1_080 * 100 + 16 * 400) * 512);
    // Each takes 130 s at most, or its time-out.
    let slow = Function { init: vec![constant(1_000.0)], timeout: secs(10.0), ..function.clone() };
    assert_eq!(used(&run_function(&scenario, slow), "lambda.pc.init.x86"), 3 * 130_000 * MEMORY);
    // A level that never changes was initialised before the start.
    let output = run_function(&scenario, Function { provisioned: Some(provisioned(2)), ..function });
    assert!(output.usage.meters.iter().all(|meter| !meter.sku.starts_with("lambda.pc.init")));
}

/// 200 environments asked for at 60 s: 90 s of preparation and 2 s at 100 a second, so all are ready at 152 s. Requests come at half
/// seconds: 152 before, 148 after.
#[test]
fn no_environment_is_used_before_all_are_ready() {
    let rule = Provisioned { schedule: vec![(SimDuration::from_secs(60), 200)], ..provisioned(0) };
    let output = run_function(&even(1.0, 300.0, 0.1), Function { provisioned: Some(rule), ..function() });
    assert_eq!(used(&output, "lambda.duration.x86"), 152 * 100 * MEMORY);
    assert_eq!(used(&output, "lambda.pc.duration.x86"), 148 * 100 * MEMORY);
    // Paid from the moment at which they were asked for.
    assert_eq!(used(&output, "lambda.pc.capacity.x86"), 200 * 240_000 * MEMORY);
}

/// Nine at work on ten: 0.9 > 0.7 for three minutes, so at 180 s the level becomes ceil(10 x 0.9 / 0.7) = 13; 9/13 = 0.69 lies between
/// the alarms. From 600 s on three are at work: 3/13 = 0.23 is below 0.63 for 15 minutes, so at 1,500 s the level would become
/// ceil(13 x 0.23 / 0.7) = 5, but not less than 10. The three environments lived for 1,320 s: five minutes make 1,500 s of it.
#[test]
fn target_tracking_follows_the_utilisation() {
    let tracking = ProvisionedTracking { utilisation: 0.7, min: 10, max: 100 };
    let rule = Provisioned { tracking: Some(tracking), ..provisioned(10) };
    let mut scenario = even(9.0, 3600.0, 1.0);
    scenario.traffic.shape =
        Shape::Steps(vec![(SimDuration::ZERO, PerSecond(9.0)), (SimDuration::from_secs(600), PerSecond(3.0))]);
    let output = run_function(&scenario, Function { provisioned: Some(rule), ..function() });
    assert_eq!(used(&output, "lambda.pc.capacity.x86"), (10 * 3600 + 3 * 1500) * 1000 * MEMORY);
    assert_eq!(output.components[0].capacity.map(|level| level.1 as u64), Some(13));
    assert_eq!(output.components[0].cold_starts, Some(0));
}

/// Twenty requests that all stay: of an account of ten, six are provisioned and four are left; of a reservation of eight, two.
#[test]
fn provisioned_concurrency_counts_within_the_limits() {
    let mut scenario = even(1.0, 20.0, 100.0);
    scenario.account.concurrency = Limit::At(10);
    let throttled =
        |function: Function| run_function(&scenario, function).classes[0].ended[Outcome::Throttled as usize];
    let six = || Function { provisioned: Some(provisioned(6)), ..function() };
    assert_eq!(throttled(six()), 10);
    assert_eq!(throttled(Function { reserved_concurrency: Some(8), ..six() }), 12);
    assert_eq!(throttled(Function { reserved_concurrency: Some(6), ..six() }), 14);
}

/// A call of 100 ms with an init of 400 ms every 10 s, ten times. All fail: each is billed in full, and after the first, whose init comes before
/// it, the init runs inside the call: 500 ms each. None fails: one init.
#[test]
fn a_failed_call_is_billed_and_the_next_one_initialises_again() {
    let scenario = even(0.1, 100.0, 0.1);
    let with = |error_rate| Function { init: vec![constant(0.4)], error_rate, ..function() };
    let output = run_function(&scenario, with(1.0));
    assert_eq!(output.classes[0].ended[Outcome::Failed as usize], 10);
    assert_eq!(used(&output, "lambda.duration.x86"), 10 * 500 * MEMORY);
    assert_eq!(output.components[0].cold_starts, Some(1));
    let output = run_function(&scenario, with(0.0));
    assert_eq!(used(&output, "lambda.duration.x86"), (500 + 9 * 100) * MEMORY);
}

/// Binomial: 100,000 calls at 1 %: 1,000 with a standard deviation of 31.5.
#[test]
fn calls_fail_at_the_given_rate() {
    let output = run_function(&scenario(100.0, 1000.0, constant(0.05)), Function { error_rate: 0.01, ..function() });
    let failed = output.classes[0].ended[Outcome::Failed as usize];
    assert!(failed.abs_diff(output.classes[0].arrived / 100) < 160, "{failed}");
}

/// A call of 3 s with a time-out of 1 s: cut off and billed for 1 s each, the first one's init of 400 ms before it; from the second on the init runs inside and
/// does not change the time-out.
#[test]
fn a_time_out_is_billed_in_full() {
    let function = Function { init: vec![constant(0.4)], timeout: secs(1.0), ..function() };
    let output = run_function(&even(0.1, 100.0, 3.0), function);
    assert_eq!(output.classes[0].ended[Outcome::TimedOut as usize], 10);
    assert_eq!(used(&output, "lambda.duration.x86"), (1_400 + 9 * 1_000) * MEMORY);
}

/// An init of 12 s: 10 s, cut off; then 12 s inside the call and 100 ms of work, all of it billed: 22.1 s.
#[test]
fn an_init_beyond_ten_seconds_runs_again_inside_the_call() {
    let function = Function { init: vec![constant(12.0)], ..function() };
    let output = run_function(&even(0.01, 100.0, 0.1), function);
    assert_eq!(output.classes[0].latency.max(), secs(22.1));
    assert_eq!(used(&output, "lambda.duration.x86"), 22_100 * MEMORY);
}

/// 1,024 MB of `/tmp`, of which 512 are free; ten calls of 100 ms.
#[test]
fn ephemeral_storage_is_paid_beyond_512_mb() {
    let function = Function { ephemeral: MegaBytes(1024), ..function() };
    let output = run_function(&even(0.1, 100.0, 0.1), function);
    assert_eq!(used(&output, "lambda.ephemeral_over_512mb.x86"), 10 * 100 * 512);
}

/// Idle for 100 s with a lifetime of 50 s: each of the ten calls restores 1,769 MB; the snapshot is kept for the 1,000 s.
#[test]
fn a_snapshot_is_paid_by_restore_and_by_time() {
    let function = Function { snapstart: Some(SnapStart { paid: true }), idle_timeout: secs(50.0), ..function() };
    let output = run_function(&even(0.01, 1000.0, 0.1), function.clone());
    assert_eq!(used(&output, "lambda.snapstart.restore"), 10 * (MEMORY << 20));
    assert_eq!(used(&output, "lambda.snapstart.cache"), 1_000_000 * MEMORY);
    let free = Function { snapstart: Some(SnapStart { paid: false }), ..function };
    assert_eq!(used(&run_function(&even(0.01, 1000.0, 0.1), free), "lambda.snapstart.restore"), 0);
}

/// A response of 10 MB: 4 MB beyond the free 6 MB, ten times.
#[test]
fn a_streamed_response_is_paid_beyond_6_mb() {
    let mut scenario = even(0.1, 100.0, 0.1);
    scenario.classes[0].response_size = Bytes(10 << 20);
    let output = run_function(&scenario, Function { streaming: true, ..function() });
    assert_eq!(used(&output, "lambda.stream.gb"), 10 * (4 << 20));
}

/// Ten environments, all at work for 300 s; lowered to 4 at 60 s and raised to 20 at 120 s. When the raise is ready, ten are still at work, so
/// ten are idle, not sixteen: twenty at once and no more, since twenty are reserved.
#[test]
fn environments_given_up_at_work_count_until_they_end() {
    let rule = Provisioned {
        schedule: vec![(SimDuration::from_secs(60), 4), (SimDuration::from_secs(120), 20)],
        preparation: SimDuration::from_secs(1),
        ..provisioned(10)
    };
    let function = Function { provisioned: Some(rule), reserved_concurrency: Some(20), ..function() };
    let output = run_function(&even(1.0, 290.0, 300.0), function);
    assert_eq!(output.components[0].busy.map(|level| level.1 as u64), Some(20));
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 290 - 20);
}

/// Two environments are good for 20 requests a second: of 50 a second of 1 ms each, 100 s long, the bucket of one second lets 20 + 20 x 100 in. Raised to ten
/// at 50 s (ready at 50.1 s), all of the second half.
#[test]
fn the_request_rate_is_ten_for_each_provisioned_environment() {
    let throttled = |rule| {
        let output = run_function(&even(50.0, 100.0, 0.001), Function { provisioned: Some(rule), ..function() });
        output.classes[0].ended[Outcome::Throttled as usize]
    };
    assert!(throttled(provisioned(2)).abs_diff(5000 - 2020) <= 1);
    let raised =
        Provisioned { schedule: vec![(secs(50.0), 10)], preparation: SimDuration::from_millis(20), ..provisioned(2) };
    // Eight environments take 80 ms more.
    assert!(throttled(raised).abs_diff(2500 - 20 - 20 * 50) <= 5);
}

/// An account of 50: of 80 provisioned environments AWS allocates no more than 50.
#[test]
fn provisioned_concurrency_ends_at_the_accounts_limit() {
    let mut scenario = even(1.0, 100.0, 200.0);
    scenario.account.concurrency = Limit::At(50);
    let output = run_function(&scenario, Function { provisioned: Some(provisioned(80)), ..function() });
    assert_eq!(output.classes[0].ended[Outcome::Throttled as usize], 50);
}

/// Ten connections, held by ten provisioned environments until 100 s; afterwards by the on-demand ones, so nothing fails.
#[test]
fn provisioned_environments_give_their_connections_back() {
    let mut scenario = even(10.0, 200.0, 0.95);
    scenario.backend = Some(Backend {
        hourly: "0.1".parse().expect("money"),
        max_connections: Limit::At(10),
        pool_per_instance: 1,
        transfer: Bytes(0),
    });
    let rule = Provisioned { schedule: vec![(SimDuration::from_secs(100), 0)], ..provisioned(10) };
    let output = run_function(&scenario, Function { provisioned: Some(rule), ..function() });
    assert_eq!(output.classes[0].ended[Outcome::Failed as usize], 0);
    assert_eq!(output.components[0].peak_connections, Some(10));
}
