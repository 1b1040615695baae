//! The bare storage loop: rusqlite alone, one writer thread, group commit, the statements of an
//! order one after the other. No shop around it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use parking_lot::{Condvar, Mutex};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Statement, params};
use tokio::sync::oneshot;

use super::order::{BareOrder, Bytes16};
use super::shop::MMAP_BYTES;
use super::statements as sql;

// As platform/storage has them.
const BATCH_MAX: usize = 256;
const BATCH_TIME_MAX: Duration = Duration::from_millis(20);
const PAGE_CACHE_KIB: i64 = 16 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
const HELD_MICROS: i64 = 15 * 60 * 1_000_000;
const LOCATION: Bytes16 = [0; 16];
const IDS_PER_STATEMENT: usize = 32;
const LEVELS_PER_STATEMENT: usize = 16;

type Job = (BareOrder, oneshot::Sender<Result<()>>);

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    arrived: Condvar,
    closed: AtomicBool,
    commits: AtomicU64,
    orders: AtomicU64,
}

pub(super) struct BareLoop {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl BareLoop {
    /// With `savepoints` one order can be refused without the others of its commit, as in a shop.
    pub(super) fn start(file: &Path, savepoints: bool) -> Result<Self> {
        let shared: Arc<Shared> = Arc::default();
        let connection = open(file)?;
        let checkpointing = open(file)?;
        let (its, other) = (shared.clone(), shared.clone());
        let writer = std::thread::spawn(move || {
            if let Err(error) = write(&connection, &its, savepoints) {
                eprintln!("the bare loop ended: {error:#}");
            }
        });
        let checkpointer = std::thread::spawn(move || checkpoint(&checkpointing, &other));
        Ok(Self {
            shared,
            threads: vec![writer, checkpointer],
        })
    }

    /// Answers once the order is durable.
    pub(super) async fn place(&self, order: BareOrder) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.lock().push_back((order, reply));
        self.shared.arrived.notify_one();
        answer.await.context("the bare loop ended")?
    }

    /// Durable commits so far, and orders in them.
    pub(super) fn committed(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.shared.commits), read(&self.shared.orders))
    }
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.arrived.notify_all();
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(&format!(
        "PRAGMA cache_size = -{PAGE_CACHE_KIB}; PRAGMA mmap_size = {MMAP_BYTES}; \
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0"
    ))?;
    Ok(connection)
}

fn checkpoint(connection: &Connection, shared: &Shared) {
    let mut seen = 0;
    while !shared.closed.load(Ordering::Acquire) {
        crate::child::pause(CHECKPOINT_EVERY);
        let commits = shared.commits.load(Ordering::Relaxed);
        if commits != seen {
            seen = commits;
            // Another pass follows; what this one could not copy stays in the log.
            drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
        }
    }
}

fn write(connection: &Connection, shared: &Shared, savepoints: bool) -> Result<()> {
    let mut statements = Statements::prepare(connection)?;
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut savepoint = connection.prepare("SAVEPOINT body")?;
    let mut release = connection.prepare("RELEASE body")?;
    let mut replies = Vec::with_capacity(BATCH_MAX);
    while let Some((mut order, mut reply)) = next(shared) {
        let began = Instant::now();
        begin.execute([])?;
        loop {
            if savepoints {
                savepoint.execute([])?;
            }
            statements.place(&order)?;
            if savepoints {
                release.execute([])?;
            }
            replies.push(reply);
            if replies.len() >= BATCH_MAX || began.elapsed() > BATCH_TIME_MAX {
                break;
            }
            let Some(another) = shared.queue.lock().pop_front() else {
                break;
            };
            (order, reply) = another;
        }
        commit.execute([])?;
        shared.commits.fetch_add(1, Ordering::Relaxed);
        shared
            .orders
            .fetch_add(replies.len() as u64, Ordering::Relaxed);
        for reply in replies.drain(..) {
            drop(reply.send(Ok(())));
        }
    }
    Ok(())
}

