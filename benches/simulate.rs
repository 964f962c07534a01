//! Simulated requests a second on one core, for the configurations named in `docs/performance.md`.
//!
//! `cargo bench --bench simulate`. Each measurement simulates about a million requests from traffic to totals; the throughput that
//! criterion prints is client requests a second. The events of a request are printed above it: one is its arrival.
#![allow(clippy::print_stdout)]

mod cases;

use cases::{Case, api_function_table, arrived, balanced_fleet, entry_function, full_report};
use costsim::spec::model::Balancing;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const REQUESTS: f64 = 1e6;

fn bench(criterion: &mut Criterion, group: &str, cases: Vec<(String, Case)>) {
    let mut bench = criterion.benchmark_group(group);
    bench.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (name, case) in cases {
        let output = case.run();
        let requests = arrived(&output);
        println!("{group}/{name}: {:.2} events a request", output.events as f64 / requests as f64);
        bench.throughput(Throughput::Elements(requests));
        bench.bench_function(BenchmarkId::from_parameter(name), |bencher| bencher.iter(|| case.run()));
    }
    bench.finish();
}

fn lambda(criterion: &mut Criterion) {
    let cases =
        [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0].map(|rate| (format!("{rate}/s"), entry_function(rate, REQUESTS)));
    bench(criterion, "lambda", cases.into());
}

fn full_reports(criterion: &mut Criterion) {
    let cases = [100.0, 1_000.0].map(|rate| (format!("{rate}/s"), full_report(rate, REQUESTS)));
    bench(criterion, "full_report", cases.into());
}

fn tables(criterion: &mut Criterion) {
    let cases = [100.0, 1_000.0].map(|rate| (format!("{rate}/s"), api_function_table(rate, REQUESTS)));
    bench(criterion, "api_function_table", cases.into());
}

fn fleets(criterion: &mut Criterion) {
    let algorithms = [
        ("round_robin", Balancing::RoundRobin),
        ("random", Balancing::Random),
        ("least_outstanding", Balancing::LeastOutstanding),
    ];
    let mut cases = Vec::new();
    for instances in [10, 100] {
        for (name, algorithm) in algorithms {
            cases.push((format!("{name}/{instances}"), balanced_fleet(algorithm, instances, REQUESTS)));
        }
    }
    bench(criterion, "fleet", cases);
}

criterion_group!(benches, lambda, full_reports, tables, fleets);
criterion_main!(benches);
