//! `focus.csv`: the bills as FOCUS 1.2 rows (FinOps Open Cost and Usage Specification), by the day or the hour, marked as simulated.
//!
//! Columns of FOCUS 1.3 and our own (`x_…`) stand behind those of 1.2. Each architecture is a billing account of its own, since they are
//! alternatives whose sum means nothing. `EffectiveCost` of an account adds up to its total exactly; so does `BilledCost`, but for upfront
//! fees, which it has in full where the total has the month's share. `InvoiceId` is kept and null: nobody is invoiced.
//!
//! Commitments follow FOCUS 1.2 (Commitment Discount columns, appendix "Commitment Discounts"): an upfront fee is a one-time purchase over
//! the term, what is paid by the hour a recurring one, both without effective cost; covered usage is `Used` at what an hour of the
//! commitment costs with its upfront share; what nobody took is one `Unused` row. Quantities are hours for reservations, dollars for plans.

use super::clock::Clock;
use super::csv::guarded;
use super::format::clean;
use super::spread::{self, Part, Period};
use crate::money::{Quantity, Usd, UsdPer};
use crate::results::{ArchitectureResult, LineItem, LineKind, Results};

/// The columns, in order: FOCUS 1.2, then 1.3, then our own.
pub const COLUMNS: [&str; 58] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "HostProviderName",
    "ServiceProviderName",
    "x_Architecture",
    "x_Component",
    "x_PriceAsOf",
    "x_PriceConfidence",
    "x_PriceSource",
    "x_Scenario",
    "x_Seed",
    "x_Simulated",
    "x_ToolVersion",
];

/// Further columns, written where a bill has commitments.
pub const COMMITMENT_COLUMNS: [&str; 7] = [
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
];

/// The invoice issuer; the validator wants it to be the provider's name.
const PROVIDER: &str = "AWS";

/// The rows of all architectures.
pub fn render(results: &Results, period: Period) -> String {
    let clock = Clock::of(results);
    let mut columns = COLUMNS.to_vec();
    if results.architectures.iter().any(|a| a.line_items.iter().any(|item| item.commitment.is_some())) {
        columns.extend(COMMITMENT_COLUMNS);
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut write = |row: &Row<'_>, account: &Account<'_>| {
        let fields = columns.iter().map(|column| guarded(&row.text(column, account)));
        // Every record has as many fields as the header and goes to memory: writing cannot fail.
        writer.write_record(fields).expect("written to memory");
    };
    let mut rows = Vec::new();
    for (index, a) in results.architectures.iter().enumerate() {
        let account = Account::new(results, index, a, &clock);
        for item in &a.line_items {
            let Some(prices) = Prices::of(item) else { continue };
            if item.kind() == LineKind::Upfront {
                rows.extend(Row::upfront(item, results, &clock));
            } else {
                let parts = spread::parts(results, a, item, period, clock.shift());
                rows.extend(parts.iter().filter_map(|part| Row::new(item, prices, part, &clock)));
            }
            for row in rows.drain(..) {
                write(&row, &account);
            }
        }
        for unused in unused(a) {
            write(&Row::unused(&unused, results, &clock), &account);
        }
    }
    let rows = writer.into_inner().expect("flushed to memory");
    let mut head = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    head.write_record(&columns).expect("written to memory");
    let mut bytes = head.into_inner().expect("flushed to memory");
    bytes.extend(rows);
    String::from_utf8(bytes).expect("made of strings")
}

/// What of a commitment no usage took.
struct Unused<'a> {
    /// The first line of the commitment's own.
    item: &'a LineItem,
    cost: Usd,
    /// In the commitment's measure: hours or dollars.
    quantity: String,
}

/// What of each commitment was left over, where there is any.
fn unused(a: &ArchitectureResult) -> Vec<Unused<'_>> {
    let mut names: Vec<&LineItem> = Vec::new();
    for item in a.line_items.iter().filter(|item| matches!(item.kind(), LineKind::Recurring | LineKind::Upfront)) {
        if names.iter().all(|first| first.commitment != item.commitment) {
            names.push(item);
        }
    }
    names.into_iter().filter_map(|item| left_over(a, item)).collect()
}

