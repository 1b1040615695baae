//! Pricing over every kind of cell, through its contract and through its routes.

mod adjustments;
mod admin;
mod budgets;
mod currencies;
mod ended;
mod groups;
mod listings;
mod lists;
mod places;
mod prices;
mod promotions;
mod provider;
mod quotes;
mod support;
