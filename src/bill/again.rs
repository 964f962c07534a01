//! A bill again, from the lines that a result prints: their quantities at the prices of another book.

use super::book::{Confidence, Price, PriceBook, Provenance, Tier};
use super::commitments::Hours;
use super::monthly::Demand;
use super::unit::PriceUnit;
use super::{BACKEND_KEY, Bill, BillError, Prices, Terms};
use crate::money::wide::Wide;
use crate::money::{Quantity, UsdPer};
use crate::results::{LineItem, LineKind};
use crate::spec::billing::Billing;
use crate::spec::scenario::FreeTier;
use crate::units::SimDuration;
use std::collections::BTreeMap;

/// The bill for the usage behind some lines on these terms. Lines of commitments and of support are left out: they follow from
/// the terms. What a scenario stated (its backend) keeps its price.
///
/// # Errors
/// See [`BillError`]; a quantity that is no number is too large.
pub fn bill(
    lines: &[LineItem],
    book: &PriceBook,
    free_tier: &FreeTier,
    billing: &Billing,
    month: SimDuration,
) -> Result<Bill, BillError> {
    let list = book;
    let book = super::agreed::book(list, billing)?;
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut used: BTreeMap<(&str, &str), Quantity> = BTreeMap::new();
    let mut stated: Vec<Price> = Vec::new();
    for line in lines.iter().filter(|line| is_usage(line)) {
        let too_large = || BillError::TooLarge { sku: line.sku.clone() };
        let quantity: Quantity = line.quantity.parse().map_err(|_| too_large())?;
        let key = (line.component.as_str(), line.sku.as_str());
        let sum = used.entry(key).or_insert_with(|| {
            order.push(key);
            Quantity::ZERO
        });
        *sum = sum.checked_add(quantity).ok_or_else(too_large)?;
        if line.sku == BACKEND_KEY && stated.is_empty() {
            stated.push(as_printed(line).ok_or_else(too_large)?);
        }
    }
    let demands: Vec<Demand> = order
        .iter()
        .map(|key| Demand {
            component: key.0.to_owned(),
            sku: key.1.to_owned(),
            numerator: Wide::new(used[key].millionths()),
            denominator: Wide::new(1_000_000),
            how: "as printed".to_owned(),
        })
        .collect();
    let prices = Prices { book: &book, stated: &stated };
    let hours = Hours::default();
    let price = |free_tier| Terms { free_tier, billing, month, hours: &hours }.price(&demands, &prices);
    let without = price(&FreeTier::None)?.total;
    let list = Prices { book: list, stated: &stated };
    Ok(price(free_tier)?.bill(without, super::at_list_prices(&demands, &list, billing, month)))
}

/// Whether a line is usage, rather than the cost of a commitment or of support.
pub fn is_usage(line: &LineItem) -> bool {
    matches!(line.kind(), LineKind::Usage | LineKind::Covered)
}

/// The price of a line, as it is printed.
fn as_printed(line: &LineItem) -> Option<Price> {
    let price: UsdPer = line.unit_price.parse().ok()?;
    let provenance =
        Provenance { source: line.source.clone(), as_of: line.as_of.clone(), confidence: Confidence::Stated };
    Some(Price {
        key: line.sku.clone(),
        service: line.service.clone(),
        description: line.description.clone(),
        unit: PriceUnit::new(line.unit.clone()),
        free: None,
        free_provenance: None,
        tiers: vec![Tier { from: Quantity::ZERO, to: None, price, list: None, provenance }],
    })
}