fn left_over<'a>(a: &'a ArchitectureResult, item: &'a LineItem) -> Option<Unused<'a>> {
    let own = || a.line_items.iter().filter(|line| line.commitment == item.commitment);
    let (mut cost, mut hours) = (Usd::ZERO, spread::numbers(item)?.0);
    for line in own() {
        if line.kind() == LineKind::Covered {
            let quantity = spread::numbers(line)?.0;
            cost = cost.checked_sub(Prices::of(line)?.effective.checked_mul(quantity)?)?;
            hours = hours.saturating_sub(quantity);
        } else {
            cost = cost.checked_add(line.amount.parse().ok()?)?;
        }
    }
    let quantity = if is_plan(item) { cost.to_string() } else { hours.to_string() };
    (cost > Usd::ZERO).then_some(Unused { item, cost, quantity })
}

/// Whether the commitment of its own line is a Savings Plan rather than a reservation.
fn is_plan(item: &LineItem) -> bool {
    item.sku.starts_with("savings_plan.")
}

/// USD a unit.
#[derive(Debug, Clone, Copy)]
struct Prices {
    billed: UsdPer,
    list: UsdPer,
    effective: UsdPer,
}

impl Prices {
    /// Results of an earlier version state the billed price alone.
    fn of(item: &LineItem) -> Option<Self> {
        let billed = spread::numbers(item)?.1;
        let or_billed = |text: &str| if text.is_empty() { Some(billed) } else { text.parse().ok() };
        Some(Self {
            billed,
            list: or_billed(&item.list_unit_price)?,
            effective: or_billed(&item.effective_unit_price)?,
        })
    }
}

/// One row.
struct Row<'a> {
    item: &'a LineItem,
    kind: LineKind,
    from: String,
    to: String,
    /// Nothing of it is priced: the unused part of a commitment.
    unpriced: bool,
    quantity: String,
    unit: String,
    /// Of the commitment, in its measure.
    committed: String,
    list_price: String,
    contracted_price: String,
    billed: String,
    list: String,
    contracted: String,
    effective: String,
}

/// What all rows of an architecture have in common.
struct Account<'a> {
    results: &'a Results,
    a: &'a ArchitectureResult,
    id: String,
    from: String,
    to: String,
    tags: String,
}

impl<'a> Account<'a> {
    fn new(results: &'a Results, index: usize, a: &'a ArchitectureResult, clock: &Clock) -> Self {
        // Writing a map of strings to memory cannot fail.
        let tags = serde_json::to_string(&a.tags).expect("a map of strings");
        Self {
            results,
            a,
            id: format!("simulated-{}", super::charts::slug(index, &a.name)),
            from: clock.billed(0),
            to: clock.billed(spread::month_seconds(results)),
            tags: if a.tags.is_empty() { String::new() } else { tags },
        }
    }

    /// The commitment's own line behind a line that it pays for, or that is it.
    fn commitment(&self, item: &LineItem) -> Option<&'a LineItem> {
        let own = |line: &&LineItem| line.commitment == item.commitment && line.kind() != LineKind::Covered;
        item.commitment.as_ref().and_then(|_| self.a.line_items.iter().find(own))
    }
}

impl<'a> Row<'a> {
    /// A part of a line; `None` where an amount is beyond the range of money.
    fn new(item: &'a LineItem, prices: Prices, part: &Part, clock: &Clock) -> Option<Self> {
        let kind = item.kind();
        let cost = |price: UsdPer| price.checked_mul(part.quantity).map(|cost| cost.to_string());
        // A commitment is no contract on the price of usage.
        let contracted = if kind == LineKind::Covered { prices.list } else { prices.billed };
        Some(Self {
            item,
            kind,
            from: clock.billed(part.from),
            to: clock.billed(part.to),
            unpriced: false,
            quantity: part.quantity.to_string(),
            unit: unit(&item.unit),
            committed: String::new(),
            list_price: prices.list.to_string(),
            contracted_price: contracted.to_string(),
            billed: cost(prices.billed)?,
            list: cost(prices.list)?,
            contracted: cost(contracted)?,
            // What is bought is taken by the usage that it covers, and the rest by a row of its own.
            effective: if kind == LineKind::Recurring { "0".to_owned() } else { cost(prices.effective)? },
        })
    }

