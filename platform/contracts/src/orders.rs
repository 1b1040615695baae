//! Orders: what other modules may ask of `orders`, and what it tells.

mod care;
mod facts;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    AttemptId, CartId, Currency, CustomerId, FulfilmentId, LineId, Money, OrderId, ProductId,
    Quantity, ReturnId, TenantId, Timestamp, VariantId,
};
use stoa_storage::{Cause, Tx};

use crate::bundles::{LineComponent, LineGoods};
use crate::inventory::Allocation;
use crate::pricing::{Adjustment, AppliedPromotion, TaxLine};
use crate::{Address, Totals};

pub use self::care::{
    FulfilmentState, FulfilmentStep, FulfilmentView, LineUnits, NewFulfilment, NewReturn,
    OrderEdit, RefundRecord, RefundReversal, ReturnLine, ReturnState, ReturnView, TimelineEntry,
    Tracking,
};
pub use self::facts::{
    FulfilmentChanged, OrderCanceled, OrderEdited, OrderPaid, OrderPlaced, OrderRefunded,
    OrderRestPaid, OrderedLine, ReturnChanged,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Draft,
    Pending,
    Completed,
    Archived,
    Canceled,
    RequiresAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Pending,
    Authorized,
    PartiallyPaid,
    Paid,
    PartiallyRefunded,
    Refunded,
    Voided,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FulfilmentStatus {
    NotFulfilled,
    PartiallyFulfilled,
    Fulfilled,
    PartiallyShipped,
    Shipped,
    PartiallyDelivered,
    Delivered,
    Canceled,
}

/// Everything an order copies at the moment it is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub id: OrderId,
    /// `None` for an order that staff drafted.
    pub cart: Option<CartId>,
    pub customer: Option<CustomerId>,
    /// What the shopper wants the shop to know.
    pub note: Option<String>,
    pub promotions: Vec<AppliedPromotion>,
    pub taxes: Vec<TaxLine>,
    /// What gift cards pay of the total.
    pub gift_card: Money,
    pub email: String,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option: Option<String>,
    pub lines: Vec<NewOrderLine>,
    pub totals: Totals,
    pub tax_inclusive: bool,
    pub test: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrderLine {
    pub id: LineId,
    pub variant: VariantId,
    pub product: ProductId,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    pub quantity: Quantity,
    pub requires_shipping: bool,
    pub grams: i64,
    pub unit_price: Money,
    /// Net of tax, before discount.
    pub subtotal: Money,
    /// Net of tax.
    pub discount: Money,
    pub tax: Money,
    /// `subtotal - discount + tax`.
    pub total: Money,
    pub adjustments: Vec<Adjustment>,
    /// What one unit of it is made of, where it is a bundle: kept as it was sold.
    pub components: Vec<LineComponent>,
}

impl NewOrderLine {
    /// What its units take from the shelves.
    pub fn goods(&self) -> LineGoods<'_> {
        LineGoods {
            variant: self.variant,
            units: self.quantity.as_i64(),
            components: &self.components,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderView {
    pub id: OrderId,
    /// The human order number, unique per tenant; numbers may have gaps.
    pub number: i64,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub fulfilment_status: FulfilmentStatus,
    pub email: String,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option: Option<String>,
    pub currency: Currency,
    pub lines: Vec<OrderLineView>,
    pub totals: Totals,
    pub tax_inclusive: bool,
    /// Whether it was paid in test mode; such orders stay out of reports.
    pub test: bool,
    pub placed_at: Timestamp,
    pub paid_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    /// Why the last attempt was declined, or the order canceled.
    pub reason: Option<String>,
    /// `None` for an order that staff drafted.
    pub cart_id: Option<CartId>,
    pub customer_id: Option<CustomerId>,
    pub note: Option<String>,
    pub promotions: Vec<AppliedPromotion>,
    pub taxes: Vec<TaxLine>,
    /// What gift cards pay of the total.
    pub gift_card: Money,
    /// Received so far: provider, manual payments and gift cards.
    pub paid: Money,
    pub refunded: Money,
    /// Somebody asked to cancel it; it is canceled once its money is back.
    pub cancel_requested_at: Option<Timestamp>,
    pub fulfilments: Vec<FulfilmentView>,
    pub returns: Vec<ReturnView>,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLineView {
    pub id: LineId,
    pub variant_id: VariantId,
    pub product_id: ProductId,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    pub quantity: Quantity,
    pub requires_shipping: bool,
    pub grams: i64,
    pub unit_price: Money,
    /// Net of tax, before discount.
    pub subtotal: Money,
    /// Net of tax.
    pub discount: Money,
    pub tax: Money,
    /// `subtotal - discount + tax`.
    pub total: Money,
    pub adjustments: Vec<Adjustment>,
    /// Units in fulfilments that were not canceled.
    pub fulfilled: i64,
    /// Units that came back.
    pub returned: i64,
    /// Units whose money went back.
    pub refunded: i64,
    /// What one unit of it is made of, where it is a bundle: as it was sold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<LineComponent>,
}

impl OrderLineView {
    /// What so many of its units take from the shelves.
    pub fn goods(&self, units: i64) -> LineGoods<'_> {
        LineGoods {
            variant: self.variant_id,
            units,
            components: &self.components,
        }
    }
}

/// Where an order stands, for a decision in the caller's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    pub id: OrderId,
    pub cart: Option<CartId>,
    pub paid: Money,
    pub refunded: Money,
    pub cancel_requested: bool,
    pub version: i64,
    pub status: OrderStatus,
    pub payment: PaymentStatus,
    pub fulfilment: FulfilmentStatus,
    pub total: Money,
    /// Whether goods may leave: the money of all of it is here or promised, and nobody cancels it.
    pub may_leave: bool,
}

/// What may happen to an order's payment; the transition table decides whether it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentStep {
    /// The shopper must do something at the provider.
    NeedsAction,
    /// The shopper did, or need not after all.
    ActionTaken,
    /// The money is promised, not taken: a capture or a payment on delivery follows.
    Authorized { attempt: AttemptId },
    /// Money came: `amount` of it through `attempt`, in addition to what gift cards paid. The order
    /// is paid once it reaches the total, partially paid before.
    Paid { attempt: AttemptId, amount: Money },
    /// The attempt failed for good; the order waits for another.
    Declined { reason: String },
    /// Nobody paid in time, or somebody canceled: it will not be paid. Of a paid order only once
    /// all its money is back.
    Canceled { reason: String },
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    #[error("no such order")]
    NotFound,
    #[error("an order that is {status:?}/{payment:?} cannot be {step}")]
    Transition {
        status: OrderStatus,
        payment: PaymentStatus,
        step: &'static str,
    },
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[async_trait]
pub trait Orders: Send + Sync + 'static {
    /// Holds order numbers ready for [`Self::create`]. Call it before the transaction; it asks the
    /// database only where few are left. Without it every order waits for the tenant's one row.
    async fn ensure_numbers(&self, tenant: TenantId) -> Result<(), stoa_storage::Error>;

    /// Writes a pending order; returns its number. One order per cart.
    async fn create(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError>;

    /// Replaces lines, addresses and totals of a declined order that is tried again.
    async fn revise(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError>;

    /// Locks the order's row and reads where it stands.
    async fn lock(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<Option<OrderState>, stoa_storage::Error>;

    /// Applies a step; one that has been applied already changes nothing and is no error.
    async fn step(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        step: &PaymentStep,
        cause: &Cause,
    ) -> Result<OrderState, OrderError>;

    async fn view(&self, tenant: TenantId, order: OrderId) -> Result<OrderView, OrderError>;

    /// As [`Self::view`], in the caller's transaction.
    async fn view_in(&self, tx: &mut Tx<'_>, order: OrderId) -> Result<OrderView, OrderError>;

    /// Writes a draft, which holds nothing and is not for sale until it is placed. Answers its
    /// number.
    async fn create_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError>;

    /// Replaces a draft's content.
    async fn revise_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError>;

    /// A draft becomes a pending order, as [`Self::create`] makes one, and tells so.
    async fn place_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError>;

    /// Packs goods: at most what is not fulfilled yet, of an order whose whole total is paid,
    /// authorised or to be paid on delivery (`OrderState::may_leave`). A second call with the same id
    /// changes nothing.
    async fn fulfil(
        &self,
        tx: &mut Tx<'_>,
        fulfilment: &NewFulfilment,
        cause: &Cause,
    ) -> Result<FulfilmentView, OrderError>;

    /// As [`Self::fulfil`], of an order of which only part is paid or promised: staff send it on
    /// trust. Where that is not known, as [`Self::fulfil`].
    async fn fulfil_on_trust(
        &self,
        tx: &mut Tx<'_>,
        fulfilment: &NewFulfilment,
        cause: &Cause,
    ) -> Result<FulfilmentView, OrderError> {
        self.fulfil(tx, fulfilment, cause).await
    }

    /// Answers the fulfilment and, where it was canceled just now, what had been taken where.
    async fn step_fulfilment(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        fulfilment: FulfilmentId,
        step: &FulfilmentStep,
        cause: &Cause,
    ) -> Result<(FulfilmentView, Vec<Allocation>), OrderError>;

    /// Announces a return of at most what was fulfilled and has not come back. Exchange lines are
    /// added to the order; its sums are not touched (an exchange is even, or is edited apart).
    async fn open_return(
        &self,
        tx: &mut Tx<'_>,
        new: &NewReturn,
        cause: &Cause,
    ) -> Result<ReturnView, OrderError>;

    /// Ends a return: `received` units per line arrived, or it was refused or canceled.
    async fn close_return(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: ReturnId,
        state: ReturnState,
        received: &[LineUnits],
        cause: &Cause,
    ) -> Result<ReturnView, OrderError>;

    /// Writes a refund that has succeeded. One that is written already changes nothing. Never above
    /// what was paid.
    async fn refunded(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: &RefundRecord,
        cause: &Cause,
    ) -> Result<OrderState, OrderError>;

    /// Writes that a refund did not arrive, whole or in part: the order has the money again. `None`
    /// where that changes nothing: it is written already, or the refund never was. Units whose goods
    /// were given up with it stay given up.
    async fn refund_reversed(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        reversal: &RefundReversal,
        cause: &Cause,
    ) -> Result<Option<OrderState>, OrderError> {
        let _ = (tx, order, reversal, cause);
        Ok(None)
    }

    /// Refuses fulfilments from now on; the order is canceled by [`PaymentStep::Canceled`] once its
    /// money is back. Of an order of which nothing was fulfilled. Idempotent.
    async fn request_cancel(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        reason: &str,
        cause: &Cause,
    ) -> Result<OrderState, OrderError>;

    /// Replaces lines and sums of an order that is not fulfilled. What is owed or owing afterwards
    /// shows in `paid` against the total.
    async fn edit(
        &self,
        tx: &mut Tx<'_>,
        edit: &OrderEdit,
        cause: &Cause,
    ) -> Result<OrderState, OrderError>;

    /// Adds a line to the order's timeline.
    async fn tell(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        kind: &'static str,
        text: &str,
        cause: &Cause,
    ) -> Result<(), OrderError>;

    /// The secret that opens the order to whoever placed it.
    fn token(&self, tenant: TenantId, order: OrderId) -> String;

    fn opens(&self, tenant: TenantId, order: OrderId, token: &str) -> bool;

    /// Orders placed before `before` that still wait for payment or to be canceled, oldest first,
    /// from after the order given.
    async fn waiting(
        &self,
        tenant: TenantId,
        before: Timestamp,
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<Vec<OrderId>, stoa_storage::Error>;
}
