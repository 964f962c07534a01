//! The way back: an answer passes the fronts that its request met, in reverse, and reaches the client, who takes it, gives up, or
//! wants to try again. Apart from the functions and fleets, so that these can hand on their answers as they go.

use super::call::{Call, Ending};
use super::calls::{Calls, Gathered};
use super::front::FrontState;
use super::output::Outcome;
use super::requests::RequestMeter;
use crate::spec::model::{Architecture, Balancing, ComponentKind};
use crate::spec::scenario::Client;
use crate::units::{SimDuration, SimTime};

/// Fronts that a request may pass; deeper models are refused when they are read.
pub const MAX_FRONTS: usize = 4;

/// Where a component's state is kept: its kind and the position among its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An API or a balancer.
    Front(u16),
    /// A function.
    Function(u16),
    /// A function whose calls take a longer way: it is deployed, or billed as in another year. Numbered with the others.
    Apart(u16),
    /// A function that clients call by a URL that limits them; numbered with the others.
    Url(u16),
    /// A function that calls other functions or queues, or a durable one; numbered with the others.
    Caller(u16),
    /// A function that is invoked asynchronously; numbered with the others.
    Inbox(u16),
    /// A function whose environments take several requests.
    Pool(u16),
    /// A fleet.
    Fleet(u16),
    /// A fleet whose requests CodeDeploy shifts from one set of tasks to another; numbered with the others.
    Shifted(u16),
    /// A table.
    Table(u16),
    /// A queue.
    Queue(u16),
    /// A stream.
    Stream(u16),
}

/// The places of an architecture's components, in its order.
pub fn places(architecture: &Architecture) -> Vec<Place> {
    let (mut fronts, mut functions, mut fleets) = (0, 0, 0);
    let (mut tables, mut queues, mut streams) = (0, 0, 0);
    let mut pools = 0;
    let next = |counter: &mut u16| {
        *counter += 1;
        *counter - 1
    };
    let place = |component: &crate::spec::model::Component| match &component.kind {
        ComponentKind::HttpApi(_) | ComponentKind::LoadBalancer(_) => Place::Front(next(&mut fronts)),
        ComponentKind::Lambda(function) if function.asynchronous.is_some() => Place::Inbox(next(&mut functions)),
        ComponentKind::Lambda(function) if function.calls_at_instants() || function.durable.is_some() => {
            Place::Caller(next(&mut functions))
        }
        ComponentKind::Lambda(_) => Place::Function(next(&mut functions)),
        ComponentKind::Pool(_) => Place::Pool(next(&mut pools)),
        ComponentKind::Fleet(_) => Place::Fleet(next(&mut fleets)),
        ComponentKind::Table(_) => Place::Table(next(&mut tables)),
        ComponentKind::Queue(_) => Place::Queue(next(&mut queues)),
        ComponentKind::Stream(_) => Place::Stream(next(&mut streams)),
    };
    architecture.components.iter().map(place).collect()
}

/// The way of one class through the graph.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    fronts: [u16; MAX_FRONTS],
    count: u8,
    /// Where it ends.
    pub last: Place,
    /// How the last balancer on it chooses.
    pub algorithm: Balancing,
}

impl Path {
    /// Follows the routes of a class from the entry to a function or a fleet.
    pub fn of(architecture: &Architecture, places: &[Place], class: usize) -> Self {
        let mut at = usize::from(architecture.entry.0);
        let mut path = Self { fronts: [0; MAX_FRONTS], count: 0, last: places[at], algorithm: Balancing::RoundRobin };
        loop {
            let route = match &architecture.components[at].kind {
                ComponentKind::HttpApi(api) => &api.to,
                ComponentKind::LoadBalancer(balancer) => {
                    path.algorithm = balancer.algorithm;
                    &balancer.to
                }
                // Lambda's router finds whichever has room.
                ComponentKind::Fleet(fleet) if fleet.managed.is_some() => {
                    path.algorithm = Balancing::LeastOutstanding;
                    return path;
                }
                // A queue ends the path, too: whoever sends has its answer when it has the message.
                _ => return path,
            };
            if let Place::Front(front) = places[at] {
                path.fronts[usize::from(path.count)] = front;
                path.count += 1;
            }
            at = usize::from(route.0[class].0);
            path.last = places[at];
        }
    }

