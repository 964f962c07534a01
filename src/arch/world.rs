//! One architecture at work: the graph of components, the clients in front of it, and the meters.
//!
//! A request enters at the client, passes the fronts on its class's path and ends in a function or a fleet. A function
//! answers at once with the instant of its end; a fleet answers later. Either way the answer goes back through the fronts to the
//! client ([`super::way_back`]), who takes it, gives up, or tries again.

use super::backend_transfer::BackendTransfer;
use super::call::{Call, Ending, NO_TICKET};
use super::chain::{Chains, Waiter};
use super::deployment::{self, Versions};
use super::durable::Durables;
use super::events::Events;
use super::fleet::quota::{TaskLaunches, VcpuQuota};
use super::fleet::rollout;
use super::fleet::{FleetEvent, FleetState, Running};
use super::front::{FrontState, HOUR};
use super::function_url::{self, FunctionUrl};
use super::lambda::{AccountState, LambdaState, Provision};
use super::ledger::{Ledger, MeterId};
use super::message_queue::{QueueEvent, QueueState};
use super::output::{ComponentOutput, Horizon, RunOutput};
use super::pool::{PoolEvent, PoolState};
use super::requests::RequestMeter;
use super::stream::{StreamEvent, StreamState};
use super::table::TableState;
use super::way_back::{Path, Place, WayBack, places};
use super::{How, history};
use crate::sim::engine::Model;
use crate::sim::gauge::Gauge;
use crate::sim::queue::EventQueue;
use crate::sim::random::{self, Key};
use crate::spec::model::{Architecture, Balancing, Component, ComponentId, ComponentKind, Subnets};
use crate::spec::scenario::{Frequency, Scenario};
use crate::units::{NANOS_PER_MILLI, SimDuration, SimTime};
use crate::usage::RawUnit;

/// What can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A function's environment has done its call.
    Released,
    /// Something in a function's provisioned concurrency.
    Provision(Provision),
    /// Something in a fleet.
    Fleet(FleetEvent),
    /// A client tries again.
    Retry,
    /// A caller has waited long enough for a late answer.
    Deadline,
    /// A function calls another one.
    Step,
    /// The time-out of a function that waits for another one.
    Cut,
    /// An event that a function accepted is tried, or given up.
    Accepted,
    /// The next invocation of a durable function's execution.
    Part,
    /// Something in a pool.
    Pool(PoolEvent),
    /// Something in a queue.
    Queue(QueueEvent),
    /// Something in a stream.
    Stream(StreamEvent),
    /// A bucket or an hour ends, or the warm-up does.
    Edge,
}

/// Something that is due: what, at which component, and an environment, an instance, a waiting retry or a ticket. Packed into one
/// word, so that it travels through the queue in a register; a struct would be written field by field and read whole, which
/// stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event(u64);

impl Event {
    const ALL: [Due; 24] = [
        Due::Released,
        Due::Retry,
        Due::Deadline,
        Due::Edge,
        Due::Fleet(FleetEvent::Work),
        Due::Fleet(FleetEvent::Metric),
        Due::Fleet(FleetEvent::Planned),
        Due::Provision(Provision::Ready),
        Due::Provision(Provision::Change),
        Due::Provision(Provision::Minute),
        Due::Step,
        Due::Cut,
        Due::Accepted,
        Due::Queue(QueueEvent::Window),
        Due::Queue(QueueEvent::Scale),
        Due::Queue(QueueEvent::Done),
        Due::Queue(QueueEvent::Back),
        Due::Stream(StreamEvent::Poll),
        Due::Stream(StreamEvent::Done),
        Due::Provision(Provision::Level),
        Due::Part,
        Due::Pool(PoolEvent::Ready),
        Due::Pool(PoolEvent::Work),
        Due::Pool(PoolEvent::Expire),
    ];

    /// Packs an event.
    #[inline]
    pub const fn new(what: Due, component: u16, index: u32) -> Self {
        let code: u64 = match what {
            Due::Released => 0,
            Due::Retry => 1,
            Due::Deadline => 2,
            Due::Edge => 3,
            Due::Fleet(FleetEvent::Work) => 4,
            Due::Fleet(FleetEvent::Metric) => 5,
            Due::Fleet(FleetEvent::Planned) => 6,
            Due::Provision(Provision::Ready) => 7,
            Due::Provision(Provision::Change) => 8,
            Due::Provision(Provision::Minute) => 9,
            Due::Step => 10,
            Due::Cut => 11,
            Due::Accepted => 12,
            Due::Queue(QueueEvent::Window) => 13,
            Due::Queue(QueueEvent::Scale) => 14,
            Due::Queue(QueueEvent::Done) => 15,
            Due::Queue(QueueEvent::Back) => 16,
            Due::Stream(StreamEvent::Poll) => 17,
            Due::Stream(StreamEvent::Done) => 18,
            Due::Provision(Provision::Level) => 19,
            Due::Part => 20,
            Due::Pool(PoolEvent::Ready) => 21,
            Due::Pool(PoolEvent::Work) => 22,
            Due::Pool(PoolEvent::Expire) => 23,
        };
        Self((index as u64) << 32 | (component as u64) << 16 | code)
    }

    /// Whether an environment has done its call: by far the most frequent.
    #[inline]
    const fn is_release(self) -> bool {
        self.0 & 0x1f == 0
    }

