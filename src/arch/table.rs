//! A DynamoDB table on demand: what an operation takes and which request units it uses.
//!
//! - A write takes a unit for each started KB of the item, a transactional one two; a read takes a unit for each started 4 KB if it is
//!   strongly consistent, half of one if eventually, two if transactional (DynamoDB developer guide; AWS.md 9).
//! - There is no contention: its latency is added to the caller's, and nothing is scheduled. On-demand limits (twice the previous
//!   peak, a partition's 1,000 writes and 3,000 reads a second) are not modelled.

use super::ledger::{Ledger, MeterId};
use super::output::ComponentOutput;
use crate::sim::sampler::Sampler;
use crate::spec::model::{Consistency, Table};
use crate::units::{NANOS_PER_MILLI, SimDuration};
use crate::usage::RawUnit;

const WRITE_UNIT: u64 = 1 << 10;
const READ_UNIT: u64 = 4 << 10;

/// The state of a table.
pub struct TableState {
    read_latency: Sampler,
    write_latency: Sampler,
    /// Of one operation; reads in halves of a unit.
    halves_a_read: u64,
    units_a_write: u64,
    storage: u64,
    read_units: MeterId,
    write_units: MeterId,
    stored: Option<MeterId>,
    // Open counters of the hour.
    hour_reads: u64,
    hour_writes: u64,
    /// Half a read unit that is not booked yet.
    half: u64,
    /// Byte-milliseconds that are not booked yet.
    stored_rest: u128,
    // Over the measured horizon.
    operations: u64,
    time: u128,
}

impl TableState {
    /// A table that nobody has used.
    pub fn new(name: &str, table: &Table, ledger: &mut Ledger) -> Self {
        // DynamoDB rounds up what an item takes; even an empty answer takes a unit.
        let halves = match table.reads {
            Consistency::Eventual => 1,
            Consistency::Strong => 2,
            Consistency::Transactional => 4,
        };
        Self {
            read_latency: Sampler::compile(&table.read_latency),
            write_latency: Sampler::compile(&table.write_latency),
            halves_a_read: halves * table.item.0.div_ceil(READ_UNIT).max(1),
            units_a_write: (1 + u64::from(table.transactional_writes)) * table.item.0.div_ceil(WRITE_UNIT).max(1),
            storage: table.storage.0,
            read_units: ledger.open(name, "ddb.od.rru", RawUnit::Count),
            write_units: ledger.open(name, "ddb.od.wru", RawUnit::Count),
            stored: (table.storage.0 > 0).then(|| ledger.open(name, "ddb.storage.gb", RawUnit::GibMs)),
            hour_reads: 0,
            hour_writes: 0,
            half: 0,
            stored_rest: 0,
            operations: 0,
            time: 0,
        }
    }

    /// Reads an item; returns the nanoseconds that it takes.
    #[inline]
    pub fn read(&mut self, draw: u64) -> u64 {
        self.hour_reads += 1;
        let taken = self.read_latency.sample(draw).0;
        self.time += u128::from(taken);
        taken
    }

    /// Writes an item; returns the nanoseconds that it takes.
    #[inline]
    pub fn write(&mut self, draw: u64) -> u64 {
        self.hour_writes += 1;
        let taken = self.write_latency.sample(draw).0;
        self.time += u128::from(taken);
        taken
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self) {
        (self.hour_reads, self.hour_writes, self.half, self.stored_rest) = (0, 0, 0, 0);
        (self.operations, self.time) = (0, 0);
    }

    /// Books the usage of an hour, or of the part `length` of one.
    pub fn close_hour(&mut self, length: SimDuration, ledger: &mut Ledger) {
        let (reads, writes) = (std::mem::take(&mut self.hour_reads), std::mem::take(&mut self.hour_writes));
        self.operations += reads + writes;
        let halves = reads.saturating_mul(self.halves_a_read).saturating_add(self.half);
        self.half = halves % 2;
        ledger.book(self.read_units, halves / 2);
        ledger.book(self.write_units, writes.saturating_mul(self.units_a_write));
        if let Some(meter) = self.stored {
            self.stored_rest += u128::from(self.storage) * u128::from(length.0 / NANOS_PER_MILLI);
            ledger.book(meter, u64::try_from(self.stored_rest >> 30).unwrap_or(u64::MAX));
            self.stored_rest &= (1 << 30) - 1;
        }
    }

    /// The results over a horizon of this length.
    pub fn finish(self, horizon: SimDuration) -> ComponentOutput {
        ComponentOutput {
            served: self.operations,
            time_in_system: (SimDuration(u64::try_from(self.time).unwrap_or(u64::MAX)), self.operations),
            mean_in_system: self.time as f64 / horizon.0.max(1) as f64,
            ..ComponentOutput::default()
        }
    }
}
