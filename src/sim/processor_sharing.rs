//! A server whose processors are shared by the requests at work: one phase of CPU, then one wait.
//!
//! Processor sharing (Kleinrock 1967): with `n` requests in their CPU phase on `c` processors each runs at min(1, c / n) of a
//! processor. A *virtual clock* advances at that rate, so a request that needs `w` of CPU ends its phase when the clock has moved
//! by `w`, however many others come and go: one small heap ordered by virtual end replaces any bookkeeping per
//! request. After the CPU phase a request waits for a fixed time without contention (blocked on I/O), keeping its place at work.
//!
//! At most `concurrency` requests are at work; others queue first come, first served, up to `queue`; beyond that a request is
//! refused. A server reads only its own input, so it may be advanced alone and late, as long as nobody asks for its state in
//! between: the virtual clock moves only at the server's own arrivals and ends, which makes late and prompt advancing give the same
//! bits.
//!
//! A server may have an [`Allowance`] of processor time. The instant at which it is spent is one of the server's own, too, so
//! that slowing down is exact.
//!
//! While nobody has to share there is nothing to do but to remember ends: see `alone.rs`. [`Server::plain`] never takes that way; tests hold
//! the two to the same bits.

mod alone;

use super::allowance::Allowance;
use super::backlog::{Backlog, Waited};
use crate::units::SimTime;
use alone::Alone;

/// What a request brings: its CPU need in nanoseconds of one processor of *this* server, its wait, and the caller's tag.
#[derive(Debug, Clone, Copy)]
pub struct Job<T> {
    /// CPU time in nanoseconds when alone on a processor.
    pub cpu: u64,
    /// Wait in nanoseconds.
    pub wait: u64,
    /// Given back at the end.
    pub tag: T,
}

/// What happened to an offered request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// At work or queued.
    Accepted,
    /// No room.
    Refused,
}

/// A min-heap of (key, order of start, slot), small and flat. Ties go by start.
#[derive(Debug, Clone)]
struct SmallHeap<K> {
    entries: Vec<(K, u32, u32)>,
}

impl<K: PartialOrd + Copy> SmallHeap<K> {
    const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    #[inline]
    fn before(a: &(K, u32, u32), b: &(K, u32, u32)) -> bool {
        // Orders wrap; the difference tells who is older among fewer than 2^31 live requests.
        a.0 < b.0 || (a.0 <= b.0 && (a.1.wrapping_sub(b.1) as i32) < 0)
    }

    #[inline]
    fn peek(&self) -> Option<K> {
        self.entries.first().map(|entry| entry.0)
    }

    /// The three by themselves: they come in registers. As one they would be written in parts and read whole, which stalls.
    fn push(&mut self, key: K, order: u32, slot: u32) {
        let entry = (key, order, slot);
        let mut at = self.entries.len();
        self.entries.push(entry);
        while at > 0 {
            let parent = (at - 1) / 2;
            if !Self::before(&entry, &self.entries[parent]) {
                break;
            }
            self.entries[at] = self.entries[parent];
            at = parent;
        }
        self.entries[at] = entry;
    }

    fn pop(&mut self) -> Option<(K, u32, u32)> {
        let last = self.entries.pop()?;
        let Some(&top) = self.entries.first() else { return Some(last) };
        let len = self.entries.len();
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= len {
                break;
            }
            if child + 1 < len && Self::before(&self.entries[child + 1], &self.entries[child]) {
                child += 1;
            }
            if !Self::before(&self.entries[child], &last) {
                break;
            }
            self.entries[at] = self.entries[child];
            at = child;
        }
        self.entries[at] = last;
        Some(top)
    }
}

/// A request at work while processors are shared.
#[derive(Debug, Clone, Copy)]
struct Placed<T> {
    wait: u64,
    /// The how-manieth it was to start.
    order: u32,
    tag: T,
}

/// With so many at work their ends are kept in a heap, unless nobody asks for them in order.
const MOST_IN_ORDER: u64 = 64;

