//! `costsim check` from outside: a matrix of what a pull request can do, and the exit code of each.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

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

/// A repository with the project as its first commit on `main`.
fn repository() -> tempfile::TempDir {
    let dir = project();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    dir
}

/// The JSON report of a check.
fn report(dir: &Path, args: &[&str], code: i32) -> serde_json::Value {
    check(dir, &[args, &["--report", "json=report.json", "--quiet"]].concat(), code);
    serde_json::from_str(&fs::read_to_string(dir.join("report.json")).unwrap()).unwrap()
}

fn of<'a>(list: &'a serde_json::Value, architecture: &str) -> Vec<&'a serde_json::Value> {
    list.as_array().unwrap().iter().filter(|entry| entry["architecture"] == architecture).collect()
}

#[test]
fn a_merge_commit_is_compared_with_its_first_parent() {
    let dir = repository();
    git(dir.path(), &["checkout", "-qb", "change"]);
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    git(dir.path(), &["commit", "-qam", "dearer"]);
    git(dir.path(), &["checkout", "-q", "main"]);
    fs::write(dir.path().join("one.yaml"), fleet("one", 4)).unwrap();
    git(dir.path(), &["commit", "-qam", "main goes on"]);
    git(dir.path(), &["merge", "-q", "--no-ff", "-m", "merge", "change"]);
    // Against main as it was before the merge only the change counts; the merge base with `change` would show what main did.
    let found = report(dir.path(), &["--baseline-rev", "change"], 100);
    let cost = |name: &str| {
        let rows = of(&found["rows"], name);
        let row = rows.iter().find(|row| row["metric"] == "monthly_cost.total").unwrap();
        row["new"].as_f64().unwrap() - row["baseline"].as_f64().unwrap()
    };
    assert!(cost("one").abs() <= 0.0 && cost("two") > 10.0, "{found:#}");
}

#[test]
fn a_scenario_that_is_new_has_nothing_to_be_compared_with() {
    let dir = repository();
    git(dir.path(), &["checkout", "-qb", "change"]);
    fs::rename(dir.path().join("shop.yaml"), dir.path().join("mall.yaml")).unwrap();
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "another"]);
    let mut command = command(dir.path(), &["--baseline-rev", "main"]);
    let args: Vec<_> =
        command.get_args().map(|arg| if arg == "shop.yaml" { "mall.yaml".into() } else { arg.to_owned() }).collect();
    let mut renamed = Command::new(command.get_program());
    renamed.current_dir(dir.path()).env("NO_COLOR", "1").env_remove("GITHUB_ACTIONS").args(args);
    let text = ended(renamed.output().unwrap(), 0);
    assert!(
        text.contains("has no such scenario: everything is new") && text.contains("only limits were judged"),
        "{text}"
    );
    assert!(command.output().is_ok());
}

#[test]
fn a_data_directory_in_the_repository_is_taken_from_the_revision() {
    let dir = project();
    let models = dir.path().join("data/models");
    fs::create_dir_all(&models).unwrap();
    fs::rename(dir.path().join("two.yaml"), models.join("two.yaml")).unwrap();
    change(dir.path(), "shop.yaml", "./two.yaml", "two");
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    fs::write(models.join("two.yaml"), fleet("two", 3)).unwrap();
    let args = ["--data-dir", "data", "--baseline-rev", "main"];
    let text = check(dir.path(), &args, 100);
    assert!(text.contains("two: the bill was moved by model +$"), "{text}");
    // The same through a stored baseline.
    git(dir.path(), &["stash", "-q"]);
    check(dir.path(), &["--data-dir", "data", "--write-baseline", "base.json"], 0);
    git(dir.path(), &["stash", "pop", "-q"]);
    let text = check(dir.path(), &["--data-dir", "data", "--baseline", "base.json"], 100);
    assert!(text.contains("two: the bill was moved by model +$"), "{text}");
}

