//! An outcome for the tests of the reports.

use crate::gate::judge::{Measured, Row, SCHEMA};
use crate::gate::rules::{Level, Place, Unit};
use crate::gate::{Finding, Outcome, State, Subject};

fn finding(rule: &str, level: Level, state: State) -> Finding {
    Finding {
        rule: rule.to_owned(),
        level,
        subject: Subject::Change,
        state,
        architecture: "lambda".to_owned(),
        metric: "monthly_cost.total".to_owned(),
        unit: Some(Unit::Usd),
        bound: "< 5% or < 10 USD".to_owned(),
        baseline: Some(100.0),
        new: Some(120.0),
        low: Some(19.0),
        high: Some(21.0),
        replications: 5,
        note: None,
        message: Some("Say why.".to_owned()),
        accepted: None,
        place: Some(Place { file: "my gate.yaml".to_owned(), line: 3, column: 5 }),
    }
}

pub fn outcome() -> Outcome {
    Outcome {
        schema: SCHEMA.to_owned(),
        tool_version: "1.2.3".to_owned(),
        scenario: "shop".to_owned(),
        region: "us-east-1".to_owned(),
        passed: false,
        replications: 5,
        baseline: Some("base.json".to_owned()),
        warnings: vec!["the baseline is old".to_owned()],
        rows: vec![Row {
            architecture: "lambda".to_owned(),
            metric: "monthly_cost.total".to_owned(),
            unit: Unit::Usd,
            baseline: Some(100.0),
            new: Some(120.0),
            significant: true,
        }],
        findings: vec![
            finding("cost", Level::Deny, State::Broken),
            finding("careful", Level::Warn, State::Broken),
            finding("a <b> & \"c\"", Level::Deny, State::Kept),
            finding("noise", Level::Deny, State::Undecided),
        ],
        notes: Vec::new(),
        movements: Vec::new(),
        measured: vec![Measured {
            architecture: "lambda".to_owned(),
            metric: "monthly_cost.total".to_owned(),
            unit: Unit::Usd,
            value: 120.0,
            low: Some(119.0),
            high: Some(121.0),
        }],
    }
}
