//! What a cart shows when prices, products and stock change under it.

use serde_json::json;

use crate::support::{CUP, MUG, Shop, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_shows_the_price_of_now() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 2).await;
        shop.shelf.price(MUG, Some(1500));
        let cart = shopper.view().await;
        assert_eq!(
            cart["lines"][0]["unit_price"]["amount"], 1500,
            "{}",
            cells.kind
        );
        assert_eq!(cart["totals"]["total"]["amount"], 3000, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_no_longer_for_sale_stays_at_its_last_price_and_counts_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 2).await;
        shopper.add(CUP, 1).await;
        for (at, lose) in ["price", "published", "removed"].into_iter().enumerate() {
            match lose {
                "price" => shop.shelf.price(MUG, None),
                "published" => shop.shelf.publish(MUG, false),
                _ => shop.shelf.remove(MUG),
            }
            let cart = shopper.view().await;
            let line = &cart["lines"][0];
            assert_eq!(line["available"], false, "{} {lose}", cells.kind);
            assert_eq!(line["title"], "Mug 1", "{} {lose}", cells.kind);
            assert_eq!(line["unit_price"]["amount"], 1200, "{} {lose}", cells.kind);
            assert_eq!(line["total"]["amount"], 0, "{} {lose}", cells.kind);
            assert_eq!(cart["lines"][1]["available"], true, "{} {lose}", cells.kind);
            assert_eq!(
                cart["totals"]["total"]["amount"], 750,
                "{} {lose}",
                cells.kind
            );
            let id = line["id"].as_str().expect("an id");
            let refused = shopper.set(id, 1 + at as u32 * 2).await;
            assert_eq!(refused.refusal(), (409, "variant_not_for_sale"), "{lose}");
            if lose != "removed" {
                shop.shelf.put(MUG, 1200);
            }
        }
        let cart = shopper.view().await;
        let id = cart["lines"][0]["id"].as_str().expect("an id");
        assert_eq!(shopper.remove(id).await.status, 200, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_only_out_of_stock_still_counts() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 4).await;
        for (on_hand, available) in [(3, false), (0, false), (4, true)] {
            shop.stock(&cells, MUG, on_hand).await;
            let cart = shopper.view().await;
            assert_eq!(
                cart["lines"][0]["available"], available,
                "{} {on_hand}",
                cells.kind
            );
            assert_eq!(cart["totals"]["total"]["amount"], 4800, "{}", cells.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_beyond_any_amount_is_refused_before_it_is_stored() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.shelf.price(MUG, Some(i64::MAX / 3));
        let shopper = shop.cart().await;
        let refused = shopper.add(MUG, 4).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request"),
            "{}",
            cells.kind
        );
        assert_eq!(refused.field(), "quantity", "{}", cells.kind);
        assert_eq!(shopper.view().await["lines"], json!([]), "{}", cells.kind);
    }
}
