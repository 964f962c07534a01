//! The event queue: a hierarchical timing wheel whose slot is sorted when it is reached.
//!
//! A binary heap pays log(in flight) for every event; here an event is appended to a slot, moved down once or twice, and
//! sorted among the one or two others of its slot, so the cost stays flat from ten to millions of events in flight.
//!
//! Time is cut into ticks of a power of two of nanoseconds, chosen so that a handful of events fall into one. Level 0 has a slot a
//! tick, each level above a slot for 4,096 slots of the level below. An event goes to the lowest level on which it shares all higher digits with the cursor; when the cursor enters a
//! slot of a higher level, its events are spread over the level below. The slot under the cursor is sorted into `current`,
//! from which events are popped.
//!
//! Order is by time, ties by insertion: slots are first in, first out; an event is moved down before any later event can be put
//! directly into the lower slot; and the sort of a slot is stable. `reference::HeapQueue` is the plain version; a property
//! test holds the two together.
//!
//! Buffers are recycled, so that nothing is allocated once the simulation has seen its busiest moment, and memory follows what is
//! in flight, not what has been.

use crate::units::SimTime;

const SLOT_BITS: u32 = 12;
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_MASK: u64 = SLOTS as u64 - 1;
/// With the shortest tick 12 + 5 x 12 > 64 bits: every `u64` instant has a place.
const LEVELS: usize = 5;
const SHORTEST_TICK_BITS: u32 = 12;
const LONGEST_TICK_BITS: u32 = 40;
/// Events that a slot is meant to hold: few enough to sort by insertion, many enough to share the cost of finding the slot.
const EVENTS_PER_SLOT: f64 = 4.0;
/// Longer slots are sorted by key instead of by insertion.
const INSERTION_SORT_MAX: usize = 24;

type Entry<E> = (u64, E);

/// Which of 4,096 slots hold anything, with a summary word.
struct Occupied {
    words: [u64; SLOTS / 64],
    summary: u64,
}

impl Occupied {
    const EMPTY: Self = Self { words: [0; SLOTS / 64], summary: 0 };

    #[inline]
    fn set(&mut self, slot: usize) {
        self.words[(slot >> 6) & (SLOTS / 64 - 1)] |= 1 << (slot & 63);
        self.summary |= 1 << (slot >> 6);
    }

    #[inline]
    fn clear(&mut self, slot: usize) {
        let word = &mut self.words[slot >> 6];
        *word &= !(1 << (slot & 63));
        if *word == 0 {
            self.summary &= !(1 << (slot >> 6));
        }
    }

    /// The first occupied slot at or after `from` (which may be `SLOTS`).
    #[inline]
    fn next(&self, from: usize) -> Option<usize> {
        if from >= SLOTS {
            return None;
        }
        let index = from >> 6;
        let here = self.words[index] & (u64::MAX << (from & 63));
        if here != 0 {
            return Some((index << 6) + here.trailing_zeros() as usize);
        }
        let later = self.summary & (u64::MAX << index) & !(1 << index);
        if later == 0 {
            return None;
        }
        let index = later.trailing_zeros() as usize;
        Some((index << 6) + self.words[index].trailing_zeros() as usize)
    }
}

struct Level<E> {
    slots: Box<[Vec<Entry<E>>; SLOTS]>,
    occupied: Occupied,
    /// Empty buffers waiting for a slot to need one.
    spare: Vec<Vec<Entry<E>>>,
}

impl<E: Copy> Level<E> {
    fn new() -> Self {
        let slots: Box<[Vec<Entry<E>>]> = (0..SLOTS).map(|_| Vec::new()).collect();
        let Ok(slots) = slots.try_into() else { unreachable!("as many slots as were made") };
        Self { slots, occupied: Occupied::EMPTY, spare: Vec::new() }
    }

    #[inline]
    fn push(&mut self, slot: usize, entry: Entry<E>) {
        let buffer = &mut self.slots[slot & (SLOTS - 1)];
        if buffer.is_empty() {
            self.occupied.set(slot);
            if let Some(spare) = self.spare.pop() {
                *buffer = spare;
            }
        }
        buffer.push(entry);
    }

    #[inline]
    fn take(&mut self, slot: usize) -> Vec<Entry<E>> {
        self.occupied.clear(slot);
        std::mem::take(&mut self.slots[slot])
    }

    #[inline]
    fn recycle(&mut self, mut buffer: Vec<Entry<E>>) {
        buffer.clear();
        self.spare.push(buffer);
    }
}

