//! What a transaction body may do, and what is left of it when it ends badly.

use std::time::Duration;

use futures_util::FutureExt;
use stoa_storage::{Db, Error, Tx, params};

use crate::support::{
    COUNT, INSERT, count, everywhere, is_on_purpose, on_purpose, places, put, raw_client, units,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_row_is_there_and_a_failed_body_leaves_nothing() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        put(&db, 1, "mug", 3).await.expect(cells.kind);
        assert_eq!(units(&db, 1).await, Some(3), "{}", cells.kind);
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![2, "lamp", 1]).await?;
                Err::<(), Error>(on_purpose())
            })
            .await;
        assert!(is_on_purpose(&failed), "{}: {failed:?}", cells.kind);
        assert_eq!(count(&db).await, 1, "{}", cells.kind);
    }
}

fn fall() -> Result<(), Error> {
    panic!("dropped the mug")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_body_leaves_nothing_and_the_next_one_goes_on() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![1, "mug", 1]).await?;
                fall()
            })
            .await;
        assert!(
            matches!(&failed, Err(Error::BodyPanicked { message }) if message == "dropped the mug"),
            "{}: {failed:?}",
            cells.kind
        );
        let failed = db
            .read(async |tx: &mut Tx<'_>| {
                tx.query_one(COUNT, params![], |row| row.get::<i64>(0))
                    .await?;
                fall()
            })
            .await;
        assert!(
            matches!(&failed, Err(Error::BodyPanicked { message }) if message == "dropped the mug"),
            "{}: {failed:?}",
            cells.kind
        );
        put(&db, 2, "lamp", 1).await.expect(cells.kind);
        assert_eq!(
            (units(&db, 1).await, units(&db, 2).await),
            (None, Some(1)),
            "{}",
            cells.kind
        );
    }
}

async fn insert_then_yield(db: &Db) -> Result<(), Error> {
    db.write(async |tx: &mut Tx<'_>| {
        tx.execute(INSERT, params![1, "mug", 1]).await?;
        tokio::task::yield_now().await;
        Ok::<_, Error>(())
    })
    .await
}

async fn insert_then_sleep(db: &Db) -> Result<(), Error> {
    db.write(async |tx: &mut Tx<'_>| {
        tx.execute(INSERT, params![1, "mug", 1]).await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, Error>(())
    })
    .await
}

async fn insert_then_hear(db: &Db) -> Result<(), Error> {
    db.write(async |tx: &mut Tx<'_>| {
        tx.execute(INSERT, params![1, "mug", 1]).await?;
        let (_sender, receiver) = tokio::sync::oneshot::channel::<()>();
        receiver.await.map_err(|_| on_purpose())
    })
    .await
}

/// Another transaction of the same tenant is something else, too.
async fn insert_then_nest(db: &Db) -> Result<(), Error> {
    let inner = db.clone();
    db.write(async move |tx: &mut Tx<'_>| {
        tx.execute(INSERT, params![1, "mug", 1]).await?;
        put(&inner, 2, "lamp", 1).await
    })
    .await
}

