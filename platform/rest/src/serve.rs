//! The accept loop: connections in, requests to the router, an orderly end. Knows no routes.

mod activity;
mod paced_body;
mod places;
mod service;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use stoa_telemetry::Metrics;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::front::Front;
use activity::{Activity, WatchedStream};
pub(crate) use paced_body::BodyTooSlow;
use places::Places;
use service::{ConnectionService, Peer};

/// Where connections come from. Requests over the Unix socket are the operator's.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The bounds of every connection.
#[derive(Clone)]
pub struct ServeConfig {
    /// Open connections per listener. Over it, those that were given nothing for longest and ask for
    /// nothing give way; where all are being answered, accepting waits until one closes.
    pub connections_max: usize,
    /// A connection has this long to ask before it may have to give way to another.
    pub asking_time: Duration,
    /// From the first byte of a request's head to its last.
    pub header_time_max: Duration,
    /// A connection on which neither side sends anything is closed after this.
    pub idle_time_max: Duration,
    /// While a body is waited for, at least `body_bytes_min` must come per `body_interval`.
    pub body_interval: Duration,
    pub body_bytes_min: usize,
    pub headers_max: usize,
    pub head_bytes_max: usize,
    /// HTTP/2 requests open at once on one connection.
    pub streams_max: u32,
    /// How long requests in flight may take once shutdown begins.
    pub drain_time_max: Duration,
    pub metrics: Metrics,
}

impl ServeConfig {
    pub fn new(metrics: Metrics) -> Self {
        Self {
            connections_max: 10_000,
            asking_time: Duration::from_millis(250),
            header_time_max: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(60),
            body_interval: Duration::from_secs(10),
            body_bytes_min: 1024,
            headers_max: 100,
            head_bytes_max: 64 * 1024,
            streams_max: 128,
            drain_time_max: Duration::from_secs(25),
            metrics,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{connections} connections were still busy after {waited:?} and were cut off")]
    CutOff {
        connections: usize,
        waited: Duration,
    },
}

/// Serves until `shutdown` completes, then stops accepting and lets requests in flight finish.
pub async fn serve(
    listeners: Vec<Listener>,
    front: impl Into<Front>,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let drain_time_max = config.drain_time_max;
    let server = Arc::new(Server {
        front: front.into(),
        builder: builder(&config),
        config,
    });
    let graceful = GracefulShutdown::new();
    // Dropped at the end, whatever it still holds.
    let mut connections: Vec<JoinSet<()>> = Vec::new();
    {
        connections.resize_with(listeners.len(), JoinSet::new);
        let loops = listeners
            .into_iter()
            .zip(&mut connections)
            .map(|(listener, tasks)| accept_all(listener, Arc::clone(&server), &graceful, tasks));
        // `shutdown` first: the loops never end by themselves, and dropping them closes the
        // listeners.
        tokio::select! {
            biased;
            () = shutdown => {}
            _ = futures_util::future::join_all(loops) => {}
        }
    }
    let open = connections.iter_mut().map(open_tasks).sum::<usize>();
    tracing::info!(
        connections = open,
        "no longer accepting; finishing what is in flight"
    );
    match tokio::time::timeout(drain_time_max, graceful.shutdown()).await {
        Ok(()) => Ok(()),
        Err(_) => {
            let connections = connections.iter_mut().map(open_tasks).sum();
            Err(ServeError::CutOff {
                connections,
                waited: drain_time_max,
            })
        }
    }
}

fn open_tasks(tasks: &mut JoinSet<()>) -> usize {
    while tasks.try_join_next().is_some() {}
    tasks.len()
}

struct Server {
    front: Front,
    builder: Builder<TokioExecutor>,
    config: ServeConfig,
}

/// What hyper takes where it is told nothing.
const HYPER_HEADERS_MAX: usize = 100;

fn builder(config: &ServeConfig) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        // `Activity` watches heads and idleness, without a timer per request. `pipeline_flush`
        // stays off: it leaves the answer to a head that cannot be read unsent.
        .header_read_timeout(None)
        .max_buf_size(config.head_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.streams_max)
        .max_header_list_size(u32::try_from(config.head_bytes_max).unwrap_or(u32::MAX));
    // Said again, hyper's own bound would cost more per request.
    if config.headers_max != HYPER_HEADERS_MAX {
        builder.http1().max_headers(config.headers_max);
    }
    builder
}

async fn accept_all(
    listener: Listener,
    server: Arc<Server>,
    graceful: &GracefulShutdown,
    tasks: &mut JoinSet<()>,
) {
    let config = &server.config;
    let places = Places::new(config.connections_max, config.asking_time);
    loop {
        while tasks.try_join_next().is_some() {}
        let watcher = graceful.watcher();
        let server = Arc::clone(&server);
        // A place is looked for once somebody is there to take it: nobody gives way to no one.
        match &listener {
            Listener::Tcp(listener) => {
                let Some((stream, addr)) = accepted(listener.accept().await, &places).await else {
                    continue;
                };
                // Answers are written whole; waiting to fill a packet only adds latency.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                let free = places.free().await;
                places.take(free, tasks, move |activity| async move {
                    let peer = Peer::Tcp(addr);
                    server.connection(stream, peer, activity, watcher).await;
                });
            }
            Listener::Unix(listener) => {
                let Some((stream, _)) = accepted(listener.accept().await, &places).await else {
                    continue;
                };
                let free = places.free().await;
                places.take(free, tasks, move |activity| async move {
                    let peer = Peer::Unix;
                    server.connection(stream, peer, activity, watcher).await;
                });
            }
        }
    }
}

/// `None` after a failure; waits where the failure would repeat at once.
async fn accepted<T>(result: io::Result<T>, places: &Places) -> Option<T> {
    /// Until some other part of the process closes a file.
    const PAUSE: Duration = Duration::from_millis(100);
    /// No file number is left, of this process or of the machine.
    const NO_FILES: [i32; 2] = [24, 23];
    match result {
        Ok(connection) => Some(connection),
        Err(error) => {
            let gone = matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::Interrupted
            );
            if !gone {
                tracing::warn!(%error, "a connection could not be accepted");
                if error
                    .raw_os_error()
                    .is_some_and(|code| NO_FILES.contains(&code))
                {
                    places.make_room();
                }
                tokio::time::sleep(PAUSE).await;
            }
            None
        }
    }
}

