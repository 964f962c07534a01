//! Provisioned concurrency: environments that are kept ready, apart from those that are made on demand.
//!
//! - A raise takes effect as a whole: `preparation` (1 to 2 minutes) and then 6,000 environments a minute; none of the new ones is
//!   used before all are ready. A new raise on the way starts over with what is still missing.
//! - A call takes a ready environment, without a cold start; only when none is idle it spills over to the on-demand pool.
//! - A version or alias with provisioned concurrency takes 10 requests a second for each of its environments, spilled-over calls included, as a
//!   bucket of one second.
//! - It is paid from the raise to the reduction, each environment's time rounded up to 5 minutes when it is given up; the calls' durations have a price of their own.
//! - Whoever is asked for is initialised, and again whenever its maximum age is over (`max_age`; Lambda replaces it in time, so that nobody waits). These inits
//!   are paid beside the capacity, even if no call ever comes (Lambda developer guide, provisioned concurrency, "logging and billing behavior"). The first level was initialised
//!   before the start.
//! - Target tracking (Application Auto Scaling): the mean utilisation of each minute; 3 minutes above the target raise the level to
//!   ceil(level x utilisation / target), 15 minutes below 90 % of it lower it to the same. Since utilisation never exceeds 1,
//!   a raise is at most by 1 / target.
//!
//! Sources: AWS.md 1.6, 2.4 to 2.6 (Lambda developer guide and pricing page; alarms as listed in consoles).

use super::token_bucket::TokenBucket;
use crate::sim::gauge::Gauge;
use crate::spec::model::Provisioned;
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration, SimTime};

/// Requests a second that each of them is good for.
const RATE: f64 = 10.0;
/// Time is paid in steps of 5 minutes.
const STEP: u64 = 300 * NANOS_PER_SEC;
/// Minutes above the target before a raise, and below the lower bound before a reduction.
const OUT_MINUTES: u32 = 3;
const IN_MINUTES: u32 = 15;
/// The lower bound as a share of the target.
const LOWER_BOUND: f64 = 0.9;
/// Period of the metric.
pub const MINUTE: SimDuration = SimDuration(60 * NANOS_PER_SEC);

/// Some environments that were asked for together.
#[derive(Debug, Clone, Copy)]
struct Layer {
    count: u64,
    since: SimTime,
}

/// The state of a function's provisioned concurrency.
#[derive(Debug)]
pub struct ProvisionedState {
    rule: Provisioned,
    /// AWS refuses to allocate more.
    most: u64,
    /// Smallest level; a schedule may change it.
    min: u64,
    /// What is asked for and paid, the latest last.
    layers: Vec<Layer>,
    level: u64,
    /// Environments that exist, idle or at work.
    ready: u64,
    /// Those idle, the most recent last; whether the next call has to initialise them again.
    idle: Vec<bool>,
    busy: Gauge,
    rate: TokenBucket,
    /// Number of the raise under way: an event of an earlier one is void.
    raise: u32,
    next_in_schedule: usize,
    over: u32,
    under: u32,
    max_age: Option<SimDuration>,
    /// Initialised since the last call of [`ProvisionedState::take_inits`].
    inits: u64,
    /// Environments x nanoseconds: paid up to `counted_to`, and what rounding up added.
    counted_to: SimTime,
    unpaid: u128,
}

impl ProvisionedState {
    /// With the first level ready at the start. `most` is what the function's reservation or the account allows.
    pub fn new(rule: &Provisioned, most: u64, max_age: Option<SimDuration>) -> Self {
        let tracking = rule.tracking.as_ref();
        let level = tracking.map_or(rule.level, |tracking| rule.level.clamp(tracking.min, tracking.max)).min(most);
        Self {
            min: tracking.map_or(level, |tracking| tracking.min),
            rule: rule.clone(),
            most,
            layers: vec![Layer { count: level, since: SimTime::ZERO }],
            level,
            ready: level,
            idle: vec![false; level as usize],
            busy: Gauge::new(0),
            rate: TokenBucket::new(RATE * level as f64, RATE * level as f64),
            raise: 0,
            next_in_schedule: 0,
            over: 0,
            under: 0,
            max_age,
            inits: 0,
            counted_to: SimTime::ZERO,
            unpaid: 0,
        }
    }

    /// What is asked for.
    pub fn level(&self) -> u64 {
        self.level
    }

    /// Environments that exist.
    pub fn ready(&self) -> u64 {
        self.ready
    }

    /// Calls at work on them.
    pub fn busy(&self) -> u64 {
        self.busy.value()
    }

    /// Whether the request rate lets a call in; without an environment there is no limit of this kind.
    #[inline]
    pub fn within_rate(&mut self, now: SimTime) -> bool {
        self.ready == 0 || self.rate.take(now)
    }

    /// As many environments are ready as there are now: the rate follows.
    pub fn follow(&mut self, now: SimTime) {
        let rate = RATE * self.ready as f64;
        self.rate.change(now, rate, rate);
    }

    /// Takes an idle environment; says whether it has to be initialised again.
    pub fn take(&mut self, now: SimTime) -> Option<bool> {
        let again = self.idle.pop()?;
        self.busy.up(now);
        Some(again)
    }

    /// A call has ended; `again`: its environment has to be initialised before the next one. False if the environment ends, too: it
    /// was given up while it was at work.
    pub fn release(&mut self, now: SimTime, again: bool) -> bool {
        self.busy.down(now);
        let stays = self.busy.value() + (self.idle.len() as u64) < self.ready;
        if stays {
            self.idle.push(again);
        }
        stays
    }

