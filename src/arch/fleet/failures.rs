//! What goes wrong with instances: zones that fail, instances that fail, Spot capacity that is taken back.
//!
//! - An instance that **fails**, alone or with its zone, falls silent. What it had at work is never answered: the balancer's idle time-out
//!   ends it (504). Requests are sent to it until the health check has noticed and find no connection (504 after 10 s). Noticed is it after
//!   `unhealthy_threshold` failed checks, the first at a random phase of the interval. Then it is terminated and
//!   replaced at once, in a zone that works; the group is one short until the new one serves.
//! - A **zone** that fails takes its instances along, also those that start; nothing is launched there until it is back. Afterwards the
//!   group balances its zones again: it launches first and drains then, beyond its desired size by a tenth of `max` or one.
//! - **Spot**: two minutes before an instance is taken back it is out of service, drains and is replaced. While Spot capacity is
//!   gone, launches of it are put off.
//!
//! Sources: EC2 Auto Scaling user guide ("health checks", "rebalancing", "mixed instances groups"), ELB user guide (target health, 504).

use super::{FleetState, Instance, Phase, Step};
use crate::arch::call::{Call, Ending};
use crate::arch::output::Outcome;
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::sim::random::{Key, unit};
use crate::spec::model::{Fleet, Spot};
use crate::spec::scenario::{Incident, Trouble};
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};

/// A balancer gives up on a connection to a target after this long (ALB user guide, 504).
const CONNECT_TIMEOUT: SimDuration = SimDuration(10 * NANOS_PER_SEC);
/// A health check waits this long for its answer (ALB default).
const CHECK_TIMEOUT: SimDuration = SimDuration(5 * NANOS_PER_SEC);
/// From the notice to the end of a Spot instance (EC2 user guide).
const SPOT_NOTICE: SimDuration = SimDuration(120 * NANOS_PER_SEC);
/// The month that an interruption rate is stated for.
const MONTH_HOURS: f64 = 730.0;

/// What can go wrong, and how things stand.
pub struct Failures {
    unhealthy_threshold: u64,
    mtbf: Option<SimDuration>,
    spot: Option<Spot>,
    /// Spot instances interrupted a nanosecond and instance.
    interruption_rate: f64,
    keys: Keys,
    zones_down: Vec<bool>,
    /// Events in which Spot capacity is gone at present.
    spot_gone: u32,
    /// Launches put off until there is a place for them.
    put_off: u32,
    /// Instances launched beyond the desired size to balance the zones.
    beyond: u32,
}

struct Keys {
    check: Key,
    failure: Key,
    interruption: Key,
    wave: Key,
}

impl Failures {
    /// Everything works.
    pub fn new(fleet: &Fleet, key: Key) -> Self {
        let rate = fleet.spot.as_ref().map_or(0.0, |spot| {
            // A share p interrupted in a month is a rate of -ln(1 - p) a month.
            -libm::log(1.0 - spot.interruptions) / (MONTH_HOURS * SimDuration::from_hours(1).0 as f64)
        });
        Self {
            unhealthy_threshold: u64::from(fleet.unhealthy_threshold),
            mtbf: fleet.mtbf,
            spot: fleet.spot,
            interruption_rate: rate,
            keys: Keys {
                check: key.named("failed check"),
                failure: key.named("failure"),
                interruption: key.named("interruption"),
                wave: key.named("wave"),
            },
            zones_down: vec![false; fleet.zones.max(1) as usize],
            spot_gone: 0,
            put_off: 0,
            beyond: 0,
        }
    }

    /// Phase (0..interval) of an instance's next health check.
    pub fn first_check(&self, launch: u64, interval: u64) -> u64 {
        ((u128::from(self.keys.check.draw(launch, 0)) * u128::from(interval)) >> 64) as u64
    }

    /// Launches that wait for a place.
    pub const fn put_off(&self) -> u32 {
        self.put_off
    }

    /// Whether instances can be launched in a zone.
    pub fn works(&self, zone: u32) -> bool {
        !self.zones_down[zone as usize]
    }

    /// Whether any zone does.
    pub fn any_zone_works(&self) -> bool {
        self.zones_down.contains(&false)
    }

    /// Checks that have to fail after the first one.
    pub const fn further_checks(&self) -> u64 {
        self.unhealthy_threshold.saturating_sub(1)
    }

