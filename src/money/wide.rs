//! Unsigned 256-bit integers: just enough arithmetic to scale and divide counters without losing a digit.
//!
//! A month's usage is (counts x month x week) / (horizon x week x replications x unit): the products of a busy
//! month exceed 128 bits long before the quotient does. Every operation is exact or says that it cannot be (`None`).

/// An unsigned 256-bit integer: `high` x 2^128 + `low`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wide {
    // The order of the fields makes the derived comparison numeric.
    high: u128,
    low: u128,
}

const HALF: u32 = 64;
const LOW_HALF: u128 = (1 << HALF) - 1;

/// The full product of two 128-bit integers.
const fn widening_mul(a: u128, b: u128) -> Wide {
    let (a_high, a_low) = (a >> HALF, a & LOW_HALF);
    let (b_high, b_low) = (b >> HALF, b & LOW_HALF);
    let low = a_low * b_low;
    // Neither sum can overflow: (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1.
    let middle = a_high * b_low + (low >> HALF);
    let cross = a_low * b_high + (middle & LOW_HALF);
    Wide { high: a_high * b_high + (middle >> HALF) + (cross >> HALF), low: (cross << HALF) | (low & LOW_HALF) }
}

impl Wide {
    /// Zero.
    pub const ZERO: Self = Self { high: 0, low: 0 };
    /// One.
    pub const ONE: Self = Self { high: 0, low: 1 };

    /// A 128-bit integer, widened.
    pub const fn new(value: u128) -> Self {
        Self { high: 0, low: value }
    }

    /// The value as a 128-bit integer, if it fits.
    pub const fn narrow(self) -> Option<u128> {
        if self.high == 0 { Some(self.low) } else { None }
    }

    /// Whether the value is zero.
    pub const fn is_zero(self) -> bool {
        self.high == 0 && self.low == 0
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.checked_add(other.high)?.checked_add(u128::from(carry))?;
        Some(Self { high, low })
    }

    /// The difference, if it is not negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.checked_sub(other.high)?.checked_sub(u128::from(borrow))?;
        Some(Self { high, low })
    }

    /// The product, if it fits.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        if self.high != 0 && other.high != 0 {
            return None;
        }
        let product = widening_mul(self.low, other.low);
        // At most one of the two is not zero.
        let cross = widening_mul(self.high, other.low).checked_add(widening_mul(self.low, other.high))?.narrow()?;
        Some(Self { high: product.high.checked_add(cross)?, low: product.low })
    }

    /// Quotient, rounded down, and remainder; `None` when `divisor` is zero.
    pub fn div_rem(self, divisor: Self) -> Option<(Self, Self)> {
        if divisor.is_zero() {
            return None;
        }
        if self.high == 0 && divisor.high == 0 {
            return Some((Self::new(self.low / divisor.low), Self::new(self.low % divisor.low)));
        }
        let (mut quotient, mut remainder) = (Self::ZERO, Self::ZERO);
        for bit in (0..256).rev() {
            let carried = remainder.high >> 127 == 1;
            remainder = remainder.doubled(self.bit(bit));
            // A carry out of the top means that the true remainder is above 2^256, hence above the divisor.
            if carried || remainder >= divisor {
                let (low, borrow) = remainder.low.overflowing_sub(divisor.low);
                let high = remainder.high.wrapping_sub(divisor.high).wrapping_sub(u128::from(borrow));
                remainder = Self { high, low };
                quotient = quotient.with_bit(bit);
            }
        }
        Some((quotient, remainder))
    }

    /// The quotient rounded to the nearest integer, halves to the even one; `None` when `divisor` is zero or
    /// the quotient exceeds 128 bits.
    pub fn div_half_even(self, divisor: Self) -> Option<u128> {
        let (quotient, remainder) = self.div_rem(divisor)?;
        let quotient = quotient.narrow()?;
        let up = match remainder.cmp(&divisor.checked_sub(remainder)?) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => quotient % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        quotient.checked_add(u128::from(up))
    }

    const fn bit(self, index: u32) -> bool {
        if index >= 128 { (self.high >> (index - 128)) & 1 == 1 } else { (self.low >> index) & 1 == 1 }
    }

    const fn with_bit(self, index: u32) -> Self {
        if index >= 128 {
            Self { high: self.high | (1 << (index - 128)), low: self.low }
        } else {
            Self { high: self.high, low: self.low | (1 << index) }
        }
    }

    /// 2 x the value + `bit`, the top bit dropped.
    const fn doubled(self, bit: bool) -> Self {
        Self { high: (self.high << 1) | (self.low >> 127), low: (self.low << 1) | bit as u128 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn products_beyond_128_bits_are_exact() {
        // (2^128 - 1)^2 = 2^256 - 2^129 + 1
        let max = Wide::new(u128::MAX);
        assert_eq!(max.checked_mul(max), Some(Wide { high: u128::MAX - 1, low: 1 }));
        assert_eq!(max.checked_mul(max).and_then(|w| w.checked_mul(Wide::new(2))), None);
        assert_eq!(Wide { high: u128::MAX, low: u128::MAX }.checked_add(Wide::ONE), None);
        assert_eq!(Wide::ZERO.checked_sub(Wide::ONE), None);
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let div = |a: u128, b: u128| Wide::new(a).div_half_even(Wide::new(b));
        assert_eq!([div(1, 2), div(3, 2), div(5, 2), div(7, 2)], [Some(0), Some(2), Some(2), Some(4)]);
        assert_eq!([div(2, 3), div(1, 3), div(10, 4)], [Some(1), Some(0), Some(2)]);
        assert_eq!(div(1, 0), None);
        let huge = Wide { high: 1, low: 0 };
        assert_eq!(huge.div_half_even(Wide::ONE), None);
        assert_eq!(huge.div_half_even(Wide::new(2)), Some(1 << 127));
    }

    #[test]
    fn divides_by_a_divisor_with_its_top_bit_set() {
        let top = Wide { high: 1 << 127, low: 5 };
        let max = Wide { high: u128::MAX, low: u128::MAX };
        let (quotient, remainder) = max.div_rem(top).expect("not zero");
        assert_eq!(quotient, Wide::ONE);
        assert_eq!(remainder.checked_add(top), Some(max));
    }

    proptest! {
        #[test]
        fn division_undoes_multiplication(a: u128, b: u128, c in 1u128.., add: u128) {
            let dividend = Wide::new(a).checked_mul(Wide::new(b)).expect("fits").checked_add(Wide::new(add));
            if let Some(dividend) = dividend {
                let (quotient, remainder) = dividend.div_rem(Wide::new(c)).expect("not zero");
                prop_assert!(remainder < Wide::new(c));
                prop_assert_eq!(quotient.checked_mul(Wide::new(c)).and_then(|w| w.checked_add(remainder)), Some(dividend));
            }
        }

        #[test]
        fn small_numbers_agree_with_native_arithmetic(a: u64, b: u64, c in 1u64..) {
            let product = Wide::new(a.into()).checked_mul(Wide::new(b.into())).expect("fits");
            prop_assert_eq!(product.narrow(), Some(u128::from(a) * u128::from(b)));
            let (quotient, remainder) = product.div_rem(Wide::new(c.into())).expect("not zero");
            prop_assert_eq!(quotient.narrow(), Some(u128::from(a) * u128::from(b) / u128::from(c)));
            prop_assert_eq!(remainder.narrow(), Some(u128::from(a) * u128::from(b) % u128::from(c)));
        }
    }
}
