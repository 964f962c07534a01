//! A checked model: an architecture as a small graph of components.

use super::distribution::Distribution;
use super::group::{Hooks, MemoryUse, Predictive, Resize, WarmPool};
use super::lifecycle::Lifecycle;
use super::ownership::Operations;
use crate::finding::Finding;
use crate::units::{Bytes, Limit, MegaBytes, NANOS_PER_SEC, SimDuration};
use std::collections::BTreeMap;

/// Position of a component in [`Architecture::components`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub u16);

/// An architecture: where requests enter and the components they meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Its name, unique in the scenario.
    pub name: String,
    /// What it stands for.
    pub description: Option<String>,
    /// Cost allocation tags, for `focus.csv`.
    pub tags: BTreeMap<String, String>,
    /// Where requests enter.
    pub entry: ComponentId,
    /// The components in the order of the file; never empty.
    pub components: Vec<Component>,
    /// Whether instances and functions that use the network sit in private subnets (then NAT is paid).
    pub subnets: Subnets,
    /// Labour that it takes; shown apart from the bill.
    pub operations: Option<Operations>,
    /// Found while reading (a default that decides, a start-up of an empty program …).
    pub findings: Vec<Finding>,
}

/// One component.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name, unique in the model.
    pub name: String,
    /// What it is.
    pub kind: ComponentKind,
}

/// What a component is.
#[derive(Debug, Clone, PartialEq)]
pub enum ComponentKind {
    /// API Gateway HTTP API or REST API.
    HttpApi(HttpApi),
    /// Application or network load balancer.
    LoadBalancer(LoadBalancer),
    /// Lambda function.
    Lambda(Function),
    /// Function whose environments take several requests at once.
    Pool(Box<Pool>),
    /// EC2 Auto Scaling group, tasks of a container service, or Lambda Managed Instances.
    Fleet(Fleet),
    /// DynamoDB table on demand.
    Table(Table),
    /// SQS standard queue.
    Queue(Queue),
    /// Kinesis data stream or DynamoDB stream.
    Stream(Stream),
}

impl ComponentKind {
    /// The key under which models and results name it.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::HttpApi(api) if api.rest => "rest_api",
            Self::HttpApi(_) => "http_api",
            Self::LoadBalancer(balancer) if balancer.network.is_some() => "network_load_balancer",
            Self::LoadBalancer(_) => "load_balancer",
            Self::Lambda(_) | Self::Pool(_) => "lambda",
            Self::Fleet(fleet) if fleet.task.is_some() => "fargate",
            Self::Fleet(fleet) if fleet.managed.is_some() => "managed_instances",
            Self::Fleet(_) => "fleet",
            Self::Table(_) => "table",
            Self::Queue(_) => "queue",
            Self::Stream(_) => "stream",
        }
    }
}

/// Where a component sends each class of requests: one entry a class, in the scenario's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route(pub Vec<ComponentId>);

/// Where instances stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subnets {
    /// Public subnets: each instance has a public IPv4 address; no NAT. Functions are not in a VPC.
    Public,
    /// Private subnets: one NAT gateway a zone; no public addresses on instances; functions are in the VPC.
    Private {
        /// Zones, each with its own NAT gateway.
        zones: u32,
    },
}

/// API Gateway HTTP API or REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpApi {
    /// Where requests go.
    pub to: Route,
    /// Added to every request's latency.
    pub latency: Distribution,
    /// Gives up on the integration after this long (30 s at most, a REST API 29 s): 504, the integration keeps running.
    pub timeout: SimDuration,
    /// A REST API: another price, no steps of 512 KB, other statuses.
    pub rest: bool,
}

