//! A scenario and outputs for tests: two architectures, two classes, no simulator.

use crate::arch::output::{ClassOutput, ComponentOutput, RunOutput, SeriesOutput};
use crate::bill::book::{Price, Provenance, Tier};
use crate::bill::unit::PriceUnit;
use crate::bill::{Confidence, PriceBook, PriceList};
use crate::money::Quantity;
use crate::results::{ArchitectureResult, LineItem, MonthlyCost, ObjectiveResult, Series};
use crate::run::Job;
use crate::spec::distribution::Distribution;
use crate::spec::model::*;
use crate::spec::scenario::*;
use crate::stats::histogram::Histogram;
use crate::units::{Bytes, Limit, MegaBytes, PerSecond, SimDuration};
use crate::usage::{Meter, RawUnit, Usage};

fn route() -> Route {
    Route(vec![ComponentId(1), ComponentId(1)])
}

/// `lambda-http-api`: an API in front of a function `shop`.
pub fn lambda() -> Architecture {
    let api = HttpApi { to: route(), latency: Distribution::ZERO, timeout: SimDuration::from_secs(30), rest: false };
    let function = Function {
        memory: MegaBytes(512),
        arch: Arch::Arm,
        runtime: "nodejs22".into(),
        allocation: Distribution::Constant(SimDuration::from_millis(150)),
        init: vec![Distribution::Constant(SimDuration::from_millis(145))],
        first_call: SimDuration::ZERO,
        timeout: SimDuration::from_secs(10),
        idle_timeout: SimDuration::from_secs(640),
        max_age: None,
        reserved_concurrency: None,
        speed: 1.0,
        platform_log: Bytes(300),
        provisioned: None,
        error_rate: 0.0,
        snapstart: None,
        ephemeral: MegaBytes(512),
        streaming: false,
        calls: Vec::new(),
        asynchronous: None,
        lifecycle: Default::default(),
        edge: false,
        durable: None,
    };
    Architecture {
        name: "lambda-http-api".into(),
        description: None,
        entry: ComponentId(0),
        components: vec![
            Component { name: "api".into(), kind: ComponentKind::HttpApi(api) },
            Component { name: "shop".into(), kind: ComponentKind::Lambda(function) },
        ],
        tags: Default::default(),
        subnets: Subnets::Public,
        operations: None,
        findings: Vec::new(),
    }
}

/// `ec2-asg-alb`: a balancer in front of a fleet `web`.
pub fn ec2() -> Architecture {
    let balancer = LoadBalancer {
        to: route(),
        algorithm: Balancing::RoundRobin,
        zones: 2,
        idle_timeout: SimDuration::from_secs(60),
        latency: Distribution::ZERO,
        rules: 1,
        slow_start: SimDuration::ZERO,
        network: None,
    };
    let instance = InstanceType { name: "m7g.large".into(), vcpu: 2, memory_mib: 8_192, arch: Arch::Arm };
    let fleet =
        Fleet { max: 20, concurrency: Limit::At(64), warmup: SimDuration::from_secs(60), ..Fleet::fixed(instance, 2) };
    Architecture {
        name: "ec2-asg-alb".into(),
        description: None,
        entry: ComponentId(0),
        components: vec![
            Component { name: "lb".into(), kind: ComponentKind::LoadBalancer(balancer) },
            Component { name: "web".into(), kind: ComponentKind::Fleet(fleet) },
        ],
        tags: Default::default(),
        subnets: Subnets::Public,
        operations: None,
        findings: Vec::new(),
    }
}

fn class(name: &str, share: f64) -> RequestClass {
    RequestClass {
        name: name.into(),
        share,
        work: Work::Phases { cpu: Distribution::Constant(SimDuration::from_millis(8)), wait: Distribution::ZERO },
        request_size: Bytes(1_024),
        response_size: Bytes(20_480),
        log_size: Bytes(500),
        external_bytes: Bytes(0),
    }
}

/// A week of 10 requests/s, three replications, both architectures.
pub fn scenario() -> Scenario {
    let classes = vec![class("browse", 0.9), class("checkout", 0.1)];
    Scenario {
        name: "fixture".into(),
        warmup: SimDuration::from_hours(1),
        replications: 3,
        account: Account {
            free_tier: FreeTier::None,
            concurrency: Limit::At(1_000),
            scaling: Limit::At(1_000),
            request_rate: Limit::At(10_000),
            times: Default::default(),
            burst: None,
            api_request_rate: Limit::At(10_000),
            api_burst: Limit::At(5_000),
            vcpu_quota: Limit::Unlimited,
        },
        architectures: vec![lambda(), ec2()],
        ..Scenario::bare(Shape::Constant(PerSecond(10.0)), SimDuration::from_hours(168), classes)
    }
}

