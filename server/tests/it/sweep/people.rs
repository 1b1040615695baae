//! The people of the sweep: shoppers and staff who want one thing each and do not give up, however
//! often the shop dies in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{CartKey, Merchant, Placed, Shopper, address};

/// How long one visit keeps the next from beginning.
const VISIT_TIME: Duration = Duration::from_millis(1_500);

/// Of one person, under way at once.
const VISITS_MAX: usize = 8;
/// Between two looks at an order; longer each time, for the looks of many are a load as well.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What somebody comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    Pays,
    /// Declined at first; another card pays.
    Declined,
    /// Sent to the bank; every third turns back there.
    Redirected,
    Delayed,
    /// Charged, and the provider's answer is lost.
    Unanswered,
    /// Staff take the money later.
    CapturedLater,
    /// Staff give money back in parts.
    Refunded,
    /// Staff cancel what was paid.
    Canceled,
    /// Canceled while the payment is under way.
    Regrets,
    /// Packed, and unpacked again before it leaves.
    Packed,
}

impl Habit {
    const fn token(self, round: usize) -> &'static str {
        match self {
            Self::Pays | Self::Canceled | Self::Packed => "tok_success",
            Self::Declined => "tok_decline",
            Self::Redirected => "tok_3ds",
            Self::Regrets if round.is_multiple_of(2) => "tok_3ds",
            Self::Delayed | Self::Regrets => "tok_delay",
            Self::Unanswered => "tok_timeout_after_charge",
            Self::CapturedLater => "tok_capture_later",
            Self::Refunded if round % 3 == 1 => "tok_refund_timeout",
            Self::Refunded if round % 3 == 2 => "tok_refund_decline",
            Self::Refunded => "tok_success",
        }
    }
}

#[derive(Clone)]
pub(super) struct People {
    pub(super) shopper: Shopper,
    pub(super) merchant: Merchant,
    /// Of these there is plenty.
    pub(super) goods: Vec<String>,
    /// Of this there is not.
    pub(super) scarce: String,
    pub(super) placed: Arc<Mutex<Vec<Placed>>>,
    pub(super) done: Arc<AtomicBool>,
}

impl People {
    /// Comes back until the world ends, and at least once. Who has to wait (a job that died with its
    /// process is somebody's until its lease ends) is followed by the next.
    pub(super) async fn live(self, number: usize, habit: Habit) {
        let mut visits = std::collections::VecDeque::new();
        let mut round = 0;
        while round == 0 || !self.done.load(Ordering::Acquire) {
            let me = self.clone();
            let mut visit = tokio::spawn(async move { me.come(habit, number, round).await });
            match tokio::time::timeout(VISIT_TIME, &mut visit).await {
                Ok(ended) => ended.expect("a visit without a fault"),
                Err(_) => visits.push_back(visit),
            }
            if visits.len() > VISITS_MAX {
                let oldest = visits.pop_front().expect("more than none");
                oldest.await.expect("a visit without a fault");
            }
            round += 1;
        }
        for visit in visits {
            visit.await.expect("a visit without a fault");
        }
    }

    async fn come(&self, habit: Habit, number: usize, round: usize) {
        let key = format!("{habit:?}-{number}-{round}");
        let token = habit.token(round);
        let variant = match habit {
            Habit::Pays if round % 4 == 3 => &self.scarce,
            _ => &self.goods[(number + round) % self.goods.len()],
        };
        let Some(cart) = self.fill(variant).await else {
            return;
        };
        let Some(placed) = self.pay(&cart, token, &key).await else {
            return;
        };
        match habit {
            Habit::Declined => {
                self.until_settled(&placed).await;
                let again = self
                    .pay(&cart, "tok_success", &format!("{key}-again"))
                    .await;
                assert_eq!(
                    again.as_ref().map(|placed| &placed.order),
                    Some(&placed.order)
                );
            }
            Habit::Redirected => self.visit_bank(&placed, round % 3 != 2).await,
            Habit::CapturedLater => self.capture(&placed, &key).await,
            Habit::Refunded => {
                self.until_settled(&placed).await;
                for part in 0..2 {
                    let body = json!({ "amount": { "amount": 100, "currency": "EUR" } });
                    self.care(&placed, "refunds", &body, &format!("{key}-{part}"))
                        .await;
                }
            }
            Habit::Canceled => {
                self.until_settled(&placed).await;
                self.care(&placed, "cancel", &json!({ "reason": "changed" }), &key)
                    .await;
            }
            Habit::Regrets => {
                // Half of them once the provider has it, half before: then its job finds the order
                // canceled.
                let under_way = |body: &Value| {
                    let state = &body["payment"]["state"];
                    state == "processing" || state == "requires_action" || body["settled"] == true
                };
                if (round / 2).is_multiple_of(2) {
                    self.until(&placed, under_way).await;
                }
                self.care(&placed, "cancel", &json!({ "reason": "regrets" }), &key)
                    .await;
            }
            Habit::Packed => {
                self.until_settled(&placed).await;
                let parcel = self.care(&placed, "fulfilments", &json!({}), &key).await;
                let parcel = parcel["id"].as_str().expect("an id");
                let unpack = format!("fulfilments/{parcel}/cancel");
                self.care(&placed, &unpack, &json!({}), &key).await;
            }
            Habit::Pays | Habit::Delayed | Habit::Unanswered => {}
        }
        self.until_settled(&placed).await;
    }

