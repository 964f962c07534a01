//! Distributions of durations as users write them.

use super::distribution::Distribution;
use super::files;
use super::quantity::parse_duration;
use super::read::{At, FromYaml, Reader, Schemas, record};
use crate::units::{NANOS_PER_MILLI, SimDuration};
use crate::yaml::{self, Node, Value, shorten};
use serde_json::json;

/// The standard normal quantile of 0.99.
const Z99: f64 = 2.326_347_874_040_841;
/// Largest p99 / p50 of a log-normal: beyond it (sigma about 4) no mean can be estimated by any number of requests.
const MAX_TAIL: f64 = 10_000.0;

record! {
    /// A distribution: exactly one of these keys. A plain duration is short for `constant`.
    struct RawDistribution: "a duration such as `120ms` or a distribution such as `{ lognormal: { p50: 8ms, p99: 40ms } }`" {
        /// Always the same.
        optional constant: SimDuration,
        /// Exponential.
        optional exponential: RawExponential,
        /// Log-normal, by median and 99th percentile or by mean and standard deviation.
        optional lognormal: RawLogNormal,
        /// Gamma, by mean and standard deviation.
        optional gamma: RawGamma,
        /// Uniform between two durations.
        optional uniform: RawUniform,
        /// Measured percentiles, linear in between: percent to duration; 0 and 100 must be there.
        optional percentiles: Percentiles,
        /// A file of measured durations, one a line: milliseconds, or with a unit; each is equally likely.
        optional samples: At<String>,
    }
}

record! {
    /// An exponential distribution.
    struct RawExponential: "`{ mean: 2s }`" {
        /// Mean.
        required mean: At<SimDuration>,
    }
}

record! {
    /// A log-normal distribution: `p50` and `p99`, or `mean` and `sd`.
    struct RawLogNormal: "`{ p50: 8ms, p99: 40ms }` or `{ mean: 10ms, sd: 8ms }`" {
        /// Median.
        optional p50: At<SimDuration>,
        /// 99th percentile.
        optional p99: At<SimDuration>,
        /// Mean.
        optional mean: At<SimDuration>,
        /// Standard deviation.
        optional sd: At<SimDuration>,
    }
}

record! {
    /// A gamma distribution.
    struct RawGamma: "`{ mean: 10ms, sd: 8ms }`" {
        /// Mean.
        required mean: At<SimDuration>,
        /// Standard deviation.
        required sd: At<SimDuration>,
    }
}

record! {
    /// A uniform distribution.
    struct RawUniform: "`{ low: 5ms, high: 15ms }`" {
        /// Smallest.
        required low: At<SimDuration>,
        /// Largest.
        required high: At<SimDuration>,
    }
}

/// `percentiles:`, checked.
#[derive(Debug, Clone)]
struct Percentiles(Vec<(f64, SimDuration)>);

impl FromYaml for Percentiles {
    const EXPECTS: &'static str = "percentiles such as `{ 0: 1ms, 50: 8ms, 99: 40ms, 100: 90ms }`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else { return reader.mismatch(node, Self::EXPECTS) };
        let before = reader.findings.len();
        let mut points: Vec<(f64, SimDuration)> = Vec::new();
        for (key, value) in entries {
            let percent = key.text.parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p));
            let plain = key.text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let Some(percent) = percent.filter(|_| plain) else {
                let number = key.text.trim_start_matches(['p', 'P']);
                let help = match number.parse::<f64>() {
                    Ok(_) if number.len() < key.text.len() => format!("write `{number}`"),
                    _ => "write percents from 0 to 100, e.g. `50` or `99.9`".to_owned(),
                };
                reader.error("percentile", format!("`{}` is not a percent", shorten(&key.text)), key.span, "", &help);
                continue;
            };
            let Some(duration) = SimDuration::read(value, reader) else { continue };
            if let Some(&(last, at)) = points.last() {
                if percent <= last {
                    reader.error("percentile", "percents are not in ascending order", key.span, "", "sort them");
                } else if duration < at {
                    let title = format!("the percentile {percent} ({duration}) is below the percentile {last} ({at})");
                    reader.error("percentiles-fall", title, value.span, "", "percentiles must not fall");
                }
            }
            points.push((percent, duration));
        }
        let first = points.first().map(|(percent, _)| *percent);
        let last = points.last().map(|(percent, _)| *percent);
        if before == reader.findings.len() {
            for (percent, wanted, what) in [(first, 0.0, "smallest"), (last, 100.0, "largest")] {
                if percent != Some(wanted) {
                    let help = format!("add `{wanted}:` with the {what} duration");
                    reader.error("percentile", format!("the percentile {wanted} is missing"), node.span, "", &help);
                }
            }
        }
        (before == reader.findings.len()).then_some(Self(points))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let duration = SimDuration::schema(schemas);
        json!({
            "type": "object", "required": ["0", "100"], "additionalProperties": false,
            "patternProperties": { r"^[0-9]+(\.[0-9]+)?$": duration },
        })
    }
}

