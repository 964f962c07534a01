//! [`Billing`] as results keep it, and back: the words of `billing:` itself, so that the reader of scenarios reads it again.

use super::billing::{Billing, Discount, Percentage, PlanKind, Purchase, ReservedPrice};
use super::billing_yaml::{RawBilling, billing};
use super::read::{FromYaml, Reader};
use crate::diag::Diagnostic;
use serde_json::{Map, Value, json};

/// What a scenario's `billing:` says, in its own words; `null` where nothing is stated.
pub fn to_json(given: &Billing) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            map.insert(key.to_owned(), value);
        }
    };
    let text = |value: &dyn std::fmt::Display| json!(value.to_string());
    put(
        "rates",
        table(&given.rates, |tiers| {
            let tier = |tier: &super::billing::RateTier| match tier.to {
                Some(to) => json!({ "from": text(&tier.from), "to": text(&to), "price": text(&tier.price) }),
                None => json!({ "from": text(&tier.from), "price": text(&tier.price) }),
            };
            json!(tiers.iter().map(tier).collect::<Vec<_>>())
        }),
    );
    put("discounts", discounts(&given.discounts));
    put("enterprise", given.enterprise.map_or(Value::Null, percent));
    put("other_accounts", table(&given.other_accounts, |quantity| text(quantity)));
    put(
        "savings_plans",
        list(&given.savings_plans, |plan| {
            let mut map = Map::new();
            map.insert("name".into(), json!(plan.name));
            map.insert("commitment".into(), text(&plan.commitment));
            if let PlanKind::Ec2Instance(family) = &plan.kind {
                map.insert("kind".into(), json!("ec2_instance"));
                map.insert("family".into(), json!(family));
            }
            for (key, value) in [
                ("rates", table(&plan.rates, |price| text(price))),
                ("discounts", discounts(&plan.discounts)),
                ("offer", json!(plan.offer)),
            ] {
                if !value.is_null() {
                    map.insert(key.into(), value);
                }
            }
            Value::Object(map)
        }),
    );
    put(
        "reserved",
        list(&given.reserved, |one| match &one.price {
            ReservedPrice::Offer(offer) => json!({ "sku": one.sku, "count": one.count, "offer": offer }),
            ReservedPrice::Stated { hourly, upfront, years } => json!({
                "sku": one.sku, "count": one.count, "hourly": text(hourly), "upfront": text(upfront), "term": format!("{years}y"),
            }),
        }),
    );
    put(
        "currency",
        given.currency.as_ref().map_or(Value::Null, |currency| {
            let mut value =
                json!({ "code": currency.code, "rate": text(&currency.rate), "as_of": text(&currency.as_of) });
            if let (Some(source), Some(map)) = (&currency.source, value.as_object_mut()) {
                map.insert("source".into(), json!(source));
            }
            value
        }),
    );
    put("tax", given.tax.as_ref().map_or(Value::Null, |tax| json!({ "name": tax.name, "rate": percent(tax.rate) })));
    put("support", json!(given.support));
    put("purchase", given.purchase.as_ref().map_or(Value::Null, purchase));
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}

fn purchase(given: &Purchase) -> Value {
    let mut map = Map::new();
    if let Some(plan) = &given.savings_plan {
        let rates = [
            ("rates", table(&plan.rates, |price| json!(price.to_string()))),
            ("discounts", discounts(&plan.discounts)),
            ("offer", json!(plan.offer)),
        ];
        let rates: Map<String, Value> = rates
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        map.insert("savings_plan".to_owned(), Value::Object(rates));
    }
    if let Some(spot) = given.spot {
        let discount = spot.discount.map(|discount| ("discount".to_owned(), percent(discount)));
        let entries = [("share".to_owned(), percent(spot.share))].into_iter().chain(discount);
        map.insert("spot".to_owned(), Value::Object(entries.collect()));
    }
    Value::Object(map)
}

fn percent(percentage: Percentage) -> Value {
    json!(format!("{}%", percentage.0))
}

fn discounts(given: &[Discount]) -> Value {
    let entries: Vec<(String, Percentage)> = given.iter().map(|d| (d.on.clone(), d.percent)).collect();
    table(&entries, |one| percent(*one))
}

