//! The comparison as GitHub-flavoured Markdown, for a comment on a change or a note.

use super::format::clean;
use super::summary;
use crate::results::Results;

/// Text that stays text: what Markdown, HTML, formulas, mentions, references or links are made of is escaped.
pub(super) fn escaped(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '&' | '<' | '>' | '|' | '@' | '#' => out.push_str(&format!("&#{};", u32::from(c))),
            '\\' | '*' | '_' | '`' | '[' | ']' | '~' | '!' | '$' => out.extend(['\\', c]),
            // Bare addresses would become links.
            ':' if text[at..].starts_with("://") => out.push_str("&#58;"),
            '.' if text[..at].ends_with("www") => out.push_str("&#46;"),
            c => out.push(c),
        }
    }
    out
}

/// A heading, the verdict, the table and the warnings; ends in a line break.
pub fn render(results: &Results) -> String {
    let mut out = format!("### costsim: {}\n\n", escaped(&results.scenario));
    out.push_str(&format!("**{}**\n\n", escaped(&results.verdict.sentence)));
    let names: String = results.architectures.iter().map(|a| format!(" {} |", escaped(&a.name))).collect();
    out.push_str(&format!("| |{names}\n|:--|{}\n", " --: |".repeat(results.architectures.len())));
    for row in summary::rows(results) {
        let indent = if row.part { "&emsp;" } else { "" };
        let cells: String = row
            .cells
            .iter()
            .map(|lines| format!(" {} |", lines.iter().map(|l| escaped(l)).collect::<Vec<_>>().join("<br>")))
            .collect();
        out.push_str(&format!("| {indent}{} |{cells}\n", escaped(&row.label)));
    }
    out.push_str(&format!("\n{}. {}\n", escaped(&summary::subject(results)), escaped(&summary::certainty(results))));
    for paragraph in super::ownership::paragraphs(results) {
        let mut lines = paragraph.iter();
        if let Some(heading) = lines.next() {
            out.push_str(&format!("\n**{}**\n\n", escaped(heading)));
        }
        for line in lines {
            out.push_str(&format!("- {}\n", escaped(line)));
        }
    }
    let warnings = summary::warnings(results);
    if !warnings.is_empty() {
        out.push_str("\n**Warnings**\n\n");
        for warning in warnings {
            out.push_str(&format!("- {}\n", escaped(&warning)));
        }
    }
    out.push_str(&format!("\n<sub>{}</sub>\n", escaped(&summary::provenance(results))));
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn every_row_has_every_column() {
        for results in [fixture::results(2), fixture::hostile(7), fixture::degenerate(3)] {
            let text = render(&results);
            let rows: Vec<&str> = text.lines().filter(|l| l.starts_with('|')).collect();
            assert!(rows.len() > 12, "{text}");
            for row in rows {
                assert_eq!(row.matches('|').count(), results.architectures.len() + 2, "{row}");
            }
        }
    }

    #[test]
    fn names_are_only_names() {
        let text = render(&fixture::hostile(7));
        let text = text.replace("\\]", "").replace("\\`", "");
        for part in ["<script", "@everyone", "](", "`", "https://"] {
            assert!(!text.contains(part), "{part} in:\n{text}");
        }
    }
}
