//! Behaviour of the bill from outside: month scaling, pools, tiers, formulas, properties.
//!
//! Expected values are computed by hand in the comments from AWS's prices in `pricing/`.

use super::book::{Price, PriceBook, PriceList};
use super::*;
use crate::money::Quantity;
use crate::usage::{Meter, RawUnit};
use proptest::prelude::*;
use std::sync::LazyLock;

static BOOK: LazyLock<PriceBook> = LazyLock::new(|| shipped_book("us-east-1"));

fn shipped(region: &str) -> Vec<(String, String)> {
    crate::catalog::price_lists(region, None).expect("embedded lists are readable")
}

fn shipped_book(region: &str) -> PriceBook {
    price_list::book(region, &shipped(region)).expect("shipped lists are sound")
}

fn meter(component: &str, sku: &str, unit: RawUnit, total: u128) -> Meter {
    Meter { component: component.to_owned(), sku: sku.to_owned(), unit, total, hourly: vec![] }
}

fn usage(meters: &[Meter]) -> Usage {
    Usage { meters: meters.to_vec() }
}

const fn days(days: u64) -> SimDuration {
    SimDuration::from_hours(days * 24)
}

/// A bill of one run whose horizon is the month.
fn month_of(usage: &Usage, free_tier: &FreeTier) -> Result<Bill, BillError> {
    let month = SimDuration::from_hours(730);
    scaled(&[usage], &[], month, month, free_tier)
}

