//! What a receiver sees: headers, body and signatures, checked with an HMAC written for this test.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::receiver::{Got, Receiver};
use crate::support::{Shop, everywhere};

/// RFC 2104, from its text.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner);
    outer.finalize().to_vec()
}

fn signature(secret: &str, id: &str, seconds: &str, body: &str) -> String {
    let key = secret.strip_prefix("whsec_").expect("the prefix");
    let key = STANDARD.decode(key).expect("base64");
    let message = format!("{id}.{seconds}.{body}");
    format!(
        "v1,{}",
        STANDARD.encode(hmac_sha256(&key, message.as_bytes()))
    )
}

fn expected(secret: &str, got: &Got) -> String {
    let (id, seconds) = (got.header("webhook-id"), got.header("webhook-timestamp"));
    signature(secret, id, seconds, &got.body)
}

#[test]
fn the_verifier_of_these_tests_agrees_with_the_standard() {
    let made = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        r#"{"test": 2432232314}"#,
    );
    assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn a_fact_arrives_signed_with_its_event_id() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, secret) = shop.endpoint(&receiver.url()).await;
        let event = shop.paid(7).await;
        shop.work().await;

        let got = receiver.got();
        assert_eq!(got.len(), 1, "{}", cells.kind);
        assert!(got[0].head.starts_with("POST /hook?key=1 HTTP/1.1\r\n"));
        assert_eq!(got[0].header("host"), receiver.address.to_string());
        assert_eq!(got[0].header("content-type"), "application/json");
        assert_eq!(got[0].header("webhook-id"), event);
        let seconds = (shop.now().micros() / 1_000_000).to_string();
        assert_eq!(got[0].header("webhook-timestamp"), seconds);
        let signed = got[0].header("webhook-signature");
        assert_eq!(signed, expected(&secret, &got[0]), "{}", cells.kind);
        assert_eq!(
            got[0].json(),
            json!({
                "type": "orders.paid.v1",
                "timestamp": shop.now().to_string(),
                "data": {
                    "order": "order_00000000000000000000000007",
                    "number": 1_001,
                    "attempt": "pay_00000000000000000000000001",
                    "total": { "amount": 1_190, "currency": "EUR" },
                    "test": true,
                },
            })
        );
        let deliveries = shop.deliveries(&endpoint).await;
        assert_eq!(deliveries.len(), 1, "{}", cells.kind);
        let (delivery, attempt) = (&deliveries[0], &deliveries[0]["attempts"][0]);
        assert_eq!(
            (&delivery["state"], &delivery["event_id"]),
            (&json!("delivered"), &json!(event))
        );
        assert_eq!(
            (&attempt["number"], &attempt["status"], &attempt["answer"]),
            (&json!(1), &json!(200), &json!("ok"))
        );
        // Nothing is left to do, and hearing the fact again changes nothing.
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_new_one_for_a_day() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, first) = shop.endpoint(&receiver.url()).await;
        let rotate = format!("{endpoint}/rotate");
        let (status, rotated) = shop.post(&rotate, Value::Null).await;
        assert_eq!(status, 200, "{}", cells.kind);
        let second = rotated["secret"].as_str().expect("a secret").to_owned();
        assert_ne!(first, second);
        let until = shop.now().plus(Duration::from_secs(24 * 3_600));
        assert_eq!(rotated["old_secret_valid_until"], json!(until.to_string()));

        shop.advance(Duration::from_micros(24 * 3_600 * 1_000_000 - 1));
        shop.paid(1).await;
        shop.work().await;
        shop.advance(Duration::from_micros(1));
        shop.paid(2).await;
        shop.work().await;
        let got = receiver.got();
        let both = format!(
            "{} {}",
            expected(&second, &got[0]),
            expected(&first, &got[0])
        );
        assert_eq!(got[0].header("webhook-signature"), both, "{}", cells.kind);
        let one = expected(&second, &got[1]);
        assert_eq!(got[1].header("webhook-signature"), one, "{}", cells.kind);

        // What is over is forgotten, and no answer ever shows a secret again.
        shop.recurring("webhooks.retention").await;
        let shown = shop.get(&endpoint).await;
        assert_eq!(shown["old_secret_valid_until"], Value::Null);
        assert!(!shown.to_string().contains("whsec_"), "{shown}");
        assert!(
            !shop
                .get(crate::support::ALL)
                .await
                .to_string()
                .contains("whsec_")
        );
    }
}
