//! The use cases of orders, and the contract other modules reach them by. Holds no SQL.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::Sha256;
use stoa_contracts::Deps;
use stoa_contracts::orders::{
    FulfilmentStatus, NewOrder, OrderCanceled, OrderError, OrderPaid, OrderPlaced, OrderState,
    OrderStatus, OrderView, OrderedLine, Orders, PaymentStatus, PaymentStep,
};
use stoa_kernel::{Fact, Money, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, ConstraintKind, Error, Tx};
use subtle::ConstantTimeEq as _;

use crate::infrastructure::{self, Locked};
use crate::numbers::NumberPool;
use crate::{domain, domain::check_amounts};

/// Orders swept at once, however many are asked for.
const WAITING_MAX: u32 = 1_000;

pub(crate) struct OrderBook {
    deps: Deps,
    secret: [u8; 32],
    numbers: NumberPool,
}

/// An order in the merchant's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct OrderSummary {
    pub(crate) id: OrderId,
    pub(crate) number: i64,
    pub(crate) status: OrderStatus,
    pub(crate) payment_status: PaymentStatus,
    pub(crate) fulfilment_status: FulfilmentStatus,
    pub(crate) email: String,
    pub(crate) total: Money,
    pub(crate) test: bool,
    pub(crate) placed_at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OrderFilter {
    pub(crate) status: Option<OrderStatus>,
    pub(crate) payment_status: Option<PaymentStatus>,
}

/// The last order seen: when it was placed, in microseconds, and its id.
pub(crate) type ListPosition = (i64, OrderId);

impl OrderBook {
    pub(crate) fn new(deps: Deps, secret: [u8; 32]) -> Self {
        Self {
            deps,
            secret,
            numbers: NumberPool::default(),
        }
    }

    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        filter: OrderFilter,
        position: Option<ListPosition>,
        limit: i64,
    ) -> Result<Vec<OrderSummary>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::list(&db, filter, position, limit).await
    }

    async fn emit<F: Fact>(&self, tx: &mut Tx<'_>, cause: &Cause, fact: &F) -> Result<(), Error> {
        tx.emit(self.deps.ids.make(cause.occurred_at), cause, fact)
            .await
    }

    /// Tells what a step changed; steps between waiting and declined are nobody else's business.
    async fn announce(
        &self,
        tx: &mut Tx<'_>,
        order: &Locked,
        step: &PaymentStep,
        cause: &Cause,
    ) -> Result<(), Error> {
        let (id, number) = (order.state.id, order.number);
        match step {
            PaymentStep::Paid { attempt } => {
                let (total, test) = (order.state.total, order.test);
                let paid = OrderPaid {
                    order: id,
                    number,
                    attempt: *attempt,
                    total,
                    test,
                };
                self.emit(tx, cause, &paid).await
            }
            PaymentStep::Canceled { reason } => {
                let canceled = OrderCanceled {
                    order: id,
                    number,
                    reason: reason.clone(),
                };
                self.emit(tx, cause, &canceled).await
            }
            PaymentStep::NeedsAction | PaymentStep::ActionTaken | PaymentStep::Declined { .. } => {
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Orders for OrderBook {
    async fn ensure_numbers(&self, tenant: TenantId) -> Result<(), Error> {
        let numbers = self.numbers.of(tenant);
        if !numbers.is_low() {
            return Ok(());
        }
        // Only those who have no number left wait for a block that another is claiming.
        let _claiming = match numbers.refill.try_lock() {
            Ok(claiming) => claiming,
            Err(_) if numbers.left() > 0 => return Ok(()),
            Err(_) => numbers.refill.lock().await,
        };
        if !numbers.is_low() {
            return Ok(());
        }
        let count = numbers.block_size();
        let db = self.deps.storage.db(tenant).await?;
        let first = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::claim_numbers(tx, count).await)
            .await?;
        numbers.add(first, count);
        Ok(())
    }

    async fn create(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError> {
        check_amounts(order).map_err(broken)?;
        let number = match self.numbers.of(tx.tenant()).take() {
            Some(number) => number,
            None => infrastructure::claim_numbers(tx, 1).await?,
        };
        infrastructure::insert(tx, order, number, cause.occurred_at).await?;
        let lines = order.lines.iter().map(|line| OrderedLine {
            product: line.product,
            variant: line.variant,
            quantity: line.quantity,
            total: line.total,
        });
        let placed = OrderPlaced {
            order: order.id,
            number,
            total: order.totals.total,
            lines: lines.collect(),
            test: order.test,
        };
        self.emit(tx, cause, &placed).await?;
        Ok(number)
    }

    async fn revise(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        check_amounts(order).map_err(broken)?;
        let locked = infrastructure::lock(tx, order.id).await?;
        // An order of another cart is not the order meant.
        let locked = locked
            .filter(|found| found.state.cart == order.cart)
            .ok_or(OrderError::NotFound)?;
        domain::check_revisable(locked.standing())?;
        Ok(infrastructure::rewrite(tx, order, cause.occurred_at).await?)
    }

    async fn lock(&self, tx: &mut Tx<'_>, order: OrderId) -> Result<Option<OrderState>, Error> {
        Ok(infrastructure::lock(tx, order)
            .await?
            .map(|locked| locked.state))
    }

    async fn step(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        step: &PaymentStep,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        let locked = infrastructure::lock(tx, order)
            .await?
            .ok_or(OrderError::NotFound)?;
        let Some(next) = domain::step(locked.standing(), step)? else {
            return Ok(locked.state);
        };
        infrastructure::update_standing(tx, order, next, cause.occurred_at).await?;
        self.announce(tx, &locked, step, cause).await?;
        Ok(OrderState {
            status: next.status,
            payment: next.payment,
            fulfilment: next.fulfilment,
            ..locked.state
        })
    }

    async fn view(&self, tenant: TenantId, order: OrderId) -> Result<OrderView, OrderError> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::view(&db, order)
            .await?
            .ok_or(OrderError::NotFound)
    }

    fn token(&self, tenant: TenantId, order: OrderId) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(format!("order:{tenant}{order}").as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    fn opens(&self, tenant: TenantId, order: OrderId, token: &str) -> bool {
        self.token(tenant, order)
            .as_bytes()
            .ct_eq(token.as_bytes())
            .into()
    }

    async fn waiting(
        &self,
        tenant: TenantId,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<OrderId>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::waiting(&db, before, limit.min(WAITING_MAX)).await
    }
}

/// A broken sum is the caller's fault; it fails as the row's own constraints would.
fn broken(message: String) -> Error {
    Error::Constraint {
        kind: ConstraintKind::Check,
        message,
    }
}
