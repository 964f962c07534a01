//! YAML text -> a tree of nodes that know their place. The only file that names the YAML crate.
//!
//! The parser's events are turned into a [`Node`] tree without recursion, under limits on size, depth and number of
//! nodes (aliases included), so that no input exhausts the stack or the memory. Values stay text: `120ms` and `1e3` are
//! judged by the type that reads them (in `spec`), so nothing is silently a float, a boolean or a date.
//!
//! A syntax error ends the reading of a file; a duplicate key does not.

use crate::diag::{Diagnostic, SourceId, Sources, Span};
use serde_yaml::granit_parser::{ErrorKind, Event, Marker, Options, Parser, ScalarStyle, Span as EventSpan};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most nodes of a file after its aliases are expanded.
pub const MAX_NODES: usize = 500_000;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 64;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place.
    pub span: Span,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Any scalar.
    Scalar {
        /// The text after unquoting.
        text: String,
        /// Whether it was in quotes (or a block scalar).
        quoted: bool,
    },
    /// `[a, b]` or dashes.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file; no key twice.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Its place.
    pub span: Span,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same as JSON. Scalars stay the text that was written, so that nothing is lost in a number.
    pub fn to_json(&self) -> serde_json::Value {
        // Parsing has bounded the depth.
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar { text, .. } => text.as_str().into(),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect(),
        }
    }

    /// What it is, for messages: `a mapping`, `a list`, `nothing`, `` `text` ``.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{}`", shorten(text)),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// At most the first 60 characters.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// All scalars of a text, keys aside; nothing where it cannot be parsed.
pub fn scalars(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let source = sources.add("", text);
    let mut found = Vec::new();
    let mut open: Vec<Node> = parse(&sources, source).0.into_iter().collect();
    while let Some(node) = open.pop() {
        match node.value {
            Value::Null => {}
            Value::Scalar { text, .. } => found.push(text),
            Value::Sequence(items) => open.extend(items),
            Value::Mapping(entries) => open.extend(entries.into_iter().map(|entry| entry.1)),
        }
    }
    found
}

/// Reads a file as text.
///
/// # Errors
/// One diagnostic when it cannot be opened, is a directory, exceeds [`MAX_BYTES`] or is not UTF-8.
pub fn read_file(path: &Path, shown: &str) -> Result<String, Diagnostic> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Diagnostic::error("no-such-file", format!("there is no file `{shown}`")),
        _ => Diagnostic::error("cannot-read", format!("`{shown}` cannot be read: {error}")),
    };
    let meta = std::fs::metadata(path).map_err(io)?;
    if meta.is_dir() {
        return Err(Diagnostic::error("is-directory", format!("`{shown}` is a directory"))
            .help(format!("name a file in it, e.g. `{}/scenario.yaml`", shown.trim_end_matches('/'))));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > MAX_BYTES {
        return Err(Diagnostic::error("too-large", format!("`{shown}` is larger than {} MB", MAX_BYTES >> 20))
            .help("scenarios, models and price lists are small; traffic belongs in a CSV file under `replay:`"));
    }
    decode(bytes, shown)
}

/// Bytes as text without a byte-order mark.
///
/// # Errors
/// One diagnostic with the line and the byte where it is not UTF-8.
pub fn decode(bytes: Vec<u8>, shown: &str) -> Result<String, Diagnostic> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        let column = at - bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |p| p + 1) + 1;
        let byte = bytes.get(at).copied().unwrap_or_default();
        let title = format!("{shown}:{line}:{column}: this is not UTF-8 text (byte 0x{byte:02x} at offset {at})");
        Diagnostic::error("not-utf8", title).help("save the file as UTF-8")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Parses the only document of a source.
///
/// The tree is `None` after a syntax error, an exceeded limit or an empty file; the findings say why. Duplicate keys and
/// tags are findings, too, but leave a tree (with the first of the duplicates).
pub fn parse(sources: &Sources, source: SourceId) -> (Option<Node>, Vec<Diagnostic>) {
    parse_text(sources, source, &sources.get(source).text)
}