    /// The fronts on it, from the client on.
    #[inline]
    pub fn fronts(&self) -> &[u16] {
        &self.fronts[..usize::from(self.count)]
    }

    /// How many there are.
    #[inline]
    pub fn depth(&self) -> usize {
        usize::from(self.count)
    }
}

/// See the module's documentation.
pub struct WayBack<'a> {
    /// The fronts.
    pub fronts: Vec<FrontState>,
    /// One a class.
    pub paths: Vec<Path>,
    /// What became of the requests.
    pub requests: RequestMeter,
    client: &'a Client,
    /// Whether clients have a time-out or retries.
    client_acts: bool,
    response_bytes: Vec<u64>,
    /// Whether any response has a size.
    counts_direct: bool,
    /// Bytes answered to the internet by functions and fleets without a front, in this hour.
    pub hour_direct: u64,
    /// The fronts that all requests pass, from the client on, if they all pass the same.
    common: Option<Vec<u16>>,
    /// Answers that will be taken together; `None` if they can't be.
    gathered: Option<Box<Gathered>>,
}

impl<'a> WayBack<'a> {
    /// For these fronts, paths and clients. `response_bytes` by class.
    pub fn new(
        fronts: Vec<FrontState>,
        paths: Vec<Path>,
        requests: RequestMeter,
        client: &'a Client,
        response_bytes: Vec<u64>,
    ) -> Self {
        let client_acts = client.timeout.is_some() || client.retries.is_some();
        let counts_direct = response_bytes.iter().any(|&bytes| bytes > 0);
        let common = paths.first().map(|first| first.fronts().to_vec());
        let common = common.filter(|common| paths.iter().all(|path| path.fronts() == common));
        let gathered = common.as_ref().map(|_| Box::new(Gathered::new(paths.len())));
        let hour_direct = 0;
        Self {
            fronts,
            paths,
            requests,
            client,
            client_acts,
            response_bytes,
            counts_direct,
            hour_direct,
            common,
            gathered,
        }
    }

    /// Takes the answer to an attempt from behind the first `depth` fronts of its path. Gives it back if the client will try again.
    #[inline(always)]
    pub fn take(&mut self, call: &Call, mut ending: Ending, depth: usize) -> Option<Ending> {
        let path = &self.paths[usize::from(call.class)];
        let direct = path.count == 0;
        for &front in path.fronts[..depth].iter().rev() {
            ending = self.fronts[usize::from(front)].answer(call, ending);
        }
        if self.client_acts {
            let (last, again) = self.client_acts_on(call, ending);
            if again {
                return Some(last);
            }
            ending = last;
        }
        if direct && self.counts_direct && ending.outcome == Outcome::Served {
            self.hour_direct = self.hour_direct.saturating_add(self.response_bytes[usize::from(call.class)]);
        }
        self.requests.ended(call, ending.at, ending.outcome);
        None
    }

    /// [`WayBack::take`] from behind all fronts, for clients of whom none tries again.
    #[inline]
    pub fn take_whole(&mut self, call: &Call, ending: Ending) {
        let again = self.take(call, ending, self.paths[usize::from(call.class)].depth());
        debug_assert!(again.is_none(), "a client that tries again needs its answer at once");
    }

    /// From now on each answer is taken by itself.
    pub fn take_one_by_one(&mut self) {
        self.gathered = None;
    }

    /// Whether all requests pass the same fronts: then answers can be taken together.
    pub fn is_common(&self) -> bool {
        self.common.is_some()
    }

    /// How many fronts those are.
    pub fn common_depth(&self) -> usize {
        self.common.as_ref().map_or(0, Vec::len)
    }

    /// Requests arrive, and pass the fronts that are common to all.
    pub fn arrive_together(&mut self, calls: &mut Calls<'_>) {
        self.requests.arrived_together(calls);
        for (depth, &front) in self.common.as_deref().unwrap_or_default().iter().enumerate() {
            self.fronts[usize::from(front)].admit_together(calls, depth);
        }
    }

