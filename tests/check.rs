//! `costsim check` from outside: a matrix of what a pull request can do, and the exit code of each.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = "name: shop
horizon: 1h
warmup: 0s
replications: 5
traffic: { constant: 3/s }
requests: [ { name: browse, cpu: 8ms, wait: { exponential: { mean: 20ms } } } ]
objectives: { p99: 900ms }
architectures: [ ./one.yaml, ./two.yaml ]
";

const GATE: &str = "gate:
  - { name: cost, metric: monthly_cost.total, change: \"< 5% or < 1 USD\", message: Say why. }
  - { name: budget, metric: monthly_cost.total, limit: \"< 900 USD\", level: warn }
  - { name: fleet, metric: monthly_cost.total, architecture: \"t*\", limit: \"< 5000 USD\" }
";

/// A model of `n` instances, each with its own price by the hour.
fn fleet(name: &str, n: u32) -> String {
    format!(
        "name: {name}\nentry: lb\ncomponents:\n  lb: {{ load_balancer: {{ to: web, zones: 2 }} }}\n  web:\n    fleet: {{ instance_type: m7g.large, min: {n}, max: {n}, desired: {n}, zones: 2, concurrency: 64, queue: 128, boot: {{ user_data: 60s, app_start: 20s }} }}\n"
    )
}

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("shop.yaml", SCENARIO),
        ("costsim.gate.yaml", GATE),
        ("one.yaml", &fleet("one", 1)),
        ("two.yaml", &fleet("two", 2)),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_costsim"));
    command.current_dir(dir).env("NO_COLOR", "1").env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
    command.args(["check", "shop.yaml"]).args(args);
    command
}

#[track_caller]
fn ended(output: Output, code: i32) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[track_caller]
fn check(dir: &Path, args: &[&str], code: i32) -> String {
    ended(command(dir, args).output().unwrap(), code)
}

/// A project with its baseline.
fn with_baseline() -> tempfile::TempDir {
    let dir = project();
    check(dir.path(), &["--write-baseline", "base.json"], 0);
    dir
}

const AGAINST: [&str; 2] = ["--baseline", "base.json"];

fn against<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&AGAINST[..], more].concat()
}

