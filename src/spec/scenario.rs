//! A checked scenario: what arrives, what it needs, and which architectures are compared.

use super::billing::Billing;
use super::deployment::Deployment;
use super::distribution::Distribution;
use super::lifecycle::{Burst as RegionalBurst, Times};
use super::model::Architecture;
use super::ownership::Environment;
use crate::money::Usd;
use crate::units::{Bytes, Limit, PerSecond, SimDuration};
use std::path::PathBuf;

/// A scenario with every reference resolved and every value checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it stands for, in the author's words.
    pub description: Option<String>,
    /// AWS region whose prices apply, e.g. `us-east-1`.
    pub region: String,
    /// Date of `t = 0`, which fixes the weekdays.
    pub start: jiff::civil::Date,
    /// IANA time zone of the daily wave; `UTC` unless set.
    pub timezone: String,
    /// The month that is billed (default 730 h).
    pub month: SimDuration,
    /// What is simulated and measured.
    pub horizon: SimDuration,
    /// Simulated before `t = 0` and not measured.
    pub warmup: SimDuration,
    /// Seed of every random stream.
    pub seed: u64,
    /// Independent repetitions, >= 1.
    pub replications: u32,
    /// Limits and free tier of the AWS account.
    pub account: Account,
    /// What arrives.
    pub traffic: Traffic,
    /// What happens to the cloud, in the order of the file.
    pub events: Vec<Incident>,
    /// New versions that take over, in the order of time.
    pub deployments: Vec<Deployment>,
    /// What each kind of request needs; never empty, shares add up to 1.
    pub classes: Vec<RequestClass>,
    /// How callers behave.
    pub client: Client,
    /// What the service promises.
    pub objectives: Objectives,
    /// A database that all architectures share, by the hour.
    pub backend: Option<Backend>,
    /// What the account pays other than the list price.
    pub billing: Billing,
    /// Copies beside production.
    pub environments: Vec<Environment>,
    /// What is compared, in the order of the file; never empty.
    pub architectures: Vec<Architecture>,
    /// Files that were read, for the digests in the results: (name as shown, SHA-256 as lower-case hex).
    pub files: Vec<(String, String)>,
    /// Made of models and flags: there is no scenario file that could have stated what the flags do not.
    pub made_on_command_line: bool,
    /// The scenario with its models in place of their names, after flags and `--set`; every value as it was written. `None` when it
    /// was not read, or is larger than results should be.
    pub resolved: Option<serde_json::Value>,
}

impl Scenario {
    /// A scenario of this traffic and these requests alone: us-east-1, from Monday 2 March 2026 UTC, billed for 730 h, without
    /// warm-up, limits, free tier, objectives, client and backend; seed 1, one replication, no architectures yet.
    pub fn bare(shape: Shape, horizon: SimDuration, classes: Vec<RequestClass>) -> Self {
        Self {
            name: "bare".to_owned(),
            description: None,
            region: "us-east-1".to_owned(),
            start: jiff::civil::date(2026, 3, 2),
            timezone: "UTC".to_owned(),
            month: SimDuration::from_hours(730),
            horizon,
            warmup: SimDuration::ZERO,
            seed: 1,
            replications: 1,
            account: Account::unlimited(),
            traffic: Traffic { shape, scale: 1.0, growth_per_month: 0.0, bursts: Vec::new(), spread: Spread::Poisson },
            events: Vec::new(),
            deployments: Vec::new(),
            classes,
            client: Client { timeout: None, retries: None, requests_per_connection: 20.0 },
            objectives: Objectives::default(),
            backend: None,
            billing: Billing::default(),
            environments: Vec::new(),
            architectures: Vec::new(),
            files: Vec::new(),
            made_on_command_line: false,
            resolved: None,
        }
    }
}

/// Limits and free tier of the account (`account:`).
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Which free tier applies.
    pub free_tier: FreeTier,
    /// Concurrent executions of all functions in the region (default 1,000).
    pub concurrency: Limit,
    /// New environments a function may add per 10 s (default 1,000, refilled continuously, not banked).
    pub scaling: Limit,
    /// Requests a second of all functions (default 10 x concurrency).
    pub request_rate: Limit,
    /// The year whose limits and bill apply.
    pub times: Times,
    /// Environments that all functions together may add, where that is limited for the region (until November 2023).
    pub burst: Option<RegionalBurst>,
    /// API Gateway's account throttle, requests a second (default 10,000).
    pub api_request_rate: Limit,
    /// API Gateway's burst (token bucket size, default 5,000).
    pub api_burst: Limit,
    /// vCPUs of all running on-demand instances in the region (default unlimited; raised on request).
    pub vcpu_quota: Limit,
}

