//! Exact money: dollars, prices and quantities as scaled integers. The only place that rounds.
//!
//! | type | one unit of the integer | decimals | largest value |
//! |---|---|---|---|
//! | [`Quantity`] | a millionth of the price's unit | 6 | 1.7e32 |
//! | [`UsdPer`] | a pico-dollar (1e-12 USD) a unit | 12 | 1.7e26 USD |
//! | [`Usd`] | an atto-dollar (1e-18 USD) | 18 | 1.7e20 USD |
//!
//! A line of the bill is a printed quantity times a printed price **exactly**: 6 and 12 decimals make 18, so amounts
//! need no rounding at all, and a sum of lines is the total to the last digit. What is rounded is the quantity, once,
//! half to even ([`Quantity::from_ratio`]). There is no way to multiply dollars by an `f64`. Where a share is only
//! known as a real number (idle capacity), it becomes a whole number of billionths first ([`Usd::times_share`]).

pub mod wide;

use std::fmt;
use std::str::FromStr;
use wide::Wide;

/// Why a text is no amount, price or quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// No digits at all, or something that belongs to no decimal number.
    #[error("is not a decimal number such as 0.0000166667")]
    NotANumber,
    /// Digits beyond the resolution would have to be dropped.
    #[error("has more than {decimals} decimals, which cannot be kept exactly")]
    TooPrecise {
        /// Decimals that can be kept.
        decimals: u32,
    },
    /// Beyond the range of the type.
    #[error("is too large")]
    TooLarge,
    /// Below zero where that means nothing.
    #[error("is negative")]
    Negative,
}

/// Parses `-12.5`, `3E+3`, `1e-7` into a whole number of 10^-`decimals`, exactly.
fn parse_scaled(text: &str, decimals: u32) -> Result<i128, DecimalError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        // An exponent beyond i32 belongs to no amount of money.
        Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i32>().map_err(|_| DecimalError::NotANumber)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() && fraction.is_empty() || !digits().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    let mut value: i128 = 0;
    // Power of ten that `value` is to be multiplied by, counting only digits up to the last one that is not zero.
    let mut zeros: u32 = 0;
    let fraction_len = i64::try_from(fraction.len()).map_err(|_| DecimalError::TooPrecise { decimals })?;
    for digit in digits() {
        if digit == b'0' {
            zeros += u32::from(value != 0);
            continue;
        }
        value = scale_up(value, zeros + 1)?.checked_add(i128::from(digit - b'0')).ok_or(DecimalError::TooLarge)?;
        zeros = 0;
    }
    if value == 0 {
        return Ok(0);
    }
    let trailing = digits().rev().take_while(|b| *b == b'0').count() as i64;
    let power = trailing - fraction_len + i64::from(exponent) + i64::from(decimals);
    let power = u32::try_from(power).map_err(|_| match power {
        ..0 => DecimalError::TooPrecise { decimals },
        _ => DecimalError::TooLarge,
    })?;
    let value = scale_up(value, power)?;
    Ok(if negative { -value } else { value })
}

fn scale_up(value: i128, power: u32) -> Result<i128, DecimalError> {
    if value == 0 {
        return Ok(0);
    }
    10i128.checked_pow(power).and_then(|factor| value.checked_mul(factor)).ok_or(DecimalError::TooLarge)
}

/// Writes a whole number of 10^-`decimals` with as few digits as show it exactly.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: i128, decimals: u32) -> fmt::Result {
    let one = 10u128.pow(decimals);
    let magnitude = value.unsigned_abs();
    let (whole, fraction) = (magnitude / one, magnitude % one);
    let mut text = whole.to_string();
    if fraction != 0 {
        let padded = format!("{fraction:0width$}", width = decimals as usize);
        text.push('.');
        text.push_str(padded.trim_end_matches('0'));
    }
    f.pad_integral(value >= 0, "", &text)
}

