//! One shop with this module in it, and a shopper. Asserts nothing itself.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value as Json, json};
use stoa_bus::Recurring;
use stoa_cart::{MIGRATIONS, start};
use stoa_contracts::cart::{CartAbandoned, CartKey, CartView, Carts};
use stoa_contracts::inventory::{InitialLevel, Inventory};
use stoa_kernel::{CartId, Currency, CustomerId, Fact as _, SeededIds, TenantId, VariantId};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, Problem, RequestTenant, RouterConfig, TenantInfo,
};
use stoa_storage::{Cause, Db, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

use crate::peers::Shelf;

/// Ten of them at 12.00, on the shelf of every new shop.
pub(crate) const MUG: VariantId = VariantId::from_u128(1);
/// Five of them at 7.50.
pub(crate) const CUP: VariantId = VariantId::from_u128(2);

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[MIGRATIONS, stoa_inventory::MIGRATIONS]).await
}

#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
    pub(crate) carts: Arc<dyn Carts>,
    pub(crate) shelf: Arc<Shelf>,
    inventory: Arc<dyn Inventory>,
    router: Router,
    sweep: Arc<dyn Recurring>,
}

impl Shop {
    pub(crate) async fn open(cells: &TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        let shelf = Arc::new(Shelf::default());
        let stock = stoa_inventory::start(cells.deps.clone(), CursorKey::new([1; 32]));
        let inventory = stock.contract;
        let module = start(
            cells.deps.clone(),
            shelf.clone(),
            shelf.clone(),
            inventory.clone(),
            [7; 32],
        );
        let config = RouterConfig::new(Metrics::new(cells.deps.now()), Arc::new(SeededIds::new(1)));
        let router = module
            .routes
            .into_router(Arc::new(OneShop { tenant }), config);
        let db = cells.db(tenant).await;
        let shop = Self {
            tenant,
            db,
            carts: module.contract,
            shelf,
            inventory,
            router,
            sweep: module.recurring[0].clone(),
        };
        shop.put(cells, MUG, 1200, 10).await;
        shop.put(cells, CUP, 750, 5).await;
        shop
    }

    /// Puts a variant on the shelf and its stock behind it.
    pub(crate) async fn put(
        &self,
        cells: &TestCells,
        variant: VariantId,
        price: i64,
        on_hand: u32,
    ) {
        self.shelf.put(variant, price);
        self.stock(cells, variant, on_hand).await;
    }

    pub(crate) async fn stock(&self, cells: &TestCells, variant: VariantId, on_hand: u32) {
        let (inventory, now) = (self.inventory.clone(), cells.deps.now());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                let level = InitialLevel {
                    variant,
                    on_hand,
                    backorder: false,
                };
                inventory
                    .set_initial(tx, &[level], true, &Cause::system(now))
                    .await
            })
            .await
            .expect("a level");
    }

    pub(crate) async fn cart(&self) -> Shopper {
        let answer = self.send("POST", "/api/v1/carts", None, None).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        let text = |name: &str| answer.json[name].as_str().expect("a text").to_owned();
        Shopper {
            shop: self.clone(),
            id: text("id"),
            token: text("token"),
            created: answer.json,
        }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Json>,
    ) -> Answer {
        let headers: Vec<_> = token
            .map(|token| ("stoa-cart-token", token))
            .into_iter()
            .collect();
        self.send_with(method, path, &headers, body).await
    }

    /// As staff of the shop.
    pub(crate) async fn staff(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let headers = [("authorization", "Bearer staff")];
        self.send_with(method, path, &headers, body).await
    }

    /// One round of the sweep.
    pub(crate) async fn sweep(&self, cells: &TestCells) {
        let tenant = cells.storage().tenant(self.tenant).await.expect("a tenant");
        let round = self.sweep.run(tenant.cell, cells.deps.now()).await;
        round.expect("a round");
    }

    /// What was told of carts left behind, in order.
    pub(crate) async fn abandoned(&self, cells: &TestCells) -> Vec<CartAbandoned> {
        let tenant = cells.storage().tenant(self.tenant).await.expect("a tenant");
        let log = cells.storage().event_log(tenant.cell).await.expect("a log");
        while log.sequence().await.expect("a relay") > 0 {}
        let events = log.after(0, 1_000).await.expect("events");
        let told = events
            .into_iter()
            .filter(|event| event.subject == CartAbandoned::subject());
        told.map(|event| serde_json::from_value(event.payload).expect("the fact"))
            .collect()
    }

    pub(crate) async fn ask_stock(&self, variant: VariantId) {
        let inventory = self.inventory.clone();
        self.db
            .read(async move |tx: &mut Tx<'_>| inventory.availability(tx, &[variant]).await)
            .await
            .expect("an answer");
    }

    pub(crate) async fn sign_in(&self, shopper: &Shopper, customer: CustomerId) -> CartView {
        let key = shopper.key();
        let given = self.carts.assign(self.tenant, &key, customer).await;
        given.expect("the customer's cart")
    }

    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Json>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(Json::to_string).unwrap_or_default();
        let request = request.body(Body::from(body)).expect("a request");
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        }
    }
}

/// Somebody with a cart and its token.
#[derive(Clone)]
pub(crate) struct Shopper {
    shop: Shop,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) created: Json,
}

impl Shopper {
    pub(crate) fn key(&self) -> CartKey {
        CartKey {
            id: self.cart_id(),
            token: self.token.clone(),
        }
    }
    pub(crate) fn shop(&self) -> &Shop {
        &self.shop
    }
    pub(crate) fn cart_id(&self) -> CartId {
        self.id.parse().expect("the id of a cart")
    }

    /// `path` continues that of the cart.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let path = format!("/api/v1/carts/{}{path}", self.id);
        self.shop.send(method, &path, Some(&self.token), body).await
    }
    pub(crate) async fn view(&self) -> Json {
        let answer = self.send("GET", "", None).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }
    pub(crate) async fn add(&self, variant: VariantId, quantity: u32) -> Answer {
        let body = json!({ "variant_id": variant, "quantity": quantity });
        self.send("POST", "/lines", Some(&body)).await
    }
    pub(crate) async fn set(&self, line: &str, quantity: u32) -> Answer {
        let body = json!({ "quantity": quantity });
        self.send("PATCH", &format!("/lines/{line}"), Some(&body))
            .await
    }
    pub(crate) async fn remove(&self, line: &str) -> Answer {
        self.send("DELETE", &format!("/lines/{line}"), None).await
    }
    pub(crate) async fn see_notices(&self) -> Answer {
        self.send("POST", "/notices/seen", None).await
    }
    pub(crate) async fn update(&self, body: &Json) -> Answer {
        self.send("PATCH", "", Some(body)).await
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Json,
}

impl Answer {
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }
    pub(crate) fn field(&self) -> &str {
        self.json["errors"][0]["field"].as_str().unwrap_or_default()
    }
    pub(crate) fn line(&self, at: usize) -> &str {
        self.json["lines"][at]["id"].as_str().expect("a line")
    }
}

/// Every request is for one shop: with a key from its operator, else from a shopper.
struct OneShop {
    tenant: TenantId,
}

#[async_trait]
impl Gate for OneShop {
    async fn tenant(
        &self,
        _host: &str,
        _header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(RequestTenant::new(TenantInfo {
            id: self.tenant,
            slug: "shop".to_owned(),
            name: "Shop".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })))
    }

    async fn caller(
        &self,
        _tenant: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        Ok(credential.map_or(Caller::Anonymous, |_| Caller::Operator))
    }
}
