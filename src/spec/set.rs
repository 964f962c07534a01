//! `--set PATH=VALUE`: changes to the tree of a file before it is read, so that they are checked like what they replace.
//!
//! A path is made of keys, of names (or positions, from 0) of list items, and of names of components: `traffic.diurnal.mean`,
//! `requests.browse.cpu`, `MODEL:shop.lambda.memory`. Within a model `components.` may be left out. A path that does not begin at
//! the top of a file is looked for everywhere: one that fits in one place is taken, one that fits in several is refused with a list.

use super::read::Reader;
use crate::diag::{Diagnostic, Span, nearest};
use crate::yaml::{self, Key, Node, Value, shorten};

/// Most places that a message lists.
const MAX_LISTED: usize = 12;

/// A parsed `--set`.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Name of the model that is addressed.
    pub(crate) model: Option<String>,
    /// The path.
    path: String,
    /// Place of the path in the argument.
    span: Span,
    /// The value.
    value: Node,
}

impl Setting {
    /// Place of the path in the argument.
    pub(crate) const fn place(&self) -> Span {
        self.span
    }
}

/// A step from a node to one of its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step(usize);

/// A place in a tree: the steps to it and the path by which it is shown.
type Place = (Vec<Step>, String);

/// Parses `PATH=VALUE` or `MODEL:PATH=VALUE`.
pub(crate) fn parse(argument: &str, reader: &mut Reader) -> Option<Setting> {
    let source = reader.sources.add("--set", argument);
    let len = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
    let whole = Span { source, start: 0, end: len(argument) };
    let Some((path, _)) = argument.split_once('=') else {
        reader.error("set", "`--set` needs a path and a value", whole, "", "write e.g. `--set traffic.scale=2`");
        return None;
    };
    let (node, findings) = yaml::parse_rest(&reader.sources, source, path.len() + 1);
    let empty = findings.iter().any(|finding| finding.code == "empty-file");
    if empty {
        reader.error("set", "the value is empty", whole, "", "write e.g. `--set traffic.scale=2`");
    } else {
        reader.findings.extend(findings);
    }
    let (model, start) = match path.split_once(':') {
        Some((model, _)) => (Some(model.trim().to_owned()), model.len() + 1),
        None => (None, 0),
    };
    let span = Span { source, start: len(&path[..start]), end: len(path) };
    let path = path[start..].trim().to_owned();
    if path.is_empty() || path.split('.').any(str::is_empty) {
        reader.error("set", "the path is not complete", span, "", "write e.g. `traffic.diurnal.mean`");
        return None;
    }
    Some(Setting { model, path, span, value: node? })
}

/// Whether the path begins with one of these keys, so that it needs no search.
pub(crate) fn begins_with(setting: &Setting, keys: &[&str]) -> bool {
    let first = setting.path.split('.').next().unwrap_or_default();
    keys.contains(&first)
}

/// Applies a path that begins at the top of `root`; keys that do not exist yet are made.
pub(crate) fn apply(root: &mut Node, setting: &Setting, reader: &mut Reader) {
    let places = resolve(root, &setting.path);
    match places.as_slice() {
        [(steps, _)] => {
            if let Some(node) = descend(root, steps) {
                *node = setting.value.clone();
            }
        }
        [] => create(root, setting, reader),
        several => ambiguous(setting, several.iter().map(|(_, shown)| shown.clone()).collect(), reader),
    }
}

/// Applies a path within a model, where `components.` may be left out.
pub(crate) fn apply_to_model(root: &mut Node, setting: &Setting, reader: &mut Reader) {
    const KEYS: [&str; 5] = ["name", "description", "entry", "components", "subnets"];
    if begins_with(setting, &KEYS) && root.get(&setting.path).is_some() || begins_with(setting, &["components"]) {
        return apply(root, setting, reader);
    }
    let inner = Setting { path: format!("components.{}", setting.path), ..setting.clone() };
    let first = setting.path.split('.').next().unwrap_or_default();
    let known = root.get("components").is_some_and(|components| !resolve(components, first).is_empty())
        || !resolve(root, &inner.path).is_empty();
    if known {
        return apply(root, &inner, reader);
    }
    if begins_with(setting, &KEYS) {
        return apply(root, setting, reader);
    }
    search(vec![(String::new(), root)], setting, reader);
}

