//! Quantities as users write them: `120ms`, `50/s`, `20 KB`, `512 MB`, `99.9%`, `3M`.
//!
//! Number formats are strict (digits, an optional fraction, an optional exponent where a plain number is meant), a
//! quantity never loses its unit, and every refusal says what to write instead. Whole quantities are computed in integers.

use super::read::{FromYaml, Problem, Reader, Schemas};
use crate::units::{Bytes, Limit, MegaBytes, SimDuration};
use crate::yaml::{Node, shorten};
use serde_json::json;

/// Longest duration that may be written: 100 years. Sums of a few of them stay far below the 584 years of the clock.
const MAX_DURATION_NANOS: u128 = 100 * 365 * 86_400 * 1_000_000_000;

const DURATION: &str = "a duration such as `120ms`, `2s` or `4h`";
const RATE: &str = "a rate such as `50/s`, `100/min` or `3M/month`";
const SIZE: &str = "a size such as `500 B`, `20 KB` or `1.5 MB`";
const MEMORY: &str = "an amount of memory such as `512 MB`";
const PERCENT: &str = "a percentage such as `99.9%`";

/// Reads a scalar with a parsing function.
fn scalar<T>(
    node: &Node,
    reader: &mut Reader,
    expects: &str,
    parse: impl FnOnce(&str) -> Result<T, Problem>,
) -> Option<T> {
    let Some(text) = node.scalar() else { return reader.mismatch(node, expects) };
    match parse(text.trim()) {
        Ok(value) => Some(value),
        Err(problem) => reader.problem(node, problem),
    }
}

/// A number at the beginning of a text.
#[derive(Debug, Clone, Copy)]
struct Number<'t> {
    negative: bool,
    /// Digits, an optional fraction, an optional exponent; without a sign.
    digits: &'t str,
    exponent: bool,
}

impl Number<'_> {
    /// The nearest `f64`; finite, since the exponent is short.
    fn real(&self) -> f64 {
        let value: f64 = self.digits.parse().unwrap_or(f64::NAN);
        if self.negative { -value } else { value }
    }

    /// The number times `unit`, rounded half up to a whole number; `None` beyond `u128` or with an exponent.
    fn times(&self, unit: u128) -> Option<u128> {
        if self.exponent {
            return None;
        }
        let (whole, fraction) = self.digits.split_once('.').unwrap_or((self.digits, ""));
        // Beyond 18 decimals nothing changes that could matter; more would overflow the products below.
        let fraction = &fraction[..fraction.len().min(18)];
        let scale = 10_u128.pow(fraction.len() as u32);
        let whole: u128 = whole.parse().ok()?;
        let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        whole.checked_mul(unit)?.checked_add((fraction.checked_mul(unit)? + scale / 2) / scale)
    }
}

/// Splits a text into its number and what follows it.
fn number<'t>(text: &'t str, expects: &str) -> Result<(Number<'t>, &'t str), Problem> {
    let bare = text.trim_start_matches(['+', '-']).trim_start_matches('.').to_ascii_lowercase();
    if bare.starts_with("nan") || bare.starts_with("inf") {
        let title = format!("`{}` is not a finite number", shorten(text));
        return Err(Problem::new("not-finite", title, format!("write {expects}")));
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let bytes = unsigned.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if end == 0 {
        let help = match unsigned.strip_prefix('.') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => format!("write `0.{rest}`"),
            _ => format!("write {expects}"),
        };
        return Err(Problem::new("wrong-type", format!("expected {expects}, found `{}`", shorten(text)), help));
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            let title = format!("`{}` has no digits after its point", shorten(text));
            return Err(Problem::new("number-format", title, format!("write {expects}")));
        }
        end += 1 + fraction;
    }
    if let Some(b',' | b'_' | b'\'') = bytes.get(end)
        && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
    {
        let title = format!("`{}` has a separator within its number", shorten(text));
        let plain: String = unsigned.chars().filter(|c| !matches!(c, '_' | ',' | '\'')).collect();
        let help = format!("write `{}`, with a point only before decimals", shorten(&plain));
        return Err(Problem::new("number-format", title, help));
    }
    let mut exponent = false;
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = bytes.get(end + 1 + sign..).map_or(0, |_| digits(end + 1 + sign));
        if power > 0 {
            exponent = true;
            end += 1 + sign + power;
        }
    }
    let parsed = Number { negative, digits: &unsigned[..end], exponent };
    if !parsed.real().is_finite() || end > 40 {
        let title = format!("`{}` is out of range", shorten(text));
        return Err(Problem::new("out-of-range", title, format!("write {expects}")));
    }
    Ok((parsed, unsigned[end..].trim_start()))
}

