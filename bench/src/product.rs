//! Product reads over HTTP, the real binary beside a bare hyper server that answers the same bytes.

mod bare;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use self::bare::Canned;
pub(crate) use self::bare::{BareArgs, run_bare};
use crate::child::Running;
use crate::figures::{self, Round, grouped, latencies};
use crate::load::Load;
use crate::wire::{self, Connection};

#[derive(Debug, Clone, Args)]
pub(crate) struct ProductArgs {
    /// Kept-alive connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Threads of the load generator; the servers need the other processors.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Rounds of each side, in turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of one round of one side.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Load with `wrk`, where it is installed, instead of the generator in here.
    #[arg(long)]
    wrk: bool,
}

const WARM_UP: Duration = Duration::from_millis(500);

/// Something to be read, with the paths it is read at.
struct Subject {
    name: &'static str,
    paths: Vec<String>,
    accept: &'static str,
}

pub(crate) fn run(args: &ProductArgs) -> Result<()> {
    ensure!(
        args.connections > 0 && args.threads > 0 && args.rounds > 0,
        "nothing to measure"
    );
    let folder = tempfile::tempdir()?;
    let mut stoa = Running::stoa(&folder.path().join("data"), None)?;
    let address = stoa.address()?;
    // Names the demo shop, as a browser would.
    let host = format!("localhost:{}", address.port());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handles = runtime.block_on(handles(address, &host))?;
    let mut rows = Vec::new();
    for subject in subjects(&handles) {
        if args.wrk && subject.paths.len() > 1 {
            continue;
        }
        let headers = [format!("accept: {}", subject.accept)];
        let canned = runtime.block_on(capture(address, &host, &subject.paths, &headers))?;
        let Some(canned) = canned else {
            eprintln!("{}: not served", subject.paths[0]);
            continue;
        };
        let request = |path: &String| wire::request("GET", path, &host, &headers, None);
        let requests = Arc::new(subject.paths.iter().map(request).collect());
        let file = folder.path().join("canned.json");
        std::fs::write(&file, serde_json::to_vec(&canned)?)?;
        let mut bare = Command::new(std::env::current_exe()?);
        let mut bare = Running::spawn(bare.arg("bare-http").arg("--file").arg(&file))?;
        let shop_side = Load {
            address,
            requests,
            connections: args.connections,
            threads: args.threads,
        };
        let bare_side = Load {
            address: bare.address()?,
            ..shop_side.clone()
        };
        let sides = [(shop_side, &stoa), (bare_side, &bare)];
        rows.extend(compare(
            args,
            &subject,
            &host,
            &sides,
            canned[0].body.len(),
        )?);
    }
    print(args, &rows);
    stoa.stop()
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

fn print(args: &ProductArgs, rows: &[Vec<String>]) {
    let load = if args.wrk { "wrk" } else { "the bench" };
    figures::table(
        &format!(
            "Product reads over HTTP, warm; {} connections, {} rounds of {} s a side, in turn; \
             load by {load}.",
            args.connections, args.rounds, args.seconds
        ),
        &[
            "read",
            "side",
            "requests/s",
            "ratio (min..max)",
            "p50 ms",
            "p99 ms",
            "server CPU µs",
            "bytes",
        ],
        rows,
    );
}

/// Loads both sides in turn; one table row each.
fn compare(
    args: &ProductArgs,
    subject: &Subject,
    host: &str,
    sides: &[(Load, &Running); 2],
    bytes: usize,
) -> Result<Vec<Vec<String>>> {
    let time = Duration::from_secs(args.seconds);
    let mut rounds: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
    let mut processor: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for (load, _) in sides {
        load.run(WARM_UP)?;
    }
    for round in 0..args.rounds {
        for turn in 0..2 {
            // Who goes first changes, so that neither always follows the other.
            let side = (round + turn) % 2;
            let (load, server) = &sides[side];
            let before = server.processor_time()?;
            let done = match args.wrk {
                true => run_wrk(args, load.address, host, &subject.paths[0])?,
                false => load.run(time)?,
            };
            let spent = server.processor_time()?.saturating_sub(before);
            processor[side].push(spent.as_secs_f64() * 1e6 / done.done as f64);
            rounds[side].push(done);
        }
    }
    let row = |side: usize, name: &str, ratio: String| {
        vec![
            subject.name.to_owned(),
            name.to_owned(),
            grouped(figures::rate(&rounds[side])),
            ratio,
            format!("{:.2}", figures::millis(&rounds[side], 0.5)),
            format!("{:.2}", figures::millis(&rounds[side], 0.99)),
            format!("{:.1}", figures::median(processor[side].iter().copied())),
            bytes.to_string(),
        ]
    };
    Ok(vec![
        row(0, "stoa", figures::ratio(&rounds[0], &rounds[1])),
        row(1, "bare hyper", "1".to_owned()),
    ])
}

/// The handles of all products on sale.
async fn handles(address: SocketAddr, host: &str) -> Result<Vec<String>> {
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
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    ensure!(!handles.is_empty(), "the demo shop has no products");
    // So that one run reads the same product as another.
    handles.sort_unstable();
    Ok(handles)
}

/// What the shop answers at each path; `None` where it has no such page.
async fn capture(
    address: SocketAddr,
    host: &str,
    paths: &[String],
    headers: &[String],
) -> Result<Option<Vec<Canned>>> {
    let mut http = Connection::open(address).await?;
    let mut canned = Vec::new();
    for path in paths {
        let answer = http
            .ask(&wire::request("GET", path, host, headers, None))
            .await?;
        if answer.status != 200 {
            return Ok(None);
        }
        canned.push(Canned::of(path, answer));
    }
    Ok(Some(canned))
}

/// One round by `wrk`; its histogram holds only the two quantiles that wrk prints.
fn run_wrk(args: &ProductArgs, address: SocketAddr, host: &str, path: &str) -> Result<Round> {
    let output = Command::new("wrk")
        .arg(format!("-t{}", args.threads))
        .arg(format!("-c{}", args.connections))
        .arg(format!("-d{}s", args.seconds))
        .args(["--latency", "-H", &format!("Host: {host}")])
        .arg(format!("http://{address}{path}"))
        .output()
        .context("wrk does not start")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains("Non-2xx"), "wrk: {text}");
    let word = |line: &str| {
        let line = text
            .lines()
            .map(str::trim)
            .find(|at| at.starts_with(line))?;
        line.split_whitespace().nth(1).map(str::to_owned)
    };
    let total = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "));
    let (done, rest) = total.with_context(|| format!("wrk: {text}"))?;
    let took = rest
        .split(',')
        .next()
        .and_then(seconds)
        .context("wrk's duration")?;
    let mut histogram = latencies();
    for (line, count) in [("50%", 50), ("99%", 49), ("99%", 1)] {
        let value = word(line)
            .as_deref()
            .and_then(seconds)
            .context("wrk's latency")?;
        histogram.record_n((value * 1e6) as u64, count)?;
    }
    Ok(Round {
        done: done.trim().parse()?,
        took: Duration::from_secs_f64(took),
        latencies: histogram,
    })
}

/// `1.25ms`, `3.01s` and the like.
fn seconds(text: &str) -> Option<f64> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("m", 60.0), ("s", 1.0)];
    let (number, scale) = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    number.parse::<f64>().ok().map(|number| number * scale)
}
