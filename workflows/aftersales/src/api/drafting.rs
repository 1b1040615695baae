//! Handlers of drafts and payment links.

use stoa_contracts::checkout::Placed;
use stoa_contracts::orders::OrderStatus;
use stoa_kernel::TenantId;
use stoa_rest::{
    Caller, IdempotentJson, Json, Path, Problem, RequestTenant, State, StatusCode, Tenant,
    TraceContext,
};

use super::Api;
use super::doing::{Answer, Asked, done, order_id, stored_key};
use super::problems::{ORDER_STATE_CONFLICT, problem};
use crate::answers::PaymentLink;
use crate::desk::{Action, Drafting};
use crate::drafts::Completing;
use crate::wish::{CompleteWish, DraftWish};

pub(super) async fn draft(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<DraftWish>,
) -> Result<Answer, Problem> {
    let asked = Asked::by(&api, tenant.id, &caller, trace);
    let draft = drafting(&api, &tenant, body.value).await?;
    done(&api, asked, body.scope, Action::Draft(draft)).await
}

pub(super) async fn redraft(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
    body: IdempotentJson<DraftWish>,
) -> Result<Answer, Problem> {
    let asked = Asked::by(&api, tenant.id, &caller, trace);
    let order = order_id(&order)?;
    let draft = drafting(&api, &tenant, body.value).await?;
    done(&api, asked, body.scope, Action::Redraft(order, draft)).await
}

async fn drafting(api: &Api, tenant: &RequestTenant, wish: DraftWish) -> Result<Drafting, Problem> {
    api.prepare_draft(tenant.id, &wish).await.map_err(problem)?;
    Ok(Drafting {
        currency: wish.currency.unwrap_or(tenant.currency),
        test: tenant.test_mode,
        wish,
    })
}

pub(super) async fn discard(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
) -> Result<StatusCode, Problem> {
    let asked = Asked::by(&api, tenant.id, &caller, trace);
    let discarded = api.discard(tenant.id, order_id(&order)?, asked.cause).await;
    discarded.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn link(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
) -> Result<Json<PaymentLink>, Problem> {
    payment_link(&api, tenant.id, &order, true).await
}

pub(super) async fn link_of_order(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
) -> Result<Json<PaymentLink>, Problem> {
    payment_link(&api, tenant.id, &order, false).await
}

async fn payment_link(
    api: &Api,
    tenant: TenantId,
    order: &str,
    drafts_alone: bool,
) -> Result<Json<PaymentLink>, Problem> {
    let view = api.peers.orders.view(tenant, order_id(order)?).await;
    let view = view.map_err(|error| problem(error.into()))?;
    let fits = !drafts_alone || view.status == OrderStatus::Draft;
    let link = api.link(tenant, &view).filter(|_| fits);
    let refused = || Problem::new(&ORDER_STATE_CONFLICT).with_detail("Nothing is to be paid now.");
    link.map(Json).ok_or_else(refused)
}

pub(super) async fn complete(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
    body: IdempotentJson<CompleteWish>,
) -> Result<(StatusCode, Json<Placed>), Problem> {
    let asked = Asked::by(&api, tenant.id, &caller, trace);
    let wish = Completing {
        tenant: tenant.id,
        test_mode: tenant.test_mode,
        order: order_id(&order)?,
        provider: body.value.payment.provider,
        key: stored_key(body.scope),
        cause: asked.cause,
    };
    let placed = api.complete(wish).await.map_err(problem)?;
    Ok((StatusCode::ACCEPTED, Json(placed)))
}
