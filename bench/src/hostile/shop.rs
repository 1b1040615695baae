//! The demo shop that is attacked, in a process of its own, and a second shop beside it, whose owner
//! means harm.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stoa_testkit::{HOSTILE_THEMES, theme};
use tempfile::TempDir;

use crate::child::{Running, pause, stoa_binary};
use crate::wire::{self, BlockingConnection};

const DEMO: &str = "demo";
pub(super) const NEIGHBOUR: &str = "evil";
/// On pages that hostile themes must never bring to an end.
pub(super) const MARK: &str = "EVILMARK";
const THEMES: &str = "/api/v1/admin/themes";
/// Until connections that wait at the door are let in.
const COME_TIME_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Shop {
    pub(super) stoa: Running,
    pub(super) address: SocketAddr,
    pub(super) key: String,
    folder: TempDir,
}

/// The second shop.
pub(super) struct Neighbour {
    key: String,
}

/// A question to the demo shop.
pub(super) fn request(address: SocketAddr, path: &str) -> Vec<u8> {
    request_of(DEMO, address, path)
}

pub(super) fn request_of(tenant: &str, address: SocketAddr, path: &str) -> Vec<u8> {
    let headers = [format!("stoa-tenant: {tenant}")];
    wire::request("GET", path, &address.to_string(), &headers, None)
}

impl Shop {
    pub(super) fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut stoa = Running::stoa(folder.path(), None)?;
        let address = stoa.address()?;
        let key = stoa.word("sk_")?;
        Ok(Self {
            stoa,
            address,
            key,
            folder,
        })
    }

    /// One product's.
    pub(super) fn handle(&self) -> Result<String> {
        let list = self.text("/api/v1/products?limit=1")?;
        let list: Value = serde_json::from_str(&list)?;
        let handle = list["data"][0]["handle"].as_str();
        Ok(handle.context("a product")?.to_owned())
    }

    fn text(&self, path: &str) -> Result<String> {
        let mut http = BlockingConnection::open(self.address)?;
        let answer = http.ask(&request(self.address, path))?;
        let text = String::from_utf8(answer.body)?;
        ensure!(answer.status == 200, "{} for {path}: {text}", answer.status);
        Ok(text)
    }

    /// Pages that fell back to the built-in theme so far, for whatever reason.
    pub(super) fn fallbacks(&self) -> Result<u64> {
        let metrics = self.text("/metrics")?;
        let lines = metrics
            .lines()
            .filter(|line| line.starts_with("stoa_theme_fallbacks_total"));
        let counts = lines.filter_map(|line| line.rsplit_once(' '));
        Ok(counts
            .filter_map(|(_, count)| count.parse::<u64>().ok())
            .sum())
    }

    /// Waits until most of a crowd is inside: whoever waits at the door is not.
    pub(super) fn holds(&self, people: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let inside = self.stoa.open_files()?;
            if inside >= people - people / 10 {
                return Ok(());
            }
            let waits = began.elapsed() < COME_TIME_MAX;
            ensure!(waits, "{inside} of {people} slow heads are inside");
            pause(LOOK_EVERY);
        }
    }

    /// A second shop in the same process.
    pub(super) fn neighbour(&self) -> Result<Neighbour> {
        self.command(&["tenant", "create", NEIGHBOUR, "--test-mode"])?;
        let key = self.command(&["key", "create", "--tenant", NEIGHBOUR, "--kind", "secret"])?;
        Ok(Neighbour {
            key: key.trim().to_owned(),
        })
    }

    fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(stoa_binary()?);
        command.args(arguments);
        command.arg("--data-dir").arg(self.folder.path());
        let done = command.stdin(Stdio::null()).output()?;
        let wrong = || String::from_utf8_lossy(&done.stderr).into_owned();
        ensure!(done.status.success(), "{arguments:?}: {}", wrong());
        Ok(String::from_utf8(done.stdout)?)
    }
}

impl Neighbour {
    /// Puts on the hostile theme whose turn it is.
    pub(super) fn dress(&self, shop: &Shop, round: usize) -> Result<()> {
        let (name, harm) = HOSTILE_THEMES[round % HOSTILE_THEMES.len()];
        eprintln!("  {name}");
        let archive = theme(name, MARK, harm);
        let made = self.post(shop, THEMES, &archive)?;
        let id = made["id"].as_str().context("a theme's id")?;
        self.post(shop, &format!("{THEMES}/{id}/publish"), &[])?;
        Ok(())
    }

    fn post(&self, shop: &Shop, path: &str, body: &[u8]) -> Result<Value> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nstoa-tenant: {NEIGHBOUR}\r\n\
             authorization: Bearer {}\r\ncontent-type: application/zip\r\n\
             content-length: {}\r\n\r\n",
            shop.address,
            self.key,
            body.len()
        );
        let mut http = BlockingConnection::open(shop.address)?;
        let answer = http.upload(head.as_bytes(), body)?;
        let told = answer.json()?;
        let done = (200..300).contains(&answer.status);
        ensure!(done, "{path}: {} {told}", answer.status);
        Ok(told)
    }
}
