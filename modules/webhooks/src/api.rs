//! The routes of webhooks, for staff. A secret leaves through two of them only, when it is new.

mod bodies;

use std::sync::Arc;

use stoa_kernel::{DeliveryId, EndpointId};
use stoa_rest::{
    Access, CursorKey, ErrorCode, ErrorPage, HeaderValue, Json, Method, Operation, Page, Path,
    Permission, Problem, Query, Routes, State, StatusCode, Tenant, code, header,
};

use self::bodies::{
    ChangeWebhook, ListQuery, NewWebhook, ReplayAnswer, ReplayBody, Webhook, WebhookDelivery,
    WebhookDeliveryDetail, WebhookWithSecret,
};
use crate::application::{Change, Desk, Given, ReplayAsked, WebhookError};
use crate::infrastructure;

pub const WEBHOOK_NOT_FOUND: ErrorCode =
    ErrorCode::new("webhook_not_found", 404, "There is no such webhook");
pub const WEBHOOK_DELIVERY_NOT_FOUND: ErrorCode = ErrorCode::new(
    "webhook_delivery_not_found",
    404,
    "There is no such delivery of this webhook",
);
pub const WEBHOOK_LIMIT: ErrorCode =
    ErrorCode::new("webhook_limit", 409, "The shop has all its webhooks");
pub const WEBHOOK_INACTIVE: ErrorCode =
    ErrorCode::new("webhook_inactive", 409, "The webhook is switched off");

const PAGES: [ErrorPage; 4] = [
    ErrorPage {
        code: &WEBHOOK_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/webhook_not_found.md"),
    },
    ErrorPage {
        code: &WEBHOOK_DELIVERY_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/webhook_delivery_not_found.md"),
    },
    ErrorPage {
        code: &WEBHOOK_LIMIT,
        markdown: include_str!("../../../docs/errors/webhook_limit.md"),
    },
    ErrorPage {
        code: &WEBHOOK_INACTIVE,
        markdown: include_str!("../../../docs/errors/webhook_inactive.md"),
    },
];

const READ: Access = Access::Staff(Permission::SettingsRead);
const WRITE: Access = Access::Staff(Permission::SettingsWrite);

const ALL: &str = "/api/v1/admin/webhooks";
const ONE: &str = "/api/v1/admin/webhooks/{webhook_id}";
const ROTATE: &str = "/api/v1/admin/webhooks/{webhook_id}/rotate";
const TEST: &str = "/api/v1/admin/webhooks/{webhook_id}/test";
const REPLAY: &str = "/api/v1/admin/webhooks/{webhook_id}/replay";
const DELIVERIES: &str = "/api/v1/admin/webhooks/{webhook_id}/deliveries";
const DELIVERY: &str = "/api/v1/admin/webhooks/{webhook_id}/deliveries/{delivery_id}";
const AGAIN: &str = "/api/v1/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/replay";

struct Api {
    desk: Desk,
    cursors: CursorKey,
}

type ApiState = State<Arc<Api>>;

pub(crate) fn routes(desk: Desk, cursors: CursorKey) -> Routes {
    let api = Arc::new(Api { desk, cursors });
    delivery_routes(endpoint_routes(Routes::new("webhooks")))
        .error_pages(&PAGES)
        .with_state(api)
}

fn endpoint_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let list = Operation::new("listWebhooks", "Where the shop is told what happens")
        .returns::<Page<Webhook>>(200);
    let new = Operation::new("createWebhook", "A new webhook, with its secret")
        .description(
            "Webhooks follow Standard Webhooks: verify `webhook-signature` with the secret, which \
             is shown in this answer only. Deliveries come in order, at least once: drop those \
             whose `webhook-id` you know.",
        )
        .body::<NewWebhook>()
        .returns::<WebhookWithSecret>(201)
        .returns_problem(&WEBHOOK_LIMIT);
    let one = Operation::new("getWebhook", "A webhook and how it fares")
        .returns::<Webhook>(200)
        .returns_problem(&WEBHOOK_NOT_FOUND);
    let change = Operation::new("changeWebhook", "Changes what the body names")
        .description(
            "`active: true` and another `url` start afresh: the circuit closes, and what waits is \
             sent now. What happens while a webhook is off is not kept for it.",
        )
        .body::<ChangeWebhook>()
        .returns::<Webhook>(200)
        .returns_problem(&WEBHOOK_NOT_FOUND);
    let delete = Operation::new("deleteWebhook", "Removes a webhook and its deliveries")
        .returns_empty(204)
        .returns_problem(&WEBHOOK_NOT_FOUND);
    let rotate = Operation::new("rotateWebhookSecret", "A new secret")
        .description("For 24 hours deliveries carry two signatures, with the new and the old one.")
        .returns::<WebhookWithSecret>(200)
        .returns_problem(&WEBHOOK_NOT_FOUND);
    routes
        .route(Method::GET, ALL, READ, list, list_webhooks)
        .route(Method::POST, ALL, WRITE, new, create_webhook)
        .route(Method::GET, ONE, READ, one, get_webhook)
        .route(Method::PATCH, ONE, WRITE, change, change_webhook)
        .route(Method::DELETE, ONE, WRITE, delete, delete_webhook)
        .route(Method::POST, ROTATE, WRITE, rotate, rotate_secret)
}

