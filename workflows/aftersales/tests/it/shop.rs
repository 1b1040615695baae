//! A shop with three products and everything a sale and what follows it need. Asserts nothing itself
//! but that what it does works.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use serde_json::{Value, json};
use stoa_aftersales::{Module, Peers};
use stoa_bus::{Consumer, JobHandler};
use stoa_contracts::cart::{CartKey, CartUpdate, Carts};
use stoa_contracts::catalog::{ProductInput, ProductStatus, Seo, VariantInput};
use stoa_contracts::checkout::{PlaceOrder, Purchase};
use stoa_contracts::inventory::InitialLevel;
use stoa_contracts::orders::OrderView;
use stoa_contracts::pricing::NewPrice;
use stoa_contracts::{Address, Deps};
use stoa_kernel::{Actor, Currency, Money, OrderId, Quantity, TenantId, Timestamp, VariantId};
use stoa_payments::{PaymentsConfig, SealKeys};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, Problem, RequestTenant, RouterConfig, Routes, TenantInfo,
};
use stoa_storage::{Cause, Error, IdempotencyKey, Migrations, Storage, Tx, params};
use stoa_telemetry::Metrics;
use stoa_testkit::{ManualClock, TestCells};
use tower::ServiceExt as _;

use crate::provider::Provider;

const MIGRATIONS: &[Migrations] = &[
    stoa_aftersales::MIGRATIONS,
    stoa_cart::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_checkout::MIGRATIONS,
    stoa_inventory::MIGRATIONS,
    stoa_ledger::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_payments::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
];

pub(crate) const POT: i64 = 2_000;
/// Does not split evenly over three.
pub(crate) const CUP: i64 = 333;
pub(crate) const STICKER: i64 = 300;
pub(crate) const ON_HAND: i64 = 10;
pub(crate) struct Shop {
    pub(crate) deps: Deps,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) kind: &'static str,
    pub(crate) tenant: TenantId,
    pub(crate) peers: Peers,
    pub(crate) carts: Arc<dyn Carts>,
    pub(crate) care: Module,
    pub(crate) consumers: Vec<Arc<dyn Consumer>>,
    pub(crate) jobs: Vec<Arc<dyn JobHandler>>,
    pub(crate) metrics: Metrics,
    /// Must be sent.
    pub(crate) pot: VariantId,
    /// Must be sent.
    pub(crate) cup: VariantId,
    /// A download.
    pub(crate) sticker: VariantId,
    pub(crate) provider: Arc<Provider>,
    pub(crate) staff: Router,
    /// The last event that was brought to the consumers.
    pub(crate) heard: AtomicI64,
    _cells: TestCells,
}

/// Hosts are slugs; everybody is the operator.
struct OpenGate(Storage);

#[async_trait]
impl Gate for OpenGate {
    async fn tenant(&self, host: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        let found = self.0.tenant_by_slug(host).await;
        Ok(found.map_err(Problem::internal)?.map(|tenant| {
            RequestTenant::new(TenantInfo {
                id: tenant.id,
                slug: tenant.slug,
                name: tenant.name,
                currency: tenant.currency,
                test_mode: tenant.test_mode,
            })
        }))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        _: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        Ok(Caller::Operator)
    }
}

/// Everything that is started, besides what others are reached by.
struct Started {
    peers: Peers,
    carts: Arc<dyn Carts>,
    routes: Routes,
    checkout: stoa_checkout::Module,
}

