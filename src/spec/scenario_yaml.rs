//! Scenarios as users write them -> the checked parts of a [`Scenario`](super::scenario::Scenario).

use super::billing_yaml::{RawBilling, RawMonth};
use super::deployment_yaml::RawDeployment;
use super::distribution::Distribution;
use super::diurnal;
use super::files;
use super::fleet_yaml::check_instance;
use super::gate_yaml::{RawAccepted, RawRule};
use super::lifecycle::Times;
use super::model_yaml::RawModel;
use super::ownership_yaml::{RawBranches, RawEnvironment};
use super::quantity::{Amount, Days, Growth, OrNone, Percent, Rate, Share, TimeOfDay};
use super::read::{At, FromYaml, Problem, Reader, Schemas, keywords, record};
use super::scenario::{
    Account, Backend, Backoff, Burst, Client, Columns, Diurnal, FreeTier, Frequency, Incident, LatencyObjective,
    MeasuredOn, Objectives, ReplayFile, RequestClass, Retries, Shape, Spread, Traffic, Trouble, Work,
};
use crate::bill::price_list::Table;
use crate::catalog;
use crate::diag::{Diagnostic, Span, nearest};
use crate::money::Usd;
use crate::traffic::csv_file;
use crate::units::{Bytes, Limit, MegaBytes, PerSecond, SimDuration};
use crate::yaml::{Node, Value, shorten};
use serde_json::json;
use std::collections::BTreeMap;

/// Memory at which a function has one vCPU (Lambda developer guide).
const FULL_VCPU_MB: f64 = 1_769.0;
/// How far shares may be from 1 in sum: thirds are written as 0.333333.
const SHARE_TOLERANCE: f64 = 1e-5;
/// Most windows of an objective: a month of windows of 5 s.
const MAX_WINDOWS: u64 = 600_000;
/// Most classes of requests.
const MAX_CLASSES: usize = 1_000;

record! {
    /// A scenario: what arrives, what it needs, and which architectures are compared.
    pub(crate) struct RawScenario: "a scenario (a mapping with `traffic:` and `architectures:`)" {
        /// Its name; the file's name unless given.
        optional name: At<String>,
        /// What it stands for, in a sentence.
        optional description: String,
        /// AWS region whose prices apply (default us-east-1).
        optional region: At<String>,
        /// Date of t = 0, which fixes the weekdays (default 2026-03-02, a Monday).
        optional start: jiff::civil::Date,
        /// IANA time zone of the daily wave (default UTC).
        optional timezone: At<String>,
        /// The month that is billed: a length, or a month of the calendar such as 2026-02 (default 730h).
        optional month: At<RawMonth>,
        /// What is simulated and measured; whole weeks scale cleanly (default 7d; replay: what the file covers).
        optional horizon: At<Days>,
        /// Simulated before t = 0 and not measured (default 1h; replay: 0s).
        optional warmup: At<SimDuration>,
        /// Seed of every random stream (default 1).
        optional seed: u64,
        /// Independent repetitions (default 5).
        optional replications: At<u32>,
        /// Limits and free tier of the AWS account.
        optional account: RawAccount,
        /// Limits, start-up and bill of Lambda as they were: `2017`, or `2023` (before November of it).
        optional limits: Times,
        /// What arrives.
        required traffic: RawTraffic,
        /// What happens to the cloud: zones that fail, Spot capacity that is taken back.
        optional events: Vec<RawEvent>,
        /// New versions of components that take over.
        optional deployments: Vec<RawDeployment>,
        /// What each kind of request needs.
        optional requests: At<Vec<RawRequest>>,
        /// How callers behave (default: no time-out, no retry).
        optional client: RawClient,
        /// What the service promises.
        optional objectives: RawObjectives,
        /// A database by the hour that all architectures share.
        optional backend: RawBackend,
        /// What the account pays other than the list price, and what is shown beside the bill.
        optional billing: RawBilling,
        /// Copies beside production, by name: their traffic as a multiple of production's, or `{ count, traffic }`.
        optional environments: Table<RawEnvironment>,
        /// A copy for every branch.
        optional per_branch: RawBranches,
        /// Names of models, paths to them, or models written inline.
        required architectures: At<Vec<ArchitectureRef>>,
        /// Rules of `costsim check`, unless a `costsim.gate.yaml` holds them.
        optional gate: Vec<RawRule>,
        /// Exceptions from them that were agreed.
        optional accepted: Vec<RawAccepted>,
    }
    later [
        "tags", "latency", "regions", "team", "jobs",
    ]
}

/// An architecture of a scenario's list.
#[derive(Debug, Clone)]
pub(crate) enum ArchitectureRef {
    /// By name or path.
    Named(At<String>),
    /// Written inline.
    Inline(Node),
}

impl FromYaml for ArchitectureRef {
    const EXPECTS: &'static str = "the name of a model, a path to one, or a model";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => Some(Self::Inline(node.clone())),
            Value::Scalar { .. } => At::<String>::read(node, reader).map(Self::Named),
            _ => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let model = RawModel::schema(schemas);
        json!({ "anyOf": [{ "type": "string", "minLength": 1 }, model] })
    }
}

record! {
    /// Limits and free tier of the AWS account.
    pub(crate) struct RawAccount: "the settings of the account" {
        /// `none`, `full`, `remaining` (after `billing.other_accounts`), or what is left of it by price key (default full).
        optional free_tier: RawFreeTier,
        /// Concurrent executions of all functions (default 1000).
        optional concurrency: At<Limit>,
        /// New environments that a function may add in 10 s (default 1000).
        optional scaling: At<Limit>,
        /// Requests a second of all functions (default 10 x concurrency).
        optional request_rate: At<Limit>,
        /// API Gateway's throttle in requests a second (default 10000).
        optional api_request_rate: At<Limit>,
        /// API Gateway's burst (default 5000).
        optional api_burst: At<Limit>,
        /// vCPUs of all running on-demand instances; launches beyond it are refused (default unlimited).
        optional vcpu_quota: At<Limit>,
    }
    later ["organization", "new_account"]
}

/// `free_tier:`.
#[derive(Debug, Clone)]
pub(crate) struct RawFreeTier(FreeTier);

impl FromYaml for RawFreeTier {
    const EXPECTS: &'static str =
        "`none`, `full`, `remaining`, or remaining amounts such as `{ lambda.request: 500k }`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Mapping(entries) => {
                let amounts = entries
                    .iter()
                    .map(|(key, value)| Some((key.text.clone(), Amount::read(value, reader)?.0)))
                    .collect::<Vec<_>>();
                amounts.into_iter().collect::<Option<_>>().map(|amounts| Self(FreeTier::Remaining(amounts)))
            }
            _ => match super::read::keyword(node, reader, Self::EXPECTS, &["none", "full", "remaining"])? {
                "none" => Some(Self(FreeTier::None)),
                "remaining" => Some(Self(FreeTier::AfterOthers)),
                _ => Some(Self(FreeTier::Full)),
            },
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let amount = Amount::schema(schemas);
        json!({ "anyOf": [{ "enum": ["none", "full", "remaining"] }, { "type": "object", "additionalProperties": amount }] })
    }
}

