//! `costsim prices` from outside. The offer files are written here in the layout that the AWS Billing user guide documents
//! ("Reading the service price list files", "Reading the service price list file for a Savings Plan").

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn costsim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_costsim")).args(args).env("NO_COLOR", "1").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// The list and the summary that an import gives.
fn import(path: &Path, more: &[&str]) -> (String, String) {
    let out = costsim(&[&["prices", "import", path.to_str().unwrap()], more].concat());
    assert!(out.status.success(), "{}", text(&out.stderr));
    (text(&out.stdout), text(&out.stderr))
}

const LAMBDA: &str = r#"{
  "formatVersion": "v1.0", "disclaimer": "…", "offerCode": "AWSLambda", "version": "20261101", "publicationDate": "2026-11-01T12:00:00Z",
  "products": {
    "SKU1": { "sku": "SKU1", "productFamily": "Serverless", "attributes": { "servicecode": "AWSLambda", "location": "EU (Ireland)", "regionCode": "eu-west-1", "usagetype": "EU-Request", "operation": "" } },
    "SKU2": { "sku": "SKU2", "productFamily": "Serverless", "attributes": { "servicecode": "AWSLambda", "regionCode": "eu-west-1", "usagetype": "EU-Lambda-GB-Second", "operation": "" } },
    "SKU3": { "sku": "SKU3", "productFamily": "Serverless", "attributes": { "servicecode": "AWSLambda", "regionCode": "eu-west-1", "usagetype": "EU-Lambda-Something-New", "operation": "" } }
  },
  "terms": { "OnDemand": {
    "SKU1": { "SKU1.JRTCKXETXF": { "offerTermCode": "JRTCKXETXF", "sku": "SKU1", "effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {
      "SKU1.JRTCKXETXF.6YS6EN2CT7": { "rateCode": "…", "description": "per request", "beginRange": "0", "endRange": "Inf", "unit": "Requests", "appliesTo": [], "pricePerUnit": { "USD": "0.0000002500" } } }, "termAttributes": {} } },
    "SKU2": { "SKU2.JRTCKXETXF": { "priceDimensions": {
      "b": { "description": "Tier 2", "beginRange": "6000000000", "endRange": "Inf", "unit": "Lambda-GB-Second", "pricePerUnit": { "USD": "0.0000150000" } },
      "a": { "description": "Tier 1", "beginRange": "0", "endRange": "6000000000", "unit": "Lambda-GB-Second", "pricePerUnit": { "USD": "0.0000166667" } } }, "termAttributes": {} } },
    "SKU3": { "SKU3.JRTCKXETXF": { "priceDimensions": { "x": { "beginRange": "0", "endRange": "Inf", "unit": "s", "pricePerUnit": { "USD": "1" } } }, "termAttributes": {} } }
  } }
}"#;

#[test]
fn a_service_file_becomes_a_price_list_with_a_summary() {
    let dir = Dir::new();
    let (list, summary) = import(&dir.write("lambda.json", LAMBDA.as_bytes()), &[]);
    assert!(summary.contains("eu-west-1: 3 entries read") && summary.contains("2026-11-01"), "{summary}");
    assert!(summary.contains("lambda.request.x86: 0.0000002 -> 0.00000025 (+25.0 %)"), "{summary}");
    assert!(summary.contains("AWSLambda Lambda-Something-New"), "{summary}");
    // The file validates, keeps the free amount, and prices: 3 M requests less the free million at 0.25 a million.
    let own = dir.write("own.yaml", list.as_bytes());
    assert!(costsim(&["validate", own.to_str().unwrap()]).status.success());
    let usage = dir.write("usage.yaml", b"region: eu-west-1\nusage:\n  - { sku: lambda.request.x86, quantity: 3M }\n");
    let out = costsim(&["bill", usage.to_str().unwrap(), "--prices", own.to_str().unwrap(), "--format", "json"]);
    let bill: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(bill["monthly_cost"]["total"], "0.5");
    assert_eq!(bill["line_items"][1]["confidence"], "list");
    assert_eq!(bill["line_items"][1]["source"], "AWS Price List, AWSLambda, published 2026-11-01");
}

