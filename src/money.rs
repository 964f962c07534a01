//! Exact money: whole pico-dollars. The only place that rounds.

/// US dollars as a whole number of pico-dollars (1e-12 USD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i128);
