//! The check as SARIF 2.1.0: each broken rule points at its line of the YAML file.

use super::gate::{json, sentence, title};
use crate::gate::rules::Level;
use crate::gate::{Finding, Outcome};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One run with a rule for each rule of the gate that was judged and a result for each finding that is not fine.
pub fn render(outcome: &Outcome) -> String {
    let mut names: Vec<&str> = Vec::new();
    for finding in &outcome.findings {
        if !names.contains(&finding.rule.as_str()) {
            names.push(&finding.rule);
        }
    }
    let rule = |name: &&str| {
        let first = outcome.findings.iter().find(|finding| finding.rule == **name);
        let text = first
            .and_then(|finding| finding.message.clone())
            .unwrap_or_else(|| format!("The rule `{name}` of the gate."));
        let level = first.map_or("note", |finding| of_level(finding.level));
        json!({ "id": name, "shortDescription": { "text": text }, "defaultConfiguration": { "level": level } })
    };
    let results: Vec<Value> = outcome
        .findings
        .iter()
        .filter_map(|finding| {
            Some(result(finding, finding.severity()?, names.iter().position(|name| *name == finding.rule)?))
        })
        .collect();
    json(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "costsim",
                "semanticVersion": outcome.tool_version,
                "informationUri": "https://docs.rs/costsim",
                "rules": names.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "automationDetails": { "id": format!("costsim-check/{}/", outcome.scenario) },
            "results": results,
        }],
    }))
}

const fn of_level(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Info => "note",
    }
}

fn result(finding: &Finding, level: Level, index: usize) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": of_level(level),
        "message": { "text": format!("{}: {}", title(finding), sentence(finding)) },
        // The same finding in the next run is the same alert.
        "partialFingerprints": { "costsim/v1": format!("{}/{}/{}", finding.rule, finding.architecture, finding.metric) },
    });
    if let Some(place) = &finding.place {
        result["locations"] = json!([{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.file) },
            "region": { "startLine": place.line, "startColumn": place.column },
        } }]);
    }
    result
}

/// A path as a relative reference: what is not allowed in one is percent-encoded.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            b'\\' => out.push('/'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate_fixture::outcome;

    #[test]
    fn a_broken_rule_points_at_its_line() {
        let value: Value = serde_json::from_str(&render(&outcome())).unwrap();
        let results = value["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[0]["level"], "error");
        assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
        assert_eq!(results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "my%20gate.yaml");
        assert_eq!(value["runs"][0]["tool"]["driver"]["rules"][0]["id"], "cost");
    }
}
