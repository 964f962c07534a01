//! What the answer would be if instances were slower or faster than stated: in every report, and with `--sensitivity` on the screen.
//!
//! No public, dated speed ratios between instance families and Lambda were found, so that a speed of 1.0 is an assumption. The first replication is
//! simulated again with the speed of every fleet at [`SPEEDS`], paired with the first one at the stated speed. It is above
//! [`crate::run`] and [`crate::compare`] and asks them for one replication, without the totals at other traffic.

use crate::arch::output::RunOutput;
use crate::bill::{BillError, PriceBook};
use crate::compare;
use crate::results::{ArchitectureResult, AtSpeed, Results};
use crate::run::{self, Job, Progress, RunError, RunOptions};
use crate::spec::model::{Architecture, ComponentKind};
use crate::spec::scenario::Scenario;

/// Speeds as multiples of the stated one: the ±30 % that leave room for what separates two generations of instances.
pub const SPEEDS: [f64; 2] = [0.7, 1.3];

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum SensitivityError {
    /// A simulation.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A bill.
    #[error(transparent)]
    Bill(#[from] BillError),
}

/// Adds to the results of a scenario what its fleets would cost and do at other speeds.
///
/// # Errors
/// As [`run::run`] and [`compare::results`].
pub fn add<S>(
    results: &mut Results,
    scenario: &Scenario,
    threads: usize,
    book: &PriceBook,
    progress: &Progress,
    simulate: S,
) -> Result<(), SensitivityError>
where
    S: Fn(&Scenario, &Job, &Progress) -> Result<RunOutput, RunError> + Sync,
{
    // All at once, so that they share the threads.
    let (others, speeds) = at_other_speeds(scenario);
    if speeds.is_empty() {
        return Ok(());
    }
    let options = RunOptions { threads, ..RunOptions::default() };
    let runs = run::run(&others, &options, progress, |job, progress| simulate(&others, job, progress))?;
    for (one, speed) in compare::results(&others, &runs, book)?.architectures.iter().zip(speeds) {
        if let Some(stated) = results.architectures.iter_mut().find(|stated| stated.name == one.name) {
            // The speed as it is stands beside, once.
            if stated.at_speed.is_empty() {
                stated.at_speed.push(first_replication(stated));
            }
            stated.at_speed.push(AtSpeed { speed, ..first_replication(one) });
        }
    }
    for architecture in &mut results.architectures {
        architecture.at_speed.sort_by(|a, b| a.speed.total_cmp(&b.speed));
    }
    Ok(())
}

/// One replication of those architectures that have a fleet, at each of [`SPEEDS`]; and the speed of each.
fn at_other_speeds(scenario: &Scenario) -> (Scenario, Vec<f64>) {
    let mut others = Scenario { replications: 1, environments: Vec::new(), ..scenario.clone() };
    others.billing.growth = None;
    others.architectures.clear();
    let mut speeds = Vec::new();
    let has_fleet =
        |one: &&Architecture| one.components.iter().any(|part| matches!(part.kind, ComponentKind::Fleet(_)));
    for speed in SPEEDS {
        for architecture in scenario.architectures.iter().filter(has_fleet) {
            let mut other = architecture.clone();
            for component in &mut other.components {
                if let ComponentKind::Fleet(fleet) = &mut component.kind {
                    fleet.speed *= speed;
                }
            }
            others.architectures.push(other);
            speeds.push(speed);
        }
    }
    (others, speeds)
}

/// What the first replication says.
fn first_replication(of: &ArchitectureResult) -> AtSpeed {
    let first = |figure: &crate::results::Figure| figure.each.first().copied().unwrap_or(figure.value);
    let requests = &of.requests;
    let ended = first(&requests.arrived) - first(&requests.in_flight);
    AtSpeed {
        speed: 1.0,
        total: of.monthly_cost.each.first().cloned(),
        p99_ms: Some(first(&of.latency_ms.p99)).filter(|p99| p99.is_finite()),
        failures: if ended > 0.0 { 1.0 - first(&requests.served) / ended } else { 0.0 },
    }
}
