//! What a deployment does to those who ask meanwhile, and to the bill: one finding for each deployment and architecture that it concerns.

use super::events;
use crate::finding::{Code, Finding};
use crate::money::Usd;
use crate::run::ArchitectureRuns;
use crate::spec::deployment::{Deployment, DeploymentKind};
use crate::spec::model::Architecture;
use crate::spec::scenario::{Frequency, Scenario};

/// One finding for each deployment of a component of the architecture, unless nobody noticed it and nothing was paid for it. `added`: what the
/// happenings of a frequency add to the month's bill (`once`: apart from it).
pub fn of_deployments(
    scenario: &Scenario,
    architecture: &Architecture,
    runs: &ArchitectureRuns,
    added: &[(Frequency, Usd)],
) -> Vec<Finding> {
    let concerns = |one: &Deployment| architecture.components.iter().any(|known| known.name == one.component);
    let each = scenario.deployments.iter().enumerate().filter(|(_, one)| concerns(one));
    each.filter_map(|(index, one)| {
        let (noticed, not_served) = events::noticed(&runs.full, one.at, one.at + one.lasts);
        let difference = Difference::of(one, runs, added);
        let unseen = not_served[0].is_none_or(|share| share <= 0.0);
        if unseen && difference.as_ref().is_some_and(Difference::is_none) {
            return None;
        }
        let of_runs = difference.map_or_else(String::new, |difference| difference.in_words(scenario, one, &concerns));
        let name = format!("deployment {} (`{}` by {} at {})", index + 1, one.component, one.name, one.at);
        Some(events::happened(Code::Deployment, format!("{name}: {noticed}{of_runs}"), not_served).of(&one.component))
    })
    .collect()
}

/// What the runs without the deployments of a frequency do not have.
struct Difference {
    /// Cold starts, mean over the replications.
    starts: f64,
    /// USD; `None` where it is not known.
    amount: Option<Usd>,
}

impl Difference {
    fn of(one: &Deployment, runs: &ArchitectureRuns, added: &[(Frequency, Usd)]) -> Option<Self> {
        let (_, without) = runs.without.iter().find(|(per, _)| *per == one.per)?;
        let mut starts = 0.0;
        for (full, without) in runs.full.iter().zip(without) {
            let full: u64 = full.components.iter().filter_map(|component| component.cold_starts).sum();
            starts += full as f64 - without.cold_starts as f64;
        }
        let amount = added.iter().find(|(per, _)| *per == one.per).map(|(_, amount)| *amount);
        Some(Self { starts: starts / runs.full.len().max(1) as f64, amount })
    }

    fn is_none(&self) -> bool {
        self.starts.abs() <= 0.0 && self.amount == Some(Usd::ZERO)
    }

    /// `concerns`: whether a deployment is one of this architecture.
    fn in_words(&self, scenario: &Scenario, one: &Deployment, concerns: &dyn Fn(&Deployment) -> bool) -> String {
        let deployments = scenario.deployments.iter().filter(|other| other.per == one.per && concerns(other)).count();
        let others = scenario.traffic.bursts.iter().any(|burst| burst.per == one.per)
            || scenario.events.iter().any(|event| event.per == one.per);
        let who = match (deployments, others) {
            (1, false) => "each time".to_owned(),
            (_, false) => format!("by the {deployments} deployments of this frequency together"),
            (_, true) => "by all bursts, events and deployments of this frequency together".to_owned(),
        };
        let mut text = match one.kind {
            DeploymentKind::Lambda(_) => format!("; {:.1} further cold starts {who}", self.starts),
            DeploymentKind::InstanceRefresh(_) | DeploymentKind::RollingUpdate(_) | DeploymentKind::BlueGreen(_) => {
                format!("; {who}")
            }
        };
        if let Some(amount) = self.amount {
            let span = match one.per {
                Frequency::Once => "apart from the monthly bill",
                Frequency::Month | Frequency::Week => "a month",
            };
            text += &format!(", {} {span}", dollars(amount));
        }
        text
    }
}

/// In cents, or finer where it is little.
fn dollars(amount: Usd) -> String {
    if amount.to_f64().abs() >= 1.0 {
        return amount.cents();
    }
    let text = amount.rounded(6).to_string();
    text.strip_prefix('-').map_or_else(|| format!("${text}"), |text| format!("-${text}"))
}
