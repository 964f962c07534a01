//! `costsim compare`: load, simulate, price, report.

use super::output::{OutDir, note, to_stdout};
use super::reprice::FocusRows;
use super::{DataDir, Failure, Format, progress};
use crate::bill::PriceBook;
use crate::diag;
use crate::precision::{self, Plan, PrecisionError};
use crate::report;
use crate::results::Results;
use crate::run::{self, Progress, RunError, RunOptions};
use crate::sensitivity::{self, SensitivityError};
use crate::spec::scenario::Scenario;
use crate::spec::{self, LoadOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Arguments of `costsim compare`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = super::EXAMPLES, group(clap::ArgGroup::new("measured").multiple(true)))]
pub struct Args {
    /// A scenario, or models to make one of: names or files. A name is looked up in the current directory, in --data-dir,
    /// then in what is built in [default: storefront]
    #[arg(value_name = "SCENARIO|MODEL")]
    inputs: Vec<String>,

    /// Compare these architectures instead of the scenario's
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = "Scenario")]
    arch: Vec<String>,

    /// Constant traffic instead of the scenario's, e.g. 50/s
    #[arg(long, value_name = "RATE", group = "traffic", help_heading = "Scenario")]
    rate: Option<String>,

    /// Constant traffic by the month, e.g. 3M requests
    #[arg(long, value_name = "N", group = "traffic", help_heading = "Scenario")]
    per_month: Option<String>,

    /// Replay a CSV file of rates or of requests, plain or gzip
    #[arg(long, value_name = "FILE", groups = ["traffic", "measured"], help_heading = "Scenario")]
    replay: Option<String>,

    /// Measured duration of one request, e.g. 120ms
    #[arg(long, value_name = "TIME", group = "measured", help_heading = "Scenario")]
    duration: Option<String>,

    /// Share of that duration, or of the replayed ones, that is CPU, e.g. 40%
    #[arg(long, value_name = "PERCENT", requires = "measured", help_heading = "Scenario")]
    cpu_share: Option<String>,

    /// Seed of all random streams
    #[arg(long, value_name = "N", help_heading = "Scenario")]
    seed: Option<u64>,

    /// Independent repetitions, from which the intervals come
    #[arg(long, value_name = "N", help_heading = "Scenario")]
    replications: Option<u32>,

    /// Simulate only as much as the cost needs to be known to this share of it, e.g. 1%: windows that stand for the rest
    /// of the horizon, and 5 to 40 replications
    #[arg(long, value_name = "PERCENT", value_parser = share, conflicts_with = "replications", help_heading = "Running")]
    precision: Option<f64>,

    /// What is simulated, e.g. 7d
    #[arg(long, value_name = "TIME", help_heading = "Scenario")]
    horizon: Option<String>,

    /// Set any value, e.g. traffic.scale=2 or lambda-http-api:shop.lambda.memory=1024MB
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Scenario")]
    set: Vec<String>,

    #[command(flatten)]
    data: DataDir,

    /// Also write report.html, results.json, the charts, and for finance line_items.csv, focus.csv, report.xlsx and
    /// infracost-usage*.yml into this directory
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,

    /// Rows of focus.csv
    #[arg(long, value_name = "day|hour", default_value = "day", help_heading = "Output")]
    focus: FocusRows,

    /// How results are printed
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: Option<Format>,

    /// No progress and no warnings on the standard error (they are in the results)
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,

    /// Leave out the totals at 75 % and 125 % of the traffic
    #[arg(long, help_heading = "Running")]
    quick: bool,

    /// Also with instances 30 % slower and 30 % faster than stated: one replication each of what has instances. Results in
    /// full, of `--out` and `--format json`, have it unless asked for `--quick` or `--precision`
    #[arg(long, conflicts_with = "no_sensitivity", help_heading = "Running")]
    sensitivity: bool,

    /// Leave that out
    #[arg(long, help_heading = "Running")]
    no_sensitivity: bool,

    /// Threads [default: one for each core]; the results do not depend on it
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024), help_heading = "Running")]
    jobs: Option<u16>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let scenario = load(args)?;
    let book = super::prices::book(&scenario.region, args.data.path()?)?;
    // Whatever can be found wrong is found before the long run.
    crate::compare::cost::check(&scenario, &book).map_err(|error| Failure::of_bill(&error))?;
    // Opened before the long run: a directory that cannot be written to is said at once.
    let out = args.out.as_deref().map(OutDir::open).transpose()?;
    let progress = stoppable();
    let mut results = simulate(&scenario, args, &book, &progress)?;
    if with_sensitivity(args) {
        let threads = args.jobs.map_or(0, usize::from);
        let work = || sensitivity::add(&mut results, &scenario, threads, &book, &progress, run::simulate);
        progress::with_bar(args.quiet, &progress, work).map_err(|error| match error {
            SensitivityError::Bill(error) => Failure::of_bill(&error),
            SensitivityError::Run(error) => Failure::CannotRun(error.to_string()),
        })?;
    }
    if let Some(mut out) = out {
        let earlier = args.out.as_deref().map(earlier_files).unwrap_or_default();
        for (name, content) in report::files(&results, args.focus.period()) {
            out.add(&name, &content)?;
        }
        out.replaces(earlier);
        if progress.is_cancelled() {
            return Err(Failure::CannotRun(RunError::Cancelled.to_string()));
        }
        out.finish()?;
    }
    print(&results, args.format.unwrap_or(Format::Table), args.quiet, args.out.as_deref())
}

/// Whether slower and faster instances are simulated as well. What is written to be kept shows how much rests on their speed; the answer on the
/// screen is to come quickly, and windows are for those who asked for little simulation.
fn with_sensitivity(args: &Args) -> bool {
    let in_full = args.out.is_some() || args.format == Some(Format::Json);
    args.sensitivity || (in_full && !args.no_sensitivity && !args.quick && args.precision.is_none())
}

