//! Replayed CSV files as streams of rows: a count for each period, or one row for each request.
//!
//! A file is read row by row, plain or gzip (told by its first bytes, not by its name), and never held whole. The
//! delimiter is `,`, `;` or a tab, whichever the first line has most of. Columns are found by the names that such files
//! usually have, by the names in [`Columns`], or by position when there is no header.
//!
//! # Times
//! - `2026-03-02T14:00:00Z`, `2026-03-02 14:00:00.25`, an offset such as `+01:00`, or a date alone. Without an offset they
//!   count as UTC; only differences matter, since the first row is `t = 0`.
//! - Numbers count in the unit that the column's name ends in: `minute` (1, 2, 3 …), `hour`, `offset_s`, `time_ms` …
//!   Without one they are seconds, or, where they are too large for seconds since 1970 (beyond the year 5138),
//!   milli-, micro- or nanoseconds.
//!
//! Rows must be in order: rate rows strictly, requests may share an instant. Whatever is wrong is a [`FileError`] with
//! its line.

use crate::spec::scenario::Columns;
use crate::units::{NANOS_PER_MILLI, NANOS_PER_SEC, SimDuration};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

/// What is wrong with a replayed file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file as the user wrote it.
    pub file: String,
    /// Line, from 1; `None` when the whole file is meant.
    pub line: Option<u64>,
    /// The text of the field that is wrong, cut to 60 characters.
    pub text: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line's text and the bytes of it that are wrong, where it is short enough to be shown.
    pub row: Option<Box<(String, Range<usize>)>>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(text) = &self.text {
            write!(f, ": `{text}`")?;
        }
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}

/// A period and the requests in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRow {
    /// Start of the period in nanoseconds; its origin is the file's own.
    pub at: i64,
    /// Requests in the period, finite and >= 0.
    pub count: f64,
    /// Line, from 1.
    pub line: u64,
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRow<'a> {
    /// Arrival in nanoseconds; its origin is the file's own.
    pub at: i64,
    /// Warm service time, where the file has it and the field isn't empty.
    pub duration: Option<SimDuration>,
    /// Name of the request, where the file has it.
    pub name: Option<&'a [u8]>,
    /// Line, from 1.
    pub line: u64,
}

/// What a rate file holds, from reading it once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSummary {
    /// Rows.
    pub rows: u64,
    /// Length of a period: what the column's name says (`minute`), else the most frequent distance between two rows.
    pub period: SimDuration,
    /// From the first row's time to the end of the last period.
    pub covers: SimDuration,
    /// Requests in all periods.
    pub total: f64,
    /// Requests in the fullest period.
    pub peak: f64,
    /// Periods without a row between the first and the last.
    pub missing: u64,
    /// Date (UTC) of the first row, where its time is an instant and not an offset.
    pub first_date: Option<Date>,
}

/// What a request file holds, from reading it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSummary {
    /// Rows.
    pub rows: u64,
    /// From the first arrival to the last.
    pub covers: SimDuration,
    /// Date (UTC) of the first row, where its time is an instant and not an offset.
    pub first_date: Option<Date>,
    /// Rows that state a duration.
    pub durations: u64,
    /// The names of requests and how many there are of each, in the order of the file.
    pub names: Vec<(String, u64)>,
}

/// Reads a rate file once and checks every row.
///
/// # Errors
/// The first row that can't be used, or a file with no rows, or one whose period can't be told.
pub fn scan_rate(path: &Path, shown: &str, columns: &Columns) -> Result<RateSummary, FileError> {
    let mut reader = RateReader::open(path, shown, columns)?;
    let stated = reader.table.time.index_unit;
    let mut distances = Distances::default();
    let (mut first, mut last) = (None, 0);
    let mut summary = RateSummary {
        rows: 0,
        period: SimDuration::ZERO,
        covers: SimDuration::ZERO,
        total: 0.0,
        peak: 0.0,
        missing: 0,
        first_date: None,
    };
    while let Some(row) = reader.next_row()? {
        match first {
            None => first = Some(row.at),
            // Rows ascend strictly, so that this is positive.
            Some(_) => distances.add(row.at.abs_diff(last)),
        }
        last = row.at;
        summary.rows += 1;
        summary.total += row.count;
        summary.peak = summary.peak.max(row.count);
    }
    let Some(first) = first else { return Err(reader.table.no_rows()) };
    let Some(period) = stated.or(distances.most_frequent()) else {
        let help = "write at least two rows, or count periods in a column called `minute` or `hour`";
        return Err(reader.table.whole("one row alone does not tell how long a period is", Some(help)));
    };
    summary.period = SimDuration(period);
    summary.covers = SimDuration(last.abs_diff(first).saturating_add(period));
    summary.missing = (summary.covers.0 / period.max(1)).saturating_sub(summary.rows);
    summary.first_date = reader.table.date_of(first);
    Ok(summary)
}

