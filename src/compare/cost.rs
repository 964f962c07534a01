//! The bill of an architecture: the month of its mean usage, each replication's own total, the totals at other traffic, and
//! what was paid for idling. The arithmetic of money is `bill`'s.

use super::{events, ownership, purchase};
use crate::arch::output::{ComponentOutput, RunOutput};
use crate::bill::book::Price;
use crate::bill::{Bill, BillError, BillInput, PriceBook, Variant, backend_price, bill};
use crate::finding::{Code, Finding};
use crate::money::Usd;
use crate::results::{CostAtTraffic, IdleShare, LineItem, MonthlyCost, Ownership, Prices, UsedPrice};
use crate::run::{ArchitectureRuns, Counted, OTHER_TRAFFIC};
use crate::spec::billing::Billing;
use crate::spec::ownership::Operations;
use crate::spec::scenario::{Frequency, Scenario};
use crate::stats::intervals::{ALPHA, mean, mean_at};
use crate::units::SimDuration;
use crate::usage::Usage;

/// What an architecture costs a month.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArchitectureBill {
    /// What owning the architecture takes.
    pub ownership: Option<Ownership>,
    /// The bill; `None` when a price is not known. Unknown is never zero.
    pub bill: Option<Bill>,
    /// The bills on other terms, where the scenario asks for them.
    pub other_terms: Vec<purchase::Terms>,
    /// What the scenario's events cost, by their frequency.
    pub events: Vec<events::Cost>,
    /// Multiple of the traffic, and the total then.
    pub at_traffic: Vec<(f64, Usd)>,
    /// Where something is deployed: what the bursts, events and deployments of each frequency add to the month's total; those that happen
    /// once, apart from it.
    pub added: Vec<(Frequency, Usd)>,
    /// What could not be priced.
    pub findings: Vec<Finding>,
}

impl ArchitectureBill {
    /// No bill, since a price is missing.
    pub fn not_known(missing: &BillError) -> Self {
        let finding = Finding::new(Code::PriceMissing, format!("the cost is not known: {missing}"));
        Self { findings: vec![finding.fix("add it, see `costsim prices import`")], ..Self::default() }
    }
}

/// Makes sure before a long run that the scenario can be priced: its free tier exists, its backend has a price.
///
/// # Errors
/// See [`BillError`].
pub fn check(scenario: &Scenario, book: &PriceBook) -> Result<(), BillError> {
    priced(scenario, book, &[&Usage::default()], &[], ALPHA).map(drop)
}

/// The bills of all architectures, in the scenario's order. `alpha` is how often their intervals may err.
///
/// # Errors
/// See [`BillError`]; a missing price alone is no error but an unknown total with a warning.
pub fn bills(
    scenario: &Scenario,
    runs: &[ArchitectureRuns],
    book: &PriceBook,
    alpha: f64,
) -> Result<Vec<ArchitectureBill>, BillError> {
    let operations = scenario.architectures.iter().map(|architecture| architecture.operations.as_ref());
    runs.iter()
        .zip(operations)
        .map(|(runs, operations)| match of_architecture(scenario, operations, runs, book, alpha) {
            Err(missing @ BillError::MissingPrice { .. }) => Ok(ArchitectureBill::not_known(&missing)),
            other => other,
        })
        .collect()
}

/// The bill for these counters.
fn priced(
    scenario: &Scenario,
    book: &PriceBook,
    full: &[&Usage],
    without: &[Variant],
    alpha: f64,
) -> Result<Bill, BillError> {
    priced_on(scenario, book, &scenario.billing, &[], full, without, alpha)
}

/// The bill for these counters on these terms, with these further prices.
fn priced_on(
    scenario: &Scenario,
    book: &PriceBook,
    billing: &Billing,
    further: &[Price],
    full: &[&Usage],
    without: &[Variant],
    alpha: f64,
) -> Result<Bill, BillError> {
    let mut stated = further.to_vec();
    if let Some(backend) = &scenario.backend {
        stated.push(backend_price(backend.hourly).map_err(|_| BillError::TotalTooLarge)?);
    }
    bill(&BillInput {
        full,
        without,
        horizon: scenario.horizon,
        month: scenario.month,
        book,
        stated: &stated,
        billing,
        free_tier: &scenario.account.free_tier,
        half_width: &|each| mean_at(each, alpha).half_width,
    })
}

