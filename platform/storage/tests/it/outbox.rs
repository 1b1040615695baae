//! The event log: what committed, in a dense order that no late committer can slip behind.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stoa_kernel::{Actor, EventId, Fact};
use stoa_storage::{Cause, Committed, Db, Error, Isolation, Tx, params};

use crate::support::{INSERT, at, everywhere, is_on_purpose, log_of, on_purpose, postgres_place};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) number: i64,
}

impl Counted {
    pub(crate) const fn new(number: i64) -> Self {
        Self { number }
    }
}

impl Fact for Counted {
    const TYPE: &'static str = "sample.counted";
    const VERSION: u16 = 1;

    fn key(&self) -> String {
        format!("shelf-{}", self.number % 3)
    }
}

async fn emit(db: &Db, number: i64, keep: bool) -> Result<(), Error> {
    db.write(async move |tx: &mut Tx<'_>| {
        let cause = Cause::system(at(number));
        let id = EventId::from_u128(number as u128 + 1);
        tx.emit(id, &cause, &Counted::new(number)).await?;
        if keep { Ok(()) } else { Err(on_purpose()) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_comes_out_as_it_went_in() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let log = log_of(cells.storage(), tenant).await;
        db.write(async |tx: &mut Tx<'_>| {
            let cause = Cause {
                actor: Actor::Staff("key_1".to_owned()),
                occurred_at: at(5),
                causation: Some(EventId::from_u128(7)),
                trace: Some("trace".to_owned()),
            };
            tx.emit(EventId::from_u128(8), &cause, &Counted::new(4))
                .await
        })
        .await
        .expect(cells.kind);
        assert_eq!(
            log.after(0, 10).await.expect(cells.kind),
            [],
            "not sequenced yet"
        );
        assert_eq!(log.lag().await.expect(cells.kind), (1, 0), "{}", cells.kind);
        assert_eq!(log.sequence().await.expect(cells.kind), 1);
        let events = log.after(0, 10).await.expect(cells.kind);
        let [event] = events.as_slice() else {
            panic!("{}: {events:?}", cells.kind);
        };
        assert_eq!(
            event.fact::<Counted>().expect("JSON"),
            Some(Counted::new(4))
        );
        assert_eq!(
            (
                event.id,
                event.tenant,
                event.seq,
                event.epoch,
                event.occurred_at
            ),
            (EventId::from_u128(8), tenant, 1, 1, at(5)),
            "{}",
            cells.kind
        );
        assert_eq!(
            (event.subject.as_str(), event.key.as_str()),
            ("sample.counted.v1", "shelf-1")
        );
        assert_eq!(event.actor, Actor::Staff("key_1".to_owned()));
        assert_eq!(event.causation, Some(EventId::from_u128(7)));
        assert_eq!(event.trace.as_deref(), Some("trace"));
        let home = cells.storage().tenant(tenant).await.expect(cells.kind).cell;
        assert_eq!(event.cell, home, "{}", cells.kind);
        assert_eq!(log.lag().await.expect(cells.kind), (0, 1), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_hear_of_commits_before_the_caller_and_never_of_rollbacks() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let heard: Arc<Mutex<Vec<Committed>>> = Arc::default();
        let sink = heard.clone();
        cells
            .storage()
            .on_commit(move |committed| sink.lock().expect("a lock").extend_from_slice(committed));
        assert!(is_on_purpose(&emit(&db, 1, false).await), "{}", cells.kind);
        assert_eq!(*heard.lock().expect("a lock"), [], "{}", cells.kind);
        emit(&db, 2, true).await.expect(cells.kind);
        let expected = Committed::Event {
            tenant,
            subject: "sample.counted.v1".to_owned(),
            key: "shelf-2".to_owned(),
        };
        assert_eq!(*heard.lock().expect("a lock"), [expected], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequence_is_dense_over_committed_events_whoever_sequences() {
    const EMITTERS: i64 = 200;
    let keeps = |number: i64| number % 5 != 0;
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let log = log_of(cells.storage(), tenant).await;
        let done: Arc<AtomicBool> = Arc::default();
        let relays: Vec<_> = (0..4)
            .map(|_| {
                let (log, done) = (log.clone(), done.clone());
                tokio::spawn(async move {
                    let mut placed = 0;
                    while !done.load(Ordering::SeqCst) {
                        placed += log.sequence().await.expect("a sequence");
                        tokio::task::yield_now().await;
                    }
                    placed
                })
            })
            .collect();
        let emitters: Vec<_> = (0..EMITTERS)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move { emit(&db, number, keeps(number)).await })
            })
            .collect();
        for (number, emitter) in emitters.into_iter().enumerate() {
            let outcome = emitter.await.expect("no panic");
            assert_eq!(outcome.is_ok(), keeps(number as i64), "{outcome:?}");
        }
        done.store(true, Ordering::SeqCst);
        let mut placed = log.sequence().await.expect(cells.kind);
        for relay in relays {
            placed += relay.await.expect("no panic");
        }
        assert_eq!(placed, 160, "{}", cells.kind);
        let events = log.after(0, 1_000).await.expect(cells.kind);
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=160).collect::<Vec<_>>(), "{}", cells.kind);
        let numbers: BTreeSet<i64> = events
            .iter()
            .map(|event| event.fact::<Counted>().expect("JSON").expect("ours").number)
            .collect();
        let committed: BTreeSet<i64> = (0..EMITTERS).filter(|number| keeps(*number)).collect();
        assert_eq!(numbers, committed, "{}", cells.kind);
        assert_eq!(log.head().await.expect(cells.kind), 160, "{}", cells.kind);
        // Page by page it is the same.
        let (mut position, mut paged) = (0, Vec::new());
        loop {
            let page = log.after(position, 7).await.expect(cells.kind);
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 7);
            position = last.seq;
            paged.extend(page);
        }
        assert!(paged == events, "{}: pages differ", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_commits_late_comes_late_and_is_not_passed_over() {
    for isolation in Isolation::ALL {
        let Some(place) = postgres_place("postgres", isolation).await else {
            return;
        };
        // Two programs: the late one blocks a thread of its own storage.
        let (slow, fast) = (place.open().await, place.open().await);
        let tenant = place.tenant(&slow, "one").await;
        let (late, soon) = (
            slow.db(tenant).await.expect("a cell"),
            fast.db(tenant).await.expect("a cell"),
        );
        let log = log_of(&fast, tenant).await;
        let (has_emitted, emitted) = tokio::sync::oneshot::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let (has_emitted, wait) = (Mutex::new(Some(has_emitted)), Mutex::new(wait));
        let open = tokio::spawn(async move {
            late.write(async move |tx: &mut Tx<'_>| {
                let cause = Cause::system(at(0));
                tx.emit(EventId::from_u128(1), &cause, &Counted::new(1))
                    .await?;
                if let Some(sender) = has_emitted.lock().expect("a lock").take() {
                    sender.send(()).expect("the test listens");
                }
                let wait = wait.lock().expect("a lock");
                wait.recv_timeout(Duration::from_secs(20))
                    .expect("told to go on");
                Ok::<_, Error>(())
            })
            .await
        });
        emitted.await.expect("the late one has emitted");
        emit(&soon, 2, true).await.expect("the other commits");
        assert_eq!(log.sequence().await.expect("a sequence"), 1);
        let first = log.after(0, 10).await.expect("events");
        let position = first.last().expect("one event").seq;
        assert_eq!((first.len(), position), (1, 1));
        assert_eq!(
            first[0].fact::<Counted>().expect("JSON"),
            Some(Counted::new(2))
        );
        go_on.send(()).expect("it waits");
        open.await.expect("no panic").expect("a commit");
        assert_eq!(log.sequence().await.expect("a sequence"), 1);
        let second = log.after(position, 10).await.expect("events");
        assert_eq!((second.len(), second[0].seq), (1, 2));
        assert_eq!(
            second[0].fact::<Counted>().expect("JSON"),
            Some(Counted::new(1))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_met_once_by_each_consumer_and_the_mark_goes_with_the_work() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let meet = |consumer: &'static str, keep: bool| {
            let db = db.clone();
            async move {
                db.write(async move |tx: &mut Tx<'_>| {
                    let event = EventId::from_u128(1);
                    let first = tx.first_delivery(consumer, event, at(0)).await?;
                    if keep { Ok(first) } else { Err(on_purpose()) }
                })
                .await
            }
        };
        assert!(
            is_on_purpose(&meet("mailer", false).await),
            "{}",
            cells.kind
        );
        assert!(
            meet("mailer", true).await.expect(cells.kind),
            "{}",
            cells.kind
        );
        assert!(
            !meet("mailer", true).await.expect(cells.kind),
            "{}",
            cells.kind
        );
        assert!(
            meet("index", true).await.expect(cells.kind),
            "{}",
            cells.kind
        );
        let log = log_of(cells.storage(), tenant).await;
        let mut dropped = Vec::new();
        for before in [at(0), at(1), at(1), at(1)] {
            dropped.push(log.purge(before, 1).await.expect(cells.kind));
        }
        assert_eq!(dropped, [0, 1, 1, 0], "{}: one mark at a time", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_never_goes_back_and_retention_waits_for_the_slowest() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let log = log_of(cells.storage(), tenant).await;
        for number in 0..10 {
            emit(&db, number, true).await.expect(cells.kind);
        }
        assert_eq!(log.sequence().await.expect(cells.kind), 10);
        assert_eq!(log.position("fast").await.expect(cells.kind), 0);
        assert_eq!(
            log.purge(at(100), 100).await.expect(cells.kind),
            0,
            "no one has read them"
        );
        log.advance("fast", 9, at(20)).await.expect(cells.kind);
        log.advance("fast", 4, at(21)).await.expect(cells.kind);
        log.advance("slow", 6, at(22)).await.expect(cells.kind);
        assert_eq!(
            log.position("fast").await.expect(cells.kind),
            9,
            "{}",
            cells.kind
        );
        assert_eq!(log.lag().await.expect(cells.kind), (0, 4), "{}", cells.kind);
        // Old enough are those of seconds 0 to 7; passed by all are 1 to 6; two at a time.
        assert_eq!(
            log.purge(at(8), 2).await.expect(cells.kind),
            2,
            "{}",
            cells.kind
        );
        assert_eq!(
            log.purge(at(3), 100).await.expect(cells.kind),
            1,
            "{}",
            cells.kind
        );
        assert_eq!(
            log.purge(at(8), 100).await.expect(cells.kind),
            3,
            "{}",
            cells.kind
        );
        let left = log.after(0, 100).await.expect(cells.kind);
        let left: Vec<i64> = left.iter().map(|event| event.seq).collect();
        assert_eq!(left, [7, 8, 9, 10], "{}", cells.kind);
        // A sequence goes on where it was, whatever was dropped.
        log.advance("fast", 10, at(30)).await.expect(cells.kind);
        log.advance("slow", 10, at(30)).await.expect(cells.kind);
        assert_eq!(
            log.purge(at(100), 100).await.expect(cells.kind),
            4,
            "{}",
            cells.kind
        );
        emit(&db, 11, true).await.expect(cells.kind);
        log.sequence().await.expect(cells.kind);
        assert_eq!(
            log.after(0, 100).await.expect(cells.kind)[0].seq,
            11,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_all_tenants_of_a_cell_share_its_log() {
    for cells in everywhere().await {
        let (one, two) = (cells.tenant("one").await, cells.tenant("two").await);
        emit(&cells.db(one).await, 1, true).await.expect(cells.kind);
        emit(&cells.db(two).await, 2, true).await.expect(cells.kind);
        let log = log_of(cells.storage(), one).await;
        log.sequence().await.expect(cells.kind);
        let tenants: Vec<_> = log
            .after(0, 10)
            .await
            .expect(cells.kind)
            .iter()
            .map(|event| event.tenant)
            .collect();
        let expected = match cells.isolation {
            Isolation::Shared => vec![one, two],
            Isolation::Schema | Isolation::Database => vec![one],
        };
        assert_eq!(tenants, expected, "{}", cells.kind);
    }
}

/// A transaction with two events and a row keeps all or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn events_commit_with_the_rows_they_tell_of() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let log = log_of(cells.storage(), tenant).await;
        for (id, units) in [(1, 1), (2, -1)] {
            let outcome = db
                .write(async move |tx: &mut Tx<'_>| {
                    let cause = Cause::system(at(0));
                    let event = |number: i64| EventId::from_u128((10 * id + number) as u128);
                    tx.emit(event(1), &cause, &Counted::new(id)).await?;
                    tx.emit(event(2), &cause, &Counted::new(id)).await?;
                    tx.execute(INSERT, params![id, "mug", units]).await
                })
                .await;
            assert_eq!(outcome.is_ok(), units > 0, "{}", cells.kind);
        }
        assert_eq!(log.sequence().await.expect(cells.kind), 2, "{}", cells.kind);
    }
}
