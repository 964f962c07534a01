//! What a fleet counts: usage for the bill by hour, levels over time, and what became of its requests.

use crate::arch::call::Call;
use crate::arch::ledger::{Ledger, MeterId};
use crate::arch::output::{BacklogOutput, ComponentOutput};
use crate::sim::backlog::Waited;
use crate::sim::gauge::Gauge;
use crate::spec::model::{Arch, Fleet, Subnets};
use crate::spec::scenario::Scenario;
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration, SimTime};
use crate::usage::RawUnit;

/// Smallest billed run of an instance (EC2 on-demand pricing).
const MINIMUM_BILLED: SimDuration = SimDuration(60 * NANOS_PER_SEC);
/// Metrics that detailed monitoring publishes for an instance.
const DETAILED_METRICS: u64 = 7;

/// The key of a Fargate Spot price, which names its discount in thousandths: `fargate.spot_650.vcpu.x86.hour`. The bill knows what that costs.
fn spot_key(on_demand: &str, permille: u32) -> String {
    format!("fargate.spot_{permille}.{}", on_demand.trim_start_matches("fargate."))
}

/// What a machine's time is paid by.
enum Machine {
    /// An instance with its volume.
    Instance {
        on_demand: MeterId,
        spot: Option<MeterId>,
        volumes: MeterId,
        volume_gib: u64,
        provisioned: Vec<(MeterId, u64)>,
    },
    /// A managed instance, with its fee, and the requests that it takes.
    Managed { on_demand: MeterId, fee: MeterId, requests: MeterId },
    /// A task by its thousandths of a vCPU and its MB.
    Task {
        vcpu: MeterId,
        memory: MeterId,
        spot: Option<(MeterId, MeterId)>,
        disk: Option<(MeterId, u64)>,
        milli: u64,
        mb: u64,
    },
}

struct Meters {
    machine: Machine,
    logs: MeterId,
    metrics: Option<MeterId>,
    addresses: Option<MeterId>,
    credits: Option<MeterId>,
    cluster: Option<MeterId>,
}

/// The counters.
pub struct Books {
    vcpu: f64,
    log_bytes: Vec<u64>,
    meters: Meters,
    /// Keys of the prices of an instance.
    skus: Vec<String>,
    running: Gauge,
    /// Those of them that are Spot ones.
    spot: Gauge,
    /// Those that stand still in a warm pool: their volumes are paid.
    stopped: Gauge,
    /// Prices and meters of the types that a single server may have, by change which it becomes, and which it has now.
    types: Vec<(String, MeterId)>,
    becomes: Vec<usize>,
    current: usize,
    /// Milliseconds of this hour on the types that it had before.
    before: Vec<(MeterId, u64)>,
    extra_millis: u64,
    extra_spot: u64,
    hour_running: u128,
    hour_spot: u128,
    hour_stopped: u128,
    hour_logs: u64,
    /// Requests given to it less those refused, as far as it has been told; only the bill of managed instances asks.
    hour_taken: u64,
    /// Processor-nanoseconds beyond the CPU credits.
    hour_surplus: f64,
    // Over the measured horizon.
    served: u64,
    rejected: u64,
    time: u128,
    calls: u64,
    busy_peak: f64,
    area_running: u128,
    area_busy: f64,
    area_outstanding: u128,
    backlog: BacklogOutput,
    bucket_running: u128,
    bucket_busy: f64,
    series_running: Vec<f64>,
    series_busy: Vec<f64>,
}

