//! `results.json` (schema `costsim.results/1`): everything that a run found. Reports are rendered from it alone.
//!
//! Money, quantities and prices are decimal strings; what is unknown is `null` with a warning, never 0.

mod events;

pub use crate::finding::Finding;
pub use events::{EventChange, EventResult};

use crate::finding;
use crate::stats::intervals::ALPHA;
use crate::units::SimDuration;
use crate::usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value of [`Results::schema`].
pub const SCHEMA: &str = "costsim.results/1";
/// The value of [`BillResults::schema`].
pub const BILL_SCHEMA: &str = "costsim.bill/1";

/// A measured figure: the mean over the replications with its 95 % Student-t interval (for percentiles: of the merged
/// histogram, interval by jackknife). Bounds are `null` for one replication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// Best estimate.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub value: f64,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
    /// One for each replication.
    #[serde(with = "nans_as_null")]
    #[schemars(with = "Vec<Option<f64>>")]
    pub each: Vec<f64>,
}

/// A number that is not known: NaN in memory, `null` in the file.
mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        (!value.is_nan()).then_some(value).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// The same for a list.
mod nans_as_null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|value| (!value.is_nan()).then_some(*value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<Option<f64>>::deserialize(from)?.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// `costsim.results/1`.
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its description.
    pub description: Option<String>,
    /// AWS region.
    pub region: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Independent repetitions.
    pub replications: u32,
    /// Measured horizon in seconds.
    pub simulated_seconds: f64,
    /// Date of t = 0, ISO 8601.
    pub start: String,
    /// IANA time zone of the daily wave and of the charts.
    pub timezone: String,
    /// Length of the billed month in hours.
    pub billed_hours: f64,
    /// On what terms usage is paid.
    #[serde(default)]
    pub terms: Terms,
    /// The price book.
    pub prices: Prices,
    /// What the bill needs beside usage and prices.
    #[serde(default)]
    pub billing_terms: Option<BillingTerms>,
    /// Set where a saved result was priced again (`costsim reprice`).
    #[serde(default)]
    pub repriced_from: Option<Repriced>,
    /// How far it was simulated, where a precision was asked for (`--precision`).
    #[serde(default)]
    pub precision: Option<Precision>,
    /// The verdict on other terms, where `billing.purchase` asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purchases: Vec<PurchaseResult>,
    /// What went in.
    pub inputs: Inputs,
    /// The traffic that all architectures met, over time.
    pub traffic: TrafficSummary,
    /// One entry an architecture, in the scenario's order.
    pub architectures: Vec<ArchitectureResult>,
    /// Who wins.
    pub verdict: Verdict,
    /// What was found about the whole scenario.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The sentences of `findings`.
    pub warnings: Vec<String>,
    /// What the model leaves out, in sentences (shown with the assumptions).
    pub not_modelled: Vec<String>,
}

impl Results {
    /// How often the intervals of costs and of their differences err.
    pub fn alpha(&self) -> f64 {
        self.precision.as_ref().map_or(ALPHA, |precision| precision.alpha)
    }

    /// Hours of each period of [`UsageResult::hourly`].
    pub fn hours_each(&self) -> u64 {
        let periods = self.architectures.iter().flat_map(|a| &a.usage).map(|usage| usage.hourly.len()).max();
        // `as` turns NaN into 0.
        let horizon = SimDuration((self.simulated_seconds * 1e9).round() as u64);
        usage::hours_of(periods.unwrap_or(0), horizon).unwrap_or(1)
    }
}

/// What was simulated and what was inferred, where only as much was simulated as a precision needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Precision {
    /// What was asked for: half the interval of the cost, as a share of the cost.
    pub target: f64,
    /// Whether every architecture's cost is that precise and every objective stands clearly on one side of its limit.
    pub reached: bool,
    /// How often the intervals of costs and of their differences err at the look at which it stopped; all looks together err in at most 5 %.
    pub alpha: f64,
    /// Replications at which one looked.
    pub looks: Vec<u32>,
    /// Length of a window that stands for others, in seconds (`null` where nothing was cut).
    pub window_seconds: Option<f64>,
    /// How long before a window the simulation began, in seconds (`null` where nothing was cut).
    pub memory_seconds: Option<f64>,
    /// By architecture.
    pub architectures: Vec<PrecisionOf>,
}

