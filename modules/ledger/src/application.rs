//! What can be done with books, cards and credit, each in one transaction. Holds no SQL, no HTTP.

mod contract;
mod reading;
mod staff;
mod tender;

use stoa_contracts::Deps;
use stoa_contracts::ledger::GiftCardChanged;
use stoa_kernel::{EntryId, GiftCardId, TenantId, Timestamp, kind};
use stoa_storage::{Cause, Error, Tx};

use crate::domain::{CodeKey, Entry, GiftCode, Wallet};
use crate::infrastructure as store;

pub(crate) use reading::{AccountSum, AuditAt, Mismatch};
pub(crate) use staff::{Answer, IssueCard, StaffChange, StaffError};

/// The books of every tenant.
pub(crate) struct Books {
    deps: Deps,
    codes: CodeKey,
}

impl Books {
    pub(crate) fn new(deps: Deps, code_secret: [u8; 32]) -> Self {
        Self {
            deps,
            codes: CodeKey::new(code_secret),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.deps.now()
    }

    /// The code that this request gave the card.
    pub(crate) fn code_issued(
        &self,
        tenant: TenantId,
        card: GiftCardId,
        key: &stoa_storage::IdempotencyKey,
    ) -> GiftCode {
        self.codes.issue(tenant, card, &[&key.scope, &key.key])
    }

    fn entry_id(&self, cause: &Cause) -> EntryId {
        self.deps.ids.make::<kind::Entry>(cause.occurred_at)
    }

    /// Writes an entry whose id was made just now.
    async fn write(&self, tx: &mut Tx<'_>, entry: &Entry, cause: &Cause) -> Result<(), Error> {
        match store::insert_entry(tx, entry, &actor(cause)?, cause.occurred_at).await? {
            true => Ok(()),
            false => Err(store::refused(format!("{} is another entry", entry.id))),
        }
    }

    /// Tells what is on a card now; of credit nothing is told.
    async fn tell(&self, tx: &mut Tx<'_>, wallet: &Wallet, cause: &Cause) -> Result<(), Error> {
        let Some(gift_card) = wallet.gift_card() else {
            return Ok(());
        };
        let fact = GiftCardChanged {
            gift_card,
            balance: wallet.told_balance(),
        };
        let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
        tx.emit(id, cause, &fact).await
    }
}

/// Who did it, as the entry keeps it.
fn actor(cause: &Cause) -> Result<String, Error> {
    Ok(serde_json::to_string(&cause.actor)?)
}
