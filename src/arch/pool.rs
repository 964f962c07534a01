//! A function whose environments take several requests at once: a what-if, since Lambda gives an environment one request at a time (other
//! platforms do not, and Managed Instances are another component). The requests in an environment share its vCPU.
//!
//! - A request goes to the environment with room in which something last began or ended; without one a new environment is made. Whoever comes
//!   during its allocation and init waits for their end.
//! - An environment without a request for `idle_timeout` ends.
//! - `reserved_concurrency` is the most environments; beyond it a request is refused (429). The account's limits are not applied.
//! - Paid are the requests, and an environment's time from its start to the end of its last request at once, and so on, to the millisecond by
//!   the hour; idle time costs nothing.

use super::call::{Call, Ending};
use super::ledger::{Ledger, MeterId, weighted};
use super::output::{ComponentOutput, Outcome};
use super::world::{Due, Event, Shared, Site, World};
use crate::sim::gauge::Gauge;
use crate::sim::processor_sharing::{Job, Server};
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::sim::sampler::Sampler;
use crate::spec::model::{Arch, Pool};
use crate::units::{NANOS_PER_MILLI, SimDuration, SimTime};
use crate::usage::RawUnit;

/// Events of a pool; the index is that of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolEvent {
    /// Its init is over.
    Ready,
    /// A request ends in it.
    Work,
    /// It has been idle for the time-out, unless it was used since.
    Expire,
}

/// No environment.
const NONE: u32 = u32::MAX;

struct Environment {
    server: Server<Call>,
    /// End of its init.
    ready: SimTime,
    /// Requests that wait for that.
    waiting: Vec<Call>,
    /// Requests in it, waiting ones included.
    held: u32,
    idle_since: SimTime,
    /// Instant of the event that stands for it in the queue.
    planned: SimTime,
    /// Neighbours in the list of those with room.
    newer: u32,
    older: u32,
    listed: bool,
}

/// The state of a pool.
pub struct PoolState {
    index: u16,
    slots: u32,
    most: u64,
    vcpu: f64,
    speed: f64,
    memory: u64,
    timeout: SimDuration,
    idle_timeout: SimDuration,
    first_call: u64,
    allocation: (Sampler, Key),
    init: Vec<(Sampler, Key)>,
    error_rate: f64,
    error_key: Key,
    environments: Vec<Environment>,
    free: Vec<u32>,
    /// The environment with room that was used last.
    newest: u32,
    total: Gauge,
    busy: Gauge,
    requests: MeterId,
    duration: MeterId,
    logs: MeterId,
    log_bytes: Vec<u64>,
    hour_calls: Vec<u64>,
    hour_busy: u128,
    // Over the measured horizon.
    served: u64,
    throttled: u64,
    cold_starts: u64,
    time: u128,
    calls: u64,
    area_total: u128,
    area_busy: u128,
    bucket_total: u128,
    bucket_busy: u128,
    series_total: Vec<f64>,
    series_busy: Vec<f64>,
}

impl PoolState {
    /// A pool without environments.
    pub fn new(site: Site<'_>, pool: &Pool, shared: &Shared<'_>, ledger: &mut Ledger) -> Self {
        let Site { index, name, key } = site;
        let function = &pool.function;
        let arch = if function.arch == Arch::Arm { "arm" } else { "x86" };
        let classes = &shared.scenario.classes;
        let part = |(part, init)| (Sampler::compile(init), key.named("init").numbered(part as u64));
        Self {
            index,
            slots: pool.concurrency,
            most: function.reserved_concurrency.unwrap_or(u64::MAX),
            vcpu: f64::from(function.memory.0) / super::lambda::MB_PER_VCPU,
            speed: function.speed,
            memory: u64::from(function.memory.0),
            timeout: function.timeout,
            idle_timeout: function.idle_timeout,
            first_call: function.first_call.0,
            allocation: (Sampler::compile(&function.allocation), key.named("allocation")),
            init: function.init.iter().enumerate().map(part).collect(),
            error_rate: function.error_rate,
            error_key: key.named("error"),
            environments: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            total: Gauge::new(0),
            busy: Gauge::new(0),
            requests: ledger.open(name, format!("lambda.request.{arch}"), RawUnit::Count),
            duration: ledger.open(name, format!("lambda.duration.{arch}"), RawUnit::MbMs),
            logs: ledger.open(name, "cw.logs.lambda_vended", RawUnit::Bytes),
            log_bytes: classes.iter().map(|class| class.log_size.0.saturating_add(function.platform_log.0)).collect(),
            hour_calls: vec![0; classes.len()],
            hour_busy: 0,
            served: 0,
            throttled: 0,
            cold_starts: 0,
            time: 0,
            calls: 0,
            area_total: 0,
            area_busy: 0,
            bucket_total: 0,
            bucket_busy: 0,
            series_total: Vec::new(),
            series_busy: Vec::new(),
        }
    }

