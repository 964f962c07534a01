//! An EC2 Auto Scaling group: instances that share their vCPUs among the requests at work, and the policies that add and
//! remove them.
//!
//! An instance's life: launched -> pending (not billed) -> running, billed per second with a 60 s minimum -> OS, user data and
//! application start -> in service after one passing health check (at a random phase of its interval) -> draining for the whole
//! deregistration delay, still billed -> terminated; what is still at work then is cut off (502).
//!
//! Target tracking (the exact formula is not published; facts and their sources are in the documentation of this model): each metric
//! period the mean over the instances past their warm-up is compared with the target; after `out_periods` minutes above it
//! the group grows to ceil(instances x metric / target), warming instances counting as capacity; after `in_periods` minutes below
//! `in_bound` x target it shrinks to the same formula, never while an instance warms up or starts.
//!
//! Two ways of running the instances give the same results to the bit, because an instance reads only its own input:
//! - *eager*: each instance has its next end as an event. Needed when a choice depends on the state of all (least
//!   outstanding) or when an answer feeds back into the arrivals (client retries);
//! - *lazy*: an instance catches up when it is given a request and before anybody looks (a metric period, a change of the group, the
//!   end of a bucket). No events at all for the requests.

use super::call::{Call, Ending};
use super::ledger::{Ledger, MeterId};
use super::output::{ComponentOutput, Outcome};
use super::world::{Due, Event, Shared, Site};
use crate::sim::gauge::Gauge;
use crate::sim::processor_sharing::{Admission, Job, Server};
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::sim::sampler::Sampler;
use crate::spec::model::{Balancing, Fleet, ScalingPolicy, Subnets, TargetTracking, TrackedMetric};
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;

/// Smallest billed run of an instance (EC2 on-demand pricing).
const MINIMUM_BILLED: SimDuration = SimDuration(60 * NANOS_PER_SEC);
/// Metrics that detailed monitoring publishes for an instance.
const DETAILED_METRICS: u64 = 7;

/// Events of a fleet; all but the last concern one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetEvent {
    /// The instance is running: it is billed from here.
    Running,
    /// The instance passes its first health check.
    InService,
    /// The instance has drained.
    Terminated,
    /// Something ends on the instance (eager running).
    Work,
    /// A metric period ends.
    Metric,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    InService,
    Draining,
    Gone,
}

struct Instance {
    server: Server<Call>,
    phase: Phase,
    /// Order of launch, for the default termination policy.
    launched: u64,
    zone: u32,
    running_since: SimTime,
    warm_from: SimTime,
    /// Instant of the event that stands for it in the queue (eager running).
    planned: SimTime,
    /// Processor time in this metric period and in this bucket.
    period_busy: f64,
    connections: u64,
}

struct Policy {
    rule: TargetTracking,
    over: u32,
    under: u32,
}

struct Meters {
    instances: MeterId,
    volumes: MeterId,
    logs: MeterId,
    metrics: Option<MeterId>,
    addresses: Option<MeterId>,
}

/// The state of a fleet.
pub struct FleetState {
    index: u16,
    vcpu: u32,
    speed: f64,
    min: u32,
    max: u32,
    desired: u32,
    zones: u32,
    concurrency: u64,
    queue_limit: u64,
    pending: Sampler,
    boot: Vec<Sampler>,
    check_interval: SimDuration,
    drain: SimDuration,
    period: SimDuration,
    warmup: SimDuration,
    volume_gib: u64,
    pool: u64,
    keys: Keys,
    policies: Vec<Policy>,
    lazy: bool,
    instances: Vec<Instance>,
    free: Vec<u32>,
    in_service: Vec<u32>,
    turn: usize,
    /// Instances of each zone that start or are in service.
    by_zone: Vec<u32>,
    launches: u64,
    starting: u32,
    running: Gauge,
    meters: Meters,
    log_bytes: Vec<u64>,
    period_requests: u64,
    extra_millis: u64,
    hour_running: u128,
    hour_logs: u64,
    // Over the measured horizon.
    served: u64,
    rejected: u64,
    time: u128,
    calls: u64,
    busy_peak: f64,
    area_running: u128,
    area_busy: f64,
    area_outstanding: u128,
    bucket_running: u128,
    bucket_busy: f64,
    series_running: Vec<f64>,
    series_busy: Vec<f64>,
}

