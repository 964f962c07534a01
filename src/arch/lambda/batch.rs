//! Environments are found and released for a batch of calls: the second of the three [passes](crate::arch::passes), and the only one in which
//! their order matters.

use super::*;
use crate::arch::calls::{Calls, add};

/// Where calls go.
#[derive(Clone, Copy)]
pub struct To<'a> {
    /// The function of each class.
    pub function_of: &'a [u16],
    /// Behind so many fronts.
    pub depth: usize,
}

impl To<'_> {
    /// `ONE`: there is one function.
    #[inline(always)]
    fn function<const ONE: bool>(&self, class: u16) -> usize {
        if ONE { 0 } else { usize::from(self.function_of[usize::from(class)]) }
    }
}

/// Handles calls that have passed the fronts and the account's request rate, with the CPU and the wait that they need, and releases environments
/// up to the last of them.
pub fn take_batch(
    functions: &mut [LambdaState],
    to: To<'_>,
    calls: &mut Calls<'_>,
    needs: (&[u64], &[u64]),
    shared: &mut Shared<'_>,
    account: &mut AccountState,
    queue: &mut EventQueue<Event>,
) {
    match functions {
        [_] => take::<true>(functions, to, calls, needs, shared, account, queue),
        _ => take::<false>(functions, to, calls, needs, shared, account, queue),
    }
}

#[inline(never)]
fn take<const ONE: bool>(
    functions: &mut [LambdaState],
    to: To<'_>,
    calls: &mut Calls<'_>,
    (cpu, wait): (&[u64], &[u64]),
    shared: &mut Shared<'_>,
    account: &mut AccountState,
    queue: &mut EventQueue<Event>,
) {
    // Slices of one length that the compiler knows to be so.
    let len = calls.at.len();
    let (at, class, taken, ordinary) = (calls.at, &calls.class[..len], &calls.taken[..len], &calls.ordinary[..len]);
    for (((&class, &cpu), &wait), taken) in class.iter().zip(cpu).zip(wait).zip(taken) {
        taken.set(functions[to.function::<ONE>(class)].work_of(cpu, wait));
    }
    for n in 0..len {
        let now = at[n];
        if queue.may_be_due(now) {
            while let Some((at, event)) = queue.pop_until(now) {
                let function = if ONE { 0 } else { usize::from(event.component()) };
                functions[function].released_on_demand(at, event.index(), account);
            }
        }
        if !ordinary[n].get() {
            continue;
        }
        let function = &mut functions[to.function::<ONE>(class[n])];
        let Some(environment) = function.take_idle(now, account, shared) else {
            let call = Call { cpu: cpu[n], wait: wait[n], ..calls.call(n) };
            let (call, ending) = function.invoke_apart(call, shared, account, queue);
            calls.set_apart(n, call, ending, to.depth);
            continue;
        };
        let mut failed = 0;
        if !function.plain_handler || taken[n].get() > function.timeout {
            let call = Call { cpu: cpu[n], wait: wait[n], ..calls.call(n) };
            failed = function.handle_apart(n, call, to.depth, calls, shared);
        }
        function.busy.up(now);
        let ends = now + SimDuration(taken[n].get());
        queue.push(ends, Event::new(Due::Released, function.index, environment | failed));
    }
    if ONE {
        let mut sums = (0u64, 0u64);
        for (taken, ordinary) in taken.iter().zip(ordinary) {
            let taken = if ordinary.get() { taken.get() } else { 0 };
            sums = (sums.0.wrapping_add(taken), sums.1.wrapping_add(billed_ms(taken)));
        }
        let function = &mut functions[0];
        function.hour_time = function.hour_time.wrapping_add(u128::from(sums.0));
        function.hour_billed_ms += sums.1;
        add(&mut function.hour_calls, calls.count);
    } else {
        for ((taken, ordinary), &class) in taken.iter().zip(ordinary).zip(class) {
            if ordinary.get() {
                functions[to.function::<ONE>(class)].worked(taken.get());
            }
        }
        for (class, &count) in calls.count.iter().enumerate() {
            functions[to.function::<ONE>(class as u16)].hour_calls[class] += count;
        }
    }
    for function in functions {
        function.stream_together(to, calls);
    }
}

impl LambdaState {
    /// Whether batches can be taken: nothing is due but the release of environments, which do not end by their age.
    pub fn is_simple(&self) -> bool {
        self.provisioned.is_none() && self.max_age.is_none()
    }

    /// An idle environment for a call, if it is let in, the environment has its connection, and its last call did not fail.
    #[inline(always)]
    fn take_idle(&mut self, now: SimTime, account: &mut AccountState, shared: &mut Shared<'_>) -> Option<u32> {
        self.expire(now, shared);
        if self.busy.value() >= self.cap || self.counts_to_account && account.is_full() {
            return None;
        }
        let environment = self.idle.newest()?;
        if environment & AGAIN != 0 || shared.has_backend && !self.environments[environment as usize].connected {
            return None;
        }
        self.idle.drop_newest();
        if self.counts_to_account {
            account.unreserved_busy += 1;
        }
        Some(environment)
    }

    /// The plain way for a call of a batch that finds no such environment: with what it met, and its ending.
    #[cold]
    #[inline(never)]
    fn invoke_apart(
        &mut self,
        mut call: Call,
        shared: &mut Shared<'_>,
        account: &mut AccountState,
        queue: &mut EventQueue<Event>,
    ) -> (Call, Ending) {
        let ending = self.invoke_behind_rate(call.at, &mut call, shared, account, queue);
        (call, ending)
    }

    /// The handler of a call in an idle environment, if it does more than work, or takes too long; whether it failed, as a flag for its environment.
    #[inline(never)]
    fn handle_apart(
        &mut self,
        n: usize,
        call: Call,
        depth: usize,
        calls: &mut Calls<'_>,
        shared: &mut Shared<'_>,
    ) -> u32 {
        let (handler, ending) = self.handle(call.at, &call, 0, true, &mut shared.tables);
        calls.taken[n].set(handler);
        if ending.outcome == Outcome::Served {
            return 0;
        }
        self.hour_calls[usize::from(call.class)] += 1;
        self.worked(handler);
        calls.set_apart(n, call, Ending { at: call.at + SimDuration(handler), ..ending }, depth);
        AGAIN
    }

    /// A handler has worked for so many nanoseconds, all of them paid.
    #[inline(always)]
    fn worked(&mut self, nanos: u64) {
        self.hour_time = self.hour_time.wrapping_add(u128::from(nanos));
        self.hour_billed_ms += billed_ms(nanos);
    }

    /// Counts the bytes that this function streams; a handler that does more than work counts its own.
    fn stream_together(&mut self, to: To<'_>, calls: &Calls<'_>) {
        if self.meters.streamed.is_some() && self.plain_handler {
            let of_class = |(class, bytes): (usize, &u64)| {
                if to.function::<false>(class as u16) == usize::from(self.index) { *bytes } else { 0 }
            };
            let bytes: Vec<u64> = self.streamed_bytes.iter().enumerate().map(of_class).collect();
            self.hour_streamed = self.hour_streamed.saturating_add(calls.sum(&bytes));
        }
    }
}
