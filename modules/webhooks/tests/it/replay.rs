//! Sending again: one delivery, a range, a test, one that waits.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_storage::Tx;

use crate::receiver::{Receiver, Reply};
use crate::support::{Shop, everywhere};

#[tokio::test]
async fn a_replay_sends_the_same_event_after_those_that_wait() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        let first = shop.paid(1).await;
        shop.work().await;
        let second = shop.paid(2).await;
        let log = shop.deliveries(&endpoint).await;
        let id = log[1]["id"].as_str().expect("an id");
        let path = format!("{endpoint}/deliveries/{id}/replay");
        let (status, again) = shop.post(&path, Value::Null).await;
        assert_eq!(
            (
                status,
                &again["replay_of"],
                &again["event_id"],
                &again["state"]
            ),
            (202, &json!(id), &json!(first), &json!("pending")),
            "{}",
            cells.kind
        );
        shop.work().await;
        receiver.assert_ids(&[&first, &second, &first], cells.kind);
        let got = receiver.got();
        assert_eq!(got[0].body, got[2].body, "the very same words");

        let again = again["id"].as_str().expect("an id");
        let detail = shop.get(&format!("{endpoint}/deliveries/{again}")).await;
        assert_eq!(detail["payload"], got[0].json(), "{}", cells.kind);
        assert_eq!(detail["state"], json!("delivered"), "{}", cells.kind);
    }
}

#[tokio::test]
async fn replaying_one_that_waits_tries_now_instead_of_doubling_it() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        receiver.will([Reply::Status(500)]);
        let event = shop.paid(1).await;
        shop.work().await;
        assert_eq!(shop.work().await, 0, "it waits");
        let log = shop.deliveries(&endpoint).await;
        let id = log[0]["id"].as_str().expect("an id");
        let path = format!("{endpoint}/deliveries/{id}/replay");
        let (status, same) = shop.post(&path, Value::Null).await;
        assert_eq!((status, &same["id"]), (202, &json!(id)), "{}", cells.kind);
        shop.work().await;
        receiver.assert_ids(&[&event, &event], cells.kind);
        assert_eq!(shop.deliveries(&endpoint).await.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_range_is_replayed_in_order_page_by_page() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        shop.paid(0).await;
        shop.work().await;
        shop.advance(Duration::from_secs(1));
        let from = shop.now();
        // Ten hundreds would be slow to make one by one: 251 is one more than a page.
        let mut events = Vec::new();
        for order in 1..=251 {
            events.push(shop.paid(order).await);
        }
        shop.work().await;
        shop.advance(Duration::from_secs(1));
        let until = shop.now();
        shop.paid(1_000).await;
        shop.work().await;

        let path = format!("{endpoint}/replay");
        let body = json!({ "from": from, "until": until });
        let (status, page) = shop.post(&path, body).await;
        assert_eq!((status, &page["replayed"]), (202, &json!(250)), "{page}");
        let rest = json!({ "from": from, "until": until, "cursor": page["cursor"] });
        let (_, page) = shop.post(&path, rest).await;
        assert_eq!(page, json!({ "replayed": 1, "cursor": null }));
        shop.work().await;
        let ids = receiver.ids();
        assert_eq!(ids.len(), 1 + 251 + 1 + 251, "{}", cells.kind);
        assert_eq!(ids[253..], events, "{}", cells.kind);

        let failed = json!({ "from": from, "until": until, "state": "failed" });
        let (_, none) = shop.post(&path, failed).await;
        assert_eq!(none["replayed"], json!(0), "{}", cells.kind);
        let wrong = json!({ "from": from, "until": until, "cursor": "x" });
        assert_eq!(shop.post(&path, wrong).await.0, 400, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_replay_behind_too_many_that_wait_is_refused() {
    const MANY: &str = "UPDATE webhooks_endpoint SET last_position = last_position + 100000 \
         WHERE tenant_id = :tenant";
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        let from = shop.now();
        shop.paid(1).await;
        shop.work().await;
        let id = shop.deliveries(&endpoint).await[0]["id"].clone();
        shop.paid(2).await;
        shop.advance(Duration::from_secs(1));
        let tenant = cells.storage().tenant_by_slug("acme").await;
        let tenant = tenant.expect(cells.kind).expect("the shop").id;
        let db = cells.db(tenant).await;
        let raised = db
            .write(async |tx: &mut Tx<'_>| tx.execute(MANY, &[]).await)
            .await;
        assert_eq!(raised.expect(cells.kind), 1);

        let one = format!(
            "{endpoint}/deliveries/{}/replay",
            id.as_str().expect("an id")
        );
        let all = format!("{endpoint}/replay");
        let range = json!({ "from": from, "until": shop.now() });
        for (path, body) in [(&one, Value::Null), (&all, range)] {
            let (status, refused) = shop.post(path, body).await;
            let told = (status, &refused["code"]);
            assert_eq!(told, (503, &json!("too_busy")), "{}: {path}", cells.kind);
        }
        assert_eq!(shop.deliveries(&endpoint).await.len(), 2, "{}", cells.kind);
        shop.work().await;
        let (status, _) = shop.post(&one, Value::Null).await;
        assert_eq!(status, 202, "{}: the way is free", cells.kind);
    }
}

#[tokio::test]
async fn a_test_event_takes_its_turn() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        let first = shop.paid(1).await;
        let path = format!("{endpoint}/test");
        let (status, test) = shop.post(&path, Value::Null).await;
        assert_eq!(
            (status, &test["type"]),
            (202, &json!("webhooks.test.v1")),
            "{}",
            cells.kind
        );
        shop.work().await;
        let event = test["event_id"].as_str().expect("an id").to_owned();
        assert_eq!(receiver.ids(), [first, event], "{}", cells.kind);
        let id = endpoint.rsplit('/').next().expect("an id");
        assert_eq!(receiver.got()[1].json()["data"], json!({ "endpoint": id }));
    }
}