/// Refuses a negative number.
fn not_negative(number: &Number<'_>, text: &str, expects: &str) -> Result<(), Problem> {
    if number.negative {
        let title = format!("`{}` is negative", shorten(text));
        return Err(Problem::new("negative", title, format!("write {expects}")));
    }
    Ok(())
}

/// Parses a duration: numbers with the units ns, us, ms, s, m (or min), h, d, w, the larger first: `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<SimDuration, Problem> {
    const UNITS: [(&str, u128); 9] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let mut rest = text;
    let mut total = 0_u128;
    let mut last = u128::MAX;
    loop {
        let (number, after) = number(rest, DURATION)?;
        not_negative(&number, text, DURATION)?;
        let split = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(split);
        let shown = shorten(number.digits);
        if unit.is_empty() && next.is_empty() {
            let help = if number.digits.trim_matches(['0', '.']).is_empty() {
                "write `0s`".to_owned()
            } else {
                format!("write `{shown}s` or `{shown}ms`")
            };
            return Err(Problem::new("no-unit", format!("`{}` has no unit", shorten(text)), help));
        }
        let size = if unit == "w" { Some(7 * 86_400_000_000_000) } else { None };
        let Some(size) = size.or_else(|| UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size)) else {
            return Err(duration_unit(&shown, unit));
        };
        if size >= last {
            let title = format!("the parts of `{}` are not in descending order", shorten(text));
            return Err(Problem::new("wrong-unit", title, "write the larger unit first, each once: `1h30m`"));
        }
        last = size;
        let nanos = number.times(size).and_then(|nanos| total.checked_add(nanos));
        match nanos {
            Some(nanos) if nanos <= MAX_DURATION_NANOS => total = nanos,
            _ => {
                let title = format!("`{}` is longer than 100 years, or has an exponent", shorten(text));
                return Err(Problem::new("out-of-range", title, format!("write {DURATION}")));
            }
        }
        rest = next.trim_start();
        if rest.is_empty() {
            return Ok(SimDuration(u64::try_from(total).unwrap_or(u64::MAX)));
        }
    }
}

fn duration_unit(shown: &str, unit: &str) -> Problem {
    let lower = unit.to_lowercase();
    let help = match lower.as_str() {
        "sec" | "secs" | "second" | "seconds" => format!("write `{shown}s`"),
        "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => format!("write `{shown}ms`"),
        "mins" | "minute" | "minutes" => format!("write `{shown}m`"),
        "hr" | "hrs" | "hour" | "hours" => format!("write `{shown}h`"),
        "day" | "days" => format!("write `{shown}d`"),
        "week" | "weeks" => format!("write `{shown}w`"),
        "mo" | "month" | "months" => "write hours or days: a billed month is `730h`".to_owned(),
        "y" | "year" | "years" => format!("write days: a year is `365d`, found {shown} of them"),
        "ns" | "us" | "ms" | "s" | "h" | "d" | "w" => format!("write `{shown}{lower}`; units are in lower case"),
        _ if unit == "M" => format!("write `{shown}m` for minutes"),
        _ => "units are ns, us, ms, s, m, h, d and w; write e.g. `120ms` or `4h`".to_owned(),
    };
    let title = if unit.is_empty() {
        format!("`{shown}` is not followed by a unit")
    } else {
        format!("`{}` is not a unit of time", shorten(unit))
    };
    Problem::new("wrong-unit", title, help)
}

impl FromYaml for SimDuration {
    const EXPECTS: &'static str = DURATION;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, DURATION, parse_duration)
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Duration", |_| {
            json!({
                "type": "string",
                "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|min|h|d|w)\s*)+$",
                "description": "A duration with its unit: 120ms, 2s, 4h, 28d, 12d9h, 1h30m.",
            })
        })
    }
}

/// A duration of days, such as a horizon: a number without a unit most likely counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days(pub(crate) SimDuration);

impl FromYaml for Days {
    const EXPECTS: &'static str = SimDuration::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, DURATION, |text| {
            parse_duration(text).map(Self).map_err(|problem| match (problem.code, number(text, DURATION)) {
                ("no-unit", Ok((number, _))) => {
                    Problem { help: format!("write `{}d`", shorten(number.digits)), ..problem }
                }
                _ => problem,
            })
        })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        SimDuration::schema(schemas)
    }
}

