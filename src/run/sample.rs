//! Which windows of the horizon stand for all of it.
//!
//! The horizon is cut into slots. Those that nothing else can stand for are simulated in full: the hours of bursts, events and deployments and
//! of what follows until it is forgotten, the busiest slot, and an hour that the horizon's end cuts short. The others are put in the order of
//! the requests that they are expected to have, which hour and weekday decide, and are divided into strata of equal size; in each
//! replication one slot of each stratum, drawn at random, stands for its whole stratum.
//!
//! A stratum's slots do not expect exactly the same. So each window's counts are multiplied by a factor of about 1, the same for all of them:
//! the factors of the regression estimator (Cochran, *Sampling Techniques*, 1977, chapter 7), f = 1 + b (x - mean of x), where x is what
//! the window is expected to have and b is chosen so that the windows together expect exactly the requests that the horizon does. What
//! follows time alone, such as the hours of a balancer, then adds up exactly; so does what follows the requests.
//!
//! Replications draw independently, so that the interval over replications holds both kinds of noise: that of the traffic, and that of
//! what was not simulated.

use super::memory::Memory;
use crate::sim::random::{self, Key};
use crate::spec::scenario::Scenario;
use crate::traffic::{TrafficError, expected_by_slot};
use crate::units::SimDuration;

/// Strata that are wanted: an hour of the day each, as it were.
const STRATA: usize = 24;
/// Fewer than these, a quiet and a busy half, would not tell night from day.
const LEAST_STRATA: usize = 2;
/// Requests that one replication may simulate, as far as shorter and fewer windows can keep it there: some seconds of a core.
const REQUESTS: f64 = 1e8;
/// Lengths of a slot in seconds, the longest that fits first. Each divides the one before it.
const SLOT_SECONDS: [u64; 5] = [3600, 1800, 900, 300, 60];

/// A window that is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Its first slot.
    pub slot: usize,
    /// Slots that it covers.
    pub slots: usize,
    /// The slots that it stands for, its own among them, ascending.
    pub stands_for: Vec<usize>,
    /// Multiplies what it counts of requests, in each of those slots.
    pub factor: f64,
}

/// How a scenario is cut into windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Length of a slot; divides an hour.
    pub slot: SimDuration,
    /// Of all architectures: how long before a window the simulation begins.
    pub memory: SimDuration,
    /// Requests that the base traffic is expected to have in each slot.
    expected: Vec<f64>,
    /// (first slot, slots) of what is simulated in full, ascending.
    in_full: Vec<(usize, usize)>,
    /// All other slots by what they expect, those that expect the same in the order of time.
    others: Vec<usize>,
    strata: usize,
    key: Key,
}

impl Sampling {
    /// How to cut; `memories` are those of the architectures that can be cut. `None` if it would save less than half of the requests.
    ///
    /// # Errors
    /// When the traffic cannot be read.
    pub fn plan(scenario: &Scenario, memories: &[Memory]) -> Result<Option<Self>, TrafficError> {
        let Some(memory) = memories.iter().map(|memory| memory.lasts).max() else { return Ok(None) };
        let windows = scenario.objectives.latency.iter().filter_map(|objective| objective.window);
        let windows: Vec<u64> = windows.map(|window| window.0.max(1)).collect();
        let ends_known = memories.iter().all(|memory| memory.ends_known);
        // Windows of an objective must not be cut; where the ends of requests have to be waited for, an hour cuts few of them.
        let fits = |slot: &SimDuration| {
            windows.iter().all(|window| slot.0.is_multiple_of(*window))
                && (ends_known || slot.0 == SLOT_SECONDS[0] * 1_000_000_000)
        };
        let slots: Vec<SimDuration> = SLOT_SECONDS.into_iter().map(SimDuration::from_secs).filter(fits).collect();
        let mut last = None;
        for (number, &slot) in slots.iter().enumerate() {
            let is_last = number + 1 == slots.len();
            let mut plan = Self::cut(scenario, memory, slot)?;
            let (sampled, full) = (plan.requests_of_strata(), plan.requests_in_full());
            if !is_last && sampled + full > REQUESTS {
                continue;
            }
            let each = sampled / plan.strata.max(1) as f64;
            let affordable = ((REQUESTS - full) / each.max(1e-9)).max(0.0) as usize;
            plan.strata = plan.strata.min(affordable.max(LEAST_STRATA)).min(plan.others.len());
            last = Some(plan);
            break;
        }
        Ok(last.filter(|plan| plan.requests_of_strata() + plan.requests_in_full() < plan.whole() / 2.0))
    }

