//! Findings: what a reader should know before trusting a number or paying a bill, as data. Whatever finds one says so with this type:
//! `spec` of a file, `arch` of a run, `compare` and `precision` of results. `results.json` holds them under `findings`, and their sentences
//! under `warnings`; nothing tells one from another by its words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is, by a name that stays.
    pub code: Code,
    /// The component that it is about (`null`: the whole architecture, or the scenario).
    pub component: Option<String>,
    /// The number that triggers it, in `unit` (`null` where no number does).
    pub value: Option<f64>,
    /// What the value was held against, in the same unit: it is made beyond it, see the code (`null` where any value at all is too much).
    pub limit: Option<f64>,
    /// Unit of `value` and `limit`.
    pub unit: Option<Unit>,
    /// How many requests, calls or starts it concerns, all replications together (`null` where that is not counted).
    pub count: Option<u64>,
    /// In words, with the number and the fix.
    pub text: String,
    /// What to do about it, as it stands in `text` (`null` where there is nothing to do).
    pub fix: Option<String>,
}

/// What a finding is, in the order in which they are told. `docs/findings.md` says for each what is held against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A horizon that weighs hours or weekdays differently than a month does.
    UnevenHorizon,
    /// One replication, which has no interval.
    OneReplication,
    /// Periods of a replayed file that have no row.
    RowsMissing,
    /// Dates of a replayed file that are not used.
    DatesNotUsed,
    /// The cheapest is so by the free tier alone.
    FreeTierDecides,
    /// A price is missing, so that the cost is not known.
    PriceMissing,
    /// What owning takes was not priced again.
    OwnershipLeftOut,
    /// The precision that was asked for was not reached.
    PrecisionMissed,
    /// The history that stands for what was before windows is off.
    HistoryOff,
    /// A fleet that may grow and has no rule by which it would.
    NoScaling,
    /// A start-up that is that of an empty program.
    EmptyProgram,
    /// A call whose work is taken to be that of the request.
    SameWork,
    /// Instances that were terminated before they served.
    NeverInService,
    /// Instances that ran out of memory.
    OutOfMemory,
    /// Launches that the account's vCPU quota refused.
    VcpuQuota,
    /// A group that shrank to nothing and has no metric to grow on.
    AsleepAtZero,
    /// Machines whose CPU is hardly used.
    IdleCpu,
    /// What an event of the scenario did.
    Event,
    /// What a deployment did.
    Deployment,
    /// More concurrency reserved than AWS lets an account reserve.
    OverReserved,
    /// A function's p99.9 is near its time-out.
    NearTimeout,
    /// The gateway gives up while the function may go on and is paid.
    GatewayGivesUp,
    /// Twice the memory would cost the same and answer sooner.
    MemoryDoublingFree,
    /// Provisioned concurrency that costs more than on demand.
    ProvisionedUnderBreakEven,
    /// Short calls that the request rate refuses before the concurrency is used up.
    ThrottledByRate,
    /// One function for several requests with a heavy init.
    HeavyInit,
    /// Logs that cost more than the function.
    LoggingOverCompute,
    /// A function waits for another one: both are paid.
    WaitsForAnother,
    /// Events that were accepted and that nobody will ever handle.
    EventsLost,
}

impl Code {
    /// All.
    pub const ALL: [Self; 29] = [
        Self::UnevenHorizon,
        Self::OneReplication,
        Self::RowsMissing,
        Self::DatesNotUsed,
        Self::FreeTierDecides,
        Self::PriceMissing,
        Self::OwnershipLeftOut,
        Self::PrecisionMissed,
        Self::HistoryOff,
        Self::NoScaling,
        Self::EmptyProgram,
        Self::SameWork,
        Self::NeverInService,
        Self::OutOfMemory,
        Self::VcpuQuota,
        Self::AsleepAtZero,
        Self::IdleCpu,
        Self::Event,
        Self::Deployment,
        Self::OverReserved,
        Self::NearTimeout,
        Self::GatewayGivesUp,
        Self::MemoryDoublingFree,
        Self::ProvisionedUnderBreakEven,
        Self::ThrottledByRate,
        Self::HeavyInit,
        Self::LoggingOverCompute,
        Self::WaitsForAnother,
        Self::EventsLost,
    ];

