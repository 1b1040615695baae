//! Jobs: enqueued with the rows, held by one at a time, retried, buried.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use stoa_kernel::JobId;
use stoa_storage::{ClaimedJob, Db, Error, Isolation, JobQueue, NewJob, Tx};

use crate::support::{at, everywhere, is_on_purpose, on_purpose, places, queue_of};

const LEASE: Duration = Duration::from_secs(60);

fn job(id: u128, run_at: i64) -> NewJob {
    NewJob {
        id: JobId::from_u128(id),
        kind: "sample.mail",
        unique_key: None,
        payload: json!({ "number": id as u64 }),
        run_at: at(run_at),
        attempts_max: 3,
    }
}

async fn enqueue(db: &Db, job: NewJob) -> bool {
    db.write(async move |tx: &mut Tx<'_>| tx.enqueue(&job, at(0)).await)
        .await
        .expect("a job")
}

async fn claim(queue: &JobQueue, lease: &str, now: i64, limit: i64) -> Vec<ClaimedJob> {
    let claimed = queue.claim(lease.to_owned(), at(now), LEASE, limit).await;
    claimed.expect("a claim")
}

async fn claim_one(queue: &JobQueue, lease: &str, now: i64) -> Option<ClaimedJob> {
    let mut claimed = claim(queue, lease, now, 10).await;
    assert!(claimed.len() <= 1, "{claimed:?}");
    claimed.pop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_commits_with_its_transaction_and_comes_out_as_it_went_in() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let queue = queue_of(cells.storage(), tenant).await;
        let failed = db
            .write(async |tx: &mut Tx<'_>| {
                assert!(tx.enqueue(&job(1, 0), at(0)).await?);
                Err::<(), Error>(on_purpose())
            })
            .await;
        assert!(is_on_purpose(&failed), "{}", cells.kind);
        assert_eq!(queue.depth().await.expect(cells.kind), (0, 0));
        assert_eq!(queue.next_due().await.expect(cells.kind), None);
        assert!(enqueue(&db, job(2, 10)).await);
        assert!(enqueue(&db, job(3, 5)).await);
        assert_eq!(queue.next_due().await.expect(cells.kind), Some(at(5)));
        assert!(claim(&queue, "a", 4, 10).await.is_empty(), "{}", cells.kind);
        let first = claim_one(&queue, "a", 5).await.expect(cells.kind);
        assert_eq!((first.id, first.tenant), (JobId::from_u128(3), tenant));
        assert_eq!(
            (first.kind.as_str(), first.lease.as_str()),
            ("sample.mail", "a")
        );
        assert_eq!((first.attempt, first.attempts_max), (1, 3));
        assert_eq!(first.payload, json!({ "number": 3 }), "{}", cells.kind);
        queue.finish(&first).await.expect(cells.kind);
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (1, 0),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_job_of_the_same_key_is_not_doubled() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let (db, other) = (
            cells.db(tenant).await,
            cells.db(cells.tenant("two").await).await,
        );
        let queue = queue_of(cells.storage(), tenant).await;
        let keyed = |id: u128, key: &str| NewJob {
            unique_key: Some(key.to_owned()),
            ..job(id, 0)
        };
        assert!(enqueue(&db, keyed(1, "order-1")).await, "{}", cells.kind);
        assert!(!enqueue(&db, keyed(2, "order-1")).await, "{}", cells.kind);
        assert!(enqueue(&db, keyed(3, "order-2")).await, "{}", cells.kind);
        assert!(enqueue(&other, keyed(4, "order-1")).await, "{}", cells.kind);
        let of_another_kind = NewJob {
            kind: "sample.print",
            ..keyed(5, "order-1")
        };
        assert!(enqueue(&db, of_another_kind).await, "{}", cells.kind);
        let claimed = claim(&queue, "a", 0, 10).await;
        let held = claimed.iter().find(|held| held.id == JobId::from_u128(1));
        let held = held.expect(cells.kind);
        assert!(
            !enqueue(&db, keyed(6, "order-1")).await,
            "one that runs counts"
        );
        queue
            .bury(held, "no such order".to_owned(), at(1))
            .await
            .expect(cells.kind);
        assert!(
            enqueue(&db, keyed(7, "order-1")).await,
            "a buried one does not"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_passes_the_job_on_and_the_old_holder_is_ignored() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let queue = queue_of(cells.storage(), tenant).await;
        assert!(enqueue(&cells.db(tenant).await, job(1, 0)).await);
        let first = claim_one(&queue, "first", 0).await.expect(cells.kind);
        assert!(
            claim_one(&queue, "second", 59).await.is_none(),
            "{}",
            cells.kind
        );
        let second = claim_one(&queue, "second", 60).await.expect(cells.kind);
        assert_eq!(second.attempt, 2, "{}", cells.kind);
        queue.finish(&first).await.expect(cells.kind);
        queue
            .retry(&first, at(0), None, true)
            .await
            .expect(cells.kind);
        queue
            .bury(&first, "late".to_owned(), at(61))
            .await
            .expect(cells.kind);
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (1, 0),
            "{}",
            cells.kind
        );
        assert!(
            claim_one(&queue, "third", 61).await.is_none(),
            "{}",
            cells.kind
        );
        queue.finish(&second).await.expect(cells.kind);
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (0, 0),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_counts_a_wait_does_not_and_the_buried_are_kept_until_purged() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let queue = queue_of(cells.storage(), tenant).await;
        assert!(enqueue(&cells.db(tenant).await, job(1, 0)).await);
        let held = claim_one(&queue, "a", 0).await.expect(cells.kind);
        let error = Some("no answer".to_owned());
        queue
            .retry(&held, at(10), error, true)
            .await
            .expect(cells.kind);
        assert!(claim_one(&queue, "b", 9).await.is_none(), "{}", cells.kind);
        let held = claim_one(&queue, "b", 10).await.expect(cells.kind);
        assert_eq!(held.attempt, 2, "{}", cells.kind);
        queue
            .retry(&held, at(20), None, false)
            .await
            .expect(cells.kind);
        let held = claim_one(&queue, "c", 20).await.expect(cells.kind);
        assert_eq!(
            held.attempt, 2,
            "waiting gave the attempt back: {}",
            cells.kind
        );
        queue
            .bury(&held, "given up".to_owned(), at(30))
            .await
            .expect(cells.kind);
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (0, 1),
            "{}",
            cells.kind
        );
        assert_eq!(queue.next_due().await.expect(cells.kind), None);
        assert!(
            claim_one(&queue, "d", 1_000).await.is_none(),
            "{}",
            cells.kind
        );
        assert_eq!(
            queue.purge(at(30), 100).await.expect(cells.kind),
            0,
            "{}",
            cells.kind
        );
        assert_eq!(
            queue.purge(at(31), 100).await.expect(cells.kind),
            1,
            "{}",
            cells.kind
        );
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (0, 0),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_claimers_get_one_job_and_none_gets_more_than_it_asked_for() {
    const JOBS: u128 = 120;
    for place in places().await {
        let storage = place.open().await;
        let tenant = place.tenant(&storage, "one").await;
        let db = storage.db(tenant).await.expect(place.kind);
        db.write(async |tx: &mut Tx<'_>| {
            for id in 0..JOBS {
                assert!(tx.enqueue(&job(id, 0), at(0)).await?);
            }
            Ok::<_, Error>(())
        })
        .await
        .expect(place.kind);
        // Two programs where the kind allows it: a SQLite folder has one owner.
        let second = if place.is_server() {
            place.open().await
        } else {
            storage.clone()
        };
        let queues = [
            queue_of(&storage, tenant).await,
            queue_of(&second, tenant).await,
        ];
        let claimers: Vec<_> = (0..8)
            .map(|worker| {
                let queue = queues[worker % 2].clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    loop {
                        let claimed = claim(&queue, &format!("worker {worker}"), 0, 5).await;
                        assert!(claimed.len() <= 5, "{} at once", claimed.len());
                        if claimed.is_empty()
                            && queue.next_due().await.expect("a read") > Some(at(0))
                        {
                            return mine;
                        }
                        mine.extend(claimed.into_iter().map(|job| job.id));
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for claimer in claimers {
            all.extend(claimer.await.expect("no panic"));
        }
        let distinct: BTreeSet<JobId> = all.iter().copied().collect();
        assert_eq!((all.len(), distinct.len()), (120, 120), "{}", place.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leases_of_a_process_that_is_gone_are_freed() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let queue = queue_of(cells.storage(), tenant).await;
        assert!(enqueue(&db, job(1, 0)).await);
        let held = claim_one(&queue, "gone", 0).await.expect(cells.kind);
        assert!(enqueue(&db, job(2, 500)).await);
        assert_eq!(queue.free_leases(at(1)).await.expect(cells.kind), 1);
        let next = claim_one(&queue, "new", 1).await.expect(cells.kind);
        assert_eq!(
            next.id, held.id,
            "the one that was held, not the one for later"
        );
        queue.finish(&held).await.expect(cells.kind);
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (2, 0),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_taken_once_per_interval() {
    let every = Duration::from_secs(60);
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let queue = queue_of(cells.storage(), tenant).await;
        for (now, turns) in [(0, 1), (59, 0), (60, 1), (61, 0), (1_000, 1)] {
            let asked = (0..8).map(|_| queue.take_turn("sweep", at(now), every));
            let answers = futures_util::future::join_all(asked).await;
            let taken = answers
                .into_iter()
                .filter(|answer| matches!(answer, Ok(true)));
            assert_eq!(taken.count(), turns, "{} at {now}", cells.kind);
        }
        let other = queue.take_turn("other", at(0), every).await;
        assert!(other.expect(cells.kind), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_cells_queue_holds_the_jobs_of_all_its_tenants() {
    for cells in everywhere().await {
        let (one, two) = (cells.tenant("one").await, cells.tenant("two").await);
        assert!(enqueue(&cells.db(one).await, job(1, 0)).await);
        assert!(enqueue(&cells.db(two).await, job(2, 0)).await);
        let claimed = claim(&queue_of(cells.storage(), one).await, "a", 0, 10).await;
        let tenants: BTreeSet<_> = claimed.iter().map(|job| job.tenant).collect();
        let expected = match cells.isolation {
            Isolation::Shared => BTreeSet::from([one, two]),
            Isolation::Schema | Isolation::Database => BTreeSet::from([one]),
        };
        assert_eq!(tenants, expected, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_can_be_made_due_now_and_only_by_its_own_tenant() {
    for cells in everywhere().await {
        let (one, two) = (cells.tenant("one").await, cells.tenant("two").await);
        let (db, other) = (cells.db(one).await, cells.db(two).await);
        let queue = queue_of(cells.storage(), one).await;
        let keyed = NewJob {
            unique_key: Some("k".to_owned()),
            ..job(1, 1_000)
        };
        assert!(enqueue(&db, keyed).await);
        let hasten = async |db: &Db, key: &'static str| {
            db.write(async move |tx: &mut Tx<'_>| tx.hasten("sample.mail", key, at(5)).await)
                .await
                .expect("no error")
        };
        assert!(!hasten(&other, "k").await, "{}", cells.kind);
        assert!(!hasten(&db, "other").await, "{}", cells.kind);
        assert_eq!(queue.next_due().await.expect(cells.kind), Some(at(1_000)));
        assert!(hasten(&db, "k").await, "{}", cells.kind);
        assert_eq!(queue.next_due().await.expect(cells.kind), Some(at(5)));
        // Due already, and then being run: nothing to hasten.
        assert!(!hasten(&db, "k").await, "{}", cells.kind);
        assert!(claim_one(&queue, "a", 5).await.is_some());
        assert!(!hasten(&db, "k").await, "{}", cells.kind);
    }
}
