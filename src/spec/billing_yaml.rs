//! `billing:` as users write it, the same in a scenario and in a usage file -> [`Billing`]; and the month that is billed.

use super::billing::{
    Billing, Currency, Discount, Percentage, PlanKind, Purchase, RateTier, Reserved, ReservedPrice, SavingsPlan, Spot,
    Tax,
};
use super::quantity::Growth;
use super::read::{At, FromYaml, Problem, Reader, Schemas, keywords, record};
use crate::bill::price_list::Table;
use crate::money::{DecimalError, Quantity, Usd, UsdPer};
use crate::units::SimDuration;
use crate::yaml::{Node, Value, shorten};
use serde_json::json;

/// Most Savings Plans, reservations, rates or discounts of one file.
const MAX_ENTRIES: usize = 1_000;

record! {
    /// What the account pays other than the list price, and what is shown beside the bill.
    pub(crate) struct RawBilling: "billing such as `{ enterprise: 7%, tax: { name: VAT, rate: 20% } }`" {
        /// Prices agreed with AWS, by key: one for all usage, or tiers. No discount applies to them.
        optional rates: Table<RawRate>,
        /// Percentages off the list price, by service (`AWS Lambda`), by key, or by the beginning of keys (`ec2.od.`).
        optional discounts: Table<Percentage>,
        /// Percentage of an enterprise agreement off what is used; commitments are stated after it.
        optional enterprise: Percentage,
        /// What the payer's other accounts use in the month, by key: they share volume tiers and free amounts.
        optional other_accounts: Table<Quantity>,
        /// Savings Plans, applied hour by hour.
        optional savings_plans: Vec<RawPlan>,
        /// Reserved instances, applied hour by hour.
        optional reserved: Vec<RawReserved>,
        /// Another currency to show totals in, at a stated rate.
        optional currency: RawCurrency,
        /// A tax to show apart from the total.
        optional tax: RawTax,
        /// Support plan of the account, a line of its own: `developer`, `business`, `enterprise_on_ramp`, `enterprise`.
        optional support: RawSupport,
        /// Other terms on which the verdict is given beside the bill (scenarios only).
        optional purchase: RawPurchase,
        /// Growth of the traffic a month, for a table of twelve months (scenarios only).
        optional growth: At<Growth>,
    }
}

