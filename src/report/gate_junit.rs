//! The check as JUnit XML: a test suite for each architecture, a test case for each rule and metric.

use super::format::clean;
use super::gate::{sentence, word};
use crate::gate::rules::Level;
use crate::gate::{Finding, Outcome, State, Subject};

/// Text in an attribute or element.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

/// One suite an architecture, in the order of the findings; the verdict's is called `verdict`.
pub fn render(outcome: &Outcome) -> String {
    let mut suites: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in &outcome.findings {
        let name = if finding.architecture.is_empty() { "verdict" } else { finding.architecture.as_str() };
        match suites.iter_mut().find(|suite| suite.0 == name) {
            Some(suite) => suite.1.push(finding),
            None => suites.push((name, vec![finding])),
        }
    }
    let failed = |findings: &[&Finding]| findings.iter().filter(|f| f.severity() == Some(Level::Deny)).count();
    let skipped = |findings: &[&Finding]| findings.iter().filter(|f| is_skipped(f)).count();
    // The strict schema wants every attribute and the empty elements, and knows no clock either: no time is told.
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (id, (name, findings)) in suites.iter().enumerate() {
        out.push_str(&format!(
            "  <testsuite id=\"{id}\" package=\"costsim.{}\" name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"0\" timestamp=\"1970-01-01T00:00:00\" hostname=\"costsim\">\n    <properties/>\n",
            escaped(&outcome.scenario),
            escaped(name),
            findings.len(),
            failed(findings),
            skipped(findings)
        ));
        let mut said = String::new();
        for finding in findings {
            out.push_str(&case(name, finding));
            said.push_str(&format!("{} {}: {}\n", word(finding), escaped(&finding.rule), escaped(&sentence(finding))));
        }
        out.push_str(&format!("    <system-out>{said}</system-out>\n    <system-err/>\n  </testsuite>\n"));
    }
    out.push_str("</testsuites>\n");
    out
}

fn is_skipped(finding: &Finding) -> bool {
    matches!(finding.state, State::New | State::NoBaseline)
}

fn case(suite: &str, finding: &Finding) -> String {
    let subject = match finding.subject {
        Subject::Limit => " limit",
        Subject::Change => " change",
        Subject::Verdict | Subject::Presence => "",
    };
    let text = escaped(&sentence(finding));
    let head = format!(
        "    <testcase name=\"{}: {}{subject}\" classname=\"{}\" time=\"0\"",
        escaped(&finding.rule),
        escaped(&finding.metric),
        escaped(suite)
    );
    if finding.severity() == Some(Level::Deny) {
        let more = finding.message.as_deref().map(|message| format!("\n{}", escaped(message))).unwrap_or_default();
        return format!(
            "{head}>\n      <failure message=\"{text}\" type=\"deny\">{text}{more}</failure>\n    </testcase>\n"
        );
    }
    if is_skipped(finding) {
        return format!("{head}>\n      <skipped message=\"{text}\"/>\n    </testcase>\n");
    }
    format!("{head}/>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate_fixture::outcome;

    #[test]
    fn suites_count_their_cases() {
        let text = render(&outcome());
        assert_eq!(text.matches("<testcase ").count(), outcome().findings.len());
        assert!(
            text.contains("failures=\"1\"") && text.contains("<failure message=\"lambda: monthly_cost.total $"),
            "{text}"
        );
        assert!(text.contains("name=\"a &lt;b&gt; &amp; &quot;c&quot;"), "{text}");
    }
}
