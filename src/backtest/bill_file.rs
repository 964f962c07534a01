//! Bills as AWS exports them, read row by row: FOCUS (1.0 and later) and cost and usage reports (legacy and 2.0), as CSV.
//!
//! Only sums by service and price are kept, so memory does not grow with the file. Which kind it is, its header tells. Rows of tax, credits
//! and other corrections are added up apart. `NULL` and nothing are the same.

use super::keys::letters;
use crate::money::Usd;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// The longest line, bytes.
const MOST_LINE: usize = 1 << 20;
/// Rows that are read.
const MOST_ROWS: u64 = 200_000_000;
/// Different prices that are told apart.
const MOST_GROUPS: usize = 100_000;

/// Why a bill cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}{message}{}", line.map_or_else(String::new, |line| format!("line {line}: ")), help.map_or_else(String::new, |help| format!("\n  help: {help}")))]
pub struct BillFileError {
    /// Where, counted from one.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub help: Option<&'static str>,
}

/// The kind of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillFormat {
    /// FinOps Open Cost and Usage Specification.
    Focus,
    /// AWS cost and usage report.
    CostAndUsage,
}

impl BillFormat {
    /// As reports call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Focus => "FOCUS",
            Self::CostAndUsage => "cost and usage report",
        }
    }
}

/// What a bill adds up to.
#[derive(Debug)]
pub struct Billed {
    /// Its kind.
    pub format: BillFormat,
    /// Its first instant.
    pub from: Option<Timestamp>,
    /// Its last, exclusive.
    pub to: Option<Timestamp>,
    /// Rows read.
    pub rows: u64,
    /// Usage by service and price.
    pub groups: Vec<Group>,
    /// What is no usage, by kind.
    pub apart: BTreeMap<String, Usd>,
}

impl Billed {
    /// Hours from the first instant to the last.
    pub fn hours(&self) -> Option<f64> {
        let seconds = self.to?.as_second() - self.from?.as_second();
        (seconds > 0).then(|| seconds as f64 / 3_600.0)
    }
}

/// Rows of one price.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// As the bill names it.
    pub service: String,
    /// `SkuId` of FOCUS.
    pub sku: String,
    /// AWS's usage type.
    pub usage_type: String,
    /// AWS's operation.
    pub operation: String,
    /// In words.
    pub description: String,
    /// USD.
    pub cost: Usd,
    /// In the bill's unit.
    pub quantity: f64,
}

impl Group {
    /// What to call it where it has no key.
    pub fn shown(&self) -> String {
        let name = [&self.usage_type, &self.description, &self.sku].into_iter().find(|name| !name.is_empty());
        name.map_or_else(|| "unnamed".to_owned(), |name| name.chars().take(80).collect())
    }
}

/// Where the columns are.
struct Columns {
    format: BillFormat,
    cost: usize,
    kind: Option<usize>,
    currency: Option<usize>,
    service: Option<usize>,
    sku: Option<usize>,
    usage_type: Option<usize>,
    operation: Option<usize>,
    frequency: Option<usize>,
    description: Option<usize>,
    quantity: Option<usize>,
    from: Option<usize>,
    to: Option<usize>,
    architecture: Option<usize>,
}

impl Columns {
    fn of(header: &csv::ByteRecord) -> Result<Self, BillFileError> {
        let names: Vec<String> = header.iter().map(|name| letters(&String::from_utf8_lossy(name))).collect();
        let find = |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|have| have == name));
        let focus = find(&["billedcost"]);
        let usage = find(&["lineitemunblendedcost"]);
        let (format, cost) = match (focus, usage) {
            (Some(cost), _) => (BillFormat::Focus, cost),
            (None, Some(cost)) => (BillFormat::CostAndUsage, cost),
            (None, None) => {
                return Err(BillFileError {
                    line: Some(1),
                    message: "this header is neither that of FOCUS (`BilledCost`) nor of a cost and usage report \
                              (`lineItem/UnblendedCost`, `line_item_unblended_cost`)"
                        .to_owned(),
                    help: Some("export the bill as CSV with a header, from Data Exports in the billing console"),
                });
            }
        };
        Ok(Self {
            format,
            cost,
            kind: find(&["chargecategory", "lineitemlineitemtype"]),
            currency: find(&["billingcurrency", "lineitemcurrencycode"]),
            service: find(&["servicename", "productproductname", "lineitemproductcode"]),
            sku: find(&["skuid"]),
            usage_type: find(&["xusagetype", "lineitemusagetype"]),
            operation: find(&["xoperation", "lineitemoperation"]),
            frequency: find(&["chargefrequency"]),
            description: find(&["chargedescription", "lineitemlineitemdescription", "skumeter"]),
            quantity: find(&["pricingquantity", "consumedquantity", "lineitemusageamount"]),
            from: find(&["chargeperiodstart", "lineitemusagestartdate"]),
            to: find(&["chargeperiodend", "lineitemusageenddate"]),
            architecture: find(&["xarchitecture"]),
        })
    }
}

