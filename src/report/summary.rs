//! What the table, the notes and the page say about each architecture, in the same words.

use super::clock::Clock;
use super::format::{
    NONE, clean, compact, count, count_with_interval, fit, millis, millis_with_interval, money, money_or_unknown,
    money_with_interval, percent, percent_short,
};
use crate::results::{
    ArchitectureResult, AtSpeed, ComponentResult, Figure, ObjectiveResult, Precision, Prices, Results,
};

/// A row: what it is and its value for each architecture.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// First words of the row.
    pub(super) label: String,
    /// Part of the row above it.
    pub(super) part: bool,
    /// One value an architecture; several lines where it has several components.
    pub(super) cells: Vec<Vec<String>>,
}

/// How the interval is labelled everywhere.
pub(super) const INTERVAL: &str = "the noise of this traffic, not the error of the forecast";

/// Mark of an objective that holds.
pub(super) const MET: &str = "✓ met";
/// Mark of one that does not.
pub(super) const MISSED: &str = "✗ missed";

/// Requests that ended, as far as the figures can tell: arrived minus in flight.
fn ended(a: &ArchitectureResult) -> f64 {
    a.requests.arrived.value - a.requests.in_flight.value
}

/// Share of the ended requests that was not served; `None` when none ended.
pub(super) fn not_served(a: &ArchitectureResult) -> Option<f64> {
    let ended = ended(a);
    (ended > 0.0).then(|| (1.0 - a.requests.served.value / ended).clamp(0.0, 1.0))
}

/// Nothing was served, so there is no latency to speak of.
pub(super) fn no_latency(a: &ArchitectureResult) -> bool {
    a.requests.served.value <= 0.0 || a.requests.served.value.is_nan()
}

/// The total with its interval.
pub(super) fn cost(a: &ArchitectureResult) -> String {
    let c = &a.monthly_cost;
    money_with_interval(c.total.as_deref(), c.low.as_deref(), c.high.as_deref())
}

/// The total at another traffic, e.g. 0.75; `None` when it was not simulated.
pub(super) fn cost_at(a: &ArchitectureResult, scale: f64) -> Option<String> {
    a.monthly_cost.at_traffic.iter().find(|t| (t.scale - scale).abs() < 1e-6).map(|t| money(&t.total))
}

/// The scales other than 1 at which any architecture was priced, ascending, as (scale, `−25 %`).
pub(super) fn scales(results: &Results) -> Vec<(f64, String)> {
    let mut scales: Vec<f64> = results
        .architectures
        .iter()
        .flat_map(|a| &a.monthly_cost.at_traffic)
        .map(|t| t.scale)
        .filter(|s| s.is_finite())
        .collect();
    scales.sort_by(f64::total_cmp);
    scales.dedup_by(|a, b| (*a - *b).abs() < 1e-6);
    scales.into_iter().map(|s| (s, change(s))).collect()
}

/// `−25 %` for 0.75.
fn change(scale: f64) -> String {
    format!("{}{}", if scale < 1.0 { "−" } else { "+" }, percent((scale - 1.0).abs()))
}

/// The speeds of instances other than the stated one that were simulated, as multiples of it.
fn speeds(results: &Results) -> Vec<f64> {
    let mut speeds: Vec<f64> = results.architectures.iter().flat_map(|a| &a.at_speed).map(|at| at.speed).collect();
    speeds.retain(|speed| speed.is_finite() && (speed - 1.0).abs() > 1e-9);
    speeds.sort_by(f64::total_cmp);
    speeds.dedup();
    speeds
}

/// Cost, p99 and failures of the first replication with instances of another speed, each beside that at the stated one.
fn at_speed(a: &ArchitectureResult, speed: f64) -> Vec<String> {
    let at = |wanted: f64| a.at_speed.iter().find(|at| (at.speed - wanted).abs() < 1e-9);
    let (Some(stated), Some(other)) = (at(1.0), at(speed)) else { return vec!["has no instances".to_owned()] };
    let p99 = |at: &AtSpeed| at.p99_ms.map_or_else(|| NONE.to_owned(), millis);
    // Where a column is narrow, a line is broken between the two and nowhere else.
    let beside =
        |now: String, then: String| format!("{now} (was {then})").replace(' ', "\u{a0}").replace("\u{a0}(", " (");
    vec![
        beside(money_or_unknown(other.total.as_deref()), money_or_unknown(stated.total.as_deref())),
        beside(format!("p99 {}", p99(other)), p99(stated)),
        beside(format!("not served {}", percent(other.failures)), percent(stated.failures)),
    ]
}

