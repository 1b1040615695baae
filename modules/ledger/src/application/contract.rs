//! The contract, as other modules call it. Thin: each call is one use case.

use async_trait::async_trait;
use stoa_contracts::ledger::{GiftCardError, Ledger, Posting};
use stoa_kernel::{Currency, CustomerId, EntryId, Money, OrderId, RefundId, TenantId};
use stoa_storage::{Cause, Error, Tx};

use super::Books;
use super::tender::HoldRequest;

#[async_trait]
impl Ledger for Books {
    async fn post(
        &self,
        tx: &mut Tx<'_>,
        id: EntryId,
        order: OrderId,
        posting: &Posting,
        amount: Money,
        cause: &Cause,
    ) -> Result<(), Error> {
        self.post_in(tx, id, order, posting, amount, cause).await
    }

    async fn gift_card_balance(
        &self,
        tenant: TenantId,
        code: &str,
        currency: Currency,
    ) -> Result<Money, GiftCardError> {
        let refused = |reason: &str| GiftCardError::Refused {
            position: 1,
            reason: reason.to_owned(),
        };
        let card = self.card_of(tenant, code).await?;
        let card = card.ok_or_else(|| refused("is not known"))?;
        let usable = card.usable(currency, self.now()).map_err(refused)?;
        Ok(Money::new(usable, currency))
    }

    async fn hold(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        codes: &[String],
        customer: Option<CustomerId>,
        due: Money,
        cause: &Cause,
    ) -> Result<Money, GiftCardError> {
        let request = HoldRequest {
            order,
            codes,
            customer,
            due,
        };
        self.hold_in(tx, request, cause).await
    }

    async fn spend(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        currency: Currency,
        cause: &Cause,
    ) -> Result<Money, Error> {
        self.spend_in(tx, order, currency, cause).await
    }

    async fn release(&self, tx: &mut Tx<'_>, order: OrderId, cause: &Cause) -> Result<(), Error> {
        self.release_in(tx, order, cause).await
    }

    async fn give_back(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: RefundId,
        amount: Money,
        cause: &Cause,
    ) -> Result<Money, Error> {
        self.give_back_in(tx, order, refund, amount, cause).await
    }

    async fn credit(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        refund: RefundId,
        amount: Money,
        cause: &Cause,
    ) -> Result<(), Error> {
        self.credit_in(tx, customer, refund, amount, cause).await
    }
}
