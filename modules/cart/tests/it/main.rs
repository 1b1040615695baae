//! Carts over real cells of every kind, through the contract and over HTTP.

mod access;
mod checkout;
mod details;
mod lines;
mod peers;
mod prices;
mod support;
mod whole;
