//! Offer files as CSV: five rows about the file, a header that begins with `SKU`, then a row for each price.

use super::keys::{self, Product};
use super::{Collector, Written};
use std::collections::BTreeMap;
use std::io::Read;

/// Positions of the columns that are read.
struct Columns(BTreeMap<String, usize>);

impl Columns {
    /// Names are compared without white space, underscores and case: they differ between offers.
    fn of(header: &csv::StringRecord) -> Self {
        let mut columns = BTreeMap::new();
        for (at, name) in header.iter().enumerate() {
            columns.entry(plain(name)).or_insert(at);
        }
        Self(columns)
    }

    fn get<'r>(&self, row: &'r csv::StringRecord, name: &str) -> &'r str {
        self.0.get(name).and_then(|at| row.get(*at)).unwrap_or_default().trim()
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Reads all rows; `false` where there is no header.
///
/// # Errors
/// What cannot be read, in words.
pub(super) fn read(reader: impl Read, collector: &mut Collector<'_>) -> Result<bool, String> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
    let mut row = csv::StringRecord::new();
    // The header is among the first rows, or this is something else.
    let mut columns = None;
    for _ in 0..20 {
        if !rows.read_record(&mut row).map_err(|error| error.to_string())? {
            break;
        }
        let first = plain(row.get(0).unwrap_or_default());
        match first.as_str() {
            "sku" => {
                columns = Some(Columns::of(&row));
                break;
            }
            "publicationdate" => row.get(1).unwrap_or_default().clone_into(&mut collector.found.published),
            "offercode" => row.get(1).unwrap_or_default().clone_into(&mut collector.found.offer),
            _ => {}
        }
    }
    let Some(columns) = columns else { return Ok(false) };
    let plans = columns.0.contains_key("discountedrate");
    while rows.read_record(&mut row).map_err(|error| error.to_string())? {
        let get = |name: &str| columns.get(&row, name);
        collector.found.products += 1;
        if plans {
            plan(&get, collector);
        } else {
            price(&get, collector);
        }
    }
    Ok(true)
}

/// A price of a service.
fn price<'r>(get: &impl Fn(&str) -> &'r str, collector: &mut Collector<'_>) {
    let product = Product {
        service: get("servicecode").to_owned(),
        usage: get("usagetype").to_owned(),
        operation: get("operation").to_owned(),
    };
    let region = if get("regioncode").is_empty() { get("fromregioncode") } else { get("regioncode") };
    if !collector.wants(region) {
        return;
    }
    let Some(known) = collector.keys_in_usd(&product, get("currency")) else { return };
    let written = Written {
        from: get("startingrange"),
        to: get("endingrange"),
        price: get("priceperunit"),
        unit: get("unit"),
        description: get("pricedescription"),
    };
    match get("termtype") {
        "OnDemand" => known.iter().for_each(|(key, units)| collector.take(key, *units, &written)),
        "Reserved" => {
            let terms = (get("leasecontractlength"), get("offeringclass"), get("purchaseoption"));
            reserved(&known, terms, &written, collector);
        }
        _ => collector.found.left_out += 1,
    }
}

/// A price of a reserved instance: its part by the hour; upfront parts are left out.
pub(super) fn reserved(
    known: &[keys::Known],
    (length, class, option): (&str, &str, &str),
    written: &Written<'_>,
    collector: &mut Collector<'_>,
) {
    let class = match class {
        "standard" => "std",
        "convertible" => "conv",
        _ => return collector.found.left_out += 1,
    };
    let option = match option {
        "No Upfront" => "no_upfront",
        "Partial Upfront" => "partial_upfront.hourly_part",
        _ => return collector.found.left_out += 1,
    };
    let years = length.trim_end_matches("yr");
    let hourly = matches!(written.unit, "Hrs" | "Hours" | "hrs");
    for (key, units) in known {
        match key.strip_prefix("ec2.od.linux.") {
            Some(instance) if hourly => {
                collector.take(&format!("ec2.ri_{class}_{years}y_{option}.{instance}"), *units, written);
            }
            _ => collector.found.left_out += 1,
        }
    }
}

/// A rate of a Savings Plan.
fn plan<'r>(get: &impl Fn(&str) -> &'r str, collector: &mut Collector<'_>) {
    let region = get("discountedregioncode");
    if !collector.wants(region) {
        return;
    }
    let years = get("leasecontractlength");
    let Some(offer) = plan_offer(get("productfamily"), years, get("purchaseoption")) else {
        collector.found.left_out += 1;
        return;
    };
    let product = Product {
        service: get("discountedservicecode").to_owned(),
        usage: get("discountedusagetype").to_owned(),
        operation: get("discountedoperation").to_owned(),
    };
    let Some(known) = collector.keys_in_usd(&product, get("currency")) else { return };
    let written = Written { price: get("discountedrate"), unit: get("unit"), ..Written::default() };
    for (key, units) in known {
        collector.take(&format!("sp.{offer}.{key}"), units, &written);
    }
}

/// `compute_1y_no_upfront` from `ComputeSavingsPlans`, `1`, `No Upfront`.
pub(super) fn plan_offer(family: &str, years: &str, option: &str) -> Option<String> {
    let family = match family {
        "ComputeSavingsPlans" => "compute",
        "EC2InstanceSavingsPlans" => "ec2_instance",
        _ => return None,
    };
    let option = match option {
        "No Upfront" => "no_upfront",
        "Partial Upfront" => "partial_upfront",
        "All Upfront" => "all_upfront",
        _ => return None,
    };
    let years = years.trim().trim_end_matches("yr");
    matches!(years, "1" | "3").then(|| format!("{family}_{years}y_{option}"))
}
