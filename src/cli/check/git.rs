//! The baseline of a git revision: the scenario and its files as they were where this change branched off.

use super::old_files::{OldFiles, normal};
use crate::cli::Failure;
use crate::spec::LoadOptions;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn cannot(text: impl Into<String>) -> Failure {
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
pub fn materialise(rev: &str, options: &LoadOptions) -> Result<OldFiles, Failure> {
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
    Ok(OldFiles { directory, prefix, data_dir, complete, shown: format!("{rev} ({short})") })
}

/// A path relative to the top of the repository; `None` when it lies outside.
fn within_repository(top: &Path, prefix: &Path, path: &Path) -> Option<PathBuf> {
    let relative = if path.is_absolute() { path.strip_prefix(top).ok()?.to_owned() } else { prefix.join(path) };
    normal(&relative)
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
