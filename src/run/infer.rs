//! From windows to the whole horizon: every slot that was not simulated is taken to be like the window that stands for it.
//!
//! What follows the requests is multiplied by the window's factor; what follows time alone (instances, hours) and all levels are taken
//! as they are. A fleet that scales has a history of its own: what it is larger in a slot than in the window, its fluid
//! ([`crate::arch::fleet::fluid`]) says, so that the windows only have to say what the fluid is off by (the difference estimator; Cochran, 1977, section 7.9).
//! Counts are spread over the slots in whole numbers that add up to the rounded sum.

use super::sample::{Sampling, Window};
use crate::arch::FluidCapacity;
use crate::arch::output::{BacklogOutput, ClassOutput, ComponentOutput, RunOutput, SeriesOutput, WindowOutput};
use crate::arch::world::bucket_length;
use crate::stats::histogram::Histogram;
use crate::units::SimDuration;
use crate::usage::{Meter, RawUnit, Usage};

const HOUR: u64 = SimDuration::from_hours(1).0;

/// What was measured in a window.
pub struct Measured {
    /// The window.
    pub window: Window,
    /// What was measured.
    pub run: RunOutput,
    /// The capacity of the fleets that scale in it, if they had met its requests as a fluid.
    pub fluid: Vec<FluidCapacity>,
}

/// The whole horizon, from what was measured in the windows that stand for it (in the order of time, at least one).
///
/// `fluid` is the capacity of the fleets that scale as their fluid has it.
pub fn whole(
    sampling: &Sampling,
    horizon: SimDuration,
    hours_each: u64,
    measured: &[Measured],
    fluid: &[FluidCapacity],
) -> RunOutput {
    let windows: Vec<InPlace<'_>> = measured
        .iter()
        .map(|one| InPlace { sampling, measured: one, window: &one.window, run: &one.run, fluid })
        .collect();
    let run = |n: usize| windows[n].run;
    RunOutput {
        classes: (0..run(0).classes.len()).map(|class| of_class(class, &windows)).collect(),
        components: (0..run(0).components.len()).map(|index| of_component(index, &windows)).collect(),
        usage: usage(horizon, hours_each as usize, &windows),
        series: series(horizon, &windows),
        windows: (0..run(0).windows.len()).map(|objective| objective_windows(objective, &windows)).collect(),
        events: windows.iter().map(|window| window.run.events).sum(),
        simulated: windows.iter().map(|window| window.run.simulated).sum(),
        history_off: history_off(&windows),
        findings: run(0).findings.clone(),
    }
}

/// What the windows' fleets are larger than their fluid, as a share of their capacity: that of the fleet where it is most.
fn history_off(windows: &[InPlace<'_>]) -> Option<f64> {
    let of_fleet = |fleet: &FluidCapacity| {
        let (mut off, mut all) = (0.0, 0.0);
        for window in windows {
            if let Some((measured, fluid)) = window.capacities(fleet.component) {
                let slots = window.window.stands_for.len() as f64;
                off += slots * (measured - fluid);
                all += slots * measured;
            }
        }
        if all > 0.0 { off / all } else { 0.0 }
    };
    windows.first()?.fluid.iter().map(of_fleet).max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

/// A window with what was measured in it.
struct InPlace<'a> {
    sampling: &'a Sampling,
    measured: &'a Measured,
    window: &'a Window,
    run: &'a RunOutput,
    fluid: &'a [FluidCapacity],
}

impl InPlace<'_> {
    /// How many times its own length it stands for.
    fn times(&self) -> f64 {
        self.window.stands_for.len() as f64 / self.window.slots as f64
    }

    /// What a count of requests is multiplied by, to be that of all that it stands for.
    fn multiple(&self) -> f64 {
        self.times() * self.window.factor
    }

    /// A count of the window as one of all that it stands for.
    fn scaled(&self, count: u64) -> u64 {
        rounded(count as f64 * self.multiple())
    }

    /// The mean capacity in the window of a fleet that scales, measured and as a fluid of the same requests has it; `None` for other components.
    fn capacities(&self, component: usize) -> Option<(f64, f64)> {
        let here = self.measured.fluid.iter().find(|fluid| fluid.component == component)?;
        Some((self.run.components.get(component)?.capacity?.0, *here.by_slot.first()?))
    }

    /// What the capacity of a component is multiplied by to be that of a slot that the window stands for: 1 unless it scales.
    fn capacity_times(&self, component: usize, slot: usize) -> f64 {
        let (Some((measured, here)), Some(fluid)) =
            (self.capacities(component), self.fluid.iter().find(|fluid| fluid.component == component))
        else {
            return 1.0;
        };
        if measured > 0.0 { ((measured + fluid.by_slot[slot] - here) / measured).max(0.0) } else { 1.0 }
    }

    /// The mean of [`InPlace::capacity_times`] over the slots that it stands for.
    fn mean_capacity_times(&self, component: usize) -> f64 {
        let slots = &self.window.stands_for;
        slots.iter().map(|&slot| self.capacity_times(component, slot)).sum::<f64>() / slots.len() as f64
    }

    /// A count of requests over the slots that it stands for: (slot, its part).
    fn over_slots(&self, count: f64, factor: f64) -> impl Iterator<Item = (usize, u64)> {
        let each = count * factor / self.window.slots as f64;
        let mut before = 0;
        self.window.stands_for.iter().enumerate().map(move |(number, &slot)| {
            let so_far = rounded(each * (number + 1) as f64);
            let part = so_far - before;
            before = so_far;
            (slot, part)
        })
    }
}

