//! What was agreed with AWS instead of the list price: private rates, percentages by service or key, an enterprise agreement.
//!
//! An agreed price is a price of its own: the list price x (100 % - discount) x (100 % - agreement), rounded once to twelve
//! decimals (half to even), so that a line still is a printed quantity times a printed price. Private rates are final. The agreement
//! is not off support plans, which AWS leaves out of it (docs/bills.md); a percentage stated for them alone is. Of several percentages that fit a key the one with the longest name applies: a key before the beginning of keys before a service.

use super::BillError;
use super::book::{Confidence, Price, PriceBook, Provenance, Tier};
use crate::money::UsdPer;
use crate::spec::billing::{Billing, Discount, Percentage, RateTier};

/// The book at the prices that the account pays.
///
/// # Errors
/// [`BillError::MissingPrice`] for a private rate of an unknown key; [`BillError::UnknownDiscount`] for a percentage that fits no
/// price.
pub(super) fn book(list: &PriceBook, billing: &Billing) -> Result<PriceBook, BillError> {
    for (key, _) in &billing.rates {
        list.price(key)?;
    }
    for discount in &billing.discounts {
        check(discount, list)?;
    }
    if billing.rates.is_empty() && billing.discounts.is_empty() && billing.enterprise.is_none() {
        return Ok(list.clone());
    }
    Ok(list.with(|price| match billing.rates.iter().find(|(key, _)| *key == price.key) {
        Some((_, tiers)) => Some(at_rates(price, tiers)),
        None => {
            let enterprise = billing.enterprise.filter(|_| !price.key.starts_with("support."));
            discounted(price, best(&billing.discounts, price), enterprise)
        }
    }))
}

/// Makes sure that a percentage fits some price.
pub(super) fn check(discount: &Discount, book: &PriceBook) -> Result<(), BillError> {
    if book.prices().any(|price| fits(discount, price)) {
        return Ok(());
    }
    let mut services: Vec<&str> = book.prices().map(|price| price.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let known = crate::diag::nearest(&discount.on, services.iter().copied().chain(book.prices().map(|p| &*p.key)));
    Err(BillError::UnknownDiscount {
        on: discount.on.clone(),
        region: book.region().to_owned(),
        nearest: known.map(str::to_owned),
    })
}

fn fits(discount: &Discount, price: &Price) -> bool {
    let on = discount.on.as_str();
    price.key == on || price.service == on || (on.ends_with('.') && price.key.starts_with(on))
}

/// The percentage that applies to a price: that of its key, else of the longest beginning, else of its service.
pub(super) fn best(discounts: &[Discount], price: &Price) -> Option<Percentage> {
    let rank = |discount: &Discount| match discount.on.as_str() {
        on if on == price.key => usize::MAX,
        on if on == price.service => 0,
        on => on.len(),
    };
    let fitting = discounts.iter().filter(|discount| fits(discount, price));
    fitting.max_by_key(|discount| rank(discount)).map(|discount| discount.percent)
}

/// The price at private rates. Its list prices are those of the tiers in which the private ones start.
fn at_rates(price: &Price, rates: &[RateTier]) -> Price {
    let tiers = rates.iter().map(|rate| {
        let listed = price.tiers.iter().rev().find(|tier| tier.from <= rate.from).map(|tier| tier.price);
        let source = match listed {
            Some(list) => format!("private rate stated under `billing.rates`; list price ${list}"),
            None => "private rate stated under `billing.rates`".to_owned(),
        };
        let provenance = Provenance { source, as_of: String::new(), confidence: Confidence::Stated };
        Tier { from: rate.from, to: rate.to, price: rate.price, list: listed, provenance }
    });
    Price { tiers: tiers.collect(), ..price.clone() }
}

fn discounted(price: &Price, percent: Option<Percentage>, enterprise: Option<Percentage>) -> Option<Price> {
    let shares: Vec<Percentage> =
        [percent, enterprise].into_iter().flatten().filter(|share| share.parts() > 0).collect();
    if shares.is_empty() {
        return None;
    }
    let words: Vec<String> = shares.iter().map(Percentage::to_string).collect();
    let tiers = price.tiers.iter().map(|tier| Tier {
        price: less(tier.price, &shares),
        list: Some(tier.price),
        provenance: Provenance {
            source: format!("{}; list price ${} less {}", tier.provenance.source, tier.price, words.join(", then ")),
            ..tier.provenance.clone()
        },
        ..tier.clone()
    });
    Some(Price { tiers: tiers.collect(), ..price.clone() })
}

/// A price less one or two percentages, rounded once.
pub(super) fn less(price: UsdPer, shares: &[Percentage]) -> UsdPer {
    let product = |f: fn(Percentage) -> u128| shares.iter().fold(1, |product, share| product * f(*share));
    // Two percentages make at most 1e16: far within 128 bits; and the result is not above the price.
    price.checked_ratio(product(Percentage::rest), product(|_| Percentage::WHOLE)).unwrap_or(price)
}
