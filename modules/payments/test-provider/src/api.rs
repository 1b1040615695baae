//! The routes: bodies in, JSON out. Holds no rule about money.

mod page;
mod view;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use subtle::ConstantTimeEq;

use self::view::{ApiError, ChargeView, IntentView, RefundView};
use crate::entry::IntentId;
use crate::ledger::{LIST_LIMIT_MAX, Refusal};
use crate::provider::TestProvider;
use crate::request::{ConfirmBody, IntentBody, StepBody, parse_id, parse_intent_id};

const BODY_BYTES_MAX: usize = 64 * 1024;
const LIST_LIMIT_DEFAULT: usize = 50;

/// Marks a response that `serve` must not send: it closes the connection instead, as a provider
/// does that dies after it has charged. A router used without `serve` answers 504.
#[derive(Debug, Clone, Copy)]
pub struct CloseUnanswered;

type Answer = Result<Response, ApiError>;
type Body = Result<Bytes, BytesRejection>;

pub(crate) fn router(provider: TestProvider) -> Router {
    let payments = Router::new()
        .route("/v1/intents", post(create).get(list_intents))
        .route("/v1/intents/{id}", get(show_intent))
        .route("/v1/intents/{id}/confirm", post(confirm))
        .route("/v1/intents/{id}/capture", post(capture))
        .route("/v1/intents/{id}/void", post(void))
        .route("/v1/intents/{id}/refund", post(refund))
        .route("/v1/charges", get(list_charges))
        .route_layer(from_fn_with_state(provider.clone(), require_key));
    Router::new()
        .route(
            "/healthz",
            get(async || axum::Json(json!({ "status": "ok" }))),
        )
        .route("/3ds/{id}", get(page::show).post(page::decide))
        .merge(payments)
        .fallback(async || ApiError::from(Refusal::UnknownRoute))
        .method_not_allowed_fallback(async || ApiError::from(Refusal::Method))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(provider)
}

/// Narrows a request on one intent to one account; another account's intent is then unknown.
#[derive(Deserialize)]
struct Scope {
    account: Option<String>,
}

#[derive(Deserialize)]
struct OrderQuery {
    account: String,
    order_id: String,
}

#[derive(Deserialize)]
struct ChargesQuery {
    account: String,
    limit: Option<usize>,
    after: Option<String>,
}

async fn require_key(
    State(provider): State<TestProvider>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    let known = provider.settings().key.as_bytes();
    if known.is_empty() || !bool::from(given.ct_eq(known)) {
        return Err(Refusal::Unauthorized.into());
    }
    Ok(next.run(request).await)
}

async fn create(State(provider): State<TestProvider>, headers: HeaderMap, body: Body) -> Answer {
    let request = parse::<IntentBody>(body)?.check()?;
    let origin = origin(&provider, &headers);
    let view = provider
        .create(request, |intent, now| IntentView::new(intent, now, &origin))
        .await?;
    Ok((StatusCode::CREATED, axum::Json(view)).into_response())
}

async fn confirm(
    State(provider): State<TestProvider>,
    Path(id): Path<String>,
    Query(scope): Query<Scope>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = parse_intent_id(&id)?;
    let key = parse::<ConfirmBody>(body)?.check()?;
    let origin = origin(&provider, &headers);
    let show = |intent: &_, now| IntentView::new(intent, now, &origin);
    let (view, hangs) = provider
        .confirm(id, scope.account.as_deref(), key, show)
        .await?;
    if hangs {
        return Ok(unanswered(&provider).await);
    }
    Ok(axum::Json(view).into_response())
}

async fn capture(
    State(provider): State<TestProvider>,
    Path(id): Path<String>,
    Query(scope): Query<Scope>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = parse_intent_id(&id)?;
    let step = parse::<StepBody>(body)?.check()?;
    let origin = origin(&provider, &headers);
    let show = |intent: &_, now| IntentView::new(intent, now, &origin);
    let view = provider
        .capture(id, scope.account.as_deref(), step, show)
        .await?;
    Ok(axum::Json(view).into_response())
}

