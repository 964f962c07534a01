//! CPU credits of the T families: what they do to the bill and to the speed.

mod common;

use common::*;
use costsim::arch::output::RunOutput;
use costsim::bill::{BillInput, bill, price_list};
use costsim::catalog;
use costsim::money::Usd;
use costsim::spec::billing::Billing;
use costsim::spec::group::*;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::units::*;
use costsim::usage::Usage;

/// One t3.large that always has more to do than it can: requests of 10 s CPU, three for each two that it has time for.
fn overloaded(horizon: f64, warmup: f64, unlimited: bool) -> RunOutput {
    let mut scenario = cpu_scenario(0.3, horizon, constant(10.0));
    scenario.warmup = secs(warmup);
    scenario.traffic.spread = Spread::Even;
    let instance = catalog::instance_type("t3.large").expect("a known type");
    let hourly = catalog::cpu_credits("t3.large").expect("it has credits");
    let fleet = Fleet {
        credits: Some(CpuCredits { hourly, unlimited }),
        concurrency: Limit::At(10),
        queue: Limit::At(10),
        ..Fleet::fixed(instance, 1)
    };
    run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin))
}

fn total(output: &RunOutput, sku: &str) -> u128 {
    output.usage.meters.iter().find(|meter| meter.sku == sku).expect("a meter").total
}

/// The EC2 user guide's table: credits an hour and vCPUs give the baseline of each size.
#[test]
fn the_credits_of_each_size_are_those_of_its_baseline() {
    let baselines =
        [("nano", 5), ("micro", 10), ("small", 20), ("medium", 20), ("large", 30), ("xlarge", 40), ("2xlarge", 40)];
    for family in ["t3", "t3a", "t4g"] {
        for (size, percent) in baselines {
            let name = format!("{family}.{size}");
            let vcpu = catalog::instance_type(&name).expect("a known type").vcpu;
            assert_eq!(catalog::cpu_credits(&name), Some(percent * vcpu * 60 / 100), "{name}");
        }
    }
    assert_eq!(catalog::cpu_credits("m7g.large"), None);
}

/// AWS's example of a t3.large at 100 %: 0.0832 + 2 x (1 - 0.30) x 0.05 = 0.1532 $ an hour.
///
/// It begins with no credits and may owe 864, which at 1.4 x 60 an hour it does after 10.3 hours; from then on all surplus is charged.
#[test]
fn a_t3_large_at_full_load_costs_15_cents_an_hour() {
    let hour = 3_600.0;
    let output = overloaded(hour, 11.0 * hour, true);
    let wanted = ["ec2.od.linux.t3.large", "ec2.cpu_credit.t3"];
    let meters = output.usage.meters.iter().filter(|meter| wanted.contains(&meter.sku.as_str())).cloned();
    let usage = Usage { meters: meters.collect() };
    let lists = catalog::price_lists("us-east-1", None).expect("embedded lists are readable");
    let book = price_list::book("us-east-1", &lists).expect("the shipped price lists are sound");
    let month = SimDuration::from_hours(1);
    let result = bill(&BillInput {
        full: &[&usage],
        without: &[],
        horizon: month,
        month,
        book: &book,
        stated: &[],
        billing: &Billing::default(),
        free_tier: &FreeTier::None,
        half_width: &|_| None,
    })
    .expect("a bill");
    assert_eq!(result.total, "0.1532".parse::<Usd>().expect("a sum"));
    // In a day from the start: 24 h x 1.4 vCPU less the 864 minutes that are owed and not charged yet, and the second or so at which it starts.
    let day = overloaded(24.0 * hour, 0.0, true);
    let charged = total(&day, "ec2.cpu_credit.t3") as f64 / 3.6e6;
    assert_close("vCPU-hours", charged, 24.0 * 1.4 - 864.0 / 60.0, 1e-3);
}

/// Standard: no credits at first, so it runs at its baseline of 0.6 vCPU from the start, pays nothing beyond and shows 30 % CPU.
#[test]
fn without_credits_a_standard_instance_runs_at_its_baseline() {
    let output = overloaded(7_200.0, 600.0, false);
    assert!(output.usage.meters.iter().all(|meter| !meter.sku.starts_with("ec2.cpu_credit")));
    let component = &output.components[1];
    assert_close("utilisation", component.utilisation.expect("a share"), 0.3, 1e-6);
    // 10 s of CPU a request at 0.6 vCPU.
    assert_close("served", component.served as f64, 7_200.0 * 0.6 / 10.0, 0.01);
}

