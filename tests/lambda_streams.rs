//! Records of streams against timelines computed by hand; each test says how. When a shard is polled within its second is drawn, so a
//! record waits for less than a second.

mod common;

use common::*;
use costsim::arch::output::{QueueOutput, RunOutput};
use costsim::spec::deployment::TrafficShift;
use costsim::spec::distribution::Distribution;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;

/// Evenly spaced requests: at half a gap, one and a half …
fn even(rate: f64, horizon: f64, wait: f64) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(wait));
    scenario.traffic.spread = Spread::Even;
    scenario
}

/// `count` evenly spaced requests in the first second, and nothing afterwards.
fn first(count: f64, horizon: f64, wait: f64) -> Scenario {
    let mut scenario = even(count, horizon, wait);
    scenario.traffic.shape = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(count)), (secs(1.0), PerSecond(0.0))]);
    scenario
}

fn consumer() -> StreamConsumer {
    StreamConsumer {
        to: ComponentId(1),
        batch_size: 100,
        batch_window: SimDuration::ZERO,
        parallelization: 1,
        maximum_retry_attempts: None,
        maximum_record_age: None,
        bisect: false,
        on_failure: None,
    }
}

/// A stream of one shard in front of a function, and a queue for failures.
fn streamed(rule: StreamConsumer, worker: Function) -> Architecture {
    let stream = Stream {
        kind: StreamKind::Kinesis,
        shards: 1,
        consumer: Some(rule),
        retention: SimDuration::from_hours(24),
        put_latency: constant(0.01),
    };
    let dead = Queue { consumer: None, retention: SimDuration::from_hours(96), send_latency: Distribution::ZERO };
    let component = |name: &str, kind| Component { name: name.into(), kind };
    Architecture {
        components: vec![
            component("events", ComponentKind::Stream(stream)),
            component("worker", ComponentKind::Lambda(worker)),
            component("dead", ComponentKind::Queue(dead)),
        ],
        ..alone(ComponentKind::Lambda(function()))
    }
}

fn with_shards(shards: u32, mut architecture: Architecture) -> Architecture {
    if let ComponentKind::Stream(stream) = &mut architecture.components[0].kind {
        stream.shards = shards;
    }
    architecture
}

fn used(output: &RunOutput, component: &str, sku: &str) -> u128 {
    let own = output.usage.meters.iter().filter(|meter| meter.component == component && meter.sku == sku);
    own.map(|meter| meter.total).sum()
}

fn queue_of(output: &RunOutput, index: usize) -> &QueueOutput {
    output.components[index].queue.as_deref().expect("a queue")
}

/// A record a second, 100 ms each: every one meets the same phase of the poll, so all have the same age, less than 1.1 s. One shard for a started hour; 100 payload
/// units, or 200 of records of 30 KB.
#[test]
fn records_wait_for_the_poll_of_their_shard() {
    let mut scenario = even(1.0, 100.0, 0.1);
    let output = run(&scenario, &streamed(consumer(), function()));
    let events = queue_of(&output, 0);
    assert_eq!((output.classes[0].latency.max(), events.received), (secs(0.01), 100));
    assert!(events.done >= 99 && events.done + events.waiting == 100);
    assert!(events.age.max() >= secs(0.1) && events.age.max() < secs(1.1), "{}", events.age.max());
    assert_close("all the same", events.age.mean_secs(), events.age.max().as_secs_f64(), 1e-9);
    assert_eq!(used(&output, "worker", "lambda.request.x86"), u128::from(events.done));
    assert_eq!((used(&output, "events", "kinesis.shard"), used(&output, "events", "kinesis.put")), (1, 100));
    scenario.classes[0].request_size = Bytes(30 << 10);
    let output = run(&scenario, &with_shards(4, streamed(consumer(), function())));
    assert_eq!((used(&output, "events", "kinesis.shard"), used(&output, "events", "kinesis.put")), (4, 200));
}

