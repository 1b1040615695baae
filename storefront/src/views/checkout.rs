//! What checkout, the payment link and the line before the till show. Amounts arrive ready to print.

use serde::Serialize;

use super::{Choice, CouponBox, Frame, Meta, Picture, TotalRow, Totals};

#[derive(Debug, Clone, Serialize)]
pub struct SummaryLine {
    pub title: String,
    pub variant: Option<String>,
    pub image: Option<Picture>,
    pub quantity: u32,
    pub unit_price: String,
    pub total: String,
    /// What promotions take off this line.
    pub discounts: Vec<TotalRow>,
}

/// One text input with its label and its error.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: &'static str,
    pub autocomplete: &'static str,
    pub length_max: usize,
    pub required: bool,
    pub hint: Option<&'static str>,
    pub value: String,
    pub error: Option<String>,
    /// The first field with an error: the page begins there, with scripts or without.
    pub autofocus: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct SelectField {
    pub choices: Vec<Choice>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ShippingChoice {
    pub id: String,
    pub title: String,
    pub detail: Option<String>,
    pub selected: bool,
    /// As the shop lists it.
    pub price: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct ShippingStep {
    pub options: Vec<ShippingChoice>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PayTone {
    Good,
    Bad,
    Slow,
    Plain,
}

#[derive(Debug, Clone, Serialize)]
pub struct PaymentChoice {
    /// `test:tok_success`: the provider and its token; the provider alone for methods by hand.
    pub value: String,
    pub title: String,
    pub text: String,
    pub tone: PayTone,
    pub selected: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct PaymentStep {
    /// False where nothing is left to pay.
    pub needed: bool,
    /// What the form sends where nothing is left to choose.
    pub fixed: Option<String>,
    /// Explains that nothing is charged.
    pub test: bool,
    pub choices: Vec<PaymentChoice>,
    /// Ways to pay that this page cannot take, and why.
    pub elsewhere: Vec<String>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct GiftTag {
    /// The last characters: enough to tell two cards apart.
    pub shown: String,
    pub pays: String,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct GiftBox {
    pub offered: bool,
    /// The codes themselves, for the form to send back.
    pub codes: String,
    pub cards: Vec<GiftTag>,
    pub typed: String,
    pub error: Option<String>,
}

/// A line of the error summary; links to its field where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormError {
    pub field: Option<String>,
    pub message: String,
}

/// Something that ran short in the last moment, and the ways out.
#[derive(Debug, Clone, Serialize)]
pub struct LineFix {
    pub title: String,
    pub action: String,
    pub remove_action: String,
    /// Units that can be had.
    pub offer: Option<u32>,
}

/// The total is another one than the shopper saw.
#[derive(Debug, Clone, Serialize)]
pub struct TotalChange {
    pub before: String,
    pub now: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct CheckoutView {
    pub frame: Frame,
    pub meta: Meta,
    pub action: String,
    pub idempotency_key: String,
    /// Sent back with the form: nobody pays another total than the one they saw.
    pub expected_total: String,
    /// As the total, after gift cards.
    pub expected_due: String,
    pub errors_title: String,
    pub errors: Vec<FormError>,
    pub fixes: Vec<LineFix>,
    pub changed: Option<TotalChange>,
    /// What changed since the shopper last looked at the cart.
    pub notices: Vec<String>,
    /// Payment was tried too often: only a new order helps.
    pub start_over: bool,
    pub email: Field,
    pub name: Field,
    pub line1: Field,
    pub line2: Field,
    pub city: Field,
    pub region: Field,
    pub postal_code: Field,
    pub country: SelectField,
    pub shipping: ShippingStep,
    pub payment: PaymentStep,
    pub coupons: CouponBox,
    pub gifts: GiftBox,
    pub lines: Vec<SummaryLine>,
    pub totals: Totals,
    /// `Pay €52.90`.
    pub pay_label: String,
}

/// An order that is paid by its link.
#[derive(Debug, Clone, Serialize)]
pub struct PayView {
    pub frame: Frame,
    pub meta: Meta,
    pub action: String,
    pub idempotency_key: String,
    pub expected_total: String,
    pub expected_due: String,
    pub errors_title: String,
    pub errors: Vec<FormError>,
    pub changed: Option<TotalChange>,
    pub headline: String,
    pub text: String,
    pub lines: Vec<SummaryLine>,
    pub address: Vec<String>,
    pub email: Option<String>,
    pub totals: Totals,
    pub payment: PaymentStep,
    pub gifts: GiftBox,
    pub pay_label: String,
}

/// The line before the till.
#[derive(Debug, Clone, Serialize)]
pub struct WaitingView {
    pub frame: Frame,
    pub meta: Meta,
    pub position: u32,
    /// Asks again by itself.
    pub url: String,
    pub refresh_seconds: u32,
    pub leave_url: String,
}