/// Application or network load balancer.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadBalancer {
    /// Where requests go.
    pub to: Route,
    /// How a target is chosen.
    pub algorithm: Balancing,
    /// Zones it stands in, each with one public IPv4 address.
    pub zones: u32,
    /// 504 after this long without an answer (default 60 s).
    pub idle_timeout: SimDuration,
    /// Added to every request's latency.
    pub latency: Distribution,
    /// Listener rules evaluated for each request (the first 10 are free).
    pub rules: u32,
    /// A target that comes into service takes its full share after so long (zero: at once). Round robin only.
    pub slow_start: SimDuration,
    /// A network load balancer: it passes on connections and knows nothing of requests.
    pub network: Option<Network>,
}

/// What is different about a network load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Each of its zones sends to the targets of all zones, which is paid as traffic between zones.
    pub cross_zone: bool,
}

/// How a balancer chooses its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancing {
    /// Each in turn.
    RoundRobin,
    /// The one with the fewest requests outstanding; the first of them in order.
    LeastOutstanding,
    /// Any, equally likely.
    Random,
    /// One of the zones, equally likely, then any of its instances.
    Zonal,
}

/// Processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arch {
    /// x86-64.
    X86,
    /// arm64 (Graviton).
    Arm,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// 128..=10,240 MB.
    pub memory: MegaBytes,
    /// Processor architecture.
    pub arch: Arch,
    /// As written, e.g. `nodejs22`.
    pub runtime: String,
    /// Before the init and not billed: environment allocation and code download, seen by the client.
    pub allocation: Distribution,
    /// Init, billed: the runtime's own plus the user's dependencies, or the stated `cold_start`. The parts are drawn apart and added.
    pub init: Vec<Distribution>,
    /// Added to the handler's first call in an environment.
    pub first_call: SimDuration,
    /// Function time-out (1 s..=900 s).
    pub timeout: SimDuration,
    /// An idle environment lives this long.
    pub idle_timeout: SimDuration,
    /// An environment ends at this age even when used; `None` = never.
    pub max_age: Option<SimDuration>,
    /// Reserved concurrency: a cap and a guarantee.
    pub reserved_concurrency: Option<u64>,
    /// Speed of a full vCPU (at 1,769 MB) relative to the reference.
    pub speed: f64,
    /// Bytes that Lambda itself logs for each call (START, END and REPORT lines).
    pub platform_log: Bytes,
    /// Environments that are kept ready.
    pub provisioned: Option<Provisioned>,
    /// Probability (0..=1) that a call fails after all its work: 500, billed in full.
    pub error_rate: f64,
    /// Starts are restored from a snapshot. `allocation` and `init` then say how long that takes and what of it is billed.
    pub snapstart: Option<SnapStart>,
    /// `/tmp`, 512..=10,240 MB; 512 are free.
    pub ephemeral: MegaBytes,
    /// Responses are streamed: what exceeds 6 MB of each is paid.
    pub streaming: bool,
    /// What its handler calls and waits for: one after another, after the request's own CPU and wait.
    pub calls: Vec<Outbound>,
    /// Whoever invokes it is told 202 at once.
    pub asynchronous: Option<Asynchronous>,
    /// What happens to its environments apart from its calls.
    pub lifecycle: Lifecycle,
    /// Lambda@Edge: CloudFront runs it, at prices of its own.
    pub edge: bool,
    /// A request is an execution of several invocations, with checkpoints and waits.
    pub durable: Option<Durable>,
}

/// A function whose environments take several requests at once: a what-if.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// As for any function; what a pool does not have is not set.
    pub function: Function,
    /// Requests at work in one environment (at least 1).
    pub concurrency: u32,
}

/// Executions of a durable function (AWS.md 1.13).
#[derive(Debug, Clone, PartialEq)]
pub struct Durable {
    /// Steps with a checkpoint each, spread evenly over the invocations.
    pub steps: u32,
    /// Waits between invocations, in order: one invocation more than waits, each with an equal part of the request's work.
    pub waits: Vec<Distribution>,
    /// Replaying what was done before: added to each invocation but the first.
    pub replay: Distribution,
    /// Written by each step.
    pub checkpoint: Bytes,
    /// How long what was written is kept after the end (1..=90 d).
    pub retention: SimDuration,
    /// Further attempts of an invocation that fails or runs out of time.
    pub retries: u8,
}

