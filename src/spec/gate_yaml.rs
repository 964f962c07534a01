//! Reading a gate: `costsim.gate.yaml`, or `gate:` and `accepted:` in a scenario.

use super::gate::{Accepted, Bound, Change, Gate, Level, METRICS, Place, Rule, Side, Stays, Unit, UpTo, families};
use super::model_yaml;
use super::quantity::parse_duration;
use super::read::{At, FromYaml, Problem, Reader, Schemas, keywords, record};
use crate::catalog::{self, Kind};
use crate::diag::{self, Diagnostic, Span, nearest};
use crate::yaml::{self, Node, shorten};
use jiff::civil::Date;
use serde_json::json;
use std::path::Path;

/// Name of the gate file that is looked for in the current directory.
pub const GATE_FILE: &str = "costsim.gate.yaml";

record! {
    /// A gate: rules and agreed exceptions.
    pub(crate) struct RawGate: "a gate (a mapping with `gate:`)" {
        /// The rules.
        required gate: Vec<RawRule>,
        /// Exceptions that were agreed.
        optional accepted: Vec<RawAccepted>,
    }
}

record! {
    /// One rule; it needs a `limit`, a `change` or both.
    pub(crate) struct RawRule: "a rule such as `{ name: cost, metric: monthly_cost.total, change: \"< 5% or < 10 USD\" }`" {
        /// Its name, unique in the gate.
        required name: At<String>,
        /// Architectures it is for; `*` stands for any characters (default all).
        optional architecture: String,
        /// What is measured; `*` stands for any characters. `costsim check --explain metrics` lists all.
        required metric: At<String>,
        /// What the value may be: `< 500 USD`, `<= 300 ms`, `< 0.1%`, `< 20`; for the verdict: `cheapest stays NAME`.
        optional limit: At<String>,
        /// What the change from the baseline may be, as a share and as an amount: `< 5% or < 10 USD`.
        optional change: At<String>,
        /// What happens when it is broken (default deny).
        optional level: Level,
        /// What to do then.
        optional message: String,
    }
}

record! {
    /// An agreed exception.
    pub(crate) struct RawAccepted: "an exception such as `{ gate: cost, architecture: ec2-asg-alb, up_to: \"+60 USD\", reason: …, approved_by: …, until: 2026-12-31 }`" {
        /// Name of the rule; `*` stands for any characters.
        required gate: At<String>,
        /// Architectures; `*` stands for any characters (default all).
        optional architecture: String,
        /// How far: the value (`560 USD`), or the change (`+60 USD`, `+12%`).
        required up_to: At<String>,
        /// Why.
        required reason: String,
        /// By whom.
        required approved_by: String,
        /// The last day on which it holds.
        required until: Date,
    }
}

keywords!(Level, "a level", { "deny" => Level::Deny, "warn" => Level::Warn, "info" => Level::Info });

const LIMIT: &str = "a limit such as `< 500 USD`, `<= 300 ms`, `< 0.1%` or `< 20`";
const CHANGE: &str = "a change such as `< 5% or < 10 USD`";
const UP_TO: &str = "`560 USD` (the value), `+60 USD` or `+12%` (the change)";

/// What a bound is written in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    Of(f64, Unit),
    Percent(f64),
}

/// `500 USD`, `$500`, `300 ms`, `2s`, `5%`, `0.1 pp`, `20`; a sign in front is kept.
fn amount(text: &str, expects: &str) -> Result<Amount, Problem> {
    let bad = || Problem::new("wrong-type", format!("`{}` is no amount", shorten(text)), format!("write {expects}"));
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest.trim_start()),
        None => (false, text),
    };
    let unsigned = unsigned.trim_end();
    let number = |digits: &str| {
        let digits = digits.trim();
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.len() <= 30;
        let value = digits.parse::<f64>().ok().filter(|value| plain && value.is_finite()).ok_or_else(bad)?;
        Ok(if negative { -value } else { value })
    };
    if let Some(rest) = unsigned.strip_suffix('%') {
        return Ok(Amount::Percent(number(rest)? / 100.0));
    }
    if let Some(rest) = unsigned.strip_suffix("pp") {
        return Ok(Amount::Of(number(rest)? / 100.0, Unit::Share));
    }
    if let Some(rest) = unsigned.strip_suffix("USD").or_else(|| unsigned.strip_prefix('$')) {
        return Ok(Amount::Of(number(rest)?, Unit::Usd));
    }
    if unsigned.ends_with(|c: char| c.is_ascii_alphabetic()) {
        let time = parse_duration(unsigned).map_err(|_| bad())?;
        let millis = time.as_millis_f64();
        return Ok(Amount::Of(if negative { -millis } else { millis }, Unit::Ms));
    }
    Ok(Amount::Of(number(unsigned)?, Unit::Count))
}