/// A latency with its interval, or a dash where nothing was served.
pub(super) fn latency(a: &ArchitectureResult, figure: &Figure) -> String {
    if no_latency(a) { NONE.to_owned() } else { millis_with_interval(figure) }
}

/// Components with capacity of their own.
pub(super) fn with_capacity(a: &ArchitectureResult) -> impl Iterator<Item = &ComponentResult> {
    a.components.iter().filter(|c| c.capacity.is_some())
}

/// `14.2 / 71 environments`.
pub(super) fn capacity(c: &ComponentResult) -> String {
    match &c.capacity {
        Some(level) => {
            let unit = match c.kind.as_str() {
                "lambda" => " environments",
                "fleet" => " instances",
                _ => "",
            };
            format!("{} / {}{unit}", count(level.mean.value), count(level.peak.value))
        }
        None => NONE.to_owned(),
    }
}

/// `34 %` or a dash.
pub(super) fn utilisation(c: &ComponentResult) -> String {
    c.utilisation.as_ref().map_or_else(|| NONE.to_owned(), |u| percent(u.value))
}

/// What is paid for idle capacity, by component; a dash where nothing idle is paid or it is not known.
pub(super) fn idle(c: &ComponentResult) -> String {
    c.idle_cost.as_deref().map_or_else(|| NONE.to_owned(), money)
}

/// One line a component, named where there are several.
fn by_component(a: &ArchitectureResult, value: impl Fn(&ComponentResult) -> String) -> Vec<String> {
    let several = with_capacity(a).count() > 1;
    let lines: Vec<String> = with_capacity(a)
        .map(|c| if several { format!("{}: {}", fit(&clean(&c.name), 20), value(c)) } else { value(c) })
        .collect();
    if lines.is_empty() { vec![NONE.to_owned()] } else { lines }
}

/// `19 min`, where an objective did not hold for some time.
pub(super) fn minutes_missed(o: &ObjectiveResult) -> Option<String> {
    o.minutes_missed.as_ref().filter(|m| m.value > 0.0).map(|m| format!("{} min", count(m.value)))
}

/// The measured value of an objective, in the unit of its limit.
pub(super) fn measured(o: &ObjectiveResult) -> String {
    match o.value {
        None if o.met => NONE.to_owned(),
        None => "too many not served".to_owned(),
        Some(value) if o.name.starts_with('p') => millis(value),
        Some(value) => percent(value),
    }
}

/// `✓ met, 19 min over`, `✗ missed, 3,544 min`, `✗ missed: 612 ms`.
pub(super) fn objective(o: &ObjectiveResult) -> String {
    match (o.met, minutes_missed(o)) {
        (true, None) => MET.to_owned(),
        (true, Some(minutes)) => format!("{MET}, {minutes} over"),
        (false, Some(minutes)) => format!("{MISSED}, {minutes} over"),
        (false, None) => format!("{MISSED}: {}", measured(o)),
    }
}

/// `✓`, `✓ 19 min`, `✗ 0.071 %`: [`objective`] in little room.
pub(super) fn objective_short(o: &ObjectiveResult) -> String {
    match (o.met, minutes_missed(o)) {
        (true, None) => "✓".to_owned(),
        (true, Some(minutes)) => format!("✓ {minutes}"),
        (false, Some(minutes)) => format!("✗ {minutes}"),
        (false, None) => format!("✗ {}", measured(o)),
    }
}

/// Objectives in the order of their first mention, by their text.
pub(super) fn objectives(results: &Results) -> Vec<&ObjectiveResult> {
    let mut found: Vec<&ObjectiveResult> = Vec::new();
    for o in results.architectures.iter().flat_map(|a| &a.objectives) {
        if !found.iter().any(|f| f.text == o.text) {
            found.push(o);
        }
    }
    found
}

/// An architecture's own result of an objective.
pub(super) fn own<'a>(a: &'a ArchitectureResult, o: &ObjectiveResult) -> Option<&'a ObjectiveResult> {
    a.objectives.iter().find(|mine| mine.text == o.text)
}

