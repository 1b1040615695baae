//! Two shops with everything a sale needs, behind one router as the server composes it.
//! Asserts nothing itself.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use stoa_bus::{Consumer, HandlerError, JobHandler, JobOutcome};
use stoa_checkout::Peers;
use stoa_contracts::Deps;
use stoa_contracts::catalog::{Catalog, CollectionInput};
use stoa_contracts::checkout::Checkout;
use stoa_contracts::inventory::InitialLevel;
use stoa_contracts::pricing::NewPrice;
use stoa_contracts::themes::Themes;
use stoa_kernel::{CellId, Currency, Money, TenantId, Timestamp, VariantId};
use stoa_payments::{PaymentsConfig, SealKeys, TestProviderConfig};
use stoa_rest::{CursorKey, Front, RouterConfig, Routes};
use stoa_storage::{Cause, Error, Isolation, JobQueue, Migrations, Tx};
use stoa_storefront::{ShopDeps, ShopOptions, start_with};
use stoa_telemetry::Metrics;
use stoa_tenancy::{KeyKind, NewKey, Tenancy};
use stoa_test_provider::{Settings, TestProvider};
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

use crate::goods::{Goods, product};
use crate::kept::kept_pages;

const MIGRATIONS: &[Migrations] = &[
    stoa_cart::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_checkout::MIGRATIONS,
    stoa_inventory::MIGRATIONS,
    stoa_ledger::MIGRATIONS,
    stoa_notify::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_payments::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
    stoa_tenancy::MIGRATIONS,
];
const LEASE: Duration = Duration::from_secs(60);
const ROUNDS_MAX: usize = 400;
const PROVIDER_KEY: &str = "provider-key";
pub(crate) const PICTURE: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

pub(crate) struct Market {
    pub(crate) router: Front,
    pub(crate) cells: TestCells,
    pub(crate) shop: TenantId,
    pub(crate) other: TenantId,
    pub(crate) peers: Peers,
    tenancy: Tenancy,
    provider: TestProvider,
    consumers: Vec<Arc<dyn Consumer>>,
    jobs: Vec<Arc<dyn JobHandler>>,
    pub(crate) metrics: Metrics,
    _folder: tempfile::TempDir,
}

impl Market {
    pub(crate) async fn open() -> Self {
        Self::with(false).await
    }

    /// `secure`: as if shoppers came by https.
    pub(crate) async fn with(secure: bool) -> Self {
        Self::compose(secure, |_, _| ()).await
    }

    /// With pages that see another catalog than the one there is.
    pub(crate) async fn seeing(catalog: Arc<dyn Catalog>) -> Self {
        Self::compose(false, |shop, _| shop.catalog = catalog).await
    }

    /// With themes of shops.
    pub(crate) async fn wearing(themes: Arc<dyn Themes>) -> Self {
        Self::compose(false, |_, options| {
            options.themes = Some(themes);
            // Wardrobes change without a commit.
            options.cache = None;
        })
        .await
    }

    /// With pages that place their orders through another checkout.
    pub(crate) async fn through(way: impl FnOnce(Arc<dyn Checkout>) -> Arc<dyn Checkout>) -> Self {
        let market = Self::compose(false, |shop, _| {
            shop.checkout = way(shop.checkout.clone());
        })
        .await;
        market.stock_up().await;
        market
    }