/// `< 500 USD` as its side and what follows.
fn side<'t>(text: &'t str, expects: &str) -> Result<(Side, &'t str), Problem> {
    let text = text.trim();
    for (word, side) in [("<=", Side::AtMost), (">=", Side::AtLeast), ("<", Side::Below), (">", Side::Above)] {
        if let Some(rest) = text.strip_prefix(word) {
            return Ok((side, rest));
        }
    }
    let title = format!("`{}` does not say which side is fine", shorten(text));
    Err(Problem::new("wrong-type", title, format!("write {expects}")))
}

fn limit(text: &str) -> Result<Bound, Problem> {
    let (side, rest) = side(text, LIMIT)?;
    let (value, unit) = match amount(rest, LIMIT)? {
        Amount::Of(value, unit) => (value, unit),
        Amount::Percent(share) => (share, Unit::Share),
    };
    Ok(Bound { side, value, unit, text: text.trim().to_owned() })
}

fn change(text: &str) -> Result<Change, Problem> {
    let both = || {
        let title = format!("`{}` has no two floors", shorten(text));
        let mut problem = Problem::new("one-floor", title, format!("write {CHANGE}"));
        "a share alone is broken by cents, an amount alone by growth".clone_into(&mut problem.label);
        problem
    };
    let (first, second) = text.split_once(" or ").ok_or_else(both)?;
    let (side_of_first, first) = side(first, CHANGE)?;
    let (side_of_second, second) = side(second, CHANGE)?;
    let (relative, absolute, unit) = match (amount(first, CHANGE)?, amount(second, CHANGE)?) {
        (Amount::Percent(share), Amount::Of(value, unit)) | (Amount::Of(value, unit), Amount::Percent(share)) => {
            (share, value, unit)
        }
        _ => return Err(both()),
    };
    if side_of_first != side_of_second {
        let title = "the two floors are on different sides";
        return Err(Problem::new("two-sides", title, "write a rule for the increase and another for the decrease"));
    }
    let outward = |bound: f64| if side_of_first.is_upper() { bound >= 0.0 } else { bound <= 0.0 };
    if !outward(relative) || !outward(absolute) {
        let help = "write `< 5% or < 10 USD` against an increase, `> -5% or > -10 USD` against a decrease";
        return Err(Problem::new("wrong-sign", "an unchanged result would break this rule", help));
    }
    Ok(Change { side: side_of_first, relative, absolute, unit, text: text.trim().to_owned() })
}

fn stays(text: &str) -> Result<Stays, Problem> {
    let mut words = text.split_whitespace();
    let subject = words.next();
    let meeting_objectives = subject == Some("cheapest_meeting_objectives");
    let fine = (meeting_objectives || subject == Some("cheapest")) && words.next() == Some("stays");
    let who = words.next().map(str::to_owned);
    if !fine || words.next().is_some() {
        let title = format!("`{}` says nothing about the verdict", shorten(text));
        let help = "write `cheapest stays NAME`, `cheapest_meeting_objectives stays NAME`, or without a name: as in the baseline";
        return Err(Problem::new("wrong-type", title, help));
    }
    Ok(Stays { meeting_objectives, who, text: text.trim().to_owned() })
}

fn up_to(text: &str) -> Result<UpTo, Problem> {
    let change = text.trim().starts_with(['+', '-']);
    Ok(match (amount(text, UP_TO)?, change) {
        (Amount::Percent(share), true) => UpTo::Relative(share),
        (Amount::Percent(share), false) => UpTo::Value(share, Unit::Share),
        (Amount::Of(value, unit), true) => UpTo::Change(value, unit),
        (Amount::Of(value, unit), false) => UpTo::Value(value, unit),
    })
}

/// Reads what a text says, or reports it.
fn understood<T>(at: &At<String>, reader: &mut Reader, read: fn(&str) -> Result<T, Problem>) -> Option<T> {
    match read(&at.value) {
        Ok(value) => Some(value),
        Err(Problem { code, title, label, help }) => {
            reader.error(code, title, at.span, &label, &help);
            None
        }
    }
}

