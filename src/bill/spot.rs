//! Spot prices of instances, for the verdict on other terms: a stated percentage off the list price, or what the price list knows as typical.

use super::book::{Confidence, Price, PriceBook, Provenance, Tier};
use crate::spec::billing::{Percentage, Spot};

/// How keys of Linux instances on demand begin.
pub const ON_DEMAND: &str = "ec2.od.linux.";
/// How the keys of the same instances on Spot begin.
pub const SPOT: &str = "ec2.spot.linux.";
/// How typical Spot prices begin in price lists.
const TYPICAL: &str = "ec2.spot_typical.linux.";

/// The Spot price of every instance that has one.
pub fn prices(book: &PriceBook, spot: &Spot) -> Vec<Price> {
    let of = |price: &Price| {
        let instance = price.key.strip_prefix(ON_DEMAND)?;
        let tiers = match spot.discount {
            Some(discount) => price.tiers.iter().map(|tier| stated(tier, discount)).collect(),
            None => book.price(&format!("{TYPICAL}{instance}")).ok()?.tiers.clone(),
        };
        Some(Price {
            key: format!("{SPOT}{instance}"),
            description: format!("{}, Spot", price.description),
            tiers,
            ..price.clone()
        })
    };
    book.prices().filter_map(of).collect()
}

fn stated(tier: &Tier, discount: Percentage) -> Tier {
    let list = tier.list.unwrap_or(tier.price);
    Tier {
        price: list.checked_ratio(discount.rest(), Percentage::WHOLE).unwrap_or(list),
        list: Some(list),
        provenance: Provenance {
            source: format!("stated under `billing.purchase.spot`: {discount} off ${list}"),
            as_of: String::new(),
            confidence: Confidence::Stated,
        },
        ..tier.clone()
    }
}
