//! Replayed traffic: CSV files of counts a period or of single requests, plain or gzip, read as a stream.
//!
//! [`open_rate`] and [`open_requests`] give the rows one by one; no file is ever held whole. The same readers check a file
//! when a scenario is loaded ([`survey`]) and feed the simulation afterwards.
//!
//! **Time** is a date and time (`2026-03-02T10:00:00Z`, `1998-05-04 00:00:00`, with an optional fraction and offset; UTC
//! where no offset is given), a plain number of seconds, or an index of periods in a column that is called `minute`, `hour` or `day`.
//! Plain numbers beyond 1e11, 1e14 and 1e17 are Unix time in milliseconds, microseconds and nanoseconds. Rate files begin at
//! their first row. Request files begin at their first row, too, if the times are dates or Unix times (1e8 and more); small
//! numbers are seconds since t = 0.

use super::scenario::Columns;
use crate::units::{NANOS_PER_SEC, SimDuration};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Longest line of a file, in bytes.
const MAX_LINE: usize = 1 << 20;
/// Rows from which the length of a period is inferred.
const PERIOD_ROWS: usize = 1_000;
/// Most request names that a file may introduce.
const MAX_NAMES: usize = 1_000;
/// Longest time a file may cover: 100 years.
const MAX_NANOS: i128 = 100 * 365 * 86_400 * NANOS_PER_SEC as i128;

/// Usual names of the time column, in order of preference; compared without case.
const TIME: &[&str] = &[
    "arrival",
    "timestamp",
    "time",
    "datetime",
    "date",
    "minute",
    "second",
    "seconds",
    "hour",
    "day",
    "offset_s",
    "offset",
    "arrival_s",
    "arrival_time",
    "start_time",
    "start",
    "period",
    "t",
];
/// Usual names of the count column.
const COUNT: &[&str] = &[
    "count",
    "requests",
    "value",
    "invocations",
    "request_count",
    "requestcount",
    "hits",
    "calls",
    "sum",
    "total",
    "n",
];
/// Usual names of the duration column.
const DURATION: &[&str] = &["duration", "duration_ms", "service_time", "service_time_ms", "elapsed_ms"];
/// Usual names of the request name's column.
const NAME: &[&str] = &["name", "request", "request_name", "class", "operation"];

/// A row that cannot be used, or a file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Line of the file, from 1; 0 when the file as a whole is concerned.
    pub line: u64,
    /// The text at fault, shortened; empty when there is none.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl RowError {
    fn new(line: u64, text: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, text: crate::yaml::shorten(text), message: message.into(), help: help.into() }
    }
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RowError {}

/// Refuses a line longer than [`MAX_LINE`], so that a file without line ends cannot fill the memory.
struct ShortLines<R> {
    inner: R,
    since_newline: usize,
}

impl<R: Read> Read for ShortLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.since_newline = match buffer[..len].iter().rposition(|&b| b == b'\n') {
            Some(at) => len - at - 1,
            None => self.since_newline + len,
        };
        if self.since_newline > MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 1 MB"));
        }
        Ok(len)
    }
}

/// Opens a plain or gzip file, told apart by the first two bytes.
///
/// # Errors
/// Those of the file system.
pub fn open_text(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let inner: Box<dyn Read + Send> =
        if gzip { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(Box::new(ShortLines { inner, since_newline: 0 }))
}

/// SHA-256 of a file's bytes, lower-case hex.
///
/// # Errors
/// Those of the file system.
pub fn digest_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..len]);
    }
}

/// SHA-256 of a text, lower-case hex.
pub fn digest_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How plain numbers in the time column are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeUnit {
    Seconds,
    Index(u64),
}

/// The lines of a file with the columns found.
struct Table {
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: csv::ByteRecord,
    line: u64,
    unit: TimeUnit,
    time: usize,
    count: Option<usize>,
    duration: Option<usize>,
    name: Option<usize>,
}

