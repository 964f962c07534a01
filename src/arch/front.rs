//! What stands in front: an API Gateway HTTP API or a load balancer. Both admit a request, add their latency to
//! the answer, give up after a time-out and translate what lies behind into the status that the client sees.
//!
//! - **HTTP API**: account-wide token bucket (10,000 requests/s, burst 5,000), else 429, not billed; 30 s integration time-out (504;
//!   the integration goes on and is paid); billed in increments of 512 KB; a Lambda throttle reaches the client as 503.
//! - **REST API**: the same bucket; 29 s; a request is a request whatever its size; a Lambda throttle reaches the client as 500, an error or
//!   time-out of the function as 502 (the latter from memory).
//! - **Load balancer**: no surge queue; 504 after the idle time-out (60 s) without an answer; a Lambda throttle or time-out reaches
//!   the client as 502; load balancer capacity units are the largest of four dimensions in each hour.
//! - **Network load balancer**: passes on connections; no status of its own but silence after 350 s (shown as 504); capacity units
//!   are the largest of three dimensions (TCP) in each hour; with cross-zone balancing the bytes to other zones are paid on both sides.
//!
//! Latency without contention is added to the answer, not scheduled: nobody reads state in between.

use super::call::{Call, Ending};
use super::calls::{Calls, add};
use super::ledger::{Ledger, MeterId, weighted};
use super::output::{ComponentOutput, Outcome};

