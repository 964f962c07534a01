//! From the runs of all architectures and their bills to [`Results`]: figures with intervals, objectives, the verdict and
//! the warnings. Everything that a report shows is decided here; reports only render it.

pub mod assumptions;
pub mod cost;
mod figures;
mod objectives;
mod series;
mod verdict;
mod warnings;

#[cfg(test)]
pub(crate) mod fixtures;

use crate::compare::cost::ArchitectureBill;
use crate::compare::figures::Counts;
use crate::results::{ArchitectureResult, InputFile, Inputs, Prices, Results, SCHEMA, TrafficSummary, UsageResult};
use crate::run::ArchitectureRuns;
use crate::spec::model::Architecture;
use crate::spec::scenario::Scenario;
use crate::stats::intervals::merge;

pub use verdict::MATERIAL;

/// Puts the results together. `runs` and `bills` hold one entry for each architecture of the scenario, in its order.
pub fn results(
    scenario: &Scenario,
    runs: &[ArchitectureRuns],
    bills: Vec<ArchitectureBill>,
    prices: Prices,
) -> Results {
    let architectures: Vec<ArchitectureResult> = scenario
        .architectures
        .iter()
        .zip(runs)
        .zip(bills)
        .map(|((architecture, runs), bill)| of_architecture(scenario, architecture, runs, bill))
        .collect();
    Results {
        schema: SCHEMA.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        region: scenario.region.clone(),
        seed: scenario.seed,
        replications: scenario.replications,
        simulated_seconds: scenario.horizon.as_secs_f64(),
        start: scenario.start.to_string(),
        timezone: scenario.timezone.clone(),
        billed_hours: scenario.month.as_hours_f64(),
        prices,
        inputs: Inputs { assumptions: assumptions::assumptions(scenario), files: files(scenario) },
        traffic: runs.first().map(|runs| traffic(scenario, runs)).unwrap_or_default(),
        verdict: verdict::verdict(&architectures),
        warnings: warnings::of_scenario(scenario, &architectures),
        architectures,
        not_modelled: assumptions::not_modelled(),
    }
}

fn files(scenario: &Scenario) -> Vec<InputFile> {
    let file = |(name, digest): &(String, String)| InputFile { name: name.clone(), digest: format!("sha256:{digest}") };
    scenario.files.iter().map(file).collect()
}

/// The traffic is the same for all architectures; it is read off the first one's runs.
fn traffic(scenario: &Scenario, runs: &ArchitectureRuns) -> TrafficSummary {
    let Some(first) = runs.full.first() else {
        return TrafficSummary::default();
    };
    let arrived = Counts::of_all(first).arrived as f64;
    let bucket = first.series.bucket.as_secs_f64();
    let busiest = first.series.arrived.iter().copied().max().unwrap_or(0) as f64;
    TrafficSummary {
        mean_rate: arrived / scenario.horizon.as_secs_f64(),
        peak_rate: if bucket > 0.0 { busiest / bucket } else { 0.0 },
        requests_per_month: cost::requests_per_month(scenario, runs),
    }
}

fn of_architecture(
    scenario: &Scenario,
    architecture: &Architecture,
    runs: &ArchitectureRuns,
    bill: ArchitectureBill,
) -> ArchitectureResult {
    let ArchitectureBill { lines, cost, warnings: bill_warnings } = bill;
    let runs = &runs.full;
    let counts: Vec<Counts> = runs.iter().map(Counts::of_all).collect();
    let latency = figures::latency_of_all(runs);
    let mut components = figures::components(architecture, runs);
    for (index, component) in components.iter_mut().enumerate() {
        component.idle_cost = cost::idle_cost(&component.name, index, runs, &lines);
    }
    let mut warnings = warnings::of_architecture(architecture, runs, &components);
    warnings.extend(bill_warnings);
    ArchitectureResult {
        name: architecture.name.clone(),
        description: architecture.description.clone(),
        requests: figures::requests(&counts),
        cold_starts: figures::cold_starts(&counts),
        latency_ms: figures::latency(&latency.iter().collect::<Vec<_>>()),
        classes: figures::classes(scenario, runs),
        components,
        monthly_cost: cost,
        usage: usage(runs),
        series: runs.first().map(|run| series::series(architecture, run, &lines, scenario.horizon)).unwrap_or_default(),
        line_items: lines,
        histograms: figures::histograms(scenario, runs),
        objectives: objectives::judge(scenario, runs, &merge(&latency)),
        warnings,
    }
}

/// Raw usage of all replications; by the hour for the first alone, which the charts show.
fn usage(runs: &[crate::arch::output::RunOutput]) -> Vec<UsageResult> {
    let of_run = |(replication, run): (u32, &crate::arch::output::RunOutput)| {
        let meters = run.usage.meters.iter().map(move |meter| UsageResult {
            replication,
            component: meter.component.clone(),
            sku: meter.sku.clone(),
            unit: meter.unit.key().to_owned(),
            total: meter.total.to_string(),
            hourly: if replication == 0 { meter.hourly.clone() } else { Vec::new() },
        });
        meters.collect::<Vec<_>>()
    };
    (0u32..).zip(runs).flat_map(of_run).collect()
}
