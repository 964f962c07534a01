//! A batch in passes gives what one request after another gives, to the bit.

mod common;

use common::*;
use costsim::arch::output::{Outcome, RunOutput};
use costsim::arch::{Control, How, simulate_with};
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::traffic::{Source, Variant};
use costsim::units::*;
use proptest::prelude::*;

fn both(scenario: &Scenario, architecture: &Architecture) -> [RunOutput; 2] {
    [false, true].map(|one_by_one| {
        let source = Source::new(scenario, 0, &Variant::default()).expect("traffic");
        let how = How { one_by_one, ..How::default() };
        simulate_with(scenario, architecture, 0, source, &Control::default(), how).expect("a result")
    })
}

/// What a run is made of, as numbers that proptest can make smaller.
#[derive(Debug, Clone)]
struct Dice {
    rate: f64,
    seconds: f64,
    warmup: u64,
    classes: usize,
    cpu: bool,
    /// 0: none, 1: an API, 2: a balancer in front of an API, 3: a REST API.
    fronts: u8,
    two_functions: bool,
    /// Fleets instead of functions.
    fleets: bool,
    flags: [bool; 12],
}

fn dice() -> impl Strategy<Value = Dice> {
    let fronts = (0u8..4, any::<bool>(), any::<bool>(), 1usize..4, any::<[bool; 12]>(), any::<bool>());
    (1f64..300.0, 1f64..9000.0, 0u64..2, fronts).prop_map(|(rate, seconds, warmup, fronts)| Dice {
        rate,
        seconds: seconds.min(30_000.0 / rate),
        warmup: warmup * 400,
        classes: fronts.3,
        cpu: fronts.1,
        fronts: fronts.0,
        two_functions: fronts.2,
        flags: fronts.4,
        fleets: fronts.5,
    })
}

impl Dice {
    fn scenario(&self) -> Scenario {
        let [limits, tight, timeout, backend, windows, external, ..] = self.flags;
        let mut scenario = scenario(self.rate, self.seconds, exponential(0.2));
        scenario.warmup = SimDuration::from_secs(self.warmup);
        if self.cpu {
            scenario.classes[0].work = Work::Phases { cpu: lognormal(0.05, 0.8), wait: exponential(0.3) };
        }
        for number in 1..self.classes {
            let further = RequestClass {
                name: format!("class {number}"),
                share: 0.5 / number as f64,
                response_size: Bytes(3000 * number as u64),
                ..scenario.classes[0].clone()
            };
            scenario.classes.push(further);
        }
        if external {
            scenario.classes[0].external_bytes = Bytes(777);
        }
        if limits {
            // Of the order of what is needed: some calls are refused.
            let needed = (self.rate * 0.5).max(1.0) as u64;
            scenario.account.concurrency = Limit::At(if tight { needed } else { needed * 4 });
            scenario.account.scaling = Limit::At(needed.max(2));
            scenario.account.request_rate = Limit::At((self.rate * 1.1) as u64 + 1);
            scenario.account.api_request_rate = Limit::At((self.rate * 1.2) as u64 + 1);
            scenario.account.api_burst = Limit::At(3);
        }
        if timeout {
            scenario.client.timeout = Some(secs(0.9));
        }
        if backend {
            scenario.backend = Some(Backend {
                hourly: costsim::money::Usd::ZERO,
                max_connections: Limit::At((self.rate * 0.4).max(1.0) as u64),
                pool_per_instance: 1,
                transfer: Bytes(500),
            });
        }
        if windows {
            scenario.objectives.latency.push(windowed_objective());
            scenario.objectives.latency.push(LatencyObjective { window: None, ..windowed_objective() });
        }
        scenario
    }

    fn function(&self, number: usize) -> Function {
        let [.., reserved, fails, times_out, streams, old, table] = self.flags;
        let mut function = Function { init: vec![exponential(0.25)], ..function() };
        function.allocation = constant(0.1);
        function.first_call = SimDuration::from_millis(20);
        function.memory = MegaBytes(512 * (number as u32 + 1));
        function.idle_timeout = if old { SimDuration::from_secs(5) } else { SimDuration::from_secs(600) };
        function.reserved_concurrency = reserved.then(|| (self.rate * 0.4).max(1.0) as u64);
        function.error_rate = if fails { 0.05 } else { 0.0 };
        function.timeout = if times_out { SimDuration::from_millis(800) } else { SimDuration::from_secs(900) };
        function.streaming = streams;
        if table && number == 0 {
            let what = OutboundKind::Table { reads: 2, writes: 1 };
            let to = ComponentId(self.tables_at());
            function.calls = vec![Outbound { to, what, classes: vec![true; self.classes] }];
        }
        function
    }

