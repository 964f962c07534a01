//! A request on its way, and how an attempt at it ended.

use super::output::Outcome;
use crate::units::SimTime;

/// One attempt at a request. Small and `Copy`: it travels with the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Number of the request in its replication: the same for every architecture. For a call that a function makes, a number drawn for it.
    pub id: u64,
    /// When the client first sent it.
    pub first_at: SimTime,
    /// When this attempt was sent.
    pub at: SimTime,
    /// CPU in nanoseconds of the reference vCPU.
    pub cpu: u64,
    /// Wait in nanoseconds.
    pub wait: u64,
    /// Request class, an index into the scenario's.
    pub class: u16,
    /// 0 for the first attempt.
    pub attempt: u8,
    /// Whether an attempt met a cold start.
    pub cold: bool,
    /// Where its deadline is kept, or [`NO_TICKET`].
    pub ticket: u32,
}

impl Call {
    /// A call that begins at `now`, without any work yet.
    #[inline(always)]
    pub const fn fresh(id: u64, now: SimTime, class: u16) -> Self {
        Self { id, first_at: now, at: now, cpu: 0, wait: 0, class, attempt: 0, cold: false, ticket: NO_TICKET }
    }
}

impl Call {
    /// A copy, made field by field, for a path that is hardly ever taken and needs it in memory: the call itself can then stay in registers. To
    /// write its fields and to read it whole soon after costs a processor as much as all that a balancer does.
    #[inline(always)]
    pub const fn apart(&self) -> Self {
        let Self { id, first_at, at, cpu, wait, class, attempt, cold, ticket } = *self;
        Self { id, first_at, at, cpu, wait, class, attempt, cold, ticket }
    }
}

/// No deadline is kept for the attempt.
pub const NO_TICKET: u32 = u32::MAX;

/// How and when an attempt ended, as seen by whoever called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: SimTime,
    /// HTTP status.
    pub status: u16,
    /// What that means for the request if it is not tried again.
    pub outcome: Outcome,
}

impl Ending {
    /// Answered.
    pub const fn served(at: SimTime) -> Self {
        Self { at, status: 200, outcome: Outcome::Served }
    }

    /// Refused by a limit.
    pub const fn throttled(at: SimTime) -> Self {
        Self { at, status: 429, outcome: Outcome::Throttled }
    }
}
