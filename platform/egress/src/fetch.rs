//! One GET of a file that somebody else pointed at: few redirects, each judged like the first
//! address, bounded in time and size, read piece by piece.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::dialer::innermost;
use crate::{Connection, Dialer, Target};

const REDIRECTS_MAX: usize = 5;

/// Why a file did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Never will, as the address stands.
    #[error("the URL {reason}")]
    Url { reason: String },
    #[error("the server answered {status}")]
    Status { status: u16 },
    #[error("it has more than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("it redirects more than {redirects_max} times")]
    Redirects { redirects_max: usize },
    #[error("{reason}")]
    Failed { reason: String },
}

impl FetchError {
    /// Whether it is worth trying again later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Failed { .. } => true,
            Self::Url { .. } | Self::TooLarge { .. } | Self::Redirects { .. } => false,
        }
    }
}

pub struct Fetch {
    dialer: Dialer,
    user_agent: HeaderValue,
    accept: HeaderValue,
    /// From the first look-up to the last byte.
    time_max: Duration,
}

/// A file that is coming.
#[derive(Debug)]
pub struct Fetched {
    body: Incoming,
    deadline: Instant,
    bytes_left: u64,
    bytes_max: u64,
    _connection: Connection,
}

impl Fetch {
    pub fn new(
        dialer: Dialer,
        user_agent: &'static str,
        accept: &'static str,
        time_max: Duration,
    ) -> Self {
        Self {
            dialer,
            user_agent: HeaderValue::from_static(user_agent),
            accept: HeaderValue::from_static(accept),
            time_max,
        }
    }

    /// Whether a URL may be asked for, as far as its text shows; `Err` says why not.
    pub fn check(&self, url: &str) -> Result<(), String> {
        Target::parse_plain(url, self.dialer.reach()).map(|_| ())
    }

    /// The head has come and was a success; the body is read by [`Fetched::next`].
    pub async fn get(&self, url: &str, bytes_max: u64) -> Result<Fetched, FetchError> {
        let deadline = Instant::now() + self.time_max;
        match timeout_at(deadline, self.follow(url)).await {
            Ok(Ok((answer, connection))) => {
                let told = answer.body().size_hint().exact();
                if told.is_some_and(|bytes| bytes > bytes_max) {
                    return Err(FetchError::TooLarge { bytes_max });
                }
                Ok(Fetched {
                    body: answer.into_body(),
                    deadline,
                    bytes_left: bytes_max,
                    bytes_max,
                    _connection: connection,
                })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(late()),
        }
    }

    async fn follow(&self, url: &str) -> Result<(Response<Incoming>, Connection), FetchError> {
        let reach = self.dialer.reach();
        let wrong = |reason| FetchError::Url { reason };
        let mut target = Target::parse_plain(url, reach).map_err(wrong)?;
        for _ in 0..=REDIRECTS_MAX {
            let (answer, connection) = self.ask(&target).await?;
            let status = answer.status();
            if status == StatusCode::OK {
                return Ok((answer, connection));
            }
            let location = answer.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            match location {
                Some(location) if status.is_redirection() => {
                    target = target.join(location, reach).map_err(wrong)?;
                }
                _ => {
                    let status = status.as_u16();
                    return Err(FetchError::Status { status });
                }
            }
        }
        Err(FetchError::Redirects {
            redirects_max: REDIRECTS_MAX,
        })
    }

    async fn ask(&self, target: &Target) -> Result<(Response<Incoming>, Connection), FetchError> {
        let failed = |reason| FetchError::Failed { reason };
        let (mut sender, connection) = self.dialer.connect(target).await.map_err(failed)?;
        let request = Request::get(target.path_and_query())
            .header(header::HOST, target.authority())
            .header(header::USER_AGENT, &self.user_agent)
            .header(header::ACCEPT, &self.accept)
            .body(Full::<Bytes>::default())
            .map_err(|error| FetchError::Url {
                reason: format!("makes no request: {error}"),
            })?;
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| {
            let inner = innermost(&error);
            failed(format!("the exchange failed: {inner}"))
        })?;
        Ok((answer, connection))
    }
}

impl Fetched {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        loop {
            let frame = match timeout_at(self.deadline, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    let reason = format!("it broke off: {}", innermost(&error));
                    return Some(Err(FetchError::Failed { reason }));
                }
                Ok(None) => return None,
                Err(_) => return Some(Err(late())),
            };
            // Trailers say nothing of a picture.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            let bytes_max = self.bytes_max;
            match self.bytes_left.checked_sub(piece.len() as u64) {
                Some(left) => self.bytes_left = left,
                None => return Some(Err(FetchError::TooLarge { bytes_max })),
            }
            return Some(Ok(piece));
        }
    }
}

fn late() -> FetchError {
    FetchError::Failed {
        reason: "it took too long".to_owned(),
    }
}
