//! The check as a comment on a change, in GitHub-flavoured Markdown.

use super::gate::{change, headline, notes, provenance, sentence, value, waterfall, word};
use super::markdown::escaped;
use crate::gate::rules::Level;
use crate::gate::{Finding, Outcome, State};

/// Platforms refuse longer comments: 65,536 characters (GitHub's limit).
pub const LONGEST: usize = 65_536;

/// What is said where the middle was taken out.
const CUT: &str = "\n\n_… the middle of this comment was taken out: comments hold 65,536 characters. The JSON report has all of it._\n\n";

/// By which a comment of an earlier run is found again.
pub fn tag(scenario: &str) -> String {
    let name: String = scenario.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("<!-- costsim-check:{name} -->")
}

/// Headline, table, what failed and warned, the rest folded, and a hidden tag.
pub fn render(outcome: &Outcome) -> String {
    let icon = match (outcome.passed, outcome.at(Level::Warn).next().is_some() || !outcome.warnings.is_empty()) {
        (false, _) => "❌",
        (true, true) => "⚠️",
        (true, false) => "✅",
    };
    let mut out = format!(
        "{}\n### {icon} costsim: {}\n\n**{}.**\n\n",
        tag(&outcome.scenario),
        escaped(&outcome.scenario),
        escaped(&headline(outcome))
    );
    out.push_str("| architecture | metric | baseline | new | change |\n|:--|:--|--:|--:|--:|\n");
    for row in &outcome.rows {
        let unit = Some(row.unit);
        let (old, new, delta) = match (row.baseline, row.new) {
            (Some(old), Some(new)) => {
                let noise = if row.significant || (new - old).abs() <= 0.0 { "" } else { " ~" };
                (value(Some(old), unit), value(Some(new), unit), format!("{}{noise}", change(old, new, unit)))
            }
            (None, new) => {
                ("–".into(), value(new, unit), if outcome.baseline.is_some() { "new".into() } else { "–".to_owned() })
            }
            (Some(old), None) => (value(Some(old), unit), "–".into(), "removed".into()),
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            escaped(&row.architecture),
            escaped(&row.metric),
            escaped(&old),
            escaped(&new),
            escaped(&delta)
        ));
    }
    let list = |out: &mut String, heading: &str, items: Vec<String>| {
        if !items.is_empty() {
            out.push_str(&format!("\n**{heading}**\n\n{}", items.concat()));
        }
    };
    let line = |finding: &Finding| {
        let message = finding.message.as_ref().map(|text| format!(" {}", escaped(text))).unwrap_or_default();
        format!("- **{}**: {}.{message}\n", escaped(&finding.rule), escaped(&sentence(finding)))
    };
    list(&mut out, "Failed", outcome.at(Level::Deny).map(line).collect());
    let mut warned: Vec<String> = outcome.at(Level::Warn).map(line).collect();
    warned.extend(outcome.warnings.iter().map(|text| format!("- {}\n", escaped(text))));
    list(&mut out, "Warned", warned);
    let accepted = outcome.findings.iter().filter(|finding| finding.state == State::Accepted);
    list(&mut out, "Agreed exceptions", accepted.map(line).collect());
    let moved = waterfall(outcome).into_iter();
    list(
        &mut out,
        "What moved the bill",
        moved.map(|(name, parts)| format!("- {}: {}\n", escaped(&name), escaped(&parts))).collect(),
    );
    list(&mut out, "Notes", notes(outcome).iter().map(|text| format!("- {}\n", escaped(text))).collect());
    out.push_str(&format!(
        "\n<details><summary>All {} checks</summary>\n\n| | rule | what was found |\n|:--|:--|:--|\n",
        outcome.findings.len()
    ));
    for finding in &outcome.findings {
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            escaped(word(finding)),
            escaped(&finding.rule),
            escaped(&sentence(finding))
        ));
    }
    out.push_str("\n`~`: within noise, which never fails.\n\n</details>\n");
    out.push_str(&format!("\n<sub>{}</sub>\n", escaped(&provenance(outcome))));
    shortened(&out)
}

/// Takes whole lines out of the middle until the comment fits.
fn shortened(text: &str) -> String {
    let total = text.chars().count();
    if total <= LONGEST {
        return text.to_owned();
    }
    // The end keeps the fold closed and says what the run rests on.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let tail_from = lines.len().saturating_sub(7);
    let tail: usize = lines[tail_from..].iter().map(|line| line.chars().count()).sum();
    let mut room = LONGEST.saturating_sub(tail + CUT.chars().count());
    let mut out = String::new();
    let mut open = false;
    // A quarter for the end of the list, the rest for its beginning.
    let end_room = room / 4;
    room -= end_room;
    let mut taken = 0;
    for line in &lines[..tail_from] {
        let length = line.chars().count();
        if length > room {
            break;
        }
        room -= length;
        open |= line.contains("<details>");
        out.push_str(line);
        taken += 1;
    }
    let mut rest = Vec::new();
    let mut left = end_room;
    for line in lines[taken..tail_from].iter().rev() {
        let length = line.chars().count();
        if length > left || !line.starts_with('|') {
            break;
        }
        left -= length;
        rest.push(*line);
    }
    out.push_str(CUT);
    if open && !rest.is_empty() && left > 40 {
        out.push_str("| | rule | what was found |\n|:--|:--|:--|\n");
    }
    out.extend(rest.iter().rev().copied());
    let tail: String = lines[tail_from..].concat();
    // Where the fold was never opened its end has nothing to close.
    out.push_str(&if open { tail } else { tail.replace("</details>\n", "") });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate_fixture::outcome;

    #[test]
    fn the_parts_of_a_comment() {
        let text = render(&outcome());
        for part in [
            "<!-- costsim-check:shop -->",
            "### ❌ costsim: shop",
            "**The gate fails",
            "| lambda | monthly\\_cost.total | ",
            "(+20",
            "**Warned**",
            "<details>",
            "</details>",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn a_long_comment_loses_its_middle() {
        let mut long = outcome();
        let finding = long.findings[0].clone();
        for index in 0..2_000 {
            long.findings.push(Finding { rule: format!("rule-{index}"), state: State::Kept, ..finding.clone() });
        }
        let text = render(&long);
        assert!(text.chars().count() <= LONGEST, "{}", text.chars().count());
        assert!(text.chars().count() > LONGEST - 1_000);
        for part in ["<!-- costsim-check", "was taken out", "rule-0", "rule-1999", "</details>", "<sub>"] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("rule-1200"));
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        // Even where the failures alone are too many.
        for finding in &mut long.findings {
            finding.state = State::Broken;
            finding.level = Level::Deny;
        }
        let text = render(&long);
        assert!(text.chars().count() <= LONGEST);
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }
}
