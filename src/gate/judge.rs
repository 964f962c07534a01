//! Holding rules against two snapshots.
//!
//! A rule is broken when the value is on the wrong side of its bound *and* so is its whole interval; it is kept when the whole interval is on
//! the right side; between the two it is undecided (`~`), which never fails. Changes are judged on paired differences, replication by
//! replication. A rule that a look has decided stays decided: later looks are for the others.

use super::looks::{Interval, Look, interval};
use super::movement::{Cause, Movement};
use super::noise::{Sample, plain};
use super::snapshot::{ArchitectureSnapshot, Metric, Snapshot, unit};
use super::verdict::verdict;
use crate::spec::gate::{Accepted, Bound, Change, Gate, Level, Place, Rule, Side, Unit, UpTo, matches};
use jiff::civil::Date;
use serde::Serialize;

/// The value of [`Outcome::schema`].
pub const SCHEMA: &str = "costsim.check/1";

/// Metrics shown for each architecture, whatever the rules are about.
pub const HEADLINE: [&str; 3] = ["monthly_cost.total", "latency_ms.p99", "failures.all"];

/// Everything that a check found; reports are rendered from it alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// `costsim.check/1`.
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// AWS region.
    pub region: String,
    /// Whether no rule of level `deny` is broken.
    pub passed: bool,
    /// Replications at the last look.
    pub replications: u32,
    /// What was compared with, as the user knows it; `null` without a baseline.
    pub baseline: Option<String>,
    /// What is to be known about the comparison: other prices, other seed, exceptions that are unused or have expired …
    pub warnings: Vec<String>,
    /// The architectures side by side.
    pub rows: Vec<Row>,
    /// One for each rule, architecture and metric.
    pub findings: Vec<Finding>,
    /// What is to be known and is nothing to worry about.
    pub notes: Vec<String>,
    /// Why bills moved.
    pub movements: Vec<Movement>,
    /// Every metric of the new results.
    pub measured: Vec<Measured>,
}

impl Outcome {
    /// Whether another look could decide more.
    pub fn is_undecided(&self) -> bool {
        self.findings.iter().any(|finding| finding.state == State::Undecided)
    }

    /// The bills that are not known to this share of them, each with half its interval as a share of it (infinite where it has none).
    pub fn costs_beyond(&self, share: f64) -> Vec<(&str, f64)> {
        beyond(&self.measured, share)
    }

    /// Findings that fail (`deny`), warn or inform.
    pub fn at(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity() == Some(level))
    }
}

fn beyond(measured: &[Measured], share: f64) -> Vec<(&str, f64)> {
    let bills = measured.iter().filter(|one| one.metric == HEADLINE[0]);
    let half = |one: &Measured| match one.low.zip(one.high) {
        // What costs nothing, and always nothing, is known.
        Some((low, high)) if high - low <= 0.0 => 0.0,
        Some((low, high)) => (high - low) / 2.0 / one.value.abs(),
        None => f64::INFINITY,
    };
    let halves = bills.map(|one| (one.architecture.as_str(), half(one)));
    halves.filter(|(_, half)| half.is_nan() || *half > share).collect()
}

/// Both sides of one headline metric of one architecture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The architecture.
    pub architecture: String,
    /// The metric.
    pub metric: String,
    /// Its unit.
    pub unit: Unit,
    /// Before; `null` for a new architecture.
    pub baseline: Option<f64>,
    /// Now; `null` for a removed architecture.
    pub new: Option<f64>,
    /// Whether the interval of the difference excludes zero.
    pub significant: bool,
}

/// One measured metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The architecture.
    pub architecture: String,
    /// The metric.
    pub metric: String,
    /// Its unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
    /// Ends of its 95 % interval; with `--precision` those of a bill are at the level of the look at which it stopped, such that the looks together err in
    /// 5 % of all cases.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// What of a rule was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Its `limit`.
    Limit,
    /// Its `change`.
    Change,
    /// Who is cheapest.
    Verdict,
    /// Whether the architecture is still there.
    Presence,
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Kept.
    Kept,
    /// Broken.
    Broken,
    /// Broken, and agreed on.
    Accepted,
    /// Broken only by what the author of the change is not to blame for: prices, or the program.
    Outside,
    /// Neither kept nor broken beyond noise.
    Undecided,
    /// Nothing to compare with: the architecture is new.
    New,
    /// The architecture is gone.
    Removed,
    /// Nothing to compare with: there is no baseline.
    NoBaseline,
    /// The value is not known any more.
    Unknown,
}

