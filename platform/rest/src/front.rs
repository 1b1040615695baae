//! The way in: a plain read whose answer lies ready in memory is answered where it came in, without
//! the router, a task-local or a timer; every other request goes to the router. Who may ask is the
//! guard's to say here as there.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use http::{HeaderMap, Method, Request, Uri};
use tokio::time::Instant;

use crate::context::RequestTenant;
use crate::guard::Guard;

/// A GET for a shop, from somebody who shows no credential and sends no body.
#[derive(Debug, Clone, Copy)]
pub struct PlainRead<'r> {
    pub tenant: &'r RequestTenant,
    pub uri: &'r Uri,
    pub headers: &'r HeaderMap,
    /// When it came.
    pub now: Instant,
}

/// What lies ready of a route, with the state of its module.
pub(crate) type Look<S> = Box<dyn Fn(&S, &PlainRead<'_>) -> Option<Response> + Send + Sync>;

/// A route with a look.
pub(crate) struct Ready {
    guard: Arc<Guard>,
    look: Look<()>,
}

impl Ready {
    pub(crate) fn new(guard: Arc<Guard>, look: Look<()>) -> Self {
        Self { guard, look }
    }
}

/// By path; `None` where nothing lies ready.
type Paths = matchit::Router<Option<Ready>>;

/// A router with what lies ready before it. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    router: Router,
    paths: Arc<Paths>,
}

impl Front {
    pub(crate) fn new(router: Router, paths: Paths) -> Self {
        Self {
            router,
            paths: Arc::new(paths),
        }
    }

    /// Without what lies ready.
    pub fn into_router(self) -> Router {
        self.router
    }

    /// The answer, where it lies ready; `None` where the router is to be asked, to which nothing has
    /// happened yet. Never waits. `now` is when the request came.
    pub fn at_once<B: http_body::Body>(
        &self,
        request: &Request<B>,
        now: Instant,
    ) -> Option<Response> {
        if *request.method() != Method::GET || !request.body().is_end_stream() {
            return None;
        }
        let found = self.paths.at(request.uri().path()).ok()?;
        let Ready { guard, look } = found.value.as_ref()?;
        guard.at_once(|read| look(&(), read), request, now)
    }

    /// What the router says.
    pub(crate) fn ask_router(&self, request: Request<Body>) -> RouteFuture<Infallible> {
        tower::Service::call(&mut self.router.clone(), request)
    }
}

/// As a connection does it.
impl tower::Service<Request<Body>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<std::future::Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.at_once(&request, Instant::now()) {
            Some(answer) => Either::Left(std::future::ready(Ok(answer))),
            None => Either::Right(self.ask_router(request)),
        }
    }
}

impl From<Router> for Front {
    fn from(router: Router) -> Self {
        Self::new(router, Paths::new())
    }
}
