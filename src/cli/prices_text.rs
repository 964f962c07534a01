//! Prices as text: lists, one price, the summary of an import, and what a change does.

use crate::bill::PriceList;
use crate::bill::book::{FreeAmount, Price, Provenance, Ratio, Tier};
use crate::money::{Usd, UsdPer, grouped};
use crate::offer::{self, Found, Imported};
use std::fmt::Write as _;

/// Changes that a summary lists.
const MOST: usize = 40;

/// How a change of prices moves the bill of one architecture.
pub struct Effect {
    /// Its name.
    pub name: String,
    /// The total that the result prints.
    pub printed: Option<String>,
    /// With the old prices.
    pub old: Usd,
    /// With the new ones.
    pub new: Usd,
    /// Keys whose amounts differ: old and new.
    pub lines: Vec<(String, Usd, Usd)>,
}

/// The date, confidence and source of a tier.
fn known(tier: &Tier) -> String {
    from(&tier.provenance)
}

fn from(p: &Provenance) -> String {
    format!("{} {} {}", p.as_of, p.confidence.name(), p.source)
}

/// Prices, one row each, and below them the numbers that are none (discounts, surcharges).
pub fn table(region: &str, prices: &[&Price], ratios: &[&Ratio]) -> String {
    let keys = prices.iter().map(|price| &price.key).chain(ratios.iter().map(|ratio| &ratio.key));
    let width = keys.map(String::len).max().unwrap_or(0);
    let units = prices.iter().map(|price| price.unit.name().len()).max().unwrap_or(0);
    // Writing to a string cannot fail.
    let mut text = String::new();
    for price in prices {
        let Some(first) = price.tiers.first() else { continue };
        let more = if price.tiers.len() > 1 { format!(" (+{} tiers)", price.tiers.len() - 1) } else { String::new() };
        let _ = writeln!(
            text,
            "{region}  {:width$}  {:units$}  {:>16}  {}{more}",
            price.key,
            price.unit.name(),
            first.price.to_string(),
            known(first)
        );
    }
    for ratio in ratios {
        let (value, from) = (ratio.value.to_string(), from(&ratio.provenance));
        let _ = writeln!(text, "{region}  {:width$}  {:units$}  {value:>16}  {from}", ratio.key, "ratio");
    }
    text
}

/// The same as CSV, one row a tier.
pub fn csv(region: &str, prices: &[&Price]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut rows = vec![
        ["region", "service", "key", "description", "unit", "from", "to", "price_usd", "source", "as_of", "confidence"]
            .map(str::to_owned),
    ];
    for price in prices {
        rows.extend(price.tiers.iter().map(|tier| {
            [
                region.to_owned(),
                price.service.clone(),
                price.key.clone(),
                price.description.clone(),
                price.unit.name().to_owned(),
                tier.from.to_string(),
                tier.to.map_or_else(String::new, |to| to.to_string()),
                tier.price.to_string(),
                tier.provenance.source.clone(),
                tier.provenance.as_of.clone(),
                tier.provenance.confidence.name().to_owned(),
            ]
        }));
    }
    // Records of equal length to memory: nothing of it can fail.
    for row in rows {
        writer.write_record(row).expect("written to memory");
    }
    String::from_utf8(writer.into_inner().expect("flushed to memory")).expect("made of strings")
}

/// One price in full.
pub fn price(region: &str, price: &Price) -> String {
    let unit = price.unit.name();
    let mut text =
        format!("{}\n  {} ({}), {region}\n  USD for one {unit}\n", price.key, price.description, price.service);
    if let Some(free) = &price.free {
        let how = match free.amount {
            FreeAmount::PerMonth(amount) => format!("{} {unit} a month", grouped(&amount.to_string())),
            FreeAmount::PerHour(amount) => format!("{} {unit} in each hour", grouped(&amount.to_string())),
        };
        let pool = if free.pool == price.key { String::new() } else { format!(", shared as `{}`", free.pool) };
        let counts = if free.counts_in_tiers { ", counted in the tiers" } else { "" };
        let _ = writeln!(text, "  free: {how}{pool}{counts}");
        if let Some(provenance) = &price.free_provenance {
            let _ = writeln!(text, "    {}", from(provenance));
        }
    }
    for tier in &price.tiers {
        let _ = writeln!(text, "  {}: ${}\n    {}", range(tier), tier.price, known(tier));
    }
    text
}

/// A number that is no price.
pub fn ratio(ratio: &Ratio) -> String {
    let p = &ratio.provenance;
    format!(
        "{}\n  {} ({})\n  {}\n    {} {} {}\n",
        ratio.key,
        ratio.description,
        ratio.service,
        ratio.value,
        p.as_of,
        p.confidence.name(),
        p.source
    )
}

fn range(tier: &Tier) -> String {
    let from = grouped(&tier.from.to_string());
    match tier.to {
        Some(to) => format!("from {from} to {}", grouped(&to.to_string())),
        None if from == "0" => "all usage".to_owned(),
        None => format!("from {from}"),
    }
}

