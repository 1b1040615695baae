//! Putting things in, changing how many, taking them out.

use serde_json::json;
use stoa_kernel::VariantId;
use stoa_storage::{Error, Tx, params};

use crate::support::{CUP, MUG, Shop, Shopper, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn lines_show_the_variant_its_price_and_whether_it_can_be_had() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 2).await;
        let answer = shopper.add(CUP, 1).await;
        assert_eq!(answer.status, 200, "{}: {}", cells.kind, answer.json);
        let euros = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
        assert_eq!(
            answer.json["lines"][0],
            json!({
                "id": answer.line(0), "variant_id": MUG, "product_handle": "mug-1",
                "title": "Mug 1", "variant_title": "Blue", "sku": "MUG-1", "image": null,
                "quantity": 2, "unit_price": euros(1200), "subtotal": euros(2400),
                "discount": euros(0), "tax": euros(0), "total": euros(2400), "adjustments": [],
                "available": true,
            }),
            "{}",
            cells.kind
        );
        assert_eq!(
            answer.json["lines"][1]["variant_id"],
            json!(CUP),
            "{}",
            cells.kind
        );
        assert_eq!(
            answer.json["totals"]["total"],
            euros(3150),
            "{}",
            cells.kind
        );
        assert_eq!(answer.json["version"], 3, "{}", cells.kind);
        assert_eq!(shopper.view().await, answer.json, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_a_variant_again_grows_its_line() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let first = shopper.add(MUG, 2).await;
        let second = shopper.add(MUG, 3).await;
        assert_eq!(first.line(0), second.line(0), "{}", cells.kind);
        assert_eq!(
            second.json["lines"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        assert_eq!(second.json["lines"][0]["quantity"], 5, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_additions_of_one_variant_sum_up() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&cells, MUG, 1_000).await;
        let shopper = shop.cart().await;
        let adding: Vec<_> = (0..24)
            .map(|number| {
                let shopper = shopper.clone();
                let variant = if number % 3 == 0 { CUP } else { MUG };
                let count = if variant == MUG { 2 } else { 1 };
                tokio::spawn(async move { (variant, shopper.add(variant, count).await) })
            })
            .collect();
        let mut cups = 0;
        for add in adding {
            let (variant, answer) = add.await.expect("no panic");
            match variant == MUG {
                true => assert_eq!(answer.status, 200, "{}: {}", cells.kind, answer.json),
                false => cups += u32::from(answer.status == 200),
            }
        }
        // Eight wanted a cup, there are five.
        assert_eq!(cups, 5, "{}", cells.kind);
        let cart = shopper.view().await;
        let lines = cart["lines"].as_array().expect("a list");
        let of = |variant: VariantId| {
            let line = lines
                .iter()
                .find(|line| line["variant_id"] == json!(variant));
            line.expect("a line")["quantity"].clone()
        };
        assert_eq!((of(MUG), of(CUP)), (json!(32), json!(5)), "{}", cells.kind);
        assert_eq!(
            (lines.len(), &cart["version"]),
            (2, &json!(1 + 16 + 5)),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lines_quantity_is_set_and_the_same_again_changes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let added = shopper.add(MUG, 2).await;
        let set = shopper.set(added.line(0), 7).await;
        assert_eq!(
            (set.status, &set.json["lines"][0]["quantity"]),
            (200, &json!(7))
        );
        let again = shopper.set(added.line(0), 7).await;
        assert_eq!(again.json["version"], 3, "{}", cells.kind);
        let refused = shopper.set(added.line(0), 0).await;
        assert_eq!(
            (refused.refusal(), refused.field()),
            ((422, "invalid_request"), "quantity")
        );
        let refused = shopper.set("line_00000000000000000000000009", 1).await;
        assert_eq!(
            refused.refusal(),
            (404, "cart_line_not_found"),
            "{}",
            cells.kind
        );
        assert_eq!(
            shopper.set("nonsense", 1).await.refusal(),
            (404, "cart_line_not_found")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_line_is_gone_and_removing_it_again_is_404() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 2).await;
        let added = shopper.add(CUP, 1).await;
        let removed = shopper.remove(added.line(0)).await;
        assert_eq!(removed.status, 200, "{}: {}", cells.kind, removed.json);
        assert_eq!(removed.line(0), added.line(1), "{}", cells.kind);
        assert_eq!(
            removed.json["totals"]["total"]["amount"], 750,
            "{}",
            cells.kind
        );
        let again = shopper.remove(added.line(0)).await;
        assert_eq!(
            again.refusal(),
            (404, "cart_line_not_found"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_sale_is_refused() {
    let (unknown, draft, unpriced) = (
        VariantId::from_u128(90),
        VariantId::from_u128(91),
        VariantId::from_u128(92),
    );
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.put(&cells, draft, 100, 5).await;
        shop.shelf.publish(draft, false);
        shop.put(&cells, unpriced, 100, 5).await;
        shop.shelf.price(unpriced, None);
        let shopper = shop.cart().await;
        for variant in [unknown, draft, unpriced] {
            let refused = shopper.add(variant, 1).await;
            assert_eq!(
                refused.refusal(),
                (409, "variant_not_for_sale"),
                "{}",
                cells.kind
            );
            assert_eq!(refused.field(), "variant_id", "{}", cells.kind);
        }
        assert_eq!(shopper.view().await["version"], 1, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_there_is_is_refused_with_the_number_that_can_be_had() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let added = shopper.add(CUP, 3).await;
        for refused in [
            shopper.add(CUP, 3).await,
            shopper.set(added.line(0), 6).await,
        ] {
            assert_eq!(
                refused.refusal(),
                (409, "insufficient_stock"),
                "{}",
                cells.kind
            );
            assert_eq!(
                refused.json["errors"][0],
                json!({ "field": "quantity", "reason": "is 6 in all, 5 can be had" })
            );
        }
        assert_eq!(
            shopper.view().await["lines"][0]["quantity"],
            3,
            "{}",
            cells.kind
        );
    }
}

/// Fills a cart up to its last place but one, in one transaction.
async fn fill(shop: &Shop, shopper: &Shopper) {
    const SQL: &str = "INSERT INTO cart_line (tenant_id, cart_id, id, variant_id, quantity, place, \
         product_handle, title, variant_title, unit_price) \
         VALUES (:tenant, $1, $2, $2, 1, $3, 'x', 'x', 'x', 1)";
    let cart = shopper.cart_id();
    let filled = shop.db.write(async move |tx: &mut Tx<'_>| {
        for number in 1..200_i64 {
            let id = VariantId::from_u128(1_000 + number as u128);
            tx.execute(SQL, params![cart, id, number]).await?;
        }
        Ok::<_, Error>(())
    });
    filled.await.expect("199 lines");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_holds_two_hundred_lines_and_no_more() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        fill(&shop, &shopper).await;
        let last = shopper.add(MUG, 1).await;
        assert_eq!(last.status, 200, "{}: {}", cells.kind, last.json);
        assert_eq!(
            last.json["lines"].as_array().map(Vec::len),
            Some(200),
            "{}",
            cells.kind
        );
        assert_eq!(
            last.json["lines"][199]["variant_id"],
            json!(MUG),
            "{}",
            cells.kind
        );
        assert_eq!(
            shopper.add(CUP, 1).await.refusal(),
            (409, "cart_full"),
            "{}",
            cells.kind
        );
        // A line that is there still grows.
        assert_eq!(shopper.add(MUG, 1).await.status, 200, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_and_showing_takes_three_statements_and_one_look_at_stock() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let stock = {
            let before = cells.storage().stats().read().statements;
            shop.ask_stock(MUG).await;
            cells.storage().stats().read().statements - before
        };
        let statements = || cells.storage().stats().read().statements;
        for _ in 0..2 {
            let before = statements();
            shopper.add(MUG, 1).await;
            // The cart counted up and read, its lines, stock, the line. Catalog and pricing, which
            // stand in here, ask no database; inventory asks once however many lines there are.
            assert_eq!(statements() - before, 3 + stock, "{}", cells.kind);
        }
        let before = statements();
        shopper.view().await;
        assert_eq!(statements() - before, 2 + stock, "{}", cells.kind);
    }
}
