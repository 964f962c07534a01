//! The baseline of a git revision: the scenario and its files as they were where this change branched off.

use super::{Bench, Side};
use crate::cli::Failure;
use crate::gate::{Cause, Movement, Part};
use crate::results::Results;
use crate::spec::LoadOptions;
use crate::spec::scenario::Scenario;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

fn cannot(text: impl Into<String>) -> Failure {
    Failure::CannotRun(text.into())
}

/// Runs git and gives its output; `None` when git says no.
fn git(directory: &Path, args: &[&str]) -> Result<Option<Vec<u8>>, Failure> {
    let output = Command::new("git")
        .current_dir(directory)
        .args(args)
        .output()
        .map_err(|error| cannot(format!("git cannot be run: {error}")))?;
    Ok(output.status.success().then_some(output.stdout))
}

fn line(directory: &Path, args: &[&str]) -> Result<Option<String>, Failure> {
    Ok(git(directory, args)?.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// The day of the current commit, as its committer's clock had it.
///
/// # Errors
/// [`Failure::CannotRun`] outside a repository.
pub fn commit_date() -> Result<Date, Failure> {
    let text = line(Path::new("."), &["log", "-1", "--format=%cI"])?;
    text.as_deref().and_then(|text| text.get(..10)).and_then(|day| day.parse().ok()).ok_or_else(|| {
        cannot(
            "agreed exceptions are judged by the commit's date, and there is no commit here: add `--date 2026-03-02`",
        )
    })
}

/// The files of a revision in a temporary directory, laid out as in the repository.
#[derive(Debug)]
pub struct Materialised {
    directory: tempfile::TempDir,
    /// The current directory within the repository.
    prefix: PathBuf,
    /// `--data-dir` within the temporary directory.
    data_dir: Option<PathBuf>,
    /// Whether the scenario was there.
    complete: bool,
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

/// The commit that a change is compared with: the first parent of a merge commit, otherwise the merge base with `rev`.
fn base(top: &Path, rev: &str) -> Result<String, Failure> {
    let shallow = line(top, &["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true");
    let deepen = |what: &str| {
        let advice = if shallow {
            "this clone is shallow: fetch all of it (`fetch-depth: 0` in actions/checkout, `GIT_DEPTH: 0` in GitLab)"
        } else {
            "fetch it first, e.g. `git fetch origin main` and `--baseline-rev origin/main`"
        };
        cannot(format!("--baseline-rev {rev}: {what}; {advice}"))
    };
    if rev.starts_with('-') {
        return Err(Failure::Input(format!("--baseline-rev: `{rev}` is no revision")));
    }
    if line(top, &["rev-parse", "--verify", "--quiet", "HEAD^2^{commit}"])?.is_some() {
        return line(top, &["rev-parse", "--verify", "--quiet", "HEAD^1^{commit}"])?
            .ok_or_else(|| deepen("the first parent of the merge commit is not here"));
    }
    let named = format!("{rev}^{{commit}}");
    let Some(commit) = line(top, &["rev-parse", "--verify", "--quiet", &named])? else {
        return Err(deepen("there is no such revision here"));
    };
    line(top, &["merge-base", "HEAD", &commit])?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| deepen("there is no common ancestor here"))
}

/// Takes the scenario and the files that it names out of the base of `rev`.
///
/// # Errors
/// [`Failure::CannotRun`] without git, outside a repository, or where the history is not there.
pub fn materialise(rev: &str, options: &LoadOptions) -> Result<Materialised, Failure> {
    let here = std::env::current_dir().map_err(|error| cannot(format!("there is no current directory: {error}")))?;
    let top = line(&here, &["rev-parse", "--show-toplevel"])?
        .ok_or_else(|| cannot("--baseline-rev needs a git repository, and this is none"))?;
    let top = PathBuf::from(top);
    let prefix = PathBuf::from(line(&here, &["rev-parse", "--show-prefix"])?.unwrap_or_default());
    let commit = base(&top, rev)?;
    let listing = git(&top, &["ls-tree", "-r", "-z", "--name-only", &commit])?.unwrap_or_default();
    let files: BTreeSet<String> = listing
        .split(|&b| b == 0)
        .filter_map(|name| String::from_utf8(name.to_vec()).ok())
        .filter(|n| !n.is_empty())
        .collect();
    let directory = tempfile::tempdir().map_err(|error| cannot(format!("no temporary directory: {error}")))?;
    let short = commit.get(..10).unwrap_or(&commit).to_owned();
    let mut tree = Tree { top: &top, commit, files, directory: directory.path(), taken: BTreeSet::new() };
    std::fs::create_dir_all(directory.path().join(&prefix)).map_err(|error| cannot(error.to_string()))?;
    let mut complete = true;
    for input in &options.inputs {
        let named_here = [input.clone(), format!("{input}.yaml")].iter().any(|name| here.join(name).is_file());
        let found = tree.take(&prefix, input)?;
        complete &= found || !named_here;
    }
    let mut data_dir = options.data_dir.clone();
    if let Some(given) = &options.data_dir
        && let Some(inside) = within_repository(&top, &prefix, given)
    {
        tree.take_all(&inside)?;
        let moved = directory.path().join(&inside);
        std::fs::create_dir_all(&moved).map_err(|error| cannot(error.to_string()))?;
        data_dir = Some(moved);
    } else if let Some(given) = &options.data_dir {
        data_dir = std::path::absolute(given).ok();
    }
    Ok(Materialised { directory, prefix, data_dir, complete, shown: format!("{rev} ({short})") })
}

/// A path relative to the top of the repository; `None` when it lies outside.
fn within_repository(top: &Path, prefix: &Path, path: &Path) -> Option<PathBuf> {
    let relative = if path.is_absolute() { path.strip_prefix(top).ok()?.to_owned() } else { prefix.join(path) };
    normal(&relative)
}

/// Without `.` and `..`; `None` when it leads out.
fn normal(path: &Path) -> Option<PathBuf> {
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

struct Tree<'a> {
    top: &'a Path,
    commit: String,
    files: BTreeSet<String>,
    directory: &'a Path,
    taken: BTreeSet<String>,
}

impl Tree<'_> {
    /// Takes the file that `name` stands for in a directory of the repository, and what it names itself. Whether there is one.
    fn take(&mut self, beside: &Path, name: &str) -> Result<bool, Failure> {
        let Some(path) = within_repository(self.top, beside, Path::new(name)) else { return Ok(false) };
        let plain = path.to_string_lossy().replace('\\', "/");
        let Some(found) = [plain.clone(), format!("{plain}.yaml")].into_iter().find(|name| self.files.contains(name))
        else {
            return Ok(false);
        };
        self.write(&found)?;
        Ok(true)
    }

    fn take_all(&mut self, directory: &Path) -> Result<(), Failure> {
        let prefix = format!("{}/", directory.to_string_lossy().replace('\\', "/"));
        let inside: Vec<String> = self.files.iter().filter(|name| name.starts_with(&prefix)).cloned().collect();
        inside.iter().try_for_each(|name| self.write(name))
    }

    fn write(&mut self, name: &str) -> Result<(), Failure> {
        if !self.taken.insert(name.to_owned()) {
            return Ok(());
        }
        let object = format!("{}:{name}", self.commit);
        let bytes = git(self.top, &["show", &object])?.ok_or_else(|| cannot(format!("git has no `{object}`")))?;
        let target = self.directory.join(name);
        let made =
            target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&target, &bytes));
        made.map_err(|error| cannot(format!("cannot write `{}`: {error}", target.display())))?;
        let is_yaml = [".yaml", ".yml"].iter().any(|extension| name.ends_with(extension));
        let Some(text) = String::from_utf8(bytes).ok().filter(|_| is_yaml) else { return Ok(()) };
        let parent = Path::new(name).parent().unwrap_or(Path::new("")).to_owned();
        // Whatever a value could name as a file is taken along: models, traffic, samples.
        for value in crate::yaml::scalars(&text) {
            self.take(&parent, &value)?;
        }
        Ok(())
    }
}