/// Asynchronous invocation of a function (AWS.md 2.7).
#[derive(Debug, Clone, PartialEq)]
pub struct Asynchronous {
    /// An event that is older is given up (60 s..=6 h).
    pub maximum_age: SimDuration,
    /// Further attempts after an error of the function (0..=2).
    pub retries: u8,
    /// A queue for events that are given up; `None` = they are dropped.
    pub on_failure: Option<ComponentId>,
}

impl Function {
    /// Whether its handler meets other functions or queues, whose state at that instant matters.
    pub fn calls_at_instants(&self) -> bool {
        self.calls.iter().any(|call| !matches!(call.what, OutboundKind::Table { .. }))
    }
}

/// A call that a function's handler makes and waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbound {
    /// Whom it calls.
    pub to: ComponentId,
    /// What it wants.
    pub what: OutboundKind,
    /// By class: whether a request of it makes this call.
    pub classes: Vec<bool>,
}

/// What a handler wants of another component.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboundKind {
    /// Operations of one item each at a table.
    Table {
        /// Items read, one after another.
        reads: u32,
        /// Items written, one after another.
        writes: u32,
    },
    /// A synchronous invocation.
    Function {
        /// CPU and wait of the called handler; `None` = what the request itself needs.
        work: Option<(Distribution, Distribution)>,
        /// Further attempts after a throttle (429), as the AWS SDKs make them.
        retries: u8,
    },
    /// A message is sent to a queue.
    Message {
        /// CPU and wait of whoever handles it; `None` = what the request itself needs.
        work: Option<(Distribution, Distribution)>,
    },
}

/// A stream of records in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Whose it is.
    pub kind: StreamKind,
    /// Shards (1..=10,000).
    pub shards: u32,
    /// Who takes its records; `None` = they are kept until they expire.
    pub consumer: Option<StreamConsumer>,
    /// A record is lost after this long.
    pub retention: SimDuration,
    /// Putting a record, as the sender sees it.
    pub put_latency: Distribution,
}

/// Whose stream it is, which decides the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Shard hours and PUT payload units are paid.
    Kinesis,
    /// Fed by a table's writes; what Lambda reads is free.
    DynamoDb,
}

/// How records of a stream reach a function.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConsumer {
    /// The function.
    pub to: ComponentId,
    /// Records in a batch (1..=10,000).
    pub batch_size: u32,
    /// How long a batch is collected.
    pub batch_window: SimDuration,
    /// Batches of one shard at a time (1..=10).
    pub parallelization: u32,
    /// Further attempts after an error; `None` = until the records expire.
    pub maximum_retry_attempts: Option<u32>,
    /// A record that is older is given up.
    pub maximum_record_age: Option<SimDuration>,
    /// A batch that fails is halved.
    pub bisect: bool,
    /// A queue for batches that are given up after their retries, one message each.
    pub on_failure: Option<ComponentId>,
}

/// An SQS standard queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Who takes its messages; `None` = they stay.
    pub consumer: Option<Consumer>,
    /// A message is lost after this long.
    pub retention: SimDuration,
    /// Sending a message, as the sender sees it.
    pub send_latency: Distribution,
}

/// How messages of a queue reach a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumer {
    /// The function.
    pub to: ComponentId,
    /// Messages in a batch (1..=10,000).
    pub batch_size: u32,
    /// How long a batch is collected.
    pub batch_window: SimDuration,
    /// A message that was received and not handled comes back after this long.
    pub visibility_timeout: SimDuration,
    /// Most batches at work (2..=1,000).
    pub maximum_concurrency: Option<u32>,
    /// A message that has been received so often goes to the dead-letter queue.
    pub max_receive_count: Option<u32>,
    /// That queue.
    pub dead_letter: Option<ComponentId>,
    /// Only the messages that failed come back.
    pub partial_failures: bool,
}

