//! Probability distributions of durations, as checked values. Compiled to quantile tables by `sim::sampler`.

use crate::units::SimDuration;

/// A distribution of durations. Every parameter is finite and not negative; see each variant for more.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(SimDuration),
    /// Exponential with this mean (> 0).
    Exponential {
        /// Mean.
        mean: SimDuration,
    },
    /// Log-normal by the mean `mu` and standard deviation `sigma` of the logarithm of the duration **in seconds**.
    LogNormal {
        /// Mean of ln(seconds).
        mu: f64,
        /// Standard deviation of ln(seconds), >= 0.
        sigma: f64,
    },
    /// Gamma with this shape and scale (mean = shape x scale).
    Gamma {
        /// Shape, > 0.
        shape: f64,
        /// Scale in seconds, > 0.
        scale: f64,
    },
    /// Uniform between two durations.
    Uniform {
        /// Smallest.
        low: SimDuration,
        /// Largest, >= `low`.
        high: SimDuration,
    },
    /// Measured percentiles, linear in between: (percent 0..=100 ascending, duration not descending); first is 0, last is 100.
    Percentiles(Vec<(f64, SimDuration)>),
    /// Raw measured values, sorted ascending, not empty: each equally likely.
    Samples(Vec<SimDuration>),
}

impl Distribution {
    /// The constant zero.
    pub const ZERO: Self = Self::Constant(SimDuration::ZERO);

    /// True when every draw is zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Constant(d) => d.0 == 0,
            Self::Uniform { high, .. } => high.0 == 0,
            _ => false,
        }
    }
}
