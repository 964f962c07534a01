//! An SQS standard queue and the pollers that bring its messages to a function.
//!
//! - **Pollers**: five wait in long polls of 20 s; each handles a batch at a time. While messages wait and all are at work, one more
//!   comes each 0.2 s (300 a minute) up to 1,000 or `maximum_concurrency`; one beyond five ends after an empty poll (the pace of
//!   scaling in is not documented). Whoever has polled longest gets the next batch.
//! - **Batches**: up to `batch_size` messages and 6 MB. Without a window a batch is what is there; with one it waits until it is full or
//!   the oldest message has waited for the window. One batch is collected at a time (AWS collects one a poller).
//! - **Failures**: a batch that fails, or is throttled, comes back when `visibility_timeout` has passed since it was received; its messages
//!   have been received once more. A throttled batch keeps its poller until then. A message that has been received
//!   `max_receive_count` times goes to the dead-letter queue instead; without `partial_failures` one failing message fails the batch.
//! - **Requests**: sends, receives (empty ones, too) and deletes, ten messages in one, each started 64 KB a request.
//!
//! Sources: AWS.md 2.7 and 9 (Lambda developer guide, SQS as an event source and its scaling; SQS pricing).

use super::call::Call;
use super::ledger::{Ledger, MeterId};
use super::output::{ComponentOutput, QueueOutput};
use crate::sim::gauge::Gauge;
use crate::sim::random::{Key, unit};
use crate::sim::sampler::Sampler;
use crate::spec::model::{Consumer, Queue};
use crate::spec::scenario::RequestClass;
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;
use std::collections::VecDeque;

/// Pollers that are always there.
const POLLERS: u64 = 5;
/// Most batches at a time.
const MOST_POLLERS: u64 = 1_000;
/// One more poller each: 300 a minute.
const SCALE_STEP: SimDuration = SimDuration(200 * NANOS_PER_MILLI);
/// A long poll.
const POLL: u64 = 20 * NANOS_PER_SEC;
/// Each started part of this size is a request.
const CHUNK: u64 = 64 << 10;
/// Messages that one request receives or deletes.
const TOGETHER: u64 = 10;
/// Payload of an invocation.
const PAYLOAD: u64 = 6 << 20;

/// A message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    id: u64,
    sent_at: SimTime,
    cpu: u64,
    wait: u64,
    class: u16,
    receives: u16,
}

/// What may be due in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueEvent {
    /// The window of the batch that is collected ends.
    Window,
    /// Another poller may start.
    Scale,
    /// A batch has been handled.
    Done,
    /// The visibility time-out of a batch that was not handled well is over.
    Back,
}

/// Messages at work together.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<Message>,
    received_at: SimTime,
    /// Its poller waits for the visibility time-out.
    throttled: bool,
    served: bool,
}

/// A batch to be handled.
pub(super) struct Launch {
    /// Its number.
    pub batch: u32,
    /// All its work as one call.
    pub call: Call,
    /// Whether the handler fails.
    pub fails: bool,
}

/// When another event is wanted.
pub(super) type Wanted = Option<(SimTime, QueueEvent)>;

/// The part of a queue that brings messages to a function.
struct Polling {
    rule: Consumer,
    cap: u64,
    error_rate: f64,
    error_key: Key,
    pollers: Gauge,
    busy: Gauge,
    /// Since when each idle one has been polling, longest first.
    idle: VecDeque<SimTime>,
    scaling: bool,
    window_from: Option<SimTime>,
}

/// The state of a queue.
pub(super) struct QueueState {
    polling: Option<Polling>,
    retention: SimDuration,
    latency: Sampler,
    latency_key: Key,
    sizes: Vec<u64>,
    logs: Vec<u64>,
    visible: VecDeque<Message>,
    batches: Vec<Batch>,
    free: Vec<u32>,
    requests: MeterId,
    hour_requests: u64,
    /// Messages in it, those at work included.
    held: Gauge,
    output: QueueOutput,
    time: u128,
    area: u128,
    area_busy: u128,
    area_pollers: u128,
}