/// Terminated, it pays what it owes, however little that is: 20 minutes at 2 vCPU owe 28 credits.
#[test]
fn what_is_owed_is_charged_when_an_instance_ends() {
    let mut scenario = cpu_scenario(1.0, 3_600.0, constant(600.0));
    scenario.traffic.shape =
        Shape::Steps(vec![(SimDuration::ZERO, PerSecond(4.0)), (SimDuration::from_secs(1), PerSecond(0.0))]);
    scenario.traffic.spread = Spread::Even;
    let instance = catalog::instance_type("t3.large").expect("a known type");
    let end =
        Scheduled { at: SimDuration::from_mins(30), days: Days(0b111_1111), min: Some(0), max: None, desired: Some(0) };
    let fleet = Fleet {
        credits: Some(CpuCredits { hourly: 36, unlimited: true }),
        schedule: vec![end],
        min: 0,
        ..Fleet::fixed(instance, 1)
    };
    let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
    // Four requests of 600 s CPU within a second: 2,400 vCPU-seconds are spent by 1,200 s, 0.6 a second are earned for 2,100 s.
    assert_eq!(output.classes[0].ended[0], 4);
    let charged = total(&output, "ec2.cpu_credit.t3") as f64 / 1e3;
    assert_close("vCPU-seconds", charged, 2_400.0 - 0.6 * 2_100.0, 1e-4);
}

/// A stopped instance keeps its credits for seven days (EC2 user guide).
///
/// Two t3.large in standard mode, one at first and one stopped in the pool that takes back what is scaled in. By hand: 0.05 requests/s of 10 s of CPU are three a minute, which
/// calls for the second one at 60 s; at 4 h the traffic ends, and at 14,460 s the first one stops. It has earned 0.6 x 14,460 vCPU-s and has worked 10 s for
/// each request of its own: all of the 4 until the other serves at 70 s, then each second one of the other 716: 362. It keeps 8,676 - 3,620 = 5,056 vCPU-s. Six or eight days
/// later there is more to do for 12 h than both can: each works off what it has and then its baseline. The instance that had stayed has its 864 credits in both cases, so that
/// what is worked off within seven days is 5,056 vCPU-s more than after them.
#[test]
fn credits_outlast_a_stop_by_seven_days() {
    let worked = |days: f64| {
        let again = 4.0 * 3_600.0 + days * 86_400.0;
        let mut scenario = cpu_scenario(1.0, again + 43_200.0, constant(10.0));
        scenario.traffic.spread = Spread::Even;
        scenario.traffic.shape = Shape::Steps(vec![
            (SimDuration::ZERO, PerSecond(0.05)),
            (secs(14_400.0), PerSecond(1e-9)),
            (secs(again), PerSecond(0.6)),
        ]);
        let step = |above: bool, threshold: f64, add: i64| {
            ScalingPolicy::Step(StepScaling {
                alarm: Alarm { metric: TrackedMetric::RequestsPerTarget, above, threshold, periods: 1 },
                steps: vec![Step { from: 0.0, change: Change::By(add) }],
                min_change: 1,
                cooldown: None,
            })
        };
        let pool = WarmPool {
            state: PoolState::Stopped,
            max_prepared: Some(2),
            min_size: 0,
            reuse: true,
            start: constant(10.0),
        };
        let instance = catalog::instance_type("t3.large").expect("a known type");
        let hourly = catalog::cpu_credits("t3.large").expect("it has credits");
        let fleet = Fleet {
            credits: Some(CpuCredits { hourly, unlimited: false }),
            concurrency: Limit::At(10),
            queue: Limit::At(10),
            max: 2,
            scaling: vec![step(true, 1.0, 1), step(false, 0.5, -1)],
            warm_pool: Some(Box::new(pool)),
            health_check_interval: SimDuration::ZERO,
            deregistration_delay: SimDuration::ZERO,
            warmup: SimDuration::ZERO,
            ..Fleet::fixed(instance, 1)
        };
        let output = run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), Balancing::RoundRobin));
        // In instances of two vCPUs.
        output.components[1].busy.expect("a level").0 * 2.0 * scenario.horizon.as_secs_f64()
    };
    let (kept, lost) = (worked(6.0), worked(8.0));
    assert_close("credits that were kept", kept - lost, 5_056.0, 0.01);
}
