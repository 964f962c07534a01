//! Who wins, in one sentence with its reason; or that it is too close to call.
//!
//! Two architectures met the same requests, so their costs are compared in pairs, replication by replication. A difference
//! counts when its interval (95 %) leaves out zero *and* it is at least [`MATERIAL`] of the cheaper bill: the interval knows the
//! noise of this traffic, not how wrong the forecast of it is. One replication has no interval and decides nothing.

use crate::money::Usd;
use crate::results::{ArchitectureResult, Difference, LineItem, Verdict};
use crate::stats::intervals::paired;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// A difference below this share of the cheaper bill is no difference: 10 %.
pub const MATERIAL: f64 = 0.10;

/// Idle capacity is named as a reason from this share of the dearer bill on.
const IDLE_WORTH_NAMING: f64 = 0.2;

/// An architecture whose cost is known.
struct Contender<'a> {
    result: &'a ArchitectureResult,
    total: Usd,
    each: Vec<f64>,
    /// How often the interval of a difference may err.
    alpha: f64,
}

impl<'a> Contender<'a> {
    /// `None` where the cost is not known.
    fn of(result: &'a ArchitectureResult, alpha: f64) -> Option<Self> {
        let total = result.monthly_cost.total.as_ref()?.parse().ok()?;
        let each = result.monthly_cost.each.iter().filter_map(|one| one.parse::<Usd>().ok()).map(Usd::to_f64).collect();
        Some(Self { result, total, each, alpha })
    }

    fn name(&self) -> &str {
        &self.result.name
    }

    fn meets(&self) -> bool {
        self.serves() && self.result.objectives.iter().all(|objective| objective.met)
    }

    /// Whether it answers at least half of what ended: one that does not is no candidate, however cheap.
    fn serves(&self) -> bool {
        let requests = &self.result.requests;
        requests.served.value >= 0.5 * (requests.arrived.value - requests.in_flight.value)
    }

    /// `p99 <= 500 ms and failures <= 0.1 %`; empty when all hold.
    fn missed(&self) -> String {
        let missed: Vec<&str> =
            self.result.objectives.iter().filter(|objective| !objective.met).map(|o| o.text.as_str()).collect();
        missed.join(" and ")
    }
}

/// Why two bills cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Doubt {
    OneReplication,
    IncludesZero,
    Immaterial,
}

/// `b` - `a` with what is to be thought of it.
struct Gap {
    difference: Difference,
    doubt: Option<Doubt>,
}

fn gap(a: &Contender, b: &Contender) -> Gap {
    let estimate = paired(&a.each, &b.each, a.alpha);
    let difference = b.total.checked_sub(a.total).unwrap_or(Usd::ZERO);
    let half_width = estimate.half_width.and_then(Usd::from_estimate);
    let ends = half_width.and_then(|h| Some((difference.checked_sub(h)?, difference.checked_add(h)?)));
    let relative = (a.total > Usd::ZERO).then(|| difference.to_f64() / a.total.to_f64());
    let doubt = match ends {
        None => Some(Doubt::OneReplication),
        Some((low, high)) if low <= Usd::ZERO && high >= Usd::ZERO => Some(Doubt::IncludesZero),
        // Against a bill of nothing, any cost is material.
        Some(_) if relative.is_some_and(|share| share.abs() < MATERIAL) => Some(Doubt::Immaterial),
        Some(_) => None,
    };
    let text = |amount: Usd| amount.rounded(6).to_string();
    Gap {
        difference: Difference {
            a: a.name().to_owned(),
            b: b.name().to_owned(),
            difference: text(difference),
            low: ends.map(|ends| text(ends.0)),
            high: ends.map(|ends| text(ends.1)),
            relative,
            significant: doubt.is_none(),
        },
        doubt,
    }
}

