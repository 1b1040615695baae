//! Cards and credit as means of payment, and what providers moved. Order's row first, then the
//! wallets in id order: whoever keeps to that never waits in a circle.

use std::collections::{BTreeMap, BTreeSet};

use stoa_contracts::ledger::{GiftCardError, GiftCardStranded, Posting};
use stoa_kernel::{Currency, CustomerId, EntryId, Money, OrderId, RefundId, kind};
use stoa_storage::{Cause, Error, Tx};

use super::{Books, actor};
use crate::domain::{
    Account, Entry, EntryKind, GiftCode, Held, Lines, Refusal, Wallet, WalletId, WalletKind,
    WalletMark, plan_hold, share_back,
};
use crate::infrastructure::{self as store, WALLETS_LOCKED_MAX, WalletChange};

/// Cards that one order may be paid with.
const CARDS_PER_ORDER_MAX: usize = 10;

// What an order held before and what it asks for, each with one credit, are locked at once.
const _: () = assert!(2 * (CARDS_PER_ORDER_MAX + 1) <= WALLETS_LOCKED_MAX);

/// What an order wants set aside.
#[derive(Clone, Copy)]
pub(super) struct HoldRequest<'r> {
    pub(super) order: OrderId,
    pub(super) codes: &'r [String],
    pub(super) customer: Option<CustomerId>,
    pub(super) due: Money,
}

impl From<Refusal> for GiftCardError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            position: refusal.position,
            reason: refusal.reason.to_owned(),
        }
    }
}

impl Books {
    pub(super) async fn post_in(
        &self,
        tx: &mut Tx<'_>,
        id: EntryId,
        order: OrderId,
        posting: &Posting,
        amount: Money,
        cause: &Cause,
    ) -> Result<(), Error> {
        // Nothing moved, nothing to write: an order that cards pay for in full is captured for 0.
        if amount.amount == 0 {
            return Ok(());
        }
        let entry = Entry::of_posting(id, order, posting, amount.currency, amount.amount)?;
        if store::insert_entry(tx, &entry, &actor(cause)?, cause.occurred_at).await? {
            return Ok(());
        }
        match store::find_entry(tx, id).await? {
            Some(written) if entry.is_as(&written) => Ok(()),
            _ => Err(store::refused(format!("{id} is another entry"))),
        }
    }

    /// After an `Err` nothing was set aside or given up, and the caller's body returns one too.
    pub(super) async fn hold_in(
        &self,
        tx: &mut Tx<'_>,
        request: HoldRequest<'_>,
        cause: &Cause,
    ) -> Result<Money, GiftCardError> {
        let HoldRequest { order, due, .. } = request;
        let asks = due.amount > 0 && (!request.codes.is_empty() || request.customer.is_some());
        let known = store::lock_tender(tx, order).await?;
        if !known && !asks {
            return Ok(Money::zero(due.currency));
        }
        let mut used = 0;
        if known {
            used = store::spends_of(tx, order, due.currency).await?.len();
        }
        let room = CARDS_PER_ORDER_MAX.saturating_sub(used);
        if request.codes.len() > room {
            return Err(GiftCardError::Refused {
                position: room + 1,
                reason: format!("is one too many: at most {CARDS_PER_ORDER_MAX} pay for an order"),
            });
        }
        let (cards, credit) = self.asked(tx, request).await?;
        if !known {
            // An order that holds nothing and can have nothing gets no row.
            if cards.is_empty() && credit.is_none() {
                return Ok(Money::zero(due.currency));
            }
            store::open_tender(tx, order, cause.occurred_at).await?;
        }
        let before = store::held_by(tx, order).await?;
        let ids = before.iter().map(|held| held.wallet);
        let ids: BTreeSet<WalletId> = ids
            .chain(cards.iter().flatten().copied())
            .chain(credit)
            .collect();
        let wallets = store::locked(tx, &ids).await?;
        let now = cause.occurred_at;
        let after = plan_hold(
            &wallets,
            &before,
            &cards,
            credit,
            due.currency,
            due.amount,
            now,
        )?;
        replace_holds(tx, order, &before, &after, cause).await?;
        let held = after.iter().map(|held| held.amount).sum();
        Ok(Money::new(held, due.currency))
    }

