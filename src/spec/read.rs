//! One declaration reads and describes: how YAML becomes checked values, and how an editor learns what may be written.
//!
//! A type that can stand in a file implements [`FromYaml`]: [`FromYaml::read`] turns a [`Node`] into the value or reports
//! what is wrong with it, [`FromYaml::schema`] describes the same values as JSON Schema. Mappings are declared with
//! [`record!`](crate::spec::read::record) and fixed words with [`keywords!`](crate::spec::read::keywords), which derive
//! both sides from one list of keys.
//!
//! Reading never stops at the first mistake: a record reads all of its keys, and a field that could not be read is
//! `None`. Whether a file can be used is decided at the end, by [`Reader::failed`].

use crate::diag::{self, Diagnostic, Sources, Span};
use crate::yaml::{self, Key, Node, Value, shorten};
use serde_json::{Map, json};
use std::path::{Path, PathBuf};

/// A value that can be read from YAML and described as JSON Schema.
pub(crate) trait FromYaml: Sized {
    /// What is expected, for messages: "a duration such as `120ms`, `2s` or `4h`".
    const EXPECTS: &'static str;

    /// The value of a node; or `None`, after the reader has been told why.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// JSON Schema (2020-12) of what [`Self::read`] accepts.
    fn schema(schemas: &mut Schemas) -> serde_json::Value;
}

/// Findings that are kept: a file of a hundred thousand mistakes is refused as quickly as one with a single one.
const MAX_FINDINGS: usize = 2_000;

/// Collects the texts and the findings of one loading.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The texts.
    pub(crate) sources: Sources,
    /// The findings.
    pub(crate) findings: Vec<Diagnostic>,
    /// Directory of the file that is being read, to which the files that it names are relative.
    pub(crate) base: Option<PathBuf>,
    /// Whether there were more errors than are kept.
    pub(super) overflow: bool,
    /// Files that were read: (name as shown, SHA-256 as lower-case hex), in the order of reading, each once.
    pub(crate) files: Vec<(String, String)>,
}

impl Reader {
    /// Reports an error at a place. `label` stands beside the underlined text, `help` says what to write instead.
    pub(crate) fn error(&mut self, code: &'static str, title: impl Into<String>, span: Span, label: &str, help: &str) {
        if self.findings.len() >= MAX_FINDINGS {
            self.overflow = true;
            return;
        }
        let finding = Diagnostic::error(code, title).at(&self.sources, span, label);
        self.findings.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    /// Reports a warning at a place.
    pub(crate) fn warn(&mut self, code: &'static str, title: impl Into<String>, span: Span, label: &str, help: &str) {
        let finding = Diagnostic::warning(code, title).at(&self.sources, span, label);
        self.findings.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    /// Reports that a node is something else than `expects`; always `None`, for `return`.
    pub(crate) fn mismatch<T>(&mut self, node: &Node, expects: &str) -> Option<T> {
        let title = format!("expected {expects}, found {}", node.describe());
        let span = self.first_line(node.span);
        let help = if node.value == Value::Null { "write a value after the colon, or remove the key" } else { "" };
        self.error("wrong-type", title, span, "", help);
        None
    }

    /// Reports the mistake of a quantity; always `None`, for `return`.
    pub(crate) fn problem<T>(&mut self, node: &Node, problem: Problem) -> Option<T> {
        let Problem { code, title, label, help } = problem;
        self.error(code, title, node.span, &label, &help);
        None
    }

    /// Whether anything that was found makes the input unusable.
    pub(crate) fn failed(&self) -> bool {
        self.overflow || diag::any_error(&self.findings)
    }

    /// Whether an error has been reported at a place within `span`: then what it lacks has been said already.
    pub(crate) fn failed_within(&self, span: Span) -> bool {
        let source = self.sources.get(span.source);
        self.overflow
            || self.findings.iter().filter(|finding| finding.severity == diag::Severity::Error).any(|finding| {
                finding.labels.first().is_some_and(|label| {
                    std::sync::Arc::ptr_eq(&label.source, source)
                        && (span.start as usize..=span.end as usize).contains(&label.range.start)
                })
            })
    }

    /// The part of a span on its first line, so that a mistake of a long mapping does not underline all of it.
    pub(crate) fn first_line(&self, span: Span) -> Span {
        let text = &self.sources.get(span.source).text;
        let first = text.get(span.start as usize..span.end as usize).and_then(|text| text.lines().next());
        let len = first.map_or(0, |line| line.trim_end().len());
        Span { end: span.start.saturating_add(u32::try_from(len).unwrap_or(u32::MAX)).min(span.end), ..span }
    }

    /// Parses a text under a name; findings are kept.
    pub(crate) fn parse(&mut self, name: impl Into<String>, text: impl Into<String>) -> Option<Node> {
        let id = self.sources.add(name, text);
        let (node, findings) = yaml::parse(&self.sources, id);
        self.findings.extend(findings);
        node
    }

    /// Reads and parses a file; findings are kept.
    #[allow(dead_code, reason = "the front door for readers outside `spec`")]
    pub(crate) fn parse_file(&mut self, path: &Path, shown: &str) -> Option<Node> {
        match yaml::read_file(path, shown) {
            Ok(text) => self.parse(shown, text),
            Err(finding) => {
                self.findings.push(finding);
                None
            }
        }
    }

    /// Notes that a file was read.
    pub(crate) fn note_file(&mut self, shown: &str, digest: String) {
        if self.files.iter().all(|(name, _)| name != shown) {
            self.files.push((shown.to_owned(), digest));
        }
    }

    /// The value of a command-line flag as a node, so that its mistakes are shown like those of a file.
    pub(crate) fn argument(&mut self, flag: &str, text: &str) -> Node {
        let source = self.sources.add(flag, text);
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let value = Value::Scalar { text: text.to_owned(), quoted: true };
        Node { value, span: Span { source, start: 0, end } }
    }

    /// The entries of a mapping, after unknown keys have been reported with the nearest of `known`.
    ///
    /// `later` are keys that a later version will know: they are mistakes, too, but not typing errors.
    pub(crate) fn entries<'n>(
        &mut self,
        node: &'n Node,
        expects: &str,
        known: &[&str],
        later: &[&str],
    ) -> Option<&'n [(Key, Node)]> {
        let Value::Mapping(entries) = &node.value else { return self.mismatch(node, expects) };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            if self.findings.len() >= MAX_FINDINGS {
                self.overflow = true;
                break;
            }
            let name = shorten(&key.text);
            if later.contains(&key.text.as_str()) {
                let title = format!("`{name}` is not modelled yet");
                self.error("not-modelled", title, key.span, "this version would ignore it", "remove it");
                continue;
            }
            let help = match diag::nearest(&key.text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            self.error("unknown-key", format!("unknown key `{name}`"), key.span, "", &help);
        }
        Some(entries)
    }

