//! One change to many prices.

use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, Money};

use crate::support::{Shop, euros, everywhere, variant};

const ALL: &str = "/api/v1/admin/prices/adjustments";
const EUR: Currency = Currency::EUR;

/// Begins an adjustment; its path.
async fn begin(shop: &Shop, key: &str, body: &Json) -> String {
    let key = [("idempotency-key", key)];
    let begun = shop.send("POST", ALL, &key, Some(body.clone())).await;
    assert_eq!(begun.status, 202, "{}", begun.json);
    format!("{ALL}/{}", begun.json["id"].as_str().expect("an id"))
}

async fn figures(shop: &Shop, path: &str) -> (String, i64, i64, i64) {
    let progress = shop.send("GET", path, &[], None).await.json;
    let figure = |name: &str| progress[name].as_i64().expect("a number");
    let state = progress["state"].as_str().expect("a state");
    let counts = (figure("seen"), figure("changed"), figure("failed"));
    (state.to_owned(), counts.0, counts.1, counts.2)
}

fn listed(shop: &Shop, number: u128) -> Option<i64> {
    shop.listed(number, EUR).map(|(amount, _)| amount)
}

#[tokio::test]
async fn every_price_of_a_filter_moves_and_its_listing_follows() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "filters").await;
        let mut prices: Vec<NewPrice> = (1..=20).map(|number| euros(number, 1_000)).collect();
        prices.push(NewPrice {
            variant: variant(1),
            price: Money::new(1_000, Currency::USD),
            compare_at: None,
        });
        prices[1].compare_at = Some(Money::new(1_050, EUR));
        prices[2].compare_at = Some(Money::new(1_500, EUR));
        shop.set(&prices).await.expect("prices");
        // Variants 10 and 20 are of another product.
        for (index, filter) in [
            json!({"collection": "summer"}),
            json!({"vendor": "Weaver"}),
            json!({"tag": "linen"}),
        ]
        .into_iter()
        .enumerate()
        {
            let change = json!({"currency": "EUR", "change": {"amount": 50}, "filter": filter});
            let path = begin(&shop, &format!("k{index}"), &change).await;
            assert_eq!(figures(&shop, &path).await.0, "running", "{}", cells.kind);
            assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
            let after = ("done".to_owned(), 18, 18, 0);
            assert_eq!(figures(&shop, &path).await, after, "{}", cells.kind);
        }
        let shown = (listed(&shop, 1), listed(&shop, 10));
        assert_eq!(shown, (Some(1_150), Some(1_000)), "{}", cells.kind);
        // A former price goes once it is not above the price any more.
        let formers = [2, 3].map(|number| shop.listed(number, EUR).expect("listed").1);
        assert_eq!(formers, [None, Some(1_500)], "{}", cells.kind);
        let dollars = shop.listed(1, Currency::USD);
        assert_eq!(dollars, Some((1_000, None)), "{}", cells.kind);
        let change = json!({"currency": "EUR", "change": {"rate_ppm": -100_000}, "filter": "all",
            "rounding": {"to": 100, "less": 1}});
        let path = begin(&shop, "all", &change).await;
        shop.run_jobs().await;
        let after = ("done".to_owned(), 20, 20, 0);
        assert_eq!(figures(&shop, &path).await, after, "{}", cells.kind);
        // 1035 and 900, each to the nearest that ends in 99.
        let shown = (listed(&shop, 1), listed(&shop, 10));
        assert_eq!(shown, (Some(999), Some(899)), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_torn_adjustment_moves_each_price_once() {
    const MANY: u128 = 250;
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "torn-prices").await;
        let mut prices: Vec<NewPrice> = (1..=MANY).map(|number| euros(number, 1_000)).collect();
        prices[0].price.amount = 10;
        shop.set(&prices).await.expect("prices");
        let change = json!({"currency": "EUR", "change": {"amount": -100}, "filter": "all"});
        let path = begin(&shop, "a", &change).await;
        // The same key begins nothing more.
        assert_eq!(begin(&shop, "a", &change).await, path, "{}", cells.kind);
        // Not there when it began.
        shop.set(&[euros(MANY + 1, 1_000)]).await.expect("a price");
        *shop.catalog.puts_left.lock() = Some(1);
        let failed = shop.run_jobs().await;
        assert!(matches!(failed[..], [JobOutcome::Failed(_)]), "{failed:?}");
        let running = ("running".to_owned(), 100, 99, 1);
        assert_eq!(figures(&shop, &path).await, running, "{}", cells.kind);
        *shop.catalog.puts_left.lock() = None;
        let elsewhere = shop.elsewhere(&cells);
        let done = elsewhere.run_jobs().await;
        assert_eq!(done, [JobOutcome::Done], "{}", cells.kind);
        let after = ("done".to_owned(), 250, 249, 1);
        assert_eq!(figures(&shop, &path).await, after, "{}", cells.kind);
        let progress = shop.send("GET", &path, &[], None).await.json;
        let error = json!([{"variant_id": variant(1), "message": "the price would be below zero"}]);
        assert_eq!(progress["errors"], error, "{}", cells.kind);
        assert_eq!(listed(&shop, 1), Some(10), "{}", cells.kind);
        let moved = (2..=MANY).filter(|number| listed(&shop, *number) == Some(900));
        assert_eq!(moved.count(), 249, "{}", cells.kind);
        assert_eq!(listed(&shop, MANY + 1), Some(1_000), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_cancelled_adjustment_moves_nothing_more_and_a_wrong_one_names_its_field() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cancelled").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let change = json!({"currency": "EUR", "change": {"amount": 1}, "filter": "all"});
        let path = begin(&shop, "a", &change).await;
        let cancel = format!("{path}/cancel");
        let stopped = shop.send("POST", &cancel, &[], None).await;
        assert_eq!(stopped.json["state"], "cancelled", "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        assert_eq!(listed(&shop, 1), Some(1_000), "{}", cells.kind);
        let wrong = json!({"currency": "EUR", "change": {"rate_ppm": -1_000_001}, "filter": "all"});
        let key = [("idempotency-key", "b")];
        let refused = shop.send("POST", ALL, &key, Some(wrong)).await;
        let flaw = (422, "invalid_request", "change.rate_ppm");
        assert_eq!(refused.refusal(), flaw, "{}", cells.kind);
        let without = shop.send("POST", ALL, &[], Some(change)).await;
        assert_eq!(without.status, 400, "{}", cells.kind);
        let missing = format!(
            "{ALL}/{}",
            path.replace(ALL, "")
                .replace('/', "")
                .replace(|last: char| last.is_ascii_digit(), "0")
        );
        let read = shop.send("GET", &missing, &[], None).await;
        assert_eq!(read.status, 404, "{}", cells.kind);
    }
}
