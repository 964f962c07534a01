//! An EC2 Auto Scaling group: instances that share their vCPUs among the requests at work, and what happens to them.
//!
//! An instance's life: launched -> pending (not billed) -> running, billed per second with a 60 s minimum -> OS, user data and
//! application start -> in service after one passing health check (at a random phase of its interval) -> draining for the whole
//! deregistration delay, still billed -> terminated; what is still at work then is cut off (502).
//!
//! [`scaling`] says how many instances there should be, [`failures`] and `health` are what goes wrong, [`books`] counts. Instances of the T families have CPU credits: an
//! [`Allowance`] that each instance earns from when it runs, empty at first.
//!
//! Two ways of running the instances give the same results to the bit, because an instance reads only its own input:
//! - *eager*: each instance has its next end as an event. Needed when an answer feeds back into the arrivals (client retries), and when a
//!   choice depends on what all hold (least outstanding), where the order of answers makes no difference (*counted*);
//! - *lazy*: an instance catches up when it is given a request and before anybody looks (a metric period, a change of the group, the
//!   end of a bucket). No events at all for the requests.

pub mod balance;
pub mod blue_green;
pub mod books;
pub mod failures;
pub mod fluid;
pub mod forecast;
mod health;
mod in_service;
pub mod lifecycle;
mod managed;
pub mod memory;
pub mod quota;
pub mod refresh;
pub mod resize;
pub mod rolling;
pub mod rollout;
pub mod scaling;
pub mod warm_pool;

use super::call::{Call, Ending};
use super::ledger::Ledger;
use super::output::{ComponentOutput, Outcome};
use super::world::{Due, Event, Shared, Site};
use crate::arch::FleetRunning;
use crate::sim::allowance::Allowance;
use crate::sim::processor_sharing::{Admission, Job, Server};
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::sim::sampler::Sampler;
use crate::spec::model::{Balancing, Fleet, Scheduled, Subnets};
use crate::spec::scenario::Scenario;
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};
use blue_green::BlueGreen;
use books::Books;
use failures::Failures;
use fluid::{Fluid, Inflow, Takes};
use forecast::Forecast;
use in_service::InService;
use lifecycle::Lifecycle;
use memory::Room;
use quota::Refused;
use refresh::Refresh;
use resize::Resizes;
use rolling::Rolling;
use scaling::{Policies, Seen, Size};
use warm_pool::Pool;

/// Hours of credits that an instance can hold (EC2 user guide, "CPU credits").
const CREDIT_HOURS: f64 = 24.0;
/// One CPU credit: a vCPU for a minute.
const CREDIT_NANOS: f64 = 60.0 * NANOS_PER_SEC as f64;
const DAY: SimDuration = SimDuration::from_hours(24);

/// How the instances are run; see the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Each catches up when it is given a request and before anybody looks.
    Lazy,
    /// Each end is an event that counts what an instance holds; answers are taken in no order.
    Counted,
    /// Each has its next end as an event; answers are taken in order.
    Eager,
    /// Eager, and without the fast way of servers: the reference.
    Plain,
}

impl Running {
    /// The fastest way that gives the right answer where the balancer looks for the `least` outstanding requests, and answers are given as
    /// `feedback` to clients who may try again.
    pub fn of(asked: FleetRunning, least: bool, feedback: bool) -> Self {
        match asked {
            FleetRunning::Eager => Self::Plain,
            FleetRunning::Automatic if feedback => Self::Eager,
            FleetRunning::Automatic if least => Self::Counted,
            FleetRunning::Automatic => Self::Lazy,
        }
    }

    /// Whether the order in which answers are taken makes no difference.
    const fn takes_late(self) -> bool {
        matches!(self, Self::Lazy | Self::Counted)
    }

    /// An instance's server.
    fn server(self, processors: f64, concurrency: u64, queue: u64) -> Server<Call> {
        match self {
            Self::Lazy | Self::Counted => Server::new(processors, concurrency, queue).taken_late(),
            Self::Eager => Server::new(processors, concurrency, queue),
            Self::Plain => Server::plain(processors, concurrency, queue),
        }
    }
}

/// Events of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetEvent {
    /// Something ends on an instance (eager running).
    Work,
    /// A metric period ends.
    Metric,
    /// An entry of the fleet's agenda is due.
    Planned,
}

