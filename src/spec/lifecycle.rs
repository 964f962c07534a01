//! What happens to environments of functions apart from the calls, and what was different in other years.

use super::distribution::Distribution;
use crate::money::UsdPer;
use crate::units::SimDuration;

/// Life of a function's environments apart from its calls. The default is that of a function without extensions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lifecycle {
    /// Packed as zip for a managed runtime: before 1 August 2025 its init was not billed (AWS.md 1.2).
    pub init_was_free: bool,
    /// What the extensions of an environment take, and are paid for, when it ends: at most 500 ms for internal and 2 s for external ones (AWS.md 2.9).
    pub shutdown: SimDuration,
    /// Share (0..=1) of the new environments that Lambda has initialised before they are asked for (AWS.md 3.7).
    pub proactive: f64,
    /// The idle lifetime where it is not known: drawn once for each replication.
    pub idle: Option<Distribution>,
}

/// AWS Lambda as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// As it is.
    #[default]
    Today,
    /// Until November 2023: environments are added at a rate of the region, and inits of managed runtimes are free.
    Before2023,
    /// 2017: fewer at work, for a shorter time, paid in steps of 100 ms.
    In2017,
}

impl Times {
    /// Concurrent executions of a new account.
    pub const fn concurrency(self) -> u64 {
        match self {
            // From the documents of 2017 that the preset is to reproduce; 1,000 came in that year.
            Self::In2017 => 600,
            Self::Today | Self::Before2023 => 1_000,
        }
    }

    /// Environments that all functions of a region may add at once, and each minute after that (AWS.md 2.2). `None`: the rate is each
    /// function's own.
    pub fn burst(self, region: &str) -> Option<Burst> {
        if self == Self::Today {
            return None;
        }
        // Lambda developer guide, copy of October 2023.
        let at_once = match region {
            "us-east-1" | "us-west-2" | "eu-west-1" => 3_000,
            "us-east-2" | "eu-central-1" | "ap-northeast-1" => 1_000,
            _ => 500,
        };
        Some(Burst { at_once, per_minute: 500 })
    }

    /// What is different about the bill's durations.
    pub const fn metering(self) -> Option<Metering> {
        match self {
            Self::Today => None,
            Self::Before2023 => Some(Metering { step: 1 }),
            // To the millisecond since December 2020.
            Self::In2017 => Some(Metering { step: 100 }),
        }
    }

    /// The longest time-out.
    pub const fn longest_timeout(self) -> SimDuration {
        SimDuration::from_secs(match self {
            // 900 s since October 2018.
            Self::In2017 => 300,
            Self::Today | Self::Before2023 => 900,
        })
    }

    /// How long idle environments live.
    pub const fn idle_timeout(self) -> SimDuration {
        SimDuration::from_secs(match self {
            Self::In2017 => 300,
            Self::Today | Self::Before2023 => 640,
        })
    }

    /// The init of a runtime, where it is not as measured today: in 2017 hundreds of milliseconds for Node.js and Python, seconds for Java and .NET. Orders
    /// of magnitude, as articles of the time report them.
    pub fn init(self, runtime: &str) -> Option<Distribution> {
        let log_normal = |p50: f64, p99: f64| {
            // 2.326 is the 99th percentile of the standard normal distribution.
            Some(Distribution::LogNormal { mu: libm::log(p50), sigma: libm::log(p99 / p50) / 2.326 })
        };
        let is = |names: &[&str]| names.iter().any(|name| runtime.starts_with(name));
        match self {
            Self::In2017 if is(&["java", "dotnet"]) => log_normal(3.0, 8.0),
            Self::In2017 if is(&["node", "python"]) => log_normal(0.4, 1.0),
            _ => None,
        }
    }

    /// A price that was another: (key, USD).
    pub fn rate(self) -> Option<(&'static str, UsdPer)> {
        // The pricing page until December 2020: $0.00001667 a GB-second.
        let price = || "0.00001667".parse::<UsdPer>().ok().map(|price| ("lambda.duration.x86", price));
        (self == Self::In2017).then(price).flatten()
    }
}

/// How many environments all functions of a region may add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// At once.
    pub at_once: u64,
    /// Each minute after that.
    pub per_minute: u64,
}

/// How durations were billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metering {
    /// Milliseconds to which they are rounded up.
    pub step: u64,
}