fn delivery_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let list = Operation::new("listWebhookDeliveries", "What was sent, newest first")
        .description("Deliveries are kept for 30 days.")
        .query::<ListQuery>()
        .returns::<Page<WebhookDelivery>>(200)
        .returns_problem(&code::INVALID_CURSOR)
        .returns_problem(&WEBHOOK_NOT_FOUND);
    let one = Operation::new("getWebhookDelivery", "A delivery with its payload")
        .returns::<WebhookDeliveryDetail>(200)
        .returns_problem(&WEBHOOK_NOT_FOUND)
        .returns_problem(&WEBHOOK_DELIVERY_NOT_FOUND);
    let again = Operation::new("replayWebhookDelivery", "Sends a delivery once more")
        .description(
            "With the same `webhook-id`, after those that wait. One that waits itself is not \
             doubled: what is first in line is tried now.",
        )
        .returns::<WebhookDelivery>(202)
        .returns_problem(&WEBHOOK_NOT_FOUND)
        .returns_problem(&WEBHOOK_DELIVERY_NOT_FOUND)
        .returns_problem(&WEBHOOK_INACTIVE);
    let replay = Operation::new(
        "replayWebhook",
        "Sends the deliveries of a time range once more",
    )
    .description(
        "Oldest first, at most 250 at a time. While the answer holds a `cursor`, send the \
             same body with it for the next ones.",
    )
    .body::<ReplayBody>()
    .returns::<ReplayAnswer>(202)
    .returns_problem(&code::INVALID_CURSOR)
    .returns_problem(&WEBHOOK_NOT_FOUND)
    .returns_problem(&WEBHOOK_INACTIVE);
    let test = Operation::new("testWebhook", "Sends a `webhooks.test.v1` event")
        .description("It takes its turn; look at the delivery to see what came of it.")
        .returns::<WebhookDelivery>(202)
        .returns_problem(&WEBHOOK_NOT_FOUND)
        .returns_problem(&WEBHOOK_INACTIVE);
    routes
        .route(Method::GET, DELIVERIES, READ, list, list_deliveries)
        .route(Method::GET, DELIVERY, READ, one, get_delivery)
        .route(Method::POST, AGAIN, WRITE, again, replay_delivery)
        .route(Method::POST, REPLAY, WRITE, replay, replay_range)
        .route(Method::POST, TEST, WRITE, test, send_test)
}

