//! One architecture at work: the graph of components, the clients in front of it, and the meters.
//!
//! A request enters at the client, passes the fronts on its class's path and ends in a function or a fleet. A function
//! answers at once with the instant of its end; a fleet answers later. Either way the answer goes back through the fronts to the
//! client ([`World::finish`]), who takes it, gives up, or tries again.

use super::call::{Call, Ending, NO_TICKET};
use super::fleet::{FleetEvent, FleetState};
use super::front::{FrontState, HOUR};
use super::lambda::{AccountState, LambdaState};
use super::ledger::{Ledger, MeterId};
use super::output::{ComponentOutput, Outcome, RunOutput};
use super::requests::RequestMeter;
use crate::sim::engine::Model;
use crate::sim::gauge::Gauge;
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::spec::model::{Architecture, Balancing, ComponentKind, Subnets};
use crate::spec::scenario::{Client, Scenario};
use crate::units::{NANOS_PER_MILLI, SimDuration, SimTime};
use crate::usage::RawUnit;

/// Fronts that a request may pass; deeper models are refused when they are read.
pub const MAX_FRONTS: usize = 4;

/// What can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A function's environment has done its call.
    Released,
    /// Something in a fleet.
    Fleet(FleetEvent),
    /// A client tries again.
    Retry,
    /// A caller has waited long enough for a fleet's answer.
    Deadline,
    /// A bucket or an hour ends, or the warm-up does.
    Edge,
}

/// Something that is due: what, at which component, and an environment, an instance, a waiting retry or a ticket. Packed into one
/// word, so that it travels through the queue in a register; a struct would be written field by field and read whole, which
/// stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event(u64);

impl Event {
    const ALL: [Due; 9] = [
        Due::Released,
        Due::Retry,
        Due::Deadline,
        Due::Edge,
        Due::Fleet(FleetEvent::Work),
        Due::Fleet(FleetEvent::Running),
        Due::Fleet(FleetEvent::InService),
        Due::Fleet(FleetEvent::Terminated),
        Due::Fleet(FleetEvent::Metric),
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
            Due::Fleet(FleetEvent::Running) => 5,
            Due::Fleet(FleetEvent::InService) => 6,
            Due::Fleet(FleetEvent::Terminated) => 7,
            Due::Fleet(FleetEvent::Metric) => 8,
        };
        Self((index as u64) << 32 | (component as u64) << 16 | code)
    }

    /// What is due.
    #[inline]
    pub const fn what(self) -> Due {
        Self::ALL[(self.0 & 0xf) as usize]
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
    /// Whether there is a shared backend.
    pub has_backend: bool,
    /// Its connections.
    pub connections: Connections,
}

/// Where a component stands: its position and name in the model, and the key of its random draws.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Position in the model.
    pub index: u16,
    /// Name in the model.
    pub name: &'a str,
    /// Key of its draws.
    pub key: Key,
}

enum Node {
    Front(FrontState),
    Lambda(LambdaState),
    Fleet(FleetState),
}

/// The way of one class through the graph.
#[derive(Clone, Copy)]
struct Path {
    fronts: [u16; MAX_FRONTS],
    count: u8,
    last: u16,
    algorithm: Balancing,
}

impl Path {
    #[inline]
    fn fronts(&self) -> &[u16] {
        &self.fronts[..usize::from(self.count)]
    }
}

/// Answers from a fleet that wait to be passed on: collected, because they come out while the fleet is borrowed.
type Answers = Vec<(Call, Ending)>;

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
    shared: Shared<'a>,
    nodes: Vec<Node>,
    paths: Vec<Path>,
    account: AccountState,
    client: &'a Client,
    retry_key: Key,
    retries: Vec<Call>,
    free_retries: Vec<u32>,
    answers: Answers,
    /// Attempts in a fleet whose callers act when a deadline passes; used only where clients try again.
    tickets: Vec<Ticket>,
    free_tickets: Vec<u32>,
    feedback: bool,
    /// Whether clients have a time-out or retries.
    client_acts: bool,
    requests: RequestMeter,
    ledger: Ledger,
    start: SimTime,
    end: SimTime,
    bucket: SimDuration,
    bucket_from: SimTime,
    hour_from: SimTime,
    next_id: u64,
    external: Vec<u64>,
    hour_external: u64,
    external_meter: Option<MeterId>,
    network: Option<NetworkMeters>,
    backend_meter: Option<MeterId>,
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

