//! `report.html`: one page that needs nothing else. No script, no font, no picture from elsewhere; its own
//! content-security policy forbids them.
//!
//! The template only places texts: every number is formatted here, with the words of [`super::summary`]. askama escapes
//! whatever it prints; the charts escape themselves.

use super::charts::{Chart, Charts, DataTable, LATENCY_DISTRIBUTION, slug};
use super::clock::Clock;
use super::finance::{self, Block};
use super::format::{
    NONE, clean, compact, count, count_with_interval, group, millis, millis_with_interval, money, money_exact,
    money_half_width, money_or_unknown, money_range, money_signed, money_signed_range, percent, seconds, unbroken,
};
use super::{ownership, queues, summary};
use crate::results::{ArchitectureResult, LineItem, Results};
use askama::Template;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    description: Option<String>,
    facts: Vec<(String, String)>,
    verdict: String,
    /// Of the intervals of costs, `95 %`.
    level: String,
    certainty: String,
    cards: Vec<Card>,
    differences: Vec<DifferenceRow>,
    warnings: Vec<String>,
    names: Vec<String>,
    rows: Vec<summary::Row>,
    objectives: Vec<ObjectiveRow>,
    clock_note: String,
    series_note: String,
    money: Vec<ChartView>,
    cumulative: Vec<ChartView>,
    no_idle: bool,
    distribution: Vec<ChartView>,
    traffic: Vec<ChartView>,
    latency: Vec<ChartView>,
    refusals: Vec<ChartView>,
    all_served: Vec<String>,
    no_series: Vec<String>,
    bills: Vec<Bill>,
    beside: Vec<Beside>,
    /// What the finance section says before its lines.
    reading: Vec<String>,
    components: Vec<Vec<String>>,
    classes: Vec<Vec<String>>,
    scopes: Vec<Scope>,
    not_modelled: Vec<String>,
    prices: Vec<PriceRow>,
    files: Vec<(String, String)>,
    provenance: Vec<(String, String)>,
}

struct Card {
    name: String,
    description: Option<String>,
    price: String,
    half: Option<String>,
    badge: Option<&'static str>,
    facts: Vec<(String, String)>,
    objectives: Vec<Promise>,
}

/// An objective on a card.
struct Promise {
    met: bool,
    text: String,
    outcome: String,
}

struct DifferenceRow {
    text: String,
    difference: String,
    interval: String,
    relative: String,
    verdict: &'static str,
}

struct ObjectiveRow {
    architecture: String,
    text: String,
    met: bool,
    measured: String,
    windows: String,
    minutes: String,
    worst: String,
}

struct ChartView {
    id: String,
    title: String,
    note: String,
    svg: String,
    table: DataTable,
    /// Whether its numbers are shown from the start.
    open: bool,
}

struct Bill {
    id: String,
    name: String,
    items: Vec<Item>,
    blocks: Vec<Block>,
    total: String,
    rounded: String,
    notes: Vec<String>,
}

struct Item {
    component: String,
    service: String,
    description: String,
    sku: String,
    quantity: String,
    unit: String,
    price: String,
    amount: String,
    source: Vec<Word>,
    as_of: String,
    from_memory: bool,
}

/// A piece of a source: text, or an address that may be followed.
struct Word {
    text: String,
    address: bool,
    /// Punctuation behind an address.
    after: String,
}

struct Scope {
    name: String,
    rows: Vec<(String, String, String)>,
}

struct PriceRow {
    sku: String,
    confidence: String,
    source: Vec<Word>,
    as_of: String,
}

fn view(chart: &Chart) -> ChartView {
    ChartView {
        id: chart.id.clone(),
        title: chart.title.clone(),
        note: chart.note.clone(),
        svg: chart.drawing.inline(&chart.id, &chart.title, &chart.desc),
        table: chart.table.clone(),
        // There is room beside the one chart that stands alone.
        open: chart.id == LATENCY_DISTRIBUTION,
    }
}

