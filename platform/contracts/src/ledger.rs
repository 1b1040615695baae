//! Money on the books, gift cards and store credit: what other modules may ask of `ledger`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    AttemptId, Currency, CustomerId, EntryId, Fact, GiftCardId, Money, OrderId, RefundId, TenantId,
};
use stoa_storage::{Cause, Tx};

/// The largest amount of one line in the books, in minor units: sums of millions of them fit in 64
/// bits. Nothing larger may be charged, or it could not be booked.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// Something that moved money; each kind posts its own balanced lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posting {
    /// Captured through a provider, or received by hand.
    Captured {
        provider: String,
        attempt: AttemptId,
    },
    /// Given back through a provider, or by hand.
    Refunded { provider: String, refund: RefundId },
    /// What was given back through a provider did not arrive, and is ours again.
    RefundReversed { provider: String, refund: RefundId },
    /// A cardholder took the money back, and won it (`lost` is ours).
    DisputeLost {
        provider: String,
        attempt: AttemptId,
    },
    /// A dispute that was booked as lost was decided for us after all.
    DisputeWon {
        provider: String,
        attempt: AttemptId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// What a provider owes us.
    ProviderClearing,
    /// What customers paid for orders.
    Sales,
    /// What we owe to holders of gift cards.
    GiftCards,
    /// What we owe to customers as store credit.
    StoreCredit,
    /// Gift cards and credit that staff gave away.
    Promotional,
    /// Charges that cardholders took back.
    Disputes,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum GiftCardError {
    /// Unknown, ended, of another currency, or empty. Codes are secrets: none is repeated.
    #[error("gift card {position}: {reason}")]
    Refused {
        /// Among the codes given, from 1.
        position: usize,
        reason: String,
    },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Writes balanced entries: debits equal credits. Posting the same fact twice (same variant and
    /// ids, same `id`) changes nothing.
    async fn post(
        &self,
        tx: &mut Tx<'_>,
        id: EntryId,
        order: OrderId,
        posting: &Posting,
        amount: Money,
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// What is left on a gift card.
    async fn gift_card_balance(
        &self,
        tenant: TenantId,
        code: &str,
        currency: Currency,
    ) -> Result<Money, GiftCardError>;

    /// Sets aside up to `due` from these cards, in order; answers how much. An order that holds
    /// some already has it replaced. `customer` adds their store credit, after the cards.
    async fn hold(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        codes: &[String],
        customer: Option<CustomerId>,
        due: Money,
        cause: &Cause,
    ) -> Result<Money, GiftCardError>;

    /// What was set aside is spent. Idempotent; answers how much the order has spent.
    async fn spend(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        currency: Currency,
        cause: &Cause,
    ) -> Result<Money, stoa_storage::Error>;

    /// What was set aside and not spent is free again. Idempotent.
    async fn release(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Puts money of an order back onto the cards and credit that paid for it, last used first, for
    /// this refund; answers how much, at most `amount` and at most what they paid. Idempotent per
    /// refund. What comes back onto a card that has ended is told as [`GiftCardStranded`].
    async fn give_back(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: RefundId,
        amount: Money,
        cause: &Cause,
    ) -> Result<Money, stoa_storage::Error>;

    /// Gives a customer store credit for a refund. Idempotent per refund.
    async fn credit(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        refund: RefundId,
        amount: Money,
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;
}

/// A gift card was issued, spent, topped up or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiftCardChanged {
    pub gift_card: GiftCardId,
    pub balance: Money,
}

impl Fact for GiftCardChanged {
    const TYPE: &'static str = "ledger.gift_card_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.gift_card.to_string()
    }
}

/// Money was given back onto a gift card that nobody can spend: people must hand it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiftCardStranded {
    pub gift_card: GiftCardId,
    pub order: OrderId,
    pub refund: RefundId,
    /// What came back onto it.
    pub amount: Money,
}

impl Fact for GiftCardStranded {
    const TYPE: &'static str = "ledger.gift_card_stranded";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.gift_card.to_string()
    }
}
