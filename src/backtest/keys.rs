//! What AWS's bills call things, and the keys of the price list that they are.

use super::bill_file::Group;
use crate::offer::keys::without_region;
use crate::results::LineItem;

/// Usage types without their region, of which each is one key (AWS price list, offer files of 2026).
const USAGE_TYPES: [(&str, &str); 26] = [
    ("Lambda-GB-Second", "lambda.duration.x86"),
    ("Lambda-GB-Second-ARM", "lambda.duration.arm"),
    ("Request", "lambda.request.x86"),
    ("Request-ARM", "lambda.request.arm"),
    ("Lambda-Requests", "lambda.request.x86"),
    ("Lambda-Requests-ARM", "lambda.request.arm"),
    ("ApiGatewayHttpRequest", "apigw.http.request"),
    ("ApiGatewayHttpApi", "apigw.http.request"),
    ("ApiGatewayRequest", "apigw.rest.request"),
    ("LoadBalancerUsage", "alb.hour"),
    ("LCUUsage", "alb.lcu"),
    ("EBS:VolumeUsage.gp3", "ebs.gp3.gb"),
    ("PublicIPv4:InUseAddress", "vpc.public_ipv4"),
    ("PublicIPv4:IdleAddress", "vpc.public_ipv4"),
    ("NatGateway-Hours", "vpc.nat.hour"),
    ("NatGateway-Bytes", "vpc.nat.gb"),
    ("DataTransfer-Out-Bytes", "dto.internet"),
    ("DataProcessing-Bytes", "cw.logs.ingest"),
    ("VendedLog-Bytes", "cw.logs.lambda_vended"),
    ("TimedStorage-ByteHrs", "cw.logs.storage"),
    ("CW:MetricMonitorUsage", "cw.metric"),
    ("MetricMonitorUsage", "cw.metric"),
    ("Requests-Tier1", "sqs.standard.request"),
    ("WriteRequestUnits", "ddb.write"),
    ("ReadRequestUnits", "ddb.read"),
    ("StateTransition", "sfn.transition"),
];

/// Usage types that are ambiguous without their service, and the word that the service's name must have.
const OF_SERVICE: [(&str, &str); 7] = [
    ("Request", "lambda"),
    ("Request-ARM", "lambda"),
    ("DataProcessing-Bytes", "cloudwatch"),
    ("VendedLog-Bytes", "cloudwatch"),
    ("TimedStorage-ByteHrs", "cloudwatch"),
    ("LoadBalancerUsage", "loadbalanc"),
    ("Requests-Tier1", "sqs"),
];

/// The key of the price list of a group of rows, if it is known.
pub(super) fn key(group: &Group, simulated: &[LineItem]) -> Option<String> {
    // A simulated bill, or a user's own, may name the key itself.
    if simulated.iter().any(|line| line.sku == group.sku) {
        return Some(group.sku.clone());
    }
    let service = letters(&group.service);
    let usage_type = without_region(&group.usage_type);
    if let Some(instance) = usage_type.strip_prefix("BoxUsage:").or_else(|| usage_type.strip_prefix("HeavyUsage:")) {
        return Some(format!("ec2.od.linux.{instance}"));
    }
    let known = USAGE_TYPES.iter().filter(|(name, _)| *name == usage_type).find(|(name, _)| {
        let needs = OF_SERVICE.iter().find(|(of, _)| of == name);
        needs.is_none_or(|(_, word)| service.contains(word) || (*word == "loadbalanc" && service.contains("elb")))
    });
    match known {
        Some((_, key)) => Some(arm(key, group, simulated)),
        None => by_description(&group.description, &service),
    }
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

/// Words of a description that tell a key, where a bill has no usage type.
fn by_description(description: &str, service: &str) -> Option<String> {
    let text = description.to_lowercase();
    let has = |word: &str| text.contains(word);
    let arch = if has("arm") { "arm" } else { "x86" };
    if service.contains("lambda") && (has("gb-second") || has("duration") || has("compute")) {
        return Some(format!("lambda.duration.{arch}"));
    }
    if service.contains("lambda") && has("request") {
        return Some(format!("lambda.request.{arch}"));
    }
    if let Some((_, rest)) = text.split_once("on demand linux ") {
        let instance = rest.split_whitespace().next()?;
        return instance.contains('.').then(|| format!("ec2.od.linux.{instance}"));
    }
    let known = [
        ("lcu-hour", "alb.lcu"),
        ("loadbalancer-hour", "alb.hour"),
        ("in-use public ipv4", "vpc.public_ipv4"),
        ("nat gateway hour", "vpc.nat.hour"),
        ("data transfer out", "dto.internet"),
        ("http api", "apigw.http.request"),
        ("gp3", "ebs.gp3.gb"),
    ];
    known.iter().find(|(word, _)| has(word)).map(|(_, key)| (*key).to_owned())
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
        let of = |service: &str, usage_type: &str| key(&group(service, usage_type, ""), &[]);
        assert_eq!(of("AWSLambda", "EUC1-Lambda-GB-Second-ARM").as_deref(), Some("lambda.duration.arm"));
        assert_eq!(of("AWS Lambda", "Request").as_deref(), Some("lambda.request.x86"));
        assert_eq!(of("Amazon S3", "Request"), None, "another service's requests");
        assert_eq!(of("AmazonEC2", "APS2-BoxUsage:m7g.large").as_deref(), Some("ec2.od.linux.m7g.large"));
        assert_eq!(of("AWSELB", "LoadBalancerUsage").as_deref(), Some("alb.hour"));
        assert_eq!(of("AmazonEC2", "EU-DataTransfer-Out-Bytes").as_deref(), Some("dto.internet"));
        assert_eq!(of("AmazonRDS", "InstanceUsage:db.t3"), None);
    }

    #[test]
    fn descriptions_serve_where_there_is_no_usage_type() {
        let of = |service: &str, text: &str| key(&group(service, "", text), &[]);
        let lambda = "AWS Lambda - Compute Duration ARM - US East (N. Virginia)";
        assert_eq!(of("AWS Lambda", lambda).as_deref(), Some("lambda.duration.arm"));
        let ec2 = "$0.0408 per On Demand Linux m7g.medium Instance Hour";
        assert_eq!(of("Amazon Elastic Compute Cloud", ec2).as_deref(), Some("ec2.od.linux.m7g.medium"));
        assert_eq!(service("Amazon Elastic Compute Cloud - Compute"), "Amazon EC2");
    }
}
