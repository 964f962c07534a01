//! The files of a stored baseline: kept when it is written, and run again to tell what moved since.

use super::between::Between;
use super::old_files::{OldFiles, normal};
use super::side::{Bench, Side};
use crate::catalog;
use crate::cli::Failure;
use crate::gate::snapshot::{Origin, OriginFile, Snapshot};
use crate::gate::{Movement, movement};
use crate::results::Results;
use crate::spec::LoadOptions;
use crate::spec::files::{digest_file, digest_text};
use crate::spec::scenario::Scenario;
use std::path::{Component, Path, PathBuf};

/// Longer files are kept by their digest alone.
const LONGEST: usize = 65_536;

/// Why a baseline cannot run again that was written without its files.
pub const NOT_KEPT: &str = "this baseline holds no files to run again (a results.json keeps up to 256 KB of them); `--write-baseline` keeps them, and `--baseline-rev` takes them from git";

/// What a baseline is made of.
pub fn origin(options: &LoadOptions, scenario: &Scenario) -> Origin {
    let data_dir = options.data_dir.as_deref();
    let beside = directories(scenario.files.iter().map(|file| file.0.as_str()));
    let files = scenario.files.iter().map(|(shown, digest)| {
        let text = match catalog::embedded_text(shown) {
            Some(text) => Some(text.to_owned()),
            None => find(shown, digest, &beside)
                .and_then(|path| std::fs::read_to_string(path).ok())
                .filter(|text| text.len() <= LONGEST && digest_text(text) == *digest),
        };
        // What comes from `--data-dir` is restored to one, as what is embedded.
        let inside = data_dir.and_then(|dir| Path::new(shown).strip_prefix(dir).ok());
        let name = match inside.and_then(Path::to_str) {
            Some(inside) => format!("embedded:{}", inside.replace('\\', "/")),
            None => shown.clone(),
        };
        OriginFile { name, digest: digest.clone(), text }
    });
    Origin {
        inputs: options.inputs.clone(),
        architectures: options.architectures.clone(),
        horizon: options.horizon.clone(),
        set: options.set.clone(),
        files: files.collect(),
    }
}

/// What a `results.json` was made of: its resolved scenario stands for the scenario and the models, and lies where the scenario lay; other
/// files (traffic, samples) have to be there as they were.
pub fn origin_of_results(results: &Results) -> Option<Origin> {
    let text = results.inputs.resolved.as_ref()?.to_string();
    let is_yaml = |name: &str| [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    let names = results.inputs.files.iter().map(|file| file.name.as_str());
    let mut beside = names.filter(|name| is_yaml(name) && !name.starts_with("embedded:")).map(Path::new);
    let beside = beside.find(|path| path.is_relative()).and_then(Path::parent).unwrap_or(Path::new(""));
    let name = beside.join("resolved-inputs.yaml").to_string_lossy().replace('\\', "/");
    let data = results.inputs.files.iter().filter(|file| !is_yaml(&file.name)).map(|file| OriginFile {
        name: file.name.clone(),
        digest: file.digest.trim_start_matches("sha256:").to_owned(),
        text: None,
    });
    let resolved = OriginFile { name: name.clone(), digest: digest_text(&text), text: Some(text) };
    Some(Origin { inputs: vec![name], files: std::iter::once(resolved).chain(data).collect(), ..Origin::default() })
}

/// The directories in which the files lie that name others, the current one first.
fn directories<'a>(files: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let mut all = vec![PathBuf::new()];
    for file in files.filter(|file| !file.starts_with("embedded:")) {
        let parent = Path::new(file).parent().unwrap_or(Path::new("")).to_owned();
        if !all.contains(&parent) {
            all.push(parent);
        }
    }
    all
}

/// The file of this name and content.
fn find(name: &str, digest: &str, beside: &[PathBuf]) -> Option<PathBuf> {
    let candidates = beside.iter().map(|directory| directory.join(name));
    candidates.into_iter().find(|path| path.is_file() && digest_file(path).is_ok_and(|found| found == digest))
}

/// A stored baseline's files, run by this program at the prices of now.
pub enum Again {
    /// The old files, and the way from there to the new ones.
    Run(Box<(Side, Between)>),
    /// Why they cannot be run.
    Not(String),
}

impl Again {
    /// Makes the old files ready to be run.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when traffic cannot be read.
    pub fn of(old: &Snapshot, new: &Side) -> Result<Self, Failure> {
        Ok(match load(old, new) {
            Ok(mut side) => {
                // As it was sampled when it was stored, so that what differs is the program's doing.
                if new.is_sampled() {
                    side.sample(&[])?;
                }
                let between = Between::new(new, &side)?;
                Self::Run(Box::new((side, between)))
            }
            Err(why) => Self::Not(why),
        })
    }

