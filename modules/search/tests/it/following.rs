//! How an index keeps up with the catalog, over every kind of cell.

use stoa_contracts::search::SearchQuery;
use stoa_kernel::Timestamp;
use stoa_kernel::{Currency, ProductId};

use crate::shelf::product;
use crate::support::{
    Shop, everywhere, is_building, log_of, numbers, settled, sqlite, tell, text_query, until,
};

#[tokio::test]
async fn edits_and_removals_are_seen_everywhere() {
    for cells in everywhere().await {
        let shop = Shop::with(
            &cells,
            "edits",
            vec![product(1, "Lamp"), product(2, "Table")],
        )
        .await;
        assert_eq!(shop.numbers("lamp").await, [1], "{}", cells.kind);
        shop.put(vec![product(2, "Lamp shade")]).await;
        until(async || shop.numbers("lamp").await.len() == 2).await;
        assert_eq!(
            shop.numbers("table").await,
            Vec::<u128>::new(),
            "{}",
            cells.kind
        );
        shop.remove(ProductId::from_u128(1)).await;
        until(async || shop.numbers("lamp").await == [2]).await;
        assert_eq!(shop.process.rebuilds("missing"), 1, "{}", cells.kind);
        shop.process.stop().await;
    }
}

#[tokio::test]
async fn a_new_process_goes_on_where_the_old_one_stopped() {
    let cells = sqlite().await;
    let mut shop = Shop::with(&cells, "restart", vec![product(1, "Lamp")]).await;
    shop.put(vec![product(2, "Lamp two")]).await;
    shop.restart().await;
    shop.put(vec![product(3, "Lamp three")]).await;
    // The first answer waits until the index is current.
    shop.find(&text_query("lamp")).await;
    shop.settled().await;
    assert_eq!(shop.find(&text_query("lamp")).await.total, 3);
    for reason in ["missing", "torn", "gap", "epoch"] {
        assert_eq!(shop.process.rebuilds(reason), 0, "{reason}");
    }
    shop.process.stop().await;
}

#[tokio::test]
async fn a_crash_loses_nothing_and_repeats_nothing() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "crash", vec![product(1, "Lamp")]).await;
    let Shop { shelf, tenant, .. } = &shop;
    let (shelf, tenant) = (shelf.clone(), *tenant);
    for round in 0..8_u128 {
        let process = shop.start_beside();
        for n in 0..5 {
            let number = 10 + round * 5 + n;
            shelf.put(tenant, product(number, "Lamp more"));
            tell(&cells, tenant, vec![ProductId::from_u128(number)]).await;
        }
        // The moments differ: some crash before the commit, some after.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        drop(process.search.find(tenant, &text_query("lamp")).await);
        process.crash().await;
    }
    let process = shop.start_beside();
    drop(process.search.find(tenant, &text_query("lamp")).await);
    settled(&cells, &process, tenant).await;
    let all = SearchQuery::all(Currency::EUR, 250);
    let page = process.search.find(tenant, &all).await.expect("a page");
    let mut found = numbers(&page);
    found.sort_unstable();
    let expected: Vec<u128> = std::iter::once(1).chain(10..50).collect();
    assert_eq!(found, expected);
    process.stop().await;
}

#[tokio::test]
async fn events_that_are_gone_have_the_index_built_anew() {
    let cells = sqlite().await;
    let mut shop = Shop::with(&cells, "gap", vec![product(1, "Lamp")]).await;
    shop.stop().await;
    shop.put(vec![product(2, "Lamp two")]).await;
    let log = log_of(&cells, shop.tenant).await;
    let head = log.head().await.expect("a head");
    log.advance("others", head, cells.deps.now())
        .await
        .expect("a consumer");
    let later = Timestamp::from_micros(i64::MAX / 2);
    while log.purge(later, 100).await.expect("a purge") > 0 {}
    shop.restart().await;
    drop(
        shop.process
            .search
            .find(shop.tenant, &text_query("lamp"))
            .await,
    );
    until(async || shop.process.rebuilds("gap") == 1).await;
    shop.settled().await;
    assert_eq!(shop.find(&text_query("lamp")).await.total, 2);
    shop.process.stop().await;
}

#[tokio::test]
async fn a_rebuild_leaves_the_old_index_answering() {
    let cells = sqlite().await;
    let products = (1..=400).map(|n| product(n, "Lamp")).collect();
    let shop = Shop::with(&cells, "online", products).await;
    let (status, _) = shop
        .process
        .call("POST", shop.tenant, "/api/v1/admin/search/rebuild", None)
        .await;
    assert_eq!(status, 202);
    while shop.process.rebuilds("asked") == 0 {
        let page = shop
            .process
            .search
            .find(shop.tenant, &text_query("lamp"))
            .await;
        let page = page.unwrap_or_else(|error| panic!("{} {error}", is_building(&error)));
        assert_eq!(page.total, 400);
        shop.put(vec![product(7, "Lamp")]).await;
    }
    shop.settled().await;
    assert_eq!(shop.find(&text_query("lamp")).await.total, 400);
    let folders = std::fs::read_dir(shop.folder()).expect("the tenant's folder");
    let kept = folders
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .count();
    assert_eq!(kept, 1, "old folders are removed");
    shop.process.stop().await;
}

#[tokio::test]
async fn more_shops_than_indexes_stay_open_and_all_are_answered() {
    let cells = sqlite().await;
    let shop = Shop::open(&cells, "many-0").await;
    let mut tenants = vec![shop.tenant];
    for n in 1..7 {
        tenants.push(cells.tenant(&format!("many-{n}")).await);
    }
    for round in 0..2_u128 {
        for (n, tenant) in tenants.iter().enumerate() {
            let number = round * 100 + n as u128 + 1;
            shop.shelf.put(*tenant, product(number, "Lamp"));
            tell(&cells, *tenant, vec![ProductId::from_u128(number)]).await;
            drop(shop.process.search.find(*tenant, &text_query("lamp")).await);
            settled(&cells, &shop.process, *tenant).await;
            let page = shop.process.search.find(*tenant, &text_query("lamp")).await;
            assert_eq!(page.expect("a page").total, round as u64 + 1);
        }
    }
    until(async || shop.process.metric("stoa_search_indexes_open ") <= 3).await;
    shop.process.stop().await;
}
