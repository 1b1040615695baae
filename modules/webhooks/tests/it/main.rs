//! Webhooks over every kind of cell, to real receivers on this machine's loopback.

mod api;
mod circuit;
mod delivery;
mod reach;
mod receiver;
mod replay;
mod signature;
mod support;
mod upkeep;
