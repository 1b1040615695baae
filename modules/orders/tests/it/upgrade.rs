//! A database that was filled before the newest migrations goes on with everything in it.

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::inventory::{Demand, Inventory};
use stoa_contracts::orders::{NewFulfilment, OrderStatus, PaymentStatus, RefundRecord};
use stoa_kernel::{
    CartId, Currency, FulfilmentId, LineId, OrderId, Quantity, RefundId, SeededIds, TenantId,
    Timestamp, VariantId,
};
use stoa_orders::Module;
use stoa_rest::CursorKey;
use stoa_storage::{
    Cause, Db, Isolation, Migrations, NewTenant, Storage, StorageConfig, Tx, params,
};
use stoa_testkit::{ManualClock, fresh_database, postgres_server};

use crate::support::{SECRET, eur};

const ALL: [Migrations; 4] = [
    stoa_inventory::MIGRATIONS,
    stoa_pricing::MIGRATIONS,
    stoa_cart::MIGRATIONS,
    stoa_orders::MIGRATIONS,
];

const PAID: OrderId = OrderId::from_u128(1);
const UNPAID: OrderId = OrderId::from_u128(2);
const CART: CartId = CartId::from_u128(1);
const VARIANT: VariantId = VariantId::from_u128(9);
const AT: i64 = 1_700_000_000_000_000;

/// Orders of 11.90: one paid, one that waits.
const ORDER: &str = "INSERT INTO orders_order (tenant_id, id, number, cart_id, status, \
     payment_status, fulfilment_status, email, shipping_address, billing_address, \
     shipping_option, currency, subtotal, discount, shipping, tax, total, tax_inclusive, test, \
     placed_at, waiting_since, paid_at, attempt_id, updated_at, version) \
     VALUES (:tenant, $1, $2, $1, 'pending', $3, 'not_fulfilled', 'ada@example.com', NULL, NULL, \
     NULL, 'EUR', 1000, 0, 0, 190, 1190, 0, 1, $4, $4, $5, $6, $4, 1)";
const LINE: &str = "INSERT INTO orders_line (tenant_id, order_id, position, id, variant_id, \
     product_id, title, variant_title, sku, image, quantity, unit_price, subtotal, tax, total) \
     VALUES (:tenant, $1, 0, $1, $2, $2, 'Cup', 'Default', NULL, NULL, 2, 500, 1000, 190, 1190)";
const NUMBERS: &str = "INSERT INTO orders_number_block (tenant_id, next) VALUES (:tenant, 1003)";
const LEVEL: &str = "INSERT INTO inventory_level (tenant_id, variant_id, location_id, on_hand, \
     reserved, backorder, version, updated_at) VALUES (:tenant, $1, $2, 5, 2, 0, 2, $3)";
const COUNTED: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, location_id, \
     level_version, kind, on_hand_delta, reserved_delta, order_id, reason, moved_at) \
     VALUES (:tenant, $1, $2, 1, 'set', 5, 0, NULL, NULL, $3)";
const RESERVED: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, location_id, \
     level_version, kind, on_hand_delta, reserved_delta, order_id, reason, moved_at) \
     VALUES (:tenant, $1, $2, 2, 'reserve', 0, 2, $4, NULL, $3)";
const HOLD: &str = "INSERT INTO inventory_hold (tenant_id, order_id, variant_id, location_id, \
     units, state, expires_at, created_at) VALUES (:tenant, $4, $1, $2, 2, 'confirmed', NULL, $3)";
const SETTINGS: &str = "INSERT INTO pricing_settings (tenant_id, currency, tax_ppm, \
     tax_inclusive, tax_version, shipping_version, updated_at) \
     VALUES (:tenant, 'EUR', 190000, 1, 3, 1, $1)";
const OLD_CART: &str = "INSERT INTO cart_cart (tenant_id, id, status, currency, version, \
     created_at, updated_at) VALUES (:tenant, $1, 'completed', 'EUR', 4, $2, $2)";

/// A server's address, the kind of cell, and what must outlive the test.
struct Place {
    url: String,
    kind: &'static str,
    isolation: Isolation,
    _folder: Option<tempfile::TempDir>,
}

async fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for (kind, isolation) in [
        ("sqlite shared", Isolation::Shared),
        ("sqlite database", Isolation::Database),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        places.push(Place {
            url: format!("sqlite:{}", folder.path().display()),
            kind,
            isolation,
            _folder: Some(folder),
        });
    }
    if let Some(server) = postgres_server() {
        for (kind, isolation) in [
            ("postgres shared", Isolation::Shared),
            ("postgres schema", Isolation::Schema),
            ("postgres database", Isolation::Database),
        ] {
            places.push(Place {
                url: fresh_database(&server).await,
                kind,
                isolation,
                _folder: None,
            });
        }
    }
    places
}

