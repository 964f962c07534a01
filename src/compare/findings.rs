//! What a reader should know before trusting the numbers, each with the number that triggers it and the fix.

use crate::arch::output::RunOutput;
use crate::finding::{Code, Finding, Unit};
use crate::money::Usd;
use crate::results::{ArchitectureResult, ComponentResult};
use crate::spec::model::{Architecture, Component, ComponentKind};
use crate::spec::scenario::{Scenario, Shape};
use crate::units::SimDuration;

/// Machines whose mean CPU stays below this share are larger or more than they need to be.
const IDLE: f64 = 0.20;

/// Findings that concern the whole scenario.
pub fn of_scenario(scenario: &Scenario, results: &[ArchitectureResult]) -> Vec<Finding> {
    let mut found = Vec::new();
    let weekly = matches!(&scenario.traffic.shape, Shape::Diurnal(wave) if (wave.weekend - 1.0).abs() > 0.0);
    let daily = matches!(&scenario.traffic.shape, Shape::Diurnal(_));
    if weekly {
        found.extend(uneven(scenario.horizon, 7, "weeks, so weekdays and weekends weigh"));
    } else if daily {
        found.extend(uneven(scenario.horizon, 1, "days, so the hours of the day weigh"));
    }
    if scenario.replications == 1 {
        let finding = Finding::new(Code::OneReplication, "one replication has no interval and decides nothing");
        found.push(finding.value(1.0, Unit::Replications).limit(2.0).fix("use `--replications 5`"));
    }
    found.extend(replayed(scenario));
    found.extend(free_tier_decides(results));
    found
}

/// A horizon that is no whole number of so many days.
fn uneven(horizon: SimDuration, days: u64, weigh: &str) -> Option<Finding> {
    let length = SimDuration::from_hours(24 * days);
    let whole = days * horizon.0.div_ceil(length.0);
    (!horizon.0.is_multiple_of(length.0)).then(|| {
        let text = format!("the horizon of {horizon} is no whole number of {weigh} differently than in a month");
        Finding::new(Code::UnevenHorizon, text)
            .value(horizon.as_hours_f64() / 24.0, Unit::Days)
            .limit(whole as f64)
            .fix(format!("use `horizon: {whole}d`"))
    })
}

/// What a replayed file holds that is not taken as it stands.
fn replayed(scenario: &Scenario) -> Vec<Finding> {
    let (Shape::ReplayRate(file) | Shape::ReplayRequests(file)) = &scenario.traffic.shape else { return Vec::new() };
    let mut found = Vec::new();
    if file.missing > 0 {
        let text = format!(
            "`{}` has no row for {} of its {} periods of {}: they count as without requests",
            file.shown,
            file.missing,
            file.rows + file.missing,
            file.period,
        );
        found.push(
            Finding::new(Code::RowsMissing, text)
                .value(file.missing as f64, Unit::Periods)
                .fix("if something was not measured there, fill the rows in"),
        );
    }
    if let Some(date) = file.first_date.filter(|date| *date != scenario.start) {
        let text = format!(
            "the dates in `{}` are not used: its first row, of {date}, is replayed at the start of {}",
            file.shown, scenario.start,
        );
        found.push(Finding::new(Code::DatesNotUsed, text).fix(format!("`start: {date}` gives it its own days")));
    }
    found
}

/// A group that has shrunk to nothing publishes no metric, so that no alarm ever makes it grow.
fn asleep(component: &Component, index: usize, runs: &[RunOutput], result: &ComponentResult) -> Option<Finding> {
    let ComponentKind::Fleet(fleet) = &component.kind else { return None };
    let empty = |run: &RunOutput| {
        let levels = run.series.capacity.iter().find(|(at, _)| *at == index);
        levels.is_some_and(|(_, levels)| levels.iter().any(|mean| *mean <= 0.0))
    };
    let refused = result.rejected.value;
    (fleet.min == 0 && !fleet.scaling.is_empty() && refused > 0.0 && runs.iter().any(empty)).then(|| {
        let text = format!(
            "fleet `{}` stood without an instance for a time (min 0), and target tracking has no metric to grow on then; it refused \
             {refused:.0} requests",
            component.name,
        );
        Finding::new(Code::AsleepAtZero, text).of(&component.name).value(refused, Unit::Requests).fix("use `min: 1`")
    })
}

/// The cheapest with and without the free tier, where they differ.
pub(super) fn free_tier_decides(results: &[ArchitectureResult]) -> Option<Finding> {
    let cheapest = |cost: &dyn Fn(&ArchitectureResult) -> Option<String>| {
        let costs: Vec<(usize, Usd)> = results
            .iter()
            .enumerate()
            .filter_map(|(index, result)| Some((index, cost(result)?.parse().ok()?)))
            .collect();
        costs.into_iter().min_by_key(|&(index, cost)| (cost, index))
    };
    let (with, with_cost) = cheapest(&|result| result.monthly_cost.total.clone())?;
    let (without, without_cost) = cheapest(&|result| result.monthly_cost.without_free_tier.clone())?;
    let paid = results[with].monthly_cost.without_free_tier.as_ref()?.parse::<Usd>().ok()?;
    (with != without && paid > without_cost).then(|| {
        let text = format!(
            "the free tier alone makes {} the cheapest ({} a month); without it {} is, at {} against {}: other workloads of the account may use \
             the free tier up",
            results[with].name,
            with_cost.cents(),
            results[without].name,
            without_cost.cents(),
            paid.cents(),
        );
        Finding::new(Code::FreeTierDecides, text)
            .value(paid.to_f64() / without_cost.to_f64(), Unit::Times)
            .limit(1.0)
            .fix("state under `account.free_tier` what they leave")
    })
}

