//! `costsim bill`: prices stated usage without simulating.

use super::output::to_stdout;
use super::{DataDir, Failure};
use crate::bill::{shown, usage_file};
use crate::report;
use crate::yaml;
use clap::ValueEnum;
use std::path::PathBuf;

/// Arguments of `costsim bill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is used in a month; see docs/bills.md
    #[arg(value_name = "USAGE")]
    usage: PathBuf,

    /// Prices of this region instead of the file's
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// A price list whose prices replace the built-in ones key by key; may be repeated
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,

    #[command(flatten)]
    data: DataDir,

    /// How the bill is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: BillFormat,
}

/// How a bill is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BillFormat {
    /// For people: each line with its arithmetic
    Table,
    /// Everything, as `costsim schema bill` describes it
    Json,
    /// The line items
    Csv,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let shown_name = args.usage.display().to_string();
    let text = yaml::read_file(&args.usage, &shown_name).map_err(|finding| Failure::of_diagnostics(&[finding]))?;
    let usage = usage_file::read(&shown_name, &text).map_err(|found| Failure::of_diagnostics(&found))?;
    let region = args.region.as_deref().unwrap_or(&usage.region);
    let book = super::prices::book_with(region, args.data.path()?, &args.prices)?;
    let bill = usage.bill(&book).map_err(|found| Failure::of_diagnostics(&found))?;
    let terms = shown::terms(&usage.free_tier, &usage.billing);
    let results = bill.results(&usage.name, region, usage.month, terms, &usage.billing, book.digest());
    to_stdout(&match args.format {
        BillFormat::Table => report::bill::render(&results),
        BillFormat::Json => report::json_of(&results),
        BillFormat::Csv => report::csv_of_lines(&results.name, &results.line_items),
    })
}