/// What the agenda holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The instance is running: it is billed from here.
    Running,
    /// The instance passes its first health check.
    InService,
    /// The instance has drained.
    Terminated,
    /// The instance fails.
    Fails,
    /// The health check has noticed that it failed.
    Unhealthy,
    /// The Spot instance gets its notice.
    Interrupted,
    /// An instance on its way into the warm pool has booted.
    Prepared,
    /// An instance of the pool runs again, in the group.
    Woken,
    /// A deployment begins.
    Deploys(u32),
    /// An instance refresh, a rolling update or a blue/green deployment goes on.
    RefreshGoesOn,
    RollingGoesOn,
    ShiftGoesOn,
    /// A single server changes its type, or runs again.
    Resize(u32),
    Resized,
    /// An hour begins, or will after the forecast's buffer.
    Hour,
    HourAhead,
    /// Its hook is through: it is terminated.
    Over,
    /// The application of an instance that ran out of memory listens again.
    Restarted,
    /// Launches that were refused are tried again.
    LaunchAgain,
    /// An instance that had been unhealthy has passed its checks.
    Healthy,
    /// The managed instance has reached its age.
    Rotates,
    /// A change of the schedule is due.
    Schedule(u32),
    /// An event of the scenario begins or is over.
    Begins(u32),
    IsOver(u32),
}

/// An entry of the agenda. Slots are used again, so an entry names the launch that it is for.
#[derive(Debug, Clone, Copy)]
struct Planned {
    step: Step,
    slot: u32,
    launch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    InService,
    /// The balancer's health check has taken it out of service; the group leaves it alone.
    Unhealthy,
    Draining,
    /// Boots for the warm pool.
    Preparing,
    /// Waits there.
    Pooled,
    Gone,
}

struct Instance {
    server: Server<Call>,
    phase: Phase,
    /// Order of launch, for the default termination policy.
    launched: u64,
    zone: u32,
    spot: bool,
    /// It has failed: whoever is sent to it finds no connection.
    dead: bool,
    /// It belongs to the set that replaces the others in a blue/green deployment.
    replacement: bool,
    /// Its application starts again after it ran out of memory.
    restarting: bool,
    /// It stands still: its volume alone is paid.
    still: bool,
    /// It has not failed but hangs: 1 + the event of the scenario that it does so for.
    hung: u32,
    running_since: SimTime,
    warm_from: SimTime,
    /// End of its slow start.
    slow_until: SimTime,
    /// Instant of the event that stands for it in the queue (eager running).
    planned: SimTime,
    /// Processor time and request time in this metric period.
    period_busy: f64,
    period_occupancy: u64,
    connections: u64,
}

/// The day of the week, Monday = 0.
fn weekday(now: SimTime, scenario: &Scenario) -> u8 {
    // The day of t = 0 is 0; a warm-up lies on those before.
    let since = now.0 as i64 - scenario.warmup.0 as i64;
    let monday_zero = i64::from(scenario.start.weekday().to_monday_zero_offset());
    (monday_zero + since.div_euclid(DAY.0 as i64)).rem_euclid(7) as u8
}

/// CPU credits of an instance.
#[derive(Clone, Copy)]
struct Credits {
    /// vCPUs' worth of time that it earns.
    earned: f64,
    /// Most that it holds, in vCPU-nanoseconds.
    most: f64,
    unlimited: bool,
}

/// The state of a fleet.
pub struct FleetState {
    index: u16,
    vcpu: f64,
    speed: f64,
    size: Size,
    zones: u32,
    room: Room,
    credits: Option<Credits>,
    pending: Sampler,
    boot: Vec<Sampler>,
    check_interval: SimDuration,
    drain: SimDuration,
    period: SimDuration,
    warmup: SimDuration,
    /// For so long after coming into service an instance is sent less than its share.
    slow_start: SimDuration,
    rest: SimDuration,
    /// Its machines are tasks: the account's quota of launches holds for them.
    tasks: bool,
    pool: u64,
    keys: Keys,
    policies: Policies,
    schedule: Vec<Scheduled>,
    running: Running,
    instances: Vec<Instance>,
    free: Vec<u32>,
    /// Where requests go to: the healthy ones, or with `fails_open` all.
    in_service: InService,
    fails_open: bool,
    /// The group replaces what the balancer's health check takes for unhealthy.
    replaces: bool,
    /// Passed checks until an unhealthy instance is healthy.
    healthy_threshold: u32,
    turn: usize,
    /// Instances of each zone that start or are in service.
    by_zone: Vec<u32>,
    launches: u64,
    starting: u32,
    draining: u32,
    changed_at: SimTime,
    agenda: Vec<Planned>,
    free_agenda: Vec<u32>,
    period_requests: u64,
    /// Those of them that the books know of.
    told: u64,
    failures: Failures,
    lifecycle: Lifecycle,
    refused: Refused,
    warm: Option<Pool>,
    forecast: Option<Forecast>,
    resizes: Resizes,
    refresh: Option<Refresh>,
    rolling: Option<Rolling>,
    blue_green: Option<Box<BlueGreen>>,
    /// Times that an instance ran out of memory and started again.
    restarts: u64,
    /// What flows in until the requests come.
    fluid: Option<Box<Fluid>>,
    /// Set for Lambda Managed Instances.
    rotation: Option<managed::Rotation>,
    /// What a request meets that finds no room.
    full: Ending,
    books: Books,
}