impl Server {
    async fn connection<I>(&self, stream: I, peer: Peer, activity: Arc<Activity>, watcher: Watcher)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        /// No timer is worth less.
        const LOOK_MIN: Duration = Duration::from_millis(1);
        let config = &self.config;
        let _open = config.metrics.connection_opens();
        let stream = TokioIo::new(WatchedStream::new(stream, Arc::clone(&activity)));
        let service = ConnectionService::new(
            self.front.clone(),
            peer,
            Arc::clone(&activity),
            (config.body_interval, config.body_bytes_min),
        );
        let connection = self.builder.serve_connection(stream, service);
        let mut connection = std::pin::pin!(watcher.watch(connection));
        // A head may begin at any time, and is looked at when it is due at the earliest.
        let look = config.header_time_max.min(config.idle_time_max);
        let mut next_look = std::pin::pin!(tokio::time::sleep(look));
        // The connection comes first. Its bytes wake this task far more often than the timer does, which
        // keeps the waker that it was asked with: a task has one.
        let mut is_set = false;
        let ended = poll_fn(|context| {
            activity.poll_begins();
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended);
            }
            let due = activity.may_be_due(next_look.deadline()) || !is_set;
            is_set = true;
            while due && next_look.as_mut().poll(context).is_ready() {
                let left = activity.time_left(config.header_time_max, config.idle_time_max);
                if left.is_some_and(|left| left.is_zero()) {
                    return Poll::Ready(Ok(()));
                }
                let next = left.map_or(look, |left| left.min(look)).max(LOOK_MIN);
                next_look.as_mut().reset(Instant::now() + next);
            }
            Poll::Pending
        });
        if let Err(error) = ended.await {
            tracing::debug!(error, "a connection broke off");
        }
    }
}
