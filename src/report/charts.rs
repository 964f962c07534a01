//! The charts of the report. Each comes with a title, a description in words and a table of the same numbers, so that
//! nothing is said by a picture alone.
//!
//! All are drawn [`WIDTH`] wide: two stand side by side on a desk, one fills a phone or a sheet of paper, and their text has
//! the same size everywhere.

use super::canvas::{Anchor, Canvas, Drawing, Paint, Stroke, fit, text_width};
use super::clock::{Clock, Tick};
use super::format::{
    NONE, clean, compact, count, millis, money_f64, money_on_axis, money_or_unknown, money_with_interval, percent,
    seconds, to_f64,
};
use crate::results::{ArchitectureResult, NamedSeries, Results, Series};
use std::ops::Range;

/// Width of every chart in CSS pixels.
const WIDTH: u32 = 560;
const W: f64 = WIDTH as f64;
/// Where the plotting area begins and ends.
const LEFT: f64 = 54.0;
const RIGHT: f64 = W - 10.0;
/// Size of labels.
const TEXT: f64 = 12.5;
const ROW: f64 = 19.0;
/// Rows of a chart's table at most.
const MOST_ROWS: usize = 48;
/// The chart that compares all latencies.
pub(super) const LATENCY_DISTRIBUTION: &str = "latency-distribution";
/// Components drawn in one capacity panel.
const MOST_COMPONENTS: usize = 4;

/// The numbers of a chart. The first column names the row.
#[derive(Debug, Clone)]
pub(super) struct DataTable {
    pub(super) caption: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// A chart and what is said beside it.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// Unique on the page and in the directory: ASCII letters, digits and `-`.
    pub(super) id: String,
    pub(super) title: String,
    /// What it shows, in words.
    pub(super) desc: String,
    /// How to read it.
    pub(super) note: String,
    pub(super) drawing: Drawing,
    pub(super) table: DataTable,
}

/// The charts of one architecture; `None` where there is nothing to draw.
#[derive(Debug, Clone)]
pub(super) struct ArchitectureCharts {
    pub(super) traffic: Option<Chart>,
    pub(super) latency: Option<Chart>,
    pub(super) refusals: Option<Chart>,
}

/// All charts of a report.
#[derive(Debug, Clone)]
pub(super) struct Charts {
    pub(super) cost: Option<Chart>,
    pub(super) idle: Option<Chart>,
    pub(super) cumulative: Option<Chart>,
    pub(super) distribution: Option<Chart>,
    /// In the order of the architectures.
    pub(super) each: Vec<ArchitectureCharts>,
}

impl Charts {
    /// Draws everything.
    pub(super) fn of(results: &Results) -> Self {
        let clock = Clock::of(results);
        let arrival_peak = peak(results.architectures.iter().flat_map(|a| rates(&a.series)));
        let latency_range = latency_range(results);
        Self {
            cost: cost(results),
            idle: idle(results),
            cumulative: cumulative(results, &clock),
            distribution: distribution(results),
            each: results
                .architectures
                .iter()
                .enumerate()
                .map(|(i, a)| ArchitectureCharts {
                    traffic: traffic(i, a, &clock, arrival_peak),
                    latency: latency(i, a, &clock, latency_range),
                    refusals: refusals(i, a, &clock),
                })
                .collect(),
        }
    }

    /// In the order of the report.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Chart> {
        let each = self.each.iter().flat_map(|c| [&c.traffic, &c.latency, &c.refusals]);
        [&self.cost, &self.cumulative, &self.idle, &self.distribution].into_iter().chain(each).flatten()
    }
}

/// `2-lambda-http-api`: the place of an architecture and its name in letters that a file name may have.
pub(super) fn slug(index: usize, name: &str) -> String {
    let mut out = (index + 1).to_string();
    for word in name.to_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
        if out.len() + word.len() > 40 {
            break;
        }
        out.push('-');
        out.push_str(word);
    }
    out
}

// ------------------------------------------------------------------------------------------------ scales, axes, legends

/// How a value becomes a height.
#[derive(Debug, Clone, Copy)]
enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// Between these, by their logarithms; both > 0.
    Log(f64, f64),
}

/// Larger values are drawn as this one: a tick above it would be infinite.
const LARGEST: f64 = 1e300;

/// Finite and not negative, or 0.
fn sane(value: f64) -> f64 {
    if value.is_finite() && value > 0.0 { value.min(LARGEST) } else { 0.0 }
}

fn peak(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(sane).fold(0.0, f64::max)
}

impl Scale {
    /// From 0 to a round number at or above `max`.
    fn up_to(max: f64) -> Self {
        let step = nice_step(sane(max));
        Self::Linear((step * (sane(max) / step).ceil()).max(step))
    }

    /// Whole 1-2-5 steps around the range.
    fn around(low: f64, high: f64) -> Self {
        let (low, high) = (low.clamp(1e-6, 1e15), high.clamp(1e-6, 1e15));
        let below = one_two_five().take_while(|v| *v <= low * 1.000_001).last().unwrap_or(1e-6);
        let above = one_two_five().find(|v| *v >= high * 0.999_999 && *v > below).unwrap_or(1e15);
        Self::Log(below, above)
    }