    /// With pages made from something else.
    pub(crate) async fn compose(
        secure: bool,
        alter: impl FnOnce(&mut ShopDeps, &mut ShopOptions),
    ) -> Self {
        let cells = stoa_testkit::sqlite(MIGRATIONS, Isolation::Shared).await;
        let folder = tempfile::tempdir().expect("a folder");
        let (provider, config) = open_provider(&cells, &folder).await;
        let deps = cells.deps.clone();
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let catalog = stoa_catalog::start(deps.clone(), [7; 32], str::to_owned);
        let (peers, staff) = trade(&deps, catalog.contract.clone(), config, &metrics);
        let config = stoa_checkout::Config::new([5; 32]);
        let checkout = stoa_checkout::start(deps.clone(), peers.clone(), config, &metrics);
        let cursors = CursorKey::new([7; 32]);
        let notify = stoa_notify::start(deps.clone(), peers.orders.clone(), cursors);
        let tenancy = stoa_tenancy::start(deps.clone(), peers.pricing.clone(), None);
        let mut shop_deps = ShopDeps {
            catalog: peers.catalog.clone(),
            carts: peers.carts.clone(),
            checkout: checkout.contract,
            orders: peers.orders.clone(),
            payments: peers.payments.clone(),
            ledger: peers.ledger.clone(),
            mailbox: notify.contract,
            secure,
            media: |name| (name == "mug.svg").then_some(PICTURE),
            welcome: |_| None,
        };
        let mut options = kept_pages(&deps, &metrics);
        alter(&mut shop_deps, &mut options);
        let pages = start_with(shop_deps, options);
        let config = RouterConfig::new(metrics.clone(), deps.ids.clone());
        let shop = cells.tenant("shop").await;
        let other = cells.tenant("other").await;
        for tenant in [shop, other] {
            peers
                .pricing
                .ensure_settings(tenant, Currency::EUR)
                .await
                .expect("settings");
        }
        Self {
            metrics,
            router: catalog
                .routes
                .merge(staff)
                .merge(pages)
                .into_front(tenancy.gate, config),
            shop,
            other,
            peers,
            tenancy: tenancy.tenancy,
            provider,
            consumers: catalog
                .consumers
                .into_iter()
                .chain(notify.consumers)
                .collect(),
            jobs: checkout.jobs.into_iter().chain(notify.jobs).collect(),
            cells,
            _folder: folder,
        }
    }

    /// A mug in two sizes, a print of one variant, and a collection of both.
    pub(crate) async fn stocked() -> Self {
        let market = Self::open().await;
        market.stock_up().await;
        market
    }

