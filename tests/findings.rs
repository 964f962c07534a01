//! Findings as `results.json` has them: the number that triggers each, what it is held against, and the fix, against numbers computed by hand;
//! each test says how.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use serde_json::Value;
use std::process::Command;

/// What `costsim compare --format json` prints for a scenario of these components (the first is the entry) and further keys.
fn compared(traffic: &str, requests: &str, components: &str, further: &str) -> Value {
    let scenario = format!(
        "name: findings\nregion: us-east-1\nstart: 2026-03-02\nwarmup: 0s\ntraffic: {{ {traffic}, spread: even }}\n{further}\n\
         requests: [ {requests} ]\narchitectures:\n  - name: only\n    entry: {}\n    components:\n      {}\n",
        components.split(':').next().unwrap(),
        components.trim().replace('\n', "\n      "),
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("given.yaml"), &scenario).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_costsim"))
        .current_dir(dir.path())
        .args(["compare", "given.yaml", "--quick", "--replications", "1", "--quiet", "--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{scenario}\n{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The sentences are those of the findings, everywhere.
    for all in [&results, &results["architectures"][0]] {
        let texts: Vec<&Value> = all["findings"].as_array().unwrap().iter().map(|finding| &finding["text"]).collect();
        assert_eq!(texts, all["warnings"].as_array().unwrap().iter().collect::<Vec<_>>());
    }
    results
}

/// The finding of this code, if there is one; its sentence ends with its fix.
fn finding(results: &Value, code: &str) -> Option<Value> {
    let all = results["architectures"][0]["findings"].as_array().unwrap();
    let found: Vec<&Value> = all.iter().filter(|finding| finding["code"] == code).collect();
    assert!(found.len() <= 1, "{found:?}");
    let found = found.first().map(|found| (*found).clone())?;
    if let Some(fix) = found["fix"].as_str() {
        assert!(found["text"].as_str().unwrap().ends_with(fix), "{found}");
    }
    Some(found)
}

/// Holds a finding of function `shop` to these numbers (value, limit, unit, count) and to a part of its fix.
#[track_caller]
fn held(results: &Value, code: &str, value: f64, limit: Option<f64>, unit: &str, count: Option<u64>, fix: &str) {
    let found =
        finding(results, code).unwrap_or_else(|| panic!("no {code}: {}", results["architectures"][0]["warnings"]));
    assert_eq!((found["component"].as_str(), found["unit"].as_str()), (Some("shop"), Some(unit)), "{found}");
    let got = found["value"].as_f64().unwrap();
    assert!((got - value).abs() <= 1e-4 * value.abs(), "{got} instead of {value}: {found}");
    let close = |got: f64, limit: f64| (got - limit).abs() < 1e-9;
    let as_limited = match (found["limit"].as_f64(), limit) {
        (Some(got), Some(limit)) => close(got, limit),
        (got, limit) => got.is_none() && limit.is_none(),
    };
    assert!(as_limited && found["count"].as_u64() == count, "{found}");
    assert!(found["fix"].as_str().unwrap().contains(fix), "{found}");
}

const ONE: &str = "{ name: call, cpu: 0s, wait: WAIT }";
const NO_FREE_TIER: &str = "account: { free_tier: none }";

fn waiting(wait: &str) -> String {
    ONE.replace("WAIT", wait)
}

fn shop(settings: &str) -> String {
    format!("shop: {{ lambda: {{ runtime: nodejs22, arch: x86_64, cold_start: 0s, {settings} }} }}")
}

fn horizon(horizon: &str) -> String {
    format!("horizon: {horizon}\n{NO_FREE_TIER}")
}

/// All calls take 8.5 s. Near a time-out of 10 s is what is beyond 80 % of it, 8 s; of 20 s it would be 16 s.
#[test]
fn near_the_time_out() {
    let with = |timeout: &str| {
        let function = shop(&format!("memory: 1769 MB, timeout: {timeout}"));
        compared("constant: 5/s", &waiting("8500ms"), &function, &horizon("100s"))
    };
    let found = finding(&with("10s"), "near-timeout").unwrap();
    // The bins of the histogram of latencies are less than 1 % wide.
    assert!((found["value"].as_f64().unwrap() - 8.5).abs() < 0.01 * 8.5, "{found}");
    assert_eq!((found["limit"].as_f64(), found["unit"].as_str()), (Some(8.0), Some("s")));
    assert_eq!(found["fix"], "raise `timeout`, or its memory if it computes");
    assert_eq!(finding(&with("20s"), "near-timeout"), None);
}

/// Calls of 40 s behind an HTTP API, which gives up after 30 s. One a second, at 0.5 s, 1.5 s …: those until 69.5 s are given up within 100 s, 70.
#[test]
fn the_gateway_gives_up() {
    let with = |timeout: &str| {
        let components =
            format!("api: {{ http_api: {{ to: shop }} }}\n{}", shop(&format!("memory: 128 MB, timeout: {timeout}")));
        compared("constant: 1/s", &waiting("40s"), &components, &horizon("100s"))
    };
    held(&with("60s"), "gateway-gives-up", 60.0, Some(30.0), "s", Some(70), "use `timeout: 30s` or less");
    assert_eq!(finding(&with("30s"), "gateway-gives-up"), None);
}

/// 50 ms of CPU and 2 ms of waiting: at 512 MB 50 x 1,769 / 512 + 2 = 174.754 ms, at 1,024 MB 88.377 ms. 2 x 88.377 / 174.754 = 1.011445.
#[test]
fn twice_the_memory_for_the_same() {
    let with = |memory: u32| {
        let function = shop(&format!("memory: {memory} MB, timeout: 10s"));
        compared("constant: 5/s", "{ name: call, cpu: 50ms, wait: 2ms }", &function, &horizon("10s"))
    };
    held(&with(512), "memory-doubling-free", 1.011_445, Some(1.05), "times", None, "use `memory: 1024 MB`");
    assert_eq!(finding(&with(1_769), "memory-doubling-free"), None);
}

/// 500 calls of 100 ms in 100 s on ten environments: 50 s of 1,000 s are busy.
#[test]
fn provisioned_concurrency_below_its_break_even() {
    let with = |rate: u32| {
        let function = shop("memory: 512 MB, timeout: 10s, provisioned_concurrency: 10");
        compared(&format!("constant: {rate}/s"), &waiting("100ms"), &function, &horizon("100s"))
    };
    held(&with(5), "provisioned-under-break-even", 0.05, Some(0.6), "share", None, "lower it");
    // 80 % busy.
    assert_eq!(finding(&with(80), "provisioned-under-break-even"), None);
}

/// 400 a second for 10 s, at 1.25 ms, 3.75 ms …, against 200 a second that may be saved for one second: until the last, at 9.99875 s, 200 + 1,999.75
/// have been let in, so of 4,000 the rate refuses 1,801. At 20 ms each no more than 400 x 0.02 = 8 are at work.
///
/// With 5 reserved behind an API some of those that were let in meet no room, and are refused as well, but not by the rate. Without the API the function's URL
/// takes 50 a second: 50 + 499.9 are let in, and 3,451 refused by it.
#[test]
fn the_request_rate_refuses_short_calls() {
    let with = |front: &str, settings: &str| {
        let account = "horizon: 10s\naccount: { free_tier: none, concurrency: 200, request_rate: 200 }";
        let components = format!("{front}{}", shop(&format!("memory: 128 MB, timeout: 10s, {settings}")));
        compared("constant: 400/s", &waiting("20ms"), &components, account)
    };
    let throttled = |results: &Value, component: usize| {
        results["architectures"][0]["components"][component]["throttled"]["value"].as_f64()
    };
    let plain = with("", "");
    held(&plain, "throttled-by-rate", 0.02, Some(0.1), "s", Some(1_801), "more concurrency");
    assert_eq!(throttled(&plain, 0), Some(1_801.0));
    let reserved = with("api: { http_api: { to: shop } }\n", "reserved_concurrency: 5");
    held(&reserved, "throttled-by-rate", 0.02, Some(0.1), "s", Some(1_801), "more concurrency");
    assert!(throttled(&reserved, 1) > Some(1_900.0), "{:?}", throttled(&reserved, 1));
    let url = with("", "reserved_concurrency: 5");
    held(&url, "throttled-by-rate", 0.02, Some(0.1), "s", Some(3_451), "more concurrency");
    let text = finding(&url, "throttled-by-rate").unwrap()["text"].to_string();
    assert!(
        text.contains("the 50 requests a second of its URL (10 x reserved concurrency) end when 1 of 5 are at work"),
        "{text}"
    );
}

/// 450 calls in 90 s, each of which waits 300 ms for another function: 450 x 0.3 s x 1,769 / 1,024 GB = 233.218 GB-s.
#[test]
fn waiting_for_another_function() {
    let function = |calls: &str| shop(&format!("memory: 1769 MB, timeout: 10s{calls}"));
    let components = format!(
        "{}\nprice: {{ lambda: {{ runtime: nodejs22, arch: x86_64, cold_start: 0s, memory: 1769 MB, timeout: 10s }} }}",
        function(", calls: [ { to: price, cpu: 0s, wait: 300ms } ]")
    );
    let traffic = "steps: [ { at: 0s, rate: 5/s }, { at: 90s, rate: 0/s } ]";
    let results = compared(traffic, &waiting("100ms"), &components, &horizon("100s"));
    held(&results, "waits-for-another", 233.218, None, "GB-s", None, "put a queue between them");
}

/// Two kinds of requests, an init of 2 s and calls of 100 ms, one a second from 0.5 s on: the first ends at 2.6 s, so those of 1.5 s and 2.5 s are
/// cold, too, and none after.
#[test]
fn one_heavy_init_for_all() {
    let requests = "{ name: a, share: 0.5, cpu: 0s, wait: 100ms }, { name: b, share: 0.5, cpu: 0s, wait: 100ms }";
    let with = |requests: &str| {
        let function = shop("memory: 512 MB, timeout: 10s").replace("cold_start: 0s", "cold_start: 2s");
        compared("constant: 1/s", requests, &function, &horizon("20s"))
    };
    held(&with(requests), "heavy-init", 2.0, Some(1.0), "s", Some(3), "separate functions");
    assert_eq!(finding(&with(&waiting("100ms")), "heavy-init"), None);
}

/// 624 bytes of its own and 400 of the platform are 1 KB a call: 0.5 / 2^20 = 0.476837 micro-dollars. The call itself, 100 ms at 128 MB: 0.1 / 8 x
/// 16.6667 + 0.2 = 0.408334. 0.476837 / 0.408334 = 1.167763.
#[test]
fn logs_that_cost_more() {
    let with = |log: u32| {
        let request = format!("{{ name: call, cpu: 0s, wait: 100ms, log_size: {log} B }}");
        compared("constant: 5/s", &request, &shop("memory: 128 MB, timeout: 10s"), &horizon("100s"))
    };
    held(&with(624), "logging-over-compute", 1.167_763, Some(1.0), "times", None, "log less");
    assert_eq!(finding(&with(300), "logging-over-compute"), None);
}

/// Machines: two instances in one zone for a request each two seconds are idle, whatever they are called.
#[test]
fn idle_machines_are_called_what_they_are() {
    let text = |component: &str| {
        let components = format!("lb: {{ load_balancer: {{ to: web }} }}\nweb: {{ {component} }}");
        let request = "{ name: call, cpu: 10ms, wait: 0s }";
        let results = compared("constant: 1/s", request, &components, &horizon("10m"));
        let found = finding(&results, "idle-cpu").unwrap();
        assert_eq!((found["limit"].as_f64(), found["unit"].as_str()), (Some(0.2), Some("share")));
        assert!(found["value"].as_f64().unwrap() < 0.02);
        found["text"].as_str().unwrap().to_owned()
    };
    let fleet = text("fleet: { instance_type: m7g.large, min: 2, max: 2, zones: 2, boot: { app_start: 1s } }");
    assert!(
        fleet.starts_with(
            "the mean CPU of fleet `web` is 0.2 %: a smaller one would do (instance type m7g.large, min 2)"
        ),
        "{fleet}"
    );
    let managed =
        text("managed_instances: { instance_type: m7g.large, runtime: nodejs22, memory: 4 GB, min: 3, max: 3 }");
    assert!(managed.starts_with("the mean CPU of the instances of function `web` is"), "{managed}");
    assert!(managed.ends_with("lower `min`, or take a smaller instance type"), "{managed}");
}

/// A zone that fails costs a fleet one of its two instances, which is a finding with numbers. An interruption of Spot instances where there are none is
/// none, but stays among the events.
#[test]
fn what_concerns_nobody_is_no_finding() {
    let components = "lb: { load_balancer: { to: web } }\n\
         web: { fleet: { instance_type: m7g.large, min: 2, max: 2, zones: 2, boot: { app_start: 1s } } }";
    let with = |event: &str| {
        let events = format!("horizon: 4h\nevents: [ {{ at: 2h, {event}, lasts: 20m, per: month }} ]");
        compared("constant: 1/s", "{ name: call, cpu: 10ms, wait: 0s }", components, &events)
    };
    let zone = with("zone_fails: a");
    let found = finding(&zone, "event").unwrap();
    let event = &zone["architectures"][0]["events"][0];
    assert_eq!((&found["value"], &found["limit"]), (&event["not_served"], &event["not_served_before"]));
    assert!(event["not_served"].as_f64() > Some(0.0) && event["not_served_before"].as_f64() == Some(0.0), "{event}");
    let spot = with("spot_interrupts: 50%");
    assert_eq!(finding(&spot, "event"), None);
    assert_eq!(spot["architectures"][0]["events"][0]["change"]["not_served"]["value"].as_f64(), Some(0.0));
}

/// Priced again at the same prices, results are the same, findings included; in another region only money moves. Sentences alone, as earlier versions wrote
/// them, are refused, since it cannot be told which of them follow from the bill.
#[test]
fn pricing_again_keeps_findings() {
    let dir = tempfile::tempdir().unwrap();
    let costsim = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_costsim")).current_dir(dir.path()).args(args).output().unwrap()
    };
    let quick = ["--quick", "--replications", "1", "--set", "traffic.scale=0.2", "--quiet", "--out", "out"];
    assert!(costsim(&[&["compare", "zone-failure"], &quick[..]].concat()).status.success());
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let path = dir.path().join("out/results.json");
    let mut first = read(&std::fs::read(&path).unwrap());
    assert!(finding(&first, "event").is_some());
    let again = costsim(&["reprice", "out/results.json", "--quiet", "--format", "json"]);
    assert_eq!(read(&again.stdout)["architectures"], first["architectures"]);
    let elsewhere = costsim(&["reprice", "out/results.json", "--region", "eu-west-1", "--quiet", "--format", "json"]);
    let elsewhere = finding(&read(&elsewhere.stdout), "event").unwrap();
    let here = finding(&first, "event").unwrap();
    assert_eq!(elsewhere["value"], here["value"]);
    assert_ne!(elsewhere["text"], here["text"]);

    for architecture in first["architectures"].as_array_mut().unwrap() {
        architecture.as_object_mut().unwrap().remove("findings");
    }
    std::fs::write(&path, first.to_string()).unwrap();
    let refused = costsim(&["reprice", "out/results.json"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("simulate again"));
}

/// A function that nobody calls after the first hour is deployed in the second: nothing starts, nothing is paid. With calls it is one further start.
#[test]
fn a_deployment_that_nobody_meets_is_no_finding() {
    let with = |traffic: &str| {
        let further = "horizon: 4h\naccount: { free_tier: none }\ndeployments: [ { at: 2h, component: shop, kind: AllAtOnce, per: week } ]";
        compared(traffic, &waiting("100ms"), &shop("memory: 128 MB, timeout: 10s"), further)
    };
    assert_eq!(finding(&with("steps: [ { at: 0s, rate: 1/s }, { at: 1h, rate: 0/s } ]"), "deployment"), None);
    let found = finding(&with("constant: 1/s"), "deployment").unwrap();
    assert_eq!(found["component"], "shop");
    assert!(found["text"].as_str().unwrap().contains("1.0 further cold starts each time"), "{found}");
}

/// The page lists each code, in the order of the program, and no other.
#[test]
fn the_page_lists_every_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.md")).unwrap();
    let listed: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(code, _)| code).collect();
    let known: Vec<&str> = costsim::finding::Code::ALL.iter().map(|code| code.key()).collect();
    assert_eq!(listed, known);
}
