//! What went in, as the report prints it: every resolved value that moves the results, and for each default where it is from.
//!
//! The checked types do not remember whether a value was written or is a default. A value that equals the default is shown
//! with the default's source: it is the same number either way.

mod group;

use crate::arch::function_url;
use crate::results::Assumption;
use crate::spec::billing::ReservedPrice;
use crate::spec::deployment::{Deployment, DeploymentKind};
use crate::spec::distribution::Distribution;
use crate::spec::lifecycle::Times;
use crate::spec::model::{
    Arch, Architecture, Asynchronous, Balancing, Change, Component, ComponentId, ComponentKind, Consistency, Durable,
    Fleet, Function, HttpApi, LoadBalancer, Managed, Outbound, OutboundKind, Provisioned, ProvisionedTracking, Queue,
    Route, ScalingPolicy, Stream, StreamKind, Subnets, Table, TrackedMetric,
};
use crate::spec::scenario::{
    Account, Client, FreeTier, Frequency, Incident, MeasuredOn, ReplayFile, RequestClass, Scenario, Shape, Spread,
    Traffic, Trouble, Work,
};
use crate::units::{Bytes, Limit, PerSecond, SimDuration};

const AWS_LAMBDA_QUOTAS: &str = "AWS Lambda developer guide, quotas";
const AWS_LAMBDA_SCALING: &str = "AWS Lambda developer guide, scaling behavior (since November 2023)";
const AWS_API_QUOTAS: &str = "Amazon API Gateway developer guide, quotas: per account and region";
const AWS_SQS: &str = "AWS Lambda developer guide, Amazon SQS as an event source and its scaling";
const AWS_STREAMS: &str = "AWS Lambda developer guide, Kinesis and DynamoDB as event sources";
const AWS_ALB: &str = "Elastic Load Balancing user guide for Application Load Balancers";
const IDLE_SOURCE: &str = "measured: in 11 public logs of 2020 the longest idle gap that was reused is 637 s, the shortest that had expired 645 s";
const ALLOCATION_SOURCE: &str = "from memory, 100-200 ms: no public measurement of it apart from the init was found";
const SPEED_SOURCE: &str = "default 1.0: no measured factor against the reference vCPU is cited; `--sensitivity` varies that of instances by 30 %";
const PENDING_SOURCE: &str = "measured on m7i.large with Amazon Linux 2023 (brevdev/ec2-coldboot-research, 2026-01)";
const TABLE_SOURCE: &str = "stated in the model, or the default: an estimate; AWS promises single-digit milliseconds on average and no dated public \
                            percentiles were found";
const ALARM_SOURCE: &str =
    "alarms that target tracking creates, as listed by the console; the scaling formula itself is not published";

const FULL_FREE_TIER: &str = "full: the whole permanent free tier";

/// Source of what neither a file nor a flag stated.
const COMMAND_LINE: &str = "default of the command line";

/// Collects assumptions of one scope.
struct Sheet {
    scope: String,
    /// The scenario was made of models and flags.
    made_on_command_line: bool,
    prefix: String,
    rows: Vec<Assumption>,
}

impl Sheet {
    fn new(scope: &str) -> Self {
        Self { scope: scope.to_owned(), made_on_command_line: false, prefix: String::new(), rows: Vec::new() }
    }

    /// A value with no default behind it.
    fn say(&mut self, path: &str, value: impl ToString) {
        self.push(path, value.to_string(), None);
    }

    /// A value whose default, if it is that, comes from `source`.
    fn default<T: PartialEq + ToString>(&mut self, path: &str, value: T, default: T, source: &str) {
        let source = (value == default).then(|| source.to_owned());
        self.push(path, value.to_string(), source);
    }

    /// A value that a scenario file states; where there is none, the default is the command line's.
    fn say_or_default(&mut self, path: &str, value: String, default: &str) {
        let source = (self.made_on_command_line && value == default).then(|| COMMAND_LINE.to_owned());
        self.push(path, value, source);
    }

    /// A value that always has this source.
    fn sourced(&mut self, path: &str, value: impl ToString, source: &str) {
        self.push(path, value.to_string(), Some(source.to_owned()));
    }

    fn push(&mut self, path: &str, value: String, source: Option<String>) {
        let path = format!("{}{path}", self.prefix);
        self.rows.push(Assumption { scope: self.scope.clone(), path, value, source });
    }
}

/// All assumptions: the scenario's in the order of its file, then each architecture's.
pub fn assumptions(scenario: &Scenario) -> Vec<Assumption> {
    let mut sheet = Sheet::new("scenario");
    sheet.made_on_command_line = scenario.made_on_command_line;
    general(&mut sheet, scenario);
    account(&mut sheet, &scenario.account);
    traffic(&mut sheet, &scenario.traffic);
    events(&mut sheet, &scenario.events);
    deployments(&mut sheet, &scenario.deployments);
    scenario.classes.iter().for_each(|class| request(&mut sheet, class));
    sheet.prefix.clear();
    client(&mut sheet, &scenario.client);
    if let Some(backend) = &scenario.backend {
        sheet.say("backend.hourly", format!("{} an hour, on every architecture's bill", backend.hourly.cents()));
        sheet.say("backend.max_connections", limit(backend.max_connections));
        sheet.say("backend.pool_per_instance", backend.pool_per_instance);
        if backend.transfer.0 > 0 {
            let each = bytes(backend.transfer);
            sheet.say("backend.transfer", format!("{each} a request; what crosses zones is paid on both sides"));
        }
    }
    billing(&mut sheet, scenario);
    let mut rows = sheet.rows;
    for architecture in &scenario.architectures {
        rows.extend(of_architecture(scenario, architecture));
    }
    rows
}

