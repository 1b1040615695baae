//! The routes: what they take and refuse, who may call them, how far lists go.

use http::Method;
use serde_json::{Value, json};
use stoa_contracts::inventory::StockLow;
use stoa_kernel::VariantId;

use crate::receiver::{Receiver, Reply};
use crate::support::{ALL, Shop, everywhere};

#[tokio::test]
async fn an_endpoint_hears_what_it_subscribed_to() {
    for cells in everywhere().await {
        let (orders, stock) = (Receiver::start().await, Receiver::start().await);
        let shop = Shop::open(&cells, "acme").await;
        for (receiver, subject) in [(&orders, "orders.*"), (&stock, "inventory.low.v1")] {
            let body = json!({ "url": receiver.url(), "subjects": [subject] });
            assert_eq!(shop.post(ALL, body).await.0, 201, "{}", cells.kind);
        }
        shop.paid(1).await;
        let low = StockLow {
            variant: VariantId::from_u128(1),
            available: 2,
            threshold: 3,
        };
        let event = shop.emit(low).await;
        shop.hear(&event).await;
        // A second delivery of the same event writes nothing.
        shop.hear(&event).await;
        shop.work().await;
        let types = |receiver: &Receiver| -> Vec<String> {
            let got = receiver.got();
            got.iter()
                .map(|got| got.json()["type"].to_string())
                .collect()
        };
        assert_eq!(types(&orders), ["\"orders.paid.v1\""], "{}", cells.kind);
        assert_eq!(types(&stock), ["\"inventory.low.v1\""], "{}", cells.kind);
    }
}

#[tokio::test]
async fn changes_keep_what_they_do_not_name() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint("https://example.com/hook").await;
        let change = json!({ "subjects": ["cart.*"], "description": "carts" });
        let (status, changed) = shop.call(Method::PATCH, &endpoint, change).await;
        assert_eq!(
            (
                status,
                &changed["subjects"],
                &changed["description"],
                &changed["url"]
            ),
            (
                200,
                &json!(["cart.*"]),
                &json!("carts"),
                &json!("https://example.com/hook")
            ),
            "{}",
            cells.kind
        );
        assert_eq!(shop.get(&endpoint).await, changed, "{}", cells.kind);
        let off = json!({ "active": false });
        let (_, changed) = shop.call(Method::PATCH, &endpoint, off).await;
        assert_eq!(
            (&changed["active"], &changed["circuit"]),
            (&json!(false), &json!("closed"))
        );
        for (change, field) in [
            (json!({ "url": "http://example.com" }), "url"),
            (
                json!({ "subjects": ["orders.*", "nothing.*"] }),
                "subjects[1]",
            ),
            (json!({ "subjects": [] }), "subjects[0]"),
            (json!({ "description": "x".repeat(501) }), "description"),
            (json!({ "secret": "mine" }), "secret"),
        ] {
            let (status, problem) = shop.call(Method::PATCH, &endpoint, change).await;
            assert_eq!(
                (status, &problem["errors"][0]["field"]),
                (422, &json!(field)),
                "{}",
                cells.kind
            );
        }
    }
}

#[tokio::test]
async fn a_shop_has_at_most_fifty_endpoints_however_many_are_made_at_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let body = json!({ "url": "https://example.com/", "subjects": ["*"] });
        let mut first = String::new();
        for _ in 0..45 {
            let (status, made) = shop.post(ALL, body.clone()).await;
            assert_eq!(status, 201, "{}", cells.kind);
            first = made["id"].as_str().expect("an id").to_owned();
        }
        let (shop_ref, body_ref) = (&shop, &body);
        let post = || async move { shop_ref.post(ALL, body_ref.clone()).await.0 };
        let (a, b, c, d, e, f, g, h) = tokio::join!(
            post(),
            post(),
            post(),
            post(),
            post(),
            post(),
            post(),
            post()
        );
        let made = [a, b, c, d, e, f, g, h];
        let count = |wanted: u16| made.iter().filter(|&&status| status == wanted).count();
        assert_eq!((count(201), count(409)), (5, 3), "{}", cells.kind);
        let (status, problem) = shop.post(ALL, body.clone()).await;
        assert_eq!((status, &problem["code"]), (409, &json!("webhook_limit")));
        // A deleted one makes room at once.
        let path = format!("{ALL}/{first}");
        assert_eq!(shop.call(Method::DELETE, &path, Value::Null).await.0, 204);
        assert_eq!(shop.post(ALL, body.clone()).await.0, 201, "{}", cells.kind);
        let listed = shop.get(ALL).await;
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(50));
    }
}