/// Parses what stands behind the first `skip` bytes of a source; places are those in the whole source.
pub fn parse_rest(sources: &Sources, source: SourceId, skip: usize) -> (Option<Node>, Vec<Diagnostic>) {
    let rest = sources.get(source).text.get(skip..).unwrap_or("");
    // Spaces in front of a value mean nothing, and keep its places.
    parse_text(sources, source, &format!("{:skip$}{rest}", ""))
}

fn parse_text(sources: &Sources, source: SourceId, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut builder = Builder {
        sources,
        source,
        len: u32::try_from(text.len()).unwrap_or(u32::MAX),
        stack: Vec::new(),
        root: None,
        anchors: BTreeMap::new(),
        nodes: 0,
        findings: Vec::new(),
    };
    let root = match builder.run(text) {
        Ok(()) => builder.root.take(),
        Err(stop) => {
            builder.findings.push(*stop);
            None
        }
    };
    (root, builder.findings)
}

/// A collection that is not closed yet.
struct Frame {
    span: Span,
    anchor: usize,
    collection: Open,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Key, Node)>,
        /// Places of the keys so far, so that a duplicate is found in constant time.
        seen: HashMap<String, Span>,
        key: PendingKey,
        /// Mappings under `<<`, whose keys are added at the end unless they are there.
        merged: Vec<Node>,
    },
}

enum PendingKey {
    /// The next node is a key.
    Expected,
    /// The next node is the value of this key.
    Value(Key),
    /// The next node is the value of a merge key.
    Merge,
    /// The next node is the value of a key that was refused.
    Skip,
}

/// An anchored node with what its copies cost.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    sources: &'a Sources,
    source: SourceId,
    len: u32,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    findings: Vec<Diagnostic>,
}

