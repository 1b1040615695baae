//! The currencies that a shop sells in.

use std::time::Duration;

use serde_json::json;
use stoa_kernel::Currency;

use crate::support::{Shop, everywhere};

const PRICING: &str = "/api/v1/admin/pricing";

#[tokio::test]
async fn the_own_currency_is_first_and_stays() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "own").await;
        let read = shop.send("GET", PRICING, &[], None).await;
        let only = json!({"currencies": ["EUR"]});
        assert_eq!(
            (read.header("etag"), &read.json),
            ("\"1\"", &only),
            "{}",
            cells.kind
        );
        let asked = json!({"currencies": ["USD", "EUR", "JPY"]});
        let set = shop.send("PUT", PRICING, &[], Some(asked)).await;
        let three = json!({"currencies": ["EUR", "USD", "JPY"]});
        assert_eq!(
            (set.header("etag"), &set.json),
            ("\"2\"", &three),
            "{}",
            cells.kind
        );
        let same = shop.send("PUT", PRICING, &[], Some(three)).await;
        assert_eq!(same.header("etag"), "\"2\"", "{}", cells.kind);
        let without = Some(json!({"currencies": ["USD"]}));
        let refused = shop.send("PUT", PRICING, &[], without).await;
        let flaw = (422, "invalid_request", "currencies");
        assert_eq!(refused.refusal(), flaw, "{}", cells.kind);
        let twice = Some(json!({"currencies": ["EUR", "USD", "USD"]}));
        let refused = shop.send("PUT", PRICING, &[], twice).await;
        assert_eq!(refused.refusal().2, "currencies[2]", "{}", cells.kind);
        let stale = [("if-match", "\"1\"")];
        let refused = shop.send("PUT", PRICING, &stale, Some(only.clone())).await;
        assert_eq!(refused.status, 412, "{}", cells.kind);
        let seen = [("if-match", "\"2\"")];
        let set = shop.send("PUT", PRICING, &seen, Some(only.clone())).await;
        assert_eq!(set.json, only, "{}", cells.kind);
    }
}

#[tokio::test]
async fn another_process_sees_a_change_within_a_second() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "age").await;
        let theirs = Shop::open(&cells, "age-others").await;
        let elsewhere = shop.elsewhere(&cells);
        let of = async |shop: &Shop| shop.pricing.currencies(shop.tenant).await.expect("some");
        assert_eq!(of(&elsewhere).await, [Currency::EUR], "{}", cells.kind);
        assert_eq!(of(&shop).await, [Currency::EUR], "{}", cells.kind);
        let asked = Some(json!({"currencies": ["EUR", "USD"]}));
        shop.send("PUT", PRICING, &[], asked).await;
        let both = [Currency::EUR, Currency::USD];
        assert_eq!(of(&shop).await, both, "{}", cells.kind);
        let before = shop.statements();
        assert_eq!(of(&shop).await, both, "{}", cells.kind);
        assert_eq!(of(&elsewhere).await, [Currency::EUR], "{}", cells.kind);
        assert_eq!(shop.statements(), before, "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(1));
        assert_eq!(of(&elsewhere).await, both, "{}", cells.kind);
        assert_eq!(of(&theirs).await, [Currency::EUR], "{}", cells.kind);
    }
}
