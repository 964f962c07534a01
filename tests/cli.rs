//! The commands from outside: what they print, where, and with which exit code.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "says what was skipped")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_costsim"));
    command.current_dir(dir).env("NO_COLOR", "1").args(args);
    command
}

/// Runs it; the exit code has to be `code`. Returns the standard output and the standard error.
#[track_caller]
fn check(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = command(dir, args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "costsim {}\n{stdout}\n{stderr}", args.join(" "));
    (stdout, stderr)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A short comparison of two built-in models.
const SHORT: [&str; 12] = [
    "compare",
    "lambda-http-api",
    "ec2-asg-alb",
    "--rate",
    "2/s",
    "--duration",
    "120ms",
    "--cpu-share",
    "40%",
    "--horizon",
    "6h",
    "--replications=2",
];

fn short(more: &[&'static str]) -> Vec<&'static str> {
    [&SHORT[..], more].concat()
}

#[test]
fn help_shows_commands_examples_and_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let (help, _) = check(dir.path(), &["--help"], 0);
    for word in ["compare", "validate", "init", "Examples:", "Exit codes:"] {
        assert!(help.contains(word), "{word}\n{help}");
    }
    let (help, _) = check(dir.path(), &["compare", "--help"], 0);
    for option in ["--arch", "--rate", "--per-month", "--replay", "--duration", "--cpu-share", "--out", "--format"] {
        assert!(help.contains(option), "{option}");
    }
    for option in ["--seed", "--replications", "--horizon", "--set", "--data-dir", "--jobs", "--quiet"] {
        assert!(help.contains(option), "{option}");
    }
    assert!(check(dir.path(), &["--version"], 0).0.starts_with("costsim "));
}

#[test]
fn results_go_to_the_standard_output_and_are_the_same_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    let (one, _) = check(dir.path(), &short(&["--format", "json", "-j1"]), 0);
    let (four, _) = check(dir.path(), &short(&["--format", "json", "-j4", "--quiet"]), 0);
    assert!(one == four, "the results depend on the number of threads");
    let results: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(results["schema"], "costsim.results/1");
    assert_eq!(results["architectures"].as_array().unwrap().len(), 2);
    for architecture in results["architectures"].as_array().unwrap() {
        for replication in 0..2 {
            let count = |key: &str| architecture["requests"][key]["each"][replication].as_f64().unwrap() as u64;
            let ends = ["served", "throttled", "rejected", "timed_out", "failed", "in_flight"];
            assert_eq!(ends.iter().map(|key| count(key)).sum::<u64>(), count("arrived"));
            // Two a second for six hours, with a standard deviation of 208.
            assert!(count("arrived").abs_diff(43_200) < 1_000);
        }
    }
    let other = check(dir.path(), &short(&["--format", "json", "--seed", "7"]), 0).0;
    assert!(one != other, "the seed changes nothing");
}

#[test]
fn every_format_prints() {
    let dir = tempfile::tempdir().unwrap();
    let (table, _) = check(dir.path(), &short(&[]), 0);
    assert!(table.contains("lambda-http-api") && table.contains("ec2-asg-alb"), "{table}");
    let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
    assert!(!table.contains('\u{1b}'), "colours where nobody looks");
    let (csv, _) = check(dir.path(), &short(&["--format", "csv"]), 0);
    assert!(csv.lines().count() > 5 && csv.contains("AWS Lambda"), "{csv}");
    let (markdown, _) = check(dir.path(), &short(&["--format", "markdown", "--quiet"]), 0);
    assert!(markdown.contains("| "), "{markdown}");
}

#[test]
fn out_writes_everything_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    check(dir.path(), &short(&["--out", "a/report", "--quiet"]), 0);
    let out = dir.path().join("a/report");
    let expected = [
        "charts",
        "focus.csv",
        "infracost-usage-1-lambda-http-api.yml",
        "infracost-usage-2-ec2-asg-alb.yml",
        "line_items.csv",
        "report.html",
        "report.xlsx",
        "results.json",
    ];
    assert_eq!(names(&out), expected);
    assert!(names(&out.join("charts")).iter().all(|name| name.ends_with(".svg")));
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") || html.starts_with("<!doctype html>"));
    let json = fs::read_to_string(out.join("results.json")).unwrap();
    assert_eq!(json, check(dir.path(), &short(&["--format", "json", "--quiet"]), 0).0);
}

