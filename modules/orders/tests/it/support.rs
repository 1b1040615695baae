//! Orders to place and a shop to place them in. Asserts nothing itself.

use std::sync::Arc;

use stoa_contracts::orders::{
    NewOrder, NewOrderLine, OrderError, OrderState, OrderView, Orders, PaymentStep,
};
use stoa_contracts::pricing::TaxLine;
use stoa_contracts::{Address, Totals};
use stoa_kernel::{
    AttemptId, CartId, Clock as _, Currency, Envelope, Fact, LineId, Money, OrderId, ProductId,
    Quantity, TenantId, VariantId,
};
use stoa_orders::Module;
use stoa_rest::CursorKey;
use stoa_storage::{Cause, Db, Tx};
use stoa_testkit::TestCells;

pub(crate) const SECRET: [u8; 32] = [7; 32];
/// More events than any test here makes.
const EVENTS_MAX: i64 = 10_000;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_orders::MIGRATIONS]).await
}

pub(crate) fn start(cells: &TestCells) -> Module {
    stoa_orders::start(cells.deps.clone(), SECRET, CursorKey::new([8; 32]))
}

/// One tenant's shop.
pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
    pub(crate) orders: Arc<dyn Orders>,
}

impl<'c> Shop<'c> {
    pub(crate) async fn open(cells: &'c TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        let db = cells.db(tenant).await;
        Self {
            cells,
            tenant,
            db,
            orders: start(cells).contract,
        }
    }

    pub(crate) fn cause(&self) -> Cause {
        Cause::system(self.cells.clock.now())
    }

    pub(crate) async fn create(&self, order: &NewOrder) -> Result<i64, OrderError> {
        create(
            self.db.clone(),
            self.orders.clone(),
            order.clone(),
            self.cause(),
        )
        .await
    }

