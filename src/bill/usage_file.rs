//! Stated usage as YAML, priced without simulating: a calculator that can be put under version control.
//!
//! ```yaml
//! region: us-east-1
//! month: 730h                     # or 720h, 744h, 2026-02
//! free_tier: full                 # none, full, remaining, or what others left: { lambda.request: 250k }
//! billing: { enterprise: 7% }     # as in a scenario
//! usage:
//!   - { sku: lambda.request.x86, quantity: 3M }
//!   - { sku: lambda.duration.x86, count: 3M, duration: 1s, memory: 512 MB, component: shop }
//! ```
//!
//! Quantities are those of a month, in the unit of the price; or they are counted: so many calls of so long with so much memory,
//! so many objects of a size for so long. They take the same way through free amounts and tiers as a simulation's.

use super::book::PriceBook;
use super::commitments::Hours;
use super::monthly::Demand;
use super::price_list::Table;
use super::unit::{PriceUnit, UnitKind};
use super::{Bill, BillError, Prices, Terms, agreed, commitments};
use crate::diag::{self, Diagnostic, Sources, Span};
use crate::money::wide::Wide;
use crate::money::{Quantity, grouped};
use crate::spec::billing::Billing;
use crate::spec::billing_yaml::{self, RawBilling, RawMonth};
use crate::spec::read::{At, FromYaml, Reader, Schemas, record};
use crate::spec::scenario::FreeTier;
use crate::units::{Bytes, MegaBytes, NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration};
use crate::usage::ACCOUNT;
use crate::yaml::{Node, Value};
use serde_json::json;
use std::collections::BTreeMap;

/// Most entries, and most weights of a profile.
const MAX_ENTRIES: usize = 10_000;
/// An hour of every month and more.
const MAX_PROFILE: usize = 24 * 31;

record! {
    /// The usage of a month, to be priced.
    pub(crate) struct RawUsageFile: "a usage file with `region` and `usage`" {
        /// Its name on the bill.
        optional name: String,
        /// Whose prices apply, e.g. `us-east-1`.
        required region: String,
        /// The month that is billed: a length, or a month of the calendar such as 2026-02 (default 730h).
        optional month: At<RawMonth>,
        /// `full` (default), `none`, `remaining` (after `billing.other_accounts`), or what others left of it.
        optional free_tier: FreeTier,
        /// What the account pays other than the list price, and what is shown beside the bill.
        optional billing: RawBilling,
        /// What is used.
        required usage: Vec<RawStated>,
    }
}

record! {
    /// The usage of one thing.
    pub(crate) struct RawStated: "an entry such as `{ sku: lambda.request.x86, quantity: 3M }`" {
        /// Key of the price.
        required sku: At<String>,
        /// How much of it in the month, in the price's unit.
        optional quantity: Quantity,
        /// Instead of a quantity: how many calls, instances, objects.
        optional count: Quantity,
        /// How long each of them takes or is held; calls of functions are billed by the started millisecond.
        optional duration: SimDuration,
        /// Init of each call that is billed: added before rounding up.
        optional init: SimDuration,
        /// Memory of each.
        optional memory: MegaBytes,
        /// Size of each.
        optional size: Bytes,
        /// What uses it (default `account`).
        optional component: String,
        /// How it is spread over equal parts of the month, e.g. 24 weights for the hours of a day; evenly unless stated. Only
        /// commitments ask for it.
        optional profile: At<Vec<u64>>,
    }
}

impl FromYaml for FreeTier {
    const EXPECTS: &'static str = "`none`, `full`, `remaining` or what others left, e.g. `{ lambda.request: 250k }`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match (&node.value, node.scalar()) {
            (_, Some("none")) => Some(Self::None),
            (_, Some("full")) => Some(Self::Full),
            (_, Some("remaining")) => Some(Self::AfterOthers),
            (Value::Mapping(_), _) => {
                let left = Table::<Quantity>::read(node, reader)?;
                // A quantity of six decimals below 2^53 millionths is exact; above, nothing is left of a free tier anyway.
                let units = |quantity: Quantity| quantity.millionths() as f64 / 1e6;
                Some(Self::Remaining(left.0.into_iter().map(|(key, left)| (key.text, units(left))).collect()))
            }
            _ => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [{ "enum": ["none", "full", "remaining"] }, Table::<Quantity>::schema(schemas)] })
    }
}

