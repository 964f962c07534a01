//! Intervals: what a handful of replications says about a figure, and how far to trust it.
//!
//! * A mean gets Student's t interval: mean ± t(0.975, n - 1) x s / sqrt(n).
//! * A percentile of all replications together gets a jackknife interval: the percentile is computed again without each
//!   replication in turn; se = sqrt((n - 1) / n x sum of (theta_i - mean of theta_i)^2) (Efron and Stein 1981), and the
//!   interval is the merged value ± t(0.975, n - 1) x se.
//! * Two architectures that met the same requests are compared by their paired differences, replication by replication.
//!
//! One replication has no interval: its bounds are `None`. What could not be measured at all (the latency of a class of
//! which nothing was served) is NaN, which `results.json` writes as `null`; such replications are left out of the mean.

use super::histogram::Histogram;
use super::student::two_sided_quantile;
use crate::results::Figure;
use crate::units::SimDuration;

/// t(0.975, df) for df = 1..=30, from the regularised incomplete beta function to 15 digits.
const T_975: [f64; 30] = [
    12.7062047361747,
    4.30265272974946,
    3.18244630528371,
    2.77644510519779,
    2.57058183563632,
    2.44691185114497,
    2.36462425159279,
    2.30600413520417,
    2.26215716279821,
    2.22813885198627,
    2.20098516009164,
    2.17881282966723,
    2.16036865646279,
    2.14478668791780,
    2.13144954555978,
    2.11990529922125,
    2.10981557783332,
    2.10092204024104,
    2.09302405440831,
    2.08596344726586,
    2.07961384472768,
    2.07387306790403,
    2.06865761041905,
    2.06389856162803,
    2.05953855275330,
    2.05552943864287,
    2.05183051648029,
    2.04840714179525,
    2.04522964213270,
    2.04227245630124,
];

/// How often an interval may err unless it is asked to be surer: those shown are at 95 %.
pub const ALPHA: f64 = 0.05;

/// The 97.5 % quantile of the standard normal distribution.
const Z_975: f64 = 1.959_963_984_540_054;

/// The 97.5 % quantile of Student's t distribution: half the width, in standard errors, of a two-sided 95 % interval.
///
/// A table up to 30 degrees of freedom; above, the Cornish-Fisher expansion of Abramowitz and Stegun 26.7.5, which is off
/// by less than 3e-8 from there on. Infinite for `df` = 0, where there is no interval.
pub fn t_975(df: usize) -> f64 {
    if df == 0 {
        return f64::INFINITY;
    }
    if let Some(&t) = T_975.get(df - 1) {
        return t;
    }
    let (z, n) = (Z_975, df as f64);
    let z2 = z * z;
    let g1 = z * (z2 + 1.0) / 4.0;
    let g2 = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let g3 = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    let g4 = z * ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92_160.0;
    z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n
}

/// An estimate with the half-width of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate; NaN when there was nothing to estimate it from.
    pub value: f64,
    /// Half the width of the 95 % interval; `None` for fewer than two values.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// Both ends of the interval.
    pub fn interval(self) -> Option<(f64, f64)> {
        self.half_width.map(|h| (self.value - h, self.value + h))
    }
}

/// Mean and Student-t interval of independent values at 95 %. NaN values are left out.
pub fn mean(each: &[f64]) -> Estimate {
    mean_with(each, t_975)
}

/// [`mean`] with an interval that errs in a share `alpha` of all cases: at 95 %, `alpha` is 0.05.
pub fn mean_at(each: &[f64], alpha: f64) -> Estimate {
    // The same bits as everywhere else.
    if alpha.to_bits() == ALPHA.to_bits() { mean(each) } else { mean_with(each, |df| two_sided_quantile(alpha, df)) }
}

fn mean_with(each: &[f64], quantile: impl Fn(usize) -> f64) -> Estimate {
    let known: Vec<f64> = each.iter().copied().filter(|x| !x.is_nan()).collect();
    let n = known.len();
    if n == 0 {
        return Estimate { value: f64::NAN, half_width: None };
    }
    let mean = known.iter().sum::<f64>() / n as f64;
    if n == 1 {
        return Estimate { value: mean, half_width: None };
    }
    let squares: f64 = known.iter().map(|x| (x - mean) * (x - mean)).sum();
    let standard_error = (squares / (n - 1) as f64 / n as f64).sqrt();
    Estimate { value: mean, half_width: Some(quantile(n - 1) * standard_error) }
}

/// Mean and interval ([`mean_at`]) of the paired differences `b - a`. Values beyond the shorter of the two have no partner and are left
/// out.
pub fn paired(a: &[f64], b: &[f64], alpha: f64) -> Estimate {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    mean_at(&differences, alpha)
}

