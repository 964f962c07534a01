//! Named random streams: every random number of a run has an address, not a place in a queue.
//!
//! A [`Key`] names a purpose: `Key::new(seed, replication).named("shop").named("cold start")`. From a key one takes
//! either single numbers by counter ([`Key::draw`]: number `n` of attempt `a`, whatever else was drawn before or
//! after) or a sequential [`Stream`]. So a retry here or a new component there moves no other number, and two
//! architectures that ask for request `n` get the same answer.
//!
//! Everything below is integer arithmetic and frozen: changing a constant changes every published result. The tests
//! hold the building blocks to the vectors that their authors published (SplitMix64, xoshiro256++).

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// SplitMix64's increment: 2^64 divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Step between the attempts of one draw: 2^64 x (sqrt(2) - 1), made odd; unrelated to [`GOLDEN`].
const ATTEMPT: u64 = 0x6A09_E667_F3BC_C909;
/// Sets names apart from numbers: 2^64 x (sqrt(3) - 1), made odd.
const NAME: u64 = 0xBB67_AE85_84CA_A73B;
/// Sets numbers apart from names: 2^64 x (sqrt(5) - 2), made odd.
const NUMBER: u64 = 0x3C6E_F372_FE94_F82B;

/// The finaliser of SplitMix64 (Stafford's variant 13 of the MurmurHash3 finaliser): a bijection of 64 bits in which
/// each input bit flips each output bit half the time.
#[inline]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `0.0..1.0` from the upper 53 bits.
#[inline]
pub const fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A number in `0..n` from 64 random bits (0 when `n` is 0); its bias is at most `n` / 2^64.
#[inline]
pub const fn below(bits: u64, n: u64) -> u64 {
    ((bits as u128 * n as u128) >> 64) as u64
}

/// The address of random numbers: seed, replication, and the names and numbers that lead to a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The root of one replication of a run.
    #[inline]
    pub const fn new(seed: u64, replication: u32) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN))).numbered(replication as u64)
    }

    /// Takes in one word. A bijection of `word` for each parent: children never collide with their siblings.
    #[inline]
    const fn absorb(self, word: u64, domain: u64) -> Self {
        Self(mix(self.0.rotate_left(32) ^ mix(word.wrapping_add(domain))))
    }

    /// The key of a component, a stream or a purpose.
    pub fn named(self, name: &str) -> Self {
        let mut key = self;
        for chunk in name.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            key = key.absorb(u64::from_le_bytes(word), NAME);
        }
        // The length tells "a" from "a\0", and closes the name: "a" then "b" is not "ab".
        key.absorb(name.len() as u64, NAME.rotate_left(17))
    }

    /// The key of the n-th of its kind: an hour, an instance.
    #[inline]
    pub const fn numbered(self, n: u64) -> Self {
        self.absorb(n, NUMBER)
    }

    /// Number `n` of this key; `attempt` tells further draws for the same `n` apart (a retry).
    ///
    /// Attempt 0 is the n-th output of SplitMix64 seeded with the key.
    #[inline]
    pub const fn draw(self, n: u64, attempt: u32) -> u64 {
        let counter = n.wrapping_add(1).wrapping_mul(GOLDEN).wrapping_add((attempt as u64).wrapping_mul(ATTEMPT));
        mix(self.0.wrapping_add(counter))
    }

    /// A sequential generator that starts at this key.
    pub fn stream(self) -> Stream {
        let mut seed = [0; 32];
        for (n, word) in seed.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&self.draw(n as u64, 0).to_le_bytes());
        }
        Stream(Xoshiro256PlusPlus::from_seed(seed))
    }
}

