//! `costsim check`: the gate for continuous integration.
//!
//! Loads the scenario and the gate, finds the baseline, simulates both sides look by look until every rule is decided, and reports.

mod baseline;
mod git;
mod reports;

use super::compare::stoppable;
use super::output::{note, to_stdout};
use super::{DataDir, Failure, progress};
use crate::bill::PriceBook;
use crate::diag;
use crate::gate::looks::{Look, plan};
use crate::gate::{Case, Cause, Movement, Outcome, Snapshot, judge, movement};
use crate::report;
use crate::results::Results;
use crate::run::{self, ArchitectureRuns, Job, Progress, RunOptions};
use crate::spec::gate::Gate;
use crate::spec::scenario::Scenario;
use crate::spec::{self, LoadOptions};
use clap::ValueEnum;
use jiff::civil::Date;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  costsim check shop.yaml --write-baseline baseline.json        keep what is agreed
  costsim check shop.yaml --baseline baseline.json              hold a change to it
  costsim check shop.yaml --baseline-rev main                   compare with the branch point
  costsim check shop.yaml --baseline-rev main --report markdown=comment.md --report sarif=costsim.sarif

Exit codes: 0 passed, 100 a rule of level deny is broken, 101 could not run, 2 wrong input or command line.";

/// Arguments of `costsim check`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A scenario, or models to make one of: names or files [default: storefront]
    #[arg(value_name = "SCENARIO|MODEL")]
    inputs: Vec<String>,

    /// The rules [default: costsim.gate.yaml, then `gate:` in the scenario, then the built-in ones]
    #[arg(long, value_name = "FILE", help_heading = "Gate")]
    gate: Option<PathBuf>,

    /// Compare with this file: of --write-baseline, or a results.json
    #[arg(long, value_name = "FILE", group = "before", help_heading = "Baseline")]
    baseline: Option<PathBuf>,

    /// Compare with the scenario and its files at the merge base with this git revision
    #[arg(long, value_name = "REV", group = "before", help_heading = "Baseline")]
    baseline_rev: Option<String>,

    /// Write the results as a baseline
    #[arg(long, value_name = "FILE", help_heading = "Baseline")]
    write_baseline: Option<PathBuf>,

    /// Deny movements by these, too, which otherwise only warn
    #[arg(long, value_name = "CAUSE", value_delimiter = ',', help_heading = "Gate")]
    deny_movement: Vec<Outside>,

    /// The day by which exceptions are judged [default: the date of the commit]
    #[arg(long, value_name = "DATE", help_heading = "Gate")]
    date: Option<String>,

    /// Explain a rule, or `metrics`, and stop
    #[arg(long, value_name = "NAME", help_heading = "Gate")]
    explain: Option<String>,

    /// List the rules and exceptions, and stop
    #[arg(long, help_heading = "Gate")]
    list: bool,

    /// A report: terminal, markdown, junit, sarif, github, json or bencher, to the standard output or to a file; may be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", help_heading = "Output")]
    report: Vec<String>,

    /// Compare these architectures instead of the scenario's
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = "Scenario")]
    arch: Vec<String>,

    /// Seed of all random streams
    #[arg(long, value_name = "N", help_heading = "Scenario")]
    seed: Option<u64>,

    /// At most so many replications; looks are taken at 5, 10, 20 and 40 [default: 40]
    #[arg(long, value_name = "N", help_heading = "Scenario", value_parser = clap::value_parser!(u32).range(1..=40))]
    replications: Option<u32>,

    /// What is simulated, e.g. 7d
    #[arg(long, value_name = "TIME", help_heading = "Scenario")]
    horizon: Option<String>,

    /// Change a value, e.g. traffic.scale=2; both sides are changed
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Scenario")]
    set: Vec<String>,

    #[command(flatten)]
    data: DataDir,

    /// No progress and no warnings on the standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,

    /// Threads [default: one for each core]; the results do not depend on it
    #[arg(short, long, value_name = "N", help_heading = "Running")]
    jobs: Option<usize>,
}

/// What the author of a change is not to blame for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Outside {
    /// The price book
    Prices,
    /// The program's version
    Tool,
}

