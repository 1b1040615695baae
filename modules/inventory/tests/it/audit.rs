//! The audit finds what was tampered with, and only that.

use serde_json::json;
use stoa_kernel::VariantId;
use stoa_storage::{Tx, params};

use crate::support::{Shop, everywhere, level, order, units, variant};

const A: VariantId = VariantId::from_u128(1);

async fn tamper(shop: &Shop, sql: &'static str) {
    let changed = shop
        .db
        .write(async move |tx: &mut Tx<'_>| tx.execute(sql, params![A]).await);
    assert_eq!(changed.await.expect("a write"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_bugs_are_found() {
    let bugs = [
        "UPDATE inventory_level SET incoming = incoming + 1 \
         WHERE tenant_id = :tenant AND variant_id = $1",
        "UPDATE inventory_level SET on_hand = on_hand + 1 \
         WHERE tenant_id = :tenant AND variant_id = $1",
        "UPDATE inventory_level SET reserved = reserved - 1 \
         WHERE tenant_id = :tenant AND variant_id = $1",
        "UPDATE inventory_level SET version = version + 1 \
         WHERE tenant_id = :tenant AND variant_id = $1",
        "DELETE FROM inventory_hold WHERE tenant_id = :tenant AND variant_id = $1",
        "DELETE FROM inventory_level WHERE tenant_id = :tenant AND variant_id = $1",
        "INSERT INTO inventory_movement (tenant_id, variant_id, location_id, level_version, kind, \
         on_hand_delta, reserved_delta, moved_at) \
         VALUES (:tenant, $1, $1, 99, 'set', 0, 0, 0)",
    ];
    for cells in everywhere().await {
        for (at, bug) in bugs.into_iter().enumerate() {
            let shop = Shop::open(&cells, &format!("bug-{at}")).await;
            shop.stock(&[level(A, 10), level(variant(2), 5)]).await;
            shop.reserve(order(1), &[units(A, 3)])
                .await
                .expect(cells.kind);
            assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
            tamper(&shop, bug).await;
            let found = shop.mismatches().await;
            assert_eq!(found.len(), 1, "{}: {bug}", cells.kind);
            assert_eq!(found[0]["variant_id"], json!(A), "{}: {bug}", cells.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mismatch_shows_both_sides() {
    const LOSE_TWO: &str = "UPDATE inventory_level SET reserved = reserved - 2 \
                            WHERE tenant_id = :tenant AND variant_id = $1";
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10)]).await;
        shop.reserve(order(1), &[units(A, 3)])
            .await
            .expect(cells.kind);
        tamper(&shop, LOSE_TWO).await;
        assert_eq!(
            shop.mismatches().await,
            [json!({
                "variant_id": A,
                "location_id": "loc_00000000000000000000000000",
                "on_hand": 10, "on_hand_moved": 10,
                "reserved": 1, "reserved_moved": 3, "reserved_held": 3,
                "incoming": 0, "incoming_moved": 0, "incoming_due": 0,
                "version": 2, "movements": 2,
            })],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_levels_than_one_step_are_all_looked_at() {
    const LEVELS: u32 = 2_100;
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "large").await;
        let levels: Vec<_> = (1..=LEVELS)
            .map(|at| level(variant(at.into()), 1))
            .collect();
        shop.stock(&levels).await;
        let audit = shop.get("/api/v1/admin/inventory/audit").await.json;
        let whole = json!({ "levels": LEVELS, "complete": true, "mismatches": [] });
        assert_eq!(audit, whole, "{}", cells.kind);
    }
}