/// The verdict over all architectures; `alpha` is how often the interval of a difference may err.
pub fn verdict(results: &[ArchitectureResult], alpha: f64) -> Verdict {
    let mut contenders: Vec<Contender> = results.iter().filter_map(|result| Contender::of(result, alpha)).collect();
    // Stable: equal bills stay in the scenario's order.
    contenders.sort_by_key(|contender| contender.total);
    let all: Vec<&Contender> = contenders.iter().filter(|contender| contender.serves()).collect();
    let meeting: Vec<&Contender> = contenders.iter().filter(|contender| contender.meets()).collect();
    let differences = match all.split_first() {
        Some((first, rest)) => rest.iter().map(|other| gap(first, other).difference).collect(),
        None => Vec::new(),
    };
    let mut sentence = match (all.is_empty(), contenders.is_empty()) {
        (true, false) => "There is no winner.".to_owned(),
        _ => sentence(&all, &meeting),
    };
    let is_known = |result: &ArchitectureResult| Contender::of(result, alpha).is_some();
    let unknown: Vec<&str> =
        results.iter().filter(|result| !is_known(result)).map(|result| result.name.as_str()).collect();
    if !unknown.is_empty() {
        let _ = write!(sentence, " What {} costs is not known.", unknown.join(" and "));
    }
    for useless in contenders.iter().filter(|contender| !contender.serves()) {
        let _ = write!(sentence, " {} does not count: it serves less than half of its requests.", useless.name());
    }
    let has_objectives = results.iter().any(|result| !result.objectives.is_empty());
    Verdict {
        cheapest: winner(&all),
        // Without objectives this is the cheapest itself.
        cheapest_meeting_objectives: if has_objectives { winner(&meeting) } else { winner(&all) },
        sentence,
        differences,
    }
}

/// The first, unless the second cannot be told from it.
fn winner(sorted: &[&Contender]) -> Option<String> {
    match sorted {
        [] => None,
        [only] => Some(only.name().to_owned()),
        [first, second, ..] => gap(first, second).doubt.is_none().then(|| first.name().to_owned()),
    }
}

fn sentence(all: &[&Contender], meeting: &[&Contender]) -> String {
    let Some(cheapest) = all.first() else {
        return "No architecture could be priced.".to_owned();
    };
    let with_objectives = all.iter().any(|contender| !contender.result.objectives.is_empty());
    if let [only] = all {
        let cost = format!("{} costs {} a month", only.name(), only.total.cents());
        return match (with_objectives, only.meets()) {
            (false, _) => format!("{cost}."),
            (true, true) => format!("{cost} and meets every objective."),
            (true, false) => format!("{cost} and misses {}.", only.missed()),
        };
    }
    match meeting {
        [] => {
            let missed = if all.len() == 2 { "Neither architecture" } else { "No architecture" };
            format!("{missed} meets every objective. {}", duel(all, "the cheapest"))
        }
        [only] => {
            let mut text = format!(
                "{} is the only one that meets every objective, at {} a month",
                only.name(),
                only.total.cents()
            );
            if cheapest.name() == only.name() {
                let _ = write!(text, ", and the cheapest in this run.");
            } else {
                let _ = write!(text, "; {}.", cheaper_but(cheapest));
            }
            text
        }
        _ => {
            let mut text =
                duel(meeting, if with_objectives { "the cheapest that meets every objective" } else { "the cheapest" });
            if !cheapest.meets() {
                let _ = write!(text, " Not counted: {}.", cheaper_but(cheapest));
            }
            text
        }
    }
}

/// `lambda at $10.00 a month misses p99 <= 500 ms`.
fn cheaper_but(contender: &Contender) -> String {
    format!("{} at {} a month misses {}", contender.name(), contender.total.cents(), contender.missed())
}

