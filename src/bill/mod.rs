//! Usage x price book -> line items. Pure and exact; knows prices and no behaviour.
//!
//! [`bill`] takes the counters that the replications of one architecture left, scales them to the month ([`monthly`]),
//! cuts them into free amounts and tiers ([`tiers`]) and multiplies by the prices of a [`PriceBook`]. Since it needs
//! no more than counters, a bill can be computed again for another region, month or free tier without simulating.
//!
//! Three rules hold everywhere: a quantity is rounded once (6 decimals, half to even); an amount is the printed
//! quantity times the printed price exactly; a price that is not in the book is an error, never zero.

pub mod again;
mod agreed;
pub mod book;
pub mod commitments;
pub mod fargate_spot;
pub mod monthly;
pub mod price_list;
pub mod shown;
pub mod spot;
mod support;
pub mod tiers;
pub mod unit;
pub mod usage_file;

#[cfg(test)]
mod tests;

pub use book::{Confidence, PriceBook, PriceList};
pub use commitments::CommitmentUse;
use commitments::Hours;
pub use tiers::Line;

use crate::money::{DecimalError, Usd, UsdPer};
use crate::results::{LineItem, UsedPrice};
use crate::spec::billing::Billing;
use crate::spec::scenario::{FreeTier, Frequency};
use crate::units::SimDuration;
use crate::usage::Usage;
use book::{Price, Provenance, Tier};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use unit::PriceUnit;

/// Key of the shared database by the hour, whose price the scenario states ([`backend_price`]).
pub const BACKEND_KEY: &str = "backend.hour";

/// Why there is no bill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// The book has no price of this key. Unknown is never zero.
    #[error(
        "there is no price for `{key}` ({service}) in {region}{}",
        nearest.as_ref().map_or_else(String::new, |key| format!("; the nearest key there is `{key}`"))
    )]
    MissingPrice {
        /// AWS's name of the service.
        service: String,
        /// The region of the book.
        region: String,
        /// The key.
        key: String,
        /// A key much like it.
        nearest: Option<String>,
    },
    /// The last tier that the book knows ends below the usage.
    #[error("the price of `{key}` ({service}) in {region} is known up to {to} {unit} a month only")]
    BeyondTiers {
        /// AWS's name of the service.
        service: String,
        /// The region of the book.
        region: String,
        /// The key.
        key: String,
        /// Where the last tier ends.
        to: String,
        /// Unit of the price.
        unit: String,
    },
    /// No price list is for this region.
    #[error("there is no price list for the region `{region}`; there are some for {}", known.join(", "))]
    UnknownRegion {
        /// The region.
        region: String,
        /// Regions with lists.
        known: Vec<String>,
    },
    /// A counter measures something else than its price does.
    #[error("`{component}` counts `{sku}` as `{raw}`, which cannot be expressed in its price's unit, {unit}")]
    Unit {
        /// The component.
        component: String,
        /// The key.
        sku: String,
        /// Raw unit of the counter.
        raw: &'static str,
        /// Unit of the price.
        unit: String,
    },
    /// Counters of one key differ in their raw unit.
    #[error("`{sku}` is counted in more than one raw unit")]
    MixedUnits {
        /// The key.
        sku: String,
    },
    /// A quantity or an amount is beyond what can be kept exactly.
    #[error("the usage or the cost of `{sku}` is too large to be kept exactly")]
    TooLarge {
        /// The key.
        sku: String,
    },
    /// The sum of the lines is beyond the range of money.
    #[error("the total is too large to be kept exactly")]
    TotalTooLarge,
    /// There are no replications, or not as many without the bursts as with them.
    #[error("each run without bursts needs as many replications as the full run, and at least one")]
    Replications,
    /// The month or the horizon is zero, or beyond all measure.
    #[error("the month and the horizon must be longer than nothing")]
    NoTime,
    /// What is left of a free tier that does not exist.
    #[error("`{pool}` has no free tier; there is one for {}", known.join(", "))]
    UnknownFreeTier {
        /// As it was named.
        pool: String,
        /// All that have one.
        known: Vec<String>,
    },
    /// A percentage is off something that has no price.
    #[error(
        "`{on}` is neither a service nor a price (nor the beginning of some, up to a dot) in {region}{}",
        nearest.as_ref().map_or_else(String::new, |key| format!("; the nearest is `{key}`"))
    )]
    UnknownDiscount {
        /// As it was named.
        on: String,
        /// The region of the book.
        region: String,
        /// What is much like it.
        nearest: Option<String>,
    },
    /// A commitment cannot cover a key.
    #[error("{by} cannot cover `{sku}`: {why}")]
    NotCovered {
        /// The commitment.
        by: String,
        /// The key.
        sku: String,
        /// The rule.
        why: &'static str,
    },
    /// What remains is asked for, but not of what.
    #[error("`free_tier: remaining` is what `billing.other_accounts` leave, and none are stated")]
    NoOthers,
    /// Prices of one pool disagree about what is free.
    #[error("`{}` and `{}` share the free tier `{pool}` but state different amounts", keys[0], keys[1])]
    PoolMismatch {
        /// The pool.
        pool: String,
        /// The two prices.
        keys: [String; 2],
    },
}