    pub(crate) async fn stock_up(&self) {
        self.speak().await;
        let sizes = &["Small", "Large"];
        let mug = Goods {
            handle: "mug",
            title: "Harbour <Mug>",
            cents: 2400,
            units: 10,
            sizes,
        };
        let print = Goods {
            handle: "print",
            title: "Tide",
            cents: 4800,
            units: 10,
            sizes: &[],
        };
        self.put(self.shop, &mug).await;
        self.put(self.shop, &print).await;
        let collection = CollectionInput {
            handle: "kitchen".to_owned(),
            title: "Kitchen & Table".to_owned(),
            description_html: "<p>For the <b>table</b>.</p>".to_owned(),
            image: None,
            products: vec!["mug".to_owned(), "print".to_owned()],
        };
        let (catalog, cause) = (
            self.peers.catalog.clone(),
            Cause::system(self.cells.deps.now()),
        );
        self.cells
            .db(self.shop)
            .await
            .write(async move |tx: &mut Tx<'_>| {
                catalog
                    .upsert_collection(tx, &collection, &cause)
                    .await
                    .expect("a collection");
                Ok::<_, Error>(())
            })
            .await
            .expect("a collection");
    }

    /// Products are written in English, and told in German and French as far as they are.
    async fn speak(&self) {
        let spoken = serde_json::json!({ "main": "en", "others": ["de", "fr"] });
        let request = Request::put("/api/v1/admin/locales")
            .header("host", "shop.localhost")
            .header("content-type", "application/json")
            .header("authorization", self.staff("products:write").await)
            .body(Body::from(spoken.to_string()))
            .expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        assert_eq!(answer.expect("an answer").status(), 200);
    }

    pub(crate) async fn put(&self, tenant: TenantId, goods: &Goods<'_>) -> Vec<VariantId> {
        let input = product(goods);
        let (cents, units) = (goods.cents, goods.units);
        let (peers, cause) = (self.peers.clone(), Cause::system(self.cells.deps.now()));
        let body = async move |tx: &mut Tx<'_>| {
            let upserted = peers.catalog.upsert_product(tx, &input, &cause).await;
            let variants: Vec<VariantId> = upserted
                .expect("a product")
                .variants
                .iter()
                .map(|variant| variant.0)
                .collect();
            let level = |&variant| InitialLevel {
                variant,
                on_hand: units,
                backorder: false,
            };
            let levels: Vec<_> = variants.iter().map(level).collect();
            peers
                .inventory
                .set_initial(tx, &levels, false, &cause)
                .await?;
            let price = |&variant| NewPrice {
                variant,
                price: Money::new(cents, Currency::EUR),
                compare_at: None,
            };
            let prices: Vec<_> = variants.iter().map(price).collect();
            peers.pricing.set_prices(tx, &prices, &cause).await?;
            Ok::<_, Error>(variants)
        };
        let variants = self
            .cells
            .db(tenant)
            .await
            .write(body)
            .await
            .expect("goods");
        self.deliver().await;
        variants
    }

    async fn cell(&self) -> CellId {
        self.cells
            .storage()
            .tenant(self.shop)
            .await
            .expect("the tenant")
            .cell
    }

    /// Gives every event to whoever listens, as often as there are new ones.
    async fn deliver(&self) {
        let log = self
            .cells
            .storage()
            .event_log(self.cell().await)
            .await
            .expect("a log");
        while log.sequence().await.expect("an order") > 0 {
            let from = log.position("test").await.expect("a position");
            let events = log.after(from, 10_000).await.expect("events");
            for event in &events {
                let listening = self
                    .consumers
                    .iter()
                    .filter(|one| one.subjects().contains(&event.subject));
                for consumer in listening {
                    let (consumer, event) = (consumer.clone(), event.clone());
                    let db = self.cells.db(event.tenant).await;
                    db.write(async move |tx: &mut Tx<'_>| {
                        consumer.handle(tx, &event).await?;
                        Ok::<_, HandlerError>(())
                    })
                    .await
                    .expect("handled");
                }
            }
            let last = events.last().map_or(from, |event| event.seq);
            log.advance("test", last, self.cells.deps.now())
                .await
                .expect("a position");
        }
    }

    /// Jobs of those who work here; others' are not looked at.
    async fn queue(&self) -> JobQueue {
        let kinds: Vec<&str> = self.jobs.iter().map(|handler| handler.kind()).collect();
        let queue = self.cells.storage().job_queue(self.cell().await).await;
        queue.expect("a queue").only(&kinds)
    }

    /// Runs what is due once, then tells what happened.
    pub(crate) async fn work(&self) {
        let queue = self.queue().await;
        let lease = self.cells.deps.ids.next_u128().to_string();
        let due = queue
            .claim(lease, self.cells.deps.now(), LEASE, 200)
            .await
            .expect("jobs");
        for job in due {
            let handler = self.jobs.iter().find(|handler| handler.kind() == job.kind);
            match handler.expect("a handler").run(&job).await {
                JobOutcome::Done => queue.finish(&job).await,
                JobOutcome::Wait(at) => queue.retry(&job, at, None, false).await,
                JobOutcome::Failed(why) | JobOutcome::Dead(why) => panic!("a job failed: {why}"),
            }
            .expect("kept");
        }
        self.deliver().await;
    }

    /// Works and lets time pass until nothing is left to do.
    pub(crate) async fn settle(&self) {
        let queue = self.queue().await;
        for _ in 0..ROUNDS_MAX {
            self.work().await;
            let Some(due) = queue.next_due().await.expect("a time") else {
                return;
            };
            self.cells.clock.advance(due.since(self.cells.deps.now()));
        }
        panic!("jobs are still waiting");
    }

    /// Works until nothing is due within a minute: long waits, such as that for a new try, stay.
    pub(crate) async fn settle_soon(&self) {
        let queue = self.queue().await;
        for _ in 0..ROUNDS_MAX {
            self.work().await;
            let Some(due) = queue.next_due().await.expect("a time") else {
                return;
            };
            let wait = due.since(self.cells.deps.now());
            if wait > LEASE {
                return;
            }
            self.cells.clock.advance(wait);
        }
        panic!("jobs are still waiting");
    }

    /// The shopper's press on `Approve` or `Reject` at the bank; where it sends them.
    pub(crate) async fn at_bank(&self, url: &str, decision: &str) -> String {
        let path = &url[url.find("/3ds/").expect("a page of the bank")..];
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("decision={decision}")))
            .expect("a request");
        let response = self
            .provider
            .router()
            .oneshot(request)
            .await
            .expect("an answer");
        response.headers()["location"]
            .to_str()
            .expect("ASCII")
            .to_owned()
    }

    /// How many charges the provider made.
    pub(crate) async fn charges(&self) -> usize {
        let path = format!("/v1/charges?account={}&limit=250", self.shop);
        let request = Request::get(path).header("authorization", format!("Bearer {PROVIDER_KEY}"));
        let request = request.body(Body::empty()).expect("a request");
        let response = self
            .provider
            .router()
            .oneshot(request)
            .await
            .expect("an answer");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .expect("a body");
        let list: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        list["data"].as_array().expect("a list").len()
    }

    /// What a staff key sends as `Authorization`.
    pub(crate) async fn staff(&self, permissions: &str) -> String {
        let key = NewKey {
            tenant: Some(self.shop),
            kind: KeyKind::Secret,
            name: "test".to_owned(),
            permissions: permissions.parse().expect("permissions"),
        };
        format!(
            "Bearer {}",
            self.tenancy.create_key(key).await.expect("a key").1
        )
    }
}

