//! The import from outside: files in; drafts, issues and products out.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod csv;
mod exporting;
mod landing;
mod levels;
mod pictures;
mod reading;
mod resuming;
mod retrying;
mod routes;
mod rules;
mod samples;
mod shared;
mod shop;
