//! Where a change comes from: traffic, model, prices or the program.
//!
//! With both sides at hand (`--baseline-rev`) the split is measured: the baseline runs with the new traffic, then with the new models, then
//! at the new prices, each step on the same streams.
//!
//! A stored baseline holds its files: they are run again by this program, at the prices of now. What that differs from the stored numbers is what the
//! program and the prices moved ([`run_again`]); from there to the new results it goes by traffic and model as above.
//!
//! Where the files cannot run again (of a `results.json`, or a long traffic file that is gone) only what did not move by its digest is ruled out
//! and prices are split off line by line; what remains of several causes is told together, and says so ([`since`]).

use super::snapshot::{ArchitectureSnapshot, Line, Metric, Snapshot};
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
    /// What could not be told apart, and why.
    pub note: Option<String>,
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

/// The movement since a stored baseline whose files cannot be run again, for the reason `why`.
pub fn since(old: &Snapshot, new: &Snapshot, why: &str) -> Vec<Movement> {
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
        let otherwise = behaves_otherwise(was, now) || (old.prices == new.prices && differs(was, now, HEAD));
        if old.tool_version != new.tool_version || (same_inputs && old.files == new.files && otherwise) {
            moved.push(Cause::Tool);
        } else if same_inputs && old.files != new.files && otherwise {
            // Something that is not among the stated assumptions.
            moved.insert(0, Cause::Model);
        }
        let parts = parts(was, now, &moved);
        let together = parts.iter().find(|part| part.causes.len() > 1);
        let note = together.map(|part| {
            let causes: Vec<&str> = part.causes.iter().map(|cause| cause.word()).collect();
            format!("{} cannot be told apart: {why}", causes.join(" and "))
        });
        Movement { architecture: now.name.clone(), parts, moved, note }
    })
    .collect()
}

/// The movement since a stored baseline whose files were run again by this program, at the prices of now, on its own streams: `then`.
/// `onward` leads from there to the new results.
pub fn run_again(old: &Snapshot, then: &Snapshot, onward: Vec<Movement>) -> Vec<Movement> {
    let prices_moved = old.prices != then.prices;
    let further = |mut movement: Movement| {
        let (Some(was), Some(now)) =
            (old.architecture(&movement.architecture), then.architecture(&movement.architecture))
        else {
            return movement;
        };
        let behaves = behaves_otherwise(was, now);
        let tool_moved = old.tool_version != then.tool_version || behaves || (!prices_moved && differs(was, now, HEAD));
        let mut moved = Vec::new();
        moved.extend(prices_moved.then_some(Cause::Prices));
        moved.extend(tool_moved.then_some(Cause::Tool));
        let change = total(was).zip(total(now)).map(|(before, after)| after - before);
        let parts = match (change, moved.as_slice()) {
            (None, _) => {
                movement.parts.clear();
                Vec::new()
            }
            (Some(_), []) => Vec::new(),
            (Some(change), [only]) => vec![Part { causes: vec![*only], amount: change }],
            // Another version that measures the same: the bill is moved by prices.
            (Some(change), _) if !behaves => vec![Part { causes: vec![Cause::Prices], amount: change }],
            (Some(change), _) => match moved_by_prices(was, now) {
                Some(prices) => vec![
                    Part { causes: vec![Cause::Prices], amount: prices },
                    Part { causes: vec![Cause::Tool], amount: change - prices },
                ],
                None => {
                    movement.note =
                        Some("prices and tool cannot be told apart: the bill has other lines now".to_owned());
                    vec![Part { causes: moved.clone(), amount: change }]
                }
            },
        };
        movement.moved.extend(moved);
        movement.parts.extend(parts);
        movement
    };
    onward.into_iter().map(further).collect()
}

/// The metric that parts add up to.
const HEAD: &str = "monthly_cost.total";

fn total(side: &ArchitectureSnapshot) -> Option<f64> {
    side.metric(HEAD).and_then(|metric| metric.value)
}

/// Whether a metric has another value in any replication that both sides have.
fn differs(was: &ArchitectureSnapshot, now: &ArchitectureSnapshot, name: &str) -> bool {
    match (was.metric(name), now.metric(name)) {
        (Some(was), Some(now)) => was.each.iter().zip(&now.each).any(|(a, b)| a != b),
        (was, now) => was.is_some() != now.is_some(),
    }
}

/// The old quantities at the new prices, less what they were: possible where every line has its like.
fn moved_by_prices(was: &ArchitectureSnapshot, now: &ArchitectureSnapshot) -> Option<f64> {
    let like = |old: &Line| {
        let new = now.lines.iter().find(|new| new.key == old.key)?;
        Some(old.quantity * (new.unit_price - old.unit_price))
    };
    was.lines.iter().map(like).sum()
}

fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > 0.0
}

/// Whether anything but the bill differs, in the replications that both sides have.
fn behaves_otherwise(was: &ArchitectureSnapshot, now: &ArchitectureSnapshot) -> bool {
    let measured = |side: &&Metric| !side.name.starts_with("monthly_cost.");
    let names = |side: &ArchitectureSnapshot| -> Vec<String> {
        side.metrics.iter().filter(measured).map(|metric| metric.name.clone()).collect()
    };
    names(was) != names(now) || names(now).iter().any(|name| differs(was, now, name))
}

fn parts(was: &ArchitectureSnapshot, now: &ArchitectureSnapshot, moved: &[Cause]) -> Vec<Part> {
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
