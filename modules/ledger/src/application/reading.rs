//! Lists, balances and the audit. Each step reads one snapshot of a bounded range.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_contracts::ledger::AccountKind;
use stoa_kernel::{Currency, CustomerId, EntryId, GiftCardId, OrderId, TenantId};
use stoa_storage::{Error, Tx};

use super::Books;
use crate::domain::{GiftCode, Wallet, WalletId, Written, account_kind};
use crate::infrastructure::{
    self as store, EntrySum, Sum, WALLETS_PER_STEP, WalletLine, WalletSum,
};

/// Changes shown with a card or credit.
const WALLET_LINES_MAX: i64 = 100;
/// Steps of one audit: about a hundred thousand entries, then the caller asks again.
const STEPS_PER_AUDIT_MAX: usize = 100;
/// An audit stops after the step in which it has found as many.
const MISMATCHES_MAX: usize = 250;

/// What the lines of one account add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountSum {
    pub(crate) account: AccountKind,
    pub(crate) provider: Option<String>,
    pub(crate) currency: Currency,
    pub(crate) debits: i64,
    pub(crate) credits: i64,
}

/// How far an audit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuditAt {
    Entries(EntryId),
    Wallets(WalletId),
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Audit {
    pub(crate) entries: u64,
    pub(crate) wallets: u64,
    pub(crate) mismatches: Vec<Mismatch>,
    /// Where to go on; `None` once everything was summed.
    pub(crate) next: Option<AuditAt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Fewer than two lines, or lines that do not add up to zero.
    Entry(EntrySum),
    /// Lines of an entry that is not there.
    Orphans(EntrySum),
    /// A balance or hold that is not the sum of what led to it.
    Wallet(WalletSum),
}

impl AuditAt {
    pub(crate) const START: Self = Self::Entries(EntryId::from_u128(0));
}

impl Books {
    /// The card that the code opens, ended or not.
    pub(crate) async fn card_of(
        &self,
        tenant: TenantId,
        code: &str,
    ) -> Result<Option<Wallet>, Error> {
        let Some(code) = GiftCode::parse(code) else {
            return Ok(None);
        };
        let hash = self.codes.hash(tenant, &code);
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::by_code(tx, &hash).await)
            .await
    }

    pub(crate) async fn gift_cards(
        &self,
        tenant: TenantId,
        before: GiftCardId,
        limit: i64,
    ) -> Result<Vec<Wallet>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::gift_cards_before(tx, before, limit).await)
            .await
    }

    /// A card with its newest changes.
    pub(crate) async fn gift_card(
        &self,
        tenant: TenantId,
        card: GiftCardId,
    ) -> Result<Option<(Wallet, Vec<WalletLine>)>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let Some(card) = store::find_gift_card(tx, card).await? else {
                return Ok(None);
            };
            let lines = store::wallet_lines(tx, card.id, WALLET_LINES_MAX).await?;
            Ok(Some((card, lines)))
        })
        .await
    }

    /// A customer's credit in each currency, with its newest changes.
    pub(crate) async fn store_credit(
        &self,
        tenant: TenantId,
        customer: CustomerId,
    ) -> Result<Vec<(Wallet, Vec<WalletLine>)>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let mut credits = Vec::new();
            for credit in store::credits_of(tx, customer).await? {
                let lines = store::wallet_lines(tx, credit.id, WALLET_LINES_MAX).await?;
                credits.push((credit, lines));
            }
            Ok::<_, Error>(credits)
        })
        .await
    }

    pub(crate) async fn entries(
        &self,
        tenant: TenantId,
        order: Option<OrderId>,
        before: EntryId,
        limit: i64,
    ) -> Result<Vec<Written>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::entries_before(tx, order, before, limit).await)
            .await
    }

    /// Every account's balance, summed anew: no row holds one. An entry is seen whole or not at
    /// all, so the balances of a currency add up to zero even while others write.
    pub(crate) async fn accounts(&self, tenant: TenantId) -> Result<Vec<AccountSum>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let mut totals: BTreeMap<store::AccountKey, (i64, i64)> = BTreeMap::new();
        let mut after = EntryId::from_u128(0);
        loop {
            let (sums, last) = db
                .read(async move |tx: &mut Tx<'_>| {
                    let last = store::step_end(tx, after).await?;
                    Ok::<_, Error>((store::sums(tx, after, end(last)).await?, last))
                })
                .await?;
            for Sum {
                account,
                debits,
                credits,
            } in sums
            {
                let total = totals.entry(account).or_insert((0, 0));
                *total = (
                    total.0.saturating_add(debits),
                    total.1.saturating_add(credits),
                );
            }
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok(totals.into_iter().filter_map(account_sum).collect())
    }

    /// Adds everything up again from `at`: each entry to zero, each balance to its lines, each
    /// sum held to the orders' holds.
    pub(crate) async fn audit(&self, tenant: TenantId, at: AuditAt) -> Result<Audit, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let mut audit = Audit {
            next: Some(at),
            ..Audit::default()
        };
        for _ in 0..STEPS_PER_AUDIT_MAX {
            let Some(at) = audit.next else { break };
            if audit.mismatches.len() >= MISMATCHES_MAX {
                break;
            }
            let step = db.read(async move |tx: &mut Tx<'_>| step(tx, at).await);
            let step: Audit = step.await?;
            audit.entries += step.entries;
            audit.wallets += step.wallets;
            audit.mismatches.extend(step.mismatches);
            audit.next = step.next;
        }
        Ok(audit)
    }
}

async fn step(tx: &mut Tx<'_>, at: AuditAt) -> Result<Audit, Error> {
    match at {
        AuditAt::Entries(after) => {
            let last = store::step_end(tx, after).await?;
            let sums = store::entry_sums(tx, after, end(last)).await?;
            let orphans = store::orphan_lines(tx, after, end(last)).await?;
            let wrong = sums.iter().filter(|sum| sum.sum != 0 || sum.lines < 2);
            let wrong = wrong.copied().map(Mismatch::Entry);
            let first_wallet = AuditAt::Wallets(WalletId::from_u128(0));
            Ok(Audit {
                entries: sums.len() as u64,
                mismatches: wrong
                    .chain(orphans.into_iter().map(Mismatch::Orphans))
                    .collect(),
                next: Some(last.map_or(first_wallet, AuditAt::Entries)),
                wallets: 0,
            })
        }
        AuditAt::Wallets(after) => {
            let sums = store::wallet_sums(tx, after).await?;
            let is_end = (sums.len() as i64) < WALLETS_PER_STEP;
            let last = sums.last().map(|sum| AuditAt::Wallets(sum.wallet));
            let off = |sum: &&WalletSum| sum.balance != sum.lines || sum.held != sum.holds;
            Ok(Audit {
                wallets: sums.len() as u64,
                mismatches: sums
                    .iter()
                    .filter(off)
                    .copied()
                    .map(Mismatch::Wallet)
                    .collect(),
                next: last.filter(|_| !is_end),
                entries: 0,
            })
        }
    }
}

/// The step that is not full reaches to the end.
fn end(last: Option<EntryId>) -> EntryId {
    last.unwrap_or(EntryId::from_u128(u128::MAX))
}

/// `None` for lines without an entry, which only the audit tells of.
fn account_sum(
    ((account, provider, currency), (debits, credits)): (store::AccountKey, (i64, i64)),
) -> Option<AccountSum> {
    Some(AccountSum {
        account: account_kind(&account)?,
        provider: Some(provider).filter(|provider| !provider.is_empty()),
        currency: currency?,
        debits,
        credits,
    })
}
