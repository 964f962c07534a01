//! The finance section of the page: every line of the bill with the arithmetic behind it, so that a reader can compute it again from what is
//! printed: what each simulation counted, how that becomes a month's quantity, what of it is free, which tier costs what.
//!
//! The arithmetic is that of the lines' formulas, whose steps are separated by semicolons; here they only get their places. Steps that all
//! lines of a meter share stand once.

use super::format::{clean, group, money_exact};
use crate::results::{ArchitectureResult, LineItem, LineKind};

/// All lines of one component and key.
pub(super) struct Block {
    pub(super) component: String,
    pub(super) service: String,
    pub(super) sku: String,
    /// What a count is.
    pub(super) counted: String,
    /// What each simulation counted.
    pub(super) simulations: String,
    /// Steps that all lines share: from the count to the month, sharing, free amounts.
    pub(super) steps: Vec<String>,
    pub(super) lines: Vec<Tier>,
    /// The sum, where there are several lines.
    pub(super) sum: Option<String>,
}

/// One line: a free part or a tier.
pub(super) struct Tier {
    pub(super) description: String,
    /// The steps of this line alone.
    pub(super) steps: Vec<String>,
    pub(super) quantity: String,
    pub(super) unit: String,
    pub(super) price: String,
    pub(super) amount: String,
}

/// The blocks of an architecture, in the order of its lines.
pub(super) fn blocks(a: &ArchitectureResult) -> Vec<Block> {
    a.line_items
        .chunk_by(|one, next| one.component == next.component && one.sku == next.sku)
        .map(|lines| block(a, lines))
        .collect()
}

fn block(a: &ArchitectureResult, lines: &[LineItem]) -> Block {
    let steps: Vec<Vec<&str>> = lines.iter().map(|line| steps(line)).collect();
    let first = &lines[0];
    let mut shared = steps.iter().map(Vec::len).min().unwrap_or(0);
    for other in &steps {
        shared = shared.min(steps[0].iter().zip(other).take_while(|(a, b)| a == b).count());
    }
    let tiers = lines.iter().zip(&steps).map(|(line, steps)| Tier {
        description: clean(&line.description),
        steps: steps[shared..].iter().map(|step| clean(step)).chain(agreed(line)).collect(),
        quantity: group(&clean(&line.quantity)),
        unit: clean(&line.unit),
        price: format!("${}", clean(&line.unit_price)),
        amount: money_exact(&line.amount),
    });
    let amounts = lines.iter().map(|line| line.amount.parse().ok());
    let sum = amounts.collect::<Option<Vec<_>>>().and_then(crate::money::Usd::checked_sum);
    Block {
        component: component(a, first),
        service: clean(&first.service),
        sku: clean(&first.sku),
        counted: counted(first),
        simulations: simulations(a, first),
        steps: steps[0][..shared].iter().map(|step| clean(step)).collect(),
        lines: tiers.collect(),
        sum: sum.filter(|_| lines.len() > 1).map(|sum| money_exact(&sum.to_string())),
    }
}

/// The steps of a line's formula, without the product that the table shows.
fn steps(line: &LineItem) -> Vec<&str> {
    let product = format!("{} x $", group(&line.quantity));
    line.formula.split("; ").filter(|step| !step.is_empty() && !step.starts_with(&product)).collect()
}

/// How an agreed price comes from the list price, which the source of such a price says last.
fn agreed(line: &LineItem) -> Option<String> {
    let (source, how) = line.source.rsplit_once("; ").filter(|(_, how)| how.starts_with("list price $"))?;
    let private = if source.starts_with("private rate") { "private rate, " } else { "" };
    (line.unit_price != "0").then(|| format!("${}: {private}{}", clean(&line.unit_price), clean(how)))
}

fn component(a: &ArchitectureResult, line: &LineItem) -> String {
    match a.components.iter().find(|component| component.name == line.component) {
        Some(component) => format!("{} ({})", clean(&component.name), clean(&component.kind)),
        None => clean(&line.component),
    }
}

/// `3,242,789 + 3,240,118 = 6,482,907`: the counters of the replications.
fn simulations(a: &ArchitectureResult, line: &LineItem) -> String {
    let of = a.usage.iter().filter(|usage| usage.component == line.component && usage.sku == line.sku);
    let totals: Vec<&str> = of.map(|usage| usage.total.as_str()).collect();
    let shown: Vec<String> = totals.iter().map(|total| group(&clean(total))).collect();
    let sum = totals.iter().try_fold(0u128, |sum, total| sum.checked_add(total.parse().ok()?));
    match (sum, totals.len()) {
        (_, 0) => String::new(),
        (Some(sum), 2..) => format!("{} = {}", shown.join(" + "), group(&sum.to_string())),
        _ => shown.join(" + "),
    }
}