    /// The fee that is paid at once for the whole term: the month is taken for the one in which it is bought.
    fn upfront(item: &'a LineItem, results: &Results, clock: &Clock) -> Option<Self> {
        let fee = item.upfront.clone()?;
        // The fee over its share of an hour is the instance-hours of the term, to the hour.
        let (_, an_hour) = spread::numbers(item)?;
        let hours = fee.parse::<Usd>().ok()?.to_f64() / an_hour.checked_mul(Quantity::from_units(1)?)?.to_f64();
        Some(Self {
            item,
            kind: LineKind::Upfront,
            from: clock.billed(0),
            to: clock.billed(spread::month_seconds(results)),
            unpriced: false,
            quantity: "1".to_owned(),
            unit: "Units".to_owned(),
            committed: format!("{hours:.0}"),
            list_price: fee.clone(),
            contracted_price: fee.clone(),
            billed: fee.clone(),
            list: fee.clone(),
            contracted: fee,
            effective: "0".to_owned(),
        })
    }

    /// What of a commitment no usage took, over the whole month.
    fn unused(unused: &Unused<'a>, results: &Results, clock: &Clock) -> Self {
        Self {
            item: unused.item,
            kind: LineKind::Covered,
            from: clock.billed(0),
            to: clock.billed(spread::month_seconds(results)),
            unpriced: true,
            quantity: String::new(),
            unit: String::new(),
            committed: unused.quantity.clone(),
            list_price: String::new(),
            contracted_price: String::new(),
            billed: "0".to_owned(),
            list: "0".to_owned(),
            contracted: "0".to_owned(),
            effective: unused.cost.to_string(),
        }
    }

    /// What the row has or takes of its commitment: dollars of a plan, hours of a reservation.
    fn committed(&self, plan: bool) -> String {
        match self.kind {
            _ if !self.committed.is_empty() => self.committed.clone(),
            LineKind::Recurring if plan => self.billed.clone(),
            LineKind::Covered if plan => self.effective.clone(),
            _ => self.quantity.clone(),
        }
    }