#[test]
fn order_and_packing_of_a_file_do_not_matter() {
    let dir = Dir::new();
    let (expected, _) = import(&dir.write("lambda.json", LAMBDA.as_bytes()), &[]);
    let (head, rest) = LAMBDA.split_once("\"products\"").unwrap();
    let (products, terms) = rest.split_once("\"terms\"").unwrap();
    let products = products.trim_end().trim_end_matches(',');
    let terms = terms.trim_end().strip_suffix('}').unwrap();
    let turned = format!("{head}\"terms\"{terms},\"products\"{products}}}");
    serde_json::from_str::<serde_json::Value>(&turned).unwrap_or_else(|error| panic!("{error}\n{turned}"));
    assert_eq!(import(&dir.write("turned.json", turned.as_bytes()), &[]).0, expected);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(LAMBDA.as_bytes()).unwrap();
    assert_eq!(import(&dir.write("lambda.json.gz", &packed.finish().unwrap()), &[]).0, expected);
}

const EC2_CSV: &str = "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"…\"\n\"Publication Date\",\"2026-11-02T00:00:00Z\"\n\"Version\",\"1\"\n\"OfferCode\",\"AmazonEC2\"\n\
\"SKU\",\"OfferTermCode\",\"RateCode\",\"TermType\",\"PriceDescription\",\"EffectiveDate\",\"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"LeaseContractLength\",\"PurchaseOption\",\"OfferingClass\",\"serviceCode\",\"usageType\",\"operation\",\"Region Code\"\n\
\"A\",\"J\",\"r\",\"OnDemand\",\"m7g.large\",\"d\",\"0\",\"Inf\",\"Hrs\",\"0.0900000000\",\"USD\",\"\",\"\",\"\",\"AmazonEC2\",\"BoxUsage:m7g.large\",\"RunInstances\",\"us-east-1\"\n\
\"A\",\"K\",\"r\",\"Reserved\",\"m7g.large\",\"d\",\"0\",\"Inf\",\"Hrs\",\"0.0600000000\",\"USD\",\"1yr\",\"No Upfront\",\"standard\",\"AmazonEC2\",\"BoxUsage:m7g.large\",\"RunInstances\",\"us-east-1\"\n\
\"A\",\"L\",\"r\",\"Reserved\",\"fee\",\"d\",\"\",\"\",\"Quantity\",\"400\",\"USD\",\"1yr\",\"All Upfront\",\"standard\",\"AmazonEC2\",\"BoxUsage:m7g.large\",\"RunInstances\",\"us-east-1\"\n\
\"B\",\"J\",\"r\",\"OnDemand\",\"windows\",\"d\",\"0\",\"Inf\",\"Hrs\",\"9\",\"USD\",\"\",\"\",\"\",\"AmazonEC2\",\"BoxUsage:m7g.large\",\"RunInstances:0002\",\"us-east-1\"\n\
\"C\",\"J\",\"r\",\"OnDemand\",\"gp3 throughput\",\"d\",\"0\",\"Inf\",\"GiBps-mo\",\"40.96\",\"USD\",\"\",\"\",\"\",\"AmazonEC2\",\"EBS:VolumeP-Throughput.gp3\",\"\",\"us-east-1\"\n\
\"D\",\"J\",\"r\",\"OnDemand\",\"new type\",\"d\",\"0\",\"Inf\",\"Hrs\",\"1.25\",\"USD\",\"\",\"\",\"\",\"AmazonEC2\",\"BoxUsage:x99z.large\",\"RunInstances\",\"us-east-1\"\n";

