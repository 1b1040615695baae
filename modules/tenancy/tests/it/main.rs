//! Tenants, hosts and keys over real cells.

mod gate;
mod keys;
mod support;