fn views<'a>(charts: impl IntoIterator<Item = &'a Option<Chart>>) -> Vec<ChartView> {
    charts.into_iter().flatten().map(view).collect()
}

/// Only `https://` addresses can be followed; whatever else a price list says is text.
fn words(source: &str) -> Vec<Word> {
    clean(source)
        .split_whitespace()
        .map(|word| {
            let bare = word.trim_end_matches([',', ';', '.', ')']);
            let address = bare.starts_with("https://");
            let (text, after) = if address { word.split_at(bare.len()) } else { (word, "") };
            Word { text: text.to_owned(), address, after: after.to_owned() }
        })
        .collect()
}

fn card(results: &Results, a: &ArchitectureResult) -> Card {
    let verdict = &results.verdict;
    let is = |name: &Option<String>| name.as_ref() == Some(&a.name);
    let badge = if is(&verdict.cheapest_meeting_objectives) && !a.objectives.is_empty() {
        Some("Cheapest that meets the objectives")
    } else if is(&verdict.cheapest) {
        Some("Cheapest")
    } else {
        None
    };
    let mut facts = Vec::new();
    for (scale, label) in summary::scales(results) {
        let at = summary::cost_at(a, scale).unwrap_or_else(|| "not simulated".to_owned());
        facts.push((format!("at traffic {label}"), at));
    }
    facts.push(("p50 / p99".to_owned(), {
        if summary::no_latency(a) {
            NONE.to_owned()
        } else {
            format!("{} / {}", millis(a.latency_ms.p50.value), millis(a.latency_ms.p99.value))
        }
    }));
    facts.push(("not served".to_owned(), summary::not_served(a).map_or_else(|| NONE.to_owned(), percent)));
    if let Some(once) = &a.monthly_cost.once {
        facts.push(("one-off events, extra".to_owned(), money(once)));
    }
    let cost = &a.monthly_cost;
    Card {
        name: clean(&a.name),
        description: a.description.as_deref().map(clean),
        price: money_or_unknown(cost.total.as_deref()),
        half: cost.total.as_deref().and_then(|t| money_half_width(t, cost.low.as_deref(), cost.high.as_deref())),
        badge,
        facts,
        objectives: a
            .objectives
            .iter()
            .map(|o| Promise { met: o.met, text: unbroken(&clean(&o.text)), outcome: unbroken(&summary::objective(o)) })
            .collect(),
    }
}

fn differences(results: &Results) -> Vec<DifferenceRow> {
    results
        .verdict
        .differences
        .iter()
        .map(|d| DifferenceRow {
            text: format!("{} against {}", clean(&d.b), clean(&d.a)),
            difference: money_signed(&d.difference),
            interval: match (&d.low, &d.high) {
                (Some(low), Some(high)) => money_signed_range(low, high),
                _ => NONE.to_owned(),
            },
            relative: d
                .relative
                .map_or_else(|| NONE.to_owned(), |r| format!("{}{}", if r > 0.0 { "+" } else { "" }, percent(r))),
            verdict: if d.significant { "clear" } else { "~ too close to call" },
        })
        .collect()
}

fn objectives(results: &Results, clock: &Clock) -> Vec<ObjectiveRow> {
    let rows = results.architectures.iter().flat_map(|a| {
        a.objectives.iter().map(|o| ObjectiveRow {
            architecture: clean(&a.name),
            text: unbroken(&clean(&o.text)),
            met: o.met,
            measured: summary::measured(o),
            windows: o.windows_met.map_or_else(|| NONE.to_owned(), percent),
            minutes: o.minutes_missed.as_ref().map_or_else(|| NONE.to_owned(), count_with_interval),
            worst: o.worst_window.map_or_else(|| NONE.to_owned(), |s| clock.label(s)),
        })
    });
    rows.collect()
}