    fn cut(scenario: &Scenario, memory: SimDuration, slot: SimDuration) -> Result<Self, TrafficError> {
        let expected = expected_by_slot(scenario, slot)?;
        let in_hour = (SimDuration::from_hours(1).0 / slot.0) as usize;
        let hour_of = |time: SimDuration| (time.0 / SimDuration::from_hours(1).0) as usize;
        let hours = expected.len().div_ceil(in_hour);
        let mut whole_hours = vec![false; hours];
        let bursts = scenario.traffic.bursts.iter().map(|burst| (burst.at, burst.lasts));
        let events = scenario.events.iter().map(|event| (event.at, event.lasts));
        let deployments = scenario.deployments.iter().map(|deployment| (deployment.at, deployment.lasts));
        for (at, lasts) in bursts.chain(events).chain(deployments) {
            let until = hour_of(at + lasts + memory);
            (hour_of(at)..=until.min(hours.saturating_sub(1))).for_each(|hour| whole_hours[hour] = true);
        }
        // An hour that is cut short has slots that are not like the others.
        if !scenario.horizon.0.is_multiple_of(SimDuration::from_hours(1).0) && hours > 0 {
            whole_hours[hours - 1] = true;
        }
        let is_in_full = |slot: usize| whole_hours[slot / in_hour];
        let busiest = (0..expected.len()).max_by(|&a, &b| expected[a].total_cmp(&expected[b]).then(b.cmp(&a)));
        let mut in_full: Vec<(usize, usize)> = (0..hours)
            .filter(|&hour| whole_hours[hour])
            .map(|hour| (hour * in_hour, in_hour.min(expected.len() - hour * in_hour)))
            .collect();
        in_full.extend(busiest.filter(|&slot| !is_in_full(slot)).map(|slot| (slot, 1)));
        in_full.sort_unstable();
        let mut others: Vec<usize> =
            (0..expected.len()).filter(|&slot| !is_in_full(slot) && Some(slot) != busiest).collect();
        others.sort_by(|&a, &b| expected[a].total_cmp(&expected[b]).then(a.cmp(&b)));
        let strata = STRATA.min(others.len());
        let key = Key::new(scenario.seed, 0).named("windows");
        Ok(Self { slot, memory, expected, in_full, others, strata, key })
    }

    /// Requests that the horizon is expected to have, bursts apart.
    fn whole(&self) -> f64 {
        self.expected.iter().sum()
    }

    /// What a window of so many slots is expected to simulate at the mean rate, what comes before it included.
    fn requests(&self, slots: usize) -> f64 {
        let each = self.whole() / self.expected.len().max(1) as f64;
        each * (slots as f64 + self.memory.0 as f64 / self.slot.0 as f64)
    }

    fn requests_of_strata(&self) -> f64 {
        self.strata as f64 * self.requests(1)
    }

    fn requests_in_full(&self) -> f64 {
        self.in_full.iter().map(|&(_, slots)| self.requests(slots)).sum()
    }

    /// Slots of the horizon.
    pub fn slots(&self) -> usize {
        self.expected.len()
    }

    /// Simulated time of a replication, what comes before the windows included.
    pub fn simulated(&self) -> SimDuration {
        let windows = self.strata + self.in_full.len();
        let slots = self.strata + self.in_full.iter().map(|&(_, slots)| slots).sum::<usize>();
        SimDuration(self.memory.0.saturating_mul(windows as u64))
            + SimDuration(self.slot.0.saturating_mul(slots as u64))
    }

    /// The windows of a replication, in the order of time.
    pub fn windows(&self, replication: u32) -> Vec<Window> {
        let key = self.key.numbered(u64::from(replication));
        let of_stratum = |stratum: usize| {
            let bound = |stratum: usize| stratum * self.others.len() / self.strata;
            let all = &self.others[bound(stratum)..bound(stratum + 1)];
            let slot = all[random::below(key.draw(stratum as u64, 0), all.len() as u64) as usize];
            let mut stands_for = all.to_vec();
            stands_for.sort_unstable();
            Window { slot, slots: 1, stands_for, factor: 1.0 }
        };
        let mut windows: Vec<Window> = (0..self.strata).map(of_stratum).collect();
        self.calibrate(&mut windows);
        windows.extend(self.in_full.iter().map(|&(slot, slots)| Window {
            slot,
            slots,
            stands_for: (slot..slot + slots).collect(),
            factor: 1.0,
        }));
        windows.sort_unstable_by_key(|window| window.slot);
        windows
    }