/// A DynamoDB table on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Size of an item.
    pub item: Bytes,
    /// Reading one item, as the caller sees it.
    pub read_latency: Distribution,
    /// Writing one item, as the caller sees it.
    pub write_latency: Distribution,
    /// How items are read.
    pub reads: Consistency,
    /// Writes are transactional: twice the units.
    pub transactional_writes: bool,
    /// What it stores, for the bill.
    pub storage: Bytes,
}

/// How items are read, which decides the read units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Half a unit for each 4 KB.
    Eventual,
    /// One.
    Strong,
    /// Two.
    Transactional,
}

/// Provisioned concurrency of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisioned {
    /// Environments from the start on, all ready at `t = 0`.
    pub level: u64,
    /// From a raise to the first environment of it (AWS.md 2.5: 1 to 2 minutes); the others follow at 6,000 a minute and none is used before
    /// all are ready.
    pub preparation: SimDuration,
    /// Application Auto Scaling on the utilisation.
    pub tracking: Option<ProvisionedTracking>,
    /// Changes of the level (with tracking: of its smallest level) at times of the day counted from `t = 0`, ascending; every day.
    pub schedule: Vec<(SimDuration, u64)>,
}

impl Provisioned {
    /// Environments that are prepared a second: 6,000 a minute (AWS.md 2.5).
    const PER_SECOND: u64 = 100;

    /// From asking for so many more until they are ready.
    pub fn ready_after(&self, missing: u64) -> SimDuration {
        self.preparation + SimDuration(missing.saturating_mul(NANOS_PER_SEC / Self::PER_SECOND))
    }
}

/// Target tracking on `ProvisionedConcurrencyUtilization` (AWS.md 2.6).
#[derive(Debug, Clone, PartialEq)]
pub struct ProvisionedTracking {
    /// Share (0..1) of the environments that should be at work (0.7 usual).
    pub utilisation: f64,
    /// Smallest level.
    pub min: u64,
    /// Largest level.
    pub max: u64,
}

/// What a SnapStart function pays besides its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapStart {
    /// Cache and restores are paid (Python and .NET); free for Java.
    pub paid: bool,
}

/// An EC2 Auto Scaling group, or the tasks of a container service on Fargate.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// The instance type.
    pub instance: InstanceType,
    /// Smallest size.
    pub min: u32,
    /// Largest size.
    pub max: u32,
    /// Size at the start; all in service.
    pub desired: u32,
    /// Zones it is spread over.
    pub zones: u32,
    /// Requests at work on one instance.
    pub concurrency: Limit,
    /// Requests waiting on one instance; beyond it 503.
    pub queue: Limit,
    /// Scaling policies; empty = fixed.
    pub scaling: Vec<ScalingPolicy>,
    /// Changes of its bounds at times of the day.
    pub schedule: Vec<Scheduled>,
    /// CPU credits of each instance (T families).
    pub credits: Option<CpuCredits>,
    /// Its machines are Fargate tasks of this size; [`Fleet::instance`] is then only their name.
    pub task: Option<Task>,
    /// Its machines are Lambda Managed Instances.
    pub managed: Option<Managed>,
    /// The control plane of an EKS cluster is paid.
    pub eks: bool,
    /// It never shrinks for so long after a machine has come into service or ended.
    pub scale_in_rest: SimDuration,
    /// Which of its instances are Spot ones.
    pub spot: Option<Spot>,
    /// Mean time until an instance fails; `None` = never.
    pub mtbf: Option<SimDuration>,
    /// Failed health checks in a row until an instance is taken for unhealthy.
    pub unhealthy_threshold: u32,
    /// Passed health checks in a row until an unhealthy one is healthy again.
    pub healthy_threshold: u32,
    /// What the balancer takes for unhealthy is replaced (health check type `ELB`); otherwise only what fails (`EC2`).
    pub replaces_unhealthy: bool,
    /// Speed of a vCPU relative to the reference.
    pub speed: f64,
    /// From the launch to `running`, not billed: API call and pending state.
    pub pending: Distribution,
    /// From `running` to the first passing health check apart from it: OS boot, user data, application start; drawn apart and added.
    pub boot: Vec<Distribution>,
    /// Interval of the balancer's health check: a new target needs one passing check, at a random phase of the interval.
    pub health_check_interval: SimDuration,
    /// Draining before an instance is terminated; paid.
    pub deregistration_delay: SimDuration,
    /// Root volume, GiB of gp3 a machine.
    pub volume_gib: u32,
    /// Operations a second that it is provisioned for.
    pub volume_iops: u32,
    /// MB/s that it is provisioned for.
    pub volume_mbps: u32,
    /// Period of the fleet's CloudWatch metrics: 60 s (detailed monitoring, paid) or 300 s.
    pub metric_period: SimDuration,
    /// Instance warm-up: kept out of the metric and blocking scale-in for this long after coming into service.
    pub warmup: SimDuration,
    /// The last part of [`Fleet::boot`] is the start of the application.
    pub app_is_last: bool,
    /// Memory that requests at work take; `None`: it is not looked at.
    pub memory: Option<MemoryUse>,
    /// After its registration an instance is not replaced for failed health checks for so long; `None`: never for a slow start.
    pub grace: Option<SimDuration>,
    /// Lifecycle hooks.
    pub hooks: Option<Box<Hooks>>,
    /// Instances that wait prepared.
    pub warm_pool: Option<Box<WarmPool>>,
    /// Changes of the type of a single server.
    pub resizes: Vec<Resize>,
    /// A floor that follows a forecast.
    pub predictive: Option<Predictive>,
}

