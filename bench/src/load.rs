//! The HTTP load generator: a fixed number of kept-alive connections, each asking as fast as it is
//! answered. Knows nothing of what it asks for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::figures::{Round, latencies, note};
use crate::wire::Connection;

/// What is asked, and how hard.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// Asked in turn.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
}

/// Whose turn it is, of all connections.
#[derive(Clone)]
struct Turn {
    next: Arc<AtomicUsize>,
    turns: usize,
}

impl Turn {
    fn take(&self) -> Option<usize> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        (turn < self.turns).then_some(turn)
    }
}

impl Load {
    /// Asks for `duration`; any answer but 200 ends it.
    pub(crate) fn run(&self, duration: Duration) -> Result<Round> {
        self.run_turns(duration, usize::MAX)
    }

    /// As [`Self::run`], and ends when every request was asked once.
    pub(crate) fn run_once(&self, duration: Duration) -> Result<Round> {
        self.run_turns(duration, self.requests.len())
    }

    fn run_turns(&self, duration: Duration, turns: usize) -> Result<Round> {
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let threads: Vec<_> = (0..self.threads)
            .map(|thread| {
                let (load, next) = (
                    self.clone(),
                    Turn {
                        next: next.clone(),
                        turns,
                    },
                );
                std::thread::spawn(move || load.run_thread(thread, duration, &next))
            })
            .collect();
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        for thread in threads {
            let part = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a load thread panicked"))??;
            round.done += part.done;
            round.latencies.add(&part.latencies)?;
        }
        round.took = began.elapsed();
        Ok(round)
    }

    fn run_thread(&self, thread: usize, duration: Duration, turn: &Turn) -> Result<Round> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mine = (thread..self.connections).step_by(self.threads);
            let ends = Instant::now() + duration;
            let tasks: Vec<_> = mine
                .map(|_| tokio::spawn(self.clone().run_connection(turn.clone(), ends)))
                .collect();
            let mut round = Round {
                done: 0,
                took: duration,
                latencies: latencies(),
            };
            for task in tasks {
                let part = task.await??;
                round.done += part.done;
                round.latencies.add(&part.latencies)?;
            }
            Ok(round)
        })
    }

    async fn run_connection(self, turn: Turn, ends: Instant) -> Result<Round> {
        let mut http = Connection::open(self.address).await.context("connecting")?;
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        let mut asked = Instant::now();
        while asked < ends
            && let Some(turn) = turn.take()
        {
            let request = &self.requests[turn % self.requests.len()];
            let status = http.exchange(request).await?;
            if status != 200 {
                bail!("{status} for {}", String::from_utf8_lossy(request));
            }
            let answered = Instant::now();
            note(&mut round.latencies, answered - asked);
            round.done += 1;
            asked = answered;
        }
        Ok(round)
    }
}
