//! The HTTP edge: accept loop, routes that state who may call them, problems, cursors, OpenAPI.
//! Knows no module and no storage: who a tenant or a caller is comes through the [`Gate`].

mod access;
mod body;
pub mod code;
mod compress;
mod context;
mod cursor;
mod docs;
mod etag;
mod extract;
mod front;
mod gate;
mod guard;
mod health;
mod idempotency;
mod openapi;
mod operation;
mod page;
mod permission;
mod problem;
mod routes;
mod serve;

pub use access::{Access, Caller, LocalOperator};
pub use body::{BODY_BYTES_DEFAULT, BodyBytes, ClientBody};
pub use code::ErrorCode;
pub use context::{
    ClientAddr, RequestContext, RequestId, RequestTenant, Tenant, TenantInfo, TraceContext,
};
pub use cursor::CursorKey;
pub use docs::{ApiInfo, ErrorPage};
pub use etag::{ETag, IfMatch, IfNoneMatch};
pub use extract::{Form, Json, Path, Query};
pub use front::{Front, PlainRead};
pub use gate::{Credential, Gate};
pub use guard::reserve_lines;
pub use health::{Readiness, health_routes};
pub use idempotency::{
    IDEMPOTENCY_KEY, IdempotencyKey, IdempotencyScope, IdempotentJson, fingerprint,
};
pub use openapi::openapi;
pub use operation::Operation;
pub use page::{LIMIT_DEFAULT, LIMIT_MAX, Limit, Page, Pagination};
pub use permission::{Permission, PermissionSet, UnknownPermission};
pub use problem::{FieldError, Problem};
pub use routes::{RouteInfo, RouterConfig, Routes};
pub use serve::{Listener, ServeConfig, ServeError, serve};

/// The router's own words, so that modules need not depend on `axum` for them.
pub use axum::extract::State;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
