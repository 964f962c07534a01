//! SimFaaS 0.2.2, an independent simulator (public, Python): all 67 rows of its answers. Needs the data beside the project; skipped, and
//! said so, without. `cargo test --test simfaas -- --nocapture` prints a table.
//!
//! The same time is simulated, its filling included, and compared within 3 standard errors of both sides and 2 %. It differs in one rule: of
//! the environments that have room it takes the *newest*, where Lambda takes the one used last. So its answers are multiplied by the ratio of
//! the two rules: from the reference pool, a third program, where that has the row, and otherwise from [`reference`], a plain pool of this file
//! that knows both rules and is held to SimFaaS's own answer first.

#![allow(clippy::print_stdout, reason = "says what was compared and what was skipped")]

mod common;

use common::*;
use costsim::arch::output::{Horizon, Outcome, RunOutput};
use costsim::arch::{Control, How, simulate_with};
use costsim::spec::distribution::Distribution;
use costsim::spec::model::*;
use costsim::spec::scenario::*;
use costsim::traffic::{Source, Variant};
use costsim::units::*;

/// Random numbers of this file alone (SplitMix64).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// What `cold` is the mean of.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// A cold request, drawn as a whole: SimFaaS with one request an environment.
    Whole,
    /// The same, drawn as an init and then a warm request: this program.
    Split,
    /// The init alone, and whoever comes during it waits for its end: SimFaaS with several requests an environment.
    Init,
}

/// How the reference pool works.
#[derive(Clone, Copy)]
struct Rules {
    rate: f64,
    warm: f64,
    cold: f64,
    idle: f64,
    /// Requests that an environment takes at once.
    slots: usize,
    /// Of the environments with room the newest, as SimFaaS has it, or the one in which something last began or ended.
    newest: bool,
    start: Start,
}

/// Environments at the start: at work, and idle ones that end after so long if nobody uses them.
#[derive(Clone, Copy, Default)]
struct Before {
    running: usize,
    idle: usize,
    idle_end: f64,
}

struct Environment {
    created: f64,
    /// End of its init.
    starts: f64,
    ends: Vec<f64>,
    used: f64,
    last_end: f64,
}

/// Cold starts a request and mean environments of a pool until `until`.
fn reference(rules: Rules, before: Before, until: f64, seed: u64) -> (f64, f64) {
    let Rules { rate, warm, cold, idle, slots, newest, start } = rules;
    let mut dice = Dice(seed.wrapping_mul(0x1000_0000_01b3));
    // SimFaaS gives its idle environments a later creation than those at work, and so prefers them.
    let mut pool: Vec<Environment> = Vec::new();
    for number in 0..before.running + before.idle {
        let (created, end) =
            if number < before.running { (0.0, dice.exponential(warm)) } else { (0.01, before.idle_end - idle) };
        pool.push(Environment { created, starts: 0.0, ends: vec![end], used: 0.0, last_end: end });
    }
    let (mut now, mut requests, mut starts, mut lived) = (0.0, 0u64, 0u64, 0.0);
    loop {
        now += dice.exponential(1.0 / rate);
        pool.retain(|one| {
            let ends = one.last_end + idle;
            if ends <= now {
                lived += ends.min(until) - one.created;
            }
            ends > now
        });
        if now >= until {
            break;
        }
        requests += 1;
        // Both draws each time, so that both rules meet the same requests.
        let (work, init) = (dice.exponential(warm), dice.exponential(1.0));
        for one in &mut pool {
            let ended = one.ends.iter().copied().filter(|end| *end <= now).fold(0.0, f64::max);
            one.used = one.used.max(ended);
            one.ends.retain(|end| *end > now);
        }
        let rank = |one: &Environment| if newest { one.created } else { one.used };
        let with_room = pool.iter_mut().filter(|one| one.ends.len() < slots);
        if let Some(one) = with_room.max_by(|a, b| rank(a).total_cmp(&rank(b))) {
            let end = now.max(one.starts) + work;
            one.ends.push(end);
            one.used = now;
            one.last_end = one.last_end.max(end);
            continue;
        }
        starts += 1;
        let init = match start {
            Start::Whole => work * (cold / warm - 1.0),
            Start::Split => init * (cold - warm),
            Start::Init => init * cold,
        };
        let end = now + init + work;
        pool.push(Environment { created: now, starts: now + init, ends: vec![end], used: now, last_end: end });
    }
    lived += pool.iter().map(|one| until - one.created).sum::<f64>();
    (starts as f64 / requests as f64, lived / until)
}

