//! The only way to declare a route: access is an argument, so a route that states none cannot be
//! written. Composes the router; what happens to a request is the guard's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use stoa_kernel::IdSource;
use stoa_telemetry::Metrics;

use crate::access::Access;
use crate::code;
use crate::docs::{ApiInfo, ErrorPage};
use crate::gate::Gate;
use crate::guard::{Guard, Guarded, Shared};
use crate::operation::Operation;
use crate::problem::Problem;

/// How long a handler may take until its response begins.
const HANDLER_TIME_MAX: Duration = Duration::from_secs(30);

/// One declared route.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    pub method: Method,
    /// The pattern, such as `/api/v1/products/{handle}`.
    pub path: &'static str,
    pub access: Access,
    pub operation: Operation,
    /// The module that declared it; groups the documentation.
    pub tag: &'static str,
}

/// What all routes of a router share.
#[derive(Clone)]
pub struct RouterConfig {
    pub metrics: Metrics,
    /// Makes the trace ids of requests that bring none.
    pub ids: Arc<dyn IdSource>,
    pub handler_time_max: Duration,
}

impl RouterConfig {
    pub fn new(metrics: Metrics, ids: Arc<dyn IdSource>) -> Self {
        Self {
            metrics,
            ids,
            handler_time_max: HANDLER_TIME_MAX,
        }
    }
}

type Make<S> = Box<dyn FnOnce(Arc<Guard>) -> MethodRouter<S> + Send>;

/// Routes whose handlers take a state `S`; `()` once it was given.
pub struct Routes<S = ()> {
    tag: &'static str,
    infos: Vec<RouteInfo>,
    makes: Vec<Make<S>>,
    pages: Vec<ErrorPage>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// `tag` names the module in the documentation.
    pub fn new(tag: &'static str) -> Self {
        Self {
            tag,
            infos: Vec::new(),
            makes: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// Declares a route. `handler` is an ordinary `axum` handler. One path may have several
    /// methods; a GET answers HEAD as well.
    #[must_use]
    pub fn route<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        operation: Operation,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter =
            MethodFilter::try_from(method.clone()).expect("routes use the methods of RFC 9110");
        self.infos.push(RouteInfo {
            method,
            path,
            access,
            operation,
            tag: self.tag,
        });
        self.makes.push(Box::new(move |guard| {
            on(filter, Guarded::new(handler, guard))
        }));
        self
    }

    /// The pages of the error codes that these routes add to those of this crate.
    #[must_use]
    pub fn error_pages(mut self, pages: &[ErrorPage]) -> Self {
        self.pages.extend_from_slice(pages);
        self
    }

    /// Adds the routes of another module, which keep their tag.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.infos.extend(other.infos);
        self.makes.extend(other.makes);
        self.pages.extend(other.pages);
        self
    }

    /// Gives every handler its state.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Routes<S2> {
        let makes = self.makes.into_iter().map(|make| {
            let state = state.clone();
            let make: Make<S2> = Box::new(move |guard| make(guard).with_state(state));
            make
        });
        Routes {
            tag: self.tag,
            makes: makes.collect(),
            infos: self.infos,
            pages: self.pages,
        }
    }

    pub fn list(&self) -> &[RouteInfo] {
        &self.infos
    }
    /// Pages given by [`Routes::error_pages`].
    pub fn pages(&self) -> &[ErrorPage] {
        &self.pages
    }
}

impl Routes<()> {
    /// Adds `/api/v1/openapi.json`, `/docs` and `/docs/errors/{code}`, which describe everything
    /// declared so far. Call it last.
    #[must_use]
    pub fn with_docs(self, info: &ApiInfo) -> Self {
        let docs = crate::docs::docs_routes(info, &self);
        self.merge(docs)
    }

    /// Puts the guard before every route and composes them.
    pub fn into_router(self, gate: Arc<dyn Gate>, config: RouterConfig) -> Router {
        let shared = Arc::new(Shared { gate, config });
        // One method router per path: `Router::route` clones and merges at every repetition.
        let mut by_path: BTreeMap<&'static str, MethodRouter> = BTreeMap::new();
        for (info, make) in self.infos.into_iter().zip(self.makes) {
            let path = info.path;
            let made = make(Arc::new(Guard::new(Arc::clone(&shared), info)));
            let known = by_path.remove(path).unwrap_or_default();
            by_path.insert(path, known.merge(made));
        }
        let mut router = Router::new();
        for (path, methods) in by_path {
            router = router.route(path, methods);
        }
        let fallback = |problem: fn() -> Problem| {
            let handler = move || async move { problem() };
            Guarded::new(handler, Arc::new(Guard::unmatched(Arc::clone(&shared))))
        };
        router
            .fallback(fallback(|| Problem::new(&code::NOT_FOUND)))
            .method_not_allowed_fallback(fallback(|| Problem::new(&code::METHOD_NOT_ALLOWED)))
            // Resolves the handlers once, not at every request.
            .with_state(())
    }
}