/// A figure that is the mean over the replications. `floor` is the least value that makes sense (0 for counts and times):
/// the lower bound is cut off there.
pub fn figure(each: Vec<f64>, floor: f64) -> Figure {
    let estimate = mean(&each);
    with_interval(estimate, each, floor)
}

/// The overall maximum with each replication's own; it has no interval.
pub fn maximum(each: Vec<f64>) -> Figure {
    let value = each.iter().copied().filter(|x| !x.is_nan()).reduce(f64::max).unwrap_or(f64::NAN);
    Figure { value, low: None, high: None, each }
}

/// What is asked of a set of histograms: a percentile by its share (0.99), in milliseconds.
///
/// The value is that of all replications merged, the interval by jackknife over the replications that hold anything.
pub fn percentiles(replications: &[&Histogram], shares: &[f64]) -> Vec<Figure> {
    let merged = merge(replications.iter().copied());
    let holding: Vec<&Histogram> = replications.iter().copied().filter(|h| h.count() > 0).collect();
    let without = leave_one_out(&holding);
    shares
        .iter()
        .map(|&share| {
            let millis = |h: &Histogram| h.quantile(share).map_or(f64::NAN, SimDuration::as_millis_f64);
            let each = replications.iter().map(|h| millis(h)).collect();
            let rest: Vec<f64> = without.iter().map(millis).collect();
            let half_width = jackknife_half_width(&rest);
            with_interval(Estimate { value: millis(&merged), half_width }, each, 0.0)
        })
        .collect()
}

/// All histograms in one.
pub fn merge<'a>(histograms: impl IntoIterator<Item = &'a Histogram>) -> Histogram {
    let mut all = Histogram::new();
    histograms.into_iter().for_each(|h| all.merge(h));
    all
}

/// Half-width of the 95 % interval from the leave-one-out values of a statistic; `None` for fewer than two.
pub fn jackknife_half_width(leave_one_out: &[f64]) -> Option<f64> {
    let n = leave_one_out.len();
    if n < 2 {
        return None;
    }
    let mean = leave_one_out.iter().sum::<f64>() / n as f64;
    let squares: f64 = leave_one_out.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some(t_975(n - 1) * (squares * (n - 1) as f64 / n as f64).sqrt())
}

/// The merged histogram without each replication in turn; empty for fewer than two. Built from merges alone rather than
/// by taking away, since a maximum cannot be taken away.
fn leave_one_out(replications: &[&Histogram]) -> Vec<Histogram> {
    if replications.len() < 2 {
        return Vec::new();
    }
    // after[i] = all from i on.
    let mut after = vec![Histogram::new()];
    for h in replications.iter().skip(1).rev() {
        let mut next = after[after.len() - 1].clone();
        next.merge(h);
        after.push(next);
    }
    after.reverse();
    let mut before = Histogram::new();
    for (rest, h) in after.iter_mut().zip(replications) {
        rest.merge(&before);
        before.merge(h);
    }
    after
}

