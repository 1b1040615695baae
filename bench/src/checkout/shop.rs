//! The part of Stoa that a checkout needs, composed as the server composes it, over a database of
//! its own; and its goods and carts. Runs no worker and serves no HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use stoa_contracts::cart::{CartKey, CartUpdate, Carts};
use stoa_contracts::catalog::{
    Catalog, CatalogError, MediaLink, ProductInput, ProductOption, ProductStatus, Seo, VariantInput,
};
use stoa_contracts::checkout::{Checkout, PlaceOrder, Purchase};
use stoa_contracts::inventory::{InitialLevel, Inventory};
use stoa_contracts::pricing::{NewPrice, Pricing};
use stoa_contracts::{Address, Deps};
use stoa_kernel::{
    Actor, Clock, Currency, IdSource, Money, ProductId, Quantity, SeededIds, Timestamp, VariantId,
};
use stoa_payments::{PaymentsConfig, SealKeys, TestProviderConfig};
use stoa_rest::CursorKey;
use stoa_storage::{
    Cause, IdempotencyKey, Isolation, Migrations, NewTenant, Storage, StorageConfig, Tenant, Tx,
};
use stoa_telemetry::Metrics;

pub(crate) const VARIANTS_PER_PRODUCT: usize = 3;
pub(crate) const LINES_PER_ORDER: usize = 3;
/// So much that no order is ever refused.
const ON_HAND: u32 = 1_000_000_000;
const PRODUCTS_PER_WRITE: usize = 10;
const UNIT_PRICE_CENTS: i64 = 1_990;
/// As the server has it.
pub(crate) const MMAP_BYTES: i64 = 1 << 30;

/// PostgreSQL connections of a server that was told nothing else.
pub(crate) const CONNECTIONS: usize = 16;
/// Ids that are made while goods are stocked count from a multiple of this, one for each product.
const IDS_PER_PRODUCT: u64 = 1_000;

const MIGRATIONS: [Migrations; 8] = [
    stoa_inventory::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
    stoa_cart::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_ledger::MIGRATIONS,
    stoa_payments::MIGRATIONS,
    stoa_checkout::MIGRATIONS,
];

/// The system's clock, as the server has it; it stands still while goods are stocked.
#[derive(Default)]
struct BenchClock {
    stands_at: AtomicI64,
}

