//! What each token leads to, and what callers get wrong.

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

use crate::caller::{Caller, intent_body, read};

#[tokio::test]
async fn success_charges_on_confirm_and_not_before() {
    let caller = Caller::new();
    let id = caller.prepare("tok_success", "k1").await;
    assert_eq!(caller.intent(&id).await["status"], "requires_confirmation");
    assert_eq!(caller.charges().await.len(), 0);

    let (status, intent) = caller.confirm(&id).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["captured"], 2500);
    let charges = caller.charges().await;
    assert_eq!(
        charges,
        [json!({
            "id": intent["charge_id"], "intent": id, "amount": 2500, "refunded": 0,
            "currency": "EUR", "order_id": "order-k1", "attempt_id": "pay-1",
            "created_at": "2026-01-01T00:00:00Z",
        })]
    );
    assert!(charges[0]["id"].as_str().unwrap().starts_with("ch_"));
}

#[tokio::test]
async fn decline_says_why_and_charges_nothing() {
    let caller = Caller::new();
    let id = caller.prepare("tok_decline", "k1").await;
    for _ in 0..2 {
        let (status, intent) = caller.confirm(&id).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(intent["status"], "declined");
        assert_eq!(intent["decline_code"], "insufficient_funds");
    }
    assert_eq!(caller.charges().await.len(), 0);
}

#[tokio::test]
async fn delay_is_processing_until_its_time_and_then_charged() {
    let caller = Caller::new();
    let id = caller.prepare("tok_delay", "k1").await;
    let (_, intent) = caller.confirm(&id).await;
    assert_eq!(intent["status"], "processing");
    assert_eq!(intent["completes_at"], "2026-01-01T00:00:01.5Z");
    caller.clock.turn(Duration::from_micros(1_499_999));
    assert_eq!(caller.intent(&id).await["status"], "processing");
    assert_eq!(caller.charges().await.len(), 0);

    // A restart in between must not move the time at which it completes.
    let caller = caller.reopen();
    caller.clock.turn(Duration::from_micros(1));
    assert_eq!(caller.intent(&id).await["status"], "succeeded");
    let charges = caller.charges().await;
    assert_eq!(charges.len(), 1);
    assert_eq!(charges[0]["created_at"], "2026-01-01T00:00:01.5Z");
}

#[tokio::test]
async fn timeout_charges_then_leaves_its_caller_and_answers_a_second_confirm() {
    let caller = Caller::new();
    let id = caller.prepare("tok_timeout_after_charge", "k1").await;
    let (status, _) = caller.confirm(&id).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    let (status, intent) = caller.confirm(&id).await;
    assert_eq!(
        (status, &intent["status"]),
        (StatusCode::OK, &json!("succeeded"))
    );
    assert_eq!(caller.charges().await.len(), 1);
}

#[tokio::test]
async fn an_unknown_token_is_refused_by_field_and_never_repeated() {
    let caller = Caller::new();
    let body = intent_body("4242424242424242", "k1");
    let (status, error) = caller.post("/v1/intents", &body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(error["error"]["code"], "unknown_token");
    assert_eq!(error["error"]["field"], "token");
    assert!(!error.to_string().contains("4242"), "{error}");
    assert!(
        !std::fs::read_to_string(caller.path())
            .unwrap()
            .contains("4242")
    );
}

#[tokio::test]
async fn bad_fields_are_named() {
    let caller = Caller::new();
    let cases = [
        ("amount", json!(0), "amount"),
        ("currency", json!("euro"), "currency"),
        ("account", json!(""), "account"),
        ("idempotency_key", json!("x".repeat(256)), "idempotency_key"),
        ("metadata", json!({ "order_id": "o" }), "metadata"),
        ("return_url", json!("javascript:alert(1)"), "return_url"),
    ];
    for (name, value, field) in cases {
        let mut body = intent_body("tok_success", "k1");
        body[name] = value;
        let (status, error) = caller.post("/v1/intents", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: {error}");
        assert_eq!(error["error"]["field"], field, "{error}");
    }
    let mut body = intent_body("tok_success", "k1");
    body.as_object_mut().unwrap().remove("amount");
    let (status, error) = caller.post("/v1/intents", &body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("missing field `amount`")
    );
}

#[tokio::test]
async fn nothing_is_answered_without_the_key() {
    let caller = Caller::new();
    for value in [
        None,
        Some("Bearer wrong"),
        Some("Bearer "),
        Some("provider-key"),
    ] {
        let mut request = Request::get("/v1/charges?account=ten_a");
        if let Some(value) = value {
            request = request.header("authorization", value);
        }
        let (status, error) = read(caller.send(request.body(Body::empty()).unwrap()).await).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{value:?}");
        assert_eq!(error["error"]["code"], "unauthorized");
    }
    let health = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(caller.send(health).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_routes_and_methods_out_of_bounds_are_json_errors() {
    let caller = Caller::new();
    let mut body = intent_body("tok_success", "k1");
    body["account"] = json!("x".repeat(70_000));
    let (status, error) = caller.post("/v1/intents", &body).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_long"))
    );
    let (status, error) = caller.get("/v1/nothing").await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("unknown_route"))
    );
    let (status, error) = caller.post("/v1/charges", &json!({})).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed"))
    );
    let (status, error) = caller.get("/v1/intents/pi_nothing").await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("unknown_intent"))
    );
    let (status, error) = caller.get("/v1/charges?account=ten_a&limit=251").await;
    assert_eq!(
        (status, &error["error"]["field"]),
        (StatusCode::BAD_REQUEST, &json!("limit"))
    );
}

#[tokio::test]
async fn later_capture_holds_the_money_until_it_is_captured() {
    let caller = Caller::new();
    let id = caller.prepare("tok_capture_later", "k1").await;
    let (_, intent) = caller.confirm(&id).await;
    assert_eq!(intent["status"], "requires_capture");
    assert_eq!(caller.charges().await.len(), 0);
    let body = json!({ "amount": 1000, "idempotency_key": "c1" });
    let (status, intent) = caller
        .post(&format!("/v1/intents/{id}/capture"), &body)
        .await;
    assert_eq!(
        (status, &intent["captured"]),
        (StatusCode::OK, &json!(1000))
    );
    assert_eq!(caller.charges().await[0]["amount"], 1000);
}

#[tokio::test]
async fn refund_tokens_leave_a_caller_waiting_or_refuse() {
    let caller = Caller::new();
    let id = caller.prepare("tok_refund_timeout", "k1").await;
    caller.confirm(&id).await;
    let path = format!("/v1/intents/{id}/refund");
    let body = json!({ "amount": 700, "idempotency_key": "r1", "metadata": { "refund_id": "r1" } });
    assert_eq!(
        caller.post(&path, &body).await.0,
        StatusCode::GATEWAY_TIMEOUT
    );
    assert_eq!(caller.intent(&id).await["refunded"], 700);
    let (status, again) = caller.post(&path, &body).await;
    assert_eq!((status, &again["amount"]), (StatusCode::OK, &json!(700)));

    let id = caller.prepare("tok_refund_decline", "k2").await;
    caller.confirm(&id).await;
    let (status, error) = caller
        .post(&format!("/v1/intents/{id}/refund"), &body)
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(error["error"]["code"], "refund_refused");
}
