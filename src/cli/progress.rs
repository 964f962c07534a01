//! The progress bar: share done, requests a second, time left. Only on a terminal.

use crate::run::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Steps of the bar.
const STEPS: u64 = 1_000;
/// Time between two looks.
const TICK: Duration = Duration::from_millis(120);

/// Does `work` with a progress bar on the standard error, if that is a terminal and `quiet` is not set.
pub fn with_bar<T: Send>(quiet: bool, progress: &Progress, work: impl FnOnce() -> T + Send) -> T {
    if quiet || !std::io::stderr().is_terminal() {
        return work();
    }
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
    // A template that cannot be read leaves the usual bar.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let begun = Instant::now();
    let (ended, end) = channel::<()>();
    let end = Mutex::new(end);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let Ok(end) = end.lock() else { return };
            while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(TICK) {
                bar.set_position((progress.share() * STEPS as f64) as u64);
                bar.set_message(message(progress, begun.elapsed()));
            }
            bar.finish_and_clear();
        });
        let result = work();
        drop(ended);
        result
    })
}

/// `8.2 M requests/s, 12 s left`.
fn message(progress: &Progress, elapsed: Duration) -> String {
    let (share, seconds) = (progress.share(), elapsed.as_secs_f64());
    if share <= 0.0 || seconds <= 0.0 {
        return "starting".to_owned();
    }
    let speed = progress.requests() as f64 / seconds;
    let left = seconds * (1.0 - share) / share;
    let stopping = if progress.is_cancelled() { ", stopping" } else { "" };
    format!("{} requests/s, {} left{stopping}", short(speed), duration(left))
}

/// `8.2 M`.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 1e3 => format!("{:.0} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

/// `12 s`, `3 min 20 s`, `2 h 5 min`.
fn duration(seconds: f64) -> String {
    // `as` saturates.
    let seconds = seconds.ceil() as u64;
    match seconds {
        s if s < 60 => format!("{s} s"),
        s if s < 3_600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        assert_eq!([short(8_240_000.0), short(42_400.0), short(7.0)], ["8.2 M", "42 k", "7"]);
        assert_eq!([duration(11.2), duration(200.0), duration(7_500.0)], ["12 s", "3 min 20 s", "2 h 5 min"]);
    }

    #[test]
    fn off_a_terminal_the_work_is_just_done() {
        assert_eq!(with_bar(true, &Progress::new(), || 7), 7);
    }
}