impl Table {
    fn open(path: &Path, columns: &Columns) -> Result<Self, RowError> {
        let file = open_text(path).map_err(|error| {
            let help = "name an existing CSV file, plain or gzip; paths are relative to the file that names them";
            RowError::new(0, "", format!("it cannot be opened: {error}"), help)
        })?;
        // Rows of differing length are judged by the columns that matter, with a message of our own.
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
        let header = reader.byte_headers().map_err(|error| read_error(1, &error))?.clone();
        let header: Vec<String> = header
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let text = String::from_utf8_lossy(field);
                if index == 0 { text.trim_start_matches('\u{feff}').trim().to_owned() } else { text.into_owned() }
            })
            .collect();
        if header.is_empty() || header == [""] {
            return Err(RowError::new(0, "", "the file is empty", "the first line names the columns: `time,count`"));
        }
        let find = |wanted: &Option<String>, usual: &[&str], key: &str| -> Result<Option<usize>, RowError> {
            let position = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
            let Some(wanted) = wanted else { return Ok(usual.iter().find_map(|name| position(name))) };
            position(wanted).map(Some).ok_or_else(|| {
                let message = format!("there is no column `{wanted}` (`columns: {{ {key}: … }}`)");
                RowError::new(1, &header.join(","), message, format!("the columns are: {}", header.join(", ")))
            })
        };
        let time = find(&columns.time, TIME, "time")?;
        let Some(time) = time else {
            let number = header.iter().any(|field| field.parse::<f64>().is_ok() || parse_date(field).is_some());
            let (message, help) = if number {
                ("the first line holds values instead of names", "add a first line such as `time,count`".to_owned())
            } else {
                ("no column looks like the time", format!("name it: `columns: {{ time: {} }}`", header[0]))
            };
            return Err(RowError::new(1, &header.join(","), message, help));
        };
        let unit = match header[time].to_ascii_lowercase().as_str() {
            "minute" => TimeUnit::Index(60),
            "hour" => TimeUnit::Index(3_600),
            "day" => TimeUnit::Index(86_400),
            _ => TimeUnit::Seconds,
        };
        Ok(Self {
            count: find(&columns.count, COUNT, "count")?,
            duration: find(&columns.duration, DURATION, "duration")?,
            name: find(&columns.name, NAME, "name")?,
            record: csv::ByteRecord::new(),
            line: 1,
            reader,
            unit,
            time,
        })
    }

    /// Advances to the next row; false at the end.
    fn advance(&mut self) -> Result<bool, RowError> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(more) => {
                if more {
                    self.line = self.record.position().map_or(self.line, csv::Position::line);
                }
                Ok(more)
            }
            Err(error) => Err(read_error(self.line, &error)),
        }
    }

    /// The text of a column in the current row.
    fn field(&self, column: usize) -> Result<&str, RowError> {
        let Some(bytes) = self.record.get(column) else {
            let row: Vec<_> = self.record.iter().map(String::from_utf8_lossy).collect();
            let message = format!("this row has {} columns, column {} is missing", self.record.len(), column + 1);
            return Err(RowError::new(self.line, &row.join(","), message, "complete or remove the row"));
        };
        std::str::from_utf8(bytes).map_err(|_| {
            let text = String::from_utf8_lossy(bytes);
            RowError::new(self.line, &text, "this is not UTF-8 text", "save the file as UTF-8")
        })
    }

    /// The time of the current row in nanoseconds, and whether it counts from an epoch.
    fn time(&self) -> Result<(i128, bool), RowError> {
        let text = self.field(self.time)?;
        let wrong = |message: &str| {
            let help = "write a date and time (`2026-03-02 10:00:00`) or a number of seconds";
            Err(RowError::new(self.line, text, format!("`{}` {message}", crate::yaml::shorten(text)), help))
        };
        if let Some(nanos) = parse_date(text) {
            return Ok((nanos, true));
        }
        let Some((whole, nanos)) = parse_number(text) else { return wrong("is not a time") };
        let unit = match self.unit {
            TimeUnit::Index(seconds) => i128::from(seconds) * i128::from(NANOS_PER_SEC),
            TimeUnit::Seconds => match whole {
                ..100_000_000_000 => i128::from(NANOS_PER_SEC),
                ..100_000_000_000_000 => 1_000_000,
                ..100_000_000_000_000_000 => 1_000,
                _ => 1,
            },
        };
        let epoch = self.unit == TimeUnit::Seconds && whole >= 100_000_000;
        Ok((whole * unit + nanos * unit / i128::from(NANOS_PER_SEC), epoch))
    }
}

