//! Stated usage as YAML, priced without simulating: a calculator that can be put under version control.
//!
//! ```yaml
//! region: us-east-1
//! month: 730h
//! free_tier: full                 # none, full, or what others left: { lambda.request: 250k }
//! usage:
//!   - { sku: lambda.request.x86, quantity: 3M }
//!   - { sku: lambda.duration.x86, quantity: 1500000, component: shop }
//! ```
//!
//! Quantities are those of a month, in the unit of the price; they take the same way through free amounts and tiers as a simulation's.

use super::book::PriceBook;
use super::monthly::Demand;
use super::price_list::Table;
use super::{Bill, BillError, Prices, share_from_memory, sum, tiers, used};
use crate::diag::{self, Diagnostic, Sources, Span};
use crate::money::wide::Wide;
use crate::money::{Quantity, Usd};
use crate::spec::read::{At, FromYaml, Reader, Schemas, record};
use crate::spec::scenario::FreeTier;
use crate::units::SimDuration;
use crate::usage::ACCOUNT;
use crate::yaml::{Node, Value};
use serde_json::json;

record! {
    /// The usage of a month, to be priced.
    pub(crate) struct RawUsageFile: "a usage file with `region` and `usage`" {
        /// Whose prices apply, e.g. `us-east-1`.
        required region: String,
        /// The month that is billed (default 730h).
        optional month: At<SimDuration>,
        /// `full` (default), `none`, or what others left of it.
        optional free_tier: FreeTier,
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
        required quantity: Quantity,
        /// What uses it (default `account`).
        optional component: String,
    }
}

impl FromYaml for FreeTier {
    const EXPECTS: &'static str = "`none`, `full` or what others left, e.g. `{ lambda.request: 250k }`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match (&node.value, node.scalar()) {
            (_, Some("none")) => Some(Self::None),
            (_, Some("full")) => Some(Self::Full),
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
        json!({ "anyOf": [{ "enum": ["none", "full"] }, Table::<Quantity>::schema(schemas)] })
    }
}

/// The usage of a month as a file states it.
#[derive(Debug)]
pub struct StatedUsage {
    /// Whose prices apply.
    pub region: String,
    /// The month that is billed.
    pub month: SimDuration,
    /// What of the permanent free tier may be used.
    pub free_tier: FreeTier,
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
    /// In the month, in the price's unit.
    pub quantity: Quantity,
    /// Place of the key.
    span: Span,
}

/// JSON Schema of a usage file.
pub fn schema() -> serde_json::Value {
    Schemas::document::<RawUsageFile>("costsim usage")
}

/// Reads a usage file.
///
/// # Errors
/// All mistakes of the file.
pub fn read(name: &str, text: &str) -> Result<StatedUsage, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let raw = reader.parse(name, text).and_then(|node| RawUsageFile::read(&node, &mut reader));
    let usage = raw.and_then(|raw| check(raw, &mut reader));
    match usage {
        Some((region, month, free_tier, entries)) if !reader.failed() => {
            Ok(StatedUsage { region, month, free_tier, entries, sources: reader.sources })
        }
        _ => {
            diag::sort(&mut reader.findings);
            Err(reader.findings)
        }
    }
}

fn check(raw: RawUsageFile, reader: &mut Reader) -> Option<(String, SimDuration, FreeTier, Vec<Stated>)> {
    let month = raw.month.map_or((SimDuration::from_hours(730), raw.span), |month| (month.value, month.span));
    if month.0 == SimDuration::ZERO {
        reader.error("zero", "the month has no length", month.1, "", "write `730h`, `720h` or `744h`");
    }
    let usage = raw.usage?;
    if usage.is_empty() {
        let span = reader.first_line(raw.span);
        let help = "add an entry such as `- { sku: lambda.request.x86, quantity: 3M }`";
        reader.error("no-usage", "no usage is stated", span, "", help);
    }
    let entries = usage.into_iter().filter_map(|entry| {
        let sku = entry.sku?;
        let component = entry.component.unwrap_or_else(|| ACCOUNT.to_owned());
        Some(Stated { component, sku: sku.value, quantity: entry.quantity?, span: sku.span })
    });
    Some((raw.region?, month.0, raw.free_tier.unwrap_or(FreeTier::Full), entries.collect()))
}

impl StatedUsage {
    /// The bill of this usage at the prices of `book`, which should be that of [`Self::region`].
    ///
    /// # Errors
    /// A diagnostic at each key that has no price; one for whatever else cannot be priced.
    pub fn bill(&self, book: &PriceBook) -> Result<Bill, Vec<Diagnostic>> {
        let missing: Vec<Diagnostic> = self
            .entries
            .iter()
            .filter_map(|entry| {
                let error = book.price(&entry.sku).err()?;
                Some(Diagnostic::error("no-price", error.to_string()).at(&self.sources, entry.span, ""))
            })
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        self.priced(&Prices { book, stated: &[] })
            .map_err(|error| vec![Diagnostic::error("cannot-price", error.to_string())])
    }

    fn priced(&self, prices: &Prices<'_>) -> Result<Bill, BillError> {
        let demands: Vec<Demand> = self
            .entries
            .iter()
            .map(|entry| Demand {
                component: entry.component.clone(),
                sku: entry.sku.clone(),
                numerator: Wide::new(entry.quantity.millionths()),
                denominator: Wide::new(1_000_000),
                how: "stated".to_owned(),
            })
            .collect();
        let lines = tiers::lines(&demands, prices, &self.free_tier, self.month)?;
        let total: Usd = sum(&lines)?;
        Ok(Bill {
            low: None,
            high: None,
            each: vec![total],
            without_free_tier: sum(&tiers::lines(&demands, prices, &FreeTier::None, self.month)?)?,
            once: None,
            share_from_memory: share_from_memory(&lines, total),
            used: used(&lines),
            lines,
            total,
        })
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
