//! A thousand shoppers for ten units: exactly ten are sold, and everybody is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stoa_checkout::Config;
use stoa_contracts::cart::{CartKey, CartUpdate};
use stoa_contracts::checkout::{Checkout, CheckoutError, PlaceOrder, Placed};
use stoa_contracts::orders::PaymentStatus;
use stoa_kernel::{OrderId, Quantity};
use stoa_storage::{Cause, Tx};
use stoa_telemetry::Metrics;

use crate::shop::{ON_HAND, Shop};

const SHOPPERS: usize = 1_000;
const WRITERS: usize = 32;
const TURNS_MAX: usize = 200;

/// A cart of one wallpaper, of which the shop has [`ON_HAND`].
async fn cart_of(shop: &Shop, shopper: usize) -> CartKey {
    let (carts, tenant) = (&shop.peers.carts, shop.tenant);
    let cart = shop.empty_cart().await;
    let added = carts
        .add_line(tenant, &cart, shop.wallpaper, Quantity::ONE)
        .await;
    added.expect(shop.kind);
    let update = CartUpdate {
        email: Some(format!("shopper{shopper}@example.com")),
        ..CartUpdate::default()
    };
    let updated = carts.update(tenant, &cart, update).await;
    updated.expect(shop.kind);
    cart
}

async fn carts(shop: &Shop) -> Vec<CartKey> {
    let mut made = Vec::new();
    for first in (0..SHOPPERS).step_by(WRITERS) {
        let last = SHOPPERS.min(first + WRITERS);
        made.extend(join_all((first..last).map(|shopper| cart_of(shop, shopper))).await);
    }
    made
}

/// Comes back with the same key as often as it is told to.
async fn insist(
    contract: Arc<dyn Checkout>,
    request: PlaceOrder,
) -> (Result<Placed, CheckoutError>, usize) {
    for turn in 0..TURNS_MAX {
        match contract.place(request.clone()).await {
            Err(CheckoutError::InLine { position, .. }) => assert!(position >= 1),
            other => return (other, turn),
        }
    }
    panic!("always in line")
}

/// Units that orders hold against those on the shelf: `None` where they agree.
async fn miscount(shop: &Shop, orders: &[OrderId], sold_to_each: i64) -> Option<(i64, i64)> {
    let (inventory, ids) = (shop.peers.inventory.clone(), orders.to_vec());
    let variant = shop.wallpaper;
    let db = shop.db().await;
    let (held, left) = db
        .write(async move |tx: &mut Tx<'_>| {
            let mut held = 0;
            for id in &ids {
                let holds = inventory.held(tx, *id).await?;
                held += holds.iter().map(|hold| hold.units).sum::<i64>();
            }
            let seen = inventory.availability(tx, &[variant]).await?;
            Ok::<_, stoa_storage::Error>((held, seen[0].units.unwrap_or_default()))
        })
        .await
        .expect(shop.kind);
    let sold = orders.len() as i64 * sold_to_each;
    let fits = held == sold && held + left == i64::from(ON_HAND);
    (!fits).then_some((held, left))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_a_thousand_for_ten_sells_ten_and_answers_everybody() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        // A narrow door, so that there is a line.
        let config = Config {
            placements_per_item_max: 4,
            line_time_max: Duration::from_millis(20),
            ..Config::new([5; 32])
        };
        let metrics = Metrics::new(shop.deps.now());
        let door =
            stoa_checkout::start(shop.deps.clone(), shop.peers.clone(), config, &metrics).contract;
        let carts = carts(&shop).await;
        let presses = carts.iter().enumerate().map(|(shopper, cart)| {
            let request = shop.request(cart, "tok_success", &format!("k{shopper}"));
            tokio::spawn(insist(door.clone(), request))
        });
        let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut orders, mut waited) = (Vec::new(), 0);
        for answer in join_all(presses.collect::<Vec<_>>()).await {
            let (answer, turns) = answer.unwrap();
            waited += turns;
            let word = match answer {
                Ok(placed) => {
                    orders.push(placed.order_id);
                    "sold"
                }
                Err(CheckoutError::Short { shortages }) => {
                    assert_eq!(shortages[0].available, 0, "{kind}");
                    "sold out"
                }
                Err(error) => panic!("{kind}: {error}"),
            };
            *answers.entry(word).or_default() += 1;
        }
        let expected = BTreeMap::from([("sold", 10), ("sold out", SHOPPERS - 10)]);
        assert_eq!(answers, expected, "{kind}: {waited} turns in line");
        shop.settle().await;
        for order in &orders {
            let order = shop.order(*order).await;
            assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        }
        assert_eq!(miscount(&shop, &orders, 1).await, None, "{kind}");
        // The count sees a unit that was given away twice.
        let (inventory, cause) = (shop.peers.inventory.clone(), Cause::system(shop.deps.now()));
        let first = orders[0];
        let db = shop.db().await;
        db.write(async move |tx: &mut Tx<'_>| inventory.release(tx, first, &cause).await)
            .await
            .expect(kind);
        assert_eq!(miscount(&shop, &orders, 1).await, Some((9, 1)), "{kind}");
    }
}

#[tokio::test]
async fn whoever_bought_the_last_unit_gets_the_same_answer_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(ON_HAND).await;
        let placed = shop.place(&cart, "tok_success", "k1").await;
        for key in ["k1", "k2"] {
            let again = shop.place(&cart, "tok_success", key).await;
            assert_eq!(again, placed, "{kind}");
        }
    }
}