fn chunks(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK).max(1)
}

impl Polling {
    fn new(rule: &Consumer, error_rate: f64, key: Key) -> Self {
        let cap = rule.maximum_concurrency.map_or(MOST_POLLERS, u64::from);
        let pollers = POLLERS.min(cap);
        Self {
            rule: rule.clone(),
            cap,
            error_rate,
            error_key: key.named("message"),
            pollers: Gauge::new(pollers),
            busy: Gauge::new(0),
            idle: std::iter::repeat_n(SimTime::ZERO, pollers as usize).collect(),
            scaling: false,
            window_from: None,
        }
    }

    /// Empty polls up to `now`; pollers beyond five end with theirs.
    fn poll(&mut self, now: SimTime) -> u64 {
        let mut empty = 0;
        for since in &mut self.idle {
            let polls = now.since(*since).0 / POLL;
            if polls > 0 {
                empty += polls;
                *since += SimDuration(polls * POLL);
            }
        }
        empty
    }

    /// Ends idle pollers beyond five whose poll was empty, each at its own instant; counts their polls.
    fn scale_in(&mut self, now: SimTime) -> u64 {
        let mut empty = 0;
        while self.pollers.value() > POLLERS {
            let Some(&since) = self.idle.front() else { break };
            let ends = since + SimDuration(POLL);
            if ends > now {
                break;
            }
            self.idle.pop_front();
            self.pollers.down(ends);
            empty += 1;
        }
        empty
    }

    /// Whether a message fails: drawn anew each time that it is received.
    fn fails(&self, message: &Message) -> bool {
        self.error_rate > 0.0 && unit(self.error_key.draw(message.id, u32::from(message.receives))) < self.error_rate
    }
}

impl QueueState {
    /// An empty queue. `error_rate` is that of the function behind it.
    pub(super) fn new(
        name: &str,
        queue: &Queue,
        error_rate: f64,
        classes: &[RequestClass],
        key: Key,
        ledger: &mut Ledger,
    ) -> Self {
        Self {
            polling: queue.consumer.as_ref().map(|rule| Polling::new(rule, error_rate, key)),
            retention: queue.retention,
            latency: Sampler::compile(&queue.send_latency),
            latency_key: key.named("send"),
            sizes: classes.iter().map(|class| class.request_size.0).collect(),
            logs: classes.iter().map(|class| class.log_size.0).collect(),
            visible: VecDeque::new(),
            batches: Vec::new(),
            free: Vec::new(),
            requests: ledger.open(name, "sqs.standard", RawUnit::Count),
            hour_requests: 0,
            held: Gauge::new(0),
            output: QueueOutput::default(),
            time: 0,
            area: 0,
            area_busy: 0,
            area_pollers: 0,
        }
    }

    /// Somebody sends a message with the work that it makes.
    pub(super) fn send(&mut self, now: SimTime, call: &Call) {
        self.hour_requests += chunks(self.sizes[usize::from(call.class)]);
        let &Call { id, cpu, wait, class, .. } = call;
        self.put(now, Message { id, sent_at: now, cpu, wait, class, receives: 0 });
    }

    /// A message comes from another queue, which costs nothing.
    pub(super) fn put(&mut self, now: SimTime, message: Message) {
        self.output.received += 1;
        self.held.up(now);
        self.visible.push_back(Message { sent_at: now, receives: 0, ..message });
    }

    fn gone(&mut self, now: SimTime, message: &Message) {
        self.held.down(now);
        self.time += u128::from(now.since(message.sent_at).0);
    }

