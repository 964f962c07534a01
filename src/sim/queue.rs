//! The event queue: a hierarchical timing wheel whose slot is sorted when it is reached.
//!
//! A binary heap pays log(in flight) for every event; here an event is appended to a slot, moved down once or twice, and
//! sorted among the one or two others of its slot, so the cost stays flat from ten to millions of events in flight.
//!
//! Time is cut into ticks of a power of two of nanoseconds, chosen so that four to eight events fall into one. Level 0 has a slot a
//! tick, each level above a slot for 4,096 slots of the level below. An event goes to the lowest level on which it shares all higher digits with the cursor; when the cursor enters a
//! slot of a higher level, its events are spread over the level below. The slot under the cursor is sorted into `current`,
//! from which events are popped.
//!
//! Order is by time, ties by insertion: slots are first in, first out; an event is moved down before any later event can be put
//! directly into the lower slot; and the sort of a slot is stable. `reference::HeapQueue` is the plain version; a property
//! test holds the two together. A slot is sorted by a network, since its order can't be guessed: by insertion it cost more than a mispredicted
//! branch an event.
//!
//! A slot of level 0, with its handful of events, is a linked list through one vector of nodes: to append an event is two stores. A slot of a
//! level above may hold thousands that nobody looks at for long, so it is a list of chunks: appending touches the one line of memory that the
//! last event went to, and moving them down reads line after line, where a list of nodes would miss the cache for each. Nodes and chunks are
//! used again, the last freed first: nothing is allocated once the simulation has seen its busiest moment, and memory follows what is in
//! flight, not what has been.

use crate::units::SimTime;

const SLOT_BITS: u32 = 12;
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_MASK: u64 = SLOTS as u64 - 1;
/// With the shortest tick 12 + 5 x 12 > 64 bits: every `u64` instant has a place.
const LEVELS: usize = 5;
const SHORTEST_TICK_BITS: u32 = 12;
const LONGEST_TICK_BITS: u32 = 40;
/// Events that a slot is meant to hold at most: few enough for the network, many enough to share the cost of finding the slot.
const EVENTS_PER_SLOT: f64 = 8.0;
/// So many events of a slot are sorted by a network, the others of it by insertion.
const NETWORK: usize = 8;
/// Longer slots are sorted by key.
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

/// An event and the next one of its slot. Nodes live in one vector and are used again, the last freed first.
#[derive(Clone, Copy)]
struct Node<E> {
    at: u64,
    event: E,
    next: u32,
}

/// Events of a chunk: with 16 bytes each, and its links, four lines of memory.
const CHUNK: usize = 15;

/// Some events of a slot of a higher level, and the next chunk of it. Chunks live in one vector and are used again, the last freed first.
struct Chunk<E> {
    entries: [Entry<E>; CHUNK],
    len: u32,
    next: u32,
}

/// No node or chunk.
const NIL: u32 = u32::MAX;

/// The nodes or chunks of a slot, first in, first out. `last` means something only if `first` does.
#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    last: u32,
}

struct Level {
    slots: Box<[Slot; SLOTS]>,
    occupied: Occupied,
}

impl Level {
    fn new() -> Self {
        Self { slots: Box::new([Slot { first: NIL, last: NIL }; SLOTS]), occupied: Occupied::EMPTY }
    }

    /// Empties a slot.
    #[inline]
    fn take(&mut self, slot: usize) -> Slot {
        self.occupied.clear(slot);
        std::mem::replace(&mut self.slots[slot], Slot { first: NIL, last: NIL })
    }
}

