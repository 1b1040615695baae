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

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    give_memory_back_soon();
    keep_pages_small();
    cli::run()
}

/// Has freed memory given back after 100 ms, not after a second: an import with search holds 50 MiB
/// less. The allocator reads its options before `main`, so the program takes its own place once more,
/// with the option in its environment; whoever sets it has their way.
#[expect(
    clippy::disallowed_methods,
    reason = "the allocator's own option, not a setting"
)]
fn give_memory_back_soon() {
    const OPTION: &str = "MIMALLOC_PURGE_DELAY";
    const MILLISECONDS: &str = "100";
    if std::env::var_os(OPTION).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Comes back only where it failed: then the program goes on as it is.
    drop(again.args(arguments).env(OPTION, MILLISECONDS).exec());
}

/// With huge pages an idle process held 60 MiB of its own, without them 35: what is freed lies beside
/// what is not.
fn keep_pages_small() {
    // A kernel without huge pages refuses, and has nothing to turn off.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
