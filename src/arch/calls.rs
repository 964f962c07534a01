//! Calls as columns: what is done to each of them alike is done in short loops, one thing after another. See [`super::passes`].

use super::call::{Call, Ending};
use super::output::Outcome;
use crate::traffic::Batch;
use crate::units::SimTime;
use std::cell::Cell;

/// Some calls as columns of one length, and what became of them. All are first attempts.
pub struct Calls<'a> {
    /// Their numbers.
    pub id: &'a [u64],
    /// When they come.
    pub at: &'a [SimTime],
    /// Their classes.
    pub class: &'a [u16],
    /// Nanoseconds until the answer.
    pub taken: &'a [Cell<u64>],
    /// Whether all goes its ordinary way: so far let in everywhere, and served in time by what was ready. What is to be counted for the others
    /// has been.
    pub ordinary: &'a [Cell<bool>],
    /// How many those are, by class.
    pub count: &'a mut [u64],
    /// What became of the others.
    pub others: &'a mut Vec<Other>,
}

/// A call that is not ordinary.
#[derive(Clone, Copy)]
pub struct Other {
    /// It, with what it met.
    pub call: Call,
    /// Its answer,
    pub ending: Ending,
    /// which comes from behind so many fronts.
    pub depth: usize,
}

impl Calls<'_> {
    /// How many.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Call `n`, without what it needs.
    #[inline(always)]
    pub fn call(&self, n: usize) -> Call {
        Call::fresh(self.id[n], self.at[n], self.class[n])
    }

    /// From here on call `n` goes its own way: it has been answered behind so many fronts.
    #[cold]
    pub fn set_apart(&mut self, n: usize, call: Call, ending: Ending, depth: usize) {
        self.ordinary[n].set(false);
        self.count[usize::from(call.class)] -= 1;
        self.others.push(Other { call, ending, depth });
    }

    /// The sum of a number of each class over all ordinary calls.
    pub fn sum(&self, of_class: &[u64]) -> u64 {
        let products = self.count.iter().zip(of_class).map(|(count, each)| count.saturating_mul(*each));
        products.fold(0, u64::saturating_add)
    }
}

/// Adds to counters of each class.
#[inline]
pub fn add(counters: &mut [u64], counts: &[u64]) {
    counters.iter_mut().zip(counts).for_each(|(counter, count)| *counter += count);
}

/// Room for the columns that are written on the way. Allocated once.
pub struct Room {
    id: Box<[u64; Batch::SIZE]>,
    taken: Box<[u64; Batch::SIZE]>,
    ordinary: Box<[bool; Batch::SIZE]>,
    count: Vec<u64>,
    others: Vec<Other>,
}

impl Room {
    /// For a scenario with so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            id: Box::new([0; Batch::SIZE]),
            taken: Box::new([0; Batch::SIZE]),
            ordinary: Box::new([true; Batch::SIZE]),
            count: vec![0; classes],
            others: Vec::with_capacity(Batch::SIZE),
        }
    }

    /// Calls with numbers from `first_id` on, all ordinary.
    pub fn calls<'a>(&'a mut self, first_id: u64, at: &'a [SimTime], class: &'a [u16]) -> Calls<'a> {
        self.id[..at.len()].iter_mut().zip(first_id..).for_each(|(id, number)| *id = number);
        self.with_ids(at, class)
    }

    fn with_ids<'a>(&'a mut self, at: &'a [SimTime], class: &'a [u16]) -> Calls<'a> {
        let len = at.len();
        self.ordinary[..len].fill(true);
        count_classes(class, &mut self.count);
        self.others.clear();
        Calls {
            id: &self.id[..len],
            at,
            class,
            taken: Cell::from_mut(&mut self.taken[..len]).as_slice_of_cells(),
            ordinary: Cell::from_mut(&mut self.ordinary[..len]).as_slice_of_cells(),
            count: &mut self.count,
            others: &mut self.others,
        }
    }
}

/// How many there are of each class.
fn count_classes(classes: &[u16], count: &mut [u64]) {
    if let [all] = count {
        *all = classes.len() as u64;
        return;
    }
    // A batch is shorter than 2^16.
    let of = |class: usize| classes.iter().map(|&one| u16::from(usize::from(one) == class)).sum::<u16>();
    count.iter_mut().enumerate().for_each(|(class, count)| *count = u64::from(of(class)));
}

/// Calls that were served one by one, and wait for the others to go back with them.
pub struct Gathered {
    room: Room,
    at: Box<[SimTime; Batch::SIZE]>,
    class: Box<[u16; Batch::SIZE]>,
    len: usize,
}

impl Gathered {
    /// None yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            room: Room::new(classes),
            at: Box::new([SimTime::ZERO; Batch::SIZE]),
            class: Box::new([0; Batch::SIZE]),
            len: 0,
        }
    }

    /// Whether none is there.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a first attempt; whether no other will fit.
    #[inline(always)]
    pub fn add(&mut self, call: &Call, ending: Ending) -> bool {
        debug_assert!(call.attempt == 0 && !call.cold && ending.outcome == Outcome::Served, "an ordinary call");
        let n = self.len % Batch::SIZE;
        self.room.id[n] = call.id;
        self.room.taken[n] = ending.at.since(call.at).0;
        (self.at[n], self.class[n]) = (call.at, call.class);
        self.len = n + 1;
        self.len == Batch::SIZE
    }

    /// All of them; then there are none.
    pub fn take(&mut self) -> Calls<'_> {
        let len = std::mem::take(&mut self.len);
        self.room.with_ids(&self.at[..len], &self.class[..len])
    }
}