/// Limits that are in force unless stated (AWS Lambda and API Gateway quotas; scaling since November 2023).
pub(crate) fn account(raw: Option<RawAccount>, times: Times, region: &str, reader: &mut Reader) -> Account {
    let raw = raw.as_ref();
    let mut positive = |limit: Option<&At<Limit>>, default: Limit| {
        let Some(at) = limit else { return default };
        if at.value == Limit::At(0) {
            reader.error(
                "out-of-range",
                "a limit of 0 refuses everything",
                at.span,
                "",
                "write 1 or more, or `unlimited`",
            );
        }
        at.value
    };
    let concurrency = positive(raw.and_then(|raw| raw.concurrency.as_ref()), Limit::At(times.concurrency()));
    let ten_times = match concurrency {
        Limit::At(n) => Limit::At(n.saturating_mul(10)),
        Limit::Unlimited => Limit::Unlimited,
    };
    // Until November 2023 the region's burst was shared by all functions.
    let burst = times.burst(region);
    let scaling = if burst.is_some() { Limit::Unlimited } else { Limit::At(1_000) };
    Account {
        free_tier: raw.and_then(|raw| raw.free_tier.clone()).map_or(FreeTier::Full, |tier| tier.0),
        concurrency,
        scaling: positive(raw.and_then(|raw| raw.scaling.as_ref()), scaling),
        times,
        burst,
        request_rate: positive(raw.and_then(|raw| raw.request_rate.as_ref()), ten_times),
        api_request_rate: positive(raw.and_then(|raw| raw.api_request_rate.as_ref()), Limit::At(10_000)),
        api_burst: positive(raw.and_then(|raw| raw.api_burst.as_ref()), Limit::At(5_000)),
        // Off by default: what an account has depends on its history (EC2 user guide, on-demand instance quotas).
        vcpu_quota: positive(raw.and_then(|raw| raw.vcpu_quota.as_ref()), Limit::Unlimited),
    }
}

record! {
    /// What arrives: one of constant, steps, diurnal and replay; plus bursts, growth and scale.
    pub(crate) struct RawTraffic: "traffic such as `{ constant: 50/s }`" {
        /// The same rate always.
        optional constant: Rate,
        /// From each time on, a rate.
        optional steps: At<Vec<RawStep>>,
        /// A daily wave with a weekly shape.
        optional diurnal: RawDiurnal,
        /// A CSV file of counts or of requests.
        optional replay: RawReplay,
        /// Windows in which the rate is a multiple of the base.
        optional bursts: Vec<RawBurst>,
        /// Growth a month, compounding (default 0%).
        optional growth: Growth,
        /// Multiplies every rate (default 1).
        optional scale: At<f64>,
        /// Arrivals within a period: `poisson` or `even` (default poisson).
        optional spread: Spread,
    }
    later ["events", "outages", "geo", "correlation", "calls"]
}

keywords!(Spread, "`poisson` or `even`", { "poisson" => Self::Poisson, "even" => Self::Even });
keywords!(Frequency, "`month`, `week` or `once`", {
    "month" => Self::Month,
    "week" => Self::Week,
    "once" => Self::Once,
});

record! {
    /// From a time on, a rate.
    pub(crate) struct RawStep: "a step such as `{ at: 0s, rate: 10/s }`" {
        /// Since t = 0; the first step is at 0s.
        required at: At<SimDuration>,
        /// The rate from then on.
        required rate: Rate,
    }
}

record! {
    /// A daily wave with exactly this mean over a week and this peak on weekdays.
    pub(crate) struct RawDiurnal: "a daily wave such as `{ mean: 40/s, peak: 160/s, peak_at: \"20:00\" }`" {
        /// Mean rate over a week, weekends included.
        required mean: At<Rate>,
        /// Rate at the peak of a weekday.
        required peak: At<Rate>,
        /// Local time of the peak (default "14:00").
        optional peak_at: TimeOfDay,
        /// Saturdays and Sundays as a multiple of a weekday (default 1).
        optional weekend: At<f64>,
    }
}

record! {
    /// A CSV file, plain or gzip: counts for periods (`rate: true`) or one row a request (`requests: true`).
    pub(crate) struct RawReplay: "a file such as `{ file: traffic.csv.gz, rate: true }`" {
        /// The file; relative to this one.
        required file: At<String>,
        /// Each row is a period: a time and a count.
        optional rate: bool,
        /// Each row is a request: arrival, and optionally duration (ms) and name.
        optional requests: bool,
        /// Starts again when the file ends before the horizon does (default false).
        optional repeat: bool,
        /// Arrivals within a period: `poisson` or `even` (default poisson).
        optional spread: Spread,
        /// Names of the columns where they are not the usual ones.
        optional columns: RawColumns,
        /// Share of the durations that is CPU work.
        optional cpu_share: Percent,
        /// Memory size or instance type on which the durations were measured.
        optional measured_on: RawMeasuredOn,
    }
}

record! {
    /// Names of columns.
    pub(crate) struct RawColumns: "names of columns such as `{ time: minute, count: requests }`" {
        /// Time of the period or of the arrival.
        optional time: String,
        /// Requests in the period.
        optional count: String,
        /// Warm service time in milliseconds.
        optional duration: String,
        /// Name of the request.
        optional name: String,
    }
}

record! {
    /// A window in which the rate is a multiple of the base.
    pub(crate) struct RawBurst: "a burst such as `{ at: 12d9h, lasts: 20m, times: 8, per: month }`" {
        /// Start since t = 0, within the horizon.
        required at: At<SimDuration>,
        /// Length.
        required lasts: At<SimDuration>,
        /// The rate as a multiple of the base.
        required times: At<f64>,
        /// How often it happens: `month`, `week` or `once`.
        required per: Frequency,
    }
}

record! {
    /// Something that happens to the cloud: `zone_fails`, `instances_hang` or `spot_interrupts`.
    pub(crate) struct RawEvent: "an event such as `{ at: 10d, zone_fails: a, lasts: 40m }`" {
        /// Start since t = 0, within the horizon.
        required at: At<SimDuration>,
        /// Length.
        required lasts: At<SimDuration>,
        /// The zone, `a` to `f`, whose instances fail; none is launched there before it is over.
        optional zone_fails: At<Zone>,
        /// Share of each fleet's instances in service that answer nothing until it is over, while their machines run.
        optional instances_hang: At<Percent>,
        /// Share of each fleet's Spot instances that are interrupted; none is launched before it is over.
        optional spot_interrupts: At<Percent>,
        /// How often it happens: `month`, `week` or `once` (default once, shown apart from the monthly total).
        optional per: Frequency,
    }
}

