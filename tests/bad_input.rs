//! Every kind of mistake is shown at its place, under the characters at fault, with what to write instead; nothing panics.

#![allow(clippy::unwrap_used)]

use costsim::diag::{self, Diagnostic};
use costsim::spec::{self, LoadOptions};
use proptest::prelude::*;
use std::path::Path;

const GOOD: &str = "\
name: shop
horizon: 7d
traffic:
  constant: 50/s
requests:
  - name: browse
    share: 0.9
    cpu: { lognormal: { p50: 8ms, p99: 40ms } }
    wait: 15ms
  - { name: buy, share: 0.1, cpu: 20ms, wait: 60ms }
architectures:
  - name: functions
    entry: api
    components:
      api: { http_api: { to: shop } }
      shop: { lambda: { memory: 512 MB, runtime: nodejs22, dependencies: 300ms } }
  - name: fleet
    entry: lb
    components:
      lb: { load_balancer: { to: web } }
      web:
        fleet:
          instance_type: m7g.large
          min: 2
          max: 4
          scaling: { target_tracking: { cpu: 50% } }
          boot: { user_data: 60s, app_start: 20s }
";

/// Loads `text` as `s.yaml` of a directory of its own.
fn load(text: impl AsRef<[u8]>) -> Result<spec::Loaded, Vec<Diagnostic>> {
    load_in(text, |_| {})
}

fn load_in(text: impl AsRef<[u8]>, prepare: impl FnOnce(&Path)) -> Result<spec::Loaded, Vec<Diagnostic>> {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let path = dir.path().join("s.yaml");
    std::fs::write(&path, text).unwrap();
    spec::load(&LoadOptions { inputs: vec![path.display().to_string()], ..LoadOptions::default() })
}

/// The findings of a refused text.
fn refused(text: &str) -> Vec<Diagnostic> {
    match load(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(findings) => findings,
    }
}

/// What is underlined by a finding.
fn underlined(finding: &Diagnostic) -> &str {
    finding.labels.first().map_or("", |label| &label.source.text[label.range.clone()])
}

/// `GOOD` with one change has exactly one error: underlining `at` on the line that the change is on, saying `title` and `help`.
fn one_mistake(from: &str, to: &str, at: &str, title: &str, help: &str) {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} stands once in the good text");
    let text = GOOD.replace(from, to);
    let findings = refused(&text);
    let shown = diag::render_all(&findings, false);
    assert_eq!(findings.len(), 1, "{to:?} is one mistake:\n{shown}");
    let finding = &findings[0];
    assert_eq!(underlined(finding), at, "{shown}");
    assert!(finding.title.contains(title), "{title:?} in:\n{shown}");
    assert!(finding.help.as_deref().unwrap_or("").contains(help), "{help:?} in:\n{shown}");
    // The place is that of the change: file, line and column.
    let (line, column) = finding.labels[0].source.line_column(finding.labels[0].range.start);
    assert!(shown.contains(&format!("s.yaml:{line}:{column}")), "{shown}");
    let changed = GOOD[..GOOD.find(from).unwrap()].matches('\n').count() + 1;
    let lines = changed..=changed + from.matches('\n').count().max(to.matches('\n').count());
    assert!(lines.contains(&line), "line {line} instead of {lines:?}:\n{shown}");
    assert!(shown.contains('^'), "{shown}");
}

#[test]
fn the_good_text_is_good() {
    let loaded = load(GOOD).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.scenario.architectures.len(), 2);
}

#[test]
fn unknown_keys_get_the_nearest_name() {
    one_mistake("horizon: 7d", "horizn: 7d", "horizn", "unknown key `horizn`", "did you mean `horizon`?");
    one_mistake(
        "memory: 512 MB, ",
        "memory: 512 MB, time_out: 3s, ",
        "time_out",
        "unknown key `time_out`",
        "`timeout`",
    );
    one_mistake("min: 2", "min: 2\n          desird: 2", "desird", "unknown key `desird`", "`desired`");
    one_mistake("wait: 15ms", "wait: 15ms\n    xyzzy: 1", "xyzzy", "unknown key", "known keys: name, share, cpu");
}

#[test]
fn provisioned_concurrency_is_checked_against_what_lambda_allows() {
    let with = |keys: &str| format!("memory: 512 MB, {keys}, ");
    let mistake =
        |keys: &str, at: &str, says: &str, help: &str| one_mistake("memory: 512 MB, ", &with(keys), at, says, help);
    let above = "more provisioned than reserved";
    mistake("reserved_concurrency: 10, provisioned_concurrency: 20", "20", above, "write at most 10");
    mistake("provisioned_concurrency: many", "many", "expected", "");
    let tracking = |keys: &str| format!("provisioned_concurrency: {{ level: 5, target_tracking: {{ {keys} }} }}");
    mistake(&tracking("max: 3"), "5", "outside `min` and `max`", "");
    mistake(&tracking("max: 30, min: 0"), "0", "out of range", "at least 1");

    mistake(&tracking("max: 30, utilisation: 95%"), "95%", "out of range", "10% to 90%");
    mistake(&tracking("max: 2000000"), "2000000", "out of range", "at most 1000000");
    let schedule =
        "provisioned_concurrency: { level: 5, schedule: [ { at: \"20:00\", level: 1 }, { at: \"08:00\", level: 9 } ] }";
    mistake(schedule, "\"08:00\"", "not later than the one before", "order of the day");
    mistake("ephemeral_storage: 20 GB", "20 GB", "out of range", "512 MB to 10240 MB");
    mistake("snapstart: { restore: 600ms }", "{ restore: 600ms }", "cannot have SnapStart", "Java, Python and .NET");
    mistake("error_rate: 1", "1", "", "%");
}

#[test]
fn other_kinds_of_functions_are_checked() {
    let good = "shop: { lambda: { memory: 512 MB, runtime: nodejs22, dependencies: 300ms } }";
    let mistake = |keys: &str, at: &str, says: &str, help: &str| {
        let to = format!("shop: {{ lambda: {{ memory: 512 MB, runtime: nodejs22, dependencies: 300ms, {keys} }} }}");
        one_mistake(good, &to, at, says, help);
    };
    mistake("environment_concurrency: 5000", "5000", "requests at once in an environment", "1 to 1000");
    mistake("environment_concurrency: 5, max_age: 1h", "5", "does not go with `max_age`", "remove one");
    mistake("durable: { steps: 5000 }", "5000", "so many steps", "at most 3000");
    mistake("durable: { steps: 5, retention: 200d }", "200d", "out of range", "write 1d to 90d");
    mistake("durable: { steps: 5, waits: [2y] }", "2y", "", "");
    mistake("durable: { steps: 5, retries: 21 }", "21", "further attempts", "0 to 20");
    mistake("durable: { waits: [1m] }", "{ waits: [1m] }", "`steps` is missing", "");
    mistake("edge: somewhere", "somewhere", "`viewer` or `origin`", "");

    let managed = |keys: &str, at: &str, says: &str, help: &str| {
        let to = format!("shop: {{ managed_instances: {{ runtime: nodejs22, dependencies: 300ms, {keys} }} }}");
        one_mistake(good, &to, at, says, help);
    };
    managed("instance_type: m7g.huge, max: 4", "m7g.huge", "is not known", "");
    managed("instance_type: t3.large, max: 4", "t3.large", "does not manage", "m7g.xlarge");
    managed("instance_type: m7g.large, max: 4, memory: 1 GB", "1 GB", "out of range", "2 GB to 32 GB");
    managed("instance_type: m7g.large, max: 4, memory_per_vcpu: 3 GB", "3 GB", "not offered", "2 GB, 4 GB or 8 GB");
    managed("instance_type: m7g.large, max: 4, memory: 16 GB", "m7g.large", "does not fit", "take a larger one");
    managed("instance_type: m7g.large, max: 4, concurrency: 65", "65", "requests at once", "1 to 64");
    managed("instance_type: m7g.large, max: 4, target: 99%", "99%", "cannot be kept", "5% to 95%");
    managed("instance_type: m7g.large, min: 5, max: 4", "5", "more than `max`", "swap");

    // Where requests come from.
    let from = |text: &str, says: &str| {
        let findings = refused(text);
        let shown = diag::render_all(&findings, false);
        assert!(findings.iter().any(|finding| finding.title.contains(says)), "{says:?} in:\n{shown}");
    };
    let edge = |keys: &str| {
        GOOD.replace("entry: api", "entry: shop")
            .replace("      api: { http_api: { to: shop } }\n", "")
            .replace("lambda: { memory: 512 MB,", &format!("lambda: {{ memory: 512 MB, {keys},"))
    };
    load(edge("edge: origin")).unwrap();
    from(&edge("edge: viewer"), "so much memory at the edge");
    from(&edge("edge: origin, timeout: 60s"), "a time-out of 1m at the edge");
    from(&edge("edge: origin, arch: arm64"), "no arm64");
    from(&edge("edge: origin, reserved_concurrency: 5"), "has no `reserved_concurrency`");
    from(&GOOD.replace("memory: 512 MB,", "memory: 512 MB, edge: origin,"), "an HTTP API cannot call a function");
    from(&GOOD.replace("http_api: { to: shop }", "rest_api: { to: shop, timeout: 30s }"), "30s is out of range");
    from(&GOOD.replace("http_api: { to: shop }", "rest_api: { to: web }"), "`web`");
    load(GOOD.replace("http_api: { to: shop }", "rest_api: { to: shop }")).unwrap();
}

