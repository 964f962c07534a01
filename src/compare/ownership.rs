//! What owning an architecture takes: copies beside production, labour, twelve months of growth. Labour is shown apart and never
//! part of the cloud's cost.
//!
//! An environment costs what it adds to the account's bill: production's usage and its own are priced together, since they share
//! free amounts, tiers and commitments, and production's bill is taken off. Usage at its traffic is that of the first replication,
//! simulated at that traffic.
//!
//! The months of the table are `traffic x (1 + growth)^month`. Those of [`GROWTH_POINTS`] are simulated (first replication); between
//! them the cost is interpolated on the traffic. The cost of further environments stays what it is.

use super::cost::ArchitectureBill;
use crate::bill::{BillError, Variant};
use crate::money::Usd;
use crate::results::{ArchitectureResult, EnvironmentCost, Migration, MonthOfOwnership, OperationsCost, Ownership};
use crate::run::{ArchitectureRuns, AtTraffic, Counted};
use crate::spec::ownership::{Environment, GROWTH_POINTS, Operations, growth_scales, traffic_in};
use crate::spec::scenario::{Frequency, Scenario};
use crate::units::SimDuration;
use crate::usage::Usage;

/// Months of the table.
const MONTHS: u32 = 12;

/// Prices counters of a run and of its variants without bursts.
type Price<'a> = dyn Fn(&Usage, &[Variant<'_>]) -> Result<Usd, BillError> + 'a;

/// What owning an architecture takes; `None` where the scenario and the model ask for nothing of it.
///
/// # Errors
/// See [`BillError`].
pub fn ownership(
    scenario: &Scenario,
    operations: Option<&Operations>,
    runs: &ArchitectureRuns,
    bill: &ArchitectureBill,
    price: &Price<'_>,
) -> Result<Option<Ownership>, BillError> {
    if scenario.environments.is_empty() && operations.is_none() && scenario.billing.growth.is_none() {
        return Ok(None);
    }
    let Some(production) = bill.bill.as_ref().map(|bill| bill.total) else { return Ok(None) };
    // A gate simulates no other traffic than the scenario's.
    let needed = scenario.environments.iter().map(|one| one.traffic).chain(growth_scales(scenario.billing.growth));
    if needed.into_iter().any(|scale| (scale - 1.0).abs() >= 1e-12 && at(runs, scale).is_none()) {
        return Ok(None);
    }
    let environments = environments(scenario, runs, price)?;
    let cloud = environments.iter().try_fold(production, |sum, (_, cost)| sum.checked_add(*cost));
    let cloud = cloud.ok_or(BillError::TotalTooLarge)?;
    let operations = operations.map(labour).transpose()?;
    let labour = operations.as_ref().map_or(Usd::ZERO, |(_, cost)| *cost);
    let migration = operations.as_ref().and_then(|(one, _)| one.migration);
    let total = cloud.checked_add(labour).ok_or(BillError::TotalTooLarge)?;
    let beside = cloud.checked_sub(production).ok_or(BillError::TotalTooLarge)?;
    let months = match scenario.billing.growth {
        Some(growth) => months(growth, production, beside, labour, migration, runs, scenario, price)?,
        None => Vec::new(),
    };
    Ok(Some(Ownership {
        production: production.to_string(),
        environments: environments.into_iter().map(|(environment, _)| environment).collect(),
        cloud: cloud.to_string(),
        operations: operations.map(|(one, _)| one.shown),
        total: total.to_string(),
        migration: migration.map(|cost| Migration { cost: cost.to_string(), ..Migration::default() }),
        months,
    }))
}

/// Counters of production as the first replication has them, in the form of those at other traffic.
fn production(runs: &ArchitectureRuns) -> Option<AtTraffic> {
    let full = runs.full.first().map(Counted::of)?;
    let without = runs.without.iter().filter_map(|(_, counted)| counted.first().cloned()).collect();
    Some(AtTraffic { scale: 1.0, full, without })
}