/// A period that a rate refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Per {
    /// A fixed length in seconds.
    Seconds(u32),
    /// The scenario's billed month.
    Month,
}

/// A rate as written; the month's length comes from the scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// Events in a period: finite, not negative.
    pub(crate) events: f64,
    /// The period.
    pub(crate) per: Per,
}

impl Rate {
    /// Events per second.
    pub(crate) fn per_second(self, month: SimDuration) -> f64 {
        match self.per {
            Per::Seconds(seconds) => self.events / f64::from(seconds),
            Per::Month => self.events / month.as_secs_f64().max(1.0),
        }
    }
}

/// Parses a count with an optional suffix k, M or B (billion) into a real number and what follows.
fn suffixed<'t>(text: &'t str, expects: &str) -> Result<(Number<'t>, f64, &'t str), Problem> {
    let (number, rest) = number(text, expects)?;
    let (factor, rest) = match rest.as_bytes().first() {
        Some(b'k' | b'K') => (1e3, &rest[1..]),
        Some(b'M') => (1e6, &rest[1..]),
        Some(b'B') => (1e9, &rest[1..]),
        _ => (1.0, rest),
    };
    Ok((number, factor, rest.trim_start()))
}

/// Parses `50/s`, `100/min`, `3M/month`.
pub(crate) fn parse_rate(text: &str) -> Result<Rate, Problem> {
    let (number, factor, rest) = suffixed(text, RATE)?;
    not_negative(&number, text, RATE)?;
    let amount = text.split('/').next().unwrap_or(text).trim();
    let amount = amount.trim_end_matches(|c: char| c.is_alphabetic() && !matches!(c, 'k' | 'K' | 'M' | 'B'));
    let unit = rest.strip_prefix('/').map(str::trim);
    let per = match unit {
        Some("s" | "sec" | "second") => Per::Seconds(1),
        Some("min" | "minute") => Per::Seconds(60),
        Some("h" | "hour") => Per::Seconds(3_600),
        Some("d" | "day") => Per::Seconds(86_400),
        Some("week") => Per::Seconds(604_800),
        Some("month") => Per::Month,
        _ => {
            let (title, help) = match unit {
                None if rest.is_empty() => (
                    format!("`{}` has no unit", shorten(text)),
                    format!("write `{amount}/s`, `{amount}/min` or `{amount}/month`"),
                ),
                Some("m") => {
                    ("`/m` could be minutes or months".to_owned(), format!("write `{amount}/min` or `{amount}/month`"))
                }
                None if matches!(rest.to_ascii_lowercase().as_str(), "rps" | "req/s" | "tps") => {
                    (format!("`{}` is not a rate's unit", shorten(rest)), format!("write `{amount}/s`"))
                }
                _ => (
                    format!("`{}` is not a rate's unit", shorten(rest)),
                    format!("write `{amount}/s`, `/min`, `/h`, `/day`, `/week` or `/month`"),
                ),
            };
            return Err(Problem::new(if rest.is_empty() { "no-unit" } else { "wrong-unit" }, title, help));
        }
    };
    let events = number.real() * factor;
    if !(0.0..=1e15).contains(&events) {
        return Err(Problem::new(
            "out-of-range",
            format!("`{}` is out of range", shorten(text)),
            format!("write {RATE}"),
        ));
    }
    Ok(Rate { events, per })
}

impl FromYaml for Rate {
    const EXPECTS: &'static str = RATE;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let crate::yaml::Value::Mapping(entries) = &node.value else {
            return scalar(node, reader, RATE, parse_rate);
        };
        const KEYS: [(&str, Per); 6] = [
            ("per_second", Per::Seconds(1)),
            ("per_minute", Per::Seconds(60)),
            ("per_hour", Per::Seconds(3_600)),
            ("per_day", Per::Seconds(86_400)),
            ("per_week", Per::Seconds(604_800)),
            ("per_month", Per::Month),
        ];
        let known = KEYS.map(|(key, _)| key);
        reader.entries(node, RATE, &known, &[])?;
        let mut given = entries
            .iter()
            .filter_map(|(key, value)| KEYS.iter().find(|(name, _)| *name == key.text).map(|(_, per)| (*per, value)));
        match (given.next(), given.next()) {
            (Some((per, value)), None) => Amount::read(value, reader).map(|amount| Self { events: amount.0, per }),
            (None, _) => None,
            (Some(_), Some((_, second))) => {
                let help = "keep one of them";
                reader.error("too-many-keys", "a rate has one period", second.span, "a second one", help);
                None
            }
        }
        .or_else(|| {
            if entries.is_empty() {
                reader.error("missing-key", "the rate is empty", node.span, "", &format!("write {RATE}"));
            }
            None
        })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Rate", |schemas| {
            let amount = Amount::schema(schemas);
            json!({
                "description": "A rate: 50/s, 100/min, 3M/month, or { per_month: 3M }.",
                "anyOf": [
                    {
                        "type": "string",
                        "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[kKMB]?\s*/\s*(s|sec|second|min|minute|h|hour|d|day|week|month)\s*$",
                    },
                    {
                        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
                        "properties": {
                            "per_second": amount.clone(), "per_minute": amount.clone(), "per_hour": amount.clone(),
                            "per_day": amount.clone(), "per_week": amount.clone(), "per_month": amount,
                        },
                    },
                ],
            })
        })
    }
}

