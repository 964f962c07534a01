//! The support plan: a percentage of the month's charges by tiers, at least a minimum; a line of its own for each tier.

use super::tiers::Line;
use super::unit::PriceUnit;
use super::{BillError, Prices};
use crate::money::{Quantity, Usd, UsdPer, grouped};
use crate::spec::billing::Percentage;
use crate::usage::ACCOUNT;

/// The lines of a plan for these charges (commitments included, tax not). An enterprise agreement is in the charges and not off the plan.
///
/// # Errors
/// [`BillError::MissingPrice`] when the book does not have the plan.
pub(super) fn lines(
    plan: &str,
    charges: Usd,
    agreement: Option<Percentage>,
    prices: &Prices<'_>,
) -> Result<Vec<Line>, BillError> {
    let key = format!("support.{plan}");
    let price = prices.find(&key)?;
    let too_large = || BillError::TooLarge { sku: key.clone() };
    // Six decimals of a dollar, rounded half to even.
    let charges: Quantity = charges.rounded(Quantity::DECIMALS).to_string().parse().map_err(|_| too_large())?;
    let minimum = prices.book.ratio(&format!("support.minimum.{plan}"));
    let line = |description: String, quantity: Quantity, unit_price: UsdPer, list_price, provenance, how: String| {
        let amount = unit_price.checked_mul(quantity).ok_or_else(too_large)?;
        let agreed =
            agreement.map_or_else(String::new, |share| format!("; the agreement's {share} is not off support"));
        let formula = format!("{how}{agreed}; {} x ${unit_price} = ${amount}", grouped(&quantity.to_string()));
        Ok(Line {
            component: ACCOUNT.to_owned(),
            service: price.service.clone(),
            sku: key.clone(),
            description,
            quantity,
            unit: price.unit.clone(),
            unit_price,
            list_price,
            amount,
            formula,
            provenance,
            free: false,
            commitment: None,
            under: None,
            upfront: None,
        })
    };
    let of = format!("charges of ${} in the month", grouped(&charges.to_string()));
    let mut lines = Vec::new();
    for tier in &price.tiers {
        let end = tier.to.map_or(charges, |to| to.min(charges));
        let part = end.saturating_sub(tier.from);
        if part > Quantity::ZERO {
            let to = tier.to.map_or_else(String::new, |to| format!(" to ${}", grouped(&to.to_string())));
            let how = format!("{of}; from ${}{to}", grouped(&tier.from.to_string()));
            let list = tier.list.unwrap_or(tier.price);
            lines.push(line(price.description.clone(), part, tier.price, list, tier.provenance.clone(), how)?);
        }
    }
    let by_tiers = Usd::checked_sum(lines.iter().map(|line: &Line| line.amount)).ok_or_else(too_large)?;
    if let Some(minimum) = minimum {
        let least =
            UsdPer::from_usd(minimum.value.to_string().parse().map_err(|_| too_large())?).map_err(|_| too_large())?;
        let one = Quantity::from_units(1).ok_or_else(too_large)?;
        if least.checked_mul(one).is_some_and(|least| least > by_tiers) {
            let text = format!("{}, minimum", price.description);
            let product = |line: &Line| format!("{} x ${}", grouped(&line.quantity.to_string()), line.unit_price);
            let products: Vec<String> = lines.iter().map(product).collect();
            let products = if products.is_empty() { "0".to_owned() } else { products.join(" + ") };
            let how = format!("{of}; {products} = ${by_tiers} is less than the minimum of ${least}");
            let month = PriceUnit::new("month");
            lines = vec![Line { unit: month, ..line(text, one, least, least, minimum.provenance.clone(), how)? }];
        }
    }
    Ok(lines)
}
