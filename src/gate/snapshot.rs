//! What a gate can judge of results: each metric by architecture, with its value in each replication.

use crate::results::{ArchitectureResult, Figure, Requests, Results};
use crate::spec::gate::Unit;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The value of [`Snapshot::schema`].
pub const SCHEMA: &str = "costsim.baseline/1";

/// A baseline: small enough to be kept under version control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `costsim.baseline/1`.
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// AWS region.
    pub region: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Independent repetitions.
    pub replications: u32,
    /// Measured horizon in seconds.
    pub simulated_seconds: f64,
    /// Digest of the price book.
    pub prices: String,
    /// Newest date among the prices used.
    pub prices_as_of: String,
    /// Digest of what the scenario states: traffic, requests, client, account.
    pub traffic: String,
    /// Digest of all files that were read.
    pub files: String,
    /// Name of the cheapest architecture; `null` when too close to call.
    pub cheapest: Option<String>,
    /// Name of the cheapest one that meets all objectives.
    pub cheapest_meeting_objectives: Option<String>,
    /// The architectures, in the scenario's order.
    pub architectures: Vec<ArchitectureSnapshot>,
}

/// One architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchitectureSnapshot {
    /// Its name.
    pub name: String,
    /// Digest of its model.
    pub model: String,
    /// The metrics, in a fixed order.
    pub metrics: Vec<Metric>,
    /// The bill's lines, for splitting off what prices moved.
    pub lines: Vec<Line>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// E.g. `monthly_cost.total`.
    pub name: String,
    /// The value; `null` when unknown.
    pub value: Option<f64>,
    /// Its value in each replication (`null` where unknown); empty for what has none.
    pub each: Vec<Option<f64>>,
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Component, price and tier.
    pub key: String,
    /// Quantity a month.
    pub quantity: f64,
    /// USD a unit.
    pub unit_price: f64,
}

impl ArchitectureSnapshot {
    /// The metric of this name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }
}

impl Snapshot {
    /// Of results.
    pub fn of(results: &Results) -> Self {
        let inputs = &results.inputs;
        let stated = |scope: &str| {
            let rows = inputs.assumptions.iter().filter(|row| row.scope == scope);
            // Neither changes what is measured, only how often or how it is drawn.
            let rows =
                rows.filter(|row| !matches!(row.path.as_str(), "seed" | "replications" | "name" | "description"));
            digest(rows.flat_map(|row| [row.path.as_str(), row.value.as_str()]))
        };
        Self {
            schema: SCHEMA.to_owned(),
            tool_version: results.tool_version.clone(),
            scenario: results.scenario.clone(),
            region: results.region.clone(),
            seed: results.seed,
            replications: results.replications,
            simulated_seconds: results.simulated_seconds,
            prices: results.prices.digest.clone(),
            prices_as_of: results.prices.as_of.clone(),
            traffic: stated("scenario"),
            files: digest(inputs.files.iter().map(|file| file.digest.as_str())),
            cheapest: results.verdict.cheapest.clone(),
            cheapest_meeting_objectives: results.verdict.cheapest_meeting_objectives.clone(),
            architectures: results
                .architectures
                .iter()
                .map(|architecture| ArchitectureSnapshot {
                    name: architecture.name.clone(),
                    model: stated(&architecture.name),
                    metrics: metrics(architecture),
                    lines: lines(architecture),
                })
                .collect(),
        }
    }

    /// The architecture of this name.
    pub fn architecture(&self, name: &str) -> Option<&ArchitectureSnapshot> {
        self.architectures.iter().find(|architecture| architecture.name == name)
    }
}

fn digest<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.as_bytes());
        hasher.update([0]);
    }
    let hex: String = hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn money(text: Option<&String>) -> Option<f64> {
    text.and_then(|text| text.parse::<f64>().ok()).and_then(known)
}