/// Means of [`reference`] over seeds.
fn reference_mean(rules: Rules, before: Before, until: f64, seeds: u64) -> [(f64, f64); 2] {
    let each: Vec<(f64, f64)> = (1..=seeds).map(|seed| reference(rules, before, until, seed)).collect();
    let of = |which: fn(&(f64, f64)) -> f64| mean_and_error(&each.iter().map(which).collect::<Vec<f64>>());
    [of(|one| one.0), of(|one| one.1)]
}

/// Mean and its standard error.
fn mean_and_error(each: &[f64]) -> (f64, f64) {
    let n = each.len() as f64;
    let mean = each.iter().sum::<f64>() / n;
    let squares: f64 = each.iter().map(|one| (one - mean) * (one - mean)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// How much more the environment used last has of cold starts and environments than the newest: from the reference pool's rows, else from
/// [`reference`].
fn routing(row: &Row, pool: &[Row]) -> (f64, f64) {
    let of = |column: &str| number(row, column);
    let same = ["arrival_rate", "warm_s", "cold_s", "expiration_s", "max_concurrency"];
    let is_same =
        |other: &&Row| same.iter().all(|&column| (number(other, column) / number(row, column) - 1.0).abs() < 1e-9);
    let known = |column: &str| {
        let of = |routing: &str| {
            let found = pool.iter().filter(is_same).find(|other| other["routing"] == routing)?;
            Some(number(found, column)).filter(|value| *value > 0.0)
        };
        of("mru").zip(of("newest")).map(|(mru, newest)| mru / newest)
    };
    if let (Some(cold), Some(environments)) = (known("prob_cold"), known("inst_total")) {
        return (cold, environments);
    }
    let several = row["group"] == "H_par";
    // Beyond 100 s the rule hardly shows, and there are too few cold starts to tell by how much.
    if !several && (row["group"] != "D_W1-5" || of("expiration_s") > 100.0) {
        return (1.0, 1.0);
    }
    let rules = Rules {
        rate: of("arrival_rate"),
        warm: of("warm_s"),
        cold: of("cold_s"),
        idle: of("expiration_s"),
        slots: if several { of("concurrency_value") as usize } else { 1 },
        newest: true,
        start: if several { Start::Init } else { Start::Whole },
    };
    let (seeds, until) = (6, of("max_time_s"));
    let [cold, environments] = reference_mean(rules, Before::default(), until, seeds);
    let what = format!("the plain pool at idle {} s, {} at once", rules.idle, rules.slots);
    for (column, found) in [("prob_cold", cold), ("inst_count_avg", environments)] {
        let error = of(&format!("{column}_se"));
        // Few seeds may agree by chance.
        let least = if column == "prob_cold" { (of(column) / of("reqs_total") / of("n_seeds")).sqrt() } else { 0.0 };
        hold(&what, column, found, Theirs { value: of(column), error: error.max(least) });
    }
    // Our cold request is an init and then a warm one.
    let start = if several { Start::Init } else { Start::Split };
    let last = reference_mean(Rules { newest: false, start, ..rules }, Before::default(), until, seeds);
    (last[0].0 / cold.0, last[1].0 / environments.0)
}

/// What SimFaaS says of a column, and how sure it is.
#[derive(Clone, Copy)]
struct Theirs {
    value: f64,
    error: f64,
}

/// Holds one column to theirs.
fn hold(name: &str, column: &str, ours: (f64, f64), theirs: Theirs) {
    let allowed = 3.0 * theirs.error.hypot(ours.1) + 0.02 * theirs.value + 1e-9;
    let found = ours.0;
    assert!(
        (found - theirs.value).abs() <= allowed,
        "{name}: {column} {found} instead of {} ± {allowed}",
        theirs.value
    );
}

fn line(row: &Row, theirs: [f64; 3], ours: [f64; 3]) {
    println!(
        "{:12} {:10.4} {:7} {:>5} | {:12.6} {:10.6} | {:12.4} {:14.4} | {:10.4} {:10.4}",
        row["group"],
        number(row, "arrival_rate"),
        row["expiration_s"],
        row["concurrency_value"].trim_end_matches(".0"),
        theirs[0],
        ours[0],
        theirs[1],
        ours[1],
        theirs[2],
        ours[2]
    );
}

fn starts(output: &RunOutput) -> f64 {
    output.components[0].cold_starts.expect("a function") as f64
}

fn environments(output: &RunOutput) -> f64 {
    output.components[0].capacity.expect("a level").0
}

/// A pool as SimFaaS has it.
fn function_of(row: &Row, init: Distribution) -> Function {
    Function {
        init: vec![init],
        idle_timeout: secs(number(row, "expiration_s")),
        reserved_concurrency: Some(number(row, "max_concurrency") as u64),
        timeout: SimDuration::from_hours(1),
        // It knows no limit of 10 s for an init; restoring a snapshot has none here.
        snapstart: Some(SnapStart { paid: false }),
        ..function()
    }
}

/// Five seeds of a row: cold starts a request, environments, share refused.
fn five_seeds(row: &Row, kind: &ComponentKind, warm: &Distribution) -> [(f64, f64); 3] {
    let mut each: [Vec<f64>; 3] = Default::default();
    for seed in 0..5 {
        let mut scenario = scenario(number(row, "arrival_rate"), number(row, "max_time_s"), warm.clone());
        scenario.seed = seed;
        if row["arrival_dist"] == "const" {
            scenario.traffic.spread = Spread::Even;
        }
        let output = run(&scenario, &alone(kind.clone()));
        let of = if row["group"].starts_with("E_") {
            output.classes[0].arrived
        } else {
            output.classes[0].ended[Outcome::Served as usize].max(1)
        };
        each[0].push(starts(&output) / of as f64);
        each[1].push(environments(&output));
        each[2].push(share(&output, Outcome::Throttled));
    }
    each.map(|each| mean_and_error(&each))
}

/// The rows that `which` names, one test for each kind; `None` where the data is not there.
fn each(which: &[&str], expected: usize, check: impl Fn(&Row, &[Row])) {
    let Some(shared) = shared() else { return println!("skipped: the answers of SimFaaS are not here") };
    println!(
        "group        arrivals/s  idle s slots |  cold theirs      ours | environments theirs   ours | refused theirs   ours"
    );
    let pool = rows(&shared.join("oracles/reference_pool.csv"));
    let all = rows(&shared.join("oracles/simfaas.csv"));
    assert_eq!(all.len(), 67);
    let chosen: Vec<&Row> = all.iter().filter(|row| which.contains(&row["group"].as_str())).collect();
    assert_eq!(chosen.len(), expected, "rows of {which:?}");
    chosen.iter().for_each(|row| check(row, &pool));
    println!("{expected} rows agree");
}

#[test]
fn steady_states_agree() {
    each(&["A_readme", "B_aws20", "C_whatif", "D_W1-5"], 46, from_an_empty_start);
}

#[test]
fn loss_other_times_and_the_busiest_agree() {
    each(&["E_throttle", "E_throttle1000", "F_const", "G_gauss", "S_speed"], 8, from_an_empty_start);
}

#[test]
fn several_requests_an_environment_agree() {
    each(&["H_par"], 10, from_an_empty_start);
}

#[test]
fn transients_that_begin_with_environments_agree() {
    each(&["I_temporal"], 3, |row, _| transient(row));
}

fn from_an_empty_start(row: &Row, pool: &[Row]) {
    let of = |column: &str| number(row, column);
    let error_of = |column: &str| row[column].parse::<f64>().unwrap_or(0.0);
    let (warm, cold) = (of("warm_s"), of("cold_s"));
    let warm_time = match row["service_dist"].as_str() {
        "const" => constant(warm),
        // A normal one with this standard deviation, as a log-normal one: both are narrow.
        "gauss0.2" => lognormal(warm, 0.2 / warm),
        _ => exponential(warm),
    };
    let several = row["group"] == "H_par";
    // It draws the whole cold request exponentially, which shows where the init is long.
    let init = match cold - warm {
        _ if several => exponential(cold),
        init if cold > 1.3 * warm => exponential(init),
        init => constant(init),
    };
    let (more_cold, more_environments) = routing(row, pool);
    let function = function_of(row, init);
    let kind = match row["concurrency_value"].parse::<f64>().map_or(1, |value| value as u32) {
        1 => ComponentKind::Lambda(function),
        concurrency => ComponentKind::Pool(Box::new(Pool { function, concurrency })),
    };
    let ours = five_seeds(row, &kind, &warm_time);
    let theirs = [of("prob_cold") * more_cold, of("inst_count_avg") * more_environments, of("prob_reject")];
    line(row, theirs, ours.map(|one| one.0));
    // A few seeds may agree by chance: counts vary at least as independent ones do.
    let least = |value: f64| (value / of("reqs_total") / of("n_seeds")).sqrt();
    let name = format!("{} at {}/s, idle {} s", row["group"], of("arrival_rate"), of("expiration_s"));
    let columns = ["prob_cold", "inst_count_avg", "prob_reject"];
    for ((column, (mean, error)), value) in columns.into_iter().zip(ours).zip(theirs) {
        let least = if column == "inst_count_avg" { 0.0 } else { least(value) };
        let theirs = Theirs { value, error: error_of(&format!("{column}_se")).max(least) };
        hold(&name, column, (mean, error.max(least)), theirs);
    }
}

/// Transients that begin with environments at work and idle ones that end at a given time. Here earlier requests make them: as many as
/// there are environments come at once; those that are idle at the start end so much earlier, and those at work go on for an exponential
/// time from there, which has no memory.
fn transient(row: &Row) {
    let of = |column: &str| number(row, column);
    let (running, idle) = (of("init_running") as usize, of("init_idle") as usize);
    let (rate, warm, length, life) = (of("arrival_rate"), of("warm_s"), of("max_time_s"), of("expiration_s"));
    // Those that are idle at `start` had come to rest at 1 s.
    let start = 1.0 + life - of("init_idle_term_s");
    let mut dice = Dice(17);
    let mut transient = |from: f64, requests: &mut Vec<(f64, f64)>| {
        requests.extend((0..idle).map(|_| (from, 1.0)));
        requests.extend((0..running).map(|_| (from, start + dice.exponential(warm))));
        let (mut at, before) = (from + start + dice.exponential(1.0 / rate), requests.len());
        while at < from + start + length {
            requests.push((at, dice.exponential(warm)));
            at += dice.exponential(1.0 / rate);
        }
        (requests.len() - before) as f64
    };
    let function = function_of(row, constant(of("cold_s") - warm));
    // Cold starts are few: many transients in one run, each after all environments have ended.
    let mut requests = Vec::new();
    let cycles = if length < 1000.0 { 2_000 } else { 400 };
    let cycle = start + length + life + 100.0;
    let measured: f64 = (0..cycles).map(|number| transient(f64::from(number) * cycle, &mut requests)).sum();
    let (_file, shape) = replayed(&requests);
    let mut scenario = scenario(1.0, f64::from(cycles) * cycle, constant(1.0));
    scenario.traffic.shape = shape;
    let output = run(&scenario, &alone(ComponentKind::Lambda(function.clone())));
    let cold = starts(&output) - f64::from(cycles) * (running + idle) as f64;
    // The level in the transient alone, measured from when it begins.
    let levels: Vec<f64> = (0..60)
        .map(|_| {
            let mut requests = Vec::new();
            transient(0.0, &mut requests);
            let (_file, shape) = replayed(&requests);
            let mut scenario = scenario.clone();
            (scenario.traffic.shape, scenario.horizon) = (shape, secs(start + length));
            let at = |seconds: f64| SimTime::ZERO + secs(seconds);
            let how = How { measured: Some(Horizon { start: at(start), end: at(start + length) }), ..How::default() };
            let source = Source::new(&scenario, 0, &Variant::default()).expect("traffic");
            let alone = alone(ComponentKind::Lambda(function.clone()));
            environments(&simulate_with(&scenario, &alone, 0, source, &Control::default(), how).expect("a result"))
        })
        .collect();
    let level = mean_and_error(&levels);
    let name = format!("I_temporal over {length} s");
    // The rules differ too much for a ratio: theirs is held to the plain pool with its rule, and that with Lambda's rule is held to ours.
    let rules = Rules { rate, warm, cold: of("cold_s"), idle: life, slots: 1, newest: true, start: Start::Whole };
    let before = Before { running, idle, idle_end: of("init_idle_term_s") };
    let theirs =
        ["prob_cold", "inst_count_avg"].map(|column| Theirs { value: of(column), error: of(&format!("{column}_se")) });
    let runs = 2_500;
    let [cold_of, level_of] = reference_mean(rules, before, length, runs);
    hold(&format!("{name}, the plain pool"), "prob_cold", cold_of, theirs[0]);
    hold(&format!("{name}, the plain pool"), "inst_count_avg", level_of, theirs[1]);
    let [cold_of, level_of] = reference_mean(Rules { newest: false, ..rules }, before, length, runs);
    line(row, [cold_of.0, level_of.0, of("prob_reject")], [cold / measured, level.0, 0.0]);
    let error = cold.max(1.0).sqrt() / measured;
    hold(&name, "prob_cold", (cold / measured, error), Theirs { value: cold_of.0, error: cold_of.1 });
    hold(&name, "inst_count_avg", level, Theirs { value: level_of.0, error: level_of.1 });
    assert!(of("prob_reject") <= 0.0 && output.classes[0].ended[Outcome::Throttled as usize] == 0);
}
