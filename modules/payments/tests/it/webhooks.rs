//! What providers tell: believed only when signed, heard once, and in any order.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use stoa_contracts::payments::{DisputeChanged, ProviderNews};

use crate::fake_stripe::FakeStripe;
use crate::shop::Shop;
use crate::stripe::with_stripe;

const NEWS: &str = "/api/v1/webhooks/payments/stripe";

fn signature(shop: &Shop, secret: &str, body: &str) -> String {
    let seconds = shop.cells.deps.now().micros() / 1_000_000;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!(
        "t={seconds},v1={}",
        hex::encode(mac.finalize().into_bytes())
    )
}

pub(crate) async fn tell(shop: &Shop, secret: &str, event: &Value) -> (u16, Value) {
    let body = event.to_string();
    let signed = signature(shop, secret, &body);
    shop.send("POST", NEWS, &[("stripe-signature", &signed)], body)
        .await
}

pub(crate) fn event(id: &str, kind: &str, created: i64, object: Value) -> Value {
    json!({ "id": id, "type": kind, "created": created, "data": { "object": object } })
}

async fn shops() -> Vec<Shop> {
    let mut all = Vec::new();
    for shop in Shop::everywhere().await {
        let fake = FakeStripe::start().await;
        with_stripe(&shop, &fake.base_url, "automatic").await;
        let (_, _, state) = shop.driven("stripe", "pm_card_visa").await;
        state.expect(shop.cells.kind);
        all.push(shop);
    }
    all
}

#[tokio::test]
async fn signed_news_are_a_hint_and_heard_once() {
    for shop in shops().await {
        let kind = shop.cells.kind;
        let object = json!({ "id": "pi_1", "status": "canceled" });
        let paid = event("evt_1", "payment_intent.canceled", 1, object);
        for _ in 0..3 {
            assert_eq!(tell(&shop, "whsec_1", &paid).await.0, 200, "{kind}");
        }
        let refund = shop.refund(shop.order(), 1).id;
        let object =
            json!({ "id": "re_1", "payment_intent": "pi_1", "metadata": { "refund": refund } });
        let back = event("evt_2", "refund.updated", 2, object);
        assert_eq!(tell(&shop, "whsec_1", &back).await.0, 200, "{kind}");
        let news = shop.facts::<ProviderNews>().await;
        let heard: Vec<_> = news.iter().map(|news| news.refund).collect();
        assert_eq!(heard, [None, Some(refund)], "{kind}");
        // Whatever it says: the attempt stands as the provider itself was asked.
        let (_, list) = shop.get("/api/v1/admin/payments").await;
        assert_eq!(list["data"][0]["state"], "succeeded", "{kind}");
        // News of others' payments, and of other things, are none of ours.
        let strange = event(
            "evt_3",
            "payment_intent.succeeded",
            3,
            json!({ "id": "pi_9" }),
        );
        assert_eq!(tell(&shop, "whsec_1", &strange).await.0, 200, "{kind}");
        let other = event("evt_4", "customer.created", 3, json!({ "id": "cus_1" }));
        assert_eq!(tell(&shop, "whsec_1", &other).await.0, 200, "{kind}");
        assert_eq!(shop.facts::<ProviderNews>().await.len(), 2, "{kind}");
    }
}

