//! Caches before a real Redis that is lost, slow or empty, and before CDNs that misbehave.

mod memory;
mod purges;
mod redis;
mod told;
