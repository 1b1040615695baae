//! Asks a merchant's tax service over HTTP. Keeps nothing, follows no redirect, and speaks to no
//! address of the inside unless told to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

/// For one question from the name look-up to the last byte of the answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A question as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedQuestion {
    pub(crate) url: String,
    pub(crate) headers: [(&'static str, String); 3],
    pub(crate) body: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Its text stays out of logs: it may hold a secret.
    #[error("this address may not be asked: {reason}")]
    Address { reason: &'static str },
    #[error("`{host}` cannot be found: {message}")]
    Name { host: String, message: String },
    #[error("it answered with status {status}")]
    Status { status: u16 },
    #[error("its answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("no answer within {} seconds", ANSWER_TIME_MAX.as_secs())]
    TooSlow,
    #[error("{message}")]
    Broken { message: String },
}

/// Where rates are asked for.
#[async_trait]
pub(crate) trait RateSource: Send + Sync + 'static {
    /// The body of the answer.
    async fn ask(&self, question: &SignedQuestion) -> Result<Vec<u8>, AskError>;
}

/// Rates over HTTP, each question over a connection of its own to the address that was checked.
pub(crate) struct HttpRates {
    /// Whether also plain HTTP and private addresses may be asked.
    inside: bool,
    tls: TlsConnector,
}

#[async_trait]
impl RateSource for HttpRates {
    async fn ask(&self, question: &SignedQuestion) -> Result<Vec<u8>, AskError> {
        tokio::time::timeout(ANSWER_TIME_MAX, self.ask_unhurried(question))
            .await
            .unwrap_or(Err(AskError::TooSlow))
    }
}

impl HttpRates {
    pub(crate) fn new(inside: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            inside,
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    async fn ask_unhurried(&self, question: &SignedQuestion) -> Result<Vec<u8>, AskError> {
        let url = checked_url(&question.url, self.inside)?;
        let request = request_of(&url, question)?;
        // A name may lead elsewhere the next time it is asked: the addresses checked are dialled.
        let addresses = self.addresses(&url).await?;
        let stream = TcpStream::connect(&addresses[..]).await.map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        let (mut sender, connection) = if url.scheme() == "https" {
            let name = url.host_str().unwrap_or_default();
            let name = name.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(name.to_owned()).map_err(broken)?;
            let secured = self.tls.connect(name, stream).await.map_err(broken)?;
            speak(TokioIo::new(secured)).await?
        } else {
            speak(TokioIo::new(stream)).await?
        };
        let answer = sender.send_request(request).await.map_err(broken)?;
        if !answer.status().is_success() {
            return Err(AskError::Status {
                status: answer.status().as_u16(),
            });
        }
        let body = whole(answer.into_body()).await;
        drop(connection);
        body
    }

    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, AskError> {
        let refused = |reason| AskError::Address { reason };
        let host = url.host_str().ok_or_else(|| refused("it has no host"))?;
        let port = url
            .port_or_known_default()
            .ok_or_else(|| refused("it has no port"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> = tokio::net::lookup_host((bare, port))
            .await
            .map_err(|error| AskError::Name {
                host: host.to_owned(),
                message: error.to_string(),
            })?
            .collect();
        if !self.inside && !found.iter().all(|address| is_public(address.ip())) {
            return Err(refused("it is not public"));
        }
        Ok(found)
    }
}

/// A connection that ends when its driver is dropped.
async fn speak<I>(io: I) -> Result<(http1::SendRequest<Full<Bytes>>, JoinSet<()>), AskError>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(io).await.map_err(broken)?;
    let mut driver = JoinSet::new();
    // Its error is the request's as well, which tells it.
    driver.spawn(async move { drop(connection.await) });
    Ok((sender, driver))
}

fn request_of(url: &Url, question: &SignedQuestion) -> Result<Request<Full<Bytes>>, AskError> {
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = url.host_str().unwrap_or_default();
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut request = Request::post(path)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in &question.headers {
        request = request.header(*name, value);
    }
    let body = Full::from(Bytes::from(question.body.clone()));
    request.body(body).map_err(broken)
}

async fn whole(body: Incoming) -> Result<Vec<u8>, AskError> {
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(read) => Ok(read.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(AskError::TooLong),
        Err(error) => Err(AskError::Broken {
            message: error.to_string(),
        }),
    }
}

/// An address that may be asked, as far as its text says.
pub(crate) fn checked_url(text: &str, inside: bool) -> Result<Url, AskError> {
    let refused = |reason| AskError::Address { reason };
    let url = Url::parse(text).map_err(|_| refused("it is not a URL"))?;
    let scheme_fits = url.scheme() == "https" || (inside && url.scheme() == "http");
    if !scheme_fits {
        return Err(refused("it does not start with https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it holds a name or a password"));
    }
    let literal = match url.host() {
        Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(url::Host::Domain(_)) => None,
        None => return Err(refused("it has no host")),
    };
    if !inside && literal.is_some_and(|address| !is_public(address)) {
        return Err(refused("it is not public"));
    }
    Ok(url)
}

fn broken(error: impl std::error::Error) -> AskError {
    AskError::Broken {
        message: error.to_string(),
    }
}

/// Whether an address is one of the open internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = matches!(
        (a, b, c),
        (0 | 240..=255, _, _)
            | (100, 64..=127, _)
            | (192, 0, 0)
            | (198, 18 | 19, _)
            // Inside every machine of that cloud it answers with its secrets.
            | (168, 63, 129)
    );
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

/// Global unicast only (2000::/3), and none of its ranges that lead elsewhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let leads_elsewhere = matches!((first, second), (0x2002, _) | (0x2001, 0 | 0x0db8));
    (0x2000..0x4000).contains(&first) && !leads_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_inside_are_not_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "168.63.129.16",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["93.184.216.34", "2606:2800:220:1::1"] {
            assert!(is_public(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[test]
    fn only_https_to_the_outside_may_be_asked() {
        let allowed = |text: &str, inside: bool| checked_url(text, inside).is_ok();
        assert!(allowed("https://tax.example.com/rates", false));
        for text in [
            "http://tax.example.com/rates",
            "https://127.0.0.1/rates",
            "https://[::1]/rates",
            "https://0x7f.1/rates",
            "https://me:secret@tax.example.com/",
            "file:///etc/passwd",
            "rates",
        ] {
            assert!(!allowed(text, false), "{text}");
        }
        assert!(allowed("http://127.0.0.1:8099/rates", true));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_asked() {
        let question = SignedQuestion {
            url: "https://localhost:1/rates".to_owned(),
            headers: ["a", "b", "c"].map(|name| (name, String::new())),
            body: String::new(),
        };
        let refused = HttpRates::new(false).ask(&question).await;
        assert!(
            matches!(refused, Err(AskError::Address { .. })),
            "{refused:?}"
        );
    }
}