/// A zone of the region, by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone(u32);

keywords!(Zone, "a zone's letter", {
    "a" => Self(0),
    "b" => Self(1),
    "c" => Self(2),
    "d" => Self(3),
    "e" => Self(4),
    "f" => Self(5),
});

/// An event; it lies within the horizon, for what happens only then can be seen.
pub(crate) fn check_event(raw: RawEvent, horizon: SimDuration, reader: &mut Reader) -> Option<Incident> {
    if let (Some(at), Some(lasts)) = (&raw.at, &raw.lasts) {
        if at.value >= horizon || at.value + lasts.value > horizon {
            let span = if at.value >= horizon { at.span } else { lasts.span };
            let title = format!("the event is not over within the horizon of {horizon}");
            reader.error("event-outside", title, span, "", "move or shorten it, or lengthen `horizon:`");
        } else if lasts.value == SimDuration::ZERO {
            reader.error("not-positive", "the event has no length", lasts.span, "", "write e.g. `40m`");
        }
    }
    let what = match (&raw.zone_fails, &raw.instances_hang, &raw.spot_interrupts) {
        (Some(zone), None, None) => Trouble::ZoneFails(zone.value.0),
        (None, Some(share), None) => Trouble::InstancesHang(share.value.0),
        (None, None, Some(share)) => Trouble::SpotInterrupted(share.value.0),
        _ => {
            if !reader.failed_within(raw.span) {
                let span = reader.first_line(raw.span);
                let help =
                    "write `zone_fails: a`, `instances_hang: 25%` or `spot_interrupts: 50%`; two things are two events";
                let title = "an event is one of zone_fails, instances_hang and spot_interrupts";
                reader.error("one-event", title, span, "", help);
            }
            return None;
        }
    };
    Some(Incident { at: raw.at?.value, lasts: raw.lasts?.value, per: raw.per.unwrap_or(Frequency::Once), what })
}

/// What `scale` and rates may be at most, so that sums of arrivals stay countable.
const MAX_RATE: f64 = 1e9;

/// What the traffic is checked against, and what it decides for the rest.
pub(crate) struct TrafficResult {
    pub(crate) traffic: Traffic,
    pub(crate) horizon: SimDuration,
    pub(crate) warmup: SimDuration,
    /// Names that a request file introduces, with their numbers of requests.
    pub(crate) names: Vec<(String, u64)>,
    /// The request file's durations, where it has them: (CPU share, where measured, place of the file's name).
    pub(crate) durations: Option<(Option<f64>, Option<MeasuredOn>, Span)>,
}

/// Checks the traffic together with the horizon and the warm-up, whose defaults depend on it.
pub(crate) fn traffic(
    raw: RawTraffic,
    month: SimDuration,
    horizon: Option<&At<SimDuration>>,
    warmup: Option<&At<SimDuration>>,
    reader: &mut Reader,
) -> Option<TrafficResult> {
    let given = [raw.constant.is_some(), raw.steps.is_some(), raw.diurnal.is_some(), raw.replay.is_some()];
    match given.iter().filter(|given| **given).count() {
        1 => {}
        0 => {
            if !["constant", "steps", "diurnal", "replay"].iter().any(|shape| raw.given.contains(shape)) {
                let help = "add one of `constant:`, `steps:`, `diurnal:` and `replay:`";
                let span = reader.first_line(raw.span);
                reader.error("no-traffic", "the traffic has no shape", span, "", help);
            }
            return None;
        }
        _ => {
            let span = reader.first_line(raw.span);
            let title = "the traffic has more than one shape";
            reader.error("two-shapes", title, span, "", "keep one of constant, steps, diurnal and replay");
            return None;
        }
    }
    let mut spread = raw.spread;
    let mut names = Vec::new();
    let mut durations = None;
    let mut covers = None;
    let shape = if let Some(rate) = raw.constant {
        Some(Shape::Constant(PerSecond(rate.per_second(month))))
    } else if let Some(steps) = raw.steps {
        check_steps(&steps, month, reader).map(Shape::Steps)
    } else if let Some(wave) = raw.diurnal {
        check_diurnal(wave, month, reader).map(Shape::Diurnal)
    } else if let Some(replay) = raw.replay {
        spread = spread.or(replay.spread);
        check_replay(replay, reader).map(|checked| {
            names = checked.names;
            covers = Some((checked.file.covers, checked.file.repeat, checked.span));
            if checked.has_durations {
                durations = Some((checked.file.cpu_share, checked.file.measured_on.clone(), checked.span));
            }
            if checked.by_request { Shape::ReplayRequests(checked.file) } else { Shape::ReplayRate(checked.file) }
        })
    } else {
        None
    };
    let replay = covers.is_some();
    let default = covers.map_or(SimDuration::from_hours(7 * 24), |(covers, ..)| covers);
    let horizon_value = horizon.map_or(default, |horizon| horizon.value);
    if let Some(horizon) = horizon
        && !(SimDuration::from_secs(1)..=SimDuration::from_hours(24 * 3_660)).contains(&horizon.value)
    {
        reader.error(
            "out-of-range",
            format!("a horizon of {}", horizon.value),
            horizon.span,
            "",
            "write e.g. `7d` or `28d`",
        );
    }
    if let (Some((covers, false, span)), Some(horizon)) = (covers, horizon)
        && horizon.value > covers
    {
        let title = format!("the horizon ({}) is longer than the file covers ({covers})", horizon.value);
        let finding = Diagnostic::error("horizon-beyond-file", title)
            .at(&reader.sources, horizon.span, "")
            .at(&reader.sources, span, format!("covers {covers}"))
            .help("remove `horizon:`, or add `repeat: true` to the replay");
        reader.findings.push(finding);
    }
    let warmup_value = warmup
        .map_or_else(|| if replay { SimDuration::ZERO } else { SimDuration::from_hours(1) }, |warmup| warmup.value);
    if let Some(warmup) = warmup.filter(|warmup| warmup.value > SimDuration::from_hours(24 * 366)) {
        reader.error("out-of-range", format!("a warm-up of {}", warmup.value), warmup.span, "", "write e.g. `1h`");
    }
    let scale = raw.scale.as_ref();
    if let Some(scale) = scale.filter(|scale| scale.value <= 0.0 || scale.value > 1e6) {
        let title = format!("a scale of {}", scale.value);
        reader.error("out-of-range", title, scale.span, "", "write a number above 0, e.g. `2`");
    }
    let bursts = raw.bursts.unwrap_or_default();
    let bursts = bursts.into_iter().filter_map(|burst| check_burst(burst, horizon_value, reader)).collect();
    Some(TrafficResult {
        traffic: Traffic {
            shape: shape?,
            scale: scale.map_or(1.0, |scale| scale.value),
            growth_per_month: raw.growth.map_or(0.0, |growth| growth.0),
            bursts,
            spread: spread.unwrap_or(Spread::Poisson),
        },
        horizon: horizon_value,
        warmup: warmup_value,
        names,
        durations,
    })
}

