//! What the handler of a function calls, as users write it: tables, other functions and queues.

use super::distribution::Distribution;
use super::model::{ComponentId, Outbound, OutboundKind};
use super::read::{At, Reader, record};
use crate::diag::{Span, nearest};
use crate::yaml::shorten;

/// Operations that one request may make at one table: each is drawn by itself.
const MOST_OPERATIONS: u32 = 1_000;
/// Calls that one handler may list.
pub(crate) const MOST_CALLS: usize = 100;
/// Further attempts of the AWS SDKs after a throttle (standard mode: three in all; AWS SDKs and tools reference guide).
const RETRIES: u32 = 2;

record! {
    /// A call that a function's handler makes and waits for, after the request's own CPU and wait.
    pub(crate) struct RawCall: "a call such as `{ to: orders, reads: 1, writes: 1 }`" {
        /// A `table`, another `lambda` (waited for, unless it is `async:`), a `queue` or a `stream`.
        required to: At<String>,
        /// Items read from the table, one after another (default 0).
        optional reads: At<u32>,
        /// Items written to the table, one after another (default 0).
        optional writes: At<u32>,
        /// CPU of the called function, or of the one behind the queue, on the reference vCPU (default: with neither `cpu` nor `wait`, what the request itself needs).
        optional cpu: At<Distribution>,
        /// Its wait.
        optional wait: At<Distribution>,
        /// Further attempts after a throttle, with the backoff of the AWS SDKs (default 2).
        optional retries: At<u32>,
        /// Only these requests make the call (default all).
        optional requests: Vec<At<String>>,
    }
}

/// What a call leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callee {
    Table,
    Function,
    /// A function that is not waited for.
    Async,
    Queue,
    /// Something else, which has been reported.
    Other,
}

/// Checks a call. `classes` are the scenario's requests, if they are known.
pub(crate) fn check(
    raw: &RawCall,
    to: ComponentId,
    callee: Callee,
    classes: Option<&[String]>,
    reader: &mut Reader,
) -> Option<Outbound> {
    let to_span = raw.to.as_ref()?.span;
    let of_table = [&raw.reads, &raw.writes].into_iter().flatten().map(|at| at.span);
    let of_function = [&raw.cpu, &raw.wait].into_iter().flatten().map(|at| at.span);
    let of_function = of_function.chain(raw.retries.as_ref().map(|at| at.span));
    let what = match callee {
        Callee::Other => return None,
        Callee::Table => {
            foreign(of_function, "a table has no `cpu`, `wait` or `retries`", "write `reads:` and `writes:`", reader);
            let [reads, writes] = [&raw.reads, &raw.writes].map(|at| at.as_ref().map_or(0, |at| at.value));
            if reads.saturating_add(writes) == 0 && !raw.given.contains(&"reads") && !raw.given.contains(&"writes") {
                let help = "add e.g. `reads: 1` or `writes: 1`";
                reader.error("missing-key", "the call does not say what it does at the table", to_span, "", help);
            }
            for at in [&raw.reads, &raw.writes].into_iter().flatten().filter(|at| at.value > MOST_OPERATIONS) {
                let help = format!("write at most {MOST_OPERATIONS}");
                reader.error("out-of-range", format!("{} operations", at.value), at.span, "", &help);
            }
            OutboundKind::Table { reads, writes }
        }
        Callee::Queue | Callee::Async => {
            let retries = raw.retries.as_ref().map(|at| at.span).into_iter();
            foreign(
                of_table.chain(retries),
                "a message is not read, written or retried",
                "write `cpu:` and `wait:`, or nothing",
                reader,
            );
            OutboundKind::Message { work: work(raw) }
        }
        Callee::Function => {
            foreign(of_table, "a function is not read or written", "write `cpu:` and `wait:`, or nothing", reader);
            if let Some(at) = raw.retries.as_ref().filter(|at| at.value > 10) {
                reader.error("out-of-range", format!("{} retries", at.value), at.span, "", "write 0 to 10");
            }
            let retries = raw.retries.as_ref().map_or(RETRIES, |at| at.value);
            OutboundKind::Function { work: work(raw), retries: u8::try_from(retries).unwrap_or(u8::MAX) }
        }
    };
    Some(Outbound { to, what, classes: by_class(raw, classes, reader) })
}

/// CPU and wait of whoever is called.
fn work(raw: &RawCall) -> Option<(Distribution, Distribution)> {
    let part = |part: &Option<At<Distribution>>| part.as_ref().map_or(Distribution::ZERO, |at| at.value.clone());
    (raw.cpu.is_some() || raw.wait.is_some()).then(|| (part(&raw.cpu), part(&raw.wait)))
}

fn foreign(spans: impl Iterator<Item = Span>, title: &str, help: &str, reader: &mut Reader) {
    for span in spans {
        reader.error("wrong-key", title, span, "", help);
    }
}

fn by_class(raw: &RawCall, classes: Option<&[String]>, reader: &mut Reader) -> Vec<bool> {
    let (Some(wanted), Some(classes)) = (&raw.requests, classes) else {
        return vec![true; classes.map_or(1, <[String]>::len)];
    };
    for name in wanted.iter().filter(|name| !classes.contains(&name.value)) {
        let help = match nearest(&name.value, classes.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the scenario's requests are: {}", classes.join(", ")),
        };
        let title = format!("`{}` is no request of the scenario", shorten(&name.value));
        reader.error("no-such-request", title, name.span, "", &help);
    }
    classes.iter().map(|class| wanted.iter().any(|name| name.value == *class)).collect()
}