/// What is written in full shows how much rests on the speed of instances, at 70 %, 100 % and 130 % of it; the screen does not, and it can be left out. At other
/// prices what other speeds cost is not known.
#[test]
fn reports_vary_the_speed_of_instances() {
    let dir = tempfile::tempdir().unwrap();
    let (table, _) = check(dir.path(), &short(&["--quiet"]), 0);
    assert!(!table.contains("at speed"), "{table}");
    check(dir.path(), &short(&["--out", "report", "--quiet"]), 0);
    let html = fs::read_to_string(dir.path().join("report/report.html")).unwrap();
    assert!(html.contains("at speed −30\u{a0}%") && html.contains("at speed +30\u{a0}%"));
    let written = fs::read_to_string(dir.path().join("report/results.json")).unwrap();
    let speeds = |text: &str| {
        let results: serde_json::Value = serde_json::from_str(text).unwrap();
        let of = |architecture: &serde_json::Value| architecture["at_speed"].as_array().cloned().unwrap_or_default();
        results["architectures"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let found = speeds(&written);
    let (function, fleet) = (&found[0], &found[1]);
    assert!(function.is_empty(), "a function has no instances: {function:?}");
    assert_eq!(fleet.iter().map(|at| at["speed"].as_f64().unwrap()).collect::<Vec<_>>(), [0.7, 1.0, 1.3]);
    assert!(fleet.iter().all(|at| at["total"].is_string()), "{fleet:?}");
    for left_out in ["--no-sensitivity", "--quick"] {
        let (json, _) = check(dir.path(), &short(&["--format", "json", "--quiet", left_out]), 0);
        assert!(speeds(&json).iter().all(Vec::is_empty), "{left_out}");
    }
    let (same, _) = check(dir.path(), &["reprice", "report/results.json", "--format", "json", "--quiet"], 0);
    assert_eq!(same, written);
    let elsewhere = ["reprice", "report/results.json", "--region", "eu-west-1", "--format", "json", "--quiet"];
    let (other, _) = check(dir.path(), &elsewhere, 0);
    assert!(speeds(&other)[1].iter().all(|at| at["total"].is_null()), "{other}");
}

/// Charts of the run before that this one does not have would be taken for its own; whatever else lies there is not ours.
#[test]
fn out_clears_away_what_the_run_before_wrote() {
    let dir = tempfile::tempdir().unwrap();
    check(dir.path(), &short(&["--out", "out", "--quiet", "--quick"]), 0);
    let charts = dir.path().join("out/charts");
    let of_the_fleet = |names: &[String]| names.iter().filter(|name| name.contains("ec2-asg-alb")).count();
    assert!(of_the_fleet(&names(&charts)) > 0);
    fs::write(charts.join("latency-9-ec2-asg-alb.svg"), "mine").unwrap();
    fs::write(dir.path().join("out/notes.txt"), "mine").unwrap();
    check(dir.path(), &short(&["--out", "out", "--quiet", "--quick", "--arch", "lambda-http-api"]), 0);
    assert_eq!(of_the_fleet(&names(&charts)), 1, "{:?}", names(&charts));
    assert!(charts.join("latency-9-ec2-asg-alb.svg").exists() && dir.path().join("out/notes.txt").exists());
}

/// A group without instances publishes no metric, and target tracking does not act on insufficient data (EC2 Auto Scaling user guide).
#[test]
fn a_group_that_cannot_wake_up_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let asleep = ["--set=ec2-asg-alb:web.fleet.min=0", "--set=ec2-asg-alb:web.fleet.desired=0", "--quick"];
    let (_, warnings) = check(dir.path(), &short(&asleep), 0);
    assert!(warnings.contains("fleet `web` stood without an instance") && warnings.contains("`min: 1`"), "{warnings}");
    assert!(!warnings.contains("a smaller one would do"), "{warnings}");
    let (_, warnings) = check(dir.path(), &short(&["--quick"]), 0);
    assert!(!warnings.contains("without an instance"), "{warnings}");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_said_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("taken"), "").unwrap();
    let (stdout, stderr) = check(dir.path(), &short(&["--out", "taken/report"]), 2);
    assert!(stdout.is_empty() && stderr.contains("taken/report"), "{stderr}");
}

