//! Turns, places and what is left behind. Time stands still unless a test moves it.

use futures_util::future::join_all;

use super::*;

const WAIT: Duration = Duration::from_secs(2);

fn item(of: u128) -> Item {
    (TenantId::from_u128(1), VariantId::from_u128(of))
}

fn spawn_wait(
    admission: &Arc<Admission>,
    buyer: Buyer,
    asked: i64,
) -> tokio::task::JoinHandle<Turn> {
    let admission = admission.clone();
    tokio::spawn(async move {
        let until = admission.patience();
        admission.wait(item(1), buyer, asked, until).await
    })
}

/// Lets every task run until it waits.
async fn idle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn left_behind(admission: &Admission) -> (usize, usize) {
    let lines = admission.lines.lock();
    (lines.by_item.len(), lines.tickets)
}

#[tokio::test(start_paused = true)]
async fn who_came_first_goes_first_and_nothing_is_left_behind() {
    let admission = Admission::new(1, WAIT);
    let first = admission.try_in(item(1), 1).expect("a free slot");
    assert!(admission.try_in(item(1), 2).is_none());
    let second = spawn_wait(&admission, 2, 1);
    idle().await;
    let third = spawn_wait(&admission, 3, 1);
    idle().await;
    drop(first);
    idle().await;
    assert!(second.is_finished() && !third.is_finished());
    let Turn::In(slot) = second.await.expect("no panic") else {
        panic!("the second has its turn")
    };
    drop(slot);
    let Turn::In(slot) = third.await.expect("no panic") else {
        panic!("the third has its turn")
    };
    drop(slot);
    assert_eq!(left_behind(&admission), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_is_sent_away_and_keeps_the_place() {
    let admission = Admission::new(1, WAIT);
    let running = admission.try_in(item(1), 1).expect("a free slot");
    let waiting: Vec<_> = [2, 3].map(|buyer| spawn_wait(&admission, buyer, 1)).into();
    idle().await;
    let mut positions = Vec::new();
    for turn in join_all(waiting).await {
        let Turn::InLine(place) = turn.expect("no panic") else {
            panic!("nobody left")
        };
        positions.push((place.position, place.retry_after_seconds));
    }
    assert_eq!(positions, [(1, 1), (2, 1)]);
    // The third comes back before the second, and somebody new after both.
    let third = spawn_wait(&admission, 3, 1);
    idle().await;
    let new = spawn_wait(&admission, 4, 1);
    idle().await;
    let second = spawn_wait(&admission, 2, 1);
    idle().await;
    drop(running);
    let Turn::In(slot) = second.await.expect("no panic") else {
        panic!("the place was kept")
    };
    drop(slot);
    let Turn::In(slot) = third.await.expect("no panic") else {
        panic!("the place was kept")
    };
    drop(slot);
    assert!(matches!(new.await.expect("no panic"), Turn::In(_)));
    assert_eq!(left_behind(&admission), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_is_away_holds_nobody_up_and_is_forgotten_in_the_end() {
    let admission = Admission::new(1, WAIT);
    let running = admission.try_in(item(1), 1).expect("a free slot");
    let away = spawn_wait(&admission, 2, 1).await.expect("no panic");
    assert!(matches!(away, Turn::InLine(_)));
    let present = spawn_wait(&admission, 3, 1);
    idle().await;
    drop(running);
    let Turn::In(slot) = present.await.expect("no panic") else {
        panic!("only the absent stood before")
    };
    drop(slot);
    assert_eq!(left_behind(&admission), (1, 1));
    tokio::time::advance(KEPT + TIDIED_EVERY).await;
    drop(admission.try_in(item(9), 9));
    assert_eq!(left_behind(&admission), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_loses_no_slot() {
    let admission = Admission::new(1, WAIT);
    let running = admission.try_in(item(1), 1).expect("a free slot");
    let gone = spawn_wait(&admission, 2, 1);
    idle().await;
    let next = spawn_wait(&admission, 3, 1);
    idle().await;
    gone.abort();
    idle().await;
    drop(running);
    assert!(matches!(next.await.expect("no panic"), Turn::In(_)));
    assert!(admission.try_in(item(1), 4).is_some());
}

#[tokio::test(start_paused = true)]
async fn sold_out_is_told_to_everybody_who_asks_for_more_than_is_left() {
    let admission = Admission::new(1, WAIT);
    let running = admission.try_in(item(1), 1).expect("a free slot");
    let wants_two = spawn_wait(&admission, 2, 2);
    let wants_one = spawn_wait(&admission, 3, 1);
    idle().await;
    admission.sold_out(item(1), 1);
    let told = wants_two.await.expect("no panic");
    assert!(matches!(told, Turn::SoldOut { available: 1 }));
    assert!(!wants_one.is_finished());
    drop(running);
    assert!(matches!(wants_one.await.expect("no panic"), Turn::In(_)));
}

#[tokio::test(start_paused = true)]
async fn a_line_has_an_end() {
    let admission = Admission::new(1, WAIT);
    let _running = admission.try_in(item(1), 1).expect("a free slot");
    let until = admission.patience();
    let mut calls = Vec::new();
    for buyer in 0..LINE_MAX as u128 {
        match admission.queue(item(1), 10 + buyer, 1, until) {
            Queued::Waits(call) => calls.push(call),
            _ => panic!("there is room"),
        }
    }
    let Queued::Full(place) = admission.queue(item(1), 9, 1, until) else {
        panic!("the line is full")
    };
    assert_eq!((place.position, place.retry_after_seconds), (5_001, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_run_at_once_than_may() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let admission = Admission::new(3, Duration::from_secs(60));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let runs = (0..500_u128).map(|buyer| {
        let (admission, running, most) = (admission.clone(), running.clone(), most.clone());
        tokio::spawn(async move {
            let until = admission.patience();
            let Turn::In(slot) = admission.wait(item(1), buyer, 1, until).await else {
                panic!("there is time enough")
            };
            let now = running.fetch_add(1, SeqCst) + 1;
            most.fetch_max(now, SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, SeqCst);
            drop(slot);
        })
    });
    for run in join_all(runs.collect::<Vec<_>>()).await {
        run.expect("no panic");
    }
    assert_eq!(most.load(SeqCst), 3);
    assert_eq!(left_behind(&admission), (0, 0));
}