/// Runs of the same replications without the bursts of one frequency.
#[derive(Debug, Clone)]
pub struct Variant<'a> {
    /// How often these bursts happen.
    pub per: Frequency,
    /// One for each replication, in the order of the full run.
    pub usage: Vec<&'a Usage>,
}

/// What a bill is made of.
pub struct BillInput<'a> {
    /// Counters of each replication of the full run; at least one.
    pub full: &'a [&'a Usage],
    /// One entry for each frequency that has bursts.
    pub without: &'a [Variant<'a>],
    /// What was measured.
    pub horizon: SimDuration,
    /// The month that is billed.
    pub month: SimDuration,
    /// The prices.
    pub book: &'a PriceBook,
    /// Prices that the scenario states; they come before those of the book.
    pub stated: &'a [Price],
    /// What the account pays other than the list price.
    pub billing: &'a Billing,
    /// What of the permanent free tier may be used. A pool that [`FreeTier::Remaining`] does not name is used up.
    pub free_tier: &'a FreeTier,
    /// Half-width of the interval of the mean of these totals (`None` for a single one). The statistics are the
    /// caller's.
    pub half_width: &'a dyn Fn(&[f64]) -> Option<f64>,
}

/// The bill of one architecture for one month.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// One line a component, key and tier.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Usd,
    /// Total minus half-width, to the micro-dollar; `None` for one replication.
    pub low: Option<Usd>,
    /// Total plus half-width.
    pub high: Option<Usd>,
    /// The total of each replication, priced alone.
    pub each: Vec<Usd>,
    /// The total if nothing were free.
    pub without_free_tier: Usd,
    /// The same of each replication.
    pub without_free_tier_each: Vec<Usd>,
    /// What the usage would cost on demand at list prices: nothing free, nothing agreed, no commitments, no support. `None` where
    /// the list does not go that far.
    pub at_list_prices: Option<Usd>,
    /// What one-off bursts add to the month in which they happen; `None` where there are none.
    pub once: Option<Usd>,
    /// Share of the total, 0..=1, that rests on prices known from memory only.
    pub share_from_memory: f64,
    /// The prices behind the lines, by key.
    pub used: Vec<UsedPrice>,
    /// How well the commitments fit, in the order in which they apply.
    pub commitments: Vec<CommitmentUse>,
}

/// Where prices are looked up: first what the scenario states, then the book.
pub(crate) struct Prices<'a> {
    book: &'a PriceBook,
    stated: &'a [Price],
}

impl<'a> Prices<'a> {
    fn find(&self, key: &str) -> Result<&'a Price, BillError> {
        self.stated.iter().find(|price| price.key == key).map_or_else(|| self.book.price(key), Ok)
    }

    /// Whether some price has a free amount of this pool.
    fn check_pool(&self, pool: &str) -> Result<(), BillError> {
        let all = self.stated.iter().chain(self.book.prices());
        let pools: BTreeSet<&str> = all.filter_map(|p| p.free.as_ref()).map(|free| free.pool.as_str()).collect();
        if pools.contains(pool) {
            return Ok(());
        }
        Err(BillError::UnknownFreeTier { pool: pool.to_owned(), known: pools.into_iter().map(str::to_owned).collect() })
    }
}

