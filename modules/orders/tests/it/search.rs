//! Finding orders: by what staff know of one, by filters together, and all of them as CSV.

use std::time::Duration;

use axum::Router;
use http::StatusCode;
use serde_json::Value;
use stoa_contracts::orders::NewOrder;
use stoa_kernel::{Clock as _, CustomerId, OrderId};

use crate::api::{ids, post, read, router};
use crate::support::{Shop, eur, everywhere, order, paid};

/// Ada's order, but for what `change` says.
async fn place(shop: &Shop<'_>, seed: u128, change: impl FnOnce(&mut NewOrder)) {
    let mut new = order(seed);
    change(&mut new);
    shop.create(&new).await.expect(shop.cells.kind);
    shop.cells.clock.advance(Duration::from_secs(1));
}

fn named(order: &mut NewOrder, name: &str, email: &str) {
    order.email = email.to_owned();
    if let Some(address) = &mut order.shipping_address {
        address.name = name.to_owned();
    }
}

#[tokio::test]
async fn an_order_is_found_by_what_is_known_of_it() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        place(&shop, 1, |order| {
            named(order, "Ada King Lovelace", "Ada@Example.com")
        })
        .await;
        place(&shop, 2, |order| {
            named(order, "Grace Hopper", "grace@navy.example")
        })
        .await;
        place(&shop, 3, |order| {
            named(order, "Ämilie Lovelock", "a.b@example.org")
        })
        .await;
        place(&shop, 4, |order| {
            named(order, "Grace Jones", "grace@example.com");
            order.lines[0].sku = Some("TEA-1".to_owned());
        })
        .await;
        let other = Shop::open(&cells, "other").await;
        place(&other, 9, |order| {
            named(order, "Ada Lovelace", "ada@example.com")
        })
        .await;
        let router = router(&cells, &[("acme", &shop), ("other", &other)]);
        let search = async |q: &str| {
            let path = format!("/api/v1/admin/orders?q={q}");
            let (status, _, text) = read(&router, &path).await;
            assert_eq!(status, StatusCode::OK, "{}: {text}", cells.kind);
            ids(&serde_json::from_str(&text).expect("JSON"))
        };
        let none: [u128; 0] = [];
        assert_eq!(search("1002").await, [2], "{}", cells.kind);
        assert_eq!(search("%231003").await, [3], "{}", cells.kind);
        assert_eq!(search("9999").await, none, "{}", cells.kind);
        assert_eq!(search("ADA%40example.com").await, [1], "{}", cells.kind);
        // The beginning of an address, newest first.
        assert_eq!(search("grace").await, [4, 2], "{}", cells.kind);
        assert_eq!(search("lovel").await, [3, 1], "{}", cells.kind);
        assert_eq!(search("ada%20king%20LOVELACE").await, [1], "{}", cells.kind);
        assert_eq!(search("jones").await, [4], "{}", cells.kind);
        assert_eq!(search("TEA-1").await, [4], "{}", cells.kind);
        assert_eq!(search("SKU-22").await, [2], "{}", cells.kind);
        assert_eq!(search("tea-1").await, none, "{}", cells.kind);
        // Text is text, whatever it means to SQL.
        assert_eq!(search("%25").await, none, "{}", cells.kind);
        assert_eq!(search("%27%20OR%201%3D1--").await, none, "{}", cells.kind);
        let long = format!("/api/v1/admin/orders?q={}", "a".repeat(201));
        let (status, _, text) = read(&router, &long).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    }
}

/// Twelve orders a second apart: each third a test, each second a customer's, the last four dear,
/// three of the customer's paid.
async fn fill(shop: &Shop<'_>) -> Router {
    for seed in 1..=12 {
        place(shop, seed, |order| {
            order.test = seed % 3 == 0;
            order.customer = (seed % 2 == 0).then(|| CustomerId::from_u128(7));
            if seed > 8 {
                order.totals.shipping = eur(1_400);
                order.totals.total = eur(6_831);
            }
        })
        .await;
    }
    for seed in [2, 4, 6] {
        shop.step(OrderId::from_u128(seed), paid(seed))
            .await
            .expect(shop.cells.kind);
    }
    router(shop.cells, &[("acme", shop)])
}

