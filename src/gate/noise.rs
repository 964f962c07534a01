//! What noise can do to a rule: how coarse a figure is, how wide its interval is at least, and how much of the error a rule may use.
//!
//! Student's interval takes a handful of values at their word: five that are equal have no spread, and it has no width. Figures that are
//! counted, binned or whole agree by chance, so each has its own bound:
//!
//! * A **share of requests** (refused, cold …) is a count of events, which varies at least as a Poisson count does: the variance of *n* events is
//!   *n*. The difference of two counts that meet the same requests counts at least the events that only one side has, so that a
//!   difference of *n* has at least the variance *n*, too.
//! * A **percentile** is read off a histogram: its standard deviation is at least the width of its bin.
//! * A **whole number** (instances at the peak, objectives missed) has no such width. Two runs of the same thing differ by the same amount with a
//!   probability of at most 1/4, whatever its distribution: the chance that independent *x* and *y* of one distribution have `y = x + d` is
//!   the sum of `p(k) p(k + d)`, in which no three values are mutual neighbours, and such a sum is at most 1/4 (Motzkin and Straus, 1965).
//!   So *n* equal differences have a chance of up to `4^-n`, and a rule is broken by them only if that is within its share of the error.
//! * A **bill**, a mean and a maximum are smooth, and Student's interval is theirs.

use super::looks::{Interval, interval};
use super::snapshot::Metric;
use crate::stats::histogram::Histogram;

/// How coarse a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Grain {
    /// As fine as money or time.
    #[default]
    Smooth,
    /// A count of events, each of which is worth so much.
    Events(f64),
    /// A percentile in milliseconds, of a histogram.
    Binned,
    /// A whole number.
    Whole,
}

/// The values that a rule is judged by: a metric's, or its differences from the baseline's, one a replication (NaN where unknown).
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    grain: Grain,
    /// Where in the histogram a percentile is.
    at: f64,
}

impl Sample {
    /// The metric's own values.
    pub fn of(metric: &Metric) -> Self {
        Self { values: plain(&metric.each), grain: metric.grain, at: metric.value.unwrap_or(0.0) }
    }

    /// Its paired differences from `was`; what the baseline does not list (a service, a component) was not there.
    pub fn of_difference(was: Option<&Metric>, now: &Metric) -> Self {
        let before = was.map_or_else(|| vec![0.0; now.each.len()], |was| plain(&was.each));
        let values = before.iter().zip(plain(&now.each)).map(|(before, now)| now - before).collect();
        let at = now.value.unwrap_or(0.0).max(was.and_then(|was| was.value).unwrap_or(0.0));
        Self { values, grain: now.grain, at }
    }

    /// Values that are derived from others and smooth.
    pub fn smooth(values: Vec<f64>) -> Self {
        Self { values, grain: Grain::Smooth, at: 0.0 }
    }

    /// Whether nothing is there to be judged by but the value itself.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Replications in which it is known.
    pub fn known(&self) -> u32 {
        self.values.iter().filter(|value| value.is_finite()).count() as u32
    }

    /// Whether a replication differs from zero.
    pub fn moves(&self) -> bool {
        self.values.iter().any(|value| value.is_finite() && value.abs() > 0.0)
    }

    /// Whether another run could give another mean.
    pub fn varies(&self) -> bool {
        let known = || self.values.iter().filter(|value| value.is_finite());
        self.least_variance() > 0.0 || known().zip(known().skip(1)).any(|(a, b)| (a - b).abs() > 0.0)
    }

    /// Its mean with the ends of its interval; `None` where there is none.
    pub fn interval(&self, alpha: f64) -> Option<Interval> {
        // What does not differ at all needs no second opinion.
        let least = if self.moves() { self.least_variance() } else { 0.0 };
        interval(&self.values, alpha, least)
    }

    /// Whether a rule with this share of the error may be broken by so many replications. It is one-sided, so that the other side's equal
    /// differences are none of its errors.
    pub fn is_enough(&self, share: f64) -> bool {
        // 4^-n without a power function; 0 for what no share is below.
        self.grain != Grain::Whole || (0..self.known().min(512)).fold(1.0, |chance, _| chance / 4.0) <= share
    }

    fn least_variance(&self) -> f64 {
        match self.grain {
            Grain::Smooth | Grain::Whole => 0.0,
            Grain::Events(one) => {
                let known = f64::from(self.known().max(1));
                one * (self.values.iter().filter(|value| value.is_finite()).sum::<f64>() / known).abs()
            }
            Grain::Binned => {
                let width = Histogram::bin_width_millis(self.at);
                width * width
            }
        }
    }
}