/// What was simulated of one architecture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrecisionOf {
    /// Its name.
    pub name: String,
    /// Half the interval of its cost, as a share of the cost (`null` where the cost is not known).
    pub half_width: Option<f64>,
    /// Windows of each replication (`null` where the whole horizon was simulated).
    pub windows: Option<u64>,
    /// Why the whole horizon was simulated (`null` where it was not).
    pub in_full_because: Option<String>,
    /// Requests of all replications that were simulated, warm-ups included.
    pub simulated: u64,
    /// Requests of all replications that the figures speak of.
    pub stands_for: u64,
    /// By how much its fleets that scale were larger in the windows than the fluid that stands for what was before them, as a share of their instances: the
    /// figures are corrected by it (`null` where there is no fluid).
    #[serde(default)]
    pub history_off: Option<f64>,
    /// Objectives that do not stand clearly on one side of their limit.
    pub undecided: Vec<String>,
}

/// On what terms usage is paid; rates, discounts and commitments stand among the assumptions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// `none`, `full`, `remaining` (what other accounts leave) or `stated` (see `remaining`).
    pub free_tier: String,
    /// What others left of each free amount, where it is stated.
    pub remaining: Vec<FreeLeft>,
    /// The calendar month that is billed, `2026-02`; `null` for a month of so many hours.
    pub month: Option<String>,
}

/// What is left of a free amount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FreeLeft {
    /// Name of the free amount.
    pub pool: String,
    /// In the unit of its prices.
    pub left: String,
}

/// `costsim bill --format json`: the bill of usage that was stated, not simulated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BillResults {
    /// `costsim.bill/1`.
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// Name of the usage file.
    pub name: String,
    /// AWS region.
    pub region: String,
    /// Length of the billed month in hours.
    pub billed_hours: f64,
    /// On what terms usage is paid.
    pub terms: Terms,
    /// The price book.
    pub prices: Prices,
    /// The bill.
    pub monthly_cost: MonthlyCost,
    /// One line a tier.
    pub line_items: Vec<LineItem>,
    /// How well the commitments fit.
    pub commitments: Vec<CommitmentResult>,
}

/// How well a Savings Plan or a reservation fits the usage of the hours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommitmentResult {
    /// Its name on the bill.
    pub name: String,
    /// In words.
    pub description: String,
    /// What it costs in the month, USD.
    pub cost: String,
    /// What the usage that it covers would have cost on demand, USD.
    pub covered: String,
    /// Of what it might have covered, by cost on demand: the share that it does, 0..=1.
    pub coverage: f64,
    /// Share of the commitment that was used, 0..=1.
    pub utilisation: f64,
    /// `covered` - `cost`, USD; may be negative.
    pub saves: String,
    /// The commitment that would have cost least over these hours, given those that apply before it.
    pub best: String,
    /// `USD an hour` or `instances`.
    pub unit: String,
    /// What it would have saved, USD.
    pub best_saves: String,
}

/// What owning an architecture takes in a month. Labour is apart: `cloud` holds none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ownership {
    /// The bill of production, USD.
    pub production: String,
    /// What each kind of further environment adds to it.
    pub environments: Vec<EnvironmentCost>,
    /// Production and environments, USD.
    pub cloud: String,
    /// Labour (`null` unless the model states it).
    pub operations: Option<OperationsCost>,
    /// Cloud and labour, USD a month.
    pub total: String,
    /// What getting there costs (`null` for what runs today).
    pub migration: Option<Migration>,
    /// Twelve months (empty unless growth is stated).
    pub months: Vec<MonthOfOwnership>,
}

/// Copies of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentCost {
    /// Its name.
    pub name: String,
    /// How many there are, or are made in a month.
    pub count: String,
    /// How many there are at once, on the mean of the month.
    pub at_once: f64,
    /// The traffic of each, as a multiple of production's.
    pub traffic: f64,
    /// What all of them add to the account's bill in a month, USD.
    pub cost: String,
    /// The same for one that is there all month, USD.
    pub each: Option<String>,
}

/// Labour in a month.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationsCost {
    /// Hours in all.
    pub hours: f64,
    /// What is done, with its hours.
    pub parts: Vec<(String, f64)>,
    /// USD an hour.
    pub hourly_rate: String,
    /// USD a month.
    pub cost: String,
}

