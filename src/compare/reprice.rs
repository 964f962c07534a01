//! Saved results priced again, without simulating: another price book or another region.
//!
//! Results hold the counters of every run that a bill needs, so the way from them to the lines is the very one that [`super::results`]
//! takes: with the same book the lines have the same bytes. What follows from the bill is made again, too: totals, what idled, the
//! verdict. Behaviour, figures and charts of behaviour stay as they were simulated.

use super::cost::{self, ArchitectureBill};
use super::{events, findings, purchase, series, verdict};
use crate::bill::book::Price;
use crate::bill::{BillError, BillInput, PriceBook, Variant, backend_price, bill};
use crate::finding::{self, Code, Finding};
use crate::money::Usd;
use crate::results::{ArchitectureResult, BillingTerms, FreeLeft, MeterTotal, Repriced, Results, SCHEMA};
use crate::run::OTHER_TRAFFIC;
use crate::spec::billing::{Billing, Discount};
use crate::spec::billing_saved;
use crate::spec::scenario::{FreeTier, Frequency, Scenario};
use crate::stats::intervals::mean_at;
use crate::units::{NANOS_PER_SEC, SimDuration};
use crate::usage::{Meter, RawUnit, Usage};

/// Environments, labour and the twelve months need the scenario, which results do not hold.
const NOT_OWNED: &str =
    "what owning it takes (environments, labour, twelve months) is left out, since it was not priced again";

/// Why saved results cannot be priced again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepriceError {
    /// Another format.
    #[error("the results are of schema `{0}`; this version reads `{SCHEMA}`")]
    Schema(String),
    /// An earlier version did not save what a bill needs.
    #[error("the results were written by costsim {0}, which did not save what a bill needs: simulate again")]
    TooOld(String),
    /// Something in the file cannot be.
    #[error("the results are damaged: {0}")]
    Damaged(String),
    /// There is no bill.
    #[error(transparent)]
    Bill(#[from] BillError),
}

/// What a bill needs of a scenario beside usage and prices.
pub fn terms(scenario: &Scenario) -> BillingTerms {
    BillingTerms {
        backend_hourly: scenario.backend.as_ref().map(|backend| backend.hourly.to_string()),
        billing: billing_saved::to_json(&scenario.billing),
    }
}

/// The name of a frequency in results.
pub fn frequency_name(per: Frequency) -> &'static str {
    match per {
        Frequency::Month => "month",
        Frequency::Week => "week",
        Frequency::Once => "once",
    }
}

/// The results with all of their bills made again at the prices of `book`. `discounts` come on top of what the scenario states, or in the
/// place of what it states on the same.
///
/// # Errors
/// See [`RepriceError`]. A missing price alone is no error but an unknown cost with a warning, as in a comparison.
pub fn reprice(results: &Results, book: &PriceBook, discounts: &[Discount]) -> Result<Results, RepriceError> {
    if results.schema != SCHEMA {
        return Err(RepriceError::Schema(results.schema.clone()));
    }
    // An earlier version kept findings as sentences alone, and which of them follow from the bill is not to be told from these.
    let untold = |findings: &[Finding], warnings: &[String]| findings.len() != warnings.len();
    if untold(&results.findings, &results.warnings)
        || results.architectures.iter().any(|a| untold(&a.findings, &a.warnings))
    {
        return Err(RepriceError::TooOld(results.tool_version.clone()));
    }
    let terms = Terms::of(results, book, discounts)?;
    let mut found = results.clone();
    let mut bills = Vec::with_capacity(found.architectures.len());
    for a in &mut found.architectures {
        let priced = match terms.of_architecture(a) {
            Err(RepriceError::Bill(missing @ BillError::MissingPrice { .. })) => ArchitectureBill::not_known(&missing),
            other => other?,
        };
        terms.rewrite(a, &priced, results)?;
        bills.push(priced);
    }
    found.prices = cost::prices(&bills, book);
    found.findings.retain(|finding| finding.code != Code::FreeTierDecides);
    found.findings.extend(findings::free_tier_decides(&found.architectures));
    finding::sort(&mut found.findings);
    found.warnings = finding::texts(&found.findings);
    found.verdict = verdict::verdict(&found.architectures, results.alpha());
    found.purchases = purchase::results(&found.architectures, &bills, &terms.billing, results.alpha());
    if book.region() != results.region {
        found.region = book.region().to_owned();
        for assumption in &mut found.inputs.assumptions {
            if assumption.scope == "scenario" && assumption.path == "region" {
                assumption.value = found.region.clone();
            }
        }
    }
    if let (Some(saved), false) = (&mut found.billing_terms, discounts.is_empty()) {
        saved.billing = billing_saved::to_json(&terms.billing);
    }
    if book.digest() != results.prices.digest || !discounts.is_empty() {
        // Their usage is not kept, so that what other speeds cost at these prices is not known.
        let speeds = found.architectures.iter_mut().flat_map(|a| &mut a.at_speed);
        speeds.for_each(|at| at.total = None);
        let before = Repriced { region: results.region.clone(), digest: results.prices.digest.clone() };
        found.repriced_from = Some(results.repriced_from.clone().unwrap_or(before));
    }
    Ok(found)
}

