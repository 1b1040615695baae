//! Consumers that fail: tried again, set aside in the end, never in the way of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stoa_bus::HandlerError;
use stoa_testkit::TestCells;

use crate::support::{
    Listener, Opened, Running, emit, everywhere, heard, listening, until, until_heard, watchful,
};

/// As the bus has it: once with others, then alone until it has failed eight times.
const TRIES: u32 = 1 + 8;

fn failed() -> Result<(), HandlerError> {
    Err(HandlerError::Failed("on purpose".to_owned()))
}

/// The pauses between the tries of one fact make this the longest test here, at 12 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_keeps_failing_is_set_aside_and_those_behind_it_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = Opened::at(&format!("sqlite:{}", folder.path().display())).await;
    let broken = Listener::with_mood(
        "broken",
        Box::new(|fact, tries| match fact.number {
            2 => panic!("on purpose"),
            4 if tries <= 2 => failed(),
            _ => Ok(()),
        }),
    );
    for number in 1..=5 {
        opened.emit(number).await;
    }
    let staff = listening(&[&broken, &Listener::new("steady")]);
    let worker = Running::start_on(
        opened.storage.clone(),
        opened.clock.clone(),
        watchful(),
        staff,
    );
    until("the end of the log", async || {
        opened.log.position("broken").await.expect("a position") == 5
    })
    .await;
    worker.stop().await;
    assert_eq!(heard(&opened.db, "broken", "a").await, "1 3 4 5");
    assert_eq!(heard(&opened.db, "steady", "a").await, "1 2 3 4 5");
    let tries = [1, 2, 3, 4, 5].map(|number| broken.tries(number));
    assert_eq!(tries, [2, TRIES, 1, 3, 1]);
    let file = rusqlite::Connection::open(folder.path().join("shared.db")).expect("the file");
    let buried: (String, i64, String, i64) = file
        .query_row(
            "SELECT consumer, seq, error, count(*) FROM stoa_dead_event",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .expect("a row");
    let error = "the transaction body panicked: on purpose".to_owned();
    assert_eq!(buried, ("broken".to_owned(), 2, error, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_fails_does_not_hold_up_the_others() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let others_are_done: Arc<AtomicBool> = Arc::default();
        let done = others_are_done.clone();
        // Fails until the other has heard everything: were they one queue, it would fail for good.
        let waiting = Listener::with_mood(
            "a waiting one",
            Box::new(move |_, _| match done.load(Ordering::SeqCst) {
                true => Ok(()),
                false => failed(),
            }),
        );
        for number in 1..=3 {
            emit(&cells, &db, "a", number).await;
        }
        let staff = listening(&[&waiting, &Listener::new("steady")]);
        let worker = Running::start(&cells, watchful(), staff);
        until_heard(&db, "steady", "a", "1 2 3").await;
        assert_eq!(heard(&db, "a waiting one", "a").await, "", "{}", cells.kind);
        others_are_done.store(true, Ordering::SeqCst);
        until_heard(&db, "a waiting one", "a", "1 2 3").await;
        worker.stop().await;
    }
}

/// Stops the worker while fact 1 keeps failing; then lets it succeed under another worker.
async fn stop_in_the_middle(cells: &TestCells) {
    let db = cells.db(cells.tenant("one").await).await;
    let works: Arc<AtomicBool> = Arc::default();
    let its = works.clone();
    let listener = Listener::with_mood(
        "mailer",
        Box::new(
            move |fact, _| match fact.number == 1 && !its.load(Ordering::SeqCst) {
                true => failed(),
                false => Ok(()),
            },
        ),
    );
    for number in 1..=3 {
        emit(cells, &db, "a", number).await;
    }
    let worker = Running::start(cells, watchful(), listening(&[&listener]));
    until("fact 1 to be tried alone", async || listener.tries(1) >= 2).await;
    worker.stop().await;
    assert_eq!(
        heard(&db, "mailer", "a").await,
        "",
        "{}: none passes it",
        cells.kind
    );
    works.store(true, Ordering::SeqCst);
    let worker = Running::start(cells, watchful(), listening(&[&listener]));
    until_heard(&db, "mailer", "a", "1 2 3").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_a_fact_fails_lets_none_behind_it_pass() {
    for cells in everywhere().await {
        stop_in_the_middle(&cells).await;
    }
}
