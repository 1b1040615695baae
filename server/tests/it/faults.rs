//! A payment provider behind a line that drops, delays, repeats and breaks what it carries, and that
//! ignores idempotency keys: whatever is sent blindly twice shows there as a second charge.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use stoa_testkit::{Fault, FaultProxy};

use crate::audit::Books;
use crate::support::{Backend, Merchant, Placed, Shopper, Stoa, answer, backends, seeds};

const BUYERS: usize = 16;
const SEEDS: u64 = 2;
/// Shops at once, each over a line of its own.
const WORLDS: usize = 4;
const SECRET_KEY: &str = "sk_test_of_the_suite";
const WEBHOOK_SECRET: &str = "whsec_of_the_suite";
/// Beyond what a call of the shop waits.
const TOO_LATE: Duration = Duration::from_secs(22);
/// Exchanges after which the line behaves, so that everything can settle.
const BROKEN_MAX: usize = BUYERS * 8;
const UNITS: i64 = 10_000;

/// The provider as it sees itself.
struct Witness {
    url: String,
    client: reqwest::Client,
}

impl Witness {
    async fn list(&self, what: &str) -> Vec<Value> {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let mut url = format!("{}/v1/{what}?limit=100", self.url);
            if let Some(last) = rows.last() {
                url += &format!("&starting_after={}", last["id"].as_str().expect("an id"));
            }
            let request = self.client.get(url).bearer_auth(SECRET_KEY);
            let (status, page) = answer(request).await.expect("an answer");
            assert_eq!(status, 200, "{page}");
            rows.extend(page["data"].as_array().expect("a list").iter().cloned());
            if page["has_more"] != true {
                return rows;
            }
        }
    }

    /// Intents of the shop that `order` is of. Others use the same server.
    async fn intents_of_shop(&self, order: &str) -> Vec<Value> {
        let all = self.list("payment_intents").await;
        let ours = all
            .iter()
            .find(|intent| intent["metadata"]["order"] == order);
        let tenant = ours.expect("an intent of the order")["metadata"]["tenant"].clone();
        all.into_iter()
            .filter(|intent| intent["metadata"]["tenant"] == tenant)
            .collect()
    }

    /// Charges that took money, as the test provider would list them.
    async fn charges(&self, intents: &[Value]) -> Vec<Value> {
        let order_of: HashMap<&str, &Value> = intents
            .iter()
            .map(|intent| {
                (
                    intent["id"].as_str().expect("an id"),
                    &intent["metadata"]["order"],
                )
            })
            .collect();
        let all = self.list("charges").await;
        let taken = all
            .iter()
            .filter(|charge| charge["status"] == "succeeded" && charge["captured"] == true);
        taken
            .filter_map(|charge| {
                let order = order_of.get(charge["payment_intent"].as_str()?)?;
                Some(json!({ "order_id": order, "amount": charge["amount"],
                    "refunded": charge["amount_refunded"] }))
            })
            .collect()
    }
}

/// What the line does to each exchange, from a seed. Refunds reach a server without keys, so a line
/// that repeats one, or swallows it before it was seen, would decide the outcome by itself.
fn plan(seed: u64) -> impl Fn(usize, &str) -> Fault {
    move |number, request| {
        if number >= BROKEN_MAX {
            return Fault::None;
        }
        let mut random = fastrand::Rng::with_seed(seed ^ (number as u64) << 20);
        let moment = Duration::from_millis(random.u64(50..400));
        let after = [
            Fault::CutAfter,
            Fault::ErrorAfter,
            Fault::CutWithin,
            Fault::Delay(moment),
        ];
        let before = [Fault::CutBefore, Fault::Error, Fault::Twice];
        match random.usize(0..14) {
            _ if number == BUYERS => Fault::Delay(TOO_LATE),
            choice @ 0..4 => after[choice],
            choice @ 4..7 if !request.starts_with("POST /v1/refunds") => before[choice - 4],
            _ => Fault::None,
        }
    }
}

struct Shop {
    _stoa: Stoa,
    merchant: Merchant,
    shopper: Shopper,
    variant: String,
    proxy: FaultProxy,
    witness: Witness,
}