struct Keys {
    balance: Key,
    pending: Key,
    boot: Vec<Key>,
    check: Key,
}

impl FleetState {
    /// A fleet with `desired` instances in service.
    pub fn new(
        site: Site<'_>,
        fleet: &Fleet,
        lazy: bool,
        subnets: Subnets,
        shared: &mut Shared<'_>,
        ledger: &mut Ledger,
        queue: &mut EventQueue<Event>,
    ) -> Self {
        let Site { index, name, key } = site;
        let detailed = fleet.metric_period < SimDuration::from_secs(300);
        let public = subnets == Subnets::Public;
        let mut state = Self {
            index,
            vcpu: fleet.instance.vcpu,
            speed: fleet.speed,
            min: fleet.min,
            max: fleet.max,
            desired: fleet.desired,
            zones: fleet.zones.max(1),
            concurrency: fleet.concurrency.as_u64(),
            queue_limit: fleet.queue.as_u64(),
            pending: Sampler::compile(&fleet.pending),
            boot: fleet.boot.iter().map(Sampler::compile).collect(),
            check_interval: fleet.health_check_interval,
            drain: fleet.deregistration_delay,
            period: fleet.metric_period,
            warmup: fleet.warmup,
            volume_gib: u64::from(fleet.volume_gib),
            pool: shared.scenario.backend.as_ref().map_or(0, |backend| u64::from(backend.pool_per_instance)),
            keys: Keys {
                balance: key.named("balance"),
                pending: key.named("pending"),
                boot: (0..fleet.boot.len()).map(|part| key.named("boot").numbered(part as u64)).collect(),
                check: key.named("check"),
            },
            policies: fleet
                .scaling
                .iter()
                .map(|ScalingPolicy::TargetTracking(rule)| Policy { rule: rule.clone(), over: 0, under: 0 })
                .collect(),
            lazy,
            instances: Vec::new(),
            free: Vec::new(),
            in_service: Vec::new(),
            turn: 0,
            by_zone: vec![0; fleet.zones.max(1) as usize],
            launches: 0,
            starting: 0,
            running: Gauge::new(0),
            meters: Meters {
                instances: ledger.open(name, format!("ec2.od.linux.{}", fleet.instance.name), RawUnit::Ms),
                volumes: ledger.open(name, "ebs.gp3.gb", RawUnit::GibMs),
                logs: ledger.open(name, "cw.logs.ingest", RawUnit::Bytes),
                metrics: detailed.then(|| ledger.open(name, "cw.metric", RawUnit::Ms)),
                addresses: public.then(|| ledger.open(name, "vpc.public_ipv4", RawUnit::Ms)),
            },
            log_bytes: shared.scenario.classes.iter().map(|class| class.log_size.0).collect(),
            period_requests: 0,
            extra_millis: 0,
            hour_running: 0,
            hour_logs: 0,
            served: 0,
            rejected: 0,
            time: 0,
            calls: 0,
            busy_peak: 0.0,
            area_running: 0,
            area_busy: 0.0,
            area_outstanding: 0,
            bucket_running: 0,
            bucket_busy: 0.0,
            series_running: Vec::new(),
            series_busy: Vec::new(),
        };
        for _ in 0..fleet.desired {
            let instance = state.place(SimTime::ZERO);
            state.running.up(SimTime::ZERO);
            state.enter_service(SimTime::ZERO, instance, SimTime::ZERO, shared, queue);
        }
        if !state.policies.is_empty() {
            state.schedule(SimTime::ZERO + state.period, FleetEvent::Metric, 0, queue);
        }
        state
    }

    fn schedule(&self, at: SimTime, event: FleetEvent, slot: u32, queue: &mut EventQueue<Event>) {
        queue.push(at, Event::new(Due::Fleet(event), self.index, slot));
    }

