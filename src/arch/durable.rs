//! Durable functions: an execution is several invocations of the same function, with checkpoints in them and waits between them.
//!
//! - The request's work is spread evenly over the invocations, one more than there are waits. Each after the first begins with the replay of what
//!   was done before. Each is an ordinary invocation: it may find an environment or make one, and is billed.
//! - A wait suspends the execution: no environment is held and no duration is paid.
//! - An invocation that fails or runs out of time is made again, after 1 s, 2 s, 4 s … at most 5 minutes, up to `retries` times; then the execution has
//!   failed. A throttle ends an execution that has not begun (429); later ones are tried again with the same waits, without an end.
//! - Operations (the start, each step, each wait), bytes written, and bytes kept until `retention` after the end are paid.
//!
//! Sources: AWS.md 1.13; Lambda developer guide, durable functions. That the work is even, the waits after failures and what counts as
//! an operation beyond the pricing page's words are readings of ours.

use super::call::{Call, Ending};
use super::chain::Waiter;
use super::ledger::{Ledger, MeterId};
use super::output::Outcome;
use super::world::{Due, Event, World};
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::sim::sampler::Sampler;
use crate::spec::model::Durable;
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;

/// First and longest wait before an invocation is made again.
const AGAIN: u64 = NANOS_PER_SEC;
const LONGEST: u64 = 300 * NANOS_PER_SEC;

/// What the executions of one function have in common.
pub(super) struct DurableState {
    steps: u32,
    waits: Vec<(Sampler, Key)>,
    replay: (Sampler, Key),
    checkpoint: u64,
    retention: SimDuration,
    retries: u8,
    operations: MeterId,
    written: MeterId,
    retained: MeterId,
    hour_operations: u64,
    hour_written: u64,
    /// Byte-milliseconds that are not booked yet.
    kept: u128,
}

impl DurableState {
    fn new(name: &str, rule: &Durable, key: Key, ledger: &mut Ledger) -> Self {
        let key = key.named("durable");
        let wait = |(number, wait): (usize, _)| (Sampler::compile(wait), key.named("wait").numbered(number as u64));
        Self {
            steps: rule.steps,
            waits: rule.waits.iter().enumerate().map(wait).collect(),
            replay: (Sampler::compile(&rule.replay), key.named("replay")),
            checkpoint: rule.checkpoint.0,
            retention: rule.retention,
            retries: rule.retries,
            operations: ledger.open(name, "lambda.durable.op", RawUnit::Count),
            written: ledger.open(name, "lambda.durable.written", RawUnit::Bytes),
            retained: ledger.open(name, "lambda.durable.retained", RawUnit::GibMs),
            hour_operations: 0,
            hour_written: 0,
            kept: 0,
        }
    }

    /// Invocations of an execution.
    fn parts(&self) -> u32 {
        self.waits.len() as u32 + 1
    }

    /// Share of a whole that comes before this part.
    fn before(&self, whole: u64, part: u32) -> u64 {
        (u128::from(whole) * u128::from(part) / u128::from(self.parts())) as u64
    }

    fn keep(&mut self, bytes: u64, time: SimDuration) {
        self.kept += u128::from(bytes) * u128::from(time.0 / NANOS_PER_MILLI);
    }

    fn restart(&mut self) {
        (self.hour_operations, self.hour_written, self.kept) = (0, 0, 0);
    }

    fn close_hour(&mut self, ledger: &mut Ledger) {
        ledger.book(self.operations, std::mem::take(&mut self.hour_operations));
        ledger.book(self.written, std::mem::take(&mut self.hour_written));
        ledger.book(self.retained, u64::try_from(self.kept >> 30).unwrap_or(u64::MAX));
        self.kept &= (1 << 30) - 1;
    }
}

/// An execution under way.
#[derive(Clone, Copy)]
pub(super) struct Execution {
    /// The request as a whole.
    call: Call,
    function: u16,
    waiter: Waiter,
    part: u32,
    /// Failures of the present part, and throttles since the last attempt that began.
    failures: u8,
    throttles: u8,
    /// Invocations so far, which number their draws.
    invocations: u8,
    cold: bool,
}

/// All durable functions and their executions.
#[derive(Default)]
pub(super) struct Durables {
    /// By function; `None` for ordinary ones.
    states: Vec<Option<DurableState>>,
    executions: Vec<Execution>,
    free: Vec<u32>,
}

impl Durables {
    /// Takes in the next function.
    pub(super) fn push(&mut self, name: &str, rule: Option<&Durable>, key: Key, ledger: &mut Ledger) {
        self.states.push(rule.map(|rule| DurableState::new(name, rule, key, ledger)));
    }

