//! Accounts and entries that balance by construction. Knows nothing of databases or requests.

mod code;
mod tender;
mod wallet;

pub(crate) use stoa_contracts::ledger::AMOUNT_MAX;
use stoa_contracts::ledger::{AccountKind, Posting};
use stoa_kernel::{Currency, EntryId, OrderId, Timestamp};

pub(crate) use code::{CodeKey, GiftCode};
pub(crate) use tender::{Held, Refusal, Spend, plan_hold, share_back};
pub(crate) use wallet::{Wallet, WalletId, WalletKind, WalletMark};

/// Lines of one entry: cards and credit of one order, and what stands against them.
pub(crate) const LINES_PER_ENTRY_MAX: usize = 32;

/// Where money stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    ProviderClearing { provider: String },
    Sales,
    Wallet(WalletKind, WalletId),
    Promotional,
    Disputes,
}

/// One side of an entry: a debit is positive, a credit negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) account: Account,
    pub(crate) amount: i64,
}

/// Lines that add up to zero; there is no other way to have some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines(Vec<Line>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Captured,
    Refunded,
    RefundReversed,
    DisputeLost,
    DisputeWon,
    Spent,
    GivenBack,
    Credited,
    Issued,
    ToppedUp,
    Adjusted,
    /// Moved from a card that has ended onto one that has not.
    Replaced,
}

/// One thing that moved money. Never changed once written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) kind: EntryKind,
    pub(crate) order: Option<OrderId>,
    pub(crate) source: Option<String>,
    pub(crate) currency: Currency,
    pub(crate) reason: Option<String>,
    pub(crate) lines: Lines,
}

/// An entry as it stands in the books.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) id: EntryId,
    pub(crate) kind: String,
    pub(crate) order: Option<OrderId>,
    pub(crate) source: Option<String>,
    pub(crate) currency: Currency,
    pub(crate) reason: Option<String>,
    pub(crate) posted_at: Timestamp,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("the lines add up to {sum}, not to zero")]
    Unbalanced { sum: i128 },
    #[error("an entry has 2 to {LINES_PER_ENTRY_MAX} lines, not {count}")]
    Count { count: usize },
    #[error("{amount} is not an amount of a line")]
    Amount { amount: i64 },
}

impl Lines {
    pub(crate) fn balanced(lines: Vec<Line>) -> Result<Self, EntryError> {
        let count = lines.len();
        if !(2..=LINES_PER_ENTRY_MAX).contains(&count) {
            return Err(EntryError::Count { count });
        }
        let allowed = |amount: i64| amount != 0 && (-AMOUNT_MAX..=AMOUNT_MAX).contains(&amount);
        if let Some(line) = lines.iter().find(|line| !allowed(line.amount)) {
            return Err(EntryError::Amount {
                amount: line.amount,
            });
        }
        let sum: i128 = lines.iter().map(|line| i128::from(line.amount)).sum();
        match sum {
            0 => Ok(Self(lines)),
            sum => Err(EntryError::Unbalanced { sum }),
        }
    }

    /// `amount` from above zero: into `debit`, out of `credit`.
    pub(crate) fn between(
        debit: Account,
        credit: Account,
        amount: i64,
    ) -> Result<Self, EntryError> {
        if amount <= 0 {
            return Err(EntryError::Amount { amount });
        }
        Self::balanced(vec![
            Line {
                account: debit,
                amount,
            },
            Line {
                account: credit,
                amount: -amount,
            },
        ])
    }

    /// Each wallet's own line, and one against all of them. Positive takes from the wallets (a
    /// liability falls), negative puts onto them; all of one sign.
    pub(crate) fn of_wallets(
        wallets: &[(WalletKind, WalletId, i64)],
        against: Account,
    ) -> Result<Self, EntryError> {
        let mut lines: Vec<Line> = wallets
            .iter()
            .map(|&(kind, id, amount)| Line {
                account: Account::Wallet(kind, id),
                amount,
            })
            .collect();
        let sum: i128 = lines.iter().map(|line| i128::from(line.amount)).sum();
        let amount = i64::try_from(-sum).map_err(|_| EntryError::Unbalanced { sum })?;
        lines.push(Line {
            account: against,
            amount,
        });
        Self::balanced(lines)
    }

    pub(crate) fn as_slice(&self) -> &[Line] {
        &self.0
    }
}

impl Entry {
    /// The lines that `posting` has in the books.
    pub(crate) fn of_posting(
        id: EntryId,
        order: OrderId,
        posting: &Posting,
        currency: Currency,
        amount: i64,
    ) -> Result<Self, EntryError> {
        let clearing = |provider: &String| Account::ProviderClearing {
            provider: provider.clone(),
        };
        let (kind, source, debit, credit) = match posting {
            Posting::Captured { provider, attempt } => (
                EntryKind::Captured,
                attempt.to_string(),
                clearing(provider),
                Account::Sales,
            ),
            Posting::Refunded { provider, refund } => (
                EntryKind::Refunded,
                refund.to_string(),
                Account::Sales,
                clearing(provider),
            ),
            Posting::RefundReversed { provider, refund } => (
                EntryKind::RefundReversed,
                refund.to_string(),
                clearing(provider),
                Account::Sales,
            ),
            Posting::DisputeLost { provider, attempt } => (
                EntryKind::DisputeLost,
                attempt.to_string(),
                Account::Disputes,
                clearing(provider),
            ),
            Posting::DisputeWon { provider, attempt } => (
                EntryKind::DisputeWon,
                attempt.to_string(),
                clearing(provider),
                Account::Disputes,
            ),
        };
        Ok(Self {
            id,
            kind,
            order: Some(order),
            source: Some(source),
            currency,
            reason: None,
            lines: Lines::between(debit, credit, amount)?,
        })
    }

