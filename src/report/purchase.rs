//! The verdict on other terms, as lines that a report may break. Empty where none was asked for.

use super::format::{UNKNOWN, cents, clean, percent};
use crate::results::{PurchaseCost, Results};

/// A heading and a line for each of the terms.
pub(super) fn paragraph(results: &Results) -> Vec<String> {
    let mut lines = vec!["On other terms, over the same hours of usage".to_owned()];
    for terms in &results.purchases {
        let costs: Vec<String> = terms.costs.iter().map(cost).collect();
        let sentence = clean(&terms.verdict.sentence);
        lines.push(format!("{}: {}. {sentence}", clean(&terms.name), costs.join("; ")));
    }
    lines
}

fn cost(cost: &PurchaseCost) -> String {
    let total = cost.total.as_deref().map_or_else(|| UNKNOWN.to_owned(), cents);
    let plan = match &cost.commitment {
        Some(plan) => format!(
            " (${} an hour: covers {} of what it may, {} of it used)",
            clean(&plan.best),
            percent(plan.coverage),
            percent(plan.utilisation)
        ),
        None => String::new(),
    };
    format!("{} {total}{plan}", clean(&cost.architecture))
}
