//! Requests replayed one by one from a file.
//!
//! The first row arrives at `t = 0`. With a multiple of 1 (no scale, growth or burst) each row is one request at exactly its
//! instant. With another multiple m each row becomes floor(m) requests, and one more with the probability of the
//! remainder, decided by a hash of the row's number: for m < 1 the requests are a subset of the file's, for m > 1 the file's own are
//! all there, and each copy arrives at a random instant between its row and the next one, so that the file's rhythm is
//! kept. Bursts (`times` > 1) are further copies with hashes of their own. `spread` has no meaning here.
//!
//! Where a row has a duration it is taken as it is, split by the file's `cpu_share` and `measured_on`; copies take the same. Without
//! one the work is drawn as for any other request.

use super::arrivals::Request;
use super::csv_file::{FileError, RequestReader};
use super::rates::{self, growth_per_nano, no_rows};
use super::work::{Works, split};
use super::{Batch, TrafficError, Variant};
use crate::sim::random::{self, Key, unit};
use crate::spec::scenario::{MeasuredOn, ReplayFile, Scenario};
use std::collections::{BTreeMap, VecDeque};

/// A row may become this many requests.
const MAX_COPIES: f64 = 1e6;

/// A request file under way.
pub(super) struct Requests {
    file: ReplayFile,
    reader: RequestReader,
    works: Works,
    key: Key,
    classes: BTreeMap<Vec<u8>, u16>,
    cpu_factor: f64,
    wait_factor: f64,
    /// Where `t = 0` and the horizon's end are on the engine's clock.
    origin: u64,
    end: u64,
    scale: f64,
    growth: f64,
    bursts: Vec<Burst>,
    /// Rows that were read, in all passes and in this one.
    row: u64,
    rows_of_lap: u64,
    /// Time of the file's first row; since `t = 0` the start of this pass, and the time of the last row.
    first: Option<i64>,
    lap: u64,
    last: u64,
    /// The row that is next, read ahead because its copies reach to the one after it.
    ahead: Option<Row>,
    started: bool,
    /// Requests that are ready, ascending.
    ready: VecDeque<Request>,
}

/// A window on the engine's clock in which there are more requests or fewer.
struct Burst {
    start: u64,
    end: u64,
    times: f64,
    key: Key,
}

#[derive(Clone, Copy)]
struct Row {
    /// On the engine's clock.
    at: u64,
    number: u64,
    class: Option<u16>,
    /// Nanoseconds.
    duration: Option<u64>,
}

impl Requests {
    pub(super) fn open(
        scenario: &Scenario,
        file: &ReplayFile,
        works: Works,
        key: Key,
        variant: &Variant,
    ) -> Result<Self, TrafficError> {
        let (origin, end) = (rates::origin(scenario), rates::end(scenario));
        let traffic = &scenario.traffic;
        let bursts = traffic.bursts.iter().enumerate().filter(|(_, burst)| variant.without != Some(burst.per));
        let bursts = bursts.map(|(n, burst)| {
            let start = origin.saturating_add(burst.at.0);
            Burst { start, end: start.saturating_add(burst.lasts.0), times: burst.times, key: burst_key(key, n) }
        });
        let speed = match &file.measured_on {
            // A function below 1,769 MB has that share of a vCPU.
            Some(MeasuredOn::LambdaMemory(mb)) => (f64::from(*mb) / 1_769.0).min(1.0),
            Some(MeasuredOn::Instance { speed, .. }) => *speed,
            None => 1.0,
        };
        let share = file.cpu_share.unwrap_or(0.0);
        let classes = scenario.classes.iter().enumerate().map(|(n, class)| (class.name.clone().into_bytes(), n as u16));
        Ok(Self {
            reader: RequestReader::open(&file.path, &file.shown, &file.columns)?,
            file: file.clone(),
            works,
            key: key.named("base"),
            classes: classes.collect(),
            cpu_factor: share * speed,
            wait_factor: 1.0 - share,
            origin,
            end,
            scale: traffic.scale * variant.scale,
            growth: growth_per_nano(scenario),
            bursts: bursts.collect(),
            row: 0,
            rows_of_lap: 0,
            first: None,
            lap: 0,
            last: 0,
            ahead: None,
            started: false,
            ready: VecDeque::new(),
        })
    }

    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<(), TrafficError> {
        if !self.started {
            self.started = true;
            self.ahead = self.read()?;
            if self.ahead.is_none() && self.row == 0 {
                return Err(no_rows(&self.file).into());
            }
        }
        while !batch.is_full() {
            match self.ready.pop_front() {
                Some(request) => {
                    batch.push(request);
                }
                None => {
                    let Some(row) = self.ahead else { break };
                    self.ahead = self.read()?;
                    // Copies of the last row come within the mean gap.
                    let until = self.ahead.map_or(row.at.saturating_add(self.mean_gap()), |next| next.at);
                    self.multiply(row, until.min(self.end))?;
                }
            }
        }
        Ok(())
    }