/// Two retries: three attempts of 100 ms, then the batch goes to the queue as one message; without a queue its record is lost.
#[test]
fn a_batch_is_given_up_after_its_retries() {
    let failing = || Function { error_rate: 1.0, ..function() };
    let rule = StreamConsumer { maximum_retry_attempts: Some(2), on_failure: Some(ComponentId(2)), ..consumer() };
    let output = run(&first(1.0, 100.0, 0.1), &streamed(rule.clone(), failing()));
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 3);
    assert_eq!((queue_of(&output, 0).dead, queue_of(&output, 2).received), (1, 1));
    let output = run(&first(1.0, 100.0, 0.1), &streamed(StreamConsumer { on_failure: None, ..rule }, failing()));
    assert_eq!((queue_of(&output, 0).expired, queue_of(&output, 2).received), (1, 0));
}

/// Without a limit it is tried until it is too old: an attempt every 1.1 s (0.1 s of work, 1 s of wait), the first within a second, none when the record is older than 60 s:
/// 1 + floor((60 - w) / 1.1) for a wait w of less than 1 s, so 54 or 55. What comes behind it waits.
#[test]
fn a_failing_batch_blocks_its_shard_until_it_is_too_old() {
    let rule = StreamConsumer { maximum_record_age: Some(secs(60.0)), batch_size: 1, ..consumer() };
    let failing = Function { error_rate: 1.0, ..function() };
    let output = run(&first(2.0, 59.0, 0.1), &streamed(rule.clone(), failing.clone()));
    assert_eq!((queue_of(&output, 0).waiting, queue_of(&output, 0).expired), (2, 0));
    let output = run(&first(1.0, 100.0, 0.1), &streamed(rule, failing));
    let attempts = used(&output, "worker", "lambda.request.x86");
    assert!((54..=55).contains(&attempts), "{attempts}");
    assert_eq!(queue_of(&output, 0).expired, 1);
}

/// Throttles are tried again each second and are no retries.
#[test]
fn throttles_do_not_count_as_retries() {
    let off = Function { reserved_concurrency: Some(0), ..function() };
    let rule = StreamConsumer { maximum_retry_attempts: Some(0), ..consumer() };
    let output = run(&first(1.0, 100.0, 0.1), &streamed(rule, off));
    let events = queue_of(&output, 0);
    assert!((99..=100).contains(&events.throttled), "{}", events.throttled);
    assert_eq!((events.waiting, events.expired, events.dead), (1, 0, 0));
}

/// Records of 0.5 s, one a batch: a lane handles two a second. 20 a second, evenly over one shard and one batch at a time: 2 x 100; two shards with three batches each:
/// 12 x 100. Each lane begins within a second or two.
#[test]
fn lanes_are_shards_times_parallelisation() {
    let scenario = even(20.0, 100.0, 0.5);
    let done = |shards, parallelization| {
        let rule = StreamConsumer { batch_size: 1, parallelization, ..consumer() };
        let output = run(&scenario, &with_shards(shards, streamed(rule, function())));
        assert_eq!(output.components[0].busy.map(|busy| busy.1 as u32), Some(shards * parallelization));
        queue_of(&output, 0).done as f64
    };
    assert_close("one lane", done(1, 1), 200.0, 0.02);
    assert_close("six lanes", done(2, 3), 1200.0, 0.03);
}

/// Ten a second, collected for ten seconds: a batch of about a hundred, nine or ten times in 100 s. Full at 20, it goes with the next poll: every two
/// or three seconds.
#[test]
fn a_window_collects_records() {
    let rule = StreamConsumer { batch_size: 10_000, batch_window: secs(10.0), ..consumer() };
    let output = run(&even(10.0, 100.0, 0.0), &streamed(rule.clone(), function()));
    let requests = used(&output, "worker", "lambda.request.x86");
    assert!((9..=10).contains(&requests), "{requests}");
    assert!(queue_of(&output, 0).age.max() >= secs(9.0) && queue_of(&output, 0).age.max() < secs(11.1));
    let output = run(&even(10.0, 100.0, 0.0), &streamed(StreamConsumer { batch_size: 20, ..rule }, function()));
    let requests = used(&output, "worker", "lambda.request.x86");
    assert!((33..=50).contains(&requests), "{requests}");
}