    /// What is due.
    #[inline]
    pub const fn what(self) -> Due {
        Self::ALL[(self.0 & 0x1f) as usize]
    }

    /// The component that it concerns.
    #[inline]
    pub const fn component(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The environment, instance, retry or ticket.
    #[inline]
    pub const fn index(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Connections to the shared backend.
pub struct Connections {
    limit: u64,
    gauge: Gauge,
}

impl Connections {
    /// Opens `count`, all or none.
    pub fn open(&mut self, now: SimTime, count: u64) -> bool {
        let fits = self.limit - self.gauge.value() >= count;
        if fits {
            self.gauge.add(now, count);
        }
        fits
    }

    /// Closes `count`.
    pub fn close(&mut self, now: SimTime, count: u64) {
        self.gauge.sub(now, count);
    }
}

/// What all components see.
pub struct Shared<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Its events that happen this often are left out.
    pub without: Option<Frequency>,
    /// Whether there is a shared backend.
    pub has_backend: bool,
    /// Its connections.
    pub connections: Connections,
    /// The account's vCPU quota.
    pub vcpus: VcpuQuota,
    /// The account's quota of task launches.
    pub task_launches: TaskLaunches,
    /// Tables, which answer whoever asks them at once.
    pub tables: Vec<TableState>,
    places: Vec<Place>,
}

impl Shared<'_> {
    /// Position of a function among the functions.
    pub(super) fn function_of(&self, component: ComponentId) -> Option<u16> {
        match self.places.get(usize::from(component.0))? {
            Place::Function(function) | Place::Caller(function) | Place::Inbox(function) => Some(*function),
            _ => None,
        }
    }

    /// Position of a queue among the queues.
    pub(super) fn queue_of(&self, component: ComponentId) -> Option<u16> {
        match self.places.get(usize::from(component.0))? {
            Place::Queue(queue) => Some(*queue),
            _ => None,
        }
    }

    /// Position of a table among the tables.
    pub fn table_of(&self, component: ComponentId) -> Option<u16> {
        match self.places.get(usize::from(component.0))? {
            Place::Table(table) => Some(*table),
            _ => None,
        }
    }
}

/// Where a component stands: its position and name in the model, and the key of its random draws.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Position among its kind.
    pub index: u16,
    /// Name in the model.
    pub name: &'a str,
    /// Key of its draws.
    pub key: Key,
}

/// An attempt with a deadline. It is over when both the deadline has passed and the answer has come.
#[derive(Clone, Copy)]
struct Ticket {
    call: Call,
    passed: bool,
    answered: bool,
}

struct NetworkMeters {
    gateway_hours: MeterId,
    gateway_bytes: MeterId,
    gateways: u64,
}

/// The state of an architecture in one replication.
pub struct World<'a> {
    pub(super) shared: Shared<'a>,
    pub(super) back: WayBack<'a>,
    /// In the order of the model, then the further versions of those that are deployed.
    pub(super) functions: Vec<LambdaState>,
    /// How many come first: one for each function of the model, which counts for all its versions.
    first_versions: usize,
    pub(super) deployed: Vec<Versions>,
    /// The URL of the function at the entry, where it limits something.
    pub(super) url: Option<FunctionUrl>,
    pub(super) fleets: Vec<FleetState>,
    pub(super) account: AccountState,
    pub(super) chains: Chains,
    pub(super) events: Events,
    pub(super) durables: Durables,
    pub(super) pools: Vec<PoolState>,
    pub(super) queues: Vec<QueueState>,
    pub(super) streams: Vec<StreamState>,
    retry_key: Key,
    retries: Vec<Call>,
    free_retries: Vec<u32>,
    /// Answers from a fleet whose clients may try again: they wait until the fleet is done.
    answers: Vec<(Call, Ending)>,
    /// Attempts in a fleet whose callers act when a deadline passes; used only where clients try again.
    tickets: Vec<Ticket>,
    free_tickets: Vec<u32>,
    pub(super) feedback: bool,
    ledger: Ledger,
    start: SimTime,
    end: SimTime,
    bucket: SimDuration,
    bucket_from: SimTime,
    hour_from: SimTime,
    /// The next end of a bucket or an hour, which is in the queue; [`SimTime::NEVER`] if none will come.
    pub(super) next_edge: SimTime,
    pub(super) next_id: u64,
    pub(super) external: Vec<u64>,
    /// Whether any class talks to the internet.
    pub(super) counts_external: bool,
    pub(super) hour_external: u64,
    external_meter: Option<MeterId>,
    network: Option<NetworkMeters>,
    backend_meter: Option<MeterId>,
    backend_transfer: Option<BackendTransfer>,
}

