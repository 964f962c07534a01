//! What AWS's bills call things, and the keys of the price list that they are. Usage types are those of [`crate::offer::keys`].

use super::bill_file::Group;
use crate::offer::keys;
use crate::results::LineItem;

/// The key of the price list of a group of rows and how many of its units one of the bill's is, if it is known.
pub(super) fn key(group: &Group, simulated: &[LineItem]) -> Option<(String, u32)> {
    let is_simulated = |key: &str| simulated.iter().any(|line| line.sku == key);
    // A simulated bill, or a user's own, may name the key itself.
    if is_simulated(&group.sku) {
        return Some((group.sku.clone(), 1));
    }
    let service = letters(&group.service);
    if group.usage_type.is_empty() {
        return by_description(group, &service, &is_simulated);
    }
    let (key, units) = keys::billed(&service, &group.usage_type, &group.operation, &is_simulated)?;
    Some((arm(&key, group, simulated), units))
}

/// Where the bill does not tell the processor architecture apart, the simulated one is meant.
fn arm(key: &str, group: &Group, simulated: &[LineItem]) -> String {
    if let Some(stem) = key.strip_suffix(".x86")
        && !group.usage_type.contains("ARM")
        && group.description.to_lowercase().contains("arm")
        && simulated.iter().any(|line| line.sku == format!("{stem}.arm"))
    {
        return format!("{stem}.arm");
    }
    key.to_owned()
}

/// Words of AWS's price descriptions, in lower case, that tell a key where a bill has no usage type, and words that must not be there. The
/// first that fits counts. Seen in the FinOps Foundation's sample of AWS bills of September 2024.
const DESCRIPTIONS: &[(&str, &str, &str)] = &[
    ("application load balancer capacity unit", "reserved", "alb.lcu"),
    ("network load balancer capacity unit", "reserved", "nlb.nlcu"),
    ("lcu-hour", "network", "alb.lcu"),
    ("application loadbalancer-hour", "", "alb.hour"),
    ("network loadbalancer-hour", "", "nlb.hour"),
    ("public ipv4 address", "", "vpc.public_ipv4"),
    ("nat gateway hour", "", "vpc.nat.hour"),
    ("processed by nat gateways", "", "vpc.nat.gb"),
    ("iops-month of gp3", "", "ebs.gp3.iops"),
    ("mibps-month of gp3", "", "ebs.gp3.mbps"),
    ("(gp3) provisioned storage", "", "ebs.gp3.gb"),
    ("(gp2) provisioned storage", "", "ebs.gp2.gb"),
    ("snapshot data stored", "", "ebs.snapshot.gb"),
    ("http api", "", "apigw.http.request"),
    ("custom log data ingested", "", "cw.logs.ingest"),
    ("vended log", "s3", "cw.logs.lambda_vended"),
    ("of log storage", "", "cw.logs.storage"),
    ("per metric-month", "", "cw.metric"),
    ("sqs standard request", "", "sqs.standard"),
    ("sqs fifo request", "", "sqs.fifo"),
    ("regional data transfer", "", "dto.cross_az"),
    ("data transfer out of", "", ""),
    ("data transfer out to", "internet", ""),
    ("data transfer out", "", "dto.internet"),
];

/// The key of a row that has nothing but a description.
fn by_description(group: &Group, service: &str, wanted: &dyn Fn(&str) -> bool) -> Option<(String, u32)> {
    let text = group.description.to_lowercase();
    let has = |word: &str| text.contains(word);
    let arch = if has("arm") { "arm" } else { "x86" };
    // `USD 0.09 per GB for DataTransfer-Out-Bytes in EU (Stockholm)`
    if let Some((_, rest)) = group.description.split_once(" for ")
        && let Some(usage) = rest.split_whitespace().next()
        && let Some(known) = keys::billed(service, usage, &group.operation, wanted)
    {
        return Some(known);
    }
    if service.contains("lambda") && has("edge") {
        return None;
    }
    if service.contains("lambda") && (has("gb-second") || has("duration") || has("compute")) {
        return Some((format!("lambda.duration.{arch}"), 1));
    }
    if service.contains("lambda") && has("request") {
        return Some((format!("lambda.request.{arch}"), 1));
    }
    if let Some((_, rest)) = text.split_once("on demand linux ") {
        let instance = rest.split_whitespace().next()?;
        return instance.contains('.').then(|| (format!("ec2.od.linux.{instance}"), 1));
    }
    if has("fargate") && !has("windows") && (has("vcpu") || has("memory")) {
        let usage = match (has("vcpu"), arch) {
            (true, "arm") => "Fargate-ARM-vCPU-Hours:perCPU",
            (true, _) => "Fargate-vCPU-Hours:perCPU",
            (false, "arm") => "Fargate-ARM-GB-Hours",
            (false, _) => "Fargate-GB-Hours",
        };
        return keys::billed("fargate", usage, "", wanted);
    }
    // CloudFront's own traffic reads like everybody else's.
    if service.contains("cloudfront") {
        return None;
    }
    let fits = |(word, not, _): &&(&str, &str, &str)| has(word) && (not.is_empty() || !has(not));
    let found = DESCRIPTIONS.iter().find(fits).map(|(_, _, key)| *key);
    found.filter(|key| !key.is_empty()).map(|key| (key.to_owned(), 1))
}

