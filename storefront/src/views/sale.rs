//! What the pages of a sale show: cart, checkout and order. Amounts arrive ready to print.

use serde::Serialize;

use super::{Choice, Frame, Link, Meta, Picture};

#[derive(Debug, Clone, Serialize)]
pub struct CartLine {
    pub title: String,
    pub variant: Option<String>,
    pub url: String,
    pub image: Option<Picture>,
    pub unit_price: String,
    pub quantity: u32,
    pub quantity_max: u32,
    pub total: String,
    /// Where the new quantity is posted.
    pub action: String,
    pub remove_action: String,
    /// Why this line stops the checkout, such as "Only 2 left".
    pub problem: Option<String>,
}

/// How an amount comes about.
#[derive(Debug, Clone, Serialize)]
pub struct Totals {
    pub subtotal: String,
    pub discount: Option<String>,
    pub shipping: String,
    pub shipping_note: Option<String>,
    pub tax: String,
    pub tax_note: Option<String>,
    pub total: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct CartView {
    pub frame: Frame,
    pub meta: Meta,
    pub lines: Vec<CartLine>,
    pub totals: Totals,
    pub can_checkout: bool,
    pub continue_url: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct SummaryLine {
    pub title: String,
    pub variant: Option<String>,
    pub image: Option<Picture>,
    pub quantity: u32,
    pub unit_price: String,
    pub total: String,
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
    pub token: String,
    pub title: String,
    pub text: String,
    pub tone: PayTone,
    pub selected: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct PaymentStep {
    pub provider: String,
    /// Explains that nothing is charged.
    pub test: bool,
    pub choices: Vec<PaymentChoice>,
    pub error: Option<String>,
}

/// A line of the error summary; links to its field where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormError {
    pub field: Option<String>,
    pub message: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct CheckoutView {
    pub frame: Frame,
    pub meta: Meta,
    pub action: String,
    pub idempotency_key: String,
    /// Sent back with the form: nobody pays another total than the one they saw.
    pub expected_total: String,
    pub errors_title: String,
    pub errors: Vec<FormError>,
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
    pub lines: Vec<SummaryLine>,
    pub totals: Totals,
}

/// The order as its page tells it; also the `state` that the status address answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Processing,
    Paid,
    Declined,
    RequiresAction,
    Canceled,
}

#[derive(Debug, Clone, Serialize)]
pub struct OrderView {
    pub frame: Frame,
    pub meta: Meta,
    pub state: OrderState,
    pub headline: String,
    pub text: String,
    /// "Try again" after a decline, "Continue" where the bank asks for more.
    pub action: Option<Link>,
    pub number: String,
    pub placed_on: Option<String>,
    pub test: bool,
    pub lines: Vec<SummaryLine>,
    pub totals: Totals,
    pub address: Vec<String>,
    pub email: Option<String>,
    /// The status address that the script asks while the order is processing.
    pub watch_url: Option<String>,
    /// How often the page reloads without a script.
    pub refresh_seconds: u32,
}
