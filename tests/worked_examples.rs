//! AWS's own worked examples (pricing pages, price-list outputs), priced through the real path: counters -> bill.
//!
//! The numbers stand here, so that the tests run anywhere; where the collection of examples lies beside the checkout
//! (`../shared/oracles/aws_worked_examples.json`), every one of its entries must be among them and agree.

use costsim::bill::book::{Price, PriceBook, Provenance, Tier};
use costsim::bill::{Bill, BillInput, Confidence, bill, price_list, usage_file};
use costsim::catalog;
use costsim::money::{Quantity, Usd, UsdPer};
use costsim::spec::billing::Billing;
use costsim::spec::scenario::FreeTier;
use costsim::units::SimDuration;
use costsim::usage::{Meter, RawUnit, Usage};
use std::collections::BTreeMap;
use std::path::PathBuf;

const GIB: u128 = 1 << 30;
const HOUR_MS: u128 = 3_600_000;

/// (key, unit, rates).
type Rates = (&'static str, &'static str, &'static [&'static str]);

/// One example: what is used, and what AWS says it costs.
struct Example {
    id: &'static str,
    hours: u64,
    free: bool,
    /// (key, raw unit, count)
    usage: Vec<(&'static str, RawUnit, u128)>,
    /// Other rates than today's: (key, unit, one rate for all usage or one a tier).
    rates: Vec<Rates>,
    /// (key, AWS's amount), in the order of the usage; keys with tiers are added up.
    items: Vec<(&'static str, &'static str)>,
    total: &'static str,
    /// How far AWS's rounding of its lines may put it from the exact amount.
    tolerance: &'static str,
}

/// MB-ms of `count` calls of `ms` at `mb`.
const fn mb_ms(count: u128, ms: u128, mb: u128) -> u128 {
    count * ms * mb
}

fn lambda(
    id: &'static str,
    free: bool,
    requests: u128,
    ms: u128,
    mb: u128,
    items: [&'static str; 2],
    total: &'static str,
) -> Example {
    Example {
        id,
        hours: 730,
        free,
        usage: vec![
            ("lambda.duration.x86", RawUnit::MbMs, mb_ms(requests, ms, mb)),
            ("lambda.request.x86", RawUnit::Count, requests),
        ],
        rates: vec![],
        items: vec![("lambda.duration.x86", items[0]), ("lambda.request.x86", items[1])],
        total,
        tolerance: "0",
    }
}

/// All examples of the collection that are prices (M01 is a rounding of milliseconds and belongs to the function's own
/// tests).
fn examples() -> Vec<Example> {
    use RawUnit::{Bytes, Count, GibMs, Hours, MbMs, MicroLcuHours, Ms};
    // A task of 1 vCPU, 2 GB and 30 GB of disk: 5 a day, 600 s each, 30 days.
    let task_ms = 5 * 600 * 1_000 * 30;
    let fargate = |id, cpu: &'static str, memory: &'static str, items: [&'static str; 3], total| Example {
        id,
        hours: 720,
        free: false,
        usage: vec![(cpu, Ms, task_ms), (memory, MbMs, task_ms * 2_048), ("fargate.ephemeral", MbMs, task_ms * 10_240)],
        rates: vec![],
        items: vec![(cpu, items[0]), (memory, items[1]), ("fargate.ephemeral", items[2])],
        total,
        tolerance: "0",
    };
    let balancer = |id, micro_lcu_per_hour: u128, lcu: &'static str, total| Example {
        id,
        hours: 720,
        free: false,
        usage: vec![("alb.hour", Hours, 720), ("alb.lcu", MicroLcuHours, micro_lcu_per_hour * 720)],
        rates: vec![],
        items: vec![("alb.hour", "16.2"), ("alb.lcu", lcu)],
        total,
        tolerance: "0",
    };
    let mut examples = vec![
        // aws.amazon.com/lambda/pricing, at today's rate, with and without free tier.
        lambda("L00", true, 3_000_000, 1_000, 512, ["18.33337", "0.4"], "18.73337"),
        lambda("L00b", false, 3_000_000, 1_000, 512, ["25.00005", "0.6"], "25.60005"),
        // The same page before 2020-12.
        Example {
            rates: vec![("lambda.duration.x86", "GB-s", &["0.00001667"])],
            ..lambda("L00c", true, 3_000_000, 1_000, 512, ["18.337", "0.4"], "18.737")
        },
        // The page's mobile backend.
        lambda("L01", true, 3_000_000, 120, 1_536, ["2.333338", "0.4"], "2.733338"),
        // An independent tool's output from the live price list: all three tiers of 61.44 billion GB-s.
        Example {
            usage: vec![
                ("lambda.duration.x86", MbMs, 61_440_000_000 * 1_024_000),
                ("lambda.request.x86", Count, 15_000_000_000),
            ],
            ..lambda("L13", false, 0, 0, 0, ["854203.296", "3000"], "857203.296")
        },
    ];
    examples.extend([
        // The pricing page's examples of ephemeral storage, provisioned concurrency and SnapStart.
        Example {
            id: "L03",
            hours: 730,
            free: true,
            usage: vec![
                ("lambda.duration.x86", MbMs, mb_ms(6_000_000, 280, 4_096)),
                ("lambda.request.x86", Count, 6_000_000),
                ("lambda.ephemeral_over_512mb.x86", MbMs, mb_ms(6_000_000, 280, 2_048 - 512)),
            ],
            rates: vec![],
            items: vec![
                ("lambda.duration.x86", "105.333544"),
                ("lambda.request.x86", "1"),
                ("lambda.ephemeral_over_512mb.x86", "0.077868"),
            ],
            total: "106.411412",
            tolerance: "0",
        },
        Example {
            id: "L04",
            hours: 730,
            free: true,
            usage: vec![
                ("lambda.pc.capacity.x86", MbMs, 100 * 1_536 * 8 * HOUR_MS),
                ("lambda.request.x86", Count, 3_000_000),
                ("lambda.pc.duration.x86", MbMs, mb_ms(500_000, 100, 1_536)),
                ("lambda.duration.x86", MbMs, mb_ms(2_500_000, 120, 1_536)),
            ],
            rates: vec![],
            items: vec![
                ("lambda.pc.capacity.x86", "18.000144"),
                ("lambda.request.x86", "0.4"),
                ("lambda.pc.duration.x86", "0.729165"),
                ("lambda.duration.x86", "0.833335"),
            ],
            total: "19.962644",
            tolerance: "0",
        },
        Example {
            id: "L06",
            hours: 744,
            free: false,
            usage: vec![
                ("lambda.request.x86", Count, 7_440_000),
                ("lambda.duration.x86", MbMs, mb_ms(7_440_000, 2_000, 1_024)),
                ("lambda.snapstart.cache", MbMs, 2_678_400 * 1_000 * 1_024),
                ("lambda.snapstart.restore", Bytes, 74_400 * GIB),
            ],
            rates: vec![],
            items: vec![
                ("lambda.request.x86", "1.488"),
                ("lambda.duration.x86", "248.000496"),
                ("lambda.snapstart.cache", "4.02992064"),
                ("lambda.snapstart.restore", "10.40110512"),
            ],
            total: "263.91952176",
            tolerance: "0",
        },
        Example {
            id: "L08",
            hours: 730,
            free: true,
            usage: vec![
                ("lambdaedge.duration", MbMs, mb_ms(10_000_000, 10, 128)),
                ("lambdaedge.request", Count, 10_000_000),
            ],
            rates: vec![],
            items: vec![("lambdaedge.duration", "0.625125"), ("lambdaedge.request", "6")],
            total: "6.625125",
            tolerance: "0",
        },
        fargate("F01", "fargate.vcpu.x86", "fargate.gb.x86", ["1.01196", "0.2223", "0.02772"], "1.26198"),
        fargate("F02", "fargate.vcpu.arm", "fargate.gb.arm", ["0.809496", "0.178002", "0.02772"], "1.015218"),
        // The largest of four dimensions, 1.08 GB/h; with functions behind it a unit is 0.4 GB/h.
        balancer("A01", 1_080_000, "6.2208", "22.4208"),
        balancer("A03", 2_700_000, "15.552", "31.752"),
        Example {
            id: "G01",
            hours: 730,
            free: false,
            usage: vec![("apigw.rest.request", Count, 21_000_000_000)],
            rates: vec![],
            items: vec![("apigw.rest.request", "49763.1")],
            total: "49763.1",
            tolerance: "0",
        },
        // AWS rounds 14.305 GB to 14.3 before it multiplies.
        Example {
            id: "G04",
            hours: 730,
            free: false,
            usage: vec![("apigw.rest.request", Count, 5_000_000), ("dto.internet", Bytes, 5_000_000 * 3 * 1_024)],
            rates: vec![],
            items: vec![("apigw.rest.request", "17.5"), ("dto.internet", "1.287")],
            total: "18.787",
            tolerance: "0.001",
        },
        // 17,361.1… GB-hours have no end of decimals: the quantity is rounded to six. The page prints rounded rates;
        // the price list, and so the book, has 0.060012, 0.029988 and 0.016416.
        Example {
            id: "S01",
            hours: 730,
            free: true,
            usage: vec![
                ("sfn.express.request", Count, 100_000_000),
                ("sfn.express.gb_hour", MbMs, mb_ms(100_000_000, 10_000, 64)),
            ],
            rates: vec![("sfn.express.gb_hour", "GB-hour", &["0.06", "0.03", "0.01642"])],
            items: vec![("sfn.express.request", "100"), ("sfn.express.gb_hour", "382.969444444444444444")],
            total: "482.969444444444444444",
            tolerance: "0.00000001",
        },
        // 12 h of a 30-day month; AWS's hypothetical region charges 0.06 for throughput.
        Example {
            id: "E01",
            hours: 720,
            free: false,
            usage: vec![
                ("ebs.gp3.gb", GibMs, 2_000 * 12 * HOUR_MS),
                ("ebs.gp3.iops", Ms, (10_000 - 3_000) * 12 * HOUR_MS),
                ("ebs.gp3.mbps", Ms, (500 - 125) * 12 * HOUR_MS),
            ],
            rates: vec![("ebs.gp3.mbps", "MBps-month", &["0.06"])],
            items: vec![
                ("ebs.gp3.gb", "2.666666666666666667"),
                ("ebs.gp3.iops", "0.583333333333333333"),
                ("ebs.gp3.mbps", "0.375"),
            ],
            total: "3.625",
            tolerance: "0.0000001",
        },
        Example {
            id: "D02",
            hours: 730,
            free: false,
            usage: vec![("ddb.prov.wcu", Hours, 20 * 730), ("ddb.prov.rcu", Hours, 30 * 730)],
            rates: vec![],
            items: vec![("ddb.prov.wcu", "9.49"), ("ddb.prov.rcu", "2.847")],
            total: "12.337",
            tolerance: "0",
        },
        Example {
            id: "X01",
            hours: 730,
            free: false,
            usage: vec![("dto.internet", Bytes, 57_000 * GIB)],
            rates: vec![],
            items: vec![("dto.internet", "4809.2")],
            total: "4809.2",
            tolerance: "0",
        },
        Example {
            id: "K01",
            hours: 730,
            free: true,
            usage: vec![("kinesis.shard", Hours, 4 * 730), ("kinesis.put", Count, 6_500_000)],
            rates: vec![],
            items: vec![("kinesis.shard", "43.8"), ("kinesis.put", "0.091")],
            total: "43.891",
            tolerance: "0",
        },
    ]);
    examples
}

fn us_east_1() -> PriceBook {
    let lists = catalog::price_lists("us-east-1", None).expect("embedded lists are readable");
    price_list::book("us-east-1", &lists).expect("the shipped price lists are sound")
}

fn usd(text: &str) -> Usd {
    text.parse().expect(text)
}

/// `price` at other rates: one for all usage, or one a tier.
fn at_rates(price: &Price, rates: &[&str]) -> Price {
    let provenance = Provenance { source: "the example".into(), as_of: "2020".into(), confidence: Confidence::Stated };
    let tiers = price.tiers.iter().zip(rates).map(|(tier, rate)| Tier {
        price: rate.parse::<UsdPer>().expect(rate),
        to: if rates.len() == 1 { None } else { tier.to },
        provenance: provenance.clone(),
        ..tier.clone()
    });
    Price { tiers: tiers.collect(), ..price.clone() }
}

fn priced(book: &PriceBook, example: &Example) -> Bill {
    let meters = example.usage.iter().map(|(sku, unit, total)| Meter {
        component: "example".into(),
        sku: (*sku).into(),
        unit: *unit,
        total: *total,
        hourly: vec![],
    });
    let usage = Usage { meters: meters.collect() };
    let stated: Vec<Price> = example
        .rates
        .iter()
        .map(|(key, unit, rates)| {
            let price = book.price(key).expect(key);
            assert_eq!(price.unit.name(), *unit);
            at_rates(price, rates)
        })
        .collect();
    let month = SimDuration::from_hours(example.hours);
    let input = BillInput {
        full: &[&usage],
        without: &[],
        horizon: month,
        month,
        book,
        stated: &stated,
        billing: &Billing::default(),
        free_tier: if example.free { &FreeTier::Full } else { &FreeTier::None },
        half_width: &|_| None,
    };
    bill(&input).unwrap_or_else(|error| panic!("{}: {error}", example.id))
}

fn within(example: &Example, what: &str, found: Usd, expected: &str) {
    let difference = found.checked_sub(usd(expected)).expect("in range");
    let tolerance = usd(example.tolerance);
    let negative = Usd::ZERO.checked_sub(tolerance).expect("in range");
    assert!(
        (negative..=tolerance).contains(&difference),
        "{} {what}: {found}, AWS says {expected} (tolerance {tolerance})",
        example.id
    );
}

#[test]
fn every_example_is_priced_as_aws_prices_it() {
    let book = us_east_1();
    for example in examples() {
        let bill = priced(&book, &example);
        for (sku, expected) in &example.items {
            let amounts = bill.lines.iter().filter(|line| line.sku == *sku).map(|line| line.amount);
            within(&example, sku, Usd::checked_sum(amounts).expect("in range"), expected);
        }
        within(&example, "total", bill.total, example.total);
    }
}

#[test]
fn tiers_are_those_that_the_price_lists_print() {
    let book = us_east_1();
    let by_tier = |id: &str, sku: &str| -> Vec<String> {
        let example = examples().into_iter().find(|e| e.id == id).expect(id);
        priced(&book, &example).lines.iter().filter(|l| l.sku == sku).map(|l| l.amount.cents()).collect()
    };
    // infracost's golden files, made with the live price list.
    assert_eq!(by_tier("L13", "lambda.duration.x86"), ["$100,000.20", "$135,000.00", "$619,203.10"]);
    assert_eq!(by_tier("G01", "apigw.rest.request"), ["$1,165.50", "$1,867.60", "$45,220.00", "$1,510.00"]);
    assert_eq!(by_tier("X01", "dto.internet"), ["$921.60", "$3,481.60", "$406.00"]);
    // A free part is a line of its own, at no charge.
    assert_eq!(by_tier("L01", "lambda.duration.x86"), ["$0.00", "$2.33"]);
}

#[test]
fn arm_tiers_break_where_they_do_on_the_pricing_page() {
    // aws.amazon.com/lambda/pricing: 7.5 billion at 0.0000133334, the next 11.25 billion at 0.0000120001, then
    // 0.0000106667.
    let example = Example {
        usage: vec![("lambda.duration.arm", RawUnit::MbMs, 20_000_000_000 * 1_024_000)],
        items: vec![],
        ..lambda("arm", false, 0, 0, 0, ["", ""], "0")
    };
    let bill = priced(&us_east_1(), &example);
    let quantities: Vec<String> = bill.lines.iter().map(|line| line.quantity.to_string()).collect();
    assert_eq!(quantities, ["7500000000", "11250000000", "1250000000"]);
    // 7.5e9 x 0.0000133334 + 11.25e9 x 0.0000120001 + 1.25e9 x 0.0000106667
    assert_eq!(bill.total, usd("248335"));
}

#[test]
fn every_example_can_be_written_as_a_usage_file() {
    let book = us_east_1();
    // Private rates are not part of a usage file.
    for example in examples().into_iter().filter(|example| example.rates.is_empty()) {
        let mut quantities: BTreeMap<String, Quantity> = BTreeMap::new();
        for line in priced(&book, &example).lines {
            let sum = quantities.entry(line.sku).or_default();
            *sum = sum.checked_add(line.quantity).expect("in range");
        }
        let free = if example.free { "full" } else { "none" };
        let mut text = format!("region: us-east-1\nmonth: {}h\nfree_tier: {free}\nusage:\n", example.hours);
        for (sku, quantity) in quantities {
            text += &format!("  - {{ sku: {sku}, quantity: {quantity} }}\n");
        }
        let usage = usage_file::read("usage.yaml", &text).expect("a usage file");
        within(&example, "as a usage file", usage.bill(&book).expect("priced").total, example.total);
    }
}

/// The collection of examples, where it is there.
fn collection() -> Option<serde_json::Value> {
    let shared = std::env::var_os("COSTSIM_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = shared.join("oracles/aws_worked_examples.json");
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).expect("the collection is JSON"))
}

