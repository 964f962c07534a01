//! `infracost-usage….yml`: the simulated usage of an architecture in the usage file format of infracost, version 0.1, so that an estimate of
//! Terraform code counts with simulated rather than guessed usage.
//!
//! A component named `shop` is mapped to the resource address `aws_lambda_function.shop` (or the type of its kind): name the
//! resources so, or rename them in the file. Quantities are those of the billed month.

use super::charts::slug;
use super::format::{clean, to_f64};
use crate::results::{ArchitectureResult, ComponentResult, Results};
use std::fmt::Write as _;

/// The version of the format.
pub const VERSION: &str = "0.1";

/// One file an architecture, since one Terraform project is one architecture: (name, content).
pub fn files(results: &Results) -> Vec<(String, String)> {
    let name = |index: usize, a: &ArchitectureResult| match results.architectures.len() {
        1 => "infracost-usage.yml".to_owned(),
        _ => format!("infracost-usage-{}.yml", slug(index, &a.name)),
    };
    results.architectures.iter().enumerate().map(|(index, a)| (name(index, a), render(results, a))).collect()
}

/// What a component used of a key in the month, over all of its tiers.
fn used(a: &ArchitectureResult, component: &str, keys: &[&str]) -> Option<f64> {
    let of = |item: &&crate::results::LineItem| {
        item.component == component
            && keys.iter().any(|key| item.sku == *key || item.sku.starts_with(&format!("{key}.")))
    };
    let quantities: Vec<f64> = a.line_items.iter().filter(of).filter_map(|item| to_f64(&item.quantity)).collect();
    (!quantities.is_empty()).then(|| quantities.iter().sum())
}

fn render(results: &Results, a: &ArchitectureResult) -> String {
    let mut text = format!(
        "# Usage of `{}` in a month of {} h, simulated by costsim {}, scenario `{}`, seed {}.\n\
         # infracost breakdown --path . --usage-file THIS-FILE\n\
         version: {VERSION}\nresource_usage:\n",
        clean(&a.name),
        results.billed_hours,
        clean(&results.tool_version),
        clean(&results.scenario),
        results.seed,
    );
    let empty = text.len();
    for component in &a.components {
        of_component(&mut text, results, a, component);
    }
    let sent: Vec<f64> = a
        .components
        .iter()
        .map(|component| component.name.as_str())
        .chain(["account", "network"])
        .filter_map(|component| used(a, component, &["dto.internet"]))
        .collect();
    if !sent.is_empty() {
        let region = address("aws_data_transfer", &results.region);
        // A JSON string is a YAML string; writing one to memory cannot fail.
        let name = serde_json::to_string(&clean(&results.region)).unwrap_or_default();
        let sent = decimal(sent.iter().sum());
        let _ = write!(text, "  {region}:\n    region: {name}\n    monthly_outbound_internet_gb: {sent}\n");
    }
    let processed = used(a, "network", &["vpc.nat.gb"]);
    if let Some(gb) = processed {
        let _ = write!(
            text,
            "  {}:\n    monthly_data_processed_gb: {}\n",
            address("aws_nat_gateway", "network"),
            decimal(gb)
        );
    }
    if text.len() == empty {
        text.truncate(text.len() - 1);
        text.push_str(" {}\n");
    }
    text
}

