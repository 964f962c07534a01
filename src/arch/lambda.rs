//! A Lambda function: a pool of execution environments.
//!
//! - One request an environment at a time. An idle environment is reused, the one used most recently first; measured on AWS in
//!   99.7 % of 23,414 choices (2020 logs with environment ids).
//! - Without an idle environment a new one is made: allocation and code download (not billed), init (billed), then a first call
//!   of the handler that is slower than later ones.
//! - An environment that has been idle for `idle_timeout` ends (640 s by default: the same logs show the longest reused gap at 637 s
//!   and the shortest expired one at 645 s). Environments go idle in the order of time, so only the oldest has to be looked at.
//! - A call is refused (429) when the reserved concurrency, the account's unreserved concurrency, the request rate or the
//!   scaling rate (1,000 new environments per 10 s for each function, refilled continuously, not banked beyond that) is used up.
//! - The handler's CPU phase takes cpu / (speed x min(1, memory / 1,769 MB)): a function gets a vCPU at 1,769 MB, and one thread
//!   cannot use more than one.
//! - Billed duration is one ceiling to 1 ms of init + handler; a time-out bills the time-out; a throttle bills nothing.
//!   Usage is booked in the hour in which the call starts.
//!
//! Once a call has started its end is known, so the answer is given at once and only the release of the environment is an event. What
//! the handler does at tables is added to its time. A call that waits for other functions is another matter: it holds its environment
//! until [`LambdaState::end`] is told how it ended (`chain`).

mod batch;
mod metering;
mod versions;

pub use self::batch::{To, take_batch};
use self::metering::{AsThen, InitsAhead};
use super::call::{Call, Ending};
use super::ledger::{Ledger, MeterId, weighted};
use super::output::{ComponentOutput, Outcome};
use super::provisioned::{MINUTE, ProvisionedState};
use super::table::TableState;
use super::token_bucket::TokenBucket;
use super::world::{Due, Event, Shared, Site};
use crate::sim::gauge::Gauge;
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::sim::sampler::Sampler;
use crate::spec::model::{Arch, Function, Outbound, OutboundKind};
use crate::spec::scenario::Account;
use crate::units::{Limit, NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;

/// Memory at which a function has one vCPU (Lambda developer guide).
pub const MB_PER_VCPU: f64 = 1769.0;

/// An init that takes longer is cut off and runs again inside the first call (Lambda developer guide, runtime environment).
const INIT_LIMIT: u64 = 10 * NANOS_PER_SEC;
/// Bytes of a streamed response that cost nothing (Lambda pricing page).
const STREAMED_FREE: u64 = 6 << 20;
/// MB of `/tmp` that cost nothing.
const EPHEMERAL_FREE: u64 = 512;

/// On the number of an environment: its last call failed, so it is initialised again in the next one.
const AGAIN: u32 = 1 << 31;
/// Instead of the number of an environment: one of the provisioned concurrency.
const PROVISIONED: u32 = 1 << 30;
/// The number alone.
const NUMBER: u32 = PROVISIONED - 1;

#[derive(Debug, Clone, Copy)]
struct Environment {
    created: SimTime,
    /// Holds a connection to the shared backend.
    connected: bool,
}

/// Idle environments in the order in which they became idle, with that instant: the newest is taken from the end, the oldest ends
/// at the front.
#[derive(Debug, Default)]
struct IdleStack {
    entries: Vec<(SimTime, u32)>,
    /// Those before have been taken from the front; their room is used again when they are as many as the others.
    front: usize,
}

impl IdleStack {
    #[inline]
    fn push(&mut self, since: SimTime, environment: u32) {
        self.entries.push((since, environment));
    }

    #[inline]
    fn pop_newest(&mut self) -> Option<u32> {
        let newest = self.newest()?;
        self.drop_newest();
        Some(newest)
    }

    #[inline]
    fn newest(&self) -> Option<u32> {
        if self.entries.len() > self.front { self.entries.last().map(|entry| entry.1) } else { None }
    }

    #[inline]
    fn drop_newest(&mut self) {
        self.entries.pop();
    }

    fn oldest(&self) -> Option<(SimTime, u32)> {
        self.entries.get(self.front).copied()
    }

    fn drop_oldest(&mut self) {
        self.front += 1;
        if self.front * 2 >= self.entries.len() {
            self.entries.drain(..self.front);
            self.front = 0;
        }
    }
}

struct Meters {
    requests: MeterId,
    duration: MeterId,
    logs: MeterId,
    /// Duration and capacity.
    provisioned: Option<(MeterId, MeterId)>,
    ephemeral: Option<MeterId>,
    /// Of provisioned environments, where there can be any.
    inits_ahead: Option<InitsAhead>,
    /// Restores and cache.
    snapstart: Option<(MeterId, MeterId)>,
    streamed: Option<MeterId>,
}

/// Billed duration: one ceiling to a millisecond. What it is taken of is far below 2^63 nanoseconds, 292 years.
#[inline(always)]
fn billed_ms(nanos: u64) -> u64 {
    nanos.wrapping_add(NANOS_PER_MILLI - 1) / NANOS_PER_MILLI
}

/// An error of the handler; the instant is filled in.
const FAILED: Ending = Ending { at: SimTime::ZERO, status: 500, outcome: Outcome::Failed };

/// What may be due in a function's provisioned concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision {
    /// A raise is ready.
    Ready,
    /// The schedule changes the level.
    Change,
    /// A minute of the metric ends.
    Minute,
    /// A deployment changes the level of a version.
    Level,
}

