//! The import from outside: files in, drafts and issues out.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod csv;
mod reading;
mod rules;
mod samples;
mod shared;