    /// Where the value lies, 0..=1.
    fn at(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(max) => sane(value) / max,
            Self::Log(low, high) => {
                (libm::log10(sane(value).max(low)) - libm::log10(low)) / (libm::log10(high) - libm::log10(low))
            }
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(max) => {
                let step = nice_step(max);
                (0..=10_u32).map(|n| f64::from(n) * step).take_while(|v| *v <= max * 1.000_001).collect()
            }
            Self::Log(low, high) => {
                let inside = |v: &f64| *v >= low * 0.999_999 && *v <= high * 1.000_001;
                let fine: Vec<f64> = one_two_five().filter(inside).collect();
                if fine.len() <= 10 {
                    return fine;
                }
                let decades: Vec<f64> = one_two_five().step_by(3).filter(inside).collect();
                let every = decades.len().div_ceil(7).max(1);
                decades.into_iter().step_by(every).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, such that `max` takes 3 to 6 of them.
fn nice_step(max: f64) -> f64 {
    if max <= 0.0 {
        return 1.0;
    }
    let rough = max / 5.0;
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough * 0.999_999);
    step.filter(|s| s.is_normal()).unwrap_or(max)
}

/// 1e-6, 2e-6, 5e-6, 1e-5 … 1e15.
fn one_two_five() -> impl Iterator<Item = f64> {
    (-6..=15).flat_map(|power| {
        let unit = libm::pow(10.0, f64::from(power));
        [unit, 2.0 * unit, 5.0 * unit]
    })
}

/// A plotting area over time.
struct Panel {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Seconds from edge to edge.
    span: f64,
    scale: Scale,
}

impl Panel {
    fn x(&self, seconds: f64) -> f64 {
        self.left + (self.right - self.left) * (seconds / self.span).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * self.scale.at(value)
    }

    /// What the axis measures, above it; grid lines and their labels.
    fn y_axis(&self, canvas: &Canvas<'_>, unit: &str, label: impl Fn(f64) -> String) {
        canvas.text((0.0, self.top - 18.0), unit, TEXT, Paint::Ink, Anchor::Start, true);
        for tick in self.scale.ticks() {
            let y = self.y(tick);
            canvas.line((self.left, y), (self.right, y), Paint::Grid, Stroke::Solid, 0.75);
            canvas.text((self.left - 6.0, y), &label(tick), TEXT, Paint::Muted, Anchor::End, false);
        }
    }

    fn x_axis(&self, canvas: &Canvas<'_>, ticks: &[Tick], labels: bool) {
        for (seconds, _) in ticks {
            let x = self.x(*seconds);
            canvas.line((x, self.bottom), (x, self.bottom + 4.0), Paint::Muted, Stroke::Solid, 1.0);
        }
        if labels {
            labels_below(canvas, self.bottom + 14.0, ticks.iter().map(|(s, label)| (self.x(*s), label.as_str())));
        }
        canvas.line((self.left, self.bottom), (self.right, self.bottom), Paint::Muted, Stroke::Solid, 1.0);
    }

    /// Corners of a series: steps while buckets can be told apart, else from middle to middle. Gaps split it.
    fn runs(&self, bucket: f64, values: impl Iterator<Item = Option<f64>>, n: usize) -> Vec<Vec<(f64, f64)>> {
        let mut runs = vec![Vec::new()];
        for (i, value) in values.enumerate() {
            let Some(value) = value.filter(|v| v.is_finite()) else {
                runs.push(Vec::new());
                continue;
            };
            let (from, to, y) = (i as f64 * bucket, (i + 1) as f64 * bucket, self.y(value));
            if let Some(run) = runs.last_mut() {
                if n <= 120 {
                    run.extend([(self.x(from), y), (self.x(to), y)]);
                } else {
                    if run.is_empty() {
                        // A lone bucket still shows, as a short dash.
                        run.push((self.x(from), y));
                    }
                    run.push((self.x((from + to) / 2.0), y));
                    if i + 1 == n {
                        run.push((self.x(to), y));
                    }
                }
            }
        }
        runs.retain(|run| run.len() > 1);
        runs
    }

    fn area(&self, canvas: &Canvas<'_>, runs: &[Vec<(f64, f64)>], paint: Paint, opacity: f64) {
        for run in runs {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                let mut shape = run.clone();
                shape.extend([(last.0, self.bottom), (first.0, self.bottom)]);
                canvas.fill(&shape, paint, opacity);
            }
        }
    }
}

/// Labels below an axis, each centred on its place, moved inwards where the chart ends and left out where it would touch the
/// one before.
fn labels_below<'a>(canvas: &Canvas<'_>, y: f64, labels: impl Iterator<Item = (f64, &'a str)>) {
    let mut free = 0.0;
    for (x, label) in labels {
        let width = text_width(label, TEXT);
        let from = (x - width / 2.0).min(W - width).max(0.0);
        if from < free {
            continue;
        }
        free = from + width + 6.0;
        if x + width / 2.0 > W {
            canvas.text((W, y), label, TEXT, Paint::Muted, Anchor::End, false);
        } else if x - width / 2.0 < 0.0 {
            canvas.text((0.0, y), label, TEXT, Paint::Muted, Anchor::Start, false);
        } else {
            canvas.text((x, y), label, TEXT, Paint::Muted, Anchor::Middle, false);
        }
    }
}

/// How a legend shows an entry.
#[derive(Clone, Copy)]
enum Swatch {
    Area,
    Line(Stroke),
}

struct Key {
    label: String,
    paint: Paint,
    swatch: Swatch,
}

fn key(label: &str, paint: Paint, swatch: Swatch) -> Key {
    Key { label: fit(&clean(label), TEXT, 330.0), paint, swatch }
}

/// A legend: each entry's place (x, row), and the number of rows.
fn legend_layout(keys: &[Key]) -> (Vec<(f64, usize)>, usize) {
    let (mut x, mut row) = (0.0, 0);
    let places = keys
        .iter()
        .map(|k| {
            let width = 22.0 + text_width(&k.label, TEXT) + 14.0;
            if x > 0.0 && x + width > W {
                (x, row) = (0.0, row + 1);
            }
            let place = (x, row);
            x += width;
            place
        })
        .collect();
    (places, if keys.is_empty() { 0 } else { row + 1 })
}

fn legend_height(keys: &[Key]) -> f64 {
    legend_layout(keys).1 as f64 * ROW
}

fn legend(canvas: &Canvas<'_>, top: f64, keys: &[Key]) {
    for (k, (x, row)) in keys.iter().zip(legend_layout(keys).0) {
        let y = top + row as f64 * ROW + ROW / 2.0;
        match k.swatch {
            Swatch::Area => canvas.rect((x, y - 6.0), (x + 16.0, y + 6.0), k.paint, 1.0),
            Swatch::Line(stroke) => canvas.line((x, y), (x + 17.0, y), k.paint, stroke, 2.5),
        }
        canvas.text((x + 22.0, y), &k.label, TEXT, Paint::Ink, Anchor::Start, false);
    }
}

// ------------------------------------------------------------------------------------------------ time

fn buckets(series: &Series) -> usize {
    let capacity = series.capacity.iter().chain(&series.busy).map(|s| s.values.len());
    [series.arrived.len(), series.p99_ms.len(), series.cumulative_cost.len()]
        .into_iter()
        .chain(capacity)
        .max()
        .unwrap_or(0)
}

/// Length of a bucket in seconds; `None` where it cannot be drawn.
fn bucket_seconds(series: &Series) -> Option<f64> {
    Some(series.bucket_seconds).filter(|b| b.is_finite() && *b > 0.0)
}

/// Requests a second, by bucket.
fn rates(series: &Series) -> Vec<f64> {
    match bucket_seconds(series) {
        Some(bucket) => series.arrived.iter().map(|n| *n as f64 / bucket).collect(),
        None => Vec::new(),
    }
}

/// Buckets in groups of a round length, at most [`MOST_ROWS`].
fn groups(n: usize, bucket: f64) -> Vec<Range<usize>> {
    const ROUND: [f64; 24] = [
        1.0,
        5.0,
        10.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1_800.0,
        3_600.0,
        7_200.0,
        10_800.0,
        14_400.0,
        21_600.0,
        28_800.0,
        43_200.0,
        86_400.0,
        172_800.0,
        259_200.0,
        604_800.0,
        1_209_600.0,
        2_419_200.0,
        31_536_000.0,
    ];
    let size = if n <= MOST_ROWS {
        1
    } else {
        ROUND
            .iter()
            .map(|round| round / bucket)
            .filter(|size| *size >= 1.0 && (size - size.round()).abs() < 1e-9 && *size <= n as f64)
            .map(|size| size as usize)
            .find(|size| n.div_ceil(*size) <= MOST_ROWS)
            .filter(|size| n.div_ceil(*size) > MOST_ROWS / 4)
            .unwrap_or_else(|| n.div_ceil(MOST_ROWS))
    };
    (0..n).step_by(size.max(1)).map(|from| from..(from + size.max(1)).min(n)).collect()
}

/// How long the rows of a table are, for its caption.
fn row_length(groups: &[Range<usize>], bucket: f64) -> String {
    seconds(groups.first().map_or(0, Range::len) as f64 * bucket)
}

fn at(values: &[u64], range: &Range<usize>) -> u64 {
    values.get(range.start..range.end.min(values.len())).unwrap_or(&[]).iter().fold(0, |a, b| a.saturating_add(*b))
}

fn slice<'a, T>(values: &'a [T], range: &Range<usize>) -> &'a [T] {
    values.get(range.start..range.end.min(values.len())).unwrap_or(&[])
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().copied().map(sane).sum::<f64>() / values.len() as f64)
}

