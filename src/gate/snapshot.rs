//! What a gate can judge of results: each metric by architecture, with its value in each replication.

use super::noise::Grain;
use crate::results::{ArchitectureResult, Figure, LineItem, Precision, Requests, Results};
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
    /// The windows that stand for the horizon; `null` where all of it was simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Windows>,
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
    /// What it was made of, so that it can be run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Windows that stand for the horizon (`--precision`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// Length of a window in seconds.
    pub seconds: f64,
    /// How long before a window the simulation begins, in seconds.
    pub memory_seconds: f64,
    /// Architectures of which the whole horizon was simulated, each with the reason.
    pub in_full: Vec<(String, String)>,
    /// What is to be known about the fluids that stand for what was before the windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fluids: Vec<String>,
}

impl Windows {
    fn of(precision: &Precision) -> Option<Self> {
        let in_full = precision.architectures.iter();
        let in_full = in_full.filter_map(|one| Some((one.name.clone(), one.in_full_because.clone()?))).collect();
        let (seconds, memory_seconds) = (precision.window_seconds?, precision.memory_seconds?);
        Some(Self { seconds, memory_seconds, in_full, fluids: Vec::new() })
    }
}

/// What a baseline was made of: the command line and the files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The scenario or models, as they were named.
    pub inputs: Vec<String>,
    /// `--arch`.
    pub architectures: Vec<String>,
    /// `--horizon`.
    pub horizon: Option<String>,
    /// `--set`.
    pub set: Vec<String>,
    /// The files, in the order in which they were read.
    pub files: Vec<OriginFile>,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OriginFile {
    /// As it was named; `embedded:models/NAME.yaml` for what came from the catalogue.
    pub name: String,
    /// SHA-256, lower-case hex.
    pub digest: String,
    /// Its text; `null` where it is not kept.
    pub text: Option<String>,
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
    /// How coarse it is; that of the new side holds for a stored baseline, too.
    #[serde(skip)]
    pub grain: Grain,
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
            // The order of a file's keys changes nothing.
            let mut rows: Vec<_> = rows.map(|row| (row.path.as_str(), row.value.as_str())).collect();
            rows.sort_unstable();
            // Assumptions name a file of traffic or samples, which is what its digest says.
            let is_data = |name: &str| scope == "scenario" && ![".yaml", ".yml"].iter().any(|end| name.ends_with(end));
            let data = inputs.files.iter().filter(|file| is_data(&file.name)).map(|file| file.digest.as_str());
            digest(rows.into_iter().flat_map(|row| [row.0, row.1]).chain(data))
        };
        Self {
            schema: SCHEMA.to_owned(),
            tool_version: results.tool_version.clone(),
            scenario: results.scenario.clone(),
            region: results.region.clone(),
            seed: results.seed,
            replications: results.replications,
            simulated_seconds: results.simulated_seconds,
            windows: results.precision.as_ref().and_then(Windows::of),
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
            origin: None,
        }
    }

    /// The architecture of this name.
    pub fn architecture(&self, name: &str) -> Option<&ArchitectureSnapshot> {
        self.architectures.iter().find(|architecture| architecture.name == name)
    }

    /// The same at its first `replications`, each metric being the mean of theirs; percentiles, too, since those of the merged
    /// replications cannot be had without the others. Two sides of different length are compared like with like only if both are taken so.
    #[must_use]
    pub fn averaged(&self, replications: u32) -> Self {
        let mut first = self.clone();
        first.replications = replications.min(first.replications);
        for metric in first.architectures.iter_mut().flat_map(|architecture| &mut architecture.metrics) {
            metric.each.truncate(replications as usize);
            let known: Vec<f64> = metric.each.iter().copied().flatten().collect();
            if !known.is_empty() {
                metric.value = metric.value.map(|_| known.iter().sum::<f64>() / known.len() as f64);
            }
        }
        first
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
    Metric { name: name.into(), value, each: each.into_iter().map(known).collect(), grain: Grain::Smooth }
}

fn grained(grain: Grain, metric: Metric) -> Metric {
    Metric { grain, ..metric }
}

