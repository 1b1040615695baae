//! The workflow over real modules, on every kind of cell.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod bundles;
mod cancel;
mod credit;
mod drafts;
mod edits;
mod goods;
mod provider;
mod race;
mod refunds;
mod returns;
mod reversals;
mod shop;
mod sweep;
mod work;