impl Account {
    /// Nothing is limited and nothing is free.
    pub const fn unlimited() -> Self {
        Self {
            free_tier: FreeTier::None,
            concurrency: Limit::Unlimited,
            scaling: Limit::Unlimited,
            request_rate: Limit::Unlimited,
            times: Times::Today,
            burst: None,
            api_request_rate: Limit::Unlimited,
            api_burst: Limit::Unlimited,
            vcpu_quota: Limit::Unlimited,
        }
    }
}

/// Which permanent free tier the bill may use.
#[derive(Debug, Clone, PartialEq)]
pub enum FreeTier {
    /// Nothing is free.
    None,
    /// The account has the whole permanent free tier for itself.
    Full,
    /// What the payer's other accounts (`billing.other_accounts`) leave: they are served first.
    AfterOthers,
    /// What other workloads left: (SKU key such as `lambda.request`, quantity in the price's unit).
    Remaining(Vec<(String, f64)>),
}

/// What arrives: one base shape, multiplied by growth and scale, plus bursts.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// The base shape.
    pub shape: Shape,
    /// Multiplies every rate of the shape (default 1; > 0).
    pub scale: f64,
    /// Growth a month, e.g. 0.05 = 5 % a month, compounding continuously over simulated time (default 0).
    pub growth_per_month: f64,
    /// Windows in which the rate is a multiple of the base.
    pub bursts: Vec<Burst>,
    /// Arrivals within a period.
    pub spread: Spread,
}

/// The base shape of the traffic.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same rate always.
    Constant(PerSecond),
    /// From each instant (since t = 0, ascending, the first at 0) this rate.
    Steps(Vec<(SimDuration, PerSecond)>),
    /// A daily wave with a weekly shape.
    Diurnal(Diurnal),
    /// A count for each period, from a CSV file.
    ReplayRate(ReplayFile),
    /// One row a request, from a CSV file.
    ReplayRequests(ReplayFile),
}

/// A daily wave: rate(t) = weekday(t) x peak x exp(kappa x (cos(2 pi (h - peak_at) / 24) - 1)).
///
/// `kappa` is chosen so that the mean over a week, weekends included, is exactly `mean`.
#[derive(Debug, Clone, PartialEq)]
pub struct Diurnal {
    /// Mean rate over a week.
    pub mean: PerSecond,
    /// Peak rate on a weekday.
    pub peak: PerSecond,
    /// Local time of day of the peak, since midnight.
    pub peak_at: SimDuration,
    /// Saturday and Sunday as a multiple of a weekday (default 1).
    pub weekend: f64,
    /// Concentration of the daily peak, >= 0; 0 is flat.
    pub kappa: f64,
}

/// A window in which the rate is `times` the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// Start, since t = 0; within the horizon.
    pub at: SimDuration,
    /// Length.
    pub lasts: SimDuration,
    /// The rate as a multiple of the base (> 1 adds requests, < 1 takes some away).
    pub times: f64,
    /// How often it happens.
    pub per: Frequency,
}

/// Something that happens to the cloud.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    /// Start, since t = 0; within the horizon.
    pub at: SimDuration,
    /// Length; it is over within the horizon.
    pub lasts: SimDuration,
    /// How often it happens.
    pub per: Frequency,
    /// What happens.
    pub what: Trouble,
}

/// What happens to the cloud.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// Everything in a zone (0 = `a`) fails, and nothing is launched there before it is over.
    ZoneFails(u32),
    /// So large a share (0..=1) of each fleet's instances in service answers nothing until it is over, while their machines run.
    InstancesHang(f64),
    /// So large a share (0..=1) of the Spot instances of each fleet get their notice at once, and none is launched before it is over.
    SpotInterrupted(f64),
}

/// How often a burst, an event or a deployment happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Frequency {
    /// Once a month: counted once in the monthly bill.
    Month,
    /// Once a week: counted month / 7 d times.
    Week,
    /// Once ever: shown apart from the monthly total.
    Once,
}

/// How arrivals lie within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// A Poisson process with the period's rate.
    Poisson,
    /// Evenly spaced.
    Even,
}

/// A replayed CSV file, plain or gzip, streamed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplayFile {
    /// Where it is.
    pub path: PathBuf,
    /// As the user wrote it, for messages and reports.
    pub shown: String,
    /// Column names where they are not the usual ones.
    pub columns: Columns,
    /// Start again from the beginning when the file ends before the horizon does.
    pub repeat: bool,
    /// SHA-256 of the file, lower-case hex.
    pub digest: String,
    /// Rows that were counted when the file was checked.
    pub rows: u64,
    /// From the first row's time to the end of the last period (rate), or to the last arrival (requests).
    pub covers: SimDuration,
    /// For rate files: the length of a period.
    pub period: SimDuration,
    /// Requests in the whole file.
    pub requests: f64,
    /// For rate files: the mean rate of the fullest period.
    pub peak: PerSecond,
    /// For rate files: periods without a row, which count as without requests.
    pub missing: u64,
    /// Date (UTC) of the first row, where its time is an instant and not an offset.
    pub first_date: Option<jiff::civil::Date>,
    /// For `requests: true`: vCPU share of the `duration` column in 0..=1, if stated.
    pub cpu_share: Option<f64>,
    /// Where the `duration` column was measured, if stated.
    pub measured_on: Option<MeasuredOn>,
}

