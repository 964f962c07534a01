//! Functions that call functions and wait for them: the caller's environment is held, and billed, until it has its answer.
//!
//! A call's own work comes first, then what its model lists under `calls`, one after another. Tables answer without an event. Another
//! function is called at the instant at which the handler gets there, so that it meets the state of that instant:
//!
//! - A throttle (429) is tried again as the AWS SDKs do in their standard mode: three attempts in all, after a random part of 1 s, then
//!   of 2 s, doubling up to 20 s. Without attempts left, or if the callee fails or runs out of time (no SDK tries that again, since the
//!   invocation itself succeeded), the caller fails, too.
//! - The caller's time-out ends its call though the callee goes on, and is paid.
//!
//! Usage is booked in the hour in which such a call ends.

use super::call::{Call, Ending};
use super::lambda::Held;
use super::output::Outcome;
use super::way_back::Place;
use super::world::{Due, Event, World};
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::sim::sampler::Sampler;
use crate::spec::model::{Architecture, ComponentKind, OutboundKind};
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};

/// Backoff of the SDKs (standard mode): the first wait and the longest. Three attempts: AWS SDKs and tools reference guide; the
/// seconds are from memory.
const BACKOFF_BASE: u64 = NANOS_PER_SEC;
const BACKOFF_CAP: u64 = 20 * NANOS_PER_SEC;

/// Who waits for the answer of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiter {
    /// A client, through the fronts.
    Client,
    /// A call of another function: its number.
    Job(u32),
    /// An event that was accepted: its number.
    Event(u32),
    /// An execution of a durable function: its number.
    Part(u32),
    /// A batch of a queue's messages.
    Batch {
        /// The queue's position.
        queue: u16,
        /// The batch's number.
        batch: u32,
    },
    /// The batch of a stream's lane.
    Lane {
        /// The stream's position.
        stream: u16,
        /// The lane's number.
        lane: u32,
    },
}

/// What a handler does at one position of its calls.
enum What {
    Table,
    Asked(Asked),
}

/// Somebody whose state at the instant of the call matters.
struct Asked {
    whom: Whom,
    /// CPU and wait with the keys of their draws; `None` = what the request itself needs.
    work: Option<Box<[(Sampler, Key); 2]>>,
    retries: u8,
    numbers: Key,
    backoff: Key,
}

#[derive(Debug, Clone, Copy)]
enum Whom {
    /// A function, and waits for its answer.
    Function(u16),
    /// A function that is invoked asynchronously.
    Inbox(u16),
    Queue(u16),
    Stream(u16),
}

struct Step {
    classes: Vec<bool>,
    what: What,
}

/// A call at work that waits for others.
struct Job {
    call: Call,
    /// Whose steps it takes.
    function: u16,
    /// Whose environment it holds: the same, unless it is deployed.
    version: u16,
    held: Held,
    waiter: Waiter,
    /// Position among the calls of its function.
    step: usize,
    /// Attempts at that call before the present one.
    attempt: u8,
    asked_at: SimTime,
    waited: SimDuration,
    /// The callee has yet to answer.
    open: bool,
    /// An event will tell when its time is over.
    watched: bool,
    ended: bool,
}

/// What functions call, and the calls that wait.
pub(super) struct Chains {
    /// By function; empty for those that call nobody but tables.
    steps: Vec<Vec<Step>>,
    jobs: Vec<Job>,
    free: Vec<u32>,
}

impl Chains {
    /// For an architecture whose components stand at `places`. `root` is the key of the replication.
    pub(super) fn new(architecture: &Architecture, places: &[Place], root: Key) -> Self {
        let functions = architecture.components.iter().filter_map(|component| match &component.kind {
            ComponentKind::Lambda(function) => Some((component.name.as_str(), function)),
            _ => None,
        });
        let steps = functions.map(|(name, function)| {
            if !function.calls_at_instants() {
                return Vec::new();
            }
            let step = |(step, call): (usize, &crate::spec::model::Outbound)| {
                let key = root.named(name).named("call").numbered(step as u64);
                let whom = match places[usize::from(call.to.0)] {
                    Place::Function(function) | Place::Caller(function) => Whom::Function(function),
                    Place::Inbox(function) => Whom::Inbox(function),
                    Place::Queue(queue) => Whom::Queue(queue),
                    Place::Stream(stream) => Whom::Stream(stream),
                    _ => return Step { classes: call.classes.clone(), what: What::Table },
                };
                let (work, retries) = match &call.what {
                    OutboundKind::Function { work, retries } => (work.as_ref(), *retries),
                    OutboundKind::Message { work } => (work.as_ref(), 0),
                    OutboundKind::Table { .. } => (None, 0),
                };
                let what = What::Asked(Asked {
                    whom,
                    work: work.map(|(cpu, wait)| {
                        let cpu = (Sampler::compile(cpu), key.named("cpu"));
                        Box::new([cpu, (Sampler::compile(wait), key.named("wait"))])
                    }),
                    retries,
                    numbers: key,
                    backoff: key.named("backoff"),
                });
                Step { classes: call.classes.clone(), what }
            };
            function.calls.iter().enumerate().map(step).collect()
        });
        Self { steps: steps.collect(), jobs: Vec::new(), free: Vec::new() }
    }