#[test]
#[expect(clippy::print_stdout, reason = "says that it did not run")]
fn the_collection_agrees_and_is_covered() {
    let Some(collection) = collection() else {
        println!("skipped: aws_worked_examples.json is not there");
        return;
    };
    let examples: BTreeMap<&str, Example> = examples().into_iter().map(|e| (e.id, e)).collect();
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    // Decimals beyond those that money keeps are cut: such examples have a tolerance.
    let cut = |value: &serde_json::Value| {
        let text = text(value);
        usd(&text.find('.').map_or(text.clone(), |point| text.chars().take(point + 19).collect()))
    };
    let mut seen = 0;
    for entry in collection.as_array().expect("a list") {
        let id = text(&entry["id"]);
        if id == "M01" {
            continue; // Milliseconds, not dollars.
        }
        seen += 1;
        let example = examples.get(id.as_str()).unwrap_or_else(|| panic!("{id} is not among the tests"));
        within(example, "total stated here", usd(example.total), &cut(&entry["exact_total"]).to_string());
        let items = entry["line_items"].as_object().expect("a mapping");
        let theirs = Usd::checked_sum(items.values().map(cut)).expect("in range");
        let ours = Usd::checked_sum(example.items.iter().map(|(_, amount)| usd(amount))).expect("in range");
        within(example, "items stated here", ours, &theirs.to_string());
    }
    assert_eq!(seen, examples.len());
}