/// How one rule stands for one metric of one architecture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Name of the rule.
    pub rule: String,
    /// Its level.
    pub level: Level,
    /// What of it was judged.
    pub subject: Subject,
    /// How it stands.
    pub state: State,
    /// The architecture; empty for the verdict.
    pub architecture: String,
    /// The metric.
    pub metric: String,
    /// Its unit; `null` for the verdict.
    pub unit: Option<Unit>,
    /// The bound as written.
    pub bound: String,
    /// Before.
    pub baseline: Option<f64>,
    /// Now.
    pub new: Option<f64>,
    /// Lower end of the interval of the change (of the value for a limit), at this look's level.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Replications that decided it.
    pub replications: u32,
    /// What happened, where numbers do not say it.
    pub note: Option<String>,
    /// The author's words.
    pub message: Option<String>,
    /// The exception that covers it: reason, by whom, until when.
    pub accepted: Option<Exception>,
    /// Where the rule stands.
    pub place: Option<Place>,
}

/// An exception as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exception {
    /// Why.
    pub reason: String,
    /// By whom.
    pub approved_by: String,
    /// The last day, ISO 8601.
    pub until: String,
    /// How far, as written.
    pub up_to: String,
}

impl Finding {
    /// How loud it is; `None` for what is fine.
    pub fn severity(&self) -> Option<Level> {
        match self.state {
            State::Broken | State::Unknown => Some(self.level),
            State::Outside | State::Removed => Some(self.level.min(Level::Warn)),
            State::Kept | State::Accepted | State::Undecided | State::New | State::NoBaseline => None,
        }
    }

    /// The change, where both sides are known.
    pub fn change(&self) -> Option<f64> {
        Some(self.new? - self.baseline?)
    }

    fn is_the_same_as(&self, other: &Self) -> bool {
        (&self.rule, self.subject, &self.architecture, &self.metric)
            == (&other.rule, other.subject, &other.architecture, &other.metric)
    }
}

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The rules.
    pub gate: &'a Gate,
    /// Before.
    pub old: Option<&'a Snapshot>,
    /// What `old` is, as the user knows it.
    pub old_name: Option<&'a str>,
    /// Now.
    pub new: &'a Snapshot,
    /// Why bills moved.
    pub movements: &'a [Movement],
    /// The day by which exceptions are judged.
    pub date: Option<Date>,
    /// Causes that are denied although the author of a change is not to blame for them.
    pub denied: &'a [Cause],
    /// How sure one has to be.
    pub look: Look,
    /// Whether the baseline cannot be run any longer than it was.
    pub most_of_baseline: bool,
    /// How precise the bills are to be, and how often their intervals may err at this look: it is for them, too, that one goes on.
    pub precision: Option<(f64, f64)>,
}

/// How much of a look's error one finding of each level may use: equal parts (Bonferroni), so that the whole check errs in at most 5 % of
/// all cases at each level, not each rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares([f64; 3]);

impl Shares {
    fn of(case: &Case<'_>) -> Self {
        let mut tests = [0usize; 3];
        for rule in &case.gate.rules {
            tests[rule.level as usize] += match &rule.stays {
                // Who is cheapest may be lost by cost, and by an objective.
                Some(stays) => 1 + usize::from(stays.meeting_objectives),
                None => risks(case, rule),
            };
        }
        Self(tests.map(|tests| case.look.alpha / tests.max(1) as f64))
    }

    pub(super) fn at(self, level: Level) -> f64 {
        self.0[level as usize]
    }
}

/// How many findings of a rule noise could break: limits on what varies, changes of what is not the same to the last digit. What
/// does not move needs no share, and what moves does so whatever the signs of the differences are, which is all that an error would be about.
fn risks(case: &Case<'_>, rule: &Rule) -> usize {
    let sides = case.new.architectures.iter().filter(|now| matches(&rule.architecture, &now.name));
    let of_side = |now: &ArchitectureSnapshot| {
        let was = case.old.and_then(|old: &Snapshot| old.architecture(&now.name));
        let of_metric = |metric: &Metric| {
            let limit = rule.limit.is_some() && Sample::of(metric).varies();
            let moves = |was: &ArchitectureSnapshot| Sample::of_difference(was.metric(&metric.name), metric).moves();
            usize::from(limit) + usize::from(rule.change.is_some() && was.is_some_and(moves))
        };
        concerned(rule, now).map(of_metric).sum::<usize>()
    };
    sides.map(of_side).sum()
}

