//! Books over real cells of every kind, through the contract and over HTTP.

mod api;
mod audit;
mod books;
mod model;
mod races;
mod support;
mod tenders;