async fn void(
    State(provider): State<TestProvider>,
    Path(id): Path<String>,
    Query(scope): Query<Scope>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = parse_intent_id(&id)?;
    let step = parse::<StepBody>(body)?.check()?;
    let origin = origin(&provider, &headers);
    let show = |intent: &_, now| IntentView::new(intent, now, &origin);
    let view = provider
        .void(id, scope.account.as_deref(), step, show)
        .await?;
    Ok(axum::Json(view).into_response())
}

async fn refund(
    State(provider): State<TestProvider>,
    Path(id): Path<String>,
    Query(scope): Query<Scope>,
    body: Body,
) -> Answer {
    let id = parse_intent_id(&id)?;
    let step = parse::<StepBody>(body)?.check()?;
    let (view, hangs) = provider
        .refund(id, scope.account.as_deref(), step, |intent, refund| {
            intent
                .refunds
                .iter()
                .find(|known| known.id == refund)
                .map(|known| RefundView::new(intent, known))
        })
        .await?;
    if hangs {
        return Ok(unanswered(&provider).await);
    }
    Ok(axum::Json(view).into_response())
}

async fn show_intent(
    State(provider): State<TestProvider>,
    Path(id): Path<String>,
    Query(scope): Query<Scope>,
    headers: HeaderMap,
) -> Answer {
    let id: IntentId = parse_intent_id(&id)?;
    let origin = origin(&provider, &headers);
    let view = provider
        .read(|ledger, now| {
            let intent = ledger.intent(id, scope.account.as_deref())?;
            Ok(IntentView::new(intent, now, &origin))
        })
        .await?;
    Ok(axum::Json(view).into_response())
}

async fn list_intents(
    State(provider): State<TestProvider>,
    query: Result<Query<OrderQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let Query(query) = query.map_err(|error| Refusal::Body {
        reason: error.body_text(),
    })?;
    let origin = origin(&provider, &headers);
    let data: Vec<_> = provider
        .read(|ledger, now| {
            let intents = ledger.of_order(&query.account, &query.order_id);
            Ok(intents
                .into_iter()
                .map(|intent| IntentView::new(intent, now, &origin))
                .collect())
        })
        .await?;
    Ok(axum::Json(json!({ "data": data, "has_more": false })).into_response())
}

async fn list_charges(
    State(provider): State<TestProvider>,
    query: Result<Query<ChargesQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|error| Refusal::Body {
        reason: error.body_text(),
    })?;
    let limit = query.limit.unwrap_or(LIST_LIMIT_DEFAULT);
    if !(1..=LIST_LIMIT_MAX).contains(&limit) {
        let reason = format!("1 to {LIST_LIMIT_MAX}");
        return Err(Refusal::Field {
            name: "limit",
            reason,
        }
        .into());
    }
    let after = match query.after.as_deref() {
        None | Some("") => None,
        Some(text) => Some(parse_id(text).ok_or(Refusal::UnknownCharge)?),
    };
    let (data, has_more) = provider
        .read(|ledger, now| {
            let (page, has_more) = ledger.charges(&query.account, after, limit, now)?;
            Ok((
                page.iter().map(ChargeView::new).collect::<Vec<_>>(),
                has_more,
            ))
        })
        .await?;
    Ok(axum::Json(json!({ "data": data, "has_more": has_more })).into_response())
}

/// Keeps the caller waiting, and then closes the connection.
async fn unanswered(provider: &TestProvider) -> Response {
    tokio::time::sleep(provider.settings().hang).await;
    let mut response = StatusCode::GATEWAY_TIMEOUT.into_response();
    response.extensions_mut().insert(CloseUnanswered);
    response
}

fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::BodyTooLong {
            bytes_max: BODY_BYTES_MAX,
        },
        _ => Refusal::Body {
            reason: rejection.body_text(),
        },
    })?;
    serde_json::from_slice(&bytes).map_err(|error| Refusal::Body {
        reason: error.to_string(),
    })
}

/// Where the provider's own pages are reached.
fn origin(provider: &TestProvider, headers: &HeaderMap) -> String {
    match &provider.settings().public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let host = headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok());
            format!("http://{}", host.unwrap_or("localhost"))
        }
    }
}
