//! The waterfall, measured: old -> new traffic -> new models -> new prices, each step on the same streams.

use super::side::{Bench, Side, stated};
use crate::cli::Failure;
use crate::gate::{Cause, Movement, Part};
use crate::results::Results;

/// The side between the two where traffic and models both moved: the new traffic on the old models.
pub struct Between {
    side: Option<Side>,
    traffic_moved: bool,
}

impl Between {
    /// Finds out what moved.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when the traffic cannot be read.
    pub fn new(new: &Side, old: &Side) -> Result<Self, Failure> {
        let traffic_moved = stated(&new.scenario) != stated(&old.scenario);
        let mut scenario = new.scenario.clone();
        scenario.architectures.retain_mut(|architecture| {
            let was = old.scenario.architectures.iter().find(|was| was.name == architecture.name);
            match was {
                Some(was) if was != architecture => {
                    *architecture = was.clone();
                    true
                }
                _ => false,
            }
        });
        let needed = traffic_moved && !scenario.architectures.is_empty();
        let mut side = needed.then(|| Side::new(scenario, new.book.clone()));
        if let Some(side) = side.as_mut().filter(|_| new.is_sampled()) {
            side.sample(&[&new.scenario.architectures[..], &old.scenario.architectures].concat())?;
        }
        Ok(Self { side, traffic_moved })
    }

    /// Why the bills moved, at this number of replications.
    ///
    /// # Errors
    /// [`Failure`] of the simulation or the bill.
    pub fn movements(
        &mut self,
        new: &Side,
        old: &Side,
        replications: u32,
        bench: &Bench<'_>,
    ) -> Result<Vec<Movement>, Failure> {
        let before = old.results(&old.book)?;
        let after = new.results(&new.book)?;
        let at_old_prices = new.results(&old.book)?;
        let prices_moved = before.prices.digest != after.prices.digest;
        let between = match &mut self.side {
            Some(side) => {
                side.extend(replications, None, bench)?;
                Some(side.results(&old.book)?)
            }
            None => None,
        };
        let mut movements = Vec::new();
        for architecture in &new.scenario.architectures {
            let Some(was) = old.scenario.architectures.iter().find(|was| was.name == architecture.name) else {
                continue;
            };
            let name = architecture.name.as_str();
            let moved: Vec<Cause> = [
                (Cause::Traffic, self.traffic_moved),
                (Cause::Model, was != architecture),
                (Cause::Prices, prices_moved),
            ]
            .into_iter()
            .filter_map(|(cause, moved)| moved.then_some(cause))
            .collect();
            let mut parts = Vec::new();
            // old -> new traffic -> new model -> new prices: each step on the same streams.
            let mut steps = vec![total(&before, name)];
            for cause in &moved {
                let next = match cause {
                    Cause::Traffic => {
                        between.as_ref().filter(|_| moved.contains(&Cause::Model)).unwrap_or(&at_old_prices)
                    }
                    Cause::Model => &at_old_prices,
                    Cause::Prices | Cause::Tool => &after,
                };
                let step = total(next, name);
                if let (Some(Some(last)), Some(step)) = (steps.last().copied(), step) {
                    parts.push(Part { causes: vec![*cause], amount: step - last });
                }
                steps.push(step);
            }
            if steps.iter().any(Option::is_none) {
                parts.clear();
            }
            movements.push(Movement { architecture: name.to_owned(), moved, parts, note: None });
        }
        Ok(movements)
    }
}

fn total(results: &Results, architecture: &str) -> Option<f64> {
    let found = results.architectures.iter().find(|one| one.name == architecture)?;
    found.monthly_cost.total.as_ref()?.parse().ok()
}