/// A share of the requests that ended is a count of events.
fn of_requests(name: impl Into<String>, requests: &Requests, (value, each): (Option<f64>, Vec<f64>)) -> Metric {
    let ended = requests.arrived.value - requests.in_flight.value;
    let one = if ended > 0.0 { 1.0 / ended } else { 0.0 };
    grained(Grain::Events(one), metric(name, value, each))
}

fn of_figure(name: impl Into<String>, figure: &Figure) -> Metric {
    metric(name, known(figure.value), figure.each.clone())
}

fn lines(architecture: &ArchitectureResult) -> Vec<Line> {
    let of_line = |line: &LineItem| {
        Some(Line {
            key: format!("{}/{}/{}", line.component, line.sku, line.description),
            quantity: line.quantity.parse().ok()?,
            unit_price: line.unit_price.parse().ok()?,
        })
    };
    let mut lines: Vec<Line> = architecture.line_items.iter().filter_map(of_line).collect();
    // The order of a file's keys changes nothing.
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    lines
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

/// The sum over the parts, replication by replication; empty without parts.
fn sums<T>(parts: Vec<&Vec<T>>, value: impl Fn(&T) -> Option<f64>) -> Vec<f64> {
    let replications = parts.iter().map(|part| part.len()).max().unwrap_or(0);
    let at = |i: usize| parts.iter().map(|part| part.get(i).and_then(&value).unwrap_or(f64::NAN)).sum();
    (0..replications).map(at).collect()
}

fn metrics(a: &ArchitectureResult) -> Vec<Metric> {
    let mut all = Vec::new();
    let cost = &a.monthly_cost;
    let total = money(cost.total.as_ref());
    let totals: Vec<f64> = cost.each.iter().map(|text| text.parse().unwrap_or(f64::NAN)).collect();
    all.push(metric("monthly_cost.total", total, totals.clone()));
    let without = cost.without_free_tier_each.iter().map(|text| text.parse().unwrap_or(f64::NAN)).collect();
    all.push(metric("monthly_cost.without_free_tier", money(cost.without_free_tier.as_ref()), without));
    all.push(per_million(a, total, &totals));
    let idle: Vec<f64> = a.components.iter().filter_map(|component| money(component.idle_cost.as_ref())).collect();
    if !idle.is_empty() {
        let each = a.components.iter().map(|component| &component.idle_cost_each).filter(|each| !each.is_empty());
        all.push(metric("monthly_cost.idle", Some(idle.iter().sum()), sums(each.collect(), |text| money(Some(text)))));
    }
    all.extend(services(a));
    let latency = &a.latency_ms;
    for (name, figure, grain) in [
        ("mean", &latency.mean, Grain::Smooth),
        ("p50", &latency.p50, Grain::Binned),
        ("p90", &latency.p90, Grain::Binned),
        ("p95", &latency.p95, Grain::Binned),
        ("p99", &latency.p99, Grain::Binned),
        ("p999", &latency.p999, Grain::Binned),
        ("max", &latency.max, Grain::Smooth),
    ] {
        all.push(grained(grain, of_figure(format!("latency_ms.{name}"), figure)));
    }
    let requests = &a.requests;
    all.push(of_requests("failures.all", requests, not_served(requests)));
    for (name, figure) in [
        ("throttled", &requests.throttled),
        ("rejected", &requests.rejected),
        ("timed_out", &requests.timed_out),
        ("failed", &requests.failed),
    ] {
        all.push(of_requests(format!("failures.{name}"), requests, share(requests, |at| at(figure))));
    }
    all.push(of_requests("cold_starts", requests, share(requests, |at| at(&a.cold_starts))));
    let peaks: Vec<&Figure> =
        a.components.iter().filter_map(|c| c.capacity.as_ref()).map(|level| &level.peak).collect();
    if let Some(longest) = peaks.iter().map(|peak| peak.each.len()).max() {
        let largest = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::max).unwrap_or(f64::NAN);
        let each = (0..longest).map(|i| largest(&mut peaks.iter().filter_map(|p| p.each.get(i).copied()))).collect();
        let peak = metric("capacity.peak", known(largest(&mut peaks.iter().map(|peak| peak.value))), each);
        all.push(grained(Grain::Whole, peak));
    }
    let mut components: Vec<_> = a.components.iter().collect();
    components.sort_by(|a, b| a.name.cmp(&b.name));
    for component in components {
        if let Some(level) = &component.capacity {
            let name = format!("components.{}.capacity.peak", component.name);
            all.push(grained(Grain::Whole, of_figure(name, &level.peak)));
        }
        if let Some(utilisation) = &component.utilisation {
            all.push(of_figure(format!("components.{}.utilisation", component.name), utilisation));
        }
    }
    if !a.objectives.is_empty() {
        let missed = a.objectives.iter().filter(|objective| !objective.met).count();
        let each = a.objectives.iter().map(|objective| &objective.met_each).filter(|each| !each.is_empty());
        let each = sums(each.collect(), |met| Some(f64::from(u8::from(!met))));
        all.push(grained(Grain::Whole, metric("objectives.missed", Some(missed as f64), each)));
    }
    let minutes: Vec<&Figure> = a.objectives.iter().filter_map(|objective| objective.minutes_missed.as_ref()).collect();
    if let Some(first) = minutes.first() {
        let each =
            (0..first.each.len()).map(|i| minutes.iter().filter_map(|figure| figure.each.get(i)).sum()).collect();
        let value = known(minutes.iter().map(|figure| figure.value).sum());
        all.push(grained(Grain::Whole, metric("objectives.minutes_missed", value, each)));
    }
    for class in &a.classes {
        for (name, figure) in [("p50", &class.latency_ms.p50), ("p99", &class.latency_ms.p99)] {
            let name = format!("classes.{}.latency_ms.{name}", class.name);
            all.push(grained(Grain::Binned, of_figure(name, figure)));
        }
        let name = format!("classes.{}.failures", class.name);
        all.push(of_requests(name, &class.requests, not_served(&class.requests)));
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

/// The bill by service. A replication's part differs from the mean bill by what its usage of each price is more or less than the mean, at
/// the prices of the tiers in which that lies.
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
            let lines = || a.line_items.iter().filter(|line| line.service == service);
            let value = lines().filter_map(|line| line.amount.parse::<f64>().ok()).sum();
            let mut each = vec![value; replications];
            let mut skus: Vec<&str> = lines().map(|line| line.sku.as_str()).collect();
            skus.sort_unstable();
            skus.dedup();
            for sku in skus {
                let tiers = tiers(lines().filter(|line| line.sku == sku));
                let billed: f64 = tiers.iter().map(|tier| tier.quantity).sum();
                let usage: Vec<f64> = (0..replications).map(|replication| used(sku, replication)).collect();
                let mean = usage.iter().sum::<f64>() / replications.max(1) as f64;
                for (cost, usage) in each.iter_mut().zip(usage).filter(|_| mean > 0.0) {
                    *cost += further(&tiers, billed * (usage / mean - 1.0));
                }
            }
            metric(format!("monthly_cost.service.{service}"), Some(value), each)
        })
        .collect()
}