/// What all bills of the results have in common.
struct Terms<'a> {
    book: &'a PriceBook,
    horizon: SimDuration,
    month: SimDuration,
    replications: u32,
    /// How often intervals may err.
    alpha: f64,
    free_tier: FreeTier,
    billing: Billing,
    stated: Vec<Price>,
}

impl<'a> Terms<'a> {
    fn of(results: &Results, book: &'a PriceBook, discounts: &[Discount]) -> Result<Self, RepriceError> {
        let time = |name: &str, seconds: f64| {
            // A year of nanoseconds is far below 2^63, where `as` would saturate.
            let nanos = (seconds * NANOS_PER_SEC as f64).round();
            let fits = nanos.is_finite() && (1.0..9e18).contains(&nanos);
            fits.then_some(SimDuration(nanos as u64))
                .ok_or_else(|| RepriceError::Damaged(format!("`{name}` is no time")))
        };
        let Some(given) = &results.billing_terms else {
            return Err(RepriceError::TooOld(results.tool_version.clone()));
        };
        let left = |left: &FreeLeft| {
            let number =
                left.left.parse().map_err(|_| RepriceError::Damaged(format!("`{}` is no quantity", left.left)));
            Ok::<_, RepriceError>((left.pool.clone(), number?))
        };
        let free_tier = match results.terms.free_tier.as_str() {
            "none" => FreeTier::None,
            "full" => FreeTier::Full,
            "remaining" => FreeTier::AfterOthers,
            "stated" => FreeTier::Remaining(results.terms.remaining.iter().map(left).collect::<Result<_, _>>()?),
            other => return Err(RepriceError::Damaged(format!("`{other}` is no free tier"))),
        };
        let mut billing = billing_saved::from_json(&given.billing)
            .map_err(|found| RepriceError::Damaged(crate::diag::render_all(&found, false)))?;
        for discount in discounts {
            billing.discounts.retain(|stated| stated.on != discount.on);
            billing.discounts.push(discount.clone());
        }
        let stated = match &given.backend_hourly {
            Some(hourly) => {
                let wrong = || RepriceError::Damaged(format!("`{hourly}` is no price of a backend"));
                let usd: Usd = hourly.parse().map_err(|_| wrong())?;
                vec![backend_price(usd).map_err(|_| wrong())?]
            }
            None => Vec::new(),
        };
        Ok(Self {
            book,
            horizon: time("simulated_seconds", results.simulated_seconds)?,
            month: time("billed_hours", results.billed_hours * 3_600.0)?,
            replications: results.replications,
            alpha: results.alpha(),
            free_tier,
            billing,
            stated,
        })
    }