/// Reads a request file once and checks every row.
///
/// # Errors
/// The first row that can't be used, or a file with no rows, or one with a name that is no text or more than 1,000 names.
pub fn scan_requests(path: &Path, shown: &str, columns: &Columns) -> Result<RequestSummary, FileError> {
    let mut reader = RequestReader::open(path, shown, columns)?;
    let (mut first, mut last) = (None, 0);
    let mut index: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut summary =
        RequestSummary { rows: 0, covers: SimDuration::ZERO, first_date: None, durations: 0, names: Vec::new() };
    while let Some(row) = reader.next_row()? {
        first = first.or(Some(row.at));
        last = row.at;
        summary.rows += 1;
        summary.durations += u64::from(row.duration.is_some());
        let Some(name) = row.name else { continue };
        if let Some(&position) = index.get(name) {
            summary.names[position].1 += 1;
            continue;
        }
        let name = name.to_vec();
        if index.len() >= MAX_NAMES {
            let help = "group requests into a few kinds, e.g. by route instead of by URL";
            return Err(reader.wrong_name("the file has more than 1,000 names of requests", Some(help)));
        }
        let Ok(text) = String::from_utf8(name.clone()) else {
            return Err(reader.wrong_name("the name is not UTF-8 text", Some("save the file as UTF-8")));
        };
        index.insert(name, summary.names.len());
        summary.names.push((text, 1));
    }
    let Some(first) = first else { return Err(reader.table.no_rows()) };
    summary.covers = SimDuration(last.abs_diff(first));
    summary.first_date = reader.table.date_of(first);
    Ok(summary)
}

/// The most frequent of some distances, in bounded memory: the first 64 different ones compete.
#[derive(Default)]
struct Distances(Vec<(u64, u64)>);

impl Distances {
    fn add(&mut self, distance: u64) {
        // Nearly always the first.
        if let Some(at) = self.0.iter().position(|(known, _)| *known == distance) {
            self.0[at].1 += 1;
        } else if self.0.len() < 64 {
            self.0.push((distance, 1));
        }
    }

    /// The shorter one of two that are equally frequent.
    fn most_frequent(&self) -> Option<u64> {
        self.0.iter().max_by_key(|(distance, n)| (*n, std::cmp::Reverse(*distance))).map(|(distance, _)| *distance)
    }
}

/// Streams the rows of a rate file; times strictly ascend.
pub struct RateReader {
    table: Table,
    count: usize,
    last: Option<i64>,
}

impl RateReader {
    /// Opens a file and finds its columns.
    ///
    /// # Errors
    /// A file that can't be opened or is no text table, or whose columns can't be told.
    pub fn open(path: &Path, shown: &str, columns: &Columns) -> Result<Self, FileError> {
        const TIME: &[&str] = &[
            "time",
            "timestamp",
            "datetime",
            "date",
            "minute",
            "hour",
            "second",
            "day",
            "start",
            "period_start",
            "period",
            "offset_s",
            "offset_ms",
            "offset",
            "seconds",
            "minutes",
            "hours",
            "time_s",
            "time_ms",
            "timestamp_ms",
            "t",
        ];
        const COUNT: &[&str] = &[
            "count",
            "requests",
            "request_count",
            "requestcount",
            "invocations",
            "value",
            "sum",
            "hits",
            "calls",
            "total",
            "n",
        ];
        let mut table = Table::open(path, shown)?;
        table.find_time(columns.time.as_deref(), TIME)?;
        let count = match table.find(columns.count.as_deref(), COUNT)? {
            Some(count) => count,
            // Two columns need no names.
            None if table.width() == 2 => 1 - table.time.at,
            None => return Err(table.no_column("count", COUNT)),
        };
        Ok(Self { table, count, last: None })
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// A row without time or count, a count that is negative or no number, or a time that isn't after the last.
    pub fn next_row(&mut self) -> Result<Option<RateRow>, FileError> {
        if !self.table.advance()? {
            return Ok(None);
        }
        let at = self.table.time()?;
        if self.last.is_some_and(|last| at <= last) {
            return Err(self.table.wrong(self.table.time.at, "this time is not after that of the row before", None));
        }
        self.last = Some(at);
        let count = match parse_decimal(self.table.field(self.count)) {
            Some(count) if count.is_finite() && count >= 0.0 => count,
            Some(_) => return Err(self.table.wrong(self.count, "a count must be finite and not negative", None)),
            None => {
                let help = "a number such as 42; leave rows without requests out or write 0";
                return Err(self.table.wrong(self.count, "the count is no number", Some(help)));
            }
        };
        Ok(Some(RateRow { at, count, line: self.table.line() }))
    }
}

/// Streams the rows of a request file; times ascend.
pub struct RequestReader {
    table: Table,
    /// Column and nanoseconds in its unit.
    duration: Option<(usize, u64)>,
    name: Option<usize>,
    last: Option<i64>,
}

impl RequestReader {
    /// Opens a file and finds its columns.
    ///
    /// # Errors
    /// A file that can't be opened or is no text table, or whose columns can't be told.
    pub fn open(path: &Path, shown: &str, columns: &Columns) -> Result<Self, FileError> {
        const TIME: &[&str] = &[
            "arrival",
            "arrival_time",
            "arrival_s",
            "arrival_ms",
            "timestamp",
            "time",
            "datetime",
            "start",
            "start_time",
            "at",
            "offset_s",
            "offset_ms",
            "offset",
            "seconds",
            "time_s",
            "time_ms",
            "timestamp_ms",
            "t",
        ];
        const DURATION: &[&str] = &[
            "duration",
            "duration_ms",
            "service_time",
            "service_time_ms",
            "duration_s",
            "service_time_s",
            "duration_us",
        ];
        const NAME: &[&str] = &["name", "request", "request_name", "class"];
        let mut table = Table::open(path, shown)?;
        table.find_time(columns.time.as_deref(), TIME)?;
        let duration = table.find(columns.duration.as_deref(), DURATION)?;
        let duration = duration.map(|at| (at, table.unit_in_name(at).unwrap_or(NANOS_PER_MILLI)));
        let name = table.find(columns.name.as_deref(), NAME)?;
        Ok(Self { table, duration, name, last: None })
    }

