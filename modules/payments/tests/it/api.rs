//! The merchant's routes: who may read them, and what they show.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use serde_json::Value;
use stoa_kernel::{ApiKeyId, Timestamp};
use stoa_rest::{
    Caller, Credential, Gate, Permission, PermissionSet, Problem, RequestTenant, RouterConfig,
    Routes, TenantInfo, code,
};
use stoa_storage::{Isolation, NewTenant, Storage};
use stoa_telemetry::Metrics;
use tower::ServiceExt as _;

use crate::shop::Shop;

/// Hosts are slugs; a key is the permissions it carries.
struct OpenGate(Storage);

#[async_trait]
impl Gate for OpenGate {
    async fn tenant(&self, host: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        let found = self
            .0
            .tenant_by_slug(host)
            .await
            .map_err(Problem::internal)?;
        Ok(found.map(|tenant| {
            RequestTenant::new(TenantInfo {
                id: tenant.id,
                slug: tenant.slug,
                name: tenant.name,
                currency: tenant.currency,
                test_mode: tenant.test_mode,
            })
        }))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let Some(credential) = credential else {
            return Ok(Caller::Anonymous);
        };
        let permission: Permission = credential
            .secret()
            .parse()
            .map_err(|_| Problem::new(&code::UNAUTHORIZED))?;
        let permissions = PermissionSet::EMPTY.with(permission);
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}

fn router(shop: &mut Shop) -> Router {
    let gate = Arc::new(OpenGate(shop.cells.storage().clone()));
    let metrics = Metrics::new(Timestamp::from_micros(0));
    let config = RouterConfig::new(metrics, shop.cells.deps.ids.clone());
    let routes = std::mem::replace(&mut shop.module.routes, Routes::new("taken"));
    routes.into_router(gate, config)
}

async fn get(router: &Router, host: &str, key: Option<&str>, path: &str) -> (u16, Value) {
    let mut request = Request::get(path).header("host", host);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

const READER: Option<&str> = Some("payments:read");

#[tokio::test]
async fn staff_read_payments_page_by_page_and_shoppers_do_not() {
    for mut shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let mut attempts = Vec::new();
        for token in ["tok_success", "tok_decline", "tok_success"] {
            let (order, attempt) = shop.opened(token).await;
            shop.payments()
                .drive(shop.tenant, attempt)
                .await
                .expect(kind);
            attempts.push((attempt.to_string(), order.to_string()));
        }
        shop.cells.tenant("other").await;
        let live = NewTenant {
            slug: "live".to_owned(),
            name: "live".to_owned(),
            currency: stoa_kernel::Currency::EUR,
            test_mode: false,
            isolation: Isolation::Shared,
        };
        shop.cells.storage().create_tenant(live).await.expect(kind);
        let (router, list) = (router(&mut shop), "/api/v1/admin/payments");

        let (status, first) = get(&router, "shop", READER, &format!("{list}?limit=2")).await;
        assert_eq!(
            (status, first["pagination"]["has_more"].as_bool()),
            (200, Some(true)),
            "{kind}"
        );
        let cursor = first["pagination"]["cursor"].as_str().unwrap();
        let next = format!("{list}?limit=2&cursor={cursor}");
        let (_, second) = get(&router, "shop", READER, &next).await;
        let mut seen: Vec<String> = [&first, &second]
            .iter()
            .flat_map(|page| page["data"].as_array().unwrap())
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        seen.sort();
        let mut expected: Vec<String> = attempts.iter().map(|(id, _)| id.clone()).collect();
        expected.sort();
        assert_eq!(seen, expected, "{kind}");
        assert_eq!(
            get(&router, "other", READER, &next).await.0,
            400,
            "{kind}: another's cursor"
        );

        let of_order = format!("{list}?order_id={}", attempts[1].1);
        let (_, one) = get(&router, "shop", READER, &of_order).await;
        assert_eq!(one["data"].as_array().unwrap().len(), 1, "{kind}");
        assert_eq!(one["data"][0]["id"], attempts[1].0.as_str(), "{kind}");
        assert_eq!(one["data"][0]["state"], "declined", "{kind}");
        assert_eq!(one["data"][0]["reason"], "insufficient_funds", "{kind}");
        let (_, others) = get(&router, "other", READER, &of_order).await;
        assert_eq!(others["data"], serde_json::json!([]), "{kind}: {others}");

        let charges = format!("{list}/test/charges?limit=1");
        let (status, page) = get(&router, "shop", READER, &charges).await;
        assert_eq!(
            (status, page["data"].as_array().unwrap().len()),
            (200, 1),
            "{kind}"
        );
        assert_eq!(
            page["data"][0]["order_id"],
            attempts[0].1.as_str(),
            "{kind}"
        );
        assert_eq!(page["data"][0]["amount"], 2500, "{kind}");
        let cursor = page["pagination"]["cursor"].as_str().unwrap();
        let (_, page) = get(
            &router,
            "shop",
            READER,
            &format!("{charges}&cursor={cursor}"),
        )
        .await;
        assert_eq!(
            page["data"][0]["order_id"],
            attempts[2].1.as_str(),
            "{kind}"
        );
        assert_eq!(page["pagination"]["has_more"], false, "{kind}");
        let (status, page) = get(&router, "other", READER, &charges).await;
        assert_eq!(
            (status, page["data"].as_array().unwrap().len()),
            (200, 0),
            "{kind}"
        );
        assert_eq!(
            get(&router, "live", READER, &charges).await.0,
            404,
            "{kind}"
        );
        let strange = format!("{charges}&cursor=no_such_charge");
        assert_eq!(
            get(&router, "shop", READER, &strange).await.0,
            400,
            "{kind}"
        );
        for path in [list, charges.as_str()] {
            assert_eq!(
                get(&router, "shop", None, path).await.0,
                401,
                "{kind} {path}"
            );
            assert_eq!(
                get(&router, "shop", Some("orders:read"), path).await.0,
                403,
                "{kind} {path}"
            );
        }
    }
}