/// The comparison, row by row.
pub(super) fn rows(results: &Results) -> Vec<Row> {
    let all = &results.architectures;
    let mut rows: Vec<Row> = Vec::new();
    let mut push = |label: &str, part: bool, value: &dyn Fn(&ArchitectureResult) -> Vec<String>| {
        rows.push(Row { label: label.to_owned(), part, cells: all.iter().map(value).collect() });
    };
    let one = |text: String| vec![text];
    push("Cost a month", false, &|a| one(cost(a)));
    for (scale, label) in scales(results) {
        push(&format!("at traffic {label}"), true, &|a| {
            one(cost_at(a, scale).unwrap_or_else(|| "not simulated".to_owned()))
        });
    }
    for speed in speeds(results) {
        push(&format!("at speed {} (1 run)", change(speed)), true, &|a| at_speed(a, speed));
    }
    if all.iter().any(|a| a.monthly_cost.without_free_tier != a.monthly_cost.total) {
        push("without free tier", true, &|a| one(money_or_unknown(a.monthly_cost.without_free_tier.as_deref())));
    }
    push("a million served", true, &|a| one(money_or_unknown(a.monthly_cost.per_million_requests.as_deref())));
    if all.iter().any(|a| a.monthly_cost.once.is_some()) {
        push("one-off events, extra", true, &|a| {
            one(a.monthly_cost.once.as_deref().map_or_else(|| NONE.to_owned(), money))
        });
    }
    push("Latency p50", false, &|a| one(latency(a, &a.latency_ms.p50)));
    push("p95", true, &|a| one(latency(a, &a.latency_ms.p95)));
    push("p99", true, &|a| one(latency(a, &a.latency_ms.p99)));
    push("Not served", false, &|a| one(not_served(a).map_or_else(|| NONE.to_owned(), percent)));
    push("throttled (a limit)", true, &|a| one(count_with_interval(&a.requests.throttled)));
    push("rejected (no room)", true, &|a| one(count_with_interval(&a.requests.rejected)));
    push("timed out", true, &|a| one(count_with_interval(&a.requests.timed_out)));
    push("failed", true, &|a| one(count_with_interval(&a.requests.failed)));
    if all.iter().any(|a| a.requests.retried.value > 0.0) {
        push("Retries", false, &|a| one(count_with_interval(&a.requests.retried)));
    }
    push("Cold starts", false, &|a| {
        let share = a.cold_starts.value / a.requests.arrived.value;
        let shown = count_with_interval(&a.cold_starts);
        one(if share.is_finite() && share > 0.0 { format!("{shown} ({})", percent_short(share)) } else { shown })
    });
    push("Capacity mean / peak", false, &|a| by_component(a, capacity));
    push("utilisation", true, &|a| by_component(a, utilisation));
    push("idle, a month", true, &|a| by_component(a, idle));
    if all.iter().flat_map(|a| &a.components).any(|c| c.peak_connections.is_some()) {
        push("Backend connections", false, &|a| {
            let most = a.components.iter().filter_map(|c| c.peak_connections.as_ref()).map(|f| f.value);
            one(most.reduce(f64::max).map_or_else(|| NONE.to_owned(), |v| format!("{} at most", count(v))))
        });
    }
    for o in objectives(results) {
        push(&clean(&o.text), false, &|a| one(own(a, o).map_or_else(|| NONE.to_owned(), objective)));
    }
    rows.extend(extra_rows(results));
    rows
}

/// What stands below the comparison only where there is something to say: queues, events of the scenario.
pub(super) fn extra_rows(results: &Results) -> Vec<Row> {
    super::queues::rows(results).into_iter().chain(super::events::rows(results)).collect()
}

/// What was simulated, in one line: `us-east-1, 28 d at 40.1 requests/s on average (531 at most), …`.
pub(super) fn subject(results: &Results) -> String {
    format!(
        "{}, {} from {}, {} requests/s on average, {} in the busiest {}; {} requests a month of {} h",
        clean(&results.region),
        super::format::seconds(results.simulated_seconds),
        Clock::of(results).start(),
        count(results.traffic.mean_rate),
        count(results.traffic.peak_rate),
        busiest_bucket(results),
        compact(results.traffic.requests_per_month),
        count(results.billed_hours),
    )
}

/// The length of time that the peak rate is a mean over.
pub(super) fn busiest_bucket(results: &Results) -> String {
    let bucket = results.architectures.first().map_or(0.0, |architecture| architecture.series.bucket_seconds);
    super::format::seconds(bucket)
}