    /// Puts a new instance into the zone that has fewest.
    fn place(&mut self, now: SimTime) -> u32 {
        let zone = (0..self.zones).min_by_key(|&zone| self.by_zone[zone as usize]).unwrap_or(0);
        self.by_zone[zone as usize] += 1;
        self.launches += 1;
        let instance = Instance {
            server: Server::new(self.vcpu, self.concurrency, self.queue_limit),
            phase: Phase::Starting,
            launched: self.launches,
            zone,
            running_since: now,
            warm_from: SimTime::NEVER,
            planned: SimTime::NEVER,
            period_busy: 0.0,
            connections: 0,
        };
        self.starting += 1;
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

    fn launch(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        let instance = self.place(now);
        let pending = self.pending.sample(self.keys.pending.draw(self.launches, 0));
        self.schedule(now + pending, FleetEvent::Running, instance, queue);
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
            self.schedule(now + self.check_interval, FleetEvent::InService, slot, queue);
            return;
        }
        let instance = &mut self.instances[slot as usize];
        instance.connections = if shared.has_backend { self.pool } else { 0 };
        instance.phase = Phase::InService;
        instance.warm_from = warm_from;
        self.starting -= 1;
        self.in_service.push(slot);
    }

    /// Sends a request to an instance. `None`: the answer comes later, through `done`.
    #[inline(always)]
    pub fn dispatch(
        &mut self,
        now: SimTime,
        call: Call,
        algorithm: Balancing,
        queue: &mut EventQueue<Event>,
        mut done: impl FnMut(Call, Ending),
    ) -> Option<Ending> {
        self.period_requests += 1;
        let healthy = self.in_service.len();
        if healthy == 0 {
            self.rejected += 1;
            return Some(Ending { at: now, status: 503, outcome: Outcome::Rejected });
        }
        let chosen = match algorithm {
            Balancing::RoundRobin => {
                self.turn = if self.turn + 1 < healthy { self.turn + 1 } else { 0 };
                self.turn
            }
            Balancing::Random => {
                let bits = self.keys.balance.draw(call.id, u32::from(call.attempt));
                ((u128::from(bits) * healthy as u128) >> 64) as usize
            }
            Balancing::LeastOutstanding => {
                let mut best = (u64::MAX, 0);
                for (place, &slot) in self.in_service.iter().enumerate() {
                    let outstanding = self.instances[slot as usize].server.outstanding();
                    if outstanding < best.0 {
                        best = (outstanding, place);
                    }
                }
                best.1
            }
        };
        let slot = self.in_service[chosen];
        if self.lazy {
            self.catch_up(slot, now, &mut done);
        }
        let cpu = (call.cpu as f64 / self.speed + 0.5) as u64;
        let instance = &mut self.instances[slot as usize];
        let admission = instance.server.offer(now, Job { cpu, wait: call.wait, tag: call });
        if admission == Admission::Refused {
            self.rejected += 1;
            return Some(Ending { at: now, status: 503, outcome: Outcome::Rejected });
        }
        self.hour_logs = self.hour_logs.saturating_add(self.log_bytes[usize::from(call.class)]);
        if !self.lazy {
            let next = instance.server.next_event();
            if next < instance.planned {
                instance.planned = next;
                self.schedule(next, FleetEvent::Work, slot, queue);
            }
        }
        None
    }

    /// Takes everything that has ended on an instance up to `now`.
    #[inline]
    fn catch_up(&mut self, slot: u32, now: SimTime, done: &mut impl FnMut(Call, Ending)) {
        let server = &mut self.instances[slot as usize].server;
        while let Some((at, job)) = server.advance(now) {
            self.served += 1;
            self.calls += 1;
            self.time += u128::from(at.since(job.tag.at).0);
            done(job.tag, Ending::served(at));
        }
    }

    /// Takes everything that has ended on any instance up to `now`.
    pub fn catch_up_all(&mut self, now: SimTime, mut done: impl FnMut(Call, Ending)) {
        for slot in 0..self.instances.len() as u32 {
            self.catch_up(slot, now, &mut done);
        }
    }

