//! What is made of measurements: histograms, replications, intervals. No I/O, no clock.

pub mod histogram;
pub mod intervals;
pub mod student;