/// What a start adds to a call: before it, and inside it.
#[derive(Debug, Clone, Copy)]
struct ColdStart {
    unbilled: u64,
    init: u64,
    inside: u64,
}

impl ColdStart {
    const NONE: Self = Self { unbilled: 0, init: 0, inside: 0 };
}

/// A call that has been let in.
#[derive(Debug, Clone, Copy)]
struct Admitted {
    /// Its number, or [`PROVISIONED`].
    environment: u32,
    start: ColdStart,
    /// It has the connection that it needs.
    connected: bool,
}

/// A call that holds its environment until it is told to end.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    admitted: Admitted,
    class: u16,
    /// When its handler starts.
    pub handler_from: SimTime,
    /// Nanoseconds of the handler until it makes its first call to another component; `None` where it fails before anything.
    pub own_work: Option<u64>,
    /// It fails after all its work.
    fails: bool,
}

/// Something that the handler does at a table.
#[derive(Debug)]
struct AtTable {
    /// Position among the calls of the model.
    step: usize,
    table: u16,
    reads: u32,
    writes: u32,
    key: Key,
    classes: Vec<bool>,
}

/// The state of one function.
pub struct LambdaState {
    /// Position in the architecture.
    index: u16,
    cpu_scale: f64,
    memory: u64,
    timeout: u64,
    /// In the order of the model.
    at_tables: Vec<AtTable>,
    idle_timeout: SimDuration,
    max_age: Option<SimDuration>,
    first_call: u64,
    allocation: Sampler,
    init: Vec<Sampler>,
    allocation_key: Key,
    init_keys: Vec<Key>,
    /// Calls at work: what is reserved, if anything is.
    cap: u64,
    provisioned: Option<ProvisionedState>,
    provisioned_connections: u64,
    error_rate: f64,
    /// Its handler does nothing but work: no tables, no errors.
    plain_handler: bool,
    error_key: Key,
    /// See [`LambdaState::expect`].
    verdict: Option<bool>,
    again_keys: Vec<Key>,
    /// Starts are restored from a snapshot.
    restores: bool,
    /// Billed as in another year.
    as_then: Option<AsThen>,
    /// Paid when an environment ends.
    shutdown_ms: u64,
    /// Share of the environments that are initialised before they are asked for.
    proactive: f64,
    proactive_key: Key,
    ephemeral_over: u64,
    streamed_bytes: Vec<u64>,
    start: SimTime,
    /// Whether its calls count towards a limit of the account.
    counts_to_account: bool,
    scaling: Option<TokenBucket>,
    environments: Vec<Environment>,
    free: Vec<u32>,
    idle: IdleStack,
    /// No idle environment ends before.
    next_expiry: SimTime,
    total: Gauge,
    busy: Gauge,
    meters: Meters,
    log_bytes: Vec<u64>,
    /// Requests that an asynchronous invocation is billed as, by class.
    increments: Option<Vec<u64>>,
    // Open counters of the hour.
    /// By class.
    hour_calls: Vec<u64>,
    hour_time: u128,
    hour_billed_ms: u64,
    hour_provisioned_ms: u64,
    hour_starts: u64,
    hour_streamed: u64,
    hour_further_log: u64,
    // Over the measured horizon.
    unserved: u64,
    throttled: u64,
    /// Of these, by a request rate: the account's, or that of its URL.
    throttled_by_rate: u64,
    cold_starts: u64,
    time: u128,
    calls: u64,
    /// Nanoseconds for which environments were held by calls that waited for other functions.
    waited: u128,
    area_total: u128,
    area_busy: u128,
    bucket_total: u128,
    bucket_busy: u128,
    series_total: Vec<f64>,
    series_busy: Vec<f64>,
}

/// Requests that an event of this size is billed as: one for the first 256 KB, one for each started 64 KB beyond, up to 1 MB (pricing page).
fn event_requests(bytes: u64) -> u64 {
    1 + bytes.min(1 << 20).saturating_sub(256 << 10).div_ceil(64 << 10)
}

/// Key of what a function pays on demand. Lambda@Edge has no free tier and is the same everywhere.
fn on_demand_key(function: &Function, what: &str, arch: &str) -> String {
    if function.edge { format!("lambdaedge.{what}") } else { format!("lambda.{what}.{arch}") }
}

