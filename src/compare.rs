//! From the runs of all architectures and their bills to [`Results`]: figures with intervals, objectives, the verdict and
//! the findings. Everything that a report shows is decided here; reports only render it.

pub mod assumptions;
pub mod cost;
mod deployments;
pub mod events;
mod figures;
mod findings;
mod function_findings;
mod objectives;
pub mod ownership;
pub mod purchase;
pub mod reprice;
mod series;
pub mod verdict;

#[cfg(test)]
pub(crate) mod fixtures;

use crate::arch::output::{Outcome, RunOutput};
use crate::bill::{BillError, PriceBook};
use crate::compare::cost::ArchitectureBill;
use crate::compare::figures::Counts;
use crate::finding;
use crate::results::{ArchitectureResult, InputFile, Inputs, MeterTotal, Results, SCHEMA, TrafficSummary};
use crate::results::{UsageResult, VariantUsage};
use crate::run::ArchitectureRuns;
use crate::spec::model::Architecture;
use crate::spec::scenario::{Frequency, Scenario};
use crate::stats::intervals::ALPHA;
use crate::usage::Usage;

pub use verdict::MATERIAL;

/// Prices the runs and puts the results together. `runs` holds one entry for each architecture of the scenario, in its order.
///
/// # Errors
/// See [`BillError`]; a missing price alone is no error but an unknown cost with a warning.
pub fn results(scenario: &Scenario, runs: &[ArchitectureRuns], book: &PriceBook) -> Result<Results, BillError> {
    results_at(scenario, runs, book, ALPHA)
}

/// [`results`] whose intervals of costs and of their differences err in a share `alpha` of all cases.
///
/// # Errors
/// As [`results`].
pub fn results_at(
    scenario: &Scenario,
    runs: &[ArchitectureRuns],
    book: &PriceBook,
    alpha: f64,
) -> Result<Results, BillError> {
    let bills = cost::bills(scenario, runs, book, alpha)?;
    let mut architectures: Vec<ArchitectureResult> = scenario
        .architectures
        .iter()
        .zip(runs)
        .zip(&bills)
        .map(|((architecture, runs), bill)| of_architecture(scenario, architecture, runs, bill))
        .collect();
    ownership::pay_back(&mut architectures);
    let mut findings = findings::of_scenario(scenario, &architectures);
    finding::sort(&mut findings);
    Ok(Results {
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
        terms: crate::bill::shown::terms(&scenario.account.free_tier, &scenario.billing),
        prices: cost::prices(&bills, book),
        billing_terms: Some(reprice::terms(scenario)),
        repriced_from: None,
        precision: None,
        purchases: purchase::results(&architectures, &bills, &scenario.billing, alpha),
        inputs: Inputs {
            assumptions: assumptions::assumptions(scenario),
            files: files(scenario),
            resolved: scenario.resolved.clone(),
        },
        traffic: runs.first().map(|runs| traffic(scenario, runs)).unwrap_or_default(),
        verdict: verdict::verdict(&architectures, alpha),
        warnings: finding::texts(&findings),
        findings,
        architectures,
        not_modelled: assumptions::not_modelled(),
    })
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
    bill: &ArchitectureBill,
) -> ArchitectureResult {
    let requests_per_month = cost::requests_per_month(scenario, runs);
    let events = events::of_events(scenario, runs, &bill.events);
    let deployed = deployments::of_deployments(scenario, architecture, runs, &bill.added);
    let variants = variants(runs);
    let runs = &runs.full;
    let counts: Vec<Counts> = runs.iter().map(Counts::of_all).collect();
    let all = counts.iter().copied().fold(Counts::default(), Counts::plus);
    let served = requests_per_month * all.ended_as(Outcome::Served) as f64 / all.arrived.max(1) as f64;
    let latency = figures::latency_of_all(runs);
    let mut components = figures::components(architecture, runs);
    for (index, component) in components.iter_mut().enumerate() {
        let shares = cost::idle_shares(index, runs);
        let used: Vec<&Usage> = runs.iter().map(|run| &run.usage).collect();
        component.idle_cost = bill.idle_cost(&component.name, &shares);
        component.idle_cost_each = bill.idle_cost_each(&component.name, &shares, &used);
        component.idle_shares = shares;
    }
    let line_items = bill.lines();
    let mut findings = findings::of_architecture(architecture, runs, &components);
    findings.extend(bill.findings.iter().cloned());
    findings.extend(events::findings(&events, &components));
    findings.extend(deployed);
    findings.extend(function_findings::of_functions(scenario, architecture, runs, &line_items));
    finding::sort(&mut findings);
    ArchitectureResult {
        at_speed: Vec::new(),
        name: architecture.name.clone(),
        description: architecture.description.clone(),
        tags: architecture.tags.clone(),
        requests: figures::requests(&counts),
        cold_starts: figures::cold_starts(&counts),
        latency_ms: figures::latency(&latency.iter().collect::<Vec<_>>()),
        classes: figures::classes(scenario, runs),
        components,
        monthly_cost: bill.monthly_cost(served, &scenario.billing),
        usage: usage(runs, scenario.billing.needs_hours()),
        variants,
        series: runs
            .first()
            .map(|run| series::series(architecture, run, bill.bill.as_ref(), scenario.horizon))
            .unwrap_or_default(),
        line_items,
        ownership: bill.ownership.clone(),
        commitments: bill.bill.as_ref().map(crate::bill::Bill::commitment_results).unwrap_or_default(),
        histograms: figures::histograms(scenario, runs),
        objectives: objectives::judge_each(scenario, runs, &latency),
        events,
        warnings: finding::texts(&findings),
        findings,
    }
}