/// Rounds `value` to a whole number of `step`, halves to the even one; the result counts steps.
fn divide_half_even(value: i128, step: u128) -> i128 {
    let magnitude = value.unsigned_abs();
    let (quotient, rest) = (magnitude / step, magnitude % step);
    let up = match rest.cmp(&(step - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    // `step` is at least 1, so the quotient plus one only leaves the range where `value` is i128::MIN and `step` 1.
    let rounded = i128::try_from(quotient + u128::from(up)).unwrap_or(i128::MAX);
    if value < 0 { -rounded } else { rounded }
}

/// Digits in groups of three: `1,303`.
pub fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    text.push_str(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(fraction);
    text
}

/// US dollars as a whole number of atto-dollars (1e-18 USD), so that any quantity times any price is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i128);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Decimals that are kept.
    pub const DECIMALS: u32 = 18;

    /// Whole cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents as i128 * 10i128.pow(Self::DECIMALS - 2))
    }

    /// The sum, unless it leaves the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it leaves the range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of many amounts, unless it leaves the range.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The amount x `numerator` / `denominator`, half to even at the last of the 18 decimals; `None` when the
    /// denominator is zero or the result leaves the range.
    pub fn checked_ratio(self, numerator: u128, denominator: u128) -> Option<Self> {
        let product = Wide::new(self.0.unsigned_abs()).checked_mul(Wide::new(numerator))?;
        let value = i128::try_from(product.div_half_even(Wide::new(denominator))?).ok()?;
        Some(Self(if self.0 < 0 { -value } else { value }))
    }

    /// A share of the amount. The share is cut to 0..=1 and rounded to a whole number of billionths (`NaN` counts as 0)
    /// before money is touched, so the result is the same on every machine.
    pub fn times_share(self, share: f64) -> Self {
        const BILLION: u128 = 1_000_000_000;
        // `as` turns NaN into 0 and saturates; the share is in 0..=1 by then.
        let billionths = (share.clamp(0.0, 1.0) * 1e9 + 0.5) as u128;
        self.checked_ratio(billionths.min(BILLION), BILLION).unwrap_or(self)
    }

    /// Rounded to this many decimals (at most 18), halves to the even digit.
    pub fn rounded(self, decimals: u32) -> Self {
        let step = 10u128.pow(Self::DECIMALS.saturating_sub(decimals));
        // A multiple of the step beyond the range cannot be had; the amount itself is the nearest then.
        i128::try_from(step).ok().and_then(|s| divide_half_even(self.0, step).checked_mul(s)).map_or(self, Self)
    }

    /// An amount for a statistical estimate (the half-width of an interval), to the micro-dollar. Never for a line of
    /// the bill. `None` when it is not finite or leaves the range.
    pub fn from_estimate(usd: f64) -> Option<Self> {
        if !usd.is_finite() || usd.abs() > 1e14 {
            return None;
        }
        let micros = (usd.abs() * 1e6 + 0.5) as i128;
        let atto = micros * 10i128.pow(Self::DECIMALS - 6);
        Some(Self(if usd < 0.0 { -atto } else { atto }))
    }

    /// The amount as a real number, for charts, shares and intervals.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e18
    }

    /// To the cent, halves away from zero, as invoices round.
    pub fn to_cents(self) -> Self {
        let cent = 10u128.pow(Self::DECIMALS - 2);
        let cents = (self.0.unsigned_abs().saturating_add(cent / 2) / cent).saturating_mul(cent);
        // Only next to the end of the range is there no cent that fits.
        i128::try_from(cents).map_or(self, |cents| Self(if self.0 < 0 { -cents } else { cents }))
    }

    /// `$1,303.27`: [`Self::to_cents`], digits in groups of three.
    pub fn cents(self) -> String {
        let cents =
            self.0.unsigned_abs().saturating_add(10u128.pow(Self::DECIMALS - 2) / 2) / 10u128.pow(Self::DECIMALS - 2);
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        format!("{sign}${}.{:02}", grouped(&(cents / 100).to_string()), cents % 100)
    }
}

