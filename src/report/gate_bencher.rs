//! The check's metrics in Bencher Metric Format, version 0 (<https://bencher.dev/docs/reference/bencher-metric-format>): benchmark -> measure ->
//! value and bounds. Names of benchmarks have at most 1,024 characters there, those of measures 64.

use super::gate::json;
use crate::gate::Outcome;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const LONGEST_BENCHMARK: usize = 1_024;
const LONGEST_MEASURE: usize = 64;

/// One benchmark an architecture; measures are the metrics.
pub fn render(outcome: &Outcome) -> String {
    let mut benchmarks = Map::new();
    for measured in &outcome.measured {
        let benchmark = benchmarks
            .entry(fitting(&format!("{}/{}", outcome.scenario, measured.architecture), LONGEST_BENCHMARK))
            .or_insert_with(|| Value::Object(Map::new()));
        let mut value = json!({ "value": measured.value });
        if let (Some(low), Some(high)) = (measured.low, measured.high) {
            value["lower_value"] = json!(low);
            value["upper_value"] = json!(high);
        }
        benchmark[fitting(&measured.metric, LONGEST_MEASURE)] = value;
    }
    json(&benchmarks)
}

/// A name in at most so many bytes; a longer one keeps its ends around a digest of the whole, so that two stay two.
fn fitting(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let digest: String = Sha256::digest(name.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let kept = (most - digest.len() - 2) / 2;
    let (mut head, mut tail) = (kept, name.len() - kept);
    while !name.is_char_boundary(head) {
        head -= 1;
    }
    while !name.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}~{digest}~{}", &name[..head], &name[tail..])
}

#[cfg(test)]
mod tests {
    use crate::report::gate_fixture::outcome;

    /// The limits are Bencher's own.
    #[test]
    fn names_are_as_long_as_bencher_takes_them() {
        let mut long = outcome();
        let class = "ä".repeat(60);
        for (end, value) in [("p50", 1.0), ("p99", 2.0)] {
            let metric = format!("classes.{class}.latency_ms.{end}");
            long.measured.push(crate::gate::judge::Measured { metric, value, ..long.measured[0].clone() });
        }
        long.scenario = "s".repeat(2_000);
        let value: serde_json::Value = serde_json::from_str(&super::render(&long)).unwrap();
        let benchmarks = value.as_object().unwrap();
        assert_eq!(benchmarks.len(), 1);
        for (name, measures) in benchmarks {
            assert!(name.len() <= 1_024 && name.ends_with("/lambda"), "{name}");
            let names: Vec<&String> = measures.as_object().unwrap().keys().collect();
            assert_eq!(names.len(), 3, "none is lost: {names:?}");
            assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
        }
    }

    #[test]
    fn measures_are_numbers_with_bounds() {
        let value: serde_json::Value = serde_json::from_str(&super::render(&outcome())).unwrap();
        let cost = &value["shop/lambda"]["monthly_cost.total"];
        assert_eq!((&cost["value"], &cost["lower_value"]), (&serde_json::json!(120.0), &serde_json::json!(119.0)));
    }
}