fn check_steps(
    steps: &At<Vec<RawStep>>,
    month: SimDuration,
    reader: &mut Reader,
) -> Option<Vec<(SimDuration, PerSecond)>> {
    let mut checked: Vec<(SimDuration, PerSecond)> = Vec::new();
    for step in &steps.value {
        let (Some(at), Some(rate)) = (&step.at, step.rate) else { continue };
        match checked.last() {
            None if at.value != SimDuration::ZERO => {
                let help = "write `at: 0s` for the first step";
                reader.error("steps", "the first step is not at 0s", at.span, "", help);
            }
            Some((last, _)) if at.value <= *last => {
                reader.error("steps", "steps are not in ascending order of `at`", at.span, "", "sort them");
            }
            _ => {}
        }
        checked.push((at.value, PerSecond(rate.per_second(month))));
    }
    if steps.value.is_empty() && !reader.failed_within(steps.span) {
        reader.error("steps", "there are no steps", steps.span, "", "add e.g. `{ at: 0s, rate: 10/s }`");
    }
    (!checked.is_empty()).then_some(checked)
}

fn check_diurnal(raw: RawDiurnal, month: SimDuration, reader: &mut Reader) -> Option<Diurnal> {
    let weekend_span = raw.weekend.as_ref().map(|weekend| weekend.span);
    let weekend = raw.weekend.map_or(1.0, |weekend| weekend.value);
    if let Some(span) = weekend_span
        && weekend > 100.0
    {
        reader.error("out-of-range", format!("a weekend of {weekend} weekdays"), span, "", "write e.g. `0.7`");
        return None;
    }
    let (mean, peak) = (raw.mean?, raw.peak?);
    let (m, p) = (mean.value.per_second(month), peak.value.per_second(month));
    if m <= 0.0 || p <= 0.0 {
        let span = if m <= 0.0 { mean.span } else { peak.span };
        reader.error("not-positive", "the rate must be more than zero", span, "", "write e.g. `40/s`");
        return None;
    }
    match diurnal::concentration(m, p, weekend) {
        Ok(kappa) => Some(Diurnal {
            mean: PerSecond(m),
            peak: PerSecond(p),
            peak_at: raw.peak_at.map_or(SimDuration::from_hours(14), |time| time.0),
            weekend,
            kappa,
        }),
        Err((low, high)) => {
            let title = format!("no daily wave with a weekend of {weekend} has this mean and this peak");
            let help = format!(
                "with a peak of {} the mean can be {} to {}; with this mean the peak can be {} to {}",
                rate_text(p),
                rate_text(p * low),
                rate_text(p * high),
                rate_text(m / high),
                rate_text(m / low),
            );
            let finding = Diagnostic::error("impossible-wave", title)
                .at(&reader.sources, mean.span, format!("{} on average", rate_text(m)))
                .at(&reader.sources, peak.span, format!("{} at the peak", rate_text(p)))
                .help(help);
            reader.findings.push(finding);
            None
        }
    }
}

/// A rate with four significant digits.
fn rate_text(per_second: f64) -> String {
    let digits =
        if per_second <= 0.0 { 0 } else { (3.0 - libm::floor(libm::log10(per_second))).clamp(0.0, 12.0) as usize };
    let text = format!("{per_second:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}/s")
}

struct CheckedReplay {
    file: ReplayFile,
    by_request: bool,
    has_durations: bool,
    names: Vec<(String, u64)>,
    span: Span,
}

fn check_replay(raw: RawReplay, reader: &mut Reader) -> Option<CheckedReplay> {
    let file = raw.file?;
    let by_request = match (raw.rate.unwrap_or(false), raw.requests.unwrap_or(false)) {
        (true, false) => false,
        (false, true) => true,
        _ => {
            let help = "add `rate: true` (a count for each period) or `requests: true` (one row a request)";
            reader.error("replay", "the kind of the file is not clear", file.span, "", help);
            return None;
        }
    };
    let columns = raw.columns.map_or_else(Columns::default, |raw| Columns {
        time: raw.time,
        count: raw.count,
        duration: raw.duration,
        name: raw.name,
    });
    let measured_on = raw.measured_on.map(|measured| measured.0);
    let path = files::locate(&file.value, reader.base.as_deref());
    let fail = |reader: &mut Reader, error: csv_file::FileError| {
        let finding = wrong_row(&error, file.span, reader);
        reader.findings.push(finding);
    };
    if !path.exists() {
        let help = match catalog::nearest_file(&file.value, reader.base.as_deref()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a CSV file, plain or gzip; a path is relative to the file that names it".to_owned(),
        };
        reader.error("no-such-file", format!("there is no file `{}`", shorten(&file.value)), file.span, "", &help);
        return None;
    }
    if path.is_dir() {
        let title = format!("`{}` is a directory", shorten(&file.value));
        reader.error("is-directory", title, file.span, "", "name a CSV file in it");
        return None;
    }
    if !path.is_file() {
        let title =
            format!("`{}` is a pipe or a device, but a replayed file is read several times", shorten(&file.value));
        let help = "save it as a file first; gzip is read as it is";
        reader.error("not-a-file", title, file.span, "", help);
        return None;
    }
    let mut names = Vec::new();
    let mut has_durations = false;
    let read = if by_request {
        let summary = match csv_file::scan_requests(&path, &file.value, &columns) {
            Ok(summary) => summary,
            Err(error) => {
                fail(reader, error);
                return None;
            }
        };
        if summary.durations > 0 && summary.durations < summary.rows {
            let title = format!("{} of {} rows have no duration", summary.rows - summary.durations, summary.rows);
            reader.error("replay", title, file.span, "", "fill in the durations, or remove the column");
        }
        // The horizon ends just after the last arrival, so that it is within.
        let covers = SimDuration(summary.covers.0.saturating_add(1));
        has_durations = summary.durations > 0;
        names = summary.names;
        ReplayFile {
            rows: summary.rows,
            covers,
            requests: summary.rows as f64,
            first_date: summary.first_date,
            ..ReplayFile::default()
        }
    } else {
        match csv_file::scan_rate(&path, &file.value, &columns) {
            Ok(summary) => ReplayFile {
                rows: summary.rows,
                covers: summary.covers,
                period: summary.period,
                requests: summary.total,
                peak: PerSecond(summary.peak / summary.period.as_secs_f64()),
                missing: summary.missing,
                first_date: summary.first_date,
                ..ReplayFile::default()
            },
            Err(error) => {
                fail(reader, error);
                return None;
            }
        }
    };
    let digest = match files::digest_file(&path) {
        Ok(digest) => digest,
        Err(error) => {
            reader.error("cannot-read", format!("`{}` cannot be read: {error}", file.value), file.span, "", "");
            return None;
        }
    };
    reader.note_file(&file.value, digest.clone());
    let checked = ReplayFile {
        path,
        shown: file.value,
        columns,
        repeat: raw.repeat.unwrap_or(false),
        digest,
        cpu_share: raw.cpu_share.map(|share| share.0),
        measured_on,
        ..read
    };
    Some(CheckedReplay { file: checked, by_request, has_durations, names, span: file.span })
}