/// The bill for a month of the simulated traffic.
///
/// # Errors
/// See [`BillError`]; the first one found, in the order of the counters.
pub fn bill(input: &BillInput<'_>) -> Result<Bill, BillError> {
    let spot = fargate_spot::prices(input.book, input.full.iter().copied());
    let stated: Vec<Price> = input.stated.iter().cloned().chain(spot).collect();
    let input = &BillInput { stated: &stated, ..*input };
    let book = agreed::book(input.book, input.billing)?;
    commitments::check(&book, input.billing)?;
    let prices = Prices { book: &book, stated: input.stated };
    let replications = input.full.len();
    let priced = |range: Range<usize>, with_once: bool, free_tier: &FreeTier| {
        let demands = monthly::demands(input, &prices, range.clone(), with_once)?;
        // Without commitments nobody asks for the hours.
        let runs = if input.billing.has_commitments() { &input.full[range] } else { &[] };
        let hours = Hours::of_runs(runs, input.horizon);
        Terms { free_tier, billing: input.billing, month: input.month, hours: &hours }.price(&demands, &prices)
    };
    let all = || 0..replications;
    let whole = priced(all(), false, input.free_tier)?;
    let without_free_tier = priced(all(), false, &FreeTier::None)?.total;

    let mut each = Vec::with_capacity(replications);
    let mut without_free_tier_each = Vec::with_capacity(replications);
    for replication in all() {
        each.push(priced(replication..replication + 1, false, input.free_tier)?.total);
        without_free_tier_each.push(priced(replication..replication + 1, false, &FreeTier::None)?.total);
    }
    let totals: Vec<f64> = each.iter().map(|total| total.to_f64()).collect();
    let half_width = (input.half_width)(&totals).and_then(Usd::from_estimate);

    let once = if input.without.iter().any(|variant| variant.per == Frequency::Once) {
        let with = priced(all(), true, input.free_tier)?.total;
        Some(with.checked_sub(whole.total).ok_or(BillError::TotalTooLarge)?)
    } else {
        None
    };
    let list = Prices { book: input.book, stated: input.stated };
    let demands = monthly::demands(input, &list, all(), false)?;
    let mut bill = whole.bill(without_free_tier, at_list_prices(&demands, &list, input.billing, input.month));
    bill.low = half_width.and_then(|half| bill.total.checked_sub(half));
    bill.high = half_width.and_then(|half| bill.total.checked_add(half));
    bill.each = each;
    bill.without_free_tier_each = without_free_tier_each;
    bill.once = once;
    Ok(bill)
}

/// See [`Bill::at_list_prices`]. Other accounts go on sharing the tiers.
fn at_list_prices(
    demands: &[monthly::Demand],
    list: &Prices<'_>,
    billing: &Billing,
    month: SimDuration,
) -> Option<Usd> {
    let billing = &Billing { other_accounts: billing.other_accounts.clone(), ..Billing::default() };
    let terms = Terms { free_tier: &FreeTier::None, billing, month, hours: &Hours::default() };
    terms.price(demands, list).ok().map(|priced| priced.total)
}

/// On what terms the usage of a month is paid.
struct Terms<'a> {
    free_tier: &'a FreeTier,
    billing: &'a Billing,
    month: SimDuration,
    hours: &'a Hours,
}

/// The lines of a month and their sum.
struct Priced {
    lines: Vec<Line>,
    total: Usd,
    commitments: Vec<CommitmentUse>,
}

impl Terms<'_> {
    /// All lines: usage, commitments, support.
    fn price(&self, demands: &[monthly::Demand], prices: &Prices<'_>) -> Result<Priced, BillError> {
        let account = tiers::Account {
            prices,
            free_tier: self.free_tier,
            billing: self.billing,
            month: self.month,
            hours: self.hours,
        };
        let (mut lines, commitments) = tiers::lines(demands, &account)?;
        if let Some(plan) = &self.billing.support {
            lines.extend(support::lines(plan, sum(&lines)?, self.billing.enterprise, prices)?);
        }
        Ok(Priced { total: sum(&lines)?, lines, commitments })
    }
}

