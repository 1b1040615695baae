//! A ledger for these tests: what was posted, in a table that commits and rolls back with the
//! caller's transaction. Balances nothing.

use async_trait::async_trait;
use stoa_contracts::ledger::{GiftCardError, Ledger, Posting};
use stoa_kernel::{Currency, CustomerId, EntryId, Money, OrderId, RefundId};
use stoa_storage::{Cause, Db, Error, Migrations, Plane, Result, Tx, params};

/// Where the postings are kept.
pub(crate) const BOOKS: Migrations = Migrations {
    module: "books",
    plane: Plane::Cell,
    steps: &[
        "CREATE TABLE books_entry (tenant_id {id} NOT NULL, what {text} NOT NULL, \
        amount {int} NOT NULL, PRIMARY KEY (tenant_id, what)) {strict}; \
        CREATE TABLE books_card (tenant_id {id} NOT NULL, order_id {id} NOT NULL, \
        spent {int} NOT NULL, PRIMARY KEY (tenant_id, order_id)) {strict};",
    ],
};

const POST: &str = "INSERT INTO books_entry (tenant_id, what, amount) VALUES (:tenant, $1, $2) \
     ON CONFLICT DO NOTHING";
const ENTRY: &str = "SELECT amount FROM books_entry WHERE tenant_id = :tenant AND what = $1";
const ENTRIES: &str =
    "SELECT what, amount FROM books_entry WHERE tenant_id = :tenant ORDER BY what";
const SPENT: &str =
    "SELECT spent FROM books_card WHERE tenant_id = :tenant AND order_id = $1 {lock}";
const SPEND: &str = "INSERT INTO books_card (tenant_id, order_id, spent) VALUES (:tenant, $1, $2)";
const GIVE_BACK: &str =
    "UPDATE books_card SET spent = spent - $2 WHERE tenant_id = :tenant AND order_id = $1";

pub(crate) struct Books;

impl Books {
    /// Everything posted: what, and how much.
    pub(crate) async fn entries(db: &Db) -> Vec<(String, i64)> {
        let row = |row: &stoa_storage::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        db.fetch(ENTRIES, params![], row).await.unwrap()
    }

    /// As if gift cards had paid this much of the order.
    pub(crate) async fn paid_by_card(db: &Db, order: OrderId, spent: i64) {
        db.write(async move |tx: &mut Tx<'_>| {
            tx.execute(SPEND, params![order, spent]).await.map(|_| ())
        })
        .await
        .unwrap();
    }
}

async fn post(tx: &mut Tx<'_>, what: String, amount: i64) -> Result<()> {
    tx.execute(POST, params![&what, amount]).await.map(|_| ())
}

#[async_trait]
impl Ledger for Books {
    async fn post(
        &self,
        tx: &mut Tx<'_>,
        id: EntryId,
        _order: OrderId,
        posting: &Posting,
        amount: Money,
        _cause: &Cause,
    ) -> Result<()> {
        let what = match posting {
            Posting::Captured { provider, attempt } => {
                format!("captured {provider} {attempt} {id}")
            }
            Posting::Refunded { provider, refund } => format!("refunded {provider} {refund} {id}"),
            Posting::RefundReversed { provider, refund } => {
                format!("reversed {provider} {refund} {id}")
            }
            Posting::DisputeLost { provider, attempt } => {
                format!("lost {provider} {attempt} {id}")
            }
            Posting::DisputeWon { provider, attempt } => {
                format!("won {provider} {attempt} {id}")
            }
        };
        post(tx, what, amount.amount).await
    }

    async fn gift_card_balance(
        &self,
        _: stoa_kernel::TenantId,
        _: &str,
        currency: Currency,
    ) -> Result<Money, GiftCardError> {
        Ok(Money::zero(currency))
    }

    async fn hold(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        _: &[String],
        _: Option<CustomerId>,
        due: Money,
        _: &Cause,
    ) -> Result<Money, GiftCardError> {
        Ok(Money::zero(due.currency))
    }

    async fn spend(
        &self,
        _: &mut Tx<'_>,
        _: OrderId,
        currency: Currency,
        _: &Cause,
    ) -> Result<Money> {
        Ok(Money::zero(currency))
    }

    async fn release(&self, _: &mut Tx<'_>, _: OrderId, _: &Cause) -> Result<()> {
        Ok(())
    }

    async fn give_back(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: RefundId,
        amount: Money,
        _: &Cause,
    ) -> Result<Money> {
        let what = format!("given back {refund}");
        let known = tx
            .query_opt(ENTRY, params![&what], |row| row.get(0))
            .await?;
        if let Some(known) = known {
            return Ok(Money::new(known, amount.currency));
        }
        let spent: Option<i64> = tx
            .query_opt(SPENT, params![order], |row| row.get(0))
            .await?;
        let given = spent.unwrap_or(0).min(amount.amount);
        if given > 0 {
            tx.execute(GIVE_BACK, params![order, given]).await?;
            post(tx, what, given).await?;
        }
        Ok::<_, Error>(Money::new(given, amount.currency))
    }

    async fn credit(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        refund: RefundId,
        amount: Money,
        _: &Cause,
    ) -> Result<()> {
        post(tx, format!("credit {customer} {refund}"), amount.amount).await
    }
}
