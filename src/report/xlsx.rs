//! `report.xlsx`: a workbook whose sums are live. Sheets: summary, line items (amount = quantity x price), hourly usage, assumptions.
//!
//! The results of the formulas are written beside them, so that a viewer which does not calculate shows them, too. Numbers in a workbook are
//! doubles of 15 digits; `results.json` and `line_items.csv` have every digit. The creation date is fixed, so the same results give the
//! same bytes.

use super::clock::Clock;
use super::format::{clean, to_f64};
use crate::results::{ArchitectureResult, Results};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError};

/// A cell's longest text.
const MOST_CHARACTERS: usize = 32_767;
/// Rows of a sheet, less room for headings.
const MOST_ROWS: usize = 1_048_000;
/// Columns of a sheet, less the first.
const MOST_COLUMNS: usize = 16_383;
/// Rows above the first hour of the hourly usage.
const HOURLY_HEAD: u32 = 6;

/// The formats of the cells.
struct Formats {
    title: Format,
    head: Format,
    money: Format,
    quantity: Format,
    price: Format,
    wrapped: Format,
}

/// The workbook.
pub fn render(results: &Results) -> Vec<u8> {
    build(results).expect("texts, rows and columns are kept within what a workbook holds")
}

fn build(results: &Results) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let properties = DocProperties::new()
        .set_title(text(&results.scenario))
        .set_author(format!("costsim {}", clean(&results.tool_version)))
        .set_comment("Simulated, not measured")
        .set_creation_datetime(&ExcelDateTime::from_ymd(2026, 1, 1)?);
    book.set_properties(&properties);
    let formats = Formats {
        title: Format::new().set_bold().set_font_size(14),
        head: Format::new().set_bold().set_text_wrap(),
        money: Format::new().set_num_format("#,##0.00####"),
        quantity: Format::new().set_num_format("#,##0.######"),
        price: Format::new().set_num_format("0.00##########"),
        wrapped: Format::new().set_text_wrap(),
    };
    let ranges = ranges(results);
    summary(book.add_worksheet(), results, &ranges, &formats)?;
    line_items(book.add_worksheet(), results, &formats)?;
    hourly(book.add_worksheet(), results, &formats)?;
    assumptions(book.add_worksheet(), results, &formats)?;
    book.save_to_buffer()
}

/// First and last row, counted from one, of each architecture's lines.
fn ranges(results: &Results) -> Vec<Option<(usize, usize)>> {
    let mut next = 2;
    let mut range = |a: &ArchitectureResult| {
        let from = next;
        next = (next + a.line_items.len()).min(MOST_ROWS);
        (next > from).then(|| (from, next - 1))
    };
    results.architectures.iter().map(&mut range).collect()
}

/// A text as a cell can hold it.
fn text(given: &str) -> String {
    clean(given).chars().take(MOST_CHARACTERS / 2).collect()
}

/// A decimal string as a number; whatever else it is as text, and nothing where it is not known.
fn number(sheet: &mut Worksheet, at: (u32, u16), given: Option<&str>, format: &Format) -> Result<(), XlsxError> {
    match (given, given.and_then(to_f64)) {
        (_, Some(value)) => sheet.write_number_with_format(at.0, at.1, value, format)?,
        (Some(given), None) => sheet.write_string(at.0, at.1, text(given))?,
        (None, None) => sheet.write_string(at.0, at.1, "unknown")?,
    };
    Ok(())
}

fn headings(sheet: &mut Worksheet, row: u32, names: &[&str], formats: &Formats) -> Result<(), XlsxError> {
    for (column, name) in (0u16..).zip(names) {
        sheet.write_string_with_format(row, column, *name, &formats.head)?;
    }
    Ok(())
}