/// Names of the files that an earlier run wrote into a directory: told by the results that lie there. Whatever else is in it is somebody
/// else's.
fn earlier_files(dir: &Path) -> Vec<String> {
    /// Results larger than this are not read for it.
    const MOST_BYTES: u64 = 256 << 20;
    let path = dir.join("results.json");
    if !std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MOST_BYTES) {
        return Vec::new();
    }
    let earlier = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Results>(&text).ok());
    let ours = earlier.filter(|results| results.schema == crate::results::SCHEMA);
    ours.map(|results| report::files(&results, report::Period::Day).into_iter().map(|(name, _)| name).collect())
        .unwrap_or_default()
}

fn load(args: &Args) -> Result<Scenario, Failure> {
    let options = LoadOptions {
        inputs: args.inputs.clone(),
        architectures: args.arch.clone(),
        rate: args.rate.clone(),
        per_month: args.per_month.clone(),
        replay: args.replay.clone(),
        duration: args.duration.clone(),
        cpu_share: args.cpu_share.clone(),
        seed: args.seed,
        replications: args.replications,
        horizon: args.horizon.clone(),
        set: args.set.clone(),
        data_dir: args.data.path()?.map(Path::to_owned),
    };
    let loaded = spec::load(&options).map_err(|found| Failure::of_diagnostics(&found))?;
    if !args.quiet && !loaded.warnings.is_empty() {
        note(&diag::render_all(&loaded.warnings, super::colour_on_stderr()));
    }
    Ok(loaded.scenario)
}

/// The progress that Ctrl-C stops. A second Ctrl-C does not wait for the jobs.
pub(super) fn stoppable() -> Arc<Progress> {
    static CURRENT: OnceLock<Arc<Progress>> = OnceLock::new();
    let progress = Arc::clone(CURRENT.get_or_init(|| Arc::new(Progress::new())));
    let stop = Arc::clone(&progress);
    // Without a handler Ctrl-C ends the program at once, which is no reason not to run.
    let _ = ctrlc::set_handler(move || {
        if stop.is_cancelled() {
            std::process::exit(101);
        }
        stop.cancel();
    });
    progress
}

fn simulate(scenario: &Scenario, args: &Args, book: &PriceBook, progress: &Progress) -> Result<Results, Failure> {
    let options =
        RunOptions { threads: args.jobs.map_or(0, usize::from), other_traffic: !args.quick, ..RunOptions::default() };
    if let Some(target) = args.precision {
        return as_precise(scenario, args, target, &options, book, progress);
    }
    if !args.quiet {
        warn_if_long(run::expected_requests(scenario, &options));
    }
    let work = || run::run(scenario, &options, progress, |job, progress| run::simulate(scenario, job, progress));
    // A file that changed or broke while it was read.
    let runs = progress::with_bar(args.quiet, progress, work).map_err(|error| Failure::CannotRun(error.to_string()))?;
    crate::compare::results(scenario, &runs, book).map_err(|error| Failure::of_bill(&error))
}

/// As much as a precision needs.
fn as_precise(
    scenario: &Scenario,
    args: &Args,
    target: f64,
    options: &RunOptions<'_>,
    book: &PriceBook,
    progress: &Progress,
) -> Result<Results, Failure> {
    let failed = |error: PrecisionError| match error {
        PrecisionError::Bill(error) => Failure::of_bill(&error),
        PrecisionError::Run(error) => Failure::CannotRun(error.to_string()),
    };
    let plan = Plan::of(scenario).map_err(failed)?;
    if !args.quiet {
        let first = Scenario { replications: precision::LOOKS[0].0, ..scenario.clone() };
        warn_if_long(run::expected_requests(&first, &plan.options(options)));
    }
    let work = || precision::run(scenario, &plan, options, target, book, progress, run::simulate);
    progress::with_bar(args.quiet, progress, work).map_err(failed)
}

/// `1%` or `0.01`: a share that a precision can be.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let share = match text.strip_suffix('%') {
        Some(percent) => number(percent).map(|percent| percent / 100.0),
        None => number(text),
    };
    match share {
        Some(share) if (1e-6..1.0).contains(&share) => Ok(share),
        _ => Err("a precision is a share of the cost between 0.0001% and 100%, such as 1%".to_owned()),
    }
}

/// From this many requests on a run is announced: some ten minutes of a core.
const LONG: f64 = 3e9;

/// Says before an endless run that it is one.
fn warn_if_long(requests: f64) {
    if requests >= LONG {
        let minutes = requests / 5e6 / 60.0;
        let time =
            if minutes < 120.0 { format!("{minutes:.0} minutes") } else { format!("{:.0} hours", minutes / 60.0) };
        note(&format!(
            "warning: some {:.0} billion requests will be simulated, about {time} for one core; a shorter `--horizon`, fewer \
             `--replications` or `--quick` take less",
            requests / 1e9,
        ));
    }
}

/// Prints results, and on the standard error their warnings and where the report is.
pub(super) fn print(results: &Results, format: Format, quiet: bool, out: Option<&Path>) -> Result<(), Failure> {
    let text = match format {
        Format::Table => report::table::render(results, super::colour_on_stdout()),
        Format::Json => report::render(report::Format::Json, results),
        Format::Csv => report::render(report::Format::Csv, results),
        Format::Markdown => report::render(report::Format::Markdown, results),
    };
    if !quiet {
        note(&report::table::warnings(results, super::colour_on_stderr()));
        if let Some(dir) = out {
            note(&format!("wrote {}", dir.join("report.html").display()));
        }
    }
    to_stdout(&text)
}
