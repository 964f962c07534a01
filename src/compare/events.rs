//! What it took to survive the scenario's events, and who noticed: a result for each event and architecture, and a finding in words where an
//! architecture has machines of its own.
//!
//! What is said of the time around an event is read off the runs as they are. What an event *changed* is the difference to the same traffic
//! without it: requests, instance-hours, and dollars as the difference of two bills of a month, on demand, since what happens
//! once is not what one commits to.

use crate::arch::output::{Outcome, RunOutput};
use crate::bill::{Bill, BillError, Variant};
use crate::finding::{Code, Finding, Unit};
use crate::money::Usd;
use crate::results::{ComponentResult, EventChange, EventResult, Figure};
use crate::run::{ArchitectureRuns, Counted, Noticed, slow_from};
use crate::spec::billing::Billing;
use crate::spec::scenario::{Frequency, Incident, Scenario, Trouble};
use crate::stats::intervals::{figure, mean};
use crate::units::SimDuration;
use crate::usage::{RawUnit, Usage};

/// How long before an event it is compared with, and how long after its end it is looked for.
pub(super) const AROUND: SimDuration = SimDuration::from_hours(1);

/// What the happenings of a frequency cost when each happens once in a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The frequency.
    pub per: Frequency,
    /// Of all replications together, and of each; `None` where a price is not known.
    pub amount: Option<(Usd, Vec<Usd>)>,
}

/// Makes a bill of these replications with these variants.
pub type Priced<'a> = dyn Fn(&Billing, &[&Usage], &[Variant<'_>]) -> Result<Bill, BillError> + 'a;