impl FromYaml for Distribution {
    const EXPECTS: &'static str = RawDistribution::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            return SimDuration::read(node, reader).map(Self::Constant);
        };
        let raw = RawDistribution::read(node, reader)?;
        match entries.as_slice() {
            [_] => {}
            [] => return reader.mismatch(node, Self::EXPECTS),
            [_, (second, _), ..] => {
                let title = "a distribution has one kind";
                reader.error("too-many-keys", title, second.span, "a second one", "keep one of them");
                return None;
            }
        }
        let RawDistribution { constant, exponential, lognormal, gamma, uniform, percentiles, samples, .. } = raw;
        constant
            .map(Self::Constant)
            .or_else(|| exponential.and_then(|raw| raw.check(reader)))
            .or_else(|| lognormal.and_then(|raw| raw.check(reader)))
            .or_else(|| gamma.and_then(|raw| raw.check(reader)))
            .or_else(|| uniform.and_then(|raw| raw.check(reader)))
            .or_else(|| percentiles.map(|points| Self::Percentiles(points.0)))
            .or_else(|| samples.and_then(|file| read_samples(&file, reader)))
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Distribution", |schemas| {
            let duration = SimDuration::schema(schemas);
            let kinds = RawDistribution::schema(schemas);
            json!({ "anyOf": [duration, { "allOf": [kinds], "minProperties": 1, "maxProperties": 1 }] })
        })
    }
}

/// Refuses zero where a distribution needs more than that.
fn positive(value: &At<SimDuration>, what: &str, reader: &mut Reader) -> Option<f64> {
    if value.value == SimDuration::ZERO {
        let help = "write a longer duration, or `0s` instead of the whole distribution";
        reader.error("not-positive", format!("{what} must be more than zero"), value.span, "", help);
        return None;
    }
    Some(value.value.as_secs_f64())
}

impl RawExponential {
    fn check(self, reader: &mut Reader) -> Option<Distribution> {
        let mean = self.mean?;
        positive(&mean, "the mean", reader)?;
        Some(Distribution::Exponential { mean: mean.value })
    }
}

impl RawLogNormal {
    fn check(self, reader: &mut Reader) -> Option<Distribution> {
        match (&self.p50, &self.p99, &self.mean, &self.sd) {
            (Some(p50), Some(p99), None, None) => {
                let median = positive(p50, "the median", reader)?;
                if p99.value < p50.value {
                    let title = format!("p99 ({}) is below p50 ({})", p99.value, p50.value);
                    reader.error("p99-below-p50", title, p99.span, "", "swap them, or correct the one that is wrong");
                    return None;
                }
                let ratio = p99.value.as_secs_f64() / median;
                if ratio > MAX_TAIL {
                    let title = format!("p99 is {ratio:.0} times p50");
                    let help = "a log-normal with such a tail has no usable mean; give measured `percentiles:`";
                    reader.error("heavy-tail", title, p99.span, "", help);
                    return None;
                }
                Some(Distribution::LogNormal { mu: libm::log(median), sigma: libm::log(ratio) / Z99 })
            }
            (None, None, Some(mean), Some(sd)) => {
                let m = positive(mean, "the mean", reader)?;
                let variation = sd.value.as_secs_f64() / m;
                if variation > 100.0 {
                    let help = "a log-normal with such a tail has no usable mean; give measured `percentiles:`";
                    reader.error("heavy-tail", "sd is more than 100 times the mean", sd.span, "", help);
                    return None;
                }
                let variance = libm::log1p(variation * variation);
                Some(Distribution::LogNormal { mu: libm::log(m) - variance / 2.0, sigma: libm::sqrt(variance) })
            }
            _ => {
                let span = reader.first_line(self.span);
                let title = "a log-normal needs `p50` and `p99`, or `mean` and `sd`";
                // Keys that could not be read have been reported already.
                let read = [&self.p50, &self.p99, &self.mean, &self.sd].into_iter().flatten().count();
                if self.given.len() == read {
                    reader.error("lognormal", title, span, "", "write e.g. `{ p50: 8ms, p99: 40ms }`");
                }
                None
            }
        }
    }
}

