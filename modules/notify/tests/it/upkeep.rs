//! Old messages go, those of each shop by their own age.

use std::time::Duration;

use crate::support::{Shop, everywhere};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn messages_go_after_ninety_days() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.confirm(1).await;
        shop.advance(DAY);
        shop.confirm(2).await;
        shop.advance(89 * DAY);
        shop.recurring().await;
        assert_eq!(shop.log().await.len(), 2, "{}", cells.kind);
        shop.advance(Duration::from_secs(1));
        shop.recurring().await;
        let log = shop.log().await;
        assert_eq!(log.len(), 1, "{}", cells.kind);
        assert_eq!(
            log[0]["subject"], "Your order 1002 at acme",
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn more_than_one_round_of_them_goes_at_once() {
    let cells = everywhere().await.remove(0);
    let shop = Shop::open(&cells, "acme").await;
    for order in 1..=201 {
        shop.confirm(order).await;
    }
    shop.advance(91 * DAY);
    shop.recurring().await;
    assert_eq!(shop.log().await.len(), 0);
}
