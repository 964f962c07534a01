//! Traffic seen from outside: what [`Source`] hands out, against closed forms, the files themselves and statistics.

use super::*;
use crate::spec::distribution::Distribution;
use crate::spec::scenario::{Burst, Diurnal, MeasuredOn, ReplayFile, RequestClass, Spread, Work};
use crate::units::{PerSecond, SimDuration};
use std::io::Write;
use std::path::{Path, PathBuf};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

fn class(name: &str, share: f64, work: Work) -> RequestClass {
    RequestClass { share, ..RequestClass::new(name, work) }
}

fn phases(cpu: Distribution, wait: Distribution) -> Work {
    Work::Phases { cpu, wait }
}

fn ms(n: u64) -> SimDuration {
    SimDuration::from_millis(n)
}

/// One class with 10 ms of CPU and an exponential wait; no warm-up; Poisson.
fn scenario(shape: Shape, horizon: SimDuration) -> Scenario {
    let work = phases(Distribution::Constant(ms(10)), Distribution::Exponential { mean: ms(50) });
    Scenario::bare(shape, horizon, vec![class("a", 1.0, work)])
}

fn constant(rate: f64, horizon: SimDuration) -> Scenario {
    scenario(Shape::Constant(PerSecond(rate)), horizon)
}

fn even(mut scenario: Scenario) -> Scenario {
    scenario.traffic.spread = Spread::Even;
    scenario
}

/// Time, class, CPU and wait.
type Row = (u64, u16, u64, u64);

fn try_all(scenario: &Scenario, replication: u32, variant: &Variant) -> Result<Vec<Row>, TrafficError> {
    let mut source = Source::new(scenario, replication, variant)?;
    let mut batch = Batch::new();
    let mut rows: Vec<Row> = Vec::new();
    loop {
        source.fill(&mut batch)?;
        if batch.len == 0 {
            break;
        }
        rows.extend((0..batch.len).map(|n| (batch.at[n].0, batch.class[n], batch.cpu[n], batch.wait[n])));
    }
    // An ended source stays ended.
    source.fill(&mut batch)?;
    assert_eq!(batch.len, 0);
    assert!(rows.is_sorted_by_key(|row| row.0), "times fall");
    assert!(rows.last().is_none_or(|row| row.0 < scenario.warmup.0 + scenario.horizon.0), "a request after the end");
    Ok(rows)
}

fn all(scenario: &Scenario) -> Vec<Row> {
    try_all(scenario, 0, &Variant::default()).unwrap()
}

fn times(scenario: &Scenario) -> Vec<u64> {
    all(scenario).iter().map(|row| row.0).collect()
}

/// Requests from one instant to before another.
fn between(times: &[u64], from: u64, to: u64) -> usize {
    times.partition_point(|&at| at < to) - times.partition_point(|&at| at < from)
}

fn assert_within(got: usize, want: f64, tolerance: f64, what: &str) {
    assert!((got as f64 - want).abs() <= tolerance, "{what}: {got}, expected {want} +- {tolerance}");
}

#[test]
fn even_arrivals_lie_in_the_middle_of_their_gaps() {
    let times = times(&even(constant(10.0, SimDuration::from_hours(3))));
    assert_eq!(times.len(), 108_000);
    for (n, &at) in times.iter().enumerate() {
        assert!(at.abs_diff(n as u64 * 100_000_000 + 50_000_000) <= 1, "request {n} at {at}");
    }
}

#[test]
fn poisson_arrivals_have_exponential_gaps_and_variance_equal_to_mean() {
    let times = times(&constant(100.0, SimDuration::from_secs(10_000)));
    assert_within(times.len(), 1e6, 5e3, "five standard deviations");
    let mut counts = vec![0.0; 10_000];
    times.iter().for_each(|at| counts[(at / SECOND) as usize] += 1.0);
    let variance = counts.iter().map(|n: &f64| (n - 100.0).powi(2)).sum::<f64>() / 1e4;
    // The index of dispersion of n counts has a standard deviation of sqrt(2 / n) = 0.014.
    assert!((variance / 100.0 - 1.0).abs() < 0.07, "dispersion {}", variance / 100.0);
    // Counts of neighbouring seconds don't know of each other: correlation 0 +- 0.01.
    let covariance = counts.windows(2).map(|n| (n[0] - 100.0) * (n[1] - 100.0)).sum::<f64>() / 1e4;
    assert!((covariance / variance).abs() < 0.05, "correlation {}", covariance / variance);
    // Kolmogorov-Smirnov against 1 - exp(-100 t); 1.95 / sqrt(n) is exceeded one time in a thousand.
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance =
        gaps.iter().enumerate().fold(0.0f64, |d, (i, gap)| d.max((1.0 - (-100.0 * gap).exp() - i as f64 / n).abs()));
    assert!(distance < 1.95 / n.sqrt(), "{distance}");
}

