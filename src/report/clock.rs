//! Simulated seconds as local dates: labels of instants and the ticks of time axes.

use crate::results::Results;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Where t = 0 lies on the calendar, if the results say so in a way that can be read.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    start: Option<Zoned>,
    /// IANA name of the zone that the labels are in.
    zone: String,
    /// First instant of the billed month, where it is one of the calendar. AWS's months are those of UTC.
    month: Option<Timestamp>,
}

/// A tick of a time axis: seconds since t = 0 and its label.
pub(super) type Tick = (f64, String);

impl Clock {
    /// The clock of these results. An unknown time zone is read as UTC; an unreadable date leaves days and hours since the start.
    pub(super) fn of(results: &Results) -> Self {
        let zone = TimeZone::get(&results.timezone).unwrap_or(TimeZone::UTC);
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        let start = results
            .start
            .parse::<Timestamp>()
            .map(|instant| instant.to_zoned(zone.clone()))
            .or_else(|_| results.start.parse::<DateTime>().and_then(|civil| civil.to_zoned(zone)))
            .ok();
        let first = results.terms.month.as_ref().and_then(|month| format!("{month}-01T00:00:00Z").parse().ok());
        Self { start, zone: name, month: first }
    }

    /// Hours from t = 0 to the first of the billed month, rounded down; zero where the month starts at t = 0. The month's first hour is
    /// like the simulated one so many hours later, which keeps weekdays and hours of the day where the horizon is whole weeks.
    pub(super) fn shift(&self) -> i64 {
        let start = self.start.as_ref().map(Zoned::timestamp);
        let between =
            |(start, month): (Timestamp, Timestamp)| (month.as_second() - start.as_second()).div_euclid(3_600);
        start.zip(self.month).map_or(0, between)
    }

    /// So many seconds into the billed month, as [`Self::utc`].
    pub(super) fn billed(&self, seconds: u64) -> String {
        match self.month {
            Some(month) => instant(month, seconds),
            None => self.utc(seconds),
        }
    }

    /// What the labels mean, in a sentence.
    pub(super) fn note(&self) -> String {
        match &self.start {
            Some(_) => format!("Times are those of {}.", self.zone),
            None => "Times count from the start.".to_owned(),
        }
    }

    fn at(&self, seconds: f64) -> Option<Zoned> {
        if !seconds.is_finite() || seconds.abs() > 1e10 {
            return None;
        }
        // `as` truncates to whole seconds, which is all that labels show.
        self.start.as_ref()?.checked_add(Span::new().try_seconds(seconds as i64).ok()?).ok()
    }

    /// `Sat 14 Mar 20:05`, or `12 d 20:05` where the calendar is not known.
    pub(super) fn label(&self, seconds: f64) -> String {
        match self.at(seconds) {
            Some(when) => when.strftime("%a %-d %b %H:%M").to_string(),
            None => since_start(seconds),
        }
    }

    /// `Mon 2 Mar 2026 00:00`, the date of t = 0; `an unknown date` where it cannot be read.
    pub(super) fn start(&self) -> String {
        self.start
            .as_ref()
            .map_or_else(|| "an unknown date".to_owned(), |s| s.strftime("%a %-d %b %Y %H:%M").to_string())
    }

    /// An instant as FOCUS writes it, `2026-03-02T05:00:00Z`; counted from 1970 where the start cannot be read.
    pub(super) fn utc(&self, seconds: u64) -> String {
        let start = self.start.as_ref().map_or(Timestamp::UNIX_EPOCH, Zoned::timestamp);
        instant(start, seconds)
    }