/// The usage of a month as a file states it.
#[derive(Debug)]
pub struct StatedUsage {
    /// Its name; the file's unless stated.
    pub name: String,
    /// Whose prices apply.
    pub region: String,
    /// The month that is billed.
    pub month: SimDuration,
    /// What of the permanent free tier may be used.
    pub free_tier: FreeTier,
    /// What the account pays other than the list price.
    pub billing: Billing,
    /// What is used; never empty.
    pub entries: Vec<Stated>,
    sources: Sources,
}

/// The usage of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// What uses it.
    pub component: String,
    /// Key of the price.
    pub sku: String,
    /// In the month.
    pub amount: Amount,
    /// Weights of equal parts of the month; empty = even.
    pub profile: Vec<u64>,
    /// Place of the key.
    span: Span,
}

/// How much is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// In the price's unit.
    Units(Quantity),
    /// Counted.
    Counted(Counted),
}

/// So many of something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// How many.
    pub count: Quantity,
    /// How long each takes or is held.
    pub duration: Option<SimDuration>,
    /// Init that is billed with it.
    pub init: Option<SimDuration>,
    /// Memory of each.
    pub memory: Option<MegaBytes>,
    /// Size of each.
    pub size: Option<Bytes>,
}

/// JSON Schema of a usage file.
pub fn schema() -> serde_json::Value {
    Schemas::document::<RawUsageFile>("costsim usage")
}

/// Whether a file is a usage file rather than a scenario or a model: it has `usage:` at its top.
pub(crate) fn is_usage(node: &Node) -> bool {
    node.get("usage").is_some()
}

/// Reads a usage file.
///
/// # Errors
/// All mistakes of the file.
pub fn read(name: &str, text: &str) -> Result<StatedUsage, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let usage = reader
        .parse(name, text)
        .and_then(|node| RawUsageFile::read(&node, &mut reader))
        .and_then(|raw| check(raw, name, &mut reader));
    match usage {
        Some(usage) if !reader.failed() => Ok(StatedUsage { sources: reader.sources, ..usage }),
        _ => {
            diag::sort(&mut reader.findings);
            Err(reader.findings)
        }
    }
}

fn check(raw: RawUsageFile, file: &str, reader: &mut Reader) -> Option<StatedUsage> {
    let month = billing_yaml::month(raw.month.as_ref(), reader);
    if let Some(purchase) = raw.billing.as_ref().and_then(|billing| billing.purchase.as_ref()) {
        let span = reader.first_line(purchase.span);
        let help = "state the plan under `savings_plans:`, or put it into a scenario";
        reader.error("purchase", "stated usage has no verdict", span, "", help);
    }
    if let Some(growth) = raw.billing.as_ref().and_then(|billing| billing.growth.as_ref()) {
        let help = "remove it; a scenario's traffic can grow";
        reader.error("growth", "stated usage does not grow", growth.span, "", help);
    }
    let billing = Billing { calendar: month.calendar, ..billing_yaml::billing(raw.billing, reader) };
    let usage = raw.usage?;
    if usage.is_empty() || usage.len() > MAX_ENTRIES {
        let span = reader.first_line(raw.span);
        let help = "add an entry such as `- { sku: lambda.request.x86, quantity: 3M }`";
        match usage.is_empty() {
            true => reader.error("no-usage", "no usage is stated", span, "", help),
            false => reader.error("too-many", format!("more than {MAX_ENTRIES} entries"), span, "", "split the file"),
        }
    }
    let mut entries: Vec<Stated> = Vec::new();
    let mut length = None;
    for entry in usage {
        let Some(entry) = stated(entry, &mut length, reader) else { continue };
        entries.push(entry);
    }
    let stem = std::path::Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file);
    Some(StatedUsage {
        name: raw.name.unwrap_or_else(|| stem.to_owned()),
        region: raw.region?,
        month: month.length,
        free_tier: raw.free_tier.unwrap_or(FreeTier::Full),
        billing,
        entries,
        sources: Sources::default(),
    })
}

