//! What holds for the page and for all files together.

use super::*;
use crate::results::{Figure, Results, Series};
use proptest::prelude::*;

fn html(results: &Results) -> String {
    render(Format::Html, results)
}

/// Everything that is tried on every page.
fn all() -> Vec<(String, Results)> {
    let mut found = Vec::new();
    for n in [1, 2, 3, 7] {
        found.push((format!("{n}"), fixture::results(n)));
        found.push((format!("{n} hostile"), fixture::hostile(n)));
        found.push((format!("{n} degenerate"), fixture::degenerate(n)));
        found.push((format!("{n} extreme"), fixture::extreme(n)));
    }
    found.push(("none".to_owned(), fixture::results(0)));
    found
}

#[test]
fn the_page_needs_nothing_from_outside() {
    for (name, results) in all() {
        let page = html(&results);
        for part in
            ["<script", "<link", "<iframe", "<img", "<object", "@import", "url(", "src=", "javascript:alert(1) <"]
        {
            assert!(!page.contains(part), "{name}: {part}");
        }
        // Addresses stand only where a reader may follow or read them, never where a browser fetches.
        for (at, _) in page.match_indices("https://") {
            let before = &page[..at];
            let text = before.ends_with('>') || before.ends_with(|c: char| c.is_whitespace() || c == '(' || c == ';');
            assert!(text || before.ends_with("<a href=\""), "{name}: {}", &page[at.saturating_sub(60)..at + 30]);
        }
        assert!(!page.contains("xmlns"), "{name}");
    }
}

#[test]
fn whatever_is_opened_is_closed() {
    const VOID: [&str; 4] = ["meta", "br", "!DOCTYPE", "input"];
    for (name, results) in all() {
        let page = html(&results);
        let (_, body) = page.split_once("</style>").expect("a style");
        let mut open = vec!["html", "head"];
        let mut rest = body;
        while let Some(at) = rest.find('<') {
            let end = rest[at..].find('>').map(|e| at + e).unwrap_or_else(|| panic!("{name}: a tag without end"));
            let tag = &rest[at + 1..end];
            let word = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
            if let Some(closing) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closing), "{name}: near {}", &rest[at.saturating_sub(80)..end + 1]);
            } else if !tag.ends_with('/') && !VOID.contains(&word) {
                open.push(word);
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn every_chart_has_a_title_a_description_and_its_numbers() {
    for (name, results) in all() {
        let page = html(&results);
        let charts = page.matches("<svg ").count();
        for part in ["<title id=", "<desc id=", "role=\"img\"", "<figcaption", "<table class=\"data\">"] {
            assert_eq!(page.matches(part).count(), charts, "{name}: {part}");
        }
        let tables = page.matches("<table").count();
        assert_eq!(page.matches("<caption>").count(), tables, "{name}");
        // No identifier twice.
        let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|s| s.split('"').next()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}");
    }
    // Cost, cumulative, idle, distribution, and three for each of two architectures.
    assert_eq!(html(&fixture::results(2)).matches("<svg ").count(), 10);
    assert_eq!(html(&fixture::degenerate(2)).matches("role=\"img\"").count(), 1);
}

