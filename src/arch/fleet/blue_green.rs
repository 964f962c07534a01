//! A blue/green deployment of an ECS service by CodeDeploy: a whole second set of tasks is launched, the requests are shifted to it, and the
//! original set is kept for a while before it drains. Both are paid as long as they run.
//!
//! - **Install**: as many tasks as the service should have start beside the original ones (from the quota of launches), which serve all requests. When all of them
//!   serve, the shift begins.
//! - **Shift**: each request goes to the replacement set with the share of its instant ([`deployment::TrafficShift::share`]), within a set as the balancer chooses. A
//!   client's next attempt draws anew. A set without anybody in service answers 503: a balancer's weights know no health.
//! - **Wait**: after the last step the original set goes on without requests for the termination wait; then it drains, and is paid until that is over.
//! - The service goes on scaling: its metrics are means over the tasks of both sets, and a new size holds for each set. What fails is replaced in
//!   its own set: a launch goes to the set that has fewer tasks.
//!
//! Sources: CodeDeploy user guide, "deployments on an Amazon ECS compute platform" and deployment configurations; ECS developer guide, "blue/green
//! deployment with CodeDeploy". That each request draws by itself is our reading of a weighted target group without stickiness.
//!
//! A fleet that is not deployed so knows nothing of this: the paths to one that is end at a [`crate::arch::way_back::Place`] of their own.

use super::balance;
use super::rollout::{LOOK, belongs};
use super::{FleetState, Instance, Phase, Step};
use crate::arch::call::{Call, Ending};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::spec::deployment;
use crate::spec::model::Balancing;
use crate::units::{SimDuration, SimTime};

#[derive(Debug, Clone, Copy)]
enum Stage {
    Install,
    Shift { from: SimTime },
    Wait,
}

/// A deployment that goes on.
pub struct BlueGreen {
    rule: deployment::BlueGreen,
    stage: Stage,
    key: Key,
    /// Places of the original and of the replacement set among those in service, as of so many changes of these.
    places: [Vec<usize>; 2],
    as_of: u64,
    /// Whose turn it was last in each set.
    turns: [usize; 2],
}

impl BlueGreen {
    /// The set that a call goes to: 1 is the replacement.
    fn set_of(&self, now: SimTime, call: &Call) -> usize {
        let share = match self.stage {
            Stage::Install => 0.0,
            Stage::Shift { from } => self.rule.shift.share(now.since(from)),
            Stage::Wait => 1.0,
        };
        let shifted = share >= 1.0 || unit(self.key.draw(call.id, u32::from(call.attempt))) < share;
        usize::from(shifted)
    }
}

impl FleetState {
    /// Sends a request to an instance of the set that it goes to. `None`: the answer comes later, through `done`.
    pub fn dispatch_by_set(
        &mut self,
        now: SimTime,
        call: Call,
        algorithm: Balancing,
        queue: &mut EventQueue<Event>,
        done: impl FnMut(&Call, Ending),
    ) -> Option<Ending> {
        if self.blue_green.is_none() {
            return self.dispatch(now, call, algorithm, queue, done);
        }
        self.period_requests += 1;
        let Some(place) = self.place_for(now, &call, algorithm) else {
            self.books.refused();
            return Some(Ending { at: now, ..self.full });
        };
        self.give(now, call, place, queue, done)
    }

    /// The place of the instance that a call goes to, if anybody of its set is in service.
    fn place_for(&mut self, now: SimTime, call: &Call, algorithm: Balancing) -> Option<usize> {
        let mut deployment = self.blue_green.take()?;
        if deployment.as_of != self.in_service.changes() {
            deployment.as_of = self.in_service.changes();
            let of = |place: usize| self.instances[self.in_service[place] as usize].replacement;
            for (set, replacement) in [(0, false), (1, true)] {
                deployment.places[set] = (0..self.in_service.len()).filter(|&place| of(place) == replacement).collect();
            }
        }
        let set = deployment.set_of(now, call);
        let chosen = self.chosen_of(now, call, algorithm, &deployment.places[set], &mut deployment.turns[set]);
        self.blue_green = Some(deployment);
        chosen
    }

    /// One of these places, as the balancer chooses.
    fn chosen_of(
        &self,
        now: SimTime,
        call: &Call,
        algorithm: Balancing,
        places: &[usize],
        turn: &mut usize,
    ) -> Option<usize> {
        let instance = |place: usize| &self.instances[self.in_service[place] as usize];
        let bits = || self.keys.balance.draw(call.id, u32::from(call.attempt));
        let count = places.len();
        match algorithm {
            _ if count == 0 => None,
            Balancing::RoundRobin if self.slow_start > SimDuration::ZERO => {
                let length = self.slow_start.0 as f64;
                let weight = |nth: usize| 1.0 - instance(places[nth]).slow_until.since(now).0 as f64 / length;
                let uniform =
                    |step: u32| unit(self.keys.slow.draw(call.id, u32::from(call.attempt) << 16 | step & 0xffff));
                *turn = balance::next_by_weight(*turn, count, weight, uniform);
                Some(places[*turn])
            }
            Balancing::RoundRobin => {
                *turn = if *turn + 1 < count { *turn + 1 } else { 0 };
                Some(places[*turn])
            }
            Balancing::Zonal => {
                let zones = places.iter().map(|&place| instance(place).zone);
                Some(places[balance::within_a_zone(bits(), zones)])
            }
            Balancing::Random => Some(places[((u128::from(bits()) * count as u128) >> 64) as usize]),
            Balancing::LeastOutstanding => places.iter().copied().min_by_key(|&place| self.in_service.held(place)),
        }
    }

