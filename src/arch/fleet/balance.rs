//! Which of the instances in service a request goes to, where that is more than the next one, any one or the least busy one.

/// The next in turn after `turn`, where instance `i` takes its turn with probability `weight(i)`: in the long run each has a share in
/// proportion to its weight. `uniform(n)` is the n-th draw, in 0..1. One of weight 1 is always there, or the next in turn is taken.
pub fn next_by_weight(turn: usize, count: usize, weight: impl Fn(usize) -> f64, uniform: impl Fn(u32) -> f64) -> usize {
    let after = |turn: usize, steps: usize| (turn + steps) % count.max(1);
    (1..=count)
        .find(|&steps| {
            let weight = weight(after(turn, steps));
            weight >= 1.0 || uniform(steps as u32) < weight
        })
        .map_or_else(|| after(turn, 1), |steps| after(turn, steps))
}

/// One of the zones that have an instance in service, equally likely, then one of its instances, equally likely. `zones` has the zone of
/// each instance in service and is not empty.
pub fn within_a_zone(bits: u64, zones: impl Iterator<Item = u32> + Clone) -> usize {
    let mut present: u64 = zones.clone().fold(0, |set, zone| set | 1 << (zone & 63));
    let part = |bits: u64, of: u64| ((u128::from(bits) * u128::from(of)) >> 64) as u64;
    for _ in 0..part(bits, u64::from(present.count_ones())) {
        present &= present - 1;
    }
    let zone = present.trailing_zeros();
    let here = |&(_, other): &(usize, u32)| other == zone;
    let count = zones.clone().enumerate().filter(here).count() as u64;
    // The low bits are as good as the high ones.
    let place = part(bits.rotate_left(32), count) as usize;
    zones.enumerate().filter(here).nth(place).map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::{Key, unit};

    /// Weights 1, 0.25 and 1: shares of 4/9, 1/9 and 4/9.
    #[test]
    fn shares_are_in_proportion_to_the_weights() {
        let (key, weights) = (Key::new(3, 0), [1.0, 0.25, 1.0]);
        let (mut turn, mut taken) = (0, [0u32; 3]);
        for request in 0..90_000 {
            turn = next_by_weight(turn, 3, |place| weights[place], |draw| unit(key.draw(request, draw)));
            taken[turn] += 1;
        }
        for (taken, expected) in taken.iter().zip([40_000.0, 10_000.0, 40_000.0]) {
            assert!((f64::from(*taken) - expected).abs() < 400.0, "{taken} instead of {expected}");
        }
        assert_eq!(next_by_weight(1, 3, |_| 0.0, |_| 0.5), 2, "somebody has to");
    }

    /// Three instances in zone 0, one in zone 2: a half goes to each zone.
    #[test]
    fn a_zone_first_then_an_instance() {
        let (key, mut taken) = (Key::new(4, 0), [0u32; 4]);
        for request in 0..60_000 {
            taken[within_a_zone(key.draw(request, 0), [0, 0, 2, 0].into_iter())] += 1;
        }
        for (taken, expected) in taken.iter().zip([10_000.0, 10_000.0, 30_000.0, 10_000.0]) {
            assert!((f64::from(*taken) - expected).abs() < 500.0, "{taken} instead of {expected}");
        }
    }
}
