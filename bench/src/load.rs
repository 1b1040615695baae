//! The HTTP load generator: a fixed number of kept-alive connections, each asking as fast as it is
//! answered. Knows nothing of what it asks for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::figures::{Round, latencies, note};
use crate::wire::Connection;

/// What is asked, and how hard.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// Asked in turn, each connection starting elsewhere.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
}

impl Load {
    /// Asks for `duration`; any answer but 200 ends it.
    pub(crate) fn run(&self, duration: Duration) -> Result<Round> {
        let began = Instant::now();
        let threads: Vec<_> = (0..self.threads)
            .map(|thread| {
                let load = self.clone();
                std::thread::spawn(move || load.run_thread(thread, duration))
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

    fn run_thread(&self, thread: usize, duration: Duration) -> Result<Round> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mine = (thread..self.connections).step_by(self.threads);
            let ends = Instant::now() + duration;
            let tasks: Vec<_> = mine
                .map(|connection| tokio::spawn(self.clone().run_connection(connection, ends)))
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

    async fn run_connection(self, connection: usize, ends: Instant) -> Result<Round> {
        let mut http = Connection::open(self.address).await.context("connecting")?;
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        let mut turn = connection * 31;
        let mut asked = Instant::now();
        while asked < ends {
            let request = &self.requests[turn % self.requests.len()];
            let status = http.exchange(request).await?;
            if status != 200 {
                bail!("{status} for {}", String::from_utf8_lossy(request));
            }
            let answered = Instant::now();
            note(&mut round.latencies, answered - asked);
            round.done += 1;
            turn += 1;
            asked = answered;
        }
        Ok(round)
    }
}