    /// The next row before the end of the horizon.
    fn read(&mut self) -> Result<Option<Row>, TrafficError> {
        loop {
            let Some(row) = self.reader.next_row()? else {
                let gap = self.mean_gap();
                if !self.file.repeat || gap == 0 {
                    return Ok(None);
                }
                // The next pass begins one mean gap after the last request.
                self.lap = self.last.saturating_add(gap);
                self.rows_of_lap = 0;
                self.reader = RequestReader::open(&self.file.path, &self.file.shown, &self.file.columns)?;
                continue;
            };
            let first = *self.first.get_or_insert(row.at);
            self.last = self.lap.saturating_add(row.at.abs_diff(first));
            let at = self.origin.saturating_add(self.last);
            let duration = row.duration.map(|duration| duration.0);
            let class = row.name.map(|name| self.classes.get(name).copied());
            let number = self.row;
            self.row += 1;
            self.rows_of_lap += 1;
            if at >= self.end {
                return Ok(None);
            }
            return match class {
                Some(None) => Err(self.unknown_name().into()),
                class => Ok(Some(Row { at, number, class: class.flatten(), duration })),
            };
        }
    }

    /// Mean distance between the rows of this pass, in nanoseconds.
    fn mean_gap(&self) -> u64 {
        self.last.saturating_sub(self.lap).checked_div(self.rows_of_lap.saturating_sub(1)).unwrap_or(0)
    }

    fn unknown_name(&self) -> FileError {
        let mut names: Vec<_> = self.classes.iter().collect();
        names.sort_by_key(|(_, n)| **n);
        let names: Vec<_> =
            names.iter().take(20).map(|(name, _)| format!("`{}`", String::from_utf8_lossy(name))).collect();
        self.reader
            .wrong_name("the scenario has no request of this name", Some(&format!("it has {}", names.join(", "))))
    }

    /// Makes the requests of a row that arrive from its instant to before `until`.
    fn multiply(&mut self, row: Row, until: u64) -> Result<(), TrafficError> {
        let grown = self.scale * libm::exp(self.growth * (row.at - self.origin) as f64);
        let during = |burst: &&Burst| (burst.start..burst.end).contains(&row.at);
        let lower: f64 = self.bursts.iter().filter(during).map(|burst| burst.times.min(1.0)).product();
        let ready = &mut self.ready;
        let makes =
            Maker { works: &self.works, cpu_factor: self.cpu_factor, wait_factor: self.wait_factor, row, until };
        makes.copies(ready, self.key, grown * lower, true)?;
        for burst in self.bursts.iter().filter(during).filter(|burst| burst.times > 1.0) {
            makes.copies(ready, burst.key, grown * (burst.times - 1.0), false)?;
        }
        if ready.len() > 1 {
            // Stable: what shares an instant keeps its order.
            ready.make_contiguous().sort_by_key(|request| request.at);
        }
        Ok(())
    }
}

/// Key of the n-th burst of the scenario, whether others are left out or not.
pub(super) fn burst_key(key: Key, n: usize) -> Key {
    key.named("burst").numbered(n as u64)
}

/// Makes the requests of one row.
struct Maker<'a> {
    works: &'a Works,
    cpu_factor: f64,
    wait_factor: f64,
    row: Row,
    until: u64,
}

impl Maker<'_> {
    /// Appends `multiple` requests, the remainder by chance; the first at the row's own instant if `exact`.
    fn copies(&self, ready: &mut VecDeque<Request>, key: Key, multiple: f64, exact: bool) -> Result<(), TrafficError> {
        // NaN is refused with the rest.
        if !(0.0..=MAX_COPIES).contains(&multiple) {
            return Err(TrafficError::TooManyCopies { multiple });
        }
        // Numbers 0 and 1 of a copy say whether and when, the others what it needs.
        const NUMBERS: u32 = 16;
        let whole = multiple as u32;
        let more = multiple - f64::from(whole);
        for copy in 0..=whole {
            let number = |k: u32| key.draw(self.row.number, (copy * NUMBERS).wrapping_add(k));
            if copy == whole && !(more > 0.0 && unit(number(0)) < more) {
                break;
            }
            let at = if exact && copy == 0 {
                self.row.at
            } else {
                self.row.at + random::below(number(1), self.until.saturating_sub(self.row.at))
            };
            let mut k = 1;
            let mut next = || {
                k += 1;
                number(k)
            };
            let class = self.row.class.unwrap_or_else(|| self.works.class(next()));
            let (cpu, wait) = match self.row.duration {
                Some(duration) => split(duration, self.cpu_factor, self.wait_factor),
                None => self.works.draw_of(class, next),
            };
            ready.push_back(Request { at, needs: (class, cpu, wait) });
        }
        Ok(())
    }
}