struct Keys {
    balance: Key,
    slow: Key,
    deployment: Key,
    pending: Key,
    boot: Vec<Key>,
    check: Key,
}

impl FleetState {
    /// A fleet with `desired` instances in service.
    pub fn new(
        site: Site<'_>,
        fleet: &Fleet,
        running: Running,
        subnets: Subnets,
        shared: &mut Shared<'_>,
        ledger: &mut Ledger,
        queue: &mut EventQueue<Event>,
    ) -> Self {
        let Site { index, name, key } = site;
        let mut state = Self {
            index,
            vcpu: fleet.vcpus(),
            speed: fleet.speed,
            size: Size { min: fleet.min, max: fleet.max, desired: fleet.desired },
            zones: fleet.zones.max(1),
            room: Room::new(fleet, fleet.instance.memory_mib),
            credits: fleet.credits.map(|credits| Credits {
                // A credit is a vCPU-minute, so 60 an hour are a vCPU.
                earned: f64::from(credits.hourly) / 60.0,
                most: f64::from(credits.hourly) * CREDIT_HOURS * CREDIT_NANOS,
                unlimited: credits.unlimited,
            }),
            pending: Sampler::compile(&fleet.pending),
            boot: fleet.boot.iter().map(Sampler::compile).collect(),
            check_interval: fleet.health_check_interval,
            drain: fleet.deregistration_delay,
            period: fleet.metric_period,
            warmup: fleet.warmup,
            slow_start: SimDuration::ZERO,
            rest: fleet.scale_in_rest,
            tasks: fleet.task.is_some(),
            pool: shared.scenario.backend.as_ref().map_or(0, |backend| u64::from(backend.pool_per_instance)),
            keys: Keys {
                balance: key.named("balance"),
                slow: key.named("slow start"),
                deployment: key.named("deployment"),
                pending: key.named("pending"),
                boot: (0..fleet.boot.len()).map(|part| key.named("boot").numbered(part as u64)).collect(),
                check: key.named("check"),
            },
            policies: Policies::new(&fleet.scaling, fleet.metric_period),
            schedule: fleet.schedule.clone(),
            running,
            instances: Vec::new(),
            free: Vec::new(),
            in_service: InService::counting(running != Running::Lazy),
            fails_open: false,
            replaces: fleet.replaces_unhealthy,
            healthy_threshold: fleet.healthy_threshold,
            turn: 0,
            by_zone: vec![0; fleet.zones.max(1) as usize],
            launches: 0,
            starting: 0,
            draining: 0,
            changed_at: SimTime::ZERO,
            agenda: Vec::new(),
            free_agenda: Vec::new(),
            period_requests: 0,
            told: 0,
            failures: Failures::new(fleet, key),
            lifecycle: Lifecycle::new(fleet, key),
            refused: Refused::default(),
            warm: fleet.warm_pool.as_ref().map(|pool| Pool::new(pool, key)),
            forecast: fleet.predictive.map(Forecast::new),
            resizes: Resizes::new(fleet, key),
            refresh: None,
            rolling: None,
            blue_green: None,
            restarts: 0,
            fluid: None,
            rotation: fleet.managed.as_ref().map(managed::Rotation::new),
            full: managed::full(fleet),
            books: Books::new(name, fleet, subnets, shared.scenario, ledger),
        };
        for _ in 0..fleet.desired {
            let spot = state.next_is_spot();
            if !state.may_launch(SimTime::ZERO, spot, shared, queue) {
                continue;
            }
            let instance = state.place(spot);
            state.runs(SimTime::ZERO, instance, shared, queue);
            state.enter_service(SimTime::ZERO, instance, SimTime::ZERO, shared, queue);
        }
        state.start_with_pool(shared);
        state.plan_forecast(shared, queue);
        if !state.policies.is_empty() {
            state.push(SimTime::ZERO + state.period, FleetEvent::Metric, 0, queue);
        }
        let midnight = shared.scenario.warmup.0 % DAY.0;
        for change in 0..state.schedule.len() {
            // Times of the day count from t = 0, which is midnight; the warm-up may begin on the days before.
            let first = SimTime((midnight + state.schedule[change].at.0) % DAY.0);
            state.plan(first, Step::Schedule(change as u32), 0, queue);
        }
        state.plan_resizes(shared.scenario.warmup, queue);
        state.plan_deployments(name, shared, queue);
        state.plan_incidents(shared, queue);
        state
    }

    fn push(&self, at: SimTime, event: FleetEvent, index: u32, queue: &mut EventQueue<Event>) {
        queue.push(at, Event::new(Due::Fleet(event), self.index, index));
    }