async fn open(place: &Place, modules: &[Migrations], seed: u64) -> Deps {
    let (clock, ids) = (Arc::new(ManualClock::new()), Arc::new(SeededIds::new(seed)));
    let config = StorageConfig {
        url: place.url.clone(),
        connections_max: 4,
        mmap_bytes: 1 << 28,
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let storage = Storage::open(config, modules).await.expect(place.kind);
    Deps {
        storage,
        clock,
        ids,
    }
}

/// A shop as the first version left it.
async fn fill(place: &Place) -> TenantId {
    let first = ALL.map(|module| Migrations {
        steps: &module.steps[..1],
        ..module
    });
    let deps = open(place, &first, 1).await;
    let new = NewTenant {
        slug: "acme".to_owned(),
        name: "Acme".to_owned(),
        currency: Currency::EUR,
        test_mode: true,
        isolation: place.isolation,
    };
    let tenant = deps.storage.create_tenant(new).await.expect(place.kind).id;
    let db = deps.storage.db(tenant).await.expect(place.kind);
    let filled = db
        .write(async |tx: &mut Tx<'_>| {
            let nothing: Option<i64> = None;
            let nobody: Option<OrderId> = None;
            let shelf = stoa_kernel::LocationId::from_u128(0);
            let paid = params![PAID, 1001, "paid", AT, Some(AT), Some(PAID)];
            tx.execute(ORDER, paid).await?;
            let unpaid = params![UNPAID, 1002, "pending", AT, nothing, nobody];
            tx.execute(ORDER, unpaid).await?;
            for order in [PAID, UNPAID] {
                tx.execute(LINE, params![order, VARIANT]).await?;
            }
            tx.execute(NUMBERS, params![]).await?;
            tx.execute(LEVEL, params![VARIANT, shelf, AT]).await?;
            tx.execute(COUNTED, params![VARIANT, shelf, AT]).await?;
            tx.execute(RESERVED, params![VARIANT, shelf, AT, PAID])
                .await?;
            tx.execute(HOLD, params![VARIANT, shelf, AT, PAID]).await?;
            tx.execute(SETTINGS, params![AT]).await?;
            tx.execute(OLD_CART, params![CART, AT]).await.map(|_| ())
        })
        .await;
    filled.expect(place.kind);
    tenant
}

/// Packs what the order holds, gives one unit's money back, and answers where it stands.
async fn go_on(place: &Place, deps: &Deps, db: &Db) -> (PaymentStatus, i64, i64) {
    let Module { contract, .. } = stoa_orders::start(deps.clone(), SECRET, CursorKey::new([8; 32]));
    let stock: Arc<dyn Inventory> =
        stoa_inventory::start(deps.clone(), CursorKey::new([9; 32])).contract;
    let orders = contract.clone();
    let done = db
        .write(async move |tx: &mut Tx<'_>| {
            let cause = Cause::system(Timestamp::from_micros(AT + 1));
            let (one, two) = (quantity(1), quantity(2));
            let line_id = LineId::from_u128(1);
            let goods = [Demand {
                variant: VARIANT,
                quantity: two,
            }];
            let taken = stock.ship(tx, PAID, &goods, None, &cause).await;
            let units = |quantity| stoa_contracts::orders::LineUnits { line_id, quantity };
            let parcel = NewFulfilment {
                id: FulfilmentId::from_u128(1),
                order: PAID,
                location: None,
                lines: vec![units(two)],
                taken: taken.expect("what was held"),
                tracking: None,
            };
            orders.fulfil(tx, &parcel, &cause).await?;
            let refund = RefundRecord {
                id: RefundId::from_u128(1),
                amount: eur(595),
                lines: vec![units(one)],
                reason: None,
            };
            orders.refunded(tx, PAID, &refund, &cause).await
        })
        .await;
    let state = done.expect(place.kind);
    (state.payment, state.paid.amount, state.refunded.amount)
}

fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("at least one")
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    let found = db.fetch(sql, params![], |row| row.get(0)).await;
    found.expect("a number")[0]
}

#[tokio::test]
async fn what_the_first_version_wrote_goes_on_under_the_newest() {
    for place in places().await {
        let tenant = fill(&place).await;
        let deps = open(&place, &ALL, 2).await;
        let db = deps.storage.db(tenant).await.expect(place.kind);
        let orders = stoa_orders::start(deps.clone(), SECRET, CursorKey::new([8; 32])).contract;
        let view = async |order| orders.view(tenant, order).await.expect(place.kind);
        let (paid, unpaid) = (view(PAID).await, view(UNPAID).await);
        assert_eq!((paid.paid, paid.gift_card), (eur(1_190), eur(0)));
        assert_eq!((unpaid.paid, unpaid.refunded), (eur(0), eur(0)));
        assert_eq!(paid.cart_id, Some(CartId::from_u128(1)), "{}", place.kind);
        assert!(paid.lines[0].requires_shipping, "{}", place.kind);
        let late = Timestamp::from_micros(AT + 1);
        let waiting = orders.waiting(tenant, late, None, 10).await;
        assert_eq!(waiting.expect(place.kind), [UNPAID], "{}", place.kind);

        let stands = go_on(&place, &deps, &db).await;
        let expected = (PaymentStatus::PartiallyRefunded, 1_190, 595);
        assert_eq!(stands, expected, "{}", place.kind);
        assert_eq!(view(PAID).await.status, OrderStatus::Pending);
        let left = "SELECT on_hand * 100 + reserved * 10 + incoming FROM inventory_level \
                    WHERE tenant_id = :tenant";
        assert_eq!(number(&db, left).await, 300, "{}", place.kind);
        let held = "SELECT count(*) FROM inventory_hold WHERE tenant_id = :tenant";
        assert_eq!(number(&db, held).await, 0, "{}", place.kind);
        let mark = "SELECT terms_mark FROM pricing_settings WHERE tenant_id = :tenant";
        assert_eq!(number(&db, mark).await, 1, "{}", place.kind);
        // The sweep looks once at every cart from before.
        let look = "SELECT look_at FROM cart_cart WHERE tenant_id = :tenant";
        assert_eq!(number(&db, look).await, 0, "{}", place.kind);
    }
}