/// How the command ended, when it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No rule of level deny is broken.
    Passed,
    /// At least one is.
    Failed,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Verdict, Failure> {
    let data_dir = args.data.path()?.map(Path::to_owned);
    if args.explain.as_deref() == Some("metrics") {
        return to_stdout(&report::gate::explain_metrics()).map(|()| Verdict::Passed);
    }
    let gate = load_gate(args, data_dir.as_deref())?;
    if args.list {
        return to_stdout(&report::gate::list(&gate)).map(|()| Verdict::Passed);
    }
    if let Some(name) = &args.explain {
        return explain(&gate, name);
    }
    let sinks = reports::Sinks::open(&args.report)?;
    let options = LoadOptions {
        inputs: args.inputs.clone(),
        architectures: args.arch.clone(),
        seed: args.seed,
        horizon: args.horizon.clone(),
        set: args.set.clone(),
        data_dir,
        ..LoadOptions::default()
    };
    let scenario = load(&options, args.quiet)?;
    let book = super::prices::book(&scenario.region, options.data_dir.as_deref())?;
    crate::compare::cost::check(&scenario, &book).map_err(|error| Failure::of_bill(&error))?;
    let date = date(args, &gate)?;
    if let Some(path) = &args.write_baseline {
        baseline::writable(path)?;
    }
    let progress = stoppable();
    let bench = Bench { threads: args.jobs.unwrap_or(0), quiet: args.quiet, progress: &progress };
    let (outcome, last) = match (&args.baseline, &args.baseline_rev) {
        (Some(path), _) => {
            let old = baseline::read(path, &scenario)?;
            let most = args.replications.unwrap_or(u32::MAX).min(old.replications);
            let shown = path.display().to_string();
            against_file(&gate, date, args, &bench, Side::new(scenario, book), &old, &shown, most)?
        }
        (None, Some(rev)) => {
            let found = git::materialise(rev, &options)?;
            let shown = found.shown.clone();
            let old = found.load(&options, &scenario, args.quiet)?;
            against_revision(&gate, date, args, &bench, Side::new(scenario, book), old, &shown)?
        }
        (None, None) => alone(&gate, date, args, &bench, Side::new(scenario, book))?,
    };
    if let Some(path) = &args.write_baseline {
        baseline::write(path, &last)?;
        if !args.quiet {
            note(&format!("wrote {}", path.display()));
        }
    }
    sinks.write(&outcome)?;
    Ok(if outcome.passed { Verdict::Passed } else { Verdict::Failed })
}

/// What is needed for simulating.
struct Bench<'a> {
    threads: usize,
    quiet: bool,
    progress: &'a Progress,
}

/// One side of the comparison, with the replications that have been simulated.
struct Side {
    scenario: Scenario,
    book: PriceBook,
    runs: Vec<ArchitectureRuns>,
    /// Where its files are, when not in the current directory.
    directory: Option<git::Materialised>,
}

impl Side {
    fn new(scenario: Scenario, book: PriceBook) -> Self {
        Self { scenario, book, runs: Vec::new(), directory: None }
    }

    /// Simulates up to `replications`; those that are there stay as they are.
    fn extend(&mut self, replications: u32, bench: &Bench<'_>) -> Result<(), Failure> {
        let there = self.runs.first().map_or(0, |runs| u32::try_from(runs.full.len()).unwrap_or(u32::MAX));
        if there >= replications {
            return Ok(());
        }
        self.scenario.replications = replications - there;
        let options = RunOptions { threads: bench.threads, other_traffic: false };
        let scenario = &self.scenario;
        let one = |job: &Job, progress: &Progress| {
            run::simulate(scenario, &Job { replication: job.replication + there, ..*job }, progress)
        };
        let within = self.directory.as_ref().map(git::Materialised::enter).transpose()?;
        let work = || run::run(scenario, &options, bench.progress, one);
        let more = progress::with_bar(bench.quiet, bench.progress, work)
            .map_err(|error| Failure::CannotRun(error.to_string()));
        drop(within);
        let more = more?;
        if self.runs.is_empty() {
            self.runs = more;
        } else {
            for (runs, more) in self.runs.iter_mut().zip(more) {
                runs.full.extend(more.full);
                for (without, more) in runs.without.iter_mut().zip(more.without) {
                    without.1.extend(more.1);
                }
            }
        }
        self.scenario.replications = replications;
        Ok(())
    }

    fn results(&self, book: &PriceBook) -> Result<Results, Failure> {
        crate::compare::results(&self.scenario, &self.runs, book).map_err(|error| Failure::of_bill(&error))
    }

    fn snapshot(&self) -> Result<Snapshot, Failure> {
        Ok(Snapshot::of(&self.results(&self.book)?))
    }
}

fn load(options: &LoadOptions, quiet: bool) -> Result<Scenario, Failure> {
    let loaded = spec::load(options).map_err(|found| Failure::of_diagnostics(&found))?;
    if !quiet && !loaded.warnings.is_empty() {
        note(&diag::render_all(&loaded.warnings, super::colour_on_stderr()));
    }
    Ok(loaded.scenario)
}

