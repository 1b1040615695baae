//! The `bench` binary: reads what is to be measured and prints Markdown tables. Asserts nothing but
//! that what it measured was right.
#![expect(
    clippy::float_arithmetic,
    reason = "ratios and milliseconds are for reading, not money"
)]
#![expect(clippy::print_stdout, reason = "the tables are the program's answer")]
#![expect(clippy::print_stderr, reason = "progress goes beside the tables")]

mod catalog;
mod checkout;
mod child;
mod database;
mod figures;
mod hostile;
mod import;
mod load;
mod nginx;
mod paced;
mod product;
mod sample;
mod start;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Stoa against what the machine could do at best.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Product reads over HTTP, beside a bare hyper server that answers the same bytes.
    Product(product::ProductArgs),
    /// A catalog of a hundred thousand products, or a million: reads, lists, search, import, edits.
    Catalog(catalog::CatalogArgs),
    /// Durable orders, beside a bare storage loop that runs the same statements.
    Checkout(checkout::CheckoutArgs),
    /// Rows per second of a product import, and its peak memory.
    Import(import::ImportArgs),
    /// Time to the first answer, and idle memory.
    Start(start::StartArgs),
    /// A good client beside slow heads, bombs and hostile themes.
    Hostile(hostile::HostileArgs),
    /// The attackers, as a process of their own.
    #[command(hide = true)]
    HostileAttack(hostile::AttackArgs),
    /// The bare hyper server, as a process of its own.
    #[command(hide = true)]
    BareHttp(product::BareArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().what {
        What::Product(args) => product::run(&args),
        What::Catalog(args) => catalog::run(&args),
        What::Checkout(args) => checkout::run(&args),
        What::Import(args) => import::run(&args),
        What::Start(args) => start::run(&args),
        What::Hostile(args) => hostile::run(&args),
        What::HostileAttack(args) => hostile::run_attack(&args),
        What::BareHttp(args) => product::run_bare(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
