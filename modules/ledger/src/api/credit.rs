//! A customer's store credit, as staff see and adjust it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{CustomerId, Money, Timestamp};
use stoa_rest::{
    Access, Caller, IdempotentJson, Json, Method, Operation, Path, Permission, Problem, Routes,
    State, Tenant, TraceContext, code,
};

use super::{
    AmountBody, Api, STORE_CREDIT_SHORT, WalletLineView, cause, failure, kept_text, refusal,
    stored_key,
};
use crate::application::{Answer, StaffChange};
use crate::domain::Wallet;

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    routes
        .route(
            Method::GET,
            "/api/v1/admin/customers/{customer_id}/store-credit",
            Access::Staff(Permission::PaymentsRead),
            Operation::new("getStoreCredit", "Read a customer's store credit")
                .description("One credit per currency, with what changed it, newest first.")
                .returns::<StoreCreditView>(200)
                .returns_problem(&code::NOT_FOUND),
            get,
        )
        .route(
            Method::POST,
            "/api/v1/admin/customers/{customer_id}/store-credit",
            Access::Staff(Permission::PaymentsWrite),
            Operation::new("adjustStoreCredit", "Give or take store credit")
                .description("A negative amount takes, at most what no order holds.")
                .body::<AdjustBody>()
                .returns::<CreditView>(200)
                .requires_idempotency_key()
                .returns_problem(&code::NOT_FOUND)
                .returns_problem(&STORE_CREDIT_SHORT),
            adjust,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AdjustBody {
    /// Positive gives, negative takes.
    amount: AmountBody,
    /// Kept with the entry; from 1 to 255 characters.
    reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct CreditView {
    balance: Money,
    /// Set aside for orders that are not paid yet.
    held: Money,
    /// What a new order can use: `balance - held`.
    available: Money,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CreditDetail {
    #[serde(flatten)]
    credit: CreditView,
    /// What changed it, newest first; at most 100.
    lines: Vec<WalletLineView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct StoreCreditView {
    customer_id: CustomerId,
    /// One per currency; empty where the customer never had any.
    credits: Vec<CreditDetail>,
}

async fn get(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(customer): Path<String>,
) -> Result<Json<StoreCreditView>, Problem> {
    let customer_id = customer_id(&customer)?;
    let credits = api.books.store_credit(tenant.id, customer_id);
    let credits = credits.await.map_err(failure)?;
    let detail = |(credit, lines): (Wallet, Vec<_>)| CreditDetail {
        credit: CreditView::of(&credit),
        lines: lines.into_iter().map(WalletLineView::from).collect(),
    };
    Ok(Json(StoreCreditView {
        customer_id,
        credits: credits.into_iter().map(detail).collect(),
    }))
}

async fn adjust(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(customer): Path<String>,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<AdjustBody>,
) -> Result<Json<CreditView>, Problem> {
    let reason = kept_text("reason", body.value.reason)?;
    if reason.trim().is_empty() {
        return Err(Problem::invalid("reason", "must say why"));
    }
    let change = StaffChange::Adjust {
        customer: customer_id(&customer)?,
        amount: body.value.amount.signed()?,
        reason,
    };
    let cause = cause(&api, &caller, &trace);
    let answer = api
        .books
        .change(tenant.id, change, stored_key(body.scope), cause, render);
    match answer.await.map_err(refusal)? {
        Answer::Now(credit) => Ok(Json(CreditView::of(&credit))),
        Answer::Before(text) => serde_json::from_str(&text)
            .map(Json)
            .map_err(Problem::internal),
    }
}

fn customer_id(text: &str) -> Result<CustomerId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("There is no such customer."))
}

fn render(credit: &Wallet) -> String {
    serde_json::to_string(&CreditView::of(credit)).expect("numbers always serialise")
}

impl CreditView {
    fn of(credit: &Wallet) -> Self {
        let money = |amount| Money::new(amount, credit.currency);
        Self {
            balance: money(credit.balance),
            held: money(credit.held),
            available: money(credit.available()),
            updated_at: credit.updated_at,
        }
    }
}
