//! Which card or credit pays how much of an order, and which gets it back. Pure arithmetic.

use std::collections::BTreeMap;

use stoa_kernel::{Currency, Timestamp};

use super::wallet::{Wallet, WalletId};

/// Set aside for one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) wallet: WalletId,
    /// Its place in the order of use.
    pub(crate) position: i64,
    pub(crate) amount: i64,
}

/// Spent by one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spend {
    pub(crate) seq: i64,
    pub(crate) wallet: WalletId,
    pub(crate) amount: i64,
    pub(crate) given_back: i64,
}

/// Why a card is not taken; `position` counts the codes from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) position: usize,
    pub(crate) reason: &'static str,
}

/// What an order holds from now on. `wallets` are all that it held or asks for, and `before` what
/// it held; `cards` are in the order given, `None` where the code is unknown. A card given twice
/// counts once; `credit` comes after the cards, and is silently left out where there is none.
pub(crate) fn plan_hold(
    wallets: &BTreeMap<WalletId, Wallet>,
    before: &[Held],
    cards: &[Option<WalletId>],
    credit: Option<WalletId>,
    currency: Currency,
    due: i64,
    now: Timestamp,
) -> Result<Vec<Held>, Refusal> {
    let own = |id: WalletId| -> i64 {
        let mine = before.iter().filter(|held| held.wallet == id);
        mine.map(|held| held.amount).sum()
    };
    let mut left = due.max(0);
    let mut holds: Vec<Held> = Vec::new();
    let mut seen: Vec<WalletId> = Vec::new();
    for (index, card) in cards.iter().enumerate() {
        let refused = |reason| Refusal {
            position: index + 1,
            reason,
        };
        let found = card.and_then(|id| wallets.get(&id));
        let wallet = found.ok_or_else(|| refused("is not known"))?;
        if seen.contains(&wallet.id) {
            continue;
        }
        seen.push(wallet.id);
        let usable = wallet.usable(currency, now).map_err(refused)? + own(wallet.id);
        if usable <= 0 {
            return Err(refused("is empty"));
        }
        left -= take(&mut holds, wallet.id, usable.min(left));
    }
    if let Some(wallet) = credit.and_then(|id| wallets.get(&id))
        && let Ok(usable) = wallet.usable(currency, now)
    {
        let usable = usable + own(wallet.id);
        take(&mut holds, wallet.id, usable.min(left));
    }
    Ok(holds)
}

/// How much goes back onto which spend, the last used first; at most what it paid.
pub(crate) fn share_back(spends: &[Spend], amount: i64) -> Vec<(Spend, i64)> {
    let mut left = amount;
    let mut shares = Vec::new();
    let mut last_first = spends.to_vec();
    last_first.sort_by_key(|spend| std::cmp::Reverse(spend.seq));
    for spend in last_first {
        let part = (spend.amount - spend.given_back).min(left);
        if part > 0 {
            left -= part;
            shares.push((spend, part));
        }
    }
    shares
}