/// Buckets of the series: the shortest of these that makes at most 720.
const BUCKET_SECONDS: [u64; 18] =
    [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
const MAX_BUCKETS: u64 = 720;

/// Length of a bucket of the series for a horizon.
pub fn bucket_length(horizon: SimDuration) -> SimDuration {
    let fits = |seconds: &u64| horizon.0.div_ceil(SimDuration::from_secs(*seconds).0) <= MAX_BUCKETS;
    let seconds = BUCKET_SECONDS.into_iter().find(fits);
    SimDuration::from_secs(seconds.unwrap_or_else(|| horizon.0 / 1_000_000_000 / MAX_BUCKETS + 1))
}

/// Whether a balancer in front of a component checks its health.
fn is_checked(architecture: &Architecture, position: usize) -> bool {
    architecture.components.iter().any(|component| match &component.kind {
        ComponentKind::LoadBalancer(balancer) => balancer.to.0.iter().any(|to| usize::from(to.0) == position),
        _ => false,
    })
}

/// The slow start that the balancers in front of a component ask for.
fn slow_start(architecture: &Architecture, position: usize) -> SimDuration {
    let asked = |component: &Component| match &component.kind {
        ComponentKind::LoadBalancer(balancer) => {
            let leads_there = balancer.to.0.iter().any(|target| usize::from(target.0) == position);
            leads_there.then_some(balancer.slow_start)
        }
        _ => None,
    };
    architecture.components.iter().filter_map(asked).max().unwrap_or_default()
}

impl<'a> World<'a> {
    /// Builds the components.
    pub fn new(
        scenario: &'a Scenario,
        architecture: &Architecture,
        replication: u32,
        how: &How<'_>,
        measured: Horizon,
        queue: &mut EventQueue<Event>,
    ) -> Self {
        let Horizon { start, end } = measured;
        let length = end.since(start);
        let bucket = how.bucket.unwrap_or(if how.window.is_some() { length } else { bucket_length(length) });
        let last_end = if how.window.is_some() { SimTime(u64::MAX) } else { end };
        let root = Key::new(scenario.seed, replication);
        let hours_each = if how.by_the_hour { 1 } else { crate::usage::hours_each(end.since(start)) };
        let mut ledger = Ledger::new(hours_each);
        let places = places(architecture);
        let mut shared = Shared {
            scenario,
            without: how.without,
            has_backend: scenario.backend.is_some(),
            connections: Connections {
                limit: scenario.backend.as_ref().map_or(u64::MAX, |backend| backend.max_connections.as_u64()),
                gauge: Gauge::new(0),
            },
            vcpus: VcpuQuota::new(scenario.account.vcpu_quota),
            task_launches: TaskLaunches::FULL,
            tables: Vec::new(),
            places: places.clone(),
        };
        let mut paths: Vec<Path> =
            (0..scenario.classes.len()).map(|class| Path::of(architecture, &places, class)).collect();
        let reserved = architecture.components.iter().filter_map(|component| match &component.kind {
            ComponentKind::Lambda(function) => function.reserved_concurrency,
            _ => None,
        });
        let mut account = AccountState::new(&scenario.account, reserved.sum());
        // An answer may change what arrives only where clients try again.
        let feedback = scenario.client.retries.as_ref().is_some_and(|retries| retries.attempts > 0);
        let (mut fronts, mut functions, mut fleets) = (Vec::new(), Vec::new(), Vec::new());
        let (mut events, mut queues, mut streams) = (Events::default(), Vec::new(), Vec::new());
        let (mut durables, mut pools) = (Durables::default(), Vec::new());
        let error_rate = |to: Option<ComponentId>| match to.map(|to| &architecture.components[usize::from(to.0)].kind) {
            Some(ComponentKind::Lambda(function)) => function.error_rate,
            _ => 0.0,
        };
        for (position, (component, &place)) in architecture.components.iter().zip(&places).enumerate() {
            let name = component.name.as_str();
            let key = root.named(name);
            match (&component.kind, place) {
                (ComponentKind::HttpApi(api), _) => {
                    fronts.push(FrontState::http_api(name, api, &shared, key, &mut ledger));
                }
                (ComponentKind::LoadBalancer(balancer), _) => {
                    let to_function = |class: usize| {
                        let target = balancer.to.0[class];
                        match &architecture.components[usize::from(target.0)].kind {
                            ComponentKind::Lambda(_) | ComponentKind::Pool(_) => true,
                            ComponentKind::Fleet(fleet) => fleet.managed.is_some(),
                            _ => false,
                        }
                    };
                    let to_function = (0..scenario.classes.len()).map(to_function).collect();
                    fronts.push(FrontState::load_balancer(name, balancer, to_function, &shared, key, &mut ledger));
                }
                (ComponentKind::Lambda(function), _) => {
                    let site = Site { index: functions.len() as u16, name, key };
                    functions.push(LambdaState::new(site, function, &shared, &mut ledger, &mut account, queue));
                    events.push(function);
                    durables.push(name, function.durable.as_ref(), key, &mut ledger);
                }
                (ComponentKind::Pool(pool), _) => {
                    let site = Site { index: pools.len() as u16, name, key };
                    pools.push(PoolState::new(site, pool, &shared, &mut ledger));
                }
                (ComponentKind::Queue(rule), _) => {
                    let error_rate = error_rate(rule.consumer.as_ref().map(|consumer| consumer.to));
                    queues.push(QueueState::new(name, rule, error_rate, &scenario.classes, key, &mut ledger));
                }
                (ComponentKind::Stream(rule), _) => {
                    let error_rate = error_rate(rule.consumer.as_ref().map(|consumer| consumer.to));
                    streams.push(StreamState::new(name, rule, error_rate, &scenario.classes, key, &mut ledger));
                }
                (ComponentKind::Table(table), _) => shared.tables.push(TableState::new(name, table, &mut ledger)),
                (ComponentKind::Fleet(fleet), place) => {
                    let site = Site { index: fleets.len() as u16, name, key };
                    let least =
                        paths.iter().any(|path| path.last == place && path.algorithm == Balancing::LeastOutstanding);
                    let running = Running::of(how.fleets, least, feedback);
                    let subnets = architecture.subnets;
                    let mut state = FleetState::new(site, fleet, running, subnets, &mut shared, &mut ledger, queue);
                    state.start_slowly(slow_start(architecture, position));
                    if !is_checked(architecture, position) {
                        state.unchecked();
                    }
                    if let Some(history) = how.history.filter(|_| history::follows(&component.kind)) {
                        let inflow = history.inflow(&scenario.classes, &paths, place, fleet.metric_period);
                        state.follow(inflow, key.named("fluid"));
                    }
                    fleets.push(state);
                }
            }
        }
        let sites = architecture.components.iter().filter_map(|component| match &component.kind {
            ComponentKind::Lambda(function) => Some((component.name.as_str(), function)),
            _ => None,
        });
        let (first_versions, mut deployed) = (functions.len(), Vec::new());
        for (index, (name, function)) in sites.enumerate() {
            let site = Site { index: index as u16, name, key: root.named(name) };
            deployed.extend(deployment::versions(site, function, &shared, &mut functions, &mut account, queue));
        }
        deployment::redirect(&mut paths, &functions, &deployed);
        let url = function_url::url(scenario, architecture, &mut paths);
        rollout::redirect(&mut paths, &scenario.deployments, how.without, architecture);
        let entry = usize::from(architecture.entry.0);
        let entry_name = &architecture.components[entry].name;
        let external: Vec<u64> = scenario.classes.iter().map(|class| class.external_bytes.0).collect();
        let counts_external = external.iter().any(|&bytes| bytes > 0);
        let mut external_meter = None;
        match places[entry] {
            Place::Front(front) => fronts[usize::from(front)].face_the_internet(entry_name, &mut ledger),
            // Without a front, the function or fleet answers the internet itself.
            _ => external_meter = Some(ledger.open(entry_name, "dto.internet", RawUnit::Bytes)),
        }
        if external_meter.is_none() && counts_external {
            external_meter = Some(ledger.open("network", "dto.internet", RawUnit::Bytes));
        }
        let network = match architecture.subnets {
            Subnets::Public => None,
            Subnets::Private { zones } => Some(NetworkMeters {
                gateway_hours: ledger.open("network", "vpc.nat.hour", RawUnit::Hours),
                gateway_bytes: ledger.open("network", "vpc.nat.gb", RawUnit::Bytes),
                gateways: u64::from(zones),
            }),
        };
        let backend_meter = scenario.backend.as_ref().map(|_| ledger.open("backend", "backend.hour", RawUnit::Ms));
        let first_id = how.window.map_or(0, |window| window.first_id);
        let backend_transfer = BackendTransfer::new(scenario, architecture, first_id, &mut ledger);
        let mut world = Self {
            shared,
            back: WayBack::new(
                fronts,
                paths,
                RequestMeter::new(scenario, Horizon { start, end }, last_end, bucket),
                &scenario.client,
                scenario.classes.iter().map(|class| class.response_size.0).collect(),
            ),
            functions,
            first_versions,
            deployed,
            url,
            fleets,
            account,
            chains: Chains::new(architecture, &places, root),
            events,
            durables,
            pools,
            queues,
            streams,
            retry_key: root.named("client").named("backoff"),
            retries: Vec::new(),
            free_retries: Vec::new(),
            answers: Vec::new(),
            tickets: Vec::new(),
            free_tickets: Vec::new(),
            feedback,
            ledger,
            start,
            end,
            bucket,
            bucket_from: start,
            hour_from: start,
            next_edge: SimTime::NEVER,
            next_id: first_id,
            external,
            counts_external,
            hour_external: 0,
            external_meter,
            network,
            backend_meter,
            backend_transfer,
        };
        if start > SimTime::ZERO {
            world.next_edge = start;
            queue.push(start, Event::new(Due::Edge, 0, 0));
        } else {
            world.plan_edge(queue);
        }
        world
    }

    /// The end of the measured horizon.
    pub fn end(&self) -> SimTime {
        self.end
    }

    /// Sends an attempt on its way. Always inlined into the loop over arrivals: as a call, a third of the work was moving its arguments.
    #[inline(always)]
    fn attempt(&mut self, now: SimTime, mut call: Call, queue: &mut EventQueue<Event>) {
        let path = &self.back.paths[usize::from(call.class)];
        let (last, whole) = (path.last, path.depth());
        for depth in 0..whole {
            let front = self.back.paths[usize::from(call.class)].fronts()[depth];
            if let Err(refused) = self.back.fronts[usize::from(front)].admit(now, call.class) {
                return self.answer(now, call, refused, depth, queue);
            }
        }
        if self.counts_external {
            self.hour_external = self.hour_external.saturating_add(self.external[usize::from(call.class)]);
        }
        match last {
            Place::Function(function) => {
                let function = &mut self.functions[usize::from(function)];
                let ending = function.invoke(now, &mut call, &mut self.shared, &mut self.account, queue);
                self.answer(now, call, ending, whole, queue);
            }
            Place::Caller(function) => self.attempt_at_caller(now, call, function, queue),
            Place::Fleet(fleet) => self.attempt_at_fleet(now, call, fleet, queue),
            Place::Pool(pool) => self.attempt_at_pool(now, call, pool, queue),
            Place::Apart(_)
            | Place::Url(_)
            | Place::Shifted(_)
            | Place::Inbox(_)
            | Place::Queue(_)
            | Place::Stream(_) => self.attempt_to_leave(now, call, last, whole, queue),
            // A path ends only where requests are handled.
            Place::Front(_) | Place::Table(_) => {}
        }
    }

    /// The last step of [`World::attempt`] for a fleet.
    #[inline(never)]
    fn attempt_at_fleet(&mut self, now: SimTime, call: Call, fleet: u16, queue: &mut EventQueue<Event>) {
        if self.feedback {
            let path = self.back.paths[usize::from(call.class)];
            return self.attempt_with_deadline(now, call, path, fleet, queue);
        }
        self.give_to_fleet(now, call, fleet, queue);
    }

    /// Gives a request to a fleet whose clients don't try again.
    #[inline(always)]
    pub(super) fn give_to_fleet(&mut self, now: SimTime, call: Call, fleet: u16, queue: &mut EventQueue<Event>) {
        let back = &mut self.back;
        let algorithm = back.paths[usize::from(call.class)].algorithm;
        let done = |call: &Call, ending| back.take_late(call, ending);
        let at_once = self.fleets[usize::from(fleet)].dispatch(now, call, algorithm, queue, done);
        if let Some(ending) = at_once {
            back.take_whole(&call.apart(), ending);
        }
    }

    /// The last step of [`World::attempt`] for a function that waits for others.
    #[inline(never)]
    pub(super) fn attempt_at_caller(
        &mut self,
        now: SimTime,
        mut call: Call,
        function: u16,
        queue: &mut EventQueue<Event>,
    ) {
        if self.feedback {
            self.open_ticket(&mut call, queue);
        }
        self.invoke(now, function, call, Waiter::Client, queue);
    }

    /// The last step of [`World::attempt`] for a pool.
    #[inline(never)]
    fn attempt_at_pool(&mut self, now: SimTime, mut call: Call, pool: u16, queue: &mut EventQueue<Event>) {
        if self.feedback {
            self.open_ticket(&mut call, queue);
        }
        self.give_to_pool(now, pool, call, queue);
    }

    /// The last step of [`World::attempt`] where a request is only left (an event for a function, or a message), or goes to one version of
    /// a function.
    #[inline(never)]
    fn attempt_to_leave(
        &mut self,
        now: SimTime,
        mut call: Call,
        at: Place,
        depth: usize,
        queue: &mut EventQueue<Event>,
    ) {
        match at {
            Place::Apart(function) => {
                let ending = self.invoke_version(now, function, &mut call, queue);
                self.answer(now, call, ending, depth, queue);
            }
            Place::Shifted(fleet) => self.attempt_at_sets(now, call, fleet, queue),
            Place::Url(function) => self.attempt_at_url(now, call, function, depth, queue),
            Place::Inbox(function) => {
                self.answer(now, call, Ending { status: 202, ..Ending::served(now) }, depth, queue);
                self.accept(now, function, call, queue);
            }
            Place::Queue(to) => {
                let state = &mut self.queues[usize::from(to)];
                state.send(now, &call);
                let sent = Ending::served(now + state.send_latency(call.id));
                self.answer(now, call, sent, depth, queue);
                self.pump(now, to, queue);
            }
            Place::Stream(to) => {
                let taken = self.put_record(now, to, &call, queue);
                self.answer(now, call, Ending::served(now + taken), depth, queue);
            }
            _ => {}
        }
    }

    /// A client has the answer to a call that was not answered at once.
    pub(super) fn answer_late(&mut self, now: SimTime, call: Call, ending: Ending, queue: &mut EventQueue<Event>) {
        if !self.feedback {
            return self.back.take_whole(&call, ending);
        }
        if self.still_waiting(&call) {
            let depth = self.back.paths[usize::from(call.class)].depth();
            self.answer(now, call, ending, depth, queue);
        }
    }

    /// A client tries again.
    #[inline(never)]
    fn attempt_again(&mut self, now: SimTime, retry: u32, queue: &mut EventQueue<Event>) {
        let call = self.retries[retry as usize];
        self.free_retries.push(retry);
        self.attempt(now, call, queue);
    }

    /// Hands an answer to the client, who may try again.
    #[inline(always)]
    pub(super) fn answer(
        &mut self,
        now: SimTime,
        call: Call,
        ending: Ending,
        depth: usize,
        queue: &mut EventQueue<Event>,
    ) {
        if let Some(last) = self.back.take(&call, ending, depth) {
            self.retry(now, call, last, queue);
        }
    }

    /// As [`World::attempt_at_fleet`] for a fleet whose callers act on deadlines.
    fn attempt_with_deadline(
        &mut self,
        now: SimTime,
        mut call: Call,
        path: Path,
        fleet: u16,
        queue: &mut EventQueue<Event>,
    ) {
        self.open_ticket(&mut call, queue);
        let answers = &mut self.answers;
        let at_once = self.fleets[usize::from(fleet)].dispatch(now, call, path.algorithm, queue, |call, ending| {
            answers.push((*call, ending));
        });
        if let Some(ending) = at_once {
            answers.push((call, ending));
        }
        self.pass_on(now, queue);
    }

    /// As [`World::attempt_at_fleet`] for a fleet whose requests go to one of two sets of tasks.
    #[cold]
    #[inline(never)]
    fn attempt_at_sets(&mut self, now: SimTime, mut call: Call, fleet: u16, queue: &mut EventQueue<Event>) {
        let algorithm = self.back.paths[usize::from(call.class)].algorithm;
        let state = &mut self.fleets[usize::from(fleet)];
        if !self.feedback {
            let back = &mut self.back;
            let done = |call: &Call, ending| back.take_late(call, ending);
            let at_once = state.dispatch_by_set(now, call, algorithm, queue, done);
            if let Some(ending) = at_once {
                back.take_whole(&call, ending);
            }
            return;
        }
        self.open_ticket(&mut call, queue);
        let answers = &mut self.answers;
        let at_once = self.fleets[usize::from(fleet)].dispatch_by_set(now, call, algorithm, queue, |call, ending| {
            answers.push((*call, ending));
        });
        answers.extend(at_once.map(|ending| (call, ending)));
        self.pass_on(now, queue);
    }

    /// Keeps the deadline of an attempt whose answer will come later.
    fn open_ticket(&mut self, call: &mut Call, queue: &mut EventQueue<Event>) {
        let deadline = self.back.deadline(call);
        let ticket = self.free_tickets.pop().unwrap_or(self.tickets.len() as u32);
        call.ticket = ticket;
        let fresh = Ticket { call: *call, passed: false, answered: false };
        match self.tickets.get_mut(ticket as usize) {
            Some(slot) => *slot = fresh,
            None => self.tickets.push(fresh),
        }
        // An answer at the deadline itself is in time.
        queue.push(deadline + SimDuration(1), Event::new(Due::Deadline, 0, ticket));
    }

    /// Whether an answer still finds its caller; afterwards it does not.
    fn still_waiting(&mut self, call: &Call) -> bool {
        let Some(ticket) = self.tickets.get_mut(call.ticket as usize) else { return true };
        ticket.answered = true;
        if ticket.passed {
            self.free_tickets.push(call.ticket);
        }
        !ticket.passed
    }

    fn deadline(&mut self, now: SimTime, number: u32, queue: &mut EventQueue<Event>) {
        let ticket = &mut self.tickets[number as usize];
        ticket.passed = true;
        if ticket.answered {
            self.free_tickets.push(number);
            return;
        }
        // Whoever has waited too long on the way back, the front or the client, notices that it is past its time.
        let call = ticket.call;
        let depth = self.back.paths[usize::from(call.class)].depth();
        self.answer(now, call, Ending::served(now), depth, queue);
    }

    /// Passes on the answers that fleets have given to clients who may try again.
    fn pass_on(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        let mut answers = std::mem::take(&mut self.answers);
        for (call, ending) in answers.drain(..) {
            self.answer_late(now, call, ending, queue);
        }
        self.answers = answers;
    }

    #[cold]
    fn retry(&mut self, now: SimTime, mut call: Call, ending: Ending, queue: &mut EventQueue<Event>) {
        let jitter = random::unit(self.retry_key.draw(call.id, u32::from(call.attempt) + 1));
        let wait = self.back.backoff(&call, jitter);
        call.attempt += 1;
        // A deadline is noticed a nanosecond late.
        call.at = (ending.at + wait).max(now);
        call.ticket = NO_TICKET;
        if call.at > self.end {
            // Nobody sees it; and what is never answered is never tried again.
            return;
        }
        let slot = match self.free_retries.pop() {
            Some(slot) => {
                self.retries[slot as usize] = call;
                slot
            }
            None => {
                self.retries.push(call);
                (self.retries.len() - 1) as u32
            }
        };
        self.back.requests.retried(&call);
        queue.push(call.at, Event::new(Due::Retry, 0, slot));
    }

    /// Schedules the next end of a bucket or an hour.
    fn plan_edge(&mut self, queue: &mut EventQueue<Event>) {
        let next = (self.bucket_from + self.bucket).min(self.hour_from + HOUR);
        self.next_edge = SimTime::NEVER;
        if next < self.end {
            self.next_edge = next;
            queue.push(next, Event::new(Due::Edge, 0, 0));
        }
    }

    /// Lets a fleet catch up with `now`; its answers go on their way.
    fn catch_up(&mut self, now: SimTime, fleet: usize, queue: &mut EventQueue<Event>) {
        if self.feedback {
            let answers = &mut self.answers;
            self.fleets[fleet].catch_up_all(now, |call, ending| answers.push((*call, ending)));
            self.pass_on(now, queue);
        } else {
            let back = &mut self.back;
            self.fleets[fleet].catch_up_all(now, |call: &Call, ending| back.take_late(call, ending));
        }
    }

    /// Brings all components up to `now`.
    fn settle(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        for function in &mut self.functions {
            function.settle(now, &mut self.shared);
        }
        self.gather_versions(now);
        for fleet in 0..self.fleets.len() {
            self.catch_up(now, fleet, queue);
            self.fleets[fleet].settle(now);
        }
        self.back.take_gathered();
        self.events.inboxes.iter_mut().flatten().for_each(|inbox| inbox.settle(now));
        self.pools.iter_mut().for_each(|state| state.settle(now));
        self.queues.iter_mut().for_each(|state| state.settle(now));
        self.streams.iter_mut().for_each(|state| state.settle(now));
    }

    fn edge(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        self.settle(now, queue);
        if now == self.start && self.back.requests.buckets() == 0 && self.start > SimTime::ZERO {
            // The warm-up is over; nothing was counted in buckets, but usage and levels were.
            self.back.fronts.iter_mut().for_each(FrontState::restart);
            self.functions.iter_mut().for_each(|function| function.restart(now));
            self.fleets.iter_mut().for_each(|fleet| fleet.restart(now));
            self.shared.tables.iter_mut().for_each(TableState::restart);
            self.durables.restart();
            self.events.inboxes.iter_mut().flatten().for_each(|inbox| inbox.restart(now));
            self.pools.iter_mut().for_each(|state| state.restart(now));
            self.queues.iter_mut().for_each(|state| state.restart(now));
            self.streams.iter_mut().for_each(|state| state.restart(now));
            (self.hour_external, self.back.hour_direct) = (0, 0);
            if let Some(transfer) = &mut self.backend_transfer {
                transfer.restart(self.next_id);
            }
            self.shared.connections.gauge.restart(now);
        }
        self.close_until(now);
        self.plan_edge(queue);
    }

    /// Closes the bucket and the hour if they end at `now`.
    fn close_until(&mut self, now: SimTime) {
        if now >= self.bucket_from + self.bucket || now == self.end {
            let length = now.since(self.bucket_from);
            if length.0 > 0 {
                self.back.requests.close_bucket();
                let functions = self.functions.iter_mut().take(self.first_versions);
                functions.for_each(|function| function.close_bucket(length));
                self.fleets.iter_mut().for_each(|fleet| fleet.close_bucket(length));
                self.pools.iter_mut().for_each(|pool| pool.close_bucket(length));
            }
            self.bucket_from = now;
        }
        if now >= self.hour_from + HOUR || now == self.end {
            let length = now.since(self.hour_from);
            if length.0 > 0 {
                self.close_hour(now, length);
            }
            self.hour_from = now;
        }
    }

    fn close_hour(&mut self, now: SimTime, length: SimDuration) {
        let ledger = &mut self.ledger;
        self.back.fronts.iter_mut().for_each(|front| front.close_hour(length, ledger));
        let functions = self.functions.iter_mut().take(self.first_versions);
        functions.for_each(|function| function.close_hour(now, length, ledger));
        self.fleets.iter_mut().for_each(|fleet| fleet.close_hour(ledger));
        self.shared.tables.iter_mut().for_each(|table| table.close_hour(length, ledger));
        self.durables.close_hour(ledger);
        self.pools.iter_mut().for_each(|state| state.close_hour(ledger));
        self.queues.iter_mut().for_each(|state| state.close_hour(ledger));
        self.streams.iter_mut().for_each(|state| state.close_hour(ledger));
        let external = std::mem::take(&mut self.hour_external);
        if let Some(meter) = self.external_meter {
            ledger.book(meter, external.saturating_add(std::mem::take(&mut self.back.hour_direct)));
        }
        if let Some(network) = &self.network {
            ledger.book(network.gateway_hours, network.gateways);
            ledger.book(network.gateway_bytes, external);
        }
        if let Some(meter) = self.backend_meter {
            ledger.book(meter, length.0 / NANOS_PER_MILLI);
        }
        if let Some(transfer) = &mut self.backend_transfer {
            transfer.close_hour(self.next_id, ledger);
        }
    }

    /// Ends the simulation at the horizon's end, after so many arrivals, and gives the results.
    pub fn finish(mut self, architecture: &Architecture, arrivals: u64, queue: &mut EventQueue<Event>) -> RunOutput {
        let end = self.end;
        self.settle(end, queue);
        self.close_until(end);
        let horizon = end.since(self.start);
        let connections = self.shared.has_backend.then(|| self.shared.connections.gauge.peak());
        let (classes, mut series, windows) = self.back.requests.finish();
        let mut components = Vec::new();
        let mut findings = Vec::new();
        let mut named = self.fleets.iter();
        for component in architecture.components.iter().filter(|one| matches!(one.kind, ComponentKind::Fleet(_))) {
            findings.extend(named.next().into_iter().flat_map(|fleet| fleet.findings(&component.name, &self.shared)));
        }
        let (mut fronts, mut functions, mut fleets) =
            (self.back.fronts.into_iter(), self.functions.into_iter(), self.fleets.into_iter());
        let mut tables = self.shared.tables.into_iter();
        let (mut inboxes, mut queues) = (self.events.inboxes.into_iter(), self.queues.into_iter());
        let (mut streams, mut pools) = (self.streams.into_iter(), self.pools.into_iter());
        for (index, component) in architecture.components.iter().enumerate() {
            let (output, levels): (Option<ComponentOutput>, _) = match &component.kind {
                ComponentKind::HttpApi(_) | ComponentKind::LoadBalancer(_) => {
                    (fronts.next().map(|front| front.finish(horizon)), None)
                }
                ComponentKind::Lambda(_) => {
                    let (output, levels) =
                        functions.next().map(|function| function.finish(horizon, connections)).unzip_levels();
                    let inbox = inboxes.next().flatten().map(|inbox| Box::new(inbox.finish()));
                    (output.map(|output| ComponentOutput { queue: inbox, ..output }), levels)
                }
                ComponentKind::Pool(_) => pools.next().map(|state| state.finish(horizon)).unzip_levels(),
                ComponentKind::Fleet(_) => fleets.next().map(|state| state.finish(horizon, connections)).unzip_levels(),
                ComponentKind::Stream(_) => (streams.next().map(|state| state.finish(horizon)), None),
                ComponentKind::Queue(_) => (queues.next().map(|state| state.finish(horizon)), None),
                ComponentKind::Table(_) => (tables.next().map(|table| table.finish(horizon)), None),
            };
            if let Some((capacity, busy)) = levels {
                series.capacity.push((index, capacity));
                series.busy.push((index, busy));
            }
            components.extend(output);
        }
        RunOutput {
            classes,
            components,
            usage: self.ledger.finish(),
            series,
            windows,
            events: arrivals + queue.popped(),
            simulated: arrivals,
            history_off: None,
            findings,
        }
    }
}

/// Capacity and those at work, one value a bucket each.
type CapacityAndBusy = (Vec<f64>, Vec<f64>);

/// Splits a finished component into its output and its levels over time.
trait Levels {
    fn unzip_levels(self) -> (Option<ComponentOutput>, Option<CapacityAndBusy>);
}

impl Levels for Option<(ComponentOutput, Vec<f64>, Vec<f64>)> {
    fn unzip_levels(self) -> (Option<ComponentOutput>, Option<CapacityAndBusy>) {
        self.map(|(output, capacity, busy)| (output, (capacity, busy))).unzip()
    }
}

/// What arrives: class, CPU and wait.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Request class.
    pub class: u16,
    /// Nanoseconds of CPU on the reference vCPU.
    pub cpu: u64,
    /// Nanoseconds of wait.
    pub wait: u64,
}

