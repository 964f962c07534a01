//! costsim: the same requests on servers and on serverless, simulated and priced.
//!
//! The modules in reading order; data flows downwards only (see `ARCHITECTURE.md`).

pub mod units;
pub mod money;
pub mod spec;
pub mod usage;
pub mod results;