fn summary(
    sheet: &mut Worksheet,
    results: &Results,
    ranges: &[Option<(usize, usize)>],
    formats: &Formats,
) -> Result<(), XlsxError> {
    sheet.set_name("Summary")?;
    sheet.set_column_width(0, 38)?;
    sheet.set_column_range_width(1, 9, 18)?;
    sheet.write_string_with_format(0, 0, text(&results.scenario), &formats.title)?;
    sheet.write_string(1, 0, text(&results.verdict.sentence))?;
    let level = super::summary::level(results);
    let names = [
        "Architecture",
        "Total a month, USD (sum of the line items)",
        "Total in results.json",
        "Difference",
        &format!("Low ({level})"),
        &format!("High ({level})"),
        "Without free tier",
        "A million served",
        "Objectives",
    ];
    headings(sheet, 3, &names, formats)?;
    let mut row = 4u32;
    for (a, range) in results.architectures.iter().zip(ranges).take(MOST_ROWS / 2) {
        let cost = &a.monthly_cost;
        sheet.write_string(row, 0, text(&a.name))?;
        if let (Some((from, to)), Some(_)) = (range, &cost.total) {
            // What a reader without a calculation engine sees: the sum of the amounts as they are written in the lines.
            let sum: f64 = a.line_items.iter().filter_map(|item| to_f64(&item.amount)).sum();
            let total = Formula::new(format!("=SUM('Line items'!I{from}:I{to})")).set_result(sum.to_string());
            sheet.write_formula_with_format(row, 1, total, &formats.money)?;
            let difference = sum - cost.total.as_deref().and_then(to_f64).unwrap_or(sum);
            // What is below a millionth of a dollar is the noise of adding doubles.
            let difference = (difference * 1e6).round() / 1e6 + 0.0;
            let formula = Formula::new(format!("=ROUND(B{0}-C{0},6)", row + 1)).set_result(difference.to_string());
            sheet.write_formula_with_format(row, 3, formula, &formats.money)?;
        }
        for (column, amount) in [
            (2, &cost.total),
            (4, &cost.low),
            (5, &cost.high),
            (6, &cost.without_free_tier),
            (7, &cost.per_million_requests),
        ] {
            number(sheet, (row, column), amount.as_deref(), &formats.money)?;
        }
        let objectives = match (a.objectives.is_empty(), a.objectives.iter().all(|objective| objective.met)) {
            (true, _) => "none stated",
            (false, true) => "met",
            (false, false) => "missed",
        };
        sheet.write_string(row, 8, objectives)?;
        row += 1;
    }
    row += 1;
    let facts = [
        ("Region", results.region.clone()),
        ("Billed month, hours", results.billed_hours.to_string()),
        ("Simulated, hours", (results.simulated_seconds / 3_600.0).to_string()),
        ("Replications", results.replications.to_string()),
        ("Seed", results.seed.to_string()),
        ("Prices", super::summary::price_dates(&results.prices).unwrap_or_else(|| "none".to_owned())),
        ("Price book", results.prices.digest.clone()),
        ("Program", format!("costsim {}", results.tool_version)),
        ("Note", "Simulated, not measured. Every line is explained in report.html, section Finance.".to_owned()),
    ];
    for (name, value) in facts {
        sheet.write_string(row, 0, name)?;
        sheet.write_string(row, 1, text(&value))?;
        row += 1;
    }
    Ok(())
}

fn line_items(sheet: &mut Worksheet, results: &Results, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name("Line items")?;
    let names = [
        "Architecture",
        "Component",
        "Service",
        "SKU",
        "Description",
        "Quantity",
        "Unit",
        "Unit price, USD",
        "Amount, USD",
        "How the quantity came about",
        "Source of the price",
        "As of",
        "Known from",
    ];
    headings(sheet, 0, &names, formats)?;
    sheet.set_freeze_panes(1, 0)?;
    for (column, width) in (0u16..).zip([24, 12, 24, 26, 44, 18, 14, 16, 18, 90, 40, 12, 10]) {
        sheet.set_column_width(column, width)?;
    }
    let lines = results.architectures.iter().flat_map(|a| a.line_items.iter().map(move |item| (a, item)));
    for (row, (a, item)) in (1u32..).zip(lines.take(MOST_ROWS - 2)) {
        let texts = [
            (0, &a.name),
            (1, &item.component),
            (2, &item.service),
            (3, &item.sku),
            (4, &item.description),
            (6, &item.unit),
            (10, &item.source),
            (11, &item.as_of),
            (12, &item.confidence),
        ];
        for (column, given) in texts {
            sheet.write_string(row, column, text(given))?;
        }
        sheet.write_string_with_format(row, 9, text(&item.formula), &formats.wrapped)?;
        number(sheet, (row, 5), Some(&item.quantity), &formats.quantity)?;
        number(sheet, (row, 7), Some(&item.unit_price), &formats.price)?;
        let amount = to_f64(&item.amount).unwrap_or(0.0);
        let formula = Formula::new(format!("=F{0}*H{0}", row + 1)).set_result(amount.to_string());
        sheet.write_formula_with_format(row, 8, formula, &formats.money)?;
    }
    Ok(())
}

