//! `costsim backtest`: a simulated bill against a real one.

use super::output::to_stdout;
use super::{Failure, saved};
use crate::backtest::{self, bill_file};
use crate::plain;
use crate::report::backtest as shown;
use crate::results::{ArchitectureResult, Results};
use clap::ValueEnum;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  costsim backtest report/results.json --bill march.csv.gz
  costsim backtest report/results.json --bill march.csv --arch lambda-http-api --within 10%

Exit codes: 0 fine, 2 wrong input, 100 the totals differ by more than --within.";

/// Arguments of `costsim backtest`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A `results.json` that `costsim compare --out` wrote
    #[arg(value_name = "RESULTS")]
    results: PathBuf,

    /// The bill: FOCUS or a cost and usage report, CSV, plain or gzip
    #[arg(long, value_name = "FILE")]
    bill: PathBuf,

    /// Which architecture was billed (needed where the results hold several)
    #[arg(long, value_name = "NAME")]
    arch: Option<String>,

    /// Fail (exit code 100) when the totals differ by more than this, e.g. 10%
    #[arg(long, value_name = "PERCENT", value_parser = percent, allow_hyphen_values = true)]
    within: Option<f64>,

    /// How the comparison is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: BacktestFormat,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BacktestFormat {
    /// For people
    Table,
    /// `costsim.backtest/1`
    Json,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').ok_or("write a percentage such as 10%")?;
    match number.trim().parse::<f64>() {
        Ok(value) if (0.0..=1e6).contains(&value) => Ok(value / 100.0),
        Ok(value) if value < 0.0 => {
            Err("it is how far apart the totals may be, either way: leave out the minus".to_owned())
        }
        _ => Err("write a percentage such as 10%".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let results = saved::read(&args.results)?;
    let architecture = architecture(&results, args)?;
    let wrong = |what: String| Failure::Input(format!("--bill `{}`: {what}", args.bill.display()));
    let file = plain::open(&args.bill).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let bill = bill_file::read(file, &architecture.name).map_err(|error| wrong(error.to_string()))?;
    let found = backtest::compare(architecture, results.billed_hours, &bill);
    to_stdout(&match args.format {
        BacktestFormat::Table => shown::table(&found),
        BacktestFormat::Json => shown::json(&found),
    })?;
    match (args.within, found.error) {
        (Some(within), Some(error)) if error.abs() > within => Err(Failure::Gate),
        // Nothing was billed but something simulated: no percentage is enough.
        (Some(_), None) if found.simulated > 0.0 => Err(Failure::Gate),
        _ => Ok(()),
    }
}

fn architecture<'a>(results: &'a Results, args: &Args) -> Result<&'a ArchitectureResult, Failure> {
    let all = &results.architectures;
    let names = || all.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
    let chosen = match (&args.arch, all.as_slice()) {
        (Some(name), _) => all
            .iter()
            .find(|a| a.name == *name)
            .ok_or_else(|| Failure::Input(format!("--arch `{name}`: the results hold {}", names())))?,
        (None, [one]) => one,
        (None, _) => {
            let help = format!("the results hold {}: say with --arch which one was billed", names());
            return Err(Failure::Input(help));
        }
    };
    if chosen.monthly_cost.total.is_none() {
        return Err(Failure::Input(format!("what `{}` costs is not known: see its warnings", chosen.name)));
    }
    Ok(chosen)
}