/// What the handlers of a function do at tables.
fn at_tables(function: &Function, key: Key, shared: &Shared<'_>) -> Vec<AtTable> {
    let of_step = |(step, call): (usize, &Outbound)| match *call {
        Outbound { to, ref classes, what: OutboundKind::Table { reads, writes } } => Some(AtTable {
            step,
            table: shared.table_of(to)?,
            reads,
            writes,
            key: key.named("table").numbered(step as u64),
            classes: classes.clone(),
        }),
        _ => None,
    };
    function.calls.iter().enumerate().filter_map(of_step).collect()
}

/// Concurrency and request rate of the account, shared by all functions of an architecture.
pub struct AccountState {
    unreserved_limit: u64,
    /// Provisioned concurrency of functions without a reserved one: taken from the others' share.
    provisioned: u64,
    unreserved_busy: u64,
    rate: Option<TokenBucket>,
    /// Until November 2023: new environments of all functions.
    burst: Option<TokenBucket>,
}

impl AccountState {
    /// `reserved` is the sum of all functions' reserved concurrency.
    pub fn new(account: &Account, reserved: u64) -> Self {
        let rate = match account.request_rate {
            // "10 x concurrency" requests a second: a bucket of one second's worth.
            Limit::At(rate) => Some(TokenBucket::new(rate as f64, rate as f64)),
            Limit::Unlimited => None,
        };
        Self {
            unreserved_limit: account.concurrency.as_u64().saturating_sub(reserved),
            unreserved_busy: 0,
            provisioned: 0,
            rate,
            burst: account.burst.map(|burst| TokenBucket::new(burst.per_minute as f64 / 60.0, burst.at_once as f64)),
        }
    }

    /// Whether it has a request rate.
    pub fn has_rate(&self) -> bool {
        self.rate.is_some()
    }

    /// Whether the request rate lets a call in.
    #[inline(always)]
    pub fn takes(&mut self, now: SimTime) -> bool {
        self.rate.as_mut().is_none_or(|rate| rate.take(now))
    }

    /// Whether no call fits any more.
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.unreserved_busy >= self.unreserved_limit.saturating_sub(self.provisioned)
    }
}

impl LambdaState {
    /// A function without environments.
    pub fn new(
        site: Site<'_>,
        function: &Function,
        shared: &Shared<'_>,
        ledger: &mut Ledger,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) -> Self {
        let Site { index, name, key } = site;
        let classes = &shared.scenario.classes;
        let counts_to_account =
            function.reserved_concurrency.is_none() && shared.scenario.account.concurrency != Limit::Unlimited;
        let ephemeral_over = u64::from(function.ephemeral.0).saturating_sub(EPHEMERAL_FREE);
        let provisioned = function.provisioned.as_ref().map(|rule| {
            let account = shared.scenario.account.concurrency.as_u64();
            ProvisionedState::new(rule, function.reserved_concurrency.unwrap_or(account), function.max_age)
        });
        let level = provisioned.as_ref().map_or(0, ProvisionedState::level);
        if let Some(provisioned) = &provisioned {
            if provisioned.tracks() {
                let minute = Event::new(Due::Provision(Provision::Minute), index, 0);
                queue.push(SimTime::ZERO + MINUTE, minute);
            }
            if let Some(change) = provisioned.next_change() {
                let at = SimTime::ZERO + shared.scenario.warmup + change;
                queue.push(at, Event::new(Due::Provision(Provision::Change), index, 0));
            }
            if counts_to_account {
                account.provisioned += level;
            }
        }
        let share = (f64::from(function.memory.0) / MB_PER_VCPU).min(1.0);
        let arch = match function.arch {
            Arch::X86 => "x86",
            Arch::Arm => "arm",
        };
        let scaling = match shared.scenario.account.scaling {
            Limit::At(per_ten_seconds) => Some(TokenBucket::new(per_ten_seconds as f64 / 10.0, per_ten_seconds as f64)),
            Limit::Unlimited => None,
        };
        Self {
            index,
            cpu_scale: 1.0 / (share * function.speed),
            memory: u64::from(function.memory.0),
            timeout: function.timeout.0,
            at_tables: at_tables(function, key, shared),
            idle_timeout: match &function.lifecycle.idle {
                // Not known, but the same for all: once a replication.
                Some(idle) => Sampler::compile(idle).sample(key.named("idle lifetime").draw(0, 0)),
                None => function.idle_timeout,
            },
            max_age: function.max_age,
            first_call: function.first_call.0,
            allocation: Sampler::compile(&function.allocation),
            init: function.init.iter().map(Sampler::compile).collect(),
            allocation_key: key.named("allocation"),
            init_keys: (0..function.init.len()).map(|part| key.named("init").numbered(part as u64)).collect(),
            cap: function.reserved_concurrency.unwrap_or(u64::MAX),
            provisioned,
            provisioned_connections: 0,
            plain_handler: function.error_rate <= 0.0
                && !function.calls.iter().any(|call| matches!(call.what, OutboundKind::Table { .. })),
            error_rate: function.error_rate,
            error_key: key.named("error"),
            verdict: None,
            again_keys: (0..function.init.len()).map(|part| key.named("init again").numbered(part as u64)).collect(),
            restores: function.snapstart.is_some(),
            as_then: shared.scenario.account.times.metering().map(|how| AsThen::new(how, &function.lifecycle)),
            shutdown_ms: billed_ms(function.lifecycle.shutdown.0),
            proactive: function.lifecycle.proactive,
            proactive_key: key.named("initialised ahead"),
            ephemeral_over,
            streamed_bytes: classes.iter().map(|class| class.response_size.0.saturating_sub(STREAMED_FREE)).collect(),
            start: SimTime::ZERO + shared.scenario.warmup,
            counts_to_account,
            scaling,
            environments: Vec::new(),
            free: Vec::new(),
            idle: IdleStack::default(),
            next_expiry: SimTime::ZERO,
            total: Gauge::new(level),
            busy: Gauge::new(0),
            meters: Meters {
                requests: ledger.open(name, on_demand_key(function, "request", arch), RawUnit::Count),
                duration: ledger.open(name, on_demand_key(function, "duration", arch), RawUnit::MbMs),
                logs: ledger.open(name, "cw.logs.lambda_vended", RawUnit::Bytes),
                provisioned: function.provisioned.as_ref().map(|_| {
                    let mut open = |what| ledger.open(name, format!("lambda.pc.{what}.{arch}"), RawUnit::MbMs);
                    (open("duration"), open("capacity"))
                }),
                inits_ahead: InitsAhead::of(site, function, arch, shared, ledger),
                ephemeral: (ephemeral_over > 0)
                    .then(|| ledger.open(name, format!("lambda.ephemeral_over_512mb.{arch}"), RawUnit::MbMs)),
                snapstart: function.snapstart.filter(|snapstart| snapstart.paid).map(|_| {
                    let restores = ledger.open(name, "lambda.snapstart.restore", RawUnit::Bytes);
                    (restores, ledger.open(name, "lambda.snapstart.cache", RawUnit::MbMs))
                }),
                streamed: function.streaming.then(|| ledger.open(name, "lambda.stream.gb", RawUnit::Bytes)),
            },
            log_bytes: classes.iter().map(|class| class.log_size.0.saturating_add(function.platform_log.0)).collect(),
            increments: function
                .asynchronous
                .as_ref()
                .map(|_| classes.iter().map(|class| event_requests(class.request_size.0)).collect()),
            hour_calls: vec![0; shared.scenario.classes.len()],
            hour_time: 0,
            hour_billed_ms: 0,
            hour_provisioned_ms: 0,
            hour_starts: 0,
            hour_streamed: 0,
            hour_further_log: 0,
            unserved: 0,
            throttled: 0,
            throttled_by_rate: 0,
            cold_starts: 0,
            time: 0,
            calls: 0,
            waited: 0,
            area_total: 0,
            area_busy: 0,
            bucket_total: 0,
            bucket_busy: 0,
            series_total: Vec::new(),
            series_busy: Vec::new(),
        }
    }