fn at(runs: &ArchitectureRuns, scale: f64) -> Option<&AtTraffic> {
    runs.at_traffic.iter().find(|at| (at.scale - scale).abs() < 1e-12)
}

fn priced(of: &AtTraffic, frequencies: &[Frequency], price: &Price<'_>) -> Result<Usd, BillError> {
    let without: Vec<Variant<'_>> = frequencies
        .iter()
        .zip(&of.without)
        .map(|(per, counted)| Variant { per: *per, usage: vec![&counted.usage] })
        .collect();
    price(&of.full.usage, &without)
}

/// Each environment with what it adds to the bill.
fn environments(
    scenario: &Scenario,
    runs: &ArchitectureRuns,
    price: &Price<'_>,
) -> Result<Vec<(EnvironmentCost, Usd)>, BillError> {
    let frequencies: Vec<Frequency> = runs.without.iter().map(|(per, _)| *per).collect();
    let Some(mut all) = production(runs) else { return Ok(Vec::new()) };
    let mut before = if scenario.environments.is_empty() { Usd::ZERO } else { priced(&all, &frequencies, price)? };
    let mut found = Vec::new();
    for environment in &scenario.environments {
        let own = match at(runs, environment.traffic) {
            Some(own) => own.clone(),
            None => production(runs).ok_or(BillError::Replications)?,
        };
        let copies = copies(environment, scenario.month);
        add(&mut all.full.usage, &own.full.usage, &environment.name, copies)?;
        for (all, own) in all.without.iter_mut().zip(&own.without) {
            add(&mut all.usage, &own.usage, &environment.name, copies)?;
        }
        let now = priced(&all, &frequencies, price)?;
        let cost = now.checked_sub(before).ok_or(BillError::TotalTooLarge)?;
        before = now;
        let at_once = copies as f64 / 1e6;
        let each = if copies > 0 { cost.checked_ratio(1_000_000, copies) } else { None };
        let shown = EnvironmentCost {
            name: environment.name.clone(),
            count: environment.count.to_string(),
            at_once,
            traffic: environment.traffic,
            cost: cost.to_string(),
            each: each.map(|each| each.rounded(6).to_string()),
        };
        found.push((shown, cost));
    }
    Ok(found)
}

/// How many copies there are on the mean of the month, in millionths.
fn copies(environment: &Environment, month: SimDuration) -> u128 {
    let count = environment.count.millionths();
    match environment.lives {
        None => count,
        Some(lives) => count.saturating_mul(u128::from(lives.0.min(month.0))) / u128::from(month.0.max(1)),
    }
}

/// Adds so many millionths of an environment's counters, under its name. Raw counts are fine enough to be whole.
fn add(all: &mut Usage, own: &Usage, name: &str, millionths: u128) -> Result<(), BillError> {
    const ONE: u128 = 1_000_000;
    for meter in &own.meters {
        let too_large = || BillError::TooLarge { sku: meter.sku.clone() };
        let scaled = |count: u128| count.checked_mul(millionths).map(|product| (product + ONE / 2) / ONE);
        let mut copy = meter.clone();
        copy.component = format!("{name}/{}", meter.component);
        copy.total = scaled(meter.total).ok_or_else(too_large)?;
        for count in &mut copy.hourly {
            *count = scaled((*count).into()).and_then(|count| u64::try_from(count).ok()).ok_or_else(too_large)?;
        }
        all.meters.push(copy);
    }
    Ok(())
}

/// Labour as results show it, with what a migration costs.
struct Labour {
    shown: OperationsCost,
    migration: Option<Usd>,
}

fn labour(operations: &Operations) -> Result<(Labour, Usd), BillError> {
    let hour = u128::from(SimDuration::from_hours(1).0);
    let ns = operations.monthly.iter().map(|(_, time)| u128::from(time.0)).sum();
    let cost = operations.hourly_rate.checked_ratio(ns, hour).ok_or(BillError::TotalTooLarge)?;
    let shown = OperationsCost {
        hours: ns as f64 / hour as f64,
        parts: operations.monthly.iter().map(|(name, time)| (name.clone(), time.as_hours_f64())).collect(),
        hourly_rate: operations.hourly_rate.to_string(),
        cost: cost.to_string(),
    };
    Ok((Labour { shown, migration: operations.migration }, cost))
}

