//! What a file says, beside what the book has: the prices that changed, and the list to write.

use super::{Found, Stated};
use crate::bill::book::{Confidence, FreeAmount, Price, PriceBook, PriceList, Provenance, Tier};
use crate::bill::service_of;
use crate::bill::unit::PriceUnit;
use crate::money::Quantity;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A price that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Key of the price.
    pub key: String,
    /// What the book has; `None` where the key is new.
    pub old: Option<Price>,
    /// What the file says.
    pub new: Price,
}

/// What an import comes to.
#[derive(Debug, Default)]
pub struct Imported {
    /// All prices of the file that have a key of ours, as a list.
    pub list: PriceList,
    /// Those that differ from the book, by key.
    pub changes: Vec<Change>,
    /// How many are as they were.
    pub unchanged: usize,
    /// Keys whose tiers have gaps: they are left alone.
    pub gaps: Vec<String>,
    /// Keys whose file price begins with a free range, which takes the place of the book's free amount.
    pub free_ranges: Vec<String>,
}

/// Puts what was found beside the book of its region, if there is one. What a key is (its unit, what of it is free) a book of another
/// region says, `like`, where its own does not: files of AWS's have other names for units, and free amounts as products of their own.
pub fn merge(found: &Found, book: Option<&PriceBook>, like: Option<&PriceBook>) -> Imported {
    let mut result =
        Imported { list: PriceList { region: found.region.clone(), ..PriceList::default() }, ..Imported::default() };
    let offer = if found.offer.is_empty() { "Savings Plans" } else { &found.offer };
    let provenance = Provenance {
        source: format!("AWS Price List, {offer}, published {}", found.published),
        as_of: found.published.clone(),
        confidence: Confidence::List,
    };
    for (key, stated) in &found.prices {
        if !contiguous(stated) {
            result.gaps.push(key.clone());
            continue;
        }
        let tiers = stated.iter().map(|tier| Tier {
            from: tier.from,
            to: tier.to,
            price: tier.price,
            list: None,
            provenance: provenance.clone(),
        });
        let old = book.and_then(|book| book.price(key).ok());
        let mut new = match old {
            Some(old) => Price { tiers: tiers.collect(), ..old.clone() },
            None => unknown(key, stated, tiers.collect(), book.into_iter().chain(like)),
        };
        if new.free.is_some() && new.tiers.len() > 1 && new.tiers.first().is_some_and(|tier| tier.price.picos() == 0) {
            (new.free, new.free_provenance) = (None, None);
            result.free_ranges.push(key.clone());
        }
        if old.is_some_and(|old| same(old, &new)) {
            result.unchanged += 1;
        } else {
            result.changes.push(Change { key: key.clone(), old: old.cloned(), new: new.clone() });
        }
        result.list.prices.push(new);
    }
    result
}

/// A key that the book of its region does not have. Rates of Savings Plans are described by what they discount.
fn unknown<'b>(
    key: &str,
    stated: &[Stated],
    tiers: Vec<Tier>,
    books: impl Iterator<Item = &'b PriceBook> + Clone,
) -> Price {
    let known = |key: &str| books.clone().find_map(|book| book.price(key).ok());
    if let Some(own) = known(key) {
        return Price { tiers, ..own.clone() };
    }
    let rest = key.strip_prefix("sp.").and_then(|rest| rest.split_once('.'));
    let discounted = rest.and_then(|(_, sku)| known(sku));
    let first = stated.first();
    let (description, unit) = match (rest, discounted) {
        (Some((offer, _)), Some(price)) => (format!("{}, Savings Plan {offer}", price.description), price.unit.clone()),
        _ if key.starts_with("ec2.") => (described(first, key), PriceUnit::new("instance-hour")),
        _ => (described(first, key), PriceUnit::new(first.map_or("unit", |tier| tier.unit.as_str()))),
    };
    let service = service_of(key).to_owned();
    Price { key: key.to_owned(), service, description, unit, free: None, free_provenance: None, tiers }
}