fn read_error(line: u64, error: &csv::Error) -> RowError {
    let line = error.position().map_or(line, csv::Position::line);
    RowError::new(line, "", format!("the file cannot be read on: {error}"), "check that the file is complete")
}

/// A plain decimal that is not negative, as a whole number and nanos (billionths) of the fraction.
fn parse_number(text: &str) -> Option<(i128, i128)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut nanos = 0_i128;
    for index in 0..9 {
        nanos = nanos * 10 + i128::from(fraction.as_bytes().get(index).map_or(0, |b| b - b'0'));
    }
    whole.parse().ok().map(|whole| (whole, nanos))
}

/// `YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][Z|±HH[:]MM]]` as nanoseconds since 1970, UTC where no offset is given.
fn parse_date(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let two = |at: usize| -> Option<i64> {
        let (a, b) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = two(0)? * 100 + two(2)?;
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, two(5)?.try_into().ok()?, two(8)?.try_into().ok()?);
    let days = days_since_epoch(date.ok()?);
    let mut seconds = days * 86_400;
    let mut nanos = 0_i128;
    let mut at = 10;
    if bytes.len() > 10 {
        if !matches!(bytes[10], b'T' | b't' | b' ') || bytes.get(13) != Some(&b':') {
            return None;
        }
        let (hour, minute) = (two(11)?, two(14)?);
        at = 16;
        let mut second = 0;
        if bytes.get(at) == Some(&b':') {
            second = two(at + 1)?;
            at += 3;
            if bytes.get(at) == Some(&b'.') {
                let len = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
                if len == 0 {
                    return None;
                }
                nanos = parse_number(&format!("0.{}", &text[at + 1..at + 1 + len]))?.1;
                at += 1 + len;
            }
        }
        // 60 is a leap second: the next second as far as traffic is concerned.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        seconds += hour * 3_600 + minute * 60 + second;
        match text.get(at..)?.trim_start() {
            "" | "Z" | "z" | "UTC" => {}
            offset => {
                let sign = match offset.as_bytes()[0] {
                    b'+' => 1,
                    b'-' => -1,
                    _ => return None,
                };
                let digits: Vec<i64> = offset[1..]
                    .chars()
                    .filter(|c| *c != ':')
                    .map(|c| c.to_digit(10).map(i64::from))
                    .collect::<Option<_>>()?;
                let [h1, h2, rest @ ..] = digits.as_slice() else { return None };
                let minutes = match rest {
                    [] => 0,
                    [m1, m2] => m1 * 10 + m2,
                    _ => return None,
                };
                seconds -= sign * ((h1 * 10 + h2) * 3_600 + minutes * 60);
            }
        }
    }
    Some(i128::from(seconds) * i128::from(NANOS_PER_SEC) + nanos)
}

