//! Collections by rule: what they hold follows every change.

mod random;

use std::time::Duration;

use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_contracts::catalog::ProductStatus;
use stoa_kernel::Currency;
use stoa_storage::Tx;

use crate::categories::{category, listed, patch_product, settle};
use crate::support::{Shop, everywhere, shirt};

const COLLECTIONS: &str = "/api/v1/admin/collections";

async fn collect(shop: &Shop, title: &str, sort: &str, rule: Json) -> Json {
    let body = json!({"title": title, "sort": sort, "rule": rule});
    let made = shop.admin("POST", COLLECTIONS, None, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.json
}

fn path_to(collection: &Json) -> String {
    format!(
        "{COLLECTIONS}/{}",
        collection["id"].as_str().expect("an id")
    )
}

async fn held(shop: &Shop, handle: &str) -> String {
    listed(shop, &format!("/api/v1/collections/{handle}/products")).await
}

fn all(conditions: Json) -> Json {
    json!({"meets": "all", "conditions": conditions})
}

/// Conditions, and the handles of what meets them.
fn cases(created: Json) -> Vec<(Json, &'static str)> {
    let euro = |cents: i64| json!({"amount": cents, "currency": "EUR"});
    vec![
        (json!({"type": "tag", "tag": "sale"}), "lamp"),
        (json!({"type": "vendor", "vendor": "weavers"}), "rug"),
        (
            json!({"type": "product_type", "product_type": "TEXTILES"}),
            "rug",
        ),
        (json!({"type": "title_contains", "text": "GROSSER"}), ""),
        (
            json!({"type": "title_contains", "text": "GROßER tepp"}),
            "rug",
        ),
        (json!({"type": "price_below", "price": euro(2_000)}), "rug"),
        (json!({"type": "price_above", "price": euro(500)}), "lamp"),
        (
            json!({"type": "price_above", "price": {"amount": 0, "currency": "USD"}}),
            "",
        ),
        (json!({"type": "available", "available": true}), "rug"),
        (
            json!({"type": "available", "available": false}),
            "lamp plain",
        ),
        (json!({"type": "category", "category": "home"}), "lamp"),
        (created, "plain"),
        (json!({"type": "compare_at_set", "set": true}), "rug"),
        (
            json!({"type": "compare_at_set", "set": false}),
            "lamp plain",
        ),
    ]
}

#[tokio::test]
async fn each_condition_holds_what_it_says() {
    for cells in everywhere().await {
        let mut shop = Shop::open(&cells, "conditions").await;
        category(&shop, "home", None).await;
        category(&shop, "lamps", Some("home")).await;
        let lamp = shop.priced("lamp", 2_000).await;
        patch_product(
            &shop,
            lamp.product,
            json!({"category": "lamps", "tags": ["Sale"]}),
        )
        .await;
        cells.clock.advance(Duration::from_secs(10));
        shop.now = cells.deps.now();
        let mut rug = shirt("rug");
        rug.vendor = Some("Weavers".into());
        rug.product_type = Some("Textiles".into());
        rug.title = "Großer Teppich".into();
        let rug = shop.upsert(&rug).await;
        shop.price(rug.variants[0].0, 500, Some(900)).await;
        shop.hears(rug.variants[0].0, true, 1).await;
        let before = shop.now.plus(Duration::from_secs(1)).to_string();
        let created = json!({"type": "created_after", "at": before});
        cells.clock.advance(Duration::from_secs(5));
        shop.now = cells.deps.now();
        shop.upsert(&shirt("plain")).await;
        let cases = cases(created);
        let mut made = Vec::new();
        for (index, (condition, _)) in cases.iter().enumerate() {
            let rule = all(json!([condition]));
            made.push(collect(&shop, &format!("c{index}"), "title", rule).await);
        }
        let filling = &made[0]["filling"];
        assert_eq!(
            (&filling["seen"], &filling["changed"]),
            (&json!(0), &json!(0))
        );
        settle(&shop, &cells).await;
        for (index, (condition, expected)) in cases.iter().enumerate() {
            let seen = held(&shop, &format!("c{index}")).await;
            let mut seen: Vec<&str> = seen.split_whitespace().collect();
            seen.sort_unstable();
            assert_eq!(seen.join(" "), *expected, "{} {condition}", cells.kind);
        }
        let read = shop
            .admin("GET", &path_to(&made[10]), None, None)
            .await
            .json;
        assert_eq!(
            read["rule"]["conditions"][0]["category"], "home",
            "{}",
            cells.kind
        );
        assert_eq!(read["filling"], Json::Null, "{}", cells.kind);
        assert_eq!(read["products"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_rule_is_refused_where_it_cannot_be_kept() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "refused").await;
        shop.upsert(&shirt("shirt")).await;
        let tag = json!([{"type": "tag", "tag": "x"}]);
        let refused = async |body: Json| {
            let answer = shop.admin("POST", COLLECTIONS, None, Some(body)).await;
            let (status, _, field) = answer.refusal();
            (status, field.to_owned())
        };
        let rule = |conditions: Json| json!({"conditions": conditions});
        let none = json!({"title": "x", "rule": rule(json!([]))});
        let field = |name: &str| (422, name.to_owned());
        assert_eq!(
            refused(none).await,
            field("rule.conditions"),
            "{}",
            cells.kind
        );
        let manual = json!({"title": "x", "sort": "manual", "rule": rule(tag.clone())});
        assert_eq!(refused(manual).await, field("sort"), "{}", cells.kind);
        let both = json!({"title": "x", "products": ["shirt"], "rule": rule(tag.clone())});
        assert_eq!(refused(both).await, field("products"), "{}", cells.kind);
        let unknown = json!([{"type": "category", "category": "nowhere"}]);
        let unknown = json!({"title": "x", "rule": rule(unknown)});
        let place = field("rule.conditions[0].category");
        assert_eq!(refused(unknown).await, place, "{}", cells.kind);
        let empty = json!([{"type": "tag", "tag": " "}]);
        let empty = json!({"title": "x", "rule": rule(empty)});
        assert_eq!(refused(empty).await, field("rule.conditions[0].tag"));
        let body = json!({"title": "By hand", "products": ["shirt"]});
        let by_hand = shop.admin("POST", COLLECTIONS, None, Some(body)).await;
        let turned = json!({"products": [], "sort": "title", "rule": rule(tag)});
        let turned = shop
            .admin("PATCH", &path_to(&by_hand.json), Some("*"), Some(turned))
            .await;
        assert_eq!(
            turned.refusal(),
            (422, "invalid_request", "rule"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn every_change_of_a_product_is_in_its_collections_and_its_document_at_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "at-once").await;
        category(&shop, "home", None).await;
        let euro = json!({"amount": 1_000, "currency": "EUR"});
        collect(
            &shop,
            "cheap",
            "price_ascending",
            all(json!([{"type": "price_below", "price": euro}])),
        )
        .await;
        collect(
            &shop,
            "stock",
            "title",
            all(json!([{"type": "available", "available": true}])),
        )
        .await;
        collect(
            &shop,
            "sale",
            "newest",
            all(json!([{"type": "tag", "tag": "sale"}])),
        )
        .await;
        collect(
            &shop,
            "homely",
            "title",
            all(json!([{"type": "category", "category": "home"}])),
        )
        .await;
        settle(&shop, &cells).await;
        let made = shop.upsert(&shirt("shirt")).await;
        let (id, variant) = (made.product, made.variants[0].0);
        let seen = async || {
            let found = shop
                .catalog
                .documents(shop.tenant, &[id])
                .await
                .expect("a read");
            found.into_iter().next().expect("a document")
        };
        let told = async |events: usize| {
            assert_eq!(shop.events().await, events + 1, "{}", cells.kind);
        };
        assert_eq!(seen().await.collections, [""; 0], "{}", cells.kind);
        let events = shop.events().await;
        shop.price(variant, 900, None).await;
        told(events).await;
        let document = seen().await;
        assert_eq!(document.collections, ["cheap"], "{}", cells.kind);
        assert_eq!(document.prices[0].0.amount, 900, "{}", cells.kind);
        let events = shop.events().await;
        shop.hears(variant, true, 1).await;
        told(events).await;
        let document = seen().await;
        assert!(document.available && document.collections == ["cheap", "stock"]);
        let events = shop.events().await;
        patch_product(&shop, id, json!({"category": "home", "tags": ["SALE"]})).await;
        told(events).await;
        let document = seen().await;
        assert_eq!(document.collections, ["cheap", "homely", "sale", "stock"]);
        assert_eq!(document.categories, ["home"], "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_is_taken_back_takes_a_product_out_of_its_collections() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "taken-back").await;
        category(&shop, "home", None).await;
        let rule = |condition: Json| all(json!([condition]));
        let available = json!({"type": "available", "available": true});
        collect(&shop, "stock", "title", rule(available)).await;
        let sale = json!({"type": "tag", "tag": "sale"});
        collect(&shop, "sale", "newest", rule(sale)).await;
        let homely = json!({"type": "category", "category": "home"});
        collect(&shop, "homely", "title", rule(homely)).await;
        let made = shop.priced("shirt", 900).await;
        let (id, variant) = (made.product, made.variants[0].0);
        shop.price(made.variants[1].0, 901, None).await;
        let (catalog, cause) = (shop.catalog.clone(), shop.cause());
        let other = [(made.variants[1].0, Currency::EUR)];
        shop.db
            .write(async move |tx: &mut Tx<'_>| {
                catalog.remove_listing_prices(tx, &other, &cause).await
            })
            .await
            .expect("a price taken back");
        shop.hears(variant, true, 1).await;
        patch_product(&shop, id, json!({"category": "home", "tags": ["SALE"]})).await;
        let seen = async || {
            let found = shop.catalog.documents(shop.tenant, &[id]).await;
            found.expect("a read").remove(0)
        };
        assert_eq!(seen().await.collections, ["homely", "sale", "stock"]);
        let told = async |events: usize| {
            assert_eq!(shop.events().await, events + 1, "{}", cells.kind);
        };
        let (catalog, cause) = (shop.catalog.clone(), shop.cause());
        let gone = [(variant, Currency::EUR)];
        let events = shop.events().await;
        shop.db
            .write(async move |tx: &mut Tx<'_>| {
                catalog.remove_listing_prices(tx, &gone, &cause).await
            })
            .await
            .expect("prices taken back");
        told(events).await;
        let document = seen().await;
        assert_eq!(document.collections, ["homely", "sale"], "{}", cells.kind);
        assert_eq!(document.prices, [], "{}", cells.kind);
        // An import says nothing of the category, and takes the tag away.
        let mut plain = shirt("shirt");
        plain.title = "Plain".into();
        shop.upsert(&plain).await;
        assert_eq!(seen().await.collections, ["homely"], "{}", cells.kind);
        let catalog = shop.catalog.clone();
        let of = shop
            .db
            .read(async move |tx: &mut Tx<'_>| catalog.collections_of(tx, &[id]).await)
            .await;
        assert_eq!(
            of.expect("a read"),
            [(id, "homely".to_owned())],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_changed_rule_is_filled_anew_and_a_deleted_one_leaves_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "changed").await;
        for number in 0..150 {
            let mut input = shirt(&format!("p{number:03}"));
            if number % 3 == 0 {
                input.tags.push("third".into());
            }
            if number % 2 == 0 {
                input.tags.push("even".into());
            }
            shop.upsert(&input).await;
        }
        let rule = |tag: &str| all(json!([{"type": "tag", "tag": tag}]));
        let made = collect(&shop, "some", "title", rule("third")).await;
        // It is made while the job has not come so far.
        let mut late = shirt("late");
        late.tags.push("third".into());
        shop.upsert(&late).await;
        let count = async || {
            let page = shop
                .get("/api/v1/collections/some/products?limit=250")
                .await
                .json;
            page["data"].as_array().map(Vec::len)
        };
        assert_eq!(count().await, Some(1), "{}", cells.kind);
        let events = shop.events().await;
        let [JobOutcome::Wait(_)] = shop.run_jobs().await[..] else {
            panic!("{}: it looks again later", cells.kind)
        };
        assert_eq!(count().await, Some(51), "{}", cells.kind);
        assert_eq!(
            shop.events().await,
            events + 50,
            "{}: each that came in",
            cells.kind
        );
        let page = held(&shop, "some").await;
        assert!(page.starts_with("late p000 p003 "), "{} {page}", cells.kind);
        let patch = json!({"rule": rule("even")});
        let patched = shop
            .admin("PATCH", &path_to(&made), Some("*"), Some(patch))
            .await;
        assert_eq!(patched.json["filling"]["seen"], 0);
        settle(&shop, &cells).await;
        assert_eq!(count().await, Some(75), "{}", cells.kind);
        assert!(
            held(&shop, "some").await.starts_with("p000 p002 "),
            "{}",
            cells.kind
        );
        let gone = shop.admin("DELETE", &path_to(&made), Some("*"), None).await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        assert_eq!(
            shop.get("/api/v1/collections/some/products").await.status,
            404
        );
        let events = shop.events().await;
        settle(&shop, &cells).await;
        assert_eq!(
            shop.events().await,
            events + 75,
            "{}: each that went",
            cells.kind
        );
        assert_eq!(rows(&shop).await, (0, 0), "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [], "{}", cells.kind);
    }
}

/// Rows of members and of their prices.
async fn rows(shop: &Shop) -> (i64, i64) {
    const MEMBERS: &str = "SELECT count(*) FROM catalog_member WHERE tenant_id = :tenant";
    const PRICES: &str = "SELECT count(*) FROM catalog_member_price WHERE tenant_id = :tenant";
    let members = shop.db.fetch(MEMBERS, &[], |row| row.get(0)).await;
    let prices = shop.db.fetch(PRICES, &[], |row| row.get(0)).await;
    (members.expect("a count")[0], prices.expect("a count")[0])
}

#[tokio::test]
async fn a_collection_by_hand_is_shown_in_the_order_it_was_given() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "by-hand").await;
        for (handle, cents) in [("a", 300), ("b", 100), ("c", 200)] {
            shop.priced(handle, cents).await;
        }
        let body = json!({"title": "Mixed", "products": ["c", "a", "b"]});
        let made = shop.admin("POST", COLLECTIONS, None, Some(body)).await.json;
        assert_eq!(made["sort"], "manual", "{}", cells.kind);
        assert_eq!(held(&shop, "mixed").await, "c a b", "{}", cells.kind);
        let cursor = shop
            .get("/api/v1/collections/mixed/products?limit=1")
            .await
            .json;
        let cursor = cursor["pagination"]["cursor"]
            .as_str()
            .expect("a cursor")
            .to_owned();
        let cheapest = json!({"sort": "price_ascending"});
        shop.admin("PATCH", &path_to(&made), Some("*"), Some(cheapest))
            .await;
        assert_eq!(held(&shop, "mixed").await, "b c a", "{}", cells.kind);
        let featured = "/api/v1/products?collection=mixed";
        assert_eq!(listed(&shop, featured).await, "b c a", "{}", cells.kind);
        // A place in one order is none in another.
        let path = format!("/api/v1/collections/mixed/products?limit=1&cursor={cursor}");
        assert_eq!(
            shop.get(&path).await.refusal(),
            (400, "invalid_cursor", "cursor")
        );
        let variant = shop.upsert(&shirt("a")).await.variants;
        for (variant, _) in variant {
            shop.price(variant, 50, None).await;
        }
        assert_eq!(held(&shop, "mixed").await, "a b c", "{}", cells.kind);
        assert_eq!(rows(&shop).await, (3, 3), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_shop_without_groups_pays_one_statement_less_than_one_with_rules() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "costs").await;
        let made = shop.priced("shirt", 1_000).await;
        let cost = async |cents: i64| {
            let before = shop.statements();
            shop.price(made.variants[0].0, cents, None).await;
            shop.statements() - before
        };
        cost(1_001).await;
        let plain = cost(1_002).await;
        collect(
            &shop,
            "some",
            "title",
            all(json!([{"type": "tag", "tag": "x"}])),
        )
        .await;
        settle(&shop, &cells).await;
        cost(1_003).await;
        // The product with its cards, and the groups that hold it.
        assert_eq!(cost(1_004).await, plain + 2, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_draft_is_held_and_not_shown() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "drafts").await;
        collect(
            &shop,
            "all",
            "title",
            all(json!([{"type": "vendor", "vendor": "Stoa"}])),
        )
        .await;
        settle(&shop, &cells).await;
        let mut draft = shirt("draft");
        draft.status = ProductStatus::Draft;
        let id = shop.upsert(&draft).await.product;
        assert_eq!(held(&shop, "all").await, "", "{}", cells.kind);
        patch_product(&shop, id, json!({"status": "active"})).await;
        assert_eq!(held(&shop, "all").await, "draft", "{}", cells.kind);
    }
}