fn item(i: &LineItem) -> Item {
    Item {
        component: clean(&i.component),
        service: clean(&i.service),
        description: clean(&i.description),
        sku: clean(&i.sku),
        quantity: group(&clean(&i.quantity)),
        unit: clean(&i.unit),
        price: format!("${}", clean(&i.unit_price)),
        amount: money_exact(&i.amount),
        source: words(&i.source),
        as_of: clean(&i.as_of),
        from_memory: i.confidence == "memory",
    }
}

fn bill(index: usize, a: &ArchitectureResult, level: &str) -> Bill {
    let cost = &a.monthly_cost;
    let mut notes = Vec::new();
    if cost.without_free_tier != cost.total
        && let Some(full) = &cost.without_free_tier
    {
        notes.push(format!("Without the free tier it would be {}.", money(full)));
    }
    if let (Some(low), Some(high)) = (&cost.low, &cost.high) {
        notes.push(format!("{level} interval {}: {}.", money_range(low, high), summary::INTERVAL));
    }
    if cost.share_from_memory > 0.0 {
        notes.push(format!("{} of the total rests on prices known from memory only.", percent(cost.share_from_memory)));
    }
    if let Some(once) = &cost.once {
        notes.push(format!("One-off events add {}, apart from the monthly total.", money(once)));
    }
    if let Some(invoiced) = super::format::invoiced(cost) {
        notes.push(format!(
            "With each key's amount at each price rounded to the cent first, as AWS prints its bills: {invoiced}."
        ));
    }
    Bill {
        id: format!("bill-{}", slug(index, &a.name)),
        name: clean(&a.name),
        items: a.line_items.iter().map(item).collect(),
        blocks: finance::blocks(a),
        total: cost.total.as_deref().map_or_else(|| super::format::UNKNOWN.to_owned(), money_exact),
        rounded: summary::cost(a),
        notes,
    }
}

/// A paragraph beside the bills.
struct Beside {
    heading: String,
    lines: Vec<String>,
    months: Vec<[String; 7]>,
}

/// What stands beside the bills: commitments, tax, currency, environments, labour, twelve months, other terms.
fn beside(results: &Results) -> Vec<Beside> {
    let of = |mut lines: Vec<String>, months: Vec<[String; 7]>| {
        let heading = lines.remove(0);
        let lines = lines.iter().map(|line| unbroken(line)).collect();
        Beside { heading, lines, months }
    };
    let own = results.architectures.iter().map(|a| of(ownership::of_one(a), ownership::months(a)));
    let terms = of(super::purchase::paragraph(results), Vec::new());
    own.chain([terms]).filter(|beside| !beside.lines.is_empty() || !beside.months.is_empty()).collect()
}