fn days_since_epoch(date: jiff::civil::Date) -> i64 {
    // Counting days by the algorithm for the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
    // algorithms", days_from_civil): eras of 400 years that begin in March.
    let (y, m, d) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The periods of a rate file in order: start since the first row, and the requests in the period.
pub struct RateRows {
    table: Table,
    count: usize,
    first: Option<i128>,
    last: i128,
}

/// Opens a rate file.
///
/// # Errors
/// A file that cannot be opened or whose columns are not found.
pub fn open_rate(path: &Path, columns: &Columns) -> Result<RateRows, RowError> {
    let table = Table::open(path, columns)?;
    let Some(count) = table.count else {
        let help = "name it: `columns: { count: … }`; usual names are count, requests and value";
        return Err(RowError::new(1, "", "no column looks like the number of requests", help));
    };
    Ok(RateRows { table, count, first: None, last: i128::MIN })
}

impl RateRows {
    fn row(&mut self) -> Result<Option<(SimDuration, f64)>, RowError> {
        if !self.table.advance()? {
            return Ok(None);
        }
        let (time, _) = self.table.time()?;
        let text = self.table.field(self.count)?;
        let count = text.parse::<f64>().ok().filter(|n| (0.0..=1e15).contains(n)).ok_or_else(|| {
            let message = format!("`{}` is not a number of requests", crate::yaml::shorten(text));
            RowError::new(self.table.line, text, message, "write a number that is not negative, e.g. `651`")
        })?;
        let first = *self.first.get_or_insert(time);
        let start = since(first, time, self.last, self.table.line)?;
        self.last = time;
        Ok(Some((start, count)))
    }
}

impl Iterator for RateRows {
    type Item = Result<(SimDuration, f64), RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row().transpose()
    }
}

/// Time since `first`, after a check that it does not run backwards.
fn since(first: i128, time: i128, last: i128, line: u64) -> Result<SimDuration, RowError> {
    if time < last {
        return Err(RowError::new(line, "", "the time runs backwards", "sort the rows by time"));
    }
    match time - first {
        nanos @ 0..=MAX_NANOS => Ok(SimDuration(u64::try_from(nanos).unwrap_or(u64::MAX))),
        ..0 => Err(RowError::new(line, "", "the time runs backwards", "sort the rows by time")),
        _ => Err(RowError::new(line, "", "the file covers more than 100 years", "check the time column and its unit")),
    }
}

/// One request of a request file.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRow {
    /// Arrival since t = 0 of the file.
    pub arrival: SimDuration,
    /// Warm service time, where the file has it.
    pub duration: Option<SimDuration>,
    /// Position of the request's name in [`RequestRows::names`], where the file has names.
    pub name: Option<usize>,
}

/// The requests of a request file in order.
pub struct RequestRows {
    table: Table,
    first: Option<i128>,
    last: i128,
    names: Vec<String>,
    index: BTreeMap<String, usize>,
}

/// Opens a request file.
///
/// # Errors
/// A file that cannot be opened or whose columns are not found.
pub fn open_requests(path: &Path, columns: &Columns) -> Result<RequestRows, RowError> {
    let table = Table::open(path, columns)?;
    Ok(RequestRows { table, first: None, last: i128::MIN, names: Vec::new(), index: BTreeMap::new() })
}

impl RequestRows {
    /// Names met so far, in order of appearance.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the file has a duration for each request.
    pub fn has_durations(&self) -> bool {
        self.table.duration.is_some()
    }

    /// Whether the file names each request.
    pub fn has_names(&self) -> bool {
        self.table.name.is_some()
    }

    fn row(&mut self) -> Result<Option<RequestRow>, RowError> {
        if !self.table.advance()? {
            return Ok(None);
        }
        let line = self.table.line;
        let (time, epoch) = self.table.time()?;
        let first = *self.first.get_or_insert(if epoch { time } else { 0 });
        let arrival = since(first, time, self.last, line)?;
        self.last = time;
        let duration = match self.table.duration {
            None => None,
            Some(column) => {
                let text = self.table.field(column)?;
                // A day is far beyond every time-out there is.
                let millis = text.parse::<f64>().ok().filter(|ms| (0.0..=86_400_000.0).contains(ms));
                let Some(millis) = millis else {
                    let message = format!("`{}` is not a duration in milliseconds", crate::yaml::shorten(text));
                    let help = "write a plain number of milliseconds from 0 to a day, e.g. `120.5`";
                    return Err(RowError::new(line, text, message, help));
                };
                Some(SimDuration::from_secs_f64(millis / 1e3))
            }
        };
        let name = match self.table.name {
            None => None,
            Some(column) => {
                let text = self.table.field(column)?;
                if text.is_empty() {
                    return Err(RowError::new(line, "", "the request has no name", "fill in the name column"));
                }
                let known = self.index.get(text).copied();
                let position = match known {
                    Some(position) => position,
                    None if self.names.len() >= MAX_NAMES => {
                        let message = format!("the file has more than {MAX_NAMES} different request names");
                        let help = "group the requests into a few kinds, e.g. by route instead of by URL";
                        return Err(RowError::new(line, text, message, help));
                    }
                    None => {
                        let name = text.to_owned();
                        self.index.insert(name.clone(), self.names.len());
                        self.names.push(name);
                        self.names.len() - 1
                    }
                };
                Some(position)
            }
        };
        Ok(Some(RequestRow { arrival, duration, name }))
    }
}