/// What is wrong with a replayed file: shown in the file's row where there is one, else where the file is named.
fn wrong_row(error: &csv_file::FileError, named: Span, reader: &mut Reader) -> Diagnostic {
    let text = error.text.as_ref().map_or_else(String::new, |text| format!(": `{}`", shorten(text)));
    let help = error.help.as_deref().unwrap_or("mend the file, or name another one");
    match (error.line, &error.row) {
        (Some(line), Some(row)) => {
            let (row, bytes) = &**row;
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            let source = reader.sources.add_excerpt(error.file.as_str(), row.as_str(), line);
            let place = Span { source, start: bytes.start as u32, end: bytes.end as u32 };
            Diagnostic::error("replay", format!("{}{text}", error.message))
                .at(&reader.sources, place, "")
                .at(&reader.sources, named, "named here")
                .help(help)
        }
        (line, _) => {
            let line = line.map_or_else(String::new, |line| format!(":{line}"));
            let title = format!("`{}{line}`: {}{text}", error.file, error.message);
            Diagnostic::error("replay", title).at(&reader.sources, named, "").help(help)
        }
    }
}

fn check_burst(raw: RawBurst, horizon: SimDuration, reader: &mut Reader) -> Option<Burst> {
    if let Some(at) = raw.at.as_ref().filter(|at| at.value >= horizon) {
        // As written where it can be: `2d9h` is easier to find again than `57h`.
        let source = &reader.sources.get(at.span.source).text;
        let written = source.get(at.span.start as usize..at.span.end as usize).map_or("", str::trim);
        let written = if written.is_empty() { at.value.to_string() } else { shorten(written).to_string() };
        let title = format!("the burst at {written} lies outside the horizon of {horizon}");
        let help = "move it, lengthen `horizon:`, or leave bursts out with `--set 'traffic.bursts=[]'`";
        reader.error("burst-outside", title, at.span, "", help);
    } else if let (Some(at), Some(lasts)) = (&raw.at, &raw.lasts)
        && at.value + lasts.value > horizon
    {
        let title = format!("the burst ends after the horizon of {horizon}");
        reader.error("burst-outside", title, lasts.span, "", "shorten it, or lengthen `horizon:`");
    }
    if let Some(lasts) = raw.lasts.as_ref().filter(|lasts| lasts.value == SimDuration::ZERO) {
        reader.error("not-positive", "the burst has no length", lasts.span, "", "write e.g. `20m`");
    }
    if let Some(times) = raw.times.as_ref().filter(|times| times.value > 1e6) {
        reader.error("out-of-range", format!("{} times the base", times.value), times.span, "", "write e.g. `8`");
    }
    Some(Burst { at: raw.at?.value, lasts: raw.lasts?.value, times: raw.times?.value, per: raw.per? })
}

/// Refuses windows so short that there are more of them than can be kept in memory for each replication.
pub(crate) fn check_windows(objectives: &Objectives, horizon: SimDuration, span: Span, reader: &mut Reader) {
    for objective in &objectives.latency {
        let Some(window) = objective.window.filter(|window| horizon.0.div_ceil(window.0.max(1)) > MAX_WINDOWS) else {
            continue;
        };
        let title = format!("`{}`: the horizon of {horizon} has too many windows of {window}", objective.name);
        let help = format!("at most {MAX_WINDOWS} are judged: lengthen `window:`, e.g. `5m`");
        let span = reader.first_line(span);
        reader.error("out-of-range", title, span, "", &help);
    }
}

/// Refuses rates beyond what can be counted.
pub(crate) fn check_rate(traffic: &Traffic, span: Span, reader: &mut Reader) {
    let base = match &traffic.shape {
        Shape::Constant(rate) => rate.0,
        Shape::Steps(steps) => steps.iter().map(|(_, rate)| rate.0).fold(0.0, f64::max),
        Shape::Diurnal(wave) => wave.peak.0 * wave.weekend.max(1.0),
        Shape::ReplayRate(file) => file.peak.0,
        Shape::ReplayRequests(_) => 0.0,
    };
    let peak = base * traffic.scale * greatest_multiple(&traffic.bursts);
    if peak > MAX_RATE {
        let title = format!("the rate reaches {}", rate_text(peak));
        let help = "the largest rate is a billion requests a second, bursts and scale included";
        let span = reader.first_line(span);
        reader.error("out-of-range", title, span, "", help);
    }
}

/// The largest multiple of the base that bursts make; those that overlap add up.
fn greatest_multiple(bursts: &[Burst]) -> f64 {
    let added = bursts.iter().filter(|burst| burst.times > 1.0);
    let mut changes: Vec<(u64, f64)> = added
        .flat_map(|burst| {
            let more = burst.times - 1.0;
            [(burst.at.0, more), (burst.at.0.saturating_add(burst.lasts.0), -more)]
        })
        .collect();
    // One that ends where another begins does not overlap it.
    changes.sort_by_key(|&(at, change)| (at, change > 0.0));
    let (mut multiple, mut greatest) = (1.0, 1.0);
    for (_, change) in changes {
        multiple += change;
        greatest = f64::max(greatest, multiple);
    }
    greatest
}

/// `measured_on:`.
#[derive(Debug, Clone)]
pub(crate) struct RawMeasuredOn(pub(crate) MeasuredOn);

impl FromYaml for RawMeasuredOn {
    const EXPECTS: &'static str = "a memory size such as `512 MB` or an instance type such as `m7i.large`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let name = At::<String>::read(node, reader)?;
        if name.value.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
            let memory = MegaBytes::read(node, reader)?;
            if !(128..=10_240).contains(&memory.0) {
                let title = format!("{} MB is no memory size of a function", memory.0);
                reader.error("out-of-range", title, node.span, "", "write 128 MB to 10240 MB");
                return None;
            }
            return Some(Self(MeasuredOn::LambdaMemory(memory.0)));
        }
        let instance = check_instance(&name, reader)?;
        // Every speed factor is 1 unless a source is cited.
        Some(Self(MeasuredOn::Instance { name: instance.name, speed: 1.0 }))
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "string", "description": "512 MB, or m7i.large" })
    }
}