/// A burst at the second hour for an hour.
pub fn burst(per: Frequency) -> Burst {
    Burst { at: SimDuration::from_hours(2), lasts: SimDuration::from_hours(1), times: 2.0, per }
}

/// What a simulator might answer: 1,000 requests x scale and 10 a replication more, 100 fewer without bursts; 90 % of them
/// `browse`; all served in 10 ms, one meter of requests on the second component.
pub fn answer(job: &Job<'_>) -> RunOutput {
    let all = (1_000.0 * job.variant.scale) as u64 + 10 * u64::from(job.replication)
        - if job.variant.without.is_some() { 100 } else { 0 };
    let class = |arrived: u64| {
        let mut latency = Histogram::new();
        (0..arrived).for_each(|_| latency.record(SimDuration::from_millis(10)));
        ClassOutput { arrived, ended: [arrived, 0, 0, 0, 0], retried: 0, cold_starts: 1, latency }
    };
    let checkout = all / 10;
    let component = || ComponentOutput {
        served: all,
        time_in_system: (SimDuration::from_millis(10 * all), all),
        ..ComponentOutput::default()
    };
    let name = if job.architecture == 0 { "shop" } else { "web" };
    RunOutput {
        classes: vec![class(all - checkout), class(checkout)],
        components: vec![component(), component()],
        usage: Usage {
            meters: vec![Meter {
                component: name.into(),
                sku: "lambda.request".into(),
                unit: RawUnit::Count,
                total: u128::from(all),
                hourly: vec![all],
            }],
        },
        series: SeriesOutput {
            bucket: SimDuration::from_hours(84),
            arrived: vec![all / 4, all - all / 4],
            ended: vec![[all / 4, 0, 0, 0, 0], [all - all / 4, 0, 0, 0, 0]],
            cold_starts: vec![2, 0],
            latency: vec![Some([SimDuration::from_millis(10); 3]), None],
            capacity: vec![(1, vec![2.0, 2.0])],
            busy: Vec::new(),
        },
        windows: Vec::new(),
        history_off: None,
        events: all * 2,
        simulated: all,
        findings: Vec::new(),
    }
}

/// A result with nothing but a name, a bill of one service, and whether its objective holds.
pub fn priced(name: &str, each: &[f64], met: bool) -> ArchitectureResult {
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    ArchitectureResult {
        at_speed: Vec::new(),
        name: name.into(),
        description: None,
        tags: Default::default(),
        variants: Vec::new(),
        requests: Default::default(),
        cold_starts: Default::default(),
        latency_ms: Default::default(),
        classes: Vec::new(),
        components: Vec::new(),
        commitments: Vec::new(),
        ownership: None,
        monthly_cost: MonthlyCost {
            currency: "USD".into(),
            total: Some(mean.to_string()),
            without_free_tier: Some(mean.to_string()),
            each: each.iter().map(f64::to_string).collect(),
            ..MonthlyCost::default()
        },
        line_items: vec![
            LineItem { service: "Amazon EC2".into(), amount: (mean * 0.75).to_string(), ..LineItem::default() },
            LineItem { service: "Data transfer".into(), amount: (mean * 0.25).to_string(), ..LineItem::default() },
        ],
        usage: Vec::new(),
        series: Series::default(),
        histograms: Vec::new(),
        objectives: vec![ObjectiveResult {
            name: "p99".into(),
            text: "p99 <= 500 ms".into(),
            met,
            ..Default::default()
        }],
        events: Vec::new(),
        findings: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A price book with one price: fifty cents a request.
pub fn book() -> PriceBook {
    book_at("0.5")
}

/// The same at another price.
pub fn book_at(price: &str) -> PriceBook {
    let provenance =
        Provenance { source: "https://example.com".into(), as_of: "2026-11-20".into(), confidence: Confidence::Page };
    let price = Price {
        key: "lambda.request".into(),
        service: "AWS Lambda".into(),
        description: "Requests".into(),
        unit: PriceUnit::new("request"),
        free: None,
        free_provenance: None,
        tiers: vec![Tier { from: Quantity::ZERO, to: None, price: price.parse().unwrap(), list: None, provenance }],
    };
    let list = PriceList { region: "us-east-1".into(), prices: vec![price], ratios: Vec::new() };
    PriceBook::new("us-east-1", &[list]).unwrap()
}
