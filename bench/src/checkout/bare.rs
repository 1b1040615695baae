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
use rusqlite::types::Value;
use rusqlite::{Connection, Statement};
use tokio::sync::oneshot;

use super::order::{BareOrder, Bytes16, Pattern};
use super::shop::{LINES_PER_ORDER, MMAP_BYTES};
use super::statements::{Does, LEVEL_VERSION_COLUMN, OfLine, PLACE, Place, Step, for_sqlite};

// As platform/storage has them.
const BATCH_MAX: usize = 256;
const BATCH_TIME_MAX: Duration = Duration::from_millis(20);
const PAGE_CACHE_KIB: i64 = 16 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
const HELD_MICROS: i64 = 15 * 60 * 1_000_000;
const LOCATION: Bytes16 = [0; 16];

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
    pub(super) fn start(file: &Path, pattern: &Arc<Pattern>, savepoints: bool) -> Result<Self> {
        let shared: Arc<Shared> = Arc::default();
        let connection = open(file)?;
        let checkpointing = open(file)?;
        let (its, other, pattern) = (shared.clone(), shared.clone(), pattern.clone());
        let writer = std::thread::spawn(move || {
            if let Err(error) = write(&connection, &its, &pattern, savepoints) {
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

fn write(
    connection: &Connection,
    shared: &Shared,
    pattern: &Pattern,
    savepoints: bool,
) -> Result<()> {
    let mut placement = Placement::prepare(connection, pattern)?;
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
            placement.run(&order)?;
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

/// What is bound at one place.
enum Slot {
    Same(Value),
    Own(Place),
}

/// One statement, prepared once, and what it is given for each time that it is executed.
struct Prepared<'c> {
    statement: Statement<'c>,
    does: Does,
    times: Vec<Vec<Slot>>,
}

/// The statements of one order, in the order in which the shop executes them.
struct Placement<'c> {
    steps: Vec<Prepared<'c>>,
    versions: [i64; LINES_PER_ORDER],
}

impl<'c> Placement<'c> {
    fn prepare(connection: &'c Connection, pattern: &Pattern) -> Result<Self> {
        let steps = PLACE
            .iter()
            .map(|step| Prepared::new(connection, step, pattern))
            .collect::<Result<_>>()?;
        Ok(Self {
            steps,
            versions: [0; LINES_PER_ORDER],
        })
    }

    fn run(&mut self, order: &BareOrder) -> Result<()> {
        for step in &mut self.steps {
            for slots in &step.times {
                for (at, slot) in slots.iter().enumerate() {
                    bind(&mut step.statement, at + 1, slot, order, &self.versions)?;
                }
                match step.does {
                    Does::Write => {
                        let changed = step.statement.raw_execute()?;
                        ensure!(changed == 1, "a statement changed {changed} rows");
                    }
                    Does::Read => drop(read_all(&mut step.statement, None)?),
                    Does::ReadLevels => {
                        let found = read_all(&mut step.statement, Some(LEVEL_VERSION_COLUMN))?;
                        ensure!(found.len() == LINES_PER_ORDER, "{} levels", found.len());
                        self.versions.copy_from_slice(&found);
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'c> Prepared<'c> {
    fn new(connection: &'c Connection, step: &Step, pattern: &Pattern) -> Result<Self> {
        let slot = |place: Place| match place {
            Place::Kept(table, column) => Slot::Same(pattern.value((table, column))),
            Place::Int(value) => Slot::Same(Value::Integer(value)),
            Place::Text(text) => Slot::Same(Value::Text(text.to_owned())),
            Place::Null => Slot::Same(Value::Null),
            Place::Location => Slot::Same(Value::Blob(LOCATION.to_vec())),
            own => Slot::Own(own),
        };
        let tenant = step.sql.contains(":tenant").then_some(Place::Tenant);
        let times = (0..step.times()).map(|line| {
            let places = tenant.into_iter().chain(step.values(line));
            places.map(slot).collect()
        });
        Ok(Self {
            statement: connection.prepare(&for_sqlite(step.sql))?,
            does: step.does,
            times: times.collect(),
        })
    }
}

fn bind(
    statement: &mut Statement<'_>,
    at: usize,
    slot: &Slot,
    order: &BareOrder,
    versions: &[i64; LINES_PER_ORDER],
) -> Result<()> {
    let place = match slot {
        Slot::Same(value) => return Ok(statement.raw_bind_parameter(at, value)?),
        Slot::Own(place) => *place,
    };
    match place {
        Place::Tenant => statement.raw_bind_parameter(at, order.tenant),
        Place::Cart => statement.raw_bind_parameter(at, order.cart),
        Place::Order => statement.raw_bind_parameter(at, order.order),
        Place::Attempt => statement.raw_bind_parameter(at, order.attempt),
        Place::Job => statement.raw_bind_parameter(at, order.job),
        Place::Event => statement.raw_bind_parameter(at, order.event),
        Place::Number => statement.raw_bind_parameter(at, order.number),
        Place::Key => statement.raw_bind_parameter(at, &order.key),
        Place::OrderText => statement.raw_bind_parameter(at, &order.order_text),
        Place::AttemptText => statement.raw_bind_parameter(at, &order.attempt_text),
        Place::Now => statement.raw_bind_parameter(at, order.now),
        Place::Until => statement.raw_bind_parameter(at, order.now + HELD_MICROS),
        Place::Line(line, OfLine::Variant) => statement.raw_bind_parameter(at, order.lines[line].0),
        Place::Line(line, OfLine::Product) => statement.raw_bind_parameter(at, order.lines[line].1),
        Place::Line(line, OfLine::Id) => statement.raw_bind_parameter(at, order.lines[line].2),
        Place::Line(line, OfLine::Position) => statement.raw_bind_parameter(at, line as i64),
        Place::Line(line, OfLine::Version) => statement.raw_bind_parameter(at, versions[line]),
        other => anyhow::bail!("{other:?} is no order's own"),
    }?;
    Ok(())
}

/// Takes every column out of every row, and makes nothing of them; answers the numbers of one.
fn read_all(statement: &mut Statement<'_>, number: Option<usize>) -> Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut rows = statement.raw_query();
    let mut found = 0;
    while let Some(row) = rows.next()? {
        for index in 0..row.as_ref().column_count() {
            std::hint::black_box(row.get_ref(index)?);
        }
        if let Some(column) = number {
            numbers.push(row.get(column)?);
        }
        found += 1;
    }
    ensure!(found > 0, "nothing there to be read");
    Ok(numbers)
}