/// What the counter of a line's key counts, in words.
fn counted(line: &LineItem) -> String {
    let starts = |prefix: &str| line.sku.starts_with(prefix);
    let words = match line.sku.as_str() {
        "alb.hour" => "hours of each load balancer, started ones in full",
        "alb.lcu" => "in each hour the largest of the balancer's four capacity dimensions, in millionths of a unit",
        "nlb.hour" => "hours of each network load balancer, started ones in full",
        "nlb.nlcu" => {
            "in each hour the largest of the network balancer's three capacity dimensions, in millionths of a unit"
        }
        "dto.cross_az" => "bytes between zones, counted where they leave and where they arrive",
        "vpc.public_ipv4" => "milliseconds of each public IPv4 address",
        "vpc.nat.hour" => "hours of each NAT gateway, started ones in full",
        "vpc.nat.gb" => "bytes through the NAT gateways, both directions",
        "dto.internet" => "bytes sent to the internet",
        "cw.metric" => "metrics of detailed monitoring, times the milliseconds they are there",
        "cw.logs.storage" => "GiB of logs kept, times milliseconds",
        "backend.hour" => "milliseconds of the shared database",
        "sqs.standard" => {
            "requests to the queue, one for each started 64 KB: messages sent, polls (empty ones, too), deletions of up to ten"
        }
        "ddb.od.rru" => "read request units: one for each started 4 KB read consistently, half of one otherwise",
        "ddb.od.wru" => "write request units: one for each started 1 KB",
        "ddb.storage.gb" => "GiB stored, times milliseconds",
        "kinesis.shard" => "hours of each shard, started ones in full",
        "kinesis.put" => "PUT payload units: one for each started 25 KB of a record",
        "lambda.stream.gb" => "bytes streamed beyond the first 6 MB of each response",
        "lambda.snapstart.restore" => "bytes of the snapshots that were restored",
        "lambda.snapstart.cache" => "milliseconds that a snapshot is kept, times the memory in MB",
        "eks.cluster" => "hours of the cluster's control plane",
        _ if matches!(line.kind(), LineKind::Recurring | LineKind::Upfront) => {
            "nothing: a commitment is paid in every hour of the month, used or not"
        }
        _ if line.kind() == LineKind::Support => "dollars of the month's other lines",
        _ if starts("lambda.request") => "invocations that were started; throttled ones are free",
        _ if starts("lambda.pc.capacity") => {
            "milliseconds of each environment that is kept ready, times its memory in MB"
        }
        _ if starts("lambda.pc.init") => {
            "milliseconds of each initialisation of an environment that is kept ready, times the memory in MB"
        }
        _ if starts("lambda.pc.duration") => "billed milliseconds on environments kept ready, times the memory in MB",
        _ if starts("lambda.ephemeral") => "billed milliseconds of each invocation, times the MB of disk above 512",
        _ if starts("lambda.duration") => "billed milliseconds of each invocation, times the function's memory in MB",
        _ if starts("apigw.") => "requests, one for each started 512 KB",
        _ if starts("ec2.od.") => "milliseconds of each instance from running to terminated, at least 60 s",
        _ if starts("ec2.spot_typical.") => {
            "milliseconds of each Spot instance from running to terminated, at least 60 s"
        }
        _ if starts("fargate.vcpu.") || (starts("fargate.spot_") && line.sku.contains(".vcpu.")) => {
            "milliseconds of each task from its image pull to its end, at least 60 s, times its vCPUs"
        }
        _ if starts("fargate.gb.") || (starts("fargate.spot_") && line.sku.contains(".gb.")) => {
            "milliseconds of each task from its image pull to its end, at least 60 s, times its MB"
        }
        "fargate.ephemeral" => "milliseconds of each task, times the MB of its disk beyond 20 GB",
        _ if starts("ec2.cpu_credit.") => "milliseconds of a vCPU beyond the CPU credits that were earned",
        _ if starts("ebs.") => "GiB of the volumes, times milliseconds",
        _ if starts("cw.logs.") => "bytes written to the log",
        _ => return format!("what is billed by the {}", clean(&line.unit)),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn shared_steps_stand_once_and_tiers_keep_their_own() {
        let mut a = fixture::results(1).architectures.remove(0);
        let mut free = a.line_items[1].clone();
        free.quantity = "1000000".into();
        free.unit_price = "0".into();
        free.amount = "0".into();
        free.formula =
            "5 counted = 5 request a month; 1,000,000 request of it are free; free tier: 1,000,000 request; \
                        1,000,000 x $0 = $0"
                .into();
        let mut paid = free.clone();
        paid.quantity = "4".into();
        paid.unit_price = "0.5".into();
        paid.amount = "2".into();
        paid.formula =
            "5 counted = 5 request a month; 1,000,000 request of it are free; paid: 4 request; 4 x $0.5 = $2".into();
        a.line_items = vec![free, paid];
        let found = blocks(&a);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].steps, ["5 counted = 5 request a month", "1,000,000 request of it are free"]);
        assert_eq!(found[0].lines[0].steps, ["free tier: 1,000,000 request"]);
        assert_eq!(found[0].lines[1].steps, ["paid: 4 request"]);
        assert_eq!(found[0].lines[1].amount, "$2.00");
        assert_eq!(found[0].sum.as_deref(), Some("$2.00"));
        assert_eq!(found[0].component, "shop (lambda)");
        // The fixture's counter of that key, of one replication.
        assert_eq!(found[0].simulations, "97,012,345");
    }
}
