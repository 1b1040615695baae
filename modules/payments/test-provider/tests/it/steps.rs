//! Idempotency, capture, void, refund, and the lists.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::caller::{Caller, intent_body};

async fn step(caller: &Caller, id: &str, name: &str, body: Value) -> (StatusCode, Value) {
    caller
        .post(&format!("/v1/intents/{id}/{name}"), &body)
        .await
}

#[tokio::test]
async fn a_repeated_prepare_gives_the_same_intent_and_another_body_is_refused() {
    let caller = Caller::new();
    let body = intent_body("tok_success", "k1");
    let (_, first) = caller.post("/v1/intents", &body).await;
    caller.confirm(first["id"].as_str().unwrap()).await;
    let (status, again) = caller.post("/v1/intents", &body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        (&again["id"], &again["status"]),
        (&first["id"], &json!("succeeded"))
    );

    let mut other = body.clone();
    other["amount"] = json!(2501);
    let (status, error) = caller.post("/v1/intents", &other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(error["error"]["code"], "idempotency_key_reused");

    // Keys belong to an account.
    other["account"] = json!("ten_b");
    let (status, stranger) = caller.post("/v1/intents", &other).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(stranger["id"], first["id"]);
}

#[tokio::test]
async fn a_voided_intent_can_never_be_charged() {
    let caller = Caller::new();
    let id = caller.prepare("tok_success", "k1").await;
    for _ in 0..2 {
        let (status, intent) = step(&caller, &id, "void", json!({ "idempotency_key": "v" })).await;
        assert_eq!(
            (status, &intent["status"]),
            (StatusCode::OK, &json!("voided"))
        );
    }
    let (status, error) = caller.confirm(&id).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::CONFLICT, &json!("voided"))
    );
    assert_eq!(caller.charges().await.len(), 0);

    let charged = caller.prepare("tok_success", "k2").await;
    caller.confirm(&charged).await;
    let (status, error) = step(&caller, &charged, "void", json!({ "idempotency_key": "v" })).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::CONFLICT, &json!("not_now"))
    );
    assert_eq!(error["error"]["status"], "succeeded");
}

#[tokio::test]
async fn refunds_never_exceed_what_was_taken() {
    let caller = Caller::new();
    let id = caller.prepare("tok_success", "k1").await;
    let asked = |amount: i64, key: &str| json!({ "amount": amount, "idempotency_key": key, "metadata": { "refund_id": key } });
    let (status, error) = step(&caller, &id, "refund", asked(1, "r0")).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::CONFLICT, &json!("not_now"))
    );
    caller.confirm(&id).await;

    let (status, first) = step(&caller, &id, "refund", asked(1000, "r1")).await;
    assert_eq!((status, &first["amount"]), (StatusCode::OK, &json!(1000)));
    let (_, again) = step(&caller, &id, "refund", asked(1000, "r1")).await;
    assert_eq!(again, first);
    let (status, _) = step(&caller, &id, "refund", asked(999, "r1")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, error) = step(&caller, &id, "refund", asked(1501, "r2")).await;
    assert_eq!(
        (status, &error["error"]["left"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!(1500))
    );

    // Without an amount: all that is left. The intent lists its refunds with their metadata.
    let rest = json!({ "idempotency_key": "r3", "metadata": { "refund_id": "r3" } });
    let (_, second) = step(&caller, &id, "refund", rest).await;
    assert_eq!(second["amount"], 1500);
    let intent = caller.intent(&id).await;
    assert_eq!(intent["refunded"], 2500);
    let metadata: Vec<_> = intent["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| &refund["metadata"])
        .collect();
    assert_eq!(
        metadata,
        [&json!({ "refund_id": "r1" }), &json!({ "refund_id": "r3" })]
    );
    assert_eq!(caller.charges().await[0]["refunded"], 2500);
    let (status, _) = step(&caller, &id, "refund", asked(1, "r4")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_manual_payment_is_held_until_it_is_captured_once() {
    let caller = Caller::new();
    let mut body = intent_body("tok_success", "k1");
    body["capture_method"] = json!("manual");
    let (_, intent) = caller.post("/v1/intents", &body).await;
    let id = intent["id"].as_str().unwrap();
    let (_, held) = caller.confirm(id).await;
    assert_eq!(
        (&held["status"], &held["captured"]),
        (&json!("requires_capture"), &json!(0))
    );
    assert_eq!(caller.charges().await.len(), 0);

    let capture = |amount: i64, key: &str| json!({ "amount": amount, "idempotency_key": key });
    let (status, error) = step(&caller, id, "capture", capture(2501, "x")).await;
    assert_eq!(
        (status, &error["error"]["left"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!(2500))
    );
    for _ in 0..2 {
        let (status, taken) = step(&caller, id, "capture", capture(2000, "x")).await;
        assert_eq!((status, &taken["captured"]), (StatusCode::OK, &json!(2000)));
    }
    let (status, _) = step(&caller, id, "capture", capture(500, "y")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let charges = caller.charges().await;
    assert_eq!((charges.len(), &charges[0]["amount"]), (1, &json!(2000)));
}

#[tokio::test]
async fn an_account_sees_only_its_own() {
    let caller = Caller::new();
    let id = caller.prepare("tok_success", "k1").await;
    caller.confirm(&id).await;
    let (_, own) = caller
        .get("/v1/intents?account=ten_a&order_id=order-k1")
        .await;
    assert_eq!(own["data"][0]["id"], id.as_str());
    let (_, other) = caller
        .get("/v1/intents?account=ten_b&order_id=order-k1")
        .await;
    assert_eq!(other["data"], json!([]));
    let (_, other) = caller.get("/v1/charges?account=ten_b").await;
    assert_eq!(other["data"], json!([]));
    let (status, _) = caller.get(&format!("/v1/intents/{id}?account=ten_b")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let refund = json!({ "idempotency_key": "r" });
    let (status, _) = step(&caller, &id, "refund?account=ten_b", refund).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reader_that_follows_the_charges_misses_none() {
    let caller = Caller::new();
    let mut ids = Vec::new();
    for (index, token) in ["tok_success", "tok_delay", "tok_success"]
        .into_iter()
        .enumerate()
    {
        let id = caller.prepare(token, &format!("k{index}")).await;
        caller.confirm(&id).await;
        ids.push(id);
    }
    let (_, page) = caller.get("/v1/charges?account=ten_a&limit=1").await;
    assert_eq!(
        (&page["data"][0]["intent"], &page["has_more"]),
        (&json!(ids[0]), &json!(true))
    );
    let after = page["data"][0]["id"].as_str().unwrap().to_owned();
    let (_, page) = caller
        .get(&format!("/v1/charges?account=ten_a&after={after}"))
        .await;
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let after = page["data"][0]["id"].as_str().unwrap().to_owned();

    // The clock runs back, a new charge comes, and the delayed one completes: both lie ahead.
    caller.clock.turn_back(Duration::from_secs(60));
    let late = caller.prepare("tok_success", "k9").await;
    caller.confirm(&late).await;
    caller.clock.turn(Duration::from_secs(120));
    let (_, page) = caller
        .get(&format!("/v1/charges?account=ten_a&after={after}"))
        .await;
    let seen: Vec<_> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|charge| &charge["intent"])
        .collect();
    assert_eq!(seen, [&json!(late), &json!(ids[1])]);

    let (status, error) = caller
        .get(&format!("/v1/charges?account=ten_b&after={after}"))
        .await;
    assert_eq!((status, &error["data"]), (StatusCode::OK, &json!([])));
}
