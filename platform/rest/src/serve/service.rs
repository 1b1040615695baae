//! Hands the requests of one connection to the router and marks whose they are.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::Request;
use http_body::Body as _;
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::activity::Activity;
use super::paced_body::PacedBody;
use crate::access::LocalOperator;
use crate::context::ClientAddr;
use crate::front::Front;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    /// Whoever may open the process's own socket runs this installation.
    Unix,
}

pub(super) struct ConnectionService {
    front: Front,
    peer: Peer,
    activity: Arc<Activity>,
    body_interval: Duration,
    body_bytes_min: usize,
}

impl ConnectionService {
    pub(super) fn new(
        front: Front,
        peer: Peer,
        activity: Arc<Activity>,
        (body_interval, body_bytes_min): (Duration, usize),
    ) -> Self {
        Self {
            front,
            peer,
            activity,
            body_interval,
            body_bytes_min,
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        if matches!(self.peer, Peer::Tcp(_))
            && let Some(answer) = self.front.at_once(&request, self.activity.polled_at())
        {
            self.activity.request_is_answered();
            return Answer::Ready {
                answer: Some(answer),
            };
        }
        let in_flight = InFlight::begin(&self.activity);
        let mut request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(PacedBody::new(
                body,
                self.body_interval,
                self.body_bytes_min,
            )),
        });
        match self.peer {
            Peer::Tcp(addr) => request.extensions_mut().insert(ClientAddr(addr)).is_some(),
            Peer::Unix => request.extensions_mut().insert(LocalOperator).is_some(),
        };
        Answer::Routed {
            future: self.front.ask_router(request),
            in_flight: Some(in_flight),
        }
    }
}

/// Ends the request also where its future is dropped: the client of an HTTP/2 stream may leave.
struct InFlight(Arc<Activity>);

impl InFlight {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.request_begins();
        Self(Arc::clone(activity))
    }
}
impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

pin_project! {
    /// The connection counts as busy until it is there.
    #[project = Answering]
    pub(super) enum Answer {
        /// Until it is taken.
        Ready { answer: Option<Response> },
        Routed {
            #[pin]
            future: RouteFuture<Infallible>,
            in_flight: Option<InFlight>,
        },
    }
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Answering::Ready { answer } => Poll::Ready(Ok(answer
                .take()
                .expect("nobody asks again once it was given"))),
            Answering::Routed { future, in_flight } => {
                let answer = std::task::ready!(future.poll(context));
                drop(in_flight.take());
                Poll::Ready(answer)
            }
        }
    }
}
