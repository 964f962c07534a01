//! How many requests to expect, before any of them is made.

use super::rates::{Rates, Window, end, growth_per_nano, origin};
use super::{TrafficError, Variant, windows};
use crate::spec::scenario::{Scenario, Shape};
use crate::units::SimDuration;

/// Requests that one replication is expected to have, warm-up included: what the progress bar cannot know and what tells an endless run
/// in advance. Exact for constant rates and steps; a wave counts with its weekly mean and a burst with the mean rate.
pub fn expected_requests(scenario: &Scenario) -> f64 {
    let (horizon, warmup) = (scenario.horizon.as_secs_f64(), scenario.warmup.as_secs_f64());
    let in_horizon = match &scenario.traffic.shape {
        Shape::Constant(rate) => rate.0 * horizon,
        Shape::Steps(steps) => {
            let ends = steps.iter().skip(1).map(|(at, _)| at.as_secs_f64()).chain([horizon]);
            let lasting = |((at, rate), end): (&(_, _), f64)| part(*at, *rate, end.min(horizon));
            steps.iter().zip(ends).map(lasting).sum()
        }
        Shape::Diurnal(wave) => wave.mean.0 * horizon,
        Shape::ReplayRate(file) | Shape::ReplayRequests(file) => {
            let times = horizon / file.covers.as_secs_f64().max(1e-9);
            file.requests * if file.repeat { times } else { times.min(1.0) }
        }
    };
    let mean = if horizon > 0.0 { in_horizon / horizon } else { 0.0 };
    let before = match &scenario.traffic.shape {
        Shape::Steps(steps) => steps.first().map_or(0.0, |(_, rate)| rate.0) * warmup,
        Shape::ReplayRate(_) | Shape::ReplayRequests(_) => 0.0,
        _ => mean * warmup,
    };
    let bursts: f64 =
        scenario.traffic.bursts.iter().map(|burst| mean * (burst.times - 1.0) * burst.lasts.as_secs_f64()).sum();
    // The mean of exp(g t) over the horizon.
    let growth = growth_per_nano(scenario) * scenario.horizon.0 as f64;
    let grown = if growth.abs() < 1e-9 { 1.0 } else { libm::expm1(growth) / growth };
    ((in_horizon + bursts) * grown + before).max(0.0) * scenario.traffic.scale
}

/// What a step contributes until `end` (seconds).
fn part(at: crate::units::SimDuration, rate: crate::units::PerSecond, end: f64) -> f64 {
    rate.0 * (end - at.as_secs_f64()).max(0.0)
}

/// Requests that the base traffic, without its bursts, is expected to have in each stretch of this length (> 0) of the horizon; the last one
/// may be shorter. Exact for every shape: the rate is integrated. Zeros for requests that are replayed one by one.
///
/// # Errors
/// As [`super::Source::new`].
pub fn expected_by_slot(scenario: &Scenario, slot: SimDuration) -> Result<Vec<f64>, TrafficError> {
    let (from, to) = (origin(scenario), end(scenario));
    let window = Window { start: from, end: to, factor: scenario.traffic.scale, dips: Vec::new() };
    let mut expected = vec![0.0; (to - from).div_ceil(slot.0) as usize];
    integrate(scenario, window, (from, slot.0), &mut expected)?;
    Ok(expected)
}

/// Requests that are expected in each minute of the engine's clock, warm-up and bursts included, where the scenario differs by `variant`.
///
/// # Errors
/// As [`super::Source::new`].
pub fn expected_by_minute(scenario: &Scenario, variant: &Variant) -> Result<Vec<f64>, TrafficError> {
    const MINUTE: u64 = SimDuration::from_mins(1).0;
    let mut expected = vec![0.0; end(scenario).div_ceil(MINUTE) as usize];
    for (window, _) in windows(scenario, variant) {
        integrate(scenario, window, (0, MINUTE), &mut expected)?;
    }
    Ok(expected)
}

/// Adds what a stream is expected to have in each slot: (start of the first, length).
fn integrate(
    scenario: &Scenario,
    window: Window,
    (from, slot): (u64, u64),
    expected: &mut [f64],
) -> Result<(), TrafficError> {
    let mut at = window.start;
    let mut rates = Rates::new(scenario, window)?;
    while let Some(piece) = rates.next(at)? {
        while at < piece.end {
            let index = (at - from) / slot;
            let until = piece.end.min(from + (index + 1) * slot);
            if let Some(expected) = expected.get_mut(index as usize) {
                *expected += piece.rate * (until - at) as f64;
            }
            at = if piece.rate > 0.0 { until } else { piece.end };
        }
    }
    Ok(())
}
