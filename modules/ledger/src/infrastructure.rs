//! All SQL of this module. Decides nothing: entries and amounts come from the callers.

mod audit;
mod lists;
mod tenders;
mod wallets;

use stoa_kernel::{Currency, EntryId, Timestamp};
use stoa_storage::{ConstraintKind, Error, Row, Stmt, Tx, Value, params};

use crate::domain::{Account, Entry, EntryError, Line, Written, account_kind, account_name};

pub(crate) use audit::{
    EntrySum, Sum, WALLETS_PER_STEP, WalletSum, entry_sums, orphan_lines, step_end, sums,
    wallet_sums,
};
pub(crate) use lists::{WalletLine, entries_before, gift_cards_before, wallet_lines};
pub(crate) use tenders::{
    add_spends, drop_holds, find_refund, give_back_spends, held_by, insert_holds, insert_refund,
    lock_tender, open_tender, spends_of, spent_in,
};
pub(crate) use wallets::{
    WALLETS_LOCKED_MAX, WalletChange, by_code, change, credits_of, disable, find_gift_card,
    insert_gift_card, locked, open_credit,
};

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        refused(error.to_string())
    }
}

/// Writes an entry and its lines in one flight. False where its id stands in the books already:
/// then nothing was written.
pub(crate) async fn insert_entry(
    tx: &mut Tx<'_>,
    entry: &Entry,
    actor: &str,
    at: Timestamp,
) -> Result<bool, Error> {
    const ENTRY: &str = "INSERT INTO ledger_entry (tenant_id, entry_id, kind, order_id, source, \
         currency, reason, actor, posted_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT DO NOTHING";
    const LINE: &str = "INSERT INTO ledger_line (tenant_id, entry_id, line, account, provider, \
         wallet_id, amount) VALUES (:tenant, $1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let head: [Value<'_>; 8] = [
        entry.id.into(),
        entry.kind.as_str().into(),
        entry.order.into(),
        (&entry.source).into(),
        (&entry.currency).into(),
        (&entry.reason).into(),
        actor.into(),
        at.into(),
    ];
    let lines = entry.lines.as_slice();
    let rows: Vec<[Value<'_>; 6]> = (0_i64..)
        .zip(lines)
        .map(|(number, line)| {
            [
                entry.id.into(),
                number.into(),
                account_name(line.account.kind()).into(),
                line.account.provider().into(),
                line.account.wallet().into(),
                line.amount.into(),
            ]
        })
        .collect();
    let rows = rows.iter().map(|row| (LINE, row.as_slice()));
    let statements: Vec<Stmt<'_>> = std::iter::once((ENTRY, head.as_slice()))
        .chain(rows)
        .collect();
    let written = tx.batch(&statements).await?;
    if written.iter().all(|&count| count == 1) {
        return Ok(true);
    }
    if written.iter().all(|&count| count == 0) {
        return Ok(false);
    }
    // Half of it is there: another entry has this id. The rollback takes the other half back.
    Err(refused(format!("{} is another entry", entry.id)))
}

/// One entry with its lines.
pub(crate) async fn find_entry(tx: &mut Tx<'_>, id: EntryId) -> Result<Option<Written>, Error> {
    const SQL: &str = "SELECT e.entry_id, e.kind, e.order_id, e.source, e.currency, e.reason, \
         e.posted_at, l.account, l.provider, l.wallet_id, l.amount FROM ledger_entry e \
         LEFT JOIN ledger_line l ON l.tenant_id = :tenant AND l.entry_id = e.entry_id \
         WHERE e.tenant_id = :tenant AND e.entry_id = $1 ORDER BY l.line";
    let rows = tx.query(SQL, params![id], written_line).await?;
    Ok(gathered(rows).into_iter().next())
}

/// An entry's head and one of its lines, `None` where it has none.
fn written_line(row: &Row<'_>) -> Result<(Written, Option<Line>), Error> {
    let head = Written {
        id: row.get(0)?,
        kind: row.get(1)?,
        order: row.get(2)?,
        source: row.get(3)?,
        currency: row.get(4)?,
        reason: row.get(5)?,
        posted_at: row.get(6)?,
        lines: Vec::new(),
    };
    let Some(name) = row.get::<Option<String>>(7)? else {
        return Ok((head, None));
    };
    let account = account(&name, row.str(8)?, row.get(9)?)?;
    let amount = row.get(10)?;
    Ok((head, Some(Line { account, amount })))
}

/// Puts the lines of neighbouring rows under their one head.
fn gathered(rows: Vec<(Written, Option<Line>)>) -> Vec<Written> {
    let mut entries: Vec<Written> = Vec::new();
    for (head, line) in rows {
        if entries.last().is_none_or(|last| last.id != head.id) {
            entries.push(head);
        }
        if let Some(last) = entries.last_mut() {
            last.lines.extend(line);
        }
    }
    entries
}

fn account(
    name: &str,
    provider: &str,
    wallet: Option<crate::domain::WalletId>,
) -> Result<Account, Error> {
    account_kind(name)
        .and_then(|kind| Account::read(kind, provider, wallet))
        .ok_or_else(|| refused(format!("no account `{name}`")))
}

/// What the rules of the books do not allow; the caller's transaction must end with it.
pub(crate) fn refused(message: String) -> Error {
    Error::Constraint {
        kind: ConstraintKind::Check,
        message,
    }
}

/// Account, provider and currency of lines that are summed together.
pub(crate) type AccountKey = (String, String, Option<Currency>);
