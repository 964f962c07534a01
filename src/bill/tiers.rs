//! From the usage of a month to the lines of a bill: free amounts, tiers, amounts.
//!
//! Free amounts and tiers belong to the account, not to a component. For each key the usage of all components is added
//! up and rounded once; that total is cut into a free part and tiers; each part is then split over the components in
//! proportion to their usage, by largest remainders, so that both the parts and the components add up to the last
//! digit. Where several keys share one free amount (functions on both processor architectures), the key with the
//! dearest first tier is served first, among equals the first in the alphabet.

use super::book::{FreeAmount, Price, Provenance};
use super::monthly::Demand;
use super::unit::PriceUnit;
use super::{BillError, Prices};
use crate::money::wide::Wide;
use crate::money::{Quantity, Usd, UsdPer, grouped};
use crate::spec::scenario::FreeTier;
use crate::units::SimDuration;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// One line of a bill: `amount` = `quantity` x `unit_price` exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Component it is for.
    pub component: String,
    /// AWS service.
    pub service: String,
    /// Key of the price.
    pub sku: String,
    /// In words, with the tier.
    pub description: String,
    /// In the month.
    pub quantity: Quantity,
    /// Unit of the quantity.
    pub unit: PriceUnit,
    /// Price of one unit.
    pub unit_price: UsdPer,
    /// Quantity x price.
    pub amount: Usd,
    /// The arithmetic in words: count, scaling to the month, tier bounds, share.
    pub formula: String,
    /// Where the price comes from.
    pub provenance: Provenance,
    /// Whether this is the free part.
    pub free: bool,
}

/// The usage of one key, all components together.
struct Pooled<'a> {
    price: &'a Price,
    /// Positions of its demands.
    demands: Vec<usize>,
    /// What each of them used; adds up to `total`.
    parts: Vec<u128>,
    /// Millionths of a unit.
    total: u128,
    /// Of which free.
    free: u128,
}

/// A stretch of a key's usage at one price.
struct Stretch<'a> {
    /// Usage in the month at which it starts and ends; `None` for the free part and for an open end.
    bounds: Option<(Quantity, Option<Quantity>)>,
    millionths: u128,
    price: UsdPer,
    provenance: &'a Provenance,
}

/// Prices the usage of a month. The lines follow the order of the demands, each from its free part to its last tier;
/// parts without usage get no line.
///
/// # Errors
/// A missing price, an amount beyond the range, a free amount left for a pool that does not exist.
pub(super) fn lines(
    demands: &[Demand],
    prices: &Prices<'_>,
    free_tier: &FreeTier,
    month: SimDuration,
) -> Result<Vec<Line>, BillError> {
    let mut pooled = pool(demands, prices)?;
    spend_free_amounts(&mut pooled, prices, free_tier, month)?;
    let mut by_demand: Vec<Vec<Line>> = demands.iter().map(|_| Vec::new()).collect();
    for key in &pooled {
        check_end(key, prices)?;
        split(key, demands, &pooled, &mut by_demand)?;
    }
    Ok(by_demand.into_iter().flatten().collect())
}

/// Adds up each key's usage and rounds it once.
fn pool<'a>(demands: &[Demand], prices: &Prices<'a>) -> Result<Vec<Pooled<'a>>, BillError> {
    let mut position: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pooled: Vec<Pooled<'_>> = Vec::new();
    for (index, demand) in demands.iter().enumerate() {
        let at = match position.get(demand.sku.as_str()) {
            Some(at) => *at,
            None => {
                let price = prices.find(&demand.sku)?;
                pooled.push(Pooled { price, demands: Vec::new(), parts: Vec::new(), total: 0, free: 0 });
                position.insert(&demand.sku, pooled.len() - 1);
                pooled.len() - 1
            }
        };
        pooled[at].demands.push(index);
    }
    for key in &mut pooled {
        let sku = &key.price.key;
        let too_large = || BillError::TooLarge { sku: sku.clone() };
        let denominator = demands[key.demands[0]].denominator;
        if key.demands.iter().any(|&d| demands[d].denominator != denominator) {
            return Err(BillError::MixedUnits { sku: sku.clone() });
        }
        let numerators = || key.demands.iter().map(|&d| demands[d].numerator);
        let sum = numerators().try_fold(Wide::ZERO, |sum, n| sum.checked_add(n)).ok_or_else(too_large)?;
        key.total = Quantity::from_ratio(sum, denominator).ok_or_else(too_large)?.millionths();
        let exact = numerators().map(|n| n.checked_mul(Wide::new(1_000_000))?.div_rem(denominator));
        let exact: Option<Vec<_>> = exact.collect();
        key.parts = exact.and_then(|exact| round_to(key.total, exact)).ok_or_else(too_large)?;
    }
    Ok(pooled)
}