    fn add(&mut self, job: Job) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.jobs[number as usize] = job;
                number
            }
            None => {
                self.jobs.push(job);
                (self.jobs.len() - 1) as u32
            }
        }
    }

    /// Gives a number back when nothing refers to it any more.
    fn forget(&mut self, number: u32) {
        let job = &self.jobs[number as usize];
        if job.ended && !job.open && !job.watched {
            self.free.push(number);
        }
    }
}

impl World<'_> {
    /// Invokes a function for somebody who is told the answer, at once or later.
    pub(super) fn invoke(
        &mut self,
        now: SimTime,
        function: u16,
        call: Call,
        waiter: Waiter,
        queue: &mut EventQueue<Event>,
    ) {
        if self.durables.has(function) {
            return self.execute(now, function, call, waiter, queue);
        }
        self.invoke_plain(now, function, call, waiter, queue);
    }

    /// A single invocation.
    pub(super) fn invoke_plain(
        &mut self,
        now: SimTime,
        function: u16,
        mut call: Call,
        waiter: Waiter,
        queue: &mut EventQueue<Event>,
    ) {
        if self.chains.steps[usize::from(function)].is_empty() {
            let ending = self.invoke_version(now, function, &mut call, queue);
            return self.answered(now, waiter, &call, ending, queue);
        }
        let version = self.version_for(now, function, &call);
        let state = &mut self.functions[usize::from(version)];
        let held = state.hold(now, &mut call, &mut self.shared, &mut self.account);
        self.entered(now, function);
        let Some(held) = held else {
            let refused = Ending::throttled(now);
            return self.answered(now, waiter, &call, refused, queue);
        };
        let job = self.chains.add(Job {
            call,
            function,
            version,
            held,
            waiter,
            step: 0,
            attempt: 0,
            asked_at: now,
            waited: SimDuration::ZERO,
            open: false,
            watched: false,
            ended: false,
        });
        match held.own_work {
            Some(handler) => self.advance(now, job, handler, queue),
            None => self.end_job(now, job, 0, Some(500), queue),
        }
    }

    /// Somebody has an answer, which may lie ahead.
    pub(super) fn answered(
        &mut self,
        now: SimTime,
        waiter: Waiter,
        call: &Call,
        ending: Ending,
        queue: &mut EventQueue<Event>,
    ) {
        match waiter {
            Waiter::Client => self.answer_late(now, *call, ending, queue),
            Waiter::Job(job) => self.resume(now, job, call.cold, ending, queue),
            Waiter::Event(event) => self.delivered(now, event, ending, queue),
            Waiter::Part(execution) => self.part_answered(now, execution, call.cold, ending, queue),
            Waiter::Batch { queue: number, batch } => self.batch_answered(now, (number, batch), ending, queue),
            Waiter::Lane { stream, lane } => self.lane_answered(now, (stream, lane), ending, queue),
        }
    }

    /// Goes on with a job whose handler has been at work for `handler` nanoseconds, until it calls a function or is done.
    fn advance(&mut self, now: SimTime, number: u32, mut handler: u64, queue: &mut EventQueue<Event>) {
        let job = &mut self.chains.jobs[number as usize];
        let (function, state) = (usize::from(job.function), &self.functions[usize::from(job.version)]);
        while handler <= state.timeout().0 {
            let Some(step) = self.chains.steps[function].get(job.step) else {
                return self.end_job(now, number, handler, None, queue);
            };
            if step.classes[usize::from(job.call.class)] {
                match step.what {
                    What::Table => handler = state.at_table(job.step, handler, &job.call, &mut self.shared.tables),
                    What::Asked(_) => {
                        let at = job.held.handler_from + SimDuration(handler);
                        job.asked_at = at;
                        return queue.push(at, Event::new(Due::Step, 0, number));
                    }
                }
            }
            job.step += 1;
            job.attempt = 0;
        }
        let timeout = state.timeout().0;
        self.end_job(now, number, timeout, Some(504), queue);
    }

    /// A job calls somebody.
    pub(super) fn step(&mut self, now: SimTime, number: u32, queue: &mut EventQueue<Event>) {
        let job = &mut self.chains.jobs[number as usize];
        let What::Asked(asked) = &self.chains.steps[usize::from(job.function)][job.step].what else { return };
        let id = asked.numbers.draw(job.call.id, u32::from(job.call.attempt));
        let (cpu, wait) = asked.work.as_ref().map_or((job.call.cpu, job.call.wait), |work| {
            let [(cpu, cpu_key), (wait, wait_key)] = &**work;
            (cpu.sample(cpu_key.draw(id, 0)).0, wait.sample(wait_key.draw(id, 0)).0)
        });
        let call = Call { cpu, wait, attempt: job.attempt, ..Call::fresh(id, now, job.call.class) };
        let function = match asked.whom {
            Whom::Function(function) => function,
            Whom::Inbox(function) => {
                self.accept(now, function, call, queue);
                return self.go_on(now, number, SimDuration::ZERO, queue);
            }
            Whom::Stream(to) => {
                let taken = self.put_record(now, to, &call, queue);
                return self.go_on(now, number, taken, queue);
            }
            Whom::Queue(to) => {
                let state = &mut self.queues[usize::from(to)];
                state.send(now, &call);
                let taken = state.send_latency(id);
                self.pump(now, to, queue);
                return self.go_on(now, number, taken, queue);
            }
        };
        job.open = true;
        if !job.watched && !self.chains.steps[usize::from(function)].is_empty() {
            // The answer will not be known at once: somebody has to notice when the caller's time is over.
            let timeout = self.functions[usize::from(job.version)].timeout();
            job.watched = true;
            queue.push(job.held.handler_from + timeout + SimDuration(1), Event::new(Due::Cut, 0, number));
        }
        self.invoke(now, function, call, Waiter::Job(number), queue);
    }

    /// A job goes on after something that took so long.
    fn go_on(&mut self, now: SimTime, number: u32, taken: SimDuration, queue: &mut EventQueue<Event>) {
        let job = &mut self.chains.jobs[number as usize];
        job.step += 1;
        job.attempt = 0;
        let handler = (now + taken).since(job.held.handler_from).0;
        self.advance(now, number, handler, queue);
    }

    /// A job has the answer of the function that it called.
    fn resume(&mut self, now: SimTime, number: u32, cold: bool, ending: Ending, queue: &mut EventQueue<Event>) {
        let job = &mut self.chains.jobs[number as usize];
        job.open = false;
        if job.ended {
            return self.chains.forget(number);
        }
        job.call.cold |= cold;
        let timeout = self.functions[usize::from(job.version)].timeout();
        let until = ending.at.min(job.held.handler_from + timeout);
        job.waited = job.waited + until.since(job.asked_at);
        job.asked_at = until;
        let handler = until.since(job.held.handler_from).0;
        if ending.at > until {
            return self.end_job(now, number, timeout.0, Some(504), queue);
        }
        if ending.outcome == Outcome::Served {
            job.step += 1;
            job.attempt = 0;
            return self.advance(now, number, handler, queue);
        }
        let What::Asked(Asked { retries, backoff, .. }) = &self.chains.steps[usize::from(job.function)][job.step].what
        else {
            return;
        };
        if ending.status != 429 || job.attempt >= *retries {
            return self.end_job(now, number, handler, Some(500), queue);
        }
        let longest = BACKOFF_BASE.saturating_mul(1 << job.attempt.min(30)).min(BACKOFF_CAP);
        let draw = backoff.draw(job.call.id, u32::from(job.call.attempt) << 8 | u32::from(job.attempt));
        let at = ending.at + SimDuration((longest as f64 * unit(draw)) as u64);
        job.attempt += 1;
        if at > job.held.handler_from + timeout {
            return self.end_job(now, number, timeout.0, Some(504), queue);
        }
        queue.push(at.max(now), Event::new(Due::Step, 0, number));
    }

    /// The time of a job is over, unless it has ended.
    pub(super) fn cut(&mut self, now: SimTime, number: u32, queue: &mut EventQueue<Event>) {
        let job = &mut self.chains.jobs[number as usize];
        job.watched = false;
        if job.ended {
            return self.chains.forget(number);
        }
        // With an answer at hand that lies ahead, it goes on by itself.
        if job.open {
            let timeout = self.functions[usize::from(job.version)].timeout();
            job.waited = job.waited + (job.held.handler_from + timeout).since(job.asked_at);
            self.end_job(now, number, timeout.0, Some(504), queue);
        }
    }

    /// A job ends after its handler has been at work for `handler`; `error` is the status that it ends with, if not well.
    fn end_job(&mut self, now: SimTime, number: u32, handler: u64, error: Option<u16>, queue: &mut EventQueue<Event>) {
        let job = &mut self.chains.jobs[number as usize];
        job.ended = true;
        let (call, waiter) = (job.call, job.waiter);
        let ended = match error {
            None => Ending::served(now),
            Some(504) => Ending { at: now, status: 504, outcome: Outcome::TimedOut },
            Some(status) => Ending { at: now, status, outcome: Outcome::Failed },
        };
        let function = &mut self.functions[usize::from(job.version)];
        let ending = function.end(&job.held, handler, job.waited, ended, now, queue);
        self.chains.forget(number);
        self.answered(now, waiter, &call, ending, queue);
    }
}