#[test]
fn the_order_of_keys_changes_nothing() {
    let dir = with_baseline();
    let first = fs::read_to_string(dir.path().join("base.json")).unwrap();
    let lines: Vec<&str> = SCENARIO.lines().rev().collect();
    fs::write(dir.path().join("shop.yaml"), lines.join("\n") + "\n").unwrap();
    let two = "components:\n  web:\n    fleet: { boot: { app_start: 20s, user_data: 60s }, queue: 128, concurrency: 64, zones: 2, desired: 2, max: 2, min: 2, instance_type: m7g.large }\n  lb: { load_balancer: { zones: 2, to: web } }\nentry: lb\nname: two\n";
    fs::write(dir.path().join("two.yaml"), two).unwrap();
    check(dir.path(), &["--write-baseline", "base.json"], 0);
    let again = fs::read_to_string(dir.path().join("base.json")).unwrap();
    let results = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["architectures"].clone();
    let metrics = |text: &str| -> Vec<String> {
        results(text)
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{}{}{}", one["model"], one["metrics"], one["lines"]))
            .collect()
    };
    assert!(metrics(&first).len() == 2 && metrics(&first) == metrics(&again));
    assert!(check(dir.path(), &against(&[]), 0).contains("no bill changes beyond noise"));
}

#[test]
fn what_is_added_elsewhere_changes_nothing_here() {
    let dir = project();
    let measured = |args: &[&str], name: &str| {
        let found = report(dir.path(), args, 0);
        of(&found["measured"], name).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let before = measured(&[], "one");
    // Another architecture, in front.
    change(dir.path(), "shop.yaml", "[ ./one.yaml", "[ lambda-http-api, ./one.yaml");
    assert_eq!(measured(&[], "one"), before);
    assert_eq!(measured(&[], "one").len(), before.len());
    // Another component that none of these requests meets.
    let aside = "  aside:\n    fleet: { instance_type: m7g.large, min: 1, max: 1, desired: 1, zones: 2, concurrency: 64, queue: 128, boot: { user_data: 60s, app_start: 20s } }\n";
    let one = fleet("one", 1);
    let routed = one.replace("{ to: web, zones: 2 }", "{ to: { browse: web, other: aside }, zones: 2 }");
    fs::write(dir.path().join("one.yaml"), format!("{routed}{aside}")).unwrap();
    change(
        dir.path(),
        "shop.yaml",
        "requests: [ {",
        "requests: [ { name: other, share: 0.0001, cpu: 8ms }, { share: 0.9999,",
    );
    let with_aside = measured(&[], "lambda-http-api");
    fs::write(dir.path().join("one.yaml"), one.replace("concurrency: 64", "concurrency: 32")).unwrap();
    assert_eq!(measured(&[], "lambda-http-api"), with_aside, "nor what another architecture does");
}

#[test]
fn a_stored_baseline_is_split_by_running_its_files_again() {
    let dir = with_baseline();
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    change(dir.path(), "shop.yaml", "3/s", "9/s");
    // Made by another version that measured a tenth less, at prices a fifth lower.
    let path = dir.path().join("base.json");
    let good = fs::read_to_string(&path).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&good).unwrap();
    value["prices"] = "sha256:other".into();
    value["tool_version"] = "0.0.1".into();
    for metric in value["architectures"][1]["metrics"].as_array_mut().unwrap() {
        let factor = match metric["name"].as_str().unwrap() {
            "latency_ms.p50" => 0.9,
            "monthly_cost.total" => 0.72,
            _ => continue,
        };
        metric["value"] = (metric["value"].as_f64().unwrap() * factor).into();
        let each: Vec<f64> = metric["each"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() * factor).collect();
        metric["each"] = each.into();
    }
    for line in value["architectures"][1]["lines"].as_array_mut().unwrap() {
        line["quantity"] = (line["quantity"].as_f64().unwrap() * 0.9).into();
        line["unit_price"] = (line["unit_price"].as_f64().unwrap() * 0.8).into();
    }
    fs::write(&path, value.to_string()).unwrap();
    let found = report(dir.path(), &AGAINST, 100);
    let movement = of(&found["movements"], "two")[0];
    let parts = movement["parts"].as_array().unwrap();
    let causes: Vec<&str> = parts.iter().map(|part| part["causes"][0].as_str().unwrap()).collect();
    assert_eq!(causes, ["traffic", "model", "prices", "tool"], "{movement:#}");
    assert!(parts.iter().all(|part| part["causes"].as_array().unwrap().len() == 1) && movement["note"].is_null());
    let amount = |index: usize| parts[index]["amount"].as_f64().unwrap();
    let row = of(&found["rows"], "two")[0];
    let (old, new) = (row["baseline"].as_f64().unwrap(), row["new"].as_f64().unwrap());
    assert!(((0..4).map(amount).sum::<f64>() - (new - old)).abs() < 1e-6, "the parts add up");
    // The old bill is B x 0.9 x 0.8: at the prices of now 0.9 B, by this version B.
    let bill = old / 0.72;
    assert!((amount(2) - 0.18 * bill).abs() < 1e-3 && (amount(3) - 0.1 * bill).abs() < 1e-3, "{movement:#}");
    // Without its files what cannot be split is said.
    let mut bare: serde_json::Value = serde_json::from_str(&good).unwrap();
    bare.as_object_mut().unwrap().remove("origin");
    fs::write(&path, bare.to_string()).unwrap();
    let text = check(dir.path(), &against(&[]), 100);
    assert!(text.contains("two: the bill was moved by traffic and model +$"), "{text}");
    assert!(text.contains("note two: traffic and model cannot be told apart: this baseline holds no files"), "{text}");
    // And files that somebody changed in it are not run.
    fs::write(&path, good.replace("constant: 3/s", "constant: 2/s")).unwrap();
    assert!(check(dir.path(), &against(&[]), 100).contains("are not those that it was made of"));
}

