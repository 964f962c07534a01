//! The event loop: arrivals are already in order, so they are merged with the queue instead of passing through it.

use super::queue::EventQueue;
use crate::units::SimTime;

/// What is simulated. One implementation, so the loop is compiled for it.
pub trait Model {
    /// A small `Copy` value.
    type Event: Copy;
    /// What arrives.
    type Arrival: Copy;

    /// Something arrives at `now`. Events up to and including `now` have been handled.
    fn arrival(&mut self, now: SimTime, arrival: Self::Arrival, queue: &mut EventQueue<Self::Event>);

    /// A pending event is due.
    fn event(&mut self, now: SimTime, event: Self::Event, queue: &mut EventQueue<Self::Event>);
}

/// Handles all events up to and including `until`.
#[inline(always)]
pub fn drain<M: Model>(model: &mut M, queue: &mut EventQueue<M::Event>, until: SimTime) {
    while let Some((now, event)) = queue.pop_until(until) {
        model.event(now, event, queue);
    }
}

/// Feeds a batch of arrivals in order of time.
#[inline(always)]
pub fn feed<M: Model>(
    model: &mut M,
    queue: &mut EventQueue<M::Event>,
    batch: impl Iterator<Item = (SimTime, M::Arrival)>,
) {
    for (at, arrival) in batch {
        if queue.may_be_due(at) {
            drain(model, queue, at);
        }
        model.arrival(at, arrival, queue);
    }
}