    fn push(&self, at: SimTime, event: PoolEvent, environment: u32, queue: &mut EventQueue<Event>) {
        queue.push(at, Event::new(Due::Pool(event), self.index, environment));
    }

    /// Takes a request, or refuses it. Without an ending the answer comes later.
    fn take(&mut self, now: SimTime, call: &mut Call, queue: &mut EventQueue<Event>) -> Option<Ending> {
        let number = if self.newest != NONE {
            self.newest
        } else if self.total.value() < self.most {
            call.cold = true;
            self.start(now, call, queue)
        } else {
            self.throttled += 1;
            return Some(Ending::throttled(now));
        };
        self.hour_calls[usize::from(call.class)] += 1;
        let environment = &mut self.environments[number as usize];
        environment.held += 1;
        if environment.held == 1 {
            self.busy.up(now);
        }
        if now < environment.ready {
            environment.waiting.push(*call);
        } else {
            let job = Self::job(self.speed, *call, 0);
            environment.server.offer(now, job);
            self.replan(number, queue);
        }
        self.touch(number);
        None
    }

    fn job(speed: f64, call: Call, more: u64) -> Job<Call> {
        Job { cpu: (call.cpu as f64 / speed + 0.5) as u64, wait: call.wait + more, tag: call }
    }

    /// Makes an environment.
    fn start(&mut self, now: SimTime, call: &Call, queue: &mut EventQueue<Event>) -> u32 {
        let attempt = u32::from(call.attempt);
        let taken: u64 = std::iter::once(&self.allocation)
            .chain(&self.init)
            .map(|(sampler, key)| sampler.sample(key.draw(call.id, attempt)).0)
            .sum();
        let ready = now + SimDuration(taken);
        let mut server = Server::new(self.vcpu, u64::from(self.slots), 0);
        server.skip_to(now);
        let environment = Environment {
            server,
            ready,
            waiting: Vec::new(),
            held: 0,
            idle_since: SimTime::NEVER,
            planned: SimTime::NEVER,
            newer: NONE,
            older: NONE,
            listed: false,
        };
        let number = match self.free.pop() {
            Some(slot) => {
                self.environments[slot as usize] = environment;
                slot
            }
            None => {
                self.environments.push(environment);
                (self.environments.len() - 1) as u32
            }
        };
        self.total.up(now);
        self.cold_starts += 1;
        if ready > now {
            self.push(ready, PoolEvent::Ready, number, queue);
        }
        number
    }

    /// Keeps the event of an environment's next end in the queue.
    fn replan(&mut self, number: u32, queue: &mut EventQueue<Event>) {
        let environment = &mut self.environments[number as usize];
        let next = environment.server.next_event();
        if next < environment.planned {
            environment.planned = next;
            self.push(next, PoolEvent::Work, number, queue);
        }
    }

    /// Something has begun or ended in an environment: it comes first among those with room, if it has some.
    fn touch(&mut self, number: u32) {
        self.unlist(number);
        if self.environments[number as usize].held >= self.slots {
            return;
        }
        let older = std::mem::replace(&mut self.newest, number);
        if older != NONE {
            self.environments[older as usize].newer = number;
        }
        let environment = &mut self.environments[number as usize];
        (environment.newer, environment.older, environment.listed) = (NONE, older, true);
    }

    fn unlist(&mut self, number: u32) {
        let environment = &mut self.environments[number as usize];
        if !std::mem::replace(&mut environment.listed, false) {
            return;
        }
        let (newer, older) = (environment.newer, environment.older);
        if newer == NONE {
            self.newest = older;
        } else {
            self.environments[newer as usize].older = older;
        }
        if older != NONE {
            self.environments[older as usize].newer = newer;
        }
    }

    /// Handles an event; what has ended is handed over one by one by [`PoolState::ended`] afterwards.
    fn event(&mut self, now: SimTime, event: PoolEvent, number: u32, queue: &mut EventQueue<Event>) {
        let environment = &mut self.environments[number as usize];
        match event {
            PoolEvent::Ready => {
                let (speed, mut more) = (self.speed, self.first_call);
                for call in environment.waiting.drain(..) {
                    environment.server.offer(now, Self::job(speed, call, std::mem::take(&mut more)));
                }
                self.replan(number, queue);
            }
            PoolEvent::Work => {}
            PoolEvent::Expire => {
                if environment.held == 0 && environment.idle_since + self.idle_timeout == now {
                    environment.idle_since = SimTime::NEVER;
                    self.unlist(number);
                    self.free.push(number);
                    self.total.down(now);
                }
            }
        }
    }

