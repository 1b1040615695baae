//! The people of a shop, over HTTP: one who buys, one who sells.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::process::{PATIENCE, eventually_within};

/// Somebody who buys.
#[derive(Clone)]
pub(crate) struct Shopper {
    client: Client,
    base: String,
    tenant: String,
}

/// What a checkout answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) order: String,
    pub(crate) token: String,
    pub(crate) status_url: String,
}

/// A cart and its secret.
#[derive(Debug, Clone)]
pub(crate) struct CartKey {
    pub(crate) id: String,
    pub(crate) token: String,
}

pub(crate) fn address() -> Value {
    json!({
        "name": "Ada Lovelace",
        "line1": "12 St James's Square",
        "city": "London",
        "postal_code": "SW1Y 4JH",
        "country": "GB",
    })
}

impl Shopper {
    pub(crate) fn new(base: &str, tenant: &str) -> Self {
        Self {
            client: Client::new(),
            base: base.to_owned(),
            tenant: tenant.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.base),
        };
        self.client
            .request(method, url)
            .header("stoa-tenant", &self.tenant)
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path))
            .await
            .expect("an answer")
    }

    /// A cart with `quantity` of a variant, an address and a way to ship it.
    pub(crate) async fn fill_cart(
        &self,
        variant: &str,
        quantity: u32,
    ) -> Result<CartKey, reqwest::Error> {
        let (status, cart) =
            answer(self.request(Method::POST, "/api/v1/carts").json(&json!({}))).await?;
        assert_eq!(status, StatusCode::CREATED, "{cart}");
        let key = CartKey::read(&cart);
        let line = json!({ "variant_id": variant, "quantity": quantity });
        let path = format!("/api/v1/carts/{}", key.id);
        let with_token = |request: RequestBuilder| request.header("stoa-cart-token", &key.token);
        let add = self
            .request(Method::POST, &format!("{path}/lines"))
            .json(&line);
        let (status, cart) = answer(with_token(add)).await?;
        assert!(status.is_success(), "{status} {cart}");
        let details = json!({ "email": "ada@example.com", "shipping_address": address() });
        let patch = self.request(Method::PATCH, &path).json(&details);
        let (status, cart) = answer(with_token(patch)).await?;
        assert!(status.is_success(), "{status} {cart}");
        let options = self.request(Method::GET, &format!("{path}/shipping-options"));
        let (_, options) = answer(with_token(options)).await?;
        let option = text(&options["data"][0]["id"]);
        let patch = self.request(Method::PATCH, &path);
        let patch = patch.json(&json!({ "shipping_option_id": option }));
        let (status, cart) = answer(with_token(patch)).await?;
        assert!(status.is_success(), "{status} {cart}");
        Ok(key)
    }

    pub(crate) async fn checkout(
        &self,
        cart: &CartKey,
        token: &str,
        key: &str,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        let payment = json!({ "provider": "test", "token": token });
        answer(self.checkout_request(cart, &payment, key)).await
    }

    /// Sends until it is answered: where no answer comes, or one that says to come again, the same
    /// is sent again.
    pub(crate) async fn insist(&self, request: impl Fn() -> RequestBuilder) -> (StatusCode, Value) {
        const PAUSE_MAX: Duration = Duration::from_millis(240);
        let mut pause = Duration::from_millis(15);
        loop {
            match answer(request()).await {
                Ok((status, body))
                    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS =>
                {
                    return (status, body);
                }
                _ => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    pub(crate) fn checkout_request(
        &self,
        cart: &CartKey,
        payment: &Value,
        key: &str,
    ) -> RequestBuilder {
        self.request(Method::POST, "/api/v1/checkouts")
            .header("stoa-cart-token", &cart.token)
            .header("idempotency-key", key)
            .json(&json!({ "cart_id": cart.id, "payment": payment }))
    }

    /// Buys and returns as soon as the order is placed.
    pub(crate) async fn place(&self, variant: &str, quantity: u32, token: &str) -> Placed {
        let cart = self.fill_cart(variant, quantity).await.expect("a cart");
        let (status, body) = self
            .checkout(&cart, token, &cart.id)
            .await
            .expect("an answer");
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        Placed::read(&body)
    }

    /// Waits until nothing more will happen to the order; returns its status document.
    pub(crate) async fn settled(&self, placed: &Placed) -> Value {
        self.settled_within(placed, PATIENCE).await
    }

    pub(crate) async fn settled_within(&self, placed: &Placed, patience: Duration) -> Value {
        eventually_within(patience, "the order to settle", async || {
            let (status, body) = answer(self.request(Method::GET, &placed.status_url))
                .await
                .ok()?;
            assert_eq!(status, StatusCode::OK, "{body}");
            (body["settled"] == true).then_some(body)
        })
        .await
    }

    pub(crate) async fn order(&self, placed: &Placed) -> Value {
        let path = format!("/api/v1/orders/{}", placed.order);
        let request = self
            .request(Method::GET, &path)
            .header("stoa-order-token", &placed.token);
        let (status, body) = answer(request).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    pub(crate) async fn product(&self, handle: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/products/{handle}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }
}

impl CartKey {
    pub(crate) fn read(body: &Value) -> Self {
        Self {
            id: text(&body["id"]),
            token: text(&body["token"]),
        }
    }
}

impl Placed {
    pub(crate) fn read(body: &Value) -> Self {
        Self {
            order: text(&body["order_id"]),
            token: text(&body["order_token"]),
            status_url: text(&body["status_url"]),
        }
    }
}

/// Somebody who sells, with the shop's secret key.
#[derive(Clone)]
pub(crate) struct Merchant {
    shopper: Shopper,
    key: String,
}

impl Merchant {
    pub(crate) fn new(base: &str, tenant: &str, key: &str) -> Self {
        Self {
            shopper: Shopper::new(base, tenant),
            key: key.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.shopper.request(method, path).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = answer(self.request(Method::GET, path))
            .await
            .expect("an answer");
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn insist(&self, request: impl Fn() -> RequestBuilder) -> (StatusCode, Value) {
        self.shopper.insist(request).await
    }

    /// A number of `/metrics`, by its name and labels as they are printed.
    pub(crate) async fn metric(&self, name: &str) -> Option<i64> {
        let response = self
            .shopper
            .request(Method::GET, "/metrics")
            .send()
            .await
            .ok()?;
        let text = response.text().await.ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    }

    /// Every row of a paged list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => format!("{path}{joint}limit=250&cursor={cursor}"),
                None => format!("{path}{joint}limit=250"),
            };
            let body = self.get(&page).await;
            rows.extend(body["data"].as_array().expect("a list").iter().cloned());
            cursor = body["pagination"]["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return rows;
            }
        }
    }

    pub(crate) async fn set_stock(&self, variant: &str, on_hand: i64) {
        let body = json!({ "variant_id": variant, "on_hand": on_hand });
        self.set_level(body).await;
    }

    pub(crate) async fn set_level(&self, body: Value) {
        let key = format!("{:032x}", fastrand::u128(..));
        let request = self
            .request(Method::PUT, "/api/v1/admin/inventory/levels")
            .header("idempotency-key", key)
            .json(&body);
        let (status, body) = answer(request).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    /// On hand and reserved, over all locations.
    pub(crate) async fn level(&self, variant: &str) -> (i64, i64) {
        let path = format!("/api/v1/admin/inventory/levels?variant_id={variant}");
        let levels = self.list(&path).await;
        let sum = |name: &str| {
            levels
                .iter()
                .map(|level| level[name].as_i64().expect("a number"))
                .sum()
        };
        (sum("on_hand"), sum("reserved"))
    }

    /// Does something that needs an idempotency key, each time anew.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let key = format!("{:032x}", fastrand::u128(..));
        let request = self.request(Method::POST, path);
        let request = request.header("idempotency-key", key).json(body);
        answer(request).await.expect("an answer")
    }

    /// Whether this shop's program has a route.
    pub(crate) async fn has_route(&self, pattern: &str) -> bool {
        !self.get("/api/v1/openapi.json").await["paths"][pattern].is_null()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Result<(StatusCode, Value), reqwest::Error> {
    let response = request.send().await?;
    let status = response.status();
    let bytes = response.bytes().await?;
    Ok((
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    ))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("text, not {value}"))
        .to_owned()
}
