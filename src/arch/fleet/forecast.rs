//! Predictive scaling: a floor under the size of a group that follows a forecast.
//!
//! AWS documents when it acts: after 24 hours of history it forecasts the next 48 hours by the hour from at most 14 days, again every 6 hours, and at the start
//! of each hour (less a buffer) launches what the hour needs; it only sets a floor and never scales in. It does **not** document
//! how it forecasts. Ours is the plainest that follows a week: the mean of the same hour on the same weekday in the last 14 days; before there is
//! a week of history, of the same hour on the days that there are. The history begins with the simulation, its warm-up included.
//!
//! Source: EC2 Auto Scaling user guide, "predictive scaling".

use super::{FleetState, Size, Step};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::spec::group::Predictive;
use crate::spec::model::TrackedMetric;
use crate::units::{SimDuration, SimTime};
use std::collections::VecDeque;

const HOUR: SimDuration = SimDuration::from_hours(1);
/// Hours of history that are needed, looked at, and forecast; hours between two forecasts.
const NEEDED: usize = 24;
const KEPT: usize = 14 * 24;
const AHEAD: usize = 48;
const REFRESHED: usize = 6;
const WEEK: usize = 7 * 24;

/// What an hour is like that begins `ahead` hours after the last of these loads, the oldest first; `None` without history for it.
fn forecast(loads: &VecDeque<f64>, ahead: usize) -> Option<f64> {
    if loads.len() < NEEDED {
        return None;
    }
    let every = if loads.len() >= WEEK { WEEK } else { 24 };
    // The hour `back` hours before the one asked for has this position, if it is over.
    let position = |back: usize| (loads.len() + ahead).checked_sub(back).filter(|at| *at < loads.len());
    let past: Vec<f64> = (1..=KEPT / every + 2).filter_map(|n| position(n * every)).map(|at| loads[at]).collect();
    (!past.is_empty()).then(|| past.iter().sum::<f64>() / past.len() as f64)
}

/// The forecast of a group.
pub struct Forecast {
    rule: Predictive,
    /// Load of the hours that are over, the oldest first.
    loads: VecDeque<f64>,
    /// Hours since the last forecast.
    age: usize,
    /// Sizes that its hours need.
    sizes: Vec<u32>,
    /// Processor-nanoseconds of this hour, and requests in all before this metric period.
    busy: f64,
    requests: u64,
    requests_before: u64,
    /// The group has not begun with an hour.
    partial: bool,
    floor: u32,
}

impl Forecast {
    /// Without any history.
    pub fn new(rule: Predictive) -> Self {
        Self {
            rule,
            loads: VecDeque::new(),
            age: 0,
            sizes: Vec::new(),
            busy: 0.0,
            requests: 0,
            requests_before: 0,
            partial: false,
            floor: 0,
        }
    }

    /// The group has worked for so many processor-nanoseconds.
    pub fn worked(&mut self, busy: f64) {
        self.busy += busy;
    }

    /// A metric period with so many requests is over.
    pub fn counted(&mut self, requests: u64) {
        self.requests += requests;
    }

    /// The size for the hour that begins `ahead` hours after this one began.
    fn size(&self, ahead: usize) -> u32 {
        self.sizes.get(self.age + ahead).copied().unwrap_or(0)
    }

    /// An hour is over, in which so many requests of the present period have come: its load, and a new forecast when that is due.
    fn close(&mut self, period_requests: u64, vcpu: f64) {
        let busy = std::mem::take(&mut self.busy);
        let requests = self.requests + period_requests;
        let came = requests - std::mem::replace(&mut self.requests_before, requests);
        if std::mem::take(&mut self.partial) {
            return;
        }
        // What one instance takes, and what came, in the same unit: busy vCPUs, or requests a minute.
        let (load, takes) = match self.rule.metric {
            TrackedMetric::Cpu => (busy / HOUR.0 as f64, vcpu * self.rule.target),
            _ => (came as f64 / 60.0, self.rule.target),
        };
        if self.loads.len() == KEPT {
            self.loads.pop_front();
        }
        self.loads.push_back(load);
        self.age += 1;
        if self.sizes.is_empty() || self.age >= REFRESHED {
            let needed = |load: f64| (load / takes - 1e-9).ceil().max(0.0) as u32;
            self.sizes = (0..AHEAD).map_while(|ahead| forecast(&self.loads, ahead)).map(needed).collect();
            self.age = 0;
        }
    }
}

impl FleetState {
    /// Puts the first full hour on the agenda. Hours count from t = 0.
    pub(super) fn plan_forecast(&mut self, shared: &Shared<'_>, queue: &mut EventQueue<Event>) {
        let Some(forecast) = &mut self.forecast else { return };
        let first = SimDuration(shared.scenario.warmup.0 % HOUR.0);
        forecast.partial = first > SimDuration::ZERO;
        let first = if forecast.partial { first } else { HOUR };
        self.plan(SimTime::ZERO + first, Step::Hour, 0, queue);
    }

    /// An hour begins.
    pub(super) fn hour_begins(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        self.read_busy(now);
        let (requests, vcpu) = (self.period_requests, self.vcpu);
        let Some(forecast) = &mut self.forecast else { return };
        forecast.close(requests, vcpu);
        forecast.floor = forecast.size(0);
        let buffer = forecast.rule.buffer;
        self.keep_floor(now, shared, queue);
        if buffer > SimDuration::ZERO {
            self.plan(now + (HOUR - buffer), Step::HourAhead, 0, queue);
        }
        self.plan(now + HOUR, Step::Hour, 0, queue);
    }

    /// The next hour's instances are launched.
    pub(super) fn hour_ahead(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let Some(forecast) = &mut self.forecast else { return };
        forecast.floor = forecast.floor.max(forecast.size(1));
        self.keep_floor(now, shared, queue);
    }

    /// The bounds of the group now.
    pub(super) fn bounds(&self) -> Size {
        let Size { min, max, desired } = self.size;
        let floor = self.forecast.as_ref().map_or(0, |forecast| forecast.floor);
        Size { min: min.max(floor.min(max)), max, desired }
    }

    fn keep_floor(&mut self, now: SimTime, shared: &mut Shared<'_>, queue: &mut EventQueue<Event>) {
        let floor = self.bounds().min;
        if floor > self.size.desired {
            self.resize(now, floor, shared, queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hour h of day d has load 100 d + h. By hand: after two days, hour 3 of the third day is (3 + 103) / 2 = 53, and hour 3 of the fourth,
    /// 27 hours ahead, as well. After eight days hour 3 of the ninth is that of the second, a week before; after 14 days hour 3 of the 15th
    /// is the mean of those of days 1 and 8: (3 + 703) / 2.
    #[test]
    fn the_same_hour_of_past_days_then_of_the_same_weekday() {
        let days =
            |days: usize| (0..days * 24).map(|hour| (100 * (hour / 24) + hour % 24) as f64).collect::<VecDeque<_>>();
        assert_eq!(forecast(&days(2), 3), Some(53.0));
        assert_eq!(forecast(&days(2), 27), Some(53.0));
        assert_eq!(forecast(&days(8), 3), Some(103.0));
        assert_eq!(forecast(&days(14), 3), Some(353.0));
        assert_eq!(forecast(&(0..23).map(f64::from).collect(), 0), None, "less than a day");
    }
}
