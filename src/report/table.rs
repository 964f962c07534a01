//! The comparison in a terminal, never wider than [`WIDTH`] columns.
//!
//! Up to three architectures stand side by side, one column each. More of them become rows, in two tables: what matters for
//! the choice, then how it came about.

use super::format::{NONE, clean, compact, fit, fit_middle, millis, percent, text_width};
use super::summary::{self, MET, MISSED};
use crate::results::{ArchitectureResult, ComponentResult, Results};
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};

/// Columns at most.
pub const WIDTH: usize = 100;
/// Architectures at most that are shown side by side.
const SIDE_BY_SIDE: usize = 3;
/// Rules between groups of rows only: quiet, and copied without boxes.
const RULES: &str = "     ──            ";

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(RULES).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table
}

fn finish(table: &mut Table) -> String {
    // No space at the ends of lines, and none before the first column.
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|l| l.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Architectures as columns.
fn side_by_side(results: &Results) -> String {
    let mut table = table();
    let n = results.architectures.len().max(1);
    let label = 24;
    // Padding takes two columns each.
    let each = (WIDTH - label - 2) / n - 2;
    let names = results.architectures.iter().map(|a| right(fit_middle(&clean(&a.name), 2 * each.min(40))));
    table.set_header(std::iter::once(Cell::new("")).chain(names));
    for row in summary::rows(results) {
        let label = if row.part { format!("  {}", row.label) } else { row.label };
        let cells = row.cells.into_iter().map(|lines| right(lines.join("\n")));
        table.add_row(std::iter::once(Cell::new(label)).chain(cells));
    }
    let constraint = |columns: usize| ColumnConstraint::UpperBoundary(Width::Fixed(columns as u16 + 2));
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_constraint(constraint(if i == 0 { label } else { each.min(40) }));
    }
    finish(&mut table)
}

/// A table with an architecture in each row; its name is never broken as long as it is not cut.
fn in_rows(results: &Results, head: &[String], row: impl Fn(&ArchitectureResult) -> Vec<String>) -> String {
    const NAME: usize = 26;
    let names: Vec<String> = results.architectures.iter().map(|a| fit_middle(&clean(&a.name), NAME)).collect();
    let mut table = table();
    table.set_header(std::iter::once(Cell::new("Architecture")).chain(head.iter().cloned().map(right)));
    for (a, name) in results.architectures.iter().zip(&names) {
        table.add_row(std::iter::once(Cell::new(name)).chain(row(a).into_iter().map(right)));
    }
    // Two columns of padding belong to the width.
    let width = names.iter().map(|n| text_width(n)).fold(12, usize::max) + 2;
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width as u16)));
    }
    finish(&mut table)
}

/// Architectures as rows: the choice, the promises and the capacity, the failures.
fn one_below_the_other(results: &Results) -> String {
    let mut scales = summary::scales(results);
    scales.truncate(2);
    let mut head = vec!["Cost a month".to_owned()];
    head.extend(scales.iter().map(|(_, label)| format!("at {label}")));
    head.extend(["p50", "p95", "p99"].map(str::to_owned));
    let choice = in_rows(results, &head, |a| {
        let mut row = vec![summary::cost(a)];
        row.extend(scales.iter().map(|(scale, _)| summary::cost_at(a, *scale).unwrap_or_else(|| NONE.to_owned())));
        let l = &a.latency_ms;
        row.extend(
            [&l.p50, &l.p95, &l.p99]
                .map(|figure| if summary::no_latency(a) { NONE.to_owned() } else { millis(figure.value) }),
        );
        row
    });
    let objectives = summary::objectives(results);
    let mut head: Vec<String> = objectives.iter().map(|o| fit(&clean(&o.name), 12)).collect();
    head.extend(["Capacity", "At work", "Idle a month"].map(str::to_owned));
    let promises = in_rows(results, &head, |a| {
        let mut row: Vec<String> = objectives
            .iter()
            .map(|o| summary::own(a, o).map_or_else(|| NONE.to_owned(), summary::objective_short))
            .collect();
        let lines = |value: &dyn Fn(&ComponentResult) -> String| {
            let lines: Vec<String> = summary::with_capacity(a).map(value).collect();
            if lines.is_empty() { NONE.to_owned() } else { lines.join("\n") }
        };
        row.push(lines(&|c| {
            let levels = c.capacity.as_ref().map(|l| format!("{} / {}", compact(l.mean.value), compact(l.peak.value)));
            levels.unwrap_or_else(|| NONE.to_owned())
        }));
        row.push(lines(&summary::utilisation));
        row.push(lines(&summary::idle));
        row
    });
    let head = ["Not served", "throttled", "rejected", "timed out", "failed", "Cold starts"].map(str::to_owned);
    let failures = in_rows(results, &head, |a| {
        let r = &a.requests;
        let mut row = vec![summary::not_served(a).map_or_else(|| NONE.to_owned(), percent)];
        row.extend([&r.throttled, &r.rejected, &r.timed_out, &r.failed, &a.cold_starts].map(|f| compact(f.value)));
        row
    });
    let extra = extra(results);
    let mut legend =
        "Capacity: mean / peak of environments or instances, a line a component; At work: the share of it that was."
            .to_owned();
    if !objectives.is_empty() {
        let texts: Vec<String> = objectives.iter().map(|o| clean(&o.text)).collect();
        legend.push_str(&format!(" Objectives: {}; minutes are those in which one did not hold.", texts.join("; ")));
    }
    format!("{choice}\n\n{promises}\n\n{failures}\n\n{extra}{}", wrap(&legend))
}

