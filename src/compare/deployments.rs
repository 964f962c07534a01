//! What a deployment does to those who ask meanwhile, and to the bill: one finding for each deployment and architecture that it concerns.

use super::events;
use crate::money::Usd;
use crate::run::ArchitectureRuns;
use crate::spec::deployment::{Deployment, DeploymentKind};
use crate::spec::model::Architecture;
use crate::spec::scenario::{Frequency, Scenario};

/// One finding for each deployment of a component of the architecture. `added`: what the happenings of a frequency add to the month's bill
/// (`once`: apart from it).
pub fn of_deployments(
    scenario: &Scenario,
    architecture: &Architecture,
    runs: &ArchitectureRuns,
    added: &[(Frequency, Usd)],
) -> Vec<String> {
    let concerns = |one: &Deployment| architecture.components.iter().any(|known| known.name == one.component);
    let each = scenario.deployments.iter().enumerate().filter(|(_, one)| concerns(one));
    each.map(|(index, one)| {
        let noticed = events::noticed(&runs.full, one.at, one.at + one.lasts);
        let name = format!("deployment {} (`{}` by {} at {})", index + 1, one.component, one.name, one.at);
        format!("{name}: {noticed}{}", difference(scenario, one, runs, added))
    })
    .collect()
}

/// What the runs without it do not have.
fn difference(scenario: &Scenario, one: &Deployment, runs: &ArchitectureRuns, added: &[(Frequency, Usd)]) -> String {
    let Some((_, without)) = runs.without.iter().find(|(per, _)| *per == one.per) else { return String::new() };
    let mut starts = 0.0;
    for (full, without) in runs.full.iter().zip(without) {
        let full: u64 = full.components.iter().filter_map(|component| component.cold_starts).sum();
        starts += full as f64 - without.cold_starts as f64;
    }
    starts /= runs.full.len().max(1) as f64;
    let deployments = scenario.deployments.iter().filter(|other| other.per == one.per).count();
    let others = scenario.traffic.bursts.iter().any(|burst| burst.per == one.per)
        || scenario.events.iter().any(|event| event.per == one.per);
    let who = match (deployments, others) {
        (1, false) => "each time".to_owned(),
        (_, false) => format!("by the {deployments} deployments of this frequency together"),
        (_, true) => "by all bursts, events and deployments of this frequency together".to_owned(),
    };
    let mut text = match one.kind {
        DeploymentKind::Lambda(_) => format!("; {starts:.1} further cold starts {who}"),
        DeploymentKind::InstanceRefresh(_) | DeploymentKind::RollingUpdate(_) | DeploymentKind::BlueGreen(_) => {
            format!("; {who}")
        }
    };
    if let Some((_, amount)) = added.iter().find(|(per, _)| *per == one.per) {
        let span = match one.per {
            Frequency::Once => "apart from the monthly bill",
            Frequency::Month | Frequency::Week => "a month",
        };
        text += &format!(", {} {span}", dollars(*amount));
    }
    text
}

/// In cents, or finer where it is little.
fn dollars(amount: Usd) -> String {
    if amount.to_f64().abs() >= 1.0 {
        return amount.cents();
    }
    let text = amount.rounded(6).to_string();
    text.strip_prefix('-').map_or_else(|| format!("${text}"), |text| format!("-${text}"))
}