/// What getting from today's architecture to this one costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Migration {
    /// USD, once.
    pub cost: String,
    /// Today's architecture: the first that needs no migration (`null` where there is none).
    pub against: Option<String>,
    /// What this one saves a month against it, cloud and labour, USD; may be negative.
    pub saves: Option<String>,
    /// Months until it has paid back (`null` where it never does).
    pub months: Option<f64>,
}

/// A month of the table of twelve.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MonthOfOwnership {
    /// From 1.
    pub month: u32,
    /// The traffic as a multiple of the first month's.
    pub traffic: f64,
    /// Whether this traffic was simulated; otherwise the cost is interpolated.
    pub simulated: bool,
    /// Production and environments, USD.
    pub cloud: String,
    /// Labour, USD.
    pub labour: String,
    /// Cloud and labour, USD.
    pub total: String,
    /// All months so far and the migration, USD.
    pub so_far: String,
}

/// The total in another currency, at a stated rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Converted {
    /// ISO 4217 code.
    pub currency: String,
    /// Units of it for one USD.
    pub rate: String,
    /// Date of the rate.
    pub as_of: String,
    /// Who states it.
    pub source: Option<String>,
    /// The total, to the cent.
    pub total: String,
    /// The tax on it, to the cent (`null` unless one is stated).
    #[serde(default)]
    pub tax: Option<String>,
    /// Both together.
    #[serde(default)]
    pub total_with_tax: Option<String>,
}

/// A tax, shown apart from the total.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaxResult {
    /// Its name.
    pub name: String,
    /// Percent of the total.
    pub percent: String,
    /// USD, to the cent.
    pub amount: String,
    /// Total plus tax, USD.
    pub total_with_tax: String,
}

/// The price book that was used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prices {
    /// Newest date among the prices used.
    pub as_of: String,
    /// `sha256:…` over the price lists of the region.
    pub digest: String,
    /// Keys of the prices used.
    pub used: Vec<UsedPrice>,
}

/// One price that was used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsedPrice {
    /// Key in the price list.
    pub sku: String,
    /// `list`, `page`, `derived` or `memory`: how well it is known.
    pub confidence: String,
    /// Where it comes from.
    pub source: String,
    /// When it was read.
    pub as_of: String,
}

/// What went in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inputs {
    /// The resolved scenario: (path, value as text), in reading order, e.g. ("requests.browse.cpu", "lognormal p50 8 ms, p99 40 ms").
    pub assumptions: Vec<Assumption>,
    /// Digests of the files that were read.
    pub files: Vec<InputFile>,
    /// The scenario with its models in place of their names, after flags and `--set`, every value as it was written: saved as a
    /// YAML or JSON file it is the same scenario again. `null` when it is larger than 256 KB.
    #[serde(default)]
    pub resolved: Option<serde_json::Value>,
}

/// One assumption, as the report prints it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assumption {
    /// `scenario` or the architecture it belongs to.
    pub scope: String,
    /// Path in the file.
    pub path: String,
    /// Its value.
    pub value: String,
    /// Where a default comes from, when the user did not state the value.
    pub source: Option<String>,
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InputFile {
    /// Name as the user wrote it, or `embedded:…`.
    pub name: String,
    /// `sha256:…`.
    pub digest: String,
}

/// The traffic, common to all architectures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficSummary {
    /// Requests a second, mean over the horizon (first replication).
    pub mean_rate: f64,
    /// Requests a second in the busiest bucket of the series.
    pub peak_rate: f64,
    /// Requests in a billed month: base and repeated bursts, each scaled in its own way.
    pub requests_per_month: f64,
}

