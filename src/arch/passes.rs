//! A batch of requests in passes, where nothing but answers can happen between them.
//!
//! The plain way ([`crate::sim::engine::feed`]) takes one request after another through everything: its arrival is counted, the fronts let it in,
//! an environment is found, the answer passes the fronts again and is metered. That is one loop of four hundred instructions with more
//! values at hand than a processor has registers, and a branch for each thing that a component may be.
//!
//! Where clients don't try again, what happens to a request apart from finding an environment or an instance depends on no other request, and the
//! same can be done to all requests of a batch, one thing after another, each in a short loop of its own:
//!
//! 1. arrivals are counted, fronts and the account's request rate let them in (in the order of time, as their token buckets are);
//! 2. environments or instances are found and released, the one loop in which order matters: `lambda::take_batch`, or one request after another to
//!    fleets;
//! 3. answers pass the fronts and are metered: those of functions at once, since their ends are known; those of fleets when enough of them have
//!    gathered ([`super::way_back::WayBack::take_gathered`]).
//!
//! All that the first and the third count are sums and maxima of whole numbers, so their order does not matter, as long as none crosses the end
//! of a bucket or an hour: a batch is cut there. Whatever is not ordinary (a cold start, a refusal, an error) goes the plain way in the second
//! pass, one call at a time. `How::one_by_one` is the plain way; a property test holds the two together to the bit.

use super::call::Call;
use super::calls::{Calls, Room};
use super::lambda::{self, LambdaState};
use super::way_back::Place;
use super::world::{Event, World};
use crate::sim::engine;
use crate::sim::queue::EventQueue;
use crate::traffic::Batch;
use std::ops::Range;

/// What a batch needs on its way.
pub(super) struct Passes {
    room: Room,
    to: To,
}

/// Where all requests end; a position for each class.
enum To {
    /// In functions that are simple enough.
    Functions(Vec<u16>),
    /// In fleets.
    Fleets(Vec<u16>),
}

impl Passes {
    /// For an architecture whose requests all pass the same fronts and end in simple functions, or in fleets.
    pub fn of(world: &World<'_>) -> Option<Self> {
        let paths = &world.back.paths;
        let elsewhere = !world.pools.is_empty()
            || !world.queues.is_empty()
            || !world.streams.is_empty()
            || !world.deployed.is_empty();
        if elsewhere || world.feedback || !world.back.is_common() {
            return None;
        }
        let functions = paths.iter().map(|path| match path.last {
            Place::Function(function) => Some(function),
            _ => None,
        });
        let fleets = paths.iter().map(|path| match path.last {
            Place::Fleet(fleet) => Some(fleet),
            _ => None,
        });
        let to = if world.fleets.is_empty() && world.functions.iter().all(LambdaState::is_simple) {
            To::Functions(functions.collect::<Option<_>>()?)
        } else if world.functions.is_empty() {
            To::Fleets(fleets.collect::<Option<_>>()?)
        } else {
            return None;
        };
        Some(Self { room: Room::new(paths.len()), to })
    }

    /// Takes the requests of a batch, and handles what is due up to the last of them.
    pub fn take(&mut self, world: &mut World<'_>, batch: &Batch, queue: &mut EventQueue<Event>) {
        let mut from = 0;
        while from < batch.len {
            let edge = world.next_edge;
            let to = from + batch.at[from..batch.len].partition_point(|&at| at < edge);
            if to == from {
                // What is due at an instant comes before what arrives then.
                engine::drain(world, queue, batch.at[from]);
                continue;
            }
            self.take_part(world, batch, from..to, queue);
            from = to;
        }
    }

    /// Takes requests that come before the next end of a bucket or an hour.
    fn take_part(&mut self, world: &mut World<'_>, batch: &Batch, part: Range<usize>, queue: &mut EventQueue<Event>) {
        let mut calls = self.room.calls(world.next_id, &batch.at[part.clone()], &batch.class[part.clone()]);
        let (cpu, wait) = (&batch.cpu[part.clone()], &batch.wait[part]);
        world.next_id += calls.len() as u64;
        arrive(world, &mut calls);
        match &self.to {
            To::Functions(function_of) => {
                let (functions, depth) = (&mut world.functions, world.back.common_depth());
                refuse_by_rate(functions, function_of, &mut world.account, &mut calls, depth);
                let to = lambda::To { function_of, depth };
                lambda::take_batch(
                    functions,
                    to,
                    &mut calls,
                    (cpu, wait),
                    &mut world.shared,
                    &mut world.account,
                    queue,
                );
                world.back.take_together(&mut calls);
            }
            To::Fleets(fleet_of) => {
                give_to_fleets(world, fleet_of, &calls, (cpu, wait), queue);
                world.back.take_others(&calls);
            }
        }
    }
}

/// Arrivals pass the fronts.
fn arrive(world: &mut World<'_>, calls: &mut Calls<'_>) {
    world.back.arrive_together(calls);
    if world.counts_external {
        world.hour_external = world.hour_external.saturating_add(calls.sum(&world.external));
    }
}

/// Refuses calls beyond the account's request rate, behind `depth` fronts.
fn refuse_by_rate(
    functions: &mut [LambdaState],
    function_of: &[u16],
    account: &mut lambda::AccountState,
    calls: &mut Calls<'_>,
    depth: usize,
) {
    if !account.has_rate() {
        return;
    }
    for n in 0..calls.len() {
        if calls.ordinary[n].get() && !account.takes(calls.at[n]) {
            let call = calls.call(n);
            let function = &mut functions[usize::from(function_of[usize::from(call.class)])];
            calls.set_apart(n, call, function.throttle_by_rate(call.at), depth);
        }
    }
}

/// The second pass for fleets.
#[inline(never)]
fn give_to_fleets(
    world: &mut World<'_>,
    fleet_of: &[u16],
    calls: &Calls<'_>,
    (cpu, wait): (&[u64], &[u64]),
    queue: &mut EventQueue<Event>,
) {
    for n in 0..calls.len() {
        let now = calls.at[n];
        if queue.may_be_due(now) {
            engine::drain(world, queue, now);
        }
        if calls.ordinary[n].get() {
            let call = Call { cpu: cpu[n], wait: wait[n], ..calls.call(n) };
            world.give_to_fleet(now, call, fleet_of[usize::from(call.class)], queue);
        }
    }
}
