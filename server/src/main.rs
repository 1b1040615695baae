//! The `stoa` binary: reads the command line and hands over.

mod cli;
mod client;
mod clock;
mod commands;
mod compose;
mod demo;
mod gauges;
mod lock;
mod roles;
mod sample;
mod serve;
mod settings;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