/// What one architecture did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArchitectureResult {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Cost allocation tags of the model, as `focus.csv` has them.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Requests by how they ended.
    pub requests: Requests,
    /// Requests that met a cold start.
    pub cold_starts: Figure,
    /// Latency of served requests in milliseconds, retries and waiting included.
    pub latency_ms: Latency,
    /// The same by request name.
    pub classes: Vec<ClassResult>,
    /// Its components.
    pub components: Vec<ComponentResult>,
    /// The bill.
    pub monthly_cost: MonthlyCost,
    /// The first replication with instances at 70 % and 130 % of the stated speed (empty without instances, with `--quick`,
    /// `--precision` or `--no-sensitivity`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_speed: Vec<AtSpeed>,
    /// One line a tier.
    pub line_items: Vec<LineItem>,
    /// How well Savings Plans and reservations fit.
    #[serde(default)]
    pub commitments: Vec<CommitmentResult>,
    /// What owning it takes beside the bill (`null` unless environments, operations or growth are stated).
    #[serde(default)]
    pub ownership: Option<Ownership>,
    /// Raw units by component, replication by replication.
    pub usage: Vec<UsageResult>,
    /// What the same traffic used without its bursts, and other traffic: with it a bill can be made again at other prices.
    #[serde(default)]
    pub variants: Vec<VariantUsage>,
    /// Over time, first replication.
    pub series: Series,
    /// Latency distributions, all replications merged.
    pub histograms: Vec<HistogramResult>,
    /// Which objectives hold.
    pub objectives: Vec<ObjectiveResult>,
    /// What the scenario's events did to it, in the scenario's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventResult>,
    /// What was found about it, each with the number that triggers it and the fix.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The sentences of `findings`.
    pub warnings: Vec<String>,
}

impl ArchitectureResult {
    /// Adds findings that are known only later.
    pub fn find(&mut self, more: impl IntoIterator<Item = Finding>) {
        self.findings.extend(more);
        finding::sort(&mut self.findings);
        self.warnings = finding::texts(&self.findings);
    }
}

/// Requests that arrive within the horizon, each in the state it ended in; they add up to `arrived`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// All.
    pub arrived: Figure,
    /// Answered.
    pub served: Figure,
    /// Refused by a limit (429, or what the front makes of it).
    pub throttled: Figure,
    /// No room or no target (503).
    pub rejected: Figure,
    /// 504, or the client gave up.
    pub timed_out: Figure,
    /// An error of the handler.
    pub failed: Figure,
    /// Not ended when the horizon did.
    pub in_flight: Figure,
    /// Further attempts of clients.
    pub retried: Figure,
}

/// Latency of served requests in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Mean.
    pub mean: Figure,
    /// Median.
    pub p50: Figure,
    /// 90th percentile.
    pub p90: Figure,
    /// 95th percentile.
    pub p95: Figure,
    /// 99th percentile.
    pub p99: Figure,
    /// 99.9th percentile.
    pub p999: Figure,
    /// Largest.
    pub max: Figure,
}

/// One request class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassResult {
    /// Name of the request.
    pub name: String,
    /// By how they ended.
    pub requests: Requests,
    /// Requests that met a cold start.
    pub cold_starts: Figure,
    /// Latency of the served ones.
    pub latency_ms: Latency,
}

/// A level over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Level {
    /// Mean over the horizon.
    pub mean: Figure,
    /// Largest.
    pub peak: Figure,
}

/// What one component did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentResult {
    /// Its name.
    pub name: String,
    /// `lambda`, `fleet`, `load_balancer`, `http_api`, `table`, `queue`, `stream`.
    pub kind: String,
    /// Requests it answered.
    pub served: Figure,
    /// Requests it refused by a limit.
    pub throttled: Figure,
    /// Requests it refused for lack of room or targets.
    pub rejected: Figure,
    /// Cold starts in it (`null` where there are none to be had).
    pub cold_starts: Option<Figure>,
    /// Environments, instances or tasks (`null` for components without capacity of their own).
    pub capacity: Option<Level>,
    /// Those at work.
    pub busy: Option<Level>,
    /// Share of the capacity that was at work, 0..=1 (functions: busy environments; fleets: CPU).
    pub utilisation: Option<Figure>,
    /// Paid in a month for capacity that was not at work, USD (`null` where nothing idle is paid or it is not known).
    pub idle_cost: Option<String>,
    /// The same of each replication; empty where there is none.
    #[serde(default)]
    pub idle_cost_each: Vec<String>,
    /// Share of what is paid by key that was not at work, mean over the replications.
    #[serde(default)]
    pub idle_shares: Vec<IdleShare>,
    /// Peak connections to the shared backend (`null` without one).
    pub peak_connections: Option<Figure>,
    /// Mean time a request spent in it, milliseconds, and mean number in it, for Little's law.
    pub mean_time_ms: Figure,
    /// Mean number of requests in it.
    pub mean_in_system: Figure,
    /// What became of messages or events (`null` where there are none).
    #[serde(default)]
    pub queue: Option<QueueResult>,
    /// Requests that waited on its machines for a place at work (`null` where there are no machines).
    #[serde(default)]
    pub backlog: Option<BacklogResult>,
}