    /// Why the bills moved from `old` to `new`, which is that of `side`; both may be `averaged` over fewer replications than the baseline has.
    ///
    /// # Errors
    /// [`Failure`] of the simulation or the bill.
    pub fn movements(
        &mut self,
        old: &Snapshot,
        new: &Snapshot,
        side: &Side,
        averaged: bool,
        bench: &Bench<'_>,
    ) -> Result<Vec<Movement>, Failure> {
        let (then, between) = match self {
            Self::Not(why) => return Ok(movement::since(old, new, why)),
            Self::Run(both) => (&mut both.0, &mut both.1),
        };
        let replications = side.scenario.replications;
        then.extend(replications, Some(side), bench)?;
        let onward = between.movements(side, then, replications, bench)?;
        let snapshot = then.snapshot()?;
        let snapshot = if averaged { snapshot.averaged(replications) } else { snapshot };
        Ok(movement::run_again(old, &snapshot, onward))
    }
}

/// The old side, or why there is none.
fn load(old: &Snapshot, new: &Side) -> Result<Side, String> {
    let origin = old.origin.as_ref().ok_or(NOT_KEPT)?;
    let old_files = restore(origin)?;
    let options = LoadOptions {
        inputs: origin.inputs.clone(),
        architectures: origin.architectures.clone(),
        horizon: origin.horizon.clone(),
        set: origin.set.clone(),
        seed: Some(old.seed),
        ..LoadOptions::default()
    };
    let loaded = old_files.load(&options, &new.scenario, Some(&new.book), true);
    let side = loaded.map_err(|_| "this version cannot read the files that the baseline holds".to_owned())?;
    let side = side.ok_or(NOT_KEPT)?;
    let digests = |files: &mut dyn Iterator<Item = &String>| files.cloned().collect::<Vec<_>>();
    let same = digests(&mut side.scenario.files.iter().map(|file| &file.1))
        == digests(&mut origin.files.iter().map(|file| &file.digest));
    if same { Ok(side) } else { Err("the files that the baseline holds are not those that it was made of".to_owned()) }
}

/// Lays the files out as they were.
fn restore(origin: &Origin) -> Result<OldFiles, String> {
    let directory = tempfile::tempdir().map_err(|error| format!("there is no temporary directory ({error})"))?;
    // As deep as names lead upwards.
    let ups = |name: &str| Path::new(name).components().filter(|part| *part == Component::ParentDir).count();
    let deep = origin.files.iter().map(|file| ups(&file.name)).max().unwrap_or(0).min(32);
    let prefix: PathBuf = std::iter::once("here").chain(std::iter::repeat_n("down", deep)).collect();
    let data_dir = directory.path().join("data");
    let beside = directories(origin.files.iter().map(|file| file.name.as_str()));
    for file in &origin.files {
        let place = match file.name.strip_prefix("embedded:") {
            Some(name) => normal(Path::new(name)).map(|name| Path::new("data").join(name)),
            None => normal(&prefix.join(&file.name)),
        };
        let place = place.ok_or_else(|| format!("`{}` of the baseline lies at an absolute path", file.name))?;
        let target = directory.path().join(place);
        let made = target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| match &file.text {
            Some(text) => std::fs::write(&target, text).map(|()| true),
            None => match find(&file.name, &file.digest, &beside) {
                Some(path) => std::fs::copy(path, &target).map(|_| true),
                None => Ok(false),
            },
        });
        match made {
            Ok(true) => {}
            Ok(false) => {
                return Err(format!(
                    "`{}` is too long to be kept in a baseline, or not kept in a results.json, and is not what it was",
                    file.name
                ));
            }
            Err(error) => return Err(format!("`{}` of the baseline cannot be restored ({error})", file.name)),
        }
    }
    let made =
        std::fs::create_dir_all(&data_dir).and_then(|()| std::fs::create_dir_all(directory.path().join(&prefix)));
    made.map_err(|error| error.to_string())?;
    let shown = "the stored baseline".to_owned();
    Ok(OldFiles { directory, prefix, data_dir: Some(data_dir), complete: true, shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_of(name: &str, text: Option<&str>) -> Origin {
        let file = OriginFile { name: name.into(), digest: "0".into(), text: text.map(str::to_owned) };
        Origin { files: vec![file], ..Origin::default() }
    }

    #[test]
    fn files_are_laid_out_as_they_were() {
        for (name, place) in [
            ("shop.yaml", "here/shop.yaml"),
            ("./models/one.yaml", "here/models/one.yaml"),
            ("../models/one.yaml", "here/models/one.yaml"),
            ("embedded:models/one.yaml", "data/models/one.yaml"),
        ] {
            let files = restore(&origin_of(name, Some("text"))).unwrap();
            assert_eq!(std::fs::read_to_string(files.directory.path().join(place)).unwrap(), "text", "{name}");
            assert!(files.directory.path().join(&files.prefix).is_dir());
        }
    }

    #[test]
    fn nothing_is_laid_out_elsewhere() {
        for name in ["/etc/shop.yaml", "../../../../shop.yaml", "embedded:../../shop.yaml", "a/../../../b/../../../c"] {
            if let Ok(files) = restore(&origin_of(name, Some("text"))) {
                let inside = std::fs::read_dir(files.directory.path()).unwrap().count();
                assert!(inside >= 2, "{name}");
            }
        }
        assert!(restore(&origin_of("/etc/shop.yaml", Some("text"))).unwrap_err().contains("absolute"));
        assert!(restore(&origin_of("embedded:../../shop.yaml", Some("text"))).is_err());
        assert!(restore(&origin_of("long.csv", None)).unwrap_err().contains("too long"));
    }
}
