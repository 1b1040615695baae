//! The good client: asks at a steady rate over connections it keeps, and now and then over a new one.
//! Every answer must be what it was before anybody else came.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;

use super::shop;
use crate::child::pause;
use crate::figures::{Round, latencies, note};
use crate::wire::{Answer, BlockingConnection};

/// A word that no product has; each request has another in its place, and its page repeats it.
pub(super) const WORD: &str = "qq0000000";
const KEPT_THREADS: usize = 8;
/// A connection that waits at the door for a second holds up one of them.
const NEW_THREADS: usize = 8;
/// One over a new connection for so many over kept ones.
const KEPT_FOR_ONE_NEW: u32 = 4;
/// A new shop's first events change its pages.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(60);
const SETTLE_TIME: Duration = Duration::from_millis(500);

pub(super) struct Good {
    address: SocketAddr,
    asks: Vec<Ask>,
    per_second: u32,
    /// So far: each has a number of its own.
    asked: AtomicUsize,
}

struct Ask {
    path: String,
    /// What the page is when the good client is alone.
    known: String,
}

/// What came back in one round.
pub(super) struct Heard {
    pub(super) kept: Round,
    pub(super) new: Round,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Kept,
    New,
}

pub(super) fn new_per_second(kept: u32) -> u32 {
    kept / KEPT_FOR_ONE_NEW
}

impl Good {
    /// Looks at each path until all stay as they are.
    pub(super) fn of(address: SocketAddr, paths: &[String], per_second: u32) -> Result<Self> {
        let look = || -> Result<Vec<String>> {
            let mut http = BlockingConnection::open(address)?;
            let answers = paths.iter().map(|path| {
                let answer = http.ask(&shop::request(address, path))?;
                body(answer, path)
            });
            answers.collect()
        };
        let began = Instant::now();
        let mut known = look()?;
        loop {
            pause(SETTLE_TIME);
            let again = look()?;
            if again == known {
                break;
            }
            ensure!(began.elapsed() < SETTLE_TIME_MAX, "pages go on changing");
            known = again;
        }
        let asks = paths.iter().cloned().zip(known);
        Ok(Self {
            address,
            asks: asks.map(|(path, known)| Ask { path, known }).collect(),
            per_second,
            asked: AtomicUsize::new(0),
        })
    }

    /// Times run from the moment a request was due, whatever became of the ones before. Any answer
    /// but the known one ends it.
    pub(super) fn run(&self, lasts: Duration) -> Result<Heard> {
        let began = Instant::now();
        std::thread::scope(|scope| {
            let ask = |way: Way| -> Vec<_> {
                (0..way.threads())
                    .map(|at| scope.spawn(move || self.ask(way, at, began, lasts)))
                    .collect()
            };
            let (kept, new) = (ask(Way::Kept), ask(Way::New));
            let gather = |threads: Vec<std::thread::ScopedJoinHandle<'_, _>>| -> Result<Round> {
                let mut all = latencies();
                for thread in threads {
                    let part: Result<Histogram<u64>> = thread
                        .join()
                        .map_err(|_| anyhow::anyhow!("a load thread panicked"))?;
                    all.add(&part?)?;
                }
                Ok(Round {
                    done: all.len(),
                    took: began.elapsed(),
                    latencies: all,
                })
            };
            let (kept, new) = (gather(kept), gather(new));
            Ok(Heard {
                kept: kept.context("over a kept connection")?,
                new: new.context("over a new connection")?,
            })
        })
    }

    fn ask(&self, way: Way, at: usize, began: Instant, lasts: Duration) -> Result<Histogram<u64>> {
        let per_second = match way {
            Way::Kept => self.per_second,
            Way::New => new_per_second(self.per_second),
        };
        let mut kept = match way {
            Way::Kept => Some(BlockingConnection::open(self.address)?),
            Way::New => None,
        };
        let mut all = latencies();
        for number in (at..).step_by(way.threads()) {
            let due = Duration::from_secs_f64(number as f64 / f64::from(per_second));
            if due >= lasts {
                break;
            }
            let own = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            let ask = &self.asks[own % self.asks.len()];
            let own = format!("qq{own:07}");
            let path = ask.path.replace(WORD, &own);
            let request = shop::request(self.address, &path);
            let due = began + due;
            if let Some(early) = due.checked_duration_since(Instant::now()) {
                pause(early);
            }
            let answer = match &mut kept {
                Some(http) => http.ask(&request)?,
                None => BlockingConnection::open(self.address)?.ask(&request)?,
            };
            note(&mut all, due.elapsed());
            let right = body(answer, &path)? == ask.known.replace(WORD, &own);
            ensure!(right, "{path} is another page than before");
        }
        Ok(all)
    }
}

impl Way {
    const fn threads(self) -> usize {
        match self {
            Self::Kept => KEPT_THREADS,
            Self::New => NEW_THREADS,
        }
    }
}

fn body(answer: Answer, path: &str) -> Result<String> {
    let text = String::from_utf8(answer.body)?;
    ensure!(answer.status == 200, "{} for {path}: {text}", answer.status);
    Ok(text)
}
