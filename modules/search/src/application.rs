//! Keeps the tenants' indexes and answers from them.

mod answering;
mod building;
mod engine;
mod following;
mod meters;
mod slot;
mod steering;

pub(crate) use answering::Answers;
pub(crate) use engine::Engine;
pub use engine::SearchConfig;
pub(crate) use meters::Meters;
pub(crate) use steering::{PinSet, Steering};