impl Materialised {
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

    /// The old side, on the streams of the new one; `None` where the scenario did not exist.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when the old files cannot be used.
    pub fn load(self, options: &LoadOptions, new: &Scenario, quiet: bool) -> Result<Option<Side>, Failure> {
        if !self.complete {
            return Ok(None);
        }
        let options = LoadOptions { seed: Some(new.seed), data_dir: self.data_dir.clone(), ..options.clone() };
        let within = self.enter()?;
        let of_base = |failure: Failure| match failure {
            Failure::Input(text) => cannot(format!("{text}\nthe files of {} cannot be used", self.shown)),
            other => other,
        };
        let scenario = super::load(&options, true).map_err(of_base)?;
        let book = crate::cli::prices::book(&scenario.region, options.data_dir.as_deref()).map_err(of_base)?;
        drop(within);
        if !quiet && scenario.region != new.region {
            crate::cli::output::note(&format!("the region was {}, it is {} now", scenario.region, new.region));
        }
        Ok(Some(Side { directory: Some(self), ..Side::new(scenario, book) }))
    }
}

/// The side between the two where traffic and models both moved: the new traffic on the old models.
pub struct Between {
    side: Option<Side>,
    traffic_moved: bool,
}

/// Everything but the models, exactly.
fn stated(scenario: &Scenario) -> String {
    let mut rest = scenario.clone();
    rest.architectures.clear();
    rest.files.clear();
    rest.replications = 0;
    rest.name.clear();
    rest.description = None;
    format!("{rest:?}")
}

