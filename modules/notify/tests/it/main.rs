//! The mailbox over every kind of cell: one mail per paid order, seen by its own shop only.

mod api;
mod confirmation;
mod support;
