//! From the event to the mail: once, with the right words, without personal data on the way.

use std::time::Duration;

use futures_util::future::join_all;
use stoa_bus::JobOutcome;
use stoa_contracts::notify::Mail;
use stoa_kernel::{Clock as _, OrderId};

use crate::support::{Shop, everywhere};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_paid_order_is_confirmed_by_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let consumer = &shop.notify.consumers[0];
        assert_eq!(consumer.name(), "notify.order_confirmation");
        assert_eq!(consumer.subjects(), ["orders.paid.v1"]);

        shop.hear(&shop.paid(OrderId::from_u128(7)).await).await;
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 1, "{}", cells.kind);
        assert_eq!(jobs[0].kind, shop.notify.jobs[0].kind(), "{}", cells.kind);
        let payload = jobs[0].payload.to_string();
        assert_eq!(
            payload, r#"{"order":"order_00000000000000000000000007"}"#,
            "{}",
            cells.kind
        );
        assert_eq!(shop.run(&jobs[0]).await, JobOutcome::Done, "{}", cells.kind);

        let mut mails = shop
            .notify
            .contract
            .list(shop.tenant, 10)
            .await
            .expect(cells.kind);
        assert_eq!(mails.len(), 1, "{}", cells.kind);
        let html = std::mem::take(&mut mails[0].html);
        assert!(
            html.contains("Your order <strong>1007</strong> is paid."),
            "{html}"
        );
        let expected = Mail {
            id: jobs[0].id,
            to: "ada@example.com".to_owned(),
            subject: "Your order 1007 at acme".to_owned(),
            text: "\
Thank you, dear customer!

Your order 1007 at acme is paid.

1 x Teapot: 10.00 EUR

Subtotal: 10.00 EUR
Tax: 1.90 EUR
Total: 11.90 EUR

Your order: /orders/order_00000000000000000000000007?token=opens-7"
                .to_owned(),
            html: String::new(),
            sent_at: cells.clock.now(),
        };
        assert_eq!(mails, [expected], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_event_and_job_come_there_is_one_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let event = shop.paid(OrderId::from_u128(1)).await;
        join_all((0..20).map(|_| shop.hear(&event))).await;
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 1, "{}", cells.kind);
        let outcomes = join_all((0..20).map(|_| shop.run(&jobs[0]))).await;
        assert!(
            outcomes.iter().all(|outcome| *outcome == JobOutcome::Done),
            "{outcomes:?}"
        );
        shop.queue().await.finish(&jobs[0]).await.expect(cells.kind);

        // Heard again after the job is gone: another job, the same mail.
        cells.clock.advance(Duration::from_secs(1));
        shop.hear(&event).await;
        let again = shop.claim().await;
        assert_eq!(again.len(), 1, "{}", cells.kind);
        assert_ne!(again[0].id, jobs[0].id, "{}", cells.kind);
        assert_eq!(
            shop.run(&again[0]).await,
            JobOutcome::Done,
            "{}",
            cells.kind
        );

        let mails = shop
            .notify
            .contract
            .list(shop.tenant, 10)
            .await
            .expect(cells.kind);
        let ids: Vec<_> = mails.iter().map(|mail| mail.id).collect();
        assert_eq!(ids, [jobs[0].id], "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_now_is_tried_again_and_what_never_can_is_not() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.hear(&shop.paid(OrderId::from_u128(100)).await).await;
        let unreachable = shop.claim().await;
        assert_eq!(
            shop.run(&unreachable[0]).await,
            JobOutcome::Failed("the database is not reachable: no answer".to_owned()),
            "{}",
            cells.kind
        );
        shop.hear(&shop.paid(OrderId::from_u128(101)).await).await;
        let mut missing = shop.claim().await.remove(0);
        assert_eq!(
            shop.run(&missing).await,
            JobOutcome::Dead("no such order".to_owned()),
            "{}",
            cells.kind
        );
        missing.payload = "garbage".into();
        assert_eq!(
            shop.run(&missing).await,
            JobOutcome::Dead("the payload names no order".to_owned()),
            "{}",
            cells.kind
        );
        let mails = shop
            .notify
            .contract
            .list(shop.tenant, 10)
            .await
            .expect(cells.kind);
        assert_eq!(mails, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn mails_go_after_thirty_days() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        other.confirm(OrderId::from_u128(1)).await;
        shop.confirm(OrderId::from_u128(1)).await;
        cells.clock.advance(DAY);
        shop.confirm(OrderId::from_u128(2)).await;
        // The first is 30 days and a second old now, the second a day younger.
        cells.clock.advance(29 * DAY + Duration::from_secs(1));
        shop.confirm(OrderId::from_u128(3)).await;

        let mails = shop
            .notify
            .contract
            .list(shop.tenant, 10)
            .await
            .expect(cells.kind);
        let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        let expected = ["Your order 1003 at acme", "Your order 1002 at acme"];
        assert_eq!(subjects, expected, "{}", cells.kind);
        let kept = other
            .notify
            .contract
            .list(other.tenant, 10)
            .await
            .expect(cells.kind);
        assert_eq!(kept.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn tenants_never_see_each_others_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        shop.confirm(OrderId::from_u128(1)).await;
        other.confirm(OrderId::from_u128(1)).await;
        let own = shop
            .notify
            .contract
            .list(shop.tenant, 10)
            .await
            .expect(cells.kind);
        let theirs = other
            .notify
            .contract
            .list(other.tenant, 10)
            .await
            .expect(cells.kind);
        assert_eq!(own[0].subject, "Your order 1001 at acme", "{}", cells.kind);
        assert_eq!(
            theirs[0].subject, "Your order 1001 at other",
            "{}",
            cells.kind
        );
        assert_eq!((own.len(), theirs.len()), (1, 1), "{}", cells.kind);
        let unseen = shop.notify.contract.read(shop.tenant, theirs[0].id).await;
        assert_eq!(unseen.expect(cells.kind), None, "{}", cells.kind);
        let seen = other.notify.contract.read(other.tenant, theirs[0].id).await;
        assert_eq!(
            seen.expect(cells.kind).as_ref(),
            theirs.first(),
            "{}",
            cells.kind
        );
    }
}
