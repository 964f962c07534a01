//! Every collected price of the three regions is in their books: amount, unit, tier, source, date and how well it is known. The collection (`facts/prices.csv`,
//! `facts/ec2_instances.csv`) is no part of this repository; where it is not there, the tests say so and pass.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "says what was skipped")]

use costsim::bill::book::{FreeAmount, Price, Provenance};
use costsim::bill::{Confidence, PriceBook, price_list};
use costsim::money::{Quantity, UsdPer};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// Offers of the first twelve months to accounts from before 2025-07-15. A book has what AWS gives every account for ever.
const LEFT_OUT: [&str; 4] = [
    "apigw.free12mo.rest.request",
    "apigw.free12mo.http.request",
    "apigw.free12mo.ws.message",
    "apigw.free12mo.ws.minute",
];

/// Free amounts that have a row of their own in the collection; a book states them with each price that they are free of.
const FREE: [(&str, &[&str]); 9] = [
    ("lambda.free.requests", &["lambda.request.x86", "lambda.request.arm"]),
    ("lambda.free.gbs", &["lambda.duration.x86", "lambda.duration.arm"]),
    ("lambda.free.stream_gb", &["lambda.stream.gb"]),
    ("dto.free", &["dto.internet"]),
    ("ddb.free.storage", &["ddb.storage.gb"]),
    ("ddb.free.wcu", &["ddb.prov.wcu"]),
    ("ddb.free.rcu", &["ddb.prov.rcu"]),
    ("sqs.free", &["sqs.standard", "sqs.fifo"]),
    ("sfn.standard.free", &["sfn.standard.transition"]),
];

/// Units that the collection writes otherwise, by the beginning of its text; none that is not needed.
const UNITS: [(&str, &str); 10] = [
    ("GB/month", "GB"),
    ("MB/s-month", "MBps-month"),
    ("PUT payload unit", "put-unit"),
    ("alarm metric-month", "alarm-month"),
    ("env-create x GB", "GB-created"),
    ("execution", "request"),
    ("stream read unit", "stream-read"),
    ("state transition", "transition"),
    // Of a dashboard, a check, a list of rules, a rule: which, the key says.
    ("month", "*-month"),
    ("alarm", "alarm-month"),
];

#[derive(Debug)]
struct Row {
    region: String,
    key: String,
    unit: String,
    from: String,
    to: String,
    price: String,
    source: String,
    as_of: String,
}

