//! Sums over the lines, a bounded range of entries or wallets at a time. Read-only.

use stoa_kernel::{Currency, EntryId};
use stoa_storage::{Error, Tx, params};

use super::AccountKey;
use crate::domain::WalletId;

/// Entries summed over one snapshot.
const ENTRIES_PER_STEP: i64 = 1_000;
/// Wallets summed over one snapshot.
pub(crate) const WALLETS_PER_STEP: i64 = 250;
/// Lines without an entry that one step reports.
const ORPHANS_MAX: i64 = 250;

/// What one account's lines in a range add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Without a currency where the entry of a line is missing.
    pub(crate) account: AccountKey,
    pub(crate) debits: i64,
    pub(crate) credits: i64,
}

/// What the lines of one entry add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntrySum {
    pub(crate) entry: EntryId,
    pub(crate) sum: i64,
    pub(crate) lines: i64,
}

/// What a wallet says, and what its lines and the orders' holds add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalletSum {
    pub(crate) wallet: WalletId,
    pub(crate) balance: i64,
    pub(crate) lines: i64,
    pub(crate) held: i64,
    pub(crate) holds: i64,
}

/// The last entry of the step that begins after `after`; `None` where the step is not full, and so
/// the last one.
pub(crate) async fn step_end(tx: &mut Tx<'_>, after: EntryId) -> Result<Option<EntryId>, Error> {
    const SQL: &str = "SELECT entry_id FROM ledger_entry WHERE tenant_id = :tenant \
         AND entry_id > $1 ORDER BY entry_id LIMIT 1 OFFSET $2";
    tx.query_opt(SQL, params![after, ENTRIES_PER_STEP - 1], |row| row.get(0))
        .await
}

/// Per account, of the entries after `after` up to `last`.
pub(crate) async fn sums(
    tx: &mut Tx<'_>,
    after: EntryId,
    last: EntryId,
) -> Result<Vec<Sum>, Error> {
    const SQL: &str = "SELECT l.account, l.provider, e.currency, \
         CAST(sum(CASE WHEN l.amount > 0 THEN l.amount ELSE 0 END) AS BIGINT), \
         CAST(sum(CASE WHEN l.amount < 0 THEN -l.amount ELSE 0 END) AS BIGINT) \
         FROM ledger_line l LEFT JOIN ledger_entry e ON e.tenant_id = :tenant \
         AND e.entry_id = l.entry_id WHERE l.tenant_id = :tenant \
         AND l.entry_id > $1 AND l.entry_id <= $2 GROUP BY l.account, l.provider, e.currency";
    tx.query(SQL, params![after, last], |row| {
        Ok(Sum {
            account: (row.get(0)?, row.get(1)?, row.get::<Option<Currency>>(2)?),
            debits: row.get(3)?,
            credits: row.get(4)?,
        })
    })
    .await
}

/// Per entry, of those after `after` up to `last`.
pub(crate) async fn entry_sums(
    tx: &mut Tx<'_>,
    after: EntryId,
    last: EntryId,
) -> Result<Vec<EntrySum>, Error> {
    const SQL: &str = "SELECT e.entry_id, CAST(coalesce(sum(l.amount), 0) AS BIGINT), \
         count(l.amount) FROM ledger_entry e LEFT JOIN ledger_line l ON l.tenant_id = :tenant \
         AND l.entry_id = e.entry_id WHERE e.tenant_id = :tenant \
         AND e.entry_id > $1 AND e.entry_id <= $2 GROUP BY e.entry_id ORDER BY e.entry_id";
    tx.query(SQL, params![after, last], |row| {
        Ok(EntrySum {
            entry: row.get(0)?,
            sum: row.get(1)?,
            lines: row.get(2)?,
        })
    })
    .await
}

/// Lines in that range whose entry is missing, by the entry they name.
pub(crate) async fn orphan_lines(
    tx: &mut Tx<'_>,
    after: EntryId,
    last: EntryId,
) -> Result<Vec<EntrySum>, Error> {
    const SQL: &str = "SELECT l.entry_id, CAST(sum(l.amount) AS BIGINT), count(*) \
         FROM ledger_line l LEFT JOIN ledger_entry e ON e.tenant_id = :tenant \
         AND e.entry_id = l.entry_id WHERE l.tenant_id = :tenant AND e.entry_id IS NULL \
         AND l.entry_id > $1 AND l.entry_id <= $2 GROUP BY l.entry_id ORDER BY l.entry_id LIMIT $3";
    tx.query(SQL, params![after, last, ORPHANS_MAX], |row| {
        Ok(EntrySum {
            entry: row.get(0)?,
            sum: row.get(1)?,
            lines: row.get(2)?,
        })
    })
    .await
}

/// Wallets after `after`, in id order, at most [`WALLETS_PER_STEP`].
pub(crate) async fn wallet_sums(tx: &mut Tx<'_>, after: WalletId) -> Result<Vec<WalletSum>, Error> {
    // A liability's balance is what its lines credit.
    const SQL: &str = "SELECT w.wallet_id, w.balance, \
         (SELECT CAST(coalesce(-sum(l.amount), 0) AS BIGINT) FROM ledger_line l \
          WHERE l.tenant_id = :tenant AND l.wallet_id = w.wallet_id), w.held, \
         (SELECT CAST(coalesce(sum(h.amount), 0) AS BIGINT) FROM ledger_hold h \
          WHERE h.tenant_id = :tenant AND h.wallet_id = w.wallet_id) \
         FROM ledger_wallet w WHERE w.tenant_id = :tenant AND w.wallet_id > $1 \
         ORDER BY w.wallet_id LIMIT $2";
    tx.query(SQL, params![after, WALLETS_PER_STEP], |row| {
        Ok(WalletSum {
            wallet: row.get(0)?,
            balance: row.get(1)?,
            lines: row.get(2)?,
            held: row.get(3)?,
            holds: row.get(4)?,
        })
    })
    .await
}
