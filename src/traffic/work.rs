//! What a request needs: its class by share, then its CPU time and its wait.

use crate::sim::sampler::Sampler;
use crate::spec::distribution::Distribution;
use crate::spec::scenario::{RequestClass, Work};

/// The compiled classes of a scenario.
pub(super) struct Works {
    /// The class is the number of thresholds that a draw reaches: cumulative shares in units of 2^-64, without the last.
    thresholds: Box<[u64]>,
    classes: Box<[ClassWork]>,
}

/// How the work of one class is drawn. Which variant it is depends on the scenario alone, never on an architecture.
enum ClassWork {
    Constant {
        cpu: u64,
        wait: u64,
    },
    /// Constants need no draw.
    Cpu {
        cpu: Sampler,
        wait: u64,
    },
    Wait {
        cpu: u64,
        wait: Sampler,
    },
    Both {
        cpu: Sampler,
        wait: Sampler,
    },
    /// One duration, split.
    Split {
        total: Sampler,
        cpu_factor: f64,
        wait_factor: f64,
    },
}

/// A request's class, CPU nanoseconds on the reference vCPU and nanoseconds of waiting.
pub(super) type Needs = (u16, u64, u64);

impl Works {
    pub(super) fn compile(classes: &[RequestClass]) -> Self {
        let total: f64 = classes.iter().map(|class| class.share).sum();
        let mut sum = 0.0;
        let thresholds = classes[..classes.len().saturating_sub(1)]
            .iter()
            .map(|class| {
                sum += class.share;
                // `as` saturates: a cumulative share of 1 leaves the others one draw in 2^64.
                (sum / total * 18_446_744_073_709_551_616.0) as u64
            })
            .collect();
        Self { thresholds, classes: classes.iter().map(|class| ClassWork::compile(&class.work)).collect() }
    }

    /// Draws a request's needs. How many numbers it takes depends on the class, and on nothing else.
    #[inline]
    pub(super) fn draw(&self, mut next: impl FnMut() -> u64) -> Needs {
        let class = if self.thresholds.is_empty() { 0 } else { self.class(next()) };
        let (cpu, wait) = self.draw_of(class, next);
        (class, cpu, wait)
    }

    /// The CPU and the wait of all requests, if there is one class and only the wait is drawn.
    #[inline]
    pub(super) fn only_wait(&self) -> Option<(u64, &Sampler)> {
        match &self.classes[..] {
            [ClassWork::Wait { cpu, wait }] => Some((*cpu, wait)),
            _ => None,
        }
    }

    /// The class for 64 random bits.
    #[inline]
    pub(super) fn class(&self, bits: u64) -> u16 {
        // No branch: which class comes next can't be predicted.
        self.thresholds.iter().map(|&threshold| u16::from(bits >= threshold)).sum()
    }

    /// The needs (CPU, wait) of a request of this class.
    #[inline]
    pub(super) fn draw_of(&self, class: u16, mut next: impl FnMut() -> u64) -> (u64, u64) {
        match self.classes.get(usize::from(class)) {
            Some(ClassWork::Constant { cpu, wait }) => (*cpu, *wait),
            Some(ClassWork::Cpu { cpu, wait }) => (cpu.sample(next()).0, *wait),
            Some(ClassWork::Wait { cpu, wait }) => (*cpu, wait.sample(next()).0),
            Some(ClassWork::Both { cpu, wait }) => {
                let cpu = cpu.sample(next()).0;
                (cpu, wait.sample(next()).0)
            }
            Some(ClassWork::Split { total, cpu_factor, wait_factor }) => {
                split(total.sample(next()).0, *cpu_factor, *wait_factor)
            }
            // A scenario without classes has requests that need nothing.
            None => (0, 0),
        }
    }
}

/// A duration's share of CPU and of waiting, each rounded to the nearest nanosecond.
#[inline]
pub(super) fn split(total: u64, cpu_factor: f64, wait_factor: f64) -> (u64, u64) {
    let total = total as f64;
    // Below 2^63, where the signed conversion is one instruction.
    let nanos = |factor: f64| (total * factor + 0.5) as i64 as u64;
    (nanos(cpu_factor), nanos(wait_factor))
}

/// What requests of one kind need on average.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Means of the first three powers of the CPU time, in seconds on the reference vCPU.
    pub cpu: [f64; 3],
    /// Mean wait in seconds.
    pub wait: f64,
}

impl Moments {
    /// Of a class.
    pub fn of(work: &Work) -> Self {
        let compiled = |distribution: &Distribution| Sampler::compile(distribution);
        match work {
            Work::Phases { cpu, wait } => Self { cpu: powers(&compiled(cpu)), wait: compiled(wait).mean_secs() },
            Work::Duration { total, split: false, .. } => Self { cpu: [0.0; 3], wait: compiled(total).mean_secs() },
            Work::Duration { total, cpu_factor, wait_factor, .. } => {
                let total = compiled(total);
                let [one, two, three] = powers(&total);
                let factor = *cpu_factor;
                let cpu = [one * factor, two * factor * factor, three * factor * factor * factor];
                Self { cpu, wait: total.mean_secs() * wait_factor }
            }
        }
    }
}

/// Means of the first three powers of what a sampler draws (seconds): over evenly spaced draws, scaled to its exact mean.
fn powers(sampler: &Sampler) -> [f64; 3] {
    const DRAWS: u64 = 1 << 14;
    let mut sums = [0.0; 3];
    for draw in 0..DRAWS {
        let value = sampler.sample((draw * 2 + 1) << (64 - 15)).as_secs_f64();
        sums[0] += value;
        sums[1] += value * value;
        sums[2] += value * value * value;
    }
    let means = sums.map(|sum| sum / DRAWS as f64);
    let scale = if means[0] > 0.0 { sampler.mean_secs() / means[0] } else { 1.0 };
    [means[0] * scale, means[1] * scale * scale, means[2] * scale * scale * scale]
}

impl ClassWork {
    fn compile(work: &Work) -> Self {
        match work {
            Work::Phases { cpu, wait } => {
                let (cpu, wait) = (Sampler::compile(cpu), Sampler::compile(wait));
                match (cpu.as_constant(), wait.as_constant()) {
                    (Some(cpu), Some(wait)) => Self::Constant { cpu: cpu.0, wait: wait.0 },
                    (None, Some(wait)) => Self::Cpu { cpu, wait: wait.0 },
                    (Some(cpu), None) => Self::Wait { cpu: cpu.0, wait },
                    (None, None) => Self::Both { cpu, wait },
                }
            }
            // All of it is waiting: nothing to multiply.
            Work::Duration { total, split: false, .. } => {
                let wait = Sampler::compile(total);
                match wait.as_constant() {
                    Some(wait) => Self::Constant { cpu: 0, wait: wait.0 },
                    None => Self::Wait { cpu: 0, wait },
                }
            }
            Work::Duration { total, cpu_factor, wait_factor, .. } => Self::split(total, *cpu_factor, *wait_factor),
        }
    }

    fn split(total: &Distribution, cpu_factor: f64, wait_factor: f64) -> Self {
        let total = Sampler::compile(total);
        match total.as_constant() {
            Some(total) => {
                let (cpu, wait) = split(total.0, cpu_factor, wait_factor);
                Self::Constant { cpu, wait }
            }
            None => Self::Split { total, cpu_factor, wait_factor },
        }
    }
}
