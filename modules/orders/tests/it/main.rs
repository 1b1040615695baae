//! Orders over every kind of cell: what is written comes back, steps happen once, numbers differ.

mod api;
mod drafts;
mod goods;
mod money;
mod numbers;
mod paper;
mod sale;
mod search;
mod steps;
mod support;
mod upgrade;
