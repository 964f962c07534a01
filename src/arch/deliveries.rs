//! Messages and records on their way: into queues and streams, from these to functions, and to dead-letter queues.

use super::call::{Call, Ending};
use super::chain::Waiter;
use super::message_queue::QueueEvent;
use super::output::Outcome;
use super::stream::{Next, StreamEvent};
use super::world::{Due, Event, World};
use crate::sim::queue::EventQueue;
use crate::spec::model::ComponentId;
use crate::units::{SimDuration, SimTime};

impl World<'_> {
    /// A message is sent to the queue that is this component.
    pub(super) fn send_to(&mut self, now: SimTime, to: ComponentId, call: Call, queue: &mut EventQueue<Event>) {
        if let Some(number) = self.shared.queue_of(to) {
            self.queues[usize::from(number)].send(now, &call);
            self.pump(now, number, queue);
        }
    }

    /// Lets a queue's pollers take what they can.
    pub(super) fn pump(&mut self, now: SimTime, number: u16, queue: &mut EventQueue<Event>) {
        loop {
            let state = &mut self.queues[usize::from(number)];
            let launch = match state.next_batch(now) {
                Ok(launch) => launch,
                Err(wanted) => {
                    if let Some((at, what)) = wanted {
                        queue.push(at, Event::new(Due::Queue(what), number, 0));
                    }
                    return;
                }
            };
            let Some(function) = state.rule().and_then(|rule| self.shared.function_of(rule.to)) else { return };
            self.functions[usize::from(function)].expect(Some(launch.fails));
            let waiter = Waiter::Batch { queue: number, batch: launch.batch };
            self.invoke(now, function, launch.call, waiter, queue);
            self.functions[usize::from(function)].expect(None);
        }
    }

    /// The function has answered for a batch.
    pub(super) fn batch_answered(
        &mut self,
        now: SimTime,
        (number, batch): (u16, u32),
        ending: Ending,
        queue: &mut EventQueue<Event>,
    ) {
        let state = &mut self.queues[usize::from(number)];
        let throttled = ending.outcome == Outcome::Throttled;
        if let Some(function) = state.rule().and_then(|rule| self.shared.function_of(rule.to))
            && !throttled
        {
            self.functions[usize::from(function)].log_further(state.further_log(batch));
        }
        state.answered(batch, ending.outcome == Outcome::Served, throttled);
        queue.push(ending.at.max(now), Event::new(Due::Queue(QueueEvent::Done), number, batch));
    }

    /// Something is due in a queue.
    pub(super) fn queue_event(
        &mut self,
        now: SimTime,
        what: QueueEvent,
        number: u16,
        batch: u32,
        queue: &mut EventQueue<Event>,
    ) {
        let state = &mut self.queues[usize::from(number)];
        match what {
            QueueEvent::Window => {}
            QueueEvent::Scale => state.scale(now),
            QueueEvent::Done => {
                if let Some((at, what)) = state.done(now, batch) {
                    queue.push(at, Event::new(Due::Queue(what), number, batch));
                }
            }
            QueueEvent::Back => {
                let dead = state.back(now, batch);
                let to = state.rule().and_then(|rule| rule.dead_letter);
                if let Some(to) = to.and_then(|to| self.shared.queue_of(to))
                    && !dead.is_empty()
                {
                    for message in dead {
                        self.queues[usize::from(to)].put(now, message);
                    }
                    self.pump(now, to, queue);
                }
            }
        }
        self.pump(now, number, queue);
    }

    /// A record is put into a stream; returns how long its sender waits.
    pub(super) fn put_record(
        &mut self,
        now: SimTime,
        stream: u16,
        call: &Call,
        queue: &mut EventQueue<Event>,
    ) -> SimDuration {
        let state = &mut self.streams[usize::from(stream)];
        if let Some((at, lane)) = state.put(now, call) {
            queue.push(at, Event::new(Due::Stream(StreamEvent::Poll), stream, lane));
        }
        state.put_latency(call.id)
    }

    /// A lane of a stream takes its next batch, if it can.
    fn look_after(&mut self, now: SimTime, stream: u16, lane: u32, queue: &mut EventQueue<Event>) {
        let state = &mut self.streams[usize::from(stream)];
        let next = state.next(now, lane);
        let on_failure = state.rule().and_then(|rule| rule.on_failure);
        for call in state.take_given_up() {
            if let Some(to) = on_failure {
                self.send_to(now, to, call, queue);
            }
        }
        let state = &self.streams[usize::from(stream)];
        match next {
            Next::Nothing => {}
            Next::At(at) => queue.push(at, Event::new(Due::Stream(StreamEvent::Poll), stream, lane)),
            Next::Launch(call, fails) => {
                let Some(function) = state.rule().and_then(|rule| self.shared.function_of(rule.to)) else { return };
                self.functions[usize::from(function)].expect(Some(fails));
                self.invoke(now, function, call, Waiter::Lane { stream, lane }, queue);
                self.functions[usize::from(function)].expect(None);
            }
        }
    }

    /// The function has answered for a lane's batch.
    pub(super) fn lane_answered(
        &mut self,
        now: SimTime,
        (stream, lane): (u16, u32),
        ending: Ending,
        queue: &mut EventQueue<Event>,
    ) {
        let state = &mut self.streams[usize::from(stream)];
        let throttled = ending.outcome == Outcome::Throttled;
        if let Some(function) = state.rule().and_then(|rule| self.shared.function_of(rule.to))
            && !throttled
        {
            self.functions[usize::from(function)].log_further(state.further_log(lane));
        }
        state.answered(lane, ending.outcome == Outcome::Served, throttled);
        queue.push(ending.at.max(now), Event::new(Due::Stream(StreamEvent::Done), stream, lane));
    }

    /// Something is due in a stream.
    pub(super) fn stream_event(
        &mut self,
        now: SimTime,
        what: StreamEvent,
        stream: u16,
        lane: u32,
        queue: &mut EventQueue<Event>,
    ) {
        if what == StreamEvent::Done {
            let state = &mut self.streams[usize::from(stream)];
            if let Some(at) = state.done(now, lane) {
                return queue.push(at, Event::new(Due::Stream(StreamEvent::Poll), stream, lane));
            }
        }
        self.look_after(now, stream, lane, queue);
    }
}
