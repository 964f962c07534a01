//! Functions that use tables and call other functions, against timelines computed by hand; each test says how.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::spec::distribution::Distribution;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// MB of `function()`.
const MEMORY: u128 = 1769;

/// Evenly spaced requests: at half a gap, one and a half …
fn even(rate: f64, horizon: f64, wait: f64) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(wait));
    scenario.traffic.spread = Spread::Even;
    scenario
}

/// Named components; the first is the entry.
fn graph(components: Vec<(&str, ComponentKind)>) -> Architecture {
    Architecture {
        components: components.into_iter().map(|(name, kind)| Component { name: name.into(), kind }).collect(),
        ..alone(ComponentKind::Lambda(function()))
    }
}

fn table(item: u64) -> Table {
    Table {
        item: Bytes(item),
        read_latency: constant(0.010),
        write_latency: constant(0.020),
        reads: Consistency::Eventual,
        transactional_writes: false,
        storage: Bytes(0),
    }
}

fn at_table(to: u16, reads: u32, writes: u32) -> Outbound {
    Outbound { to: ComponentId(to), what: OutboundKind::Table { reads, writes }, classes: vec![true] }
}

/// A synchronous call of a function that waits for `wait` seconds.
fn calling(to: u16, wait: f64, retries: u8) -> Outbound {
    let work = Some((Distribution::ZERO, constant(wait)));
    Outbound { to: ComponentId(to), what: OutboundKind::Function { work, retries }, classes: vec![true] }
}

fn with_calls(calls: Vec<Outbound>) -> Function {
    Function { calls, ..function() }
}

fn lambda(function: Function) -> ComponentKind {
    ComponentKind::Lambda(function)
}

fn used(output: &RunOutput, component: &str, sku: &str) -> u128 {
    let own = output.usage.meters.iter().filter(|meter| meter.component == component && meter.sku == sku);
    own.map(|meter| meter.total).sum()
}

fn ended(output: &RunOutput, outcome: Outcome) -> u64 {
    output.classes[0].ended[outcome as usize]
}

/// 100 ms of its own, two reads of 10 ms and a write of 20 ms: 140 ms, seen by the client and billed. An item of 5 KB: an eventual read is half of two
/// units, a write five units.
#[test]
fn a_table_adds_its_latency_and_counts_units_by_the_size_of_the_item() {
    let run_with = |items: Table| {
        let function = with_calls(vec![at_table(1, 2, 1)]);
        run(&even(1.0, 100.0, 0.1), &graph(vec![("shop", lambda(function)), ("orders", ComponentKind::Table(items))]))
    };
    let output = run_with(table(5 << 10));
    assert_eq!((output.classes[0].latency.max(), ended(&output, Outcome::Served)), (secs(0.14), 100));
    assert_eq!(used(&output, "shop", "lambda.duration.x86"), 100 * 140 * MEMORY);
    assert_eq!(used(&output, "orders", "ddb.od.rru"), 200);
    assert_eq!(used(&output, "orders", "ddb.od.wru"), 500);
    assert_eq!(output.components[1].served, 300);
    assert_eq!(output.components[1].time_in_system, (secs(4.0), 300));
    // Strong reads take whole units, transactional ones and writes twice that.
    let strong = run_with(Table { reads: Consistency::Strong, ..table(5 << 10) });
    assert_eq!(used(&strong, "orders", "ddb.od.rru"), 400);
    let twice = Table { reads: Consistency::Transactional, transactional_writes: true, ..table(5 << 10) };
    let twice = run_with(twice);
    assert_eq!((used(&twice, "orders", "ddb.od.rru"), used(&twice, "orders", "ddb.od.wru")), (800, 1000));
}

/// Three eventual reads of 1 KB are one and a half units. Of 102 requests in two hours each has 51: 76 units and a half, which make 153 together.
#[test]
fn halves_of_read_units_are_not_lost() {
    let function = with_calls(vec![at_table(1, 3, 0)]);
    let architecture = graph(vec![("shop", lambda(function)), ("orders", ComponentKind::Table(table(1 << 10)))]);
    let output = run(&even(102.0 / 7200.0, 7200.0, 0.1), &architecture);
    assert_eq!(used(&output, "orders", "ddb.od.rru"), 153);
}

