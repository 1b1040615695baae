//! Every fact reaches every consumer: at least once, in order per key, with its effect once.

use std::time::Duration;

use stoa_kernel::Clock;
use stoa_storage::{Cause, Error, Tx};

use crate::support::{
    Counted, Dusted, Listener, Running, append, emit, everywhere, heard, listening, log_of, sleepy,
    until, until_heard, watchful,
};

fn numbers(from: i64, step: usize) -> String {
    let numbers: Vec<String> = (from..60).step_by(step).map(|n| n.to_string()).collect();
    numbers.join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_bring_every_fact_with_its_effect_once_and_in_order() {
    for cells in everywhere().await {
        let listeners = [Listener::new("mailer"), Listener::new("index")];
        let workers = [(); 2].map(|()| {
            Running::start(
                &cells,
                watchful(),
                listening(&[&listeners[0], &listeners[1]]),
            )
        });
        // The cell may be younger than the workers: they find it.
        let db = cells.db(cells.tenant("one").await).await;
        let other = cells.db(cells.tenant("two").await).await;
        for number in 0..60 {
            emit(&cells, &db, ["a", "b", "c"][number as usize % 3], number).await;
        }
        emit(&cells, &other, "a", 99).await;
        for consumer in ["mailer", "index"] {
            for (at, shelf) in ["a", "b", "c"].into_iter().enumerate() {
                until_heard(&db, consumer, shelf, &numbers(at as i64, 3)).await;
            }
            until_heard(&other, consumer, "a", "99").await;
        }
        for worker in workers {
            worker.stop().await;
        }
        // Whatever came twice had no second effect.
        for (at, shelf) in ["a", "b", "c"].into_iter().enumerate() {
            assert_eq!(
                heard(&db, "mailer", shelf).await,
                numbers(at as i64, 3),
                "{}",
                cells.kind
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_is_brought_right_after_its_commit() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let worker = Running::start(&cells, sleepy(), listening(&[&Listener::new("mailer")]));
        for number in 1..=3 {
            emit(&cells, &db, "a", number).await;
            let so_far: Vec<String> = (1..=number).map(|n| n.to_string()).collect();
            until_heard(&db, "mailer", "a", &so_far.join(" ")).await;
        }
        worker.stop().await;
        let log = log_of(cells.storage(), tenant).await;
        assert_eq!(
            log.position("mailer").await.expect(cells.kind),
            6,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_work_and_its_position_changes_nothing_twice() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let listener = Listener::new("mailer");
        for number in 1..=3 {
            let event = emit(&cells, &db, "a", number).await;
            if number == 3 {
                continue;
            }
            // As far as a worker came that was killed before it wrote down how far.
            let now = cells.clock.now();
            db.write(async move |tx: &mut Tx<'_>| {
                assert!(tx.first_delivery("mailer", event, now).await?);
                let shelf = "a".to_owned();
                append(tx, "mailer", &Counted { number, shelf }).await?;
                Ok::<_, Error>(())
            })
            .await
            .expect(cells.kind);
        }
        let worker = Running::start(&cells, watchful(), listening(&[&listener]));
        until_heard(&db, "mailer", "a", "1 2 3").await;
        worker.stop().await;
        assert_eq!(
            [1, 2, 3].map(|number| listener.tries(number)),
            [0, 0, 1],
            "{}",
            cells.kind
        );
        let again = Running::start(&cells, watchful(), listening(&[&listener]));
        emit(&cells, &db, "a", 4).await;
        until_heard(&db, "mailer", "a", "1 2 3 4").await;
        again.stop().await;
        assert_eq!(
            listener.tries(3),
            1,
            "a position that was kept is not read again"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_consumer_hears_all_that_is_kept() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        emit(&cells, &db, "a", 1).await;
        let old = Listener::new("mailer");
        let worker = Running::start(&cells, watchful(), listening(&[&old]));
        until_heard(&db, "mailer", "a", "1").await;
        worker.stop().await;
        let worker = Running::start(
            &cells,
            watchful(),
            listening(&[&old, &Listener::new("index")]),
        );
        emit(&cells, &db, "a", 2).await;
        until_heard(&db, "index", "a", "1 2").await;
        until_heard(&db, "mailer", "a", "1 2").await;
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_dropped_once_all_have_heard_them_and_they_are_old() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let log = log_of(cells.storage(), tenant).await;
        let worker = Running::start(&cells, watchful(), listening(&[&Listener::new("mailer")]));
        emit(&cells, &db, "a", 1).await;
        until("the position to be kept", async || {
            log.position("mailer").await.expect("a position") == 2
        })
        .await;
        assert_eq!(log.after(0, 10).await.expect(cells.kind).len(), 2);
        cells.clock.advance(Duration::from_secs(8 * 24 * 3_600));
        until("old facts to be dropped", async || {
            log.after(0, 10).await.expect("a read").is_empty()
        })
        .await;
        worker.stop().await;
        assert_eq!(heard(&db, "mailer", "a").await, "1", "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_passes_facts_of_others_and_the_log_soon_knows() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let log = log_of(cells.storage(), tenant).await;
        // Looks around by itself once a day: nothing but the pause of its own can move it.
        let worker = Running::start(&cells, sleepy(), listening(&[&Listener::new("mailer")]));
        for number in 1..=3 {
            let (now, id) = (cells.clock.now(), cells.deps.ids.make(cells.clock.now()));
            db.write(async move |tx: &mut Tx<'_>| tx.emit(id, &Cause::system(now), &Dusted).await)
                .await
                .expect("a fact");
            until("the position to follow", async || {
                log.position("mailer").await.expect("a position") == number
            })
            .await;
        }
        emit(&cells, &db, "a", 1).await;
        until_heard(&db, "mailer", "a", "1").await;
        worker.stop().await;
    }
}
