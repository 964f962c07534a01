//! Events that functions accept, and messages in queues, against timelines computed by hand; each test says how.

mod common;

use common::*;
use costsim::arch::output::{Outcome, QueueOutput, RunOutput};
use costsim::spec::deployment::TrafficShift;
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

/// `count` evenly spaced requests in the first second, and nothing afterwards.
fn first(count: f64, horizon: f64, wait: f64) -> Scenario {
    let mut scenario = even(count, horizon, wait);
    scenario.traffic.shape = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(count)), (secs(1.0), PerSecond(0.0))]);
    scenario
}

/// Named components; the first is the entry.
fn graph(components: Vec<(&str, ComponentKind)>) -> Architecture {
    Architecture {
        components: components.into_iter().map(|(name, kind)| Component { name: name.into(), kind }).collect(),
        ..alone(ComponentKind::Lambda(function()))
    }
}

fn lambda(function: Function) -> ComponentKind {
    ComponentKind::Lambda(function)
}

/// Invoked asynchronously, with the defaults of AWS.
fn inbox() -> Asynchronous {
    Asynchronous { maximum_age: SimDuration::from_hours(6), retries: 2, on_failure: None }
}

fn accepting(rule: Asynchronous) -> Function {
    Function { asynchronous: Some(rule), ..function() }
}

fn consumer(to: u16) -> Consumer {
    Consumer {
        to: ComponentId(to),
        batch_size: 10,
        batch_window: SimDuration::ZERO,
        visibility_timeout: secs(30.0),
        maximum_concurrency: None,
        max_receive_count: None,
        dead_letter: None,
        partial_failures: false,
    }
}

fn sqs(consumer: Option<Consumer>) -> ComponentKind {
    let retention = SimDuration::from_hours(96);
    ComponentKind::Queue(Queue { consumer, retention, send_latency: constant(0.01) })
}

/// A queue in front of a function.
fn queued(rule: Consumer, worker: Function) -> Architecture {
    graph(vec![("jobs", sqs(Some(rule))), ("worker", lambda(worker))])
}

/// The same with a dead-letter queue for messages that were received so often.
fn queued_to_death(rule: Consumer, receives: u32, worker: Function) -> Architecture {
    let rule = Consumer { max_receive_count: Some(receives), dead_letter: Some(ComponentId(2)), ..rule };
    graph(vec![("jobs", sqs(Some(rule))), ("worker", lambda(worker)), ("dead", sqs(None))])
}

fn used(output: &RunOutput, component: &str, sku: &str) -> u128 {
    let own = output.usage.meters.iter().filter(|meter| meter.component == component && meter.sku == sku);
    own.map(|meter| meter.total).sum()
}

fn queue_of(output: &RunOutput, index: usize) -> &QueueOutput {
    output.components[index].queue.as_deref().expect("a queue")
}

/// Clients have their answer at once, behind an API after its 10 ms; the function works for 500 ms each.
#[test]
fn an_event_is_accepted_at_once() {
    let output = run(&even(1.0, 100.0, 0.5), &graph(vec![("mail", lambda(accepting(inbox())))]));
    assert_eq!(output.classes[0].latency.max(), SimDuration::ZERO);
    assert_eq!(output.classes[0].ended[Outcome::Served as usize], 100);
    assert_eq!(used(&output, "mail", "lambda.duration.x86"), 100 * 500 * MEMORY);
    assert_eq!((queue_of(&output, 0).done, queue_of(&output, 0).age.max()), (100, secs(0.5)));
    let api = HttpApi { to: Route(vec![ComponentId(1)]), latency: constant(0.01), timeout: secs(30.0), rest: false };
    let architecture = graph(vec![("api", ComponentKind::HttpApi(api)), ("mail", lambda(accepting(inbox())))]);
    let output = run(&even(1.0, 100.0, 0.5), &architecture);
    assert_eq!((output.classes[0].latency.max(), queue_of(&output, 1).done), (secs(0.01), 100));
}

