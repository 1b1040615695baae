//! Many hands at one order.

use futures_util::future::join_all;
use serde_json::{Value, json};
use stoa_contracts::orders::{OrderStatus, PaymentStatus};

use crate::shop::{Shop, path, send};

/// Status codes of the same wish, sent at once with keys of their own.
async fn at_once(shop: &Shop, count: usize, path: &str, body: &Value) -> Vec<u16> {
    let asks = (0..count).map(|each| {
        let (router, path, body) = (shop.staff.clone(), path.to_owned(), body.clone());
        tokio::spawn(async move {
            let key = format!("race-{each}");
            send(&router, "POST", &path, &body, &key).await.0
        })
    });
    let answers = join_all(asks.collect::<Vec<_>>()).await;
    answers.into_iter().map(|answer| answer.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_refunds_of_one_capture_never_exceed_it() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let total = order.totals.total.amount;
        let part = total / 7;
        let body = json!({ "amount": { "amount": part, "currency": "EUR" } });
        let answers = at_once(&shop, 50, &path(order.id, "refunds"), &body).await;
        let opened = answers.iter().filter(|status| **status == 202).count();
        let refused = answers.iter().filter(|status| **status == 409).count();
        assert_eq!((opened, refused), (7, 43), "{kind}");
        // Each job by two workers at once.
        let jobs = shop.claim().await;
        let runs = jobs.iter().flat_map(|job| [job.clone(), job.clone()]);
        let runs = runs.map(|job| {
            let handler = shop.jobs.iter().find(|each| each.kind() == job.kind);
            let handler = handler.unwrap().clone();
            tokio::spawn(async move { handler.run(&job).await })
        });
        for run in join_all(runs.collect::<Vec<_>>()).await {
            run.unwrap();
        }
        shop.clock.advance(std::time::Duration::from_secs(120));
        shop.settle().await;
        let charge = (order.id.to_string(), total, 7 * part);
        assert_eq!(shop.charges().await, [charge], "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(view.refunded.amount, 7 * part, "{kind}");
        let list = shop.get(&path(order.id, "refunds")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), 7, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_unit_is_packed_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let answers = at_once(&shop, 8, &path(order.id, "fulfilments"), &json!({})).await;
        let packed = answers.iter().filter(|status| **status == 201).count();
        assert_eq!(packed, 1, "{kind}: {answers:?}");
        assert_eq!(shop.stock(shop.pot).await, (9, 0), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            (view.lines[0].fulfilled, view.fulfilments.len()),
            (1, 1),
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_and_a_payment_at_once_end_in_one_way() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        for round in 0..10 {
            let order = shop.place(&[(shop.pot, 1)], "tok_success").await;
            let (router, at) = (shop.staff.clone(), path(order, "cancel"));
            let cancel = tokio::spawn(async move {
                // Somewhere between the first call of the provider and the last write.
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                let body = json!({ "reason": "no" });
                send(&router, "POST", &at, &body, &format!("c{round}"))
                    .await
                    .0
            });
            shop.work().await;
            assert_eq!(cancel.await.unwrap(), 202, "{kind}");
            shop.settle().await;
            let view = shop.order(order).await;
            assert_eq!(view.status, OrderStatus::Canceled, "{kind}");
            assert_ne!(view.payment_status, PaymentStatus::Paid, "{kind}");
            let charges = shop.charges().await;
            let own = charges.iter().find(|charge| charge.0 == order.to_string());
            assert!(
                own.is_none_or(|charge| charge.1 == charge.2),
                "{kind}: {own:?}"
            );
            assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_and_a_parcel_at_once_are_never_both() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let ask = |rest: &str, body: Value| {
            let (router, at) = (shop.staff.clone(), path(order.id, rest));
            tokio::spawn(async move { send(&router, "POST", &at, &body, "k").await.0 })
        };
        let fulfil = ask("fulfilments", json!({}));
        let cancel = ask("cancel", json!({ "reason": "no" }));
        let answers = (fulfil.await.unwrap(), cancel.await.unwrap());
        assert!(
            matches!(answers, (201, 409) | (409, 202)),
            "{kind}: {answers:?}"
        );
        shop.settle().await;
        let packed = answers.0 == 201;
        let stock = if packed { (9, 0) } else { (10, 0) };
        assert_eq!(shop.stock(shop.pot).await, stock, "{kind}");
    }
}
