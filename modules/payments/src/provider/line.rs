//! Calls a provider over HTTP and TLS: bounded in time and size, never to an address inside. Follows
//! no redirect and sends nothing twice.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use super::ProviderError;
use crate::domain::may_be_called;
use crate::seal::Secret;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
const IDLE_CONNECTIONS_MAX: usize = 32;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Connections to all providers, shared by all shops.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client<HttpsConnector<HttpConnector<OutsideResolver>>, Full<Bytes>>,
    time_max: Duration,
}

/// One call, ready to go.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) secret: &'a Secret,
    pub(crate) headers: &'a [(&'static str, &'a str)],
    /// `application/x-www-form-urlencoded`; empty with GET.
    pub(crate) form: String,
}

impl Line {
    /// `time_max` is for one call, from its first byte to the last of its answer.
    pub(crate) fn new(allow_loopback: bool, time_max: Duration) -> Self {
        let mut connector = HttpConnector::new_with_resolver(OutsideResolver {
            inner: GaiResolver::new(),
            allow_loopback,
        });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIME_MAX.min(time_max)));
        connector.set_nodelay(true);
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .expect("ring speaks the versions of TLS that rustls starts with")
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client, time_max }
    }

    /// The status and body of the answer; everything else is unknown.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<(StatusCode, Bytes), ProviderError> {
        let request = request(call)?;
        match tokio::time::timeout(self.time_max, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(ProviderError::unknown("it took too long to answer")),
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ProviderError> {
        let unknown = |error: &dyn std::error::Error| {
            let cause = error.source().map(|cause| format!(": {cause}"));
            ProviderError::unknown(format!("{error}{}", cause.unwrap_or_default()))
        };
        let answer = self.client.request(request).await;
        let (parts, body) = answer.map_err(|error| unknown(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| unknown(&*error))?.to_bytes();
        Ok((parts.status, body))
    }
}

fn request(call: Call<'_>) -> Result<Request<Full<Bytes>>, ProviderError> {
    let fail = |error: http::Error| ProviderError::unknown(error.to_string());
    let bearer = format!("Bearer {}", call.secret.expose());
    let mut bearer = HeaderValue::from_str(&bearer)
        .map_err(|_| ProviderError::unknown("the secret key is not one line of ASCII"))?;
    bearer.set_sensitive(true);
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.url)
        .header(AUTHORIZATION, bearer)
        .header(USER_AGENT, concat!("stoa/", env!("CARGO_PKG_VERSION")));
    if call.method == Method::POST {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    for (name, value) in call.headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(Bytes::from(call.form)))
        .map_err(fail)
}

/// Resolves names and drops every address that lies inside: a shop's provider is outside, whatever
/// its name points to by now.
#[derive(Clone)]
struct OutsideResolver {
    inner: GaiResolver,
    allow_loopback: bool,
}

impl Service<Name> for OutsideResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (allow_loopback, found) = (self.allow_loopback, self.inner.call(name));
        Box::pin(async move {
            let outside: Vec<SocketAddr> = found
                .await?
                .filter(|address| may_be_called(address.ip(), allow_loopback))
                .collect();
            match outside.is_empty() {
                true => Err(io::Error::other("its name leads to no address outside")),
                false => Ok(outside.into_iter()),
            }
        })
    }
}