// ------------------------------------------------------------------------------------------------ the charts

/// The name of an architecture in texts.
fn name(a: &ArchitectureResult) -> String {
    clean(&a.name)
}

/// What is paid for what: a bar for each architecture, stacked by service.
fn cost(results: &Results) -> Option<Chart> {
    let mut services: Vec<(String, f64)> = Vec::new();
    for item in results.architectures.iter().flat_map(|a| &a.line_items) {
        let amount = sane(to_f64(&item.amount).unwrap_or(0.0));
        match services.iter_mut().find(|(name, _)| *name == item.service) {
            Some((_, sum)) => *sum += amount,
            None => services.push((item.service.clone(), amount)),
        }
    }
    if results.architectures.is_empty() {
        return None;
    }
    services.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named = if services.len() > 8 { 7 } else { services.len() };
    let place = |service: &str| services.iter().position(|(name, _)| name == service).unwrap_or(named).min(named);
    let columns = services.len().min(8);
    let parts: Vec<Vec<f64>> = results
        .architectures
        .iter()
        .map(|a| {
            let mut parts = vec![0.0; columns.max(1)];
            for item in &a.line_items {
                let slot = place(&item.service).min(parts.len() - 1);
                parts[slot] += sane(to_f64(&item.amount).unwrap_or(0.0));
            }
            parts
        })
        .collect();
    let labels: Vec<String> =
        (0..columns).map(|i| if i < named { clean(&services[i].0) } else { "Other services".to_owned() }).collect();
    let keys: Vec<Key> = labels.iter().enumerate().map(|(i, l)| key(l, Paint::Series(i), Swatch::Area)).collect();
    let longest = results.architectures.iter().zip(&parts).map(|(a, parts)| {
        let high = a.monthly_cost.high.as_deref().and_then(to_f64).unwrap_or(0.0);
        high.max(parts.iter().sum())
    });
    let longest = peak(longest);
    let top = legend_height(&keys) + 8.0;
    let height = top + results.architectures.len() as f64 * 54.0;
    let drawing = Drawing::new(WIDTH, height as u32, |canvas| {
        legend(canvas, 0.0, &keys);
        for (i, (a, parts)) in results.architectures.iter().zip(&parts).enumerate() {
            let y = top + i as f64 * 54.0;
            let cost = &a.monthly_cost;
            let amount = money_with_interval(cost.total.as_deref(), cost.low.as_deref(), cost.high.as_deref());
            // The amount first: on a phone it is seen without scrolling.
            canvas.text((0.0, y + 10.0), &amount, 13.5, Paint::Ink, Anchor::Start, true);
            let from = text_width(&amount, 13.5) * 1.08 + 10.0;
            canvas.text((from, y + 10.0), &fit(&name(a), 13.5, W - from), 13.5, Paint::Ink, Anchor::Start, false);
            let width = |v: f64| if longest > 0.0 { (W - 8.0) * (v / longest).clamp(0.0, 1.0) } else { 0.0 };
            let mut done = 0.0;
            for (service, part) in parts.iter().enumerate() {
                let (from, to) = (width(done), width(done + part));
                done += part;
                if to - from > 0.0 {
                    // A hairline of paper keeps neighbours apart for those who do not see the colours.
                    let gap = if to - from > 2.5 { 1.0 } else { 0.0 };
                    canvas.rect((from, y + 22.0), (to - gap, y + 42.0), Paint::Series(service), 1.0);
                }
            }
            canvas.line((0.0, y + 19.0), (0.0, y + 45.0), Paint::Muted, Stroke::Solid, 1.0);
            if let (Some(low), Some(high)) =
                (cost.low.as_deref().and_then(to_f64), cost.high.as_deref().and_then(to_f64))
            {
                let (from, to) = (width(low), width(high));
                canvas.line((from, y + 32.0), (to, y + 32.0), Paint::Ink, Stroke::Solid, 1.5);
                for x in [from, to] {
                    canvas.line((x, y + 27.0), (x, y + 37.0), Paint::Ink, Stroke::Solid, 1.5);
                }
            }
        }
    });
    let mut rows: Vec<Vec<String>> = labels
        .iter()
        .enumerate()
        .map(|(i, label)| {
            let amounts = parts.iter().map(|p| if p[i] > 0.0 { money_f64(p[i]) } else { NONE.to_owned() });
            std::iter::once(label.clone()).chain(amounts).collect()
        })
        .collect();
    let totals = results.architectures.iter().map(|a| money_or_unknown(a.monthly_cost.total.as_deref()));
    rows.push(std::iter::once("Total".to_owned()).chain(totals).collect());
    let listed: Vec<String> = results
        .architectures
        .iter()
        .map(|a| format!("{} {}", name(a), money_or_unknown(a.monthly_cost.total.as_deref())))
        .collect();
    Some(Chart {
        id: "cost".to_owned(),
        title: "What a month costs, by service".to_owned(),
        desc: format!("A bar for each architecture, stacked by AWS service. A month costs: {}.", listed.join("; ")),
        note: format!(
            "The whisker at a bar’s end is the {} interval: the noise of this traffic, not the error of the forecast.",
            super::summary::level(results)
        ),
        drawing,
        table: DataTable {
            caption: "Cost a month in USD by service".to_owned(),
            head: std::iter::once("Service".to_owned()).chain(results.architectures.iter().map(name)).collect(),
            rows,
        },
    })
}

