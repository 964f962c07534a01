//! Streams as users write them.

use super::distribution::Distribution;
use super::model::{ComponentId, Stream, StreamConsumer, StreamKind};
use super::queue_yaml::{number, within};
use super::read::{At, Reader, keywords, record};
use super::table_yaml::default_latency;

record! {
    /// Kinesis data stream or DynamoDB stream, with the function that takes its records in order.
    pub(crate) struct RawStream: "the settings of a stream such as `{ kind: kinesis, shards: 2, to: worker }`" {
        /// `kinesis` (shard hours and PUT units are paid) or `dynamodb` (fed by a table's writes, free for Lambda).
        required kind: StreamKind,
        /// Shards, 1 to 10,000.
        required shards: At<u32>,
        /// The function that takes its records.
        optional to: At<String>,
        /// Records in a batch, 1 to 10,000 (default 100).
        optional batch_size: At<u32>,
        /// How long a batch is collected, at most 300s (default 0s).
        optional batch_window: At<crate::units::SimDuration>,
        /// Batches of one shard at a time, 1 to 10 (default 1).
        optional parallelization: At<u32>,
        /// Further attempts after an error of the function (default: until the records expire).
        optional maximum_retry_attempts: At<u32>,
        /// A record that is older is given up, 60s to 7d (default: the retention).
        optional maximum_record_age: At<crate::units::SimDuration>,
        /// A batch that fails is halved (default false).
        optional bisect: bool,
        /// A queue for batches that are given up after their retries, one message each.
        optional on_failure: At<String>,
        /// A record is lost after this long, 24h to 365d (default 24h).
        optional retention: At<crate::units::SimDuration>,
        /// Putting a record as the sender sees it (default lognormal p50 10ms, p99 40ms for Kinesis: an estimate; 0s for DynamoDB).
        optional put_latency: Distribution,
    }
    later ["on_demand", "enhanced_fan_out", "starting_position", "tumbling_window", "partial_failures", "filter"]
}

keywords!(StreamKind, "`kinesis` or `dynamodb`", { "kinesis" => Self::Kinesis, "dynamodb" => Self::DynamoDb });

/// Checks a stream; names that do not exist have been reported.
pub(crate) fn check(
    raw: &RawStream,
    to: Option<ComponentId>,
    on_failure: Option<ComponentId>,
    reader: &mut Reader,
) -> Option<Stream> {
    let batch_size = number(&raw.batch_size, 1, 10_000, reader).unwrap_or(100);
    let batch_window = within(&raw.batch_window, 0, 300, 0, reader);
    let parallelization = number(&raw.parallelization, 1, 10, reader).unwrap_or(1);
    let maximum_retry_attempts = number(&raw.maximum_retry_attempts, 0, 10_000, reader);
    let age = within(&raw.maximum_record_age, 60, 7 * 86_400, 60, reader);
    let shards = number(&raw.shards, 1, 10_000, reader);
    if let (Some(at), None, None) = (&raw.on_failure, maximum_retry_attempts, &raw.maximum_record_age) {
        let help = "add `maximum_retry_attempts:` or `maximum_record_age:`";
        reader.error("missing-key", "without a limit of retries or age no batch is given up", at.span, "", help);
    }
    let kind = raw.kind?;
    Some(Stream {
        kind,
        shards: shards?,
        consumer: to.map(|to| StreamConsumer {
            to,
            batch_size,
            batch_window,
            parallelization,
            maximum_retry_attempts,
            maximum_record_age: raw.maximum_record_age.as_ref().map(|_| age),
            bisect: raw.bisect.unwrap_or(false),
            on_failure,
        }),
        retention: within(&raw.retention, 86_400, 365 * 86_400, 86_400, reader),
        put_latency: raw.put_latency.clone().unwrap_or_else(|| match kind {
            StreamKind::Kinesis => default_latency(10.0, 40.0),
            StreamKind::DynamoDb => Distribution::ZERO,
        }),
    })
}
