//! Which product of AWS's price list, or row of a bill, is which key of ours: one table for both.
//!
//! A product is known by its service, its usage type without the region's prefix (`EUW1-`) and, where usage types are shared, its
//! operation. Anything else is left alone and counted. Bills name services in more than one way (`AWSLambda`, `AWS Lambda`) and
//! often no operation: there a row is what is left when the name and the operation, if any, are held against the table.

/// One product.
pub(super) struct Rule {
    service: &'static str,
    usage: &'static str,
    /// Empty = any.
    operation: &'static str,
    key: &'static str,
    /// How many of our units one of AWS's is.
    units: u32,
    /// Whether the price of this product is that of the key; others only count as the key on a bill.
    priced: bool,
}

const fn rule(service: &'static str, usage: &'static str, operation: &'static str, key: &'static str) -> Rule {
    Rule { service, usage, operation, key, units: 1, priced: true }
}

const fn scaled(service: &'static str, usage: &'static str, key: &'static str, units: u32) -> Rule {
    Rule { service, usage, operation: "", key, units, priced: true }
}

/// A name that bills use, beside that of the price list.
const fn billed_as(service: &'static str, usage: &'static str, key: &'static str) -> Rule {
    Rule { service, usage, operation: "", key, units: 1, priced: false }
}

/// Seconds in an hour, and MB/s in a GB/s.
const HOUR: u32 = 3_600;
const GB: u32 = 1_024;