impl Clock for BenchClock {
    #[expect(clippy::disallowed_methods, reason = "the modules get time from here")]
    fn now(&self) -> Timestamp {
        let stands_at = self.stands_at.load(Ordering::Relaxed);
        if stands_at > 0 {
            return Timestamp::from_micros(stands_at);
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_micros(since.map_or(0, |since| since.as_micros() as i64))
    }
}

/// Random ids as the server makes them. While goods are stocked they count instead, in digits that
/// are decimal, so that whoever knows a variant's number can write its id: pgbench has no table to
/// look it up in.
struct BenchIds {
    random: SeededIds,
    /// The next one of goods; nought where ids are random.
    next: AtomicU64,
}

impl IdSource for BenchIds {
    fn next_u128(&self) -> u128 {
        if self.next.load(Ordering::Relaxed) == 0 {
            return self.random.next_u128();
        }
        let decimal = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        u128::from_str_radix(&decimal, 16).expect("decimal digits are hexadecimal ones too")
    }
}

pub(crate) struct Shop {
    pub(crate) deps: Deps,
    pub(crate) tenant: Tenant,
    pub(crate) checkout: Arc<dyn Checkout>,
    clock: Arc<BenchClock>,
    ids: Arc<BenchIds>,
    catalog: Arc<dyn Catalog>,
    pricing: Arc<dyn Pricing>,
    inventory: Arc<dyn Inventory>,
    carts: Arc<dyn Carts>,
}

/// One variant on sale, and its product.
pub(crate) type Good = (VariantId, ProductId);

impl Shop {
    /// `url` is a SQLite folder or a PostgreSQL database that nobody else uses; its shop is made
    /// where there is none yet. Shops of one process have ids of different `seed`s.
    pub(crate) async fn open(url: &str, seed: u64) -> Result<Self> {
        let clock: Arc<BenchClock> = Arc::default();
        let ids = Arc::new(BenchIds {
            random: SeededIds::new(seed),
            next: AtomicU64::new(0),
        });
        let config = StorageConfig {
            url: url.to_owned(),
            connections_max: CONNECTIONS,
            mmap_bytes: MMAP_BYTES,
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let storage = Storage::open(config, &MIGRATIONS).await?;
        let new = NewTenant {
            slug: "bench".to_owned(),
            name: "Bench".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
            isolation: Isolation::Shared,
        };
        let tenant = match storage.tenant_by_slug(&new.slug).await? {
            Some(tenant) => tenant,
            None => storage.create_tenant(new).await?,
        };
        let deps = Deps {
            storage,
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let cursors = || CursorKey::new([1; 32]);
        let metrics = Metrics::new(deps.now());
        let catalog =
            stoa_catalog::start(deps.clone(), [2; 32], stoa_import::sanitise_description).contract;
        let inventory = stoa_inventory::start(deps.clone(), cursors()).contract;
        let pricing = stoa_pricing::start(deps.clone(), catalog.clone()).contract;
        let carts = stoa_cart::start(
            deps.clone(),
            catalog.clone(),
            pricing.clone(),
            inventory.clone(),
            [3; 32],
        );
        let ledger = stoa_ledger::start(deps.clone(), [6; 32], cursors()).contract;
        let payments = stoa_payments::start(deps.clone(), ledger.clone(), payments(), &metrics);
        let peers = stoa_checkout::Peers {
            carts: carts.contract.clone(),
            catalog: catalog.clone(),
            pricing: pricing.clone(),
            inventory: inventory.clone(),
            orders: stoa_orders::start(deps.clone(), [4; 32], cursors()).contract,
            payments: payments.contract,
            ledger,
        };
        let config = stoa_checkout::Config::new([5; 32]);
        let checkout = stoa_checkout::start(deps.clone(), peers, config, &metrics).contract;
        pricing.ensure_settings(tenant.id, Currency::EUR).await?;
        Ok(Self {
            deps,
            tenant,
            checkout,
            clock,
            ids,
            catalog,
            pricing,
            inventory,
            carts: carts.contract,
        })
    }

    /// Puts `products` on sale, each with three variants, one price and plenty of stock.
    pub(crate) async fn stock(&self, products: usize) -> Result<Vec<Good>> {
        let now = self.deps.now();
        self.clock.stands_at.store(now.micros(), Ordering::Relaxed);
        let stocked = self.stock_counting(products).await;
        self.clock.stands_at.store(0, Ordering::Relaxed);
        self.ids.next.store(0, Ordering::Relaxed);
        stocked
    }

    async fn stock_counting(&self, products: usize) -> Result<Vec<Good>> {
        let mut goods = Vec::with_capacity(products * VARIANTS_PER_PRODUCT);
        let db = self.deps.storage.db(self.tenant.id).await?;
        let all: Vec<(usize, ProductInput)> = (0..products).map(|at| (at, product(at))).collect();
        for some in all.chunks(PRODUCTS_PER_WRITE) {
            let some = some.to_vec();
            let (catalog, pricing) = (self.catalog.clone(), self.pricing.clone());
            let (inventory, ids) = (self.inventory.clone(), self.ids.clone());
            let cause = Cause::system(self.deps.now());
            let landed = db
                .write(async move |tx: &mut Tx<'_>| {
                    let mut landed: Vec<Good> = Vec::new();
                    for (at, product) in &some {
                        let first = (*at as u64 + 1) * IDS_PER_PRODUCT;
                        ids.next.store(first, Ordering::Relaxed);
                        let put = catalog.upsert_product(tx, product, &cause).await?;
                        landed.extend(put.variants.iter().map(|&(id, _)| (id, put.product)));
                    }
                    let prices: Vec<NewPrice> = landed.iter().map(|&(id, _)| price(id)).collect();
                    pricing.set_prices(tx, &prices, &cause).await?;
                    let levels: Vec<InitialLevel> =
                        landed.iter().map(|&(id, _)| level(id)).collect();
                    inventory.set_initial(tx, &levels, false, &cause).await?;
                    Ok::<_, CatalogError>(landed)
                })
                .await?;
            goods.extend(landed);
        }
        Ok(goods)
    }

    /// A cart as a shopper would leave it at the till; the others are made in its image.
    pub(crate) async fn fill_cart(&self, variants: &[VariantId]) -> Result<CartKey> {
        let tenant = self.tenant.id;
        let key = self.carts.create(tenant, Currency::EUR).await?;
        for variant in variants {
            self.carts
                .add_line(tenant, &key, *variant, Quantity::ONE)
                .await?;
        }
        let update = CartUpdate {
            email: Some("ada@example.com".to_owned()),
            shipping_address: Some(address()),
            ..CartUpdate::default()
        };
        self.carts.update(tenant, &key, update).await?;
        let options = self.carts.shipping_options(tenant, &key).await?;
        let option = options.first().context("a way to ship")?.id.clone();
        let update = CartUpdate {
            shipping_option_id: Some(option),
            ..CartUpdate::default()
        };
        self.carts.update(tenant, &key, update).await?;
        Ok(key)
    }

    pub(crate) async fn empty_cart(&self) -> Result<CartKey> {
        Ok(self.carts.create(self.tenant.id, Currency::EUR).await?)
    }

    pub(crate) fn request(&self, cart: CartKey) -> PlaceOrder {
        PlaceOrder {
            tenant: self.tenant.id,
            test_mode: true,
            provider: "test".to_owned(),
            token: "tok_success".to_owned(),
            return_url: None,
            idempotency: IdempotencyKey {
                scope: "shopper POST /api/v1/checkouts".to_owned(),
                key: cart.id.to_string(),
                body_hash: [7; 32],
            },
            actor: Actor::Shopper,
            trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            purchase: Purchase::Cart(cart),
            expected_total: None,
            gift_cards: Vec::new(),
        }
    }
}

fn payments() -> PaymentsConfig {
    // Nobody listens there: an order is placed before anything is charged.
    let test_provider = Some(TestProviderConfig {
        base_url: "http://127.0.0.1:1".to_owned(),
        key: "unused".to_owned(),
        timeout: Duration::from_secs(1),
    });
    PaymentsConfig {
        cursors: CursorKey::new([1; 32]),
        test_provider,
        seal: SealKeys::opening([9; 32]),
        allow_loopback: true,
    }
}

fn product(number: usize) -> ProductInput {
    let sizes = ["Small", "Medium", "Large"];
    let variant = |size: &str| VariantInput {
        option_values: vec![size.to_owned()],
        sku: Some(format!("BENCH-{number:05}-{}", &size[..1])),
        barcode: None,
        grams: 350,
        requires_shipping: true,
        taxable: true,
        image: None,
    };
    ProductInput {
        handle: format!("bench-product-{number}"),
        title: format!("Bench product {number} in stoneware"),
        description_html: "<p>Thrown on the wheel, glazed by hand.</p>".to_owned(),
        vendor: Some("Marram".to_owned()),
        product_type: Some("Tableware".to_owned()),
        tags: vec!["stoneware".to_owned(), "tableware".to_owned()],
        status: ProductStatus::Active,
        options: vec![ProductOption {
            name: "Size".to_owned(),
            values: sizes.map(str::to_owned).into(),
        }],
        variants: sizes.map(variant).into(),
        media: vec![MediaLink {
            url: format!("/media/bench-product-{number}.svg"),
            alt: "A bowl".to_owned(),
        }],
        seo: Seo::default(),
        gift_card: false,
        extras: None,
    }
}

fn price(variant: VariantId) -> NewPrice {
    let price = Money::new(UNIT_PRICE_CENTS, Currency::EUR);
    NewPrice {
        variant,
        price,
        compare_at: None,
    }
}

fn level(variant: VariantId) -> InitialLevel {
    InitialLevel {
        variant,
        on_hand: ON_HAND,
        backorder: false,
    }
}

fn address() -> Address {
    Address {
        name: "Ada Lovelace".to_owned(),
        line1: "12 St James's Square".to_owned(),
        line2: None,
        city: "London".to_owned(),
        region: None,
        postal_code: "SW1Y 4JH".to_owned(),
        country: "GB".to_owned(),
    }
}

/// What a cart holds: three different variants, by chance.
pub(crate) fn pick(goods: &[Good], chance: &mut fastrand::Rng) -> [Good; LINES_PER_ORDER] {
    let picked = chance.choose_multiple(goods.iter().copied(), LINES_PER_ORDER);
    picked.try_into().expect("there are more goods than lines")
}