    /// Whether the file has a column of durations.
    pub fn has_durations(&self) -> bool {
        self.duration.is_some()
    }

    /// Whether the file names its requests.
    pub fn has_names(&self) -> bool {
        self.name.is_some()
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// A row without a time or with one before the last, or a duration that is negative or no number.
    pub fn next_row(&mut self) -> Result<Option<RequestRow<'_>>, FileError> {
        if !self.table.advance()? {
            return Ok(None);
        }
        let at = self.table.time()?;
        if self.last.is_some_and(|last| at < last) {
            let help = "sort the file by arrival";
            return Err(self.table.wrong(
                self.table.time.at,
                "this arrival is before that of the row before",
                Some(help),
            ));
        }
        self.last = Some(at);
        let duration = match self.duration {
            Some((column, _)) if self.table.field(column).is_empty() => None,
            Some((column, unit)) => match parse_time_number(self.table.field(column), unit) {
                Some(nanos) if nanos >= 0 => Some(SimDuration(nanos.unsigned_abs())),
                Some(_) => return Err(self.table.wrong(column, "a duration must not be negative", None)),
                None => {
                    let help = "milliseconds such as 12.5";
                    return Err(self.table.wrong(column, "the duration is no number", Some(help)));
                }
            },
            None => None,
        };
        let line = self.table.line();
        Ok(Some(RequestRow { at, duration, name: self.name.map(|column| self.table.field(column)), line }))
    }

    /// An error at the name of the row that was read last.
    pub fn wrong_name(&self, message: &str, help: Option<&str>) -> FileError {
        self.table.wrong(self.name.unwrap_or(0), message, help)
    }
}

/// How the time column reads.
#[derive(Debug, Clone, Copy)]
struct TimeColumn {
    at: usize,
    /// Nanoseconds in a unit of a number; chosen by the first row unless the name says it.
    unit: Option<u64>,
    /// For a column that counts periods (`minute`): the length of a period.
    index_unit: Option<u64>,
}

/// A CSV file with a header, if it has one, and the row that was read last.
struct Table {
    file: String,
    reader: BufReader<Box<dyn Read + Send>>,
    delimiter: u8,
    header: Vec<String>,
    /// The text of the row without quotation marks, and where its fields start and end in it.
    text: Vec<u8>,
    fields: Vec<(usize, usize)>,
    /// Lines that were read, and the first one of the row.
    lines: u64,
    line: u64,
    /// The first row of a file without a header is a row already.
    pending: bool,
    time: TimeColumn,
    /// Its times are dates.
    dated: bool,
    date: DateCache,
}

impl Table {
    fn open(path: &Path, shown: &str) -> Result<Self, FileError> {
        let whole = |message: String| FileError {
            file: shown.to_owned(),
            line: None,
            text: None,
            message,
            help: None,
            row: None,
        };
        let unreadable = |error: std::io::Error| whole(format!("cannot be read: {error}"));
        let file = crate::plain::open(path).map_err(unreadable)?;
        let mut plain = BufReader::with_capacity(1 << 17, file);
        let start = plain.fill_buf().map_err(unreadable)?;
        if start.is_empty() {
            return Err(whole("it is empty".to_owned()));
        }
        let line = start.split(|&byte| byte == b'\n').next().unwrap_or(start);
        let occurrences = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
        // On a tie the comma, which stands last, wins.
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| occurrences(delimiter)).unwrap_or(b',');
        let mut table = Self {
            file: shown.to_owned(),
            reader: plain,
            delimiter,
            header: Vec::new(),
            text: Vec::new(),
            fields: Vec::new(),
            lines: 0,
            line: 0,
            pending: false,
            time: TimeColumn { at: 0, unit: None, index_unit: None },
            dated: false,
            date: DateCache::default(),
        };
        if !table.advance()? {
            return Err(table.whole("it is empty", None));
        }
        // A first row that starts with a time or a number is no header.
        let first = table.field(0);
        if parse_timestamp(first, &mut DateCache::default()).is_some() || parse_decimal(first).is_some() {
            table.pending = true;
            table.header = (1..=table.fields.len()).map(|n| format!("column {n}")).collect();
        } else {
            table.header = (0..table.fields.len()).map(|column| normalised(table.field(column))).collect();
        }
        Ok(table)
    }

    /// Number of columns in the header.
    fn width(&self) -> usize {
        self.header.len()
    }

    /// The column called `stated`, else the first of the usual names that occurs.
    fn find(&self, stated: Option<&str>, usual: &[&str]) -> Result<Option<usize>, FileError> {
        let position = |name: &str| self.header.iter().position(|column| column == name);
        let Some(stated) = stated else { return Ok(usual.iter().find_map(|name| position(name))) };
        let found = position(&normalised(stated.as_bytes()));
        // Without a header a column is called by its number.
        let found = found.or_else(|| if self.pending { position(&format!("column {}", stated.trim())) } else { None });
        found.map(Some).ok_or_else(|| {
            let message = format!("it has no column `{stated}`");
            let mut error = self.whole(&message, Some(&format!("its columns are: {}", self.columns())));
            (error.line, error.row) = (Some(self.line), self.excerpt(None));
            error
        })
    }

    fn find_time(&mut self, stated: Option<&str>, usual: &[&str]) -> Result<(), FileError> {
        let at = match self.find(stated, usual)? {
            Some(at) => at,
            None if self.pending || self.width() == 1 => 0,
            // Two columns need no names: the first that is read is the time.
            None if self.width() == 2 => 0,
            None => return Err(self.no_column("time", usual)),
        };
        let unit = self.unit_in_name(at);
        // `minute` counts minutes, and each is a period; `offset_s` doesn't say how long one is.
        let counts_periods = matches!(self.header[at].as_str(), "minute" | "hour" | "second" | "day");
        self.time = TimeColumn { at, unit, index_unit: if counts_periods { unit } else { None } };
        Ok(())
    }

