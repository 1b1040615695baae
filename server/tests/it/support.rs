//! What the tests of the program share: processes, actors, and where the servers are.

mod actors;
mod process;

pub(crate) use actors::{Merchant, Placed, Shopper, address};
pub(crate) use process::{Backend, Provider, Stoa, backends, eventually};