async fn read_then_yield(db: &Db) -> Result<(), Error> {
    db.read(async |tx: &mut Tx<'_>| {
        tx.query_one(COUNT, params![], |row| row.get::<i64>(0))
            .await?;
        tokio::task::yield_now().await;
        Ok::<_, Error>(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_awaits_something_else_is_refused_and_leaves_nothing() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        for (what, outcome) in [
            ("yield", insert_then_yield(&db).await),
            ("sleep", insert_then_sleep(&db).await),
            ("channel", insert_then_hear(&db).await),
            ("nested", insert_then_nest(&db).await),
            ("read", read_then_yield(&db).await),
        ] {
            assert!(
                matches!(outcome, Err(Error::BodyAwaited)),
                "{} {what}: {outcome:?}",
                cells.kind
            );
            assert_eq!(units(&db, 1).await, None, "{} {what}", cells.kind);
        }
        put(&db, 3, "bowl", 1).await.expect(cells.kind);
        assert_eq!(units(&db, 3).await, Some(1), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_leaves_all_of_a_transaction_or_nothing() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        for round in 0..20_i64 {
            let mut call = Box::pin(db.write(async move |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![2 * round, "cup", 1]).await?;
                tx.execute(INSERT, params![2 * round + 1, "saucer", 1])
                    .await
            }));
            assert!(call.as_mut().now_or_never().is_none(), "{}", cells.kind);
        }
        // The transactions were under way, so they end; what is seen meanwhile is whole pairs.
        let all = async {
            loop {
                let seen = count(&db).await;
                assert_eq!(seen % 2, 0, "{}", cells.kind);
                if seen == 40 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all)
            .await
            .expect(cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_cut_off_leaves_no_open_transaction_in_the_pool() {
    for place in places().await {
        let storage = place.open().await;
        let tenant = place.tenant(&storage, "one").await;
        let db = storage.db(tenant).await.expect(place.kind);
        put(&db, 1, "mug", 1).await.expect(place.kind);
        for polls in 0..60_u32 {
            let mut call = Box::pin(db.fetch(COUNT, params![], |row| row.get::<i64>(0)));
            // Cut at another point each time: while connecting, preparing, asking, answering.
            for _ in 0..polls % 12 {
                if call.as_mut().now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let counts = futures_util::future::join_all((0..20).map(|_| count(&db))).await;
        assert_eq!(counts, vec![1; 20], "{}", place.kind);
        if place.is_server() {
            no_session_is_in_a_transaction(&place.url).await;
        }
    }
}

async fn no_session_is_in_a_transaction(url: &str) {
    // Every database of the test has the main one's name in its own.
    const OPEN: &str = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname LIKE current_database() || '%' \
                        AND state LIKE 'idle in transaction%'";
    let client = raw_client(url).await;
    let none = async {
        while client
            .query_one(OPEN, &[])
            .await
            .expect("a count")
            .get::<_, i64>(0)
            > 0
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), none)
        .await
        .expect("sessions left inside a transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deferred_is_seen_by_the_next_statement_and_kept_by_the_commit() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let seen = db
            .write(async |tx: &mut Tx<'_>| {
                tx.defer(&[(INSERT, params![1, "mug", 3])]).await?;
                tx.defer(&[(INSERT, params![2, "lamp", 4])]).await?;
                let seen: i64 = tx.query_one(COUNT, params![], |row| row.get(0)).await?;
                tx.defer(&[(INSERT, params![3, "cup", 5])]).await?;
                Ok::<_, Error>(seen)
            })
            .await;
        assert_eq!(seen.expect(cells.kind), 2, "{}", cells.kind);
        assert_eq!(units(&db, 3).await, Some(5), "{}", cells.kind);
        // Nothing but deferred statements: the transaction opens and ends in one flight.
        let alone = db
            .write(async |tx: &mut Tx<'_>| tx.defer(&[(INSERT, params![4, "jug", 6])]).await)
            .await;
        alone.expect(cells.kind);
        assert_eq!(count(&db).await, 4, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_deferred_fails_the_transaction_whatever_follows() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        put(&db, 1, "mug", 3).await.expect(cells.kind);
        for asks_after in [false, true] {
            let failed = db
                .write(async move |tx: &mut Tx<'_>| {
                    tx.execute(INSERT, params![2, "lamp", 1]).await?;
                    tx.defer(&[(INSERT, params![1, "mug", 1])]).await?;
                    if asks_after {
                        tx.query_one(COUNT, params![], |row| row.get::<i64>(0))
                            .await?;
                    }
                    Ok::<_, Error>(())
                })
                .await;
            assert!(
                matches!(&failed, Err(Error::Constraint { .. })),
                "{}: {failed:?}",
                cells.kind
            );
            assert_eq!(count(&db).await, 1, "{}", cells.kind);
        }
        // A body that gives up takes what it deferred along.
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                tx.defer(&[(INSERT, params![5, "jug", 1])]).await?;
                Err::<(), Error>(on_purpose())
            })
            .await;
        assert!(is_on_purpose(&failed), "{}: {failed:?}", cells.kind);
        assert_eq!(count(&db).await, 1, "{}", cells.kind);
    }
}