/// What an import found and changed.
pub fn summary(file: &str, found: &Found, imported: &Imported) -> String {
    let new = imported.changes.iter().filter(|change| change.old.is_none()).count();
    let unknown: u64 = found.unknown.values().sum();
    let mut text = format!(
        "{file}: {}, published {}, {}: {} entries read; {} prices changed, {new} new, {} as they were\n",
        if found.offer.is_empty() { "Savings Plans" } else { &found.offer },
        if found.published.is_empty() { "(no date)" } else { &found.published },
        found.region,
        grouped(&found.products.to_string()),
        imported.changes.len() - new,
        imported.unchanged
    );
    for change in imported.changes.iter().take(MOST) {
        let _ = writeln!(text, "  {}", moved(&change.key, change.old.as_ref(), Some(&change.new)));
    }
    if imported.changes.len() > MOST {
        let _ = writeln!(text, "  … and {} more", imported.changes.len() - MOST);
    }
    let named = |text: &mut String, what: &str, keys: &[String]| {
        if !keys.is_empty() {
            let _ = writeln!(text, "  {what}: {}", keys.join(", "));
        }
    };
    let ambiguous: Vec<String> = found.ambiguous.iter().cloned().collect();
    named(&mut text, "left alone, priced in more than one way", &ambiguous);
    named(&mut text, "left alone, tiers with gaps", &imported.gaps);
    named(&mut text, "begin with a free range, which replaces the free amount", &imported.free_ranges);
    if found.left_out > 0 {
        let _ = writeln!(
            text,
            "  left out: {} prices (other currencies, upfront parts, too many decimals)",
            found.left_out
        );
    }
    if unknown > 0 {
        let mut most: Vec<(&String, &u64)> = found.unknown.iter().collect();
        most.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let names: Vec<&str> = most.iter().take(5).map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(
            text,
            "  not known: {} products of {} kinds, such as {} (see --map)",
            grouped(&unknown.to_string()),
            found.unknown.len(),
            names.join(", ")
        );
    }
    text.trim_end().to_owned()
}

/// `lambda.request.x86: 0.0000002 -> 0.00000025 (+25 %)`.
fn moved(key: &str, old: Option<&Price>, new: Option<&Price>) -> String {
    let shown = |price: Option<&Price>| match price {
        None => "none".to_owned(),
        Some(price) => {
            let tiers: Vec<String> = price.tiers.iter().map(|tier| tier.price.to_string()).collect();
            tiers.join(" / ")
        }
    };
    let first = |price: Option<&Price>| price.and_then(|price| price.tiers.first()).map(|tier| tier.price);
    let percent = match (first(old), first(new)) {
        (Some(a), Some(b)) if a > UsdPer::ZERO && a != b => {
            format!(" ({:+.1} %)", (b.picos() as f64 / a.picos() as f64 - 1.0) * 100.0)
        }
        _ => String::new(),
    };
    let free = match (old, new) {
        (Some(a), Some(b)) if a.free != b.free => ", other free amount",
        (Some(a), Some(b)) if a.unit != b.unit => ", other unit",
        _ => "",
    };
    format!("{key}: {} -> {}{percent}{free}", shown(old), shown(new))
}

/// Keys that two lists price differently.
pub fn changes(old: &PriceList, new: &PriceList) -> String {
    let find = |list: &'_ PriceList, key: &str| list.prices.iter().find(|price| price.key == key).cloned();
    let mut keys: Vec<&str> = old.prices.iter().chain(&new.prices).map(|price| price.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut text = String::new();
    let mut count = 0;
    for key in keys {
        let (a, b) = (find(old, key), find(new, key));
        if !matches!((&a, &b), (Some(a), Some(b)) if offer::same(a, b)) {
            count += 1;
            let _ = writeln!(text, "{}", moved(key, a.as_ref(), b.as_ref()));
        }
    }
    format!("{}: {count} prices differ\n{text}", new.region)
}

/// What a change does to the bills of a result.
pub fn effects(effects: &[Effect]) -> String {
    let mut text = String::new();
    for effect in effects {
        let difference = effect.new.checked_sub(effect.old).unwrap_or_default();
        let sign = if difference >= Usd::ZERO { "+" } else { "" };
        let percent = match effect.old.to_f64() {
            old if old > 0.0 => format!(", {:+.2} %", difference.to_f64() / old * 100.0),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{}: {} -> {} a month ({sign}{}{percent})",
            effect.name,
            effect.old.cents(),
            effect.new.cents(),
            difference.cents()
        );
        for (sku, old, new) in &effect.lines {
            let _ = writeln!(text, "  {sku}: {} -> {}", old.cents(), new.cents());
        }
        let printed = effect.printed.as_ref().and_then(|total| total.parse::<Usd>().ok());
        if let Some(printed) = printed.filter(|printed| *printed != effect.old) {
            let _ = writeln!(
                text,
                "  (the result says {}: it was made with other prices, or with discounts, commitments, other accounts or support, which are \
                 left out here)",
                printed.cents()
            );
        }
    }
    text
}
