//! Product JSON that lies finished in the database: the same bytes, never outdated, one statement.

use std::time::Duration;

use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_contracts::catalog::{ProductStatus, Seo};
use stoa_kernel::VariantId;
use stoa_storage::Tx;
use stoa_testkit::TestCells;

use crate::categories::{category, patch_product, path_of, settle};
use crate::support::{Shop, everywhere, shirt};

const PRODUCTS: &str = "/api/v1/admin/products";
/// When the job begins that a change left behind.
const ROUND: Duration = Duration::from_secs(15);

async fn made(shop: &Shop, body: Json) -> Json {
    let made = shop.admin("POST", PRODUCTS, None, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.json
}

fn variant_of(product: &Json) -> VariantId {
    let id = product["variants"][0]["id"].as_str().expect("an id");
    id.parse().expect("a variant's id")
}

/// Lets the job store what it can.
async fn store(shop: &Shop, cells: &TestCells) {
    cells.clock.advance(ROUND);
    for outcome in shop.store_answers().await {
        assert!(
            matches!(outcome, JobOutcome::Wait(_) | JobOutcome::Done),
            "{outcome:?} {}",
            cells.kind
        );
    }
}

/// The handles whose answers are stored.
async fn stored(shop: &Shop) -> String {
    const SQL: &str = "SELECT handle FROM catalog_answer WHERE tenant_id = :tenant \
                       AND body IS NOT NULL ORDER BY handle";
    let found = shop.db.fetch(SQL, &[], |row| row.get::<String>(0)).await;
    found.expect("handles").join(" ")
}

/// What a process without memory answers, and how many statements that is. It is the same as what
/// the rows say: in a language that nobody wrote, the answer is always worked out from them.
async fn read(shop: &Shop, cells: &TestCells, handle: &str) -> (Json, u64) {
    let fresh = shop.afresh(cells).await;
    let path = format!("/api/v1/products/{handle}");
    cells.db(shop.tenant).await;
    let before = fresh.statements();
    let answer = fresh.get(&path).await;
    let statements = fresh.statements() - before;
    let rows = fresh.get(&format!("{path}?locale=tlh")).await;
    assert_eq!(answer.status, rows.status, "{handle} {}", cells.kind);
    if answer.status == 200 {
        assert_eq!(answer.bytes, rows.bytes, "{handle} {}", cells.kind);
        assert_eq!(answer.header("etag"), rows.header("etag"));
        assert_eq!(answer.header("cache-tag"), rows.header("cache-tag"));
        let view = fresh.product(handle).await.expect("a view");
        let again = serde_json::to_vec(&view).expect("plain values");
        assert_eq!(again, answer.bytes, "{handle} {}", cells.kind);
    }
    (answer.json, statements)
}

#[tokio::test]
async fn a_stored_answer_is_the_bytes_that_the_rows_give_in_one_statement() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "bytes").await;
        let mut rich = shirt("rich");
        rich.title = "Größe \"S\" \u{1F600} <b>\n".to_owned();
        rich.seo = Seo {
            title: Some("Seo".to_owned()),
            description: Some("Words\t".to_owned()),
        };
        let rich = shop.upsert(&rich).await;
        shop.price(rich.variants[0].0, 1_000, Some(2_000)).await;
        shop.hears(rich.variants[0].0, true, 1).await;
        category(&shop, "home", None).await;
        category(&shop, "lamps", Some("home")).await;
        let attributes = json!([{"name": "Wood", "value": "Oak"}, {"name": "A", "value": "1"}]);
        let body = json!({"category": "lamps", "attributes": attributes});
        patch_product(&shop, rich.product, body).await;
        shop.upsert(&shirt("unpriced")).await;
        let mut gift = shirt("gift");
        gift.gift_card = true;
        shop.upsert(&gift).await;
        let mut draft = shirt("draft");
        draft.status = ProductStatus::Draft;
        shop.upsert(&draft).await;
        let tea = made(&shop, json!({"title": "Tea"})).await;
        let parts = json!([{"variant_id": tea["variants"][0]["id"], "quantity": 2}]);
        let body = json!({"title": "Set", "kind": "bundle", "variants": [{"components": parts}]});
        let set = made(&shop, body).await;
        shop.price(variant_of(&set), 700, None).await;
        settle(&shop, &cells).await;
        assert_eq!(stored(&shop).await, "", "{}: nobody did", cells.kind);
        assert_eq!(read(&shop, &cells, "tea").await.1, 2, "{}", cells.kind);
        store(&shop, &cells).await;
        let all = "gift rich set tea unpriced";
        assert_eq!(stored(&shop).await, all, "{}", cells.kind);
        for handle in all.split(' ') {
            let (_, statements) = read(&shop, &cells, handle).await;
            assert_eq!(statements, 1, "{handle} {}", cells.kind);
        }
        let (rich, _) = read(&shop, &cells, "rich").await;
        assert_eq!(rich["variants"][0]["price"]["amount"], 1_000);
        assert_eq!(rich["categories"][1]["handle"], "lamps", "{}", cells.kind);
        let dollars = shop.get("/api/v1/products/rich?currency=USD").await.json;
        assert_eq!(dollars["variants"][0]["price"], Json::Null);
        assert_eq!(read(&shop, &cells, "draft").await.0["code"], "not_found");
    }
}