impl<'a> World<'a> {
    /// Builds the components. `eager` makes fleets run with an event for each end even where that is not needed (the plain
    /// version that tests compare with).
    pub fn new(
        scenario: &'a Scenario,
        architecture: &Architecture,
        replication: u32,
        eager: bool,
        queue: &mut EventQueue<Event>,
    ) -> Self {
        let start = SimTime::ZERO + scenario.warmup;
        let end = start + scenario.horizon;
        let bucket = bucket_length(scenario.horizon);
        let root = Key::new(scenario.seed, replication);
        let mut ledger = Ledger::default();
        let mut shared = Shared {
            scenario,
            has_backend: scenario.backend.is_some(),
            connections: Connections {
                limit: scenario.backend.as_ref().map_or(u64::MAX, |backend| backend.max_connections.as_u64()),
                gauge: Gauge::new(0),
            },
        };
        let paths: Vec<Path> = (0..scenario.classes.len()).map(|class| path_of(architecture, class)).collect();
        let reserved = architecture.components.iter().filter_map(|component| match &component.kind {
            ComponentKind::Lambda(function) => function.reserved_concurrency,
            _ => None,
        });
        let account = AccountState::new(&scenario.account, reserved.sum());
        // An answer may change what arrives only where clients try again.
        let feedback = scenario.client.retries.as_ref().is_some_and(|retries| retries.attempts > 0);
        let mut nodes = Vec::new();
        for (index, component) in architecture.components.iter().enumerate() {
            let (index, name) = (index as u16, component.name.as_str());
            let key = root.named(name);
            let site = Site { index, name, key };
            nodes.push(match &component.kind {
                ComponentKind::HttpApi(api) => Node::Front(FrontState::http_api(name, api, &shared, key, &mut ledger)),
                ComponentKind::LoadBalancer(balancer) => {
                    let to_function = |class: usize| {
                        let target = balancer.to.0[class];
                        matches!(architecture.components[usize::from(target.0)].kind, ComponentKind::Lambda(_))
                    };
                    let to_function = (0..scenario.classes.len()).map(to_function).collect();
                    Node::Front(FrontState::load_balancer(name, balancer, to_function, &shared, key, &mut ledger))
                }
                ComponentKind::Lambda(function) => Node::Lambda(LambdaState::new(site, function, &shared, &mut ledger)),
                ComponentKind::Fleet(fleet) => {
                    let least =
                        paths.iter().any(|path| path.last == index && path.algorithm == Balancing::LeastOutstanding);
                    let lazy = !(eager || least || feedback);
                    let subnets = architecture.subnets;
                    Node::Fleet(FleetState::new(site, fleet, lazy, subnets, &mut shared, &mut ledger, queue))
                }
            });
        }
        let entry = usize::from(architecture.entry.0);
        let entry_name = &architecture.components[entry].name;
        let external: Vec<u64> = scenario.classes.iter().map(|class| class.external_bytes.0).collect();
        let mut external_meter = None;
        match &mut nodes[entry] {
            Node::Front(front) => front.face_the_internet(entry_name, &mut ledger),
            // Without a front, the function or fleet answers the internet itself.
            _ => external_meter = Some(ledger.open(entry_name, "dto.internet", RawUnit::Bytes)),
        }
        if external_meter.is_none() && external.iter().any(|&bytes| bytes > 0) {
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
        let mut world = Self {
            shared,
            nodes,
            paths,
            account,
            client: &scenario.client,
            retry_key: root.named("client").named("backoff"),
            retries: Vec::new(),
            free_retries: Vec::new(),
            answers: Vec::new(),
            tickets: Vec::new(),
            free_tickets: Vec::new(),
            feedback,
            client_acts: feedback || scenario.client.timeout.is_some(),
            requests: RequestMeter::new(scenario, start, end, bucket),
            ledger,
            start,
            end,
            bucket,
            bucket_from: start,
            hour_from: start,
            next_id: 0,
            external,
            hour_external: 0,
            external_meter,
            network,
            backend_meter,
        };
        if start > SimTime::ZERO {
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

    /// Sends an attempt on its way.
    #[inline]
    fn attempt(&mut self, now: SimTime, mut call: Call, queue: &mut EventQueue<Event>) {
        let path = self.paths[usize::from(call.class)];
        for (depth, &front) in path.fronts().iter().enumerate() {
            if let Node::Front(front) = &mut self.nodes[usize::from(front)]
                && let Err(refused) = front.admit(now, call.class)
            {
                return self.finish_from(now, call, refused, depth, queue);
            }
        }
        if path.count == 0 || self.external[usize::from(call.class)] > 0 {
            self.hour_external += self.external[usize::from(call.class)];
        }
        match &mut self.nodes[usize::from(path.last)] {
            Node::Lambda(function) => {
                let ending = function.invoke(now, &mut call, &mut self.shared, &mut self.account, queue);
                self.finish_from(now, call, ending, path.fronts().len(), queue);
            }
            Node::Fleet(_) if self.feedback => self.attempt_with_deadline(now, call, path, queue),
            Node::Fleet(fleet) => {
                let answers = &mut self.answers;
                let at_once =
                    fleet.dispatch(now, call, path.algorithm, queue, |call, ending| answers.push((call, ending)));
                if let Some(ending) = at_once {
                    self.finish_from(now, call, ending, path.fronts().len(), queue);
                }
                self.pass_on(now, queue);
            }
            Node::Front(_) => {}
        }
    }

    /// As the last step of [`World::attempt`] for a fleet whose callers act on deadlines.
    fn attempt_with_deadline(&mut self, now: SimTime, mut call: Call, path: Path, queue: &mut EventQueue<Event>) {
        let fronts = path.fronts().iter().filter_map(|&front| match &self.nodes[usize::from(front)] {
            Node::Front(front) => Some(front.gives_up(&call)),
            _ => None,
        });
        let client = self.client.timeout.map_or(SimTime::NEVER, |timeout| call.at + timeout);
        let deadline = fronts.min().unwrap_or(SimTime::NEVER).min(client);
        let ticket = self.free_tickets.pop().unwrap_or(self.tickets.len() as u32);
        call.ticket = ticket;
        let fresh = Ticket { call, passed: false, answered: false };
        match self.tickets.get_mut(ticket as usize) {
            Some(slot) => *slot = fresh,
            None => self.tickets.push(fresh),
        }
        // An answer at the deadline itself is in time.
        queue.push(deadline + SimDuration(1), Event::new(Due::Deadline, 0, ticket));
        if let Node::Fleet(fleet) = &mut self.nodes[usize::from(path.last)] {
            let answers = &mut self.answers;
            let at_once = fleet.dispatch(now, call, path.algorithm, queue, |call, ending| answers.push((call, ending)));
            if let Some(ending) = at_once {
                self.answers.push((call, ending));
            }
        }
        self.pass_on(now, queue);
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
        self.finish_from(now, call, Ending::served(now), usize::from(self.paths[usize::from(call.class)].count), queue);
    }

    /// Passes on the answers that a fleet has given.
    #[inline]
    fn pass_on(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        if self.answers.is_empty() {
            return;
        }
        let mut answers = std::mem::take(&mut self.answers);
        for (call, ending) in answers.drain(..) {
            if self.feedback && !self.still_waiting(&call) {
                continue;
            }
            let depth = usize::from(self.paths[usize::from(call.class)].count);
            self.finish_from(now, call, ending, depth, queue);
        }
        self.answers = answers;
    }

    /// An attempt has ended behind the first `depth` fronts of its path; the answer goes back to the client.
    #[inline(always)]
    fn finish_from(
        &mut self,
        now: SimTime,
        call: Call,
        mut ending: Ending,
        depth: usize,
        queue: &mut EventQueue<Event>,
    ) {
        let path = self.paths[usize::from(call.class)];
        for &front in path.fronts()[..depth].iter().rev() {
            if let Node::Front(front) = &mut self.nodes[usize::from(front)] {
                ending = front.answer(&call, ending);
            }
        }
        if self.client_acts {
            match self.client_acts_on(now, call, ending, queue) {
                Some(last) => ending = last,
                None => return,
            }
        }
        if path.count == 0 && ending.outcome == Outcome::Served {
            self.hour_external += self.shared.scenario.classes[usize::from(call.class)].response_size.0;
        }
        self.requests.ended(&call, ending.at, ending.outcome);
    }

    /// A client with a time-out or retries gets an answer: what it ends as, or nothing if it tries again.
    #[inline(never)]
    fn client_acts_on(
        &mut self,
        now: SimTime,
        call: Call,
        mut ending: Ending,
        queue: &mut EventQueue<Event>,
    ) -> Option<Ending> {
        if let Some(timeout) = self.client.timeout {
            let gives_up = call.at + timeout;
            if ending.at > gives_up {
                ending = Ending { at: gives_up, status: 504, outcome: Outcome::TimedOut };
            }
        }
        if ending.outcome != Outcome::Served
            && let Some(retries) = &self.client.retries
            && call.attempt < retries.attempts
            && retries.on.contains(&ending.status)
        {
            self.retry(now, call, ending, queue);
            return None;
        }
        Some(ending)
    }

    #[cold]
    fn retry(&mut self, now: SimTime, mut call: Call, ending: Ending, queue: &mut EventQueue<Event>) {
        let Some(retries) = &self.client.retries else { return };
        let backoff = &retries.backoff;
        let mut wait = backoff.base.0 as f64;
        for _ in 0..call.attempt {
            wait = (wait * backoff.factor).min(backoff.cap.0 as f64);
        }
        wait = wait.min(backoff.cap.0 as f64);
        call.attempt += 1;
        if backoff.full_jitter {
            let bits = self.retry_key.draw(call.id, u32::from(call.attempt));
            wait *= (bits >> 11) as f64 / (1u64 << 53) as f64;
        }
        // A deadline is noticed a nanosecond late.
        call.at = (ending.at + SimDuration(wait as u64)).max(now);
        call.ticket = NO_TICKET;
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
        if call.at <= self.end {
            self.requests.retried(&call);
        }
        queue.push(call.at, Event::new(Due::Retry, 0, slot));
    }

    /// Schedules the next end of a bucket or an hour.
    fn plan_edge(&mut self, queue: &mut EventQueue<Event>) {
        let next = (self.bucket_from + self.bucket).min(self.hour_from + HOUR);
        if next < self.end {
            queue.push(next, Event::new(Due::Edge, 0, 0));
        }
    }

    /// Brings all components up to `now`.
    fn settle(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        for node in &mut self.nodes {
            match node {
                Node::Lambda(function) => function.settle(now, &mut self.shared),
                Node::Fleet(fleet) => {
                    let answers = &mut self.answers;
                    fleet.catch_up_all(now, |call, ending| answers.push((call, ending)));
                    fleet.settle(now);
                }
                Node::Front(_) => {}
            }
        }
        self.pass_on(now, queue);
    }

    fn edge(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        self.settle(now, queue);
        if now == self.start
            && self.requests.buckets() == 0
            && self.bucket_from == self.start
            && self.start > SimTime::ZERO
        {
            // The warm-up is over; nothing was counted in buckets, but usage and levels were.
            for node in &mut self.nodes {
                match node {
                    Node::Front(front) => front.restart(),
                    Node::Lambda(function) => function.restart(now),
                    Node::Fleet(fleet) => fleet.restart(now),
                }
            }
            self.hour_external = 0;
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
                self.requests.close_bucket();
                for node in &mut self.nodes {
                    match node {
                        Node::Lambda(function) => function.close_bucket(length),
                        Node::Fleet(fleet) => fleet.close_bucket(length),
                        Node::Front(_) => {}
                    }
                }
            }
            self.bucket_from = now;
        }
        if now >= self.hour_from + HOUR || now == self.end {
            let length = now.since(self.hour_from);
            if length.0 > 0 {
                self.close_hour(length);
            }
            self.hour_from = now;
        }
    }

    fn close_hour(&mut self, length: SimDuration) {
        let ledger = &mut self.ledger;
        for node in &mut self.nodes {
            match node {
                Node::Front(front) => front.close_hour(length, ledger),
                Node::Lambda(function) => function.close_hour(ledger),
                Node::Fleet(fleet) => fleet.close_hour(ledger),
            }
        }
        let external = std::mem::take(&mut self.hour_external);
        if let Some(meter) = self.external_meter {
            ledger.book(meter, external);
        }
        if let Some(network) = &self.network {
            ledger.book(network.gateway_hours, network.gateways);
            ledger.book(network.gateway_bytes, external);
        }
        if let Some(meter) = self.backend_meter {
            ledger.book(meter, length.0 / NANOS_PER_MILLI);
        }
    }

    /// Ends the simulation at the horizon's end and gives the results.
    pub fn finish(mut self, architecture: &Architecture, events: u64, queue: &mut EventQueue<Event>) -> RunOutput {
        let end = self.end;
        self.settle(end, queue);
        self.close_until(end);
        let horizon = end.since(self.start);
        let connections = self.shared.has_backend.then(|| self.shared.connections.gauge.peak());
        let (classes, mut series, windows) = self.requests.finish();
        let mut components = Vec::new();
        for (index, (node, component)) in self.nodes.into_iter().zip(&architecture.components).enumerate() {
            let (output, levels): (ComponentOutput, Option<_>) = match (node, &component.kind) {
                (Node::Lambda(function), _) => {
                    let (output, total, busy) = function.finish(horizon, connections);
                    (output, Some((total, busy)))
                }
                (Node::Fleet(state), ComponentKind::Fleet(fleet)) => {
                    let sku = format!("ec2.od.linux.{}", fleet.instance.name);
                    let (output, running, busy) = state.finish(sku, horizon, connections);
                    (output, Some((running, busy)))
                }
                (Node::Front(front), _) => (front.finish(horizon), None),
                (Node::Fleet(_), _) => (ComponentOutput::default(), None),
            };
            if let Some((capacity, busy)) = levels {
                series.capacity.push((index, capacity));
                series.busy.push((index, busy));
            }
            components.push(output);
        }
        RunOutput { classes, components, usage: self.ledger.finish(), series, windows, events, warnings: Vec::new() }
    }
}

/// Follows the routes of a class from the entry to a function or a fleet.
fn path_of(architecture: &Architecture, class: usize) -> Path {
    let mut path =
        Path { fronts: [0; MAX_FRONTS], count: 0, last: architecture.entry.0, algorithm: Balancing::RoundRobin };
    loop {
        let route = match &architecture.components[usize::from(path.last)].kind {
            ComponentKind::HttpApi(api) => &api.to,
            ComponentKind::LoadBalancer(balancer) => {
                path.algorithm = balancer.algorithm;
                &balancer.to
            }
            ComponentKind::Lambda(_) | ComponentKind::Fleet(_) => return path,
        };
        path.fronts[usize::from(path.count)] = path.last;
        path.count += 1;
        path.last = route.0[class].0;
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

    #[inline]
    fn arrival(&mut self, now: SimTime, arrival: Arrival, queue: &mut EventQueue<Event>) {
        let id = self.next_id;
        self.next_id += 1;
        self.requests.arrived(arrival.class, now);
        let Arrival { class, cpu, wait } = arrival;
        self.attempt(
            now,
            Call { id, first_at: now, at: now, cpu, wait, class, attempt: 0, cold: false, ticket: NO_TICKET },
            queue,
        );
    }

    #[inline]
    fn event(&mut self, now: SimTime, event: Event, queue: &mut EventQueue<Event>) {
        let (component, index) = (event.component(), event.index());
        match event.what() {
            Due::Released => {
                if let Node::Lambda(state) = &mut self.nodes[usize::from(component)] {
                    state.released(now, index, &mut self.account);
                }
            }
            Due::Fleet(event) => {
                if let Node::Fleet(state) = &mut self.nodes[usize::from(component)] {
                    let answers = &mut self.answers;
                    if event != FleetEvent::Work {
                        state.catch_up_all(now, |call, ending| answers.push((call, ending)));
                    }
                    state
                        .event(now, event, index, &mut self.shared, queue, |call, ending| answers.push((call, ending)));
                }
                self.pass_on(now, queue);
            }
            Due::Retry => {
                let call = self.retries[index as usize];
                self.free_retries.push(index);
                self.attempt(now, call, queue);
            }
            Due::Deadline => self.deadline(now, index, queue),
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
