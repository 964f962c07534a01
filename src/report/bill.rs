//! The bill of stated usage, in a terminal: each line with its arithmetic, then the totals and what stands beside them.

use super::format::{
    cents as money, clean, group, hundredths as places, money_exact, percent, round_decimal, text_width,
};
use super::ownership::fit_of;
use super::table::{WIDTH, wrap};
use crate::results::{BillResults, LineItem, MonthlyCost};
use std::fmt::Write as _;

/// The bill as text of at most [`WIDTH`] columns, which ends in a line break.
pub fn render(bill: &BillResults) -> String {
    let mut text = String::new();
    let month = match &bill.terms.month {
        Some(month) => format!("{month} ({} h)", bill.billed_hours),
        None => format!("a month of {} h", bill.billed_hours),
    };
    let digest = bill.prices.digest.get(..19).unwrap_or(&bill.prices.digest);
    let dates = super::summary::price_dates(&bill.prices).map_or_else(String::new, |dates| format!(", prices {dates}"));
    let head = format!("{}: {} in {month}{dates}, {digest}…", clean(&bill.name), clean(&bill.region));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}\n", wrap(&head));
    let mut heading = String::new();
    for line in &bill.line_items {
        let own = format!("{} · {}", clean(&line.service), clean(&line.component));
        if own != heading {
            let _ = writeln!(text, "{own}");
            heading = own;
        }
        item(&mut text, line);
    }
    let _ = writeln!(text);
    totals(&mut text, &bill.monthly_cost, &bill.terms.free_tier);
    for commitment in &bill.commitments {
        let _ = writeln!(text, "\n{}", wrap(&fit_of(commitment)));
    }
    if bill.monthly_cost.share_from_memory > 0.0 {
        let share = percent(bill.monthly_cost.share_from_memory);
        let _ = writeln!(text, "\n{share} of the total rests on prices that are known from memory only.");
    }
    text
}

/// A line: what it is and its amount, and below it how that came about.
fn item(text: &mut String, line: &LineItem) {
    let amount = dollars(&line.amount);
    let name = format!("  {}", clean(&line.description));
    let gap = WIDTH.saturating_sub(text_width(&name) + text_width(&amount)).max(2);
    let _ = writeln!(text, "{name}{}{amount}", " ".repeat(gap));
    let source = format!("{}; {}, {} ({})", clean(&line.formula), clean(&line.source), line.as_of, line.confidence);
    for row in super::table::wrap_at(&source, WIDTH - 4).lines() {
        let _ = writeln!(text, "    {row}");
    }
}

/// Six decimals are enough to compute by hand; the exact amount is in the JSON and in the formula.
fn dollars(amount: &str) -> String {
    let short = round_decimal(amount, 6).unwrap_or_else(|| amount.to_owned());
    let (whole, decimals) = short.split_once('.').unwrap_or((&short, ""));
    let short = format!("{whole}.{:0<2}", decimals.trim_end_matches('0'));
    match short.strip_prefix('-') {
        Some(rest) => format!("-${}", group(rest)),
        None => format!("${}", group(&short)),
    }
}

fn totals(text: &mut String, cost: &MonthlyCost, free_tier: &str) {
    let mut row = |label: &str, exact: &str, cents: &str| {
        let left = format!("{label}{exact}");
        let gap = WIDTH.saturating_sub(text_width(&left) + text_width(cents)).max(2);
        let _ = writeln!(text, "{left}{}{cents}", " ".repeat(gap));
    };
    if let Some(total) = &cost.total {
        row(&format!("Total (free tier: {free_tier})"), &format!(" = {}", money_exact(total)), &money(total));
    }
    if let Some(invoiced) = super::format::invoiced(cost) {
        row("Total as AWS prints it: each key's amount at each price to the cent first, then added", "", &invoiced);
    }
    if let Some(without) = &cost.without_free_tier {
        row("Total without free tier", &format!(" = {}", money_exact(without)), &money(without));
    }
    if let Some(list) = cost.at_list_prices.as_ref().filter(|list| Some(*list) != cost.without_free_tier.as_ref()) {
        let label = "All usage on demand at list prices, nothing free";
        row(label, &format!(" = {}", money_exact(list)), &money(list));
    }
    if let Some(tax) = &cost.tax {
        row(&format!("{} of {} %, not in the total", clean(&tax.name), tax.percent), "", &money(&tax.amount));
        row(&format!("Total with {}", clean(&tax.name)), "", &money(&tax.total_with_tax));
    }
    if let Some(other) = &cost.converted {
        let source = other.source.as_ref().map_or_else(String::new, |source| format!(", {}", clean(source)));
        let label = format!("Total in {} at {} for 1 USD on {}{source}", other.currency, other.rate, other.as_of);
        row(&label, "", &format!("{} {}", other.currency, places(&other.total)));
        if let (Some(total), Some(tax)) = (&other.total_with_tax, &cost.tax) {
            let label = format!("Total in {} with {}", other.currency, clean(&tax.name));
            row(&label, "", &format!("{} {}", other.currency, places(total)));
        }
    }
}
