//! Dates, kinds, bundles and metadata.

use std::time::Duration;

use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_contracts::catalog::ProductStatus;
use stoa_kernel::VariantId;
use stoa_storage::Tx;

use crate::support::{Shop, by, everywhere, handles};

const PRODUCTS: &str = "/api/v1/admin/products";

async fn make(shop: &Shop, body: Json) -> Json {
    let made = shop.admin("POST", PRODUCTS, None, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.json
}

fn path_of(product: &Json) -> String {
    format!("{PRODUCTS}/{}", product["id"].as_str().expect("an id"))
}

fn variant_of(product: &Json) -> VariantId {
    let id = product["variants"][0]["id"].as_str().expect("an id");
    id.parse().expect("a variant's id")
}

#[tokio::test]
async fn a_product_comes_and_goes_at_its_dates_and_never_early() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "dates").await;
        let at = |seconds| shop.now.plus(Duration::from_secs(seconds)).to_string();
        let body = json!({"title": "Tea", "publish_at": at(60), "unpublish_at": at(120)});
        let made = make(&shop, body).await;
        assert_eq!(made["status"], "active", "{}", cells.kind);
        let seen = async || {
            let page = shop.get("/api/v1/products/tea").await.status;
            let list = shop.products(&by(Default::default())).await;
            let read = &variant_of(&made);
            let (catalog, id) = (shop.catalog.clone(), *read);
            let snapshot = shop
                .db
                .read(async move |tx: &mut Tx<'_>| catalog.variants(tx, &[id]).await)
                .await
                .expect("a read");
            (page, handles(&list).len(), snapshot[0].active)
        };
        assert_eq!(seen().await, (404, 0, false), "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [], "{}: none is due", cells.kind);
        cells.clock.advance(Duration::from_secs(60));
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        assert_eq!(seen().await, (200, 1, true), "{}", cells.kind);
        // Its time is over by this clock, though no job said so yet.
        cells.clock.advance(Duration::from_secs(60));
        assert_eq!(seen().await, (404, 0, false), "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        assert_eq!(seen().await, (404, 0, false), "{}", cells.kind);
        let open = json!({"publish_at": null, "unpublish_at": null});
        let opened = shop
            .admin("PATCH", &path_of(&made), Some("*"), Some(open))
            .await;
        assert_eq!(opened.json["status"], "active", "{}", cells.kind);
        assert_eq!(seen().await, (200, 1, true), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_job_whose_clock_is_ahead_shows_nothing_early() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "skew").await;
        let at = shop.now.plus(Duration::from_secs(60)).to_string();
        make(&shop, json!({"title": "Tea", "publish_at": at})).await;
        cells.clock.advance(Duration::from_secs(60));
        shop.run_jobs().await;
        assert_eq!(
            shop.get("/api/v1/products/tea").await.status,
            200,
            "{}",
            cells.kind
        );
        // Another process, which says it is a minute earlier.
        let behind = stoa_contracts::Deps {
            clock: std::sync::Arc::new(stoa_testkit::ManualClock::new()),
            ..cells.deps.clone()
        };
        let behind = stoa_catalog::start(behind, [1; 32], str::to_owned).contract;
        let euro = stoa_kernel::Currency::EUR;
        let found = behind
            .product(shop.tenant, "tea", euro)
            .await
            .expect("a read");
        assert_eq!(found, None, "{}", cells.kind);
        let list = behind
            .products(shop.tenant, &by(Default::default()))
            .await
            .expect("a page");
        assert_eq!(list.products, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn an_import_keeps_dates_kind_and_metadata() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "kept").await;
        let at = shop.now.plus(Duration::from_secs(60)).to_string();
        let mut input = crate::support::shirt("shirt");
        shop.upsert(&input).await;
        let list = shop.admin("GET", PRODUCTS, None, None).await;
        let path = path_of(&list.json["data"][0]);
        let patch = json!({
            "publish_at": at, "kind": "digital", "metadata": {"erp": {"id": 7}},
            "files": [{"name": "Pattern", "url": "media:abc"}],
        });
        let patched = shop.admin("PATCH", &path, Some("*"), Some(patch)).await;
        assert_eq!(
            (patched.status, patched.header("etag")),
            (200, "\"2\""),
            "{}",
            patched.json
        );
        input.title = "Another".into();
        shop.upsert(&input).await;
        let read = shop.admin("GET", &path, None, None).await.json;
        assert_eq!(read["title"], "Another", "{}", cells.kind);
        assert_eq!(read["kind"], "digital", "{}", cells.kind);
        assert_eq!(
            read["metadata"],
            json!({"erp": {"id": 7}}),
            "{}",
            cells.kind
        );
        assert_eq!(read["publish_at"], json!(at), "{}", cells.kind);
        assert_eq!(
            shop.get("/api/v1/products/shirt").await.status,
            404,
            "{}",
            cells.kind
        );
        input.status = ProductStatus::Archived;
        shop.upsert(&input).await;
        assert_eq!(
            shop.admin("GET", &path, None, None).await.json["status"],
            "archived"
        );
        let id = variant_of(&read);
        let catalog = shop.catalog.clone();
        let (files, snapshot) = shop
            .db
            .read(async move |tx: &mut Tx<'_>| {
                let files = catalog.digital_files(tx, &[id]).await?;
                Ok::<_, stoa_storage::Error>((files, catalog.variants(tx, &[id]).await?))
            })
            .await
            .expect("a read");
        assert_eq!(files[0].1[0].url, "media:abc", "{}", cells.kind);
        assert!(!snapshot[0].requires_shipping, "{}", cells.kind);
    }
}

