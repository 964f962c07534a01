//! Versions of one function, each with environments of its own.
//!
//! All count towards one concurrency and one scaling rate. The first version holds the function's counters and limits: before a call
//! goes to another version it is lent what is left of the limits, and at each edge of a bucket or an hour the first takes over what the
//! others have counted.

use super::{AccountState, LambdaState};
use crate::arch::ledger::Ledger;
use crate::arch::provisioned::ProvisionedState;
use crate::arch::world::{Event, Shared, Site};
use crate::sim::queue::EventQueue;
use crate::spec::model::{Function, Provisioned};
use crate::units::SimTime;

impl LambdaState {
    /// A further version, without environments. `site` has its own index. It has no meters: the first version books what it counts.
    pub fn version(
        site: Site<'_>,
        function: &Function,
        shared: &Shared<'_>,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) -> Self {
        // Nothing is provisioned before it is deployed.
        let provisioned = function.provisioned.as_ref().map(|rule| Provisioned { level: 0, ..rule.clone() });
        let function = Function { provisioned, ..function.clone() };
        Self::new(site, &function, shared, &mut Ledger::new(1), account, queue)
    }

    /// Environments at `now`, and those at work.
    pub fn levels(&mut self, now: SimTime, shared: &mut Shared<'_>) -> (u64, u64) {
        self.expire(now, shared);
        (self.total.value(), self.busy.value())
    }

    /// Concurrency that is not left for other versions: calls at work, and provisioned environments whether at work or not.
    pub fn occupied(&self) -> u64 {
        let of_provisioned = |provisioned: &ProvisionedState| provisioned.ready().saturating_sub(provisioned.busy());
        self.busy.value() + self.provisioned.as_ref().map_or(0, of_provisioned)
    }

    /// Before a call goes to it: all versions together stay within `cap`, of which the others occupy so much.
    pub fn leave_room(&mut self, cap: u64, occupied: u64) {
        self.cap = cap.saturating_sub(occupied);
    }

    /// Calls at work: what is reserved, if anything is.
    pub fn cap(&self) -> u64 {
        self.cap
    }

    /// Takes over from the version that had it last what a function has once: its scaling rate.
    pub fn take_turn(&mut self, last: &mut Self) {
        std::mem::swap(&mut self.scaling, &mut last.scaling);
    }

    /// Its next call is expected to end as the first version was told.
    pub fn expect_as(&mut self, first: &Self) {
        self.verdict = first.verdict;
    }

    /// Counts what another version has counted since the last time.
    pub fn absorb(&mut self, other: &mut Self, now: SimTime) {
        let take = std::mem::take::<u64>;
        self.hour_calls.iter_mut().zip(&mut other.hour_calls).for_each(|(own, other)| *own += take(other));
        self.hour_time = self.hour_time.wrapping_add(std::mem::take(&mut other.hour_time));
        self.hour_billed_ms += take(&mut other.hour_billed_ms);
        self.hour_provisioned_ms += take(&mut other.hour_provisioned_ms);
        self.hour_starts += take(&mut other.hour_starts);
        self.hour_streamed = self.hour_streamed.saturating_add(take(&mut other.hour_streamed));
        self.unserved += take(&mut other.unserved);
        self.throttled += take(&mut other.throttled);
        self.throttled_by_rate += take(&mut other.throttled_by_rate);
        self.cold_starts += take(&mut other.cold_starts);
        self.waited = self.waited.wrapping_add(std::mem::take(&mut other.waited));
        self.bucket_total += std::mem::take(&mut other.bucket_total);
        self.bucket_busy += std::mem::take(&mut other.bucket_busy);
        if let (Some(own), Some(other)) = (&mut self.provisioned, &mut other.provisioned) {
            own.absorb(other, now);
        }
    }

    /// All versions together have so many environments, and so many at work.
    pub fn note_peaks(&mut self, (total, busy): (u64, u64)) {
        self.total.note_peak(total);
        self.busy.note_peak(busy);
    }
}
