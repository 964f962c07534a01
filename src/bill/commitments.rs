//! Savings Plans and reserved instances, hour by hour: what they cover, what they cost, and what would have been best.
//!
//! The month's paid usage of a key is spread over the hours that were counted, in proportion to the counts (free amounts are
//! taken evenly from all hours). A counted hour stands for as many hours of the month as month / counted time. In each hour
//!
//! 1. reserved instances cover up to `count` instance-hours of their key, in the order of the file;
//! 2. Savings Plans cover what is left, those for one instance family before compute plans; a plan takes the usage with the
//!    largest saving first (AWS, Savings Plans user guide, "How Savings Plans apply to your usage") until its dollars of that
//!    hour are spent at its own rates.
//!
//! What is not used in an hour is lost. Covered usage is on the bill at no charge; the commitment is a line of its own. What is
//! not covered starts in the first volume tier. Savings are reckoned against the agreed price of the first tier; which usage a plan takes
//! first, and percentages off, go by the public list price.
//!
//! An upfront payment is spread evenly over the hours of the term: so much an hour, to the twelfth decimal of a dollar, is part of what
//! an hour of the instance costs. Hours are shared out in millionths of a millionth of a unit (`FINE`) and rounded once, together.

use super::agreed;
use super::book::{Confidence, Price, PriceBook, Provenance};
use super::tiers::Line;
use super::unit::PriceUnit;
use super::{BillError, Prices};
use crate::money::wide::Wide;
use crate::money::{Quantity, Usd, UsdPer, grouped};
use crate::spec::billing::{Billing, PlanKind, Reserved, ReservedPrice, SavingsPlan};
use crate::units::SimDuration;
use crate::usage::{self, ACCOUNT, Usage};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One hour in ns.
const HOUR: u64 = SimDuration::from_hours(1).0;
/// Steps of a recommended commitment: AWS sells them by the thousandth of a dollar.
const STEP: f64 = 1_000.0;
/// How many parts a millionth of a unit has while it is shared out over hours: fewer would lose some in each hour, and 730 hours
/// would add up to 729.99998.
const FINE: u128 = 1_000_000;
/// Hours of a year on AWS's price list.
const YEAR_HOURS: u64 = 8_760;

/// Usage by the hour: the shape over which the month's usage is spread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours {
    /// Length of each bucket, ns; empty = one bucket, i.e. even usage.
    lengths: Vec<u64>,
    /// Counts of each key in each bucket; a key without counts is used evenly.
    counts: BTreeMap<String, Vec<u128>>,
}

impl Hours {
    /// The hours of some runs of the same horizon, one run after the other.
    pub fn of_runs(runs: &[&Usage], horizon: SimDuration) -> Self {
        let counted = runs.iter().flat_map(|run| &run.meters).map(|meter| meter.hourly.len()).max().unwrap_or(0);
        let whole = usize::try_from(horizon.0.div_ceil(HOUR)).unwrap_or(0);
        let buckets = whole.min(counted);
        // In horizons of many years a bucket is more than an hour, unless there are commitments.
        let Some(hours) = usage::hours_of(buckets, horizon) else { return Self::default() };
        let length = HOUR.saturating_mul(hours);
        let mut lengths = Vec::with_capacity(buckets * runs.len());
        for _ in runs {
            lengths.extend((0..buckets as u64).map(|bucket| length.min(horizon.0 - bucket * length)));
        }
        let mut counts: BTreeMap<String, Vec<u128>> = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            for meter in &run.meters {
                let all = counts.entry(meter.sku.clone()).or_insert_with(|| vec![0; buckets * runs.len()]);
                for (sum, count) in all[index * buckets..(index + 1) * buckets].iter_mut().zip(&meter.hourly) {
                    *sum += u128::from(*count);
                }
            }
        }
        Self { lengths, counts }
    }

    /// Stated shapes: weights by key, all of the same length, over equal parts of the month.
    pub fn of_weights(weights: BTreeMap<String, Vec<u128>>) -> Self {
        let buckets = weights.values().map(Vec::len).max().unwrap_or(0);
        Self { lengths: vec![HOUR; buckets], counts: weights }
    }

    fn lengths(&self) -> Vec<u64> {
        if self.lengths.is_empty() { vec![HOUR] } else { self.lengths.clone() }
    }
}