impl Iterator for RequestRows {
    type Item = Result<RequestRow, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row().transpose()
    }
}

/// What a whole file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Rows.
    pub rows: u64,
    /// From the first row (rate) or t = 0 (requests) to the end of the last period or the last arrival.
    pub covers: SimDuration,
    /// Length of a period (rate files).
    pub period: SimDuration,
    /// Requests by name in order of appearance (request files with names).
    pub names: Vec<(String, u64)>,
    /// Whether each request has a duration.
    pub has_durations: bool,
    /// Largest number of requests in a period (rate files).
    pub largest: f64,
}

/// Reads a rate file to its end and infers the length of its periods: the most frequent distance between neighbours.
///
/// # Errors
/// The first row that cannot be used, or a file without two rows.
pub fn survey_rate(path: &Path, columns: &Columns) -> Result<Survey, RowError> {
    let mut distances: BTreeMap<u64, u64> = BTreeMap::new();
    let mut last: Option<SimDuration> = None;
    for row in open_rate(path, columns)?.take(PERIOD_ROWS) {
        let (start, _) = row?;
        if let Some(last) = last {
            *distances.entry((start - last).0).or_default() += 1;
        }
        last = Some(start);
    }
    // Of equally frequent ones the shortest, since gaps are multiples of it.
    let period = distances.iter().rev().max_by_key(|(_, n)| **n).map(|(distance, _)| SimDuration(*distance));
    let Some(period) = period.filter(|period| period.0 > 0) else {
        let (message, help) = match last {
            _ if !distances.is_empty() => ("several rows have the same time", "add the counts of one period up"),
            Some(_) => ("one row alone does not tell the length of a period", "give at least two rows"),
            None => ("the file has no rows", "give at least two rows"),
        };
        return Err(RowError::new(0, "", message, help));
    };
    let mut rows = open_rate(path, columns)?;
    let mut survey =
        Survey { rows: 0, covers: SimDuration::ZERO, period, names: Vec::new(), has_durations: false, largest: 0.0 };
    while let Some((start, count)) = rows.row()? {
        if start < survey.covers {
            let message = format!("this row is less than a period ({period}) after the one before");
            return Err(RowError::new(
                rows.table.line,
                "",
                message,
                "give one row for each period; absent ones count as 0",
            ));
        }
        survey.rows += 1;
        survey.covers = start + period;
        survey.largest = survey.largest.max(count);
    }
    Ok(survey)
}