const RULES: &[Rule] = &[
    rule("AWSLambda", "Request", "", "lambda.request.x86"),
    rule("AWSLambda", "Request-ARM", "", "lambda.request.arm"),
    rule("AWSLambda", "Lambda-GB-Second", "", "lambda.duration.x86"),
    rule("AWSLambda", "Lambda-GB-Second-ARM", "", "lambda.duration.arm"),
    rule("AWSLambda", "Lambda-Provisioned-Concurrency", "", "lambda.pc.capacity.x86"),
    rule("AWSLambda", "Lambda-Provisioned-Concurrency-ARM", "", "lambda.pc.capacity.arm"),
    rule("AWSLambda", "Lambda-Provisioned-GB-Second", "", "lambda.pc.duration.x86"),
    rule("AWSLambda", "Lambda-Provisioned-GB-Second-ARM", "", "lambda.pc.duration.arm"),
    rule("AWSLambda", "Lambda-Storage-GB-Second", "", "lambda.ephemeral_over_512mb.x86"),
    rule("AWSLambda", "Lambda-Storage-GB-Second-ARM", "", "lambda.ephemeral_over_512mb.arm"),
    rule("AmazonApiGateway", "ApiGatewayRequest", "", "apigw.rest.request"),
    rule("AmazonApiGateway", "ApiGatewayHttpRequest", "", "apigw.http.request"),
    rule("AmazonApiGateway", "ApiGatewayMessage", "", "apigw.ws.message"),
    rule("AmazonApiGateway", "ApiGatewayMinute", "", "apigw.ws.minute"),
    rule("AWSELB", "LoadBalancerUsage", "LoadBalancing:Application", "alb.hour"),
    rule("AWSELB", "LCUUsage", "LoadBalancing:Application", "alb.lcu"),
    rule("AWSELB", "LoadBalancerUsage", "LoadBalancing:Network", "nlb.hour"),
    rule("AWSELB", "LCUUsage", "LoadBalancing:Network", "nlb.nlcu"),
    rule("AmazonEC2", "EBS:VolumeUsage.gp2", "", "ebs.gp2.gb"),
    rule("AmazonEC2", "EBS:VolumeUsage.gp3", "", "ebs.gp3.gb"),
    rule("AmazonEC2", "EBS:VolumeP-IOPS.gp3", "", "ebs.gp3.iops"),
    scaled("AmazonEC2", "EBS:VolumeP-Throughput.gp3", "ebs.gp3.mbps", GB),
    rule("AmazonEC2", "EBS:VolumeUsage.piops", "", "ebs.io1.gb"),
    rule("AmazonEC2", "EBS:VolumeP-IOPS.piops", "", "ebs.io1.iops"),
    rule("AmazonEC2", "EBS:VolumeUsage.st1", "", "ebs.st1.gb"),
    rule("AmazonEC2", "EBS:VolumeUsage.sc1", "", "ebs.sc1.gb"),
    rule("AmazonEC2", "EBS:SnapshotUsage", "", "ebs.snapshot.gb"),
    rule("AmazonEC2", "NatGateway-Hours", "", "vpc.nat.hour"),
    rule("AmazonEC2", "NatGateway-Bytes", "", "vpc.nat.gb"),
    rule("AmazonVPC", "PublicIPv4:InUseAddress", "", "vpc.public_ipv4"),
    rule("AmazonVPC", "VpcEndpoint-Hours", "", "vpc.endpoint_interface.hour"),
    rule("AWSDataTransfer", "DataTransfer-Out-Bytes", "", "dto.internet"),
    rule("AWSDataTransfer", "DataTransfer-Regional-Bytes", "", "dto.cross_az"),
    rule("AmazonECS", "Fargate-vCPU-Hours:perCPU", "", "fargate.vcpu.x86.hour"),
    rule("AmazonECS", "Fargate-GB-Hours", "", "fargate.gb.x86.hour"),
    rule("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", "", "fargate.vcpu.arm.hour"),
    rule("AmazonECS", "Fargate-ARM-GB-Hours", "", "fargate.gb.arm.hour"),
    scaled("AmazonECS", "Fargate-vCPU-Hours:perCPU", "fargate.vcpu.x86", HOUR),
    scaled("AmazonECS", "Fargate-GB-Hours", "fargate.gb.x86", HOUR),
    scaled("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", "fargate.vcpu.arm", HOUR),
    scaled("AmazonECS", "Fargate-ARM-GB-Hours", "fargate.gb.arm", HOUR),
    scaled("AmazonECS", "Fargate-EphemeralStorage-GB-Hours", "fargate.ephemeral", HOUR),
    rule("AmazonDynamoDB", "WriteRequestUnits", "", "ddb.od.wru"),
    rule("AmazonDynamoDB", "ReadRequestUnits", "", "ddb.od.rru"),
    rule("AmazonDynamoDB", "WriteCapacityUnit-Hrs", "", "ddb.prov.wcu"),
    rule("AmazonDynamoDB", "ReadCapacityUnit-Hrs", "", "ddb.prov.rcu"),
    rule("AmazonDynamoDB", "TimedStorage-ByteHrs", "", "ddb.storage.gb"),
    rule("AWSQueueService", "Requests-Tier1", "", "sqs.standard"),
    rule("AWSQueueService", "Requests-FIFO-Tier1", "", "sqs.fifo"),
    rule("AmazonS3", "TimedStorage-ByteHrs", "", "s3.standard.gb"),
    rule("AmazonS3", "Requests-Tier1", "", "s3.put"),
    rule("AmazonS3", "Requests-Tier2", "", "s3.get"),
    rule("AmazonStates", "StateTransition", "", "sfn.standard.transition"),
    rule("AmazonStates", "StepFunctions-Request", "", "sfn.express.request"),
    rule("AmazonStates", "StepFunctions-GB-Second", "", "sfn.express.gb_s"),
    rule("AmazonKinesis", "Storage-ShardHour", "", "kinesis.shard"),
    rule("AmazonKinesis", "PutRequestPayloadUnits", "", "kinesis.put"),
    rule("AmazonCloudWatch", "CW:MetricMonitorUsage", "", "cw.metric"),
    rule("AmazonCloudWatch", "DataProcessing-Bytes", "PutLogEvents", "cw.logs.ingest"),
    rule("AmazonCloudWatch", "TimedStorage-ByteHrs", "", "cw.logs.storage"),
    billed_as("AmazonCloudWatch", "VendedLog-Bytes", "cw.logs.lambda_vended"),
    billed_as("AmazonCloudWatch", "MetricMonitorUsage", "cw.metric"),
    billed_as("AmazonApiGateway", "ApiGatewayHttpApi", "apigw.http.request"),
    billed_as("AWSLambda", "Lambda-Requests", "lambda.request.x86"),
    billed_as("AWSLambda", "Lambda-Requests-ARM", "lambda.request.arm"),
    billed_as("AmazonVPC", "PublicIPv4:IdleAddress", "vpc.public_ipv4"),
];

/// Words, in lower case and without anything but letters and digits, by which bills know the services of the table. What is sent out
/// is billed under the service that sends it, so data transfer has no words: any name will do, but for CloudFront's.
const NAMES: &[(&str, &[&str])] = &[
    ("AWSLambda", &["lambda"]),
    ("AmazonApiGateway", &["apigateway"]),
    ("AWSELB", &["elb", "elasticloadbalancing"]),
    ("AmazonEC2", &["ec2", "elasticcompute", "elasticblockstore", "ebs", "vpc", "virtualprivatecloud", "natgateway"]),
    ("AmazonVPC", &["vpc", "virtualprivatecloud", "ec2", "elasticcompute"]),
    ("AmazonECS", &["ecs", "elasticcontainerservice", "fargate"]),
    ("AmazonDynamoDB", &["dynamodb"]),
    ("AWSQueueService", &["sqs", "queue"]),
    ("AmazonS3", &["s3", "simplestorage"]),
    ("AmazonStates", &["stepfunctions", "states"]),
    ("AmazonKinesis", &["kinesis"]),
    ("AmazonCloudWatch", &["cloudwatch"]),
];

