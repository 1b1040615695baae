//! Attempts over every kind of cell against the real test provider, on a loopback port.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod api;
mod attempts;
mod books;
mod captures;
mod fake_stripe;
mod faults;
mod localstripe;
mod manual;
mod refunds;
mod remembered;
mod reversals;
mod setup;
mod shop;
mod stripe;
mod webhooks;
