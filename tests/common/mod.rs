//! Scenarios and architectures built in code, for tests of the engine and the service models.
#![allow(dead_code, reason = "each test binary uses its own part")]

use costsim::arch::output::RunOutput;
use costsim::arch::{Control, FleetRunning, How, simulate_with};
use costsim::bill::book::Price;
use costsim::bill::{Bill, BillInput, bill, price_list};
use costsim::catalog;
use costsim::spec::billing::Billing;
use costsim::spec::deployment::{Deployment, DeploymentKind, TrafficShift};
use costsim::spec::distribution::Distribution;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::traffic::{Source, Variant};
use costsim::units::*;
use costsim::usage::Usage;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder with data that is not part of the project, if it is there.
pub fn shared() -> Option<PathBuf> {
    let place = std::env::var_os("COSTSIM_SHARED").map(PathBuf::from);
    let place = place.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    place.is_dir().then_some(place)
}

pub fn secs(value: f64) -> SimDuration {
    SimDuration::from_secs_f64(value)
}

pub fn constant(seconds: f64) -> Distribution {
    Distribution::Constant(secs(seconds))
}

pub fn exponential(mean: f64) -> Distribution {
    Distribution::Exponential { mean: secs(mean) }
}

/// Log-normal with this mean and sigma of the logarithm.
pub fn lognormal(mean: f64, sigma: f64) -> Distribution {
    Distribution::LogNormal { mu: mean.ln() - sigma * sigma / 2.0, sigma }
}

/// One class that waits (never computes) for `total`, at a constant rate, with no limits, no client and no warm-up.
pub fn scenario(rate: f64, horizon: f64, total: Distribution) -> Scenario {
    let work = Work::Duration { total, cpu_factor: 0.0, wait_factor: 1.0, split: false };
    let class = RequestClass {
        request_size: Bytes(1024),
        response_size: Bytes(2048),
        log_size: Bytes(100),
        ..RequestClass::new("request", work)
    };
    Scenario { seed: 7, ..Scenario::bare(Shape::Constant(PerSecond(rate)), secs(horizon), vec![class]) }
}

/// The same with CPU only.
pub fn cpu_scenario(rate: f64, horizon: f64, cpu: Distribution) -> Scenario {
    let mut scenario = scenario(rate, horizon, constant(0.0));
    scenario.classes[0].work = Work::Phases { cpu, wait: Distribution::ZERO };
    scenario
}

pub fn function() -> Function {
    Function {
        memory: MegaBytes(1769),
        arch: Arch::X86,
        runtime: "test".into(),
        allocation: Distribution::ZERO,
        init: Vec::new(),
        first_call: SimDuration::ZERO,
        timeout: SimDuration::from_secs(900),
        idle_timeout: SimDuration::from_secs(600),
        max_age: None,
        reserved_concurrency: None,
        speed: 1.0,
        platform_log: Bytes(0),
        provisioned: None,
        error_rate: 0.0,
        snapstart: None,
        ephemeral: MegaBytes(512),
        streaming: false,
        calls: Vec::new(),
        asynchronous: None,
        lifecycle: Default::default(),
        edge: false,
        durable: None,
    }
}

pub fn fleet(instances: u32, vcpu: u32) -> Fleet {
    let instance = InstanceType { name: "m7i.large".into(), vcpu, memory_mib: 8192, arch: Arch::X86 };
    Fleet::fixed(instance, instances)
}

/// A new version of the function `worker`, once a week at this second.
pub fn worker_deployed(at: f64, shift: TrafficShift) -> Deployment {
    Deployment {
        at: secs(at),
        lasts: shift.lasts(),
        per: Frequency::Week,
        component: "worker".into(),
        name: "as a test".into(),
        kind: DeploymentKind::Lambda(shift),
    }
}

/// Target tracking at 50 % CPU with the alarms of the console.
pub fn tracking() -> ScalingPolicy {
    ScalingPolicy::TargetTracking(TargetTracking {
        metric: TrackedMetric::Cpu,
        target: 0.5,
        out_periods: 3,
        in_periods: 15,
        in_bound: 0.7,
        disable_scale_in: false,
    })
}

/// p99 within 500 ms in 99.9 % of windows of five minutes.
pub fn windowed_objective() -> LatencyObjective {
    LatencyObjective {
        name: "p99".into(),
        quantile: 0.99,
        limit: SimDuration::from_millis(500),
        window: Some(SimDuration::from_mins(5)),
        met: 0.999,
    }
}

pub fn alone(kind: ComponentKind) -> Architecture {
    Architecture {
        name: "alone".into(),
        description: None,
        entry: ComponentId(0),
        components: vec![Component { name: "only".into(), kind }],
        tags: Default::default(),
        subnets: Subnets::Public,
        operations: None,
        findings: Vec::new(),
    }
}

