//! From the paid order to the mail: once, with the right words, without personal data on the way.

use std::time::Duration;

use futures_util::future::join_all;
use stoa_bus::JobOutcome;
use stoa_contracts::notify::Mail;
use stoa_contracts::orders::{OrderPlaced, OrderStatus, PaymentStatus};
use stoa_kernel::OrderId;

use crate::peers::{eur, order};
use crate::support::{Shop, everywhere};

fn placed(id: OrderId) -> OrderPlaced {
    OrderPlaced {
        order: id,
        number: 1_001,
        total: eur(1_190),
        lines: Vec::new(),
        test: false,
    }
}

#[tokio::test]
async fn a_paid_order_is_confirmed_by_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let id = OrderId::from_u128(7);
        shop.knows(order(id));
        let event = shop.paid(id).await;
        shop.hear(&event).await;
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 1, "{}", cells.kind);
        let payload = jobs[0].payload.to_string();
        assert_eq!(
            payload, r#"{"kind":"order_confirmation","order":"order_00000000000000000000000007"}"#,
            "{}",
            cells.kind
        );
        assert_eq!(shop.run(&jobs[0]).await, JobOutcome::Done, "{}", cells.kind);

        let mut mails = shop.mails().await;
        assert_eq!(mails.len(), 1, "{}", cells.kind);
        let html = std::mem::take(&mut mails[0].html);
        assert!(html.contains("Your order 1007 is paid.</p>"), "{html}");
        let expected = Mail {
            id: jobs[0].id,
            to: "ada@example.com".to_owned(),
            subject: "Your order 1007 at acme".to_owned(),
            text: "\
Thank you!

Your order 1007 is paid.

1 x Teapot: 10.00 EUR

Subtotal: 10.00 EUR
Tax: 1.90 EUR
Total: 11.90 EUR

See your order: https://acme.shops.example/orders/order_00000000000000000000000007?token=opens-7"
                .to_owned(),
            html: String::new(),
            sent_at: shop.now(),
        };
        assert_eq!(mails, [expected], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_event_and_job_come_there_is_one_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let id = OrderId::from_u128(1);
        shop.knows(order(id));
        let event = shop.paid(id).await;
        join_all((0..20).map(|_| shop.hear(&event))).await;
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 1, "{}", cells.kind);
        let runs = (0..20).map(|_| shop.module.jobs[0].run(&jobs[0]));
        let outcomes = join_all(runs).await;
        assert!(
            outcomes.iter().all(|outcome| *outcome == JobOutcome::Done),
            "{outcomes:?}"
        );
        shop.queue().await.finish(&jobs[0]).await.expect(cells.kind);

        // Heard again after the job is gone: another job, the same mail.
        shop.advance(Duration::from_secs(1));
        shop.hear(&event).await;
        let again = shop.claim().await;
        assert_eq!(again.len(), 1, "{}", cells.kind);
        assert_eq!(
            shop.run(&again[0]).await,
            JobOutcome::Done,
            "{}",
            cells.kind
        );
        let ids: Vec<_> = shop.mails().await.iter().map(|mail| mail.id).collect();
        assert_eq!(ids, [jobs[0].id], "{}", cells.kind);
    }
}

#[tokio::test]
async fn an_order_to_be_paid_by_hand_is_confirmed_with_its_instructions() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let id = OrderId::from_u128(2);
        let mut view = order(id);
        view.payment_status = PaymentStatus::Pending;
        view.placed_at = shop.now();
        shop.knows(view.clone());
        shop.tell(placed(id)).await;
        assert_eq!(shop.heads().await, [""; 0], "{}", cells.kind);
        shop.advance(Duration::from_secs(30));
        let next = shop.work().await.expect("it waits");
        assert_eq!(
            next.since(shop.now()),
            Duration::from_secs(30),
            "{}",
            cells.kind
        );

        view.payment_status = PaymentStatus::Authorized;
        shop.knows(view.clone());
        shop.advance_to(next);
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        let text = shop.mails().await.remove(0).text;
        let expected = "\
Thank you!

