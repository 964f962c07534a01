//! A back-test for people and for programs.

use super::format::{cents_f64 as money_f64, clean, count, percent, text_width};
use crate::backtest::{Backtest, ItemError};
use std::fmt::Write as _;

/// `costsim.backtest/1`.
pub fn json(found: &Backtest) -> String {
    // Plain data with string keys; writing goes to memory.
    serde_json::to_string_pretty(found).expect("a comparison holds nothing that JSON cannot say") + "\n"
}

fn error(value: Option<f64>) -> String {
    let signed = |value: f64| match percent(value) {
        zero if zero == "0 %" => zero,
        shown => format!("{}{shown}", if value > 0.0 { "+" } else { "" }),
    };
    value.map_or_else(|| "–".to_owned(), signed)
}

fn quantities(item: &ItemError) -> String {
    let one = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), count);
    format!("{} / {}", one(item.simulated_quantity), one(item.billed_quantity))
}

/// Columns of text: service and key, simulated, billed, error, quantities.
pub fn table(found: &Backtest) -> String {
    let mut rows: Vec<[String; 5]> = Vec::new();
    for service in &found.services {
        rows.push([
            clean(&service.service),
            money_f64(service.simulated),
            money_f64(service.billed),
            error(service.error),
            String::new(),
        ]);
        for item in &service.items {
            let name = format!("  {}", clean(&item.sku));
            let numbers = [money_f64(item.simulated), money_f64(item.billed), error(item.error), quantities(item)];
            let [a, b, c, d] = numbers;
            rows.push([name, a, b, c, d]);
        }
    }
    rows.push([
        "Total".to_owned(),
        money_f64(found.simulated),
        money_f64(found.billed),
        error(found.error),
        String::new(),
    ]);
    let head = ["", "simulated", "billed", "error", "quantity, both"].map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| text_width(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = format!(
        "{} against a {} bill of {} rows, {} to {}\n",
        clean(&found.architecture),
        found.bill,
        count(found.rows as f64),
        found.from.as_deref().unwrap_or("an unknown start"),
        found.to.as_deref().unwrap_or("an unknown end"),
    );
    if (found.scale - 1.0).abs() > 1e-9 {
        let _ = writeln!(
            text,
            "The bill covers {} h, the simulated month has {} h: simulated figures are multiplied by {:.6}.",
            count(found.billed_hours),
            count(found.simulated_hours),
            found.scale
        );
    }
    text.push('\n');
    let rule = "─".repeat(widths.iter().sum::<usize>() + 8) + "\n";
    for (index, row) in [&head].into_iter().chain(&rows).enumerate() {
        if index == 1 || index == rows.len() {
            text.push_str(&rule);
        }
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let fill = " ".repeat(widths[column].saturating_sub(text_width(cell)));
            let (before, after) = if column == 0 { ("", fill.as_str()) } else { (fill.as_str(), "") };
            let gap = if column == 0 { "" } else { "  " };
            let _ = write!(line, "{gap}{before}{cell}{after}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if !found.apart.is_empty() {
        let apart: Vec<String> =
            found.apart.iter().map(|(kind, sum)| format!("{} {}", clean(kind), money_f64(*sum))).collect();
        let _ = writeln!(text, "\nOn the bill, but no usage and not compared: {}.", apart.join(", "));
    }
    if !found.causes.is_empty() {
        text.push_str("\nThe largest differences, and what they likely come from:\n");
        for cause in &found.causes {
            let _ = writeln!(text, "  {} ({}): {}.", clean(&cause.sku), signed(cause.difference), clean(&cause.likely));
        }
    }
    text
}

fn signed(value: f64) -> String {
    let shown = money_f64(value);
    if value > 0.0 { format!("+{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::backtest::{bill_file, compare};

    #[test]
    fn the_table_says_error_and_cause() {
        let results = fixture::results(1);
        // Twice the 105,382,917 simulated requests at the same price.
        let bill = "BilledCost,ChargeCategory,ServiceName,SkuId,PricingQuantity\n\
                    210.765834,Usage,Amazon API Gateway,apigw.http.request,210765834\n3,Tax,,,\n";
        let bill = bill_file::read(bill.as_bytes(), "x").unwrap();
        let found = compare(&results.architectures[0], results.billed_hours, &bill);
        let text = table(&found);
        for part in [
            "apigw.http.request",
            "$105.38",
            "$210.77",
            "-50 %",
            "105,382,917 / 210,765,834",
            "Tax $3.00",
            "the traffic: 50 % less",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let value: serde_json::Value = serde_json::from_str(&json(&found)).unwrap();
        assert_eq!(value["schema"], "costsim.backtest/1");
    }
}