/// Findings about one architecture: those of its file, of its runs, and of its results.
pub fn of_architecture(
    architecture: &Architecture,
    runs: &[RunOutput],
    components: &[ComponentResult],
) -> Vec<Finding> {
    let mut found = architecture.findings.clone();
    add_each_once(&mut found, runs.iter().flat_map(|run| &run.findings));
    let parts = || architecture.components.iter().zip(components);
    found.extend(parts().enumerate().filter_map(|(index, (component, result))| asleep(component, index, runs, result)));
    found.extend(parts().filter_map(|(component, result)| idle(component, result)));
    found
}

/// The replications find the same thing with other numbers: the first speaks for all.
fn add_each_once<'a>(found: &mut Vec<Finding>, more: impl Iterator<Item = &'a Finding>) {
    for finding in more {
        if !found.iter().any(|known| (known.code, &known.component) == (finding.code, &finding.component)) {
            found.push(finding.clone());
        }
    }
}

/// Machines that have little to do.
fn idle(component: &Component, result: &ComponentResult) -> Option<Finding> {
    let ComponentKind::Fleet(fleet) = &component.kind else { return None };
    let cpu = result.utilisation.as_ref()?.value;
    // One that has no instance is not too large.
    let stands = result.capacity.as_ref().is_none_or(|level| level.mean.value > 0.0);
    (stands && cpu < IDLE).then(|| {
        let (what, smaller) = if fleet.managed.is_some() {
            ("the instances of function", "a smaller instance type")
        } else if fleet.task.is_some() {
            ("the tasks of service", "a smaller task")
        } else {
            ("fleet", "a smaller instance type")
        };
        let text = format!(
            "the mean CPU of {what} `{}` is {:.1} %: a smaller one would do ({} {}, min {}), so this bill is higher than it need be",
            component.name,
            cpu * 100.0,
            if fleet.task.is_some() { "task" } else { "instance type" },
            fleet.instance.name,
            fleet.min
        );
        Finding::new(Code::IdleCpu, text)
            .of(&component.name)
            .value(cpu, Unit::Share)
            .limit(IDLE)
            .fix(format!("lower `min`, or take {smaller}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::{ec2, priced, scenario};
    use crate::results::Figure;
    use crate::spec::scenario::Diurnal;
    use crate::units::PerSecond;

    #[test]
    fn a_weekly_shape_wants_whole_weeks() {
        let mut given = scenario();
        let diurnal = |weekend| {
            let (mean, peak) = (PerSecond(4.0), PerSecond(16.0));
            Shape::Diurnal(Diurnal { mean, peak, peak_at: SimDuration::ZERO, weekend, kappa: 1.0 })
        };
        given.traffic.shape = diurnal(0.7);
        assert_eq!(of_scenario(&given, &[]), vec![]);
        given.horizon = SimDuration::from_hours(240);
        let found = of_scenario(&given, &[]);
        assert!(found[0].text.contains("horizon of 10d") && found[0].text.contains("`horizon: 14d`"), "{found:?}");
        given.traffic.shape = diurnal(1.0);
        assert_eq!(of_scenario(&given, &[]), vec![], "ten whole days of a wave without weekends");
    }

    #[test]
    fn the_free_tier_alone_decides() {
        let (mut a, b) = (priced("a", &[0.0, 0.0], true), priced("b", &[5.0, 5.0], true));
        a.monthly_cost.without_free_tier = Some("7".into());
        let found = of_scenario(&scenario(), &[a.clone(), b.clone()]);
        assert_eq!(found.len(), 1);
        assert!(found[0].text.contains("$5.00 against $7.00"), "{found:?}");
        a.monthly_cost.without_free_tier = Some("4".into());
        assert_eq!(of_scenario(&scenario(), &[a, b]).len(), 0);
    }

    #[test]
    fn an_idle_fleet_is_named() {
        let component = |kind: &str, share| ComponentResult {
            name: "web".into(),
            kind: kind.into(),
            served: Figure::default(),
            throttled: Figure::default(),
            rejected: Figure::default(),
            cold_starts: None,
            capacity: None,
            busy: None,
            utilisation: Some(Figure { value: share, ..Figure::default() }),
            idle_cost: None,
            idle_cost_each: Vec::new(),
            idle_shares: Vec::new(),
            peak_connections: None,
            backlog: None,
            mean_time_ms: Figure::default(),
            mean_in_system: Figure::default(),
            queue: None,
        };
        let components = |share| [component("load_balancer", 0.01), component("fleet", share)];
        let found = of_architecture(&ec2(), &[], &components(0.081));
        assert!(found[0].text.contains("fleet `web` is 8.1 %: a smaller one would do"), "{found:?}");
        assert_eq!(of_architecture(&ec2(), &[], &components(0.2)).len(), 0);
    }

    #[test]
    fn replications_that_say_the_same_say_it_once() {
        let finding = |count: f64, of| Finding::new(Code::OutOfMemory, "").of(of).value(count, Unit::Restarts);
        let mut found = Vec::new();
        add_each_once(&mut found, [finding(12.0, "web"), finding(7.0, "web"), finding(7.0, "other")].iter());
        assert_eq!(found.iter().map(|finding| finding.value).collect::<Vec<_>>(), [Some(12.0), Some(7.0)]);
    }
}
