//! All modules of Stoa, started and wired. Knows what each needs, and what each does for which role.

use std::sync::Arc;

use anyhow::Result;
use stoa_bus::{Consumer, JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::media::Media;
use stoa_kernel::Envelope;
use stoa_payments::{PaymentsConfig, TestProviderConfig};
use stoa_rest::{CursorKey, Routes};
use stoa_storage::Migrations;
use stoa_telemetry::Metrics;
use stoa_tenancy::Tenancy;

use super::looks::{self, Looks};
use crate::sample;
use crate::settings::Settings;

pub(super) const MIGRATIONS: [Migrations; 16] = [
    stoa_tenancy::MIGRATIONS,
    stoa_inventory::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
    stoa_cart::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_ledger::MIGRATIONS,
    stoa_payments::MIGRATIONS,
    stoa_checkout::MIGRATIONS,
    stoa_aftersales::MIGRATIONS,
    stoa_notify::MIGRATIONS,
    stoa_webhooks::MIGRATIONS,
    stoa_import::MIGRATIONS,
    stoa_search::MIGRATIONS,
    stoa_media::MIGRATIONS,
    stoa_themes::MIGRATIONS,
];

/// What a worker is given to do.
#[derive(Default)]
pub(super) struct Work {
    pub(super) consumers: Vec<Arc<dyn Consumer>>,
    pub(super) jobs: Vec<Arc<dyn JobHandler>>,
    pub(super) recurring: Vec<Arc<dyn Recurring>>,
}

impl Work {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.consumers.extend(other.consumers);
        self.jobs.extend(other.jobs);
        self.recurring.extend(other.recurring);
        self
    }
}

/// All modules, started and wired.
pub(super) struct Modules {
    /// All but those of payments.
    pub(super) routes: Routes,
    /// What a process that only pays serves.
    pub(super) payment_routes: Routes,
    pub(super) pages: Routes,
    pub(super) gate: Arc<dyn stoa_rest::Gate>,
    pub(super) tenancy: Tenancy,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) importer: stoa_import::Importer,
    /// Everything that needs no provider's secret.
    pub(super) work: Work,
    /// Everything that speaks to payment providers.
    pub(super) payment_work: Work,
    pub(super) import_jobs: Vec<Arc<dyn JobHandler>>,
    pub(super) on_event: Arc<dyn Fn(&Envelope) + Send + Sync>,
    pub(super) on_gap: Arc<dyn Fn() + Send + Sync>,
    /// Keeps the indexes of a process that serves shops.
    pub(super) follower: stoa_search::Follower,
}

/// The modules that sell, before the workflows that join them.
struct Trade {
    inventory: stoa_inventory::Module,
    catalog: stoa_catalog::Module,
    pricing: stoa_pricing::Module,
    cart: stoa_cart::Module,
    orders: stoa_orders::Module,
    ledger: stoa_ledger::Module,
    payments: stoa_payments::Module,
}

impl Trade {
    async fn start(
        deps: &Deps,
        settings: &Settings,
        cursor_key: [u8; 32],
        test_provider: Option<TestProviderConfig>,
        media: Arc<dyn Media>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let cursors = || CursorKey::new(cursor_key);
        let inventory = stoa_inventory::start(deps.clone(), cursors());
        inventory.show(metrics);
        let sanitise = stoa_import::sanitise_description;
        let catalog = stoa_catalog::start_with(deps.clone(), cursor_key, sanitise, Some(media));
        let pricing = stoa_pricing::start_with(
            deps.clone(),
            catalog.contract.clone(),
            stoa_pricing::Config {
                tax_providers_inside: settings.allow_loopback,
            },
        );
        let cart = stoa_cart::start(
            deps.clone(),
            catalog.contract.clone(),
            pricing.contract.clone(),
            inventory.contract.clone(),
            deps.storage.secret("cart-tokens").await?,
        );
        let order_secret = deps.storage.secret("order-tokens").await?;
        let orders = stoa_orders::start(deps.clone(), order_secret, cursors());
        let card_secret = deps.storage.secret("gift-cards").await?;
        let ledger = stoa_ledger::start(deps.clone(), card_secret, cursors());
        let config = PaymentsConfig {
            cursors: cursors(),
            test_provider,
            seal: settings.seal_keys(deps.storage.secret("payments-seal").await?)?,
            allow_loopback: settings.allow_loopback,
        };
        let books = ledger.contract.clone();
        let payments = stoa_payments::start(deps.clone(), books, config, metrics);
        Ok(Self {
            inventory,
            catalog,
            pricing,
            cart,
            orders,
            ledger,
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
            ledger: self.ledger.contract.clone(),
        }
    }
}

/// What joins the modules that sell.
struct Flows {
    checkout: stoa_checkout::Module,
    aftersales: stoa_aftersales::Module,
    import: stoa_import::Module,
    notify: stoa_notify::Module,
    webhooks: stoa_webhooks::Module,
}

impl Flows {
    async fn start(
        deps: &Deps,
        settings: &Settings,
        peers: &stoa_checkout::Peers,
        cursor_key: [u8; 32],
        metrics: &Metrics,
    ) -> Result<Self> {
        let cursors = || CursorKey::new(cursor_key);
        let config = stoa_checkout::Config::new(deps.storage.secret("status-links").await?);
        let checkout = stoa_checkout::start(deps.clone(), peers.clone(), config, metrics);
        let aftersales = stoa_aftersales::start(
            deps.clone(),
            stoa_aftersales::Peers {
                catalog: peers.catalog.clone(),
                pricing: peers.pricing.clone(),
                inventory: peers.inventory.clone(),
                orders: peers.orders.clone(),
                payments: peers.payments.clone(),
                ledger: peers.ledger.clone(),
                checkout: checkout.contract.clone(),
            },
            metrics,
        );
        let import = stoa_import::start(
            deps.clone(),
            peers.catalog.clone(),
            peers.pricing.clone(),
            peers.inventory.clone(),
            cursors(),
        );
        Ok(Self {
            checkout,
            aftersales,
            import,
            notify: notify(deps, settings, peers, cursors())?,
            webhooks: webhooks(deps, settings, cursors()).await?,
        })
    }
}

impl Modules {
    pub(super) async fn start(
        deps: &Deps,
        settings: &Settings,
        test_provider: Option<TestProviderConfig>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let cursor_key = deps.storage.secret("cursors").await?;
        let media = looks::media(deps, settings, CursorKey::new(cursor_key))?;
        let pictures = media.contract.clone();
        let trade =
            Trade::start(deps, settings, cursor_key, test_provider, pictures, metrics).await?;
        let peers = trade.peers();
        let flows = Flows::start(deps, settings, &peers, cursor_key, metrics).await?;
        let base_domain = settings.base_domain.clone();
        let tenancy = stoa_tenancy::start(deps.clone(), peers.pricing.clone(), base_domain);
        let cursors = || CursorKey::new(cursor_key);
        let looks = Looks::start(deps, settings, &peers.catalog, media, cursors, metrics).await?;
        let shop = stoa_storefront::ShopDeps {
            catalog: peers.catalog.clone(),
            carts: peers.carts,
            checkout: flows.checkout.contract.clone(),
            orders: peers.orders,
            payments: peers.payments,
            ledger: peers.ledger,
            mailbox: flows.notify.contract.clone(),
            secure: settings.https,
            media: sample::media,
            welcome: sample::welcome,
        };
        let pages = stoa_storefront::start_with(shop, looks.options(peers.pricing.clone()));
        Ok(Self::sorted(trade, flows, tenancy, looks, pages))
    }