record! {
    /// One kind of request: `cpu` and `wait`, or a measured `duration` with its `cpu_share`.
    pub(crate) struct RawRequest: "a request such as `{ name: browse, cpu: 8ms, wait: 20ms }`" {
        /// Its name.
        required name: At<String>,
        /// Share of all requests; may be left out where there is one.
        optional share: At<Share>,
        /// CPU time on one reference vCPU.
        optional cpu: At<Distribution>,
        /// Time blocked on I/O after that.
        optional wait: At<Distribution>,
        /// The whole duration as measured, instead of cpu and wait.
        optional duration: At<Distribution>,
        /// Share of the duration that is CPU work.
        optional cpu_share: At<Percent>,
        /// Memory size or instance type on which the duration was measured (default: the reference vCPU).
        optional measured_on: At<RawMeasuredOn>,
        /// Sent by the client (default 1 KB).
        optional request_size: Bytes,
        /// Sent back to the client (default 2 KB).
        optional response_size: Bytes,
        /// Written to the log by the handler (default 500 B).
        optional log_size: Bytes,
        /// Sent outside the network by the handler (default 0 B).
        optional external_bytes: Bytes,
    }
    later ["calls", "errors", "error_rate", "priority", "cacheable", "payload", "writes", "reads", "phases"]
}

/// Work measured as a whole, split by its CPU share where that is stated.
pub(crate) fn measured_work(total: Distribution, share: Option<f64>, measured_on: Option<&MeasuredOn>) -> Work {
    let speed = match measured_on {
        // At less than a vCPU the clock runs while the CPU is taken away: the same time holds less work.
        Some(MeasuredOn::LambdaMemory(mb)) => (f64::from(*mb) / FULL_VCPU_MB).min(1.0),
        Some(MeasuredOn::Instance { speed, .. }) => *speed,
        None => 1.0,
    };
    match share {
        Some(share) => Work::Duration { total, cpu_factor: share * speed, wait_factor: 1.0 - share, split: true },
        None => Work::Duration { total, cpu_factor: 0.0, wait_factor: 1.0, split: false },
    }
}

/// A class with the place of a duration that has no CPU share.
pub(crate) struct CheckedClass {
    pub(crate) class: RequestClass,
    pub(crate) unsplit: Option<Span>,
}

/// Checks the requests.
pub(crate) fn classes(raw: &At<Vec<RawRequest>>, reader: &mut Reader) -> Vec<CheckedClass> {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let mut checked = Vec::new();
    let alone = raw.value.len() == 1;
    if raw.value.len() > MAX_CLASSES {
        reader.error("too-many", "there are more than 1,000 requests", raw.span, "", "group them into a few kinds");
        return Vec::new();
    }
    for request in &raw.value {
        if let Some(name) = &request.name {
            if let Some(first) = seen.get(name.value.as_str()) {
                let finding =
                    Diagnostic::error("duplicate-name", format!("two requests are called `{}`", shorten(&name.value)))
                        .at(&reader.sources, name.span, "again here")
                        .at(&reader.sources, *first, "first here")
                        .help("give each its own name");
                reader.findings.push(finding);
            } else {
                seen.insert(&name.value, name.span);
            }
        }
        if !request.given.contains(&"share") && !alone {
            let span = reader.first_line(request.span);
            reader.error(
                "missing-key",
                "`share` is missing",
                span,
                "in this request",
                "add e.g. `share: 0.5`; all shares add up to 1",
            );
        }
        checked.extend(check_class(request, reader));
    }
    if raw.value.is_empty() && !reader.failed_within(raw.span) {
        let help = "add e.g. `- { name: browse, cpu: 8ms, wait: 20ms }`";
        reader.error("no-requests", "there are no requests", raw.span, "", help);
    }
    let shares: Option<Vec<f64>> =
        raw.value.iter().map(|request| request.share.as_ref().map(|share| share.value.0)).collect();
    if let Some(shares) = shares.filter(|shares| !shares.is_empty()) {
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() > SHARE_TOLERANCE {
            let sum = libm::round(sum * 1e6) / 1e6;
            let mut finding = Diagnostic::error("shares", format!("the shares add up to {sum} instead of 1"));
            for request in &raw.value {
                if let Some(share) = &request.share {
                    finding = finding.at(&reader.sources, share.span, "");
                }
            }
            let missing = libm::round((1.0 - sum) * 1e6) / 1e6;
            let help = if missing > 0.0 {
                format!("{missing} is missing: raise a share or add a request")
            } else {
                format!("{} is too much: lower a share", -missing)
            };
            reader.findings.push(finding.help(help));
        } else {
            // What is left of rounding in the file is spread, so that probabilities add up exactly.
            for class in &mut checked {
                class.class.share /= sum;
            }
        }
    }
    checked
}

fn check_class(raw: &RawRequest, reader: &mut Reader) -> Option<CheckedClass> {
    let work = match (&raw.duration, &raw.cpu, &raw.wait) {
        (Some(duration), None, None) => {
            let share = raw.cpu_share.as_ref().map(|share| share.value.0);
            Some(measured_work(duration.value.clone(), share, raw.measured_on.as_ref().map(|on| &on.value.0)))
        }
        (Some(_), Some(other), _) | (Some(_), None, Some(other)) => {
            let span = reader.first_line(other.span);
            let help = "keep `duration:` (with `cpu_share:`), or `cpu:` and `wait:`";
            reader.error("two-works", "the request has a `duration` already", span, "", help);
            None
        }
        (None, None, None) => {
            if !["duration", "cpu", "wait"].iter().any(|key| raw.given.contains(key)) {
                let span = reader.first_line(raw.span);
                let help = "add `cpu:` and `wait:`, or `duration:` with `cpu_share:`";
                reader.error("no-work", "the request does not say what it needs", span, "", help);
            }
            None
        }
        (None, cpu, wait) => {
            for (key, span) in [
                ("cpu_share", raw.cpu_share.as_ref().map(|share| share.span)),
                ("measured_on", raw.measured_on.as_ref().map(|on| on.span)),
            ] {
                if let Some(span) = span {
                    let help = "remove it: `cpu:` and `wait:` are given on the reference vCPU";
                    reader.error("no-duration", format!("`{key}` belongs to a `duration`"), span, "", help);
                }
            }
            let part = |part: &Option<At<Distribution>>| part.as_ref().map_or(Distribution::ZERO, |d| d.value.clone());
            Some(Work::Phases { cpu: part(cpu), wait: part(wait) })
        }
    };
    // A share that cannot be read is reported where it stands.
    let unsplit = match &work {
        Some(Work::Duration { split: false, .. }) if !raw.given.contains(&"cpu_share") => {
            raw.duration.as_ref().map(|duration| duration.span)
        }
        _ => None,
    };
    let class = RequestClass {
        name: raw.name.as_ref()?.value.clone(),
        share: raw.share.as_ref().map_or(1.0, |share| share.value.0),
        work: work?,
        request_size: raw.request_size.unwrap_or(Bytes(1 << 10)),
        response_size: raw.response_size.unwrap_or(Bytes(2 << 10)),
        log_size: raw.log_size.unwrap_or(Bytes(500)),
        external_bytes: raw.external_bytes.unwrap_or(Bytes(0)),
    };
    Some(CheckedClass { class, unsplit })
}

