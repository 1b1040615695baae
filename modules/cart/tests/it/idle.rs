//! Carts that nobody touches: told of once, removed in the end.

use std::time::Duration;

use serde_json::json;
use stoa_contracts::cart::CartAbandoned;
use stoa_kernel::{Currency, CustomerId, Money, OrderId};
use stoa_storage::{Error, Isolation, Tx, params};
use stoa_testkit::TestCells;

use crate::support::{CUP, MUG, Shop, Shopper, everywhere};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn left(shop: &Shop) -> Shopper {
    let shopper = shop.cart().await;
    shopper.add(MUG, 2).await;
    shopper.add(CUP, 1).await;
    shopper.update(&json!({ "email": "jo@example.com" })).await;
    shopper
}

async fn after(shop: &Shop, cells: &TestCells, time: Duration) -> usize {
    cells.clock.advance(time);
    shop.sweep(cells).await;
    shop.abandoned(cells).await.len()
}

async fn is_there(shopper: &Shopper) -> bool {
    shopper.send("GET", "", None).await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_left_behind_is_told_of_once_and_without_personal_data() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = left(&shop).await;
        assert_eq!(after(&shop, &cells, 59 * MINUTE).await, 0, "{}", cells.kind);
        // A touch puts it off.
        shopper.add(MUG, 1).await;
        assert_eq!(after(&shop, &cells, 59 * MINUTE).await, 0, "{}", cells.kind);
        let version = shopper.view().await["version"].clone();
        assert_eq!(after(&shop, &cells, MINUTE).await, 1, "{}", cells.kind);
        let told = CartAbandoned {
            cart: shopper.cart_id(),
            lines: 2,
            value: Money::new(3 * 1200 + 750, Currency::EUR),
        };
        assert_eq!(shop.abandoned(&cells).await, [told], "{}", cells.kind);
        assert_eq!(shopper.view().await["version"], version, "{}", cells.kind);
        // Touched and left again, it is told of no more.
        shopper.add(MUG, 1).await;
        assert_eq!(after(&shop, &cells, 2 * HOUR).await, 1, "{}", cells.kind);
        assert_eq!(after(&shop, &cells, 20 * DAY).await, 1, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_carts_without_lines_or_address_or_that_were_left_long_ago() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let nameless = shop.cart().await;
        nameless.add(MUG, 1).await;
        let empty = shop.cart().await;
        empty.update(&json!({ "email": "jo@example.com" })).await;
        assert_eq!(after(&shop, &cells, 2 * HOUR).await, 0, "{}", cells.kind);
        // Either becomes one to be told of, from its change on.
        nameless.update(&json!({ "email": "jo@example.com" })).await;
        empty.add(MUG, 1).await;
        assert_eq!(after(&shop, &cells, 59 * MINUTE).await, 0, "{}", cells.kind);
        assert_eq!(after(&shop, &cells, MINUTE).await, 2, "{}", cells.kind);
        left(&shop).await;
        cells.clock.advance(4 * DAY);
        assert_eq!(
            after(&shop, &cells, HOUR).await,
            2,
            "{}: too late",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_at_once_tell_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        for _ in 0..5 {
            left(&shop).await;
        }
        cells.clock.advance(HOUR);
        tokio::join!(shop.sweep(&cells), shop.sweep(&cells), shop.sweep(&cells));
        shop.sweep(&cells).await;
        assert_eq!(shop.abandoned(&cells).await.len(), 5, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_cart_expires_thirty_days_after_its_last_touch() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let (touched, untouched) = (shop.cart().await, left(&shop).await);
        let customer = CustomerId::from_u128(5);
        shop.sign_in(&untouched, customer).await;
        cells.clock.advance(DAY);
        let added = touched.add(MUG, 1).await.json;
        assert_eq!(
            added["expires_at"], "2026-02-01T00:00:00Z",
            "{}",
            cells.kind
        );
        after(&shop, &cells, 29 * DAY - MINUTE).await;
        assert!(is_there(&untouched).await, "{}", cells.kind);
        after(&shop, &cells, MINUTE).await;
        assert!(!is_there(&untouched).await, "{}", cells.kind);
        assert!(is_there(&touched).await, "{}", cells.kind);
        let refused = untouched.add(MUG, 1).await;
        assert_eq!(refused.refusal(), (404, "cart_not_found"), "{}", cells.kind);
        after(&shop, &cells, DAY).await;
        assert!(!is_there(&touched).await, "{}", cells.kind);
        assert_eq!(rows(&shop).await, (0, 0, 0), "{}", cells.kind);
    }
}

/// Carts, lines and customers that are stored.
async fn rows(shop: &Shop) -> (i64, i64, i64) {
    const SQL: &str = "SELECT (SELECT count(*) FROM cart_cart WHERE tenant_id = :tenant), \
         (SELECT count(*) FROM cart_line WHERE tenant_id = :tenant), \
         (SELECT count(*) FROM cart_customer WHERE tenant_id = :tenant)";
    let counted = shop.db.fetch(SQL, params![], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    counted.await.expect("counts")[0]
}

#[derive(Clone, Copy)]
enum Step {
    Freeze,
    Thaw,
    Complete,
}

async fn take(shop: &Shop, shopper: &Shopper, step: Step) {
    let (carts, id) = (shop.carts.clone(), shopper.cart_id());
    let taken = shop.db.write(async move |tx: &mut Tx<'_>| {
        carts.lock(tx, id).await?;
        match step {
            Step::Freeze => carts.freeze(tx, id, OrderId::from_u128(7)).await?,
            Step::Thaw => carts.thaw(tx, id).await?,
            Step::Complete => carts.complete(tx, id).await?,
        }
        Ok::<_, Error>(())
    });
    taken.await.expect("a transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_cart_stays_and_a_completed_one_for_ninety_days() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = left(&shop).await;
        take(&shop, &shopper, Step::Freeze).await;
        assert_eq!(after(&shop, &cells, 200 * DAY).await, 0, "{}", cells.kind);
        assert!(
            is_there(&shopper).await,
            "{}: its payment is open",
            cells.kind
        );
        let recovery = shop.carts.recovery(shop.tenant, shopper.cart_id()).await;
        assert_eq!(recovery.expect("a read"), None, "{}", cells.kind);
        // A declined payment leaves it behind once more.
        take(&shop, &shopper, Step::Thaw).await;
        assert_eq!(after(&shop, &cells, HOUR).await, 1, "{}", cells.kind);
        take(&shop, &shopper, Step::Freeze).await;
        take(&shop, &shopper, Step::Complete).await;
        after(&shop, &cells, 89 * DAY).await;
        assert!(is_there(&shopper).await, "{}", cells.kind);
        after(&shop, &cells, DAY).await;
        assert!(!is_there(&shopper).await, "{}", cells.kind);
        assert_eq!(rows(&shop).await, (0, 0, 0), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reminds_of_a_cart_learns_who_left_it_and_how_they_come_back() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let nobody = shop.cart().await;
        let (carts, tenant) = (&shop.carts, shop.tenant);
        let of = async |shopper: &Shopper| {
            let recovery = carts.recovery(tenant, shopper.cart_id()).await;
            recovery.expect("a read")
        };
        assert_eq!(of(&nobody).await, None, "{}", cells.kind);
        nobody.add(MUG, 1).await;
        assert_eq!(of(&nobody).await, None, "{}: no address", cells.kind);
        let shopper = left(&shop).await;
        let recovery = of(&shopper).await.expect("it was left");
        assert_eq!(recovery.key, shopper.key(), "{}", cells.kind);
        assert_eq!(recovery.email, "jo@example.com", "{}", cells.kind);
        let view = carts.view(tenant, &shopper.key()).await;
        assert_eq!(recovery.view, view.expect("the cart"), "{}", cells.kind);
        take(&shop, &shopper, Step::Freeze).await;
        take(&shop, &shopper, Step::Complete).await;
        assert_eq!(of(&shopper).await, None, "{}: it was bought", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_round_removes_more_than_one_step_may() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        for _ in 0..120 {
            let created = shop.carts.create(shop.tenant, Currency::EUR).await;
            created.expect("a cart");
        }
        after(&shop, &cells, 30 * DAY).await;
        assert_eq!(rows(&shop).await, (0, 0, 0), "{}", cells.kind);
        let before = cells.storage().stats().read().statements;
        shop.sweep(&cells).await;
        let spent = cells.storage().stats().read().statements - before;
        // Which tenants there are, where this one lives, and whether anything is due.
        assert!(
            spent <= 3,
            "{}: {spent} statements for nothing due",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_from_before_the_sweep_are_looked_at_once_and_lose_nothing() {
    const OLD: &str = "UPDATE cart_cart SET look_at = 0 WHERE tenant_id = :tenant";
    const DUE: &str = "SELECT count(*) FROM cart_cart WHERE tenant_id = :tenant AND look_at = 0";
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let (open, frozen, bought) = (left(&shop).await, left(&shop).await, left(&shop).await);
        take(&shop, &frozen, Step::Freeze).await;
        take(&shop, &bought, Step::Complete).await;
        let aged = shop
            .db
            .write(async move |tx: &mut Tx<'_>| tx.execute(OLD, params![]).await);
        assert_eq!(aged.await.expect("an update"), 3, "{}", cells.kind);
        assert_eq!(after(&shop, &cells, MINUTE).await, 0, "{}", cells.kind);
        let due = shop.db.fetch(DUE, params![], |row| row.get::<i64>(0)).await;
        assert_eq!(due.expect("a count"), [0], "{}", cells.kind);
        for shopper in [&open, &frozen, &bought] {
            assert!(is_there(shopper).await, "{}", cells.kind);
        }
        assert_eq!(after(&shop, &cells, HOUR).await, 1, "{}", cells.kind);
        assert_eq!(shop.abandoned(&cells).await[0].cart, open.cart_id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_found_by_an_index() {
    const SQL: &str = "EXPLAIN QUERY PLAN SELECT id FROM cart_cart \
         WHERE tenant_id = :tenant AND look_at <= $1 ORDER BY look_at, id LIMIT $2";
    let cells = stoa_testkit::sqlite(&[stoa_cart::MIGRATIONS], Isolation::Shared).await;
    let db = cells.db(cells.tenant("one").await).await;
    let plan: Vec<String> = db
        .fetch(SQL, params![cells.deps.now(), 50_i64], |row| row.get(3))
        .await
        .expect("a plan");
    assert!(
        plan[0].contains("SEARCH cart_cart USING") && plan[0].contains("cart_cart_look"),
        "{plan:?}"
    );
}