/// A commitment as the prices make it.
struct Commitment {
    name: String,
    description: String,
    /// Instance-hours in each hour, or dollars in each hour.
    kind: Kind,
    provenance: Provenance,
    /// Keys that it may cover, those with the largest saving first.
    rates: Vec<Rate>,
}

enum Kind {
    /// USD an hour.
    Dollars(UsdPer),
    /// How many, and what each costs.
    Instances { count: u32, service: String, hourly: UsdPer, upfront: Upfront },
}

/// What is paid once for the whole term.
#[derive(Clone, Copy)]
struct Upfront {
    /// For each instance.
    fee: Usd,
    /// Years of the term.
    years: u32,
    /// The fee's share of an hour.
    an_hour: UsdPer,
}

impl Upfront {
    fn new(fee: Usd, years: u32) -> Option<Self> {
        let hours = u128::from(u64::from(years) * YEAR_HOURS);
        let an_hour = UsdPer::from_usd(fee.checked_ratio(1, hours)?.rounded(UsdPer::DECIMALS)).ok()?;
        Some(Self { fee, years, an_hour })
    }

    /// Hours of the term.
    fn hours(&self) -> u64 {
        u64::from(self.years) * YEAR_HOURS
    }
}

/// What a key costs under a commitment and on demand.
#[derive(Debug, Clone)]
struct Rate {
    sku: String,
    under: UsdPer,
    /// As agreed.
    on_demand: UsdPer,
    /// By the public list.
    list: UsdPer,
}

/// Usage that a commitment covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    /// Name of the commitment.
    pub(super) by: String,
    /// Millionths of a unit.
    pub(super) millionths: u128,
    /// Its price under the commitment.
    pub(super) under: UsdPer,
    /// The list price that this is instead of.
    list: UsdPer,
    /// What the commitment has in each hour.
    capacity: Capacity,
    /// How the hours made it up.
    by_hour: ByHour,
}

/// What a commitment has in each hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capacity {
    Dollars(UsdPer),
    Instances(u32),
}

/// How a covered quantity came about: hours in which the commitment was large enough, and hours in which it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ByHour {
    /// Hours (of those that were counted, in which there was usage) in which all of the usage is covered.
    whole: usize,
    /// What was covered in these, in [`FINE`] parts; later in millionths of a unit.
    in_whole: u128,
    /// Hours in which a part of it is, or nothing.
    part: usize,
}

impl Cover {
    /// The rule and what it came to, as steps of a formula.
    pub(super) fn in_words(&self, unit: &str) -> Option<String> {
        let shown = |millionths| Some(grouped(&Quantity::from_millionths(millionths)?.to_string()));
        let ByHour { whole, in_whole, part } = self.by_hour;
        let rest = shown(self.millionths.saturating_sub(in_whole))?;
        let Self { by, under, list, .. } = self;
        let rule = match &self.capacity {
            Capacity::Dollars(dollars) => {
                format!("{by} has ${dollars} in each hour and one {unit} takes ${under} of it (list price ${list})")
            }
            Capacity::Instances(count) => {
                format!(
                    "{by} covers up to {count} at once, at ${under} an hour with the share of what is paid upfront (list price ${list})"
                )
            }
        };
        Some(format!(
            "; {rule}; of {} simulated hours with usage {whole} are covered whole, which makes {} of the month, and {part} as far as it \
             goes, which makes {rest}",
            whole + part,
            shown(in_whole)?,
        ))
    }
}

