//! Hands the requests of one connection to the router and marks whose they are.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
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

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    /// Whoever may open the process's own socket runs this installation.
    Unix,
}

pub(super) struct ConnectionService {
    router: Router,
    peer: Peer,
    activity: Arc<Activity>,
    body_interval: Duration,
    body_bytes_min: usize,
}

impl ConnectionService {
    pub(super) fn new(
        router: Router,
        peer: Peer,
        activity: Arc<Activity>,
        (body_interval, body_bytes_min): (Duration, usize),
    ) -> Self {
        Self {
            router,
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
        let future = tower::Service::call(&mut self.router.clone(), request);
        Answer {
            future,
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
    /// The router's answer; the connection counts as busy until it is there.
    pub(super) struct Answer {
        #[pin]
        future: RouteFuture<Infallible>,
        in_flight: Option<InFlight>,
    }
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = std::task::ready!(this.future.poll(context));
        drop(this.in_flight.take());
        Poll::Ready(answer)
    }
}
