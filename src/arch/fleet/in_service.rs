//! The instances in service, in the order in which they came, and how much each of them holds.

use std::ops::Deref;

/// Slots of the instances in service. Reads as a slice of them; a *place* is a position in it.
#[derive(Default)]
pub struct InService {
    slots: Vec<u32>,
    /// Whether what they hold is kept.
    counts: bool,
    /// Requests of each place: side by side, so that the fewest are found without a look at the instances.
    held: Vec<u32>,
    /// The place of each slot, or [`NOWHERE`].
    places: Vec<u32>,
    /// Times that anybody came or went.
    changes: u64,
}

const NOWHERE: u32 = u32::MAX;

impl Deref for InService {
    type Target = [u32];

    #[inline(always)]
    fn deref(&self) -> &[u32] {
        &self.slots
    }
}

impl InService {
    /// Nobody; with a count of what they hold, for [`InService::least`].
    pub fn counting(counts: bool) -> Self {
        Self { counts, ..Self::default() }
    }

    /// An instance that holds nothing comes into service.
    pub fn push(&mut self, slot: u32) {
        self.slots.push(slot);
        self.held.push(0);
        self.number();
    }

    /// The one in this place goes out of service. Tells its slot.
    pub fn remove(&mut self, place: usize) -> u32 {
        self.held.remove(place);
        let slot = self.slots.remove(place);
        self.number();
        slot
    }

    /// This one goes out of service, if it is in service.
    pub fn remove_slot(&mut self, slot: u32) {
        if let Some(place) = self.slots.iter().position(|&other| other == slot) {
            self.remove(place);
        }
    }

    /// Those in service from now on; what they hold is to be counted.
    pub fn replace(&mut self, slots: Vec<u32>) {
        self.held = vec![0; slots.len()];
        self.slots = slots;
        self.number();
    }

    /// Only these stay in service; what they hold is to be counted.
    pub fn retain(&mut self, stays: impl Fn(&u32) -> bool) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.retain(stays);
        self.replace(slots);
    }

    /// How often the places have changed.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The place of an instance, if it is in service.
    pub fn place_of(&self, slot: u32) -> Option<usize> {
        self.slots.iter().position(|&other| other == slot)
    }

    /// Requests that the instance at this place holds, where that is counted.
    pub fn held(&self, place: usize) -> u32 {
        self.held[place]
    }

    fn number(&mut self) {
        self.changes += 1;
        self.places.fill(NOWHERE);
        for (place, &slot) in self.slots.iter().enumerate() {
            if self.places.len() <= slot as usize {
                self.places.resize(slot as usize + 1, NOWHERE);
            }
            self.places[slot as usize] = place as u32;
        }
    }

    /// An instance, in service or not, holds this many requests.
    #[inline]
    pub fn holds(&mut self, slot: u32, requests: u64) {
        if let Some(&place) = self.places.get(slot as usize)
            && let Some(held) = self.held.get_mut(place as usize)
        {
            *held = requests.min(u64::from(u32::MAX)) as u32;
        }
    }

    /// Counts all of them again, after something that happens rarely.
    pub fn recount(&mut self, requests: impl Fn(u32) -> u64) {
        if self.counts {
            for place in 0..self.slots.len() {
                let slot = self.slots[place];
                self.holds(slot, requests(slot));
            }
        }
    }

    /// The first place of those that hold fewest.
    #[inline]
    pub fn least(&self) -> usize {
        // Two passes: the first has no branch, so that the compiler does several places at a time.
        let mut fewest = u32::MAX;
        for &held in &self.held {
            fewest = fewest.min(held);
        }
        self.held.iter().position(|&held| held == fewest).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_those_that_hold_fewest_whoever_comes_and_goes() {
        let mut found = InService::counting(true);
        [7, 2, 5].into_iter().for_each(|slot| found.push(slot));
        assert_eq!((&*found, found.least()), (&[7, 2, 5][..], 0));
        found.holds(7, 2);
        found.holds(2, 1);
        found.holds(5, 1);
        assert_eq!(found.least(), 1);
        assert_eq!(found.remove(1), 2);
        // 7 holds two, 5 one; what 2 holds while it drains changes nothing.
        found.holds(2, 0);
        assert_eq!((&*found, found.least()), (&[7, 5][..], 1));
        found.remove_slot(7);
        found.push(2);
        found.push(9);
        found.retain(|&slot| slot != 9);
        found.recount(|slot| if slot == 5 { 3 } else { 4 });
        assert_eq!((&*found, found.least()), (&[5, 2][..], 0));
    }
}
