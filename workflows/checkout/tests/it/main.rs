//! Checkouts over every kind of cell, with every real module and the real test provider.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod api;
mod bundles;
mod crash;
mod ends;
mod gifts;
mod journal;
mod late;
mod line;
mod links;
mod payment;
mod place;
mod promises;
mod provider;
mod race;
mod shop;
mod staff;
