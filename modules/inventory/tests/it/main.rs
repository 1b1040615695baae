//! Stock over real cells of every kind, through the contract and over HTTP.

mod api;
mod audit;
mod expiry;
mod histories;
mod initial;
mod leaving;
mod model;
mod places;
mod policy;
mod race_for_stock;
mod reservations;
mod sourcing;
mod support;
mod transfers;
