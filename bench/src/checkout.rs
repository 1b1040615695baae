//! Durable orders per second: the checkout workflow in this process, beside a bare storage loop or
//! pgbench that run the same statements; or over HTTP whole journeys, or goods put into carts.

mod adds;
mod bare;
mod carts;
mod flat;
mod journey;
mod order;
mod pgbench;
mod postgres;
mod shop;
mod sqlite;
mod statements;
mod till;

pub(crate) use self::carts::uuid;

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;

use self::carts::Filled;
use self::shop::LINES_PER_ORDER;
use self::sqlite::Side;
use self::till::Till;
use crate::figures::{self, grouped};

#[derive(Debug, Clone, Args)]
pub(crate) struct CheckoutArgs {
    /// Concurrent shoppers.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Rounds of each side, in turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Orders of one round of one side.
    #[arg(long, default_value_t = 5_000)]
    orders: usize,
    /// Products on sale, three variants each.
    #[arg(long, default_value_t = 1_000)]
    products: usize,
    /// Where the databases go; a temporary folder if not said.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
    /// On PostgreSQL: a database's URL. The bench makes databases of its own beside it and drops
    /// them; its user must be one who may (CREATEDB, CREATEROLE).
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Measure one side alone, for profilers (SQLite).
    #[arg(long, value_enum, conflicts_with = "postgres")]
    only: Option<Side>,
    /// Whole journeys over HTTP against the real binary, from the empty cart to the paid order.
    #[arg(long)]
    http: bool,
    /// Goods put into carts over HTTP against the real binary, so many a second.
    #[arg(long, value_name = "PER_SECOND", num_args = 0..=1, default_missing_value = "1000")]
    carts: Option<u32>,
    /// A shop with few orders beside one with many: whether it stays as fast.
    #[arg(long)]
    flat: bool,
    /// Orders of the shop with many.
    #[arg(long, default_value_t = 1_000_000)]
    stored: usize,
}

/// Orders before the first round, so that caches and statements are warm.
const WARM_UP_ORDERS: usize = 1_000;
/// Above every number that the shop gives out.
const BARE_NUMBER_FIRST: i64 = 100_000_000;

pub(crate) fn run(args: &CheckoutArgs) -> Result<()> {
    ensure!(
        args.clients > 0 && args.rounds > 0 && args.orders > 0,
        "nothing to measure"
    );
    ensure!(
        args.products > LINES_PER_ORDER,
        "too few products for an order"
    );
    let folder = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(args, folder.path()))
}

async fn measure(args: &CheckoutArgs, folder: &Path) -> Result<()> {
    if args.http || args.carts.is_some() {
        let database = match &args.postgres {
            Some(url) => Some(crate::database::Database::create(url, "http").await?),
            None => None,
        };
        let url = database.as_ref().map(|database| database.url.as_str());
        let measured = match args.carts {
            Some(per_second) => adds::run(per_second, args.rounds, url, folder).await,
            None => journey::run(args.clients, args.rounds, args.orders, url, folder).await,
        };
        if let Some(database) = database {
            database.drop().await?;
        }
        return measured;
    }
    match (&args.postgres, args.flat) {
        (None, false) => sqlite::compare(args, folder).await,
        (None, true) => flat::on_sqlite(args, folder).await,
        (Some(url), false) => postgres::compare(args, url, folder).await,
        (Some(url), true) => flat::on_postgres(args, url, folder).await,
    }
}

/// How long an order takes while the till is half as busy as it can be.
async fn paced(till: &Till, carts: &[Filled], peak: f64) -> Result<()> {
    let round = till.sell_at(carts, peak / 2.0).await?;
    figures::table(
        &format!(
            "Orders at half of that, {} of them, each due at its own moment; its time runs from then.",
            carts.len()
        ),
        &["orders/s", "p50 ms", "p95 ms", "p99 ms"],
        &[vec![
            grouped(round.per_second()),
            format!("{:.2}", round.millis_at(0.5)),
            format!("{:.2}", round.millis_at(0.95)),
            format!("{:.2}", round.millis_at(0.99)),
        ]],
    );
    Ok(())
}
