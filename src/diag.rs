//! What is wrong with the input, where, and what to write instead.
//!
//! A [`Diagnostic`] points at bytes of a [`Source`] (a file, or a command-line argument) and is shown with the line
//! around them. Reading collects all of them; nothing here prints.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::ops::Range;
use std::sync::Arc;

/// Diagnostics beyond this many are counted instead of shown: the first ones matter, and a file of a million mistakes
/// must not flood a terminal.
const MAX_SHOWN: usize = 100;
/// Lines shown between two labels of one diagnostic; if they are farther apart, each gets its own excerpt.
const MAX_LINES_BETWEEN: usize = 30;

/// A text that diagnostics can point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user knows it: a path, `embedded:models/x.yaml`, `--set traffic.scale=2`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Position in the order in which sources were read, which is the order in which they are reported.
    order: usize,
    /// Byte offsets at which lines start.
    lines: Vec<usize>,
    /// Lines of the file before the text: more than 0 for an excerpt.
    lines_before: usize,
}

impl Source {
    /// Line and column, both from 1, the column in characters. Offsets beyond the end mean the end.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let line = self.lines.partition_point(|&start| start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |text| text.chars().count()) + 1;
        (self.lines_before + line + 1, column)
    }

    /// The nearest character boundary at or before `offset`.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The bytes of lines `first..=last` (from 0), without the last line's end.
    fn line_range(&self, first: usize, last: usize) -> Range<usize> {
        let start = self.lines.get(first).copied().unwrap_or(0);
        let end = self.lines.get(last + 1).copied().unwrap_or(self.text.len());
        start..end
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset).saturating_sub(1)
    }
}

/// The texts that were read, in order.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Arc<Source>>,
}

/// Position of a source in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

impl Sources {
    /// Keeps a text and gives it an identity.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.add_excerpt(name, text, 1)
    }

    /// Keeps a part of a file that is too large to be kept; the text begins at this line (from 1).
    pub fn add_excerpt(&mut self, name: impl Into<String>, text: impl Into<String>, first_line: usize) -> SourceId {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let order = self.all.len();
        let lines_before = first_line.saturating_sub(1);
        self.all.push(Arc::new(Source { name: name.into(), text, order, lines, lines_before }));
        SourceId(u32::try_from(order).unwrap_or(u32::MAX))
    }

    /// The source of this identity; identities come from [`Self::add`] of the same store.
    pub fn get(&self, id: SourceId) -> &Arc<Source> {
        &self.all[id.0 as usize]
    }
}

/// Bytes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which source.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, but says perhaps not what was meant.
    Warning,
}