/// `costsim compare --out out` in a directory.
fn compared(dir: &Path, scenario: &str) {
    let mut compare = Command::new(env!("CARGO_BIN_EXE_costsim"));
    compare.current_dir(dir).args(["compare", scenario, "--out", "out", "--quiet"]);
    ended(compare.output().unwrap(), 0);
}

#[test]
fn a_results_json_is_run_again_like_a_stored_baseline() {
    let dir = project();
    compared(dir.path(), "shop.yaml");
    let results = ["--baseline", "out/results.json"];
    assert!(check(dir.path(), &results, 0).contains("no bill changes beyond noise"));
    // Three times the traffic, a third instance, other prices and another version.
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    change(dir.path(), "shop.yaml", "3/s", "9/s");
    let path = dir.path().join("out/results.json");
    let mut value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    value["prices"]["digest"] = "sha256:other".into();
    value["tool_version"] = "0.0.1".into();
    fs::write(&path, value.to_string()).unwrap();
    let found = report(dir.path(), &results, 100);
    let movement = of(&found["movements"], "two")[0];
    assert!(movement["note"].is_null(), "{movement:#}");
    let parts = movement["parts"].as_array().unwrap();
    let causes: Vec<String> = parts.iter().map(|part| part["causes"].to_string()).collect();
    assert_eq!(causes[..2], ["[\"traffic\"]", "[\"model\"]"], "{movement:#}");
    assert!(causes[2..].iter().all(|cause| cause == "[\"prices\"]" || cause == "[\"tool\"]") && causes.len() > 2);
    let amount = |part: &serde_json::Value| part["amount"].as_f64().unwrap();
    let row = of(&found["rows"], "two")[0];
    let moved = row["new"].as_f64().unwrap() - row["baseline"].as_f64().unwrap();
    assert!((parts.iter().map(amount).sum::<f64>() - moved).abs() < 1e-6, "the parts add up");
    // One more m7g.large at 0.0816 USD an hour and its address at 0.005 USD for 730 hours, and little else (a disk).
    let instance = 730.0 * (0.0816 + 0.005);
    assert!((instance..instance + 5.0).contains(&amount(&parts[1])), "{movement:#}");
    // The numbers of the file are those of this program and of these prices.
    assert!(parts[2..].iter().all(|part| amount(part).abs() < 1e-6), "{movement:#}");
}