/// A count that need not be whole: `0.5`, `300k`, `3M`, `2B`; finite, not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount(pub(crate) f64);

impl FromYaml for Amount {
    const EXPECTS: &'static str = "an amount such as `3M` or `250000`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let (number, factor, rest) = suffixed(text, Self::EXPECTS)?;
            not_negative(&number, text, Self::EXPECTS)?;
            nothing_after(text, rest, Self::EXPECTS)?;
            Ok(Self(number.real() * factor))
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*[kKMB]?$" }] })
    }
}

fn nothing_after(text: &str, rest: &str, expects: &str) -> Result<(), Problem> {
    if rest.is_empty() {
        return Ok(());
    }
    let title = format!("expected {expects}, found `{}`", shorten(text));
    let number = text.strip_suffix(rest).unwrap_or(text).trim_end();
    Err(Problem::new("wrong-unit", title, format!("write `{number}` without `{}`", shorten(rest))))
}

/// A finite number that is not negative.
impl FromYaml for f64 {
    const EXPECTS: &'static str = "a number such as `0.5` or `8`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let (number, rest) = number(text, Self::EXPECTS)?;
            not_negative(&number, text, Self::EXPECTS)?;
            if rest.trim_end() == "%" {
                let share = number.real() / 100.0;
                let title = format!("`{}` is a percentage, a plain number is expected", shorten(text));
                return Err(Problem::new("wrong-unit", title, format!("write `{share}`")));
            }
            nothing_after(text, rest, Self::EXPECTS)?;
            Ok(number.real())
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "number", "minimum": 0 })
    }
}

/// Parses a whole number with an optional suffix k, M or B.
fn parse_whole(text: &str) -> Result<u64, Problem> {
    const EXPECTS: &str = "a whole number such as `8` or `10k`";
    let (number, factor, rest) = suffixed(text, EXPECTS)?;
    not_negative(&number, text, EXPECTS)?;
    nothing_after(text, rest, EXPECTS)?;
    let scaled = number.times(factor as u128);
    match scaled.and_then(|value| u64::try_from(value).ok()) {
        // `times` rounds: what was rounded was not whole.
        Some(value) if number.real() * factor - value as f64 == 0.0 && value <= 1 << 53 => Ok(value),
        _ => {
            let title = format!("expected a whole number, found `{}`", shorten(text));
            Err(Problem::new("not-whole", title, "write a whole number such as `8` or `10k`"))
        }
    }
}

impl FromYaml for u64 {
    const EXPECTS: &'static str = "a whole number such as `8` or `10k`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, parse_whole)
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*[kKMB]$" }] })
    }
}

impl FromYaml for u32 {
    const EXPECTS: &'static str = "a whole number such as `8`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let value = u64::read(node, reader)?;
        let small = Self::try_from(value).ok();
        if small.is_none() {
            reader.error(
                "out-of-range",
                format!("{value} is too large"),
                node.span,
                "",
                "write a number below 4 billion",
            );
        }
        small
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        u64::schema(schemas)
    }
}

/// A number or `unlimited`.
impl FromYaml for Limit {
    const EXPECTS: &'static str = "a whole number or `unlimited`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if node.scalar() == Some("unlimited") {
            return Some(Self::Unlimited);
        }
        if let Some(text) = node.scalar()
            && matches!(text.to_lowercase().as_str(), "none" | "infinite" | "inf" | ".inf" | "no" | "off" | "unlimted")
        {
            let title = format!("expected {}, found `{}`", Self::EXPECTS, shorten(text));
            reader.error("unknown-word", title, node.span, "", "write `unlimited`");
            return None;
        }
        u64::read(node, reader).map(Self::At)
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let number = u64::schema(schemas);
        json!({ "anyOf": [{ "const": "unlimited" }, number] })
    }
}

