//! Bundles after they were sold: sent in parts, taken back, refunded, changed and canceled. What counts
//! is what they were made of when they were sold.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use futures_util::future::join_all;
use serde_json::{Value, json};
use stoa_contracts::inventory::InitialLevel;
use stoa_contracts::orders::{FulfilmentStatus, OrderView, PaymentStatus};
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, Money, VariantId};
use stoa_storage::{Cause, Tx};
use tower::ServiceExt as _;

use crate::shop::{Shop, path, send};

const SET: i64 = 2_500;

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
        let made = self.post("/api/v1/admin/products", &body).await;
        let variant: VariantId = serde_json::from_value(made["variants"][0]["id"].clone()).unwrap();
        let price = NewPrice {
            variant,
            price: Money::new(SET, Currency::EUR),
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

    async fn recompose(&self, product: &str, parts: &[(VariantId, u32)]) {
        let body = json!({ "variants": [{ "components": parts_of(parts) }] });
        let request = Request::patch(format!("/api/v1/admin/products/{product}"))
            .header("host", "shop")
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk_staff")
            .header("if-match", "*")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.staff.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{}", self.kind);
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

    /// Pots, then cups: on hand and reserved.
    async fn shelves(&self) -> [(i64, i64); 2] {
        [self.stock(self.pot).await, self.stock(self.cup).await]
    }

    /// Levels are what their movements and holds say.
    async fn audited(&self) {
        let audit = self.get("/api/v1/admin/inventory/audit").await;
        assert_eq!(audit["mismatches"], json!([]), "{}: {audit}", self.kind);
    }
}

fn units(order: &OrderView, count: u32) -> Value {
    json!([{ "line_id": order.lines[0].id, "quantity": count }])
}

#[tokio::test]
async fn a_bundle_is_sent_in_parts_taken_back_and_refunded_as_it_was_sold() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (product, set) = shop.bundle(&[(shop.pot, 1), (shop.cup, 2)]).await;
        let order = shop.paid(&[(set, 3)]).await;
        assert_eq!(shop.shelves().await, [(10, 3), (10, 6)], "{kind}");
        // What it is made of from now on is nothing to this order.
        shop.recompose(&product, &[(shop.sticker, 7)]).await;
        let fulfil = path(order.id, "fulfilments");
        let body = json!({ "lines": units(&order, 1), "ship": true });
        let sent = shop.post(&fulfil, &body).await;
        assert_eq!(sent["lines"][0]["quantity"], 1, "{kind}");
        assert_eq!(shop.shelves().await, [(9, 2), (8, 4)], "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            view.fulfilment_status,
            FulfilmentStatus::PartiallyShipped,
            "{kind}"
        );
        // Packed and unpacked again.
        let packed = shop
            .post(&fulfil, &json!({ "lines": units(&order, 1) }))
            .await;
        assert_eq!(shop.shelves().await, [(8, 1), (6, 2)], "{kind}");
        let id = packed["id"].as_str().unwrap();
        let unpack = path(order.id, &format!("fulfilments/{id}/cancel"));
        shop.post(&unpack, &json!({})).await;
        assert_eq!(shop.shelves().await, [(9, 2), (8, 4)], "{kind}");
        // The one that was sent comes back.
        let opened = json!({ "lines": units(&order, 1) });
        let opened = shop.post(&path(order.id, "returns"), &opened).await;
        let id = opened["id"].as_str().unwrap();
        let receive = path(order.id, &format!("returns/{id}/receive"));
        let body = json!({ "restock": true, "refund": true });
        let received = shop.post(&receive, &body).await;
        assert_eq!(received["refund"]["amount"]["amount"], SET, "{kind}");
        shop.settle().await;
        assert_eq!(shop.shelves().await, [(10, 2), (10, 4)], "{kind}");
        // One that never left is refunded, the last one is sent.
        let refund = json!({ "lines": units(&order, 1) });
        shop.post(&path(order.id, "refunds"), &refund).await;
        shop.settle().await;
        assert_eq!(shop.shelves().await, [(10, 1), (10, 2)], "{kind}");
        let rest = shop.post(&fulfil, &json!({ "ship": true })).await;
        assert_eq!(rest["lines"][0]["quantity"], 1, "{kind}");
        assert_eq!(shop.shelves().await, [(9, 0), (8, 0)], "{kind}");
        assert_eq!(shop.stock(shop.sticker).await, (10, 0), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            (view.refunded.amount, view.payment_status),
            (2 * SET, PaymentStatus::PartiallyRefunded),
            "{kind}"
        );
        assert_eq!(view.fulfilment_status, FulfilmentStatus::Shipped, "{kind}");
        shop.audited().await;
    }
}

