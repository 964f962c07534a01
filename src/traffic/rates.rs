//! Every rate shape as stretches of constant rate, in the order of time.
//!
//! A [`Rates`] is asked for the stretch that begins at an instant, again and again with the end of the last one. Times
//! here are the engine's: 0 is the start of the warm-up, and the scenario's `t = 0` is `origin`.

use super::TrafficError;
use super::csv_file::{FileError, RateReader, RateRow, scan_rate};
use crate::spec::scenario::{self, ReplayFile, Scenario, Shape};
use crate::units::{NANOS_PER_SEC, SimDuration};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::f64::consts::PI;

/// Nanoseconds in an hour.
pub(super) const HOUR: u64 = 3_600 * NANOS_PER_SEC;
/// Nanoseconds in a day.
const DAY: i64 = 24 * HOUR as i64;
/// The diurnal curve is taken in stretches of this many nanoseconds, each with its exact integral.
const CELL: i64 = 60 * NANOS_PER_SEC as i64;

/// A constant rate until an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    /// Where it ends; later than where it begins.
    pub end: u64,
    /// Arrivals per nanosecond, finite and >= 0.
    pub rate: f64,
}

/// Where a stream of arrivals begins and ends, and how its rate differs from the shape's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub start: u64,
    pub end: u64,
    /// Multiplies the rate.
    pub factor: f64,
    /// (start, end, factor) of windows in which the rate is lower.
    pub dips: Vec<(u64, u64, f64)>,
}

/// The rate of one stream over time.
pub(super) struct Rates {
    shape: Cursor,
    origin: u64,
    window: Window,
    /// Logarithm of the growth in a nanosecond.
    growth: f64,
}

impl Rates {
    pub(super) fn new(scenario: &Scenario, window: Window) -> Result<Self, TrafficError> {
        let origin = origin(scenario);
        let shape = match &scenario.traffic.shape {
            Shape::Constant(rate) => Cursor::Constant(rate.0),
            Shape::Steps(steps) => Cursor::Steps {
                steps: steps.iter().map(|(at, rate)| (origin.saturating_add(at.0), rate.0)).collect(),
                next: 0,
            },
            Shape::Diurnal(curve) => Cursor::Diurnal(Box::new(Diurnal::new(scenario, curve)?)),
            Shape::ReplayRate(file) => Cursor::Replay(Box::new(Replay::open(file)?)),
            // Requests that are replayed one by one have no rate.
            Shape::ReplayRequests(_) => Cursor::Constant(0.0),
        };
        Ok(Self { shape, origin, window, growth: growth_per_nano(scenario) })
    }

    /// Where the stream begins.
    pub(super) fn start(&self) -> u64 {
        self.window.start
    }

    /// The hour in which `t` lies.
    pub(super) fn hour(&self, t: u64) -> Hour {
        let number = (t as i64 - self.origin as i64).div_euclid(HOUR as i64);
        let start = self.origin as i64 + number * HOUR as i64;
        // The first one may have begun before the engine's origin.
        Hour { number, start: start.max(0) as u64, end: (start + HOUR as i64) as u64 }
    }

    /// The stretch from `t` on, cut where an hour ends; `None` when the stream has ended. `t` must not fall.
    pub(super) fn next(&mut self, t: u64) -> Result<Option<Piece>, TrafficError> {
        if t >= self.window.end {
            return Ok(None);
        }
        let mut limit = self.window.end.min(self.hour(t).end);
        let mut factor = self.window.factor / 1e9;
        for &(from, to, lower) in &self.window.dips {
            if t < from {
                limit = limit.min(from);
            } else if t < to {
                limit = limit.min(to);
                factor *= lower;
            }
        }
        let (end, per_second) = self.shape.at(t, limit, self.origin)?;
        if !(per_second > 0.0 && per_second.is_finite()) {
            // Nothing happens: no need to stop at the hours.
            return Ok(Some(Piece { end: end.min(self.window.end), rate: 0.0 }));
        }
        let end = end.min(limit);
        let mut rate = per_second * factor;
        if self.growth.abs() > 0.0 {
            rate *= mean_growth(self.growth, t as f64 - self.origin as f64, (end - t) as f64);
        }
        Ok(Some(Piece { end, rate: if rate.is_finite() { rate } else { 0.0 } }))
    }
}

/// An hour since `t = 0` (negative in the warm-up).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hour {
    pub number: i64,
    /// When it begins, 0 at the earliest.
    pub start: u64,
    pub end: u64,
}

