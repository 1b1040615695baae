//! Waits until the shop has stored the JSON of all products, as it waits for search after an
//! import. Counts the rows past Stoa; writes none.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OpenFlags};

use super::stall::{Shop, Stall};
use super::{cold, edits};
use crate::child::pause;
use crate::database::Database;
use crate::wire::BlockingConnection;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A few seconds of rest, then some ten thousand products a second, and four times that.
const WAIT_FIRST: Duration = Duration::from_secs(120);
const WAIT_PER_PRODUCT: Duration = Duration::from_micros(400);

/// An edit goes ahead where answers are missing: a shop that an older version filled begins to
/// store them with its next change.
pub(super) fn until_answers_are_stored(
    stall: &Stall,
    shop: &Shop,
    stored: impl Fn() -> Result<u64>,
) -> Result<()> {
    let products = stall.products as u64;
    if stored()? >= products {
        return Ok(());
    }
    let began = Instant::now();
    let mut http = BlockingConnection::open(shop.address)?;
    let handles = cold::handles(shop, stall.products)?;
    let edited = handles.first().context("a product")?;
    shop.set_price(&mut http, edited, edits::other_price(0))?;
    let at_most = WAIT_FIRST + WAIT_PER_PRODUCT * u32::try_from(products).unwrap_or(u32::MAX);
    while stored()? < products {
        ensure!(
            began.elapsed() < at_most,
            "the answers are never all stored"
        );
        pause(LOOK_EVERY);
    }
    eprintln!(
        "the answers of {products} products were stored after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

pub(super) fn stored_in_file(stall: &Stall) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM catalog_answer WHERE handle IS NOT NULL";
    let file = stall.cell_file();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let cell = Connection::open_with_flags(&file, flags)
        .with_context(|| format!("opening {}", file.display()))?;
    let stored: i64 = cell.query_row(SQL, [], |row| row.get(0))?;
    Ok(u64::try_from(stored)?)
}

pub(super) async fn stored_on_server(database: &Database) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM catalog_answer WHERE handle IS NOT NULL";
    let tenant = database.only_tenant().await?;
    let row = database
        .as_tenant(tenant)
        .await?
        .query_one(SQL, &[])
        .await?;
    Ok(u64::try_from(row.get::<_, i64>(0))?)
}
