//! Checkouts over HTTP: codes, headers, links and streams.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use stoa_checkout::Config;
use stoa_contracts::cart::CartKey;
use stoa_contracts::checkout::CheckoutError;
use stoa_rest::{
    Caller, Credential, Gate, Problem, RequestTenant, RouterConfig, Routes, TenantInfo,
};
use stoa_storage::Storage;
use stoa_telemetry::Metrics;
use tower::ServiceExt as _;

use crate::shop::{ON_HAND, Shop};

/// Hosts are slugs; everybody is the same caller.
pub(crate) struct OpenGate(pub(crate) Storage, pub(crate) Caller);

#[async_trait]
impl Gate for OpenGate {
    async fn tenant(&self, host: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        let found = self
            .0
            .tenant_by_slug(host)
            .await
            .map_err(Problem::internal)?;
        Ok(found.map(|tenant| {
            RequestTenant::new(TenantInfo {
                id: tenant.id,
                slug: tenant.slug,
                name: tenant.name,
                currency: tenant.currency,
                test_mode: tenant.test_mode,
            })
        }))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        _: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        Ok(self.1.clone())
    }
}

pub(crate) fn router(shop: &mut Shop) -> Router {
    let gate = Arc::new(OpenGate(shop.deps.storage.clone(), Caller::Operator));
    let config = RouterConfig::new(shop.metrics.clone(), shop.deps.ids.clone());
    let routes = std::mem::replace(&mut shop.checkout.routes, Routes::new("taken"));
    routes.into_router(gate, config)
}

pub(crate) async fn get(router: &Router, host: &str, path: &str, accept: &str) -> Response {
    let request = Request::get(path)
        .header("host", host)
        .header("accept", accept);
    router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

pub(crate) async fn json_of(response: Response) -> Value {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    serde_json::from_slice(&body).unwrap()
}

async fn post(
    router: &Router,
    token: &str,
    key: Option<&str>,
    body: &Value,
) -> (u16, Value, String) {
    let mut request = Request::post("/api/v1/checkouts")
        .header("host", "shop")
        .header("content-type", "application/json")
        .header("stoa-cart-token", token);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let location = response.headers().get("location");
    let location = location
        .map(|url| url.to_str().unwrap().to_owned())
        .unwrap_or_default();
    (status, json_of(response).await, location)
}

fn body(cart: &CartKey, token: &str) -> Value {
    json!({ "cart_id": cart.id, "payment": { "provider": "test", "token": token } })
}

#[tokio::test]
async fn a_checkout_is_accepted_and_its_link_tells_the_rest() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let cart = shop.cart(1).await;
        let wish = body(&cart, "tok_success");
        let (status, first, location) = post(&router, &cart.token, Some("k1"), &wish).await;
        assert_eq!(status, 202, "{kind}: {first}");
        let url = first["status_url"].as_str().unwrap();
        assert_eq!(location, url, "{kind}");
        let (status, second, _) = post(&router, &cart.token, Some("k1"), &wish).await;
        assert_eq!((status, &second), (202, &first), "{kind}");

        let seen = json_of(get(&router, "shop", url, "application/json").await).await;
        assert_eq!(seen["order_id"], first["order_id"], "{kind}");
        assert_eq!(
            [
                &seen["state"],
                &seen["status"],
                &seen["payment_status"],
                &seen["fulfilment_status"]
            ],
            ["processing", "pending", "pending", "not_fulfilled"],
            "{kind}"
        );
        assert_eq!(seen["settled"], false, "{kind}");
        shop.settle().await;
        let seen = json_of(get(&router, "shop", url, "application/json").await).await;
        assert_eq!(
            (&seen["state"], &seen["settled"]),
            (&json!("paid"), &json!(true)),
            "{kind}"
        );
        assert_eq!(seen["payment"]["state"], "succeeded", "{kind}");

        shop.deps
            .storage
            .create_tenant(stoa_storage::NewTenant {
                slug: "other".to_owned(),
                name: "other".to_owned(),
                currency: stoa_kernel::Currency::EUR,
                test_mode: true,
                isolation: stoa_storage::Isolation::Shared,
            })
            .await
            .expect(kind);
        assert_eq!(
            get(&router, "other", url, "*/*").await.status(),
            403,
            "{kind}"
        );
        let changed = url.replace("expires=1", "expires=2");
        assert_eq!(
            get(&router, "shop", &changed, "*/*").await.status(),
            403,
            "{kind}"
        );
        shop.clock.advance(Duration::from_secs(24 * 3_600 + 2));
        let late = get(&router, "shop", url, "*/*").await;
        assert_eq!(late.status(), 403, "{kind}");
        assert_eq!(json_of(late).await["code"], "status_link_invalid", "{kind}");
    }
}