    /// Takes the answers to calls from behind the fronts that are common to all, and to those that were answered before.
    pub fn take_together(&mut self, calls: &mut Calls<'_>) {
        for (depth, &front) in self.common.as_deref().unwrap_or_default().iter().enumerate().rev() {
            self.fronts[usize::from(front)].answer_together(calls, depth);
        }
        if let Some(timeout) = self.client.timeout {
            for n in 0..calls.len() {
                if calls.ordinary[n].get() && calls.taken[n].get() > timeout.0 {
                    let call = calls.call(n);
                    calls.set_apart(n, call, Ending::served(call.at + SimDuration(calls.taken[n].get())), 0);
                }
            }
        }
        if self.counts_direct && self.common_depth() == 0 {
            self.hour_direct = self.hour_direct.saturating_add(calls.sum(&self.response_bytes));
        }
        self.requests.served_together(calls);
        self.take_others(calls);
    }

    /// Takes the answers to calls that are not ordinary.
    pub fn take_others(&mut self, calls: &Calls<'_>) {
        calls.others.iter().for_each(|other| self.take_behind(&other.call, other.ending, other.depth));
    }

    /// [`WayBack::take_whole`], or soon: with others that have been served, but before anybody looks ([`WayBack::take_gathered`]).
    #[inline(always)]
    pub fn take_late(&mut self, call: &Call, ending: Ending) {
        match &mut self.gathered {
            Some(gathered) if ending.outcome == Outcome::Served && self.requests.measures(call.first_at) => {
                if gathered.add(call, ending) {
                    self.take_gathered();
                }
            }
            _ => self.take_whole(call, ending),
        }
    }

    /// Takes the answers that have gathered.
    #[inline(never)]
    pub fn take_gathered(&mut self) {
        if let Some(mut gathered) = self.gathered.take_if(|gathered| !gathered.is_empty()) {
            self.take_together(&mut gathered.take());
            self.gathered = Some(gathered);
        }
    }

    /// [`WayBack::take`] out of line, for a call that is not ordinary.
    #[cold]
    #[inline(never)]
    pub fn take_behind(&mut self, call: &Call, ending: Ending, depth: usize) {
        let again = self.take(call, ending, depth);
        debug_assert!(again.is_none(), "a client that tries again needs its answer at once");
    }

    /// What an attempt ends as for a client with a time-out or retries, and whether it will try again.
    #[inline(always)]
    fn client_acts_on(&self, call: &Call, mut ending: Ending) -> (Ending, bool) {
        if let Some(timeout) = self.client.timeout {
            let gives_up = call.at + timeout;
            if ending.at > gives_up {
                ending = Ending { at: gives_up, status: 504, outcome: Outcome::TimedOut };
            }
        }
        let again = ending.outcome != Outcome::Served
            && self
                .client
                .retries
                .as_ref()
                .is_some_and(|retries| call.attempt < retries.attempts && retries.on.contains(&ending.status));
        (ending, again)
    }

    /// When the first of those who wait for an attempt gives up.
    pub fn deadline(&self, call: &Call) -> SimTime {
        let path = &self.paths[usize::from(call.class)];
        let fronts = path.fronts().iter().map(|&front| self.fronts[usize::from(front)].gives_up(call));
        let client = self.client.timeout.map_or(SimTime::NEVER, |timeout| call.at + timeout);
        fronts.min().unwrap_or(SimTime::NEVER).min(client)
    }

    /// How long a client waits before attempt `call.attempt` + 1; `jitter` is uniform in 0..1.
    pub fn backoff(&self, call: &Call, jitter: f64) -> SimDuration {
        let Some(retries) = &self.client.retries else { return SimDuration::ZERO };
        let backoff = &retries.backoff;
        let cap = backoff.cap.0 as f64;
        let mut wait = (backoff.base.0 as f64).min(cap);
        for _ in 0..call.attempt {
            wait = (wait * backoff.factor).min(cap);
        }
        SimDuration((if backoff.full_jitter { wait * jitter } else { wait }) as u64)
    }
}
