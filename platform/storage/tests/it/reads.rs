//! Reads see one moment, change nothing and cost one statement where they can.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use stoa_storage::{Error, Tx, params};

use crate::support::{COUNT, INSERT, UNITS, count, everywhere, places, put};

/// Blocks the reader's own thread: a body may not await a commit.
fn hear(written: &Mutex<mpsc::Receiver<()>>) {
    let wait = written.lock().expect("a lock");
    wait.recv_timeout(Duration::from_secs(20))
        .expect("a commit meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_one_moment_while_others_commit() {
    for place in places().await {
        let reading = place.open().await;
        let tenant = place.tenant(&reading, "one").await;
        // A second program, so that nothing of the writer waits behind the reader's threads.
        let writing = place.open().await;
        let writer = writing.db(tenant).await.expect(place.kind);
        let reader = reading.db(tenant).await.expect(place.kind);
        put(&writer, 1, "mug", 1).await.expect(place.kind);
        let (has_counted, counted) = tokio::sync::oneshot::channel();
        let (has_written, written) = mpsc::channel::<()>();
        let (has_counted, written) = (Mutex::new(Some(has_counted)), Mutex::new(written));
        let read = tokio::spawn(async move {
            reader
                .read(async move |tx: &mut Tx<'_>| {
                    let before: i64 = tx.query_one(COUNT, params![], |row| row.get(0)).await?;
                    if let Some(sender) = has_counted.lock().expect("a lock").take() {
                        sender.send(()).expect("the test listens");
                    }
                    hear(&written);
                    let after: i64 = tx.query_one(COUNT, params![], |row| row.get(0)).await?;
                    Ok::<_, Error>((before, after))
                })
                .await
        });
        counted.await.expect("a first count");
        put(&writer, 2, "lamp", 1).await.expect(place.kind);
        has_written.send(()).expect("the reader waits");
        let seen = read.await.expect("no panic").expect(place.kind);
        assert_eq!(seen, (1, 1), "{}", place.kind);
        assert_eq!(count(&writer).await, 2, "{}", place.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_write_nothing() {
    const RETURNING: &str = "INSERT INTO sample_item (tenant_id, id, name, units) \
                             VALUES (:tenant, 1, 'mug', 1) RETURNING id";
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let in_read = db
            .read(async |tx: &mut Tx<'_>| tx.execute(INSERT, params![1, "mug", 1]).await)
            .await;
        let fetched = db
            .fetch(RETURNING, params![], |row| row.get::<i64>(0))
            .await;
        assert!(
            matches!(&in_read, Err(Error::Statement { sql, .. }) if sql == INSERT),
            "{}: {in_read:?}",
            cells.kind
        );
        assert!(
            matches!(&fetched, Err(Error::Statement { sql, .. }) if sql == RETURNING),
            "{}: {fetched:?}",
            cells.kind
        );
        assert_eq!(count(&db).await, 0, "{}", cells.kind);
        put(&db, 1, "mug", 1).await.expect(cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_is_one_statement_and_a_batch_counts_each() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        put(&db, 1, "mug", 4).await.expect(cells.kind);
        let before = cells.storage().stats().read().statements;
        let units = db.fetch(UNITS, params![1], |row| row.get::<i64>(0)).await;
        let after = cells.storage().stats().read().statements;
        assert_eq!((units.expect(cells.kind), after - before), (vec![4], 1));
        db.write(async |tx: &mut Tx<'_>| {
            tx.batch(&[
                (INSERT, params![2, "cup", 1]),
                (INSERT, params![3, "bowl", 1]),
            ])
            .await
        })
        .await
        .expect(cells.kind);
        let written = cells.storage().stats().read().statements;
        assert_eq!(written - after, 2, "{}", cells.kind);
    }
}