    /// The unit that a column's name ends in, in nanoseconds.
    fn unit_in_name(&self, column: usize) -> Option<u64> {
        let name = self.header.get(column)?;
        Some(match name.rsplit('_').next().unwrap_or(name) {
            "ns" | "nanos" | "nanoseconds" => 1,
            "us" | "micros" | "microseconds" => 1_000,
            "ms" | "millis" | "milliseconds" => NANOS_PER_MILLI,
            "s" | "sec" | "secs" | "second" | "seconds" => NANOS_PER_SEC,
            "min" | "minute" | "minutes" => 60 * NANOS_PER_SEC,
            "hour" | "hours" => 3_600 * NANOS_PER_SEC,
            "day" | "days" => 86_400 * NANOS_PER_SEC,
            _ => return None,
        })
    }

    fn columns(&self) -> String {
        self.header.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    fn no_column(&self, what: &str, usual: &[&str]) -> FileError {
        let usual = usual.iter().take(6).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut error = self.whole(
            &format!("none of its columns is known as the {what}; they are: {}", self.columns()),
            Some(&format!("call one {usual} or name it with `columns: {{ {what}: … }}`")),
        );
        (error.line, error.row) = (Some(self.line), self.excerpt(None));
        error
    }

    /// Reads the next record; false at the end.
    fn advance(&mut self) -> Result<bool, FileError> {
        if self.pending {
            self.pending = false;
            return Ok(true);
        }
        loop {
            self.text.clear();
            self.line = self.lines + 1;
            if !self.read_line()? {
                return Ok(false);
            }
            if self.line == 1 && self.text.starts_with(b"\xef\xbb\xbf") {
                self.text.drain(..3);
            }
            if self.text.contains(&b'"') {
                // A field in quotation marks may go on over lines.
                let mut unquoted = Vec::with_capacity(self.text.len());
                while !split_quoted(&self.text, self.delimiter, &mut unquoted, &mut self.fields) {
                    if self.text.len() > MAX_QUOTED || !self.read_line()? {
                        let mut error = self.whole("a field in quotation marks does not end", None);
                        error.line = Some(self.line);
                        return Err(error);
                    }
                }
                self.text = unquoted;
                return Ok(true);
            }
            if !self.text.trim_ascii().is_empty() {
                self.fields.clear();
                let mut start = 0;
                for (at, &byte) in self.text.iter().enumerate() {
                    if byte == self.delimiter {
                        self.fields.push((start, at));
                        start = at + 1;
                    }
                }
                self.fields.push((start, self.text.len()));
                return Ok(true);
            }
        }
    }

    /// Appends a line with its end to the text; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, FileError> {
        let read = self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.text);
        let message = match read {
            Ok(0) => return Ok(false),
            Ok(n) if n as u64 == MAX_LINE && !self.text.ends_with(b"\n") => {
                "this line is longer than a megabyte".to_owned()
            }
            Ok(_) => {
                self.lines += 1;
                return Ok(true);
            }
            Err(error) => format!("cannot be read: {error}"),
        };
        Err(FileError { line: Some(self.lines + 1), ..self.whole(&message, None) })
    }

    /// A field of the row without the spaces around it; empty when the row is too short.
    #[inline]
    fn field(&self, column: usize) -> &[u8] {
        self.fields.get(column).map_or(&[][..], |&(start, end)| self.text[start..end].trim_ascii())
    }

    /// Line of the row that was read last.
    fn line(&self) -> u64 {
        self.line
    }

    /// A file with nothing but a heading.
    fn no_rows(&self) -> FileError {
        self.whole("it has no rows below its heading", Some("add at least one row with a time"))
    }

    /// Date (UTC) of an instant of this file; `None` where its times are offsets. Numbers are taken for seconds since 1970 from 1980
    /// on: no measurement is ten years long.
    fn date_of(&self, nanos: i64) -> Option<Date> {
        let ten_years = 3_652 * 86_400 * NANOS_PER_SEC as i64;
        let dated = self.dated || (nanos > ten_years && self.time.index_unit.is_none());
        let instant = dated.then(|| jiff::Timestamp::from_nanosecond(i128::from(nanos)).ok()).flatten()?;
        Some(instant.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// Time of the row that was read last, in nanoseconds.
    fn time(&mut self) -> Result<i64, FileError> {
        // Not `field`, which would borrow the cache's owner, too.
        let field = self.fields.get(self.time.at).map_or(&[][..], |&(start, end)| self.text[start..end].trim_ascii());
        if let Some(nanos) = parse_timestamp(field, &mut self.date) {
            self.dated = true;
            return Ok(nanos);
        }
        let unit = match self.time.unit {
            Some(unit) => unit,
            None => {
                let unit = match parse_decimal(field).unwrap_or(0.0).abs() {
                    x if x < 1e11 => NANOS_PER_SEC,
                    x if x < 1e14 => NANOS_PER_MILLI,
                    x if x < 1e17 => 1_000,
                    _ => 1,
                };
                self.time.unit = Some(unit);
                unit
            }
        };
        parse_time_number(field, unit).ok_or_else(|| {
            let help = "write `2026-03-02T14:00:00Z`, `2026-03-02 14:00:00` or seconds";
            self.wrong(self.time.at, "this is no time", Some(help))
        })
    }

    fn whole(&self, message: &str, help: Option<&str>) -> FileError {
        FileError {
            file: self.file.clone(),
            line: None,
            text: None,
            message: message.to_owned(),
            help: help.map(str::to_owned),
            row: None,
        }
    }

    /// The row that was read last and the bytes of a field in it (of all without a column), if it is short enough to be shown.
    fn excerpt(&self, column: Option<usize>) -> Option<Box<(String, Range<usize>)>> {
        let row = self.text.trim_ascii_end();
        if row.len() > MAX_SHOWN || row.contains(&b'\n') {
            return None;
        }
        let whole = (0, row.len());
        let (start, end) = column.map_or(whole, |column| *self.fields.get(column).unwrap_or(&(row.len(), row.len())));
        let (before, rest) = row.split_at(start.min(row.len()));
        let (field, after) = rest.split_at(end.min(row.len()).saturating_sub(before.len()));
        let blank = field.len() - field.trim_ascii_start().len();
        let (blank, field) = field.split_at(blank);
        let (field, blank_after) = field.split_at(field.trim_ascii_end().len());
        let text = |parts: &[&[u8]]| parts.iter().map(|part| String::from_utf8_lossy(part)).collect::<String>();
        let start = text(&[before, blank]).len();
        let range = start..start + text(&[field]).len();
        Some(Box::new((text(&[before, blank, field, blank_after, after]), range)))
    }

    /// An error at a field of the row that was read last.
    fn wrong(&self, column: usize, message: &str, help: Option<&str>) -> FileError {
        let text: String = String::from_utf8_lossy(self.field(column)).chars().take(60).collect();
        let row = self.excerpt(Some(column));
        FileError { line: Some(self.line()), text: Some(text), row, ..self.whole(message, help) }
    }
}

/// The most names of requests in a file.
const MAX_NAMES: usize = 1_000;
/// The longest row that is shown where something is wrong in it.
const MAX_SHOWN: usize = 200;
/// The longest line.
const MAX_LINE: u64 = 1 << 20;
/// The longest row with quotation marks that goes on over lines.
const MAX_QUOTED: usize = 1 << 16;

/// Splits a row in which a field that starts with `"` ends at the next one; `""` within it is one quotation mark.
/// False when the last field doesn't end.
fn split_quoted(text: &[u8], delimiter: u8, out: &mut Vec<u8>, fields: &mut Vec<(usize, usize)>) -> bool {
    out.clear();
    fields.clear();
    let (mut start, mut at_start, mut quoted) = (0, true, false);
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' if quoted && rest.peek() == Some(&b'"') => {
                rest.next();
                out.push(b'"');
            }
            b'"' if quoted => quoted = false,
            b'"' if at_start => quoted = true,
            _ if byte == delimiter && !quoted => {
                fields.push((start, out.len()));
                start = out.len();
                at_start = true;
                continue;
            }
            _ => out.push(byte),
        }
        at_start &= byte == b' ';
    }
    fields.push((start, out.len()));
    !quoted
}

