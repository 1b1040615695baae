//! Rows per second of a product import through the real binary, and the memory it takes.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::child::{Running, pause, stoa_binary};
use crate::figures::{self, grouped};
use crate::sample::{self, Size};

#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    /// Rows of the file; two and a half make a product.
    #[arg(long, default_value_t = 100_000)]
    rows: usize,
    /// Imports, each into a data directory of its own.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the file and the databases go; a temporary folder if not said.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
}

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One import as seen from outside.
struct Seen {
    took: Duration,
    /// Everything resident at its peak, mapped pages of the database file among it.
    peak_kib: u64,
    /// Of it what only this process has, as far as it was looked at in time.
    own_kib: u64,
}

pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    ensure!(args.rows > 0 && args.rounds > 0, "nothing to measure");
    let folder = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let file = folder.path().join("products.csv");
    let products = sample::write(&file, 0, Size::Rows(args.rows))?.products;
    let bytes = std::fs::metadata(&file)?.len();
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let data = folder.path().join(format!("data-{round}"));
        command(&data, &["tenant", "create", "bench"], None)?;
        fresh.push(import(&data, &file)?);
        again.push(import(&data, &file)?);
        std::fs::remove_dir_all(&data)?;
    }
    let row = |name: &str, seen: &[Seen]| {
        let speed = seen
            .iter()
            .map(|seen| args.rows as f64 / seen.took.as_secs_f64());
        let mib = |kib: fn(&Seen) -> u64| {
            format!(
                "{:.0}",
                figures::median(seen.iter().map(|seen| kib(seen) as f64 / 1024.0))
            )
        };
        let seconds = seen.iter().map(|seen| seen.took.as_secs_f64());
        vec![
            name.to_owned(),
            grouped(figures::median(speed)),
            format!("{:.1}", figures::median(seconds)),
            mib(|seen| seen.peak_kib),
            mib(|seen| seen.own_kib),
        ]
    };
    figures::table(
        &format!(
            "Import of {} rows, {} products, {:.1} MiB, by `stoa import products`; {} rounds.",
            grouped(args.rows as f64),
            grouped(products as f64),
            bytes as f64 / 1_048_576.0,
            args.rounds
        ),
        &[
            "import",
            "rows/s",
            "seconds",
            "peak resident MiB",
            "peak anonymous MiB",
        ],
        &[
            row("into an empty shop", &fresh),
            row("the same again, nothing changes", &again),
        ],
    );
    Ok(())
}

fn import(data: &Path, file: &Path) -> Result<Seen> {
    command(
        data,
        &["import", "products", "--tenant", "bench", "--json"],
        Some(file),
    )
}

/// Runs a command of the binary to its end, watching its memory.
fn command(data: &Path, arguments: &[&str], file: Option<&Path>) -> Result<Seen> {
    let began = Instant::now();
    let mut command = Command::new(stoa_binary()?);
    command
        .args(arguments)
        .args(file)
        .arg("--data-dir")
        .arg(data);
    let mut running = Running::spawn(&mut command)?;
    let (mut peak_kib, mut own_kib) = (0, 0);
    loop {
        match running.ended()? {
            Some(true) => {
                return Ok(Seen {
                    took: began.elapsed(),
                    peak_kib,
                    own_kib,
                });
            }
            Some(false) => bail!("{arguments:?} failed: {}", running.said()),
            None => {}
        }
        peak_kib = running.memory("VmHWM").unwrap_or(0).max(peak_kib);
        own_kib = running.memory("RssAnon").unwrap_or(0).max(own_kib);
        pause(LOOK_EVERY);
    }
}