/// Boxed: the way out of the ordinary, and large.
type Stop = Box<Diagnostic>;

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = MAX_DEPTH;
        options.block_nesting_limit = MAX_DEPTH;
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| self.syntax(error.kind(), error.marker()))?;
            let span = self.span(&span);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(Box::new(
                            self.error("second-document", "a second document begins here")
                                .at(self.sources, span, "")
                                .help("put each document into its own file and remove the line `---`"),
                        ));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let quoted = style != ScalarStyle::Plain;
                    self.refuse_tag(tag.is_some(), span);
                    let null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                    let value = if null { Value::Null } else { Value::Scalar { text: text.into_owned(), quoted } };
                    self.count(1, span)?;
                    let node = Node { value, span };
                    self.remember(anchor, &node)?;
                    self.place(node)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span);
                    self.open(span, anchor, Open::Sequence(Vec::new()))?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span);
                    let collection = Open::Mapping {
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        key: PendingKey::Expected,
                        merged: Vec::new(),
                    };
                    self.open(span, anchor, collection)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Alias(id) => self.expand(id, span)?,
                _ => {}
            }
        }
        if self.root.as_ref().is_none_or(|root| root.value == Value::Null) {
            let span = Span { source: self.source, start: 0, end: 0 };
            return Err(Box::new(self.error("empty-file", "the file is empty").at(self.sources, span, "")));
        }
        Ok(())
    }

    fn error(&self, code: &'static str, title: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, title)
    }

    fn span(&self, span: &EventSpan) -> Span {
        let offset = |marker: &Marker| {
            marker.byte_offset().and_then(|at| u32::try_from(at).ok()).unwrap_or(self.len).min(self.len)
        };
        let (start, end) = (offset(&span.start), offset(&span.end));
        Span { source: self.source, start, end: end.max(start) }
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if !tagged {
            return;
        }
        let finding = self
            .error("tag", "YAML tags (`!…`) have no meaning here")
            .at(self.sources, span, "this value has a tag")
            .help("remove the tag");
        self.findings.push(finding);
    }

    /// Counts nodes against the limit.
    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Box::new(
            self.error("too-many-values", format!("the file has more than {MAX_NODES} values, aliases expanded"))
                .at(self.sources, span, "the limit is exceeded here")
                .help("traffic and samples belong in CSV files; an alias (`*name`) counts with all that it stands for"),
        ))
    }

    fn too_deep(&self, span: Span) -> Stop {
        Box::new(
            self.error("too-deep", format!("more than {MAX_DEPTH} levels of nesting"))
                .at(self.sources, span, "here")
                .help("no file of this program needs more than a dozen levels"),
        )
    }

    fn open(&mut self, span: Span, anchor: usize, collection: Open) -> Result<(), Stop> {
        self.count(1, span)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        self.stack.push(Frame { span, anchor, collection });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let mut span = frame.span;
        let value = match frame.collection {
            Open::Sequence(items) => Value::Sequence(items),
            Open::Mapping { mut entries, mut seen, merged, .. } => {
                for node in merged {
                    self.merge(node, &mut entries, &mut seen);
                }
                Value::Mapping(entries)
            }
        };
        // A block collection's end is where the next token starts: end it with its last value instead.
        let last = match &value {
            Value::Sequence(items) => items.last().map(|node| node.span),
            Value::Mapping(entries) => entries.last().map(|(_, node)| node.span),
            _ => None,
        };
        let flow = end.end > end.start;
        span.end = match last {
            Some(last) if !flow && last.source == span.source => last.end.max(span.start),
            _ => end.end.max(span.start),
        };
        let node = Node { value, span };
        self.remember(frame.anchor, &node)?;
        self.place(node)
    }

    /// Adds the entries of a mapping (or of each mapping of a list) under `<<` that are not there.
    fn merge(&mut self, node: Node, entries: &mut Vec<(Key, Node)>, seen: &mut HashMap<String, Span>) {
        let span = node.span;
        match node.value {
            Value::Mapping(more) => {
                for (key, value) in more {
                    if !seen.contains_key(&key.text) {
                        seen.insert(key.text.clone(), key.span);
                        entries.push((key, value));
                    }
                }
            }
            Value::Sequence(items) if items.iter().all(|item| matches!(item.value, Value::Mapping(_))) => {
                for item in items {
                    self.merge(item, entries, seen);
                }
            }
            _ => {
                let finding = self
                    .error("merge", "`<<` needs a mapping")
                    .at(self.sources, span, "this is not a mapping")
                    .help("write `<<: *name`, where `&name` marks a mapping");
                self.findings.push(finding);
            }
        }
    }

    /// Keeps a copy of an anchored node.
    fn remember(&mut self, anchor: usize, node: &Node) -> Result<(), Stop> {
        if anchor == 0 {
            return Ok(());
        }
        let (nodes, depth) = measure(node);
        self.count(nodes, node.span)?;
        self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
        Ok(())
    }

    fn expand(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Box::new(
                self.error("alias", "this alias stands for a value that contains the alias itself")
                    .at(self.sources, span, "")
                    .help("write the value out"),
            ));
        };
        let (nodes, depth) = (anchored.nodes, anchored.depth);
        if self.stack.len() + depth > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        self.count(nodes, span)?;
        let node = self.anchors.get(&id).map(|anchored| anchored.node.clone());
        node.map_or(Ok(()), |node| self.place(node))
    }

    /// Puts a finished node where it belongs: as the root, an item, a key or a value.
    fn place(&mut self, node: Node) -> Result<(), Stop> {
        let sources = self.sources;
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.collection {
            Open::Sequence(items) => items.push(node),
            Open::Mapping { entries, seen, key, merged } => match std::mem::replace(key, PendingKey::Expected) {
                PendingKey::Expected => {
                    *key = match node.value {
                        Value::Scalar { text, quoted: false } if text == "<<" => PendingKey::Merge,
                        Value::Scalar { text, .. } => {
                            if let Some(first) = seen.get(&text) {
                                self.findings.push(
                                    Diagnostic::error(
                                        "duplicate-key",
                                        format!("the key `{}` is given twice", shorten(&text)),
                                    )
                                    .at(sources, node.span, "again here")
                                    .at(sources, *first, "first given here")
                                    .help("remove one of them"),
                                );
                                PendingKey::Skip
                            } else {
                                seen.insert(text.clone(), node.span);
                                PendingKey::Value(Key { text, span: node.span })
                            }
                        }
                        _ => {
                            self.findings.push(
                                Diagnostic::error("bad-key", "a key must be plain text")
                                    .at(sources, node.span, "this is used as a key")
                                    .help("write `key: value`"),
                            );
                            PendingKey::Skip
                        }
                    };
                }
                PendingKey::Value(name) => entries.push((name, node)),
                PendingKey::Merge => merged.push(node),
                PendingKey::Skip => {}
            },
        }
        Ok(())
    }

    /// A syntax error in the user's words.
    fn syntax(&self, kind: &ErrorKind, marker: &Marker) -> Stop {
        let start = marker.byte_offset().and_then(|at| u32::try_from(at).ok()).unwrap_or(self.len).min(self.len);
        let text = &self.sources.get(self.source).text;
        let tab = matches!(
            kind,
            ErrorKind::TabNotAllowed
                | ErrorKind::TabInBlockIndentation
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
                | ErrorKind::TabAtBlockScalarStart
        );
        // The parser may stop before the white space that holds the tab.
        let found = if tab { text.get(start as usize..).and_then(|rest| rest.find('\t')) } else { None };
        let start = found.and_then(|at| u32::try_from(at).ok()).map_or(start, |at| start + at);
        let width = text.get(start as usize..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let span = Span { source: self.source, start, end: start + width as u32 };
        if *kind == ErrorKind::RecursionLimitExceeded {
            return self.too_deep(span);
        }
        let (title, help) = match kind {
            _ if tab => ("a tab is used for indentation".to_owned(), "use spaces"),
            ErrorKind::UnknownAnchor => {
                ("this alias has no anchor before it".to_owned(), "mark the value with `&name` before using `*name`")
            }
            ErrorKind::UnclosedFlowCollection { open } => {
                (format!("`{open}` is not closed"), "add the closing bracket")
            }
            ErrorKind::UnexpectedEofFlowSequence => ("`[` is not closed".to_owned(), "add `]`"),
            ErrorKind::UnexpectedEofFlowMapping | ErrorKind::UnexpectedEofImplicitFlowMapping => {
                ("`{` is not closed".to_owned(), "add `}`")
            }
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
                (format!("`{open}` is closed by `{close}`"), "use brackets that match")
            }
            ErrorKind::UnclosedQuotedScalar => ("a quote is not closed".to_owned(), "add the closing quote"),
            ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::ExpectedBlockMappingKey => {
                ("`key: value` is expected here".to_owned(), "check the colon, the space after it and the indentation")
            }
            ErrorKind::MappingValueNotAllowed => (
                "a `:` is not expected here".to_owned(),
                "quote a text that contains `: `, or start a new line for a new key",
            ),
            ErrorKind::InvalidIndentation => {
                ("the indentation does not fit".to_owned(), "align keys of one mapping and dashes of one list")
            }
            other => {
                let message = other.to_string();
                let title = if message.is_empty() { "this is not valid YAML".to_owned() } else { message };
                (title, "quote texts with special characters; check brackets and indentation")
            }
        };
        Box::new(self.error("syntax", title).at(self.sources, span, "the reading stopped here").help(help))
    }
}

