//! Where the reports of a check go: any number of formats, to files and to the standard output; on GitHub annotations and the job
//! summary without being asked.

use super::baseline::replace;
use crate::cli::{Failure, colour_on_stdout, output};
use crate::diag::nearest;
use crate::gate::Outcome;
use crate::report::gate::{Format, render};
use std::io::Write;
use std::path::{Path, PathBuf};

const FORMATS: [(&str, Format); 7] = [
    ("terminal", Format::Terminal),
    ("markdown", Format::Markdown),
    ("junit", Format::Junit),
    ("sarif", Format::Sarif),
    ("github", Format::Github),
    ("json", Format::Json),
    ("bencher", Format::Bencher),
];

/// The reports that were asked for.
#[derive(Debug)]
pub struct Sinks {
    sinks: Vec<(Format, Option<PathBuf>)>,
    summary: Option<PathBuf>,
}

impl Sinks {
    /// Reads `FORMAT[=FILE]`; the terminal's unless anything goes to the standard output.
    ///
    /// # Errors
    /// [`Failure::Input`] for an unknown format, a file that cannot be made, or two data formats on the standard output.
    pub fn open(wanted: &[String]) -> Result<Self, Failure> {
        let mut sinks = Vec::new();
        for text in wanted {
            let (name, file) = match text.split_once('=') {
                Some((name, file)) => (name, Some(PathBuf::from(file))),
                None => (text.as_str(), None),
            };
            let Some((_, format)) = FORMATS.iter().find(|format| format.0 == name) else {
                let names = FORMATS.map(|format| format.0);
                let help =
                    nearest(name, names).map_or_else(|| names.join(", "), |near| format!("did you mean `{near}`?"));
                return Err(Failure::Input(format!("--report: there is no format `{name}`: {help}")));
            };
            if let Some(file) = &file {
                super::baseline::writable(file)?;
            }
            sinks.push((*format, file));
        }
        if sinks.iter().all(|sink| sink.1.is_some()) {
            sinks.push((Format::Terminal, None));
        }
        let is_data = |sink: &&(Format, Option<PathBuf>)| {
            sink.1.is_none() && !matches!(sink.0, Format::Github | Format::Terminal)
        };
        if sinks.iter().filter(is_data).count() > 1 {
            return Err(Failure::Input(
                "--report: two reports on the standard output; write e.g. `junit=junit.xml`".to_owned(),
            ));
        }
        let on_github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let data_on_stdout = sinks.iter().any(|sink| is_data(&sink));
        if on_github && !data_on_stdout && sinks.iter().all(|sink| sink.0 != Format::Github) {
            sinks.push((Format::Github, None));
        }
        let summary =
            std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| on_github && !path.is_empty()).map(PathBuf::from);
        Ok(Self { sinks, summary })
    }

    /// Writes all of them.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when one cannot be written.
    pub fn write(&self, outcome: &Outcome) -> Result<(), Failure> {
        for (format, file) in self.sinks.iter().filter(|sink| sink.1.is_some()) {
            let text = render(*format, outcome, false);
            replace(file.as_deref().unwrap_or(Path::new("")), text.as_bytes())?;
        }
        if let Some(path) = &self.summary {
            let text = render(Format::Markdown, outcome, false);
            let append = std::fs::OpenOptions::new().append(true).create(true).open(path);
            append
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| Failure::CannotRun(format!("cannot write the job summary: {error}")))?;
        }
        for (format, _) in self.sinks.iter().filter(|sink| sink.1.is_none()) {
            output::to_stdout(&render(*format, outcome, colour_on_stdout()))?;
        }
        Ok(())
    }
}
