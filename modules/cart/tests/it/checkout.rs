//! What checkout does with a cart, and what shoppers cannot do meanwhile.

use serde_json::json;
use stoa_contracts::cart::{CartStatus, CheckoutCart};
use stoa_kernel::{OrderId, Quantity};
use stoa_storage::{Error, Tx};

use crate::support::{CUP, MUG, Shop, Shopper, everywhere};

const ORDER: OrderId = OrderId::from_u128(77);

#[derive(Clone, Copy)]
enum Step {
    Freeze,
    Thaw,
    Complete,
}

/// Locks the cart, takes the step, and answers the cart as it was locked.
async fn take(shop: &Shop, shopper: &Shopper, step: Step) -> CheckoutCart {
    let (carts, id) = (shop.carts.clone(), shopper.cart_id());
    let found = shop.db.write(async move |tx: &mut Tx<'_>| {
        let cart = carts.lock(tx, id).await?;
        match step {
            Step::Freeze => carts.freeze(tx, id, ORDER).await?,
            Step::Thaw => carts.thaw(tx, id).await?,
            Step::Complete => carts.complete(tx, id).await?,
        }
        Ok::<_, Error>(cart)
    });
    found.await.expect("a transaction").expect("the cart")
}

async fn refuses_every_change(shopper: &Shopper) {
    let line = shopper.view().await["lines"][0]["id"]
        .as_str()
        .expect("a line")
        .to_owned();
    let attempts = [
        shopper.add(CUP, 1).await,
        shopper.set(&line, 2).await,
        shopper.remove(&line).await,
        shopper
            .update(&json!({ "email": "other@example.com" }))
            .await,
        shopper.see_notices().await,
    ];
    for refused in attempts {
        assert_eq!(refused.refusal(), (409, "cart_not_open"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_cart_can_be_seen_but_not_changed_until_it_is_thawed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        take(&shop, &shopper, Step::Freeze).await;
        refuses_every_change(&shopper).await;
        let cart = shopper.view().await;
        assert_eq!(
            (&cart["status"], &cart["order_id"]),
            (&json!("frozen"), &json!(ORDER))
        );
        take(&shop, &shopper, Step::Thaw).await;
        let added = shopper.add(CUP, 1).await;
        assert_eq!(added.status, 200, "{}: {}", cells.kind, added.json);
        let kept = (&added.json["status"], &added.json["order_id"]);
        assert_eq!(kept, (&json!("open"), &json!(ORDER)), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_cart_stays_completed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        take(&shop, &shopper, Step::Freeze).await;
        take(&shop, &shopper, Step::Complete).await;
        take(&shop, &shopper, Step::Thaw).await;
        refuses_every_change(&shopper).await;
        let cart = shopper.view().await;
        assert_eq!(
            (&cart["status"], &cart["order_id"]),
            (&json!("completed"), &json!(ORDER))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checkout_reads_everything_it_needs_under_the_lock() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 2).await;
        let last = shopper.add(CUP, 1).await;
        shopper
            .update(&json!({
                "email": "jo@example.com", "shipping_option_id": "express",
                "coupons": ["LATER"], "note": "Ring twice",
            }))
            .await;
        let two = Quantity::new(2).expect("from 1 up");
        let ahead = shop.carts.look(shop.tenant, &shopper.key()).await;
        let locked = take(&shop, &shopper, Step::Freeze).await;
        assert_eq!(ahead.expect("a read").as_ref(), Some(&locked));
        assert_eq!(
            locked,
            CheckoutCart {
                id: shopper.cart_id(),
                status: CartStatus::Open,
                currency: stoa_kernel::Currency::EUR,
                email: Some("jo@example.com".to_owned()),
                shipping_address: None,
                billing_address: None,
                shipping_option_id: Some("express".to_owned()),
                coupons: vec!["LATER".to_owned()],
                note: Some("Ring twice".to_owned()),
                customer: None,
                lines: vec![
                    (last.line(0).parse().expect("an id"), MUG, two),
                    (last.line(1).parse().expect("an id"), CUP, Quantity::ONE),
                ],
                order: None,
            },
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_while_checkout_takes_the_cart_is_in_it_or_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&cells, MUG, 100).await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        let add = |_| {
            let shopper = shopper.clone();
            tokio::spawn(async move { shopper.add(MUG, 1).await })
        };
        let mut adding: Vec<_> = (0..6).map(add).collect();
        let (taker, takes) = (shop.clone(), shopper.clone());
        let taking = tokio::spawn(async move { take(&taker, &takes, Step::Freeze).await });
        adding.extend((0..6).map(add));
        let taken = taking.await.expect("no panic");
        let mut added = 1;
        for add in adding {
            let answer = add.await.expect("no panic");
            match answer.status {
                200 => added += 1,
                _ => assert_eq!(answer.refusal(), (409, "cart_not_open"), "{}", cells.kind),
            }
        }
        assert_eq!(taken.lines[0].2.get(), added, "{}", cells.kind);
        let cart = shopper.view().await;
        assert_eq!(cart["lines"][0]["quantity"], added, "{}", cells.kind);
        assert_eq!(cart["version"], added + 2, "{}", cells.kind);
    }
}