/// Requests that wait on the instances or tasks of a fleet for a place at work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BacklogResult {
    /// Mean number of them, on all machines together.
    pub mean: Figure,
    /// Most at once on one machine.
    pub peak: Figure,
    /// How many requests had to wait.
    pub requests: Figure,
    /// Mean wait of those, milliseconds (`null` where none waited).
    pub wait_ms: Figure,
}

/// Messages of a queue, or events of a function that is invoked asynchronously; counted when it happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueResult {
    /// Taken in.
    pub received: Figure,
    /// Handled well.
    pub done: Figure,
    /// Times that one came back to be tried again.
    pub returned: Figure,
    /// Attempts (of batches, or of events) that a limit refused.
    pub throttled: Figure,
    /// Given up and kept in another queue.
    pub dead_lettered: Figure,
    /// Given up and lost.
    pub lost: Figure,
    /// In it at the end of the horizon.
    pub waiting: Figure,
    /// Most that were in it at once.
    #[serde(default)]
    pub peak: Figure,
    /// From being taken in until handled well.
    pub age_ms: Latency,
}

/// The monthly bill.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MonthlyCost {
    /// `USD`.
    pub currency: String,
    /// Sum of the line items.
    pub total: Option<String>,
    /// The total to the cent as AWS prints its own: what all lines of one key at one price come to is rounded to the cent first (halves
    /// up), then these cents are added. Differs from the total by its rounding alone.
    #[serde(default)]
    pub invoiced: Option<String>,
    /// Total minus the half-width of the interval over the replications' own totals (`null` for one replication).
    pub low: Option<String>,
    /// Total plus that half-width.
    pub high: Option<String>,
    /// Total if nothing were free.
    pub without_free_tier: Option<String>,
    /// All usage on demand at list prices: nothing free, nothing agreed, no commitments, no support.
    #[serde(default)]
    pub at_list_prices: Option<String>,
    /// The same of each replication.
    #[serde(default)]
    pub without_free_tier_each: Vec<String>,
    /// The total of each replication.
    pub each: Vec<String>,
    /// What one-off bursts and events (`per: once`) add, apart from the monthly total (`null` when there are none).
    pub once: Option<String>,
    /// Total with all traffic at 75 % and at 125 % (`null` when it was not simulated).
    pub at_traffic: Vec<CostAtTraffic>,
    /// Cost a million served requests.
    pub per_million_requests: Option<String>,
    /// Share of the total, 0..=1, that rests on prices known from memory only.
    pub share_from_memory: f64,
    /// The total in another currency (`null` unless one is stated).
    #[serde(default)]
    pub converted: Option<Converted>,
    /// A tax on the total, which is not in it (`null` unless one is stated).
    #[serde(default)]
    pub tax: Option<TaxResult>,
}

/// The first replication with instances of another speed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AtSpeed {
    /// Multiple of the stated speed: 0.7, 1, 1.3.
    pub speed: f64,
    /// The total then (`null`: a price is missing).
    pub total: Option<String>,
    /// p99 latency in ms (`null`: nothing was served).
    pub p99_ms: Option<f64>,
    /// Share, 0..=1, of the requests that were not served.
    pub failures: f64,
}

/// The bill at another traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostAtTraffic {
    /// Multiple of the scenario's traffic: 0.75, 1.25.
    pub scale: f64,
    /// The total then.
    pub total: String,
}

/// One line of the bill: `amount` = `quantity` x `unit_price` exactly.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineItem {
    /// Component it is for, or `account` where a tier is shared by several.
    pub component: String,
    /// AWS service, e.g. `AWS Lambda`.
    pub service: String,
    /// Key in the price list.
    pub sku: String,
    /// In words, with the tier.
    pub description: String,
    /// In a month, 6 decimals.
    pub quantity: String,
    /// Unit of the quantity.
    pub unit: String,
    /// USD a unit.
    pub unit_price: String,
    /// USD a unit on demand at the list price: without free amount, agreement and commitment.
    #[serde(default)]
    pub list_unit_price: String,
    /// USD a unit, where a commitment covers it at the commitment's rate (which is paid on the commitment's own line); otherwise
    /// the price.
    #[serde(default)]
    pub effective_unit_price: String,
    /// The commitment that covers this usage, or whose cost this is.
    #[serde(default)]
    pub commitment: Option<String>,
    /// USD that are paid once, at the start of a commitment's term, of which `amount` is this month's share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upfront: Option<String>,
    /// USD.
    pub amount: String,
    /// How the quantity came about: raw count, unit conversion, horizon to month, tier bounds.
    pub formula: String,
    /// Where the price comes from.
    pub source: String,
    /// When it was read.
    pub as_of: String,
    /// `list`, `page`, `derived` or `memory`.
    pub confidence: String,
}

