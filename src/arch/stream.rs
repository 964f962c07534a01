//! A Kinesis data stream or a DynamoDB stream and the lanes that bring its records to a function, in order.
//!
//! - **Lanes**: shards x parallelisation factor. A record's key decides on its lane; keys are taken to be evenly spread. A lane has one
//!   batch at work at a time.
//! - **Polls**: each shard is looked at once a second, at a phase of its own; a lane that has just finished a batch goes on at once with
//!   what has come meanwhile.
//! - **Failures**: a batch is tried again after a second, in order, so that nothing behind it moves, until it succeeds, has been tried
//!   `maximum_retry_attempts` times more (throttles do not count), or its records are older than `maximum_record_age` or the
//!   retention. With `bisect` it is halved first, which does not count as a retry either. That the wait is a second is our reading.
//!
//! Sources: AWS.md 2.7 and 9 (Lambda developer guide, Kinesis and DynamoDB as event sources; Kinesis pricing page).

use super::call::Call;
use super::ledger::{Ledger, MeterId};
use super::output::{ComponentOutput, QueueOutput};
use crate::sim::gauge::Gauge;
use crate::sim::random::{Key, below, unit};
use crate::sim::sampler::Sampler;
use crate::spec::model::{Stream, StreamConsumer, StreamKind};
use crate::spec::scenario::RequestClass;
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;
use std::collections::VecDeque;

/// Each shard is polled once in this time.
const POLL: u64 = NANOS_PER_SEC;
/// Each started part of this size is a PUT payload unit.
const PUT_UNIT: u64 = 25 << 10;
/// Payload of an invocation.
const PAYLOAD: u64 = 6 << 20;

/// What may be due in a lane of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEvent {
    /// Its shard is polled, its window ends, or its batch is tried again.
    Poll,
    /// Its batch has been handled.
    Done,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    id: u64,
    put_at: SimTime,
    cpu: u64,
    wait: u64,
    class: u16,
}

/// How a batch was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Answer {
    #[default]
    None,
    Served,
    Throttled,
    Failed,
}

#[derive(Debug, Default)]
struct Lane {
    records: VecDeque<Record>,
    /// At work, or to be tried again.
    batch: Vec<Record>,
    /// Sizes of the halves that come next.
    halves: Vec<usize>,
    /// Attempts at the batch that ended in an error and count as one, and all attempts.
    errors: u32,
    tries: u32,
    answer: Answer,
    /// An event will look after it.
    awaited: bool,
    window_from: Option<SimTime>,
}

/// The state of a stream.
pub(super) struct StreamState {
    rule: Option<StreamConsumer>,
    shards: u64,
    retention: SimDuration,
    lanes: Vec<Lane>,
    /// When each shard is polled within a second.
    phases: Vec<u64>,
    latency: Sampler,
    latency_key: Key,
    lane_key: Key,
    error_rate: f64,
    error_key: Key,
    sizes: Vec<u64>,
    logs: Vec<u64>,
    /// Shard hours and PUT payload units.
    meters: Option<(MeterId, MeterId)>,
    hour_units: u64,
    /// First records of batches that were given up, for the queue of failures.
    given_up: Vec<Call>,
    held: Gauge,
    busy: Gauge,
    output: QueueOutput,
    time: u128,
    area: u128,
    area_busy: u128,
}

/// What a lane wants next.
pub(super) enum Next {
    /// Nothing, or what has been asked for already.
    Nothing,
    /// An event.
    At(SimTime),
    /// Its batch is to be handled: all its work as one call, and whether the handler fails.
    Launch(Call, bool),
}

impl StreamState {
    /// An empty stream. `error_rate` is that of the function behind it.
    pub(super) fn new(
        name: &str,
        stream: &Stream,
        error_rate: f64,
        classes: &[RequestClass],
        key: Key,
        ledger: &mut Ledger,
    ) -> Self {
        let parallel = stream.consumer.as_ref().map_or(1, |rule| rule.parallelization);
        let phase = key.named("poll");
        let meters = (stream.kind == StreamKind::Kinesis).then(|| {
            let hours = ledger.open(name, "kinesis.shard", RawUnit::Hours);
            (hours, ledger.open(name, "kinesis.put", RawUnit::Count))
        });
        Self {
            rule: stream.consumer.clone(),
            shards: u64::from(stream.shards),
            retention: stream.retention,
            lanes: (0..u64::from(stream.shards) * u64::from(parallel)).map(|_| Lane::default()).collect(),
            phases: (0..u64::from(stream.shards)).map(|shard| below(phase.draw(shard, 0), POLL)).collect(),
            latency: Sampler::compile(&stream.put_latency),
            latency_key: key.named("put"),
            lane_key: key.named("lane"),
            error_rate,
            error_key: key.named("record"),
            sizes: classes.iter().map(|class| class.request_size.0).collect(),
            logs: classes.iter().map(|class| class.log_size.0).collect(),
            meters,
            hour_units: 0,
            given_up: Vec::new(),
            held: Gauge::new(0),
            busy: Gauge::new(0),
            output: QueueOutput::default(),
            time: 0,
            area: 0,
            area_busy: 0,
        }
    }

