//! What ships with the program is sound: every scenario and model is read without a finding, on equal footing, and the schemas that
//! editors use are those of the types.

#![allow(clippy::unwrap_used)]

use costsim::catalog::{self, Kind};
use costsim::spec::model::{ComponentKind, Subnets};
use costsim::spec::{self, LoadOptions};
use std::path::Path;

fn load(options: &LoadOptions) -> spec::Loaded {
    spec::load(options).unwrap_or_else(|findings| panic!("{}", costsim::diag::render_all(&findings, false)))
}

fn scenario(name: &str) -> spec::Loaded {
    load(&LoadOptions { inputs: vec![name.to_owned()], ..LoadOptions::default() })
}

#[test]
fn there_are_four_scenarios_and_seven_models_that_load_without_a_finding() {
    let scenarios = catalog::names(Kind::Scenario, None);
    for name in ["storefront", "steady-api", "nightly-batch", "internal-tool"] {
        assert!(scenarios.iter().any(|known| known == name), "{name}");
    }
    for name in &scenarios {
        let loaded = scenario(name);
        assert_eq!(loaded.warnings, [], "{name}");
        assert_eq!(loaded.scenario.name, *name);
        assert!(loaded.scenario.architectures.len() >= 2, "{name} compares");
    }
    let models = catalog::names(Kind::Model, None);
    assert!(models.len() >= 7, "{models:?}");
    // A model loads together with a scenario, whose requests its routes have to serve.
    for name in &models {
        let inputs = vec!["storefront".to_owned(), name.clone()];
        let loaded = load(&LoadOptions { inputs, ..LoadOptions::default() });
        assert_eq!(loaded.warnings, [], "{name}");
        assert_eq!(loaded.scenario.architectures.len(), 1);
        assert_eq!(loaded.scenario.architectures[0].name, *name);
    }
    assert_eq!(spec::validate(&[scenarios, models].concat(), None), []);
}

#[test]
fn without_a_scenario_the_storefront_runs() {
    assert_eq!(load(&LoadOptions::default()).scenario.name, "storefront");
}

#[test]
fn models_stand_on_equal_footing() {
    let (mut functions, mut scaling, mut fixed) = (Vec::new(), 0, 0);
    for name in catalog::names(Kind::Model, None) {
        let inputs = vec!["storefront".to_owned(), name.clone()];
        let loaded = load(&LoadOptions { inputs, ..LoadOptions::default() });
        let model = &loaded.scenario.architectures[0];
        assert_eq!(model.subnets, Subnets::Public, "{name}: none pays for NAT that others do not");
        assert!(model.description.is_some(), "{name}");
        for component in &model.components {
            match &component.kind {
                ComponentKind::Fleet(fleet) => {
                    assert!(fleet.min >= 2 && fleet.zones >= 2 && fleet.desired >= 2, "{name}: two zones");
                    assert!(!fleet.instance.name.starts_with('t'), "{name}: its speed does not depend on its past");
                    assert!(fleet.boot.len() >= 3, "{name}: boots with user data and application");
                    if fleet.scaling.is_empty() { fixed += 1 } else { scaling += 1 }
                }
                ComponentKind::Lambda(function) => {
                    assert!(function.init.len() >= 2, "{name}: starts with dependencies");
                    functions.push((function.memory, function.arch));
                }
                ComponentKind::LoadBalancer(balancer) => assert!(balancer.zones >= 2, "{name}"),
                ComponentKind::HttpApi(_)
                | ComponentKind::Table(_)
                | ComponentKind::Queue(_)
                | ComponentKind::Pool(_)
                | ComponentKind::Stream(_) => {}
            }
        }
    }
    functions.sort();
    functions.dedup();
    assert!(functions.len() >= 3, "three sizes or CPUs of functions: {functions:?}");
    assert!(functions.iter().any(|(_, arch)| *arch == costsim::spec::model::Arch::Arm));
    assert!(scaling >= 3 && fixed >= 1, "three fleets that scale and a fixed one");
}

#[test]
fn every_shipped_file_names_its_schema_and_explains_its_numbers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, schema) in [("scenarios", "scenario"), ("models", "model")] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let first = format!("# yaml-language-server: $schema=../schema/{schema}.json\n");
            assert!(text.starts_with(&first), "{}", path.display());
            let named =
                folder == "scenarios" || text.contains(&format!("name: {}\n", path.file_stem().unwrap().display()));
            assert!(named, "{}: the name is the file's", path.display());
            assert!(text.matches("# ").count() >= 6, "{}: numbers are explained", path.display());
        }
    }
}

/// Run with `COSTSIM_BLESS=1` to write the schemas anew.
#[test]
fn schemas_for_editors_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for (name, schema) in [
        ("scenario", spec::scenario_schema()),
        ("model", spec::model_schema()),
        ("gate", spec::gate_schema()),
        ("pricing", costsim::bill::price_list::schema()),
        ("usage", costsim::bill::usage_file::schema()),
    ] {
        let path = root.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("COSTSIM_BLESS").is_some() {
            std::fs::create_dir_all(&root).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "{} is not current: run this test with COSTSIM_BLESS=1", path.display());
    }
}

/// The schema allows what the shipped files say: each key is among the properties of its definition.
#[test]
fn schemas_know_every_key_of_the_shipped_scenarios() {
    let schema = spec::scenario_schema();
    let known: Vec<&str> =
        schema["$defs"]["RawScenario"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    for name in catalog::names(Kind::Scenario, None) {
        let found = catalog::find(&[Kind::Scenario], &name, None, None).unwrap();
        for line in found.text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())) {
            let key = line.split(':').next().unwrap();
            assert!(known.contains(&key), "{name}: {key}");
        }
    }
}
