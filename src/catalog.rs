//! What ships with the program: models and scenarios as files that users may copy, and tables of what AWS offers.
//!
//! A name is looked up in the current directory (as a path, then with `.yaml`), beside the file that names it, in the data
//! directory (`models/NAME.yaml`, `scenarios/NAME.yaml`), and last in what is embedded; the first that is found wins.

use crate::diag::{Diagnostic, nearest};
use crate::spec::distribution::Distribution;
use crate::spec::model::{Arch, InstanceType};
use crate::units::{MegaBytes, SimDuration};
use crate::yaml;
use include_dir::{Dir, include_dir};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

static MODELS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/models");
static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");
static PRICING: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/pricing");

/// The scenario that runs when none is named.
pub const DEFAULT_SCENARIO: &str = "storefront";

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An architecture.
    Model,
    /// A scenario.
    Scenario,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Scenario => "scenarios",
        }
    }

    fn embedded(self) -> &'static Dir<'static> {
        match self {
            Self::Model => &MODELS,
            Self::Scenario => &SCENARIOS,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Scenario => "scenario",
        }
    }
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As it is shown: the path, or `embedded:models/NAME.yaml`.
    pub shown: String,
    /// Its text.
    pub text: String,
    /// Directory that it lies in; `None` when embedded.
    pub directory: Option<PathBuf>,
}

/// Looks a name up among `kinds`, the first kind first. `beside` is the directory of the file that names it.
///
/// # Errors
/// One diagnostic: a file that cannot be read, or a name that stands for nothing, with the nearest names.
pub fn find(kinds: &[Kind], name: &str, beside: Option<&Path>, data_dir: Option<&Path>) -> Result<Found, Diagnostic> {
    let read = |path: PathBuf| {
        // Without the `.` of a name such as `./model.yaml` inside, so that one file has one name.
        let path: PathBuf = path.components().collect();
        let shown = path.display().to_string();
        let text = yaml::read_file(&path, &shown)?;
        Ok(Found { shown, text, directory: path.parent().map(Path::to_owned) })
    };
    let with_extension = format!("{name}.yaml");
    // An empty name would otherwise be the directory itself.
    if !name.is_empty() {
        for base in [Some(Path::new("")), beside].into_iter().flatten() {
            for candidate in [base.join(name), base.join(&with_extension)] {
                // Pipes such as /dev/stdin are no regular files, but can be read.
                if candidate.exists() && !candidate.is_dir() {
                    return read(candidate);
                }
            }
        }
    }
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    if plain {
        for kind in kinds {
            if let Some(data_dir) = data_dir {
                let candidate = data_dir.join(kind.folder()).join(&with_extension);
                if candidate.is_file() {
                    return read(candidate);
                }
            }
        }
        for kind in kinds {
            if let Some(text) = kind.embedded().get_file(&with_extension).and_then(|file| file.contents_utf8()) {
                let shown = format!("embedded:{}/{with_extension}", kind.folder());
                return Ok(Found { shown, text: text.to_owned(), directory: None });
            }
        }
    }
    if Path::new(name).is_dir() {
        // Says that it is a directory.
        return read(PathBuf::from(name));
    }
    let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
    let title = format!("there is no {} `{}`", words.join(" or "), yaml::shorten(name));
    let all: Vec<String> = kinds.iter().flat_map(|kind| names(*kind, data_dir)).collect();
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    // A path or a file's name most likely means a file.
    let (file, known) = (nearest_file(name, beside), nearest(stem, all.iter().map(String::as_str)));
    let means_a_file = !plain || name.contains('.');
    let near = if means_a_file { file.or(known.map(str::to_owned)) } else { known.map(str::to_owned).or(file) };
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write a path, or one of: {}", all.join(", ")),
    };
    Err(Diagnostic::error("no-such-file", title).help(help))
}

/// The file that was most likely meant by a path at which there is none: the one with the nearest name in the same directory, written
/// as the path was. Looked for beside the file that names it, then in the current directory.
pub(crate) fn nearest_file(name: &str, beside: Option<&Path>) -> Option<String> {
    /// Names looked at in a directory.
    const MOST: usize = 10_000;
    let path = Path::new(name);
    let wanted = path.file_name()?.to_str()?;
    for base in [beside, Some(Path::new(""))].into_iter().flatten() {
        let directory = base.join(path.parent().unwrap_or(Path::new("")));
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let files = entries.flatten().take(MOST).filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
        let mut names: Vec<String> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // The order of a directory is the system's.
        names.sort();
        if let Some(near) = nearest(wanted, names.iter().map(String::as_str)) {
            return Some(path.with_file_name(near).display().to_string());
        }
    }
    None
}