    /// Puts something on the agenda; what concerns an instance is dropped if that is gone by then.
    fn plan(&mut self, at: SimTime, step: Step, slot: u32, queue: &mut EventQueue<Event>) {
        let launch = self.instances.get(slot as usize).map_or(0, |instance| instance.launched);
        let planned = Planned { step, slot, launch };
        let entry = match self.free_agenda.pop() {
            Some(entry) => {
                self.agenda[entry as usize] = planned;
                entry
            }
            None => {
                self.agenda.push(planned);
                (self.agenda.len() - 1) as u32
            }
        };
        self.push(at, FleetEvent::Planned, entry, queue);
    }

    /// Whether the next instance is a Spot one.
    fn next_is_spot(&self) -> bool {
        let here =
            |instance: &&Instance| matches!(instance.phase, Phase::Starting | Phase::InService | Phase::Unhealthy);
        let spot = self.instances.iter().filter(here).filter(|instance| instance.spot).count() as u32;
        let all = self.instances.iter().filter(here).count() as u32;
        self.failures.next_is_spot(all - spot, spot)
    }

    /// Puts a new instance into the zone that has fewest, of those that work.
    fn place(&mut self, spot: bool) -> u32 {
        let zones = (0..self.zones).filter(|&zone| self.failures.works(zone));
        let zone = zones.min_by_key(|&zone| self.by_zone[zone as usize]).unwrap_or(0);
        self.by_zone[zone as usize] += 1;
        self.starting += 1;
        self.place_in(zone, spot, Phase::Starting)
    }

    /// Puts a new instance into a zone.
    fn place_in(&mut self, zone: u32, spot: bool, phase: Phase) -> u32 {
        self.launches += 1;
        let replacement = self.next_is_replacement();
        let instance = Instance {
            server: self.running.server(self.vcpu, self.room.concurrency, self.room.queue),
            phase,
            launched: self.launches,
            zone,
            spot,
            dead: false,
            replacement,
            restarting: false,
            still: false,
            hung: 0,
            running_since: SimTime::NEVER,
            warm_from: SimTime::NEVER,
            slow_until: SimTime::ZERO,
            planned: SimTime::NEVER,
            period_busy: 0.0,
            period_occupancy: 0,
            connections: 0,
        };
        match self.free.pop() {
            Some(slot) => {
                self.instances[slot as usize] = instance;
                slot
            }
            None => {
                self.instances.push(instance);
                (self.instances.len() - 1) as u32
            }
        }
    }

    fn launch(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let spot = self.next_is_spot();
        if !self.can_launch(spot) || self.wake_one(now, shared, queue) || !self.may_launch(now, spot, shared, queue) {
            return;
        }
        let instance = self.place(spot);
        let pending = self.pending.sample(self.keys.pending.draw(self.launches, 0));
        let now = if self.tasks { shared.task_launches.start(now, spot) } else { now };
        self.plan(now + pending, Step::Running, instance, queue);
    }

    /// The instance runs from now on: it is billed and earns credits.
    fn runs(&mut self, now: SimTime, slot: u32, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        let instance = &mut self.instances[slot as usize];
        self.books.runs(now, instance.spot);
        instance.running_since = now;
        if let Some(Credits { earned, most, unlimited }) = self.credits {
            instance.server.grant(now, Allowance::new(earned, most, unlimited));
        }
        self.plan_its_end(now, slot, shared, queue);
        self.plan_rotation(now, slot, queue);
    }

    fn enter_service(
        &mut self,
        now: SimTime,
        slot: u32,
        warm_from: SimTime,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        if shared.has_backend && !shared.connections.open(now, self.pool) {
            // The application cannot fill its pool and does not become healthy; it tries again at the next check.
            self.plan(now + self.check_interval, Step::InService, slot, queue);
            return;
        }
        // Without anyone who has warmed up nobody starts slowly; a set of tasks has a target group of its own.
        let set = self.instances[slot as usize].replacement;
        let warm = |slot: &u32| {
            let other = &self.instances[*slot as usize];
            other.slow_until <= now && other.replacement == set
        };
        let slow_until = if self.in_service.iter().any(warm) { now + self.slow_start } else { now };
        let instance = &mut self.instances[slot as usize];
        instance.slow_until = slow_until;
        instance.connections = if shared.has_backend { self.pool } else { 0 };
        instance.phase = Phase::InService;
        instance.warm_from = warm_from;
        self.starting -= 1;
        self.changed_at = now;
        self.close();
        self.in_service.push(slot);
        self.make_room(now, shared, queue);
        self.take_over(now, queue);
    }