/// What the account pays other than the list price, and the copies beside production; nothing of it has a default but `name`s.
fn billing(sheet: &mut Sheet, scenario: &Scenario) {
    let billing = &scenario.billing;
    if let Some(first) = billing.calendar {
        sheet.say("month of the calendar", format!("{:04}-{:02}", first.year(), first.month()));
    }
    for (key, tiers) in &billing.rates {
        let prices: Vec<String> = tiers.iter().map(|tier| format!("${} from {}", tier.price, tier.from)).collect();
        sheet.say(&format!("billing.rates.{key}"), prices.join(", "));
    }
    for discount in &billing.discounts {
        sheet.say(&format!("billing.discounts.{}", discount.on), discount.percent);
    }
    if let Some(percent) = billing.enterprise {
        sheet.say("billing.enterprise", percent);
    }
    for (key, used) in &billing.other_accounts {
        sheet.say(&format!("billing.other_accounts.{key}"), format!("{used} a month"));
    }
    for plan in &billing.savings_plans {
        let rates = [
            (!plan.rates.is_empty()).then(|| format!("{} stated rates", plan.rates.len())),
            (!plan.discounts.is_empty()).then(|| {
                let all = plan.discounts.iter().map(|discount| format!("{} {}", discount.on, discount.percent));
                all.collect::<Vec<_>>().join(", ")
            }),
            plan.offer.as_ref().map(|offer| format!("offer {offer}")),
        ];
        let rates: Vec<String> = rates.into_iter().flatten().collect();
        let text = format!("${} an hour; {}", plan.commitment, rates.join("; "));
        sheet.say(&format!("billing.savings_plans.{}", plan.name), text);
    }
    for reserved in &billing.reserved {
        let price = match &reserved.price {
            ReservedPrice::Offer(offer) => format!("offer {offer}"),
            ReservedPrice::Stated { hourly, upfront, years } => {
                format!("${hourly} an hour and ${upfront} for {years} y, each")
            }
        };
        sheet.say(&format!("billing.reserved.{}", reserved.sku), format!("{} at {price}", reserved.count));
    }
    if let Some(currency) = &billing.currency {
        let source = currency.source.as_ref().map_or_else(String::new, |source| format!(", {source}"));
        let text = format!("{} at {} for 1 USD on {}{source}", currency.code, currency.rate, currency.as_of);
        sheet.say("billing.currency", text);
    }
    if let Some(tax) = &billing.tax {
        sheet.say("billing.tax", format!("{} {}", tax.name, tax.rate));
    }
    if let Some(plan) = &billing.support {
        sheet.say("billing.support", plan);
    }
    if let Some(spot) = billing.purchase.as_ref().and_then(|purchase| purchase.spot) {
        let price = match spot.discount {
            Some(discount) => format!("{discount} off the list price"),
            None => "the typical price of the price list".to_owned(),
        };
        let text = format!("{} of the instance hours at {price}; interruptions are not simulated", spot.share);
        sheet.say("billing.purchase.spot", text);
    }
    if let Some(plan) = billing.purchase.as_ref().and_then(|purchase| purchase.savings_plan.as_ref()) {
        let discounts = plan.discounts.iter().map(|discount| format!("{} off {}", discount.percent, discount.on));
        let rates = plan.rates.iter().map(|(key, rate)| format!("{key} at ${rate}"));
        let offer = plan.offer.iter().map(|offer| format!("offer {offer}"));
        let text: Vec<String> = discounts.chain(rates).chain(offer).collect();
        sheet.say("billing.purchase.savings_plan", text.join("; "));
    }
    if let Some(growth) = billing.growth {
        sheet.say("billing.growth", format!("{:.2} % a month", growth * 100.0));
    }
    for environment in &scenario.environments {
        let lives = environment.lives.map_or_else(String::new, |lives| format!(", each lives {lives}"));
        let text = format!("{} at {} times the traffic{lives}", environment.count, environment.traffic);
        match (&environment.lives, environment.traffic) {
            (Some(_), traffic) => sheet.default(
                "per_branch",
                text,
                format!("{} at 0.001 times the traffic{lives}", environment.count),
                if traffic <= 0.001 { "default: a thousandth, a branch that hardly anybody uses" } else { "" },
            ),
            (None, _) => sheet.say(&format!("environments.{}", environment.name), text),
        }
    }
}

