//! One purge over HTTP: bounded in time and size. Follows no redirect.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::target::{PurgeStyle, PurgeTarget};

const CALL_TIME_MAX: Duration = Duration::from_secs(10);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub(super) enum PurgeError {
    #[error("it answered {0}")]
    Refused(StatusCode),
    #[error("it took too long")]
    Late,
    #[error("it cannot be reached: {0}")]
    Away(String),
}

impl PurgeError {
    /// What is refused for what it says is refused again.
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Refused(status) => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            Self::Late | Self::Away(_) => true,
        }
    }
}

#[derive(Clone)]
pub(super) struct Courier {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Courier {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIME_MAX));
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .expect("ring speaks the versions of TLS that rustls starts with")
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    pub(super) async fn send(
        &self,
        target: &PurgeTarget,
        tags: &[String],
    ) -> Result<(), PurgeError> {
        let request = request(target, tags).map_err(|error| PurgeError::Away(error.to_string()))?;
        match tokio::time::timeout(CALL_TIME_MAX, self.exchange(request)).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(PurgeError::Refused(status)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(PurgeError::Late),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, PurgeError> {
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| PurgeError::Away(error.to_string()))?;
        let status = answer.status();
        // Read to its end so that the connection is good for the next; what it says does not matter.
        drop(
            Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await,
        );
        Ok(status)
    }
}

fn request(target: &PurgeTarget, tags: &[String]) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(target.uri().clone())
        .header(USER_AGENT, concat!("stoa/", env!("CARGO_PKG_VERSION")));
    for (name, value) in target.headers() {
        request = request.header(name, value);
    }
    let body = match target.style() {
        PurgeStyle::SurrogateKey => {
            request = request.header("surrogate-key", HeaderValue::try_from(tags.join(" "))?);
            Bytes::new()
        }
        PurgeStyle::Json => {
            request = request.header(CONTENT_TYPE, "application/json");
            Bytes::from(serde_json::json!({ "tags": tags }).to_string())
        }
    };
    request.body(Full::new(body))
}
