//! The part of Stoa that a checkout needs, composed as the server composes it, over a SQLite folder
//! of its own; and its goods and carts. Runs no worker and serves no HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stoa_contracts::cart::{CartKey, CartUpdate, Carts};
use stoa_contracts::catalog::{
    Catalog, CatalogError, MediaLink, ProductInput, ProductOption, ProductStatus, Seo, VariantInput,
};
use stoa_contracts::checkout::{Checkout, PlaceOrder};
use stoa_contracts::inventory::{InitialLevel, Inventory};
use stoa_contracts::pricing::{NewPrice, Pricing};
use stoa_contracts::{Address, Deps};
use stoa_kernel::{
    Actor, Clock, Currency, IdSource, Money, ProductId, Quantity, SeededIds, Timestamp, VariantId,
};
use stoa_payments::{PaymentsConfig, TestProviderConfig};
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

const MIGRATIONS: [Migrations; 6] = [
    stoa_inventory::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
    stoa_cart::MIGRATIONS,
    stoa_orders::MIGRATIONS,
    stoa_payments::MIGRATIONS,
];

/// The system's clock, as the server has it.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the modules get time from here")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_micros(since.map_or(0, |since| since.as_micros() as i64))
    }
}

pub(crate) struct Shop {
    pub(crate) deps: Deps,
    pub(crate) tenant: Tenant,
    pub(crate) checkout: Arc<dyn Checkout>,
    /// The SQLite file that everything is in.
    pub(crate) file: PathBuf,
    catalog: Arc<dyn Catalog>,
    pricing: Arc<dyn Pricing>,
    inventory: Arc<dyn Inventory>,
    carts: Arc<dyn Carts>,
}

/// One variant on sale, and its product.
pub(crate) type Good = (VariantId, ProductId);

impl Shop {
    /// `seed` makes the ids: two shops of one process need different ones.
    pub(crate) async fn open(folder: &Path, seed: u64) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdSource> = Arc::new(SeededIds::new(seed));
        let config = StorageConfig {
            url: format!("sqlite:{}", folder.display()),
            connections_max: 1,
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
        let tenant = storage.create_tenant(new).await?;
        let deps = Deps {
            storage,
            clock,
            ids,
        };
        let cursors = || CursorKey::new([1; 32]);
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
        let carts = carts.contract;
        let orders = stoa_orders::start(deps.clone(), [4; 32], cursors()).contract;
        let payments = stoa_payments::start(deps.clone(), payments()).contract;
        let peers = stoa_checkout::Peers {
            carts: carts.clone(),
            catalog: catalog.clone(),
            pricing: pricing.clone(),
            inventory: inventory.clone(),
            orders,
            payments,
        };
        let metrics = Metrics::new(deps.now());
        let checkout = stoa_checkout::start(deps.clone(), peers, [5; 32], &metrics).contract;
        pricing.ensure_settings(tenant.id, Currency::EUR).await?;
        let file = folder.join("shared.db");
        ensure!(file.exists(), "{} is not where the cell is", file.display());
        Ok(Self {
            deps,
            tenant,
            checkout,
            file,
            catalog,
            pricing,
            inventory,
            carts,
        })
    }

    /// Puts `products` on sale, each with three variants, one price and plenty of stock.
    pub(crate) async fn stock(&self, products: usize) -> Result<Vec<Good>> {
        let mut goods = Vec::with_capacity(products * VARIANTS_PER_PRODUCT);
        let db = self.deps.storage.db(self.tenant.id).await?;
        let all: Vec<ProductInput> = (0..products).map(product).collect();
        for some in all.chunks(PRODUCTS_PER_WRITE) {
            let some = some.to_vec();
            let (catalog, pricing) = (self.catalog.clone(), self.pricing.clone());
            let inventory = self.inventory.clone();
            let cause = Cause::system(self.deps.now());
            let landed = db
                .write(async move |tx: &mut Tx<'_>| {
                    let mut landed: Vec<Good> = Vec::new();
                    for product in &some {
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
            cart,
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
