//! From what the user names (files, names, flags) to a checked [`Scenario`]: the front door of [`crate::spec`].

use super::billing::{Billing, RateTier};
use super::billing_yaml;
use super::deployment_yaml;
use super::files;
use super::gate_yaml;
use super::lifecycle::Times;
use super::model::{Architecture, ComponentKind};
use super::model_yaml::{self, Context, RawModel};
use super::ownership_yaml;
use super::read::{FromYaml, Reader, Schemas};
use super::scenario::{RequestClass, Scenario, Shape, Work};
use super::scenario_yaml::{self as raw, ArchitectureRef, CheckedClass, RawScenario};
use super::set::{self, Setting};
use crate::catalog::{self, DEFAULT_SCENARIO, Found, Kind};
use crate::diag::{self, Diagnostic, Span};
use crate::traffic::csv_file;
use crate::yaml::{Key, Node, Value, shorten};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name of the source that stands for a scenario made of models and flags.
const MADE_OF_FLAGS: &str = "(made of the command line)";

/// Keys at the top of a scenario: a `--set` path that begins with one of them needs no search.
const TOP: &[&str] = &[
    "name",
    "description",
    "region",
    "start",
    "timezone",
    "month",
    "horizon",
    "warmup",
    "seed",
    "replications",
    "account",
    "limits",
    "traffic",
    "events",
    "deployments",
    "requests",
    "client",
    "objectives",
    "backend",
    "billing",
    "environments",
    "per_branch",
    "architectures",
    "gate",
    "accepted",
];