    /// Handles an event. The caller has caught up with all instances if the fleet runs lazily.
    pub fn event(
        &mut self,
        now: SimTime,
        event: FleetEvent,
        slot: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        mut done: impl FnMut(Call, Ending),
    ) {
        match event {
            FleetEvent::Work => {
                if self.instances[slot as usize].planned != now {
                    return;
                }
                self.catch_up(slot, now, &mut done);
                let instance = &mut self.instances[slot as usize];
                let next = instance.server.next_event();
                instance.planned = next;
                if next < SimTime::NEVER {
                    self.schedule(next, FleetEvent::Work, slot, queue);
                }
            }
            FleetEvent::Running => {
                self.running.up(now);
                let instance = &mut self.instances[slot as usize];
                instance.running_since = now;
                let launch = instance.launched;
                let mut ready = now;
                for (part, key) in self.boot.iter().zip(&self.keys.boot) {
                    ready += part.sample(key.draw(launch, 0));
                }
                // A new target needs one passing check, and the application comes up somewhere between two.
                let bits = self.keys.check.draw(launch, 0);
                ready += SimDuration(((u128::from(bits) * u128::from(self.check_interval.0)) >> 64) as u64);
                self.schedule(ready, FleetEvent::InService, slot, queue);
            }
            FleetEvent::InService => self.enter_service(now, slot, now + self.warmup, shared, queue),
            FleetEvent::Terminated => {
                let instance = &mut self.instances[slot as usize];
                let lost = instance.server.abort();
                instance.phase = Phase::Gone;
                instance.planned = SimTime::NEVER;
                let ran = now.since(instance.running_since);
                let connections = std::mem::take(&mut instance.connections);
                self.extra_millis += (MINIMUM_BILLED - ran).0 / NANOS_PER_MILLI;
                if connections > 0 {
                    shared.connections.close(now, connections);
                }
                self.running.down(now);
                self.free.push(slot);
                for job in lost {
                    self.calls += 1;
                    self.time += u128::from(now.since(job.tag.at).0);
                    done(job.tag, Ending { at: now, status: 502, outcome: Outcome::Failed });
                }
            }
            FleetEvent::Metric => {
                self.metric(now, queue);
                self.schedule(now + self.period, FleetEvent::Metric, 0, queue);
            }
        }
    }

    /// Reads the busy time of all instances up to `now` into their period and the bucket.
    fn read_busy(&mut self, now: SimTime) {
        for instance in self.instances.iter_mut().filter(|instance| instance.phase != Phase::Gone) {
            let busy = instance.server.take_busy(now);
            instance.period_busy += busy;
            self.bucket_busy += busy;
            self.area_outstanding += u128::from(instance.server.take_occupancy(now));
        }
    }

    fn metric(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        self.read_busy(now);
        let nanos = self.period.0 as f64;
        let (mut measured, mut measured_busy, mut all_busy, mut warming) = (0u32, 0.0, 0.0, self.starting > 0);
        for instance in &mut self.instances {
            let busy = std::mem::take(&mut instance.period_busy);
            all_busy += busy;
            if instance.phase == Phase::InService {
                if instance.warm_from <= now {
                    measured += 1;
                    measured_busy += busy;
                } else {
                    warming = true;
                }
            }
        }
        self.busy_peak = self.busy_peak.max(all_busy / nanos / f64::from(self.vcpu));
        let requests = std::mem::take(&mut self.period_requests);
        if measured == 0 {
            // Insufficient data: no alarm changes.
            return;
        }
        let minutes = self.period.as_secs_f64() / 60.0;
        let cpu = measured_busy / nanos / f64::from(self.vcpu) / f64::from(measured);
        let per_target = requests as f64 / self.in_service.len() as f64 / minutes;
        let mut grow_to = self.desired;
        let mut shrink_to = self.min;
        let mut all_low = true;
        for policy in &mut self.policies {
            let (value, base) = match policy.rule.metric {
                TrackedMetric::Cpu => (cpu, f64::from(measured)),
                TrackedMetric::RequestsPerTarget => (per_target, self.in_service.len() as f64),
            };
            let wanted = (base * value / policy.rule.target).ceil() as u32;
            policy.over = if value > policy.rule.target { policy.over + 1 } else { 0 };
            policy.under = if value < policy.rule.in_bound * policy.rule.target { policy.under + 1 } else { 0 };
            // The alarms count minutes; a coarser metric has fewer datapoints for them.
            let periods = |count: u32| (f64::from(count) / minutes).ceil().max(1.0) as u32;
            if policy.over >= periods(policy.rule.out_periods) {
                grow_to = grow_to.max(wanted);
            }
            if policy.under < periods(policy.rule.in_periods) || policy.rule.disable_scale_in {
                all_low = false;
            }
            shrink_to = shrink_to.max(wanted);
        }
        let grow_to = grow_to.min(self.max);
        if grow_to > self.desired {
            for _ in self.desired..grow_to {
                self.launch(now, queue);
            }
            self.desired = grow_to;
        } else if all_low && !warming && shrink_to < self.desired {
            for _ in shrink_to..self.desired {
                self.drain_one(now, queue);
            }
            self.desired = shrink_to;
        }
    }