#[test]
fn calls_of_functions_lead_to_tables_and_functions() {
    let good = "dependencies: 300ms } }";
    let with = |call: &str| {
        format!(
            "dependencies: 300ms, calls: [ {call} ] }} }}\n      orders: {{ table: {{ item_size: 2 KB }} }}\n      price: {{ lambda: {{ memory: 512 MB, runtime: nodejs22, dependencies: 1s }} }}"
        )
    };
    let both = "{ to: orders, reads: 1, requests: [ buy ] }, { to: price, cpu: 1ms, wait: 5ms }";
    let loaded = load(GOOD.replace(good, &with(both))).unwrap();
    assert_eq!(loaded.warnings, []);
    let costsim::spec::model::ComponentKind::Lambda(shop) = &loaded.scenario.architectures[0].components[1].kind else {
        panic!()
    };
    assert_eq!(
        (shop.calls[0].classes.as_slice(), shop.calls[1].classes.as_slice()),
        (&[false, true][..], &[true; 2][..])
    );
    // Each mistake is the only error: the other component is reached.
    let mistake = |call: &str, at: &str, says: &str, help: &str| one_mistake(good, &with(call), at, says, help);
    let price = ", { to: price, cpu: 1ms }";
    let orders = "{ to: orders, reads: 1 }, ";
    mistake(&format!("{{ to: ordrs, reads: 1 }}{price}"), "ordrs", "which is no component", "`orders`");
    mistake(&format!("{{ to: orders }}{price}"), "orders", "does not say what it does", "`reads: 1`");
    mistake(
        &format!("{{ to: orders, reads: 1, wait: 5ms }}{price}"),
        "5ms",
        "a table has no",
        "`reads:` and `writes:`",
    );
    mistake(&format!("{{ to: orders, reads: 5000 }}{price}"), "5000", "5000 operations", "at most 1000");
    mistake(&format!("{orders}{{ to: price, reads: 1, cpu: 1ms }}"), "1", "not read or written", "`cpu:`");
    mistake(&format!("{orders}{{ to: price, cpu: 1ms, retries: 50 }}"), "50", "50 retries", "0 to 10");
    mistake(&format!("{orders}{{ to: api, cpu: 1ms }}"), "api", "a loop of synchronous calls", "break the loop");
    mistake(&format!("{orders}{{ to: shop, cpu: 1ms }}"), "shop", "a loop of synchronous calls: shop -> shop", "");
    mistake(
        &format!("{{ to: orders, reads: 1, requests: [ bye ] }}{price}"),
        "bye",
        "no request of the scenario",
        "buy",
    );
    // What is missing in the call is said as a warning.
    let loaded = load(GOOD.replace(good, &with(&format!("{orders}{{ to: price }}")))).unwrap();
    assert!(diag::render_all(&loaded.warnings, false).contains("state its `cpu:` and `wait:`"));
    let findings = refused(&GOOD.replace("{ http_api: { to: shop } }", "{ table: {} }"));
    assert!(findings[0].title.contains("requests cannot enter at the table"), "{}", findings[0].title);
}

#[test]
fn mistakes_of_scaling_policies_schedules_and_credits() {
    let scaling = "scaling: { target_tracking: { cpu: 50% } }";
    let mistake = |written: &str, at: &str, title: &str, help: &str| one_mistake(scaling, written, at, title, help);
    mistake(
        "scaling: { target_tracking: { cpu: 50%, outstanding: 3 } }",
        "3",
        "follows one metric",
        "one policy for each",
    );
    mistake("scaling: { target_tracking: { out_periods: 3 } }", "{ out_periods: 3 }", "needs a metric", "cpu: 50%");
    mistake("scaling: {}", "{}", "one of target_tracking, step, simple and predictive", "by itself");
    let step = |inside: &str| format!("scaling: {{ step: {{ {inside} }} }}");
    mistake(&step("steps: [ { add: 1 } ]"), "{ steps: [ { add: 1 } ] }", "needs one threshold", "above: { cpu: 60% }");
    mistake(&step("above: { cpu: 60% }, steps: []"), "[]", "no steps", "steps: [ { add: 1 } ]");
    mistake(&step("above: { cpu: 60% }, steps: [ { from: 10%, add: 1 } ]"), "10%", "do not ascend", "begins at 0");
    mistake(&step("above: { cpu: 60% }, steps: [ { add: 1 }, { from: 3, add: 2 } ]"), "3", "unit of the metric", "20%");
    mistake(&step("above: { outstanding: 9 }, steps: [ { add: 1.5 } ]"), "1.5", "no number of instances", "whole");
    mistake(&step("above: { cpu: 60% }, steps: [ { from: 0 } ]"), "{ from: 0 }", "say one of `add`", "add: 1");
    let simple = "scaling: { simple: { below: { cpu: 30% }, remove: 1, cooldown: 2d } }";
    mistake(simple, "2d", "out of range", "0s to 24h");
    let scheduled = |inside: &str| format!("schedule: [ {{ at: \"08:00\", {inside} }} ]");
    mistake(&scheduled("days: mondays, min: 3"), "mondays", "mondays", "did you mean `monday`");
    mistake(&scheduled("min: 3, max: 2"), "3", "more than `max`", "swap");
    mistake(&scheduled("days: weekend"), "{ at: \"08:00\", days: weekend }", "changes nothing", "add `min`");
    mistake(&format!("{scaling}\n          credits: standard"), "standard", "has no CPU credits", "remove it");
}