    /// Ends environments whose idle time is over at `now`, each at its own instant.
    #[inline]
    fn expire(&mut self, now: SimTime, shared: &mut Shared<'_>) {
        if now >= self.next_expiry {
            self.expire_oldest(now, shared);
        }
    }

    #[cold]
    fn expire_oldest(&mut self, now: SimTime, shared: &mut Shared<'_>) {
        // Whatever goes idle from now on ends later than this.
        self.next_expiry = now + self.idle_timeout;
        while let Some((since, environment)) = self.idle.oldest() {
            let ends = since + self.idle_timeout;
            if ends > now {
                self.next_expiry = ends;
                break;
            }
            self.idle.drop_oldest();
            self.retire(environment & NUMBER, ends, shared);
        }
    }

    fn retire(&mut self, environment: u32, at: SimTime, shared: &mut Shared<'_>) {
        self.total.down(at);
        self.hour_billed_ms += self.shutdown_ms;
        self.free.push(environment);
        if self.environments[environment as usize].connected {
            shared.connections.close(at, 1);
        }
    }

    /// Refuses a call for a request rate: the account's, or that of its URL.
    #[cold]
    pub fn throttle_by_rate(&mut self, now: SimTime) -> Ending {
        self.throttled_by_rate += 1;
        self.throttle(now)
    }

    fn throttle(&mut self, now: SimTime) -> Ending {
        self.throttled += 1;
        Ending::throttled(now)
    }

    /// A synchronous invocation. Refused with 429, or started; then the answer's instant is known.
    #[inline(always)]
    pub fn invoke(
        &mut self,
        now: SimTime,
        call: &mut Call,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) -> Ending {
        if !account.takes(now) {
            return self.throttle_by_rate(now);
        }
        self.invoke_behind_rate(now, call, shared, account, queue)
    }

    /// [`LambdaState::invoke`] for a call that the account's request rate has let in.
    #[inline(always)]
    fn invoke_behind_rate(
        &mut self,
        now: SimTime,
        call: &mut Call,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) -> Ending {
        let Some(admitted) = self.admit(now, call, shared, account) else { return self.throttle(now) };
        let Admitted { environment, start, connected } = admitted;
        let (handler, ending) = self.handle(now, call, start.inside, connected, &mut shared.tables);
        self.bill(&admitted, handler);
        self.begin(now, call.class, start.unbilled + start.init + handler, ending, environment, queue)
    }

