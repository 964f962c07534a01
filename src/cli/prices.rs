//! The price book: what is shipped, overlaid by the price lists of `--data-dir`.

use super::Failure;
use crate::bill::{PriceBook, price_list};
use crate::catalog;
use crate::yaml;
use std::path::{Path, PathBuf};

/// The book of a region.
///
/// # Errors
/// [`Failure::Input`] for a list that cannot be read or a region without one.
pub fn book(region: &str, data_dir: Option<&Path>) -> Result<PriceBook, Failure> {
    book_with(region, data_dir, &[])
}

/// The book of a region, with the prices of these lists in the place of those of the same key.
///
/// # Errors
/// As [`book`].
pub fn book_with(region: &str, data_dir: Option<&Path>, lists: &[PathBuf]) -> Result<PriceBook, Failure> {
    let mut files = catalog::price_lists(region, data_dir).map_err(|found| Failure::of_diagnostics(&found))?;
    for path in lists {
        let shown = path.display().to_string();
        let text = yaml::read_file(path, &shown).map_err(|finding| Failure::of_diagnostics(&[finding]))?;
        files.push((shown, text));
    }
    price_list::book(region, &files).map_err(|found| Failure::of_diagnostics(&found))
}
