//! What every kind of cell must do alike.

use stoa_storage::{Db, Error, Tx, params};

use crate::support::everywhere;

const INSERT: &str =
    "INSERT INTO sample_item (tenant_id, id, name, units) VALUES (:tenant, $1, $2, $3)";
const UNITS: &str = "SELECT units FROM sample_item WHERE tenant_id = :tenant AND id = $1";
const TAKE: &str = "UPDATE sample_item SET units = units - $2 \
                    WHERE tenant_id = :tenant AND id = $1 AND units >= $2";
const COUNT: &str = "SELECT count(*) FROM sample_item WHERE tenant_id = :tenant";

async fn put(db: &Db, id: i64, name: &'static str, units: i64) -> Result<(), Error> {
    db.write(async move |tx: &mut Tx<'_>| {
        tx.execute(INSERT, params![id, name, units])
            .await
            .map(|_| ())
    })
    .await
}

async fn units(db: &Db, id: i64) -> Option<i64> {
    db.fetch(UNITS, params![id], |row| row.get(0))
        .await
        .expect("a read")
        .into_iter()
        .next()
}

async fn count(db: &Db) -> i64 {
    db.read(async |tx: &mut Tx<'_>| tx.query_one(COUNT, params![], |row| row.get(0)).await)
        .await
        .expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_row_is_there_and_a_failed_body_leaves_nothing() {
    for opened in everywhere().await {
        let db = opened.db(opened.tenant("one").await).await;
        put(&db, 1, "mug", 3).await.expect(opened.kind);
        assert_eq!(units(&db, 1).await, Some(3), "{}", opened.kind);
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![2, "lamp", 1]).await?;
                Err::<(), Error>(Error::UnknownTenant {
                    tenant: "on purpose".to_owned(),
                })
            })
            .await;
        assert!(
            matches!(failed, Err(Error::UnknownTenant { .. })),
            "{}",
            opened.kind
        );
        assert_eq!(count(&db).await, 1, "{}", opened.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_takers_of_ten_units_take_ten() {
    for opened in everywhere().await {
        let db = opened.db(opened.tenant("race").await).await;
        put(&db, 1, "mug", 10).await.expect(opened.kind);
        let takers: Vec<_> = (0..200)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(async |tx: &mut Tx<'_>| tx.execute(TAKE, params![1, 1]).await)
                        .await
                })
            })
            .collect();
        let mut taken = 0;
        for taker in takers {
            taken += taker.await.expect("no panic").expect(opened.kind);
        }
        assert_eq!(
            (taken, units(&db, 1).await),
            (10, Some(0)),
            "{}",
            opened.kind
        );
    }
}