pub fn behind_balancer(kind: ComponentKind, algorithm: Balancing) -> Architecture {
    let balancer = LoadBalancer {
        to: Route(vec![ComponentId(1)]),
        algorithm,
        zones: 2,
        idle_timeout: SimDuration::from_hours(24),
        latency: Distribution::ZERO,
        rules: 1,
        slow_start: SimDuration::ZERO,
        network: None,
    };
    Architecture {
        components: vec![
            Component { name: "lb".into(), kind: ComponentKind::LoadBalancer(balancer) },
            Component { name: "target".into(), kind },
        ],
        ..alone(ComponentKind::Lambda(function()))
    }
}

pub fn behind_api(kind: ComponentKind) -> Architecture {
    let api = HttpApi {
        to: Route(vec![ComponentId(1)]),
        latency: Distribution::ZERO,
        timeout: SimDuration::from_secs(30),
        rest: false,
    };
    Architecture {
        components: vec![
            Component { name: "api".into(), kind: ComponentKind::HttpApi(api) },
            Component { name: "target".into(), kind },
        ],
        ..alone(ComponentKind::Lambda(function()))
    }
}

pub fn run(scenario: &Scenario, architecture: &Architecture) -> RunOutput {
    run_with(scenario, architecture, FleetRunning::Automatic)
}

pub fn run_with(scenario: &Scenario, architecture: &Architecture, running: FleetRunning) -> RunOutput {
    let source = Source::new(scenario, 0, &Variant::default()).expect("traffic");
    simulate_with(scenario, architecture, 0, source, &Control::default(), How { fleets: running, ..How::default() })
        .expect("a result")
}

/// Share of arrived requests that ended so.
pub fn share(output: &RunOutput, outcome: costsim::arch::output::Outcome) -> f64 {
    output.classes[0].ended[outcome as usize] as f64 / output.classes[0].arrived as f64
}

pub fn assert_close(what: &str, got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected.abs(),
        "{what}: {got} instead of {expected} (more than {} % off)",
        relative * 100.0
    );
}

/// A row of a CSV file by column name.
pub type Row = BTreeMap<String, String>;

/// Rows of a CSV file by column name.
pub fn rows(path: &Path) -> Vec<Row> {
    let file = std::fs::File::open(path).expect("a readable file");
    let reader: Box<dyn std::io::Read> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    let mut reader = csv::Reader::from_reader(reader);
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// A number of a row.
pub fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is {:?}", row[column]))
}

/// A file of single requests, (arrival, duration) in seconds, to be replayed.
pub fn replayed(requests: &[(f64, f64)]) -> (tempfile::NamedTempFile, Shape) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut text = String::from("arrival,duration\n");
    for (at, duration) in requests {
        text += &format!("{at:.6},{:.6}\n", duration * 1e3);
    }
    file.write_all(text.as_bytes()).expect("written");
    let shape = Shape::ReplayRequests(ReplayFile {
        path: file.path().to_owned(),
        shown: "requests.csv".into(),
        rows: requests.len() as u64,
        covers: secs(requests.last().map_or(0.0, |last| last.0)),
        ..ReplayFile::default()
    });
    (file, shape)
}

/// What a simulation's usage of these keys costs in us-east-1: `month` is both the horizon and the month.
pub fn priced(output: &RunOutput, wanted: &[&str], month: SimDuration, free_tier: &FreeTier) -> Bill {
    priced_for(output, wanted, month, month, free_tier)
}

/// The same for a month of which `horizon` was simulated.
pub fn priced_for(
    output: &RunOutput,
    wanted: &[&str],
    horizon: SimDuration,
    month: SimDuration,
    free_tier: &FreeTier,
) -> Bill {
    priced_with(output, wanted, horizon, month, free_tier, &[])
}

/// A price changed into another one.
pub type Stated<'a> = (&'a str, &'a dyn Fn(&Price) -> Price);

/// The same with other prices for some keys.
pub fn priced_with(
    output: &RunOutput,
    wanted: &[&str],
    horizon: SimDuration,
    month: SimDuration,
    free_tier: &FreeTier,
    stated: &[Stated<'_>],
) -> Bill {
    let meters = output.usage.meters.iter().filter(|meter| wanted.contains(&meter.sku.as_str())).cloned();
    let usage = Usage { meters: meters.collect() };
    let lists = catalog::price_lists("us-east-1", None).expect("embedded lists are readable");
    let book = price_list::book("us-east-1", &lists).expect("the shipped price lists are sound");
    let stated: Vec<Price> = stated.iter().map(|(key, other)| other(book.price(key).expect(key))).collect();
    bill(&BillInput {
        full: &[&usage],
        without: &[],
        horizon,
        month,
        book: &book,
        stated: &stated,
        billing: &Billing::default(),
        free_tier,
        half_width: &|_| None,
    })
    .expect("a bill")
}
