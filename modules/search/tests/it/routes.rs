//! What goes over the wire.

use serde_json::json;

use crate::shelf::product;
use crate::support::{Shop, sqlite};

#[tokio::test]
async fn a_search_answers_cards_facets_and_a_cursor() {
    let cells = sqlite().await;
    let mut lamps: Vec<_> = (1..=3).map(|n| product(n, &format!("Lamp {n}"))).collect();
    lamps[0].vendor = Some("Acme & Co".to_owned());
    let shop = Shop::with(&cells, "wire", lamps).await;
    let path = "/api/v1/search?q=lamp&sort=title&limit=2";
    let (status, page) = shop.process.call("GET", shop.tenant, path, None).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(page["data"][0]["title"], "Lamp 1");
    assert_eq!(
        page["data"][0]["price"],
        json!({"amount": 1000, "currency": "EUR"})
    );
    assert_eq!(
        (&page["total"], &page["pagination"]["has_more"]),
        (&json!(3), &json!(true))
    );
    let vendor = &page["facets"][1];
    assert_eq!(vendor["name"], "vendor");
    assert_eq!(
        vendor["values"],
        json!([{"value": "Acme & Co", "count": 1, "selected": false}])
    );
    let cursor = page["pagination"]["cursor"].as_str().expect("a cursor");
    let next = format!("{path}&cursor={cursor}");
    let (_, page) = shop.process.call("GET", shop.tenant, &next, None).await;
    assert_eq!(page["data"][0]["title"], "Lamp 3");
    assert_eq!(page["pagination"], json!({"has_more": false}));
    let path = "/api/v1/search?filter.vendor=Acme%20%26%20Co&filter.price=500..1500";
    let (_, page) = shop.process.call("GET", shop.tenant, path, None).await;
    assert_eq!(page["total"], 1);
    let path = "/api/v1/search/suggest?q=la";
    let (_, offered) = shop.process.call("GET", shop.tenant, path, None).await;
    assert_eq!(offered["queries"], json!(["lamp"]));
    assert_eq!(offered["data"].as_array().map(Vec::len), Some(3));
    shop.process.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_name() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "refused", vec![product(1, "Lamp")]).await;
    for (query, field) in [
        ("limit=251", "limit"),
        ("limit=0", "limit"),
        ("sort=best", "sort"),
        ("currency=euro", "currency"),
        ("filter.price=10", "filter.price"),
        ("filter.secret=1", "filter.secret"),
        ("filter.option.=1", "filter.option."),
        ("cursor=abc", "cursor"),
    ] {
        let path = format!("/api/v1/search?{query}");
        let (status, answer) = shop.process.call("GET", shop.tenant, &path, None).await;
        assert!(matches!(status, 400 | 422), "{query}: {status}");
        assert_eq!(answer["errors"][0]["field"], field, "{query}");
    }
    shop.process.stop().await;
}
