//! Price lists as YAML: what `pricing/*.yaml` may say, and how it becomes a [`PriceList`].
//!
//! A list names its sources once and its prices by service. Prices with tiers or a free amount are written out under
//! `prices:`; a family of prices that differ only in a name (instance types) is a `table:`. Every mistake of a file is
//! reported with its place.

use super::BillError;
use super::book::{Confidence, Free, FreeAmount, Price, PriceBook, PriceList, Provenance, Ratio, Tier};
use super::unit::PriceUnit;
use crate::diag::{self, Diagnostic, Span};
use crate::money::{DecimalError, Quantity, UsdPer};
use crate::spec::read::{At, FromYaml, Problem, Reader, Schemas, keywords, record};
use crate::yaml::{Key, Node, Value, shorten};
use serde_json::json;
use std::collections::BTreeMap;
use std::str::FromStr;

record! {
    /// A price list: what AWS charges in one region, in USD.
    pub(crate) struct RawList: "a price list with `region`, `sources` and `services`" {
        /// The region, e.g. `us-east-1`; `global` for prices that are the same everywhere.
        required region: String,
        /// Where prices come from, by a short name.
        required sources: Table<RawSource>,
        /// The prices, by service.
        required services: Vec<RawService>,
    }
}

record! {
    /// Where prices come from.
    pub(crate) struct RawSource: "a source with `source`, `as_of` and `confidence`" {
        /// In words, precise enough to find it again.
        required source: String,
        /// When it was valid or read: 2026, 2026-07 or 2026-07-20.
        required as_of: AsOf,
        /// How well prices from it are known.
        required confidence: Confidence,
    }
}

record! {
    /// Prices of one service.
    pub(crate) struct RawService: "a service with `service` and `prices` or `table`" {
        /// AWS's name of the service.
        required service: String,
        /// Prices, each written out.
        optional prices: Vec<RawPrice>,
        /// Numbers that are no prices: discounts, surcharges.
        optional ratios: Vec<RawRatio>,
        /// Prices of one unit by the last part of their key.
        optional table: Table<At<UsdPer>>,
        /// What comes before that last part.
        optional prefix: String,
        /// What a price of the table is for; `{}` stands for the last part of its key.
        optional description: String,
        /// Unit of the prices of the table.
        optional unit: String,
        /// Source of the prices of the table.
        optional source: At<String>,
    }
}

record! {
    /// A price.
    pub(crate) struct RawPrice: "a price with `key`, `description`, `unit` and `price` or `tiers`" {
        /// Its key, e.g. `lambda.duration.arm`.
        required key: At<String>,
        /// What it is for.
        required description: String,
        /// What one is: `request`, `GB-s`, `instance-hour`, `GB-month` …
        required unit: String,
        /// Free each month, for ever, in this unit.
        optional free: Quantity,
        /// Free in each hour of the month, in this unit.
        optional free_per_hour: Quantity,
        /// Prices with the same pool share one free amount.
        optional free_pool: String,
        /// Whether free units count towards the tiers (default false).
        optional free_counts_in_tiers: bool,
        /// Name of the source of the free amount, where it is not that of the price.
        optional free_source: At<String>,
        /// USD a unit, where there are no tiers.
        optional price: Present<UsdPer>,
        /// USD a unit by the usage of the month.
        optional tiers: Present<Vec<RawTier>>,
        /// Name of the source.
        optional source: At<String>,
    }
}

record! {
    /// A range of the month's usage at one price.
    pub(crate) struct RawTier: "a tier such as `{ from: 0, to: 1000, price: 0.05 }`" {
        /// Where it starts.
        required from: At<Quantity>,
        /// Where it ends; without it, never.
        optional to: Quantity,
        /// USD a unit.
        required price: UsdPer,
        /// Name of the source, where it is not that of the whole price.
        optional source: At<String>,
    }
}

record! {
    /// A number that is no price.
    pub(crate) struct RawRatio: "a ratio with `key`, `description`, `value` and `source`" {
        /// Its key.
        required key: At<String>,
        /// What it multiplies.
        required description: String,
        /// The number.
        required value: Quantity,
        /// Name of the source.
        required source: At<String>,
    }
}

keywords!(Confidence, "how well a price is known", {
    "list" => Confidence::List,
    "page" => Confidence::Page,
    "derived" => Confidence::Derived,
    "memory" => Confidence::Memory,
    "stated" => Confidence::Stated,
});