/// An EC2 instance type from the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceType {
    /// e.g. `m7g.large`.
    pub name: String,
    /// vCPUs.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processor architecture.
    pub arch: Arch,
}

impl Fleet {
    /// Operations a second that are in the price of a gp3 volume (EBS pricing page).
    pub const FREE_IOPS: u32 = 3_000;
    /// MB/s that are.
    pub const FREE_MBPS: u32 = 125;

    /// vCPUs of one of its machines.
    pub fn vcpus(&self) -> f64 {
        self.task.map_or(f64::from(self.instance.vcpu), |task| f64::from(task.milli_vcpu) / 1_000.0)
    }

    /// `size` instances of this type in two zones, without limits and scaling, which start at once; else as AWS sets it up.
    pub const fn fixed(instance: InstanceType, size: u32) -> Self {
        Self {
            instance,
            min: size,
            max: size,
            desired: size,
            zones: 2,
            concurrency: Limit::Unlimited,
            queue: Limit::Unlimited,
            scaling: Vec::new(),
            schedule: Vec::new(),
            credits: None,
            task: None,
            managed: None,
            eks: false,
            scale_in_rest: SimDuration::ZERO,
            spot: None,
            mtbf: None,
            unhealthy_threshold: 2,
            healthy_threshold: 5,
            replaces_unhealthy: true,
            speed: 1.0,
            pending: Distribution::ZERO,
            boot: Vec::new(),
            health_check_interval: SimDuration::from_secs(30),
            deregistration_delay: SimDuration::from_secs(300),
            volume_gib: 8,
            volume_iops: Self::FREE_IOPS,
            volume_mbps: Self::FREE_MBPS,
            metric_period: SimDuration::from_secs(60),
            warmup: SimDuration::from_secs(300),
            app_is_last: false,
            memory: None,
            grace: None,
            hooks: None,
            warm_pool: None,
            resizes: Vec::new(),
            predictive: None,
        }
    }
}

/// CPU credits of an instance (AWS.md 4.5): one is a vCPU-minute; at most those of 24 hours are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuCredits {
    /// Earned in an hour.
    pub hourly: u32,
    /// Goes on at full speed without credits, and pays for that; otherwise it slows down to what it earns.
    pub unlimited: bool,
}

/// The size of a Fargate task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Thousandths of a vCPU.
    pub milli_vcpu: u32,
    /// Memory.
    pub memory: MegaBytes,
    /// Processor architecture.
    pub arch: Arch,
    /// Disk beyond the 20 GB that are free, GB.
    pub extra_disk: u32,
    /// What a Spot task costs less than one on demand, thousandths.
    pub spot_discount: u32,
}

