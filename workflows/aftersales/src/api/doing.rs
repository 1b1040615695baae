//! Handlers of goods, money, returns and edits: each names one action and has it done once.

use std::sync::Arc;

use serde_json::Value;
use stoa_contracts::orders::{FulfilmentStep, ReturnState};
use stoa_kernel::{FulfilmentId, OrderId, ReturnId, TenantId};
use stoa_rest::{
    Caller, IdempotencyScope, IdempotentJson, Json, Page, Path, Problem, State, StatusCode, Tenant,
    TraceContext,
};
use stoa_storage::{Cause, IdempotencyKey};

use super::Api;
use super::problems::{FULFILMENT_NOT_FOUND, ORDER_NOT_FOUND, RETURN_NOT_FOUND, problem};
use crate::Shared;
use crate::answers::RefundAnswer;
use crate::desk::Action;
use crate::infrastructure;
use crate::wish::{
    CancelWish, EditWish, FulfilWish, NoWish, ReceiveWish, RefundWish, ReturnWish, ShipWish,
};

pub(super) type Answer = (StatusCode, Json<Value>);

/// Who asks, for which shop.
pub(super) struct Asked {
    pub(super) tenant: TenantId,
    pub(super) cause: Cause,
}

impl Asked {
    pub(super) fn by(
        shared: &Arc<Shared>,
        tenant: TenantId,
        caller: &Caller,
        trace: TraceContext,
    ) -> Self {
        let cause = Cause {
            trace: Some(trace.trace_id_hex()),
            ..Cause::new(caller.actor(), shared.deps.now())
        };
        Self { tenant, cause }
    }
}

pub(super) fn stored_key(scope: IdempotencyScope) -> IdempotencyKey {
    IdempotencyKey {
        scope: format!("{} {}", scope.caller, scope.route),
        key: scope.key,
        body_hash: scope.body_hash,
    }
}

pub(super) fn order_id(text: &str) -> Result<OrderId, Problem> {
    text.parse().map_err(|_| Problem::new(&ORDER_NOT_FOUND))
}

fn fulfilment_id(text: &str) -> Result<FulfilmentId, Problem> {
    text.parse()
        .map_err(|_| Problem::new(&FULFILMENT_NOT_FOUND))
}

fn return_id(text: &str) -> Result<ReturnId, Problem> {
    text.parse().map_err(|_| Problem::new(&RETURN_NOT_FOUND))
}

pub(super) async fn done(
    api: &Api,
    asked: Asked,
    scope: IdempotencyScope,
    action: Action,
) -> Result<Answer, Problem> {
    let key = stored_key(scope);
    let answer = api.once(asked.tenant, key, action, asked.cause).await;
    let (status, body) = answer.map_err(problem)?;
    let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
    Ok((status, Json(body)))
}

/// Handlers that differ in their path, their body and their action alone.
macro_rules! handlers {
    ($($name:ident($path:ident: $text:ty, $wish:ident: $body:ty) => $action:expr;)*) => {$(
        pub(super) async fn $name(
            State(api): State<Api>,
            Tenant(tenant): Tenant,
            caller: Caller,
            trace: TraceContext,
            Path($path): Path<$text>,
            body: IdempotentJson<$body>,
        ) -> Result<Answer, Problem> {
            let asked = Asked::by(&api, tenant.id, &caller, trace);
            let $wish = body.value;
            done(&api, asked, body.scope, $action).await
        }
    )*};
}

handlers! {
    fulfil(order: String, wish: FulfilWish) => Action::Fulfil(order_id(&order)?, wish);
    ship(ids: (String, String), wish: ShipWish) => {
        parcel(&ids, FulfilmentStep::Ship { tracking: wish.tracking })?
    };
    deliver(ids: (String, String), _wish: NoWish) => parcel(&ids, FulfilmentStep::Deliver)?;
    unpack(ids: (String, String), _wish: NoWish) => parcel(&ids, FulfilmentStep::Cancel)?;
    cancel(order: String, wish: CancelWish) => Action::Cancel(order_id(&order)?, wish);
    refund(order: String, wish: RefundWish) => Action::Refund(order_id(&order)?, wish);
    edit(order: String, wish: EditWish) => Action::Edit(order_id(&order)?, wish);
    open_return(order: String, wish: ReturnWish) => Action::OpenReturn(order_id(&order)?, wish);
    receive(ids: (String, String), wish: ReceiveWish) => {
        Action::Receive(order_id(&ids.0)?, return_id(&ids.1)?, wish)
    };
    refuse_return(ids: (String, String), _wish: NoWish) => {
        Action::DropReturn(order_id(&ids.0)?, return_id(&ids.1)?, ReturnState::Refused)
    };
    cancel_return(ids: (String, String), _wish: NoWish) => {
        Action::DropReturn(order_id(&ids.0)?, return_id(&ids.1)?, ReturnState::Canceled)
    };
}

fn parcel(ids: &(String, String), step: FulfilmentStep) -> Result<Action, Problem> {
    Ok(Action::Parcel(
        order_id(&ids.0)?,
        fulfilment_id(&ids.1)?,
        step,
    ))
}

pub(super) async fn refunds(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
) -> Result<Json<Page<RefundAnswer>>, Problem> {
    let order = order_id(&order)?;
    let found = api.refunds(tenant.id, order).await;
    Ok(Json(Page::whole(found.map_err(problem)?)))
}

impl Shared {
    async fn refunds(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<RefundAnswer>, crate::errors::CareError> {
        self.peers.orders.view(tenant, order).await?;
        let db = self.deps.storage.db(tenant).await?;
        let kept = infrastructure::refunds_shown(&db, order).await?;
        let all = self.peers.payments.refunds_of(tenant, order).await?;
        Ok(all
            .into_iter()
            .map(|view| RefundAnswer::joined(view, &kept))
            .collect())
    }
}