/// Where the money sat idle: components with capacity that is paid whether it works or not.
fn idle(results: &Results) -> Option<Chart> {
    let mut bars: Vec<(String, f64, f64)> = Vec::new();
    for a in &results.architectures {
        for c in &a.components {
            let Some(idle) = c.idle_cost.as_deref().and_then(to_f64).map(sane) else { continue };
            let paid =
                a.line_items.iter().filter(|i| i.component == c.name).filter_map(|i| to_f64(&i.amount)).sum::<f64>();
            bars.push((format!("{} · {}", name(a), clean(&c.name)), idle, sane(paid).max(idle)));
        }
    }
    if bars.is_empty() {
        return None;
    }
    let keys = [
        key("Idle capacity", Paint::Series(1), Swatch::Area),
        key("Capacity at work, and what is paid by use", Paint::Series(0), Swatch::Area),
    ];
    let longest = peak(bars.iter().map(|b| b.2));
    let top = legend_height(&keys) + 8.0;
    let share = |idle: f64, paid: f64| if paid > 0.0 { percent(idle / paid) } else { NONE.to_owned() };
    let height = top + bars.len() as f64 * 50.0;
    let drawing = Drawing::new(WIDTH, height as u32, |canvas| {
        legend(canvas, 0.0, &keys);
        for (i, (label, idle, paid)) in bars.iter().enumerate() {
            let y = top + i as f64 * 50.0;
            let amount = format!("{} of {} idle", money_f64(*idle), money_f64(*paid));
            canvas.text((0.0, y + 10.0), &amount, 13.0, Paint::Ink, Anchor::Start, true);
            let from = text_width(&amount, 13.0) * 1.08 + 10.0;
            canvas.text((from, y + 10.0), &fit(label, 13.0, W - from), 13.0, Paint::Ink, Anchor::Start, false);
            let width = |v: f64| if longest > 0.0 { (W - 8.0) * (v / longest).clamp(0.0, 1.0) } else { 0.0 };
            canvas.rect((0.0, y + 21.0), (width(*idle), y + 38.0), Paint::Series(1), 1.0);
            if width(*paid) - width(*idle) > 1.0 {
                canvas.rect((width(*idle) + 1.0, y + 21.0), (width(*paid), y + 38.0), Paint::Series(0), 1.0);
            }
            canvas.line((0.0, y + 18.0), (0.0, y + 41.0), Paint::Muted, Stroke::Solid, 1.0);
        }
    });
    let listed: Vec<String> =
        bars.iter().map(|(l, idle, paid)| format!("{l} {} of {}", money_f64(*idle), money_f64(*paid))).collect();
    Some(Chart {
        id: "idle".to_owned(),
        title: "Where the money sat idle".to_owned(),
        desc: format!("A bar for each component with capacity, split into paid for work and paid while idle: {}.", listed.join("; ")),
        note: "A month’s cost of each component that is paid for by capacity. Components that are paid by the request have no idle cost and are left out.".to_owned(),
        drawing,
        table: DataTable {
            caption: "Paid in a month for capacity that was not at work, USD".to_owned(),
            head: ["Component", "Idle", "In all", "Share idle"].map(str::to_owned).to_vec(),
            rows: bars
                .iter()
                .map(|(l, idle, paid)| vec![l.clone(), money_f64(*idle), money_f64(*paid), share(*idle, *paid)])
                .collect(),
        },
    })
}