    /// Takes out of service the oldest instance of the zone that has most, and drains it.
    fn drain_one(&mut self, now: SimTime, queue: &mut EventQueue<Event>) {
        let mut counts = vec![0u32; self.zones as usize];
        for &slot in &self.in_service {
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
        let slot = self.in_service.remove(place);
        let instance = &mut self.instances[slot as usize];
        instance.phase = Phase::Draining;
        self.by_zone[instance.zone as usize] -= 1;
        self.schedule(now + self.drain, FleetEvent::Terminated, slot, queue);
    }

    /// Brings the integrals up to `now`; all instances must have caught up.
    pub fn settle(&mut self, now: SimTime) {
        self.read_busy(now);
        let area = self.running.take_area(now);
        self.bucket_running += area;
        self.hour_running += area;
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self, now: SimTime) {
        self.settle(now);
        self.running.restart(now);
        (self.bucket_running, self.hour_running, self.area_outstanding, self.bucket_busy) = (0, 0, 0, 0.0);
        (self.extra_millis, self.hour_logs) = (0, 0);
        (self.served, self.rejected, self.time, self.calls, self.busy_peak) = (0, 0, 0, 0, 0.0);
    }

    /// Closes a bucket of the series of this length.
    pub fn close_bucket(&mut self, length: SimDuration) {
        let nanos = length.0.max(1) as f64;
        let busy = self.bucket_busy / nanos / f64::from(self.vcpu);
        self.series_running.push(self.bucket_running as f64 / nanos);
        self.series_busy.push(busy);
        self.busy_peak = self.busy_peak.max(busy);
        self.area_running += std::mem::take(&mut self.bucket_running);
        self.area_busy += std::mem::take(&mut self.bucket_busy) / f64::from(self.vcpu);
    }

    /// Books the hour's usage.
    pub fn close_hour(&mut self, ledger: &mut Ledger) {
        let running = (std::mem::take(&mut self.hour_running) / u128::from(NANOS_PER_MILLI)) as u64;
        let billed = running + std::mem::take(&mut self.extra_millis);
        ledger.book(self.meters.instances, billed);
        ledger.book(self.meters.volumes, billed * self.volume_gib);
        ledger.book(self.meters.logs, std::mem::take(&mut self.hour_logs));
        if let Some(metrics) = self.meters.metrics {
            ledger.book(metrics, running * DETAILED_METRICS);
        }
        if let Some(addresses) = self.meters.addresses {
            ledger.book(addresses, running);
        }
    }

    /// The results over a horizon of this length.
    pub fn finish(
        self,
        sku: String,
        horizon: SimDuration,
        connections: Option<u64>,
    ) -> (ComponentOutput, Vec<f64>, Vec<f64>) {
        let nanos = horizon.0.max(1) as f64;
        let (running, busy) = (self.area_running as f64 / nanos, self.area_busy / nanos);
        let utilisation = if running > 0.0 { (busy / running).min(1.0) } else { 0.0 };
        let output = ComponentOutput {
            served: self.served,
            throttled: 0,
            rejected: self.rejected,
            cold_starts: None,
            capacity: Some((running, self.running.peak() as f64)),
            busy: Some((busy, self.busy_peak)),
            utilisation: Some(utilisation),
            idle_shares: vec![(sku, 1.0 - utilisation)],
            peak_connections: connections,
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), self.calls),
            mean_in_system: self.area_outstanding as f64 / nanos,
            waited: SimDuration::ZERO,
        };
        (output, self.series_running, self.series_busy)
    }
}