/// Judges all rules. `before` is the outcome of the look before this one, whose decisions stand.
pub fn judge(case: &Case<'_>, before: Option<&Outcome>) -> Outcome {
    let mut warnings = comparability(case);
    let mut findings = Vec::new();
    let shares = Shares::of(case);
    for rule in &case.gate.rules {
        let count = findings.len();
        match &rule.stays {
            Some(stays) => findings.push(verdict(case, shares, rule, stays)),
            None => of_rule(case, shares, rule, &mut findings),
        }
        if findings.len() == count {
            warnings.push(format!(
                "the rule `{}` is about nothing here: no `{}` of an architecture `{}`",
                rule.name, rule.metric, rule.architecture
            ));
        }
    }
    for gone in case.old.iter().flat_map(|old| &old.architectures) {
        if case.new.architecture(&gone.name).is_none() {
            let mut finding = blank("architectures", Level::Warn, Subject::Presence, &gone.name, HEADLINE[0]);
            finding.state = State::Removed;
            finding.baseline = gone.metric(HEADLINE[0]).and_then(|metric| metric.value);
            finding.note = Some("was in the baseline and is not compared any more".to_owned());
            findings.push(finding);
        }
    }
    if let Some(before) = before {
        for finding in &mut findings {
            let decided = before.findings.iter().find(|other| other.is_the_same_as(finding));
            if let Some(decided) = decided.filter(|decided| decided.state != State::Undecided) {
                *finding = decided.clone();
            }
        }
    }
    except(case, &mut findings, &mut warnings);
    let measured = measured(case.new, case.precision.map(|(_, alpha)| alpha));
    Outcome {
        schema: SCHEMA.to_owned(),
        tool_version: case.new.tool_version.clone(),
        scenario: case.new.scenario.clone(),
        region: case.new.region.clone(),
        passed: findings.iter().all(|finding| finding.severity() != Some(Level::Deny)),
        replications: case.new.replications,
        baseline: case.old_name.map(str::to_owned),
        warnings,
        rows: rows(case),
        notes: notes(case, &findings, &measured),
        findings,
        movements: case.movements.to_vec(),
        measured,
    }
}

pub(super) fn blank(rule: &str, level: Level, subject: Subject, architecture: &str, metric: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        level,
        subject,
        state: State::Kept,
        architecture: architecture.to_owned(),
        metric: metric.to_owned(),
        unit: Some(unit(metric)),
        bound: String::new(),
        baseline: None,
        new: None,
        low: None,
        high: None,
        replications: 0,
        note: None,
        message: None,
        accepted: None,
        place: None,
    }
}

fn comparability(case: &Case<'_>) -> Vec<String> {
    let new = case.new;
    let mut said: Vec<String> = new.windows.iter().flat_map(|windows| windows.fluids.clone()).collect();
    let Some(old) = case.old else { return said };
    if old.prices != new.prices {
        said.push(format!(
            "the baseline was priced with another price book (newest price {}, now {})",
            old.prices_as_of, new.prices_as_of
        ));
    }
    if old.tool_version != new.tool_version {
        said.push(format!("the baseline was made by version {}, this is {}", old.tool_version, new.tool_version));
    }
    if old.seed != new.seed {
        said.push(format!("the baseline has the seed {}, this run {}: differences are not paired", old.seed, new.seed));
    }
    if (old.simulated_seconds - new.simulated_seconds).abs() > 0.0 {
        said.push("the baseline simulates another horizon".to_owned());
    }
    let lengths = |side: &Snapshot| side.windows.as_ref().map(|windows| (windows.seconds, windows.memory_seconds));
    if lengths(old) != lengths(new) {
        said.push("the baseline simulates other windows of the horizon: differences are less paired".to_owned());
    }
    said
}

/// The metrics of an architecture that a rule is about.
fn concerned<'a>(rule: &'a Rule, side: &'a ArchitectureSnapshot) -> impl Iterator<Item = &'a Metric> {
    let wanted = rule.limit.as_ref().map(|limit| limit.unit).or(rule.change.as_ref().map(|change| change.unit));
    side.metrics.iter().filter(move |metric| {
        matches(&rule.metric, &metric.name) && wanted.is_none_or(|wanted| wanted == unit(&metric.name))
    })
}

