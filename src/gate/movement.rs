//! Where a change comes from: traffic, model, prices or the program.
//!
//! With both sides at hand (`--baseline-rev`) the split is measured: the baseline runs with the new traffic, then with the new models, then
//! at the new prices, each step on the same streams. With a stored baseline its inputs cannot run again; then what did not
//! move by its digest is ruled out, prices are split off line by line, and what remains of several causes is told together.

use super::snapshot::{ArchitectureSnapshot, Snapshot};
use serde::Serialize;

/// What can move a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The scenario: traffic, requests, client, account.
    Traffic,
    /// The architecture.
    Model,
    /// The price book.
    Prices,
    /// The program.
    Tool,
}

impl Cause {
    /// As it is shown and typed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Model => "model",
            Self::Prices => "prices",
            Self::Tool => "tool",
        }
    }

    /// Whether the author of a change is not to blame for it.
    pub const fn is_outside(self) -> bool {
        matches!(self, Self::Prices | Self::Tool)
    }
}

/// A part of the change of a bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Who moved it; several where they cannot be told apart.
    pub causes: Vec<Cause>,
    /// USD a month.
    pub amount: f64,
}

/// Why one architecture's results moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Movement {
    /// The architecture.
    pub architecture: String,
    /// What is not as it was.
    pub moved: Vec<Cause>,
    /// The change of the monthly bill, part by part; empty where it is not known or nothing moved.
    pub parts: Vec<Part>,
}

impl Movement {
    /// The causes of a change, prices aside where they cannot be one.
    pub fn causes(&self, is_cost: bool) -> impl Iterator<Item = Cause> + '_ {
        self.moved.iter().copied().filter(move |cause| is_cost || *cause != Cause::Prices)
    }

    /// What of the bill's change comes from these causes alone.
    pub fn amount_of(&self, causes: &[Cause]) -> f64 {
        let of = |part: &&Part| part.causes.iter().all(|cause| causes.contains(cause));
        self.parts.iter().filter(of).map(|part| part.amount).sum()
    }
}

/// The movement since a stored baseline.
pub fn since(old: &Snapshot, new: &Snapshot) -> Vec<Movement> {
    let both = new.architectures.iter().filter_map(|now| Some((old.architecture(&now.name)?, now)));
    both.map(|(was, now)| {
        let mut moved = Vec::new();
        if old.traffic != new.traffic || differ(old.simulated_seconds, new.simulated_seconds) || old.seed != new.seed {
            moved.push(Cause::Traffic);
        }
        if was.model != now.model {
            moved.push(Cause::Model);
        }
        if old.prices != new.prices {
            moved.push(Cause::Prices);
        }
        // The digests of what is stated are equal, and so is every file: only the program is left.
        let same_inputs = moved.iter().all(|cause| *cause == Cause::Prices);
        if old.tool_version != new.tool_version
            || (same_inputs && old.files == new.files && behaves_otherwise(was, now))
        {
            moved.push(Cause::Tool);
        } else if same_inputs && old.files != new.files && behaves_otherwise(was, now) {
            // Something that is not among the stated assumptions.
            moved.insert(0, Cause::Model);
        }
        Movement { architecture: now.name.clone(), parts: parts(was, now, &moved), moved }
    })
    .collect()
}

fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > 0.0
}

/// Whether anything but the bill differs.
fn behaves_otherwise(was: &ArchitectureSnapshot, now: &ArchitectureSnapshot) -> bool {
    now.metrics.iter().filter(|metric| !metric.name.starts_with("monthly_cost.")).any(|metric| {
        was.metric(&metric.name).is_none_or(|old| {
            let pairs = old.each.iter().zip(&metric.each);
            pairs.into_iter().any(|(a, b)| a != b)
        })
    }) || (was.lines.len() != now.lines.len())
        || was.lines.iter().zip(&now.lines).any(|(a, b)| a.key != b.key || differ(a.quantity, b.quantity))
}

fn parts(was: &ArchitectureSnapshot, now: &ArchitectureSnapshot, moved: &[Cause]) -> Vec<Part> {
    let total = |side: &ArchitectureSnapshot| side.metric("monthly_cost.total").and_then(|metric| metric.value);
    let (Some(before), Some(after)) = (total(was), total(now)) else { return Vec::new() };
    let change = after - before;
    let rest: Vec<Cause> = moved.iter().copied().filter(|cause| *cause != Cause::Prices).collect();
    if !moved.contains(&Cause::Prices) {
        return if moved.is_empty() { Vec::new() } else { vec![Part { causes: rest, amount: change }] };
    }
    if rest.is_empty() {
        return vec![Part { causes: vec![Cause::Prices], amount: change }];
    }
    // The new quantities at the old prices: possible where every line has its like.
    let at_old_prices: Option<f64> = now
        .lines
        .iter()
        .map(|line| {
            was.lines
                .iter()
                .find(|old| old.key == line.key)
                .map(|old| line.quantity * (line.unit_price - old.unit_price))
        })
        .sum();
    match at_old_prices {
        Some(prices) => {
            vec![Part { causes: rest, amount: change - prices }, Part { causes: vec![Cause::Prices], amount: prices }]
        }
        None => vec![Part { causes: moved.to_vec(), amount: change }],
    }
}