/// What the simulation leaves out, in sentences.
pub fn not_modelled() -> Vec<String> {
    [
        "Network time between the client and the service, and TLS handshakes.",
        "Outages and machines that fail or hang, unless `events` or `mtbf` say so; faulty deployments.",
        "Transient differences of speed between machines of one type, and noisy neighbours.",
        "Operations staff, support plans, taxes, and discounts negotiated with AWS, unless they are stated.",
        "Environments that Lambda recycles or initialises ahead of requests on its own account, unless `max_age` and `proactive_init` say so.",
        "The limits of tables, queues and streams; FIFO queues and the provisioned mode of event source mappings.",
        "Memory of instances unless `memory` states it; their network bandwidth, and the operations and throughput of their volumes, as limits.",
        "Transfer between zones beyond what `backend.transfer` and network balancers state, storage of logs, alarms, and the public addresses of NAT gateways.",
        "The error of the traffic forecast: the intervals show the noise of this traffic alone.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn general(sheet: &mut Sheet, scenario: &Scenario) {
    sheet.say_or_default("region", scenario.region.clone(), "us-east-1");
    sheet.say_or_default("start", scenario.start.to_string(), "2026-03-02");
    sheet.say("timezone", &scenario.timezone);
    let month = SimDuration::from_hours(730);
    sheet.default(
        "month",
        Hours(scenario.month),
        Hours(month),
        "default: a twelfth of a year, as AWS's own calculators",
    );
    sheet.say("horizon", scenario.horizon);
    sheet.say("warmup", format!("{} simulated before the horizon and not measured", scenario.warmup));
    sheet.say("seed", scenario.seed);
    sheet.say("replications", scenario.replications);
    sheet.sourced(
        "reference vCPU",
        "one busy vCPU of an m7i instance; `cpu` of a request is time on it",
        "by definition; every speed factor is relative to it",
    );
}

fn account(sheet: &mut Sheet, account: &Account) {
    let free = match &account.free_tier {
        FreeTier::None => "none".to_owned(),
        FreeTier::Full => FULL_FREE_TIER.to_owned(),
        FreeTier::AfterOthers => "remaining: what the payer's other accounts leave".to_owned(),
        FreeTier::Remaining(left) => {
            let left: Vec<String> = left.iter().map(|(sku, quantity)| format!("{sku} {quantity}")).collect();
            format!("remaining: {}", left.join(", "))
        }
    };
    sheet.say_or_default("account.free_tier", free, FULL_FREE_TIER);
    sheet.default("account.concurrency", Shown(account.concurrency), Shown(Limit::At(1_000)), AWS_LAMBDA_QUOTAS);
    sheet.default(
        "account.scaling",
        format!("{} new environments a function in 10 s", limit(account.scaling)),
        "1,000 new environments a function in 10 s".to_owned(),
        AWS_LAMBDA_SCALING,
    );
    if account.times != Times::Today {
        let year = if account.times == Times::In2017 { "2017" } else { "2023, before November" };
        sheet.sourced("limits", year, "docs/lambda.md, other years");
    }
    if let Some(burst) = account.burst {
        let text = format!(
            "{} new environments at once, then {} a minute, all functions together",
            burst.at_once, burst.per_minute
        );
        sheet.sourced("account burst", text, "AWS Lambda developer guide, copy of October 2023");
    }
    let ten_times = match account.concurrency {
        Limit::At(n) => Limit::At(n.saturating_mul(10)),
        Limit::Unlimited => Limit::Unlimited,
    };
    sheet.default(
        "account.request_rate",
        format!("{} requests/s of all functions", limit(account.request_rate)),
        format!("{} requests/s of all functions", limit(ten_times)),
        "AWS Lambda developer guide, quotas: 10 x concurrency",
    );
    sheet.default(
        "account.api_request_rate",
        format!("{} requests/s", limit(account.api_request_rate)),
        "10,000 requests/s".to_owned(),
        AWS_API_QUOTAS,
    );
    sheet.default("account.api_burst", Shown(account.api_burst), Shown(Limit::At(5_000)), AWS_API_QUOTAS);
    let vcpus = format!("{} vCPUs of running on-demand instances", limit(account.vcpu_quota));
    let unlimited = "unlimited vCPUs of running on-demand instances".to_owned();
    sheet.default("account.vcpu_quota", vcpus, unlimited, "off by default: what an account has depends on its history");
    sheet.say(
        "account: raised on request",
        "concurrency (and with it request_rate), api_request_rate, api_burst, vcpu_quota; not raised: scaling",
    );
}

fn traffic(sheet: &mut Sheet, traffic: &Traffic) {
    match &traffic.shape {
        Shape::Constant(value) => sheet.say("traffic.constant", rate(*value)),
        Shape::Steps(steps) => {
            let shown: Vec<String> =
                steps.iter().take(12).map(|(at, value)| format!("{} from {at}", rate(*value))).collect();
            let more = if steps.len() > 12 { format!(" and {} more", steps.len() - 12) } else { String::new() };
            sheet.say("traffic.steps", shown.join(", ") + &more);
        }
        Shape::Diurnal(wave) => {
            sheet.say("traffic.diurnal.mean", rate(wave.mean));
            sheet.say("traffic.diurnal.peak", rate(wave.peak));
            let minutes = wave.peak_at.0 / SimDuration::from_mins(1).0;
            sheet.say("traffic.diurnal.peak_at", format!("{:02}:{:02} local time", minutes / 60, minutes % 60));
            sheet.default(
                "traffic.diurnal.weekend",
                format!("{} x a weekday", wave.weekend),
                "1 x a weekday".to_owned(),
                "default: weekends are like weekdays",
            );
            sheet.sourced(
                "traffic.diurnal shape",
                format!("peak x exp(kappa x (cos(2 pi (h - peak_at) / 24) - 1)), kappa = {:.4}", wave.kappa),
                "chosen so that mean and peak are exactly as stated",
            );
        }
        Shape::ReplayRate(file) => replay(sheet, file, "requests counted in each period"),
        Shape::ReplayRequests(file) => replay(sheet, file, "one row a request"),
    }
    if (traffic.scale - 1.0).abs() > 0.0 {
        sheet.say("traffic.scale", format!("{} x", traffic.scale));
    }
    if traffic.growth_per_month.abs() > 0.0 {
        sheet.say("traffic.growth", format!("{} % a month", number(traffic.growth_per_month * 100.0)));
    }
    for (index, burst) in traffic.bursts.iter().enumerate() {
        let often = often(burst.per);
        sheet.say(
            &format!("traffic.bursts[{index}]"),
            format!("{} x the rate for {} at {}, {often}", burst.times, burst.lasts, burst.at),
        );
    }
    let spread = match traffic.spread {
        Spread::Poisson => "a Poisson process: callers are many and independent",
        Spread::Even => "evenly spaced within each period",
    };
    sheet.say("traffic arrivals", spread);
}

fn events(sheet: &mut Sheet, events: &[Incident]) {
    for (index, event) in events.iter().enumerate() {
        let what = match event.what {
            Trouble::ZoneFails(zone) => format!("zone {} fails", char::from(b'a' + zone.min(25) as u8)),
            Trouble::InstancesHang(share) => {
                format!("{} % of each fleet's instances hang", number(share * 100.0))
            }
            Trouble::SpotInterrupted(share) => {
                format!("{} % of the Spot instances are interrupted", number(share * 100.0))
            }
        };
        sheet.say(
            &format!("events[{index}]"),
            format!("{what} at {} for {}, {}", event.at, event.lasts, often(event.per)),
        );
    }
}

fn deployments(sheet: &mut Sheet, deployments: &[Deployment]) {
    for (index, one) in deployments.iter().enumerate() {
        sheet.say(
            &format!("deployments[{index}]"),
            format!("`{}` by {} at {}, {}{}", one.component, one.name, one.at, often(one.per), bounds(one.kind)),
        );
    }
}

/// What a deployment of containers keeps to.
fn bounds(kind: DeploymentKind) -> String {
    match kind {
        DeploymentKind::Lambda(_) | DeploymentKind::InstanceRefresh(_) => String::new(),
        DeploymentKind::RollingUpdate(rule) => format!(
            ": at least {} % of the tasks serve, at most {} % start or serve",
            number(rule.min_healthy * 100.0),
            number(rule.maximum * 100.0),
        ),
        DeploymentKind::BlueGreen(rule) => {
            format!(": the original tasks are kept, and paid, for {} after the last step", rule.termination_wait)
        }
    }
}

const fn often(per: Frequency) -> &'static str {
    match per {
        Frequency::Month => "once a month",
        Frequency::Week => "once a week",
        Frequency::Once => "once ever, shown apart from the monthly bill",
    }
}