    /// The cards that the codes open, in order, and the customer's credit.
    async fn asked(
        &self,
        tx: &mut Tx<'_>,
        request: HoldRequest<'_>,
    ) -> Result<(Vec<Option<WalletId>>, Option<WalletId>), Error> {
        let mut cards = Vec::with_capacity(request.codes.len());
        for code in request.codes {
            let card = match GiftCode::parse(code) {
                Some(code) => store::by_code(tx, &self.codes.hash(tx.tenant(), &code)).await?,
                None => None,
            };
            cards.push(card.map(|card| card.id));
        }
        let credit = match request.customer {
            Some(customer) => {
                let credits = store::credits_of(tx, customer).await?;
                let mut ours = credits
                    .into_iter()
                    .filter(|credit| credit.currency == request.due.currency);
                ours.next().map(|credit| credit.id)
            }
            None => None,
        };
        Ok((cards, credit))
    }

    pub(super) async fn spend_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        currency: Currency,
        cause: &Cause,
    ) -> Result<Money, Error> {
        if !store::lock_tender(tx, order).await? {
            return Ok(Money::zero(currency));
        }
        let holds = store::held_by(tx, order).await?;
        if !holds.is_empty() {
            self.spend_holds(tx, order, &holds, cause).await?;
        }
        let spent = store::spent_in(tx, order, currency).await?;
        Ok(Money::new(spent, currency))
    }

    async fn spend_holds(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        holds: &[Held],
        cause: &Cause,
    ) -> Result<(), Error> {
        let parts: Vec<(WalletId, i64)> = holds
            .iter()
            .map(|held| (held.wallet, held.amount))
            .collect();
        let wallets = lock_all(tx, &parts).await?;
        // One order is in one currency, and so are the wallets that it holds.
        let currency = wallets.values().map(|wallet| wallet.currency).next();
        let currency = currency.ok_or_else(|| store::refused("holds without cards".to_owned()))?;
        let lines = wallet_lines(&wallets, &parts);
        let entry = Entry {
            id: self.entry_id(cause),
            kind: EntryKind::Spent,
            order: Some(order),
            source: None,
            currency,
            reason: None,
            lines: Lines::of_wallets(&lines, Account::Sales)?,
        };
        let changes: Vec<WalletChange> = parts
            .iter()
            .map(|&(wallet, amount)| WalletChange {
                wallet,
                balance: -amount,
                held: -amount,
            })
            .collect();
        store::change(tx, &changes, cause.occurred_at).await?;
        store::drop_holds(tx, order).await?;
        store::add_spends(tx, order, holds, currency).await?;
        self.write(tx, &entry, cause).await?;
        self.tell_changes(tx, &wallets, &changes, cause).await
    }

    pub(super) async fn release_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), Error> {
        if !store::lock_tender(tx, order).await? {
            return Ok(());
        }
        let holds = store::held_by(tx, order).await?;
        if holds.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<WalletId> = holds.iter().map(|held| held.wallet).collect();
        store::locked(tx, &ids).await?;
        replace_holds(tx, order, &holds, &[], cause).await
    }

    pub(super) async fn give_back_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: RefundId,
        amount: Money,
        cause: &Cause,
    ) -> Result<Money, Error> {
        let currency = amount.currency;
        if amount.amount <= 0 || !store::lock_tender(tx, order).await? {
            return Ok(Money::zero(currency));
        }
        let kind = EntryKind::GivenBack;
        if let Some(before) = store::find_refund(tx, refund, kind).await? {
            return Ok(Money::new(before, currency));
        }
        let spends = store::spends_of(tx, order, currency).await?;
        let shares = share_back(&spends, amount.amount);
        let total: i64 = shares.iter().map(|(_, part)| part).sum();
        if !store::insert_refund(tx, refund, kind, total, cause.occurred_at).await? {
            return Err(store::refused(format!("{refund} belongs to another order")));
        }
        if total == 0 {
            return Ok(Money::zero(currency));
        }
        let mut merged: BTreeMap<WalletId, i64> = BTreeMap::new();
        for (spend, part) in &shares {
            *merged.entry(spend.wallet).or_insert(0) += part;
        }
        let parts: Vec<(WalletId, i64)> = merged.into_iter().collect();
        let wallets = lock_all(tx, &parts).await?;
        let onto: Vec<(WalletId, i64)> = parts.iter().map(|&(id, part)| (id, -part)).collect();
        let entry = Entry {
            id: self.entry_id(cause),
            kind,
            order: Some(order),
            source: Some(refund.to_string()),
            currency,
            reason: None,
            lines: Lines::of_wallets(&wallet_lines(&wallets, &onto), Account::Sales)?,
        };
        let changes: Vec<WalletChange> = parts
            .iter()
            .map(|&(wallet, balance)| WalletChange {
                wallet,
                balance,
                held: 0,
            })
            .collect();
        store::change(tx, &changes, cause.occurred_at).await?;
        store::give_back_spends(tx, order, &shares).await?;
        self.write(tx, &entry, cause).await?;
        self.tell_changes(tx, &wallets, &changes, cause).await?;
        self.tell_stranded(tx, order, refund, &wallets, &changes, cause)
            .await?;
        Ok(Money::new(total, currency))
    }

    /// What came back onto a card that has ended is owed all the same, and its holder cannot spend
    /// it: only people can hand out another card in its place.
    async fn tell_stranded(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: RefundId,
        wallets: &BTreeMap<WalletId, Wallet>,
        changes: &[WalletChange],
        cause: &Cause,
    ) -> Result<(), Error> {
        for change in changes {
            let wallet = wallets.get(&change.wallet);
            let ended = wallet.filter(|wallet| wallet.has_ended(cause.occurred_at));
            let Some((gift_card, wallet)) = ended.and_then(|it| Some((it.gift_card()?, it))) else {
                continue;
            };
            let stranded = GiftCardStranded {
                gift_card,
                order,
                refund,
                amount: Money::new(change.balance, wallet.currency),
            };
            let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
            tx.emit(id, cause, &stranded).await?;
        }
        Ok(())
    }

    pub(super) async fn credit_in(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        refund: RefundId,
        amount: Money,
        cause: &Cause,
    ) -> Result<(), Error> {
        let (kind, at) = (EntryKind::Credited, cause.occurred_at);
        if amount.amount <= 0 || !store::insert_refund(tx, refund, kind, amount.amount, at).await? {
            return Ok(());
        }
        let credit = self.credit_of(tx, customer, amount.currency, cause).await?;
        let account = Account::Wallet(WalletKind::StoreCredit, credit.id);
        let entry = Entry {
            id: self.entry_id(cause),
            kind,
            order: None,
            source: Some(refund.to_string()),
            currency: amount.currency,
            reason: None,
            lines: Lines::between(Account::Sales, account, amount.amount)?,
        };
        let change = WalletChange {
            wallet: credit.id,
            balance: amount.amount,
            held: 0,
        };
        store::change(tx, &[change], at).await?;
        self.write(tx, &entry, cause).await
    }

    /// The customer's credit, locked; it comes into being when it is first needed.
    pub(super) async fn credit_of(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        currency: Currency,
        cause: &Cause,
    ) -> Result<Wallet, Error> {
        let at = cause.occurred_at;
        let fresh = self.deps.ids.make::<WalletMark>(at);
        store::open_credit(tx, fresh, customer, currency, at).await
    }

    async fn tell_changes(
        &self,
        tx: &mut Tx<'_>,
        wallets: &BTreeMap<WalletId, Wallet>,
        changes: &[WalletChange],
        cause: &Cause,
    ) -> Result<(), Error> {
        for change in changes {
            if let Some(wallet) = wallets.get(&change.wallet) {
                let mut wallet = wallet.clone();
                wallet.balance += change.balance;
                self.tell(tx, &wallet, cause).await?;
            }
        }
        Ok(())
    }
}