/// What a function on Lambda Managed Instances adds to its instances (AWS.md 1.12): no duration is paid, but requests and a fee are.
#[derive(Debug, Clone, PartialEq)]
pub struct Managed {
    /// As written, e.g. `python3.13`.
    pub runtime: String,
    /// Execution environments on an instance: as many as have room.
    pub environments: u32,
    /// Requests at work in one of them.
    pub per_environment: u32,
    /// An instance is replaced at this age.
    pub rotation: SimDuration,
    /// Bytes that Lambda itself logs for each call.
    pub platform_log: Bytes,
}

/// A mix of on-demand and Spot instances (AWS.md 4.14).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// On-demand instances before any Spot one.
    pub base: u32,
    /// Share (0..=1) of on-demand instances among those above the base.
    pub on_demand_share: f64,
    /// Probability (0..1) that a Spot instance is interrupted within a month of 730 h.
    pub interruptions: f64,
}

/// A change of a group's bounds or size at a time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// Since midnight; t = 0 is a midnight.
    pub at: SimDuration,
    /// On which days.
    pub days: Days,
    /// Smallest size from then on.
    pub min: Option<u32>,
    /// Largest size from then on.
    pub max: Option<u32>,
    /// The size to take.
    pub desired: Option<u32>,
}

/// Days of the week: bit 0 is Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub u8);

impl Days {
    /// Whether the day, counted from Monday = 0, is one of them.
    pub const fn contains(self, day: u8) -> bool {
        self.0 >> day & 1 == 1
    }
}

/// A scaling policy.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalingPolicy {
    /// Target tracking.
    TargetTracking(TargetTracking),
    /// Step scaling, or simple scaling, which is one step with a cooldown.
    Step(StepScaling),
}

/// An alarm, and what it does by the distance from its threshold (AWS.md 4.9).
#[derive(Debug, Clone, PartialEq)]
pub struct StepScaling {
    /// The alarm.
    pub alarm: Alarm,
    /// Ascending by `from`; the first begins at 0.
    pub steps: Vec<Step>,
    /// Changes by at least so many instances (MinAdjustmentMagnitude).
    pub min_change: u32,
    /// Simple scaling: rest after the last instance has started or ended. `None` for step scaling.
    pub cooldown: Option<SimDuration>,
}

/// A CloudWatch alarm on a fleet's metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// What it watches.
    pub metric: TrackedMetric,
    /// Whether it goes off above the threshold; below it otherwise.
    pub above: bool,
    /// CPU as a fraction of 1, the others as they are.
    pub threshold: f64,
    /// Metric periods in a row.
    pub periods: u32,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Distance from the threshold at which it begins.
    pub from: f64,
    /// What it does.
    pub change: Change,
}

/// A change of a group's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// By so many instances.
    By(i64),
    /// By a percentage of them.
    Percent(f64),
    /// To this size.
    To(u32),
}

/// Target tracking with its two alarms (AWS.md 4.7).
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTracking {
    /// What is tracked.
    pub metric: TrackedMetric,
    /// Its target: CPU as a fraction of 1, requests for each target and minute.
    pub target: f64,
    /// Periods over the target before scaling out (3).
    pub out_periods: u32,
    /// Periods under the lower bound before scaling in (15).
    pub in_periods: u32,
    /// The lower bound as a share of the target (0.7 for CPU, 0.9 for requests).
    pub in_bound: f64,
    /// Never scales in.
    pub disable_scale_in: bool,
}

/// What target tracking follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackedMetric {
    /// Mean CPU utilisation of the instances in service.
    Cpu,
    /// Requests for each target in a minute (ALBRequestCountPerTarget).
    RequestsPerTarget,
    /// Mean number of requests at work or queued on an instance past its warm-up: a custom metric.
    Outstanding,
}
