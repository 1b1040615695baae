//! A shop with paid orders, and what the worker would do with its events and jobs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::JobOutcome;
use stoa_contracts::Totals;
use stoa_contracts::inventory::Allocation;
use stoa_contracts::orders::{
    FulfilmentStatus, FulfilmentStep, FulfilmentView, LineUnits, NewFulfilment, NewOrder,
    NewReturn, OrderEdit, OrderError, OrderLineView, OrderPaid, OrderState, OrderStatus, OrderView,
    Orders, PaymentStatus, PaymentStep, RefundRecord, ReturnState, ReturnView,
};
use stoa_kernel::{
    AttemptId, CartId, Clock as _, Currency, Envelope, FulfilmentId, LineId, Money, OrderId,
    ProductId, Quantity, ReturnId, TenantId, Timestamp, VariantId,
};
use stoa_notify::Module;
use stoa_rest::CursorKey;
use stoa_storage::{Cause, ClaimedJob, Db, Error, JobQueue, Tx};
use stoa_testkit::TestCells;

/// More events and jobs than any test here makes.
const MANY: i64 = 10_000;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_notify::MIGRATIONS]).await
}

pub(crate) fn start(cells: &TestCells) -> Module {
    stoa_notify::start(
        cells.deps.clone(),
        Arc::new(PaidOrders),
        CursorKey::new([8; 32]),
    )
}

/// One tenant's shop.
pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
    pub(crate) notify: Module,
}

impl<'c> Shop<'c> {
    pub(crate) async fn open(cells: &'c TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        Self {
            cells,
            tenant,
            db: cells.db(tenant).await,
            notify: start(cells),
        }
    }

    /// Tells that an order was paid, as orders would; returns the event.
    pub(crate) async fn paid(&self, order: OrderId) -> Envelope {
        let now = self.cells.clock.now();
        let id = self.cells.deps.ids.make(now);
        let fact = OrderPaid {
            order,
            number: 1_001,
            attempt: AttemptId::from_u128(1),
            total: Money::new(1_190, Currency::EUR),
            test: true,
        };
        self.db
            .write(async move |tx: &mut Tx<'_>| tx.emit(id, &Cause::system(now), &fact).await)
            .await
            .expect(self.cells.kind);
        let cell = self
            .cells
            .storage()
            .tenant(self.tenant)
            .await
            .expect("the tenant")
            .cell;
        let log = self.cells.storage().event_log(cell).await.expect("the log");
        while log.sequence().await.expect("sequenced") > 0 {}
        let events = log.after(0, MANY).await.expect("events");
        events
            .into_iter()
            .find(|event| event.id == id)
            .expect("the event")
    }

    pub(crate) async fn hear(&self, event: &Envelope) {
        let (consumer, event) = (self.notify.consumers[0].clone(), event.clone());
        let heard = self.db.write(async move |tx: &mut Tx<'_>| {
            consumer
                .handle(tx, &event)
                .await
                .map_err(|error| Error::Io {
                    context: "handling".to_owned(),
                    message: error.to_string(),
                })
        });
        heard.await.expect(self.cells.kind);
    }

    pub(crate) async fn queue(&self) -> JobQueue {
        let cell = self
            .cells
            .storage()
            .tenant(self.tenant)
            .await
            .expect("the tenant")
            .cell;
        self.cells
            .storage()
            .job_queue(cell)
            .await
            .expect("the queue")
    }

    pub(crate) async fn claim(&self) -> Vec<ClaimedJob> {
        let (now, lease) = (self.cells.clock.now(), "test".to_owned());
        let claimed = self
            .queue()
            .await
            .claim(lease, now, Duration::from_secs(60), MANY)
            .await;
        claimed.expect(self.cells.kind)
    }

    pub(crate) async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        self.notify.jobs[0].run(job).await
    }

    /// From a paid order to its mail, once.
    pub(crate) async fn confirm(&self, order: OrderId) {
        self.hear(&self.paid(order).await).await;
        for job in self.claim().await {
            assert_eq!(
                self.run(&job).await,
                JobOutcome::Done,
                "{}",
                self.cells.kind
            );
            self.queue()
                .await
                .finish(&job)
                .await
                .expect(self.cells.kind);
        }
    }
}

/// Stands for orders: knows every paid order up to the hundredth, of any tenant.
struct PaidOrders;

#[async_trait]
impl Orders for PaidOrders {
    async fn view(&self, _: TenantId, order: OrderId) -> Result<OrderView, OrderError> {
        match order.as_u128() {
            0..100 => Ok(view(order)),
            // A shop whose cell cannot be reached.
            100 => Err(Error::Unavailable {
                message: "no answer".to_owned(),
            }
            .into()),
            _ => Err(OrderError::NotFound),
        }
    }
    fn token(&self, _: TenantId, order: OrderId) -> String {
        format!("opens-{}", order.as_u128())
    }

