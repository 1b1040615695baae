//! The composition root: opens storage, starts the modules, and gives each role its share of them.

mod looks;
mod modules;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use stoa_bus::{Transport, Worker, WorkerConfig};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_jetstream::{JetStream, JetStreamConfig};
use stoa_kernel::{Actor, Clock, Envelope, IdSource, SeededIds};
use stoa_rest::{ApiInfo, Front, Readiness, RouterConfig, health_routes};
use stoa_storage::{Storage, StorageConfig, Tenant};
use stoa_telemetry::Metrics;
use stoa_tenancy::Tenancy;
use stoa_test_provider::TestProvider;
use tokio::net::TcpListener;

use self::modules::{MIGRATIONS, Modules, Work};
use self::provider::TestProviderPlan;
use crate::clock::SystemClock;
use crate::gauges::Gauges;
use crate::sample;
use crate::settings::Settings;

/// How much of Stoa a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What the settings' role does.
    Role,
    /// What a command needs: routes, and a worker that does nothing but imports.
    Commands,
}

/// A composed Stoa that does not run yet.
pub(crate) struct App {
    pub(crate) storage: Storage,
    pub(crate) deps: Deps,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) front: Front,
    pub(crate) worker: Option<Worker>,
    pub(crate) test_provider: Option<(TcpListener, TestProvider)>,
    pub(crate) tenancy: Tenancy,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) gauges: Gauges,
    /// Tells caches what other processes committed.
    pub(crate) on_event: Arc<dyn Fn(&Envelope) + Send + Sync>,
    /// Tells caches that they may have missed something.
    pub(crate) on_gap: Arc<dyn Fn() + Send + Sync>,
    /// Keeps the search indexes of a process that serves shops.
    pub(crate) follower: Option<stoa_search::Follower>,
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
        let role = settings.target.role();
        let pays = extent == Extent::Role && role.pays;
        let test = TestProviderPlan::of(settings, pays, &deps).await?;
        let metrics = Metrics::new(clock.now());
        let modules = Modules::start(&deps, settings, test.config, &metrics).await?;
        let gauges = Gauges::register(storage.clone(), &metrics)?;
        let readiness = Readiness::new();
        let info = ApiInfo {
            title: "Stoa".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "One API for shoppers, merchants and operators.".to_owned(),
        };
        let health = health_routes(readiness.clone(), metrics.clone());
        let all = extent == Extent::Commands || role.serves_shops || !role.serves_http;
        let routes = match all {
            // After the docs: pages are not part of the API.
            true => health
                .merge(modules.routes)
                .merge(modules.payment_routes)
                .with_docs(&info)
                .merge(modules.pages),
            false => health.merge(modules.payment_routes),
        };
        let front = routes.into_front(
            modules.gate,
            RouterConfig::new(metrics.clone(), ids.clone()),
        );
        let mut work = Work::default();
        match extent {
            Extent::Commands => work.jobs = modules.import_jobs,
            Extent::Role => {
                if role.runs_worker {
                    work = work.and(modules.work);
                }
                if role.pays {
                    work = work.and(modules.payment_work);
                }
            }
        }
        let worker = worker(&deps, settings, work, bus(settings, extent).await?);
        Ok(Self {
            storage,
            deps,
            metrics,
            readiness,
            front,
            worker,
            test_provider: test.inside,
            tenancy: modules.tenancy,
            catalog: modules.catalog,
            gauges,
            on_event: modules.on_event,
            on_gap: modules.on_gap,
            follower: (extent == Extent::Role && role.serves_shops).then_some(modules.follower),
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

/// `None` where there is nothing to do.
fn worker(
    deps: &Deps,
    settings: &Settings,
    work: Work,
    transport: Option<Arc<dyn Transport>>,
) -> Option<Worker> {
    if work.jobs.is_empty() {
        return None;
    }
    let (storage, clock, ids) = (deps.storage.clone(), deps.clock.clone(), deps.ids.clone());
    let config = WorkerConfig {
        lease: Duration::from_secs(settings.job_lease_seconds),
        ..WorkerConfig::default()
    };
    let mut worker = Worker::new(storage, clock, ids, config);
    worker.serve(work.consumers, work.jobs, work.recurring);
    if let Some(transport) = transport {
        worker.carry(transport);
    }
    Some(worker)
}

/// What carries events between processes, besides the log.
async fn bus(settings: &Settings, extent: Extent) -> Result<Option<Arc<dyn Transport>>> {
    if !settings.bus.starts_with("nats://") || extent == Extent::Commands {
        return Ok(None);
    }
    let config = JetStreamConfig {
        url: settings.bus.clone(),
        prefix: settings.bus_stream.clone(),
        replicas: settings.bus_replicas,
        bytes_max: settings.bus_bytes_max,
    };
    Ok(Some(Arc::new(JetStream::connect(config).await?)))
}
