//! A request body that must keep coming. Counts only the time spent waiting for the client, so a
//! slow handler is never held against it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// The client stopped sending, or sent drop by drop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyTooSlow {
    #[error("fewer than {bytes_min} bytes of the body came within {interval:?}")]
    Stalled {
        bytes_min: usize,
        interval: Duration,
    },
    #[error("the body cannot be read")]
    Broken(#[from] hyper::Error),
}

/// At least `bytes_min` bytes per `interval` of waiting.
pub(super) struct PacedBody {
    inner: Incoming,
    interval: Duration,
    bytes_min: usize,
    /// Bytes and waiting since the last time enough had come.
    bytes: usize,
    waited: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    patience: Pin<Box<Sleep>>,
}

impl PacedBody {
    pub(super) fn new(inner: Incoming, interval: Duration, bytes_min: usize) -> Self {
        Self {
            inner,
            interval,
            bytes_min,
            bytes: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    fn arrived(&mut self, bytes: usize) {
        if let Some(waiting) = self.waiting.take() {
            self.waited += waiting.since.elapsed();
        }
        self.bytes += bytes;
        if self.bytes >= self.bytes_min {
            self.bytes = 0;
            self.waited = Duration::ZERO;
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = BodyTooSlow;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyTooSlow>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            let bytes = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            this.arrived(bytes);
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyTooSlow::from)));
        }
        let left = this.interval.saturating_sub(this.waited);
        let waiting = this.waiting.get_or_insert_with(|| Waiting {
            since: Instant::now(),
            patience: Box::pin(tokio::time::sleep(left)),
        });
        match waiting.patience.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyTooSlow::Stalled {
                bytes_min: this.bytes_min,
                interval: this.interval,
            }))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