    /// Lets a call in, if there is an environment for it or one can be made.
    #[inline(always)]
    fn admit(
        &mut self,
        now: SimTime,
        call: &mut Call,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
    ) -> Option<Admitted> {
        self.expire(now, shared);
        let busy = self.busy.value();
        if busy >= self.cap {
            return None;
        }
        if let Some(provisioned) = &mut self.provisioned {
            if !provisioned.within_rate(now) {
                return None;
            }
            if let Some(again) = provisioned.take(now) {
                return Some(self.admit_provisioned(now, call, again, shared));
            }
            // On demand there is what is reserved without the provisioned that are ready.
            if busy - provisioned.busy() >= self.cap.saturating_sub(provisioned.ready()) {
                return None;
            }
        }
        if self.counts_to_account && account.is_full() {
            return None;
        }
        let (environment, start) = loop {
            let Some(environment) = self.idle.pop_newest() else {
                let (environment, start, cold) = self.cold_start(now, call.id, call.attempt, account)?;
                call.cold |= cold;
                break (environment, start);
            };
            let young = match self.max_age {
                None => true,
                Some(max_age) => now.since(self.environments[(environment & NUMBER) as usize].created) < max_age,
            };
            if young {
                break (environment & NUMBER, ColdStart { inside: self.again(environment, call), ..ColdStart::NONE });
            }
            self.retire(environment & NUMBER, now, shared);
        };
        let connected = !shared.has_backend || self.connect(environment, now, shared);
        if self.counts_to_account {
            account.unreserved_busy += 1;
        }
        Some(Admitted { environment, start, connected })
    }

    /// Counts what is paid for a handler that took so long.
    #[inline(always)]
    fn bill(&mut self, admitted: &Admitted, handler: u64) {
        if admitted.environment & PROVISIONED != 0 {
            self.hour_provisioned_ms += billed_ms(handler);
        } else {
            self.hour_billed_ms += billed_ms(admitted.start.init + handler);
        }
    }

    /// As [`LambdaState::invoke`] for a call that will wait for other functions; `None` if it is refused.
    pub fn hold(
        &mut self,
        now: SimTime,
        call: &mut Call,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
    ) -> Option<Held> {
        if !account.takes(now) {
            self.throttle_by_rate(now);
            return None;
        }
        let Some(admitted) = self.admit(now, call, shared, account) else {
            self.throttled += 1;
            return None;
        };
        self.hour_calls[usize::from(call.class)] += 1;
        self.busy.up(now);
        let Admitted { start, connected, .. } = admitted;
        Some(Held {
            admitted,
            class: call.class,
            handler_from: now + SimDuration(start.unbilled + start.init),
            own_work: connected.then(|| self.own_work(call) + start.inside),
            fails: self.fails(call),
        })
    }

    /// A held call ends when its handler has been at work for `handler`, of which it spent `waited` waiting for other functions.
    /// `ended` is what became of what it called; the function may still fail by itself.
    pub fn end(
        &mut self,
        held: &Held,
        handler: u64,
        waited: SimDuration,
        ended: Ending,
        now: SimTime,
        queue: &mut EventQueue<Event>,
    ) -> Ending {
        let mut ending = Ending { at: held.handler_from + SimDuration(handler), ..ended };
        if ending.outcome == Outcome::Served && held.fails {
            ending = Ending { at: ending.at, ..FAILED };
        }
        if ending.outcome == Outcome::Served {
            self.stream(held.class);
        } else {
            self.unserved += 1;
        }
        match self.as_then {
            Some(as_then) => self.bill_then(as_then, &held.admitted, handler),
            None => self.bill(&held.admitted, handler),
        }
        let start = held.admitted.start;
        self.hour_time = self.hour_time.wrapping_add(u128::from(start.unbilled + start.init + handler));
        self.waited = self.waited.wrapping_add(u128::from(waited.0));
        // A time-out may be noticed a nanosecond late.
        self.release_at(Ending { at: ending.at.max(now), ..ending }, held.admitted.environment, queue);
        ending
    }

    /// Until it is told `None`, calls fail or not as is said here, whatever the error rate: a batch fails with its messages.
    pub fn expect(&mut self, fails: Option<bool>) {
        self.verdict = fails;
    }

    /// Logs beside those of one message.
    pub fn log_further(&mut self, bytes: u64) {
        self.hour_further_log = self.hour_further_log.saturating_add(bytes);
    }

    /// The function's own time-out.
    pub fn timeout(&self) -> SimDuration {
        SimDuration(self.timeout)
    }

    /// Lets the handler do what stands at this position of its model's calls, if that is something at a table. Returns for how long
    /// it has been at work afterwards.
    pub fn at_table(&self, step: usize, handler: u64, call: &Call, tables: &mut [TableState]) -> u64 {
        let at_table = self.at_tables.iter().find(|at_table| at_table.step == step);
        at_table.map_or(handler, |at_table| self.consult(at_table, handler, call, tables))
    }

