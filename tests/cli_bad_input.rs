//! Bad input is shown with its place and what to write instead, ends with exit code 2 and never panics.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = "\
name: shop
horizon: 7d
replications: 1
traffic: { constant: 5/s }
requests:
  - name: browse
    share: 0.9
    cpu: { lognormal: { p50: 8ms, p99: 40ms } }
    wait: 20ms
  - name: checkout
    share: 0.1
    cpu: 20ms
    wait: 60ms
architectures: [ ./model.yaml ]
";

const MODEL: &str = "\
name: lambda
entry: api
components:
  api: { http_api: { to: shop } }
  shop:
    lambda: { memory: 512 MB, arch: arm64, runtime: nodejs22, dependencies: 300ms, timeout: 10s }
";

const FLEET: &str = "\
name: ec2
entry: lb
components:
  lb: { load_balancer: { to: web } }
  web:
    fleet:
      instance_type: m7g.large
      min: 2
      max: 4
      desired: 2
      zones: 2
      scaling: { target_tracking: { cpu: 50% } }
      boot: { user_data: 60s, app_start: 20s }
";

fn costsim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_costsim")).current_dir(dir).env("NO_COLOR", "1").args(args).output().unwrap()
}

/// Validates a scenario and its model; every one of `expected` has to stand in the message, and the exit code is 2.
#[track_caller]
fn check(scenario: impl AsRef<[u8]>, model: &str, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), scenario).unwrap();
    std::fs::write(dir.path().join("model.yaml"), model).unwrap();
    for command in ["validate", "compare"] {
        let output = costsim(dir.path(), &[command, "scenario.yaml"]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}:\n{message}");
        assert!(output.stdout.is_empty(), "{command}: results of bad input");
        assert!(!message.contains("panicked"), "{command}:\n{message}");
        for text in expected {
            assert!(message.contains(text), "{command}: no {text:?} in\n{message}");
        }
    }
}

/// The scenario with one text replaced by another.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert_eq!(SCENARIO.matches(from).count(), 1, "{from:?} is not there once");
    SCENARIO.replace(from, to)
}

#[test]
fn the_good_ones_are_good() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), SCENARIO).unwrap();
    for model in [MODEL, FLEET] {
        std::fs::write(dir.path().join("model.yaml"), model).unwrap();
        let output = costsim(dir.path(), &["validate", "scenario.yaml", "model.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_unknown_key_names_the_nearest() {
    check(with("replications: 1", "replication: 1"), MODEL, &["scenario.yaml:3:1", "replication: 1", "`replications`"]);
    check(SCENARIO, &MODEL.replace("memory", "memroy"), &["model.yaml:6:15", "`memory`"]);
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let scenario = with("horizon: 7d", "horzon: 7d").replace("5/s", "5/parsec").replace("share: 0.1", "share: 0.2");
    check(scenario, MODEL, &["scenario.yaml:2:1", "scenario.yaml:4:", "5/parsec", "share"]);
}

#[test]
fn a_duration_without_its_cpu_share() {
    let measured = SCENARIO
        .replace("    cpu: { lognormal: { p50: 8ms, p99: 40ms } }\n    wait: 20ms\n", "    duration: 28ms\n")
        .replace("    cpu: 20ms\n    wait: 60ms\n", "    duration: 80ms\n");
    check(&measured, FLEET, &["scenario.yaml:", "cpu_share"]);
}

#[test]
fn wrong_units() {
    check(with("wait: 20ms", "wait: 20 KB"), MODEL, &["scenario.yaml:9:11", "20 KB", "ms"]);
    check(with("wait: 20ms", "wait: 20"), MODEL, &["scenario.yaml:9:11"]);
    check(SCENARIO, &MODEL.replace("512 MB", "512 ms"), &["model.yaml:6:", "512 ms", "MB"]);
}

#[test]
fn numbers_that_are_none() {
    for bad in ["-5/s", ".nan", ".inf", "1e400/s", "nan/s"] {
        check(with("5/s", bad), MODEL, &["scenario.yaml:4:"]);
    }
    check(with("share: 0.9", "share: -0.9"), MODEL, &["scenario.yaml:7:12"]);
    check(with("wait: 20ms", "wait: -20ms"), MODEL, &["scenario.yaml:9:11"]);
    check(with("replications: 1", "replications: 0"), MODEL, &["scenario.yaml:3:"]);
    check(with("replications: 1", "replications: 99999999999999999999"), MODEL, &["scenario.yaml:3:"]);
}

#[test]
fn p99_below_p50() {
    check(with("p50: 8ms, p99: 40ms", "p50: 80ms, p99: 40ms"), MODEL, &["scenario.yaml:8:", "p99", "p50"]);
}

#[test]
fn shares_that_do_not_add_up() {
    check(with("share: 0.1", "share: 0.2"), MODEL, &["scenario.yaml:", "share", "1.1"]);
}

#[test]
fn references_to_nothing() {
    check(SCENARIO, &MODEL.replace("to: shop", "to: shup"), &["model.yaml:4:", "shup", "`shop`"]);
    check(SCENARIO, &MODEL.replace("entry: api", "entry: app"), &["model.yaml:2:", "`api`"]);
    check(with("./model.yaml", "./missing.yaml"), MODEL, &["scenario.yaml:14:", "missing.yaml"]);
    check(with("./model.yaml", "./modle.yaml"), MODEL, &["scenario.yaml:14:", "did you mean `./model.yaml`?"]);
    check(with("constant: 5/s", "replay: { file: gone.csv, rate: true }"), MODEL, &["scenario.yaml:4:", "gone.csv"]);
    check(SCENARIO, &FLEET.replace("m7g.large", "m7g.larg"), &["model.yaml:7:", "`m7g.large`"]);
}

#[test]
fn a_loop_of_synchronous_calls() {
    let model = "name: ring\nentry: a\ncomponents:\n  a: { http_api: { to: b } }\n  b: { load_balancer: { to: a } }\n";
    check(SCENARIO, model, &["model.yaml:", "loop"]);
}

#[test]
fn a_duplicate_key() {
    check(with("horizon: 7d", "horizon: 7d\nhorizon: 28d"), MODEL, &["scenario.yaml:3:1", "horizon"]);
}

#[test]
fn an_alias_bomb() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    check(bomb + SCENARIO, MODEL, &["scenario.yaml"]);
}

#[test]
fn a_hundred_thousand_brackets() {
    check("[".repeat(100_000), MODEL, &["scenario.yaml"]);
    check("a: ".to_owned() + &"{a: ".repeat(100_000), MODEL, &["scenario.yaml"]);
    check("- ".repeat(100_000), MODEL, &["scenario.yaml"]);
}

#[test]
fn no_content() {
    check("", MODEL, &["scenario.yaml", "empty"]);
    check("# nothing but a comment\n", MODEL, &["scenario.yaml", "empty"]);
    check(SCENARIO, "", &["model.yaml", "empty"]);
}

#[test]
fn no_text() {
    check(b"name: caf\xe9\n", MODEL, &["scenario.yaml:1:10", "UTF-8"]);
    check(b"\x00\x01\x02\xff\xfe", MODEL, &["scenario.yaml"]);
}

#[test]
fn a_directory() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("scenario.yaml")).unwrap();
    let output = costsim(dir.path(), &["validate", "scenario.yaml"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("directory"), "{message}");
}

