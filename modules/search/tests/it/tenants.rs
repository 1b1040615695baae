//! No tenant ever finds what is another's, whatever it asks.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stoa_contracts::search::{SearchQuery, SearchSort};
use stoa_kernel::{Currency, ProductId, TenantId};

use crate::shelf::product;
use crate::support::{Shop, filter, settled, sqlite, tell, text_query};

const TENANTS: usize = 3;
const PRODUCTS: u128 = 60;
const WORDS: [&str; 6] = ["lamp", "table", "chair", "lamps", "shade", "red"];

#[derive(Debug, Clone)]
enum Ask {
    Find(String, Option<&'static str>, SearchSort, bool),
    Suggest(String),
    Similar(u128),
}

fn ask() -> impl Strategy<Value = Ask> {
    let word = || prop::sample::select(WORDS.to_vec());
    let text = prop::collection::vec(word(), 0..3).prop_map(|words| words.join(" "));
    let sort = prop::sample::select(vec![
        SearchSort::Relevance,
        SearchSort::Newest,
        SearchSort::Title,
        SearchSort::PriceAscending,
    ]);
    let vendor = prop::option::of(prop::sample::select(vec!["v0", "v1", "v2", "same"]));
    prop_oneof![
        4 => (text, vendor, sort, any::<bool>())
            .prop_map(|(text, vendor, sort, pages)| Ask::Find(text, vendor, sort, pages)),
        1 => (word(), 1_usize..5).prop_map(|(word, length)| {
            Ask::Suggest(word.chars().take(length).collect())
        }),
        1 => (0..PRODUCTS).prop_map(Ask::Similar),
    ]
}

/// The tenant that a product of number `n` belongs to.
fn owner(n: u128) -> usize {
    n as usize % TENANTS
}

async fn fill(shop: &Shop<'_>, tenants: &[TenantId]) {
    for n in 0..PRODUCTS {
        let words = [WORDS[n as usize % 6], WORDS[n as usize / 6 % 6]];
        let mut made = product(n, &words.join(" "));
        made.vendor = Some(match n % 4 {
            0 => "same".to_owned(),
            _ => format!("v{}", owner(n)),
        });
        made.tags = vec!["shared".to_owned()];
        shop.shelf.put(tenants[owner(n)], made);
        tell(shop.cells, tenants[owner(n)], vec![ProductId::from_u128(n)]).await;
    }
    for tenant in tenants {
        drop(shop.process.search.find(*tenant, &text_query("")).await);
        settled(shop.cells, &shop.process, *tenant).await;
    }
}

async fn answers(shop: &Shop<'_>, tenant: TenantId, ask: &Ask) -> Vec<ProductId> {
    let search = Arc::clone(&shop.process.search);
    match ask {
        Ask::Find(text, vendor, sort, pages) => {
            let mut query = SearchQuery::all(Currency::EUR, if *pages { 3 } else { 250 });
            query.text = text.clone();
            query.sort = *sort;
            query.filters = vendor
                .iter()
                .map(|name| filter("vendor", &[name]))
                .collect();
            let mut all = Vec::new();
            loop {
                let page = search.find(tenant, &query).await.expect("a page");
                all.extend(page.products);
                query.cursor = page.next_cursor;
                if query.cursor.is_none() {
                    return all;
                }
            }
        }
        Ask::Suggest(start) => {
            let offered = search.suggest(tenant, start, None, 8).await;
            offered.expect("suggestions").products
        }
        Ask::Similar(n) => search
            .similar(tenant, ProductId::from_u128(*n), 8)
            .await
            .expect("products"),
    }
}

#[test]
fn no_tenant_finds_anothers_products() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cells = runtime.block_on(sqlite());
    let (shop, tenants) = runtime.block_on(async {
        let shop = Shop::open(&cells, "tenant-0").await;
        let mut tenants = vec![shop.tenant];
        for n in 1..TENANTS {
            tenants.push(cells.tenant(&format!("tenant-{n}")).await);
        }
        fill(&shop, &tenants).await;
        (shop, tenants)
    });
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let mut found = std::cell::Cell::new(0_usize);
    let asks = (0..TENANTS, ask());
    let outcome = runner.run(&asks, |(asker, ask)| {
        let products = runtime.block_on(answers(&shop, tenants[asker], &ask));
        found.set(found.get() + products.len());
        for product in products {
            prop_assert_eq!(owner(product.as_u128()), asker, "{:?}", ask);
        }
        Ok(())
    });
    outcome.expect("no leak");
    assert!(*found.get_mut() > 500, "the questions find something");
    runtime.block_on(shop.process.stop());
}

#[tokio::test]
async fn facets_cursors_and_folders_are_a_tenants_own() {
    let cells = sqlite().await;
    let shop = Shop::open(&cells, "first").await;
    let other = cells.tenant("second").await;
    fill(&shop, &[shop.tenant, other, cells.tenant("third").await]).await;
    let mut query = SearchQuery::all(Currency::EUR, 2);
    let page = shop.find(&query).await;
    assert_eq!(page.total, 20);
    let vendors = page.facets.iter().find(|facet| facet.name == "vendor");
    let vendors: Vec<&str> = vendors
        .map(|facet| {
            facet
                .values
                .iter()
                .map(|value| value.value.as_str())
                .collect()
        })
        .unwrap_or_default();
    assert_eq!(vendors, ["v0", "same"]);
    query.cursor = page.next_cursor;
    let refused = shop.process.search.find(other, &query).await;
    assert!(refused.is_err(), "another tenant's cursor opens nothing");
    let parent = shop.folder().parent().expect("the data folder").to_owned();
    let mut names: Vec<String> = std::fs::read_dir(parent)
        .expect("the data folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), TENANTS);
    assert!(names.contains(&shop.tenant.to_string()) && names.contains(&other.to_string()));
    shop.process.stop().await;
}
