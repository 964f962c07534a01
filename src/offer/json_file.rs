//! Offer files as JSON, read as a stream: maps and lists are walked an entry at a time.
//!
//! Products stand before terms in AWS's files. Should it be otherwise, the file is read a second time with the products known.

use super::keys::{Known, Product};
use super::{Collector, OfferError, Written, csv_file};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

/// Why reading ended.
pub(super) enum Error {
    /// The file cannot be opened.
    Open(OfferError),
    /// It is not what it should be.
    Json(String),
}

/// What a product is known as: keys of prices, or the offer of a Savings Plan.
enum Meaning {
    Keys(Vec<Known>),
    Plan { family: String, option: String },
}

/// State of a reading.
struct State<'c, 'a> {
    collector: &'c mut Collector<'a>,
    products: BTreeMap<String, Meaning>,
    seen_products: bool,
    seen_terms: bool,
    /// Terms came before products and have to be read again.
    again: bool,
    /// The second reading: products are known.
    second: bool,
    /// Region of the whole file.
    region: String,
}

/// Reads the file; `false` where it has no products or no terms.
pub(super) fn read(
    open: &dyn Fn() -> Result<Box<dyn Read>, OfferError>,
    collector: &mut Collector<'_>,
) -> Result<bool, Error> {
    let mut state = State {
        collector,
        products: BTreeMap::new(),
        seen_products: false,
        seen_terms: false,
        again: false,
        second: false,
        region: String::new(),
    };
    loop {
        let reader = open().map_err(Error::Open)?;
        let mut json = serde_json::Deserializer::from_reader(reader);
        Each(&mut |key: &str, value: Entry<'_, '_>| value.top(key, &mut state))
            .deserialize(&mut json)
            .map_err(|error| Error::Json(error.to_string()))?;
        if !state.again || state.second {
            return Ok(state.seen_products && state.seen_terms);
        }
        state.second = true;
    }
}

/// A value that has not been read yet.
struct Entry<'m, 'd>(&'m mut dyn ErasedValue<'d>);

