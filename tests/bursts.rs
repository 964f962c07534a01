//! What a burst costs is simulated around it alone; the answer must be that of simulating the whole horizon without it.

mod common;

use common::*;
use costsim::run::{Counted, Progress, RunOptions, run, simulate};
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::traffic::{Source, Variant};
use costsim::units::*;

#[test]
fn a_window_around_a_burst_gives_the_difference_of_whole_runs() {
    let mut scenario = scenario(2.0, 4.0 * 86_400.0, constant(0.0));
    scenario.classes[0].work = Work::Phases { cpu: exponential(0.1), wait: exponential(0.2) };
    scenario.warmup = SimDuration::from_hours(1);
    scenario.replications = 2;
    scenario.traffic.bursts = vec![Burst {
        at: SimDuration::from_mins(40 * 60 + 17),
        lasts: SimDuration::from_mins(50),
        times: 8.0,
        per: Frequency::Month,
    }];
    let fleet = Fleet {
        min: 1,
        max: 9,
        concurrency: Limit::At(32),
        queue: Limit::At(64),
        scaling: vec![tracking()],
        boot: vec![constant(60.0)],
        ..fleet(1, 1)
    };
    let function = Function { init: vec![constant(0.5)], ..function() };
    scenario.architectures = vec![
        behind_api(ComponentKind::Lambda(function)),
        behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin),
    ];
    let options = RunOptions { threads: 1, ..RunOptions::default() };
    let runs =
        run(&scenario, &options, &Progress::new(), |job, progress| simulate(&scenario, job, progress)).expect("runs");
    for (architecture, runs) in scenario.architectures.iter().zip(&runs) {
        let (_, without) = &runs.without[0];
        for (replication, windowed) in without.iter().enumerate() {
            let variant = Variant { without: Some(Frequency::Month), ..Variant::default() };
            let source = Source::new(&scenario, replication as u32, &variant).expect("traffic");
            let control = costsim::arch::Control::default();
            let whole =
                costsim::arch::simulate(&scenario, architecture, replication as u32, source, &control).expect("a run");
            let whole = Counted::of(&whole);
            assert_eq!(windowed.arrived, whole.arrived, "the same requests are missing");
            let full = Counted::of(&runs.full[replication]);
            for ((got, expected), full) in windowed.usage.meters.iter().zip(&whole.usage.meters).zip(&full.usage.meters)
            {
                let cost_of_the_burst = full.total.abs_diff(expected.total) as f64;
                let off = got.total.abs_diff(expected.total) as f64;
                // Only the state before and after can differ: under 2 % of what the burst adds, and a hair of the whole.
                assert!(
                    off <= 0.02 * cost_of_the_burst + 2e-5 * expected.total as f64,
                    "{}: {} instead of {} (with the burst {})",
                    got.sku,
                    got.total,
                    expected.total,
                    full.total
                );
            }
        }
    }
}