    /// Whether the books hold this very entry already.
    pub(crate) fn is_as(&self, written: &Written) -> bool {
        written.kind == self.kind.as_str()
            && written.order == self.order
            && written.source == self.source
            && written.currency == self.currency
            && written.lines == self.lines.as_slice()
    }
}

impl EntryKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Refunded => "refunded",
            Self::RefundReversed => "refund_reversed",
            Self::DisputeLost => "dispute_lost",
            Self::DisputeWon => "dispute_won",
            Self::Spent => "spent",
            Self::GivenBack => "given_back",
            Self::Credited => "credited",
            Self::Issued => "issued",
            Self::ToppedUp => "topped_up",
            Self::Adjusted => "adjusted",
            Self::Replaced => "replaced",
        }
    }
}

impl Account {
    pub(crate) const fn kind(&self) -> AccountKind {
        match self {
            Self::ProviderClearing { .. } => AccountKind::ProviderClearing,
            Self::Sales => AccountKind::Sales,
            Self::Wallet(WalletKind::GiftCard, _) => AccountKind::GiftCards,
            Self::Wallet(WalletKind::StoreCredit, _) => AccountKind::StoreCredit,
            Self::Promotional => AccountKind::Promotional,
            Self::Disputes => AccountKind::Disputes,
        }
    }

    pub(crate) fn provider(&self) -> &str {
        match self {
            Self::ProviderClearing { provider } => provider,
            _ => "",
        }
    }

    pub(crate) const fn wallet(&self) -> Option<WalletId> {
        match self {
            Self::Wallet(_, id) => Some(*id),
            _ => None,
        }
    }

    /// Reads back what was stored; `None` for what no line of ours can hold.
    pub(crate) fn read(
        kind: AccountKind,
        provider: &str,
        wallet: Option<WalletId>,
    ) -> Option<Self> {
        Some(match kind {
            AccountKind::ProviderClearing => Self::ProviderClearing {
                provider: provider.to_owned(),
            },
            AccountKind::Sales => Self::Sales,
            AccountKind::GiftCards => Self::Wallet(WalletKind::GiftCard, wallet?),
            AccountKind::StoreCredit => Self::Wallet(WalletKind::StoreCredit, wallet?),
            AccountKind::Promotional => Self::Promotional,
            AccountKind::Disputes => Self::Disputes,
        })
    }
}

/// As it stands in the database and in JSON.
pub(crate) const fn account_name(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::ProviderClearing => "provider_clearing",
        AccountKind::Sales => "sales",
        AccountKind::GiftCards => "gift_cards",
        AccountKind::StoreCredit => "store_credit",
        AccountKind::Promotional => "promotional",
        AccountKind::Disputes => "disputes",
    }
}

pub(crate) fn account_kind(name: &str) -> Option<AccountKind> {
    [
        AccountKind::ProviderClearing,
        AccountKind::Sales,
        AccountKind::GiftCards,
        AccountKind::StoreCredit,
        AccountKind::Promotional,
        AccountKind::Disputes,
    ]
    .into_iter()
    .find(|&kind| account_name(kind) == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stoa_kernel::AttemptId;

    use super::*;

    fn line(account: Account, amount: i64) -> Line {
        Line { account, amount }
    }

    #[test]
    fn lines_that_do_not_add_up_cannot_be_had() {
        let one = line(Account::Sales, 5);
        let sum = |lines| Lines::balanced(lines).map(|_| ());
        assert_eq!(
            sum(vec![one.clone(), line(Account::Disputes, -4)]),
            Err(EntryError::Unbalanced { sum: 1 })
        );
        assert_eq!(sum(vec![one.clone()]), Err(EntryError::Count { count: 1 }));
        assert_eq!(
            sum(vec![line(Account::Sales, 0), line(Account::Disputes, 0)]),
            Err(EntryError::Amount { amount: 0 })
        );
        assert_eq!(sum(vec![one, line(Account::Disputes, -5)]), Ok(()));
        assert_eq!(
            Lines::between(Account::Sales, Account::Disputes, -1).map(|_| ()),
            Err(EntryError::Amount { amount: -1 })
        );
    }

    #[test]
    fn a_capture_is_owed_by_the_provider_and_is_a_sale() {
        let posting = Posting::Captured {
            provider: "test".to_owned(),
            attempt: AttemptId::from_u128(7),
        };
        let entry = Entry::of_posting(
            EntryId::from_u128(1),
            OrderId::from_u128(2),
            &posting,
            Currency::EUR,
            1999,
        )
        .expect("an entry");
        let clearing = Account::ProviderClearing {
            provider: "test".to_owned(),
        };
        assert_eq!(
            entry.lines.as_slice(),
            [line(clearing, 1999), line(Account::Sales, -1999)]
        );
    }

    proptest! {
        #[test]
        fn whatever_is_built_adds_up_to_zero(
            amounts in prop::collection::vec(-2_000_000_000_000_i64..2_000_000_000_000, 0..40),
        ) {
            let wallets: Vec<_> = amounts
                .iter()
                .enumerate()
                .map(|(at, &amount)| (WalletKind::GiftCard, WalletId::from_u128(at as u128), amount))
                .collect();
            if let Ok(lines) = Lines::of_wallets(&wallets, Account::Sales) {
                prop_assert_eq!(lines.as_slice().iter().map(|line| line.amount).sum::<i64>(), 0);
                prop_assert_eq!(lines.as_slice().len(), amounts.len() + 1);
            }
            let plain: Vec<Line> = amounts.iter().map(|&amount| line(Account::Sales, amount)).collect();
            if let Ok(lines) = Lines::balanced(plain) {
                prop_assert_eq!(lines.as_slice().iter().map(|line| line.amount).sum::<i64>(), 0);
            }
        }
    }
}
