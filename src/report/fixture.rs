//! Made-up but plausible results for the tests of the reports: a shop with a daily wave and a twenty-minute sale, on up to
//! seven architectures. Line items multiply and add up exactly, as the real ones do.

use crate::results::*;

/// Buckets of an hour in four weeks.
const BUCKETS: usize = 672;

/// Few digits, so that JSON gives back the very same number.
fn short(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn fig(value: f64, relative: f64) -> Figure {
    let half = value * relative;
    let each = [-1.0, 0.4, 0.1, 0.9, -0.4].iter().map(|d| short(value + d * half)).collect();
    Figure { value: short(value), low: Some(short(value - half)), high: Some(short(value + half)), each }
}

/// Exact product of two decimal strings.
pub(super) fn times(a: &str, b: &str) -> String {
    let parse = |s: &str| {
        let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
        (format!("{whole}{fraction}").parse::<i128>().expect("digits"), fraction.len())
    };
    let ((a, pa), (b, pb)) = (parse(a), parse(b));
    let places = pa + pb;
    let digits = format!("{:0>width$}", a * b, width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// Exact sum of decimal strings.
pub(super) fn sum<'a>(amounts: impl IntoIterator<Item = &'a str>) -> String {
    const PLACES: usize = 20;
    let total: i128 = amounts
        .into_iter()
        .map(|s| {
            let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
            format!("{whole}{fraction:0<PLACES$}").parse::<i128>().expect("digits")
        })
        .sum();
    let digits = format!("{total:0>width$}", width = PLACES + 1);
    let (whole, fraction) = digits.split_at(digits.len() - PLACES);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// From component, service, SKU, description, quantity, unit, unit price and formula.
fn item(parts: [&str; 8]) -> LineItem {
    let [component, service, sku, description, quantity, unit, price, how] = parts;
    LineItem {
        upfront: None,
        component: component.to_owned(),
        service: service.to_owned(),
        sku: sku.to_owned(),
        description: description.to_owned(),
        quantity: quantity.to_owned(),
        unit: unit.to_owned(),
        unit_price: price.to_owned(),
        list_unit_price: price.to_owned(),
        effective_unit_price: price.to_owned(),
        commitment: None,
        amount: times(quantity, price),
        formula: how.to_owned(),
        source: "https://aws.amazon.com/pricing/, read from the price list".to_owned(),
        as_of: "2026-10-28".to_owned(),
        confidence: "list".to_owned(),
    }
}

/// The daily wave in requests a second, with a sale on the thirteenth day at nine in the evening.
fn rate(bucket: usize) -> f64 {
    let hour = (bucket % 24) as f64;
    let day = bucket / 24;
    let wave = libm::exp(2.1 * (libm::cos((hour - 20.0) / 24.0 * std::f64::consts::TAU) - 1.0));
    let weekend = if day % 7 >= 5 { 0.7 } else { 1.0 };
    let noise = 1.0 + 0.04 * libm::sin(bucket as f64 * 12.9898) + 0.02 * libm::sin(bucket as f64 * 78.233);
    let sale = if bucket == 12 * 24 + 21 { 3.3 } else { 1.0 };
    160.0 * wave * weekend * noise * sale
}

fn series(serverless: bool, slow: f64, monthly: f64) -> Series {
    let mut s = Series { bucket_seconds: 3600.0, ..Series::default() };
    let component = if serverless { "shop" } else { "web" };
    let (mut capacity, mut busy, mut cost) = (Vec::new(), Vec::new(), 0.0);
    let all: f64 = (0..BUCKETS).map(rate).sum();
    for b in 0..BUCKETS {
        let r = rate(b);
        let sale = b == 12 * 24 + 21;
        let arrived = (r * 3600.0) as u64;
        let throttled = if sale && serverless { arrived / 40 } else { 0 };
        let rejected = if sale && !serverless { arrived / 9 } else { u64::from(b % 97 == 5 && !serverless) * 12 };
        let timed_out = if sale && !serverless { arrived / 50 } else { 0 };
        let failed = arrived / 30_000;
        s.arrived.push(arrived);
        s.throttled.push(throttled);
        s.rejected.push(rejected);
        s.timed_out.push(timed_out);
        s.failed.push(failed);
        s.served.push(arrived - throttled - rejected - timed_out - failed);
        s.cold_starts.push(if serverless { (r / 4.0) as u64 + 3 } else { 0 });
        let wobble = 1.0 + 0.1 * libm::sin(b as f64 * 3.7);
        let load = if serverless { 1.0 } else { 1.0 + r / 160.0 * 0.8 + if sale { 9.0 } else { 0.0 } };
        s.p50_ms.push(Some(short(31.0 * slow * wobble * load)));
        s.p95_ms.push(Some(short(96.0 * slow * wobble * load)));
        s.p99_ms.push(Some(short(
            (if serverless { 240.0 } else { 165.0 }) * slow * wobble * load * if sale { 2.2 } else { 1.0 },
        )));
        if serverless {
            capacity.push(short(r * 0.09 + 6.0));
            busy.push(short(r * 0.06));
        } else {
            capacity.push((r / 60.0).ceil().clamp(2.0, 8.0));
            busy.push(short((r / 60.0 * 0.55).min(8.0)));
        }
        cost += if serverless { monthly * r / all } else { monthly * (r / all * 0.4 + 0.6 / BUCKETS as f64) };
        s.cumulative_cost.push(short(cost));
    }
    s.capacity = vec![NamedSeries { name: component.to_owned(), values: capacity }];
    s.busy = vec![NamedSeries { name: component.to_owned(), values: busy }];
    s
}

fn histogram(serverless: bool, slow: f64) -> HistogramResult {
    let mut bins = Vec::new();
    let mut ms = 4.0;
    while ms < 4_000.0 {
        let z = libm::log(ms / (31.0 * slow)) / 0.75;
        let mut n = 4e5 * libm::exp(-z * z / 2.0);
        if serverless {
            let z = libm::log(ms / 900.0) / 0.2;
            n += 300.0 * libm::exp(-z * z / 2.0);
        }
        if n >= 1.0 {
            bins.push((short(ms), n as u64));
        }
        ms *= 1.0 + 1.0 / 128.0;
    }
    HistogramResult { name: "all".to_owned(), bins }
}

fn architecture(index: usize) -> ArchitectureResult {
    const NAMES: [&str; 7] = [
        "lambda-http-api",
        "ec2-asg-alb",
        "lambda-1769mb-x86",
        "lambda-128mb",
        "ec2-fixed-peak",
        "ec2-asg-large",
        "lambda-provisioned-behind-a-load-balancer",
    ];
    let serverless = matches!(index, 0 | 2 | 3 | 6);
    let slow = [1.0, 0.9, 0.6, 3.1, 0.8, 0.7, 0.95][index % 7];
    let arrived = 97_000_000.0;
    let component = if serverless { "shop" } else { "web" };
    let front = if serverless { "api" } else { "lb" };
    let scale = 1 + index as u64;
    let mut line_items = if serverless {
        vec![
            item([
                "api",
                "Amazon API Gateway",
                "apigw.http.request",
                "HTTP API requests, first 300 million",
                "105382917",
                "request",
                "0.000001",
                "97,012,345 requests x 730 h / 672 h = 105,382,917 (tier 0 to 300,000,000)",
            ]),
            item([
                "shop",
                "AWS Lambda",
                "lambda.request.arm",
                "Requests",
                "104382917",
                "request",
                "0.0000002",
                "105,382,917 requests - 1,000,000 free",
            ]),
            item([
                "shop",
                "AWS Lambda",
                "lambda.duration.arm",
                "Duration, first 7.5 billion GB-s",
                &format!("{}.482113", 3_871_220 * scale),
                "GB-s",
                "0.0000133334",
                "3,972,891,120,384 MB x ms / 1,024,000 x 730 / 672 - 400,000 GB-s free",
            ]),
            item([
                "shop",
                "Amazon CloudWatch",
                "logs.ingest",
                "Logs taken in, first 10 TB",
                "49.073218",
                "GB",
                "0.5",
                "500 B x requests - 5 GB free",
            ]),
        ]
    } else {
        vec![
            item([
                "web",
                "Amazon EC2",
                "ec2.od.linux.m7g.large",
                "m7g.large, Linux, on demand",
                &format!("{}.250000", 2_610 * scale),
                "hour",
                "0.0816",
                "2,402.7 instance-hours x 730 h / 672 h",
            ]),
            item([
                "web",
                "Amazon EBS",
                "ebs.gp3",
                "gp3 volume, 8 GB an instance",
                "28.602740",
                "GB-month",
                "0.08",
                "8 GiB x instance-hours / 730",
            ]),
            item([
                "web",
                "Amazon VPC",
                "vpc.ipv4",
                "Public IPv4 address in use",
                "4070.25",
                "hour",
                "0.005",
                "2 balancer + 3.58 instances x 730 h",
            ]),
            item([
                "lb",
                "Elastic Load Balancing",
                "alb.hour",
                "Application Load Balancer",
                "730",
                "hour",
                "0.0225",
                "730 h",
            ]),
            item([
                "lb",
                "Elastic Load Balancing",
                "alb.lcu",
                "LCU, largest of four dimensions each hour",
                "3120.114208",
                "LCU-hour",
                "0.008",
                "processed bytes decide in 611 of 672 h",
            ]),
            item([
                "web",
                "Amazon CloudWatch",
                "logs.ingest",
                "Logs taken in, first 10 TB",
                "49.073218",
                "GB",
                "0.5",
                "500 B x requests - 5 GB free",
            ]),
        ]
    };
    line_items.push(item([
        "account",
        "AWS Data Transfer",
        "egress.internet",
        "Internet egress, first 10 TB",
        "1909.844120",
        "GB",
        "0.09",
        "20 KB x requests - 100 GB free",
    ]));
    if serverless {
        line_items[3].confidence = "memory".to_owned();
    }
    let total = sum(line_items.iter().map(|i| i.amount.as_str()));
    let value: f64 = total.parse().expect("a number");
    let text = |v: f64| format!("{v:.6}");
    let unserved = if serverless { 0.00012 } else { 0.00071 };
    let latency = Latency {
        mean: fig(41.0 * slow, 0.004),
        p50: fig(31.2 * slow, 0.003),
        p90: fig(77.0 * slow, 0.004),
        p95: fig(98.4 * slow, 0.006),
        p99: fig(if serverless { 243.0 } else { 187.0 } * slow, 0.02),
        p999: fig(if serverless { 1_130.0 } else { 920.0 } * slow, 0.05),
        max: fig(4_312.0 * slow, 0.0),
    };
    let requests = Requests {
        arrived: fig(arrived, 0.0002),
        served: fig(arrived * (1.0 - unserved) - 3.0, 0.0002),
        throttled: fig(if serverless { arrived * 0.0001 } else { 0.0 }, 0.1),
        rejected: fig(if serverless { 0.0 } else { arrived * 0.0006 }, 0.1),
        timed_out: fig(if serverless { 0.0 } else { arrived * 0.00009 }, 0.1),
        failed: fig(arrived * 0.00002, 0.02),
        in_flight: fig(3.0, 0.3),
        retried: fig(0.0, 0.0),
    };
    let cold_starts = fig(if serverless { 21_430.0 / slow } else { 0.0 }, 0.03);
    let p99_met = index != 3;
    let level = |mean: f64, peak: f64| Some(Level { mean: fig(mean, 0.01), peak: fig(peak, 0.02) });
    ArchitectureResult {
        at_speed: Vec::new(),
        name: NAMES[index % 7].to_owned(),
        description: Some(if serverless {
            "A function behind an HTTP API".into()
        } else {
            "Instances behind a balancer".into()
        }),
        tags: Default::default(),
        variants: Vec::new(),
        events: vec![event(serverless)],
        classes: ["browse", "checkout"]
            .iter()
            .map(|name| ClassResult {
                name: (*name).to_owned(),
                requests: requests.clone(),
                cold_starts: cold_starts.clone(),
                latency_ms: latency.clone(),
            })
            .collect(),
        components: vec![
            ComponentResult {
                name: front.to_owned(),
                kind: if serverless { "http_api" } else { "load_balancer" }.to_owned(),
                served: requests.served.clone(),
                throttled: fig(0.0, 0.0),
                rejected: fig(0.0, 0.0),
                cold_starts: None,
                capacity: None,
                busy: None,
                utilisation: None,
                idle_cost: None,
                idle_cost_each: Vec::new(),
                idle_shares: Vec::new(),
                peak_connections: None,
                mean_time_ms: fig(43.0 * slow, 0.004),
                mean_in_system: fig(1.7, 0.004),
                queue: None,
                backlog: None,
            },
            ComponentResult {
                name: component.to_owned(),
                kind: if serverless { "lambda" } else { "fleet" }.to_owned(),
                served: requests.served.clone(),
                throttled: requests.throttled.clone(),
                rejected: requests.rejected.clone(),
                cold_starts: serverless.then(|| cold_starts.clone()),
                capacity: if serverless { level(14.2 * slow, 71.0) } else { level(3.58, 8.0) },
                busy: if serverless { level(5.1 * slow, 48.0) } else { level(1.31, 7.6) },
                utilisation: Some(fig(if serverless { 0.36 } else { 0.366 }, 0.01)),
                idle_cost: if serverless {
                    (index == 6).then(|| "38.114".to_owned())
                } else {
                    Some(text(136.4 * scale as f64))
                },
                idle_cost_each: Vec::new(),
                idle_shares: Vec::new(),
                peak_connections: Some(fig(if serverless { 71.0 } else { 80.0 }, 0.02)),
                mean_time_ms: fig(41.0 * slow, 0.004),
                mean_in_system: fig(1.6, 0.004),
                queue: None,
                backlog: None,
            },
        ],
        commitments: Vec::new(),
        ownership: None,
        monthly_cost: MonthlyCost {
            currency: "USD".to_owned(),
            low: Some(text(value * 0.992)),
            high: Some(text(value * 1.008)),
            without_free_tier: Some(text(value + if serverless { 14.5 } else { 11.5 })),
            without_free_tier_each: Vec::new(),
            each: [0.994, 1.001, 1.0, 1.006, 0.999].iter().map(|f| text(value * f)).collect(),
            once: None,
            at_traffic: vec![
                CostAtTraffic { scale: 0.75, total: text(value * if serverless { 0.76 } else { 0.88 }) },
                CostAtTraffic { scale: 1.25, total: text(value * if serverless { 1.24 } else { 1.13 }) },
            ],
            per_million_requests: Some(text(value / 105.38)),
            at_list_prices: None,
            converted: None,
            tax: None,
            share_from_memory: if serverless { 0.04 } else { 0.0 },
            total: Some(total),
            invoiced: None,
        },
        line_items,
        usage: vec![UsageResult {
            replication: 0,
            component: component.to_owned(),
            sku: "lambda.request.arm".to_owned(),
            unit: "count".to_owned(),
            total: "97012345".to_owned(),
            hourly: (0..BUCKETS).map(|b| (rate(b) * 3600.0) as u64).collect(),
        }],
        series: series(serverless, slow, value),
        histograms: vec![histogram(serverless, slow)],
        objectives: vec![
            ObjectiveResult {
                name: "p99".to_owned(),
                text: "p99 <= 500 ms in 99.9 % of 5 m windows".to_owned(),
                limit: 500.0,
                value: Some(latency.p99.value),
                met: p99_met,
                margin_each: Vec::new(),
                met_each: Vec::new(),
                windows_met: Some(if p99_met { 0.99953 } else { 0.9121 }),
                worst_window: Some(12.0 * 86_400.0 + 21.0 * 3_600.0 + 300.0),
                minutes_missed: Some(fig(if p99_met { 19.0 } else { 3_544.0 }, 0.2)),
            },
            ObjectiveResult {
                name: "failures".to_owned(),
                text: "failures <= 0.05 %".to_owned(),
                limit: 0.0005,
                value: Some(unserved),
                met: serverless,
                margin_each: Vec::new(),
                met_each: Vec::new(),
                windows_met: None,
                worst_window: None,
                minutes_missed: None,
            },
        ],
        latency_ms: latency,
        requests,
        cold_starts,
        findings: Vec::new(),
        warnings: if index == 4 {
            vec!["mean CPU of `web` is 14 %: a smaller fleet would do (min: 4 -> 2)".to_owned()]
        } else {
            Vec::new()
        },
    }
}

/// Results of 1 to 7 architectures.
pub(super) fn results(count: usize) -> Results {
    let architectures: Vec<_> = (0..count).map(architecture).collect();
    let assumption = |scope: &str, path: &str, value: &str, source: Option<&str>| Assumption {
        scope: scope.to_owned(),
        path: path.to_owned(),
        value: value.to_owned(),
        source: source.map(str::to_owned),
    };
    let mut assumptions = vec![
        assumption("scenario", "traffic.diurnal.mean", "40/s", None),
        assumption("scenario", "traffic.diurnal.peak", "160/s at 20:00, weekend x 0.7", None),
        assumption("scenario", "traffic.bursts[0]", "at 12 d 21 h, lasts 20 min, x 8, once a month", None),
        assumption("scenario", "requests.browse.cpu", "lognormal p50 8 ms, p99 40 ms", None),
        assumption("scenario", "requests.browse.wait", "lognormal p50 15 ms, p99 120 ms", None),
        assumption("scenario", "client.requests_per_connection", "20", Some("default")),
        assumption(
            "scenario",
            "account.concurrency",
            "1,000",
            Some("AWS default quota, docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"),
        ),
    ];
    for a in &architectures {
        assumptions.push(assumption(&a.name, "components.shop.lambda.memory", "512 MB", None));
        assumptions.push(assumption(
            &a.name,
            "components.shop.lambda.idle_timeout",
            "640 s",
            Some("measured 2020, see facts"),
        ));
        assumptions.push(assumption(
            &a.name,
            "speed of a vCPU",
            "1.0 of the reference vCPU (m7i)",
            Some("no source for another factor"),
        ));
    }
    let total = |i: usize| -> f64 {
        architectures[i].monthly_cost.total.as_deref().and_then(|t| t.parse().ok()).expect("a total")
    };
    let text = |v: f64| format!("{v:.6}");
    let differences = (1..count)
        .map(|i| {
            let difference = total(i) - total(0);
            Difference {
                a: architectures[0].name.clone(),
                b: architectures[i].name.clone(),
                difference: text(difference),
                low: Some(text(difference * 0.98)),
                high: Some(text(difference * 1.02)),
                relative: Some(short(difference / total(0))),
                significant: i != 2,
            }
        })
        .collect();
    let sentence = match count {
        0 => "Nothing was compared.".to_owned(),
        1 => format!("{} costs ${:.0} a month.", architectures[0].name, total(0)),
        _ => format!(
            "{} is the cheapest that meets all objectives: ${:.0} a month. {} costs {:.0} % more and refuses requests for 19 \
             minutes of the sale while its fleet grows.",
            architectures[0].name,
            total(0),
            architectures[1].name,
            (total(1) / total(0) - 1.0) * 100.0
        ),
    };
    Results {
        schema: SCHEMA.to_owned(),
        tool_version: "0.1.0".to_owned(),
        scenario: "storefront".to_owned(),
        description: Some("A shop with a daily wave and a twenty-minute sale once a month.".to_owned()),
        region: "us-east-1".to_owned(),
        seed: 1,
        replications: 5,
        simulated_seconds: 2_419_200.0,
        start: "2026-03-02".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        billed_hours: 730.0,
        terms: Default::default(),
        precision: None,
        prices: Prices {
            as_of: "2026-10-28".to_owned(),
            digest: "sha256:6b0f1c9a52d84e7f3a1290bb7d1e4c5f60718293a4b5c6d7e8f9012345678abc".to_owned(),
            used: vec![
                UsedPrice {
                    sku: "lambda.duration.arm".to_owned(),
                    confidence: "list".to_owned(),
                    source: "AWS price list, AWSLambda, us-east-1".to_owned(),
                    as_of: "2026-10-28".to_owned(),
                },
                UsedPrice {
                    sku: "logs.ingest".to_owned(),
                    confidence: "memory".to_owned(),
                    source: "known by heart".to_owned(),
                    as_of: "2026-01-01".to_owned(),
                },
            ],
        },
        billing_terms: None,
        repriced_from: None,
        purchases: Vec::new(),
        inputs: Inputs {
            resolved: None,
            assumptions,
            files: vec![
                InputFile { name: "embedded:scenarios/storefront.yaml".to_owned(), digest: "sha256:00ff".repeat(4) },
                InputFile { name: "embedded:models/lambda-http-api.yaml".to_owned(), digest: "sha256:11ee".repeat(4) },
            ],
        },
        traffic: TrafficSummary { mean_rate: 40.1, peak_rate: 531.0, requests_per_month: 105_382_917.0 },
        verdict: Verdict {
            cheapest: architectures.first().map(|a| a.name.clone()),
            cheapest_meeting_objectives: architectures.first().map(|a| a.name.clone()),
            sentence,
            differences,
        },
        architectures,
        findings: Vec::new(),
        warnings: vec![
            "4 % of the cost of lambda-http-api rests on prices known from memory only: check `logs.ingest`".to_owned(),
        ],
        not_modelled: vec![
            "Savings plans, reserved instances and private discounts.".to_owned(),
            "The database's own cost beyond its hours.".to_owned(),
        ],
    }
}

/// The worst that a file can name things.
pub(super) const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' |pipe| `tick` *star* [link](https://example.invalid)",
    "=HYPERLINK(\"http://example.invalid\",\"x\")",
    "a-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-without-a-space",
    "🚀🚀🚀 rocket 🚀🚀🚀",
    "\u{202e}مرحبا بالعالم\u{1b}[31m",
    "@everyone #1\nsecond line\u{0}",
];

/// A zone's failure, which a function rides out.
fn event(serverless: bool) -> EventResult {
    let machines = |value: f64| if serverless { 0.0 } else { value };
    let amount = |amount: &str| Some(if serverless { "0" } else { amount }.to_owned());
    EventResult {
        event: "at 3 h, zone a fails for 40 min".to_owned(),
        at_seconds: 10_800.0,
        lasts_seconds: 2_400.0,
        per: "month".to_owned(),
        not_served: Some(machines(0.002)),
        not_served_before: Some(0.0),
        worst_p99_ms: Some(if serverless { 41.0 } else { 3_000.0 }),
        worst_p99_before_ms: Some(41.0),
        change: Some(EventChange {
            together_with: Vec::new(),
            not_served: fig(machines(100.0), 0.1),
            slow: Some(fig(machines(200.0), 0.1)),
            slow_limit_ms: Some(500.0),
            retried: fig(machines(250.0), 0.0),
            connections: machines(280.0),
            instance_hours: None,
            cost: amount("0.12"),
            cost_low: amount("0.1"),
            cost_high: amount("0.14"),
        }),
    }
}

/// Results in which every text that a user can write is hostile.
pub(super) fn hostile(count: usize) -> Results {
    let mut results = results(count);
    results.scenario = HOSTILE[0].to_owned();
    results.description = Some(HOSTILE.join(" "));
    results.verdict.sentence = HOSTILE[1].to_owned();
    results.warnings.extend(HOSTILE.iter().map(|s| (*s).to_owned()));
    for (i, a) in results.architectures.iter_mut().enumerate() {
        let name = HOSTILE[i % 7].to_owned();
        a.events[0].event = HOSTILE[i % 7].to_owned();
        a.description = Some(name.clone());
        a.warnings.push(name.clone());
        for c in &mut a.components {
            c.name = HOSTILE[(i + 1) % 7].to_owned();
        }
        for c in &mut a.classes {
            c.name = HOSTILE[(i + 2) % 7].to_owned();
        }
        for (n, l) in a.line_items.iter_mut().enumerate() {
            l.component = HOSTILE[n % 7].to_owned();
            l.description = HOSTILE[(n + 1) % 7].to_owned();
            l.formula = HOSTILE[(n + 2) % 7].to_owned();
            l.source = "javascript:alert(1) <b>".to_owned();
        }
        for s in a.series.capacity.iter_mut().chain(&mut a.series.busy) {
            s.name = HOSTILE[(i + 1) % 7].to_owned();
        }
        for o in &mut a.objectives {
            o.text.push_str(HOSTILE[0]);
        }
        a.name = name;
    }
    for s in &mut results.inputs.assumptions {
        s.value = HOSTILE[1].to_owned();
        s.path = HOSTILE[3].to_owned();
        s.scope = HOSTILE[0].to_owned();
    }
    results
}

/// One replication, nothing simulated, costs unknown, no series.
pub(super) fn degenerate(count: usize) -> Results {
    let mut results = results(count);
    results.replications = 1;
    results.simulated_seconds = 0.0;
    results.description = None;
    results.traffic = TrafficSummary::default();
    results.verdict = Verdict { sentence: "Too close to call.".to_owned(), ..Verdict::default() };
    for a in &mut results.architectures {
        a.description = None;
        a.requests = Requests::default();
        a.cold_starts = Figure::default();
        a.latency_ms = Latency::default();
        a.classes.clear();
        a.components.clear();
        a.monthly_cost = MonthlyCost { currency: "USD".to_owned(), ..MonthlyCost::default() };
        a.line_items.clear();
        a.usage.clear();
        a.series = Series::default();
        a.histograms.clear();
        a.events = vec![EventResult::default()];
        for o in &mut a.objectives {
            o.value = None;
            o.windows_met = None;
            o.worst_window = None;
            o.minutes_missed = None;
        }
    }
    results.inputs = Inputs::default();
    results.prices = Prices::default();
    results.not_modelled.clear();
    results.warnings.clear();
    results
}

/// A single bucket, costs of a cent and of ten millions, figures near the ends of `f64`.
pub(super) fn extreme(count: usize) -> Results {
    let mut results = results(count);
    results.start = "not a date".to_owned();
    results.timezone = "Nowhere/At_All".to_owned();
    results.traffic = TrafficSummary { mean_rate: 1e300, peak_rate: f64::MAX, requests_per_month: 1e-300 };
    for (i, a) in results.architectures.iter_mut().enumerate() {
        let cost = &mut a.monthly_cost;
        let total = ["0.01", "10234567.891234", "0.000000201", "99999999999999999999.5"][i % 4];
        cost.total = Some(total.to_owned());
        cost.low = Some(format!("{}", total.parse::<f64>().expect("a number") * 0.9));
        cost.high = Some(format!("{}", total.parse::<f64>().expect("a number") * 1.1));
        cost.once = Some("1000000".to_owned());
        for t in &mut cost.at_traffic {
            t.total = total.to_owned();
        }
        for figure in [
            &mut a.requests.throttled,
            &mut a.requests.rejected,
            &mut a.requests.timed_out,
            &mut a.requests.retried,
            &mut a.latency_ms.p50,
            &mut a.latency_ms.p99,
            &mut a.cold_starts,
        ] {
            *figure = Figure { value: 1e300, low: Some(-1e300), high: Some(f64::MAX), each: vec![1e300] };
        }
        if let Some(change) = &mut a.events[0].change {
            let huge = Figure { value: -1e300, low: Some(-1e300), high: Some(f64::MAX), each: vec![1e300] };
            (change.not_served, change.retried) = (huge.clone(), huge);
            (change.connections, change.slow_limit_ms) = (1e300, Some(1e300));
            change.cost = Some("-99999999999999999999.5".to_owned());
        }
        let s = &mut a.series;
        s.bucket_seconds = 0.5;
        for counts in
            [&mut s.arrived, &mut s.served, &mut s.throttled, &mut s.rejected, &mut s.timed_out, &mut s.failed]
        {
            counts.truncate(1);
        }
        s.throttled = vec![u64::MAX];
        s.cold_starts.truncate(1);
        for values in [&mut s.p50_ms, &mut s.p95_ms, &mut s.p99_ms] {
            values.truncate(1);
        }
        s.p99_ms[0] = Some(1e12);
        s.cumulative_cost = vec![1e9];
        for series in s.capacity.iter_mut().chain(&mut s.busy) {
            series.values = vec![1e7];
        }
        a.histograms[0].bins = vec![(1e-9, 1), (1e18, u64::MAX)];
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixture_is_what_a_file_can_hold() {
        for results in [results(2), results(7), hostile(7), degenerate(2)] {
            let text = serde_json::to_string(&results).expect("serialises");
            let back: Results = serde_json::from_str(&text).expect("parses");
            assert_eq!(back, results);
        }
        // 49.073218 x 0.5 by hand.
        assert_eq!(times("49.073218", "0.5"), "24.536609");
        assert_eq!(sum(["24.536609", "0.463391"]), "25");
    }
}
