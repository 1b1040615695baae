//! Random edits: what collections by rule hold equals what a recount holds.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use stoa_contracts::catalog::ProductDocument;
use stoa_kernel::{ProductId, VariantId};

use super::{all, collect, path_to};
use crate::categories::{category, patch_product, path_of, settle};
use crate::support::{Shop, everywhere, shirt};

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