/// Checks one entry; `length` is that of the profiles so far.
fn stated(raw: RawStated, length: &mut Option<usize>, reader: &mut Reader) -> Option<Stated> {
    let counted = ["count", "duration", "init", "memory", "size"].into_iter().find(|key| raw.given.contains(key));
    let amount = match (raw.given.contains(&"quantity"), counted) {
        (true, None) => Amount::Units(raw.quantity?),
        (false, Some(_)) if raw.given.contains(&"count") => Amount::Counted(Counted {
            count: raw.count?,
            duration: raw.duration,
            init: raw.init,
            memory: raw.memory,
            size: raw.size,
        }),
        (true, Some(key)) => {
            let span = reader.first_line(raw.span);
            let title = format!("`quantity` and `{key}` both say how much");
            reader.error("two-amounts", title, span, "", "keep `quantity`, or `count` with what each takes");
            return None;
        }
        (false, _) => {
            let span = reader.first_line(raw.span);
            let help = "add `quantity:` in the price's unit, or `count:` with `duration:`, `memory:`, `size:`";
            reader.error("missing-key", "`quantity` is missing", span, "in this mapping", help);
            return None;
        }
    };
    let profile = raw.profile.map(|profile| {
        let weights = &profile.value;
        let whole = weights.iter().try_fold(0u64, |sum, weight| sum.checked_add(*weight));
        if weights.is_empty() || weights.len() > MAX_PROFILE || whole.is_none_or(|sum| sum == 0) {
            let title = "a profile is a list of up to 744 weights, not all of them 0";
            reader.error("profile", title, profile.span, "", "write e.g. 24 numbers, one for each hour of the day");
        } else if *length.get_or_insert(weights.len()) != weights.len() {
            let title = format!("a profile of {} parts beside one of {}", weights.len(), length.unwrap_or_default());
            reader.error("profile", title, profile.span, "", "give all profiles of the file the same length");
        }
        profile.value
    });
    let sku = raw.sku?;
    Some(Stated {
        component: raw.component.unwrap_or_else(|| ACCOUNT.to_owned()),
        sku: sku.value,
        amount,
        profile: profile.unwrap_or_default(),
        span: sku.span,
    })
}