    /// Sets the factors so that the windows together expect what the slots that they stand for do.
    fn calibrate(&self, windows: &mut [Window]) {
        let expects = |window: &Window| self.expected[window.slot];
        let weight = |window: &Window| window.stands_for.len() as f64;
        let slots: f64 = windows.iter().map(weight).sum();
        let estimated: f64 = windows.iter().map(|window| weight(window) * expects(window)).sum();
        let wanted: f64 = self.others.iter().map(|&slot| self.expected[slot]).sum();
        if estimated <= 0.0 {
            return;
        }
        let mean = estimated / slots;
        let off = |window: &Window| expects(window) - mean;
        let spread: f64 = windows.iter().map(|window| weight(window) * off(window) * off(window)).sum();
        // A spread of rounding alone says nothing.
        if spread > 1e-12 * slots * mean * mean {
            let slope = (wanted - estimated) / spread;
            let factors: Vec<f64> = windows.iter().map(|window| 1.0 + slope * off(window)).collect();
            // Factors far from 1 would make some windows count for all.
            if factors.iter().all(|factor| (0.5..=2.0).contains(factor)) {
                windows.iter_mut().zip(factors).for_each(|(window, factor)| window.factor = factor);
                return;
            }
        }
        windows.iter_mut().for_each(|window| window.factor = wanted / estimated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::{burst, scenario};
    use crate::spec::scenario::{Frequency, Incident, Shape, Trouble};
    use crate::units::PerSecond;

    const MEMORY: Memory = Memory { lasts: SimDuration::from_mins(11), may_keep: None, ends_known: true };

    /// A week that is busy for an hour and a half each day.
    fn week() -> Scenario {
        let mut given = scenario();
        let hours = |hours: u64| SimDuration::from_hours(hours);
        let day = |day: u64| {
            let begin = hours(24 * day + 9);
            [
                (hours(24 * day), PerSecond(1.0)),
                (begin, PerSecond(5.0)),
                (begin + SimDuration::from_mins(90), PerSecond(2.0)),
            ]
        };
        given.traffic.shape = Shape::Steps((0..7).flat_map(day).collect());
        given
    }

    #[test]
    fn every_slot_is_stood_for_once() {
        let mut given = week();
        given.traffic.bursts = vec![burst(Frequency::Month)];
        let (at, lasts) = (SimDuration::from_hours(100), SimDuration::from_mins(30));
        given.events = vec![Incident { at, lasts, per: Frequency::Once, what: Trouble::ZoneFails(0) }];
        given.horizon = SimDuration::from_mins(167 * 60 + 30);
        let plan = Sampling::plan(&given, &[MEMORY]).unwrap().expect("a week is long enough");
        assert_eq!((plan.slot, plan.slots()), (SimDuration::from_hours(1), 168));
        for replication in 0..20 {
            let windows = plan.windows(replication);
            let mut all: Vec<usize> = windows.iter().flat_map(|window| window.stands_for.clone()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..168).collect::<Vec<_>>());
            let alone = |slot| windows.iter().any(|window| window.slot == slot && window.stands_for == [slot]);
            // The burst from 2:00 to 3:00 and what is forgotten by 3:11; the first busy hour; the zone's failure; the half hour at the end.
            assert!([2, 3, 9, 100, 167].into_iter().all(alone));
            assert!(windows.iter().all(|window| window.stands_for.contains(&window.slot)));
        }
        assert_ne!(plan.windows(0), plan.windows(1), "replications draw for themselves");
    }

    /// 7 x (9 x 1 + 1.5 x 5 + 13.5 x 2) x 3,600 requests, whichever hours are drawn.
    #[test]
    fn windows_together_expect_what_the_horizon_does() {
        let plan = Sampling::plan(&week(), &[MEMORY]).unwrap().unwrap();
        assert!((plan.whole() - 7.0 * 43.5 * 3_600.0).abs() < 1e-6);
        for replication in 0..20 {
            let windows = plan.windows(replication);
            let expected =
                |window: &Window| window.factor * window.stands_for.len() as f64 * plan.expected[window.slot];
            let together: f64 = windows.iter().map(expected).sum();
            assert!((together / plan.whole() - 1.0).abs() < 1e-9, "{together}");
            let hours: f64 = windows.iter().map(|window| window.factor * window.stands_for.len() as f64).sum();
            assert!((hours - 168.0).abs() < 1e-9, "{hours}");
        }
    }

    #[test]
    fn heavy_traffic_gets_short_windows() {
        let mut given = scenario();
        given.horizon = SimDuration::from_hours(28 * 24);
        given.traffic.shape = Shape::Constant(PerSecond(100_000.0));
        let plan = Sampling::plan(&given, &[MEMORY]).unwrap().unwrap();
        assert_eq!((plan.slot, plan.strata), (SimDuration::from_mins(1), LEAST_STRATA));
        // 1,000/s: 25 x (900 + 660) s x 1,000/s are 39 million, with half an hour it would be 62 million, with an hour 107 million.
        given.traffic.shape = Shape::Constant(PerSecond(1_000.0));
        let plan = Sampling::plan(&given, &[MEMORY]).unwrap().unwrap();
        assert_eq!((plan.slot, plan.strata), (SimDuration::from_mins(30), STRATA));
        // Where ends have to be waited for, an hour it is.
        let waits = Memory { ends_known: false, ..MEMORY };
        let plan = Sampling::plan(&given, &[MEMORY, waits]).unwrap().unwrap();
        assert_eq!(plan.slot, SimDuration::from_hours(1));
    }

    #[test]
    fn what_saves_little_is_not_cut() {
        let mut given = scenario();
        given.horizon = SimDuration::from_hours(24);
        assert_eq!(Sampling::plan(&given, &[MEMORY]), Ok(None));
        assert_eq!(Sampling::plan(&given, &[]), Ok(None));
        let days = Memory { lasts: SimDuration::from_hours(48), ..MEMORY };
        assert_eq!(Sampling::plan(&week(), &[days]), Ok(None));
    }
}