    /// Each part's share of what a process serves and does.
    fn sorted(
        trade: Trade,
        flows: Flows,
        tenancy: stoa_tenancy::Module,
        looks: Looks,
        pages: Routes,
    ) -> Self {
        let heard = (trade.catalog.on_event.clone(), trade.catalog.on_gap.clone());
        let (on_event, on_gap) = looks.hear(heard);
        let work = work(&trade, &flows, &looks.media);
        let routes = [
            trade.pricing.routes,
            trade.inventory.routes,
            trade.cart.routes,
            flows.checkout.routes,
            trade.orders.routes,
            flows.aftersales.routes,
            trade.ledger.routes,
            flows.notify.routes,
            flows.webhooks.routes,
            flows.import.routes,
            tenancy.routes,
            looks.search.routes,
            looks.media.routes,
            looks.themes.routes,
        ];
        Self {
            routes: routes.into_iter().fold(trade.catalog.routes, Routes::merge),
            payment_routes: trade.payments.routes,
            pages,
            gate: tenancy.gate,
            tenancy: tenancy.tenancy,
            catalog: trade.catalog.contract,
            importer: flows.import.importer,
            work,
            payment_work: Work {
                consumers: Vec::new(),
                jobs: [flows.checkout.jobs, flows.aftersales.jobs].concat(),
                recurring: trade.payments.recurring,
            },
            import_jobs: flows.import.jobs,
            on_event,
            on_gap,
            follower: looks.search.follower,
        }
    }
}

/// Everything that needs no provider's secret.
fn work(trade: &Trade, flows: &Flows, media: &stoa_media::Module) -> Work {
    let consumers = [
        trade.catalog.consumers.clone(),
        flows.checkout.consumers.clone(),
        flows.aftersales.consumers.clone(),
        flows.notify.consumers.clone(),
        flows.webhooks.consumers.clone(),
        media.consumers.clone(),
    ];
    let jobs = [
        trade.catalog.jobs.clone(),
        trade.inventory.jobs.clone(),
        trade.pricing.jobs.clone(),
        flows.notify.jobs.clone(),
        flows.webhooks.jobs.clone(),
        flows.import.jobs.clone(),
        media.jobs.clone(),
    ];
    let recurring = [
        trade.inventory.recurring.clone(),
        trade.cart.recurring.clone(),
        flows.checkout.recurring.clone(),
        flows.aftersales.recurring.clone(),
        flows.notify.recurring.clone(),
        flows.webhooks.recurring.clone(),
        flows.import.recurring.clone(),
        media.recurring.clone(),
    ];
    Work {
        consumers: consumers.concat(),
        jobs: jobs.concat(),
        recurring: recurring.concat(),
    }
}

fn notify(
    deps: &Deps,
    settings: &Settings,
    peers: &stoa_checkout::Peers,
    cursors: CursorKey,
) -> Result<stoa_notify::Module> {
    let config = stoa_notify::Config {
        cursors,
        smtp: settings.smtp()?,
        shop_url: settings.shop_url.clone(),
    };
    let peers = stoa_notify::Peers {
        orders: peers.orders.clone(),
        carts: Some(peers.carts.clone()),
        payments: Some(peers.payments.clone()),
        catalog: Some(peers.catalog.clone()),
    };
    Ok(stoa_notify::start(deps.clone(), peers, config))
}

async fn webhooks(
    deps: &Deps,
    settings: &Settings,
    cursors: CursorKey,
) -> Result<stoa_webhooks::Module> {
    let mut config =
        stoa_webhooks::Config::new(deps.storage.secret("webhook-secrets").await?, cursors);
    config.allow_loopback = settings.allow_loopback;
    Ok(stoa_webhooks::start(deps.clone(), config))
}