/// The sentence about the two cheapest of `sorted`, which holds at least two.
fn duel(sorted: &[&Contender], title: &str) -> String {
    let [a, b, ..] = sorted else {
        return String::new();
    };
    let gap = gap(a, b);
    let (cost_a, cost_b) = (a.total.cents(), b.total.cents());
    let both = format!("{} at {cost_a} and {} at {cost_b} a month", a.name(), b.name());
    // A decimal where rounding could contradict the 10 % of the rule.
    let percent = gap.difference.relative.map(|share| match share * 100.0 {
        percent if (9.0..11.0).contains(&percent) => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    });
    match gap.doubt {
        None => {
            let more = match gap.difference.relative {
                // Beyond that a percentage is harder to read than a multiple.
                Some(share) if share >= 2.0 => format!(", {:.1} times as much", 1.0 + share),
                _ => percent.map(|percent| format!(", {percent} more")).unwrap_or_default(),
            };
            format!(
                "{} is {title}: {cost_a} a month against {cost_b} for {}{more}{}.",
                a.name(),
                b.name(),
                reason(b.result)
            )
        }
        Some(Doubt::Immaterial) => {
            let percent = percent.unwrap_or_else(|| "almost nothing".to_owned());
            format!("Too close to call: {both} differ by {percent}, less than the 10 % that a forecast can tell apart.")
        }
        Some(Doubt::IncludesZero) => {
            format!("Too close to call: {both} differ by less than the noise of this traffic.")
        }
        Some(Doubt::OneReplication) => {
            format!("One replication cannot tell a difference from noise: {both}; more replications can.")
        }
    }
}

/// What dominates the dearer bill: `; 61 % of that bill is Amazon EC2 ($40.10 for capacity that was not at work)`.
fn reason(dearer: &ArchitectureResult) -> String {
    let Some((service, amount, total)) = dominant(&dearer.line_items) else {
        return String::new();
    };
    let share = amount.to_f64() / total.to_f64();
    let idle = Usd::checked_sum(
        dearer.components.iter().filter_map(|component| component.idle_cost.as_ref()?.parse::<Usd>().ok()),
    )
    .filter(|idle| idle.to_f64() >= IDLE_WORTH_NAMING * total.to_f64())
    .map(|idle| format!(" ({} for capacity that was not at work)", idle.cents()))
    .unwrap_or_default();
    format!("; {:.0} % of that bill is {service}{idle}", share * 100.0)
}

