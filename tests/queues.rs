//! Queues in front of the instances of a fleet against queueing theory. Tolerances are about three standard errors at the stated length.

mod common;

use common::*;
use costsim::arch::output::RunOutput;
use costsim::spec::model::*;
use costsim::units::*;

/// Mean CPU time of a request, seconds.
const MEAN: f64 = 0.02;

/// `instances` of `servers` vCPUs, each with one request at a time and an endless queue, at `load` of each vCPU.
fn queued(instances: u32, servers: u32, load: f64, algorithm: Balancing, horizon: f64) -> RunOutput {
    let scenario = cpu_scenario(load / MEAN * f64::from(instances * servers), horizon, exponential(MEAN));
    let fleet = Fleet { concurrency: Limit::At(u64::from(servers)), ..fleet(instances, servers) };
    run(&scenario, &behind_balancer(ComponentKind::Fleet(fleet), algorithm))
}

/// Erlang's C from his B: the probability of waiting with `servers` servers and an offered load of `load` erlang (Erlang 1917).
fn erlang_c(servers: u32, load: f64) -> f64 {
    let blocked = (1..=servers).fold(1.0, |b, k| load * b / (f64::from(k) + load * b));
    let busy = load / f64::from(servers);
    blocked / (1.0 - busy * (1.0 - blocked))
}

/// One instance whose vCPUs take from one queue is M/M/c: a share C of the requests waits, for 1 / (c mu - lambda) in the mean, and
/// L_q = C rho / (1 - rho).
#[test]
fn a_pooled_queue_is_erlang_c() {
    for (servers, load) in [(2u32, 0.7), (4, 0.8), (8, 0.6)] {
        let output = queued(1, servers, load, Balancing::RoundRobin, 10_000.0);
        let c = erlang_c(servers, load * f64::from(servers));
        let backlog = output.components[1].backlog.expect("a fleet has one");
        let served = output.classes[0].ended[0] as f64;
        let name = format!("M/M/{servers} at {load}");
        assert_close(&format!("{name}: share that waits"), backlog.requests as f64 / served, c, 0.025);
        assert_close(&format!("{name}: mean queue"), backlog.mean, c * load / (1.0 - load), 0.07);
        let wait = MEAN / f64::from(servers) / (1.0 - load);
        assert_close(
            &format!("{name}: wait of those"),
            backlog.area as f64 / 1e9 / backlog.requests as f64,
            wait,
            0.04,
        );
        assert_close(&format!("{name}: mean time"), output.classes[0].latency.mean_secs(), MEAN + c * wait, 0.025);
    }
}

/// Mean number of requests in two M/M/1 servers of rate 1 each with arrivals of 2 `load` that join the shorter queue: the stationary
/// distribution of the chain cut off at `most` in each queue, by Gauss-Seidel. Independent of the simulator; what is cut off has a
/// probability of about `load`^(2 `most`). (Flatto and McKean 1977 and Adan, Wessels and Zijm 1990 solve the same chain.)
fn two_shortest_queues(load: f64, most: usize) -> f64 {
    let (lambda, n) = (2.0 * load, most + 1);
    let mut p = vec![1.0; n * n];
    // By symmetry only i <= j is kept: i the shorter queue, j the longer.
    let at = |i: usize, j: usize| if i <= j { i * n + j } else { j * n + i };
    for sweep in 0..20_000 {
        let mut change = 0.0f64;
        for i in 0..n {
            for j in i..n {
                // Out of (i, j): arrivals to the shorter unless both are full, departures from each that has any.
                let arrives = if i < most { lambda } else { 0.0 };
                let out = arrives + f64::from(u8::from(i > 0)) + f64::from(u8::from(j > 0));
                let mut into = 0.0;
                // An arrival made the shorter queue longer: from (i - 1, j) to (i, j), or from (j - 1, j - 1) to (j - 1, j).
                if i > 0 {
                    into += lambda * p[at(i - 1, j)];
                }
                if j == i + 1 {
                    into += lambda * p[at(i, i)];
                }
                // A departure from either queue; from two equal ones at twice the rate.
                if j < most {
                    into += p[at(i, j + 1)];
                }
                if i < j {
                    into += p[at(i + 1, j)] * if i + 1 == j { 2.0 } else { 1.0 };
                }
                let next = into / out;
                change = change.max((next - p[at(i, j)]).abs());
                p[at(i, j)] = next;
            }
        }
        let sum: f64 = (0..n).flat_map(|i| (i..n).map(move |j| (i, j))).map(|(i, j)| p[at(i, j)]).sum();
        p.iter_mut().for_each(|value| *value /= sum);
        if change < 1e-13 && sweep > 10 {
            break;
        }
    }
    (0..n).flat_map(|i| (i..n).map(move |j| (i, j))).map(|(i, j)| (i + j) as f64 * p[at(i, j)]).sum()
}