/// A class of requests whose work comes with the request file.
pub(crate) fn replayed_class(name: &str, share: f64, work: Work) -> RequestClass {
    RequestClass {
        name: name.to_owned(),
        share,
        work,
        request_size: Bytes(1 << 10),
        response_size: Bytes(2 << 10),
        log_size: Bytes(500),
        external_bytes: Bytes(0),
    }
}

/// Names in a request file must be those of the scenario's requests.
pub(crate) fn check_names(
    names: &[(String, u64)],
    classes: &[RequestClass],
    shape: &Shape,
    reader: &mut Reader,
    span: Span,
) {
    let Shape::ReplayRequests(file) = shape else { return };
    for (name, count) in names {
        if classes.iter().all(|class| class.name != *name) {
            let help = match nearest(name, classes.iter().map(|class| class.name.as_str())) {
                Some(near) => format!("did you mean `{near}`? Add it to `requests:`, or correct the file"),
                None => "add it to `requests:`, or correct the file".to_owned(),
            };
            let title = format!(
                "`{}` has {count} requests called `{}`, which is no request of the scenario",
                file.shown,
                shorten(name)
            );
            reader.error("no-such-request", title, span, "", &help);
        }
    }
}

record! {
    /// How callers behave.
    pub(crate) struct RawClient: "the settings of the client" {
        /// Gives up on an attempt after this long (default none).
        optional timeout: OrNone<At<SimDuration>>,
        /// Tries again (default never).
        optional retries: OrNone<RawRetries>,
        /// Requests sent over one connection before it is closed (default 20).
        optional requests_per_connection: At<f64>,
    }
    later ["circuit_breaker", "hedging", "budget", "connections"]
}

record! {
    /// The client's retries.
    pub(crate) struct RawRetries: "retries such as `{ attempts: 2, on: [429, 503] }`" {
        /// Further attempts after the first, 0 to 20.
        required attempts: At<u32>,
        /// HTTP statuses that are retried (default 429, 502, 503, 504).
        optional on: Vec<At<u32>>,
        /// Wait before a further attempt (default exponential from 100ms to 5s with full jitter).
        optional backoff: RawBackoff,
    }
}

record! {
    /// Wait before a further attempt: one of these.
    pub(crate) struct RawBackoff: "a wait such as `{ exponential: { base: 100ms, cap: 5s, jitter: full } }`" {
        /// Doubles with each attempt.
        optional exponential: RawBackoffKind,
        /// Always the same.
        optional constant: RawBackoffKind,
    }
}

record! {
    /// Parameters of the wait.
    pub(crate) struct RawBackoffKind: "a wait such as `{ base: 100ms, cap: 5s, jitter: full }`" {
        /// First wait.
        required base: At<SimDuration>,
        /// Longest wait (default 5s, or base where that is longer).
        optional cap: At<SimDuration>,
        /// `full` (between zero and the wait) or `none` (default full).
        optional jitter: RawJitter,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawJitter {
    Full,
    None,
}

keywords!(RawJitter, "`full` or `none`", { "full" => Self::Full, "none" => Self::None });

/// Checks the client.
pub(crate) fn client(raw: Option<RawClient>, reader: &mut Reader) -> Client {
    let mut client = Client { timeout: None, retries: None, requests_per_connection: 20.0 };
    let Some(raw) = raw else { return client };
    if let Some(timeout) = raw.timeout.and_then(|timeout| timeout.0) {
        if timeout.value == SimDuration::ZERO {
            reader.error(
                "not-positive",
                "a time-out of 0s ends every request",
                timeout.span,
                "",
                "write e.g. `30s`, or `none`",
            );
        }
        client.timeout = Some(timeout.value);
    }
    if let Some(requests) = raw.requests_per_connection {
        if requests.value < 1.0 {
            let help = "write 1 or more; 1 = a new connection for each request";
            reader.error("out-of-range", "less than one request a connection", requests.span, "", help);
        }
        client.requests_per_connection = requests.value;
    }
    client.retries = raw.retries.and_then(|retries| retries.0).and_then(|raw| check_retries(raw, reader));
    client
}

fn check_retries(raw: RawRetries, reader: &mut Reader) -> Option<Retries> {
    let mut on = Vec::new();
    for status in raw.on.iter().flatten() {
        match u16::try_from(status.value) {
            Ok(code @ 400..=599) => on.push(code),
            _ => {
                let title = format!("{} is no status of an error", status.value);
                reader.error(
                    "out-of-range",
                    title,
                    status.span,
                    "",
                    "write statuses from 400 to 599, e.g. `[429, 503]`",
                );
            }
        }
    }
    on.sort_unstable();
    on.dedup();
    if raw.on.is_none() {
        on = vec![429, 502, 503, 504];
    }
    let backoff = match raw.backoff {
        None => Some(Backoff {
            base: SimDuration::from_millis(100),
            cap: SimDuration::from_secs(5),
            factor: 2.0,
            full_jitter: true,
        }),
        Some(RawBackoff { exponential: Some(kind), constant: None, .. }) => check_backoff(&kind, 2.0, reader),
        Some(RawBackoff { exponential: None, constant: Some(kind), .. }) => check_backoff(&kind, 1.0, reader),
        Some(backoff) => {
            if backoff.given.len() != 1 {
                let help = "write `{ exponential: { base: 100ms, cap: 5s } }` or `{ constant: { base: 1s } }`";
                let span = reader.first_line(backoff.span);
                reader.error("backoff", "a backoff has exactly one kind", span, "", help);
            }
            None
        }
    };
    let attempts = raw.attempts?;
    let Some(count) = u8::try_from(attempts.value).ok().filter(|n| *n <= 20) else {
        let title = format!("{} further attempts", attempts.value);
        reader.error("out-of-range", title, attempts.span, "", "write 0 to 20");
        return None;
    };
    Some(Retries { attempts: count, on, backoff: backoff? })
}

fn check_backoff(kind: &RawBackoffKind, factor: f64, reader: &mut Reader) -> Option<Backoff> {
    let base = kind.base.as_ref()?;
    let cap = kind.cap.as_ref().map_or(SimDuration::from_secs(5).max(base.value), |cap| cap.value);
    if let Some(at) = kind.cap.as_ref().filter(|cap| cap.value < base.value) {
        let title = format!("`cap` ({}) is below `base` ({})", at.value, base.value);
        reader.error("cap-below-base", title, at.span, "", "swap them");
    }
    let full_jitter = kind.jitter.unwrap_or(RawJitter::Full) == RawJitter::Full;
    Some(Backoff { base: base.value, cap, factor, full_jitter })
}

/// `objectives:`: latency percentiles and `failures`.
#[derive(Debug, Clone)]
pub(crate) struct RawObjectives(pub(crate) Objectives);

record! {
    /// A latency objective.
    struct RawLatency: "a duration such as `500ms`, or `{ limit: 500ms, window: 5m, met: 99.9% }`" {
        /// Largest latency.
        required limit: At<SimDuration>,
        /// Judged in windows of this length (default: over the whole horizon).
        optional window: At<SimDuration>,
        /// Share of the windows that must hold (default 100%).
        optional met: At<Percent>,
    }
}

impl FromYaml for RawObjectives {
    const EXPECTS: &'static str = "objectives such as `{ p99: 500ms, failures: 0.1% }`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else { return reader.mismatch(node, Self::EXPECTS) };
        let mut objectives = Objectives::default();
        for (key, value) in entries {
            if key.text == "failures" {
                objectives.failures = Percent::read(value, reader).map(|share| share.0);
                continue;
            }
            let Some(quantile) = quantile(&key.text) else {
                let help = match nearest(&key.text, ["failures", "p50", "p90", "p95", "p99", "p99.9"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write a percentile such as `p99` or `p99.9`, or `failures`".to_owned(),
                };
                reader.error("unknown-key", format!("unknown objective `{}`", shorten(&key.text)), key.span, "", &help);
                continue;
            };
            let name = key.text.clone();
            let (limit, window, met) = match &value.value {
                Value::Mapping(_) => {
                    let Some(raw) = RawLatency::read(value, reader) else { continue };
                    if let Some(met) = raw.met.as_ref().filter(|_| !raw.given.contains(&"window")) {
                        let help = "add e.g. `window: 5m`, or remove `met:`";
                        reader.error("met-without-window", "`met` needs windows", met.span, "", help);
                    }
                    if let Some(window) = raw.window.as_ref().filter(|w| w.value < SimDuration::from_secs(1)) {
                        reader.error(
                            "out-of-range",
                            format!("a window of {}", window.value),
                            window.span,
                            "",
                            "write e.g. `5m`",
                        );
                        continue;
                    }
                    let Some(limit) = raw.limit else { continue };
                    (limit, raw.window.map(|window| window.value), raw.met.map_or(1.0, |met| met.value.0))
                }
                _ => {
                    let Some(limit) = At::<SimDuration>::read(value, reader) else { continue };
                    (limit, None, 1.0)
                }
            };
            if limit.value == SimDuration::ZERO {
                reader.error("not-positive", "no request takes 0s", limit.span, "", "write e.g. `500ms`");
            }
            objectives.latency.push(LatencyObjective { name, quantile, limit: limit.value, window, met });
        }
        Some(Self(objectives))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Objectives", |schemas| {
            let duration = SimDuration::schema(schemas);
            let long = RawLatency::schema(schemas);
            let failures = Percent::schema(schemas);
            json!({
                "type": "object", "additionalProperties": false,
                "description": "What the service promises.",
                "properties": { "failures": failures },
                "patternProperties": { r"^p[0-9]{1,2}(\.[0-9]+)?$|^p99[0-9]+$": { "anyOf": [duration, long] } },
            })
        })
    }
}

