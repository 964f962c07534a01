//! AWS Price List offer files -> price lists: JSON or CSV, plain or gzip, of services and of Savings Plans.
//!
//! The files are read as streams: an entry at a time, and of these only what has a key of ours is kept. The file of EC2 has
//! gigabytes; memory follows the number of our keys. Their layout is documented in the AWS Billing user guide, "Reading the service
//! price list files" and "Reading the service price list file for a Savings Plan".

mod csv_file;
mod json_file;
pub(crate) mod keys;
mod merge;

pub use keys::Extra;
pub use merge::{Change, Imported, merge, same, write};

use crate::money::{Quantity, UsdPer};
use crate::plain;
use keys::Product;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::path::Path;

/// Most keys that are kept, and most regions and unknown products that are counted.
const MAX_KEYS: usize = 200_000;
const MAX_COUNTED: usize = 100_000;

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// It cannot be read.
    #[error("`{file}` cannot be read: {reason}")]
    Read {
        /// The file.
        file: String,
        /// What the system or the parser says.
        reason: String,
    },
    /// It is something else.
    #[error("`{0}` is no AWS Price List file: expected JSON with `products` and `terms`, or CSV with a column `SKU`")]
    NotAnOffer(String),
    /// It is for several regions.
    #[error("`{file}` has prices of {} regions; name one with --region: {}", regions.len(), regions.join(", "))]
    Regions {
        /// The file.
        file: String,
        /// All of them.
        regions: Vec<String>,
    },
    /// It has nothing of the region.
    #[error("`{file}` has no prices of `{region}`")]
    NotThere {
        /// The file.
        file: String,
        /// The region that was asked for.
        region: String,
    },
    /// More keys than can be kept.
    #[error("`{0}` has more prices than can be kept")]
    TooMany(String),
}

/// A price that a file states.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stated {
    from: Quantity,
    to: Option<Quantity>,
    price: UsdPer,
    unit: String,
    description: String,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub struct Found {
    /// By key; tiers in the order of the file.
    prices: BTreeMap<String, Vec<Stated>>,
    /// The region.
    pub region: String,
    /// When AWS published it, `2026-10-28`.
    pub published: String,
    /// Name of the offer: `AWSLambda`.
    pub offer: String,
    /// Products that were read.
    pub products: u64,
    /// Products without a key of ours, by service and usage type (the region taken off); capped.
    pub unknown: BTreeMap<String, u64>,
    /// Prices that could not be taken: another currency than USD, more than twelve decimals, upfront parts.
    pub left_out: u64,
    /// Keys that the file prices in more than one way; they are left alone.
    pub ambiguous: BTreeSet<String>,
}

/// Collects while a file is read.
struct Collector<'a> {
    extras: &'a [Extra],
    /// The region that is wanted.
    wanted: Option<&'a str>,
    regions: BTreeSet<String>,
    found: Found,
    too_many: bool,
}

/// A price as a file writes it.
#[derive(Debug, Default)]
struct Written<'a> {
    from: &'a str,
    to: &'a str,
    price: &'a str,
    unit: &'a str,
    description: &'a str,
}

impl Collector<'_> {
    /// Whether prices of this region are wanted. No region at all (global services) is that of the file.
    fn wants(&mut self, region: &str) -> bool {
        if region.is_empty() {
            return true;
        }
        if !self.regions.contains(region) && self.regions.len() < MAX_COUNTED {
            self.regions.insert(region.to_owned());
        }
        self.wanted.is_none_or(|wanted| wanted == region)
    }

    /// Notes a product without a key.
    fn unknown(&mut self, product: &Product) {
        let name = format!("{} {}", product.service, keys::without_region(&product.usage));
        if self.found.unknown.len() < MAX_COUNTED || self.found.unknown.contains_key(&name) {
            *self.found.unknown.entry(name).or_default() += 1;
        }
    }

    /// The keys of a product; where there are none it is noted.
    fn keys_of(&mut self, product: &Product) -> Option<Vec<keys::Known>> {
        let known = keys::keys(product, self.extras);
        if known.is_empty() {
            self.unknown(product);
        }
        (!known.is_empty()).then_some(known)
    }

    /// The keys of a product that is priced in `currency`; counted as left out where that is not USD.
    fn keys_in_usd(&mut self, product: &Product, currency: &str) -> Option<Vec<keys::Known>> {
        let known = self.keys_of(product)?;
        if currency != "USD" {
            self.found.left_out += 1;
        }
        (currency == "USD").then_some(known)
    }

    /// Takes a price under a key; `units` of ours are one of AWS's.
    fn take(&mut self, key: &str, units: u32, written: &Written<'_>) {
        let Some(stated) = stated(written, units) else {
            self.found.left_out += 1;
            return;
        };
        if self.found.prices.len() >= MAX_KEYS && !self.found.prices.contains_key(key) {
            self.too_many = true;
            return;
        }
        let tiers = self.found.prices.entry(key.to_owned()).or_default();
        match tiers.iter().find(|tier| tier.from == stated.from) {
            Some(same) if same.price == stated.price && same.to == stated.to => {}
            Some(_) => {
                self.found.ambiguous.insert(key.to_owned());
            }
            None => tiers.push(stated),
        }
    }
}