fn of_architecture(
    scenario: &Scenario,
    operations: Option<&Operations>,
    runs: &ArchitectureRuns,
    book: &PriceBook,
    alpha: f64,
) -> Result<ArchitectureBill, BillError> {
    let price = |full: &[&Usage], without: &[Variant]| priced(scenario, book, full, without, alpha);
    let full: Vec<&Usage> = runs.full.iter().map(|run| &run.usage).collect();
    let mut without = Vec::new();
    for (per, counted) in &runs.without {
        without.push(Variant { per: *per, usage: counted.iter().map(|one| &one.usage).collect() });
    }
    let whole = price(&full, &without)?;
    let mut at_traffic = Vec::new();
    for at in &runs.at_traffic {
        let frequencies = runs.without.iter().map(|(per, _)| *per);
        let without: Vec<Variant> =
            frequencies.zip(&at.without).map(|(per, one)| Variant { per, usage: vec![&one.usage] }).collect();
        if OTHER_TRAFFIC.contains(&at.scale) {
            at_traffic.push((at.scale, price(&[&at.full.usage], &without)?.total));
        }
    }
    // By the hour, as commitments are paid, the differences are not known.
    let added = if scenario.deployments.is_empty() || scenario.billing.needs_hours() {
        Vec::new()
    } else {
        added(runs, &whole, &price)?
    };
    let mut found = ArchitectureBill { bill: Some(whole), at_traffic, added, ..ArchitectureBill::default() };
    let on_terms = |billing: &Billing, further: &[Price], mix: &dyn Fn(&Usage) -> Usage| {
        let full: Vec<Usage> = full.iter().map(|usage| mix(usage)).collect();
        let full: Vec<&Usage> = full.iter().collect();
        let mixed: Vec<Vec<Usage>> =
            without.iter().map(|variant| variant.usage.iter().map(|usage| mix(usage)).collect()).collect();
        let without: Vec<Variant> = without
            .iter()
            .zip(&mixed)
            .map(|(v, usage)| Variant { per: v.per, usage: usage.iter().collect() })
            .collect();
        priced_on(scenario, book, billing, further, &full, &without, alpha)
    };
    found.other_terms = purchase::bills(&scenario.billing, book, &on_terms)?;
    let frequencies: Vec<Frequency> = scenario.events.iter().map(|event| event.per).collect();
    let plain = |billing: &Billing, full: &[&Usage], without: &[Variant<'_>]| {
        priced_on(scenario, book, billing, &[], full, without, alpha)
    };
    found.events = events::costs(&frequencies, &scenario.billing, &full, &without, &plain)?;
    let total = |full: &Usage, without: &[Variant]| Ok(price(&[full], without)?.total);
    found.ownership = ownership::ownership(scenario, operations, runs, &found, &total)?;
    Ok(found)
}

/// Makes a bill of these replications with these variants.
type BillOf<'a> = dyn Fn(&[&Usage], &[Variant<'_>]) -> Result<Bill, BillError> + 'a;

/// What the happenings of each frequency add to the bill `whole`.
fn added(runs: &ArchitectureRuns, whole: &Bill, price: &BillOf<'_>) -> Result<Vec<(Frequency, Usd)>, BillError> {
    let mut found = Vec::new();
    for (per, counted) in &runs.without {
        if *per == Frequency::Once {
            found.extend(whole.once.map(|once| (*per, once)));
            continue;
        }
        // Without these there are still the others, at their own pace.
        let base: Vec<&Usage> = counted.iter().map(|one| &one.usage).collect();
        let neither = |others: &[Counted]| -> Vec<Usage> {
            let each = counted.iter().zip(&runs.full).zip(others);
            each.map(|((these, full), others)| these.less(&Counted::of(full), others).usage).collect()
        };
        let others: Vec<(Frequency, Vec<Usage>)> = runs
            .without
            .iter()
            .filter(|(other, _)| other != per)
            .map(|(other, counted)| (*other, neither(counted)))
            .collect();
        let variants: Vec<Variant> =
            others.iter().map(|(per, usage)| Variant { per: *per, usage: usage.iter().collect() }).collect();
        let less = price(&base, &variants)?.total;
        found.extend(whole.total.checked_sub(less).map(|amount| (*per, amount)));
    }
    Ok(found)
}

