//! What owning an architecture takes beside its production bill: further environments, and labour. Nothing of it is a default.

use crate::money::{Quantity, Usd};
use crate::units::SimDuration;

/// A copy of the architecture beside production (`environments:`, `per_branch:`).
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// How many there are, or how many are made in a month where [`Self::lives`] is set.
    pub count: Quantity,
    /// How long each of them lives; `None` = all month.
    pub lives: Option<SimDuration>,
    /// The traffic of each, as a multiple of production's; > 0.
    pub traffic: f64,
}

/// Labour that an architecture takes (`operations:` of a model). It never is part of the cloud's bill.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operations {
    /// What is done and how long it takes in a month, in the order of the file.
    pub monthly: Vec<(String, SimDuration)>,
    /// USD an hour of labour.
    pub hourly_rate: Usd,
    /// USD once, to get there from what runs today; `None` = it is what runs today.
    pub migration: Option<Usd>,
}

/// Months of the table of twelve whose traffic is simulated (0 is as the scenario says).
pub const GROWTH_POINTS: [u32; 4] = [3, 6, 9, 11];

/// The traffic in a month of growth, as a multiple of the first month's.
pub fn traffic_in(growth: f64, month: u32) -> f64 {
    libm::pow(1.0 + growth, f64::from(month))
}

/// Traffic of the months that are simulated; nothing without growth.
pub fn growth_scales(growth: Option<f64>) -> Vec<f64> {
    match growth {
        Some(growth) if growth.abs() > 0.0 => GROWTH_POINTS.iter().map(|month| traffic_in(growth, *month)).collect(),
        _ => Vec::new(),
    }
}