/// The value of an entry, whatever the deserialiser.
trait ErasedValue<'d> {
    fn text(&mut self) -> Result<String, String>;
    fn product(&mut self) -> Result<RawProduct, String>;
    fn term(&mut self) -> Result<RawTerm, String>;
    fn rate(&mut self) -> Result<RawRate, String>;
    fn skip(&mut self) -> Result<(), String>;
    /// Walks a map; elements of a list have the key "".
    fn walk(&mut self, each: &mut dyn FnMut(&str, Entry<'_, 'd>) -> Result<(), String>) -> Result<(), String>;
    fn length(&mut self) -> Result<RawLength, String>;
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawProduct {
    sku: String,
    product_family: String,
    service_code: String,
    usage_type: String,
    attributes: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawTerm {
    price_dimensions: BTreeMap<String, RawDimension>,
    term_attributes: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawDimension {
    unit: String,
    begin_range: String,
    end_range: String,
    description: String,
    price_per_unit: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawRate {
    discounted_usage_type: String,
    discounted_operation: String,
    discounted_service_code: String,
    discounted_region_code: String,
    unit: String,
    discounted_rate: RawMoney,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawMoney {
    price: String,
    currency: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawLength {
    duration: u32,
    unit: String,
}

fn read_twice() -> String {
    "a value was read twice".to_owned()
}

/// Hands the value of an entry on while it is read.
struct Element<'k, 'e, 'd>(&'k str, &'e mut dyn FnMut(&str, Entry<'_, 'd>) -> Result<(), String>);
impl<'d> DeserializeSeed<'d> for Element<'_, '_, 'd> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut value = Whole(Some(deserializer));
        (self.1)(self.0, Entry(&mut value)).map_err(serde::de::Error::custom)
    }
}

/// A value that is read from its own deserialiser.
struct Whole<D>(Option<D>);

impl<D> Whole<D> {
    fn read<'d, T: Deserialize<'d>>(&mut self) -> Result<T, String>
    where
        D: Deserializer<'d>,
    {
        T::deserialize(self.0.take().ok_or_else(read_twice)?).map_err(|error| error.to_string())
    }
}

impl<'d, D: Deserializer<'d>> ErasedValue<'d> for Whole<D> {
    fn text(&mut self) -> Result<String, String> {
        self.read()
    }
    fn product(&mut self) -> Result<RawProduct, String> {
        self.read()
    }
    fn term(&mut self) -> Result<RawTerm, String> {
        self.read()
    }
    fn rate(&mut self) -> Result<RawRate, String> {
        self.read()
    }
    fn length(&mut self) -> Result<RawLength, String> {
        self.read()
    }
    fn skip(&mut self) -> Result<(), String> {
        self.read::<IgnoredAny>().map(drop)
    }
    fn walk(&mut self, each: &mut dyn FnMut(&str, Entry<'_, 'd>) -> Result<(), String>) -> Result<(), String> {
        let deserializer = self.0.take().ok_or_else(read_twice)?;
        Each(each).deserialize(deserializer).map_err(|error| error.to_string())
    }
}

/// Walks a map or a list.
struct Each<'e, 'd>(&'e mut dyn FnMut(&str, Entry<'_, 'd>) -> Result<(), String>);

impl<'d> DeserializeSeed<'d> for Each<'_, 'd> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Each<'_, 'd> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Element(&key, &mut *self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Element("", &mut *self.0))?.is_some() {}
        Ok(())
    }
}

impl<'d> Entry<'_, 'd> {
    /// An entry at the top of the file.
    fn top(self, key: &str, state: &mut State<'_, '_>) -> Result<(), String> {
        match key {
            "publicationDate" => state.collector.found.published = self.0.text()?,
            "offerCode" => state.collector.found.offer = self.0.text()?,
            "regionCode" => state.region = self.0.text()?,
            "products" if !state.second => {
                state.seen_products = true;
                return self.0.walk(&mut |sku, value: Entry<'_, 'd>| value.product(sku, state));
            }
            "terms" => {
                state.seen_terms = true;
                if !state.seen_products {
                    state.again = true;
                    return self.0.skip();
                }
                return self.0.walk(&mut |kind, value: Entry<'_, 'd>| value.terms(kind, state));
            }
            _ => return self.0.skip(),
        }
        Ok(())
    }

    fn product(self, sku: &str, state: &mut State<'_, '_>) -> Result<(), String> {
        let raw = self.0.product()?;
        let attribute = |name: &str| raw.attributes.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let sku = if sku.is_empty() { raw.sku.as_str() } else { sku };
        state.collector.found.products += 1;
        if raw.product_family.ends_with("SavingsPlans") {
            let meaning =
                Meaning::Plan { family: raw.product_family.clone(), option: attribute("purchaseOption").to_owned() };
            state.products.insert(sku.to_owned(), meaning);
            return Ok(());
        }
        let either = |own: &str, attributes: &str| if own.is_empty() { attributes.to_owned() } else { own.to_owned() };
        let product = Product {
            service: either(attribute("servicecode"), &raw.service_code),
            usage: either(attribute("usagetype"), &raw.usage_type),
            operation: attribute("operation").to_owned(),
        };
        let region = either(attribute("regionCode"), attribute("fromRegionCode"));
        if !state.collector.wants(&region) {
            return Ok(());
        }
        if let Some(known) = state.collector.keys_of(&product) {
            state.products.insert(sku.to_owned(), Meaning::Keys(known));
        }
        Ok(())
    }

    /// `OnDemand`, `Reserved` or `savingsPlan`.
    fn terms(self, kind: &str, state: &mut State<'_, '_>) -> Result<(), String> {
        match kind {
            "OnDemand" | "Reserved" => self.0.walk(&mut |sku, value: Entry<'_, 'd>| {
                if !state.products.contains_key(sku) {
                    return value.0.skip();
                }
                value.0.walk(&mut |_, term: Entry<'_, 'd>| {
                    let term = term.0.term()?;
                    take_term(kind == "Reserved", sku, &term, state);
                    Ok(())
                })
            }),
            "savingsPlan" => self.0.walk(&mut |_, plan: Entry<'_, 'd>| plan.plan(state)),
            _ => self.0.skip(),
        }
    }

    /// A Savings Plan with its rates, which may be many.
    fn plan(self, state: &mut State<'_, '_>) -> Result<(), String> {
        let mut sku = String::new();
        let mut years = String::new();
        self.0.walk(&mut |key, value: Entry<'_, 'd>| match key {
            "sku" => {
                sku = value.0.text()?;
                Ok(())
            }
            "leaseContractLength" => {
                let length = value.0.length()?;
                if length.unit.starts_with("year") {
                    years = length.duration.to_string();
                }
                Ok(())
            }
            "rates" => {
                let offer = match state.products.get(&sku) {
                    Some(Meaning::Plan { family, option }) => csv_file::plan_offer(family, &years, option),
                    _ => None,
                };
                let Some(offer) = offer else {
                    state.collector.found.left_out += 1;
                    return value.0.skip();
                };
                value.0.walk(&mut |_, rate: Entry<'_, 'd>| {
                    let rate = rate.0.rate()?;
                    take_rate(&offer, &rate, state);
                    Ok(())
                })
            }
            _ => value.0.skip(),
        })
    }
}

fn take_term(is_reserved: bool, sku: &str, term: &RawTerm, state: &mut State<'_, '_>) {
    let Some(Meaning::Keys(known)) = state.products.get(sku) else { return };
    for dimension in term.price_dimensions.values() {
        let Some(price) = dimension.price_per_unit.get("USD") else {
            state.collector.found.left_out += 1;
            continue;
        };
        let written = Written {
            from: &dimension.begin_range,
            to: &dimension.end_range,
            price,
            unit: &dimension.unit,
            description: &dimension.description,
        };
        if is_reserved {
            let attribute = |name: &str| term.term_attributes.get(name).map(String::as_str).unwrap_or_default();
            let terms = (attribute("LeaseContractLength"), attribute("OfferingClass"), attribute("PurchaseOption"));
            csv_file::reserved(known, terms, &written, state.collector);
        } else {
            known.iter().for_each(|(key, units)| state.collector.take(key, *units, &written));
        }
    }
}

fn take_rate(offer: &str, rate: &RawRate, state: &mut State<'_, '_>) {
    let region = if rate.discounted_region_code.is_empty() { &state.region } else { &rate.discounted_region_code };
    if !state.collector.wants(region) {
        return;
    }
    let product = Product {
        service: rate.discounted_service_code.clone(),
        usage: rate.discounted_usage_type.clone(),
        operation: rate.discounted_operation.clone(),
    };
    let Some(known) = state.collector.keys_in_usd(&product, &rate.discounted_rate.currency) else { return };
    let written = Written { price: &rate.discounted_rate.price, unit: &rate.unit, ..Written::default() };
    for (key, units) in known {
        state.collector.take(&format!("sp.{offer}.{key}"), units, &written);
    }
}
