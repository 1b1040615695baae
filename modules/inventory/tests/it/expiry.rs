//! Holds that nobody gave back in time are reported, and stay.

use std::time::Duration;

use stoa_kernel::VariantId;

use crate::support::{Shop, everywhere, level, order, units};

const A: VariantId = VariantId::from_u128(1);

fn shown(shop: &Shop) -> String {
    let text = shop.metrics.render();
    let line = text
        .lines()
        .find(|line| line.starts_with("stoa_inventory_expired_hold_units"));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_beyond_its_time_is_shown_and_kept() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10)]).await;
        shop.reserve(order(1), &[units(A, 3)])
            .await
            .expect(cells.kind);
        shop.reserve(order(2), &[units(A, 4)])
            .await
            .expect(cells.kind);
        shop.confirm(order(2)).await;
        let look = async |after: Duration| {
            for cell in cells.storage().cells().await.expect("cells") {
                for recurring in &shop.recurring {
                    let now = shop.now.plus(after);
                    recurring.run(cell, now).await.expect(cells.kind);
                }
            }
            shown(&shop)
        };
        let none = "stoa_inventory_expired_hold_units 0";
        assert_eq!(
            look(Duration::from_secs(1_000)).await,
            none,
            "within the grace"
        );
        let some = "stoa_inventory_expired_hold_units 3";
        assert_eq!(
            look(Duration::from_secs(3_000)).await,
            some,
            "{}",
            cells.kind
        );
        assert_eq!(shop.held(order(1)).await, [(1, 0, 3)], "{}", cells.kind);
        shop.release(order(1)).await;
        assert_eq!(
            look(Duration::from_secs(3_001)).await,
            none,
            "{}",
            cells.kind
        );
    }
}