/// A mapping whose keys are the user's own, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Table<T>(pub(crate) Vec<(Key, T)>);

impl<T: FromYaml> FromYaml for Table<T> {
    const EXPECTS: &'static str = "a mapping of names";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else { return reader.mismatch(node, Self::EXPECTS) };
        Some(Self(entries.iter().filter_map(|(key, value)| Some((key.clone(), T::read(value, reader)?))).collect()))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        json!({ "type": "object", "additionalProperties": T::schema(schemas) })
    }
}

/// A value that is there, be it readable or not: what has been reported as unreadable is not reported as missing, too.
#[derive(Debug, Clone)]
pub(crate) struct Present<T>(Option<T>);

impl<T: FromYaml> FromYaml for Present<T> {
    const EXPECTS: &'static str = T::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        Some(Self(T::read(node, reader)))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        T::schema(schemas)
    }
}

/// A year, a month or a day, as written.
#[derive(Debug, Clone)]
pub(crate) struct AsOf(String);

impl FromYaml for AsOf {
    const EXPECTS: &'static str = "a date such as `2026-07-20`, `2026-07` or `2026`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(text) = node.scalar() else { return reader.mismatch(node, Self::EXPECTS) };
        // A year or a month is a date as soon as the rest is filled in.
        let full = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            _ => text.to_owned(),
        };
        if full.len() != 10 || jiff::civil::Date::from_str(&full).is_err() {
            let title = format!("`{}` is no date", shorten(text));
            return reader.problem(node, Problem::new("wrong-date", title, format!("write {}", Self::EXPECTS)));
        }
        Some(Self(text.to_owned()))
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [{ "type": "integer" }, { "type": "string", "pattern": r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$" }] })
    }
}

/// Reads an exact decimal; `text` is what the number's type parses.
fn decimal<T: FromStr<Err = DecimalError>>(
    node: &Node,
    reader: &mut Reader,
    expects: &str,
    text: impl FnOnce(&str) -> String,
) -> Option<T> {
    let Some(written) = node.scalar() else { return reader.mismatch(node, expects) };
    match text(written.trim()).parse() {
        Ok(value) => Some(value),
        Err(DecimalError::NotANumber) => {
            let title = format!("expected {expects}, found `{}`", shorten(written));
            let help = match written.trim().strip_prefix('$') {
                Some(rest) if rest.parse::<UsdPer>().is_ok() => format!("write `{rest}`"),
                _ => format!("write {expects}"),
            };
            reader.problem(node, Problem::new("wrong-type", title, help))
        }
        Err(error) => {
            let code = if error == DecimalError::Negative { "negative" } else { "out-of-range" };
            let title = format!("`{}` {error}", shorten(written));
            reader.problem(node, Problem::new(code, title, format!("write {expects}")))
        }
    }
}

/// A price of one unit in USD, exact to 12 decimals.
impl FromYaml for UsdPer {
    const EXPECTS: &'static str = "a price in USD such as `0.0000166667`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        decimal(node, reader, Self::EXPECTS, str::to_owned)
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]+(\.[0-9]+)?$" })
    }
}

