//! `costsim validate`: every mistake of every file, with its place and the fix.

use super::output::note;
use super::{DataDir, Failure};
use crate::diag;
use crate::spec;

/// Arguments of `costsim validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenarios, models and price lists: files or names
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    #[command(flatten)]
    data: DataDir,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let found = spec::validate(&args.files, args.data.path()?);
    if diag::any_error(&found) {
        return Err(Failure::of_diagnostics(&found));
    }
    if !found.is_empty() {
        note(&diag::render_all(&found, super::colour_on_stderr()));
    }
    let files = if args.files.len() == 1 { "1 file is".to_owned() } else { format!("{} files are", args.files.len()) };
    note(&format!("{files} fine"));
    Ok(())
}
