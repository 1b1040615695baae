//! The connection to Redis with its breaker: requests wait for it only so long, and leave it alone
//! after a row of failures until the worker finds it well again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline};
use tokio::sync::Notify;

use crate::counters::{Counters, RedisCounters, RedisEnd};

/// Answers in a row that fail or come late until Redis is left alone.
const FAILURES_MAX: u32 = 5;
/// What the worker waits for an answer, and for a connection.
const WORKER_TIME_MAX: Duration = Duration::from_secs(1);
/// Questions on their way at once; further ones wait, within their time.
const IN_FLIGHT_MAX: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Store,
    /// Invalidations and positions.
    Tell,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("it took too long to answer")]
    Slow,
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
}

pub(super) struct Link {
    client: Client,
    answer_time_max: Duration,
    /// `None` while Redis is left alone.
    open: RwLock<Option<MultiplexedConnection>>,
    failures: AtomicU32,
    closed: Notify,
    counters: Arc<RedisCounters>,
}

impl Link {
    pub(super) fn new(
        url: &str,
        answer_time_max: Duration,
        counters: &Counters,
    ) -> Result<Self, redis::RedisError> {
        let link = Self {
            client: Client::open(url)?,
            answer_time_max,
            open: RwLock::new(None),
            failures: AtomicU32::new(0),
            closed: Notify::new(),
            counters: Arc::clone(&counters.redis),
        };
        link.counters.open.set(0);
        Ok(link)
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.read().is_some()
    }

    /// `None` where Redis is left alone, late, or has failed.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        operation: Operation,
        ask: &Cmd,
    ) -> Option<T> {
        let connection = self.open.read().clone();
        let Some(mut connection) = connection else {
            self.counters.ended(operation, RedisEnd::LeftAlone);
            return None;
        };
        let began = Instant::now();
        let answer = ask.query_async::<T>(&mut connection);
        let end = match tokio::time::timeout(self.answer_time_max, answer).await {
            Ok(Ok(answer)) => {
                self.counters.took(operation, began.elapsed());
                self.counters.ended(operation, RedisEnd::Answered);
                self.failures.store(0, Ordering::Relaxed);
                return Some(answer);
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, ?operation, "redis failed");
                // A broken connection does not mend, a forgotten script is sent again only when
                // connecting, and a server that became a replica takes no writes.
                let elsewhere = matches!(error.code(), Some("NOSCRIPT" | "READONLY"));
                if elsewhere || error.is_unrecoverable_error() {
                    self.close();
                }
                RedisEnd::Failed
            }
            Err(_) => RedisEnd::Late,
        };
        self.counters.ended(operation, end);
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX {
            self.close();
        }
        None
    }

    /// A connection that the worker tries before others may use it.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, LinkError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(WORKER_TIME_MAX))
            .set_response_timeout(Some(WORKER_TIME_MAX))
            .set_concurrency_limit(IN_FLIGHT_MAX);
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = tokio::time::timeout(WORKER_TIME_MAX, connect).await;
        Ok(connection.map_err(|_| LinkError::Slow)??)
    }

    /// Whether it answers as fast as a request wants it to.
    pub(super) async fn is_fast(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), LinkError> {
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<String>(connection);
        let answer = tokio::time::timeout(self.answer_time_max, answer).await;
        answer.map_err(|_| LinkError::Slow)??;
        Ok(())
    }

    /// For the worker: several questions, answered in their order.
    pub(super) async fn tell<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        pipeline: &Pipeline,
    ) -> Result<T, LinkError> {
        let began = Instant::now();
        let answer = pipeline.query_async::<T>(connection);
        match tokio::time::timeout(WORKER_TIME_MAX, answer).await {
            Ok(Ok(answer)) => {
                self.counters.took(Operation::Tell, began.elapsed());
                self.counters.ended(Operation::Tell, RedisEnd::Answered);
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.counters.ended(Operation::Tell, RedisEnd::Failed);
                Err(error.into())
            }
            Err(_) => {
                self.counters.ended(Operation::Tell, RedisEnd::Late);
                Err(LinkError::Slow)
            }
        }
    }

    pub(super) fn open(&self, connection: MultiplexedConnection) {
        self.failures.store(0, Ordering::Relaxed);
        *self.open.write() = Some(connection);
        self.counters.open.set(1);
    }

    pub(super) fn close(&self) {
        if self.open.write().take().is_some() {
            self.counters.open.set(0);
            self.closed.notify_one();
            tracing::warn!("redis is left alone until it answers well again");
        }
    }

    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}