#[test]
fn a_results_json_of_another_directory_takes_its_data_from_there() {
    let dir = project();
    fs::create_dir(dir.path().join("plans")).unwrap();
    for name in ["one.yaml", "two.yaml"] {
        fs::rename(dir.path().join(name), dir.path().join("plans").join(name)).unwrap();
    }
    let rows = |rate: u32| (0..3_600).fold("time,count\n".to_owned(), |all, t| all + &format!("{t},{rate}\n"));
    let csv = dir.path().join("plans/load.csv");
    fs::write(&csv, rows(3)).unwrap();
    let scenario = SCENARIO.replace("{ constant: 3/s }", "{ replay: { file: load.csv, rate: true } }");
    fs::write(dir.path().join("plans/shop.yaml"), scenario).unwrap();
    fs::remove_file(dir.path().join("shop.yaml")).unwrap();
    compared(dir.path(), "plans/shop.yaml");
    fs::write(dir.path().join("plans/two.yaml"), fleet("two", 3)).unwrap();
    let run = |code: i32| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_costsim"));
        command.current_dir(dir.path()).env("NO_COLOR", "1").env_remove("GITHUB_ACTIONS");
        command.args(["check", "plans/shop.yaml", "--baseline", "out/results.json", "--quiet"]);
        ended(command.output().unwrap(), code)
    };
    let text = run(100);
    assert!(text.contains("two: the bill was moved by model +$") && !text.contains("cannot be told apart"), "{text}");
    // The data have changed as well: what the old ones were is not known any more.
    fs::write(&csv, rows(9)).unwrap();
    let text = run(100);
    assert!(text.contains("traffic and model cannot be told apart: `load.csv`"), "{text}");
}

/// A fortnight, of which windows can stand for the rest: neither model scales.
fn fortnight() -> tempfile::TempDir {
    let dir = project();
    change(dir.path(), "shop.yaml", "horizon: 1h", "horizon: 14d");
    change(dir.path(), "shop.yaml", "3/s", "0.5/s");
    dir
}

#[test]
fn windows_stand_for_the_horizon_on_both_sides() {
    let dir = fortnight();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    let sampled = ["--precision", "1%", "--baseline-rev", "main"];
    let text = check(dir.path(), &sampled, 0);
    assert!(text.contains("The gate passes; no bill changes beyond noise"), "{text}");
    assert!(text.contains("note windows of 60 minutes stand for the rest of the horizon\n"), "{text}");
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    let found = report(dir.path(), &sampled, 100);
    // The same windows: what did not change is the same to the last digit.
    let rows = of(&found["rows"], "one");
    assert!(rows.len() == 3 && rows.iter().all(|row| row["baseline"] == row["new"]), "{rows:?}");
    // One more m7g.large and its address for a month, as if all of it had been simulated.
    let row = of(&found["rows"], "two")[0];
    let more = row["new"].as_f64().unwrap() - row["baseline"].as_f64().unwrap();
    let instance = 730.0 * (0.0816 + 0.005);
    assert!((instance..instance + 5.0).contains(&more), "{row}");
    // What windows cannot stand for is simulated in full, and that is said.
    let two = fleet("two", 2).replace("max: 2,", "max: 4, scaling: { target_tracking: { cpu: 50% } },");
    fs::write(dir.path().join("two.yaml"), two).unwrap();
    change(dir.path(), "shop.yaml", "0.5/s", "0.4/s");
    let text = check(dir.path(), &[&sampled[..], &["--replications", "2"]].concat(), 0);
    assert!(text.contains("all of it was simulated for two: a fleet that scales keeps instances"), "{text}");
}

