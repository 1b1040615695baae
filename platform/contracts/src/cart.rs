//! Carts: what other modules may ask of `cart`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    CartId, Currency, CustomerId, Fact, LineId, Money, OrderId, Quantity, TenantId, Timestamp,
    VariantId,
};
use stoa_storage::Tx;

use crate::pricing::{Adjustment, AppliedPromotion, RefusedCoupon, ShippingOption, TaxLine};
use crate::{Address, Totals};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartStatus {
    Open,
    /// A payment attempt is open: nothing can be changed.
    Frozen,
    /// It became a paid order.
    Completed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartView {
    pub id: CartId,
    pub status: CartStatus,
    pub currency: Currency,
    pub lines: Vec<CartLineView>,
    pub email: Option<String>,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option_id: Option<String>,
    /// The option chosen, with its price before promotions.
    pub shipping: Option<ShippingOption>,
    /// Codes as the shopper typed them.
    pub coupons: Vec<String>,
    pub refused_coupons: Vec<RefusedCoupon>,
    pub promotions: Vec<AppliedPromotion>,
    pub taxes: Vec<TaxLine>,
    /// What the shopper wants the shop to know.
    pub note: Option<String>,
    pub customer_id: Option<CustomerId>,
    pub totals: Totals,
    /// Whether unit prices include tax.
    pub tax_inclusive: bool,
    /// What changed since the shopper last looked, and what stands in the way of buying.
    pub notices: Vec<CartNotice>,
    /// An open cart that nobody touches until then is removed.
    pub expires_at: Timestamp,
    /// The order made of it, once there is one.
    pub order_id: Option<OrderId>,
    /// Rises with every change; the ETag.
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartLineView {
    pub id: LineId,
    pub variant_id: VariantId,
    pub product_handle: String,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    pub quantity: Quantity,
    pub unit_price: Money,
    /// Net of tax, before discount.
    pub subtotal: Money,
    /// Net of tax.
    pub discount: Money,
    pub tax: Money,
    /// `subtotal - discount + tax`.
    pub total: Money,
    pub adjustments: Vec<Adjustment>,
    /// Whether this quantity could be reserved now.
    pub available: bool,
}

/// Something the shopper should know before buying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CartNotice {
    /// The unit price is another than when the line was last changed.
    PriceChanged {
        line_id: LineId,
        before: Money,
        now: Money,
    },
    /// Fewer can be had than the line asks for; 0 is none.
    StockShort { line_id: LineId, available: i64 },
    /// The variant is not for sale any more.
    NotForSale { line_id: LineId },
    /// The delivery chosen is not offered for this cart any more.
    ShippingGone { shipping_option_id: String },
    /// Units of a guest's cart that found no room in the customer's when they signed in.
    NotMerged {
        variant_id: VariantId,
        title: String,
        units: i64,
    },
}

/// A cart and the secret that opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct CartKey {
    pub id: CartId,
    pub token: String,
}

// The token is a secret: it stays out of logs.
impl std::fmt::Debug for CartKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CartKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Fields to set; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CartUpdate {
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub shipping_address: Option<Address>,
    #[serde(default)]
    pub billing_address: Option<Address>,
    #[serde(default)]
    pub shipping_option_id: Option<String>,
    /// Promotion codes, in place of those given before. One that does not apply is kept and told
    /// of in `refused_coupons`: it may apply once the cart has changed.
    #[serde(default)]
    pub coupons: Option<Vec<String>>,
    /// An empty one clears it.
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum CartError {
    #[error("no such cart, or its token is wrong")]
    NotFound,
    #[error("no such line")]
    LineNotFound,
    #[error("the cart is being paid for, or has been")]
    NotOpen,
    #[error("{variant} is not for sale")]
    NotForSale { variant: VariantId },
    #[error("only {available} of {variant} can be had")]
    Short {
        variant: VariantId,
        asked: i64,
        available: i64,
    },
    #[error("a cart holds at most {max} lines")]
    TooManyLines { max: usize },
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// What checkout needs of a cart, read under its row lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutCart {
    pub id: CartId,
    pub status: CartStatus,
    pub currency: Currency,
    pub email: Option<String>,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option_id: Option<String>,
    pub coupons: Vec<String>,
    pub note: Option<String>,
    pub customer: Option<CustomerId>,
    pub lines: Vec<(LineId, VariantId, Quantity)>,
    pub order: Option<OrderId>,
}

/// Who left a cart behind, and how they come back to it. Personal data and a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    pub key: CartKey,
    pub email: String,
    pub view: CartView,
}

