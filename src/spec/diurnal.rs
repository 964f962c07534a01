//! The concentration of the daily wave that makes mean and peak come out exactly.
//!
//! The wave is rate(h) = peak x exp(kappa x (cos(2 pi (h - peak_at) / 24) - 1)), times `weekend` on Saturday and Sunday. The mean of
//! exp(kappa x (cos x - 1)) over a whole turn is the scaled Bessel function I0e(kappa) = exp(-kappa) I0(kappa), which falls from 1
//! (kappa = 0, flat) towards 0. So mean = peak x (5 + 2 weekend) / 7 x I0e(kappa), which bisection solves for kappa.

/// Largest concentration: a peak that is half as high after 20 seconds already.
const MAX_KAPPA: f64 = 1e6;

/// `kappa` for these rates; or, when no wave fits, the smallest and the largest possible mean / peak.
///
/// # Errors
/// The range of mean / peak that is possible with this weekend.
pub(crate) fn concentration(mean: f64, peak: f64, weekend: f64) -> Result<f64, (f64, f64)> {
    let week = (5.0 + 2.0 * weekend) / 7.0;
    let wanted = mean / peak / week;
    let lowest = i0e(MAX_KAPPA);
    // A mean that is the peak up to rounding is flat.
    if wanted > 1.0 && wanted <= 1.0 + 1e-9 {
        return Ok(0.0);
    }
    if !(lowest..=1.0).contains(&wanted) {
        return Err((lowest * week, week));
    }
    let (mut low, mut high) = (0.0, MAX_KAPPA);
    // Halving 1e6 a hundred times ends at neighbouring numbers; stop when nothing is left between them.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if i0e(middle) > wanted { low = middle } else { high = middle }
    }
    Ok(0.5 * (low + high))
}

/// exp(-x) I0(x) for x >= 0.
///
/// The power series sum (x/2)^2k / k!^2 up to 30 (Abramowitz & Stegun 9.6.12), whose terms are all positive, and the
/// asymptotic series 9.7.1 beyond, whose smallest term there is below 1e-25.
pub(crate) fn i0e(x: f64) -> f64 {
    if x <= 30.0 {
        let square = x * x / 4.0;
        let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
        while term > sum * 1e-18 {
            term *= square / (k * k);
            sum += term;
            k += 1.0;
        }
        return sum * libm::exp(-x);
    }
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    loop {
        let odd = 2.0 * k - 1.0;
        let next = term * odd * odd / (8.0 * k * x);
        if next >= term || next < sum * 1e-18 {
            break;
        }
        term = next;
        sum += term;
        k += 1.0;
    }
    sum / libm::sqrt(2.0 * std::f64::consts::PI * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bessel_function_agrees_with_tables() {
        // Abramowitz & Stegun, table 9.8 (exp(-x) I0(x)): 1, 5 and 10, to the 10 digits printed there; all by the power
        // series summed in another language.
        for (x, expected) in [
            (0.0, 1.0),
            (1.0, 0.465_759_607_593_640_43),
            (5.0, 0.183_540_812_609_328_3),
            (10.0, 0.127_833_337_163_428_6),
            (20.0, 0.089_780_311_884_826_05),
            (50.0, 0.056_561_626_647_454_18),
            (100.0, 0.039_944_379_299_096_69),
        ] {
            assert!((i0e(x) / expected - 1.0).abs() < 1e-11, "{x}: {}", i0e(x));
        }
        assert!((i0e(30.0) / i0e(30.000_000_001) - 1.0).abs() < 1e-9, "both series agree where they meet");
    }

    #[test]
    fn the_mean_over_the_week_is_as_stated() {
        for (mean, peak, weekend) in
            [(40.0, 160.0, 0.7), (1.0, 1.0, 1.0), (10.0, 11.0, 1.0), (1.0, 500.0, 0.0), (3.0, 2.0, 3.0)]
        {
            let kappa = concentration(mean, peak, weekend).unwrap();
            // The mean of the wave by the trapezoidal rule, which converges geometrically for periodic functions.
            let steps = 200_000;
            let sum: f64 = (0..steps)
                .map(|i| (kappa * ((2.0 * std::f64::consts::PI * f64::from(i) / f64::from(steps)).cos() - 1.0)).exp())
                .sum();
            let found = peak * (5.0 + 2.0 * weekend) / 7.0 * sum / f64::from(steps);
            assert!((found / mean - 1.0).abs() < 1e-10, "{mean} {peak} {weekend}: {found}");
        }
    }

    #[test]
    fn what_is_impossible_says_what_is_possible() {
        let (low, high) = concentration(200.0, 160.0, 0.7).unwrap_err();
        assert!((high - 6.4 / 7.0).abs() < 1e-12 && low > 0.0 && low < 0.001);
        assert!(concentration(160.0 * high, 160.0, 0.7).unwrap() < 1e-6);
        assert!(concentration(1.0, 1e9, 1.0).is_err());
    }
}
