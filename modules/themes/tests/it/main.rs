//! Themes over every kind of cell.

mod api;
mod support;