    /// The function behind it and where failed batches go.
    pub(super) fn rule(&self) -> Option<&StreamConsumer> {
        self.rule.as_ref()
    }

    /// Putting record `id`, as the sender sees it.
    pub(super) fn put_latency(&self, id: u64) -> SimDuration {
        self.latency.sample(self.latency_key.draw(id, 0))
    }

    /// Somebody puts a record with the work that it makes. Says which lane has to be looked at, and when.
    pub(super) fn put(&mut self, now: SimTime, call: &Call) -> Option<(SimTime, u32)> {
        let &Call { id, cpu, wait, class, .. } = call;
        self.hour_units += self.sizes[usize::from(class)].div_ceil(PUT_UNIT).max(1);
        self.output.received += 1;
        self.rule.as_ref()?;
        self.held.up(now);
        let number = below(self.lane_key.draw(id, u32::from(call.attempt)), self.lanes.len() as u64);
        let lane = &mut self.lanes[number as usize];
        lane.records.push_back(Record { id, put_at: now, cpu, wait, class });
        if lane.awaited {
            return None;
        }
        lane.awaited = true;
        let phase = self.phases[(number % self.shards) as usize];
        // The first poll of its shard from now on.
        let polls = now.0.saturating_sub(phase).div_ceil(POLL);
        Some((SimTime(phase + polls * POLL), number as u32))
    }

    /// What a lane does next.
    pub(super) fn next(&mut self, now: SimTime, number: u32) -> Next {
        let Some(rule) = &self.rule else { return Next::Nothing };
        let oldest = rule.maximum_record_age.map_or(self.retention, |age| age.min(self.retention));
        let lane = &mut self.lanes[number as usize];
        lane.awaited = true;
        loop {
            // What is too old is given up; what is left of a batch is tried on.
            let old = |record: &Record| now.since(record.put_at) > oldest;
            if lane.batch.iter().any(old) {
                let gone: Vec<Record> = lane.batch.extract_if(.., |record| old(record)).collect();
                let lost = if rule.on_failure.is_some() { &mut self.output.dead } else { &mut self.output.expired };
                *lost += gone.len() as u64;
                self.held.sub(now, gone.len() as u64);
                self.time += gone.iter().map(|record| u128::from(now.since(record.put_at).0)).sum::<u128>();
                self.given_up.push(Call::fresh(gone[0].id, now, gone[0].class));
            }
            if !lane.batch.is_empty() {
                break;
            }
            (lane.errors, lane.tries) = (0, 0);
            if lane.records.is_empty() {
                (lane.awaited, lane.window_from) = (false, None);
                return Next::Nothing;
            }
            let half = lane.halves.pop();
            let size = half.unwrap_or(rule.batch_size as usize);
            if half.is_none() && rule.batch_window > SimDuration::ZERO && lane.records.len() < size {
                let from = *lane.window_from.get_or_insert(now);
                if now < from + rule.batch_window {
                    return Next::At((from + rule.batch_window).min(now + SimDuration(POLL)));
                }
            }
            lane.window_from = None;
            let mut bytes = 0;
            while lane.batch.len() < size
                && let Some(record) = lane.records.front()
            {
                bytes += self.sizes[usize::from(record.class)];
                if !lane.batch.is_empty() && bytes > PAYLOAD {
                    break;
                }
                lane.batch.push(*record);
                lane.records.pop_front();
            }
        }
        let first = lane.batch[0];
        let attempt = u8::try_from(lane.tries).unwrap_or(u8::MAX);
        let call = Call {
            cpu: lane.batch.iter().map(|record| record.cpu).fold(0, u64::saturating_add),
            wait: lane.batch.iter().map(|record| record.wait).fold(0, u64::saturating_add),
            attempt,
            ..Call::fresh(first.id, now, first.class)
        };
        let (key, rate, tries) = (self.error_key, self.error_rate, lane.tries);
        lane.tries += 1;
        let fails = rate > 0.0 && lane.batch.iter().any(|record| unit(key.draw(record.id, tries)) < rate);
        self.busy.up(now);
        Next::Launch(call, fails)
    }

