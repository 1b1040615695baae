//! The built-in payment provider: an honest witness beside the shop, never a part of it.
//! It knows nothing of orders but the ids it is told, and never takes a real card number.
//!
//! It speaks JSON over loopback HTTP and commits every fact to a journal of its own before it
//! answers, so that its list of charges can be held against the shop's orders after any crash.
//! `README.md` holds the protocol.

mod api;
mod entry;
mod journal;
mod ledger;
mod provider;
mod request;
mod serve;

pub use api::CloseUnanswered;
pub use journal::OpenError;
pub use provider::{Settings, TestProvider};
pub use serve::serve;