/// The server. `T` is whatever the caller needs back when a request ends.
#[derive(Debug, Clone)]
pub struct Server<T> {
    /// Those at work while none of them shares its processor. Everything below is about sharing, and at rest while this is in use.
    alone: Alone<T>,
    /// So many may be at work while `alone` is in use.
    most_alone: u64,
    /// The same, whatever the concurrency.
    most_in_order: u64,
    /// Those that may be used now.
    processors: f64,
    /// Those that it has.
    all_processors: f64,
    allowance: Option<Box<Allowance>>,
    concurrency: u64,
    queue_limit: u64,
    /// When the virtual clock was last moved.
    moved_at: u64,
    /// Virtual clock in nanoseconds of CPU given to each request in its CPU phase.
    clock: f64,
    running: SmallHeap<f64>,
    waiting: SmallHeap<u64>,
    jobs: Vec<Placed<T>>,
    free: Vec<u32>,
    backlog: Backlog<T>,
    at_work: u64,
    started: u32,
    /// Instant of the next end of a phase; `NEVER` when idle.
    next: u64,
    /// Processor-nanoseconds used until `moved_at`, since the last [`Server::take_busy`].
    busy: f64,
    /// Request-nanoseconds spent here until `counted_at`, since the last [`Server::take_occupancy`].
    occupancy: u64,
    counted_at: u64,
}

impl<T: Copy> Server<T> {
    /// An idle server. `processors` > 0, a part of one too; `concurrency` >= 1 requests at work; `queue` further ones may wait.
    pub fn new(processors: impl Into<f64>, concurrency: u64, queue: u64) -> Self {
        let processors = processors.into();
        Self {
            alone: Alone::new(processors),
            most_alone: concurrency.min(MOST_IN_ORDER),
            most_in_order: MOST_IN_ORDER,
            processors,
            all_processors: processors,
            allowance: None,
            concurrency,
            queue_limit: queue,
            moved_at: 0,
            clock: 0.0,
            running: SmallHeap::new(),
            waiting: SmallHeap::new(),
            jobs: Vec::new(),
            free: Vec::new(),
            backlog: Backlog::new(),
            at_work: 0,
            started: 0,
            next: u64::MAX,
            busy: 0.0,
            occupancy: 0,
            counted_at: 0,
        }
    }

    /// One that goes the plain way even while nobody shares.
    pub fn plain(processors: impl Into<f64>, concurrency: u64, queue: u64) -> Self {
        let mut server = Self::new(processors, concurrency, queue);
        server.alone.rule_out();
        server
    }

    /// One whose ends are taken late and in no order, by [`Server::take_ended`] and [`Server::offer_late`] alone.
    pub fn taken_late(self) -> Self {
        Self { most_alone: self.concurrency, most_in_order: u64::MAX, ..self }
    }

    /// From `now` on it has this allowance. It must be idle.
    pub fn grant(&mut self, now: SimTime, allowance: Allowance) {
        // What is left of an allowance depends on all that happens.
        self.alone.rule_out();
        self.moved_at = now.0;
        self.allowance = Some(Box::new(allowance));
    }

    /// Begins at `now`; nothing may have been offered yet.
    pub fn skip_to(&mut self, now: SimTime) {
        (self.moved_at, self.counted_at) = (now.0, now.0);
    }

    /// From now on so many requests may be at work and queue; those that are here stay.
    pub fn limit(&mut self, concurrency: u64, queue: u64) {
        (self.concurrency, self.queue_limit) = (concurrency, queue);
        self.most_alone = concurrency.min(self.most_in_order);
        self.alone.make_room(0);
    }

    /// Its allowance as it was when something last happened here.
    pub fn allowance(&self) -> Option<&Allowance> {
        self.allowance.as_deref()
    }

    /// Processor-nanoseconds charged beyond the allowance since the last call, up to `now` (all ends up to `now` must have been
    /// taken); with what is still owed if this is its `end`.
    pub fn take_charged(&mut self, now: SimTime, end: bool) -> f64 {
        let (elapsed, load) = ((now.0 - self.moved_at.min(now.0)) as f64, self.load());
        let Some(allowance) = &mut self.allowance else { return 0.0 };
        let charged = allowance.take_charged(elapsed, load);
        if !end {
            return charged;
        }
        allowance.pass(elapsed, load);
        self.moved_at = now.0;
        charged + (-allowance.balance()).max(0.0)
    }

    /// Whether nobody shares and nobody queues, so that the ends of all at work are known.
    #[inline]
    pub fn is_alone(&self) -> bool {
        self.alone.in_use
    }