fn facts(name: &str) -> Option<csv::Reader<std::fs::File>> {
    let shared = std::env::var_os("COSTSIM_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let found = csv::Reader::from_path(shared.join("facts").join(name)).ok();
    if found.is_none() {
        println!("skipped: {name} is not there");
    }
    found
}

/// The rows of AWS in these regions and everywhere.
fn rows() -> Option<Vec<Row>> {
    let mut found = Vec::new();
    for row in facts("prices.csv")?.records() {
        let row = row.unwrap();
        let at = |index: usize| row[index].to_owned();
        // `us-ca-eu` is CloudFront's cheapest group of edges, which hold for all regions.
        if &row[0] == "aws" && (REGIONS.contains(&&row[2]) || ["global", "us-ca-eu"].contains(&&row[2])) {
            let [region, key, unit, from, to, price, source, as_of] = [2, 3, 4, 5, 6, 7, 8, 9].map(at);
            found.push(Row { region, key, unit, from, to, price, source, as_of });
        }
    }
    Some(found)
}

fn book(region: &str) -> PriceBook {
    price_list::book(region, &costsim::catalog::price_lists(region, None).unwrap()).unwrap()
}

fn quantity(text: &str) -> Quantity {
    if text.is_empty() { Quantity::ZERO } else { text.parse().unwrap() }
}

/// What a row and a book say of where a price is from: the book's source begins with the row's, its date is one of the row's.
fn known(row: &Row, provenance: &Provenance) -> Result<(), String> {
    let Provenance { source, as_of, confidence } = provenance;
    // The collection has each type's average saving in its source; the book has one source for all of them.
    let advisor = "alexei-led/spotinfo@05e9331";
    let spot = row.key.starts_with("ec2.spot_typical.") && row.source.contains(advisor) && source.contains(advisor);
    let from = (source.starts_with(&row.source) || spot)
        && (row.as_of.contains(as_of.as_str()) || source.contains(&row.as_of) || row.as_of == "derived");
    let memory = row.source.contains("memory") || row.as_of.contains("memory");
    if !from || memory != (*confidence == Confidence::Memory) {
        return Err(format!("{} ({}) is {source} ({as_of}, {confidence:?}) in the book", row.source, row.as_of));
    }
    Ok(())
}

fn unit(row: &Row, price: &Price) -> Result<(), String> {
    let unit = price.unit.name();
    if is_plain(row, unit) || UNITS.iter().any(|alias| is_alias(row, unit, alias)) {
        return Ok(());
    }
    Err(format!("`{}` is `{unit}` in the book", row.unit))
}

/// The row's text is the unit, or begins with it.
fn is_plain(row: &Row, unit: &str) -> bool {
    row.unit.strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', ';']))
}

fn is_alias(row: &Row, unit: &str, (theirs, ours): &(&str, &str)) -> bool {
    let own = ours.strip_prefix('*').map_or(unit == *ours, |end| unit.ends_with(end));
    row.unit.starts_with(theirs) && own
}

/// A free amount of the row's size, known as the row says.
fn free(row: &Row, price: &Price) -> Result<(), String> {
    let Some(free) = &price.free else { return Err("nothing is free in the book".to_owned()) };
    let (FreeAmount::PerMonth(amount) | FreeAmount::PerHour(amount)) = free.amount;
    if amount != quantity(&row.to) {
        return Err(format!("{} are free, {amount} in the book", row.to));
    }
    known(row, price.free_provenance.as_ref().unwrap_or(&price.tiers[0].provenance))
}

fn check(row: &Row, book: &PriceBook) -> Result<(), String> {
    if let Some((_, keys)) = FREE.iter().find(|(key, _)| *key == row.key) {
        return keys.iter().try_for_each(|key| free(row, book.price(key).map_err(|e| e.to_string())?));
    }
    if let Some(ratio) = book.ratio(&row.key) {
        let same = ratio.value == quantity(&row.price);
        return if same { known(row, &ratio.provenance) } else { Err(format!("{} in the book", ratio.value)) };
    }
    let price = book.price(&row.key).map_err(|error| error.to_string())?;
    unit(row, price)?;
    let amount: UsdPer = row.price.parse().unwrap();
    // A first range at no charge is a free amount in a book, and the next range begins at 0.
    if amount == UsdPer::ZERO && row.from == "0" {
        return free(row, price);
    }
    let after_free = price.free.as_ref().is_some_and(|free| free.amount == FreeAmount::PerMonth(quantity(&row.from)));
    let from = if after_free { Quantity::ZERO } else { quantity(&row.from) };
    let to = (!row.to.is_empty()).then(|| quantity(&row.to));
    let Some(tier) = price.tiers.iter().find(|tier| tier.from == from) else {
        return Err(format!("no tier begins at {from} in the book"));
    };
    // A zone's price beyond the first 25 is in the words of its unit only.
    let in_words = row.key == "r53.zone" && tier.to == Some(quantity("25"));
    if tier.price != amount || (tier.to != to && !in_words) {
        return Err(format!("{} up to {:?} in the book", tier.price, tier.to));
    }
    known(row, &tier.provenance)
}

#[test]
fn every_collected_price_is_in_the_books() {
    let Some(rows) = rows() else { return };
    let books: BTreeMap<&str, PriceBook> = REGIONS.into_iter().map(|region| (region, book(region))).collect();
    let collected: BTreeSet<(&str, &str)> = rows.iter().map(|row| (row.region.as_str(), row.key.as_str())).collect();
    let mut wrong = Vec::new();
    let mut left_out = BTreeSet::new();
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &rows {
        if LEFT_OUT.contains(&row.key.as_str()) {
            left_out.insert(row.key.as_str());
            continue;
        }
        for region in
            REGIONS.into_iter().filter(|region| row.region == *region || !REGIONS.contains(&row.region.as_str()))
        {
            // What is free of something that nobody has collected a price of for this region says nothing about it.
            if FREE
                .iter()
                .any(|(free, keys)| *free == row.key && keys.iter().all(|key| !collected.contains(&(region, key))))
            {
                continue;
            }
            seen.entry(region).or_default().insert(&row.key);
            if let Err(error) = check(row, &books[region]) {
                wrong.push(format!("{region} {} {}-{} ${}: {error}", row.key, row.from, row.to, row.price));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(left_out.len(), LEFT_OUT.len(), "what is left out is in the collection");
    for alias in &UNITS {
        let needed = |row: &&Row| {
            let price = books["us-east-1"].price(&row.key).ok().map(|price| price.unit.name().to_owned());
            price.is_some_and(|unit| !is_plain(row, &unit) && is_alias(row, &unit, alias))
        };
        assert!(rows.iter().find(needed).is_some(), "{alias:?} is not needed");
    }
    assert!(rows.len() > 1_200, "{}", rows.len());
    println!("{} rows, keys by region: {:?}", rows.len(), seen.iter().map(|(r, k)| (*r, k.len())).collect::<Vec<_>>());
}

/// Types with what they are and what they cost in each region on demand and, on average, on Spot.
#[test]
fn every_collected_instance_type_is_known_and_priced() {
    let Some(mut file) = facts("ec2_instances.csv") else { return };
    let headings = file.headers().unwrap().clone();
    let at = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    let books = REGIONS.map(book);
    let (mut types, mut without) = (0, Vec::new());
    for row in file.records() {
        let row = row.unwrap();
        let name = &row[at("type")];
        let found = costsim::catalog::instance_type(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.vcpu.to_string(), row[at("vcpu")], "{name}");
        assert_eq!(found.memory_mib.to_string(), row[at("memory_mib")], "{name}");
        let arm = found.arch == costsim::spec::model::Arch::Arm;
        assert_eq!(arm, &row[at("arch")] == "arm64", "{name}");
        for (region, book) in REGIONS.iter().zip(&books) {
            let stated = &row[at(&format!("od_{region}"))];
            let price = book.price(&format!("ec2.od.linux.{name}"));
            if stated.is_empty() {
                without.push(format!("{name} {region}"));
                assert!(price.is_err(), "{name} has a price in {region} that nobody has collected");
                continue;
            }
            let tier = &price.unwrap().tiers[0];
            assert_eq!(tier.price, stated.parse().unwrap(), "{name} {region}");
            assert!(!tier.provenance.source.is_empty() && !tier.provenance.as_of.is_empty(), "{name} {region}");
        }
        types += 1;
    }
    assert_eq!(types, costsim::catalog::instance_types().len(), "no other types are known");
    assert_eq!(types, 131);
    println!("{types} types in {} regions; not offered: {}", REGIONS.len(), without.join(", "));
}