#[test]
fn headings_do_not_skip_a_level() {
    for (name, results) in all() {
        let page = html(&results);
        let mut level = 0;
        for (at, _) in page.match_indices("<h") {
            let Some(next) = page[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else { continue };
            assert!(next <= level + 1, "{name}: h{next} after h{level}");
            level = next;
        }
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
    }
}

#[test]
fn names_stay_names() {
    let page = html(&fixture::hostile(7));
    for part in ["<script", "alert(1)</", "<b> ", "\u{202e}", "\u{1b}", "\u{0}", "href=\"javascript"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_answers_the_questions() {
    let results = fixture::results(2);
    let page = html(&results);
    for part in [
        "is the cheapest that meets all objectives",
        "the noise of this traffic, not the error of the forecast",
        // 12 d 21 h 5 min after Monday 2 March, midnight in Berlin.
        "Sat 14 Mar 21:05",
        "97,012,345 requests x 730 h / 672 h",
        // 105,382,917 requests at $0.000001, by hand.
        "$105.382917",
        "price from memory",
        "Savings plans, reserved instances",
        "sha256:6b0f1c9a",
        "lognormal p50 8 ms, p99 40 ms",
        "at traffic −25 %",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    // The fixture's third architecture differs without significance.
    assert!(html(&fixture::results(3)).contains("~ too close to call"));
}

#[test]
fn unknown_is_never_zero() {
    let page = html(&fixture::degenerate(2));
    assert!(page.contains("<strong>unknown</strong>"));
    assert!(!page.contains("$0"), "a cost of zero");
    assert!(!page.contains('±') || page.matches('±').count() == page.matches("The ± is the noise").count());
}

#[test]
fn files_are_complete_and_repeatable() {
    let results = fixture::results(7);
    let first = files(&results, Period::Day);
    assert_eq!(first, files(&results, Period::Day));
    let mut paths: Vec<&str> = first.iter().map(|(p, _)| p.as_str()).collect();
    let main = ["report.html", "results.json", "line_items.csv", "focus.csv", "report.xlsx"];
    assert_eq!(paths[..5], main);
    assert_eq!(paths[5], "infracost-usage-1-lambda-http-api.yml");
    assert!(paths.contains(&"charts/traffic-1-lambda-http-api.svg"), "{paths:?}");
    // One usage file for each architecture, four common charts and three for each architecture.
    assert_eq!(paths.len(), 5 + 7 + 4 + 3 * 7);
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), first.len());
    for (path, bytes) in files(&fixture::hostile(7), Period::Hour) {
        assert!(
            path.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) && !path.contains(".."),
            "{path}"
        );
        if path.ends_with(".svg") {
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert!(text.contains("<title>") && !text.contains("var(") && !text.contains("<script"), "{path}");
        }
    }
}

/// Any finite number that a figure could hold, the ends included.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(f64::MAX),
        Just(-f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(1e300),
        -1e3..1e9,
        proptest::num::f64::NORMAL
    ]
}

fn figure() -> impl Strategy<Value = Figure> {
    (number(), proptest::option::of((number(), number()))).prop_map(|(value, bounds)| Figure {
        value,
        low: bounds.map(|b| b.0),
        high: bounds.map(|b| b.1),
        each: vec![value],
    })
}

fn amount() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("-?[0-9]{1,30}(\\.[0-9]{0,20})?|[a-z$€]{0,5}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_makes_a_report_fail(
        n in 0_usize..=7,
        figures in proptest::collection::vec(figure(), 12),
        amounts in proptest::collection::vec(amount(), 6),
        values in proptest::collection::vec(number(), 0..6),
        counts in proptest::collection::vec(any::<u64>(), 0..6),
        bucket in number(),
        start in "\\PC{0,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}",
    ) {
        let mut results = fixture::results(n);
        results.start = start;
        results.simulated_seconds = figures[0].value;
        results.billed_hours = figures[1].value;
        results.traffic.mean_rate = figures[2].value;
        results.traffic.requests_per_month = figures[3].value;
        for a in &mut results.architectures {
            a.requests.arrived = figures[0].clone();
            a.requests.served = figures[1].clone();
            a.requests.throttled = figures[2].clone();
            a.requests.in_flight = figures[3].clone();
            a.requests.retried = figures[4].clone();
            a.cold_starts = figures[5].clone();
            a.latency_ms.p50 = figures[6].clone();
            a.latency_ms.p99 = figures[7].clone();
            for c in &mut a.components {
                c.utilisation = Some(figures[8].clone());
                c.idle_cost = amounts[0].clone();
                c.mean_time_ms = figures[9].clone();
            }
            a.monthly_cost.total = amounts[1].clone();
            a.monthly_cost.low = amounts[2].clone();
            a.monthly_cost.high = amounts[3].clone();
            a.monthly_cost.once = amounts[4].clone();
            for item in &mut a.line_items {
                item.amount = amounts[5].clone().unwrap_or_default();
            }
            for o in &mut a.objectives {
                o.limit = figures[10].value;
                o.value = Some(figures[11].value);
                o.worst_window = values.first().copied();
                o.minutes_missed = Some(figures[11].clone());
            }
            a.series = Series {
                bucket_seconds: bucket,
                arrived: counts.clone(),
                throttled: counts.iter().rev().copied().collect(),
                p50_ms: values.iter().map(|v| Some(*v)).collect(),
                p99_ms: values.iter().map(|v| (*v > 0.0).then_some(*v)).collect(),
                capacity: a.series.capacity.iter().cloned().map(|mut s| { s.values = values.clone(); s }).collect(),
                cumulative_cost: values.clone(),
                ..Series::default()
            };
            for h in &mut a.histograms {
                h.bins = values.iter().copied().zip(counts.iter().copied()).collect();
            }
        }
        for format in [Format::Table, Format::Json, Format::Csv, Format::Markdown, Format::Html] {
            prop_assert!(!render(format, &results).is_empty());
        }
        for line in render(Format::Table, &results).lines() {
            prop_assert!(format::text_width(line) <= table::WIDTH, "{line}");
        }
    }
}