#[tokio::test]
async fn every_change_empties_the_answer_in_its_own_transaction() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "changes").await;
        let shirt = shop.priced("shirt", 1_000).await;
        let (product, variant) = (shirt.product, shirt.variants[0].0);
        let home = category(&shop, "home", None).await;
        let lamps = category(&shop, "lamps", None).await;
        patch_product(&shop, product, json!({"category": "lamps"})).await;
        settle(&shop, &cells).await;
        let known = async |pointer: &str, value: Json| {
            let (json, statements) = read(&shop, &cells, "shirt").await;
            let found = json.pointer(pointer).cloned().unwrap_or(Json::Null);
            assert_eq!(found, value, "{pointer} {}", cells.kind);
            assert!(statements > 1, "{pointer} {}: from the rows", cells.kind);
            store(&shop, &cells).await;
            assert_eq!(stored(&shop).await, "shirt", "{pointer} {}", cells.kind);
            assert_eq!(read(&shop, &cells, "shirt").await, (json, 1), "{pointer}");
        };
        known("/categories/0/title", json!("LAMPS")).await;
        shop.price(variant, 1_200, Some(1_500)).await;
        known("/variants/0/compare_at_price/amount", json!(1_500)).await;
        shop.hears(variant, true, 1).await;
        known("/variants/0/available", json!(true)).await;
        shop.hears(variant, false, 2).await;
        known("/variants/0/available", json!(false)).await;
        patch_product(&shop, product, json!({"title": "Coat"})).await;
        known("/title", json!("Coat")).await;
        let rename = json!({"title": "Lights"});
        let path = path_of(&lamps);
        let renamed = shop.admin("PATCH", &path, Some("*"), Some(rename)).await;
        assert_eq!(renamed.status, 200, "{}", renamed.json);
        known("/categories/0/title", json!("Lights")).await;
        let moved = json!({"parent": "home"});
        shop.admin("PATCH", &path, Some("*"), Some(moved)).await;
        known("/categories/1/title", json!("Lights")).await;
        // Nothing of it is in the branch that changes, yet it is asked anew.
        let garden = category(&shop, "garden", None).await;
        known("/categories/0/title", json!("HOME")).await;
        shop.admin("DELETE", &path_of(&garden), Some("*"), None)
            .await;
        known("/categories/0/title", json!("HOME")).await;
        shop.admin("DELETE", &path_of(&home), Some("*"), None).await;
        known("/categories/0/title", json!("Lights")).await;
        let words = format!("{PRODUCTS}/{product}/translations/de");
        let put = shop
            .admin("PUT", &words, None, Some(json!({"title": "Mantel"})))
            .await;
        assert_eq!(put.status, 204, "{}", put.json);
        let german = shop.get("/api/v1/products/shirt?locale=de").await;
        assert_eq!(german.json["title"], "Mantel", "{}", cells.kind);
        known("/title", json!("Coat")).await;
    }
}

#[tokio::test]
async fn a_product_that_goes_or_moves_leaves_no_answer() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "goes").await;
        let shirt = shop.priced("shirt", 1_000).await;
        store(&shop, &cells).await;
        let status = async |status: &str| {
            patch_product(&shop, shirt.product, json!({"status": status})).await;
        };
        status("draft").await;
        assert_eq!(stored(&shop).await, "", "{}", cells.kind);
        assert_eq!(read(&shop, &cells, "shirt").await.0["code"], "not_found");
        store(&shop, &cells).await;
        assert_eq!(stored(&shop).await, "", "{}", cells.kind);
        status("active").await;
        store(&shop, &cells).await;
        assert_eq!(stored(&shop).await, "shirt", "{}", cells.kind);
        // By this clock its time has come and is over, though no job said so.
        let at = cells.deps.now().plus(Duration::from_secs(600)).to_string();
        patch_product(&shop, shirt.product, json!({"unpublish_at": at})).await;
        store(&shop, &cells).await;
        assert_eq!(read(&shop, &cells, "shirt").await.1, 1, "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(600));
        assert_eq!(stored(&shop).await, "shirt", "{}", cells.kind);
        assert_eq!(read(&shop, &cells, "shirt").await.0["code"], "not_found");
        shop.run_jobs().await;
        assert_eq!(stored(&shop).await, "", "{}", cells.kind);
        patch_product(&shop, shirt.product, json!({"unpublish_at": null})).await;
        store(&shop, &cells).await;
        patch_product(&shop, shirt.product, json!({"handle": "coat"})).await;
        let other = shop.priced("shirt", 900).await;
        store(&shop, &cells).await;
        assert_eq!(stored(&shop).await, "coat shirt", "{}", cells.kind);
        let id = |json: &Json| json["id"].as_str().unwrap_or_default().to_owned();
        let (coat, statements) = read(&shop, &cells, "coat").await;
        assert_eq!((id(&coat), statements), (shirt.product.to_string(), 1));
        let (new, _) = read(&shop, &cells, "shirt").await;
        assert_eq!(id(&new), other.product.to_string(), "{}", cells.kind);
        let path = format!("{PRODUCTS}/{}", other.product);
        let deleted = shop.admin("DELETE", &path, Some("*"), None).await;
        assert_eq!(deleted.status, 204, "{}", cells.kind);
        assert_eq!(read(&shop, &cells, "shirt").await.0["code"], "not_found");
        store(&shop, &cells).await;
        const ROWS: &str = "SELECT count(*) FROM catalog_answer WHERE tenant_id = :tenant";
        let rows = shop.db.fetch(ROWS, &[], |row| row.get::<i64>(0)).await;
        assert_eq!(rows.expect("a count"), [1], "{}", cells.kind);
    }
}