/// 8 GB for an hour: 8 x 3,600,000 GB-ms.
#[test]
fn storage_is_paid_by_time() {
    let items = Table { storage: Bytes(8 << 30), ..table(1 << 10) };
    let function = with_calls(vec![at_table(1, 1, 0)]);
    let output =
        run(&even(1.0, 3600.0, 0.1), &graph(vec![("shop", lambda(function)), ("orders", ComponentKind::Table(items))]));
    assert_eq!(used(&output, "orders", "ddb.storage.gb"), 8 * 3_600_000);
}

/// 0.97 s of its own and a time-out of 1 s: reads begin at 0.97, 0.98, 0.99 and 1.00 s; the other six never do. Billed to the time-out.
#[test]
fn operations_end_with_the_time_out() {
    let function = Function { timeout: secs(1.0), ..with_calls(vec![at_table(1, 10, 0)]) };
    let items = Table { reads: Consistency::Strong, ..table(1 << 10) };
    let output =
        run(&even(0.1, 100.0, 0.97), &graph(vec![("shop", lambda(function)), ("orders", ComponentKind::Table(items))]));
    assert_eq!(ended(&output, Outcome::TimedOut), 10);
    assert_eq!(used(&output, "orders", "ddb.od.rru"), 10 * 4);
    assert_eq!(used(&output, "shop", "lambda.duration.x86"), 10 * 1000 * MEMORY);
}

/// Only the second of two classes uses the table.
#[test]
fn a_call_may_belong_to_some_requests() {
    let mut scenario = even(1.0, 100.0, 0.1);
    let second = RequestClass { name: "buy".into(), share: 0.25, ..scenario.classes[0].clone() };
    scenario.classes[0].share = 0.75;
    scenario.classes.push(second);
    let call = Outbound { classes: vec![false, true], ..at_table(1, 0, 1) };
    let output = run(
        &scenario,
        &graph(vec![("shop", lambda(with_calls(vec![call]))), ("orders", ComponentKind::Table(table(1)))]),
    );
    assert_eq!(used(&output, "orders", "ddb.od.wru"), u128::from(output.classes[1].arrived));
    assert_eq!((output.classes[0].latency.max(), output.classes[1].latency.max()), (secs(0.1), secs(0.12)));
}

/// 100 ms of its own, then a function of 300 ms whose init takes 500 ms once: 900 ms for the first request, 400 ms for the others. The caller is
/// billed for all of it, the callee for its own part: 300 ms each are paid twice, with the init 800 ms once.
#[test]
fn a_caller_is_held_and_billed_while_it_waits() {
    let callee = Function { init: vec![constant(0.5)], ..function() };
    let output = run(
        &even(0.1, 1000.0, 0.1),
        &graph(vec![("shop", lambda(with_calls(vec![calling(1, 0.3, 0)]))), ("price", lambda(callee))]),
    );
    assert_eq!(output.classes[0].latency.max(), secs(0.9));
    assert_eq!(ended(&output, Outcome::Served), 100);
    assert_eq!(used(&output, "shop", "lambda.duration.x86"), (900 + 99 * 400) * MEMORY);
    assert_eq!(used(&output, "price", "lambda.duration.x86"), (800 + 99 * 300) * MEMORY);
    assert_eq!(used(&output, "shop", "lambda.request.x86"), 100);
    assert_eq!(used(&output, "price", "lambda.request.x86"), 100);
    assert_eq!(output.components[0].waited, secs(0.8 + 99.0 * 0.3));
    // One environment of each does; the client's first request met two cold starts and counts once.
    assert_eq!((output.components[0].cold_starts, output.components[1].cold_starts), (Some(1), Some(1)));
    assert_eq!(output.classes[0].cold_starts, 1);
}

/// At work: a table before, a function, and a table after it: 0.1 + 0.02 + 0.3 + 0.01 s.
#[test]
fn calls_come_one_after_another() {
    let calls = vec![at_table(2, 0, 1), calling(1, 0.3, 0), at_table(2, 1, 0)];
    let output = run(
        &even(1.0, 100.0, 0.1),
        &graph(vec![
            ("shop", lambda(with_calls(calls))),
            ("price", lambda(function())),
            ("orders", ComponentKind::Table(table(1))),
        ]),
    );
    assert_eq!(output.classes[0].latency.max(), secs(0.43));
    assert_eq!((output.components[0].waited, output.components[2].served), (secs(30.0), 200));
}

