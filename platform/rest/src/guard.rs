//! The one layer around every handler: ids, tenant, access, limits, panics, metrics, headers.
//! Kept in one future per request, since it stands on the hot path of every read.

use std::any::Any;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST,
    RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use stoa_telemetry::{Labels, RouteMetrics, in_labels, labelled};
use tokio::time::Instant;

use crate::access::{Access, Caller, LocalOperator};
use crate::code;
use crate::compress;
use crate::context::{RequestContext, RequestId, RequestLabels, RequestTenant, TraceContext};
use crate::front::PlainRead;
use crate::gate::{Credential, Gate};
use crate::operation::Operation;
use crate::permission::Permission;
use crate::problem::Problem;
use crate::routes::{RouteInfo, RouterConfig};

/// The longest path and query taken.
const URI_LENGTH_MAX: usize = 8 * 1024;

const STOA_TENANT: HeaderName = HeaderName::from_static("stoa-tenant");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Seconds after which somebody may come again who was sent away without being told more.
const SOON: HeaderValue = HeaderValue::from_static("2");
const NO_CONTENT_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;
/// The handler with its state, of whatever types.
type Call = Box<dyn FnOnce(Request) -> Answer + Send>;

/// What all routes of one router share.
pub(crate) struct Shared {
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) config: RouterConfig,
}