/// A price in our units; `None` where it cannot be kept exactly.
fn stated(written: &Written<'_>, units: u32) -> Option<Stated> {
    let scale = |text: &str| -> Option<Quantity> {
        let quantity: Quantity = text.trim().parse().ok()?;
        Quantity::from_millionths(quantity.millionths().checked_mul(units.into())?)
    };
    let price: UsdPer = written.price.trim().parse().ok()?;
    Some(Stated {
        from: if written.from.trim().is_empty() { Quantity::ZERO } else { scale(written.from)? },
        to: match written.to.trim() {
            "" | "Inf" => None,
            to => Some(scale(to)?),
        },
        price: if units == 1 { price } else { price.checked_ratio(1, units.into())? },
        unit: written.unit.to_owned(),
        description: written.description.chars().take(200).collect(),
    })
}

/// Reads a file as a stream. Without `region` the file must be for a single one.
///
/// # Errors
/// See [`OfferError`].
pub fn read(path: &Path, region: Option<&str>, extras: &[Extra]) -> Result<Found, OfferError> {
    let file = path.display().to_string();
    let fail = |reason: String| OfferError::Read { file: file.clone(), reason };
    let open = || match plain::open(path) {
        // The readers of both formats take small bites.
        Ok(file) => Ok(Box::new(BufReader::new(file)) as Box<dyn Read>),
        Err(error) => Err(fail(error.to_string())),
    };
    let mut collector =
        Collector { extras, wanted: region, regions: BTreeSet::new(), found: Found::default(), too_many: false };
    if first_byte(open()?) == Some(b'{') {
        if !json_file::read(&open, &mut collector).map_err(|error| match error {
            json_file::Error::Open(error) => error,
            json_file::Error::Json(error) => fail(error),
        })? {
            return Err(OfferError::NotAnOffer(file));
        }
    } else if !csv_file::read(open()?, &mut collector).map_err(fail)? {
        return Err(OfferError::NotAnOffer(file));
    }
    if collector.too_many {
        return Err(OfferError::TooMany(file));
    }
    let Collector { mut found, regions, .. } = collector;
    for key in &found.ambiguous {
        found.prices.remove(key);
    }
    found.region = match region {
        Some(region) if regions.is_empty() || regions.contains(region) => region.to_owned(),
        Some(region) => return Err(OfferError::NotThere { file, region: region.to_owned() }),
        None if regions.len() > 1 => return Err(OfferError::Regions { file, regions: regions.into_iter().collect() }),
        None => regions.into_iter().next().unwrap_or_else(|| crate::bill::book::GLOBAL.to_owned()),
    };
    for tiers in found.prices.values_mut() {
        tiers.sort_by_key(|tier| tier.from);
    }
    found.published.truncate(found.published.char_indices().nth(10).map_or(found.published.len(), |(at, _)| at));
    Ok(found)
}

/// The first byte that is no white space and no mark of the byte order.
fn first_byte(reader: Box<dyn Read>) -> Option<u8> {
    let mut start = Vec::new();
    // What could be read decides; an error shows again when the file is read in full.
    let _ = reader.take(1_024).read_to_end(&mut start);
    start.into_iter().find(|byte| !byte.is_ascii_whitespace() && ![0xef, 0xbb, 0xbf].contains(byte))
}