    /// Whether the next instance is a Spot one, where `on_demand` and `spot` are there: on-demand up to the base, then so that its share of
    /// what is above the base is kept.
    pub fn next_is_spot(&self, on_demand: u32, spot: u32) -> bool {
        let Some(rule) = self.spot else { return false };
        let above = (on_demand + spot + 1).saturating_sub(rule.base);
        let on_demand_above = on_demand.saturating_sub(rule.base);
        on_demand >= rule.base && f64::from(on_demand_above) >= rule.on_demand_share * f64::from(above)
    }
}

impl FleetState {
    /// Puts what the scenario says will happen on the agenda.
    pub(super) fn plan_incidents(&mut self, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        let scenario = shared.scenario;
        for (index, incident) in scenario.events.iter().enumerate() {
            if shared.without == Some(incident.per) {
                continue;
            }
            let at = SimTime::ZERO + scenario.warmup + incident.at;
            self.plan(at, Step::Begins(index as u32), 0, queue);
            self.plan(at + incident.lasts, Step::IsOver(index as u32), 0, queue);
        }
    }

    /// An event of the scenario begins.
    pub(super) fn begins(
        &mut self,
        now: SimTime,
        index: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        let Incident { what, .. } = shared.scenario.events[index as usize];
        match what {
            Trouble::ZoneFails(zone) if zone < self.zones => {
                self.failures.zones_down[zone as usize] = true;
                for slot in 0..self.instances.len() as u32 {
                    let instance = &self.instances[slot as usize];
                    if instance.zone == zone && instance.phase != Phase::Gone && (!instance.dead || instance.hung > 0) {
                        self.fail(now, slot, shared, queue, done);
                    }
                }
            }
            Trouble::ZoneFails(_) => {}
            Trouble::InstancesHang(share) => self.hang(now, share, index, shared, queue, done),
            Trouble::SpotInterrupted(share) => {
                self.failures.spot_gone += 1;
                let here =
                    |instance: &Instance| instance.spot && matches!(instance.phase, Phase::Starting | Phase::InService);
                let spot = self.drawn(here, index);
                let taken = (spot.len() as f64 * share + 0.5) as usize;
                for &(_, slot) in spot.iter().take(taken) {
                    self.interrupted(now, slot, shared, queue);
                }
            }
        }
    }

    /// The instances that an event may strike, in an order drawn for it.
    pub(super) fn drawn(&self, may: impl Fn(&Instance) -> bool, event: u32) -> Vec<(u64, u32)> {
        let mut drawn: Vec<(u64, u32)> = (0..self.instances.len() as u32)
            .filter(|&slot| may(&self.instances[slot as usize]))
            .map(|slot| (self.failures.keys.wave.draw(self.instances[slot as usize].launched, event), slot))
            .collect();
        drawn.sort_unstable();
        drawn
    }

    /// An event of the scenario is over.
    pub(super) fn is_over(
        &mut self,
        now: SimTime,
        index: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        match shared.scenario.events[index as usize].what {
            Trouble::ZoneFails(zone) if zone < self.zones => {
                self.failures.zones_down[zone as usize] = false;
                self.catch_up_on_launches(now, shared, queue);
                self.rebalance(now, shared, queue);
            }
            Trouble::ZoneFails(_) => {}
            Trouble::InstancesHang(_) => self.answer_again(now, index, queue, done),
            Trouble::SpotInterrupted(_) => {
                self.failures.spot_gone -= 1;
                self.catch_up_on_launches(now, shared, queue);
            }
        }
    }

    /// Whether an instance can be launched now; otherwise it is put off.
    pub(super) fn can_launch(&mut self, spot: bool) -> bool {
        let possible = self.failures.any_zone_works() && !(spot && self.failures.spot_gone > 0);
        if !possible {
            self.failures.put_off += 1;
        }
        possible
    }

    /// Gives up a launch that was put off. Whether there was one.
    pub(super) fn forget_launch(&mut self) -> bool {
        let any = self.failures.put_off > 0;
        self.failures.put_off -= u32::from(any);
        any
    }

    fn catch_up_on_launches(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        for _ in 0..std::mem::take(&mut self.failures.put_off) {
            self.launch(now, shared, queue);
        }
    }

