//! The cart over the real catalog, pricing and inventory, as the server composes them.

use stoa_contracts::Address;
use stoa_contracts::cart::{CartError, CartKey, CartUpdate, Carts};
use stoa_contracts::catalog::{
    Catalog, ProductInput, ProductOption, ProductStatus, Seo, VariantInput,
};
use stoa_contracts::inventory::InitialLevel;
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, Money, Quantity, TenantId, VariantId};
use stoa_rest::CursorKey;
use stoa_storage::{Cause, Error, Tx};
use stoa_testkit::TestCells;

use std::sync::Arc;

const MIGRATIONS: [stoa_storage::Migrations; 4] = [
    stoa_cart::MIGRATIONS,
    stoa_catalog::MIGRATIONS,
    stoa_inventory::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
];

struct Shop {
    tenant: TenantId,
    carts: Arc<dyn Carts>,
    catalog: Arc<dyn Catalog>,
    /// 12.00 with tax; ten of them.
    blue: VariantId,
    /// Has no price.
    red: VariantId,
}

fn teapot(status: ProductStatus) -> ProductInput {
    let variant = |colour: &str| VariantInput {
        option_values: vec![colour.to_owned()],
        sku: Some(format!("POT-{colour}")),
        barcode: None,
        grams: 900,
        requires_shipping: true,
        taxable: true,
        image: None,
    };
    ProductInput {
        handle: "teapot".to_owned(),
        title: "Teapot".to_owned(),
        description_html: String::new(),
        vendor: None,
        product_type: None,
        tags: Vec::new(),
        status,
        options: vec![ProductOption {
            name: "Colour".to_owned(),
            values: vec!["Blue".to_owned(), "Red".to_owned()],
        }],
        variants: vec![variant("Blue"), variant("Red")],
        media: Vec::new(),
        seo: Seo::default(),
        gift_card: false,
        extras: None,
    }
}

async fn open(cells: &TestCells) -> Shop {
    let deps = cells.deps.clone();
    let tenant = cells.tenant("one").await;
    let catalog = stoa_catalog::start(deps.clone(), [1; 32], str::to_owned).contract;
    let pricing = stoa_pricing::start(deps.clone(), catalog.clone()).contract;
    let inventory = stoa_inventory::start(deps.clone(), CursorKey::new([1; 32])).contract;
    let carts = stoa_cart::start(
        deps.clone(),
        catalog.clone(),
        pricing.clone(),
        inventory.clone(),
        [7; 32],
    );
    pricing
        .ensure_settings(tenant, Currency::EUR)
        .await
        .expect(cells.kind);
    let (shelf, cause) = (catalog.clone(), Cause::system(deps.now()));
    let db = cells.db(tenant).await;
    let stocked = db.write(async move |tx: &mut Tx<'_>| {
        let input = teapot(ProductStatus::Active);
        let upserted = shelf
            .upsert_product(tx, &input, &cause)
            .await
            .expect("a product");
        let [(blue, _), (red, _)] = upserted.variants[..] else {
            panic!("two variants");
        };
        let price = NewPrice {
            variant: blue,
            price: Money::new(1200, Currency::EUR),
            compare_at: None,
        };
        pricing.set_prices(tx, &[price], &cause).await?;
        let level = InitialLevel {
            variant: blue,
            on_hand: 10,
            backorder: false,
        };
        inventory.set_initial(tx, &[level], false, &cause).await?;
        Ok::<_, Error>((blue, red))
    });
    let (blue, red) = stocked.await.expect(cells.kind);
    Shop {
        tenant,
        carts: carts.contract,
        catalog,
        blue,
        red,
    }
}

