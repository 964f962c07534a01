//! `results.json`: the results as they are.

/// Pretty, in the order of the types, with a line break at the end. Infinities and NaN become `null`.
pub fn render(results: &impl serde::Serialize) -> String {
    // Maps have string keys and writing goes to memory: nothing here can fail.
    let mut text = serde_json::to_string_pretty(results).expect("results hold nothing that JSON cannot say");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::results::Results;

    #[test]
    fn it_reads_back_as_it_was_written() {
        let results = fixture::results(2);
        let text = render(&results);
        assert!(text.starts_with("{\n  \"schema\": \"costsim.results/1\",\n"), "{}", &text[..80]);
        assert!(text.ends_with("}\n"));
        assert_eq!(serde_json::from_str::<Results>(&text).expect("parses"), results);
        assert_eq!(render(&results), text);
    }

    #[test]
    fn money_is_text_and_unknown_is_null() {
        let value: serde_json::Value = serde_json::from_str(&render(&fixture::degenerate(1))).expect("parses");
        assert!(value["architectures"][0]["monthly_cost"]["total"].is_null());
        let value: serde_json::Value = serde_json::from_str(&render(&fixture::results(1))).expect("parses");
        assert!(value["architectures"][0]["monthly_cost"]["total"].is_string());
        assert!(value["architectures"][0]["line_items"][0]["amount"].is_string());
    }
}