    fn text(&self, column: &str, account: &Account<'_>) -> String {
        let (results, a, item) = (account.results, account.a, self.item);
        let (category, subcategory) = category(item);
        let component = a.components.iter().find(|c| c.name == item.component);
        let bought = matches!(self.kind, LineKind::Recurring | LineKind::Upfront);
        let commitment = account.commitment(item);
        let of_commitment = |text: &dyn Fn(&LineItem) -> String| commitment.map_or_else(String::new, text);
        match column {
            "BilledCost" => self.billed.clone(),
            "ContractedCost" => self.contracted.clone(),
            "EffectiveCost" | "PricingCurrencyEffectiveCost" => self.effective.clone(),
            "ListCost" => self.list.clone(),
            "ContractedUnitPrice" | "PricingCurrencyContractedUnitPrice" => self.contracted_price.clone(),
            "ListUnitPrice" | "PricingCurrencyListUnitPrice" => self.list_price.clone(),
            "PricingQuantity" => self.quantity.clone(),
            "PricingUnit" => self.unit.clone(),
            "ConsumedQuantity" if !bought => self.quantity.clone(),
            "ConsumedUnit" if !bought => self.unit.clone(),
            "BillingAccountId" | "SubAccountId" => account.id.clone(),
            "BillingAccountName" | "SubAccountName" | "x_Architecture" => clean(&a.name),
            "BillingAccountType" | "SubAccountType" => "Simulated architecture".to_owned(),
            "BillingCurrency" | "PricingCurrency" => "USD".to_owned(),
            "BillingPeriodStart" => account.from.clone(),
            "BillingPeriodEnd" => account.to.clone(),
            "ChargePeriodStart" => self.from.clone(),
            "ChargePeriodEnd" => self.to.clone(),
            "ChargeCategory" => if bought { "Purchase" } else { "Usage" }.to_owned(),
            "ChargeFrequency" => match self.kind {
                LineKind::Upfront => "One-Time",
                LineKind::Recurring => "Recurring",
                _ => "Usage-Based",
            }
            .to_owned(),
            "ChargeDescription" if self.unpriced => format!("Simulated: unused part of {}", clean(&item.description)),
            "ChargeDescription" => format!("Simulated: {}", clean(&item.description)),
            "InvoiceIssuerName" | "ProviderName" | "PublisherName" | "HostProviderName" | "ServiceProviderName" => {
                PROVIDER.to_owned()
            }
            // What is bought is not itself priced by a commitment.
            "PricingCategory" => if self.kind == LineKind::Covered { "Committed" } else { "Standard" }.to_owned(),
            "RegionId" => clean(&results.region),
            "RegionName" => region_name(&results.region),
            "ResourceId" => component.map_or_else(String::new, |c| clean(&format!("{}/{}", a.name, c.name))),
            "ResourceName" => component.map_or_else(String::new, |c| clean(&c.name)),
            "ResourceType" => component.map_or_else(String::new, |c| clean(&c.kind)),
            "ServiceCategory" => category.to_owned(),
            "ServiceSubcategory" => subcategory.to_owned(),
            "ServiceName" => clean(&item.service),
            "SkuId" => clean(&item.sku),
            "SkuMeter" => clean(&item.description),
            "SkuPriceId" => clean(&format!("{}/{}/{}", results.region, item.sku, item.unit_price)),
            "Tags" => account.tags.clone(),
            "CommitmentDiscountId" | "CommitmentDiscountName" => {
                item.commitment.as_deref().map_or_else(String::new, clean)
            }
            "CommitmentDiscountStatus" if self.unpriced => "Unused".to_owned(),
            "CommitmentDiscountStatus" if self.kind == LineKind::Covered => "Used".to_owned(),
            "CommitmentDiscountCategory" => {
                of_commitment(&|own| if is_plan(own) { "Spend" } else { "Usage" }.to_owned())
            }
            "CommitmentDiscountQuantity" => of_commitment(&|own| self.committed(is_plan(own))),
            "CommitmentDiscountUnit" => {
                of_commitment(&|own| if is_plan(own) { "USD".to_owned() } else { unit(&own.unit) })
            }
            "CommitmentDiscountType" => {
                of_commitment(&|own| if is_plan(own) { "Savings Plan" } else { "Reserved Instance" }.to_owned())
            }
            "x_Component" => clean(&item.component),
            "x_PriceAsOf" => clean(&item.as_of),
            "x_PriceConfidence" => clean(&item.confidence),
            "x_PriceSource" => clean(&item.source),
            "x_Scenario" => clean(&results.scenario),
            "x_Seed" => results.seed.to_string(),
            "x_Simulated" => "true".to_owned(),
            "x_ToolVersion" => clean(&results.tool_version),
            // ChargeClass: no correction. InvoiceId: no invoice. SkuPriceDetails: no property of it is known.
            _ => String::new(),
        }
    }
}

/// FOCUS's category and subcategory of what a key of the price list pays for (FOCUS 1.2, Service Category).
fn category(item: &LineItem) -> (&'static str, &'static str) {
    let first = item.sku.split('.').next().unwrap_or_default();
    match first {
        "lambda" | "lambdaedge" => ("Compute", "Serverless Compute"),
        "ec2" => ("Compute", "Virtual Machines"),
        "fargate" | "eks" | "ecs" | "ecr" | "apprunner" => ("Compute", "Containers"),
        "ebs" => ("Storage", "Block Storage"),
        "s3" => ("Storage", "Object Storage"),
        "alb" | "nlb" | "clb" | "gwlb" => ("Networking", "Application Networking"),
        "vpc" => ("Networking", "Network Infrastructure"),
        "dto" => ("Networking", "Network Connectivity"),
        "cf" => ("Networking", "Content Delivery"),
        "r53" => ("Networking", "Network Routing"),
        "waf" => ("Networking", "Network Security"),
        "apigw" => ("Integration", "API Management"),
        "sqs" | "sns" | "eb" => ("Integration", "Messaging"),
        "sfn" => ("Integration", "Workflow Orchestration"),
        "kinesis" | "firehose" => ("Analytics", "Streaming Analytics"),
        "ddb" => ("Databases", "NoSQL Databases"),
        "rds" => ("Databases", "Relational Databases"),
        "elasticache" => ("Databases", "Caching"),
        "backend" => ("Databases", "Other (Databases)"),
        "cognito" => ("Identity", "Identity and Access Management"),
        "secrets" | "kms" => ("Security", "Secret Management"),
        "cw" | "xray" => ("Management and Governance", "Observability"),
        "ssm" => ("Management and Governance", "Other (Management and Governance)"),
        "support" => ("Management and Governance", "Support"),
        "lex" | "polly" => ("AI and Machine Learning", "Natural Language Processing"),
        // Commitments have keys of their own; a service has one category.
        _ => match item.service.as_str() {
            "Amazon EC2" => ("Compute", "Virtual Machines"),
            "AWS Savings Plans" => ("Compute", "Other (Compute)"),
            _ => ("Other", "Other (Other)"),
        },
    }
}

