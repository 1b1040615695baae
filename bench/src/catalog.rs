//! A large catalog under load: import, start, warm and cold reads, lists, search, edits.

mod cold;
mod driver;
mod edits;
mod finding;
mod ready;
mod stall;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use self::stall::Stall;
use crate::figures;
use crate::product::{Reads, Turns};

#[derive(Debug, Clone, Args)]
pub(crate) struct CatalogArgs {
    /// Products of the catalog.
    #[arg(long, default_value_t = 100_000)]
    products: usize,
    /// A million products.
    #[arg(long, conflicts_with = "products")]
    million: bool,
    #[command(flatten)]
    turns: Turns,
    /// Only these parts; all but `driver` if not said.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Keeps the catalog here, and uses it again; a temporary folder if not said.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// For `driver`: the shop and the bare driver over a database beside this one.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Start on the full data directory, and idle memory there.
    Start,
    /// Product JSON and page, again and again the same products.
    Warm,
    /// Product JSON, each request another product.
    Cold,
    /// Filtered, sorted lists of 48 with prices.
    Lists,
    /// Searches at 500/s, and suggestions.
    Search,
    /// How soon an edited price shows.
    Edits,
    /// Product JSON over PostgreSQL beside the bare driver.
    Driver,
}

const MILLION: usize = 1_000_000;

pub(crate) fn run(args: &CatalogArgs) -> Result<()> {
    args.turns.check()?;
    let products = if args.million { MILLION } else { args.products };
    ensure!(products > 0, "nothing to measure");
    if args.only == [Part::Driver] {
        return driver::run(args.postgres.as_deref(), products, &args.turns);
    }
    let temporary = tempfile::tempdir()?;
    let folder = args.dir.as_deref().unwrap_or(temporary.path());
    let stall = Stall::open(folder, products, None)?;
    stall.fill()?;
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    if wanted(Part::Start) {
        stall.starts()?;
    }
    if wanted(Part::Warm) {
        warm(&stall, args)?;
    }
    if wanted(Part::Cold) {
        cold::run(&stall, &args.turns)?;
    }
    if wanted(Part::Lists) {
        finding::lists(&stall, &args.turns)?;
    }
    if wanted(Part::Search) {
        finding::searches(&stall, &args.turns)?;
    }
    if wanted(Part::Edits) {
        edits::run(&stall)?;
    }
    Ok(())
}

fn warm(stall: &Stall, args: &CatalogArgs) -> Result<()> {
    let shop = stall.serve()?;
    ready::until_answers_are_stored(stall, &shop, || ready::stored_in_file(stall))?;
    let folder = tempfile::tempdir()?;
    Reads {
        turns: &args.turns,
        wrk: false,
        stoa: &shop.stoa,
        address: shop.address,
        host: shop.host.clone(),
        folder: folder.path(),
    }
    .run()?;
    shop.stoa.stop()
}

/// Latencies of one kind of request, as a row.
fn latency_row(name: &str, per_second: f64, rounds: &[figures::Round]) -> Vec<String> {
    let at = |quantile| format!("{:.2}", figures::millis(rounds, quantile));
    vec![
        name.to_owned(),
        figures::grouped(per_second),
        at(0.5),
        at(0.95),
        at(0.99),
    ]
}

const LATENCY_HEAD: [&str; 5] = ["asked", "requests/s", "p50 ms", "p95 ms", "p99 ms"];