/// Whether a bill's name of a service, in lower-case letters and digits, is one of the table's.
fn names(billed: &str, service: &str) -> bool {
    match NAMES.iter().find(|(own, _)| *own == service) {
        Some((_, words)) => billed.is_empty() || words.iter().any(|word| billed.contains(word)),
        None => !billed.contains("cloudfront"),
    }
}

/// What a row of a bill is: its key, and how many of the key's units one of the bill's is; `None` where that is not known for certain.
/// `service` in lower-case letters and digits; `operation` may be empty. Of several keys of one product the one that is `wanted`
/// counts, else the first.
pub(crate) fn billed(service: &str, usage: &str, operation: &str, wanted: &dyn Fn(&str) -> bool) -> Option<Known> {
    let usage = without_region(usage);
    // The free tier is billed as usage of all regions together.
    let usage = usage.strip_prefix("Global-").unwrap_or(usage);
    if let Some(instance) = usage.strip_prefix("BoxUsage:").or_else(|| usage.strip_prefix("HeavyUsage:")) {
        // The operation of other systems and of licences has a number behind it.
        let linux = matches!(operation, "" | "RunInstances") && names(service, "AmazonEC2");
        return linux.then(|| (format!("ec2.od.linux.{instance}"), 1));
    }
    let fits = |rule: &&Rule| {
        rule.usage == usage
            && names(service, rule.service)
            && (rule.operation.is_empty() || operation.is_empty() || rule.operation == operation)
    };
    let found: Vec<&Rule> = RULES.iter().filter(fits).collect();
    let first = found.iter().find(|rule| wanted(rule.key)).or(found.first())?;
    // Where the operation decides and the bill has none, only a key that is wanted is certain enough.
    let unsure = found.iter().any(|rule| rule.operation != first.operation || rule.service != first.service);
    (!unsure || wanted(first.key)).then(|| (first.key.to_owned(), first.units))
}

/// What identifies a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) service: String,
    pub(super) usage: String,
    pub(super) operation: String,
}

/// A key of ours, with how many of its units one of AWS's is.
pub(super) type Known = (String, u32);

/// A mapping that the user adds: `USAGETYPE=KEY`, or `SERVICE/USAGETYPE=KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    service: Option<String>,
    usage: String,
    key: String,
}

impl std::str::FromStr for Extra {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected `USAGETYPE=KEY` or `SERVICE/USAGETYPE=KEY`, found `{text}`");
        let (product, key) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (service, usage) = match product.split_once('/') {
            Some((service, usage)) => (Some(service.to_owned()), usage),
            None => (None, product),
        };
        if usage.is_empty() || key.is_empty() {
            return Err(wrong());
        }
        Ok(Self { service, usage: usage.to_owned(), key: key.to_owned() })
    }
}

/// The usage type without the region or local zone that stands before it: three capitals and a number (`USE1-`, `APS10-`, `NYC1-`) or
/// `EU-`, and a dash. Other capitals are part of the name: `TS-LoadBalancerUsage` is a trust store, no balancer, and
/// `US-DataTransfer-Out-Bytes` is CloudFront's.
pub(crate) fn without_region(usage: &str) -> &str {
    match usage.split_once('-') {
        Some((prefix, rest)) if is_region(prefix) && !rest.is_empty() => rest,
        _ => usage,
    }
}

fn is_region(prefix: &str) -> bool {
    let letters = prefix.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = prefix.bytes().skip(letters).take_while(u8::is_ascii_digit).count();
    prefix == "EU" || (letters == 3 && (1..=2).contains(&digits) && letters + digits == prefix.len())
}

/// The keys of a product; none where it is not known.
pub(super) fn keys(product: &Product, extras: &[Extra]) -> Vec<Known> {
    let usage = without_region(&product.usage);
    let own = extras.iter().filter(|extra| {
        extra.service.as_ref().is_none_or(|service| *service == product.service)
            && (extra.usage == usage || extra.usage == product.usage)
    });
    let mut found: Vec<Known> = own.map(|extra| (extra.key.clone(), 1)).collect();
    if found.is_empty() {
        let fits = |rule: &&Rule| {
            rule.priced
                && rule.service == product.service
                && rule.usage == usage
                && (rule.operation.is_empty() || rule.operation == product.operation)
        };
        found.extend(RULES.iter().filter(fits).map(|rule| (rule.key.to_owned(), rule.units)));
        found.extend(instance(product, usage).map(|instance| (format!("ec2.od.linux.{instance}"), 1)));
    }
    found
}

