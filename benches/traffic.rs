//! What a request costs before anything serves it: draws, arrival streams, and reading a replayed file.
//!
//! `cargo bench --bench traffic`; the times are for one element (a draw, a request, a row).
#![allow(missing_docs, clippy::unwrap_used)]

use costsim::sim::random::Key;
use costsim::sim::sampler::Sampler;
use costsim::spec::distribution::Distribution;
use costsim::spec::scenario::{Burst, Columns, Diurnal, Frequency, RequestClass, Scenario, Shape, Work};
use costsim::traffic::csv_file::scan_rate;
use costsim::traffic::{Batch, Source, Variant};
use costsim::units::{PerSecond, SimDuration};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::Write;

fn class(share: f64, work: Work) -> RequestClass {
    RequestClass { share, ..RequestClass::new(share.to_string(), work) }
}

fn scenario(shape: Shape, classes: Vec<RequestClass>, bursts: Vec<Burst>) -> Scenario {
    let mut scenario = Scenario::bare(shape, SimDuration::from_hours(24 * 3_650), classes);
    scenario.traffic.bursts = bursts;
    scenario
}

fn draws(c: &mut Criterion) {
    let mut group = c.benchmark_group("draw");
    group.throughput(Throughput::Elements(1));
    let ms = SimDuration::from_millis;
    let percentiles = vec![(0.0, ms(1)), (50.0, ms(10)), (90.0, ms(20)), (99.0, ms(100)), (100.0, ms(900))];
    for (name, distribution) in [
        ("log-normal", Distribution::LogNormal { mu: -4.8, sigma: 0.7 }),
        ("percentiles", Distribution::Percentiles(percentiles)),
        ("constant", Distribution::Constant(ms(5))),
    ] {
        let sampler = Sampler::compile(&distribution);
        let mut stream = Key::new(1, 0).stream();
        group.bench_function(name, |b| b.iter(|| sampler.sample(stream.next_u64())));
    }
    let mut stream = Key::new(1, 0).stream();
    group.bench_function("random bits alone", |b| b.iter(|| stream.next_u64()));
    let (key, mut n) = (Key::new(1, 0), 0);
    group.bench_function("keyed", |b| {
        b.iter(|| {
            n += 1;
            key.draw(n, 0)
        })
    });
    group.finish();
}

fn arrivals(c: &mut Criterion) {
    let exponential = || Distribution::Exponential { mean: SimDuration::from_secs(2) };
    let constant = || Distribution::Constant(SimDuration::from_millis(5));
    let one = || vec![class(1.0, Work::Phases { cpu: constant(), wait: exponential() })];
    let three = || {
        let both = || Work::Phases { cpu: exponential(), wait: exponential() };
        vec![class(0.7, both()), class(0.2, both()), class(0.1, both())]
    };
    let rate = |rate| Shape::Constant(PerSecond(rate));
    let wave = Shape::Diurnal(Diurnal {
        mean: PerSecond(40.0),
        peak: PerSecond(160.0),
        peak_at: SimDuration::from_hours(20),
        weekend: 0.7,
        kappa: 2.5,
    });
    let burst =
        Burst { at: SimDuration::ZERO, lasts: SimDuration::from_hours(24 * 3_650), times: 3.0, per: Frequency::Once };
    let mut group = c.benchmark_group("arrivals");
    for (name, scenario) in [
        ("one class, one draw, 1000/s", scenario(rate(1_000.0), one(), vec![])),
        ("one class, one draw, 10/s", scenario(rate(10.0), one(), vec![])),
        ("three classes, two draws", scenario(rate(1_000.0), three(), vec![])),
        ("wave of 40/s", scenario(wave, one(), vec![])),
        ("two streams merged", scenario(rate(1_000.0), one(), vec![burst])),
    ] {
        let mut source = Source::new(&scenario, 0, &Variant::default()).unwrap();
        let mut batch = Batch::new();
        group.throughput(Throughput::Elements(Batch::SIZE as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                source.fill(&mut batch).unwrap();
                assert_eq!(black_box(&batch).len, Batch::SIZE);
            })
        });
    }
    group.finish();
}

fn files(c: &mut Criterion) {
    const ROWS: u64 = 200_000;
    let text: String = "timestamp,count\n".to_owned()
        + &(0..ROWS)
            .map(|n| {
                format!(
                    "2026-03-{:02} {:02}:{:02}:{:02},{}\n",
                    2 + n / 86_400,
                    n / 3_600 % 24,
                    n / 60 % 60,
                    n % 60,
                    n % 97
                )
            })
            .collect::<String>();
    let mut plain = tempfile::NamedTempFile::new().unwrap();
    plain.write_all(text.as_bytes()).unwrap();
    let mut gzip = tempfile::NamedTempFile::new().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(&mut gzip, flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let mut group = c.benchmark_group("rate file");
    group.throughput(Throughput::Elements(ROWS));
    group.sample_size(20);
    for (name, file) in [("plain", &plain), ("gzip", &gzip)] {
        group.bench_function(name, |b| b.iter(|| scan_rate(file.path(), "bench.csv", &Columns::default()).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, draws, arrivals, files);
criterion_main!(benches);