/// A table for each group of the rows that are not always there, with its title above it.
fn extra(results: &Results) -> String {
    let rows = summary::extra_rows(results);
    let mut text = String::new();
    for group in rows.chunk_by(|_, next| next.part) {
        let head: Vec<String> =
            group.iter().map(|row| if row.part { row.label.clone() } else { short_head(&row.label) }).collect();
        let table = in_rows(results, &head, |a| {
            let place = results.architectures.iter().position(|other| std::ptr::eq(other, a)).unwrap_or(0);
            group.iter().map(|row| row.cells.get(place).map_or_else(String::new, |lines| lines.join("\n"))).collect()
        });
        let title = group.first().and_then(|row| row.label.split_once(": ")).map(|(title, _)| wrap(title));
        text.push_str(&title.map_or_else(String::new, |title| format!("{title}\n")));
        text.push_str(&format!("{table}\n\n"));
    }
    text
}

/// What stands behind the colon of a title, which is above the table.
fn short_head(label: &str) -> String {
    label.split_once(": ").map_or(label, |(_, rest)| rest).to_owned()
}

/// Breaks a text between words (and within those that are too long) at [`WIDTH`] columns.
pub(super) fn wrap(text: &str) -> String {
    wrap_at(text, WIDTH)
}

/// The same at so many columns.
pub(super) fn wrap_at(text: &str, columns: usize) -> String {
    let mut lines = vec![String::new()];
    let mut taken = 0;
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        while !word.is_empty() {
            let piece = if text_width(&word) > columns {
                fit(&word, columns).trim_end_matches('…').to_owned()
            } else {
                word.clone()
            };
            let width = text_width(&piece);
            if let Some(line) = lines.last_mut()
                && (line.is_empty() || taken + 1 + width <= columns)
            {
                if !line.is_empty() {
                    line.push(' ');
                    taken += 1;
                }
                line.push_str(&piece);
                taken += width;
            } else {
                lines.push(piece.clone());
                taken = width;
            }
            word = word.split_off(piece.len().max(1).min(word.len()));
        }
    }
    lines.join("\n")
}

