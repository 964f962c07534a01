//! What it took to survive the scenario's events, and who noticed: one finding for each event and architecture with machines of its own.

use crate::arch::output::{Outcome, RunOutput};
use crate::run::ArchitectureRuns;
use crate::spec::model::{Architecture, ComponentKind};
use crate::spec::scenario::{Frequency, Incident, Scenario, Trouble};
use crate::units::SimDuration;
use crate::usage::{RawUnit, Usage};

/// How long before an event it is compared with, and how long after its end it is looked for.
pub(super) const AROUND: SimDuration = SimDuration::from_hours(1);

/// One finding for each event. Managed services ride on several zones and have none.
pub fn of_events(scenario: &Scenario, architecture: &Architecture, runs: &ArchitectureRuns) -> Vec<String> {
    let machines = architecture.components.iter().any(|component| matches!(component.kind, ComponentKind::Fleet(_)));
    if !machines {
        return Vec::new();
    }
    let each = scenario.events.iter().enumerate();
    each.map(|(index, event)| {
        let alone = scenario.events.iter().filter(|other| other.per == event.per).count() == 1
            && scenario.traffic.bursts.iter().all(|burst| burst.per != event.per);
        format!("event {} ({}): {}", index + 1, in_words(event), effect(event, alone, runs))
    })
    .collect()
}

fn in_words(event: &Incident) -> String {
    let what = match event.what {
        Trouble::ZoneFails(zone) => format!("zone {} fails", char::from(b'a' + zone.min(25) as u8)),
        Trouble::SpotInterrupted(share) => format!("{:.0} % of the Spot instances are interrupted", share * 100.0),
    };
    format!("at {}, {what} for {}", event.at, event.lasts)
}

fn effect(event: &Incident, alone: bool, runs: &ArchitectureRuns) -> String {
    let mut text = noticed(&runs.full, event.at, event.at + event.lasts);
    if let Some(hours) = more_instance_hours(event.per, runs).filter(|_| alone) {
        text += &format!("; it took {hours:+.2} instance-hours");
    }
    text
}

/// What clients noticed of something from a time until an hour after it is over, beside the hour before.
pub(super) fn noticed(runs: &[RunOutput], from: SimDuration, until: SimDuration) -> String {
    let during = seen(runs, from, until + AROUND);
    let before = seen(runs, from - AROUND, from);
    let mut text = match during.not_served {
        None => "nobody was there to notice".to_owned(),
        Some(share) => {
            let mut text = format!("{} of the requests until an hour after it were not served", percent(share));
            if let Some(share) = before.not_served {
                text += &format!(" ({} in the hour before)", percent(share));
            }
            text
        }
    };
    if let Some(p99) = during.p99 {
        text += &format!("; p99 at worst {}", millis(p99));
        if let Some(p99) = before.p99 {
            text += &format!(" ({} before)", millis(p99));
        }
    }
    text
}

struct Seen {
    not_served: Option<f64>,
    p99: Option<SimDuration>,
}

/// What the buckets of the series that touch a span show, over all replications.
fn seen(runs: &[RunOutput], from: SimDuration, to: SimDuration) -> Seen {
    let (mut served, mut ended, mut p99) = (0, 0, None);
    for run in runs {
        let bucket = run.series.bucket.0.max(1);
        let buckets = (from.0 / bucket) as usize..to.0.div_ceil(bucket) as usize;
        let touched = |index: &usize| *index < run.series.ended.len();
        for index in buckets.filter(touched) {
            served += run.series.ended[index][Outcome::Served as usize];
            ended += run.series.ended[index].iter().sum::<u64>();
            let latency = run.series.latency.get(index).copied().flatten();
            p99 = p99.max(latency.map(|latency| latency[2]));
        }
    }
    Seen { not_served: (ended > 0).then(|| 1.0 - served as f64 / ended as f64), p99 }
}

/// Instance-hours that the happenings of a frequency add, in the mean over the replications.
fn more_instance_hours(frequency: Frequency, runs: &ArchitectureRuns) -> Option<f64> {
    let hours = |usage: &Usage| {
        let instances = |sku: &str| sku.starts_with("ec2.od.") || sku.starts_with("ec2.spot_typical.");
        let meters = usage.meters.iter().filter(|meter| meter.unit == RawUnit::Ms && instances(&meter.sku));
        meters.map(|meter| meter.total as f64).sum::<f64>() / 3.6e6
    };
    let any = |run: &RunOutput| run.usage.meters.iter().any(|meter| meter.sku.starts_with("ec2."));
    if !runs.full.iter().any(any) {
        return None;
    }
    let (_, without) = runs.without.iter().find(|(known, _)| *known == frequency)?;
    let with: f64 = runs.full.iter().map(|run| hours(&run.usage)).sum();
    let without: f64 = without.iter().map(|counted| hours(&counted.usage)).sum();
    Some((with - without) / runs.full.len().max(1) as f64)
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn millis(duration: SimDuration) -> String {
    format!("{:.0} ms", duration.as_millis_f64())
}