/// The chain itself: with so little load nobody meets anybody (L = 2 rho); it lies between one pooled queue (M/M/2: 2 rho / (1 - rho^2)) and two
/// queues that are joined at random (2 rho / (1 - rho)).
#[test]
fn the_chain_of_two_shortest_queues_is_sound() {
    assert_close("little load", two_shortest_queues(0.01, 8), 0.02 * (1.0 + 0.01 * 0.01), 1e-3);
    for load in [0.5, 0.8] {
        let (pooled, apart) = (2.0 * load / (1.0 - load * load), 2.0 * load / (1.0 - load));
        let found = two_shortest_queues(load, 40);
        assert!(pooled < found && found < apart, "{pooled} {found} {apart}");
        // Cutting off further out changes nothing.
        assert_close("cut", two_shortest_queues(load, 56), found, 1e-4);
    }
}

/// The same by the compensation method of Adan, Wessels and Zijm ("Analysis of the symmetric shortest queue problem", Stochastic Models 6, 1990, pages 691-713): the
/// stationary probability of m requests in the shorter queue and m + n in the longer one, n > 0, is a sum of products c a^m b^n. Returns the mean number of
/// requests and the share of the time that a server is busy. (The paper's tables were not at hand; this is its method, derived again:)
///
/// Balance within the quadrant asks of each product 2 (rho + 1) a b = 2 rho b^2 + a b^2 + a^2. The first one, a = rho^2 and b = rho^2 / (2 + rho), balances next to the
/// diagonal, too, where the probability of equal queues has been eliminated, but not where the shorter queue is empty. There the other root a' for the same b
/// mends it, which does not balance next to the diagonal; there the other root b' for the same a' does; and so on. They shrink quickly.
fn two_shortest_queues_by_products(rho: f64) -> (f64, f64) {
    // What is left over where the shorter queue is empty (m = 0), and next to the diagonal (n = 1).
    let empty = |a: f64, b: f64| 2.0 * rho * b / a - 1.0;
    let beside = |a: f64, b: f64| a * a - b * (2.0 * rho + a) * (rho + a) / (rho + 1.0);
    let (mut a, mut b, mut c) = (rho * rho, rho * rho / (2.0 + rho), 1.0_f64);
    let mut products = vec![(c, a, b)];
    while c.abs() * b > 1e-40 {
        // The roots for one b multiply to 2 rho b^2, those for one a to a^2 / (2 rho + a).
        let next = 2.0 * rho * b * b / a;
        c *= -empty(a, b) / empty(next, b);
        a = next;
        products.push((c, a, b));
        let next = a * a / (2.0 * rho + a) / b;
        c *= -beside(a, b) / beside(a, next);
        b = next;
        products.push((c, a, b));
    }
    let p = |m: i32, n: i32| -> f64 { products.iter().map(|(c, a, b)| c * a.powi(m) * b.powi(n)).sum() };
    let (mut all, mut mean, mut idle) = (0.0, 0.0, 0.0);
    for m in 0..400 {
        // Equal queues are left by an arrival or a departure, and reached from a difference of one.
        let equal = match m {
            0 => p(0, 1) / (2.0 * rho),
            _ => (2.0 * rho * p(m - 1, 1) + p(m, 1)) / (2.0 * (rho + 1.0)),
        };
        (all, mean) = (all + equal, mean + f64::from(2 * m) * equal);
        let apart: Vec<f64> = (1..200).map(|n| p(m, n)).collect();
        all += apart.iter().sum::<f64>();
        mean += apart.iter().zip(1..).map(|(p, n)| f64::from(2 * m + n) * p).sum::<f64>();
        if m == 0 {
            idle = equal + apart.iter().sum::<f64>() / 2.0;
        }
    }
    (mean / all, 1.0 - idle / all)
}

/// Two derivations that share nothing give the same, and each server is busy for the share of the time that the load asks for, which neither has been told.
#[test]
fn the_published_method_gives_what_the_chain_gives() {
    // What is cut off from the chain is of the order of load^(2 cut).
    for (load, cut, within) in [(0.3, 20, 1e-7), (0.5, 30, 1e-7), (0.8, 60, 1e-7), (0.9, 60, 1e-3)] {
        let (mean, busy) = two_shortest_queues_by_products(load);
        assert_close(&format!("busy at {load}"), busy, load, 1e-9);
        assert_close(&format!("number at {load}"), two_shortest_queues(load, cut), mean, within);
    }
}

/// Least outstanding requests on two instances of one vCPU, one request at a time.
#[test]
fn least_outstanding_joins_the_shortest_of_two_queues() {
    for load in [0.5, 0.8, 0.9] {
        let output = queued(2, 1, load, Balancing::LeastOutstanding, if load > 0.85 { 40_000.0 } else { 15_000.0 });
        let (expected, _) = two_shortest_queues_by_products(load);
        assert_close(&format!("number at {load}"), output.components[1].mean_in_system, expected, 0.025);
        // Little: T = L / lambda.
        let time = expected / (2.0 * load) * MEAN;
        assert_close(&format!("mean time at {load}"), output.classes[0].latency.mean_secs(), time, 0.025);
    }
}