/// The level of the intervals of costs: `95 %`.
pub(super) fn level(results: &Results) -> String {
    format!("{} %", count((1.0 - results.alpha()) * 100.0))
}

/// How sure the figures are.
pub(super) fn certainty(results: &Results) -> String {
    match &results.precision {
        Some(precision) => precise(results, precision),
        None if results.replications > 1 => {
            format!("± is the 95 % interval over {} replications: {INTERVAL}.", results.replications)
        }
        None => "One replication: no interval and no significance; --replications 5 shows the noise of this traffic."
            .to_owned(),
    }
}

/// What was simulated and what was inferred.
fn precise(results: &Results, precision: &Precision) -> String {
    let level = level(results);
    let reached = if precision.reached { "reached" } else { "not reached" };
    let mut text = format!(
        "± {} of the cost was asked for and {reached} with {} replications; ± of costs is the {level} interval, so that all looks \
         together err in at most 5 %: {INTERVAL}.",
        percent(precision.target),
        results.replications,
    );
    for one in &precision.architectures {
        let name = clean(&one.name);
        match (one.windows, &one.in_full_because) {
            (Some(windows), _) => {
                text.push_str(&format!(
                    " {name}: in each replication {windows} windows of {} were simulated, each after {} of run-up, {} of what {} requests would \
                     take; the rest is inferred from the window with like traffic.",
                    super::format::seconds(precision.window_seconds.unwrap_or(0.0)),
                    super::format::seconds(precision.memory_seconds.unwrap_or(0.0)),
                    percent(one.simulated as f64 / (one.stands_for as f64).max(1.0)),
                    compact(one.stands_for as f64),
                ));
                if let Some(off) = one.history_off {
                    text.push_str(&format!(
                        " What its fleet had been through before is that of a fluid; it had {:+.1} % instances in the windows against that, by \
                         which the rest is corrected.",
                        off * 100.0
                    ));
                }
            }
            (None, Some(why)) => text.push_str(&format!(" {name}: all was simulated ({}).", clean(why))),
            (None, None) => {}
        }
    }
    text
}

/// Whether counts of an architecture are inferred in part.
pub(super) fn is_inferred(results: &Results, name: &str) -> bool {
    let architectures = results.precision.iter().flat_map(|precision| &precision.architectures);
    architectures.filter(|one| one.name == name).any(|one| one.windows.is_some())
}

/// What makes the figures repeatable, in one line.
pub(super) fn provenance(results: &Results) -> String {
    let prices = price_dates(&results.prices).map_or_else(|| "no prices".to_owned(), |dates| format!("prices {dates}"));
    let memory = from_memory(results).map_or_else(String::new, |sentence| format!(" {sentence}"));
    format!("Seed {}, {prices}, costsim {}.{memory}", results.seed, clean(&results.tool_version))
}

/// When the prices behind the bills were read: `of 2026-09-22`, `of 2025-03 to 2026-09-22`; `None` where none has a date.
pub(super) fn price_dates(prices: &Prices) -> Option<String> {
    let dates = || prices.used.iter().map(|price| price.as_of.as_str()).filter(|date| !date.is_empty());
    let (oldest, newest) = (dates().min()?, dates().max()?);
    let (oldest, newest) = (clean(oldest), clean(newest));
    Some(if oldest == newest { format!("of {newest}") } else { format!("of {oldest} to {newest}") })
}

/// What of each total rests on prices that are known from memory only, in one sentence; `None` where nothing does.
fn from_memory(results: &Results) -> Option<String> {
    let shares: Vec<String> = results
        .architectures
        .iter()
        .filter(|a| a.monthly_cost.share_from_memory > 0.0)
        .map(|a| format!("{} of {}", percent(a.monthly_cost.share_from_memory), clean(&a.name)))
        .collect();
    (!shares.is_empty()).then(|| format!("Prices known from memory only carry {}.", shares.join(", ")))
}

/// All warnings: those of the scenario, then those of each architecture under its name.
pub(super) fn warnings(results: &Results) -> Vec<String> {
    let own = results.architectures.iter().flat_map(|a| a.warnings.iter().map(|w| format!("{}: {w}", a.name)));
    results.warnings.iter().cloned().chain(own).map(|w| clean(&w)).collect()
}