/// The text of an embedded scenario or model as results name it: `embedded:models/NAME.yaml`.
pub fn embedded_text(shown: &str) -> Option<&'static str> {
    let (folder, name) = shown.strip_prefix("embedded:")?.split_once('/')?;
    let kind = [Kind::Model, Kind::Scenario].into_iter().find(|kind| kind.folder() == folder)?;
    kind.embedded().get_file(name)?.contents_utf8()
}

/// Names of this kind in the data directory and in what is embedded, sorted.
pub fn names(kind: Kind, data_dir: Option<&Path>) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut add = |path: &Path| {
        if path.extension().is_some_and(|extension| extension == "yaml")
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
        {
            found.insert(stem.to_owned());
        }
    };
    for file in kind.embedded().files() {
        add(file.path());
    }
    let folder = data_dir.map(|data_dir| data_dir.join(kind.folder()));
    for entry in folder.into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        add(&entry.path());
    }
    found.into_iter().collect()
}

/// The price lists for a region as (name as shown, text), for [`crate::bill::price_list::book`]: the embedded ones that matter
/// (the global one and the region's own; all of them where there is none for it, so that the regions can be named), then all of
/// `DATA_DIR/pricing`, whose prices replace those of the same key.
///
/// # Errors
/// One diagnostic for each file of the data directory that cannot be read.
pub fn price_lists(region: &str, data_dir: Option<&Path>) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
    let stem = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let known = PRICING.files().any(|file| stem(file.path()) == region);
    let mut lists: Vec<(String, String)> = PRICING
        .files()
        .filter(|file| !known || [region, "global"].contains(&stem(file.path()).as_str()))
        .filter_map(|file| {
            Some((format!("embedded:pricing/{}", file.path().display()), file.contents_utf8()?.to_owned()))
        })
        .collect();
    let mut findings = Vec::new();
    let folder = data_dir.map(|data_dir| data_dir.join("pricing"));
    let entries = folder.into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    for path in paths {
        let shown = path.display().to_string();
        match yaml::read_file(&path, &shown) {
            Ok(text) => lists.push((shown, text)),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(lists) } else { Err(findings) }
}

/// The rows of an embedded table, without its comments and its heading, as fields.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let file = MODELS.get_file(Path::new("catalog").join(table));
    let text = file.and_then(|file| file.contents_utf8()).unwrap_or("");
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

/// The EC2 instance type of this name.
pub fn instance_type(name: &str) -> Option<InstanceType> {
    rows("ec2_instances.csv").find(|row| row[0] == name).and_then(|row| {
        let arch = if *row.get(3)? == "arm64" { Arch::Arm } else { Arch::X86 };
        let vcpu = row.get(1)?.parse().ok()?;
        Some(InstanceType { name: name.to_owned(), vcpu, memory_mib: row.get(2)?.parse().ok()?, arch })
    })
}

/// CPU credits that an instance of this type earns in an hour; `None` where it has none (EC2 user guide, "CPU credits": T3, T3a and T4g alike).
pub fn cpu_credits(name: &str) -> Option<u32> {
    let (family, size) = name.split_once('.')?;
    if !["t3", "t3a", "t4g"].contains(&family) {
        return None;
    }
    let sizes = ["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"];
    sizes.iter().position(|known| *known == size).map(|place| [6, 12, 24, 24, 36, 96, 192][place])
}

/// Names of all EC2 instance types that are known.
pub fn instance_types() -> Vec<&'static str> {
    rows("ec2_instances.csv").map(|row| row[0]).collect()
}

/// How a Lambda function's code is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// A ZIP archive.
    Zip,
    /// A container image.
    Image,
}

/// The start-up of a function that does nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct RuntimeStart {
    /// Init duration: log-normal through the measured p50 and p99, capped at the 10 s of the init phase.
    pub init: Distribution,
    /// What the handler's first call takes beyond a warm one.
    pub first_call: SimDuration,
}

/// The warm floor that is taken off the cold call's measured handler duration: an empty handler answers in about 1 ms.
const WARM_FLOOR_MS: f64 = 1.0;
/// Limit of the init phase (Lambda developer guide, "Lambda runtime environment").
const INIT_LIMIT_SECS: f64 = 10.0;

