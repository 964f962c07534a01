//! From the counters of the replications to the usage of a month, exactly.
//!
//! With F the counters of the full run, W(g) those of a run without the bursts of frequency g, and D(g) = F - W(g)
//! what those bursts add, each summed over the N replications:
//!
//! usage = ((F - sum of D(g)) x month / horizon + D(month) + D(week) x month / 7 d) / N
//!
//! D(once) is left out here and priced apart. All of it is one fraction of integers; it is rounded when it becomes a
//! quantity.

use super::unit::{PriceUnit, raw_name};
use super::{BillError, BillInput, Prices};
use crate::money::grouped;
use crate::money::wide::Wide;
use crate::spec::scenario::Frequency;
use crate::units::{NANOS_PER_SEC, SimDuration};
use crate::usage::{RawUnit, Usage};
use std::collections::BTreeMap;
use std::ops::Range;

const WEEK: u64 = 7 * 86_400 * NANOS_PER_SEC;

/// What a component used of one key in a month: `numerator` / `denominator` units of the price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Who used it.
    pub component: String,
    /// Key of the price.
    pub sku: String,
    /// See above. Demands of the same key have the same denominator.
    pub numerator: Wide,
    /// See above; not zero.
    pub denominator: Wide,
    /// How the quantity came about, in words, up to "= quantity".
    pub how: String,
}

/// Sums over replications, for one component and key.
#[derive(Default)]
struct Sums {
    full: i128,
    /// What the bursts of each group add (may be negative: a window can take requests away).
    added: Vec<i128>,
}

/// The usage of a month from these replications, with the one-off bursts counted once or not at all.
///
/// # Errors
/// A missing price, a raw unit that the price's unit cannot express, replications that don't match, an overflow.
pub(super) fn demands(
    input: &BillInput<'_>,
    prices: &Prices<'_>,
    replications: Range<usize>,
    with_once: bool,
) -> Result<Vec<Demand>, BillError> {
    let n = replications.len();
    let full = input.full.get(replications.clone()).filter(|r| !r.is_empty()).ok_or(BillError::Replications)?;
    let mut sums: BTreeMap<(&str, &str), (RawUnit, Sums)> = BTreeMap::new();
    let mut order: Vec<(&str, &str)> = Vec::new();
    collect(&mut sums, &mut order, full, input.without.len(), |sums, total| add(&mut sums.full, total))?;
    for (group, variant) in input.without.iter().enumerate() {
        let without = variant.usage.get(replications.clone()).ok_or(BillError::Replications)?;
        collect(&mut sums, &mut order, without, input.without.len(), |sums, total| add(&mut sums.added[group], total))?;
    }
    for (_, s) in sums.values_mut() {
        for added in &mut s.added {
            // Until here it held the run without the bursts.
            *added = s.full - *added;
        }
    }

    // A component's meters stand together even when one of them first appears in a later replication.
    let mut components: Vec<&str> = Vec::new();
    for (component, _) in &order {
        if !components.contains(component) {
            components.push(component);
        }
    }
    order.sort_by_key(|(component, _)| components.iter().position(|c| c == component));

    let scale = Scale::new(input.month, input.horizon, n)?;
    let started = Scale::new(input.month, started_hours(input), n)?;
    let mut demands = Vec::with_capacity(order.len());
    for key @ (component, sku) in order {
        let Some((raw, sums)) = sums.get(&key) else { continue };
        let unit = &prices.find(sku)?.unit;
        let scale = if *raw == RawUnit::Hours { &started } else { &scale };
        demands.push(scale.demand(component, sku, *raw, unit, sums, input, with_once)?);
    }
    Ok(demands)
}

fn add(sum: &mut i128, total: u128) -> Option<()> {
    *sum = sum.checked_add(i128::try_from(total).ok()?)?;
    Some(())
}

/// Adds up the meters of some runs.
fn collect<'a>(
    sums: &mut BTreeMap<(&'a str, &'a str), (RawUnit, Sums)>,
    order: &mut Vec<(&'a str, &'a str)>,
    runs: &[&'a Usage],
    groups: usize,
    mut add: impl FnMut(&mut Sums, u128) -> Option<()>,
) -> Result<(), BillError> {
    for meter in runs.iter().flat_map(|usage| &usage.meters) {
        let too_large = || BillError::TooLarge { sku: meter.sku.clone() };
        let (unit, total) = (meter.unit, meter.total);
        let key = (meter.component.as_str(), meter.sku.as_str());
        let (known, sums) = sums.entry(key).or_insert_with(|| {
            order.push(key);
            (unit, Sums { full: 0, added: vec![0; groups] })
        });
        if *known != unit {
            return Err(BillError::MixedUnits { sku: meter.sku.clone() });
        }
        add(sums, total).ok_or_else(too_large)?;
    }
    Ok(())
}

