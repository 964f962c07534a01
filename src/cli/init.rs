//! `costsim init`: a commented starter to copy from. Never overwrites.

use super::Failure;
use super::output::{OutDir, note};
use std::path::{Path, PathBuf};

/// The starter: name of the file, content.
const STARTER: [(&str, &str); 3] = [
    ("scenario.yaml", include_str!("starter/scenario.yaml")),
    ("lambda.yaml", include_str!("starter/lambda.yaml")),
    ("ec2.yaml", include_str!("starter/ec2.yaml")),
];

/// Arguments of `costsim init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write it; made if it does not exist
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Writes the starter with the schemas that editors check it with.
pub fn run(args: &Args) -> Result<(), Failure> {
    let files = files()?;
    let there: Vec<&str> =
        files.iter().map(|(name, _)| name.as_str()).filter(|name| args.dir.join(name).exists()).collect();
    if !there.is_empty() {
        return Err(Failure::Input(format!(
            "`{}` already has {}: nothing was written; choose another directory",
            args.dir.display(),
            there.join(", ")
        )));
    }
    let mut out = OutDir::open(&args.dir)?;
    for (name, content) in &files {
        out.add(name, content.as_bytes())?;
    }
    out.finish()?;
    let scenario = shown(&args.dir.join("scenario.yaml"));
    note(&format!("wrote a scenario and two models; try: costsim compare {scenario}"));
    Ok(())
}

fn files() -> Result<Vec<(String, String)>, Failure> {
    let mut files: Vec<(String, String)> =
        STARTER.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect();
    for kind in [super::extras::SchemaKind::Scenario, super::extras::SchemaKind::Model] {
        files.push((format!("schema/{}.json", kind.name()), super::extras::schema_text(kind)?));
    }
    Ok(files)
}

/// The path without a leading `./`.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