fn place(span: Span, reader: &Reader) -> Option<Place> {
    let source = reader.sources.get(span.source);
    let (line, column) = source.line_column(span.start as usize);
    Some(Place { file: source.name.clone(), line, column })
}

fn word(unit: Unit) -> &'static str {
    match unit {
        Unit::Usd => "dollars (`10 USD`)",
        Unit::Ms => "a time (`20 ms`)",
        Unit::Share => "a share (`0.1%` in a limit, `0.1 pp` in a change)",
        Unit::Count => "a plain number (`3`)",
    }
}

/// Checks raw rules and exceptions; what is wrong is reported.
pub(crate) fn check(rules: Vec<RawRule>, accepted: Vec<RawAccepted>, reader: &mut Reader) -> Gate {
    let mut gate = Gate::default();
    for raw in rules {
        let span = raw.span;
        if let Some(rule) = rule(raw, reader) {
            if gate.rules.iter().any(|other| other.name == rule.name) {
                let title = format!("two rules are called `{}`", shorten(&rule.name));
                let span = reader.first_line(span);
                reader.error(
                    "duplicate-name",
                    title,
                    span,
                    "",
                    "exceptions and reports name rules: give it another name",
                );
            }
            gate.rules.push(rule);
        }
    }
    gate.accepted = check_exceptions(&gate, accepted, reader);
    gate
}

fn rule(raw: RawRule, reader: &mut Reader) -> Option<Rule> {
    let (name, metric) = (raw.name?, raw.metric?);
    if families(&metric.value).next().is_none() {
        let help = match nearest(&metric.value, METRICS.iter().map(|family| family.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`costsim check --explain metrics` lists them".to_owned(),
        };
        reader.error(
            "unknown-metric",
            format!("there is no metric `{}`", shorten(&metric.value)),
            metric.span,
            "",
            &help,
        );
        return None;
    }
    if raw.limit.is_none() && raw.change.is_none() {
        let span = reader.first_line(raw.span);
        reader.error(
            "missing-key",
            "the rule allows everything",
            span,
            "",
            &format!("add `limit:`, {LIMIT}, or `change:`, {CHANGE}"),
        );
        return None;
    }
    let verdict = metric.value == "verdict";
    let (mut bound, mut staying, mut allowed) = (None, None, None);
    if let Some(text) = &raw.limit {
        if verdict {
            staying = Some(understood(text, reader, stays)?);
        } else {
            let found = understood(text, reader, limit)?;
            fits(found.unit, &metric.value, text.span, reader)?;
            bound = Some(found);
        }
    }
    if let Some(text) = &raw.change {
        if verdict {
            reader.error(
                "wrong-type",
                "a verdict has no size",
                text.span,
                "",
                "write `limit: \"cheapest stays NAME\"`",
            );
            return None;
        }
        let found = understood(text, reader, change)?;
        fits(found.unit, &metric.value, text.span, reader)?;
        allowed = Some(found);
    }
    Some(Rule {
        name: name.value,
        architecture: raw.architecture.unwrap_or_else(|| "*".to_owned()),
        metric: metric.value,
        limit: bound,
        change: allowed,
        stays: staying,
        level: raw.level.unwrap_or(Level::Deny),
        message: raw.message,
        place: place(raw.span, reader),
    })
}

/// Every metric that the pattern stands for has to be in the unit.
fn fits(unit: Unit, metric: &str, span: Span, reader: &mut Reader) -> Option<()> {
    // `*` is for whatever has the unit.
    if metric == "*" {
        return Some(());
    }
    let Some(other) = families(metric).find(|family| family.unit != Some(unit)) else { return Some(()) };
    let title = match other.unit {
        Some(wanted) => format!("`{}` is {}", other.name, word(wanted)),
        None => "the verdict has no size".to_owned(),
    };
    reader.error(
        "wrong-unit",
        title,
        span,
        &format!("this is {}", word(unit)),
        "write the bound in the unit of the metric",
    );
    None
}

/// The rules that hold where there is no gate file and no `gate:`.
const DEFAULTS: &str = include_str!("gate_defaults.yaml");

/// The built-in gate.
pub fn default_gate() -> Gate {
    let mut gate = read_text("embedded:gate.yaml", DEFAULTS.to_owned()).map(|found| found.0).unwrap_or_default();
    // They stand in no file that a user could change.
    gate.rules.iter_mut().for_each(|rule| rule.place = None);
    gate
}

/// Reads a gate file. Findings that do not prevent its use come with it.
///
/// # Errors
/// All findings, of which at least one is an error.
pub fn load_gate(path: &Path) -> Result<(Gate, Vec<Diagnostic>), Vec<Diagnostic>> {
    let shown = path.display().to_string();
    let text = yaml::read_file(path, &shown).map_err(|finding| vec![finding])?;
    read_text(&shown, text)
}

fn read_text(shown: &str, text: String) -> Result<(Gate, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let gate = reader
        .parse(shown, text)
        .and_then(|node| RawGate::read(&node, &mut reader))
        .map(|raw| check(raw.gate.unwrap_or_default(), raw.accepted.unwrap_or_default(), &mut reader));
    finished(gate, reader)
}

fn finished<T>(gate: Option<T>, mut reader: Reader) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
    diag::sort(&mut reader.findings);
    match gate {
        Some(gate) if !reader.failed() => Ok((gate, reader.findings)),
        _ => Err(reader.findings),
    }
}

