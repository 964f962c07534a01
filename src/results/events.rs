//! What the scenario's events did to an architecture: who noticed, and what it cost to survive them.

use super::Figure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the scenario, as one architecture met it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventResult {
    /// In words: `at 3 h, zone a fails for 40 min`.
    pub event: String,
    /// Start, seconds since t = 0.
    pub at_seconds: f64,
    /// Length in seconds.
    pub lasts_seconds: f64,
    /// `month`, `week` or `once`.
    pub per: String,
    /// Share (0..=1) of the requests that ended between its beginning and an hour after its end and were not served (`null` where none ended).
    pub not_served: Option<f64>,
    /// The same in the hour before it.
    pub not_served_before: Option<f64>,
    /// The largest p99 of a bucket of the series in that time, milliseconds (`null` where nothing was served).
    pub worst_p99_ms: Option<f64>,
    /// The same in the hour before it.
    pub worst_p99_before_ms: Option<f64>,
    /// What it changed: the same traffic with it, less the same traffic without it (`null` where it was not simulated without it).
    pub change: Option<EventChange>,
}

/// The difference that events make, for each time that they happen. What is negative became less.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventChange {
    /// Other happenings of the same frequency that are left out together with it, in words; empty where it is the only one.
    pub together_with: Vec<String>,
    /// Requests that were not served.
    pub not_served: Figure,
    /// Requests that were served, but later than the first latency objective allows (`null` without one).
    pub slow: Option<Figure>,
    /// That limit, milliseconds.
    pub slow_limit_ms: Option<f64>,
    /// Further attempts of clients.
    pub retried: Figure,
    /// Client connections on which a request was not served or slow, if those are spread evenly over the connections of that time, which
    /// carry `client.requests_per_connection` requests each.
    pub connections: f64,
    /// Hours of EC2 instances (`null` without any).
    pub instance_hours: Option<Figure>,
    /// USD on demand: the bill of a month with it less the bill of one without it (`null` where a price is not known).
    pub cost: Option<String>,
    /// Cost less the half-width of the interval over the replications (`null` for one replication).
    pub cost_low: Option<String>,
    /// Cost plus that half-width.
    pub cost_high: Option<String>,
}
