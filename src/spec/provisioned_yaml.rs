//! Provisioned concurrency as users write it: a number, or a mapping with a schedule and target tracking.

use super::model::{Provisioned, ProvisionedTracking};
use super::quantity::{Percent, TimeOfDay};
use super::read::{At, FromYaml, Reader, Schemas, record};
use crate::diag::Span;
use crate::units::SimDuration;
use crate::yaml::{Node, Value};
use serde_json::json;

/// Most environments: beyond any account's limit, and few enough to be kept one by one.
const MOST: u64 = 1_000_000;

record! {
    /// Provisioned concurrency with a schedule or target tracking.
    pub(crate) struct RawProvisioned: "a number, or a mapping such as `{ level: 20, target_tracking: { utilisation: 70%, max: 100 } }`" {
        /// Environments from the start on.
        required level: At<u64>,
        /// From a raise to its first environment, before 6,000 more a minute (default 90s).
        optional preparation: At<SimDuration>,
        /// Application Auto Scaling on the utilisation.
        optional target_tracking: RawUtilisation,
        /// Changes of the level (with target tracking: of its smallest level) at times of the day, every day.
        optional schedule: Vec<RawChange>,
    }
}

record! {
    /// Target tracking on the utilisation of the provisioned concurrency.
    pub(crate) struct RawUtilisation: "target tracking such as `{ utilisation: 70%, max: 100 }`" {
        /// Share of the environments to keep at work (default 70%).
        optional utilisation: At<Percent>,
        /// Smallest level (default the level at the start).
        optional min: At<u64>,
        /// Largest level.
        required max: At<u64>,
    }
}

record! {
    /// A change of the provisioned concurrency.
    pub(crate) struct RawChange: "a change such as `{ at: \"08:00\", level: 50 }`" {
        /// Time of day, counted from the start's midnight.
        required at: At<TimeOfDay>,
        /// The level from then on.
        required level: At<u64>,
    }
}

/// A number or a mapping.
#[derive(Debug, Clone)]
pub(crate) enum NumberOrMore {
    Number(At<u64>),
    More(Box<RawProvisioned>),
}

impl FromYaml for NumberOrMore {
    const EXPECTS: &'static str = RawProvisioned::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => RawProvisioned::read(node, reader).map(|more| Self::More(Box::new(more))),
            _ => At::read(node, reader).map(Self::Number),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let (number, more) = (u64::schema(schemas), RawProvisioned::schema(schemas));
        json!({ "anyOf": [number, more] })
    }
}

/// Checks it against the function's reserved concurrency.
pub(crate) fn check(raw: &NumberOrMore, reserved: Option<u64>, reader: &mut Reader) -> Option<Provisioned> {
    // AWS.md 2.5: 1 to 2 minutes.
    let mut rule =
        Provisioned { level: 0, preparation: SimDuration::from_secs(90), tracking: None, schedule: Vec::new() };
    let (level, largest) = match raw {
        NumberOrMore::Number(level) => (level, level),
        NumberOrMore::More(raw) => {
            let level = raw.level.as_ref()?;
            let mut largest = level;
            if let Some(preparation) = &raw.preparation {
                rule.preparation = preparation.value;
            }
            if let Some(tracking) = &raw.target_tracking {
                let max = tracking.max.as_ref()?;
                let utilisation = tracking.utilisation.as_ref().map_or(0.7, |share| share.value.0);
                if let Some(share) = tracking.utilisation.as_ref().filter(|share| !(0.1..=0.9).contains(&share.value.0))
                {
                    // Application Auto Scaling takes 0.1 to 0.9 for this metric.
                    out_of_range(share.span, "write 10% to 90%", reader);
                }
                let min = tracking.min.as_ref().unwrap_or(level);
                if min.value == 0 {
                    // Without an environment there is no utilisation, so nothing would ever raise it again.
                    out_of_range(min.span, "write at least 1", reader);
                }
                if level.value < min.value || level.value > max.value {
                    let help = format!("write {} to {}", min.value, max.value);
                    reader.error("out-of-range", "the level lies outside `min` and `max`", level.span, "", &help);
                } else if min.value > max.value {
                    reader.error("min-above-max", "`min` is more than `max`", min.span, "", "write a smaller `min`");
                }
                largest = max;
                rule.tracking = Some(ProvisionedTracking { utilisation, min: min.value, max: max.value });
            }
            for change in raw.schedule.iter().flatten() {
                let (Some(at), Some(level)) = (&change.at, &change.level) else { continue };
                if rule.schedule.last().is_some_and(|last| last.0 >= at.value.0) {
                    let help = "write the changes in the order of the day, each time once";
                    reader.error("not-ascending", "this change is not later than the one before", at.span, "", help);
                }
                if rule.tracking.is_some() && level.value > largest.value {
                    out_of_range(level.span, "write at most `max` of `target_tracking`", reader);
                } else if level.value > largest.value {
                    largest = level;
                }
                rule.schedule.push((at.value.0, level.value));
            }
            (level, largest)
        }
    };
    if largest.value > MOST {
        out_of_range(largest.span, "write at most 1000000", reader);
    }
    if let Some(reserved) = reserved.filter(|&reserved| largest.value > reserved) {
        let help = format!("write at most {reserved}, or raise `reserved_concurrency`");
        let title = "more provisioned than reserved concurrency";
        reader.error("provisioned-above-reserved", title, largest.span, "", &help);
    }
    rule.level = level.value;
    Some(rule)
}

fn out_of_range(span: Span, help: &str, reader: &mut Reader) {
    reader.error("out-of-range", "it is out of range", span, "", help);
}