/// Reads a bill. Where it is one of ours, of several architectures, only the rows of `architecture` count.
///
/// # Errors
/// The first row that cannot be read, with its line.
pub fn read(reader: impl Read, architecture: &str) -> Result<Billed, BillFileError> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_reader(Lines { inner: reader, length: 0, last: 0, ends: None });
    let header = reader.byte_headers().map_err(|error| unreadable(&error))?;
    if header.is_empty() {
        return Err(BillFileError { line: None, message: "the bill is empty".to_owned(), help: None });
    }
    let columns = Columns::of(header)?;
    let fields = header.len();
    let mut billed =
        Billed { format: columns.format, from: None, to: None, rows: 0, groups: Vec::new(), apart: BTreeMap::new() };
    let mut index: BTreeMap<[Vec<u8>; 5], usize> = BTreeMap::new();
    let mut row = csv::ByteRecord::new();
    let mut skipped = 0u64;
    while reader.read_byte_record(&mut row).map_err(|error| unreadable(&error))? {
        let line = row.position().map(|at| at.line() + reader.get_ref().late(at.line()));
        let wrong = |message: String, help: Option<&'static str>| BillFileError { line, message, help };
        if row.len() != fields {
            let message = format!("this row has {} fields, the header {fields}", row.len());
            return Err(wrong(message, Some("the file may be cut off: export it again")));
        }
        let bytes = |column: Option<usize>| match column.and_then(|column| row.get(column)).map(<[u8]>::trim_ascii) {
            None | Some(b"NULL") => &[][..],
            Some(field) => field,
        };
        let text = |column: Option<usize>| String::from_utf8_lossy(bytes(column)).into_owned();
        if columns.architecture.is_some() && bytes(columns.architecture) != architecture.as_bytes() {
            skipped += 1;
            continue;
        }
        billed.rows += 1;
        if billed.rows > MOST_ROWS {
            return Err(wrong("the bill has more than 200 million rows".to_owned(), Some("export one month alone")));
        }
        let currency = text(columns.currency);
        if !currency.is_empty() && currency != "USD" {
            let help = Some("prices are in USD: export the bill in USD");
            return Err(wrong(format!("this row is in `{}`", short(&currency)), help));
        }
        let cost = text(Some(columns.cost));
        let cost = if cost.is_empty() { Some(Usd::ZERO) } else { money(&cost) };
        let Some(cost) = cost else {
            let found = short(&text(Some(columns.cost)));
            return Err(wrong(
                format!("`{found}` is no amount of money"),
                Some("write a decimal number such as 0.0123"),
            ));
        };
        let too_large = || wrong("the sum is too large to be kept exactly".to_owned(), None);
        // What is paid once, for a whole term, says nothing of the time that the bill covers.
        let once = bytes(columns.frequency) == b"One-Time" && bytes(columns.kind) == b"Purchase";
        let kind = if once { Some("one-time purchases".to_owned()) } else { apart(&text(columns.kind)) };
        if let Some(kind) = kind {
            let sum = billed.apart.entry(kind).or_default();
            *sum = sum.checked_add(cost).ok_or_else(too_large)?;
            continue;
        }
        for (column, latest) in [(columns.from, false), (columns.to, true)] {
            let given = text(column);
            if given.is_empty() {
                continue;
            }
            let Some(at) = instant(&given) else {
                let help = Some("write `2026-03-02T00:00:00Z` or `2026-03-02 00:00:00`");
                return Err(wrong(format!("`{}` is no instant", short(&given)), help));
            };
            let known = if latest { &mut billed.to } else { &mut billed.from };
            *known = Some(match *known {
                None => at,
                Some(before) if latest => before.max(at),
                Some(before) => before.min(at),
            });
        }
        let quantity = text(columns.quantity);
        let quantity = match quantity.parse::<f64>() {
            Ok(quantity) if quantity.is_finite() => quantity,
            Err(_) if quantity.is_empty() => 0.0,
            _ => return Err(wrong(format!("`{}` is no quantity", short(&quantity)), Some("write a decimal number"))),
        };
        let description = if bytes(columns.usage_type).is_empty() { bytes(columns.description) } else { &[] };
        let key = [
            bytes(columns.service).to_vec(),
            bytes(columns.sku).to_vec(),
            bytes(columns.usage_type).to_vec(),
            bytes(columns.operation).to_vec(),
            description.to_vec(),
        ];
        let at = match index.get(&key) {
            Some(at) => *at,
            None if billed.groups.len() == MOST_GROUPS => {
                let help = Some("export the bill of one workload, filtered by tag or account");
                return Err(wrong("the bill has more than 100,000 different prices".to_owned(), help));
            }
            None => {
                billed.groups.push(Group {
                    service: text(columns.service),
                    sku: text(columns.sku),
                    usage_type: text(columns.usage_type),
                    operation: text(columns.operation),
                    description: text(columns.description),
                    ..Group::default()
                });
                index.insert(key, billed.groups.len() - 1);
                billed.groups.len() - 1
            }
        };
        let group = &mut billed.groups[at];
        group.cost = group.cost.checked_add(cost).ok_or_else(too_large)?;
        group.quantity += quantity;
    }
    if billed.rows == 0 {
        let message = match skipped {
            0 => "the bill has no rows".to_owned(),
            n => format!("none of the {n} rows is of the architecture `{architecture}`"),
        };
        return Err(BillFileError { line: None, message, help: None });
    }
    Ok(billed)
}