/// Status, code and fields of a refusal; and its whole text.
async fn refusal(router: &Router, token: &str, key: Option<&str>, body: &Value) -> (Value, String) {
    let (status, problem, _) = post(router, token, key, body).await;
    let errors = problem["errors"].as_array().into_iter().flatten();
    let fields: Vec<Value> = errors.map(|error| error["field"].clone()).collect();
    (
        json!([status, problem["code"], fields]),
        problem.to_string(),
    )
}

#[tokio::test]
async fn a_card_number_is_refused_and_not_repeated() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let cart = shop.cart(1).await;
        let (text, number) = (json!("4111111111111111"), json!(4_111_111_111_111_111_u64));
        let cases = [
            (
                "payment.token",
                json!({ "provider": "test", "token": text }),
            ),
            (
                "payment.token",
                json!({ "provider": "test", "token": number }),
            ),
            (
                "payment.provider",
                json!({ "provider": number, "token": "tok_success" }),
            ),
            ("payment", number.clone()),
            (
                "payment.card_number",
                json!({ "provider": "test", "token": "tok_success", "card_number": text }),
            ),
        ];
        for (field, payment) in cases {
            let wish = json!({ "cart_id": cart.id, "payment": payment });
            let (seen, text) = refusal(&router, &cart.token, Some("k"), &wish).await;
            assert_eq!(
                seen,
                json!([422, "invalid_request", [field]]),
                "{kind}: {text}"
            );
            assert!(!text.contains("4111"), "{kind}: {text}");
        }
    }
}

#[tokio::test]
async fn refusals_have_codes_and_name_fields() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let (cart, empty) = (shop.cart(1).await, shop.empty_cart().await);
        let wish = body(&cart, "tok_success");
        let mut elsewhere = wish.clone();
        elsewhere["payment"]["provider"] = json!("stripe");
        let of_empty = body(&empty, "tok_success");
        let cases = [
            (
                &cart.token,
                None,
                &wish,
                json!([400, "idempotency_key_missing", []]),
            ),
            (
                &empty.token,
                Some("k"),
                &wish,
                json!([404, "not_found", []]),
            ),
            (
                &cart.token,
                Some("k"),
                &body(&cart, "tok_"),
                json!([422, "invalid_request", ["payment.token"]]),
            ),
            (
                &cart.token,
                Some("k"),
                &elsewhere,
                json!([422, "invalid_request", ["payment.provider"]]),
            ),
            (
                &empty.token,
                Some("k"),
                &of_empty,
                json!([422, "cart_incomplete", ["lines"]]),
            ),
        ];
        for (token, key, wish, expected) in cases {
            let (seen, text) = refusal(&router, token, key, wish).await;
            assert_eq!(seen, expected, "{kind}: {text}");
        }
    }
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_sale_is_a_conflict() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let (many, few) = (shop.cart(10).await, shop.cart(1).await);
        assert_eq!(
            post(&router, &many.token, Some("a"), &body(&many, "tok_3ds"))
                .await
                .0,
            202
        );
        let wish = body(&few, "tok_success");
        let (seen, text) = refusal(&router, &few.token, Some("b"), &wish).await;
        assert_eq!(
            seen,
            json!([409, "out_of_stock", [shop.pot.to_string()]]),
            "{kind}"
        );
        assert!(text.contains("asked 1, available 0"), "{kind}: {text}");
        let wish = body(&many, "tok_success");
        let (seen, _) = refusal(&router, &many.token, Some("a"), &wish).await;
        assert_eq!(seen, json!([422, "idempotency_key_reused", []]), "{kind}");
        shop.settle().await;
        let (seen, _) = refusal(&router, &many.token, Some("c"), &wish).await;
        assert_eq!(seen, json!([409, "order_canceled", []]), "{kind}");
        shop.withdraw("tea-pot").await;
        let wish = body(&few, "tok_success");
        let (seen, _) = refusal(&router, &few.token, Some("d"), &wish).await;
        assert_eq!(
            seen,
            json!([409, "not_for_sale", [shop.pot.to_string()]]),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn what_the_shopper_was_shown_and_gave_is_checked_before_anything_is_written() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let cart = shop.cart(1).await;
        let view = shop.peers.carts.view(shop.tenant, &cart).await;
        let total = view.expect(kind).totals.total.amount;
        let mut cheaper = body(&cart, "tok_success");
        cheaper["expected_total"] = json!({ "amount": total - 1, "currency": "EUR" });
        let (seen, text) = refusal(&router, &cart.token, Some("a"), &cheaper).await;
        let fields = ["total.amount", "total.currency"];
        assert_eq!(seen, json!([409, "total_changed", fields]), "{kind}");
        assert!(text.contains(&format!("\"{total}\"")), "{kind}: {text}");
        let mut odd = body(&cart, "tok_success");
        odd["gift_cards"] = json!(["NO-SUCH-CARD"]);
        let (seen, text) = refusal(&router, &cart.token, Some("a"), &odd).await;
        let expected = json!([422, "gift_card_refused", ["gift_cards[0]"]]);
        assert_eq!(seen, expected, "{kind}: {text}");
        assert!(!text.contains("NO-SUCH-CARD"), "{kind}: {text}");
        odd["gift_cards"] = json!([4_111_111_111_111_111_u64]);
        let (seen, text) = refusal(&router, &cart.token, Some("a"), &odd).await;
        assert_eq!(
            seen,
            json!([422, "invalid_request", ["gift_cards"]]),
            "{kind}: {text}"
        );
        assert!(!text.contains("4111"), "{kind}: {text}");
        let neither = json!({ "payment": { "provider": "test", "token": "tok_success" } });
        let (seen, text) = refusal(&router, &cart.token, Some("a"), &neither).await;
        assert_eq!(
            seen,
            json!([422, "invalid_request", ["cart_id"]]),
            "{kind}: {text}"
        );
        assert_eq!(shop.orders_written().await, 0, "{kind}");
        cheaper["expected_total"]["amount"] = json!(total);
        let (status, answer, _) = post(&router, &cart.token, Some("a"), &cheaper).await;
        assert_eq!(status, 202, "{kind}: {answer}");
    }
}