#[test]
fn a_csv_file_has_instances_and_reservations() {
    let dir = Dir::new();
    let path = dir.write("ec2.csv", EC2_CSV.as_bytes());
    let (list, summary) = import(&path, &[]);
    for (key, price) in [
        ("ec2.od.linux.m7g.large", "0.09"),
        ("ec2.ri_std_1y_no_upfront.m7g.large", "0.06"),
        // 40.96 a GB/s = 0.04 a MB/s: as it was.
        ("ebs.gp3.mbps", "0.04"),
        ("ec2.od.linux.x99z.large", "1.25"),
    ] {
        let at = list.find(&format!("key: \"{key}\"")).unwrap_or_else(|| panic!("{key}\n{list}"));
        assert!(list[at..].lines().take(5).any(|line| line.trim() == format!("price: {price}")), "{key}\n{list}");
    }
    assert!(summary.contains("1 as they were") && summary.contains("left out: 1 prices"), "{summary}");
    assert!(summary.contains("not known: 1 products"), "{summary}");
    // Only what is new or changed.
    let (changed, _) = import(&path, &["--changed"]);
    assert!(!changed.contains("ebs.gp3.mbps") && changed.contains("x99z.large"));
}

/// 1 year without upfront, in the layout of the user guide's example.
const PLAN: &str = r#"{ "version": "20261101", "publicationDate": "2026-11-03T00:00:00Z", "regionCode": "us-east-1",
  "products": [ { "sku": "PLAN1", "productFamily": "ComputeSavingsPlans", "serviceCode": "ComputeSavingsPlans", "usageType": "ComputeSP:1yrNoUpfront", "operation": "", "attributes": { "purchaseOption": "No Upfront", "granularity": "hourly", "instanceType": "", "purchaseTerm": "1yr" } } ],
  "terms": { "savingsPlan": [ { "sku": "PLAN1", "description": "1 year No Upfront Compute Savings Plan", "effectiveDate": "2026-11-01T00:00:00Z", "leaseContractLength": { "duration": 1, "unit": "year" },
    "rates": [
      { "discountedSku": "A", "discountedUsageType": "BoxUsage:m7g.large", "discountedOperation": "RunInstances", "discountedServiceCode": "AmazonEC2", "rateCode": "PLAN1.A", "unit": "Hrs", "discountedRate": { "price": "0.0600000000", "currency": "USD" } },
      { "discountedSku": "B", "discountedUsageType": "Lambda-GB-Second-ARM", "discountedOperation": "", "discountedServiceCode": "AWSLambda", "rateCode": "PLAN1.B", "unit": "Second", "discountedRate": { "price": "0.0000117333", "currency": "USD" } } ] } ] } }"#;

const PLAN_CSV: &str = "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"…\"\n\"Publication Date\",\"2026-11-03T00:00:00Z\"\n\"Version\",\"1\"\n\"OfferCode\",\"\"\n\
\"SKU\",\"RateCode\",\"Unit\",\"EffectiveDate\",\"DiscountedRate\",\"Currency\",\"DiscountedSKU\",\"DiscountedServiceCode\",\"DiscountedUsageType\",\"DiscountedOperation\",\"PurchaseOption\",\"LeaseContractLength\",\"LeaseContractLengthUnit\",\"ServiceCode\",\"UsageType\",\"Operation\",\"Description\",\"ProductFamily\",\"DiscountedRegionCode\"\n\
\"PLAN1\",\"r\",\"Hrs\",\"d\",\"0.06\",\"USD\",\"A\",\"AmazonEC2\",\"BoxUsage:m7g.large\",\"RunInstances\",\"No Upfront\",\"1\",\"year\",\"ComputeSavingsPlans\",\"u\",\"\",\"d\",\"ComputeSavingsPlans\",\"us-east-1\"\n\
\"PLAN1\",\"r\",\"Second\",\"d\",\"0.0000117333\",\"USD\",\"B\",\"AWSLambda\",\"Lambda-GB-Second-ARM\",\"\",\"No Upfront\",\"1\",\"year\",\"ComputeSavingsPlans\",\"u\",\"\",\"d\",\"ComputeSavingsPlans\",\"us-east-1\"\n";

