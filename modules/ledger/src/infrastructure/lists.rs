//! Pages of entries and cards, newest first. Read-only.

use stoa_kernel::{EntryId, GiftCardId, OrderId, Timestamp};
use stoa_storage::{Error, Tx, params};

use super::wallets::{kind_name, wallet};
use super::{gathered, written_line};
use crate::domain::{Wallet, WalletId, WalletKind, Written};

/// One change of a card or credit, as its holder sees it.
#[derive(Debug, Clone)]
pub(crate) struct WalletLine {
    pub(crate) entry: EntryId,
    pub(crate) kind: String,
    pub(crate) order: Option<OrderId>,
    pub(crate) reason: Option<String>,
    pub(crate) posted_at: Timestamp,
    /// Positive where it came onto the card.
    pub(crate) amount: i64,
}

/// Entries below `before`, newest first, of one order or of all.
pub(crate) async fn entries_before(
    tx: &mut Tx<'_>,
    order: Option<OrderId>,
    before: EntryId,
    limit: i64,
) -> Result<Vec<Written>, Error> {
    const ALL: &str = "SELECT e.entry_id, e.kind, e.order_id, e.source, e.currency, e.reason, \
         e.posted_at, l.account, l.provider, l.wallet_id, l.amount FROM \
         (SELECT entry_id, kind, order_id, source, currency, reason, posted_at FROM ledger_entry \
          WHERE tenant_id = :tenant AND entry_id < $1 ORDER BY entry_id DESC LIMIT $2) AS e \
         LEFT JOIN ledger_line l ON l.tenant_id = :tenant AND l.entry_id = e.entry_id \
         ORDER BY e.entry_id DESC, l.line";
    const OF_ORDER: &str = "SELECT e.entry_id, e.kind, e.order_id, e.source, e.currency, e.reason, \
         e.posted_at, l.account, l.provider, l.wallet_id, l.amount FROM \
         (SELECT entry_id, kind, order_id, source, currency, reason, posted_at FROM ledger_entry \
          WHERE tenant_id = :tenant AND order_id = $3 AND entry_id < $1 \
          ORDER BY entry_id DESC LIMIT $2) AS e \
         LEFT JOIN ledger_line l ON l.tenant_id = :tenant AND l.entry_id = e.entry_id \
         ORDER BY e.entry_id DESC, l.line";
    let rows = match order {
        None => tx.query(ALL, params![before, limit], written_line).await?,
        Some(order) => {
            tx.query(OF_ORDER, params![before, limit, order], written_line)
                .await?
        }
    };
    Ok(gathered(rows))
}

/// Cards below `before`, newest first.
pub(crate) async fn gift_cards_before(
    tx: &mut Tx<'_>,
    before: GiftCardId,
    limit: i64,
) -> Result<Vec<Wallet>, Error> {
    const SQL: &str = "SELECT wallet_id, kind, currency, customer_id, last4, balance, held, \
         disabled, expires_at, note, created_at, updated_at FROM ledger_wallet \
         WHERE tenant_id = :tenant AND kind = $3 AND wallet_id < $1 \
         ORDER BY wallet_id DESC LIMIT $2";
    let values = params![before, limit, kind_name(WalletKind::GiftCard)];
    tx.query(SQL, values, wallet).await
}

/// The newest changes of one card or credit.
pub(crate) async fn wallet_lines(
    tx: &mut Tx<'_>,
    wallet: WalletId,
    limit: i64,
) -> Result<Vec<WalletLine>, Error> {
    const SQL: &str = "SELECT e.entry_id, e.kind, e.order_id, e.reason, e.posted_at, -l.amount \
         FROM ledger_line l JOIN ledger_entry e ON e.tenant_id = :tenant \
         AND e.entry_id = l.entry_id WHERE l.tenant_id = :tenant AND l.wallet_id = $1 \
         ORDER BY l.entry_id DESC, l.line LIMIT $2";
    tx.query(SQL, params![wallet, limit], |row| {
        Ok(WalletLine {
            entry: row.get(0)?,
            kind: row.get(1)?,
            order: row.get(2)?,
            reason: row.get(3)?,
            posted_at: row.get(4)?,
            amount: row.get(5)?,
        })
    })
    .await
}