    /// Sends a request to an instance. `None`: the answer comes later, through `done`.
    #[inline(always)]
    pub fn dispatch(
        &mut self,
        now: SimTime,
        call: Call,
        algorithm: Balancing,
        queue: &mut EventQueue<Event>,
        done: impl FnMut(&Call, Ending),
    ) -> Option<Ending> {
        self.period_requests += 1;
        let healthy = self.in_service.len();
        if healthy == 0 {
            self.books.refused();
            return Some(Ending { at: now, ..self.full });
        }
        let chosen = match algorithm {
            Balancing::RoundRobin => {
                self.turn = if self.slow_start > SimDuration::ZERO {
                    self.next_by_weight(now, &call.apart())
                } else if self.turn + 1 < healthy {
                    self.turn + 1
                } else {
                    0
                };
                self.turn
            }
            Balancing::Zonal => {
                let zones = self.in_service.iter().map(|&slot| self.instances[slot as usize].zone);
                balance::within_a_zone(self.keys.balance.draw(call.id, u32::from(call.attempt)), zones)
            }
            Balancing::Random => {
                let bits = self.keys.balance.draw(call.id, u32::from(call.attempt));
                ((u128::from(bits) * healthy as u128) >> 64) as usize
            }
            Balancing::LeastOutstanding => self.in_service.least(),
        };
        self.give(now, call, chosen, queue, done)
    }

    /// Gives a request to the instance at this place of those in service.
    #[inline(always)]
    fn give(
        &mut self,
        now: SimTime,
        call: Call,
        chosen: usize,
        queue: &mut EventQueue<Event>,
        mut done: impl FnMut(&Call, Ending),
    ) -> Option<Ending> {
        let slot = self.in_service[chosen];
        let cpu = self.work_of(call.cpu);
        let instance = &mut self.instances[slot as usize];
        let dead = instance.dead;
        // What it needs is chosen, not the whole of it: it is not written before it is where it stays.
        let (cpu, wait) = if dead { Self::NO_CONNECTION } else { (cpu, call.wait) };
        let job = Job { cpu, wait, tag: call };
        let was_alone = instance.server.is_alone();
        let admission = if self.running.takes_late() {
            let books = &mut self.books;
            instance.server.offer_late(now, job, |at, call| Self::ended(books, dead, at, call, &mut done))
        } else {
            instance.server.offer(now, job)
        };
        let refused = admission == Admission::Refused;
        let ending = if refused { Some(self.no_room(now, call.apart(), slot, queue, &mut done)) } else { None };
        if !refused {
            self.books.took(call.class);
        }
        if self.running != Running::Lazy {
            self.in_service.holds(slot, self.instances[slot as usize].server.outstanding());
            self.expect(slot, was_alone, queue);
        }
        ending
    }

    /// What CPU time of the reference vCPU takes here, in nanoseconds. At its speed there is nothing to divide by.
    #[inline(always)]
    #[expect(clippy::float_cmp, reason = "exactly at that speed, or not")]
    fn work_of(&self, cpu: u64) -> u64 {
        if self.speed == 1.0 { cpu } else { (cpu as f64 / self.speed + 0.5) as u64 }
    }

    /// Plans the events that an instance needs which has just been offered a request.
    #[inline(always)]
    fn expect(&mut self, slot: u32, was_alone: bool, queue: &mut EventQueue<Event>) {
        let event = Event::new(Due::Fleet(FleetEvent::Work), self.index, slot);
        let Instance { server, planned, .. } = &mut self.instances[slot as usize];
        if self.running == Running::Counted && server.is_alone() {
            // Everyone's end is an event. Ends that were planned before are planned again: there is nothing to take then.
            let fresh = if was_alone { 1 } else { usize::MAX };
            server.known_ends().rev().take(fresh).for_each(|end| queue.push(end, event));
            *planned = SimTime::NEVER;
        } else if server.next_event() < *planned {
            *planned = server.next_event();
            queue.push(*planned, event);
        }
    }

    /// Something may have ended on an instance.
    fn work(&mut self, now: SimTime, slot: u32, queue: &mut EventQueue<Event>, done: &mut impl FnMut(&Call, Ending)) {
        let counted = self.running == Running::Counted;
        if !counted && self.instances[slot as usize].planned != now {
            return;
        }
        self.catch_up(slot, now, done);
        let Instance { server, planned, .. } = &mut self.instances[slot as usize];
        if counted && (server.is_alone() || *planned > now) {
            return;
        }
        *planned = server.next_event();
        if *planned < SimTime::NEVER {
            queue.push(*planned, Event::new(Due::Fleet(FleetEvent::Work), self.index, slot));
        }
    }

    /// Lets work flow in like a fluid until the requests come; `key` is that of its draws.
    pub fn follow(&mut self, inflow: Inflow, key: Key) {
        let takes =
            Takes { vcpu: self.vcpu, speed: self.speed, concurrency: self.room.concurrency, queue: self.room.queue };
        self.fluid = Some(Box::new(Fluid::new(inflow, takes, self.period, key)));
    }

