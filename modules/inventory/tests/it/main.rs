//! Stock over real cells of every kind, through the contract and over HTTP.

mod api;
mod audit;
mod initial;
mod model;
mod race_for_stock;
mod reservations;
mod support;