/// A callee without concurrency refuses: without retries the caller fails after its own 100 ms.
#[test]
fn a_throttled_callee_makes_the_caller_fail() {
    let callee = Function { reserved_concurrency: Some(0), ..function() };
    let output = run(
        &even(1.0, 100.0, 0.1),
        &graph(vec![("shop", lambda(with_calls(vec![calling(1, 0.3, 0)]))), ("price", lambda(callee))]),
    );
    assert_eq!((ended(&output, Outcome::Failed), output.components[1].throttled), (100, 100));
    assert_eq!(used(&output, "shop", "lambda.duration.x86"), 100 * 100 * MEMORY);
    assert_eq!(used(&output, "price", "lambda.request.x86"), 0, "throttles are not billed");
}

/// Two retries after a random part of 1 s and of 2 s: 1.5 s on average before the caller gives up. Over 20,000 requests the standard error is
/// sqrt(1/12 + 4/12) / sqrt(20,000) = 0.0046 s; rounding up adds half a millisecond. Four of them, and an attempt less without the second.
#[test]
fn throttles_are_tried_again_with_the_backoff_of_the_sdks() {
    let with = |retries| {
        let callee = Function { reserved_concurrency: Some(0), ..function() };
        let output = run(
            &even(100.0, 200.0, 0.0),
            &graph(vec![("shop", lambda(with_calls(vec![calling(1, 0.3, retries)]))), ("price", lambda(callee))]),
        );
        let calls = used(&output, "shop", "lambda.request.x86");
        // A few wait for their last attempt at the end.
        let attempts = output.components[1].throttled as f64 / calls as f64;
        let billed = used(&output, "shop", "lambda.duration.x86") as f64
            / MEMORY as f64
            / ended(&output, Outcome::Failed) as f64;
        (attempts, billed / 1000.0)
    };
    let (attempts, billed) = with(2);
    assert!((2.98..=3.0).contains(&attempts), "{attempts}");
    assert!((billed - 1.5005).abs() < 0.02, "{billed}");
    let (attempts, billed) = with(1);
    assert!((1.99..=2.0).contains(&attempts), "{attempts}");
    assert!((billed - 0.5005).abs() < 0.01, "{billed}");
}

/// Two requests, at 0.25 s and 0.75 s; the one environment that is reserved works until 0.85 s for the first. The second is refused, and served by the
/// first or second retry: 0.1 s at least and 3 s at most before its own 0.6 s.
#[test]
fn a_retry_finds_the_callee_free_again() {
    let mut scenario = even(2.0, 100.0, 0.0);
    scenario.traffic.shape = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(2.0)), (secs(1.0), PerSecond(0.0))]);
    let callee = Function { reserved_concurrency: Some(1), ..function() };
    let output =
        run(&scenario, &graph(vec![("shop", lambda(with_calls(vec![calling(1, 0.6, 2)]))), ("price", lambda(callee))]));
    assert_eq!((output.classes[0].arrived, ended(&output, Outcome::Served)), (2, 2));
    assert!((1..=2).contains(&output.components[1].throttled));
    let slowest = output.classes[0].latency.max();
    assert!(slowest >= secs(0.7) && slowest <= secs(3.6), "{slowest}");
}

/// The caller gives up after 1 s, the callee works for 5 s: both are billed, for 1 s and 5 s. The same where the callee is itself a caller, whose answer
/// is not known at once.
#[test]
fn a_callers_time_out_does_not_stop_the_callee() {
    let first = || Function { timeout: secs(1.0), ..with_calls(vec![calling(1, 5.0, 2)]) };
    let check = |output: &RunOutput, last: &str| {
        assert_eq!(ended(output, Outcome::TimedOut), 10);
        assert_eq!(used(output, "first", "lambda.duration.x86"), 10 * 1000 * MEMORY);
        assert_eq!(used(output, last, "lambda.duration.x86"), 10 * 5000 * MEMORY);
        assert_eq!(output.components[0].waited, secs(9.0));
    };
    check(&run(&even(0.1, 100.0, 0.1), &graph(vec![("first", lambda(first())), ("last", lambda(function()))])), "last");
    let output = run(
        &even(0.1, 100.0, 0.1),
        &graph(vec![
            ("first", lambda(Function { calls: vec![calling(1, 0.0, 2)], ..first() })),
            ("middle", lambda(with_calls(vec![calling(2, 5.0, 2)]))),
            ("last", lambda(function())),
        ]),
    );
    check(&output, "last");
    assert_eq!(used(&output, "middle", "lambda.duration.x86"), 10 * 5000 * MEMORY);
    // Each environment was free again when the next request came.
    assert_eq!(output.components[0].cold_starts, Some(1));
}