/// Pending events in order of time, ties by insertion. Events must not be pushed before the last instant that was popped or
/// given to [`EventQueue::pop_until`] as a limit.
pub struct EventQueue<E> {
    /// No event is before this instant.
    due: u64,
    /// The slot under the cursor, ascending, is what stands from `head`, the next to be popped, to `filled`.
    current: Vec<Entry<E>>,
    head: usize,
    filled: usize,
    /// Tick of the slot under the cursor; all earlier slots are empty.
    cursor: u64,
    tick_bits: u32,
    /// The first free node, and the first free chunk.
    free: u32,
    free_chunk: u32,
    /// Events after this instant are dropped: nobody would see them.
    end: u64,
    /// Level 0, where most events go at once.
    near: Level,
    nodes: Vec<Node<E>>,
    /// Levels 1 and up.
    far: [Level; LEVELS - 1],
    chunks: Vec<Chunk<E>>,
    /// Events popped, without those of `current`.
    popped: u64,
    keys: Vec<u128>,
    unsorted: Vec<Entry<E>>,
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue for a simulation that stops at `end`; events after `end` are dropped when pushed. About `rate` events a
    /// second are expected: a wrong guess costs time, never order.
    pub fn new(end: SimTime, rate: f64) -> Self {
        let nanos = (EVENTS_PER_SLOT * 1e9 / rate.max(1e-3)) as u64;
        Self {
            due: u64::MAX,
            current: Vec::new(),
            head: 0,
            filled: 0,
            cursor: 0,
            tick_bits: nanos.max(1).ilog2().clamp(SHORTEST_TICK_BITS, LONGEST_TICK_BITS),
            free: NIL,
            free_chunk: NIL,
            end: end.0,
            near: Level::new(),
            nodes: Vec::new(),
            far: std::array::from_fn(|_| Level::new()),
            chunks: Vec::new(),
            popped: 0,
            keys: Vec::new(),
            unsorted: Vec::new(),
        }
    }

    /// Bits of an instant below its tick.
    #[inline(always)]
    fn shift(&self) -> u32 {
        self.tick_bits & 63
    }

    /// Adds an event.
    #[inline(always)]
    pub fn push(&mut self, at: SimTime, event: E) {
        let at = at.0;
        if at > self.end {
            return;
        }
        self.due = self.due.min(at);
        let tick = at >> self.shift();
        if tick <= self.cursor {
            return self.push_here(at, event);
        }
        self.put(tick, at, event);
    }

    /// Puts an event with a tick not before the cursor on the lowest level on which it shares all higher digits with it.
    #[inline(always)]
    fn put(&mut self, tick: u64, at: u64, event: E) {
        let differ = (tick ^ self.cursor) >> SLOT_BITS;
        if differ > 0 {
            let level = (63 - differ.leading_zeros()) / SLOT_BITS;
            return self.put_far(level as usize, tick >> (SLOT_BITS * (level + 1)), (at, event));
        }
        let entry = Node { at, event, next: NIL };
        let node = self.free;
        let node = match self.nodes.get_mut(node as usize) {
            Some(place) => {
                self.free = place.next;
                *place = entry;
                node
            }
            None => {
                self.nodes.push(entry);
                (self.nodes.len() - 1) as u32
            }
        };
        let number = (tick & SLOT_MASK) as usize;
        let slot = &mut self.near.slots[number];
        if slot.first == NIL {
            slot.first = node;
            self.near.occupied.set(number);
        } else {
            self.nodes[slot.last as usize].next = node;
        }
        slot.last = node;
    }

    #[inline]
    fn put_far(&mut self, level: usize, slot: u64, entry: Entry<E>) {
        let level = &mut self.far[level];
        let number = (slot & SLOT_MASK) as usize;
        let slot = &mut level.slots[number];
        let is_first = slot.first == NIL;
        if !is_first {
            let chunk = &mut self.chunks[slot.last as usize];
            if let Some(place) = chunk.entries.get_mut(chunk.len as usize) {
                *place = entry;
                chunk.len += 1;
                return;
            }
        }
        let fresh = match self.chunks.get_mut(self.free_chunk as usize) {
            Some(chunk) => {
                let fresh = self.free_chunk;
                self.free_chunk = chunk.next;
                chunk.entries[0] = entry;
                (chunk.len, chunk.next) = (1, NIL);
                fresh
            }
            None => {
                self.chunks.push(Chunk { entries: [entry; CHUNK], len: 1, next: NIL });
                (self.chunks.len() - 1) as u32
            }
        };
        if is_first {
            slot.first = fresh;
            level.occupied.set(number);
        } else {
            self.chunks[slot.last as usize].next = fresh;
        }
        slot.last = fresh;
    }