/// How to read the arithmetic of the lines.
fn reading(results: &Results) -> Vec<String> {
    let simulated = seconds(results.simulated_seconds);
    let times = match results.replications {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let inferred: Vec<&str> = results
        .architectures
        .iter()
        .map(|a| a.name.as_str())
        .filter(|name| summary::is_inferred(results, name))
        .collect();
    let inferred = match inferred.is_empty() {
        true => String::new(),
        false => format!(
            " Those of {} were taken in windows of that time; each window's counts stand for the hours of like traffic.",
            clean(&inferred.join(" and "))
        ),
    };
    let mut sentences = vec![
        format!("Counted: {simulated} of traffic were simulated {times}. Counters are whole numbers; those of all simulations are added up.{inferred}"),
        format!(
            "Month: the sum is multiplied by the billed month ({} h) over the simulated time and divided by the number of simulations. \
             Traffic that happens once a month or a week is counted apart, as often as it happens.",
            count(results.billed_hours)
        ),
        "Unit: the count is divided by how many of it make one unit of the price. 1 GB is 1,024 MB or 1,073,741,824 bytes.".to_owned(),
        "Rounding: the month's quantity is rounded once, to six decimals (a half to the even digit); nothing after it is rounded.".to_owned(),
        "Shared: free amounts and tiers belong to the account. Components that use the same thing share them in proportion to their \
         quantities; a remainder of the last decimal goes to the largest fraction."
            .to_owned(),
        "Amount: quantity × unit price, to the last digit. The amounts add up to the total. The sources of the prices stand under Line items; an agreed \
         price says which list price it comes from."
            .to_owned(),
    ];
    if results.architectures.iter().any(|a| !a.commitments.is_empty()) {
        sentences.push(
            "Commitments: what is not free lies in the simulated hours as its counts do (each hour's are in results.json under usage). In \
             each hour reserved instances cover it first, then Savings Plans; what an hour does not use is lost. Covered usage costs \
             nothing on its line; the commitment is a line of its own."
                .to_owned(),
        );
    }
    sentences
}

fn components(results: &Results) -> Vec<Vec<String>> {
    let level = |l: &Option<crate::results::Level>| {
        l.as_ref().map_or_else(|| NONE.to_owned(), |l| format!("{} / {}", count(l.mean.value), count(l.peak.value)))
    };
    let optional = |f: &Option<crate::results::Figure>| f.as_ref().map_or_else(|| NONE.to_owned(), |f| count(f.value));
    let rows = results.architectures.iter().flat_map(|a| {
        a.components.iter().map(move |c| {
            vec![
                clean(&a.name),
                format!("{} ({})", clean(&c.name), clean(&c.kind).replace('_', " ")),
                compact(c.served.value),
                compact(c.throttled.value),
                compact(c.rejected.value),
                optional(&c.cold_starts),
                level(&c.capacity),
                level(&c.busy),
                summary::utilisation(c),
                summary::idle(c),
                optional(&c.peak_connections),
                millis(c.mean_time_ms.value),
                count(c.mean_in_system.value),
                queues::length(c),
                queues::wait(c),
            ]
        })
    });
    rows.collect()
}

fn classes(results: &Results) -> Vec<Vec<String>> {
    let rows = results.architectures.iter().flat_map(|a| {
        a.classes.iter().map(move |c| {
            let served = c.requests.served.value > 0.0;
            let latency = |f| if served { millis_with_interval(f) } else { NONE.to_owned() };
            vec![
                clean(&a.name),
                clean(&c.name),
                compact(c.requests.arrived.value),
                compact(c.requests.served.value),
                compact(c.cold_starts.value),
                latency(&c.latency_ms.mean),
                latency(&c.latency_ms.p50),
                latency(&c.latency_ms.p95),
                latency(&c.latency_ms.p99),
                latency(&c.latency_ms.p999),
                if served { millis(c.latency_ms.max.value) } else { NONE.to_owned() },
            ]
        })
    });
    rows.collect()
}

fn scopes(results: &Results) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = Vec::new();
    for a in &results.inputs.assumptions {
        let name = clean(&a.scope);
        let row = (clean(&a.path), clean(&a.value), a.source.as_deref().map_or_else(|| "as stated".to_owned(), clean));
        match scopes.iter_mut().find(|s| s.name == name) {
            Some(scope) => scope.rows.push(row),
            None => scopes.push(Scope { name, rows: vec![row] }),
        }
    }
    scopes
}

/// Why a chart over time and a table may not say the same.
fn series_note(results: &Results) -> String {
    let inferred = match results.architectures.iter().any(|a| summary::is_inferred(results, &a.name)) {
        true => " What was not simulated is drawn as the window that stands for it.",
        false => "",
    };
    let bucket = summary::busiest_bucket(results);
    let first = match results.replications {
        1 => String::new(),
        n => format!(" of the first of {n} replications, while tables hold means over all of them"),
    };
    format!(
        "Charts over time show means and percentiles of every {bucket}{first}. A peak in a table is one instant's and may be higher than \
         any in a chart; a percentile over everything is not the mean of those in a chart.{inferred}"
    )
}

