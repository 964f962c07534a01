//! The rules of `ARCHITECTURE.md`, held by reading the source: each is an absence, so nothing else would notice.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What may not appear, where, and why.
struct Rule {
    /// Files or directories below `src/`; empty = everywhere.
    within: &'static [&'static str],
    /// Files or directories that are excepted.
    except: &'static [&'static str],
    absent: &'static [&'static str],
    why: &'static str,
}

const PURE: &[&str] = &[
    "sim",
    "arch",
    "arch.rs",
    "bill",
    "bill.rs",
    "stats",
    "compare",
    "compare.rs",
    "gate",
    "gate.rs",
    "finding.rs",
    "money.rs",
    "money",
    "units.rs",
    "usage.rs",
];

const RULES: &[Rule] = &[
    Rule {
        within: PURE,
        except: &[],
        absent: &[
            "std::fs",
            "std::io",
            "std::time",
            "std::env",
            "std::net",
            "std::process",
            "SystemTime",
            "Instant::now",
        ],
        why: "the core does no I/O and reads no clock",
    },
    Rule {
        within: &[],
        except: &["cli", "cli.rs", "main.rs"],
        absent: &["println!", "print!", "eprintln!", "eprint!", "dbg!", "stdout()", "stderr()"],
        why: "only the command line prints",
    },
    Rule {
        within: &["sim"],
        except: &[],
        absent: &[
            "crate::arch",
            "crate::bill",
            "crate::traffic",
            "crate::money",
            "crate::usage",
            "crate::compare",
            "spec::model",
            "spec::scenario",
        ],
        why: "the engine knows no AWS",
    },
    Rule {
        within: &["arch", "arch.rs", "traffic", "traffic.rs"],
        except: &[],
        absent: &["crate::money", "crate::bill", "crate::compare", "crate::report"],
        why: "what behaves knows no price",
    },
    Rule {
        within: &["bill", "bill.rs"],
        except: &[],
        absent: &["crate::arch", "crate::sim", "crate::traffic", "crate::run", "crate::compare", "crate::report"],
        why: "what prices knows no behaviour",
    },
    Rule {
        within: &["report", "report.rs"],
        except: &[],
        absent: &[
            "crate::arch",
            "crate::sim",
            "crate::traffic",
            "crate::run",
            "crate::compare",
            "crate::bill",
            "crate::spec",
            "std::fs",
        ],
        why: "reports are rendered from the results alone",
    },
    Rule {
        within: &["sim", "arch", "bill", "stats", "spec", "traffic", "run.rs", "compare", "compare.rs", "report"],
        except: &[],
        absent: &["crate::cli"],
        why: "the library does not know its command line",
    },
    Rule {
        within: &[],
        except: &["yaml.rs"],
        absent: &["serde_yaml", "serde_saphyr"],
        why: "only yaml.rs names the parser",
    },
    Rule {
        within: &[],
        except: &["cli", "cli.rs"],
        absent: &["clap::", "indicatif::", "ctrlc::"],
        why: "only the command line knows what is typed",
    },
    Rule {
        within: &[],
        except: &["report"],
        absent: &["plotters::", "askama::", "comfy_table::", "rust_xlsxwriter::"],
        why: "only reports format",
    },
    Rule {
        within: &["sim", "arch", "traffic", "bill", "stats", "spec", "compare", "compare.rs", "run.rs"],
        except: &[],
        absent: &[
            ".ln()",
            ".powf(",
            ".sin()",
            ".cos()",
            ".tan()",
            ".log10()",
            ".log2()",
            ".ln_1p()",
            ".exp_m1()",
            ".cbrt()",
            "f64::ln",
            "f64::exp",
        ],
        why: "the system's mathematical library is not the same bits everywhere: use libm",
    },
    // The sampler has an `exp` of its own.
    Rule {
        within: &["sim", "arch", "traffic", "bill", "stats", "spec", "compare"],
        except: &["sim/sampler.rs"],
        absent: &[".exp()"],
        why: "as above",
    },
    Rule {
        within: &["sim", "arch", "traffic", "bill", "stats", "compare", "compare.rs", "run.rs", "report"],
        except: &[],
        absent: &["HashMap", "HashSet", "thread_rng", "rand::random"],
        why: "the same input gives the same bytes: no order that changes from run to run",
    },
    Rule { within: &[], except: &[], absent: &["unsafe {", "unsafe fn", "todo!(", "unimplemented!("], why: "never" },
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All Rust files below a directory, in order.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file that are code of the program: no comments, and nothing from the tests on, which stand at the end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_test = |line: &str| line.trim_start().starts_with("mod tests");
    text.lines()
        .enumerate()
        .take_while(move |(_, line)| !is_test(line))
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

/// Whether `path` (below `src/`) is one of these files or lies in one of these directories.
fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path == *place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')))
}