/// A pipe can be read once only, and asking must not wait for somebody to write into it.
#[cfg(unix)]
#[test]
fn a_pipe_as_replayed_file() {
    let dir = tempfile::tempdir().unwrap();
    if !Command::new("mkfifo").arg(dir.path().join("pipe.csv")).status().is_ok_and(|status| status.success()) {
        return;
    }
    std::fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    std::fs::write(dir.path().join("s.yaml"), with("constant: 5/s", "replay: { file: pipe.csv, rate: true }")).unwrap();
    let flags = ["compare", "model.yaml", "--replay", "pipe.csv", "--duration", "20ms"];
    for args in [&["compare", "s.yaml"][..], &flags] {
        let output = costsim(dir.path(), args);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("`pipe.csv` is a pipe") && message.contains("save it as a file"), "{message}");
    }
}

#[test]
fn a_name_that_stands_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = costsim(dir.path(), &["compare", "storefrnt"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("`storefront`"), "{message}");
}

#[test]
fn a_burst_outside_the_horizon() {
    let burst = "constant: 5/s, bursts: [ { at: 8d, lasts: 1h, times: 2, per: month } ]";
    check(with("constant: 5/s", burst), MODEL, &["scenario.yaml:4:", "horizon"]);
}

#[test]
fn a_peak_that_no_wave_has() {
    check(
        with("constant: 5/s", "diurnal: { mean: 5/s, peak: 4/s, peak_at: \"20:00\" }"),
        MODEL,
        &["scenario.yaml:4:", "peak"],
    );
}

#[test]
fn wrong_options() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), SCENARIO).unwrap();
    std::fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    for (args, expected) in [
        (["--set", "traffc.scale=2"], "traffic"),
        (["--set", "traffic.scale"], "="),
        (["--set", "lambda:shop.lambda.memroy=1 GB"], "memory"),
        (["--horizon", "7 parsecs"], "parsecs"),
        (["--rate", "fast"], "fast"),
        (["--replications", "0"], "replications"),
        (["--jobs", "many"], "many"),
        (["--format", "yaml"], "table"),
        (["--data-dir", "nowhere"], "nowhere"),
        (["--out", "scenario.yaml"], "not a directory"),
    ] {
        let output = costsim(dir.path(), &["compare", "scenario.yaml", args[0], args[1]]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: no {expected:?} in\n{message}");
    }
}

#[test]
fn a_region_without_prices() {
    check(with("horizon: 7d", "horizon: 7d\nregion: mars"), MODEL, &["scenario.yaml:3:9", "mars", "us-east-1"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), with("horizon: 7d", "horizon: 7d\nregion: mars-north-1")).unwrap();
    std::fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    let output = costsim(dir.path(), &["compare", "scenario.yaml"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("mars-north-1") && message.contains("us-east-1"), "{message}");
}

#[test]
fn a_free_tier_that_there_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = with("horizon: 7d", "horizon: 28d\naccount: { free_tier: { lambda.reqest: 5M } }");
    std::fs::write(dir.path().join("scenario.yaml"), scenario).unwrap();
    std::fs::write(dir.path().join("model.yaml"), MODEL).unwrap();
    let output = costsim(dir.path(), &["compare", "scenario.yaml"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("lambda.reqest"), "{message}");
}

#[test]
fn more_windows_than_memory_holds_are_refused() {
    let short = format!("{SCENARIO}objectives: {{ p99: {{ limit: 1s, window: 1s }} }}\n");
    // 7 d are 604,800 windows of 1 s.
    check(&short, MODEL, &["the horizon of 7d has too many windows of 1s", "at most 600000 are judged"]);
}
