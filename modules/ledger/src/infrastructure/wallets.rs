//! Rows of cards and customers' credit. A balance changes only together with lines of its account.

use std::collections::{BTreeMap, BTreeSet};

use stoa_kernel::{Currency, CustomerId, GiftCardId, Timestamp};
use stoa_storage::{Error, Row, Stmt, Tx, Value, params};

use super::refused;
use crate::domain::{Wallet, WalletId, WalletKind, account_kind, account_name};

/// Wallets locked in one statement: what an order held and what it asks for.
pub(crate) const WALLETS_LOCKED_MAX: usize = 24;
/// Currencies of one customer's credit that are shown.
const CREDITS_MAX: i64 = 50;

macro_rules! columns {
    () => {
        "wallet_id, kind, currency, customer_id, last4, balance, held, disabled, expires_at, note, \
         created_at, updated_at"
    };
}

/// What an operation adds to a wallet, or takes from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalletChange {
    pub(crate) wallet: WalletId,
    pub(crate) balance: i64,
    pub(crate) held: i64,
}

/// These wallets, their rows locked in id order.
pub(crate) async fn locked(
    tx: &mut Tx<'_>,
    ids: &BTreeSet<WalletId>,
) -> Result<BTreeMap<WalletId, Wallet>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM ledger_wallet WHERE tenant_id = :tenant AND wallet_id IN ($1, $2, $3, $4, $5, $6, \
         $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) \
         ORDER BY wallet_id {lock}"
    );
    let Some(&last) = ids.last() else {
        return Ok(BTreeMap::new());
    };
    if ids.len() > WALLETS_LOCKED_MAX {
        return Err(refused(format!("{} wallets for one order", ids.len())));
    }
    let mut asked: Vec<Value<'_>> = ids.iter().map(|&id| id.into()).collect();
    asked.resize(WALLETS_LOCKED_MAX, last.into());
    let found = tx.query(SQL, &asked, wallet).await?;
    Ok(found
        .into_iter()
        .map(|wallet| (wallet.id, wallet))
        .collect())
}

/// Changes wallets that are locked, in one flight. The condition only repeats what the caller has
/// seen under the lock; should it fail, nothing of the transaction stays.
pub(crate) async fn change(
    tx: &mut Tx<'_>,
    changes: &[WalletChange],
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE ledger_wallet SET balance = balance + $2, held = held + $3, \
         updated_at = $4 WHERE tenant_id = :tenant AND wallet_id = $1 \
         AND held + $3 >= 0 AND held + $3 <= balance + $2";
    let rows: Vec<[Value<'_>; 4]> = changes
        .iter()
        .map(|change| {
            [
                change.wallet.into(),
                change.balance.into(),
                change.held.into(),
                at.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    let counts = tx.batch(&statements).await?;
    match counts.iter().all(|&count| count == 1) {
        true => Ok(()),
        false => Err(refused("more than is on a card or credit".to_owned())),
    }
}

/// A new card with nothing on it yet.
pub(crate) async fn insert_gift_card(
    tx: &mut Tx<'_>,
    card: &Wallet,
    code_hash: &[u8; 32],
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO ledger_wallet (tenant_id, wallet_id, kind, currency, code_hash, \
         last4, balance, held, disabled, expires_at, note, created_at, updated_at) \
         VALUES (:tenant, $1, 'gift_cards', $2, $3, $4, 0, 0, 0, $5, $6, $7, $7)";
    let values = params![
        card.id,
        &card.currency,
        code_hash,
        &card.last4,
        card.expires_at,
        &card.note,
        card.created_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// The customer's credit in `currency`, made if it was not there; its row locked.
pub(crate) async fn open_credit(
    tx: &mut Tx<'_>,
    fresh: WalletId,
    customer: CustomerId,
    currency: Currency,
    at: Timestamp,
) -> Result<Wallet, Error> {
    const INSERT: &str = "INSERT INTO ledger_wallet (tenant_id, wallet_id, kind, currency, \
         customer_id, balance, held, disabled, created_at, updated_at) \
         VALUES (:tenant, $1, 'store_credit', $2, $3, 0, 0, 0, $4, $4) ON CONFLICT DO NOTHING";
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM ledger_wallet WHERE tenant_id = :tenant AND customer_id = $1 AND currency = $2 \
         {lock}"
    );
    tx.execute(INSERT, params![fresh, &currency, customer, at])
        .await?;
    tx.query_one(SQL, params![customer, &currency], wallet)
        .await
}

/// All credit of a customer, by currency.
pub(crate) async fn credits_of(
    tx: &mut Tx<'_>,
    customer: CustomerId,
) -> Result<Vec<Wallet>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM ledger_wallet WHERE tenant_id = :tenant AND customer_id = $1 ORDER BY currency \
         LIMIT $2"
    );
    tx.query(SQL, params![customer, CREDITS_MAX], wallet).await
}

/// The card that the code opens.
pub(crate) async fn by_code(
    tx: &mut Tx<'_>,
    code_hash: &[u8; 32],
) -> Result<Option<Wallet>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM ledger_wallet WHERE tenant_id = :tenant AND code_hash = $1"
    );
    tx.query_opt(SQL, params![code_hash], wallet).await
}

pub(crate) async fn find_gift_card(
    tx: &mut Tx<'_>,
    id: GiftCardId,
) -> Result<Option<Wallet>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM ledger_wallet WHERE tenant_id = :tenant AND wallet_id = $1 AND kind = 'gift_cards'"
    );
    tx.query_opt(SQL, params![id], wallet).await
}

pub(crate) async fn disable(tx: &mut Tx<'_>, id: WalletId, at: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE ledger_wallet SET disabled = 1, updated_at = $2 \
         WHERE tenant_id = :tenant AND wallet_id = $1";
    tx.execute(SQL, params![id, at]).await.map(|_| ())
}

pub(super) fn wallet(row: &Row<'_>) -> Result<Wallet, Error> {
    let kind = row.str(1)?;
    let gift_card = WalletKind::GiftCard;
    let kind = match account_kind(kind) {
        Some(found) if found == gift_card.account() => gift_card,
        Some(found) if found == WalletKind::StoreCredit.account() => WalletKind::StoreCredit,
        _ => return Err(refused(format!("no wallet of kind `{kind}`"))),
    };
    Ok(Wallet {
        id: row.get(0)?,
        kind,
        currency: row.get(2)?,
        customer: row.get(3)?,
        last4: row.get(4)?,
        balance: row.get(5)?,
        held: row.get(6)?,
        disabled: row.get(7)?,
        expires_at: row.get(8)?,
        note: row.get(9)?,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
    })
}

/// For statements outside of this file that list wallets.
pub(super) fn kind_name(kind: WalletKind) -> &'static str {
    account_name(kind.account())
}