/// At 0.5 s with an init of 400 ms and 100 ms of work: fails at 1.0, again from 61.0 to 61.5 (initialised inside), again from 181.5 to 182.0; then it is
/// dropped.
#[test]
fn an_error_is_tried_again_after_one_and_two_minutes() {
    let failing = |retries| Function {
        init: vec![constant(0.4)],
        error_rate: 1.0,
        ..accepting(Asynchronous { retries, ..inbox() })
    };
    let after = |horizon: f64, retries: u8| {
        let output = run(&first(1.0, horizon, 0.1), &graph(vec![("mail", lambda(failing(retries)))]));
        (used(&output, "mail", "lambda.duration.x86") / MEMORY, queue_of(&output, 0).expired)
    };
    assert_eq!(after(60.9, 2), (500, 0));
    assert_eq!(after(61.1, 2), (1000, 0));
    assert_eq!(after(181.4, 2), (1000, 0));
    assert_eq!(after(181.9, 2), (1500, 0));
    assert_eq!(after(1000.0, 2), (1500, 1));
    assert_eq!(after(1000.0, 1), (1000, 1));
    assert_eq!(after(1000.0, 0), (500, 1));
}

/// What is given up goes to the queue: one message, one request of SQS.
#[test]
fn what_is_given_up_goes_to_the_queue() {
    let rule = Asynchronous { retries: 0, on_failure: Some(ComponentId(1)), ..inbox() };
    let failing = Function { error_rate: 1.0, ..accepting(rule.clone()) };
    let output = run(&first(1.0, 10.0, 0.1), &graph(vec![("mail", lambda(failing)), ("dead", sqs(None))]));
    assert_eq!((queue_of(&output, 0).dead, queue_of(&output, 0).expired), (1, 0));
    assert_eq!((queue_of(&output, 1).received, queue_of(&output, 1).waiting), (1, 1));
    assert_eq!(used(&output, "dead", "sqs.standard"), 1);
    // Switched off, it goes there at once, and no attempt is made.
    let off = Function { reserved_concurrency: Some(0), ..accepting(rule) };
    let output = run(&first(1.0, 0.6, 0.1), &graph(vec![("mail", lambda(off)), ("dead", sqs(None))]));
    assert_eq!((queue_of(&output, 1).received, queue_of(&output, 0).throttled), (1, 0));
}

/// One environment is reserved, and works for 10 s from 0.25 s on. The event of 0.75 s is refused then, at 1.75, 3.75 and 7.75 s; at 15.75 s it finds the environment
/// free and is done 25 s after it came.
#[test]
fn a_throttle_is_tried_again_with_a_growing_wait() {
    let busy = Function { reserved_concurrency: Some(1), ..accepting(inbox()) };
    let output = run(&first(2.0, 100.0, 10.0), &graph(vec![("mail", lambda(busy))]));
    let events = queue_of(&output, 0);
    assert_eq!((events.done, events.throttled, events.age.max()), (2, 4, secs(25.0)));
    assert_eq!(used(&output, "mail", "lambda.request.x86"), 2, "throttles are not billed");
}

/// The same with an environment that stays busy and events that may be 60 s old: refused at 0.75, 1.75, 3.75, 7.75, 15.75 and 31.75 s; the next attempt would
/// come at 63.75 s, but the event is given up at 60.75 s.
#[test]
fn an_event_is_given_up_when_it_is_too_old() {
    let rule = Asynchronous { maximum_age: secs(60.0), ..inbox() };
    let busy = || Function { reserved_concurrency: Some(1), ..accepting(rule.clone()) };
    let after = |horizon: f64| {
        let output = run(&first(2.0, horizon, 800.0), &graph(vec![("mail", lambda(busy()))]));
        (queue_of(&output, 0).throttled, queue_of(&output, 0).expired)
    };
    assert_eq!((after(60.7), after(60.8), after(700.0)), ((6, 0), (6, 1), (6, 1)));
}

/// An account without concurrency for six hours: waits of 1, 2, 4 … 256 s (511 s in all), then of 300 s: 70 of them fit into the other 21,089 s. 1 + 9 + 70 attempts.
#[test]
fn the_wait_grows_to_five_minutes() {
    let mut scenario = first(1.0, 7.0 * 3600.0, 0.1);
    scenario.account.concurrency = Limit::At(0);
    let output = run(&scenario, &graph(vec![("mail", lambda(accepting(inbox())))]));
    assert_eq!((queue_of(&output, 0).throttled, queue_of(&output, 0).expired), (80, 1));
}

/// 256 KB are one request, a byte more is two, 1 MB is 1 + 768 / 64 = 13.
#[test]
fn large_events_are_several_requests() {
    let billed = |bytes| {
        let mut scenario = first(1.0, 10.0, 0.1);
        scenario.classes[0].request_size = Bytes(bytes);
        let output = run(&scenario, &graph(vec![("mail", lambda(accepting(inbox())))]));
        used(&output, "mail", "lambda.request.x86")
    };
    assert_eq!([256 << 10, (256 << 10) + 1, 320 << 10, 1 << 20].map(billed), [1, 2, 2, 13]);
}

