//! One change to many products.

use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;

use crate::support::{Shop, everywhere, shirt};

const BULK: &str = "/api/v1/admin/products/bulk";

async fn begin(shop: &Shop, body: Json) -> String {
    let begun = shop.admin("POST", BULK, None, Some(body)).await;
    assert_eq!(begun.status, 202, "{}", begun.json);
    format!("{BULK}/{}", begun.json["id"].as_str().expect("an id"))
}

fn figures(progress: &Json) -> (&str, i64, i64, i64) {
    let figure = |name: &str| progress[name].as_i64().expect("a number");
    let state = progress["state"].as_str().expect("a state");
    (state, figure("seen"), figure("changed"), figure("failed"))
}

#[tokio::test]
async fn a_filter_changes_what_it_holds_once_and_tells_what_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "bulk").await;
        let theirs = Shop::open(&cells, "bulk-others").await;
        theirs.upsert(&shirt("shirt-0")).await;
        for number in 0..23 {
            let mut input = shirt(&format!("shirt-{number}"));
            if number < 3 {
                input.vendor = Some("Other".into());
            }
            if number == 7 {
                // As many tags as there may be.
                input.tags = (0..250).map(|tag| format!("t{tag}")).collect();
            }
            if number == 8 {
                input.tags.push("sale".into());
            }
            shop.upsert(&input).await;
        }
        let filter = json!({"vendor": "Stoa", "status": "active"});
        let body = json!({"filter": filter, "action": {"type": "add_tag", "tag": "sale"}});
        let path = begin(&shop, body).await;
        let before = shop.admin("GET", &path, None, None).await.json;
        assert_eq!(figures(&before), ("running", 0, 0, 0), "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        let after = shop.admin("GET", &path, None, None).await.json;
        assert_eq!(figures(&after), ("done", 20, 18, 1), "{}", cells.kind);
        let errors = after["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 1, "{}", cells.kind);
        assert_eq!(
            errors[0]["message"], "tags: holds at most 250 entries",
            "{}",
            cells.kind
        );
        let sale = shop.get("/api/v1/products?q=sale&limit=50").await.json;
        assert_eq!(
            sale["data"].as_array().map(Vec::len),
            Some(19),
            "{}",
            cells.kind
        );
        let theirs = theirs.get("/api/v1/products?q=sale").await.json;
        assert_eq!(theirs["data"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test]
async fn named_products_go_and_a_cancelled_change_changes_nothing_more() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "bulk-ids").await;
        let mut ids = Vec::new();
        for number in 0..12 {
            ids.push(
                shop.upsert(&shirt(&format!("shirt-{number}")))
                    .await
                    .product
                    .to_string(),
            );
        }
        let archive = json!({"type": "set_status", "status": "archived"});
        let path = begin(&shop, json!({"ids": ids, "action": archive})).await;
        let stopped = shop
            .admin("POST", &format!("{path}/cancel"), None, None)
            .await
            .json;
        assert_eq!(figures(&stopped), ("cancelled", 0, 0, 0), "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        assert_eq!(
            shop.get("/api/v1/products/shirt-0").await.status,
            200,
            "{}",
            cells.kind
        );
        let gone = json!({"ids": ids[..11], "action": {"type": "delete"}});
        let path = begin(&shop, gone).await;
        shop.run_jobs().await;
        let progress = shop.admin("GET", &path, None, None).await.json;
        assert_eq!(figures(&progress), ("done", 11, 11, 0), "{}", cells.kind);
        let left = shop.get("/api/v1/products").await.json;
        assert_eq!(
            left["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        assert_eq!(left["data"][0]["handle"], "shirt-11", "{}", cells.kind);
        let neither = json!({"action": {"type": "delete"}});
        let refused = shop.admin("POST", BULK, None, Some(neither)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "filter"),
            "{}",
            cells.kind
        );
    }
}