/// The costs of the happenings of each of these frequencies, as the bill of a month in which they happen once less that of one without.
///
/// # Errors
/// See [`BillError`]; a missing price is none.
pub fn costs(
    frequencies: &[Frequency],
    billing: &Billing,
    full: &[&Usage],
    without: &[Variant<'_>],
    price: &Priced<'_>,
) -> Result<Vec<Cost>, BillError> {
    // By the hour, as commitments need it, usage without the events is not kept.
    let plain = Billing { savings_plans: Vec::new(), reserved: Vec::new(), purchase: None, ..billing.clone() };
    let total = |full: &[&Usage], without: &[Variant<'_>]| price(&plain, full, without).map(|bill| bill.total);
    let mut found: Vec<Cost> = Vec::new();
    for group in without.iter().filter(|group| frequencies.contains(&group.per)) {
        let cost = |range: std::ops::Range<usize>| -> Result<Usd, BillError> {
            let (full, own) = (&full[range.clone()], &group.usage[range.clone()]);
            let others: Vec<&Variant<'_>> = without.iter().filter(|other| other.per != group.per).collect();
            let parts = |usages: &[Vec<Usage>]| -> Vec<(Frequency, Vec<Usage>)> {
                others.iter().zip(usages).map(|(other, usages)| (other.per, usages.clone())).collect()
            };
            let kept: Vec<Vec<Usage>> =
                others.iter().map(|other| other.usage[range.clone()].iter().map(|u| (*u).clone()).collect()).collect();
            let shifted: Vec<Vec<Usage>> = kept
                .iter()
                .map(|usages| usages.iter().zip(full).zip(own).map(|((u, full), own)| u.less(full, own)).collect())
                .collect();
            let mut with = parts(&kept);
            // Once in this month, whatever its frequency.
            with.push((Frequency::Month, own.iter().map(|u| (*u).clone()).collect()));
            let with = total(full, &variants(&with))?;
            let bare = total(own, &variants(&parts(&shifted)))?;
            with.checked_sub(bare).ok_or(BillError::TotalTooLarge)
        };
        let all = || -> Result<(Usd, Vec<Usd>), BillError> {
            let each = (0..full.len()).map(|replication| cost(replication..replication + 1));
            Ok((cost(0..full.len())?, each.collect::<Result<_, _>>()?))
        };
        let amount = match all() {
            Err(BillError::MissingPrice { .. }) => None,
            other => Some(other?),
        };
        found.push(Cost { per: group.per, amount });
    }
    Ok(found)
}

fn variants(of: &[(Frequency, Vec<Usage>)]) -> Vec<Variant<'_>> {
    of.iter().map(|(per, usages)| Variant { per: *per, usage: usages.iter().collect() }).collect()
}

/// One result for each event.
pub fn of_events(scenario: &Scenario, runs: &ArchitectureRuns, costs: &[Cost]) -> Vec<EventResult> {
    let each = scenario.events.iter().enumerate();
    each.map(|(index, event)| {
        let during = seen(&runs.full, event.at, event.at + event.lasts + AROUND);
        let before = seen(&runs.full, event.at - AROUND, event.at);
        EventResult {
            event: in_words(event),
            at_seconds: event.at.as_secs_f64(),
            lasts_seconds: event.lasts.as_secs_f64(),
            per: super::reprice::frequency_name(event.per).to_owned(),
            not_served: during.not_served(),
            not_served_before: before.not_served(),
            worst_p99_ms: during.p99.map(SimDuration::as_millis_f64),
            worst_p99_before_ms: before.p99.map(SimDuration::as_millis_f64),
            change: change(scenario, index, during.ended as f64 / runs.full.len().max(1) as f64, runs, costs),
        }
    })
    .collect()
}

fn in_words(event: &Incident) -> String {
    let what = match event.what {
        Trouble::ZoneFails(zone) => format!("zone {} fails", char::from(b'a' + zone.min(25) as u8)),
        Trouble::InstancesHang(share) => format!("{:.0} % of the instances hang", share * 100.0),
        Trouble::SpotInterrupted(share) => format!("{:.0} % of the Spot instances are interrupted", share * 100.0),
    };
    format!("at {}, {what} for {}", event.at, event.lasts)
}

/// What clients noticed of something from a time until an hour after it is over, beside the hour before: in words, and the shares that were
/// not served.
pub(super) fn noticed(runs: &[RunOutput], from: SimDuration, until: SimDuration) -> (String, [Option<f64>; 2]) {
    let (during, before) = (seen(runs, from, until + AROUND), seen(runs, from - AROUND, from));
    let ms = |seen: &Seen| seen.p99.map(SimDuration::as_millis_f64);
    let not_served = [during.not_served(), before.not_served()];
    (around(not_served, [ms(&during), ms(&before)]), not_served)
}

/// The share that was not served and the worst p99, each during and before, in words.
fn around([not_served, not_served_before]: [Option<f64>; 2], [p99, p99_before]: [Option<f64>; 2]) -> String {
    let mut text = match not_served {
        None => "nobody was there to notice".to_owned(),
        Some(share) if share <= 0.0 && not_served_before.is_none_or(|share| share <= 0.0) => {
            "all requests until an hour after it were served".to_owned()
        }
        Some(share) => {
            let mut text = format!("{} of the requests until an hour after it were not served", percent(share));
            if let Some(share) = not_served_before {
                text += &format!(" ({} in the hour before)", percent(share));
            }
            text
        }
    };
    if let Some(p99) = p99 {
        text += &format!("; p99 at worst {p99:.0} ms");
        if let Some(p99) = p99_before {
            text += &format!(" ({p99:.0} ms before)");
        }
    }
    text
}

/// The difference to the same traffic without the event, and without what else happens as often. `ended` requests ended around it.
fn change(
    scenario: &Scenario,
    index: usize,
    ended: f64,
    runs: &ArchitectureRuns,
    costs: &[Cost],
) -> Option<EventChange> {
    let per = scenario.events[index].per;
    let (_, without) = runs.without.iter().find(|(known, _)| *known == per)?;
    let others = scenario.events.iter().enumerate().filter(|(other, event)| *other != index && event.per == per);
    let mut together_with: Vec<String> = others.map(|(other, _)| format!("event {}", other + 1)).collect();
    if scenario.traffic.bursts.iter().any(|burst| burst.per == per) {
        together_with.push("the bursts of that frequency".to_owned());
    }
    if scenario.deployments.iter().any(|deployment| deployment.per == per) {
        together_with.push("the deployments of that frequency".to_owned());
    }
    let limit = slow_from(scenario);
    let noticed: Vec<(Noticed, Noticed)> =
        runs.full.iter().zip(without).map(|(run, without)| (Noticed::of(run, limit), without.noticed)).collect();
    let difference = |of: fn(Noticed) -> u64| {
        figure(noticed.iter().map(|&(with, without)| of(with) as f64 - of(without) as f64).collect(), f64::NEG_INFINITY)
    };
    let not_served = difference(|noticed| noticed.not_served);
    let slow = limit.map(|_| difference(|noticed| noticed.slow));
    let noticed = (not_served.value + slow.as_ref().map_or(0.0, |slow| slow.value)).max(0.0);
    let mut change = EventChange {
        together_with,
        connections: connections(noticed, ended, scenario.client.requests_per_connection),
        not_served,
        slow,
        slow_limit_ms: limit.map(SimDuration::as_millis_f64),
        retried: difference(|noticed| noticed.retried),
        instance_hours: more_instance_hours(without, runs),
        ..EventChange::default()
    };
    price(&mut change, costs.iter().find(|cost| cost.per == per));
    Some(change)
}

/// Puts down what it cost.
pub fn price(change: &mut EventChange, cost: Option<&Cost>) {
    let known = cost.and_then(|cost| cost.amount.as_ref());
    let half = known.and_then(|(_, each)| {
        let each: Vec<f64> = each.iter().map(|usd| usd.to_f64()).collect();
        Usd::from_estimate(mean(&each).half_width?)
    });
    let bound = |shift: fn(Usd, Usd) -> Option<Usd>| Some(shift(known?.0, half?)?.to_string());
    change.cost = known.map(|(amount, _)| amount.to_string());
    change.cost_low = bound(Usd::checked_sub);
    change.cost_high = bound(Usd::checked_add);
}

/// Connections of `each` requests on which at least one of `noticed` lies, if these are spread evenly over `all` requests.
fn connections(noticed: f64, all: f64, each: f64) -> f64 {
    if noticed <= 0.0 || all <= 0.0 {
        return 0.0;
    }
    let untouched = libm::pow(1.0 - (noticed / all).min(1.0), each);
    (all / each * (1.0 - untouched)).min(noticed)
}

/// What the series shows of a span.
struct Seen {
    served: u64,
    ended: u64,
    p99: Option<SimDuration>,
}

impl Seen {
    fn not_served(&self) -> Option<f64> {
        (self.ended > 0).then(|| 1.0 - self.served as f64 / self.ended as f64)
    }
}

/// What the buckets of the series that touch a span show, over all replications.
fn seen(runs: &[RunOutput], from: SimDuration, to: SimDuration) -> Seen {
    let mut seen = Seen { served: 0, ended: 0, p99: None };
    for run in runs {
        let bucket = run.series.bucket.0.max(1);
        let buckets = (from.0 / bucket) as usize..to.0.div_ceil(bucket) as usize;
        let touched = |index: &usize| *index < run.series.ended.len();
        for index in buckets.filter(touched) {
            seen.served += run.series.ended[index][Outcome::Served as usize];
            seen.ended += run.series.ended[index].iter().sum::<u64>();
            let latency = run.series.latency.get(index).copied().flatten();
            seen.p99 = seen.p99.max(latency.map(|latency| latency[2]));
        }
    }
    seen
}

/// Hours of EC2 instances beyond those of the runs without.
fn more_instance_hours(without: &[Counted], runs: &ArchitectureRuns) -> Option<Figure> {
    let hours = |usage: &Usage| {
        let instances = |sku: &str| sku.starts_with("ec2.od.") || sku.starts_with("ec2.spot_typical.");
        let meters = usage.meters.iter().filter(|meter| meter.unit == RawUnit::Ms && instances(&meter.sku));
        meters.map(|meter| meter.total as f64).sum::<f64>() / 3.6e6
    };
    let any = |run: &RunOutput| run.usage.meters.iter().any(|meter| meter.sku.starts_with("ec2."));
    let each = runs.full.iter().zip(without).map(|(run, without)| hours(&run.usage) - hours(&without.usage));
    runs.full.iter().any(any).then(|| figure(each.collect(), f64::NEG_INFINITY))
}

/// Whether an architecture has machines that can fail. Managed services ride on several zones.
fn has_machines(components: &[ComponentResult]) -> bool {
    components.iter().any(|component| ["fleet", "fargate", "managed_instances"].contains(&&*component.kind))
}

/// Whether an event made any difference: a request that ended otherwise, time of an instance, money.
fn made_a_difference(event: &EventResult) -> bool {
    let Some(change) = &event.change else { return true };
    let any = |figure: &Figure| figure.each.iter().any(|each| each.abs() > 0.0);
    let figures =
        [Some(&change.not_served), change.slow.as_ref(), Some(&change.retried), change.instance_hours.as_ref()];
    let cost = change.cost.as_ref().and_then(|cost| cost.parse::<f64>().ok());
    figures.into_iter().flatten().any(any) || cost.is_some_and(|cost| cost.abs() > 0.0)
}

/// The events in words, as findings of an architecture that has machines; those that it did not notice are none.
pub fn findings(events: &[EventResult], components: &[ComponentResult]) -> Vec<Finding> {
    if !has_machines(components) {
        return Vec::new();
    }
    let finding = |(index, event): (usize, &EventResult)| {
        let text = format!("event {} ({}): {}", index + 1, event.event, effect(event));
        happened(Code::Event, text, [event.not_served, event.not_served_before])
    };
    events.iter().enumerate().filter(|(_, event)| made_a_difference(event)).map(finding).collect()
}

/// A finding about something that happened: the share that was not served because of it, beside that of the hour before.
pub(super) fn happened(code: Code, text: String, [during, before]: [Option<f64>; 2]) -> Finding {
    let finding = Finding::new(code, text).value(during.unwrap_or(f64::NAN), Unit::Share);
    finding.limit(before.unwrap_or(f64::NAN))
}

fn effect(event: &EventResult) -> String {
    let mut text = around([event.not_served, event.not_served_before], [event.worst_p99_ms, event.worst_p99_before_ms]);
    let Some(change) = &event.change else { return text };
    let mut took = Vec::new();
    if let Some(hours) = &change.instance_hours {
        took.push(format!("{:+.2} instance-hours", hours.value));
    }
    if let Some(cost) = change.cost.as_ref().and_then(|cost| cost.parse::<f64>().ok()) {
        took.push(format!("{} on the bill each time", dollars(cost)));
    }
    if !took.is_empty() {
        text += &format!("; it took {}", took.join(" and "));
    }
    if !change.together_with.is_empty() {
        text += &format!(" (together with {})", change.together_with.join(", "));
    }
    text
}

/// Little is not nothing.
fn percent(share: f64) -> String {
    if share > 0.0 && share < 5e-5 { "under 0.01 %".to_owned() } else { format!("{:.2} %", share * 100.0) }
}

/// `+$0.05`, `-$12.30`.
fn dollars(amount: f64) -> String {
    let sign = if amount < 0.0 { '-' } else { '+' };
    let amount = amount.abs();
    if amount > 0.0 && amount < 0.1 { format!("{sign}${amount:.4}") } else { format!("{sign}${amount:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::{BillInput, bill};
    use crate::compare::fixtures::book;
    use crate::spec::scenario::FreeTier;
    use crate::usage::Meter;

    fn used(count: u128) -> Usage {
        let (component, sku) = ("web".to_owned(), "lambda.request".to_owned());
        Usage { meters: vec![Meter { component, sku, unit: RawUnit::Count, total: count, hourly: Vec::new() }] }
    }

    /// Half a dollar a request; of 1,000 in a week 100 come with the weekly and 40 with the monthly event. One of each costs 50 and 20 dollars,
    /// whatever the length of the month.
    #[test]
    fn each_happening_costs_what_it_adds() {
        let book = book();
        let price = |billing: &Billing, full: &[&Usage], without: &[Variant<'_>]| {
            bill(&BillInput {
                full,
                without,
                horizon: SimDuration::from_hours(168),
                month: SimDuration::from_hours(730),
                book: &book,
                stated: &[],
                billing,
                free_tier: &FreeTier::None,
                half_width: &|_| None,
            })
        };
        let (full, no_week, no_month) = (used(1_000), used(900), used(960));
        let without = [
            Variant { per: Frequency::Month, usage: vec![&no_month] },
            Variant { per: Frequency::Week, usage: vec![&no_week] },
        ];
        let both = [Frequency::Week, Frequency::Month];
        let found = costs(&both, &Billing::default(), &[&full], &without, &price).unwrap();
        let amounts: Vec<_> = found.iter().map(|cost| (cost.per, cost.amount.clone().unwrap().0.to_f64())).collect();
        assert_eq!(amounts.len(), 2);
        for ((per, amount), (expected_per, expected)) in
            amounts.iter().zip([(Frequency::Month, 20.0), (Frequency::Week, 50.0)])
        {
            assert_eq!(*per, expected_per);
            // Quantities have six decimals.
            assert!((amount - expected).abs() < 1e-5, "{amount}");
        }
        let unknown = |_: &Billing, _: &[&Usage], _: &[Variant<'_>]| {
            let (service, region, key) = (String::new(), String::new(), String::new());
            Err(BillError::MissingPrice { service, region, key, nearest: None })
        };
        let found = costs(&both, &Billing::default(), &[&full], &without, &unknown).unwrap();
        assert!(found.iter().all(|cost| cost.amount.is_none()), "unknown is never zero");
    }

    #[test]
    fn little_is_not_nothing() {
        assert_eq!([0.0, 4e-5, 5e-5, 0.0123].map(percent), ["0.00 %", "under 0.01 %", "0.01 %", "1.23 %"]);
    }

    /// 1,000 requests on 50 connections of 20. One is on one; two are on 50 x (1 - 0.998^20) = 1.9624; all are on 50.
    #[test]
    fn requests_lie_on_connections() {
        assert!((connections(1.0, 1_000.0, 20.0) - 1.0).abs() < 0.01);
        assert!((connections(2.0, 1_000.0, 20.0) - 1.9624).abs() < 1e-4);
        assert!((connections(1_000.0, 1_000.0, 20.0) - 50.0).abs() < 1e-9);
        assert!(connections(0.0, 1_000.0, 20.0).abs() < 1e-12 && connections(5.0, 0.0, 20.0).abs() < 1e-12);
        assert!((connections(7.0, 1_000.0, 1.0) - 7.0).abs() < 1e-9);
    }
}
