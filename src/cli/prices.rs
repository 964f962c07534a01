//! `costsim prices`: what is in the price books, and how they are brought up to date.

use super::output::{note, to_stdout};
use super::prices_text as show;
use super::{DataDir, Failure};
use crate::bill::{PriceBook, PriceList, again, price_list};
use crate::catalog;
use crate::money::Usd;
use crate::offer;
use crate::results::Results;
use crate::spec::billing::Billing;
use crate::spec::scenario::FreeTier;
use crate::units::SimDuration;
use crate::yaml;
use std::fs;
use std::path::{Path, PathBuf};

/// Largest `results.json` that is read.
const MAX_RESULTS: u64 = 1 << 30;

/// Arguments of `costsim prices`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List prices with region, unit, source, date and how well each is known
    List(ListArgs),
    /// Show one price: tiers, free amount, sources
    Show(ShowArgs),
    /// Read AWS Price List offer files (JSON or CSV, also gzip; services and Savings Plans) into a price list
    Import(ImportArgs),
    /// Say what a change of prices does, by key and to a given result
    Diff(DiffArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only keys, services or descriptions that contain this
    filter: Option<String>,
    /// The region
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    /// Only prices known this well: list, page, derived, memory or stated
    #[arg(long, value_name = "WORD", value_parser = ["list", "page", "derived", "memory", "stated"])]
    confidence: Option<String>,
    /// Comma-separated values, one row a tier
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Key of the price, e.g. lambda.duration.arm
    key: String,
    /// The region
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// Offer files as AWS publishes them; they are read as streams
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The region whose prices to take, where a file has several
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A product that is not known: USAGETYPE=KEY or SERVICE/USAGETYPE=KEY; may be repeated
    #[arg(long, value_name = "USAGETYPE=KEY")]
    map: Vec<offer::Extra>,
    /// Write the list here instead of to the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write only prices that are new or changed
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Debug, clap::Args)]
struct DiffArgs {
    /// Price list before
    old: PathBuf,
    /// Price list after
    new: PathBuf,
    /// A `results.json` whose bills to make again with both
    results: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::List(args) => list(args),
        Command::Show(args) => {
            let book = book(&args.region, args.data.path()?)?;
            if let Some(ratio) = book.ratio(&args.key) {
                return to_stdout(&show::ratio(ratio));
            }
            let price = book.price(&args.key).map_err(|error| Failure::Input(error.to_string()))?;
            to_stdout(&show::price(&args.region, price))
        }
        Command::Import(args) => import(args),
        Command::Diff(args) => diff(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let book = book(&args.region, args.data.path()?)?;
    let filter = args.filter.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |text: &str| text.to_lowercase().contains(&filter);
    let prices: Vec<_> = book
        .prices()
        .filter(|price| wanted(&price.key) || wanted(&price.service) || wanted(&price.description))
        .filter(|price| {
            let known = |word: &String| price.tiers.iter().any(|tier| tier.provenance.confidence.name() == word);
            args.confidence.as_ref().is_none_or(known)
        })
        .collect();
    let ratios: Vec<_> = book
        .ratios()
        .filter(|ratio| wanted(&ratio.key) || wanted(&ratio.service) || wanted(&ratio.description))
        .filter(|ratio| args.confidence.as_ref().is_none_or(|word| ratio.provenance.confidence.name() == word))
        .collect();
    if prices.is_empty() && (args.csv || ratios.is_empty()) {
        return Err(Failure::Input(format!("no price of {} fits; `costsim prices list` shows all", args.region)));
    }
    to_stdout(&if args.csv { show::csv(&args.region, &prices) } else { show::table(&args.region, &prices, &ratios) })
}

fn import(args: &ImportArgs) -> Result<(), Failure> {
    let mut all = PriceList::default();
    for path in &args.files {
        let found =
            offer::read(path, args.region.as_deref(), &args.map).map_err(|error| Failure::Input(error.to_string()))?;
        if !all.region.is_empty() && all.region != found.region {
            return Err(Failure::Input(format!(
                "the files are for different regions, {} and {}: import them one by one",
                all.region, found.region
            )));
        }
        // A region without a book yet has only new prices.
        let known = book(&found.region, args.data.path()?).ok();
        let like = book("us-east-1", None).ok();
        let imported = offer::merge(&found, known.as_ref(), like.as_ref());
        note(&show::summary(&path.display().to_string(), &found, &imported));
        let kept: Vec<_> = if args.changed {
            imported.changes.into_iter().map(|change| change.new).collect()
        } else {
            imported.list.prices
        };
        all.region = found.region;
        for price in kept {
            all.prices.retain(|other| other.key != price.key);
            all.prices.push(price);
        }
    }
    let text = offer::write(&all);
    match &args.out {
        None => to_stdout(&text),
        Some(path) => {
            fs::write(path, text)
                .map_err(|error| Failure::CannotRun(format!("cannot write `{}`: {error}", path.display())))?;
            note(&format!("wrote {}; put it into DATA_DIR/pricing, or name it with --prices", path.display()));
            Ok(())
        }
    }
}

fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let lists = |path: &Path| -> Result<PriceList, Failure> {
        let shown = path.display().to_string();
        let text = yaml::read_file(path, &shown).map_err(|finding| Failure::of_diagnostics(&[finding]))?;
        let mut lists = price_list::read(&[(shown.clone(), text)]).map_err(|found| Failure::of_diagnostics(&found))?;
        lists.pop().ok_or_else(|| Failure::Input(format!("`{shown}` holds no price list")))
    };
    let (old, new) = (lists(&args.old)?, lists(&args.new)?);
    if old.region != new.region {
        return Err(Failure::Input(format!("the lists are for different regions: {} and {}", old.region, new.region)));
    }
    let mut text = show::changes(&old, &new);
    if let Some(path) = &args.results {
        let results = results(path)?;
        if old.region != results.region && old.region != crate::bill::book::GLOBAL {
            return Err(Failure::Input(format!(
                "`{}` is priced in {}, the lists are for {}",
                path.display(),
                results.region,
                old.region
            )));
        }
        let before = book_with(&results.region, args.data.path()?, std::slice::from_ref(&args.old))?;
        let after = book_with(&results.region, args.data.path()?, std::slice::from_ref(&args.new))?;
        text.push('\n');
        text.push_str(&effects(&results, &before, &after)?);
    }
    to_stdout(&text)
}

