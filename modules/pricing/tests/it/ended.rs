//! What is listed when a list has just ended.

use serde_json::json;

use crate::listings::{EUR, MINUTE, made, put};
use crate::support::{Shop, euros, everywhere};

#[tokio::test]
async fn a_price_taken_from_a_list_that_just_ended_is_not_listed_any_more() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "ended").await;
        shop.set(&[euros(1, 700)]).await.expect("a price");
        let ends = shop.now.plus(MINUTE);
        let terms =
            json!({"name": "Short", "currency": "EUR", "kind": "override", "ends_at": ends});
        let mut paths = [
            made(&shop, "a", &terms).await,
            made(&shop, "b", &terms).await,
        ];
        // Both end at once, and the listings of the one with the higher number are worked out later.
        paths.sort_unstable();
        put(&shop, &paths[0], "c", &[(2, Some(300))]).await;
        put(&shop, &paths[1], "d", &[(1, Some(400))]).await;
        assert_eq!(shop.listed(1, EUR), Some((400, None)), "{}", cells.kind);
        cells.clock.advance(MINUTE);
        made(&shop, "e", &json!({"name": "Other", "currency": "EUR"})).await;
        put(&shop, &paths[1], "f", &[(1, None)]).await;
        while !shop.run_jobs().await.is_empty() {}
        assert_eq!(shop.listed(1, EUR), Some((700, None)), "{}", cells.kind);
        assert_eq!(shop.listed(2, EUR), None, "{}", cells.kind);
    }
}
