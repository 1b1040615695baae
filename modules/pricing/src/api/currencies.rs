//! The currencies that a shop sells in, over HTTP. Holds no rule and no SQL.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::Currency;
use stoa_rest::{
    Access, IfMatch, Json, Method, Operation, Permission, Problem, Routes, State, Tenant, code,
};

use super::{problem, version_of, versioned};
use crate::application::App;

const PRICING: &str = "/api/v1/admin/pricing";

/// How a shop prices.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PricingBody {
    /// What the shop sells in, its own currency first; that one cannot be left out. At most 50.
    currencies: Vec<Currency>,
}

pub(super) fn routes() -> Routes<Arc<App>> {
    let read = Operation::new("readPricing", "Read what currencies the shop sells in")
        .returns::<PricingBody>(200);
    let set = Operation::new("setPricing", "Set what currencies the shop sells in")
        .description("Prices in a currency that is left out stay, and are not offered.")
        .body::<PricingBody>()
        .returns::<PricingBody>(200)
        .header("If-Match", false, super::IF_MATCH)
        .returns_problem(&code::PRECONDITION_FAILED);
    Routes::new("pricing")
        .route(
            Method::GET,
            PRICING,
            Access::Staff(Permission::SettingsRead),
            read,
            read_pricing,
        )
        .route(
            Method::PUT,
            PRICING,
            Access::Staff(Permission::SettingsWrite),
            set,
            put_pricing,
        )
}

async fn read_pricing(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, Problem> {
    let found = app.read_currencies(tenant.id, tenant.currency).await;
    let (currencies, version) = found.map_err(problem)?;
    Ok(versioned(version, PricingBody { currencies }))
}

async fn put_pricing(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    seen: Option<IfMatch>,
    Json(body): Json<PricingBody>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let set = app
        .set_currencies(tenant.id, tenant.currency, seen, body.currencies)
        .await;
    let (currencies, version) = set.map_err(problem)?;
    Ok(versioned(version, PricingBody { currencies }))
}