/// A column's name in lower case, with one `_` for whatever is no letter or digit.
fn normalised(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

/// A finite or infinite decimal number; digits alone take the short way.
fn parse_decimal(field: &[u8]) -> Option<f64> {
    if let Some(whole) = parse_digits(field) {
        return Some(whole as f64);
    }
    // Rust also reads `inf`, `nan` and `infinity`, which are words here, not numbers.
    if !field.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// 1 to 18 digits.
#[inline]
fn parse_digits(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 18 {
        return None;
    }
    field.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| sum * 10 + u64::from(digit))
    })
}

/// A decimal number of `unit` nanoseconds, exact to the nanosecond (rounded to the nearest).
fn parse_time_number(field: &[u8], unit: u64) -> Option<i64> {
    let (negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, field),
    };
    let nanos = match digits.iter().position(|&byte| byte == b'.') {
        None => match parse_digits(digits) {
            Some(whole) => whole.checked_mul(unit)?,
            None => return parse_time_float(field, unit),
        },
        Some(point) => {
            // More than 18 decimals can't matter; an empty side of the point is zero.
            let (whole, fraction) = (&digits[..point], &digits[point + 1..]);
            let fraction = &fraction[..fraction.len().min(18)];
            let known = |side: &[u8]| if side.is_empty() { Some(0) } else { parse_digits(side) };
            match (known(whole), known(fraction)) {
                (Some(_), Some(_)) if digits.len() == 1 => return None,
                (Some(whole), Some(part)) => {
                    let scale = 10u64.pow(fraction.len() as u32);
                    // 128 bits only where they are needed: they divide slowly.
                    let part = match part.checked_mul(unit) {
                        Some(product) => (product + scale / 2) / scale,
                        None => {
                            ((u128::from(part) * u128::from(unit) + u128::from(scale / 2)) / u128::from(scale)) as u64
                        }
                    };
                    whole.checked_mul(unit)?.checked_add(part)?
                }
                _ => return parse_time_float(field, unit),
            }
        }
    };
    let nanos = i64::try_from(nanos).ok()?;
    Some(if negative { -nanos } else { nanos })
}

/// Numbers with an exponent or many digits.
fn parse_time_float(field: &[u8], unit: u64) -> Option<i64> {
    let nanos = parse_decimal(field)? * unit as f64;
    // Strictly inside the range of i64, so that the conversion is exact.
    (nanos.abs() < 9.2e18).then_some(nanos.round() as i64)
}

/// The last date that was read: neighbouring rows mostly share it.
struct DateCache {
    date: [u8; 10],
    /// Days since 1970-01-01.
    days: i64,
}

