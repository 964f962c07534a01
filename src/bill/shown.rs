//! A bill as results show it: totals, another currency, tax apart, how well commitments fit. Amounts in another currency and of tax are
//! rounded to the cent (halves up); nothing of them is part of a line or of the total.

use super::{Bill, CommitmentUse};
use crate::money::{Usd, UsdPer};
use crate::results::{BillResults, CommitmentResult, Converted, FreeLeft, MonthlyCost, Prices, TaxResult, Terms};
use crate::spec::billing::{Billing, Currency, Percentage, Tax};
use crate::spec::scenario::FreeTier;
use crate::units::SimDuration;

impl Bill {
    /// The totals, without those that only a comparison knows.
    pub fn monthly_cost(&self, billing: &Billing) -> MonthlyCost {
        let text = |amount: Usd| amount.to_string();
        MonthlyCost {
            currency: "USD".to_owned(),
            total: Some(text(self.total)),
            invoiced: self.invoiced().map(text),
            low: self.low.map(text),
            high: self.high.map(text),
            without_free_tier: Some(text(self.without_free_tier)),
            without_free_tier_each: self.without_free_tier_each.iter().copied().map(text).collect(),
            at_list_prices: self.at_list_prices.map(text),
            each: self.each.iter().copied().map(text).collect(),
            once: self.once.map(text),
            at_traffic: Vec::new(),
            per_million_requests: None,
            share_from_memory: self.share_from_memory,
            converted: billing
                .currency
                .as_ref()
                .and_then(|currency| converted(self.total, currency, billing.tax.as_ref())),
            tax: billing.tax.as_ref().and_then(|tax| taxed(self.total, tax)),
        }
    }

    /// How well the commitments fit.
    pub fn commitment_results(&self) -> Vec<CommitmentResult> {
        self.commitments.iter().map(CommitmentUse::result).collect()
    }

    /// The bill of stated usage, as `costsim bill --format json` prints it.
    pub fn results(
        &self,
        name: &str,
        region: &str,
        month: SimDuration,
        terms: Terms,
        billing: &Billing,
        digest: &str,
    ) -> BillResults {
        BillResults {
            schema: crate::results::BILL_SCHEMA.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            name: name.to_owned(),
            region: region.to_owned(),
            billed_hours: month.as_hours_f64(),
            terms,
            prices: Prices {
                as_of: self.used.iter().map(|price| price.as_of.clone()).max().unwrap_or_default(),
                digest: digest.to_owned(),
                used: self.used.clone(),
            },
            monthly_cost: self.monthly_cost(billing),
            line_items: self.line_items(),
            commitments: self.commitment_results(),
        }
    }
}

impl CommitmentUse {
    fn result(&self) -> CommitmentResult {
        CommitmentResult {
            name: self.name.clone(),
            description: self.description.clone(),
            cost: self.cost.to_string(),
            covered: self.covered.to_string(),
            coverage: self.coverage,
            utilisation: self.utilisation,
            saves: self.saves.to_string(),
            best: self.best.to_string(),
            unit: self.unit.to_owned(),
            best_saves: self.best_saves.to_string(),
        }
    }
}

/// The terms under which a bill was made.
pub fn terms(free_tier: &FreeTier, billing: &Billing) -> Terms {
    let (name, remaining) = match free_tier {
        FreeTier::None => ("none", &[][..]),
        FreeTier::Full => ("full", &[][..]),
        FreeTier::AfterOthers => ("remaining", &[][..]),
        FreeTier::Remaining(left) => ("stated", left.as_slice()),
    };
    let left = |(pool, left): &(String, f64)| FreeLeft { pool: pool.clone(), left: left.to_string() };
    Terms {
        free_tier: name.to_owned(),
        remaining: remaining.iter().map(left).collect(),
        month: billing.calendar.map(|first| format!("{:04}-{:02}", first.year(), first.month())),
    }
}

/// An amount in another currency, to the cent; the tax is reckoned in that currency, since an invoice in it states it so.
fn converted(total: Usd, currency: &Currency, tax: Option<&Tax>) -> Option<Converted> {
    let amount = total.checked_ratio(currency.rate.picos(), 10u128.pow(UsdPer::DECIMALS))?.to_cents();
    let tax = match tax {
        Some(tax) => Some(amount.checked_ratio(tax.rate.parts(), Percentage::WHOLE)?.to_cents()),
        None => None,
    };
    let with_tax = match tax {
        Some(tax) => Some(amount.checked_add(tax)?.to_string()),
        None => None,
    };
    Some(Converted {
        tax: tax.map(|tax| tax.to_string()),
        total_with_tax: with_tax,
        currency: currency.code.clone(),
        rate: currency.rate.to_string(),
        as_of: currency.as_of.to_string(),
        source: currency.source.clone(),
        total: amount.to_string(),
    })
}

/// The tax on an amount, to the cent.
fn taxed(total: Usd, tax: &Tax) -> Option<TaxResult> {
    let amount = total.checked_ratio(tax.rate.parts(), Percentage::WHOLE)?.to_cents();
    Some(TaxResult {
        name: tax.name.clone(),
        percent: tax.rate.0.to_string(),
        amount: amount.to_string(),
        total_with_tax: total.checked_add(amount)?.to_string(),
    })
}
