//! The use cases of orders, and the contract other modules reach them by. Holds no SQL.

mod browse;
mod care;
mod checks;
mod placing;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_contracts::Deps;
use stoa_contracts::inventory::Allocation;
use stoa_contracts::orders::{
    FulfilmentStep, FulfilmentView, LineUnits, NewFulfilment, NewOrder, NewReturn, OrderEdit,
    OrderError, OrderState, OrderView, Orders, PaymentStep, RefundRecord, RefundReversal,
    ReturnState, ReturnView,
};
use stoa_kernel::{Fact, FulfilmentId, OrderId, ReturnId, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use subtle::ConstantTimeEq as _;

use crate::domain::Leave;
use crate::infrastructure::{self, Locked};
use crate::numbers::NumberPool;

use browse::entry_of;
pub(crate) use browse::{Invoiced, ListFilter, ListPosition, OrderSummary};

/// Orders swept at once, however many are asked for.
const WAITING_MAX: u32 = 1_000;

pub(crate) struct OrderBook {
    deps: Deps,
    secret: [u8; 32],
    numbers: NumberPool,
}

impl OrderBook {
    pub(crate) fn new(deps: Deps, secret: [u8; 32]) -> Self {
        Self {
            deps,
            secret,
            numbers: NumberPool::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.deps.now()
    }

    async fn locked(&self, tx: &mut Tx<'_>, order: OrderId) -> Result<Locked, OrderError> {
        infrastructure::lock(tx, order)
            .await?
            .ok_or(OrderError::NotFound)
    }

    async fn emit<F: Fact>(&self, tx: &mut Tx<'_>, cause: &Cause, fact: &F) -> Result<(), Error> {
        tx.emit(self.deps.ids.make(cause.occurred_at), cause, fact)
            .await
    }

    /// Adds to the order's timeline.
    async fn note(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        kind: &'static str,
        text: &str,
        cause: &Cause,
    ) -> Result<(), Error> {
        let id = self.deps.ids.make(cause.occurred_at);
        let entry = entry_of(id, kind, text, cause);
        infrastructure::insert_entry(tx, order, &entry).await
    }
}

#[async_trait]
impl Orders for OrderBook {
    async fn ensure_numbers(&self, tenant: TenantId) -> Result<(), Error> {
        self.claim_ahead(tenant).await
    }

    async fn create(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError> {
        self.place(tx, order, cause).await
    }

    async fn revise(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        self.place_again(tx, order, cause).await
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
        self.take_step(tx, order, step, cause).await
    }

    async fn view(&self, tenant: TenantId, order: OrderId) -> Result<OrderView, OrderError> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::view(&db, order)
            .await?
            .ok_or(OrderError::NotFound)
    }

    async fn view_in(&self, tx: &mut Tx<'_>, order: OrderId) -> Result<OrderView, OrderError> {
        infrastructure::view_in(tx, order)
            .await?
            .ok_or(OrderError::NotFound)
    }

    async fn create_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError> {
        self.draft(tx, order, cause).await
    }

    async fn revise_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        self.redraft(tx, order, cause).await
    }

    async fn place_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        self.promote_draft(tx, order, cause).await
    }

    async fn fulfil(
        &self,
        tx: &mut Tx<'_>,
        fulfilment: &NewFulfilment,
        cause: &Cause,
    ) -> Result<FulfilmentView, OrderError> {
        self.pack(tx, fulfilment, Leave::Secured, cause).await
    }

    async fn fulfil_on_trust(
        &self,
        tx: &mut Tx<'_>,
        fulfilment: &NewFulfilment,
        cause: &Cause,
    ) -> Result<FulfilmentView, OrderError> {
        self.pack(tx, fulfilment, Leave::OnTrust, cause).await
    }

    async fn step_fulfilment(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        fulfilment: FulfilmentId,
        step: &FulfilmentStep,
        cause: &Cause,
    ) -> Result<(FulfilmentView, Vec<Allocation>), OrderError> {
        self.move_on(tx, order, fulfilment, step, cause).await
    }

    async fn open_return(
        &self,
        tx: &mut Tx<'_>,
        new: &NewReturn,
        cause: &Cause,
    ) -> Result<ReturnView, OrderError> {
        self.announce_return(tx, new, cause).await
    }

    async fn close_return(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: ReturnId,
        state: ReturnState,
        received: &[LineUnits],
        cause: &Cause,
    ) -> Result<ReturnView, OrderError> {
        self.end_return(tx, order, id, (state, received), cause)
            .await
    }

    async fn refunded(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: &RefundRecord,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        self.record_refund(tx, order, refund, cause).await
    }

    async fn refund_reversed(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        reversal: &RefundReversal,
        cause: &Cause,
    ) -> Result<Option<OrderState>, OrderError> {
        self.take_refund_back(tx, order, reversal, cause).await
    }

    async fn request_cancel(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        reason: &str,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        self.ask_cancel(tx, order, reason, cause).await
    }

    async fn edit(
        &self,
        tx: &mut Tx<'_>,
        edit: &OrderEdit,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        self.write_edit(tx, edit, cause).await
    }

    async fn tell(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        kind: &'static str,
        text: &str,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        Ok(self.note(tx, order, kind, text, cause).await?)
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
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<Vec<OrderId>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::waiting(&db, before, after, limit.min(WAITING_MAX)).await
    }
}