#[tokio::test]
async fn whoever_must_wait_is_told_the_place_in_line_and_when_to_come_back() {
    for mut shop in Shop::everywhere().await {
        let kind = shop.kind;
        let config = Config {
            placements_per_item_max: 1,
            line_time_max: Duration::ZERO,
            ..Config::new([5; 32])
        };
        let (deps, peers) = (shop.deps.clone(), shop.peers.clone());
        let metrics = Metrics::new(deps.now());
        shop.checkout = stoa_checkout::start(deps, peers, config, &metrics);
        let router = router(&mut shop);
        let mut carts = Vec::new();
        for _ in 0..ON_HAND {
            carts.push(shop.cart(1).await);
        }
        let places = carts.iter().map(|cart| {
            let contract = shop.checkout.contract.clone();
            let request = shop.request(cart, "tok_success", "k");
            async move { contract.place(request).await }
        });
        let answers = join_all(places).await;
        let positions: Vec<u32> = answers
            .iter()
            .filter_map(|answer| match answer {
                Err(CheckoutError::InLine { position, .. }) => Some(*position),
                _ => None,
            })
            .collect();
        assert!(answers.iter().any(Result::is_ok), "{kind}");
        assert!(positions.contains(&1), "{kind}: {positions:?}");
        // As HTTP tells it, while the door is held.
        let held = carts.iter().map(|cart| {
            let wish = body(cart, "tok_success");
            let (router, token) = (router.clone(), cart.token.clone());
            async move { refusal_with_pause(&router, &token, &wish).await }
        });
        let told = join_all(held).await;
        let in_line = told.iter().find(|(status, ..)| *status == 429);
        let Some((_, problem, pause)) = in_line else {
            panic!("{kind}: {told:?}")
        };
        assert_eq!(problem["code"], "in_line", "{kind}");
        assert_eq!(problem["errors"][0]["field"], "position", "{kind}");
        assert_eq!(pause, "1", "{kind}");
    }
}

async fn refusal_with_pause(router: &Router, token: &str, body: &Value) -> (u16, Value, String) {
    let request = Request::post("/api/v1/checkouts")
        .header("host", "shop")
        .header("content-type", "application/json")
        .header("stoa-cart-token", token)
        .header("idempotency-key", "http")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let pause = response.headers().get("retry-after");
    let pause = pause.map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, json_of(response).await, pause.unwrap_or_default())
}

#[tokio::test]
async fn a_stream_tells_each_change_and_ends_with_the_outcome() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let cart = shop.cart(1).await;
        let (_, placed, url) =
            post(&router, &cart.token, Some("k"), &body(&cart, "tok_success")).await;
        let response = get(&router, "shop", &url, "text/event-stream").await;
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream",
            "{kind}"
        );
        let mut pieces = response.into_body().into_data_stream();
        let mut states = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = String::from_utf8(piece.unwrap().to_vec()).unwrap();
            let Some(data) = piece.strip_prefix("data: ") else {
                continue;
            };
            let status: Value = serde_json::from_str(data.trim()).unwrap();
            assert_eq!(status["order_id"], placed["order_id"], "{kind}");
            if states.is_empty() {
                // Only now, so that the stream has seen the beginning.
                shop.settle().await;
            }
            states.push(status["state"].as_str().unwrap().to_owned());
        }
        assert_eq!(
            states.first().map(String::as_str),
            Some("processing"),
            "{kind}"
        );
        assert_eq!(
            states.last().map(String::as_str),
            Some("paid"),
            "{kind}: {states:?}"
        );
    }
}
