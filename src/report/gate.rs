//! Reports of `costsim check`: one file a format, each rendered from the [`Outcome`] alone.

use super::format::{clean, count, millis, money_f64, money_signed, percent};
use super::{gate_bencher, gate_github, gate_junit, gate_markdown, gate_sarif, gate_terminal};
use crate::gate::rules::{Gate, Level, METRICS, Rule, Unit};
use crate::gate::{Finding, Outcome, State, Subject};

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Terminal,
    /// A comment on a change.
    Markdown,
    /// JUnit XML, as most test dashboards read it.
    Junit,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub's annotations (workflow commands).
    Github,
    /// Everything.
    Json,
    /// Bencher Metric Format.
    Bencher,
}

/// The report in this format. The same outcome gives the same bytes.
pub fn render(format: Format, outcome: &Outcome, color: bool) -> String {
    match format {
        Format::Terminal => gate_terminal::render(outcome, color),
        Format::Markdown => gate_markdown::render(outcome),
        Format::Junit => gate_junit::render(outcome),
        Format::Sarif => gate_sarif::render(outcome),
        Format::Github => gate_github::render(outcome),
        Format::Json => json(outcome),
        Format::Bencher => gate_bencher::render(outcome),
    }
}

/// Any serialisable value, indented.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    // Maps have string keys and writing goes to memory: nothing here can fail.
    let mut text = serde_json::to_string_pretty(value).expect("nothing that JSON cannot say");
    text.push('\n');
    text
}

/// A value in its unit; `unknown` where there is none.
pub(super) fn value(value: Option<f64>, unit: Option<Unit>) -> String {
    let Some(value) = value else { return "unknown".to_owned() };
    match unit {
        Some(Unit::Usd) => money_f64(value),
        Some(Unit::Ms) => millis(value),
        Some(Unit::Share) => percent(value),
        Some(Unit::Count) | None => count(value),
    }
}

/// `+$12 (+5.2 %)`.
pub(super) fn change(old: f64, new: f64, unit: Option<Unit>) -> String {
    let difference = new - old;
    if difference.abs() <= 0.0 {
        return "unchanged".to_owned();
    }
    let sign = if difference > 0.0 { "+" } else { "-" };
    let amount = match unit {
        Some(Unit::Usd) => money_signed(&format!("{difference:.6}")),
        // Of a share the difference is in percentage points.
        Some(Unit::Share) => format!("{sign}{} pp", count((difference * 100.0).abs())),
        unit => format!("{sign}{}", value(Some(difference.abs()), unit)),
    };
    if old.abs() <= 0.0 {
        return amount;
    }
    format!("{amount} ({sign}{})", percent((difference / old).abs()))
}

/// `cost (lambda-http-api)`: the finding's name.
pub(super) fn title(finding: &Finding) -> String {
    let place = if finding.architecture.is_empty() { String::new() } else { format!(" ({})", finding.architecture) };
    clean(&format!("{}{place}", finding.rule))
}

