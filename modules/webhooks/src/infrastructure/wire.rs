//! One POST to one endpoint, over a connection of our own: it goes to the address that was
//! checked, through no proxy, and follows no redirect, because nothing here could.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::domain::{Answered, Reach, Target};
use crate::infrastructure::Resolver;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Read of an answer's body; the rest is never fetched.
const ANSWER_BYTES_READ_MAX: usize = 4 * 1_024;
/// How long a body may take once its head has come: it only goes to the log.
const ANSWER_BODY_TIME_MAX: Duration = Duration::from_secs(2);
/// Kept of an answer for the log.
const ANSWER_CHARS_KEPT_MAX: usize = 1_000;
const HEAD_BYTES_MAX: usize = 16 * 1_024;
const HEADERS_MAX: usize = 64;

const USER_AGENT: HeaderValue = HeaderValue::from_static("Stoa-Webhooks/1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is sent: the headers of Standard Webhooks and the body they sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) id: String,
    pub(crate) unix_seconds: i64,
    /// `v1,...`, several apart by a space.
    pub(crate) signatures: String,
    pub(crate) body: String,
}

pub(crate) struct Wire {
    reach: Reach,
    resolver: Arc<dyn Resolver>,
    tls: TlsConnector,
    connect_time_max: Duration,
    answer_time_max: Duration,
}

type Stopped = String;

impl Wire {
    pub(crate) fn new(
        reach: Reach,
        resolver: Arc<dyn Resolver>,
        extra_roots: Vec<CertificateDer<'static>>,
        connect_time_max: Duration,
        answer_time_max: Duration,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(extra_roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            reach,
            resolver,
            tls: TlsConnector::from(Arc::new(config)),
            connect_time_max,
            answer_time_max,
        }
    }

    /// Sends once. What stops it is an outcome like any other: it goes to the log.
    pub(crate) async fn post(&self, url: &str, parcel: &Parcel) -> Answered {
        let deadline = Instant::now() + self.answer_time_max;
        let exchange = timeout_at(deadline, self.exchange(url, parcel)).await;
        match exchange {
            Ok(Ok((response, connection))) => {
                let status = response.status().as_u16();
                let answer = first_bytes(response.into_body()).await;
                drop(connection);
                Answered::Status(status, readable(&answer))
            }
            Ok(Err(stopped)) => Answered::Nothing(stopped),
            Err(_) => Answered::Nothing(format!(
                "no answer within {} ms",
                self.answer_time_max.as_millis()
            )),
        }
    }

    /// The head of the answer, and the connection its body comes over, which ends when dropped.
    async fn exchange(
        &self,
        url: &str,
        parcel: &Parcel,
    ) -> Result<(Response<Incoming>, JoinSet<()>), Stopped> {
        // Again on every attempt: rules may have become stricter since the URL was stored.
        let target = Target::parse(url, self.reach).map_err(|wrong| format!("the URL {wrong}"))?;
        let addresses = self.addresses(&target).await?;
        let request = request(&target, parcel)?;
        let connecting = self.connect(&target, &addresses);
        let late = || {
            let most = self.connect_time_max.as_millis();
            format!("no connection within {most} ms")
        };
        let connected = timeout(self.connect_time_max, connecting).await;
        let (mut sender, connection) = connected.map_err(|_| late())??;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| plain("the exchange failed", &error))?;
        Ok((response, connection))
    }

    /// Those that webhooks may go to. Says nothing of the others: they are not the merchant's.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, Stopped> {
        let found = match target.host() {
            Ok(address) => vec![address],
            Err(name) => {
                let found = self.resolver.resolve(name, target.port()).await;
                found.unwrap_or_default()
            }
        };
        let mut open = found;
        open.retain(|&address| target.admits(self.reach, address));
        open.truncate(ADDRESSES_MAX);
        match open.is_empty() {
            true => Err("the host leads to no public address".to_owned()),
            false => Ok(open),
        }
    }

    async fn connect(
        &self,
        target: &Target,
        addresses: &[IpAddr],
    ) -> Result<(http1::SendRequest<Full<Bytes>>, JoinSet<()>), Stopped> {
        // Each has its share of the time: a dead one does not keep the next from its turn.
        let share = self.connect_time_max / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        let mut stopped = String::new();
        for &address in addresses {
            let socket = SocketAddr::new(address, target.port());
            match timeout(share, TcpStream::connect(socket)).await {
                Ok(Ok(stream)) => return self.shake_hands(target, stream).await,
                Ok(Err(error)) => stopped = format!("no connection: {}", error.kind()),
                Err(_) => stopped = format!("no connection within {} ms", share.as_millis()),
            }
        }
        Err(stopped)
    }

    async fn shake_hands(
        &self,
        target: &Target,
        stream: TcpStream,
    ) -> Result<(http1::SendRequest<Full<Bytes>>, JoinSet<()>), Stopped> {
        // A small head and body in one go: nothing is gained by waiting for more.
        stream
            .set_nodelay(true)
            .map_err(|error| format!("no connection: {}", error.kind()))?;
        if !target.is_tls() {
            return speak(TokioIo::new(stream)).await;
        }
        let name = match target.host() {
            Ok(address) => ServerName::from(address),
            Err(name) => ServerName::try_from(name.to_owned())
                .map_err(|_| "the host is no name for TLS".to_owned())?,
        };
        let secured = self.tls.connect(name, stream).await;
        let secured = secured.map_err(|error| plain("TLS failed", &error))?;
        speak(TokioIo::new(secured)).await
    }
}

async fn speak<I>(io: I) -> Result<(http1::SendRequest<Full<Bytes>>, JoinSet<()>), Stopped>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(io)
        .await
        .map_err(|error| plain("the exchange failed", &error))?;
    let mut driver = JoinSet::new();
    // Its error is the request's as well, which tells it.
    driver.spawn(async move { drop(connection.await) });
    Ok((sender, driver))
}

fn request(target: &Target, parcel: &Parcel) -> Result<Request<Full<Bytes>>, Stopped> {
    Request::post(target.path_and_query())
        .header(header::HOST, target.authority())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, JSON)
        .header("webhook-id", &parcel.id)
        .header("webhook-timestamp", parcel.unix_seconds)
        .header("webhook-signature", &parcel.signatures)
        .body(Full::from(Bytes::from(parcel.body.clone())))
        .map_err(|error| plain("the URL makes no request", &error))
}

async fn first_bytes(mut body: Incoming) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while read.len() < ANSWER_BYTES_READ_MAX {
            match body.frame().await {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    let room = ANSWER_BYTES_READ_MAX - read.len();
                    read.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(Err(_)) | None => return,
            }
        }
    };
    // Too slow: what came until then is enough for the log.
    drop(timeout(ANSWER_BODY_TIME_MAX, reading).await);
    read
}

/// Text for the log: masked before it is cut, so that no half of a number slips through.
fn readable(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let masked = stoa_telemetry::mask_text(&text);
    masked.chars().take(ANSWER_CHARS_KEPT_MAX).collect()
}

/// The innermost cause, which says it plainest.
fn plain(what: &str, error: &dyn std::error::Error) -> Stopped {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = readable(format!("{what}: {inner}").as_bytes());
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_is_masked_and_short() {
        assert_eq!(readable(b"a\0b\r\nc"), "a b  c");
        assert!(!readable(b"card 4242 4242 4242 4242").contains("4242 4242 4242"));
        assert_eq!(readable(&[b'x'; 4_096]).len(), ANSWER_CHARS_KEPT_MAX);
        assert_eq!(readable(&[0xff, b'a']), "\u{fffd}a");
    }
}
