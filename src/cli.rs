//! The command line: what is typed becomes options, options become calls of the library, and every end has its exit code.
//!
//! Results go to the standard output; progress, warnings and errors go to the standard error.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | fine; also when the reader of the output has gone away |
//! | 2 | the input or the command line is wrong |
//! | 100 | a gate failed |
//! | 101 | it could not run: interrupted, disk full, out of threads |

mod backtest;
mod bill;
mod check;
mod compare;
mod extras;
mod init;
mod output;
mod prices;
mod prices_text;
mod progress;
mod reprice;
mod saved;
mod validate;

use crate::bill::BillError;
use crate::diag::{self, Diagnostic};
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Why the program ends other than well.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The input or the command line is wrong: 2. The text is complete, diagnostics included.
    Input(String),
    /// It could not run: 101.
    CannotRun(String),
    /// A rule of the gate is broken: 100. The reports say which.
    Gate,
    /// clap has something to say: help, version (0) or a wrong command line (2).
    Usage(clap::Error),
    /// Nobody reads the output any more: 0.
    ClosedPipe,
}

impl Failure {
    /// The exit code that this ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 2,
            Self::CannotRun(_) => 101,
            Self::Gate => 100,
            Self::Usage(error) if error.use_stderr() => 2,
            Self::Usage(_) | Self::ClosedPipe => 0,
        }
    }

    /// Says it on the standard error (help and version: on the standard output).
    pub fn explain(&self) {
        match self {
            Self::Input(text) | Self::CannotRun(text) => {
                let text = text.trim_end();
                // Diagnostics carry their own heading.
                let heading = if starts_like_a_diagnostic(text) { "" } else { "error: " };
                output::note(&format!("{heading}{text}"));
            }
            // A standard output that is closed is no failure of help.
            Self::Usage(error) => drop(error.print()),
            Self::ClosedPipe | Self::Gate => {}
        }
    }

    /// Mistakes in files or arguments, as they are shown.
    fn of_diagnostics(found: &[Diagnostic]) -> Self {
        Self::Input(diag::render_all(found, colour_on_stderr()))
    }

    /// What a bill that cannot be made means: a name that does not exist, or terms that do not fit, are the input's mistake.
    fn of_bill(error: &BillError) -> Self {
        match error {
            BillError::UnknownFreeTier { .. } => Self::Input(format!("account.free_tier: {error}")),
            BillError::UnknownDiscount { .. }
            | BillError::UnknownRegion { .. }
            | BillError::NotCovered { .. }
            | BillError::NoOthers => Self::Input(error.to_string()),
            _ => Self::CannotRun(error.to_string()),
        }
    }

    /// What a failed write to the standard output means.
    fn of_stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::CannotRun(format!("cannot write to the standard output: {error}")),
        }
    }
}

/// Whether the standard error shows colours; respects `NO_COLOR`, `CLICOLOR` and what it is connected to.
fn colour_on_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether the standard output shows colours.
fn colour_on_stdout() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

fn starts_like_a_diagnostic(text: &str) -> bool {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.starts_with("error") || plain.starts_with("warning")
}

const EXAMPLES: &str = "\
Examples:
  costsim compare                                  the built-in scenario `storefront`
  costsim compare my.yaml --out report             a scenario of your own, with an HTML report
  costsim compare lambda-http-api ec2-asg-alb --per-month 3M --duration 120ms --cpu-share 40%
  costsim init shop && costsim validate shop/*.yaml
  costsim compare my.yaml --set traffic.scale=2 --set lambda-http-api:shop.lambda.memory=1024MB

Exit codes: 0 fine, 2 wrong input or command line, 100 a gate failed, 101 could not run.";

/// Simulates the same traffic on servers and on serverless, and prices both
#[derive(Debug, Parser)]
#[command(name = "costsim", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare architectures: cost, latency, refusals, verdict
    Compare(Box<compare::Args>),
    /// Hold cost and behaviour to a gate, against a baseline: for continuous integration
    Check(Box<check::Args>),
    /// Price stated usage without simulating: a calculator that can be audited
    Bill(bill::Args),
    /// List, show, import and compare prices
    Prices(prices::Args),
    /// Price saved results again, at another region's or book's prices, without simulating
    Reprice(reprice::Args),
    /// Hold a simulated bill against a real one: FOCUS or a cost and usage report
    Backtest(backtest::Args),
    /// Check files and show every mistake with its place and the fix
    Validate(validate::Args),
    /// Print the JSON Schema of a kind of file
    Schema(extras::SchemaArgs),
    /// Write a commented starter: a scenario and two models
    Init(init::Args),
    /// Print a completion script for a shell
    Completions(extras::CompletionArgs),
    /// Print the manual page
    Man,
}

/// Where names of models and scenarios are looked up besides the current directory.
#[derive(Debug, Default, clap::Args)]
struct DataDir {
    /// Directory with `models/`, `pricing/` and `scenarios/` that come before the built-in ones
    #[arg(long, value_name = "DIR", help_heading = "Scenario")]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    /// The directory, which has to be one.
    fn path(&self) -> Result<Option<&Path>, Failure> {
        match self.data_dir.as_deref() {
            Some(dir) if !dir.is_dir() => {
                Err(Failure::Input(format!("--data-dir: `{}` is not a directory", dir.display())))
            }
            dir => Ok(dir),
        }
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, at most 100 columns
    Table,
    /// `results.json`: everything
    Json,
    /// The line items of the bills
    Csv,
    /// For a comment or a wiki
    Markdown,
}

/// Does what the arguments say; the first is the program's name.
///
/// # Errors
/// See [`Failure`]; asking for help or the version is one too, with exit code 0.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    match Cli::try_parse_from(args).map_err(Failure::Usage)?.command {
        Some(Command::Compare(args)) => compare::run(&args),
        Some(Command::Check(args)) => match check::run(&args)? {
            check::Verdict::Passed => Ok(()),
            check::Verdict::Failed => Err(Failure::Gate),
        },
        Some(Command::Bill(args)) => bill::run(&args),
        Some(Command::Prices(args)) => prices::run(&args),
        Some(Command::Reprice(args)) => reprice::run(&args),
        Some(Command::Backtest(args)) => backtest::run(&args),
        Some(Command::Validate(args)) => validate::run(&args),
        Some(Command::Schema(args)) => extras::schema(&args),
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Completions(args)) => extras::completions(&args),
        Some(Command::Man) => extras::man(),
        None => {
            output::note("no command: comparing the built-in scenario `storefront`; `costsim --help` lists the others");
            compare::run(&compare::Args::default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_end_has_its_code() {
        let code =
            |args: &[&str]| run(args.iter().map(OsString::from)).map_or_else(|failure| failure.exit_code(), |()| 0);
        assert_eq!(code(&["costsim", "--help"]), 0);
        assert_eq!(code(&["costsim", "--version"]), 0);
        assert_eq!(code(&["costsim", "nonsense"]), 2);
        assert_eq!(code(&["costsim", "compare", "--format", "yaml"]), 2);
        // So many threads take longer to start than the work does.
        assert_eq!(code(&["costsim", "compare", "-j", "100000"]), 2);
        assert_eq!(Failure::CannotRun(String::new()).exit_code(), 101);
        assert_eq!(Failure::of_stdout(&io::ErrorKind::BrokenPipe.into()).exit_code(), 0);
        assert_eq!(Failure::of_stdout(&io::ErrorKind::StorageFull.into()).exit_code(), 101);
    }
}