    #[cold]
    #[inline(never)]
    fn flow(&mut self, now: SimTime) {
        let Some(fluid) = &mut self.fluid else { return };
        let (busy, requests) = fluid.flow(now, self.in_service.len());
        if fluid.is_over() {
            self.fluid = None;
        }
        self.period_requests += requests;
        for &slot in self.in_service.iter() {
            self.instances[slot as usize].period_busy += busy;
        }
    }

    /// How its balancer lets instances start slowly; round robin only.
    pub fn start_slowly(&mut self, slow_start: SimDuration) {
        self.slow_start = slow_start;
    }

    /// The next in turn, where those that have come into service lately take their turn the less often the later they came.
    #[inline(never)]
    fn next_by_weight(&self, now: SimTime, call: &Call) -> usize {
        let length = self.slow_start.0 as f64;
        let weight = |place: usize| {
            let left = self.instances[self.in_service[place] as usize].slow_until.since(now);
            1.0 - left.0 as f64 / length
        };
        let uniform = |step: u32| unit(self.keys.slow.draw(call.id, u32::from(call.attempt) << 16 | step & 0xffff));
        balance::next_by_weight(self.turn, self.in_service.len(), weight, uniform)
    }

    /// A request has ended on an instance.
    #[inline(always)]
    fn ended(books: &mut Books, dead: bool, at: SimTime, call: &Call, done: &mut impl FnMut(&Call, Ending)) {
        if dead {
            books.left(call, at);
            done(call, Self::not_connected(at));
        } else {
            books.served(call, at);
            done(call, Ending::served(at));
        }
    }

    /// Takes everything that has ended on an instance up to `now`.
    #[inline]
    fn catch_up(&mut self, slot: u32, now: SimTime, done: &mut impl FnMut(&Call, Ending)) {
        let Instance { server, dead, .. } = &mut self.instances[slot as usize];
        let (books, dead) = (&mut self.books, *dead);
        if self.running.takes_late() {
            server.take_ended(now, |at, call| Self::ended(books, dead, at, call, done));
        } else {
            while let Some((at, call)) = server.advance(now) {
                Self::ended(books, dead, at, &call, done);
            }
        }
        if self.running != Running::Lazy {
            self.in_service.holds(slot, server.outstanding());
        }
    }

    /// Takes everything that has ended on any instance up to `now`.
    pub fn catch_up_all(&mut self, now: SimTime, mut done: impl FnMut(&Call, Ending)) {
        if self.fluid.is_some() {
            self.flow(now);
        }
        for slot in 0..self.instances.len() as u32 {
            self.catch_up(slot, now, &mut done);
        }
    }

    /// Handles an event. The caller has caught up with all instances unless it is [`FleetEvent::Work`].
    pub fn event(
        &mut self,
        now: SimTime,
        event: FleetEvent,
        index: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        mut done: impl FnMut(&Call, Ending),
    ) {
        match event {
            FleetEvent::Work => self.work(now, index, queue, &mut done),
            FleetEvent::Metric => {
                self.metric(now, shared, queue);
                self.push(now + self.period, FleetEvent::Metric, 0, queue);
            }
            FleetEvent::Planned => {
                let planned = self.agenda[index as usize];
                self.free_agenda.push(index);
                self.planned(now, planned, shared, queue, &mut done);
                // An instance that fails drops what it holds.
                let instances = &self.instances;
                self.in_service.recount(|slot| instances[slot as usize].server.outstanding());
            }
        }
    }

