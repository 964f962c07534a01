//! What is billed apart from calls of today: inits of provisioned environments, and durations as they were billed in other years: rounded up to 100 ms until December 2020, without the init of managed runtimes packed
//! as zip until August 2025 (AWS.md 1.2). Apart from the way of calls that are billed as today.

use super::{AccountState, Admitted, LambdaState, PROVISIONED, billed_ms};
use crate::arch::call::{Call, Ending};
use crate::arch::ledger::{Ledger, MeterId};
use crate::arch::world::{Event, Shared, Site};
use crate::sim::queue::EventQueue;
use crate::sim::random::Key;
use crate::spec::lifecycle::{Lifecycle, Metering};
use crate::spec::model::Function;
use crate::units::{NANOS_PER_MILLI, SimDuration, SimTime};
use crate::usage::RawUnit;

/// How a function's durations are billed.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsThen {
    step: u64,
    init_is_free: bool,
}

impl AsThen {
    pub(super) fn new(metering: Metering, lifecycle: &Lifecycle) -> Self {
        Self { step: metering.step.max(1), init_is_free: lifecycle.init_was_free }
    }

    fn billed_ms(self, init: u64, handler: u64) -> u64 {
        let billed = handler.saturating_add(if self.init_is_free { 0 } else { init });
        billed.div_ceil(self.step * NANOS_PER_MILLI) * self.step
    }
}

/// The longest init of a provisioned environment, unless the function's time-out is longer (AWS.md 2.8): beyond it there is none.
const LONGEST_INIT: SimDuration = SimDuration::from_secs(130);

/// Inits of provisioned environments. They take the handler's price on such environments, which is our reading: AWS says that they are billed, and
/// that they are billed apart from the capacity.
pub(super) struct InitsAhead {
    meter: MeterId,
    keys: Vec<Key>,
    /// How many have been drawn.
    drawn: u64,
    longest: u64,
}

impl InitsAhead {
    /// Where a level may change, a version may be deployed or environments have a maximum age; elsewhere nothing is initialised after the start.
    pub(super) fn of(
        site: Site<'_>,
        function: &Function,
        arch: &str,
        shared: &Shared<'_>,
        ledger: &mut Ledger,
    ) -> Option<Self> {
        let rule = function.provisioned.as_ref()?;
        // Of all deployments, so that a run without them counts the same meters.
        let deployed = shared.scenario.deployments.iter().any(|one| one.component == site.name);
        let changes = rule.tracking.is_some() || !rule.schedule.is_empty() || function.max_age.is_some() || deployed;
        changes.then(|| Self {
            meter: ledger.open(site.name, format!("lambda.pc.init.{arch}"), RawUnit::MbMs),
            keys: (0..function.init.len()).map(|part| site.key.named("init ahead").numbered(part as u64)).collect(),
            drawn: 0,
            longest: LONGEST_INIT.max(function.timeout).0,
        })
    }
}

impl LambdaState {
    /// Books the inits of provisioned environments since the last time; returns the billed milliseconds.
    pub(super) fn book_inits_ahead(&mut self, ledger: &mut Ledger) -> u64 {
        let (Some(ahead), Some(provisioned)) = (&mut self.meters.inits_ahead, &mut self.provisioned) else { return 0 };
        let mut billed = 0;
        for _ in 0..provisioned.take_inits() {
            let parts = self.init.iter().zip(&ahead.keys);
            let init: u64 = parts.map(|(part, key)| part.sample(key.draw(ahead.drawn, 0)).0).sum();
            billed += billed_ms(init.min(ahead.longest));
            ahead.drawn += 1;
        }
        ledger.book(ahead.meter, billed.saturating_mul(self.memory));
        billed
    }

    /// As [`LambdaState::invoke`], whenever it is.
    #[inline(never)]
    pub fn invoke_then(
        &mut self,
        now: SimTime,
        call: &mut Call,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) -> Ending {
        let Some(as_then) = self.as_then else { return self.invoke(now, call, shared, account, queue) };
        let Some(admitted) = self.admit(now, call, shared, account) else { return self.throttle(now) };
        let Admitted { environment, start, connected } = admitted;
        let (handler, ending) = self.handle(now, call, start.inside, connected, &mut shared.tables);
        self.bill_then(as_then, &admitted, handler);
        self.begin(now, call.class, start.unbilled + start.init + handler, ending, environment, queue)
    }

    pub(super) fn bill_then(&mut self, as_then: AsThen, admitted: &Admitted, handler: u64) {
        let billed = as_then.billed_ms(admitted.start.init, handler);
        if admitted.environment & PROVISIONED != 0 {
            self.hour_provisioned_ms += billed;
        } else {
            self.hour_billed_ms += billed;
        }
    }

    /// An init before anybody asks for it.
    pub(super) fn bill_ahead(&mut self, init: u64) {
        let as_then = self.as_then.unwrap_or(AsThen { step: 1, init_is_free: false });
        self.hour_billed_ms += as_then.billed_ms(init, 0);
    }

    /// Whether calls are billed as in other years.
    pub fn is_billed_as_then(&self) -> bool {
        self.as_then.is_some()
    }
}
