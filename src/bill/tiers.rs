//! From the usage of a month to the lines of a bill: free amounts, tiers, amounts.
//!
//! Free amounts and tiers belong to the account, not to a component. For each key the usage of all components is added
//! up and rounded once; that total is cut into a free part and tiers; each part is then split over the components in
//! proportion to their usage, by largest remainders, so that both the parts and the components add up to the last
//! digit. Where several keys share one free amount (functions on both processor architectures), the key with the
//! dearest first tier is served first, among equals the first in the alphabet.
//!
//! Other accounts of the same payer share tiers and free amounts like further components, whose lines are left out; or they are
//! served first, and the account has what they leave (`account.free_tier: remaining`). Commitments cover what is not free before
//! tiers are counted ([`super::commitments`]).

use super::book::{FreeAmount, Price, Provenance};
use super::commitments::{self, Cover, Covered, Hours};
use super::monthly::Demand;
use super::unit::PriceUnit;
use super::{BillError, CommitmentUse, Prices};
use crate::money::wide::Wide;
use crate::money::{Quantity, Usd, UsdPer, grouped};
use crate::spec::billing::Billing;
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
    /// List price of one unit on demand: what it costs without free amount, agreement and commitment.
    pub list_price: UsdPer,
    /// Quantity x price.
    pub amount: Usd,
    /// The arithmetic in words: count, scaling to the month, tier bounds, share.
    pub formula: String,
    /// Where the price comes from.
    pub provenance: Provenance,
    /// Whether this is the free part.
    pub free: bool,
    /// The commitment that covers it, or that it is the cost of.
    pub commitment: Option<String>,
    /// Covered usage: price of one unit under the commitment, which is paid on the commitment's own lines.
    pub under: Option<UsdPer>,
    /// A commitment's upfront part: all that is paid at the start of the term, of which `amount` is this month's share.
    pub upfront: Option<Usd>,
}

/// Whose usage it is and on what terms it is paid.
pub(super) struct Account<'a> {
    pub(super) prices: &'a Prices<'a>,
    pub(super) free_tier: &'a FreeTier,
    pub(super) billing: &'a Billing,
    pub(super) month: SimDuration,
    pub(super) hours: &'a Hours,
}

/// The usage of one key, all components together.
struct Pooled<'a> {
    price: &'a Price,
    /// Positions of its demands.
    demands: Vec<usize>,
    /// What each of them used; adds up to `own`.
    parts: Vec<u128>,
    /// Millionths of a unit.
    own: u128,
    /// What other accounts used.
    others: u128,
    /// Of all that together, or of `own` where the others are served first: what is free.
    free: u128,
    /// Where the others are served first: the paid part of their usage.
    before: u128,
}

impl Pooled<'_> {
    /// Usage that shares the free amount and the tiers in proportion.
    const fn total(&self, others_first: bool) -> u128 {
        if others_first { self.own } else { self.own.saturating_add(self.others) }
    }
}

/// A stretch of a key's usage at one price.
struct Stretch<'a> {
    part: Part<'a>,
    millionths: u128,
    price: UsdPer,
    list: UsdPer,
    provenance: &'a Provenance,
}

/// Which part of a key's usage a stretch is.
#[derive(Clone, Copy)]
enum Part<'a> {
    Free,
    Covered(&'a Cover),
    /// Usage in the month at which the tier starts and ends.
    Tier(Quantity, Option<Quantity>),
}

/// Prices the usage of a month. The lines follow the order of the demands, each from its free part to its last tier;
/// parts without usage get no line.
///
/// # Errors
/// A missing price, an amount beyond the range, a free amount left for a pool that does not exist.
pub(super) fn lines(demands: &[Demand], account: &Account<'_>) -> Result<(Vec<Line>, Vec<CommitmentUse>), BillError> {
    let mut pooled = pool(demands, account)?;
    let others_first = *account.free_tier == FreeTier::AfterOthers;
    spend_free_amounts(&mut pooled, account)?;
    // The free part of each key, over its components and, last, the other accounts.
    let mut free = Vec::with_capacity(pooled.len());
    let mut paid: BTreeMap<&str, u128> = BTreeMap::new();
    for key in &pooled {
        let too_large = || BillError::TooLarge { sku: key.price.key.clone() };
        let total = key.total(others_first);
        let parts = apportion(key.free, &weights(key, &key.parts, others_first), total).ok_or_else(too_large)?;
        let own_free: u128 = parts[..key.parts.len()].iter().sum();
        paid.insert(&key.price.key, key.own - own_free);
        free.push(parts);
    }
    let covered = commitments::cover(&paid, account.prices, account.billing, account.hours, account.month)?;
    let mut by_demand: Vec<Vec<Line>> = demands.iter().map(|_| Vec::new()).collect();
    for (key, free) in pooled.iter().zip(free) {
        let stretches = stretches(key, &covered, account)?;
        split(key, demands, &pooled, stretches, free, others_first, &mut by_demand)?;
    }
    let lines = by_demand.into_iter().flatten().chain(covered.lines).collect();
    Ok((lines, covered.uses))
}

