//! One sampler for all durations: any distribution becomes a table, one 64-bit draw and one interpolation a sample.
//!
//! # How
//! Smooth distributions (exponential, log-normal, gamma) are tabulated as quantiles with knots by *octave of the tail
//! probability*, on both sides of the median: the tail 2^-2 to 2^-1, 2^-3 to 2^-2 … in 40 octaves with 16 knots each. The
//! table has 20 KB and its relative resolution is the same at p50 and at p99.99, where evenly spaced knots fail. Of a
//! draw the top bit chooses the side, the leading zeros of the rest the octave, the next four bits the knot, and what
//! remains interpolates. The (base, slope) pairs are neighbours in memory: one cache line a draw. Everything is
//! integer arithmetic, in fractions of a nanosecond.
//!
//! Measured percentiles are piecewise linear, so they are kept exactly: an alias table (Walker 1977, Vose 1991) chooses the
//! segment. Raw samples are kept as they are and each is equally likely. A constant costs nothing.
//!
//! # Accuracy
//! - The linear interpolation overestimates a convex stretch by up to 0.05 % of its scale. The table is therefore scaled
//!   by (exact mean) / (mean of the table), which brings the mean within 1e-6 and moves a quantile by less than 0.1 %
//!   (below the median: of the median) for a log-normal with sigma <= 2, an exponential, and a gamma with shape >= 0.5. Where more than 0.5 % would
//!   be needed (tails heavier than any service time) the correction stops there, and none is made where the cap bites.
//! - Tails beyond 4.5e-13 are cut.
//! - Nothing is longer than [`CAP`], 30 days. [`Sampler::mean_secs`] is the mean of what is delivered, cap included.
//!
//! Only `libm` is used for elementary functions: the system's are not the same bits everywhere.

use crate::spec::distribution::Distribution;
use crate::units::{NANOS_PER_SEC, SimDuration};

/// The longest duration that is ever drawn: 30 days.
pub const CAP: SimDuration = SimDuration(30 * 86_400 * NANOS_PER_SEC);

/// Octaves of the tail probability on each side.
const OCTAVES: usize = 40;
/// Knots an octave; a power of two.
const KNOTS: usize = 16;
/// Cells of the table, both sides: a power of two, so that no index needs a check; those beyond the last octave stay empty.
const CELLS: usize = (OCTAVES * 2 * KNOTS).next_power_of_two();
/// The furthest that the mean correction may go.
const MAX_CORRECTION: f64 = 5e-3;

/// Draws durations of one distribution.
#[derive(Debug, Clone)]
pub struct Sampler {
    kind: Kind,
    mean_secs: f64,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Nanoseconds.
    Constant(u64),
    /// Quantiles by octave, in fractions of a nanosecond.
    Octaves(OctaveTable),
    /// Alias table over linear pieces.
    Pieces(Box<[AliasCell]>),
    /// Equally likely nanoseconds, ascending.
    Samples(Box<[u64]>),
}

/// Cells as (base, slope) in units of 2^-shift: value = base + slope x fraction.
#[derive(Debug, Clone)]
struct OctaveTable {
    cells: Box<[[u64; 2]; CELLS]>,
    shift: u32,
}

/// One cell of the alias table. `r` is a uniform 64-bit number: below `threshold` the value is `low.0 + low.1 x r`, else
/// `high.0 + high.1 x r` (nanoseconds, `r` as a fraction of 2^64).
#[derive(Debug, Clone)]
struct AliasCell {
    threshold: u64,
    low: (f64, f64),
    high: (f64, f64),
}

/// Draws from the unit exponential, for the gaps of arrivals. See [`Sampler::unit_exponential`].
#[derive(Debug, Clone)]
pub struct UnitExponential {
    table: OctaveTable,
    /// 2^-shift.
    unit: f64,
}

impl Sampler {
    /// Compiles a distribution. Every input gives a usable sampler: what is not finite or negative counts as zero.
    pub fn compile(distribution: &Distribution) -> Self {
        match distribution {
            Distribution::Constant(duration) => Self::constant(duration.0),
            Distribution::Exponential { mean } => {
                let mean = mean.as_secs_f64();
                Self::octaves(mean, |tail| exponential_quantiles(tail).scaled(mean))
            }
            &Distribution::LogNormal { mu, sigma } => {
                if !(sigma > 0.0 && sigma.is_finite() && mu.is_finite()) {
                    return Self::constant(SimDuration::from_secs_f64(libm::exp(mu)).0);
                }
                Self::octaves(libm::exp(mu + 0.5 * sigma * sigma), |tail| {
                    let z = normal_lower_quantile(tail);
                    Tails { lower: libm::exp(mu + sigma * z), upper: libm::exp(mu - sigma * z) }
                })
            }
            &Distribution::Gamma { shape, scale } => {
                if !(shape > 0.0 && scale > 0.0 && shape.is_finite() && scale.is_finite()) {
                    return Self::constant(0);
                }
                let gamma = Gamma::new(shape);
                // Neighbouring knots have neighbouring quantiles: each search starts from the last one.
                let mut start = None;
                Self::octaves(shape * scale, |tail| {
                    let found = gamma.quantiles(tail, start);
                    start = Some(found);
                    found.exp().scaled(scale)
                })
            }
            Distribution::Uniform { low, high } => Self::pieces(&[(0.0, *low), (100.0, *high)]),
            Distribution::Percentiles(points) => Self::pieces(points),
            Distribution::Samples(values) => Self::samples(values),
        }
    }