/// Number of nodes and depth of a tree; its depth is bounded by [`MAX_DEPTH`].
fn measure(node: &Node) -> (usize, usize) {
    let children: Box<dyn Iterator<Item = &Node>> = match &node.value {
        Value::Sequence(items) => Box::new(items.iter()),
        Value::Mapping(entries) => Box::new(entries.iter().map(|(_, value)| value)),
        _ => return (1, 0),
    };
    children.map(measure).fold((1, 1), |(nodes, depth), (n, d)| (nodes + n, depth.max(d + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>, Sources) {
        let mut sources = Sources::default();
        let id = sources.add("x.yaml", text);
        let (node, findings) = parse(&sources, id);
        (node, findings, sources)
    }

    /// The only finding, rendered.
    fn finding(text: &str) -> String {
        let (_, findings, _) = read(text);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings[0].render(false)
    }

    fn text_of(sources: &Sources, span: Span) -> &str {
        &sources.get(span.source).text[span.start as usize..span.end as usize]
    }

    #[test]
    fn every_node_knows_its_bytes() {
        let yaml = "é: 120ms   # comment\nlist:\n  - \"q x\"\n  - { a: 1, b: [2,3] }\nlast: |\n  block\n";
        let (node, findings, sources) = read(yaml);
        let node = node.expect("it is valid");
        assert!(findings.is_empty());
        let at = |node: Option<&Node>| text_of(&sources, node.expect("it is there").span);
        assert_eq!(at(node.get("é")), "120ms");
        assert_eq!(at(node.get("list")), "- \"q x\"\n  - { a: 1, b: [2,3] }");
        let Some(Value::Sequence(items)) = node.get("list").map(|n| &n.value) else { panic!("a list") };
        assert_eq!(at(Some(&items[0])), "\"q x\"");
        assert_eq!(items[0].value, Value::Scalar { text: "q x".into(), quoted: true });
        assert_eq!(at(Some(&items[1])), "{ a: 1, b: [2,3] }");
        assert_eq!(at(items[1].get("b")), "[2,3]");
        let Value::Mapping(entries) = &node.value else { panic!("a mapping") };
        assert_eq!(text_of(&sources, entries[1].0.span), "list");
        assert_eq!(node.get("last").map(|n| &n.value), Some(&Value::Scalar { text: "block\n".into(), quoted: true }));
    }

    #[test]
    fn values_stay_text_and_only_plain_nothing_is_null() {
        let (node, _, _) = read("a: 1e3\nb: yes\nc: ~\nd:\ne: \"\"\nf: .nan\n");
        let node = node.expect("it is valid");
        let is = |key: &str, text: &str, quoted| {
            assert_eq!(node.get(key).map(|n| &n.value), Some(&Value::Scalar { text: text.into(), quoted }));
        };
        is("a", "1e3", false);
        is("b", "yes", false);
        is("e", "", true);
        is("f", ".nan", false);
        assert_eq!(node.get("c").map(|n| &n.value), Some(&Value::Null));
        assert_eq!(node.get("d").map(|n| &n.value), Some(&Value::Null));
    }

    #[test]
    fn a_duplicate_key_shows_both_places_and_does_not_stop() {
        let (node, findings, _) = read("a: 1\nb: 2\na: 3\nb: 4\n");
        assert_eq!(findings.len(), 2);
        let text = findings[0].render(false);
        assert!(text.contains("the key `a` is given twice") && text.contains("x.yaml:3:1"), "{text}");
        assert!(text.contains("first given here"), "{text}");
        assert_eq!(node.and_then(|n| n.get("a").map(Node::describe)).as_deref(), Some("`1`"));
    }

    #[test]
    fn aliases_and_merge_keys_are_expanded() {
        let (node, findings, _) = read("base: &b { x: 1, y: 2 }\nuse: { <<: *b, y: 3 }\nsame: *b\n");
        assert!(findings.is_empty(), "{findings:?}");
        let node = node.expect("it is valid");
        assert_eq!(node.get("use").and_then(|n| n.get("y")).map(Node::describe).as_deref(), Some("`3`"));
        assert_eq!(node.get("use").and_then(|n| n.get("x")).map(Node::describe).as_deref(), Some("`1`"));
        assert_eq!(node.get("same"), node.get("base"));
    }

    #[test]
    fn an_alias_bomb_is_refused_quickly() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            let list = vec![format!("*a{}", n - 1); 9].join(", ");
            yaml.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        let start = std::time::Instant::now();
        let text = finding(&yaml);
        assert!(text.contains("more than 500000 values, aliases expanded"), "{text}");
        assert!(start.elapsed().as_secs() < 10);
    }

    #[test]
    fn an_alias_within_its_own_anchor_is_refused() {
        assert!(finding("a: &a [1, *a]\n").contains("contains the alias itself"));
    }

    #[test]
    fn a_hundred_thousand_brackets_get_one_short_message_quickly() {
        for yaml in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
            let start = std::time::Instant::now();
            let text = finding(&yaml);
            assert!(text.contains("more than 64 levels of nesting"), "{text}");
            assert!(text.len() < 2_000, "{}", text.len());
            assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        }
    }

    #[test]
    fn empty_and_comment_only_files_say_so() {
        for yaml in ["", "\n\n", "# nothing\n", "---\n", "~\n"] {
            assert!(finding(yaml).contains("the file is empty"), "{yaml:?}");
        }
    }

    #[test]
    fn syntax_errors_have_a_place_and_a_way_out() {
        for (yaml, place, says) in [
            ("a: [1, 2\nb: 3\n", "x.yaml:", "help"),
            ("a: 1\n\tb: 2\n", "x.yaml:2:", "use spaces"),
            ("a: \"open\n", "x.yaml:", "quote"),
            ("a: b: c\n", "x.yaml:1:5", "quote a text that contains `: `"),
            ("a: *nobody\n", "x.yaml:1:4", "&name"),
            ("a: 1\n---\nb: 2\n", "x.yaml:2:1", "its own file"),
            ("a: !tag 3\n", "x.yaml:1:", "remove the tag"),
            ("? [a]\n: 3\n", "x.yaml:1:3", "a key must be plain text"),
        ] {
            let text = finding(yaml);
            assert!(text.contains(place) && text.contains(says), "{yaml:?} -> {text}");
        }
    }

    #[test]
    fn files_that_are_no_text_say_why() {
        let dir = tempfile::tempdir().expect("a directory");
        let said = |path: &Path| read_file(path, "x").expect_err("it is refused").render(false);
        assert!(said(dir.path()).contains("`x` is a directory"));
        assert!(said(&dir.path().join("none")).contains("there is no file `x`"));
        let path = dir.path().join("latin1.yaml");
        std::fs::write(&path, b"name: shop\nd: caf\xe9\n").expect("written");
        let text = said(&path);
        assert!(text.contains("x:2:7") && text.contains("byte 0xe9"), "{text}");
        std::fs::write(&path, vec![b' '; MAX_BYTES + 1]).expect("written");
        assert!(said(&path).contains("larger than 16 MB"));
        std::fs::write(&path, "\u{feff}a: 1").expect("written");
        assert_eq!(read_file(&path, "x").expect("it is read"), "a: 1");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_text_panics_and_a_tree_or_a_finding_comes_out(text in "\\PC*") {
            let (node, findings, _) = read(&text);
            prop_assert!(node.is_some() || !findings.is_empty());
            for finding in findings { finding.render(true); }
        }

        #[test]
        fn no_yaml_like_text_panics(text in "[-a:&*!|>{}\\[\\],\"'#% \n\t?~0.é<]{0,60}") {
            let (node, findings, _) = read(&text);
            prop_assert!(node.is_some() || !findings.is_empty());
            for finding in findings { finding.render(false); }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(text) = decode(bytes, "x") { read(&text); }
        }
    }
}