async fn list(router: &Router, query: &str) -> Value {
    let path = format!("/api/v1/admin/orders?{query}");
    let (status, _, text) = read(router, &path).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn filters_hold_together() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let begin = cells.clock.now();
        let router = fill(&shop).await;
        let found = async |query: &str| ids(&list(&router, query).await);
        assert_eq!(found("test=true").await, [12, 9, 6, 3], "{}", cells.kind);
        assert_eq!(
            found("test=false&payment_status=paid").await,
            [4, 2],
            "{}",
            cells.kind
        );
        let customer = CustomerId::from_u128(7);
        let theirs = format!("customer_id={customer}");
        assert_eq!(found(&theirs).await, [12, 10, 8, 6, 4, 2], "{}", cells.kind);
        assert_eq!(
            found(&format!("{theirs}&test=true")).await,
            [12, 6],
            "{}",
            cells.kind
        );
        assert_eq!(
            found("total_min=6000").await,
            [12, 11, 10, 9],
            "{}",
            cells.kind
        );
        assert_eq!(
            found("total_max=5831&test=true").await,
            [6, 3],
            "{}",
            cells.kind
        );
        let fulfilled = "fulfilment_status=not_fulfilled&status=pending&payment_status=paid";
        assert_eq!(found(fulfilled).await, [6, 4, 2], "{}", cells.kind);
        // From the third second, included, to the sixth, not included.
        let (from, to) = (
            begin.plus(Duration::from_secs(3)),
            begin.plus(Duration::from_secs(6)),
        );
        let span = format!("placed_from={from}&placed_to={to}");
        assert_eq!(found(&span).await, [6, 5, 4], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_filtered_list_pages_on() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let router = fill(&shop).await;
        let theirs = format!("customer_id={}", CustomerId::from_u128(7));
        // Page by page, through filters of which none has the order's index alone.
        let query = format!("{theirs}&total_min=1&limit=2");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for _ in 0..9 {
            let page = list(&router, &format!("{query}{cursor}")).await;
            seen.extend(ids(&page));
            match page["pagination"]["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, [12, 10, 8, 6, 4, 2], "{}", cells.kind);
        // A cursor belongs to its filters.
        let path = format!("/api/v1/admin/orders?limit=2{cursor}");
        assert_eq!(
            read(&router, &path).await.0,
            StatusCode::BAD_REQUEST,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn every_line_is_exported_once_and_none_as_a_formula() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        for seed in 1..=120 {
            place(&shop, seed, |order| {
                if seed == 120 {
                    named(
                        order,
                        "=HYPERLINK(\"http://evil.example\")",
                        "ada@example.com",
                    );
                    order.lines[0].title = "Pot, blue\n\"big\"".to_owned();
                    order.lines[1].sku = Some("+491".to_owned());
                }
            })
            .await;
        }
        shop.step(OrderId::from_u128(120), paid(1))
            .await
            .expect(cells.kind);
        let router = router(&cells, &[("acme", &shop)]);
        let (status, headers, csv) = read(&router, "/api/v1/admin/orders.csv").await;
        assert_eq!(status, StatusCode::OK, "{}", cells.kind);
        assert_eq!(
            headers["content-disposition"],
            "attachment; filename=\"orders.csv\""
        );
        let rows: Vec<&str> = csv.split("\r\n").collect();
        // A header, two lines of 120 orders, and nothing after the last end of line.
        assert_eq!((rows.len(), rows[241]), (242, ""), "{}", cells.kind);
        let placed = shop.view(OrderId::from_u128(120)).await.placed_at;
        assert_eq!(
            rows[1],
            format!(
                "1120,{placed},pending,paid,not_fulfilled,true,ada@example.com,\
                 \"'=HYPERLINK(\"\"http://evil.example\"\")\",GB,EUR,\"Pot, blue\n\"\"big\"\"\",\
                 Blue / 1 l,SKU-1202,2,20.00,40.00,0.00,7.60,47.60,\
                 45.00,0.00,4.00,9.31,58.31,0.00,58.31,0.00"
            ),
            "{}",
            cells.kind
        );
        assert!(
            rows[2].contains(",'+491,1,5.00,5.00,0.00,0.95,5.95,,,,,,,,"),
            "{}",
            rows[2]
        );
        assert!(rows[240].starts_with("1001,"), "{}", rows[240]);
        let (_, _, paid_only) = read(&router, "/api/v1/admin/orders.csv?payment_status=paid").await;
        assert_eq!(paid_only.matches("\r\n").count(), 3, "{}", cells.kind);
    }
}

#[tokio::test]
async fn the_timeline_tells_all_newest_first() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        let second = || cells.clock.advance(Duration::from_secs(1));
        second();
        let declined = crate::support::declined("no funds");
        shop.step(placed.id, declined).await.expect(cells.kind);
        second();
        shop.step(placed.id, paid(1)).await.expect(cells.kind);
        second();
        let router = router(&cells, &[("acme", &shop)]);
        let order = format!("/api/v1/admin/orders/{}", placed.id);
        let note = serde_json::json!({ "text": " Wrap it as a <gift>, mail ada@example.com " });
        let (status, entry) = post(&router, &format!("{order}/notes"), &note).await;
        assert_eq!(status, StatusCode::CREATED, "{}: {entry}", cells.kind);
        assert_eq!(entry["text"], "Wrap it as a <gift>, mail ada@example.com");
        assert!(
            entry["actor"]
                .as_str()
                .is_some_and(|key| key.starts_with("key_"))
        );
        for refused in ["", "  ", "Card 4242 4242 4242 4242"] {
            let note = serde_json::json!({ "text": refused });
            let (status, _) = post(&router, &format!("{order}/notes"), &note).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        }
        let (mut kinds, mut cursor) = (Vec::new(), String::new());
        for _ in 0..9 {
            let path = format!("{order}/timeline?limit=1{cursor}");
            let (_, _, text) = read(&router, &path).await;
            let page: Value = serde_json::from_str(&text).expect("JSON");
            for entry in page["data"].as_array().expect("a list") {
                kinds.push(entry["kind"].as_str().expect("a kind").to_owned());
            }
            match page["pagination"]["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(
            kinds,
            ["note", "paid", "declined", "placed"],
            "{}",
            cells.kind
        );
        let missing = format!("/api/v1/admin/orders/{}/notes", OrderId::from_u128(9));
        assert_eq!(
            post(&router, &missing, &note).await.0,
            StatusCode::NOT_FOUND
        );
    }
}