/// Names of the columns of a replayed file; `None` = found by the usual names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// Time of the period or arrival.
    pub time: Option<String>,
    /// Requests in the period.
    pub count: Option<String>,
    /// Warm service time in milliseconds.
    pub duration: Option<String>,
    /// Name of the request class.
    pub name: Option<String>,
}

/// Where a duration was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasuredOn {
    /// A Lambda memory size in MB: CPU work ran at min(1, memory / 1,769) of a vCPU.
    LambdaMemory(u32),
    /// An EC2 instance type, whose vCPU runs at this multiple of the reference.
    Instance {
        /// Type name.
        name: String,
        /// Speed relative to the reference vCPU.
        speed: f64,
    },
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestClass {
    /// Its name.
    pub name: String,
    /// Share of all requests, 0..=1.
    pub share: f64,
    /// What it needs.
    pub work: Work,
    /// Sent by the client.
    pub request_size: Bytes,
    /// Sent back to the client (internet egress).
    pub response_size: Bytes,
    /// Written to the log by the handler.
    pub log_size: Bytes,
    /// Sent outside the network by the handler.
    pub external_bytes: Bytes,
}

impl RequestClass {
    /// All requests, with this work and without a byte sent or logged.
    pub fn new(name: impl Into<String>, work: Work) -> Self {
        let none = Bytes(0);
        Self {
            name: name.into(),
            share: 1.0,
            work,
            request_size: none,
            response_size: none,
            log_size: none,
            external_bytes: none,
        }
    }
}

/// What one request needs, wherever it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// One phase of CPU on one reference vCPU, then one wait (blocked on I/O).
    Phases {
        /// CPU time on a reference vCPU.
        cpu: Distribution,
        /// Time blocked.
        wait: Distribution,
    },
    /// A measured duration. With a share it has been split for us: CPU work on a reference vCPU = duration x `cpu_factor`,
    /// wait = duration x `wait_factor`. `split: false` means that the share is unknown; then it may only run on functions
    /// and is taken as it is (cpu_factor 0, wait_factor 1).
    Duration {
        /// The duration as measured.
        total: Distribution,
        /// CPU on the reference vCPU for each unit of duration.
        cpu_factor: f64,
        /// Wait for each unit of duration.
        wait_factor: f64,
        /// Whether the user stated the share.
        split: bool,
    },
}

/// How callers behave (`client:`).
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Gives up on an attempt after this long.
    pub timeout: Option<SimDuration>,
    /// Tries again on these statuses.
    pub retries: Option<Retries>,
    /// Requests sent over one connection before it is closed (>= 1, default 20).
    pub requests_per_connection: f64,
}

/// The client's retries.
#[derive(Debug, Clone, PartialEq)]
pub struct Retries {
    /// Further attempts after the first (0..=20).
    pub attempts: u8,
    /// HTTP statuses that are retried; a client time-out counts as 504.
    pub on: Vec<u16>,
    /// Wait before attempt k (k = 1 is the first retry).
    pub backoff: Backoff,
}

/// Wait before a retry: min(cap, base x factor^(k-1)), with jitter.
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    /// First wait.
    pub base: SimDuration,
    /// Longest wait.
    pub cap: SimDuration,
    /// 2 for `exponential`, 1 for `constant`.
    pub factor: f64,
    /// Full jitter: uniform between 0 and the wait.
    pub full_jitter: bool,
}

/// What the service promises (`objectives:`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objectives {
    /// Latency objectives.
    pub latency: Vec<LatencyObjective>,
    /// Largest share of failures over the horizon (0..=1).
    pub failures: Option<f64>,
}

/// `p99: { limit: 500ms, window: 5m, met: 99.9% }`.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyObjective {
    /// As written: `p99`.
    pub name: String,
    /// Quantile in 0..1: 0.99.
    pub quantile: f64,
    /// Largest latency.
    pub limit: SimDuration,
    /// Judged in windows of this length; `None` = over the whole horizon.
    pub window: Option<SimDuration>,
    /// Share of windows (with requests) that must hold, 0..=1.
    pub met: f64,
}

/// A shared database by the hour (`backend:`).
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// What it costs an hour.
    pub hourly: Usd,
    /// Connections it accepts.
    pub max_connections: Limit,
    /// Connections that each instance's pool opens (an environment opens one).
    pub pool_per_instance: u32,
    /// Bytes between it and the machines for each request, both directions together.
    pub transfer: Bytes,
}