/// The caller works for 100 ms and leaves an event of 300 ms: it is not held, and nothing is paid twice.
#[test]
fn a_function_does_not_wait_for_an_event() {
    let work = Some((Distribution::ZERO, constant(0.3)));
    let call = Outbound { to: ComponentId(1), what: OutboundKind::Message { work }, classes: vec![true] };
    let output = run(
        &even(1.0, 100.0, 0.1),
        &graph(vec![
            ("shop", lambda(Function { calls: vec![call], ..function() })),
            ("mail", lambda(accepting(inbox()))),
        ]),
    );
    assert_eq!(output.classes[0].latency.max(), secs(0.1));
    assert_eq!(used(&output, "shop", "lambda.duration.x86"), 100 * 100 * MEMORY);
    assert_eq!(used(&output, "mail", "lambda.duration.x86"), 100 * 300 * MEMORY);
    assert_eq!((output.components[0].waited, queue_of(&output, 1).done), (SimDuration::ZERO, 100));
}

/// A message a second, handled at once and alone: a send, a receive and a delete each; five pollers take turns, so none waits for 20 s. The sender has its
/// answer after 10 ms.
#[test]
fn messages_are_handled_as_they_come() {
    let output = run(&even(1.0, 100.0, 0.1), &queued(consumer(1), function()));
    assert_eq!((output.classes[0].latency.max(), queue_of(&output, 0).done), (secs(0.01), 100));
    assert_eq!(queue_of(&output, 0).age.max(), secs(0.1));
    assert_eq!(used(&output, "jobs", "sqs.standard"), 300);
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 100);
    assert_eq!(used(&output, "worker", "lambda.duration.x86"), 100 * 100 * MEMORY);
    // Log of each message: 100 bytes.
    assert_eq!(used(&output, "worker", "cw.logs.lambda_vended"), 100 * 100);
}

/// An hour with one message, at 0.5 s: four pollers poll 180 times, the one that handled it until 0.6 s 179 times. AWS.md 9 has the rule: 5 pollers x 3 polls a
/// minute.
#[test]
fn empty_polls_are_paid() {
    let output = run(&first(1.0, 3600.0, 0.1), &queued(consumer(1), function()));
    assert_eq!(used(&output, "jobs", "sqs.standard"), 3 + 4 * 180 + 179);
}

/// 100 KB are two requests to send and two to receive, and one to delete.
#[test]
fn a_request_is_64_kb() {
    let mut scenario = even(1.0, 100.0, 0.1);
    scenario.classes[0].request_size = Bytes(100 << 10);
    let output = run(&scenario, &queued(consumer(1), function()));
    assert_eq!(used(&output, "jobs", "sqs.standard"), 100 * (2 + 2 + 1));
}

/// Ten messages in the first second, of 10 s each, two batches at a time: those of 0.05 s and 0.15 s go alone, until 10.05 s and 10.15 s. The other eight make a batch
/// at 10.05 s, which takes 80 s: the oldest of them, of 0.25 s, is done 89.8 s after it came. The requests: 10 sends, 3 receives, 3 deletes; no
/// poll lasts for 20 s but the last one: the second poller is idle from 10.15 to 100 s, 4 polls.
#[test]
fn a_backlog_is_taken_in_batches() {
    let rule = Consumer { maximum_concurrency: Some(2), ..consumer(1) };
    let output = run(&first(10.0, 100.0, 10.0), &queued(rule, function()));
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 3);
    assert_eq!((queue_of(&output, 0).done, queue_of(&output, 0).age.max()), (10, secs(89.8)));
    assert_eq!(used(&output, "jobs", "sqs.standard"), 10 + 3 + 3 + 4);
    assert_eq!(output.components[0].busy.map(|busy| busy.1 as u64), Some(2));
}

/// A message a second and a window of 10 s, which begins with the first message, at 0.5 s: ten messages at 10.5 s, and so on; the tenth batch would come at
/// 100.5 s.
#[test]
fn a_window_collects_a_batch() {
    let rule = Consumer { batch_window: secs(10.0), batch_size: 100, ..consumer(1) };
    let output = run(&even(1.0, 100.0, 0.01), &queued(rule.clone(), function()));
    assert_eq!((used(&output, "worker", "lambda.request.x86"), queue_of(&output, 0).done), (9, 90));
    assert_eq!(queue_of(&output, 0).age.max(), secs(10.1));
    // A batch that is full does not wait: of five, at 4.5 s, 9.5 s …
    let rule = Consumer { batch_size: 5, ..rule };
    let output = run(&even(1.0, 100.0, 0.01), &queued(rule, function()));
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 20);
}

