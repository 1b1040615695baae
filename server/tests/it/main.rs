//! The real program, over HTTP, as shoppers, merchants and operators meet it.

mod audit;
mod browser;
mod command_line;
mod crash;
mod export;
mod faults;
mod first_start;
mod flood;
mod fresh;
mod full_disk;
mod journey;
mod linear;
mod openapi;
mod race;
mod slow_stores;
mod support;
mod sweep;
mod tenants;
mod themes;
