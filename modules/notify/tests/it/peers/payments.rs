//! Stands for payments: every order is to be paid by bank transfer.

use async_trait::async_trait;
use stoa_contracts::payments::{
    AttemptState, AttemptView, NewAttempt, NewRefund, PaymentError, PaymentMethod,
    PaymentMethodKind, Payments, RefundError, RefundView,
};
use stoa_kernel::{AttemptId, Currency, Money, OrderId, RefundId, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

pub(crate) struct FakePayments;

#[async_trait]
impl Payments for FakePayments {
    async fn newest_of(&self, _: TenantId, order: OrderId) -> Result<Option<AttemptView>, Error> {
        Ok(Some(AttemptView {
            id: AttemptId::from_u128(1),
            order_id: order,
            amount: Money::new(1_190, Currency::EUR),
            provider: "bank".to_owned(),
            state: AttemptState::Authorized,
            captured: Money::zero(Currency::EUR),
            refunded: Money::zero(Currency::EUR),
            created_at: Timestamp::from_micros(0),
        }))
    }
    async fn methods(&self, _: TenantId, _: bool) -> Result<Vec<PaymentMethod>, PaymentError> {
        let method = |id: &str, kind, instructions: Option<&str>| PaymentMethod {
            id: id.to_owned(),
            kind,
            title: "Bank transfer".to_owned(),
            instructions: instructions.map(str::to_owned),
            public_key: None,
        };
        let account = Some("To IBAN DE00 within 7 days");
        Ok(vec![
            method("test", PaymentMethodKind::Test, None),
            method("bank", PaymentMethodKind::Manual, account),
        ])
    }
    async fn check(&self, _: TenantId, _: &str, _: &str, _: bool) -> Result<(), PaymentError> {
        unreachable!("mail only asks how to pay")
    }
    async fn open(&self, _: &mut Tx<'_>, _: &NewAttempt, _: &Cause) -> Result<(), PaymentError> {
        unreachable!("mail only asks how to pay")
    }
    async fn newest(&self, _: &mut Tx<'_>, _: OrderId) -> Result<Option<AttemptView>, Error> {
        unreachable!("mail only asks how to pay")
    }
    async fn drive(&self, _: TenantId, _: AttemptId) -> Result<AttemptState, PaymentError> {
        unreachable!("mail only asks how to pay")
    }
    async fn attempts_of(&self, _: TenantId, _: OrderId) -> Result<Vec<AttemptView>, Error> {
        unreachable!("mail only asks how to pay")
    }
    async fn capture(
        &self,
        _: TenantId,
        _: AttemptId,
        _: Option<Money>,
        _: &str,
    ) -> Result<AttemptView, PaymentError> {
        unreachable!("mail only asks how to pay")
    }
    async fn open_refund(
        &self,
        _: &mut Tx<'_>,
        _: &NewRefund,
        _: &Cause,
    ) -> Result<RefundView, RefundError> {
        unreachable!("mail only asks how to pay")
    }
    async fn drive_refund(&self, _: TenantId, _: RefundId) -> Result<RefundView, RefundError> {
        unreachable!("mail only asks how to pay")
    }
    async fn refunds_of(&self, _: TenantId, _: OrderId) -> Result<Vec<RefundView>, Error> {
        unreachable!("mail only asks how to pay")
    }
    async fn give_up(&self, _: TenantId, _: AttemptId) -> Result<AttemptState, PaymentError> {
        unreachable!("mail only asks how to pay")
    }
}
