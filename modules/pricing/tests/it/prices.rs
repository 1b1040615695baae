//! Prices: kept once, told to the catalog where they differ, never another shop's.

use stoa_contracts::catalog::ListingPrice;
use stoa_contracts::pricing::{NewPrice, QuoteError};
use stoa_kernel::{Currency, Money};

use crate::support::{Shop, euros, everywhere, line, request, variant};

#[tokio::test]
async fn the_catalog_hears_of_prices_that_differ_and_of_no_other() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "differ").await;
        shop.set(&[euros(2, 200), euros(1, 100)])
            .await
            .expect("prices");
        let told: Vec<(u128, i64)> = shop
            .told()
            .iter()
            .map(|each| (each.variant.as_u128(), each.price.amount))
            .collect();
        assert_eq!(told, [(1, 100), (2, 200)], "{}", cells.kind);
        shop.set(&[euros(2, 200), euros(1, 150)])
            .await
            .expect("prices");
        let expected = ListingPrice {
            variant: variant(1),
            price: Money::new(150, Currency::EUR),
            compare_at: None,
        };
        assert_eq!(shop.told(), [expected], "{}", cells.kind);
        shop.set(&[euros(2, 200), euros(1, 150)])
            .await
            .expect("prices");
        assert_eq!(shop.told(), [], "{}", cells.kind);
        let dollars = NewPrice {
            price: Money::new(150, Currency::USD),
            ..euros(1, 0)
        };
        shop.set(&[dollars]).await.expect("a price");
        assert_eq!(shop.told().len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_former_price_that_is_not_above_goes() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "former").await;
        let former = |cents: i64| NewPrice {
            compare_at: Some(Money::new(cents, Currency::EUR)),
            ..euros(1, 1_000)
        };
        shop.set(&[former(1_000)]).await.expect("a price");
        assert_eq!(shop.told()[0].compare_at, None, "{}", cells.kind);
        shop.set(&[former(1_001)]).await.expect("a price");
        let kept = shop.told()[0].compare_at.map(|money| money.amount);
        assert_eq!(kept, Some(1_001), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_negative_price_is_refused_by_the_table_itself() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "negative").await;
        let refused = shop.set(&[euros(1, -1)]).await;
        assert!(refused.is_err(), "{}", cells.kind);
        let quote = shop.quote(request(vec![line(1, 1)], None)).await;
        assert!(
            matches!(quote, Err(QuoteError::NoPrice { .. })),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn another_shop_has_its_own_prices() {
    for cells in everywhere().await {
        let ours = Shop::open(&cells, "ours").await;
        let theirs = Shop::open(&cells, "theirs").await;
        ours.set(&[euros(1, 1_000)]).await.expect("a price");
        let asked = request(vec![line(1, 1)], None);
        let quote = theirs.quote(asked.clone()).await;
        assert!(
            matches!(quote, Err(QuoteError::NoPrice { .. })),
            "{}",
            cells.kind
        );
        theirs.set(&[euros(1, 7)]).await.expect("a price");
        let quote = ours.quote(asked).await.expect("a quote");
        assert_eq!(quote.totals.total.amount, 1_000, "{}", cells.kind);
        let path = "/api/v1/admin/price-lists/default/prices";
        let listed = theirs.send("GET", path, &[], None).await;
        assert_eq!(
            listed.json["data"][0]["price"]["amount"], 7,
            "{}",
            cells.kind
        );
        assert_eq!(
            listed.json["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
    }
}
