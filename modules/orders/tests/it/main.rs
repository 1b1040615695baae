//! Orders over every kind of cell: what is written comes back, steps happen once, numbers differ.

mod api;
mod numbers;
mod sale;
mod steps;
mod support;