/// The nearest whole number; saturating.
fn rounded(value: f64) -> u64 {
    (value + 0.5) as u64
}

fn of_class(class: usize, windows: &[InPlace<'_>]) -> ClassOutput {
    let mut sum = ClassOutput { arrived: 0, ended: [0; 5], retried: 0, cold_starts: 0, latency: Histogram::new() };
    for window in windows {
        let ClassOutput { arrived, ended, retried, cold_starts, latency } = &window.run.classes[class];
        let in_flight = arrived.saturating_sub(ended.iter().sum());
        // Summed after rounding, so that requests still add up.
        sum.arrived += window.scaled(in_flight);
        for (sum_ended, &ended) in sum.ended.iter_mut().zip(ended) {
            let ended = window.scaled(ended);
            *sum_ended += ended;
            sum.arrived += ended;
        }
        sum.retried += window.scaled(*retried);
        sum.cold_starts += window.scaled(*cold_starts);
        sum.latency.merge_multiple(latency, window.multiple());
    }
    sum
}

fn of_component(index: usize, windows: &[InPlace<'_>]) -> ComponentOutput {
    let each = || windows.iter().map(|window| (window, &window.run.components[index]));
    let count = |of: fn(&ComponentOutput) -> u64| each().map(|(window, one)| window.scaled(of(one))).sum();
    let slots: f64 = each().map(|(window, _)| window.window.stands_for.len() as f64).sum();
    // Over time, and over the capacity's time.
    let over_time = |of: &dyn Fn(&ComponentOutput) -> Option<f64>| {
        let sum =
            each().try_fold(0.0, |sum, (window, one)| Some(sum + of(one)? * window.window.stands_for.len() as f64));
        sum.map(|sum| sum / slots)
    };
    let scales = windows[0].capacities(index).is_some();
    let capacity = |one: &ComponentOutput| one.capacity.map_or(1.0, |capacity| capacity.0);
    let over_capacity = |of: &dyn Fn(&ComponentOutput) -> Option<f64>| {
        let weighted = over_time(&|one| Some(of(one)? * capacity(one)))?;
        let all = over_time(&|one| Some(capacity(one)))?;
        Some(if all > 0.0 { weighted / all } else { 0.0 })
    };
    let peak = |of: fn(&ComponentOutput) -> Option<f64>| each().filter_map(|(_, one)| of(one)).fold(0.0, f64::max);
    let first = &windows[0].run.components[index];
    let idle = |sku: &String| {
        let share = |one: &ComponentOutput| one.idle_shares.iter().find(|(of, _)| of == sku).map(|(_, share)| *share);
        Some((sku.clone(), over_capacity(&share)?))
    };
    // The means of a fleet that scales: its capacity follows its history, what is at work the requests.
    let mean_of = |of: &dyn Fn(&InPlace<'_>, &ComponentOutput) -> f64| {
        each().map(|(window, one)| of(window, one) * window.window.stands_for.len() as f64).sum::<f64>() / slots
    };
    let capacity_mean = mean_of(&|window, one| one.capacity.map_or(0.0, |it| it.0) * window.mean_capacity_times(index));
    let busy_mean = mean_of(&|window, one| one.busy.map_or(0.0, |it| it.0) * window.window.factor);
    let used = if capacity_mean > 0.0 { (busy_mean / capacity_mean).min(1.0) } else { 0.0 };
    let time = |one: &ComponentOutput| one.time_in_system;
    let time_in_system: f64 = each().map(|(window, one)| time(one).0.0 as f64 * window.multiple()).sum();
    let plain = ComponentOutput {
        served: count(|one| one.served),
        throttled: count(|one| one.throttled),
        throttled_by_rate: count(|one| one.throttled_by_rate),
        rejected: count(|one| one.rejected),
        cold_starts: first.cold_starts.map(|_| count(|one| one.cold_starts.unwrap_or(0))),
        capacity: over_time(&|one| Some(one.capacity?.0)).map(|mean| (mean, peak(|one| Some(one.capacity?.1)))),
        busy: over_time(&|one| Some(one.busy?.0)).map(|mean| (mean, peak(|one| Some(one.busy?.1)))),
        utilisation: over_capacity(&|one| one.utilisation),
        idle_shares: first.idle_shares.iter().filter_map(|(sku, _)| idle(sku)).collect(),
        peak_connections: each().filter_map(|(_, one)| one.peak_connections).max(),
        time_in_system: (SimDuration(rounded(time_in_system)), count(|one| one.time_in_system.1)),
        waited: SimDuration(each().map(|(window, one)| window.scaled(one.waited.0)).sum()),
        // Sampled hours are those of architectures without queues.
        queue: None,
        backlog: over_time(&|one| Some(one.backlog?.mean)).map(|mean| backlog(mean, each())),
        mean_in_system: over_time(&|one| Some(one.mean_in_system)).unwrap_or(0.0),
    };
    if !scales {
        return plain;
    }
    ComponentOutput {
        capacity: plain.capacity.map(|(_, peak)| (capacity_mean, peak)),
        busy: plain.busy.map(|(_, peak)| (busy_mean, peak)),
        utilisation: plain.utilisation.map(|_| used),
        idle_shares: plain.idle_shares.into_iter().map(|(sku, _)| (sku, 1.0 - used)).collect(),
        ..plain
    }
}

/// What waits follows the requests.
fn backlog<'a>(mean: f64, each: impl Iterator<Item = (&'a InPlace<'a>, &'a ComponentOutput)>) -> BacklogOutput {
    let mut sum = BacklogOutput { mean, ..BacklogOutput::default() };
    for (window, one) in each {
        let Some(backlog) = one.backlog else { continue };
        sum.area += (backlog.area as f64 * window.multiple() + 0.5) as u128;
        sum.requests += window.scaled(backlog.requests);
        sum.peak = sum.peak.max(backlog.peak);
    }
    sum
}