/// What other prices do to the bills of a result.
fn effects(results: &Results, before: &PriceBook, after: &PriceBook) -> Result<String, Failure> {
    let left = |left: &crate::results::FreeLeft| Some((left.pool.clone(), left.left.parse::<f64>().ok()?));
    let free_tier = match results.terms.free_tier.as_str() {
        "none" => FreeTier::None,
        "stated" => FreeTier::Remaining(results.terms.remaining.iter().filter_map(left).collect()),
        _ => FreeTier::Full,
    };
    let month = SimDuration::from_secs_f64(results.billed_hours * 3_600.0);
    let mut rows = Vec::new();
    for architecture in &results.architectures {
        let again = |book| {
            again::bill(&architecture.line_items, book, &free_tier, &Billing::default(), month)
                .map_err(|error| Failure::Input(format!("{}: {error}", architecture.name)))
        };
        let (old, new) = (again(before)?, again(after)?);
        let mut lines: Vec<(String, Usd, Usd)> = Vec::new();
        for (bill, is_new) in [(&old, false), (&new, true)] {
            for line in &bill.lines {
                let at = match lines.iter().position(|(sku, ..)| *sku == line.sku) {
                    Some(at) => at,
                    None => {
                        lines.push((line.sku.clone(), Usd::ZERO, Usd::ZERO));
                        lines.len() - 1
                    }
                };
                let side = if is_new { &mut lines[at].2 } else { &mut lines[at].1 };
                *side = side.checked_add(line.amount).unwrap_or(*side);
            }
        }
        lines.retain(|(_, old, new)| old != new);
        rows.push(show::Effect {
            name: architecture.name.clone(),
            printed: architecture.monthly_cost.total.clone(),
            old: old.total,
            new: new.total,
            lines,
        });
    }
    Ok(show::effects(&rows))
}

fn results(path: &Path) -> Result<Results, Failure> {
    let shown = path.display();
    let cannot = |error: String| Failure::Input(format!("`{shown}` cannot be read: {error}"));
    let size = fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if size > MAX_RESULTS {
        return Err(cannot("it is larger than 1 GiB".to_owned()));
    }
    let file = fs::File::open(path).map_err(|error| cannot(error.to_string()))?;
    serde_json::from_reader(std::io::BufReader::new(file)).map_err(|error| cannot(error.to_string()))
}

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
