//! How often a check of an unchanged tree fails by noise: with other seeds on both sides, since with the same seed it never does.
//!
//! 200 pairs of seeds take a minute or two: with `COSTSIM_SLOW=1`; otherwise a tenth of them run, which finds gross mistakes only.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use costsim::bill::{PriceBook, price_list};
use costsim::gate::looks::{Look, plan};
use costsim::gate::rules::{Gate, Level};
use costsim::gate::{Case, Snapshot, judge};
use costsim::run::{ArchitectureRuns, Job, Progress, RunOptions, run, simulate};
use costsim::spec::scenario::Scenario;
use costsim::spec::{self, LoadOptions};

const SCENARIO: &str = "name: small
horizon: 10m
warmup: 0s
traffic: { constant: 4/s }
requests: [ { name: browse, share: 0.8, cpu: { exponential: { mean: 20ms } }, wait: { exponential: { mean: 20ms } } }, { name: pay, share: 0.2, cpu: { exponential: { mean: 60ms } } } ]
objectives: { p99: { limit: 250ms, window: 1m, met: 90% }, failures: 0.1% }
architectures: [ lambda-http-api, ec2-asg-alb ]
";

/// Any increase and any decrease of anything fails: the harshest gate there is.
const HARSH: &str = "gate:
  - { name: bill, metric: monthly_cost.*, change: \"<= 0% or <= 0 USD\" }
  - { name: bill-falls, metric: monthly_cost.*, change: \">= 0% or >= 0 USD\" }
  - { name: latency, metric: latency_ms.*, change: \"<= 0% or <= 0 ms\" }
  - { name: latency-falls, metric: latency_ms.*, change: \">= 0% or >= 0 ms\" }
  - { name: class, metric: classes.*.latency_ms.p99, change: \"<= 0% or <= 0 ms\" }
  - { name: failures, metric: failures.*, change: \"<= 0% or <= 0 pp\" }
  - { name: cold, metric: cold_starts, change: \"<= 0% or <= 0 pp\" }
  - { name: peak, metric: capacity.peak, change: \"<= 0% or <= 0\" }
  - { name: missed, metric: objectives.*, change: \"<= 0% or <= 0\" }
";

/// One side, which simulates as far as it is asked for.
struct Side {
    scenario: Scenario,
    runs: Vec<ArchitectureRuns>,
}

impl Side {
    fn at(&mut self, replications: u32, book: &PriceBook) -> Snapshot {
        let there = self.runs.first().map_or(0, |runs| runs.full.len() as u32);
        if there < replications {
            self.scenario.replications = replications - there;
            let one = |job: &Job, progress: &Progress| {
                simulate(&self.scenario, &Job { replication: job.replication + there, ..*job }, progress)
            };
            let options = RunOptions { threads: 0, ..RunOptions::default() };
            let more = run(&self.scenario, &options, &Progress::new(), one).unwrap();
            if self.runs.is_empty() {
                self.runs = more;
            } else {
                self.runs.iter_mut().zip(more).for_each(|(runs, more)| runs.full.extend(more.full));
            }
            self.scenario.replications = replications;
        }
        Snapshot::of(&costsim::compare::results(&self.scenario, &self.runs, book).unwrap())
    }
}

/// Whether the check fails.
fn alarms(gate: &Gate, looks: &[Look], old: &mut Side, new: &mut Side, book: &PriceBook) -> bool {
    let mut before = None;
    for look in looks {
        let (old, new) = (old.at(look.replications, book), new.at(look.replications, book));
        let case = Case {
            gate,
            old: Some(&old),
            old_name: None,
            new: &new,
            movements: &[],
            date: None,
            denied: &[],
            look: *look,
            most_of_baseline: false,
        };
        let outcome = judge(&case, before.as_ref());
        if look.is_last || !outcome.is_undecided() || !outcome.passed {
            return !outcome.passed;
        }
        before = Some(outcome);
    }
    false
}

#[test]
fn noise_fails_the_built_in_gate_in_at_most_five_per_cent() {
    let slow = std::env::var_os("COSTSIM_SLOW").is_some();
    let (pairs, looks) = if slow { (200, plan(40)) } else { (20, plan(10)) };
    let dir = tempfile::tempdir().unwrap();
    let (file, gate) = (dir.path().join("small.yaml"), dir.path().join("gate.yaml"));
    std::fs::write(&file, SCENARIO).unwrap();
    std::fs::write(&gate, HARSH).unwrap();
    let (harsh, _) = spec::load_gate(&gate).unwrap();
    let usual = spec::default_gate();
    // What the error would be if each rule had all of it: one gate a rule.
    let single: Vec<Gate> =
        harsh.rules.iter().map(|rule| Gate { rules: vec![rule.clone()], accepted: Vec::new() }).collect();
    let side = |seed: u64| {
        let options =
            LoadOptions { inputs: vec![file.display().to_string()], seed: Some(seed), ..LoadOptions::default() };
        Side { scenario: spec::load(&options).unwrap().scenario, runs: Vec::new() }
    };
    let lists = costsim::catalog::price_lists("us-east-1", None).unwrap();
    let book = price_list::book("us-east-1", &lists).unwrap();
    let (mut by_harsh, mut by_usual, mut by_single) = (0, 0, 0);
    for pair in 0..pairs {
        let (mut old, mut new) = (side(2 * pair), side(2 * pair + 1));
        by_harsh += u32::from(alarms(&harsh, &looks, &mut old, &mut new, &book));
        by_usual += u32::from(alarms(&usual, &looks, &mut old, &mut new, &book));
        by_single += u32::from(single.iter().any(|gate| alarms(gate, &looks, &mut old, &mut new, &book)));
    }
    assert!(harsh.rules.iter().all(|rule| rule.level == Level::Deny));
    println!(
        "false alarms in {pairs} checks: {by_usual} by the built-in gate, {by_harsh} by the harshest, {by_single} if its rules did not share the error"
    );
    // 5 % of 200 is 10; a rate of exactly 5 % would be above 16 in 2 % of all cases.
    // That is asked of the gate that users get. The harshest, whose rules have no floor, has more (`docs/check.md` says how many).
    assert!(by_usual * 20 <= pairs as u32, "{by_usual}");
}
