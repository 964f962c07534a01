//! Small bills by hand; each expectation's arithmetic stands beside it.

use super::*;
use crate::results::LineItem;

fn line(service: &str, sku: &str, quantity: &str, amount: &str) -> LineItem {
    LineItem {
        service: service.into(),
        sku: sku.into(),
        quantity: quantity.into(),
        amount: amount.into(),
        ..LineItem::default()
    }
}

fn architecture(lines: Vec<LineItem>) -> ArchitectureResult {
    let mut a = crate::compare::fixtures::priced("lambda", &[1.0], true);
    a.line_items = lines;
    a
}

/// 10 M requests for $2, of them none free, and 1 M GB-s for $16.6667.
fn lambda() -> ArchitectureResult {
    architecture(vec![
        line("AWS Lambda", "lambda.request.x86", "10000000", "2"),
        line("AWS Lambda", "lambda.duration.x86", "1000000", "16.6667"),
    ])
}

const HEADER: &str = "lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,\
                      lineItem/UsageAmount,lineItem/UnblendedCost\n";

/// A bill of 730 hours: 1 March 00:00 to 31 March 10:00.
fn billed(rows: &[(&str, &str, &str)]) -> Billed {
    let row = |(usage_type, quantity, cost): &(&str, &str, &str)| {
        format!("Usage,2026-03-01T00:00:00Z,2026-03-31T10:00:00Z,AWSLambda,{usage_type},{quantity},{cost}\n")
    };
    let text = HEADER.to_owned() + &rows.iter().map(row).collect::<String>();
    bill_file::read(text.as_bytes(), "lambda").unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn longer_invocations_are_told_from_more_requests() {
    // Requests agree; GB-s are 1.25 M: 1.25 M x 0.0000166667 = 20.833375.
    let bill = billed(&[("Request", "10000000", "2"), ("Lambda-GB-Second", "1250000", "20.833375")]);
    let found = compare(&lambda(), 730.0, &bill);
    assert!(close(found.scale, 1.0) && close(found.simulated, 18.6667) && close(found.billed, 22.833375));
    // (18.6667 - 22.833375) / 22.833375 = -0.18248...
    assert!((found.error.unwrap() + 0.182_481_7).abs() < 1e-6, "{:?}", found.error);
    assert_eq!(found.causes.len(), 1);
    assert_eq!(found.causes[0].sku, "lambda.duration.x86");
    assert!(close(found.causes[0].difference, 16.6667 - 20.833375));
    // 1,000,000 / 1,250,000 = 0.8.
    let likely = &found.causes[0].likely;
    assert!(likely.starts_with("the quantity: 20 % less was simulated than billed; look at how long"), "{likely}");
}

#[test]
fn traffic_explains_what_follows_it() {
    // Twice the requests and twice the GB-s.
    let bill = billed(&[("Request", "20000000", "4"), ("Lambda-GB-Second", "2000000", "33.3334")]);
    let found = compare(&lambda(), 730.0, &bill);
    let likely: Vec<&str> = found.causes.iter().map(|cause| cause.likely.as_str()).collect();
    assert_eq!(
        likely,
        [
            "the traffic: 50 % less requests were simulated than billed, and this follows",
            "the traffic: 50 % less requests were simulated than billed"
        ]
    );
    assert!(close(found.error.unwrap(), -0.5));
}

#[test]
fn a_discount_is_a_price() {
    // The same quantity at 88 % of the price: 16.6667 x 0.88 = 14.666696.
    let bill = billed(&[("Request", "10000000", "2"), ("Lambda-GB-Second", "1000000", "14.666696")]);
    let found = compare(&lambda(), 730.0, &bill);
    assert!(found.causes[0].likely.starts_with("the bill pays 12 % less for each: a discount"), "{:?}", found.causes);
    let covered = billed(&[("Request", "10000000", "2"), ("Lambda-GB-Second", "1000000", "0")]);
    let found = compare(&lambda(), 730.0, &covered);
    assert!(found.causes[0].likely.starts_with("the bill charges nothing"), "{:?}", found.causes);
}

#[test]
fn what_one_side_lacks_is_shown() {
    let bill = billed(&[("Request", "10000000", "2"), ("InstanceUsage:db.t4g.micro", "730", "11.68")]);
    let found = compare(&lambda(), 730.0, &bill);
    // No GB-s on the bill: 16.6667 of difference; a database that is not modelled: 11.68.
    let causes: Vec<_> = found.causes.iter().map(|cause| (cause.sku.as_str(), &cause.likely[..14])).collect();
    assert_eq!(causes, [("lambda.duration.x86", "the model has "), ("InstanceUsage:db.t4g.micro", "the bill has i")]);
    assert!(close(found.billed, 13.68));
}

#[test]
fn the_simulated_month_is_scaled_to_the_bill() {
    // The bill covers 730 h, the results 365 h: twice as much.
    let bill = billed(&[("Request", "20000000", "4"), ("Lambda-GB-Second", "2000000", "33.3334")]);
    let found = compare(&lambda(), 365.0, &bill);
    assert!(close(found.scale, 2.0) && close(found.simulated, 37.3334) && close(found.error.unwrap(), 0.0));
    assert!(found.causes.is_empty(), "{:?}", found.causes);
}

#[test]
fn nothing_billed_is_no_error_in_percent() {
    let found = compare(&lambda(), 730.0, &billed(&[("Request", "0", "0")]));
    assert_eq!((found.error, found.billed), (None, 0.0));
}