    /// A cart with one unit; a line that was added twice over a crash makes it two.
    /// `None` where there is no unit left.
    async fn fill(&self, variant: &str) -> Option<CartKey> {
        let shopper = &self.shopper;
        let send = async |method: Method, path: &str, token: &str, body: Value| {
            let (status, view) = shopper
                .insist(|| {
                    let request = shopper.request(method.clone(), path);
                    request.header("stoa-cart-token", token).json(&body)
                })
                .await;
            let short = status == 409 && view["code"] == "insufficient_stock";
            assert!(status.is_success() || short, "{path}: {status} {view}");
            (!short).then_some(view)
        };
        let made = send(Method::POST, "/api/v1/carts", "", json!({})).await?;
        let cart = CartKey::read(&made);
        let path = format!("/api/v1/carts/{}", cart.id);
        let line = json!({ "variant_id": variant, "quantity": 1 });
        send(Method::POST, &format!("{path}/lines"), &cart.token, line).await?;
        let details = json!({ "email": "ada@example.com", "shipping_address": address(),
            "shipping_option_id": "standard" });
        send(Method::PATCH, &path, &cart.token, details).await?;
        Some(cart)
    }

    /// `None` where its stock is gone.
    async fn pay(&self, cart: &CartKey, token: &str, key: &str) -> Option<Placed> {
        let payment = json!({ "provider": "test", "token": token });
        let request = || self.shopper.checkout_request(cart, &payment, key);
        let (status, body) = self.shopper.insist(request).await;
        if status == 409 && body["code"] == "out_of_stock" {
            return None;
        }
        assert_eq!(status, 202, "{body}");
        let placed = Placed::read(&body);
        self.placed.lock().expect("placed").push(placed.clone());
        Some(placed)
    }

    /// The status document once `look` is content with it.
    async fn until(&self, placed: &Placed, look: impl Fn(&Value) -> bool) -> Value {
        let mut pause = PAUSE_MIN;
        loop {
            let request = || self.shopper.request(Method::GET, &placed.status_url);
            let (status, body) = self.shopper.insist(request).await;
            assert_eq!(status, 200, "{body}");
            if look(&body) {
                return body;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Orders that are not settled, each with what happened to it.
    pub(super) async fn open(&self) -> Vec<[Value; 2]> {
        let all = self.placed.lock().expect("placed").clone();
        let mut open = Vec::new();
        for placed in all {
            let request = || self.shopper.request(Method::GET, &placed.status_url);
            let (_, status) = self.shopper.insist(request).await;
            if status["settled"] != true {
                let path = format!("/api/v1/admin/orders/{}/timeline", placed.order);
                let request = || self.merchant.request(Method::GET, &path);
                open.push([status, self.merchant.insist(request).await.1]);
            }
        }
        open
    }

    async fn until_settled(&self, placed: &Placed) {
        self.until(placed, |body| body["settled"] == true).await;
    }

    async fn visit_bank(&self, placed: &Placed, approves: bool) {
        let waits = |body: &Value| body["next_action_url"].is_string() || body["settled"] == true;
        let status = self.until(placed, waits).await;
        let Some(page) = status["next_action_url"].as_str() else {
            return;
        };
        let decision = if approves {
            "decision=approve"
        } else {
            "decision=reject"
        };
        let request = || {
            let request = self.shopper.request(Method::POST, page);
            let form = "application/x-www-form-urlencoded";
            request.header("content-type", form).body(decision)
        };
        self.shopper.insist(request).await;
    }

    async fn capture(&self, placed: &Placed, key: &str) {
        let status = self
            .until(placed, |body| body["state"] == "authorized")
            .await;
        let attempt = status["payment"]["id"].as_str().expect("an id");
        let path = format!("/api/v1/admin/payments/{attempt}/capture");
        let request = || {
            let request = self.merchant.request(Method::POST, &path);
            request.header("idempotency-key", key).json(&json!({}))
        };
        let (status, body) = self.merchant.insist(request).await;
        assert_eq!(status, 200, "{body}");
        self.until(placed, |body| body["payment_status"] == "paid")
            .await;
    }

    async fn care(&self, placed: &Placed, what: &str, body: &Value, key: &str) -> Value {
        let path = format!("/api/v1/admin/orders/{}/{what}", placed.order);
        let request = || {
            let request = self.merchant.request(Method::POST, &path);
            request.header("idempotency-key", key).json(body)
        };
        let (status, answer) = self.merchant.insist(request).await;
        assert!(
            status.is_success() || status == 409,
            "{path}: {status} {answer}"
        );
        answer
    }
}