/// A fleet that scales is cut into windows, too, as long as its requests are many enough to be a fluid before them; what did not change is the same to the
/// last digit on both sides, and twice the work of each request takes twice the instances.
#[test]
fn windows_stand_for_a_fleet_that_scales() {
    let dir = fortnight();
    change(dir.path(), "shop.yaml", "cpu: 8ms", "cpu: 1500ms");
    change(dir.path(), "shop.yaml", "objectives: { p99: 900ms }", "objectives: { p99: 20s }");
    change(dir.path(), "shop.yaml", "./one.yaml, ", "");
    let scales = "max: 9, scaling: { target_tracking: { cpu: 10% } },";
    fs::write(dir.path().join("two.yaml"), fleet("two", 2).replace("max: 2,", scales)).unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    let sampled = ["--precision", "9%", "--replications", "5", "--baseline-rev", "main"];
    let text = check(dir.path(), &sampled, 0);
    assert!(text.contains("note windows of 60 minutes stand for the rest of the horizon\n"), "{text}");
    change(dir.path(), "two.yaml", "cpu: 10%", "cpu: 5%");
    let found = report(dir.path(), &sampled, 100);
    let row = of(&found["rows"], "two")[0];
    // 0.75 vCPU: at 10 % of two vCPUs 3.75 instances, at 5 % 7.5, each between that and 1 / 0.7 of it; 0.0866 USD an hour for 730 hours.
    let each = 730.0 * (0.0816 + 0.005);
    let instances = |side: &str| row[side].as_f64().unwrap() / each;
    assert!((3.7..6.5).contains(&instances("baseline")) && (7.4..10.5).contains(&instances("new")), "{row}");
}

/// With `--precision` one goes on for the bills' sake as well, so their intervals share out the error as those of `compare --precision` do: 4 % at the first
/// of several looks, all of it where there is one only. Student's t for 4 degrees of freedom: 2.99853 and 2.77645 (any table).
#[test]
fn intervals_of_bills_pay_for_the_looks() {
    let dir = fortnight();
    change(dir.path(), "shop.yaml", "./one.yaml, ./two.yaml", "lambda-http-api");
    for (more, t) in
        [(&["--precision", "50%"][..], 2.998_53), (&["--precision", "50%", "--replications", "5"], 2.776_45)]
    {
        let found = report(dir.path(), &[more, &["--write-baseline", "base.json"]].concat(), 0);
        let bill = of(&found["measured"], "lambda-http-api")[0];
        assert_eq!(bill["metric"], "monthly_cost.total");
        let stored: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(dir.path().join("base.json")).unwrap()).unwrap();
        let each = stored["architectures"][0]["metrics"][0]["each"].as_array().unwrap();
        let each: Vec<f64> = each.iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(each.len(), 5);
        let mean = each.iter().sum::<f64>() / 5.0;
        let error = (each.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 4.0 / 5.0).sqrt();
        let half = (bill["high"].as_f64().unwrap() - bill["low"].as_f64().unwrap()) / 2.0;
        assert!(error > 0.0 && (half / error / t - 1.0).abs() < 1e-4, "{half} {error} {bill}");
    }
    // What is not known as precisely as it was to be is said.
    let text = check(dir.path(), &["--precision", "0.0001%", "--replications", "5"], 0);
    assert!(text.contains("the bill of lambda-http-api is known to ±") && text.contains("not to ±0.0001 %"), "{text}");
}

#[test]
fn a_baseline_that_was_simulated_otherwise_is_not_compared() {
    let dir = fortnight();
    change(dir.path(), "shop.yaml", "0.5/s", "0.05/s");
    let (sampled, whole) = (["--precision", "1%"], [""; 0]);
    for (made, held, said) in [
        (&sampled[..], &whole[..], "was made with `--precision`: give it here, too"),
        (&whole[..], &sampled[..], "was made without `--precision`: leave it out"),
    ] {
        check(dir.path(), &[made, &["--write-baseline", "base.json"]].concat(), 0);
        let text = check(dir.path(), &[held, &AGAINST].concat(), 101);
        assert!(text.contains(said), "{text}");
        let same = check(dir.path(), &[made, &AGAINST].concat(), 0);
        assert!(same.contains("no bill changes beyond noise") && !same.contains("moved by"), "{same}");
    }
}

