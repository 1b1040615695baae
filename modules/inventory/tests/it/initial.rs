//! Levels that an import sets.

use serde_json::{Value, json};
use stoa_contracts::inventory::InitialLevel;
use stoa_kernel::VariantId;

use crate::support::{Shop, everywhere, level, order, units, variant};

const A: VariantId = VariantId::from_u128(1);
const B: VariantId = VariantId::from_u128(2);

async fn movements(shop: &Shop, variant: VariantId) -> Vec<Value> {
    let path = format!("/api/v1/admin/inventory/movements?variant_id={variant}");
    shop.get(&path).await.json["data"]
        .as_array()
        .expect("a list")
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_sets_only_what_was_never_counted() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 4)]).await;
        shop.stock(&[level(A, 9), level(B, 2)]).await;
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(4), Some(2)],
            "{}",
            cells.kind
        );
        assert_eq!(movements(&shop, A).await.len(), 1, "{}", cells.kind);
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1), (B, true, 1)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_never_goes_below_what_is_reserved_and_a_repeat_changes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 4), level(B, 4)]).await;
        shop.reserve(order(1), &[units(A, 3)])
            .await
            .expect(cells.kind);
        for _ in 0..2 {
            let asked = [level(B, 9), level(A, 1), level(variant(3), 0)];
            shop.set_initial(&asked, true).await.expect(cells.kind);
            assert_eq!(
                shop.left(&[A, B]).await,
                [Some(0), Some(9)],
                "{}",
                cells.kind
            );
        }
        let versions: Vec<usize> = vec![
            movements(&shop, A).await.len(),
            movements(&shop, B).await.len(),
        ];
        assert_eq!(versions, [3, 2], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
        let crossings = shop.crossings(&cells).await;
        assert_eq!(
            crossings,
            [(A, true, 1), (B, true, 1), (A, false, 3)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backorders_can_be_switched_on_and_off() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 0)]).await;
        let on = InitialLevel {
            variant: A,
            on_hand: 0,
            backorder: true,
        };
        shop.set_initial(&[on], true).await.expect(cells.kind);
        shop.reserve(order(1), &[units(A, 3)])
            .await
            .expect(cells.kind);
        // Three are promised: without backorders there must be three.
        shop.set_initial(&[level(A, 1)], true)
            .await
            .expect(cells.kind);
        let level = shop.get("/api/v1/admin/inventory/levels").await.json["data"][0].clone();
        let shown = (&level["on_hand"], &level["reserved"], &level["backorder"]);
        assert_eq!(
            shown,
            (&json!(3), &json!(3), &json!(false)),
            "{}",
            cells.kind
        );
        let crossings = shop.crossings(&cells).await;
        assert_eq!(crossings, [(A, true, 2), (A, false, 4)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_levels_in_a_closed_place_are_written_and_nothing_is_said_to_be_available() {
    const DEFAULT: &str = "/api/v1/admin/locations/loc_00000000000000000000000000";
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let body = json!({ "active": false }).to_string();
        let closed = shop.send("PATCH", DEFAULT, &[], &body).await;
        assert_eq!(closed.status, 200, "{}: {}", cells.kind, closed.json);
        shop.stock(&[level(A, 4), level(B, 0), level(A, 7)]).await;
        assert!(shop.crossings(&cells).await.is_empty(), "{}", cells.kind);
        let told = movements(&shop, A).await;
        assert_eq!(told.len(), 1, "{}", cells.kind);
        assert_eq!(told[0]["on_hand_delta"], json!(7), "{}", cells.kind);
        assert_eq!(told[0]["reason"], json!("import"), "{}", cells.kind);
        assert_eq!(movements(&shop, B).await.len(), 1, "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}
