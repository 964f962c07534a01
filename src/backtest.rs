//! A simulated bill against a real one: by service and key of the price list, with the error and the likely cause of the largest.
//!
//! Rows of the bill find their key by what AWS calls a usage type, or by the price's identifier or description; never by the unit, which
//! real bills call by other names. Quantities and amounts of the month that was simulated are scaled to the time that the bill covers.
//! What the bill has and the simulation has not (or the other way round) is shown, never dropped.

pub mod bill_file;
mod keys;

use crate::bill::book::listed_as;
use crate::bill::service_of;
use crate::results::{ArchitectureResult, LineKind};
use bill_file::Billed;
use serde::Serialize;
use std::collections::BTreeMap;

/// The schema of what `costsim backtest --format json` prints.
pub const SCHEMA: &str = "costsim.backtest/1";
/// Shares of an error below this are no cause.
const SMALL: f64 = 0.02;

/// The comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    /// `costsim.backtest/1`.
    pub schema: String,
    /// Architecture of the results.
    pub architecture: String,
    /// `FOCUS` or `cost and usage report`.
    pub bill: String,
    /// First instant of the bill, if it says.
    pub from: Option<String>,
    /// Its end, exclusive.
    pub to: Option<String>,
    /// Hours that the bill covers.
    pub billed_hours: f64,
    /// Hours of the simulated month.
    pub simulated_hours: f64,
    /// What simulated amounts and quantities were multiplied by.
    pub scale: f64,
    /// Rows of the bill.
    pub rows: u64,
    /// Simulated total, scaled, USD.
    pub simulated: f64,
    /// Usage on the bill, USD.
    pub billed: f64,
    /// Simulated less billed, relative to billed (`null` where nothing was billed).
    pub error: Option<f64>,
    /// Tax, credits and other rows that are no usage, by kind; not compared.
    pub apart: BTreeMap<String, f64>,
    /// By service, the largest difference first.
    pub services: Vec<ServiceError>,
    /// What the largest differences likely come from.
    pub causes: Vec<Cause>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceError {
    /// As price lists name it.
    pub service: String,
    /// USD.
    pub simulated: f64,
    /// USD.
    pub billed: f64,
    /// See [`Backtest::error`].
    pub error: Option<f64>,
    /// Its keys, the largest difference first.
    pub items: Vec<ItemError>,
}

/// A key of the price list, or what the bill calls something that has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemError {
    /// The key, or the bill's own name.
    pub sku: String,
    /// USD.
    pub simulated: f64,
    /// USD.
    pub billed: f64,
    /// See [`Backtest::error`].
    pub error: Option<f64>,
    /// In the price's unit (`null` where it is not simulated).
    pub simulated_quantity: Option<f64>,
    /// As billed (`null` where it is not billed).
    pub billed_quantity: Option<f64>,
}

/// A likely cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// The key.
    pub sku: String,
    /// Simulated less billed, USD.
    pub difference: f64,
    /// In a sentence.
    pub likely: String,
}

/// Causes that are named.
const CAUSES: usize = 3;

/// Compares an architecture's bill for a month of `month_hours` with what was billed.
pub fn compare(a: &ArchitectureResult, month_hours: f64, bill: &Billed) -> Backtest {
    let hours = bill.hours().unwrap_or(month_hours);
    let scale = if month_hours > 0.0 { hours / month_hours } else { 1.0 };
    let mut items: BTreeMap<(String, String), ItemError> = BTreeMap::new();
    let mut entry = |service: &str, sku: &str, change: &mut dyn FnMut(&mut ItemError)| {
        let empty = || ItemError {
            sku: sku.to_owned(),
            simulated: 0.0,
            billed: 0.0,
            error: None,
            simulated_quantity: None,
            billed_quantity: None,
        };
        change(items.entry((service.to_owned(), sku.to_owned())).or_insert_with(empty));
    };
    // An upfront fee is on one bill of the term, so its month's share has nothing to be held against.
    for line in a.line_items.iter().filter(|line| line.kind() != LineKind::Upfront) {
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite()).unwrap_or(0.0) * scale;
        entry(&line.service, &listed_as(&line.sku), &mut |item| {
            item.simulated += number(&line.amount);
            *item.simulated_quantity.get_or_insert(0.0) += number(&line.quantity);
        });
    }
    for group in &bill.groups {
        let (service, sku, units) = match keys::key(group, &a.line_items) {
            Some((key, units)) => {
                let simulated = a.line_items.iter().find(|line| line.sku == key);
                (simulated.map_or_else(|| service_of(&key).to_owned(), |line| line.service.clone()), key, units)
            }
            None => (keys::service(&group.service), group.shown(), 1),
        };
        entry(&service, &sku, &mut |item| {
            item.billed += group.cost.to_f64();
            *item.billed_quantity.get_or_insert(0.0) += group.quantity * f64::from(units);
        });
    }
    // Rows without cost on either side, such as a free tier that nobody used, say nothing.
    items.retain(|_, item| item.simulated.abs() > 0.0 || item.billed.abs() > 0.0);
    let causes = causes(&items);
    let mut services: BTreeMap<String, ServiceError> = BTreeMap::new();
    for ((service, _), mut item) in items {
        item.error = relative(item.simulated, item.billed);
        let of = services.entry(service.clone()).or_insert_with(|| ServiceError {
            service,
            simulated: 0.0,
            billed: 0.0,
            error: None,
            items: Vec::new(),
        });
        of.simulated += item.simulated;
        of.billed += item.billed;
        of.items.push(item);
    }
    let mut services: Vec<ServiceError> = services.into_values().collect();
    let gap = |simulated: f64, billed: f64| (simulated - billed).abs();
    for service in &mut services {
        service.error = relative(service.simulated, service.billed);
        service.items.sort_by(|a, b| gap(b.simulated, b.billed).total_cmp(&gap(a.simulated, a.billed)));
    }
    services.sort_by(|a, b| gap(b.simulated, b.billed).total_cmp(&gap(a.simulated, a.billed)));
    let simulated = services.iter().map(|service| service.simulated).sum();
    let billed = services.iter().map(|service| service.billed).sum();
    Backtest {
        schema: SCHEMA.to_owned(),
        architecture: a.name.clone(),
        bill: bill.format.name().to_owned(),
        from: bill.from.map(|at| at.to_string()),
        to: bill.to.map(|at| at.to_string()),
        billed_hours: hours,
        simulated_hours: month_hours,
        scale,
        rows: bill.rows,
        simulated,
        billed,
        error: relative(simulated, billed),
        apart: bill.apart.iter().map(|(kind, amount)| (kind.clone(), amount.to_f64())).collect(),
        services,
        causes,
    }
}

