//! Files that a scenario names: where they are looked for, and their digests.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// SHA-256 of a file's bytes, lower-case hex.
///
/// # Errors
/// Those of the file system.
pub(crate) fn digest_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..len]);
    }
}

/// SHA-256 of a text, lower-case hex.
pub(crate) fn digest_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a file is that another file names: beside it, then in the current directory. Absolute paths stand for themselves.
pub(crate) fn locate(name: &str, base: Option<&Path>) -> PathBuf {
    match base.map(|base| base.join(name)) {
        Some(beside) if beside.exists() => beside,
        _ => PathBuf::from(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        // SHA-256 of "abc": FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(digest_file(&path).unwrap(), expected);
        assert_eq!(digest_text("abc"), expected);
    }

    #[test]
    fn a_file_beside_the_one_that_names_it_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.csv"), "").unwrap();
        assert_eq!(locate("a.csv", Some(dir.path())), dir.path().join("a.csv"));
        assert_eq!(locate("b.csv", Some(dir.path())), Path::new("b.csv"));
        assert_eq!(locate("b.csv", None), Path::new("b.csv"));
    }
}
