//! Stock over real cells of every kind, through the contract and over HTTP.

mod api;
mod audit;
mod initial;
mod model;
mod race;
mod reservations;
mod support;
