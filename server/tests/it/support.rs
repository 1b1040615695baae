//! What the tests of the program share: processes, actors, and where the servers are.

mod actors;
mod ear;
mod process;

pub(crate) use actors::{CartKey, Merchant, Placed, Shopper, address, answer};
pub(crate) use ear::Ear;
pub(crate) use process::{Backend, Bus, Provider, Stoa, backends, buses, eventually, seeds};
pub(crate) use stoa_testkit::{archive, noise_png};
