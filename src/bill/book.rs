//! A price book: all prices of one region, each with its unit, tiers, free amount, source, date and confidence.

use super::unit::PriceUnit;
use super::{BillError, service_of};
use crate::money::{Quantity, UsdPer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How well a price is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// From AWS's own price list, directly or through a tool's checked-in output.
    List,
    /// From a pricing page or another published text.
    Page,
    /// Computed from other prices.
    Derived,
    /// From memory only: unverified.
    Memory,
    /// Stated by the user (a backend by the hour, a private rate).
    Stated,
}

impl Confidence {
    /// All, in the order of trust.
    pub const ALL: [Self; 5] = [Self::List, Self::Page, Self::Derived, Self::Memory, Self::Stated];

    /// The word in price lists and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Page => "page",
            Self::Derived => "derived",
            Self::Memory => "memory",
            Self::Stated => "stated",
        }
    }
}

/// Where a price comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance {
    /// In words, precise enough to find it again.
    pub source: String,
    /// When it was valid or read: `2026`, `2026-07` or `2026-07-20`.
    pub as_of: String,
    /// How well it is known.
    pub confidence: Confidence,
}

/// A price of one thing, by how much of it is used in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Key, e.g. `lambda.duration.arm`.
    pub key: String,
    /// AWS's name of the service, e.g. `AWS Lambda`.
    pub service: String,
    /// In words.
    pub description: String,
    /// What one is.
    pub unit: PriceUnit,
    /// What is free each month, for ever.
    pub free: Option<Free>,
    /// Where the free amount is from, if not from where the first tier is.
    pub free_provenance: Option<Provenance>,
    /// Never empty; the first starts at 0, each starts where the one before ends. Where the last has an end, the price
    /// beyond it is not known.
    pub tiers: Vec<Tier>,
}

/// What is free each month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Free {
    /// How much, in the price's unit.
    pub amount: FreeAmount,
    /// Prices of the same pool share one amount; the key itself where it is shared with no other.
    pub pool: String,
    /// Whether free units count towards the tiers: the first paid request of a queue is number 1,000,001 of its first
    /// tier, while the first paid GB-s of a function is number 1.
    pub counts_in_tiers: bool,
}

/// An amount that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeAmount {
    /// So many a month.
    PerMonth(Quantity),
    /// So many in each hour of the month (provisioned capacity).
    PerHour(Quantity),
}

/// A range of the month's usage at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Usage in the month at which it starts.
    pub from: Quantity,
    /// Usage at which it ends; `None` = never.
    pub to: Option<Quantity>,
    /// Price of one unit in it.
    pub price: UsdPer,
    /// The list price, where [`Self::price`] is another one that was agreed.
    pub list: Option<UsdPer>,
    /// Where the price comes from.
    pub provenance: Provenance,
}

/// A number of the price list that is no price: a discount, a surcharge, a typical saving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ratio {
    /// Key, e.g. `lambda.lmi.fee_ratio`.
    pub key: String,
    /// AWS's name of the service.
    pub service: String,
    /// What it multiplies.
    pub description: String,
    /// The number (6 decimals).
    pub value: Quantity,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// One price list, as a file states it. Keys are unique within it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceList {
    /// The region it is for, or `global`.
    pub region: String,
    /// Its prices, in the order of the file.
    pub prices: Vec<Price>,
    /// Its ratios, in the order of the file.
    pub ratios: Vec<Ratio>,
}

/// Lists for this region hold everywhere.
pub const GLOBAL: &str = "global";

/// All prices of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceBook {
    region: String,
    prices: BTreeMap<String, Price>,
    ratios: BTreeMap<String, Ratio>,
    digest: String,
}