/// Underlined bytes and what is said about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The text they are in.
    pub source: Arc<Source>,
    /// Byte range.
    pub range: Range<usize>,
    /// What is said about them; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name of the kind of finding, e.g. `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub title: String,
    /// Where; the first is the place itself, others are related places. Empty when no text is at fault.
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: &'static str, title: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, title: title.into(), labels: Vec::new(), help: None }
    }

    /// A warning without a place.
    pub fn warning(code: &'static str, title: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, title) }
    }

    /// Adds a place; the first one added is the place of the mistake.
    #[must_use]
    pub fn at(mut self, sources: &Sources, span: Span, text: impl Into<String>) -> Self {
        let source = Arc::clone(sources.get(span.source));
        let start = source.floor(span.start as usize);
        let end = source.floor(span.end as usize).max(start);
        self.labels.push(Label { source, range: start..end, text: text.into() });
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column` of the mistake, if it has a place.
    pub fn place(&self) -> Option<String> {
        let label = self.labels.first()?;
        let (line, column) = label.source.line_column(label.range.start);
        Some(format!("{}:{line}:{column}", label.source.name))
    }

    /// Where it belongs in a listing: by source in reading order, then by position; those without a place first.
    fn sort_key(&self) -> (usize, usize, Severity) {
        self.labels
            .first()
            .map_or((0, 0, self.severity), |label| (label.source.order + 1, label.range.start, self.severity))
    }

    /// The finding as text, with the lines concerned underlined; with terminal colours if `coloured`.
    pub fn render(&self, coloured: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = printable(&self.title);
        let mut group = level.primary_title(title).id(self.code).elements(snippets(&self.labels));
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        renderer.term_width(100).render(&[group])
    }
}

/// Text of unknown origin without control characters, which could otherwise steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Excerpts for the labels: one for each run of labels that lie close together in one source.
fn snippets(labels: &[Label]) -> Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> {
    let mut runs: Vec<(&Arc<Source>, usize, usize, Vec<usize>)> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let first = label.source.line_of(label.range.start);
        let last = label.source.line_of(label.range.end.saturating_sub(1).max(label.range.start));
        // A label over a long block would bury the rest: its beginning says enough.
        let last = last.min(first + MAX_LINES_BETWEEN);
        let close = runs.iter_mut().find(|(source, from, to, _)| {
            Arc::ptr_eq(source, &label.source) && first <= *to + MAX_LINES_BETWEEN && last + MAX_LINES_BETWEEN >= *from
        });
        if let Some((_, from, to, members)) = close {
            *from = (*from).min(first);
            *to = (*to).max(last);
            members.push(index);
        } else {
            runs.push((&label.source, first, last, vec![index]));
        }
    }
    runs.into_iter()
        .map(|(source, first, last, members)| {
            let window = source.line_range(first, last);
            let text = &source.text[window.clone()];
            let annotations = members.into_iter().map(|index| {
                let label = &labels[index];
                let start = label.range.start.clamp(window.start, window.end) - window.start;
                let end = label.range.end.clamp(window.start, window.end) - window.start;
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                let annotation = kind.span(start..end.max(start));
                if label.text.is_empty() { annotation } else { annotation.label(printable(&label.text)) }
            });
            Snippet::source(text)
                .line_start(source.lines_before + first + 1)
                .path(printable(&source.name))
                .annotations(annotations)
        })
        .collect()
}

/// Sorts findings by source, in the order of reading, and by position.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(Diagnostic::sort_key);
}

/// All findings as text, each followed by an empty line; only the first 100 in full.
pub fn render_all(diagnostics: &[Diagnostic], coloured: bool) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        out.push_str(&diagnostic.render(coloured));
        out.push_str("\n\n");
    }
    if diagnostics.len() > MAX_SHOWN {
        out.push_str(&format!("… and {} more.\n", diagnostics.len() - MAX_SHOWN));
    }
    out
}

/// Whether any of the findings is an error.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// The candidate that the user most likely meant by `word`, if any is near enough to be worth naming.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut best: Option<(usize, f64, &str)> = None;
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&word, &lower);
        let likeness = strsim::jaro_winkler(&word, &lower);
        // One typo in three letters, or a common beginning that is most of the word (`memory_mb` for `memory`).
        let near = distance <= (word.chars().count().max(lower.chars().count()) / 3).max(1) || likeness >= 0.86;
        if near && best.is_none_or(|(d, l, _)| distance < d || (distance == d && likeness > l)) {
            best = Some((distance, likeness, candidate));
        }
    }
    best.map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(source: SourceId, start: u32, end: u32) -> Span {
        Span { source, start, end }
    }

    #[test]
    fn a_finding_shows_file_line_column_the_underlined_text_and_the_help() {
        let mut sources = Sources::default();
        let id = sources.add("shop.yaml", "name: shop\nhorizn: 28d\n");
        let d = Diagnostic::error("unknown-key", "unknown key `horizn`")
            .at(&sources, span(id, 11, 17), "not a key of a scenario")
            .help("write `horizon`");
        let text = d.render(false);
        assert!(text.contains("error[unknown-key]: unknown key `horizn`"), "{text}");
        assert!(text.contains("shop.yaml:2:1"), "{text}");
        assert!(text.contains("2 | horizn: 28d"), "{text}");
        assert!(text.contains("^^^^^^ not a key of a scenario"), "{text}");
        assert!(text.contains("help: write `horizon`"), "{text}");
        assert_eq!(d.place().as_deref(), Some("shop.yaml:2:1"));
        assert!(!text.contains('\u{1b}') && d.render(true).contains('\u{1b}'));
    }

    #[test]
    fn columns_count_characters_and_lines_far_down_keep_their_number() {
        let mut sources = Sources::default();
        let text = format!("{}é: ö1\n", "a\n".repeat(5_000));
        let start = text.find("ö1").expect("it is there") as u32;
        let id = sources.add("x", text);
        let d = Diagnostic::error("e", "t").at(&sources, span(id, start, start + 3), "");
        assert_eq!(d.place().as_deref(), Some("x:5001:4"));
        assert!(d.render(false).contains("x:5001:4"), "{}", d.render(false));
    }

    #[test]
    fn spans_outside_the_text_or_inside_a_character_do_not_panic() {
        let mut sources = Sources::default();
        let id = sources.add("x", "ö");
        let empty = sources.add("empty", "");
        for (id, a, b) in [(id, 1, 1), (id, 0, 1), (id, 5, 9), (empty, 0, 0), (empty, 3, 4)] {
            let d = Diagnostic::error("e", "t").at(&sources, span(id, a, b), "here");
            assert!(d.render(false).contains("error[e]: t"));
        }
    }

    #[test]
    fn findings_are_sorted_by_file_in_reading_order_then_position() {
        let mut sources = Sources::default();
        let b = sources.add("b", "12345");
        let a = sources.add("a", "12345");
        let at = |id, n| Diagnostic::error("e", format!("{n}")).at(&sources, span(id, n, n + 1), "");
        let mut list = vec![at(a, 1), at(b, 3), at(b, 2), Diagnostic::error("e", "none")];
        sort(&mut list);
        let places: Vec<_> = list.iter().map(|d| d.place().unwrap_or_default()).collect();
        assert_eq!(places, ["", "b:1:3", "b:1:4", "a:1:2"]);
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let keys = ["horizon", "warmup", "memory", "timeout", "idle_timeout"];
        assert_eq!(nearest("horizn", keys), Some("horizon"));
        assert_eq!(nearest("Memory_MB", keys), Some("memory"));
        assert_eq!(nearest("time_out", keys), Some("timeout"));
        assert_eq!(nearest("xyzzy", keys), None);
    }

    #[test]
    fn control_characters_of_the_input_do_not_reach_the_terminal() {
        let mut sources = Sources::default();
        let id = sources.add("a\u{1b}[2J", "k: \u{1b}[31m\n");
        let d = Diagnostic::error("e", "bad `\u{1b}[31m`").at(&sources, span(id, 3, 8), "\u{7}");
        assert!(!d.render(false).contains(['\u{1b}', '\u{7}']));
    }
}
