//! Asynchronous invocation: Lambda takes the event (202) and invokes the function later, until it succeeds or is given up.
//!
//! - An event is tried at once. After an error of the function (a time-out is one) it is tried again after 1 minute and once more after 2
//!   (`retries`, 0 to 2).
//! - After a throttle it is tried again after 1 s, 2 s, 4 s … at most 5 minutes, for up to `maximum_age`.
//! - What is too old, or has failed too often, goes to the `on_failure` queue or is dropped. With a reserved concurrency of 0 it goes there at once.
//! - The longer waits of a long event queue are not documented and not modelled.
//!
//! Sources: AWS.md 1.10 and 2.7 (Lambda developer guide, asynchronous invocation; pricing page).

use super::call::{Call, Ending};
use super::chain::Waiter;
use super::output::{Outcome, QueueOutput};
use super::world::{Due, Event, World};
use crate::sim::gauge::Gauge;
use crate::sim::queue::EventQueue;
use crate::spec::model::{Asynchronous, Function};
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};

/// Waits after the first and the second error.
const AFTER_ERROR: [SimDuration; 2] = [SimDuration(60 * NANOS_PER_SEC), SimDuration(120 * NANOS_PER_SEC)];
/// First and longest wait after a throttle.
const AFTER_THROTTLE: u64 = NANOS_PER_SEC;
const LONGEST: u64 = 300 * NANOS_PER_SEC;

/// An event that has been accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    call: Call,
    function: u16,
    /// Attempts that ended in an error.
    errors: u8,
    /// Throttles since the last error.
    throttles: u8,
    given_up: bool,
}

/// The asynchronous side of a function.
pub(super) struct Inbox {
    rule: Asynchronous,
    /// Nothing may run: events are given up at once.
    off: bool,
    waiting: Gauge,
    area: u128,
    pub(super) output: QueueOutput,
}

/// Events of all functions that wait for another attempt or an answer.
#[derive(Default)]
pub(super) struct Events {
    /// By function; `None` for those that are called synchronously.
    pub(super) inboxes: Vec<Option<Inbox>>,
    pending: Vec<Pending>,
    free: Vec<u32>,
}

impl Events {
    /// Takes in the next function.
    pub(super) fn push(&mut self, function: &Function) {
        self.inboxes.push(function.asynchronous.as_ref().map(|rule| Inbox {
            rule: rule.clone(),
            off: function.reserved_concurrency == Some(0),
            waiting: Gauge::new(0),
            area: 0,
            output: QueueOutput::default(),
        }));
    }

    fn keep(&mut self, pending: Pending) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.pending[slot as usize] = pending;
                slot
            }
            None => {
                self.pending.push(pending);
                (self.pending.len() - 1) as u32
            }
        }
    }

    fn take(&mut self, slot: u32) -> Pending {
        self.free.push(slot);
        self.pending[slot as usize]
    }
}

impl Inbox {
    /// Brings the integrals up to `now`.
    pub(super) fn settle(&mut self, now: SimTime) {
        self.area += self.waiting.take_area(now);
    }

    /// Forgets what was before the horizon.
    pub(super) fn restart(&mut self, now: SimTime) {
        self.waiting.restart(now);
        (self.area, self.output) = (0, QueueOutput::default());
    }

    /// What became of its events.
    pub(super) fn finish(mut self) -> QueueOutput {
        (self.output.waiting, self.output.peak) = (self.waiting.value(), self.waiting.peak());
        self.output
    }
}

impl World<'_> {
    /// Lambda accepts an event for a function.
    pub(super) fn accept(&mut self, now: SimTime, function: u16, call: Call, queue: &mut EventQueue<Event>) {
        let Some(inbox) = &mut self.events.inboxes[usize::from(function)] else { return };
        inbox.output.received += 1;
        inbox.waiting.up(now);
        let call = Call { first_at: now, cold: false, ..call };
        let mut pending = Pending { call, function, errors: 0, throttles: 0, given_up: false };
        if inbox.off {
            pending.given_up = true;
            return self.give_up(now, pending, queue);
        }
        self.deliver(now, pending, queue);
    }

    fn deliver(&mut self, now: SimTime, mut pending: Pending, queue: &mut EventQueue<Event>) {
        pending.call.at = now;
        let slot = self.events.keep(pending);
        self.invoke(now, pending.function, pending.call, Waiter::Event(slot), queue);
    }

    /// An event is due: its next attempt, its end, or that it is given up.
    pub(super) fn event_due(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>) {
        let pending = self.events.take(slot);
        if pending.given_up { self.give_up(now, pending, queue) } else { self.deliver(now, pending, queue) }
    }

    /// The function has answered.
    pub(super) fn delivered(&mut self, now: SimTime, slot: u32, ending: Ending, queue: &mut EventQueue<Event>) {
        let mut pending = self.events.take(slot);
        let Some(inbox) = &mut self.events.inboxes[usize::from(pending.function)] else { return };
        let wait = match ending.outcome {
            Outcome::Served => {
                inbox.output.done += 1;
                inbox.output.age.record(ending.at.since(pending.call.first_at));
                inbox.waiting.down(ending.at);
                return;
            }
            Outcome::Throttled => {
                inbox.output.throttled += 1;
                let wait = AFTER_THROTTLE.saturating_mul(1 << pending.throttles.min(20)).min(LONGEST);
                pending.throttles = pending.throttles.saturating_add(1);
                Some(SimDuration(wait))
            }
            _ => {
                let wait =
                    (pending.errors < inbox.rule.retries).then(|| AFTER_ERROR[usize::from(pending.errors.min(1))]);
                (pending.errors, pending.throttles) = (pending.errors + 1, 0);
                wait
            }
        };
        pending.call.attempt = pending.call.attempt.saturating_add(1);
        let oldest = pending.call.first_at + inbox.rule.maximum_age;
        let at = match wait {
            Some(wait) if ending.at + wait <= oldest => ending.at + wait,
            late => {
                pending.given_up = true;
                late.map_or(ending.at, |_| oldest.max(ending.at))
            }
        };
        inbox.output.returned += u64::from(!pending.given_up);
        let slot = self.events.keep(pending);
        queue.push(at.max(now), Event::new(Due::Accepted, 0, slot));
    }

    /// An event is not tried any more.
    fn give_up(&mut self, now: SimTime, pending: Pending, queue: &mut EventQueue<Event>) {
        let Some(inbox) = &mut self.events.inboxes[usize::from(pending.function)] else { return };
        inbox.waiting.down(now);
        match inbox.rule.on_failure {
            Some(to) => {
                inbox.output.dead += 1;
                self.send_to(now, to, pending.call, queue);
            }
            None => inbox.output.expired += 1,
        }
    }
}
