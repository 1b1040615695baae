//! What the cart and its drawer show. Amounts arrive ready to print.

use serde::Serialize;

use super::{Frame, Meta, Picture};

#[derive(Debug, Clone, Serialize)]
pub struct CartLine {
    pub title: String,
    pub variant: Option<String>,
    pub url: String,
    pub image: Option<Picture>,
    pub unit_price: String,
    /// The unit price when the line was last changed, where it is another now.
    pub price_was: Option<String>,
    pub quantity: u32,
    pub quantity_max: u32,
    pub total: String,
    /// What promotions take off this line.
    pub discounts: Vec<TotalRow>,
    /// Where the new quantity is posted.
    pub action: String,
    pub remove_action: String,
    /// Why this line stops the checkout, such as "Only 2 left".
    pub problem: Option<String>,
    /// Units that can be had in place of those asked for: one press takes them.
    pub offer: Option<u32>,
}

/// One row of a sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TotalRow {
    pub label: String,
    pub amount: String,
}

/// How an amount comes about.
#[derive(Debug, Clone, Serialize)]
pub struct Totals {
    pub subtotal: String,
    pub discounts: Vec<TotalRow>,
    pub shipping: String,
    pub shipping_note: Option<String>,
    pub taxes: Vec<TotalRow>,
    /// The taxes are part of the prices: told below the total, not added to it.
    pub tax_included: bool,
    pub total: String,
    /// After the total: gift cards, what was paid, what went back.
    pub settled: Vec<TotalRow>,
    /// What is left to pay, where it is not the total.
    pub due: Option<String>,
}

/// A promotion code of the cart.
#[derive(Debug, Clone, Serialize)]
pub struct CouponTag {
    pub code: String,
    pub applied: bool,
    /// What it does, or why it does nothing.
    pub text: String,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct CouponBox {
    pub codes: Vec<CouponTag>,
    pub typed: String,
    pub error: Option<String>,
}

/// What the shopper wants the shop to know.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NoteBox {
    pub text: String,
    pub length_max: usize,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct CartView {
    pub frame: Frame,
    pub meta: Meta,
    pub lines: Vec<CartLine>,
    pub totals: Totals,
    pub coupons: CouponBox,
    pub note: NoteBox,
    /// What changed since the shopper last looked.
    pub notices: Vec<String>,
    /// Whether a press accepts the prices of now.
    pub accept: bool,
    pub can_checkout: bool,
    /// It is being paid for: nothing can be changed.
    pub frozen: bool,
    pub continue_url: String,
}
