//! The demo shop filled with a generated catalog: made by one import over HTTP, kept on disk,
//! served again for each part.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::child::{Running, pause};
use crate::figures::{self, grouped};
use crate::sample::{self, Size, Written};
use crate::wire::{self, BlockingConnection};

/// Products of one file; more make a body that is larger than an import takes.
const PRODUCTS_PER_FILE: usize = 300_000;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const IMPORT_TIME_MAX: Duration = Duration::from_secs(3_600);
const STARTS: usize = 5;
const IDLE_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Stall {
    data: PathBuf,
    key: PathBuf,
    /// SQLite beside the files where there is none.
    database: Option<String>,
    pub(super) products: usize,
}

/// A running shop, and how to reach it.
pub(super) struct Shop {
    pub(super) stoa: Running,
    pub(super) address: SocketAddr,
    pub(super) host: String,
    secret_key: String,
    /// Requests of staff so far: each has a key of its own.
    asked: AtomicU64,
}

/// What an import took.
struct Imported {
    written: Written,
    landed: Duration,
    /// Until search found all of it.
    found: Duration,
    peak_kib: u64,
    own_kib: u64,
}

impl Stall {
    pub(super) fn open(folder: &Path, products: usize, database: Option<&str>) -> Result<Self> {
        let folder = folder.join(format!("catalog-{products}"));
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            data: folder.join("data"),
            key: folder.join("key"),
            database: database.map(str::to_owned),
            products,
        })
    }

    /// Imports the catalog, where it is not there from another run, and prints what that took.
    pub(super) fn fill(&self) -> Result<()> {
        if self.key.exists() {
            eprintln!("the catalog in {} is used again", self.data.display());
            return Ok(());
        }
        let mut shop = self.serve()?;
        let began_with = shop.total()?;
        let mut first = 0;
        let mut rows = Vec::new();
        while first < self.products {
            let count = PRODUCTS_PER_FILE.min(self.products - first);
            let file = self.data.join("products.csv");
            let written = sample::write(&file, first, Size::Products(count))?;
            first += count;
            let seen = shop.import(&file, written, began_with + first as u64)?;
            std::fs::remove_file(&file)?;
            rows.push(seen.row());
        }
        figures::table(
            &format!(
                "Import over HTTP into the demo shop on {}, with search and its index.",
                self.database.as_ref().map_or("SQLite", |_| "PostgreSQL")
            ),
            &[
                "rows",
                "products",
                "rows/s until landed",
                "rows/s until all is found",
                "peak resident MiB",
                "peak anonymous MiB",
            ],
            &rows,
        );
        let key = shop.secret_key.clone();
        shop.stoa.stop()?;
        Ok(std::fs::write(&self.key, key)?)
    }

    /// Where the shop's rows lie, if not on a server.
    pub(super) fn cell_file(&self) -> PathBuf {
        self.data.join("cells/shared.db")
    }

    pub(super) fn serve(&self) -> Result<Shop> {
        let mut stoa = Running::stoa(&self.data, self.database.as_deref())?;
        let address = stoa.address()?;
        let secret_key = match std::fs::read_to_string(&self.key) {
            Ok(key) => key,
            Err(_) => stoa.word("sk_")?,
        };
        Ok(Shop {
            stoa,
            address,
            host: format!("localhost:{}", address.port()),
            secret_key,
            asked: AtomicU64::new(0),
        })
    }

    /// Starts on the full data directory, and memory there.
    pub(super) fn starts(&self) -> Result<()> {
        let (mut answered, mut searched, mut idle, mut own) = (vec![], vec![], vec![], vec![]);
        for _ in 0..STARTS {
            let began = Instant::now();
            let shop = self.serve()?;
            shop.json("GET", "/api/v1/products?limit=1")?;
            answered.push(began.elapsed().as_secs_f64() * 1e3);
            shop.json("GET", "/api/v1/search?q=lamp&limit=1")?;
            searched.push(began.elapsed().as_secs_f64() * 1e3);
            pause(IDLE_AFTER);
            let mib = |field| shop.stoa.memory(field).unwrap_or(0) as f64 / 1024.0;
            idle.push(mib("VmRSS"));
            own.push(mib("RssAnon"));
            shop.stoa.stop()?;
        }
        let row = |what: &str, values: Vec<f64>, unit: &str| {
            let most = values.iter().copied().fold(0.0, f64::max);
            let median = figures::median(values);
            vec![
                what.to_owned(),
                format!("{median:.0} {unit} (at most {most:.0})"),
            ]
        };
        figures::table(
            &format!(
                "Starting on {} products; median of {STARTS}.",
                grouped(self.products as f64)
            ),
            &["what", "figure"],
            &[
                row("until a list of products is answered", answered, "ms"),
                row("until a search is answered", searched, "ms"),
                row("resident memory when idle again", idle, "MiB"),
                row("of it anonymous", own, "MiB"),
            ],
        );
        Ok(())
    }
}

