//! Mail over every kind of cell: each fact once, by a real mail server or into the mailbox.

mod api;
mod confirmation;
mod facts;
mod peers;
mod post_office;
mod smtp;
mod support;
mod upkeep;
