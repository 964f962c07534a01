//! `environments:`, `per_branch:` and `operations:` as users write them.

use super::ownership::{Environment, Operations};
use super::read::{At, FromYaml, Reader, Schemas, record};
use crate::bill::price_list::Table;
use crate::diag::Span;
use crate::money::{Quantity, Usd};
use crate::units::SimDuration;
use crate::yaml::{Node, Value};
use serde_json::json;

/// The environment that the scenario's traffic is for.
const PRODUCTION: &str = "production";
/// Most environments: each of them is a simulation of every architecture.
const MAX_ENVIRONMENTS: usize = 20;
/// Most traffic of an environment, as a multiple of production's.
const MAX_TRAFFIC: f64 = 10.0;

record! {
    /// Copies of one kind.
    pub(crate) struct RawCopies: "an environment such as `0.05` or `{ count: 12, traffic: 0.001 }`" {
        /// How many (default 1).
        optional count: At<Quantity>,
        /// The traffic of each, as a multiple of production's.
        required traffic: At<f64>,
    }
}

record! {
    /// A copy for every branch.
    pub(crate) struct RawBranches: "branches such as `{ count: 40, lives: 3d, traffic: 0.001 }`" {
        /// Branches made in a month.
        required count: At<Quantity>,
        /// How long each lives.
        required lives: At<SimDuration>,
        /// The traffic of each, as a multiple of production's (default 0.001).
        optional traffic: At<f64>,
    }
}

/// An environment: its traffic, or traffic and count.
#[derive(Debug, Clone)]
pub(crate) enum RawEnvironment {
    Traffic(At<f64>),
    Copies(RawCopies),
}

impl FromYaml for RawEnvironment {
    const EXPECTS: &'static str = RawCopies::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => RawCopies::read(node, reader).map(Self::Copies),
            Value::Scalar { .. } => At::<f64>::read(node, reader).map(Self::Traffic),
            _ => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let (traffic, copies) = (f64::schema(schemas), RawCopies::schema(schemas));
        json!({ "anyOf": [traffic, copies] })
    }
}

record! {
    /// Labour that the architecture takes; it is shown apart and never part of the cloud's bill.
    pub(crate) struct RawOperations: "operations such as `{ patching: 4h, on_call: 10h, hourly_rate: $90 }`" {
        /// Time a month for patching and upgrades.
        optional patching: SimDuration,
        /// Time a month for being on call.
        optional on_call: SimDuration,
        /// Time a month for releases.
        optional releases: SimDuration,
        /// Any other time a month, by what it is for.
        optional other: Table<SimDuration>,
        /// USD an hour.
        required hourly_rate: Usd,
        /// USD once, to get there from what runs today; left out for what runs today.
        optional migration: Usd,
    }
}

/// Checks the environments beside production.
pub(crate) fn environments(
    raw: Option<Table<RawEnvironment>>,
    branches: Option<RawBranches>,
    reader: &mut Reader,
) -> Vec<Environment> {
    let mut found = Vec::new();
    for (key, environment) in raw.map_or_else(Vec::new, |table| table.0) {
        let (count, traffic) = match environment {
            RawEnvironment::Traffic(traffic) => (None, Some(traffic)),
            RawEnvironment::Copies(copies) => (copies.count, copies.traffic),
        };
        let Some(traffic) = traffic else { continue };
        if key.text == PRODUCTION {
            let one = Quantity::from_units(1);
            if (traffic.value - 1.0).abs() > f64::EPSILON || count.is_some_and(|count| Some(count.value) != one) {
                let help = "write `production: 1`, and `traffic.scale` for another load";
                reader.error("production", "production has the scenario's traffic", traffic.span, "", help);
            }
            continue;
        }
        let count = count.map_or_else(|| Quantity::from_units(1).unwrap_or_default(), |count| count.value);
        if let Some(traffic) = checked(&traffic, reader) {
            found.push(Environment { name: key.text, count, lives: None, traffic });
        }
        too_many(found.len(), key.span, reader);
    }
    if let Some(RawBranches { count: Some(count), lives: Some(lives), traffic, .. }) = branches {
        if lives.value == SimDuration::ZERO {
            reader.error("not-positive", "a branch that does not live", lives.span, "", "write e.g. `3d`");
        }
        let traffic = traffic.map_or(Some(0.001), |traffic| checked(&traffic, reader));
        found.extend(traffic.map(|traffic| Environment {
            name: "per branch".to_owned(),
            count: count.value,
            lives: Some(lives.value),
            traffic,
        }));
    }
    found
}

fn too_many(count: usize, span: Span, reader: &mut Reader) {
    if count == MAX_ENVIRONMENTS + 1 {
        let title = format!("more than {MAX_ENVIRONMENTS} environments");
        reader.error("too-many", title, span, "", "use `count:` for copies that are alike");
    }
}

fn checked(traffic: &At<f64>, reader: &mut Reader) -> Option<f64> {
    if traffic.value > 0.0 && traffic.value <= MAX_TRAFFIC {
        return Some(traffic.value);
    }
    let title = format!("an environment with {} times the traffic of production", traffic.value);
    reader.error("out-of-range", title, traffic.span, "", "write a number above 0 and up to 10, e.g. `0.001`");
    None
}

/// Checks the operations of a model.
pub(crate) fn operations(raw: RawOperations) -> Option<Operations> {
    let named = [("patching", raw.patching), ("on call", raw.on_call), ("releases", raw.releases)];
    let mut monthly: Vec<(String, SimDuration)> =
        named.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time?))).collect();
    monthly.extend(raw.other.map_or_else(Vec::new, |table| table.0).into_iter().map(|(key, time)| (key.text, time)));
    Some(Operations { monthly, hourly_rate: raw.hourly_rate?, migration: raw.migration })
}
