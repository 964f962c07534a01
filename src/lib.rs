//! costsim: the same requests on servers and on serverless, simulated and priced.
//!
//! The modules in reading order; data flows downwards only (see `ARCHITECTURE.md`).

pub mod arch;
pub mod money;
pub mod results;
pub mod spec;
pub mod stats;
pub mod units;
pub mod usage;
