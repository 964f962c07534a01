//! One stream of arrivals: a point process over the stretches of [`Rates`].
//!
//! A Poisson process with a changing rate is a unit-rate one with the clock bent by the integrated rate: each request
//! has an exponential budget, which the stretches consume at their rates. So a peak costs nothing elsewhere, and a
//! stretch without traffic is one step. Since the exponential has no memory, the budget may start afresh where an hour
//! begins; there the random numbers start afresh, too, from the hour's own key.

use super::rates::Rates;
use super::work::{Needs, Works};
use super::{Batch, TrafficError};
use crate::sim::random::{self, Key};
use crate::sim::sampler::UnitExponential;
use crate::spec::scenario::Spread;
use crate::units::SimTime;

/// A request before it is handed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub at: u64,
    pub needs: Needs,
}

/// A stream under way.
pub(super) struct Stream {
    rates: Rates,
    key: Key,
    even: bool,
    /// Of this hour.
    random: random::Stream,
    hour: Option<i64>,
    /// When the hour began. The positions below count from here, so that they are exact as `f64`.
    base: u64,
    /// Position, and where the stretch ends; nanoseconds.
    position: f64,
    piece_end: f64,
    /// Where the stretch ends on the engine's clock.
    now: u64,
    /// Arrivals per nanosecond, and its inverse.
    rate: f64,
    gap: f64,
    /// Integrated rate until the next arrival.
    budget: f64,
    /// A request that was drawn, but lies beyond what was asked for.
    head: Option<Request>,
    ended: bool,
}

impl Stream {
    pub(super) fn new(rates: Rates, key: Key, spread: Spread) -> Self {
        Self {
            now: rates.start(),
            rates,
            key,
            even: spread == Spread::Even,
            random: key.stream(),
            hour: None,
            base: 0,
            position: 0.0,
            piece_end: 0.0,
            rate: 0.0,
            gap: 0.0,
            // Even: the first request half a gap after the start, so that each period holds its own.
            budget: 0.5,
            head: None,
            ended: false,
        }
    }

    /// No request of this stream lies before this instant; `None` when it has ended.
    #[inline]
    pub(super) fn bound(&self) -> Option<u64> {
        match self.head {
            Some(head) => Some(head.at),
            None if self.ended => None,
            None => Some(self.base + self.position as u64),
        }
    }

    /// Appends the requests before `until`, as far as there is room, beginning with one that was drawn already (that one
    /// even if it is later: the caller knows that it is next).
    pub(super) fn fill(
        &mut self,
        works: &Works,
        exponential: &UnitExponential,
        batch: &mut Batch,
        until: u64,
    ) -> Result<(), TrafficError> {
        if let Some(head) = self.head.take()
            && !batch.push(head)
        {
            self.head = Some(head);
            return Ok(());
        }
        while !batch.is_full() {
            // What is the same for all requests is decided here, and the loop compiled for the most frequent case by itself.
            let gaps = |random: &mut random::Stream| exponential.sample_f64(random.next_u64());
            match works.only_wait() {
                _ if self.even => self.fill_piece(batch, until, |_| 1.0, |random| works.draw(|| random.next_u64())),
                Some((cpu, wait)) => {
                    self.fill_piece(batch, until, gaps, |random| (0, cpu, wait.sample(random.next_u64()).0));
                }
                None => self.fill_piece(batch, until, gaps, |random| works.draw(|| random.next_u64())),
            }
            if self.head.is_some() {
                return Ok(());
            }
            if !batch.is_full() {
                self.budget = (self.budget - (self.piece_end - self.position) * self.rate).max(0.0);
                if !self.next_piece(exponential)? {
                    self.ended = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Appends the requests before `until` of this stretch, as far as there is room; a first one after `until` becomes the head.
    #[inline(always)]
    fn fill_piece(
        &mut self,
        batch: &mut Batch,
        until: u64,
        gaps: impl Fn(&mut random::Stream) -> f64,
        works: impl Fn(&mut random::Stream) -> Needs,
    ) {
        // The state lives in locals, so that it stays in registers.
        let (base, gap, piece_end) = (self.base, self.gap, self.piece_end);
        let (mut position, mut budget, mut random) = (self.position, self.budget, self.random.clone());
        let from = batch.len;
        let columns = batch.at[from..].iter_mut().zip(&mut batch.class[from..]);
        let columns = columns.zip(&mut batch.cpu[from..]).zip(&mut batch.wait[from..]);
        let mut filled = 0;
        for (((at, class), cpu), wait) in columns {
            let next = position + budget * gap;
            if next >= piece_end {
                break;
            }
            position = next;
            let instant = base + next as i64 as u64;
            let needs = works(&mut random);
            budget = gaps(&mut random);
            if instant >= until {
                self.head = Some(Request { at: instant, needs });
                break;
            }
            *at = SimTime(instant);
            (*class, *cpu, *wait) = needs;
            filled += 1;
        }
        batch.len += filled;
        (self.position, self.budget, self.random) = (position, budget, random);
    }

    /// Goes on to the next stretch in which something happens; false at the end.
    fn next_piece(&mut self, exponential: &UnitExponential) -> Result<bool, TrafficError> {
        loop {
            let start = self.now;
            let Some(piece) = self.rates.next(start)? else { return Ok(false) };
            self.now = piece.end;
            if piece.rate <= 0.0 {
                continue;
            }
            let hour = self.rates.hour(start);
            if self.hour != Some(hour.number) {
                self.hour = Some(hour.number);
                self.base = hour.start;
                self.random = self.key.numbered(hour.number as u64).stream();
                if !self.even {
                    self.budget = exponential.sample_f64(self.random.next_u64());
                }
            }
            self.position = (start - self.base) as f64;
            self.piece_end = (piece.end - self.base) as f64;
            self.rate = piece.rate;
            self.gap = 1.0 / piece.rate;
            return Ok(true);
        }
    }
}