    /// What an instance that runs from now on will meet.
    pub(super) fn plan_its_end(&mut self, now: SimTime, slot: u32, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        let end = SimTime::ZERO + shared.scenario.warmup + shared.scenario.horizon;
        let instance = &self.instances[slot as usize];
        let (launch, spot) = (instance.launched, instance.spot);
        // 1 - u, since u may be 0.
        let exponential = |key: &Key| -libm::log(1.0 - unit(key.draw(launch, 0)));
        let at = |mean: f64, key: &Key, step: Step| {
            let life = exponential(key) * mean;
            if life < end.since(now).0 as f64 {
                return Some((now + SimDuration(life as u64), step));
            }
            None
        };
        let failure = self.failures.mtbf.and_then(|mtbf| at(mtbf.0 as f64, &self.failures.keys.failure, Step::Fails));
        let rate = self.failures.interruption_rate;
        let interruption =
            (spot && rate > 0.0).then(|| at(1.0 / rate, &self.failures.keys.interruption, Step::Interrupted)).flatten();
        for (at, step) in failure.into_iter().chain(interruption) {
            self.plan(at, step, slot, queue);
        }
    }

    /// The instance falls silent.
    pub(super) fn fail(
        &mut self,
        now: SimTime,
        slot: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        if self.fails_in_pool(now, slot, shared, queue) {
            return;
        }
        let instance = &mut self.instances[slot as usize];
        if instance.phase == Phase::Draining {
            self.draining -= 1;
            let lost = self.remove(now, slot, shared);
            return self.never_answered(now, &lost, done);
        }
        (instance.dead, instance.hung) = (true, 0);
        let server = &mut instance.server;
        let (busy, occupancy) = (server.take_busy(now), server.take_occupancy(now));
        instance.period_busy += busy;
        let surplus = server.take_charged(now, true);
        self.books.waited(server.take_waited(now));
        let lost = server.abort();
        // Who is sent here waits for a connection, however many they are.
        instance.server = self.running.server(1.0, u64::MAX, 0);
        instance.server.skip_to(now);
        instance.planned = SimTime::NEVER;
        let launch = instance.launched;
        self.books.worked(busy, occupancy, surplus);
        self.never_answered(now, &lost, done);
        let noticed = self.second_failed_check(now, launch) + CHECK_TIMEOUT;
        self.plan(noticed, Step::Unhealthy, slot, queue);
    }

    /// When the check begins whose failure makes unhealthy what fails from now on: as many as the threshold, the first at a random
    /// phase of the interval.
    pub(super) fn second_failed_check(&self, now: SimTime, launch: u64) -> SimTime {
        let interval = self.check_interval.0;
        let phase = self.failures.first_check(launch, interval);
        now + SimDuration(phase.saturating_add(interval.saturating_mul(self.failures.further_checks())))
    }

    /// Whoever waits for these finds out by a time-out of their own.
    fn never_answered(&mut self, now: SimTime, lost: &[Call], done: &mut impl FnMut(&Call, Ending)) {
        for call in lost {
            self.books.left(call, now);
            done(call, Ending { at: SimTime::NEVER, status: 504, outcome: Outcome::TimedOut });
        }
    }

    /// What a request needs of an instance that has fallen silent: the time after which the balancer gives up on the connection.
    pub(super) const NO_CONNECTION: (u64, u64) = (0, CONNECT_TIMEOUT.0);

    /// How that ends.
    pub(super) const fn not_connected(at: SimTime) -> Ending {
        Ending { at, status: 504, outcome: Outcome::TimedOut }
    }

    /// The health check has noticed: the instance is terminated, and replaced at the same time.
    pub(super) fn unhealthy(
        &mut self,
        now: SimTime,
        slot: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
        done: &mut impl FnMut(&Call, Ending),
    ) {
        self.counts_as_never_served(slot);
        let instance = &self.instances[slot as usize];
        let serves = matches!(instance.phase, Phase::InService | Phase::Unhealthy);
        if serves && !instance.dead && !instance.restarting {
            // It hung, and answers again.
            return;
        }
        if serves && !self.replaces && (instance.hung > 0 || instance.restarting) {
            if instance.phase == Phase::InService {
                self.take_out(slot);
            }
            return;
        }
        if !self.take_away(slot) {
            // It drains already, and nobody has to come in its place.
            return;
        }
        let lost = self.remove(now, slot, shared);
        self.never_connected(now, &lost, done);
        self.launch(now, shared, queue);
        self.fill_pool(now, shared, queue);
    }