fn relative(simulated: f64, billed: f64) -> Option<f64> {
    (billed.abs() > 0.0).then(|| (simulated - billed) / billed)
}

/// The largest differences with their likely causes.
fn causes(items: &BTreeMap<(String, String), ItemError>) -> Vec<Cause> {
    let traffic = traffic(items.values());
    let mut found: Vec<&ItemError> = items.values().collect();
    let gap = |item: &ItemError| (item.simulated - item.billed).abs();
    found.sort_by(|a, b| gap(b).total_cmp(&gap(a)));
    let whole: f64 = found.iter().map(|item| item.billed.max(item.simulated)).sum();
    found
        .into_iter()
        .take_while(|item| gap(item) > SMALL / 10.0 * whole)
        .take(CAUSES)
        .map(|item| Cause {
            sku: item.sku.clone(),
            difference: item.simulated - item.billed,
            likely: likely(item, traffic),
        })
        .collect()
}

/// Simulated requests over billed ones, if the bill counts requests.
fn traffic<'a>(items: impl Iterator<Item = &'a ItemError>) -> Option<f64> {
    let is_requests = |sku: &str| sku.starts_with("lambda.request.") || sku.starts_with("apigw.");
    items
        .filter(|item| is_requests(&item.sku))
        .filter_map(|item| Some((item.simulated_quantity?, item.billed_quantity?)))
        .filter(|(simulated, billed)| *simulated > 0.0 && *billed > 0.0)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(simulated, billed)| simulated / billed)
}

fn percent(ratio: f64) -> String {
    let value = (ratio - 1.0).abs() * 100.0;
    if value >= 10.0 { format!("{value:.0} %") } else { format!("{value:.1} %") }
}

fn more(ratio: f64) -> &'static str {
    if ratio > 1.0 { "more" } else { "less" }
}

/// What an item's difference likely comes from: its price or its quantity, and why that.
fn likely(item: &ItemError, traffic: Option<f64>) -> String {
    let (Some(simulated), Some(billed)) = (item.simulated_quantity, item.billed_quantity) else {
        return if item.simulated_quantity.is_none() {
            "the bill has it and the model has not: another workload of the account, or a component that is not modelled; bill one \
             workload alone, by its tags"
                .to_owned()
        } else {
            "the model has it and the bill has not: it is billed under another name or account, or is not in use"
                .to_owned()
        };
    };
    if simulated <= 0.0 || billed <= 0.0 {
        return "one side counts none of it".to_owned();
    }
    let (simulated_price, billed_price) = (item.simulated / simulated, item.billed / billed);
    let by_price = (simulated_price - billed_price) * billed;
    let by_quantity = (simulated - billed) * simulated_price;
    if by_price.abs() > by_quantity.abs() {
        return if billed_price <= 0.0 {
            "the bill charges nothing for it: a free tier or a commitment covers it".to_owned()
        } else if billed_price < simulated_price {
            format!(
                "the bill pays {} less for each: a discount, a commitment, a cheaper tier or more of the free tier",
                percent(billed_price / simulated_price)
            )
        } else {
            format!(
                "the bill pays {} more for each: an older price book, another region, or a free tier that other workloads use up",
                percent(billed_price / simulated_price)
            )
        };
    }
    let ratio = simulated / billed;
    let is = |prefix: &str| item.sku.starts_with(prefix);
    if is("lambda.request.") || is("apigw.") {
        return format!("the traffic: {} {} requests were simulated than billed", percent(ratio), more(ratio));
    }
    if let Some(traffic) = traffic
        && (traffic - 1.0).abs() > SMALL
        && (ratio / traffic - 1.0).abs() < (ratio - 1.0).abs() / 3.0
        && !is("alb.hour")
    {
        return format!(
            "the traffic: {} {} requests were simulated than billed, and this follows",
            percent(traffic),
            more(traffic)
        );
    }
    let why = match item.sku.split('.').next().unwrap_or_default() {
        "lambda" => "how long an invocation runs, its memory, or its cold starts",
        "ec2" | "ebs" => "how many instances run: sizes, minimum, scaling policy, deployments",
        "alb" if is("alb.hour") => "how many load balancers there are",
        "alb" => "connections, their length, or bytes",
        "dto" => "the size of answers, or traffic that does not pass through here",
        "cw" if is("cw.logs") => "how much is logged for each request",
        "vpc" if is("vpc.public_ipv4") => "how many addresses there are: instances, zones",
        _ => "how much of it is used",
    };
    format!("the quantity: {} {} was simulated than billed; look at {why}", percent(ratio), more(ratio))
}

#[cfg(test)]
mod tests;