impl Model for World<'_> {
    type Event = Event;
    type Arrival = Arrival;

    #[inline(always)]
    fn arrival(&mut self, now: SimTime, arrival: Arrival, queue: &mut EventQueue<Event>) {
        let id = self.next_id;
        self.next_id += 1;
        self.back.requests.arrived(arrival.class, now);
        let Arrival { class, cpu, wait } = arrival;
        self.attempt(now, Call { cpu, wait, ..Call::fresh(id, now, class) }, queue);
    }

    #[inline(always)]
    fn event(&mut self, now: SimTime, event: Event, queue: &mut EventQueue<Event>) {
        if event.is_release() {
            let function = &mut self.functions[usize::from(event.component())];
            return function.released(now, event.index(), &mut self.shared, &mut self.account);
        }
        self.rare_event(now, event, queue);
    }
}

impl World<'_> {
    #[inline(never)]
    fn rare_event(&mut self, now: SimTime, event: Event, queue: &mut EventQueue<Event>) {
        let (component, index) = (event.component(), event.index());
        match event.what() {
            Due::Released => {
                let function = &mut self.functions[usize::from(component)];
                function.released(now, index, &mut self.shared, &mut self.account);
            }
            Due::Provision(what) => {
                let function = &mut self.functions[usize::from(component)];
                function.provision(now, what, index, &mut self.shared, &mut self.account, queue);
            }
            Due::Fleet(event) => {
                let fleet = usize::from(component);
                if event != FleetEvent::Work {
                    self.catch_up(now, fleet, queue);
                }
                if self.feedback {
                    let answers = &mut self.answers;
                    let done = |call: &Call, ending| answers.push((*call, ending));
                    self.fleets[fleet].event(now, event, index, &mut self.shared, queue, done);
                    self.pass_on(now, queue);
                } else {
                    let back = &mut self.back;
                    self.fleets[fleet].event(now, event, index, &mut self.shared, queue, |call, ending| {
                        back.take_late(call, ending);
                    });
                }
            }
            Due::Retry => self.attempt_again(now, index, queue),
            Due::Deadline => self.deadline(now, index, queue),
            Due::Step => self.step(now, index, queue),
            Due::Cut => self.cut(now, index, queue),
            Due::Accepted => self.event_due(now, index, queue),
            Due::Part => self.invoke_part(now, index, queue),
            Due::Pool(what) => self.pool_event(now, what, component, index, queue),
            Due::Queue(what) => self.queue_event(now, what, component, index, queue),
            Due::Stream(what) => self.stream_event(now, what, component, index, queue),
            Due::Edge => self.edge(now, queue),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_packing() {
        for (place, what) in Event::ALL.into_iter().enumerate() {
            let event = Event::new(what, 65_535 - place as u16, u32::MAX - place as u32);
            assert_eq!(
                (event.what(), event.component(), event.index()),
                (what, 65_535 - place as u16, u32::MAX - place as u32)
            );
        }
    }

    #[test]
    fn buckets_are_few_and_round() {
        assert_eq!(bucket_length(SimDuration::from_hours(28 * 24)), SimDuration::from_hours(1));
        assert_eq!(bucket_length(SimDuration::from_hours(12)), SimDuration::from_mins(1));
        assert_eq!(bucket_length(SimDuration::from_secs(700)), SimDuration::from_secs(1));
        let century = SimDuration::from_hours(24 * 36_525);
        assert!(century.0.div_ceil(bucket_length(century).0) <= MAX_BUCKETS);
    }
}
