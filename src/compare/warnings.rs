//! What a reader should know before trusting the numbers, each with the number that triggers it and the fix.

use crate::arch::output::RunOutput;
use crate::money::Usd;
use crate::results::{ArchitectureResult, ComponentResult};
use crate::spec::model::{Architecture, Component, ComponentKind};
use crate::spec::scenario::{Scenario, Shape};
use crate::units::SimDuration;

/// A fleet whose mean CPU stays below this share is larger than it needs to be.
const IDLE_FLEET: f64 = 0.20;

/// Warnings that concern the whole scenario.
pub fn of_scenario(scenario: &Scenario, results: &[ArchitectureResult]) -> Vec<String> {
    let mut found = Vec::new();
    let week = SimDuration::from_hours(7 * 24);
    let weekly = matches!(&scenario.traffic.shape, Shape::Diurnal(wave) if (wave.weekend - 1.0).abs() > 0.0);
    let daily = matches!(&scenario.traffic.shape, Shape::Diurnal(_));
    let day = SimDuration::from_hours(24);
    if weekly && !scenario.horizon.0.is_multiple_of(week.0) {
        found.push(format!(
            "the horizon of {} is no whole number of weeks, so weekdays and weekends weigh differently than in a month: use `horizon: {}d`",
            scenario.horizon,
            7 * scenario.horizon.0.div_ceil(week.0),
        ));
    } else if daily && !scenario.horizon.0.is_multiple_of(day.0) {
        found.push(format!(
            "the horizon of {} is no whole number of days, so the hours of the day weigh differently than in a month: use `horizon: {}d`",
            scenario.horizon,
            scenario.horizon.0.div_ceil(day.0),
        ));
    }
    if scenario.replications == 1 {
        found.push("one replication has no interval and decides nothing: use `--replications 5`".to_owned());
    }
    found.extend(replayed(scenario));
    found.extend(free_tier_decides(results));
    found
}

/// What a replayed file holds that is not taken as it stands.
fn replayed(scenario: &Scenario) -> Vec<String> {
    let (Shape::ReplayRate(file) | Shape::ReplayRequests(file)) = &scenario.traffic.shape else { return Vec::new() };
    let mut found = Vec::new();
    if file.missing > 0 {
        let periods = file.rows + file.missing;
        found.push(format!(
            "`{}` has no row for {} of its {periods} periods of {}: they count as without requests; if something was not measured \
             there, fill the rows in",
            file.shown, file.missing, file.period,
        ));
    }
    if let Some(date) = file.first_date.filter(|date| *date != scenario.start) {
        found.push(format!(
            "the dates in `{}` are not used: its first row, of {date}, is replayed at the start of {}; `start: {date}` gives it its own \
             days",
            file.shown, scenario.start,
        ));
    }
    found
}

/// A group that has shrunk to nothing publishes no metric, so that no alarm ever makes it grow.
fn asleep(component: &Component, index: usize, runs: &[RunOutput], result: &ComponentResult) -> Option<String> {
    let ComponentKind::Fleet(fleet) = &component.kind else { return None };
    let empty = |run: &RunOutput| {
        let levels = run.series.capacity.iter().find(|(at, _)| *at == index);
        levels.is_some_and(|(_, levels)| levels.iter().any(|mean| *mean <= 0.0))
    };
    let refused = result.rejected.value;
    (fleet.min == 0 && !fleet.scaling.is_empty() && refused > 0.0 && runs.iter().any(empty)).then(|| {
        format!(
            "fleet `{}` stood without an instance for a time (min 0), and target tracking has no metric to grow on then; it refused \
             {refused:.0} requests: use `min: 1`",
            component.name,
        )
    })
}

/// How [`free_tier_decides`] begins.
pub(super) const FREE_TIER: &str = "the free tier alone makes ";

/// The cheapest with and without the free tier, where they differ.
pub(super) fn free_tier_decides(results: &[ArchitectureResult]) -> Option<String> {
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
        format!(
            "{FREE_TIER}{} the cheapest ({} a month); without it {} is, at {} against {}: \
             other workloads of the account may use the free tier up, see `account.free_tier`",
            results[with].name,
            with_cost.cents(),
            results[without].name,
            without_cost.cents(),
            paid.cents(),
        )
    })
}

/// Warnings about one architecture: those of its file, of its runs, and of its results.
pub fn of_architecture(architecture: &Architecture, runs: &[RunOutput], components: &[ComponentResult]) -> Vec<String> {
    let mut found = architecture.warnings.clone();
    let mut seen: Vec<String> = found.iter().map(|text| without_digits(text)).collect();
    // The replications find the same thing with other numbers: the first speaks for all.
    for warning in runs.iter().flat_map(|run| &run.warnings) {
        let key = without_digits(warning);
        if !seen.contains(&key) {
            seen.push(key);
            found.push(warning.clone());
        }
    }
    let parts = || architecture.components.iter().zip(components);
    found.extend(parts().enumerate().filter_map(|(index, (component, result))| asleep(component, index, runs, result)));
    found.extend(parts().filter_map(|(component, result)| {
        let ComponentKind::Fleet(fleet) = &component.kind else {
            return None;
        };
        let cpu = result.utilisation.as_ref()?.value;
        // One that has no instance is not too large.
        let stands = result.capacity.as_ref().is_none_or(|level| level.mean.value > 0.0);
        (stands && cpu < IDLE_FLEET).then(|| {
            format!(
                "the mean CPU of fleet `{}` is {:.1} %: a smaller one would do (instance type {}, min {}), \
                 so this bill is higher than it need be",
                component.name,
                cpu * 100.0,
                fleet.instance.name,
                fleet.min
            )
        })
    }));
    found
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit() && *c != '.' && *c != ',').collect()
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
        assert_eq!(of_scenario(&given, &[]), Vec::<String>::new());
        given.horizon = SimDuration::from_hours(240);
        let found = of_scenario(&given, &[]);
        assert!(found[0].contains("horizon of 10d") && found[0].contains("`horizon: 14d`"), "{found:?}");
        given.traffic.shape = diurnal(1.0);
        assert_eq!(of_scenario(&given, &[]), Vec::<String>::new(), "ten whole days of a wave without weekends");
    }

    #[test]
    fn the_free_tier_alone_decides() {
        let (mut a, b) = (priced("a", &[0.0, 0.0], true), priced("b", &[5.0, 5.0], true));
        a.monthly_cost.without_free_tier = Some("7".into());
        let found = of_scenario(&scenario(), &[a.clone(), b.clone()]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("$5.00 against $7.00"), "{found:?}");
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
        assert!(found[0].contains("fleet `web` is 8.1 %: a smaller one would do"), "{found:?}");
        assert_eq!(of_architecture(&ec2(), &[], &components(0.2)).len(), 0);
    }

    #[test]
    fn replications_that_say_the_same_say_it_once() {
        assert_eq!(without_digits("12 of 1,000 throttled"), without_digits("7 of 999.5 throttled"));
    }
}