impl FromStr for Usd {
    type Err = DecimalError;

    /// At most 18 decimals; may be negative.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        parse_scaled(text, Self::DECIMALS).map(Self)
    }
}

impl fmt::Display for Usd {
    /// The exact amount with as few digits as possible: `18.73337`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Self::DECIMALS)
    }
}

/// A price: US dollars a unit as a whole number of pico-dollars (1e-12 USD), never negative. The unit stands beside it
/// in the price list.
///
/// $0.0000166667 a GB-second is no whole number of nano-dollars; twelve decimals hold every price AWS prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UsdPer(i128);

impl UsdPer {
    /// Free.
    pub const ZERO: Self = Self(0);
    /// Decimals that are kept.
    pub const DECIMALS: u32 = 12;

    /// Pico-dollars a unit.
    pub const fn picos(self) -> u128 {
        self.0.unsigned_abs()
    }

    /// The exact amount for a quantity; `None` when it leaves the range.
    pub fn checked_mul(self, quantity: Quantity) -> Option<Usd> {
        self.0.checked_mul(quantity.0).map(Usd)
    }

    /// The sum, unless it leaves the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// An amount as the price of one unit. An amount with more than twelve decimals is none
    /// ([`DecimalError::TooPrecise`]), nor is a negative one.
    pub fn from_usd(amount: Usd) -> Result<Self, DecimalError> {
        let step = 10i128.pow(Usd::DECIMALS - Self::DECIMALS);
        if amount.0 % step != 0 {
            return Err(DecimalError::TooPrecise { decimals: Self::DECIMALS });
        }
        if amount.0 < 0 { Err(DecimalError::Negative) } else { Ok(Self(amount.0 / step)) }
    }

    /// The price x `numerator` / `denominator` (a discount), half to even at the last of the twelve decimals; `None`
    /// when the denominator is zero or the result leaves the range.
    pub fn checked_ratio(self, numerator: u128, denominator: u128) -> Option<Self> {
        let product = Wide::new(self.0.unsigned_abs()).checked_mul(Wide::new(numerator))?;
        i128::try_from(product.div_half_even(Wide::new(denominator))?).ok().map(Self)
    }
}

impl FromStr for UsdPer {
    type Err = DecimalError;

    /// At most 12 decimals; not negative.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        match parse_scaled(text, Self::DECIMALS)? {
            ..0 => Err(DecimalError::Negative),
            value => Ok(Self(value)),
        }
    }
}

impl fmt::Display for UsdPer {
    /// The exact price with as few digits as possible: `0.0000166667`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Self::DECIMALS)
    }
}

/// How much of something is billed: a whole number of millionths of the price's unit, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i128);

impl Quantity {
    /// None at all.
    pub const ZERO: Self = Self(0);
    /// Decimals that are kept.
    pub const DECIMALS: u32 = 6;
    const ONE: u128 = 10u128.pow(Self::DECIMALS);

    /// A whole number of units; `None` when it leaves the range.
    pub fn from_units(units: u128) -> Option<Self> {
        units.checked_mul(Self::ONE).and_then(Self::from_millionths)
    }

    /// A whole number of millionths; `None` when it leaves the range.
    pub fn from_millionths(millionths: u128) -> Option<Self> {
        i128::try_from(millionths).ok().map(Self)
    }

    /// The value in millionths.
    pub const fn millionths(self) -> u128 {
        self.0.unsigned_abs()
    }

    /// `numerator` / `denominator`, rounded once: 6 decimals, half to even. `None` when the denominator is zero or the
    /// result leaves the range.
    pub fn from_ratio(numerator: Wide, denominator: Wide) -> Option<Self> {
        let millionths = numerator.checked_mul(Wide::new(Self::ONE))?.div_half_even(denominator)?;
        Self::from_millionths(millionths)
    }