fn replay(sheet: &mut Sheet, file: &ReplayFile, kind: &str) {
    let repeat = if file.repeat { ", from the beginning again at its end" } else { "" };
    sheet.say("traffic.replay", format!("{}: {kind}, {} rows, {}{repeat}", file.shown, file.rows, file.covers));
    if let Some(share) = file.cpu_share {
        sheet.say("traffic.replay.cpu_share", format!("{} %", number(share * 100.0)));
    }
    match &file.measured_on {
        Some(MeasuredOn::LambdaMemory(mb)) => sheet.say("traffic.replay.measured_on", format!("Lambda, {mb} MB")),
        Some(MeasuredOn::Instance { name, speed }) => {
            sheet.say("traffic.replay.measured_on", format!("{name}, {speed} x the reference vCPU"));
        }
        None => {}
    }
}

fn request(sheet: &mut Sheet, class: &RequestClass) {
    sheet.prefix = format!("requests.{}.", class.name);
    sheet.say("share", format!("{} %", number(class.share * 100.0)));
    match &class.work {
        Work::Phases { cpu, wait } => {
            sheet.say("cpu", distribution(cpu));
            sheet.say("wait", distribution(wait));
        }
        Work::Duration { total, cpu_factor, wait_factor, split } => {
            sheet.say("duration", distribution(total));
            if *split {
                let (cpu, wait) = (number(cpu_factor * 100.0), number(wait_factor * 100.0));
                sheet.say(
                    "cpu_share",
                    format!("{cpu} % of the duration is CPU on the reference vCPU, {wait} % waiting"),
                );
            } else {
                sheet.say("cpu_share", "not stated: the duration is taken as it is");
            }
        }
    }
    sheet.say_or_default("request_size", bytes(class.request_size), &bytes(Bytes(1 << 10)));
    sheet.say_or_default("response_size", bytes(class.response_size), &bytes(Bytes(2 << 10)));
    sheet.say_or_default("log_size", bytes(class.log_size), &bytes(Bytes(500)));
    sheet.say_or_default("external_bytes", bytes(class.external_bytes), &bytes(Bytes(0)));
}

fn client(sheet: &mut Sheet, client: &Client) {
    match client.timeout {
        Some(timeout) => sheet.say("client.timeout", timeout),
        None => sheet.sourced("client.timeout", "none", "default: clients wait for ever"),
    }
    match &client.retries {
        Some(retries) => {
            let on: Vec<String> = retries.on.iter().map(u16::to_string).collect();
            let jitter = if retries.backoff.full_jitter { "full jitter" } else { "no jitter" };
            let backoff = &retries.backoff;
            sheet.say(
                "client.retries",
                format!(
                    "{} further attempts on {}; wait {} x {}^(k-1), at most {}, {jitter}",
                    retries.attempts,
                    on.join(", "),
                    backoff.base,
                    backoff.factor,
                    backoff.cap
                ),
            );
        }
        None => sheet.sourced("client.retries", "none", "default: clients do not try again"),
    }
    sheet.default(
        "client.requests_per_connection",
        number(client.requests_per_connection),
        "20".to_owned(),
        "default, an assumption: it decides the load balancer's new connections and nothing else",
    );
}

fn of_architecture(scenario: &Scenario, architecture: &Architecture) -> Vec<Assumption> {
    let mut sheet = Sheet::new(&architecture.name);
    match architecture.subnets {
        Subnets::Public => {
            sheet.say("subnets", "public: each instance has a public IPv4 address, no NAT; functions outside the VPC");
        }
        Subnets::Private { zones } => sheet.say("subnets", format!("private, a NAT gateway in each of {zones} zones")),
    }
    if let Some(operations) = &architecture.operations {
        for (name, time) in &operations.monthly {
            sheet.say(&format!("operations.{name}"), format!("{time} a month"));
        }
        sheet.say("operations.hourly_rate", format!("${} an hour, apart from the bill", operations.hourly_rate));
        if let Some(cost) = operations.migration {
            sheet.say("operations.migration", format!("${cost} once"));
        }
    }
    let names = Names { scenario, architecture };
    for (index, component) in architecture.components.iter().enumerate() {
        sheet.prefix = format!("components.{}.", component.name);
        match &component.kind {
            ComponentKind::HttpApi(api) => http_api(&mut sheet, &names, api),
            ComponentKind::LoadBalancer(balancer) => load_balancer(&mut sheet, &names, balancer),
            ComponentKind::Lambda(function) => {
                lambda(&mut sheet, function);
                if let Some(rate) = function_url::rate(scenario, architecture, index, function) {
                    let source = "10 x reserved concurrency (AWS Lambda developer guide, function URLs)";
                    sheet.sourced("function URL", format!("{rate} requests/s, 429 beyond it"), source);
                }
                function.calls.iter().for_each(|call| outbound(&mut sheet, &names, call));
                function.asynchronous.iter().for_each(|rule| asynchronous(&mut sheet, &names, rule));
            }
            ComponentKind::Pool(pool) => {
                lambda(&mut sheet, &pool.function);
                let what = format!("{} requests at once: a what-if, Lambda on demand gives one", pool.concurrency);
                sheet.say("environment_concurrency", what);
            }
            ComponentKind::Fleet(group) => match &group.managed {
                Some(rule) => managed(&mut sheet, group, rule),
                None => fleet(&mut sheet, group),
            },
            ComponentKind::Table(items) => table(&mut sheet, items),
            ComponentKind::Queue(messages) => queue(&mut sheet, &names, messages),
            ComponentKind::Stream(records) => stream(&mut sheet, &names, records),
        }
    }
    sheet.rows
}