/// The type of an EC2 instance with Linux: the operation of other systems and of licences has a number behind it.
fn instance<'u>(product: &Product, usage: &'u str) -> Option<&'u str> {
    let instance = usage.strip_prefix("BoxUsage:")?;
    (product.service == "AmazonEC2" && product.operation == "RunInstances").then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str, usage: &str, operation: &str) -> Vec<Known> {
        let product = Product { service: service.into(), usage: usage.into(), operation: operation.into() };
        keys(&product, &[])
    }

    #[test]
    fn products_are_known_in_every_region() {
        let one = |key: &str| vec![(key.to_owned(), 1)];
        assert_eq!(key("AWSLambda", "Lambda-GB-Second", ""), one("lambda.duration.x86"));
        assert_eq!(key("AWSLambda", "EUW1-Lambda-GB-Second-ARM", ""), one("lambda.duration.arm"));
        assert_eq!(key("AWSLambda", "EU-Request", ""), one("lambda.request.x86"));
        assert_eq!(key("AWSELB", "APS2-LCUUsage", "LoadBalancing:Application"), one("alb.lcu"));
        assert_eq!(key("AmazonEC2", "BoxUsage:m7g.large", "RunInstances"), one("ec2.od.linux.m7g.large"));
        assert_eq!(key("AmazonECS", "Fargate-GB-Hours", "").len(), 2);
    }

    #[test]
    fn what_is_something_else_is_left_alone() {
        assert_eq!(key("AmazonEC2", "BoxUsage:m7g.large", "RunInstances:0002"), [], "Windows");
        assert_eq!(key("AmazonEC2", "DedicatedUsage:m7g.large", "RunInstances"), []);
        assert_eq!(key("AWSLambda", "Lambda-Edge-Request", ""), []);
        assert_eq!(key("AWSELB", "LCUUsage", ""), []);
        // As AWS's files of 2026-08-31 have them: a trust store by the hour, and what is free in all regions.
        assert_eq!(key("AWSELB", "TS-LoadBalancerUsage", "LoadBalancing:Application"), []);
        assert_eq!(key("AWSLambda", "Global-Lambda-GB-Second", ""), []);
    }

    #[test]
    fn rows_of_bills_are_known_by_either_name() {
        let of = |service: &str, usage: &str, operation: &str, wanted: &str| {
            billed(service, usage, operation, &|key| key == wanted).map(|(key, units)| format!("{key} x {units}"))
        };
        let known = |service: &str, usage: &str, key: &str| {
            assert_eq!(of(service, usage, "", key).as_deref(), Some(&*format!("{key} x 1")), "{service} {usage}");
        };
        known("awslambda", "EUC1-Lambda-GB-Second-ARM", "lambda.duration.arm");
        known("amazonec2", "APS2-BoxUsage:m7g.large", "ec2.od.linux.m7g.large");
        known("awselb", "LoadBalancerUsage", "alb.hour");
        known("amazonec2", "EU-DataTransfer-Out-Bytes", "dto.internet");
        known("awslambda", "Global-Request", "lambda.request.x86");
        known("amazons3", "Requests-Tier1", "s3.put");
        known("awsqueueservice", "USW2-Requests-Tier1", "sqs.standard");
        known("amazondynamodb", "WriteRequestUnits", "ddb.od.wru");
        assert_eq!(of("amazons3", "Request", "", ""), None, "another service's requests");
        assert_eq!(of("amazoncloudfront", "US-DataTransfer-Out-Bytes", "", ""), None);
        assert_eq!(of("amazonec2", "BoxUsage:m7g.large", "RunInstances:0002", ""), None, "Windows");
        assert_eq!(of("awselb", "LCUUsage", "LoadBalancing:Network", "").as_deref(), Some("nlb.nlcu x 1"));
        assert_eq!(of("awselb", "LCUUsage", "", ""), None, "of either kind of balancer");
        // An hour of AWS's is 3,600 of our seconds where the simulation counts seconds.
        let wanted = "fargate.vcpu.x86";
        assert_eq!(
            of("amazonecs", "Fargate-vCPU-Hours:perCPU", "", wanted).as_deref(),
            Some("fargate.vcpu.x86 x 3600")
        );
    }

    #[test]
    fn users_can_add_products() {
        let extra: Extra = "AmazonMQ/Broker:mq.t3.micro=mq.t3.micro".parse().unwrap();
        let product =
            Product { service: "AmazonMQ".into(), usage: "EUW1-Broker:mq.t3.micro".into(), ..Product::default() };
        assert_eq!(keys(&product, &[extra]), [("mq.t3.micro".to_owned(), 1)]);
        assert!("nothing".parse::<Extra>().is_err() && "a=".parse::<Extra>().is_err());
    }
}
