//! `costsim check`: the gate for continuous integration.
//!
//! Loads the scenario and the gate, finds the baseline, simulates both sides look by look until every rule is decided, and reports.

mod baseline;
mod between;
mod git;
mod kept;
mod old_files;
mod reports;
mod side;

use super::compare::stoppable;
use super::output::{note, to_stdout};
use super::{DataDir, Failure};
use crate::diag;
use crate::gate::looks::{Look, plan};
use crate::gate::{Case, Cause, Movement, Outcome, Snapshot, judge, movement};
use crate::precision::error_of;
use crate::report;
use crate::spec::gate::Gate;
use crate::spec::scenario::Scenario;
use crate::spec::{self, LoadOptions};
use between::Between;
use clap::ValueEnum;
use jiff::civil::Date;
use side::{Bench, Side};
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

    /// Let windows stand for the rest of the horizon, and look until each cost is known to this share of it, e.g. 1%; the
    /// baseline has to be made so, too
    #[arg(long, value_name = "PERCENT", value_parser = super::compare::share, help_heading = "Running")]
    precision: Option<f64>,

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
    let check =
        Check { gate: &gate, date, denied: denied(args), most: args.replications, precision: args.precision, bench };
    let mut side = Side::new(scenario, book);
    if args.precision.is_some() {
        side.sample(&[])?;
    }
    // A baseline is written with as many replications as the scenario has, unless told otherwise: later checks cannot look farther.
    let written = args.replications.unwrap_or(side.scenario.replications);
    let outcome = match (&args.baseline, &args.baseline_rev) {
        (Some(path), _) => {
            let old = baseline::read(path, &side.scenario)?;
            baseline::same_mode(path, &old, side.has_windows())?;
            check.against_file(&mut side, &old, &path.display().to_string())?
        }
        (None, Some(rev)) => {
            let found = git::materialise(rev, &options)?;
            let shown = found.shown.clone();
            let paired = LoadOptions { seed: Some(side.scenario.seed), ..options.clone() };
            match found.load(&paired, &side.scenario, None, args.quiet)? {
                Some(old) => check.against_revision(&mut side, old, &shown)?,
                None => {
                    note(&format!("{shown} has no such scenario: everything is new"));
                    check.alone(&mut side, 1)?
                }
            }
        }
        (None, None) => check.alone(&mut side, if args.write_baseline.is_some() { written } else { 1 })?,
    };
    if let Some(path) = &args.write_baseline {
        side.extend(written, None, &check.bench)?;
        baseline::write(path, &side.snapshot()?, kept::origin(&options, &side.scenario))?;
        if !args.quiet {
            note(&format!("wrote {}", path.display()));
        }
    }
    sinks.write(&outcome)?;
    Ok(if outcome.passed { Verdict::Passed } else { Verdict::Failed })
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

/// What both sides are held to, and how.
struct Check<'a> {
    gate: &'a Gate,
    date: Option<Date>,
    denied: Vec<Cause>,
    /// `--replications`.
    most: Option<u32>,
    /// `--precision`.
    precision: Option<f64>,
    bench: Bench<'a>,
}

/// What a look found: before, now, and why the bills moved.
type Seen = (Option<Snapshot>, Snapshot, Vec<Movement>);

impl Check<'_> {
    /// Looks until everything is decided. `at` tells what a look finds.
    fn looking(
        &self,
        old_name: Option<&str>,
        looks: &[Look],
        most_of_baseline: bool,
        mut at: impl FnMut(&Look) -> Result<Seen, Failure>,
    ) -> Result<Outcome, Failure> {
        let mut before: Option<Outcome> = None;
        for (number, look) in looks.iter().enumerate() {
            let (old, new, movements) = at(look)?;
            let case = Case {
                gate: self.gate,
                old: old.as_ref(),
                old_name,
                new: &new,
                movements: &movements,
                date: self.date,
                denied: &self.denied,
                look: *look,
                most_of_baseline,
                precision: self.precision.map(|share| (share, error_of(number, looks.len()))),
            };
            let outcome = judge(&case, before.as_ref());
            let precise = self.precision.is_none_or(|share| outcome.costs_beyond(share).is_empty());
            let done = look.is_last || (precise && !outcome.is_undecided());
            before = Some(outcome);
            if done {
                break;
            }
        }
        before.ok_or_else(|| Failure::CannotRun("no look was taken".to_owned()))
    }

    /// Without a baseline; with at least so many replications.
    fn alone(&self, side: &mut Side, least: u32) -> Result<Outcome, Failure> {
        let looks = plan(self.most.unwrap_or(40).max(least));
        self.looking(None, &looks, false, |look| {
            side.extend(look.replications.max(least), None, &self.bench)?;
            Ok((None, side.snapshot()?, Vec::new()))
        })
    }

    /// Against a stored baseline.
    fn against_file(&self, side: &mut Side, old: &Snapshot, shown: &str) -> Result<Outcome, Failure> {
        let looks = plan(self.most.unwrap_or(u32::MAX).min(old.replications));
        let most_of_baseline = self.most.is_none_or(|most| most >= old.replications);
        let mut again: Option<kept::Again> = None;
        self.looking(Some(shown), &looks, most_of_baseline, |look| {
            side.extend(look.replications, None, &self.bench)?;
            let (mut old, mut new) = (old.clone(), side.snapshot()?);
            let averaged = look.replications < old.replications;
            if averaged {
                (old, new) = (old.averaged(look.replications), new.averaged(look.replications));
            }
            let moved = movement::since(&old, &new, kept::NOT_KEPT);
            if moved.iter().all(|movement| movement.moved.is_empty()) {
                return Ok((Some(old), new, moved));
            }
            let again = match &mut again {
                Some(again) => again,
                none => none.insert(kept::Again::of(&old, side)?),
            };
            let movements = again.movements(&old, &new, side, averaged, &self.bench)?;
            Ok((Some(old), new, movements))
        })
    }

    /// Against a revision.
    fn against_revision(&self, side: &mut Side, mut old: Side, shown: &str) -> Result<Outcome, Failure> {
        let looks = plan(self.most.unwrap_or(40));
        if side.is_sampled() {
            // Each beside the other's architectures, so that both take the same windows.
            old.sample(&side.scenario.architectures)?;
            side.sample(&old.scenario.architectures)?;
        }
        let mut between = Between::new(side, &old)?;
        self.looking(Some(shown), &looks, false, |look| {
            side.extend(look.replications, None, &self.bench)?;
            old.extend(look.replications, Some(side), &self.bench)?;
            let movements = between.movements(side, &old, look.replications, &self.bench)?;
            Ok((Some(old.snapshot()?), side.snapshot()?, movements))
        })
    }
}
