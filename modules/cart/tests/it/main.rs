//! Carts over real cells of every kind, through the contract and over HTTP.

mod access;
mod checkout;
mod customers;
mod details;
mod idle;
mod lines;
mod notices;
mod peers;
mod prices;
mod staff;
mod support;
mod versions;
mod whole;