fn with_interval(estimate: Estimate, each: Vec<f64>, floor: f64) -> Figure {
    let interval = estimate.interval();
    Figure { value: estimate.value, low: interval.map(|(low, _)| low.max(floor)), high: interval.map(|i| i.1), each }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    fn close(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "{got} against {want}");
    }

    #[test]
    fn t_is_what_statrs_says_for_all_degrees_of_freedom() {
        for df in (1..=200).chain([500, 1_000, 10_000, 1_000_000]) {
            // `cdf` of statrs, not `inverse_cdf`, which searches only coarsely.
            let student = StudentsT::new(0.0, 1.0, df as f64).expect("valid");
            let step = 1e-6 * t_975(df);
            let (below, above) = (student.cdf(t_975(df) - step), student.cdf(t_975(df) + step));
            assert!(below < 0.975 && above > 0.975, "df {df}: {below} .. {above}");
        }
        assert_eq!(t_975(0), f64::INFINITY);
    }

    /// NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2 "Confidence limits for the mean", data set ZARR13.DAT:
    /// N = 195, mean 9.261460, standard deviation 0.022789, 95 % limits 9.258242 to 9.264679.
    #[test]
    fn the_half_width_is_that_of_the_nist_handbook() {
        // Two values at mean ± d, each 97 or 98 times, cannot give this s exactly with odd N; use t directly.
        let half_width = t_975(194) * 0.022789 / 195f64.sqrt();
        assert!((9.261460 - half_width - 9.258242).abs() < 1e-6);
        assert!((9.261460 + half_width - 9.264679).abs() < 1e-6);
    }

    /// By hand: 2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and sum of squares 32, so s^2 = 32/7 and se = sqrt(4/7) = 0.755929;
    /// t(0.975, 7) = 2.364624 (any table), half-width 1.787487.
    #[test]
    fn mean_of_eight_values_by_hand() {
        let f = figure(vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 0.0);
        assert_eq!(f.value, 5.0);
        close(f.high.expect("eight values") - 5.0, 1.787_487, 1e-6);
        close(5.0 - f.low.expect("eight values"), 1.787_487, 1e-6);
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_value() {
        let one = figure(vec![3.0], 0.0);
        assert_eq!((one.value, one.low, one.high), (3.0, None, None));
        let none = figure(vec![f64::NAN, f64::NAN], 0.0);
        assert!(none.value.is_nan() && none.low.is_none());
        let partly = figure(vec![f64::NAN, 1.0, 3.0], 0.0);
        assert_eq!(partly.value, 2.0);
        // n = 2: se = |1 - 3| / 2 = 1, so the interval is 2 ± 12.706, cut off at zero.
        assert_eq!(partly.low, Some(0.0));
        close(partly.high.expect("two values"), 14.706_204_7, 1e-8);
    }

    /// Student's own sleep data (Biometrika 6, 1908; `sleep` in R): extra hours under two drugs for the same ten people.
    /// R: t.test(..., paired = TRUE) gives a mean difference of 1.58 and a 95 % interval of 0.7001142 to 2.4598858.
    #[test]
    fn paired_differences_of_students_sleep_data() {
        let a = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let b = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let difference = paired(&a, &b, ALPHA);
        close(difference.value, 1.58, 1e-12);
        let (low, high) = difference.interval().expect("ten pairs");
        close(low, 0.700_114_2, 1e-6);
        close(high, 2.459_885_8, 1e-6);
    }

    /// The jackknife's standard error of a mean is s / sqrt(n) exactly (Efron and Tibshirani, 1993, 11.2).
    #[test]
    fn the_jackknife_of_a_mean_is_the_t_interval() {
        let x = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let total: f64 = x.iter().sum();
        let rest: Vec<f64> = x.iter().map(|xi| (total - xi) / 7.0).collect();
        close(jackknife_half_width(&rest).expect("eight"), mean(&x).half_width.expect("eight"), 1e-12);
        assert_eq!(jackknife_half_width(&[1.0]), None);
    }

    fn histogram(millis: impl IntoIterator<Item = u64>) -> Histogram {
        let mut h = Histogram::new();
        millis.into_iter().for_each(|ms| h.record(SimDuration::from_millis(ms)));
        h
    }

    #[test]
    fn percentiles_come_from_the_merged_histogram() {
        let (a, b, c) = (histogram(1..=100), histogram(101..=200), histogram(201..=300));
        let found = percentiles(&[&a, &b, &c], &[0.5, 1.0]);
        // Merged: 1..=300, median 150. Without a: 101..=300 -> 200; without b: 1..=100 and 201..=300 -> 100;
        // without c: 1..=200 -> 100. Mean 400/3, squares 2 x (100/3)^2 + (200/3)^2 = 60,000/9, se = sqrt(2/3 x that) = 66.667.
        close(found[0].value, 150.0, 0.004);
        close(found[0].high.expect("three") - found[0].value, 4.302_652_73 * 66.666_67, 0.02);
        assert_eq!(found[0].low, Some(0.0), "a latency is not negative");
        close(found[0].each[1], 150.0, 0.004);
        // The maximum without c is 200, not 300.
        assert_eq!(found[1].value, 300.0);
        // 300, 300, 200: mean 800/3, squares 6,666.67, se 66.667.
        close(found[1].high.expect("three") - 300.0, 4.302_652_73 * 66.666_67, 1e-4);
    }

    #[test]
    fn empty_histograms_have_no_percentile() {
        let (a, empty) = (histogram(1..=100), Histogram::new());
        let found = percentiles(&[&a, &empty], &[0.5]);
        close(found[0].value, 50.0, 0.004);
        assert!(found[0].each[1].is_nan());
        assert_eq!(found[0].low, None, "one replication with requests is one replication");
        assert!(percentiles(&[&empty], &[0.5])[0].value.is_nan());
    }

    #[test]
    fn merging_all_is_the_same_as_recording_all() {
        let parts = [histogram(1..=50), histogram(51..=80), histogram(81..=120)];
        assert_eq!(merge(&parts), histogram(1..=120));
        let all: Vec<&Histogram> = parts.iter().collect();
        let without = leave_one_out(&all);
        assert_eq!(without[1], histogram((1..=50).chain(81..=120)));
        assert_eq!(without[2], histogram(1..=80));
    }
}