/// A quantity, exact to 6 decimals, with an optional suffix k, M or B.
impl FromYaml for Quantity {
    const EXPECTS: &'static str = "a quantity such as `400000`, `0.5` or `3M`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const SUFFIXES: [(char, &str); 4] = [('k', "e3"), ('K', "e3"), ('M', "e6"), ('B', "e9")];
        decimal(node, reader, Self::EXPECTS, |text| {
            let suffixed = SUFFIXES.iter().find_map(|(c, power)| Some((text.strip_suffix(*c)?, power)));
            suffixed.map_or_else(|| text.to_owned(), |(number, power)| format!("{}{power}", number.trim_end()))
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*[kKMB]?$" }] })
    }
}

/// JSON Schema of a price list.
pub fn schema() -> serde_json::Value {
    Schemas::document::<RawList>("costsim price list")
}

/// Reads price lists: (name as shown, text). All mistakes of all of them are reported.
///
/// # Errors
/// The findings, when one of them makes a list unusable.
pub fn read(files: &[(String, String)]) -> Result<Vec<PriceList>, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let lists: Vec<PriceList> = files
        .iter()
        .filter_map(|(name, text)| {
            let node = reader.parse(name, text)?;
            RawList::read(&node, &mut reader)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|raw| check(raw, &mut reader))
        .collect();
    if reader.failed() {
        diag::sort(&mut reader.findings);
        return Err(reader.findings);
    }
    Ok(lists)
}

/// The book of a region from price lists as texts (see [`crate::catalog::price_lists`]): first the shipped ones, then
/// those that overlay them.
///
/// # Errors
/// The findings in the lists, or one that says what the book lacks.
pub fn book(region: &str, files: &[(String, String)]) -> Result<PriceBook, Vec<Diagnostic>> {
    let lists = read(files)?;
    PriceBook::new(region, &lists).map_err(|error| {
        let code = if matches!(error, BillError::UnknownRegion { .. }) { "unknown-region" } else { "price-list" };
        let help = "price lists are `pricing/REGION.yaml`; `--data-dir DIR` adds those of DIR/pricing";
        vec![Diagnostic::error(code, error.to_string()).help(help)]
    })
}

/// Resolves sources and tiers. What is missing has been reported by the reader already and is left out.
fn check(raw: RawList, reader: &mut Reader) -> PriceList {
    let mut list = PriceList { region: raw.region.unwrap_or_default(), ..PriceList::default() };
    let mut checker = Checker { reader, sources: BTreeMap::new(), keys: BTreeMap::new() };
    for (name, source) in raw.sources.map_or_else(Vec::new, |sources| sources.0) {
        if let (Some(text), Some(as_of), Some(confidence)) = (source.source, source.as_of, source.confidence) {
            checker.sources.insert(name.text, Provenance { source: text, as_of: as_of.0, confidence });
        }
    }
    for service in raw.services.unwrap_or_default() {
        let Some(name) = service.service.clone() else { continue };
        for price in service.prices.iter().flatten() {
            list.prices.extend(checker.price(&name, price));
        }
        for ratio in service.ratios.iter().flatten() {
            list.ratios.extend(checker.ratio(&name, ratio));
        }
        checker.table(&name, &service, &mut list.prices);
    }
    list
}

struct Checker<'r> {
    reader: &'r mut Reader,
    sources: BTreeMap<String, Provenance>,
    /// Keys so far, with their places.
    keys: BTreeMap<String, Span>,
}

