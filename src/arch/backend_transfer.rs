//! Traffic between the machines and the shared backend (a database, a cache) where it crosses zones: paid where it leaves and where it arrives
//! (AWS.md 8: "instances talking to databases and caches in another zone pay both ways").
//!
//! The backend stands in one zone, the machines are spread evenly over theirs, so (zones - 1) / zones of the bytes cross. Counted by the hour for each
//! request that arrives, further attempts not included: nothing is done for it when a request passes.

use super::ledger::{Ledger, MeterId};
use crate::spec::model::{Architecture, ComponentKind, Subnets};
use crate::spec::scenario::Scenario;
use crate::usage::RawUnit;

/// Zones that functions are spread over unless their subnets say so.
const FUNCTION_ZONES: u32 = 2;

/// The meter, and what a request adds to it.
pub struct BackendTransfer {
    meter: MeterId,
    /// Bytes that cross for each request, times two sides.
    each: f64,
    /// Requests up to the last look.
    counted: u64,
}

impl BackendTransfer {
    /// `None` where the scenario states no transfer. `first` requests have arrived.
    pub fn new(scenario: &Scenario, architecture: &Architecture, first: u64, ledger: &mut Ledger) -> Option<Self> {
        let bytes = scenario.backend.as_ref()?.transfer.0;
        let zones = f64::from(zones(architecture));
        let each = 2.0 * bytes as f64 * (zones - 1.0) / zones;
        (each > 0.0).then(|| Self {
            meter: ledger.open("backend", "dto.cross_az", RawUnit::Bytes),
            each,
            counted: first,
        })
    }

    /// Forgets what was before the horizon.
    pub fn restart(&mut self, arrived: u64) {
        self.counted = arrived;
    }

    /// Books an hour at the end of which so many requests have arrived.
    pub fn close_hour(&mut self, arrived: u64, ledger: &mut Ledger) {
        let requests = arrived - std::mem::replace(&mut self.counted, arrived);
        ledger.book(self.meter, (requests as f64 * self.each + 0.5) as u64);
    }
}

/// Zones that the machines of an architecture stand in.
fn zones(architecture: &Architecture) -> u32 {
    let of_fleets = architecture.components.iter().filter_map(|component| match &component.kind {
        ComponentKind::Fleet(fleet) => Some(fleet.zones),
        _ => None,
    });
    let of_subnets = match architecture.subnets {
        Subnets::Private { zones } => zones,
        Subnets::Public => FUNCTION_ZONES,
    };
    of_fleets.max().unwrap_or(of_subnets).max(1)
}
