//! A shop with two products and everything a sale needs. Asserts nothing itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use stoa_bus::JobOutcome;
use stoa_checkout::{Config, Module, Peers};
use stoa_contracts::cart::{CartKey, CartStatus, CartUpdate, CartView};
use stoa_contracts::catalog::{ProductInput, ProductStatus, Seo, VariantInput};
use stoa_contracts::checkout::{CheckoutError, PlaceOrder, Placed, Purchase};
use stoa_contracts::inventory::InitialLevel;
use stoa_contracts::orders::OrderView;
use stoa_contracts::pricing::NewPrice;
use stoa_contracts::{Address, Deps};
use stoa_kernel::{
    Actor, Currency, Money, OrderId, Quantity, SeededIds, TenantId, Timestamp, VariantId,
};
use stoa_payments::{PaymentsConfig, SealKeys};
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Cause, ClaimedJob, Error, IdempotencyKey, Migrations, Tx, params};
use stoa_telemetry::Metrics;
use stoa_testkit::{ManualClock, TestCells};

use crate::provider::Provider;

pub(crate) const MIGRATIONS: &[Migrations] = &[
    stoa_cart::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_checkout::MIGRATIONS,
    stoa_inventory::MIGRATIONS,
    stoa_ledger::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_payments::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
];

/// Of each of the two variants.
pub(crate) const PRICES: [i64; 2] = [2_000, 0];
pub(crate) const ON_HAND: u32 = 10;
/// Other modules have jobs too, which nobody here waits for.
const OURS: &[&str] = &["checkout.settle", "checkout.give_back"];
const LEASE: Duration = Duration::from_secs(60);
/// More rounds than any payment needs until it expires.
const ROUNDS_MAX: usize = 400;

pub(crate) struct Shop {
    pub(crate) deps: Deps,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) kind: &'static str,
    pub(crate) tenant: TenantId,
    pub(crate) peers: Peers,
    pub(crate) checkout: Module,
    pub(crate) metrics: Metrics,
    /// The tea pot must be sent; the wallpaper is free and downloaded.
    pub(crate) pot: VariantId,
    pub(crate) wallpaper: VariantId,
    /// A download that costs something, of which there is plenty.
    pub(crate) sticker: VariantId,
    pub(crate) provider: Arc<Provider>,
    /// Routes of products, prices, gift cards and payments; whoever asks is staff.
    pub(crate) staff: Router,
    cells: Option<TestCells>,
}

