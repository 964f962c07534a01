//! The configurations that are measured: `simulate` takes their time, `instructions` counts their instructions.
#![allow(dead_code, reason = "each bench uses its own part")]

#[path = "../../tests/common/mod.rs"]
mod common;

use common::*;
use costsim::arch::output::RunOutput;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::traffic::{Batch, Source, Variant};
use costsim::units::*;

/// Traffic and the architecture that it meets.
pub struct Case {
    pub scenario: Scenario,
    pub architecture: Architecture,
}

impl Case {
    /// From drawn traffic to totals.
    pub fn run(&self) -> RunOutput {
        run(&self.scenario, &self.architecture)
    }

    /// Draws the traffic alone and tells how many requests it has.
    pub fn draw(&self) -> u64 {
        let mut source = Source::new(&self.scenario, 0, &Variant::default()).expect("traffic");
        let mut batch = Batch::new();
        let mut requests = 0;
        loop {
            source.fill(&mut batch).expect("a batch");
            match batch.len {
                0 => return requests,
                len => requests += len as u64,
            }
        }
    }
}

/// Client requests of a run.
pub fn arrived(output: &RunOutput) -> u64 {
    output.classes.iter().map(|class| class.arrived).sum()
}

/// One class, exponential 2 s, 600 s idle time-out, no limits, no client, no warm-up.
pub fn entry_function(rate: f64, requests: f64) -> Case {
    let function = Function { init: vec![constant(0.25)], ..function() };
    Case {
        scenario: scenario(rate, requests / rate, exponential(2.0)),
        architecture: alone(ComponentKind::Lambda(function)),
    }
}

/// Two classes with drawn `cpu` and `wait`, account and reserved limits, an objective with windows, behind an HTTP API.
pub fn full_report(rate: f64, requests: f64) -> Case {
    let mut scenario = scenario(rate, requests / rate, constant(0.0));
    scenario.classes[0].work = Work::Phases { cpu: lognormal(0.010, 0.7), wait: lognormal(0.020, 0.9) };
    scenario.classes[0].share = 0.9;
    let second = RequestClass {
        name: "checkout".into(),
        share: 0.1,
        work: Work::Phases { cpu: lognormal(0.040, 0.7), wait: lognormal(0.080, 0.9) },
        ..scenario.classes[0].clone()
    };
    scenario.classes.push(second);
    scenario.account.concurrency = Limit::At(1_000);
    scenario.account.scaling = Limit::At(1_000);
    scenario.account.request_rate = Limit::At(10_000);
    scenario.account.api_request_rate = Limit::At(10_000);
    scenario.account.api_burst = Limit::At(5_000);
    scenario.objectives.latency.push(windowed_objective());
    let function = Function { reserved_concurrency: Some(500), memory: MegaBytes(512), ..function() };
    let mut architecture = behind_api(ComponentKind::Lambda(function));
    if let ComponentKind::HttpApi(api) = &mut architecture.components[0].kind {
        api.to = Route(vec![ComponentId(1); 2]);
    }
    Case { scenario, architecture }
}

/// HTTP API, function and table: 20 ms of its own, log-normal, a read and a write of an item of 2 KB; no limits.
pub fn api_function_table(rate: f64, requests: f64) -> Case {
    let table = Table {
        item: Bytes(2 << 10),
        read_latency: lognormal(0.005, 0.6),
        write_latency: lognormal(0.008, 0.6),
        reads: Consistency::Eventual,
        transactional_writes: false,
        storage: Bytes(0),
    };
    let call = Outbound { to: ComponentId(2), what: OutboundKind::Table { reads: 1, writes: 1 }, classes: vec![true] };
    let function = Function { init: vec![constant(0.25)], calls: vec![call], ..function() };
    let mut architecture = behind_api(ComponentKind::Lambda(function));
    architecture.components.push(Component { name: "orders".into(), kind: ComponentKind::Table(table) });
    Case { scenario: scenario(rate, requests / rate, lognormal(0.020, 0.9)), architecture }
}

/// Processor sharing at 40 % CPU: 30 ms, of which 12 ms CPU, on instances of two vCPUs.
pub fn balanced_fleet(algorithm: Balancing, instances: u32, requests: f64) -> Case {
    let rate = 67.0 * f64::from(instances);
    let mut scenario = scenario(rate, requests / rate, constant(0.0));
    scenario.classes[0].work =
        Work::Duration { total: exponential(0.03), cpu_factor: 0.4, wait_factor: 0.6, split: true };
    let fleet = Fleet { concurrency: Limit::At(64), queue: Limit::At(128), ..fleet(instances, 2) };
    Case { scenario, architecture: behind_balancer(ComponentKind::Fleet(fleet), algorithm) }
}