    /// The exponential distribution with mean 1.
    pub fn unit_exponential() -> UnitExponential {
        let (table, _) = OctaveTable::build(1.0, f64::MAX, exponential_quantiles);
        let unit = libm::scalbn(1.0, -(table.shift as i32));
        UnitExponential { table, unit }
    }

    fn constant(nanos: u64) -> Self {
        let nanos = nanos.min(CAP.0);
        Self { kind: Kind::Constant(nanos), mean_secs: nanos as f64 / 1e9 }
    }

    /// `quantiles(tail)`: seconds at the probabilities `tail` and `1 - tail`; called with falling tails.
    fn octaves(mean_secs: f64, mut quantiles: impl FnMut(f64) -> Tails) -> Self {
        let (mut table, mean) = OctaveTable::build(mean_secs * 1e9, CAP.0 as f64, |tail| quantiles(tail).scaled(1e9));
        // Half a nanosecond more, so that cutting the fraction off rounds to the nearest.
        if table.shift > 0 {
            let half = 1 << (table.shift - 1);
            table.cells.iter_mut().for_each(|cell| cell[0] += half);
        }
        Self { kind: Kind::Octaves(table), mean_secs: mean / 1e9 }
    }

    /// Linear between (percent, duration) points.
    fn pieces(points: &[(f64, SimDuration)]) -> Self {
        let pieces: Vec<Piece> = points
            .windows(2)
            .filter_map(|pair| {
                let weight = (pair[1].0 - pair[0].0) / 100.0;
                let (low, high) = (pair[0].1.min(CAP).0 as f64, pair[1].1.min(CAP).0 as f64);
                (weight > 0.0 && weight.is_finite()).then_some(Piece { weight, low, high })
            })
            .collect();
        let total: f64 = pieces.iter().map(|piece| piece.weight).sum();
        let constant = pieces.windows(2).all(|pair| pair[0].high.to_bits() == pair[1].low.to_bits())
            && pieces.iter().all(|piece| piece.low.to_bits() == piece.high.to_bits());
        if pieces.is_empty() || constant {
            return Self::constant(points.last().map_or(0, |point| point.1.0));
        }
        let mean = pieces.iter().map(|piece| piece.weight * 0.5 * (piece.low + piece.high)).sum::<f64>() / total;
        Self { kind: Kind::Pieces(alias_table(&pieces, total)), mean_secs: mean / 1e9 }
    }

    fn samples(values: &[SimDuration]) -> Self {
        let values: Box<[u64]> = values.iter().map(|value| value.min(&CAP).0).collect();
        match (values.first(), values.last()) {
            (Some(first), Some(last)) if first != last => {
                let sum: u128 = values.iter().map(|&value| u128::from(value)).sum();
                let mean_secs = sum as f64 / values.len() as f64 / 1e9;
                Self { kind: Kind::Samples(values), mean_secs }
            }
            (first, _) => Self::constant(first.copied().unwrap_or(0)),
        }
    }

    /// One duration from 64 random bits. Equal bits give equal durations.
    ///
    /// Smooth distributions read the bits as a side (top bit: 0 below the median, 1 above) and the tail probability on
    /// that side (the other 63), in units of 2^-64.
    #[inline(always)]
    pub fn sample(&self, bits: u64) -> SimDuration {
        SimDuration(match &self.kind {
            Kind::Constant(nanos) => *nanos,
            Kind::Octaves(table) => table.value(bits) >> table.shift,
            Kind::Pieces(cells) => {
                let (cell, r) = choose(bits, cells.len());
                let cell = &cells[cell];
                let (base, slope) = if r < cell.threshold { cell.low } else { cell.high };
                // Never negative but by rounding, which `as` makes zero.
                (base + slope * fraction(r) + 0.5) as u64
            }
            Kind::Samples(values) => values[choose(bits, values.len()).0],
        })
    }