/// What was found, in a sentence without its full stop.
pub(super) fn sentence(finding: &Finding) -> String {
    let unit = finding.unit;
    let name = if finding.architecture.is_empty() { "" } else { &finding.architecture };
    let metric = &finding.metric;
    let text = match (finding.subject, finding.state) {
        (Subject::Verdict, _) => finding.note.clone().unwrap_or_else(|| "there is no baseline to stay like".to_owned()),
        (Subject::Presence, _) | (_, State::Unknown) => {
            format!("{name}: {} {}", metric, finding.note.as_deref().unwrap_or_default())
        }
        (Subject::Limit, state) => {
            let word = match state {
                State::Broken | State::Accepted | State::Outside => "allowed is",
                State::Undecided => "within noise of",
                _ => "as allowed,",
            };
            format!("{name}: {metric} is {}, {word} {}", value(finding.new, unit), finding.bound)
        }
        (Subject::Change, State::New) => format!("{name} is new: {metric} is {}", value(finding.new, unit)),
        (Subject::Change, State::NoBaseline) => {
            format!("{name}: {metric} is {}, without a baseline", value(finding.new, unit))
        }
        (Subject::Change, state) => {
            let (old, new) = (finding.baseline.unwrap_or(0.0), finding.new.unwrap_or(0.0));
            let word = match state {
                State::Undecided => "within noise of",
                State::Kept => "as allowed,",
                _ => "allowed is",
            };
            let delta = change(old, new, unit);
            if delta == "unchanged" {
                format!("{name}: {metric} is {}, unchanged", value(finding.new, unit))
            } else {
                format!(
                    "{name}: {metric} {} -> {}, {delta}, {word} {}",
                    value(finding.baseline, unit),
                    value(finding.new, unit),
                    finding.bound
                )
            }
        }
    };
    let extra = match (&finding.accepted, &finding.note, finding.subject) {
        (Some(a), _, _) => format!("; accepted up to {} until {} ({}, {})", a.up_to, a.until, a.reason, a.approved_by),
        (None, Some(note), Subject::Limit | Subject::Change) if finding.state != State::Unknown => format!("; {note}"),
        _ => String::new(),
    };
    clean(&format!("{text}{extra}"))
}

/// `fail`, `warn` … and what is fine: `ok`, `~`, `accepted`, `new`, `-`.
pub(super) fn word(finding: &Finding) -> &'static str {
    match (finding.severity(), finding.state) {
        (Some(Level::Deny), _) => "FAIL",
        (Some(Level::Warn), _) => "warn",
        (Some(Level::Info), _) => "info",
        (None, State::Undecided) => "~",
        (None, State::Accepted) => "accepted",
        (None, State::New) => "new",
        (None, State::NoBaseline) => "-",
        (None, _) => "ok",
    }
}

/// The headline: what this change does, in one sentence.
pub(super) fn headline(outcome: &Outcome) -> String {
    let failed: Vec<&Finding> = outcome.at(Level::Deny).collect();
    let warned = outcome.at(Level::Warn).count() + outcome.warnings.len();
    let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    let mut text = match failed.as_slice() {
        [] => "The gate passes".to_owned(),
        [only] => format!("The gate fails: {}", sentence(only)),
        [first, rest @ ..] => format!("The gate fails: {}, and {} more", sentence(first), plural(rest.len(), "rule")),
    };
    if failed.is_empty() {
        match cost_change(outcome) {
            Some(change) => text.push_str(&format!(": {change}")),
            None if outcome.baseline.is_none() => text.push_str("; there is no baseline, so only limits were judged"),
            None => text.push_str("; no bill changes beyond noise"),
        }
    }
    if warned > 0 {
        text.push_str(&format!(" ({})", plural(warned, "warning")));
    }
    clean(&text)
}

/// The largest change of a bill that is more than noise.
fn cost_change(outcome: &Outcome) -> Option<String> {
    let rows = outcome.rows.iter().filter(|row| row.unit == Unit::Usd && row.significant);
    let changes = rows.filter_map(|row| Some((row, row.baseline?, row.new?)));
    let (row, old, new) = changes.max_by(|a, b| (a.2 - a.1).abs().total_cmp(&(b.2 - b.1).abs()))?;
    Some(format!("{} {} a month", row.architecture, change(old, new, Some(Unit::Usd))))
}

/// `traffic +$12, model +$3, prices -$0.40` for the bills that moved.
pub(super) fn waterfall(outcome: &Outcome) -> Vec<(String, String)> {
    let moved = outcome.movements.iter().filter(|movement| movement.parts.iter().any(|part| part.amount.abs() > 0.0));
    moved
        .map(|movement| {
            let parts = movement.parts.iter().map(|part| {
                let causes: Vec<&str> = part.causes.iter().map(|cause| cause.word()).collect();
                format!("{} {}", causes.join(" and "), money_signed(&format!("{:.6}", part.amount)))
            });
            (clean(&movement.architecture), parts.collect::<Vec<_>>().join(", "))
        })
        .collect()
}