/// What has been spent by when: all architectures in one chart.
fn cumulative(results: &Results, clock: &Clock) -> Option<Chart> {
    let with: Vec<(usize, &ArchitectureResult, f64)> = results
        .architectures
        .iter()
        .enumerate()
        .filter(|(_, a)| !a.series.cumulative_cost.is_empty())
        .filter_map(|(i, a)| Some((i, a, bucket_seconds(&a.series)?)))
        .collect();
    let span = peak(with.iter().map(|(_, a, bucket)| a.series.cumulative_cost.len() as f64 * bucket));
    if span <= 0.0 {
        return None;
    }
    let stroke = |i: usize| if i < 7 { Stroke::Solid } else { Stroke::Dashed };
    let keys: Vec<Key> =
        with.iter().map(|(i, a, _)| key(&a.name, Paint::Series(i % 7), Swatch::Line(stroke(*i)))).collect();
    let top = legend_height(&keys) + 34.0;
    let max = peak(with.iter().flat_map(|(_, a, _)| a.series.cumulative_cost.iter().copied()));
    let ends: Vec<String> =
        with.iter().map(|(_, a, _)| money_f64(a.series.cumulative_cost.last().copied().unwrap_or(0.0))).collect();
    let margin = ends.iter().map(|e| text_width(e, TEXT)).fold(0.0, f64::max) + 12.0;
    let panel = Panel { left: LEFT + 6.0, right: W - margin, top, bottom: top + 210.0, span, scale: Scale::up_to(max) };
    let drawing = Drawing::new(WIDTH, (panel.bottom + 26.0) as u32, |canvas| {
        legend(canvas, 0.0, &keys);
        panel.y_axis(canvas, "USD since the start", money_on_axis);
        panel.x_axis(canvas, &clock.ticks(span, 5), true);
        let mut labels: Vec<(f64, usize)> = Vec::new();
        for (n, (i, a, bucket)) in with.iter().enumerate() {
            let mut points = vec![(panel.x(0.0), panel.y(0.0))];
            let ends = a.series.cumulative_cost.iter().enumerate();
            points.extend(ends.map(|(b, v)| (panel.x((b + 1) as f64 * bucket), panel.y(*v))));
            canvas.path(&points, Paint::Series(i % 7), stroke(*i), 2.0);
            labels.push((points.last().map_or(panel.bottom, |p| p.1), n));
        }
        // Labels at the lines' ends, pushed apart where the lines meet.
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = panel.top - 10.0;
        let mut placed: Vec<f64> = labels
            .iter()
            .map(|(y, _)| {
                let at = y.max(free);
                free = at + 15.0;
                at
            })
            .collect();
        let mut limit = panel.bottom;
        for y in placed.iter_mut().rev() {
            *y = y.min(limit);
            limit = *y - 15.0;
        }
        for ((_, n), y) in labels.iter().zip(&placed) {
            canvas.rect((panel.right + 3.0, y - 4.0), (panel.right + 6.0, y + 4.0), Paint::Series(with[*n].0 % 7), 1.0);
            canvas.text((panel.right + 9.0, *y), &ends[*n], TEXT, Paint::Ink, Anchor::Start, false);
        }
    });
    let (n, bucket) = with
        .iter()
        .map(|(_, a, bucket)| (a.series.cumulative_cost.len(), *bucket))
        .max_by_key(|(n, _)| *n)
        .unwrap_or((0, 1.0));
    let groups = groups(n, bucket);
    let listed: Vec<String> = with.iter().zip(&ends).map(|((_, a, _), end)| format!("{} {end}", name(a))).collect();
    Some(Chart {
        id: "cumulative-cost".to_owned(),
        title: "Cost as it adds up".to_owned(),
        desc: format!("A line for each architecture, from 0 to what has been spent by the end: {}.", listed.join("; ")),
        note: "The month’s bill, spread over the simulated time by the usage of each hour.".to_owned(),
        drawing,
        table: DataTable {
            caption: format!("USD since the start, every {}", row_length(&groups, bucket)),
            head: std::iter::once("Until".to_owned()).chain(with.iter().map(|(_, a, _)| name(a))).collect(),
            rows: groups
                .iter()
                .map(|range| {
                    let values = with.iter().map(|(_, a, _)| {
                        a.series.cumulative_cost.get(range.end - 1).map_or_else(|| NONE.to_owned(), |v| money_f64(*v))
                    });
                    std::iter::once(clock.label(range.end as f64 * bucket)).chain(values).collect()
                })
                .collect(),
        },
    })
}

/// Bins of a histogram, ascending: (upper bound in ms, count).
type Bins<'a> = &'a [(f64, u64)];

/// The histogram of all requests and how many it holds.
fn all_bins(a: &ArchitectureResult) -> Option<(Bins<'_>, f64)> {
    let bins = a.histograms.iter().find(|h| h.name == "all").or(a.histograms.first())?.bins.as_slice();
    let n: f64 = bins.iter().map(|b| b.1 as f64).sum();
    (n > 0.0).then_some((bins, n))
}

/// Limits in milliseconds that the latency objectives set: (name, limit), each once.
fn limits<'a>(architectures: impl IntoIterator<Item = &'a ArchitectureResult>) -> Vec<(String, f64)> {
    let mut found: Vec<(String, f64)> = Vec::new();
    for o in architectures.into_iter().flat_map(|a| &a.objectives) {
        let percentile = o.name.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if percentile
            && sane(o.limit) > 0.0
            && !found.iter().any(|(n, l)| *n == o.name && l.to_bits() == o.limit.to_bits())
        {
            found.push((o.name.clone(), o.limit));
        }
    }
    found
}

