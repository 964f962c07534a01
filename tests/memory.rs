//! Memory does not grow with the number of requests.

mod common;

use common::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;
use std::process::Command;

/// What a worker may take, in KiB.
const MOST: u64 = 64 << 10;

/// The most memory that this process has had in use so far, in KiB; `None` where the system does not tell.
fn peak() -> Option<u64> {
    peak_of("self")
}

/// The same of another process.
fn peak_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a month of a fleet may take, in KiB.
const FLEET_MOST: u64 = 100 << 10;

/// A function behind an API and a fleet behind a balancer, each with an objective in windows.
fn cases(requests: f64) -> Vec<(Scenario, Architecture)> {
    let rate = 1_000.0;
    let mut scenario = scenario(rate, requests / rate, exponential(0.03));
    scenario.objectives.latency.push(windowed_objective());
    let fleet = Fleet { concurrency: Limit::At(64), queue: Limit::At(128), ..fleet(10, 2) };
    let function = behind_api(ComponentKind::Lambda(function()));
    let fleet = behind_balancer(ComponentKind::Fleet(fleet), Balancing::LeastOutstanding);
    vec![(scenario.clone(), function), (scenario, fleet)]
}

/// One test, since the peak is that of the whole process.
#[test]
#[allow(clippy::print_stderr)]
fn twenty_million_requests_take_no_more_than_one() {
    let after = |requests: f64| {
        for (scenario, architecture) in cases(requests) {
            let arrived = run(&scenario, &architecture).classes[0].arrived;
            assert_close("requests", arrived as f64, requests, 0.01);
        }
        peak()
    };
    let (Some(few), Some(many)) = (after(1e6), after(2e7)) else {
        eprintln!("skipped: the system does not tell how much memory is in use");
        return;
    };
    // A byte for each request would be 19 MB. What may grow is the list of windows: 20,000 s are 67.
    assert!(many < few + 1_024, "{few} KiB after a million requests, {many} KiB after twenty million");
    assert!(many < MOST, "{many} KiB");
}

/// The program itself, with no more address space than a worker may take, in one thread.
fn fits(arguments: &[&str]) {
    // Two arenas of the allocator, one for each thread, would each set 64 MB of addresses aside.
    let limited = format!("ulimit -v {MOST} && exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_costsim"), "compare", "-j1", "--quiet"])
        .args(arguments)
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `docs/performance.md` has a billion.
#[test]
#[allow(clippy::print_stderr)]
fn a_hundred_million_requests_fit_in_64_megabytes() {
    if std::env::var_os("COSTSIM_SLOW").is_none() {
        eprintln!("skipped: set COSTSIM_SLOW=1 to simulate for minutes under a limit of memory");
        return;
    }
    let api = ["lambda-http-api", "--rate", "10000/s", "--duration", "100ms"];
    fits(&[&api[..], &["--horizon", "3h", "--replications", "1", "--quick"]].concat());
}

/// The longest horizon that a scenario may have, two architectures and other traffic beside: usage is kept by two hours, and there are about as
/// many windows of an objective as there may be.
#[test]
fn ten_years_fit_in_64_megabytes() {
    let little = ["--rate", "0.001/s", "--duration", "100ms", "--cpu-share", "40%", "--replications", "2"];
    fits(&[&little[..], &["--horizon", "3660d", "--set", "objectives.p99.window=10m"]].concat());
}

/// A fleet of 50 instances at 1,000 requests/s for 30 days, 2.6 billion requests, by the program itself with no more address space than 100 MB. That
/// its memory does not grow with the requests is shown by [`twenty_million_requests_take_no_more_than_one`]. Twenty minutes of it are always run. All of it takes minutes:
///
///     COSTSIM_SLOW=1 cargo test --release --test memory thirty_days -- --nocapture
///
/// prints the most memory that it had in use. `docs/performance.md` has the result.
#[test]
#[allow(clippy::print_stderr)]
fn thirty_days_of_fifty_instances_fit_in_100_megabytes() {
    let whole = std::env::var_os("COSTSIM_SLOW").is_some();
    let dir = tempfile::tempdir().expect("a folder");
    let model = "name: fifty\nentry: lb\ncomponents:\n  lb: { load_balancer: { to: web } }\n  web:\n    fleet:\n      \
                 { instance_type: m7g.large, min: 50, max: 50, concurrency: 64, queue: 128, boot: { app_start: 20s } }\n";
    std::fs::write(dir.path().join("fifty.yaml"), model).expect("written");
    let limited = format!("ulimit -v {FLEET_MOST} && exec \"$0\" \"$@\"");
    let horizon = if whole { "720h" } else { "20m" };
    let mut program = Command::new("sh")
        .current_dir(dir.path())
        .args(["-c", &limited, env!("CARGO_BIN_EXE_costsim"), "compare", "fifty.yaml", "--rate", "1000/s"])
        .args(["--duration", "60ms", "--cpu-share", "80%", "--horizon", horizon])
        .args(["--replications", "1", "--quick", "-j1", "--quiet"])
        .env("MALLOC_ARENA_MAX", "1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("sh");
    let mut most = None;
    let status = loop {
        if let Some(status) = program.try_wait().expect("a status") {
            break status;
        }
        most = peak_of(&program.id().to_string()).or(most);
        std::thread::sleep(std::time::Duration::from_millis(if whole { 500 } else { 20 }));
    };
    assert!(status.success(), "{status}");
    if let Some(most) = most {
        eprintln!("{horizon} of 50 instances at 1,000 requests/s: {most} KiB at most (VmHWM)");
        assert!(most < FLEET_MOST, "{most} KiB");
    }
}
