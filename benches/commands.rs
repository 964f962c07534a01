//! What a user waits for: `costsim --help`, and `costsim compare` on the default scenario with one thread and with all.
//!
//! `cargo bench --bench commands`; wall time from start to exit of the program, the best of several.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Wall time, the shortest of `times`.
fn time(arguments: &[&str], times: usize) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..times {
        let start = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_costsim"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        best = best.min(start.elapsed());
        if !status.success() {
            return Err(format!("costsim {} ended with {status}", arguments.join(" ")).into());
        }
    }
    println!("costsim {}: {:.1} ms", arguments.join(" "), best.as_secs_f64() * 1e3);
    Ok(best)
}

fn main() -> Result<(), Box<dyn Error>> {
    time(&["--help"], 20)?;
    time(&["compare", "--help"], 20)?;
    let one = time(&["compare", "-j1"], 5)?;
    let all = time(&["compare"], 5)?;
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores: {:.2} times as fast as one", one.as_secs_f64() / all.as_secs_f64());
    Ok(())
}
