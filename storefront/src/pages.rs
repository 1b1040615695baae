//! The handlers, one file a group of pages. Each asks the contracts and prints; none decides.

mod basket;
mod coupons;
mod gifts;
mod listing;
mod till;
mod wish;

pub(crate) mod cart;
pub(crate) mod checkout;
pub(crate) mod collection;
pub(crate) mod feeds;
pub(crate) mod files;
pub(crate) mod home;
pub(crate) mod mailbox;
pub(crate) mod missing;
pub(crate) mod order;
pub(crate) mod pay;
pub(crate) mod preferences;
pub(crate) mod product;

mod shown;
