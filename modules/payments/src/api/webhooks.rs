//! Where providers call. Checks nothing itself, answers once the news are committed.

use std::sync::Arc;

use stoa_rest::{BodyBytes, HeaderMap, Path, Problem, State, StatusCode, Tenant};

use super::{Api, problems};

const SIGNATURE: &str = "stripe-signature";

pub(super) async fn receive(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(provider): Path<String>,
    headers: HeaderMap,
    BodyBytes(body): BodyBytes,
) -> Result<StatusCode, Problem> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let heard = api
        .desk
        .hear(tenant.id, &provider, signature.unwrap_or_default(), &body)
        .await;
    heard.map_err(problems::news)?;
    Ok(StatusCode::OK)
}