/// Latency of all architectures as cumulative distributions; the share axis is stretched towards the slow end.
fn distribution(results: &Results) -> Option<Chart> {
    let with: Vec<(usize, &ArchitectureResult, Bins<'_>, f64)> = results
        .architectures
        .iter()
        .enumerate()
        .filter_map(|(i, a)| all_bins(a).map(|(bins, n)| (i, a, bins, n)))
        .collect();
    let bounds =
        || with.iter().flat_map(|(_, _, bins, _)| bins.iter()).map(|b| b.0).filter(|v| v.is_finite() && *v > 0.0);
    let low = bounds().fold(f64::INFINITY, f64::min);
    let high = bounds().fold(0.0, f64::max);
    if high <= 0.0 {
        return None;
    }
    let x_scale = Scale::around(low, high);
    // As many nines as the counts can tell apart.
    let most = with.iter().map(|w| w.3).fold(0.0, f64::max);
    let nines = libm::floor(libm::log10(most.max(1.0)) - 0.5).clamp(2.0, 5.0);
    let stroke = |i: usize| if i < 7 { Stroke::Solid } else { Stroke::Dashed };
    let limits = limits(&results.architectures);
    let keys: Vec<Key> =
        with.iter().map(|(i, a, ..)| key(&a.name, Paint::Series(i % 7), Swatch::Line(stroke(*i)))).collect();
    let top = legend_height(&keys) + if limits.is_empty() { 34.0 } else { 48.0 };
    let (left, right, bottom) = (LEFT + 18.0, RIGHT, top + 250.0);
    let x = |ms: f64| left + (right - left) * x_scale.at(ms);
    let y = |missing: f64| {
        // `missing` is the share that takes longer.
        let value = if missing > 0.0 { -libm::log10(missing) } else { nines };
        bottom - (bottom - top) * (value / nines).clamp(0.0, 1.0)
    };
    let drawing = Drawing::new(WIDTH, (bottom + 44.0) as u32, |canvas| {
        legend(canvas, 0.0, &keys);
        canvas.text((0.0, legend_height(&keys) + 15.0), "Share answered within", TEXT, Paint::Ink, Anchor::Start, true);
        let mut shares = vec![(1.0, "0 %"), (0.5, "50 %"), (0.1, "90 %"), (0.01, "99 %")];
        shares.extend([(1e-3, "99.9 %"), (1e-4, "99.99 %"), (1e-5, "99.999 %")]);
        for (missing, label) in shares.into_iter().filter(|(m, _)| -libm::log10(*m) <= nines + 0.01) {
            canvas.line((left, y(missing)), (right, y(missing)), Paint::Grid, Stroke::Solid, 0.75);
            canvas.text((left - 6.0, y(missing)), label, TEXT, Paint::Muted, Anchor::End, false);
        }
        for tick in x_scale.ticks() {
            canvas.line((x(tick), top), (x(tick), bottom + 4.0), Paint::Grid, Stroke::Solid, 0.75);
        }
        let labels: Vec<(f64, String)> = x_scale.ticks().into_iter().map(|tick| (x(tick), millis(tick))).collect();
        labels_below(canvas, bottom + 14.0, labels.iter().map(|(x, label)| (*x, label.as_str())));
        canvas.line((left, bottom), (right, bottom), Paint::Muted, Stroke::Solid, 1.0);
        canvas.text(
            ((left + right) / 2.0, bottom + 33.0),
            "Latency, log scale",
            TEXT,
            Paint::Ink,
            Anchor::Middle,
            true,
        );
        for (name, limit) in &limits {
            if *limit >= low / 2.0 && *limit <= high * 2.0 {
                canvas.line((x(*limit), top - 6.0), (x(*limit), bottom), Paint::Ink, Stroke::Dashed, 1.25);
                let label = format!("{} limit {}", clean(name), millis(*limit));
                let half = text_width(&label, TEXT) / 2.0;
                let middle = x(*limit).clamp(LEFT + half + 90.0, (W - half).max(LEFT + half + 90.0));
                canvas.text((middle, top - 15.0), &label, TEXT, Paint::Ink, Anchor::Middle, false);
            }
        }
        for (i, _, bins, n) in &with {
            let mut points: Vec<(f64, f64)> = Vec::new();
            let mut done = 0.0;
            for (bound, count) in *bins {
                done += *count as f64;
                let next = (x(*bound), y((1.0 - done / n).max(0.0)));
                let far = points.last().is_none_or(|p| (p.0 - next.0).abs() >= 1.0 || (p.1 - next.1).abs() >= 1.0);
                if points.is_empty() {
                    points.push((next.0, bottom));
                }
                if far || next.1 <= top {
                    points.push(next);
                }
                if next.1 <= top {
                    break;
                }
            }
            canvas.path(&points, Paint::Series(i % 7), stroke(*i), 2.0);
        }
    });
    let quantile = |bins: &[(f64, u64)], n: f64, q: f64| {
        let mut done = 0.0;
        bins.iter()
            .find(|(_, count)| {
                done += *count as f64;
                done >= q * n
            })
            .or(bins.last())
            .map_or_else(|| NONE.to_owned(), |b| millis(b.0))
    };
    let rows = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0]
        .iter()
        .map(|p| {
            let values = with.iter().map(|(_, _, bins, n)| quantile(bins, *n, p / 100.0));
            std::iter::once(format!("{p} %")).chain(values).collect()
        })
        .collect();
    let listed: Vec<String> = with
        .iter()
        .map(|(_, a, bins, n)| {
            format!("{} half within {}, 99 % within {}", name(a), quantile(bins, *n, 0.5), quantile(bins, *n, 0.99))
        })
        .collect();
    Some(Chart {
        id: LATENCY_DISTRIBUTION.to_owned(),
        title: "How long requests take".to_owned(),
        desc: format!("Cumulative distribution of latency on a logarithmic axis, a line for each architecture: {}.", listed.join("; ")),
        note: "Served requests, retries and waiting included, all replications together. The share axis is stretched so that the slowest requests can be seen; lines further left are faster.".to_owned(),
        drawing,
        table: DataTable {
            caption: "Latency within which a share of the served requests was answered".to_owned(),
            head: std::iter::once("Share".to_owned()).chain(with.iter().map(|(_, a, ..)| name(a))).collect(),
            rows,
        },
    })
}

/// What capacity is counted in.
fn capacity_unit(a: &ArchitectureResult) -> &'static str {
    let kinds = || {
        a.series.capacity.iter().filter_map(|s| a.components.iter().find(|c| c.name == s.name)).map(|c| c.kind.as_str())
    };
    if kinds().next().is_none() {
        "Capacity"
    } else if kinds().all(|k| k == "lambda") {
        "Environments"
    } else if kinds().all(|k| k == "fleet") {
        "Instances"
    } else {
        "Environments, instances"
    }
}