fn hourly(sheet: &mut Worksheet, results: &Results, formats: &Formats) -> Result<(), XlsxError> {
    let each = results.hours_each();
    let by = if each == 1 { "hour by hour".to_owned() } else { format!("by {each} hours") };
    sheet.set_name("Hourly usage")?;
    sheet.set_column_width(0, 20)?;
    let of = match results.replications {
        0 | 1 => "Counters of the only replication".to_owned(),
        n => format!("Counters of replication 1 of {n}: the line items price the mean of all {n}"),
    };
    sheet.write_string_with_format(0, 0, format!("{of}, {by} of the horizon"), &formats.title)?;
    for (row, name) in (1u32..).zip(["Architecture", "Component", "SKU", "Raw unit", "Sum"]) {
        sheet.write_string_with_format(row, 0, name, &formats.head)?;
    }
    sheet.set_freeze_panes(HOURLY_HEAD, 1)?;
    let meters = results.architectures.iter().flat_map(|a| a.usage.iter().map(move |usage| (a, usage)));
    let meters: Vec<_> = meters.filter(|(_, usage)| usage.replication == 0).take(MOST_COLUMNS).collect();
    let clock = Clock::of(results);
    let hours = meters.iter().map(|(_, usage)| usage.hourly.len()).max().unwrap_or(0).min(MOST_ROWS);
    for (period, row) in (0..hours).zip(HOURLY_HEAD..) {
        sheet.write_string(row, 0, clock.label(period as f64 * each as f64 * 3_600.0))?;
    }
    for ((a, usage), column) in meters.iter().zip(1u16..) {
        for (row, given) in (1u32..).zip([&a.name, &usage.component, &usage.sku, &usage.unit]) {
            sheet.write_string(row, column, text(given))?;
        }
        let counts = || usage.hourly.iter().take(MOST_ROWS);
        // As a spreadsheet adds: in doubles.
        let sum: f64 = counts().map(|count| *count as f64).sum();
        let letters = rust_xlsxwriter::utility::column_number_to_name(column);
        let last = HOURLY_HEAD as usize + usage.hourly.len().clamp(1, MOST_ROWS);
        let formula = Formula::new(format!("=SUM({letters}{}:{letters}{last})", HOURLY_HEAD + 1));
        sheet.write_formula_with_format(5, column, formula.set_result(sum.to_string()), &formats.quantity)?;
        for (count, row) in counts().zip(HOURLY_HEAD..) {
            sheet.write_number(row, column, *count as f64)?;
        }
    }
    Ok(())
}

fn assumptions(sheet: &mut Worksheet, results: &Results, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name("Assumptions")?;
    headings(sheet, 0, &["Scope", "What", "Value", "From"], formats)?;
    sheet.set_freeze_panes(1, 0)?;
    for (column, width) in (0u16..).zip([24, 44, 44, 70]) {
        sheet.set_column_width(column, width)?;
    }
    for (row, a) in (1u32..).zip(results.inputs.assumptions.iter().take(MOST_ROWS - 2)) {
        let from = a.source.as_deref().unwrap_or("as stated");
        for (column, given) in (0u16..).zip([a.scope.as_str(), &a.path, &a.value, from]) {
            sheet.write_string(row, column, text(given))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_same_results_give_the_same_bytes() {
        for results in [fixture::results(2), fixture::hostile(7), fixture::degenerate(2), fixture::extreme(4)] {
            let first = render(&results);
            assert!(first.starts_with(b"PK"));
            assert!(first == render(&results));
        }
        let mut long = fixture::results(1);
        long.architectures[0].line_items[0].formula = "🚀".repeat(40_000);
        render(&long);
    }

    #[test]
    fn lines_of_an_architecture_stand_together() {
        let results = fixture::results(3);
        let counts: Vec<usize> = results.architectures.iter().map(|a| a.line_items.len()).collect();
        let (a, b) = (counts[0], counts[1]);
        assert_eq!(ranges(&results)[..2], [Some((2, 1 + a)), Some((2 + a, 1 + a + b))]);
        assert_eq!(ranges(&fixture::degenerate(1)), [None]);
    }
}