fn modules(deps: &Deps, provider: &Provider, metrics: &Metrics) -> Started {
    let cursors = || CursorKey::new([7; 32]);
    let shelf = stoa_catalog::start(deps.clone(), [7; 32], str::to_owned);
    let catalog = shelf.contract;
    let inventory = stoa_inventory::start(deps.clone(), cursors());
    let pricing = stoa_pricing::start(deps.clone(), catalog.clone());
    let carts = stoa_cart::start(
        deps.clone(),
        catalog.clone(),
        pricing.contract.clone(),
        inventory.contract.clone(),
        [8; 32],
    );
    let ledger = stoa_ledger::start(deps.clone(), [6; 32], cursors());
    let config = PaymentsConfig {
        cursors: cursors(),
        test_provider: Some(provider.config.clone()),
        seal: SealKeys::opening([9; 32]),
        allow_loopback: true,
    };
    let payments = stoa_payments::start(deps.clone(), ledger.contract.clone(), config, metrics);
    let orders = stoa_orders::start(deps.clone(), [9; 32], cursors());
    let peers = stoa_checkout::Peers {
        carts: carts.contract.clone(),
        catalog: catalog.clone(),
        pricing: pricing.contract.clone(),
        inventory: inventory.contract.clone(),
        orders: orders.contract.clone(),
        payments: payments.contract.clone(),
        ledger: ledger.contract.clone(),
    };
    let config = stoa_checkout::Config::new([5; 32]);
    let checkout = stoa_checkout::start(deps.clone(), peers, config, metrics);
    Started {
        carts: carts.contract,
        peers: Peers {
            catalog,
            pricing: pricing.contract,
            inventory: inventory.contract,
            orders: orders.contract,
            payments: payments.contract,
            ledger: ledger.contract,
            checkout: checkout.contract.clone(),
        },
        routes: pricing
            .routes
            .merge(shelf.routes)
            .merge(inventory.routes)
            .merge(ledger.routes)
            .merge(payments.routes)
            .merge(orders.routes),
        checkout,
    }
}

impl Shop {
    pub(crate) async fn everywhere() -> Vec<Self> {
        let mut shops = Vec::new();
        for cells in stoa_testkit::everywhere(MIGRATIONS).await {
            let tenant = cells.tenant("shop").await;
            let provider = Arc::new(Provider::start(&cells.deps).await);
            let mut shop = Self::over(cells, tenant, provider);
            shop.stock_up().await;
            shops.push(shop);
        }
        shops
    }

    fn over(cells: TestCells, tenant: TenantId, provider: Arc<Provider>) -> Self {
        let deps = cells.deps.clone();
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let started = modules(&deps, &provider, &metrics);
        let mut care = stoa_aftersales::start(deps.clone(), started.peers.clone(), &metrics);
        let routes = std::mem::replace(&mut care.routes, Routes::new("taken"));
        let routes = routes.merge(started.routes).merge(started.checkout.routes);
        let config = RouterConfig::new(metrics.clone(), deps.ids.clone());
        let gate = Arc::new(OpenGate(deps.storage.clone()));
        let mut consumers = started.checkout.consumers;
        consumers.extend(care.consumers.iter().cloned());
        let mut jobs = started.checkout.jobs;
        jobs.extend(care.jobs.iter().cloned());
        let nothing = VariantId::from_u128(0);
        Self {
            clock: cells.clock.clone(),
            kind: cells.kind,
            tenant,
            peers: started.peers,
            carts: started.carts,
            care,
            consumers,
            jobs,
            metrics,
            pot: nothing,
            cup: nothing,
            sticker: nothing,
            provider,
            staff: routes.into_router(gate, config),
            deps,
            heard: AtomicI64::new(0),
            _cells: cells,
        }
    }

    async fn stock_up(&mut self) {
        let pricing = &self.peers.pricing;
        pricing
            .ensure_settings(self.tenant, Currency::EUR)
            .await
            .expect(self.kind);
        self.pot = self.product("tea-pot", POT, true).await;
        self.cup = self.product("cup", CUP, true).await;
        self.sticker = self.product("sticker", STICKER, false).await;
    }