fn take(holds: &mut Vec<Held>, wallet: WalletId, amount: i64) -> i64 {
    if amount <= 0 {
        return 0;
    }
    holds.push(Held {
        wallet,
        position: holds.len() as i64,
        amount,
    });
    amount
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::WalletKind;

    const NOW: Timestamp = Timestamp::from_micros(1_000);

    fn wallet(id: u128, balance: i64, held: i64) -> Wallet {
        let id = WalletId::from_u128(id);
        Wallet {
            balance,
            held,
            ..Wallet::empty(id, WalletKind::GiftCard, Currency::EUR, NOW)
        }
    }

    fn shop(all: Vec<Wallet>) -> BTreeMap<WalletId, Wallet> {
        all.into_iter().map(|wallet| (wallet.id, wallet)).collect()
    }

    fn card(id: u128) -> Option<WalletId> {
        Some(WalletId::from_u128(id))
    }

    fn parts(holds: &[Held]) -> Vec<(u128, i64)> {
        let part = |held: &Held| (held.wallet.as_u128(), held.amount);
        holds.iter().map(part).collect()
    }

    #[test]
    fn cards_are_used_in_the_order_given_and_credit_last() {
        let wallets = shop(vec![wallet(1, 30, 0), wallet(2, 50, 20), wallet(3, 500, 0)]);
        let plan = |due| {
            let cards = [card(2), card(1), card(2)];
            plan_hold(&wallets, &[], &cards, card(3), Currency::EUR, due, NOW)
                .map(|holds| parts(&holds))
        };
        assert_eq!(plan(100), Ok(vec![(2, 30), (1, 30), (3, 40)]));
        assert_eq!(plan(30), Ok(vec![(2, 30)]));
        assert_eq!(plan(0), Ok(vec![]));
    }

    #[test]
    fn what_the_order_held_itself_counts_as_free() {
        let wallets = shop(vec![wallet(1, 30, 30)]);
        let before = [Held {
            wallet: WalletId::from_u128(1),
            position: 0,
            amount: 25,
        }];
        let plan = |before: &[Held]| {
            plan_hold(&wallets, before, &[card(1)], None, Currency::EUR, 40, NOW)
                .map(|holds| parts(&holds))
        };
        assert_eq!(plan(&before), Ok(vec![(1, 25)]));
        let refusal = Refusal {
            position: 1,
            reason: "is empty",
        };
        assert_eq!(plan(&[]), Err(refusal));
    }

    #[test]
    fn a_card_that_cannot_be_used_is_named_by_its_place() {
        let ended = Wallet {
            expires_at: Some(NOW),
            ..wallet(2, 10, 0)
        };
        let disabled = Wallet {
            disabled: true,
            ..wallet(3, 10, 0)
        };
        let wallets = shop(vec![wallet(1, 10, 0), ended, disabled]);
        let reason = |id, currency| {
            plan_hold(&wallets, &[], &[card(1), id], None, currency, 5, NOW)
                .map_err(|refusal| (refusal.position, refusal.reason))
                .map(|_| ())
        };
        assert_eq!(reason(card(2), Currency::EUR), Err((2, "has ended")));
        assert_eq!(reason(card(3), Currency::EUR), Err((2, "has ended")));
        assert_eq!(reason(card(9), Currency::EUR), Err((2, "is not known")));
        assert_eq!(reason(None, Currency::EUR), Err((2, "is not known")));
        assert_eq!(
            reason(card(1), Currency::USD),
            Err((1, "is in another currency"))
        );
    }

    #[test]
    fn the_last_used_gets_back_first() {
        let spend = |seq, amount, given_back| Spend {
            seq,
            wallet: WalletId::from_u128(seq as u128),
            amount,
            given_back,
        };
        let spends = [spend(0, 10, 0), spend(1, 10, 4), spend(2, 10, 10)];
        let shares = |amount| -> Vec<(i64, i64)> {
            let shared = share_back(&spends, amount);
            shared
                .iter()
                .map(|(spend, part)| (spend.seq, *part))
                .collect()
        };
        assert_eq!(shares(3), [(1, 3)]);
        assert_eq!(shares(8), [(1, 6), (0, 2)]);
        assert_eq!(shares(99), [(1, 6), (0, 10)]);
        assert_eq!(shares(0), []);
        assert_eq!(shares(-5), []);
    }

    proptest! {
        #[test]
        fn a_hold_is_the_lesser_of_what_is_due_and_what_there_is(
            stock in prop::collection::vec((1_i64..1_000, 0_i64..1_000), 1..10),
            due in -10_i64..5_000,
        ) {
            let all: Vec<Wallet> = stock
                .iter()
                .enumerate()
                .map(|(at, &(free, held))| wallet(at as u128, free + held, held))
                .collect();
            let cards: Vec<_> = all.iter().map(|wallet| Some(wallet.id)).collect();
            let there: i64 = all.iter().map(Wallet::available).sum();
            let wallets = shop(all);
            let holds = plan_hold(&wallets, &[], &cards, None, Currency::EUR, due, NOW)
                .expect("all can be used");
            prop_assert_eq!(holds.iter().map(|held| held.amount).sum::<i64>(), there.min(due.max(0)));
            for held in holds {
                prop_assert!(held.amount <= wallets[&held.wallet].available());
            }
        }
    }
}