    /// A call has begun that takes so long and ends so in this environment (or [`PROVISIONED`]).
    #[inline(always)]
    fn begin(
        &mut self,
        now: SimTime,
        class: u16,
        taken: u64,
        ending: Ending,
        environment: u32,
        queue: &mut EventQueue<Event>,
    ) -> Ending {
        let ending = Ending { at: now + SimDuration(taken), ..ending };
        self.hour_calls[usize::from(class)] += 1;
        // 2^64 calls of 2^64 nanoseconds fit.
        self.hour_time = self.hour_time.wrapping_add(u128::from(taken));
        self.busy.up(now);
        self.release_at(ending, environment, queue);
        ending
    }

    #[inline(always)]
    fn release_at(&self, ending: Ending, environment: u32, queue: &mut EventQueue<Event>) {
        let again = if ending.outcome == Outcome::Served { 0 } else { AGAIN };
        queue.push(ending.at, Event::new(Due::Released, self.index, environment | again));
    }

    /// What the handler takes from its start, and how it ends. `inside`: an init that runs as part of the call.
    #[inline(always)]
    fn handle(
        &mut self,
        now: SimTime,
        call: &Call,
        inside: u64,
        connected: bool,
        tables: &mut [TableState],
    ) -> (u64, Ending) {
        let mut handler = self.own_work(call) + inside;
        if !connected {
            // No connection to be had: the handler fails at once.
            self.unserved += 1;
            return (0, Ending { at: now, ..FAILED });
        }
        if !self.at_tables.is_empty() {
            handler = self.consult_tables(handler, call, tables);
        }
        if handler > self.timeout {
            self.unserved += 1;
            return (self.timeout, Ending { at: now, status: 504, outcome: Outcome::TimedOut });
        }
        if self.fails(call) {
            self.unserved += 1;
            return (handler, Ending { at: now, ..FAILED });
        }
        self.stream(call.class);
        (handler, Ending::served(now))
    }

    /// The request's CPU and wait in this function.
    #[inline(always)]
    fn own_work(&self, call: &Call) -> u64 {
        self.work_of(call.cpu, call.wait)
    }

    /// [`LambdaState::own_work`] of so much CPU and wait.
    #[inline(always)]
    fn work_of(&self, cpu: u64, wait: u64) -> u64 {
        // Below 2^63, where the signed conversion is one instruction.
        let cpu = if cpu > 0 { (cpu as f64 * self.cpu_scale + 0.5) as i64 as u64 } else { 0 };
        wait + cpu
    }

    /// Whether the handler fails after all its work.
    #[inline(always)]
    fn fails(&self, call: &Call) -> bool {
        self.error_rate > 0.0
            && match self.verdict {
                Some(fails) => fails,
                None => unit(self.error_key.draw(call.id, u32::from(call.attempt))) < self.error_rate,
            }
    }

    #[inline(always)]
    fn stream(&mut self, class: u16) {
        if self.meters.streamed.is_some() {
            let bytes = self.streamed_bytes[usize::from(class)];
            self.hour_streamed = self.hour_streamed.saturating_add(bytes);
        }
    }

    /// All that a handler does at tables: one operation after another, until its time is over.
    #[inline(never)]
    fn consult_tables(&self, handler: u64, call: &Call, tables: &mut [TableState]) -> u64 {
        self.at_tables.iter().fold(handler, |handler, at_table| self.consult(at_table, handler, call, tables))
    }

    #[inline]
    fn consult(&self, at_table: &AtTable, mut handler: u64, call: &Call, tables: &mut [TableState]) -> u64 {
        if !at_table.classes[usize::from(call.class)] {
            return handler;
        }
        let table = &mut tables[usize::from(at_table.table)];
        let attempt = u32::from(call.attempt) << 16;
        for operation in 0..at_table.reads + at_table.writes {
            if handler > self.timeout {
                break;
            }
            let draw = at_table.key.draw(call.id, attempt | operation);
            handler += if operation < at_table.reads { table.read(draw) } else { table.write(draw) };
        }
        handler
    }

    /// How long the init takes that runs inside the next call of this environment, if its last call failed (AWS.md 3.8).
    #[inline(always)]
    fn again(&self, environment: u32, call: &Call) -> u64 {
        if environment & AGAIN == 0 { 0 } else { self.suppressed_init(call) }
    }

    #[cold]
    fn suppressed_init(&self, call: &Call) -> u64 {
        self.draw_init(&self.again_keys, call.id, u32::from(call.attempt))
    }

    /// An init, its parts drawn with these keys.
    fn draw_init(&self, keys: &[Key], id: u64, attempt: u32) -> u64 {
        self.init.iter().zip(keys).map(|(part, key)| part.sample(key.draw(id, attempt)).0).sum()
    }