/// The modules that sell, and what staff call of them.
fn trade(
    deps: &Deps,
    catalog: Arc<dyn Catalog>,
    config: PaymentsConfig,
    metrics: &Metrics,
) -> (Peers, Routes) {
    let cursors = || CursorKey::new([7; 32]);
    let inventory = stoa_inventory::start(deps.clone(), cursors()).contract;
    let pricing = stoa_pricing::start(deps.clone(), catalog.clone());
    let (priced, stocked) = (pricing.contract.clone(), inventory.clone());
    let carts = stoa_cart::start(deps.clone(), catalog.clone(), priced, stocked, [8; 32]);
    let ledger = stoa_ledger::start(deps.clone(), [6; 32], cursors());
    let books = ledger.contract.clone();
    let payments = stoa_payments::start(deps.clone(), books, config, metrics);
    let peers = Peers {
        carts: carts.contract,
        catalog,
        pricing: pricing.contract,
        inventory,
        orders: stoa_orders::start(deps.clone(), [9; 32], cursors()).contract,
        payments: payments.contract,
        ledger: ledger.contract,
    };
    let staff = pricing.routes.merge(ledger.routes).merge(payments.routes);
    (peers, staff)
}

async fn open_provider(
    cells: &TestCells,
    folder: &tempfile::TempDir,
) -> (TestProvider, PaymentsConfig) {
    let settings = Settings {
        hang: Duration::from_millis(1),
        ..Settings::new(PROVIDER_KEY)
    };
    let (clock, ids) = (cells.deps.clock.clone(), cells.deps.ids.clone());
    let path = folder.path().join("charges.jsonl");
    let provider = TestProvider::open(&path, settings, clock, ids).expect("a provider");
    let router = provider.router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    let test = TestProviderConfig {
        base_url,
        key: PROVIDER_KEY.to_owned(),
        timeout: Duration::from_secs(10),
    };
    let config = PaymentsConfig {
        cursors: CursorKey::new([7; 32]),
        test_provider: Some(test),
        seal: SealKeys::opening([9; 32]),
        allow_loopback: true,
    };
    (provider, config)
}