fn change(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn an_unchanged_tree_passes_byte_by_byte() {
    let dir = with_baseline();
    let (first, again) = (check(dir.path(), &against(&["-j1"]), 0), check(dir.path(), &against(&["-j2"]), 0));
    assert!(first.starts_with("The gate passes; no bill changes beyond noise"), "{first}");
    assert_eq!(first, again);
    let before = fs::read(dir.path().join("base.json")).unwrap();
    check(dir.path(), &["--write-baseline", "base.json"], 0);
    assert!(before == fs::read(dir.path().join("base.json")).unwrap());
}

#[test]
fn a_dearer_model_fails_and_says_where() {
    let dir = with_baseline();
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    let text = check(dir.path(), &against(&[]), 100);
    assert!(text.starts_with("The gate fails: two: monthly_cost.total"), "{text}");
    assert!(text.contains("Say why.") && text.contains("costsim.gate.yaml:2"), "{text}");
    assert!(text.contains("two: the bill was moved by model +$"), "{text}");
    // The other architecture met the same requests and is the same to the last digit.
    assert!(text.lines().any(|line| line.contains("one") && line.contains("unchanged")), "{text}");
}

#[test]
fn a_warning_does_not_fail() {
    let dir = with_baseline();
    change(dir.path(), "costsim.gate.yaml", "< 900 USD", "< 1 USD");
    let text = check(dir.path(), &against(&[]), 0);
    assert!(text.contains("warn budget"), "{text}");
}

#[test]
fn architectures_come_and_go() {
    let dir = with_baseline();
    fs::write(dir.path().join("two.yaml"), fleet("three", 2)).unwrap();
    let text = check(dir.path(), &against(&[]), 0);
    assert!(text.contains("-> removed") && text.contains("  new"), "{text}");
    assert!(text.contains("warn architectures (two)"), "{text}");
}

#[test]
fn baselines_that_cannot_be_used_are_named() {
    let dir = with_baseline();
    let path = dir.path().join("base.json");
    let good = fs::read_to_string(&path).unwrap();
    for (bad, said) in [
        (good[..good.len() / 2].to_owned(), "is damaged"),
        (good.replace("costsim.baseline/1", "costsim.baseline/9"), "costsim.baseline/9"),
        (good.replace("\"scenario\": \"shop\"", "\"scenario\": \"mall\""), "scenario `mall`"),
        (good.replace("us-east-1", "eu-west-1"), "region eu-west-1"),
        ("{}".to_owned(), "is no baseline"),
        ("{\"schema\": \"costsim.baseline/1\"}".to_owned(), "is damaged"),
    ] {
        fs::write(&path, bad).unwrap();
        let text = check(dir.path(), &against(&[]), 101);
        assert!(text.contains(said), "{said}: {text}");
    }
    fs::remove_file(&path).unwrap();
    assert!(check(dir.path(), &against(&[]), 101).contains("--write-baseline"));
}

#[test]
fn prices_and_versions_warn_unless_they_are_denied() {
    let dir = with_baseline();
    let path = dir.path().join("base.json");
    let good = fs::read_to_string(&path).unwrap();
    // A baseline that was half as dear by another price book.
    let mut value: serde_json::Value = serde_json::from_str(&good).unwrap();
    value["prices"] = "sha256:other".into();
    for metric in value["architectures"][0]["metrics"].as_array_mut().unwrap().iter_mut().take(1) {
        metric["value"] = (metric["value"].as_f64().unwrap() / 2.0).into();
        let halved: Vec<f64> = metric["each"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() / 2.0).collect();
        metric["each"] = halved.into();
    }
    fs::write(&path, value.to_string()).unwrap();
    let text = check(dir.path(), &against(&[]), 0);
    assert!(text.contains("another price book") && text.contains("moved by prices"), "{text}");
    check(dir.path(), &against(&["--deny-movement", "prices"]), 100);
}

#[test]
fn an_agreed_exception_covers_as_far_as_it_goes_and_as_long() {
    let dir = with_baseline();
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    let agree = |up_to: &str| {
        let exception = format!(
            "accepted: [ {{ gate: cost, architecture: two, up_to: {up_to}, reason: sale, approved_by: me, until: 2026-12-31 }} ]\n"
        );
        fs::write(dir.path().join("costsim.gate.yaml"), format!("{GATE}{exception}")).unwrap();
    };
    agree("+200 USD");
    let text = check(dir.path(), &against(&["--date", "2026-12-31"]), 0);
    assert!(text.contains("accepted cost (two)") && text.contains("sale, me"), "{text}");
    assert!(check(dir.path(), &against(&["--date", "2027-01-01"]), 100).contains("expired on 2026-12-31"));
    agree("+1%");
    assert!(check(dir.path(), &against(&["--date", "2026-12-31"]), 100).contains("beyond what me agreed on"));
    fs::write(dir.path().join("two.yaml"), fleet("two", 2)).unwrap();
    assert!(check(dir.path(), &against(&["--date", "2026-12-31"]), 0).contains("is not needed"));
}

#[test]
fn any_number_of_reports_at_once() {
    let dir = with_baseline();
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    let reports = ["markdown=c.md", "junit=j.xml", "sarif=s.sarif", "bencher=b.json", "json=o.json", "github"]
        .map(|r| ["--report", r]);
    let text = check(dir.path(), &against(&reports.concat()), 100);
    assert!(text.starts_with("::error file=costsim.gate.yaml,line=2,"), "{text}");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(read("c.md").starts_with("<!-- costsim-check:shop -->\n### ❌"));
    assert!(read("j.xml").contains("failures=\"1\""));
    let sarif: serde_json::Value = serde_json::from_str(&read("s.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    let outcome: serde_json::Value = serde_json::from_str(&read("o.json")).unwrap();
    assert_eq!((outcome["schema"].as_str(), outcome["passed"].as_bool()), (Some("costsim.check/1"), Some(false)));
    assert!(
        serde_json::from_str::<serde_json::Value>(&read("b.json")).unwrap()["shop/two"]["monthly_cost.total"]["value"]
            .is_number()
    );
    // On GitHub annotations and the summary come without being asked.
    let mut on_github = command(dir.path(), &AGAINST);
    on_github.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", dir.path().join("summary.md"));
    assert!(ended(on_github.output().unwrap(), 100).contains("\n::error file="));
    assert_eq!(read("summary.md"), read("c.md"));
}

#[test]
fn rules_are_listed_explained_and_their_mistakes_shown() {
    let dir = project();
    assert!(check(dir.path(), &["--list"], 0).contains("< 5% or < 1 USD"));
    assert!(check(dir.path(), &["--explain", "cost"], 0).contains("both floors"));
    assert!(check(dir.path(), &["--explain", "metrics"], 0).contains("latency_ms.p99"));
    assert!(check(dir.path(), &["--explain", "cots"], 2).contains("did you mean `cost`?"));
    assert!(check(dir.path(), &["--report", "junitt"], 2).contains("did you mean `junit`?"));
    change(dir.path(), "costsim.gate.yaml", "monthly_cost.total", "monthly_cost.totl");
    assert!(check(dir.path(), &[], 2).contains("monthly_cost.totl"));
    // `gate:` in the scenario, and none at all.
    fs::remove_file(dir.path().join("costsim.gate.yaml")).unwrap();
    assert!(check(dir.path(), &["--list"], 0).contains("objectives-missed"));
    fs::write(dir.path().join("shop.yaml"), format!("{SCENARIO}{}", GATE.replace("name: fleet", "name: mine")))
        .unwrap();
    assert!(check(dir.path(), &["--list"], 0).contains("mine"));
}

fn git(dir: &Path, args: &[&str]) {
    let names = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(dir).args(names).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_revision_is_run_again_with_its_own_files() {
    let dir = project();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    assert!(check(dir.path(), &["--baseline-rev", "main"], 0).starts_with("The gate passes; no bill"));
    git(dir.path(), &["checkout", "-qb", "change"]);
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    change(dir.path(), "shop.yaml", "3/s", "6/s");
    git(dir.path(), &["commit", "-qam", "dearer"]);
    // main goes on: what counts is where the change branched off.
    git(dir.path(), &["checkout", "-q", "main"]);
    change(dir.path(), "shop.yaml", "3/s", "60/s");
    git(dir.path(), &["commit", "-qam", "more"]);
    git(dir.path(), &["checkout", "-q", "change"]);
    let text = check(dir.path(), &["--baseline-rev", "main"], 100);
    assert!(text.contains("two: the bill was moved by traffic") && text.contains("model +$"), "{text}");
    assert!(check(dir.path(), &["--baseline-rev", "nowhere"], 101).contains("no such revision"));
    let shallow = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    git(shallow.path(), &["clone", "-q", "--depth", "1", "--branch", "change", "--no-single-branch", &url, "."]);
    assert!(check(shallow.path(), &["--baseline-rev", "origin/main"], 101).contains("fetch-depth: 0"));
    assert!(check(project().path(), &["--baseline-rev", "main"], 101).contains("needs a git repository"));
}

#[test]
fn the_examples_for_continuous_integration_are_yaml() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci");
    let mut files = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension == "sh") {
            continue;
        }
        files += 1;
        let mut sources = costsim::diag::Sources::default();
        let source = sources.add(path.display().to_string(), fs::read_to_string(&path).unwrap());
        let (node, findings) = costsim::yaml::parse(&sources, source);
        assert!(findings.is_empty(), "{}", costsim::diag::render_all(&findings, false));
        let node = node.unwrap();
        assert!(["jobs", "costsim", "repos", "runs"].iter().any(|key| node.get(key).is_some()), "{}", path.display());
    }
    assert_eq!(files, 4);
}