/// What stands before one route.
pub(crate) struct Guard {
    shared: Arc<Shared>,
    route: Arc<RouteInfo>,
    metrics: RouteMetrics,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>, route: RouteInfo) -> Self {
        let metrics = shared
            .config
            .metrics
            .route(route.method.as_str(), route.path);
        Self {
            shared,
            route: Arc::new(route),
            metrics,
        }
    }

    /// Before 404 and 405: paths made up by clients must not become metric labels.
    pub(crate) fn unmatched(shared: Arc<Shared>) -> Self {
        let metrics = shared.config.metrics.route("any", "unmatched");
        let route = RouteInfo {
            method: Method::GET,
            path: "unmatched",
            access: Access::Public,
            operation: Operation::new("unmatched", "No route"),
            tag: "rest",
        };
        Self {
            shared,
            route: Arc::new(route),
            metrics,
        }
    }

    /// The answer that `look` has ready, as this route sends it. `None` where anything of the request
    /// asks for more than a look; nothing has happened then.
    pub(crate) fn at_once<B>(
        &self,
        look: impl FnOnce(&PlainRead<'_>) -> Option<Response>,
        request: &http::Request<B>,
        now: Instant,
    ) -> Option<Response> {
        let (headers, uri) = (request.headers(), request.uri());
        if is_too_long(uri)
            || headers.contains_key(AUTHORIZATION)
            || headers.contains_key(STOA_TENANT)
            || request.extensions().get::<LocalOperator>().is_some()
            // Lines that are logged carry the labels of their request.
            || tracing::enabled!(tracing::Level::DEBUG)
        {
            return None;
        }
        let host = host_of(headers, uri);
        let tenant = self.shared.gate.known_tenant(&host, now)?;
        let read = PlainRead {
            tenant: &tenant,
            uri,
            headers,
            now,
        };
        // The usual way meets the same panic, and tells of it.
        let found = std::panic::catch_unwind(AssertUnwindSafe(|| look(&read)));
        let mut response = found.ok()??;
        if !compress::is_done(headers.get(ACCEPT_ENCODING), &mut response) {
            return None;
        }
        let trace = TraceContext::from_headers(headers, &*self.shared.config.ids);
        let id = RequestId::from_client(headers).unwrap_or_else(|| RequestId::from_trace(trace));
        self.finish_headers(&mut response, &id, false);
        let status = response.status().as_u16();
        self.metrics.observe(status, now.elapsed());
        Some(response)
    }

    /// Boxed and told nothing of the handler's type: one such future stands before all routes.
    fn answer(self: Arc<Self>, call: Call, request: Request) -> Answer {
        Box::pin(async move {
            let started = Instant::now();
            let _in_flight = self.shared.config.metrics.request_begins();
            let trace = TraceContext::from_headers(request.headers(), &*self.shared.config.ids);
            let id = RequestId::from_client(request.headers());
            let labels = Arc::new(RequestLabels {
                trace,
                id: id.unwrap_or_else(|| RequestId::from_trace(trace)),
                tenant: OnceLock::new(),
            });
            let accepted = request.headers().get(ACCEPT_ENCODING).cloned();
            let shows_html = shows_html(request.headers());

            let work = self.admit_and_call(call, request, &labels);
            let of_route = self.route.operation.time_max;
            let time_max = of_route.unwrap_or(self.shared.config.handler_time_max);
            let guarded = tokio::time::timeout(time_max, AssertUnwindSafe(work).catch_unwind());
            let all: Arc<dyn Labels> = Arc::clone(&labels) as _;
            let mut response = match labelled(Arc::clone(&all), guarded).await {
                Ok(Ok(response)) => response,
                Ok(Err(panic)) => in_labels(all.clone(), || self.panicked(&*panic)).into_response(),
                Err(_) => in_labels(all.clone(), || self.timed_out()).into_response(),
            };

            self.finish_headers(&mut response, &labels.id, shows_html);
            let response = compress::apply(accepted, response).await;
            let took = started.elapsed();
            self.metrics.observe(response.status().as_u16(), took);
            if tracing::enabled!(tracing::Level::DEBUG) {
                in_labels(all, || self.answered(response.status(), took));
            }
            response
        })
    }

    async fn admit_and_call(
        &self,
        call: Call,
        request: Request,
        labels: &RequestLabels,
    ) -> Response {
        // A body is not `Sync`, so only the rest may be borrowed while the gate is asked.
        let (parts, body) = request.into_parts();
        let (tenant, caller) = match self.admit(&parts, labels).await {
            Ok(admitted) => admitted,
            Err(problem) => return problem.into_response(),
        };
        let request = Request::from_parts(parts, body);
        let bytes_max = self.route.operation.body_bytes_max;
        let mut request = match crate::body::limit(request, bytes_max) {
            Ok(request) => request,
            Err(problem) => return problem.into_response(),
        };
        let route = Arc::clone(&self.route);
        let context = RequestContext {
            request_id: labels.id.clone(),
            trace: labels.trace,
            tenant,
            caller,
            route,
        };
        request.extensions_mut().insert(Arc::new(context));
        call(request).await
    }

    fn answered(&self, status: StatusCode, took: Duration) {
        tracing::debug!(
            method = %self.route.method,
            route = self.route.path,
            status = status.as_u16(),
            micros = took.as_micros() as u64,
            "answered"
        );
    }

    /// Who is asking, for which tenant, and whether the route lets them in.
    async fn admit(
        &self,
        request: &Parts,
        labels: &RequestLabels,
    ) -> Result<(Option<RequestTenant>, Caller), Problem> {
        if is_too_long(&request.uri) {
            return Err(Problem::new(&code::URI_TOO_LONG).with_detail(format!(
                "Path and query together hold {URI_LENGTH_MAX} bytes."
            )));
        }
        let tenant = match self.route.access {
            Access::Public | Access::Operator => None,
            Access::Shopper | Access::Staff(_) => Some(self.tenant_of(request).await?),
        };
        if let Some(tenant) = &tenant {
            labels.tenant.get_or_init(|| tenant.clone());
        }
        let caller = self.caller_of(request, tenant.as_ref()).await?;
        match self.route.access {
            Access::Public | Access::Shopper => {}
            Access::Staff(permission) => require_permission(&caller, permission)?,
            Access::Operator => require_operator(&caller)?,
        }
        Ok((tenant, caller))
    }

    async fn tenant_of(&self, request: &Parts) -> Result<RequestTenant, Problem> {
        let host = host_of(&request.headers, &request.uri);
        let header = match request.headers.get(STOA_TENANT).map(HeaderValue::to_str) {
            None => None,
            Some(Ok(slug)) => Some(slug),
            Some(Err(_)) => {
                return Err(Problem::new(&code::INVALID_HEADER)
                    .with_detail("Stoa-Tenant is the slug of a shop, in ASCII."));
            }
        };
        let found = self.shared.gate.tenant(&host, header).await?;
        found.ok_or_else(|| Problem::new(&code::UNKNOWN_HOST))
    }

    async fn caller_of(
        &self,
        request: &Parts,
        tenant: Option<&RequestTenant>,
    ) -> Result<Caller, Problem> {
        if request.extensions.get::<LocalOperator>().is_some() {
            return Ok(Caller::Operator);
        }
        if self.route.access == Access::Public {
            return Ok(Caller::Anonymous);
        }
        match Credential::from_headers(&request.headers)? {
            Some(credential) => self.shared.gate.caller(tenant, Some(&credential)).await,
            None => Ok(Caller::Anonymous),
        }
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> Problem {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(
            method = %self.route.method,
            route = self.route.path,
            panic = text.unwrap_or("not a text"),
            "a handler panicked"
        );
        Problem::new(&code::INTERNAL)
    }

    fn timed_out(&self) -> Problem {
        tracing::error!(method = %self.route.method, route = self.route.path, "a handler timed out");
        Problem::new(&code::HANDLER_TIMEOUT)
    }

    fn finish_headers(&self, response: &mut Response, id: &RequestId, shows_html: bool) {
        let problem = response.extensions_mut().remove::<Problem>();
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id.to_header());
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        let private = matches!(self.route.access, Access::Staff(_) | Access::Operator);
        if (private || problem.is_some()) && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, NO_STORE);
        }
        let Some(problem) = problem else { return };
        headers.insert(CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY);
        if problem.status() == StatusCode::SERVICE_UNAVAILABLE && !headers.contains_key(RETRY_AFTER)
        {
            headers.insert(RETRY_AFTER, SOON);
        }
        if problem.status() == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"stoa\""),
            );
            // Only a page that a person opens may raise the browser's password dialog.
            if shows_html {
                let basic = HeaderValue::from_static("Basic realm=\"stoa\", charset=\"UTF-8\"");
                headers.append(WWW_AUTHENTICATE, basic);
            }
        }
        *response.body_mut() = Body::from(problem.to_json(Some(id.as_str())));
    }
}