    /// A deployment begins.
    pub(super) fn shift_begins(
        &mut self,
        now: SimTime,
        index: u32,
        rule: deployment::BlueGreen,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        self.blue_green = Some(Box::new(BlueGreen {
            rule,
            stage: Stage::Install,
            key: self.keys.deployment.numbered(u64::from(index)),
            places: [Vec::new(), Vec::new()],
            as_of: u64::MAX,
            turns: [0; 2],
        }));
        self.shift_goes_on(now, shared, queue);
    }

    /// The next stage of a deployment is due, or the replacement set is looked at.
    pub(super) fn shift_goes_on(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let Some(deployment) = &self.blue_green else { return };
        let (stage, rule) = (deployment.stage, deployment.rule);
        let (next, at) = match stage {
            Stage::Install => {
                let serves = |one: &&Instance| one.phase == Phase::InService && one.replacement;
                if (self.instances.iter().filter(serves).count() as u32) < self.size.desired {
                    self.launch_missing(now, shared, queue);
                    (stage, now + LOOK)
                } else {
                    (Stage::Shift { from: now }, now + rule.shift.lasts())
                }
            }
            Stage::Shift { .. } => (Stage::Wait, now + rule.termination_wait),
            Stage::Wait => return self.shift_is_over(now, shared, queue),
        };
        if let Some(deployment) = &mut self.blue_green {
            deployment.stage = next;
        }
        self.plan(at, Step::ShiftGoesOn, 0, queue);
    }

    /// The original set is given up; the replacements are the service from now on.
    fn shift_is_over(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        self.blue_green = None;
        for slot in 0..self.instances.len() as u32 {
            let instance = &mut self.instances[slot as usize];
            if !std::mem::take(&mut instance.replacement) && belongs(instance) {
                self.retire(now, slot, shared, queue);
            }
        }
        // A failure may have left one set a task more than it should have.
        let size = self.size.desired;
        let here = self.instances.iter().filter(|one| belongs(one)).count() as u32;
        self.size.desired = here + self.waiting_launches();
        self.resize(now, size, shared, queue);
    }

    /// A task that is not wanted any more drains, or does not start at all.
    fn retire(&mut self, now: SimTime, slot: u32, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        if let Some(place) = self.in_service.place_of(slot).filter(|_| !self.fails_open) {
            return self.drain_at(now, place, queue);
        }
        let starts = self.instances[slot as usize].phase == Phase::Starting;
        if !self.take_away(slot) {
            return;
        }
        if starts {
            self.remove(now, slot, shared);
        } else {
            self.instances[slot as usize].phase = Phase::Draining;
            self.draining += 1;
            self.plan(now + self.drain, Step::Terminated, slot, queue);
        }
    }

    /// Whether what is launched next belongs to the replacement set: to the set that has fewer, and to the original one if both are complete.
    #[inline]
    pub(super) fn next_is_replacement(&self) -> bool {
        self.blue_green.is_some() && {
            let [original, replacement] = self.set_sizes();
            replacement < original
        }
    }

    /// Tasks of the original and of the replacement set that start or serve.
    fn set_sizes(&self) -> [u32; 2] {
        let mut sizes = [0; 2];
        for one in self.instances.iter().filter(|one| belongs(one)) {
            sizes[usize::from(one.replacement)] += 1;
        }
        sizes
    }

    /// Launches what the sets lack, if it is not on its way.
    fn launch_missing(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let missing: u32 = self.set_sizes().iter().map(|&size| self.size.desired.saturating_sub(size)).sum();
        for _ in self.waiting_launches()..missing {
            self.launch(now, shared, queue);
        }
    }

    /// Both sets get this size.
    #[cold]
    pub(super) fn resize_sets(
        &mut self,
        now: SimTime,
        size: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        self.size.desired = size;
        self.launch_missing(now, shared, queue);
        for replacement in [false, true] {
            let mut here: Vec<(bool, u64, u32)> = (0..self.instances.len() as u32)
                .map(|slot| (slot, &self.instances[slot as usize]))
                .filter(|(_, one)| belongs(one) && one.replacement == replacement)
                .map(|(slot, one)| (one.phase != Phase::Starting, one.launched, slot))
                .collect();
            // First those that start, then the oldest.
            here.sort_unstable();
            let surplus = here.len().saturating_sub(size as usize);
            for (_, _, slot) in here.into_iter().take(surplus) {
                self.retire(now, slot, shared, queue);
            }
        }
        let missing: u32 = self.set_sizes().iter().map(|&here| size.saturating_sub(here)).sum();
        while self.waiting_launches() > missing && (self.forget_refused() || self.forget_launch()) {}
    }
}
