//! A histogram of durations: fixed size, exact counts, one array increment a value.
//!
//! Log-linear bins as in HdrHistogram: values below 256 units have a bin of their own, above that each octave is cut into
//! [`SUB_BINS`] equal bins, so a bin is at most 1/128 of its value wide and its middle at most 0.4 % off. The unit is
//! 1.024 us (2^10 ns); values above [`Histogram::LARGEST`] (about 13 days) are counted in the last bin. Sum and maximum are
//! kept exactly, in nanoseconds.

use crate::units::SimDuration;

const UNIT_SHIFT: u32 = 10;
const SUB_BITS: u32 = 7;
/// Bins in each octave.
pub const SUB_BINS: u64 = 1 << SUB_BITS;
const OCTAVES: u32 = 34;
const BINS: usize = (SUB_BINS as usize) * (OCTAVES as usize);

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    counts: Box<[u64; BINS]>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn bin_of(nanos: u64) -> usize {
    let units = nanos >> UNIT_SHIFT;
    if units < 2 * SUB_BINS {
        return units as usize;
    }
    let octave = 63 - units.leading_zeros() - SUB_BITS;
    let bin = (u64::from(octave) << SUB_BITS) + (units >> octave);
    (bin as usize).min(BINS - 1)
}

/// First nanosecond that is in `bin`.
fn lower_edge(bin: usize) -> u64 {
    let bin = bin as u64;
    if bin < 2 * SUB_BINS {
        return bin << UNIT_SHIFT;
    }
    let octave = (bin >> SUB_BITS) - 1;
    (SUB_BINS + (bin & (SUB_BINS - 1))) << (octave + u64::from(UNIT_SHIFT))
}

impl Histogram {
    /// The largest duration with a bin of its own.
    pub const LARGEST: SimDuration = SimDuration((SUB_BINS << (OCTAVES - 1)) << UNIT_SHIFT);

