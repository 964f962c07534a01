//! Stored baselines: reading one with a plain word for everything that can be wrong with it, and writing one.

use super::kept;
use crate::cli::Failure;
use crate::gate::snapshot::{self, Origin, Snapshot};
use crate::results::{self, Results};
use crate::spec::scenario::Scenario;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

const ANEW: &str = "write it anew with `--write-baseline`";

fn cannot(path: &Path, why: &str) -> Failure {
    Failure::CannotRun(format!("the baseline `{}` {why}", path.display()))
}

/// Reads a baseline of this scenario.
///
/// # Errors
/// [`Failure::CannotRun`] when it is missing, no baseline, of another schema version or of another scenario.
pub fn read(path: &Path, scenario: &Scenario) -> Result<Snapshot, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            cannot(path, "does not exist; make it with `--write-baseline` where the results are agreed on")
        }
        _ => cannot(path, &format!("cannot be read: {error}")),
    })?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        cannot(path, &format!("is damaged (line {}, column {}): {ANEW}", error.line(), error.column()))
    })?;
    let old = match value.get("schema").and_then(Value::as_str) {
        Some(snapshot::SCHEMA) => serde_json::from_value::<Snapshot>(value).map_err(|error| error.to_string()),
        Some(results::SCHEMA) => serde_json::from_value::<Results>(value)
            .map(|results| Snapshot { origin: kept::origin_of_results(&results), ..Snapshot::of(&results) })
            .map_err(|error| error.to_string()),
        Some(other) if other.starts_with("costsim.") => {
            let (ours, theirs) = (snapshot::SCHEMA, results::SCHEMA);
            return Err(cannot(
                path,
                &format!("has the schema {other}; this version reads {ours} and {theirs}: {ANEW}"),
            ));
        }
        _ => return Err(cannot(path, "is no baseline: it has no `schema` of costsim")),
    };
    let old = old.map_err(|error| cannot(path, &format!("is damaged ({error}): {ANEW}")))?;
    if old.scenario != scenario.name {
        return Err(cannot(
            path,
            &format!("is of the scenario `{}`, not of `{}`: name its own, or {ANEW}", old.scenario, scenario.name),
        ));
    }
    if old.region != scenario.region {
        return Err(cannot(
            path,
            &format!("is of the region {}, the scenario of {}: {ANEW}", old.region, scenario.region),
        ));
    }
    if old.replications == 0 || old.architectures.is_empty() {
        return Err(cannot(path, &format!("holds no results: {ANEW}")));
    }
    Ok(old)
}

/// Whether both sides are simulated alike: over the whole horizon, or over windows of it. What differs would be the sampling's doing otherwise.
///
/// # Errors
/// [`Failure::CannotRun`] when not.
pub fn same_mode(path: &Path, old: &Snapshot, sampled: bool) -> Result<(), Failure> {
    match (old.windows.is_some(), sampled) {
        (true, false) => Err(cannot(path, &format!("was made with `--precision`: give it here, too, or {ANEW}"))),
        (false, true) => Err(cannot(path, &format!("was made without `--precision`: leave it out, or {ANEW} with it"))),
        _ => Ok(()),
    }
}

/// Whether a file can be made there, before the long run.
///
/// # Errors
/// [`Failure::Input`] when not.
pub fn writable(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !parent.is_dir() {
        return Err(Failure::Input(format!(
            "cannot write `{}`: there is no such directory, or it is one",
            path.display()
        )));
    }
    Ok(())
}

/// Writes a baseline and what it was made of; it replaces what is there in one step.
///
/// # Errors
/// [`Failure::CannotRun`] when it cannot be written.
pub fn write(path: &Path, snapshot: &Snapshot, origin: Origin) -> Result<(), Failure> {
    let snapshot = Snapshot { origin: Some(origin), ..snapshot.clone() };
    let mut text = serde_json::to_string_pretty(&snapshot).map_err(|error| Failure::CannotRun(error.to_string()))?;
    text.push('\n');
    replace(path, text.as_bytes())
}

/// Writes a file beside its place and renames it.
///
/// # Errors
/// [`Failure::CannotRun`] when it cannot be written.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::CannotRun(format!("cannot write `{}`: {error}", path.display()));
    // Pipes and devices are written to as they are.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, content).map_err(failed);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".costsim-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(parent).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}
