//! A server while none of its requests shares its processor: the fast way of [`super::Server`].
//!
//! With no more requests in their CPU phase than there are processors each has one to itself, so when a request begins the ends of its CPU
//! phase and of its wait are known. Nothing can change them before somebody has to share, and then the rest is a subtraction. So a request
//! is one entry in a list, written when it begins and read when it has ended; no clock moves, no heap is kept in order, and the time that
//! processors work and requests spend here is counted ahead, in whole nanoseconds, and corrected by what is still to come when
//! somebody asks.
//!
//! At 40 % of two processors, nine of ten requests come while nobody shares. Once somebody shares, the server goes the plain way until no
//! request is in its CPU phase: from there on the virtual clock starts afresh, so that both ways give the same bits. (They are the
//! same as long as a request's CPU phase and the time between two idle instants last less than 2^53 ns, 104 days; beyond that, these here
//! are the exact ones.)

use super::Job;
use crate::units::SimTime;

/// A request at work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held<T> {
    /// When its CPU phase ends, and when its wait does.
    pub cpu_end: u64,
    pub end: u64,
    pub tag: T,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Alone<T> {
    /// Those at work, in the order in which they began. Some may have ended, if ends are taken late.
    pub held: Vec<Held<T>>,
    /// So many may be held before it is seen who has ended.
    room: usize,
    /// When the first of those in their CPU phase found all processors free.
    pub since: u64,
    /// When all processors will be free.
    free_at: u64,
    /// When each processor will be free.
    processors: Vec<u64>,
    /// Processor-nanoseconds and request-nanoseconds of all that has begun since they were last taken, to their ends.
    busy: u64,
    occupancy: u64,
    /// Whether the server goes this way.
    pub in_use: bool,
    /// Whether it ever may.
    pub possible: bool,
}

/// So many are held before it is seen who has ended, or twice as many as were left the last time.
const ROOM: usize = 16;

impl<T: Copy> Alone<T> {
    pub fn new(processors: f64) -> Self {
        // Whole ones; with half a processor everybody shares.
        let whole = processors as usize;
        Self {
            held: Vec::new(),
            room: 0,
            since: 0,
            free_at: 0,
            processors: vec![0; whole],
            busy: 0,
            occupancy: 0,
            in_use: whole > 0,
            possible: whole > 0,
        }
    }

    /// The server is idle and will never go this way.
    pub fn rule_out(&mut self) {
        (self.in_use, self.possible) = (false, false);
    }

    /// Begins afresh, with all processors free.
    pub fn restart(&mut self) {
        self.processors.fill(0);
        (self.free_at, self.in_use) = (0, true);
    }

    #[inline(always)]
    pub fn has_room(&self) -> bool {
        self.held.len() < self.room
    }

    /// Room for as many again, at most for `most`.
    pub fn make_room(&mut self, most: u64) {
        let twice = (2 * self.held.len()).max(ROOM);
        self.room = usize::try_from(most).map_or(twice, |most| most.min(twice));
    }

    /// Adds one that began before `now`. Sums wrap: they come out right when what is ahead is taken off.
    #[inline(always)]
    pub fn hold(&mut self, now: u64, cpu_end: u64, end: u64, tag: T) {
        self.occupancy = self.occupancy.wrapping_add(end - now);
        self.held.push(Held { cpu_end, end, tag });
    }

    /// Begins a request if it has a processor to itself; tells when it will end.
    #[inline(always)]
    pub fn begin(&mut self, now: u64, job: Job<T>) -> Option<u64> {
        let mut cpu_end = now;
        if job.cpu > 0 {
            let processor = self.processors.iter_mut().find(|free_at| **free_at <= now)?;
            cpu_end = now.saturating_add(job.cpu);
            *processor = cpu_end;
            self.busy = self.busy.wrapping_add(cpu_end - now);
            if self.free_at <= now {
                self.since = now;
            }
            self.free_at = self.free_at.max(cpu_end);
        }
        let end = cpu_end.saturating_add(job.wait);
        self.hold(now, cpu_end, end, job.tag);
        Some(end)
    }

    /// Takes all that end at or before `until`, in the order in which they began.
    #[inline]
    pub fn take_ended(&mut self, until: u64, mut done: impl FnMut(SimTime, &T)) {
        let mut left = 0;
        for index in 0..self.held.len() {
            let one = &self.held[index];
            if one.end <= until {
                done(SimTime(one.end), &one.tag);
            } else {
                // What stays where it is is not read: it may just have been written, in parts.
                if left < index {
                    self.held[left] = self.held[index];
                }
                left += 1;
            }
        }
        self.held.truncate(left);
    }

    /// The place of the one that ends first. At the same instant, one that has waited ends before one that has not; then the one that
    /// began first.
    fn first(&self) -> Option<usize> {
        let mut first = 0;
        for (place, one) in self.held.iter().enumerate() {
            let best = &self.held[first];
            let waited = |one: &Held<T>| one.cpu_end < one.end;
            if one.end < best.end || (one.end == best.end && waited(one) && !waited(best)) {
                first = place;
            }
        }
        (!self.held.is_empty()).then_some(first)
    }

    /// When the next ends.
    #[inline]
    pub fn next(&self) -> u64 {
        self.held.iter().map(|one| one.end).min().unwrap_or(u64::MAX)
    }

    /// Takes the one that ends first.
    pub fn take_next(&mut self) -> Option<(u64, T)> {
        let Held { end, tag, .. } = self.held.remove(self.first()?);
        Some((end, tag))
    }

    /// Processor-nanoseconds since the last call, up to `now`.
    pub fn take_busy(&mut self, now: u64) -> u64 {
        let ahead = if self.in_use {
            self.processors.iter().map(|at| at.saturating_sub(now)).fold(0, u64::wrapping_add)
        } else {
            0
        };
        let busy = self.busy.wrapping_sub(ahead);
        self.busy = ahead;
        busy
    }

    /// Request-nanoseconds since the last call, up to `now`, up to which all ends have been taken.
    pub fn take_occupancy(&mut self, now: u64) -> u64 {
        let ahead = self.held.iter().map(|one| one.end.saturating_sub(now)).fold(0, u64::wrapping_add);
        let occupancy = self.occupancy.wrapping_sub(ahead);
        self.occupancy = ahead;
        occupancy
    }

    /// Both, for good: what is ahead will be counted by others.
    pub fn take(&mut self, now: u64) -> (u64, u64) {
        let taken = (self.take_busy(now), self.take_occupancy(now));
        (self.busy, self.occupancy) = (0, 0);
        taken
    }
}
