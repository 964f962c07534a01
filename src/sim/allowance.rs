//! A balance of processor time that a server earns at a constant rate and spends by working.
//!
//! With `load` processors at work the balance moves by (earned - load) a nanosecond, between bounds. A server whose balance
//! may not be negative slows down to what it earns while the balance is empty. One that *borrows* never slows down: its balance goes as far
//! below zero as it may go above, and what it would owe beyond that is charged at once; the rest when the server ends.

/// The balance, in processor-nanoseconds.
#[derive(Debug, Clone)]
pub struct Allowance {
    earned: f64,
    most: f64,
    balance: f64,
    borrows: bool,
    /// Charged until the last [`Allowance::pass`], less what [`Allowance::take_charged`] has told.
    charged: f64,
    /// When the balance will be empty, if nothing happens before; `u64::MAX`: never. Kept by the server.
    pub(super) empty_at: u64,
}

impl Allowance {
    /// Empty. Earns `earned` processors' worth of time; holds `most` processor-nanoseconds.
    pub const fn new(earned: f64, most: f64, borrows: bool) -> Self {
        Self { earned, most, balance: 0.0, borrows, charged: 0.0, empty_at: u64::MAX }
    }

    /// What there is to spend, in processor-nanoseconds; negative: owed.
    pub const fn balance(&self) -> f64 {
        self.balance
    }

    /// What is left of it when its server stops: what it owed has been charged.
    pub const fn kept(&self) -> Self {
        let balance = if self.balance > 0.0 { self.balance } else { 0.0 };
        Self { balance, ..Self::new(self.earned, self.most, self.borrows) }
    }

    /// The balance and what is charged after `elapsed` nanoseconds with `load` processors at work.
    fn after(&self, elapsed: f64, load: f64) -> (f64, f64) {
        let balance = (self.balance + (self.earned - load) * elapsed).min(self.most);
        // One that does not borrow slows down when it is empty; what is missing then is the rounding to a whole nanosecond.
        let least = if self.borrows { -self.most } else { 0.0 };
        let over = if self.borrows { (least - balance).max(0.0) } else { 0.0 };
        (balance.max(least), over)
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, elapsed: f64, load: f64) {
        let (balance, over) = self.after(elapsed, load);
        self.balance = balance;
        self.charged += over;
    }

    /// The processors that `running` requests may use of `processors`.
    pub(super) fn processors(&self, processors: f64, running: f64) -> f64 {
        let slow = !self.borrows && self.balance <= 0.0 && running > self.earned;
        if slow { self.earned.min(processors) } else { processors }
    }

    /// Nanoseconds until it is empty with `load` processors at work.
    pub(super) fn lasts(&self, load: f64) -> Option<f64> {
        (!self.borrows && self.balance > 0.0 && load > self.earned).then(|| self.balance / (load - self.earned))
    }

    /// Nothing is left.
    pub(super) const fn exhaust(&mut self) {
        self.balance = 0.0;
    }

    /// Processor-nanoseconds charged since the last call, `elapsed` nanoseconds after the last [`Allowance::pass`]. Changes nothing else.
    pub(super) fn take_charged(&mut self, elapsed: f64, load: f64) -> f64 {
        let (_, over) = self.after(elapsed, load);
        let charged = self.charged + over;
        self.charged = -over;
        charged
    }
}
