//! The page where a shopper approves or rejects.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

use crate::caller::{Caller, intent_body, read};

const BACK: &str = "http://demo.localhost:8080/orders/1?sig=a&b=1";

async fn waiting(caller: &Caller, return_url: Option<&str>) -> String {
    let mut body = intent_body("tok_3ds", "k1");
    body["return_url"] = json!(return_url);
    body["metadata"]["order_id"] = json!("<b>order</b>");
    let (_, intent) = caller.post("/v1/intents", &body).await;
    let id = intent["id"].as_str().unwrap().to_owned();
    let (_, intent) = caller.confirm(&id).await;
    assert_eq!(intent["status"], "requires_action");
    assert_eq!(
        intent["next_action_url"],
        format!("http://127.0.0.1:9000/3ds/{id}")
    );
    id
}

fn press(id: &str, decision: &str) -> Request<Body> {
    Request::post(format!("/3ds/{id}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("decision={decision}")))
        .unwrap()
}

#[tokio::test]
async fn approving_charges_once_and_returns_to_the_shop() {
    let caller = Caller::new();
    let id = waiting(&caller, Some(BACK)).await;
    assert_eq!(caller.charges().await.len(), 0);
    for decision in ["approve", "reject"] {
        let response = caller.send(press(&id, decision)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()["location"], BACK);
    }
    assert_eq!(caller.intent(&id).await["status"], "succeeded");
    assert_eq!(caller.charges().await.len(), 1);
}

#[tokio::test]
async fn rejecting_declines_and_shows_the_result_where_there_is_no_shop_to_return_to() {
    let caller = Caller::new();
    let id = waiting(&caller, None).await;
    let (status, html) = read(caller.send(press(&id, "reject")).await).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        html.as_str()
            .unwrap()
            .contains("This payment was rejected. Nothing was charged.")
    );
    let intent = caller.intent(&id).await;
    assert_eq!(intent["decline_code"], "authentication_failed");
    assert_eq!(caller.charges().await.len(), 0);
}

#[tokio::test]
async fn the_page_asks_without_scripts_and_escapes_what_it_was_told() {
    let caller = Caller::new();
    let id = waiting(&caller, Some(BACK)).await;
    let request = Request::get(format!("/3ds/{id}"))
        .body(Body::empty())
        .unwrap();
    let response = caller.send(request).await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("form-action 'self' http://demo.localhost:8080;"),
        "{policy}"
    );
    let (status, html) = read(response).await;
    let html = html.as_str().unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("25.00 <span>EUR</span>"), "{html}");
    assert!(html.contains("Order &lt;b&gt;order&lt;/b&gt;"), "{html}");
    assert!(html.contains("value=\"approve\"") && html.contains("value=\"reject\""));
    assert!(!html.contains("<script"));
}

#[tokio::test]
async fn strangers_and_unclear_answers_change_nothing() {
    let caller = Caller::new();
    let id = waiting(&caller, Some(BACK)).await;
    let response = caller.send(press(&id, "perhaps")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let unknown = "pi_01HF7YAT00000000000000001A";
    assert_eq!(
        caller.send(press(unknown, "approve")).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(caller.intent(&id).await["status"], "requires_action");
    // The button does nothing for payments that ask for no action.
    let plain = caller.prepare("tok_success", "k2").await;
    caller.send(press(&plain, "approve")).await;
    assert_eq!(
        caller.intent(&plain).await["status"],
        "requires_confirmation"
    );
    assert_eq!(caller.charges().await.len(), 0);
}
