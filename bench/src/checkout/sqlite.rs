//! Durable orders on SQLite: the shop beside a bare storage loop that executes the same statements.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use rusqlite::Connection;

use super::bare::BareLoop;
use super::carts::{self, Books, Filled};
use super::order::Pattern;
use super::shop::{LINES_PER_ORDER, Shop, VARIANTS_PER_PRODUCT};
use super::till::Till;
use super::{BARE_NUMBER_FIRST, CheckoutArgs, WARM_UP_ORDERS};
use crate::figures::{self, Round, grouped};

/// Tries to have a file to oneself.
const SETTLE_TRIES_MAX: u32 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Side {
    /// `Checkout::place`, as the server composes it.
    Stoa,
    /// The same statements, each order in a savepoint.
    Bare,
    /// The same statements and no savepoints: an order that fails would take its neighbours along.
    BareNoSavepoints,
}

impl Side {
    const ALL: [Self; 3] = [Self::Stoa, Self::Bare, Self::BareNoSavepoints];

    const fn name(self) -> &'static str {
        match self {
            Self::Stoa => "stoa, `Checkout::place`",
            Self::Bare => "bare loop",
            Self::BareNoSavepoints => "bare loop, no savepoints",
        }
    }
}

pub(super) async fn compare(args: &CheckoutArgs, folder: &Path) -> Result<()> {
    let sides: Vec<Side> = match args.only {
        Some(side) => vec![side],
        None => Side::ALL.into(),
    };
    let stoa = folder.join("stoa");
    let file = stoa.join("shared.db");
    let shop = Arc::new(Shop::open(&format!("sqlite:{}", stoa.display()), 1).await?);
    eprintln!("stocking {} variants", args.products * VARIANTS_PER_PRODUCT);
    let goods = shop.stock(args.products).await?;
    let count = WARM_UP_ORDERS + args.rounds * args.orders;
    eprintln!("filling {count} carts");
    let mut carts = carts::prepare(
        &shop,
        &Books::Sqlite(file.clone()),
        &goods,
        count + args.orders + 1,
    )
    .await?;
    if let Some(first) = carts.pop() {
        shop.checkout.place(shop.request(first.key)).await?;
    }
    let paced = carts.split_off(count);
    let pattern = Arc::new(Pattern::read(&file)?);
    settle_file(&file)?;
    let mut tills = Vec::new();
    let mut files = Vec::new();
    for &side in &sides {
        let its_file = match side {
            Side::Stoa => file.clone(),
            Side::Bare => folder.join("bare.db"),
            Side::BareNoSavepoints => folder.join("bare-no-savepoints.db"),
        };
        tills.push(match side {
            Side::Stoa => Till::Shop(shop.clone()),
            Side::Bare | Side::BareNoSavepoints => {
                std::fs::copy(&file, &its_file)?;
                Till::Bare {
                    the_loop: Arc::new(BareLoop::start(&its_file, &pattern, side == Side::Bare)?),
                    shop: shop.clone(),
                    numbers: Arc::new(AtomicI64::new(BARE_NUMBER_FIRST)),
                }
            }
        });
        files.push(its_file);
    }
    let peak = measure(args, &sides, &tills, &carts).await?;
    let work: Vec<Vec<i64>> = files
        .iter()
        .map(|file| work_done(file))
        .collect::<Result<_, _>>()?;
    let placed = (count + 1) as i64;
    for (side, work) in sides.iter().zip(&work) {
        let lines = placed * LINES_PER_ORDER as i64;
        let right = [placed, lines, lines, placed, placed, placed, lines, placed];
        ensure!(
            work[..] == right,
            "{} wrote {work:?}, not {right:?}",
            side.name()
        );
    }
    println!(
        "\nEach side wrote the same: {placed} orders, {} lines, as many held units.",
        work[0][1]
    );
    if sides[0] == Side::Stoa {
        super::paced(&tills[0], &paced, peak).await?;
    }
    Ok(())
}

/// Everything in the file itself, so that it can be copied.
pub(super) fn settle_file(file: &Path) -> Result<()> {
    let database = Connection::open(file)?;
    for _ in 0..SETTLE_TRIES_MAX {
        let busy: i64 =
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
        // The shop's own checkpointer is at it; SQLite does not wait for that by itself.
        crate::child::pause(Duration::from_millis(10));
    }
    bail!("{} does not come to rest", file.display())
}

/// Counts of what orders leave behind; the same on all sides, or they did not do the same.
fn work_done(file: &Path) -> Result<Vec<i64>> {
    const COUNTS: [&str; 8] = [
        "SELECT count(*) FROM orders_order",
        "SELECT count(*) FROM orders_line",
        "SELECT count(*) FROM inventory_hold",
        "SELECT count(*) FROM payments_attempt WHERE state = 'created'",
        "SELECT count(*) FROM stoa_event WHERE subject = 'orders.placed.v1'",
        "SELECT count(*) FROM stoa_idempotency WHERE response IS NOT NULL",
        "SELECT sum(reserved) FROM inventory_level",
        "SELECT count(*) FROM cart_cart WHERE status = 'frozen' AND order_id IS NOT NULL",
    ];
    let database = Connection::open(file)?;
    let count = |sql: &&str| Ok(database.query_row(sql, [], |row| row.get(0))?);
    COUNTS.iter().map(count).collect()
}

async fn measure(
    args: &CheckoutArgs,
    sides: &[Side],
    tills: &[Till],
    carts: &[Filled],
) -> Result<f64> {
    let (warm, rest) = carts.split_at(WARM_UP_ORDERS);
    for till in tills {
        till.sell(warm, args.clients).await?;
    }
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); tills.len()];
    let mut before = Vec::new();
    for till in tills {
        before.push(till.counters());
    }
    for (number, carts) in rest.chunks(args.orders).enumerate() {
        for turn in 0..tills.len() {
            let side = (number + turn) % tills.len();
            rounds[side].push(tills[side].sell(carts, args.clients).await?);
        }
    }
    let mut rows = Vec::new();
    for (at, side) in sides.iter().enumerate() {
        let (commits, orders, statements) = tills[at].counters();
        let (commits, orders) = (commits - before[at].0, orders - before[at].1);
        let placed = (args.rounds * args.orders) as f64;
        let seconds: f64 = rounds[at]
            .iter()
            .map(|round| round.took.as_secs_f64())
            .sum();
        rows.push(vec![
            side.name().to_owned(),
            grouped(figures::rate(&rounds[at])),
            match at {
                0 => "1".to_owned(),
                _ => figures::ratio(&rounds[0], &rounds[at]),
            },
            format!("{:.2}", figures::millis(&rounds[at], 0.5)),
            format!("{:.2}", figures::millis(&rounds[at], 0.99)),
            format!("{:.1}", (statements - before[at].2) as f64 / placed),
            grouped(commits as f64 / seconds),
            format!("{:.1}", orders as f64 / commits as f64),
        ]);
    }
    figures::table(
        &format!(
            "Durable orders (SQLite, synchronous=FULL), {LINES_PER_ORDER} lines each out of {} \
             variants; {} clients, {} rounds of {} orders a side, in turn.",
            args.products * VARIANTS_PER_PRODUCT,
            args.clients,
            args.rounds,
            args.orders
        ),
        &[
            "side",
            "orders/s",
            "stoa / it (min..max)",
            "p50 ms",
            "p99 ms",
            "statements/order",
            "commits/s",
            "orders/commit",
        ],
        &rows,
    );
    Ok(figures::rate(&rounds[0]))
}
