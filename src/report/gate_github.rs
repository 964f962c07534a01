//! The check as GitHub's workflow commands, which become annotations at the lines of the files.

use super::format::clean;
use super::gate::{sentence, title};
use crate::gate::Outcome;
use crate::gate::rules::Level;

/// The text of a command: what would end it is encoded.
fn data(text: &str) -> String {
    clean(text).replace('%', "%25")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// One annotation for each finding that is not fine, then for each warning.
pub fn render(outcome: &Outcome) -> String {
    let mut out = String::new();
    for finding in &outcome.findings {
        let command = match finding.severity() {
            Some(Level::Deny) => "error",
            Some(Level::Warn) => "warning",
            Some(Level::Info) => "notice",
            None => continue,
        };
        let place = finding.place.as_ref().map_or_else(String::new, |place| {
            format!("file={},line={},col={},", property(&place.file), place.line, place.column)
        });
        let message = finding.message.as_deref().map(|text| format!(". {text}")).unwrap_or_default();
        let text = data(&format!("{}{message}", sentence(finding)));
        out.push_str(&format!(
            "::{command} {place}title={}::{text}\n",
            property(&format!("costsim {}", title(finding)))
        ));
    }
    for warning in &outcome.warnings {
        out.push_str(&format!("::warning title=costsim::{}\n", data(warning)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate_fixture::outcome;

    #[test]
    fn annotations_cannot_be_broken_out_of() {
        let mut outcome = outcome();
        outcome.warnings.push("100 %\n::error::mine".to_owned());
        let text = render(&outcome);
        assert!(
            text.starts_with("::error file=my gate.yaml,line=3,col=5,title=costsim cost (lambda)::lambda: "),
            "{text}"
        );
        assert!(text.contains("100 %25 ::error") && !text.contains("\n::error::"), "{text}");
    }
}