    pub(crate) async fn revise(&self, order: &NewOrder) -> Result<(), OrderError> {
        let (orders, order, cause) = (self.orders.clone(), order.clone(), self.cause());
        self.db
            .write(async move |tx: &mut Tx<'_>| orders.revise(tx, &order, &cause).await)
            .await
    }

    pub(crate) async fn step(
        &self,
        order: OrderId,
        step: PaymentStep,
    ) -> Result<OrderState, OrderError> {
        take_step(
            self.db.clone(),
            self.orders.clone(),
            order,
            step,
            self.cause(),
        )
        .await
    }

    /// Runs one call of the contract in a transaction of its own.
    pub(crate) async fn run<T, F>(&self, call: F) -> Result<T, OrderError>
    where
        F: for<'t, 'x, 'o> AsyncFn(
                &'t mut Tx<'x>,
                &'o Arc<dyn Orders>,
                &'o Cause,
            ) -> Result<T, OrderError>
            + Send
            + Sync
            + 'static,
        T: Send + 'static,
    {
        let (orders, cause) = (self.orders.clone(), self.cause());
        self.db
            .write(async move |tx: &mut Tx<'_>| call(tx, &orders, &cause).await)
            .await
    }

    pub(crate) async fn view(&self, order: OrderId) -> OrderView {
        let view = self.orders.view(self.tenant, order).await;
        view.expect(self.cells.kind)
    }

    /// A paid order: two teapots and a cup.
    pub(crate) async fn paid(&self, seed: u128) -> NewOrder {
        let placed = order(seed);
        self.create(&placed).await.expect(self.cells.kind);
        let state = self.step(placed.id, paid(seed)).await;
        state.expect(self.cells.kind);
        placed
    }

    /// The events of the shop's cell, oldest first.
    pub(crate) async fn events(&self) -> Vec<Envelope> {
        let cell = self
            .cells
            .storage()
            .tenant(self.tenant)
            .await
            .expect("the tenant")
            .cell;
        let log = self.cells.storage().event_log(cell).await.expect("the log");
        while log.sequence().await.expect("sequenced") > 0 {}
        let all = log.after(0, EVENTS_MAX).await.expect("events");
        all.into_iter()
            .filter(|event| event.tenant == self.tenant)
            .collect()
    }

    pub(crate) async fn facts<F: Fact>(&self) -> Vec<F> {
        let events = self.events().await;
        events
            .iter()
            .filter_map(|event| event.fact().expect("a payload"))
            .collect()
    }
}

pub(crate) async fn create(
    db: Db,
    orders: Arc<dyn Orders>,
    order: NewOrder,
    cause: Cause,
) -> Result<i64, OrderError> {
    db.write(async move |tx: &mut Tx<'_>| orders.create(tx, &order, &cause).await)
        .await
}

pub(crate) async fn take_step(
    db: Db,
    orders: Arc<dyn Orders>,
    order: OrderId,
    step: PaymentStep,
    cause: Cause,
) -> Result<OrderState, OrderError> {
    db.write(async move |tx: &mut Tx<'_>| orders.step(tx, order, &step, &cause).await)
        .await
}

pub(crate) fn paid(attempt: u128) -> PaymentStep {
    PaymentStep::Paid {
        attempt: AttemptId::from_u128(attempt),
        amount: eur(5_831),
    }
}

pub(crate) fn declined(reason: &str) -> PaymentStep {
    PaymentStep::Declined {
        reason: reason.to_owned(),
    }
}

pub(crate) fn canceled(reason: &str) -> PaymentStep {
    PaymentStep::Canceled {
        reason: reason.to_owned(),
    }
}

pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

/// Two teapots and a cup, 19 % tax: 58.31 with shipping.
pub(crate) fn order(seed: u128) -> NewOrder {
    NewOrder {
        id: OrderId::from_u128(seed),
        cart: Some(CartId::from_u128(seed)),
        customer: None,
        note: Some("Ring twice".to_owned()),
        promotions: Vec::new(),
        taxes: vec![TaxLine {
            name: "VAT".to_owned(),
            rate_ppm: 190_000,
            amount: eur(931),
        }],
        gift_card: eur(0),
        email: "ada@example.com".to_owned(),
        shipping_address: Some(address("Ada Lovelace")),
        billing_address: Some(address("Byron & Söhne")),
        shipping_option: Some("standard".to_owned()),
        lines: vec![
            line(seed * 10 + 2, "Teapot", 2, 2_000),
            line(seed * 10 + 1, "Cup", 1, 500),
        ],
        totals: Totals {
            subtotal: eur(4_500),
            discount: eur(0),
            shipping: eur(400),
            tax: eur(931),
            total: eur(5_831),
        },
        tax_inclusive: false,
        test: true,
    }
}

pub(crate) fn line(id: u128, title: &str, quantity: u32, price: i64) -> NewOrderLine {
    let subtotal = price * i64::from(quantity);
    let tax = subtotal * 19 / 100;
    NewOrderLine {
        id: LineId::from_u128(id),
        variant: VariantId::from_u128(id + 1_000_000),
        product: ProductId::from_u128(id + 2_000_000),
        title: title.to_owned(),
        variant_title: "Blue / 1 l".to_owned(),
        sku: (quantity == 2).then(|| format!("SKU-{id}")),
        image: (quantity == 2).then(|| "/media/teapot.svg".to_owned()),
        quantity: Quantity::new(quantity).expect("at least one"),
        unit_price: eur(price),
        subtotal: eur(subtotal),
        tax: eur(tax),
        total: eur(subtotal + tax),
        requires_shipping: true,
        grams: 250,
        discount: eur(0),
        adjustments: Vec::new(),
        components: Vec::new(),
    }
}

fn address(name: &str) -> Address {
    Address {
        name: name.to_owned(),
        line1: "St James's Square 12".to_owned(),
        line2: None,
        city: "London".to_owned(),
        region: Some("Greater London".to_owned()),
        postal_code: "SW1Y 4JH".to_owned(),
        country: "GB".to_owned(),
    }
}