    /// The one value of a distribution that has only one: it needs no draw.
    pub fn as_constant(&self) -> Option<SimDuration> {
        match self.kind {
            Kind::Constant(nanos) => Some(SimDuration(nanos)),
            _ => None,
        }
    }

    /// The mean of what [`Sampler::sample`] delivers, in seconds.
    pub fn mean_secs(&self) -> f64 {
        self.mean_secs
    }
}

impl UnitExponential {
    /// One number >= 0 with mean 1 from 64 random bits.
    #[inline]
    pub fn sample_f64(&self, bits: u64) -> f64 {
        // Below 2^63, where the signed conversion is one instruction.
        (self.table.value(bits) as i64) as f64 * self.unit
    }
}

/// Multiplies a 64-bit uniform up to an index below `n` and the remaining uniform bits.
#[inline]
fn choose(bits: u64, n: usize) -> (usize, u64) {
    let product = u128::from(bits) * n as u128;
    ((product >> 64) as usize, product as u64)
}

/// 64 bits as a fraction in `0.0..1.0`.
#[inline]
fn fraction(bits: u64) -> f64 {
    super::random::unit(bits)
}

/// Values at a tail probability on both sides.
#[derive(Debug, Clone, Copy)]
struct Tails {
    lower: f64,
    upper: f64,
}

impl Tails {
    fn scaled(self, by: f64) -> Self {
        Self { lower: self.lower * by, upper: self.upper * by }
    }
    fn exp(self) -> Self {
        Self { lower: libm::exp(self.lower), upper: libm::exp(self.upper) }
    }
    /// Within `0..=cap`; what is not a number becomes zero.
    fn clamped(self, cap: f64) -> Self {
        let clamp = |value: f64| if value > 0.0 { value.min(cap) } else { 0.0 };
        Self { lower: clamp(self.lower), upper: clamp(self.upper) }
    }
}

impl OctaveTable {
    /// Tabulates `quantiles`, scales to `mean` and caps; also returns the mean of the finished table.
    fn build(mean: f64, cap: f64, mut quantiles: impl FnMut(f64) -> Tails) -> (Self, f64) {
        // Edge n = octave x 16 + knot has the tail 2^-(octave + 2) x (2 - knot / 16): from the median outwards.
        const EDGES: usize = OCTAVES * KNOTS + 1;
        let tail = |n: usize| {
            let octave = (n / KNOTS) as i32;
            libm::scalbn(2.0 - (n % KNOTS) as f64 / KNOTS as f64, -(octave + 2))
        };
        let mut edges: Vec<Tails> = (0..EDGES).map(|n| quantiles(tail(n)).clamped(cap)).collect();
        // Rounding must not make a quantile function fall.
        for n in 1..EDGES {
            edges[n].lower = edges[n].lower.min(edges[n - 1].lower);
            edges[n].upper = edges[n].upper.max(edges[n - 1].upper);
        }
        // The last octave stands for everything beyond it, too: see `value`.
        let weight = |n: usize| {
            let width = tail(n) - tail(n + 1);
            if n / KNOTS == OCTAVES - 1 { 2.0 * width } else { width }
        };
        let table_mean = |edges: &[Tails]| -> f64 {
            // From the tails inwards: small numbers first.
            (0..EDGES - 1)
                .rev()
                .map(|n| {
                    let (a, b) = (edges[n], edges[n + 1]);
                    0.5 * weight(n) * ((a.lower + b.lower) + (a.upper + b.upper))
                })
                .sum()
        };
        let correction = mean / table_mean(&edges);
        let correction = if correction.is_finite() && edges[EDGES - 1].upper < cap {
            correction.clamp(1.0 - MAX_CORRECTION, 1.0 + MAX_CORRECTION)
        } else {
            1.0
        };
        for edge in &mut edges {
            *edge = edge.scaled(correction).clamped(cap);
        }
        let mean = table_mean(&edges);

        // As many binary places as the largest value leaves room for, below 2^63.
        let largest = edges[EDGES - 1].upper;
        let shift = (0..=58).rev().find(|&shift| libm::scalbn(largest, shift) < libm::scalbn(1.0, 62)).unwrap_or(0);
        let fixed = |value: f64| libm::scalbn(value, shift) as u64;
        let mut cells = Box::new([[0; 2]; CELLS]);
        for n in 0..EDGES - 1 {
            let (octave, knot) = (n / KNOTS, n % KNOTS);
            let (near, far) = (edges[n], edges[n + 1]);
            // `value` counts its knots from the far end.
            let at = octave * 2 * KNOTS + (KNOTS - 1 - knot);
            let pair = |low: f64, high: f64| [fixed(low), fixed(high).saturating_sub(fixed(low))];
            cells[at] = pair(far.lower, near.lower);
            cells[at + KNOTS] = pair(near.upper, far.upper);
        }
        (Self { cells, shift: shift as u32 }, mean)
    }

