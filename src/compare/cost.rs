//! The bill of an architecture: mean usage, each replication's own total, other traffic, and what was paid for idling.

use crate::arch::output::RunOutput;
use crate::money::Usd;
use crate::results::{LineItem, MonthlyCost};
use crate::run::ArchitectureRuns;
use crate::spec::scenario::{Frequency, Scenario};
use crate::stats::intervals::mean;
use crate::units::SimDuration;

/// What an architecture costs a month.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArchitectureBill {
    /// Lines that add up to the total.
    pub lines: Vec<LineItem>,
    /// Totals.
    pub cost: MonthlyCost,
    /// What could not be priced, and the like.
    pub warnings: Vec<String>,
}

/// How often the bursts of a frequency happen in a month; `once` ones are not part of it.
fn times_a_month(frequency: Frequency, month: SimDuration) -> f64 {
    match frequency {
        Frequency::Month => 1.0,
        Frequency::Week => month.as_hours_f64() / 168.0,
        Frequency::Once => 0.0,
    }
}

/// Requests in a billed month: the base scaled by the length of the month, bursts at their own frequency.
pub fn requests_per_month(scenario: &Scenario, runs: &ArchitectureRuns) -> f64 {
    let factor = scenario.month.as_hours_f64() / scenario.horizon.as_hours_f64();
    let arrived = |run: &RunOutput| run.classes.iter().map(|class| class.arrived).sum::<u64>() as f64;
    let each: Vec<f64> = runs
        .full
        .iter()
        .enumerate()
        .map(|(replication, run)| {
            let full = arrived(run);
            let mut monthly = full * factor;
            for (frequency, without) in &runs.without {
                let bursts = without.get(replication).map_or(0.0, |counted| full - counted.arrived as f64);
                monthly += bursts * (times_a_month(*frequency, scenario.month) - factor);
            }
            monthly
        })
        .collect();
    mean(&each).value
}

/// What is paid in a month for a component's capacity that was not at work: of each line of a SKU of which a part idled,
/// that part. A line of the account is shared out by the components' usage. `None` where nothing idle is paid.
pub fn idle_cost(component: &str, index: usize, runs: &[RunOutput], lines: &[LineItem]) -> Option<String> {
    let mut skus: Vec<&str> = Vec::new();
    for (sku, _) in runs.iter().filter_map(|run| run.components.get(index)).flat_map(|output| &output.idle_shares) {
        if !skus.contains(&sku.as_str()) {
            skus.push(sku);
        }
    }
    if skus.is_empty() {
        return None;
    }
    let mut total = Usd::ZERO;
    for sku in skus {
        let shares: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.components.get(index))
            .flat_map(|output| output.idle_shares.iter().filter(|(of, _)| of == sku).map(|(_, share)| *share))
            .collect();
        let idle = mean(&shares).value;
        for line in lines.iter().filter(|line| line.sku == sku) {
            let part = match line.component.as_str() {
                own if own == component => 1.0,
                crate::usage::ACCOUNT => share_of_usage(component, sku, runs),
                _ => continue,
            };
            total = total.checked_add(line.amount.parse::<Usd>().ok()?.times_share(idle * part))?;
        }
    }
    Some(total.rounded(6).to_string())
}

/// Share of a component in the usage of a SKU, all replications together.
fn share_of_usage(component: &str, sku: &str, runs: &[RunOutput]) -> f64 {
    let meters = || runs.iter().flat_map(|run| &run.usage.meters).filter(|meter| meter.sku == sku);
    let all: u128 = meters().map(|meter| meter.total).sum();
    let own: u128 = meters().filter(|meter| meter.component == component).map(|meter| meter.total).sum();
    if all == 0 { 0.0 } else { own as f64 / all as f64 }
}