fn of_component(text: &mut String, results: &Results, a: &ArchitectureResult, component: &ComponentResult) {
    let name = component.name.as_str();
    let of = |keys: &[&str]| used(a, name, keys);
    let mut resource = |kind: &str, values: &[(&str, String)]| {
        if !values.is_empty() {
            // Two names may become one where letters are replaced.
            let plain = address(kind, name);
            let taken = |address: &String| text.contains(&format!("\n  {address}:\n"));
            let mut numbered = (2..).map(|n| format!("{plain}_{n}"));
            let address =
                if taken(&plain) { numbered.find(|next| !taken(next)).unwrap_or(plain.clone()) } else { plain.clone() };
            let _ = writeln!(text, "  {address}:");
            for (key, value) in values {
                let _ = writeln!(text, "    {key}: {value}");
            }
        }
    };
    match component.kind.as_str() {
        "lambda" => {
            let Some(requests) = of(&["lambda.request"]) else { return };
            let mut values = vec![("monthly_requests", whole(requests))];
            // GB-s x 1,024 / MB / requests = seconds a request.
            if let (Some(gb_s), Some(mb)) = (of(&["lambda.duration"]), memory(results, a, name))
                && requests > 0.0
            {
                values.push(("request_duration_ms", whole(gb_s * 1_024.0 * 1_000.0 / mb / requests)));
            }
            resource("aws_lambda_function", &values);
        }
        "http_api" => {
            // Requests are billed in steps of 512 KB and counted so; one step each.
            if let Some(requests) = of(&["apigw.http.request"]) {
                let values = [("monthly_requests", whole(requests)), ("average_request_size", "512".to_owned())];
                resource("aws_apigatewayv2_api", &values);
            }
        }
        "load_balancer" => {
            // One GB an hour is one capacity unit: as many as make the simulated units, whichever dimension decided.
            if let Some(units) = of(&["alb.lcu"]) {
                resource("aws_lb", &[("processed_bytes_gb", decimal(units / results.billed_hours))]);
            }
        }
        "fleet" => {
            if let Some(hours) = of(&["ec2.od"]) {
                resource("aws_autoscaling_group", &[("instances", decimal(hours / results.billed_hours))]);
            }
        }
        _ => {}
    }
    if let Some(gb) = of(&["cw.logs.ingest", "cw.logs.lambda_vended"]) {
        resource("aws_cloudwatch_log_group", &[("monthly_data_ingested_gb", decimal(gb))]);
    }
}

/// The function's memory in MB, as the assumptions state it.
fn memory(results: &Results, a: &ArchitectureResult, component: &str) -> Option<f64> {
    let path = format!("components.{component}.memory");
    let stated =
        results.inputs.assumptions.iter().find(|assumption| assumption.scope == a.name && assumption.path == path)?;
    let mb: f64 = stated.value.split(" MB").next()?.replace(',', "").parse().ok()?;
    (mb > 0.0).then_some(mb)
}

/// `type.name` in letters that Terraform allows.
fn address(kind: &str, name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.chars().take(64).map(letter).collect();
    format!("{kind}.{name}")
}

/// Whole numbers, where infracost takes no others.
fn whole(value: f64) -> String {
    format!("{:.0}", value.clamp(0.0, 1e15))
}

fn decimal(value: f64) -> String {
    let text = format!("{:.6}", value.clamp(0.0, 1e15));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn usage_is_that_of_the_month() {
        let mut results = fixture::results(2);
        results.inputs.assumptions.push(crate::results::Assumption {
            scope: "lambda-http-api".into(),
            path: "components.shop.memory".into(),
            value: "512 MB = 0.289 vCPU".into(),
            source: None,
        });
        let files = files(&results);
        assert_eq!(files[0].0, "infracost-usage-1-lambda-http-api.yml");
        let lambda = &files[0].1;
        assert!(lambda.contains("\nversion: 0.1\nresource_usage:\n"), "{lambda}");
        assert!(lambda.contains("  aws_apigatewayv2_api.api:\n    monthly_requests: 105382917\n"), "{lambda}");
        // 3,871,220.482113 GB-s x 1,024,000 / 512 MB / 104,382,917 requests = 74.17 ms.
        let shop = "  aws_lambda_function.shop:\n    monthly_requests: 104382917\n    request_duration_ms: 74\n";
        assert!(lambda.contains(shop), "{lambda}");
        let servers = &files[1].1;
        // 3,120.114208 LCU-hours / 730 h; 2 x 2,610.25 instance-hours (the fixture's second size) / 730 h.
        assert!(servers.contains("  aws_lb.lb:\n    processed_bytes_gb: 4.274129\n"), "{servers}");
        assert!(servers.contains("  aws_autoscaling_group.web:\n    instances: 7.151027\n"), "{servers}");
        results.architectures.truncate(1);
        assert_eq!(super::files(&results)[0].0, "infracost-usage.yml");
    }

    #[test]
    fn whatever_names_are_it_is_yaml() {
        for results in [fixture::hostile(7), fixture::degenerate(2), fixture::extreme(3)] {
            for (name, text) in files(&results) {
                let mut sources = crate::diag::Sources::default();
                let id = sources.add("usage.yml", text.as_str());
                let (_, found) = crate::yaml::parse(&sources, id);
                assert!(found.is_empty(), "{name}: {found:?}\n{text}");
            }
        }
    }
}