    /// The interpolated value in units of 2^-shift.
    #[inline]
    fn value(&self, bits: u64) -> u64 {
        let side = bits >> 63;
        // All ones on the upper side, where the value falls as the tail grows.
        let mirror = 0u64.wrapping_sub(side);
        let tail = bits << 1;
        // Beyond the last octave (one draw in 10^12) the bits fall into it once more.
        let octave = (tail | 1 << (64 - OCTAVES)).leading_zeros();
        // Without the leading one.
        let rest = tail << octave << 1;
        let [base, slope] = self.cells[(octave as usize * 2 * KNOTS + (side << 4 | rest >> 60) as usize) & (CELLS - 1)];
        // Both are below 2^63: the sum fits.
        base.wrapping_add(((u128::from(slope) * u128::from((rest << 4) ^ mirror)) >> 64) as u64)
    }
}

/// A stretch of a piecewise linear quantile function: uniform between two values (ns).
#[derive(Debug, Clone, Copy)]
struct Piece {
    weight: f64,
    low: f64,
    high: f64,
}

/// Vose's alias table: cells of equal probability, each shared by at most two pieces.
fn alias_table(pieces: &[Piece], total: f64) -> Box<[AliasCell]> {
    let n = pieces.len();
    // Probability of each piece in units of a cell.
    let mut left: Vec<f64> = pieces.iter().map(|piece| piece.weight / total * n as f64).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| left[i] < 1.0);
    let mut cells: Vec<AliasCell> = pieces
        .iter()
        .map(|piece| AliasCell { threshold: 0, low: line(piece, 0.0, 1.0), high: line(piece, 0.0, 1.0) })
        .collect();
    while let (Some(i), Some(&j)) = (small.pop(), large.last()) {
        // Below the threshold `own` of the cell lies piece i, above it piece j.
        let own = left[i].max(0.0);
        cells[i] = AliasCell {
            threshold: (own * 18_446_744_073_709_551_616.0) as u64,
            low: line(&pieces[i], 0.0, own),
            high: line(&pieces[j], own, 1.0),
        };
        left[j] -= 1.0 - own;
        if left[j] < 1.0 {
            large.pop();
            small.push(j);
        }
    }
    cells.into()
}

/// (base, slope) of the line that runs from the piece's low end at `from` to its high end at `to`.
fn line(piece: &Piece, from: f64, to: f64) -> (f64, f64) {
    let slope = (piece.high - piece.low) / (to - from);
    if slope.is_finite() { (piece.low - slope * from, slope) } else { (piece.low, 0.0) }
}

/// -ln(1 - tail) and -ln(tail).
fn exponential_quantiles(tail: f64) -> Tails {
    Tails { lower: -libm::log1p(-tail), upper: -libm::log(tail) }
}