impl ArchitectureBill {
    /// The lines as results print them.
    pub fn lines(&self) -> Vec<LineItem> {
        self.bill.as_ref().map(Bill::line_items).unwrap_or_default()
    }

    /// The totals as results print them. `served` is the number of requests that were served in the billed month.
    pub fn monthly_cost(&self, served: f64, billing: &Billing) -> MonthlyCost {
        let currency = "USD".to_owned();
        let Some(bill) = &self.bill else {
            return MonthlyCost { currency, ..MonthlyCost::default() };
        };
        let text = |amount: Usd| amount.to_string();
        let at = |&(scale, total)| CostAtTraffic { scale, total: text(total) };
        MonthlyCost {
            at_traffic: self.at_traffic.iter().map(at).collect(),
            per_million_requests: Usd::from_estimate(bill.total.to_f64() / served * 1e6).map(text),
            ..bill.monthly_cost(billing)
        }
    }

    /// What is paid in a month for a component's capacity that was not at work; `None` where nothing idle is paid or the
    /// cost is not known.
    pub fn idle_cost(&self, component: &str, shares: &[IdleShare]) -> Option<String> {
        let shares: Vec<_> = shares.iter().map(|idle| (idle.sku.clone(), idle.share)).collect();
        Some(self.bill.as_ref()?.idle_cost(component, &shares)?.rounded(6).to_string())
    }

    /// [`Self::idle_cost`] of each replication: its own idle share of what it used. Linear around the mean bill, which is exact
    /// where no tier ends between the replications. Empty where one is not known.
    pub fn idle_cost_each(&self, component: &str, shares: &[IdleShare], runs: &[&Usage]) -> Vec<String> {
        if self.idle_cost(component, shares).is_none() {
            return Vec::new();
        }
        let used = |run: &Usage, sku: &str| {
            let of = run.meters.iter().filter(|meter| meter.component == component && meter.sku == sku);
            of.map(|meter| meter.total as f64).sum::<f64>()
        };
        let of_run = |(replication, run): (usize, &&Usage)| {
            let bill = self.bill.as_ref()?;
            let of_sku = |idle: &IdleShare| {
                let share = (*idle.each.get(replication)?)?;
                let mean = runs.iter().map(|run| used(run, &idle.sku)).sum::<f64>() / runs.len() as f64;
                let paid = bill.idle_cost(component, &[(idle.sku.clone(), share)])?.to_f64();
                Some(if mean > 0.0 { paid * used(run, &idle.sku) / mean } else { paid })
            };
            let idle = shares.iter().filter_map(of_sku).sum();
            Some(Usd::from_estimate(idle)?.rounded(6).to_string())
        };
        runs.iter().enumerate().map(of_run).collect::<Option<Vec<_>>>().unwrap_or_default()
    }
}

/// The idle share of each key: of each replication, and their mean. `index` is the component's position in the model.
pub fn idle_shares(index: usize, runs: &[RunOutput]) -> Vec<IdleShare> {
    let outputs = || runs.iter().filter_map(|run| run.components.get(index));
    let mut shares: Vec<IdleShare> = Vec::new();
    for (sku, _) in outputs().flat_map(|output| &output.idle_shares) {
        if shares.iter().all(|known| known.sku != *sku) {
            let share =
                |output: &ComponentOutput| output.idle_shares.iter().find(|(of, _)| of == sku).map(|(_, share)| *share);
            let each: Vec<Option<f64>> = outputs().map(share).collect();
            let known: Vec<f64> = each.iter().copied().flatten().collect();
            shares.push(IdleShare { sku: sku.clone(), share: mean(&known).value, each });
        }
    }
    shares
}

/// The prices behind all bills.
pub fn prices(bills: &[ArchitectureBill], book: &PriceBook) -> Prices {
    let mut used: Vec<UsedPrice> =
        bills.iter().filter_map(|bill| bill.bill.as_ref()).flat_map(|bill| bill.used.clone()).collect();
    used.sort_by(|a, b| (&a.sku, &a.source, &a.as_of).cmp(&(&b.sku, &b.source, &b.as_of)));
    used.dedup();
    let as_of = used.iter().map(|price| price.as_of.clone()).max().unwrap_or_default();
    Prices { as_of, digest: book.digest().to_owned(), used }
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
