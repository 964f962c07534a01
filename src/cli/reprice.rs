//! `costsim reprice`: saved results at the prices of another book or region, without simulating again.

use super::compare::print;
use super::output::OutDir;
use super::{DataDir, Failure, Format, saved};
use crate::compare::reprice::{RepriceError, reprice};
use crate::report::{self, Period};
use crate::spec::billing::Discount;
use crate::spec::billing_saved::discount;
use std::path::PathBuf;

/// Arguments of `costsim reprice`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A `results.json` that `costsim compare --out` wrote
    #[arg(value_name = "RESULTS")]
    results: PathBuf,

    /// Prices of this region instead of the simulated one
    #[arg(long, value_name = "REGION", help_heading = "Prices")]
    region: Option<String>,

    /// A price list whose prices replace the built-in ones key by key; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Prices")]
    prices: Vec<PathBuf>,

    /// Percentage off a service, a key or the beginning of keys, e.g. "AWS Lambda=12%"; may be repeated
    #[arg(long, value_name = "ON=PERCENT", value_parser = discount, help_heading = "Prices")]
    discount: Vec<Discount>,

    #[command(flatten)]
    data: DataDir,

    /// Also write report.html, results.json and the files for finance into this directory
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,

    /// Rows of focus.csv
    #[arg(long, value_name = "day|hour", default_value = "day", help_heading = "Output")]
    focus: FocusRows,

    /// How results are printed
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: Format,

    /// No warnings on the standard error (they are in the results)
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// How long a row of `focus.csv` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FocusRows {
    /// 24 hours from the scenario's start
    #[default]
    Day,
    /// One hour
    Hour,
}

impl FocusRows {
    /// As the report knows it.
    pub const fn period(self) -> Period {
        match self {
            Self::Day => Period::Day,
            Self::Hour => Period::Hour,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let before = saved::read(&args.results)?;
    let region = args.region.as_deref().unwrap_or(&before.region);
    let book = super::prices::book_with(region, args.data.path()?, &args.prices)?;
    let results = reprice(&before, &book, &args.discount).map_err(|error| match error {
        RepriceError::Bill(error) => Failure::of_bill(&error),
        other => Failure::Input(format!("`{}`: {other}", args.results.display())),
    })?;
    if let Some(path) = &args.out {
        let mut out = OutDir::open(path)?;
        for (name, content) in report::files(&results, args.focus.period()) {
            out.add(&name, &content)?;
        }
        out.finish()?;
    }
    print(&results, args.format, args.quiet, args.out.as_deref())
}