    /// As [`LambdaState::admit`] from where a provisioned environment has been taken.
    #[inline(never)]
    fn admit_provisioned(&mut self, now: SimTime, call: &Call, again: bool, shared: &mut Shared<'_>) -> Admitted {
        let busy = self.provisioned.as_ref().map_or(0, ProvisionedState::busy);
        // The environments used last are used first: each that is used for the first time opens a connection.
        let mut connected = true;
        if shared.has_backend && busy > self.provisioned_connections {
            connected = shared.connections.open(now, 1);
            self.provisioned_connections += u64::from(connected);
        }
        let inside = if again { self.suppressed_init(call) } else { 0 };
        Admitted { environment: PROVISIONED, start: ColdStart { inside, ..ColdStart::NONE }, connected }
    }

    /// Makes an environment; whether the call sees that it is new. `None` if the scaling rate is used up.
    #[cold]
    fn cold_start(
        &mut self,
        now: SimTime,
        id: u64,
        attempt: u8,
        account: &mut AccountState,
    ) -> Option<(u32, ColdStart, bool)> {
        if let Some(scaling) = &mut self.scaling
            && !scaling.take(now)
        {
            return None;
        }
        if let Some(burst) = &mut account.burst
            && !burst.take(now)
        {
            return None;
        }
        let attempt = u32::from(attempt);
        let unbilled = self.allocation.sample(self.allocation_key.draw(id, attempt)).0;
        let mut init = self.draw_init(&self.init_keys, id, attempt);
        let mut inside = self.first_call;
        if init > INIT_LIMIT && !self.restores {
            // Cut off, and run once more inside the call (AWS.md 2.8).
            inside += init;
            init = INIT_LIMIT;
        }
        let fresh = Environment { created: now, connected: false };
        let environment = match self.free.pop() {
            Some(slot) => {
                self.environments[slot as usize] = fresh;
                slot
            }
            None => {
                self.environments.push(fresh);
                (self.environments.len() - 1) as u32
            }
        };
        self.total.up(now);
        self.hour_starts += 1;
        if self.proactive > 0.0 && unit(self.proactive_key.draw(id, attempt)) < self.proactive {
            // It was initialised before anybody asked: paid, and nobody waits. Only the handler's first call is still slower.
            self.bill_ahead(init);
            return Some((environment, ColdStart { inside, ..ColdStart::NONE }, false));
        }
        self.cold_starts += 1;
        Some((environment, ColdStart { unbilled, init, inside }, true))
    }

    fn connect(&mut self, environment: u32, now: SimTime, shared: &mut Shared<'_>) -> bool {
        let environment = &mut self.environments[environment as usize];
        if !environment.connected {
            environment.connected = shared.connections.open(now, 1);
        }
        environment.connected
    }

    /// The call of an environment has ended. `environment` is as it was given to the queue.
    #[inline(always)]
    pub fn released(&mut self, now: SimTime, environment: u32, shared: &mut Shared<'_>, account: &mut AccountState) {
        if environment & PROVISIONED != 0 {
            self.busy.down(now);
            return self.released_provisioned(now, environment & AGAIN != 0, shared);
        }
        self.released_on_demand(now, environment, account);
    }

    /// [`LambdaState::released`] for an environment that is not of the provisioned concurrency.
    #[inline(always)]
    fn released_on_demand(&mut self, now: SimTime, environment: u32, account: &mut AccountState) {
        self.busy.down(now);
        if self.counts_to_account {
            account.unreserved_busy -= 1;
        }
        self.idle.push(now, environment);
    }

    #[inline(never)]
    fn released_provisioned(&mut self, now: SimTime, again: bool, shared: &mut Shared<'_>) {
        if let Some(provisioned) = &mut self.provisioned
            && !provisioned.release(now, again)
        {
            self.disconnect_provisioned(now, shared);
        }
    }

    /// Closes the connections of provisioned environments that are gone.
    fn disconnect_provisioned(&mut self, now: SimTime, shared: &mut Shared<'_>) {
        let left = self.provisioned.as_ref().map_or(0, |provisioned| provisioned.ready().max(provisioned.busy()));
        if self.provisioned_connections > left {
            shared.connections.close(now, self.provisioned_connections - left);
            self.provisioned_connections = left;
        }
    }

    /// Something is due in the provisioned concurrency; `raise` is the number of the raise that is ready, or the new level.
    pub fn provision(
        &mut self,
        now: SimTime,
        what: Provision,
        raise: u32,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) {
        self.expire(now, shared);
        let Some(provisioned) = &mut self.provisioned else { return };
        let ready = provisioned.ready();
        let prepared = match what {
            Provision::Ready => {
                provisioned.prepared(raise);
                None
            }
            Provision::Change => {
                let prepared = provisioned.change(now);
                if let Some(next) = provisioned.next_change() {
                    queue.push(self.start + next, Event::new(Due::Provision(Provision::Change), self.index, 0));
                }
                prepared
            }
            Provision::Minute => {
                queue.push(now + MINUTE, Event::new(Due::Provision(Provision::Minute), self.index, 0));
                provisioned.minute(now)
            }
            Provision::Level => provisioned.set(now, u64::from(raise)),
        };
        if let Some((at, raise)) = prepared {
            queue.push(at, Event::new(Due::Provision(Provision::Ready), self.index, raise));
        }
        // Environments given up while at work end with their calls; they are counted out at once.
        let now_ready = provisioned.ready();
        if now_ready != ready {
            provisioned.follow(now);
        }
        if now_ready > ready {
            self.total.add(now, now_ready - ready);
        } else {
            self.total.sub(now, ready - now_ready);
        }
        if self.counts_to_account {
            account.provisioned = account.provisioned - ready + now_ready;
        }
        self.disconnect_provisioned(now, shared);
    }

