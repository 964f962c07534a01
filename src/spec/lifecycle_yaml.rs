//! Extensions, the ends of environments, and other years, as users write them.

use super::distribution::Distribution;
use super::lifecycle::{Lifecycle, Times};
use super::model::Arch;
use super::model_yaml::{Package, RawLambda};
use super::quantity::Percent;
use super::read::{At, FromYaml, Reader, Schemas, keywords, record};
use crate::sim::sampler::Sampler;
use crate::units::SimDuration;
use crate::yaml::Node;
use serde_json::json;

/// The longest shutdown: of external extensions (AWS.md 2.9).
const LONGEST_SHUTDOWN: SimDuration = SimDuration::from_secs(2);

/// "None beyond 2.05 h" in the logs of 2020 with environment ids (AWS.md 3.5 and 3.6).
const OBSERVED_AGE: SimDuration = SimDuration::from_secs(7_380);

keywords!(Times, "`2017` or `2023` (before November of it)", { "2017" => Self::In2017, "2023" => Self::Before2023 });

record! {
    /// What extensions add to an environment's life.
    pub(crate) struct RawExtensions: "extensions such as `{ init: 100ms, shutdown: 500ms }`" {
        /// Added to the init of every environment (default 0s).
        optional init: Distribution,
        /// When an environment ends, billed: at most 500ms for internal and 2s for external extensions (default 2s).
        optional shutdown: At<SimDuration>,
    }
}

/// `max_age:`.
#[derive(Debug, Clone)]
pub(crate) enum RawAge {
    Never,
    Observed,
    At(At<SimDuration>),
}

impl FromYaml for RawAge {
    const EXPECTS: &'static str = "a duration such as `2h`, `none` or `observed`";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.scalar() {
            Some("none") => Some(Self::Never),
            Some("observed") => Some(Self::Observed),
            _ => At::read(node, reader).map(Self::At),
        }
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let age = SimDuration::schema(schemas);
        json!({ "anyOf": [{ "enum": ["none", "observed"] }, age] })
    }
}

impl RawAge {
    /// The age, with the place of one that was written.
    pub(crate) fn age(&self) -> Option<(SimDuration, Option<&At<SimDuration>>)> {
        match self {
            Self::Never => None,
            Self::Observed => Some((OBSERVED_AGE, None)),
            Self::At(at) => Some((at.value, Some(at))),
        }
    }
}

/// Whether a runtime is one of Lambda's own (AWS.md 1.2): not a binary on `provided`.
fn is_managed(runtime: &str) -> bool {
    ["nodejs", "python", "java", "dotnet", "ruby"].iter().any(|name| runtime.starts_with(name))
        && !["aot", "graalvm", "quarkus"].iter().any(|own| runtime.contains(own))
}

/// What a function says of its environments; the init of extensions is put behind `init`.
pub(crate) fn lifecycle(
    raw: &RawLambda,
    times: Times,
    package: Package,
    init: &mut Vec<Distribution>,
    reader: &mut Reader,
) -> Lifecycle {
    let runtime = raw.runtime.as_ref().map_or("", |runtime| runtime.value.as_str());
    let mut lifecycle = Lifecycle {
        init_was_free: package == Package::Zip && is_managed(runtime) && raw.snapstart.is_none(),
        proactive: raw.proactive_init.map_or(0.0, |share: Percent| share.0),
        ..Lifecycle::default()
    };
    if let Some(extensions) = &raw.extensions {
        init.extend(extensions.init.clone());
        lifecycle.shutdown = LONGEST_SHUTDOWN;
        if let Some(at) = &extensions.shutdown {
            if at.value > LONGEST_SHUTDOWN {
                let help = "write at most `2s`: what takes longer is killed (500ms for internal extensions)";
                reader.error("out-of-range", "a longer shutdown", at.span, "", help);
            }
            lifecycle.shutdown = at.value;
        }
    }
    if times == Times::In2017 {
        let too_new = [
            (raw.arch == Some(Arch::Arm), "arm64 came in 2021"),
            (raw.provisioned_concurrency.is_some(), "provisioned concurrency came in 2019"),
            (raw.snapstart.is_some(), "SnapStart came in 2022"),
            (raw.extensions.is_some(), "extensions came in 2020"),
            (package == Package::Image, "images came in 2020"),
        ];
        for (_, says) in too_new.iter().filter(|(has, _)| *has) {
            let span = raw.memory.as_ref().map_or(raw.span, |memory| memory.span);
            let title = format!("there was none of this in 2017: {says}");
            reader.error(
                "not-then",
                title,
                reader.first_line(span),
                "in this function",
                "remove it, or `limits: 2017`",
            );
        }
    }
    lifecycle
}

/// The idle lifetime as it was written: one for all (of a distribution its mean), and the distribution if it is one.
pub(crate) fn idle(raw: Option<&At<Distribution>>) -> (Option<At<SimDuration>>, Option<Distribution>) {
    match raw {
        None => (None, None),
        Some(At { value: Distribution::Constant(value), span }) => (Some(At { value: *value, span: *span }), None),
        Some(At { value, span }) => {
            let mean = SimDuration::from_secs_f64(Sampler::compile(value).mean_secs());
            (Some(At { value: mean, span: *span }), Some(value.clone()))
        }
    }
}