#[tokio::test]
async fn the_log_is_paged_and_filtered() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        for order in 1..=3 {
            shop.paid(order).await;
        }
        shop.work().await;
        receiver.will([Reply::Status(500)]);
        let last = shop.paid(4).await;
        shop.work().await;
        let path = format!("{endpoint}/deliveries?limit=2");
        let page = shop.get(&path).await;
        assert_eq!(page["data"][0]["event_id"], json!(last), "{}", cells.kind);
        assert_eq!(page["pagination"]["has_more"], json!(true));
        let cursor = page["pagination"]["cursor"].as_str().expect("a cursor");
        let rest = shop.get(&format!("{path}&cursor={cursor}")).await;
        assert_eq!(rest["data"].as_array().map(Vec::len), Some(2));
        assert_eq!(rest["pagination"]["has_more"], json!(false));
        for one in rest["data"].as_array().expect("a list") {
            assert_eq!(one["attempts"].as_array().map(Vec::len), Some(1));
        }
        for (state, count) in [("pending", 1), ("delivered", 3), ("failed", 0)] {
            let path = format!("{endpoint}/deliveries?state={state}");
            let page = shop.get(&path).await;
            let found = page["data"].as_array().expect("a list");
            assert_eq!(found.len(), count, "{} {state}", cells.kind);
            assert!(
                found
                    .iter()
                    .all(|one| one["attempts"][0]["number"] == json!(1))
            );
        }
        let other = format!("{endpoint}/deliveries?state=pending&cursor={cursor}");
        let (status, problem) = shop.call(Method::GET, &other, Value::Null).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_cursor")));
    }
}

#[tokio::test]
async fn only_staff_with_the_permission_and_of_the_shop_get_in() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        let (endpoint, _) = shop.endpoint("https://example.com/").await;
        let (_, test) = shop.post(&format!("{endpoint}/test"), Value::Null).await;
        let delivery = test["id"].as_str().expect("an id");
        let calls = [
            (Method::GET, endpoint.clone()),
            (Method::DELETE, endpoint.clone()),
            (Method::POST, format!("{endpoint}/rotate")),
            (Method::POST, format!("{endpoint}/test")),
            (Method::GET, format!("{endpoint}/deliveries")),
            (Method::GET, format!("{endpoint}/deliveries/{delivery}")),
            (
                Method::POST,
                format!("{endpoint}/deliveries/{delivery}/replay"),
            ),
        ];
        for (method, path) in calls {
            let (status, problem) = other.call(method.clone(), &path, Value::Null).await;
            assert_eq!(
                (status, &problem["code"]),
                (404, &json!("webhook_not_found")),
                "{} {method} {path}",
                cells.kind
            );
            let key = if method == Method::GET {
                "orders:read"
            } else {
                "settings:read"
            };
            let (status, _) = shop.call_as(key, method.clone(), &path, Value::Null).await;
            assert_eq!(status, 403, "{} {method} {path}", cells.kind);
        }
        assert_eq!(other.get(ALL).await["data"], json!([]), "{}", cells.kind);
        let (second, _) = shop.endpoint("https://example.com/").await;
        let path = format!("{second}/deliveries/{delivery}");
        let (status, problem) = shop.call(Method::GET, &path, Value::Null).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("webhook_delivery_not_found")),
            "{}",
            cells.kind
        );
    }
}