fn described(first: Option<&Stated>, key: &str) -> String {
    first.map(|tier| tier.description.trim()).filter(|text| !text.is_empty()).unwrap_or(key).to_owned()
}

fn contiguous(tiers: &[Stated]) -> bool {
    let mut end = Some(Quantity::ZERO);
    tiers.iter().all(|tier| {
        let fits = end == Some(tier.from) && tier.to.is_none_or(|to| to > tier.from);
        end = tier.to;
        fits
    }) && !tiers.is_empty()
}

/// Whether two prices make the same bills.
pub fn same(a: &Price, b: &Price) -> bool {
    let tiers = |price: &Price| -> Vec<_> { price.tiers.iter().map(|tier| (tier.from, tier.to, tier.price)).collect() };
    tiers(a) == tiers(b) && a.free == b.free && a.unit == b.unit
}

/// A price list as YAML, which [`crate::bill::price_list::read`] reads back.
pub fn write(list: &PriceList) -> String {
    let mut sources: BTreeMap<&Provenance, String> = BTreeMap::new();
    let all = list
        .prices
        .iter()
        .flat_map(|price| price.tiers.iter().map(|tier| &tier.provenance).chain(&price.free_provenance));
    for provenance in all {
        let name = format!("source-{}", sources.len() + 1);
        sources.entry(provenance).or_insert(name);
    }
    // Writing to a string cannot fail.
    let mut text = String::from("# AWS prices in USD, for one unit each; tiers count the month's usage from 0.\n");
    let _ = writeln!(text, "region: {}\n\nsources:", quoted(&list.region));
    if sources.is_empty() {
        text.truncate(text.trim_end().len());
        text.push_str(" {}\n");
    }
    for (source, name) in &sources {
        let _ = writeln!(
            text,
            "  {name}: {{ source: {}, as_of: {}, confidence: {} }}",
            quoted(&source.source),
            quoted(&source.as_of),
            source.confidence.name()
        );
    }
    let mut services: BTreeMap<&str, Vec<&Price>> = BTreeMap::new();
    for price in &list.prices {
        services.entry(&price.service).or_default().push(price);
    }
    text.push_str(if services.is_empty() { "\nservices: []\n" } else { "\nservices:\n" });
    for (service, prices) in services {
        let _ = writeln!(text, "  - service: {}\n    prices:", quoted(service));
        for price in prices {
            one(&mut text, price, &sources);
        }
    }
    text
}

fn one(text: &mut String, price: &Price, sources: &BTreeMap<&Provenance, String>) {
    let named = |provenance: &Provenance| sources.get(provenance).map_or("", String::as_str);
    let name = |tier: &Tier| named(&tier.provenance);
    let _ = writeln!(text, "      - key: {}", quoted(&price.key));
    let _ = writeln!(text, "        description: {}", quoted(&price.description));
    let _ = writeln!(text, "        unit: {}", quoted(price.unit.name()));
    if let Some(free) = &price.free {
        let _ = match free.amount {
            FreeAmount::PerMonth(amount) => writeln!(text, "        free: {amount}"),
            FreeAmount::PerHour(amount) => writeln!(text, "        free_per_hour: {amount}"),
        };
        if free.pool != price.key {
            let _ = writeln!(text, "        free_pool: {}", quoted(&free.pool));
        }
        if free.counts_in_tiers {
            text.push_str("        free_counts_in_tiers: true\n");
        }
        if let Some(provenance) = &price.free_provenance {
            let _ = writeln!(text, "        free_source: {}", named(provenance));
        }
    }
    match price.tiers.as_slice() {
        [tier] if tier.to.is_none() => {
            let _ = writeln!(text, "        price: {}\n        source: {}", tier.price, name(tier));
        }
        tiers => {
            text.push_str("        tiers:\n");
            for tier in tiers {
                let to = tier.to.map_or_else(String::new, |to| format!(", to: {to}"));
                let _ = writeln!(
                    text,
                    "          - {{ from: {}{to}, price: {}, source: {} }}",
                    tier.from,
                    tier.price,
                    name(tier)
                );
            }
        }
    }
}

/// A text in double quotes, as JSON and YAML have it.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
