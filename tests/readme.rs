//! The README shows what the program prints. `UPDATE_README=1 cargo test --test readme` writes it anew.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

const PICTURE: &str = "docs/storefront-cost.svg";

/// What stands between the fences of the block that begins with this command.
fn transcript<'a>(readme: &'a str, command: &str) -> &'a str {
    let start = format!("```console\n$ {command}\n");
    let (_, rest) = readme.split_once(&start).unwrap_or_else(|| panic!("no transcript of `{command}`"));
    rest.split_once("```\n").unwrap().0
}

#[test]
fn the_transcript_and_the_picture_are_what_compare_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_costsim"))
        .current_dir(dir.path())
        .args(["compare", "--quiet", "--no-sensitivity", "--out", "report"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let picture = fs::read_to_string(dir.path().join("report/charts/cost.svg")).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let shown = transcript(&readme, "costsim compare");
    if std::env::var_os("UPDATE_README").is_some() {
        let command = "$ costsim compare\n";
        fs::write(root.join("README.md"), readme.replace(&format!("{command}{shown}"), &format!("{command}{printed}")))
            .unwrap();
        fs::write(root.join(PICTURE), picture).unwrap();
        return;
    }
    assert!(shown == printed, "the README shows\n{shown}\nbut the program prints\n{printed}");
    assert!(picture == fs::read_to_string(root.join(PICTURE)).unwrap(), "{PICTURE} is not what the program draws");
}

#[test]
fn every_command_in_the_readme_is_one() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut commands = 0;
    for piece in readme.split("costsim ").skip(1) {
        let name = piece.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
        if !["compare", "validate", "schema", "init", "completions", "man"].contains(&name) {
            continue;
        }
        commands += 1;
        let help = Command::new(env!("CARGO_BIN_EXE_costsim")).args([name, "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let line = piece.lines().next().unwrap().split(['`', '|', '#']).next().unwrap();
        for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "`costsim {line}`: {name} has no {option}");
        }
    }
    assert!(commands >= 10, "{commands} commands were found");
}