/// Applies a path that fits somewhere in exactly one of the trees (each with the prefix under which it is shown).
pub(crate) fn search(roots: Vec<(String, &mut Node)>, setting: &Setting, reader: &mut Reader) {
    let mut found: Vec<(usize, Vec<Step>, String)> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    for (index, (prefix, root)) in roots.iter().enumerate() {
        walk(root, &mut Vec::new(), prefix, &mut |steps, shown, node| {
            if let Value::Mapping(entries) = &node.value {
                keys.extend(entries.iter().map(|(key, _)| key.text.clone()));
            }
            for (more, tail) in resolve(node, &setting.path) {
                let place = [steps, more.as_slice()].concat();
                if !found.iter().any(|(other, steps, _)| *other == index && *steps == place) {
                    found.push((index, place, join(shown, &tail)));
                }
            }
        });
    }
    match found.as_slice() {
        [(index, steps, _)] => {
            let root = roots.into_iter().nth(*index).map(|(_, root)| root);
            if let Some(node) = root.and_then(|root| descend(root, steps)) {
                *node = setting.value.clone();
            }
        }
        [] => {
            let first = setting.path.split('.').next().unwrap_or_default();
            let help = match nearest(first, keys.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "paths address the scenario, `MODEL:PATH` a model, e.g. `traffic.scale` or `lambda-512:shop.lambda.memory`"
                    .to_owned(),
            };
            let title = format!("there is nothing called `{}`", shorten(&setting.path));
            reader.error("set-unknown", title, setting.span, "", &help);
        }
        several => ambiguous(setting, several.iter().map(|(_, _, shown)| shown.clone()).collect(), reader),
    }
}

fn ambiguous(setting: &Setting, mut places: Vec<String>, reader: &mut Reader) {
    let more = places.len().saturating_sub(MAX_LISTED);
    places.truncate(MAX_LISTED);
    let mut help =
        format!("it could mean {}", places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", "));
    if more > 0 {
        help.push_str(&format!(" and {more} more"));
    }
    let title = format!("`{}` is ambiguous", shorten(&setting.path));
    reader.error("set-ambiguous", title, setting.span, "", &help);
}

fn join(prefix: &str, tail: &str) -> String {
    if prefix.is_empty() || prefix.ends_with(':') { format!("{prefix}{tail}") } else { format!("{prefix}.{tail}") }
}

/// Places that a path leads to from a node: several only where list items share a name.
fn resolve(node: &Node, path: &str) -> Vec<Place> {
    let mut open: Vec<(&Node, &str, Vec<Step>, String)> = vec![(node, path, Vec::new(), String::new())];
    let mut found = Vec::new();
    while let Some((node, rest, steps, shown)) = open.pop() {
        for (position, name, child) in children(node) {
            let Some(after) = rest.strip_prefix(name.as_str()) else { continue };
            let mut steps = steps.clone();
            steps.push(Step(position));
            let shown = join(&shown, &name);
            if after.is_empty() {
                found.push((steps, shown));
            } else if let Some(after) = after.strip_prefix('.') {
                open.push((child, after, steps, shown));
            }
        }
    }
    found
}