    /// An empty histogram (about 35 KB).
    pub fn new() -> Self {
        Self { counts: Box::new([0; BINS]), count: 0, sum: 0, max: 0 }
    }

    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, value: SimDuration) {
        let bin = bin_of(value.0);
        self.counts[bin] += 1;
        self.count += 1;
        // 2^64 values of 2^64 fit.
        self.sum = self.sum.wrapping_add(u128::from(value.0));
        self.max = self.max.max(value.0);
    }

    /// Counts some durations in nanoseconds, whose sum is less than 2^64.
    #[inline(always)]
    pub fn record_all(&mut self, nanos: impl Iterator<Item = u64>) {
        let (mut count, mut sum, mut max) = (0u64, 0u64, self.max);
        for nanos in nanos {
            // Nobody lives to count 2^64 values.
            let counter = &mut self.counts[bin_of(nanos)];
            *counter = counter.wrapping_add(1);
            count += 1;
            sum = sum.wrapping_add(nanos);
            max = max.max(nanos);
        }
        self.count += count;
        self.sum = self.sum.wrapping_add(u128::from(sum));
        self.max = max;
    }

    /// Bins up to that of the maximum: all others are empty.
    fn used(&self) -> usize {
        if self.count == 0 { 0 } else { bin_of(self.max) + 1 }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        // No bin holds more than the whole, whose sum is checked.
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts[..other.used()]) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// Adds `other` so many times (finite, >= 0). Bins get whole numbers that add up to the rounded sum.
    pub fn merge_multiple(&mut self, other: &Self, multiple: f64) {
        let (mut seen, mut before) = (0u64, 0u64);
        for (mine, &theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            if theirs > 0 {
                seen += theirs;
                let so_far = (seen as f64 * multiple + 0.5) as u64;
                *mine += so_far - before;
                before = so_far;
            }
        }
        self.count += before;
        self.sum += (other.sum as f64 * multiple + 0.5) as u128;
        if before > 0 {
            self.max = self.max.max(other.max);
        }
    }

    /// Takes away all of `other`, which must have been merged into `self` before (for the jackknife). The maximum is kept.
    pub fn remove(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine -= theirs;
        }
        self.count -= other.count;
        self.sum -= other.sum;
    }

    /// Empties it.
    pub fn clear(&mut self) {
        let used = self.used();
        self.counts[..used].fill(0);
        self.count = 0;
        self.sum = 0;
        self.max = 0;
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their exact mean in seconds; 0 when empty.
    pub fn mean_secs(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 / 1e9 }
    }

    /// The exact sum in nanoseconds.
    pub fn sum_nanos(&self) -> u128 {
        self.sum
    }

    /// The exact maximum; zero when empty.
    pub fn max(&self) -> SimDuration {
        SimDuration(self.max)
    }

    /// The smallest duration at or below which a share `q` of the values lies (nearest rank), as the middle of its bin and
    /// never above the maximum. `None` when empty. `q` is clamped to 0..=1.
    pub fn quantile(&self, q: f64) -> Option<SimDuration> {
        if self.count == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(self.max());
        }
        let mut seen = 0u64;
        // Whole octaves first: their sums are quick.
        for (octave, counts) in self.counts.chunks_exact(SUB_BINS as usize).enumerate() {
            let before = seen;
            seen = seen.wrapping_add(counts.iter().fold(0, |sum, count| sum.wrapping_add(*count)));
            if seen < rank {
                continue;
            }
            seen = before;
            for (place, count) in counts.iter().enumerate() {
                seen += count;
                if seen >= rank {
                    let bin = octave * SUB_BINS as usize + place;
                    let (low, high) = (lower_edge(bin), lower_edge(bin + 1));
                    return Some(SimDuration((low + (high - low) / 2).min(self.max)));
                }
            }
        }
        Some(self.max())
    }

    /// How wide the bin is that holds a duration, both in milliseconds.
    pub fn bin_width_millis(millis: f64) -> f64 {
        let bin = bin_of(SimDuration::from_secs_f64(millis.max(0.0) / 1e3).0);
        SimDuration(lower_edge(bin + 1) - lower_edge(bin)).as_millis_f64()
    }

    /// The bins that hold anything: (first nanosecond above the bin, count).
    pub fn bins(&self) -> impl Iterator<Item = (SimDuration, u64)> + '_ {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bin, &count)| (SimDuration(lower_edge(bin + 1)), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_contiguous_and_narrow() {
        for bin in 0..BINS - 1 {
            let (low, high) = (lower_edge(bin), lower_edge(bin + 1));
            assert!(high > low, "bin {bin}");
            assert_eq!(bin_of(low), bin);
            assert_eq!(bin_of(high - 1), bin);
            if bin as u64 >= SUB_BINS {
                assert!((high - low) as f64 / low as f64 <= 1.0 / SUB_BINS as f64 + 1e-12, "bin {bin}");
            }
        }
        assert_eq!(bin_of(u64::MAX), BINS - 1);
    }

    #[test]
    fn quantiles_of_a_known_list() {
        let mut h = Histogram::new();
        for ms in 1..=1000 {
            h.record(SimDuration::from_millis(ms));
        }
        for (q, ms) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (0.001, 1.0)] {
            let got = h.quantile(q).expect("not empty").as_millis_f64();
            assert!((got / ms - 1.0).abs() < 0.005, "q {q}: {got} against {ms}");
        }
        assert_eq!(h.quantile(1.0), Some(SimDuration::from_millis(1000)));
        assert!((h.mean_secs() - 0.5005).abs() < 1e-12);
    }

    #[test]
    fn merging_then_removing_restores_counts() {
        let (mut a, mut b) = (Histogram::new(), Histogram::new());
        (1..100).for_each(|i| a.record(SimDuration(i * 7919)));
        (1..100).for_each(|i| b.record(SimDuration(i * 104_729)));
        let before: Vec<_> = a.bins().collect();
        a.merge(&b);
        assert_eq!(a.count(), 198);
        a.remove(&b);
        assert_eq!(a.bins().collect::<Vec<_>>(), before);
        a.clear();
        assert_eq!(a.quantile(0.5), None);
    }
}