/// A value or `none`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

impl<T: FromYaml> FromYaml for OrNone<T> {
    const EXPECTS: &'static str = T::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if node.scalar() == Some("none") {
            return Some(Self(None));
        }
        T::read(node, reader).map(|value| Self(Some(value)))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let value = T::schema(schemas);
        json!({ "anyOf": [{ "const": "none" }, value] })
    }
}

/// Parses a size in bytes; KB, MB, GB and TB are binary.
pub(crate) fn parse_size(text: &str) -> Result<Bytes, Problem> {
    let (number, unit) = number(text, SIZE)?;
    not_negative(&number, text, SIZE)?;
    let size: u128 = match unit {
        "B" => 1,
        "KB" | "KiB" => 1 << 10,
        "MB" | "MiB" => 1 << 20,
        "GB" | "GiB" => 1 << 30,
        "TB" | "TiB" => 1 << 40,
        _ => return Err(size_unit(&number, text, unit, "B")),
    };
    match number.times(size) {
        // 1 PB: far above every limit of AWS, and products with request counts stay within 128 bits.
        Some(bytes) if bytes <= 1 << 50 => Ok(Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))),
        _ => Err(Problem::new("out-of-range", format!("`{}` is out of range", shorten(text)), format!("write {SIZE}"))),
    }
}

/// What to write instead of a size without unit or with a wrong one.
fn size_unit(number: &Number<'_>, text: &str, unit: &str, smallest: &str) -> Problem {
    let n = shorten(number.digits);
    if unit.is_empty() {
        let other = if smallest == "B" { "KB" } else { "GB" };
        // Nobody means a function of 1,024 GB.
        let help = if smallest == "MB" && number.real() >= 128.0 {
            format!("write `{n} MB`")
        } else {
            format!("write `{n} {smallest}` or `{n} {other}`")
        };
        return Problem::new("no-unit", format!("`{}` has no unit", shorten(text)), help);
    }
    let upper = unit.to_uppercase();
    let help = match upper.as_str() {
        "K" | "M" | "G" | "T" => format!("write `{n} {upper}B`"),
        "B" | "KB" | "MB" | "GB" | "TB" | "KIB" | "MIB" | "GIB" | "TIB" => {
            format!("write `{n} {}`", upper.replace('I', ""))
        }
        "BYTE" | "BYTES" => format!("write `{n} B`"),
        _ => "units are B, KB, MB, GB and TB (1 KB = 1,024 B)".to_owned(),
    };
    Problem::new("wrong-unit", format!("`{}` is not a unit of size", shorten(unit)), help)
}

impl FromYaml for Bytes {
    const EXPECTS: &'static str = SIZE;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, SIZE, parse_size)
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Size", |_| {
            json!({
                "type": "string",
                "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(B|[KMGT]i?B)\s*$",
                "description": "A size with its unit: 500 B, 20 KB, 1.5 MB (1 KB = 1,024 bytes).",
            })
        })
    }
}

impl FromYaml for MegaBytes {
    const EXPECTS: &'static str = MEMORY;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, MEMORY, |text| {
            let (number, unit) = number(text, MEMORY)?;
            not_negative(&number, text, MEMORY)?;
            let size = match unit {
                "MB" | "MiB" => 1,
                "GB" | "GiB" => 1_024,
                "B" | "KB" | "KiB" | "TB" | "TiB" => {
                    let title = format!("`{}` is no amount of memory that a function can have", shorten(text));
                    return Err(Problem::new("out-of-range", title, "write 128 MB to 10,240 MB, e.g. `512 MB`"));
                }
                _ => return Err(size_unit(&number, text, unit, "MB")),
            };
            let whole = number.times(size).and_then(|mb| u32::try_from(mb).ok());
            match whole {
                Some(mb) if f64::from(mb) - number.real() * size as f64 == 0.0 => Ok(Self(mb)),
                _ => Err(Problem::new(
                    "not-whole",
                    format!("`{}` is not a whole number of MB", shorten(text)),
                    "write e.g. `512 MB`",
                )),
            }
        })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Memory", |_| {
            json!({
                "type": "string",
                "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[MG]i?B\s*$",
                "description": "Memory: 512 MB, 1024MB, 2 GB.",
            })
        })
    }
}