    fn planned(
        &mut self,
        now: SimTime,
        planned: Planned,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        let Planned { step, slot, launch } = planned;
        match step {
            Step::Schedule(change) => {
                self.plan(now + DAY, step, 0, queue);
                return self.reschedule(now, change as usize, shared, queue);
            }
            Step::Begins(index) => return self.begins(now, index, shared, queue, done),
            Step::IsOver(index) => return self.is_over(now, index, shared, queue, done),
            Step::LaunchAgain => return self.launch_again(now, shared, queue),
            Step::Resize(index) => return self.resize_server(now, index, shared, queue, done),
            Step::Deploys(index) => return self.deployment_begins(now, index, shared, queue),
            Step::RefreshGoesOn => return self.refresh_goes_on(now, shared, queue),
            Step::RollingGoesOn => return self.rolling_goes_on(now, shared, queue),
            Step::ShiftGoesOn => return self.shift_goes_on(now, shared, queue),
            Step::Hour => return self.hour_begins(now, shared, queue),
            Step::HourAhead => return self.hour_ahead(now, shared, queue),
            _ => {}
        }
        let instance = &self.instances[slot as usize];
        if instance.launched != launch
            || (instance.dead && instance.hung == 0 && !matches!(step, Step::Unhealthy | Step::Terminated | Step::Over))
        {
            return;
        }
        match step {
            Step::Running => {
                self.runs(now, slot, shared, queue);
                if self.instances[slot as usize].phase == Phase::Preparing {
                    return self.prepare(now, slot, queue);
                }
                let ready = now + self.booting(launch, |_| true);
                self.register(now, ready, slot, queue);
            }
            Step::InService => self.enter_service(now, slot, now + self.warmup, shared, queue),
            Step::Terminated => self.drained(now, slot, shared, queue, done),
            Step::Over => self.terminate(now, slot, shared, done),
            Step::Prepared => self.prepared(now, slot, shared),
            Step::Woken => self.woken(now, slot, shared, queue),
            Step::Resized => self.resized(now, slot, shared, queue),
            Step::Restarted => {
                self.restarted(slot);
                self.comes_back(now, slot, queue);
            }
            Step::Fails => self.fail(now, slot, shared, queue, done),
            Step::Unhealthy => self.unhealthy(now, slot, shared, queue, done),
            Step::Interrupted => self.interrupted(now, slot, shared, queue),
            Step::Healthy => self.healthy(slot),
            Step::Rotates => self.rotate(now, slot, shared, queue),
            Step::Schedule(_)
            | Step::Begins(_)
            | Step::IsOver(_)
            | Step::LaunchAgain
            | Step::Resize(_)
            | Step::Deploys(_)
            | Step::RefreshGoesOn
            | Step::RollingGoesOn
            | Step::ShiftGoesOn
            | Step::Hour
            | Step::HourAhead => {}
        }
    }

    /// An instance has drained.
    fn drained(
        &mut self,
        now: SimTime,
        slot: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        if !self.waits_for_its_end(now, slot, queue) {
            self.terminate(now, slot, shared, done);
        }
    }

    /// The end of an instance that has drained. What it still has at work is cut off.
    fn terminate(&mut self, now: SimTime, slot: u32, shared: &mut Shared<'_>, done: &mut impl FnMut(&Call, Ending)) {
        self.draining -= 1;
        let zone = self.instances[slot as usize].zone;
        for call in self.remove(now, slot, shared) {
            self.books.left(&call, now);
            done(&call, Ending { at: now, status: 502, outcome: Outcome::Failed });
        }
        self.return_to_pool(now, slot, zone, shared);
    }

    /// Takes an instance off the books; gives back what it had at work.
    fn remove(&mut self, now: SimTime, slot: u32, shared: &mut Shared<'_>) -> Vec<Call> {
        self.remove_as(now, slot, true, shared)
    }

    /// The same for one whose vCPUs count towards the account's quota, or do not.
    fn remove_as(&mut self, now: SimTime, slot: u32, counts: bool, shared: &mut Shared<'_>) -> Vec<Call> {
        let instance = &mut self.instances[slot as usize];
        let (busy, occupancy) = (instance.server.take_busy(now), instance.server.take_occupancy(now));
        self.books.worked(busy, occupancy, instance.server.take_charged(now, true));
        if let Some(forecast) = &mut self.forecast {
            forecast.worked(busy);
        }
        self.books.waited(instance.server.take_waited(now));
        let lost = instance.server.abort();
        instance.phase = Phase::Gone;
        instance.planned = SimTime::NEVER;
        // What is still on the agenda for it finds nobody.
        instance.launched = 0;
        let connections = std::mem::take(&mut instance.connections);
        if connections > 0 {
            shared.connections.close(now, connections);
        }
        if instance.running_since < SimTime::NEVER {
            self.books.terminated(now, instance.running_since, instance.spot);
        }
        let spot = instance.spot;
        if std::mem::take(&mut instance.still) {
            self.books.starts(now);
        }
        if counts {
            self.stops_counting(spot, shared);
        }
        self.changed_at = now;
        self.free.push(slot);
        lost
    }

    /// Gives up the youngest instance that has not come into service. Whether there was one.
    fn give_up_one(&mut self, now: SimTime, shared: &mut Shared<'_>) -> bool {
        if self.forget_refused() || self.forget_launch() {
            return true;
        }
        let starting = self.instances.iter().enumerate().filter(|(_, instance)| instance.phase == Phase::Starting);
        let youngest = starting.max_by_key(|(_, instance)| instance.launched).map(|(slot, _)| slot);
        let Some(slot) = youngest else { return false };
        self.starting -= 1;
        self.by_zone[self.instances[slot].zone as usize] -= 1;
        self.remove(now, slot as u32, shared);
        !self.was_beyond()
    }

    /// Reads the busy time of all instances up to `now` into their period and the books.
    fn read_busy(&mut self, now: SimTime) {
        for instance in self.instances.iter_mut().filter(|instance| instance.phase != Phase::Gone) {
            let busy = instance.server.take_busy(now);
            let occupancy = instance.server.take_occupancy(now);
            instance.period_busy += busy;
            instance.period_occupancy += occupancy;
            if let Some(forecast) = &mut self.forecast {
                forecast.worked(busy);
            }
            self.books.worked(busy, occupancy, instance.server.take_charged(now, false));
            self.books.waited(instance.server.take_waited(now));
        }
    }