/// A month at 50 requests a second on two architectures, against a branch point at which both were otherwise: the time that `docs/check.md` tells.
#[test]
fn a_month_at_fifty_a_second_takes_seconds() {
    if std::env::var_os("COSTSIM_SLOW").is_none() {
        println!("skipped: COSTSIM_SLOW=1 measures it");
        return;
    }
    let dir = project();
    change(dir.path(), "shop.yaml", "horizon: 1h", "horizon: 28d");
    change(dir.path(), "shop.yaml", "3/s", "50/s");
    change(dir.path(), "shop.yaml", "[ ./one.yaml, ./two.yaml ]", "[ ./one.yaml, lambda-http-api ]");
    // A fleet that scales, the typical one.
    let one = fleet("one", 2).replace("max: 2,", "max: 20, scaling: { target_tracking: { cpu: 20% } },");
    fs::write(dir.path().join("one.yaml"), one).unwrap();
    change(dir.path(), "shop.yaml", "{ constant: 50/s }", "{ diurnal: { mean: 50/s, peak: 100/s, peak_at: '20:00' } }");
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    // Both are run on both sides.
    change(dir.path(), "shop.yaml", "cpu: 8ms", "cpu: 9ms");
    let begun = std::time::Instant::now();
    let text = command(dir.path(), &["--precision", "1%", "--baseline-rev", "main"]).output().unwrap();
    let took = begun.elapsed().as_secs_f64();
    println!("a month at 50 requests/s, two architectures, both sides: {took:.1} s\n{}", ended(text, 0));
    assert!(took < if cfg!(debug_assertions) { 240.0 } else { 60.0 }, "{took}");
}

#[test]
fn a_model_file_that_moved_is_the_same_model() {
    let dir = repository();
    git(dir.path(), &["checkout", "-qb", "change"]);
    fs::create_dir(dir.path().join("models")).unwrap();
    git(dir.path(), &["mv", "two.yaml", "models/two.yaml"]);
    change(dir.path(), "shop.yaml", "./two.yaml", "./models/two.yaml");
    git(dir.path(), &["commit", "-qam", "move"]);
    let found = report(dir.path(), &["--baseline-rev", "main"], 0);
    for name in ["one", "two"] {
        assert!(of(&found["rows"], name).iter().all(|row| row["baseline"] == row["new"]), "{found:#}");
        assert!(of(&found["movements"], name)[0]["moved"].as_array().unwrap().is_empty(), "{found:#}");
    }
}

#[test]
fn another_winner_counts_beyond_the_band_and_beyond_noise() {
    let dir = project();
    let winner = "gate:\n  - { name: winner, metric: verdict, limit: cheapest stays }\n";
    fs::write(dir.path().join("costsim.gate.yaml"), winner).unwrap();
    check(dir.path(), &["--write-baseline", "base.json"], 0);
    // Three instances against two: 50 % more.
    fs::write(dir.path().join("one.yaml"), fleet("one", 3)).unwrap();
    let text = check(dir.path(), &against(&[]), 100);
    assert!(text.contains("two is the cheapest now, not one"), "{text}");
    // As many: too close to call.
    fs::write(dir.path().join("one.yaml"), fleet("one", 2)).unwrap();
    assert!(check(dir.path(), &against(&[]), 0).contains("too close to call"));
}