    /// Brings the integrals up to `now`.
    pub fn settle(&mut self, now: SimTime, shared: &mut Shared<'_>) {
        self.expire(now, shared);
        self.bucket_total += self.total.take_area(now);
        self.bucket_busy += self.busy.take_area(now);
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self, now: SimTime) {
        self.total.restart(now);
        self.busy.restart(now);
        (self.bucket_total, self.bucket_busy) = (0, 0);
        self.hour_calls.fill(0);
        (self.hour_time, self.hour_billed_ms, self.hour_provisioned_ms, self.hour_starts) = (0, 0, 0, 0);
        (self.hour_streamed, self.hour_further_log) = (0, 0);
        if let Some(provisioned) = &mut self.provisioned {
            provisioned.restart(now);
        }
        (self.unserved, self.throttled, self.cold_starts, self.time, self.calls) = (0, 0, 0, 0, 0);
        (self.throttled_by_rate, self.waited) = (0, 0);
    }

    /// Closes a bucket of the series of this length.
    pub fn close_bucket(&mut self, length: SimDuration) {
        let nanos = length.0.max(1) as f64;
        self.series_total.push(self.bucket_total as f64 / nanos);
        self.series_busy.push(self.bucket_busy as f64 / nanos);
        self.area_total += std::mem::take(&mut self.bucket_total);
        self.area_busy += std::mem::take(&mut self.bucket_busy);
    }

    /// Books the usage of the hour that ends now, or of the part `length` of one.
    pub fn close_hour(&mut self, now: SimTime, length: SimDuration, ledger: &mut Ledger) {
        let calls = self.hour_calls.iter().sum();
        let further = std::mem::take(&mut self.hour_further_log);
        let log_bytes = weighted(&self.hour_calls, &self.log_bytes).saturating_add(further);
        let requests = self.increments.as_ref().map_or(calls, |each| weighted(&self.hour_calls, each));
        self.hour_calls.fill(0);
        self.calls += calls;
        self.time += std::mem::take(&mut self.hour_time);
        ledger.book(self.meters.requests, requests);
        // In one step: integer MB x ms, exact.
        let billed = std::mem::take(&mut self.hour_billed_ms);
        let provisioned_ms = std::mem::take(&mut self.hour_provisioned_ms);
        ledger.book(self.meters.duration, billed.saturating_mul(self.memory));
        if let (Some((duration, capacity)), Some(provisioned)) = (self.meters.provisioned, &mut self.provisioned) {
            ledger.book(duration, provisioned_ms.saturating_mul(self.memory));
            ledger.book(capacity, provisioned.take_paid(now).saturating_mul(self.memory));
        }
        let ahead_ms = self.book_inits_ahead(ledger);
        if let Some(meter) = self.meters.ephemeral {
            let all = billed.saturating_add(provisioned_ms).saturating_add(ahead_ms);
            ledger.book(meter, all.saturating_mul(self.ephemeral_over));
        }
        let starts = std::mem::take(&mut self.hour_starts);
        if let Some((restores, cache)) = self.meters.snapstart {
            ledger.book(restores, starts.saturating_mul(self.memory << 20));
            ledger.book(cache, (length.0 / NANOS_PER_MILLI).saturating_mul(self.memory));
        }
        if let Some(meter) = self.meters.streamed {
            ledger.book(meter, std::mem::take(&mut self.hour_streamed));
        }
        ledger.book(self.meters.logs, log_bytes);
    }

    /// The results over a horizon of this length.
    pub fn finish(self, horizon: SimDuration, connections: Option<u64>) -> (ComponentOutput, Vec<f64>, Vec<f64>) {
        let nanos = horizon.0.max(1) as f64;
        let (total, busy) = (self.area_total as f64 / nanos, self.area_busy as f64 / nanos);
        let output = ComponentOutput {
            served: self.calls - self.unserved,
            throttled: self.throttled,
            throttled_by_rate: self.throttled_by_rate,
            rejected: 0,
            cold_starts: Some(self.cold_starts),
            capacity: Some((total, self.total.peak() as f64)),
            busy: Some((busy, self.busy.peak() as f64)),
            utilisation: Some(if total > 0.0 { busy / total } else { 0.0 }),
            idle_shares: Vec::new(),
            peak_connections: connections,
            backlog: None,
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), self.calls),
            mean_in_system: busy,
            waited: SimDuration(u64::try_from(self.waited).unwrap_or(u64::MAX)),
            queue: None,
        };
        (output, self.series_total, self.series_busy)
    }
}