/// At 0.5 s, 30.5 s and 60.5 s it is received and fails; at 90.5 s it has been received three times and goes to the dead-letter queue. SQS requests until 91 s: a send, three
/// receives, and the empty polls before them (of 20 s, from the poller's last batch on): the second receive's poller 1, the third's 3, and at the end
/// 4 + 3 + 1 of those three and 4 + 4 of the others.
#[test]
fn a_failing_message_ends_in_the_dead_letter_queue() {
    let failing = || Function { error_rate: 1.0, ..function() };
    let after = |horizon: f64| run(&first(1.0, horizon, 0.1), &queued_to_death(consumer(1), 3, failing()));
    let output = after(90.4);
    assert_eq!((queue_of(&output, 0).dead, queue_of(&output, 0).returned, queue_of(&output, 0).waiting), (0, 3, 1));
    let output = after(91.0);
    assert_eq!((queue_of(&output, 0).dead, queue_of(&output, 2).received, queue_of(&output, 0).waiting), (1, 1, 0));
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 3);
    assert_eq!(used(&output, "jobs", "sqs.standard"), 1 + 3 + (1 + 3) + (4 + 3 + 1 + 4 + 4));
    assert_eq!(used(&output, "dead", "sqs.standard"), 0);
}

/// A function that is switched off: the batch is refused at 0.5 s and 30.5 s, which counts as two receives, and goes to the dead-letter queue at 60.5 s.
#[test]
fn a_throttled_batch_raises_the_receive_count() {
    let off = || Function { reserved_concurrency: Some(0), ..function() };
    let after = |horizon: f64| run(&first(1.0, horizon, 0.1), &queued_to_death(consumer(1), 2, off()));
    let output = after(60.4);
    assert_eq!((queue_of(&output, 0).throttled, queue_of(&output, 0).dead), (2, 0));
    let output = after(60.6);
    assert_eq!((queue_of(&output, 0).throttled, queue_of(&output, 0).dead), (2, 1));
    assert_eq!(used(&output, "worker", "lambda.request.x86"), 0);
}

/// A thousand messages that take long, one a batch: five pollers have the first five; from the sixth on, at 0.055 s, one more comes each 0.2 s: 300 in the minute that
/// ends at 60.055 s. With a maximum of ten, ten.
#[test]
fn pollers_grow_by_300_a_minute() {
    let mut scenario = even(100.0, 60.06, 800.0);
    scenario.traffic.shape = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(100.0)), (secs(10.0), PerSecond(0.0))]);
    let peak = |most| {
        let rule = Consumer { batch_size: 1, maximum_concurrency: most, ..consumer(1) };
        let output = run(&scenario, &queued(rule, function()));
        (
            output.components[0].capacity.map(|level| level.1 as u64),
            output.components[1].busy.map(|level| level.1 as u64),
        )
    };
    assert_eq!(peak(None), (Some(305), Some(305)));
    assert_eq!(peak(Some(10)), (Some(10), Some(10)));
}

/// After the rush a poller beyond five ends with its first empty poll: at 80 s, 20 s after the last batch, there are five again.
#[test]
fn pollers_end_after_an_empty_poll() {
    let mut scenario = even(100.0, 200.0, 1.0);
    scenario.traffic.shape = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(100.0)), (secs(10.0), PerSecond(0.0))]);
    let rule = Consumer { batch_size: 1, ..consumer(1) };
    let long = run(&scenario, &queued(rule.clone(), function()));
    let capacity = |output: &RunOutput| output.components[0].capacity.expect("pollers");
    assert_eq!(queue_of(&long, 0).done, 1000);
    scenario.horizon = secs(1200.0);
    let longer = run(&scenario, &queued(rule, function()));
    // A thousand seconds more with five.
    assert_close("poller-seconds", capacity(&longer).0 * 1200.0, capacity(&long).0 * 200.0 + 5.0 * 1000.0, 1e-9);
    assert!(capacity(&long).1 > 50.0);
}