/// For naming where a component sends its requests.
struct Names<'a> {
    scenario: &'a Scenario,
    architecture: &'a Architecture,
}

impl Names<'_> {
    fn route(&self, route: &Route) -> String {
        let name = |index: usize| {
            let id = route.0.get(index).map(|id| usize::from(id.0));
            id.and_then(|id| self.architecture.components.get(id)).map_or("?", |c: &Component| c.name.as_str())
        };
        let first = name(0);
        if (1..route.0.len()).all(|index| name(index) == first) {
            return first.to_owned();
        }
        let each: Vec<String> = self
            .scenario
            .classes
            .iter()
            .enumerate()
            .map(|(index, class)| format!("{} -> {}", class.name, name(index)))
            .collect();
        each.join(", ")
    }
}

fn http_api(sheet: &mut Sheet, names: &Names, api: &HttpApi) {
    sheet.say("to", names.route(&api.to));
    sheet.sourced(
        "latency",
        distribution(&api.latency),
        "stated in the model, or the default from memory: 5-15 ms, a REST API 10-30 ms",
    );
    sheet.default(
        "timeout",
        api.timeout.to_string(),
        SimDuration::from_secs(if api.rest { 29 } else { 30 }).to_string(),
        "Amazon API Gateway developer guide, quotas",
    );
}

fn load_balancer(sheet: &mut Sheet, names: &Names, balancer: &LoadBalancer) {
    sheet.say("to", names.route(&balancer.to));
    let algorithm = match balancer.algorithm {
        Balancing::RoundRobin => "round robin",
        Balancing::LeastOutstanding => "least outstanding requests",
        Balancing::Random => "random",
        Balancing::Zonal => "one of the zones, then any of its targets",
    };
    sheet.say("zones", balancer.zones);
    sheet.say("latency", distribution(&balancer.latency));
    if let Some(network) = balancer.network {
        let crosses = if network.cross_zone { "on, which is paid as traffic between zones" } else { "off" };
        sheet.say("algorithm", algorithm);
        return sheet.say("cross-zone", crosses);
    }
    sheet.default("algorithm", algorithm, "round robin", AWS_ALB);
    sheet.default("idle_timeout", balancer.idle_timeout.to_string(), SimDuration::from_secs(60).to_string(), AWS_ALB);
    sheet.say("rules", balancer.rules);
    if balancer.slow_start > SimDuration::ZERO {
        sheet.say("slow start", format!("a target takes its full share after {}", balancer.slow_start));
    }
}

fn lambda(sheet: &mut Sheet, function: &Function) {
    let share = f64::from(function.memory.0) / 1_769.0;
    sheet.sourced(
        "memory",
        format!("{} MB = {:.3} vCPU", function.memory.0, share),
        "AWS Lambda developer guide: 1,769 MB = 1 vCPU",
    );
    sheet.say("arch", arch(function.arch));
    sheet.say("runtime", &function.runtime);
    if function.edge {
        sheet.sourced("edge", "Lambda@Edge: its own prices, no free tier", "aws.amazon.com/lambda/pricing");
    }
    if let Some(rule) = &function.durable {
        durable(sheet, rule);
    }
    sheet.default(
        "allocation",
        distribution(&function.allocation),
        distribution(&Distribution::Constant(SimDuration::from_millis(150))),
        ALLOCATION_SOURCE,
    );
    sheet.sourced(
        "cold start",
        parts(&function.init),
        "the runtime's measured init (maxday/lambda-perf) plus the model's dependencies, or the model's own `cold_start`",
    );
    sheet.say("first call", format!("{} slower than a warm one", function.first_call));
    sheet.say("timeout", function.timeout);
    sheet.default("idle_timeout", Seconds(function.idle_timeout), Seconds(SimDuration::from_secs(640)), IDLE_SOURCE);
    let lifecycle = &function.lifecycle;
    if lifecycle.idle.is_some() {
        sheet.say("idle_timeout, drawn", "once for each replication; the value above is its mean");
    }
    if lifecycle.shutdown > SimDuration::ZERO {
        let source =
            "at most 0.5 s (internal) or 2 s (external): Lambda developer guide; that it is billed is from memory";
        sheet.sourced("extensions.shutdown", format!("{} paid when an environment ends", lifecycle.shutdown), source);
    }
    if lifecycle.proactive > 0.0 {
        sheet.say("proactive_init", format!("{} % of the new environments", number(lifecycle.proactive * 100.0)));
    }
    match function.max_age {
        Some(age) => sheet.say("max_age", age),
        None => sheet.sourced("max_age", "none", "default: the public logs show no end by age within their length"),
    }
    match function.reserved_concurrency {
        Some(reserved) => sheet.say("reserved_concurrency", reserved),
        None => sheet.say("reserved_concurrency", "none"),
    }
    sheet.default("speed", factor(function.speed), factor(1.0), SPEED_SOURCE);
    sheet.say("platform log", format!("{} a call", bytes(function.platform_log)));
    if let Some(provisioned) = &function.provisioned {
        sheet.sourced(
            "provisioned concurrency",
            provisioned_in_words(provisioned),
            "inits after the start are paid beside the capacity (AWS Lambda developer guide), at the price of calls on such environments (our reading)",
        );
    }
    if function.error_rate > 0.0 {
        sheet.say("error rate", format!("{} % of calls", function.error_rate * 100.0));
    }
    if let Some(snapstart) = function.snapstart {
        let paid = if snapstart.paid { "cache and restores are paid" } else { "free for Java" };
        sheet.say("SnapStart", format!("allocation is the restore, init the after-restore hook; {paid}"));
    }
    if function.ephemeral.0 > 512 {
        sheet.say("ephemeral storage", format!("{} MB", function.ephemeral.0));
    }
    if function.streaming {
        sheet.say("response streaming", "paid beyond 6 MB a response");
    }
}

