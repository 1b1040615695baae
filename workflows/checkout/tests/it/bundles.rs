//! Bundles on their way to an order: what is held for them, what is short, what they are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use futures_util::future::join_all;
use serde_json::{Value, json};
use stoa_contracts::cart::{CartError, CartKey, CartNotice};
use stoa_contracts::checkout::{Checkout, CheckoutError, PlaceOrder};
use stoa_contracts::inventory::{InitialLevel, Shortage};
use stoa_contracts::orders::PaymentStatus;
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, Money, OrderId, Quantity, VariantId};
use stoa_storage::{Cause, Tx, params};
use tower::ServiceExt as _;

use crate::shop::{ON_HAND, Shop};

const SET_PRICE: i64 = 2_500;

fn parts_of(parts: &[(VariantId, u32)]) -> Value {
    let parts = parts.iter();
    let parts = parts.map(|(id, units)| json!({ "variant_id": id, "quantity": units }));
    parts.collect()
}

impl Shop {
    /// A bundle of these: its product and its only variant.
    async fn bundle(&self, parts: &[(VariantId, u32)]) -> (String, VariantId) {
        let variants = json!([{ "components": parts_of(parts) }]);
        let body =
            json!({ "title": "Set", "kind": "bundle", "status": "active", "variants": variants });
        let made = self.staff_post("/api/v1/admin/products", &body).await;
        let variant: VariantId = serde_json::from_value(made["variants"][0]["id"].clone()).unwrap();
        let price = NewPrice {
            variant,
            price: Money::new(SET_PRICE, Currency::EUR),
            compare_at: None,
        };
        let (pricing, cause) = (self.peers.pricing.clone(), Cause::system(self.deps.now()));
        let db = self.db().await;
        let priced = db
            .write(async move |tx: &mut Tx<'_>| pricing.set_prices(tx, &[price], &cause).await)
            .await;
        priced.expect(self.kind);
        (made["id"].as_str().unwrap().to_owned(), variant)
    }

    async fn staff_send(&self, method: &str, path: &str, body: &Value) -> u16 {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop")
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk_staff")
            .header("if-match", "*")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.staff.clone().oneshot(request).await.unwrap();
        response.status().as_u16()
    }

    async fn cart_of(&self, goods: &[(VariantId, u32)]) -> CartKey {
        let cart = self.empty_cart().await;
        for &(variant, units) in goods {
            self.add(&cart, variant, units).await.expect(self.kind);
        }
        self.fill_in(&cart).await;
        cart
    }

    async fn add(&self, cart: &CartKey, variant: VariantId, units: u32) -> Result<(), CartError> {
        let units = Quantity::new(units).unwrap();
        let carts = &self.peers.carts;
        let added = carts.add_line(self.tenant, cart, variant, units).await;
        added.map(|_| ())
    }

    /// On hand and reserved.
    async fn on_shelf(&self, variant: VariantId) -> (i64, i64) {
        const SQL: &str = "SELECT CAST(coalesce(sum(on_hand), 0) AS BIGINT), \
             CAST(coalesce(sum(reserved), 0) AS BIGINT) FROM inventory_level \
             WHERE tenant_id = :tenant AND variant_id = $1";
        let db = self.db().await;
        let row = |row: &stoa_storage::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        db.fetch(SQL, params![variant], row).await.expect(self.kind)[0]
    }

    async fn count(&self, variant: VariantId, on_hand: u32) {
        let (inventory, cause) = (self.peers.inventory.clone(), Cause::system(self.deps.now()));
        let level = InitialLevel {
            variant,
            on_hand,
            backorder: false,
        };
        let db = self.db().await;
        db.write(async move |tx: &mut Tx<'_>| {
            inventory.set_initial(tx, &[level], true, &cause).await
        })
        .await
        .expect(self.kind);
    }