    /// The next request that has ended in an environment.
    fn ended(&mut self, now: SimTime, number: u32, queue: &mut EventQueue<Event>) -> Option<(Call, Ending)> {
        let environment = &mut self.environments[number as usize];
        let Some((at, call)) = environment.server.advance(now) else {
            if environment.planned <= now {
                environment.planned = SimTime::NEVER;
                self.replan(number, queue);
            }
            return None;
        };
        environment.held -= 1;
        let taken = at.since(call.at.max(environment.ready));
        if environment.held == 0 {
            environment.idle_since = at;
            self.busy.down(at);
            self.push(at + self.idle_timeout, PoolEvent::Expire, number, queue);
        }
        self.touch(number);
        self.calls += 1;
        self.time += u128::from(at.since(call.at).0);
        let failed =
            self.error_rate > 0.0 && unit(self.error_key.draw(call.id, u32::from(call.attempt))) < self.error_rate;
        let ending = if taken > self.timeout {
            Ending { at, status: 504, outcome: Outcome::TimedOut }
        } else if failed {
            Ending { at, status: 500, outcome: Outcome::Failed }
        } else {
            self.served += 1;
            Ending::served(at)
        };
        Some((call, ending))
    }

    /// Brings the integrals up to `now`.
    pub fn settle(&mut self, now: SimTime) {
        self.bucket_total += self.total.take_area(now);
        let busy = self.busy.take_area(now);
        self.bucket_busy += busy;
        self.hour_busy += busy;
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self, now: SimTime) {
        self.total.restart(now);
        self.busy.restart(now);
        (self.bucket_total, self.bucket_busy, self.hour_busy) = (0, 0, 0);
        self.hour_calls.fill(0);
        (self.served, self.throttled, self.cold_starts, self.time, self.calls) = (0, 0, 0, 0, 0);
    }

    /// Closes a bucket of the series of this length.
    pub fn close_bucket(&mut self, length: SimDuration) {
        let nanos = length.0.max(1) as f64;
        self.series_total.push(self.bucket_total as f64 / nanos);
        self.series_busy.push(self.bucket_busy as f64 / nanos);
        self.area_total += std::mem::take(&mut self.bucket_total);
        self.area_busy += std::mem::take(&mut self.bucket_busy);
    }

    /// Books the hour's usage.
    pub fn close_hour(&mut self, ledger: &mut Ledger) {
        ledger.book(self.requests, self.hour_calls.iter().sum());
        ledger.book(self.logs, weighted(&self.hour_calls, &self.log_bytes));
        self.hour_calls.fill(0);
        let millis = (std::mem::take(&mut self.hour_busy) / u128::from(NANOS_PER_MILLI)) as u64;
        ledger.book(self.duration, millis.saturating_mul(self.memory));
    }

    /// The results over a horizon of this length.
    pub fn finish(self, horizon: SimDuration) -> (ComponentOutput, Vec<f64>, Vec<f64>) {
        let nanos = horizon.0.max(1) as f64;
        let (total, busy) = (self.area_total as f64 / nanos, self.area_busy as f64 / nanos);
        let output = ComponentOutput {
            served: self.served,
            throttled: self.throttled,
            cold_starts: Some(self.cold_starts),
            capacity: Some((total, self.total.peak() as f64)),
            busy: Some((busy, self.busy.peak() as f64)),
            utilisation: Some(if total > 0.0 { busy / total } else { 0.0 }),
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), self.calls),
            mean_in_system: self.time as f64 / nanos,
            ..ComponentOutput::default()
        };
        (output, self.series_total, self.series_busy)
    }
}

impl World<'_> {
    /// Gives a request to a pool.
    pub(super) fn give_to_pool(&mut self, now: SimTime, pool: u16, mut call: Call, queue: &mut EventQueue<Event>) {
        if let Some(ending) = self.pools[usize::from(pool)].take(now, &mut call, queue) {
            self.answer_late(now, call, ending, queue);
        }
    }

    /// Something is due in a pool.
    pub(super) fn pool_event(
        &mut self,
        now: SimTime,
        event: PoolEvent,
        pool: u16,
        environment: u32,
        queue: &mut EventQueue<Event>,
    ) {
        self.pools[usize::from(pool)].event(now, event, environment, queue);
        while let Some((call, ending)) = self.pools[usize::from(pool)].ended(now, environment, queue) {
            self.answer_late(now, call, ending, queue);
        }
    }
}