/// A batch of four that always fails is halved, and its halves, down to single records, each of which is given up at once: 1 + 2 + 4 attempts.
#[test]
fn a_failing_batch_is_halved() {
    let rule = StreamConsumer {
        batch_size: 4,
        batch_window: secs(10.0),
        maximum_retry_attempts: Some(0),
        bisect: true,
        on_failure: Some(ComponentId(2)),
        ..consumer()
    };
    let failing = Function { error_rate: 1.0, ..function() };
    let output = run(&first(4.0, 100.0, 0.01), &streamed(rule, failing));
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 7);
    assert_eq!((queue_of(&output, 0).dead, queue_of(&output, 2).received, queue_of(&output, 0).waiting), (4, 4, 0));
}

/// A function leaves a record: 100 ms of its own and 10 ms to put it. Nothing of a DynamoDB stream is paid.
#[test]
fn a_function_puts_records() {
    let work = Some((Distribution::ZERO, constant(0.3)));
    let call = Outbound { to: ComponentId(0), what: OutboundKind::Message { work }, classes: vec![true] };
    let mut architecture = streamed(consumer(), function());
    if let ComponentKind::Stream(stream) = &mut architecture.components[0].kind {
        stream.kind = StreamKind::DynamoDb;
    }
    let shop = ComponentKind::Lambda(Function { calls: vec![call], ..function() });
    architecture.components.push(Component { name: "shop".into(), kind: shop });
    architecture.entry = ComponentId(3);
    let output = run(&even(1.0, 100.0, 0.1), &architecture);
    assert_eq!((output.classes[0].latency.max(), queue_of(&output, 0).received), (secs(0.11), 100));
    assert!(queue_of(&output, 0).age.max() >= secs(0.3) && queue_of(&output, 0).age.max() < secs(1.3));
    assert!(output.usage.meters.iter().all(|meter| meter.component != "events"));
}

/// A record a second, each a batch of its own that takes 100 ms, while the worker is deployed.
fn deployed(horizon: f64, at: f64, shift: TrafficShift) -> Scenario {
    Scenario { deployments: vec![worker_deployed(at, shift)], ..even(1.0, horizon, 0.1) }
}

/// Ten minutes: the first batch starts an environment with an init of 400 ms, and so does the first one for the new version at 300 s. Each batch counts once, and its
/// log of 100 bytes too, whichever version has it.
#[test]
fn a_new_version_takes_batches_over() {
    let worker = Function { init: vec![constant(0.4)], ..function() };
    let output = run(&deployed(600.0, 300.0, TrafficShift::ALL_AT_ONCE), &streamed(consumer(), worker));
    assert_eq!(output.components[1].cold_starts, Some(2));
    let batches = used(&output, "worker", "lambda.request.x86");
    assert!((599..=600).contains(&batches), "{batches}");
    assert_eq!(used(&output, "worker", "lambda.duration.x86"), (batches * 100 + 2 * 400) * 1769);
    assert_eq!(used(&output, "worker", "cw.logs.lambda_vended"), batches * 100);
    assert!(queue_of(&output, 0).done >= 599);
}

/// A canary of 10 % for 30 minutes, environments that live for 1.5 s: a batch is cold if the one before it went to the other version, which at a share of 0.1
/// happens in 0.18 of the cases: 324 of 1,800, standard deviation 22 (as in `deployments.rs`).
#[test]
fn batches_are_shifted_by_the_share() {
    let worker = Function { idle_timeout: secs(1.5), ..function() };
    let output = run(&deployed(4_000.0, 1_000.0, TrafficShift::canary(30)), &streamed(consumer(), worker));
    // One at the start, one when the new version begins for good.
    let cold = output.components[1].cold_starts.unwrap_or(0) as f64 - 1.0;
    assert!((cold - 324.0).abs() < 4.0 * 22.0, "{cold}");
}