#[tokio::test]
async fn the_job_waits_while_somebody_imports_but_not_for_ever() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "rush").await;
        let import = async |from: usize| {
            let one = shop.clone();
            let done = shop.db.write(async move |tx: &mut Tx<'_>| {
                for number in from..from + 70 {
                    let input = shirt(&format!("shirt-{number}"));
                    let cause = one.cause();
                    one.catalog.upsert_product(tx, &input, &cause).await?;
                }
                Ok::<_, stoa_contracts::catalog::CatalogError>(())
            });
            done.await.expect("an import");
        };
        import(0).await;
        let mut held_up = 0;
        for round in 1..=20 {
            cells.clock.advance(Duration::from_secs(150));
            import(round * 70).await;
            let outcomes = shop.store_answers().await;
            let later = JobOutcome::Wait(cells.deps.now().plus(Duration::from_secs(5)));
            if outcomes.iter().any(|outcome| *outcome != later) {
                break;
            }
            assert_eq!(stored(&shop).await, "", "{}", cells.kind);
            held_up += 1;
        }
        assert_eq!(held_up, 11, "{}: half an hour", cells.kind);
        let known = stored(&shop).await.split(' ').count();
        assert_eq!(known, 13 * 70, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_job_looks_once_more_after_its_round_and_ends() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "ends").await;
        shop.priced("shirt", 1_000).await;
        cells.clock.advance(ROUND);
        let [JobOutcome::Wait(settles)] = shop.store_answers().await[..] else {
            panic!("{}: one job that looks again", cells.kind);
        };
        assert_eq!(stored(&shop).await, "shirt", "{}", cells.kind);
        let first = read(&shop, &cells, "shirt").await;
        assert_eq!(shop.store_answers().await, [], "{}", cells.kind);
        let rest = settles.since(cells.deps.now());
        assert!(rest >= Duration::from_secs(140), "{rest:?}");
        cells.clock.advance(rest);
        assert_eq!(shop.store_answers().await, [JobOutcome::Done]);
        cells.clock.advance(rest);
        assert_eq!(shop.store_answers().await, [], "{}", cells.kind);
        assert_eq!(read(&shop, &cells, "shirt").await, first, "{}", cells.kind);
        // A shop whose products are all known: a change alone begins another round.
        let tea = made(&shop, json!({"title": "Tea"})).await;
        store(&shop, &cells).await;
        assert_eq!(stored(&shop).await, "shirt tea", "{}", cells.kind);
        shop.price(variant_of(&tea), 100, None).await;
        assert_eq!(stored(&shop).await, "shirt", "{}", cells.kind);
        store(&shop, &cells).await;
        assert_eq!(stored(&shop).await, "shirt tea", "{}", cells.kind);
    }
}

#[tokio::test]
async fn one_shop_never_reads_the_answer_of_another() {
    for cells in everywhere().await {
        let ours = Shop::open(&cells, "ours").await;
        let theirs = Shop::open(&cells, "theirs").await;
        let none = Shop::open(&cells, "none").await;
        ours.priced("shirt", 1_000).await;
        theirs.priced("shirt", 7_000).await;
        store(&ours, &cells).await;
        // A database of its own is a queue of its own.
        store(&theirs, &cells).await;
        assert_eq!(stored(&theirs).await, "shirt", "{}", cells.kind);
        let amount = async |shop: &Shop| {
            let (json, _) = read(shop, &cells, "shirt").await;
            json["variants"][0]["price"]["amount"].as_i64()
        };
        assert_eq!(amount(&ours).await, Some(1_000), "{}", cells.kind);
        assert_eq!(amount(&theirs).await, Some(7_000), "{}", cells.kind);
        assert_eq!(amount(&none).await, None, "{}", cells.kind);
        assert_eq!(stored(&none).await, "", "{}", cells.kind);
    }
}
