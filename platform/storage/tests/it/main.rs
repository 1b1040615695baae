//! Storage against real databases: one conformance suite over every kind of cell.

mod bodies;
mod contention;
mod crash;
mod idempotency;
mod jobs;
mod migrations;
mod outbox;
mod poison;
mod reads;
mod reopening;
mod support;
mod tenancy;
mod values;
mod writer;