    /// The ends of those at work, in the order of their start, if [`Server::is_alone`].
    #[inline]
    pub fn known_ends(&self) -> impl DoubleEndedIterator<Item = SimTime> {
        self.alone.held.iter().map(|held| SimTime(held.end))
    }

    /// Requests at work and queued.
    #[inline]
    pub fn outstanding(&self) -> u64 {
        if self.alone.in_use { self.alone.held.len() as u64 } else { self.at_work + self.backlog.length() }
    }

    /// When something next happens here.
    #[inline]
    pub fn next_event(&self) -> SimTime {
        SimTime(self.next)
    }

    /// Brings the integral of [`Server::outstanding`] up to `now`; called before each change of it.
    #[inline]
    fn count(&mut self, now: u64) {
        self.occupancy += (self.at_work + self.backlog.length()) * (now - self.counted_at);
        self.counted_at = now;
    }

    /// Processors' worth of work going on in the CPU phase.
    #[inline]
    fn load(&self) -> f64 {
        (self.running.entries.len() as f64).min(self.processors)
    }

    /// Moves the virtual clock to `now`.
    #[inline]
    fn move_clock(&mut self, now: u64) {
        let running = self.running.entries.len();
        if self.allowance.is_some() {
            self.spend(now);
        }
        if running > 0 {
            let elapsed = (now - self.moved_at) as f64;
            let load = self.load();
            self.busy += elapsed * load;
            // Alone on a processor, the clock runs at full speed: no division.
            self.clock += if running as f64 <= self.processors { elapsed } else { elapsed * load / running as f64 };
        }
        self.moved_at = now;
    }

    /// Lets the allowance follow, before the virtual clock is moved to `now`.
    #[inline(never)]
    fn spend(&mut self, now: u64) {
        let (elapsed, load) = ((now - self.moved_at) as f64, self.load());
        if let Some(allowance) = &mut self.allowance {
            allowance.pass(elapsed, load);
        }
    }

    /// The processors that may be used from now on.
    #[inline(never)]
    fn pace(&mut self) {
        if let Some(allowance) = &self.allowance {
            self.processors = allowance.processors(self.all_processors, self.running.entries.len() as f64);
        }
    }

    /// `next`, or the instant at which the allowance is spent if that is earlier.
    #[inline(never)]
    fn plan_allowance(&mut self, next: u64) -> u64 {
        let (load, moved_at) = (self.load(), self.moved_at);
        let Some(allowance) = &mut self.allowance else { return next };
        // Rounded up, as the ends are; `as` saturates.
        let empty = allowance.lasts(load).map_or(u64::MAX, |lasts| moved_at.saturating_add(lasts as u64 + 1));
        // What ends at the same instant ends first, and makes a new plan.
        allowance.empty_at = if empty < next { empty } else { u64::MAX };
        next.min(empty)
    }

    /// Whether the allowance is spent at `now`; then it is empty.
    #[inline(never)]
    fn spent(&mut self, now: u64) -> bool {
        let Some(allowance) = &mut self.allowance else { return false };
        let spent = allowance.empty_at == now;
        if spent {
            allowance.exhaust();
        }
        spent
    }

    /// Computes `next` afresh; to be called after every change.
    #[inline(always)]
    fn plan(&mut self) {
        if self.allowance.is_some() {
            self.pace();
        }
        let mut next = self.waiting.peek().unwrap_or(u64::MAX);
        if let Some(end) = self.running.peek() {
            let running = self.running.entries.len() as f64;
            let mut left = (end - self.clock).max(0.0);
            if running > self.processors {
                left = left * running / self.processors;
            }
            // Rounded up; in integers, since `ceil` is a call where the processor's own may not be used.
            let whole = left as i64;
            let up = whole as u64 + u64::from((whole as f64) < left);
            next = next.min(self.moved_at.saturating_add(up));
        }
        if self.allowance.is_some() {
            next = self.plan_allowance(next);
        }
        self.next = next;
    }

