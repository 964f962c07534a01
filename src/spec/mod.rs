//! From the files as users write them to checked domain types.
//!
//! [`scenario`], [`model`], [`group`], [`deployment`], [`billing`], [`ownership`] and [`distribution`] are the checked types that the rest of the
//! program works with;
//! everything in them is finite, in range and refers only to things that exist. [`load`] makes them of files, names and flags,
//! [`validate`] only says what is wrong.
//!
//! On the way a file is text, a tree of nodes that know their places ([`crate::yaml`]), changed by `--set` (`set`), then raw
//! records whose fields are there or have been complained about (`read`, `quantity`), and last checked values (`*_yaml`). The
//! same declarations that read a file describe it as JSON Schema. Reading never stops at the first mistake.

pub mod billing;
pub mod billing_saved;
pub(crate) mod billing_yaml;
mod calls_yaml;
pub mod deployment;
mod deployment_yaml;
pub mod distribution;
mod distribution_yaml;
mod diurnal;
mod durable_yaml;
pub(crate) mod files;
mod fleet_yaml;
pub mod gate;
mod gate_yaml;
pub mod group;
mod group_yaml;
pub mod lifecycle;
mod lifecycle_yaml;
mod load;
mod managed_yaml;
pub mod model;
mod model_yaml;
pub mod ownership;
mod ownership_yaml;
mod provisioned_yaml;
pub(crate) mod quantity;
mod queue_yaml;
pub(crate) mod read;
pub(crate) mod scaling_yaml;
pub mod scenario;
mod scenario_yaml;
mod set;
mod stream_yaml;
mod table_yaml;

pub use gate_yaml::{GATE_FILE, default_gate, gate_schema, load_gate, scenario_gate};
pub use load::{LoadOptions, Loaded, load, model_schema, scenario_schema, validate};
