//! Load at a set pace: each request is due at its own moment, whether or not those before are
//! answered. A thread and a connection each, so that moments are kept to some fifty microseconds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::figures::{Round, latencies, note};
use crate::wire::BlockingConnection;

/// What is asked, and how often.
#[derive(Clone)]
pub(crate) struct Paced {
    pub(crate) address: SocketAddr,
    /// Asked in turn.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
    pub(crate) connections: usize,
    pub(crate) per_second: f64,
}

impl Paced {
    /// A time runs from the moment a request was due where the answer before was late, else from
    /// when it was sent: how late a thread woke is not the server's. Any answer but 200 ends it.
    pub(crate) fn run(&self, duration: Duration) -> Result<Round> {
        ensure!(self.per_second > 0.0, "a pace of nothing");
        let began = Instant::now();
        let threads: Vec<_> = (0..self.connections)
            .map(|at| {
                let load = self.clone();
                std::thread::spawn(move || load.run_connection(at, began, duration))
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

    fn run_connection(&self, at: usize, began: Instant, lasts: Duration) -> Result<Round> {
        let mut http = BlockingConnection::open(self.address)?;
        let mut round = Round {
            done: 0,
            took: lasts,
            latencies: latencies(),
        };
        for number in (at..).step_by(self.connections) {
            let due = Duration::from_secs_f64(number as f64 / self.per_second);
            if due >= lasts {
                break;
            }
            let due = began + due;
            let now = Instant::now();
            let counts_from = match due.checked_duration_since(now) {
                Some(early) => {
                    crate::child::pause(early);
                    Instant::now()
                }
                None => due,
            };
            let request = &self.requests[number % self.requests.len()];
            let status = http.exchange(request)?;
            if status != 200 {
                bail!("{status} for {}", String::from_utf8_lossy(request));
            }
            note(&mut round.latencies, counts_from.elapsed());
            round.done += 1;
        }
        Ok(round)
    }
}