/// Waits for an order; `None` once closed and empty.
fn next(shared: &Shared) -> Option<Job> {
    let mut queue = shared.queue.lock();
    loop {
        if let Some(job) = queue.pop_front() {
            return Some(job);
        }
        if shared.closed.load(Ordering::Acquire) {
            return None;
        }
        // A closing that falls between the check and the wait is met at the next look.
        shared.arrived.wait_for(&mut queue, CHECKPOINT_EVERY);
    }
}

/// Every statement, prepared once.
struct Statements<'c> {
    claim_key: Statement<'c>,
    lock_cart: Statement<'c>,
    cart_lines: Statement<'c>,
    snapshots: Statement<'c>,
    prices: Statement<'c>,
    terms: Statement<'c>,
    insert_order: Statement<'c>,
    insert_line: Statement<'c>,
    emit: Statement<'c>,
    insert_attempt: Statement<'c>,
    freeze_cart: Statement<'c>,
    enqueue: Statement<'c>,
    raise: Statement<'c>,
    levels: Statement<'c>,
    insert_hold: Statement<'c>,
    insert_movement: Statement<'c>,
    store_response: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> Result<Self> {
        let prepare = |text: &str| connection.prepare(&sql::for_sqlite(text));
        Ok(Self {
            claim_key: prepare(sql::CLAIM_KEY)?,
            lock_cart: prepare(sql::LOCK_CART)?,
            cart_lines: prepare(sql::CART_LINES)?,
            snapshots: prepare(sql::SNAPSHOTS)?,
            prices: prepare(sql::PRICES)?,
            terms: prepare(sql::TERMS)?,
            insert_order: prepare(sql::INSERT_ORDER)?,
            insert_line: prepare(sql::INSERT_LINE)?,
            emit: prepare(sql::EMIT)?,
            insert_attempt: prepare(sql::INSERT_ATTEMPT)?,
            freeze_cart: prepare(sql::FREEZE_CART)?,
            enqueue: prepare(sql::ENQUEUE)?,
            raise: prepare(sql::RAISE)?,
            levels: prepare(sql::LEVELS)?,
            insert_hold: prepare(sql::INSERT_HOLD)?,
            insert_movement: prepare(sql::INSERT_MOVEMENT)?,
            store_response: prepare(sql::STORE_RESPONSE)?,
        })
    }

    /// The statements of one order, in the order in which the shop executes them.
    fn place(&mut self, order: &BareOrder) -> Result<()> {
        let (pattern, tenant, now) = (&*order.pattern, order.tenant, order.now);
        let (scope, key) = (&pattern.scope, &order.key);
        let hash = &pattern.body_hash;
        let claimed = self
            .claim_key
            .execute(params![tenant, scope, key, hash, now])?;
        ensure!(claimed == 1, "the key was used before");
        read_all(&mut self.lock_cart, &[&tenant, &order.cart])?;
        read_all(&mut self.cart_lines, &[&tenant, &order.cart])?;
        self.read_goods(order)?;
        self.insert_order(order)?;
        let event = &pattern.event;
        self.emit.execute(params![
            order.event,
            tenant,
            event.subject,
            order.order_text,
            now,
            event.actor,
            None::<Bytes16>,
            event.trace,
            event.payload
        ])?;
        let total = pattern.totals[4];
        let (provider, token) = (&pattern.provider, &pattern.token);
        self.insert_attempt.execute(params![
            tenant,
            order.attempt,
            order.order,
            total,
            pattern.currency,
            provider,
            token,
            None::<String>,
            now
        ])?;
        self.freeze_cart
            .execute(params![tenant, order.cart, "frozen", order.order, now])?;
        let (kind, payload, attempts_max) = &pattern.job;
        self.enqueue.execute(params![
            order.job,
            tenant,
            kind,
            order.attempt_text,
            payload,
            now,
            attempts_max,
            now
        ])?;
        self.reserve(order)?;
        let (status, response) = &pattern.response;
        self.store_response
            .execute(params![tenant, scope, key, status, response])?;
        Ok(())
    }

    fn read_goods(&mut self, order: &BareOrder) -> Result<()> {
        let last = order.lines[order.lines.len() - 1].0;
        let ids = order
            .lines
            .iter()
            .map(|line| line.0)
            .chain(std::iter::repeat(last));
        let ids: Vec<Bytes16> = ids.take(IDS_PER_STATEMENT).collect();
        let mut values: Vec<&dyn rusqlite::ToSql> = vec![&order.tenant];
        values.extend(ids.iter().map(|id| id as &dyn rusqlite::ToSql));
        read_all(&mut self.snapshots, &values)?;
        values.push(&order.pattern.currency);
        read_all(&mut self.prices, &values)?;
        read_all(&mut self.terms, &[&order.tenant, &order.pattern.currency])
    }

    fn insert_order(&mut self, order: &BareOrder) -> Result<()> {
        let pattern = &*order.pattern;
        let [subtotal, discount, shipping, tax, total] = pattern.totals;
        self.insert_order.execute(params![
            order.tenant,
            order.order,
            order.number,
            order.cart,
            pattern.email,
            pattern.shipping_address,
            pattern.billing_address,
            pattern.shipping_option,
            pattern.currency,
            subtotal,
            discount,
            shipping,
            tax,
            total,
            pattern.tax_inclusive,
            pattern.test,
            order.now
        ])?;
        let line = &pattern.line;
        let [unit_price, subtotal, tax, total] = line.amounts;
        for (position, (variant, product, id)) in order.lines.iter().enumerate() {
            self.insert_line.execute(params![
                order.tenant,
                order.order,
                position as i64,
                id,
                variant,
                product,
                line.title,
                line.variant_title,
                line.sku,
                line.image,
                line.quantity,
                unit_price,
                subtotal,
                tax,
                total
            ])?;
        }
        Ok(())
    }

    fn reserve(&mut self, order: &BareOrder) -> Result<()> {
        let units = order.pattern.line.quantity;
        for (variant, ..) in &order.lines {
            let raised = self.raise.execute(params![
                order.tenant,
                variant,
                LOCATION,
                units,
                order.order,
                order.now
            ])?;
            ensure!(raised == 1, "not enough stock");
        }
        let last = order.lines[order.lines.len() - 1].0;
        let ids = order
            .lines
            .iter()
            .map(|line| line.0)
            .chain(std::iter::repeat(last));
        let ids: Vec<Bytes16> = ids.take(LEVELS_PER_STATEMENT).collect();
        let mut values: Vec<&dyn rusqlite::ToSql> = vec![&order.tenant, &LOCATION];
        values.extend(ids.iter().map(|id| id as &dyn rusqlite::ToSql));
        let mut versions: Vec<i64> = Vec::with_capacity(order.lines.len());
        let mut rows = self.levels.query(&values[..])?;
        while let Some(row) = rows.next()? {
            consume(row)?;
            versions.push(row.get(5)?);
        }
        drop(rows);
        for (variant, ..) in &order.lines {
            let until = order.now + HELD_MICROS;
            self.insert_hold.execute(params![
                order.tenant,
                order.order,
                variant,
                LOCATION,
                units,
                until,
                order.now
            ])?;
        }
        for ((variant, ..), version) in order.lines.iter().zip(versions) {
            self.insert_movement.execute(params![
                order.tenant,
                variant,
                LOCATION,
                version,
                "reserve",
                0_i64,
                units,
                order.order,
                None::<String>,
                order.now
            ])?;
        }
        Ok(())
    }
}

fn read_all(statement: &mut Statement<'_>, values: &[&dyn rusqlite::ToSql]) -> Result<()> {
    let mut rows = statement.query(values)?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        consume(row)?;
        found += 1;
    }
    ensure!(found > 0, "nothing there to be read");
    Ok(())
}

/// Takes every column out of the row, and makes nothing of it.
fn consume(row: &rusqlite::Row<'_>) -> Result<()> {
    for index in 0..row.as_ref().column_count() {
        std::hint::black_box(row.get_ref(index)?);
    }
    Ok(())
}
