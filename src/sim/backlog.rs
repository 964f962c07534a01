//! Requests that wait for a place at work, first come, first served, and how many they were over time.

use super::processor_sharing::Job;
use std::collections::VecDeque;

/// See the module's documentation. Costs nothing while nobody waits.
#[derive(Debug, Clone)]
pub struct Backlog<T> {
    jobs: VecDeque<Job<T>>,
    counted_at: u64,
    seen: Waited,
}

/// What was seen of a backlog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waited {
    /// The integral of its length in request-nanoseconds: the time that all of them waited.
    pub area: u64,
    /// Requests that joined it.
    pub requests: u64,
    /// Its greatest length.
    pub peak: u64,
}

impl<T> Backlog<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { jobs: VecDeque::new(), counted_at: 0, seen: Waited { area: 0, requests: 0, peak: 0 } }
    }

    /// How many wait.
    #[inline]
    pub fn length(&self) -> u64 {
        self.jobs.len() as u64
    }

    /// Brings the integral up to `now`, in nanoseconds.
    #[inline]
    pub fn count(&mut self, now: u64) {
        self.seen.area += self.length() * (now - self.counted_at.min(now));
        self.counted_at = now;
    }

    /// One more waits from `now` on.
    pub fn push(&mut self, now: u64, job: Job<T>) {
        self.count(now);
        self.jobs.push_back(job);
        self.seen.requests += 1;
        self.seen.peak = self.seen.peak.max(self.length());
    }

    /// The first goes to work at `now`.
    #[inline]
    pub fn pop(&mut self, now: u64) -> Option<Job<T>> {
        if self.jobs.is_empty() {
            return None;
        }
        self.count(now);
        self.jobs.pop_front()
    }

    /// All leave. To be called after [`Backlog::take`].
    pub fn drain(&mut self) -> impl Iterator<Item = Job<T>> + '_ {
        self.jobs.drain(..)
    }

    /// What was seen since the last call, up to `now`. To be called at least every few hours, so that the integral fits.
    pub fn take(&mut self, now: u64) -> Waited {
        self.count(now);
        let fresh = Waited { area: 0, requests: 0, peak: self.length() };
        std::mem::replace(&mut self.seen, fresh)
    }
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One waits from 10 to 40, one from 20 to 50: at most two, 60 in all; the second for 10 after the first look.
    #[test]
    fn length_over_time() {
        let job = |tag| Job { cpu: 1, wait: 0, tag };
        let mut backlog = Backlog::new();
        assert_eq!(backlog.take(5), Waited::default());
        backlog.push(10, job(1));
        backlog.push(20, job(2));
        assert_eq!(backlog.pop(40).map(|job| job.tag), Some(1));
        assert_eq!(backlog.take(40), Waited { area: 50, requests: 2, peak: 2 });
        assert_eq!(backlog.pop(50).map(|job| job.tag), Some(2));
        assert!(backlog.pop(60).is_none());
        assert_eq!(backlog.take(70), Waited { area: 10, requests: 0, peak: 1 });
    }
}
