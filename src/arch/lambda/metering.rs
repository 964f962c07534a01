//! Durations as they were billed in other years: rounded up to 100 ms until December 2020, without the init of managed runtimes packed
//! as zip until August 2025 (AWS.md 1.2). Apart from the way of calls that are billed as today.

use super::{AccountState, Admitted, LambdaState, PROVISIONED};
use crate::arch::call::{Call, Ending};
use crate::arch::world::{Event, Shared};
use crate::sim::queue::EventQueue;
use crate::spec::lifecycle::{Lifecycle, Metering};
use crate::units::{NANOS_PER_MILLI, SimTime};

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

impl LambdaState {
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