/// What components have used of a key, and last what other accounts have, where they share in proportion.
fn weights(key: &Pooled<'_>, parts: &[u128], others_first: bool) -> Vec<u128> {
    let others = (!others_first).then_some(key.others);
    parts.iter().copied().chain(others).collect()
}

/// Adds up each key's usage and rounds it once.
fn pool<'a>(demands: &[Demand], account: &Account<'a>) -> Result<Vec<Pooled<'a>>, BillError> {
    let prices = account.prices;
    let new = |price| Pooled { price, demands: Vec::new(), parts: Vec::new(), own: 0, others: 0, free: 0, before: 0 };
    let mut position: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pooled: Vec<Pooled<'_>> = Vec::new();
    for (index, demand) in demands.iter().enumerate() {
        let at = match position.get(demand.sku.as_str()) {
            Some(at) => *at,
            None => {
                let price = prices.find(&demand.sku)?;
                pooled.push(new(price));
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
        key.own = Quantity::from_ratio(sum, denominator).ok_or_else(too_large)?.millionths();
        let exact = numerators().map(|n| n.checked_mul(Wide::new(1_000_000))?.div_rem(denominator));
        let exact: Option<Vec<_>> = exact.collect();
        key.parts = exact.and_then(|exact| round_to(key.own, exact)).ok_or_else(too_large)?;
    }
    for (sku, used) in &account.billing.other_accounts {
        let at = match pooled.iter().position(|key| key.price.key == *sku) {
            Some(at) => at,
            // Used by others alone, it may still take from a free amount that is shared.
            None => {
                pooled.push(new(prices.find(sku)?));
                pooled.len() - 1
            }
        };
        let key = &mut pooled[at];
        key.others = used.millionths();
        key.own.checked_add(key.others).ok_or_else(|| BillError::TooLarge { sku: sku.clone() })?;
    }
    Ok(pooled)
}

/// `total` in proportion to the weights, which add up to `sum`.
pub(super) fn apportion(total: u128, weights: &[u128], sum: u128) -> Option<Vec<u128>> {
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
fn spend_free_amounts(pooled: &mut [Pooled<'_>], account: &Account<'_>) -> Result<(), BillError> {
    let free_tier = account.free_tier;
    if let FreeTier::Remaining(stated) = free_tier {
        for (pool, _) in stated {
            account.prices.check_pool(pool)?;
        }
    }
    let others_first = *free_tier == FreeTier::AfterOthers;
    if others_first && account.billing.other_accounts.is_empty() {
        return Err(BillError::NoOthers);
    }
    let mut order: Vec<usize> = (0..pooled.len()).collect();
    order.sort_by(|&a, &b| {
        let first = |p: &Pooled<'_>| p.price.tiers.first().map(|tier| tier.price);
        first(&pooled[b]).cmp(&first(&pooled[a])).then_with(|| pooled[a].price.key.cmp(&pooled[b].price.key))
    });
    let mut left: BTreeMap<&str, u128> = BTreeMap::new();
    let mut amounts = Vec::with_capacity(pooled.len());
    for &index in &order {
        let key = &pooled[index];
        let Some(free) = &key.price.free else { continue };
        let whole = free_in_month(free.amount, account.month)
            .ok_or_else(|| BillError::TooLarge { sku: key.price.key.clone() })?;
        left.entry(&free.pool).or_insert_with(|| match free_tier {
            FreeTier::None => 0,
            FreeTier::Full | FreeTier::AfterOthers => whole.millionths(),
            FreeTier::Remaining(stated) => stated
                .iter()
                .find(|(pool, _)| *pool == free.pool)
                .and_then(|(_, units)| Quantity::from_f64(*units))
                .map_or(0, |units| units.millionths().min(whole.millionths())),
        });
        amounts.push(index);
    }
    if others_first {
        for key in pooled.iter_mut() {
            key.before = key.others;
        }
        for &index in &amounts {
            let key = &mut pooled[index];
            let Some(left) = key.price.free.as_ref().and_then(|free| left.get_mut(free.pool.as_str())) else {
                continue;
            };
            let free = key.others.min(*left);
            *left -= free;
            key.before = key.others - free;
        }
    }
    for &index in &amounts {
        let key = &mut pooled[index];
        let Some(left) = key.price.free.as_ref().and_then(|free| left.get_mut(free.pool.as_str())) else { continue };
        key.free = key.total(others_first).min(*left);
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

/// Cuts a key's usage into its free part, what commitments cover, and tiers.
///
/// # Errors
/// [`BillError::BeyondTiers`] where the usage lies beyond the last tier of the price.
fn stretches<'a>(key: &Pooled<'a>, covered: &'a Covered, account: &Account<'_>) -> Result<Vec<Stretch<'a>>, BillError> {
    let mut stretches = Vec::new();
    let Some(first) = key.price.tiers.first() else { return Ok(stretches) };
    let provenance = &first.provenance;
    let list = first.list.unwrap_or(first.price);
    let mut at_no_charge = |part, millionths, provenance| {
        if millionths > 0 {
            stretches.push(Stretch { part, millionths, price: UsdPer::ZERO, list, provenance });
        }
    };
    at_no_charge(Part::Free, key.free, key.price.free_provenance.as_ref().unwrap_or(provenance));
    let mut at_commitments = 0;
    for cover in covered.by_sku.get(&key.price.key).into_iter().flatten() {
        at_no_charge(Part::Covered(cover), cover.millionths, provenance);
        at_commitments += cover.millionths;
    }
    let counts = key.price.free.as_ref().is_some_and(|free| free.counts_in_tiers);
    let others_first = *account.free_tier == FreeTier::AfterOthers;
    // Where the paid part lies on the scale of the tiers.
    let paid = key.total(others_first) - key.free - at_commitments;
    let too_large = || BillError::TooLarge { sku: key.price.key.clone() };
    let start = match (others_first, counts) {
        (false, true) => key.free,
        (false, false) => 0,
        (true, true) => key.others.checked_add(key.free).ok_or_else(too_large)?,
        (true, false) => key.before,
    };
    let end = start.checked_add(paid).ok_or_else(too_large)?;
    for tier in &key.price.tiers {
        let from = tier.from.millionths().max(start);
        let to = tier.to.map_or(end, |to| to.millionths().min(end));
        if to > from {
            stretches.push(Stretch {
                part: Part::Tier(tier.from, tier.to),
                millionths: to - from,
                price: tier.price,
                list: tier.list.unwrap_or(tier.price),
                provenance: &tier.provenance,
            });
        }
    }
    match key.price.tiers.last().and_then(|tier| tier.to) {
        Some(to) if to.millionths() < end => Err(BillError::BeyondTiers {
            service: key.price.service.clone(),
            region: account.prices.book.region().to_owned(),
            key: key.price.key.clone(),
            to: show(to),
            unit: key.price.unit.name().to_owned(),
        }),
        _ => Ok(stretches),
    }
}

/// Splits each stretch of a key over its components and writes their lines. The first part of `free` is the free stretch.
fn split(
    key: &Pooled<'_>,
    demands: &[Demand],
    pooled: &[Pooled<'_>],
    stretches: Vec<Stretch<'_>>,
    free: Vec<u128>,
    others_first: bool,
    by_demand: &mut [Vec<Line>],
) -> Result<(), BillError> {
    let too_large = || BillError::TooLarge { sku: key.price.key.clone() };
    let price = key.price;
    let unit = price.unit.name();
    let mut remaining = weights(key, &key.parts, others_first);
    let components = key.demands.len();
    let several = remaining.len() > 1 && remaining.iter().filter(|part| **part > 0).count() > 1;
    for stretch in &stretches {
        // In proportion to what is left, each stretch leaves nobody more than they used, and the last one takes all.
        let parts = match stretch.part {
            Part::Free => free.clone(),
            Part::Covered(_) => {
                let own = &remaining[..components];
                let mut parts = apportion(stretch.millionths, own, own.iter().sum()).ok_or_else(too_large)?;
                parts.resize(remaining.len(), 0);
                parts
            }
            Part::Tier(..) => {
                apportion(stretch.millionths, &remaining, remaining.iter().sum()).ok_or_else(too_large)?
            }
        };
        for (position, part) in parts.into_iter().enumerate() {
            remaining[position] -= part;
            // What other accounts use is on their bills.
            if part == 0 || position >= components {
                continue;
            }
            let demand = &demands[key.demands[position]];
            let quantity = Quantity::from_millionths(part).ok_or_else(too_large)?;
            let amount = stretch.price.checked_mul(quantity).ok_or_else(too_large)?;
            let used = Quantity::from_millionths(key.parts[position]).ok_or_else(too_large)?;
            let mut formula = format!("{} = {} a month", demand.how, counted(used, unit));
            let in_parts = stretches.len() > 1 || price.tiers.len() > 1;
            if components > 1 && in_parts {
                let total = Quantity::from_millionths(key.own).ok_or_else(too_large)?;
                formula += &format!(
                    "; {components} components use {} together and share free amount and tiers in proportion",
                    counted(total, unit)
                );
            }
            if key.others > 0 {
                let others = counted(Quantity::from_millionths(key.others).ok_or_else(too_large)?, unit);
                formula += &match others_first {
                    true => format!("; other accounts use {others} first"),
                    false => {
                        format!("; other accounts use {others} and share free amount and tiers in proportion")
                    }
                };
            }
            if key.free > 0 {
                formula += &free_in_words(key, pooled).ok_or_else(too_large)?;
            }
            let label = label(stretch, unit);
            if let Part::Covered(cover) = stretch.part {
                formula += &cover.in_words(unit).ok_or_else(too_large)?;
            }
            if in_parts {
                let all = Quantity::from_millionths(stretch.millionths).ok_or_else(too_large)?;
                formula += &format!("; {label}: {}", counted(all, unit));
                if several {
                    formula += &format!(", of which {}", show(quantity));
                }
            }
            formula += &format!("; {} x ${} = ${amount}", show(quantity), stretch.price);
            let description = match stretch.part {
                Part::Tier(..) if price.tiers.len() == 1 => price.description.clone(),
                _ => format!("{}, {label}", price.description),
            };
            let (commitment, under) = match stretch.part {
                Part::Covered(cover) => (Some(cover.by.clone()), Some(cover.under)),
                Part::Free | Part::Tier(..) => (None, None),
            };
            by_demand[key.demands[position]].push(Line {
                component: demand.component.clone(),
                service: price.service.clone(),
                sku: price.key.clone(),
                description,
                quantity,
                unit: price.unit.clone(),
                unit_price: stretch.price,
                list_price: stretch.list,
                amount,
                formula,
                provenance: stretch.provenance.clone(),
                free: matches!(stretch.part, Part::Free),
                commitment,
                under,
                upfront: None,
            });
        }
    }
    Ok(())
}

/// `; free tier: 400,000 GB-s, shared with lambda.duration.x86, which takes 300,000`.
fn free_in_words(key: &Pooled<'_>, pooled: &[Pooled<'_>]) -> Option<String> {
    let unit = key.price.unit.name();
    let mut text = format!("; {} of it are free", counted(Quantity::from_millionths(key.free)?, unit));
    let pool = |p: &Pooled<'_>| p.price.free.as_ref().map(|free| free.pool.clone());
    for other in pooled {
        if other.price.key != key.price.key && pool(other).is_some() && pool(other) == pool(key) {
            let free = show(Quantity::from_millionths(other.free)?);
            text += &format!(" (shared with {}, which takes {free})", other.price.key);
        }
    }
    Some(text)
}

/// `free tier`, `covered by plan-1`, `first 300,000,000 requests`, `300,000,000 to 1,000,000,000 requests`, `over 1,000,000,000 requests`.
fn label(stretch: &Stretch<'_>, unit: &str) -> String {
    match stretch.part {
        Part::Free => "free tier".to_owned(),
        Part::Covered(cover) => format!("covered by {} at ${}", cover.by, cover.under),
        Part::Tier(Quantity::ZERO, None) => "paid".to_owned(),
        Part::Tier(Quantity::ZERO, Some(to)) => format!("first {}", counted(to, unit)),
        Part::Tier(from, Some(to)) => format!("{} to {}", show(from), counted(to, unit)),
        Part::Tier(from, None) => format!("over {}", counted(from, unit)),
    }
}

/// `1,000,000 requests`, `1 hour`, `400,000 GB-s`: symbols have no plural.
fn counted(quantity: Quantity, unit: &str) -> String {
    let shown = show(quantity);
    let thing = unit.rsplit('-').next().unwrap_or(unit);
    let is_word = thing.chars().all(|c| c.is_ascii_lowercase()) && !thing.ends_with(['s', 'd']);
    format!("{shown} {unit}{}", if is_word && shown != "1" { "s" } else { "" })
}

fn show(quantity: Quantity) -> String {
    grouped(&quantity.to_string())
}