#[test]
fn rates_of_savings_plans_are_used_by_the_bill() {
    let dir = Dir::new();
    let (list, _) = import(&dir.write("plan.json", PLAN.as_bytes()), &[]);
    let (csv, _) = import(&dir.write("plan.csv", PLAN_CSV.as_bytes()), &[]);
    assert_eq!(list, csv, "both layouts say the same");
    let own = dir.write("own.yaml", list.as_bytes());
    let usage = dir.write(
        "usage.yaml",
        b"region: us-east-1\nfree_tier: none\nbilling: { savings_plans: [ { commitment: $0.06, offer: compute_1y_no_upfront } ] }\n\
          usage: [ { sku: ec2.od.linux.m7g.large, count: 1, duration: 730h } ]\n",
    );
    let out = costsim(&["bill", usage.to_str().unwrap(), "--prices", own.to_str().unwrap(), "--format", "json"]);
    let bill: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    // One instance all month under the plan: 730 x 0.06 instead of 730 x 0.0816.
    assert_eq!(bill["monthly_cost"]["total"], "43.8");
    assert_eq!(bill["commitments"][0]["saves"], "15.768");
    assert_eq!(bill["commitments"][0]["best"], "0.06");
    // Without that list there is no such offer.
    let out = costsim(&["bill", usage.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("sp.compute_1y_no_upfront"), "{}", text(&out.stderr));
}

#[test]
fn a_file_of_several_regions_needs_one() {
    let dir = Dir::new();
    let path = dir.write(
        "two.csv",
        EC2_CSV.replacen("\"RunInstances\",\"us-east-1\"", "\"RunInstances\",\"eu-west-1\"", 1).as_bytes(),
    );
    let out = costsim(&["prices", "import", path.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("eu-west-1, us-east-1"), "{}", text(&out.stderr));
    let (list, _) = import(&path, &["--region", "eu-west-1"]);
    assert!(list.contains("region: \"eu-west-1\"") && list.matches("key:").count() == 1, "{list}");
    let out = costsim(&["prices", "import", path.to_str().unwrap(), "--region", "ap-south-1"]);
    assert!(text(&out.stderr).contains("no prices of `ap-south-1`"));
}

#[test]
fn what_is_no_offer_file_is_refused() {
    let dir = Dir::new();
    for (content, part) in [
        (&b"a,b\n1,2\n"[..], "no AWS Price List file"),
        (b"{\"products\": {}", "cannot be read"),
        (b"{}", "no AWS Price List file"),
        (b"{\"products\": 3, \"terms\": 4}", "cannot be read"),
        (b"", "no AWS Price List file"),
        (b"\xff\xfe\x00", "no AWS Price List file"),
        (b"{\"products\": [[[[[[", "cannot be read"),
    ] {
        let out = costsim(&["prices", "import", dir.write("x", content).to_str().unwrap()]);
        assert_eq!(out.status.code(), Some(2));
        let error = text(&out.stderr);
        assert!(error.contains(part) || error.contains("cannot be read"), "{error}");
    }
    assert_eq!(costsim(&["prices", "import", "/nowhere.json"]).status.code(), Some(2));
    let deep = format!("{{\"products\": {}", "[".repeat(100_000));
    assert_eq!(
        costsim(&["prices", "import", dir.write("deep", deep.as_bytes()).to_str().unwrap()]).status.code(),
        Some(2)
    );
}

#[test]
fn prices_are_listed_and_shown() {
    let out = text(&costsim(&["prices", "list", "lambda.duration", "--region", "eu-west-1"]).stdout);
    assert!(
        out.lines().count() >= 2 && out.lines().all(|line| line.starts_with("eu-west-1  lambda.duration.")),
        "{out}"
    );
    let memory = text(&costsim(&["prices", "list", "--confidence", "memory", "--csv"]).stdout);
    let mut reader = csv::Reader::from_reader(memory.as_bytes());
    assert!(reader.headers().unwrap().iter().eq([
        "region",
        "service",
        "key",
        "description",
        "unit",
        "from",
        "to",
        "price_usd",
        "source",
        "as_of",
        "confidence"
    ]));
    assert!(reader.records().count() > 10);
    let shown = text(&costsim(&["prices", "show", "lambda.duration.x86"]).stdout);
    for part in ["400,000 GB-s a month", "from 6,000,000,000 to 15,000,000,000: $0.000015", "list"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let out = costsim(&["prices", "show", "lambda.duration.x68"]);
    assert_eq!(out.status.code(), Some(2));
    let error = text(&out.stderr);
    assert!(
        error.contains("`lambda.duration.x86`") && error.contains("us-east-1") && error.contains("AWS Lambda"),
        "{error}"
    );
    assert_eq!(costsim(&["prices", "list", "no-such-thing"]).status.code(), Some(2));
}

#[test]
fn a_diff_says_what_a_change_does_to_a_result() {
    let dir = Dir::new();
    let list = |price: &str| {
        format!(
            "region: us-east-1\nsources: {{ me: {{ source: contract, as_of: 2026-11, confidence: stated }} }}\nservices:\n  - service: AWS Lambda\n    prices:\n      \
             - {{ key: lambda.request.arm, description: requests, unit: request, price: {price}, source: me }}\n"
        )
    };
    let old = dir.write("old.yaml", list("0.0000002").as_bytes());
    let new = dir.write("new.yaml", list("0.0000003").as_bytes());
    let out = costsim(&["prices", "diff", old.to_str().unwrap(), new.to_str().unwrap()]);
    assert!(text(&out.stdout).contains("1 prices differ\nlambda.request.arm: 0.0000002 -> 0.0000003 (+50.0 %)"));

    let results = dir.0.path().join("out");
    let made = costsim(&[
        "compare",
        "lambda-http-api",
        "--per-month",
        "10M",
        "--duration",
        "50ms",
        "--cpu-share",
        "40%",
        "--horizon",
        "1h",
        "--replications",
        "1",
        "--quick",
        "--quiet",
        "--set",
        "account.free_tier=none",
        "--out",
        results.to_str().unwrap(),
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let file = results.join("results.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let items = json["architectures"][0]["line_items"].as_array().unwrap();
    let requests: f64 = items
        .iter()
        .filter(|item| item["sku"] == "lambda.request.arm")
        .map(|item| item["quantity"].as_str().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!(requests > 9e6, "{requests}");
    let out = costsim(&["prices", "diff", old.to_str().unwrap(), new.to_str().unwrap(), file.to_str().unwrap()]);
    let shown = text(&out.stdout);
    // A tenth of a dollar a million more.
    let more = format!("+${:.2}", requests * 1e-7);
    assert!(shown.contains(&more), "{more}\n{shown}{}", text(&out.stderr));
    assert!(!shown.contains("the result says"), "the old list has the prices of the result: {shown}");
}

/// A region without a list of its own: AWS's file has other names for units, and what is free as products of their own.
#[test]
fn an_imported_region_is_as_good_as_a_built_in_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let row = |sku: &str, usage: &str, unit: &str, range: &str, price: &str, region: &str| {
        format!("{sku},OnDemand,{range},{unit},{price},USD,AWSLambda,{usage},,{region}\n")
    };
    let text = "Publication Date,2026-08-31T09:23:18Z\nOfferCode,AWSLambda\n\
                SKU,TermType,StartingRange,EndingRange,Unit,PricePerUnit,Currency,serviceCode,usageType,operation,Region Code\n"
        .to_owned()
        + &row("A", "EUW2-Request", "Request", "0,Inf", "0.0000002000", "eu-west-2")
        + &row("B", "EUW2-Lambda-GB-Second", "Lambda-GB-Second", "0,6000000000", "0.0000166667", "eu-west-2")
        + &row("B", "EUW2-Lambda-GB-Second", "Lambda-GB-Second", "6000000000,Inf", "0.0000150000", "eu-west-2")
        + &row("C", "Global-Request", "Request", "0,1000000", "0.0000000000", "")
        + &row("D", "Global-Lambda-GB-Second", "Lambda-GB-Second", "0,400000", "0.0000000000", "");
    std::fs::write(file("london.csv"), text).unwrap();
    let usage = "region: eu-west-2\nusage:\n  - { sku: lambda.request.x86, quantity: 3M }\n  \
                 - { sku: lambda.duration.x86, count: 3M, duration: 1s, memory: 512 MB }\n";
    std::fs::write(file("usage.yaml"), usage).unwrap();
    let run = |args: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_costsim")).args(args).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    };
    run(&["prices", "import", &file("london.csv"), "--out", &file("london.yaml")]);
    let bill = run(&["bill", &file("usage.yaml"), "--prices", &file("london.yaml"), "--format", "json"]);
    let bill: serde_json::Value = serde_json::from_str(&bill).unwrap();
    // The Lambda pricing page's first example at today's rate: 2 M x 0.0000002 + 1.1 M x 0.0000166667.
    assert_eq!(bill["monthly_cost"]["total"], "18.73337");
}

/// A file in the layout of AWS's for EC2 in one region (each instance type with each system, licence, tenancy and capacity; each with terms on demand
/// and some reserved), one and a half times the memory that the program may have: it is a stream.
#[cfg(target_os = "linux")]
#[test]
fn a_file_larger_than_memory_is_read_as_a_stream() {
    const MEMORY: u64 = 64 << 20;
    let dir = Dir::new();
    let path = dir.0.path().join("ec2.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let families = ["c7g", "m7g", "r7g", "m7i", "x99z"];
    let sizes = ["medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"];
    let types: Vec<String> = families.iter().flat_map(|f| sizes.map(|size| format!("{f}.{size}"))).collect();
    // Usage type, operation: what is on demand with Linux on shared hosts, and all the others.
    let boxes = ["BoxUsage", "UnusedBox", "DedicatedUsage", "HostBoxUsage", "Reservation", "DedicatedRes"];
    let products = || {
        let of = |place: usize| types.iter().enumerate().map(move |(index, name)| (place, index, name));
        (0..6 * 250).flat_map(of).map(|(place, index, name)| {
            let operation = if place < 6 { String::new() } else { format!(":{:04x}", place / 6) };
            (format!("{place:05}X{index:03}QWERTZ"), format!("{}:{name}", boxes[place % 6]), operation, name)
        })
    };
    write!(file, r#"{{ "formatVersion" : "v1.0", "disclaimer" : "…", "offerCode" : "AmazonEC2", "version" : "20261101000000", "publicationDate" : "2026-11-01T00:00:00Z", "products" : {{"#).unwrap();
    for (count, (sku, usage, operation, name)) in products().enumerate() {
        let comma = if count == 0 { "" } else { "," };
        write!(
            file,
            r#"{comma}
    "{sku}" : {{ "sku" : "{sku}", "productFamily" : "Compute Instance", "attributes" : {{ "servicecode" : "AmazonEC2", "location" : "US East (N. Virginia)", "locationType" : "AWS Region", "instanceType" : "{name}", "currentGeneration" : "Yes", "instanceFamily" : "General purpose", "vcpu" : "2", "physicalProcessor" : "AWS Graviton3 Processor", "clockSpeed" : "2.5 GHz", "memory" : "8 GiB", "storage" : "EBS only", "networkPerformance" : "Up to 12500 Megabit", "processorArchitecture" : "64-bit", "tenancy" : "Shared", "operatingSystem" : "Linux", "licenseModel" : "No License required", "usagetype" : "{usage}", "operation" : "RunInstances{operation}", "availabilityzone" : "NA", "capacitystatus" : "Used", "classicnetworkingsupport" : "false", "dedicatedEbsThroughput" : "Up to 10000 Mbps", "ecu" : "NA", "enhancedNetworkingSupported" : "Yes", "gpuMemory" : "NA", "intelAvxAvailable" : "No", "intelAvx2Available" : "No", "intelTurboAvailable" : "No", "marketoption" : "OnDemand", "normalizationSizeFactor" : "4", "preInstalledSw" : "NA", "processorFeatures" : "AVX; AVX2", "regionCode" : "us-east-1", "servicename" : "Amazon Elastic Compute Cloud", "vpcnetworkingsupport" : "true" }} }}"#
        )
        .unwrap();
    }
    write!(file, "\n  }},\n  \"terms\" : {{ \"OnDemand\" : {{").unwrap();
    for (count, (sku, usage, ..)) in products().enumerate() {
        let comma = if count == 0 { "" } else { "," };
        // Each type has a price of its own: a hundredth more than the one before.
        let price = format!("0.{:02}", 10 + count % types.len());
        write!(
            file,
            r#"{comma}
      "{sku}" : {{ "{sku}.JRTCKXETXF" : {{ "offerTermCode" : "JRTCKXETXF", "sku" : "{sku}", "effectiveDate" : "2026-11-01T00:00:00Z", "priceDimensions" : {{ "{sku}.JRTCKXETXF.6YS6EN2CT7" : {{ "rateCode" : "{sku}.JRTCKXETXF.6YS6EN2CT7", "description" : "${price} per On Demand Linux {usage} Instance Hour", "beginRange" : "0", "endRange" : "Inf", "unit" : "Hrs", "appliesTo" : [ ], "pricePerUnit" : {{ "USD" : "{price}00000000" }} }} }}, "termAttributes" : {{ }} }} }}"#
        )
        .unwrap();
    }
    write!(file, "\n    }},\n    \"Reserved\" : {{").unwrap();
    for (count, (sku, ..)) in products().take(types.len()).enumerate() {
        let comma = if count == 0 { "" } else { "," };
        write!(
            file,
            r#"{comma}
      "{sku}" : {{ "{sku}.4NA7Y494T4" : {{ "offerTermCode" : "4NA7Y494T4", "sku" : "{sku}", "effectiveDate" : "2026-11-01T00:00:00Z", "priceDimensions" : {{ "{sku}.4NA7Y494T4.6YS6EN2CT7" : {{ "rateCode" : "r", "description" : "reserved", "beginRange" : "0", "endRange" : "Inf", "unit" : "Hrs", "appliesTo" : [ ], "pricePerUnit" : {{ "USD" : "0.0600000000" }} }} }}, "termAttributes" : {{ "LeaseContractLength" : "1yr", "OfferingClass" : "standard", "PurchaseOption" : "No Upfront" }} }} }}"#
        )
        .unwrap();
    }
    write!(file, "\n    }}\n  }}\n}}\n").unwrap();
    file.into_inner().unwrap().sync_all().unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size > MEMORY * 3 / 2, "{size}");
    let limited = format!("ulimit -v {} && exec \"$0\" \"$@\"", MEMORY >> 10);
    let out = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_costsim"), "prices", "import"])
        .arg(&path)
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    let list = text(&out.stdout);
    // One product of each type is Linux on demand on a shared host, and has a reservation.
    for (index, name) in types.iter().enumerate() {
        for (key, price) in [("od.linux", format!("0.{}", 10 + index)), ("ri_std_1y_no_upfront", "0.06".to_owned())] {
            let key = format!("key: \"ec2.{key}.{name}\"");
            let at = list.find(&key).unwrap_or_else(|| panic!("{key}"));
            let found = list[at..].lines().find_map(|line| line.trim().strip_prefix("price: ")).unwrap();
            assert_eq!(found.parse::<f64>(), price.parse::<f64>(), "{key}");
        }
    }
    assert_eq!(list.matches("- key: ").count(), 2 * types.len());
    let read = (6 * 250 * types.len()).to_string();
    let read = format!("{},{}", &read[..read.len() - 3], &read[read.len() - 3..]);
    assert!(text(&out.stderr).contains(&format!("{read} entries read")), "{}", text(&out.stderr));
}

/// Inits of provisioned environments are paid as calls on them are, whatever the region, and are no part of the book's digest.
#[test]
fn inits_of_provisioned_environments_have_the_price_of_calls() {
    for region in ["us-east-1", "eu-west-1", "ap-southeast-2"] {
        let lists = costsim::catalog::price_lists(region, None).unwrap();
        let book = costsim::bill::price_list::book(region, &lists).unwrap();
        let calls: Vec<_> = book.prices().filter(|price| price.key.contains("lambda.pc.duration.")).collect();
        assert!(calls.iter().any(|price| price.key == "lambda.pc.duration.x86"));
        for price in calls {
            let init = book.price(&price.key.replace("duration", "init")).unwrap();
            assert_eq!((&init.tiers, &init.unit, &init.free), (&price.tiers, &price.unit, &price.free));
            assert_eq!(costsim::bill::book::listed_as(&init.key), price.key);
        }
    }
}