/// Whether `word` stands in the line by itself: `print!` is not in `sprint!`.
fn mentions(line: &str, word: &str) -> bool {
    let begins_a_word = word.starts_with(|c: char| c.is_alphanumeric());
    line.match_indices(word)
        .any(|(at, _)| !begins_a_word || !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn violations(path: &str, text: &str) -> String {
    let mut found = String::new();
    for rule in RULES {
        if (!rule.within.is_empty() && !is_in(path, rule.within)) || is_in(path, rule.except) {
            continue;
        }
        for (number, line) in code(text) {
            for word in rule.absent.iter().filter(|word| mentions(line, word)) {
                let _ = writeln!(found, "src/{path}:{number}: `{word}`: {}", rule.why);
            }
        }
    }
    found
}

/// Files that are compiled for tests alone: `#[cfg(test)]`, perhaps a `#[path = "…"]`, and then `mod name;` in the file above.
fn only_for_tests(file: &Path, text: &str) -> Vec<PathBuf> {
    let stem = file.file_stem().unwrap();
    let beside = file.parent().unwrap();
    let inside = if stem == "mod" || stem == "lib" { beside.to_owned() } else { file.with_extension("") };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let after = |index: usize| lines.get(index).copied().unwrap_or_default();
    let declared = |index: usize| {
        if let Some(path) = after(index).strip_prefix("#[path = \"") {
            return Some(beside.join(path.strip_suffix("\"]")?));
        }
        let (_, name) = after(index).strip_suffix(';')?.rsplit_once("mod ")?;
        Some(inside.join(name).with_extension("rs"))
    };
    (0..lines.len()).filter(|&index| lines[index] == "#[cfg(test)]").filter_map(|index| declared(index + 1)).collect()
}

#[test]
fn the_rules_hold() {
    let mut all = Vec::new();
    files(&source(), &mut all);
    assert!(all.len() > 10, "where is the source?");
    let tests: Vec<PathBuf> =
        all.iter().flat_map(|file| only_for_tests(file, &fs::read_to_string(file).unwrap())).collect();
    let found: String = all
        .iter()
        .filter(|file| !tests.contains(file))
        .map(|file| {
            let path = file.strip_prefix(source()).unwrap().to_str().unwrap().replace('\\', "/");
            violations(&path, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn the_rules_can_fail() {
    let count = |path: &str, text: &str| violations(path, text).lines().count();
    assert_eq!(count("sim/queue.rs", "use std::time::Instant;"), 1);
    assert_eq!(count("sim/queue.rs", "use crate::arch::World;"), 1);
    assert_eq!(count("arch/lambda.rs", "use crate::money::Usd;"), 1);
    assert_eq!(count("report/html.rs", "use crate::spec::scenario::Scenario;\nuse std::fs;"), 2);
    assert_eq!(count("stats/intervals.rs", "let y = x.ln();"), 1);
    assert_eq!(count("spec/read.rs", "let node: serde_yaml::Value;"), 1);
    assert_eq!(count("yaml.rs", "let node: serde_yaml::Value;"), 0);
    assert_eq!(count("cli/compare.rs", "println!()"), 0);
    assert_eq!(count("catalog.rs", "println!()"), 1);
    // Comments and tests are free.
    assert_eq!(count("sim/queue.rs", "// std::time\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}"), 0);
}