#[tokio::test]
async fn an_edit_moves_only_the_parts_that_change() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (product, set) = shop.bundle(&[(shop.pot, 1), (shop.cup, 2)]).await;
        let order = shop.paid(&[(set, 2)]).await;
        shop.recompose(&product, &[(shop.cup, 5)]).await;
        // One set less; a pot of its own in its place, which is held already.
        let body = json!({
            "set": [{ "line_id": order.lines[0].id, "quantity": 1 }],
            "add": [{ "variant_id": shop.pot, "quantity": 1 }],
        });
        shop.post(&path(order.id, "edits"), &body).await;
        assert_eq!(shop.shelves().await, [(10, 2), (10, 2)], "{kind}");
        shop.settle().await;
        // The same bundle once more is what it is made of now.
        let body = json!({ "add": [{ "variant_id": set, "quantity": 1 }] });
        let refused = shop.refusal(&path(order.id, "edits"), &body).await;
        assert_eq!(
            refused,
            (409, "order_state_conflict".to_owned()),
            "{kind}: money went back"
        );
        let other = shop.paid(&[(shop.pot, 1)]).await;
        shop.post(&path(other.id, "edits"), &body).await;
        assert_eq!(shop.shelves().await, [(10, 3), (10, 7)], "{kind}");
        let view = shop.order(other.id).await;
        let parts = &view.lines[1].components;
        assert_eq!((parts.len(), parts[0].quantity), (1, 5), "{kind}");
        // There are not enough cups for another: nothing is changed.
        let refused = shop.refusal(&path(other.id, "edits"), &body).await;
        assert_eq!(refused, (409, "out_of_stock".to_owned()), "{kind}");
        assert_eq!(shop.shelves().await, [(10, 3), (10, 7)], "{kind}");
        shop.audited().await;
    }
}

#[tokio::test]
async fn a_bundle_is_sent_in_exchange_and_drafted() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (_, set) = shop.bundle(&[(shop.cup, 4)]).await;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let fulfil = path(order.id, "fulfilments");
        shop.post(&fulfil, &json!({ "ship": true })).await;
        let body = json!({
            "lines": units(&order, 1),
            "exchange": [{ "variant_id": set, "quantity": 2 }],
        });
        let opened = shop.post(&path(order.id, "returns"), &body).await;
        let id = opened["id"].as_str().unwrap();
        let receive = path(order.id, &format!("returns/{id}/receive"));
        shop.post(&receive, &json!({ "restock": true })).await;
        assert_eq!(shop.shelves().await, [(10, 0), (10, 8)], "{kind}");
        shop.post(&fulfil, &json!({ "ship": true })).await;
        assert_eq!(shop.shelves().await, [(10, 0), (2, 0)], "{kind}");
        let draft = json!({
            "email": "ada@example.com",
            "lines": [{ "variant_id": set, "quantity": 1 }],
            "shipping_address": crate::shop::address(),
            "shipping_option_id": null,
        });
        let draft = shop.post("/api/v1/admin/draft-orders", &draft).await;
        assert_eq!(draft["lines"][0]["components"][0]["quantity"], 4, "{kind}");
        let order = draft["id"].as_str().unwrap().parse().unwrap();
        let token = shop.peers.orders.token(shop.tenant, order);
        let purchase = stoa_contracts::checkout::Purchase::Order { id: order, token };
        let request = shop.request(purchase, "tok_success", "k-draft");
        let refused = shop.peers.checkout.place(request).await.expect_err(kind);
        let stoa_contracts::checkout::CheckoutError::Short { shortages } = refused else {
            panic!("{kind}: {refused}")
        };
        let short = &shortages[0];
        assert_eq!(
            (short.variant, short.asked, short.available),
            (set, 1, 0),
            "{kind}"
        );
        shop.audited().await;
    }
}

/// What is done to one of many orders at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Send,
    SendAndTakeBack,
    Cancel,
    CancelAndKeep,
    Refund,
    PackAndUnpack,
}

