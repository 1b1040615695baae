//! The only way to declare a route: access is an argument, so a route that states none cannot be
//! written. Composes the router; what happens to a request is the guard's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use stoa_kernel::IdSource;
use stoa_telemetry::Metrics;

use crate::access::Access;
use crate::code;
use crate::docs::{ApiInfo, ErrorPage};
use crate::front::{Front, Look, PlainRead, Ready};
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

/// What answers at a route.
struct Answering<S> {
    make: Make<S>,
    /// Before the handler is asked.
    look: Option<Look<S>>,
}

/// Routes whose handlers take a state `S`; `()` once it was given.
pub struct Routes<S = ()> {
    tag: &'static str,
    infos: Vec<RouteInfo>,
    answering: Vec<Answering<S>>,
    pages: Vec<ErrorPage>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// `tag` names the module in the documentation.
    pub fn new(tag: &'static str) -> Self {
        Self {
            tag,
            infos: Vec::new(),
            answering: Vec::new(),
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
        self.answering.push(Answering {
            make: Box::new(move |guard| on(filter, Guarded::new(handler, guard))),
            look: None,
        });
        self
    }

    /// Answers plain reads of the route declared last without its handler, wherever `look` has the
    /// answer lying ready: the very answer that the handler would give. It is called where the
    /// request came in, so it must not wait.
    ///
    /// # Panics
    /// Unless that route is a GET for shoppers: at the others it matters who asks.
    #[must_use]
    pub fn ready(
        mut self,
        look: impl Fn(&S, &PlainRead<'_>) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let declared = self.infos.last().zip(self.answering.last_mut());
        let (info, answering) = declared.expect("a route was declared before");
        assert!(
            info.method == Method::GET && info.access == Access::Shopper,
            "{} {} is not a GET for shoppers",
            info.method,
            info.path
        );
        answering.look = Some(Box::new(look));
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
        self.answering.extend(other.answering);
        self.pages.extend(other.pages);
        self
    }

    /// Gives every handler its state.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Routes<S2> {
        let answering = self.answering.into_iter().map(|one| {
            let (of_handler, of_look) = (state.clone(), state.clone());
            let (make, look) = (one.make, one.look);
            Answering {
                make: Box::new(move |guard| make(guard).with_state(of_handler)) as Make<S2>,
                look: look.map(|look| {
                    Box::new(move |_: &S2, read: &PlainRead<'_>| look(&of_look, read)) as Look<S2>
                }),
            }
        });
        Routes {
            tag: self.tag,
            answering: answering.collect(),
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

    /// Puts the guard before every route and composes them. Without what lies [`Routes::ready`].
    pub fn into_router(self, gate: Arc<dyn Gate>, config: RouterConfig) -> Router {
        self.into_front(gate, config).into_router()
    }

    /// As [`Routes::into_router`], with what lies ready before it.
    pub fn into_front(self, gate: Arc<dyn Gate>, config: RouterConfig) -> Front {
        let shared = Arc::new(Shared { gate, config });
        // One method router per path: `Router::route` clones and merges at every repetition.
        let mut by_path: BTreeMap<&'static str, (MethodRouter, Option<Ready>)> = BTreeMap::new();
        for (info, Answering { make, look }) in self.infos.into_iter().zip(self.answering) {
            let path = info.path;
            let guard = Arc::new(Guard::new(Arc::clone(&shared), info));
            let (known, ready) = by_path.remove(path).unwrap_or_default();
            let ready = look
                .map(|look| Ready::new(Arc::clone(&guard), look))
                .or(ready);
            by_path.insert(path, (known.merge(make(guard)), ready));
        }
        let mut router = Router::new();
        let mut paths = matchit::Router::new();
        for (path, (methods, ready)) in by_path {
            router = router.route(path, methods);
            // All of them, so that a path finds the route that the router would find.
            let inserted = paths.insert(path, ready);
            inserted.expect("the router took the path as well");
        }
        let fallback = |problem: fn() -> Problem| {
            let handler = move || async move { problem() };
            Guarded::new(handler, Arc::new(Guard::unmatched(Arc::clone(&shared))))
        };
        let router = router
            .fallback(fallback(|| Problem::new(&code::NOT_FOUND)))
            .method_not_allowed_fallback(fallback(|| Problem::new(&code::METHOD_NOT_ALLOWED)))
            // Resolves the handlers once, not at every request.
            .with_state(());
        Front::new(router, paths)
    }
}