/// The measured start-up of a runtime, or `None` when it was not measured in this combination.
///
/// `nodejs22.x` and `nodejs22` are the same.
pub fn lambda_runtime(runtime: &str, package: Package, arch: Arch, memory: MegaBytes) -> Option<RuntimeStart> {
    let runtime = plain_runtime(runtime);
    let package = if package == Package::Zip { "zip" } else { "image" };
    let arch = if arch == Arch::Arm { "arm64" } else { "x86_64" };
    let row = rows("lambda_runtimes.csv").find(|row| row[0] == runtime && row[1] == package && row[2] == arch)?;
    let number = |column: usize| row.get(column).and_then(|field| field.parse::<f64>().ok());
    let (p50, p99) = (number(3)? / 1e3, number(4)? / 1e3);
    let sizes = [(128.0, number(5)?), (256.0, number(6)?), (512.0, number(7)?), (1024.0, number(8)?)];
    let cold = interpolate(&sizes, f64::from(memory.0));
    Some(RuntimeStart {
        init: capped_lognormal(p50, p99),
        first_call: SimDuration::from_secs_f64((cold - WARM_FLOOR_MS) / 1e3),
    })
}

/// Names of the runtimes whose start-up is known.
pub fn lambda_runtimes() -> Vec<&'static str> {
    let mut names: Vec<_> = rows("lambda_runtimes.csv").map(|row| row[0]).collect();
    names.dedup();
    names
}

/// A runtime's name without what AWS appends to it (`nodejs22.x`, `java8.al2`).
fn plain_runtime(runtime: &str) -> String {
    let lower = runtime.to_lowercase();
    lower.strip_suffix(".x").or_else(|| lower.strip_suffix(".al2")).unwrap_or(&lower).to_owned()
}

/// Between measured memory sizes, linear in 1 / memory, since CPU time is inversely proportional to the share of a vCPU;
/// beyond them the nearest.
fn interpolate(sizes: &[(f64, f64)], memory: f64) -> f64 {
    let after = sizes.partition_point(|(size, _)| *size < memory);
    match (after.checked_sub(1).and_then(|before| sizes.get(before)), sizes.get(after)) {
        (Some(&(m0, v0)), Some(&(m1, v1))) => {
            let part = (1.0 / m0 - 1.0 / memory) / (1.0 / m0 - 1.0 / m1);
            v0 + (v1 - v0) * part
        }
        (Some(&(_, value)), None) | (None, Some(&(_, value))) => value,
        (None, None) => 0.0,
    }
}