    /// A real number to the nearest millionth, for quantities that users state; negative and non-finite ones are
    /// `None`.
    pub fn from_f64(units: f64) -> Option<Self> {
        (units.is_finite() && (0.0..1e15).contains(&units)).then_some(Self((units * 1e6 + 0.5) as i128))
    }

    /// The sum, unless it leaves the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// What is left after taking `other` away, not below zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        if self.0 > other.0 { Self(self.0 - other.0) } else { Self::ZERO }
    }
}

impl FromStr for Quantity {
    type Err = DecimalError;

    /// At most 6 decimals; not negative.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        match parse_scaled(text, Self::DECIMALS)? {
            ..0 => Err(DecimalError::Negative),
            value => Ok(Self(value)),
        }
    }
}

impl fmt::Display for Quantity {
    /// The exact value with as few digits as possible: `1303571.428571`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Self::DECIMALS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(text: &str) -> Usd {
        text.parse().expect(text)
    }

    fn price(text: &str) -> UsdPer {
        text.parse().expect(text)
    }

    fn quantity(text: &str) -> Quantity {
        text.parse().expect(text)
    }

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(price("0.0000166667"), UsdPer(16_666_700));
        assert_eq!(price("0.0000000308"), UsdPer(30_800));
        assert_eq!(usd("3E+3"), usd("3000"));
        assert_eq!(usd("1e-18"), Usd(1));
        assert_eq!(usd("12.5000000000000000000000"), usd("12.5"));
        assert_eq!(usd("-0.5"), Usd(-500_000_000_000_000_000));
        assert_eq!(usd(".5"), usd("0.5"));
        assert_eq!(usd("000123.40e0"), usd("123.4"));
        assert_eq!(usd("0e999"), Usd::ZERO);
    }

    #[test]
    fn what_is_no_exact_amount_is_refused() {
        assert_eq!("0.0000000000001".parse::<UsdPer>(), Err(DecimalError::TooPrecise { decimals: 12 }));
        assert_eq!("1e-19".parse::<Usd>(), Err(DecimalError::TooPrecise { decimals: 18 }));
        assert_eq!("-1".parse::<UsdPer>(), Err(DecimalError::Negative));
        assert_eq!("-0.1".parse::<Quantity>(), Err(DecimalError::Negative));
        assert_eq!("1e30".parse::<Usd>(), Err(DecimalError::TooLarge));
        assert_eq!("1e2147483647".parse::<Usd>(), Err(DecimalError::TooLarge));
        let long = "9".repeat(60);
        assert_eq!(long.parse::<Usd>(), Err(DecimalError::TooLarge));
        for text in
            ["", "-", ".", "e5", "1e", "1,000", "$5", "0x10", "NaN", "inf", "1.2.3", " 1", "--1", "1e99999999999", "٣"]
        {
            assert_eq!(text.parse::<Usd>(), Err(DecimalError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn amounts_are_shown_exactly_or_in_cents() {
        assert_eq!(usd("18.7333700").to_string(), "18.73337");
        assert_eq!(usd("0").to_string(), "0");
        assert_eq!(usd("-0.000000000000000001").to_string(), "-0.000000000000000001");
        assert_eq!(usd("1303.27").cents(), "$1,303.27");
        assert_eq!(usd("1234567.891").cents(), "$1,234,567.89");
        assert_eq!(usd("-12.345").cents(), "-$12.35");
        // Halves go up, as in commercial rounding.
        assert_eq!(
            [usd("3.625").cents(), usd("0.125").cents(), usd("0.1249999999").cents()],
            ["$3.63", "$0.13", "$0.12"]
        );
        assert_eq!([usd("3.625").to_cents(), usd("-3.625").to_cents()], [usd("3.63"), usd("-3.63")]);
        assert_eq!(Usd(i128::MAX).to_cents(), Usd(i128::MAX));
        assert_eq!(usd("-0.001").cents(), "$0.00");
        assert_eq!(usd("3.625").rounded(2), usd("3.62"));
        assert_eq!(usd("3.6250001").rounded(2), usd("3.63"));
        assert_eq!(Usd(i128::MAX).rounded(2), Usd(i128::MAX));
    }

    #[test]
    fn an_amount_is_exactly_quantity_times_price() {
        // The Lambda pricing page's first example at today's rate: 1,100,000 GB-s.
        assert_eq!(price("0.0000166667").checked_mul(quantity("1100000")), Some(usd("18.33337")));
        assert_eq!(price("0.000000000001").checked_mul(quantity("0.000001")), Some(Usd(1)));
        assert_eq!(UsdPer(i128::MAX).checked_mul(quantity("1")), None);
    }

    #[test]
    fn a_quantity_is_rounded_once_half_to_even() {
        let ratio = |n, d| Quantity::from_ratio(Wide::new(n), Wide::new(d)).map(|q| q.to_string());
        assert_eq!(ratio(1, 3).as_deref(), Some("0.333333"));
        assert_eq!(ratio(2, 3).as_deref(), Some("0.666667"));
        assert_eq!(ratio(1, 2_000_000).as_deref(), Some("0"));
        assert_eq!(ratio(3, 2_000_000).as_deref(), Some("0.000002"));
        assert_eq!(ratio(1, 0), None);
    }

    #[test]
    fn shares_and_estimates() {
        assert_eq!(usd("10").times_share(0.25), usd("2.5"));
        assert_eq!(usd("10").times_share(2.0), usd("10"));
        assert_eq!(usd("10").times_share(f64::NAN), Usd::ZERO);
        assert_eq!(Usd::from_estimate(1.2345678), Some(usd("1.234568")));
        assert_eq!(Usd::from_estimate(-0.5), Some(usd("-0.5")));
        assert_eq!(Usd::from_estimate(f64::INFINITY), None);
        assert_eq!(usd("1").checked_ratio(1_000_000, 3), Some(usd("333333.333333333333333333")));
        assert_eq!(usd("1").checked_ratio(1, 0), None);
        assert_eq!(Quantity::from_f64(0.1), Some(quantity("0.1")));
        assert_eq!(Quantity::from_f64(-1.0), None);
        assert_eq!(UsdPer::from_usd(usd("0.35")), Ok(price("0.35")));
        assert_eq!(UsdPer::from_usd(usd("1e-13")), Err(DecimalError::TooPrecise { decimals: 12 }));
        assert_eq!(UsdPer::from_usd(usd("-1")), Err(DecimalError::Negative));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value: i128) {
            if value > i128::MIN {
                prop_assert_eq!(Usd(value).to_string().parse(), Ok(Usd(value)));
            }
            let value = value.checked_abs().unwrap_or(0);
            prop_assert_eq!(UsdPer(value).to_string().parse(), Ok(UsdPer(value)));
            prop_assert_eq!(Quantity(value).to_string().parse(), Ok(Quantity(value)));
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9eE]{0,48}") {
            let _ = text.parse::<Usd>();
            let _ = text.parse::<UsdPer>();
        }

        #[test]
        fn amounts_distribute_over_sums_of_quantities(p in 0i128..1i128 << 60, a in 0i128..1i128 << 60, b in 0i128..1i128 << 60) {
            let p = UsdPer(p);
            let together = p.checked_mul(Quantity(a + b));
            let apart = p.checked_mul(Quantity(a)).and_then(|x| x.checked_add(p.checked_mul(Quantity(b))?));
            prop_assert_eq!(together, apart);
        }

        #[test]
        fn cents_are_within_half_a_cent(value in -1i128 << 100..1i128 << 100) {
            let shown = Usd(value).cents().replace(['$', ','], "").parse::<Usd>().expect("decimal");
            prop_assert!((shown.0 - value).unsigned_abs() * 2 <= 10u128.pow(16));
        }
    }
}