    /// The name under which files know it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::UnevenHorizon => "uneven-horizon",
            Self::OneReplication => "one-replication",
            Self::RowsMissing => "rows-missing",
            Self::DatesNotUsed => "dates-not-used",
            Self::FreeTierDecides => "free-tier-decides",
            Self::PriceMissing => "price-missing",
            Self::OwnershipLeftOut => "ownership-left-out",
            Self::PrecisionMissed => "precision-missed",
            Self::HistoryOff => "history-off",
            Self::NoScaling => "no-scaling",
            Self::EmptyProgram => "empty-program",
            Self::SameWork => "same-work",
            Self::NeverInService => "never-in-service",
            Self::OutOfMemory => "out-of-memory",
            Self::VcpuQuota => "vcpu-quota",
            Self::AsleepAtZero => "asleep-at-zero",
            Self::IdleCpu => "idle-cpu",
            Self::Event => "event",
            Self::Deployment => "deployment",
            Self::OverReserved => "over-reserved",
            Self::NearTimeout => "near-timeout",
            Self::GatewayGivesUp => "gateway-gives-up",
            Self::MemoryDoublingFree => "memory-doubling-free",
            Self::ProvisionedUnderBreakEven => "provisioned-under-break-even",
            Self::ThrottledByRate => "throttled-by-rate",
            Self::HeavyInit => "heavy-init",
            Self::LoggingOverCompute => "logging-over-compute",
            Self::WaitsForAnother => "waits-for-another",
            Self::EventsLost => "events-lost",
        }
    }
}

/// Unit of a finding's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Days.
    #[serde(rename = "days")]
    Days,
    /// Share, 0..=1.
    #[serde(rename = "share")]
    Share,
    /// Multiple of what it is compared with: 1 is as much.
    #[serde(rename = "times")]
    Times,
    /// GB x seconds.
    #[serde(rename = "GB-s")]
    GbSeconds,
    /// Execution environments.
    #[serde(rename = "environments")]
    Environments,
    /// Instances or tasks.
    #[serde(rename = "instances")]
    Instances,
    /// Launches of instances.
    #[serde(rename = "launches")]
    Launches,
    /// Starts of a program that had ended.
    #[serde(rename = "restarts")]
    Restarts,
    /// Requests.
    #[serde(rename = "requests")]
    Requests,
    /// Events of an asynchronous invocation.
    #[serde(rename = "events")]
    Events,
    /// Periods of a replayed file.
    #[serde(rename = "periods")]
    Periods,
    /// Replications.
    #[serde(rename = "replications")]
    Replications,
}

impl Finding {
    /// A finding that says this.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, component: None, value: None, limit: None, unit: None, count: None, text, fix: None }
    }

    /// About this component.
    #[must_use]
    pub fn of(self, component: &str) -> Self {
        Self { component: Some(component.to_owned()), ..self }
    }

    /// Because of this number. What is not finite is not known.
    #[must_use]
    pub fn value(self, value: f64, unit: Unit) -> Self {
        Self { value: value.is_finite().then_some(value), unit: Some(unit), ..self }
    }

    /// Which is beyond this one.
    #[must_use]
    pub fn limit(self, limit: f64) -> Self {
        Self { limit: limit.is_finite().then_some(limit), ..self }
    }

    /// So many are concerned.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// What to do about it, in the imperative; becomes the end of the sentence, after a colon, or a semicolon where there is a colon already.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        let joined = if self.text.contains(": ") { "; " } else { ": " };
        Self { text: self.text + joined + &fix, fix: Some(fix), ..self }
    }
}

/// Puts findings into the order in which they are told, whichever way they were found.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| finding.code);
}

/// The sentences of findings, as `warnings` shows them.
pub fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| finding.text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_by_its_key() {
        for (index, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(code).unwrap(), code.key());
            assert!(Code::ALL[..index].iter().all(|other| other.key() != code.key()));
        }
        // One more name than there is in `ALL` would be one more in the schema.
        let schema = serde_json::to_value(schemars::schema_for!(Code)).unwrap();
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), Code::ALL.len());
    }

    #[test]
    fn the_fix_ends_the_sentence() {
        let plain = Finding::new(Code::OneReplication, "one replication decides nothing").fix("use five");
        assert_eq!(plain.text, "one replication decides nothing: use five");
        let long =
            Finding::new(Code::NearTimeout, "it is near: it is cut off").of("shop").value(f64::NAN, Unit::Seconds);
        let long = long.fix("raise it");
        assert_eq!((&*long.text, long.fix.as_deref()), ("it is near: it is cut off; raise it", Some("raise it")));
        assert_eq!((long.component.as_deref(), long.value), (Some("shop"), None));
    }
}