/// A mapping in the order of the entries: `serde_json` keeps keys sorted, and which discount comes first decides nothing.
fn table<T>(entries: &[(String, T)], value: impl Fn(&T) -> Value) -> Value {
    if entries.is_empty() {
        return Value::Null;
    }
    Value::Object(entries.iter().map(|(key, one)| (key.clone(), value(one))).collect())
}

fn list<T>(entries: &[T], value: impl Fn(&T) -> Value) -> Value {
    if entries.is_empty() { Value::Null } else { json!(entries.iter().map(value).collect::<Vec<_>>()) }
}

/// The billing that [`to_json`] wrote, growth and calendar aside.
///
/// # Errors
/// Whatever the reader of scenarios has to say.
pub fn from_json(value: &Value) -> Result<Billing, Vec<Diagnostic>> {
    if value.is_null() {
        return Ok(Billing::default());
    }
    let mut reader = Reader::default();
    // JSON is YAML.
    let raw = reader.parse("billing of the results", value.to_string());
    let raw = raw.and_then(|node| RawBilling::read(&node, &mut reader));
    let read = billing(raw, &mut reader);
    if reader.failed() { Err(reader.findings) } else { Ok(read) }
}

/// `AWS Lambda=12%`, as a flag states a discount.
///
/// # Errors
/// What is wrong with it, with what to write instead.
pub fn discount(text: &str) -> Result<Discount, String> {
    let help = "write e.g. `AWS Lambda=12%` or `ec2.od.=20%`";
    let (on, percent) = text.rsplit_once('=').ok_or(help)?;
    let number = percent.trim().strip_suffix('%').ok_or(help)?;
    match number.trim().parse::<crate::money::Quantity>() {
        Ok(percent) if percent.millionths() <= Percentage::WHOLE && !on.trim().is_empty() => {
            Ok(Discount { on: on.trim().to_owned(), percent: Percentage(percent) })
        }
        Ok(_) => Err(format!("a percentage is at most 100 %, off something; {help}")),
        Err(error) => Err(format!("`{}` {error}; {help}", number.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_stated() {
        let stated = "{ rates: { dto.internet: 0.05, alb.lcu: [{ from: 0, to: 10.5, price: 0.008 }, { from: 10.5, price: 0.007 }] }, \
                      discounts: { AWS Lambda: 12.5% }, enterprise: 7%, other_accounts: { lambda.request.x86: 250k }, \
                      savings_plans: [{ name: a, commitment: $1.25, discounts: { AWS Lambda: 12% } }, \
                      { commitment: 0.5, kind: ec2_instance, family: m7g, rates: { ec2.od.linux.m7g.large: 0.05 } }], \
                      reserved: [{ sku: ec2.od.linux.m7g.large, count: 4, offer: std_1y_no_upfront }, \
                      { sku: ec2.od.linux.m7g.large, count: 1, hourly: 0.05, upfront: 100, term: 3y }], \
                      currency: { code: EUR, rate: 0.92, as_of: 2026-11-02, source: bank }, tax: { name: VAT, rate: 20% }, support: business }";
        let mut reader = Reader::default();
        let node = reader.parse("b", stated).unwrap();
        let raw = RawBilling::read(&node, &mut reader);
        let read = billing(raw, &mut reader);
        assert!(!reader.failed(), "{:?}", reader.findings);
        let mut again = from_json(&to_json(&read)).unwrap();
        // A mapping's order means nothing; the keys come back sorted.
        let mut given = read;
        given.rates.sort_by(|a, b| a.0.cmp(&b.0));
        again.rates.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(again, given);
        assert_eq!(to_json(&Billing::default()), Value::Null);
        assert_eq!(from_json(&Value::Null).unwrap(), Billing::default());
        assert!(from_json(&json!({ "enterprise": "lots" })).is_err());
    }

    #[test]
    fn a_discount_on_the_command_line() {
        let read = discount("AWS Lambda=12.5%").unwrap();
        assert_eq!((read.on.as_str(), read.percent.to_string().as_str()), ("AWS Lambda", "12.5 %"));
        for wrong in ["", "AWS Lambda", "AWS Lambda=12", "=5%", "x=101%", "x=-1%", "x=much%"] {
            assert!(discount(wrong).is_err(), "{wrong}");
        }
    }
}
