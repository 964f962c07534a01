//! When one looks, and how sure one has to be then.
//!
//! Replications are added until every rule is decided, at most up to the last look. Whoever looks several times at 5 % each is
//! alarmed by noise far more often than in 5 % of all cases, so the 5 % are shared out among the looks by the spending
//! function of Lan and DeMets (1983) that resembles Pocock's bounds, `alpha(t) = 0.05 x ln(1 + (e - 1) t)` with t the share of the
//! replications of the last look that are there. For looks at 5, 10, 20 and 40 replications that is
//!
//! | replications | t | spent so far | at this look |
//! |---|---|---|---|
//! | 5 | 1/8 | 0.97 % | 0.97 % |
//! | 10 | 1/4 | 1.79 % | 0.81 % |
//! | 20 | 1/2 | 3.10 % | 1.31 % |
//! | 40 | 1 | 5.00 % | 1.90 % |
//!
//! Each look takes Student's t at its own share. By Bonferroni's inequality the looks together err in at most 5 % of all cases,
//! whatever the correlation between them; the price over exact bounds is a slightly wider interval.

use crate::stats::student::two_sided_quantile;

/// Replications at which one looks.
pub const LOOKS: [u32; 4] = [5, 10, 20, 40];

/// What all looks together may err.
pub const ALPHA: f64 = 0.05;

/// One look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Replications that are there.
    pub replications: u32,
    /// Two-sided error of this look.
    pub alpha: f64,
    /// Whether another follows.
    pub is_last: bool,
}

/// The looks when at most `most` replications are to be had (>= 1); one look where the first would be beyond it.
pub fn plan(most: u32) -> Vec<Look> {
    let mut at: Vec<u32> = LOOKS.into_iter().filter(|&n| n <= most).collect();
    if at.is_empty() {
        at.push(most.max(1));
    }
    let last = at.last().copied().unwrap_or(1);
    let mut before = 0.0;
    at.iter()
        .map(|&replications| {
            let so_far = spent(f64::from(replications) / f64::from(last));
            let alpha = so_far - before;
            before = so_far;
            Look { replications, alpha, is_last: replications == last }
        })
        .collect()
}

/// `alpha(t)`, 0 <= t <= 1.
fn spent(t: f64) -> f64 {
    ALPHA * libm::log1p((std::f64::consts::E - 1.0) * t)
}

/// A mean with the ends of its interval at a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The interval of the mean of independent values at level `alpha`, none of which varies by less than `least_variance`; `None` for fewer
/// than two known values, unless the only one is zero: what does not differ at all needs no second opinion.
pub fn interval(values: &[f64], alpha: f64, least_variance: f64) -> Option<Interval> {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let n = known.len();
    if n == 0 {
        return None;
    }
    let mean = known.iter().sum::<f64>() / n as f64;
    let squares: f64 = known.iter().map(|value| (value - mean) * (value - mean)).sum();
    if n == 1 {
        return (mean.abs() <= 0.0).then_some(Interval { mean, low: mean, high: mean });
    }
    let error = ((squares / (n - 1) as f64).max(least_variance) / n as f64).sqrt();
    // No spread, no width, even where the quantile is infinite.
    let half = if error > 0.0 { two_sided_quantile(alpha, n - 1) * error } else { 0.0 };
    Some(Interval { mean, low: mean - half, high: mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn the_shares_add_up() {
        let looks = plan(40);
        let shares: Vec<f64> = looks.iter().map(|look| (look.alpha * 1e4).round()).collect();
        // The table above: 0.05 x ln(1 + 1.71828 t), differences of 97.3, 178.7, 310.1 and 500.
        assert_eq!(shares, [97.0, 81.0, 131.0, 190.0]);
        assert!((looks.iter().map(|look| look.alpha).sum::<f64>() - 0.05).abs() < 1e-15);
        assert!((plan(5)[0].alpha - 0.05).abs() < 1e-15 && plan(5)[0].is_last);
        assert_eq!(plan(12).iter().map(|look| look.replications).collect::<Vec<_>>(), [5, 10]);
        assert_eq!(plan(2).iter().map(|look| look.replications).collect::<Vec<_>>(), [2]);
    }

    /// How often differences without any effect look like one, in `series` series of normal data.
    fn alarms(looks: &[Look], series: u32) -> f64 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let mut alarms = 0;
        for _ in 0..series {
            let values: Vec<f64> = (0..40).map(|_| normal.sample(&mut rng)).collect();
            let alarmed = looks.iter().any(|look| {
                let found = interval(&values[..look.replications as usize], look.alpha, 0.0).unwrap();
                found.low > 0.0 || found.high < 0.0
            });
            alarms += u32::from(alarmed);
        }
        f64::from(alarms) / f64::from(series)
    }

    #[test]
    fn noise_alarms_in_at_most_five_per_cent() {
        let shared = alarms(&plan(40), 4_000);
        // Correlated looks err less than the sum of their shares, but not much less: between 3 and 5 %.
        assert!((0.03..=0.05).contains(&shared), "{shared}");
        // What sharing is for: 5 % at each of the four looks.
        let greedy: Vec<Look> = plan(40).into_iter().map(|look| Look { alpha: 0.05, ..look }).collect();
        assert!(alarms(&greedy, 1_000) > 0.09);
        // And after each replication, as in the trial: 20-34 %.
        let eager: Vec<Look> =
            (3..=40).map(|replications| Look { replications, alpha: 0.05, is_last: false }).collect();
        assert!(alarms(&eager, 400) > 0.2);
    }

    #[test]
    fn an_interval_is_students() {
        // Mean 3, s = 1.5811, n = 5: t(0.975, 4) = 2.7764 x 1.5811 / sqrt 5 = 1.9632.
        let found = interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.05, 0.0).unwrap();
        assert!((found.low - 1.036_757).abs() < 1e-6 && (found.high - 4.963_243).abs() < 1e-6, "{found:?}");
        assert_eq!(interval(&[7.0], 0.05, 0.0), None);
        assert_eq!(interval(&[0.0], 0.05, 0.0).map(|found| found.high), Some(0.0));
        assert_eq!(interval(&[2.0, 2.0], 0.05, 0.0).map(|found| (found.low, found.high)), Some((2.0, 2.0)));
    }
}