#[tokio::test]
async fn unsigned_and_misdirected_news_are_refused() {
    for shop in shops().await {
        let kind = shop.cells.kind;
        let paid = event(
            "evt_1",
            "payment_intent.succeeded",
            1,
            json!({ "id": "pi_1" }),
        );
        let (status, problem) = tell(&shop, "whsec_2", &paid).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("webhook_signature_invalid")),
            "{kind}"
        );
        assert_eq!(
            shop.send("POST", NEWS, &[], paid.to_string()).await.0,
            400,
            "{kind}"
        );
        let body = "not json";
        let signed = signature(&shop, "whsec_1", body);
        let headers = [("stripe-signature", signed.as_str())];
        let (status, problem) = shop.send("POST", NEWS, &headers, body.to_owned()).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("malformed_body")),
            "{kind}"
        );
        for nobody in ["bank", "test", "none"] {
            let path = format!("/api/v1/webhooks/payments/{nobody}");
            let (status, problem) = shop.send("POST", &path, &headers, body.to_owned()).await;
            assert_eq!(
                (status, &problem["code"]),
                (404, &json!("payment_provider_not_found")),
                "{kind}"
            );
        }
        let long = "x".repeat(300 * 1024);
        assert_eq!(shop.send("POST", NEWS, &[], long).await.0, 413, "{kind}");
        assert_eq!(shop.facts::<ProviderNews>().await, [], "{kind}");
    }
}

#[tokio::test]
async fn a_dispute_ends_once_and_what_is_lost_is_booked_once() {
    for shop in shops().await {
        let kind = shop.cells.kind;
        let dispute = |status: &str| {
            json!({
                "id": "dp_1", "payment_intent": "pi_1", "amount": 2500, "currency": "eur",
                "status": status, "reason": "fraudulent",
            })
        };
        let opened = event(
            "evt_1",
            "charge.dispute.created",
            10,
            dispute("needs_response"),
        );
        let lost = event("evt_2", "charge.dispute.closed", 30, dispute("lost"));
        let late = event(
            "evt_3",
            "charge.dispute.updated",
            20,
            dispute("under_review"),
        );
        let won = event("evt_4", "charge.dispute.closed", 40, dispute("won"));
        for event in [&opened, &lost, &late, &lost, &won, &opened] {
            assert_eq!(tell(&shop, "whsec_1", event).await.0, 200, "{kind}");
        }
        let told: Vec<String> = shop
            .facts::<DisputeChanged>()
            .await
            .into_iter()
            .map(|changed| changed.status)
            .collect();
        // What ended is not open again; only a newer end takes the place of an end.
        assert_eq!(told, ["needs_response", "lost", "won"], "{kind}");
        let (_, list) = shop.get("/api/v1/admin/payments/disputes?limit=1").await;
        assert_eq!(list["data"][0]["status"], "won", "{kind}");
        assert_eq!(list["data"][0]["amount"]["amount"], 2500, "{kind}");
        assert_eq!(list["pagination"]["has_more"], false, "{kind}");
        let booked = shop.booked().await;
        let lost: Vec<_> = booked
            .iter()
            .filter(|(what, _)| what == "lost stripe")
            .collect();
        assert_eq!(lost, [&("lost stripe".to_owned(), 2500)], "{kind}");
    }
}

#[tokio::test]
async fn old_events_are_forgotten_and_young_ones_kept() {
    for shop in shops().await {
        let kind = shop.cells.kind;
        let old = event(
            "evt_1",
            "payment_intent.processing",
            1,
            json!({ "id": "pi_1" }),
        );
        assert_eq!(tell(&shop, "whsec_1", &old).await.0, 200, "{kind}");
        let day = std::time::Duration::from_secs(24 * 3600);
        shop.cells.clock.advance(31 * day);
        let young = event(
            "evt_2",
            "payment_intent.succeeded",
            2,
            json!({ "id": "pi_1" }),
        );
        assert_eq!(tell(&shop, "whsec_1", &young).await.0, 200, "{kind}");
        let storage = shop.cells.storage();
        let cell = storage.tenant(shop.tenant).await.unwrap().cell;
        let purge = shop
            .module
            .recurring
            .iter()
            .find(|round| round.name() == "payments.purge");
        purge
            .unwrap()
            .run(cell, shop.cells.deps.now())
            .await
            .expect(kind);
        for event in [&old, &young] {
            assert_eq!(tell(&shop, "whsec_1", event).await.0, 200, "{kind}");
        }
        assert_eq!(shop.facts::<ProviderNews>().await.len(), 3, "{kind}");
    }
}