/// Where `t = 0` is on the engine's clock. Signed counts of nanoseconds end after 292 years; this stays well before.
pub(super) fn origin(scenario: &Scenario) -> u64 {
    scenario.warmup.0.min(i64::MAX as u64 / 4)
}

/// Where the horizon ends on the engine's clock.
pub(super) fn end(scenario: &Scenario) -> u64 {
    origin(scenario).saturating_add(scenario.horizon.0).min(i64::MAX as u64 / 2)
}

/// Logarithm of the growth in a nanosecond; growth compounds over the scenario's month.
pub(super) fn growth_per_nano(scenario: &Scenario) -> f64 {
    let growth = libm::log1p(scenario.traffic.growth_per_month) / scenario.month.0 as f64;
    if growth.is_finite() { growth } else { 0.0 }
}

/// Mean of exp(growth x t) over a stretch that begins at `t` and lasts `length`.
fn mean_growth(growth: f64, t: f64, length: f64) -> f64 {
    let exponent = growth * length;
    let within = if exponent.abs() < 1e-300 { 1.0 } else { libm::expm1(exponent) / exponent };
    libm::exp(growth * t) * within
}

/// Where a shape stands.
enum Cursor {
    /// Requests a second.
    Constant(f64),
    Steps {
        /// (engine time, requests a second), ascending.
        steps: Vec<(u64, f64)>,
        /// The first step that hasn't begun.
        next: usize,
    },
    Diurnal(Box<Diurnal>),
    Replay(Box<Replay>),
}

impl Cursor {
    /// (end, requests a second) of the stretch from `t` on. What lies beyond `limit` won't be used: where the rate
    /// changes all the time, the mean is taken no further.
    fn at(&mut self, t: u64, limit: u64, origin: u64) -> Result<(u64, f64), TrafficError> {
        match self {
            Self::Constant(rate) => Ok((u64::MAX, *rate)),
            Self::Steps { steps, next } => {
                while steps.get(*next).is_some_and(|(at, _)| *at <= t) {
                    *next += 1;
                }
                // Before the first step, in the warm-up, its rate holds.
                let rate = steps.get(next.saturating_sub(1)).map_or(0.0, |(_, rate)| *rate);
                // The first step only begins what went on before it.
                let end = steps.get((*next).max(1)).map_or(u64::MAX, |(at, _)| *at);
                Ok((end, rate))
            }
            Self::Diurnal(curve) => curve.at(t, limit, origin),
            Self::Replay(replay) => Ok(replay.at(t, origin)?),
        }
    }
}

/// The daily wave; see [`scenario::Diurnal`] for its formula.
struct Diurnal {
    /// Requests a second at a weekday's peak.
    peak: f64,
    kappa: f64,
    weekend: f64,
    /// Local time of day of the peak, ns.
    peak_at: i64,
    zone: TimeZone,
    /// The instant of `t = 0`, ns since 1970.
    epoch: i128,
    /// Local time minus UTC (ns), and until when (ns since 1970) it holds.
    offset: i64,
    until: i128,
}

impl Diurnal {
    fn new(scenario: &Scenario, curve: &scenario::Diurnal) -> Result<Self, TrafficError> {
        let zone = TimeZone::get(&scenario.timezone)
            .map_err(|error| TrafficError::TimeZone { name: scenario.timezone.clone(), message: error.to_string() })?;
        let midnight =
            scenario.start.to_zoned(zone.clone()).map_err(|error| TrafficError::Calendar(error.to_string()))?;
        Ok(Self {
            peak: curve.peak.0,
            kappa: curve.kappa,
            weekend: curve.weekend,
            peak_at: (curve.peak_at.0 % DAY as u64) as i64,
            zone,
            epoch: midnight.timestamp().as_nanosecond(),
            offset: 0,
            until: i128::MIN,
        })
    }