impl PriceBook {
    /// The book of `region`: its own lists over the global ones; among equals a later list replaces the prices of an
    /// earlier one, so that a user's list overlays the shipped ones key by key.
    ///
    /// # Errors
    /// [`BillError::UnknownRegion`] when no list is for this region; [`BillError::PoolMismatch`] when prices of one
    /// pool disagree about what is free.
    pub fn new(region: &str, lists: &[PriceList]) -> Result<Self, BillError> {
        if !lists.iter().any(|list| list.region == region) || region == GLOBAL {
            let mut known: Vec<_> = lists.iter().map(|l| l.region.clone()).filter(|r| r != GLOBAL).collect();
            known.sort();
            known.dedup();
            return Err(BillError::UnknownRegion { region: region.to_owned(), known });
        }
        let (mut prices, mut ratios) = (BTreeMap::new(), BTreeMap::new());
        for wanted in [GLOBAL, region] {
            for list in lists.iter().filter(|list| list.region == wanted) {
                prices.extend(list.prices.iter().map(|p| (p.key.clone(), p.clone())));
                ratios.extend(list.ratios.iter().map(|r| (r.key.clone(), r.clone())));
            }
        }
        let mut pools: BTreeMap<&str, (&str, &Free)> = BTreeMap::new();
        for price in prices.values() {
            if let Some(free) = &price.free {
                let (other, first) = *pools.entry(&free.pool).or_insert((&price.key, free));
                if first.amount != free.amount {
                    return Err(BillError::PoolMismatch {
                        pool: free.pool.clone(),
                        keys: [other.to_owned(), price.key.clone()],
                    });
                }
            }
        }
        let digest = digest(region, &prices, &ratios);
        prices.extend(managed_fees(&prices, &ratios));
        prices.extend(inits_ahead(&prices));
        Ok(Self { region: region.to_owned(), prices, ratios, digest })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// `sha256:…` over a canonical rendering of all prices and ratios: equal books have equal digests, whatever the
    /// order, comments or spelling of the files.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The price under `key`.
    ///
    /// # Errors
    /// [`BillError::MissingPrice`]: an unknown cost is never zero.
    pub fn price(&self, key: &str) -> Result<&Price, BillError> {
        self.prices.get(key).ok_or_else(|| BillError::MissingPrice {
            service: service_of(key).to_owned(),
            region: self.region.clone(),
            key: key.to_owned(),
            nearest: self.nearest(key),
        })
    }

    /// The same book, its digest included, with some prices as they were agreed.
    pub(super) fn with(&self, agreed: impl Fn(&Price) -> Option<Price>) -> Self {
        let mut book = self.clone();
        for price in book.prices.values_mut() {
            if let Some(other) = agreed(price) {
                *price = other;
            }
        }
        book
    }

    /// All prices, ordered by key.
    pub fn prices(&self) -> impl Iterator<Item = &Price> {
        self.prices.values()
    }

    /// All ratios, ordered by key.
    pub fn ratios(&self) -> impl Iterator<Item = &Ratio> {
        self.ratios.values()
    }

    /// The ratio under `key`.
    pub fn ratio(&self, key: &str) -> Option<&Ratio> {
        self.ratios.get(key)
    }

    /// The key most like `key`, if one is like it.
    fn nearest(&self, key: &str) -> Option<String> {
        self.prices
            .keys()
            .map(|k| (strsim::damerau_levenshtein(k, key), k))
            .min()
            .filter(|(distance, _)| *distance * 3 <= key.len())
            .map(|(_, k)| k.clone())
    }
}

/// How keys of the fee for Lambda Managed Instances begin; the instance type follows.
const MANAGED_FEE: &str = "lambda.lmi.fee.linux.";

/// The fee for each managed instance: a share of its on-demand list price, whatever pays for the instance (AWS.md 1.12). A list may state one
/// itself. They are no part of the digest, since they follow from what is.
fn managed_fees(prices: &BTreeMap<String, Price>, ratios: &BTreeMap<String, Ratio>) -> Vec<(String, Price)> {
    let Some(ratio) = ratios.get("lambda.lmi.fee_ratio") else { return Vec::new() };
    let of = |price: &Price| {
        let instance = price.key.strip_prefix("ec2.od.linux.")?;
        let key = format!("{MANAGED_FEE}{instance}");
        let tier = |tier: &Tier| {
            let parts = ratio.value.millionths();
            let source = format!(
                "{} x the on-demand price ({}): {}",
                ratio.value, tier.provenance.source, ratio.provenance.source
            );
            Some(Tier {
                price: tier.price.checked_ratio(parts, 1_000_000)?,
                list: None,
                provenance: Provenance { source, ..tier.provenance.clone() },
                ..tier.clone()
            })
        };
        let tiers = price.tiers.iter().map(tier).collect::<Option<Vec<Tier>>>()?;
        let fee = Price {
            key: key.clone(),
            service: ratio.service.clone(),
            description: format!("Managed instances, fee for {instance}"),
            tiers,
            ..price.clone()
        };
        (!prices.contains_key(&key)).then_some((key, fee))
    };
    prices.values().filter_map(of).collect()
}

/// What calls on provisioned environments are paid by; with the rates of Savings Plans, where a list has them.
const PROVISIONED_DURATION: &str = "lambda.pc.duration.";
/// What inits of provisioned environments are paid by, which AWS counts with the calls on them (see `docs/lambda.md`).
const PROVISIONED_INIT: &str = "lambda.pc.init.";

/// The key under which AWS's own bill and price list have what this program counts apart.
pub fn listed_as(key: &str) -> String {
    key.replace(PROVISIONED_INIT, PROVISIONED_DURATION)
}

/// The prices of inits of provisioned environments, which are those of calls on them. They are no part of the digest, as the fees above.
fn inits_ahead(prices: &BTreeMap<String, Price>) -> Vec<(String, Price)> {
    let of = |price: &Price| {
        let key = price.key.replace(PROVISIONED_DURATION, PROVISIONED_INIT);
        let description = format!("{}: initialisation of environments that are kept ready", price.description);
        let init = Price { key: key.clone(), description, ..price.clone() };
        (!prices.contains_key(&key)).then_some((key, init))
    };
    prices.values().filter(|price| price.key.contains(PROVISIONED_DURATION)).filter_map(of).collect()
}

/// The digest of a book's contents.
fn digest(region: &str, prices: &BTreeMap<String, Price>, ratios: &BTreeMap<String, Ratio>) -> String {
    // The unit separator stands in no field, so no two books render alike.
    const SEP: char = '\u{1f}';
    let provenance = |p: &Provenance| format!("{}{SEP}{}{SEP}{}", p.source, p.as_of, p.confidence.name());
    let mut text = format!("region{SEP}{region}\n");
    for price in prices.values() {
        let free = price.free.as_ref().map_or_else(String::new, |free| {
            let amount = match free.amount {
                FreeAmount::PerMonth(amount) => format!("{amount} a month"),
                FreeAmount::PerHour(amount) => format!("{amount} an hour"),
            };
            let from = price.free_provenance.as_ref().map_or_else(String::new, |p| format!("{SEP}{}", provenance(p)));
            format!("{amount}{SEP}{}{SEP}{}{from}", free.pool, free.counts_in_tiers)
        });
        let Price { key, service, description, unit, .. } = price;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "price{SEP}{key}{SEP}{service}{SEP}{description}{SEP}{unit}{SEP}{free}");
        for tier in &price.tiers {
            let to = tier.to.map_or_else(String::new, |to| to.to_string());
            let _ = writeln!(
                text,
                "tier{SEP}{}{SEP}{to}{SEP}{}{SEP}{}",
                tier.from,
                tier.price,
                provenance(&tier.provenance)
            );
        }
    }
    for Ratio { key, service, description, value, provenance: p } in ratios.values() {
        let _ = writeln!(text, "ratio{SEP}{key}{SEP}{service}{SEP}{description}{SEP}{value}{SEP}{}", provenance(p));
    }
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}
