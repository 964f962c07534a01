//! costsim: the same requests on servers and on serverless, simulated and priced.
//!
//! The modules in reading order; data flows downwards only (see `ARCHITECTURE.md`).

// Tests compare with exact expectations on purpose.
#![cfg_attr(test, allow(clippy::float_cmp, clippy::unwrap_used))]

pub mod arch;
pub mod backtest;
pub mod bill;
pub mod catalog;
pub mod cli;
pub mod compare;
pub mod diag;
pub mod finding;
pub mod gate;
pub mod money;
pub mod offer;
mod plain;
pub mod precision;
pub mod report;
pub mod results;
pub mod run;
pub mod sensitivity;
pub mod sim;
pub mod spec;
pub mod stats;
pub mod traffic;
pub mod units;
pub mod usage;
pub mod yaml;