/// Reads a request file to its end.
///
/// # Errors
/// The first row that cannot be used, or a file without rows.
pub fn survey_requests(path: &Path, columns: &Columns) -> Result<Survey, RowError> {
    let mut rows = open_requests(path, columns)?;
    let mut survey = Survey {
        rows: 0,
        covers: SimDuration::ZERO,
        period: SimDuration::ZERO,
        names: Vec::new(),
        has_durations: rows.has_durations(),
        largest: 0.0,
    };
    let mut counts: Vec<u64> = Vec::new();
    while let Some(row) = rows.row()? {
        survey.rows += 1;
        survey.covers = row.arrival;
        if let Some(name) = row.name {
            counts.resize(counts.len().max(name + 1), 0);
            counts[name] += 1;
        }
    }
    if survey.rows == 0 {
        return Err(RowError::new(0, "", "the file has no rows", "give one row for each request"));
    }
    survey.names = rows.names.into_iter().zip(counts).collect();
    Ok(survey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn rate(text: &str) -> Result<Survey, RowError> {
        survey_rate(file(text).path(), &Columns::default())
    }

    fn requests(text: &str) -> Result<Vec<RequestRow>, RowError> {
        let file = file(text);
        survey_requests(file.path(), &Columns::default())?;
        open_requests(file.path(), &Columns::default())?.collect()
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        // `date -u -d … +%s` of GNU coreutils.
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1998-05-04 00:00:00", 894_240_000),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-03-02T10:00:00+02:00", 1_772_438_400),
            ("2026-03-02T10:00:00-0530", 1_772_465_400),
            ("2026-03-02 10:00", 1_772_445_600),
        ] {
            assert_eq!(parse_date(text), Some(seconds * 1_000_000_000), "{text}");
        }
        assert_eq!(parse_date("2023-11-16 18:15:46.6805900").unwrap() % 1_000_000_000, 680_590_000);
        for text in
            ["2026-02-30", "2026-1-1", "20260101", "2026-01-01 25:00:00", "2026-01-01x", "2026-01-01 10:00:00.", ""]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_rate_file_starts_at_its_first_row_and_absent_periods_stay_absent() {
        let survey = rate(
            "timestamp,value\n2014-04-10 00:04:00,94.0\n2014-04-10 00:09:00,56\n2014-04-10 00:14:00,1\n2014-04-10 00:29:00,5\n",
        );
        let survey = survey.unwrap();
        assert_eq!((survey.rows, survey.period), (4, SimDuration::from_mins(5)));
        assert_eq!(survey.covers, SimDuration::from_mins(30));
        assert_eq!(survey.largest, 94.0);
        let file = file("minute,count\n7,1\n8,2\n10,4\n");
        let rows: Vec<_> = open_rate(file.path(), &Columns::default()).unwrap().map(Result::unwrap).collect();
        let minute = SimDuration::from_mins;
        assert_eq!(rows, [(minute(0), 1.0), (minute(1), 2.0), (minute(3), 4.0)]);
    }

    #[test]
    fn plain_numbers_are_seconds_and_large_ones_unix_time() {
        assert_eq!(rate("offset_s,requests\n0,42\n60,62\n").unwrap().period, SimDuration::from_mins(1));
        assert_eq!(rate("time,count\n1700000000,1\n1700000060,2\n").unwrap().period, SimDuration::from_mins(1));
        assert_eq!(rate("time,count\n1700000000000,1\n1700000001000,2\n").unwrap().period, SimDuration::from_secs(1));
        let rows = requests("arrival,duration,name\n2.5,120,a\n3,80.25,b\n3,1,a\n").unwrap();
        assert_eq!(rows[0].arrival, SimDuration::from_millis(2_500));
        assert_eq!(rows[1].duration, Some(SimDuration(80_250_000)));
        assert_eq!(rows.iter().map(|row| row.name).collect::<Vec<_>>(), [Some(0), Some(1), Some(0)]);
        let rows = requests("arrival\n2026-03-02T10:00:00Z\n2026-03-02T10:00:01.5Z\n").unwrap();
        assert_eq!(rows[0].arrival, SimDuration::ZERO);
        assert_eq!(rows[1].arrival, SimDuration::from_millis(1_500));
    }

    #[test]
    fn gzip_is_told_by_its_bytes() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"minute,count\n0,1\n1,2\n").unwrap();
        let bytes = gz.finish().unwrap();
        let mut whole = tempfile::NamedTempFile::new().unwrap();
        whole.write_all(&bytes).unwrap();
        assert_eq!(survey_rate(whole.path(), &Columns::default()).unwrap().rows, 2);
        let mut cut = tempfile::NamedTempFile::new().unwrap();
        cut.write_all(&bytes[..bytes.len() - 12]).unwrap();
        let error = survey_rate(cut.path(), &Columns::default()).unwrap_err();
        assert!(error.message.contains("cannot be read on"), "{error}");
    }

    #[test]
    fn bad_rows_name_their_line_and_what_to_write() {
        for (text, line, says) in [
            ("time,count\n0,1\n60,-5\n", 3, "is not a number of requests"),
            ("time,count\n0,1\n60,nan\n", 3, "is not a number of requests"),
            ("time,count\n0,1\nsoon,5\n", 3, "is not a time"),
            ("time,count\n0,1\n-60,5\n", 3, "is not a time"),
            ("time,count\n0,1\n60\n", 3, "column 2 is missing"),
            ("time,count\n60,1\n120,1\n0,5\n", 4, "runs backwards"),
            ("time,count\n60,1\n120,1\n60,5\n", 4, "runs backwards"),
            ("time,count\n0,1\n60,1\n120,2\n130,5\n", 5, "less than a period (1m)"),
            ("time,count\n0,1\n", 0, "one row alone"),
            ("time,count\n", 0, "no rows"),
            ("", 0, "the file is empty"),
            ("0,17\n60,18\n", 1, "values instead of names"),
            ("when,count\n0,17\n", 1, "no column looks like the time"),
            ("time,stars\n0,17\n", 1, "no column looks like the number"),
            ("time,count\n0,1\n9999999999,1\n", 3, "100 years"),
        ] {
            let error = rate(text).unwrap_err();
            assert!(error.line == line && error.message.contains(says), "{text:?} -> {error:?}");
        }
        let error = requests("arrival,duration\n0,120ms\n").unwrap_err();
        assert!(error.line == 2 && error.message.contains("not a duration in milliseconds"), "{error:?}");
    }

    #[test]
    fn a_file_without_line_ends_is_refused_without_filling_the_memory() {
        let error = rate(&"x".repeat(3 << 20)).unwrap_err();
        assert!(error.message.contains("longer than 1 MB"), "{error}");
    }

    #[test]
    fn columns_can_be_named() {
        let file = file("a,b,c\n0,1,7\n60,2,8\n");
        let columns = Columns { time: Some("a".into()), count: Some("C".into()), ..Columns::default() };
        assert_eq!(survey_rate(file.path(), &columns).unwrap().largest, 8.0);
        let columns = Columns { time: Some("z".into()), ..Columns::default() };
        let error = survey_rate(file.path(), &columns).unwrap_err();
        assert!(error.message.contains("no column `z`") && error.help.contains("a, b, c"), "{error:?}");
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        // sha256sum of "abc": FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_file(file("abc").path()).unwrap(), expected);
        assert_eq!(digest_text("abc"), expected);
    }

    #[test]
    fn the_shared_traffic_files_are_read() {
        let shared = std::env::var_os("COSTSIM_SHARED")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), std::path::PathBuf::from);
        let traffic = shared.join("data/traffic");
        if !traffic.is_dir() {
            eprintln!("skipped: {} is absent", traffic.display());
            return;
        }
        let survey = |name: &str| survey_rate(&traffic.join(name), &Columns::default()).unwrap();
        let cup = survey("worldcup98_1998-05-04_7d_per_minute.csv.gz");
        assert_eq!((cup.rows, cup.covers), (7 * 1_440, SimDuration::from_hours(168)));
        let nasa = survey("nasa_1995-07-01_1d_per_second.csv.gz");
        assert_eq!((nasa.rows, nasa.period), (86_400, SimDuration::from_secs(1)));
        let elb = survey("cloudwatch_elb_request_count_5min.csv.gz");
        assert_eq!(elb.period, SimDuration::from_mins(5));
        let llm = survey_requests(&traffic.join("azure_llm_2023_conversation_arrivals.csv.gz"), &Columns::default());
        assert_eq!(llm.unwrap().rows, 19_366);
    }
}