/// `total` in proportion to the weights, which add up to `sum`.
fn apportion(total: u128, weights: &[u128], sum: u128) -> Option<Vec<u128>> {
    if sum == 0 {
        return Some(vec![0; weights.len()]);
    }
    let exact = weights.iter().map(|weight| Wide::new(*weight).checked_mul(Wide::new(total))?.div_rem(Wide::new(sum)));
    round_to(total, exact.collect::<Option<Vec<_>>>()?)
}

/// Rounds fractions of a common denominator (whole part, remainder) so that they add up to `total`, by largest
/// remainders; the first of equals gets more. `None` when they cannot.
fn round_to(total: u128, exact: Vec<(Wide, Wide)>) -> Option<Vec<u128>> {
    let mut parts = exact.iter().map(|(whole, _)| whole.narrow()).collect::<Option<Vec<_>>>()?;
    let given = parts.iter().try_fold(0u128, |sum, part| sum.checked_add(*part))?;
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&index| Reverse(exact[index].1));
    // At most one is left over for each remainder that is not zero.
    let left = usize::try_from(total.checked_sub(given)?).ok()?;
    for index in order.into_iter().take(left) {
        parts[index] += 1;
    }
    Some(parts)
}

/// Decides how much of each key is free.
fn spend_free_amounts(
    pooled: &mut [Pooled<'_>],
    prices: &Prices<'_>,
    free_tier: &FreeTier,
    month: SimDuration,
) -> Result<(), BillError> {
    if let FreeTier::Remaining(stated) = free_tier {
        for (pool, _) in stated {
            prices.check_pool(pool)?;
        }
    }
    let mut order: Vec<usize> = (0..pooled.len()).collect();
    order.sort_by(|&a, &b| {
        let first = |p: &Pooled<'_>| p.price.tiers.first().map(|tier| tier.price);
        first(&pooled[b]).cmp(&first(&pooled[a])).then_with(|| pooled[a].price.key.cmp(&pooled[b].price.key))
    });
    let mut left: BTreeMap<&str, u128> = BTreeMap::new();
    for index in order {
        let key = &mut pooled[index];
        let Some(free) = &key.price.free else { continue };
        let whole =
            free_in_month(free.amount, month).ok_or_else(|| BillError::TooLarge { sku: key.price.key.clone() })?;
        let left = left.entry(&free.pool).or_insert_with(|| match free_tier {
            FreeTier::None => 0,
            FreeTier::Full => whole.millionths(),
            FreeTier::Remaining(stated) => stated
                .iter()
                .find(|(pool, _)| *pool == free.pool)
                .and_then(|(_, units)| Quantity::from_f64(*units))
                .map_or(0, |units| units.millionths().min(whole.millionths())),
        });
        key.free = key.total.min(*left);
        *left -= key.free;
    }
    Ok(())
}

/// A free amount in this month.
fn free_in_month(amount: FreeAmount, month: SimDuration) -> Option<Quantity> {
    match amount {
        FreeAmount::PerMonth(amount) => Some(amount),
        FreeAmount::PerHour(amount) => {
            let product = Wide::new(amount.millionths()).checked_mul(Wide::new(month.0.into()))?;
            Quantity::from_millionths(product.div_half_even(Wide::new(SimDuration::from_hours(1).0.into()))?)
        }
    }
}

/// Cuts a key's usage into its free part and tiers.
fn stretches<'a>(key: &Pooled<'a>) -> Vec<Stretch<'a>> {
    let mut stretches = Vec::new();
    let Some(first) = key.price.tiers.first() else { return stretches };
    if key.free > 0 {
        let provenance = &first.provenance;
        stretches.push(Stretch { bounds: None, millionths: key.free, price: UsdPer::ZERO, provenance });
    }
    let counts = key.price.free.as_ref().is_some_and(|free| free.counts_in_tiers);
    // Where the paid part lies on the scale of the tiers.
    let start = if counts { key.free } else { 0 };
    let end = start + (key.total - key.free);
    for tier in &key.price.tiers {
        let from = tier.from.millionths().max(start);
        let to = tier.to.map_or(end, |to| to.millionths().min(end));
        if to > from {
            stretches.push(Stretch {
                bounds: Some((tier.from, tier.to)),
                millionths: to - from,
                price: tier.price,
                provenance: &tier.provenance,
            });
        }
    }
    stretches
}