/// The standard normal quantile at `tail` <= 0.5: Wichura's AS 241 (PPND16, Applied Statistics 37, 1988), then one step of
/// Halley's method on the complementary error function.
fn normal_lower_quantile(tail: f64) -> f64 {
    let poly = |c: &[f64; 8], x: f64| c.iter().rev().fold(0.0, |sum, c| sum * x + c);
    let q = tail - 0.5;
    let z = if q >= -0.425 {
        let r = 0.180_625 - q * q;
        q * poly(
            &[
                3.387_132_872_796_366_5,
                1.331_416_678_917_843_8e2,
                1.971_590_950_306_551_3e3,
                1.373_169_376_550_946e4,
                4.592_195_393_154_987e4,
                6.726_577_092_700_87e4,
                3.343_057_558_358_813e4,
                2.509_080_928_730_122_7e3,
            ],
            r,
        ) / poly(
            &[
                1.0,
                4.231_333_070_160_091e1,
                6.871_870_074_920_579e2,
                5.394_196_021_424_751e3,
                2.121_379_430_158_659_7e4,
                3.930_789_580_009_271e4,
                2.872_908_573_572_194_3e4,
                5.226_495_278_852_545e3,
            ],
            r,
        )
    } else {
        let r = libm::sqrt(-libm::log(tail));
        let (numerator, denominator) = if r <= 5.0 {
            let r = r - 1.6;
            (
                poly(
                    &[
                        1.423_437_110_749_683_5,
                        4.630_337_846_156_546,
                        5.769_497_221_460_691,
                        3.647_848_324_763_204_5,
                        1.270_458_252_452_368_4,
                        2.417_807_251_774_506e-1,
                        2.272_384_498_926_918_4e-2,
                        7.745_450_142_783_414e-4,
                    ],
                    r,
                ),
                poly(
                    &[
                        1.0,
                        2.053_191_626_637_759,
                        1.676_384_830_183_803_8,
                        6.897_673_349_851e-1,
                        1.481_039_764_274_800_8e-1,
                        1.519_866_656_361_645_7e-2,
                        5.475_938_084_995_345e-4,
                        1.050_750_071_644_416_9e-9,
                    ],
                    r,
                ),
            )
        } else {
            let r = r - 5.0;
            (
                poly(
                    &[
                        6.657_904_643_501_103,
                        5.463_784_911_164_114,
                        1.784_826_539_917_291_3,
                        2.965_605_718_285_048_7e-1,
                        2.653_218_952_657_612_4e-2,
                        1.242_660_947_388_078_4e-3,
                        2.711_555_568_743_487_6e-5,
                        2.010_334_399_292_288_1e-7,
                    ],
                    r,
                ),
                poly(
                    &[
                        1.0,
                        5.998_322_065_558_88e-1,
                        1.369_298_809_227_358e-1,
                        1.487_536_129_085_061_5e-2,
                        7.868_691_311_456_133e-4,
                        1.846_318_317_510_054_8e-5,
                        1.421_511_758_316_446e-7,
                        2.044_263_103_389_939_8e-15,
                    ],
                    r,
                ),
            )
        };
        -(numerator / denominator)
    };
    let density = libm::exp(-0.5 * z * z) / 2.506_628_274_631_000_5;
    let error = (0.5 * libm::erfc(-z / std::f64::consts::SQRT_2) - tail) / density;
    if error.is_finite() { z - error / (1.0 + 0.5 * z * error) } else { z }
}

/// Quantiles of the gamma distribution with scale 1.
struct Gamma {
    shape: f64,
    /// ln Gamma(shape).
    ln_gamma: f64,
}

impl Gamma {
    /// Above this shape Wilson and Hilferty's cube is exact to 1e-5 and replaces the search.
    const LARGE: f64 = 1e4;

    fn new(shape: f64) -> Self {
        Self { shape, ln_gamma: libm::lgamma(shape) }
    }

    /// Logarithms of the quantiles at `tail` and `1 - tail`; `start` is a guess (the neighbouring knot's).
    fn quantiles(&self, tail: f64, start: Option<Tails>) -> Tails {
        let z = normal_lower_quantile(tail);
        let guess = start.unwrap_or(Tails { lower: self.wilson_hilferty(z), upper: self.wilson_hilferty(-z) });
        if self.shape > Self::LARGE {
            return Tails { lower: self.wilson_hilferty(z), upper: self.wilson_hilferty(-z) };
        }
        let target = libm::log(tail);
        Tails { lower: self.solve(true, target, guess.lower), upper: self.solve(false, target, guess.upper) }
    }

    /// Wilson and Hilferty's approximation (PNAS 17, 1931): the cube root is nearly normal. As a logarithm.
    fn wilson_hilferty(&self, z: f64) -> f64 {
        let ninth = 1.0 / (9.0 * self.shape);
        let root = 1.0 - ninth + z * libm::sqrt(ninth);
        libm::log(self.shape) + 3.0 * libm::log(root.max(1e-3))
    }

    /// Newton's method for ln P(shape, e^u) = target (or ln Q). Both are concave in u, so that it converges from anywhere
    /// once the first step, which may leap, is bounded.
    fn solve(&self, lower: bool, target: f64, start: f64) -> f64 {
        let mut u = start;
        for _ in 0..200 {
            let (ln_p, ln_q) = self.ln_tails(u);
            let ln_tail = if lower { ln_p } else { ln_q };
            // d ln P / du = x f(x) / P, with the density f; Q falls.
            let slope = libm::exp(self.shape * u - libm::exp(u) - self.ln_gamma - ln_tail);
            let step = (target - ln_tail) / if lower { slope } else { -slope };
            // A flat stretch gives no direction but the one in which the tail shrinks.
            let step = if step.is_nan() { if lower { -1.0 } else { 1.0 } } else { step };
            let limit = 2.0 + 2.0 / self.shape;
            u += step.clamp(-limit, limit);
            if step.abs() < 1e-11 * (1.0 + u.abs()) {
                break;
            }
        }
        u
    }

