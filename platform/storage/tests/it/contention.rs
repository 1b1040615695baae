//! Transactions that want the same rows: each is exact, none is lost.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use stoa_storage::{Db, Error, Isolation, Tx, params};

use crate::support::{TAKE, everywhere, postgres_place, put, units};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_takers_of_ten_units_take_ten() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("race").await).await;
        put(&db, 1, "mug", 10).await.expect(cells.kind);
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
            taken += taker.await.expect("no panic").expect(cells.kind);
        }
        assert_eq!(
            (taken, units(&db, 1).await),
            (10, Some(0)),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_read_under_lock_stays_as_read() {
    const LOCKED: &str =
        "SELECT units FROM sample_item WHERE tenant_id = :tenant AND id = $1 {lock}";
    const SET: &str = "UPDATE sample_item SET units = $2 WHERE tenant_id = :tenant AND id = $1";
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("race").await).await;
        put(&db, 1, "mug", 0).await.expect(cells.kind);
        let adders: Vec<_> = (0..100)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(async |tx: &mut Tx<'_>| {
                        let units: i64 = tx.query_one(LOCKED, params![1], |row| row.get(0)).await?;
                        tx.execute(SET, params![1, units + 1]).await
                    })
                    .await
                })
            })
            .collect();
        for adder in adders {
            assert_eq!(adder.await.expect("no panic").expect(cells.kind), 1);
        }
        assert_eq!(units(&db, 1).await, Some(100), "{}", cells.kind);
    }
}

/// Takes from `first`, meets the other in the middle the first time round, takes from `second`.
async fn take_both(
    db: Db,
    (first, second): (i64, i64),
    meet: (mpsc::Sender<()>, mpsc::Receiver<()>),
    runs: Arc<AtomicU32>,
) -> Result<u64, Error> {
    let meet = Mutex::new(Some(meet));
    db.write(async move |tx: &mut Tx<'_>| {
        runs.fetch_add(1, Ordering::SeqCst);
        let taken = tx.execute(TAKE, params![first, 1]).await?;
        if let Some((mine, other)) = meet.lock().expect("a lock").take() {
            mine.send(()).expect("the test listens");
            other
                .recv_timeout(Duration::from_secs(20))
                .expect("the other has its first row");
        }
        Ok::<_, Error>(taken + tx.execute(TAKE, params![second, 1]).await?)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_transactions_that_deadlock_one_runs_again_and_both_succeed() {
    for isolation in Isolation::ALL {
        let Some(place) = postgres_place("postgres", isolation).await else {
            return;
        };
        // Two programs: a body that blocks its thread must not hold up the other one.
        let (one, two) = (place.open().await, place.open().await);
        let tenant = place.tenant(&one, "race").await;
        let (a, b) = (
            one.db(tenant).await.expect("a cell"),
            two.db(tenant).await.expect("a cell"),
        );
        put(&a, 1, "mug", 10).await.expect("a row");
        put(&a, 2, "lamp", 10).await.expect("a row");
        let runs: Arc<AtomicU32> = Arc::default();
        let (to_b, from_a) = mpsc::channel();
        let (to_a, from_b) = mpsc::channel();
        let (left, right) = tokio::join!(
            take_both(a.clone(), (1, 2), (to_b, from_b), runs.clone()),
            take_both(b, (2, 1), (to_a, from_a), runs.clone()),
        );
        assert_eq!((left.expect("a"), right.expect("b")), (2, 2));
        // Once each, and one of them again; the server may let the same two meet more than once.
        let runs = runs.load(Ordering::SeqCst);
        assert!(runs >= 3, "{runs} runs: nobody ran again");
        assert_eq!((units(&a, 1).await, units(&a, 2).await), (Some(8), Some(8)));
    }
}