/// The table of twelve months.
#[expect(clippy::too_many_arguments, reason = "the parts of one table, used once")]
fn months(
    growth: f64,
    production: Usd,
    beside: Usd,
    labour: Usd,
    migration: Option<Usd>,
    runs: &ArchitectureRuns,
    scenario: &Scenario,
    price: &Price<'_>,
) -> Result<Vec<MonthOfOwnership>, BillError> {
    let frequencies: Vec<Frequency> = runs.without.iter().map(|(per, _)| *per).collect();
    // How far the first replication's bill moves from its own at the scenario's traffic.
    let mut points: Vec<(f64, f64)> = vec![(1.0, 0.0)];
    if let Some(first) = self::production(runs).filter(|_| growth.abs() > 0.0) {
        let base = priced(&first, &frequencies, price)?.to_f64();
        for scale in growth_scales(scenario.billing.growth) {
            if let Some(at) = at(runs, scale) {
                points.push((scale, priced(at, &frequencies, price)?.to_f64() - base));
            }
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sum = migration.unwrap_or(Usd::ZERO);
    let mut rows = Vec::new();
    for month in 0..MONTHS {
        let traffic = traffic_in(growth, month);
        let moved = Usd::from_estimate(interpolated(&points, traffic)).ok_or(BillError::TotalTooLarge)?;
        let cloud = production.checked_add(moved).and_then(|usd| usd.checked_add(beside));
        let cloud = cloud.ok_or(BillError::TotalTooLarge)?.max(Usd::ZERO);
        let total = cloud.checked_add(labour).ok_or(BillError::TotalTooLarge)?;
        sum = sum.checked_add(total).ok_or(BillError::TotalTooLarge)?;
        rows.push(MonthOfOwnership {
            month: month + 1,
            traffic,
            simulated: month == 0 || GROWTH_POINTS.contains(&month),
            cloud: cloud.to_string(),
            labour: labour.to_string(),
            total: total.to_string(),
            so_far: sum.to_string(),
        });
    }
    Ok(rows)
}

/// Between points, linear; beyond them the nearest.
fn interpolated(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|(at, _)| *at < x);
    match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some(&(_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => 0.0,
    }
}

/// When migrations pay back, against the first architecture that needs none: it is what runs today.
pub fn pay_back(architectures: &mut [ArchitectureResult]) {
    let usd = |text: &str| text.parse::<Usd>().ok();
    let today = architectures.iter().find_map(|a| {
        let own = a.ownership.as_ref()?;
        (own.migration.is_none()).then(|| Some((a.name.clone(), usd(&own.total)?)))?
    });
    let Some((name, today)) = today else { return };
    for architecture in architectures {
        let Some(own) = architecture.ownership.as_mut() else { continue };
        let (Some(total), Some(migration)) = (usd(&own.total), own.migration.as_mut()) else { continue };
        let (Some(saves), Some(cost)) = (today.checked_sub(total), usd(&migration.cost)) else { continue };
        migration.against = Some(name.clone());
        migration.saves = Some(saves.to_string());
        migration.months = (saves > Usd::ZERO).then(|| cost.to_f64() / saves.to_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixtures::{answer, book, scenario};
    use crate::run::{Progress, RunOptions, run};

    fn owned(change: impl FnOnce(&mut Scenario)) -> Vec<ArchitectureResult> {
        let mut given = scenario();
        change(&mut given);
        let options = RunOptions { threads: 1, other_traffic: true, ..RunOptions::default() };
        let runs = run(&given, &options, &Progress::new(), |job, _| Ok(answer(job))).unwrap();
        crate::compare::results(&given, &runs, &book()).unwrap().architectures
    }

    fn environment(name: &str, count: &str, traffic: f64, lives: Option<SimDuration>) -> Environment {
        Environment { name: name.into(), count: count.parse().unwrap(), lives, traffic }
    }

    #[test]
    fn nothing_is_there_unless_it_is_asked_for() {
        assert!(owned(|_| {}).iter().all(|a| a.ownership.is_none()));
    }

    /// The fake answers 1,000 requests a week (first replication) at 50 cents, times the traffic: at half of it 500, a month of which
    /// are 500 x 730 / 168 = 2,172.619 requests and 1,086.3095 USD.
    #[test]
    fn environments_cost_what_they_add() {
        let found = owned(|given| {
            given.environments = vec![
                environment("staging", "1", 0.5, None),
                environment("per_developer", "12", 0.5, None),
                // 40 branches of 73 h in 730 h: 4 at once.
                environment("per branch", "40", 0.5, Some(SimDuration::from_hours(73))),
            ];
        });
        let own = found[0].ownership.as_ref().unwrap();
        let cost: Vec<f64> = own.environments.iter().map(|e| e.cost.parse().unwrap()).collect();
        let one = 500.0 * 730.0 / 168.0 * 0.5;
        for (found, copies) in cost.iter().zip([1.0, 12.0, 4.0]) {
            assert!((found - one * copies).abs() < 1e-5, "{found} {copies}");
        }
        assert!((own.environments[2].at_once - 4.0).abs() < 1e-9);
        let production: f64 = own.production.parse().unwrap();
        assert!((own.cloud.parse::<f64>().unwrap() - production - 17.0 * one).abs() < 1e-4);
        assert_eq!(Some(&own.production), found[0].monthly_cost.total.as_ref(), "the bill is production's alone");
    }

    #[test]
    fn labour_stands_apart_and_migrations_pay_back() {
        let operations = |hours: u64, migration: Option<&str>| Operations {
            monthly: vec![("patching".into(), SimDuration::from_hours(hours))],
            hourly_rate: "90".parse().unwrap(),
            migration: migration.map(|usd| usd.parse().unwrap()),
        };
        let found = owned(|given| {
            given.architectures[0].operations = Some(operations(2, Some("2160")));
            given.architectures[1].operations = Some(operations(10, None));
        });
        let own = |i: usize| found[i].ownership.as_ref().unwrap();
        // 2 h and 10 h at 90: 180 and 900; the cloud costs the same, so 720 a month is saved and 2,160 come back in 3 months.
        assert_eq!(own(0).operations.as_ref().unwrap().cost, "180");
        assert_eq!(own(1).operations.as_ref().unwrap().cost, "900");
        assert_eq!(Some(&own(0).cloud), found[0].monthly_cost.total.as_ref());
        let migration = own(0).migration.as_ref().unwrap();
        assert_eq!((migration.against.as_deref(), migration.saves.as_deref()), (Some("ec2-asg-alb"), Some("720")));
        assert_eq!(migration.months, Some(3.0));
        assert!(own(1).migration.is_none());
    }

    /// The cost of the fake is proportional to the traffic, so that interpolation is exact: month n costs 1.1^n of the first.
    #[test]
    fn twelve_months_grow() {
        let found = owned(|given| given.billing.growth = Some(0.1));
        let months = &found[0].ownership.as_ref().unwrap().months;
        assert_eq!(months.len(), 12);
        let cloud: Vec<f64> = months.iter().map(|month| month.cloud.parse().unwrap()).collect();
        let first = 1_000.0 * 730.0 / 168.0 * 0.5;
        for (n, cost) in cloud.iter().enumerate() {
            // The first replication's change on top of the mean of all.
            let expected = cloud[0] + first * (1.1_f64.powi(n as i32) - 1.0);
            // The fake counts whole requests.
            assert!((cost - expected).abs() < 2.5, "{n}: {cost} {expected}");
        }
        let sum: f64 = cloud.iter().sum();
        assert!((months[11].so_far.parse::<f64>().unwrap() - sum).abs() < 1e-3);
        let flat = owned(|given| given.billing.growth = Some(0.0));
        let months = &flat[0].ownership.as_ref().unwrap().months;
        assert!(months.iter().all(|month| month.cloud == months[0].cloud));
    }
}