#[test]
fn mistakes_of_events_and_failures() {
    let event = |inside: &str| format!("horizon: 7d\nevents: [ {{ {inside} }} ]");
    let mistake = |inside: &str, at: &str, title: &str, help: &str| {
        one_mistake("horizon: 7d", &event(inside), at, title, help);
    };
    mistake("at: 8d, zone_fails: a, lasts: 40m", "8d", "not over within the horizon", "lengthen `horizon:`");
    mistake("at: 6d, zone_fails: a, lasts: 2d", "2d", "not over within the horizon", "shorten");
    mistake("at: 1d, zone_fails: a, lasts: 0s", "0s", "no length", "40m");
    mistake("at: 1d, zone_fails: x, lasts: 40m", "x", "x", "`a`");
    mistake(
        "at: 1d, lasts: 40m",
        "{ at: 1d, lasts: 40m }",
        "one of zone_fails, instances_hang and spot_interrupts",
        "zone_fails: a",
    );
    mistake("at: 1d, lasts: 40m, spot_interrupts: 0.5", "0.5", "", "50%");
    let fleet = |inside: &str| format!("min: 2\n          {inside}");
    let mistake = |inside: &str, at: &str, title: &str, help: &str| {
        one_mistake("min: 2", &fleet(inside), at, title, help);
    };
    mistake("mtbf: 5s", "5s", "before they serve", "90d");
    mistake("unhealthy_threshold: 1", "1", "failed checks", "2 to 10");
    mistake("spot: { base: 1 }", "{ base: 1 }", "`interruptions` is missing", "");
    mistake("spot: { interruptions: 100% }", "100%", "nothing would survive", "99.9%");
}

#[test]
fn mistakes_of_balancers() {
    let balancer = "load_balancer: { to: web }";
    let mistake = |written: &str, at: &str, title: &str, help: &str| one_mistake(balancer, written, at, title, help);
    mistake("load_balancer: { to: web, slow_start: 5s }", "5s", "out of range", "30s to 15m");
    let random = "load_balancer: { to: web, slow_start: 60s, algorithm: random }";
    mistake(random, "60s", "no slow start", "round robin only");
    mistake("network_load_balancer: { to: web, idle_timeout: 60s }", "idle_timeout", "idle_timeout", "");
    let good = GOOD.replace(balancer, "network_load_balancer: { to: web, cross_zone: true, zones: 3 }");
    assert_eq!(load(good).unwrap().warnings, []);
    let findings = refused(&GOOD.replace("http_api: { to: shop }", "network_load_balancer: { to: shop }"));
    assert!(findings[0].title.contains("a network load balancer cannot call a function"), "{}", findings[0].title);
}

#[test]
fn mistakes_of_services() {
    let service = |inside: &str| {
        let fleet = &GOOD[GOOD.find("        fleet:\n").unwrap()..];
        GOOD.replace(fleet, &format!("        fargate: {{ {inside} }}\n"))
    };
    let good = "cpu: 0.5, memory: 2 GB, arch: arm64, min: 2, max: 9, scaling: { target_tracking: { cpu: 60% } }, \
                start: { pull: 15s, app_start: 20s }, control_plane: eks, cooldown: 60s";
    assert_eq!(load(service(good)).unwrap().warnings, []);
    let mistake = |from: &str, to: &str, at: &str, title: &str, help: &str| {
        let findings = refused(&service(&good.replace(from, to)));
        let shown = diag::render_all(&findings, false);
        assert_eq!(findings.len(), 1, "{shown}");
        assert_eq!(underlined(&findings[0]), at, "{shown}");
        assert!(
            findings[0].title.contains(title) && findings[0].help.as_deref().unwrap_or("").contains(help),
            "{shown}"
        );
    };
    mistake("cpu: 0.5", "cpu: 0.7", "0.7", "no 0.7 vCPU", "0.25, 0.5");
    mistake("memory: 2 GB", "memory: 8 GB", "8 GB", "no 8192 MB with 0.5 vCPU", "1 to 4 GB");
    mistake("min: 2", "min: 12", "12", "more than `max`", "swap");
    mistake("cooldown: 60s", "cooldown: 2d", "2d", "out of range", "0s to 1d");
    mistake("control_plane: eks", "control_plane: k8s", "k8s", "k8s", "`ecs`");
    mistake("arch: arm64", "arch: arm64, capacity_providers: 1", "capacity_providers", "not modelled yet", "");
    mistake("arch: arm64", "arch: arm64, ephemeral_storage: 10 GB", "10 GB", "no such disk", "20 GB");
    let spot = |discount: &str| format!("arch: arm64, spot: {{ base: 1, interruptions: 10%{discount} }}");
    assert_eq!(load(service(&good.replace("arch: arm64", &spot(", discount: 62.5%")))).unwrap().warnings, []);
    mistake("arch: arm64", &spot(", discount: 0%"), "0%", "no discount", "0.1%");
    mistake("arch: arm64", &spot(", discount: 62.55%"), "62.55%", "no discount", "tenth of a percent");
    mistake("arch: arm64", &spot(""), &spot("").replace("arch: arm64, spot: ", ""), "discount", "");
}

