//! A statement that fails ends its transaction, on every database alike.

use stoa_kernel::{Actor, EventId};
use stoa_storage::{Cause, ConstraintKind, Error, Tx, params};

use crate::outbox::Counted;
use crate::support::{
    COUNT, INSERT, at, count, everywhere, is_on_purpose, log_of, on_purpose, put,
};

const MISSING: &str = "SELECT id FROM sample_missing WHERE tenant_id = :tenant";

fn is_check<T>(outcome: &Result<T, Error>) -> bool {
    matches!(
        outcome,
        Err(Error::Constraint {
            kind: ConstraintKind::Check,
            ..
        })
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swallowed_error_fails_the_transaction_all_the_same() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![1, "mug", 1]).await?;
                drop(tx.execute(INSERT, params![2, "hole", -1]).await);
                Ok::<_, Error>(())
            })
            .await;
        assert!(is_check(&failed), "{}: {failed:?}", cells.kind);
        assert_eq!(count(&db).await, 0, "{}", cells.kind);
        put(&db, 1, "mug", 1).await.expect(cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_every_statement_answers_with_it() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                let first = tx.execute(INSERT, params![2, "hole", -1]).await;
                assert!(is_check(&first), "{first:?}");
                let second = tx.execute(INSERT, params![3, "mug", 1]).await;
                assert!(is_check(&second), "{second:?}");
                let third = tx
                    .query_one(COUNT, params![], |row| row.get::<i64>(0))
                    .await;
                assert!(is_check(&third), "{third:?}");
                let fourth = tx.batch(&[(INSERT, params![4, "cup", 1])]).await;
                assert!(is_check(&fourth), "{fourth:?}");
                Err::<(), Error>(on_purpose())
            })
            .await;
        // The body's own answer stands where it gives one.
        assert!(is_on_purpose(&failed), "{}: {failed:?}", cells.kind);
        assert_eq!(count(&db).await, 0, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_outside_a_transaction_whose_first_statement_failed() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                drop(tx.execute(MISSING, params![]).await);
                let cause = Cause::new(Actor::System, at(0));
                drop(
                    tx.emit(EventId::from_u128(1), &cause, &Counted::new(1))
                        .await,
                );
                Ok::<_, Error>(())
            })
            .await;
        assert!(
            matches!(&failed, Err(Error::Statement { sql, .. }) if sql == MISSING),
            "{}: {failed:?}",
            cells.kind
        );
        let log = log_of(cells.storage(), tenant).await;
        assert_eq!(log.sequence().await.expect(cells.kind), 0, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_error_of_a_batch_is_its_answer() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                tx.batch(&[
                    (INSERT, params![1, "mug", 1]),
                    (INSERT, params![2, "hole", -1]),
                    (INSERT, params![1, "again", 1]),
                ])
                .await
            })
            .await;
        assert!(is_check(&failed), "{}: {failed:?}", cells.kind);
        assert_eq!(count(&db).await, 0, "{}", cells.kind);
        let counts = db
            .write(async |tx: &mut Tx<'_>| {
                let updated = "UPDATE sample_item SET units = 0 WHERE tenant_id = :tenant";
                tx.batch(&[
                    (INSERT, params![1, "mug", 1]),
                    (INSERT, params![2, "lamp", 1]),
                    (updated, params![]),
                ])
                .await
            })
            .await;
        assert_eq!(counts.expect(cells.kind), vec![1, 1, 2], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_swallows_an_error_fails_with_it() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let failed = db
            .read(async |tx: &mut Tx<'_>| {
                drop(tx.execute(MISSING, params![]).await);
                Ok::<_, Error>(())
            })
            .await;
        assert!(
            matches!(&failed, Err(Error::Statement { sql, .. }) if sql == MISSING),
            "{}: {failed:?}",
            cells.kind
        );
        assert_eq!(count(&db).await, 0, "{}", cells.kind);
    }
}
