//! Many hands, few things: units, uses of a coupon, money of one payment, one cart.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::audit::Books;
use crate::support::{
    Backend, Bus, CartKey, Merchant, Placed, Shopper, Stoa, answer, backends, buses,
};

const BUYERS: usize = 1_000;
const UNITS: i64 = 10;
/// Where stock is that nobody put elsewhere.
const HOME: &str = "loc_00000000000000000000000000";
/// Carts filled at once.
const FILLING_MAX: usize = 64;
/// Refusals to come back later that one buyer bears.
const TURNS_MAX: usize = 100;

/// Some variant of the demo shop that is for sale.
pub(crate) async fn any_variant(shopper: &Shopper) -> String {
    let (_, list) = shopper.get("/api/v1/products?limit=1").await;
    let handle = list["data"][0]["handle"]
        .as_str()
        .expect("a handle")
        .to_owned();
    shopper.product(&handle).await["variants"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

/// Every database over the embedded bus, and the last of them over JetStream.
async fn worlds() -> Vec<(Backend, Bus)> {
    let mut worlds: Vec<_> = backends()
        .await
        .into_iter()
        .map(|backend| (backend, Bus::Embedded))
        .collect();
    if let Some(nats) = buses().into_iter().nth(1) {
        let backend = backends().await.pop().expect("a database");
        worlds.push((backend, nats));
    }
    worlds
}

struct Race {
    shop: Stoa,
    merchant: Merchant,
    shopper: Shopper,
    variant: String,
}

impl Race {
    async fn start(backend: &Backend, bus: &Bus) -> Self {
        let mut environment = bus.environment();
        environment.push(("STOA_LOG", "warn"));
        let shop = Stoa::start(backend, &[], &environment).await;
        let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
        let shopper = Shopper::new(&shop.url(), "demo");
        let variant = any_variant(&shopper).await;
        // Carts are filled while there is plenty, so that all of them race for the last units.
        merchant.set_stock(&variant, 1_000_000).await;
        Self {
            shop,
            merchant,
            shopper,
            variant,
        }
    }

    async fn carts(&self, count: usize) -> Vec<CartKey> {
        futures_util::stream::iter(0..count)
            .map(|_| async {
                self.shopper
                    .fill_cart(&self.variant, 1)
                    .await
                    .expect("a cart")
            })
            .buffer_unordered(FILLING_MAX)
            .collect()
            .await
    }

    /// All carts are paid for at once; who is told to wait in line comes back with the same key.
    /// Returns the orders, and how often each refusal was the last word.
    async fn buy(&self, carts: Vec<CartKey>) -> (Vec<Placed>, BTreeMap<String, usize>) {
        let buying: Vec<_> = carts
            .into_iter()
            .map(|cart| tokio::spawn(buy_in_line(self.shopper.clone(), cart)))
            .collect();
        let mut placed = Vec::new();
        let mut refused = BTreeMap::new();
        for one in buying {
            let (status, body) = one.await.expect("no panic");
            match status {
                StatusCode::ACCEPTED => placed.push(Placed::read(&body)),
                _ => {
                    let code = body["code"].as_str().unwrap_or("no code");
                    *refused.entry(format!("{status} {code}")).or_default() += 1;
                }
            }
        }
        (placed, refused)
    }

    async fn settle_paid(&self, placed: &[Placed]) {
        for one in placed {
            let status = self.shopper.settled(one).await;
            assert_eq!(status["order"]["payment_status"], "paid", "{status}");
        }
    }

    async fn books(&self, placed: &[Placed], on_hand: i64) -> Books {
        let stock = [(self.variant.clone(), on_hand)].into();
        let books = Books::read(&self.merchant, placed, &stock).await;
        assert_eq!(books.faults(), Vec::<String>::new());
        books
    }
}

async fn buy_in_line(shopper: Shopper, cart: CartKey) -> (StatusCode, Value) {
    for _ in 0..TURNS_MAX {
        let answer = shopper.checkout(&cart, "tok_success", &cart.id).await;
        let (status, body) = answer.expect("an answer");
        if status != StatusCode::TOO_MANY_REQUESTS {
            return (status, body);
        }
        assert_eq!(body["code"], "in_line", "{body}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("always in line");
}

fn out_of_stock(times: usize) -> BTreeMap<String, usize> {
    [("409 Conflict out_of_stock".to_owned(), times)].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn race_of_a_thousand_buyers_for_ten_units_sells_exactly_ten() {
    for (backend, bus) in worlds().await {
        let race = Race::start(&backend, &bus).await;
        let carts = race.carts(BUYERS).await;
        race.merchant.set_stock(&race.variant, UNITS).await;
        let (placed, refused) = race.buy(carts).await;
        let sold = UNITS as usize;
        assert_eq!(placed.len(), sold, "{backend:?} {bus:?}: {refused:?}");
        assert_eq!(refused, out_of_stock(BUYERS - sold), "{backend:?} {bus:?}");
        race.settle_paid(&placed).await;
        assert_eq!(race.merchant.level(&race.variant).await, (UNITS, UNITS));
        let books = race.books(&placed, UNITS).await;
        assert_eq!(books.charges.len(), sold);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn race_for_the_same_item_added_twice_counts_both() {
    for (backend, bus) in worlds().await {
        let race = Race::start(&backend, &bus).await;
        let carts = race.carts(BUYERS / 5).await;
        for cart in &carts {
            let path = format!("/api/v1/carts/{}/lines", cart.id);
            let again = race.shopper.request(Method::POST, &path);
            let again = again.header("stoa-cart-token", &cart.token);
            let line = json!({ "variant_id": race.variant, "quantity": 1 });
            let (status, view) = answer(again.json(&line)).await.expect("an answer");
            assert!(status.is_success(), "{view}");
        }
        // An odd unit stays: nobody gets half of what they asked for.
        race.merchant.set_stock(&race.variant, UNITS + 1).await;
        let (placed, refused) = race.buy(carts).await;
        let sold = UNITS as usize / 2;
        assert_eq!(placed.len(), sold, "{backend:?} {bus:?}: {refused:?}");
        assert_eq!(refused, out_of_stock(BUYERS / 5 - sold));
        race.settle_paid(&placed).await;
        assert_eq!(race.merchant.level(&race.variant).await, (UNITS + 1, UNITS));
        race.books(&placed, UNITS + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn race_for_stock_at_two_locations_sells_what_both_have() {
    for (backend, bus) in worlds().await {
        let race = Race::start(&backend, &bus).await;
        let carts = race.carts(BUYERS).await;
        let body = json!({ "name": "Barn", "priority": 1 });
        let (status, barn) = race.merchant.post("/api/v1/admin/locations", &body).await;
        assert_eq!(status, 201, "{barn}");
        for (place, units) in [(json!(HOME), UNITS - 3), (barn["id"].clone(), 3)] {
            let level =
                json!({ "variant_id": race.variant, "location_id": place, "on_hand": units });
            race.merchant.set_level(level).await;
        }
        let (placed, refused) = race.buy(carts).await;
        let sold = UNITS as usize;
        assert_eq!(placed.len(), sold, "{backend:?} {bus:?}: {refused:?}");
        assert_eq!(refused, out_of_stock(BUYERS - sold), "{backend:?} {bus:?}");
        race.settle_paid(&placed).await;
        assert_eq!(race.merchant.level(&race.variant).await, (UNITS, UNITS));
        race.books(&placed, UNITS).await;
        let audit = race.merchant.get("/api/v1/admin/inventory/audit").await;
        assert_eq!(audit["mismatches"], json!([]), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn race_of_two_hundred_for_five_uses_of_a_coupon_gives_five() {
    const USES: usize = 5;
    const SHOPPERS: usize = 200;
    for (backend, bus) in worlds().await {
        let race = Race::start(&backend, &bus).await;
        let carts = race.carts(SHOPPERS).await;
        let coupon = json!({
            "title": "Five euros", "codes": ["FIVE"], "budget": { "uses_max": USES },
            "benefit": { "kind": "fixed_per_order", "amount": { "amount": 100, "currency": "EUR" } },
        });
        let (status, made) = race
            .merchant
            .post("/api/v1/admin/promotions", &coupon)
            .await;
        assert_eq!(status, 201, "{made}");
        for cart in &carts {
            let patch = race
                .shopper
                .request(Method::PATCH, &format!("/api/v1/carts/{}", cart.id));
            let patch = patch.header("stoa-cart-token", &cart.token);
            let patch = patch.json(&json!({ "coupons": ["FIVE"] }));
            let (status, view) = answer(patch).await.expect("an answer");
            assert_eq!(status, 200, "{view}");
        }
        let (placed, refused) = race.buy(carts).await;
        assert_eq!(placed.len(), USES, "{backend:?} {bus:?}: {refused:?}");
        let expected = [("409 Conflict coupon_refused".to_owned(), SHOPPERS - USES)];
        assert_eq!(refused, expected.into(), "{backend:?} {bus:?}");
        race.settle_paid(&placed).await;
        let books = race.books(&placed, 1_000_000).await;
        assert_eq!(books.orders.len(), USES);
        for order in &books.orders {
            assert_ne!(order["totals"]["discount"]["amount"], 0, "{order}");
        }
        let id = made["id"].as_str().expect("an id");
        let promotion = race
            .merchant
            .get(&format!("/api/v1/admin/promotions/{id}"))
            .await;
        assert_eq!(promotion["uses"], USES, "{promotion}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn race_of_one_key_and_many_keys_of_one_cart_makes_one_order() {
    const TRIES: usize = 100;
    for (backend, bus) in worlds().await {
        let race = Race::start(&backend, &bus).await;
        let cart = race.carts(1).await.remove(0);
        let tries: Vec<_> = (0..TRIES)
            .map(|number| {
                let (shopper, cart) = (race.shopper.clone(), cart.clone());
                let key = match number % 2 {
                    0 => "same".to_owned(),
                    _ => format!("key-{number}"),
                };
                tokio::spawn(async move { shopper.checkout(&cart, "tok_success", &key).await })
            })
            .collect();
        let mut placed = Vec::new();
        for one in tries {
            let (status, body) = one.await.expect("no panic").expect("an answer");
            assert_eq!(status, 202, "{backend:?} {bus:?}: {body}");
            placed.push(Placed::read(&body));
        }
        assert!(placed.iter().all(|one| one.order == placed[0].order));
        race.settle_paid(&placed[..1]).await;
        let books = race.books(&placed, 1_000_000).await;
        assert_eq!((books.orders.len(), books.charges.len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn race_of_fifty_refunds_never_gives_back_more_than_was_taken() {
    const TRIES: usize = 50;
    const PART: i64 = 100;
    for (backend, bus) in worlds().await {
        let race = Race::start(&backend, &bus).await;
        if !race
            .merchant
            .has_route("/api/v1/admin/orders/{order_id}/refunds")
            .await
        {
            return;
        }
        let cart = race.carts(1).await;
        let (placed, _) = race.buy(cart).await;
        race.settle_paid(&placed).await;
        let order = race.shopper.order(&placed[0]).await;
        let paid = order["paid"]["amount"].as_i64().expect("a number");
        // Parts of which only some fit, and the rest is smaller than one.
        let part = paid / 7 + PART;
        let path = format!("/api/v1/admin/orders/{}/refunds", placed[0].order);
        let tries: Vec<_> = (0..TRIES)
            .map(|_| {
                let (merchant, path) = (race.merchant.clone(), path.clone());
                let body = json!({ "amount": { "amount": part, "currency": "EUR" } });
                tokio::spawn(async move { merchant.post(&path, &body).await })
            })
            .collect();
        let mut accepted = 0;
        for one in tries {
            let (status, body) = one.await.expect("no panic");
            match status {
                StatusCode::ACCEPTED => accepted += 1,
                _ => assert_eq!(
                    (status.as_u16(), &body["code"]),
                    (409, &json!("refund_too_much")),
                    "{backend:?} {bus:?}"
                ),
            }
        }
        assert_eq!(
            accepted,
            paid / part,
            "{backend:?} {bus:?}: {part} of {paid}"
        );
        crate::support::eventually("the refunds to arrive", async || {
            let order = race.shopper.order(&placed[0]).await;
            (order["refunded"]["amount"] == accepted * part).then_some(())
        })
        .await;
        let books = race.books(&placed, 1_000_000).await;
        assert_eq!(books.charges[0]["refunded"], accepted * part);
        drop(race.shop);
    }
}