/// What is to be known beside the findings: what could not be told apart (once, where it is the same for all) and how far one could look.
pub(super) fn notes(outcome: &Outcome) -> Vec<String> {
    let mut said: Vec<(Vec<&str>, &str)> = Vec::new();
    for movement in &outcome.movements {
        let Some(note) = movement.note.as_deref() else { continue };
        match said.iter_mut().find(|one| one.1 == note) {
            Some(one) => one.0.push(&movement.architecture),
            None => said.push((vec![&movement.architecture], note)),
        }
    }
    let of_movements = said.into_iter().map(|(names, note)| format!("{}: {note}", names.join(", ")));
    of_movements.chain(outcome.notes.iter().cloned()).map(|text| clean(&text)).collect()
}

/// What the run rests on.
pub(super) fn provenance(outcome: &Outcome) -> String {
    let against = outcome.baseline.as_ref().map_or_else(|| "no baseline".to_owned(), |name| format!("against {name}"));
    clean(&format!(
        "costsim {} · {} · {} · {} replications · {against}",
        outcome.tool_version, outcome.scenario, outcome.region, outcome.replications
    ))
}

/// The rules, one a line: for `--list`.
pub fn list(gate: &Gate) -> String {
    let mut out = String::new();
    for rule in &gate.rules {
        out.push_str(&clean(&format!(
            "{:<20} {:<5} {} of {}: {}",
            rule.name,
            rule.level.word(),
            rule.metric,
            rule.architecture,
            bounds(rule)
        )));
        out.push('\n');
    }
    for exception in &gate.accepted {
        let Some(until) = Some(exception.until) else { continue };
        out.push_str(&clean(&format!(
            "accepted             {} of {}: up to {} until {until} ({}, {})",
            exception.gate, exception.architecture, exception.up_to_text, exception.reason, exception.approved_by
        )));
        out.push('\n');
    }
    out
}

fn bounds(rule: &Rule) -> String {
    let mut parts = Vec::new();
    if let Some(limit) = &rule.limit {
        parts.push(format!("limit {}", limit.text));
    }
    if let Some(change) = &rule.change {
        parts.push(format!("change {}", change.text));
    }
    if let Some(stays) = &rule.stays {
        parts.push(stays.text.clone());
    }
    parts.join(", ")
}

/// What a rule means, in sentences: for `--explain NAME`.
pub fn explain(rule: &Rule) -> String {
    let mut out = format!("{}: {} of architectures `{}`\n", rule.name, rule.metric, rule.architecture);
    for family in crate::gate::rules::families(&rule.metric) {
        out.push_str(&format!("  {}: {}\n", family.name, family.doc));
    }
    if let Some(limit) = &rule.limit {
        out.push_str(&format!("limit {}\n  Broken when the value and its whole interval are on the wrong side; `~` when only a part is.\n", limit.text));
    }
    if let Some(change) = &rule.change {
        out.push_str(&format!(
            "change {}\n  Broken when the change reaches both floors (the share of the baseline, and the amount, which alone counts from\n  zero) and so does the whole interval of the paired differences; `~` when only a part of it does.\n",
            change.text
        ));
    }
    if let Some(stays) = &rule.stays {
        out.push_str(&format!("{}\n  Broken when another one is, by more than the 10 % that a forecast can tell apart; `~` when it is too close to call.\n", stays.text));
    }
    out.push_str(match rule.level {
        Level::Deny => "level deny: a broken rule ends with exit code 100\n",
        Level::Warn => "level warn: a broken rule is warned of and does not fail\n",
        Level::Info => "level info: a broken rule is noted\n",
    });
    if let Some(message) = &rule.message {
        out.push_str(&format!("{message}\n"));
    }
    match &rule.place {
        Some(place) => out.push_str(&format!("from {}:{}\n", place.file, place.line)),
        None => out.push_str("built in; a costsim.gate.yaml or `gate:` in the scenario replaces it\n"),
    }
    out.lines().map(|line| clean(line) + "\n").collect()
}

/// All metrics that rules may name: for `--explain metrics`.
pub fn explain_metrics() -> String {
    METRICS.iter().map(|family| format!("{:<34} {}\n", family.name, family.doc)).collect()
}
