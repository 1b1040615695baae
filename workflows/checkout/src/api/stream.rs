//! One checkout as server-sent events: now, at each change, and no more once it is settled.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use stoa_kernel::{OrderId, TenantId};
use stoa_rest::{Problem, code};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Shared;
use crate::watch::Watch;

/// A browser opens the stream again by itself. Shorter than a stop may take.
const STREAM_TIME_MAX: Duration = Duration::from_secs(20);
/// Streams open at once; one more is told to come back.
const STREAMS_MAX: usize = 1_024;
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
/// Commits of other processes wake nobody here.
const LOOK_EVERY: Duration = Duration::from_millis(500);

struct Follower {
    shared: Arc<Shared>,
    tenant: TenantId,
    order: OrderId,
    watch: Watch,
    sent: Option<String>,
    ends_at: Instant,
    over: bool,
    _place: OwnedSemaphorePermit,
}

/// Room for [`STREAMS_MAX`] followers.
pub(crate) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(STREAMS_MAX))
}

pub(super) fn follow(
    shared: Arc<Shared>,
    places: &Arc<Semaphore>,
    tenant: TenantId,
    order: OrderId,
) -> Result<Response, Problem> {
    let full = |_| Problem::new(&code::TOO_BUSY).with_detail("Too many streams are open.");
    let place = places.clone().try_acquire_owned().map_err(full)?;
    let watch = shared.watches.watch(tenant, order);
    let ends_at = Instant::now() + STREAM_TIME_MAX;
    let follower = Follower {
        shared,
        tenant,
        order,
        watch,
        sent: None,
        ends_at,
        over: false,
        _place: place,
    };
    let heartbeat = KeepAlive::new().interval(HEARTBEAT_EVERY);
    Ok(Sse::new(events(follower))
        .keep_alive(heartbeat)
        .into_response())
}

fn events(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(follower, async |mut follower| {
        let text = follower.next().await?;
        Some((Ok(Event::default().data(text)), follower))
    })
}

impl Follower {
    /// The next state that differs from the last one sent.
    async fn next(&mut self) -> Option<String> {
        while !self.over {
            let status = match self.shared.status_body(self.tenant, self.order).await {
                Ok(status) => status,
                Err(error) => {
                    tracing::warn!(order = %self.order, %error, "a checkout cannot be followed");
                    return None;
                }
            };
            self.over = status.settled;
            let text = serde_json::to_string(&status).ok()?;
            if self.sent.as_ref() != Some(&text) {
                self.sent = Some(text.clone());
                return Some(text);
            }
            tokio::select! {
                () = self.watch.changed() => {}
                () = sleep(LOOK_EVERY) => {}
                () = sleep_until(self.ends_at) => return None,
            }
        }
        None
    }
}
