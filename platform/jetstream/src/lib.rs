//! Carries events over NATS JetStream. Never the only copy of an event, and never keeps a position:
//! the log does both.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use stoa_bus::{Transport, TransportError};
use stoa_kernel::Envelope;
use tokio::sync::Mutex;

/// Where the stream is, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamConfig {
    /// `nats://[user:password@]host:port`, several separated by commas.
    pub url: String,
    /// Names the stream and begins its subjects: letters, digits, `-` and `_`.
    pub prefix: String,
    /// Copies that a cluster keeps, 1 to 5.
    pub replicas: usize,
    /// What the stream may take on disk, which NATS sets aside for it at once; older events go.
    pub bytes_max: i64,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum JetStreamError {
    #[error("`{prefix}` is no name for a stream: letters, digits, - and _, at most 64")]
    Prefix { prefix: String },
    #[error("NATS cannot be reached: {message}")]
    Connect { message: String },
}

/// What an event is kept for in the stream; the log decides how long it is kept at all.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the server knows the ids of what it was sent.
const DUPLICATES_KNOWN: Duration = Duration::from_secs(120);
/// A listener that is gone so long is dropped by the server.
const LISTENER_KEPT: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_secs(5);
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
const BATCH_MAX: usize = 500;
const PREFIX_BYTES_MAX: usize = 64;

pub struct JetStream {
    context: Context,
    config: JetStreamConfig,
    /// Whether the stream is known to be there.
    ready: AtomicBool,
    listening: Mutex<Option<pull::Stream>>,
}

impl JetStream {
    /// Connects, or goes on trying in the background where the server is away.
    pub async fn connect(config: JetStreamConfig) -> Result<Self, JetStreamError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let length = config.prefix.len();
        if !(1..=PREFIX_BYTES_MAX).contains(&length) || !config.prefix.bytes().all(plain) {
            return Err(JetStreamError::Prefix {
                prefix: config.prefix,
            });
        }
        let servers: Vec<&str> = config.url.split(',').map(str::trim).collect();
        let client = async_nats::ConnectOptions::new()
            .name("stoa")
            .retry_on_initial_connect()
            .connection_timeout(REQUEST_TIME_MAX)
            .request_timeout(Some(REQUEST_TIME_MAX))
            .connect(servers)
            .await
            .map_err(|error| JetStreamError::Connect {
                message: error.to_string(),
            })?;
        let mut context = async_nats::jetstream::new(client);
        context.set_timeout(REQUEST_TIME_MAX);
        Ok(Self {
            context,
            config,
            ready: AtomicBool::new(false),
            listening: Mutex::new(None),
        })
    }

    async fn stream(&self) -> Result<Stream, TransportError> {
        let config = Config {
            name: self.config.prefix.clone(),
            subjects: vec![format!("{}.*", self.config.prefix)],
            storage: StorageType::File,
            discard: DiscardPolicy::Old,
            max_age: AGE_MAX,
            max_bytes: self.config.bytes_max,
            duplicate_window: DUPLICATES_KNOWN,
            num_replicas: self.config.replicas,
            ..Config::default()
        };
        let stream = self.context.get_or_create_stream(config).await;
        let stream = stream.map_err(|error| failed("the stream", &error))?;
        self.ready.store(true, Ordering::Release);
        Ok(stream)
    }

    async fn listen(&self) -> Result<pull::Stream, TransportError> {
        let config = pull::Config {
            // What came before is in the log, and positions are the log's.
            deliver_policy: DeliverPolicy::New,
            ack_policy: AckPolicy::None,
            inactive_threshold: LISTENER_KEPT,
            ..pull::Config::default()
        };
        let consumer = self.stream().await?.create_consumer(config).await;
        let consumer = consumer.map_err(|error| failed("the listener", &error))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH_MAX)
            .heartbeat(HEARTBEAT)
            .messages()
            .await;
        messages.map_err(|error| failed("listening", &error))
    }

    async fn send(&self, events: &[Envelope]) -> Result<(), TransportError> {
        let mut acknowledgements = Vec::with_capacity(events.len());
        for event in events {
            let subject = format!("{}.{}", self.config.prefix, event.cell);
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", format!("{}-{}", event.epoch, event.id));
            let body = serde_json::to_vec(event).map_err(|error| failed("the event", &error))?;
            let sent = self
                .context
                .publish_with_headers(subject, headers, Bytes::from(body))
                .await;
            acknowledgements.push(sent.map_err(|error| failed("publishing", &error))?);
        }
        for acknowledgement in acknowledgements {
            acknowledgement
                .await
                .map_err(|error| failed("publishing", &error))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Transport for JetStream {
    async fn publish(&self, events: &[Envelope]) -> Result<(), TransportError> {
        if !self.ready.load(Ordering::Acquire) {
            self.stream().await?;
        }
        let sent = self.send(events).await;
        if sent.is_err() {
            // Somebody may have deleted the stream: look before the next try.
            self.ready.store(false, Ordering::Release);
        }
        sent
    }

    async fn receive(&self) -> Result<Vec<Envelope>, TransportError> {
        let mut listening = self.listening.lock().await;
        let mut messages = match listening.take() {
            Some(messages) => messages,
            None => self.listen().await?,
        };
        let mut events = Vec::new();
        let mut next = messages.next().await;
        loop {
            let message = match next {
                Some(Ok(message)) => message,
                // Dropped: the next call listens anew, and the log has what went by meanwhile.
                Some(Err(error)) => return ended(events, &error.to_string()),
                None => return ended(events, "the listener ended"),
            };
            match serde_json::from_slice(&message.payload) {
                Ok(event) => events.push(event),
                Err(error) => tracing::warn!(%error, "a message on the bus is no event"),
            }
            if events.len() >= BATCH_MAX {
                break;
            }
            match messages.next().now_or_never() {
                Some(more) => next = more,
                None if events.is_empty() => next = messages.next().await,
                None => break,
            }
        }
        *listening = Some(messages);
        Ok(events)
    }
}

/// What came before the end is handed on all the same.
fn ended(events: Vec<Envelope>, why: &str) -> Result<Vec<Envelope>, TransportError> {
    match events.is_empty() {
        false => Ok(events),
        true => Err(TransportError {
            message: why.to_owned(),
        }),
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> TransportError {
    TransportError {
        message: format!("{what}: {error}"),
    }
}
