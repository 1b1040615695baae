//! How shops set up their ways to pay, and who can read what is secret.

use std::sync::Arc;

use serde_json::json;
use stoa_contracts::payments::{PaymentError, PaymentMethodKind};
use stoa_payments::{PaymentsConfig, SealKeys};
use stoa_rest::CursorKey;
use stoa_storage::params;
use stoa_telemetry::Metrics;

use crate::books::Books;
use crate::fake_stripe::FakeStripe;
use crate::shop::{Shop, config};
use crate::stripe::with_stripe;

const ALL: &str = "/api/v1/admin/payments/providers";
const ONE: &str = "/api/v1/admin/payments/providers/stripe";

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_stripe(&shop, "https://pay.example/", "manual").await;
        let (status, view) = shop.get(ONE).await;
        assert_eq!(status, 200, "{kind}");
        assert_eq!(view["base_url"], "https://pay.example", "{kind}");
        assert_eq!(view["capture"], "manual", "{kind}");
        assert_eq!(view["has_secret_key"], true, "{kind}");
        assert_eq!(view["has_webhook_secret"], true, "{kind}");
        let (_, list) = shop.get(ALL).await;
        for answer in [&view, &list] {
            let text = answer.to_string();
            assert!(
                !text.contains("sk_test_1") && !text.contains("whsec_1"),
                "{kind}: {text}"
            );
        }
        const STORED: &str = "SELECT secret_key, webhook_secret FROM payments_provider \
             WHERE tenant_id = :tenant";
        let db = shop.cells.db(shop.tenant).await;
        let both = |row: &stoa_storage::Row<'_>| {
            let (key, webhook): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok([key, webhook].concat())
        };
        let stored = db
            .fetch(STORED, params![], both)
            .await
            .expect(kind)
            .remove(0);
        let stored = String::from_utf8_lossy(&stored).into_owned();
        assert!(
            !stored.contains("sk_test") && !stored.contains("whsec"),
            "{kind}"
        );
        let methods = shop
            .payments()
            .methods(shop.tenant, false)
            .await
            .expect(kind);
        assert_eq!(methods[0].kind, PaymentMethodKind::Stripe, "{kind}");
        assert_eq!(
            methods[0].public_key.as_deref(),
            Some("pk_test_1"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_key_is_not_sent_to_another_server_by_who_cannot_read_it() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_stripe(&shop, "https://pay.example", "automatic").await;
        let put = async |tag: &str, body: serde_json::Value| {
            shop.send("PUT", ONE, &[("if-match", tag)], body.to_string())
                .await
        };
        let mut body = json!({ "title": "Card", "base_url": "https://thief.example" });
        let (status, problem) = put("\"1\"", body.clone()).await;
        assert_eq!(status, 422, "{kind}");
        assert_eq!(problem["errors"][0]["field"], "secret_key", "{kind}");
        body["secret_key"] = json!("sk_test_2");
        assert_eq!(put("\"1\"", body.clone()).await.0, 200, "{kind}");
        assert_eq!(put("\"1\"", body.clone()).await.0, 412, "{kind}");
        let same =
            json!({ "title": "By card", "base_url": "https://thief.example", "active": false });
        let (status, view) = put("\"2\"", same).await;
        assert_eq!((status, &view["title"]), (200, &json!("By card")), "{kind}");
        assert_eq!(
            view["has_webhook_secret"], true,
            "{kind}: what is left out stays"
        );
        assert_eq!(
            shop.payments()
                .methods(shop.tenant, false)
                .await
                .expect(kind),
            [],
            "{kind}"
        );
        let refused = shop
            .payments()
            .check(shop.tenant, "stripe", "pm_card_visa", false)
            .await;
        assert!(
            matches!(refused, Err(PaymentError::UnknownProvider { .. })),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_provider_is_refused_by_its_field() {
    let shop = Shop::everywhere().await.remove(0);
    let stripe = |change: serde_json::Value| {
        let mut body =
            json!({ "id": "stripe", "kind": "stripe", "title": "Card", "secret_key": "sk_1" });
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        body
    };
    for (change, field) in [
        (json!({ "id": "test" }), "id"),
        (json!({ "id": "Stripe" }), "id"),
        (json!({ "title": " " }), "title"),
        (json!({ "title": "Card 4111111111111111" }), "title"),
        (json!({ "base_url": "http://pay.example" }), "base_url"),
        (json!({ "base_url": "https://10.0.0.1" }), "base_url"),
        (json!({ "base_url": "https://169.254.169.254" }), "base_url"),
        (json!({ "public_key": "sk_live_1" }), "public_key"),
        (json!({ "secret_key": "two words" }), "secret_key"),
        (json!({ "secret_key": null }), "secret_key"),
        (
            json!({ "instructions": "send 4111 1111 1111 1111" }),
            "instructions",
        ),
        (json!({ "kind": "manual" }), "secret_key"),
        (json!({ "position": -1 }), "position"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let (status, problem) = shop.post(ALL, stripe(change.clone())).await;
        assert_eq!(status, 422, "{change}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{change}");
        assert!(!problem.to_string().contains("4111"), "{problem}");
    }
    assert_eq!(shop.post(ALL, stripe(json!({}))).await.0, 201);
    let (status, problem) = shop.post(ALL, stripe(json!({}))).await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("payment_provider_taken"))
    );
}

#[tokio::test]
async fn a_provider_goes_only_while_no_payment_needs_it() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let fake = FakeStripe::start().await;
        with_stripe(&shop, &fake.base_url, "automatic").await;
        assert_eq!(
            shop.send("DELETE", ONE, &[], String::new()).await.0,
            204,
            "{kind}"
        );
        assert_eq!(shop.get(ONE).await.0, 404, "{kind}");
        with_stripe(&shop, &fake.base_url, "automatic").await;
        shop.driven("stripe", "pm_card_visa").await.2.expect(kind);
        let (status, problem) = shop.send("DELETE", ONE, &[], String::new()).await;
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("payment_provider_in_use")),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_process_without_the_key_takes_secrets_in_and_calls_nobody() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let fake = FakeStripe::start().await;
        let web = PaymentsConfig {
            seal: SealKeys::sealing(SealKeys::opening([9; 32]).public()),
            ..PaymentsConfig::new(CursorKey::new([7; 32]), config().seal)
        };
        let web = PaymentsConfig {
            allow_loopback: true,
            ..web
        };
        let metrics = Metrics::new(shop.cells.deps.now());
        let mut web = stoa_payments::start(shop.cells.deps.clone(), Arc::new(Books), web, &metrics);
        let names: Vec<&str> = web.recurring.iter().map(|round| round.name()).collect();
        assert_eq!(names, ["payments.purge"], "{kind}");
        // Sealed there, opened here.
        let (payments, router) = (
            shop.router.clone(),
            crate::api::router(&shop.cells, &mut web),
        );
        let mut shop = shop;
        shop.router = router;
        with_stripe(&shop, &fake.base_url, "automatic").await;
        web.contract
            .check(shop.tenant, "stripe", "pm_card_visa", false)
            .await
            .expect(kind);
        let mut new = shop.attempt(shop.order(), 2500, "pm_card_visa");
        new.provider = "stripe".to_owned();
        let attempt = shop.try_open(new).await.expect(kind);
        let closed = web
            .contract
            .drive(shop.tenant, attempt)
            .await
            .expect_err(kind);
        assert!(
            closed.to_string().contains("does not hold the key"),
            "{kind}: {closed}"
        );
        let (status, problem) = shop
            .send(
                "POST",
                "/api/v1/webhooks/payments/stripe",
                &[],
                "{}".to_owned(),
            )
            .await;
        assert_eq!(
            (status, &problem["code"]),
            (503, &json!("payment_secrets_elsewhere")),
            "{kind}"
        );
        assert_eq!(fake.book().calls.len(), 0, "{kind}");
        shop.router = payments;
        shop.payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(fake.charges(), 1, "{kind}");
    }
}