fn of_rule(case: &Case<'_>, shares: Shares, rule: &Rule, findings: &mut Vec<Finding>) {
    for now in case.new.architectures.iter().filter(|a| matches(&rule.architecture, &a.name)) {
        let was = case.old.and_then(|old| old.architecture(&now.name));
        for metric in concerned(rule, now) {
            let prepared = |subject, bound: &str| Finding {
                bound: bound.to_owned(),
                new: metric.value,
                baseline: was.and_then(|was| was.metric(&metric.name)).and_then(|old| old.value),
                replications: case.new.replications,
                message: rule.message.clone(),
                place: rule.place.clone(),
                ..blank(&rule.name, rule.level, subject, &now.name, &metric.name)
            };
            if let Some(limit) = &rule.limit {
                let mut finding = prepared(Subject::Limit, &limit.text);
                judge_limit(case, shares, limit, metric, &mut finding);
                findings.push(finding);
            }
            if let Some(change) = &rule.change {
                let mut finding = prepared(Subject::Change, &change.text);
                if case.old.is_none() {
                    finding.state = State::NoBaseline;
                } else if let Some(was) = was {
                    judge_change(case, shares, change, was.metric(&metric.name), metric, &mut finding);
                } else {
                    finding.state = State::New;
                }
                findings.push(finding);
            }
        }
        // What was known and is not there any more.
        let Some(change) = rule.change.as_ref() else { continue };
        let vanished = was.into_iter().flat_map(|was| concerned(rule, was));
        for metric in
            vanished.filter(|metric| metric.value.unwrap_or(0.0).abs() > 0.0 && now.metric(&metric.name).is_none())
        {
            findings.push(Finding {
                bound: change.text.clone(),
                baseline: metric.value,
                new: Some(0.0),
                replications: case.new.replications,
                place: rule.place.clone(),
                note: Some("is not part of the results any more".to_owned()),
                ..blank(&rule.name, rule.level, Subject::Change, &now.name, &metric.name)
            });
        }
    }
}

/// How far one could look, where that left something open.
fn notes(case: &Case<'_>, findings: &[Finding], measured: &[Measured]) -> Vec<String> {
    let open = findings.iter().filter(|finding| finding.state == State::Undecided).count();
    let far = case.look.replications;
    let mut said = Vec::new();
    if let Some(windows) = &case.new.windows {
        let minutes = windows.seconds / 60.0;
        let whole = windows.in_full.iter().map(|(name, why)| format!("; all of it was simulated for {name}: {why}"));
        let whole: String = whole.collect();
        said.push(format!("windows of {minutes} minutes stand for the rest of the horizon{whole}"));
    }
    if let Some((share, _)) = case.precision.filter(|_| case.look.is_last) {
        said.extend(beyond(measured, share).into_iter().map(|(name, half)| {
            format!(
                "the bill of {name} is known to ±{:.2} % after {far} replications, not to ±{} %",
                half * 100.0,
                (share * 1e6).round() / 1e4
            )
        }));
    }
    if open > 0 && case.look.is_last && far < super::LOOKS[super::LOOKS.len() - 1] {
        let why = match case.old {
            Some(old) if case.most_of_baseline && old.replications <= far => {
                format!("the baseline has no more: write it anew with `--replications {}` to tell more", 2 * far)
            }
            _ => "`--replications` allows no more".to_owned(),
        };
        let rules = if open == 1 { "1 check is".to_owned() } else { format!("{open} checks are") };
        said.push(format!("{rules} within noise at {far} replications, and {why}"));
    }
    said
}

/// Where a number stands to a bound: broken where the interval at the rule's share of the error is beyond it, kept where the interval at the
/// whole error of the look is within. Without an interval to be had (`point`) the number decides.
fn stand(side: Side, value: f64, found: Option<(Interval, Interval)>, bound: f64, point: bool) -> State {
    let Some((careful, plain)) = found else {
        return match (side.allows(value, bound), point) {
            (true, true) => State::Kept,
            (false, true) => State::Broken,
            _ => State::Undecided,
        };
    };
    let allowed = |found: Interval| (side.allows(found.low, bound), side.allows(found.high, bound));
    match (side.allows(value, bound), allowed(careful), allowed(plain)) {
        (false, (false, false), _) => State::Broken,
        (true, _, (true, true)) => State::Kept,
        _ => State::Undecided,
    }
}