/// Children with every name by which a path may call them.
fn children(node: &Node) -> Vec<(usize, String, &Node)> {
    match &node.value {
        Value::Mapping(entries) => {
            entries.iter().enumerate().map(|(n, (key, value))| (n, key.text.clone(), value)).collect()
        }
        Value::Sequence(items) => items
            .iter()
            .enumerate()
            .flat_map(|(n, item)| {
                let name = item.get("name").and_then(Node::scalar).map(|name| (n, name.to_owned(), item));
                std::iter::once((n, n.to_string(), item)).chain(name)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Calls `visit` for a node and all that are in it; the depth of trees is bounded by [`yaml::MAX_DEPTH`].
fn walk(node: &Node, steps: &mut Vec<Step>, shown: &str, visit: &mut impl FnMut(&[Step], &str, &Node)) {
    visit(steps, shown, node);
    let mut seen = None;
    for (position, name, child) in children(node) {
        // A list item is met under its position and under its name: once is enough, by the name where it has one.
        let item = matches!(node.value, Value::Sequence(_));
        if item && seen == Some(position) {
            continue;
        }
        seen = Some(position);
        let name = if item { child.get("name").and_then(Node::scalar).map_or(name, str::to_owned) } else { name };
        steps.push(Step(position));
        walk(child, steps, &join(shown, &name), visit);
        steps.pop();
    }
}

fn descend<'n>(root: &'n mut Node, steps: &[Step]) -> Option<&'n mut Node> {
    let mut node = root;
    for Step(position) in steps {
        node = match &mut node.value {
            Value::Mapping(entries) => entries.get_mut(*position).map(|(_, value)| value)?,
            Value::Sequence(items) => items.get_mut(*position)?,
            _ => return None,
        };
    }
    Some(node)
}

/// Adds what is missing on the way of a path that begins at the top.
fn create(root: &mut Node, setting: &Setting, reader: &mut Reader) {
    // As far as the path exists: the longest beginning of it that leads somewhere.
    let ends: Vec<usize> = setting.path.match_indices('.').map(|(at, _)| at).collect();
    let mut parent: Vec<Step> = Vec::new();
    let mut rest = setting.path.as_str();
    for end in ends.into_iter().rev() {
        match resolve(root, &setting.path[..end]).as_slice() {
            [(steps, _)] => {
                parent.clone_from(steps);
                rest = &setting.path[end + 1..];
                break;
            }
            [] => {}
            several => return ambiguous(setting, several.iter().map(|(_, shown)| shown.clone()).collect(), reader),
        }
    }
    let span = setting.span;
    let Some(node) = descend(root, &parent) else { return };
    let described = node.describe();
    match &mut node.value {
        Value::Mapping(entries) => {
            let mut names = rest.split('.').rev();
            let last = names.next().unwrap_or_default();
            let mut entry = (Key { text: last.to_owned(), span }, setting.value.clone());
            for name in names {
                let value = Value::Mapping(vec![entry]);
                entry = (Key { text: name.to_owned(), span }, Node { value, span });
            }
            entries.push(entry);
        }
        Value::Sequence(items) => {
            let count = items.len();
            let names: Vec<_> = items.iter().filter_map(|item| item.get("name").and_then(Node::scalar)).collect();
            let wanted = rest.split('.').next().unwrap_or_default();
            let help = match nearest(wanted, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => format!("write a position from 0 to {}", count.saturating_sub(1)),
                None => format!("its items are: {}", names.join(", ")),
            };
            let title = format!("there is no item `{}`", shorten(wanted));
            reader.error("set-unknown", title, span, "", &help);
        }
        _ => {
            let upto = &setting.path[..setting.path.len() - rest.len() - 1];
            let finding =
                Diagnostic::error("set-unknown", format!("`{upto}` is {described}, which has no `{}`", shorten(rest)))
                    .at(&reader.sources, span, "")
                    .help(format!("set it as a whole: `{upto}={{ … }}`"));
            reader.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name: x\ntraffic:\n  diurnal: { mean: 40/s, peak: 160/s }\nrequests:\n  - { name: browse, cpu: 8ms }\n  - { name: buy, cpu: 9ms }\nobjectives: { p99.9: 1s, p99: 500ms }\n";

    /// Applies a setting at the top (or by search) and shows the value at `look`, or the finding.
    fn set(argument: &str, look: &str, searching: bool) -> String {
        let mut reader = Reader::default();
        let mut root = reader.parse("f.yaml", FILE).unwrap();
        if let Some(setting) = parse(argument, &mut reader) {
            if searching {
                search(vec![(String::new(), &mut root)], &setting, &mut reader);
            } else {
                apply(&mut root, &setting, &mut reader);
            }
        }
        match reader.findings.first() {
            Some(finding) => finding.render(false),
            None => {
                let steps = resolve(&root, look).remove(0).0;
                descend(&mut root, &steps).unwrap().describe()
            }
        }
    }

    #[test]
    fn values_are_replaced_by_path_name_or_position() {
        assert_eq!(set("traffic.diurnal.mean=80/s", "traffic.diurnal.mean", false), "`80/s`");
        assert_eq!(set("requests.buy.cpu=1ms", "requests.1.cpu", false), "`1ms`");
        assert_eq!(set("requests.0.cpu=2ms", "requests.browse.cpu", false), "`2ms`");
        assert_eq!(set("objectives.p99.9=2s", "objectives.p99.9", false), "`2s`");
        assert_eq!(
            set("requests.buy.cpu={ lognormal: { p50: 1ms, p99: 2ms } }", "requests.buy.cpu", false),
            "a mapping"
        );
    }

    #[test]
    fn missing_keys_are_made() {
        assert_eq!(set("account.concurrency=500", "account.concurrency", false), "`500`");
        assert_eq!(set("traffic.scale=2", "traffic.scale", false), "`2`");
    }

    #[test]
    fn a_path_from_the_middle_is_found_or_its_meanings_are_listed() {
        assert_eq!(set("diurnal.peak=1/s", "traffic.diurnal.peak", true), "`1/s`");
        assert_eq!(set("peak=1/s", "traffic.diurnal.peak", true), "`1/s`");
        let text = set("cpu=1ms", "", true);
        assert!(
            text.contains("`cpu` is ambiguous") && text.contains("`requests.browse.cpu`, `requests.buy.cpu`"),
            "{text}"
        );
        assert!(set("diurnl=1", "", true).contains("did you mean `diurnal`?"));
    }

    #[test]
    fn mistakes_are_shown_in_the_argument() {
        assert!(set("traffic.scale", "", false).contains("needs a path and a value"));
        assert!(set("traffic.scale=", "", false).contains("the value is empty"));
        assert!(set("traffic..scale=1", "", false).contains("the path is not complete"));
        assert!(set("requests.by.cpu=1ms", "", false).contains("did you mean `buy`?"));
        assert!(set("requests.7.cpu=1ms", "", false).contains("there is no item `7`"));
        assert!(set("name.first=1", "", false).contains("`name` is `x`, which has no `first`"));
        let text = set("a=[1", "", false);
        assert!(text.contains("--set:1:") && text.contains("a=[1"), "{text}");
    }
}