/// The quantile that `p99`, `p99.9` or `p999` names, strictly between 0 and 1.
fn quantile(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.len() <= 10;
    if !plain || digits.starts_with('.') || digits.ends_with('.') {
        return None;
    }
    // p999 is the usual short form of p99.9.
    let percent = match digits.split_at_checked(2) {
        Some((two, more)) if !more.is_empty() && !more.contains('.') && !two.contains('.') => format!("{two}.{more}"),
        _ => digits.to_owned(),
    };
    percent.parse::<f64>().ok().map(|percent| percent / 100.0).filter(|q| *q > 0.0 && *q < 1.0)
}

record! {
    /// A database by the hour that all architectures share.
    pub(crate) struct RawBackend: "a backend such as `{ hourly: $0.171, max_connections: 200, pool_per_instance: 10 }`" {
        /// What it costs an hour.
        required hourly: Usd,
        /// Connections that it accepts (default unlimited).
        optional max_connections: At<Limit>,
        /// Connections that the pool of each instance opens; an environment of a function opens one (default 10).
        optional pool_per_instance: At<u32>,
        /// Bytes between it and the application for each request, both directions together; what crosses zones is paid (default none).
        optional transfer: Bytes,
    }
    later ["proxy", "storage", "latency", "iops", "replicas"]
}

impl FromYaml for Usd {
    const EXPECTS: &'static str = "an amount of money such as `$0.171`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(text) = node.scalar() else { return reader.mismatch(node, <Self as FromYaml>::EXPECTS) };
        let plain = text.trim().trim_start_matches('$').trim_end_matches("USD").trim();
        match plain.parse::<Self>() {
            Ok(amount) if amount >= Self::ZERO => Some(amount),
            Ok(_) => {
                let problem =
                    Problem::new("negative", format!("`{}` is negative", shorten(text)), "write e.g. `$0.171`");
                reader.problem(node, problem)
            }
            Err(error) => {
                let problem = Problem::new("money", format!("`{}` {error}", shorten(text)), "write e.g. `$0.171`");
                reader.problem(node, problem)
            }
        }
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": r"^\$?[0-9]+(\.[0-9]+)?$" }] })
    }
}

/// Checks the backend.
pub(crate) fn backend(raw: RawBackend, reader: &mut Reader) -> Option<Backend> {
    if let Some(limit) = raw.max_connections.as_ref().filter(|limit| limit.value == Limit::At(0)) {
        reader.error(
            "out-of-range",
            "a database without connections",
            limit.span,
            "",
            "write 1 or more, or `unlimited`",
        );
    }
    Some(Backend {
        hourly: raw.hourly?,
        max_connections: raw.max_connections.map_or(Limit::Unlimited, |limit| limit.value),
        pool_per_instance: raw.pool_per_instance.map_or(10, |pool| pool.value),
        transfer: raw.transfer.unwrap_or_default(),
    })
}

/// Checks the name of an AWS region by its form; whether it has prices is for the bill to say.
pub(crate) fn region(raw: Option<At<String>>, reader: &mut Reader) -> String {
    let Some(at) = raw else { return "us-east-1".to_owned() };
    let parts: Vec<&str> = at.value.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let form = parts.len() >= 3
        && parts[..parts.len() - 1].iter().all(letters)
        && parts.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    if !form {
        let title = format!("`{}` is no AWS region", shorten(&at.value));
        reader.error("region", title, at.span, "", "write e.g. `us-east-1` or `eu-west-1`");
    }
    at.value
}

/// Checks an IANA time zone.
pub(crate) fn timezone(raw: Option<At<String>>, reader: &mut Reader) -> String {
    let Some(at) = raw else { return "UTC".to_owned() };
    let database = jiff::tz::db();
    if at.value != "UTC" && database.get(&at.value).is_err() {
        let all: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        let help = match nearest(&at.value, all.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write an IANA name such as `Europe/Berlin` or `UTC`".to_owned(),
        };
        let title = format!("`{}` is no time zone", shorten(&at.value));
        reader.error("timezone", title, at.span, "", &help);
    }
    at.value
}