use super::token_bucket::TokenBucket;
use super::world::Shared;
use crate::sim::random::Key;
use crate::sim::sampler::Sampler;
use crate::spec::model::{Balancing, HttpApi, LoadBalancer};
use crate::units::{Limit, NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;

/// An HTTP API meters requests in increments of this many bytes (API Gateway pricing page).
const HTTP_API_INCREMENT: u64 = 512 * 1024;

/// One load balancer capacity unit (ELB pricing page): new connections a second, active connections sampled each minute, bytes an
/// hour to instances or to functions, rule evaluations a second beyond the first ten rules.
const LCU_NEW_PER_SEC: f64 = 25.0;
const LCU_ACTIVE: f64 = 3000.0;
const LCU_BYTES_PER_HOUR: f64 = (1u64 << 30) as f64;
const LCU_BYTES_PER_HOUR_FUNCTION: f64 = 0.4 * LCU_BYTES_PER_HOUR;
const LCU_RULES_PER_SEC: f64 = 1000.0;
const FREE_RULES: u32 = 10;

/// One capacity unit of a network load balancer for TCP (ELB pricing page): new connections a second, active ones, and bytes an hour as above.
const NLCU_NEW_PER_SEC: f64 = 800.0;
const NLCU_ACTIVE: f64 = 100_000.0;

enum Kind {
    HttpApi {
        rest: bool,
        bucket: Option<TokenBucket>,
        /// Increments of a request by class: of what was sent alone, and what an answer adds.
        increments: Vec<(u64, u64)>,
        requests: MeterId,
    },
    LoadBalancer {
        algorithm: Balancing,
        hours: MeterId,
        lcu: MeterId,
        addresses: MeterId,
        zones: u64,
        rules: u32,
        requests_per_connection: f64,
        request_bytes: Vec<u64>,
        to_function: Vec<bool>,
        network: bool,
        /// Bytes between zones, and the share of all that goes there.
        cross_zone: Option<(MeterId, f64)>,
    },
}

/// The state of a front.
pub struct FrontState {
    kind: Kind,
    latency: Sampler,
    key: Key,
    timeout: SimDuration,
    egress: Option<MeterId>,
    response_bytes: Vec<u64>,
    // Open counters of the hour, by class.
    hour_requests: Vec<u64>,
    hour_responses: Vec<u64>,
    // Over the measured horizon.
    served: u64,
    throttled: u64,
    time: u128,
    calls: u64,
}

impl FrontState {
    fn new(
        kind: Kind,
        latency: &crate::spec::distribution::Distribution,
        timeout: SimDuration,
        shared: &Shared<'_>,
        key: Key,
    ) -> Self {
        let classes = &shared.scenario.classes;
        Self {
            kind,
            latency: Sampler::compile(latency),
            key: key.named("latency"),
            timeout,
            egress: None,
            response_bytes: classes.iter().map(|class| class.response_size.0).collect(),
            hour_requests: vec![0; classes.len()],
            hour_responses: vec![0; classes.len()],
            served: 0,
            throttled: 0,
            time: 0,
            calls: 0,
        }
    }

    /// An HTTP API or a REST API.
    pub fn http_api(name: &str, api: &HttpApi, shared: &Shared<'_>, key: Key, ledger: &mut Ledger) -> Self {
        let account = &shared.scenario.account;
        let bucket = match (account.api_request_rate, account.api_burst) {
            (Limit::Unlimited, _) => None,
            (Limit::At(rate), burst) => Some(TokenBucket::new(rate as f64, burst.as_u64() as f64)),
        };
        let increments = shared.scenario.classes.iter().map(|class| {
            let of = |size: u64| if api.rest { 1 } else { size.div_ceil(HTTP_API_INCREMENT).max(1) };
            let sent = of(class.request_size.0);
            (sent, of(class.response_size.0).saturating_sub(sent))
        });
        let kind = Kind::HttpApi {
            rest: api.rest,
            bucket,
            increments: increments.collect(),
            requests: ledger.open(
                name,
                if api.rest { "apigw.rest.request" } else { "apigw.http.request" },
                RawUnit::Count,
            ),
        };
        Self::new(kind, &api.latency, api.timeout, shared, key)
    }

    /// A load balancer. `to_function` says by class whether the target is a function.
    pub fn load_balancer(
        name: &str,
        balancer: &LoadBalancer,
        to_function: Vec<bool>,
        shared: &Shared<'_>,
        key: Key,
        ledger: &mut Ledger,
    ) -> Self {
        let network = balancer.network.is_some();
        let (hours, lcu) = if network { ("nlb.hour", "nlb.nlcu") } else { ("alb.hour", "alb.lcu") };
        let zones = f64::from(balancer.zones);
        let kind = Kind::LoadBalancer {
            network,
            cross_zone: balancer.network.filter(|network| network.cross_zone).map(|_| {
                // Each byte that crosses is paid where it leaves and where it arrives.
                (ledger.open(name, "dto.cross_az", RawUnit::Bytes), 2.0 * (zones - 1.0) / zones)
            }),
            algorithm: balancer.algorithm,
            hours: ledger.open(name, hours, RawUnit::Hours),
            lcu: ledger.open(name, lcu, RawUnit::MicroLcuHours),
            addresses: ledger.open(name, "vpc.public_ipv4", RawUnit::Ms),
            zones: u64::from(balancer.zones),
            rules: balancer.rules,
            requests_per_connection: shared.scenario.client.requests_per_connection,
            request_bytes: shared.scenario.classes.iter().map(|class| class.request_size.0).collect(),
            to_function,
        };
        Self::new(kind, &balancer.latency, balancer.idle_timeout, shared, key)
    }

    /// Makes this the front that clients talk to: what it answers leaves for the internet.
    pub fn face_the_internet(&mut self, name: &str, ledger: &mut Ledger) {
        self.egress = Some(ledger.open(name, "dto.internet", RawUnit::Bytes));
    }

    /// How it chooses among the instances of a fleet.
    pub fn algorithm(&self) -> Balancing {
        match &self.kind {
            Kind::LoadBalancer { algorithm, .. } => *algorithm,
            Kind::HttpApi { .. } => Balancing::RoundRobin,
        }
    }

    /// Lets a request in, or answers for itself.
    #[inline]
    pub fn admit(&mut self, now: SimTime, class: u16) -> Result<(), Ending> {
        if let Kind::HttpApi { bucket: Some(bucket), .. } = &mut self.kind
            && !bucket.take(now)
        {
            self.throttled += 1;
            return Err(Ending::throttled(now));
        }
        self.hour_requests[usize::from(class)] += 1;
        Ok(())
    }

    /// Passes on an answer from behind: its latency, time-out and status.
    #[inline(always)]
    pub fn answer(&mut self, call: &Call, mut ending: Ending) -> Ending {
        let latency = self.latency.sample(self.key.draw(call.id, u32::from(call.attempt)));
        let gives_up = call.at + self.timeout;
        let waited_too_long = ending.at > gives_up;
        if waited_too_long {
            ending = Ending { at: gives_up, status: 504, outcome: Outcome::TimedOut };
        }
        ending.at += latency;
        if ending.outcome == Outcome::Served {
            self.served += 1;
            self.hour_responses[usize::from(call.class)] += 1;
        } else {
            ending.status = match (&self.kind, ending.status) {
                (Kind::HttpApi { rest: false, .. }, 429) => 503,
                (Kind::HttpApi { rest: true, .. }, 429) => 500,
                (Kind::HttpApi { rest: true, .. }, 500 | 504) if !waited_too_long => 502,
                // Whatever goes wrong in a function is a bad gateway to a balancer; its own time-out stays 504.
                (Kind::LoadBalancer { network: false, .. }, 429 | 500 | 504) if !waited_too_long => 502,
                (_, status) => status,
            };
        }
        self.time += u128::from(ending.at.since(call.at).0);
        self.calls += 1;
        ending
    }

    /// [`FrontState::admit`] for ordinary calls, behind `depth` other fronts.
    pub fn admit_together(&mut self, calls: &mut Calls<'_>, depth: usize) {
        if let Kind::HttpApi { bucket: Some(bucket), .. } = &mut self.kind {
            for n in 0..calls.len() {
                if calls.ordinary[n].get() && !bucket.take(calls.at[n]) {
                    self.throttled += 1;
                    let call = calls.call(n);
                    calls.set_apart(n, call, Ending::throttled(call.at), depth);
                }
            }
        }
        add(&mut self.hour_requests, calls.count);
    }

    /// [`FrontState::answer`] for ordinary calls, behind `depth` other fronts.
    #[inline(never)]
    pub fn answer_together(&mut self, calls: &mut Calls<'_>, depth: usize) {
        let mut time = 0u64;
        let (timeout, key) = (self.timeout.0, self.key);
        // One value needs no draw.
        let always = self.latency.as_constant();
        for (n, ((ordinary, taken), &id)) in calls.ordinary.iter().zip(calls.taken).zip(calls.id).enumerate() {
            if !ordinary.get() {
                continue;
            }
            if taken.get() > timeout {
                self.give_up(n, calls, depth);
                continue;
            }
            let latency = always.unwrap_or_else(|| self.latency.sample(key.draw(id, 0)));
            let answered = taken.get() + latency.0;
            taken.set(answered);
            time = time.wrapping_add(answered);
        }
        let count = calls.count.iter().sum::<u64>();
        self.time += u128::from(time);
        self.calls += count;
        self.served += count;
        add(&mut self.hour_responses, calls.count);
    }

    #[cold]
    fn give_up(&mut self, n: usize, calls: &mut Calls<'_>, depth: usize) {
        let call = calls.call(n);
        let ending = self.answer(&call, Ending::served(call.at + SimDuration(calls.taken[n].get())));
        calls.set_apart(n, call, ending, depth);
    }

    /// When it will have given up on an attempt.
    pub fn gives_up(&self, call: &Call) -> SimTime {
        call.at + self.timeout
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self) {
        self.hour_requests.fill(0);
        self.hour_responses.fill(0);
        (self.served, self.throttled, self.time, self.calls) = (0, 0, 0, 0);
    }

    /// Books the usage of an hour, or of the part `length` of one that ends the horizon.
    pub fn close_hour(&mut self, length: SimDuration, ledger: &mut Ledger) {
        match &self.kind {
            Kind::HttpApi { increments, requests, .. } => {
                let (sent, added): (Vec<u64>, Vec<u64>) = increments.iter().copied().unzip();
                let metered =
                    weighted(&self.hour_requests, &sent).saturating_add(weighted(&self.hour_responses, &added));
                ledger.book(*requests, metered);
            }
            Kind::LoadBalancer {
                hours,
                lcu,
                addresses,
                zones,
                rules,
                requests_per_connection,
                request_bytes,
                to_function,
                network,
                cross_zone,
                ..
            } => {
                // A started hour counts in full.
                ledger.book(*hours, 1);
                ledger.book(*addresses, zones * (length.0 / 1_000_000));
                let requests = self.hour_requests.iter().sum::<u64>() as f64;
                let connections = requests / requests_per_connection;
                // A connection stays open until the balancer's idle time-out has passed: active = new/s x lifetime (Little).
                let active = connections * self.timeout.as_secs_f64() / 3600.0;
                let (mut function_bytes, mut other_bytes) = (0u64, 0u64);
                for (class, &to_function) in to_function.iter().enumerate() {
                    // Only what was served has an answer of its size.
                    let sent = self.hour_requests[class].saturating_mul(request_bytes[class]);
                    let answered = self.hour_responses[class].saturating_mul(self.response_bytes[class]);
                    let bytes = if to_function { &mut function_bytes } else { &mut other_bytes };
                    *bytes = bytes.saturating_add(sent).saturating_add(answered);
                }
                if let Some((meter, share)) = cross_zone {
                    ledger.book(*meter, (other_bytes as f64 * share + 0.5) as u64);
                }
                let bytes =
                    other_bytes as f64 / LCU_BYTES_PER_HOUR + function_bytes as f64 / LCU_BYTES_PER_HOUR_FUNCTION;
                let dimensions = if *network {
                    [connections / 3600.0 / NLCU_NEW_PER_SEC, active / NLCU_ACTIVE, bytes, 0.0]
                } else {
                    let rules = f64::from(rules.saturating_sub(FREE_RULES));
                    let rules = requests / 3600.0 * rules / LCU_RULES_PER_SEC;
                    [connections / 3600.0 / LCU_NEW_PER_SEC, active / LCU_ACTIVE, bytes, rules]
                };
                let largest = dimensions.into_iter().fold(0.0, f64::max);
                ledger.book(*lcu, (largest * 1e6 + 0.5) as u64);
            }
        }
        if let Some(egress) = self.egress {
            ledger.book(egress, weighted(&self.hour_responses, &self.response_bytes));
        }
        self.hour_requests.fill(0);
        self.hour_responses.fill(0);
    }

    /// The results over a horizon of this length.
    pub fn finish(self, horizon: SimDuration) -> ComponentOutput {
        ComponentOutput {
            served: self.served,
            throttled: self.throttled,
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), self.calls),
            mean_in_system: self.time as f64 / horizon.0.max(1) as f64,
            ..ComponentOutput::default()
        }
    }
}

/// Whole seconds in an hour, in nanoseconds.
pub const HOUR: SimDuration = SimDuration(3600 * NANOS_PER_SEC);
