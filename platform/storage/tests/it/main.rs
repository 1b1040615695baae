//! Storage against real databases: one conformance suite over every kind of cell.

mod conformance;
mod support;
