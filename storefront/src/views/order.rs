//! What the page of an order shows. Amounts and dates arrive ready to print.

use serde::Serialize;

use super::{Frame, Link, Meta, SummaryLine, Totals};

/// The order as its page tells it; also the `state` that the status address answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Processing,
    /// It stands; its money is promised and comes later.
    Authorized,
    Paid,
    Declined,
    RequiresAction,
    Canceled,
}

/// Where the order stands in one respect, in plain words.
#[derive(Debug, Clone, Serialize)]
pub struct StatusWord {
    pub label: &'static str,
    pub text: String,
}

/// One happening in the order's life.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    pub title: String,
    /// RFC 3339.
    pub at: String,
    pub at_label: String,
    pub text: Option<String>,
    pub link: Option<Link>,
}

/// Goods that travel together.
#[derive(Debug, Clone, Serialize)]
pub struct Parcel {
    pub title: String,
    pub state: String,
    /// `2 × Harbour Mug`.
    pub lines: Vec<String>,
    /// `DHL 00340…`.
    pub tracking: Option<String>,
    pub tracking_url: Option<String>,
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
    /// How to pay by hand, line by line.
    pub instructions: Vec<String>,
    pub number: String,
    pub placed_on: Option<String>,
    pub test: bool,
    pub statuses: Vec<StatusWord>,
    pub moments: Vec<Moment>,
    pub parcels: Vec<Parcel>,
    pub lines: Vec<SummaryLine>,
    pub totals: Totals,
    pub address: Vec<String>,
    pub email: Option<String>,
    pub note: Option<String>,
    /// The status address that the script asks while something may still happen.
    pub watch_url: Option<String>,
    /// Rises with every change of the order.
    pub version: i64,
    /// How often the page reloads without a script.
    pub refresh_seconds: u32,
}