/// Whether a unit measures time that passes with or without requests.
fn follows_time(unit: RawUnit) -> bool {
    match unit {
        RawUnit::Ms | RawUnit::GibMs | RawUnit::Hours => true,
        RawUnit::Count | RawUnit::MbMs | RawUnit::Bytes | RawUnit::MicroLcuHours => false,
    }
}

/// The fleet whose capacity a meter measures, if that scales: the time of its machines, by the GiB of their volumes and the MB of their memory.
fn fleet_of(meter: &Meter, fleets: &[FluidCapacity]) -> Option<usize> {
    let is_time = matches!(meter.unit, RawUnit::Ms | RawUnit::GibMs | RawUnit::MbMs);
    fleets.iter().find(|fleet| is_time && fleet.name == meter.component).map(|fleet| fleet.component)
}

fn usage(horizon: SimDuration, each: usize, windows: &[InPlace<'_>]) -> Usage {
    let hours = horizon.0.div_ceil(HOUR) as usize;
    let of_meter = |index: usize| {
        let first = &windows[0].run.usage.meters[index];
        let fleet = fleet_of(first, windows[0].fluid);
        let mut hourly = vec![0u64; hours];
        for window in windows {
            let total = window.run.usage.meters[index].total as f64;
            let factor = if follows_time(first.unit) { 1.0 } else { window.window.factor };
            if first.unit == RawUnit::Hours {
                // A started hour is one hour, whichever part of it was simulated.
                let hour_of = |slot: &usize| (*slot as u64 * window.sampling.slot.0 / HOUR) as usize;
                let hours = window.window.stands_for.iter().map(hour_of);
                hours.for_each(|hour| hourly[hour] = hourly[hour].max(rounded(total)));
                continue;
            }
            if let Some(fleet) = fleet {
                let each = total / window.window.slots as f64;
                let (mut exact, mut before) = (0.0, 0);
                for &slot in &window.window.stands_for {
                    exact += each * window.capacity_times(fleet, slot);
                    hourly[(slot as u64 * window.sampling.slot.0 / HOUR) as usize] += rounded(exact) - before;
                    before = rounded(exact);
                }
                continue;
            }
            for (slot, part) in window.over_slots(total, factor) {
                hourly[(slot as u64 * window.sampling.slot.0 / HOUR) as usize] += part;
            }
        }
        let total = hourly.iter().map(|&count| u128::from(count)).sum();
        if each > 1 {
            hourly = hourly
                .chunks(each)
                .map(|period| period.iter().fold(0, |sum: u64, hour| sum.saturating_add(*hour)))
                .collect();
        }
        Meter { total, hourly, ..first.clone() }
    };
    Usage { meters: (0..windows[0].run.usage.meters.len()).map(of_meter).collect() }
}

fn series(horizon: SimDuration, windows: &[InPlace<'_>]) -> SeriesOutput {
    let slot_length = windows[0].sampling.slot;
    // Slots and buckets divide each other.
    let bucket = bucket_length(horizon).max(slot_length);
    let buckets = horizon.0.div_ceil(bucket.0) as usize;
    let bucket_of = |slot: usize| (slot as u64 * slot_length.0 / bucket.0) as usize;
    let length = |bucket_index: usize| (horizon.0 - bucket_index as u64 * bucket.0).min(bucket.0) as f64;
    let mut sum = SeriesOutput {
        bucket,
        arrived: vec![0; buckets],
        ended: vec![[0; 5]; buckets],
        cold_starts: vec![0; buckets],
        latency: vec![None; buckets],
        capacity: windows[0].run.series.capacity.iter().map(|(index, _)| (*index, vec![0.0; buckets])).collect(),
        busy: windows[0].run.series.busy.iter().map(|(index, _)| (*index, vec![0.0; buckets])).collect(),
    };
    for window in windows {
        let run = &window.run.series;
        let over = |count: u64| window.over_slots(count as f64, window.window.factor);
        over(run.arrived.iter().sum()).for_each(|(slot, part)| sum.arrived[bucket_of(slot)] += part);
        over(run.cold_starts.iter().sum()).for_each(|(slot, part)| sum.cold_starts[bucket_of(slot)] += part);
        for outcome in 0..5 {
            let ended = run.ended.iter().map(|ended| ended[outcome]).sum();
            over(ended).for_each(|(slot, part)| sum.ended[bucket_of(slot)][outcome] += part);
        }
        for &slot in &window.window.stands_for {
            let bucket = bucket_of(slot);
            // The slowest of what stands for a bucket.
            for found in run.latency.iter().flatten() {
                let slowest = sum.latency[bucket].get_or_insert(*found);
                slowest.iter_mut().zip(found).for_each(|(slowest, found)| *slowest = (*slowest).max(*found));
            }
            let share = (horizon.0 - slot as u64 * slot_length.0).min(slot_length.0) as f64 / length(bucket);
            let mean = |levels: &Vec<f64>| levels.iter().sum::<f64>() / levels.len().max(1) as f64;
            for ((component, sums), (_, levels)) in sum.capacity.iter_mut().zip(&run.capacity) {
                sums[bucket] += mean(levels) * share * window.capacity_times(*component, slot);
            }
            for ((_, sums), (_, levels)) in sum.busy.iter_mut().zip(&run.busy) {
                sums[bucket] += mean(levels) * share;
            }
        }
    }
    sum
}

/// The windows of one objective: each stands for those of the slots that its own stands for.
fn objective_windows(objective: usize, windows: &[InPlace<'_>]) -> WindowOutput {
    let mut sum = WindowOutput::default();
    for window in windows {
        let WindowOutput { judged, held, missed, worst } = window.run.windows[objective];
        let times = |count: u64| rounded(count as f64 * window.times());
        sum.judged += times(judged);
        sum.held += times(held);
        sum.missed = sum.missed + SimDuration(times(missed.0));
        let start = SimDuration(window.window.slot as u64 * window.sampling.slot.0);
        if let Some((within, share)) = worst
            && sum.worst.is_none_or(|(_, worst)| share > worst)
        {
            sum.worst = Some((start + within, share));
        }
    }
    sum
}
