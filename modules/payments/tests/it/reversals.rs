//! Money that moves after all was said and done: refunds that do not arrive, and cardholders' disputes.

use serde_json::{Value, json};
use stoa_contracts::payments::{
    DisputeChanged, ProviderNews, RefundError, RefundReversed, RefundState, RefundView,
};
use stoa_kernel::{AttemptId, Money, OrderId, RefundId};

use crate::fake_stripe::FakeStripe;
use crate::shop::Shop;
use crate::stripe;
use crate::webhooks::{event, tell};

/// A shop, its provider, and a charge of 25.00 that `pi_1` is.
struct Paid {
    shop: Shop,
    fake: FakeStripe,
    order: OrderId,
    attempt: AttemptId,
}

async fn paid() -> Vec<Paid> {
    let mut all = Vec::new();
    for (shop, fake) in stripe::shops("automatic").await {
        let (order, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
        state.expect(shop.cells.kind);
        all.push(Paid {
            shop,
            fake,
            order,
            attempt,
        });
    }
    all
}

impl Paid {
    async fn refund(&self, amount: i64) -> RefundView {
        let kind = self.shop.cells.kind;
        let new = self.shop.refund(self.order, amount);
        let refund = self.shop.open_refund(new).await.expect(kind);
        self.drive(refund.id).await
    }

    async fn drive(&self, refund: RefundId) -> RefundView {
        let shop = &self.shop;
        let driven = shop.payments().drive_refund(shop.tenant, refund).await;
        driven.expect(shop.cells.kind)
    }

    async fn read(&self, refund: RefundId) -> RefundView {
        let path = format!("/api/v1/admin/refunds/{refund}");
        let (status, body) = self.shop.get(&path).await;
        assert_eq!(status, 200, "{body}");
        let mut all = self
            .shop
            .payments()
            .refunds_of(self.shop.tenant, self.order)
            .await
            .expect(self.shop.cells.kind);
        all.retain(|view| view.id == refund);
        all.remove(0)
    }

    async fn hear(&self, event: &Value) {
        let (status, answer) = tell(&self.shop, "whsec_1", event).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn refunded(&self) -> i64 {
        self.shop.view(self.attempt).await.refunded.amount
    }

    /// What can still go back, learned by asking for more than there is.
    async fn left(&self) -> i64 {
        let wish = self.shop.refund(self.order, 1_000_000);
        match self.shop.open_refund(wish).await {
            Err(RefundError::TooMuch { left, .. }) => left,
            other => panic!("{}: {other:?}", self.shop.cells.kind),
        }
    }

    async fn booked(&self, what: &str) -> Vec<i64> {
        let booked = self.shop.booked().await;
        let ours = booked.into_iter().filter(|(posted, _)| posted == what);
        ours.map(|(_, amount)| amount).collect()
    }
}

fn failed(event_id: &str, kind: &str, refund: RefundId) -> Value {
    let object = json!({
        "id": "re_0", "object": "refund", "payment_intent": "pi_1", "amount": 500,
        "status": "failed", "failure_reason": "lost_or_stolen_card",
        "metadata": { "refund": refund },
    });
    event(event_id, kind, 50, object)
}

#[tokio::test]
async fn a_refund_that_does_not_arrive_is_reversed_once() {
    for paid in paid().await {
        let kind = paid.shop.cells.kind;
        let kept = paid.refund(200).await;
        let refund = paid.refund(500).await;
        assert_eq!(refund.state, RefundState::Succeeded, "{kind}");
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (700, 1800),
            "{kind}"
        );
        for (id, told) in [
            ("evt_1", "refund.failed"),
            ("evt_1", "refund.failed"),
            ("evt_2", "refund.updated"),
            ("evt_3", "charge.refund.updated"),
        ] {
            paid.hear(&failed(id, told, refund.id)).await;
        }
        // What comes late, and what is said of others, changes nothing.
        let late = json!({ "id": "re_0", "payment_intent": "pi_1", "status": "succeeded",
            "metadata": { "refund": refund.id } });
        paid.hear(&event("evt_4", "refund.updated", 40, late)).await;
        let nobodys = paid.shop.refund(paid.order, 1).id;
        paid.hear(&failed("evt_5", "refund.failed", nobodys)).await;

        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (200, 2300),
            "{kind}"
        );
        assert_eq!(paid.booked("refunded stripe").await.len(), 2, "{kind}");
        assert_eq!(paid.booked("reversed stripe").await, [500], "{kind}");
        let reversed = RefundReversed {
            refund: refund.id,
            attempt: paid.attempt,
            order: paid.order,
            amount: refund.amount,
            left: Money::new(0, refund.amount.currency),
            reason: "lost_or_stolen_card".to_owned(),
        };
        assert_eq!(
            paid.shop.facts::<RefundReversed>().await,
            [reversed],
            "{kind}"
        );
        let view = paid.read(refund.id).await;
        let failure = Some("500: lost_or_stolen_card".to_owned());
        assert_eq!(
            (view.state, view.failure),
            (RefundState::Failed, failure),
            "{kind}"
        );
        assert_eq!(view.amount.amount, 500, "{kind}");
        assert_eq!(
            paid.read(kept.id).await.state,
            RefundState::Succeeded,
            "{kind}"
        );
        // It can go back anew, all of it.
        assert_eq!(
            paid.refund(2300).await.state,
            RefundState::Succeeded,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_failure_heard_before_the_success_is_known_ends_the_refund() {
    for paid in paid().await {
        let kind = paid.shop.cells.kind;
        paid.fake.book().refund_status = Some("pending");
        let refund = paid.refund(500).await;
        assert_eq!(refund.state, RefundState::Pending, "{kind}");
        paid.hear(&failed("evt_1", "refund.failed", refund.id))
            .await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (0, 2500),
            "{kind}"
        );
        assert_eq!(
            paid.read(refund.id).await.state,
            RefundState::Failed,
            "{kind}"
        );
        // An answer from before it.
        paid.fake.book().refund_status = Some("succeeded");
        assert_eq!(
            paid.drive(refund.id).await.state,
            RefundState::Failed,
            "{kind}"
        );
        assert_eq!(paid.refunded().await, 0, "{kind}");
        for what in ["refunded stripe", "reversed stripe"] {
            assert_eq!(paid.booked(what).await, [] as [i64; 0], "{kind}");
        }
        assert_eq!(paid.shop.facts::<RefundReversed>().await, [], "{kind}");
        // Whoever waits for the refund is told to look.
        let news = paid.shop.facts::<ProviderNews>().await;
        let heard: Vec<_> = news.iter().map(|news| news.refund).collect();
        assert_eq!(heard, [Some(refund.id)], "{kind}");
    }
}

#[tokio::test]
async fn money_that_went_to_store_credit_is_not_reversed_by_a_provider() {
    for paid in paid().await {
        let kind = paid.shop.cells.kind;
        let mut new = paid.shop.refund(paid.order, 500);
        new.store_credit = Some(stoa_kernel::CustomerId::from_u128(7));
        let refund = paid.shop.open_refund(new).await.expect(kind);
        paid.hear(&failed("evt_1", "refund.failed", refund.id))
            .await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (500, 2000),
            "{kind}"
        );
        assert_eq!(
            paid.booked("reversed stripe").await,
            [] as [i64; 0],
            "{kind}"
        );
    }
}

fn dispute(id: &str, status: &str, at: i64) -> Value {
    let object = json!({
        "id": "dp_1", "payment_intent": "pi_1", "amount": 1500, "currency": "eur",
        "status": status, "reason": "fraudulent",
    });
    event(id, "charge.dispute.closed", at, object)
}

#[tokio::test]
async fn a_lost_dispute_lowers_what_can_go_back_and_a_won_one_restores_it() {
    for paid in paid().await {
        let kind = paid.shop.cells.kind;
        paid.hear(&dispute("evt_1", "needs_response", 10)).await;
        assert_eq!(paid.left().await, 2500, "{kind}");
        for _ in 0..2 {
            paid.hear(&dispute("evt_2", "lost", 30)).await;
        }
        paid.hear(&dispute("evt_3", "lost", 31)).await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (1500, 1000),
            "{kind}"
        );
        let wish = paid.shop.refund(paid.order, 1001);
        let refused = paid.shop.open_refund(wish).await;
        assert!(
            matches!(refused, Err(RefundError::TooMuch { .. })),
            "{kind}: {refused:?}"
        );
        for _ in 0..2 {
            paid.hear(&dispute("evt_4", "won", 40)).await;
        }
        paid.hear(&dispute("evt_5", "lost", 35)).await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (0, 2500),
            "{kind}"
        );
        assert_eq!(paid.booked("lost stripe").await, [1500], "{kind}");
        assert_eq!(paid.booked("won stripe").await, [1500], "{kind}");
        let told = paid.shop.facts::<DisputeChanged>().await;
        let told: Vec<&str> = told.iter().map(|told| told.status.as_str()).collect();
        assert_eq!(told, ["needs_response", "lost", "won"], "{kind}");
        assert_eq!(
            paid.refund(2500).await.state,
            RefundState::Succeeded,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_dispute_lost_in_news_that_came_late_lowers_nothing() {
    for paid in paid().await {
        let kind = paid.shop.cells.kind;
        paid.hear(&dispute("evt_1", "won", 40)).await;
        paid.hear(&dispute("evt_2", "lost", 30)).await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (0, 2500),
            "{kind}"
        );
        assert_eq!(paid.booked("lost stripe").await, [] as [i64; 0], "{kind}");
    }
}

#[tokio::test]
async fn money_refunded_and_disputed_leaves_nothing_and_breaks_nothing() {
    for paid in paid().await {
        let kind = paid.shop.cells.kind;
        assert_eq!(
            paid.refund(2000).await.state,
            RefundState::Succeeded,
            "{kind}"
        );
        paid.hear(&dispute("evt_1", "lost", 30)).await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (2500, 0),
            "{kind}"
        );
        assert_eq!(paid.booked("lost stripe").await, [1500], "{kind}");
        paid.hear(&dispute("evt_2", "won", 40)).await;
        assert_eq!(
            (paid.refunded().await, paid.left().await),
            (2000, 500),
            "{kind}"
        );
    }
}
