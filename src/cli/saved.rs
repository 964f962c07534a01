//! A saved `results.json`, read for another look at it.

use super::Failure;
use crate::results::{Results, SCHEMA};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest file that is read, bytes: a month of a hundred architectures is far below.
const MOST_BYTES: u64 = 1 << 30;

/// Reads a file of results.
///
/// # Errors
/// [`Failure::Input`] when it is missing, damaged, or of another schema.
pub fn read(path: &Path) -> Result<Results, Failure> {
    let wrong = |what: String| Failure::Input(format!("`{}` {what}", path.display()));
    let help = "\n  help: name the `results.json` that `costsim compare --out DIR` wrote";
    let mut text = String::new();
    let opened = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    opened.map_err(|error| wrong(format!("cannot be read: {error}{help}")))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(wrong("is larger than a gigabyte, which no results are".to_owned()));
    }
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        wrong(format!("is no JSON (line {}, column {}): {error}{help}", error.line(), error.column()))
    })?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(SCHEMA) => serde_json::from_value(value).map_err(|error| wrong(format!("is damaged: {error}"))),
        Some(other) => Err(wrong(format!("has the schema `{other}`; this version reads `{SCHEMA}`{help}"))),
        None => Err(wrong(format!("has no `schema` of costsim{help}"))),
    }
}