impl Books {
    /// Empty books; opens the meters.
    pub fn new(name: &str, fleet: &Fleet, subnets: Subnets, scenario: &Scenario, ledger: &mut Ledger) -> Self {
        // A service's metrics are free.
        let managed = fleet.managed.as_ref();
        let detailed = fleet.task.is_none() && managed.is_none() && fleet.metric_period < SimDuration::from_secs(300);
        // Managed instances stand in the VPC without public addresses.
        let public = subnets == Subnets::Public && managed.is_none();
        let (machine, mut skus): (_, Vec<String>) = match fleet.task {
            None if managed.is_some() => {
                let kind = &fleet.instance.name;
                let (sku, fee) = (format!("ec2.od.linux.{kind}"), format!("lambda.lmi.fee.linux.{kind}"));
                let machine = Machine::Managed {
                    on_demand: ledger.open(name, sku.clone(), RawUnit::Ms),
                    fee: ledger.open(name, fee.clone(), RawUnit::Ms),
                    requests: ledger.open(name, "lambda.lmi.request", RawUnit::Count),
                };
                (machine, vec![sku, fee])
            }
            None => {
                let sku = format!("ec2.od.linux.{}", fleet.instance.name);
                let spot = fleet.spot.map(|_| format!("ec2.spot_typical.linux.{}", fleet.instance.name));
                let machine = Machine::Instance {
                    on_demand: ledger.open(name, sku.clone(), RawUnit::Ms),
                    spot: spot.as_ref().map(|sku| ledger.open(name, sku.clone(), RawUnit::Ms)),
                    volumes: ledger.open(name, "ebs.gp3.gb", RawUnit::GibMs),
                    volume_gib: u64::from(fleet.volume_gib),
                    provisioned: [
                        ("ebs.gp3.iops", fleet.volume_iops.saturating_sub(Fleet::FREE_IOPS)),
                        ("ebs.gp3.mbps", fleet.volume_mbps.saturating_sub(Fleet::FREE_MBPS)),
                    ]
                    .into_iter()
                    .filter(|(_, beyond)| *beyond > 0)
                    .map(|(sku, beyond)| (ledger.open(name, sku, RawUnit::Ms), u64::from(beyond)))
                    .collect(),
                };
                (machine, std::iter::once(sku).chain(spot).collect())
            }
            Some(task) => {
                let arch = if task.arch == Arch::Arm { "arm" } else { "x86" };
                // As the price list states them, by the hour.
                let (vcpu, memory) = (format!("fargate.vcpu.{arch}.hour"), format!("fargate.gb.{arch}.hour"));
                let spot = fleet.spot.map(|_| {
                    let key = |on_demand: &str| spot_key(on_demand, task.spot_discount);
                    (key(&vcpu), key(&memory))
                });
                let machine = Machine::Task {
                    vcpu: ledger.open(name, vcpu.clone(), RawUnit::Ms),
                    memory: ledger.open(name, memory.clone(), RawUnit::MbMs),
                    spot: spot.as_ref().map(|(vcpu, memory)| {
                        (ledger.open(name, vcpu.clone(), RawUnit::Ms), ledger.open(name, memory.clone(), RawUnit::MbMs))
                    }),
                    disk: (task.extra_disk > 0).then(|| {
                        (ledger.open(name, "fargate.ephemeral", RawUnit::MbMs), u64::from(task.extra_disk) << 10)
                    }),
                    milli: u64::from(task.milli_vcpu),
                    mb: u64::from(task.memory.0),
                };
                let of_spot = spot.into_iter().flat_map(|(vcpu, memory)| [vcpu, memory]);
                (machine, [vcpu, memory].into_iter().chain(of_spot).collect())
            }
        };
        let mut types = Vec::new();
        if let (Machine::Instance { on_demand, .. }, Some(sku)) = (&machine, skus.first()) {
            types.push((sku.clone(), *on_demand));
        }
        let mut becomes = Vec::new();
        for sku in fleet.resizes.iter().map(|one| format!("ec2.od.linux.{}", one.to.name)) {
            let known = types.iter().position(|(known, _)| *known == sku);
            becomes.push(known.unwrap_or(types.len()));
            if known.is_none() {
                types.push((sku.clone(), ledger.open(name, sku.clone(), RawUnit::Ms)));
                skus.push(sku);
            }
        }
        // T2, T3 and T3a have one price for surplus credits, T4g another.
        let credits = if fleet.instance.name.starts_with("t4g") { "ec2.cpu_credit.t4g" } else { "ec2.cpu_credit.t3" };
        let surplus = fleet.credits.is_some_and(|credits| credits.unlimited);
        Self {
            vcpu: fleet.vcpus(),
            log_bytes: {
                let own = managed.map_or(0, |managed| managed.platform_log.0);
                scenario.classes.iter().map(|class| class.log_size.0.saturating_add(own)).collect()
            },
            meters: Meters {
                machine,
                logs: ledger.open(
                    name,
                    if managed.is_some() { "cw.logs.lambda_vended" } else { "cw.logs.ingest" },
                    RawUnit::Bytes,
                ),
                metrics: detailed.then(|| ledger.open(name, "cw.metric", RawUnit::Ms)),
                addresses: public.then(|| ledger.open(name, "vpc.public_ipv4", RawUnit::Ms)),
                credits: surplus.then(|| ledger.open(name, credits, RawUnit::Ms)),
                cluster: fleet.eks.then(|| ledger.open(name, "eks.cluster", RawUnit::Hours)),
            },
            skus,
            running: Gauge::new(0),
            spot: Gauge::new(0),
            stopped: Gauge::new(0),
            types,
            becomes,
            current: 0,
            before: Vec::new(),
            extra_millis: 0,
            extra_spot: 0,
            hour_running: 0,
            hour_spot: 0,
            hour_stopped: 0,
            hour_logs: 0,
            hour_taken: 0,
            hour_surplus: 0.0,
            served: 0,
            rejected: 0,
            time: 0,
            calls: 0,
            busy_peak: 0.0,
            area_running: 0,
            area_busy: 0.0,
            area_outstanding: 0,
            backlog: BacklogOutput::default(),
            bucket_running: 0,
            bucket_busy: 0.0,
            series_running: Vec::new(),
            series_busy: Vec::new(),
        }
    }

