//! Queues and asynchronous invocation as users write them.

use super::distribution::Distribution;
use super::model::{Asynchronous, ComponentId, Consumer, Queue};
use super::read::{At, Reader, record};
use super::table_yaml::default_latency;
use crate::diag::Span;
use crate::units::SimDuration;

/// The word that stands for no destination.
pub(crate) const DROP: &str = "drop";

record! {
    /// SQS standard queue, with the function that takes its messages.
    pub(crate) struct RawQueue: "the settings of a queue such as `{ to: worker, batch_size: 10 }`" {
        /// The function that takes its messages; without it they stay, as in a dead-letter queue.
        optional to: At<String>,
        /// Messages in a batch, 1 to 10,000; beyond 10 with a `batch_window` of 1s or more (default 10).
        optional batch_size: At<u32>,
        /// How long a batch is collected, at most 300s (default 0s: what is there).
        optional batch_window: At<SimDuration>,
        /// A message that was received and not handled comes back after this long; not less than the function's time-out (default 30s).
        optional visibility_timeout: At<SimDuration>,
        /// Most batches at work, 2 to 1,000 (default: from 5, 300 more a minute, up to 1,000).
        optional maximum_concurrency: At<u32>,
        /// A message that has been received so often goes to the `dead_letter` queue (default 5 with one).
        optional max_receive_count: At<u32>,
        /// A queue for messages that could not be handled.
        optional dead_letter: At<String>,
        /// The function tells which messages of a batch failed; the others are deleted (default false: the batch fails as a whole).
        optional partial_failures: bool,
        /// A message is lost after this long, 60s to 14d (default 4d).
        optional retention: At<SimDuration>,
        /// Sending a message as the sender sees it (default lognormal p50 8ms, p99 30ms: an estimate).
        optional send_latency: Distribution,
    }
    later ["fifo", "delay", "provisioned_pollers", "filter", "encryption"]
}

record! {
    /// Asynchronous invocation: the caller is told 202 at once, the event waits for the function.
    pub(crate) struct RawAsync: "settings such as `{ maximum_age: 6h, retries: 2, on_failure: dead }`" {
        /// An event that is older is given up, 60s to 6h (default 6h).
        optional maximum_age: At<SimDuration>,
        /// Further attempts after an error of the function, 0 to 2: after 1 and 2 minutes (default 2).
        optional retries: At<u32>,
        /// A queue for events that are given up, or `drop` (default drop).
        optional on_failure: At<String>,
    }
}

fn span_of<T>(at: &Option<At<T>>) -> Option<Span> {
    at.as_ref().map(|at| at.span)
}

/// A duration within limits, or the default.
pub(crate) fn within(
    at: &Option<At<SimDuration>>,
    low: u64,
    high: u64,
    default: u64,
    reader: &mut Reader,
) -> SimDuration {
    let second = SimDuration::from_secs;
    let Some(at) = at else { return second(default) };
    if at.value < second(low) || at.value > second(high) {
        let help = format!("write {} to {}", second(low), second(high));
        reader.error("out-of-range", format!("{} is out of range", at.value), at.span, "", &help);
    }
    at.value
}

pub(crate) fn number(at: &Option<At<u32>>, low: u32, high: u32, reader: &mut Reader) -> Option<u32> {
    let at = at.as_ref()?;
    if !(low..=high).contains(&at.value) {
        let help = format!("write {low} to {high}");
        reader.error("out-of-range", format!("{} is out of range", at.value), at.span, "", &help);
    }
    Some(at.value)
}

/// Checks a queue. `to` is its function with that one's time-out; names that do not exist have been reported.
pub(crate) fn check(
    raw: &RawQueue,
    to: Option<(ComponentId, SimDuration)>,
    dead_letter: Option<ComponentId>,
    reader: &mut Reader,
) -> Queue {
    let batch_size = number(&raw.batch_size, 1, 10_000, reader).unwrap_or(10);
    let batch_window = within(&raw.batch_window, 0, 300, 0, reader);
    if let Some(at) = raw.batch_size.as_ref().filter(|at| at.value > 10 && batch_window < SimDuration::from_secs(1)) {
        let help = "add `batch_window: 1s` or more, or write at most 10";
        reader.error("no-window", "a batch of more than 10 messages needs a window", at.span, "", help);
    }
    let visibility_timeout = within(&raw.visibility_timeout, 0, 43_200, 30, reader);
    let maximum_concurrency = number(&raw.maximum_concurrency, 2, 1_000, reader);
    let max_receive_count = number(&raw.max_receive_count, 1, 1_000, reader);
    if let (Some(at), None) = (&raw.max_receive_count, &raw.dead_letter) {
        let help = "add `dead_letter:` with the name of a queue, or remove it";
        reader.error("missing-key", "messages that are received too often have nowhere to go", at.span, "", help);
    }
    if let Some((_, timeout)) = to.filter(|(_, timeout)| visibility_timeout < *timeout) {
        let span = span_of(&raw.visibility_timeout).or(span_of(&raw.to));
        let title =
            format!("the visibility time-out ({visibility_timeout}) is shorter than the function's ({timeout})");
        if let Some(span) = span {
            let help =
                format!("Lambda refuses it: write `visibility_timeout: {timeout}` or more; AWS advises six times that");
            reader.error("visibility-too-short", title, span, "", &help);
        }
    }
    if raw.to.is_none() && !raw.given.contains(&"to") {
        let of_consumer = [
            span_of(&raw.batch_size),
            span_of(&raw.batch_window),
            span_of(&raw.visibility_timeout),
            span_of(&raw.maximum_concurrency),
            span_of(&raw.dead_letter),
        ];
        for span in of_consumer.into_iter().flatten() {
            let help = "add `to:` with the name of a function, or remove it";
            reader.error("no-consumer", "nobody takes messages from this queue", span, "", help);
        }
    }
    Queue {
        consumer: to.map(|(to, _)| Consumer {
            to,
            batch_size,
            batch_window,
            visibility_timeout,
            maximum_concurrency,
            max_receive_count: dead_letter.map(|_| max_receive_count.unwrap_or(5)),
            dead_letter,
            partial_failures: raw.partial_failures.unwrap_or(false),
        }),
        retention: within(&raw.retention, 60, 14 * 86_400, 4 * 86_400, reader),
        send_latency: raw.send_latency.clone().unwrap_or_else(|| default_latency(8.0, 30.0)),
    }
}

/// Checks the settings of asynchronous invocation; `on_failure` is the queue that they name.
pub(crate) fn check_async(raw: &RawAsync, on_failure: Option<ComponentId>, reader: &mut Reader) -> Asynchronous {
    Asynchronous {
        maximum_age: within(&raw.maximum_age, 60, 21_600, 21_600, reader),
        retries: number(&raw.retries, 0, 2, reader).map_or(2, |retries| u8::try_from(retries).unwrap_or(2)),
        on_failure,
    }
}
