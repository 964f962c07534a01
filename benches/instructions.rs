//! Instructions that a simulated request takes, held against the bounds in `instructions.csv`.
//!
//! Unlike time they are the same on a quiet machine and on a busy one, so that continuous integration can notice a growth of a few
//! per cent. `cargo bench --bench instructions` fails when a case takes more than 5 % above its bound;
//! `cargo bench --bench instructions -- --renew` makes what it counts the new bounds.
//!
//! The program runs itself under valgrind's cachegrind, with a smaller and a larger number of requests, and divides the difference:
//! what happens once (tables, the first page faults, the report) is no part of it. The bounds hold for the release profile on x86-64;
//! elsewhere, and where valgrind is missing, it says that it was skipped.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cases;

use cases::{Case, api_function_table, arrived, balanced_fleet, entry_function, full_report};
use costsim::spec::model::Balancing;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;

/// About how many requests the two runs of a case have.
const REQUESTS: [u64; 2] = [50_000, 250_000];

/// Share above its bound that a case may reach.
const GROWTH: f64 = 0.05;

const RENEW: &str = "cargo bench --bench instructions -- --renew";

const CASES: [&str; 6] = [
    "entry function",
    "full report",
    "api function table",
    "fleet round robin",
    "fleet least outstanding",
    "traffic only",
];

type Failure = Box<dyn Error + Send + Sync>;

/// Simulates one case and tells how many requests it had. Those of fleets that have no bound are there to be looked at by hand.
fn simulate(name: &str, requests: f64) -> Option<u64> {
    let simulated = |case: Case| arrived(&case.run());
    Some(match name {
        "entry function" => simulated(entry_function(100.0, requests)),
        "full report" => simulated(full_report(100.0, requests)),
        "api function table" => simulated(api_function_table(100.0, requests)),
        "fleet round robin" => simulated(balanced_fleet(Balancing::RoundRobin, 10, requests)),
        "fleet round robin 100" => simulated(balanced_fleet(Balancing::RoundRobin, 100, requests)),
        "fleet random" => simulated(balanced_fleet(Balancing::Random, 10, requests)),
        "fleet random 100" => simulated(balanced_fleet(Balancing::Random, 100, requests)),
        "fleet least outstanding 100" => simulated(balanced_fleet(Balancing::LeastOutstanding, 100, requests)),
        "fleet least outstanding" => simulated(balanced_fleet(Balancing::LeastOutstanding, 10, requests)),
        "traffic only" => entry_function(100.0, requests).draw(),
        _ => return None,
    })
}

/// Instructions of a run of this program under valgrind, and the requests that it simulated.
fn count(name: &str, requests: u64) -> Result<(u64, u64), Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--case", name, &requests.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // `==123== I   refs:      87,654,321`
    let line = said.lines().find(|line| line.contains(" I ") && line.contains("refs:"));
    let digits = line.and_then(|line| line.rsplit_once(':')).map(|(_, number)| number.replace(',', ""));
    match (output.status.success(), digits) {
        (true, Some(digits)) => Ok((digits.trim().parse()?, String::from_utf8_lossy(&output.stdout).trim().parse()?)),
        _ => Err(format!("valgrind did not count `{name}`:\n{said}").into()),
    }
}

/// Instructions for each request.
fn measure(name: &str) -> Result<f64, Failure> {
    let [(few, of_few), (many, of_many)] = [count(name, REQUESTS[0])?, count(name, REQUESTS[1])?];
    Ok(many.saturating_sub(few) as f64 / of_many.saturating_sub(of_few).max(1) as f64)
}

fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output();
    version.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The bounds and the compiler that they were counted with.
fn read_bounds(path: &Path) -> Result<(Vec<(String, f64)>, String), Failure> {
    let text = std::fs::read_to_string(path)?;
    let (comment, rows) = text.split_once('\n').ok_or("the file of bounds is empty")?;
    let compiler = comment.trim_start_matches("# ").to_owned();
    let mut bounds = Vec::new();
    for row in rows.lines().skip(1) {
        let (name, bound) = row.split_once(',').ok_or_else(|| format!("`{row}` has no comma"))?;
        bounds.push((name.to_owned(), bound.parse()?));
    }
    Ok((bounds, compiler))
}

fn write_bounds(path: &Path, counted: &[(&str, f64)]) -> Result<(), Failure> {
    let mut text = format!("# {}\ncase,instructions a request\n", compiler());
    for (name, instructions) in counted {
        writeln!(text, "{name},{instructions:.0}")?;
    }
    Ok(std::fs::write(path, text)?)
}

/// Prints every case beside its bound; false when one has grown.
fn judge(path: &Path, counted: &[(&str, f64)]) -> Result<bool, Failure> {
    let (bounds, with) = read_bounds(path)?;
    let (mut grown, mut shrunk) = (Vec::new(), false);
    println!("{:<26} {:>12} {:>8} {:>9}", "instructions a request", "counted", "bound", "");
    for &(name, instructions) in counted {
        let Some((_, bound)) = bounds.iter().find(|(known, _)| known == name) else {
            return Err(format!("{} has no bound for `{name}`; write it with `{RENEW}`", path.display()).into());
        };
        let growth = instructions / bound - 1.0;
        println!("{name:<26} {instructions:>12.1} {bound:>8} {:>+7.1} %", growth * 100.0);
        if growth > GROWTH {
            grown.push(name);
        }
        shrunk |= growth < -GROWTH;
    }
    if shrunk {
        println!("Some take far fewer than their bound: keep the gain with `{RENEW}`.");
    }
    if grown.is_empty() {
        return Ok(true);
    }
    eprintln!("error: more than {:.0} % above the bound: {}", GROWTH * 100.0, grown.join(", "));
    let now = compiler();
    if now != with {
        eprintln!("  The bounds were counted with {with}, this is {now}: it may be the compiler's doing.");
    }
    let program = std::env::current_exe()?;
    eprintln!("  Where they go: valgrind --tool=callgrind {} --case '{}' 250000", program.display(), grown[0]);
    eprintln!("  If the growth is wanted, renew the bounds and say why in the commit: {RENEW}");
    Ok(false)
}

fn bench(renew: bool) -> Result<bool, Failure> {
    if cfg!(debug_assertions) || !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("skipped: the bounds hold for the release profile on x86-64 Linux alone");
        return Ok(true);
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: instructions are not counted, since valgrind is not installed");
        return Ok(true);
    }
    let counts = thread::scope(|scope| {
        let threads = CASES.map(|name| scope.spawn(move || measure(name)));
        threads.map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    });
    let mut counted = Vec::new();
    for (name, count) in CASES.into_iter().zip(counts) {
        counted.push((name, count?));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.csv");
    if renew {
        write_bounds(&path, &counted)?;
    }
    judge(&path, &counted)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, name, requests] = &arguments[..]
        && option == "--case"
    {
        let Some(simulated) = requests.parse().ok().and_then(|requests| simulate(name, requests)) else {
            eprintln!("error: `--case` needs one of {CASES:?} and a number of requests");
            return ExitCode::from(2);
        };
        println!("{simulated}");
        return ExitCode::SUCCESS;
    }
    // Cargo adds `--bench`.
    match bench(arguments.iter().any(|argument| argument == "--renew")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
