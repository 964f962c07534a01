//! What price lists may say, and what is said about their mistakes.

use super::*;
use crate::catalog::price_lists;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn shipped(region: &str) -> Vec<(String, String)> {
    price_lists(region, None).expect("embedded lists are readable")
}

fn list(prices: &str) -> Vec<(String, String)> {
    let text = format!(
        "region: us-east-1\nsources:\n  page: {{ source: a page, as_of: 2026-07, confidence: page }}\nservices:\n  - service: AWS Lambda\n    prices:\n{prices}"
    );
    vec![("prices.yaml".to_owned(), text)]
}

/// The only mistake of a list: its code and what is shown.
fn mistake(prices: &str) -> (&'static str, String) {
    let found = read(&list(prices)).expect_err("a mistake");
    assert_eq!(found.len(), 1, "{found:?}");
    (found[0].code, found[0].render(false))
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let tiers = "      - key: a\n        description: d\n        unit: request\n        source: page\n        tiers:\n          - { from: 0, to: 10, price: 1 }\n";
    let (code, shown) = mistake(&format!("{tiers}          - {{ from: 11, price: 0.5 }}\n"));
    assert_eq!(code, "tiers");
    assert!(shown.contains("prices.yaml:13") && shown.contains("write `from: 10`"), "{shown}");
    let price = |price: &str, source: &str| {
        format!("      - {{ key: a, description: d, unit: request, price: {price}, source: {source} }}\n")
    };
    let (code, shown) = mistake(&price("0.0000000000001", "page"));
    assert_eq!(code, "out-of-range");
    assert!(shown.contains("more than 12 decimals"), "{shown}");
    let (code, shown) = mistake(&price("$0.5", "page"));
    assert_eq!(code, "wrong-type");
    assert!(shown.contains("write `0.5`"), "{shown}");
    let (code, shown) = mistake(&price("1", "pages"));
    assert_eq!(code, "unknown-source");
    assert!(shown.contains("did you mean `page`?"), "{shown}");
    let (code, _) = mistake(&price("-1", "page"));
    assert_eq!(code, "negative");
    let (code, _) = mistake(&(price("1", "page") + &price("2", "page")));
    assert_eq!(code, "duplicate-price");
    let (code, shown) =
        mistake("      - { key: a, description: d, unit: request, prise: 1, price: 1, source: page }\n");
    assert_eq!(code, "unknown-key");
    assert!(shown.contains("did you mean `price`?"), "{shown}");
    assert_eq!(mistake("      - { key: a, description: d, unit: request, source: page }\n").0, "missing-key");
    assert_eq!(
        mistake("      - { key: a, description: d, unit: u, price: 1, tiers: [], source: page }\n").0,
        "price-and-tiers"
    );
}

#[test]
fn a_users_list_overlays_the_shipped_one_key_by_key() {
    let mut files = shipped("us-east-1");
    let shipped_book = book("us-east-1", &files).expect("sound");
    files.extend(list("      - { key: lambda.request.x86, description: private rate, unit: request, price: 0.00000018, source: page }\n"));
    let overlaid = book("us-east-1", &files).expect("sound");
    let price = overlaid.price("lambda.request.x86").expect("there");
    assert_eq!(price.tiers[0].price.to_string(), "0.00000018");
    assert_eq!(overlaid.prices().count(), shipped_book.prices().count());
    assert_ne!(overlaid.digest(), shipped_book.digest());
    let found = book("eu-nowhere-1", &shipped("eu-nowhere-1")).expect_err("no such region");
    assert!(found[0].title.contains("ap-southeast-2, eu-west-1, us-east-1"), "{}", found[0].title);
}

#[test]
fn a_data_directory_overlays_the_shipped_lists() {
    let dir = tempfile::tempdir().expect("a directory");
    let pricing = dir.path().join("pricing");
    std::fs::create_dir(&pricing).expect("made");
    let private = "      - { key: private.thing, description: ours, unit: thing, price: 2, source: page }\n";
    std::fs::write(pricing.join("mine.yaml"), &list(private)[0].1).expect("written");
    let files = price_lists("us-east-1", Some(dir.path())).expect("readable");
    assert!(book("us-east-1", &files).expect("sound").price("private.thing").is_ok());
    std::fs::create_dir(pricing.join("no.yaml")).expect("made");
    let found = price_lists("us-east-1", Some(dir.path())).expect_err("a directory");
    assert_eq!(found[0].code, "is-directory");
}

#[test]
fn the_schema_names_what_a_list_may_say() {
    let schema = schema();
    let price = &schema["$defs"]["RawPrice"]["properties"];
    assert!(price.get("tiers").is_some() && price.get("free_pool").is_some(), "{schema}");
}

/// A decimal without trailing zeros.
fn plain(text: &str) -> String {
    text.parse::<UsdPer>().map_or_else(|_| text.to_owned(), |price| price.to_string())
}

#[test]
#[expect(clippy::print_stdout, reason = "says that it did not run")]
fn every_price_that_was_collected_is_shipped() {
    let shared = std::env::var_os("COSTSIM_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(mut rows) = csv::Reader::from_path(shared.join("facts/prices.csv")) else {
        println!("skipped: prices.csv is not there");
        return;
    };
    let mut seen = BTreeSet::new();
    let shipped_books = ["us-east-1", "eu-west-1", "ap-southeast-2"]
        .map(|region| (region, book(region, &shipped(region)).expect("sound")));
    for row in rows.records() {
        let row = row.expect("a row");
        let field = |index: usize| row.get(index).unwrap_or_default();
        let (provider, region, key, from, to, price) = (field(0), field(2), field(3), field(5), field(6), field(7));
        let everywhere = matches!(region, "global" | "us-ca-eu");
        // Free amounts stand with their prices; the twelve-month offers have ended.
        let is_free = key.contains(".free") || price.parse() == Ok(UsdPer::ZERO) && !to.is_empty();
        if provider != "aws" || is_free {
            continue;
        }
        for (region, book) in shipped_books.iter().filter(|(name, _)| everywhere || *name == region) {
            if let Some(ratio) = book.ratio(key) {
                assert_eq!(ratio.value.to_string(), plain(price), "{region} {key}");
                continue;
            }
            let found = book.price(key).unwrap_or_else(|error| panic!("{error}"));
            let tier = found.tiers.iter().find(|tier| {
                // What is free in the first tier is stated as a free amount.
                let start = if tier.from == Quantity::ZERO { "0".to_owned() } else { tier.from.to_string() };
                let first = found.free.is_some() && tier.from == Quantity::ZERO;
                (from.is_empty() || from == start || first) && tier.to.map_or("".to_owned(), |to| to.to_string()) == to
                    || to.is_empty() && key == "r53.zone"
            });
            let tier = tier.unwrap_or_else(|| panic!("{region} {key} has no tier from {from} to {to}"));
            assert_eq!(tier.price.to_string(), plain(price), "{region} {key}");
            assert_eq!(tier.provenance.confidence == Confidence::Memory, field(8).contains("memory"), "{region} {key}");
            seen.insert(((*region).to_owned(), key.to_owned()));
        }
    }
    assert!(seen.len() > 900, "{}", seen.len());
}

#[test]
fn shipped_services_have_aws_names_that_match_their_keys() {
    for region in ["us-east-1", "eu-west-1", "ap-southeast-2"] {
        for price in book(region, &shipped(region)).expect("sound").prices() {
            assert_eq!(price.service, crate::bill::service_of(&price.key), "{}", price.key);
        }
    }
}