    /// Whether a minute's metric is needed.
    pub fn tracks(&self) -> bool {
        self.rule.tracking.is_some()
    }

    /// The next change in the schedule, since `t = 0`.
    pub fn next_change(&self) -> Option<SimDuration> {
        let changes = &self.rule.schedule;
        let day = self.next_in_schedule.checked_div(changes.len())? as u64;
        Some(SimDuration::from_hours(24 * day) + changes[self.next_in_schedule % changes.len()].0)
    }

    /// Makes the next change of the schedule. For a raise: when it is ready, and its number for [`ProvisionedState::prepared`].
    pub fn change(&mut self, now: SimTime) -> Option<(SimTime, u32)> {
        let place = self.next_in_schedule.checked_rem(self.rule.schedule.len())?;
        let level = self.rule.schedule[place].1;
        self.next_in_schedule += 1;
        match &self.rule.tracking {
            None => self.set(now, level),
            Some(tracking) => {
                self.min = level.min(tracking.max);
                if self.level < self.min { self.set(now, self.min) } else { None }
            }
        }
    }

    /// Judges the minute that ends. For a raise: when it is ready, and its number for [`ProvisionedState::prepared`].
    pub fn minute(&mut self, now: SimTime) -> Option<(SimTime, u32)> {
        let area = self.busy.take_area(now);
        let tracking = self.rule.tracking.as_ref()?;
        if self.ready == 0 {
            // No environments, no data: neither alarm moves.
            return None;
        }
        let utilisation = (area as f64 / (self.ready as f64 * MINUTE.0 as f64)).min(1.0);
        let (over, under) = (utilisation > tracking.utilisation, utilisation < LOWER_BOUND * tracking.utilisation);
        self.over = if over { self.over + 1 } else { 0 };
        self.under = if under { self.under + 1 } else { 0 };
        if self.over < OUT_MINUTES && self.under < IN_MINUTES {
            return None;
        }
        // A hair less, so that rounding does not make one more of a whole number.
        let wanted = (self.level as f64 * utilisation / tracking.utilisation - 1e-9).ceil() as u64;
        let wanted = wanted.clamp(self.min, tracking.max.max(self.min));
        // A raise that is under way is waited for.
        if self.level > self.ready {
            return None;
        }
        (self.over, self.under) = (0, 0);
        self.set(now, wanted)
    }

    /// Asks for a level. For a raise: when it is ready, and its number for [`ProvisionedState::prepared`].
    pub fn set(&mut self, now: SimTime, level: u64) -> Option<(SimTime, u32)> {
        let level = level.min(self.most);
        self.count(now);
        if level > self.level {
            self.layers.push(Layer { count: level - self.level, since: now });
            self.inits += level - self.level;
            self.level = level;
            self.raise = self.raise.wrapping_add(1);
            let missing = level.saturating_sub(self.ready);
            return Some((now + self.rule.ready_after(missing), self.raise));
        }
        let mut surplus = self.level - level;
        self.level = level;
        while surplus > 0 {
            let Some(layer) = self.layers.last_mut() else { break };
            let gone = surplus.min(layer.count);
            let used = now.since(layer.since).0;
            self.unpaid += u128::from(gone) * u128::from(used.div_ceil(STEP) * STEP - used);
            layer.count -= gone;
            surplus -= gone;
            if layer.count == 0 {
                self.layers.pop();
            }
        }
        if self.ready > level {
            self.ready = level;
            let idle = self.ready.saturating_sub(self.busy.value());
            // The oldest idle ones end first.
            let gone = self.idle.len().saturating_sub(idle as usize);
            self.idle.drain(..gone);
        }
        // A raise under way ends with less, at the time that was told.
        None
    }

    /// The environments of a raise are ready.
    pub fn prepared(&mut self, raise: u32) {
        if raise == self.raise && self.level > self.ready {
            // Those given up but still at work count until their calls end.
            let more = self.level.saturating_sub(self.busy.value() + self.idle.len() as u64);
            self.idle.extend(std::iter::repeat_n(false, more as usize));
            self.ready = self.level;
        }
    }

    fn count(&mut self, now: SimTime) {
        self.unpaid += u128::from(self.level) * u128::from(now.since(self.counted_to).0);
        if let Some(age) = self.max_age.filter(|age| age.0 > 0) {
            // Ages that are over before an instant; one that ends with the environment is not renewed.
            let over = |since: SimTime, until: SimTime| until.since(since).0.saturating_sub(1) / age.0;
            for layer in &self.layers {
                self.inits += layer.count * (over(layer.since, now) - over(layer.since, self.counted_to));
            }
        }
        self.counted_to = now;
    }

    /// Environments that were initialised since the last call.
    pub fn take_inits(&mut self) -> u64 {
        std::mem::take(&mut self.inits)
    }

    /// Environments x milliseconds to be paid since the last call; what is less than one is kept.
    pub fn take_paid(&mut self, now: SimTime) -> u64 {
        self.count(now);
        let millis = self.unpaid / u128::from(NANOS_PER_MILLI);
        self.unpaid %= u128::from(NANOS_PER_MILLI);
        u64::try_from(millis).unwrap_or(u64::MAX)
    }

    /// Pays what another version owes until now.
    pub fn absorb(&mut self, other: &mut Self, now: SimTime) {
        other.count(now);
        self.unpaid += std::mem::take(&mut other.unpaid);
        self.inits += other.take_inits();
    }

    /// Forgets what was paid before the horizon.
    pub fn restart(&mut self, now: SimTime) {
        self.count(now);
        (self.unpaid, self.inits) = (0, 0);
    }
}