/// Parses a percentage that may be negative, as a fraction of 1.
fn parse_percent(text: &str) -> Result<f64, Problem> {
    let (number, rest) = number(text, PERCENT)?;
    let n = shorten(number.digits);
    if rest.is_empty() {
        let value = number.real();
        let help = if value.abs() <= 1.0 && value != 0.0 {
            format!("write `{}%`, or `{n}%` if that is meant", percent_of(value))
        } else {
            format!("write `{n}%`")
        };
        return Err(Problem::new("no-unit", format!("`{}` has no `%`", shorten(text)), help));
    }
    if rest != "%" {
        return Err(Problem::new(
            "wrong-unit",
            format!("`{}` is not a percentage", shorten(text)),
            format!("write `{n}%`"),
        ));
    }
    Ok(number.real() / 100.0)
}

/// A fraction as a percentage, without the noise of binary fractions.
fn percent_of(value: f64) -> f64 {
    libm::round(value * 1e10) / 1e8
}

/// A percentage from 0 to 100 %, as a fraction of 1. The `%` must be there: a bare `1` could mean all or a hundredth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Percent(pub(crate) f64);

impl FromYaml for Percent {
    const EXPECTS: &'static str = PERCENT;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, PERCENT, |text| {
            let value = parse_percent(text)?;
            if value < 0.0 {
                return Err(Problem::new(
                    "negative",
                    format!("`{}` is negative", shorten(text)),
                    "write `0%` to `100%`",
                ));
            }
            if value > 1.0 {
                return Err(Problem::new(
                    "out-of-range",
                    format!("`{}` is more than 100%", shorten(text)),
                    "write `0%` to `100%`",
                ));
            }
            Ok(Self(value))
        })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Percent", |_| {
            json!({ "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$", "description": "A percentage: 50%, 99.9%." })
        })
    }
}

/// A percentage from 100 to 200 %, as a fraction of 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct UpToTwice(pub(crate) f64);

impl FromYaml for UpToTwice {
    const EXPECTS: &'static str = "a percentage such as `200%`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let value = parse_percent(text)?;
            if !(1.0..=2.0).contains(&value) {
                let title = format!("`{}` is out of range", shorten(text));
                return Err(Problem::new("out-of-range", title, "write `100%` to `200%`"));
            }
            Ok(Self(value))
        })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("UpToTwice", |_| {
            json!({ "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$", "description": "A percentage from 100% to 200%." })
        })
    }
}

/// Growth as a percentage, above -100 %, as a fraction of 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Growth(pub(crate) f64);

impl FromYaml for Growth {
    const EXPECTS: &'static str = "growth a month such as `5%` or `-2%`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let value = parse_percent(text)?;
            // Within these bounds the rate stays finite over years.
            if value <= -1.0 || value > 10.0 {
                let title = format!("`{}` is out of range", shorten(text));
                return Err(Problem::new("out-of-range", title, "write more than `-100%` and at most `1000%`"));
            }
            Ok(Self(value))
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "string", "pattern": r"^\s*[-+]?[0-9]+(\.[0-9]+)?\s*%\s*$" })
    }
}

/// A share of a whole: `0.9` or `90%`, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl FromYaml for Share {
    const EXPECTS: &'static str = "a share such as `0.9` or `90%`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let (number, rest) = number(text, Self::EXPECTS)?;
            not_negative(&number, text, Self::EXPECTS)?;
            let value = match rest {
                "" => number.real(),
                "%" => number.real() / 100.0,
                _ => {
                    nothing_after(text, rest, Self::EXPECTS)?;
                    0.0
                }
            };
            if value > 1.0 {
                let help = if rest.is_empty() && value <= 100.0 {
                    format!("write `{}%` or `{}`", number.digits, number.real() / 100.0)
                } else {
                    "write a number from 0 to 1".to_owned()
                };
                return Err(Problem::new("out-of-range", format!("`{}` is more than the whole", shorten(text)), help));
            }
            Ok(Self(value))
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$" },
        ] })
    }
}

/// A text that is not empty.
impl FromYaml for String {
    const EXPECTS: &'static str = "a text";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.scalar() {
            Some(text) if !text.trim().is_empty() => Some(text.trim_end().to_owned()),
            Some(_) => {
                reader.error("empty-text", "the text is empty", node.span, "", "write something, or remove the key");
                None
            }
            None => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// Exactly `true` or `false`.
impl FromYaml for bool {
    const EXPECTS: &'static str = "`true` or `false`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => {
                let help = match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" | "1" => "write `true`",
                    _ => "write `true` or `false`",
                };
                Err(Problem::new("wrong-type", format!("expected {}, found `{}`", Self::EXPECTS, shorten(text)), help))
            }
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "boolean" })
    }
}

