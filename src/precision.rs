//! Answers sooner than exactness needs (`--precision`): as many replications as the interval of each architecture's cost needs, and of each
//! no more than the windows that stand for it ([`crate::run::sample`]).
//!
//! One looks after 5, 10, 20 and 40 replications and stops when the cost of every architecture is precise enough and each objective stands
//! clearly on one side of its limit. Looking often and stopping when it suits makes intervals err more often than they say, so the 5 %
//! are shared out among the looks; most go to the first, at which most runs stop, and whose interval over few replications is the widest.
//! By Bonferroni's inequality the looks together err in at most 5 % of all cases.

use crate::bill::{BillError, PriceBook};
use crate::compare;
use crate::finding::{Code, Finding, Unit};
use crate::results::{ArchitectureResult, ObjectiveResult, Precision, PrecisionOf, Results};
use crate::run::sample::Sampling;
use crate::run::{self, ArchitectureRuns, Job, Memory, Progress, RunError, RunOptions, Sampled};
use crate::spec::model::Architecture;
use crate::spec::scenario::Scenario;
use crate::stats::intervals::{ALPHA, Estimate, mean_at};

/// (Replications at which one looks, how often the intervals of that look may err.)
pub const LOOKS: [(u32, f64); 4] = [(5, 0.04), (10, 0.004), (20, 0.003), (40, 0.003)];

/// The most, as a share of its instances, that a fleet may differ from the fluid that stands for what was before its windows. The part that shows in the
/// windows is corrected; as much again may not show, since their run-up is as long as their memory.
const FLUID_OFF: f64 = 0.01;

/// How often the interval of a cost may err at the `look`-th of so many looks.
pub fn error_of(look: usize, looks: usize) -> f64 {
    match LOOKS.get(look) {
        Some((_, alpha)) if looks > 1 => *alpha,
        _ => ALPHA,
    }
}

/// By how much the fleets of an architecture that scale differ from the fluid before their windows, if that is beyond noise and too much: a share of
/// their instances.
pub fn fluid_is_off(runs: &ArchitectureRuns, alpha: f64) -> Option<f64> {
    let off = history_off(runs, alpha)?;
    (off.value.abs() - off.half_width.unwrap_or(f64::INFINITY) > FLUID_OFF).then_some(off.value)
}

/// What is to be said of it.
pub fn of_fluid(off: f64) -> Finding {
    let text = format!(
        "it had {:+.1} % instances in the windows against the fluid that stands for what was before them; what that does to the bill is \
         corrected only as far as it shows in them",
        off * 100.0
    );
    let finding = Finding::new(Code::HistoryOff, text).value(off, Unit::Share).limit(FLUID_OFF.copysign(off));
    finding.fix("leave `--precision` out, then all is simulated")
}

fn history_off(runs: &ArchitectureRuns, alpha: f64) -> Option<Estimate> {
    let each: Vec<f64> = runs.full.iter().filter_map(|run| run.history_off).collect();
    (!each.is_empty()).then(|| mean_at(&each, alpha))
}

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
pub enum PrecisionError {
    /// A simulation could not go on, or was stopped.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It cannot be priced.
    #[error(transparent)]
    Bill(#[from] BillError),
}

/// Which windows stand for which architecture, and why some are simulated in full.
pub struct Plan {
    sampled: Option<Sampled>,
    /// By architecture.
    in_full: Vec<Option<&'static str>>,
}

impl Plan {
    /// For a scenario.
    ///
    /// # Errors
    /// When its traffic cannot be read.
    pub fn of(scenario: &Scenario) -> Result<Self, PrecisionError> {
        Self::beside(scenario, &[])
    }

