//! `line_items.csv`: every line of every bill, for a spreadsheet. RFC 4180: a header, CRLF, quotes where needed.

use super::format::is_decimal;
use crate::results::{LineItem, Results};

const HEADER: [&str; 16] = [
    "architecture",
    "component",
    "service",
    "sku",
    "description",
    "quantity",
    "unit",
    "unit_price",
    "amount",
    "formula",
    "source",
    "as_of",
    "confidence",
    "list_unit_price",
    "effective_unit_price",
    "commitment",
];

/// A field that a spreadsheet takes for text. What begins like a formula (`=`, `+`, `-`, `@`, also after white space) gets an
/// apostrophe in front, unless it is a plain number.
pub(super) fn guarded(text: &str) -> String {
    let begins = text.trim_start().chars().next();
    let control = text.starts_with(['\t', '\r', '\n']);
    if (control || begins.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')))
        && !is_decimal(text)
    {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// All line items of all architectures; amounts of an architecture add up to its total.
pub fn render(results: &Results) -> String {
    render_lines(results.architectures.iter().flat_map(|a| a.line_items.iter().map(|line| (a.name.as_str(), line))))
}

/// The same for lines with the name of what they belong to.
pub(super) fn render_lines<'a>(lines: impl Iterator<Item = (&'a str, &'a LineItem)>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Every record has as many fields as the header and goes to memory: writing cannot fail.
    writer.write_record(HEADER).expect("written to memory");
    for (name, i) in lines {
        let fields = [
            name,
            &i.component,
            &i.service,
            &i.sku,
            &i.description,
            &i.quantity,
            &i.unit,
            &i.unit_price,
            &i.amount,
            &i.formula,
            &i.source,
            &i.as_of,
            &i.confidence,
            &i.list_unit_price,
            &i.effective_unit_price,
            i.commitment.as_deref().unwrap_or_default(),
        ];
        writer.write_record(fields.map(guarded)).expect("written to memory");
    }
    let bytes = writer.into_inner().expect("flushed to memory");
    String::from_utf8(bytes).expect("made of strings")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn it_parses_back_and_adds_up() {
        let results = fixture::results(7);
        let text = render(&results);
        assert!(text.starts_with("architecture,component,service,sku,description,quantity,unit,unit_price,amount,formula,source,as_of,confidence,list_unit_price,effective_unit_price,commitment\r\n"));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a record")).collect();
        for a in &results.architectures {
            let mine: Vec<_> = rows.iter().filter(|r| r[0] == a.name).collect();
            assert_eq!(mine.len(), a.line_items.len());
            assert_eq!(Some(fixture::sum(mine.iter().map(|r| &r[8]))), a.monthly_cost.total);
            for row in mine {
                assert_eq!(fixture::times(&row[5], &row[7]), row[8], "{row:?}");
            }
        }
    }

    #[test]
    fn texts_cannot_become_formulas() {
        let text = render(&fixture::hostile(7));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut seen = 0;
        for record in reader.records() {
            for field in record.expect("a record").iter() {
                let first = field.trim_start().chars().next();
                let formula = first.is_some_and(|c| "=+-@".contains(c)) && field.parse::<f64>().is_err();
                assert!(!formula, "{field:?}");
                seen += usize::from(field.starts_with("'="));
            }
        }
        assert!(seen > 0, "the fixture has no formula");
        assert_eq!(guarded("-12.5"), "-12.5");
        assert_eq!(guarded("-12.5+A1"), "'-12.5+A1");
        assert_eq!(guarded(" =1"), "' =1");
    }
}
