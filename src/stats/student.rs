//! Quantiles of Student's t distribution at any level, for looks that spend their error in shares.
//!
//! P(T > t) for `df` degrees of freedom is I(df / (df + t^2); df / 2, 1 / 2) / 2, with the regularised incomplete beta
//! function by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated by Lentz's method); the quantile is found by bisection.

/// Halvings of the bracket: more than the bits of a number.
const HALVINGS: u32 = 200;

/// The t beyond which a two-sided test at level `alpha` (0 < alpha < 1) rejects. Infinite for no degree of freedom or no level.
pub fn two_sided_quantile(alpha: f64, df: usize) -> f64 {
    if df == 0 || alpha <= 0.0 {
        return f64::INFINITY;
    }
    if alpha >= 1.0 {
        return 0.0;
    }
    let df = df as f64;
    let beyond = |t: f64| incomplete_beta(df / 2.0, 0.5, df / (df + t * t));
    let (mut low, mut high) = (0.0, 1.0);
    while beyond(high) > alpha && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        // No number lies between the two.
        if middle <= low || middle >= high {
            break;
        }
        if beyond(middle) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// I(x; a, b), 0 <= x <= 1.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front =
        libm::exp(libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x));
    // The fraction converges fast on this side of the mean; the other side by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guarded = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..=500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for step in [even, odd] {
            d = 1.0 / guarded(1.0 + step * d);
            c = guarded(1.0 + step / c);
            last = d * c;
            h *= last;
        }
        if (last - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    #[test]
    fn quantiles_are_what_statrs_says() {
        for df in [1, 2, 4, 9, 19, 39, 200] {
            for alpha in [0.5, 0.05, 0.019, 0.0097, 0.001] {
                let want = StudentsT::new(0.0, 1.0, df as f64).unwrap().inverse_cdf(1.0 - alpha / 2.0);
                let got = two_sided_quantile(alpha, df);
                assert!((got - want).abs() < 1e-6 * want, "df {df}, alpha {alpha}: {got} against {want}");
            }
        }
    }

    #[test]
    fn the_table_of_the_intervals_agrees() {
        for df in 1..60 {
            let (got, want) = (two_sided_quantile(0.05, df), super::super::intervals::t_975(df));
            assert!((got - want).abs() < 1e-7 * want, "df {df}: {got} against {want}");
        }
        assert_eq!(two_sided_quantile(0.05, 0), f64::INFINITY);
        assert_eq!(two_sided_quantile(0.0, 4), f64::INFINITY);
    }
}
