//! The composition root: opens storage, starts the modules, wires them. The one place that knows
//! all of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use stoa_bus::{Consumer, JobHandler, Recurring, Worker, WorkerConfig};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_kernel::{Actor, Clock, Envelope, IdSource, SeededIds};
use stoa_payments::{PaymentsConfig, TestProviderConfig};
use stoa_rest::{ApiInfo, CursorKey, Readiness, RouterConfig, Routes, health_routes};
use stoa_storage::{Migrations, Storage, StorageConfig, Tenant};
use stoa_telemetry::Metrics;
use stoa_tenancy::Tenancy;
use stoa_test_provider::TestProvider;
use tokio::net::TcpListener;

use crate::clock::SystemClock;
use crate::gauges::Gauges;
use crate::sample;
use crate::settings::Settings;

/// How long a payment provider may take to answer.
const PROVIDER_TIME_MAX: Duration = Duration::from_secs(5);

const MIGRATIONS: [Migrations; 9] = [
    stoa_tenancy::MIGRATIONS,
    stoa_inventory::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
    stoa_cart::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_payments::MIGRATIONS,
    stoa_notify::MIGRATIONS,
    stoa_import::MIGRATIONS,
];

/// How much of Stoa a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Routes and the worker.
    Everything,
    /// Routes; the worker is another process.
    Routes,
    /// What a command needs: routes, and a worker that does nothing but imports.
    Commands,
}

/// A composed Stoa that does not run yet.
pub(crate) struct App {
    pub(crate) storage: Storage,
    pub(crate) deps: Deps,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) router: axum::Router,
    pub(crate) worker: Option<Worker>,
    pub(crate) test_provider: Option<(TcpListener, TestProvider)>,
    pub(crate) tenancy: Tenancy,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) gauges: Gauges,
    /// Tells caches what other processes committed.
    pub(crate) on_event: Arc<dyn Fn(&Envelope) + Send + Sync>,
    /// Tells caches that they may have missed something.
    pub(crate) on_gap: Arc<dyn Fn() + Send + Sync>,
    importer: stoa_import::Importer,
}

pub(crate) async fn open_storage(settings: &Settings) -> Result<Storage> {
    let config = StorageConfig {
        url: settings.database_url(),
        connections_max: settings.database_connections_max,
        mmap_bytes: settings.sqlite_mmap_bytes,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SeededIds::new(fresh_seed()?)),
    };
    Storage::open(config, &MIGRATIONS)
        .await
        .context("the database cannot be opened")
}

fn fresh_seed() -> Result<u64> {
    let mut seed = [0_u8; 8];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(u64::from_le_bytes(seed))
}

impl App {
    pub(crate) async fn start(settings: &Settings, extent: Extent) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdSource> = Arc::new(SeededIds::new(fresh_seed()?));
        let storage = open_storage(settings).await?;
        let deps = Deps {
            storage: storage.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let test = TestProviderPlan::of(settings, extent, &deps).await?;
        let metrics = Metrics::new(clock.now());
        let modules = Modules::start(&deps, settings, test.config, &metrics).await?;
        let gauges = Gauges::register(storage.clone(), &metrics)?;
        let readiness = Readiness::new();
        let info = ApiInfo {
            title: "Stoa".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "One API for shoppers, merchants and operators.".to_owned(),
        };
        let router = health_routes(readiness.clone(), metrics.clone())
            .merge(modules.routes)
            .with_docs(&info)
            // After the docs: pages are not part of the API.
            .merge(modules.pages)
            .into_router(
                modules.gate,
                RouterConfig::new(metrics.clone(), ids.clone()),
            );
        let worker = match extent {
            Extent::Routes => None,
            Extent::Everything => {
                let mut worker = Worker::new(storage.clone(), clock, ids, WorkerConfig::default());
                worker.serve(modules.consumers, modules.jobs, modules.recurring);
                Some(worker)
            }
            Extent::Commands => {
                let mut worker = Worker::new(storage.clone(), clock, ids, WorkerConfig::default());
                worker.serve([], modules.import_jobs, []);
                Some(worker)
            }
        };
        Ok(Self {
            storage,
            deps,
            metrics,
            readiness,
            router,
            worker,
            test_provider: test.inside,
            tenancy: modules.tenancy,
            catalog: modules.catalog,
            gauges,
            on_event: modules.on_event,
            on_gap: modules.on_gap,
            importer: modules.importer,
        })
    }

    /// Brings the bundled catalog into `tenant`.
    pub(crate) async fn import_sample(&self, tenant: &Tenant) -> Result<stoa_import::Report> {
        let options = stoa_import::ImportOptions {
            set_stock: false,
            actor: Actor::System,
        };
        let report = self
            .importer
            .import_now(tenant.id, sample::PRODUCTS_CSV, options, |_| {})
            .await
            .context("the sample catalog cannot be imported")?;
        Ok(report)
    }
}

/// Where the test provider is, and the one inside this process, if it is here.
struct TestProviderPlan {
    config: Option<TestProviderConfig>,
    inside: Option<(TcpListener, TestProvider)>,
}