    async fn ensure_numbers(&self, _: TenantId) -> Result<(), Error> {
        unreachable!("mail numbers nothing")
    }
    async fn create(&self, _: &mut Tx<'_>, _: &NewOrder, _: &Cause) -> Result<i64, OrderError> {
        unreachable!("mail places no order")
    }
    async fn revise(&self, _: &mut Tx<'_>, _: &NewOrder, _: &Cause) -> Result<(), OrderError> {
        unreachable!("mail revises no order")
    }
    async fn lock(&self, _: &mut Tx<'_>, _: OrderId) -> Result<Option<OrderState>, Error> {
        unreachable!("mail locks no order")
    }
    async fn step(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &PaymentStep,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail changes no order")
    }
    fn opens(&self, _: TenantId, _: OrderId, _: &str) -> bool {
        unreachable!("mail opens no order")
    }
    async fn waiting(
        &self,
        _: TenantId,
        _: Timestamp,
        _: Option<OrderId>,
        _: u32,
    ) -> Result<Vec<OrderId>, Error> {
        unreachable!("mail sweeps no order")
    }
    async fn view_in(&self, _: &mut Tx<'_>, _: OrderId) -> Result<OrderView, OrderError> {
        unreachable!("mail reads no order in a transaction")
    }
    async fn create_draft(
        &self,
        _: &mut Tx<'_>,
        _: &NewOrder,
        _: &Cause,
    ) -> Result<i64, OrderError> {
        unreachable!("mail drafts no order")
    }
    async fn revise_draft(
        &self,
        _: &mut Tx<'_>,
        _: &NewOrder,
        _: &Cause,
    ) -> Result<(), OrderError> {
        unreachable!("mail revises no draft")
    }
    async fn place_draft(&self, _: &mut Tx<'_>, _: &NewOrder, _: &Cause) -> Result<(), OrderError> {
        unreachable!("mail places no draft")
    }
    async fn fulfil(
        &self,
        _: &mut Tx<'_>,
        _: &NewFulfilment,
        _: &Cause,
    ) -> Result<FulfilmentView, OrderError> {
        unreachable!("mail packs nothing")
    }
    async fn step_fulfilment(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: FulfilmentId,
        _: &FulfilmentStep,
        _: &Cause,
    ) -> Result<(FulfilmentView, Vec<Allocation>), OrderError> {
        unreachable!("mail ships nothing")
    }
    async fn open_return(
        &self,
        _: &mut Tx<'_>,
        _: &NewReturn,
        _: &Cause,
    ) -> Result<ReturnView, OrderError> {
        unreachable!("mail returns nothing")
    }
    async fn close_return(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: ReturnId,
        _: ReturnState,
        _: &[LineUnits],
        _: &Cause,
    ) -> Result<ReturnView, OrderError> {
        unreachable!("mail ends no return")
    }
    async fn refunded(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &RefundRecord,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail refunds nothing")
    }
    async fn request_cancel(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &str,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail cancels no order")
    }
    async fn edit(
        &self,
        _: &mut Tx<'_>,
        _: &OrderEdit,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail edits no order")
    }
    async fn tell(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &'static str,
        _: &str,
        _: &Cause,
    ) -> Result<(), OrderError> {
        unreachable!("mail tells nothing")
    }
}

fn view(id: OrderId) -> OrderView {
    let eur = |amount: i64| Money::new(amount, Currency::EUR);
    let line = OrderLineView {
        id: LineId::from_u128(1),
        variant_id: VariantId::from_u128(1),
        product_id: ProductId::from_u128(1),
        title: "Teapot".to_owned(),
        variant_title: "Default".to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::ONE,
        unit_price: eur(1_000),
        subtotal: eur(1_000),
        tax: eur(190),
        total: eur(1_190),
        requires_shipping: true,
        grams: 0,
        discount: eur(0),
        adjustments: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
    };
    OrderView {
        id,
        number: 1_000 + id.as_u128() as i64,
        status: OrderStatus::Pending,
        payment_status: PaymentStatus::Paid,
        fulfilment_status: FulfilmentStatus::NotFulfilled,
        email: "ada@example.com".to_owned(),
        shipping_address: None,
        billing_address: None,
        shipping_option: None,
        currency: Currency::EUR,
        lines: vec![line],
        totals: Totals {
            subtotal: eur(1_000),
            discount: eur(0),
            shipping: eur(0),
            tax: eur(190),
            total: eur(1_190),
        },
        tax_inclusive: false,
        test: false,
        placed_at: Timestamp::from_micros(0),
        paid_at: Some(Timestamp::from_micros(1)),
        canceled_at: None,
        reason: None,
        cart_id: Some(CartId::from_u128(1)),
        customer_id: None,
        note: None,
        promotions: Vec::new(),
        taxes: Vec::new(),
        gift_card: eur(0),
        paid: eur(1_190),
        refunded: eur(0),
        cancel_requested_at: None,
        fulfilments: Vec::new(),
        returns: Vec::new(),
        version: 2,
    }
}