/// A callee that fails makes its caller fail, and that one its own: three environments initialise again in each call but the first. The first
/// call: 0.3 s of init before it; then 0.3 s inside.
#[test]
fn a_failure_goes_all_the_way_back() {
    let last = Function { error_rate: 1.0, ..function() };
    let middle = Function { init: vec![constant(0.3)], ..with_calls(vec![calling(2, 0.2, 2)]) };
    let output = run(
        &even(0.1, 100.0, 0.1),
        &graph(vec![
            ("first", lambda(with_calls(vec![calling(1, 0.1, 2)]))),
            ("middle", lambda(middle)),
            ("last", lambda(last)),
        ]),
    );
    assert_eq!(ended(&output, Outcome::Failed), 10);
    assert_eq!(used(&output, "last", "lambda.request.x86"), 10, "a failed invocation is not tried again");
    assert_eq!(used(&output, "middle", "lambda.duration.x86"), 10 * (300 + 100 + 200) * MEMORY);
    assert_eq!(used(&output, "first", "lambda.duration.x86"), 10 * (100 + 600) * MEMORY);
}

/// Clients give up after 0.2 s and try once more 0.1 s later; the function takes 0.1 + 0.4 s behind an API. Every request makes two attempts,
/// each of which is paid in full on both functions.
#[test]
fn clients_that_give_up_are_noticed_before_the_answer() {
    let mut scenario = even(1.0, 100.0, 0.1);
    scenario.client.timeout = Some(secs(0.2));
    scenario.client.retries = Some(Retries {
        attempts: 1,
        on: vec![504],
        backoff: Backoff { base: secs(0.1), factor: 2.0, cap: secs(1.0), full_jitter: false },
    });
    let api =
        HttpApi { to: Route(vec![ComponentId(1)]), latency: Distribution::ZERO, timeout: secs(30.0), rest: false };
    let output = run(
        &scenario,
        &graph(vec![
            ("api", ComponentKind::HttpApi(api)),
            ("first", lambda(with_calls(vec![calling(2, 0.0, 2)]))),
            ("middle", lambda(with_calls(vec![calling(3, 0.4, 2)]))),
            ("last", lambda(function())),
        ]),
    );
    assert_eq!((ended(&output, Outcome::TimedOut), output.classes[0].retried), (100, 100));
    assert_eq!(used(&output, "last", "lambda.duration.x86"), 200 * 400 * MEMORY);
    assert_eq!(used(&output, "first", "lambda.duration.x86"), 200 * 500 * MEMORY);
}

/// Every request ends once or is in flight, whatever fails on the way; and what was begun is released, so that the levels add up to the time.
#[test]
fn requests_are_conserved_through_chains() {
    let mut scenario = scenario(50.0, 200.0, exponential(0.2));
    scenario.account.concurrency = Limit::At(40);
    let shaky =
        |calls| Function { error_rate: 0.05, timeout: secs(1.0), init: vec![constant(0.2)], ..with_calls(calls) };
    let middle = shaky(vec![calling(2, 0.1, 2), at_table(3, 2, 1)]);
    let last = Function { reserved_concurrency: Some(5), ..shaky(vec![at_table(3, 1, 0)]) };
    let output = run(
        &scenario,
        &graph(vec![
            ("first", lambda(shaky(vec![calling(1, 0.1, 1), calling(2, 0.05, 1)]))),
            ("middle", lambda(middle)),
            ("last", lambda(last)),
            ("orders", ComponentKind::Table(table(1))),
        ]),
    );
    let class = &output.classes[0];
    let ended: u64 = class.ended.iter().sum();
    assert!(ended <= class.arrived && class.arrived - ended < 200, "{} of {}", ended, class.arrived);
    for outcome in [Outcome::Served, Outcome::Throttled, Outcome::TimedOut, Outcome::Failed] {
        assert!(class.ended[outcome as usize] > 0, "{outcome:?}");
    }
    for component in &output.components[..3] {
        // Little's law: time of the calls / horizon = mean at work (calls at the edges apart).
        let (time, _) = component.time_in_system;
        assert_close("at work", time.as_secs_f64() / 200.0, component.mean_in_system, 0.02);
        assert!(component.busy.is_some_and(|busy| busy.1 <= 40.0));
    }
}