impl StatedUsage {
    /// The bill of this usage at the prices of `book`, which should be that of [`Self::region`].
    ///
    /// # Errors
    /// A diagnostic at each key that has no price; one for whatever else cannot be priced.
    pub fn bill(&self, book: &PriceBook) -> Result<Bill, Vec<Diagnostic>> {
        let other = |error: BillError| vec![Diagnostic::error("cannot-price", error.to_string())];
        let list = book;
        let book = agreed::book(list, &self.billing).map_err(other)?;
        commitments::check(&book, &self.billing).map_err(other)?;
        let mut findings = Vec::new();
        let mut demands = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let (code, text, help) = match book.price(&entry.sku) {
                Err(error) => ("no-price", error.to_string(), None),
                Ok(price) => match entry.demand(&price.unit, self.month) {
                    Ok(demand) => {
                        demands.push(demand);
                        continue;
                    }
                    Err(help) => {
                        let title = format!("this does not make a quantity of `{}` in {}", entry.sku, price.unit);
                        ("unit", title, Some(help))
                    }
                },
            };
            let finding = Diagnostic::error(code, text).at(&self.sources, entry.span, "");
            findings.push(match help {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        self.priced(&demands, &Prices { book: &book, stated: &[] }, &Prices { book: list, stated: &[] }).map_err(other)
    }

    fn priced(&self, demands: &[Demand], prices: &Prices<'_>, list: &Prices<'_>) -> Result<Bill, BillError> {
        let hours = self.hours()?;
        let price = |free_tier: &FreeTier| {
            Terms { free_tier, billing: &self.billing, month: self.month, hours: &hours }.price(demands, prices)
        };
        let without_free_tier = price(&FreeTier::None)?.total;
        let at_list_prices = super::at_list_prices(demands, list, &self.billing, self.month);
        Ok(price(&self.free_tier)?.bill(without_free_tier, at_list_prices))
    }

    /// The stated profiles, each entry's in proportion to what it uses of its key.
    fn hours(&self) -> Result<Hours, BillError> {
        let parts = self.entries.iter().map(|entry| entry.profile.len()).max().unwrap_or(0);
        let mut weights: BTreeMap<String, Vec<u128>> = BTreeMap::new();
        if parts == 0 || !self.billing.has_commitments() {
            return Ok(Hours::default());
        }
        for entry in &self.entries {
            let too_large = || BillError::TooLarge { sku: entry.sku.clone() };
            let even = vec![1u64; parts];
            let profile = if entry.profile.is_empty() { &even } else { &entry.profile };
            let profile: Vec<u128> = profile.iter().map(|weight| u128::from(*weight)).collect();
            // The size does not matter where a key has a single entry; it does between several of them.
            let size = entry.amount.size();
            let spread = super::tiers::apportion(size, &profile, profile.iter().sum()).ok_or_else(too_large)?;
            let sums = weights.entry(entry.sku.clone()).or_insert_with(|| vec![0; parts]);
            for (sum, part) in sums.iter_mut().zip(spread) {
                *sum = sum.checked_add(part).ok_or_else(too_large)?;
            }
        }
        Ok(Hours::of_weights(weights))
    }
}

impl Amount {
    /// Something in proportion to the amount, to weigh entries of one key against each other.
    fn size(&self) -> u128 {
        match self {
            Self::Units(quantity) => quantity.millionths(),
            Self::Counted(c) => {
                let ms = c.duration.map_or(1, |d| u128::from(d.0 / NANOS_PER_MILLI).max(1));
                let memory = c.memory.map_or(1, |memory| u128::from(memory.0));
                let bytes = c.size.map_or(1, |size| u128::from(size.0));
                c.count.millionths().saturating_mul(ms).saturating_mul(memory).saturating_mul(bytes)
            }
        }
    }
}

impl Stated {
    /// The demand in the price's unit; `Err` says what to write instead.
    fn demand(&self, unit: &PriceUnit, month: SimDuration) -> Result<Demand, String> {
        let (numerator, denominator, how) = match &self.amount {
            Amount::Units(quantity) => (Wide::new(quantity.millionths()), Wide::new(1_000_000), "stated".to_owned()),
            Amount::Counted(counted) => counted.in_units(&self.sku, unit, month)?,
        };
        // Entries of one key may be counted in several ways: each is rounded once to the millionth.
        let quantity = Quantity::from_ratio(numerator, denominator).ok_or("write a smaller amount")?;
        Ok(Demand {
            component: self.component.clone(),
            sku: self.sku.clone(),
            numerator: Wide::new(quantity.millionths()),
            denominator: Wide::new(1_000_000),
            how,
        })
    }
}

impl Counted {
    /// The count in a price's unit as a fraction, and in words.
    fn in_units(&self, sku: &str, unit: &PriceUnit, month: SimDuration) -> Result<(Wide, Wide, String), String> {
        let wants = |names: &str| Err(format!("for {unit} write `count:` {names}, or `quantity:`"));
        let (duration, memory, size) = match (unit.kind(), self.duration, self.memory, self.size) {
            (UnitKind::Count, None, None, None) => (false, false, false),
            (UnitKind::Count, ..) => return wants("alone"),
            (UnitKind::Hour | UnitKind::Second | UnitKind::Month | UnitKind::LcuHour, Some(_), None, None) => {
                (true, false, false)
            }
            (UnitKind::Hour | UnitKind::Second | UnitKind::Month | UnitKind::LcuHour, ..) => {
                return wants("and `duration:`");
            }
            (UnitKind::GbSecond | UnitKind::GbHour, Some(_), Some(_), None) => (true, true, false),
            (UnitKind::GbSecond | UnitKind::GbHour, ..) => return wants("with `duration:` and `memory:`"),
            (UnitKind::Gb, None, None, Some(_)) => (false, false, true),
            (UnitKind::Gb, ..) => return wants("and `size:`"),
            (UnitKind::GbMonth, Some(_), None, Some(_)) => (true, false, true),
            (UnitKind::GbMonth, ..) => return wants("with `duration:` and `size:`"),
        };
        let mut factors = vec![self.count.millionths()];
        let mut divisors = vec![1_000_000u128];
        let mut how = vec![grouped(&self.count.to_string())];
        if duration {
            let length = self.duration.unwrap_or_default();
            let (ns, words) = self.billed(sku, length);
            factors.push(ns);
            how.push(words);
            divisors.push(match unit.kind() {
                UnitKind::Second | UnitKind::GbSecond => NANOS_PER_SEC.into(),
                UnitKind::Month | UnitKind::GbMonth => month.0.into(),
                _ => SimDuration::from_hours(1).0.into(),
            });
        } else if self.init.is_some() {
            return wants("without `init:`");
        }
        if memory {
            let memory = self.memory.map_or(0, |memory| memory.0);
            factors.push(memory.into());
            divisors.push(1_024);
            how.push(format!("{} MB / 1,024", grouped(&memory.to_string())));
        }
        if size {
            let bytes = self.size.map_or(0, |size| size.0);
            factors.push(bytes.into());
            divisors.push(1 << 30);
            how.push(format!("{} bytes / 1,073,741,824", grouped(&bytes.to_string())));
        }
        let product = |all: &[u128]| all.iter().try_fold(Wide::ONE, |sum, factor| sum.checked_mul(Wide::new(*factor)));
        match (product(&factors), product(&divisors)) {
            (Some(numerator), Some(denominator)) => Ok((numerator, denominator, how.join(" x "))),
            _ => Err("write a smaller amount".to_owned()),
        }
    }

    /// What is billed of a duration, ns: calls of functions by the started millisecond, init included.
    fn billed(&self, sku: &str, length: SimDuration) -> (u128, String) {
        let calls = ["lambda.duration.", "lambda.pc.duration.", "lambdaedge.duration"];
        let whole = u128::from(length.0) + u128::from(self.init.unwrap_or_default().0);
        let init = self.init.map_or_else(String::new, |init| format!(" + {init} of init"));
        if !calls.iter().any(|beginning| sku.starts_with(beginning)) {
            return (whole, format!("{length}{init}"));
        }
        let ms = whole.div_ceil(NANOS_PER_MILLI.into());
        let words = match ms * u128::from(NANOS_PER_MILLI) == whole && self.init.is_none() {
            true => format!("{} ms", grouped(&ms.to_string())),
            false => format!("{} ms ({length}{init}, by the started millisecond)", grouped(&ms.to_string())),
        };
        (ms * u128::from(NANOS_PER_MILLI), words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::price_list;

    fn bill(text: &str) -> Result<Bill, Vec<Diagnostic>> {
        let usage = read("usage.yaml", text)?;
        let lists = crate::catalog::price_lists(&usage.region, None)?;
        usage.bill(&price_list::book(&usage.region, &lists)?)
    }

    #[test]
    fn stated_usage_is_priced_as_aws_prices_it() {
        // aws.amazon.com/lambda/pricing: 3 M requests of 1 s at 512 MB, at today's rate.
        let file = |free: &str| {
            format!(
                "region: us-east-1\n{free}usage:\n  - {{ sku: lambda.request.x86, quantity: 3M }}\n  - {{ sku: lambda.duration.x86, quantity: 1500000, component: shop }}\n"
            )
        };
        let full = bill(&file("")).expect("priced");
        assert_eq!(full.total.to_string(), "18.73337");
        assert_eq!(full.without_free_tier.to_string(), "25.60005");
        assert_eq!(bill(&file("free_tier: none\n")).expect("priced").total.to_string(), "25.60005");
        let left = bill(&file("free_tier: { lambda.request: 250k }\n")).expect("priced");
        // 2.75 M requests at $0.20 a million and 1.5 M GB-s.
        assert_eq!(left.total.to_string(), "25.55005");
        let lines = full.line_items();
        assert_eq!((lines[0].component.as_str(), lines[3].component.as_str()), ("account", "shop"));
        assert_eq!(
            lines[3].formula,
            "stated = 1,500,000 GB-s a month; 400,000 GB-s of it are free; first 6,000,000,000 GB-s: 1,100,000 GB-s; \
             1,100,000 x $0.0000166667 = $18.33337"
        );
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let entry = |entry: &str| bill(&format!("region: us-east-1\nusage:\n  - {entry}\n")).expect_err("a mistake");
        let found = entry("{ sku: lambda.request.x68, quantity: 1 }");
        let shown = found[0].render(false);
        assert!(shown.contains("usage.yaml:3:12") && shown.contains("`lambda.request.x86`"), "{shown}");
        assert_eq!(entry("{ sku: lambda.request.x86, quantity: -1 }")[0].code, "negative");
        assert_eq!(entry("{ sku: lambda.request.x86 }")[0].code, "missing-key");
        assert_eq!(entry("{ sku: lambda.request.x86, quantity: 0.0000001 }")[0].code, "out-of-range");
        assert_eq!(bill("region: us-east-1\nusage: []\n").expect_err("empty")[0].code, "no-usage");
        assert_eq!(bill("region: us-east-1\nmonth: 0h\nusage: []\n").expect_err("zero").len(), 2);
        let unknown = bill("region: us-east-9\nusage:\n  - { sku: a, quantity: 1 }\n").expect_err("no region");
        assert_eq!(unknown[0].code, "unknown-region");
        let pool = bill("region: us-east-1\nfree_tier: { lambda: 1 }\nusage:\n  - { sku: alb.hour, quantity: 1 }\n");
        assert_eq!(pool.expect_err("no pool")[0].code, "cannot-price");
    }
}
