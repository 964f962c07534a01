//! Numbers, money and names as people read them. Every report goes through here, so that `$1,303 ±12` looks the same
//! everywhere.
//!
//! Money arrives as decimal strings and is rounded on its digits (half to even), never through a binary float. What is
//! unknown says `unknown`; it is never shown as zero.

use crate::results::Figure;

/// Shown where a cost is not known.
pub(super) const UNKNOWN: &str = "unknown";
/// Shown where a figure does not exist.
pub(super) const NONE: &str = "–";

/// A name or a text from a file, made safe to print: control characters (terminal escapes among them) and the invisible
/// characters that reverse the direction of what follows are dropped, line breaks become spaces.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{fffe}' | '\u{ffff}' => {
                None
            }
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// A number stays on one line with its unit: no break between a digit and the `%` or the letter after it. For HTML.
pub(super) fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let unit = |next: char| next == '%' || next.is_alphabetic();
        let between = c == ' '
            && text[..at].ends_with(|before: char| before.is_ascii_digit())
            && text[at + 1..].starts_with(unit);
        out.push(if between { '\u{a0}' } else { c });
    }
    out
}

/// Columns that a character takes in a terminal: 2 for most of East Asia and emoji, 0 for combining marks and joiners.
pub(super) fn char_width(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Columns that a text takes in a terminal.
pub(super) fn text_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// The text, or its beginning and an ellipsis, within `columns`.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text_width(text) <= columns {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut out = String::new();
    for c in text.chars() {
        taken += char_width(c);
        if taken + 1 > columns {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// The text, or its beginning and its end around an ellipsis, within `columns`: names often differ in their last words.
pub(super) fn fit_middle(text: &str, columns: usize) -> String {
    if text_width(text) <= columns {
        return text.to_owned();
    }
    let tail_columns = columns / 3;
    let mut tail: Vec<char> = Vec::new();
    let mut taken = 0;
    for c in text.chars().rev() {
        taken += char_width(c);
        if taken > tail_columns {
            break;
        }
        tail.push(c);
    }
    let mut out = fit(text, columns - tail_columns);
    out.extend(tail.iter().rev());
    out
}

/// A decimal string as (negative, whole digits, digits after the point); `None` when it is anything else.
fn digits(text: &str) -> Option<(bool, &str, &str)> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    (!whole.is_empty() && all_digits(whole) && all_digits(fraction)).then_some((negative, whole, fraction))
}

/// Whether the text is a plain decimal number.
pub(super) fn is_decimal(text: &str) -> bool {
    digits(text).is_some()
}

/// A decimal string rounded to `places` digits after the point, half to even, without grouping; the sign of zero is dropped.
pub(super) fn round_decimal(text: &str, places: usize) -> Option<String> {
    let (negative, whole, fraction) = digits(text)?;
    let mut kept: Vec<u8> = whole.bytes().chain(fraction.bytes().chain(std::iter::repeat(b'0')).take(places)).collect();
    let rest = fraction.as_bytes().get(places..).unwrap_or(&[]);
    let up = match rest.first() {
        None | Some(b'0'..=b'4') => false,
        Some(b'5') if rest[1..].iter().all(|&b| b == b'0') => kept.last().is_some_and(|last| (last - b'0') % 2 == 1),
        Some(_) => true,
    };
    if up {
        let mut carry = true;
        for digit in kept.iter_mut().rev() {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                carry = false;
                break;
            }
        }
        if carry {
            kept.insert(0, b'1');
        }
    }
    let point = kept.len() - places;
    let text: String = kept.iter().map(|&b| char::from(b)).collect();
    let whole = text[..point].trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && kept.iter().any(|&b| b != b'0') { "-" } else { "" };
    Some(if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{}", &text[point..]) })
}

/// Commas between groups of three digits of the whole part.
pub(super) fn group(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    if !whole.bytes().all(|b| b.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut out = String::from(sign);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// The value of a decimal string for drawing and comparing (not for printing); `None` when it is not a finite number.
pub(super) fn to_f64(text: &str) -> Option<f64> {
    digits(text)?;
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

/// Digits after the point at which an amount is shown: none from $100 on, cents below, two significant digits below a cent.
fn money_places(value: f64) -> usize {
    let value = value.abs();
    if value >= 100.0 {
        0
    } else if value >= 0.01 {
        2
    } else {
        let mut places = 2;
        let mut scaled = value;
        while scaled < 0.1 && places < 12 && scaled > 0.0 {
            scaled *= 10.0;
            places += 1;
        }
        places
    }
}

fn with_dollar(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(rest) => format!("-${}", group(rest)),
        None => format!("${}", group(number)),
    }
}

/// `$1,303`, `$12.50`, `$0.0042`, `$0`.
pub(super) fn money(text: &str) -> String {
    match to_f64(text) {
        Some(value) if value.abs() <= 0.0 => "$0".to_owned(),
        Some(value) => match round_decimal(text, money_places(value)) {
            Some(rounded) => with_dollar(&rounded),
            None => UNKNOWN.to_owned(),
        },
        None => UNKNOWN.to_owned(),
    }
}

/// To the cent, however large, for what is billed and paid; what is no amount stays as it is.
pub(super) fn cents(text: &str) -> String {
    text.parse::<crate::money::Usd>().map_or_else(|_| clean(text), crate::money::Usd::cents)
}

/// [`cents`] without the sign of the dollar, for another currency.
pub(super) fn hundredths(text: &str) -> String {
    cents(text).replacen('$', "", 1)
}

/// The total as AWS prints it, where that is not the total to the cent.
pub(super) fn invoiced(cost: &crate::results::MonthlyCost) -> Option<String> {
    let (total, invoiced) = (cents(cost.total.as_ref()?), cents(cost.invoiced.as_ref()?));
    (total != invoiced).then_some(invoiced)
}

/// [`cents`] of a number that was never a decimal string.
pub(super) fn cents_f64(value: f64) -> String {
    crate::money::Usd::from_estimate(value).map_or_else(|| money_f64(value), crate::money::Usd::cents)
}

/// [`money`] of a value that may be unknown.
pub(super) fn money_or_unknown(text: Option<&str>) -> String {
    text.map_or_else(|| UNKNOWN.to_owned(), money)
}

/// [`money`] of a number that was never a decimal string (axes, sums for drawing).
pub(super) fn money_f64(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    if value.abs() >= 1e15 {
        return format!("${value:.2e}");
    }
    money(&format!("{value:.12}"))
}

/// All digits of an amount: `$1,303.274821`; at least cents.
pub(super) fn money_exact(text: &str) -> String {
    match digits(text) {
        Some((negative, whole, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            format!("{}${}.{fraction:0<2}", if negative { "-" } else { "" }, group(whole))
        }
        None => UNKNOWN.to_owned(),
    }
}

/// `±12` for bounds around an amount, in the digits at which [`money`] shows that amount; `None` without bounds.
pub(super) fn money_half_width(total: &str, low: Option<&str>, high: Option<&str>) -> Option<String> {
    let (total, low, high) = (to_f64(total)?, to_f64(low?)?, to_f64(high?)?);
    Some(half_width(((high - low) / 2.0).abs(), money_places(total)))
}

fn half_width(half: f64, places: usize) -> String {
    let smallest = (0..places).fold(1.0, |unit, _| unit / 10.0);
    if half <= 0.0 {
        "±0".to_owned()
    } else if half < smallest / 2.0 {
        format!("±<{smallest:.places$}")
    } else if half >= 1e15 {
        format!("±{half:.1e}")
    } else {
        format!("±{}", group(&format!("{half:.places$}")))
    }
}

/// `$1,303 ±12`.
pub(super) fn money_with_interval(total: Option<&str>, low: Option<&str>, high: Option<&str>) -> String {
    match total {
        None => UNKNOWN.to_owned(),
        Some(total) => match money_half_width(total, low, high) {
            Some(half) => format!("{} {half}", money(total)),
            None => money(total),
        },
    }
}

/// `+$561`, `-$12`, `$0`.
pub(super) fn money_signed(text: &str) -> String {
    let shown = money(text);
    if shown.starts_with('-') || shown == "$0" || shown == UNKNOWN { shown } else { format!("+{shown}") }
}

/// Two amounts in as many digits as tell them apart: `$62.60 to $62.63`, `$208.90 to $209.10`.
pub(super) fn money_range(low: &str, high: &str) -> String {
    range(low, high, money)
}

/// [`money_range`] with signs.
pub(super) fn money_signed_range(low: &str, high: &str) -> String {
    range(low, high, money_signed)
}

fn range(low: &str, high: &str, shown: fn(&str) -> String) -> String {
    let (short_low, short_high) = (shown(low), shown(high));
    if short_low == short_high && to_f64(low) != to_f64(high) {
        // Cents, then finer.
        for places in [2, 4, 6] {
            let (Some(low), Some(high)) = (round_decimal(low, places), round_decimal(high, places)) else { break };
            if low != high {
                let sign = if short_low.starts_with('+') { "+" } else { "" };
                return format!("{sign}{} to {sign}{}", with_dollar(&low), with_dollar(&high));
            }
        }
    }
    format!("{short_low} to {short_high}")
}

/// [`money_f64`] for an axis: whole dollars without cents.
pub(super) fn money_on_axis(value: f64) -> String {
    let text = money_f64(value);
    text.strip_suffix(".00").map_or_else(|| text.clone(), str::to_owned)
}

/// Digits after the point that leave about three significant ones.
fn significant_places(value: f64) -> usize {
    let value = value.abs();
    match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v > 0.0 => {
            let (mut places, mut scaled) = (2, v);
            while scaled < 0.9995 && places < 12 {
                scaled *= 10.0;
                places += 1;
            }
            places
        }
        _ => 0,
    }
}

/// At most three significant digits, without trailing zeros after the point.
fn short(value: f64) -> String {
    let text = format!("{value:.*}", significant_places(value));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { group(&text) }
}

/// A count or a mean of counts: `1,204`, `12.4`, `0.2`.
pub(super) fn count(value: f64) -> String {
    if !value.is_finite() {
        NONE.to_owned()
    } else if value.abs() >= 1e15 {
        format!("{value:.2e}")
    } else if value.abs() >= 100.0 {
        group(&format!("{value:.0}"))
    } else {
        short(value)
    }
}

/// A count in little room: `9,812`, `123 k`, `2.63 M`.
pub(super) fn compact(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NONE.to_owned()
    } else if size < 9_999.5 {
        count(value)
    } else if size < 999_500.0 {
        format!("{} k", short(value / 1e3))
    } else if size < 999_500_000.0 {
        format!("{} M", short(value / 1e6))
    } else if size < 999_500_000_000.0 {
        format!("{} G", short(value / 1e9))
    } else if size < 1e15 {
        format!("{} T", short(value / 1e12))
    } else {
        format!("{value:.1e}")
    }
}

/// The unit in which a latency is shown: milliseconds in one of it, its name.
fn latency_unit(ms: f64) -> (f64, &'static str) {
    match ms.abs() {
        v if v < 999.5 => (1.0, "ms"),
        v if v < 59_950.0 => (1e3, "s"),
        v if v < 3_570_000.0 => (6e4, "min"),
        v if v < 86_000_000.0 => (3.6e6, "h"),
        _ => (8.64e7, "d"),
    }
}

/// Milliseconds: `0.42 ms`, `432 ms`, `1.43 s`, `2.5 min`.
pub(super) fn millis(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let (size, unit) = latency_unit(value);
    let value = value / size;
    if value.abs() >= 1e6 { format!("{value:.1e} {unit}") } else { format!("{} {unit}", short(value)) }
}

/// Seconds in the same style: `90 s`, `1 h`, `28 d`.
pub(super) fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let whole = |unit: f64| value >= unit && (value / unit).fract().abs() < 1e-9;
    if whole(86_400.0) {
        format!("{} d", short(value / 86_400.0))
    } else if whole(3_600.0) {
        format!("{} h", short(value / 3_600.0))
    } else if whole(60.0) {
        format!("{} min", short(value / 60.0))
    } else {
        millis(value * 1e3)
    }
}

/// A share of 0..=1 in percent: `34 %`, `0.012 %`, `99.996 %`; 100 % and 0 % only when exactly so.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return NONE.to_owned();
    }
    let value = share * 100.0;
    if value.abs() >= 1e6 {
        return format!("{value:.1e} %");
    }
    if value.abs() < 1e-9 {
        // Below what doubles add up to: no sign and no digits of noise.
        return "0 %".to_owned();
    }
    if value > 99.0 && value < 100.0 {
        // The distance from 100 decides how many digits matter.
        let places = significant_places(100.0 - value).saturating_sub(1).max(1);
        return format!("{} %", format!("{value:.places$}").trim_end_matches('0').trim_end_matches('.'));
    }
    format!("{} %", short(value))
}

