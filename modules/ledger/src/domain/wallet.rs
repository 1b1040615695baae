//! A gift card, or a customer's credit in one currency: what is on it and what can be used of it.

use stoa_contracts::ledger::AccountKind;
use stoa_kernel::{Currency, CustomerId, GiftCardId, Id, IdKind, Money, Timestamp};

/// Names an account of its own: a card's or a customer's credit.
pub(crate) enum WalletMark {}

impl IdKind for WalletMark {
    const PREFIX: &'static str = "wallet";
}

pub(crate) type WalletId = Id<WalletMark>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalletKind {
    GiftCard,
    StoreCredit,
}

/// `0 <= held <= balance`; the database holds it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wallet {
    pub(crate) id: WalletId,
    pub(crate) kind: WalletKind,
    pub(crate) currency: Currency,
    pub(crate) customer: Option<CustomerId>,
    /// The end of a card's code: what people tell cards apart by.
    pub(crate) last4: Option<String>,
    pub(crate) balance: i64,
    /// Set aside for orders.
    pub(crate) held: i64,
    pub(crate) disabled: bool,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) note: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Wallet {
    /// A card as it is handed out, or the credit of a customer who has none yet: nothing on it.
    pub(crate) fn empty(id: WalletId, kind: WalletKind, currency: Currency, at: Timestamp) -> Self {
        Self {
            id,
            kind,
            currency,
            customer: None,
            last4: None,
            balance: 0,
            held: 0,
            disabled: false,
            expires_at: None,
            note: None,
            created_at: at,
            updated_at: at,
        }
    }

    pub(crate) const fn available(&self) -> i64 {
        self.balance - self.held
    }

    /// What can be set aside for an order in `currency`, or why nothing can.
    pub(crate) fn usable(&self, currency: Currency, now: Timestamp) -> Result<i64, &'static str> {
        if self.has_ended(now) {
            return Err("has ended");
        }
        if self.currency != currency {
            return Err("is in another currency");
        }
        Ok(self.available())
    }

    /// Whether no order can use it any more.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.disabled || self.expires_at.is_some_and(|end| end <= now)
    }

    /// What the fact about a card says is on it: nothing, once it has ended.
    pub(crate) const fn told_balance(&self) -> Money {
        match self.disabled {
            true => Money::zero(self.currency),
            false => Money::new(self.balance, self.currency),
        }
    }

    pub(crate) const fn gift_card(&self) -> Option<GiftCardId> {
        match self.kind {
            WalletKind::GiftCard => Some(GiftCardId::from_u128(self.id.as_u128())),
            WalletKind::StoreCredit => None,
        }
    }
}

impl WalletKind {
    pub(crate) const fn account(self) -> AccountKind {
        match self {
            Self::GiftCard => AccountKind::GiftCards,
            Self::StoreCredit => AccountKind::StoreCredit,
        }
    }
}