fn scaled(
    full: &[&Usage],
    without: &[Variant<'_>],
    horizon: SimDuration,
    month: SimDuration,
    free_tier: &FreeTier,
) -> Result<Bill, BillError> {
    let half_width = |each: &[f64]| (each.len() > 1).then_some(1.0);
    bill(&BillInput {
        full,
        without,
        horizon,
        month,
        book: &BOOK,
        stated: &[],
        billing: &Billing::default(),
        free_tier,
        half_width: &half_width,
    })
}

fn usd(text: &str) -> Usd {
    text.parse().expect(text)
}

fn quantities(bill: &Bill) -> Vec<String> {
    bill.lines.iter().map(|line| line.quantity.to_string()).collect()
}

#[test]
fn a_horizon_is_scaled_to_the_month_by_the_mean_of_the_replications() {
    // (1,000,000 + 1,200,000) / 2 x 730 h / 168 h = 4,779,761.904761…
    let (a, b) =
        ([1_000_000, 1_200_000]).map(|n| usage(&[meter("api", "apigw.http.request", RawUnit::Count, n)])).into();
    let bill = scaled(&[&a, &b], &[], days(7), SimDuration::from_hours(730), &FreeTier::None).expect("priced");
    assert_eq!(quantities(&bill), ["4779761.904762"]);
    assert_eq!(bill.total, usd("4.779761904762"));
    // Each alone: 4,345,238.095238 and 5,214,285.714286 requests at $0.000001.
    assert_eq!(bill.each, [usd("4.345238095238"), usd("5.214285714286")]);
    assert_eq!((bill.low, bill.high), (Some(usd("3.779761904762")), Some(usd("5.779761904762"))));
    let formula = &bill.lines[0].formula;
    assert_eq!(
        formula,
        "2,200,000 counted x 730h/7d / 2 replications = 4,779,761.904762 requests a month; \
         first 300,000,000 requests: 4,779,761.904762 requests; 4,779,761.904762 x $0.000001 = $4.779761904762"
    );
}

/// A balancer that stands all month is there for 730 hours, however short the look at it was: two hours are started in 90
/// minutes, one in a second. Its time in milliseconds is exact and scales as it is.
#[test]
fn started_hours_of_a_horizon_of_part_hours_make_a_month_and_no_more() {
    let month = SimDuration::from_hours(730);
    for (horizon, hours) in [(SimDuration::from_mins(90), 2), (SimDuration::from_secs(1), 1), (days(7), 168)] {
        let millis = u128::from(horizon.0 / 1_000_000);
        let one = usage(&[
            meter("lb", "alb.hour", RawUnit::Hours, hours),
            meter("lb", "vpc.public_ipv4", RawUnit::Ms, 2 * millis),
        ]);
        let bill = scaled(&[&one], &[], horizon, month, &FreeTier::None).expect("priced");
        assert_eq!(quantities(&bill), ["730", "1460"], "{horizon}");
    }
}

#[test]
fn bursts_are_counted_at_their_own_frequency() {
    let count = |n| usage(&[meter("api", "apigw.http.request", RawUnit::Count, n)]);
    // Of 1,000 requests in 28 days 100 came in a monthly burst, 60 in a weekly one, 40 in one that happens once.
    let (full, no_month, no_week, no_once) = (count(1_000), count(900), count(940), count(960));
    let without = [
        Variant { per: Frequency::Month, usage: vec![&no_month] },
        Variant { per: Frequency::Week, usage: vec![&no_week] },
        Variant { per: Frequency::Once, usage: vec![&no_once] },
    ];
    let bill = scaled(&[&full], &without, days(28), SimDuration::from_hours(730), &FreeTier::None).expect("priced");
    // 800 x 730/672 + 100 + 60 x 730/168 = 869.047619 + 100 + 260.714286 = 1,229.761905
    assert_eq!(quantities(&bill), ["1229.761905"]);
    // The one-off burst's 40 requests at $0.000001.
    assert_eq!(bill.once, Some(usd("0.00004")));
    assert!(bill.lines[0].formula.starts_with(
        "(800 counted x 730h/28d + 100 counted from bursts once a month + 60 counted from weekly bursts x 730h/7d) = "
    ));
    // Without bursts nothing is shown apart.
    assert_eq!(month_of(&full, &FreeTier::None).expect("priced").once, None);
}

#[test]
fn a_burst_that_takes_requests_away_lowers_the_month_and_never_below_zero() {
    let count = |n| usage(&[meter("api", "apigw.http.request", RawUnit::Count, n)]);
    let (full, quiet, absurd) = (count(1_000), count(1_100), count(5_000));
    let with = |without| {
        let without = [Variant { per: Frequency::Month, usage: vec![without] }];
        scaled(&[&full], &without, days(10), days(30), &FreeTier::None).expect("priced")
    };
    // 1,100 x 3 - 100
    assert_eq!(quantities(&with(&quiet)), ["3200"]);
    // 5,000 x 3 - 4,000
    assert_eq!(quantities(&with(&absurd)), ["11000"]);
    // Two groups that each take away nearly all of it: 1,000 - 900 - 900 is no usage.
    let rest = count(100);
    let without =
        [Variant { per: Frequency::Once, usage: vec![&rest] }, Variant { per: Frequency::Month, usage: vec![&rest] }];
    let bill = scaled(&[&full], &without, days(10), days(30), &FreeTier::None).expect("priced");
    // -800 x 3 + 900 is below zero.
    assert!(bill.lines.is_empty());
    assert_eq!(bill.total, Usd::ZERO);
}

#[test]
fn units_are_converted_exactly() {
    let month = SimDuration::from_hours(730);
    let ms = u128::from(month.0) / 1_000_000;
    let used = usage(&[
        meter("web", "ec2.od.linux.m7g.large", RawUnit::Ms, 2 * ms),
        meter("web", "ebs.gp3.gb", RawUnit::GibMs, 2 * 8 * ms),
        meter("web", "vpc.public_ipv4", RawUnit::Ms, 2 * ms),
        meter("web", "cw.metric", RawUnit::Ms, 2 * 7 * ms),
        meter("web", "cw.logs.ingest", RawUnit::Bytes, 3 << 29),
        meter("nat", "vpc.nat.hour", RawUnit::Hours, 3 * 730),
        meter("nat", "vpc.nat.gb", RawUnit::Bytes, 1 << 30),
        meter("lb", "alb.lcu", RawUnit::MicroLcuHours, 730 * 1_500_000),
    ]);
    let bill = month_of(&used, &FreeTier::None).expect("priced");
    let lines: Vec<_> = bill.line_items().into_iter().map(|l| (l.sku, l.quantity, l.amount)).collect();
    let expected = [
        ("ec2.od.linux.m7g.large", "1460", "119.136"), // 1,460 h x 0.0816
        ("ebs.gp3.gb", "16", "1.28"),                  // 16 GB-months x 0.08
        ("vpc.public_ipv4", "1460", "7.3"),            // x 0.005
        ("cw.metric", "14", "4.2"),                    // 2 instances x 7 metrics x 0.30
        ("cw.logs.ingest", "1.5", "0.75"),             // x 0.50
        ("vpc.nat.hour", "2190", "98.55"),             // three zones, AWS.md 8
        ("vpc.nat.gb", "1", "0.045"),
        ("alb.lcu", "1095", "8.76"), // 1.5 x 730 x 0.008
    ];
    assert_eq!(lines, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}

#[test]
fn processors_share_the_free_tier_dearest_first() {
    // 300,000 GB-s on x86 and 300,000 on arm64; 400,000 are free: all of x86, then 100,000 of arm64.
    let gb_s = |n: u128| n * 1_024_000;
    let used = usage(&[
        meter("a", "lambda.duration.arm", RawUnit::MbMs, gb_s(300_000)),
        meter("b", "lambda.duration.x86", RawUnit::MbMs, gb_s(300_000)),
    ]);
    let bill = month_of(&used, &FreeTier::Full).expect("priced");
    let lines: Vec<_> = bill.lines.iter().map(|l| (l.sku.as_str(), l.free, l.quantity.to_string())).collect();
    assert_eq!(
        lines,
        [
            ("lambda.duration.arm", true, "100000".to_owned()),
            ("lambda.duration.arm", false, "200000".to_owned()),
            ("lambda.duration.x86", true, "300000".to_owned()),
        ]
    );
    assert_eq!(bill.total, usd("2.66668")); // 200,000 x 0.0000133334
    assert_eq!(bill.without_free_tier, usd("9.00003")); // 300,000 x (0.0000166667 + 0.0000133334)
    assert!(
        bill.lines[0]
            .formula
            .contains("100,000 GB-s of it are free (shared with lambda.duration.x86, which takes 300,000)")
    );
    assert_eq!(bill.lines[0].item().description, "Lambda duration on demand, arm64, free tier");
}

#[test]
fn what_others_left_of_the_free_tier_is_all_there_is() {
    let used = usage(&[
        meter("f", "lambda.request.x86", RawUnit::Count, 3_000_000),
        meter("q", "sqs.standard", RawUnit::Count, 3_000_000),
    ]);
    let left = FreeTier::Remaining(vec![("lambda.request".to_owned(), 250_000.0)]);
    let bill = month_of(&used, &left).expect("priced");
    // 2.75 M x $0.20 + 3 M x $0.40: the queue's million was not named, so it is used up.
    assert_eq!(bill.total, usd("1.75"));
    // No more than AWS gives.
    let more = FreeTier::Remaining(vec![("lambda.request".to_owned(), 9e9), ("sqs.request".to_owned(), 1e6)]);
    assert_eq!(month_of(&used, &more), month_of(&used, &FreeTier::Full));
    let wrong = FreeTier::Remaining(vec![("lambda.requests".to_owned(), 1.0)]);
    let error = month_of(&used, &wrong).expect_err("no such pool").to_string();
    assert!(error.starts_with("`lambda.requests` has no free tier; there is one for "), "{error}");
    assert!(error.contains("lambda.request, "), "{error}");
}

#[test]
fn free_units_count_in_the_tiers_where_the_price_list_says_so() {
    // Ten metrics are free and belong to the first 10,000: 9,990 at 0.30, then 0.10.
    let ms = 730 * 3_600_000;
    let used = usage(&[meter("m", "cw.metric", RawUnit::Ms, 10_100 * ms)]);
    let bill = month_of(&used, &FreeTier::Full).expect("priced");
    assert_eq!(quantities(&bill), ["10", "9990", "100"]);
    assert_eq!(bill.total, usd("3007")); // 9,990 x 0.30 + 100 x 0.10
    // Not so for data transfer: the first 10 TB begin beyond the free 100 GB.
    let used = usage(&[meter("m", "dto.internet", RawUnit::Bytes, 10_440 << 30)]);
    assert_eq!(quantities(&month_of(&used, &FreeTier::Full).expect("priced")), ["100", "10240", "100"]);
    // Provisioned capacity is free by the hour: 25 x 730.
    let used = usage(&[meter("t", "ddb.prov.wcu", RawUnit::Hours, 30 * 730)]);
    assert_eq!(quantities(&month_of(&used, &FreeTier::Full).expect("priced")), ["18250", "3650"]);
}

#[test]
fn components_share_tiers_in_proportion() {
    // 450 M requests of two APIs, 2 : 1; 300 M at $1.00 a million, 150 M at $0.90.
    let used = usage(&[
        meter("shop", "apigw.http.request", RawUnit::Count, 300_000_000),
        meter("admin", "apigw.http.request", RawUnit::Count, 150_000_000),
    ]);
    let bill = month_of(&used, &FreeTier::Full).expect("priced");
    let lines: Vec<_> = bill.lines.iter().map(|l| (l.component.as_str(), l.quantity.to_string())).collect();
    let expected = [("shop", "200000000"), ("shop", "100000000"), ("admin", "100000000"), ("admin", "50000000")];
    assert_eq!(lines, expected.map(|(c, q)| (c, q.to_owned())));
    assert_eq!(bill.total, usd("435"));
    assert_eq!(
        bill.lines[3].formula,
        "150,000,000 counted x 730h/730h = 150,000,000 requests a month; 2 components use 450,000,000 requests together and \
         share free amount and tiers in proportion; over 300,000,000 requests: 150,000,000 requests, of which 50,000,000; \
         50,000,000 x $0.0000009 = $45"
    );
}

#[test]
fn a_missing_price_is_an_error_that_names_it() {
    let used = usage(&[meter("web", "ec2.od.linux.m7g.larg", RawUnit::Ms, 1)]);
    let error = month_of(&used, &FreeTier::None).expect_err("no price").to_string();
    assert_eq!(
        error,
        "there is no price for `ec2.od.linux.m7g.larg` (Amazon EC2) in us-east-1; the nearest key there is \
         `ec2.od.linux.m7g.large`"
    );
    // Even where nothing was used.
    assert!(month_of(&usage(&[meter("x", "lambda.nothing", RawUnit::Count, 0)]), &FreeTier::None).is_err());
    let wrong = usage(&[meter("nat", "vpc.nat.gb", RawUnit::Count, 1)]);
    let error = month_of(&wrong, &FreeTier::None).expect_err("wrong unit").to_string();
    assert_eq!(error, "`nat` counts `vpc.nat.gb` as `count`, which cannot be expressed in its price's unit, GB");
    let error = PriceBook::new("mars-1", &[]).expect_err("no list").to_string();
    assert!(error.starts_with("there is no price list for the region `mars-1`"), "{error}");
}

#[test]
fn a_price_that_is_known_up_to_a_tier_is_not_stretched() {
    let book = shipped_book("eu-west-1");
    let month = SimDuration::from_hours(730);
    let storage = |gb: u128| usage(&[meter("s", "s3.standard.gb", RawUnit::GibMs, gb * 730 * 3_600_000)]);
    let price = |usage: &Usage| {
        bill(&BillInput {
            full: &[usage],
            without: &[],
            horizon: month,
            month,
            book: &book,
            stated: &[],
            billing: &Billing::default(),
            free_tier: &FreeTier::Full,
            half_width: &|_| None,
        })
    };
    assert_eq!(price(&storage(51_200)).map(|bill| bill.total), Ok(usd("1177.6")));
    let error = price(&storage(51_201)).expect_err("unknown tier").to_string();
    assert_eq!(
        error,
        "the price of `s3.standard.gb` (Amazon S3) in eu-west-1 is known up to 51,200 GB-month a month only"
    );
}

#[test]
fn the_scenario_states_what_the_backend_costs() {
    let month = SimDuration::from_hours(730);
    let used = usage(&[meter("account", BACKEND_KEY, RawUnit::Ms, 730 * 3_600_000)]);
    let stated = [backend_price(usd("0.29")).expect("a price")];
    let input = BillInput {
        full: &[&used],
        without: &[],
        horizon: month,
        month,
        book: &BOOK,
        stated: &stated,
        billing: &Billing::default(),
        free_tier: &FreeTier::Full,
        half_width: &|_| None,
    };
    let bill = bill(&input).expect("priced");
    assert_eq!(bill.total, usd("211.7"));
    assert_eq!(bill.used[0].confidence, "stated");
    assert_eq!((bill.low, bill.high), (None, None));
}

#[test]
fn idle_and_hourly_cost_follow_the_lines() {
    let mut web = meter("web", "ec2.od.linux.m7g.large", RawUnit::Ms, 4 * 3_600_000);
    web.hourly = vec![3_600_000, 3 * 3_600_000];
    let mut logs = meter("web", "cw.logs.ingest", RawUnit::Bytes, 0);
    logs.hourly = vec![0, 0];
    let used = usage(&[web, logs]);
    let two_hours = SimDuration::from_hours(2);
    let bill = scaled(&[&used], &[], two_hours, two_hours, &FreeTier::None).expect("priced");
    assert_eq!(bill.total, usd("0.3264")); // 4 x 0.0816
    let hourly = bill.hourly_cost(&used);
    assert!((hourly[0] - 0.0816).abs() < 1e-12 && (hourly[1] - 0.2448).abs() < 1e-12, "{hourly:?}");
    let idle = [("ec2.od.linux.m7g.large".to_owned(), 0.75)];
    assert_eq!(bill.idle_cost("web", &idle), Some(usd("0.2448")));
    assert_eq!(bill.idle_cost("web", &[("lambda.pc.capacity.x86".to_owned(), 1.0)]), None);
    assert_eq!(bill.idle_cost("other", &idle), None);

    // Reserved for 262.80 upfront a year, 3 cents an hour: that is what idles, not the nothing that the covered line charges.
    let reserved = crate::spec::billing_saved::from_json(&serde_json::json!({
        "reserved": [ { "sku": "ec2.od.linux.m7g.large", "count": 2, "hourly": "0", "upfront": "262.80", "term": "1y" } ]
    }))
    .expect("terms");
    let even = used;
    let covered = super::bill(&BillInput {
        full: &[&even],
        without: &[],
        horizon: two_hours,
        month: two_hours,
        book: &BOOK,
        stated: &[],
        billing: &reserved,
        free_tier: &FreeTier::None,
        half_width: &|_| None,
    })
    .expect("priced");
    // One instance in the first hour, three in the second: (3 x 0.03 + 1 x 0.0816) x 0.75.
    assert_eq!(covered.idle_cost("web", &idle), Some(usd("0.1287")));
}

#[test]
fn the_share_that_rests_on_memory_is_told() {
    let used = usage(&[
        meter("t", "xray.recorded", RawUnit::Count, 600_000), // memory: (600,000 - 100,000) x 0.000005 = 2.50
        meter("a", "apigw.http.request", RawUnit::Count, 7_500_000), // list: 7.50
    ]);
    let bill = month_of(&used, &FreeTier::Full).expect("priced");
    assert_eq!(bill.total, usd("10"));
    assert!((bill.share_from_memory - 0.25).abs() < 1e-12);
    let used: Vec<_> = bill.used.iter().map(|u| (u.sku.as_str(), u.confidence.as_str())).collect();
    assert_eq!(used, [("apigw.http.request", "list"), ("xray.recorded", "memory")]);
}

#[test]
fn runs_that_do_not_match_are_refused() {
    let used = usage(&[]);
    let none = scaled(&[], &[], days(1), days(30), &FreeTier::None);
    assert_eq!(none, Err(BillError::Replications));
    let without = [Variant { per: Frequency::Month, usage: vec![] }];
    assert_eq!(scaled(&[&used], &without, days(1), days(30), &FreeTier::None), Err(BillError::Replications));
    assert_eq!(scaled(&[&used], &[], SimDuration::ZERO, days(30), &FreeTier::None), Err(BillError::NoTime));
    let mixed = usage(&[meter("a", "alb.hour", RawUnit::Hours, 1), meter("b", "alb.hour", RawUnit::Ms, 3_600_000)]);
    assert_eq!(month_of(&mixed, &FreeTier::None), Err(BillError::MixedUnits { sku: "alb.hour".to_owned() }));
    let absurd = usage(&[meter("a", "lambda.request.x86", RawUnit::Count, u128::MAX)]);
    assert_eq!(month_of(&absurd, &FreeTier::None), Err(BillError::TooLarge { sku: "lambda.request.x86".to_owned() }));
}

#[test]
fn a_quadrillion_requests_do_not_overflow() {
    // 10^15 requests of 900 s at 10,240 MB, in five replications of an odd horizon (a prime number of nanoseconds).
    let n: u128 = 1_000_000_000_000_000;
    let used = usage(&[
        meter("f", "lambda.request.arm", RawUnit::Count, n),
        meter("f", "lambda.duration.arm", RawUnit::MbMs, n * 900_000 * 10_240),
        meter("f", "dto.internet", RawUnit::Bytes, n << 20),
    ]);
    let runs = [&used; 5];
    let odd = SimDuration(604_800_000_000_147);
    let bill = scaled(&runs, &[], odd, SimDuration::from_hours(730), &FreeTier::Full).expect("no overflow");
    assert_eq!(Usd::checked_sum(bill.lines.iter().map(|line| line.amount)), Some(bill.total));
    // Nearly all of it is 9e18 GB-s x 730/168 at the last tier's 0.0000106667.
    let expected = 9e18 * 730.0 / 168.0 * 0.000_010_666_7;
    assert!((bill.total.to_f64() / expected - 1.0).abs() < 1e-3, "{}", bill.total);
}

/// Counters of a small system: functions, an API, queues, data out.
fn any_usage() -> impl Strategy<Value = Usage> {
    let big = 0u128..1 << 70;
    (0u128..1 << 50, big.clone(), big, 0u128..1 << 40, 0u128..1 << 50, 0u128..1 << 60).prop_map(
        |(n, x86, arm, q, b, lcu)| {
            usage(&[
                meter("api", "apigw.http.request", RawUnit::Count, n),
                meter("shop", "lambda.request.x86", RawUnit::Count, n),
                meter("shop", "lambda.duration.x86", RawUnit::MbMs, x86),
                meter("mail", "lambda.request.arm", RawUnit::Count, q),
                meter("mail", "lambda.duration.arm", RawUnit::MbMs, arm),
                meter("queue", "sqs.standard", RawUnit::Count, q),
                meter("account", "dto.internet", RawUnit::Bytes, b),
                meter("lb", "alb.lcu", RawUnit::MicroLcuHours, lcu),
            ])
        },
    )
}

fn any_free_tier() -> impl Strategy<Value = FreeTier> {
    prop_oneof![
        Just(FreeTier::None),
        Just(FreeTier::Full),
        (0.0..2e6f64).prop_map(|left| FreeTier::Remaining(vec![("lambda.duration".to_owned(), left)])),
    ]
}

/// All shipped prices, each doubled.
fn doubled() -> Vec<Price> {
    let mut prices: Vec<Price> = BOOK.prices().cloned().collect();
    for tier in prices.iter_mut().flat_map(|price| &mut price.tiers) {
        tier.price = tier.price.checked_ratio(2, 1).expect("in range");
    }
    prices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn items_are_quantity_times_price_and_sum_to_the_total(used in any_usage(), free in any_free_tier(), hours in 1u64..2000) {
        let bill = scaled(&[&used], &[], SimDuration::from_hours(hours), SimDuration::from_hours(730), &free).expect("priced");
        let mut sum = Usd::ZERO;
        for item in bill.line_items() {
            let price: UsdPer = item.unit_price.parse().expect("a price");
            let quantity: Quantity = item.quantity.parse().expect("a quantity");
            let amount: Usd = item.amount.parse().expect("an amount");
            prop_assert_eq!(price.checked_mul(quantity), Some(amount));
            sum = sum.checked_add(amount).expect("in range");
        }
        prop_assert_eq!(sum, bill.total);
        prop_assert!(bill.without_free_tier >= bill.total);
    }

    #[test]
    fn scaling_usage_never_lowers_cost(used in any_usage(), free in any_free_tier(), percent in 100u128..1000) {
        let mut more = used.clone();
        for meter in &mut more.meters {
            meter.total = meter.total * percent / 100;
        }
        prop_assert!(month_of(&more, &free).expect("priced").total >= month_of(&used, &free).expect("priced").total);
    }

    #[test]
    fn splitting_usage_over_components_changes_nothing(used in any_usage(), free in any_free_tier(), parts in 2u128..6) {
        let mut split = Usage::default();
        for meter in &used.meters {
            for part in 0..parts {
                let total = meter.total * (part + 1) / parts - meter.total * part / parts;
                split.meters.push(Meter { component: format!("{}-{part}", meter.component), total, ..meter.clone() });
            }
        }
        let tiers = |bill: &Bill| {
            let mut tiers: std::collections::BTreeMap<(String, String), Quantity> = Default::default();
            for line in &bill.lines {
                let sum = tiers.entry((line.sku.clone(), line.description.clone())).or_default();
                *sum = sum.checked_add(line.quantity).expect("in range");
            }
            tiers
        };
        let (one, many) = (month_of(&used, &free).expect("priced"), month_of(&split, &free).expect("priced"));
        prop_assert_eq!(tiers(&one), tiers(&many));
        prop_assert_eq!(one.total, many.total);
        // No component gets more or less than it used, to the last millionth.
        for meter in &split.meters {
            let billed = many.lines.iter().filter(|l| l.component == meter.component && l.sku == meter.sku);
            let billed = billed.map(|l| l.quantity.millionths()).sum::<u128>();
            if meter.unit == RawUnit::Count {
                prop_assert_eq!(billed, meter.total * 1_000_000);
            }
        }
    }

    #[test]
    fn doubling_prices_doubles_every_line(used in any_usage(), free in any_free_tier()) {
        let month = SimDuration::from_hours(730);
        let stated = doubled();
        let input = BillInput {
            full: &[&used], without: &[], horizon: month, month, book: &BOOK, stated: &stated, billing: &Billing::default(), free_tier: &free,
            half_width: &|_| None,
        };
        let (once, twice) = (month_of(&used, &free).expect("priced"), bill(&input).expect("priced"));
        prop_assert_eq!(once.lines.len(), twice.lines.len());
        for (a, b) in once.lines.iter().zip(&twice.lines) {
            prop_assert_eq!(a.amount.checked_add(a.amount), Some(b.amount));
        }
    }

    #[test]
    fn more_of_one_component_never_lowers_the_total(used in any_usage(), free in any_free_tier(), index in 0usize..8, add in 0u128..1 << 50) {
        let mut more = used.clone();
        more.meters[index].total += add;
        prop_assert!(month_of(&more, &free).expect("priced").total >= month_of(&used, &free).expect("priced").total);
    }
}

#[test]
fn equal_books_have_equal_digests_and_a_change_shows() {
    let files = shipped("us-east-1");
    let lists = price_list::read(&files).expect("sound");
    let mut turned: Vec<PriceList> = lists.iter().rev().cloned().collect();
    turned.iter_mut().for_each(|list| list.prices.reverse());
    let digest = |lists: &[PriceList]| PriceBook::new("us-east-1", lists).expect("a book").digest().to_owned();
    assert_eq!(digest(&lists), digest(&turned));
    assert_eq!(digest(&lists), BOOK.digest());
    assert!(digest(&lists).starts_with("sha256:") && digest(&lists).len() == 7 + 64);
    let at = turned.iter().position(|list| list.region == "us-east-1").expect("there");
    turned[at].prices[0].tiers[0].provenance.as_of = "1999".to_owned();
    assert_ne!(digest(&lists), digest(&turned));
}