#[tokio::test]
async fn extras_that_break_a_rule_name_their_field() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "refused").await;
        let at = shop.now.plus(Duration::from_secs(60)).to_string();
        let file = json!([{"name": "Pattern", "url": "media:abc"}]);
        let body = json!({"title": "Shirt", "kind": "digital", "publish_at": at, "files": file});
        let read = make(&shop, body).await;
        let path = path_of(&read);
        for (field, patch) in [
            ("kind", json!({"kind": "bundle"})),
            ("metadata", json!({"metadata": {"a": "x".repeat(17_000)}})),
            (
                "files[0].url",
                json!({"files": [{"name": "a", "url": "/etc/passwd"}]}),
            ),
            ("files", json!({"kind": "physical"})),
            (
                "unpublish_at",
                json!({"unpublish_at": shop.now.to_string()}),
            ),
        ] {
            let mut patch = patch;
            if field == "kind" {
                patch["files"] = json!([]);
                let id = read["variants"][0]["id"].clone();
                patch["options"] = json!([]);
                patch["variants"] = json!([{"components": [{"variant_id": id, "quantity": 1}]}]);
            }
            let refused = shop.admin("PATCH", &path, Some("*"), Some(patch)).await;
            assert_eq!(
                refused.refusal(),
                (422, "invalid_request", field),
                "{}",
                cells.kind
            );
        }
    }
}

#[tokio::test]
async fn a_bundle_is_in_stock_while_all_of_its_components_are() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "bundle").await;
        let tea = make(&shop, json!({"title": "Tea"})).await;
        let cup = make(&shop, json!({"title": "Cup"})).await;
        let parts = json!([
            {"variant_id": tea["variants"][0]["id"], "quantity": 2},
            {"variant_id": cup["variants"][0]["id"], "quantity": 1},
        ]);
        shop.hears(variant_of(&tea), true, 1).await;
        let body = json!({"title": "Set", "kind": "bundle", "variants": [{"components": parts}]});
        let set = make(&shop, body).await;
        assert_eq!(set["variants"][0]["components"], parts, "{}", cells.kind);
        let bundle = variant_of(&set);
        shop.price(bundle, 1_000, None).await;
        let seen = async || {
            let view = shop.product("set").await.expect("published");
            let page = shop.products(&by(Default::default())).await;
            let card = page
                .products
                .iter()
                .find(|card| card.handle == "set")
                .expect("a card");
            assert_eq!(view.variants[0].available, card.available, "{}", cells.kind);
            card.available
        };
        assert!(!seen().await, "{}", cells.kind);
        shop.hears(variant_of(&cup), true, 1).await;
        assert!(seen().await, "{}", cells.kind);
        // The bundle's own level says nothing.
        shop.hears(bundle, false, 9).await;
        assert!(seen().await, "{}", cells.kind);
        shop.hears(variant_of(&tea), false, 2).await;
        assert!(!seen().await, "{}", cells.kind);
        shop.hears(variant_of(&tea), true, 3).await;
        assert!(seen().await, "{}", cells.kind);
        let catalog = shop.catalog.clone();
        let found = shop
            .db
            .read(async move |tx: &mut Tx<'_>| catalog.components(tx, &[bundle]).await)
            .await
            .expect("a read");
        let found: Vec<_> = found
            .iter()
            .map(|each| (each.variant, each.quantity))
            .collect();
        assert_eq!(
            found,
            [(variant_of(&tea), 2), (variant_of(&cup), 1)],
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.admin("DELETE", &path_of(&cup), Some("*"), None)
                .await
                .status,
            204
        );
        assert!(!seen().await, "{}: a component is gone", cells.kind);
        let nested = json!([{"variant_id": set["variants"][0]["id"], "quantity": 1}]);
        let body = json!({"title": "Sets", "kind": "bundle", "variants": [{"components": nested}]});
        let refused = shop.admin("POST", PRODUCTS, None, Some(body)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "variants"),
            "{}",
            cells.kind
        );
    }
}
