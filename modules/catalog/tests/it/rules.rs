//! Collections by rule: what they hold follows every change, and equals what a recount holds.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_contracts::catalog::{ProductDocument, ProductStatus};
use stoa_kernel::{Currency, ProductId, VariantId};
use stoa_storage::Tx;

use crate::categories::{category, listed, patch_product, path_of, settle};
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
        let euro = |cents: i64| json!({"amount": cents, "currency": "EUR"});
        let cases = [
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
        ];
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
            assert_eq!(
                shop.events().await,
                events + 1,
                "{}: it is told",
                cells.kind
            );
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
        assert_eq!(document.collections, ["cheap", "stock"], "{}", cells.kind);
        assert!(document.available, "{}", cells.kind);
        let events = shop.events().await;
        patch_product(&shop, id, json!({"category": "home", "tags": ["SALE"]})).await;
        told(events).await;
        let document = seen().await;
        assert_eq!(document.collections, ["cheap", "homely", "sale", "stock"]);
        assert_eq!(document.categories, ["home"], "{}", cells.kind);
        let events = shop.events().await;
        let path = format!("/api/v1/admin/products/{id}/translations/de");
        shop.admin("PUT", &path, None, Some(json!({"title": "Hemd"})))
            .await;
        told(events).await;
        assert_eq!(seen().await.translations[0].title, "Hemd", "{}", cells.kind);
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
        assert_eq!(patched.json["filling"]["seen"], 0, "{}", cells.kind);
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
        let rows = rows(&shop).await;
        assert_eq!(rows, (0, 0), "{}", cells.kind);
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

#[derive(Debug, Clone)]
enum Edit {
    Title(usize, bool),
    Tag(usize, usize),
    Vendor(usize, bool),
    Price(usize, i64),
    FormerPrice(usize, bool),
    Stock(usize, bool),
    Category(usize, usize),
    Move(bool),
    Import(usize, usize),
    Rule(usize, usize),
    Jobs,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let p = || 0..5usize;
    let edit = prop_oneof![
        2 => (p(), any::<bool>()).prop_map(|(p, yes)| Edit::Title(p, yes)),
        3 => (p(), 0..3usize).prop_map(|(p, tag)| Edit::Tag(p, tag)),
        2 => (p(), any::<bool>()).prop_map(|(p, yes)| Edit::Vendor(p, yes)),
        4 => (p(), 1..20i64).prop_map(|(p, price)| Edit::Price(p, price * 100)),
        2 => (p(), any::<bool>()).prop_map(|(p, yes)| Edit::FormerPrice(p, yes)),
        3 => (p(), any::<bool>()).prop_map(|(p, yes)| Edit::Stock(p, yes)),
        3 => (p(), 0..3usize).prop_map(|(p, at)| Edit::Category(p, at)),
        1 => any::<bool>().prop_map(Edit::Move),
        2 => (p(), 0..3usize).prop_map(|(p, tag)| Edit::Import(p, tag)),
        2 => (0..4usize, 0..7usize).prop_map(|(which, rule)| Edit::Rule(which, rule)),
        1 => Just(Edit::Jobs),
    ];
    proptest::collection::vec(edit, 40..60)
}

const TAGS: [&str; 3] = ["red", "green", "blue"];

fn rule(number: usize) -> Json {
    let price = json!({"amount": 1_000, "currency": "EUR"});
    let tag = json!({"type": "tag", "tag": "RED"});
    match number {
        0 => all(json!([tag])),
        1 => all(json!([tag, {"type": "price_below", "price": price}])),
        2 => json!({"meets": "any", "conditions": [
            {"type": "vendor", "vendor": "other"}, {"type": "price_above", "price": price}]}),
        3 => all(json!([{"type": "available", "available": true}])),
        4 => all(json!([{"type": "category", "category": "branch"}])),
        5 => all(json!([{"type": "title_contains", "text": "warm"}])),
        _ => all(json!([{"type": "compare_at_set", "set": true}])),
    }
}

/// What [`rule`] means, told anew over a document.
fn meets(number: usize, product: &ProductDocument, former: bool) -> bool {
    let price = product.prices.first().map(|(low, _)| low.amount);
    let red = product.tags.iter().any(|tag| tag == "red");
    match number {
        0 => red,
        1 => red && price.is_some_and(|price| price < 1_000),
        2 => product.vendor.as_deref() == Some("Other") || price.is_some_and(|p| p > 1_000),
        3 => product.available,
        4 => product.categories.iter().any(|handle| handle == "branch"),
        5 => product.title.contains("Warm"),
        _ => former,
    }
}

struct Random {
    shop: Shop,
    ids: Vec<(ProductId, VariantId)>,
    prices: Vec<Option<i64>>,
    former: Vec<bool>,
    level: i64,
    branch: String,
    collections: Vec<(String, usize)>,
}

