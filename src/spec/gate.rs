//! A checked gate: the rules that a change of cost or behaviour is held to, and the exceptions that were agreed.

use jiff::civil::Date;
use serde::Serialize;

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// US dollars a month (or a million requests).
    Usd,
    /// Milliseconds.
    Ms,
    /// A share, 0..=1.
    Share,
    /// A plain number.
    Count,
}

/// What happens when a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is noted.
    Info,
    /// It is warned of.
    Warn,
    /// The check fails.
    Deny,
}

impl Level {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// As the user knows it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Which side of a number is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Side {
    /// Whether large values break the rule.
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }

    /// Whether `value` is on the fine side of `bound`.
    pub fn allows(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

/// `limit: "< 500 USD"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The fine side.
    pub side: Side,
    /// In the unit of the metric.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// As written.
    pub text: String,
}

/// `change: "< 5% or < 10 USD"`: fine when either holds; both bounds have the sign of the change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The fine side.
    pub side: Side,
    /// Share of the baseline, e.g. 0.05; negative for a decrease.
    pub relative: f64,
    /// In the unit of the metric; what counts where the baseline is zero.
    pub absolute: f64,
    /// Its unit.
    pub unit: Unit,
    /// As written.
    pub text: String,
}

impl Change {
    /// The change from which on the rule is broken, in the unit of the metric: the farther of the two floors.
    pub fn threshold(&self, baseline: f64) -> f64 {
        let relative = self.relative * baseline.abs();
        if self.side.is_upper() { relative.max(self.absolute) } else { relative.min(self.absolute) }
    }
}

/// `limit: "cheapest stays lambda-http-api"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stays {
    /// Only among those that meet all objectives.
    pub meeting_objectives: bool,
    /// Who has to stay it; the baseline's unless named.
    pub who: Option<String>,
    /// As written.
    pub text: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in the gate.
    pub name: String,
    /// Architectures it is for; `*` stands for any characters.
    pub architecture: String,
    /// Metrics it is for; `*` stands for any characters.
    pub metric: String,
    /// What the value may be.
    pub limit: Option<Bound>,
    /// What the change from the baseline may be.
    pub change: Option<Change>,
    /// What the verdict has to be.
    pub stays: Option<Stays>,
    /// What happens when it is broken.
    pub level: Level,
    /// What to do then, in the author's words.
    pub message: Option<String>,
    /// Where it stands; `None` for the built-in rules.
    pub place: Option<Place>,
}

/// How far an agreed exception goes.
#[derive(Debug, Clone, PartialEq)]
pub enum UpTo {
    /// The value may be up to this, in the unit of the metric: `560 USD`.
    Value(f64, Unit),
    /// The change may be up to this: `+60 USD`.
    Change(f64, Unit),
    /// The change may be up to this share of the baseline: `+12%`.
    Relative(f64),
}

/// An agreed exception.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// Name of the rule; `*` stands for any characters.
    pub gate: String,
    /// Architectures; `*` stands for any characters.
    pub architecture: String,
    /// How far.
    pub up_to: UpTo,
    /// `up_to` as written.
    pub up_to_text: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub approved_by: String,
    /// The last day on which it holds.
    pub until: Date,
    /// Where it stands.
    pub place: Option<Place>,
}

/// A gate file, or the `gate:` and `accepted:` of a scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gate {
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// The exceptions.
    pub accepted: Vec<Accepted>,
}

/// A family of metrics: its name (`*` stands for a name of the results), its unit and what it is.
pub struct Family {
    /// E.g. `classes.*.latency_ms.p99`.
    pub name: &'static str,
    /// Its unit; `None` for the verdict.
    pub unit: Option<Unit>,
    /// In a sentence without its full stop.
    pub doc: &'static str,
}

/// Every metric that a rule may name.
pub const METRICS: &[Family] = &[
    family("monthly_cost.total", Unit::Usd, "the monthly bill"),
    family("monthly_cost.without_free_tier", Unit::Usd, "the bill if nothing were free"),
    family("monthly_cost.per_million_requests", Unit::Usd, "the bill for a million served requests"),
    family("monthly_cost.idle", Unit::Usd, "paid for capacity that was not at work"),
    family(
        "monthly_cost.service.*",
        Unit::Usd,
        "the part of the bill of one service, e.g. `monthly_cost.service.AWS Lambda`",
    ),
    family("latency_ms.mean", Unit::Ms, "mean latency of served requests"),
    family("latency_ms.p50", Unit::Ms, "median latency"),
    family("latency_ms.p90", Unit::Ms, "90th percentile"),
    family("latency_ms.p95", Unit::Ms, "95th percentile"),
    family("latency_ms.p99", Unit::Ms, "99th percentile"),
    family("latency_ms.p999", Unit::Ms, "99.9th percentile"),
    family("latency_ms.max", Unit::Ms, "largest latency of all replications"),
    family("classes.*.latency_ms.p50", Unit::Ms, "median latency of one kind of request"),
    family("classes.*.latency_ms.p99", Unit::Ms, "99th percentile of one kind of request"),
    family("classes.*.failures", Unit::Share, "share of one kind of request that was not served"),
    family("failures.all", Unit::Share, "share of requests that were not served, of those that ended"),
    family("failures.throttled", Unit::Share, "share refused by a limit (429)"),
    family("failures.rejected", Unit::Share, "share without room or target (503)"),
    family("failures.timed_out", Unit::Share, "share that timed out (504, or the client gave up)"),
    family("failures.failed", Unit::Share, "share that ended in an error of the handler"),
    family("cold_starts", Unit::Share, "share of requests that met a cold start"),
    family("capacity.peak", Unit::Count, "most environments or instances at once, over all components"),
    family("components.*.capacity.peak", Unit::Count, "the same of one component"),
    family("components.*.utilisation", Unit::Share, "share of a component's capacity that was at work"),
    family("objectives.missed", Unit::Count, "objectives that are not met"),
    family(
        "objectives.minutes_missed",
        Unit::Count,
        "minutes in which objectives with windows were not met, their sum",
    ),
    Family { name: "verdict", unit: None, doc: "who is cheapest, as in `limit: \"cheapest stays lambda-http-api\"`" },
];

const fn family(name: &'static str, unit: Unit, doc: &'static str) -> Family {
    Family { name, unit: Some(unit), doc }
}

/// Whether a text matches a pattern in which `*` stands for any characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The families that a rule's metric can stand for.
pub fn families(metric: &str) -> impl Iterator<Item = &'static Family> {
    METRICS.iter().filter(move |family| matches(metric, family.name) || matches(family.name, metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, expect) in [
            ("lambda-*", "lambda-http-api", true),
            ("*", "", true),
            ("*-api", "lambda-http-api", true),
            ("l*-*-api", "lambda-http-api", true),
            ("lambda", "lambda-http-api", false),
            ("ab*ba", "aba", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(matches(pattern, text), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn the_farther_floor_counts() {
        let change = Change { side: Side::Below, relative: 0.05, absolute: 10.0, unit: Unit::Usd, text: String::new() };
        assert_eq!([0.0, 100.0, 1_000.0].map(|baseline| change.threshold(baseline)), [10.0, 10.0, 50.0]);
        let fall = Change { side: Side::Above, relative: -0.05, absolute: -10.0, ..change };
        assert_eq!([0.0, 100.0, 1_000.0].map(|baseline| fall.threshold(baseline)), [-10.0, -10.0, -50.0]);
    }
}