    /// An instance runs: it is billed from here.
    pub fn runs(&mut self, now: SimTime, spot: bool) {
        self.running.up(now);
        if spot {
            self.spot.up(now);
        }
    }

    /// An instance that ran since then is terminated.
    pub fn terminated(&mut self, now: SimTime, since: SimTime, spot: bool) {
        self.running.down(now);
        let missing = (MINIMUM_BILLED - now.since(since)).0 / NANOS_PER_MILLI;
        self.extra_millis += missing;
        if spot {
            self.spot.down(now);
            self.extra_spot += missing;
        }
    }

    /// An instance stands still in a warm pool from now on.
    pub fn stops(&mut self, now: SimTime) {
        self.stopped.up(now);
    }

    /// It no longer does.
    pub fn starts(&mut self, now: SimTime) {
        self.stopped.down(now);
    }

    /// Whether the server has the type of this change.
    pub fn is_already(&self, index: usize) -> bool {
        self.becomes[index] == self.current
    }

    /// The server has the type of this change from now on, with so many vCPUs.
    pub fn becomes(&mut self, now: SimTime, index: usize, vcpu: f64) {
        self.settle(now);
        let Machine::Instance { on_demand, .. } = &mut self.meters.machine else { return };
        let millis = (std::mem::take(&mut self.hour_running) / u128::from(NANOS_PER_MILLI)) as u64;
        self.before.push((*on_demand, millis + std::mem::take(&mut self.extra_millis)));
        self.current = self.becomes[index];
        *on_demand = self.types[self.current].1;
        // Levels of work are told in instances.
        self.bucket_busy *= vcpu / self.vcpu;
        self.vcpu = vcpu;
    }

    /// An instance takes a request.
    #[inline(always)]
    pub fn took(&mut self, class: u16) {
        self.hour_logs = self.hour_logs.saturating_add(self.log_bytes[usize::from(class)]);
    }

    /// So many requests more have been given to the fleet, refused ones included.
    pub fn dispatched(&mut self, requests: u64) {
        self.hour_taken = self.hour_taken.wrapping_add(requests);
    }

    /// A request found no room or no instance.
    #[inline]
    pub fn refused(&mut self) {
        self.rejected += 1;
        self.hour_taken = self.hour_taken.wrapping_sub(1);
    }

    /// A request has been served.
    #[inline(always)]
    pub fn served(&mut self, call: &Call, at: SimTime) {
        self.served += 1;
        self.left(call, at);
    }

    /// A request has left, served or not.
    #[inline(always)]
    pub fn left(&mut self, call: &Call, at: SimTime) {
        self.calls += 1;
        self.time += u128::from(at.since(call.at).0);
    }

    /// An instance worked for this many processor-nanoseconds, held requests for this many request-nanoseconds, and went beyond its
    /// credits by this many processor-nanoseconds.
    #[inline]
    pub fn worked(&mut self, busy: f64, occupancy: u64, surplus: f64) {
        self.bucket_busy += busy;
        self.area_outstanding += u128::from(occupancy);
        self.hour_surplus += surplus;
    }

    /// This was the backlog of an instance.
    pub fn waited(&mut self, waited: Waited) {
        self.backlog.area += u128::from(waited.area);
        self.backlog.requests += waited.requests;
        self.backlog.peak = self.backlog.peak.max(waited.peak);
    }

    /// Instances' worth of work in a metric period.
    pub fn peak(&mut self, busy: f64) {
        self.busy_peak = self.busy_peak.max(busy / self.vcpu);
    }

    /// Brings the integrals up to `now`.
    pub fn settle(&mut self, now: SimTime) {
        let area = self.running.take_area(now);
        self.bucket_running += area;
        self.hour_running += area;
        self.hour_spot += self.spot.take_area(now);
        self.hour_stopped += self.stopped.take_area(now);
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self, now: SimTime) {
        self.running.restart(now);
        self.spot.restart(now);
        self.stopped.restart(now);
        (self.hour_spot, self.extra_spot, self.hour_stopped) = (0, 0, 0);
        (self.bucket_running, self.hour_running, self.area_outstanding, self.bucket_busy) = (0, 0, 0, 0.0);
        (self.extra_millis, self.hour_logs, self.hour_taken, self.hour_surplus) = (0, 0, 0, 0.0);
        self.before.clear();
        (self.served, self.rejected, self.time, self.calls, self.busy_peak) = (0, 0, 0, 0, 0.0);
        self.backlog = BacklogOutput::default();
    }