#[test]
fn a_long_file_has_to_be_there_to_be_run_again() {
    let dir = project();
    let rows = |rate: u32| {
        (0..5_000)
            .fold("time,count\n".to_owned(), |all, t| all + &format!("{t},{rate}.00000000\n").replace(".00000000", ""))
    };
    let long = |rate: u32| rows(rate) + &"\n".repeat(70_000);
    fs::write(dir.path().join("load.csv"), long(3)).unwrap();
    change(dir.path(), "shop.yaml", "{ constant: 3/s }", "{ replay: { file: load.csv, rate: true } }");
    check(dir.path(), &["--write-baseline", "base.json"], 0);
    assert!(fs::metadata(dir.path().join("base.json")).unwrap().len() < 65_536);
    // The model alone moved: the file is what it was.
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    assert!(check(dir.path(), &against(&[]), 100).contains("two: the bill was moved by model +$"));
    // The file moved as well.
    fs::write(dir.path().join("load.csv"), long(9)).unwrap();
    let text = check(dir.path(), &against(&[]), 100);
    assert!(text.contains("traffic and model cannot be told apart: `load.csv` is too long to be kept"), "{text}");
}

#[test]
fn a_baseline_of_more_replications_is_looked_at_like_with_like() {
    let dir = project();
    check(dir.path(), &["--write-baseline", "base.json", "--replications", "12"], 0);
    let found = report(dir.path(), &AGAINST, 0);
    assert_eq!(found["replications"], 5);
    for row in found["rows"].as_array().unwrap() {
        assert_eq!(row["baseline"], row["new"], "{row}");
    }
    // What is within noise is said to be, and how to tell more.
    let latency = "gate:\n  - { name: fast, metric: latency_ms.p99, limit: \"< 99.9 ms\" }\n";
    fs::write(dir.path().join("costsim.gate.yaml"), latency).unwrap();
    let text = check(dir.path(), &["--replications", "2"], 0);
    assert!(!text.contains(" ~ ") || text.contains("within noise at 2 replications"), "{text}");
}

#[test]
fn an_unchanged_architecture_gives_what_it_gives_alone() {
    let dir = repository();
    fs::write(dir.path().join("two.yaml"), fleet("two", 3)).unwrap();
    let alone = report(dir.path(), &["--replications", "5"], 0);
    let paired = report(dir.path(), &["--replications", "5", "--baseline-rev", "main"], 100);
    assert_eq!(alone["measured"], paired["measured"]);
    let rows = of(&paired["rows"], "one");
    assert!(rows.len() == 3 && rows.iter().all(|row| row["baseline"] == row["new"]), "{rows:?}");
}

/// `examples/ci/post-comment.sh` with a `gh` that does what the platform would.
#[cfg(unix)]
#[test]
fn the_comment_is_posted_replaced_or_left_to_the_summary() {
    use std::os::unix::fs::PermissionsExt;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci/post-comment.sh");
    for (gh, said, called) in [
        // No comment yet.
        ("case \"$*\" in *--jq*) ;; *) ;; esac", "posted", "pr comment 7 --body-file c.md"),
        // One of an earlier run.
        (
            "case \"$*\" in *--jq*) echo 42 ;; esac",
            "posted",
            "api --silent --method PATCH repos/{owner}/{repo}/issues/comments/42 --field body=@c.md",
        ),
        // A pull request from a fork: the token may read, not write.
        ("case \"$*\" in *--jq*) ;; *) exit 1 ;; esac", "job summary", "pr comment 7 --body-file c.md"),
        // Not even that.
        ("exit 1", "job summary", "api repos"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("c.md"), "<!-- costsim-check:shop -->\ntext\n").unwrap();
        let tool = dir.path().join("gh");
        fs::write(&tool, format!("#!/usr/bin/env bash\necho \"$*\" >> calls\n{gh}\n")).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.arg(&script).args(["c.md", "7"]).env("PATH", path).current_dir(dir.path());
        let text = ended(bash.output().unwrap(), 0);
        assert!(text.contains(said), "{gh}: {text}");
        let calls = fs::read_to_string(dir.path().join("calls")).unwrap();
        assert!(calls.contains(called), "{gh}: {calls}");
    }
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