    /// Nobody counts it from now on.
    async fn uncounted(&self, variant: VariantId) {
        const SQL: &str = "UPDATE inventory_level SET tracked = 0 \
             WHERE tenant_id = :tenant AND variant_id = $1";
        let db = self.db().await;
        let changed = db
            .write(async move |tx: &mut Tx<'_>| tx.execute(SQL, params![variant]).await)
            .await;
        assert_eq!(changed.expect(self.kind), 1, "{}", self.kind);
    }

    async fn held(&self, order: OrderId) -> BTreeMap<VariantId, i64> {
        let (inventory, db) = (self.peers.inventory.clone(), self.db().await);
        let held = db
            .read(async move |tx: &mut Tx<'_>| inventory.held(tx, order).await)
            .await
            .expect(self.kind);
        let held = held.iter();
        held.map(|held| (held.variant, held.units)).collect()
    }
}

fn short(variant: VariantId, asked: i64, available: i64) -> Shortage {
    Shortage {
        variant,
        asked,
        available,
    }
}

#[tokio::test]
async fn a_bundle_holds_its_parts_beside_what_is_bought_alone() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (_, set) = shop.bundle(&[(shop.pot, 1), (shop.sticker, 2)]).await;
        let cart = shop.cart_of(&[(set, 2), (shop.sticker, 3)]).await;
        let placed = shop.place(&cart, "tok_success", "k1").await;
        let held = shop.held(placed.order_id).await;
        assert_eq!(
            held,
            BTreeMap::from([(shop.pot, 2), (shop.sticker, 7)]),
            "{kind}"
        );
        let order = shop.order(placed.order_id).await;
        let sold = order.lines.iter().find(|line| line.variant_id == set);
        let sold: Vec<(VariantId, u32, &str)> = sold
            .unwrap()
            .components
            .iter()
            .map(|part| (part.variant_id, part.quantity, part.title.as_str()))
            .collect();
        assert_eq!(
            sold,
            [(shop.pot, 1, "tea-pot"), (shop.sticker, 2, "sticker")],
            "{kind}"
        );
        let alone = order.lines.iter().find(|line| line.variant_id != set);
        assert_eq!(alone.unwrap().components, [], "{kind}");
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(shop.on_shelf(shop.pot).await, (10, 2), "{kind}");
        assert_eq!(shop.on_shelf(shop.sticker).await, (10, 7), "{kind}");
        assert_eq!(shop.on_shelf(set).await, (0, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_shortage_is_told_of_the_bundle_and_of_what_shares_its_parts() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (_, set) = shop.bundle(&[(shop.pot, 1), (shop.sticker, 4)]).await;
        let cart = shop.empty_cart().await;
        let refused = shop.add(&cart, set, 3).await.expect_err(kind);
        let CartError::Short {
            variant,
            asked,
            available,
        } = refused
        else {
            panic!("{kind}: {refused}")
        };
        assert_eq!((variant, asked, available), (set, 3, 2), "{kind}");
        shop.add(&cart, set, 2).await.expect(kind);
        let beside = shop.add(&cart, shop.sticker, 3).await.expect_err(kind);
        assert!(
            matches!(
                beside,
                CartError::Short {
                    asked: 3,
                    available: 2,
                    ..
                }
            ),
            "{kind}: {beside}"
        );
        shop.add(&cart, shop.sticker, 2).await.expect(kind);
        let shown = shop.fill_in(&cart).await;
        assert_eq!(shown.notices, [], "{kind}");
        // Another shopper is faster.
        let other = shop.cart_of(&[(shop.sticker, 1)]).await;
        shop.place(&other, "tok_success", "k1").await;
        let shown = shop.peers.carts.view(shop.tenant, &cart).await;
        let told = shown.expect(kind).notices;
        let told: Vec<i64> = told
            .iter()
            .map(|notice| match notice {
                CartNotice::StockShort { available, .. } => *available,
                other => panic!("{kind}: {other:?}"),
            })
            .collect();
        assert_eq!(told, [1, 1], "{kind}");
        let refused = shop.try_place(&cart, "tok_success", "k2").await;
        let Err(CheckoutError::Short { shortages }) = refused else {
            panic!("{kind}: {refused:?}")
        };
        let expected = [short(set, 2, 1), short(shop.sticker, 2, 1)];
        assert_eq!(shortages, expected, "{kind}");
        assert_eq!(shop.on_shelf(shop.pot).await, (10, 0), "{kind}");
        assert_eq!(shop.on_shelf(shop.sticker).await, (10, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_bundle_of_which_a_part_is_gone_cannot_be_bought() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let body = json!({ "title": "Lid", "status": "active" });
        let lid = shop.staff_post("/api/v1/admin/products", &body).await;
        let part: VariantId = serde_json::from_value(lid["variants"][0]["id"].clone()).unwrap();
        shop.count(part, 5).await;
        let (_, set) = shop.bundle(&[(shop.pot, 1), (part, 1)]).await;
        let cart = shop.cart_of(&[(set, 1)]).await;
        let path = format!("/api/v1/admin/products/{}", lid["id"].as_str().unwrap());
        assert_eq!(
            shop.staff_send("DELETE", &path, &json!({})).await,
            204,
            "{kind}"
        );
        let refused = shop.try_place(&cart, "tok_success", "k1").await;
        let Err(CheckoutError::NotForSale { variants }) = refused else {
            panic!("{kind}: {refused:?}")
        };
        assert_eq!(variants, [set], "{kind}");
        let shown = shop.peers.carts.view(shop.tenant, &cart).await.expect(kind);
        assert!(
            matches!(
                shown.notices[..],
                [CartNotice::StockShort { available: 0, .. }]
            ),
            "{kind}: {:?}",
            shown.notices
        );
    }
}

#[tokio::test]
async fn a_part_that_nobody_counts_is_never_short_and_held_nowhere() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.uncounted(shop.sticker).await;
        let (_, set) = shop.bundle(&[(shop.pot, 1), (shop.sticker, 100)]).await;
        let cart = shop.empty_cart().await;
        let refused = shop.add(&cart, set, 11).await.expect_err(kind);
        assert!(
            matches!(
                refused,
                CartError::Short {
                    asked: 11,
                    available: 10,
                    ..
                }
            ),
            "{kind}: {refused}"
        );
        shop.add(&cart, set, 3).await.expect(kind);
        shop.fill_in(&cart).await;
        let placed = shop.place(&cart, "tok_success", "k1").await;
        assert_eq!(
            shop.held(placed.order_id).await,
            BTreeMap::from([(shop.pot, 3)]),
            "{kind}"
        );
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
    }
}

#[tokio::test]
async fn a_payment_that_comes_late_takes_the_parts_as_they_were_sold() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (product, set) = shop.bundle(&[(shop.pot, 2)]).await;
        let cart = shop.cart_of(&[(set, 1)]).await;
        let placed = shop.place(&cart, "tok_success", "k1").await;
        let parts = parts_of(&[(shop.sticker, 5)]);
        let body = json!({ "variants": [{ "components": parts }] });
        let path = format!("/api/v1/admin/products/{product}");
        assert_eq!(shop.staff_send("PATCH", &path, &body).await, 200, "{kind}");
        // Its hold is lost while the money is on its way.
        let (inventory, cause) = (shop.peers.inventory.clone(), Cause::system(shop.deps.now()));
        let order = placed.order_id;
        let db = shop.db().await;
        db.write(async move |tx: &mut Tx<'_>| inventory.release(tx, order, &cause).await)
            .await
            .expect(kind);
        assert_eq!(shop.held(order).await, BTreeMap::new(), "{kind}");
        shop.settle().await;
        assert_eq!(
            shop.order(order).await.payment_status,
            PaymentStatus::Paid,
            "{kind}"
        );
        assert_eq!(
            shop.held(order).await,
            BTreeMap::from([(shop.pot, 2)]),
            "{kind}"
        );
        // Who buys it now buys what it is now.
        let cart = shop.cart_of(&[(set, 1)]).await;
        let placed = shop.place(&cart, "tok_success", "k2").await;
        assert_eq!(
            shop.held(placed.order_id).await,
            BTreeMap::from([(shop.sticker, 5)]),
            "{kind}"
        );
    }
}

/// Presses on Pay until it is known what became of it.
async fn buy(checkout: Arc<dyn Checkout>, request: PlaceOrder) -> Option<OrderId> {
    loop {
        match checkout.place(request.clone()).await {
            Ok(placed) => return Some(placed.order_id),
            Err(CheckoutError::Short { .. }) => return None,
            // Told its place in line: it comes again, as a shopper does.
            Err(CheckoutError::InLine { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

const SHOPPERS: usize = 36;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shoppers_of_bundles_and_of_their_parts_at_once_never_get_more_than_there_is() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (_, set) = shop.bundle(&[(shop.pot, 1), (shop.sticker, 2)]).await;
        let wishes = [
            vec![(set, 1)],
            vec![(shop.pot, 1)],
            vec![(shop.sticker, 1), (set, 1)],
        ];
        let mut carts = Vec::new();
        for shopper in 0..SHOPPERS {
            let wish = &wishes[shopper % wishes.len()];
            carts.push((wish, shop.cart_of(wish).await));
        }
        let tries = carts.iter().enumerate().map(|(at, (_, cart))| {
            let request = shop.request(cart, "tok_success", &format!("k{at}"));
            tokio::spawn(buy(shop.checkout.contract.clone(), request))
        });
        let ended = join_all(tries.collect::<Vec<_>>()).await;
        let mut taken: BTreeMap<VariantId, i64> = BTreeMap::new();
        let mut orders = Vec::new();
        for ((wish, _), order) in carts.iter().zip(ended) {
            let Some(order) = order.unwrap() else {
                continue;
            };
            for (variant, units) in *wish {
                let parts = match *variant == set {
                    true => vec![(shop.pot, 1), (shop.sticker, 2)],
                    false => vec![(*variant, 1)],
                };
                for (part, each) in parts {
                    *taken.entry(part).or_default() += each * i64::from(*units);
                }
            }
            orders.push(order);
        }
        let on_hand = i64::from(ON_HAND);
        assert!(
            taken.values().all(|units| *units <= on_hand),
            "{kind}: {taken:?}"
        );
        // Nobody was sent away while there was enough: pots alone were the last that could be had.
        assert_eq!(taken[&shop.pot], on_hand, "{kind}: {taken:?}");
        shop.settle().await;
        let mut held: BTreeMap<VariantId, i64> = BTreeMap::new();
        for order in orders {
            let view = shop.order(order).await;
            assert_eq!(view.payment_status, PaymentStatus::Paid, "{kind}");
            for (variant, units) in shop.held(order).await {
                *held.entry(variant).or_default() += units;
            }
        }
        assert_eq!(held, taken, "{kind}");
        for (variant, units) in taken {
            assert_eq!(shop.on_shelf(variant).await, (on_hand, units), "{kind}");
        }
    }
}