/// What a line of the bill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Usage, at its own price.
    Usage,
    /// Usage that a commitment pays for.
    Covered,
    /// What a commitment costs by the hour.
    Recurring,
    /// The month's share of what a commitment costs at once.
    Upfront,
    /// The support plan.
    Support,
}

impl LineItem {
    /// What it is: a commitment's own lines have its name as their key.
    pub fn kind(&self) -> LineKind {
        match &self.commitment {
            None if self.service == "AWS Support" => LineKind::Support,
            None => LineKind::Usage,
            Some(_) if self.upfront.is_some() => LineKind::Upfront,
            Some(name)
                if (name.starts_with("reserved-") && self.sku == *name)
                    || self.sku.strip_prefix("savings_plan.") == Some(name) =>
            {
                LineKind::Recurring
            }
            Some(_) => LineKind::Covered,
        }
    }
}

/// Raw usage of one replication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageResult {
    /// Replication, from 0.
    pub replication: u32,
    /// Component.
    pub component: String,
    /// Key in the price list.
    pub sku: String,
    /// Raw unit: `count`, `mb_ms`, `ms`, `bytes`, `gib_ms`, `micro_lcu_hours`, `hours`.
    pub unit: String,
    /// Over the horizon (decimal string: may exceed 2^53).
    pub total: String,
    /// By hour of the horizon (where there are commitments; otherwise of the first replication only, empty for the others). Without
    /// commitments, a horizon of more than six years is cut into periods of 2, 4, 8 ... hours instead.
    pub hourly: Vec<u64>,
}

/// Raw usage of a run beside the replications of the full traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantUsage {
    /// Multiple of the scenario's traffic.
    pub traffic: f64,
    /// Without the bursts that happen `once`, once a `week` or a `month` (`null`: with all).
    pub without: Option<String>,
    /// Replication, from 0.
    pub replication: u32,
    /// Its counters.
    pub meters: Vec<MeterTotal>,
}

/// A counter over the horizon.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeterTotal {
    /// Component.
    pub component: String,
    /// Key in the price list.
    pub sku: String,
    /// Raw unit, see [`UsageResult::unit`].
    pub unit: String,
    /// Over the horizon.
    pub total: String,
}

/// How much of what is paid by a key was not at work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdleShare {
    /// Key in the price list.
    pub sku: String,
    /// 0..=1; mean over the replications.
    pub share: f64,
    /// Of each replication (`null` where it used none).
    pub each: Vec<Option<f64>>,
}

/// What a bill made again needs beside usage and prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BillingTerms {
    /// USD an hour of the shared database.
    pub backend_hourly: Option<String>,
    /// What the scenario says under `billing:`, in its own words (`null` where nothing).
    pub billing: serde_json::Value,
}

/// That these results were priced again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Repriced {
    /// Region of the simulation.
    pub region: String,
    /// Digest of the price book before.
    pub digest: String,
}

/// What happened over time, in equal buckets (at most 720), first replication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Length of a bucket in seconds.
    pub bucket_seconds: f64,
    /// Requests that arrived, by bucket.
    pub arrived: Vec<u64>,
    /// Requests served, by the bucket in which their fate was known.
    pub served: Vec<u64>,
    /// Throttled.
    pub throttled: Vec<u64>,
    /// Rejected.
    pub rejected: Vec<u64>,
    /// Timed out.
    pub timed_out: Vec<u64>,
    /// Failed.
    pub failed: Vec<u64>,
    /// Cold starts.
    pub cold_starts: Vec<u64>,
    /// Median latency of served requests in ms; `null` where none.
    pub p50_ms: Vec<Option<f64>>,
    /// 95th percentile.
    pub p95_ms: Vec<Option<f64>>,
    /// 99th percentile.
    pub p99_ms: Vec<Option<f64>>,
    /// Capacity (environments or instances), mean in the bucket, by component that has any.
    pub capacity: Vec<NamedSeries>,
    /// Those at work, mean in the bucket.
    pub busy: Vec<NamedSeries>,
    /// Cost accrued since the start of the horizon at the end of each bucket, USD a month's bill spread by hourly usage.
    pub cumulative_cost: Vec<f64>,
}