    /// Finds a place for a request that is at work.
    #[inline(always)]
    fn place(&mut self, wait: u64, tag: T) -> u32 {
        self.at_work += 1;
        self.started = self.started.wrapping_add(1);
        let placed = Placed { wait, order: self.started, tag };
        match self.free.pop() {
            Some(slot) => {
                self.jobs[slot as usize] = placed;
                slot
            }
            None => {
                self.jobs.push(placed);
                (self.jobs.len() - 1) as u32
            }
        }
    }

    #[inline(always)]
    fn start(&mut self, now: u64, job: Job<T>) {
        let slot = self.place(job.wait, job.tag);
        if job.cpu > 0 {
            if self.running.entries.is_empty() {
                // Nobody is measured by the old reading: start afresh, which keeps the clock exact for ever.
                self.clock = 0.0;
            }
            self.running.push(self.clock + job.cpu as f64, self.started, slot);
        } else {
            self.waiting.push(now.saturating_add(job.wait), self.started, slot);
        }
    }

    /// Leaves [`Alone`] at `now`, up to which all ends have been taken: somebody has to share or to queue.
    #[inline(never)]
    fn share(&mut self, now: u64) {
        let (busy, occupancy) = self.alone.take(now);
        self.busy += busy as f64;
        self.occupancy += occupancy;
        (self.moved_at, self.counted_at) = (now, now);
        // All of it whole nanoseconds: what the virtual clock would have come to.
        let since = self.alone.since;
        self.clock = (now - since) as f64;
        (self.at_work, self.alone.in_use) = (0, false);
        let mut held = std::mem::take(&mut self.alone.held);
        for one in &held {
            let slot = self.place(one.end - one.cpu_end, one.tag);
            if one.cpu_end > now {
                self.running.push((one.cpu_end - since) as f64, self.started, slot);
            } else {
                self.waiting.push(one.end, self.started, slot);
            }
        }
        held.clear();
        self.alone.held = held;
        self.plan();
    }

    /// Whether nobody shares or queues any more.
    #[inline]
    fn may_leave_alone(&self) -> bool {
        let few = self.waiting.entries.len() as u64 <= (self.most_alone / 2).min(MOST_IN_ORDER);
        self.alone.possible && self.running.entries.is_empty() && self.backlog.length() == 0 && few
    }

    /// Back to [`Alone`] at `now`, up to which all ends have been taken.
    #[inline(never)]
    fn leave_alone(&mut self, now: u64) {
        self.count(now);
        self.alone.restart();
        let jobs = &self.jobs;
        let oldest = self.started.wrapping_add(1);
        // In the order in which they started.
        self.waiting.entries.sort_unstable_by_key(|entry| jobs[entry.2 as usize].order.wrapping_sub(oldest));
        for &(end, _, slot) in &self.waiting.entries {
            let Placed { wait, tag, .. } = self.jobs[slot as usize];
            self.alone.hold(now, end - wait, end, tag);
        }
        self.waiting.entries.clear();
        self.jobs.clear();
        self.free.clear();
        self.at_work = 0;
        self.next = self.alone.next();
    }

    /// Offers a request at `now`, which must not be before the last instant advanced to; all ends up to `now` must have been
    /// taken with [`Server::advance`].
    #[inline]
    pub fn offer(&mut self, now: SimTime, job: Job<T>) -> Admission {
        if !self.alone.in_use && self.may_leave_alone() {
            self.leave_alone(now.0);
        }
        if self.alone.in_use {
            if (self.alone.held.len() as u64) < self.most_alone
                && let Some(end) = self.alone.begin(now.0, job)
            {
                self.next = self.next.min(end);
                return Admission::Accepted;
            }
            self.share(now.0);
        }
        self.offer_to_share(now, job)
    }

    #[inline(never)]
    fn offer_to_share(&mut self, now: SimTime, job: Job<T>) -> Admission {
        self.count(now.0);
        if self.at_work < self.concurrency {
            self.move_clock(now.0);
            self.start(now.0, job);
            self.plan();
            Admission::Accepted
        } else if self.backlog.length() < self.queue_limit {
            self.backlog.push(now.0, job);
            Admission::Accepted
        } else {
            Admission::Refused
        }
    }