    /// For a scenario whose windows have to do for `others`, too: two sides of a comparison, each beside the other's architectures, take the
    /// same windows of the same traffic.
    ///
    /// # Errors
    /// When its traffic cannot be read.
    pub fn beside(scenario: &Scenario, others: &[Architecture]) -> Result<Self, PrecisionError> {
        let memory_of = |architecture| {
            let memory = Memory::of(scenario, architecture)?;
            memory.may_keep.map_or(Ok(memory), Err)
        };
        let memories: Vec<Result<Memory, &'static str>> = scenario.architectures.iter().map(memory_of).collect();
        let elsewhere = others.iter().filter_map(|other| memory_of(other).ok());
        let bounded: Vec<Memory> = memories.iter().filter_map(|memory| memory.ok()).chain(elsewhere).collect();
        let sampling = Sampling::plan(scenario, &bounded)
            .map_err(|error| RunError::Simulation { architecture: "traffic".to_owned(), message: error.to_string() })?;
        let little = sampling.is_none().then_some("windows would save less than half of it");
        let in_full: Vec<Option<&'static str>> = memories.iter().map(|memory| memory.err().or(little)).collect();
        let cut = in_full.iter().map(Option::is_none).collect();
        Ok(Self { sampled: sampling.map(|sampling| Sampled { sampling, cut }), in_full })
    }

    /// The windows; `None` where nothing is cut.
    pub fn sampled(&self) -> Option<&Sampled> {
        self.sampled.as_ref()
    }

    /// By architecture: why all of its horizon is simulated, if it is.
    pub fn in_full(&self) -> &[Option<&'static str>] {
        &self.in_full
    }

    /// What runs that follow it need to know.
    pub fn options<'a>(&'a self, options: &RunOptions<'_>) -> RunOptions<'a> {
        RunOptions { sampled: self.sampled.as_ref(), first: 0, ..*options }
    }
}

/// Simulates until half of the interval of each architecture's cost is at most a share `target` of the cost, or after the last look;
/// `simulate` does one job of the scenario that it is given. The scenario's own number of replications is not used.
///
/// # Errors
/// See [`PrecisionError`].
pub fn run<S>(
    scenario: &Scenario,
    plan: &Plan,
    options: &RunOptions<'_>,
    target: f64,
    book: &PriceBook,
    progress: &Progress,
    simulate: S,
) -> Result<Results, PrecisionError>
where
    S: Fn(&Scenario, &Job<'_>, &Progress) -> Result<crate::arch::output::RunOutput, RunError> + Sync,
{
    let mut scenario = scenario.clone();
    let mut runs: Vec<ArchitectureRuns> = Vec::new();
    let mut looks = Vec::new();
    let (last, _) = LOOKS[LOOKS.len() - 1];
    loop {
        let (replications, alpha) = LOOKS[looks.len()];
        let first = looks.last().copied().unwrap_or(0);
        looks.push(replications);
        scenario.replications = replications;
        let options = RunOptions { first, ..plan.options(options) };
        let more = run::run(&scenario, &options, progress, |job, progress| simulate(&scenario, job, progress))?;
        if runs.is_empty() {
            runs = more;
        } else {
            runs.iter_mut().zip(more).for_each(|(runs, more)| runs.extend(more));
        }
        let mut results = compare::results_at(&scenario, &runs, book, alpha)?;
        let precision = plan.judge(&results, &runs, target, alpha, &looks);
        if precision.reached || replications == last {
            for ((result, of), runs) in results.architectures.iter_mut().zip(&precision.architectures).zip(&runs) {
                let missed = missed(of, target, replications);
                result.find(missed.into_iter().chain(fluid_is_off(runs, alpha).map(of_fluid)));
            }
            results.precision = Some(precision);
            return Ok(results);
        }
    }
}

impl Plan {
    fn judge(&self, results: &Results, runs: &[ArchitectureRuns], target: f64, alpha: f64, looks: &[u32]) -> Precision {
        let windows = self.sampled.as_ref().map(|sampled| sampled.sampling.windows(0).len() as u64);
        let of = |((result, runs), in_full): ((&ArchitectureResult, &ArchitectureRuns), &Option<&'static str>)| {
            let undecided = result.objectives.iter().filter(|objective| !stands_clearly(objective, alpha));
            PrecisionOf {
                name: result.name.clone(),
                half_width: half_width(result),
                windows: if in_full.is_none() { windows } else { None },
                in_full_because: in_full.map(str::to_owned),
                simulated: runs.full.iter().map(|run| run.simulated).sum(),
                stands_for: runs.full.iter().flat_map(|run| &run.classes).map(|class| class.arrived).sum(),
                history_off: history_off(runs, alpha).map(|off| off.value),
                undecided: undecided.map(|objective| objective.text.clone()).collect(),
            }
        };
        let architectures: Vec<PrecisionOf> =
            results.architectures.iter().zip(runs).zip(&self.in_full).map(of).collect();
        // A cost that is not known does not become known by more replications.
        let settled = |one: &PrecisionOf| one.half_width.is_none_or(|half| half <= target) && one.undecided.is_empty();
        Precision {
            target,
            reached: architectures.iter().all(settled),
            alpha,
            looks: looks.to_vec(),
            window_seconds: self.sampled.as_ref().map(|sampled| sampled.sampling.slot.as_secs_f64()),
            memory_seconds: self.sampled.as_ref().map(|sampled| sampled.sampling.memory.as_secs_f64()),
            architectures,
        }
    }
}

/// Half the interval of the cost as a share of it; `None` where it is not known.
fn half_width(result: &ArchitectureResult) -> Option<f64> {
    let cost = &result.monthly_cost;
    let number = |text: &Option<String>| text.as_ref()?.parse::<f64>().ok();
    let (total, high) = (number(&cost.total)?, number(&cost.high)?);
    let half = high - total;
    Some(if half > 0.0 { half / total.abs() } else { 0.0 })
}

/// Whether the interval of an objective's margin leaves out the limit. An objective that is missed infinitely in each replication is clear;
/// one that is missed infinitely in some is so only if it is missed in all others.
fn stands_clearly(objective: &ObjectiveResult, alpha: f64) -> bool {
    let known: Vec<f64> = objective.margin_each.iter().copied().flatten().collect();
    if known.len() < objective.margin_each.len() {
        return known.iter().all(|&margin| margin < 0.0);
    }
    let estimate = mean_at(&known, alpha);
    match estimate.half_width {
        // No spread: on the side on which it is.
        Some(half) => half <= 0.0 || estimate.value.abs() > half,
        None => false,
    }
}

/// What is to be said where the precision was not reached after so many replications.
fn missed(one: &PrecisionOf, target: f64, replications: u32) -> Option<Finding> {
    let wide = one.half_width.filter(|&half| half > target);
    let open = (!one.undecided.is_empty())
        .then(|| format!("`{}` is too close to its limit to tell", one.undecided.join("`, `")));
    let reasons = wide
        .map(|half| format!("its cost is known to ±{:.2} %, not ±{} %", half * 100.0, percent(target)))
        .into_iter()
        .chain(open);
    let reasons: Vec<String> = reasons.collect();
    let text = format!("after {replications} replications {}", reasons.join(" and "));
    (!reasons.is_empty()).then(|| {
        let finding = Finding::new(Code::PrecisionMissed, text).limit(target);
        finding.value(one.half_width.unwrap_or(f64::NAN), Unit::Share).fix("ask for less, or simulate a longer horizon")
    })
}

/// A share in per cent without the noise of binary fractions.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(margin_each: &[Option<f64>]) -> ObjectiveResult {
        ObjectiveResult { margin_each: margin_each.to_vec(), ..ObjectiveResult::default() }
    }