    /// Ticks for an axis from 0 to `span` seconds: at most about `most`, at round local times.
    pub(super) fn ticks(&self, span: f64, most: usize) -> Vec<Tick> {
        const STEPS: [(i64, &str); 20] = [
            (1, "%H:%M:%S"),
            (5, "%H:%M:%S"),
            (15, "%H:%M:%S"),
            (60, "%H:%M"),
            (300, "%H:%M"),
            (600, "%H:%M"),
            (1_800, "%H:%M"),
            (3_600, "%H:%M"),
            (7_200, "%a %H:%M"),
            (14_400, "%a %H:%M"),
            (21_600, "%a %H:%M"),
            (43_200, "%a %H:%M"),
            (86_400, "%a %-d %b"),
            (2 * 86_400, "%a %-d %b"),
            (7 * 86_400, "%a %-d %b"),
            (14 * 86_400, "%a %-d %b"),
            (28 * 86_400, "%-d %b"),
            (91 * 86_400, "%b %Y"),
            (182 * 86_400, "%b %Y"),
            (365 * 86_400, "%b %Y"),
        ];
        if !span.is_finite() || span <= 0.0 {
            return vec![(0.0, self.label(0.0))];
        }
        let most = most.max(1) as f64;
        let Some(&(step, format)) = STEPS.iter().find(|(step, _)| span / *step as f64 <= most) else {
            return vec![(0.0, self.label(0.0)), (span, self.label(span))];
        };
        let mut ticks = Vec::new();
        match &self.start {
            // Steps of at least a day are counted in calendar days, so that they stay at midnight when the clocks change.
            Some(start) if step >= 86_400 => {
                let Ok(midnight) = start.start_of_day() else { return ticks };
                for n in 0_i64.. {
                    let Ok(when) = midnight.checked_add(Span::new().days(n * (step / 86_400))) else { break };
                    let offset = (when.timestamp().as_second() - start.timestamp().as_second()) as f64;
                    if offset > span {
                        break;
                    }
                    if offset >= 0.0 {
                        ticks.push((offset, when.strftime(format).to_string()));
                    }
                }
            }
            start => {
                let into_day = start
                    .as_ref()
                    .map_or(0, |s| i64::from(s.hour()) * 3_600 + i64::from(s.minute()) * 60 + i64::from(s.second()));
                let mut offset = (step - into_day % step) % step;
                while offset as f64 <= span {
                    let label = match self.at(offset as f64) {
                        Some(when) => when.strftime(format).to_string(),
                        None => since_start(offset as f64),
                    };
                    ticks.push((offset as f64, label));
                    offset += step;
                }
            }
        }
        ticks
    }
}

/// So many seconds later, as FOCUS writes it.
fn instant(start: Timestamp, seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|s| start.checked_add(Span::new().try_seconds(s).ok()?).ok());
    at.unwrap_or(start).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `12 d 20:05`, `20:05`; for what lies outside the calendar just the days.
fn since_start(seconds: f64) -> String {
    if !seconds.is_finite() || seconds.abs() > 1e12 {
        return super::format::NONE.to_owned();
    }
    let whole = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    if days > 0 { format!("{days} d {hours:02}:{minutes:02}") } else { format!("{hours:02}:{minutes:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(start: &str, timezone: &str) -> Clock {
        let mut results = super::super::fixture::results(2);
        results.start = start.to_owned();
        results.timezone = timezone.to_owned();
        Clock::of(&results)
    }

    #[test]
    fn labels_are_local_weekdays() {
        // 2 March 2026 is a Monday.
        let clock = clock("2026-03-02", "UTC");
        assert_eq!(clock.label(0.0), "Mon 2 Mar 00:00");
        assert_eq!(clock.label(12.0 * 86_400.0 + 9.0 * 3_600.0), "Sat 14 Mar 09:00");
    }

    #[test]
    fn days_stay_at_midnight_when_the_clocks_change() {
        // Berlin goes to summer time on 29 March 2026: that day has 23 hours.
        let ticks = clock("2026-03-27", "Europe/Berlin").ticks(5.0 * 86_400.0, 6);
        let hours: Vec<f64> = ticks.iter().map(|(s, _)| s / 3_600.0).collect();
        assert_eq!(hours, [0.0, 24.0, 48.0, 71.0, 95.0, 119.0]);
        assert_eq!(ticks[2].1, "Sun 29 Mar");
    }

    #[test]
    fn every_span_has_few_ticks() {
        for (start, zone) in [("2026-03-02", "UTC"), ("1998-05-04T13:07:05", "Europe/Paris"), ("whenever", "Nowhere")] {
            let clock = clock(start, zone);
            for span in [0.0, 0.5, 60.0, 3_600.0, 86_400.0, 604_800.0, 2_419_200.0, 4e7, 1e9, 1e300, f64::NAN] {
                let ticks = clock.ticks(span, 6);
                assert!(ticks.len() <= 7, "{start} {span}: {ticks:?}");
            }
        }
        assert_eq!(clock("whenever", "Nowhere").label(100_000.0), "1 d 03:46");
    }
}