/// How well a commitment fits.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitmentUse {
    /// Its name.
    pub name: String,
    /// In words: `Savings Plan of $1.50 an hour`.
    pub description: String,
    /// What it costs in the month.
    pub cost: Usd,
    /// What the usage that it covers would have cost on demand.
    pub covered: Usd,
    /// Of what it might have covered: share that it does, 0..=1.
    pub coverage: f64,
    /// Of the commitment: share that was used, 0..=1.
    pub utilisation: f64,
    /// What it saves: covered less cost; may be negative.
    pub saves: Usd,
    /// The commitment (USD an hour, or instances) that would have cost least over these hours.
    pub best: Quantity,
    /// What it would have saved.
    pub best_saves: Usd,
    /// `USD an hour` or `instances`.
    pub unit: &'static str,
}

/// What commitments do to a bill.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// By key.
    pub(super) by_sku: BTreeMap<String, Vec<Cover>>,
    /// Lines of the commitments themselves.
    pub(super) lines: Vec<Line>,
    /// How well they fit.
    pub(super) uses: Vec<CommitmentUse>,
}

/// Applies all commitments to the paid usage of the month: millionths of a unit by key.
///
/// # Errors
/// Unknown keys, usage that a plan cannot cover, rates that are missing, amounts beyond the range.
pub(super) fn cover(
    paid: &BTreeMap<&str, u128>,
    prices: &Prices<'_>,
    billing: &Billing,
    hours: &Hours,
    month: SimDuration,
) -> Result<Covered, BillError> {
    let commitments = resolve(prices, billing)?;
    let mut covered = Covered::default();
    if commitments.is_empty() {
        return Ok(covered);
    }
    let lengths = hours.lengths();
    // What is left of each key in each hour.
    let mut left: BTreeMap<&str, Vec<u128>> = BTreeMap::new();
    for (sku, total) in paid {
        let too_large = || BillError::TooLarge { sku: (*sku).to_owned() };
        let even: Vec<u128> = lengths.iter().map(|length| u128::from(*length)).collect();
        let counts = hours.counts.get(*sku).filter(|c| c.len() == lengths.len() && c.iter().any(|c| *c > 0));
        let weights = counts.unwrap_or(&even);
        let sum = weights.iter().try_fold(0u128, |sum, weight| sum.checked_add(*weight)).ok_or_else(too_large)?;
        let total = total.checked_mul(FINE).ok_or_else(too_large)?;
        left.insert(sku, super::tiers::apportion(total, weights, sum).ok_or_else(too_large)?);
    }
    let time = Time { month: month.0, counted: lengths.iter().map(|length| u128::from(*length)).sum(), lengths };
    for commitment in &commitments {
        apply(commitment, &mut left, &time, &mut covered)?;
    }
    Ok(covered)
}

/// The month and the hours that stand for it.
struct Time {
    /// ns.
    month: u64,
    /// ns of each bucket.
    lengths: Vec<u64>,
    /// Their sum.
    counted: u128,
}

impl Time {
    /// An amount an hour over the part of the month that a bucket stands for, in [`FINE`] parts, to the nearest.
    fn in_bucket(&self, an_hour: u128, bucket: usize) -> Option<u128> {
        let ns = Wide::new(an_hour.checked_mul(FINE)?).checked_mul(Wide::new(self.month.into()))?;
        let ns = ns.checked_mul(Wide::new(self.lengths[bucket].into()))?;
        let all = Wide::new(self.counted).checked_mul(Wide::new(HOUR.into()))?;
        ns.div_half_even(all)
    }

    /// Hours of the month that a bucket stands for.
    fn hours(&self, bucket: usize) -> f64 {
        self.lengths[bucket] as f64 / self.counted as f64 * (self.month as f64 / HOUR as f64)
    }

    /// Hours of the month.
    fn month_hours(&self) -> Option<Quantity> {
        Quantity::from_ratio(Wide::new(self.month.into()), Wide::new(HOUR.into()))
    }
}