impl Shop {
    async fn start(backend: &Backend, server: &str) -> Self {
        let upstream = server.trim_start_matches("http://").trim_end_matches('/');
        let proxy = FaultProxy::start(upstream.parse().expect("an address")).await;
        let environment = [("STOA_ALLOW_LOOPBACK", "true"), ("STOA_LOG", "error")];
        let stoa = Stoa::start(backend, &[], &environment).await;
        let merchant = Merchant::new(&stoa.url(), "demo", &stoa.key("sk_"));
        let shopper = Shopper::new(&stoa.url(), "demo");
        let variant = crate::race::any_variant(&shopper).await;
        merchant.set_stock(&variant, UNITS).await;
        let provider = json!({
            "id": "stripe", "kind": "stripe", "title": "Card", "base_url": proxy.url(),
            "secret_key": SECRET_KEY, "webhook_secret": WEBHOOK_SECRET,
        });
        let (status, made) = merchant
            .post("/api/v1/admin/payments/providers", &provider)
            .await;
        assert_eq!(status, 201, "{made}");
        Self {
            _stoa: stoa,
            merchant,
            shopper,
            variant,
            proxy,
            witness: Witness {
                url: server.trim_end_matches('/').to_owned(),
                client: reqwest::Client::new(),
            },
        }
    }

    /// Buys with a card; every fourth is declined first, and another card pays.
    async fn buy(&self, number: usize) -> Placed {
        let cart = self
            .shopper
            .fill_cart(&self.variant, 1)
            .await
            .expect("a cart");
        let declines = number % 4 == 3;
        let first = if declines {
            "pm_card_chargeCustomerFail"
        } else {
            "pm_card_visa"
        };
        let mut placed = self.pay(&cart, first, "first").await;
        let mut status = self.shopper.settled_within(&placed, SETTLE_MAX).await;
        if declines {
            // Whatever answer the line lost, also that to the void: a decline stays one, and the order
            // waits for another card.
            assert_eq!(status["state"], "declined", "{status}");
            placed = self.pay(&cart, "pm_card_visa", "second").await;
            status = self.shopper.settled_within(&placed, SETTLE_MAX).await;
        }
        assert_eq!(status["state"], "paid", "{status}");
        placed
    }

    async fn pay(&self, cart: &crate::support::CartKey, token: &str, key: &str) -> Placed {
        let payment = json!({ "provider": "stripe", "token": token });
        let request = || self.shopper.checkout_request(cart, &payment, key);
        let (status, body) = self.shopper.insist(request).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        Placed::read(&body)
    }

    /// News of every intent, late, twice, out of order and contradicting each other.
    async fn gossip(&self, intents: &[Value]) {
        for (number, intent) in intents.iter().enumerate() {
            let id = intent["id"].as_str().expect("an id");
            for (kind, created) in [
                ("payment_intent.succeeded", 3),
                ("payment_intent.created", 1),
                ("payment_intent.payment_failed", 2),
                ("payment_intent.succeeded", 3),
            ] {
                let event = json!({ "id": format!("evt_{number}_{created}"), "type": kind,
                    "created": created, "data": { "object": { "id": id } } });
                self.tell(&event.to_string()).await;
            }
        }
    }

