//! Time from the process's start to its first answer, and what it holds in memory when idle.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use crate::child::{Running, pause};
use crate::figures;
use crate::wire::{self, Connection};

#[derive(Debug, Clone, Args)]
pub(crate) struct StartArgs {
    /// Starts on the same data directory.
    #[arg(long, default_value_t = 10)]
    starts: usize,
    /// Seconds after which a process counts as idle.
    #[arg(long, default_value_t = 4)]
    idle_seconds: u64,
}

const LIST: &str = "/api/v1/products?limit=1";
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(1);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &StartArgs) -> Result<()> {
    ensure!(args.starts > 0, "nothing to measure");
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (first, stoa) = runtime.block_on(start(&data))?;
    stoa.stop()?;
    let mut times = Vec::new();
    let mut idle = Vec::new();
    for number in 0..args.starts {
        let (took, mut stoa) = runtime.block_on(start(&data))?;
        times.push(took.as_secs_f64() * 1e3);
        // Memory is looked at in a few of them: each look takes seconds.
        if number < 3 {
            let address = stoa.address()?;
            pause(Duration::from_secs(args.idle_seconds));
            runtime.block_on(get(address, "/"))?;
            pause(Duration::from_secs(1));
            idle.push((
                stoa.memory("VmRSS"),
                stoa.memory("RssAnon"),
                stoa.memory("VmHWM"),
            ));
        }
        stoa.stop()?;
    }
    let mib = |kib: Vec<Option<u64>>| {
        let known = kib.into_iter().flatten().map(|kib| kib as f64 / 1024.0);
        format!("{:.1}", figures::median(known))
    };
    let most = times.iter().copied().fold(0.0, f64::max);
    let rows = vec![
        vec![
            "very first start, demo shop created".to_owned(),
            format!("{:.0} ms", first.as_secs_f64() * 1e3),
        ],
        vec![
            format!(
                "start on an existing data directory, median of {}",
                args.starts
            ),
            format!(
                "{:.0} ms (at most {most:.0})",
                figures::median(times.iter().copied())
            ),
        ],
        vec![
            "idle resident memory, demo shop, after one page".to_owned(),
            format!("{} MiB", mib(idle.iter().map(|seen| seen.0).collect())),
        ],
        vec![
            "of it anonymous (the rest is mapped files)".to_owned(),
            format!("{} MiB", mib(idle.iter().map(|seen| seen.1).collect())),
        ],
        vec![
            "peak resident memory until then".to_owned(),
            format!("{} MiB", mib(idle.iter().map(|seen| seen.2).collect())),
        ],
    ];
    figures::table("Starting, and being idle.", &["what", "figure"], &rows);
    Ok(())
}

/// From before the process exists until it has answered a shopper.
async fn start(data: &Path) -> Result<(Duration, Running)> {
    let began = Instant::now();
    let mut stoa = Running::stoa(data, None)?;
    let address = stoa.address()?;
    loop {
        match get(address, LIST).await {
            Ok(()) => return Ok((began.elapsed(), stoa)),
            Err(error) => ensure!(began.elapsed() < ANSWER_TIME_MAX, "no answer: {error:#}"),
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

async fn get(address: SocketAddr, path: &str) -> Result<()> {
    let host = format!("localhost:{}", address.port());
    let mut http = Connection::open(address).await?;
    let status = http
        .exchange(&wire::request("GET", path, &host, &[], None))
        .await?;
    ensure!(status == 200, "{status} for {path}");
    Ok(())
}
