//! The check at a terminal.

use super::format::{clean, text_width};
use super::gate::{change, headline, notes, provenance, sentence, title, value, waterfall, word};
use crate::gate::rules::Level;
use crate::gate::{Outcome, State};
use anstyle::{AnsiColor, Style};

/// The headline, the architectures, every finding that is not plainly fine, and how many are.
pub fn render(outcome: &Outcome, color: bool) -> String {
    let paint = |style: Style, text: &str| if color { format!("{style}{text}{style:#}") } else { text.to_owned() };
    let (good, bad, odd) = (AnsiColor::Green, AnsiColor::Red, AnsiColor::Yellow);
    let tone = |it: AnsiColor| it.on_default().bold();
    let mut out = paint(tone(if outcome.passed { good } else { bad }), &headline(outcome));
    out.push_str("\n\n");
    let width = outcome.rows.iter().map(|row| text_width(&clean(&row.architecture))).max().unwrap_or(0);
    for row in &outcome.rows {
        let name = clean(&row.architecture);
        let pad = " ".repeat(width - text_width(&name));
        let unit = Some(row.unit);
        let what = match (row.baseline, row.new) {
            (Some(old), Some(new)) => {
                let noise = if row.significant || (new - old).abs() <= 0.0 { "" } else { "  ~" };
                format!("{} -> {}  {}{noise}", value(Some(old), unit), value(Some(new), unit), change(old, new, unit))
            }
            (None, new) if outcome.baseline.is_some() => format!("{}  new", value(new, unit)),
            (None, new) => value(new, unit),
            (Some(old), None) => format!("{} -> removed", value(Some(old), unit)),
        };
        out.push_str(&format!("  {name}{pad}  {:<20} {what}\n", row.metric));
    }
    for (architecture, parts) in waterfall(outcome) {
        out.push_str(&format!("  {architecture}: the bill was moved by {parts}\n"));
    }
    out.push('\n');
    let quiet = |state: State| matches!(state, State::Kept | State::New | State::NoBaseline);
    for finding in outcome.findings.iter().filter(|finding| !quiet(finding.state)) {
        let tone = tone(match finding.severity() {
            Some(Level::Deny) => bad,
            Some(_) => odd,
            None => good,
        });
        out.push_str(&format!("{} {}: {}\n", paint(tone, word(finding)), title(finding), sentence(finding)));
        if let (Some(_), Some(message)) = (finding.severity(), &finding.message) {
            out.push_str(&format!("     {}\n", clean(message)));
        }
        if let (Some(_), Some(place)) = (finding.severity(), &finding.place) {
            out.push_str(&format!("     {}:{}\n", clean(&place.file), place.line));
        }
    }
    for warning in &outcome.warnings {
        out.push_str(&format!("{} {}\n", paint(tone(odd), "warn"), clean(warning)));
    }
    for text in notes(outcome) {
        out.push_str(&format!("note {text}\n"));
    }
    let fine = outcome.findings.iter().filter(|finding| finding.state == State::Kept).count();
    let unjudged = outcome.findings.iter().filter(|f| matches!(f.state, State::New | State::NoBaseline)).count();
    out.push_str(&format!("{fine} kept, {unjudged} without a baseline, {} judged in all\n", outcome.findings.len()));
    out.push_str(&format!("{}\n", provenance(outcome)));
    out
}