/// A sequence of random numbers: xoshiro256++ (Blackman and Vigna, 2019), seeded through SplitMix64 as they advise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0.0..1.0` with 53 random bits.
    #[inline]
    pub fn next_unit(&mut self) -> f64 {
        unit(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pearson's statistic for equally likely cells.
    fn chi_squared(counts: &[u64]) -> f64 {
        let total: u64 = counts.iter().sum();
        let expected = total as f64 / counts.len() as f64;
        counts.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum()
    }

    /// 255 degrees of freedom have mean 255 and standard deviation 22.6; five of them either way.
    fn assert_uniform_256(counts: &[u64], what: &str) {
        assert_eq!(counts.len(), 256);
        let x2 = chi_squared(counts);
        assert!((142.0..368.0).contains(&x2), "{what}: chi-squared {x2}");
    }

    #[test]
    fn draws_are_splitmix64() {
        // First outputs for the seed 1234567, as listed at https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        for (n, want) in published.into_iter().enumerate() {
            assert_eq!(Key(1_234_567).draw(n as u64, 0), want);
        }
    }

    #[test]
    fn streams_are_xoshiro256_plus_plus() {
        // State [1, 2, 3, 4], from the authors' C program https://prng.di.unimi.it/xoshiro256plusplus.c
        let mut seed = [0; 32];
        for (n, word) in seed.chunks_exact_mut(8).enumerate() {
            word[0] = n as u8 + 1;
        }
        let mut stream = Stream(Xoshiro256PlusPlus::from_seed(seed));
        for want in [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205] {
            assert_eq!(stream.next_u64(), want);
        }
        // Seeding: four successive SplitMix64 outputs are the state.
        assert_eq!(Key(42).stream(), Stream(Xoshiro256PlusPlus::seed_from_u64(42)));
    }

    #[test]
    fn counters_are_uniform_in_every_byte() {
        for key in [Key::new(1, 0), Key::new(1, 1), Key::new(2, 0), Key::new(1, 0).named("shop")] {
            let mut counts = [[0u64; 256]; 8];
            for n in 0..100_000 {
                for (counts, byte) in counts.iter_mut().zip(key.draw(n, 0).to_le_bytes()) {
                    counts[usize::from(byte)] += 1;
                }
            }
            for counts in &counts {
                assert_uniform_256(counts, "byte of a draw");
            }
        }
    }

    #[test]
    fn neighbours_are_independent() {
        // The joint distribution of four upper bits of each of two neighbours: next number, next attempt, next
        // replication, next hour, and a name that differs in one letter.
        let key = Key::new(7, 0);
        type Pair = fn(Key, u64) -> (u64, u64);
        let pairs: [(&str, Pair); 5] = [
            ("number", |key, n| (key.draw(n, 0), key.draw(n + 1, 0))),
            ("attempt", |key, n| (key.draw(n, 0), key.draw(n, 1))),
            ("replication", |_, n| (Key::new(n, 0).draw(0, 0), Key::new(n, 1).draw(0, 0))),
            ("hour", |key, n| (key.numbered(n).draw(0, 0), key.numbered(n + 1).draw(0, 0))),
            ("name", |key, n| (key.named("a").draw(n, 0), key.named("b").draw(n, 0))),
        ];
        for (what, pair) in pairs {
            let (mut high, mut low, mut flipped) = ([0; 256], [0; 256], [0u32; 64]);
            for n in 0..50_000 {
                let (a, b) = pair(key, n);
                high[((a >> 60) << 4 | b >> 60) as usize] += 1;
                low[((a & 15) << 4 | b & 15) as usize] += 1;
                for (bit, flipped) in flipped.iter_mut().enumerate() {
                    *flipped += u32::from((a ^ b) >> bit & 1 == 1);
                }
            }
            assert_uniform_256(&high, what);
            assert_uniform_256(&low, what);
            // Each bit flips half the time: 25,000 with a standard deviation of 112; five of them.
            assert!(flipped.iter().all(|n| n.abs_diff(25_000) < 560), "{what}: {flipped:?}");
        }
    }

    #[test]
    fn addresses_do_not_collide() {
        let root = Key::new(1, 0);
        let keys = [
            root,
            root.named(""),
            root.named("a"),
            root.named("a\0"),
            root.named("ab"),
            root.named("a").named("b"),
            root.named("b").named("a"),
            root.numbered(0),
            root.numbered(1),
            root.numbered(97),
            root.named("a").numbered(1),
            root.numbered(1).named("a"),
            Key::new(1, 1),
            Key::new(2, 0),
            Key::new(0, 0),
            Key::new(0, 1),
        ];
        for (n, a) in keys.iter().enumerate() {
            assert!(keys[n + 1..].iter().all(|b| a != b), "key {n} is met again");
        }
    }

    #[test]
    fn unit_and_below_cover_their_range() {
        assert!(unit(0).abs() < f64::MIN_POSITIVE);
        assert!(unit(u64::MAX) < 1.0 && unit(u64::MAX) > 1.0 - 1e-15);
        assert_eq!((below(0, 10), below(u64::MAX, 10), below(1 << 63, 10), below(u64::MAX, 0)), (0, 9, 5, 0));
        let mut stream = Key::new(3, 0).stream();
        let mean = (0..100_000).map(|_| stream.next_unit()).sum::<f64>() / 1e5;
        // The mean of 100,000 uniforms has a standard deviation of 0.00091.
        assert!((mean - 0.5).abs() < 0.0045, "{mean}");
    }
}