    /// Forgets what was before the horizon.
    pub(super) fn restart(&mut self) {
        self.states.iter_mut().flatten().for_each(DurableState::restart);
    }

    /// Books the hour's usage.
    pub(super) fn close_hour(&mut self, ledger: &mut Ledger) {
        self.states.iter_mut().flatten().for_each(|state| state.close_hour(ledger));
    }

    /// Whether a function is durable.
    pub(super) fn has(&self, function: u16) -> bool {
        self.states[usize::from(function)].is_some()
    }

    fn add(&mut self, execution: Execution) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.executions[number as usize] = execution;
                number
            }
            None => {
                self.executions.push(execution);
                (self.executions.len() - 1) as u32
            }
        }
    }
}

impl World<'_> {
    /// Starts an execution.
    pub(super) fn execute(
        &mut self,
        now: SimTime,
        function: u16,
        call: Call,
        waiter: Waiter,
        queue: &mut EventQueue<Event>,
    ) {
        let execution =
            Execution { call, function, waiter, part: 0, failures: 0, throttles: 0, invocations: 0, cold: false };
        let number = self.durables.add(execution);
        self.invoke_part(now, number, queue);
    }

    /// Makes the next invocation of an execution.
    pub(super) fn invoke_part(&mut self, now: SimTime, number: u32, queue: &mut EventQueue<Event>) {
        let execution = &mut self.durables.executions[number as usize];
        let Execution { call, function, part, invocations, .. } = *execution;
        execution.invocations = invocations.saturating_add(1);
        let Some(state) = &self.durables.states[usize::from(function)] else { return };
        let of = |whole: u64| state.before(whole, part + 1) - state.before(whole, part);
        let (replay, key) = &state.replay;
        let replay = if part == 0 { 0 } else { replay.sample(key.draw(call.id, u32::from(invocations))).0 };
        // The draws of each invocation are its own.
        let attempt = call.attempt.wrapping_mul(31).wrapping_add(invocations);
        let call = Call { cpu: of(call.cpu), wait: of(call.wait) + replay, at: now, attempt, cold: false, ..call };
        self.invoke_plain(now, function, call, Waiter::Part(number), queue);
    }

    /// An invocation of an execution has ended, or will at that instant.
    pub(super) fn part_answered(
        &mut self,
        now: SimTime,
        number: u32,
        cold: bool,
        ending: Ending,
        queue: &mut EventQueue<Event>,
    ) {
        let execution = &mut self.durables.executions[number as usize];
        execution.cold |= cold;
        let Execution { call, function, part, failures, throttles, .. } = *execution;
        let Some(state) = &mut self.durables.states[usize::from(function)] else { return };
        let began = ending.outcome != Outcome::Throttled;
        if part == 0 && failures == 0 {
            if !began {
                return self.end_execution(now, number, ending, queue);
            }
            state.hour_operations += 1;
        }
        let again = |times: u8| ending.at + SimDuration(AGAIN.saturating_mul(1 << times.min(20)).min(LONGEST));
        let at = match ending.outcome {
            Outcome::Served => {
                let steps = state.before(state.steps.into(), part + 1) - state.before(state.steps.into(), part);
                let bytes = steps.saturating_mul(state.checkpoint);
                state.hour_operations += steps;
                state.hour_written = state.hour_written.saturating_add(bytes);
                let written = state.before(state.steps.into(), part + 1).saturating_mul(state.checkpoint);
                let Some((wait, key)) = state.waits.get(part as usize) else {
                    state.keep(written, state.retention);
                    return self.end_execution(now, number, ending, queue);
                };
                let wait = wait.sample(key.draw(call.id, u32::from(call.attempt)));
                state.hour_operations += 1;
                state.keep(written, wait);
                (execution.part, execution.failures, execution.throttles) = (part + 1, 0, 0);
                ending.at + wait
            }
            Outcome::Throttled => {
                execution.throttles = throttles.saturating_add(1);
                again(throttles)
            }
            _ if failures < state.retries => {
                (execution.failures, execution.throttles) = (failures + 1, 0);
                again(failures)
            }
            _ => {
                let written = state.before(state.steps.into(), part).saturating_mul(state.checkpoint);
                state.keep(written, state.retention);
                return self.end_execution(now, number, ending, queue);
            }
        };
        queue.push(at.max(now), Event::new(Due::Part, 0, number));
    }

    fn end_execution(&mut self, now: SimTime, number: u32, ending: Ending, queue: &mut EventQueue<Event>) {
        let Execution { call, waiter, cold, .. } = self.durables.executions[number as usize];
        self.durables.free.push(number);
        let call = Call { cold: call.cold | cold, ..call };
        self.answered(now, waiter, &call, ending, queue);
    }
}
