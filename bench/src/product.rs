//! Product reads over HTTP, the real binary beside a bare hyper server that answers the same bytes,
//! and beside nginx that serves them as a file.

mod bare;
mod wrk;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use self::bare::Canned;
pub(crate) use self::bare::{BareArgs, run_bare};
use crate::child::Running;
use crate::figures::{self, Round, grouped};
use crate::load::Load;
use crate::nginx::Nginx;
use crate::paced::Paced;
use crate::wire::{self, Connection};

#[derive(Debug, Clone, Args)]
pub(crate) struct ProductArgs {
    #[command(flatten)]
    pub(crate) turns: Turns,
    /// Load with `wrk`, where it is installed, instead of the generator in here.
    #[arg(long)]
    wrk: bool,
}

/// How hard and how often each side is loaded.
#[derive(Debug, Clone, Args)]
pub(crate) struct Turns {
    /// Kept-alive connections.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Threads of the load generator; the servers need the other processors.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Rounds of each side, in turn.
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// Seconds of one round of one side.
    #[arg(long, default_value_t = 3)]
    pub(crate) seconds: u64,
}

const WARM_UP: Duration = Duration::from_millis(500);
/// Products asked for in turn.
const PRODUCTS_MAX: usize = 1_000;
/// Of the slowest side's speed, where all answer the same load: what the load itself takes of the
/// processors must not decide.
const SAME_LOAD: f64 = 0.2;
/// Threads that ask at that pace.
const SAME_LOAD_CONNECTIONS: usize = 8;

/// Something to be read, with the paths it is read at.
struct Subject {
    name: &'static str,
    paths: Vec<String>,
    accept: &'static str,
}

/// A server under load. Where it is a process of ours, what it costs is told.
struct Side<'a> {
    name: &'static str,
    load: Load,
    server: Option<&'a Running>,
}

/// What is measured at a running shop.
pub(crate) struct Reads<'a> {
    pub(crate) turns: &'a Turns,
    pub(crate) wrk: bool,
    pub(crate) stoa: &'a Running,
    pub(crate) address: SocketAddr,
    /// Names the demo shop, as a browser would.
    pub(crate) host: String,
    /// For files of this run.
    pub(crate) folder: &'a Path,
}

pub(crate) fn run(args: &ProductArgs) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stoa = Running::stoa(&folder.path().join("data"), None)?;
    let address = stoa.address()?;
    Reads {
        turns: &args.turns,
        wrk: args.wrk,
        stoa: &stoa,
        address,
        host: format!("localhost:{}", address.port()),
        folder: folder.path(),
    }
    .run()?;
    stoa.stop()
}

impl Turns {
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.connections > 0 && self.threads > 0 && self.rounds > 0 && self.seconds > 0,
            "nothing to measure"
        );
        Ok(())
    }
}

impl Reads<'_> {
    pub(crate) fn run(&self) -> Result<()> {
        self.turns.check()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handles = runtime.block_on(handles(self.address, &self.host))?;
        let mut rows = Vec::new();
        for subject in subjects(&handles) {
            if self.wrk && subject.paths.len() > 1 {
                continue;
            }
            let headers = [format!("accept: {}", subject.accept)];
            let canned =
                runtime.block_on(capture(self.address, &self.host, &subject.paths, &headers))?;
            rows.extend(self.subject(&subject, &headers, &canned)?);
        }
        print(self.turns, self.wrk, &rows);
        Ok(())
    }

    fn subject(
        &self,
        subject: &Subject,
        headers: &[String],
        canned: &[Canned],
    ) -> Result<Vec<Vec<String>>> {
        let request = |path: &String| wire::request("GET", path, &self.host, headers, None);
        let load = Load {
            address: self.address,
            requests: Arc::new(subject.paths.iter().map(request).collect()),
            connections: self.turns.connections,
            threads: self.turns.threads,
        };
        let file = self.folder.join("canned.json");
        std::fs::write(&file, serde_json::to_vec(canned)?)?;
        let mut bare = Command::new(std::env::current_exe()?);
        let mut bare = Running::spawn(bare.arg("bare-http").arg("--file").arg(&file))?;
        let bare_address = bare.address()?;
        let files: Vec<(&str, &[u8])> = canned.iter().map(Canned::file).collect();
        let nginx = match subject.paths.len() {
            1 => Nginx::serve(self.folder, &files, subject.accept)?,
            _ => None,
        };
        let at = |address| Load {
            address,
            ..load.clone()
        };
        let mut sides = vec![
            Side {
                name: "stoa",
                load: load.clone(),
                server: Some(self.stoa),
            },
            Side {
                name: "bare hyper",
                load: at(bare_address),
                server: Some(&bare),
            },
        ];
        sides.extend(nginx.as_ref().map(|nginx| Side {
            name: "nginx, a file",
            load: at(nginx.address),
            server: None,
        }));
        self.compare(subject, &sides, canned[0].body.len())
    }

    /// Loads the sides in turn; one table row each.
    fn compare(
        &self,
        subject: &Subject,
        sides: &[Side<'_>],
        bytes: usize,
    ) -> Result<Vec<Vec<String>>> {
        let time = Duration::from_secs(self.turns.seconds);
        let mut processor: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
        for side in sides {
            side.load.run(WARM_UP)?;
        }
        let rounds = in_turn(self.turns.rounds, sides.len(), |at| {
            let side = &sides[at];
            let before = side.server.map(Running::processor_time).transpose()?;
            let done = match self.wrk {
                true => wrk::run(self.turns, side.load.address, &self.host, &subject.paths[0])?,
                false => side.load.run(time)?,
            };
            if let (Some(before), Some(server)) = (before, side.server) {
                let spent = server.processor_time()?.saturating_sub(before);
                processor[at].push(spent.as_secs_f64() * 1e6 / done.done as f64);
            }
            Ok(done)
        })?;
        let slowest = rounds
            .iter()
            .map(|side| figures::rate(side))
            .fold(f64::MAX, f64::min);
        let paced = in_turn(self.turns.rounds, sides.len(), |at| {
            let load = &sides[at].load;
            Paced {
                address: load.address,
                requests: load.requests.clone(),
                connections: SAME_LOAD_CONNECTIONS,
                per_second: slowest * SAME_LOAD,
            }
            .run(time)
        })?;
        let row = |at: usize| {
            let ratio = match at {
                0 => "1".to_owned(),
                other => figures::ratio(&rounds[0], &rounds[other]),
            };
            vec![
                subject.name.to_owned(),
                sides[at].name.to_owned(),
                grouped(figures::rate(&rounds[at])),
                ratio,
                format!("{:.2}", figures::millis(&rounds[at], 0.5)),
                format!("{:.2}", figures::millis(&rounds[at], 0.99)),
                format!("{:.2}", figures::millis(&paced[at], 0.99)),
                match processor[at].is_empty() {
                    true => String::new(),
                    false => format!("{:.1}", figures::median(processor[at].iter().copied())),
                },
                bytes.to_string(),
            ]
        };
        Ok((0..sides.len()).map(row).collect())
    }
}