/// Messages that fail one time in ten, in batches of ten: a batch goes well with 0.9^10 = 34.9 %, and all of it comes back otherwise. When the function tells which
/// failed, a tenth comes back.
#[test]
fn a_failing_message_fails_its_batch_unless_it_is_named() {
    let failing = Function { error_rate: 0.1, ..function() };
    let run_with = |partial_failures| {
        let rule = Consumer { batch_window: secs(10.0), partial_failures, ..consumer(1) };
        run(&even(100.0, 1000.0, 0.001), &queued(rule, failing.clone()))
    };
    let output = run_with(false);
    let (tried, back) = (queue_of(&output, 0).done + queue_of(&output, 0).returned, queue_of(&output, 0).returned);
    assert_close("returned of a whole batch", back as f64 / tried as f64, 1.0 - 0.9_f64.powi(10), 0.02);
    let output = run_with(true);
    let (tried, back) = (queue_of(&output, 0).done + queue_of(&output, 0).returned, queue_of(&output, 0).returned);
    assert_close("returned by name", back as f64 / tried as f64, 0.1, 0.03);
    let queue = queue_of(&output, 0);
    assert_eq!(queue.received, queue.done + queue.waiting, "nothing is lost");
    // Little's law, but for what is in it at the end.
    let (time, _) = output.components[0].time_in_system;
    assert_close("messages", output.components[0].mean_in_system, time.as_secs_f64() / 1000.0, 0.03);
}

/// A function of 100 ms sends a message in 10 ms; a worker takes 300 ms for it.
#[test]
fn a_function_leaves_a_message() {
    let work = Some((Distribution::ZERO, constant(0.3)));
    let call = Outbound { to: ComponentId(1), what: OutboundKind::Message { work }, classes: vec![true] };
    let output = run(
        &even(1.0, 100.0, 0.1),
        &graph(vec![
            ("shop", lambda(Function { calls: vec![call], ..function() })),
            ("jobs", sqs(Some(consumer(2)))),
            ("worker", lambda(function())),
        ]),
    );
    assert_eq!(output.classes[0].latency.max(), secs(0.11));
    assert_eq!(used(&output, "shop", "lambda.duration.x86"), 100 * 110 * MEMORY);
    assert_eq!(used(&output, "worker", "lambda.duration.x86"), 100 * 300 * MEMORY);
    assert_eq!(queue_of(&output, 1).age.max(), secs(0.3));
}

/// A worker that waits for another function holds its batch, and its poller, until the answer.
#[test]
fn a_batch_waits_for_what_its_function_calls() {
    let work = Some((Distribution::ZERO, constant(0.3)));
    let call = Outbound { to: ComponentId(2), what: OutboundKind::Function { work, retries: 2 }, classes: vec![true] };
    let output = run(
        &even(1.0, 100.0, 0.1),
        &graph(vec![
            ("jobs", sqs(Some(consumer(1)))),
            ("worker", lambda(Function { calls: vec![call], ..function() })),
            ("price", lambda(function())),
        ]),
    );
    assert_eq!((queue_of(&output, 0).done, queue_of(&output, 0).age.max()), (100, secs(0.4)));
    assert_eq!(output.components[1].waited, secs(30.0));
}

/// Messages that nobody can handle are lost when the retention is over: 60 s.
#[test]
fn messages_are_lost_after_the_retention() {
    let off = Function { reserved_concurrency: Some(0), ..function() };
    let mut architecture = queued(consumer(1), off);
    if let ComponentKind::Queue(queue) = &mut architecture.components[0].kind {
        queue.retention = secs(60.0);
    }
    let output = run(&first(1.0, 200.0, 0.1), &architecture);
    // Refused at 0.5, 30.5 and 60.5 s; at 90.5 s it is too old.
    assert_eq!((queue_of(&output, 0).throttled, queue_of(&output, 0).expired), (3, 1));
}

/// A message a second, each a batch of its own that takes 100 ms, while the worker is deployed.
fn deployed(horizon: f64, at: f64, shift: TrafficShift) -> Scenario {
    Scenario { deployments: vec![worker_deployed(at, shift)], ..even(1.0, horizon, 0.1) }
}

/// Ten minutes: the first batch starts an environment with an init of 400 ms, and so does the first one for the new version at 300 s. Each batch counts once, and its
/// log of 100 bytes too, whichever version has it.
#[test]
fn a_new_version_takes_batches_over() {
    let worker = Function { init: vec![constant(0.4)], ..function() };
    let output = run(&deployed(600.0, 300.0, TrafficShift::ALL_AT_ONCE), &queued(consumer(1), worker));
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
    let output = run(&deployed(4_000.0, 1_000.0, TrafficShift::canary(30)), &queued(consumer(1), worker));
    // One at the start, one when the new version begins for good.
    let cold = output.components[1].cold_starts.unwrap_or(0) as f64 - 1.0;
    assert!((cold - 324.0).abs() < 4.0 * 22.0, "{cold}");
}
