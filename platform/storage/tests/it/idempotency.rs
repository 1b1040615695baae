//! A key answers its operation once, whoever comes at the same time.

use stoa_storage::{Claim, Db, Error, IdempotencyKey, Tx, params};

use crate::support::{INSERT, at, count, everywhere, is_on_purpose, on_purpose, queue_of};

fn key(scope: &str, name: &str, body: u8) -> IdempotencyKey {
    IdempotencyKey {
        scope: scope.to_owned(),
        key: name.to_owned(),
        body_hash: [body; 32],
    }
}

async fn claim(db: &Db, key: IdempotencyKey) -> Claim {
    db.write(async move |tx: &mut Tx<'_>| tx.claim_key(&key, at(0)).await)
        .await
        .expect("a claim")
}

/// As a route does: claims, works, keeps the answer.
async fn order(db: &Db, key: IdempotencyKey, id: i64) -> Result<Claim, Error> {
    db.write(async move |tx: &mut Tx<'_>| {
        let claim = tx.claim_key(&key, at(0)).await?;
        if claim == Claim::Fresh {
            tx.execute(INSERT, params![id, "order", 1]).await?;
            tx.store_response(&key, 201, &format!("{{\"order\":{id}}}"))
                .await?;
        }
        Ok::<_, Error>(claim)
    })
    .await
}

fn stored(response: &str) -> Claim {
    Claim::Stored {
        status: 201,
        response: response.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_fresh_once_then_stored_and_refused_for_another_body() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let other = cells.db(cells.tenant("two").await).await;
        let first = order(&db, key("shopper /orders", "k1", 1), 1).await;
        assert_eq!(first.expect(cells.kind), Claim::Fresh);
        let again = order(&db, key("shopper /orders", "k1", 1), 2).await;
        assert_eq!(again.expect(cells.kind), stored("{\"order\":1}"));
        assert_eq!(
            claim(&db, key("shopper /orders", "k1", 2)).await,
            Claim::Reused
        );
        assert_eq!(count(&db).await, 1, "{}", cells.kind);
        // Another route, another key and another tenant are other operations.
        assert_eq!(
            claim(&db, key("shopper /refunds", "k1", 1)).await,
            Claim::Fresh
        );
        assert_eq!(
            claim(&db, key("shopper /orders", "k2", 1)).await,
            Claim::Fresh
        );
        assert_eq!(
            claim(&other, key("shopper /orders", "k1", 1)).await,
            Claim::Fresh
        );
        // Those three were committed without an answer.
        assert_eq!(
            claim(&db, key("shopper /orders", "k2", 1)).await,
            Claim::Unfinished
        );
        assert_eq!(
            claim(&db, key("shopper /orders", "k2", 3)).await,
            Claim::Reused
        );
        assert_eq!(
            claim(&other, key("shopper /orders", "k1", 1)).await,
            Claim::Unfinished
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_operation_rolled_back_is_fresh_again() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let its = key("shopper /orders", "k1", 1);
        let failed = db
            .write(async move |tx: &mut Tx<'_>| {
                assert_eq!(tx.claim_key(&its, at(0)).await?, Claim::Fresh);
                tx.store_response(&its, 201, "{}").await?;
                Err::<(), Error>(on_purpose())
            })
            .await;
        assert!(is_on_purpose(&failed), "{}", cells.kind);
        let next = order(&db, key("shopper /orders", "k1", 1), 7).await;
        assert_eq!(next.expect(cells.kind), Claim::Fresh);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_twins_one_works_and_the_others_get_its_answer() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let twins: Vec<_> = (0..50)
            .map(|id| {
                let db = db.clone();
                tokio::spawn(async move { order(&db, key("shopper /orders", "k", 1), id).await })
            })
            .collect();
        let mut claims = Vec::new();
        for twin in twins {
            claims.push(twin.await.expect("no panic").expect(cells.kind));
        }
        let fresh = claims.iter().position(|claim| *claim == Claim::Fresh);
        let winner = fresh.expect("one is fresh");
        let answer = stored(&format!("{{\"order\":{winner}}}"));
        let given = claims.iter().filter(|claim| **claim == answer).count();
        assert_eq!((given, count(&db).await), (49, 1), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_go_a_bounded_number_at_a_time_and_may_then_be_used_again() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let queue = queue_of(cells.storage(), tenant).await;
        for name in ["k1", "k2", "k3"] {
            assert_eq!(claim(&db, key("s", name, 1)).await, Claim::Fresh);
        }
        let mut dropped = Vec::new();
        for before in [at(0), at(1), at(1), at(1)] {
            dropped.push(queue.purge(before, 2).await.expect(cells.kind));
        }
        assert_eq!(dropped, [0, 2, 1, 0], "{}", cells.kind);
        assert_eq!(claim(&db, key("s", "k1", 2)).await, Claim::Fresh);
    }
}