record! {
    /// A Savings Plan.
    pub(crate) struct RawPlan: "a Savings Plan such as `{ name: compute, commitment: $1.50, discounts: { AWS Lambda: 12% } }`" {
        /// Its name on the bill (default `plan-1`, `plan-2` …).
        optional name: At<String>,
        /// USD in every hour.
        required commitment: At<Usd>,
        /// `compute` (default: Lambda duration, Fargate, EC2) or `ec2_instance`.
        optional kind: RawPlanKind,
        /// Instance family of an `ec2_instance` plan, e.g. `m7g`.
        optional family: At<String>,
        /// USD a unit under the plan, by key.
        optional rates: Table<UsdPer>,
        /// Percentages off the price on demand, by service, key or beginning of keys.
        optional discounts: Table<Percentage>,
        /// Offer whose rates are in the price list as `sp.OFFER.KEY`, e.g. `compute_1y_no_upfront`.
        optional offer: String,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawPlanKind {
    Compute,
    Ec2Instance,
}

keywords!(RawPlanKind, "`compute` or `ec2_instance`", {
    "compute" => Self::Compute,
    "ec2_instance" => Self::Ec2Instance,
});

record! {
    /// Reserved instances of one type.
    pub(crate) struct RawReserved: "a reservation such as `{ sku: ec2.od.linux.m7g.large, count: 4, offer: std_1y_no_upfront }`" {
        /// Key of the price on demand.
        required sku: At<String>,
        /// How many.
        required count: At<u32>,
        /// Offer in the price list: `std_1y_no_upfront`, `std_3y_no_upfront`, `conv_1y_no_upfront` …
        optional offer: String,
        /// USD an hour for each, where no offer is named.
        optional hourly: At<Usd>,
        /// USD once for each, spread over the term (default 0).
        optional upfront: Usd,
        /// Years of the term: `1y` (default) or `3y`.
        optional term: RawTerm,
    }
}

record! {
    /// Terms on which the verdict is given again, beside the one on demand.
    pub(crate) struct RawPurchase: "other terms such as `{ savings_plan: { discounts: { AWS Lambda: 12%, Amazon EC2: 25% } }, spot: { share: 70% } }`" {
        /// A one-year compute Savings Plan, as large as would have cost least over the simulated hours.
        optional savings_plan: RawPurchasePlan,
        /// Spot for a share of the instance hours.
        optional spot: RawSpotPurchase,
    }
}

record! {
    /// Rates of a compute Savings Plan whose size is sought.
    pub(crate) struct RawPurchasePlan: "rates of a Savings Plan such as `{ discounts: { AWS Lambda: 12%, Amazon EC2: 25% } }`" {
        /// USD a unit under the plan, by key.
        optional rates: Table<UsdPer>,
        /// Percentages off the list price, by service, key or beginning of keys.
        optional discounts: Table<Percentage>,
        /// Offer whose rates are in the price list as `sp.OFFER.KEY`, e.g. `compute_1y_no_upfront`.
        optional offer: String,
    }
}

record! {
    /// A mix of Spot and on-demand instances.
    pub(crate) struct RawSpotPurchase: "a Spot mix such as `{ share: 70%, discount: 60% }`" {
        /// Share of the instance hours on Spot.
        required share: Percentage,
        /// Percentage off the list price on demand (default: the typical price of the price list).
        optional discount: Percentage,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawTerm(u32);

keywords!(RawTerm, "`1y` or `3y`", { "1y" => Self(1), "3y" => Self(3) });

record! {
    /// Another currency.
    pub(crate) struct RawCurrency: "a currency such as `{ code: EUR, rate: 0.92, as_of: 2026-11-02 }`" {
        /// ISO 4217 code.
        required code: At<String>,
        /// Units of it for one USD.
        required rate: At<UsdPer>,
        /// Date of the rate.
        required as_of: jiff::civil::Date,
        /// Who states it.
        optional source: String,
    }
}

record! {
    /// A tax.
    pub(crate) struct RawTax: "a tax such as `{ name: VAT, rate: 20% }`" {
        /// Its name (default `tax`).
        optional name: String,
        /// Its rate.
        required rate: Percentage,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawSupport(&'static str);

keywords!(RawSupport, "a support plan", {
    "developer" => Self("developer"),
    "business" => Self("business"),
    "enterprise_on_ramp" => Self("enterprise_on_ramp"),
    "enterprise" => Self("enterprise"),
});

record! {
    /// A range of the month's usage at one price.
    pub(crate) struct RawRateTier: "a tier such as `{ from: 0, to: 1000, price: 0.05 }`" {
        /// Usage at which it starts.
        required from: At<Quantity>,
        /// Usage at which it ends; without it, never.
        optional to: Quantity,
        /// USD a unit.
        required price: UsdPer,
    }
}

/// A private price: one for all usage, or tiers.
#[derive(Debug, Clone)]
pub(crate) enum RawRate {
    One(UsdPer),
    Tiers(Vec<RawRateTier>),
}

impl FromYaml for RawRate {
    const EXPECTS: &'static str = "a price in USD such as `0.0000166667`, or a list of tiers";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Sequence(_) => Vec::read(node, reader).map(Self::Tiers),
            Value::Scalar { .. } => UsdPer::read(node, reader).map(Self::One),
            _ => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let (one, tiers) = (UsdPer::schema(schemas), Vec::<RawRateTier>::schema(schemas));
        json!({ "anyOf": [one, tiers] })
    }
}

impl FromYaml for Percentage {
    const EXPECTS: &'static str = "a percentage such as `7.5%`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(text) = node.scalar() else { return reader.mismatch(node, Self::EXPECTS) };
        let Some(number) = text.trim().strip_suffix('%') else {
            let title = format!("expected {}, found `{}`", Self::EXPECTS, shorten(text));
            return reader.problem(node, Problem::new("wrong-type", title, "write e.g. `7.5%`"));
        };
        let problem = match number.trim().parse::<Quantity>() {
            Ok(percent) if percent.millionths() <= Self::WHOLE => return Some(Self(percent)),
            Ok(_) => "is more than 100 %".to_owned(),
            Err(DecimalError::NotANumber) => "is not a percentage".to_owned(),
            Err(error) => error.to_string(),
        };
        reader.problem(node, Problem::new("percent", format!("`{}` {problem}", shorten(text)), "write e.g. `7.5%`"))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Percentage", |_| json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*%$" }))
    }
}

/// The month that is billed: a length, or a month of the calendar (in UTC, as AWS bills).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawMonth {
    /// Its length.
    pub(crate) length: SimDuration,
    /// Its first day, where it is one of the calendar.
    pub(crate) calendar: Option<jiff::civil::Date>,
}

impl FromYaml for RawMonth {
    const EXPECTS: &'static str = "a month such as `730h`, `720h`, `744h` or `2026-02`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = node.scalar().map(str::trim).unwrap_or_default();
        let form = |c: (usize, u8)| if c.0 == 4 { c.1 == b'-' } else { c.1.is_ascii_digit() };
        if text.len() == 7 && text.bytes().enumerate().all(form) {
            let Ok(first) = format!("{text}-01").parse::<jiff::civil::Date>() else {
                let title = format!("`{text}` is no month of the calendar");
                return reader.problem(node, Problem::new("wrong-date", title, "write e.g. `2026-02`"));
            };
            let length = SimDuration::from_hours(24 * u64::from(first.days_in_month().unsigned_abs()));
            return Some(Self { length, calendar: Some(first) });
        }
        let starts_a_duration =
            text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_alphabetic());
        if node.scalar().is_some() && !starts_a_duration {
            let title = format!("expected {}, found `{}`", Self::EXPECTS, shorten(text));
            let help = "write `730h`, or a month of the calendar such as `2026-03`";
            return reader.problem(node, Problem::new("wrong-type", title, help));
        }
        Some(Self { length: SimDuration::read(node, reader)?, calendar: None })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let length = SimDuration::schema(schemas);
        json!({ "anyOf": [length, { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$" }] })
    }
}

/// The month, 730 h (365 days / 12, as AWS's calculators take it) unless stated.
pub(crate) fn month(raw: Option<&At<RawMonth>>, reader: &mut Reader) -> RawMonth {
    const MONTH: RawMonth = RawMonth { length: SimDuration::from_hours(730), calendar: None };
    let Some(at) = raw else { return MONTH };
    if !(24..=24 * 31).contains(&(at.value.length.0 / SimDuration::from_hours(1).0)) {
        let title = format!("a month of {}", at.value.length);
        reader.error(
            "out-of-range",
            title,
            at.span,
            "",
            "write e.g. `730h`, `720h` (30 days), `744h` (31 days) or `2026-02`",
        );
    }
    at.value
}

/// Checks `billing:`. Whether its keys and services have prices is for the bill to say.
pub(crate) fn billing(raw: Option<RawBilling>, reader: &mut Reader) -> Billing {
    let Some(raw) = raw else { return Billing::default() };
    let counts = [
        raw.rates.as_ref().map_or(0, |t| t.0.len()),
        raw.discounts.as_ref().map_or(0, |t| t.0.len()),
        raw.other_accounts.as_ref().map_or(0, |t| t.0.len()),
        raw.savings_plans.as_ref().map_or(0, Vec::len),
        raw.reserved.as_ref().map_or(0, Vec::len),
    ];
    if counts.iter().any(|count| *count > MAX_ENTRIES) {
        let span = reader.first_line(raw.span);
        reader.error("too-many", format!("a list of more than {MAX_ENTRIES} entries"), span, "", "leave some out");
        return Billing::default();
    }
    let mut rates = Vec::new();
    for (key, rate) in raw.rates.map_or_else(Vec::new, |table| table.0) {
        let tiers = match rate {
            RawRate::One(price) => Some(vec![RateTier { from: Quantity::ZERO, to: None, price }]),
            RawRate::Tiers(tiers) => rate_tiers(&tiers, key.span, reader),
        };
        rates.extend(tiers.map(|tiers| (key.text, tiers)));
    }
    let mut savings_plans: Vec<SavingsPlan> = Vec::new();
    for (index, plan) in raw.savings_plans.into_iter().flatten().enumerate() {
        let name_span = plan.name.as_ref().map_or(plan.span, |name| name.span);
        let Some(plan) = savings_plan(plan, index, reader) else { continue };
        if savings_plans.iter().any(|other| other.name == plan.name) {
            let title = format!("two Savings Plans are called `{}`", shorten(&plan.name));
            let span = reader.first_line(name_span);
            reader.error("duplicate-name", title, span, "", "give each a name of its own");
        }
        savings_plans.push(plan);
    }
    Billing {
        calendar: None,
        rates,
        discounts: discounts(raw.discounts),
        enterprise: raw.enterprise,
        other_accounts: table(raw.other_accounts),
        savings_plans,
        reserved: raw.reserved.into_iter().flatten().filter_map(|one| reserved(one, reader)).collect(),
        currency: raw.currency.and_then(|currency| check_currency(currency, reader)),
        tax: raw.tax.and_then(|tax| Some(Tax { name: tax.name.unwrap_or_else(|| "tax".to_owned()), rate: tax.rate? })),
        support: raw.support.map(|plan| plan.0.to_owned()),
        purchase: raw.purchase.map(|raw| purchase(raw, reader)),
        growth: raw.growth.map(|growth| growth.value.0),
    }
}

fn purchase(raw: RawPurchase, reader: &mut Reader) -> Purchase {
    let plan = raw.savings_plan.and_then(|plan| {
        let sought = RawPlan {
            span: plan.span,
            given: Vec::new(),
            name: None,
            commitment: Some(At { value: Usd::ZERO, span: plan.span }),
            kind: None,
            family: None,
            rates: plan.rates,
            discounts: plan.discounts,
            offer: plan.offer,
        };
        savings_plan(sought, 0, reader)
    });
    Purchase {
        savings_plan: plan.map(|plan| SavingsPlan { name: "one-year".to_owned(), ..plan }),
        spot: raw.spot.and_then(|spot| Some(Spot { share: spot.share?, discount: spot.discount })),
    }
}

fn table<T>(table: Option<Table<T>>) -> Vec<(String, T)> {
    table.map_or_else(Vec::new, |table| table.0.into_iter().map(|(key, value)| (key.text, value)).collect())
}

fn discounts(raw: Option<Table<Percentage>>) -> Vec<Discount> {
    table(raw).into_iter().map(|(on, percent)| Discount { on, percent }).collect()
}

/// Tiers must follow each other without gaps, from 0 on, and end with an open one.
fn rate_tiers(raw: &[RawRateTier], key: crate::diag::Span, reader: &mut Reader) -> Option<Vec<RateTier>> {
    let mut tiers = Vec::with_capacity(raw.len());
    let mut end = Some(Quantity::ZERO);
    for tier in raw {
        let from = tier.from.as_ref()?;
        if end != Some(from.value) || tier.to.is_some_and(|to| to <= from.value) {
            let help = "start at 0, and each tier where the one before ends";
            reader.error("tiers", "tiers must start at 0 and follow each other", from.span, "this one does not", help);
            return None;
        }
        end = tier.to;
        tiers.push(RateTier { from: from.value, to: tier.to, price: tier.price? });
    }
    if end.is_some() {
        reader.error("tiers", "the last tier must have no end", key, "", "leave its `to:` out");
        return None;
    }
    Some(tiers)
}

fn price(at: &At<Usd>, reader: &mut Reader) -> Option<UsdPer> {
    UsdPer::from_usd(at.value)
        .map_err(|error| reader.error("money", format!("the amount {error}"), at.span, "", "write e.g. `$0.0546`"))
        .ok()
}

fn savings_plan(raw: RawPlan, index: usize, reader: &mut Reader) -> Option<SavingsPlan> {
    let kind = match (raw.kind.unwrap_or(RawPlanKind::Compute), raw.family) {
        (RawPlanKind::Compute, None) => PlanKind::Compute,
        (RawPlanKind::Ec2Instance, Some(family)) => PlanKind::Ec2Instance(family.value),
        (RawPlanKind::Compute, Some(family)) => {
            let help = "remove `family`, or add `kind: ec2_instance`";
            reader.error("family", "a compute plan covers every family", family.span, "", help);
            return None;
        }
        (RawPlanKind::Ec2Instance, None) => {
            let span = reader.first_line(raw.span);
            reader.error("missing-key", "an `ec2_instance` plan is for one family", span, "", "add e.g. `family: m7g`");
            return None;
        }
    };
    if raw.rates.is_none() && raw.discounts.is_none() && raw.offer.is_none() {
        let span = reader.first_line(raw.span);
        let help =
            "add `rates:`, `discounts:`, or an `offer:` of the price list (`costsim prices import` reads AWS's files)";
        reader.error("no-rates", "a Savings Plan without rates covers nothing", span, "", help);
        return None;
    }
    let commitment = price(&raw.commitment?, reader)?;
    Some(SavingsPlan {
        name: raw.name.map_or_else(|| format!("plan-{}", index + 1), |name| name.value),
        kind,
        commitment,
        rates: table(raw.rates),
        discounts: discounts(raw.discounts),
        offer: raw.offer,
    })
}

fn reserved(raw: RawReserved, reader: &mut Reader) -> Option<Reserved> {
    let (sku, count) = (raw.sku?, raw.count?);
    if count.value == 0 {
        reader.error("out-of-range", "no instance is reserved", count.span, "", "write 1 or more, or remove the entry");
    }
    let price = match (raw.offer, raw.hourly) {
        (Some(offer), None) => ReservedPrice::Offer(offer),
        (None, Some(hourly)) => ReservedPrice::Stated {
            hourly: price(&hourly, reader)?,
            upfront: raw.upfront.unwrap_or_default(),
            years: raw.term.map_or(1, |term| term.0),
        },
        _ => {
            let span = reader.first_line(raw.span);
            let help = "keep or add one of the two; with everything paid upfront write `hourly: 0`";
            reader.error("reserved-price", "a reservation has either `offer` or `hourly`", span, "", help);
            return None;
        }
    };
    Some(Reserved { sku: sku.value, count: count.value, price })
}

fn check_currency(raw: RawCurrency, reader: &mut Reader) -> Option<Currency> {
    let (code, rate) = (raw.code?, raw.rate?);
    if code.value.len() != 3 || !code.value.bytes().all(|b| b.is_ascii_uppercase()) {
        let title = format!("`{}` is no currency code", shorten(&code.value));
        reader.error("currency", title, code.span, "", "write three capital letters such as `EUR`");
    }
    if rate.value == UsdPer::ZERO {
        reader.error("not-positive", "a rate of 0", rate.span, "", "write how many units of it one USD buys");
    }
    Some(Currency { code: code.value, rate: rate.value, as_of: raw.as_of?, source: raw.source })
}
