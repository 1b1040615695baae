//! Stands for orders: knows those a test told it of.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_contracts::inventory::Allocation;
use stoa_contracts::orders::{
    FulfilmentStep, FulfilmentView, LineUnits, NewFulfilment, NewOrder, NewReturn, OrderEdit,
    OrderError, OrderState, OrderView, Orders, PaymentStep, RefundRecord, ReturnState, ReturnView,
};
use stoa_kernel::{FulfilmentId, OrderId, ReturnId, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

#[derive(Default)]
pub(crate) struct FakeOrders {
    pub(crate) views: Mutex<HashMap<OrderId, OrderView>>,
    /// A shop whose cell cannot be reached.
    pub(crate) away: Mutex<bool>,
}

#[async_trait]
impl Orders for FakeOrders {
    async fn view(&self, _: TenantId, order: OrderId) -> Result<OrderView, OrderError> {
        if *self.away.lock() {
            return Err(Error::Unavailable {
                message: "no answer".to_owned(),
            }
            .into());
        }
        let found = self.views.lock().get(&order).cloned();
        found.ok_or(OrderError::NotFound)
    }
    fn token(&self, _: TenantId, order: OrderId) -> String {
        format!("opens-{}", order.as_u128())
    }
    async fn ensure_numbers(&self, _: TenantId) -> Result<(), Error> {
        unreachable!("mail only looks at orders")
    }
    async fn create(&self, _: &mut Tx<'_>, _: &NewOrder, _: &Cause) -> Result<i64, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn revise(&self, _: &mut Tx<'_>, _: &NewOrder, _: &Cause) -> Result<(), OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn lock(&self, _: &mut Tx<'_>, _: OrderId) -> Result<Option<OrderState>, Error> {
        unreachable!("mail only looks at orders")
    }
    async fn step(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &PaymentStep,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn view_in(&self, _: &mut Tx<'_>, _: OrderId) -> Result<OrderView, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn create_draft(
        &self,
        _: &mut Tx<'_>,
        _: &NewOrder,
        _: &Cause,
    ) -> Result<i64, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn revise_draft(
        &self,
        _: &mut Tx<'_>,
        _: &NewOrder,
        _: &Cause,
    ) -> Result<(), OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn place_draft(&self, _: &mut Tx<'_>, _: &NewOrder, _: &Cause) -> Result<(), OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn fulfil(
        &self,
        _: &mut Tx<'_>,
        _: &NewFulfilment,
        _: &Cause,
    ) -> Result<FulfilmentView, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn step_fulfilment(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: FulfilmentId,
        _: &FulfilmentStep,
        _: &Cause,
    ) -> Result<(FulfilmentView, Vec<Allocation>), OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn open_return(
        &self,
        _: &mut Tx<'_>,
        _: &NewReturn,
        _: &Cause,
    ) -> Result<ReturnView, OrderError> {
        unreachable!("mail only looks at orders")
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
        unreachable!("mail only looks at orders")
    }
    async fn refunded(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &RefundRecord,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn request_cancel(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &str,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn edit(
        &self,
        _: &mut Tx<'_>,
        _: &OrderEdit,
        _: &Cause,
    ) -> Result<OrderState, OrderError> {
        unreachable!("mail only looks at orders")
    }
    async fn tell(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &'static str,
        _: &str,
        _: &Cause,
    ) -> Result<(), OrderError> {
        unreachable!("mail only looks at orders")
    }
    fn opens(&self, _: TenantId, _: OrderId, _: &str) -> bool {
        unreachable!("mail only looks at orders")
    }
    async fn waiting(
        &self,
        _: TenantId,
        _: Timestamp,
        _: Option<OrderId>,
        _: u32,
    ) -> Result<Vec<OrderId>, Error> {
        unreachable!("mail only looks at orders")
    }
}
