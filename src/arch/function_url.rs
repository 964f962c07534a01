//! A function's own URL: clients that call a function without anything in front.
//!
//! The URL takes ten requests a second for each reserved environment, as a bucket of one second, and refuses the others (429) before they
//! reach the function: they take nothing of the account's request rate, and nothing is paid for them. Without a reserved concurrency it has no limit of
//! its own.
//!
//! Sources: Lambda developer guide, function URLs, "throttling" (a reserved concurrency of 100 is 1,000 requests a second at most, 429 beyond it); AWS.md
//! 14. That it is a bucket of one second, as the account's, and that it comes first are our reading.
//!
//! Only the paths of clients to such a function end here ([`Place::Url`]): what other functions, queues or streams invoke does not pass the URL, and
//! a function without reserved concurrency knows nothing of this.

use super::call::Call;
use super::token_bucket::TokenBucket;
use super::way_back::{Path, Place};
use super::world::{Event, World};
use crate::sim::queue::EventQueue;
use crate::spec::lifecycle::Times;
use crate::spec::model::{Architecture, ComponentKind, Function};
use crate::spec::scenario::Scenario;
use crate::units::SimTime;

/// Requests a second for each reserved environment.
pub const RATE: u64 = 10;

/// Requests a second that clients may ask of this function by its URL, if it is the entry and anything limits it there. There were no URLs before April 2022.
pub fn rate(scenario: &Scenario, architecture: &Architecture, component: usize, function: &Function) -> Option<u64> {
    let is_entry = usize::from(architecture.entry.0) == component && function.asynchronous.is_none();
    let by_url = is_entry && scenario.account.times != Times::In2017;
    function.reserved_concurrency.filter(|_| by_url).map(|reserved| reserved.saturating_mul(RATE))
}

/// The URL of a function that clients call.
#[derive(Debug)]
pub struct FunctionUrl {
    bucket: TokenBucket,
    /// Its calls last at instants that are not known when they begin.
    waits: bool,
}

/// The URL of the architecture's entry, if it limits anything; paths that end there are led to it.
pub(super) fn url(scenario: &Scenario, architecture: &Architecture, paths: &mut [Path]) -> Option<FunctionUrl> {
    let entry = usize::from(architecture.entry.0);
    let ComponentKind::Lambda(function) = &architecture.components[entry].kind else { return None };
    let rate = rate(scenario, architecture, entry, function)? as f64;
    let mut waits = false;
    for path in paths {
        match path.last {
            Place::Function(function) | Place::Apart(function) => path.last = Place::Url(function),
            Place::Caller(function) => (path.last, waits) = (Place::Url(function), true),
            _ => {}
        }
    }
    Some(FunctionUrl { bucket: TokenBucket::new(rate, rate), waits })
}

impl World<'_> {
    /// The last step of an attempt at a function's URL.
    #[inline(never)]
    pub(super) fn attempt_at_url(
        &mut self,
        now: SimTime,
        mut call: Call,
        function: u16,
        depth: usize,
        queue: &mut EventQueue<Event>,
    ) {
        let (taken, waits) = self.url.as_mut().map_or((true, false), |url| (url.bucket.take(now), url.waits));
        if !taken {
            let refused = self.functions[usize::from(function)].throttle_by_rate(now);
            return self.answer(now, call, refused, depth, queue);
        }
        if waits {
            return self.attempt_at_caller(now, call, function, queue);
        }
        let ending = self.invoke_version(now, function, &mut call, queue);
        self.answer(now, call, ending, depth, queue);
    }
}