#[test]
fn steps_have_their_rates_and_the_first_one_in_the_warm_up() {
    let step = |minutes, rate| (SimDuration::from_mins(minutes), PerSecond(rate));
    let steps = Shape::Steps(vec![step(0, 2.0), step(90, 0.0), step(100, 50.0), step(101, 1.0)]);
    let mut scenario = scenario(steps, SimDuration::from_hours(3));
    scenario.warmup = SimDuration::from_mins(30);
    let minute = 60 * SECOND;
    let bounds = [(0, 30, 2.0), (30, 120, 2.0), (120, 130, 0.0), (130, 131, 50.0), (131, 210, 1.0)];
    for (spread, sigmas) in [(Spread::Even, 0.0), (Spread::Poisson, 5.0)] {
        scenario.traffic.spread = spread;
        let times = times(&scenario);
        for (from, to, rate) in bounds {
            let want = rate * 60.0 * (to - from) as f64;
            assert_within(between(&times, from * minute, to * minute), want, sigmas * want.sqrt(), "step");
        }
    }
}

#[test]
fn silence_costs_nothing() {
    // A hundred years without traffic, then a minute of it.
    let century = SimDuration::from_hours(24 * 36_500);
    let steps = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(0.0)), (century, PerSecond(1.0))]);
    let scenario = even(scenario(steps, SimDuration(century.0 + 60 * SECOND)));
    let times = times(&scenario);
    assert_eq!(times.len(), 60);
    assert!(times[0].abs_diff(century.0 + SECOND / 2) <= 1);
    assert!(all(&constant(0.0, century)).is_empty());
    assert!(
        try_all(&constant(5.0, century), 0, &Variant { scale: 0.0, without: None, window: None }).unwrap().is_empty()
    );
}

