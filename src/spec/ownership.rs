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
