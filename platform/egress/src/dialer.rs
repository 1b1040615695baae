//! From a judged URL to an HTTP connection of our own, to an address that was judged as well.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{Reach, Resolver, Target};

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
const HEAD_BYTES_MAX: usize = 16 * 1_024;
const HEADERS_MAX: usize = 64;

pub type Sender = http1::SendRequest<Full<Bytes>>;
/// What a body comes over; ends when dropped.
pub type Connection = JoinSet<()>;

/// Connects to public addresses, and says in plain words why it did not.
pub struct Dialer {
    reach: Reach,
    resolver: Arc<dyn Resolver>,
    tls: TlsConnector,
    connect_time_max: Duration,
}

impl Dialer {
    /// `extra_roots` are trusted besides Mozilla's.
    pub fn new(
        reach: Reach,
        resolver: Arc<dyn Resolver>,
        extra_roots: Vec<CertificateDer<'static>>,
        connect_time_max: Duration,
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
        }
    }

    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Within the time for connecting, TLS included; the look-up of the name comes before it.
    pub async fn connect(&self, target: &Target) -> Result<(Sender, Connection), String> {
        let addresses = self.addresses(target).await?;
        let connecting = self.connect_to(target, &addresses);
        let late = || {
            let most = self.connect_time_max.as_millis();
            format!("no connection within {most} ms")
        };
        let connected = timeout(self.connect_time_max, connecting).await;
        connected.map_err(|_| late())?
    }

    /// Those that may be called. Says nothing of the others: they are not the merchant's.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, String> {
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

    async fn connect_to(
        &self,
        target: &Target,
        addresses: &[IpAddr],
    ) -> Result<(Sender, Connection), String> {
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
    ) -> Result<(Sender, Connection), String> {
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
        let secured = secured.map_err(|error| format!("TLS failed: {}", innermost(&error)))?;
        speak(TokioIo::new(secured)).await
    }
}

async fn speak<I>(io: I) -> Result<(Sender, Connection), String>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(io)
        .await
        .map_err(|error| format!("the exchange failed: {}", innermost(&error)))?;
    let mut driver = JoinSet::new();
    // Its error is the request's as well, which tells it.
    driver.spawn(async move { drop(connection.await) });
    Ok((sender, driver))
}

/// The innermost cause, which says it plainest.
pub fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
