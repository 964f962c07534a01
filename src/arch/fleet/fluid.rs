//! What was before a window: a fleet that scales keeps what it has added for as long as its alarms let it, so a window has to begin with the
//! size that the hours and days before it would have left. They are not simulated request by request: until the requests come, work flows
//! into the instances like a fluid (Newell, *Applications of Queueing Theory*, 1982, chapter 2), and everything else (metric periods, alarms, warm-up,
//! launches, boot, draining) is the fleet's own code.
//!
//! In each metric period the number of requests and their CPU time are drawn with the mean, variance and skewness that a Poisson number of
//! requests has: E N = Var N = m, skewness m^-1/2; for the sum of their CPU times m E S, m E S^2 and m E S^3 / (m E S^2)^(3/2) (Feller, volume 2,
//! XII.2); the two are correlated by E S / (E S^2)^1/2. The distribution is Pearson's type III, drawn by Wilson and Hilferty's cube root (1931). What the instances cannot do
//! waits, as far as their queues hold it; the rest is refused.
//!
//! It is an approximation: requests do not end in the period in which they arrive, and few of them are no fluid. So each window simulates the
//! longest memory of the alarms with real requests before it is measured, `run::infer` corrects the fluid by what the windows measured, and says by how much.

use crate::sim::random::{Key, unit};
use crate::traffic::Moments;
use crate::units::{NANOS_PER_SEC, SimDuration, SimTime};

/// What flows into a fleet.
#[derive(Debug, Clone)]
pub struct Inflow {
    /// Requests that are expected in each metric period.
    pub expected: Vec<f64>,
    /// What a request needs.
    pub needs: Moments,
    /// When the requests come.
    pub until: SimTime,
    /// From this metric period on: the requests that came in each and their CPU time in seconds on the reference vCPU, instead of draws.
    pub came: (u64, Vec<(f64, f64)>),
}

/// What an instance takes.
#[derive(Debug, Clone, Copy)]
pub struct Takes {
    /// vCPUs.
    pub vcpu: f64,
    /// Speed of a vCPU relative to the reference.
    pub speed: f64,
    /// Requests at work on one instance.
    pub concurrency: u64,
    /// Requests waiting on it.
    pub queue: u64,
}

/// Work that flows into a fleet.
#[derive(Debug)]
pub struct Fluid {
    inflow: Inflow,
    period: SimDuration,
    key: Key,
    speed: f64,
    /// CPU time of a request on this fleet: mean, mean square, mean cube, in seconds.
    cpu: [f64; 3],
    /// Most that an instance does: vCPUs.
    most: f64,
    /// Most that waits for an instance: vCPU-seconds.
    holds: f64,
    at: SimTime,
    /// The metric period whose rates these are.
    drawn: Option<u64>,
    /// vCPUs and requests a second in it.
    work: f64,
    requests: f64,
    /// vCPU-seconds that wait, and the part of a request that has not been counted.
    backlog: f64,
    part: f64,
}

impl Fluid {
    /// For instances like this; `period` is that of the fleet's metric.
    pub fn new(inflow: Inflow, takes: Takes, period: SimDuration, key: Key) -> Self {
        let ([one, two, three], speed) = (inflow.needs.cpu, takes.speed);
        let cpu = [one / speed, two / (speed * speed), three / (speed * speed * speed)];
        let whole = cpu[0] + inflow.needs.wait;
        // Threads that wait hold up the work, too.
        let by_threads = if whole > 0.0 { takes.concurrency as f64 * cpu[0] / whole } else { 0.0 };
        let most = takes.vcpu.min(by_threads);
        let holds = cpu[0] * takes.queue as f64;
        let rates = (0.0, 0.0);
        Self {
            inflow,
            period,
            key,
            speed,
            cpu,
            most,
            holds,
            at: SimTime::ZERO,
            drawn: None,
            work: rates.0,
            requests: rates.1,
            backlog: 0.0,
            part: 0.0,
        }
    }

    /// Whether the requests have come.
    pub fn is_over(&self) -> bool {
        self.at >= self.inflow.until
    }

