//! Search, as callers meet it, over both databases.
fn main() {}
