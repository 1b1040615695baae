//! What staff may do with cards and credit, each once per idempotency key.

use std::sync::Arc;

use stoa_kernel::{CustomerId, GiftCardId, Money, TenantId, Timestamp, kind};
use stoa_storage::{Cause, Claim, Error, IdempotencyKey, Tx};

use super::Books;
use crate::domain::{Account, Entry, EntryKind, Lines, Wallet, WalletId, WalletKind};
use crate::infrastructure::{self as store, WalletChange};

/// A card that is given away.
#[derive(Debug, Clone)]
pub(crate) struct IssueCard {
    /// From above zero.
    pub(crate) amount: Money,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) note: Option<String>,
    /// A card that has ended, from which the amount comes; without one the shop gives it.
    pub(crate) replaces: Option<GiftCardId>,
}

#[derive(Debug, Clone)]
pub(crate) enum StaffChange {
    Issue(IssueCard),
    /// In the card's own currency, from above zero.
    TopUp {
        card: GiftCardId,
        amount: Money,
        reason: Option<String>,
    },
    Disable {
        card: GiftCardId,
    },
    /// Positive gives credit, negative takes it back.
    Adjust {
        customer: CustomerId,
        amount: Money,
        reason: String,
    },
}

/// The answer to a [`StaffChange`].
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Now(Box<Wallet>),
    /// The key was used before: the answer given then.
    Before(String),
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StaffError {
    #[error("no such gift card")]
    UnknownCard,
    #[error("the gift card has ended")]
    Ended,
    #[error("the gift card to be replaced has not ended")]
    NotEnded,
    #[error("{available} can be moved from the gift card")]
    LessOnIt { available: i64 },
    #[error("the gift card is in {wanted}")]
    Currency { wanted: stoa_kernel::Currency },
    #[error("{available} of the credit can be taken")]
    Short { available: i64 },
    #[error("more than a card or credit may hold")]
    TooMuch,
    #[error("the idempotency key was used for another body")]
    KeyReused,
    #[error("the first operation with this idempotency key has no answer yet")]
    KeyUnfinished,
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Books {
    /// `render` makes the answer that later uses of the key get; it must hold no code.
    pub(crate) async fn change(
        self: Arc<Self>,
        tenant: TenantId,
        change: StaffChange,
        key: IdempotencyKey,
        cause: Cause,
        render: fn(&Wallet) -> String,
    ) -> Result<Answer, StaffError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            match tx.claim_key(&key, cause.occurred_at).await? {
                Claim::Fresh => {}
                Claim::Stored { response, .. } => return Ok(Answer::Before(response)),
                Claim::Reused => return Err(StaffError::KeyReused),
                Claim::Unfinished => return Err(StaffError::KeyUnfinished),
            }
            let wallet = match &change {
                StaffChange::Issue(card) => self.issue_in(tx, card, &key, &cause).await?,
                StaffChange::TopUp {
                    card,
                    amount,
                    reason,
                } => self.top_up_in(tx, *card, *amount, reason, &cause).await?,
                StaffChange::Disable { card } => self.disable_in(tx, *card, &cause).await?,
                StaffChange::Adjust {
                    customer,
                    amount,
                    reason,
                } => {
                    self.adjust_in(tx, *customer, *amount, reason, &cause)
                        .await?
                }
            };
            tx.store_response(&key, 200, &render(&wallet)).await?;
            Ok(Answer::Now(Box::new(wallet)))
        })
        .await
    }

    async fn issue_in(
        &self,
        tx: &mut Tx<'_>,
        issue: &IssueCard,
        key: &IdempotencyKey,
        cause: &Cause,
    ) -> Result<Wallet, StaffError> {
        let at = cause.occurred_at;
        let id: GiftCardId = self.deps.ids.make::<kind::GiftCard>(at);
        let code = self.code_issued(tx.tenant(), id, key);
        let card = Wallet {
            last4: Some(code.last4()),
            expires_at: issue.expires_at,
            note: issue.note.clone(),
            ..Wallet::empty(
                WalletId::from_u128(id.as_u128()),
                WalletKind::GiftCard,
                issue.amount.currency,
                at,
            )
        };
        let hash = self.codes.hash(tx.tenant(), &code);
        store::insert_gift_card(tx, &card, &hash).await?;
        if let Some(old) = issue.replaces {
            let old = self.locked_card(tx, old).await?;
            return self.replace(tx, old, card, issue.amount, cause).await;
        }
        self.put(
            tx,
            card,
            issue.amount.amount,
            EntryKind::Issued,
            None,
            cause,
        )
        .await
    }

    /// From a card that has ended onto the one in its place: what is owed stays what it was.
    async fn replace(
        &self,
        tx: &mut Tx<'_>,
        mut old: Wallet,
        mut card: Wallet,
        amount: Money,
        cause: &Cause,
    ) -> Result<Wallet, StaffError> {
        let (wanted, at, moved) = (old.currency, cause.occurred_at, amount.amount);
        if !old.has_ended(at) {
            return Err(StaffError::NotEnded);
        }
        if wanted != amount.currency {
            return Err(StaffError::Currency { wanted });
        }
        let available = old.available();
        if available < moved {
            return Err(StaffError::LessOnIt { available });
        }
        let from = Account::Wallet(old.kind, old.id);
        let onto = Account::Wallet(card.kind, card.id);
        let entry = Entry {
            id: self.entry_id(cause),
            kind: EntryKind::Replaced,
            order: None,
            source: None,
            currency: wanted,
            reason: None,
            lines: Lines::between(from, onto, moved).map_err(Error::from)?,
        };
        let change = |wallet, balance| WalletChange {
            wallet,
            balance,
            held: 0,
        };
        let changes = [change(old.id, -moved), change(card.id, moved)];
        store::change(tx, &changes, at).await?;
        self.write(tx, &entry, cause).await?;
        old.balance -= moved;
        card.balance += moved;
        self.tell(tx, &old, cause).await?;
        self.tell(tx, &card, cause).await?;
        Ok(card)
    }

    async fn top_up_in(
        &self,
        tx: &mut Tx<'_>,
        card: GiftCardId,
        amount: Money,
        reason: &Option<String>,
        cause: &Cause,
    ) -> Result<Wallet, StaffError> {
        let wallet = self.locked_card(tx, card).await?;
        if wallet.currency != amount.currency {
            return Err(StaffError::Currency {
                wanted: wallet.currency,
            });
        }
        if wallet.usable(amount.currency, cause.occurred_at).is_err() {
            return Err(StaffError::Ended);
        }
        let kind = EntryKind::ToppedUp;
        self.put(tx, wallet, amount.amount, kind, reason.clone(), cause)
            .await
    }

    /// What orders hold of it they may still spend; what is on it stays on the books.
    async fn disable_in(
        &self,
        tx: &mut Tx<'_>,
        card: GiftCardId,
        cause: &Cause,
    ) -> Result<Wallet, StaffError> {
        let mut wallet = self.locked_card(tx, card).await?;
        if wallet.disabled {
            return Ok(wallet);
        }
        store::disable(tx, wallet.id, cause.occurred_at).await?;
        wallet.disabled = true;
        wallet.updated_at = cause.occurred_at;
        self.tell(tx, &wallet, cause).await?;
        Ok(wallet)
    }

    async fn adjust_in(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        amount: Money,
        reason: &str,
        cause: &Cause,
    ) -> Result<Wallet, StaffError> {
        let credit = self.credit_of(tx, customer, amount.currency, cause).await?;
        let available = credit.available();
        if available + amount.amount < 0 {
            return Err(StaffError::Short { available });
        }
        let reason = Some(reason.to_owned());
        let kind = EntryKind::Adjusted;
        self.put(tx, credit, amount.amount, kind, reason, cause)
            .await
    }

    async fn locked_card(&self, tx: &mut Tx<'_>, card: GiftCardId) -> Result<Wallet, StaffError> {
        let id = WalletId::from_u128(card.as_u128());
        let mut found = store::locked(tx, &[id].into()).await?;
        found
            .remove(&id)
            .filter(|wallet| wallet.kind == WalletKind::GiftCard)
            .ok_or(StaffError::UnknownCard)
    }

    /// Onto a locked wallet, as a gift of the shop; a negative amount takes away again.
    async fn put(
        &self,
        tx: &mut Tx<'_>,
        mut wallet: Wallet,
        amount: i64,
        kind: EntryKind,
        reason: Option<String>,
        cause: &Cause,
    ) -> Result<Wallet, StaffError> {
        if wallet.balance + amount > crate::domain::AMOUNT_MAX {
            return Err(StaffError::TooMuch);
        }
        let part = [(wallet.kind, wallet.id, -amount)];
        let lines = Lines::of_wallets(&part, Account::Promotional).map_err(Error::from)?;
        let entry = Entry {
            id: self.entry_id(cause),
            kind,
            order: None,
            source: None,
            currency: wallet.currency,
            reason,
            lines,
        };
        let change = WalletChange {
            wallet: wallet.id,
            balance: amount,
            held: 0,
        };
        store::change(tx, &[change], cause.occurred_at).await?;
        self.write(tx, &entry, cause).await?;
        wallet.balance += amount;
        wallet.updated_at = cause.occurred_at;
        self.tell(tx, &wallet, cause).await?;
        Ok(wallet)
    }
}
