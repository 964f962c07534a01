//! Where results go: the standard output, and a directory in which nothing is ever half written.

use super::Failure;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes to the standard output and flushes it.
///
/// # Errors
/// [`Failure::ClosedPipe`] when nobody reads any more, [`Failure::CannotRun`] for anything else.
pub fn to_stdout(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::of_stdout(&error))
}

/// Writes a note to the standard error. A standard error that is gone is nobody's problem.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A directory for results, made and tried before the long run.
///
/// Files are first written under temporary names beside their places and only renamed when all of them are there.
#[derive(Debug)]
pub struct OutDir {
    path: PathBuf,
    /// Directories that did not exist before, innermost first: taken away again if nothing is written.
    made: Vec<PathBuf>,
    /// Files under temporary names, with the names they shall have.
    pending: Vec<(tempfile::NamedTempFile, PathBuf)>,
    /// What an earlier run left that is of no use any more.
    outdated: Vec<PathBuf>,
}

impl OutDir {
    /// Makes the directory where it does not exist and makes sure that files can be written into it.
    ///
    /// # Errors
    /// [`Failure::Input`] when it is no directory or cannot be written to.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let mut dir = Self { path: path.to_owned(), made: Vec::new(), pending: Vec::new(), outdated: Vec::new() };
        dir.make(path).and_then(|()| temporary(path).map(drop)).map_err(|error| {
            let why = if path.exists() && !path.is_dir() { "it is not a directory".to_owned() } else { reason(&error) };
            Failure::Input(format!("cannot write results to `{}`: {why}", path.display()))
        })?;
        Ok(dir)
    }

    fn make(&mut self, path: &Path) -> io::Result<()> {
        let missing = path.ancestors().filter(|p| !p.as_os_str().is_empty()).take_while(|p| !p.exists());
        self.made.extend(missing.map(Path::to_owned));
        fs::create_dir_all(path)
    }

    /// Prepares a file; `name` may hold one directory, as in `charts/cost.svg`.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when it cannot be written.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let target = self.path.join(name);
        let parent = target.parent().unwrap_or(&self.path).to_owned();
        let prepared = (|| {
            if !parent.exists() {
                self.made.insert(0, parent.clone());
                fs::create_dir_all(&parent)?;
            }
            let mut file = temporary(&parent)?;
            file.write_all(content)?;
            file.as_file().sync_all()?;
            Ok(file)
        })();
        let file = prepared.map_err(|error| cannot_write(&target, &error))?;
        self.pending.push((file, target));
        Ok(())
    }

    /// Names files that an earlier run wrote; those that are not written again go when the new ones are there.
    pub fn replaces(&mut self, names: impl IntoIterator<Item = String>) {
        let targets = names.into_iter().map(|name| self.path.join(name));
        self.outdated = targets.filter(|old| self.pending.iter().all(|(_, new)| new != old)).collect();
    }

    /// Gives all prepared files their names.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when a name cannot be given.
    pub fn finish(mut self) -> Result<(), Failure> {
        for (file, target) in self.pending.drain(..) {
            // Temporary files are for the owner alone; results are as readable as other files of the directory.
            readable(&file)
                .and_then(|()| file.persist(&target).map_err(|error| error.error))
                .map_err(|error| cannot_write(&target, &error))?;
        }
        for old in &self.outdated {
            // Gone already, or not ours to remove: neither makes the results wrong.
            let _ = fs::remove_file(old);
        }
        self.made.clear();
        Ok(())
    }
}

impl Drop for OutDir {
    fn drop(&mut self) {
        // First the temporary files, then the directories that were made for them and are empty.
        self.pending.clear();
        for made in &self.made {
            let _ = fs::remove_dir(made);
        }
    }
}

fn temporary(dir: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".costsim-").suffix(".tmp").tempfile_in(dir)
}

#[cfg(unix)]
fn readable(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &tempfile::NamedTempFile) -> io::Result<()> {
    Ok(())
}

fn cannot_write(target: &Path, error: &io::Error) -> Failure {
    Failure::CannotRun(format!("cannot write `{}`: {}", target.display(), reason(error)))
}

/// What the system says, without the temporary path that it names.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_there_until_all_is() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let mut out = OutDir::open(&path).unwrap();
        out.add("report.html", b"<html>").unwrap();
        out.add("charts/cost.svg", b"<svg>").unwrap();
        assert!(!path.join("report.html").exists() && !path.join("charts/cost.svg").exists());
        out.finish().unwrap();
        assert_eq!(names(&path), ["charts", "report.html"]);
        assert_eq!(fs::read(path.join("charts/cost.svg")).unwrap(), b"<svg>");
        // Again, over what is there.
        let mut out = OutDir::open(&path).unwrap();
        fs::write(path.join("charts/mine.svg"), "kept").unwrap();
        out.add("report.html", b"new").unwrap();
        out.replaces(["report.html", "charts/cost.svg", "charts/gone.svg"].map(str::to_owned));
        out.finish().unwrap();
        assert_eq!(names(&path.join("charts")), ["mine.svg"]);
        assert_eq!(fs::read(path.join("report.html")).unwrap(), b"new");
    }

    #[test]
    fn giving_up_leaves_no_trace() {
        let root = tempfile::tempdir().unwrap();
        let mut out = OutDir::open(&root.path().join("a/b")).unwrap();
        out.add("charts/cost.svg", b"<svg>").unwrap();
        drop(out);
        assert_eq!(names(root.path()), Vec::<String>::new());
        // What was there before stays.
        fs::create_dir(root.path().join("kept")).unwrap();
        drop(OutDir::open(&root.path().join("kept")).unwrap());
        assert_eq!(names(root.path()), ["kept"]);
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(Failure::Input(text)) = OutDir::open(file.path()) else { panic!("opened") };
        assert!(text.ends_with("it is not a directory"), "{text}");
    }
}
