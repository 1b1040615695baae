//! Product import: from a merchant's file to checked product drafts, in bounded memory.
//! Knows no table; what is read here is only text until the workflow writes it.

pub mod csv;
pub mod sanitise;
pub mod shopify;