    /// Closes a bucket of the series of this length.
    pub fn close_bucket(&mut self, length: SimDuration) {
        let nanos = length.0.max(1) as f64;
        let busy = self.bucket_busy / nanos / self.vcpu;
        self.series_running.push(self.bucket_running as f64 / nanos);
        self.series_busy.push(busy);
        self.busy_peak = self.busy_peak.max(busy);
        self.area_running += std::mem::take(&mut self.bucket_running);
        self.area_busy += std::mem::take(&mut self.bucket_busy) / self.vcpu;
    }

    /// Books the hour's usage.
    pub fn close_hour(&mut self, ledger: &mut Ledger) {
        let running = (std::mem::take(&mut self.hour_running) / u128::from(NANOS_PER_MILLI)) as u64;
        let before: u64 = self.before.iter().map(|(_, millis)| millis).sum();
        for (meter, millis) in self.before.drain(..) {
            ledger.book(meter, millis);
        }
        let billed = running + std::mem::take(&mut self.extra_millis);
        let spot = (std::mem::take(&mut self.hour_spot) / u128::from(NANOS_PER_MILLI)) as u64;
        let spot = spot + std::mem::take(&mut self.extra_spot);
        let stopped = (std::mem::take(&mut self.hour_stopped) / u128::from(NANOS_PER_MILLI)) as u64;
        match &self.meters.machine {
            Machine::Instance { on_demand, spot: of_spot, volumes, volume_gib, provisioned } => {
                ledger.book(*on_demand, billed.saturating_sub(spot));
                if let Some(meter) = of_spot {
                    ledger.book(*meter, spot);
                }
                ledger.book(*volumes, (billed + before + stopped) * volume_gib);
                for (meter, beyond) in provisioned {
                    ledger.book(*meter, (billed + before + stopped) * beyond);
                }
            }
            Machine::Managed { on_demand, fee, requests } => {
                ledger.book(*on_demand, billed);
                ledger.book(*fee, billed);
                ledger.book(*requests, self.hour_taken);
            }
            Machine::Task { vcpu, memory, spot: of_spot, disk, milli, mb } => {
                let on_demand = billed.saturating_sub(spot);
                for (machines, (vcpu, memory)) in
                    [(on_demand, (*vcpu, *memory))].into_iter().chain(of_spot.map(|meters| (spot, meters)))
                {
                    ledger.book(vcpu, (machines * milli + 500) / 1_000);
                    ledger.book(memory, machines * mb);
                }
                if let Some((meter, mb)) = disk {
                    ledger.book(*meter, billed * mb);
                }
            }
        }
        self.hour_taken = 0;
        ledger.book(self.meters.logs, std::mem::take(&mut self.hour_logs));
        if let Some(metrics) = self.meters.metrics {
            ledger.book(metrics, (running + before) * DETAILED_METRICS);
        }
        if let Some(cluster) = self.meters.cluster {
            ledger.book(cluster, 1);
        }
        if let Some(addresses) = self.meters.addresses {
            ledger.book(addresses, running + before);
        }
        let surplus = std::mem::take(&mut self.hour_surplus);
        if let Some(credits) = self.meters.credits {
            ledger.book(credits, (surplus / NANOS_PER_MILLI as f64 + 0.5) as u64);
        }
    }

    /// The results over a horizon of this length.
    pub fn finish(self, horizon: SimDuration, connections: Option<u64>) -> (ComponentOutput, Vec<f64>, Vec<f64>) {
        let nanos = horizon.0.max(1) as f64;
        let (running, busy) = (self.area_running as f64 / nanos, self.area_busy / nanos);
        let utilisation = if running > 0.0 { (busy / running).min(1.0) } else { 0.0 };
        let managed = matches!(self.meters.machine, Machine::Managed { .. });
        let output = ComponentOutput {
            served: self.served,
            throttled: if managed { self.rejected } else { 0 },
            throttled_by_rate: 0,
            rejected: if managed { 0 } else { self.rejected },
            cold_starts: None,
            capacity: Some((running, self.running.peak() as f64)),
            busy: Some((busy, self.busy_peak)),
            utilisation: Some(utilisation),
            idle_shares: self.skus.into_iter().map(|sku| (sku, 1.0 - utilisation)).collect(),
            peak_connections: connections,
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), self.calls),
            mean_in_system: self.area_outstanding as f64 / nanos,
            waited: SimDuration::ZERO,
            queue: None,
            backlog: Some(BacklogOutput { mean: self.backlog.area as f64 / nanos, ..self.backlog }),
        };
        (output, self.series_running, self.series_busy)
    }
}
