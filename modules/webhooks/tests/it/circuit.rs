//! Endpoints that fail: opened, switched off, switched on again.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply};
use crate::support::{Shop, everywhere, time};

#[tokio::test]
async fn five_failures_open_the_circuit_and_a_success_closes_it() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will(vec![Reply::Status(500); 5]);
        shop.paid(1).await;
        for failures in 1..=5 {
            shop.work().await;
            let shown = shop.get(&endpoint).await;
            let circuit = if failures < 5 { "closed" } else { "open" };
            assert_eq!(
                (&shown["failures"], &shown["circuit"]),
                (&json!(failures), &json!(circuit)),
                "{}",
                cells.kind
            );
            if failures < 5 {
                let log = shop.deliveries(&endpoint).await;
                shop.advance_to(time(&log[0]["next_attempt_at"]));
            }
        }
        let probe = shop.now().plus(Duration::from_secs(15 * 60));
        let shown = shop.get(&endpoint).await;
        assert_eq!(time(&shown["next_probe_at"]), probe, "{}", cells.kind);

        // Staff who mended it need not wait: switching on starts afresh.
        let on = json!({ "active": true });
        let (status, shown) = shop.call(Method::PATCH, &endpoint, on).await;
        assert_eq!(
            (status, &shown["circuit"], &shown["next_probe_at"]),
            (200, &json!("closed"), &Value::Null)
        );
        shop.work().await;
        assert_eq!(receiver.got().len(), 6, "{}", cells.kind);
        let log = shop.deliveries(&endpoint).await;
        assert_eq!(log[0]["state"], json!("delivered"), "{}", cells.kind);
    }
}

#[tokio::test]
async fn gone_switches_the_endpoint_off_until_staff_switch_it_on() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will([Reply::Status(410)]);
        let gone = shop.paid(1).await;
        let waits = shop.paid(2).await;
        shop.work().await;
        let shown = shop.get(&endpoint).await;
        assert_eq!(
            (
                &shown["active"],
                &shown["circuit"],
                &shown["disabled_reason"]
            ),
            (&json!(false), &json!("disabled"), &json!("gone")),
            "{}",
            cells.kind
        );
        assert_eq!(time(&shown["disabled_at"]), shop.now(), "{}", cells.kind);
        shop.paid(3).await;
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
        let test = format!("{endpoint}/test");
        let (status, problem) = shop.post(&test, Value::Null).await;
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("webhook_inactive"))
        );
        // Another description does not switch it on.
        let words = json!({ "description": "old" });
        let (_, shown) = shop.call(Method::PATCH, &endpoint, words).await;
        assert_eq!(shown["disabled_reason"], json!("gone"), "{}", cells.kind);

        let on = json!({ "active": true });
        let (_, shown) = shop.call(Method::PATCH, &endpoint, on).await;
        assert_eq!(
            (&shown["circuit"], &shown["disabled_reason"]),
            (&json!("closed"), &Value::Null)
        );
        shop.work().await;
        receiver.assert_ids(&[&gone, &waits], cells.kind);
        let log = shop.deliveries(&endpoint).await;
        assert_eq!(log.len(), 2, "what happened while it was off is not kept");
        assert_eq!(log[1]["failure"], json!("gone"), "{}", cells.kind);
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_for_five_days_is_switched_off() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will(vec![Reply::Status(500); 200]);
        let began = shop.now();
        for order in 1..=7 {
            shop.paid(order).await;
        }
        let five_days = Duration::from_secs(5 * 24 * 3_600);
        // Nine attempts a day at most.
        for _ in 0..60 {
            shop.work().await;
            let shown = shop.get(&endpoint).await;
            if shown["active"] == json!(false) {
                break;
            }
            assert!(shop.now() < began.plus(five_days), "{}", cells.kind);
            let log = shop.deliveries(&endpoint).await;
            let waiting = log
                .iter()
                .rev()
                .find(|one| one["state"] == json!("pending"));
            let next = time(&waiting.expect("one waits")["next_attempt_at"]);
            let probe = shown["next_probe_at"].as_str();
            let probe = probe.map_or(next, |text| text.parse().expect("a time"));
            shop.advance_to(next.max(probe));
        }
        let shown = shop.get(&endpoint).await;
        assert_eq!(shown["disabled_reason"], json!("failing"), "{}", cells.kind);
        assert!(shop.now() >= began.plus(five_days), "{}", cells.kind);
        let before = receiver.got().len();
        shop.advance(Duration::from_secs(24 * 3_600));
        shop.recurring("webhooks.sweep").await;
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
        assert_eq!(receiver.got().len(), before, "{}", cells.kind);
    }
}
