//! One side of the comparison: a scenario with its price book, and the replications that have been simulated.

use super::old_files::OldFiles;
use crate::bill::PriceBook;
use crate::cli::{Failure, progress};
use crate::gate::Snapshot;
use crate::gate::looks::ALPHA;
use crate::gate::snapshot::Windows;
use crate::precision::{Plan, fluid_is_off, of_fluid};
use crate::results::Results;
use crate::run::{self, ArchitectureRuns, Job, Progress, RunOptions, Sampled};
use crate::spec::model::Architecture;
use crate::spec::scenario::{Scenario, Shape};
use std::path::PathBuf;

/// What is needed for simulating.
pub struct Bench<'a> {
    /// 0 = one for each core.
    pub threads: usize,
    /// No progress bar.
    pub quiet: bool,
    /// How far it is.
    pub progress: &'a Progress,
}

/// One side of the comparison.
pub struct Side {
    /// What is simulated.
    pub scenario: Scenario,
    /// Its prices.
    pub book: PriceBook,
    /// Where its files are, when not in the current directory.
    pub directory: Option<OldFiles>,
    runs: Vec<ArchitectureRuns>,
    /// Windows that stand for its horizon.
    plan: Option<Plan>,
}

impl Side {
    /// Nothing simulated yet.
    pub fn new(scenario: Scenario, book: PriceBook) -> Self {
        Self { scenario, book, runs: Vec::new(), directory: None, plan: None }
    }

    /// Lets windows stand for the horizon from now on: those that the other side takes, too, if it has these architectures.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when the traffic cannot be read.
    pub fn sample(&mut self, others: &[Architecture]) -> Result<(), Failure> {
        let within = self.directory.as_ref().map(OldFiles::enter).transpose()?;
        let plan = Plan::beside(&self.scenario, others).map_err(|error| Failure::CannotRun(error.to_string()));
        drop(within);
        self.plan = Some(plan?);
        Ok(())
    }

    /// Whether windows stand for its horizon, as far as it can be cut.
    pub fn is_sampled(&self) -> bool {
        self.plan.is_some()
    }

    /// Whether any part of the horizon is left out.
    pub fn has_windows(&self) -> bool {
        self.windows().is_some()
    }

    fn windows(&self) -> Option<&Sampled> {
        self.plan.as_ref().and_then(Plan::sampled)
    }

    /// Simulates up to `replications`; those that are there stay as they are. An architecture that is in `like` with the same inputs to the last
    /// digit gives the same results (the same program, the same streams), so they are taken from there; `like` has as many replications.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when a simulation cannot go on.
    pub fn extend(&mut self, replications: u32, like: Option<&Self>, bench: &Bench<'_>) -> Result<(), Failure> {
        let there = self.runs.first().map_or(0, |runs| u32::try_from(runs.full.len()).unwrap_or(u32::MAX));
        if there >= replications {
            return Ok(());
        }
        let twins: Vec<Option<&ArchitectureRuns>> = match like {
            Some(like)
                if stated(&like.scenario) == stated(&self.scenario)
                    && like.windows().map(|own| &own.sampling) == self.windows().map(|own| &own.sampling) =>
            {
                let twin = |architecture| like.scenario.architectures.iter().position(|other| other == architecture);
                self.scenario.architectures.iter().map(|own| like.runs.get(twin(own)?)).collect()
            }
            _ => vec![None; self.scenario.architectures.len()],
        };
        let mut rest = self.scenario.clone();
        rest.replications = replications;
        let mut twin = twins.iter();
        rest.architectures.retain(|_| twin.next().is_none_or(Option::is_none));
        let mut sampled = self.windows().cloned();
        if let Some(sampled) = &mut sampled {
            let mut twin = twins.iter();
            sampled.cut.retain(|_| twin.next().is_none_or(Option::is_none));
        }
        let options =
            RunOptions { threads: bench.threads, first: there, sampled: sampled.as_ref(), ..RunOptions::default() };
        let one = |job: &Job<'_>, progress: &Progress| run::simulate(&rest, job, progress);
        let within = self.directory.as_ref().map(OldFiles::enter).transpose()?;
        let work = || run::run(&rest, &options, bench.progress, one);
        let more = progress::with_bar(bench.quiet, bench.progress, work)
            .map_err(|error| Failure::CannotRun(error.to_string()));
        drop(within);
        let mut more = more?.into_iter();
        let mut runs = std::mem::take(&mut self.runs).into_iter();
        for twin in twins {
            let before = runs.next();
            let extended = match (twin, before) {
                (Some(twin), _) => Some(first(twin, replications as usize)),
                (None, None) => more.next(),
                (None, Some(mut before)) => more.next().map(|more| {
                    before.extend(more);
                    before
                }),
            };
            self.runs.extend(extended);
        }
        self.scenario.replications = replications;
        Ok(())
    }

    /// The results so far, at these prices.
    ///
    /// # Errors
    /// [`Failure`] of the bill.
    pub fn results(&self, book: &PriceBook) -> Result<Results, Failure> {
        crate::compare::results(&self.scenario, &self.runs, book).map_err(|error| Failure::of_bill(&error))
    }

    /// What the gate judges, at its own prices.
    ///
    /// # Errors
    /// [`Failure`] of the bill.
    pub fn snapshot(&self) -> Result<Snapshot, Failure> {
        let windows = self.plan.as_ref().and_then(|plan| {
            let sampling = &plan.sampled()?.sampling;
            let named = self.scenario.architectures.iter().zip(plan.in_full());
            let in_full = named.filter_map(|(one, why)| Some((one.name.clone(), (*why)?.to_owned()))).collect();
            let (seconds, memory_seconds) = (sampling.slot.as_secs_f64(), sampling.memory.as_secs_f64());
            let runs = self.scenario.architectures.iter().zip(&self.runs);
            let fluids = runs
                .filter_map(|(one, runs)| Some(format!("{}: {}", one.name, of_fluid(fluid_is_off(runs, ALPHA)?).text)))
                .collect();
            Some(Windows { seconds, memory_seconds, in_full, fluids })
        });
        Ok(Snapshot { windows, ..Snapshot::of(&self.results(&self.book)?) })
    }
}

fn first(runs: &ArchitectureRuns, replications: usize) -> ArchitectureRuns {
    let mut runs = runs.clone();
    runs.full.truncate(replications);
    runs.without.iter_mut().for_each(|without| without.1.truncate(replications));
    runs
}

/// Everything that a simulation depends on but the architectures, exactly. Replayed files are in it by their digest, not by where they are.
pub fn stated(scenario: &Scenario) -> String {
    let mut rest = scenario.clone();
    rest.architectures.clear();
    rest.files.clear();
    rest.replications = 0;
    rest.name.clear();
    rest.description = None;
    // The files' text, models included; what it says is in the other fields.
    rest.resolved = None;
    rest.made_on_command_line = false;
    if let Shape::ReplayRate(file) | Shape::ReplayRequests(file) = &mut rest.traffic.shape {
        file.path = PathBuf::new();
    }
    format!("{rest:?}")
}