/// How long a horizon is to a meter that counts started hours in full: scaling what the last, partial hour counted as if it
/// had been a part would bill a month more hours than it has.
const fn started_hours(input: &BillInput<'_>) -> SimDuration {
    const HOUR: u64 = 3_600 * NANOS_PER_SEC;
    if input.horizon.0 == input.month.0 {
        return input.horizon;
    }
    SimDuration(input.horizon.0.div_ceil(HOUR).saturating_mul(HOUR))
}

/// Month, horizon and week in a common unit, with their products.
struct Scale {
    /// The horizon as formulas show it.
    over: SimDuration,
    month: Wide,
    horizon: Wide,
    week: Wide,
    replications: usize,
    /// horizon x week x replications.
    denominator: Wide,
}

impl Scale {
    fn new(month: SimDuration, over: SimDuration, replications: usize) -> Result<Self, BillError> {
        let (month, horizon) = (month.0, over.0);
        if month == 0 || horizon == 0 {
            return Err(BillError::NoTime);
        }
        let common = gcd(gcd(month, horizon), WEEK);
        let wide = |ns: u64| Wide::new(u128::from(ns / common));
        let (month, horizon, week) = (wide(month), wide(horizon), wide(WEEK));
        let denominator = horizon
            .checked_mul(week)
            .and_then(|w| w.checked_mul(Wide::new(replications as u128)))
            .ok_or(BillError::NoTime)?;
        Ok(Self { over, month, horizon, week, replications, denominator })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one formula, used once")]
    fn demand(
        &self,
        component: &str,
        sku: &str,
        raw: RawUnit,
        unit: &PriceUnit,
        sums: &Sums,
        input: &BillInput<'_>,
        with_once: bool,
    ) -> Result<Demand, BillError> {
        let conversion = unit.conversion(raw, input.month).ok_or_else(|| BillError::Unit {
            component: component.to_owned(),
            sku: sku.to_owned(),
            raw: raw.key(),
            unit: unit.name().to_owned(),
        })?;
        let too_large = || BillError::TooLarge { sku: sku.to_owned() };

        // Each term is a count and the two factors that bring it to the denominator horizon x week.
        let base = sums.added.iter().try_fold(sums.full, |sum, added| sum.checked_sub(*added)).ok_or_else(too_large)?;
        let mut terms = vec![(base, self.month, self.week)];
        let mut words = vec![format!("{} x {}/{}", shown(base, raw), input.month, self.over)];
        // What bursts add nothing to has no place in the arithmetic.
        for (variant, added) in input.without.iter().zip(&sums.added).filter(|(_, added)| **added != 0) {
            match variant.per {
                Frequency::Month => {
                    terms.push((*added, self.horizon, self.week));
                    words.push(format!("{} from bursts once a month", shown(*added, raw)));
                }
                Frequency::Week => {
                    terms.push((*added, self.month, self.horizon));
                    words.push(format!("{} from weekly bursts x {}/7d", shown(*added, raw), input.month));
                }
                Frequency::Once if with_once => {
                    terms.push((*added, self.horizon, self.week));
                    words.push(format!("{} from one-off bursts", shown(*added, raw)));
                }
                Frequency::Once => {}
            }
        }
        let (mut plus, mut minus) = (Wide::ZERO, Wide::ZERO);
        for (count, a, b) in terms {
            let side = if count < 0 { &mut minus } else { &mut plus };
            let term = Wide::new(count.unsigned_abs()).checked_mul(a).and_then(|w| w.checked_mul(b));
            *side = term.and_then(|term| side.checked_add(term)).ok_or_else(too_large)?;
        }
        // Less than nothing cannot be used: that is chance in the difference of two runs.
        let numerator = plus.checked_sub(minus).unwrap_or(Wide::ZERO).checked_mul(Wide::new(conversion.multiple));
        let denominator = self.denominator.checked_mul(conversion.raw_per_unit);
        Ok(Demand {
            component: component.to_owned(),
            sku: sku.to_owned(),
            numerator: numerator.ok_or_else(too_large)?,
            denominator: denominator.ok_or_else(too_large)?,
            how: self.words(&words, &conversion.explained),
        })
    }

    /// `(a + b) / 5 replications / 1,000 ms in a second`.
    fn words(&self, terms: &[String], conversion: &str) -> String {
        let mut text = terms.join(" + ");
        if terms.len() > 1 {
            text = format!("({text})");
        }
        if self.replications > 1 {
            text = format!("{text} / {} replications", self.replications);
        }
        if !conversion.is_empty() {
            text = format!("{text} / {conversion}");
        }
        text
    }
}

fn shown(count: i128, raw: RawUnit) -> String {
    format!("{} {}", grouped(&count.to_string()), raw_name(raw))
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
