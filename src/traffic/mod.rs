//! Arrival streams: when each request comes, what kind it is and what it needs.
//!
//! The same scenario, seed and replication give the same requests, byte for byte, whatever architecture serves them: that
//! is what makes differences between architectures paired. A [`Source`] hands them out in order of time, a [`Batch`]
//! at a time, in memory that doesn't grow with their number.
//!
//! # Shapes
//! Every rate shape becomes stretches of constant rate (`rates`), from which a Poisson process is made by inverting the
//! integrated rate, or evenly spaced requests (`arrivals`). The diurnal curve is taken in stretches of a minute, each
//! with its exact integral; its clock is the local one of the scenario's time zone. Growth compounds within every
//! stretch. Rate files are streamed; periods that are missing have no requests. Request files are replayed row by row
//! (`requests`).
//!
//! A burst with `times` > 1 adds a stream of its own with (times - 1) x the base rate, so that the base requests are the same
//! with it and without it; one with `times` < 1 lowers the base rate in its window. Overlapping bursts add up.
//!
//! # Random numbers
//! Every stream starts afresh at each hour since `t = 0` with the key (seed, replication, "traffic", stream, hour): an
//! hour's requests don't depend on those before it, and an hour can be simulated alone.
//!
//! # The warm-up
//! Times are the engine's: 0 is the start of the warm-up, `t = 0` comes after it. During the warm-up the wave and the growth
//! go on backwards, steps have their first rate, and replayed files and bursts have not begun.

pub mod csv_file;

mod arrivals;
mod expected;
mod rates;
mod requests;
#[cfg(test)]
mod tests;
mod work;

use crate::sim::random::Key;
use crate::sim::sampler::{Sampler, UnitExponential};
use crate::spec::scenario::{Frequency, Scenario, Shape};
use crate::units::SimTime;
pub use expected::{expected_by_minute, expected_by_slot, expected_requests};
pub use work::Moments;

use arrivals::{Request, Stream};
use csv_file::FileError;
use rates::{Rates, Window};
use requests::{Requests, burst_key};
use std::collections::VecDeque;
use work::Works;

/// Why traffic can't be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrafficError {
    /// A replayed file can't be read, or a row of it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The scenario's time zone isn't known.
    #[error("time zone `{name}`: {message}")]
    TimeZone {
        /// As written.
        name: String,
        /// Why.
        message: String,
    },
    /// A date beyond the calendar (years -9999 to 9999).
    #[error("the simulated time leaves the calendar: {0}")]
    Calendar(String),
    /// The scale, growth or a burst multiplies each replayed request beyond reason.
    #[error("each request of the file would be replayed {multiple} times; at most 1,000,000 are possible")]
    TooManyCopies {
        /// How often.
        multiple: f64,
    },
}

/// How an extra run differs from the scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variant {
    /// Multiplies all traffic (finite, >= 0).
    pub scale: f64,
    /// Bursts that happen this often are left out.
    pub without: Option<Frequency>,
    /// Only the requests from one instant to another, on the engine's clock. From the first whole hour since `t = 0` on they are those that
    /// the whole has there; those of an hour that is begun in its middle are others of the same rate, and evenly spaced ones may be shifted by
    /// less than a gap. Request replay is not cut.
    pub window: Option<(SimTime, SimTime)>,
}

impl Default for Variant {
    fn default() -> Self {
        Self { scale: 1.0, without: None, window: None }
    }
}

/// Some requests in order of time, as parallel columns. Allocate one and fill it again and again.
pub struct Batch {
    /// Arrival.
    pub at: Box<[SimTime; Batch::SIZE]>,
    /// Index into the scenario's classes.
    pub class: Box<[u16; Batch::SIZE]>,
    /// CPU nanoseconds on the reference vCPU.
    pub cpu: Box<[u64; Batch::SIZE]>,
    /// Nanoseconds blocked.
    pub wait: Box<[u64; Batch::SIZE]>,
    /// How many of them are filled.
    pub len: usize,
}

impl Batch {
    /// The most requests that a batch holds.
    pub const SIZE: usize = 512;

    /// An empty batch.
    pub fn new() -> Self {
        Self {
            at: Box::new([SimTime::ZERO; Self::SIZE]),
            class: Box::new([0; Self::SIZE]),
            cpu: Box::new([0; Self::SIZE]),
            wait: Box::new([0; Self::SIZE]),
            len: 0,
        }
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.len >= Self::SIZE
    }

