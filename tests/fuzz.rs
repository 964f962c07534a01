//! Whatever stands in a file, reading it never panics: arbitrary bytes, and good files that were damaged, through every reader that takes
//! a file from outside. A refusal always says something. Scenarios, settings and flags are in `bad_input.rs`.
//!
//! The cases are drawn anew in each run and printed when they fail; `PROPTEST_CASES` asks for more.

use costsim::bill::{price_list, usage_file};
use costsim::diag::{self, Diagnostic};
use costsim::gate::Snapshot;
use costsim::results::Results;
use costsim::spec::scenario::Columns;
use costsim::spec::{self, LoadOptions};
use costsim::traffic::csv_file::{scan_rate, scan_requests};
use costsim::{catalog, report};
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Where, how much is taken away, and what is put there.
type Damage = Vec<(f64, usize, Vec<u8>)>;

/// Small damage, of which some is likely to be syntax, numbers and units.
fn damage() -> impl Strategy<Value = Damage> {
    let put_in = prop_oneof![
        4 => "[-+0-9a-zA-Z:{}\\[\\],.%/ \n\"'&*!|>~#_\t]{0,8}".prop_map(String::into_bytes),
        2 => prop::sample::select(vec![
            "1e308", "-1", "0", ".nan", "null", "[]", "{}", "99999999999999999999", "-0.0", "1e-400", "\u{feff}", "\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec((0.0..1.0_f64, 0_usize..24, put_in), 1..6)
}

fn damaged(good: &[u8], damage: &Damage) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (place, len, with) in damage {
        let at = ((place * bytes.len() as f64) as usize).min(bytes.len());
        let end = (at + len).min(bytes.len());
        bytes.splice(at..end, with.iter().copied());
    }
    bytes
}

/// A temporary file with this content and this ending.
fn file(content: &[u8], suffix: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a temporary file");
    file.write_all(content).expect("written");
    file
}

/// A refusal has an error, and it can be shown.
fn says_why(found: &[Diagnostic]) -> Result<(), TestCaseError> {
    prop_assert!(diag::any_error(found));
    prop_assert!(!diag::render_all(found, true).trim().is_empty());
    Ok(())
}

/// Whatever `costsim validate` takes.
fn validate(bytes: &[u8]) -> Result<(), TestCaseError> {
    let file = file(bytes, ".yaml");
    let found = spec::validate(&[file.path().display().to_string()], None);
    prop_assert!(found.is_empty() || !diag::render_all(&found, true).trim().is_empty());
    Ok(())
}

fn shipped(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const USAGE: &str = "\
region: us-east-1
month: 730h
free_tier: { lambda.request: 250k }
usage:
  - { sku: lambda.request.x86, quantity: 3M }
  - { sku: alb.hour, quantity: 730, component: lb }
";

const RATES: &str = "time,count\n2026-03-02 00:00:00,5\n2026-03-02T00:01:00Z,7.5\n\"2026-03-02 00:02:00\",0\n";
const REQUESTS: &str = "arrival,duration,name\n0.5,12.5,browse\n0.5,,checkout\n1.25,3,\"browse\"\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Reads a replayed file in both ways.
fn scan(bytes: &[u8]) -> Result<(), TestCaseError> {
    let file = file(bytes, ".csv");
    let named = Columns { time: Some("2".into()), count: Some("1".into()), ..Columns::default() };
    for columns in [Columns::default(), named] {
        for error in
            [scan_rate(file.path(), "x.csv", &columns).err(), scan_requests(file.path(), "x.csv", &columns).err()]
        {
            let Some(error) = error else { continue };
            prop_assert!(!error.message.is_empty());
            if let Some(row) = error.row {
                let (row, bytes) = *row;
                prop_assert!(row.get(bytes).is_some(), "a place outside the row");
            }
        }
    }
    Ok(())
}

/// Results of two small runs.
static RESULTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let options = LoadOptions { replications: Some(2), horizon: Some("2h".into()), ..LoadOptions::default() };
    let set = vec!["traffic.bursts=[]".to_owned()];
    let mut scenario = spec::load(&LoadOptions { set, ..options }).expect("the default").scenario;
    scenario.warmup = costsim::units::SimDuration::ZERO;
    let run = costsim::run::RunOptions { threads: 1, ..costsim::run::RunOptions::default() };
    let progress = costsim::run::Progress::new();
    let runs =
        costsim::run::run(&scenario, &run, &progress, |job, progress| costsim::run::simulate(&scenario, job, progress));
    let lists = catalog::price_lists(&scenario.region, None).expect("embedded");
    let book = price_list::book(&scenario.region, &lists).expect("embedded");
    let results = costsim::compare::results(&scenario, &runs.expect("simulated"), &book).expect("priced");
    serde_json::to_vec(&results).expect("plain data")
});

/// What is damaged below is good: otherwise the first mistake would hide everything behind it.
#[test]
fn the_good_files_are_good() {
    let gate = file(&shipped("src/spec/gate_defaults.yaml"), ".yaml");
    assert!(spec::load_gate(gate.path()).is_ok());
    assert!(usage_file::read("x.yaml", USAGE).is_ok());
    let columns = Columns::default();
    assert!(scan_rate(file(RATES.as_bytes(), ".csv").path(), "x.csv", &columns).is_ok());
    assert!(scan_requests(file(REQUESTS.as_bytes(), ".csv").path(), "x.csv", &columns).is_ok());
    assert!(serde_json::from_slice::<Results>(&RESULTS).is_ok_and(|results| results.inputs.resolved.is_some()));
    let text = String::from_utf8(shipped("pricing/global.yaml")).expect("text");
    assert!(price_list::read(&[("x.yaml".to_owned(), text)]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_models(damage in damage(), which in 0_usize..3) {
        let model = ["models/ec2-asg-alb.yaml", "models/lambda-http-api.yaml", "src/cli/starter/ec2.yaml"][which];
        validate(&damaged(&shipped(model), &damage))?;
    }

    #[test]
    fn damaged_scenarios(damage in damage(), which in 0_usize..3) {
        let name = ["scenarios/storefront.yaml", "scenarios/nightly-batch.yaml", "src/cli/starter/scenario.yaml"][which];
        validate(&damaged(&shipped(name), &damage))?;
    }

    #[test]
    fn damaged_price_lists(damage in damage()) {
        let bytes = damaged(&shipped("pricing/global.yaml"), &damage);
        validate(&bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(found) = price_list::book("us-east-1", &[("x.yaml".to_owned(), text)]) {
            says_why(&found)?;
        }
    }

    #[test]
    fn damaged_gates(damage in damage()) {
        let file = file(&damaged(&shipped("src/spec/gate_defaults.yaml"), &damage), ".yaml");
        if let Err(found) = spec::load_gate(file.path()) {
            says_why(&found)?;
        }
    }

    #[test]
    fn damaged_usage_files(damage in damage()) {
        let bytes = damaged(USAGE.as_bytes(), &damage);
        if let Err(found) = usage_file::read("x.yaml", &String::from_utf8_lossy(&bytes)) {
            says_why(&found)?;
        }
    }

    #[test]
    fn damaged_replays(damage in damage(), packed in any::<bool>(), after in any::<bool>()) {
        for good in [RATES, REQUESTS] {
            let bytes = match (packed, after) {
                (false, _) => damaged(good.as_bytes(), &damage),
                (true, false) => gzip(&damaged(good.as_bytes(), &damage)),
                (true, true) => damaged(&gzip(good.as_bytes()), &damage),
            };
            scan(&bytes)?;
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        validate(&bytes)?;
        scan(&bytes)?;
        scan(&gzip(&bytes))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert!(usage_file::read("x.yaml", &text).is_err());
        let _ = price_list::read(&[("x.yaml".to_owned(), text)]);
        let file = file(&bytes, ".yaml");
        if let Err(found) = spec::load_gate(file.path()) {
            says_why(&found)?;
        }
        let _ = serde_json::from_slice::<Results>(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Results of an earlier run are read as a baseline, and for the files that they stand for.
    #[test]
    fn damaged_results(damage in damage()) {
        if let Ok(results) = serde_json::from_slice::<Results>(&damaged(&RESULTS, &damage)) {
            let snapshot = Snapshot::of(&results);
            prop_assert!(serde_json::to_string(&snapshot).is_ok());
            prop_assert!(!report::files(&results, report::Period::Day).is_empty());
        }
    }
}
