//! What the tests of the program share: processes, actors, and where the servers are.

mod actors;
mod ear;
mod hostile;
mod process;

pub(crate) use actors::{CartKey, Merchant, Placed, Shopper, address, answer};
pub(crate) use ear::Ear;
pub(crate) use hostile::{archive, gif_of_frames, hollow_png, noise_png};
pub(crate) use process::{Backend, Bus, Provider, Stoa, backends, buses, eventually, seeds};