/// What a commitment takes out of what is left.
struct Taken {
    /// By rate of the commitment: what was covered in all hours, millionths of a unit.
    covered: Vec<u128>,
    /// By rate: in which hours.
    by_hour: Vec<ByHour>,
    /// Capacity used and had, in [`FINE`] parts of the commitment's own measure.
    used: u128,
    capacity: u128,
    /// On-demand cost of what could have been covered.
    eligible: Usd,
}

fn apply(
    commitment: &Commitment,
    left: &mut BTreeMap<&str, Vec<u128>>,
    time: &Time,
    result: &mut Covered,
) -> Result<(), BillError> {
    let too_large = || BillError::TooLarge { sku: commitment.name.clone() };
    let best = best(commitment, left, time);
    let best_saves = saving(&best, commitment, left, time).ok_or_else(too_large)?;
    let taken = take(commitment, &commitment.kind, left, time, true).ok_or_else(too_large)?;
    let lines = lines(commitment, &commitment.kind, time).ok_or_else(too_large)?;
    let cost = Usd::checked_sum(lines.iter().map(|line| line.amount)).ok_or_else(too_large)?;
    let on_demand = on_demand(commitment, &taken).ok_or_else(too_large)?;
    for ((rate, millionths), by_hour) in commitment.rates.iter().zip(&taken.covered).zip(&taken.by_hour) {
        if *millionths > 0 {
            let cover = Cover {
                by: commitment.name.clone(),
                millionths: *millionths,
                under: rate.under,
                list: rate.list,
                capacity: match &commitment.kind {
                    Kind::Dollars(dollars) => Capacity::Dollars(*dollars),
                    Kind::Instances { count, .. } => Capacity::Instances(*count),
                },
                by_hour: *by_hour,
            };
            result.by_sku.entry(rate.sku.clone()).or_default().push(cover);
        }
    }
    // Nine decimals: what division leaves beyond them is noise.
    let share = |part: f64, whole: f64| {
        if whole > 0.0 { ((part / whole).clamp(0.0, 1.0) * 1e9).round() / 1e9 } else { 0.0 }
    };
    result.uses.push(CommitmentUse {
        name: commitment.name.clone(),
        description: commitment.description.clone(),
        cost,
        covered: on_demand,
        coverage: share(on_demand.to_f64(), taken.eligible.to_f64()),
        utilisation: share(taken.used as f64, taken.capacity as f64),
        saves: on_demand.checked_sub(cost).ok_or_else(too_large)?,
        best: match &best {
            Kind::Dollars(commitment) => commitment.checked_mul(one()).and_then(whole).unwrap_or_default(),
            Kind::Instances { count, .. } => Quantity::from_units(u128::from(*count)).unwrap_or_default(),
        },
        best_saves,
        unit: if matches!(best, Kind::Dollars(_)) { "USD an hour" } else { "instances" },
    });
    result.lines.extend(lines);
    Ok(())
}

fn one() -> Quantity {
    Quantity::from_units(1).unwrap_or_default()
}

/// An amount of whole millionths of a dollar as a quantity.
fn whole(amount: Usd) -> Option<Quantity> {
    amount.rounded(Quantity::DECIMALS).to_string().parse().ok()
}