async fn list_webhooks(
    State(api): ApiState,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<Webhook>>, Problem> {
    let found = api.desk.list(tenant.id).await.map_err(problem)?;
    Ok(Json(Page::whole(
        found.into_iter().map(Webhook::from).collect(),
    )))
}

async fn create_webhook(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Json(body): Json<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Problem> {
    let given = Given {
        url: body.url,
        description: body.description,
        subjects: body.subjects,
        active: body.active,
    };
    let created = api.desk.create(tenant.id, given).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

async fn get_webhook(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
) -> Result<Json<Webhook>, Problem> {
    let id = endpoint_id(&webhook)?;
    let found = api.desk.get(tenant.id, id).await.map_err(problem)?;
    Ok(Json(found.into()))
}

async fn change_webhook(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
    Json(body): Json<ChangeWebhook>,
) -> Result<Json<Webhook>, Problem> {
    let id = endpoint_id(&webhook)?;
    let change = Change {
        url: body.url,
        description: body.description,
        subjects: body.subjects,
        active: body.active,
    };
    let changed = api.desk.change(tenant.id, id, change).await;
    Ok(Json(changed.map_err(problem)?.into()))
}

async fn delete_webhook(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = endpoint_id(&webhook)?;
    api.desk.delete(tenant.id, id).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate_secret(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
) -> Result<Json<WebhookWithSecret>, Problem> {
    let id = endpoint_id(&webhook)?;
    let rotated = api.desk.rotate(tenant.id, id).await.map_err(problem)?;
    Ok(Json(rotated.into()))
}

async fn list_deliveries(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<WebhookDelivery>>, Problem> {
    let endpoint = endpoint_id(&webhook)?;
    let scope = format!("{} webhook {endpoint} {:?}", tenant.id, query.state);
    let before = query.cursor.as_deref();
    let before = before
        .map(|cursor| api.cursors.decode::<i64>(&scope, cursor))
        .transpose()?;
    let page = infrastructure::Page {
        endpoint,
        state: query.state,
        before: before.unwrap_or(i64::MAX),
        limit: query.limit.plus_one(),
    };
    let found = api.desk.deliveries(tenant.id, page).await;
    let page = Page::of(found.map_err(problem)?, query.limit, |last| {
        api.cursors.encode(&scope, &last.delivery.position)
    });
    Ok(Json(page.map(WebhookDelivery::from)))
}

async fn get_delivery(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((webhook, delivery)): Path<(String, String)>,
) -> Result<Json<WebhookDeliveryDetail>, Problem> {
    let (endpoint, id) = (endpoint_id(&webhook)?, delivery_id(&delivery)?);
    let found = api.desk.delivery(tenant.id, endpoint, id).await;
    let (listed, body) = found.map_err(problem)?;
    let payload = serde_json::from_str(&body).map_err(Problem::internal)?;
    Ok(Json(WebhookDeliveryDetail {
        delivery: listed.into(),
        payload,
    }))
}

async fn replay_delivery(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((webhook, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, Json<WebhookDelivery>), Problem> {
    let (endpoint, id) = (endpoint_id(&webhook)?, delivery_id(&delivery)?);
    let sent = api.desk.replay(tenant.id, endpoint, id).await;
    Ok((StatusCode::ACCEPTED, Json(sent.map_err(problem)?.into())))
}

async fn replay_range(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
    Json(body): Json<ReplayBody>,
) -> Result<(StatusCode, Json<ReplayAnswer>), Problem> {
    let endpoint = endpoint_id(&webhook)?;
    let scope = format!("{} webhook {endpoint} replay", tenant.id);
    let after = body.cursor.as_deref();
    let after = after
        .map(|cursor| api.cursors.decode::<(i64, i64)>(&scope, cursor))
        .transpose()?;
    let asked = ReplayAsked {
        endpoint,
        from: body.from,
        until: body.until,
        state: body.state.map(Into::into),
        after,
    };
    let replayed = api.desk.replay_range(tenant.id, asked).await;
    let replayed = replayed.map_err(problem)?;
    let answer = ReplayAnswer {
        replayed: replayed.count,
        cursor: replayed.next.map(|next| api.cursors.encode(&scope, &next)),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn send_test(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(webhook): Path<String>,
) -> Result<(StatusCode, Json<WebhookDelivery>), Problem> {
    let endpoint = endpoint_id(&webhook)?;
    let sent = api.desk.test(tenant.id, endpoint).await.map_err(problem)?;
    Ok((StatusCode::ACCEPTED, Json(sent.into())))
}

fn endpoint_id(text: &str) -> Result<EndpointId, Problem> {
    text.parse().map_err(|_| Problem::new(&WEBHOOK_NOT_FOUND))
}

fn delivery_id(text: &str) -> Result<DeliveryId, Problem> {
    text.parse()
        .map_err(|_| Problem::new(&WEBHOOK_DELIVERY_NOT_FOUND))
}

fn problem(error: WebhookError) -> Problem {
    match error {
        WebhookError::NotFound => Problem::new(&WEBHOOK_NOT_FOUND),
        WebhookError::DeliveryNotFound => Problem::new(&WEBHOOK_DELIVERY_NOT_FOUND),
        WebhookError::Limit { max } => Problem::new(&WEBHOOK_LIMIT)
            .with_detail(format!("A shop has at most {max}. Delete one first.")),
        WebhookError::Inactive => Problem::new(&WEBHOOK_INACTIVE),
        WebhookError::Crowded => Problem::new(&code::TOO_BUSY)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("60"))
            .with_detail("Too many deliveries wait for the endpoint: let them go first."),
        WebhookError::Invalid { field, reason } => Problem::invalid(field, reason),
        WebhookError::Storage(error) if error.is_transient() => Problem::new(&code::TOO_BUSY)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
        WebhookError::Storage(error) => Problem::internal(error),
    }
}
