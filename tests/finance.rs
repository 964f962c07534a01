//! What is handed to finance: a workbook that recalculates, saved results priced again, a bill
//! held against the simulation.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "says what was skipped")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[track_caller]
fn costsim(args: &[&str], code: i32) -> (String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_costsim")).env("NO_COLOR", "1").args(args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert_eq!(run.status.code(), Some(code), "costsim {}\n{stdout}\n{stderr}", args.join(" "));
    (stdout, stderr)
}

/// A report with bursts of a pace of their own, shared tiers and free amounts.
fn report(dir: &Path, more: &[&str]) -> PathBuf {
    let out = dir.join("report");
    let shown = out.display().to_string();
    let mut args = vec!["compare", "storefront", "--quick", "--quiet", "--replications", "2", "--set"];
    args.extend(["traffic.scale=0.2", "--out", &shown]);
    args.extend(more);
    costsim(&args, 0);
    out
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

// ----------------------------------------------------------------------------------------------------- priced again

#[test]
fn the_same_book_gives_the_same_bytes_and_another_region_other_prices() {
    let dir = tempfile::tempdir().unwrap();
    let saved = report(dir.path(), &[]).join("results.json");
    let path = saved.display().to_string();
    let (again, _) = costsim(&["reprice", &path, "--format", "json", "--quiet"], 0);
    assert!(again == fs::read_to_string(&saved).unwrap(), "another result from the same book");
    let out = dir.path().join("ireland");
    let shown = out.display().to_string();
    costsim(&["reprice", &path, "--region", "eu-west-1", "--out", &shown, "--quiet"], 0);
    let (before, after) = (json(&saved), json(&out.join("results.json")));
    assert_eq!((&after["region"], &after["repriced_from"]["region"]), (&"eu-west-1".into(), &"us-east-1".into()));
    assert_eq!(before["architectures"][0]["usage"], after["architectures"][0]["usage"]);
    let total = |results: &Value| results["architectures"][0]["monthly_cost"]["total"].clone();
    assert_ne!(total(&before), total(&after));
    // 25 % off everything of Lambda leaves the other lines as they are.
    let (cheaper, _) = costsim(&["reprice", &path, "--discount", "AWS Lambda=25%", "--format", "json", "--quiet"], 0);
    let cheaper: Value = serde_json::from_str(&cheaper).unwrap();
    let lines = |results: &Value| results["architectures"][0]["line_items"].as_array().unwrap().clone();
    for (old, new) in lines(&before).iter().zip(lines(&cheaper)) {
        let amount = |line: &Value| line["amount"].as_str().unwrap().parse::<f64>().unwrap();
        let share = if old["service"] == "AWS Lambda" { 0.75 } else { 1.0 };
        assert!((amount(&new) - share * amount(old)).abs() < 1e-9, "{old} {new}");
    }
}

#[test]
fn what_is_no_result_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    for (text, words) in [
        ("{", "is no JSON (line 1, column 1)"),
        ("{}", "has no `schema` of costsim"),
        (r#"{"schema":"costsim.results/9"}"#, "has the schema `costsim.results/9`"),
        (r#"{"schema":"costsim.results/1"}"#, "is damaged: missing field"),
    ] {
        let (_, stderr) = costsim(&["reprice", &file("r.json", text)], 2);
        assert!(stderr.contains(words), "{stderr}");
    }
    costsim(&["reprice", "nowhere.json"], 2);
    costsim(&["reprice", "r.json", "--discount", "AWS Lambda"], 2);
}

// ------------------------------------------------------------------------------------------------------- back-test

#[test]
fn a_bill_like_the_simulation_has_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let out = report(dir.path(), &[]);
    let file = |name: &str| out.join(name).display().to_string();
    let run = |more: &[&str], code| {
        let (results, bill) = (file("results.json"), file("focus.csv"));
        let mut args = vec!["backtest", results.as_str(), "--bill", bill.as_str()];
        args.extend(more);
        costsim(&args, code)
    };
    // Its own rows are a bill like any other; those of the other architecture do not count.
    let (text, _) = run(&["--arch", "ec2-asg-alb", "--format", "json", "--within", "0.001%"], 0);
    let found: Value = serde_json::from_str(&text).unwrap();
    let total = json(&out.join("results.json"))["architectures"][1]["monthly_cost"]["total"].clone();
    let total: f64 = total.as_str().unwrap().parse().unwrap();
    for side in ["simulated", "billed"] {
        assert!((found[side].as_f64().unwrap() - total).abs() < 1e-6, "{side}: {found}");
    }
    assert_eq!(found["causes"], Value::Array(Vec::new()));
    let (_, stderr) = run(&[], 2);
    assert!(stderr.contains("say with --arch which one was billed"), "{stderr}");
    let (_, stderr) = run(&["--within", "-5%"], 2);
    assert!(stderr.contains("leave out the minus"), "{stderr}");
    let (_, stderr) = run(&["--arch", "mainframe"], 2);
    assert!(stderr.contains("the results hold lambda-http-api, ec2-asg-alb"), "{stderr}");
    // A bill of ten dollars of one service alone.
    let bill = dir.path().join("bill.csv");
    fs::write(&bill, "BilledCost,ServiceName,x_UsageType,PricingQuantity\n10,AWS Lambda,Lambda-GB-Second-ARM,750000\n")
        .unwrap();
    let bill = bill.display().to_string();
    let results = file("results.json");
    let args = ["backtest", &results, "--bill", &bill, "--arch", "lambda-http-api", "--within", "1%"];
    let (text, _) = costsim(&args, 100);
    assert!(text.contains("lambda.duration.arm") && text.contains("the model has it and the bill has not"), "{text}");
    let (_, stderr) = costsim(&["backtest", &results, "--bill", &file("report.html"), "--arch", "ec2-asg-alb"], 2);
    assert!(stderr.contains("line 1: this header is neither that of FOCUS"), "{stderr}");
}

// --------------------------------------------------------------------------------------------------------- workbook

/// The sheets of a workbook as LibreOffice calculates them anew, as CSV with full precision.
fn recalculated(workbook: &Path, dir: &Path) -> Option<Vec<Vec<Vec<String>>>> {
    let profile = dir.join("profile");
    fs::create_dir_all(profile.join("user")).unwrap();
    // Formulas are calculated when a file is loaded, whatever results it carries.
    let settings = r#"<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>"#;
    fs::write(profile.join("user/registrymodifications.xcu"), settings).unwrap();
    let filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1";
    let run = Command::new("soffice")
        .arg(format!("-env:UserInstallation=file://{}", profile.display()))
        .args(["--headless", "--convert-to", filter, "--outdir"])
        .arg(dir.join("sheets"))
        .arg(workbook)
        .output()
        .ok()?;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let sheet = |name: &str| {
        let path = dir.join("sheets").join(format!("report-{name}.csv"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(&path).unwrap();
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    Some(["Summary", "Line items", "Hourly usage", "Assumptions"].map(sheet).into())
}

/// The workbook's results are made wrong before LibreOffice sees it, so what it says it has calculated.
#[test]
fn libreoffice_calculates_the_same_sums() {
    if std::env::var_os("COSTSIM_SLOW").is_none() {
        println!("skipped: LibreOffice (COSTSIM_SLOW=1)");
        return;
    }
    if Command::new("soffice").arg("--version").output().is_err() {
        println!("skipped: LibreOffice (no `soffice`; apt install libreoffice-calc-nogui)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(report(dir.path(), &[]).join("results.json")).unwrap();
    let mut results: costsim::results::Results = serde_json::from_str(&text).unwrap();
    let lines: Vec<(f64, f64)> = results
        .architectures
        .iter()
        .flat_map(|a| &a.line_items)
        .map(|line| (line.amount.parse().unwrap(), line.quantity.parse().unwrap()))
        .collect();
    for line in results.architectures.iter_mut().flat_map(|a| &mut a.line_items) {
        line.amount = "12345".to_owned();
    }
    let workbook = dir.path().join("report.xlsx");
    fs::write(&workbook, costsim::report::xlsx::render(&results)).unwrap();
    let sheets = recalculated(&workbook, dir.path()).unwrap();
    let number = |cell: &str| cell.parse::<f64>().unwrap_or_else(|_| panic!("{cell:?}"));
    for (index, a) in results.architectures.iter().enumerate() {
        let row = &sheets[0][4 + index];
        let total = number(a.monthly_cost.total.as_ref().unwrap());
        assert_eq!(row[0], a.name);
        assert!((number(&row[1]) - total).abs() < 1e-9 * total, "{row:?}");
        // Rounded in the sheet, so that the noise of doubles is not shown as a difference.
        assert!(number(&row[3]) == 0.0, "{row:?}");
    }
    for (row, (amount, quantity)) in sheets[1][1..].iter().zip(&lines) {
        assert!((number(&row[5]) - quantity).abs() <= 1e-9 * quantity.abs(), "{row:?}");
        assert!((number(&row[8]) - amount).abs() <= 1e-9 * amount.abs(), "{row:?}");
    }
    assert_eq!(sheets[1].len(), 1 + lines.len());
    let meters: Vec<_> = results.architectures.iter().flat_map(|a| &a.usage).filter(|u| u.replication == 0).collect();
    assert!(sheets[2][0][0].starts_with("Counters of replication 1 of 2"), "{:?}", sheets[2][0]);
    for (usage, sum) in meters.iter().zip(&sheets[2][5][1..]) {
        let total: f64 = usage.total.parse().unwrap();
        assert!((number(sum) - total).abs() <= 1e-9 * total, "{} {sum}", usage.sku);
    }
    assert_eq!(sheets[3].len(), 1 + results.inputs.assumptions.len());
}

// ------------------------------------------------------------------------------------------------------------ tags

#[test]
fn tags_and_commitments_reach_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/committed.yaml");
    let out = dir.path().join("out");
    let (scenario, shown) = (scenario.display().to_string(), out.display().to_string());
    costsim(&["compare", &scenario, "--quick", "--quiet", "--focus", "hour", "--out", &shown], 0);
    let results = json(&out.join("results.json"));
    let mut reader = csv::Reader::from_path(out.join("focus.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).expect(name);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for a in results["architectures"].as_array().unwrap() {
        let name = a["name"].as_str().unwrap();
        let mine: Vec<_> = rows.iter().filter(|row| &row[at("x_Architecture")] == name).collect();
        let sum = |column: &str| mine.iter().map(|row| row[at(column)].parse::<f64>().unwrap()).sum::<f64>();
        let total: f64 = a["monthly_cost"]["total"].as_str().unwrap().parse().unwrap();
        // An upfront fee is billed in full, and the total has the month's share: 120 less 120 x 730 / 8,760.
        assert!((sum("BilledCost") - total - 110.0).abs() < 1e-6, "{name}");
        let once: Vec<_> = mine.iter().filter(|row| &row[at("ChargeFrequency")] == "One-Time").collect();
        assert_eq!((once.len(), &once[0][at("BilledCost")], &once[0][at("EffectiveCost")]), (1, "120", "0"));
        // What commitments cost is taken by the usage they cover and by what is unused.
        assert!((sum("EffectiveCost") - total).abs() < 1e-6, "{name}: {} {total}", sum("EffectiveCost"));
        assert!(mine.iter().all(|row| row[at("Tags")].contains(r#""team":"shop""#)));
        assert!(mine.iter().any(|row| &row[at("ChargeCategory")] == "Purchase"), "{name}");
        assert!(mine.iter().any(|row| &row[at("CommitmentDiscountStatus")] == "Used"), "{name}");
    }
    // Priced again it is the same, terms and all.
    let (again, _) =
        costsim(&["reprice", &out.join("results.json").display().to_string(), "--format", "json", "--quiet"], 0);
    assert!(again == fs::read_to_string(out.join("results.json")).unwrap());
}

// ------------------------------------------------------------------------------------------------------ other terms

/// Two m7g.medium all month (0.0408 an hour each) and a function, on demand, with a plan, with half of the hours on Spot.
#[test]
fn verdicts_on_other_terms_are_those_of_the_same_hours() {
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/committed.yaml")).unwrap();
    let (head, rest) = text.split_once("billing:\n").unwrap();
    let (_, tail) = rest.split_once("architectures:\n").unwrap();
    let terms = "billing:\n  purchase:\n    savings_plan: { discounts: { AWS Lambda: 12%, Amazon EC2: 25% } }\n    \
                 spot: { share: 50%, discount: 60% }\narchitectures:\n";
    let scenario = dir.path().join("terms.yaml");
    fs::write(&scenario, format!("{head}{terms}{tail}")).unwrap();
    let out = dir.path().join("out");
    let (scenario, shown) = (scenario.display().to_string(), out.display().to_string());
    let (table, _) = costsim(&["compare", &scenario, "--quick", "--quiet", "--out", &shown], 0);
    let results = json(&out.join("results.json"));
    let terms = results["purchases"].as_array().unwrap();
    let names: Vec<&str> = terms.iter().map(|terms| terms["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["on demand", "with a one-year Savings Plan", "with 50 % of the instance hours on Spot"]);
    let usd = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let total = |terms: usize, architecture: usize| usd(&results["purchases"][terms]["costs"][architecture]["total"]);
    for index in 0..2 {
        // Nothing else was agreed, so on demand is the bill.
        assert!((total(0, index) - usd(&results["architectures"][index]["monthly_cost"]["total"])).abs() < 1e-9);
    }
    // 2 x 0.0408 x 0.75 = 0.0612 an hour would cover all; sold by the thousandth, 0.061 is used in full and saves a third of itself.
    let plan = &terms[1]["costs"][1]["commitment"];
    assert_eq!((&plan["best"], &plan["utilisation"]), (&"0.061".into(), &1.0.into()));
    assert!((plan["coverage"].as_f64().unwrap() - 0.061 / 0.0612).abs() < 1e-6, "{plan}");
    assert!((total(0, 1) - total(1, 1) - 730.0 * 0.061 / 3.0).abs() < 1e-5);
    // Half of 1,460 h at 60 % off.
    assert!((total(0, 1) - total(2, 1) - 730.0 * 0.0408 * 0.6).abs() < 1e-6);
    // A function has no Spot; a plan covers some of it, less than its duration costs, since requests are not covered.
    assert!((total(0, 0) - total(2, 0)).abs() < 1e-9);
    let lines = results["architectures"][0]["line_items"].as_array().unwrap();
    let duration: f64 =
        lines.iter().filter(|line| line["sku"] == "lambda.duration.arm").map(|line| usd(&line["amount"])).sum();
    let plan = &terms[1]["costs"][0]["commitment"];
    assert!(usd(&plan["covered"]) <= duration + 1e-6 && usd(&plan["covered"]) > 0.5 * duration, "{plan} {duration}");
    assert!(table.contains("On other terms") && table.contains("$0.061 an hour"), "{table}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("on Spot"));
    let saved = out.join("results.json").display().to_string();
    let (again, _) = costsim(&["reprice", &saved, "--format", "json", "--quiet"], 0);
    assert!(again == fs::read_to_string(&saved).unwrap());
}
