//! Order, pauses, time limits, dying in between: what becomes of deliveries.

use std::time::Duration;

use serde_json::json;
use stoa_bus::JobOutcome;

use crate::receiver::{Receiver, Reply};
use crate::support::{LEASE, Shop, config, everywhere, time};

#[tokio::test]
async fn later_deliveries_wait_behind_a_failed_one() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will([Reply::Status(500), Reply::Status(302), Reply::Status(204)]);
        let first = shop.paid(1).await;
        let second = shop.paid(2).await;
        shop.work().await;
        receiver.assert_ids(&[&first], cells.kind);
        let third = shop.paid(3).await;
        assert_eq!(shop.work().await, 0, "nothing passes the pause");

        for _ in 0..2 {
            let log = shop.deliveries(&endpoint).await;
            assert_eq!(log[2]["state"], json!("pending"), "{}", cells.kind);
            shop.advance_to(time(&log[2]["next_attempt_at"]));
            shop.work().await;
        }
        let ids = [&first, &first, &first, &second, &third];
        receiver.assert_ids(&ids, cells.kind);
        let log = shop.deliveries(&endpoint).await;
        let states: Vec<_> = log.iter().map(|one| &one["state"]).collect();
        assert_eq!(states, ["delivered"; 3], "{}", cells.kind);
        let attempts = log[2]["attempts"].as_array().expect("attempts");
        let statuses: Vec<_> = attempts.iter().map(|one| &one["status"]).collect();
        assert_eq!(statuses, [500, 302, 204], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_delivery_is_tried_over_exactly_a_day_and_then_the_next_goes_on() {
    const PAUSES: [u64; 7] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000];
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will(vec![Reply::Status(503); 9]);
        let began = shop.now();
        let first = shop.paid(1).await;
        let second = shop.paid(2).await;
        shop.work().await;
        for (sent, pause) in (1..).zip(PAUSES) {
            let log = shop.deliveries(&endpoint).await;
            let next = time(&log[1]["next_attempt_at"]);
            let waits = next.since(shop.now()).as_millis() as u64;
            assert!(
                (pause * 1_000..=pause * 1_100).contains(&waits),
                "{} pause {sent} is {waits} ms",
                cells.kind
            );
            shop.advance(next.since(shop.now()) - Duration::from_micros(1));
            assert_eq!(shop.work().await, 0, "not a microsecond early");
            shop.advance(Duration::from_micros(1));
            assert_eq!(receiver.got().len(), sent, "{}", cells.kind);
            shop.work().await;
            assert_eq!(receiver.got().len(), sent + 1, "{}", cells.kind);
        }
        let end = began.plus(Duration::from_secs(24 * 3_600));
        let log = shop.deliveries(&endpoint).await;
        assert_eq!(time(&log[1]["next_attempt_at"]), end, "{}", cells.kind);
        shop.advance(Duration::from_micros(
            end.since(shop.now()).as_micros() as u64 - 1,
        ));
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
        shop.advance(Duration::from_micros(1));
        shop.work().await;
        let log = shop.deliveries(&endpoint).await;
        assert_eq!(
            (
                &log[1]["state"],
                &log[1]["failure"],
                &log[1]["attempt_count"]
            ),
            (&json!("failed"), &json!("given_up"), &json!(9)),
            "{}",
            cells.kind
        );
        // The circuit is open: the next one is the probe, a quarter of an hour later.
        assert_eq!(receiver.ids(), vec![first.clone(); 9], "{}", cells.kind);
        shop.advance(Duration::from_secs(15 * 60) - Duration::from_micros(1));
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
        shop.advance(Duration::from_micros(1));
        shop.work().await;
        assert_eq!(receiver.ids().last(), Some(&second), "{}", cells.kind);
        let shown = shop.get(&endpoint).await;
        assert_eq!(
            (&shown["circuit"], &shown["failures"]),
            (&json!("closed"), &json!(0))
        );
    }
}

