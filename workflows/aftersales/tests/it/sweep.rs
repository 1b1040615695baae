//! Refunds and cancellations whose job was lost, or whose provider does not answer.

use std::time::Duration;

use serde_json::json;
use stoa_contracts::orders::OrderStatus;

use crate::shop::{Shop, path};

/// Takes every job away, as a crash between two commits never could, but a purge might.
async fn lose_jobs(shop: &Shop) {
    let queue = shop.queue().await;
    for job in shop.claim().await {
        queue.finish(&job).await.expect(shop.kind);
    }
}

#[tokio::test]
async fn what_no_job_looks_after_gets_one_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let refunded = shop.paid(&[(shop.pot, 1)]).await;
        let body = json!({ "amount": { "amount": 700, "currency": "EUR" } });
        shop.post(&path(refunded.id, "refunds"), &body).await;
        let canceled = shop.paid(&[(shop.cup, 1)]).await;
        shop.post(&path(refunded.id, "refunds"), &body).await;
        let reason = json!({ "reason": "no" });
        shop.post(&path(canceled.id, "cancel"), &reason).await;
        lose_jobs(&shop).await;
        // Young ones are left alone.
        shop.tick().await;
        assert!(shop.claim().await.is_empty(), "{kind}");
        shop.clock.advance(Duration::from_secs(61));
        shop.tick().await;
        shop.settle().await;
        assert_eq!(
            shop.order(refunded.id).await.refunded.amount,
            1_400,
            "{kind}"
        );
        let view = shop.order(canceled.id).await;
        assert_eq!(view.status, OrderStatus::Canceled, "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 0), "{kind}");
        shop.clock.advance(Duration::from_secs(61));
        shop.tick().await;
        assert!(shop.claim().await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn what_does_not_move_is_told_once_and_goes_on_when_the_provider_does() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let total = order.totals.total.amount;
        shop.provider.down(true);
        let reason = json!({ "reason": "no" });
        shop.post(&path(order.id, "cancel"), &reason).await;
        for _ in 0..40 {
            shop.clock.advance(Duration::from_secs(60));
            shop.work().await;
        }
        shop.tick().await;
        shop.tick().await;
        let told = shop.told(order.id).await;
        let count = |step: &str| told.iter().filter(|told| *told == step).count();
        assert_eq!(
            (count("refund_stuck"), count("cancel_stuck")),
            (1, 1),
            "{kind}: {told:?}"
        );
        let mut sagas = shop.stuck().await;
        sagas.sort();
        let expected = ["cancel", "refund"].map(|saga| (order.id, saga.to_owned()));
        assert_eq!(sagas, expected, "{kind}");
        assert!(
            shop.metrics
                .render()
                .contains("stoa_aftersales_sagas_stuck 2"),
            "{kind}"
        );
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}");
        shop.provider.down(false);
        shop.settle().await;
        assert_eq!(
            shop.order(order.id).await.status,
            OrderStatus::Canceled,
            "{kind}"
        );
        let charge = (order.id.to_string(), total, total);
        assert_eq!(shop.charges().await, [charge], "{kind}");
        shop.tick().await;
        assert!(
            shop.metrics
                .render()
                .contains("stoa_aftersales_sagas_stuck 0"),
            "{kind}"
        );
    }
}
