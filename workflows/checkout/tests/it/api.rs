//! Checkouts over HTTP: codes, headers, links and streams.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use stoa_contracts::cart::CartKey;
use stoa_rest::{
    Caller, Credential, Gate, Problem, RequestTenant, RouterConfig, Routes, TenantInfo,
};
use stoa_storage::Storage;
use tower::ServiceExt as _;

use crate::shop::Shop;

/// Hosts are slugs; everybody is a shopper.
struct OpenGate(Storage);

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
        Ok(Caller::Anonymous)
    }
}

fn router(shop: &mut Shop) -> Router {
    let gate = Arc::new(OpenGate(shop.deps.storage.clone()));
    let config = RouterConfig::new(shop.metrics.clone(), shop.deps.ids.clone());
    let routes = std::mem::replace(&mut shop.checkout.routes, Routes::new("taken"));
    routes.into_router(gate, config)
}

async fn get(router: &Router, host: &str, path: &str, accept: &str) -> Response {
    let request = Request::get(path)
        .header("host", host)
        .header("accept", accept);
    router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn json_of(response: Response) -> Value {
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

#[tokio::test]
async fn refusals_have_codes_and_name_fields() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let cart = shop.cart(1).await;
        let wish = body(&cart, "tok_success");
        let check = async |token: &str, key: Option<&str>, body: &Value, expected: Value| {
            let (status, problem, _) = post(&router, token, key, body).await;
            let fields: Vec<Value> = problem["errors"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|error| error["field"].clone())
                .collect();
            assert_eq!(
                json!([status, problem["code"], fields]),
                expected,
                "{kind}: {problem}"
            );
            problem.to_string()
        };
        check(
            &cart.token,
            None,
            &wish,
            json!([400, "idempotency_key_missing", []]),
        )
        .await;
        check("wrong", Some("k"), &wish, json!([404, "not_found", []])).await;
        let card = "4111111111111111";
        let expected = json!([422, "invalid_request", ["payment.token"]]);
        for token in [
            json!(card),
            json!(4_111_111_111_111_111_u64),
            json!("tok_"),
            json!(null),
        ] {
            let mut wish = wish.clone();
            wish["payment"]["token"] = token;
            let text = check(&cart.token, Some("k"), &wish, expected.clone()).await;
            assert!(!text.contains("4111"), "{kind}: {text}");
        }
        let mut odd = wish.clone();
        odd["payment"]["provider"] = json!(4_111_111_111_111_111_u64);
        let expected = json!([422, "invalid_request", ["payment.provider"]]);
        let text = check(&cart.token, Some("k"), &odd, expected.clone()).await;
        assert!(!text.contains("4111"), "{kind}: {text}");
        odd["payment"]["provider"] = json!("stripe");
        check(&cart.token, Some("k"), &odd, expected).await;
        odd["payment"] = json!({ "provider": "test", "token": "tok_success", "card_number": card });
        let expected = json!([422, "invalid_request", ["payment.card_number"]]);
        let text = check(&cart.token, Some("k"), &odd, expected).await;
        assert!(!text.contains("4111"), "{kind}: {text}");

        let empty = shop.empty_cart().await;
        let expected = json!([422, "cart_incomplete", ["lines"]]);
        check(
            &empty.token,
            Some("k"),
            &body(&empty, "tok_success"),
            expected,
        )
        .await;
        let (many, few) = (shop.cart(10).await, shop.cart(1).await);
        assert_eq!(
            post(&router, &many.token, Some("a"), &body(&many, "tok_3ds"))
                .await
                .0,
            202
        );
        let expected = json!([409, "out_of_stock", [shop.pot.to_string()]]);
        let text = check(&few.token, Some("b"), &body(&few, "tok_success"), expected).await;
        assert!(text.contains("asked 1, available 0"), "{kind}: {text}");
        let expected = json!([422, "idempotency_key_reused", []]);
        check(
            &many.token,
            Some("a"),
            &body(&many, "tok_success"),
            expected,
        )
        .await;
        shop.settle().await;
        let expected = json!([409, "order_canceled", []]);
        check(
            &many.token,
            Some("c"),
            &body(&many, "tok_success"),
            expected,
        )
        .await;
    }
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
