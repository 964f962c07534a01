//! Deployments of a group: when they begin, and where its requests go meanwhile.
//!
//! An instance refresh is [`super::refresh`]'s, a rolling update of ECS [`super::rolling`]'s, CodeDeploy's blue/green deployment
//! [`super::blue_green`]'s. All are looked at each second; how often AWS looks is not published.

use super::{FleetState, Instance, Phase, Step};
use crate::arch::way_back::{Path, Place};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::spec::deployment::{Deployment, DeploymentKind};
use crate::spec::model::{Architecture, ComponentKind};
use crate::spec::scenario::Frequency;
use crate::units::{SimDuration, SimTime};

/// How often a deployment is looked at.
pub(super) const LOOK: SimDuration = SimDuration::from_secs(1);

/// Lets the paths that end at a fleet whose requests are shifted end apart from the others.
pub fn redirect(
    paths: &mut [Path],
    deployments: &[Deployment],
    without: Option<Frequency>,
    architecture: &Architecture,
) {
    let shifted = |name: &str| {
        let concerns = |one: &&Deployment| one.component == name && without != Some(one.per);
        deployments.iter().filter(concerns).any(|one| matches!(one.kind, DeploymentKind::BlueGreen(_)))
    };
    let fleets = architecture.components.iter().filter(|one| matches!(one.kind, ComponentKind::Fleet(_)));
    let shifted: Vec<bool> = fleets.map(|one| shifted(&one.name)).collect();
    for path in paths {
        if let Place::Fleet(fleet) = path.last
            && shifted[usize::from(fleet)]
        {
            path.last = Place::Shifted(fleet);
        }
    }
}

/// Whether an instance is one of those that the group should have.
pub(super) fn belongs(instance: &Instance) -> bool {
    matches!(instance.phase, Phase::Starting | Phase::InService | Phase::Unhealthy)
}

impl FleetState {
    /// Puts the deployments of this fleet on the agenda.
    pub(super) fn plan_deployments(&mut self, name: &str, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        for (index, one) in shared.scenario.deployments.iter().enumerate() {
            if one.component == name && shared.without != Some(one.per) {
                let at = SimTime::ZERO + shared.scenario.warmup + one.at;
                self.plan(at, Step::Deploys(index as u32), 0, queue);
            }
        }
    }

    /// A deployment begins, when the one before it is over.
    pub(super) fn deployment_begins(
        &mut self,
        now: SimTime,
        index: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        if self.rolling.is_some() || self.blue_green.is_some() {
            return self.plan(now + LOOK, Step::Deploys(index), 0, queue);
        }
        match shared.scenario.deployments[index as usize].kind {
            DeploymentKind::Lambda(_) => {}
            DeploymentKind::InstanceRefresh(rule) => self.refresh_begins(now, rule, shared, queue),
            DeploymentKind::RollingUpdate(rule) => self.rolling_begins(now, rule, shared, queue),
            DeploymentKind::BlueGreen(rule) => self.shift_begins(now, index, rule, shared, queue),
        }
    }

    /// Launches that the group has ordered and that wait for a zone, for Spot capacity or for vCPUs.
    pub(super) fn waiting_launches(&self) -> u32 {
        self.failures.put_off() + self.refused.waiting()
    }
}