/// The gate that the scenario among the inputs holds under `gate:` and `accepted:`; `None` where it holds none.
///
/// # Errors
/// All findings, of which at least one is an error.
pub fn scenario_gate(inputs: &[String], data_dir: Option<&Path>) -> Result<Option<Gate>, Vec<Diagnostic>> {
    let default = [catalog::DEFAULT_SCENARIO.to_owned()];
    let inputs = if inputs.is_empty() { &default[..] } else { inputs };
    for input in inputs {
        let found = catalog::find(&[Kind::Scenario, Kind::Model], input, None, data_dir).map_err(|f| vec![f])?;
        let mut reader = Reader::default();
        let Some(node) = reader.parse(&found.shown, &found.text) else { return Err(reader.findings) };
        if model_yaml::is_model(&node) || (node.get("gate").is_none() && node.get("accepted").is_none()) {
            continue;
        }
        let rules = listed::<RawRule>(&node, "gate", &mut reader);
        let accepted = listed::<RawAccepted>(&node, "accepted", &mut reader);
        let gate = match rules {
            Some(rules) => check(rules, accepted.unwrap_or_default(), &mut reader),
            // Exceptions from the built-in rules.
            None => {
                let mut gate = default_gate();
                gate.accepted = check_exceptions(&gate, accepted.unwrap_or_default(), &mut reader);
                gate
            }
        };
        return finished(Some(gate), reader).map(|found| Some(found.0));
    }
    Ok(None)
}

/// Checks exceptions from the rules of a gate; what is wrong is reported.
pub(crate) fn check_exceptions(gate: &Gate, accepted: Vec<RawAccepted>, reader: &mut Reader) -> Vec<Accepted> {
    let known: Vec<&str> = gate.rules.iter().map(|rule| rule.name.as_str()).collect();
    let mut read = Vec::new();
    for raw in accepted {
        let (Some(name), Some(text), Some(reason), Some(approved_by), Some(until)) =
            (raw.gate, raw.up_to, raw.reason, raw.approved_by, raw.until)
        else {
            continue;
        };
        if !known.iter().any(|rule| super::gate::matches(&name.value, rule)) {
            let help = match nearest(&name.value, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the rules are: {}", known.join(", ")),
            };
            reader.error("unknown-rule", format!("there is no rule `{}`", shorten(&name.value)), name.span, "", &help);
        }
        let Some(up_to) = understood(&text, reader, up_to) else { continue };
        read.push(Accepted {
            gate: name.value,
            architecture: raw.architecture.unwrap_or_else(|| "*".to_owned()),
            up_to,
            up_to_text: text.value.trim().to_owned(),
            reason,
            approved_by,
            until,
            place: place(raw.span, reader),
        });
    }
    read
}

fn listed<T: FromYaml>(node: &Node, key: &str, reader: &mut Reader) -> Option<Vec<T>> {
    node.get(key).and_then(|value| Vec::<T>::read(value, reader))
}

/// Whether a file is a gate.
pub(crate) fn is_gate(node: &Node) -> bool {
    node.get("gate").is_some() && node.get("traffic").is_none()
}

/// Checks a gate that has been parsed.
pub(crate) fn validate(node: &Node, reader: &mut Reader) {
    if let Some(raw) = RawGate::read(node, reader) {
        check(raw.gate.unwrap_or_default(), raw.accepted.unwrap_or_default(), reader);
    }
}

