//! What is said, to whom, in which words, and when a failed send is tried again. Pure: knows no
//! database, no clock and no mail server.

mod engine;
mod kind;
mod language;
mod letters;
mod retry;
mod sample;
mod settings;
mod view;

pub(crate) use self::engine::{Engine, Refused, Source};
pub(crate) use self::kind::Kind;
pub(crate) use self::language::{Language, candidates, is_locale};
pub(crate) use self::letters::Letters;
pub(crate) use self::retry::{TRIES_MAX, next_try};
pub(crate) use self::sample::samples;
pub(crate) use self::settings::{Invalid, Settings};
pub(crate) use self::view::{
    DisputeLine, LowStockLine, Payable, Refund, Returned, Shop, Stuck, View, cart_view, order_view,
    shipment_view,
};

/// A message as it is read, before it has a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// A header of a mail is one line, whatever a shop is called.
pub(crate) fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