/// Letters and digits in lower case: `lineItem/UnblendedCost` and `line_item_unblended_cost` are one.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The name under which price lists know a service.
pub(super) fn service(billed: &str) -> String {
    let known = [
        ("ec2", "Amazon EC2"),
        ("elasticcomputecloud", "Amazon EC2"),
        ("lambda", "AWS Lambda"),
        ("apigateway", "Amazon API Gateway"),
        ("elasticloadbalancing", "Elastic Load Balancing"),
        ("awselb", "Elastic Load Balancing"),
        ("virtualprivatecloud", "Amazon VPC"),
        ("vpc", "Amazon VPC"),
        ("cloudwatch", "Amazon CloudWatch"),
        ("datatransfer", "AWS Data Transfer"),
    ];
    let name = letters(billed);
    match known.iter().find(|(word, _)| name.contains(word)) {
        Some((_, service)) => (*service).to_owned(),
        None if billed.is_empty() => "unnamed service".to_owned(),
        None => billed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(service: &str, usage_type: &str, description: &str) -> Group {
        Group {
            service: service.into(),
            usage_type: usage_type.into(),
            description: description.into(),
            ..Group::default()
        }
    }

    #[test]
    fn usage_types_of_any_region_are_keys() {
        let of = |service: &str, usage_type: &str| key(&group(service, usage_type, ""), &[]).map(|(key, _)| key);
        assert_eq!(of("AWSLambda", "EUC1-Lambda-GB-Second-ARM").as_deref(), Some("lambda.duration.arm"));
        assert_eq!(of("AWS Lambda", "Request").as_deref(), Some("lambda.request.x86"));
        assert_eq!(of("Amazon S3", "Request"), None, "another service's requests");
        assert_eq!(of("AmazonEC2", "APS2-BoxUsage:m7g.large").as_deref(), Some("ec2.od.linux.m7g.large"));
        assert_eq!(of("AWSELB", "LoadBalancerUsage"), None, "of either kind of balancer");
        let simulated = [LineItem { sku: "alb.hour".into(), ..LineItem::default() }];
        let balancer = key(&group("AWSELB", "LoadBalancerUsage", ""), &simulated);
        assert_eq!(balancer, Some(("alb.hour".to_owned(), 1)));
        assert_eq!(of("AmazonEC2", "EU-DataTransfer-Out-Bytes").as_deref(), Some("dto.internet"));
        assert_eq!(of("AmazonRDS", "InstanceUsage:db.t3"), None);
    }

    #[test]
    fn descriptions_serve_where_there_is_no_usage_type() {
        let of = |service: &str, text: &str| key(&group(service, "", text), &[]).map(|(key, _)| key);
        let lambda = "AWS Lambda - Compute Duration ARM - US East (N. Virginia)";
        assert_eq!(of("AWS Lambda", lambda).as_deref(), Some("lambda.duration.arm"));
        let ec2 = "$0.0408 per On Demand Linux m7g.medium Instance Hour";
        assert_eq!(of("Amazon Elastic Compute Cloud", ec2).as_deref(), Some("ec2.od.linux.m7g.medium"));
        assert_eq!(service("Amazon Elastic Compute Cloud - Compute"), "Amazon EC2");
        let known =
            |service: &str, text: &str, key: &str| assert_eq!(of(service, text).as_deref(), Some(key), "{text}");
        known("Elastic Load Balancing", "$0.008 per used Application load balancer capacity unit-hour", "alb.lcu");
        known("Elastic Load Balancing", "$0.0225 per Application LoadBalancer-hour", "alb.hour");
        known(
            "Amazon Elastic Compute Cloud",
            "$0.08 per GB-month of General Purpose (gp3) provisioned storage",
            "ebs.gp3.gb",
        );
        known("Amazon Elastic Compute Cloud", "$0.005 per provisioned IOPS-month of gp3", "ebs.gp3.iops");
        known("Amazon Virtual Private Cloud", "$0.005 per Idle public IPv4 address per hour", "vpc.public_ipv4");
        known("AmazonCloudWatch", "$0.30 per metric-month for the first 10,000 metrics", "cw.metric");
        known("Amazon EC2", "USD 0.09 per GB for DataTransfer-Out-Bytes in EU (Stockholm)", "dto.internet");
        known(
            "Amazon EC2",
            "$0.090 per GB - first 10 TB / month data transfer out beyond the free tier",
            "dto.internet",
        );
        for (service, text) in [
            ("Elastic Load Balancing", "$0.025 per LoadBalancer-hour (or partial hour)"),
            ("Amazon CloudFront", "$0.085 per GB - first 10 TB / month data transfer out"),
            ("Amazon EC2", "$0.00 per GB data transfer out of US East to CloudFront"),
            ("AWS Lambda", "Lambda Edge requests"),
        ] {
            assert_eq!(of(service, text), None, "{text}");
        }
    }
}