    async fn tell(&self, body: &str) {
        let seconds = std::time::UNIX_EPOCH
            .elapsed()
            .expect("after 1970")
            .as_secs();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("any length");
        mac.update(format!("{seconds}.{body}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let request = self
            .shopper
            .request(Method::POST, "/api/v1/webhooks/payments/stripe");
        let request = request
            .header("stripe-signature", format!("t={seconds},v1={signature}"))
            .header("content-type", "application/json")
            .body(body.to_owned());
        let (status, answer) = answer(request).await.expect("an answer");
        assert_eq!(status, 200, "{answer}");
    }

    /// Gives part of each payment back, in two refunds.
    async fn refund(&self, placed: &[Placed]) {
        for one in placed {
            let path = format!("/api/v1/admin/orders/{}/refunds", one.order);
            for part in [100, 150] {
                let body = json!({ "amount": { "amount": part, "currency": "EUR" } });
                let (status, made) = self.merchant.post(&path, &body).await;
                assert_eq!(status, 202, "{made}");
            }
        }
        for one in placed {
            crate::support::eventually("both refunds to be through", async || {
                let order = self.shopper.order(one).await;
                (order["refunded"]["amount"] == 250).then_some(())
            })
            .await;
        }
    }
}

/// A delayed answer, and the pauses between questions that follow it.
const SETTLE_MAX: Duration = Duration::from_secs(90);

async fn pay_through(backend: &Backend, server: &str, seed: u64) {
    let shop = Shop::start(backend, server).await;
    shop.proxy.misbehave(plan(seed));
    let placed = futures_util::future::join_all((0..BUYERS).map(|number| shop.buy(number))).await;
    let intents = shop.witness.intents_of_shop(&placed[0].order).await;
    shop.gossip(&intents).await;
    if shop
        .merchant
        .has_route("/api/v1/admin/orders/{order_id}/refunds")
        .await
    {
        shop.refund(&placed).await;
    }
    let stock = [(shop.variant.clone(), UNITS)].into();
    let mut books = Books::read(&shop.merchant, &placed, &stock).await;
    books.charges = shop.witness.charges(&intents).await;
    let seen = shop.proxy.seen();
    let broken = seen
        .iter()
        .filter(|exchange| exchange.fault != Fault::None)
        .count();
    assert!(
        broken > BUYERS / 2,
        "seed {seed}: only {broken} exchanges went wrong"
    );
    let faults = books.faults();
    assert_eq!(
        faults,
        Vec::<String>::new(),
        "{backend:?}, seed {seed}: {seen:#?}"
    );
    assert_eq!(books.charges.len(), BUYERS, "{backend:?}, seed {seed}");
    let audit = shop.merchant.get("/api/v1/admin/ledger/audit").await;
    assert_eq!(audit["mismatches"], json!([]), "{backend:?}, seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_faults_neither_charge_twice_nor_lose_a_payment() {
    let Some(server) = stoa_testkit::stripe_server() else {
        return;
    };
    let mut worlds = Vec::new();
    for seed in 0..seeds(SEEDS) {
        for backend in backends().await {
            let server = &server;
            worlds.push(async move { pay_through(&backend, server, seed).await });
        }
    }
    // They mostly wait for what the line holds back.
    let mut worlds = futures_util::stream::iter(worlds).buffer_unordered(WORLDS);
    while worlds.next().await.is_some() {}
}

/// The witness sees what it is there to see: the same intent confirmed through the line, and a
/// second one of the same order, as a blind resend would make.
#[tokio::test(flavor = "multi_thread")]
async fn a_blind_resend_shows_as_a_second_charge() {
    let Some(server) = stoa_testkit::stripe_server() else {
        return;
    };
    let shop = Shop::start(&Backend::Sqlite, &server).await;
    let placed = [shop.buy(0).await];
    let intents = shop.witness.intents_of_shop(&placed[0].order).await;
    let metadata = &intents[0]["metadata"];
    let form = [
        ("amount", intents[0]["amount"].to_string()),
        ("currency", "eur".to_owned()),
        ("payment_method", "pm_card_visa".to_owned()),
        ("confirm", "true".to_owned()),
        ("metadata[order]", placed[0].order.clone()),
        (
            "metadata[tenant]",
            metadata["tenant"].as_str().expect("a tenant").to_owned(),
        ),
    ];
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let blind = shop
        .witness
        .client
        .post(format!("{}/v1/payment_intents", shop.witness.url));
    let blind = blind
        .bearer_auth(SECRET_KEY)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.join("&"));
    let (status, made) = answer(blind).await.expect("an answer");
    assert_eq!(status, 200, "{made}");
    let stock = [(shop.variant.clone(), UNITS)].into();
    let mut books = Books::read(&shop.merchant, &placed, &stock).await;
    let intents = shop.witness.intents_of_shop(&placed[0].order).await;
    books.charges = shop.witness.charges(&intents).await;
    let faults = books.faults();
    let doubled = format!("{} was charged 2 times", placed[0].order);
    assert!(faults.contains(&doubled), "{faults:?}");
}
