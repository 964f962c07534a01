//! How AWS behaves: state machines that count usage. Knows no price.

pub mod output;