/// The intervals at a rule's share of the error and at the whole error of the look.
fn intervals(case: &Case<'_>, share: f64, sample: &Sample) -> Option<(Interval, Interval)> {
    sample.interval(share).zip(sample.interval(case.look.alpha))
}

fn judge_limit(case: &Case<'_>, shares: Shares, limit: &Bound, metric: &Metric, finding: &mut Finding) {
    let Some(value) = metric.value else {
        finding.state = State::Unknown;
        finding.note = Some("is not known".to_owned());
        return;
    };
    let sample = Sample::of(metric);
    let spread = intervals(case, shares.at(finding.level), &sample).filter(|_| metric.each.len() > 1);
    // Around the value that is shown: a merged percentile is not the mean of the replications'.
    let around = |i: Interval| Interval { mean: value, low: value - (i.mean - i.low), high: value + (i.high - i.mean) };
    let found = spread.map(|(careful, plain)| (around(careful), around(plain)));
    (finding.low, finding.high) = (found.map(|i| i.0.low), found.map(|i| i.0.high));
    finding.state = stand(limit.side, value, found, limit.value, sample.is_empty());
}

fn judge_change(
    case: &Case<'_>,
    shares: Shares,
    change: &Change,
    was: Option<&Metric>,
    now: &Metric,
    finding: &mut Finding,
) {
    let (before, after) = match (was, now.value) {
        // What a baseline of this architecture does not list (a service, a component) was not there.
        (None, Some(after)) => (0.0, after),
        (Some(Metric { value: Some(before), .. }), Some(after)) => (*before, after),
        // Nothing to be measured by, and now and then nothing in the baseline either.
        (Some(Metric { value: Some(_), each, .. }), None) if each.iter().any(Option::is_none) => {
            finding.state = State::Undecided;
            finding.note = Some("was not measured now, nor in some replications of the baseline".to_owned());
            return;
        }
        (Some(Metric { value: Some(_), .. }) | None, None) => {
            finding.state = State::Unknown;
            finding.note = Some("is not known any more".to_owned());
            return;
        }
        (Some(Metric { value: None, .. }), _) => {
            finding.state = State::NoBaseline;
            finding.note = Some("is not known in the baseline".to_owned());
            return;
        }
    };
    finding.baseline = Some(before);
    let threshold = change.threshold(before);
    let differences = Sample::of_difference(was, now);
    let share = shares.at(finding.level);
    let found = intervals(case, share, &differences);
    (finding.low, finding.high) = (found.map(|i| i.0.low), found.map(|i| i.0.high));
    finding.state = stand(change.side, after - before, found, threshold, differences.is_empty());
    if finding.state == State::Broken && !differences.is_enough(share) {
        finding.state = State::Undecided;
    }
    if finding.state == State::Broken {
        outside(case, change.side, threshold, after - before, finding);
    }
}

/// Whether a broken change is only what prices or the program moved.
fn outside(case: &Case<'_>, side: Side, threshold: f64, change: f64, finding: &mut Finding) {
    let Some(movement) = case.movements.iter().find(|movement| movement.architecture == finding.architecture) else {
        return;
    };
    let is_cost = finding.metric.starts_with("monthly_cost.");
    let forgiven: Vec<Cause> =
        [Cause::Prices, Cause::Tool].into_iter().filter(|cause| !case.denied.contains(cause)).collect();
    let causes: Vec<Cause> = movement.causes(is_cost).collect();
    let all = !causes.is_empty() && causes.iter().all(|cause| forgiven.contains(cause));
    let counted = change - movement.amount_of(&forgiven);
    let enough = finding.metric == HEADLINE[0] && !movement.parts.is_empty() && side.allows(counted, threshold);
    if all || enough {
        finding.state = State::Outside;
        let words: Vec<&str> =
            causes.iter().filter(|cause| forgiven.contains(cause)).map(|cause| cause.word()).collect();
        finding.note = Some(format!("moved by {}, which warns and does not deny", words.join(" and ")));
    }
}

