//! The price book: what is shipped, overlaid by the price lists of `--data-dir`.

use super::Failure;
use crate::bill::{PriceBook, price_list};
use crate::catalog;
use std::path::Path;

/// The book of a region.
///
/// # Errors
/// [`Failure::Input`] for a list that cannot be read or a region without one.
pub fn book(region: &str, data_dir: Option<&Path>) -> Result<PriceBook, Failure> {
    catalog::price_lists(region, data_dir)
        .and_then(|files| price_list::book(region, &files))
        .map_err(|found| Failure::of_diagnostics(&found))
}