/// The service with the largest part of a bill: (service, its amount, the total). `None` for an empty bill.
fn dominant(lines: &[LineItem]) -> Option<(&str, Usd, Usd)> {
    let mut services: Vec<(&str, Usd)> = Vec::new();
    for line in lines {
        let amount = line.amount.parse::<Usd>().ok()?;
        match services.iter_mut().find(|(service, _)| *service == line.service) {
            Some((_, sum)) => *sum = sum.checked_add(amount)?,
            None => services.push((&line.service, amount)),
        }
    }
    let total = Usd::checked_sum(services.iter().map(|service| service.1)).filter(|total| *total > Usd::ZERO)?;
    // Stable, so that of equals the first on the bill is named.
    services.sort_by_key(|service| Reverse(service.1));
    services.first().map(|&(service, amount)| (service, amount, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::priced;
    use crate::stats::intervals::ALPHA;

    fn verdict(results: &[ArchitectureResult]) -> Verdict {
        super::verdict(results, ALPHA)
    }

    #[test]
    fn a_clear_winner_with_its_reason() {
        let found =
            verdict(&[priced("ec2", &[198.0, 200.0, 202.0], true), priced("lambda", &[99.0, 100.0, 101.0], true)]);
        assert_eq!(found.cheapest.as_deref(), Some("lambda"));
        assert_eq!(found.cheapest_meeting_objectives.as_deref(), Some("lambda"));
        assert_eq!(
            found.sentence,
            "lambda is the cheapest that meets every objective: $100.00 a month against $200.00 for ec2, 100 % more; \
             75 % of that bill is Amazon EC2."
        );
        let [only] = found.differences.as_slice() else { panic!("one difference") };
        // Differences 99, 100, 101: mean 100, se 1/sqrt(3), t(0.975, 2) = 4.302653: half-width 2.484138.
        assert_eq!((only.a.as_str(), only.b.as_str(), only.difference.as_str()), ("lambda", "ec2", "100"));
        assert_eq!((only.low.as_deref(), only.high.as_deref()), (Some("97.515862"), Some("102.484138")));
        assert!(only.significant);
    }

    #[test]
    fn less_than_ten_percent_is_too_close_to_call() {
        let found = verdict(&[priced("a", &[100.0, 101.0, 102.0], true), priced("b", &[109.0, 110.0, 111.0], true)]);
        assert_eq!((found.cheapest, found.cheapest_meeting_objectives), (None, None));
        assert!(found.sentence.starts_with("Too close to call: a at $101.00 and b at $110.00 a month differ by 9 %"));
        assert!(!found.differences[0].significant);
    }

    #[test]
    fn noise_is_too_close_to_call_and_pairing_sees_through_it() {
        let noisy = [100.0, 200.0, 300.0];
        let found = verdict(&[priced("a", &noisy, true), priced("b", &[300.0, 250.0, 230.0], true)]);
        assert_eq!(found.cheapest, None);
        assert!(found.sentence.contains("noise of this traffic"), "{}", found.sentence);
        let found = verdict(&[priced("a", &[1.0, 1.01], true), priced("b", &[9.0, 9.01], true)]);
        assert!(found.sentence.contains(", 9.0 times as much; 75 % of that bill is Amazon EC2."), "{}", found.sentence);
        // The same noise in both: each pair differs by 30 %.
        let found = verdict(&[priced("a", &noisy, true), priced("b", &noisy.map(|x| x + 60.0), true)]);
        assert_eq!(found.cheapest.as_deref(), Some("a"));
    }

    #[test]
    fn who_serves_less_than_half_is_no_winner_however_cheap() {
        let mut useless = priced("cheap", &[1.0, 1.1], true);
        (useless.requests.arrived.value, useless.requests.served.value) = (100.0, 40.0);
        let found = verdict(&[useless.clone(), priced("b", &[9.0, 9.1], true), priced("c", &[90.0, 91.0], true)]);
        assert_eq!(found.cheapest.as_deref(), Some("b"));
        assert!(found.sentence.ends_with("cheap does not count: it serves less than half of its requests."));
        let found = verdict(&[useless]);
        assert_eq!(found.cheapest, None);
        assert!(found.sentence.starts_with("There is no winner."), "{}", found.sentence);
    }

    #[test]
    fn one_replication_decides_nothing() {
        let found = verdict(&[priced("a", &[100.0], true), priced("b", &[900.0], true)]);
        assert_eq!(found.cheapest, None);
        assert!(!found.differences[0].significant);
        assert_eq!(found.differences[0].low, None);
        assert!(found.sentence.starts_with("One replication cannot tell"));
    }

    #[test]
    fn objectives_come_before_cost() {
        let (cheap, dear) = ([10.0, 10.1, 10.2], [99.0, 100.0, 101.0]);
        let found = verdict(&[priced("cheap", &cheap, false), priced("dear", &dear, true)]);
        assert_eq!(found.cheapest.as_deref(), Some("cheap"));
        assert_eq!(found.cheapest_meeting_objectives.as_deref(), Some("dear"));
        assert_eq!(
            found.sentence,
            "dear is the only one that meets every objective, at $100.00 a month; cheap at $10.10 a month misses p99 <= 500 ms."
        );
        let found = verdict(&[priced("cheap", &cheap, false), priced("dear", &dear, false)]);
        assert_eq!(found.cheapest_meeting_objectives, None);
        assert!(found.sentence.starts_with("Neither architecture meets every objective. cheap is the cheapest: "));
    }

    #[test]
    fn an_unknown_cost_is_not_nothing() {
        let mut unknown = priced("b", &[1.0, 1.0], true);
        unknown.monthly_cost.total = None;
        let found = verdict(&[priced("a", &[100.0, 101.0], true), unknown.clone()]);
        assert_eq!(found.sentence, "a costs $100.50 a month and meets every objective. What b costs is not known.");
        assert_eq!(verdict(&[unknown]).cheapest, None);
        assert_eq!(verdict(&[]).sentence, "No architecture could be priced.");
    }
}
