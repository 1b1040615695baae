//! What a shop's own keys may make of each other, over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stoa_kernel::SeededIds;
use stoa_rest::{Caller, Credential, PermissionSet, RouterConfig};
use stoa_storage::Tenant;
use stoa_telemetry::Metrics;
use stoa_tenancy::{KeyKind, NewKey, Tenancy};
use tower::ServiceExt as _;

use crate::support::{everywhere, start, tenant};

async fn holder(tenancy: &Tenancy, tenant: &Tenant, permissions: &str) -> String {
    let new = NewKey {
        tenant: Some(tenant.id),
        kind: KeyKind::Secret,
        name: "test".to_owned(),
        permissions: permissions.parse().expect("permissions"),
    };
    tenancy.create_key(new).await.expect("a key").1
}

async fn create(router: &Router, key: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post("/api/v1/admin/api-keys")
        .header("host", "own.localhost")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let status = answer.status();
    let bytes = answer.into_body().collect().await.expect("a body");
    let value = serde_json::from_slice(&bytes.to_bytes()).expect("JSON");
    (status, value)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_key_stronger_than_their_own() {
    for cells in everywhere().await {
        let module = start(&cells);
        let own = tenant(&module, "own", cells.isolation).await;
        let key = holder(&module.tenancy, &own, "keys:write orders:read").await;
        let config = RouterConfig::new(Metrics::new(cells.deps.now()), Arc::new(SeededIds::new(1)));
        let gate = module.gate.clone();
        let router = module.routes.into_router(module.gate, config);

        let asked = json!({"kind": "secret", "permissions": ["orders:read", "orders:write"]});
        let (status, refused) = create(&router, &key, &asked).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{}", cells.kind);
        assert_eq!(refused["code"], "forbidden");

        let (status, made) = create(&router, &key, &json!({"kind": "secret"})).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let shop = gate.tenant("own.localhost", None).await.expect("an answer");
        let made = Credential::new(made["key"].as_str().expect("a key"));
        let caller = gate.caller(shop.as_ref(), Some(&made)).await;
        let Ok(Caller::Staff { permissions, .. }) = caller else {
            panic!("{caller:?}")
        };
        let same: PermissionSet = "keys:write orders:read".parse().expect("permissions");
        assert_eq!(permissions, same);
    }
}