#[tokio::test]
async fn dying_after_sending_sends_once_more_under_the_same_id() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will([Reply::Hang]);
        let event = shop.paid(1).await;
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 1, "{}", cells.kind);
        // The receiver has it, the process dies before it can note that.
        tokio::select! {
            _ = shop.module.jobs[0].run(&jobs[0]) => panic!("nothing answers"),
            () = receiver.until(1) => {}
        }
        assert!(shop.claim().await.is_empty(), "the lease still runs");
        shop.advance(LEASE);
        let jobs = shop.claim().await;
        assert_eq!(shop.run(&jobs[0]).await, JobOutcome::Done, "{}", cells.kind);
        receiver.assert_ids(&[&event, &event], cells.kind);
        let log = shop.deliveries(&endpoint).await;
        assert_eq!(
            (&log[0]["state"], &log[0]["attempt_count"]),
            (&json!("delivered"), &json!(1)),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn two_runs_of_one_job_note_one_attempt() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will([Reply::Status(500), Reply::Status(500)]);
        shop.paid(1).await;
        let jobs = shop.claim().await;
        let handler = &shop.module.jobs[0];
        let (one, other) = tokio::join!(handler.run(&jobs[0]), handler.run(&jobs[0]));
        for outcome in [one, other] {
            assert!(matches!(outcome, JobOutcome::Wait(_)), "{outcome:?}");
        }
        let log = shop.deliveries(&endpoint).await;
        let attempts = log[0]["attempts"].as_array().expect("attempts");
        let sent = receiver.got().len();
        assert!((1..=2).contains(&sent), "{} {sent}", cells.kind);
        assert_eq!(
            (attempts.len(), &log[0]["attempt_count"]),
            (1, &json!(1)),
            "{}",
            cells.kind
        );
        assert_eq!(shop.get(&endpoint).await["failures"], json!(1));
    }
}

#[tokio::test]
async fn a_slow_receiver_is_cut_off_and_holds_no_other_back() {
    for cells in everywhere().await {
        let (slow, quick) = (Receiver::start().await, Receiver::start().await);
        let mut short = config();
        short.answer_time_max = Duration::from_millis(400);
        let shop = Shop::with(&cells, "acme", short).await;
        let (dead, _) = shop.endpoint(&slow.url()).await;
        shop.endpoint(&quick.url()).await;
        slow.will([Reply::Hang]);
        let event = shop.paid(1).await;
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 2, "a job for each endpoint");
        // Both at once, as the worker runs them: the quick one is served while the slow one hangs.
        let both = async { tokio::join!(shop.run(&jobs[0]), shop.run(&jobs[1])) };
        tokio::pin!(both);
        tokio::select! {
            _ = &mut both => panic!("{}: the slow one was not waited for", cells.kind),
            () = quick.until(1) => {}
        }
        both.await;
        quick.assert_ids(&[&event], cells.kind);
        let log = shop.deliveries(&dead).await;
        let attempt = &log[0]["attempts"][0];
        assert_eq!(log[0]["state"], json!("pending"), "{}", cells.kind);
        assert_eq!(
            attempt["error"],
            json!("no answer within 400 ms"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn an_answer_is_read_in_part_and_kept_masked() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let mut short = config();
        short.answer_time_max = Duration::from_millis(400);
        let shop = Shop::with(&cells, "acme", short).await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        let filler = "x".repeat(100_000);
        let text = format!("jane@example.com 4242424242424242\0{filler}");
        let long = format!(
            "HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        let cut = "HTTP/1.1 500 x\r\ncontent-length: 50\r\n\r\nhalf".to_owned();
        let wild = "SSH-2.0-x\r\n\r\n".to_owned();
        receiver.will([
            Reply::Raw(long),
            Reply::Raw(cut),
            Reply::Raw(wild),
            Reply::Hang,
        ]);
        shop.paid(1).await;
        shop.work().await;
        shop.paid(2).await;
        shop.work().await;
        for _ in 0..2 {
            shop.advance(Duration::from_secs(70));
            shop.work().await;
        }
        let log = shop.deliveries(&endpoint).await;
        let kept = log[1]["attempts"][0]["answer"].as_str().expect("an answer");
        assert!(kept.starts_with("j***@*** ****4242 xxx"), "{kept}");
        assert_eq!(kept.chars().count(), 1_000, "{}", cells.kind);
        let attempts = log[0]["attempts"].as_array().expect("attempts");
        assert_eq!(
            (&attempts[0]["status"], &attempts[0]["answer"]),
            (&json!(500), &json!("half")),
            "{}",
            cells.kind
        );
        assert_eq!(attempts[1]["status"], json!(null), "{}", cells.kind);
        let error = attempts[1]["error"].as_str().expect("why");
        assert!(error.starts_with("the exchange failed: "), "{error}");
        assert_eq!(
            attempts[2]["error"],
            json!("no answer within 400 ms"),
            "{}",
            cells.kind
        );
    }
}
