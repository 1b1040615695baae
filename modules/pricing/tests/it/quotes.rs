//! Quotes: what a cart of any size costs, before and after a shop has settings.

use stoa_contracts::pricing::QuoteError;
use stoa_kernel::Currency;

use crate::support::{Shop, euros, everywhere, line, request};

#[tokio::test]
async fn a_quote_keeps_the_order_of_its_lines_and_sums_up() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "quote").await;
        shop.pricing
            .ensure_settings(shop.tenant, Currency::EUR)
            .await
            .expect("settings");
        let prices: Vec<_> = (0..40)
            .map(|number| euros(number, 10 * (number as i64 + 1)))
            .collect();
        shop.set(&prices).await.expect("prices");
        // More lines than one statement holds, one variant twice.
        let mut lines: Vec<_> = (0..40).rev().map(|number| line(number, 2)).collect();
        lines.push(line(39, 1));
        let quote = shop
            .quote(request(lines.clone(), Some("express")))
            .await
            .expect("a quote");
        assert_eq!(quote.lines.len(), 41, "{}", cells.kind);
        assert_eq!(quote.lines[0].unit_price.amount, 400, "{}", cells.kind);
        assert_eq!(quote.lines[40].total.amount, 400, "{}", cells.kind);
        assert!(quote.tax_inclusive);
        let listed = 2 * (1..=40).map(|number| 10 * number).sum::<i64>() + 400;
        assert_eq!(quote.totals.total.amount, listed + 1_290, "{}", cells.kind);
        // 1290 * 0.2 / 1.2 = 215
        assert_eq!(quote.totals.shipping.amount, 1_075, "{}", cells.kind);
        let options = shop.options(request(lines, None)).await.expect("options");
        let offered: Vec<(&str, i64)> = options
            .iter()
            .map(|option| (option.id.as_str(), option.price.amount))
            .collect();
        assert_eq!(
            offered,
            [("standard", 0), ("express", 1_290)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn what_cannot_be_priced_says_why() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "refused").await;
        shop.pricing
            .ensure_settings(shop.tenant, Currency::EUR)
            .await
            .expect("settings");
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let unknown = shop
            .quote(request(vec![line(1, 1), line(2, 1)], None))
            .await;
        assert!(
            matches!(unknown, Err(QuoteError::NoPrice { variant, .. }) if variant.as_u128() == 2),
            "{}",
            cells.kind
        );
        let courier = shop.quote(request(vec![line(1, 1)], Some("courier"))).await;
        assert!(
            matches!(courier, Err(QuoteError::UnknownShippingOption { ref id }) if id == "courier"),
            "{}",
            cells.kind
        );
        let mut gift = line(1, 1);
        gift.requires_shipping = false;
        let quote = shop
            .quote(request(vec![gift.clone()], Some("courier")))
            .await
            .expect("no delivery");
        assert_eq!(
            (quote.shipping, quote.totals.total.amount),
            (None, 1_000),
            "{}",
            cells.kind
        );
        assert!(
            shop.options(request(vec![gift], None))
                .await
                .expect("options")
                .is_empty()
        );
        let empty = shop
            .quote(request(Vec::new(), None))
            .await
            .expect("an empty quote");
        assert_eq!(empty.totals.total.amount, 0, "{}", cells.kind);
    }
}

#[tokio::test]
async fn first_settings_are_given_once_and_hold_until_then() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "settings").await;
        shop.set(&[euros(1, 1_200)]).await.expect("a price");
        let asked = request(vec![line(1, 1)], Some("standard"));
        let before = shop.quote(asked.clone()).await.expect("a quote");
        assert_eq!(before.totals.tax.amount, 200 + 82, "{}", cells.kind);
        shop.pricing
            .ensure_settings(shop.tenant, Currency::EUR)
            .await
            .expect("settings");
        assert_eq!(
            shop.quote(asked.clone()).await.expect("a quote"),
            before,
            "{}",
            cells.kind
        );
        let tax = serde_json::json!({"rate_ppm": 100_000, "prices_include_tax": false});
        let set = shop.send("PUT", "/api/v1/admin/tax", &[], Some(tax)).await;
        assert_eq!(set.status, 200, "{}", cells.kind);
        shop.pricing
            .ensure_settings(shop.tenant, Currency::USD)
            .await
            .expect("settings");
        let after = shop.quote(asked).await.expect("a quote");
        assert!(!after.tax_inclusive, "{}", cells.kind);
        assert_eq!(after.totals.tax.amount, 120 + 49, "{}", cells.kind);
        assert_eq!(
            after.totals.total.amount,
            1_200 + 490 + 169,
            "{}",
            cells.kind
        );
    }
}