/// Every module, as the server starts them, and what staff may do with some of them.
fn modules(deps: &Deps, provider: &Provider, metrics: &Metrics) -> (Peers, Routes) {
    let cursors = || CursorKey::new([7; 32]);
    let shelf = stoa_catalog::start(deps.clone(), [7; 32], str::to_owned);
    let catalog = shelf.contract;
    let inventory = stoa_inventory::start(deps.clone(), cursors()).contract;
    let pricing = stoa_pricing::start(deps.clone(), catalog.clone());
    let carts = stoa_cart::start(
        deps.clone(),
        catalog.clone(),
        pricing.contract.clone(),
        inventory.clone(),
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
    let peers = Peers {
        carts: carts.contract,
        catalog,
        pricing: pricing.contract,
        inventory,
        orders: stoa_orders::start(deps.clone(), [9; 32], cursors()).contract,
        payments: payments.contract,
        ledger: ledger.contract,
    };
    let staff = shelf
        .routes
        .merge(pricing.routes)
        .merge(ledger.routes)
        .merge(payments.routes);
    (peers, staff)
}

impl Shop {
    pub(crate) async fn everywhere() -> Vec<Self> {
        let mut shops = Vec::new();
        for cells in stoa_testkit::everywhere(MIGRATIONS).await {
            let tenant = cells.tenant("shop").await;
            let provider = Arc::new(Provider::start(&cells.deps).await);
            let (deps, clock, kind) = (cells.deps.clone(), cells.clock.clone(), cells.kind);
            let mut shop = Self::over(deps, clock, kind, tenant, provider);
            shop.cells = Some(cells);
            shop.stock_up().await;
            shops.push(shop);
        }
        shops
    }

    /// The program's parts over a storage that may have been used before.
    pub(crate) fn over(
        deps: Deps,
        clock: Arc<ManualClock>,
        kind: &'static str,
        tenant: TenantId,
        provider: Arc<Provider>,
    ) -> Self {
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let (peers, staff) = modules(&deps, &provider, &metrics);
        let config = Config::new([5; 32]);
        let checkout = stoa_checkout::start(deps.clone(), peers.clone(), config, &metrics);
        let variant = VariantId::from_u128(0);
        Self {
            staff: crate::staff::router(&deps, staff),
            deps,
            clock,
            kind,
            tenant,
            peers,
            checkout,
            metrics,
            pot: variant,
            wallpaper: variant,
            sticker: variant,
            provider,
            cells: None,
        }
    }

    pub(crate) async fn stock_up(&mut self) {
        self.peers
            .pricing
            .ensure_settings(self.tenant, Currency::EUR)
            .await
            .expect(self.kind);
        self.pot = self.product("tea-pot", PRICES[0], true).await;
        self.wallpaper = self.product("wallpaper", PRICES[1], false).await;
        self.sticker = self.product("sticker", 300, false).await;
    }

    /// Takes a product off the shelves.
    pub(crate) async fn withdraw(&self, handle: &str) {
        let mut input = product_input(handle, true);
        input.status = ProductStatus::Draft;
        let (catalog, cause) = (self.peers.catalog.clone(), Cause::system(self.deps.now()));
        self.db()
            .await
            .write(async move |tx: &mut Tx<'_>| {
                catalog
                    .upsert_product(tx, &input, &cause)
                    .await
                    .expect("a product");
                Ok::<_, Error>(())
            })
            .await
            .expect(self.kind);
    }

    async fn product(&self, handle: &str, price: i64, requires_shipping: bool) -> VariantId {
        let input = product_input(handle, requires_shipping);
        let (peers, cause) = (self.peers.clone(), Cause::system(self.deps.now()));
        self.db()
            .await
            .write(async move |tx: &mut Tx<'_>| {
                let upserted = peers.catalog.upsert_product(tx, &input, &cause).await;
                let variant = upserted.expect("a product").variants[0].0;
                let level = InitialLevel {
                    variant,
                    on_hand: ON_HAND,
                    backorder: false,
                };
                peers
                    .inventory
                    .set_initial(tx, &[level], false, &cause)
                    .await?;
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

    /// A cart of `units` tea pots, ready to be paid.
    pub(crate) async fn cart(&self, units: u32) -> CartKey {
        let cart = self.empty_cart().await;
        let carts = &self.peers.carts;
        let units = Quantity::new(units).unwrap();
        carts
            .add_line(self.tenant, &cart, self.pot, units)
            .await
            .expect(self.kind);
        self.fill_in(&cart).await;
        cart
    }

    pub(crate) async fn empty_cart(&self) -> CartKey {
        self.peers
            .carts
            .create(self.tenant, Currency::EUR)
            .await
            .expect(self.kind)
    }

    /// Says who buys and how it is sent.
    pub(crate) async fn fill_in(&self, cart: &CartKey) -> CartView {
        let address = Address {
            name: "Ada Lovelace".to_owned(),
            line1: "12 St James's Square".to_owned(),
            line2: None,
            city: "Berlin".to_owned(),
            region: None,
            postal_code: "10115".to_owned(),
            country: "DE".to_owned(),
        };
        let contact = CartUpdate {
            email: Some("ada@example.com".to_owned()),
            shipping_address: Some(address),
            ..CartUpdate::default()
        };
        let carts = &self.peers.carts;
        carts
            .update(self.tenant, cart, contact)
            .await
            .expect(self.kind);
        let options = carts
            .shipping_options(self.tenant, cart)
            .await
            .expect(self.kind);
        let shipping = CartUpdate {
            shipping_option_id: options.first().map(|option| option.id.clone()),
            ..CartUpdate::default()
        };
        carts
            .update(self.tenant, cart, shipping)
            .await
            .expect(self.kind)
    }

    pub(crate) fn request(&self, cart: &CartKey, token: &str, key: &str) -> PlaceOrder {
        let mut body_hash = [0; 32];
        body_hash[..16].copy_from_slice(&cart.id.to_bytes());
        body_hash[16..].copy_from_slice(&[token.len() as u8; 16]);
        PlaceOrder {
            tenant: self.tenant,
            test_mode: true,
            purchase: Purchase::Cart(cart.clone()),
            expected_total: None,
            gift_cards: Vec::new(),
            provider: "test".to_owned(),
            token: token.to_owned(),
            return_url: None,
            idempotency: IdempotencyKey {
                scope: "anonymous POST /api/v1/checkouts".to_owned(),
                key: key.to_owned(),
                body_hash,
            },
            actor: Actor::Shopper,
            trace: None,
        }
    }

    pub(crate) async fn try_place(
        &self,
        cart: &CartKey,
        token: &str,
        key: &str,
    ) -> Result<Placed, CheckoutError> {
        self.checkout
            .contract
            .place(self.request(cart, token, key))
            .await
    }

    pub(crate) async fn place(&self, cart: &CartKey, token: &str, key: &str) -> Placed {
        self.try_place(cart, token, key).await.expect(self.kind)
    }

    /// Jobs that are due now, leased.
    pub(crate) async fn claim(&self) -> Vec<ClaimedJob> {
        let cell = self
            .deps
            .storage
            .tenant(self.tenant)
            .await
            .expect(self.kind)
            .cell;
        let queue = self.deps.storage.job_queue(cell).await.expect(self.kind);
        let queue = queue.only(OURS);
        let lease = self.deps.ids.next_u128().to_string();
        queue
            .claim(lease, self.deps.now(), LEASE, 200)
            .await
            .expect(self.kind)
    }

    pub(crate) async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let handler = self
            .checkout
            .jobs
            .iter()
            .find(|handler| handler.kind() == job.kind);
        handler.expect("a handler of the job's kind").run(job).await
    }

    /// Runs what is due once, as a worker does; tells how each run ended.
    pub(crate) async fn work(&self) -> Vec<JobOutcome> {
        let cell = self
            .deps
            .storage
            .tenant(self.tenant)
            .await
            .expect(self.kind)
            .cell;
        let queue = self.deps.storage.job_queue(cell).await.expect(self.kind);
        let mut outcomes = Vec::new();
        for job in self.claim().await {
            let outcome = self.run(&job).await;
            match outcome.clone() {
                JobOutcome::Done => queue.finish(&job).await,
                JobOutcome::Wait(at) => queue.retry(&job, at, None, false).await,
                JobOutcome::Failed(why) | JobOutcome::Dead(why) => {
                    panic!("{}: a job failed: {why}", self.kind)
                }
            }
            .expect(self.kind);
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Works and lets time pass until no job is left; at most until everything has expired.
    pub(crate) async fn settle(&self) {
        let cell = self
            .deps
            .storage
            .tenant(self.tenant)
            .await
            .expect(self.kind)
            .cell;
        let queue = self.deps.storage.job_queue(cell).await.expect(self.kind);
        let queue = queue.only(OURS);
        for _ in 0..ROUNDS_MAX {
            self.work().await;
            match queue.next_due().await.expect(self.kind) {
                Some(due) => self.clock.advance(due.since(self.deps.now())),
                None => return,
            }
        }
        panic!("{}: jobs are still waiting", self.kind);
    }

    /// As [`Self::settle`], until something is so.
    pub(crate) async fn settle_until(&self, done: impl AsyncFn() -> bool) {
        for _ in 0..ROUNDS_MAX {
            if done().await {
                return;
            }
            self.clock.advance(Duration::from_millis(250));
            self.work().await;
        }
        panic!("{}: it never came to pass", self.kind);
    }

    pub(crate) async fn order(&self, order: OrderId) -> OrderView {
        self.peers
            .orders
            .view(self.tenant, order)
            .await
            .expect(self.kind)
    }

    pub(crate) async fn cart_status(&self, cart: &CartKey) -> CartStatus {
        self.peers
            .carts
            .view(self.tenant, cart)
            .await
            .expect(self.kind)
            .status
    }

    /// Units of the tea pot that can still be had.
    pub(crate) async fn left(&self) -> i64 {
        let (inventory, pot) = (self.peers.inventory.clone(), self.pot);
        let db = self.db().await;
        let found = db
            .read(async move |tx: &mut Tx<'_>| inventory.availability(tx, &[pot]).await)
            .await
            .expect(self.kind);
        found[0].units.unwrap()
    }

    pub(crate) async fn orders_written(&self) -> i64 {
        const SQL: &str = "SELECT count(*) FROM orders_order WHERE tenant_id = :tenant";
        let rows = self
            .db()
            .await
            .fetch(SQL, params![], |row| row.get(0))
            .await;
        rows.expect(self.kind)[0]
    }

    /// Subjects of everything that happened, sorted, of this tenant; without the catalog's.
    pub(crate) async fn events(&self) -> Vec<String> {
        let cell = self
            .deps
            .storage
            .tenant(self.tenant)
            .await
            .expect(self.kind)
            .cell;
        let log = self.deps.storage.event_log(cell).await.expect(self.kind);
        while log.sequence().await.expect(self.kind) > 0 {}
        let events = log.after(0, 10_000).await.expect(self.kind);
        let mut subjects: Vec<String> = events
            .into_iter()
            .filter(|event| event.tenant == self.tenant)
            .map(|event| event.subject)
            .filter(|subject| TOLD.iter().any(|ours| subject.starts_with(ours)))
            .collect();
        subjects.sort();
        subjects
    }

    pub(crate) async fn charges(&self) -> Vec<(String, i64)> {
        self.provider.charges(self.tenant).await
    }

    /// How often money came for an order that could not take it.
    pub(crate) fn payments_returned(&self) -> String {
        self.metric("stoa_checkout_payments_returned_total ")
    }

    pub(crate) fn metric(&self, name: &str) -> String {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().to_owned()
    }
}

const TOLD: [&str; 3] = ["orders.", "payments.", "checkout."];

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

pub(crate) fn more_ids(seed: u64) -> Arc<SeededIds> {
    Arc::new(SeededIds::new(seed))
}
