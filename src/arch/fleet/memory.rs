//! Memory of an instance: how many requests can be at work, and what happens to the next one.
//!
//! Where memory is short before `concurrency` is, nobody ever queues: the next request is refused, or the application is killed (the kernel's
//! out-of-memory killer) with all that it has at work and starts again. Until it listens, connections are refused: 502 at once. If the
//! health check notices before that, the group replaces the instance.

use super::{FleetState, Instance, Step};
use crate::arch::call::{Call, Ending};
use crate::arch::output::Outcome;
use crate::arch::world::Event;
use crate::sim::queue::EventQueue;
use crate::spec::group::WhenFull;
use crate::spec::model::Fleet;
use crate::units::SimTime;

/// How many requests an instance holds.
#[derive(Clone, Copy)]
pub struct Room {
    /// At work.
    pub concurrency: u64,
    /// Queued.
    pub queue: u64,
    /// One more than that kills the application.
    pub restarts: bool,
}

impl Room {
    /// On an instance of this fleet with so much memory.
    pub fn new(fleet: &Fleet, memory_mib: u32) -> Self {
        let (concurrency, queue) = (fleet.concurrency.as_u64(), fleet.queue.as_u64());
        match &fleet.memory {
            Some(memory) if memory.holds(memory_mib) < concurrency => Self {
                concurrency: memory.holds(memory_mib),
                queue: 0,
                restarts: memory.when_full == WhenFull::Restart,
            },
            _ => Self { concurrency, queue, restarts: false },
        }
    }
}

const fn connection_refused(at: SimTime) -> Ending {
    Ending { at, status: 502, outcome: Outcome::Failed }
}

impl FleetState {
    /// An instance has no room for a request.
    #[cold]
    #[inline(never)]
    pub(super) fn no_room(
        &mut self,
        now: SimTime,
        call: Call,
        slot: u32,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) -> Ending {
        if !self.room.restarts {
            self.books.refused();
            return Ending { at: now, ..self.full };
        }
        self.books.left(&call, now);
        let instance = &mut self.instances[slot as usize];
        if !instance.restarting {
            instance.restarting = true;
            instance.server.limit(0, 0);
            let lost = instance.server.fail_all(now);
            instance.planned = SimTime::NEVER;
            for call in lost {
                self.books.left(&call, now);
                done(&call, connection_refused(now));
            }
            self.starts_again(now, slot, queue);
        }
        connection_refused(now)
    }

    /// The application of an instance starts again, or the health check notices before it is up.
    fn starts_again(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>) {
        self.restarts += 1;
        let launch = self.instances[slot as usize].launched;
        let up = now + self.app_start(launch, self.restarts);
        // A refused connection is known at once; its check does not wait for a time-out.
        let noticed = self.second_failed_check(now, launch);
        if noticed < up {
            self.plan(noticed, Step::Unhealthy, slot, queue);
        }
        if noticed >= up || !self.replaces {
            self.plan(up, Step::Restarted, slot, queue);
        }
    }

    /// The application listens again.
    pub(super) fn restarted(&mut self, slot: u32) {
        let (concurrency, queue) = (self.room.concurrency, self.room.queue);
        let Instance { server, restarting, .. } = &mut self.instances[slot as usize];
        server.limit(concurrency, queue);
        *restarting = false;
    }
}
