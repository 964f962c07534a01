//! Memory, health-check grace, hooks, warm pool and forecast of a group.

use super::{Seconds, Sheet, distribution, metric, number};
use crate::spec::group::{Hook, PoolState, WhenFull};
use crate::spec::model::Fleet;
use crate::units::SimDuration;

const AWS_ASG: &str = "Amazon EC2 Auto Scaling user guide";
const GRACE_SOURCE: &str = "Amazon EC2 Auto Scaling user guide: 300 s in the console, 0 s by API";
const POOL_SOURCE: &str = "measured on m7i.large: from stopped 21.2 s, hibernated 20.7 s with the boot of the system, running 1.9 to 3.9 s \
                           (brevdev/ec2-coldboot-research, 2026-01)";
const FORECAST_SOURCE: &str =
    "how AWS forecasts is not published: this forecast is costsim's own; when it acts is the user guide's";

/// What a group does besides serving and scaling.
pub(super) fn group(sheet: &mut Sheet, fleet: &Fleet) {
    if let Some(memory) = &fleet.memory {
        let then = match memory.when_full {
            WhenFull::Refuse => "refuses further ones (503)",
            WhenFull::Restart => "loses all that it has at work with the next one and starts its application again",
        };
        let megabytes = |bytes: u64| number(bytes as f64 / f64::from(1 << 20));
        let holds = memory.holds(fleet.instance.memory_mib);
        let (base, each) = (megabytes(memory.base.0), megabytes(memory.per_request.0));
        let text = format!("{base} MB and {each} MB for each request at work: an instance holds {holds} and {then}");
        sheet.say("memory", text);
    }
    if let Some(grace) = fleet.grace {
        sheet.default("health_check_grace", Seconds(grace), Seconds(SimDuration::from_secs(300)), GRACE_SOURCE);
    }
    let hooks = fleet.hooks.iter().flat_map(|hooks| [("launch", &hooks.launch), ("terminate", &hooks.terminate)]);
    for (name, hook) in hooks {
        if let Some(Hook { takes, heartbeat, continues }) = hook {
            let then = if *continues { "goes on" } else { "is given up" };
            let text = format!("waits {}; after {heartbeat} the instance {then}", distribution(takes));
            sheet.sourced(&format!("lifecycle_hooks.{name}"), text, AWS_ASG);
        }
    }
    if let Some(pool) = &fleet.warm_pool {
        let state = match pool.state {
            PoolState::Stopped => "stopped, only their volumes are paid",
            PoolState::Hibernated => "hibernated, only their volumes are paid",
            PoolState::Running => "running, and paid",
        };
        let prepared = pool.max_prepared.unwrap_or(fleet.max);
        let back = if pool.reuse { "; what scales in returns to it" } else { "" };
        let text = format!(
            "{prepared} instances less the size of the group, at least {}, {state}; {} until one runs{back}",
            pool.min_size,
            distribution(&pool.start),
        );
        sheet.sourced("warm_pool", text, POOL_SOURCE);
    }
    for one in &fleet.resizes {
        let from = if one.once { format!("{}, once", one.at) } else { format!("{} on, on its days", Seconds(one.at)) };
        let text =
            format!("{} from {from}: {} until it runs, then its boot", one.to.name, distribution(&one.downtime),);
        sheet.sourced(
            "resize",
            text,
            "stated in the model, or 40 s to stop (from memory) and 18 s to start (measured)",
        );
    }
    if let Some(forecast) = &fleet.predictive {
        let text = format!(
            "a floor for {} from the mean of the same hour of past days, {} before each hour",
            metric(forecast.metric, forecast.target),
            Seconds(forecast.buffer),
        );
        sheet.sourced("scaling.predictive", text, FORECAST_SOURCE);
    }
}