    /// Of the order of what is needed; some requests are refused, some wait for long.
    fn fleet(&self) -> Fleet {
        let [scales, few, fails] = [6, 7, 8].map(|flag: usize| self.flags[flag]);
        let instances = (self.rate * 0.05).ceil() as u32 + 1;
        let mut fleet = fleet(if few { instances.div_ceil(2) } else { instances }, 2);
        fleet.concurrency = Limit::At(16);
        fleet.queue = Limit::At(8);
        if scales {
            fleet.max *= 2;
            fleet.scaling = vec![tracking()];
        }
        if fails {
            fleet.mtbf = Some(secs(300.0));
        }
        fleet
    }

    /// Position of the table.
    fn tables_at(&self) -> u16 {
        let fronts = [0, 1, 2, 1][usize::from(self.fronts)];
        fronts + 1 + u16::from(self.goes_to_two())
    }

    /// Without a front there is no way to choose between functions.
    fn goes_to_two(&self) -> bool {
        self.two_functions && self.fronts > 0
    }

    fn architecture(&self) -> Architecture {
        let api = |to: Vec<u16>, rest| {
            ComponentKind::HttpApi(HttpApi {
                to: Route(to.into_iter().map(ComponentId).collect()),
                latency: lognormal(0.01, 0.5),
                timeout: SimDuration::from_millis(1500),
                rest,
            })
        };
        let ends = |first: u16| {
            (0..self.classes)
                .map(|class| first + (class as u16 % 2) * u16::from(self.goes_to_two()))
                .collect::<Vec<_>>()
        };
        let balancer = || match behind_balancer(ComponentKind::Lambda(function()), Balancing::RoundRobin)
            .components
            .swap_remove(0)
            .kind
        {
            ComponentKind::LoadBalancer(balancer) => ComponentKind::LoadBalancer(LoadBalancer {
                to: Route(vec![ComponentId(1); self.classes]),
                latency: exponential(0.002),
                idle_timeout: SimDuration::from_secs(60),
                ..balancer
            }),
            other => other,
        };
        let mut kinds = match self.fronts {
            0 => Vec::new(),
            1 => vec![api(ends(1), false)],
            2 => vec![balancer(), api(ends(2), false)],
            _ => vec![api(ends(1), true)],
        };
        let end = |number: usize| match self.fleets {
            true => ComponentKind::Fleet(self.fleet()),
            false => ComponentKind::Lambda(self.function(number)),
        };
        kinds.push(end(0));
        if self.goes_to_two() {
            kinds.push(end(1));
        }
        if self.flags[11] {
            kinds.push(ComponentKind::Table(Table {
                item: Bytes(2 << 10),
                read_latency: lognormal(0.05, 0.6),
                write_latency: lognormal(0.08, 0.6),
                reads: Consistency::Eventual,
                transactional_writes: false,
                storage: Bytes(0),
            }));
        }
        let named = |(number, kind)| Component { name: format!("component {number}"), kind };
        Architecture {
            components: kinds.into_iter().enumerate().map(named).collect(),
            ..alone(ComponentKind::Lambda(function()))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn passes_give_what_one_by_one_gives(dice in dice()) {
        let (scenario, architecture) = (dice.scenario(), dice.architecture());
        let [passes, one_by_one] = both(&scenario, &architecture);
        prop_assert_eq!(passes, one_by_one);
    }
}

/// The comparison above would be empty if nothing were out of the ordinary.
#[test]
fn what_is_not_ordinary_happens() {
    let mut seen = [0; 5];
    let mut cold = 0;
    for bits in 0..32u32 {
        let flag = |n: u32| bits >> (n % 4) & 1 == 1;
        let dice = Dice {
            rate: 50.0,
            seconds: 60.0,
            warmup: 0,
            classes: 2,
            cpu: false,
            fronts: (bits % 4) as u8,
            two_functions: true,
            fleets: bits >= 16,
            flags: std::array::from_fn(|n| flag(n as u32)),
        };
        let [output, one_by_one] = both(&dice.scenario(), &dice.architecture());
        assert_eq!(output, one_by_one);
        for class in &output.classes {
            seen.iter_mut().zip(class.ended).for_each(|(seen, ended)| *seen += ended);
            cold += class.cold_starts;
        }
    }
    for outcome in [Outcome::Served, Outcome::Throttled, Outcome::TimedOut, Outcome::Failed] {
        assert!(seen[outcome as usize] > 20, "{outcome:?}: {seen:?}");
    }
    assert!(cold > 20);
}
