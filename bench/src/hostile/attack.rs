//! The attackers: a process of their own, at the lowest priority, that ends with its handle. It says
//! when it is there, and each second what it does. A fault in what comes back ends it.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use stoa_testkit::{Bomb, Crowd, allow_files, bombs};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Attack;
use super::shop::{self, MARK, NEIGHBOUR, Shop};
use crate::child::{Running, pause};
use crate::figures;
use crate::wire::Connection;

#[derive(Debug, Clone, Args)]
pub(crate) struct AttackArgs {
    #[arg(value_enum)]
    attack: Attack,
    #[arg(long)]
    address: SocketAddr,
    /// The shop's secret key.
    #[arg(long)]
    key: String,
    #[arg(long)]
    people: usize,
}

const THERE: &str = "the attackers are there";
const DID: &str = "did ";
const START_TIME_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
/// Bombs on their way at once.
const BOMBS_TOGETHER: usize = 4;
/// Between two of one thrower, so that a hundred come each second at most. Without a pause they would be
/// thousands, and any request would do: what is measured is how much one bomb costs others.
const THROW_EVERY: Duration = Duration::from_millis(40);
/// Between two visits to the shop with the theme, however long a page takes.
const VISIT_EVERY: Duration = Duration::from_millis(50);
/// The lowest priority there is: whoever else wants to run, runs.
const NICE: i32 = 19;
/// Files beside the crowd's connections.
const FILES: u64 = 1_000;

/// The attackers' process, seen from the bench.
pub(super) struct Attacker {
    running: Running,
}

impl Attacker {
    /// Returns when they are there.
    pub(super) fn start(attack: Attack, shop: &Shop, people: usize) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let name = match attack {
            Attack::Heads => "heads",
            Attack::Bombs => "bombs",
            Attack::Themes => "themes",
        };
        command.args(["hostile-attack", name]);
        command.args(["--address", &shop.address.to_string()]);
        command.args(["--key", &shop.key, "--people", &people.to_string()]);
        let mut running = Running::spawn(&mut command)?;
        let began = Instant::now();
        while !running.said().contains(THERE) {
            ensure!(running.ended()?.is_none(), "it ended: {}", running.said());
            ensure!(began.elapsed() < START_TIME_MAX, "they do not come");
            pause(LOOK_EVERY);
        }
        Ok(Self { running })
    }

    /// The median of what they said that they did each second.
    pub(super) fn did(&mut self) -> Result<f64> {
        let said = self.running.said();
        ensure!(self.running.ended()?.is_none(), "they ended: {said}");
        let did = said.lines().filter_map(|line| line.strip_prefix(DID));
        let did: Vec<f64> = did.filter_map(|number| number.parse().ok()).collect();
        ensure!(!did.is_empty(), "they did nothing: {said}");
        Ok(figures::median(did))
    }
}

/// What the attackers' process runs, until it is killed.
pub(crate) fn run_attack(args: &AttackArgs) -> Result<()> {
    // Before any thread is begun: each has the priority of the one that began it.
    rustix::process::setpriority_process(None, NICE)?;
    if args.attack == Attack::Heads {
        return heads(args);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match args.attack {
        Attack::Heads | Attack::Bombs => runtime.block_on(throw(args)),
        Attack::Themes => runtime.block_on(visit(args)),
    }
}

fn heads(args: &AttackArgs) -> Result<()> {
    allow_files(args.people as u64 + FILES);
    let crowd = Crowd::come(args.address, args.people);
    while crowd.open() < args.people - args.people / 50 {
        pause(LOOK_EVERY);
    }
    eprintln!("{THERE}");
    loop {
        pause(SECOND);
        eprintln!("{DID}{}", crowd.open());
    }
}

async fn throw(args: &AttackArgs) -> Result<()> {
    let bombs = Arc::new(bombs(&args.key));
    let thrown = Arc::new(AtomicUsize::new(0));
    let mut throwers = JoinSet::new();
    for number in 0..BOMBS_TOGETHER {
        throwers.spawn(throw_on(
            args.address,
            Arc::clone(&bombs),
            number * 2,
            Arc::clone(&thrown),
        ));
    }
    eprintln!("{THERE}");
    tell(&mut throwers, &thrown).await
}

async fn throw_on(
    address: SocketAddr,
    bombs: Arc<Vec<Bomb>>,
    first: usize,
    thrown: Arc<AtomicUsize>,
) -> Result<()> {
    let mut due = tokio::time::interval(THROW_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for bomb in bombs.iter().cycle().skip(first) {
        due.tick().await;
        bomb.throw(address).await;
        thrown.fetch_add(1, Ordering::Relaxed);
    }
    bail!("there are no bombs")
}

/// Says each second how many more there are; ends with the first that fails.
async fn tell(running: &mut JoinSet<Result<()>>, done: &AtomicUsize) -> Result<()> {
    let mut second = tokio::time::interval(SECOND);
    second.tick().await;
    loop {
        tokio::select! {
            ended = running.join_next() => ended.context("nobody is left")???,
            _ = second.tick() => eprintln!("{DID}{}", done.swap(0, Ordering::Relaxed)),
        }
    }
}

async fn visit(args: &AttackArgs) -> Result<()> {
    let visited = Arc::new(AtomicUsize::new(0));
    let mut visitors = JoinSet::new();
    visitors.spawn(visit_on(args.address, Arc::clone(&visited)));
    eprintln!("{THERE}");
    tell(&mut visitors, &visited).await
}

async fn visit_on(address: SocketAddr, visited: Arc<AtomicUsize>) -> Result<()> {
    let mut due = tokio::time::interval(VISIT_EVERY);
    let mut visits: JoinSet<Result<()>> = JoinSet::new();
    for number in 0.. {
        due.tick().await;
        while let Some(ended) = visits.try_join_next() {
            ended??;
            visited.fetch_add(1, Ordering::Relaxed);
        }
        // Of the theme's own templates; each search is another page.
        let path = match number % 3 {
            0 => "/".to_owned(),
            1 => format!("/search?q=lamp+{number}"),
            _ => "/collections/all".to_owned(),
        };
        visits.spawn(see(address, path));
    }
    Ok(())
}

/// The page is there, and it is the built-in one.
async fn see(address: SocketAddr, path: String) -> Result<()> {
    let mut http = Connection::open(address).await?;
    let answer = http
        .ask(&shop::request_of(NEIGHBOUR, address, &path))
        .await?;
    let text = String::from_utf8(answer.body)?;
    ensure!(answer.status == 200, "{} for {path}: {text}", answer.status);
    ensure!(!text.contains(MARK), "{path} was made after all");
    Ok(())
}