    /// Lets the work flow into so many instances until `now`: processor-nanoseconds of each of them, and requests of all.
    pub fn flow(&mut self, now: SimTime, instances: usize) -> (f64, u64) {
        let now = now.min(self.inflow.until);
        let (mut each, mut requests) = (0.0, self.part);
        while self.at < now {
            let period = self.at.0 / self.period.0;
            if self.drawn != Some(period) {
                self.draw(period);
            }
            let until = SimTime((period + 1) * self.period.0).min(now);
            let seconds = until.since(self.at).as_secs_f64();
            self.at = until;
            requests += self.requests * seconds;
            if instances == 0 {
                self.backlog = 0.0;
                continue;
            }
            let instances = instances as f64;
            let offered = self.backlog + self.work * seconds;
            let done = offered.min(self.most * instances * seconds);
            self.backlog = (offered - done).min(self.holds * instances);
            each += done / instances;
        }
        let whole = requests as u64;
        self.part = requests - whole as f64;
        (each * NANOS_PER_SEC as f64, whole)
    }

    fn draw(&mut self, period: u64) {
        self.drawn = Some(period);
        let expected = self.inflow.expected.get(period as usize).copied().unwrap_or(0.0);
        let seconds = self.period.as_secs_f64();
        let (first, came) = &self.inflow.came;
        if let Some((requests, cpu)) = period.checked_sub(*first).and_then(|at| came.get(at as usize)) {
            (self.work, self.requests) = (cpu / self.speed / seconds, requests / seconds);
            return;
        }
        if expected <= 0.0 {
            (self.work, self.requests) = (0.0, 0.0);
            return;
        }
        let (z, other) = self.normals(period);
        let [mean, square, cube] = self.cpu;
        let count = pearson3(expected, expected.sqrt(), 1.0 / expected.sqrt(), z);
        let together = if square > 0.0 { mean / square.sqrt() } else { 0.0 };
        let z = together * z + (1.0 - together * together).max(0.0).sqrt() * other;
        let variance = expected * square;
        let deviation = variance.sqrt();
        let skewness = if variance > 0.0 { expected * cube / (variance * deviation) } else { 0.0 };
        self.work = pearson3(expected * mean, deviation, skewness, z) / seconds;
        self.requests = count / seconds;
    }

    /// Two independent standard normal numbers (Box and Muller, 1958).
    fn normals(&self, period: u64) -> (f64, f64) {
        let radius = (-2.0 * libm::log(1.0 - unit(self.key.draw(period, 0)))).sqrt();
        let angle = 2.0 * std::f64::consts::PI * unit(self.key.draw(period, 1));
        (radius * libm::cos(angle), radius * libm::sin(angle))
    }
}