/// Log-normal through p50 and p99 in seconds; where it would noticeably exceed the init phase's limit (a few images with
/// heavy tails), its percentiles cut there.
fn capped_lognormal(p50: f64, p99: f64) -> Distribution {
    /// Percents and their standard normal quantiles (NIST/SEMATECH e-handbook, table 1.3.6.7.1, extended).
    const Z: [(f64, f64); 13] = [
        (0.0, -4.0),
        (0.1, -3.090_232),
        (1.0, -2.326_348),
        (5.0, -1.644_854),
        (10.0, -1.281_552),
        (25.0, -0.674_490),
        (50.0, 0.0),
        (75.0, 0.674_490),
        (90.0, 1.281_552),
        (95.0, 1.644_854),
        (99.0, 2.326_348),
        (99.9, 3.090_232),
        (100.0, 4.0),
    ];
    let (mu, sigma) = (libm::log(p50), libm::log(p99 / p50) / 2.326);
    // Five standard deviations: one start in 3.5 million.
    if mu + 5.0 * sigma <= libm::log(INIT_LIMIT_SECS) {
        return Distribution::LogNormal { mu, sigma };
    }
    let at = |z: f64| SimDuration::from_secs_f64(libm::exp(mu + z * sigma).min(INIT_LIMIT_SECS));
    Distribution::Percentiles(Z.iter().map(|&(percent, z)| (percent, at(z))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_what_their_source_holds() {
        assert_eq!(instance_types().len(), 131);
        let m7g = instance_type("m7g.large").unwrap();
        assert_eq!((m7g.vcpu, m7g.memory_mib, m7g.arch), (2, 8_192, Arch::Arm));
        assert_eq!(instance_type("c5.4xlarge").map(|t| (t.vcpu, t.arch)), Some((16, Arch::X86)));
        assert_eq!(instance_type("m7g.huge"), None);
    }

    #[test]
    fn a_runtime_starts_as_measured() {
        // AWS.md 3.2: nodejs22 zip x86 p50 145 ms, p99 about 216 ms, cold handler 12.5 ms at 128 MB, 3.4 ms at 512 and 1,024 MB.
        let start = |mb| lambda_runtime("nodejs22.x", Package::Zip, Arch::X86, MegaBytes(mb)).unwrap();
        let Distribution::LogNormal { mu, sigma } = start(512).init else { panic!("log-normal") };
        assert!((mu.exp() - 0.145).abs() < 0.001, "{}", mu.exp());
        assert!(((mu + 2.326 * sigma).exp() - 0.216).abs() < 0.005, "{}", (mu + 2.326 * sigma).exp());
        assert!((start(128).first_call.as_millis_f64() - 11.5).abs() < 0.1);
        assert!((start(512).first_call.as_millis_f64() - 2.4).abs() < 0.1);
        assert_eq!(start(1_024).first_call, start(10_240).first_call);
        assert_eq!(start(512).init, start(2_048).init, "the init does not depend on the memory");
        assert!(start(192).first_call < start(128).first_call && start(192).first_call > start(256).first_call);
        assert_eq!(lambda_runtime("cobol", Package::Zip, Arch::X86, MegaBytes(512)), None);
    }

    /// AWS.md 3.2, x86 p50 in ms, zip and image; and arm64 against x86 as zip.
    #[test]
    fn packages_and_processors_start_as_measured() {
        let p50 = |runtime, package, arch| match lambda_runtime(runtime, package, arch, MegaBytes(512)).unwrap().init {
            Distribution::LogNormal { mu, .. } => mu.exp() * 1e3,
            other => panic!("{other:?}"),
        };
        for (runtime, zip, image) in [
            ("nodejs22", 144.0, 305.0),
            ("python3.13", 91.0, 163.0),
            ("dotnet8", 260.0, 409.0),
            ("java21", 244.0, 340.0),
            ("rust", 16.0, 36.0),
        ] {
            let (is_zip, is_image) = (p50(runtime, Package::Zip, Arch::X86), p50(runtime, Package::Image, Arch::X86));
            assert!((is_zip / zip - 1.0).abs() < 0.03 && (is_image / image - 1.0).abs() < 0.03, "{runtime}");
        }
        let arm = |runtime| p50(runtime, Package::Zip, Arch::Arm) / p50(runtime, Package::Zip, Arch::X86);
        assert!((arm("nodejs22") - 0.9).abs() < 0.03 && (arm("python3.13") - 0.9).abs() < 0.03);
        assert!((arm("java21") - 1.0).abs() < 0.03 && (arm("dotnet8") - 1.13).abs() < 0.03);
    }

    #[test]
    fn no_runtime_inits_longer_than_the_limit() {
        for name in lambda_runtimes() {
            for package in [Package::Zip, Package::Image] {
                for arch in [Arch::X86, Arch::Arm] {
                    match lambda_runtime(name, package, arch, MegaBytes(256)).map(|start| start.init) {
                        Some(Distribution::Percentiles(points)) => {
                            assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1));
                            assert_eq!(points.last().map(|p| p.1), Some(SimDuration::from_secs(10)), "{name}");
                        }
                        Some(Distribution::LogNormal { mu, sigma }) => assert!(mu + 5.0 * sigma < 10_f64.ln() + 1e-9),
                        Some(other) => panic!("{name}: {other:?}"),
                        None => {}
                    }
                }
            }
        }
        assert!(lambda_runtimes().len() >= 35);
    }

    #[test]
    fn a_data_directory_overlays_what_is_embedded_and_unknown_names_get_the_nearest() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("models")).unwrap();
        std::fs::write(dir.path().join("models/my-model.yaml"), "name: x\n").unwrap();
        let found = find(&[Kind::Model], "my-model", None, Some(dir.path())).unwrap();
        assert!(found.text == "name: x\n" && found.directory.is_some());
        assert!(names(Kind::Model, Some(dir.path())).contains(&"my-model".to_owned()));
        let error = find(&[Kind::Model], "my-modle", None, Some(dir.path())).unwrap_err();
        assert_eq!(error.help.as_deref(), Some("did you mean `my-model`?"));
        for odd in ["", ".", "..", "a/b/c", "\0", "models/../.."] {
            assert!(find(&[Kind::Model, Kind::Scenario], odd, None, None).is_err(), "{odd:?}");
        }
        assert_eq!(find(&[Kind::Model], ".", None, None).unwrap_err().code, "is-directory");
    }
}
