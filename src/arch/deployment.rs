//! Deployments of functions: CodeDeploy shifts an alias from the old version to the new one.
//!
//! - Environments belong to a version. The share of the requests that goes to the new version finds none and starts cold; the old
//!   version's stay idle until they expire.
//! - Each request is shifted by itself, with the share of its instant ([`TrafficShift::share`]). A client's next attempt draws anew.
//! - The provisioned concurrency of the new version is asked for when the deployment begins; the first step is taken when all of it is ready.
//!   The old version's is given up at the last step. Until then both are paid.
//! - Concurrency, request rate and scaling rate are the function's, whatever the version.
//!
//! Sources: AWS.md 2.10 (CodeDeploy user guide, deployment configurations). That a pipeline waits for the provisioned concurrency is our
//! reading.
//!
//! A function that is not deployed knows nothing of this: a path that ends at one that is has a [`Place`] of its own.

use super::call::{Call, Ending};
use super::lambda::{AccountState, LambdaState, Provision};
use super::way_back::{Path, Place};
use super::world::{Due, Event, Shared, Site, World};
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::spec::deployment::{DeploymentKind, TrafficShift};
use crate::spec::model::Function;
use crate::units::SimTime;

/// A new version that takes over.
#[derive(Debug, Clone, Copy)]
struct Rollout {
    /// The first step.
    from: SimTime,
    shift: TrafficShift,
    /// Position of the new version among the functions.
    to: u16,
}

/// The versions of one function.
#[derive(Debug)]
pub(super) struct Versions {
    /// Position of the first version among the functions.
    first: u16,
    /// The first one's concurrency: that of all versions together.
    cap: u64,
    rollouts: Vec<Rollout>,
    /// Rollouts whose first step has been taken.
    begun: usize,
    /// The version before the rollout under way.
    old: u16,
    /// Versions that have environments or may get some.
    alive: Vec<u16>,
    /// The version whose turn it was last.
    turn: u16,
    key: Key,
}

impl Versions {
    /// The version that a call goes to.
    fn route(&mut self, now: SimTime, call: &Call) -> u16 {
        while let Some(next) = self.rollouts.get(self.begun).filter(|next| now >= next.from) {
            self.old = self.begun.checked_sub(1).map_or(self.first, |last| self.rollouts[last].to);
            self.alive.push(next.to);
            self.begun += 1;
        }
        let Some(rollout) = self.begun.checked_sub(1).map(|last| self.rollouts[last]) else { return self.first };
        let share = rollout.shift.share(now.since(rollout.from));
        let shifted = share >= 1.0 || unit(self.key.draw(call.id, u32::from(call.attempt))) < share;
        if shifted { rollout.to } else { self.old }
    }
}

/// The versions of a function that is deployed within the horizon, if it is; those after the first are appended to `functions`.
pub(super) fn versions(
    site: Site<'_>,
    function: &Function,
    shared: &Shared<'_>,
    functions: &mut Vec<LambdaState>,
    account: &mut AccountState,
    queue: &mut EventQueue<Event>,
) -> Option<Versions> {
    let scenario = shared.scenario;
    let mut rollouts = Vec::new();
    let mut old = site.index;
    for deployment in &scenario.deployments {
        if shared.without == Some(deployment.per) || deployment.component != site.name {
            continue;
        }
        let DeploymentKind::Lambda(shift) = deployment.kind else { continue };
        let to = functions.len() as u16;
        functions.push(LambdaState::version(Site { index: to, ..site }, function, shared, account, queue));
        let at = SimTime::ZERO + scenario.warmup + deployment.at;
        let mut from = at;
        if let Some(rule) = function.provisioned.as_ref().filter(|rule| rule.level > 0) {
            from = at + rule.ready_after(rule.level);
            let level = u32::try_from(rule.level).unwrap_or(u32::MAX);
            queue.push(at, Event::new(Due::Provision(Provision::Level), to, level));
            queue.push(from + shift.lasts(), Event::new(Due::Provision(Provision::Level), old, 0));
        }
        rollouts.push(Rollout { from, shift, to });
        old = to;
    }
    let first = site.index;
    let cap = functions[usize::from(first)].cap();
    (!rollouts.is_empty()).then(|| Versions {
        first,
        cap,
        rollouts,
        begun: 0,
        old: first,
        alive: vec![first],
        turn: first,
        key: site.key.named("deployment"),
    })
}

/// Lets the paths that end at functions that are deployed, or billed as in other years, end apart from the others.
pub(super) fn redirect(paths: &mut [Path], functions: &[LambdaState], deployed: &[Versions]) {
    for path in paths {
        if let Place::Function(function) = path.last
            && (functions[usize::from(function)].is_billed_as_then()
                || deployed.iter().any(|versions| versions.first == function))
        {
            path.last = Place::Apart(function);
        }
    }
}

impl World<'_> {
    /// Invokes the version that a call goes to; `function` is the first one's position.
    pub(super) fn invoke_version(
        &mut self,
        now: SimTime,
        function: u16,
        call: &mut Call,
        queue: &mut EventQueue<Event>,
    ) -> Ending {
        let version = self.version_for(now, function, call);
        let state = &mut self.functions[usize::from(version)];
        let ending = state.invoke_then(now, call, &mut self.shared, &mut self.account, queue);
        self.entered(now, function);
        ending
    }

    /// The version of a function that a call goes to, ready to take it; the function itself where it is not deployed.
    pub(super) fn version_for(&mut self, now: SimTime, function: u16, call: &Call) -> u16 {
        let Some(versions) = self.deployed.iter_mut().find(|versions| versions.first == function) else {
            return function;
        };
        let to = versions.route(now, call);
        let others = versions.alive.iter().filter(|&&version| version != to);
        let occupied = others.map(|&version| self.functions[usize::from(version)].occupied()).sum();
        self.functions[usize::from(to)].leave_room(versions.cap, occupied);
        let last = std::mem::replace(&mut versions.turn, to);
        if let Ok([state, last]) = self.functions.get_disjoint_mut([usize::from(to), usize::from(last)]) {
            state.take_turn(last);
        }
        if let Ok([state, first]) = self.functions.get_disjoint_mut([usize::from(to), usize::from(function)]) {
            state.expect_as(first);
        }
        to
    }

    /// A call has been handed to a version: what all have together is known again.
    pub(super) fn entered(&mut self, now: SimTime, function: u16) {
        let Some(versions) = self.deployed.iter_mut().find(|versions| versions.first == function) else { return };
        let newest = versions.alive.last().copied();
        let (mut total, mut busy) = (0, 0);
        let (old, functions, shared) = (versions.old, &mut self.functions, &mut self.shared);
        versions.alive.retain(|&version| {
            let levels = functions[usize::from(version)].levels(now, shared);
            (total, busy) = (total + levels.0, busy + levels.1);
            levels.0 > 0 || version == old || Some(version) == newest
        });
        self.functions[usize::from(function)].note_peaks((total, busy));
    }

    /// The first version of each function takes over what the others have counted.
    pub(super) fn gather_versions(&mut self, now: SimTime) {
        for versions in &self.deployed {
            for rollout in &versions.rollouts {
                let pair = [usize::from(versions.first), usize::from(rollout.to)];
                if let Ok([first, version]) = self.functions.get_disjoint_mut(pair) {
                    first.absorb(version, now);
                }
            }
        }
    }
}