fn load_gate(args: &Args, data_dir: Option<&Path>) -> Result<Gate, Failure> {
    let default = Path::new(spec::GATE_FILE);
    let file = args.gate.as_deref().or_else(|| default.is_file().then_some(default));
    if let Some(path) = file {
        let (gate, warnings) = spec::load_gate(path).map_err(|found| Failure::of_diagnostics(&found))?;
        if !args.quiet && !warnings.is_empty() {
            note(&diag::render_all(&warnings, super::colour_on_stderr()));
        }
        return Ok(gate);
    }
    let found = spec::scenario_gate(&args.inputs, data_dir).map_err(|found| Failure::of_diagnostics(&found))?;
    Ok(found.unwrap_or_else(spec::default_gate))
}

fn explain(gate: &Gate, name: &str) -> Result<Verdict, Failure> {
    match gate.rules.iter().find(|rule| rule.name == name) {
        Some(rule) => to_stdout(&report::gate::explain(rule)).map(|()| Verdict::Passed),
        None => {
            let names = gate.rules.iter().map(|rule| rule.name.as_str());
            let help = diag::nearest(name, names).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            Err(Failure::Input(format!("there is no rule `{name}`{help} (`costsim check --list` lists them)")))
        }
    }
}

/// The day by which exceptions are judged.
fn date(args: &Args, gate: &Gate) -> Result<Option<Date>, Failure> {
    if let Some(text) = &args.date {
        let date = text.parse::<Date>();
        return date.map(Some).map_err(|_| Failure::Input(format!("--date: `{text}` is not a date; write 2026-03-02")));
    }
    if gate.accepted.is_empty() {
        return Ok(None);
    }
    git::commit_date().map(Some)
}

fn denied(args: &Args) -> Vec<Cause> {
    let cause = |outside: &Outside| match outside {
        Outside::Prices => Cause::Prices,
        Outside::Tool => Cause::Tool,
    };
    args.deny_movement.iter().map(cause).collect()
}

/// Looks until everything is decided. `at` gives both snapshots and the movements at a look.
fn looking(
    gate: &Gate,
    date: Option<Date>,
    args: &Args,
    old_name: Option<&str>,
    looks: &[Look],
    mut at: impl FnMut(&Look) -> Result<(Option<Snapshot>, Snapshot, Vec<Movement>), Failure>,
) -> Result<(Outcome, Snapshot), Failure> {
    let denied = denied(args);
    let mut before: Option<(Outcome, Snapshot)> = None;
    for look in looks {
        let (old, new, movements) = at(look)?;
        let case = Case {
            gate,
            old: old.as_ref(),
            old_name,
            new: &new,
            movements: &movements,
            date,
            denied: &denied,
            look: *look,
        };
        let outcome = judge(&case, before.as_ref().map(|before| &before.0));
        let done = look.is_last || !outcome.is_undecided();
        before = Some((outcome, new));
        if done {
            break;
        }
    }
    before.ok_or_else(|| Failure::CannotRun("no look was taken".to_owned()))
}

fn alone(
    gate: &Gate,
    date: Option<Date>,
    args: &Args,
    bench: &Bench<'_>,
    mut side: Side,
) -> Result<(Outcome, Snapshot), Failure> {
    // A baseline is written with as many replications as the scenario has: later checks cannot look farther than that.
    let least = if args.write_baseline.is_some() { args.replications.unwrap_or(side.scenario.replications) } else { 1 };
    let looks = plan(args.replications.unwrap_or(40).max(least));
    looking(gate, date, args, None, &looks, |look| {
        side.extend(look.replications.max(least), bench)?;
        Ok((None, side.snapshot()?, Vec::new()))
    })
}

#[allow(clippy::too_many_arguments, reason = "each is one thing that the command found out")]
fn against_file(
    gate: &Gate,
    date: Option<Date>,
    args: &Args,
    bench: &Bench<'_>,
    mut side: Side,
    old: &Snapshot,
    shown: &str,
    most: u32,
) -> Result<(Outcome, Snapshot), Failure> {
    looking(gate, date, args, Some(shown), &plan(most), |look| {
        side.extend(look.replications, bench)?;
        let new = side.snapshot()?;
        let movements = movement::since(old, &new);
        Ok((Some(old.clone()), new, movements))
    })
}

fn against_revision(
    gate: &Gate,
    date: Option<Date>,
    args: &Args,
    bench: &Bench<'_>,
    mut side: Side,
    old: Option<Side>,
    shown: &str,
) -> Result<(Outcome, Snapshot), Failure> {
    let looks = plan(args.replications.unwrap_or(40));
    let Some(mut old) = old else {
        note(&format!("{shown} has no such scenario: everything is new"));
        return alone(gate, date, args, bench, side);
    };
    let mut between = git::Between::new(&side, &old);
    looking(gate, date, args, Some(shown), &looks, |look| {
        side.extend(look.replications, bench)?;
        old.extend(look.replications, bench)?;
        let movements = between.movements(&side, &old, look.replications, bench)?;
        Ok((Some(old.snapshot()?), side.snapshot()?, movements))
    })
}