    /// The next batch that a poller takes, if there is one; else the event to wait for.
    pub(super) fn next_batch(&mut self, now: SimTime) -> Result<Launch, Wanted> {
        while let Some(first) = self.visible.front().copied()
            && now.since(first.sent_at) > self.retention
        {
            self.visible.pop_front();
            self.gone(now, &first);
            self.output.expired += 1;
        }
        let Some(polling) = &mut self.polling else { return Err(None) };
        self.hour_requests += polling.scale_in(now);
        if self.visible.is_empty() {
            polling.window_from = None;
            return Err(None);
        }
        let Some(&since) = polling.idle.front() else {
            if polling.scaling || polling.pollers.value() >= polling.cap {
                return Err(None);
            }
            polling.scaling = true;
            return Err(Some((now + SCALE_STEP, QueueEvent::Scale)));
        };
        let window = polling.rule.batch_window;
        if window > SimDuration::ZERO && self.visible.len() < polling.rule.batch_size as usize {
            let fresh = polling.window_from.is_none();
            let from = *polling.window_from.get_or_insert(now);
            if now < from + window {
                return Err(fresh.then_some((from + window, QueueEvent::Window)));
            }
        }
        polling.window_from = None;
        polling.idle.pop_front();
        polling.busy.up(now);
        // Polls that brought nothing before the one that brings this batch.
        self.hour_requests += now.since(since).0 / POLL;
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.batches.push(Batch::default());
                (self.batches.len() - 1) as u32
            }
        };
        // With the room of a finished one.
        let mut batch = Batch { received_at: now, ..std::mem::take(&mut self.batches[number as usize]) };
        let mut bytes = 0;
        while batch.messages.len() < polling.rule.batch_size as usize
            && let Some(message) = self.visible.front()
        {
            let size = self.sizes[usize::from(message.class)];
            if !batch.messages.is_empty() && bytes + size > PAYLOAD {
                break;
            }
            bytes += size;
            batch.messages.push(Message { receives: message.receives.saturating_add(1), ..*message });
            self.visible.pop_front();
        }
        let messages = &batch.messages;
        self.hour_requests += chunks(bytes).max((messages.len() as u64).div_ceil(TOGETHER));
        let first = messages[0];
        let call = Call {
            cpu: messages.iter().map(|message| message.cpu).fold(0, u64::saturating_add),
            wait: messages.iter().map(|message| message.wait).fold(0, u64::saturating_add),
            attempt: u8::try_from(first.receives - 1).unwrap_or(u8::MAX),
            ..Call::fresh(first.id, now, first.class)
        };
        let fails = !polling.rule.partial_failures && messages.iter().any(|message| polling.fails(message));
        self.batches[number as usize] = batch;
        Ok(Launch { batch: number, call, fails })
    }

    /// What is logged for the messages of a batch after the first.
    pub(super) fn further_log(&self, batch: u32) -> u64 {
        let messages = self.batches[batch as usize].messages.iter().skip(1);
        messages.map(|message| self.logs[usize::from(message.class)]).fold(0, u64::saturating_add)
    }

    /// Sending message `id`, as the sender sees it.
    pub(super) fn send_latency(&self, id: u64) -> SimDuration {
        self.latency.sample(self.latency_key.draw(id, 0))
    }

    /// The function has answered: what becomes of the batch is known, and follows at the answer's instant.
    pub(super) fn answered(&mut self, batch: u32, served: bool, throttled: bool) {
        let batch = &mut self.batches[batch as usize];
        (batch.served, batch.throttled) = (served, throttled);
        self.output.throttled += u64::from(throttled);
    }

    /// A batch has been handled; its poller polls again. Says when what is left of it comes back.
    pub(super) fn done(&mut self, now: SimTime, number: u32) -> Wanted {
        let polling = self.polling.as_mut()?;
        let batch = &mut self.batches[number as usize];
        if !batch.throttled {
            polling.busy.down(now);
            polling.idle.push_back(now);
        }
        let mut handled = 0;
        if batch.served {
            let (output, held, time) = (&mut self.output, &mut self.held, &mut self.time);
            let partial = polling.rule.partial_failures;
            batch.messages.retain(|message| {
                let back = partial && polling.fails(message);
                if !back {
                    handled += 1;
                    let age = now.since(message.sent_at);
                    output.age.record(age);
                    held.down(now);
                    *time += u128::from(age.0);
                }
                back
            });
            self.hour_requests += u64::div_ceil(handled, TOGETHER);
            output.done += handled;
        }
        if batch.messages.is_empty() {
            self.free.push(number);
            return None;
        }
        self.output.returned += batch.messages.len() as u64;
        Some(((batch.received_at + polling.rule.visibility_timeout).max(now), QueueEvent::Back))
    }

    /// The messages of a batch are visible again. Those that have been received too often are handed out, for the dead-letter queue.
    pub(super) fn back(&mut self, now: SimTime, number: u32) -> Vec<Message> {
        let batch = &mut self.batches[number as usize];
        let Some(polling) = &mut self.polling else { return Vec::new() };
        if std::mem::take(&mut batch.throttled) {
            polling.busy.down(now);
            polling.idle.push_back(now);
        }
        let most = polling.rule.max_receive_count;
        let (dead, again): (Vec<Message>, Vec<Message>) =
            batch.messages.drain(..).partition(|message| most.is_some_and(|most| u32::from(message.receives) >= most));
        self.free.push(number);
        for message in &dead {
            self.gone(now, message);
        }
        self.output.dead += dead.len() as u64;
        self.visible.extend(again);
        dead
    }

    /// Another poller starts, if messages still wait.
    pub(super) fn scale(&mut self, now: SimTime) {
        let Some(polling) = &mut self.polling else { return };
        polling.scaling = false;
        if !self.visible.is_empty() && polling.idle.is_empty() && polling.pollers.value() < polling.cap {
            polling.pollers.up(now);
            polling.idle.push_back(now);
        }
    }

    /// Its function and dead-letter queue.
    pub(super) fn rule(&self) -> Option<&Consumer> {
        self.polling.as_ref().map(|polling| &polling.rule)
    }

    /// Brings the integrals up to `now`.
    pub(super) fn settle(&mut self, now: SimTime) {
        self.area += self.held.take_area(now);
        if let Some(polling) = &mut self.polling {
            self.hour_requests += polling.scale_in(now) + polling.poll(now);
            self.area_busy += polling.busy.take_area(now);
            self.area_pollers += polling.pollers.take_area(now);
        }
    }

    /// Forgets what was before the horizon.
    pub(super) fn restart(&mut self, now: SimTime) {
        self.held.restart(now);
        if let Some(polling) = &mut self.polling {
            polling.busy.restart(now);
            polling.pollers.restart(now);
        }
        (self.area, self.area_busy, self.area_pollers) = (0, 0, 0);
        (self.hour_requests, self.time, self.output) = (0, 0, QueueOutput::default());
    }

    /// Books the usage of an hour.
    pub(super) fn close_hour(&mut self, ledger: &mut Ledger) {
        ledger.book(self.requests, std::mem::take(&mut self.hour_requests));
    }

    /// The results over a horizon of this length.
    pub(super) fn finish(mut self, horizon: SimDuration) -> ComponentOutput {
        let nanos = horizon.0.max(1) as f64;
        (self.output.waiting, self.output.peak) = (self.held.value(), self.held.peak());
        let done = self.output.done;
        let level = |area: u128, gauge: &Gauge| (area as f64 / nanos, gauge.peak() as f64);
        let ended = done + self.output.dead + self.output.expired;
        ComponentOutput {
            served: done,
            throttled: self.output.throttled,
            capacity: self.polling.as_ref().map(|polling| level(self.area_pollers, &polling.pollers)),
            busy: self.polling.as_ref().map(|polling| level(self.area_busy, &polling.busy)),
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), ended),
            mean_in_system: self.area as f64 / nanos,
            queue: Some(Box::new(self.output)),
            ..ComponentOutput::default()
        }
    }
}