#[test]
fn a_closed_pipe_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    for args in [short(&["--quiet"]), vec!["--help"], vec!["schema", "results"], vec!["man"]] {
        let mut child = command(dir.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["compare", "lambda-http-api", "--rate", "5000/s", "--duration", "120ms", "--horizon", "28d", "--out", "out"];
    let mut child = command(dir.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(101));
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stdout.is_empty());
    assert!(stderr.contains("nothing was written"), "{stderr}");
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn the_starter_validates_runs_and_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let (_, stderr) = check(dir.path(), &["init", "shop"], 0);
    assert!(stderr.contains("costsim compare shop/scenario.yaml"), "{stderr}");
    assert_eq!(names(&dir.path().join("shop")), ["ec2.yaml", "lambda.yaml", "scenario.yaml", "schema"]);
    let files = ["shop/scenario.yaml", "shop/lambda.yaml", "shop/ec2.yaml"];
    let (_, stderr) = check(dir.path(), &[&["validate"], &files[..]].concat(), 0);
    assert!(!stderr.contains("warning"), "{stderr}");
    check(
        dir.path(),
        &["compare", files[0], "--replications", "1", "--quick", "--quiet", "--set", "traffic.scale=0.02"],
        0,
    );
    fs::write(dir.path().join("shop/ec2.yaml"), "mine").unwrap();
    let (_, stderr) = check(dir.path(), &["init", "shop"], 2);
    assert!(stderr.contains("ec2.yaml"), "{stderr}");
    assert_eq!(fs::read_to_string(dir.path().join("shop/ec2.yaml")).unwrap(), "mine");
}

#[test]
fn schemas_are_json_schemas() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["scenario", "model", "pricing", "results"] {
        let (text, _) = check(dir.path(), &["schema", kind], 0);
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{kind}");
        let body =
            schema["$ref"].as_str().map_or(&schema, |path| schema.pointer(path.trim_start_matches('#')).unwrap());
        assert_eq!(body["type"], "object", "{kind}");
    }
}

#[test]
fn completions_and_the_manual_name_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(check(dir.path(), &["completions", shell], 0).0.contains("compare"), "{shell}");
    }
    let (page, _) = check(dir.path(), &["man"], 0);
    assert!(page.contains(".TH") && page.contains("cpu\\-share"), "{page}");
}

/// The main job on traffic that nobody here wrote: a week of the 1998 World Cup site, a function against a fleet.
#[test]
fn the_world_cup_is_compared_and_reported() {
    let shared = std::env::var_os("COSTSIM_SHARED").map(std::path::PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let file = shared.join("data/traffic/worldcup98_1998-05-04_7d_per_minute.csv.gz");
    if !file.is_file() {
        println!("skipped: the traffic of the World Cup is not here");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_costsim"))
        .current_dir(dir.path())
        .args(["compare", "lambda-http-api", "ec2-asg-alb", "--duration", "20ms", "--cpu-share", "40%", "--quick"])
        .args(["--replications", "1", "--format", "json", "--out", "report", "--replay"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // Its description: 7 days with a mean of 963 requests a minute.
    for architecture in results["architectures"].as_array().expect("two") {
        let arrived = architecture["requests"]["arrived"]["value"].as_f64().expect("a number");
        assert!((arrived / (963.0 * 10_080.0) - 1.0).abs() < 0.002, "{arrived}");
    }
    let report = std::fs::read_to_string(dir.path().join("report/report.html")).expect("a report");
    assert!(report.contains("ec2-asg-alb") && report.contains("</html>"));
}