    /// [`Server::offer`] without taking the ends first: those that have to be taken by now are given to `done`, in no order.
    #[inline(always)]
    pub fn offer_late(&mut self, now: SimTime, job: Job<T>, done: impl FnMut(SimTime, &T)) -> Admission {
        let Job { cpu, wait, tag } = job;
        if self.alone.in_use && self.alone.has_room() && self.alone.begin(now.0, Job { cpu, wait, tag }).is_some() {
            return Admission::Accepted;
        }
        self.take_and_offer(now, Job { cpu, wait, tag }, done)
    }

    #[inline(never)]
    fn take_and_offer(&mut self, now: SimTime, job: Job<T>, done: impl FnMut(SimTime, &T)) -> Admission {
        self.take_ended(now, done);
        self.alone.make_room(self.most_alone);
        self.offer(now, job)
    }

    /// Takes all requests that end at or before `until`, in no order.
    #[inline]
    pub fn take_ended(&mut self, until: SimTime, mut done: impl FnMut(SimTime, &T)) {
        if self.alone.in_use {
            return self.alone.take_ended(until.0, done);
        }
        while let Some((at, tag)) = self.advance(until) {
            done(at, &tag);
        }
    }

    /// Takes the next request that ends at or before `until`: when it ended, and its tag.
    #[inline]
    pub fn advance(&mut self, until: SimTime) -> Option<(SimTime, T)> {
        if self.next > until.0 {
            return None;
        }
        if self.alone.in_use {
            let (end, tag) = self.alone.take_next()?;
            self.next = self.alone.next();
            return Some((SimTime(end), tag));
        }
        self.advance_shared(until)
    }

    #[inline(never)]
    fn advance_shared(&mut self, until: SimTime) -> Option<(SimTime, T)> {
        while self.next <= until.0 {
            let now = self.next;
            self.move_clock(now);
            if self.allowance.is_some() && self.spent(now) {
                self.plan();
                continue;
            }
            let waits_until = self.waiting.peek().unwrap_or(u64::MAX);
            let (slot, ended) = if waits_until <= now {
                let (_, _, slot) = self.waiting.pop().unwrap_or((0, 0, 0));
                (slot, true)
            } else if let Some((end, _, slot)) = self.running.pop() {
                // The instant was rounded up to a whole nanosecond; the clock says exactly what was planned or a little more.
                self.clock = self.clock.max(end);
                let Placed { wait, order, .. } = self.jobs[slot as usize];
                if wait > 0 {
                    self.waiting.push(now.saturating_add(wait), order, slot);
                }
                (slot, wait == 0)
            } else {
                break;
            };
            if ended {
                self.count(now);
                let tag = self.jobs[slot as usize].tag;
                self.free.push(slot);
                self.at_work -= 1;
                if let Some(next) = self.backlog.pop(now) {
                    self.start(now, next);
                }
                self.plan();
                return Some((SimTime(now), tag));
            }
            self.plan();
        }
        None
    }

    /// Processor-nanoseconds used since the last call, up to `now` (all ends up to `now` must have been taken).
    pub fn take_busy(&mut self, now: SimTime) -> f64 {
        // Without moving the virtual clock: see the module's documentation.
        let pending = (now.0 - self.moved_at.min(now.0)) as f64 * self.load();
        let busy = self.busy + pending + self.alone.take_busy(now.0) as f64;
        self.busy = -pending;
        busy
    }

    /// The integral of [`Server::outstanding`] since the last call, in request-nanoseconds, up to `now` (all ends up to `now` must
    /// have been taken). To be called at least every few hours, so that it fits its integer.
    pub fn take_occupancy(&mut self, now: SimTime) -> u64 {
        self.count(now.0);
        std::mem::take(&mut self.occupancy) + self.alone.take_occupancy(now.0)
    }

    /// Drops everything at `now` as [`Server::abort`] does, but goes on. All ends up to `now` must have been taken.
    pub fn fail_all(&mut self, now: SimTime) -> Vec<T> {
        if self.alone.in_use {
            self.share(now.0);
        }
        self.count(now.0);
        self.move_clock(now.0);
        self.backlog.count(now.0);
        let lost = self.abort();
        self.plan();
        lost
    }

    /// What its backlog was since the last call, up to `now`.
    pub fn take_waited(&mut self, now: SimTime) -> Waited {
        self.backlog.take(now.0)
    }