fn metric(name: impl Into<String>, value: Option<f64>, each: Vec<f64>) -> Metric {
    Metric { name: name.into(), value, each: each.into_iter().map(known).collect() }
}

fn of_figure(name: impl Into<String>, figure: &Figure) -> Metric {
    metric(name, known(figure.value), figure.each.clone())
}

fn lines(architecture: &ArchitectureResult) -> Vec<Line> {
    let of_line = |line: &crate::results::LineItem| {
        Some(Line {
            key: format!("{}/{}/{}", line.component, line.sku, line.description),
            quantity: line.quantity.parse().ok()?,
            unit_price: line.unit_price.parse().ok()?,
        })
    };
    architecture.line_items.iter().filter_map(of_line).collect()
}

/// A share of the requests that ended: (value, by replication).
fn share(requests: &Requests, of: impl Fn(&dyn Fn(&Figure) -> f64) -> f64) -> (Option<f64>, Vec<f64>) {
    let ratio = |at: &dyn Fn(&Figure) -> f64| {
        let ended = at(&requests.arrived) - at(&requests.in_flight);
        if ended > 0.0 { of(at) / ended } else { 0.0 }
    };
    let count = requests.arrived.each.len();
    let each = (0..count).map(|i| ratio(&|figure| figure.each.get(i).copied().unwrap_or(f64::NAN))).collect();
    (known(ratio(&|figure| figure.value)), each)
}

fn not_served(requests: &Requests) -> (Option<f64>, Vec<f64>) {
    share(requests, |at| {
        at(&requests.throttled) + at(&requests.rejected) + at(&requests.timed_out) + at(&requests.failed)
    })
}

fn metrics(a: &ArchitectureResult) -> Vec<Metric> {
    let mut all = Vec::new();
    let cost = &a.monthly_cost;
    let total = money(cost.total.as_ref());
    let totals: Vec<f64> = cost.each.iter().map(|text| text.parse().unwrap_or(f64::NAN)).collect();
    all.push(metric("monthly_cost.total", total, totals.clone()));
    // The free tier takes off the same in each replication, as long as it is used up.
    let without = money(cost.without_free_tier.as_ref());
    let shift = without.zip(total).map(|(without, total)| without - total);
    let shifted = shift.map(|shift| totals.iter().map(|one| one + shift).collect()).unwrap_or_default();
    all.push(metric("monthly_cost.without_free_tier", without, shifted));
    all.push(per_million(a, total, &totals));
    let idle: Vec<f64> = a.components.iter().filter_map(|component| money(component.idle_cost.as_ref())).collect();
    if !idle.is_empty() {
        all.push(metric("monthly_cost.idle", Some(idle.iter().sum()), Vec::new()));
    }
    all.extend(services(a));
    let latency = &a.latency_ms;
    for (name, figure) in [
        ("mean", &latency.mean),
        ("p50", &latency.p50),
        ("p90", &latency.p90),
        ("p95", &latency.p95),
        ("p99", &latency.p99),
        ("p999", &latency.p999),
        ("max", &latency.max),
    ] {
        all.push(of_figure(format!("latency_ms.{name}"), figure));
    }
    let requests = &a.requests;
    let (value, each) = not_served(requests);
    all.push(metric("failures.all", value, each));
    for (name, figure) in [
        ("throttled", &requests.throttled),
        ("rejected", &requests.rejected),
        ("timed_out", &requests.timed_out),
        ("failed", &requests.failed),
    ] {
        let (value, each) = share(requests, |at| at(figure));
        all.push(metric(format!("failures.{name}"), value, each));
    }
    let (value, each) = share(requests, |at| at(&a.cold_starts));
    all.push(metric("cold_starts", value, each));
    let peaks: Vec<&Figure> =
        a.components.iter().filter_map(|c| c.capacity.as_ref()).map(|level| &level.peak).collect();
    if let Some(longest) = peaks.iter().map(|peak| peak.each.len()).max() {
        let largest = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::max).unwrap_or(f64::NAN);
        let each = (0..longest).map(|i| largest(&mut peaks.iter().filter_map(|p| p.each.get(i).copied()))).collect();
        all.push(metric("capacity.peak", known(largest(&mut peaks.iter().map(|peak| peak.value))), each));
    }
    for component in &a.components {
        if let Some(level) = &component.capacity {
            all.push(of_figure(format!("components.{}.capacity.peak", component.name), &level.peak));
        }
        if let Some(utilisation) = &component.utilisation {
            all.push(of_figure(format!("components.{}.utilisation", component.name), utilisation));
        }
    }
    if !a.objectives.is_empty() {
        let missed = a.objectives.iter().filter(|objective| !objective.met).count();
        all.push(metric("objectives.missed", Some(missed as f64), Vec::new()));
    }
    let minutes: Vec<&Figure> = a.objectives.iter().filter_map(|objective| objective.minutes_missed.as_ref()).collect();
    if let Some(first) = minutes.first() {
        let each =
            (0..first.each.len()).map(|i| minutes.iter().filter_map(|figure| figure.each.get(i)).sum()).collect();
        let value = known(minutes.iter().map(|figure| figure.value).sum());
        all.push(metric("objectives.minutes_missed", value, each));
    }
    for class in &a.classes {
        all.push(of_figure(format!("classes.{}.latency_ms.p50", class.name), &class.latency_ms.p50));
        all.push(of_figure(format!("classes.{}.latency_ms.p99", class.name), &class.latency_ms.p99));
        let (value, each) = not_served(&class.requests);
        all.push(metric(format!("classes.{}.failures", class.name), value, each));
    }
    all
}

