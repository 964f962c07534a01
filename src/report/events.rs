//! What the scenario's events cost each architecture, and who noticed: rows of the comparison.

use super::format::{NONE, UNKNOWN, clean, count, count_with_interval, fit, millis, money_half_width, money_signed};
use super::summary::Row;
use crate::results::{ArchitectureResult, EventChange, EventResult, Results};

/// Events that are shown; all are in `results.json` and among the findings.
const SHOWN: usize = 6;
/// Columns of an event's name.
const NAME: usize = 96;

/// Rows for each event: what it cost each time, and whom it reached. Empty without events.
pub(super) fn rows(results: &Results) -> Vec<Row> {
    let all = &results.architectures;
    let events = all.iter().map(|a| a.events.len()).max().unwrap_or(0);
    let mut rows = Vec::new();
    for index in 0..events.min(SHOWN) {
        let own = |a: &ArchitectureResult| a.events.get(index).cloned();
        let Some(event) = all.iter().find_map(own) else { continue };
        let mut push = |label: String, part: bool, value: &dyn Fn(&EventResult, &EventChange) -> Option<String>| {
            let cell = |a: &ArchitectureResult| {
                let text = own(a).and_then(|event| value(&event, event.change.as_ref()?));
                vec![text.unwrap_or_else(|| NONE.to_owned())]
            };
            rows.push(Row { label, part, cells: all.iter().map(cell).collect() });
        };
        let title = format!("{}: extra cost each time", clean(&event.event));
        push(fit(&title, NAME), false, &|_, change| Some(cost(change)));
        push("not served".to_owned(), true, &|_, change| Some(count_with_interval(&change.not_served)));
        let limit = all.iter().filter_map(own).find_map(|event| event.change?.slow_limit_ms);
        if let Some(limit) = limit {
            let label = format!("slower than {}", millis(limit));
            push(label, true, &|_, change| change.slow.as_ref().map(count_with_interval));
        }
        push("tried again".to_owned(), true, &|_, change| Some(count_with_interval(&change.retried)));
        push("connections that saw it".to_owned(), true, &|_, change| {
            Some(format!("about {}", count(change.connections.round())).replace("about 0", "0"))
        });
        push("worst p99 (before)".to_owned(), true, &|event, _| {
            let shown = |p99: Option<f64>| p99.map_or_else(|| NONE.to_owned(), millis);
            Some(format!("{} ({})", shown(event.worst_p99_ms), shown(event.worst_p99_before_ms)))
        });
    }
    rows
}

/// `+$0.03 ±<0.01`.
fn cost(change: &EventChange) -> String {
    let Some(cost) = &change.cost else { return UNKNOWN.to_owned() };
    match money_half_width(cost, change.cost_low.as_deref(), change.cost_high.as_deref()) {
        Some(half) => format!("{} {half}", money_signed(cost)),
        None => money_signed(cost),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn cost_and_those_who_noticed_stand_in_the_comparison() {
        let results = fixture::results(2);
        let rows = rows(&results);
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels[0], "at 3 h, zone a fails for 40 min: extra cost each time");
        assert_eq!(
            labels[1..],
            ["not served", "slower than 500 ms", "tried again", "connections that saw it", "worst p99 (before)"]
        );
        // From the fixture: nothing for a function, 12 cents for instances.
        let cells: Vec<&str> = rows.iter().map(|row| row.cells[1][0].as_str()).collect();
        assert_eq!(cells[0], "+$0.12 ±0.02");
        assert_eq!(cells[3..], ["250", "about 280", "3 s (41 ms)"]);
        assert_eq!(rows[0].cells[0][0], "$0 ±0");
        let mut without = results;
        without.architectures[1].events[0].change = None;
        assert_eq!(super::rows(&without)[0].cells[1][0], NONE);
        without.architectures.iter_mut().for_each(|a| a.events.clear());
        assert!(super::rows(&without).is_empty());
    }
}
