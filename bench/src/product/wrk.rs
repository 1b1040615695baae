//! One round by `wrk`, where somebody wants another load generator's word.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Turns;
use crate::figures::{Round, latencies};

/// Its histogram holds only the two quantiles that wrk prints.
pub(super) fn run(args: &Turns, address: SocketAddr, host: &str, path: &str) -> Result<Round> {
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
