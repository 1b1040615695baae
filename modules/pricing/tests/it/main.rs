//! Pricing over every kind of cell, through its contract and through its routes.

mod admin;
mod prices;
mod quotes;
mod support;