impl TestProviderPlan {
    async fn of(settings: &Settings, extent: Extent, deps: &Deps) -> Result<Self> {
        if let (Some(url), Some(key)) = (&settings.test_provider_url, &settings.test_provider_key) {
            let config = provider_config(url.clone(), key.clone());
            return Ok(Self {
                config: Some(config),
                inside: None,
            });
        }
        if extent != Extent::Everything {
            // Commands and split roles pay nothing by themselves.
            return Ok(Self {
                config: None,
                inside: None,
            });
        }
        let key = hex::encode(deps.storage.secret("test-provider").await?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let journal = journal_path(&settings.data_dir)?;
        let provider = TestProvider::open(
            &journal,
            stoa_test_provider::Settings::new(key.clone()),
            deps.clock.clone(),
            deps.ids.clone(),
        )
        .context("the test payment provider's journal cannot be opened")?;
        let config = Some(provider_config(url, key));
        Ok(Self {
            config,
            inside: Some((listener, provider)),
        })
    }
}

fn provider_config(base_url: String, key: String) -> TestProviderConfig {
    TestProviderConfig {
        base_url,
        key,
        timeout: PROVIDER_TIME_MAX,
    }
}

fn journal_path(data_dir: &Path) -> Result<std::path::PathBuf> {
    let folder = data_dir.join("test-provider");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be created", folder.display()))?;
    Ok(folder.join("charges.jsonl"))
}

/// All modules, started and wired.
struct Modules {
    routes: Routes,
    pages: Routes,
    gate: Arc<dyn stoa_rest::Gate>,
    tenancy: Tenancy,
    catalog: Arc<dyn Catalog>,
    importer: stoa_import::Importer,
    consumers: Vec<Arc<dyn Consumer>>,
    jobs: Vec<Arc<dyn JobHandler>>,
    import_jobs: Vec<Arc<dyn JobHandler>>,
    recurring: Vec<Arc<dyn Recurring>>,
    on_event: Arc<dyn Fn(&Envelope) + Send + Sync>,
    on_gap: Arc<dyn Fn() + Send + Sync>,
}

/// The modules that sell, before the workflows that join them.
struct Trade {
    inventory: stoa_inventory::Module,
    catalog: stoa_catalog::Module,
    pricing: stoa_pricing::Module,
    cart: stoa_cart::Module,
    orders: stoa_orders::Module,
    payments: stoa_payments::Module,
}

impl Trade {
    async fn start(
        deps: &Deps,
        cursor_key: [u8; 32],
        test_provider: Option<TestProviderConfig>,
    ) -> Result<Self> {
        let cursors = || CursorKey::new(cursor_key);
        let inventory = stoa_inventory::start(deps.clone(), cursors());
        let catalog =
            stoa_catalog::start(deps.clone(), cursor_key, stoa_import::sanitise_description);
        let pricing = stoa_pricing::start(deps.clone(), catalog.contract.clone());
        let cart = stoa_cart::start(
            deps.clone(),
            catalog.contract.clone(),
            pricing.contract.clone(),
            inventory.contract.clone(),
            deps.storage.secret("cart-tokens").await?,
        );
        let order_secret = deps.storage.secret("order-tokens").await?;
        let orders = stoa_orders::start(deps.clone(), order_secret, cursors());
        let config = PaymentsConfig {
            cursors: cursors(),
            test_provider,
        };
        let payments = stoa_payments::start(deps.clone(), config);
        Ok(Self {
            inventory,
            catalog,
            pricing,
            cart,
            orders,
            payments,
        })
    }

    fn peers(&self) -> stoa_checkout::Peers {
        stoa_checkout::Peers {
            carts: self.cart.contract.clone(),
            catalog: self.catalog.contract.clone(),
            pricing: self.pricing.contract.clone(),
            inventory: self.inventory.contract.clone(),
            orders: self.orders.contract.clone(),
            payments: self.payments.contract.clone(),
        }
    }
}

impl Modules {
    async fn start(
        deps: &Deps,
        settings: &Settings,
        test_provider: Option<TestProviderConfig>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let cursor_key = deps.storage.secret("cursors").await?;
        let trade = Trade::start(deps, cursor_key, test_provider).await?;
        let peers = trade.peers();
        let notify = stoa_notify::start(
            deps.clone(),
            peers.orders.clone(),
            CursorKey::new(cursor_key),
        );
        let link_secret = deps.storage.secret("status-links").await?;
        let checkout = stoa_checkout::start(deps.clone(), trade.peers(), link_secret, metrics);
        let import = stoa_import::start(
            deps.clone(),
            peers.catalog.clone(),
            peers.pricing.clone(),
            peers.inventory.clone(),
            CursorKey::new(cursor_key),
        );
        let tenancy = stoa_tenancy::start(
            deps.clone(),
            peers.pricing.clone(),
            settings.base_domain.clone(),
        );
        let pages = stoa_storefront::start(stoa_storefront::ShopDeps {
            catalog: peers.catalog.clone(),
            carts: peers.carts,
            checkout: checkout.contract,
            orders: peers.orders,
            mailbox: notify.contract,
            secure: settings.https,
            media: sample::media,
            welcome: sample::welcome,
        });
        let routes = [
            trade.pricing.routes,
            trade.inventory.routes,
            trade.cart.routes,
            checkout.routes,
            trade.orders.routes,
            trade.payments.routes,
            notify.routes,
            import.routes,
            tenancy.routes,
        ];
        let import_jobs = import.jobs;
        Ok(Self {
            routes: routes.into_iter().fold(trade.catalog.routes, Routes::merge),
            pages,
            gate: tenancy.gate,
            tenancy: tenancy.tenancy,
            catalog: peers.catalog,
            importer: import.importer,
            consumers: [trade.catalog.consumers, notify.consumers].concat(),
            jobs: [checkout.jobs, notify.jobs, import_jobs.clone()].concat(),
            import_jobs,
            recurring: [checkout.recurring, import.recurring].concat(),
            on_event: trade.catalog.on_event,
            on_gap: trade.catalog.on_gap,
        })
    }
}
