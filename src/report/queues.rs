//! What waits in front of the components: requests for a place on an instance or a task, messages and events for a function.

use super::format::{NONE, clean, compact, count, fit, millis, percent};
use super::summary::Row;
use crate::results::{ArchitectureResult, ComponentResult, Results};

/// Whether anything waited in a component.
fn any(c: &ComponentResult) -> bool {
    c.queue.is_some() || c.backlog.as_ref().is_some_and(|backlog| backlog.requests.value > 0.0)
}

/// How long it was: `0.25 / 14 requests`, mean on all machines and peak on one; `3 / 120 messages`.
pub(super) fn length(c: &ComponentResult) -> String {
    match (&c.queue, &c.backlog) {
        (Some(queue), _) => format!("{} / {} messages", count(c.mean_in_system.value), compact(queue.peak.value)),
        (None, Some(backlog)) => format!("{} / {} requests", count(backlog.mean.value), compact(backlog.peak.value)),
        (None, None) => NONE.to_owned(),
    }
}

/// How many waited and how long: `1.2 % for 35 ms`; messages until they were handled.
pub(super) fn wait(c: &ComponentResult) -> String {
    match (&c.queue, &c.backlog) {
        (Some(queue), _) if queue.done.value > 0.0 => format!("{} until handled", millis(queue.age_ms.mean.value)),
        (None, Some(backlog)) if backlog.requests.value > 0.0 => {
            let share = backlog.requests.value / c.served.value.max(1.0);
            format!("{} for {}", percent(share.min(1.0)), millis(backlog.wait_ms.value))
        }
        (None, Some(_)) => "none".to_owned(),
        _ => NONE.to_owned(),
    }
}

/// Rows of the comparison; empty where nothing waited anywhere.
pub(super) fn rows(results: &Results) -> Vec<Row> {
    let all = &results.architectures;
    if !all.iter().flat_map(|a| &a.components).any(any) {
        return Vec::new();
    }
    let cell = |a: &ArchitectureResult, value: fn(&ComponentResult) -> String| {
        let those: Vec<&ComponentResult> =
            a.components.iter().filter(|c| c.queue.is_some() || c.backlog.is_some()).collect();
        let line = |c: &&ComponentResult| match those.len() {
            1 => value(c),
            _ => format!("{}: {}", fit(&clean(&c.name), 20), value(c)),
        };
        if those.is_empty() { vec![NONE.to_owned()] } else { those.iter().map(line).collect() }
    };
    let row = |label: &str, part: bool, value: fn(&ComponentResult) -> String| Row {
        label: label.to_owned(),
        part,
        cells: all.iter().map(|a| cell(a, value)).collect(),
    };
    vec![row("Queue mean / peak", false, length), row("waited", true, wait)]
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::results::{BacklogResult, Figure, QueueResult};

    fn figure(value: f64) -> Figure {
        Figure { value, ..Figure::default() }
    }

    #[test]
    fn length_and_wait_of_requests_and_messages() {
        let mut results = fixture::results(2);
        assert!(rows(&results).is_empty(), "nothing waits in the fixture");
        let fleet = &mut results.architectures[1].components[1];
        fleet.served = figure(1_000.0);
        fleet.backlog = Some(BacklogResult {
            mean: figure(0.25),
            peak: figure(14.0),
            requests: figure(20.0),
            wait_ms: figure(35.0),
        });
        let function = &mut results.architectures[0].components[1];
        function.mean_in_system = figure(3.0);
        let mut queue = QueueResult { peak: figure(120.0), done: figure(5.0), ..QueueResult::default() };
        queue.age_ms.mean = figure(70.0);
        function.queue = Some(queue);
        let rows = rows(&results);
        let cells = |index: usize| rows[index].cells.iter().map(|lines| lines[0].as_str()).collect::<Vec<_>>();
        assert_eq!(cells(0), ["3 / 120 messages", "0.25 / 14 requests"]);
        assert_eq!(cells(1), ["70 ms until handled", "2 % for 35 ms"]);
    }
}
