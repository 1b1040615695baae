//! One cart, a hundred presses on Pay.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use stoa_contracts::orders::PaymentStatus;

use crate::shop::Shop;

const PRESSES: usize = 100;

async fn race_for_one_cart(shop: &Shop, key: impl Fn(usize) -> String) {
    let kind = shop.kind;
    let cart = shop.cart(1).await;
    let presses = (0..PRESSES).map(|press| {
        let (contract, key) = (shop.checkout.contract.clone(), key(press));
        let request = shop.request(&cart, "tok_success", &key);
        tokio::spawn(async move { contract.place(request).await })
    });
    let answers: BTreeSet<String> = join_all(presses.collect::<Vec<_>>())
        .await
        .into_iter()
        .map(|answer| serde_json::to_string(&answer.unwrap().expect(kind)).unwrap())
        .collect();
    assert_eq!(answers.len(), 1, "{kind}: {answers:?}");
    shop.settle().await;
    assert_eq!(shop.orders_written().await, 1, "{kind}");
    assert_eq!(
        (shop.charges().await.len(), shop.left().await),
        (1, 9),
        "{kind}"
    );
    let placed: stoa_contracts::checkout::Placed =
        serde_json::from_str(answers.first().unwrap()).unwrap();
    let order = shop.order(placed.order_id).await;
    assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_one_key_is_one_order_and_one_charge() {
    for shop in Shop::everywhere().await {
        race_for_one_cart(&shop, |_| "k".to_owned()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_many_keys_is_one_order_and_one_charge() {
    for shop in Shop::everywhere().await {
        race_for_one_cart(&shop, |press| format!("k{press}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_workers_settles_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let placed = shop.place(&shop.cart(1).await, "tok_success", "k1").await;
        let job = shop.claim().await.remove(0);
        let runs = (0..16).map(|_| {
            let (handler, job) = (shop.checkout.jobs[0].clone(), job.clone());
            tokio::spawn(async move { handler.run(&job).await })
        });
        join_all(runs.collect::<Vec<_>>()).await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        let events = [
            "orders.paid.v1",
            "orders.placed.v1",
            "payments.attempt_settled.v1",
        ];
        assert_eq!(shop.events().await, events, "{kind}");
        assert_eq!(
            (shop.charges().await.len(), shop.left().await),
            (1, 9),
            "{kind}"
        );
    }
}