    /// Into the slot that is being popped: behind all that are not later.
    #[inline(never)]
    fn push_here(&mut self, at: u64, event: E) {
        self.append((at, event));
        let mut place = self.filled - 1;
        // Most come late. What doesn't would be moved past many, if the slot is crowded, so its place is searched.
        let near = place.saturating_sub(NETWORK).max(self.head);
        while place > near && self.current[place - 1].0 > at {
            self.current[place] = self.current[place - 1];
            place -= 1;
        }
        if place == near && near > self.head {
            place = self.head + self.current[self.head..near].partition_point(|entry| entry.0 <= at);
            self.current.copy_within(place..near, place + 1);
        }
        self.current[place] = (at, event);
    }

    /// Behind the others of the slot that is being popped.
    #[inline(always)]
    fn append(&mut self, entry: Entry<E>) {
        match self.current.get_mut(self.filled) {
            Some(place) => *place = entry,
            None => self.current.push(entry),
        }
        self.filled += 1;
    }

    /// Whether an event may be due by `limit`: false is certain, true is likely.
    #[inline]
    pub fn may_be_due(&self, limit: SimTime) -> bool {
        self.due <= limit.0
    }

    /// Takes the earliest event if it is not after `limit`.
    #[inline(always)]
    pub fn pop_until(&mut self, limit: SimTime) -> Option<(SimTime, E)> {
        loop {
            if self.head < self.filled
                && let Some(&(at, event)) = self.current.get(self.head)
            {
                if at > limit.0 {
                    self.due = at;
                    return None;
                }
                self.head += 1;
                return Some((SimTime(at), event));
            }
            // What is not in `current` is in a later slot.
            let next_slot = (self.cursor + 1) << self.shift();
            if next_slot > limit.0 {
                self.due = next_slot;
                return None;
            }
            if !self.advance(limit.0 >> self.shift()) {
                return None;
            }
        }
    }

    /// Events popped so far.
    pub fn popped(&self) -> u64 {
        self.popped + self.head as u64
    }

