//! Executions of durable functions as users write them -> [`Durable`].

use super::distribution::Distribution;
use super::model::Durable;
use super::model_yaml::within;
use super::quantity::Days;
use super::read::{At, Reader, record};
use crate::units::{Bytes, SimDuration};

const DAY: SimDuration = SimDuration::from_hours(24);
/// Waits of one execution that can be listed.
const MOST_WAITS: usize = 100;
/// An execution ends within a year (Lambda developer guide, durable functions).
const YEAR: SimDuration = SimDuration::from_hours(366 * 24);

record! {
    /// Executions of a durable function: several invocations with checkpoints and waits.
    pub(crate) struct RawDurable: "executions such as `{ steps: 5, waits: [10m, 1h] }`" {
        /// Steps with a checkpoint each, spread evenly over the invocations.
        required steps: At<u32>,
        /// Waits between invocations, in order: there is one invocation more, each with an equal part of the request's work (default none).
        optional waits: Vec<Distribution>,
        /// Replaying what was done before: added to each invocation but the first (default 0s).
        optional replay: Distribution,
        /// Written by each step (default 1 KB).
        optional checkpoint: Bytes,
        /// How long it is kept after the end, 1d to 90d (default 14d).
        optional retention: At<Days>,
        /// Further attempts of an invocation that fails or runs out of time, 0 to 20 (default 5).
        optional retries: At<u32>,
    }
    later ["callbacks", "parallel", "map", "execution_timeout"]
}

/// Executions of a durable function.
pub(super) fn check(raw: &RawDurable, reader: &mut Reader) -> Option<Durable> {
    let steps = raw.steps.as_ref()?;
    if steps.value > 3_000 {
        let help = "write at most 3000";
        reader.error("out-of-range", "an execution of so many steps", steps.span, "", help);
    }
    let waits = raw.waits.clone().unwrap_or_default();
    let longest = |wait: &Distribution| matches!(wait, Distribution::Constant(time) if *time > YEAR);
    if waits.len() > MOST_WAITS || waits.iter().any(longest) {
        let help = format!("list at most {MOST_WAITS}, each shorter than a year");
        reader.error("out-of-range", "an execution with such waits", steps.span, "", &help);
    }
    let kept = raw.retention.as_ref().map(|at| At { value: at.value.0, span: at.span });
    let retention = within(kept.as_ref(), DAY, SimDuration(90 * DAY.0), SimDuration(14 * DAY.0), reader);
    if let Some(at) = raw.retries.as_ref().filter(|at| at.value > 20) {
        reader.error("out-of-range", format!("{} further attempts", at.value), at.span, "", "write 0 to 20");
    }
    Some(Durable {
        steps: steps.value,
        waits,
        replay: raw.replay.clone().unwrap_or(Distribution::ZERO),
        checkpoint: raw.checkpoint.unwrap_or(Bytes(1024)),
        retention,
        // The SDKs make six attempts, from memory.
        retries: raw.retries.as_ref().map_or(5, |at| at.value.min(20) as u8),
    })
}
