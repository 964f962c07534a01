//! The gate of `costsim check`: rules x baseline x new results -> findings. Pure: reads nothing, writes nothing, formats nothing.
//!
//! * [`snapshot`] keeps of results what a gate can judge: each metric with its value in each replication.
//! * [`looks`] says how sure one has to be after 5, 10, 20 and 40 replications.
//! * [`noise`] says what noise can do: how wide an interval is at least, and when few replications are too few.
//! * [`movement`] splits a change of the bill into what traffic, models, prices and the program moved.
//! * [`judge`](mod@judge) holds the rules against the two snapshots.

pub use crate::spec::gate as rules;

pub mod judge;
pub mod looks;
pub mod movement;
pub mod noise;
pub mod snapshot;
mod verdict;

pub use judge::{Case, Finding, Outcome, State, Subject, judge};
pub use looks::{LOOKS, Look};
pub use movement::{Cause, Movement, Part};
pub use snapshot::Snapshot;