/// JSON Schema of a gate file.
pub fn gate_schema() -> serde_json::Value {
    let mut schema = Schemas::document::<RawGate>("costsim gate");
    schema["$defs"]["RawRule"]["properties"]["metric"]["examples"] =
        json!(METRICS.iter().map(|family| family.name).collect::<Vec<_>>());
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(&'static str, String)> {
        let found = read_text("gate.yaml", text.to_owned()).expect_err("there is a mistake");
        found.into_iter().map(|finding| (finding.code, finding.place().unwrap_or_default())).collect()
    }

    #[test]
    fn the_built_in_gate_is_one() {
        let gate = default_gate();
        assert!(gate.rules.len() >= 6, "{gate:?}");
        assert!(gate.rules.iter().any(|rule| rule.level == Level::Deny && rule.metric == "monthly_cost.total"));
    }

    #[test]
    fn a_rule_is_read_with_its_place() {
        let text = "gate:\n  - { name: cost, architecture: \"lambda-*\", metric: monthly_cost.total, limit: \"< 500 USD\", change: \"< 5% or < $10\", level: warn }\n  - { name: fast, metric: latency_ms.p99, limit: \"<= 1.5s\" }\n  - { name: wins, metric: verdict, limit: cheapest stays a }\naccepted:\n  - { gate: cost, up_to: +12%, reason: sale, approved_by: me, until: 2026-12-31 }\n";
        let (gate, warnings) = read_text("gate.yaml", text.to_owned()).unwrap();
        assert!(warnings.is_empty());
        let cost = &gate.rules[0];
        let limit = cost.limit.as_ref().unwrap();
        assert_eq!((limit.side, limit.value, limit.unit), (Side::Below, 500.0, Unit::Usd));
        let change = cost.change.as_ref().unwrap();
        assert_eq!((change.relative, change.absolute, cost.level), (0.05, 10.0, Level::Warn));
        assert_eq!(cost.place.as_ref().map(|place| (place.line, place.file.as_str())), Some((2, "gate.yaml")));
        assert_eq!(gate.rules[1].limit.as_ref().unwrap().value, 1_500.0);
        assert_eq!(gate.rules[2].stays.as_ref().unwrap().who.as_deref(), Some("a"));
        assert_eq!(gate.accepted[0].up_to, UpTo::Relative(0.12));
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        let one = |rule: &str| mistakes(&format!("gate:\n  - {rule}\n")).remove(0);
        for (rule, code) in [
            ("{ name: a, metric: monthly_cost.totl, limit: \"< 5 USD\" }", "unknown-metric"),
            ("{ name: a, metric: monthly_cost.total }", "missing-key"),
            ("{ name: a, metric: monthly_cost.total, limit: \"< 5 ms\" }", "wrong-unit"),
            ("{ name: a, metric: monthly_cost.total, limit: 5 USD }", "wrong-type"),
            ("{ name: a, metric: monthly_cost.total, change: \"< 5%\" }", "one-floor"),
            ("{ name: a, metric: monthly_cost.total, change: \"< 5% or > 5 USD\" }", "two-sides"),
            ("{ name: a, metric: monthly_cost.total, change: \"< -5% or < -5 USD\" }", "wrong-sign"),
            ("{ name: a, metric: verdict, limit: dearest stays x }", "wrong-type"),
            ("{ name: a, metric: monthly_cost.total, limit: \"< 5 USD\", level: block }", "unknown-word"),
            ("{ name: a, metric: cold_starts, limit: \"< 5%\", levl: warn }", "unknown-key"),
        ] {
            let found = one(rule);
            assert_eq!((found.0, found.1.starts_with("gate.yaml:2:")), (code, true), "{rule}: {found:?}");
        }
        let twice = "gate:\n  - { name: a, metric: cold_starts, limit: < 5% }\n  - { name: a, metric: cold_starts, limit: < 5% }\n";
        assert_eq!(mistakes(twice)[0].0, "duplicate-name");
        let unknown = "gate:\n  - { name: a, metric: cold_starts, limit: < 5% }\naccepted:\n  - { gate: b, up_to: 5%, reason: r, approved_by: m, until: 2026-12-31 }\n";
        assert_eq!(mistakes(unknown)[0], ("unknown-rule", "gate.yaml:4:13".to_owned()));
    }
}