fn outbound(sheet: &mut Sheet, names: &Names, call: &Outbound) {
    let component = names.architecture.components.get(usize::from(call.to.0));
    let name = component.map_or("?", |component| component.name.as_str());
    let mut words = match &call.what {
        OutboundKind::Table { reads, writes } => format!("{reads} items read and {writes} written, one after another"),
        OutboundKind::Function { work, retries } => {
            format!("{}; {retries} retries after a throttle", work_in_words(work.as_ref()))
        }
        OutboundKind::Message { work } => format!("left there, not waited for: {}", work_in_words(work.as_ref())),
    };
    if call.classes.contains(&false) {
        let classes = names.scenario.classes.iter().zip(&call.classes).filter(|(_, makes)| **makes);
        let classes: Vec<&str> = classes.map(|(class, _)| class.name.as_str()).collect();
        words += &format!("; for {} alone", classes.join(", "));
    }
    sheet.say(&format!("calls.{name}"), words);
}

fn work_in_words(work: Option<&(Distribution, Distribution)>) -> String {
    match work {
        Some((cpu, wait)) => format!("cpu {}, wait {}", distribution(cpu), distribution(wait)),
        None => "what the request itself needs".to_owned(),
    }
}

fn queue(sheet: &mut Sheet, names: &Names, queue: &Queue) {
    let name = |id: ComponentId| {
        names.architecture.components.get(usize::from(id.0)).map_or("?", |component| component.name.as_str())
    };
    sheet.sourced(
        "send_latency",
        distribution(&queue.send_latency),
        "stated in the model, or the default: an estimate",
    );
    sheet.say("retention", queue.retention);
    let Some(rule) = &queue.consumer else { return sheet.say("to", "nobody: messages stay") };
    sheet.say("to", name(rule.to));
    sheet.default("batch_size", rule.batch_size, 10, AWS_SQS);
    sheet.say("batch_window", rule.batch_window);
    sheet.default("visibility_timeout", Seconds(rule.visibility_timeout), Seconds(SimDuration::from_secs(30)), AWS_SQS);
    match rule.maximum_concurrency {
        Some(most) => sheet.say("maximum_concurrency", most),
        None => sheet.sourced("maximum_concurrency", "from 5 batches, 300 more a minute, up to 1,000", AWS_SQS),
    }
    if let (Some(count), Some(to)) = (rule.max_receive_count, rule.dead_letter) {
        sheet.say("dead_letter", format!("{} after {count} receives", name(to)));
    }
    if rule.partial_failures {
        sheet.say("partial_failures", "only the messages that failed come back");
    }
}

fn stream(sheet: &mut Sheet, names: &Names, stream: &Stream) {
    let name = |id: ComponentId| {
        names.architecture.components.get(usize::from(id.0)).map_or("?", |component| component.name.as_str())
    };
    let kind = match stream.kind {
        StreamKind::Kinesis => "Kinesis",
        StreamKind::DynamoDb => "DynamoDB",
    };
    sheet.say("shards", format!("{} of {kind}", stream.shards));
    sheet.sourced("put_latency", distribution(&stream.put_latency), "stated in the model, or the default: an estimate");
    sheet.say("retention", stream.retention);
    let Some(rule) = &stream.consumer else { return sheet.say("to", "nobody") };
    sheet.say("to", name(rule.to));
    sheet.default("batch_size", rule.batch_size, 100, AWS_STREAMS);
    sheet.say("batch_window", rule.batch_window);
    sheet.say("parallelization", format!("{} batches of a shard at a time", rule.parallelization));
    let attempts = rule.maximum_retry_attempts.map_or_else(|| "any number of".to_owned(), |most| most.to_string());
    let age = rule.maximum_record_age.unwrap_or(stream.retention);
    let bisect = if rule.bisect { "halved, then " } else { "" };
    let to = rule.on_failure.map_or("lost", name);
    sheet.sourced(
        "a batch that fails",
        format!("is {bisect}tried again each second, {attempts} retries, until it is {age} old; then {to}"),
        AWS_STREAMS,
    );
}

fn asynchronous(sheet: &mut Sheet, names: &Names, rule: &Asynchronous) {
    let to = rule.on_failure.and_then(|id| names.architecture.components.get(usize::from(id.0)));
    sheet.sourced(
        "async",
        format!(
            "answered at once; {} further attempts after errors (1 and 2 min), throttles tried again for {}; then {}",
            rule.retries,
            rule.maximum_age,
            to.map_or_else(|| "dropped".to_owned(), |to| format!("to `{}`", to.name))
        ),
        "AWS Lambda developer guide, asynchronous invocation",
    );
}

fn table(sheet: &mut Sheet, table: &Table) {
    sheet.say("item_size", bytes(table.item));
    sheet.sourced("read_latency", distribution(&table.read_latency), TABLE_SOURCE);
    sheet.sourced("write_latency", distribution(&table.write_latency), TABLE_SOURCE);
    sheet.say(
        "consistency",
        match table.reads {
            Consistency::Eventual => "eventual: half a unit for each 4 KB",
            Consistency::Strong => "strong: a unit for each 4 KB",
            Consistency::Transactional => "transactional: two units for each 4 KB",
        },
    );
    if table.transactional_writes {
        sheet.say("transactional_writes", "two units for each KB");
    }
    if table.storage.0 > 0 {
        sheet.say("storage", bytes(table.storage));
    }
}

fn provisioned_in_words(rule: &Provisioned) -> String {
    let mut words = format!("{}, all ready at the start", rule.level);
    if let Some(tracking) = &rule.tracking {
        let ProvisionedTracking { utilisation, min, max } = tracking;
        words += &format!("; target tracking at {} % between {min} and {max}", utilisation * 100.0);
    }
    for (at, level) in &rule.schedule {
        words += &format!("; {level} from {at} after midnight");
    }
    words + &format!("; a raise takes {} and 1 s for each 100", rule.preparation)
}

