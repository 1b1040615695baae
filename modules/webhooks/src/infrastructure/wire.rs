//! One POST to one endpoint, over a connection of our own: it goes to the address that was
//! checked, through no proxy, and follows no redirect, because nothing here could.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;
use stoa_egress::{Connection, Dialer, innermost};
use tokio::time::{Instant, timeout, timeout_at};

use crate::Resolver;
use crate::domain::{Answered, Reach, Target};

/// Read of an answer's body; the rest is never fetched.
const ANSWER_BYTES_READ_MAX: usize = 4 * 1_024;
/// How long a body may take once its head has come: it only goes to the log.
const ANSWER_BODY_TIME_MAX: Duration = Duration::from_secs(2);
/// Kept of an answer for the log.
const ANSWER_CHARS_KEPT_MAX: usize = 1_000;

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
    dialer: Dialer,
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
        Self {
            dialer: Dialer::new(reach, resolver, extra_roots, connect_time_max),
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
    ) -> Result<(Response<Incoming>, Connection), Stopped> {
        // Again on every attempt: rules may have become stricter since the URL was stored.
        let target = Target::parse(url, self.dialer.reach());
        let target = target.map_err(|wrong| format!("the URL {wrong}"))?;
        let request = request(&target, parcel)?;
        let connected = self.dialer.connect(&target).await;
        let (mut sender, connection) = connected.map_err(|stopped| short(&stopped))?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| plain("the exchange failed", &error))?;
        Ok((response, connection))
    }
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

fn plain(what: &str, error: &dyn std::error::Error) -> Stopped {
    short(&format!("{what}: {}", innermost(error)))
}

fn short(stopped: &str) -> Stopped {
    let text = readable(stopped.as_bytes());
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
