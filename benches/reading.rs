//! Reading replayed files beside `zcat | wc -l`: a rate file of ten million rows and a request log of a gigabyte.
//!
//! `cargo bench --bench reading` makes both files (the same bytes every time, about 270 MB with gzip) in the directory for temporary
//! files, reads each three times in both ways and prints the best.
#![allow(clippy::print_stdout)]

use costsim::sim::random::{Key, Stream};
use costsim::spec::scenario::Columns;
use costsim::traffic::csv_file::{scan_rate, scan_requests};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

type Failure = Box<dyn Error>;

const RATE_ROWS: u64 = 10_000_000;
const LOG_BYTES: usize = 1_000_000_000;

/// A count between 0 and 999 for each second.
fn rates(out: &mut impl Write) -> io::Result<()> {
    let mut random = Key::new(1, 0).named("rates").stream();
    writeln!(out, "second,count")?;
    for second in 0..RATE_ROWS {
        writeln!(out, "{second},{}", below(&mut random, 1_000))?;
    }
    Ok(())
}

/// A request every 25 ms on average: instant, duration and name.
fn log(out: &mut impl Write) -> io::Result<()> {
    const NAMES: [&str; 5] = ["browse", "checkout", "search", "login", "static"];
    let mut random = Key::new(1, 0).named("log").stream();
    let (mut written, mut millis) = (0, 0);
    let mut row = Vec::new();
    writeln!(row, "timestamp,duration_ms,name")?;
    while written < LOG_BYTES {
        out.write_all(&row)?;
        written += row.len();
        row.clear();
        millis += below(&mut random, 51);
        let (second, milli) = (millis / 1_000, millis % 1_000);
        let (day, hour, minute) = (2 + second / 86_400, second / 3_600 % 24, second / 60 % 60);
        let duration = below(&mut random, 100_000);
        let name = NAMES[below(&mut random, 5) as usize];
        // A gigabyte lasts eight days.
        write!(row, "2026-03-{day:02}T{hour:02}:{minute:02}:{:02}.{milli:03}Z", second % 60)?;
        writeln!(row, ",{}.{:02},{name}", duration / 100, duration % 100)?;
    }
    Ok(())
}

fn below(random: &mut Stream, bound: u64) -> u64 {
    ((random.next_u64() >> 32) * bound) >> 32
}

/// A file in gzip, and what it holds without.
fn compressed(directory: &Path, name: &str, write: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let file = std::fs::File::create(directory.join(name))?;
    let mut out = BufWriter::with_capacity(1 << 17, GzEncoder::new(file, Compression::fast()));
    write(&mut out)?;
    out.into_inner().map_err(|error| error.into_error())?.finish()?;
    Ok(())
}

/// The shortest of three.
fn best(mut task: impl FnMut() -> Result<u64, Failure>) -> Result<(Duration, u64), Failure> {
    let mut best = (Duration::MAX, 0);
    for _ in 0..3 {
        let start = Instant::now();
        let rows = task()?;
        best = (best.0.min(start.elapsed()), rows);
    }
    Ok(best)
}

fn compare(directory: &Path, name: &str, scan: impl Fn(&Path) -> Result<u64, Failure>) -> Result<(), Failure> {
    let path = directory.join(name);
    let (ours, rows) = best(|| scan(&path))?;
    println!("{name}: {rows} rows read and checked in {:.2} s", ours.as_secs_f64());
    let zcat = || -> Result<u64, Failure> {
        let output = Command::new("sh").args(["-c", "zcat \"$0\" | wc -l"]).arg(&path).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    match best(zcat) {
        Ok((theirs, lines)) => {
            assert_eq!(lines, rows + 1, "a row was lost");
            let speed = theirs.as_secs_f64() / ours.as_secs_f64() * 100.0;
            println!("{name}: zcat | wc -l takes {:.2} s: read at {speed:.0} % of its speed", theirs.as_secs_f64());
        }
        Err(error) => println!("{name}: no comparison, since zcat does not run: {error}"),
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let columns = Columns::default();
    compressed(directory.path(), "rates.csv.gz", |mut out| rates(&mut out))?;
    compare(directory.path(), "rates.csv.gz", |path| Ok(scan_rate(path, "rates.csv.gz", &columns)?.rows))?;
    compressed(directory.path(), "log.csv.gz", |mut out| log(&mut out))?;
    compare(directory.path(), "log.csv.gz", |path| Ok(scan_requests(path, "log.csv.gz", &columns)?.rows))
}