impl RawGamma {
    fn check(self, reader: &mut Reader) -> Option<Distribution> {
        let (mean, sd) = (self.mean?, self.sd?);
        let m = positive(&mean, "the mean", reader)?;
        let s = positive(&sd, "the standard deviation", reader)?;
        // mean = shape x scale, variance = shape x scale^2.
        let shape = (m / s) * (m / s);
        if !(1e-3..=1e6).contains(&shape) {
            let help = "write a standard deviation between a thousandth of the mean and 30 times the mean";
            reader.error("gamma", "mean and sd are too far apart", sd.span, "", help);
            return None;
        }
        Some(Distribution::Gamma { shape, scale: s * s / m })
    }
}

impl RawUniform {
    fn check(self, reader: &mut Reader) -> Option<Distribution> {
        let (low, high) = (self.low?, self.high?);
        if high.value < low.value {
            let title = format!("`high` ({}) is below `low` ({})", high.value, low.value);
            reader.error("high-below-low", title, high.span, "", "swap them");
            return None;
        }
        Some(Distribution::Uniform { low: low.value, high: high.value })
    }
}

fn read_samples(file: &At<String>, reader: &mut Reader) -> Option<Distribution> {
    let path = files::locate(&file.value, reader.base.as_deref());
    let shown = file.value.as_str();
    let fail = |reader: &mut Reader, title: String, help: &str| {
        reader.error("samples", title, file.span, "", help);
        None
    };
    let text = match yaml::read_file(&path, shown) {
        Ok(text) => text,
        Err(finding) => {
            let help = "name a text file with one duration a line; paths are relative to the file that names them";
            return fail(reader, finding.title, help);
        }
    };
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let text = line.trim().trim_matches('"');
        let millis = text.parse::<f64>().ok().filter(|ms| (0.0..=86_400_000.0).contains(ms));
        let value = match millis {
            Some(millis) => Some(SimDuration((millis * NANOS_PER_MILLI as f64 + 0.5) as u64)),
            None => parse_duration(text).ok(),
        };
        match value {
            _ if text.is_empty() => {}
            Some(value) => values.push(value),
            // The first line may be a heading.
            None if index == 0 => {}
            None => {
                let title = format!("{shown}:{}: `{}` is not a duration", index + 1, shorten(text));
                return fail(reader, title, "one a line: milliseconds such as `12.5`, or with a unit such as `1.2s`");
            }
        }
    }
    if values.is_empty() {
        return fail(reader, format!("`{shown}` has no values"), "one duration a line");
    }
    match files::digest_file(&path) {
        Ok(digest) => reader.note_file(shown, digest),
        Err(error) => return fail(reader, format!("`{shown}` cannot be read: {error}"), ""),
    }
    values.sort_unstable();
    Some(Distribution::Samples(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> (Option<Distribution>, String) {
        let mut reader = Reader::default();
        let node = reader.parse("d.yaml", yaml).expect("it is valid YAML");
        let value = Distribution::read(&node, &mut reader);
        assert_eq!(value.is_none(), reader.failed(), "{:?}", reader.findings);
        (value, crate::diag::render_all(&reader.findings, false))
    }

    #[test]
    fn every_kind_is_read() {
        let ms = SimDuration::from_millis;
        assert_eq!(read("120ms").0, Some(Distribution::Constant(ms(120))));
        assert_eq!(read("constant: 2s").0, Some(Distribution::Constant(ms(2_000))));
        assert_eq!(read("exponential: { mean: 2s }").0, Some(Distribution::Exponential { mean: ms(2_000) }));
        assert_eq!(read("uniform: { low: 5ms, high: 9ms }").0, Some(Distribution::Uniform { low: ms(5), high: ms(9) }));
        let points = vec![(0.0, ms(1)), (50.0, ms(8)), (99.9, ms(40)), (100.0, ms(90))];
        assert_eq!(
            read("percentiles: { 0: 1ms, 50: 8ms, 99.9: 40ms, 100: 90ms }").0,
            Some(Distribution::Percentiles(points))
        );
    }

    #[test]
    fn lognormal_and_gamma_have_the_stated_moments() {
        // p99 = p50 x exp(z99 x sigma); mean = exp(mu + sigma^2 / 2), sd = mean x sqrt(exp(sigma^2) - 1).
        let Some(Distribution::LogNormal { mu, sigma }) = read("lognormal: { p50: 8ms, p99: 40ms }").0 else {
            panic!()
        };
        assert!((mu.exp() - 0.008).abs() < 1e-15 && ((mu + 2.326_347_874 * sigma).exp() - 0.040).abs() < 1e-10);
        let Some(Distribution::LogNormal { mu, sigma }) = read("lognormal: { mean: 10ms, sd: 5ms }").0 else {
            panic!()
        };
        let mean = (mu + sigma * sigma / 2.0).exp();
        assert!((mean - 0.010).abs() < 1e-12);
        assert!((mean * ((sigma * sigma).exp() - 1.0).sqrt() - 0.005).abs() < 1e-12);
        let Some(Distribution::Gamma { shape, scale }) = read("gamma: { mean: 10ms, sd: 5ms }").0 else { panic!() };
        assert!((shape * scale - 0.010).abs() < 1e-15 && (shape * scale * scale - 0.000_025).abs() < 1e-15);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (yaml, says) in [
            ("lognormal: { p50: 40ms, p99: 8ms }", "p99 (8ms) is below p50 (40ms)"),
            ("lognormal: { p50: 0ms, p99: 8ms }", "the median must be more than zero"),
            ("lognormal: { p50: 1ms, p99: 100s }", "p99 is 100000 times p50"),
            ("lognormal: { p50: 1ms }", "needs `p50` and `p99`, or `mean` and `sd`"),
            ("lognormal: { p50: 1ms, p99: 9 }", "write `9s` or `9ms`"),
            ("lognromal: { p50: 1ms, p99: 9ms }", "did you mean `lognormal`?"),
            ("exponential: { mean: 0s }", "the mean must be more than zero"),
            ("exponential: { mean: .nan }", "not a finite number"),
            ("uniform: { low: 9ms, high: 5ms }", "`high` (5ms) is below `low` (9ms)"),
            ("percentiles: { 50: 8ms, 100: 90ms }", "add `0:` with the smallest duration"),
            ("percentiles: { 0: 8ms, 50: 1ms, 100: 90ms }", "percentiles must not fall"),
            ("percentiles: { 0: 8ms, p50: 9ms, 100: 90ms }", "write `50`"),
            ("{ constant: 1ms, exponential: { mean: 1s } }", "a distribution has one kind"),
            ("samples: nowhere.csv", "there is no file `nowhere.csv`"),
            ("{}", "expected a duration"),
            ("[1ms]", "found a list"),
        ] {
            let (_, text) = read(yaml);
            assert!(text.contains(says) && text.contains("d.yaml:1:"), "{yaml} -> {text}");
        }
    }

    #[test]
    fn one_mistake_is_reported_once() {
        let (_, text) = read("lognormal: { p50: 1ms, p99: 9 }");
        assert_eq!(text.matches("error[").count(), 1, "{text}");
    }

    #[test]
    fn samples_are_sorted_and_noted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("s.txt"), "duration_ms\n12.5\n1.2s\n\n3\n").unwrap();
        let mut reader = Reader { base: Some(dir.path().to_owned()), ..Reader::default() };
        let node = reader.parse("d.yaml", "samples: s.txt").unwrap();
        let ns = SimDuration;
        assert_eq!(
            Distribution::read(&node, &mut reader),
            Some(Distribution::Samples(vec![ns(3_000_000), ns(12_500_000), ns(1_200_000_000)]))
        );
        assert_eq!(reader.files.len(), 1);
        std::fs::write(dir.path().join("s.txt"), "1\nfast\n").unwrap();
        assert_eq!(Distribution::read(&node, &mut reader), None);
        assert!(reader.findings[0].title.contains("s.txt:2: `fast` is not a duration"));
    }
}