#[test]
fn what_fleets_may_say() {
    let scaling = "scaling: { target_tracking: { cpu: 50% } }";
    let policies = "scaling:
          - target_tracking: { outstanding: 20 }
          - step: { above: { cpu: 60% }, steps: [ { add: 1 }, { from: 20%, add: 50% } ], min_change: 2 }
          - simple: { below: { requests_per_target: 100 }, remove: 10%, periods: 15, cooldown: 10m }
          schedule:
          - { at: \"08:00\", days: weekdays, min: 3 }
          - { at: \"20:00\", min: 2, desired: 2 }
          credits: standard
          spot: { base: 2, on_demand: 25%, interruptions: 10% }
          mtbf: 200d
          unhealthy_threshold: 3"
        .replace("\n          - ", "\n            - ");
    let text = GOOD.replace(scaling, &policies).replace("m7g.large", "t4g.large");
    let loaded = load(&text).unwrap_or_else(|findings| panic!("{}", diag::render_all(&findings, false)));
    assert_eq!(loaded.warnings, []);
    let events = "horizon: 7d\nevents:\n  - { at: 1d, zone_fails: b, lasts: 40m, per: month }\n  - { at: 2d, spot_interrupts: 50%, lasts: 10m }";
    let loaded = load(text.replace("horizon: 7d", events))
        .unwrap_or_else(|findings| panic!("{}", diag::render_all(&findings, false)));
    assert_eq!(loaded.scenario.events.len(), 2);
    // A single server needs no balancer.
    let alone = "  - name: alone\n    entry: web\n    components:\n      web: { fleet: { instance_type: t3.small, min: 1, max: 1 } }\n";
    let loaded =
        load(format!("{GOOD}{alone}")).unwrap_or_else(|findings| panic!("{}", diag::render_all(&findings, false)));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn queues_and_events_are_checked_against_what_aws_allows() {
    let good = "dependencies: 300ms } }";
    let with = |queue: &str| {
        format!(
            "dependencies: 300ms, calls: [ {{ to: jobs, wait: 1s }} ] }} }}\n      jobs: {{ queue: {{ {queue} }} }}\n      worker: {{ lambda: {{ memory: 512 MB, runtime: nodejs22, dependencies: 1s, timeout: 20s }} }}\n      dead: {{ queue: {{}} }}"
        )
    };
    let rest = "to: worker, dead_letter: dead";
    let loaded =
        load(GOOD.replace(good, &with(&format!("{rest}, max_receive_count: 3, batch_size: 100, batch_window: 5s"))))
            .unwrap();
    assert_eq!(loaded.warnings, []);
    let costsim::spec::model::ComponentKind::Queue(jobs) = &loaded.scenario.architectures[0].components[2].kind else {
        panic!()
    };
    let rule = jobs.consumer.as_ref().unwrap();
    assert_eq!((rule.batch_size, rule.max_receive_count, rule.dead_letter.map(|id| id.0)), (100, Some(3), Some(4)));
    let mistake = |queue: &str, at: &str, says: &str, help: &str| {
        one_mistake(good, &with(&format!("{rest}, {queue}")), at, says, help);
    };
    mistake("batch_size: 100", "100", "needs a window", "`batch_window: 1s`");
    mistake("maximum_concurrency: 1", "1", "out of range", "2 to 1000");
    mistake("batch_window: 10m", "10m", "out of range", "5m");
    mistake("visibility_timeout: 10s", "10s", "shorter than the function's (20s)", "six times");
    mistake("fifo: true", "fifo", "is not modelled yet", "");
    one_mistake(good, &with("to: worker, dead_letter: worker"), "worker", "", "it has to be a `queue`");
    one_mistake(good, &with("to: dead, dead_letter: dead"), "dead", "a queue cannot call a queue", "a `lambda`");
    one_mistake(good, &with("to: shop, dead_letter: dead"), "shop", "a loop of calls and messages", "break the loop");
    // Streams.
    let stream = |settings: &str| {
        with("to: worker, dead_letter: dead")
            .replace(
                "dead: { queue: {} }",
                &format!("dead: {{ queue: {{}} }}\n      log: {{ stream: {{ {settings} }} }}"),
            )
            .replace("{ to: jobs, wait: 1s }", "{ to: jobs, wait: 1s }, { to: log, wait: 1s }")
    };
    let fine = "kind: kinesis, shards: 2, to: worker";
    assert_eq!(load(GOOD.replace(good, &stream(fine))).unwrap().warnings, []);
    let mistake =
        |settings: &str, at: &str, says: &str, help: &str| one_mistake(good, &stream(settings), at, says, help);
    mistake("kind: kinesis, shards: 0, to: worker", "0", "out of range", "1 to 10000");
    mistake(&format!("{fine}, parallelization: 11"), "11", "out of range", "1 to 10");
    mistake(&format!("{fine}, on_failure: dead"), "dead", "no batch is given up", "`maximum_retry_attempts:`");
    mistake("kind: firehose, shards: 1, to: worker", "firehose", "", "`kinesis`");
    // Asynchronous functions.
    let with =
        |settings: &str| format!("dependencies: 300ms, async: {{ {settings} }} }} }}\n      dead: {{ queue: {{}} }}");
    assert_eq!(load(GOOD.replace(good, &with("on_failure: dead, maximum_age: 1h"))).unwrap().warnings, []);
    let mistake = |settings: &str, at: &str, says: &str, help: &str| one_mistake(good, &with(settings), at, says, help);
    mistake("on_failure: dead, retries: 5", "5", "out of range", "0 to 2");
    mistake("on_failure: dead, maximum_age: 7h", "7h", "out of range", "6h");
    mistake("on_failure: deed", "deed", "which is no component", "`dead`");
}

#[test]
fn what_a_group_does_besides() {
    let good = "max: 4\n";
    let with = |settings: &str| format!("max: 4\n          {settings}\n");
    let accepted = |settings: &str| assert_eq!(load(GOOD.replace(good, &with(settings))).unwrap().warnings, []);
    let mistake = |settings: &str, at: &str, says: &str, help: &str| one_mistake(good, &with(settings), at, says, help);
    accepted("memory: { base: 500 MB, per_request: 20 MB, when_full: restart }");
    mistake("memory: { base: 8 GB, per_request: 20 MB }", "8 GB", "has 8192 MB: not enough", "larger instance type");
    mistake("memory: { base: 500 MB, per_request: 0 MB }", "0 MB", "takes some memory", "20 MB");
    mistake("memory: { base: 500 MB, per_request: 20 MB, when_full: wait }", "wait", "expected `refuse`", "");
    accepted("health_check_grace: 0s");
    mistake("health_check_grace: 3h", "3h", "out of range", "2h");
    accepted(
        "lifecycle_hooks: { launch: { takes: 90s, default: continue }, terminate: { takes: 1m, heartbeat: 10m } }",
    );
    mistake("lifecycle_hooks: { launch: { takes: 90s, heartbeat: 3h } }", "3h", "out of range", "2h");
    accepted("warm_pool: { state: stopped, max_prepared: 3, min_size: 1, reuse_on_scale_in: true }");
    accepted("warm_pool: { state: hibernated }\n          volume: 16 GB");
    let pool = "{ state: hibernated }";
    mistake(&format!("warm_pool: {pool}"), pool, "does not hold the 8 GB of memory", "`volume: 16 GB`");
    let spot = "{ interruptions: 5% }";
    mistake(&format!("warm_pool: {{}}\n          spot: {spot}"), spot, "has no warm pool", "leave");
    let deployments = |entry: &str| format!("deployments: [ {{ at: 2d, {entry} }} ]\nhorizon: 7d");
    let refresh =
        deployments("component: web, kind: InstanceRefresh, min_healthy: 50%, checkpoint: 50%, checkpoint_delay: 2h");
    assert_eq!(load(GOOD.replace("horizon: 7d", &refresh)).unwrap().warnings, []);
    let wrong = deployments("component: shop, kind: InstanceRefresh");
    one_mistake("horizon: 7d", &wrong, "InstanceRefresh", "is for groups of instances", "`fleet`");
    let wrong = deployments("component: shop, kind: AllAtOnce, min_healthy: 50%");
    one_mistake("horizon: 7d", &wrong, "50%", "is for `InstanceRefresh` and `RollingUpdate`", "remove");
    for good in [
        "component: web, kind: RollingUpdate",
        "component: web, kind: RollingUpdate, min_healthy: 50%, maximum: 100%",
        "component: web, kind: ECSAllAtOnce",
        "component: web, kind: ECSLinear10PercentEvery3Minutes, termination_wait: 5m, per: week",
    ] {
        assert_eq!(load(GOOD.replace("horizon: 7d", &deployments(good))).unwrap().warnings, []);
    }
    let wrong = |entry: &str, text: &str, says: &str, help: &str| {
        one_mistake("horizon: 7d", &deployments(&format!("component: web, {entry}")), text, says, help);
    };
    wrong("kind: ECSCanary10Percent10Minutes", "ECSCanary10Percent10Minutes", "", "ECSCanary10Percent15Minutes");
    wrong("kind: RollingUpdate, maximum: 300%", "300%", "out of range", "`200%`");
    wrong("kind: RollingUpdate, maximum: 100%", "RollingUpdate", "neither stop nor start", "raise `maximum`");
    wrong("kind: ECSAllAtOnce, maximum: 150%", "150%", "is for `RollingUpdate`", "remove");
    wrong("kind: ECSAllAtOnce, termination_wait: 3d", "3d", "out of range", "2d");
    wrong("kind: InstanceRefresh, termination_wait: 1h", "1h", "CodeDeploy's kinds with `ECS`", "remove");
    let late = "deployments: [ { at: 6d23h, component: web, kind: ECSAllAtOnce } ]\nhorizon: 7d";
    one_mistake("horizon: 7d", late, "6d23h", "is not over within the horizon", "lengthen");
    let function = deployments("component: shop, kind: ECSAllAtOnce");
    one_mistake("horizon: 7d", &function, "ECSAllAtOnce", "is for containers", "`fargate`");
    let resize = "resize: [ { at: \"02:00\", days: sunday, to: m7g.xlarge } ]";
    mistake(resize, "{ at: \"02:00\", days: sunday, to: m7g.xlarge }", "only a single server", "`min: 1` and `max: 1`");
    let single = GOOD.replace("min: 2\n", "min: 1\n").replace(good, &with(resize).replace("max: 4", "max: 1"));
    assert_eq!(load(&single).unwrap().warnings, []);
    let once = single.replace("at: \"02:00\", days: sunday", "at: 3d2h");
    assert_eq!(load(&once).unwrap().warnings, []);
    assert!(refused(&once.replace("at: 3d2h", "at: 3d2h, days: sunday"))[0].title.contains("happens once"));
    assert!(refused(&once.replace("at: 3d2h", "at: noon"))[0].title.contains("noon"));
    accepted("volume: 100 GB\n          volume_iops: 4000\n          volume_throughput: 250 MB/s");
    mistake("volume_iops: 5000", "5000", "no 5000 operations", "3000 to 4000");
    mistake("volume_throughput: 1000 MB/s", "1000 MB/s", "no 1000 MB/s", "`750 MB/s`");
    mistake("volume_throughput: 250", "250", "`250`", "`250 MB/s`");
    assert!(refused(&single.replace("m7g.xlarge", "m7i.xlarge"))[0].title.contains("another processor"));
    assert!(refused(&single.replace("m7g.xlarge", "t4g.xlarge"))[0].title.contains("CPU credits"));
    let scaling = "scaling: { target_tracking: { cpu: 50% } }";
    let forecast = |settings: &str| format!("scaling: {settings}");
    let both = forecast("[ { target_tracking: { cpu: 50% } }, { predictive: { cpu: 50%, buffer: 5m } } ]");
    assert_eq!(load(GOOD.replace(scaling, &both)).unwrap().warnings, []);
    one_mistake(scaling, &forecast("{ predictive: { cpu: 50%, buffer: 2h } }"), "2h", "out of range", "1h");
    one_mistake(scaling, &forecast("{ predictive: { buffer: 5m } }"), "{ buffer: 5m }", "needs a metric", "cpu: 50%");
    let two = forecast("[ { predictive: { cpu: 50% } }, { predictive: { cpu: 60% } } ]");
    one_mistake(scaling, &two, "{ cpu: 60% }", "follows one forecast", "remove");
    one_mistake("horizon: 7d", "account: { vcpu_quota: 0 }\nhorizon: 7d", "0", "refuses everything", "1 or more");
}

#[test]
fn keys_of_later_versions_are_no_typing_errors() {
    let (key, says) = ("vpc", "is not modelled yet");
    one_mistake("memory: 512 MB, ", "memory: 512 MB, vpc: 1, ", key, says, "remove it");
    one_mistake("horizon: 7d", "latency: []\nhorizon: 7d", "latency", says, "");
}

#[test]
fn deployments() {
    let with = |at: &str, component: &str, kind: &str| {
        format!("deployments:\n  - {{ at: {at}, component: {component}, kind: {kind}, per: week }}\nhorizon: 7d")
    };
    let mistake = |given: [&str; 3], at: &str, title: &str, help: &str| {
        let [when, component, kind] = given;
        one_mistake("horizon: 7d", &with(when, component, kind), at, title, help);
    };
    let kind = "LambdaLinear10PercentEvery10Minutes";
    let loaded = load(GOOD.replace("horizon: 7d", &with("2d10h", "shop", kind))).unwrap();
    let deployment = &loaded.scenario.deployments[0];
    assert_eq!((deployment.name.as_str(), deployment.lasts), (kind, costsim::units::SimDuration::from_mins(90)));
    // SAM's name for the same.
    let loaded = load(GOOD.replace("horizon: 7d", &with("2d10h", "shop", "Linear10PercentEvery10Minutes"))).unwrap();
    assert_eq!(loaded.scenario.deployments[0].kind, deployment.kind);
    mistake(["1d", "shpo", kind], "shpo", "no architecture has a component `shpo`", "`shop`");
    mistake(["1d", "web", kind], kind, "is a fleet, and this kind is for functions", "");
    mistake(
        ["1d", "shop", "LambdaCanary10Percent7Minutes"],
        "LambdaCanary10Percent7Minutes",
        "expected a deployment",
        "5Minutes",
    );
    // Ninety minutes from 22:31 on.
    mistake(["6d22h31m", "shop", kind], "6d22h31m", "takes 90m, is not over within the horizon", "");
    let two =
        with("1d", "shop", kind).replace("\nhorizon", "\n  - { at: 1d1h, component: shop, kind: AllAtOnce }\nhorizon");
    one_mistake("horizon: 7d", &two, "1d1h", "two deployments of `shop` at a time", "");
    let provisioned = |concurrency: &str| {
        let deployment = with("1d", "shop", kind);
        let text = GOOD.replace("horizon: 7d", &deployment);
        let text = text.replace("memory: 512 MB, ", &format!("memory: 512 MB, {concurrency}, "));
        diag::render_all(&refused(&text), false)
    };
    let tracking = provisioned("provisioned_concurrency: { level: 2, target_tracking: { max: 9 } }");
    assert!(tracking.contains("its provisioned concurrency changes"), "{tracking}");
    assert!(
        tracking.contains("write a number under `provisioned_concurrency`: AWS lets nobody change it"),
        "{tracking}"
    );
    let schedule = provisioned("provisioned_concurrency: { level: 2, schedule: [ { at: \"08:00\", level: 4 } ] }");
    assert!(schedule.contains("its provisioned concurrency changes"), "{schedule}");
    let reserved = provisioned("provisioned_concurrency: 20, reserved_concurrency: 30");
    assert!(reserved.contains("2 x 20") && reserved.contains("30"), "{reserved}");
}

#[test]
fn units_are_never_guessed() {
    one_mistake("horizon: 7d", "horizon: 7", "7", "has no unit", "write `7d`");
    one_mistake("horizon: 7d", "horizon: 7 days", "7 days", "not a unit of time", "write `7d`");
    one_mistake("50/s", "50", "50", "has no unit", "write `50/s`");
    one_mistake("50/s", "50ms", "50ms", "not a rate's unit", "write `50/s`");
    one_mistake("memory: 512 MB", "memory: 512", "512", "has no unit", "write `512 MB`");
    one_mistake("cpu: 50%", "cpu: 50", "50", "has no `%`", "write `50%`");
    one_mistake("wait: 15ms", "wait: 15ms\n    log_size: 500", "500", "has no unit", "write `500 B`");
    one_mistake("share: 0.9\n", "share: 90\n", "90", "more than the whole", "write `90%` or `0.9`");
}

#[test]
fn numbers_are_finite_and_not_negative() {
    one_mistake("50/s", "-50/s", "-50/s", "is negative", "a rate such as");
    one_mistake("50/s", ".nan", ".nan", "not a finite number", "a rate such as");
    one_mistake("wait: 15ms", "wait: -15ms", "-15ms", "is negative", "");
    one_mistake("constant: 50/s", "constant: 50/s\n  scale: .inf", ".inf", "not a finite number", "");
    one_mistake("constant: 50/s", "constant: 50/s\n  scale: 0", "0", "a scale of 0", "above 0");
    one_mistake("min: 2", "min: -2", "-2", "is negative", "");
    one_mistake("min: 2", "min: 2.5", "2.5", "whole number", "");
    one_mistake("min: 2", "min: 0x2", "0x2", "whole number", "");
    one_mistake("constant: 50/s", "constant: 50/s\n  growth: .nan", ".nan", "not a finite number", "");
}

#[test]
fn distributions_make_sense() {
    one_mistake("p50: 8ms, p99: 40ms", "p50: 80ms, p99: 40ms", "40ms", "p99 (40ms) is below p50 (80ms)", "swap them");
    one_mistake(
        "lognormal: { p50: 8ms, p99: 40ms }",
        "lognormal: { p50: 8ms }",
        "{ p50: 8ms }",
        "needs `p50` and `p99`",
        "",
    );
    one_mistake("wait: 15ms", "wait: { samples: none.csv }", "none.csv", "there is no file `none.csv`", "relative to");
}

#[test]
fn shares_add_up() {
    one_mistake("share: 0.9\n", "share: 1.0\n", "1.0", "the shares add up to 1.1 instead of 1", "0.1 is too much");
    let findings = refused(&GOOD.replace("share: 0.1,", "share: 0.05,"));
    assert!(findings[0].help.as_deref().unwrap().contains("0.05 is missing"));
    assert_eq!(findings[0].labels.len(), 2, "both shares are shown");
    one_mistake("share: 0.1, ", "", "{ name: buy, cpu: 20ms, wait: 60ms }", "`share` is missing", "add up to 1");
}

#[test]
fn references_lead_somewhere() {
    one_mistake("to: web", "to: wbe", "wbe", "names `wbe`, which is no component", "did you mean `web`?");
    one_mistake("entry: api", "entry: front", "front", "names `front`, which is no component", "api, shop");
    one_mistake("instance_type: m7g.large", "instance_type: m7g.larg", "m7g.larg", "is not known", "`m7g.large`");
    one_mistake("runtime: nodejs22", "runtime: nodejs2", "nodejs2", "is not known", "did you mean `nodejs2");
    one_mistake(
        "  - name: functions\n",
        "  - lambda-http-apo\n  - name: functions\n",
        "lambda-http-apo",
        "there is no model `lambda-http-apo`",
        "did you mean `lambda-http-api`?",
    );
    one_mistake(
        "constant: 50/s",
        "replay: { file: nowhere.csv, rate: true }",
        "nowhere.csv",
        "there is no file `nowhere.csv`",
        "relative to the file",
    );
    one_mistake(
        "to: web",
        "to: { browse: web, by: web, buy: web }",
        "by",
        "`by` is no request of the scenario",
        "did you mean `buy`?",
    );
    one_mistake("to: web", "to: { browse: web }", "{ browse: web }", "does not say where `buy` go", "");
}

#[test]
fn synchronous_calls_do_not_loop() {
    let two = "api: { http_api: { to: api2 } }\n      api2: { http_api: { to: api } }\n      other: { http_api: { to: shop } }";
    let text = GOOD.replace("api: { http_api: { to: shop } }", two);
    let findings = refused(&text);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == diag::Severity::Error).collect();
    assert_eq!(errors.len(), 1, "{}", diag::render_all(&findings, false));
    assert!(errors[0].title.contains("a loop of synchronous calls: api -> api2 -> api"), "{}", errors[0].title);
    assert_eq!(underlined(errors[0]), "api");
    one_mistake("to: web", "to: lb", "lb", "loop of synchronous calls: lb -> lb", "break the loop");
}

#[test]
fn a_duration_without_its_cpu_share_cannot_run_on_a_fleet() {
    let (from, to) = ("cpu: { lognormal: { p50: 8ms, p99: 40ms } }\n    wait: 15ms", "duration: 23ms");
    one_mistake(
        from,
        to,
        "23ms",
        "the duration of `browse` has no CPU share, but `fleet` shares",
        "add e.g. `cpu_share: 40%`",
    );
    let split = GOOD.replace(from, "duration: 23ms\n    cpu_share: 40%\n    measured_on: 512 MB");
    let scenario = load(split).unwrap().scenario;
    // 40 % of the time at 512/1,769 of a vCPU.
    let costsim::spec::scenario::Work::Duration { cpu_factor, wait_factor, split, .. } = scenario.classes[0].work
    else {
        panic!()
    };
    assert!(split && (cpu_factor - 0.4 * 512.0 / 1769.0).abs() < 1e-12 && (wait_factor - 0.6).abs() < 1e-12);
    // Functions alone take it as it is.
    let alone = GOOD.replace(from, to);
    let alone = &alone[..alone.find("  - name: fleet").unwrap()];
    assert!(load(alone).is_ok());
}

#[test]
fn structure_is_complete() {
    let findings = refused(&GOOD.replace("traffic:\n  constant: 50/s\n", ""));
    let shown = diag::render_all(&findings, false);
    assert!(findings.len() == 1 && shown.contains("`traffic` is missing") && shown.contains("s.yaml:1:1"), "{shown}");
    one_mistake("constant: 50/s", "growth: 5%", "growth: 5%", "the traffic has no shape", "`constant:`");
    one_mistake(
        "memory: 512 MB, ",
        "",
        "{ runtime: nodejs22, dependencies: 300ms }",
        "`memory` is missing",
        "`512 MB`",
    );
    one_mistake("min: 2", "min: 5", "5", "`min` (5) is more than `max` (4)", "swap");
    one_mistake("cpu: 20ms, wait: 60ms", "cpu: 20ms, duration: 60ms", "20ms", "has a `duration` already", "keep");
    one_mistake("name: buy", "name: browse", "browse", "two requests are called `browse`", "its own name");
    one_mistake("name: fleet", "name: functions", "name: functions", "two architectures are called", "another `name:`");
    one_mistake("entry: lb", "entry: web", "web", "requests enter at the fleet", "load_balancer");
    one_mistake(
        "constant: 50/s",
        "constant: 50/s\n  bursts: [ { at: 8d, lasts: 1h, times: 2, per: once } ]",
        "8d",
        "the burst at 8d lies outside the horizon of 7d",
        "`--set 'traffic.bursts=[]'`",
    );
    // 5,000/s x 900,000 = 4.5 billion; two that overlap add up.
    one_mistake(
        "constant: 50/s",
        "constant: 5k/s\n  bursts: [ { at: 1d, lasts: 1h, times: 900000, per: once } ]",
        "constant: 5k/s",
        "the rate reaches 4500000000/s",
        "a billion requests a second, bursts and scale included",
    );
    one_mistake("512 MB", "1 TB", "1 TB", "`1 TB` is no amount of memory", "128 MB to 10,240 MB");
    one_mistake(
        "constant: 50/s",
        "diurnal: { mean: 50/s, peak: 40/s }",
        "50/s",
        "no daily wave",
        "with a peak of 40/s the mean can be",
    );
}

#[test]
fn duplicate_keys_show_both_places() {
    one_mistake("max: 4", "max: 4\n          max: 6", "max", "the key `max` is given twice", "remove one");
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once_in_order() {
    let text = GOOD
        .replace("horizon: 7d", "horizn: 7d")
        .replace("50/s", "50")
        .replace("p50: 8ms", "p50: 80ms")
        .replace("share: 0.1", "share: 0.3")
        .replace("to: shop", "to: shp")
        .replace("memory: 512 MB", "memory: 64 MB")
        .replace("max: 4", "max: 1")
        .replace("cpu: 50%", "cpu: 150%");
    let findings = refused(&text);
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(
        codes,
        [
            "unknown-key",
            "no-unit",
            "shares",
            "p99-below-p50",
            "no-such-component",
            "out-of-range",
            "min-above-max",
            "out-of-range"
        ],
        "{}",
        diag::render_all(&findings, false)
    );
}

#[test]
fn one_mistake_does_not_hide_another_of_the_same_mapping() {
    let shown = |text: &str| diag::render_all(&refused(text), false);
    let text = shown("traffic: { constant: 10 }\narchitectures: [lambda-http-apo]\n");
    for says in ["`10` has no unit", "`requests` is missing", "there is no model `lambda-http-apo`"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let text = shown(&GOOD.replace("share: 0.1, cpu: 20ms", "cpu: 20"));
    assert!(text.contains("`20` has no unit") && text.contains("`share` is missing"), "{text}");
    let text = shown(&GOOD.replace("memory: 512 MB, runtime: nodejs22", "memory: 512"));
    assert!(text.contains("write `512 MB`") && text.contains("`runtime` is missing"), "{text}");
}

#[test]
fn files_that_are_no_scenario_at_all() {
    let says = |text: &[u8], says: &str| {
        let findings = load(text).unwrap_err();
        let shown = diag::render_all(&findings, false);
        assert!(findings.len() == 1 && shown.contains(says) && shown.contains("s.yaml"), "{shown}");
    };
    says(b"", "the file is empty");
    says(b"# only a comment\n", "the file is empty");
    says(b"name: caf\xe9\n", "this is not UTF-8 text");
    says(b"just a text\n", "expected a scenario");
    says(b"[1, 2]\n", "expected a scenario");
    says("[".repeat(100_000).as_bytes(), "more than 64 levels of nesting");
    says("{a: ".repeat(100_000).as_bytes(), "more than 64 levels of nesting");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..20 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    }
    says(bomb.as_bytes(), "values, aliases expanded");
    let findings = spec::load(&LoadOptions { inputs: vec![".".into()], ..LoadOptions::default() }).unwrap_err();
    assert!(diag::render_all(&findings, false).contains("`.` is a directory"));
    let findings = spec::load(&LoadOptions { inputs: vec!["storefrnt".into()], ..LoadOptions::default() }).unwrap_err();
    assert!(diag::render_all(&findings, false).contains("did you mean `storefront`?"));
}

#[test]
fn a_bad_row_of_a_replayed_file_is_named() {
    let text = GOOD.replace("constant: 50/s", "replay: { file: t.csv, rate: true }").replace("horizon: 7d\n", "");
    let shown = |csv: &str| match load_in(&text, |dir| std::fs::write(dir.join("t.csv"), csv).unwrap()) {
        Ok(loaded) => format!("covers {}", loaded.scenario.horizon),
        Err(findings) => diag::render_all(&findings, false),
    };
    assert_eq!(shown("minute,count\n0,10\n1,20\n2,5\n"), "covers 3m");
    let bad = shown("minute,count\n0,10\n1,-20\n2,5\n");
    assert!(bad.contains("t.csv:3") && bad.contains("-20"), "{bad}");
    assert!(shown("minute,stars\n").contains("t.csv"));
}

#[test]
fn flags_and_settings_are_checked_like_files() {
    let shown = |options: LoadOptions| match spec::load(&options) {
        Ok(loaded) => format!("fine: {:?}", loaded.scenario.traffic.shape),
        Err(findings) => diag::render_all(&findings, false),
    };
    let models = || vec!["lambda-http-api".to_owned(), "ec2-asg-alb".to_owned()];
    let some = |text: &str| Some(text.to_owned());
    let flags = |duration, cpu_share, per_month| LoadOptions {
        inputs: models(),
        duration,
        cpu_share,
        per_month,
        ..LoadOptions::default()
    };
    // 3,000,000 / (730 x 3,600 s).
    let fine = shown(flags(some("120ms"), some("40%"), some("3M")));
    assert!(fine.starts_with("fine: Constant(PerSecond(1.14155"), "{fine}");
    let text = shown(flags(some("120ms"), None, some("3M")));
    assert!(text.contains("--duration:1:1") && text.contains("add e.g. `--cpu-share 40%`"), "{text}");
    let text = shown(flags(some("120"), some("40"), some("lots")));
    for says in ["write `120s` or `120ms`", "write `40%`", "expected an amount", "--per-month:1:1"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let text = shown(LoadOptions { inputs: models(), ..LoadOptions::default() });
    assert!(text.contains("--per-month 3M") && text.contains("--duration 120ms --cpu-share 40%"), "{text}");
    let both = LoadOptions { rate: some("1/s"), per_month: some("3M"), ..LoadOptions::default() };
    assert!(shown(both).contains("keep one of --rate, --per-month and --replay"));
    let arch = LoadOptions { architectures: vec!["lambda-http-api,ec2-asg-albb".into()], ..LoadOptions::default() };
    assert!(shown(arch).contains("did you mean `ec2-asg-alb`?"));
}

#[test]
fn settings_address_the_scenario_and_its_models() {
    let set = |settings: &[&str]| {
        let set = settings.iter().map(|setting| (*setting).to_owned()).collect();
        spec::load(&LoadOptions { set, ..LoadOptions::default() })
    };
    let loaded =
        set(&["traffic.diurnal.mean=12/s", "lambda-http-api:shop.lambda.memory=1024MB", "replications=3"]).unwrap();
    let costsim::spec::scenario::Shape::Diurnal(wave) = &loaded.scenario.traffic.shape else { panic!() };
    assert!((wave.mean.0 - 12.0).abs() < 1e-12 && loaded.scenario.replications == 3);
    let costsim::spec::model::ComponentKind::Lambda(function) = &loaded.scenario.architectures[0].components[1].kind
    else {
        panic!()
    };
    assert_eq!(function.memory.0, 1_024);
    let shown = |settings: &[&str]| diag::render_all(&set(settings).unwrap_err(), false);
    let text = shown(&["cpu=1ms"]);
    assert!(text.contains("`cpu` is ambiguous") && text.contains("requests.browse.cpu"), "{text}");
    assert!(text.contains("ec2-asg-alb:components.web.fleet.scaling.target_tracking.cpu"), "{text}");
    assert!(shown(&["lambda-http-apo:shop.lambda.memory=1GB"]).contains("did you mean `lambda-http-api`?"));
    assert!(shown(&["traffic.diurnal.maen=1/s"]).contains("did you mean `mean`?"));
    assert!(shown(&["traffic.diurnal.mean=1000/s"]).contains("no daily wave"));
    assert!(shown(&["lambda-http-api:shop.lambda.memory=1024"]).contains("write `1024 MB`"));
    assert!(shown(&["memroy=1GB"]).contains("did you mean `memory`?"));
}

#[test]
fn a_start_up_of_an_empty_program_is_a_warning() {
    let text =
        GOOD.replace(", dependencies: 300ms", "").replace("boot: { user_data: 60s, app_start: 20s }", "zones: 2");
    let loaded = load(text).unwrap();
    let shown = diag::render_all(&loaded.warnings, false);
    assert_eq!(loaded.warnings.len(), 2, "{shown}");
    assert!(shown.contains("without `dependencies` its start-up is that of an empty program"), "{shown}");
    assert!(shown.contains("without `app_start`"), "{shown}");
    assert_eq!(
        loaded.scenario.architectures.iter().map(|a| a.findings.len()).sum::<usize>(),
        2,
        "the report has them, too"
    );
}

#[test]
fn validation_checks_models_and_price_lists_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let model = file("m.yaml", "entry: lb\ncomponents:\n  lb: { load_balancer: { to: web, zone: 2 } }\n");
    let prices = file("p.yaml", "region: us-east-1\nsources: {}\nservices: [ { servce: x } ]\n");
    let good = file("g.yaml", GOOD);
    let found = spec::validate(&[model, prices, good, "storefront".into(), "nowhere".into()], None);
    let shown = diag::render_all(&found, false);
    for says in ["did you mean `zones`?", "no component of this model", "did you mean `service`?", "`nowhere`"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    assert!(!shown.contains("g.yaml") && !shown.contains("storefront.yaml"), "{shown}");
}

/// A region without a price list is refused at its place; a model that two files lead to is reported once.
#[test]
fn validation_names_a_region_without_prices_and_says_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let region = file("r.yaml", &GOOD.replace("horizon: 7d", "region: us-east-9"));
    let found = spec::validate(&[region], None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].place().unwrap().ends_with("r.yaml:2:9"), "{:?}", found[0].place());
    assert!(found[0].render(false).contains("us-east-1"), "{}", found[0].render(false));

    let (head, _) = GOOD.split_once("architectures:").unwrap();
    let model = file("m.yaml", "entry: lb\ncomponents:\n  lb: { load_balancer: { to: web } }\n");
    let scenario = file("s.yaml", &format!("{head}architectures: [ ./m.yaml ]\n"));
    let alone = spec::validate(std::slice::from_ref(&model), None).len();
    let both = spec::validate(&[model, scenario], None);
    assert!(alone > 0);
    assert_eq!(both.len(), alone, "{}", diag::render_all(&both, false));
}

/// What no flag stated is the command line's default in the report, not something that somebody stated.
#[test]
fn a_scenario_of_flags_says_whose_defaults_it_has() {
    let options = LoadOptions {
        inputs: vec!["lambda-http-api".into()],
        per_month: Some("3M".into()),
        duration: Some("120ms".into()),
        set: vec!["requests.request.log_size=900B".into()],
        ..LoadOptions::default()
    };
    let mut scenario = spec::load(&options).unwrap().scenario;
    let source = |scenario: &_, path: &str| {
        let all = costsim::compare::assumptions::assumptions(scenario);
        all.into_iter().find(|row| row.path == path).unwrap_or_else(|| panic!("{path}")).source
    };
    let default = Some("default of the command line".to_owned());
    for path in ["region", "start", "account.free_tier", "requests.request.request_size"] {
        assert_eq!(source(&scenario, path), default, "{path}");
    }
    assert_eq!(source(&scenario, "requests.request.log_size"), None);
    scenario.made_on_command_line = false;
    assert_eq!(source(&scenario, "region"), None);
}

/// What is wrong in a replayed file is shown in its row; a wrong name names the nearest file; a share that cannot be read is not also
/// missing.
#[test]
fn replayed_files_are_shown_where_they_are_wrong() {
    let replay = |content: &str| {
        let text = GOOD.replace("constant: 50/s", "replay: { file: x.csv, rate: true }").replace("horizon: 7d\n", "");
        let content = content.to_owned();
        load_in(text, move |dir| std::fs::write(dir.join("x.csv"), content).unwrap())
    };
    let findings = replay("minute,count\n0,1\n1, many \n").unwrap_err();
    let shown = diag::render_all(&findings, false);
    assert_eq!((findings.len(), underlined(&findings[0])), (1, "many"), "{shown}");
    for says in ["x.csv:3:4", "3 | 1, many", "the count is no number", "named here"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let shown = diag::render_all(&replay("hits,size,kind\n1,2,3\n").unwrap_err(), false);
    assert!(shown.contains("x.csv:1:1") && shown.contains("1 | hits,size,kind"), "{shown}");
    let shown = diag::render_all(&replay("minute,count\n").unwrap_err(), false);
    assert!(shown.contains("`x.csv`: it has no rows below its heading") && !shown.contains("relative"), "{shown}");

    let text = GOOD.replace("constant: 50/s", "replay: { file: data/trafic.csv, rate: true }");
    let findings = load_in(text, |dir| {
        std::fs::create_dir(dir.join("data")).unwrap();
        std::fs::write(dir.join("data/traffic.csv"), "minute,count\n0,1\n").unwrap();
    });
    assert_eq!(findings.unwrap_err()[0].help.as_deref(), Some("did you mean `data/traffic.csv`?"));

    let options = LoadOptions {
        inputs: vec!["ec2-asg-alb".into()],
        per_month: Some("3M".into()),
        duration: Some("120ms".into()),
        cpu_share: Some("140%".into()),
        ..LoadOptions::default()
    };
    let findings = spec::load(&options).unwrap_err();
    assert_eq!(findings.len(), 1, "{}", diag::render_all(&findings, false));
    assert!(findings[0].title.contains("more than 100%"), "{findings:?}");
}

/// Gaps and dates of a replayed file are known, so that they can be warned of.
#[test]
fn a_replayed_file_says_what_it_leaves_out() {
    let text = GOOD.replace("constant: 50/s", "replay: { file: x.csv, rate: true }").replace("horizon: 7d\n", "");
    // Seven minutes, of which the fourth and the sixth have no row.
    let minute = |n: u32| format!("1998-05-04 00:0{n}:00,{}\n", if n == 1 { 120 } else { 60 });
    let rows = "time,count\n".to_owned() + &[0, 1, 2, 4, 6].map(minute).concat();
    let loaded = load_in(text, |dir| std::fs::write(dir.join("x.csv"), rows).unwrap()).unwrap();
    let spec::scenario::Shape::ReplayRate(file) = &loaded.scenario.traffic.shape else { panic!("a rate file") };
    assert_eq!((file.rows, file.missing, file.requests), (5, 2, 360.0));
    assert_eq!((file.peak.0, file.first_date), (2.0, Some(jiff::civil::date(1998, 5, 4))));
}

/// The scenario that the results carry is the same scenario again.
#[test]
fn the_resolved_scenario_loads_again() {
    let assumptions = |scenario: &_| costsim::compare::assumptions::assumptions(scenario);
    let set = vec!["traffic.scale=2".to_owned(), "lambda-http-api:shop.lambda.memory=1024MB".to_owned()];
    for options in [
        LoadOptions { set, ..LoadOptions::default() },
        LoadOptions { inputs: vec!["nightly-batch".into()], ..LoadOptions::default() },
        LoadOptions { inputs: vec!["internal-tool".into()], seed: Some(9), ..LoadOptions::default() },
    ] {
        let first = spec::load(&options).unwrap().scenario;
        let text = first.resolved.as_ref().unwrap().to_string();
        let again = load(&text).unwrap_or_else(|found| panic!("{}\n{text}", diag::render_all(&found, false))).scenario;
        assert_eq!(assumptions(&again), assumptions(&first));
        assert_eq!((again.name, again.seed), (first.name, first.seed));
    }
}

#[test]
fn a_hundred_thousand_mistakes_are_refused_quickly() {
    let start = std::time::Instant::now();
    let keys: String = (0..100_000).map(|n| format!("key{n}: 1\n")).collect();
    let requests: String = (0..30_000).map(|n| format!("  - {{ name: r{n}, cpu: {{ lognormal: {{}} }} }}\n")).collect();
    for text in [format!("{GOOD}{keys}"), format!("traffic: {{ constant: 1/s }}\nrequests:\n{requests}")] {
        let findings = refused(&text);
        assert!(diag::render_all(&findings, false).contains(" more."));
    }
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Damaged scenarios are refused or accepted, never a panic, and every refusal has an error.
    #[test]
    fn damaged_files_never_panic(
        cuts in proptest::collection::vec((0.0..1.0_f64, 0_usize..12, "[-a-z0-9:{}\\[\\],.%/ \n\"'&*!|>~#\t]{0,6}"), 1..6),
    ) {
        let mut text = GOOD.to_owned();
        for (place, len, with) in cuts {
            let at = (place * text.len() as f64) as usize;
            let end = (at + len).min(text.len());
            // The good text is ASCII, and so is what is put in.
            text.replace_range(at..end, &with);
        }
        if let Err(findings) = load(&text) {
            prop_assert!(diag::any_error(&findings));
            prop_assert!(!diag::render_all(&findings, true).is_empty());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(findings) = load(&bytes) {
            prop_assert!(diag::any_error(&findings));
        }
    }

    #[test]
    fn no_setting_panics(path in "[a-z.:0-9]{0,20}", value in "\\PC{0,12}", scenario in any::<bool>()) {
        let path = if scenario { format!("traffic.{path}") } else { path };
        let set = vec![format!("{path}={value}"), value];
        if let Err(findings) = spec::load(&LoadOptions { set, ..LoadOptions::default() }) {
            prop_assert!(diag::any_error(&findings));
        }
    }

    #[test]
    fn no_flag_panics(text in "\\PC{0,16}") {
        for n in 0..6 {
            let some = |k: usize| (k == n).then(|| text.clone());
            let options = LoadOptions {
                rate: some(0), per_month: some(1), replay: some(2), duration: some(3), cpu_share: some(4), horizon: some(5),
                ..LoadOptions::default()
            };
            if let Err(findings) = spec::load(&options) {
                prop_assert!(diag::any_error(&findings));
            }
        }
    }
}
