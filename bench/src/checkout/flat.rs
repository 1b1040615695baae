//! A shop with few orders beside one with many, both selling in turn: whether it stays as fast.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use anyhow::Result;

use super::bare::BareLoop;
use super::carts::{self, Books, Filled};
use super::order::Pattern;
use super::pgbench::Goods;
use super::postgres::Pgbench;
use super::shop::{LINES_PER_ORDER, Shop};
use super::sqlite::settle_file;
use super::till::Till;
use super::{BARE_NUMBER_FIRST, CheckoutArgs, WARM_UP_ORDERS};
use crate::database::Database;
use crate::figures::{self, Round, grouped};

const FEW: usize = 10_000;
/// Carts that are made at once to be filled into the shop with many orders.
const SLICE: usize = 50_000;

pub(super) async fn on_sqlite(args: &CheckoutArgs, folder: &Path) -> Result<()> {
    let (few, many) = (folder.join("few"), folder.join("many"));
    let file = few.join("shared.db");
    let shop = Arc::new(Shop::open(&format!("sqlite:{}", few.display()), 1).await?);
    let goods = shop.stock(args.products).await?;
    let count = WARM_UP_ORDERS + args.rounds * args.orders;
    eprintln!("filling {count} carts");
    let books = Books::Sqlite(file.clone());
    let mut carts = carts::prepare(&shop, &books, &goods, count + 1).await?;
    if let Some(first) = carts.pop() {
        shop.checkout.place(shop.request(first.key)).await?;
    }
    let pattern = Arc::new(Pattern::read(&file)?);
    settle_file(&file)?;
    fill(&shop, &file, &pattern, &goods, FEW - 1, 0).await?;
    settle_file(&file)?;
    std::fs::create_dir(&many)?;
    for entry in std::fs::read_dir(&few)? {
        let from = entry?.path();
        if from.extension().is_some_and(|extension| extension == "db") {
            std::fs::copy(&from, many.join(from.file_name().unwrap_or_default()))?;
        }
    }
    let full = many.join("shared.db");
    fill(&shop, &full, &pattern, &goods, args.stored - FEW, FEW).await?;
    settle_file(&full)?;
    let bytes = std::fs::metadata(&full)?.len();
    eprintln!("{} bytes", grouped(bytes as f64));
    let other = Arc::new(Shop::open(&format!("sqlite:{}", many.display()), 2).await?);
    measure(args, "SQLite", [shop, other], &carts).await
}

/// Sells `count` orders past the shop.
async fn fill(
    shop: &Arc<Shop>,
    file: &Path,
    pattern: &Arc<Pattern>,
    goods: &[super::shop::Good],
    count: usize,
    numbered_from: usize,
) -> Result<()> {
    let numbers = Arc::new(AtomicI64::new(BARE_NUMBER_FIRST + numbered_from as i64));
    let mut left = count;
    while left > 0 {
        let some = left.min(SLICE);
        let carts = carts::made(shop, file, goods, some)?;
        let till = Till::Bare {
            the_loop: Arc::new(BareLoop::start(file, pattern, false)?),
            shop: shop.clone(),
            numbers: numbers.clone(),
        };
        till.sell(&carts, 256).await?;
        left -= some;
        eprintln!("{} orders to go", grouped(left as f64));
    }
    Ok(())
}

pub(super) async fn on_postgres(args: &CheckoutArgs, beside: &str, folder: &Path) -> Result<()> {
    let few = Database::create(beside, "few").await?;
    let measured = on_postgres_in(&few, args, folder).await;
    few.drop().await?;
    measured
}

async fn on_postgres_in(few: &Database, args: &CheckoutArgs, folder: &Path) -> Result<()> {
    let count = WARM_UP_ORDERS + args.rounds * args.orders;
    let (carts, ids) = {
        let shop = Arc::new(Shop::open(&few.url, 1).await?);
        let goods = shop.stock(args.products).await?;
        let books = Books::Postgres(few.as_tenant(shop.tenant.id).await?);
        eprintln!("filling {count} carts");
        let mut carts = carts::prepare(&shop, &books, &goods, count + 1).await?;
        if let Some(first) = carts.pop() {
            shop.checkout.place(shop.request(first.key)).await?;
        }
        let ids = Goods::of(&goods)?;
        let mut pgbench = Pgbench::prepare(few, &shop, &ids, folder, FEW).await?;
        pgbench.sell(FEW, true, false)?;
        (carts, ids)
    };
    few.disconnect_all().await?;
    let many = few.copy("many").await?;
    let measured = async {
        let other = Arc::new(Shop::open(&many.url, 2).await?);
        let rest = args.stored - FEW;
        eprintln!("storing {} orders", grouped(rest as f64));
        let mut pgbench = Pgbench::after(&many, &other, &ids, folder, rest, FEW).await?;
        pgbench.sell(rest, true, false)?;
        many.owner().await?.batch_execute("VACUUM ANALYZE").await?;
        few.owner().await?.batch_execute("VACUUM ANALYZE").await?;
        let shop = Arc::new(Shop::open(&few.url, 3).await?);
        measure(args, "PostgreSQL", [shop, other], &carts).await
    }
    .await;
    many.drop().await?;
    measured
}

/// Both shops hold the same carts, and sell them in turn.
async fn measure(
    args: &CheckoutArgs,
    on: &str,
    shops: [Arc<Shop>; 2],
    carts: &[Filled],
) -> Result<()> {
    let tills = shops.map(Till::Shop);
    let (warm, rest) = carts.split_at(WARM_UP_ORDERS);
    for till in &tills {
        till.sell(warm, args.clients).await?;
    }
    let mut rounds: [Vec<Round>; 2] = Default::default();
    for (number, carts) in rest.chunks(args.orders).enumerate() {
        for turn in 0..tills.len() {
            let at = (number + turn) % tills.len();
            let round = tills[at].sell(carts, args.clients).await?;
            eprintln!("{at}: {:.0}/s", round.per_second());
            rounds[at].push(round);
        }
    }
    let [few, many] = &rounds;
    let row = |stored: usize, its: &[Round], ratio: String| {
        vec![
            grouped(stored as f64),
            grouped(figures::rate(its)),
            ratio,
            format!("{:.2}", figures::millis(its, 0.5)),
            format!("{:.2}", figures::millis(its, 0.99)),
        ]
    };
    figures::table(
        &format!(
            "Durable orders on {on} with few and with many orders stored, {LINES_PER_ORDER} lines \
             each; {} clients, {} rounds of {} orders a side, in turn.",
            args.clients, args.rounds, args.orders
        ),
        &[
            "stored",
            "orders/s",
            "many / few (min..max)",
            "p50 ms",
            "p99 ms",
        ],
        &[
            row(FEW, few, "1".to_owned()),
            row(args.stored, many, figures::ratio(many, few)),
        ],
    );
    Ok(())
}