/// A unit of the price list in FOCUS's unit format: capitalised, time and counts in the plural.
fn unit(unit: &str) -> String {
    match unit {
        "GB" => return "GB".to_owned(),
        "GB-s" => return "GB-Seconds".to_owned(),
        _ => {}
    }
    let words: Vec<String> = clean(unit)
        .split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect();
    match words.join("-") {
        name if name.is_empty() => "Units".to_owned(),
        name if name.ends_with('s') => name,
        name => name + "s",
    }
}

/// AWS's name of a region; the identifier itself where it is none of ours.
fn region_name(region: &str) -> String {
    match region {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "eu-west-1" => "Europe (Ireland)",
        "eu-west-2" => "Europe (London)",
        "eu-central-1" => "Europe (Frankfurt)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        other => return clean(other),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn rows(results: &Results, period: Period) -> Vec<Vec<String>> {
        let text = render(results, period);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    fn column(name: &str) -> usize {
        COLUMNS.iter().position(|column| *column == name).expect(name)
    }

    #[test]
    fn rows_multiply_and_add_up_to_the_total_exactly() {
        for period in [Period::Day, Period::Hour] {
            let results = fixture::results(2);
            let rows = rows(&results, period);
            for a in &results.architectures {
                let mine: Vec<_> = rows.iter().filter(|row| row[column("x_Architecture")] == a.name).collect();
                for cost in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
                    let sum = fixture::sum(mine.iter().map(|row| row[column(cost)].as_str()));
                    assert_eq!(Some(sum), a.monthly_cost.total, "{cost}");
                }
                for row in mine {
                    let product = fixture::times(&row[column("PricingQuantity")], &row[column("ListUnitPrice")]);
                    assert_eq!(product, row[column("ListCost")]);
                }
            }
        }
    }

    #[test]
    fn a_commitment_is_bought_and_its_cost_taken_by_what_it_covers() {
        let mut results = fixture::results(1);
        let a = &mut results.architectures[0];
        // 730 h of $0.10 bought; it covers 100 GB-s at $0.5 each, which cost $0.7 on demand: $23 are lost.
        let mut bought = a.line_items[0].clone();
        (bought.sku, bought.unit, bought.quantity) = ("savings_plan.all".into(), "hour".into(), "730".into());
        for price in [&mut bought.unit_price, &mut bought.list_unit_price, &mut bought.effective_unit_price] {
            *price = "0.1".into();
        }
        (bought.amount, bought.commitment) = ("73".into(), Some("all".into()));
        let mut covered = a.line_items[2].clone();
        (covered.quantity, covered.unit_price, covered.amount) = ("100".into(), "0".into(), "0".into());
        (covered.list_unit_price, covered.effective_unit_price) = ("0.7".into(), "0.5".into());
        covered.commitment = Some("all".into());
        a.line_items = vec![bought, covered];
        let (header, rows) = table(&results);
        let sum = |name: &str| {
            let values: Vec<String> = rows.iter().map(|row| cell(&header, row, name)).collect();
            fixture::sum(values.iter().map(String::as_str))
        };
        assert_eq!((sum("BilledCost"), sum("EffectiveCost")), ("73".to_owned(), "73".to_owned()));
        let last = rows.last().unwrap();
        let of_last = [
            "EffectiveCost",
            "CommitmentDiscountStatus",
            "CommitmentDiscountCategory",
            "ChargeCategory",
            "CommitmentDiscountQuantity",
            "CommitmentDiscountUnit",
        ];
        assert_eq!(of_last.map(|name| cell(&header, last, name)), ["23", "Unused", "Spend", "Usage", "23", "USD"]);
        assert_eq!(cell(&header, &rows[0], "ChargeCategory"), "Purchase");
    }

    fn table(results: &Results) -> (csv::StringRecord, Vec<csv::StringRecord>) {
        let text = render(results, Period::Day);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        (header, reader.records().map(Result::unwrap).collect())
    }

    fn cell(header: &csv::StringRecord, row: &csv::StringRecord, name: &str) -> String {
        row[header.iter().position(|column| column == name).expect(name)].to_owned()
    }

    /// FOCUS 1.2, appendix "Commitment Discounts", AWS reserved instances with all and with a part paid upfront.
    #[test]
    fn an_upfront_fee_is_bought_once_and_taken_by_the_hour() {
        for hourly in ["0", "0.02"] {
            let mut results = fixture::results(1);
            let a = &mut results.architectures[0];
            // Two instances of which 1,000 of 1,460 h are used, $262.80 each upfront for a year: 3 cents an hour.
            let name = "reserved-1.ec2.od.linux.m7g.large";
            let own = |price: &str, amount: &str, upfront: Option<&str>| LineItem {
                sku: name.into(),
                service: "Amazon EC2".into(),
                unit: "instance-hour".into(),
                quantity: "1460".into(),
                unit_price: price.into(),
                list_unit_price: price.into(),
                effective_unit_price: price.into(),
                amount: amount.into(),
                commitment: Some(name.into()),
                upfront: upfront.map(str::to_owned),
                ..LineItem::default()
            };
            let covered = LineItem {
                sku: "ec2.od.linux.m7g.large".into(),
                quantity: "1000".into(),
                unit_price: "0".into(),
                list_unit_price: "0.0816".into(),
                effective_unit_price: if hourly == "0" { "0.03" } else { "0.05" }.into(),
                amount: "0".into(),
                ..own("0", "0", None)
            };
            a.line_items = vec![covered, own("0.03", "43.8", Some("525.6"))];
            if hourly != "0" {
                a.line_items.insert(1, own("0.02", "29.2", None));
            }
            let (header, rows) = table(&results);
            let of = |frequency: &str| {
                let fits = |row: &&csv::StringRecord| cell(&header, row, "ChargeFrequency") == frequency;
                rows.iter().filter(fits).collect::<Vec<_>>()
            };
            let sum = |rows: &[&csv::StringRecord], name: &str| {
                let values: Vec<String> = rows.iter().map(|row| cell(&header, row, name)).collect();
                fixture::sum(values.iter().map(String::as_str))
            };
            let once = of("One-Time");
            assert_eq!(once.len(), 1);
            let shown = |row: &csv::StringRecord, names: [&str; 7]| names.map(|name| cell(&header, row, name));
            let names = [
                "ChargeCategory",
                "BilledCost",
                "EffectiveCost",
                "PricingQuantity",
                "CommitmentDiscountQuantity",
                "CommitmentDiscountUnit",
                "CommitmentDiscountStatus",
            ];
            // 2 x 8,760 h are eligible over the term.
            assert_eq!(shown(once[0], names), ["Purchase", "525.6", "0", "1", "17520", "Instance-Hours", ""]);
            assert_eq!(cell(&header, once[0], "PricingCategory"), "Standard");
            let recurring = of("Recurring");
            assert_eq!(recurring.is_empty(), hourly == "0");
            if hourly != "0" {
                assert_eq!(sum(&recurring, "BilledCost"), "29.2");
                assert_eq!(sum(&recurring, "EffectiveCost"), "0");
                assert_eq!(sum(&recurring, "CommitmentDiscountQuantity"), "1460");
            }
            let usage = of("Usage-Based");
            let (unused, used): (Vec<_>, Vec<_>) =
                usage.into_iter().partition(|row| cell(&header, row, "CommitmentDiscountStatus") == "Unused");
            assert!(used.iter().all(|row| cell(&header, row, "CommitmentDiscountStatus") == "Used"));
            assert!(used.iter().chain(&unused).all(|row| cell(&header, row, "BilledCost") == "0"));
            // 1,000 and 460 h at 3 cents, or at 5.
            let want = if hourly == "0" { ["30", "13.8"] } else { ["50", "23"] };
            assert_eq!([sum(&used, "EffectiveCost"), sum(&unused, "EffectiveCost")], want);
            assert_eq!(sum(&used, "CommitmentDiscountQuantity"), "1000");
            assert_eq!(unused.len(), 1);
            assert_eq!(cell(&header, unused[0], "CommitmentDiscountQuantity"), "460");
            assert_eq!(cell(&header, unused[0], "CommitmentDiscountUnit"), "Instance-Hours");
            for row in &rows {
                assert_eq!(cell(&header, row, "CommitmentDiscountType"), "Reserved Instance");
                assert_eq!(cell(&header, row, "CommitmentDiscountCategory"), "Usage");
            }
        }
    }

    #[test]
    fn a_calendar_month_is_the_billing_period() {
        let mut results = fixture::results(2);
        // 2 March 2026 in Berlin is the start; what is billed is February, which AWS reckons in UTC.
        (results.terms.month, results.billed_hours) = (Some("2026-02".into()), 672.0);
        let rows = rows(&results, Period::Day);
        for row in &rows {
            assert_eq!(row[column("BillingPeriodStart")], "2026-02-01T00:00:00Z");
            assert_eq!(row[column("BillingPeriodEnd")], "2026-03-01T00:00:00Z");
        }
        let mut days: Vec<&str> = rows.iter().map(|row| &*row[column("ChargePeriodStart")]).collect();
        days.sort_unstable();
        assert_eq!((days[0], days[days.len() - 1]), ("2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"));
    }

    #[test]
    fn instants_are_utc_and_within_the_month() {
        // 2 March 2026, midnight in Berlin, and 730 hours later, after the clocks have changed.
        let results = fixture::results(2);
        let rows = rows(&results, Period::Day);
        for row in &rows {
            assert_eq!(row[column("BillingPeriodStart")], "2026-03-01T23:00:00Z");
            assert_eq!(row[column("BillingPeriodEnd")], "2026-04-01T09:00:00Z");
            let (from, to) = (&row[column("ChargePeriodStart")], &row[column("ChargePeriodEnd")]);
            assert!(from < to && to <= &row[column("BillingPeriodEnd")], "{from} {to}");
            assert_eq!(row[column("x_Simulated")], "true");
            assert!(row[column("InvoiceId")].is_empty());
        }
        // 31 days of five lines of one architecture and seven of the other, less hours without any.
        assert!(rows.len() > 31 * 10 && rows.len() <= 31 * 15, "{}", rows.len());
    }

    #[test]
    fn tags_are_json_and_absent_ones_null() {
        let mut results = fixture::results(2);
        results.architectures[0].tags.insert("team".into(), "shop \"eu\"".into());
        let rows = rows(&results, Period::Day);
        let tags = |name: &str| {
            rows.iter().find(|row| row[column("x_Architecture")] == name).map(|row| row[column("Tags")].clone())
        };
        assert_eq!(tags("lambda-http-api").as_deref(), Some(r#"{"team":"shop \"eu\""}"#));
        assert_eq!(tags("ec2-asg-alb").as_deref(), Some(""));
    }

    #[test]
    fn units_are_those_of_the_unit_format() {
        for (given, want) in [
            ("GB-s", "GB-Seconds"),
            ("GB", "GB"),
            ("request", "Requests"),
            ("instance-hour", "Instance-Hours"),
            ("LCU-hour", "LCU-Hours"),
            ("GB-month", "GB-Months"),
            ("", "Units"),
        ] {
            assert_eq!(unit(given), want);
        }
    }
}