    #[test]
    fn looks_together_err_in_five_per_cent() {
        assert!((LOOKS.iter().map(|look| look.1).sum::<f64>() - 0.05).abs() < 1e-15);
        assert!(LOOKS.windows(2).all(|pair| pair[1].0 == 2 * pair[0].0), "geometric");
    }

    /// Margins 0.1 to 0.3: mean 0.2, s = 0.1, n = 3, so half = t(0.975, 2) x 0.1 / sqrt 3 = 4.3027 x 0.057735 = 0.2484.
    #[test]
    fn an_objective_stands_clearly_on_one_side() {
        let each = [Some(0.1), Some(0.2), Some(0.3)];
        assert!(!stands_clearly(&objective(&each), 0.05));
        // t(0.9, 2) = 1.8856 x 0.057735 = 0.1089.
        assert!(stands_clearly(&objective(&each), 0.2));
        assert!(stands_clearly(&objective(&[Some(0.0), Some(0.0)]), 0.05), "no spread");
        assert!(!stands_clearly(&objective(&[Some(0.5)]), 0.05), "one replication says nothing of the next");
        assert!(stands_clearly(&objective(&[None, None]), 0.05));
        assert!(stands_clearly(&objective(&[None, Some(-0.1)]), 0.05));
        assert!(!stands_clearly(&objective(&[None, Some(0.1)]), 0.05));
    }
}