/// When a fleet changes its size.
fn scaling(sheet: &mut Sheet, fleet: &Fleet) {
    for policy in &fleet.scaling {
        match policy {
            ScalingPolicy::TargetTracking(policy) => {
                let inwards = if policy.disable_scale_in {
                    "never in".to_owned()
                } else {
                    format!("in after {} periods below {} x that", policy.in_periods, policy.in_bound)
                };
                let target = metric(policy.metric, policy.target);
                sheet.sourced(
                    "scaling.target_tracking",
                    format!("{target}; out after {} periods above it, {inwards}", policy.out_periods),
                    ALARM_SOURCE,
                );
            }
            ScalingPolicy::Step(policy) => {
                let side = if policy.alarm.above { "above" } else { "below" };
                let mut words = format!(
                    "{} periods {side} {}",
                    policy.alarm.periods,
                    metric(policy.alarm.metric, policy.alarm.threshold)
                );
                for step in &policy.steps {
                    words += &match step.change {
                        Change::By(count) => format!("; {count:+} instances"),
                        Change::Percent(percent) => format!("; {percent:+} %"),
                        Change::To(size) => format!("; to {size} instances"),
                    };
                    if step.from > 0.0 {
                        words += &format!(" from {} beyond it", metric(policy.alarm.metric, step.from));
                    }
                }
                match policy.cooldown {
                    Some(cooldown) => sheet.say("scaling.simple", format!("{words}; then rests for {cooldown}")),
                    None => sheet.say("scaling.step", words),
                }
            }
        }
    }
    for change in &fleet.schedule {
        let size = |what: &str, size: Option<u32>| size.map_or_else(String::new, |size| format!(", {what} {size}"));
        let (min, max, desired) = (size("min", change.min), size("max", change.max), size("desired", change.desired));
        let days: Vec<&str> = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
            .into_iter()
            .enumerate()
            .filter(|(day, _)| change.days.contains(*day as u8))
            .map(|(_, name)| name)
            .collect();
        sheet.say("schedule", format!("{} after midnight on {}{min}{max}{desired}", change.at, days.join(" ")));
    }
}

fn metric(metric: TrackedMetric, value: f64) -> String {
    match metric {
        TrackedMetric::Cpu => format!("{} % CPU", number(value * 100.0)),
        TrackedMetric::RequestsPerTarget => format!("{} requests a minute and target", number(value)),
        TrackedMetric::Outstanding => format!("{} requests at work or queued on an instance", number(value)),
    }
}

fn fleet(sheet: &mut Sheet, fleet: &Fleet) {
    let kind = &fleet.instance;
    let memory = number(f64::from(kind.memory_mib) / 1_024.0);
    let what = if fleet.task.is_some() { "task" } else { "instance_type" };
    sheet.say(what, format!("{}: {} vCPU, {memory} GiB, {}", kind.name, fleet.vcpus(), arch(kind.arch)));
    if fleet.eks {
        sheet.say("control plane", "EKS, paid by the hour");
    }
    if fleet.scale_in_rest > SimDuration::ZERO {
        sheet.say("cooldown", format!("no scaling in for {} after a change", fleet.scale_in_rest));
    }
    sheet.say(
        "size",
        format!("min {}, desired {}, max {}, over {} zones", fleet.min, fleet.desired, fleet.max, fleet.zones),
    );
    sheet.say("concurrency", format!("{} requests at work on one instance", limit(fleet.concurrency)));
    sheet.say("queue", format!("{} requests waiting on one instance", limit(fleet.queue)));
    if fleet.scaling.is_empty() {
        sheet.say("scaling", "none: the size is fixed");
    }
    scaling(sheet, fleet);
    if let Some(spot) = &fleet.spot {
        let share = number(spot.on_demand_share * 100.0);
        let interrupted = number(spot.interruptions * 100.0);
        sheet.sourced(
            "spot",
            format!("{} on demand, above them {share} %; {interrupted} % are interrupted in a month, two minutes after a notice", spot.base),
            "stated in the model; AWS Spot Advisor publishes bands",
        );
        if let Some(task) = fleet.task {
            let off = number(f64::from(task.spot_discount) / 10.0);
            sheet.sourced(
                "spot price",
                format!("{off} % off on demand"),
                "stated in the model; AWS says up to 70 %, 2026",
            );
        }
    }
    if fleet.task.is_some() {
        sheet.sourced(
            "launches",
            "100 at once, 20 a second, of all services of the account together; those of Spot tasks apart".to_owned(),
            "Amazon ECS developer guide, Fargate throttling quotas, 2023-06",
        );
    }
    if !fleet.replaces_unhealthy {
        sheet.sourced(
            "health checks",
            format!(
                "EC2: an instance that hangs is taken out of service, not replaced, and healthy again after {} passed checks",
                fleet.healthy_threshold
            ),
            "EC2 Auto Scaling and ELB user guides, health checks",
        );
    }
    if let Some(mtbf) = fleet.mtbf {
        sheet.say("mtbf", format!("an instance fails once in {mtbf}, at random"));
    }
    if let Some(credits) = fleet.credits {
        let without = if credits.unlimited { "surplus is paid" } else { "slows down to its baseline without any" };
        sheet.sourced(
            "CPU credits",
            format!("{} an hour and instance, none at first, at most 24 hours' worth; {without}", credits.hourly),
            "Amazon EC2 user guide, CPU credits and baseline utilization",
        );
    }
    sheet.default("speed", factor(fleet.speed), factor(1.0), SPEED_SOURCE);
    sheet.sourced("boot until running", distribution(&fleet.pending), PENDING_SOURCE);
    sheet.say("boot after running", parts(&fleet.boot));
    sheet.default(
        "health_check_interval",
        Seconds(fleet.health_check_interval),
        Seconds(SimDuration::from_secs(30)),
        AWS_ALB,
    );
    sheet.default(
        "deregistration_delay",
        Seconds(fleet.deregistration_delay),
        Seconds(SimDuration::from_secs(300)),
        AWS_ALB,
    );
    let (gib, iops, mbps) = (fleet.volume_gib, fleet.volume_iops, fleet.volume_mbps);
    let more = if (iops, mbps) == (Fleet::FREE_IOPS, Fleet::FREE_MBPS) {
        String::new()
    } else {
        format!(" with {iops} operations a second and {mbps} MB/s")
    };
    sheet.say("volume", format!("{gib} GiB gp3 a machine{more}"));
    sheet.say("metric period", fleet.metric_period);
    sheet.say("instance warm-up", fleet.warmup);
    group::group(sheet, fleet);
}