/// The cost of a million served requests: that of each replication follows its own total and its own requests.
fn per_million(a: &ArchitectureResult, total: Option<f64>, totals: &[f64]) -> Metric {
    let value = money(a.monthly_cost.per_million_requests.as_ref());
    let served = &a.requests.served;
    let each = match (value, total) {
        (Some(value), Some(total)) if total > 0.0 && served.value > 0.0 => totals
            .iter()
            .zip(&served.each)
            .map(|(cost, count)| if *count > 0.0 { value * (cost / total) / (count / served.value) } else { f64::NAN })
            .collect(),
        _ => Vec::new(),
    };
    metric("monthly_cost.per_million_requests", value, each)
}

/// The bill by service. A replication's part follows its usage of each price: linear around the mean bill, which is exact where
/// no tier ends between the replications.
fn services(a: &ArchitectureResult) -> Vec<Metric> {
    let mut names: Vec<&str> = a.line_items.iter().map(|line| line.service.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let replications = a.monthly_cost.each.len();
    let used = |sku: &str, replication: usize| {
        let of = a.usage.iter().filter(|usage| usage.sku == sku && usage.replication as usize == replication);
        of.filter_map(|usage| usage.total.parse::<f64>().ok()).sum::<f64>()
    };
    names
        .into_iter()
        .map(|service| {
            let mut value = 0.0;
            let mut each = vec![0.0; replications];
            for line in a.line_items.iter().filter(|line| line.service == service) {
                let amount: f64 = line.amount.parse().unwrap_or(0.0);
                value += amount;
                let usage: Vec<f64> = (0..replications).map(|replication| used(&line.sku, replication)).collect();
                let mean = usage.iter().sum::<f64>() / replications.max(1) as f64;
                for (sum, usage) in each.iter_mut().zip(usage) {
                    *sum += if mean > 0.0 { amount * usage / mean } else { amount };
                }
            }
            metric(format!("monthly_cost.service.{service}"), Some(value), each)
        })
        .collect()
}

/// The unit of a metric.
pub fn unit(name: &str) -> Unit {
    crate::spec::gate::families(name).find_map(|family| family.unit).unwrap_or(Unit::Count)
}