/// The comparison, the verdict and how sure it is; ends in a line break. With `color`, headings and results of objectives
/// carry ANSI escapes.
pub fn render(results: &Results, color: bool) -> String {
    let body =
        if results.architectures.len() <= SIDE_BY_SIDE { side_by_side(results) } else { one_below_the_other(results) };
    let title = wrap(&format!("{}: {}", clean(&results.scenario), summary::subject(results)));
    // Rows of a table are short; anything longer is broken, its further lines set in.
    let beside: Vec<String> = super::ownership::paragraphs(results)
        .into_iter()
        .map(|lines| {
            let broken = lines.iter().enumerate().map(|(i, line)| match i {
                0 => line.clone(),
                _ if text_width(line) + 2 <= WIDTH => format!("  {line}"),
                _ => format!("  {}", wrap_at(line, WIDTH - 4).replace('\n', "\n    ")),
            });
            broken.collect::<Vec<_>>().join("\n")
        })
        .collect();
    let beside: String = beside.iter().map(|paragraph| format!("{paragraph}\n\n")).collect();
    let verdict = wrap(&clean(&results.verdict.sentence));
    let sure = wrap(&format!("{} {}", summary::certainty(results), summary::provenance(results)));
    if !color {
        return format!("{title}\n\n{body}\n\n{beside}{verdict}\n\n{sure}\n");
    }
    let paint = |style: Style, text: &str| format!("{style}{text}{style:#}");
    let bold = Style::new().bold();
    let each_line = |style: Style, text: &str| text.lines().map(|l| paint(style, l)).collect::<Vec<_>>().join("\n");
    let good = Style::new().fg_color(Some(AnsiColor::Green.into()));
    let bad = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    // Marks are coloured after the layout, which counts columns.
    let body: Vec<String> = body
        .lines()
        .enumerate()
        .map(|(i, line)| {
            if i == 0 {
                return paint(bold, line);
            }
            let mut line = line.to_owned();
            for (style, marks) in [(good, [MET, "✓ "]), (bad, [MISSED, "✗ "])] {
                if let Some(mark) = marks.into_iter().find(|m| line.contains(m)) {
                    line = line.replace(mark, &paint(style, mark));
                }
            }
            line
        })
        .collect();
    format!(
        "{}\n\n{}\n\n{beside}{}\n\n{}\n",
        each_line(bold, &title),
        body.join("\n"),
        each_line(bold, &verdict),
        each_line(Style::new().dimmed(), &sure)
    )
}

/// The warnings, one a line, for standard error; empty when there are none.
pub fn warnings(results: &Results, color: bool) -> String {
    let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold();
    summary::warnings(results)
        .into_iter()
        .map(|w| if color { format!("{yellow}warning:{yellow:#} {w}\n") } else { format!("warning: {w}\n") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_promise() {
        for n in 1..=7 {
            for results in [fixture::results(n), fixture::hostile(n), fixture::degenerate(n), fixture::extreme(n)] {
                let text = render(&results, false);
                for line in text.lines() {
                    assert!(
                        text_width(line) <= WIDTH,
                        "{n} architectures, {} columns: {line}\n{text}",
                        text_width(line)
                    );
                }
                assert!(text.ends_with('\n'));
                assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
            }
        }
    }

    #[test]
    fn the_table_says_what_was_asked_for() {
        for n in [2, 7] {
            let mut results = fixture::results(n);
            let cost = &mut results.architectures[0].monthly_cost;
            cost.total = Some("1303.27".into());
            cost.low = Some("1291.27".into());
            cost.high = Some("1315.27".into());
            cost.at_traffic[0].total = "980.4".into();
            let text = render(&results, false);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            // 3.58 and 8 instances, 36.6 % at work, 19 minutes of the sale: from the fixture.
            for part in ["$1,303 ±12", "$980", "3.58", "36.6 %", "19 min", "not the error of the forecast", "Seed 1"] {
                assert!(text.contains(part), "{part} is missing:\n{text}");
            }
            assert!(text.contains("is the cheapest that meets all objectives"), "{text}");
        }
    }

    #[test]
    fn unknown_is_never_zero() {
        let text = render(&fixture::degenerate(2), false);
        assert!(text.contains("unknown"), "{text}");
        assert!(!text.contains("$0"), "{text}");
        assert!(text.contains("One replication"), "{text}");
    }

    #[test]
    fn colour_only_when_asked() {
        let results = fixture::results(5);
        let plain = render(&results, false);
        let colored = render(&results, true);
        assert!(!plain.contains('\u{1b}'));
        assert!(colored.contains("\u{1b}[1m"));
        // Without its escapes it is the same text.
        let mut stripped = String::new();
        let mut escaped = false;
        for c in colored.chars() {
            match c {
                '\u{1b}' => escaped = true,
                'm' if escaped => escaped = false,
                _ if escaped => {}
                c => stripped.push(c),
            }
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn warnings_are_lines_of_their_own() {
        let text = warnings(&fixture::results(5), false);
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|l| l.starts_with("warning: ")), "{text}");
        assert!(text.contains("ec2-fixed-peak: mean CPU"), "{text}");
    }
}
