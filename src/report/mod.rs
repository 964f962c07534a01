//! Reports: one file a format, each rendered from [`Results`] alone.
//!
//! Only this module formats. It writes nothing: it returns text, and the command line decides where it goes.

pub mod backtest;
pub mod bill;
mod canvas;
mod charts;
mod clock;
mod csv;
mod events;
mod finance;
#[cfg(test)]
mod fixture;
pub mod focus;
mod format;
pub mod gate;
mod gate_bencher;
#[cfg(test)]
mod gate_fixture;
mod gate_github;
mod gate_junit;
pub mod gate_markdown;
mod gate_sarif;
mod gate_terminal;
mod html;
pub mod infracost;
mod json;
mod markdown;
mod ownership;
mod purchase;
mod queues;
mod spread;
mod summary;
pub mod table;
pub mod xlsx;

pub use spread::Period;

use crate::results::{BillResults, LineItem, Results};

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal, without colour ([`table::render`] has it), at most [`table::WIDTH`] columns.
    Table,
    /// `results.json`.
    Json,
    /// `line_items.csv`.
    Csv,
    /// A comment or a note.
    Markdown,
    /// `report.html`: one self-contained page.
    Html,
}

/// The report in this format. The same results give the same bytes.
pub fn render(format: Format, results: &Results) -> String {
    match format {
        Format::Table => table::render(results, false),
        Format::Json => json::render(results),
        Format::Csv => csv::render(results),
        Format::Markdown => markdown::render(results),
        Format::Html => html::render(results, &charts::Charts::of(results)),
    }
}

/// The files of `--out DIR`: (path relative to it, with `/`; content). Paths are of ASCII letters, digits, `-`, `_`, `.` and
/// `/`, whatever the architectures are called.
/// `period` is the length of the rows of `focus.csv`.
pub fn files(results: &Results, period: Period) -> Vec<(String, Vec<u8>)> {
    let charts = charts::Charts::of(results);
    let mut files = vec![
        ("report.html".to_owned(), html::render(results, &charts).into_bytes()),
        ("results.json".to_owned(), json::render(results).into_bytes()),
        ("line_items.csv".to_owned(), csv::render(results).into_bytes()),
        ("focus.csv".to_owned(), focus::render(results, period).into_bytes()),
        ("report.xlsx".to_owned(), xlsx::render(results)),
    ];
    files.extend(infracost::files(results).into_iter().map(|(name, text)| (name, text.into_bytes())));
    files.extend(charts.iter().map(|chart| {
        (format!("charts/{}.svg", chart.id), chart.drawing.standalone(&chart.title, &chart.desc).into_bytes())
    }));
    files
}

/// A bill as JSON.
pub fn json_of(bill: &BillResults) -> String {
    json::render(bill)
}

/// Lines of one bill as `line_items.csv` has them.
pub fn csv_of_lines(name: &str, lines: &[LineItem]) -> String {
    csv::render_lines(lines.iter().map(|line| (name, line)))
}

#[cfg(test)]
mod tests;