impl Shop {
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        wire::request("GET", path, &self.host, &[], None)
    }

    /// Asks as staff, on a connection of its own; anything but a success is an error.
    pub(super) fn json(&self, method: &str, path: &str) -> Result<Value> {
        let mut http = BlockingConnection::open(self.address)?;
        self.send(&mut http, method, path, None)
    }

    pub(super) fn send(
        &self,
        http: &mut BlockingConnection,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let headers = [
            format!("authorization: Bearer {}", self.secret_key),
            format!("idempotency-key: bench-{}-{number}", std::process::id()),
        ];
        let answer = http.ask(&wire::request(method, path, &self.host, &headers, body))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {text}",
            answer.status
        );
        answer.json()
    }

    /// Products that search knows.
    pub(super) fn total(&self) -> Result<u64> {
        let page = self.json("GET", "/api/v1/search?limit=1")?;
        page["total"].as_u64().context("a total")
    }

    fn import(&mut self, file: &Path, written: Written, total: u64) -> Result<Imported> {
        let began = Instant::now();
        let id = self.upload(file)?;
        let mut http = BlockingConnection::open(self.address)?;
        let path = format!("/api/v1/admin/imports/{id}?limit=1");
        let (mut landed, mut own_kib) = (None, 0);
        loop {
            own_kib = self.stoa.memory("RssAnon").unwrap_or(0).max(own_kib);
            ensure!(began.elapsed() < IMPORT_TIME_MAX, "the import does not end");
            let run = self.send(&mut http, "GET", &path, None)?;
            match run["state"].as_str() {
                Some("done") if landed.is_none() => landed = Some(began.elapsed()),
                Some("failed") => bail!("the import failed: {run}"),
                _ => {}
            }
            if let Some(landed) = landed
                && self.total()? >= total
            {
                return Ok(Imported {
                    written,
                    landed,
                    found: began.elapsed(),
                    peak_kib: self.stoa.memory("VmHWM").unwrap_or(0),
                    own_kib,
                });
            }
            pause(LOOK_EVERY);
        }
    }

    fn upload(&self, file: &Path) -> Result<String> {
        let length = std::fs::metadata(file)?.len();
        let head = format!(
            "POST /api/v1/admin/imports HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: text/csv\r\ncontent-length: {length}\r\n\r\n",
            self.host, self.secret_key
        );
        let mut http = BlockingConnection::open(self.address)?;
        let answer = http.upload(head.as_bytes(), File::open(file)?)?;
        let run = answer.json()?;
        ensure!(answer.status == 202, "{} {run}", answer.status);
        Ok(run["id"].as_str().context("an import's id")?.to_owned())
    }
}

impl Imported {
    fn row(&self) -> Vec<String> {
        let speed = |took: Duration| grouped(self.written.rows as f64 / took.as_secs_f64());
        let mib = |kib: u64| format!("{:.0}", kib as f64 / 1024.0);
        vec![
            grouped(self.written.rows as f64),
            grouped(self.written.products as f64),
            speed(self.landed),
            speed(self.found),
            mib(self.peak_kib),
            mib(self.own_kib),
        ]
    }
}
