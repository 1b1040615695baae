//! Durable orders on PostgreSQL: the shop beside pgbench, which executes the same statements in the
//! same database.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio_postgres::Client;

use super::carts::{self, Books};
use super::pgbench::{Goods, Literals, Script, Sort};
use super::shop::{CONNECTIONS, LINES_PER_ORDER, Shop, VARIANTS_PER_PRODUCT};
use super::till::Till;
use super::{BARE_NUMBER_FIRST, CheckoutArgs, WARM_UP_ORDERS};
use crate::database::{Database, tenant_options};
use crate::figures::{self, Round, grouped, latencies, note};

const CARTS_PER_STATEMENT: i64 = 20_000;
const PGBENCH_THREADS: &str = "2";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Stoa,
    Pgbench,
    PgbenchPipelined,
}

impl Side {
    const ALL: [Self; 3] = [Self::Stoa, Self::Pgbench, Self::PgbenchPipelined];

    const fn name(self) -> &'static str {
        match self {
            Self::Stoa => "stoa, `Checkout::place`",
            Self::Pgbench => "pgbench, a statement at a time",
            Self::PgbenchPipelined => "pgbench, an order in one pipeline",
        }
    }
}

/// pgbench, its scripts and its carts.
pub(super) struct Pgbench {
    url: String,
    options: String,
    folder: PathBuf,
    orders: i64,
}

impl Pgbench {
    /// Writes the scripts, and makes `carts` carts for them in the image of one there is.
    pub(super) async fn prepare(
        database: &Database,
        shop: &Shop,
        goods: &Goods,
        folder: &Path,
        carts: usize,
    ) -> Result<Self> {
        Self::after(database, shop, goods, folder, carts, 0).await
    }

    /// As [`Self::prepare`], where pgbench wrote `written` orders before.
    pub(super) async fn after(
        database: &Database,
        shop: &Shop,
        goods: &Goods,
        folder: &Path,
        carts: usize,
        written: usize,
    ) -> Result<Self> {
        let (owner, tenant) = (
            database.owner().await?,
            database.as_tenant(shop.tenant.id).await?,
        );
        let literals = Literals::read(&owner, &tenant).await?;
        for pipelined in [false, true] {
            let script = Script {
                goods,
                literals: &literals,
                tenant: shop.tenant.id.as_u128(),
                now: shop.deps.now().micros(),
                pipelined,
            };
            std::fs::write(script_file(folder, pipelined), script.text())?;
        }
        make_carts(&tenant, goods, BARE_NUMBER_FIRST + written as i64, carts).await?;
        owner.batch_execute("ANALYZE").await?;
        Ok(Self {
            url: database.url.clone(),
            options: tenant_options(shop.tenant.id),
            folder: folder.to_owned(),
            orders: written as i64,
        })
    }

    /// `orders` orders, or as many of them as its connections can share evenly.
    pub(super) fn sell(&mut self, orders: usize, pipelined: bool, durable: bool) -> Result<Round> {
        let each = orders / CONNECTIONS;
        let log = self.folder.join("pgbench");
        let mut options = self.options.clone();
        if !durable {
            options += " -c synchronous_commit=off";
        }
        let output = Command::new("pgbench")
            .args(["-n", "-M", "prepared", "-j", PGBENCH_THREADS, "--log"])
            .args(["-c", &CONNECTIONS.to_string(), "-t", &each.to_string()])
            .arg(format!("--log-prefix={}", log.display()))
            .args(["-D", "i=0", "-D", &format!("per_client={each}")])
            .args(["-D", &format!("base={}", BARE_NUMBER_FIRST + self.orders)])
            .arg("-f")
            .arg(script_file(&self.folder, pipelined))
            .arg(&self.url)
            .env("PGOPTIONS", options)
            .output()
            .context("pgbench does not start; it comes with PostgreSQL")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "pgbench: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let done = (each * CONNECTIONS) as u64;
        self.orders += done as i64;
        let rate: f64 = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = "))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|rate| rate.parse().ok())
            .with_context(|| format!("pgbench says no rate: {said}"))?;
        let mut round = Round {
            done,
            took: Duration::from_secs_f64(done as f64 / rate),
            latencies: latencies(),
        };
        self.read_log(&mut round)?;
        Ok(round)
    }

    /// One line a transaction, the microseconds it took in third place.
    fn read_log(&self, round: &mut Round) -> Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with("pgbench.") {
                continue;
            }
            for line in std::fs::read_to_string(&path)?.lines() {
                let micros = line.split(' ').nth(2).context("a line of pgbench's log")?;
                note(&mut round.latencies, Duration::from_micros(micros.parse()?));
            }
            std::fs::remove_file(&path)?;
        }
        Ok(())
    }
}

fn script_file(folder: &Path, pipelined: bool) -> PathBuf {
    folder.join(match pipelined {
        true => "order-pipelined.sql",
        false => "order.sql",
    })
}