/// Applies the agreed exceptions.
fn except(case: &Case<'_>, findings: &mut [Finding], warnings: &mut Vec<String>) {
    for exception in &case.gate.accepted {
        let what = || {
            format!("the exception from `{}` for `{}` ({})", exception.gate, exception.architecture, exception.reason)
        };
        if case.date.is_none_or(|date| date > exception.until) {
            warnings.push(format!("{} expired on {}: remove it", what(), exception.until));
            continue;
        }
        let mut used = false;
        for finding in findings.iter_mut() {
            let concerned =
                matches(&exception.gate, &finding.rule) && matches(&exception.architecture, &finding.architecture);
            if !concerned || !matches!(finding.state, State::Broken | State::Accepted) {
                continue;
            }
            used = true;
            if finding.state == State::Accepted || covers(exception, finding) {
                finding.state = State::Accepted;
                finding.accepted = Some(Exception {
                    reason: exception.reason.clone(),
                    approved_by: exception.approved_by.clone(),
                    until: exception.until.to_string(),
                    up_to: exception.up_to_text.clone(),
                });
            } else {
                finding.note =
                    Some(format!("beyond what {} agreed on: {}", exception.approved_by, exception.up_to_text));
            }
        }
        if !used {
            warnings.push(format!("{} is not needed: remove it", what()));
        }
    }
}

fn covers(exception: &Accepted, finding: &Finding) -> bool {
    // For a rule against a decrease the exception goes the other way.
    let within = |value: f64, bound: f64| if bound < 0.0 { value >= bound } else { value <= bound };
    match exception.up_to {
        UpTo::Value(bound, unit) => finding.unit == Some(unit) && finding.new.is_some_and(|new| within(new, bound)),
        UpTo::Change(bound, unit) => {
            finding.unit == Some(unit) && finding.change().is_some_and(|change| within(change, bound))
        }
        UpTo::Relative(share) => {
            finding.change().zip(finding.baseline).is_some_and(|(change, old)| within(change, share * old.abs()))
        }
    }
}

fn rows<'a>(case: &Case<'a>) -> Vec<Row> {
    let mut names: Vec<&str> = case.new.architectures.iter().map(|a| a.name.as_str()).collect();
    let gone = case.old.iter().flat_map(|old| &old.architectures).map(|a| a.name.as_str());
    names.extend(gone.filter(|name| case.new.architecture(name).is_none()));
    let pairs = names.iter().flat_map(|&name| HEADLINE.map(|metric| (name, metric)));
    let both = |name: &str, metric: &str| {
        let of = |snapshot: &'a Snapshot| snapshot.architecture(name).and_then(|side| side.metric(metric));
        (case.old.and_then(of), of(case.new))
    };
    let difference = |old: Option<&Metric>, new: Option<&Metric>| Some(Sample::of_difference(Some(old?), new?));
    let moved = pairs.clone().filter(|(name, metric)| {
        let (old, new) = both(name, metric);
        difference(old, new).is_some_and(|sample| sample.moves())
    });
    // They share the error of the look as the rules of a level do.
    let share = case.look.alpha / moved.count().max(1) as f64;
    pairs
        .map(|(name, metric)| {
            let (old, new) = both(name, metric);
            let found = difference(old, new).and_then(|sample| sample.interval(share));
            Row {
                architecture: name.to_owned(),
                metric: metric.to_owned(),
                unit: unit(metric),
                baseline: old.and_then(|metric| metric.value),
                new: new.and_then(|metric| metric.value),
                significant: found.is_some_and(|i| i.low > 0.0 || i.high < 0.0),
            }
        })
        .collect()
}

/// `of_bills`: how often the intervals of bills may err, if it is not as often as others.
fn measured(new: &Snapshot, of_bills: Option<f64>) -> Vec<Measured> {
    let mut all = Vec::new();
    for architecture in &new.architectures {
        for metric in &architecture.metrics {
            let Some(value) = metric.value else { continue };
            let each = plain(&metric.each);
            let of_bills = of_bills.filter(|_| metric.name == HEADLINE[0]);
            let spread = interval(&each, of_bills.unwrap_or(super::looks::ALPHA), 0.0).filter(|_| each.len() > 1);
            all.push(Measured {
                architecture: architecture.name.clone(),
                metric: metric.name.clone(),
                unit: unit(&metric.name),
                value,
                low: spread.map(|i| value - (i.mean - i.low)),
                high: spread.map(|i| value + (i.high - i.mean)),
            });
        }
    }
    all
}