/// Covers what it can. With `keep` it is taken out of what is left.
fn take(
    commitment: &Commitment,
    kind: &Kind,
    left: &mut BTreeMap<&str, Vec<u128>>,
    time: &Time,
    keep: bool,
) -> Option<Taken> {
    let rates = commitment.rates.len();
    let mut taken = Taken {
        covered: vec![0; rates],
        by_hour: vec![ByHour::default(); rates],
        used: 0,
        capacity: 0,
        eligible: Usd::ZERO,
    };
    let mut eligible = vec![0u128; rates];
    for bucket in 0..time.lengths.len() {
        // Millionths of an instance-hour, or atto-dollars.
        let an_hour = match kind {
            Kind::Instances { count, .. } => u128::from(*count) * 1_000_000,
            Kind::Dollars(commitment) => commitment.picos().checked_mul(1_000_000)?,
        };
        let capacity = time.in_bucket(an_hour, bucket)?;
        let mut rest = capacity;
        let of_rate = taken.covered.iter_mut().zip(&mut taken.by_hour).zip(&mut eligible);
        for (rate, ((covered, by_hour), eligible)) in commitment.rates.iter().zip(of_rate) {
            let Some(usage) = left.get_mut(rate.sku.as_str()) else { continue };
            let used = usage[bucket];
            *eligible = eligible.checked_add(used)?;
            let (take, spent) = match kind {
                Kind::Instances { .. } => (used.min(rest), used.min(rest)),
                Kind::Dollars(_) => match rate.under.picos() {
                    0 => (used, 0),
                    price => {
                        let take = used.min(rest / price);
                        (take, take.checked_mul(price)?)
                    }
                },
            };
            rest -= spent;
            *covered = covered.checked_add(take)?;
            if used > 0 && take == used {
                by_hour.whole += 1;
                by_hour.in_whole += take;
            } else if used > 0 {
                by_hour.part += 1;
            }
            if keep {
                usage[bucket] -= take;
            }
        }
        taken.capacity = taken.capacity.checked_add(capacity)?;
        taken.used = taken.used.checked_add(capacity - rest)?;
    }
    for (covered, by_hour) in taken.covered.iter_mut().zip(&mut taken.by_hour) {
        (*covered, by_hour.in_whole) = (coarse(*covered), coarse(by_hour.in_whole));
    }
    for (rate, eligible) in commitment.rates.iter().zip(eligible) {
        let cost = rate.on_demand.checked_mul(Quantity::from_millionths(coarse(eligible))?)?;
        taken.eligible = taken.eligible.checked_add(cost)?;
    }
    Some(taken)
}

/// [`FINE`] parts to the nearest millionth.
const fn coarse(fine: u128) -> u128 {
    fine.saturating_add(FINE / 2) / FINE
}

/// What the covered usage costs on demand.
fn on_demand(commitment: &Commitment, taken: &Taken) -> Option<Usd> {
    let mut sum = Usd::ZERO;
    for (rate, millionths) in commitment.rates.iter().zip(&taken.covered) {
        sum = sum.checked_add(rate.on_demand.checked_mul(Quantity::from_millionths(*millionths)?)?)?;
    }
    Some(sum)
}

/// What a commitment of this size would save over what is left.
fn saving(kind: &Kind, commitment: &Commitment, left: &mut BTreeMap<&str, Vec<u128>>, time: &Time) -> Option<Usd> {
    let taken = take(commitment, kind, left, time, false)?;
    let lines = lines(commitment, kind, time)?;
    on_demand(commitment, &taken)?.checked_sub(Usd::checked_sum(lines.iter().map(|line| line.amount))?)
}

/// The size that would have cost least over these hours: what another dollar (or instance) saves falls with each, so the
/// best is where it no longer saves what it costs.
fn best(commitment: &Commitment, left: &mut BTreeMap<&str, Vec<u128>>, time: &Time) -> Kind {
    match &commitment.kind {
        Kind::Dollars(_) => {
            let at = best_dollars(commitment, left, time);
            let mut best = (Usd::ZERO, UsdPer::ZERO);
            for steps in [(at * STEP) as u64, (at * STEP) as u64 + 1] {
                let Ok(dollars) = format!("{steps}e-3").parse::<UsdPer>() else { continue };
                let saves = saving(&Kind::Dollars(dollars), commitment, left, time);
                if let Some(saves) = saves.filter(|saves| *saves > best.0) {
                    best = (saves, dollars);
                }
            }
            Kind::Dollars(best.1)
        }
        Kind::Instances { service, hourly, upfront, .. } => {
            let of =
                |count: u32| Kind::Instances { count, service: service.clone(), hourly: *hourly, upfront: *upfront };
            // The largest count whose last instance still saves something.
            let (mut low, mut high) = (0u32, most_at_once(commitment, left, time));
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                let saves = saving(&of(middle), commitment, left, time);
                let before = saving(&of(middle - 1), commitment, left, time);
                if saves > before { low = middle } else { high = middle - 1 }
            }
            of(low)
        }
    }
}