/// A time of day such as `"20:00"`, as the time since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeOfDay(pub(crate) SimDuration);

impl FromYaml for TimeOfDay {
    const EXPECTS: &'static str = "a time of day such as `\"20:00\"`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let two = |part: Option<&str>, below: u64| {
                part.filter(|p| (1..=2).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
                    .and_then(|p| p.parse::<u64>().ok())
                    .filter(|&value| value < below)
            };
            let mut parts = text.split(':');
            let (hour, minute) = (two(parts.next(), 24), two(parts.next(), 60));
            match (hour, minute, parts.next()) {
                (Some(hour), Some(minute), None) => Ok(Self(SimDuration::from_mins(hour * 60 + minute))),
                _ => {
                    let title = format!("expected {}, found `{}`", Self::EXPECTS, shorten(text));
                    Err(Problem::new("wrong-type", title, "write hours and minutes, `\"00:00\"` to `\"23:59\"`"))
                }
            }
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5]?[0-9]$" })
    }
}

/// A date such as `2026-03-02`.
impl FromYaml for jiff::civil::Date {
    const EXPECTS: &'static str = "a date such as `2026-03-02`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar(node, reader, Self::EXPECTS, |text| {
            let plain = text.len() == 10 && text.bytes().filter(|b| *b == b'-').count() == 2;
            text.parse::<Self>().ok().filter(|date| plain && (1970..=2100).contains(&date.year())).ok_or_else(|| {
                let title = format!("`{}` is not a date", shorten(text));
                Problem::new("wrong-type", title, "write year-month-day, e.g. `2026-03-02` (1970 to 2100)")
            })
        })
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "string", "format": "date" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a value; on refusal the finding as text.
    fn read<T: FromYaml>(text: &str) -> Result<T, String> {
        let mut reader = Reader::default();
        let node = reader.argument("x", text);
        let value = T::read(&node, &mut reader);
        match (value, reader.findings.as_slice()) {
            (Some(value), []) => Ok(value),
            (None, [finding]) => Err(finding.render(false)),
            (value, findings) => panic!("{text:?}: {} findings, value {}", findings.len(), value.is_some()),
        }
    }

    fn refused<T: FromYaml>(text: &str, says: &str) {
        match read::<T>(text) {
            Ok(_) => panic!("{text:?} was accepted"),
            Err(message) => assert!(message.contains(says), "{text:?} -> {message}"),
        }
    }

    #[test]
    fn durations() {
        let nanos = |text: &str| read::<SimDuration>(text).expect(text).0;
        assert_eq!(nanos("120ms"), 120_000_000);
        assert_eq!(nanos("1.5 s"), 1_500_000_000);
        assert_eq!(nanos("12d9h"), (12 * 24 + 9) * 3_600 * 1_000_000_000);
        assert_eq!(nanos("1h30m"), 5_400_000_000_000);
        assert_eq!(nanos("2w"), 14 * 86_400 * 1_000_000_000);
        assert_eq!(nanos("3min"), 180_000_000_000);
        assert_eq!(nanos("250us"), 250_000);
        assert_eq!(nanos("0s"), 0);
        refused::<SimDuration>("10", "write `10s` or `10ms`");
        refused::<SimDuration>("0", "write `0s`");
        refused::<SimDuration>("10 seconds", "write `10s`");
        refused::<SimDuration>("10S", "write `10s`");
        refused::<SimDuration>("-5s", "`-5s` is negative");
        refused::<SimDuration>(".nan", "not a finite number");
        refused::<SimDuration>(".5s", "write `0.5s`");
        refused::<SimDuration>("5.s", "no digits after its point");
        refused::<SimDuration>("30m1h", "larger unit first");
        refused::<SimDuration>("1,5s", "separator");
        refused::<SimDuration>("1h30", "no unit");
        refused::<SimDuration>("999999999d", "longer than 100 years");
        refused::<SimDuration>("soon", "expected a duration");
        refused::<SimDuration>("5/s", "is not followed by a unit");
    }

    #[test]
    fn rates() {
        let month = SimDuration::from_hours(730);
        let rate = |text: &str| read::<Rate>(text).expect(text).per_second(month);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs(), "{a} {b}");
        close(rate("50/s"), 50.0);
        close(rate("100/min"), 100.0 / 60.0);
        close(rate("3M/month"), 3e6 / (730.0 * 3600.0));
        close(rate("7.2k / h"), 2.0);
        close(rate("86400/day"), 1.0);
        refused::<Rate>("50", "write `50/s`");
        refused::<Rate>("50rps", "write `50/s`");
        refused::<Rate>("50/m", "`50/min` or `50/month`");
        refused::<Rate>("-1/s", "negative");
        refused::<Rate>(".inf", "not a finite number");
        refused::<Rate>("1e300/s", "out of range");
    }

    #[test]
    fn sizes_and_memory() {
        assert_eq!(read::<Bytes>("20 KB"), Ok(Bytes(20 * 1024)));
        assert_eq!(read::<Bytes>("1.5MB"), Ok(Bytes(1_572_864)));
        assert_eq!(read::<Bytes>("0 B"), Ok(Bytes(0)));
        refused::<Bytes>("20", "write `20 B` or `20 KB`");
        refused::<Bytes>("20 kb", "write `20 KB`");
        refused::<Bytes>("20K", "write `20 KB`");
        refused::<Bytes>("9999999 TB", "out of range");
        assert_eq!(read::<MegaBytes>("512 MB"), Ok(MegaBytes(512)));
        assert_eq!(read::<MegaBytes>("2GB"), Ok(MegaBytes(2048)));
        refused::<MegaBytes>("512", "write `512 MB`");
        refused::<MegaBytes>("1024", "write `1024 MB`");
        refused::<MegaBytes>("512 KB", "write 128 MB to 10,240 MB");
        refused::<MegaBytes>("1 TB", "write 128 MB to 10,240 MB");
        refused::<MegaBytes>("0.3 MB", "not a whole number of MB");
    }

    #[test]
    fn percentages_shares_and_numbers() {
        assert_eq!(read::<Percent>("40%"), Ok(Percent(0.4)));
        refused::<Percent>("0.4", "write `40%`");
        refused::<Percent>("40", "write `40%`");
        refused::<Percent>("140%", "more than 100%");
        refused::<Percent>("-4%", "negative");
        assert_eq!(read::<Share>("90%"), Ok(Share(0.9)));
        assert_eq!(read::<Share>("0.9"), Ok(Share(0.9)));
        refused::<Share>("90", "write `90%` or `0.9`");
        assert_eq!(read::<f64>("1e-3"), Ok(0.001));
        refused::<f64>("70%", "write `0.7`");
        refused::<f64>("0x10", "write `0`");
        refused::<f64>("1e999", "out of range");
        assert_eq!(read::<Growth>("-2%"), Ok(Growth(-0.02)));
    }

    #[test]
    fn counts_limits_and_words() {
        assert_eq!(read::<u64>("10k"), Ok(10_000));
        assert_eq!(read::<u64>("1.5M"), Ok(1_500_000));
        refused::<u64>("1.5", "whole number");
        refused::<u64>("1e3", "whole number");
        refused::<u32>("5B", "too large");
        assert_eq!(read::<Limit>("unlimited"), Ok(Limit::Unlimited));
        refused::<Limit>("none", "write `unlimited`");
        assert_eq!(read::<OrNone<SimDuration>>("none"), Ok(OrNone(None)));
        refused::<bool>("yes", "write `true`");
        assert_eq!(read::<TimeOfDay>("20:30").map(|t| t.0), Ok(SimDuration::from_mins(20 * 60 + 30)));
        refused::<TimeOfDay>("24:00", "23:59");
        refused::<jiff::civil::Date>("2026-02-30", "not a date");
        refused::<jiff::civil::Date>("02/03/2026", "year-month-day");
    }

    proptest! {
        #[test]
        fn no_text_panics_any_quantity(text in "[-+0-9.eE a-zA-Z%/:µ_é]{0,24}") {
            fn one<T: FromYaml>(text: &str) { let _ = read::<T>(text).map(|_| ()); }
            one::<SimDuration>(&text);
            one::<Rate>(&text);
            one::<Bytes>(&text);
            one::<MegaBytes>(&text);
            one::<Percent>(&text);
            one::<Growth>(&text);
            one::<Share>(&text);
            one::<Amount>(&text);
            one::<f64>(&text);
            one::<u32>(&text);
            one::<Limit>(&text);
            one::<bool>(&text);
            one::<TimeOfDay>(&text);
            one::<jiff::civil::Date>(&text);
        }

        #[test]
        fn whole_milliseconds_are_exact(ms in 0_u64..1_000_000_000_000) {
            prop_assert_eq!(read::<SimDuration>(&format!("{ms}ms")), Ok(SimDuration::from_millis(ms)));
        }
    }
}