/// Pending events in order of time, ties by insertion. Events must not be pushed before the last instant that was popped or
/// given to [`EventQueue::pop_until`] as a limit.
pub struct EventQueue<E> {
    levels: [Level<E>; LEVELS],
    /// The slot under the cursor, ascending; `head` is the next to be popped.
    current: Vec<Entry<E>>,
    head: usize,
    tick_bits: u32,
    /// Tick of the slot under the cursor; all earlier slots are empty.
    cursor: u64,
    /// No event outside `current` is before this instant.
    rest_from: u64,
    /// Events after this instant are dropped: nobody would see them.
    end: u64,
    keys: Vec<u128>,
    len: usize,
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue for a simulation that stops at `end`; events after `end` are dropped when pushed. About `rate` events a
    /// second are expected: a wrong guess costs time, never order.
    pub fn new(end: SimTime, rate: f64) -> Self {
        let nanos = (EVENTS_PER_SLOT * 1e9 / rate.max(1e-3)) as u64;
        Self {
            tick_bits: nanos.max(1).ilog2().clamp(SHORTEST_TICK_BITS, LONGEST_TICK_BITS),
            levels: std::array::from_fn(|_| Level::new()),
            current: Vec::with_capacity(64),
            head: 0,
            cursor: 0,
            rest_from: u64::MAX,
            end: end.0,
            keys: Vec::new(),
            len: 0,
        }
    }

    /// Events pending.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an event.
    #[inline]
    pub fn push(&mut self, at: SimTime, event: E) {
        let at = at.0;
        if at > self.end {
            return;
        }
        self.len += 1;
        let tick = at >> self.tick_bits;
        if tick <= self.cursor {
            // Into the slot that is being popped: behind all that are not later.
            let place = self.head + self.current[self.head..].partition_point(|entry| entry.0 <= at);
            self.current.insert(place, (at, event));
        } else {
            self.rest_from = self.rest_from.min(at);
            if (tick ^ self.cursor) >> SLOT_BITS == 0 {
                self.levels[0].push((tick & SLOT_MASK) as usize, (at, event));
            } else {
                self.place(tick, (at, event));
            }
        }
    }

    /// Puts an entry with a tick not before the cursor where it belongs.
    fn place(&mut self, tick: u64, entry: Entry<E>) {
        let differ = (tick ^ self.cursor) >> SLOT_BITS;
        if differ == 0 {
            self.levels[0].push((tick & SLOT_MASK) as usize, entry);
        } else {
            let level = ((63 - differ.leading_zeros()) / SLOT_BITS + 1) as usize;
            let slot = ((tick >> (SLOT_BITS * level as u32)) & SLOT_MASK) as usize;
            self.levels[level].push(slot, entry);
        }
    }

    /// Whether an event may be due by `limit`: false is certain, true is likely.
    #[inline]
    pub fn may_be_due(&self, limit: SimTime) -> bool {
        self.rest_from <= limit.0 || self.current.get(self.head).is_some_and(|entry| entry.0 <= limit.0)
    }

    /// Takes the earliest event if it is not after `limit`.
    #[inline]
    pub fn pop_until(&mut self, limit: SimTime) -> Option<(SimTime, E)> {
        loop {
            if let Some(&(at, event)) = self.current.get(self.head) {
                if at > limit.0 {
                    return None;
                }
                self.head += 1;
                self.len -= 1;
                return Some((SimTime(at), event));
            }
            if self.rest_from > limit.0 || !self.advance(limit.0 >> self.tick_bits) {
                return None;
            }
        }
    }