/// Rounds of all sides in turn, by side. Who goes first changes, so that nobody always follows
/// somebody else.
pub(crate) fn in_turn(
    rounds: usize,
    sides: usize,
    mut run: impl FnMut(usize) -> Result<Round>,
) -> Result<Vec<Vec<Round>>> {
    let mut done: Vec<Vec<Round>> = vec![Vec::new(); sides];
    for round in 0..rounds {
        for turn in 0..sides {
            let side = (round + turn) % sides;
            done[side].push(run(side)?);
        }
    }
    Ok(done)
}

fn subjects(handles: &[String]) -> [Subject; 3] {
    let json = |handle: &String| format!("/api/v1/products/{handle}");
    let page = |handle: &String| format!("/products/{handle}");
    [
        Subject {
            name: "product JSON",
            paths: handles.iter().take(1).map(json).collect(),
            accept: "application/json",
        },
        Subject {
            name: "product JSON, all products",
            paths: handles.iter().map(json).collect(),
            accept: "application/json",
        },
        Subject {
            name: "product page",
            paths: handles.iter().take(1).map(page).collect(),
            accept: "text/html",
        },
    ]
}

fn print(turns: &Turns, wrk: bool, rows: &[Vec<String>]) {
    let load = if wrk { "wrk" } else { "the bench" };
    figures::table(
        &format!(
            "Product reads over HTTP, warm; {} connections, {} rounds of {} s a side, in turn; load \
             by {load}. *Same load* is a fifth of the slowest side's speed, each request due at its own \
             moment.",
            turns.connections, turns.rounds, turns.seconds
        ),
        &[
            "read",
            "side",
            "requests/s",
            "stoa / it (min..max)",
            "p50 ms",
            "p99 ms",
            "p99 ms, same load",
            "server CPU µs",
            "bytes",
        ],
        rows,
    );
}

/// Handles of products on sale, [`PRODUCTS_MAX`] at most.
pub(crate) async fn handles(address: SocketAddr, host: &str) -> Result<Vec<String>> {
    let mut http = Connection::open(address).await?;
    let mut handles = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = match cursor.as_str() {
            "" => "/api/v1/products?limit=250".to_owned(),
            cursor => format!("/api/v1/products?limit=250&cursor={cursor}"),
        };
        let answer = http
            .ask(&wire::request("GET", &path, host, &[], None))
            .await?
            .json()?;
        let products = answer["data"].as_array().context("a list of products")?;
        handles.extend(
            products
                .iter()
                .filter_map(|product| product["handle"].as_str())
                .map(str::to_owned),
        );
        match answer["pagination"]["cursor"].as_str() {
            Some(next) if handles.len() < PRODUCTS_MAX => cursor = next.to_owned(),
            _ => break,
        }
    }
    ensure!(!handles.is_empty(), "the demo shop has no products");
    // So that one run reads the same product as another.
    handles.sort_unstable();
    Ok(handles)
}

/// What the shop answers at each path.
pub(crate) async fn capture(
    address: SocketAddr,
    host: &str,
    paths: &[String],
    headers: &[String],
) -> Result<Vec<Canned>> {
    let mut http = Connection::open(address).await?;
    let mut canned = Vec::new();
    for path in paths {
        let answer = http
            .ask(&wire::request("GET", path, host, headers, None))
            .await?;
        ensure!(answer.status == 200, "{} for {path}", answer.status);
        canned.push(Canned::of(path, answer));
    }
    Ok(canned)
}