We have your order 1002. It is not paid yet.

Bank transfer: To IBAN DE00 within 7 days

";
        assert!(text.starts_with(expected), "{text}");

        // The money came: the shopper was told of the order already.
        view.payment_status = PaymentStatus::Paid;
        shop.knows(view);
        let event = shop.paid(id).await;
        shop.hear(&event).await;
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        assert_eq!(shop.heads().await.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_payment_hurries_the_mail_and_an_order_nobody_pays_is_let_go() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let (paid, left, canceled) = (
            OrderId::from_u128(1),
            OrderId::from_u128(2),
            OrderId::from_u128(3),
        );
        shop.knows(order(paid));
        for (id, status) in [
            (left, OrderStatus::Pending),
            (canceled, OrderStatus::Canceled),
        ] {
            let mut view = order(id);
            view.payment_status = PaymentStatus::Pending;
            view.status = status;
            view.placed_at = shop.now();
            shop.knows(view);
        }
        for id in [paid, left, canceled] {
            shop.tell(placed(id)).await;
        }
        let event = shop.paid(paid).await;
        shop.hear(&event).await;
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        let heads = ["ada@example.com: Your order 1001 at acme"];
        assert_eq!(shop.heads().await, heads, "{}", cells.kind);

        shop.advance(Duration::from_secs(2 * 24 * 3_600));
        let next = shop.work().await.expect("two days are not over");
        assert_eq!(
            next.since(shop.now()),
            Duration::from_secs(600),
            "{}",
            cells.kind
        );
        shop.advance_to(next);
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        assert_eq!(shop.claim().await.len(), 0, "{}", cells.kind);
        assert_eq!(shop.heads().await, heads, "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_now_is_tried_again_and_what_never_can_is_not() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let event = shop.paid(OrderId::from_u128(100)).await;
        shop.hear(&event).await;
        let mut job = shop.claim().await.remove(0);
        let handler = &shop.module.jobs[0];
        *shop.orders.away.lock() = true;
        assert_eq!(
            handler.run(&job).await,
            JobOutcome::Failed("the database is not reachable: no answer".to_owned()),
            "{}",
            cells.kind
        );
        *shop.orders.away.lock() = false;
        assert_eq!(
            handler.run(&job).await,
            JobOutcome::Dead("no such order".to_owned()),
            "{}",
            cells.kind
        );
        job.payload = serde_json::json!({"kind": "poem"});
        assert_eq!(
            handler.run(&job).await,
            JobOutcome::Dead("the payload names no mail".to_owned()),
            "{}",
            cells.kind
        );
        assert_eq!(shop.mails().await, [], "{}", cells.kind);
        // As jobs were before there was more than one kind of mail.
        shop.knows(order(OrderId::from_u128(100)));
        job.payload = serde_json::json!({"order": OrderId::from_u128(100)});
        assert_eq!(handler.run(&job).await, JobOutcome::Done, "{}", cells.kind);
        assert_eq!(shop.mails().await.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn tenants_never_see_each_others_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        shop.confirm(1).await;
        other.confirm(1).await;
        let own = shop.mails().await;
        let theirs = other.mails().await;
        assert_eq!(own[0].subject, "Your order 1001 at acme", "{}", cells.kind);
        assert_eq!(
            theirs[0].subject, "Your order 1001 at other",
            "{}",
            cells.kind
        );
        assert_eq!((own.len(), theirs.len()), (1, 1), "{}", cells.kind);
        let unseen = shop.module.contract.read(shop.tenant, theirs[0].id).await;
        assert_eq!(unseen.expect(cells.kind), None, "{}", cells.kind);
        let seen = other.module.contract.read(other.tenant, theirs[0].id).await;
        assert_eq!(
            seen.expect(cells.kind).as_ref(),
            theirs.first(),
            "{}",
            cells.kind
        );
    }
}