impl Shop {
    async fn unpublish(&self, cells: &TestCells) {
        let (catalog, cause) = (self.catalog.clone(), Cause::system(cells.deps.now()));
        let db = cells.db(self.tenant).await;
        let edited = db.write(async move |tx: &mut Tx<'_>| {
            let draft = teapot(ProductStatus::Draft);
            catalog
                .upsert_product(tx, &draft, &cause)
                .await
                .expect("an edit");
            Ok::<_, Error>(())
        });
        edited.await.expect(cells.kind);
    }

    async fn cart(&self) -> CartKey {
        self.carts
            .create(self.tenant, Currency::EUR)
            .await
            .expect("a cart")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_priced_taxed_and_shipped_by_the_shops_own_rules() {
    for cells in stoa_testkit::everywhere(&MIGRATIONS).await {
        let shop = open(&cells).await;
        let key = shop.cart().await;
        let two = Quantity::new(2).expect("from 1 up");
        let refused = shop.carts.add_line(shop.tenant, &key, shop.red, two).await;
        assert!(matches!(refused, Err(CartError::NotForSale { variant }) if variant == shop.red));
        let cart = shop
            .carts
            .add_line(shop.tenant, &key, shop.blue, two)
            .await
            .expect(cells.kind);
        assert_eq!(cart.lines[0].variant_title, "Blue", "{}", cells.kind);
        assert_eq!(
            cart.lines[0].sku.as_deref(),
            Some("POT-Blue"),
            "{}",
            cells.kind
        );
        assert_eq!(cart.lines[0].unit_price.amount, 1200, "{}", cells.kind);
        // 24.00 with 20 % inside.
        assert_eq!(
            (cart.totals.total.amount, cart.totals.tax.amount),
            (2400, 400)
        );
        let options = shop
            .carts
            .shipping_options(shop.tenant, &key)
            .await
            .expect(cells.kind);
        assert_eq!(options[0].id, "standard", "{}", cells.kind);
        let update = CartUpdate {
            shipping_option_id: Some("standard".to_owned()),
            shipping_address: Some(Address {
                name: "Jo Doe".to_owned(),
                line1: "1 Agora".to_owned(),
                city: "Athens".to_owned(),
                postal_code: "105 55".to_owned(),
                country: "GR".to_owned(),
                ..Address::default()
            }),
            ..CartUpdate::default()
        };
        let cart = shop
            .carts
            .update(shop.tenant, &key, update)
            .await
            .expect(cells.kind);
        assert_eq!(cart.totals.total.amount, 2400 + 490, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpublished_product_leaves_its_line_and_no_price() {
    for cells in stoa_testkit::everywhere(&MIGRATIONS).await {
        let shop = open(&cells).await;
        let key = shop.cart().await;
        shop.carts
            .add_line(shop.tenant, &key, shop.blue, Quantity::ONE)
            .await
            .expect(cells.kind);
        shop.unpublish(&cells).await;
        let cart = shop.carts.view(shop.tenant, &key).await.expect(cells.kind);
        let line = &cart.lines[0];
        assert_eq!(
            (line.available, line.title.as_str()),
            (false, "Teapot"),
            "{}",
            cells.kind
        );
        assert_eq!(
            (line.unit_price.amount, line.total.amount),
            (1200, 0),
            "{}",
            cells.kind
        );
        assert_eq!(cart.totals.total.amount, 0, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_takes_one_statement_more_than_looking() {
    for cells in stoa_testkit::everywhere(&MIGRATIONS).await {
        let shop = open(&cells).await;
        let key = shop.cart().await;
        // Pricing reads its terms once and keeps them.
        shop.carts.view(shop.tenant, &key).await.expect(cells.kind);
        let statements = || cells.storage().stats().read().statements;
        let mut spent = Vec::new();
        for _ in 0..2 {
            let before = statements();
            shop.carts
                .add_line(shop.tenant, &key, shop.blue, Quantity::ONE)
                .await
                .expect(cells.kind);
            spent.push(statements() - before);
        }
        let before = statements();
        shop.carts.view(shop.tenant, &key).await.expect(cells.kind);
        let looking = statements() - before;
        // Whatever catalog, pricing and inventory ask, they are asked once; the line comes on top.
        assert_eq!(spent[1], looking + 1, "{}", cells.kind);
        assert_eq!(spent[0], looking + 1, "{}", cells.kind);
    }
}