/// Puts in what every answer gets on its way out, to be filled in there: an answer whose headers are
/// copied from kept ones need not grow then.
pub fn reserve_lines(headers: &mut HeaderMap) {
    headers.insert(X_REQUEST_ID, HeaderValue::from_static(""));
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

fn require_permission(caller: &Caller, permission: Permission) -> Result<(), Problem> {
    match caller {
        Caller::Operator => Ok(()),
        Caller::Staff { permissions, .. } if permissions.contains(permission) => Ok(()),
        Caller::Staff { .. } | Caller::Publishable { .. } => Err(Problem::new(&code::FORBIDDEN)
            .with_detail(format!("This key lacks the permission `{permission}`."))),
        Caller::Anonymous => Err(Problem::new(&code::UNAUTHORIZED).with_detail(format!(
            "Send a secret key that has the permission `{permission}`."
        ))),
    }
}

fn require_operator(caller: &Caller) -> Result<(), Problem> {
    match caller {
        Caller::Operator => Ok(()),
        Caller::Staff { .. } | Caller::Publishable { .. } => Err(Problem::new(&code::FORBIDDEN)
            .with_detail("Only the operator of this installation may do that.")),
        Caller::Anonymous => Err(Problem::new(&code::UNAUTHORIZED)),
    }
}

fn is_too_long(uri: &Uri) -> bool {
    let all = uri.path_and_query();
    all.is_some_and(|all| all.as_str().len() > URI_LENGTH_MAX)
}

/// `Host`, or `:authority` over HTTP/2, in lower case and without the port.
fn host_of<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Cow<'r, str> {
    let sent = headers.get(HOST).and_then(|value| value.to_str().ok());
    let authority = sent.or_else(|| uri.authority().map(|all| all.as_str()));
    let authority = authority.unwrap_or_default();
    // In `[::1]:8080` the port is what follows the bracket.
    let host = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

fn shows_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// A handler with its guard. The guard comes to every clone of the handler by reference count.
pub(crate) struct Guarded<H> {
    handler: H,
    guard: Arc<Guard>,
}

impl<H> Guarded<H> {
    pub(crate) fn new(handler: H, guard: Arc<Guard>) -> Self {
        Self { handler, guard }
    }
}

impl<H: Clone> Clone for Guarded<H> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<H, T, S> Handler<T, S> for Guarded<H>
where
    H: Handler<T, S>,
    S: Send + 'static,
{
    type Future = Answer;

    fn call(self, request: Request, state: S) -> Answer {
        let handler = self.handler;
        let call: Call = Box::new(move |request| Box::pin(handler.call(request, state)));
        self.guard.answer(call, request)
    }
}
