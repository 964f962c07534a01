//! Judging who is cheapest: a change of the verdict counts when it is beyond the materiality band, and its whole interval is.

use super::judge::{Case, Finding, HEADLINE, Shares, State, Subject, blank};
use super::noise::Sample;
use super::snapshot::{ArchitectureSnapshot, Snapshot};
use crate::compare::verdict::MATERIAL;
use crate::spec::gate::{Rule, Stays};

/// Judges a rule such as `cheapest stays NAME`.
pub(super) fn verdict(case: &Case<'_>, shares: Shares, rule: &Rule, stays: &Stays) -> Finding {
    let of = |snapshot: &Snapshot| {
        if stays.meeting_objectives { snapshot.cheapest_meeting_objectives.clone() } else { snapshot.cheapest.clone() }
    };
    let now = of(case.new);
    let mut finding = Finding {
        unit: None,
        bound: stays.text.clone(),
        replications: case.new.replications,
        message: rule.message.clone(),
        place: rule.place.clone(),
        ..blank(&rule.name, rule.level, Subject::Verdict, "", &rule.metric)
    };
    let expected = stays.who.clone().or_else(|| case.old.and_then(&of));
    let Some(expected) = expected else {
        finding.state = if case.old.is_some() { State::Kept } else { State::NoBaseline };
        finding.note = case.old.map(|_| "was too close to call".to_owned());
        return finding;
    };
    let (state, note) = match &now {
        Some(now) if *now == expected => (State::Kept, format!("{expected} is the cheapest")),
        Some(now) if is_beaten(case, shares.at(rule.level), stays, &expected, now) => {
            (State::Broken, format!("{now} is the cheapest now, not {expected}"))
        }
        Some(now) => (State::Undecided, format!("{now} seems to be the cheapest now, not {expected}: within noise")),
        // Within the materiality band, or none is left that meets the objectives.
        None => (State::Undecided, format!("too close to call, or none qualifies; it was to be {expected}")),
    };
    (finding.state, finding.note) = (state, Some(note));
    finding
}

/// Whether `expected` has lost to `now` beyond noise: by its cost, by an objective, or by serving less than half of its requests.
fn is_beaten(case: &Case<'_>, share: f64, stays: &Stays, expected: &str, now: &str) -> bool {
    let (Some(loser), Some(winner)) = (case.new.architecture(expected), case.new.architecture(now)) else {
        // It is not compared any more.
        return true;
    };
    let total = |side: &ArchitectureSnapshot| side.metric(HEADLINE[0]).filter(|metric| metric.value.is_some()).cloned();
    let (Some(dearer), Some(cheaper)) = (total(loser), total(winner)) else {
        // What it costs is not known any more.
        return true;
    };
    let above = |sample: &Sample, bound: f64| {
        sample.interval(share).is_some_and(|found| found.low > bound) && sample.is_enough(share)
    };
    let beyond = |(dear, cheap): (&Option<f64>, &Option<f64>)| match (dear, cheap) {
        (Some(dear), Some(cheap)) => dear - (1.0 + MATERIAL) * cheap,
        _ => f64::NAN,
    };
    if above(&Sample::smooth(dearer.each.iter().zip(&cheaper.each).map(beyond).collect()), 0.0) {
        return true;
    }
    // Who is named has to qualify whatever the baseline did.
    let old = case.old.filter(|_| stays.who.is_none()).and_then(|old| old.architecture(expected));
    let misses = loser.metric("objectives.missed").is_some_and(|missed| match old {
        Some(old) => above(&Sample::of_difference(old.metric(&missed.name), missed), 0.0),
        None => above(&Sample::of(missed), 0.0),
    });
    let useless = loser.metric("failures.all").is_some_and(|lost| above(&Sample::of(lost), 0.5));
    useless || (stays.meeting_objectives && misses)
}