    /// Appends a request; false when there is no room.
    #[inline]
    fn push(&mut self, request: Request) -> bool {
        let n = self.len;
        if n >= Self::SIZE {
            return false;
        }
        self.at[n] = SimTime(request.at);
        (self.class[n], self.cpu[n], self.wait[n]) = request.needs;
        self.len = n + 1;
        true
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// The requests of one replication of a scenario, in order of time.
pub struct Source(Kind);

enum Kind {
    Rates(Box<Streams>),
    Requests(Box<Requests>),
}

impl Source {
    /// Prepares the traffic of one replication: compiles the distributions and opens a replayed file.
    ///
    /// # Errors
    /// An unknown time zone, a date beyond the calendar, or a file that can't be used.
    pub fn new(scenario: &Scenario, replication: u32, variant: &Variant) -> Result<Self, TrafficError> {
        let key = Key::new(scenario.seed, replication).named("traffic");
        let works = Works::compile(&scenario.classes);
        Ok(Self(match &scenario.traffic.shape {
            Shape::ReplayRequests(file) => {
                Kind::Requests(Box::new(Requests::open(scenario, file, works, key, variant)?))
            }
            _ => Kind::Rates(Box::new(Streams::new(scenario, works, key, variant)?)),
        }))
    }

    /// Replaces the batch's requests by the next ones; none (`len` 0) when the traffic has ended. Times ascend (they may
    /// be equal) and lie before warm-up + horizon.
    ///
    /// # Errors
    /// A row of a replayed file that can't be used, or a date beyond the calendar.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<(), TrafficError> {
        batch.len = 0;
        match &mut self.0 {
            Kind::Rates(streams) => streams.fill(batch),
            Kind::Requests(requests) => requests.fill(batch),
        }
    }
}

/// The base stream and those of the bursts, merged by time.
struct Streams {
    works: Works,
    exponential: UnitExponential,
    active: Vec<Stream>,
    /// Those that have not begun, by their start: the file of a replay is opened only when its burst begins.
    waiting: VecDeque<(Window, Key)>,
    scenario: Scenario,
}

/// Where the streams of a run begin and end: those of the bursts, each with its number, then the base.
fn windows(scenario: &Scenario, variant: &Variant) -> Vec<(Window, Option<usize>)> {
    let origin = rates::origin(scenario);
    let whole = (SimTime::ZERO, SimTime(rates::end(scenario)));
    let (from, to) = variant.window.unwrap_or(whole);
    let (from, end) = (from.0, to.0.min(whole.1.0));
    let factor = scenario.traffic.scale * variant.scale;
    let mut dips = Vec::new();
    let mut windows = Vec::new();
    for (number, burst) in scenario.traffic.bursts.iter().enumerate() {
        let start = origin.saturating_add(burst.at.0);
        let (start, end) = (start.max(from), start.saturating_add(burst.lasts.0).min(end));
        if variant.without == Some(burst.per) || start >= end {
            continue;
        }
        if burst.times < 1.0 {
            dips.push((start, end, burst.times));
        } else if burst.times > 1.0 {
            let window = Window { start, end, factor: factor * (burst.times - 1.0), dips: Vec::new() };
            windows.push((window, Some(number)));
        }
    }
    windows.push((Window { start: from, end, factor, dips }, None));
    windows
}

impl Streams {
    fn new(scenario: &Scenario, works: Works, key: Key, variant: &Variant) -> Result<Self, TrafficError> {
        let from = variant.window.map_or(0, |(from, _)| from.0);
        let keyed = |(window, burst): (Window, Option<usize>)| match burst {
            Some(number) => (window, burst_key(key, number)),
            None => (window, key.named("base")),
        };
        let mut waiting: Vec<(Window, Key)> = windows(scenario, variant).into_iter().map(keyed).collect();
        // Stable: what starts together stays in the scenario's order.
        waiting.sort_by_key(|(window, _)| window.start);
        let mut streams = Self {
            works,
            exponential: Sampler::unit_exponential(),
            active: Vec::new(),
            waiting: waiting.into(),
            // What the streams to come need of it.
            scenario: Scenario { architectures: Vec::new(), classes: Vec::new(), ..scenario.clone() },
        };
        // So that a file that can't be opened is found now.
        streams.begin(from)?;
        Ok(streams)
    }

    /// Begins the streams that start at `t` or before.
    fn begin(&mut self, t: u64) -> Result<(), TrafficError> {
        while self.waiting.front().is_some_and(|(window, _)| window.start <= t) {
            if let Some((window, key)) = self.waiting.pop_front() {
                let rates = Rates::new(&self.scenario, window)?;
                self.active.push(Stream::new(rates, key, self.scenario.traffic.spread));
            }
        }
        Ok(())
    }

    fn fill(&mut self, batch: &mut Batch) -> Result<(), TrafficError> {
        while !batch.is_full() {
            // The stream whose next request may be the first, and how far the others leave it alone.
            let (mut first, mut bound, mut until) = (usize::MAX, u64::MAX, u64::MAX);
            for (n, stream) in self.active.iter().enumerate() {
                match stream.bound() {
                    Some(at) if at < bound || first == usize::MAX => (first, until, bound) = (n, bound, at),
                    Some(at) => until = until.min(at),
                    None => {}
                }
            }
            if let Some((window, _)) = self.waiting.front() {
                if first == usize::MAX || window.start <= bound {
                    let start = window.start;
                    self.begin(start)?;
                    continue;
                }
                until = until.min(window.start);
            }
            let Some(stream) = self.active.get_mut(first) else { break };
            stream.fill(&self.works, &self.exponential, batch, until)?;
            if stream.bound().is_none() {
                self.active.remove(first);
            }
        }
        Ok(())
    }
}
