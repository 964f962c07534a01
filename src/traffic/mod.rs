//! Arrival streams.

pub mod csv_file;