/// The page; `charts` are those of these results.
pub(super) fn render(results: &Results, charts: &Charts) -> String {
    let clock = Clock::of(results);
    let all = &results.architectures;
    let mut facts = vec![
        ("Region".to_owned(), clean(&results.region)),
        (
            "Traffic".to_owned(),
            format!(
                "{} requests/s on average, {} in the busiest {}; {} requests a month",
                count(results.traffic.mean_rate),
                count(results.traffic.peak_rate),
                super::summary::busiest_bucket(results),
                count(results.traffic.requests_per_month),
            ),
        ),
        (
            "Simulated".to_owned(),
            format!(
                "{} from {}, {}",
                seconds(results.simulated_seconds),
                clock.start(),
                if results.replications == 1 { "once".to_owned() } else { format!("{} times", results.replications) },
            ),
        ),
        ("Billed".to_owned(), format!("a month of {} h", count(results.billed_hours))),
    ];
    if let Some(dates) = summary::price_dates(&results.prices) {
        facts.push(("Prices".to_owned(), dates));
    }
    let missing = |chart: &dyn Fn(usize) -> bool| -> Vec<String> {
        all.iter().enumerate().filter(|(i, _)| chart(*i)).map(|(_, a)| clean(&a.name)).collect()
    };
    let page = Page {
        title: clean(&results.scenario),
        description: results.description.as_deref().map(clean),
        facts,
        verdict: clean(&results.verdict.sentence),
        level: summary::level(results),
        certainty: summary::certainty(results),
        cards: all.iter().map(|a| card(results, a)).collect(),
        differences: differences(results),
        warnings: summary::warnings(results),
        names: all.iter().map(|a| clean(&a.name)).collect(),
        rows: summary::rows(results)
            .into_iter()
            .map(|mut row| {
                row.label = unbroken(&row.label);
                row.cells.iter_mut().flatten().for_each(|line| *line = unbroken(line));
                row
            })
            .collect(),
        objectives: objectives(results, &clock),
        clock_note: clock.note(),
        series_note: series_note(results),
        money: views([&charts.cost, &charts.idle]),
        cumulative: views([&charts.cumulative]),
        no_idle: charts.idle.is_none(),
        distribution: views([&charts.distribution]),
        traffic: views(charts.each.iter().map(|c| &c.traffic)),
        latency: views(charts.each.iter().map(|c| &c.latency)),
        refusals: views(charts.each.iter().map(|c| &c.refusals)),
        all_served: missing(&|i| charts.each[i].refusals.is_none() && charts.each[i].traffic.is_some()),
        no_series: missing(&|i| charts.each[i].traffic.is_none()),
        bills: all.iter().enumerate().map(|(i, a)| bill(i, a, &summary::level(results))).collect(),
        beside: beside(results),
        reading: reading(results),
        components: components(results),
        classes: classes(results),
        scopes: scopes(results),
        not_modelled: results.not_modelled.iter().map(|s| clean(s)).collect(),
        prices: results
            .prices
            .used
            .iter()
            .map(|p| PriceRow {
                sku: clean(&p.sku),
                confidence: clean(&p.confidence),
                source: words(&p.source),
                as_of: clean(&p.as_of),
            })
            .collect(),
        files: results.inputs.files.iter().map(|f| (clean(&f.name), clean(&f.digest))).collect(),
        provenance: vec![
            ("Seed".to_owned(), results.seed.to_string()),
            ("Replications".to_owned(), results.replications.to_string()),
            ("Tool".to_owned(), format!("costsim {}", clean(&results.tool_version))),
            ("Format".to_owned(), clean(&results.schema)),
            ("Price book".to_owned(), clean(&results.prices.digest)),
        ],
    };
    // The template writes to a string and calls nothing that fails.
    page.render().unwrap_or_default()
}