/// What of a price is billed at one of its tiers.
struct Tier<'a> {
    description: &'a str,
    quantity: f64,
    unit_price: f64,
}

/// The tiers of one price in their order, over all components.
fn tiers<'a>(lines: impl Iterator<Item = &'a LineItem>) -> Vec<Tier<'a>> {
    let mut tiers: Vec<Tier<'a>> = Vec::new();
    for line in lines {
        let (Ok(quantity), Ok(unit_price)) = (line.quantity.parse::<f64>(), line.unit_price.parse()) else { continue };
        match tiers.iter_mut().find(|tier| tier.description == line.description) {
            Some(tier) => tier.quantity += quantity,
            None => tiers.push(Tier { description: &line.description, quantity, unit_price }),
        }
    }
    tiers
}

/// What so much more costs, or less (negative): more is in the last tier, less comes off it first, then off the one before.
fn further(tiers: &[Tier<'_>], more: f64) -> f64 {
    if more >= 0.0 {
        return tiers.last().map_or(0.0, |last| more * last.unit_price);
    }
    let mut missing = -more;
    let mut saved = 0.0;
    for tier in tiers.iter().rev() {
        let part = missing.min(tier.quantity);
        saved += part * tier.unit_price;
        missing -= part;
    }
    -saved
}

/// The unit of a metric.
pub fn unit(name: &str) -> Unit {
    crate::spec::gate::families(name).find_map(|family| family.unit).unwrap_or(Unit::Count)
}