    fn metric(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        self.read_busy(now);
        let nanos = self.period.0 as f64;
        let (mut measured, mut warming) = (0u32, self.starting > 0 || now < self.changed_at + self.rest);
        let (mut measured_busy, mut all_busy, mut occupancy) = (0.0, 0.0, 0u128);
        for instance in &mut self.instances {
            let busy = std::mem::take(&mut instance.period_busy);
            let held = std::mem::take(&mut instance.period_occupancy);
            all_busy += busy;
            // What has failed publishes nothing; what hangs does no work, and its machine says so.
            let registered = matches!(instance.phase, Phase::InService | Phase::Unhealthy);
            if registered && (!instance.dead || instance.hung > 0) {
                if instance.warm_from <= now {
                    measured += 1;
                    measured_busy += busy;
                    occupancy += u128::from(held);
                } else {
                    warming = true;
                }
            }
        }
        self.books.peak(all_busy / nanos);
        self.tell();
        let requests = std::mem::take(&mut self.period_requests);
        self.told = 0;
        if let Some(forecast) = &mut self.forecast {
            forecast.counted(requests);
        }
        if measured == 0 {
            // Insufficient data: no alarm changes.
            return;
        }
        let seen = Seen {
            cpu: measured_busy / nanos / self.vcpu / f64::from(measured),
            per_target: requests as f64 / self.in_service.len() as f64 / (self.period.as_secs_f64() / 60.0),
            outstanding: occupancy as f64 / nanos / f64::from(measured),
            measured,
            in_service: self.in_service.len() as u32,
            warming,
            changing: self.starting + self.draining > 0,
            changed_at: self.changed_at,
        };
        let bounds = self.bounds();
        let size = self.policies.size_after(now, &seen, &bounds);
        self.resize(now, size, shared, queue);
    }

    /// Launches or drains until the group has, or will have, this size.
    fn resize(&mut self, now: SimTime, size: u32, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        if self.blue_green.is_some() {
            return self.resize_sets(now, size, shared, queue);
        }
        for _ in self.size.desired..size {
            self.launch(now, shared, queue);
        }
        for _ in size..self.size.desired {
            if !self.give_up_one(now, shared) {
                self.drain_one(now, queue);
            }
        }
        self.size.desired = size;
        self.fill_pool(now, shared, queue);
    }

    /// A change of the schedule: new bounds, and a size within them. Neither a warm-up nor a cooldown holds it up (user guide).
    fn reschedule(&mut self, now: SimTime, change: usize, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let change = &self.schedule[change];
        if !change.days.contains(weekday(now, shared.scenario)) {
            return;
        }
        self.size.min = change.min.unwrap_or(self.size.min);
        self.size.max = change.max.unwrap_or(self.size.max);
        self.size.max = self.size.max.max(self.size.min);
        let size = change.desired.unwrap_or(self.size.desired).clamp(self.bounds().min, self.size.max);
        self.resize(now, size, shared, queue);
    }

    /// Takes out of service the oldest instance of the zone that has most, and drains it.
    fn drain_one(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        let mut counts = vec![0u32; self.zones as usize];
        for &slot in self.in_service.iter() {
            counts[self.instances[slot as usize].zone as usize] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let candidates = self
            .in_service
            .iter()
            .enumerate()
            .filter(|(_, slot)| counts[self.instances[**slot as usize].zone as usize] == most);
        let oldest =
            candidates.min_by_key(|(_, slot)| self.instances[**slot as usize].launched).map(|(place, _)| place);
        let Some(place) = oldest else { return };
        self.drain_at(now, place, queue);
    }

    /// Brings the integrals up to `now`; all instances must have caught up.
    pub fn settle(&mut self, now: SimTime) {
        self.read_busy(now);
        self.books.settle(now);
    }

    /// Tells the books how many requests have come.
    fn tell(&mut self) {
        self.books.dispatched(self.period_requests - self.told);
        self.told = self.period_requests;
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self, now: SimTime) {
        self.settle(now);
        self.tell();
        self.books.restart(now);
    }

    /// Closes a bucket of the series of this length.
    pub fn close_bucket(&mut self, length: SimDuration) {
        self.books.close_bucket(length);
    }

    /// Books the hour's usage.
    pub fn close_hour(&mut self, ledger: &mut Ledger) {
        self.tell();
        self.books.close_hour(ledger);
    }

    /// The results over a horizon of this length.
    pub fn finish(self, horizon: SimDuration, connections: Option<u64>) -> (ComponentOutput, Vec<f64>, Vec<f64>) {
        self.books.finish(horizon, connections)
    }
}