/// Traffic above, capacity and work below, on one time axis.
fn traffic(index: usize, a: &ArchitectureResult, clock: &Clock, arrival_peak: f64) -> Option<Chart> {
    let (n, bucket) = (buckets(&a.series), bucket_seconds(&a.series)?);
    if n == 0 {
        return None;
    }
    let span = n as f64 * bucket;
    let rates = rates(&a.series);
    let mut drawn: Vec<&NamedSeries> = a.series.capacity.iter().collect();
    drawn.sort_by(|x, y| peak(y.values.iter().copied()).total_cmp(&peak(x.values.iter().copied())));
    let left_out = drawn.len().saturating_sub(MOST_COMPONENTS);
    drawn.truncate(MOST_COMPONENTS);
    let busy_of = |name: &str| a.series.busy.iter().find(|b| b.name == name);
    let several = drawn.len() > 1;
    let mut keys = Vec::new();
    for (i, s) in drawn.iter().enumerate() {
        let prefix = if several { format!("{}: ", clean(&s.name)) } else { String::new() };
        let paint = Paint::Series(if several { i } else { 4 });
        keys.push(key(&format!("{prefix}capacity"), paint, Swatch::Line(Stroke::Solid)));
        if busy_of(&s.name).is_some() {
            if several {
                keys.push(key(&format!("{prefix}at work"), paint, Swatch::Line(Stroke::Dotted)));
            } else {
                keys.push(key("at work", Paint::Series(0), Swatch::Area));
            }
        }
    }
    let ticks = clock.ticks(span, 6);
    let first = Panel { left: LEFT, right: RIGHT, top: 32.0, bottom: 122.0, span, scale: Scale::up_to(arrival_peak) };
    let capacity_peak = peak(drawn.iter().flat_map(|s| s.values.iter().copied()));
    let busy_peak = peak(drawn.iter().filter_map(|s| busy_of(&s.name)).flat_map(|s| s.values.iter().copied()));
    let legend_top = 134.0;
    let second_top = legend_top + legend_height(&keys) + 34.0;
    let second = Panel {
        left: LEFT,
        right: RIGHT,
        top: second_top,
        bottom: second_top + 110.0,
        span,
        scale: Scale::up_to(capacity_peak.max(busy_peak)),
    };
    let unit = capacity_unit(a);
    let bottom = if drawn.is_empty() { first.bottom } else { second.bottom };
    let drawing = Drawing::new(WIDTH, (bottom + 26.0) as u32, |canvas| {
        first.y_axis(canvas, "Requests a second", compact);
        let runs = first.runs(bucket, rates.iter().map(|v| Some(*v)), n);
        first.area(canvas, &runs, Paint::Series(5), 0.35);
        for run in &runs {
            canvas.path(run, Paint::Series(0), Stroke::Solid, 1.5);
        }
        first.x_axis(canvas, &ticks, drawn.is_empty());
        if drawn.is_empty() {
            return;
        }
        legend(canvas, legend_top, &keys);
        second.y_axis(canvas, unit, compact);
        for (i, s) in drawn.iter().enumerate() {
            if let Some(busy) = busy_of(&s.name) {
                let runs = second.runs(bucket, busy.values.iter().map(|v| Some(*v)), n);
                if several {
                    for run in &runs {
                        canvas.path(run, Paint::Series(i), Stroke::Dotted, 1.5);
                    }
                } else {
                    second.area(canvas, &runs, Paint::Series(0), 0.55);
                }
            }
            for run in second.runs(bucket, s.values.iter().map(|v| Some(*v)), n) {
                canvas.path(&run, Paint::Series(if several { i } else { 4 }), Stroke::Solid, 1.75);
            }
        }
        second.x_axis(canvas, &ticks, true);
    });
    let groups = groups(n, bucket);
    let mut head = vec!["From".to_owned(), "Requests/s, mean".to_owned(), "Cold starts".to_owned()];
    for s in &drawn {
        head.push(format!("{}: capacity, mean", clean(&s.name)));
        head.push(format!("{}: at work, mean", clean(&s.name)));
    }
    let rows = groups
        .iter()
        .map(|range| {
            let mut row = vec![
                clock.label(range.start as f64 * bucket),
                count(at(&a.series.arrived, range) as f64 / (range.len() as f64 * bucket)),
                count(at(&a.series.cold_starts, range) as f64),
            ];
            for s in &drawn {
                for values in [Some(*s), busy_of(&s.name)] {
                    let value = values.and_then(|v| mean(slice(&v.values, range)));
                    row.push(value.map_or_else(|| NONE.to_owned(), count));
                }
            }
            row
        })
        .collect();
    let mut note = "Capacity is what stands ready, at work what is used of it; first replication. The traffic axis is the same for all architectures.".to_owned();
    if left_out > 0 {
        note.push_str(&format!(" {left_out} smaller components are not drawn; they are in the table of components."));
    }
    Some(Chart {
        id: format!("traffic-{}", slug(index, &a.name)),
        title: format!("{}: traffic against capacity", name(a)),
        desc: format!(
            "Above, requests a second over {}, at most {}. Below, on the same time axis, {}, at most {}, and how many of them were at work, at most {}.",
            seconds(span),
            count(peak(rates.iter().copied())),
            unit.to_lowercase(),
            count(capacity_peak),
            count(busy_peak),
        ),
        note,
        drawing,
        table: DataTable {
            caption: format!("Traffic and capacity, every {}", row_length(&groups, bucket)),
            head,
            rows,
        },
    })
}

fn latencies(series: &Series) -> impl Iterator<Item = f64> + '_ {
    series
        .p50_ms
        .iter()
        .chain(&series.p95_ms)
        .chain(&series.p99_ms)
        .flatten()
        .copied()
        .filter(|v| v.is_finite() && *v > 0.0)
}

/// Lowest and highest latency to be drawn, limits included, of all architectures; `None` when nothing was served.
fn latency_range(results: &Results) -> Option<(f64, f64)> {
    let values = || results.architectures.iter().flat_map(|a| latencies(&a.series));
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(0.0, f64::max);
    if high <= 0.0 {
        return None;
    }
    let limits = limits(&results.architectures);
    let low = limits.iter().map(|l| l.1).fold(low, f64::min);
    let high = limits.iter().map(|l| l.1).fold(high, f64::max);
    Some((low.max(1e-3), high * 1.05))
}

/// p50, p95 and p99 over time with the objectives' limits.
fn latency(index: usize, a: &ArchitectureResult, clock: &Clock, range: Option<(f64, f64)>) -> Option<Chart> {
    let (n, bucket) = (buckets(&a.series), bucket_seconds(&a.series)?);
    let (low, high) = range?;
    latencies(&a.series).next()?;
    let span = n as f64 * bucket;
    let lines = [
        ("p50", &a.series.p50_ms, Paint::Series(0)),
        ("p95", &a.series.p95_ms, Paint::Series(2)),
        ("p99", &a.series.p99_ms, Paint::Series(4)),
    ];
    let limits = limits([a]);
    let mut keys: Vec<Key> = lines.iter().map(|(l, _, p)| key(l, *p, Swatch::Line(Stroke::Solid))).collect();
    for (name, limit) in &limits {
        keys.push(key(&format!("limit of {name}: {}", millis(*limit)), Paint::Ink, Swatch::Line(Stroke::Dashed)));
    }
    let top = legend_height(&keys) + 34.0;
    let panel =
        Panel { left: LEFT + 8.0, right: RIGHT, top, bottom: top + 190.0, span, scale: Scale::around(low, high) };
    let drawing = Drawing::new(WIDTH, (panel.bottom + 26.0) as u32, |canvas| {
        legend(canvas, 0.0, &keys);
        panel.y_axis(canvas, "Latency, log scale", millis);
        for (_, values, paint) in lines.iter().rev() {
            for run in panel.runs(bucket, values.iter().copied(), n) {
                canvas.path(&run, *paint, Stroke::Solid, 1.5);
            }
        }
        for (_, limit) in &limits {
            let y = panel.y(*limit);
            canvas.line((panel.left, y), (panel.right, y), Paint::Ink, Stroke::Dashed, 1.5);
        }
        panel.x_axis(canvas, &clock.ticks(span, 6), true);
    });
    let groups = groups(n, bucket);
    let worst = |values: &[Option<f64>], range: &Range<usize>| {
        let found = slice(values, range)
            .iter()
            .flatten()
            .copied()
            .filter(|v| v.is_finite())
            .fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))));
        found.map_or_else(|| NONE.to_owned(), millis)
    };
    let highest = |values: &[Option<f64>]| worst(values, &(0..values.len()));
    let caption = if groups.first().map_or(1, Range::len) > 1 {
        format!("The highest percentiles of {} within each {}", seconds(bucket), row_length(&groups, bucket))
    } else {
        format!("Percentiles, every {}", seconds(bucket))
    };
    Some(Chart {
        id: format!("latency-{}", slug(index, &a.name)),
        title: format!("{}: latency over time", name(a)),
        desc: format!(
            "Three lines over {} on a logarithmic axis: p50 at most {}, p95 at most {}, p99 at most {}.{}",
            seconds(span),
            highest(&a.series.p50_ms),
            highest(&a.series.p95_ms),
            highest(&a.series.p99_ms),
            limits
                .iter()
                .map(|(name, l)| format!(" The limit of {} is {}.", clean(name), millis(*l)))
                .collect::<String>(),
        ),
        note: format!(
            "Served requests in each {}, first replication. The latency axis is the same for all architectures.",
            seconds(bucket)
        ),
        drawing,
        table: DataTable {
            caption,
            head: ["From", "p50", "p95", "p99"].map(str::to_owned).to_vec(),
            rows: groups
                .iter()
                .map(|range| {
                    let values = lines.iter().map(|(_, values, _)| worst(values, range));
                    std::iter::once(clock.label(range.start as f64 * bucket)).chain(values).collect()
                })
                .collect(),
        },
    })
}