/// Raw usage of all replications; by the hour for the first alone, which the charts show, unless commitments ask for all.
fn usage(runs: &[RunOutput], all_hours: bool) -> Vec<UsageResult> {
    let of_run = |(replication, run): (u32, &RunOutput)| {
        let meters = run.usage.meters.iter().map(move |meter| UsageResult {
            replication,
            component: meter.component.clone(),
            sku: meter.sku.clone(),
            unit: meter.unit.key().to_owned(),
            total: meter.total.to_string(),
            hourly: if replication == 0 || all_hours { meter.hourly.clone() } else { Vec::new() },
        });
        meters.collect::<Vec<_>>()
    };
    (0u32..).zip(runs).flat_map(of_run).collect()
}

/// What was counted beside the replications of the full traffic, in the order in which a bill takes it.
fn variants(runs: &ArchitectureRuns) -> Vec<VariantUsage> {
    let of = |traffic: f64, without: Option<Frequency>, replication: u32, usage: &Usage| VariantUsage {
        traffic,
        without: without.map(|per| reprice::frequency_name(per).to_owned()),
        replication,
        meters: usage
            .meters
            .iter()
            .map(|meter| MeterTotal {
                component: meter.component.clone(),
                sku: meter.sku.clone(),
                unit: meter.unit.key().to_owned(),
                total: meter.total.to_string(),
            })
            .collect(),
    };
    let mut found = Vec::new();
    for (per, counted) in &runs.without {
        found.extend((0u32..).zip(counted).map(|(replication, one)| of(1.0, Some(*per), replication, &one.usage)));
    }
    for at in &runs.at_traffic {
        found.push(of(at.scale, None, 0, &at.full.usage));
        let without = runs.without.iter().zip(&at.without);
        found.extend(without.map(|((per, _), one)| of(at.scale, Some(*per), 0, &one.usage)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::{answer, book, burst, scenario};
    use crate::run::{Progress, RunOptions, run};

    fn compared(scenario: &Scenario) -> Results {
        let options = RunOptions { threads: 1, other_traffic: true, ..RunOptions::default() };
        let runs = run(scenario, &options, &Progress::new(), |job, _| Ok(answer(job))).unwrap();
        results(scenario, &runs, &book()).unwrap()
    }

    /// 1,000, 1,010 and 1,020 requests in a week, of which 100 come from a burst once a month, at 50 cents each:
    /// (910 x 730 / 168 + 100) x 0.5 = 2,027.0833…; at 75 % of the traffic, 750 of which 100: (650 x 730/168 + 100) x 0.5.
    #[test]
    fn a_month_of_requests_at_fifty_cents() {
        let mut given = scenario();
        given.traffic.bursts = vec![burst(Frequency::Month)];
        let found = compared(&given);
        assert_eq!(found.architectures.len(), 2);
        let one = &found.architectures[0];
        assert_eq!(one.monthly_cost.total.as_deref(), Some("2027.0833335"));
        assert_eq!(one.line_items.len(), 1);
        assert_eq!(one.monthly_cost.at_traffic[0].total, "1462.202381");
        assert_eq!(one.monthly_cost.at_traffic[0].scale, 0.75);
        assert!((found.traffic.requests_per_month - 4_054.166_667).abs() < 1e-6);
        // 50 cents a request is 500,000 a million.
        assert!(one.monthly_cost.per_million_requests.as_ref().unwrap().starts_with("500000."));
        // The replications' totals differ by 10 x 730/168 x 0.5 = 21.7262: t(0.975, 2) x that / sqrt(3) = 53.9709.
        let low: f64 = one.monthly_cost.low.as_ref().unwrap().parse().unwrap();
        assert!((2_027.083_333_5 - 53.970_9 - low).abs() < 1e-3, "{low}");
        assert_eq!(found.verdict.cheapest, None, "they are the same");
        assert_eq!(found.prices.as_of, "2026-11-20");
        assert_eq!(found.prices.used.len(), 1);
    }

    #[test]
    fn requests_and_latency_add_up() {
        let found = compared(&scenario());
        let one = &found.architectures[1];
        assert_eq!((one.requests.arrived.value, one.requests.served.value), (1_010.0, 1_010.0));
        assert_eq!(one.requests.in_flight.value, 0.0);
        assert_eq!(one.requests.arrived.each, [1_000.0, 1_010.0, 1_020.0]);
        let by_class: f64 = one.classes.iter().map(|class| class.requests.arrived.value).sum();
        assert_eq!(by_class, 1_010.0);
        assert_eq!(one.latency_ms.mean.value, 10.0);
        assert_eq!(one.latency_ms.max.value, 10.0);
        assert_eq!((one.components[1].name.as_str(), one.components[1].kind.as_str()), ("web", "fleet"));
        assert_eq!(one.components[1].mean_time_ms.value, 10.0);
        assert_eq!(one.components[1].capacity, None);
        assert_eq!(one.histograms.iter().map(|h| h.name.as_str()).collect::<Vec<_>>(), ["all", "browse", "checkout"]);
        assert_eq!(one.histograms[0].bins.iter().map(|bin| bin.1).sum::<u64>(), 3_030);
        assert_eq!(one.series.capacity[0].name, "web");
        // The usage lies in the first hour.
        let total: f64 = one.monthly_cost.total.as_ref().unwrap().parse().unwrap();
        assert!((one.series.cumulative_cost[1] - total).abs() < 1e-9);
        assert_eq!(found.traffic.peak_rate, 750.0 / (84.0 * 3_600.0));
        assert_eq!(found.traffic.mean_rate, 1_000.0 / (168.0 * 3_600.0));
    }

    #[test]
    fn usage_by_the_hour_is_kept_for_the_first_replication() {
        let found = compared(&scenario());
        let usage: Vec<_> =
            found.architectures[0].usage.iter().map(|u| (u.replication, &*u.total, u.hourly.len())).collect();
        assert_eq!(usage, [(0, "1000", 1), (1, "1010", 0), (2, "1020", 0)]);
    }

    #[test]
    fn an_unknown_price_is_null_and_named() {
        let mut given = scenario();
        given.architectures.truncate(1);
        let options = RunOptions { threads: 1, ..RunOptions::default() };
        let unknown = |job: &crate::run::Job<'_>, _: &Progress| {
            let mut run = answer(job);
            run.usage.meters[0].sku = "lambda.reqest".into();
            Ok(run)
        };
        let runs = run(&given, &options, &Progress::new(), unknown).unwrap();
        let found = results(&given, &runs, &book()).unwrap();
        let one = &found.architectures[0];
        assert_eq!((&one.monthly_cost.total, one.line_items.len()), (&None, 0));
        assert!(one.warnings[0].contains("`lambda.reqest`") && one.warnings[0].contains("`lambda.request`"));
        assert_eq!(found.verdict.sentence, "No architecture could be priced. What lambda-http-api costs is not known.");
    }

    #[test]
    fn results_survive_the_file() {
        let found = compared(&scenario());
        let text = serde_json::to_string(&found).unwrap();
        let back: Results = serde_json::from_str(&text).unwrap();
        assert!(back == found, "{text}");
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }

    #[test]
    fn every_assumption_has_its_place() {
        let found = compared(&scenario());
        let of = |scope: &str, path: &str| {
            let found = found.inputs.assumptions.iter().find(|a| a.scope == scope && a.path == path);
            found.unwrap_or_else(|| panic!("{scope} {path}")).clone()
        };
        assert_eq!(of("scenario", "requests.browse.cpu").value, "8 ms");
        assert_eq!(of("scenario", "requests.browse.request_size").value, "1 KB");
        assert_eq!(of("lambda-http-api", "components.shop.idle_timeout").value, "640 s");
        assert!(of("lambda-http-api", "components.shop.idle_timeout").source.unwrap().contains("637 s"));
        assert!(of("lambda-http-api", "components.shop.allocation").source.unwrap().contains("memory"));
        assert!(of("ec2-asg-alb", "components.web.speed").source.is_some());
        assert_eq!(of("scenario", "month").value, "730 h");
        assert!(found.inputs.assumptions.iter().all(|a| !a.value.is_empty()));
    }
}