#[async_trait]
pub trait Carts: Send + Sync + 'static {
    async fn create(&self, tenant: TenantId, currency: Currency) -> Result<CartKey, CartError>;

    async fn view(&self, tenant: TenantId, key: &CartKey) -> Result<CartView, CartError>;

    /// Adds units; a line of the same variant grows.
    async fn add_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        variant: VariantId,
        quantity: Quantity,
    ) -> Result<CartView, CartError>;

    async fn set_quantity(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
        quantity: Quantity,
    ) -> Result<CartView, CartError>;

    async fn remove_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
    ) -> Result<CartView, CartError>;

    async fn update(
        &self,
        tenant: TenantId,
        key: &CartKey,
        update: CartUpdate,
    ) -> Result<CartView, CartError>;

    async fn shipping_options(
        &self,
        tenant: TenantId,
        key: &CartKey,
    ) -> Result<Vec<ShippingOption>, CartError>;

    /// Gives the cart to a customer who signed in. Where they have an open cart already, the guest's
    /// lines are added to it, the guest's cart ends, and the answer is the customer's cart.
    async fn assign(
        &self,
        tenant: TenantId,
        key: &CartKey,
        customer: CustomerId,
    ) -> Result<CartView, CartError>;

    /// The customer's open cart.
    async fn of_customer(
        &self,
        tenant: TenantId,
        customer: CustomerId,
    ) -> Result<Option<CartKey>, CartError>;

    /// For a message to whoever left the cart; `None` where it was bought, has no e-mail address or
    /// is gone.
    async fn recovery(&self, tenant: TenantId, cart: CartId)
    -> Result<Option<Recovery>, CartError>;

    /// The cart as [`Self::lock`] reads it, unlocked, to look ahead of a transaction; `None` where it
    /// is gone. Worth overriding: this one prices the cart and throws the prices away.
    async fn look(
        &self,
        tenant: TenantId,
        key: &CartKey,
    ) -> Result<Option<CheckoutCart>, CartError> {
        match self.view(tenant, key).await {
            Ok(view) => Ok(Some(view.into())),
            Err(CartError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether `token` opens `cart`; no database is asked.
    fn opens(&self, tenant: TenantId, key: &CartKey) -> bool;

    /// Locks the cart's row and reads it.
    async fn lock(
        &self,
        tx: &mut Tx<'_>,
        cart: CartId,
    ) -> Result<Option<CheckoutCart>, stoa_storage::Error>;

    /// Ties the cart to its order and refuses changes until thawed.
    async fn freeze(
        &self,
        tx: &mut Tx<'_>,
        cart: CartId,
        order: OrderId,
    ) -> Result<(), stoa_storage::Error>;

    /// Opens the cart again after a definite decline; it keeps its order.
    async fn thaw(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), stoa_storage::Error>;

    async fn complete(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), stoa_storage::Error>;
}

impl From<CartView> for CheckoutCart {
    fn from(view: CartView) -> Self {
        let lines = view.lines.iter();
        Self {
            id: view.id,
            status: view.status,
            currency: view.currency,
            lines: lines
                .map(|line| (line.id, line.variant_id, line.quantity))
                .collect(),
            email: view.email,
            shipping_address: view.shipping_address,
            billing_address: view.billing_address,
            shipping_option_id: view.shipping_option_id,
            coupons: view.coupons,
            note: view.note,
            customer: view.customer_id,
            order: view.order_id,
        }
    }
}

/// A cart with an e-mail address was left with something in it. Told once per cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartAbandoned {
    pub cart: CartId,
    pub lines: u32,
    /// As last shown, without delivery.
    pub value: Money,
}

impl Fact for CartAbandoned {
    const TYPE: &'static str = "cart.abandoned";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.cart.to_string()
    }
}