/// The kind under which a row is added up apart; `None` for usage. Commitments' own fees are usage of a kind: they pay for it.
fn apart(kind: &str) -> Option<String> {
    match kind {
        ""
        | "Usage"
        | "Purchase"
        | "DiscountedUsage"
        | "SavingsPlanCoveredUsage"
        | "SavingsPlanNegation"
        | "SavingsPlanRecurringFee"
        | "RIFee" => None,
        "Tax" | "Credit" | "Adjustment" | "Refund" | "Fee" => Some(kind.to_owned()),
        other => Some(short(other)),
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// An amount, cut to the 18 decimals that are kept: bills print more of them than anybody pays.
fn money(text: &str) -> Option<Usd> {
    match text.parse() {
        Ok(amount) => Some(amount),
        Err(crate::money::DecimalError::TooPrecise { .. }) => {
            if text.contains(['e', 'E']) {
                return Usd::from_estimate(text.parse().ok()?);
            }
            let point = text.find('.')?;
            text.get(..(point + 19).min(text.len()))?.parse().ok()
        }
        Err(_) => None,
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(civil)
}

fn unreadable(error: &csv::Error) -> BillFileError {
    BillFileError {
        line: error.position().map(csv::Position::line),
        message: format!("cannot be read: {error}"),
        help: Some("a bill is CSV text, plain or gzip; Parquet is not read"),
    }
}

/// Refuses a line without end before it fills the memory.
struct Lines<R> {
    inner: R,
    length: usize,
    /// The last byte that was read.
    last: u8,
    /// Whether the first line ended in two bytes, CR and LF; `None` before its end.
    ends: Option<bool>,
}

impl<R> Lines<R> {
    /// How many lines a row's place is late by: the parser takes a row to begin between CR and LF, on the line before.
    fn late(&self, line: u64) -> u64 {
        u64::from(self.ends == Some(true) && line >= 1)
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in &buffer[..read] {
            if *byte == b'\n' && self.ends.is_none() {
                self.ends = Some(self.last == b'\r');
            }
            self.last = *byte;
            self.length = if *byte == b'\n' { 0 } else { self.length + 1 };
            if self.length > MOST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than a megabyte"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Billed, BillFileError> {
        read(text.as_bytes(), "lambda")
    }

    #[test]
    fn focus_rows_add_up_by_price() {
        let bill = read_text(
            "BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SkuId,x_UsageType,PricingQuantity\n\
             0.1,USD,Usage,2026-03-01T00:00:00Z,2026-03-01T01:00:00Z,AWS Lambda,A,Request,500000\n\
             0.2,USD,Usage,2026-03-31 23:00:00,2026-04-01 00:00:00,AWS Lambda,A,Request,1000000\n\
             1.9,USD,Tax,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,NULL,NULL,NULL,NULL\n\
             -5E-1,USD,Credit,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,AWS Lambda,A,Request,\n",
        )
        .unwrap();
        assert_eq!(bill.format, BillFormat::Focus);
        // March has 31 days.
        assert_eq!((bill.rows, bill.hours()), (4, Some(744.0)));
        assert_eq!(bill.groups.len(), 1);
        // 0.1 + 0.2, exactly.
        assert_eq!((bill.groups[0].cost.to_string().as_str(), bill.groups[0].quantity), ("0.3", 1_500_000.0));
        assert_eq!(bill.apart["Tax"].to_string(), "1.9");
        assert_eq!(bill.apart["Credit"].to_string(), "-0.5");
    }

    #[test]
    fn both_spellings_of_a_cost_and_usage_report_are_read() {
        let legacy = "identity/LineItemId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,\
                      lineItem/UsageType,lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost\n\
                      x,Usage,2026-03-01T00:00:00Z,2026-03-01T01:00:00Z,AWSLambda,Lambda-GB-Second,60000,USD,1.000002\n";
        let new = "line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date,line_item_product_code,\
                   line_item_usage_type,line_item_usage_amount,line_item_currency_code,line_item_unblended_cost\n\
                   Usage,2026-03-01 00:00:00.000,2026-03-01 01:00:00.000,AWSLambda,Lambda-GB-Second,60000,USD,1.0000020000000000000000001\n";
        for text in [legacy, new] {
            let bill = read_text(text).unwrap();
            assert_eq!((bill.format, bill.hours()), (BillFormat::CostAndUsage, Some(1.0)));
            assert_eq!(bill.groups[0].cost.to_string(), "1.000002");
            assert_eq!((bill.groups[0].usage_type.as_str(), bill.groups[0].quantity), ("Lambda-GB-Second", 60_000.0));
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let message = |text: &str| read_text(text).unwrap_err().to_string();
        assert!(message("a,b\n1,2\n").contains("neither that of FOCUS"));
        assert_eq!(message(""), "the bill is empty");
        assert_eq!(message("BilledCost\n"), "the bill has no rows");
        assert!(message("BilledCost\n1\nmuch\n").starts_with("line 3: `much` is no amount of money"));
        assert!(message("BilledCost,BillingCurrency\n1,EUR\n").starts_with("line 2: this row is in `EUR`"));
        assert!(message("BilledCost,ChargePeriodStart\n1,soon\n").contains("`soon` is no instant"));
        assert!(message("BilledCost,PricingQuantity\n1,nan\n").contains("`nan` is no quantity"));
        assert!(
            message("BilledCost,BillingCurrency\n1,USD\n1").starts_with("line 3: this row has 1 fields, the header 2")
        );
        assert!(message(&format!("BilledCost\n{}", "1".repeat(2 << 20))).contains("longer than a megabyte"));
        assert!(message("BilledCost,x_Architecture\n1,other\n").contains("none of the 1 rows is of the architecture"));
        // The same line, however lines end.
        for end in ["\n", "\r\n"] {
            assert!(message(&format!("BilledCost{end}1{end}much{end}")).starts_with("line 3: `much`"), "{end:?}");
            assert!(message(&format!("BilledCost{end}much{end}")).starts_with("line 2: `much`"), "{end:?}");
            let quoted = format!("BilledCost,SkuId{end}1,\"a{end}b\"{end}much,c{end}");
            assert!(message(&quoted).starts_with("line 4: `much`"), "{end:?}");
        }
    }

    #[test]
    fn what_is_paid_once_stands_apart_and_covers_no_time() {
        let bill = read_text(
            "BilledCost,ChargeCategory,ChargeFrequency,ChargePeriodStart,ChargePeriodEnd,SkuId\n\
             525.6,Purchase,One-Time,2026-03-01T00:00:00Z,2027-03-01T00:00:00Z,r\n\
             29.2,Purchase,Recurring,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,r\n",
        )
        .unwrap();
        assert_eq!((bill.hours(), bill.apart["one-time purchases"].to_string()), (Some(744.0), "525.6".to_owned()));
        assert_eq!(bill.groups[0].cost.to_string(), "29.2");
    }
}
