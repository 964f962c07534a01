//! Simulated requests a second on one core, for the configurations named in `docs/performance.md`.
//!
//! `cargo bench --bench simulate`. Each measurement simulates about a million requests from traffic to totals; the throughput that
//! criterion prints is client requests a second.

#[path = "../tests/common/mod.rs"]
mod common;

use common::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const REQUESTS: f64 = 1e6;

fn bench(criterion: &mut Criterion, group: &str, cases: Vec<(String, Scenario, Architecture)>) {
    let mut group = criterion.benchmark_group(group);
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (name, scenario, architecture) in cases {
        let requests = run(&scenario, &architecture).classes.iter().map(|class| class.arrived).sum();
        group.throughput(Throughput::Elements(requests));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| run(&scenario, &architecture))
        });
    }
    group.finish();
}

/// One class, exponential 2 s, 600 s idle time-out, no limits, no client, no warm-up.
fn lambda(criterion: &mut Criterion) {
    let cases = [10.0, 100.0, 1_000.0, 10_000.0].map(|rate| {
        let function = Function { init: vec![constant(0.25)], ..function() };
        (format!("{rate}/s"), scenario(rate, REQUESTS / rate, exponential(2.0)), alone(ComponentKind::Lambda(function)))
    });
    bench(criterion, "lambda", cases.into());
}

/// Two classes with drawn `cpu` and `wait`, account and reserved limits, an objective with windows, behind an HTTP API.
fn full_report(criterion: &mut Criterion) {
    let cases = [100.0, 1_000.0].map(|rate| {
        let mut scenario = scenario(rate, REQUESTS / rate, constant(0.0));
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
        scenario.objectives.latency.push(LatencyObjective {
            name: "p99".into(),
            quantile: 0.99,
            limit: SimDuration::from_millis(500),
            window: Some(SimDuration::from_mins(5)),
            met: 0.999,
        });
        let function = Function { reserved_concurrency: Some(500), memory: MegaBytes(512), ..function() };
        let mut architecture = behind_api(ComponentKind::Lambda(function));
        if let ComponentKind::HttpApi(api) = &mut architecture.components[0].kind {
            api.to = Route(vec![ComponentId(1); 2]);
        }
        (format!("{rate}/s"), scenario, architecture)
    });
    bench(criterion, "full_report", cases.into());
}

/// Processor sharing at 40 % CPU: 30 ms, of which 12 ms CPU, on instances of two vCPUs.
fn fleets(criterion: &mut Criterion) {
    let algorithms = [
        ("round_robin", Balancing::RoundRobin),
        ("random", Balancing::Random),
        ("least_outstanding", Balancing::LeastOutstanding),
    ];
    let mut cases = Vec::new();
    for instances in [10, 100] {
        for (name, algorithm) in algorithms {
            let rate = 67.0 * f64::from(instances);
            let mut scenario = scenario(rate, REQUESTS / rate, constant(0.0));
            scenario.classes[0].work =
                Work::Duration { total: exponential(0.03), cpu_factor: 0.4, wait_factor: 0.6, split: true };
            let fleet = Fleet { concurrency: Limit::At(64), queue: Limit::At(128), ..fleet(instances, 2) };
            cases.push((
                format!("{name}/{instances}"),
                scenario,
                behind_balancer(ComponentKind::Fleet(fleet), algorithm),
            ));
        }
    }
    bench(criterion, "fleet", cases);
}

criterion_group!(benches, lambda, full_report, fleets);
criterion_main!(benches);