impl Default for DateCache {
    fn default() -> Self {
        Self { date: *b"1970-01-01", days: 0 }
    }
}

/// Nanoseconds since 1970 of `YYYY-MM-DD`, `YYYY-MM-DD[T ]HH:MM[:SS[.fraction]]`, with `Z`, ` UTC`, `±HH:MM`, `±HHMM` or nothing
/// (UTC) behind it.
fn parse_timestamp(field: &[u8], cache: &mut DateCache) -> Option<i64> {
    let date: &[u8; 10] = field.first_chunk()?;
    if *date != cache.date {
        let number = |digits: &[u8]| parse_digits(digits).map(|n| n as i64);
        if date[4] != b'-' || date[7] != b'-' {
            return None;
        }
        let days = days_since_1970(number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?)?;
        *cache = DateCache { date: *date, days };
    }
    let two = |digits: &[u8]| -> Option<i64> {
        let [a @ b'0'..=b'9', b @ b'0'..=b'9'] = digits else { return None };
        Some(i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let day = cache.days.checked_mul(86_400)?;
    let rest = match &field[10..] {
        [] => return day.checked_mul(NANOS_PER_SEC as i64),
        [b'T' | b't' | b' ', rest @ ..] => rest,
        _ => return None,
    };
    if rest.len() < 5 || rest[2] != b':' {
        return None;
    }
    let (hour, minute) = (two(&rest[..2])?, two(&rest[3..5])?);
    let mut rest = &rest[5..];
    let (mut second, mut fraction) = (0, 0);
    if let [b':', a, b, more @ ..] = rest {
        second = two(&[*a, *b])?;
        rest = more;
        if let [b'.' | b',', more @ ..] = rest {
            let length = more.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let digits = &more[..length.min(9)];
            fraction = parse_digits(digits)? as i64 * 10i64.pow(9 - digits.len() as u32);
            rest = &more[length..];
        }
    }
    // A leap second (60) is the first of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match rest.trim_ascii_start() {
        [] | [b'Z' | b'z'] | b"UTC" => 0,
        [sign @ (b'+' | b'-'), a, b, more @ ..] => {
            let minutes = match more {
                [] => 0,
                [b':', c, d] | [c, d] => two(&[*c, *d])?,
                _ => return None,
            };
            let offset = two(&[*a, *b])? * 3_600 + minutes * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let secs = day + hour * 3_600 + minute * 60 + second - offset;
    secs.checked_mul(NANOS_PER_SEC as i64)?.checked_add(fraction)
}

/// Howard Hinnant's `days_from_civil`; `None` for a date that doesn't exist.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::NamedTempFile;

    /// Arrival, duration and name.
    type Request = (i64, Option<u64>, Option<String>);

    fn file(content: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn rates(content: &[u8], columns: &Columns) -> Result<Vec<(i64, f64)>, FileError> {
        let file = file(content);
        let mut reader = RateReader::open(file.path(), "rates.csv", columns)?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row()? {
            rows.push((row.at, row.count));
        }
        Ok(rows)
    }

    fn requests(content: &str) -> Result<Vec<Request>, FileError> {
        let file = file(content.as_bytes());
        let mut reader = RequestReader::open(file.path(), "requests.csv", &Columns::default())?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row()? {
            rows.push((
                row.at,
                row.duration.map(|d| d.0),
                row.name.map(|name| String::from_utf8(name.to_vec()).unwrap()),
            ));
        }
        Ok(rows)
    }

    #[test]
    fn times_read_as_jiff_reads_them() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-03-02T14:00:00Z",
            "2024-02-29T23:59:59.123456789Z",
            "1969-12-31T23:59:59.5Z",
            "2000-03-01T00:00:00+05:30",
            "1900-02-28T12:34:56-08:00",
            "2026-03-02T14:00Z",
        ] {
            let want = text.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
            assert_eq!(
                parse_timestamp(text.as_bytes(), &mut DateCache::default()).map(i128::from),
                Some(want),
                "{text}"
            );
        }
        let mut cache = DateCache::default();
        let noon = 1_772_452_800_000_000_000; // 2026-03-02T12:00:00Z, `date -u -d … +%s`
        for text in ["2026-03-02 12:00:00", "2026-03-02 12:00:00 UTC", "2026-03-02T13:00:00+0100", "2026-03-02 12:00"] {
            assert_eq!(parse_timestamp(text.as_bytes(), &mut cache), Some(noon), "{text}");
        }
        assert_eq!(parse_timestamp(b"2026-03-02", &mut cache), Some(noon - 43_200_000_000_000));
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-32",
            "2026-03-02x",
            "2026-03-02 24:00:00",
            "2026-03-02 1:00:00",
            "2026-03-02 10:60:00",
            "2026-03-02 10:00:00 CET",
            "2026-03-02 10:00:00+1",
            "02/03/2026 10:00",
            "2026-03-02 10:00:00.",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes(), &mut cache), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_exact_to_the_nanosecond() {
        let cases: [(&str, u64, Option<i64>); 14] = [
            ("0", NANOS_PER_SEC, Some(0)),
            ("1.5", NANOS_PER_SEC, Some(1_500_000_000)),
            (".5", NANOS_PER_SEC, Some(500_000_000)),
            ("5.", NANOS_PER_SEC, Some(5_000_000_000)),
            ("1587650005.4912045", NANOS_PER_SEC, Some(1_587_650_005_491_204_500)),
            ("1587650005549.155", NANOS_PER_MILLI, Some(1_587_650_005_549_155_000)),
            ("-2", NANOS_PER_SEC, Some(-2_000_000_000)),
            ("1e3", NANOS_PER_MILLI, Some(1_000_000_000)),
            ("0.123456789123456789123", NANOS_PER_SEC, Some(123_456_789)),
            ("99999999999999999999", NANOS_PER_SEC, None),
            (".", NANOS_PER_SEC, None),
            ("", NANOS_PER_SEC, None),
            ("nan", NANOS_PER_SEC, None),
            ("1.2.3", NANOS_PER_SEC, None),
        ];
        for (text, unit, want) in cases {
            assert_eq!(parse_time_number(text.as_bytes(), unit), want, "{text}");
        }
    }

    #[test]
    fn columns_are_found_by_the_usual_names() {
        let want = vec![(0, 5.0), (60_000_000_000, 7.5)];
        for text in [
            "minute,count\n0,5\n1,7.5\n",
            "offset_s,requests\n0,5\n60,7.5",
            "requests;time\n5;0\n7.5;60\n",
            "a\tb\n0\t5\n60\t7.5\n",
            "0,5\n60,7.5\n",
            "\u{feff}Offset (s),other,Request Count\r\n0,x,5\r\n\r\n60,\"y,z\", 7.5 \r\n",
            "date,value\n1970-01-01 00:00:00,5\n1970-01-01T00:01:00Z,7.5\n",
            "time_ms,n\n0,5\n60000,7.5\n",
            "\"say \"\"hi\"\"\",\"minute\",\"count\"\n\"a,\"\"b\",0,\"5\"\n5\",1,7.5",
        ] {
            assert_eq!(rates(text.as_bytes(), &Columns::default()), Ok(want.clone()), "{text}");
        }
        let columns = Columns { time: Some("Bucket".into()), count: Some("ok".into()), ..Columns::default() };
        assert_eq!(rates(b"time,bucket,count,ok\n9,0,9,5\n9,60,9,7.5\n", &columns), Ok(want.clone()));
        let columns = Columns { time: Some("3".into()), count: Some("1".into()), ..Columns::default() };
        assert_eq!(rates(b"5,9,0\n7.5,9,60\n", &columns), Ok(want));
    }

    #[test]
    fn large_numbers_are_fractions_of_a_second_since_1970() {
        let want = Ok(vec![(1_772_452_800_000_000_000, 1.0), (1_772_452_860_000_000_000, 2.0)]);
        for (a, b) in [
            ("1772452800", "1772452860"),
            ("1772452800000", "1772452860000"),
            ("1772452800000000", "1772452860000000"),
            ("1772452800000000000", "1772452860000000000"),
        ] {
            assert_eq!(rates(format!("timestamp,count\n{a},1\n{b},2\n").as_bytes(), &Columns::default()), want, "{a}");
        }
    }

    #[test]
    fn gzip_reads_like_plain() {
        let text = "minute,count\n".to_owned() + &(0..50_000).map(|n| format!("{n},{}\n", n % 7)).collect::<String>();
        let plain = rates(text.as_bytes(), &Columns::default());
        assert_eq!(plain.as_ref().map(Vec::len), Ok(50_000));
        assert_eq!(rates(&gzip(text.as_bytes()), &Columns::default()), plain);
        // Two members, as `cat a.gz b.gz` makes them.
        let (a, b) = text.split_at(1_000);
        assert_eq!(rates(&[gzip(a.as_bytes()), gzip(b.as_bytes())].concat(), &Columns::default()), plain);
    }

    #[test]
    fn requests_have_durations_and_names() {
        let rows = requests("arrival,duration,name\n0.5,12.5,browse\n0.5,,checkout\n1.25,3,browse\n").unwrap();
        let row = |at, duration, name: &str| (at, duration, Some(name.to_owned()));
        assert_eq!(
            rows,
            [
                row(500_000_000, Some(12_500_000), "browse"),
                row(500_000_000, None, "checkout"),
                row(1_250_000_000, Some(3_000_000), "browse")
            ]
        );
        assert_eq!(
            requests("TIMESTAMP,ContextTokens\n2023-11-16 18:15:46.6805900,374\n").unwrap()[0].0 % 1_000_000_000,
            680_590_000
        );
        assert_eq!(requests("at,service_time_s\n0,0.25\n").unwrap(), [(0, Some(250_000_000), None)]);
    }

    #[test]
    fn a_bad_row_is_an_error_with_its_line() {
        let columns = Columns::default();
        let cases: [(&[u8], Option<u64>, &str); 18] = [
            (b"", None, "empty"),
            (b"\n\n", None, "empty"),
            (b"minute,count\n0,1\n1,-2\n", Some(3), "not negative"),
            (b"minute,count\n0,1\n1,\n", Some(3), "no number"),
            (b"minute,count\n0,1\n1,nan\n", Some(3), "no number"),
            (b"minute,count\n0,1\n1,1e999\n", Some(3), "finite"),
            (b"minute,count\n0,1\nx,1\n", Some(3), "no time"),
            (b"minute,count\n0,1\n1\n", Some(3), "no number"),
            (b"minute,count\n1,1\n1,1\n", Some(3), "not after"),
            (b"minute,count\n1,1\n\n0,1\n", Some(4), "not after"),
            (b"minute,count\n0,\xff\xfe\n", Some(2), "no number"),
            (b"a,b,c\n0,1,2\n", Some(1), "none of its columns"),
            (b"time,b,c\n0,1,2\n", Some(1), "known as the count"),
            (b"\x00\x01\x02\n\x03\n", Some(1), "known as the count"),
            (b"minute,count\r\n0,1\r\n\r\n1,x\r\n", Some(4), "no number"),
            (b"\"minute\",\"a\nb\",count\n0,\"x\n\ny\",1\n1,z,w", Some(6), "no number"),
            (b"minute,count\n0,1\n1,\"2\n", Some(3), "does not end"),
            (b"time,count\n1e300,1\n", Some(2), "no time"),
        ];
        for (content, line, message) in cases {
            let error = rates(content, &columns).expect_err(&String::from_utf8_lossy(content));
            assert!(error.message.contains(message), "{error}");
            assert_eq!(error.line, line, "{error}");
            assert!(error.to_string().starts_with("rates.csv"), "{error}");
        }
        let error =
            rates(b"minute,count\n0,1\n", &Columns { count: Some("hits".into()), ..Columns::default() }).unwrap_err();
        assert!(error.to_string().contains("`hits`") && error.to_string().contains("`minute`, `count`"), "{error}");
        for (content, line, message) in [
            ("arrival\n5\n4\n", 3, "before that of the row before"),
            ("arrival,duration\n5,-1\n", 2, "negative"),
            ("arrival,duration\n5,fast\n", 2, "no number"),
        ] {
            let error = requests(content).unwrap_err();
            assert!(error.line == Some(line) && error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn names_that_cannot_be_classes_are_errors() {
        let scan = |content: &[u8]| scan_requests(file(content).path(), "x.csv", &Columns::default());
        let rows = |n: usize| (0..n).map(|n| format!("{n},name {n}\n")).collect::<String>();
        let names = |n: usize| format!("arrival,name\n{}", rows(n));
        assert_eq!(scan(names(1_000).as_bytes()).map(|summary| summary.names.len()), Ok(1_000));
        let error = scan(names(1_001).as_bytes()).unwrap_err();
        assert!(error.message.contains("1,000 names") && error.line == Some(1_002), "{error}");
        let error = scan(b"arrival,name\n1,a\n2,\xff\n").unwrap_err();
        assert!(error.message.contains("UTF-8") && error.line == Some(3), "{error}");
    }

    #[test]
    fn unreadable_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing.csv");
        for path in [directory.path(), &missing] {
            assert!(
                RateReader::open(path, "x.csv", &Columns::default())
                    .is_err_and(|e| e.message.contains("cannot be read"))
            );
        }
        let whole = gzip("minute,count\n".repeat(1_000).as_bytes());
        for broken in [&whole[..whole.len() / 2], &whole[..12], b"\x1f\x8b", b"\x1f\x8bnonsense, really"] {
            let file = file(broken);
            assert!(scan_rate(file.path(), "x.csv.gz", &Columns::default()).is_err());
        }
    }

    #[test]
    fn scans_tell_period_and_length() {
        let scan = |text: &str| scan_rate(file(text.as_bytes()).path(), "x.csv", &Columns::default());
        let minute = SimDuration::from_mins(1);
        let summary = scan("time,count\n0,4\n60,6\n120,1\n360,0\n420,9\n").unwrap();
        assert_eq!((summary.rows, summary.period, summary.covers), (5, minute, SimDuration::from_mins(8)));
        assert!((summary.total - 20.0).abs() < 1e-12 && (summary.peak - 9.0).abs() < 1e-12);
        // One row is enough where the name says what it counts.
        assert_eq!(scan("minute,count\n7,4\n").map(|s| (s.period, s.covers)), Ok((minute, minute)));
        assert!(scan("time,count\n7,4\n").unwrap_err().message.contains("one row"));
        assert!(scan("time,count\n").unwrap_err().message.contains("no rows"));

        let requests = file(b"arrival,name,duration\n1,a,\n2,b,5\n2,a,6\n4.5,c,7\n");
        let summary = scan_requests(requests.path(), "x.csv", &Columns::default()).unwrap();
        assert_eq!((summary.rows, summary.covers, summary.durations), (4, SimDuration::from_millis(3_500), 3));
        assert_eq!(summary.names, [("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
    }

    #[test]
    #[allow(clippy::print_stderr)]
    fn real_files_read_in_full() {
        let shared = std::env::var_os("COSTSIM_SHARED")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), std::path::PathBuf::from);
        let traffic = shared.join("data/traffic");
        if !traffic.is_dir() {
            eprintln!("skipped: {} is absent", traffic.display());
            return;
        }
        // Rows and totals by `zcat FILE | awk -F, 'NR>1 {s+=$2} END {print NR-1, s}'`.
        for (name, rows, total, period) in [
            ("worldcup98_1998-05-04_7d_per_minute.csv.gz", 10_080, 9704328.0, 60),
            ("worldcup98_1998-06-10_1d_per_minute.csv.gz", 1_440, 52291414.0, 60),
            ("nasa_1995-07-01_7d_per_minute.csv.gz", 10_080, 567785.0, 60),
            ("nasa_1995-07-01_1d_per_second.csv.gz", 86_400, 64715.0, 1),
            ("cloudwatch_elb_request_count_5min.csv.gz", 4_032, 249327.0, 300),
        ] {
            let summary = scan_rate(&traffic.join(name), name, &Columns::default()).unwrap();
            assert_eq!((summary.rows, summary.period), (rows, SimDuration::from_secs(period)), "{name}");
            assert!((summary.total - total).abs() < 0.5, "{name}: {}", summary.total);
        }
        let name = "azure_llm_2023_conversation_arrivals.csv.gz";
        let summary = scan_requests(&traffic.join(name), name, &Columns::default()).unwrap();
        assert_eq!((summary.rows, summary.durations, summary.names.len()), (19366, 0, 0));
    }
}