impl Between {
    /// Finds out what moved.
    pub fn new(new: &Side, old: &Side) -> Self {
        // A replayed file shows in its digest alone.
        let data = |side: &Side| {
            let files =
                side.scenario.files.iter().filter(|file| !file.0.ends_with(".yaml") && !file.0.ends_with(".yml"));
            files.map(|file| file.1.clone()).collect::<Vec<_>>()
        };
        let traffic_moved = stated(&new.scenario) != stated(&old.scenario) || data(new) != data(old);
        let mut scenario = new.scenario.clone();
        scenario.architectures.retain_mut(|architecture| {
            let was = old.scenario.architectures.iter().find(|was| was.name == architecture.name);
            match was {
                Some(was) if was != architecture => {
                    *architecture = was.clone();
                    true
                }
                _ => false,
            }
        });
        let needed = traffic_moved && !scenario.architectures.is_empty();
        Self { side: needed.then(|| Side::new(scenario, new.book.clone())), traffic_moved }
    }

    /// Why the bills moved, at this number of replications.
    pub fn movements(
        &mut self,
        new: &Side,
        old: &Side,
        replications: u32,
        bench: &Bench<'_>,
    ) -> Result<Vec<Movement>, Failure> {
        let before = old.results(&old.book)?;
        let after = new.results(&new.book)?;
        let at_old_prices = new.results(&old.book)?;
        let prices_moved = before.prices.digest != after.prices.digest;
        let between = match &mut self.side {
            Some(side) => {
                side.extend(replications, bench)?;
                Some(side.results(&old.book)?)
            }
            None => None,
        };
        let mut movements = Vec::new();
        for architecture in &new.scenario.architectures {
            let Some(was) = old.scenario.architectures.iter().find(|was| was.name == architecture.name) else {
                continue;
            };
            let name = architecture.name.as_str();
            let moved: Vec<Cause> = [
                (Cause::Traffic, self.traffic_moved),
                (Cause::Model, was != architecture),
                (Cause::Prices, prices_moved),
            ]
            .into_iter()
            .filter_map(|(cause, moved)| moved.then_some(cause))
            .collect();
            let mut parts = Vec::new();
            // old -> new traffic -> new model -> new prices: each step on the same streams.
            let mut steps = vec![total(&before, name)];
            for cause in &moved {
                let next = match cause {
                    Cause::Traffic => {
                        between.as_ref().filter(|_| moved.contains(&Cause::Model)).unwrap_or(&at_old_prices)
                    }
                    Cause::Model => &at_old_prices,
                    Cause::Prices | Cause::Tool => &after,
                };
                let step = total(next, name);
                if let (Some(Some(last)), Some(step)) = (steps.last().copied(), step) {
                    parts.push(Part { causes: vec![*cause], amount: step - last });
                }
                steps.push(step);
            }
            if steps.iter().any(Option::is_none) {
                parts.clear();
            }
            movements.push(Movement { architecture: name.to_owned(), moved, parts });
        }
        Ok(movements)
    }
}

fn total(results: &Results, architecture: &str) -> Option<f64> {
    let found = results.architectures.iter().find(|one| one.name == architecture)?;
    found.monthly_cost.total.as_ref()?.parse().ok()
}