    /// ln P and ln Q, the regularised incomplete gamma functions, at x = e^u: series below shape + 1, continued fraction
    /// (modified Lentz) above; Abramowitz and Stegun 6.5.29 and 6.5.31.
    fn ln_tails(&self, u: f64) -> (f64, f64) {
        let (a, x) = (self.shape, libm::exp(u));
        let front = a * u - x - self.ln_gamma;
        if x < a + 1.0 {
            let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
            for _ in 0..10_000 {
                n += 1.0;
                term *= x / n;
                sum += term;
                if term < sum * 1e-17 {
                    break;
                }
            }
            let ln_p = (front + libm::log(sum)).min(0.0);
            (ln_p, ln_complement(ln_p))
        } else {
            let mut b = x + 1.0 - a;
            let mut c = 1e300;
            let mut d = 1.0 / b;
            let mut h = d;
            for n in 1..10_000 {
                let n = f64::from(n);
                let an = n * (a - n);
                b += 2.0;
                d = 1.0 / nonzero(an * d + b);
                c = nonzero(b + an / c);
                let delta = c * d;
                h *= delta;
                if (delta - 1.0).abs() < 1e-16 {
                    break;
                }
            }
            let ln_q = (front + libm::log(h)).min(0.0);
            (ln_complement(ln_q), ln_q)
        }
    }
}

/// ln(1 - e^y) for y <= 0.
fn ln_complement(y: f64) -> f64 {
    if y > -0.7 { libm::log(-libm::expm1(y)) } else { libm::log1p(-libm::exp(y)) }
}

