//! The tree of categories: what may be done to it, and what products and lists show of it.

mod random;

use std::time::Duration;

use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_kernel::ProductId;
use stoa_testkit::TestCells;

use crate::support::{Shop, everywhere, shirt};

const CATEGORIES: &str = "/api/v1/admin/categories";

pub(crate) async fn category(shop: &Shop, handle: &str, parent: Option<&str>) -> Json {
    let body = json!({"title": handle.to_uppercase(), "handle": handle, "parent": parent});
    let made = shop.admin("POST", CATEGORIES, None, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.json
}

pub(crate) fn path_of(category: &Json) -> String {
    format!("{CATEGORIES}/{}", category["id"].as_str().expect("an id"))
}

pub(crate) async fn patch_product(shop: &Shop, id: ProductId, body: Json) -> Json {
    let path = format!("/api/v1/admin/products/{id}");
    let done = shop.admin("PATCH", &path, Some("*"), Some(body)).await;
    assert_eq!(done.status, 200, "{}", done.json);
    done.json
}

/// Lets everything be done that is left to do.
pub(crate) async fn settle(shop: &Shop, cells: &TestCells) {
    shop.run_jobs().await;
    cells.clock.advance(Duration::from_secs(61));
    while !shop.run_jobs().await.is_empty() {}
}

pub(crate) async fn listed(shop: &Shop, path: &str) -> String {
    let answer = shop.get(path).await;
    assert_eq!(answer.status, 200, "{path} {}", answer.json);
    names(&answer.json)
}

fn names(page: &Json) -> String {
    let data = page["data"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = data.iter().filter_map(|p| p["handle"].as_str()).collect();
    names.join(" ")
}

fn attribute(name: &str, value: &str) -> Json {
    json!({"name": name, "value": value})
}

async fn tree(shop: &Shop) -> String {
    let page = shop.get("/api/v1/categories").await.json;
    let data = page["data"].as_array().cloned().unwrap_or_default();
    let line = |each: &Json| {
        let depth = each["depth"].as_u64().expect("a depth");
        format!(
            "{}{}",
            "-".repeat(depth as usize),
            each["handle"].as_str().expect("a handle")
        )
    };
    data.iter().map(line).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_tree_keeps_the_merchants_order_and_its_bounds() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tree").await;
        let theirs = Shop::open(&cells, "tree-others").await;
        category(&theirs, "home", None).await;
        let home = category(&shop, "home", None).await;
        let lamps = category(&shop, "lamps", Some("home")).await;
        category(&shop, "rugs", Some("home")).await;
        category(&shop, "garden", None).await;
        let body = json!({"title": "Chairs", "parent": "home", "position": 0});
        let chairs = shop.admin("POST", CATEGORIES, None, Some(body)).await;
        assert_eq!(chairs.json["position"], 0, "{}", cells.kind);
        let expected = "home -chairs -lamps -rugs garden";
        assert_eq!(tree(&shop).await, expected, "{}", cells.kind);
        assert_eq!(tree(&theirs).await, "home", "{}", cells.kind);
        let first = shop.get("/api/v1/categories").await;
        let tag = first.header("etag").to_owned();
        let known = [("if-none-match", tag.as_str())];
        let again = shop.send("GET", "/api/v1/categories", &known, None).await;
        assert_eq!(again.status, 304, "{}", cells.kind);
        let patch = async |category: &Json, body: Json| {
            shop.admin("PATCH", &path_of(category), Some("*"), Some(body))
                .await
        };
        let ring = patch(&home, json!({"parent": "lamps"})).await;
        assert_eq!(
            ring.refusal(),
            (422, "invalid_request", "parent"),
            "{}",
            cells.kind
        );
        let nowhere = patch(&home, json!({"parent": "nowhere"})).await;
        assert_eq!(nowhere.refusal(), (422, "invalid_request", "parent"));
        let taken = patch(&home, json!({"handle": "rugs"})).await;
        assert_eq!(
            taken.refusal(),
            (409, "handle_taken", "handle"),
            "{}",
            cells.kind
        );
        let moved = patch(&lamps, json!({"parent": "garden"})).await;
        assert_eq!((moved.status, &moved.json["version"]), (200, &json!(2)));
        assert_eq!(
            tree(&shop).await,
            "home -chairs -rugs garden -lamps",
            "{}",
            cells.kind
        );
        let path = path_of(&lamps);
        let stale = shop
            .admin("PATCH", &path, Some("\"1\""), Some(json!({})))
            .await;
        assert_eq!(stale.status, 412, "{}", cells.kind);
        let up = patch(&lamps, json!({"parent": null, "position": 0})).await;
        assert_eq!(up.json["depth"], 0, "{}", cells.kind);
        assert_eq!(
            tree(&shop).await,
            "lamps home -chairs -rugs garden",
            "{}",
            cells.kind
        );
        let garden = patch(
            &json!({"id": "category_00000000000000000000000000"}),
            json!({}),
        )
        .await;
        assert_eq!(garden.status, 404, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_tree_is_eight_levels_deep_at_most() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "deep").await;
        category(&shop, "garden", None).await;
        for depth in 1..8 {
            let parent = if depth == 1 {
                "garden".to_owned()
            } else {
                format!("d{}", depth - 1)
            };
            let body = json!({"title": format!("d{depth}"), "parent": parent});
            let made = shop.admin("POST", CATEGORIES, None, Some(body)).await;
            assert_eq!(made.status, 201, "{} {depth}", cells.kind);
        }
        let body = json!({"title": "d8", "parent": "d7"});
        let deep = shop.admin("POST", CATEGORIES, None, Some(body)).await;
        assert_eq!(
            deep.refusal(),
            (422, "invalid_request", "parent"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_product_shows_the_way_to_its_category_and_its_attributes_in_order() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "attributes").await;
        let home = category(&shop, "home", None).await;
        let lamps = category(&shop, "lamps", Some("home")).await;
        let rules = json!({"attributes": [
            {"name": "Material", "values": ["Linen", "Oak"]}, {"name": "Made in"},
        ]});
        shop.admin("PATCH", &path_of(&home), Some("*"), Some(rules))
            .await;
        let rules = json!({"attributes": [{"name": "Watts", "values": ["5", "9"]}]});
        shop.admin("PATCH", &path_of(&lamps), Some("*"), Some(rules))
            .await;
        settle(&shop, &cells).await;
        let id = shop.priced("lamp", 1_000).await.product;
        let attributes = [
            attribute("Weight", "2 kg"),
            attribute("watts", "5"),
            attribute("Bulb", "E27"),
            attribute("Material", "Oak"),
        ];
        let body = json!({"category": "lamps", "attributes": attributes});
        let events = shop.events().await;
        let patched = patch_product(&shop, id, body.clone()).await;
        assert_eq!(patched["category"], "lamps", "{}", cells.kind);
        assert_eq!(
            shop.events().await,
            events + 1,
            "{}: it is told",
            cells.kind
        );
        let view = shop.get("/api/v1/products/lamp").await.json;
        let path = json!([
            {"handle": "home", "title": "HOME"}, {"handle": "lamps", "title": "LAMPS"},
        ]);
        assert_eq!(view["categories"], path, "{}", cells.kind);
        let [weight, watts, bulb, material] = attributes;
        let ordered = json!([material, watts, bulb, weight]);
        assert_eq!(view["attributes"], ordered, "{}", cells.kind);
        let document = shop.catalog.documents(shop.tenant, &[id]).await;
        let document = document.expect("a read").remove(0);
        assert_eq!(document.categories, ["home", "lamps"], "{}", cells.kind);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = [
            pair("Material", "Oak"),
            pair("watts", "5"),
            pair("Bulb", "E27"),
            pair("Weight", "2 kg"),
        ];
        assert_eq!(document.attributes, pairs, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_value_that_its_category_forbids_is_refused_where_it_is_new() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "forbidden").await;
        let home = category(&shop, "home", None).await;
        let rules = json!({"attributes": [{"name": "Material", "values": ["Linen", "Oak"]}]});
        shop.admin("PATCH", &path_of(&home), Some("*"), Some(rules))
            .await;
        let id = shop.priced("lamp", 1_000).await.product;
        let body = json!({"category": "home", "attributes": [attribute("Material", "Oak")]});
        patch_product(&shop, id, body).await;
        let path = format!("/api/v1/admin/products/{id}");
        let refused = async |body: Json| {
            let answer = shop.admin("PATCH", &path, Some("*"), Some(body)).await;
            let (status, _, field) = answer.refusal();
            (status, field.to_owned())
        };
        let wrong = json!({"attributes": [attribute("Material", "Tin")]});
        let field = (422, "attributes[0].value".to_owned());
        assert_eq!(refused(wrong).await, field, "{}", cells.kind);
        let unknown = (422, "category".to_owned());
        assert_eq!(refused(json!({"category": "sofas"})).await, unknown);
        // What a category does not allow any more does not stand in the way of other edits.
        let rules = json!({"attributes": [{"name": "Material", "values": ["Linen"]}]});
        shop.admin("PATCH", &path_of(&home), Some("*"), Some(rules))
            .await;
        patch_product(&shop, id, json!({"title": "A lamp"})).await;
        let same = patch_product(&shop, id, json!({"attributes": []})).await;
        assert_eq!(same["attributes"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_branch_lists_what_is_below_it_in_every_order_page_by_page() {
    for cells in everywhere().await {
        let mut shop = Shop::open(&cells, "branch").await;
        category(&shop, "home", None).await;
        category(&shop, "lamps", Some("home")).await;
        category(&shop, "rugs", Some("home")).await;
        category(&shop, "empty", None).await;
        let places = ["lamps", "rugs", "home", "lamps", "rugs"];
        for (index, handle) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            cells.clock.advance(Duration::from_secs(1));
            shop.now = cells.deps.now();
            let made = shop.priced(handle, 500 - 100 * index as i64).await;
            patch_product(&shop, made.product, json!({"category": places[index]})).await;
        }
        shop.priced("outside", 50).await;
        let home = "/api/v1/categories/home/products";
        assert_eq!(listed(&shop, home).await, "e d c b a", "{}", cells.kind);
        for (sort, expected) in [
            ("newest", ["e", "d", "c", "b", "a"]),
            ("title", ["a", "b", "c", "d", "e"]),
            ("price_ascending", ["e", "d", "c", "b", "a"]),
            ("price_descending", ["a", "b", "c", "d", "e"]),
        ] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = shop
                    .get(&format!("{home}?sort={sort}&limit=2{cursor}"))
                    .await
                    .json;
                seen.extend(names(&page).split(' ').map(str::to_owned));
                match page["pagination"]["cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(seen, expected, "{} {sort}", cells.kind);
        }
        let lamps = "/api/v1/categories/lamps/products?sort=title";
        assert_eq!(listed(&shop, lamps).await, "a d", "{}", cells.kind);
        assert_eq!(listed(&shop, "/api/v1/categories/empty/products").await, "");
        let none = shop.get("/api/v1/categories/none/products").await;
        assert_eq!(none.refusal(), (404, "not_found", ""), "{}", cells.kind);
        // A new title and a new price are in their places at once.
        let a = shop.upsert(&shirt("a")).await;
        patch_product(&shop, a.product, json!({"title": "Shirt z"})).await;
        for (variant, _) in &a.variants {
            shop.price(*variant, 1, None).await;
        }
        let title = format!("{home}?sort=title");
        assert_eq!(listed(&shop, &title).await, "b c d e a", "{}", cells.kind);
        let cheap = format!("{home}?sort=price_ascending");
        assert_eq!(listed(&shop, &cheap).await, "a e d c b", "{}", cells.kind);
        patch_product(&shop, a.product, json!({"category": null})).await;
        assert_eq!(listed(&shop, &title).await, "b c d e", "{}", cells.kind);
    }
}

#[tokio::test]
async fn products_and_branches_of_a_deleted_category_go_to_where_it_grew_from() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "deleted").await;
        category(&shop, "home", None).await;
        category(&shop, "first", Some("home")).await;
        let light = category(&shop, "light", Some("home")).await;
        category(&shop, "last", Some("home")).await;
        category(&shop, "lamps", Some("light")).await;
        category(&shop, "bulbs", Some("light")).await;
        let mut ids = Vec::new();
        for (handle, at) in [("torch", "light"), ("lamp", "lamps")] {
            let id = shop.priced(handle, 100).await.product;
            patch_product(&shop, id, json!({"category": at})).await;
            ids.push(id);
        }
        settle(&shop, &cells).await;
        let gone = shop
            .admin("DELETE", &path_of(&light), Some("*"), None)
            .await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        let expected = "home -first -lamps -bulbs -last";
        assert_eq!(tree(&shop).await, expected, "{}", cells.kind);
        // Before any job ran, the product is where the category was.
        let torch = format!("/api/v1/admin/products/{}", ids[0]);
        let now = shop.admin("GET", &torch, None, None).await.json;
        assert_eq!(now["category"], "home", "{}", cells.kind);
        let events = shop.events().await;
        settle(&shop, &cells).await;
        assert_eq!(
            shop.events().await,
            events + 2,
            "{}: both are told",
            cells.kind
        );
        let documents = shop
            .catalog
            .documents(shop.tenant, &ids)
            .await
            .expect("a read");
        let mut paths: Vec<Vec<String>> = documents.into_iter().map(|d| d.categories).collect();
        paths.sort();
        assert_eq!(
            paths,
            [vec!["home"], vec!["home", "lamps"]],
            "{}",
            cells.kind
        );
        let home = "/api/v1/categories/home/products?sort=title";
        assert_eq!(listed(&shop, home).await, "lamp torch", "{}", cells.kind);
        // The handle is free again, and the products are not in its new owner.
        category(&shop, "light", None).await;
        assert_eq!(listed(&shop, "/api/v1/categories/light/products").await, "");
    }
}

#[tokio::test]
async fn a_category_that_a_rule_asks_for_stays() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "asked-for").await;
        let light = category(&shop, "light", None).await;
        let body = json!({"title": "Lamps", "sort": "title", "rule": {
            "conditions": [{"type": "category", "category": "light"}]}});
        let made = shop
            .admin("POST", "/api/v1/admin/collections", None, Some(body))
            .await;
        assert_eq!(made.status, 201, "{}", made.json);
        let refused = shop
            .admin("DELETE", &path_of(&light), Some("*"), None)
            .await;
        assert_eq!(
            refused.refusal(),
            (409, "category_in_use", ""),
            "{}",
            cells.kind
        );
        let collection = made.json["id"].as_str().expect("an id");
        let collection = format!("/api/v1/admin/collections/{collection}");
        assert_eq!(
            shop.admin("DELETE", &collection, Some("*"), None)
                .await
                .status,
            204
        );
        let gone = shop
            .admin("DELETE", &path_of(&light), Some("*"), None)
            .await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_moved_or_renamed_branch_is_told_for_each_of_its_products() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "moved").await;
        category(&shop, "home", None).await;
        category(&shop, "garden", None).await;
        let lamps = category(&shop, "lamps", Some("home")).await;
        category(&shop, "bulbs", Some("lamps")).await;
        let mut ids = Vec::new();
        for number in 0..70 {
            let id = shop.upsert(&shirt(&format!("p{number}"))).await.product;
            patch_product(&shop, id, json!({"category": "bulbs"})).await;
            ids.push(id);
        }
        shop.get("/api/v1/products/p3").await;
        let move_it = json!({"parent": "garden"});
        let moved = shop
            .admin("PATCH", &path_of(&lamps), Some("*"), Some(move_it))
            .await;
        assert_eq!(moved.status, 200, "{}", cells.kind);
        let events = shop.events().await;
        let [JobOutcome::Wait(later)] = shop.run_jobs().await[..] else {
            panic!("{}: it looks again later", cells.kind)
        };
        assert_eq!(
            later,
            shop.now.plus(Duration::from_secs(60)),
            "{}",
            cells.kind
        );
        assert_eq!(shop.events().await, events + 70, "{}", cells.kind);
        let count = async |handle: &str| {
            let path = format!("/api/v1/categories/{handle}/products?limit=250");
            shop.get(&path).await.json["data"].as_array().map(Vec::len)
        };
        assert_eq!(count("home").await, Some(0), "{}", cells.kind);
        assert_eq!(count("garden").await, Some(70), "{}", cells.kind);
        let view = shop.get("/api/v1/products/p3").await.json;
        assert_eq!(view["categories"][0]["handle"], "garden", "{}", cells.kind);
        settle(&shop, &cells).await;
        assert_eq!(
            shop.events().await,
            events + 70,
            "{}: told once",
            cells.kind
        );
        // So are new words, also those of a language.
        let words = format!("{}/translations/de", path_of(&lamps));
        let put = shop
            .admin("PUT", &words, None, Some(json!({"title": "Lampen"})))
            .await;
        assert_eq!(put.status, 204, "{}", cells.kind);
        settle(&shop, &cells).await;
        assert_eq!(shop.events().await, events + 70 + 1 + 70, "{}", cells.kind);
        let view = shop.get("/api/v1/products/p3?locale=de-AT").await.json;
        assert_eq!(view["categories"][1]["title"], "Lampen", "{}", cells.kind);
        let german = shop.get("/api/v1/categories?locale=de").await.json;
        assert_eq!(german["data"][2]["title"], "Lampen", "{}", cells.kind);
        assert_eq!(german["data"][3]["title"], "BULBS", "{}", cells.kind);
    }
}

#[tokio::test]
async fn of_two_moves_that_would_make_a_ring_one_is_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "ring").await;
        let one = category(&shop, "one", None).await;
        let two = category(&shop, "two", None).await;
        for _ in 0..10 {
            let (one_path, two_path) = (path_of(&one), path_of(&two));
            let below = |parent: &str| Some(json!({"parent": parent}));
            let (a, b) = tokio::join!(
                shop.admin("PATCH", &one_path, Some("*"), below("two")),
                shop.admin("PATCH", &two_path, Some("*"), below("one")),
            );
            let mut statuses = [a.status, b.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 422], "{}", cells.kind);
            assert_eq!(tree(&shop).await.len(), "one -two".len(), "{}", cells.kind);
            let root = Some(json!({"parent": null}));
            shop.admin("PATCH", &one_path, Some("*"), root.clone())
                .await;
            shop.admin("PATCH", &two_path, Some("*"), root).await;
        }
    }
}