/// An error where the usage lies beyond the last tier of the price.
fn check_end(key: &Pooled<'_>, prices: &Prices<'_>) -> Result<(), BillError> {
    let counts = key.price.free.as_ref().is_some_and(|free| free.counts_in_tiers);
    let end = if counts { key.total } else { key.total - key.free };
    match key.price.tiers.last().and_then(|tier| tier.to) {
        Some(to) if to.millionths() < end => Err(BillError::BeyondTiers {
            service: key.price.service.clone(),
            region: prices.book.region().to_owned(),
            key: key.price.key.clone(),
            to: show(to),
            unit: key.price.unit.name().to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Splits each stretch of a key over its components and writes their lines.
fn split(
    key: &Pooled<'_>,
    demands: &[Demand],
    pooled: &[Pooled<'_>],
    by_demand: &mut [Vec<Line>],
) -> Result<(), BillError> {
    let too_large = || BillError::TooLarge { sku: key.price.key.clone() };
    let price = key.price;
    let unit = price.unit.name();
    let stretches = stretches(key);
    let mut remaining = key.parts.clone();
    let mut left = key.total;
    for stretch in &stretches {
        // In proportion to what is left, each stretch leaves nobody more than they used, and the last one takes all.
        let parts = apportion(stretch.millionths, &remaining, left).ok_or_else(too_large)?;
        left -= stretch.millionths;
        for (position, part) in parts.into_iter().enumerate() {
            remaining[position] -= part;
            if part == 0 {
                continue;
            }
            let demand = &demands[key.demands[position]];
            let quantity = Quantity::from_millionths(part).ok_or_else(too_large)?;
            let amount = stretch.price.checked_mul(quantity).ok_or_else(too_large)?;
            let used = Quantity::from_millionths(key.parts[position]).ok_or_else(too_large)?;
            let mut formula = format!("{} = {} {unit} a month", demand.how, show(used));
            if key.demands.len() > 1 {
                let total = Quantity::from_millionths(key.total).ok_or_else(too_large)?;
                formula += &format!(
                    "; {} components use {} {unit} together and share free amount and tiers in proportion",
                    key.demands.len(),
                    show(total)
                );
            }
            if key.free > 0 {
                formula += &free_in_words(key, pooled).ok_or_else(too_large)?;
            }
            let label = label(stretch, unit);
            if stretches.len() > 1 || price.tiers.len() > 1 {
                let all = Quantity::from_millionths(stretch.millionths).ok_or_else(too_large)?;
                formula += &format!("; {label}: {} {unit}", show(all));
                if key.demands.len() > 1 {
                    formula += &format!(", of which {}", show(quantity));
                }
            }
            formula += &format!("; {} x ${} = ${amount}", show(quantity), stretch.price);
            let description = match stretch.bounds {
                Some(_) if price.tiers.len() == 1 => price.description.clone(),
                _ => format!("{}, {label}", price.description),
            };
            by_demand[key.demands[position]].push(Line {
                component: demand.component.clone(),
                service: price.service.clone(),
                sku: price.key.clone(),
                description,
                quantity,
                unit: price.unit.clone(),
                unit_price: stretch.price,
                amount,
                formula,
                provenance: stretch.provenance.clone(),
                free: stretch.bounds.is_none(),
            });
        }
    }
    Ok(())
}

/// `; free tier: 400,000 GB-s, shared with lambda.duration.x86, which takes 300,000`.
fn free_in_words(key: &Pooled<'_>, pooled: &[Pooled<'_>]) -> Option<String> {
    let unit = key.price.unit.name();
    let mut text = format!("; {} {unit} of it are free", show(Quantity::from_millionths(key.free)?));
    let pool = |p: &Pooled<'_>| p.price.free.as_ref().map(|free| free.pool.clone());
    for other in pooled {
        if other.price.key != key.price.key && pool(other).is_some() && pool(other) == pool(key) {
            let free = show(Quantity::from_millionths(other.free)?);
            text += &format!(" (shared with {}, which takes {free})", other.price.key);
        }
    }
    Some(text)
}

/// `free tier`, `first 300,000,000 request`, `300,000,000 to 1,000,000,000 request`, `over 1,000,000,000 request`.
fn label(stretch: &Stretch<'_>, unit: &str) -> String {
    match stretch.bounds {
        None => "free tier".to_owned(),
        Some((Quantity::ZERO, None)) => "paid".to_owned(),
        Some((Quantity::ZERO, Some(to))) => format!("first {} {unit}", show(to)),
        Some((from, Some(to))) => format!("{} to {} {unit}", show(from), show(to)),
        Some((from, None)) => format!("over {} {unit}", show(from)),
    }
}

fn show(quantity: Quantity) -> String {
    grouped(&quantity.to_string())
}