impl Priced {
    /// The bill of usage that is known for certain.
    fn bill(self, without_free_tier: Usd, at_list_prices: Option<Usd>) -> Bill {
        Bill {
            at_list_prices,
            low: None,
            high: None,
            each: vec![self.total],
            without_free_tier,
            without_free_tier_each: vec![without_free_tier],
            once: None,
            share_from_memory: share_from_memory(&self.lines, self.total),
            used: used(&self.lines),
            lines: self.lines,
            total: self.total,
            commitments: self.commitments,
        }
    }
}

impl Bill {
    /// The total to the cent as AWS prints it: each key at each price is one line of its bill, whatever components share it, and is rounded
    /// to the cent (halves up) before these lines are added. All of AWS's worked examples come to their printed cents so; of gp3
    /// volumes the exact total is half a cent, of which quantities of six decimals fall just short. `None` beyond the range of money.
    pub fn invoiced(&self) -> Option<Usd> {
        let mut by_price: BTreeMap<(&str, UsdPer), Usd> = BTreeMap::new();
        for line in &self.lines {
            let sum = by_price.entry((&line.sku, line.unit_price)).or_default();
            *sum = sum.checked_add(line.amount)?;
        }
        Usd::checked_sum(by_price.into_values().map(Usd::to_cents))
    }

    /// The lines as results print them.
    pub fn line_items(&self) -> Vec<LineItem> {
        self.lines.iter().map(Line::item).collect()
    }

    /// What a component cost in the month for capacity that was not at work: what each key comes to, commitments included,
    /// times the share of it that idled. `None` where none of these keys is on the bill.
    pub fn idle_cost(&self, component: &str, idle_shares: &[(String, f64)]) -> Option<Usd> {
        let mut idle = None;
        for line in self.lines.iter().filter(|line| line.component == component) {
            if let Some((_, share)) = idle_shares.iter().find(|(sku, _)| *sku == line.sku) {
                idle = idle.unwrap_or(Usd::ZERO).checked_add(line.effective()?.times_share(*share));
            }
        }
        idle
    }

    /// The month's total, spread over the hours of the horizon as the counters of one replication are, in USD an hour,
    /// for charts. What this replication did not count is spread evenly. The hours add up to the total.
    pub fn hourly_cost(&self, usage: &Usage) -> Vec<f64> {
        let hours = usage.meters.iter().map(|meter| meter.hourly.len()).max().unwrap_or(0);
        let mut cost = vec![0.0; hours];
        for line in &self.lines {
            let amount = line.amount.to_f64();
            let meter = usage.meters.iter().find(|m| m.component == line.component && m.sku == line.sku);
            match meter.filter(|meter| meter.total > 0) {
                Some(meter) => {
                    let each = amount / meter.total as f64;
                    for (sum, count) in cost.iter_mut().zip(&meter.hourly) {
                        *sum += each * *count as f64;
                    }
                }
                None => cost.iter_mut().for_each(|sum| *sum += amount / hours as f64),
            }
        }
        cost
    }
}

impl Line {
    /// What it comes to: the amount, or for covered usage what the commitment takes for it.
    pub fn effective(&self) -> Option<Usd> {
        self.under.map_or(Some(self.amount), |under| under.checked_mul(self.quantity))
    }

    /// The line as results print it.
    pub fn item(&self) -> LineItem {
        LineItem {
            component: self.component.clone(),
            service: self.service.clone(),
            sku: self.sku.clone(),
            description: self.description.clone(),
            quantity: self.quantity.to_string(),
            unit: self.unit.to_string(),
            unit_price: self.unit_price.to_string(),
            list_unit_price: self.list_price.to_string(),
            effective_unit_price: self.under.unwrap_or(self.unit_price).to_string(),
            commitment: self.commitment.clone(),
            upfront: self.upfront.map(|paid| paid.to_string()),
            amount: self.amount.to_string(),
            formula: self.formula.clone(),
            source: self.provenance.source.clone(),
            as_of: self.provenance.as_of.clone(),
            confidence: self.provenance.confidence.name().to_owned(),
        }
    }
}