    async fn product(&self, handle: &str, price: i64, requires_shipping: bool) -> VariantId {
        let input = product_input(handle, requires_shipping);
        let (peers, cause) = (self.peers.clone(), Cause::system(self.deps.now()));
        let db = self.db().await;
        db.write(async move |tx: &mut Tx<'_>| {
            let upserted = peers.catalog.upsert_product(tx, &input, &cause).await;
            let variant = upserted.expect("a product").variants[0].0;
            let level = InitialLevel {
                variant,
                on_hand: ON_HAND as u32,
                backorder: false,
            };
            let inventory = &peers.inventory;
            inventory.set_initial(tx, &[level], false, &cause).await?;
            let price = NewPrice {
                variant,
                price: Money::new(price, Currency::EUR),
                compare_at: None,
            };
            peers.pricing.set_prices(tx, &[price], &cause).await?;
            Ok::<_, Error>(variant)
        })
        .await
        .expect(self.kind)
    }

    pub(crate) async fn db(&self) -> stoa_storage::Db {
        self.deps.storage.db(self.tenant).await.expect(self.kind)
    }

    /// A cart of these goods, ready to be paid.
    pub(crate) async fn cart(&self, goods: &[(VariantId, u32)], coupon: Option<&str>) -> CartKey {
        let carts = &self.carts;
        let cart = carts.create(self.tenant, Currency::EUR).await;
        let cart = cart.expect(self.kind);
        for &(variant, units) in goods {
            let units = Quantity::new(units).unwrap();
            carts
                .add_line(self.tenant, &cart, variant, units)
                .await
                .expect(self.kind);
        }
        let contact = CartUpdate {
            email: Some("ada@example.com".to_owned()),
            shipping_address: Some(address()),
            coupons: coupon.map(|code| vec![code.to_owned()]),
            ..CartUpdate::default()
        };
        let updated = carts.update(self.tenant, &cart, contact).await;
        updated.expect(self.kind);
        let options = carts.shipping_options(self.tenant, &cart).await;
        let options = options.expect(self.kind);
        let shipping = CartUpdate {
            shipping_option_id: options.first().map(|option| option.id.clone()),
            ..CartUpdate::default()
        };
        let updated = carts.update(self.tenant, &cart, shipping).await;
        updated.expect(self.kind);
        cart
    }

    /// A wish to pay, its body made up of what is bought and how.
    pub(crate) fn request(&self, purchase: Purchase, token: &str, key: &str) -> PlaceOrder {
        PlaceOrder {
            tenant: self.tenant,
            test_mode: true,
            purchase,
            expected_total: None,
            gift_cards: Vec::new(),
            provider: "test".to_owned(),
            token: token.to_owned(),
            return_url: None,
            idempotency: IdempotencyKey {
                scope: "anonymous POST /api/v1/checkouts".to_owned(),
                key: key.to_owned(),
                body_hash: [token.len() as u8; 32],
            },
            actor: Actor::Shopper,
            trace: None,
        }
    }

    /// Places an order and does no work yet.
    pub(crate) async fn place(&self, goods: &[(VariantId, u32)], token: &str) -> OrderId {
        let cart = self.cart(goods, None).await;
        let key = self.deps.ids.next_u128().to_string();
        let request = self.request(Purchase::Cart(cart), token, &key);
        let placed = self.peers.checkout.place(request).await;
        placed.expect(self.kind).order_id
    }

    /// An order that is paid.
    pub(crate) async fn paid(&self, goods: &[(VariantId, u32)]) -> OrderView {
        let order = self.place(goods, "tok_success").await;
        self.settle().await;
        self.order(order).await
    }

    /// Follows an order's payment link.
    pub(crate) async fn pay_link(&self, order: OrderId, token: &str) {
        let purchase = Purchase::Order {
            id: order,
            token: self.peers.orders.token(self.tenant, order),
        };
        let key = self.deps.ids.next_u128().to_string();
        let placed = self
            .peers
            .checkout
            .place(self.request(purchase, token, &key))
            .await;
        placed.expect(self.kind);
    }

    pub(crate) async fn order(&self, order: OrderId) -> OrderView {
        let view = self.peers.orders.view(self.tenant, order).await;
        view.expect(self.kind)
    }

    /// Asks as staff, with this key.
    pub(crate) async fn ask(&self, path: &str, body: &Value, key: &str) -> (u16, Value) {
        send(&self.staff, "POST", path, body, key).await
    }

    /// As [`Self::ask`], with a key of its own and no refusal.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let key = self.deps.ids.next_u128().to_string();
        let (status, answer) = self.ask(path, body, &key).await;
        let fine = (200..300).contains(&status);
        assert!(fine, "{}: {path}: {status} {answer}", self.kind);
        answer
    }

    /// Status and code of a refusal.
    pub(crate) async fn refusal(&self, path: &str, body: &Value) -> (u16, String) {
        let key = self.deps.ids.next_u128().to_string();
        let (status, answer) = self.ask(path, body, &key).await;
        let code = answer["code"].as_str().unwrap_or_default().to_owned();
        (status, code)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = send(&self.staff, "GET", path, &Value::Null, "none").await;
        assert_eq!(status, 200, "{}: {answer}", self.kind);
        answer
    }

    /// On hand and reserved.
    pub(crate) async fn stock(&self, variant: VariantId) -> (i64, i64) {
        const SQL: &str = "SELECT CAST(coalesce(sum(on_hand), 0) AS BIGINT), \
             CAST(coalesce(sum(reserved), 0) AS BIGINT) FROM inventory_level \
             WHERE tenant_id = :tenant AND variant_id = $1";
        let db = self.db().await;
        let row = |row: &stoa_storage::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = db.fetch(SQL, params![variant], row).await;
        found.expect(self.kind)[0]
    }

    /// Order, amount and what went back, by the provider's own account.
    pub(crate) async fn charges(&self) -> Vec<(String, i64, i64)> {
        self.provider.charges(self.tenant).await
    }

    /// Kinds of the order's timeline, oldest first.
    pub(crate) async fn told(&self, order: OrderId) -> Vec<String> {
        let path = format!("/api/v1/admin/orders/{order}/timeline?limit=250");
        let page = self.get(&path).await;
        let entries = page["data"].as_array().unwrap().iter().rev();
        entries
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A coupon that takes a tenth off.
    pub(crate) async fn coupon(&self, code: &str, uses: i64) {
        let body = json!({
            "title": "A tenth off",
            "codes": [code],
            "benefit": { "kind": "percentage", "rate_ppm": 100_000 },
            "budget": { "uses_max": uses },
        });
        self.post("/api/v1/admin/promotions", &body).await;
    }
}

