//! Product JSON where each request asks for another product, beside a bare server that answers as
//! many bytes from memory. Each round starts the shop anew: no answer is left in its memory.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::ready;
use super::stall::{Shop, Stall};
use crate::child::Running;
use crate::figures::{self, Round, grouped};
use crate::load::Load;
use crate::product::{self, Turns};
use crate::sample;
use crate::wire;

/// What the bare server holds: enough to be asked in turn.
const HELD_BARE: usize = 2_000;
const OTHER_CURRENCY: &str = "?currency=XAF";
const AHEAD_MAX: Duration = Duration::from_secs(20);
const WARM_UP: Duration = Duration::from_millis(300);

pub(super) fn run(stall: &Stall, turns: &Turns) -> Result<()> {
    let shop = stall.serve()?;
    let handles = handles(&shop, stall.products)?;
    ready::until_answers_are_stored(stall, &shop, || ready::stored_in_file(stall))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let paths: Vec<String> = handles
        .iter()
        .take(HELD_BARE)
        .map(|handle| path(handle))
        .collect();
    let canned = runtime.block_on(product::capture(shop.address, &shop.host, &paths, &[]))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("canned.json");
    std::fs::write(&file, serde_json::to_vec(&canned)?)?;
    shop.stoa.stop()?;
    let mut bare = Command::new(std::env::current_exe()?);
    let mut bare = Running::spawn(bare.arg("bare-http").arg("--file").arg(&file))?;
    let bare_load = load(bare.address()?, "localhost", &paths, turns);
    bare_load.run(WARM_UP)?;
    let rounds = product::in_turn(turns.rounds, 2, |side| match side {
        0 => round(stall, &handles, turns),
        _ => bare_load.run(Duration::from_secs(turns.seconds)),
    })?;
    print(turns, stall.products, &rounds, "bare hyper, from memory");
    Ok(())
}

pub(super) fn print(turns: &Turns, products: usize, rounds: &[Vec<Round>], other: &str) {
    let row = |at: usize, name: &str| {
        vec![
            name.to_owned(),
            grouped(figures::rate(&rounds[at])),
            match at {
                0 => "1".to_owned(),
                at => figures::ratio(&rounds[0], &rounds[at]),
            },
            format!("{:.2}", figures::millis(&rounds[at], 0.5)),
            format!("{:.2}", figures::millis(&rounds[at], 0.99)),
        ]
    };
    figures::table(
        &format!(
            "Product JSON, each request another of {} products; {} connections, {} rounds of {} s a \
             side at most, in turn.",
            grouped(products as f64),
            turns.connections,
            turns.rounds,
            turns.seconds
        ),
        &[
            "side",
            "requests/s",
            "stoa / it (min..max)",
            "p50 ms",
            "p99 ms",
        ],
        &[row(0, "stoa, cold"), row(1, other)],
    );
}

/// One pass through the products at most, so that none is asked for twice. A pass in a currency
/// without prices goes ahead: it fills the process's memory with other answers and has the files
/// mapped, as they are in a process that has served for a while.
pub(super) fn round(stall: &Stall, handles: &[String], turns: &Turns) -> Result<Round> {
    let shop = stall.serve()?;
    let paths = |query: &str| -> Vec<String> {
        let path = |handle: &String| path(handle) + query;
        handles.iter().map(path).collect()
    };
    load(shop.address, &shop.host, &paths(OTHER_CURRENCY), turns).run_once(AHEAD_MAX)?;
    let round = load(shop.address, &shop.host, &paths(""), turns)
        .run_once(Duration::from_secs(turns.seconds))?;
    shop.stoa.stop()?;
    Ok(round)
}

fn load(address: std::net::SocketAddr, host: &str, paths: &[String], turns: &Turns) -> Load {
    let request = |path: &String| wire::request("GET", path, host, &[], None);
    Load {
        address,
        requests: Arc::new(paths.iter().map(request).collect()),
        connections: turns.connections,
        threads: turns.threads,
    }
}

pub(super) fn path(handle: &str) -> String {
    format!("/api/v1/products/{handle}")
}

/// The handles of the generated products, in an order that has nothing to do with where they lie.
pub(super) fn handles(shop: &Shop, products: usize) -> Result<Vec<String>> {
    let mut handles = sample::handles(products);
    fastrand::Rng::with_seed(11).shuffle(&mut handles);
    let found = shop.total()?;
    ensure!(
        found >= products as u64,
        "{found} products instead of {products}"
    );
    Ok(handles)
}
