//! What an account pays other than the list price (`billing:`): private rates, discounts, commitments, and what is shown beside
//! the bill in another currency, with tax or with growth. Checked values; `bill` does the arithmetic.

use crate::money::{Quantity, Usd, UsdPer};

/// Everything under `billing:`. The default is the list price and nothing else.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Billing {
    /// First day of the calendar month that is billed, where the month was stated as one.
    pub calendar: Option<jiff::civil::Date>,
    /// Prices agreed with AWS, by key. They are final: no percentage applies to them.
    pub rates: Vec<(String, Vec<RateTier>)>,
    /// Percentages off the list price.
    pub discounts: Vec<Discount>,
    /// Percentage of an enterprise agreement, off what the discounts leave.
    pub enterprise: Option<Percentage>,
    /// What the payer's other accounts use in the month, by key: they share volume tiers and free amounts.
    pub other_accounts: Vec<(String, Quantity)>,
    /// Savings Plans, in the order of the file.
    pub savings_plans: Vec<SavingsPlan>,
    /// Reserved instances, in the order of the file.
    pub reserved: Vec<Reserved>,
    /// Another currency to show totals in.
    pub currency: Option<Currency>,
    /// A tax to show apart.
    pub tax: Option<Tax>,
    /// Support plan, e.g. `business`: the price list has `support.business`.
    pub support: Option<String>,
    /// Other terms on which the verdict is given beside the bill.
    pub purchase: Option<Purchase>,
    /// Growth of the traffic a month for the table of twelve months, e.g. 0.05; `None` = no table.
    pub growth: Option<f64>,
}

impl Billing {
    /// Whether usage by the hour decides the bill.
    pub const fn has_commitments(&self) -> bool {
        !self.savings_plans.is_empty() || !self.reserved.is_empty()
    }

    /// Whether usage by the hour decides anything that is shown.
    pub fn needs_hours(&self) -> bool {
        self.has_commitments() || self.purchase.as_ref().is_some_and(|purchase| purchase.savings_plan.is_some())
    }
}

/// An exact percentage, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Percentage(pub Quantity);

impl Percentage {
    /// A hundred percent in the units of [`Self::parts`].
    pub const WHOLE: u128 = 100_000_000;

    /// The percentage in millionths of a percent.
    pub const fn parts(self) -> u128 {
        self.0.millionths()
    }

    /// What the percentage leaves, in the same units.
    pub const fn rest(self) -> u128 {
        Self::WHOLE - self.0.millionths()
    }
}

impl std::fmt::Display for Percentage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// A range of the month's usage at a private price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateTier {
    /// Usage at which it starts.
    pub from: Quantity,
    /// Usage at which it ends; `None` = never.
    pub to: Option<Quantity>,
    /// USD a unit.
    pub price: UsdPer,
}

impl RateTier {
    /// One price for all usage.
    pub fn of_all(price: UsdPer) -> Self {
        Self { from: Quantity::default(), to: None, price }
    }
}

/// A percentage off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// A service as the price list names it, a key, or the beginning of keys up to a dot (`ec2.od.`).
    pub on: String,
    /// How much.
    pub percent: Percentage,
}

/// What a Savings Plan may cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanKind {
    /// Lambda duration (never requests), Fargate and EC2 of every family.
    Compute,
    /// EC2 of one family, e.g. `m7g`.
    Ec2Instance(String),
}

/// A Savings Plan: so many dollars in every hour, used or not.
#[derive(Debug, Clone, PartialEq)]
pub struct SavingsPlan {
    /// Its name on the bill; unique.
    pub name: String,
    /// What it may cover.
    pub kind: PlanKind,
    /// USD an hour.
    pub commitment: UsdPer,
    /// Rates stated by key.
    pub rates: Vec<(String, UsdPer)>,
    /// Percentages off the price on demand, by service, key or beginning of keys; where no rate is stated.
    pub discounts: Vec<Discount>,
    /// Offer whose rates the price list has under `sp.OFFER.KEY`; where nothing is stated.
    pub offer: Option<String>,
}

/// Reserved instances of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Reserved {
    /// Key of the price on demand, e.g. `ec2.od.linux.m7g.large`.
    pub sku: String,
    /// How many.
    pub count: u32,
    /// What each of them costs.
    pub price: ReservedPrice,
}

/// What a reserved instance costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservedPrice {
    /// As stated: USD in every hour, and USD once for the whole term.
    Stated {
        /// USD an hour.
        hourly: UsdPer,
        /// USD at the beginning of the term.
        upfront: Usd,
        /// Years.
        years: u32,
    },
    /// As the price list has it under `ec2.ri_OFFER.TYPE`, e.g. `std_1y_no_upfront`.
    Offer(String),
}

/// Terms on which the verdict is given again; that of the bill stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Purchase {
    /// A one-year compute Savings Plan: its rates. Its commitment is sought.
    pub savings_plan: Option<SavingsPlan>,
    /// A part of the instances on Spot.
    pub spot: Option<Spot>,
}

/// Instances on Spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Share of the instance hours.
    pub share: Percentage,
    /// Percentage off the list price; `None` = the typical price of the price list.
    pub discount: Option<Percentage>,
}

/// Another currency. The rate is stated, never fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217 code.
    pub code: String,
    /// Units of it for one USD, exact to 12 decimals.
    pub rate: UsdPer,
    /// Date of the rate.
    pub as_of: jiff::civil::Date,
    /// Who states it.
    pub source: Option<String>,
}

/// A tax that is shown apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// Its name, e.g. `VAT`.
    pub name: String,
    /// How much of the total.
    pub rate: Percentage,
}