impl Random {
    async fn price(&mut self, p: usize) {
        if let Some(cents) = self.prices[p] {
            let former = self.former[p].then_some(cents + 1);
            self.shop.price(self.ids[p].1, cents, former).await;
        }
    }

    async fn edit(&mut self, cells: &stoa_testkit::TestCells, edit: Edit) {
        let shop = self.shop.clone();
        let patch = async |p: usize, body: Json| {
            patch_product(&shop, self.ids[p].0, body).await;
        };
        match edit {
            Edit::Title(p, warm) => {
                let title = if warm { "Warm thing" } else { "Thing" };
                patch(p, json!({"title": title})).await;
            }
            Edit::Tag(p, tag) => patch(p, json!({"tags": [TAGS[tag]]})).await,
            Edit::Vendor(p, other) => {
                let vendor = if other { "Other" } else { "Stoa" };
                patch(p, json!({"vendor": vendor})).await;
            }
            Edit::Category(p, at) => {
                let handle = [Some("leaf"), Some("branch"), None][at];
                patch(p, json!({"category": handle})).await;
            }
            Edit::Price(p, cents) => {
                self.prices[p] = Some(cents);
                self.price(p).await;
            }
            Edit::FormerPrice(p, yes) => {
                self.former[p] = yes;
                self.price(p).await;
            }
            Edit::Stock(p, yes) => {
                self.level += 1;
                self.shop.hears(self.ids[p].1, yes, self.level).await;
            }
            Edit::Move(below) => {
                let parent = below.then_some("branch");
                let body = json!({"parent": parent});
                let path = self.branch.clone();
                let moved = self.shop.admin("PATCH", &path, Some("*"), Some(body)).await;
                assert_eq!(moved.status, 200, "{}", moved.json);
            }
            Edit::Import(p, tag) => {
                let mut input = shirt(&format!("p{p}"));
                input.tags = vec![TAGS[tag].to_owned()];
                self.shop.upsert(&input).await;
            }
            Edit::Rule(which, number) => {
                let (path, now) = &mut self.collections[which];
                *now = number;
                let body = json!({"rule": rule(number)});
                let put = self.shop.admin("PATCH", path, Some("*"), Some(body)).await;
                assert_eq!(put.status, 200, "{}", put.json);
            }
            Edit::Jobs => settle(&self.shop, cells).await,
        }
    }

    /// The price of every row equals its card's.
    async fn check_prices(&self, kind: &str) {
        const WRONG: &str = "SELECT count(*) FROM catalog_member m \
             LEFT JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = m.product_id \
             LEFT JOIN catalog_member_price r ON r.tenant_id = :tenant \
             AND r.group_id = m.group_id AND r.product_id = m.product_id \
             AND r.currency = c.currency \
             WHERE m.tenant_id = :tenant AND c.price_min IS DISTINCT FROM r.price_min";
        let wrong = self
            .shop
            .db
            .fetch(WRONG, &[], |row| row.get::<i64>(0))
            .await;
        assert_eq!(wrong.expect("a count"), [0], "{kind}");
    }
}

async fn random_shop(cells: &stoa_testkit::TestCells, slug: &str) -> Random {
    let shop = Shop::open(cells, slug).await;
    category(&shop, "branch", None).await;
    let leaf = category(&shop, "leaf", Some("branch")).await;
    let mut ids = Vec::new();
    for p in 0..5 {
        let made = shop.upsert(&shirt(&format!("p{p}"))).await;
        ids.push((made.product, made.variants[0].0));
    }
    let mut collections = Vec::new();
    for number in 0..4 {
        let made = collect(&shop, &format!("c{number}"), "title", rule(number)).await;
        collections.push((path_to(&made), number));
    }
    Random {
        shop,
        ids,
        prices: vec![None; 5],
        former: vec![false; 5],
        level: 0,
        branch: path_of(&leaf),
        collections,
    }
}

#[tokio::test]
async fn whatever_is_edited_members_equal_a_recount() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for cells in everywhere().await {
        for case in 0..4 {
            let mut random = random_shop(&cells, &format!("random-rules-{case}")).await;
            for edit in edits().new_tree(&mut runner).expect("edits").current() {
                random.edit(&cells, edit).await;
            }
            settle(&random.shop, &cells).await;
            let ids: Vec<ProductId> = random.ids.iter().map(|(id, _)| *id).collect();
            let shop = &random.shop;
            let documents = shop
                .catalog
                .documents(shop.tenant, &ids)
                .await
                .expect("a read");
            for (place, (_, number)) in random.collections.iter().enumerate() {
                let handle = format!("c{place}");
                for document in &documents {
                    let p: usize = document.handle[1..].parse().expect("a number");
                    let former = random.former[p] && random.prices[p].is_some();
                    let expected = meets(*number, document, former);
                    let is = document.collections.contains(&handle);
                    assert_eq!(
                        is, expected,
                        "{} {case} {handle} {number} {document:?}",
                        cells.kind
                    );
                }
            }
            random.check_prices(cells.kind).await;
        }
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