/// What to load, as it stands on the command line.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Positional arguments: a scenario, models, or both (then the models replace the scenario's architectures). Which is which
    /// is told by content. Without any the default scenario is loaded.
    pub inputs: Vec<String>,
    /// `--arch`: only these architectures, by name; other names are looked up in the catalogue.
    pub architectures: Vec<String>,
    /// `--rate 50/s`: replaces the shape of the traffic.
    pub rate: Option<String>,
    /// `--per-month 3M`: replaces the shape of the traffic.
    pub per_month: Option<String>,
    /// `--replay FILE`: replaces the shape of the traffic; the kind of the file is told by its columns.
    pub replay: Option<String>,
    /// `--duration 120ms`: replaces the requests by one with this duration.
    pub duration: Option<String>,
    /// `--cpu-share 40%` of that duration, or of a replayed file's durations.
    pub cpu_share: Option<String>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--replications`.
    pub replications: Option<u32>,
    /// `--horizon 7d`.
    pub horizon: Option<String>,
    /// `--set PATH=VALUE`, in order.
    pub set: Vec<String>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// What was loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The scenario; everything in it is checked.
    pub scenario: Scenario,
    /// Findings that do not prevent its use, sorted.
    pub warnings: Vec<Diagnostic>,
}

/// Loads a scenario.
///
/// # Errors
/// All findings, sorted by file and place, of which at least one is an error.
pub fn load(options: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let scenario = load_with(options, &mut reader);
    diag::sort(&mut reader.findings);
    match scenario {
        Some(scenario) if !reader.failed() => Ok(Loaded { scenario, warnings: reader.findings }),
        _ => {
            if !diag::any_error(&reader.findings) {
                // Every `None` is preceded by a finding; this keeps the promise of the signature if one is ever forgotten.
                reader.findings.push(Diagnostic::error("unusable", "the scenario cannot be used"));
            }
            Err(reader.findings)
        }
    }
}

/// Checks scenarios (with the models they name), models and price lists. Returns all findings, sorted within each file.
pub fn validate(names: &[String], data_dir: Option<&Path>) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for name in names {
        let mut reader = Reader::default();
        match catalog::find(&[Kind::Scenario, Kind::Model], name, None, data_dir) {
            Err(finding) => all.push(finding),
            Ok(found) => {
                if let Some(node) = reader.parse(&found.shown, &found.text) {
                    all.extend(validate_document(found, &node, data_dir, reader));
                } else {
                    all.append(&mut reader.findings);
                }
            }
        }
    }
    // A model that two of the files lead to is reported once.
    let mut said = BTreeSet::new();
    all.retain(|finding| said.insert(finding.render(false)));
    all
}

fn validate_document(found: Found, node: &Node, data_dir: Option<&Path>, mut reader: Reader) -> Vec<Diagnostic> {
    if node.get("services").is_some() && node.get("traffic").is_none() {
        return match crate::bill::price_list::read(&[(found.shown, found.text)]) {
            Ok(_) => Vec::new(),
            Err(findings) => findings,
        };
    }
    if crate::bill::usage_file::is_usage(node) && node.get("traffic").is_none() {
        return crate::bill::usage_file::read(&found.shown, &found.text)
            .map_or_else(|findings| findings, |_| Vec::new());
    }
    if gate_yaml::is_gate(node) {
        gate_yaml::validate(node, &mut reader);
    } else if model_yaml::is_model(node) {
        let name = stem(&found.shown);
        reader.base = found.directory;
        model_yaml::read(node, Context { classes: None, fallback_name: &name, times: Times::Today }, &mut reader);
    } else {
        let document = Document { node: node.clone(), found };
        let scenario = finish(
            document,
            None,
            &LoadOptions { data_dir: data_dir.map(Path::to_owned), ..LoadOptions::default() },
            &[],
            &mut reader,
        );
        if let Some(scenario) = scenario {
            check_prices(&scenario.region, node, data_dir, &mut reader);
        }
    }
    diag::sort(&mut reader.findings);
    reader.findings
}

/// Whether there is a price list for the region: said where the scenario names it.
fn check_prices(region: &str, node: &Node, data_dir: Option<&Path>, reader: &mut Reader) {
    let book = catalog::price_lists(region, data_dir).and_then(|files| crate::bill::price_list::book(region, &files));
    let Err(findings) = book else { return };
    for mut finding in findings {
        if let (true, Some(place)) = (finding.labels.is_empty(), node.get("region")) {
            finding = finding.at(&reader.sources, place.span, "");
        }
        reader.findings.push(finding);
    }
}

/// JSON Schema of a scenario.
pub fn scenario_schema() -> serde_json::Value {
    Schemas::document::<RawScenario>("costsim scenario")
}

/// JSON Schema of a model.
pub fn model_schema() -> serde_json::Value {
    Schemas::document::<RawModel>("costsim model")
}

/// A parsed file.
struct Document {
    node: Node,
    found: Found,
}

/// A model before it is read.
struct Candidate {
    node: Node,
    /// Name if the file states none.
    fallback: String,
    directory: Option<PathBuf>,
    /// Place to blame for what concerns the model as a whole.
    span: Span,
}

impl Candidate {
    fn name(&self) -> &str {
        self.node.get("name").and_then(Node::scalar).unwrap_or(&self.fallback)
    }
}

/// The file's name without directory and extension.
fn stem(shown: &str) -> String {
    let path = Path::new(shown.strip_prefix("embedded:").unwrap_or(shown));
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("unnamed").to_owned()
}

fn open(
    kinds: &[Kind],
    name: &str,
    beside: Option<&Path>,
    data_dir: Option<&Path>,
    reader: &mut Reader,
) -> Option<Document> {
    match catalog::find(kinds, name, beside, data_dir) {
        Ok(found) => {
            reader.note_file(&found.shown, files::digest_text(&found.text));
            let node = reader.parse(&found.shown, &found.text)?;
            Some(Document { node, found })
        }
        Err(finding) => {
            reader.findings.push(finding);
            None
        }
    }
}

fn load_with(options: &LoadOptions, reader: &mut Reader) -> Option<Scenario> {
    let data_dir = options.data_dir.as_deref();
    let settings: Vec<Setting> = options.set.iter().filter_map(|argument| set::parse(argument, reader)).collect();
    let mut scenarios = Vec::new();
    let mut models = Vec::new();
    for input in &options.inputs {
        let Some(document) = open(&[Kind::Scenario, Kind::Model], input, None, data_dir, reader) else { continue };
        if model_yaml::is_model(&document.node) { models.push(document) } else { scenarios.push(document) }
    }
    if reader.failed() {
        return None;
    }
    if let Some(second) = scenarios.get(1) {
        let title = format!("`{}` is a second scenario", second.found.shown);
        let span = reader.first_line(second.node.span);
        reader.error("two-scenarios", title, span, "", "name one scenario; models may be several");
        return None;
    }
    let models = (!models.is_empty()).then_some(models);
    let mut document = match (scenarios.pop(), &models) {
        (Some(scenario), _) => scenario,
        (None, None) => open(&[Kind::Scenario], DEFAULT_SCENARIO, None, data_dir, reader)?,
        (None, Some(_)) => made_of_flags(options, reader)?,
    };
    apply_flags(&mut document, options, reader);
    finish(document, models, options, &settings, reader)
}

/// The scenario of models and flags alone.
fn made_of_flags(options: &LoadOptions, reader: &mut Reader) -> Option<Document> {
    let traffic = options.rate.is_some() || options.per_month.is_some() || options.replay.is_some();
    let sets = |key: &str| options.set.iter().any(|setting| setting.starts_with(key));
    if !traffic && !sets("traffic") {
        let finding = Diagnostic::error("no-traffic", "models alone do not say how much traffic there is");
        reader
            .findings
            .push(finding.help("add `--rate 50/s`, `--per-month 3M` or `--replay FILE`, or name a scenario first"));
    }
    if options.duration.is_none() && options.replay.is_none() && !sets("requests") {
        let finding = Diagnostic::error("no-requests", "models alone do not say what a request needs");
        reader.findings.push(finding.help("add `--duration 120ms --cpu-share 40%`, or name a scenario first"));
    }
    if reader.failed() {
        return None;
    }
    let node = reader.parse(MADE_OF_FLAGS, "name: command line")?;
    let found = Found { shown: "command line".to_owned(), text: String::new(), directory: None };
    Some(Document { node, found })
}

fn mapping(entries: Vec<(&str, Node)>, span: Span) -> Node {
    let entries = entries.into_iter().map(|(key, node)| (Key { text: key.to_owned(), span }, node)).collect();
    Node { value: Value::Mapping(entries), span }
}

/// Puts a value under a key of a mapping, replacing what is there.
fn put(root: &mut Node, key: &str, node: Node) {
    let Value::Mapping(entries) = &mut root.value else { return };
    match entries.iter_mut().find(|(name, _)| name.text == key) {
        Some((_, value)) => *value = node,
        None => {
            let span = node.span;
            entries.push((Key { text: key.to_owned(), span }, node));
        }
    }
}

/// Replaces in the tree what flags state.
fn apply_flags(document: &mut Document, options: &LoadOptions, reader: &mut Reader) {
    let root = &mut document.node;
    let base = document.found.directory.clone();
    let shapes = [
        options.rate.as_ref().map(|text| ("--rate", text)),
        options.per_month.as_ref().map(|text| ("--per-month", text)),
        options.replay.as_ref().map(|text| ("--replay", text)),
    ];
    let mut shapes = shapes.into_iter().flatten();
    if let Some((flag, text)) = shapes.next() {
        let argument = reader.argument(flag, text);
        let span = argument.span;
        if let Some((second, text)) = shapes.next() {
            let second_node = reader.argument(second, text);
            let title = format!("`{second}` and `{flag}` both state the traffic");
            reader.error("two-shapes", title, second_node.span, "", "keep one of --rate, --per-month and --replay");
        }
        let (key, node) = match flag {
            "--rate" => ("constant", argument),
            "--per-month" => ("constant", mapping(vec![("per_month", argument)], span)),
            _ => ("replay", replay_node(argument, base.as_deref(), options, reader)),
        };
        let mut kept = match root.get("traffic").map(|traffic| &traffic.value) {
            Some(Value::Mapping(entries)) => entries.clone(),
            _ => Vec::new(),
        };
        kept.retain(|(key, _)| !["constant", "steps", "diurnal", "replay"].contains(&key.text.as_str()));
        kept.push((Key { text: key.to_owned(), span }, node));
        put(root, "traffic", Node { value: Value::Mapping(kept), span });
    }
    if let Some(duration) = &options.duration {
        let duration = reader.argument("--duration", duration);
        let span = duration.span;
        let name = Node { value: Value::Scalar { text: "request".to_owned(), quoted: true }, span };
        let mut entries = vec![("name", name), ("duration", duration)];
        if let Some(share) = &options.cpu_share {
            entries.push(("cpu_share", reader.argument("--cpu-share", share)));
        }
        put(root, "requests", Node { value: Value::Sequence(vec![mapping(entries, span)]), span });
    } else if let (Some(share), None) = (&options.cpu_share, &options.replay) {
        let node = reader.argument("--cpu-share", share);
        reader.error(
            "no-duration",
            "`--cpu-share` belongs to a duration",
            node.span,
            "",
            "add e.g. `--duration 120ms`",
        );
    }
    let numbers = [
        ("seed", "--seed", options.seed.map(|n| n.to_string())),
        ("replications", "--replications", options.replications.map(|n| n.to_string())),
        ("horizon", "--horizon", options.horizon.clone()),
    ];
    for (key, flag, value) in numbers {
        if let Some(value) = value {
            put(root, key, reader.argument(flag, &value));
        }
    }
}

/// `--replay FILE` as the mapping that a scenario would hold.
fn replay_node(file: Node, base: Option<&Path>, options: &LoadOptions, reader: &mut Reader) -> Node {
    let span = file.span;
    let yes = || Node { value: Value::Scalar { text: "true".to_owned(), quoted: false }, span };
    let name = file.scalar().unwrap_or_default().to_owned();
    let path = Path::new(&name);
    // A file on the command line is relative to the current directory, even where one beside the scenario has its name.
    let file = match (path.exists(), base) {
        (true, Some(base)) if base.join(path).exists() => match std::path::absolute(path) {
            Ok(absolute) => Node { value: Value::Scalar { text: absolute.display().to_string(), quoted: true }, span },
            Err(_) => file,
        },
        _ => file,
    };
    // Counts make a rate file; a mistake in the file is reported when it is read as such.
    let columns = super::scenario::Columns::default();
    let located = files::locate(&name, base);
    // What is no regular file may be gone once it has been looked at; it is refused when it is read as a rate file.
    let rate = !located.is_file()
        || csv_file::RateReader::open(&located, &name, &columns).is_ok()
        || csv_file::RequestReader::open(&located, &name, &columns).is_err();
    let mut entries = vec![("file", file), (if rate { "rate" } else { "requests" }, yes())];
    if let (Some(share), false) = (&options.cpu_share, rate) {
        entries.push(("cpu_share", reader.argument("--cpu-share", share)));
    }
    mapping(entries, span)
}

/// Reads the models, applies what `--set` states, and checks everything.
fn finish(
    mut document: Document,
    models: Option<Vec<Document>>,
    options: &LoadOptions,
    settings: &[Setting],
    reader: &mut Reader,
) -> Option<Scenario> {
    let data_dir = options.data_dir.as_deref();
    let (at_top, elsewhere): (Vec<_>, Vec<_>) =
        settings.iter().partition(|setting| setting.model.is_none() && set::begins_with(setting, TOP));
    for setting in at_top {
        set::apply(&mut document.node, setting, reader);
    }
    let chosen = models.is_some() || !options.architectures.is_empty();
    // Models on the command line replace the scenario's architectures: an empty list stands in for them.
    if models.is_some() || (!options.architectures.is_empty() && document.node.get("architectures").is_none()) {
        let span = Span { end: document.node.span.start, ..document.node.span };
        put(&mut document.node, "architectures", Node { value: Value::Sequence(Vec::new()), span });
    }
    let base = document.found.directory.clone();
    let mut candidates = match models {
        Some(models) => models
            .into_iter()
            .map(|model| Candidate {
                fallback: stem(&model.found.shown),
                span: reader.first_line(model.node.span),
                directory: model.found.directory,
                node: model.node,
            })
            .collect(),
        None => listed_models(&document.node, base.as_deref(), data_dir, reader),
    };
    if !options.architectures.is_empty() {
        candidates = selected(candidates, &options.architectures, base.as_deref(), data_dir, reader);
    }
    for setting in elsewhere {
        apply_elsewhere(setting, &mut document.node, &mut candidates, reader);
    }
    reader.base.clone_from(&base);
    let fallback = stem(&document.found.shown);
    let raw = RawScenario::read(&document.node, reader)?;
    let resolved = resolved(&document.node, &candidates);
    let mut scenario = check(raw, &fallback, candidates, chosen, reader)?;
    scenario.resolved = resolved;
    Some(scenario)
}

/// The scenario with its models in place of their names, every value as it was written; `None` when that is larger than results should
/// be.
fn resolved(root: &Node, candidates: &[Candidate]) -> Option<serde_json::Value> {
    const MOST_BYTES: usize = 256 << 10;
    let serde_json::Value::Object(mut whole) = root.to_json() else { return None };
    let models = candidates.iter().map(|candidate| {
        let mut model = candidate.node.to_json();
        if let serde_json::Value::Object(keys) = &mut model {
            keys.entry("name").or_insert_with(|| candidate.name().into());
        }
        model
    });
    whole.insert("architectures".to_owned(), models.collect());
    let whole = serde_json::Value::Object(whole);
    (whole.to_string().len() <= MOST_BYTES).then_some(whole)
}

/// The models that a scenario names or holds.
fn listed_models(root: &Node, base: Option<&Path>, data_dir: Option<&Path>, reader: &mut Reader) -> Vec<Candidate> {
    let Some(Value::Sequence(items)) = root.get("architectures").map(|list| &list.value) else { return Vec::new() };
    let mut candidates = Vec::new();
    for (index, item) in items.iter().enumerate() {
        // What cannot be read is reported when the scenario is.
        let before = reader.findings.len();
        let reference = ArchitectureRef::read(item, reader);
        reader.findings.truncate(before);
        match reference {
            Some(ArchitectureRef::Inline(node)) => candidates.push(Candidate {
                fallback: format!("architecture-{}", index + 1),
                directory: base.map(Path::to_owned),
                span: reader.first_line(node.span),
                node,
            }),
            Some(ArchitectureRef::Named(name)) => {
                match catalog::find(&[Kind::Model], &name.value, base, data_dir) {
                    Ok(found) => {
                        reader.note_file(&found.shown, files::digest_text(&found.text));
                        let Some(node) = reader.parse(&found.shown, &found.text) else { continue };
                        let fallback = stem(&found.shown);
                        candidates.push(Candidate { node, fallback, directory: found.directory, span: name.span });
                    }
                    // What is wrong with the name is said where the name stands.
                    Err(finding) => {
                        let help = finding.help.unwrap_or_default();
                        reader.error(finding.code, finding.title, name.span, "", &help);
                    }
                }
            }
            None => {}
        }
    }
    candidates
}

/// The architectures of `--arch`, in its order.
fn selected(
    mut candidates: Vec<Candidate>,
    names: &[String],
    base: Option<&Path>,
    data_dir: Option<&Path>,
    reader: &mut Reader,
) -> Vec<Candidate> {
    let mut chosen = Vec::new();
    let names: Vec<&str> = names.iter().flat_map(|names| names.split(',')).map(str::trim).collect();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        if let Some(position) = candidates.iter().position(|model| model.name() == name || model.fallback == name) {
            chosen.push(candidates.remove(position));
            continue;
        }
        let argument = reader.argument("--arch", name);
        match catalog::find(&[Kind::Model], name, base, data_dir) {
            Ok(found) => {
                reader.note_file(&found.shown, files::digest_text(&found.text));
                let Some(node) = reader.parse(&found.shown, &found.text) else { continue };
                let fallback = stem(&found.shown);
                chosen.push(Candidate { node, fallback, directory: found.directory, span: argument.span });
            }
            Err(finding) => {
                let own = diag::nearest(name, candidates.iter().map(Candidate::name));
                let help = own.map(|near| format!("did you mean `{near}`?")).or(finding.help).unwrap_or_default();
                reader.error(finding.code, finding.title, argument.span, "", &help);
            }
        }
    }
    chosen
}

/// A `--set` for a model, or with a path that has to be looked for.
fn apply_elsewhere(setting: &Setting, root: &mut Node, candidates: &mut [Candidate], reader: &mut Reader) {
    let Some(wanted) = &setting.model else {
        let models = candidates.iter_mut().map(|model| (format!("{}:", model.name()), &mut model.node));
        let mut roots = vec![(String::new(), root)];
        roots.extend(models);
        return set::search(roots, setting, reader);
    };
    let names: Vec<String> = candidates.iter().map(|model| model.name().to_owned()).collect();
    let Some(model) = candidates.iter_mut().find(|model| model.name() == wanted || model.fallback == *wanted) else {
        let help = match diag::nearest(wanted, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the architectures are: {}", names.join(", ")),
        };
        let title = format!("no architecture is called `{}`", shorten(wanted));
        return reader.error("set-unknown", title, setting.place(), "", &help);
    };
    set::apply_to_model(&mut model.node, setting, reader);
}

/// Checks a scenario and its models. `chosen`: the models are those of the command line, not the scenario's own.
fn check(
    raw: RawScenario,
    fallback: &str,
    candidates: Vec<Candidate>,
    chosen: bool,
    reader: &mut Reader,
) -> Option<Scenario> {
    let span = raw.span;
    let billed = billing_yaml::month(raw.month.as_ref(), reader);
    let month = billed.length;
    if let Some(at) = raw.replications.as_ref().filter(|at| !(1..=1_000).contains(&at.value)) {
        let title = format!("{} replications", at.value);
        reader.error("out-of-range", title, at.span, "", "write 1 to 1000; 5 or more give an interval");
    }
    let region = raw::region(raw.region, reader);
    let timezone = raw::timezone(raw.timezone, reader);
    let times = raw.limits.unwrap_or_default();
    let account = raw::account(raw.account, times, &region, reader);
    let client = raw::client(raw.client, reader);
    let backend_given = raw.backend.is_some();
    let backend = raw.backend.and_then(|backend| raw::backend(backend, reader));
    let replay = raw.traffic.as_ref().is_some_and(|traffic| traffic.given.contains(&"replay"));
    let traffic_span = raw.traffic.as_ref().map_or(span, |traffic| traffic.span);
    let horizon = raw.horizon.map(|horizon| horizon.map(|days| days.0));
    let traffic =
        raw.traffic.and_then(|traffic| raw::traffic(traffic, month, horizon.as_ref(), raw.warmup.as_ref(), reader));
    if let Some(result) = &traffic {
        raw::check_rate(&result.traffic, traffic_span, reader);
        if let Some(objectives) = &raw.objectives {
            raw::check_windows(&objectives.0, result.horizon, span, reader);
        }
    }
    let requests = raw.requests.as_ref().map(|requests| raw::classes(requests, reader));
    // A replayed file that cannot be read might have had durations, which make `requests:` needless.
    let requests_given = raw.given.contains(&"requests") || (replay && traffic.is_none());
    let classes = all_classes(requests, requests_given, traffic.as_ref(), span, reader);
    let architectures = architectures(candidates, &classes, times, reader);
    let list = raw.architectures.as_ref();
    if let Some(list) = list
        && architectures.is_empty()
        && !reader.failed()
    {
        reader.error("no-architectures", "there is nothing to compare", list.span, "", "name at least one model");
    }
    check_cpu_shares(&classes, &architectures, reader);
    match (raw.gate, raw.accepted) {
        (Some(rules), accepted) => drop(gate_yaml::check(rules, accepted.unwrap_or_default(), reader)),
        (None, Some(accepted)) => drop(gate_yaml::check_exceptions(&gate_yaml::default_gate(), accepted, reader)),
        (None, None) => {}
    }
    let mut billing = Billing { calendar: billed.calendar, ..billing_yaml::billing(raw.billing, reader) };
    if let Some((key, price)) = times.rate().filter(|(key, _)| billing.rates.iter().all(|(known, _)| known != key)) {
        billing.rates.push((key.to_owned(), vec![RateTier::of_all(price)]));
    }
    let environments = ownership_yaml::environments(raw.environments, raw.per_branch, reader);
    let traffic = traffic?;
    let events = raw.events.unwrap_or_default().into_iter();
    let events = events.filter_map(|event| raw::check_event(event, traffic.horizon, reader)).collect();
    let deployments = raw.deployments.unwrap_or_default();
    let deployments = deployment_yaml::check(deployments, traffic.horizon, &account, &architectures, chosen, reader);
    if (backend_given && backend.is_none()) || reader.failed() {
        return None;
    }
    Some(Scenario {
        name: raw.name.map_or_else(|| fallback.to_owned(), |name| name.value),
        description: raw.description,
        region,
        start: raw.start.unwrap_or(jiff::civil::date(2026, 3, 2)),
        timezone,
        month,
        horizon: traffic.horizon,
        warmup: traffic.warmup,
        seed: raw.seed.unwrap_or(1),
        replications: raw.replications.map_or(5, |replications| replications.value),
        account,
        traffic: traffic.traffic,
        events,
        deployments,
        classes: classes.into_iter().map(|checked| checked.class).collect(),
        client,
        objectives: raw.objectives.map(|objectives| objectives.0).unwrap_or_default(),
        backend,
        billing,
        environments,
        architectures,
        files: reader.files.clone(),
        made_on_command_line: reader.sources.get(span.source).name == MADE_OF_FLAGS,
        resolved: None,
    })
}

/// The requests of the scenario, or those that a request file introduces.
fn all_classes(
    requests: Option<Vec<CheckedClass>>,
    given: bool,
    traffic: Option<&raw::TrafficResult>,
    span: Span,
    reader: &mut Reader,
) -> Vec<CheckedClass> {
    let replayed = traffic.and_then(|traffic| traffic.durations.as_ref());
    if let Some(mut classes) = requests {
        if let Some(traffic) = traffic {
            let plain: Vec<RequestClass> = classes.iter().map(|checked| checked.class.clone()).collect();
            raw::check_names(&traffic.names, &plain, &traffic.traffic.shape, reader, span);
        }
        // The rows' own durations count, and are as blind as the file's missing CPU share.
        if let (Some((None, _, place)), Some(first)) = (replayed, classes.first_mut()) {
            first.unsplit = first.unsplit.or(Some(*place));
        }
        return classes;
    }
    let Some((share, measured_on, place)) = replayed else {
        if !given {
            let span = reader.first_line(span);
            let help = if reader.sources.get(span.source).name == MADE_OF_FLAGS {
                "add `--duration 120ms --cpu-share 40%`"
            } else if traffic.is_some_and(|traffic| matches!(traffic.traffic.shape, Shape::ReplayRequests(_))) {
                "the file has no durations: add `requests:` with `cpu:` and `wait:`"
            } else {
                "add `requests: [ { name: browse, cpu: 8ms, wait: 20ms } ]`"
            };
            reader.error("missing-key", "`requests` is missing", span, "in this scenario", help);
        }
        return Vec::new();
    };
    let work = raw::measured_work(super::distribution::Distribution::ZERO, *share, measured_on.as_ref());
    let names = traffic.map_or(&[][..], |traffic| traffic.names.as_slice());
    let total: u64 = names.iter().map(|(_, count)| count).sum();
    let unsplit = share.is_none().then_some(*place);
    let class =
        |name: &str, share: f64| CheckedClass { class: raw::replayed_class(name, share, work.clone()), unsplit };
    if names.is_empty() {
        return vec![class("request", 1.0)];
    }
    names.iter().map(|(name, count)| class(name, *count as f64 / total as f64)).collect()
}

fn architectures(
    candidates: Vec<Candidate>,
    classes: &[CheckedClass],
    times: Times,
    reader: &mut Reader,
) -> Vec<Architecture> {
    let names: Vec<String> = classes.iter().map(|checked| checked.class.name.clone()).collect();
    let mut read: Vec<Architecture> = Vec::new();
    let base = reader.base.clone();
    for candidate in candidates {
        reader.base.clone_from(&candidate.directory);
        // Without requests (which has been reported) the routes by request cannot be judged.
        let classes = (!names.is_empty()).then_some(names.as_slice());
        let context = Context { classes, fallback_name: &candidate.fallback, times };
        if !model_yaml::is_model(&candidate.node)
            && matches!(candidate.node.value, Value::Mapping(_))
            && candidate.node.get("traffic").is_some()
        {
            let title = "this is a scenario, a model is expected";
            reader.error("not-a-model", title, candidate.span, "", "name a file with `entry:` and `components:`");
            continue;
        }
        let Some(architecture) = model_yaml::read(&candidate.node, context, reader) else { continue };
        if read.iter().any(|other| other.name == architecture.name) {
            let title = format!("two architectures are called `{}`", shorten(&architecture.name));
            reader.error("duplicate-name", title, candidate.span, "", "give one of them another `name:`");
        }
        read.push(architecture);
    }
    reader.base = base;
    read
}

/// A duration whose CPU share is unknown says nothing about a machine that shares its CPUs.
fn check_cpu_shares(classes: &[CheckedClass], architectures: &[Architecture], reader: &mut Reader) {
    let fleet = architectures.iter().find_map(|architecture| {
        let fleet = architecture.components.iter().find(|c| matches!(c.kind, ComponentKind::Fleet(_)))?;
        Some((&architecture.name, &fleet.name))
    });
    let Some((architecture, fleet)) = fleet else { return };
    let mut said = Vec::new();
    for checked in classes {
        let Some(span) = checked.unsplit.filter(|span| !said.contains(span)) else { continue };
        said.push(span);
        let name = if matches!(checked.class.work, Work::Duration { .. }) { &checked.class.name } else { "the file" };
        let title = format!("the duration of `{name}` has no CPU share, but `{architecture}` shares its CPUs");
        let help = match reader.sources.get(span.source).name.as_str() {
            "--duration" | "--replay" => "add e.g. `--cpu-share 40%`".to_owned(),
            _ => "add e.g. `cpu_share: 40%`, the part of it that is CPU work".to_owned(),
        };
        let label = format!("fleet `{fleet}` needs it split into CPU and wait");
        reader.error("no-cpu-share", title, span, &label, &help);
    }
}
