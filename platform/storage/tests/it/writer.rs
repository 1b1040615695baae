//! The writer of a SQLite cell: groups commits, keeps neighbours apart, lets shoppers go first.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use stoa_storage::{Db, Error, Isolation, Tx, params};

use crate::support::{COUNT, INSERT, SCHEMA, count, on_purpose, put, sqlite_place, units};

/// Holds the writer inside a body until told to go on.
struct Held {
    go_on: mpsc::Sender<()>,
    body: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Held {
    async fn hold(db: &Db) -> Self {
        let (go_on, wait) = mpsc::channel::<()>();
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let (wait, began) = (Mutex::new(wait), Mutex::new(Some(began)));
        let db = db.clone();
        let body = tokio::spawn(async move {
            db.write(async move |_: &mut Tx<'_>| {
                if let Some(began) = began.lock().expect("a lock").take() {
                    began.send(()).expect("the test listens");
                }
                // Blocks the writer's thread, which no body but a test's ever does.
                let wait = wait.lock().expect("a lock");
                wait.recv_timeout(Duration::from_secs(20))
                    .expect("told to go on");
                Ok::<_, Error>(())
            })
            .await
        });
        has_begun.await.expect("the body runs");
        Self { go_on, body }
    }

    async fn release(self) {
        self.go_on.send(()).expect("the body waits");
        self.body.await.expect("no panic").expect("a commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_writes_share_few_commits_and_all_survive_reopening() {
    for isolation in [Isolation::Shared, Isolation::Database] {
        let place = sqlite_place("sqlite", isolation);
        let storage = place.open().await;
        let tenant = place.tenant(&storage, "one").await;
        let db = storage.db(tenant).await.expect("a cell");
        let before = storage.stats().read();
        let writes: Vec<_> = (0..1_000)
            .map(|id| {
                let db = db.clone();
                tokio::spawn(async move { put(&db, id, "mug", 1).await })
            })
            .collect();
        for write in writes {
            write.await.expect("no panic").expect("a commit");
        }
        let after = storage.stats().read();
        assert_eq!(after.batched - before.batched, 1_000);
        let commits = after.batches - before.batches;
        assert!(commits <= 250, "{commits} commits for 1,000 writes");
        assert_eq!(after.batch_sizes.iter().sum::<u64>(), after.batches);
        drop((db, storage));
        let storage = place.open().await;
        let db = storage.db(tenant).await.expect("a cell");
        assert_eq!(count(&db).await, 1_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_one_commit_is_committed_together() {
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let db = cells.db(cells.tenant("one").await).await;
    let held = Held::hold(&db).await;
    let before = cells.storage().stats().read();
    let mut writes: Vec<_> = (0..200)
        .map(|id| Box::pin(put(&db, id, "mug", 1)))
        .collect();
    for write in &mut writes {
        assert!(write.as_mut().now_or_never().is_none());
    }
    assert_eq!(cells.storage().queue_depth(), 200);
    held.release().await;
    for outcome in join_all(writes).await {
        outcome.expect("a commit");
    }
    let after = cells.storage().stats().read();
    assert_eq!(after.batched - before.batched, 201);
    // The one that was held, and a few for the 200: a batch also ends after 20 ms.
    let commits = after.batches - before.batches;
    assert!(commits <= 20, "{commits} commits for 200 writes");
    assert_eq!((count(&db).await, cells.storage().queue_depth()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_body_does_not_disturb_its_neighbours_in_the_batch() {
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let db = cells.db(cells.tenant("one").await).await;
    let held = Held::hold(&db).await;
    let mut writes: Vec<_> = (0..90_i64)
        .map(|id| {
            Box::pin(db.write(async move |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![id, "mug", 1]).await?;
                match id % 3 {
                    0 => Ok(()),
                    1 => Err::<(), Error>(on_purpose()),
                    _ => tx
                        .execute(INSERT, params![id, "twice", 1])
                        .await
                        .map(|_| ()),
                }
            }))
        })
        .collect();
    for write in &mut writes {
        assert!(write.as_mut().now_or_never().is_none());
    }
    held.release().await;
    let outcomes = join_all(writes).await;
    for (id, outcome) in outcomes.iter().enumerate() {
        match id % 3 {
            0 => assert!(outcome.is_ok(), "{id}: {outcome:?}"),
            1 => assert!(matches!(outcome, Err(Error::UnknownTenant { .. })), "{id}"),
            _ => assert!(
                outcome.as_ref().is_err_and(Error::is_unique_violation),
                "{id}"
            ),
        }
    }
    let kept = db
        .fetch(
            "SELECT id FROM sample_item WHERE tenant_id = :tenant ORDER BY id",
            params![],
            |row| row.get::<i64>(0),
        )
        .await;
    let expected: Vec<i64> = (0..90).filter(|id| id % 3 == 0).collect();
    assert_eq!(kept.expect("rows"), expected);
}

type Order = Arc<Mutex<Vec<&'static str>>>;

fn note(
    order: &Order,
    name: &'static str,
) -> impl AsyncFn(&mut Tx<'_>) -> Result<(), Error> + Send + Sync + 'static {
    let order = order.clone();
    async move |_: &mut Tx<'_>| {
        order.lock().expect("a lock").push(name);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_work_waits_for_all_interactive_work() {
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let db = cells.db(cells.tenant("one").await).await;
    let order: Order = Arc::default();
    let held = Held::hold(&db).await;
    // The first bulk body queues a shopper's write while it runs: that one passes the second.
    let (late, from_bulk) = (db.clone(), order.clone());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let first = db.write_bulk(async move |_: &mut Tx<'_>| {
        from_bulk.lock().expect("a lock").push("bulk 1");
        let (late, order) = (late.clone(), from_bulk.clone());
        let mut write = async move { late.write(note(&order, "late shopper")).await }.boxed();
        assert!(write.as_mut().now_or_never().is_none());
        drop(sender.send(write));
        Ok::<_, Error>(())
    });
    let mut bulk = [first.boxed(), db.write_bulk(note(&order, "bulk 2")).boxed()];
    let mut shoppers = [
        db.write(note(&order, "shopper 1")).boxed(),
        db.write(note(&order, "shopper 2")).boxed(),
    ];
    for write in bulk.iter_mut().chain(&mut shoppers) {
        assert!(write.as_mut().now_or_never().is_none());
    }
    held.release().await;
    for outcome in join_all(bulk.into_iter().chain(shoppers)).await {
        outcome.expect("a commit");
    }
    let late = receiver.recv().await.expect("the late shopper's write");
    late.await.expect("a commit");
    assert_eq!(
        *order.lock().expect("a lock"),
        ["shopper 1", "shopper 2", "bulk 1", "late shopper", "bulk 2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_one_more_and_serves_those_it_holds() {
    const QUEUE_MAX: usize = 16_384;
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let db = cells.db(cells.tenant("one").await).await;
    let held = Held::hold(&db).await;
    let done: Arc<Mutex<usize>> = Arc::default();
    let mut writes: Vec<_> = (0..QUEUE_MAX)
        .map(|_| {
            let done = done.clone();
            Box::pin(db.write(async move |_: &mut Tx<'_>| {
                *done.lock().expect("a lock") += 1;
                Ok::<_, Error>(())
            }))
        })
        .collect();
    for write in &mut writes {
        assert!(write.as_mut().now_or_never().is_none());
    }
    let refused = put(&db, 1, "mug", 1).await;
    assert!(
        matches!(refused, Err(Error::Busy { limit: QUEUE_MAX })),
        "{refused:?}"
    );
    assert!(refused.is_err_and(|error| error.is_transient()));
    held.release().await;
    for outcome in join_all(writes).await {
        outcome.expect("a commit");
    }
    assert_eq!(*done.lock().expect("a lock"), QUEUE_MAX);
    put(&db, 1, "mug", 1).await.expect("room again");
    assert_eq!(units(&db, 1).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_durable_commits_are_counted() {
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let db = cells.db(cells.tenant("one").await).await;
    let before = cells.storage().stats().read();
    put(&db, 1, "mug", 1).await.expect("a commit");
    db.read(async |tx: &mut Tx<'_>| {
        tx.query_one(COUNT, params![], |row| row.get::<i64>(0))
            .await
    })
    .await
    .expect("a read");
    let after = cells.storage().stats().read();
    assert_eq!(
        (
            after.batches - before.batches,
            after.batched - before.batched,
            after.statements - before.statements
        ),
        (1, 1, 2)
    );
}

/// SQLite begins its log anew only where nobody writes while a checkpoint ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_short_while_somebody_always_writes() {
    const WRITERS: i64 = 8;
    const WRITES: i64 = 640;
    const BYTES: usize = 64 * 1024;
    // All that is written makes 340 MB of log; a slow disk lets it grow for a while.
    const LOG_BYTES_MAX: u64 = 280 * 1024 * 1024;
    let place = sqlite_place("sqlite", Isolation::Shared);
    let storage = place.open().await;
    let tenant = place.tenant(&storage, "one").await;
    let db = storage.db(tenant).await.expect("a cell");
    let writers = (0..WRITERS).map(|writer| {
        let db = db.clone();
        tokio::spawn(async move {
            for id in 0..WRITES {
                db.write(async move |tx: &mut Tx<'_>| {
                    let long = "x".repeat(BYTES);
                    let id = writer * WRITES + id;
                    tx.execute(INSERT, params![id, long.as_str(), 1]).await?;
                    Ok::<_, Error>(())
                })
                .await
                .expect("a commit");
            }
        })
    });
    for done in join_all(writers).await {
        done.expect("no panic");
    }
    assert_eq!(count(&db).await, WRITERS * WRITES);
    let folder = place.url.strip_prefix("sqlite:").expect("a folder");
    let longest = std::fs::read_dir(folder)
        .expect("the cells' folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().to_string_lossy().ends_with("-wal"))
        .map(|entry| entry.metadata().expect("its size").len())
        .max()
        .expect("a log");
    assert!(longest < LOG_BYTES_MAX, "the log has {longest} bytes");
}