    /// What is logged for the records of a batch after the first.
    pub(super) fn further_log(&self, lane: u32) -> u64 {
        let records = self.lanes[lane as usize].batch.iter().skip(1);
        records.map(|record| self.logs[usize::from(record.class)]).fold(0, u64::saturating_add)
    }

    /// The function has answered for a lane's batch; it follows at the answer's instant.
    pub(super) fn answered(&mut self, lane: u32, served: bool, throttled: bool) {
        self.lanes[lane as usize].answer = match (served, throttled) {
            (true, _) => Answer::Served,
            (false, true) => Answer::Throttled,
            (false, false) => Answer::Failed,
        };
        self.output.throttled += u64::from(throttled);
    }

    /// Messages for the queue of failures.
    pub(super) fn take_given_up(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.given_up)
    }

    /// A lane's batch has been handled. Says when it is tried again, if it has to wait.
    pub(super) fn done(&mut self, now: SimTime, number: u32) -> Option<SimTime> {
        let lane = &mut self.lanes[number as usize];
        self.busy.down(now);
        let again = Some(now + SimDuration(POLL));
        let rule = self.rule.as_ref()?;
        match std::mem::take(&mut lane.answer) {
            Answer::Served => {
                for record in lane.batch.drain(..) {
                    let age = now.since(record.put_at);
                    self.output.age.record(age);
                    self.time += u128::from(age.0);
                    self.held.down(now);
                    self.output.done += 1;
                }
                None
            }
            Answer::Throttled | Answer::None => again,
            Answer::Failed if rule.bisect && lane.batch.len() > 1 => {
                let half = lane.batch.split_off(lane.batch.len() / 2);
                self.output.returned += (lane.batch.len() + half.len()) as u64;
                lane.halves.push(half.len());
                for record in half.into_iter().rev() {
                    lane.records.push_front(record);
                }
                again
            }
            Answer::Failed if rule.maximum_retry_attempts.is_some_and(|most| lane.errors >= most) => {
                self.given_up.extend(lane.batch.first().map(|record| Call::fresh(record.id, now, record.class)));
                for record in lane.batch.drain(..) {
                    self.time += u128::from(now.since(record.put_at).0);
                    self.held.down(now);
                    let lost = if rule.on_failure.is_some() { &mut self.output.dead } else { &mut self.output.expired };
                    *lost += 1;
                }
                None
            }
            Answer::Failed => {
                lane.errors += 1;
                self.output.returned += lane.batch.len() as u64;
                again
            }
        }
    }

    /// Brings the integrals up to `now`.
    pub(super) fn settle(&mut self, now: SimTime) {
        self.area += self.held.take_area(now);
        self.area_busy += self.busy.take_area(now);
    }

    /// Forgets what was before the horizon.
    pub(super) fn restart(&mut self, now: SimTime) {
        self.held.restart(now);
        self.busy.restart(now);
        (self.area, self.area_busy, self.time, self.hour_units) = (0, 0, 0, 0);
        self.output = QueueOutput::default();
    }

    /// Books the usage of an hour.
    pub(super) fn close_hour(&mut self, ledger: &mut Ledger) {
        let units = std::mem::take(&mut self.hour_units);
        if let Some((hours, puts)) = self.meters {
            ledger.book(hours, self.shards);
            ledger.book(puts, units);
        }
    }

    /// The results over a horizon of this length.
    pub(super) fn finish(mut self, horizon: SimDuration) -> ComponentOutput {
        let nanos = horizon.0.max(1) as f64;
        (self.output.waiting, self.output.peak) = (self.held.value(), self.held.peak());
        let ended = self.output.done + self.output.dead + self.output.expired;
        ComponentOutput {
            served: self.output.done,
            throttled: self.output.throttled,
            capacity: self.rule.as_ref().map(|_| (self.lanes.len() as f64, self.lanes.len() as f64)),
            busy: self.rule.as_ref().map(|_| (self.area_busy as f64 / nanos, self.busy.peak() as f64)),
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), ended),
            mean_in_system: self.area as f64 / nanos,
            queue: Some(Box::new(self.output)),
            ..ComponentOutput::default()
        }
    }
}
