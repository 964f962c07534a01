//! The verdict on other terms than the bill's: all on demand, with a one-year Savings Plan of the best size, with a part of the instances on
//! Spot. The simulated usage is the same, hour by hour; only what it costs differs, so objectives are met or missed as they are. That Spot
//! instances are taken away is not simulated here.

use super::cost::ArchitectureBill;
use super::verdict;
use crate::bill::book::Price;
use crate::bill::{Bill, BillError, PriceBook, spot};
use crate::money::UsdPer;
use crate::results::{ArchitectureResult, PurchaseCost, PurchaseResult};
use crate::spec::billing::{Billing, Percentage, SavingsPlan};
use crate::usage::{Meter, Usage};

/// Makes the bill of an architecture's usage on these terms, with these further prices, each run's usage changed first.
pub type Priced<'a> = dyn Fn(&Billing, &[Price], &dyn Fn(&Usage) -> Usage) -> Result<Bill, BillError> + 'a;

/// A way to buy, and its bill; `None` where a price is not known.
pub type Terms = (String, Option<Bill>);

/// The bills of one architecture on all terms that are asked for; none where nothing is.
///
/// # Errors
/// See [`BillError`]; a missing price is none.
pub fn bills(billing: &Billing, book: &PriceBook, price: &Priced<'_>) -> Result<Vec<Terms>, BillError> {
    let Some(purchase) = &billing.purchase else { return Ok(Vec::new()) };
    let plain = Billing { savings_plans: Vec::new(), reserved: Vec::new(), purchase: None, ..billing.clone() };
    let as_is = |usage: &Usage| usage.clone();
    let on_demand = known(price(&plain, &[], &as_is))?;
    let mut found = vec![("on demand".to_owned(), on_demand.clone())];
    if let Some(plan) = &purchase.savings_plan {
        let with = |commitment: UsdPer| {
            let plan = SavingsPlan { commitment, ..plan.clone() };
            known(price(&Billing { savings_plans: vec![plan], ..plain.clone() }, &[], &as_is))
        };
        // Any commitment tells which one would have been best; where none is, nothing is bought.
        let tried = with("0.001".parse().unwrap_or_default())?;
        let best = tried.as_ref().and_then(|bill| bill.commitments.first()?.best.to_string().parse::<UsdPer>().ok());
        let bill = match best {
            Some(best) if best > UsdPer::ZERO => with(best)?,
            _ => tried.and(on_demand),
        };
        found.push(("with a one-year Savings Plan".to_owned(), bill));
    }
    if let Some(mix) = &purchase.spot {
        let prices = spot::prices(book, mix);
        let bill = known(price(&plain, &prices, &|usage| mixed(usage, mix.share)))?;
        found.push((format!("with {} of the instance hours on Spot", mix.share), bill));
    }
    Ok(found)
}

/// A bill, or `None` where a price is missing.
fn known(bill: Result<Bill, BillError>) -> Result<Option<Bill>, BillError> {
    match bill {
        Err(BillError::MissingPrice { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// The usage with a share of each instance's time on Spot, hour by hour, rounded down.
fn mixed(usage: &Usage, share: Percentage) -> Usage {
    let part = |count: u128| {
        count / Percentage::WHOLE * share.parts() + count % Percentage::WHOLE * share.parts() / Percentage::WHOLE
    };
    let mut meters = Vec::with_capacity(usage.meters.len());
    for meter in &usage.meters {
        let Some(instance) = meter.sku.strip_prefix(spot::ON_DEMAND) else {
            meters.push(meter.clone());
            continue;
        };
        let hourly: Vec<u64> = meter.hourly.iter().map(|count| part(u128::from(*count)) as u64).collect();
        let taken = part(meter.total);
        let rest = meter.hourly.iter().zip(&hourly).map(|(all, part)| all - part).collect();
        meters.push(Meter { total: meter.total - taken, hourly: rest, ..meter.clone() });
        meters.push(Meter { sku: format!("{}{instance}", spot::SPOT), total: taken, hourly, ..meter.clone() });
    }
    Usage { meters }
}

/// The verdict on each of the terms, its intervals erring as often as `alpha`.
pub fn results(
    architectures: &[ArchitectureResult],
    bills: &[ArchitectureBill],
    billing: &Billing,
    alpha: f64,
) -> Vec<PurchaseResult> {
    let most = bills.iter().map(|bill| bill.other_terms.len()).max().unwrap_or(0);
    (0..most)
        .map(|index| {
            let of = |bill: &ArchitectureBill| bill.other_terms.get(index).and_then(|(_, bill)| bill.clone());
            let name = bills.iter().find_map(|bill| bill.other_terms.get(index)).map(|(name, _)| name.clone());
            let on_terms: Vec<ArchitectureResult> =
                architectures.iter().zip(bills).map(|(a, bill)| at(a, of(bill).as_ref(), billing)).collect();
            let cost = |(a, bill): (&ArchitectureResult, &ArchitectureBill)| PurchaseCost {
                architecture: a.name.clone(),
                total: a.monthly_cost.total.clone(),
                low: a.monthly_cost.low.clone(),
                high: a.monthly_cost.high.clone(),
                commitment: of(bill).and_then(|bill| bill.commitment_results().into_iter().next()),
            };
            PurchaseResult {
                name: name.unwrap_or_default(),
                costs: on_terms.iter().zip(bills).map(cost).collect(),
                verdict: verdict::verdict(&on_terms, alpha),
            }
        })
        .collect()
}

/// What the verdict looks at, with another bill.
fn at(a: &ArchitectureResult, bill: Option<&Bill>, billing: &Billing) -> ArchitectureResult {
    ArchitectureResult {
        at_speed: Vec::new(),
        name: a.name.clone(),
        requests: a.requests.clone(),
        objectives: a.objectives.clone(),
        monthly_cost: bill.map(|bill| bill.monthly_cost(billing)).unwrap_or_default(),
        line_items: bill.map(Bill::line_items).unwrap_or_default(),
        ..ArchitectureResult::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::RawUnit;

    #[test]
    fn a_share_of_each_hour_is_on_spot_and_nothing_is_lost() {
        let meter = |sku: &str, hourly: &[u64]| Meter {
            component: "web".into(),
            sku: sku.into(),
            unit: RawUnit::Ms,
            total: hourly.iter().map(|count| u128::from(*count)).sum(),
            hourly: hourly.to_vec(),
        };
        let used = Usage { meters: vec![meter("ec2.od.linux.m7g.large", &[10, 20]), meter("ebs.gp3.gb", &[5, 5])] };
        // 70 % of 10, 20 and 30 ms.
        let mixed = mixed(&used, "70".parse().map(Percentage).unwrap());
        let of = |index: usize| {
            (mixed.meters[index].sku.as_str(), mixed.meters[index].total, &mixed.meters[index].hourly[..])
        };
        assert_eq!(of(0), ("ec2.od.linux.m7g.large", 9, &[3, 6][..]));
        assert_eq!(of(1), ("ec2.spot.linux.m7g.large", 21, &[7, 14][..]));
        assert_eq!(of(2), ("ebs.gp3.gb", 10, &[5, 5][..]));
    }
}