/// A series of one component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedSeries {
    /// Component.
    pub name: String,
    /// One value a bucket.
    pub values: Vec<f64>,
}

/// A latency distribution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistogramResult {
    /// Request name, or `all`.
    pub name: String,
    /// (upper bound of the bin in ms, requests in it), ascending; empty bins are left out.
    pub bins: Vec<(f64, u64)>,
}

/// One objective.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveResult {
    /// `p99`, `failures`.
    pub name: String,
    /// As written, e.g. `p99 <= 500 ms in 99.9 % of 5 m windows`.
    pub text: String,
    /// The limit: ms for latency, share for failures.
    pub limit: f64,
    /// What was measured over the whole horizon, in the unit of the limit (`null` where infinite: too many were not served).
    pub value: Option<f64>,
    /// Whether it holds.
    pub met: bool,
    /// Whether it holds in each replication alone.
    #[serde(default)]
    pub met_each: Vec<bool>,
    /// By replication, how far on the right side of its limit it is; negative: missed. For latency as a share of the limit, else the difference
    /// of the shares. `null` where infinitely far on the wrong side.
    #[serde(default)]
    pub margin_each: Vec<Option<f64>>,
    /// Share of windows that held (`null` without windows).
    pub windows_met: Option<f64>,
    /// Start of the worst window, seconds since t = 0 (`null` without misses). An objective over the whole horizon is looked at in the
    /// buckets of the series.
    pub worst_window: Option<f64>,
    /// Minutes of windows (without windows: of the series' buckets) in which it did not hold, mean over the replications.
    pub minutes_missed: Option<Figure>,
}

/// Who wins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Cheapest architecture (`null` when too close to call).
    pub cheapest: Option<String>,
    /// Cheapest of those that meet all objectives (`null` when none does or it is too close to call).
    pub cheapest_meeting_objectives: Option<String>,
    /// One sentence with its reason.
    pub sentence: String,
    /// Each other architecture against the cheapest.
    pub differences: Vec<Difference>,
}

/// The verdict on other terms than the bill's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PurchaseResult {
    /// `on demand`, `with a one-year Savings Plan`, `with 70 % of the instance hours on Spot`.
    pub name: String,
    /// What each architecture costs then.
    pub costs: Vec<PurchaseCost>,
    /// Who wins then.
    pub verdict: Verdict,
}

/// What an architecture costs on other terms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PurchaseCost {
    /// The architecture.
    pub architecture: String,
    /// USD a month (`null` where a price is not known).
    pub total: Option<String>,
    /// Total minus the half-width of its interval.
    pub low: Option<String>,
    /// Total plus that half-width.
    pub high: Option<String>,
    /// How well the Savings Plan fits (`null` without one).
    pub commitment: Option<CommitmentResult>,
}

/// The paired difference of two architectures' monthly cost, `b` - `a`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The cheaper one.
    pub a: String,
    /// The other.
    pub b: String,
    /// Mean difference in USD a month.
    pub difference: String,
    /// Lower end of its 95 % interval over paired replications (`null` for one).
    pub low: Option<String>,
    /// Upper end.
    pub high: Option<String>,
    /// Relative to `a`, e.g. 0.25 = 25 % dearer.
    pub relative: Option<f64>,
    /// False where the interval includes zero, the difference is below 10 %, or there is one replication.
    pub significant: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_figure_is_null_and_comes_back() {
        let figure = Figure { value: f64::NAN, low: None, high: None, each: vec![f64::NAN, 2.5] };
        let text = serde_json::to_string(&figure).expect("plain data");
        assert_eq!(text, r#"{"value":null,"low":null,"high":null,"each":[null,2.5]}"#);
        let back: Figure = serde_json::from_str(&text).expect("our own text");
        assert!(back.value.is_nan() && back.each[0].is_nan() && (back.each[1] - 2.5).abs() < 1e-12);
    }
}
