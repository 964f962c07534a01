//! The check's metrics in Bencher Metric Format: benchmark -> measure -> value and bounds.

use super::gate::json;
use crate::gate::Outcome;
use serde_json::{Map, Value, json};

/// One benchmark an architecture; measures are the metrics.
pub fn render(outcome: &Outcome) -> String {
    let mut benchmarks = Map::new();
    for measured in &outcome.measured {
        let benchmark = benchmarks
            .entry(format!("{}/{}", outcome.scenario, measured.architecture))
            .or_insert_with(|| Value::Object(Map::new()));
        let mut value = json!({ "value": measured.value });
        if let (Some(low), Some(high)) = (measured.low, measured.high) {
            value["lower_value"] = json!(low);
            value["upper_value"] = json!(high);
        }
        benchmark[measured.metric.as_str()] = value;
    }
    json(&benchmarks)
}

#[cfg(test)]
mod tests {
    use crate::report::gate_fixture::outcome;

    #[test]
    fn measures_are_numbers_with_bounds() {
        let value: serde_json::Value = serde_json::from_str(&super::render(&outcome())).unwrap();
        let cost = &value["shop/lambda"]["monthly_cost.total"];
        assert_eq!((&cost["value"], &cost["lower_value"]), (&serde_json::json!(120.0), &serde_json::json!(119.0)));
    }
}