/// exp(-kappa) I0(kappa), the mean of exp(kappa (cos x - 1)), from the power series of I0 (Abramowitz and Stegun 9.6.12).
fn mean_of_wave(kappa: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..200 {
        term *= (kappa / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    (-kappa).exp() * sum
}

fn diurnal(mean: f64, peak: f64, peak_at_hours: u64, weekend: f64) -> Shape {
    let target = mean / peak * 7.0 / (5.0 + 2.0 * weekend);
    let (mut low, mut high) = (0.0, 500.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if mean_of_wave(middle) > target { low = middle } else { high = middle }
    }
    let peak_at = SimDuration::from_hours(peak_at_hours);
    Shape::Diurnal(Diurnal {
        mean: PerSecond(mean),
        peak: PerSecond(peak),
        peak_at,
        weekend,
        kappa: 0.5 * (low + high),
    })
}

/// The estimate against what comes: counts are Poisson, so that four standard deviations of the count are allowed.
#[test]
fn as_many_come_as_are_expected() {
    let week = SimDuration(7 * DAY);
    let mut burst = constant(1.0, week);
    burst.warmup = SimDuration(HOUR);
    burst.traffic.scale = 2.0;
    burst.traffic.growth_per_month = 0.5;
    let (at, lasts) = (SimDuration(DAY), SimDuration(HOUR));
    burst.traffic.bursts = vec![Burst { at, lasts, times: 20.0, per: crate::spec::scenario::Frequency::Once }];
    let steps = Shape::Steps(vec![(SimDuration::ZERO, PerSecond(1.0)), (SimDuration(DAY), PerSecond(3.0))]);
    let file = write("minute,count\n0,60\n1,120\n2,30\n");
    let repeated = ReplayFile {
        repeat: true,
        requests: 210.0,
        covers: SimDuration::from_mins(3),
        period: SimDuration::from_mins(1),
        ..replay_file(file.path())
    };
    for (scenario, tolerance) in [
        (constant(2.0, week), 0.0),
        // Growth before and after the burst is taken as its mean.
        (burst, 0.03),
        (scenario(steps, SimDuration(3 * DAY)), 0.0),
        (scenario(Shape::ReplayRate(repeated), SimDuration(DAY)), 0.0),
    ] {
        let (expected, came) = (expected_requests(&scenario), all(&scenario).len() as f64);
        let allowed = 4.0 * came.sqrt() + tolerance * came;
        assert!((expected - came).abs() < allowed, "{expected} expected, {came} came: {:?}", scenario.traffic);
    }
}

#[test]
fn the_wave_has_its_mean_and_its_peak() {
    for (mean, peak, weekend) in [(1.0, 4.0, 0.7), (0.5, 12.0, 0.0), (1.0, 1.0, 1.0), (0.75, 1.25, 1.5)] {
        let week = scenario(diurnal(mean, peak, 20, weekend), SimDuration::from_hours(168));
        let times = times(&even(week.clone()));
        assert_within(times.len(), mean * 604_800.0, 1.0, "a week");
        // The minute around Wednesday's peak is flat to 1e-5 x kappa.
        let at = 2 * DAY + 20 * HOUR;
        assert_within(between(&times, at - 30 * SECOND, at + 30 * SECOND), peak * 60.0, 1.0, "the peak");
        // Any seven days are a week.
        let mut shifted = week.clone();
        shifted.start = jiff::civil::date(2026, 3, 6);
        assert_within(self::times(&even(shifted)).len(), mean * 604_800.0, 1.0, "Friday to Friday");
        // Poisson: within five standard deviations.
        let count = self::times(&week).len();
        assert_within(count, mean * 604_800.0, 5.0 * (mean * 604_800.0).sqrt(), "Poisson");
    }
}

#[test]
fn a_wave_day_belongs_to_the_weekday_of_its_peak() {
    // Peak at 20:00, trough at 08:00: Saturday's wave runs from Saturday 08:00 to Sunday 08:00.
    let times = times(&even(scenario(diurnal(40.0, 100.0, 20, 0.5), SimDuration::from_hours(168))));
    let wave = |day: u64| between(&times, day * DAY + 8 * HOUR, (day + 1) * DAY + 8 * HOUR) as f64;
    let [thursday, friday, saturday] = [3, 4, 5].map(wave);
    assert!((friday / thursday - 1.0).abs() < 1e-5, "{thursday} {friday}");
    assert!((saturday / friday - 0.5).abs() < 1e-5, "{friday} {saturday}");
    // Monday 00:00 to 08:00 is the end of Sunday's wave.
    let early = |day: u64| between(&times, day * DAY, day * DAY + 8 * HOUR) as f64;
    assert!((early(0) / early(1) - 0.5).abs() < 1e-3, "{} {}", early(0), early(1));
}

#[test]
fn the_wave_follows_the_local_clock() {
    // New York leaves standard time on Sunday 2026-03-08 at 02:00: from then on 20:00 comes an hour earlier.
    let mut scenario = even(scenario(diurnal(40.0, 100.0, 20, 1.0), SimDuration::from_hours(72)));
    scenario.start = jiff::civil::date(2026, 3, 7);
    scenario.timezone = "America/New_York".into();
    let times = times(&scenario);
    // The wave is symmetric about its peak.
    let lopsided = |peak: u64| {
        let width = 2 * HOUR;
        between(&times, peak - width, peak).abs_diff(between(&times, peak, peak + width))
    };
    assert!(lopsided(20 * HOUR) <= 2);
    assert!(lopsided(DAY + 19 * HOUR) <= 2);
    assert!(lopsided(2 * DAY + 19 * HOUR) <= 2);
    assert!(lopsided(2 * DAY + 20 * HOUR) > 1_000);
}

#[test]
fn the_wave_and_growth_go_on_backwards_in_the_warm_up() {
    let mut scenario = even(scenario(diurnal(40.0, 100.0, 20, 0.5), SimDuration::from_hours(48)));
    let plain = times(&scenario);
    scenario.warmup = SimDuration::from_hours(24);
    let warm = times(&scenario);
    // Before Monday's midnight it is Sunday: half of Monday 08:00 to 24:00, and before 08:00 the same.
    let (sunday, monday) = (between(&warm, 8 * HOUR, DAY), between(&plain, 8 * HOUR, DAY));
    assert!((sunday as f64 / monday as f64 - 0.5).abs() < 1e-4, "{sunday} {monday}");
    assert!(between(&warm, DAY, 3 * DAY).abs_diff(plain.len()) <= 1);
}

#[test]
fn growth_compounds() {
    let mut scenario = even(constant(0.1, SimDuration::from_hours(730)));
    scenario.warmup = SimDuration::from_hours(730);
    scenario.traffic.growth_per_month = 0.05;
    let times = times(&scenario);
    // The integral of 1.05^x from 0 to 1 is 0.05 / ln 1.05; a month earlier, 1.05 times less.
    let month = 0.1 * 730.0 * 3_600.0 * 0.05 / 1.05f64.ln();
    assert_within(between(&times, 730 * HOUR, u64::MAX), month, 1.0, "the first month");
    assert_within(between(&times, 0, 730 * HOUR), month / 1.05, 1.0, "the warm-up");
}

#[test]
fn scale_multiplies_every_shape() {
    let horizon = SimDuration::from_hours(2);
    let mut scenario = even(constant(3.0, horizon));
    scenario.traffic.scale = 2.5;
    assert_eq!(all(&scenario).len(), 54_000);
    assert_eq!(try_all(&scenario, 0, &Variant { scale: 0.5, without: None, window: None }).unwrap().len(), 27_000);
}

fn burst(at: SimDuration, lasts: SimDuration, times: f64, per: Frequency) -> Burst {
    Burst { at, lasts, times, per }
}

#[test]
fn bursts_add_requests_and_leave_the_others_alone() {
    let mut scenario = constant(20.0, SimDuration::from_hours(6));
    scenario.warmup = SimDuration::from_mins(30);
    let quiet = all(&scenario);
    let (from, lasts) = (SimDuration::from_mins(100), SimDuration::from_mins(50));
    scenario.traffic.bursts = vec![
        burst(from, lasts, 8.0, Frequency::Month),
        burst(SimDuration::from_mins(130), lasts, 3.0, Frequency::Once),
    ];
    let busy = all(&scenario);
    let without_month =
        try_all(&scenario, 0, &Variant { scale: 1.0, without: Some(Frequency::Month), window: None }).unwrap();
    let without_once =
        try_all(&scenario, 0, &Variant { scale: 1.0, without: Some(Frequency::Once), window: None }).unwrap();
    // Each is the next with some requests left out.
    let extras = |many: &[Row], few: &[Row]| -> Vec<u64> {
        let mut few = few.iter().peekable();
        let extra: Vec<u64> = many.iter().filter(|row| few.next_if_eq(row).is_none()).map(|row| row.0).collect();
        assert!(few.next().is_none(), "a request is lost");
        extra
    };
    let minute = 60 * SECOND;
    let month = extras(&busy, &without_month);
    assert_within(month.len(), 7.0 * 20.0 * 3_000.0, 5.0 * 648.0, "a burst of eight times");
    assert!(month.iter().all(|at| (130 * minute..180 * minute).contains(at)));
    let once = extras(&busy, &without_once);
    assert_within(once.len(), 2.0 * 20.0 * 3_000.0, 5.0 * 346.0, "a burst of three times");
    assert!(once.iter().all(|at| (160 * minute..210 * minute).contains(at)));
    assert_eq!(extras(&without_month, &quiet), once);
    assert_eq!(extras(&without_once, &quiet), month);
}

#[test]
fn bursts_below_one_take_requests_away() {
    let mut scenario = even(constant(20.0, SimDuration::from_hours(6)));
    scenario.traffic.bursts = vec![
        burst(SimDuration::from_mins(90), SimDuration::from_mins(60), 0.25, Frequency::Week),
        burst(SimDuration::from_mins(240), SimDuration::from_mins(10), 0.0, Frequency::Once),
    ];
    let times = times(&scenario);
    let minute = 60 * SECOND;
    assert_eq!(between(&times, 0, 90 * minute), 108_000);
    assert_eq!(between(&times, 90 * minute, 150 * minute), 18_000);
    assert_eq!(between(&times, 240 * minute, 250 * minute), 0);
    assert_eq!(times.len(), 108_000 + 18_000 + 20 * 60 * 200);
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let scenario = constant(50.0, SimDuration::from_hours(2));
    let first = all(&scenario);
    assert_eq!(first, all(&scenario));
    let mut architectures = scenario.clone();
    architectures.client.timeout = Some(ms(1));
    assert_eq!(first, all(&architectures));
    assert_ne!(first, try_all(&scenario, 1, &Variant::default()).unwrap());
    assert_ne!(first, all(&Scenario { seed: 2, ..scenario }));
}

#[test]
fn an_hour_does_not_depend_on_what_came_before() {
    let long = constant(50.0, SimDuration::from_hours(3));
    let reference = all(&long);
    // Another first hour, the same others.
    let steps = vec![(SimDuration::ZERO, PerSecond(7.0)), (SimDuration::from_hours(1), PerSecond(50.0))];
    let other = all(&scenario(Shape::Steps(steps), SimDuration::from_hours(3)));
    let later = |rows: &[Row], from: u64| rows.iter().filter(|row| row.0 >= from).copied().collect::<Vec<_>>();
    assert_eq!(later(&reference, HOUR), later(&other, HOUR));
    assert_ne!(reference.len(), other.len());
    // A warm-up, of whole hours or not, moves nothing after t = 0.
    for warmup in [HOUR, 25 * 60 * SECOND] {
        let warm = all(&Scenario { warmup: SimDuration(warmup), ..long.clone() });
        let shifted: Vec<Row> = later(&warm, warmup).iter().map(|row| (row.0 - warmup, row.1, row.2, row.3)).collect();
        assert_eq!(shifted, reference);
    }
}

#[test]
fn classes_have_their_shares_and_their_work() {
    let mut scenario = constant(100.0, SimDuration::from_secs(2_000));
    let exponential = |mean| Distribution::Exponential { mean: ms(mean) };
    scenario.classes = vec![
        class("a", 0.6, phases(exponential(20), exponential(80))),
        class("b", 0.3, phases(Distribution::Constant(ms(5)), Distribution::Constant(ms(7)))),
        class("c", 0.0, phases(Distribution::ZERO, Distribution::ZERO)),
        class("d", 0.1, Work::Duration { total: exponential(100), cpu_factor: 0.3, wait_factor: 0.7, split: true }),
    ];
    let rows = all(&scenario);
    let of = |class: u16| rows.iter().filter(|row| row.1 == class).collect::<Vec<_>>();
    let mean = |rows: &[&Row], value: fn(&Row) -> u64| {
        rows.iter().map(|row| value(row) as f64).sum::<f64>() / rows.len() as f64
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(of);
    // Five standard deviations of a binomial, and of a mean of exponentials.
    let n = rows.len() as f64;
    assert_within(a.len(), 0.6 * n, 1_100.0, "a");
    assert_within(b.len(), 0.3 * n, 1_030.0, "b");
    assert_within(d.len(), 0.1 * n, 670.0, "d");
    assert!(c.is_empty());
    assert!((mean(&a, |row| row.2) / 20e6 - 1.0).abs() < 0.015 && (mean(&a, |row| row.3) / 80e6 - 1.0).abs() < 0.015);
    assert!(b.iter().all(|row| (row.2, row.3) == (5_000_000, 7_000_000)));
    assert!((mean(&d, |row| row.2 + row.3) / 100e6 - 1.0).abs() < 0.036);
    // One draw for both parts: 0.7 of it waits for each 0.3 of CPU.
    assert!(d.iter().all(|row| (row.2 as f64 * 7.0 - row.3 as f64 * 3.0).abs() < 6.0));
    // CPU and wait of a are independent: correlation 0 +- 0.003.
    let product = mean(&a, |row| (row.2 / 1_000) * (row.3 / 1_000)) * 1e6;
    assert!((product / (mean(&a, |row| row.2) * mean(&a, |row| row.3)) - 1.0).abs() < 0.02);
}

fn replay_file(path: &Path) -> ReplayFile {
    ReplayFile { path: path.to_owned(), shown: "replay.csv".into(), ..ReplayFile::default() }
}

fn write(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("COSTSIM_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = root.join(name);
    path.is_file().then_some(path)
}

#[test]
fn a_rate_file_is_replayed_period_by_period() {
    // Minute 2 is missing, minute 3 empty, minute 4 has half a request, and the row at 5:30 cuts its predecessor short.
    let file = write("time,count\n0,6\n60,3\n180,0\n240,0.5\n300,4\n330,2\n360,1\n");
    let mut replay = replay_file(file.path());
    let mut scenario = even(scenario(Shape::ReplayRate(replay.clone()), SimDuration::from_mins(20)));
    scenario.warmup = SimDuration::from_mins(7);
    let seconds = |scenario: &Scenario| -> Vec<f64> {
        times(scenario).iter().map(|&at| ((at - 420 * SECOND) as f64 / 1e7).round() / 100.0).collect()
    };
    // Half a gap in, then a gap each: 10 s, 20 s; from 4:00 on the budget has half a request to make up.
    let once = [5.0, 15.0, 25.0, 35.0, 45.0, 55.0, 70.0, 90.0, 110.0, 300.0, 307.5, 315.0, 322.5, 330.0, 345.0, 360.0];
    assert_eq!(seconds(&scenario), once);
    replay.repeat = true;
    scenario.traffic.shape = Shape::ReplayRate(replay);
    // The last row's minute ends at 7:00 and the file begins again: 16.5 requests are due by then.
    let repeated = seconds(&scenario);
    assert_eq!(repeated[..16], once);
    assert_eq!(between(&times(&scenario), 420 * SECOND, (420 + 420) * SECOND), 16);
    assert_eq!(between(&times(&scenario), 420 * SECOND, (420 + 840) * SECOND), 33);
}

#[test]
fn a_gzip_file_gives_the_same_requests() {
    let text: String = "minute,count\n".to_owned() + &(0..600).map(|n| format!("{n},{}\n", n % 50)).collect::<String>();
    let plain = write(&text);
    let mut gzip = tempfile::NamedTempFile::new().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(&mut gzip, flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let of = |path: &Path| all(&scenario(Shape::ReplayRate(replay_file(path)), SimDuration::from_hours(9)));
    assert!(of(plain.path()).len() > 10_000);
    assert_eq!(of(plain.path()), of(gzip.path()));
}

#[test]
fn bursts_apply_to_replayed_rates() {
    let text: String = "minute,count\n".to_owned() + &(0..180).map(|n| format!("{n},60\n")).collect::<String>();
    let file = write(&text);
    let mut scenario = even(scenario(Shape::ReplayRate(replay_file(file.path())), SimDuration::from_hours(3)));
    scenario.traffic.bursts = vec![burst(SimDuration::from_mins(61), SimDuration::from_mins(30), 5.0, Frequency::Once)];
    let times = times(&scenario);
    let minute = 60 * SECOND;
    assert_eq!((times.len(), between(&times, 61 * minute, 91 * minute)), (180 * 60 + 4 * 1_800, 5 * 1_800));
}

#[test]
#[allow(clippy::print_stderr)]
fn real_rate_files_keep_their_counts() {
    for (name, hours) in [("worldcup98_1998-05-04_7d_per_minute", 168), ("nasa_1995-07-01_7d_per_minute", 168)] {
        let Some(path) = shared(&format!("data/traffic/{name}.csv.gz")) else {
            eprintln!("skipped: {name} is absent");
            continue;
        };
        // The file by other means: the csv crate and whole numbers.
        let mut counts: Vec<f64> = Vec::new();
        let decoder = flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap());
        for row in csv::Reader::from_reader(decoder).records() {
            counts.push(row.unwrap()[1].parse().unwrap());
        }
        let mut scenario = scenario(Shape::ReplayRate(replay_file(&path)), SimDuration::from_hours(hours));
        let by_minute = |scenario: &Scenario| {
            let mut got = vec![0.0; counts.len()];
            times(scenario).iter().for_each(|at| got[(at / (60 * SECOND)) as usize] += 1.0);
            got
        };
        let total: f64 = counts.iter().sum();
        let poisson = by_minute(&scenario);
        assert!((poisson.iter().sum::<f64>() - total).abs() < 5.0 * total.sqrt());
        // Each minute is Poisson about the file's count: (n - count)^2 / count has mean 1, and over 10,000 minutes a
        // standard deviation of 0.014 or, with small counts, somewhat more.
        let full: Vec<_> = counts.iter().zip(&poisson).filter(|(count, _)| **count > 0.0).collect();
        let dispersion = full.iter().map(|(count, n)| (*n - *count).powi(2) / *count).sum::<f64>() / full.len() as f64;
        assert!((dispersion - 1.0).abs() < 0.08, "{name}: {dispersion}");
        scenario.traffic.spread = Spread::Even;
        assert!(by_minute(&scenario) == counts, "{name}: even arrivals are the file's counts");
    }
}

#[test]
fn a_request_file_is_replayed_exactly() {
    let file = write("arrival,duration,name\n100.5,12.5,b\n100.5,,a\n100.500000001,3,a\n163,7,b\n9999,1,a\n");
    let mut replay = replay_file(file.path());
    replay.cpu_share = Some(0.4);
    replay.measured_on = Some(MeasuredOn::Instance { name: "x".into(), speed: 2.0 });
    let mut scenario = scenario(Shape::ReplayRequests(replay.clone()), SimDuration::from_mins(5));
    let fixed = |cpu, wait| phases(Distribution::Constant(ms(cpu)), Distribution::Constant(ms(wait)));
    scenario.classes = vec![class("a", 0.5, fixed(1, 2)), class("b", 0.5, fixed(3, 4))];
    scenario.warmup = SimDuration::from_secs(60);
    // CPU = 0.4 x duration x speed, wait = 0.6 x duration; where there is no duration, the class's own work.
    let want = [
        (60_000_000_000, 1, 10_000_000, 7_500_000),
        (60_000_000_000, 0, 1_000_000, 2_000_000),
        (60_000_000_001, 0, 2_400_000, 1_800_000),
        (122_500_000_000, 1, 5_600_000, 4_200_000),
    ];
    assert_eq!(all(&scenario), want);
    // 885 MB have half a vCPU (1,769 MB is one); and without a share all of it is waiting.
    replay.measured_on = Some(MeasuredOn::LambdaMemory(885));
    scenario.traffic.shape = Shape::ReplayRequests(replay.clone());
    assert_eq!(all(&scenario)[0].2, (5_000_000.0f64 * 885.0 / 1_769.0).round() as u64);
    (replay.cpu_share, replay.measured_on) = (None, None);
    scenario.traffic.shape = Shape::ReplayRequests(replay);
    assert_eq!((all(&scenario)[0].2, all(&scenario)[0].3), (0, 12_500_000));
}

#[test]
fn repeated_request_files_begin_again_after_a_mean_gap() {
    let file = write("arrival\n5\n6\n9\n");
    let mut replay = replay_file(file.path());
    replay.repeat = true;
    let seconds: Vec<u64> = times(&scenario(Shape::ReplayRequests(replay.clone()), SimDuration::from_secs(14)))
        .iter()
        .map(|at| at / SECOND)
        .collect();
    // 0, 1, 4; a mean gap of 2 s; once more.
    assert_eq!(seconds, [0, 1, 4, 6, 7, 10, 12, 13]);
    // One instant has no gap, and can't be repeated.
    for text in ["arrival\n5\n", "arrival\n5\n5\n"] {
        let file = write(text);
        replay.path = file.path().to_owned();
        let rows = all(&scenario(Shape::ReplayRequests(replay.clone()), SimDuration::from_secs(14)));
        assert_eq!(rows.len(), text.lines().count() - 1);
    }
}

#[test]
fn replayed_requests_can_be_thinned_and_multiplied() {
    let text: String = "arrival,duration\n".to_owned() + &(0..20_000).map(|n| format!("{n},{n}\n")).collect::<String>();
    let file = write(&text);
    let mut scenario = scenario(Shape::ReplayRequests(replay_file(file.path())), SimDuration::from_secs(20_000));
    let plain = all(&scenario);
    assert_eq!(plain.len(), 20_000);
    let scaled = |scale| try_all(&scenario, 0, &Variant { scale, without: None, window: None }).unwrap();
    let (half, double, more) = (scaled(0.5), scaled(2.0), scaled(2.25));
    // Five standard deviations: 354 and 306.
    assert_within(half.len(), 10_000.0, 354.0, "half");
    assert!(half.iter().all(|row| plain.binary_search(row).is_ok()));
    assert_eq!(double.len(), 40_000);
    assert!(plain.iter().all(|row| double.binary_search(row).is_ok()));
    // Copies come within the second of their row, and take its duration.
    assert!(double.iter().all(|row| row.0 / SECOND == row.3 / 1_000_000));
    assert_within(more.len(), 45_000.0, 306.0, "2.25 times");
    assert!(double.iter().all(|row| more.binary_search(row).is_ok()));

    scenario.traffic.bursts = vec![
        burst(SimDuration::from_secs(5_000), SimDuration::from_secs(1_000), 3.0, Frequency::Once),
        burst(SimDuration::from_secs(8_000), SimDuration::from_secs(1_000), 0.0, Frequency::Week),
    ];
    let bursts = all(&scenario);
    assert_eq!(bursts.len(), 20_000 + 2_000 - 1_000);
    assert_eq!(bursts.iter().filter(|row| (5_000..6_000).contains(&(row.0 / SECOND))).count(), 3_000);
    assert!(matches!(
        try_all(&scenario, 0, &Variant { scale: 1e7, without: None, window: None }),
        Err(TrafficError::TooManyCopies { .. })
    ));
}

#[test]
#[allow(clippy::print_stderr)]
fn real_requests_arrive_at_their_instants() {
    let name = "azure_llm_2023_conversation_arrivals.csv.gz";
    let Some(path) = shared(&format!("data/traffic/{name}")) else {
        eprintln!("skipped: {name} is absent");
        return;
    };
    // The file by other means: the csv crate and jiff.
    let decoder = flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap());
    let mut instants: Vec<u64> = Vec::new();
    for row in csv::Reader::from_reader(decoder).records() {
        let instant: jiff::Timestamp = format!("{}Z", &row.unwrap()[0]).parse().unwrap();
        instants.push(instant.as_nanosecond() as u64);
    }
    let first = instants[0];
    instants.iter_mut().for_each(|at| *at -= first);
    assert_eq!(times(&scenario(Shape::ReplayRequests(replay_file(&path)), SimDuration::from_hours(1))), instants);
}

#[test]
fn what_cannot_be_replayed_is_an_error() {
    let horizon = SimDuration::from_hours(1);
    let file = |shape: fn(ReplayFile) -> Shape, text: &str| {
        let file = write(text);
        let error = try_all(&scenario(shape(replay_file(file.path())), horizon), 0, &Variant::default()).unwrap_err();
        let TrafficError::File(error) = error else { panic!("{error}") };
        error
    };
    for (shape, text, line, message) in [
        (Shape::ReplayRate as fn(ReplayFile) -> Shape, "minute,count\n0,1\n1,-1\n", Some(3), "not negative"),
        (Shape::ReplayRate, "minute,count\n", None, "no rows"),
        (Shape::ReplayRate, "", None, "empty"),
        (Shape::ReplayRequests, "arrival\n3\n2\n", Some(3), "before"),
        (Shape::ReplayRequests, "arrival,name\n3,a\n4,nobody\n", Some(3), "no request of this name"),
        (Shape::ReplayRequests, "arrival,name\n", None, "no rows"),
    ] {
        let error = file(shape, text);
        assert!(error.message.contains(message) && error.line == line, "{error}");
    }
    let mut nowhere = scenario(diurnal(1.0, 2.0, 3, 1.0), horizon);
    nowhere.timezone = "Mars/Olympus".into();
    let error = try_all(&nowhere, 0, &Variant::default()).unwrap_err().to_string();
    assert!(error.contains("Mars/Olympus"), "{error}");
    let missing = Shape::ReplayRate(replay_file(Path::new("/does/not/exist.csv")));
    assert!(matches!(try_all(&scenario(missing, horizon), 0, &Variant::default()), Err(TrafficError::File(_))));
    // The calendar ends in 9999.
    let mut late = scenario(diurnal(1.0, 2.0, 3, 1.0), SimDuration::from_hours(72));
    late.start = jiff::civil::date(9999, 12, 31);
    assert!(matches!(try_all(&late, 0, &Variant::default()), Err(TrafficError::Calendar(_))));
}

/// The integrated rate of each hour: a constant one, and steps that change within an hour, at half their size.
#[test]
fn expected_requests_of_each_hour() {
    let hour = SimDuration::from_hours(1);
    let mut given = constant(10.0, SimDuration::from_mins(150));
    assert_close_all(&expected_by_slot(&given, hour).unwrap(), &[36_000.0, 36_000.0, 18_000.0]);
    given.traffic.scale = 0.5;
    given.traffic.shape =
        Shape::Steps(vec![(SimDuration::ZERO, PerSecond(1.0)), (SimDuration::from_mins(90), PerSecond(3.0))]);
    assert_close_all(&expected_by_slot(&given, hour).unwrap(), &[1_800.0, 3_600.0, 2_700.0]);
    assert_close_all(&expected_by_slot(&given, SimDuration::from_mins(150)).unwrap(), &[8_100.0]);
}

fn assert_close_all(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(expected).all(|(found, expected)| (found / expected - 1.0).abs() < 1e-12), "{found:?}");
}