pub(crate) async fn send(
    router: &Router,
    method: &str,
    path: &str,
    body: &Value,
    key: &str,
) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "shop")
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk_staff")
        .header("idempotency-key", key);
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    let response = router.clone().oneshot(request.body(body).unwrap()).await;
    let response = response.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    let body = serde_json::from_slice(&body.unwrap()).unwrap_or(Value::Null);
    (status, body)
}

pub(crate) fn address() -> Address {
    Address {
        name: "Ada Lovelace".to_owned(),
        line1: "12 St James's Square".to_owned(),
        line2: None,
        city: "Berlin".to_owned(),
        region: None,
        postal_code: "10115".to_owned(),
        country: "DE".to_owned(),
    }
}

fn product_input(handle: &str, requires_shipping: bool) -> ProductInput {
    let variant = VariantInput {
        option_values: Vec::new(),
        sku: Some(handle.to_owned()),
        barcode: None,
        grams: 100,
        requires_shipping,
        taxable: true,
        image: None,
    };
    ProductInput {
        handle: handle.to_owned(),
        title: handle.to_owned(),
        description_html: String::new(),
        vendor: None,
        product_type: None,
        tags: Vec::new(),
        status: ProductStatus::Active,
        options: Vec::new(),
        variants: vec![variant],
        media: Vec::new(),
        seo: Seo::default(),
        gift_card: false,
        extras: None,
    }
}

/// `/api/v1/admin/orders/{order}/{rest}`.
pub(crate) fn path(order: OrderId, rest: &str) -> String {
    format!("/api/v1/admin/orders/{order}/{rest}")
}