    fn at(&mut self, t: u64, limit: u64, origin: u64) -> Result<(u64, f64), TrafficError> {
        let since_start = t as i64 - origin as i64;
        let instant = self.epoch + i128::from(since_start);
        if instant >= self.until {
            self.look_up(instant)?;
        }
        // Nanoseconds since the daily trough, on the local clock. Each wave-day runs from trough to trough and takes
        // the weekday of its peak.
        let trough_clock = instant + i128::from(self.offset) - i128::from(self.peak_at) + i128::from(DAY / 2);
        let day = trough_clock.div_euclid(i128::from(DAY));
        let since_trough = trough_clock.rem_euclid(i128::from(DAY)) as i64;
        // 1970-01-01 was a Thursday: days 2 and 3 of each seven are Saturday and Sunday.
        let weekday = if matches!(day.rem_euclid(7), 2 | 3) { self.weekend } else { 1.0 };

        // How long this holds: until the trough, and until the offset from UTC changes.
        let mut length = (DAY - since_trough).min((self.until - instant).min(i128::from(DAY)) as i64);
        let steady = weekday * self.peak;
        if steady <= 0.0 || self.kappa <= 0.0 {
            return Ok((t.saturating_add(length as u64), steady));
        }
        length = length.min(CELL - since_start.rem_euclid(CELL)).min((limit - t) as i64);
        Ok((t.saturating_add(length as u64), steady * self.mean(since_trough, since_trough + length)))
    }

    /// Mean of exp(kappa (cos(theta) - 1)) between two instants of a wave-day, by Gauss and Legendre's rule with three
    /// points: exact to the last digits over a minute.
    fn mean(&self, from: i64, to: i64) -> f64 {
        let (from, to) = (from as f64, to as f64);
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        // The trough is at -pi.
        let value = |at: f64| libm::exp(self.kappa * (libm::cos(2.0 * PI * at / DAY as f64 - PI) - 1.0));
        let node = half * 0.774_596_669_241_483_4; // sqrt(3 / 5)
        (5.0 * (value(middle - node) + value(middle + node)) + 8.0 * value(middle)) / 18.0
    }

    /// The zone's offset at an instant, and how long it holds.
    fn look_up(&mut self, instant: i128) -> Result<(), TrafficError> {
        let at = Timestamp::from_nanosecond(instant).map_err(|error| TrafficError::Calendar(error.to_string()))?;
        self.offset = i64::from(self.zone.to_offset(at).seconds()) * NANOS_PER_SEC as i64;
        self.until = self.zone.following(at).next().map_or(i128::MAX, |next| next.timestamp().as_nanosecond());
        Ok(())
    }
}

/// A rate file under way: the row whose period may hold `t`, and the one after it.
struct Replay {
    file: ReplayFile,
    period: u64,
    reader: RateReader,
    row: RateRow,
    next: Option<RateRow>,
    /// Time of the file's first row.
    first: i64,
    /// Since `t = 0`: when this pass through the file began.
    lap: u64,
    ended: bool,
}

impl Replay {
    fn open(file: &ReplayFile) -> Result<Self, FileError> {
        let period = match file.period {
            SimDuration::ZERO => scan_rate(&file.path, &file.shown, &file.columns)?.period.0,
            stated => stated.0,
        };
        let mut reader = RateReader::open(&file.path, &file.shown, &file.columns)?;
        let Some(row) = reader.next_row()? else { return Err(no_rows(file)) };
        let next = reader.next_row()?;
        Ok(Self { file: file.clone(), period, reader, row, next, first: row.at, lap: 0, ended: false })
    }

    /// Before `t = 0`, between rows and after the last one nothing arrives.
    fn at(&mut self, t: u64, origin: u64) -> Result<(u64, f64), FileError> {
        if t < origin {
            return Ok((origin, 0.0));
        }
        let t = t - origin;
        loop {
            if self.ended {
                return Ok((u64::MAX, 0.0));
            }
            let start = self.lap.saturating_add(self.row.at.abs_diff(self.first));
            if t < start {
                return Ok((origin.saturating_add(start), 0.0));
            }
            // A row that comes early ends the period before it.
            let length = self.next.map_or(self.period, |next| next.at.abs_diff(self.row.at).min(self.period));
            let end = start.saturating_add(length);
            if t < end {
                return Ok((origin.saturating_add(end), self.row.count / (length as f64 / 1e9)));
            }
            match self.next {
                Some(next) => {
                    self.row = next;
                    self.next = self.reader.next_row()?;
                }
                None if self.file.repeat => {
                    // The first row is the same as before, unless somebody changed the file.
                    let lap = Self::open(&self.file)?;
                    *self = Self { lap: end, period: self.period, ..lap };
                }
                None => self.ended = true,
            }
        }
    }
}

/// The error for a file that has a header at most.
pub(super) fn no_rows(file: &ReplayFile) -> FileError {
    FileError {
        file: file.shown.clone(),
        line: None,
        text: None,
        message: "it has no rows".to_owned(),
        help: None,
        row: None,
    }
}