/// Requests that were not served, by kind, over time; `None` when all were.
fn refusals(index: usize, a: &ArchitectureResult, clock: &Clock) -> Option<Chart> {
    let (n, bucket) = (buckets(&a.series), bucket_seconds(&a.series)?);
    let all: [(&str, &[u64], Paint); 4] = [
        ("throttled", &a.series.throttled, Paint::Series(1)),
        ("rejected", &a.series.rejected, Paint::Series(4)),
        ("timed out", &a.series.timed_out, Paint::Series(3)),
        ("failed", &a.series.failed, Paint::Series(6)),
    ];
    let kinds: Vec<_> = all.into_iter().filter(|(_, v, _)| v.iter().any(|n| *n > 0)).collect();
    if kinds.is_empty() || n == 0 {
        return None;
    }
    let span = n as f64 * bucket;
    let get = |values: &[u64], i: usize| values.get(i).copied().unwrap_or(0) as f64 * 60.0 / bucket;
    let stacked: Vec<f64> = (0..n).map(|i| kinds.iter().map(|(_, v, _)| get(v, i)).sum()).collect();
    let keys: Vec<Key> = kinds.iter().map(|(l, _, p)| key(l, *p, Swatch::Area)).collect();
    let top = legend_height(&keys) + 34.0;
    let panel = Panel {
        left: LEFT,
        right: RIGHT,
        top,
        bottom: top + 130.0,
        span,
        scale: Scale::up_to(peak(stacked.iter().copied())),
    };
    let drawing = Drawing::new(WIDTH, (panel.bottom + 26.0) as u32, |canvas| {
        legend(canvas, 0.0, &keys);
        panel.y_axis(canvas, "Requests a minute", compact);
        for i in 0..n {
            let mut done = 0.0;
            for (_, values, paint) in &kinds {
                let value = get(values, i);
                if value > 0.0 {
                    let (from, to) = (panel.x(i as f64 * bucket), panel.x((i + 1) as f64 * bucket));
                    // At least a pixel and a half wide: a short burst among many buckets must not vanish.
                    canvas.rect((from, panel.y(done + value)), (to.max(from + 1.5), panel.y(done)), *paint, 1.0);
                }
                done += value;
            }
        }
        panel.x_axis(canvas, &clock.ticks(span, 6), true);
    });
    let groups = groups(n, bucket);
    let sums: Vec<String> =
        kinds.iter().map(|(l, v, _)| format!("{} {l}", count(at(v, &(0..v.len())) as f64))).collect();
    Some(Chart {
        id: format!("refusals-{}", slug(index, &a.name)),
        title: format!("{}: requests not served", name(a)),
        desc: format!("Stacked bars over {}, requests that were not served by kind: {}.", seconds(span), sums.join(", ")),
        note: "Throttled: refused by a limit. Rejected: no room or no target. Timed out: a 504, or the client gave up. Failed: an error of the handler. First replication.".to_owned(),
        drawing,
        table: DataTable {
            caption: format!("Requests not served in each {}", row_length(&groups, bucket)),
            head: std::iter::once("From").chain(kinds.iter().map(|k| k.0)).map(str::to_owned).collect(),
            rows: groups
                .iter()
                .map(|range| {
                    let values = kinds.iter().map(|(_, v, _)| count(at(v, range) as f64));
                    std::iter::once(clock.label(range.start as f64 * bucket)).chain(values).collect()
                })
                .collect(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (max, step) in [(1.0, 0.2), (160.0, 50.0), (531.0, 200.0), (8.0, 2.0), (0.0, 1.0), (1e7, 2e6)] {
            assert!((nice_step(max) - step).abs() < 1e-9 * step, "{max}: {}", nice_step(max));
        }
        for max in [1e-300, 1e-9, 0.37, 9.99, 1e12, 1e300, f64::MAX, f64::NAN, f64::INFINITY] {
            let ticks = Scale::up_to(max).ticks();
            assert!((1..=7).contains(&ticks.len()), "{max}: {ticks:?}");
        }
        let Scale::Log(low, high) = Scale::around(31.0, 4_312.0) else { panic!("a logarithmic scale") };
        assert!((low - 20.0).abs() < 1e-9 && (high - 5_000.0).abs() < 1e-9, "{low} to {high}");
    }

    #[test]
    fn tables_of_charts_stay_short_and_round() {
        let lengths: Vec<(usize, usize)> = [(672, 3600.0), (1, 60.0), (720, 3360.0), (168, 3600.0), (700, 7.3)]
            .into_iter()
            .map(|(n, bucket)| {
                let groups = groups(n, bucket);
                assert_eq!(groups.iter().map(Range::len).sum::<usize>(), n);
                (groups.len(), groups[0].len())
            })
            .collect();
        // 28 days by the day; one row; no round length divides 56 minutes; a week by four hours; as few as needed.
        assert_eq!(lengths, [(28, 24), (1, 1), (48, 15), (42, 4), (47, 15)]);
    }

    #[test]
    fn files_have_safe_names() {
        assert_eq!(slug(1, "lambda-http-api"), "2-lambda-http-api");
        assert_eq!(slug(0, "../../etc/passwd"), "1-etc-passwd");
        assert_eq!(slug(2, "🚀"), "3");
        for name in super::super::fixture::HOSTILE {
            let slug = slug(6, name);
            assert!(slug.len() <= 41 && slug.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{slug}");
        }
    }
}