    /// Reads the field `key`; a required one that is absent is reported. `None` = absent or not readable.
    pub(crate) fn field<T: FromYaml>(
        &mut self,
        node: &Node,
        entries: &[(Key, Node)],
        key: &str,
        required: bool,
    ) -> Option<T> {
        match entries.iter().find(|(k, _)| k.text == key) {
            Some((_, value)) => T::read(value, self),
            None => {
                if required {
                    let span = self.first_line(node.span);
                    let help = format!("add `{key}:` with {}", T::EXPECTS);
                    self.error("missing-key", format!("`{key}` is missing"), span, "in this mapping", &help);
                }
                None
            }
        }
    }
}

/// The key of a field: its name, without the mark of a raw identifier (`async` is a word of Rust).
pub(crate) const fn key_name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Definitions that schemas share, by name.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    definitions: Map<String, serde_json::Value>,
}

impl Schemas {
    /// A reference to a definition, which is made at the first use of its name.
    pub(crate) fn define(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self) -> serde_json::Value,
    ) -> serde_json::Value {
        if !self.definitions.contains_key(name) {
            // Reserved before it is made, so that a type may contain itself.
            self.definitions.insert(name.to_owned(), serde_json::Value::Null);
            let schema = make(self);
            self.definitions.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// The schema of a whole file of type `T`.
    pub(crate) fn document<T: FromYaml>(title: &str) -> serde_json::Value {
        let mut schemas = Self::default();
        let root = T::schema(&mut schemas);
        let mut document = Map::new();
        document.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        document.insert("title".into(), json!(title));
        if let serde_json::Value::Object(root) = root {
            document.extend(root);
        }
        document.insert("$defs".into(), serde_json::Value::Object(schemas.definitions));
        serde_json::Value::Object(document)
    }
}

/// One key of a record as the schema needs it: name, documentation, whether it must be there, schema.
pub(crate) type FieldSchema = (&'static str, String, bool, serde_json::Value);

/// The schema of a mapping with these keys and no others.
pub(crate) fn record_schema(doc: &str, fields: Vec<FieldSchema>) -> serde_json::Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (key, doc, must, schema) in fields {
        let mut schema = schema;
        if let (serde_json::Value::Object(schema), false) = (&mut schema, doc.is_empty()) {
            schema.insert("description".into(), json!(doc));
        }
        properties.insert(key.to_owned(), schema);
        if must {
            required.push(key);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !doc.is_empty() {
        schema["description"] = json!(doc);
    }
    schema
}

/// Documentation lines as one text.
pub(crate) fn doc_text(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Declares a mapping: its keys, which of them are required, their types and their documentation.
///
/// Every field of the struct is an `Option` (`None` = absent or already reported; `given` tells which), and `span` is the mapping's
/// place.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident : $expects:literal {
            $( $(#[doc = $field_doc:literal])* $need:ident $field:ident : $ty:ty ),* $(,)?
        }
        $( later [ $($later:literal),* $(,)? ] )?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        $vis struct $name {
            /// Place of the mapping.
            #[allow(dead_code, reason = "not every record has a check that concerns the whole of it")]
            pub(crate) span: $crate::diag::Span,
            /// Keys that stand in the file, readable or not.
            #[allow(dead_code, reason = "as above")]
            pub(crate) given: Vec<&'static str>,
            $( $(#[doc = $field_doc])* pub(crate) $field: Option<$ty>, )*
        }

        impl $crate::spec::read::FromYaml for $name {
            const EXPECTS: &'static str = $expects;

            fn read(node: &$crate::yaml::Node, reader: &mut $crate::spec::read::Reader) -> Option<Self> {
                const KEYS: &[&str] = &[ $( $crate::spec::read::key_name(stringify!($field)) ),* ];
                const LATER: &[&str] = &[ $( $($later),* )? ];
                let entries = reader.entries(node, $expects, KEYS, LATER)?;
                let is_given = |known: &&str| entries.iter().any(|(key, _)| key.text == **known);
                Some(Self {
                    span: node.span,
                    given: KEYS.iter().filter(|known| is_given(known)).copied().collect(),
                    $( $field: reader.field(
                        node, entries, $crate::spec::read::key_name(stringify!($field)), $crate::spec::read::record!(@required $need),
                    ), )*
                })
            }

            fn schema(schemas: &mut $crate::spec::read::Schemas) -> serde_json::Value {
                schemas.define(stringify!($name), |schemas| {
                    let fields = vec![ $( (
                        $crate::spec::read::key_name(stringify!($field)),
                        $crate::spec::read::doc_text(&[ $($field_doc),* ]),
                        $crate::spec::read::record!(@required $need),
                        <$ty as $crate::spec::read::FromYaml>::schema(schemas),
                    ) ),* ];
                    $crate::spec::read::record_schema(&$crate::spec::read::doc_text(&[ $($doc),* ]), fields)
                })
            }
        }
    };
    (@required required) => { true };
    (@required optional) => { false };
}
pub(crate) use record;

/// Declares the fixed words that stand for the values of a type.
macro_rules! keywords {
    ($ty:ty, $expects:literal, { $( $word:literal => $value:expr ),+ $(,)? }) => {
        impl $crate::spec::read::FromYaml for $ty {
            const EXPECTS: &'static str = $expects;

            fn read(node: &$crate::yaml::Node, reader: &mut $crate::spec::read::Reader) -> Option<Self> {
                const WORDS: &[&str] = &[ $( $word ),+ ];
                match $crate::spec::read::keyword(node, reader, $expects, WORDS)? {
                    $( $word => Some($value), )+
                    _ => None,
                }
            }

            fn schema(_: &mut $crate::spec::read::Schemas) -> serde_json::Value {
                serde_json::json!({ "enum": [ $( $word ),+ ] })
            }
        }
    };
}
pub(crate) use keywords;

/// The word of `words` that a node is; otherwise reports the nearest.
pub(crate) fn keyword<'n>(node: &'n Node, reader: &mut Reader, expects: &str, words: &[&str]) -> Option<&'n str> {
    let Some(text) = node.scalar() else { return reader.mismatch(node, expects) };
    if words.contains(&text) {
        return Some(text);
    }
    let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let help = match diag::nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? One of {list}"),
        None => format!("write one of {list}"),
    };
    let title = format!("expected {expects}, found `{}`", shorten(text));
    reader.error("unknown-word", title, node.span, "", &help);
    None
}

impl Node {
    /// The text, if this is a scalar.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    /// The value.
    pub(crate) value: T,
    /// Its place.
    pub(crate) span: Span,
}

impl<T> At<T> {
    /// Another value at the same place.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At { value: f(self.value), span: self.span }
    }
}

impl<T: FromYaml> FromYaml for At<T> {
    const EXPECTS: &'static str = T::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(|value| Self { value, span: node.span })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        T::schema(schemas)
    }
}

/// A list. Items that cannot be read are reported and left out.
impl<T: FromYaml> FromYaml for Vec<T> {
    const EXPECTS: &'static str = "a list";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Sequence(items) = &node.value else {
            let title = format!("expected a list, found {}", node.describe());
            let span = reader.first_line(node.span);
            reader.error(
                "wrong-type",
                title,
                span,
                "",
                &format!("write `[ … ]` or dashes; each item is {}", T::EXPECTS),
            );
            return None;
        };
        Some(items.iter().filter_map(|item| T::read(item, reader)).collect())
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        json!({ "type": "array", "items": T::schema(schemas) })
    }
}

/// The node itself, for what is interpreted later. Its schema allows anything.
impl FromYaml for Node {
    const EXPECTS: &'static str = "a value";

    fn read(node: &Node, _: &mut Reader) -> Option<Self> {
        Some(node.clone())
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({})
    }
}

/// What is wrong with a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Kind of finding.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) title: String,
    /// What is said beside the underlined text.
    pub(crate) label: String,
    /// What to write instead.
    pub(crate) help: String,
}

impl Problem {
    /// A problem of this kind.
    pub(crate) fn new(code: &'static str, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, title: title.into(), label: String::new(), help: help.into() }
    }
}