/// The largest number of instances in any hour, rounded up.
fn most_at_once(commitment: &Commitment, left: &BTreeMap<&str, Vec<u128>>, time: &Time) -> u32 {
    let Some(usage) = commitment.rates.first().and_then(|rate| left.get(rate.sku.as_str())) else { return 0 };
    let at = |bucket: usize| usage[bucket] as f64 / (1e6 * FINE as f64) / time.hours(bucket);
    // What division leaves beyond nine decimals is noise, no further instance. `as` saturates.
    let most = (0..usage.len()).map(at).fold(0.0, f64::max);
    (most - 1e-9).max(0.0).ceil() as u32
}

/// The commitment in USD an hour at which another dollar no longer saves a dollar.
fn best_dollars(commitment: &Commitment, left: &BTreeMap<&str, Vec<u128>>, time: &Time) -> f64 {
    // In each hour the first dollars of a commitment save `on demand / under` each, up to the cost of the usage with the largest
    // saving; the next ones save that of the next; in the end they save nothing.
    let mut steps: Vec<(f64, f64)> = Vec::new();
    let mut gain = -(time.month as f64 / HOUR as f64);
    for bucket in 0..time.lengths.len() {
        let (hours, mut spent, mut ratio) = (time.hours(bucket), 0.0, None);
        for rate in commitment.rates.iter().filter(|rate| rate.under > UsdPer::ZERO) {
            let used = left.get(rate.sku.as_str()).map_or(0, |usage| usage[bucket]);
            if used == 0 {
                continue;
            }
            let own = rate.on_demand.picos() as f64 / rate.under.picos() as f64;
            match ratio {
                None => gain += hours * own,
                Some(before) => steps.push((spent, hours * (before - own))),
            }
            ratio = Some(own);
            spent += used as f64 / FINE as f64 * rate.under.picos() as f64 / 1e18 / hours;
        }
        if let Some(last) = ratio {
            steps.push((spent, hours * last));
        }
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    // A discount on demand can make a later key save more than an earlier one, so the best of all steps counts.
    let (mut at, mut saved, mut best) = (0.0, 0.0, (0.0, 0.0));
    for (dollars, less) in steps {
        saved += gain * (dollars - at);
        at = dollars;
        if saved > best.0 {
            best = (saved, at);
        }
        gain -= less;
    }
    best.1
}

/// The lines of the commitment itself: paid whether used or not.
fn lines(commitment: &Commitment, kind: &Kind, time: &Time) -> Option<Vec<Line>> {
    let hours = time.month_hours()?;
    let line = |sku: String, service: &str, description: String, quantity: Quantity, unit: &str, price: UsdPer, how| {
        let amount = price.checked_mul(quantity)?;
        Some(Line {
            upfront: None,
            component: ACCOUNT.to_owned(),
            service: service.to_owned(),
            sku,
            description,
            quantity,
            unit: PriceUnit::new(unit),
            unit_price: price,
            list_price: price,
            amount,
            formula: format!("{how}; {} x ${price} = ${amount}", grouped(&quantity.to_string())),
            provenance: commitment.provenance.clone(),
            free: false,
            commitment: Some(commitment.name.clone()),
            under: None,
        })
    };
    match kind {
        Kind::Dollars(dollars) => {
            let how = format!("paid in each of the {} hours, used or not", grouped(&hours.to_string()));
            let sku = format!("savings_plan.{}", commitment.name);
            let description = format!("Savings Plan {}", commitment.name);
            Some(vec![line(sku, "AWS Savings Plans", description, hours, "hour", *dollars, how)?])
        }
        Kind::Instances { count, service, hourly, upfront } => {
            let sku = commitment.name.clone();
            let all = Quantity::from_millionths(hours.millionths().checked_mul(u128::from(*count))?)?;
            let mut found = Vec::new();
            if *hourly > UsdPer::ZERO || upfront.fee == Usd::ZERO {
                let how = format!("{count} reserved x {} hours, used or not", grouped(&hours.to_string()));
                let text = commitment.description.clone();
                found.push(line(sku.clone(), service, text, all, "instance-hour", *hourly, how)?);
            }
            if upfront.fee > Usd::ZERO {
                let (fee, an_hour) = (upfront.fee, upfront.an_hour);
                let how = format!(
                    "${fee} upfront each / {} h of the term = ${an_hour} an hour; {count} reserved x {} hours, used or not",
                    grouped(&upfront.hours().to_string()),
                    grouped(&hours.to_string())
                );
                let text = format!("{}, upfront, spread over {} y", commitment.description, upfront.years);
                let paid = fee.checked_ratio(u128::from(*count), 1)?;
                let part = line(sku, service, text, all, "instance-hour", an_hour, how)?;
                found.push(Line { upfront: Some(paid), ..part });
            }
            Some(found)
        }
    }
}

/// The commitments of `billing:` in the order in which they apply.
fn resolve(prices: &Prices<'_>, billing: &Billing) -> Result<Vec<Commitment>, BillError> {
    let mut found = Vec::new();
    for (index, reserved) in billing.reserved.iter().enumerate() {
        found.push(resolve_reserved(index, reserved, prices)?);
    }
    let families = billing.savings_plans.iter().filter(|plan| plan.kind != PlanKind::Compute);
    let compute = billing.savings_plans.iter().filter(|plan| plan.kind == PlanKind::Compute);
    for plan in families.chain(compute) {
        found.push(resolve_plan(plan, prices)?);
    }
    Ok(found)
}

fn stated(path: &str) -> Provenance {
    Provenance { source: format!("stated under `{path}`"), as_of: String::new(), confidence: Confidence::Stated }
}

fn first_price(price: &Price) -> UsdPer {
    price.tiers.first().map_or(UsdPer::ZERO, |tier| tier.price)
}

/// The public price, before anything that was agreed.
fn list_price(price: &Price) -> UsdPer {
    price.tiers.first().map_or(UsdPer::ZERO, |tier| tier.list.unwrap_or(tier.price))
}

fn resolve_reserved(index: usize, reserved: &Reserved, prices: &Prices<'_>) -> Result<Commitment, BillError> {
    let on_demand = prices.find(&reserved.sku)?;
    let instance = reserved.sku.rsplit_once("linux.").map(|(_, instance)| instance);
    let (kind, provenance) = match &reserved.price {
        ReservedPrice::Stated { hourly, upfront, years } => ((*hourly, *upfront, *years), stated("billing.reserved")),
        ReservedPrice::Offer(offer) => {
            let instance = instance.ok_or_else(|| BillError::NotCovered {
                by: "a reserved instance".to_owned(),
                sku: reserved.sku.clone(),
                why: "offers of the price list are for keys such as `ec2.od.linux.m7g.large`; state `hourly` instead",
            })?;
            let price = prices.find(&format!("ec2.ri_{offer}.{instance}"))?;
            let source = price.tiers.first().map(|tier| tier.provenance.clone());
            let source = source.unwrap_or_else(|| stated("billing.reserved"));
            ((first_price(price), Usd::ZERO, 1), source)
        }
    };
    let (hourly, fee, years) = kind;
    let too_large = || BillError::TooLarge { sku: reserved.sku.clone() };
    let upfront = Upfront::new(fee, years).ok_or_else(too_large)?;
    let under = hourly.checked_add(upfront.an_hour).ok_or_else(too_large)?;
    let count = reserved.count;
    Ok(Commitment {
        name: format!("reserved-{}.{}", index + 1, reserved.sku),
        description: format!("{count} reserved {}", instance.unwrap_or(&reserved.sku)),
        kind: Kind::Instances { count, service: on_demand.service.clone(), hourly, upfront },
        provenance,
        rates: vec![Rate {
            sku: reserved.sku.clone(),
            under,
            on_demand: first_price(on_demand),
            list: list_price(on_demand),
        }],
    })
}

/// Whether a plan of this kind may cover a key (AWS, Savings Plans user guide, "Savings Plan types").
fn may_cover(kind: &PlanKind, sku: &str) -> bool {
    match kind {
        PlanKind::Compute => ["lambda.duration.", "lambda.pc.", "fargate.vcpu.", "fargate.gb.", "ec2.od."]
            .iter()
            .any(|beginning| sku.starts_with(beginning)),
        PlanKind::Ec2Instance(family) => {
            let instance = sku.strip_prefix("ec2.od.").and_then(|rest| rest.split_once('.'));
            instance.and_then(|(_, instance)| instance.split_once('.')).is_some_and(|(own, _)| own == family)
        }
    }
}

fn resolve_plan(plan: &SavingsPlan, prices: &Prices<'_>) -> Result<Commitment, BillError> {
    for (sku, _) in &plan.rates {
        prices.find(sku)?;
        if !may_cover(&plan.kind, sku) {
            return Err(BillError::NotCovered {
                by: format!("the Savings Plan `{}`", plan.name),
                sku: sku.clone(),
                why: "compute plans cover Lambda duration (never requests), Fargate and EC2; others one EC2 family",
            });
        }
    }
    for discount in &plan.discounts {
        agreed::check(discount, prices.book)?;
    }
    let mut rates = Vec::new();
    let mut sources: Option<Provenance> = None;
    for price in prices.book.prices().filter(|price| may_cover(&plan.kind, &price.key)) {
        let own = plan.rates.iter().find(|(sku, _)| *sku == price.key).map(|(_, rate)| *rate);
        // AWS states the savings of plans against its public prices, whatever else was agreed.
        let percent = || Some(agreed::less(list_price(price), &[agreed::best(&plan.discounts, price)?]));
        let offered = || {
            let listed = prices.book.price(&format!("sp.{}.{}", plan.offer.as_ref()?, price.key)).ok()?;
            sources = sources.take().or_else(|| listed.tiers.first().map(|tier| tier.provenance.clone()));
            Some(first_price(listed))
        };
        if let Some(under) = own.or_else(percent).or_else(offered) {
            let (on_demand, list) = (first_price(price), list_price(price));
            rates.push(Rate { sku: price.key.clone(), under, on_demand, list });
        }
    }
    if let (true, Some(offer)) = (rates.is_empty(), &plan.offer) {
        prices.book.price(&format!("sp.{offer}"))?;
    }
    // The largest saving first: under_a / list_a < under_b / list_b; then the lowest rate, then the key.
    rates.sort_by(|a, b| {
        let product = |x: UsdPer, y: UsdPer| Wide::new(x.picos()).checked_mul(Wide::new(y.picos()));
        let ratio = product(a.under, b.list).cmp(&product(b.under, a.list));
        ratio.then(a.under.cmp(&b.under)).then_with(|| a.sku.cmp(&b.sku))
    });
    // AWS has no rates above the list price.
    rates.retain(|rate| rate.under.cmp(&rate.list) != Ordering::Greater);
    let scope = match &plan.kind {
        PlanKind::Compute => "Compute Savings Plan".to_owned(),
        PlanKind::Ec2Instance(family) => format!("EC2 Instance Savings Plan for {family}"),
    };
    Ok(Commitment {
        name: plan.name.clone(),
        description: format!("{scope} of ${} an hour", plan.commitment),
        kind: Kind::Dollars(plan.commitment),
        provenance: sources.unwrap_or_else(|| stated("billing.savings_plans")),
        rates,
    })
}

/// The commitments of `billing:` can be priced in this book.
///
/// # Errors
/// As [`cover`].
pub(super) fn check(book: &PriceBook, billing: &Billing) -> Result<(), BillError> {
    resolve(&Prices { book, stated: &[] }, billing).map(drop)
}