impl Checker<'_> {
    /// Whether the key is new.
    fn new_key(&mut self, key: &str, span: Span) -> bool {
        let Some(first) = self.keys.insert(key.to_owned(), span) else { return true };
        let finding = Diagnostic::error("duplicate-price", format!("`{key}` is priced twice"))
            .at(&self.reader.sources, span, "again here")
            .at(&self.reader.sources, first, "first here")
            .help("remove one of the two");
        self.reader.findings.push(finding);
        false
    }

    fn provenance(&mut self, name: &At<String>) -> Option<Provenance> {
        let found = self.sources.get(&name.value).cloned();
        if found.is_none() {
            let help = match diag::nearest(&name.value, self.sources.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add it under `sources:`".to_owned(),
            };
            let title = format!("there is no source `{}`", shorten(&name.value));
            self.reader.error("unknown-source", title, name.span, "", &help);
        }
        found
    }

    fn missing<T>(&mut self, key: &str, span: Span, help: &str) -> Option<T> {
        let span = self.reader.first_line(span);
        self.reader.error("missing-key", format!("`{key}` is missing"), span, "in this mapping", help);
        None
    }

    fn price(&mut self, service: &str, raw: &RawPrice) -> Option<Price> {
        let key = raw.key.as_ref()?;
        let fresh = self.new_key(&key.value, key.span);
        let source = match &raw.source {
            Some(name) => Some(self.provenance(name)?),
            None => None,
        };
        let tiers = match (&raw.price, &raw.tiers) {
            (Some(price), None) => {
                let price = price.0?;
                let Some(provenance) = source else {
                    return self.missing("source", raw.span, "name one of `sources:`");
                };
                vec![Tier { from: Quantity::ZERO, to: None, price, list: None, provenance }]
            }
            (None, Some(tiers)) => self.tiers(raw, tiers.0.as_ref()?, source.as_ref())?,
            (None, None) => return self.missing("price", raw.span, "add `price:`, or `tiers:`"),
            (Some(_), Some(_)) => {
                let span = self.reader.first_line(raw.span);
                let help = "keep one of the two";
                self.reader.error("price-and-tiers", "a price has either `price` or `tiers`", span, "", help);
                return None;
            }
        };
        let amount = match (raw.free, raw.free_per_hour) {
            (Some(amount), None) => Some(FreeAmount::PerMonth(amount)),
            (None, Some(amount)) => Some(FreeAmount::PerHour(amount)),
            (None, None) => None,
            (Some(_), Some(_)) => {
                let span = self.reader.first_line(raw.span);
                let title = "a free amount is either `free` (a month) or `free_per_hour`";
                self.reader.error("two-free-amounts", title, span, "", "keep one of the two");
                return None;
            }
        };
        let free = amount.map(|amount| Free {
            amount,
            pool: raw.free_pool.clone().unwrap_or_else(|| key.value.clone()),
            counts_in_tiers: raw.free_counts_in_tiers.unwrap_or(false),
        });
        let free_provenance = match &raw.free_source {
            Some(name) => Some(self.provenance(name)?),
            None => None,
        };
        fresh.then_some(Price {
            key: key.value.clone(),
            service: service.to_owned(),
            description: raw.description.clone()?,
            unit: PriceUnit::new(raw.unit.clone()?),
            free,
            free_provenance,
            tiers,
        })
    }

    /// Tiers must follow each other without gaps, from 0 on.
    fn tiers(&mut self, price: &RawPrice, raw: &[RawTier], source: Option<&Provenance>) -> Option<Vec<Tier>> {
        let mut tiers = Vec::with_capacity(raw.len());
        let mut end = Some(Quantity::ZERO);
        for tier in raw {
            let (Some(from), Some(price)) = (&tier.from, tier.price) else { return None };
            if end != Some(from.value) || tier.to.is_some_and(|to| to <= from.value) {
                let help = match end {
                    Some(end) if end != from.value => format!("write `from: {end}`"),
                    Some(_) => "write a `to:` above `from:`".to_owned(),
                    None => "give the tier before a `to:`; only the last has none".to_owned(),
                };
                let title = "tiers must start at 0 and follow each other";
                self.reader.error("tiers", title, from.span, "this tier does not", &help);
                return None;
            }
            let provenance = match (&tier.source, source) {
                (Some(name), _) => self.provenance(name)?,
                (None, Some(source)) => source.clone(),
                (None, None) => return self.missing("source", tier.span, "name one of `sources:`"),
            };
            tiers.push(Tier { from: from.value, to: tier.to, price, list: None, provenance });
            end = tier.to;
        }
        if tiers.is_empty() {
            let span = self.reader.first_line(price.span);
            self.reader.error("tiers", "there are no tiers", span, "", "add one, or write `price:` instead");
            return None;
        }
        Some(tiers)
    }

    fn ratio(&mut self, service: &str, raw: &RawRatio) -> Option<Ratio> {
        let key = raw.key.as_ref()?;
        let fresh = self.new_key(&key.value, key.span);
        let provenance = self.provenance(raw.source.as_ref()?)?;
        fresh.then_some(Ratio {
            key: key.value.clone(),
            service: service.to_owned(),
            description: raw.description.clone()?,
            value: raw.value?,
            provenance,
        })
    }

    fn table(&mut self, service: &str, raw: &RawService, prices: &mut Vec<Price>) {
        let Some(table) = &raw.table else { return };
        let help = "a `table:` needs `prefix`, `description`, `unit` and `source` beside it";
        let (Some(prefix), Some(description), Some(unit), Some(source)) =
            (&raw.prefix, &raw.description, &raw.unit, &raw.source)
        else {
            let absent = [
                ("prefix", raw.prefix.is_none()),
                ("description", raw.description.is_none()),
                ("unit", raw.unit.is_none()),
                ("source", raw.source.is_none()),
            ];
            for (key, _) in absent.into_iter().filter(|(_, absent)| *absent) {
                self.missing::<()>(key, raw.span, help);
            }
            return;
        };
        let Some(provenance) = self.provenance(source) else { return };
        for (name, price) in &table.0 {
            let key = format!("{prefix}{}", name.text);
            if self.new_key(&key, name.span) {
                prices.push(Price {
                    key,
                    service: service.to_owned(),
                    description: description.replace("{}", &name.text),
                    unit: PriceUnit::new(unit.clone()),
                    free: None,
                    free_provenance: None,
                    tiers: vec![Tier {
                        from: Quantity::ZERO,
                        to: None,
                        price: price.value,
                        list: None,
                        provenance: provenance.clone(),
                    }],
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "price_list_tests.rs"]
mod tests;