    /// Moves the cursor to the next occupied slot, but not beyond `limit_tick`, and loads it. False if there is none so early.
    fn advance(&mut self, limit_tick: u64) -> bool {
        self.popped += self.head as u64;
        (self.head, self.filled) = (0, 0);
        'search: loop {
            let above = self.cursor & !SLOT_MASK;
            // The cursor's own slot may have been filled by a move down.
            if let Some(slot) = self.near.occupied.next((self.cursor & SLOT_MASK) as usize) {
                let tick = above | slot as u64;
                if tick > limit_tick {
                    self.due = tick << self.shift();
                    return false;
                }
                self.cursor = tick;
                let taken = self.near.take(slot);
                self.load(taken);
                return true;
            }
            for level in 0..LEVELS - 1 {
                let shift = SLOT_BITS * (level as u32 + 1);
                // The cursor's own slot was emptied on entry.
                let from = ((self.cursor >> shift) & SLOT_MASK) as usize + 1;
                let Some(slot) = self.far[level].occupied.next(from) else { continue };
                let upper = shift + SLOT_BITS;
                let above = if upper < 64 { self.cursor >> upper << upper } else { 0 };
                let start = above | ((slot as u64) << shift);
                if start > limit_tick {
                    self.due = start << self.shift();
                    return false;
                }
                self.cursor = start;
                let slot = self.far[level].take(slot);
                self.move_down(slot.first);
                continue 'search;
            }
            self.due = u64::MAX;
            return false;
        }
    }

    /// Spreads the chunks from this one on over the levels below, and frees them.
    fn move_down(&mut self, mut number: u32) {
        while let Some(chunk) = self.chunks.get(number as usize) {
            let (len, next) = (chunk.len as usize, chunk.next);
            for place in 0..len.min(CHUNK) {
                let (at, event) = self.chunks[number as usize].entries[place];
                self.put(at >> self.shift(), at, event);
            }
            self.chunks[number as usize].next = self.free_chunk;
            self.free_chunk = number;
            number = next;
        }
    }

    /// Sorts a slot into `current`, stably, and frees its nodes.
    #[inline]
    fn load(&mut self, slot: Slot) {
        // The place in the slot as last digits, which makes equal instants keep their order; empty places come last.
        let start = self.cursor << self.shift();
        let mut keys = [u64::MAX; NETWORK];
        let mut events = [self.nodes[slot.first as usize].event; NETWORK];
        let (mut node, mut count) = (slot.first, 0);
        while count < NETWORK && node != NIL {
            let Node { at, event, next } = self.nodes[node as usize];
            keys[count] = (at - start) << PLACE_BITS | count as u64;
            events[count] = event;
            count += 1;
            node = next;
        }
        sort_by_network(&mut keys);
        if self.current.len() < NETWORK {
            self.current.resize(NETWORK, (0, events[0]));
        }
        for (entry, key) in self.current.iter_mut().zip(keys) {
            *entry = (start.wrapping_add(key >> PLACE_BITS), events[key as usize % NETWORK]);
        }
        self.filled = count;
        while node != NIL {
            let Node { at, event, next } = self.nodes[node as usize];
            let mut place = self.filled;
            self.append((at, event));
            if place >= INSERTION_SORT_MAX {
                self.load_many(next);
                break;
            }
            while place > 0 && self.current[place - 1].0 > at {
                self.current[place] = self.current[place - 1];
                place -= 1;
            }
            self.current[place] = (at, event);
            node = next;
        }
        self.nodes[slot.last as usize].next = self.free;
        self.free = slot.first;
    }

    /// Goes on from `node` where there are many.
    #[cold]
    fn load_many(&mut self, mut node: u32) {
        while node != NIL {
            let Node { at, event, next } = self.nodes[node as usize];
            self.append((at, event));
            node = next;
        }
        // The position as low digits of the key makes an unstable sort stable, without allocating.
        std::mem::swap(&mut self.current, &mut self.unsorted);
        self.keys.clear();
        let unsorted = &self.unsorted[..self.filled];
        self.keys.extend(unsorted.iter().zip(0u128..).map(|(entry, place)| (u128::from(entry.0) << 64) | place));
        self.keys.sort_unstable();
        self.current.clear();
        self.current.extend(self.keys.iter().map(|key| unsorted[*key as u64 as usize]));
    }
}

/// Digits of a place in the network.
const PLACE_BITS: u32 = NETWORK.ilog2();

/// Sorts eight keys by Batcher's network of 19 exchanges (odd-even merge sort, 1968): minima and maxima instead of branches. What order events
/// have can't be guessed, and to guess wrong costs a processor as much as ten exchanges.
#[inline(always)]
fn sort_by_network(keys: &mut [u64; NETWORK]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *keys;
    /// Written out, so that the keys stay in registers.
    macro_rules! exchange {
        ($(($low:ident, $high:ident)),*) => { $( ($low, $high) = ($low.min($high), $low.max($high)); )* };
    }
    exchange!((a, b), (c, d), (e, f), (g, h));
    exchange!((a, c), (b, d), (e, g), (f, h));
    exchange!((b, c), (f, g));
    exchange!((a, e), (b, f), (c, g), (d, h));
    exchange!((c, e), (d, f));
    exchange!((b, c), (d, e), (f, g));
    *keys = [a, b, c, d, e, f, g, h];
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
            if !wheel.may_be_due(limit) {
                assert_eq!(heap.pop_until(limit), None, "said not to be due");
            }
            // As handlers do: the first event of each step pushes two more, one of them at its own instant.
            let mut follow = Some(label + 2_000_000);
            loop {
                let (a, b) = (wheel.pop_until(limit), heap.pop_until(limit));
                assert_eq!(a, b);
                let Some((popped, _)) = a else { break };
                if let Some(label) = follow.take() {
                    let later = SimTime(popped.0.saturating_add(delay >> ((scale + 7) % 64)).min(end.0));
                    for at in [popped, later] {
                        wheel.push(at, label);
                        heap.push(at, label);
                    }
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
