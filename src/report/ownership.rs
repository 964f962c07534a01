//! What stands beside the bills: commitments, tax, another currency, further environments, labour, twelve months. Empty where nothing of
//! it was asked for.

use super::format::{cents as money, clean, group, hundredths, percent};
use crate::results::{ArchitectureResult, CommitmentResult, Ownership, Results};

/// How well a commitment fits, in a sentence or two.
pub(super) fn fit_of(c: &CommitmentResult) -> String {
    format!(
        "{} ({}): costs {}, covers {} on demand, saves {}; {} of what it may cover, {} of it used. Best over these hours: {} {}, \
         which saves {}.",
        clean(&c.name),
        clean(&c.description),
        money(&c.cost),
        money(&c.covered),
        money(&c.saves),
        percent(c.coverage),
        percent(c.utilisation),
        group(&c.best),
        c.unit,
        money(&c.best_saves)
    )
}

/// One paragraph an architecture, each in lines that a report may break.
pub(super) fn paragraphs(results: &Results) -> Vec<Vec<String>> {
    let own = results.architectures.iter().map(|a| {
        let mut lines = of_one(a);
        let months = months(a);
        if !months.is_empty() {
            lines.push("month  traffic       cloud      labour       total      so far".to_owned());
        }
        lines.extend(months.iter().map(|[month, traffic, cloud, labour, total, so_far, note]| {
            let note = if note.is_empty() { String::new() } else { format!("  {note}") };
            format!("{month:>5}  {traffic:>7} {cloud:>11} {labour:>11} {total:>11} {so_far:>11}{note}")
        }));
        lines
    });
    own.chain([super::purchase::paragraph(results)]).filter(|lines| lines.len() > 1).collect()
}

pub(super) fn of_one(a: &ArchitectureResult) -> Vec<String> {
    let mut lines = vec![format!("{}, beside the bill", clean(&a.name))];
    let cost = &a.monthly_cost;
    if let Some(tax) = &cost.tax {
        let (amount, total) = (money(&tax.amount), money(&tax.total_with_tax));
        lines.push(format!("{} of {} %: {amount}, not in the total; with it {total}", clean(&tax.name), tax.percent));
    }
    if let Some(other) = &cost.converted {
        let source = other.source.as_ref().map_or_else(String::new, |source| format!(", {}", clean(source)));
        let with_tax = match (&other.total_with_tax, &cost.tax) {
            (Some(total), Some(tax)) => format!("; with {} {} {}", clean(&tax.name), other.currency, hundredths(total)),
            _ => String::new(),
        };
        lines.push(format!(
            "{} {} at {} for 1 USD on {}{source}{with_tax}",
            other.currency,
            hundredths(&other.total),
            other.rate,
            other.as_of
        ));
    }
    lines.extend(a.commitments.iter().map(fit_of));
    if let Some(own) = &a.ownership {
        owned(&mut lines, own);
    }
    lines
}

fn owned(lines: &mut Vec<String>, own: &Ownership) {
    for environment in &own.environments {
        let each = environment.each.as_ref().map_or_else(String::new, |each| format!(" ({} each)", money(each)));
        let at_once = format!("{:.2}", environment.at_once);
        lines.push(format!(
            "{}: {} adds {}{each}; {} at once, each at {} times the traffic",
            clean(&environment.name),
            environment.count,
            money(&environment.cost),
            at_once.trim_end_matches('0').trim_end_matches('.'),
            environment.traffic
        ));
    }
    if !own.environments.is_empty() {
        lines.push(format!("all environments: {} a month", money(&own.cloud)));
    }
    if let Some(labour) = &own.operations {
        let parts: Vec<String> =
            labour.parts.iter().map(|(name, hours)| format!("{} {hours} h", clean(name))).collect();
        lines.push(format!(
            "labour, apart from the bill: {} h at {} = {} a month ({}); cloud and labour {}",
            labour.hours,
            money(&labour.hourly_rate),
            money(&labour.cost),
            parts.join(", "),
            money(&own.total)
        ));
    }
    if let Some(migration) = &own.migration {
        let back = match (&migration.against, &migration.saves, migration.months) {
            (Some(name), Some(saves), Some(months)) => {
                format!("saves {} a month against {}: paid back in {months:.1} months", money(saves), clean(name))
            }
            (Some(name), ..) => format!("never pays back against {}", clean(name)),
            (None, ..) => "no architecture without a migration to pay back against".to_owned(),
        };
        lines.push(format!("migration: {} once; {back}", money(&migration.cost)));
    }
}

/// The twelve months: month, traffic, cloud, labour, total, so far, and a note.
pub(super) fn months(a: &ArchitectureResult) -> Vec<[String; 7]> {
    let months = a.ownership.iter().flat_map(|own| &own.months);
    let row = |month: &crate::results::MonthOfOwnership| {
        [
            month.month.to_string(),
            format!("{:.2}x", month.traffic),
            money(&month.cloud),
            money(&month.labour),
            money(&month.total),
            money(&month.so_far),
            if month.simulated { String::new() } else { "interpolated".to_owned() },
        ]
    };
    months.map(row).collect()
}