/// `null` as NaN.
pub fn plain(values: &[Option<f64>]) -> Vec<f64> {
    values.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(grain: Grain, value: f64, each: &[f64]) -> Metric {
        Metric { name: "m".into(), value: Some(value), each: each.iter().copied().map(Some).collect(), grain }
    }

    fn half_width(sample: &Sample, alpha: f64) -> f64 {
        let found = sample.interval(alpha).unwrap();
        (found.high - found.low) / 2.0
    }

    /// t(0.975, 4), any table.
    const T: f64 = 2.776_445;

    #[test]
    fn a_count_varies_as_poisson_does() {
        // Three of a thousand requests in each of five replications: variance 3, so the half-width is T x sqrt(3 / 5) requests.
        let refused = metric(Grain::Events(0.001), 0.003, &[0.003; 5]);
        assert!((half_width(&Sample::of(&refused), 0.05) - T * 0.6f64.sqrt() * 0.001).abs() < 1e-9);
        // Two more each time: at least those two differ.
        let more = metric(Grain::Events(0.001), 0.005, &[0.005; 5]);
        let difference = Sample::of_difference(Some(&refused), &more);
        assert!((half_width(&difference, 0.05) - T * 0.4f64.sqrt() * 0.001).abs() < 1e-9);
        // What varies more than that keeps its spread: 1, 2, 3, 4, 5 thousandths, s = 1.5811 > sqrt 3.
        let spread = metric(Grain::Events(0.0001), 0.003, &[0.001, 0.002, 0.003, 0.004, 0.005]);
        assert!((half_width(&Sample::of(&spread), 0.05) - 0.001 * T * (0.5f64).sqrt()).abs() < 1e-8);
        assert!(half_width(&Sample::of(&metric(Grain::Events(0.001), 0.0, &[0.0; 5])), 0.05).abs() < 1e-15);
    }

    #[test]
    fn a_percentile_is_no_finer_than_its_bin() {
        // 100 ms are 97,656.25 units of 1.024 us, in the octave from 65,536 that is cut into 128 bins: 512 units = 0.524288 ms each.
        let p99 = metric(Grain::Binned, 100.0, &[100.0; 5]);
        assert!((half_width(&Sample::of(&p99), 0.05) - T * 0.524_288 / 5f64.sqrt()).abs() < 1e-6);
        let one_more = metric(Grain::Binned, 100.524_288, &[100.524_288; 5]);
        let found = Sample::of_difference(Some(&p99), &one_more).interval(0.05).unwrap();
        assert!(found.low < 0.0 && found.high > 1.0, "five times the next bin is no certainty: {found:?}");
        // What is the same to the last digit has no width.
        assert!(half_width(&Sample::of_difference(Some(&p99), &p99), 0.05).abs() < 1e-15);
    }

    #[test]
    fn whole_numbers_agree_by_chance() {
        // Two runs of a peak that is 2 or 3, each half of the time: of the 4^5 outcomes of five pairs one has 2 before and 3 after throughout.
        let outcomes = (0..1u32 << 10).filter(|bits| (0..5).all(|pair| bits >> (2 * pair) & 3 == 0b10)).count();
        assert_eq!(outcomes, 1);
        let chance = outcomes as f64 / 1024.0;
        let (was, now) = (metric(Grain::Whole, 2.0, &[2.0; 5]), metric(Grain::Whole, 3.0, &[3.0; 5]));
        let difference = Sample::of_difference(Some(&was), &now);
        assert!(difference.is_enough(chance) && !difference.is_enough(chance * 0.999));
        let ten = Sample { values: vec![1.0; 10], ..difference };
        assert!(ten.is_enough(1e-6));
        assert!(Sample::smooth(vec![1.0; 5]).is_enough(0.0));
    }

    /// No distribution makes two equal runs differ by one in more than a quarter of all cases.
    #[test]
    fn equal_differences_are_at_most_one_in_four() {
        let mut state = 1u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64
        };
        for size in 2..7 {
            for _ in 0..2_000 {
                let weights: Vec<f64> = (0..size).map(|_| draw()).collect();
                let all: f64 = weights.iter().sum();
                let next: f64 = weights.windows(2).map(|pair| pair[0] * pair[1]).sum();
                assert!(next / (all * all) <= 0.25 + 1e-12, "{weights:?}");
            }
        }
    }
}