    /// Drops everything (the machine is gone) and gives back what was at work or queued, in the order in which they started or came.
    pub fn abort(&mut self) -> Vec<T> {
        let held = self.alone.held.drain(..).map(|held| held.tag);
        let mut lost: Vec<T> = held.collect();
        let entries = self.running.entries.iter().map(|entry| entry.2);
        let mut slots: Vec<u32> = entries.chain(self.waiting.entries.iter().map(|entry| entry.2)).collect();
        let oldest = self.started.wrapping_add(1);
        slots.sort_unstable_by_key(|&slot| self.jobs[slot as usize].order.wrapping_sub(oldest));
        lost.extend(slots.iter().map(|&slot| self.jobs[slot as usize].tag));
        lost.extend(self.backlog.drain().map(|job| job.tag));
        self.running.entries.clear();
        self.waiting.entries.clear();
        self.jobs.clear();
        self.free.clear();
        self.at_work = 0;
        self.next = u64::MAX;
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn job(cpu_ms: u64, wait_ms: u64, tag: u32) -> Job<u32> {
        Job { cpu: cpu_ms * MS, wait: wait_ms * MS, tag }
    }

    fn ends(server: &mut Server<u32>, until_ms: u64) -> Vec<(f64, u32)> {
        let mut out = Vec::new();
        while let Some((at, job)) = server.advance(SimTime(until_ms * MS)) {
            out.push((at.0 as f64 / MS as f64, job));
        }
        out
    }

    /// By hand: A (10 ms) alone for 4 ms, then shares with B (4 ms): B ends at 4 + 8 = 12, A has 2 left, ends at 14.
    #[test]
    fn two_requests_share_one_processor() {
        let mut server = Server::new(1, 100, 0);
        server.offer(SimTime(0), job(10, 0, 1));
        assert!(ends(&mut server, 4).is_empty());
        server.offer(SimTime(4 * MS), job(4, 0, 2));
        assert_eq!(ends(&mut server, 100), vec![(12.0, 2), (14.0, 1)]);
        // A is there for 14 ms, B for 8 ms.
        assert_eq!(server.take_occupancy(SimTime(100 * MS)), 22 * MS);
        assert!((server.take_busy(SimTime(100 * MS)) - 14e6).abs() < 1e-3);
        assert_eq!(server.outstanding(), 0);
    }

    /// By hand: three 6 ms requests on two processors run at 2/3 each: all end at 9 ms, in the order of arrival.
    #[test]
    fn three_requests_share_two_processors() {
        let mut server = Server::new(2, 100, 0);
        for tag in 1..=3 {
            server.offer(SimTime(0), job(6, 0, tag));
        }
        assert_eq!(ends(&mut server, 100), vec![(9.0, 1), (9.0, 2), (9.0, 3)]);
    }

    /// By hand: the wait keeps the place at work but not the processor. One place, one in the queue, the third is refused.
    #[test]
    fn waits_hold_the_place_and_the_queue_is_bounded() {
        let mut server = Server::new(1, 1, 1);
        assert_eq!(server.offer(SimTime(0), job(2, 8, 1)), Admission::Accepted);
        assert_eq!(server.offer(SimTime(0), job(2, 8, 2)), Admission::Accepted);
        assert_eq!(server.offer(SimTime(0), job(2, 8, 3)), Admission::Refused);
        assert_eq!(server.outstanding(), 2);
        assert_eq!(ends(&mut server, 100), vec![(10.0, 1), (20.0, 2)]);
        assert!((server.take_busy(SimTime(100 * MS)) - 4e6).abs() < 1e-3);
    }

    /// Reading the busy time at ticks changes nothing and adds up.
    #[test]
    fn busy_time_adds_up_over_ticks() {
        let mut server = Server::new(2, 10, 0);
        server.offer(SimTime(0), job(10, 0, 1));
        server.offer(SimTime(0), job(5, 0, 2));
        server.offer(SimTime(0), job(5, 0, 3));
        let mut total = 0.0;
        let mut got = Vec::new();
        for tick in 1..=20 {
            got.extend(ends(&mut server, tick));
            total += server.take_busy(SimTime(tick * MS));
        }
        // At 2/3 speed the two short ones end at 7.5; the long one has done 5 and ends at 12.5.
        assert_eq!(got, vec![(7.5, 2), (7.5, 3), (12.5, 1)]);
        assert!((total - 20e6).abs() < 1e-3, "{total}");
    }

    #[test]
    fn an_aborted_server_returns_what_it_held() {
        let mut server = Server::new(1, 2, 5);
        (1..=4).for_each(|tag| {
            server.offer(SimTime(0), job(5, 5, tag));
        });
        assert_eq!(server.abort(), vec![1, 2, 3, 4]);
        assert_eq!(server.outstanding(), 0);
        assert_eq!(server.next_event(), SimTime::NEVER);
    }

    const MINUTE: u64 = 60_000_000_000;

    /// Two processors that earn 0.2 of one, at most a day's worth: a t3.micro of 12 credits an hour.
    fn with_allowance(borrows: bool) -> Server<u32> {
        let mut server = Server::new(2, 100, 0);
        server.grant(SimTime(0), Allowance::new(0.2, 288.0 * MINUTE as f64, borrows));
        server
    }

    fn long_job(minutes: u64, tag: u32) -> Job<u32> {
        Job { cpu: minutes * MINUTE, wait: 0, tag }
    }

    /// By hand, in processor-minutes: an hour idle earns 12. Two requests of 10 each spend 1.8 more a minute than is earned, so 12 last
    /// 6 2/3 minutes, in which 13 1/3 are done; the other 6 2/3 at 0.2 a minute take 33 1/3: both end at minute 100.
    /// Minute 67 does 2 x 2/3 + 0.2 x 1/3 = 1.4.
    #[test]
    fn an_allowance_is_earned_spent_and_then_sets_the_pace() {
        let mut server = with_allowance(false);
        let (mut done, mut ended) = (Vec::new(), Vec::new());
        for minute in 1..=110_u64 {
            let now = SimTime(minute * MINUTE);
            while let Some((at, job)) = server.advance(now) {
                ended.push((at.0 as f64 / MINUTE as f64, job));
            }
            done.push(server.take_busy(now) / MINUTE as f64);
            assert_eq!(server.take_charged(now, false), 0.0);
            if minute == 60 {
                assert!(
                    (server.allowance().expect("granted").balance()).abs() < 1e-3,
                    "counted when something happens"
                );
                server.offer(now, long_job(10, 1));
                server.offer(now, long_job(10, 2));
                assert!((server.allowance().expect("granted").balance() / MINUTE as f64 - 12.0).abs() < 1e-9);
            }
        }
        for (index, &minutes) in done.iter().enumerate() {
            let expected = match index + 1 {
                ..=60 => 0.0,
                61..=66 => 2.0,
                67 => 1.4,
                68..=100 => 0.2,
                _ => 0.0,
            };
            assert!((minutes - expected).abs() < 1e-6, "minute {}: {minutes} instead of {expected}", index + 1);
        }
        assert!(ended.len() == 2 && ended.iter().all(|(at, _)| (at - 100.0).abs() < 1e-6), "{ended:?}");
    }

    /// By hand: 30 idle hours earn 288, not 360. One busy processor spends 0.8 a minute more than is earned: 360 minutes at full speed.
    #[test]
    fn an_allowance_holds_no_more_than_its_most() {
        let mut server = with_allowance(false);
        let start = 30 * 60;
        server.offer(SimTime(start * MINUTE), long_job(10_000, 1));
        let mut busy = 0.0;
        for minute in start..start + 720 {
            let now = SimTime((minute + 1) * MINUTE);
            assert!(server.advance(now).is_none());
            busy += server.take_busy(now) / MINUTE as f64;
        }
        assert!((busy - (360.0 + 0.2 * 360.0)).abs() < 1e-6, "{busy}");
    }

    /// By hand: two busy processors spend 1.8 a minute more than is earned. The first 288 are owed, after 160 minutes; then 1.8 a minute are
    /// charged. 200 minutes of rest pay back 40, which the next 40 / 1.8 minutes owe again. What is owed at the end is charged.
    #[test]
    fn one_that_borrows_is_charged_beyond_what_it_may_owe() {
        let mut server = with_allowance(true);
        server.offer(SimTime(0), long_job(300, 1));
        server.offer(SimTime(0), long_job(300, 2));
        let mut charged = Vec::new();
        for minute in 1..=800_u64 {
            let now = SimTime(minute * MINUTE);
            while server.advance(now).is_some() {}
            charged.push(server.take_charged(now, minute == 800) / MINUTE as f64);
            if minute == 500 {
                server.offer(now, long_job(100, 3));
                server.offer(now, long_job(100, 4));
            }
        }
        let until = |minute: usize| charged[..minute].iter().sum::<f64>();
        assert!(until(160).abs() < 1e-6, "{}", until(160));
        assert!((until(300) - 140.0 * 1.8).abs() < 1e-6, "{}", until(300));
        assert!((until(500) - 140.0 * 1.8).abs() < 1e-6);
        assert!((until(600) - (240.0 * 1.8 - 40.0)).abs() < 1e-5, "{}", until(600));
        // 200 more minutes of rest pay back 40 of the 288.
        assert!((charged[799] - 248.0).abs() < 1e-5, "{}", charged[799]);
    }

    /// What the same requests do to a server: every end, then at each tick busy and request time, and what is lost at the end.
    #[derive(Debug, PartialEq)]
    struct Seen {
        ends: Vec<(u64, u32)>,
        ticks: Vec<(u64, u64)>,
        lost: Vec<u32>,
        refused: Vec<u32>,
    }

    /// Offers requests `(gap, cpu, wait)` one after the other and looks at every tenth.
    fn seen(mut server: Server<u32>, late: bool, requests: &[(u64, u64, u64)]) -> Seen {
        let mut seen = Seen { ends: Vec::new(), ticks: Vec::new(), lost: Vec::new(), refused: Vec::new() };
        let mut now = 0;
        for (&(gap, cpu, wait), tag) in requests.iter().zip(0..) {
            now += gap;
            let (job, at) = (Job { cpu, wait, tag }, SimTime(now));
            let admission = if late {
                server.offer_late(at, job, |at, &tag| seen.ends.push((at.0, tag)))
            } else {
                seen.ends.extend(std::iter::from_fn(|| server.advance(at)).map(|(at, tag)| (at.0, tag)));
                server.offer(at, job)
            };
            if admission == Admission::Refused {
                seen.refused.push(tag);
            }
            if tag % 10 == 9 {
                let at = SimTime(now + gap / 2);
                if late {
                    server.take_ended(at, |at, &tag| seen.ends.push((at.0, tag)));
                } else {
                    seen.ends.extend(std::iter::from_fn(|| server.advance(at)).map(|(at, tag)| (at.0, tag)));
                }
                seen.ticks.push((server.take_busy(at).to_bits(), server.take_occupancy(at)));
                now = at.0;
            }
        }
        if late {
            server.take_ended(SimTime(now), |at, &tag| seen.ends.push((at.0, tag)));
            // In no order.
            seen.ends.sort_unstable();
        } else {
            seen.ends.extend(std::iter::from_fn(|| server.advance(SimTime(now))).map(|(at, tag)| (at.0, tag)));
        }
        seen.lost = server.abort();
        seen
    }

    proptest::proptest! {
        /// The way of those who are alone gives the plain way's ends, times and losses to the bit, in order and taken late; with few
        /// different sizes, so that much happens at the same instant, and with such load that sharing comes and goes.
        #[test]
        fn the_fast_way_is_the_plain_way(
            requests in proptest::collection::vec((0u64..900, 0u64..600, 0u64..3_000), 400..700),
            few: bool, processors in 1u32..5, concurrency in 1u64..100, queue in 0u64..5, load in 1u64..9,
        ) {
            let few_sizes = |size: u64| if few { size / 300 * 300 } else { size };
            let requests: Vec<_> = requests
                .iter()
                .map(|&(gap, cpu, wait)| (few_sizes(gap) * 4 / u64::from(processors) / load, few_sizes(cpu), few_sizes(wait)))
                .collect();
            let mut plain = seen(Server::plain(processors, concurrency, queue), false, &requests);
            proptest::prop_assert_eq!(&seen(Server::new(processors, concurrency, queue), false, &requests), &plain);
            plain.ends.sort_unstable();
            let late = seen(Server::new(processors, concurrency, queue).taken_late(), true, &requests);
            proptest::prop_assert_eq!(&late, &plain);
        }
    }
}