    /// Those who still wait for a connection go on doing so.
    pub(super) fn never_connected(&mut self, now: SimTime, lost: &[Call], done: &mut impl FnMut(&Call, Ending)) {
        for call in lost {
            let at = call.at + CONNECT_TIMEOUT;
            self.books.left(call, at);
            done(call, Self::not_connected(at.max(now)));
        }
    }

    /// Takes an instance that starts or serves out of the group's counts. Whether it was one.
    pub(super) fn take_away(&mut self, slot: u32) -> bool {
        let instance = &self.instances[slot as usize];
        let zone = instance.zone as usize;
        match instance.phase {
            Phase::Starting => self.starting -= 1,
            Phase::InService | Phase::Unhealthy => self.in_service.remove_slot(slot),
            Phase::Draining | Phase::Preparing | Phase::Pooled | Phase::Gone => return false,
        }
        self.by_zone[zone] -= 1;
        self.open_if_none_is_healthy();
        true
    }

    /// A Spot instance has two minutes left.
    pub(super) fn interrupted(
        &mut self,
        now: SimTime,
        slot: u32,
        shared: &mut Shared<'_>,
        queue: &mut EventQueue<Event>,
    ) {
        let serves = self.instances[slot as usize].phase == Phase::InService;
        if !self.take_away(slot) {
            // It drains; that it is over sooner is left out.
            return;
        }
        if serves {
            self.instances[slot as usize].phase = Phase::Draining;
            self.draining += 1;
            let left = SimDuration(self.drain.0.min(SPOT_NOTICE.0));
            // No hook holds it longer.
            self.plan(now + left, Step::Over, slot, queue);
        } else {
            self.remove(now, slot, shared);
        }
        self.launch(now, shared, queue);
    }

    /// Launches where there are too few instances; for each of them one is drained where there are too many, once it serves.
    pub(super) fn rebalance(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let allowed = (self.size.max / 10).max(1);
        while self.failures.beyond < allowed {
            let counts =
                || (0..self.zones).filter(|&zone| self.failures.works(zone)).map(|zone| self.by_zone[zone as usize]);
            let (fewest, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            // Each of those on their way will take one from the fullest.
            if most.saturating_sub(self.failures.beyond) < fewest + 2 {
                return;
            }
            self.failures.beyond += 1;
            self.launch(now, shared, queue);
        }
    }

    /// An instance has come into service: one that was launched beyond the desired size makes another one drain.
    pub(super) fn make_room(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        if self.failures.beyond > 0 {
            self.failures.beyond -= 1;
            let unhealthy = if self.fails_open { 0 } else { self.unhealthy_count() };
            // A blue/green deployment has two sets of this size.
            let sets = if self.blue_green.is_some() { 2 } else { 1 };
            if self.starting + self.in_service.len() as u32 + unhealthy > sets * self.size.desired {
                self.drain_one(now, queue);
            }
            self.rebalance(now, shared, queue);
        }
    }

    /// An instance that was starting is given up. Whether it was one beyond the desired size.
    pub(super) fn was_beyond(&mut self) -> bool {
        let any = self.failures.beyond > 0;
        self.failures.beyond -= u32::from(any);
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::model::{Arch, InstanceType};

    /// The user guide's example of a base of two and 50 % above it: of ten instances six are on-demand, two of the base and four of eight.
    #[test]
    fn on_demand_base_and_share() {
        let instance = InstanceType { name: "m7g.large".into(), vcpu: 2, memory_mib: 8192, arch: Arch::Arm };
        let with = |base, on_demand_share| {
            let spot = Some(Spot { base, on_demand_share, interruptions: 0.0 });
            let failures = Failures::new(&Fleet { spot, ..Fleet::fixed(instance.clone(), 10) }, Key::new(1, 0));
            (0..10).fold((0, 0), |(on_demand, spot), _| {
                if failures.next_is_spot(on_demand, spot) { (on_demand, spot + 1) } else { (on_demand + 1, spot) }
            })
        };
        assert_eq!(with(2, 0.5), (6, 4));
        assert_eq!(with(2, 0.0), (2, 8));
        assert_eq!(with(0, 0.0), (0, 10));
        assert_eq!(with(0, 1.0), (10, 0));
        assert_eq!(with(20, 0.0), (10, 0));
    }
}