/// The wallets are locked: what they hold changes by the difference.
async fn replace_holds(
    tx: &mut Tx<'_>,
    order: OrderId,
    before: &[Held],
    after: &[Held],
    cause: &Cause,
) -> Result<(), Error> {
    let mut deltas: BTreeMap<WalletId, i64> = BTreeMap::new();
    for held in before {
        *deltas.entry(held.wallet).or_insert(0) -= held.amount;
    }
    for held in after {
        *deltas.entry(held.wallet).or_insert(0) += held.amount;
    }
    let changes: Vec<WalletChange> = deltas
        .into_iter()
        .filter(|&(_, held)| held != 0)
        .map(|(wallet, held)| WalletChange {
            wallet,
            balance: 0,
            held,
        })
        .collect();
    store::change(tx, &changes, cause.occurred_at).await?;
    if !before.is_empty() {
        store::drop_holds(tx, order).await?;
    }
    store::insert_holds(tx, order, after).await
}

async fn lock_all(
    tx: &mut Tx<'_>,
    parts: &[(WalletId, i64)],
) -> Result<BTreeMap<WalletId, Wallet>, Error> {
    let ids: BTreeSet<WalletId> = parts.iter().map(|&(id, _)| id).collect();
    let wallets = store::locked(tx, &ids).await?;
    match wallets.len() == ids.len() {
        true => Ok(wallets),
        false => Err(store::refused("a card of this order is gone".to_owned())),
    }
}

/// A part and the kind of wallet that it stands on.
fn wallet_lines(
    wallets: &BTreeMap<WalletId, Wallet>,
    parts: &[(WalletId, i64)],
) -> Vec<(WalletKind, WalletId, i64)> {
    parts
        .iter()
        .filter_map(|&(id, amount)| wallets.get(&id).map(|wallet| (wallet.kind, id, amount)))
        .collect()
}
