//! What slower and faster instances cost and do, where it can be computed by hand.

use costsim::bill::price_list;
use costsim::catalog;
use costsim::run::{Progress, RunOptions};
use costsim::spec::{self, LoadOptions};
use costsim::{compare, run, sensitivity};

const TEXT: &str = "
horizon: 1h
warmup: 0s
seed: 3
replications: 2
traffic: { constant: 1/s, spread: even }
requests: [ { name: browse, share: 1, cpu: 210ms, wait: 0ms } ]
architectures:
  - name: server
    entry: web
    components: { web: { fleet: { instance_type: m7i.large, min: 1, max: 1, concurrency: 8, queue: 8 } } }
  - name: function
    entry: shop
    components: { shop: { lambda: { memory: 1769 MB, runtime: nodejs22, dependencies: 1ms } } }
";

/// By hand: a request each second has a processor for itself. 210 ms of the reference vCPU take 210 / 0.7 = 300 ms, 210 ms and 210 / 1.3 = 161.5 ms. The server is
/// paid by the hour: the bill does not change. A function has no instances.
#[test]
fn a_server_that_is_slower_or_faster() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.yaml");
    std::fs::write(&path, TEXT).expect("written");
    let inputs = vec![path.display().to_string()];
    let scenario = spec::load(&LoadOptions { inputs, ..LoadOptions::default() }).expect("a scenario").scenario;
    let lists = catalog::price_lists(&scenario.region, None).expect("embedded lists are readable");
    let book = price_list::book(&scenario.region, &lists).expect("the shipped price lists are sound");
    let progress = Progress::new();
    let options = RunOptions { threads: 1, ..RunOptions::default() };
    let runs = run::run(&scenario, &options, &progress, |job, progress| run::simulate(&scenario, job, progress));
    let mut results = compare::results(&scenario, &runs.expect("runs"), &book).expect("results");
    let before = results.clone();
    sensitivity::add(&mut results, &scenario, 1, &book, &progress, run::simulate).expect("a sensitivity");
    let server = &results.architectures[0];
    assert_eq!(server.at_speed.iter().map(|at| at.speed).collect::<Vec<_>>(), [0.7, 1.0, 1.3]);
    for (at, expected) in server.at_speed.iter().zip([300.0, 210.0, 161.54]) {
        // Percentiles are read off bins of 0.8 %.
        let p99 = at.p99_ms.expect("served");
        assert!((p99 - expected).abs() < 0.005 * expected, "{p99} instead of {expected}");
        assert_eq!(at.total.as_ref(), server.monthly_cost.each.first(), "a server is paid by the hour");
        assert!(at.failures.abs() < 1e-12);
    }
    assert!(results.architectures[1].at_speed.is_empty(), "a function has no instances");
    // Nothing else moves. As it is written, where what is not known (nobody waited) is `null`, which equals itself.
    results.architectures[0].at_speed.clear();
    let written = |results| serde_json::to_string(results).expect("results are written");
    assert_eq!(written(&results), written(&before));
}