/// Lentz's guard against a division by zero.
fn nonzero(x: f64) -> f64 {
    if x.abs() < 1e-300 { 1e-300 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Key;
    use statrs::distribution::{ContinuousCDF, Exp, Gamma as GammaReference, LogNormal, Normal};

    const MEAN: SimDuration = SimDuration::from_secs(2);

    /// The draw that stands for the quantile `u` of a smooth distribution.
    fn bits_at(u: f64) -> u64 {
        let tail = |p: f64| (p * 18_446_744_073_709_551_616.0) as u64;
        if u < 0.5 { tail(u) } else { 1 << 63 | tail(1.0 - u).min((1 << 63) - 1) }
    }

    /// Mean of a smooth sampler over all its cells, each at its middle with its own weight.
    fn mean_by_cells(sample: impl Fn(u64) -> f64) -> f64 {
        let mut sum = 0.0;
        for octave in (0..40u32).rev() {
            for side in 0..2u64 {
                for knot in 0..16u64 {
                    let leading = 1u64 << (62 - octave);
                    let tail = leading + (leading >> 4) * knot + (leading >> 5);
                    // What lies beyond the last octave is folded into it.
                    let weight = f64::from(if octave == 39 { 2 } else { 1 }) * 2f64.powi(-(octave as i32) - 2) / 16.0;
                    sum += weight * sample(side << 63 | tail);
                }
            }
        }
        sum
    }

    fn close(got: f64, want: f64, relative: f64, what: &str) {
        assert!((got / want - 1.0).abs() <= relative, "{what}: {got}, expected {want}");
    }

    /// Quantiles within 0.1 %, mean within 1e-6 of the closed form.
    fn check(distribution: Distribution, mean: f64, quantile: impl Fn(f64) -> f64) {
        let sampler = Sampler::compile(&distribution);
        for u in [0.001, 0.01, 0.1, 0.25, 0.3, 0.5, 0.618, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999] {
            let want = quantile(u);
            let got = sampler.sample(bits_at(u)).as_secs_f64();
            assert!(
                (got - want).abs() <= 1e-3 * want.max(quantile(0.5)) + 1e-9,
                "{distribution:?} at {u}: {got}, expected {want}"
            );
        }
        close(sampler.mean_secs(), mean, 1e-6, "mean_secs");
        close(mean_by_cells(|bits| sampler.sample(bits).as_secs_f64()), mean, 1e-6, "mean of the cells");
        // Uniform draws map to uniform probabilities: Kolmogorov-Smirnov is in `draws_follow_their_distribution`.
        for bits in [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1] {
            assert!(sampler.sample(bits) <= CAP);
        }
    }

    #[test]
    fn exponential() {
        let reference = Exp::new(0.5).unwrap();
        check(Distribution::Exponential { mean: MEAN }, 2.0, |u| reference.inverse_cdf(u));
    }

    #[test]
    fn log_normal() {
        for (mu, sigma) in [(-4.8, 0.05), (-4.8, 0.69), (0.0, 1.0), (-2.0, 2.0)] {
            // The reference's normal quantile is only good to 1e-9 or so, which is enough here.
            let normal = Normal::new(0.0, 1.0).unwrap();
            check(Distribution::LogNormal { mu, sigma }, (mu + sigma * sigma / 2.0).exp(), |u| {
                (mu + sigma * normal.inverse_cdf(u)).exp()
            });
        }
        assert!(LogNormal::new(0.0, 1.0).unwrap().cdf(1.0) > 0.499);
    }

    #[test]
    fn gamma() {
        for (shape, scale) in [(0.5, 1.0), (1.0, 2.0), (2.5, 0.1), (40.0, 0.01), (3_000.0, 1e-3), (1e6, 1e-6)] {
            let reference = GammaReference::new(shape, 1.0 / scale).unwrap();
            check(Distribution::Gamma { shape, scale }, shape * scale, |u| {
                // Bisection on the reference's distribution function.
                let (mut low, mut high) = (0.0, 100.0 * shape.max(1.0) * scale);
                for _ in 0..200 {
                    let middle = 0.5 * (low + high);
                    if reference.cdf(middle) < u { low = middle } else { high = middle }
                }
                0.5 * (low + high)
            });
        }
    }

    #[test]
    fn normal_quantiles_are_the_published_ones() {
        // NIST/SEMATECH e-Handbook 1.3.6.7.1 and, far out, Wichura's own examples in AS 241 (5.6).
        for (tail, z) in [
            (0.5, 0.0),
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal_lower_quantile(tail) - z).abs() < 1e-12, "{tail}: {}", normal_lower_quantile(tail));
        }
    }

    #[test]
    fn unit_exponential() {
        let sampler = Sampler::unit_exponential();
        for u in [0.001, 0.1, 0.5, 0.9, 0.99, 0.9999, 1.0 - 1e-9] {
            close(sampler.sample_f64(bits_at(u)), -(-u).ln_1p(), 1e-3, "quantile");
        }
        close(mean_by_cells(|bits| sampler.sample_f64(bits)), 1.0, 1e-6, "mean");
        for bits in [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1] {
            assert!((0.0..29.0).contains(&sampler.sample_f64(bits)));
        }
        assert!(sampler.sample_f64(0) < 1e-11 && sampler.sample_f64(1 << 63) > 28.0);
    }

    /// Kolmogorov-Smirnov distance of draws from a distribution function; beyond 1.95 / sqrt(n) one time in a thousand.
    fn assert_follows(distribution: Distribution, cdf: impl Fn(f64) -> f64) {
        let n = 200_000;
        let sampler = Sampler::compile(&distribution);
        let mut stream = Key::new(11, 0).named("draws").stream();
        let mut draws: Vec<f64> = (0..n).map(|_| sampler.sample(stream.next_u64()).as_secs_f64()).collect();
        draws.sort_by(f64::total_cmp);
        let distance = draws.iter().enumerate().fold(0.0f64, |distance, (i, &x)| {
            let p = cdf(x);
            distance.max((p - i as f64 / n as f64).abs()).max((p - (i + 1) as f64 / n as f64).abs())
        });
        assert!(distance < 1.95 / (n as f64).sqrt(), "{distribution:?}: distance {distance}");
    }

    #[test]
    fn draws_follow_their_distribution() {
        let exponential = Exp::new(0.5).unwrap();
        assert_follows(Distribution::Exponential { mean: MEAN }, |x| exponential.cdf(x));
        let log_normal = LogNormal::new(-4.8, 0.69).unwrap();
        assert_follows(Distribution::LogNormal { mu: -4.8, sigma: 0.69 }, |x| log_normal.cdf(x));
        let gamma = GammaReference::new(0.7, 3.0).unwrap();
        assert_follows(Distribution::Gamma { shape: 0.7, scale: 1.0 / 3.0 }, |x| gamma.cdf(x));
        let (low, high) = (SimDuration::from_secs(1), SimDuration::from_secs(3));
        assert_follows(Distribution::Uniform { low, high }, |x| ((x - 1.0) / 2.0).clamp(0.0, 1.0));
        let points = [(0.0, 1.0), (50.0, 2.0), (90.0, 5.0), (99.0, 5.5), (100.0, 30.0)];
        let percentiles = points.map(|(percent, secs)| (percent, SimDuration::from_secs_f64(secs)));
        assert_follows(Distribution::Percentiles(percentiles.to_vec()), |x| {
            let segment = points.windows(2).find(|pair| x <= pair[1].1).unwrap();
            let [(p0, x0), (p1, x1)] = segment else { unreachable!() };
            (p0 + (p1 - p0) * (x - x0) / (x1 - x0)) / 100.0
        });
    }

    #[test]
    fn percentiles_keep_their_mean_and_range() {
        let ms = SimDuration::from_millis;
        let points = vec![(0.0, ms(10)), (50.0, ms(20)), (99.0, ms(20)), (99.9, ms(400)), (100.0, ms(1_000))];
        let sampler = Sampler::compile(&Distribution::Percentiles(points));
        // 0.5 x 15 + 0.49 x 20 + 0.009 x 210 + 0.001 x 700 ms
        close(sampler.mean_secs(), 0.019_89, 1e-12, "mean");
        let mut stream = Key::new(5, 0).stream();
        let draws: Vec<u64> = (0..400_000).map(|_| sampler.sample(stream.next_u64()).0).collect();
        assert!(draws.iter().all(|&x| (10_000_000..=1_000_000_000).contains(&x)));
        let share = draws.iter().filter(|&&x| x == 20_000_000).count() as f64 / draws.len() as f64;
        assert!((share - 0.49).abs() < 0.004, "flat stretch: {share}");
        // Half of the draws above p99.9 or thereabouts: 400 +- 20.
        let tail = draws.iter().filter(|&&x| x > 400_000_000).count();
        assert!((300..500).contains(&tail), "{tail}");
    }

    #[test]
    fn samples_are_equally_likely() {
        let values = [1, 2, 2, 7, 100].map(SimDuration::from_millis).to_vec();
        let sampler = Sampler::compile(&Distribution::Samples(values));
        close(sampler.mean_secs(), 0.022_4, 1e-12, "mean");
        let mut stream = Key::new(6, 0).stream();
        let mut counts = [0u32; 101];
        for _ in 0..100_000 {
            counts[(sampler.sample(stream.next_u64()).0 / 1_000_000) as usize] += 1;
        }
        // Binomial: standard deviation 126 for a fifth, 155 for two fifths.
        for (value, want) in [(1, 20_000), (2, 40_000), (7, 20_000), (100, 20_000)] {
            assert!(counts[value].abs_diff(want) < 700, "{value}: {}", counts[value]);
        }
        assert_eq!(counts.iter().sum::<u32>(), 100_000);
    }

    #[test]
    fn constants_are_exact() {
        let day = SimDuration(86_399_999_999_999);
        let cases = [
            (Distribution::Constant(day), day),
            (Distribution::ZERO, SimDuration::ZERO),
            (Distribution::Constant(SimDuration(u64::MAX)), CAP),
            (Distribution::Uniform { low: day, high: day }, day),
            (Distribution::Samples(vec![day, day]), day),
            (Distribution::Percentiles(vec![(0.0, day), (50.0, day), (100.0, day)]), day),
            (Distribution::LogNormal { mu: 0.0, sigma: 0.0 }, SimDuration::from_secs(1)),
        ];
        for (distribution, want) in cases {
            let sampler = Sampler::compile(&distribution);
            assert_eq!(sampler.as_constant(), Some(want), "{distribution:?}");
            assert_eq!(sampler.sample(0x0123_4567_89AB_CDEF), want);
            close(sampler.mean_secs() + 1.0, want.as_secs_f64() + 1.0, 1e-15, "mean");
        }
    }

    #[test]
    fn absurd_parameters_stay_in_range() {
        let distributions = [
            Distribution::LogNormal { mu: 1e9, sigma: 1.0 },
            Distribution::LogNormal { mu: -1e9, sigma: 1.0 },
            Distribution::LogNormal { mu: 0.0, sigma: 50.0 },
            Distribution::LogNormal { mu: f64::NAN, sigma: f64::INFINITY },
            Distribution::Gamma { shape: 1e-4, scale: 1e9 },
            Distribution::Gamma { shape: 1e15, scale: 1e-15 },
            Distribution::Gamma { shape: f64::NAN, scale: 1.0 },
            Distribution::Gamma { shape: 0.01, scale: 1.0 },
            Distribution::Exponential { mean: SimDuration(u64::MAX) },
            Distribution::Exponential { mean: SimDuration(1) },
            Distribution::Exponential { mean: SimDuration(0) },
            Distribution::Samples(vec![]),
            Distribution::Percentiles(vec![]),
            Distribution::Percentiles(vec![(0.0, SimDuration(5))]),
            Distribution::Percentiles(vec![
                (0.0, SimDuration(5)),
                (0.0, SimDuration(9)),
                (100.0, SimDuration(u64::MAX)),
            ]),
            Distribution::Percentiles(vec![(0.0, SimDuration(5)), (f64::NAN, SimDuration(9)), (100.0, SimDuration(1))]),
        ];
        let mut stream = Key::new(9, 0).stream();
        for distribution in &distributions {
            let sampler = Sampler::compile(distribution);
            let cap = CAP.as_secs_f64();
            assert!((0.0..=cap).contains(&sampler.mean_secs()), "{distribution:?}: mean {}", sampler.mean_secs());
            for bits in [0, 1, u64::MAX, 1 << 63].into_iter().chain((0..1_000).map(|_| stream.next_u64())) {
                assert!(sampler.sample(bits) <= CAP, "{distribution:?}");
            }
        }
    }
}
