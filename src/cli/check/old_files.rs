//! The files of the past in a temporary directory: of a git revision, or of a stored baseline.

use super::git::cannot;
use super::side::Side;
use crate::bill::PriceBook;
use crate::cli::Failure;
use crate::spec::LoadOptions;
use crate::spec::scenario::Scenario;
use std::path::{Component, Path, PathBuf};

/// The files, laid out as they were.
#[derive(Debug)]
pub struct OldFiles {
    /// The temporary directory.
    pub directory: tempfile::TempDir,
    /// What was the current directory, within it.
    pub prefix: PathBuf,
    /// What was `--data-dir`, within it.
    pub data_dir: Option<PathBuf>,
    /// Whether the scenario was there.
    pub complete: bool,
    /// As the user is told: `main (1a2b3c4)`.
    pub shown: String,
}

/// While it lives the current directory is that of the old files.
#[derive(Debug)]
pub struct Within(PathBuf);

impl Drop for Within {
    fn drop(&mut self) {
        // It was the current directory a moment ago.
        let _ = std::env::set_current_dir(&self.0);
    }
}

impl OldFiles {
    /// Makes the old files' directory the current one.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when that is not possible.
    pub fn enter(&self) -> Result<Within, Failure> {
        let here = std::env::current_dir().map_err(|error| cannot(error.to_string()))?;
        std::env::set_current_dir(self.directory.path().join(&self.prefix))
            .map_err(|error| cannot(error.to_string()))?;
        Ok(Within(here))
    }

    /// The old side; `None` where the scenario did not exist. `book` are its prices, unless they are those of the old files.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when the old files cannot be used.
    pub fn load(
        self,
        options: &LoadOptions,
        new: &Scenario,
        book: Option<&PriceBook>,
        quiet: bool,
    ) -> Result<Option<Side>, Failure> {
        if !self.complete {
            return Ok(None);
        }
        let options = LoadOptions { data_dir: self.data_dir.clone(), ..options.clone() };
        let within = self.enter()?;
        let of_base = |failure: Failure| match failure {
            Failure::Input(text) => cannot(format!("{text}\nthe files of {} cannot be used", self.shown)),
            other => other,
        };
        let scenario = super::load(&options, true).map_err(of_base)?;
        let book = match book {
            Some(book) => book.clone(),
            None => crate::cli::prices::book(&scenario.region, options.data_dir.as_deref()).map_err(of_base)?,
        };
        drop(within);
        if !quiet && scenario.region != new.region {
            crate::cli::output::note(&format!("the region was {}, it is {} now", scenario.region, new.region));
        }
        let mut side = Side::new(scenario, book);
        side.directory = Some(self);
        Ok(Some(side))
    }
}

/// Without `.` and `..`; `None` when it leads out.
pub fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}