    fn bill(&self, full: &[&Usage], without: &[Variant<'_>]) -> Result<crate::bill::Bill, BillError> {
        self.bill_on(&self.billing, &[], full, without)
    }

    fn bill_on(
        &self,
        billing: &Billing,
        further: &[Price],
        full: &[&Usage],
        without: &[Variant<'_>],
    ) -> Result<crate::bill::Bill, BillError> {
        let stated: Vec<Price> = further.iter().chain(&self.stated).cloned().collect();
        bill(&BillInput {
            full,
            without,
            horizon: self.horizon,
            month: self.month,
            book: self.book,
            stated: &stated,
            billing,
            free_tier: &self.free_tier,
            half_width: &|each| mean_at(each, self.alpha).half_width,
        })
    }

    fn of_architecture(&self, a: &ArchitectureResult) -> Result<ArchitectureBill, RepriceError> {
        let full =
            (0..self.replications).map(|replication| self.full(a, replication)).collect::<Result<Vec<_>, _>>()?;
        let variants = a.variants.iter().map(Counted::of).collect::<Result<Vec<_>, _>>()?;
        let is = |variant: &Counted, traffic: f64| (variant.traffic - traffic).abs() < 1e-9;
        let groups = |traffic: f64| {
            let mut found: Vec<Variant<'_>> = Vec::new();
            for variant in variants.iter().filter(|variant| is(variant, traffic)) {
                let Some(per) = variant.without else { continue };
                match found.iter_mut().find(|group| group.per == per) {
                    Some(group) => group.usage.push(&variant.usage),
                    None => found.push(Variant { per, usage: vec![&variant.usage] }),
                }
            }
            found
        };
        let whole = self.bill(&full.iter().collect::<Vec<_>>(), &groups(1.0))?;
        let mut at_traffic = Vec::new();
        // Further traffic was simulated for what owning takes.
        let shown = |variant: &&Counted| variant.without.is_none() && OTHER_TRAFFIC.contains(&variant.traffic);
        for variant in variants.iter().filter(shown) {
            at_traffic.push((variant.traffic, self.bill(&[&variant.usage], &groups(variant.traffic))?.total));
        }
        let without = groups(1.0);
        let on_terms = |billing: &Billing, further: &[Price], mix: &dyn Fn(&Usage) -> Usage| {
            let full: Vec<Usage> = full.iter().map(mix).collect();
            let mixed: Vec<Vec<Usage>> =
                without.iter().map(|group| group.usage.iter().map(|usage| mix(usage)).collect()).collect();
            let without: Vec<Variant<'_>> = without
                .iter()
                .zip(&mixed)
                .map(|(g, usage)| Variant { per: g.per, usage: usage.iter().collect() })
                .collect();
            self.bill_on(billing, further, &full.iter().collect::<Vec<_>>(), &without)
        };
        let other_terms = purchase::bills(&self.billing, self.book, &on_terms)?;
        let happened = a.events.iter().map(|event| frequency_of(&event.per)).collect::<Result<Vec<_>, _>>()?;
        let plain =
            |billing: &Billing, full: &[&Usage], without: &[Variant<'_>]| self.bill_on(billing, &[], full, without);
        let full: Vec<&Usage> = full.iter().collect();
        let events = events::costs(&happened, &self.billing, &full, &without, &plain)?;
        Ok(ArchitectureBill { bill: Some(whole), at_traffic, other_terms, events, ..ArchitectureBill::default() })
    }

    /// The counters of a replication.
    fn full(&self, a: &ArchitectureResult, replication: u32) -> Result<Usage, RepriceError> {
        let of = a.usage.iter().filter(|usage| usage.replication == replication);
        let meters = of.map(|u| meter(&u.component, &u.sku, &u.unit, &u.total, u.hourly.clone()));
        Ok(Usage { meters: meters.collect::<Result<_, _>>()? })
    }

    /// Writes into a result whatever follows from its bill.
    fn rewrite(
        &self,
        a: &mut ArchitectureResult,
        priced: &ArchitectureBill,
        results: &Results,
    ) -> Result<(), RepriceError> {
        let (served, arrived) = (sum(&a.requests.served.each), sum(&a.requests.arrived.each));
        let served = results.traffic.requests_per_month * served / arrived.max(1.0);
        a.monthly_cost = priced.monthly_cost(served, &self.billing);
        let lines = priced.lines();
        if lines != a.line_items && a.ownership.take().is_some() {
            a.findings.push(Finding::new(Code::OwnershipLeftOut, NOT_OWNED).fix("run `costsim compare`"));
        }
        a.line_items = lines;
        a.commitments = priced.bill.as_ref().map(crate::bill::Bill::commitment_results).unwrap_or_default();
        let used =
            (0..self.replications).map(|replication| self.full(a, replication)).collect::<Result<Vec<_>, _>>()?;
        let used: Vec<&Usage> = used.iter().collect();
        for component in &mut a.components {
            component.idle_cost = priced.idle_cost(&component.name, &component.idle_shares);
            component.idle_cost_each = priced.idle_cost_each(&component.name, &component.idle_shares, &used);
        }
        a.series.cumulative_cost = match &priced.bill {
            Some(bill) => {
                let bucket = SimDuration((a.series.bucket_seconds * NANOS_PER_SEC as f64).round() as u64);
                series::cumulative(&bill.hourly_cost(&self.full(a, 0)?), bucket, a.series.arrived.len(), self.horizon)
            }
            None => Vec::new(),
        };
        for event in &mut a.events {
            let cost = priced.events.iter().find(|cost| frequency_name(cost.per) == event.per);
            if let Some(change) = &mut event.change {
                events::price(change, cost);
            }
        }
        a.findings.retain(|finding| !matches!(finding.code, Code::Event | Code::PriceMissing));
        a.findings.extend(priced.findings.iter().cloned());
        a.findings.extend(events::findings(&a.events, &a.components));
        finding::sort(&mut a.findings);
        a.warnings = finding::texts(&a.findings);
        Ok(())
    }
}

/// The frequency of this name.
fn frequency_of(name: &str) -> Result<Frequency, RepriceError> {
    match name {
        "month" => Ok(Frequency::Month),
        "week" => Ok(Frequency::Week),
        "once" => Ok(Frequency::Once),
        other => Err(RepriceError::Damaged(format!("`{other}` is no frequency"))),
    }
}

/// Counts are whole numbers, so their sum is exact.
fn sum(each: &[f64]) -> f64 {
    each.iter().sum()
}

/// A saved variant.
struct Counted {
    traffic: f64,
    without: Option<Frequency>,
    usage: Usage,
}

impl Counted {
    fn of(saved: &crate::results::VariantUsage) -> Result<Self, RepriceError> {
        let without = saved.without.as_deref().map(frequency_of).transpose()?;
        let one = |m: &MeterTotal| meter(&m.component, &m.sku, &m.unit, &m.total, Vec::new());
        let meters = saved.meters.iter().map(one).collect::<Result<_, _>>()?;
        Ok(Self { traffic: saved.traffic, without, usage: Usage { meters } })
    }
}

fn meter(component: &str, sku: &str, unit: &str, total: &str, hourly: Vec<u64>) -> Result<Meter, RepriceError> {
    let damaged = |what: &str| RepriceError::Damaged(format!("`{sku}` of `{component}`: {what}"));
    Ok(Meter {
        component: component.to_owned(),
        sku: sku.to_owned(),
        unit: RawUnit::of_key(unit).ok_or_else(|| damaged(&format!("`{unit}` is no raw unit")))?,
        total: total.parse().map_err(|_| damaged(&format!("`{total}` is no count")))?,
        hourly,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::{answer, book, burst, scenario};
    use crate::run::{Progress, RunOptions, run};

    fn compared(scenario: &Scenario) -> Results {
        let options = RunOptions { threads: 1, other_traffic: true, ..RunOptions::default() };
        let runs = run(scenario, &options, &Progress::new(), |job, _| Ok(answer(job))).unwrap();
        super::super::results(scenario, &runs, &book()).unwrap()
    }

    #[test]
    fn the_same_book_gives_the_same_results_after_the_file() {
        for bursts in [vec![], vec![burst(Frequency::Month)], vec![burst(Frequency::Week), burst(Frequency::Once)]] {
            let mut given = scenario();
            given.traffic.bursts = bursts;
            let first = compared(&given);
            let text = serde_json::to_string(&first).unwrap();
            let saved: Results = serde_json::from_str(&text).unwrap();
            let again = reprice(&saved, &book(), &[]).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
        }
    }

    #[test]
    fn doubling_a_price_doubles_its_lines() {
        let mut given = scenario();
        given.traffic.bursts = vec![burst(Frequency::Month)];
        let first = compared(&given);
        let double = crate::compare::fixtures::book_at("1");
        let again = reprice(&first, &double, &[]).unwrap();
        // 2,027.0833335 at 50 cents (see the tests of `compare`).
        assert_eq!(again.architectures[0].monthly_cost.total.as_deref(), Some("4054.166667"));
        assert_eq!(again.repriced_from.as_ref().map(|from| &*from.digest), Some(&*first.prices.digest));
        assert_eq!(again.prices.digest, double.digest());
        let cost = |results: &Results| results.architectures[0].series.cumulative_cost.clone();
        for (before, after) in cost(&first).iter().zip(cost(&again)) {
            assert!((2.0 * before - after).abs() < 1e-9);
        }
    }

    #[test]
    fn a_discount_takes_its_share() {
        let first = compared(&scenario());
        let quarter = [crate::spec::billing_saved::discount("AWS Lambda=25%").unwrap()];
        let again = reprice(&first, &book(), &quarter).unwrap();
        let total =
            |results: &Results| results.architectures[0].monthly_cost.total.clone().unwrap().parse::<f64>().unwrap();
        assert!((total(&again) - 0.75 * total(&first)).abs() < 1e-9);
        // Again without: the discount is kept with the results.
        assert_eq!(total(&reprice(&again, &book(), &[]).unwrap()), total(&again));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let first = compared(&scenario());
        let refused = |change: &dyn Fn(&mut Results)| {
            let mut saved = first.clone();
            change(&mut saved);
            reprice(&saved, &book(), &[]).unwrap_err().to_string()
        };
        assert!(refused(&|r| r.schema = "costsim.results/9".into()).contains("costsim.results/9"));
        assert!(refused(&|r| r.billing_terms = None).contains("simulate again"));
        assert!(refused(&|r| r.architectures[0].usage[0].total = "many".into()).contains("`many` is no count"));
        assert!(refused(&|r| r.simulated_seconds = f64::NAN).contains("`simulated_seconds` is no time"));
        assert!(refused(&|r| r.billed_hours = -1.0).contains("`billed_hours` is no time"));
    }
}