/// A number >= 0 with this mean, standard deviation and skewness (>= 0), from a standard normal one.
fn pearson3(mean: f64, deviation: f64, skewness: f64, z: f64) -> f64 {
    if skewness < 1e-6 {
        return (mean + deviation * z).max(0.0);
    }
    // A gamma variable of shape k has the skewness 2 / sqrt k.
    let shape = 4.0 / (skewness * skewness);
    let root = (1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape.sqrt())).max(0.0);
    let gamma = shape * root * root * root;
    (mean + deviation * (gamma - shape) / shape.sqrt()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(expected: f64, cpu: [f64; 3]) -> Fluid {
        let needs = Moments { cpu, wait: 0.0 };
        let inflow =
            Inflow { expected: vec![expected; 20_000], needs, until: SimTime(u64::MAX), came: (0, Vec::new()) };
        let takes = Takes { vcpu: 2.0, speed: 1.0, concurrency: 64, queue: 10 };
        Fluid::new(inflow, takes, SimDuration::from_mins(1), Key::new(1, 0))
    }

    /// 60 requests a minute of exponential 1 s: mean 60 s of CPU a minute, variance 60 x 2, third central moment 60 x 6; 60 requests with variance 60; their
    /// covariance 60 x 1.
    #[test]
    fn periods_have_the_moments_of_a_compound_poisson_sum() {
        let mut fluid = steady(60.0, [1.0, 2.0, 6.0]);
        let n = 20_000u32;
        let draws: Vec<(f64, f64)> = (0..u64::from(n))
            .map(|period| {
                fluid.draw(period);
                (fluid.work * 60.0, fluid.requests * 60.0)
            })
            .collect();
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| draws.iter().map(of).sum::<f64>() / f64::from(n);
        let (work, requests) = (mean(&|d| d.0), mean(&|d| d.1));
        assert!((work - 60.0).abs() < 0.3 && (requests - 60.0).abs() < 0.3, "{work} {requests}");
        let variance = mean(&|d| (d.0 - work) * (d.0 - work));
        assert!((variance / 120.0 - 1.0).abs() < 0.04, "{variance}");
        let third = mean(&|d| (d.0 - work) * (d.0 - work) * (d.0 - work));
        assert!((third / 360.0 - 1.0).abs() < 0.2, "{third}");
        let covariance = mean(&|d| (d.0 - work) * (d.1 - requests));
        assert!((covariance / 60.0 - 1.0).abs() < 0.05, "{covariance}");
    }

    /// 3 vCPUs' worth of work into one instance of 2: it does 2, a queue of 10 requests of 1 s fills up after 10 s, and no more waits.
    #[test]
    fn what_an_instance_cannot_do_waits_as_far_as_it_can() {
        let mut fluid = steady(180.0, [1.0, 1.0, 1.0]);
        fluid.draw(0);
        (fluid.work, fluid.requests) = (3.0, 3.0);
        let second = |n: u64| SimTime::ZERO + SimDuration::from_secs(n);
        assert_eq!(fluid.flow(second(4), 1), (8e9, 12));
        assert!((fluid.backlog - 4.0).abs() < 1e-9);
        fluid.flow(second(30), 1);
        assert!((fluid.backlog - 10.0).abs() < 1e-9);
        // Two instances do all of it and 1 s a second of what waits.
        let (each, _) = fluid.flow(second(34), 2);
        assert!((each - 8e9).abs() < 1.0 && (fluid.backlog - 6.0).abs() < 1e-9, "{each}");
        // None does nothing, and what waited is lost.
        assert_eq!(fluid.flow(second(40), 0), (0.0, 18));
        assert!(fluid.backlog <= 0.0);
    }

    /// Periods in which requests came are taken as they were: 30 requests of 15 s in all, on vCPUs of twice the speed.
    #[test]
    fn what_came_is_not_drawn() {
        let inflow = Inflow {
            expected: vec![60.0; 3],
            needs: Moments { cpu: [1.0, 2.0, 6.0], wait: 0.0 },
            until: SimTime(u64::MAX),
            came: (1, vec![(30.0, 15.0)]),
        };
        let takes = Takes { vcpu: 2.0, speed: 2.0, concurrency: 64, queue: 10 };
        let mut fluid = Fluid::new(inflow, takes, SimDuration::from_mins(1), Key::new(1, 0));
        fluid.draw(1);
        assert!((fluid.work - 0.125).abs() < 1e-12 && (fluid.requests - 0.5).abs() < 1e-12);
        fluid.draw(2);
        assert!((fluid.work - 0.125).abs() > 1e-6);
    }

    /// 64 threads that wait 31 s for each second of CPU do 64 / 32 = 2 vCPUs; 16 of them only half a vCPU.
    #[test]
    fn threads_limit_it_as_well() {
        let needs = Moments { cpu: [1.0, 1.0, 1.0], wait: 31.0 };
        let inflow = Inflow { expected: Vec::new(), needs, until: SimTime(u64::MAX), came: (0, Vec::new()) };
        let most = |concurrency| {
            let takes = Takes { vcpu: 2.0, speed: 1.0, concurrency, queue: 10 };
            Fluid::new(inflow.clone(), takes, SimDuration::from_mins(1), Key::new(1, 0)).most
        };
        assert!((most(64) - 2.0).abs() < 1e-12 && (most(16) - 0.5).abs() < 1e-12);
    }
}
