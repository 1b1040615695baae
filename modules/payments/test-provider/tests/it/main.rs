//! The provider from outside: over its router, over its socket, and over its file.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod caller;
mod durability;
mod page;
mod socket;
mod steps;
mod tokens;