async fn make_carts(tenant: &Client, goods: &Goods, first: i64, carts: usize) -> Result<()> {
    let row = tenant
        .query_one("SELECT cart_id::text FROM cart_line LIMIT 1", &[])
        .await?;
    let image = format!("'{}'", row.get::<_, String>(0));
    let cart = goods.id(Sort::Cart, "n");
    let line = goods.id(Sort::Line, "n * 3 + l.place");
    let last = first + carts as i64 - 1;
    for from in (first..=last).step_by(CARTS_PER_STATEMENT as usize) {
        let to = last.min(from + CARTS_PER_STATEMENT - 1);
        let sql = format!(
            "INSERT INTO cart_cart SELECT (jsonb_populate_record(c, jsonb_build_object( \
             'id', {cart}, 'status', 'open', 'order_id', NULL))).* \
             FROM cart_cart c, generate_series({from}, {to}) n WHERE c.id = {image}; \
             INSERT INTO cart_line SELECT (jsonb_populate_record(l, jsonb_build_object( \
             'cart_id', {cart}, 'id', {line}))).* \
             FROM cart_line l, generate_series({from}, {to}) n WHERE l.cart_id = {image}",
        );
        tenant.batch_execute(&sql).await.context("carts")?;
    }
    Ok(())
}

pub(super) async fn compare(args: &CheckoutArgs, beside: &str, folder: &Path) -> Result<()> {
    let database = Database::create(beside, "orders").await?;
    let compared = compare_in(&database, args, folder).await;
    database.drop().await?;
    compared
}

async fn compare_in(database: &Database, args: &CheckoutArgs, folder: &Path) -> Result<()> {
    let shop = Arc::new(Shop::open(&database.url, 1).await?);
    eprintln!("stocking {} variants", args.products * VARIANTS_PER_PRODUCT);
    let goods = shop.stock(args.products).await?;
    let count = WARM_UP_ORDERS + args.rounds * args.orders;
    eprintln!("filling {count} carts a side");
    let books = Books::Postgres(database.as_tenant(shop.tenant.id).await?);
    let mut carts = carts::prepare(&shop, &books, &goods, count + args.orders + 1).await?;
    let paced = carts.split_off(count);
    let first = &paced[0];
    shop.checkout.place(shop.request(first.key.clone())).await?;
    let ids = Goods::of(&goods)?;
    let mut pgbench = Pgbench::prepare(database, &shop, &ids, folder, 2 * count).await?;
    let till = Till::Shop(shop.clone());
    let (warm, rest) = carts.split_at(WARM_UP_ORDERS);
    till.sell(warm, args.clients).await?;
    pgbench.sell(WARM_UP_ORDERS, false, true)?;
    pgbench.sell(WARM_UP_ORDERS, true, true)?;
    let mut rounds: [Vec<Round>; 3] = Default::default();
    for (number, carts) in rest.chunks(args.orders).enumerate() {
        for turn in 0..Side::ALL.len() {
            let at = (number + turn) % Side::ALL.len();
            let round = match Side::ALL[at] {
                Side::Stoa => till.sell(carts, args.clients).await?,
                Side::Pgbench => pgbench.sell(args.orders, false, true)?,
                Side::PgbenchPipelined => pgbench.sell(args.orders, true, true)?,
            };
            eprintln!("{}: {:.0}/s", Side::ALL[at].name(), round.per_second());
            rounds[at].push(round);
        }
    }
    check_work(database, &shop, count as i64 + 1, pgbench.orders).await?;
    print(args, &rounds);
    super::paced(&till, &paced[1..], figures::rate(&rounds[0])).await
}

/// What orders leave behind, on all sides together.
async fn check_work(database: &Database, shop: &Shop, stoa: i64, pgbench: i64) -> Result<()> {
    const COUNTS: [&str; 7] = [
        "SELECT count(*) FROM orders_order",
        "SELECT count(*) FROM orders_line",
        "SELECT count(*) FROM inventory_hold",
        "SELECT count(*) FROM payments_attempt WHERE state = 'created'",
        "SELECT count(*) FROM stoa_idempotency WHERE response IS NOT NULL",
        "SELECT sum(reserved)::bigint FROM inventory_level",
        "SELECT count(*) FROM cart_cart WHERE status = 'frozen' AND order_id IS NOT NULL",
    ];
    let tenant = database.as_tenant(shop.tenant.id).await?;
    let mut found = Vec::new();
    for sql in COUNTS {
        found.push(tenant.query_one(sql, &[]).await?.get::<_, i64>(0));
    }
    let events = "SELECT count(*) FROM stoa_event WHERE subject = 'orders.placed.v1'";
    let owner = database.owner().await?;
    found.push(owner.query_one(events, &[]).await?.get(0));
    let all = stoa + pgbench;
    let lines = all * LINES_PER_ORDER as i64;
    let right = [all, lines, lines, all, all, lines, all, all];
    ensure!(found == right, "the sides wrote {found:?}, not {right:?}");
    println!(
        "\nStoa wrote {stoa} orders and pgbench {pgbench}, {lines} lines and as many held units \
         in all."
    );
    Ok(())
}

fn print(args: &CheckoutArgs, rounds: &[Vec<Round>; 3]) {
    let rows: Vec<Vec<String>> = Side::ALL
        .iter()
        .zip(rounds)
        .enumerate()
        .map(|(at, (side, its))| {
            vec![
                side.name().to_owned(),
                grouped(figures::rate(its)),
                match at {
                    0 => "1".to_owned(),
                    _ => figures::ratio(&rounds[0], its),
                },
                format!("{:.2}", figures::millis(its, 0.5)),
                format!("{:.2}", figures::millis(its, 0.99)),
            ]
        })
        .collect();
    figures::table(
        &format!(
            "Durable orders (PostgreSQL, fsync on, row-level security), {LINES_PER_ORDER} lines \
             each out of {} variants; {} clients of Stoa, {CONNECTIONS} connections a side, {} \
             rounds of {} orders a side, in turn.",
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
        ],
        &rows,
    );
}