    /// Moves the cursor to the next occupied slot, but not beyond `limit_tick`, and loads it. False if there is none so early.
    fn advance(&mut self, limit_tick: u64) -> bool {
        self.current.clear();
        self.head = 0;
        'search: loop {
            for level in 0..LEVELS {
                let shift = SLOT_BITS * level as u32;
                // On level 0 the cursor's own slot may have been filled by a move down; above, it was emptied on entry.
                let from = ((self.cursor >> shift) & SLOT_MASK) as usize + usize::from(level > 0);
                let Some(slot) = self.levels[level].occupied.next(from) else { continue };
                let upper = shift + SLOT_BITS;
                let above = if upper < 64 { self.cursor >> upper << upper } else { 0 };
                let start = above | ((slot as u64) << shift);
                if start > limit_tick {
                    self.rest_from = start << self.tick_bits;
                    return false;
                }
                self.cursor = start;
                let mut buffer = self.levels[level].take(slot);
                if level == 0 {
                    self.load(&mut buffer);
                    self.levels[0].recycle(buffer);
                    // Unknown, but not before the next slot.
                    self.rest_from = (start + 1).saturating_mul(1 << self.tick_bits);
                    return true;
                }
                for &entry in &buffer {
                    self.place(entry.0 >> self.tick_bits, entry);
                }
                self.levels[level].recycle(buffer);
                continue 'search;
            }
            self.rest_from = u64::MAX;
            return false;
        }
    }

    /// Sorts a slot into `current`, stably.
    #[inline]
    fn load(&mut self, buffer: &mut Vec<Entry<E>>) {
        if buffer.len() <= INSERTION_SORT_MAX {
            std::mem::swap(&mut self.current, buffer);
            let entries = &mut self.current[..];
            for i in 1..entries.len() {
                let entry = entries[i];
                let mut j = i;
                while j > 0 && entries[j - 1].0 > entry.0 {
                    entries[j] = entries[j - 1];
                    j -= 1;
                }
                entries[j] = entry;
            }
        } else {
            // The position as low digits of the key makes an unstable sort stable, without allocating.
            self.keys.clear();
            self.keys.extend(buffer.iter().zip(0u128..).map(|(entry, place)| (u128::from(entry.0) << 64) | place));
            self.keys.sort_unstable();
            self.current.extend(self.keys.iter().map(|key| buffer[*key as u64 as usize]));
        }
    }
}

/// The plain version that the wheel is held to.
#[cfg(test)]
pub(crate) mod reference {
    use super::SimTime;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    /// A binary heap by time, then insertion.
    pub struct HeapQueue<E> {
        heap: BinaryHeap<Reverse<(u64, u64, E)>>,
        pushed: u64,
    }

    impl<E: Copy + Ord> HeapQueue<E> {
        pub fn new() -> Self {
            Self { heap: BinaryHeap::new(), pushed: 0 }
        }
        pub fn push(&mut self, at: SimTime, event: E) {
            self.heap.push(Reverse((at.0, self.pushed, event)));
            self.pushed += 1;
        }
        pub fn pop_until(&mut self, limit: SimTime) -> Option<(SimTime, E)> {
            if self.heap.peek()?.0.0 > limit.0 {
                return None;
            }
            let Reverse((at, _, event)) = self.heap.pop()?;
            Some((SimTime(at), event))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs both queues through the same pushes and limits, with delays over many orders of magnitude and many ties.
    fn agree(rate: f64, steps: &[(u8, u64, u64)]) {
        let end = SimTime(u64::MAX - 1);
        let mut wheel = EventQueue::new(end, rate);
        let mut heap = reference::HeapQueue::new();
        let mut now = 0u64;
        for (label, &(scale, delay, step)) in steps.iter().enumerate() {
            let at = SimTime(now.saturating_add(delay >> (scale % 64)).min(end.0));
            for label in [label, label + 1_000_000].into_iter().take(1 + usize::from(label % 3 == 0)) {
                wheel.push(at, label);
                heap.push(at, label);
            }
            let limit = SimTime(now.saturating_add(step >> (scale % 61)).min(end.0));
            loop {
                let (a, b) = (wheel.pop_until(limit), heap.pop_until(limit));
                assert_eq!(a, b);
                if a.is_none() {
                    break;
                }
            }
            now = limit.0;
        }
        loop {
            let (a, b) = (wheel.pop_until(end), heap.pop_until(end));
            assert_eq!(a, b);
            if a.is_none() {
                break;
            }
        }
        assert!(wheel.is_empty());
    }

    proptest! {
        #[test]
        fn same_order_as_a_heap(rate in -3f64..9.0, steps in prop::collection::vec((0u8..64, any::<u64>(), any::<u64>()), 1..300)) {
            agree(10f64.powf(rate), &steps);
        }

        #[test]
        fn same_order_in_crowded_slots(rate in -3f64..9.0, steps in prop::collection::vec((30u8..50, any::<u64>(), 0u64..(1 << 40)), 1..600)) {
            agree(10f64.powf(rate), &steps);
        }
    }

    #[test]
    fn drops_what_lies_after_the_end() {
        let mut queue = EventQueue::new(SimTime(1000), 1.0);
        queue.push(SimTime(1001), 1);
        queue.push(SimTime(1000), 2);
        assert_eq!(queue.pop_until(SimTime(u64::MAX)), Some((SimTime(1000), 2)));
        assert_eq!(queue.pop_until(SimTime(u64::MAX)), None);
    }
}