const ACTS: [Act; 6] = [
    Act::Send,
    Act::SendAndTakeBack,
    Act::Cancel,
    Act::CancelAndKeep,
    Act::Refund,
    Act::PackAndUnpack,
];

/// Of what was taken: how much is gone from the shelves afterwards, and how much is still held.
const fn leaves(act: Act) -> (i64, i64) {
    match act {
        Act::Send | Act::CancelAndKeep => (1, 0),
        Act::SendAndTakeBack | Act::Cancel | Act::Refund => (0, 0),
        Act::PackAndUnpack => (0, 1),
    }
}

struct Hand {
    router: Router,
    order: OrderView,
    number: usize,
}

impl Hand {
    async fn post(&self, rest: &str, body: &Value) -> Value {
        let (path, key) = (path(self.order.id, rest), format!("{}{rest}", self.number));
        let (status, answer) = send(&self.router, "POST", &path, body, &key).await;
        assert!((200..300).contains(&status), "{rest}: {status} {answer}");
        answer
    }

    fn all(&self) -> Value {
        let lines = self.order.lines.iter();
        lines
            .map(|line| json!({ "line_id": line.id, "quantity": line.quantity }))
            .collect()
    }

    async fn act(self, act: Act) {
        match act {
            Act::Send => {
                self.post("fulfilments", &json!({ "ship": true })).await;
            }
            Act::SendAndTakeBack => {
                self.post("fulfilments", &json!({ "ship": true })).await;
                let opened = json!({ "lines": self.all() });
                let opened = self.post("returns", &opened).await;
                let id = opened["id"].as_str().unwrap();
                let body = json!({ "restock": true, "refund": true });
                self.post(&format!("returns/{id}/receive"), &body).await;
            }
            Act::Cancel | Act::CancelAndKeep => {
                let restock = act == Act::Cancel;
                let body = json!({ "reason": "no", "restock": restock });
                self.post("cancel", &body).await;
            }
            Act::Refund => {
                let body = json!({ "lines": self.all() });
                self.post("refunds", &body).await;
            }
            Act::PackAndUnpack => {
                let packed = self.post("fulfilments", &json!({})).await;
                let id = packed["id"].as_str().unwrap();
                self.post(&format!("fulfilments/{id}/cancel"), &json!({}))
                    .await;
            }
        }
    }
}

/// What is bought, and the pots and cups that it takes.
type Wish = (Vec<(VariantId, u32)>, [i64; 2]);

const ROUNDS: usize = 3;
const PLENTY: u32 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_of_parts_are_conserved_however_many_hands_move_them() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (_, set) = shop.bundle(&[(shop.pot, 1), (shop.cup, 2)]).await;
        shop.count(shop.pot, PLENTY).await;
        shop.count(shop.cup, PLENTY).await;
        let wishes: [Wish; 3] = [
            (vec![(set, 2)], [2, 4]),
            (vec![(shop.cup, 1), (set, 1)], [1, 3]),
            (vec![(shop.pot, 3)], [3, 0]),
        ];
        let mut expected = [(i64::from(PLENTY), 0); 2];
        for round in 0..ROUNDS {
            let mut hands = Vec::new();
            for (at, act) in ACTS.into_iter().enumerate() {
                let (goods, taken) = &wishes[(round + at) % wishes.len()];
                let order = shop.place(goods, "tok_success").await;
                let (gone, held) = leaves(act);
                for (shelf, units) in expected.iter_mut().zip(taken) {
                    *shelf = (shelf.0 - gone * units, shelf.1 + held * units);
                }
                hands.push((order, act));
            }
            shop.settle().await;
            let mut acts = Vec::new();
            for (number, (order, act)) in hands.into_iter().enumerate() {
                let hand = Hand {
                    router: shop.staff.clone(),
                    order: shop.order(order).await,
                    number: round * ACTS.len() + number,
                };
                acts.push(tokio::spawn(hand.act(act)));
            }
            for done in join_all(acts).await {
                done.unwrap();
            }
            shop.clock.advance(std::time::Duration::from_secs(120));
            shop.settle().await;
            assert_eq!(shop.shelves().await, expected, "{kind}: round {round}");
            shop.audited().await;
        }
        assert_eq!(
            shop.stock(set).await,
            (0, 0),
            "{kind}: it has none of its own"
        );
    }
}
