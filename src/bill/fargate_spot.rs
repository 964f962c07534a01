//! Prices of Fargate Spot: a stated discount off the on-demand price of the same size. No dated Fargate Spot price was found ("up to 70 %" on the Fargate
//! pricing page, 2026), so whoever uses it states the discount; it is part of the key, since models may differ: `fargate.spot_650.vcpu.x86.hour` is
//! 65.0 % off `fargate.vcpu.x86.hour`.

use super::book::{Confidence, Price, PriceBook, Provenance, Tier};
use crate::usage::Usage;

/// How the keys begin; thousandths of the discount, a dot and the rest of the on-demand key follow.
pub const PREFIX: &str = "fargate.spot_";
const ON_DEMAND: &str = "fargate.";
const WHOLE: u128 = 1_000;

/// The prices of all such keys in these counters whose on-demand price is known.
pub fn prices<'a>(book: &PriceBook, used: impl IntoIterator<Item = &'a Usage>) -> Vec<Price> {
    let mut found: Vec<Price> = Vec::new();
    for meter in used.into_iter().flat_map(|usage| &usage.meters) {
        if meter.sku.starts_with(PREFIX) && found.iter().all(|price| price.key != meter.sku) {
            found.extend(price(book, &meter.sku));
        }
    }
    found
}

fn price(book: &PriceBook, key: &str) -> Option<Price> {
    let (permille, rest) = key.strip_prefix(PREFIX)?.split_once('.')?;
    let permille: u32 = permille.parse().ok().filter(|permille| u128::from(*permille) < WHOLE)?;
    let on_demand = book.price(&format!("{ON_DEMAND}{rest}")).ok()?;
    let percent = format!("{} %", f64::from(permille) / 10.0);
    let stated = |tier: &Tier| {
        let list = tier.list.unwrap_or(tier.price);
        let source = format!("stated under `spot.discount`: {percent} off ${list}");
        Some(Tier {
            price: list.checked_ratio(WHOLE - u128::from(permille), WHOLE)?,
            list: Some(list),
            provenance: Provenance { source, as_of: String::new(), confidence: Confidence::Stated },
            ..tier.clone()
        })
    };
    Some(Price {
        key: key.to_owned(),
        description: format!("{}, Fargate Spot", on_demand.description),
        tiers: on_demand.tiers.iter().map(stated).collect::<Option<_>>()?,
        ..on_demand.clone()
    })
}