/// The price of the shared database by the hour, as the scenario states it.
///
/// # Errors
/// When it is negative or has more than twelve decimals.
pub fn backend_price(hourly: Usd) -> Result<Price, DecimalError> {
    let provenance =
        Provenance { source: "the scenario".to_owned(), as_of: String::new(), confidence: Confidence::Stated };
    let tier = Tier { from: Default::default(), to: None, price: UsdPer::from_usd(hourly)?, list: None, provenance };
    Ok(Price {
        key: BACKEND_KEY.to_owned(),
        service: service_of(BACKEND_KEY).to_owned(),
        description: "Shared database by the hour".to_owned(),
        unit: PriceUnit::new("hour"),
        free: None,
        free_provenance: None,
        tiers: vec![tier],
    })
}

/// AWS's name of the service that a key belongs to, by the first part of the key.
pub fn service_of(key: &str) -> &'static str {
    match key.split('.').next().unwrap_or_default() {
        "lambda" => "AWS Lambda",
        "lambdaedge" => "AWS Lambda@Edge",
        "apigw" => "Amazon API Gateway",
        "alb" | "nlb" | "clb" | "gwlb" => "Elastic Load Balancing",
        "ec2" => "Amazon EC2",
        "ebs" => "Amazon EBS",
        "vpc" => "Amazon VPC",
        "dto" => "AWS Data Transfer",
        "fargate" => "AWS Fargate",
        "eks" => "Amazon EKS",
        "ecs" => "Amazon ECS",
        "ecr" => "Amazon ECR",
        "apprunner" => "AWS App Runner",
        "s3" => "Amazon S3",
        "ddb" => "Amazon DynamoDB",
        "sqs" => "Amazon SQS",
        "sns" => "Amazon SNS",
        "eb" => "Amazon EventBridge",
        "sfn" => "AWS Step Functions",
        "kinesis" => "Amazon Kinesis Data Streams",
        "firehose" => "Amazon Data Firehose",
        "cf" => "Amazon CloudFront",
        "r53" => "Amazon Route 53",
        "cognito" => "Amazon Cognito",
        "cw" => "Amazon CloudWatch",
        "xray" => "AWS X-Ray",
        "ssm" => "AWS Systems Manager",
        "secrets" => "AWS Secrets Manager",
        "kms" => "AWS KMS",
        "waf" => "AWS WAF",
        "rds" => "Amazon RDS",
        "elasticache" => "Amazon ElastiCache",
        "lex" => "Amazon Lex",
        "polly" => "Amazon Polly",
        "backend" => "Shared backend",
        "savings_plan" | "sp" => "AWS Savings Plans",
        "support" => "AWS Support",
        _ => "unknown service",
    }
}

fn sum(lines: &[Line]) -> Result<Usd, BillError> {
    Usd::checked_sum(lines.iter().map(|line| line.amount)).ok_or(BillError::TotalTooLarge)
}

fn share_from_memory(lines: &[Line], total: Usd) -> f64 {
    let memory = lines.iter().filter(|line| line.provenance.confidence == Confidence::Memory);
    match Usd::checked_sum(memory.map(|line| line.amount)) {
        Some(memory) if total > Usd::ZERO => memory.to_f64() / total.to_f64(),
        _ => 0.0,
    }
}

/// Each price behind the lines once for each source, by key.
fn used(lines: &[Line]) -> Vec<UsedPrice> {
    let used: BTreeSet<(&str, &Provenance)> = lines.iter().map(|line| (line.sku.as_str(), &line.provenance)).collect();
    used.into_iter()
        .map(|(sku, provenance)| UsedPrice {
            sku: sku.to_owned(),
            confidence: provenance.confidence.name().to_owned(),
            source: provenance.source.clone(),
            as_of: provenance.as_of.clone(),
        })
        .collect()
}