/// Executions of a durable function.
fn durable(sheet: &mut Sheet, rule: &Durable) {
    let waits: Vec<String> = rule.waits.iter().map(distribution).collect();
    let waits = if waits.is_empty() { "no waits".to_owned() } else { format!("waits of {}", waits.join(", ")) };
    sheet.say("durable", format!("{} steps, {waits}", rule.steps));
    sheet.sourced(
        "durable invocations",
        "one, and one more after each wait",
        "Lambda developer guide, durable functions",
    );
    sheet.sourced(
        "durable operations",
        "the start, each step and each wait; a retry of a step is none",
        "our reading of aws.amazon.com/lambda/pricing",
    );
    sheet
        .say("durable replay", format!("{} at the begin of each invocation but the first", distribution(&rule.replay)));
    sheet.sourced("durable retries", rule.retries, "default from memory: the SDKs make six attempts");
    sheet.say("durable retention", rule.retention);
}

/// A function on Lambda Managed Instances.
fn managed(sheet: &mut Sheet, fleet: &Fleet, rule: &Managed) {
    const GUIDE: &str = "Lambda developer guide, Managed Instances";
    let kind = &fleet.instance;
    let memory = number(f64::from(kind.memory_mib) / 1_024.0);
    sheet.say("instance_type", format!("{}: {} vCPU, {memory} GiB, {}", kind.name, kind.vcpu, arch(kind.arch)));
    sheet.say(
        "environments",
        format!(
            "{} on an instance, {} requests at once in each ({})",
            rule.environments, rule.per_environment, rule.runtime
        ),
    );
    sheet.say(
        "size",
        format!("min {}, desired {}, max {}, over {} zones", fleet.min, fleet.desired, fleet.max, fleet.zones),
    );
    scaling(sheet, fleet);
    sheet.sourced(
        "scaling",
        "target tracking by minutes stands for Lambda's own rule",
        "an assumption: AWS publishes none",
    );
    sheet.sourced("refused", "what finds no environment with room: 429", GUIDE);
    sheet.sourced("rotation", format!("an instance is replaced after {}", rule.rotation), GUIDE);
    sheet.default("speed", factor(fleet.speed), factor(1.0), SPEED_SOURCE);
    sheet.sourced("boot until running", distribution(&fleet.pending), PENDING_SOURCE);
    sheet.say("boot after running", parts(&fleet.boot));
    sheet.sourced(
        "bill",
        "the instances, a fee of 15 % of their on-demand price, and requests; no duration, no volumes",
        "aws.amazon.com/lambda/pricing; that volumes are not paid apart is our reading",
    );
}

/// `1.0 x the reference vCPU`.
fn factor(speed: f64) -> String {
    format!("{speed:?} x the reference vCPU")
}

fn arch(arch: Arch) -> &'static str {
    match arch {
        Arch::X86 => "x86_64",
        Arch::Arm => "arm64",
    }
}

/// A duration that reads better in seconds than in minutes and days.
#[derive(PartialEq)]
struct Seconds(SimDuration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", number(self.0.as_secs_f64()))
    }
}

/// A duration in hours.
#[derive(PartialEq)]
struct Hours(SimDuration);

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} h", number(self.0.as_hours_f64()))
    }
}

/// A limit that can be shown.
#[derive(PartialEq)]
struct Shown(Limit);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&limit(self.0))
    }
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::At(n) => crate::money::grouped(&n.to_string()),
        Limit::Unlimited => "unlimited".to_owned(),
    }
}

fn rate(rate: PerSecond) -> String {
    format!("{} requests/s", number(rate.0))
}

/// At most six significant decimals, without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bytes(bytes: Bytes) -> String {
    const KB: u64 = 1_024;
    match bytes.0 {
        n if n >= KB * KB && n.is_multiple_of(KB * KB) => format!("{} MB", n / (KB * KB)),
        n if n >= KB && n.is_multiple_of(KB) => format!("{} KB", n / KB),
        n => format!("{n} B"),
    }
}

fn parts(parts: &[Distribution]) -> String {
    let shown: Vec<String> = parts.iter().filter(|part| !part.is_zero()).map(distribution).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(" + ") }
}

/// A distribution in words, durations in milliseconds.
fn distribution(distribution: &Distribution) -> String {
    let ms = |duration: &SimDuration| number(duration.as_millis_f64());
    match distribution {
        Distribution::Constant(value) => format!("{} ms", ms(value)),
        Distribution::Exponential { mean } => format!("exponential, mean {} ms", ms(mean)),
        Distribution::LogNormal { mu, sigma } => {
            // The 99 % quantile of the standard normal distribution.
            let p99 = libm::exp(mu + 2.326_347_874_040_841 * sigma);
            format!("log-normal, p50 {:.3} ms, p99 {:.3} ms", libm::exp(*mu) * 1e3, p99 * 1e3)
        }
        Distribution::Gamma { shape, scale } => {
            format!("gamma, mean {} ms, shape {}", number(shape * scale * 1e3), number(*shape))
        }
        Distribution::Uniform { low, high } => format!("uniform, {} to {} ms", ms(low), ms(high)),
        Distribution::Percentiles(points) => {
            let shown: Vec<String> =
                points.iter().map(|(percent, value)| format!("p{} {}", number(*percent), ms(value))).collect();
            format!("percentiles: {} ms", shown.join(", "))
        }
        Distribution::Samples(values) => {
            let ends = values.first().zip(values.last());
            let range = ends.map(|(low, high)| format!(", {} to {} ms", ms(low), ms(high))).unwrap_or_default();
            format!("{} measured values{range}", values.len())
        }
    }
}