/// [`percent`] with two significant digits, for asides.
pub(super) fn percent_short(share: f64) -> String {
    let value = share * 100.0;
    if !(1e-9..10.0).contains(&value) {
        return percent(share);
    }
    let places = significant_places(value).saturating_sub(1);
    format!("{} %", format!("{value:.places$}").trim_end_matches('0').trim_end_matches('.'))
}

/// Half of the interval's width, when there is one.
pub(super) fn half(figure: &Figure) -> Option<f64> {
    Some((figure.high? - figure.low?) / 2.0).filter(|h| h.is_finite()).map(f64::abs)
}

/// `432 ms ±3`.
pub(super) fn millis_with_interval(figure: &Figure) -> String {
    let shown = millis(figure.value);
    match half(figure) {
        Some(half) if figure.value.is_finite() => {
            let (size, _) = latency_unit(figure.value);
            let places = significant_places(figure.value / size);
            format!("{shown} {}", half_width(half / size, places))
        }
        _ => shown,
    }
}

/// `1,204 ±31`.
pub(super) fn count_with_interval(figure: &Figure) -> String {
    let shown = count(figure.value);
    match half(figure) {
        Some(half) if half > 0.0 && figure.value.is_finite() => {
            format!("{shown} {}", half_width(half, significant_places(figure.value)))
        }
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_half_to_even_on_their_digits() {
        for (text, places, want) in [
            ("0.125", 2, "0.12"),
            ("0.135", 2, "0.14"),
            ("0.1250000000000000000001", 2, "0.13"),
            ("99.995", 2, "100.00"),
            ("999.5", 0, "1000"),
            ("998.5", 0, "998"),
            ("-0.004", 2, "0.00"),
            ("-1.005", 2, "-1.00"),
            ("12", 2, "12.00"),
            ("007.1", 1, "7.1"),
            // More digits than a double holds.
            ("123456789012345678901234567890.987654321", 3, "123456789012345678901234567890.988"),
        ] {
            assert_eq!(round_decimal(text, places).as_deref(), Some(want), "{text} to {places}");
        }
        for text in ["", "-", "1e3", "+1", "1.2.3", ".5", "NaN", "1,000"] {
            assert_eq!(round_decimal(text, 2), None, "{text:?}");
        }
    }

    #[test]
    fn money_reads_like_money() {
        for (text, want) in [
            ("1303.27", "$1,303"),
            ("10000000", "$10,000,000"),
            ("99.994", "$99.99"),
            ("0.01", "$0.01"),
            ("0.00421", "$0.0042"),
            ("0.000000201", "$0.00000020"),
            ("0", "$0"),
            ("0.000", "$0"),
            ("-561.2", "-$561"),
            ("what", "unknown"),
        ] {
            assert_eq!(money(text), want, "{text}");
        }
        assert_eq!(money_with_interval(Some("1303.27"), Some("1291.27"), Some("1315.27")), "$1,303 ±12");
        assert_eq!(money_with_interval(Some("1303.27"), Some("1303.17"), Some("1303.37")), "$1,303 ±<1");
        assert_eq!(money_with_interval(Some("12.5"), Some("12.25"), Some("12.75")), "$12.50 ±0.25");
        assert_eq!(money_with_interval(Some("12.5"), None, None), "$12.50");
        assert_eq!(money_with_interval(None, Some("1"), Some("2")), "unknown");
        assert_eq!(money_exact("1303.2748210"), "$1,303.274821");
        assert_eq!(money_exact("1303"), "$1,303.00");
        assert_eq!(money_signed("561"), "+$561");
        assert_eq!(money_signed("-561"), "-$561");
    }

    #[test]
    fn ranges_are_told_apart() {
        assert_eq!(money_range("62.604", "62.634"), "$62.60 to $62.63");
        assert_eq!(money_range("208.9", "209.1"), "$208.90 to $209.10");
        assert_eq!(money_range("209.1234", "209.1236"), "$209.1234 to $209.1236");
        assert_eq!(money_range("209", "209.0"), "$209 to $209");
        assert_eq!(money_signed_range("208.9", "209.1"), "+$208.90 to +$209.10");
        assert_eq!(money_signed_range("-209.1", "-208.9"), "-$209.10 to -$208.90");
        assert_eq!(["50", "12.5", "0"].map(|v| money_on_axis(v.parse().unwrap())), ["$50", "$12.50", "$0"]);
    }

    #[test]
    fn latencies_counts_and_shares() {
        for (ms, want) in [
            (0.0, "0 ms"),
            (0.42, "0.42 ms"),
            (4.2, "4.2 ms"),
            (432.4, "432 ms"),
            (1430.0, "1.43 s"),
            (150_000.0, "2.5 min"),
            (7_200_000.0, "2 h"),
        ] {
            assert_eq!(millis(ms), want);
        }
        for (value, want) in [(0.0, "0"), (0.2, "0.2"), (12.44, "12.4"), (1204.4, "1,204"), (1e6, "1,000,000")] {
            assert_eq!(count(value), want);
        }
        for (value, want) in [(9812.0, "9,812"), (123_400.0, "123 k"), (2_634_000.0, "2.63 M"), (1e18, "1.0e18")] {
            assert_eq!(compact(value), want);
        }
        for (share, want) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.34, "34 %"),
            (0.00012, "0.012 %"),
            (0.99996, "99.996 %"),
            (0.999, "99.9 %"),
            (0.9999996, "99.99996 %"),
        ] {
            assert_eq!(percent(share), want);
        }
        for (s, want) in [(2_419_200.0, "28 d"), (3600.0, "1 h"), (300.0, "5 min"), (90.0, "1.5 min"), (7.0, "7 s")] {
            assert_eq!(seconds(s), want);
        }
        let figure = Figure { value: 432.4, low: Some(429.4), high: Some(435.4), each: vec![] };
        assert_eq!(millis_with_interval(&figure), "432 ms ±3");
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mred\u{202e}x\ny"), "a[31mredx y");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("🚀🚀🚀", 5), "🚀🚀…");
        assert_eq!(fit_middle("lambda-with-a-long-name-arm", 12), "lambda-…-arm");
    }
}
