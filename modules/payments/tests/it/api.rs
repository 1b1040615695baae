//! The merchant's routes: who may read them, and what they show.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use serde_json::{Value, json};
use stoa_kernel::{ApiKeyId, Currency, Timestamp};
use stoa_payments::Module;
use stoa_rest::{
    Caller, Credential, Gate, PermissionSet, Problem, RequestTenant, RouterConfig, Routes,
    TenantInfo, code,
};
use stoa_storage::{Isolation, NewTenant, Storage};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
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
        let permissions: PermissionSet = credential
            .secret()
            .parse()
            .map_err(|_| Problem::new(&code::UNAUTHORIZED))?;
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}

pub(crate) fn router(cells: &TestCells, module: &mut Module) -> Router {
    let gate = Arc::new(OpenGate(cells.storage().clone()));
    let metrics = Metrics::new(Timestamp::from_micros(0));
    let config = RouterConfig::new(metrics, cells.deps.ids.clone());
    let routes = std::mem::replace(&mut module.routes, Routes::new("taken"));
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
const LIST: &str = "/api/v1/admin/payments";
const CHARGES: &str = "/api/v1/admin/payments/test/charges";

/// A shop whose second of three payments was declined: (shop, routes, attempt and order of each).
async fn shops_with_three_payments() -> Vec<(Shop, Router, Vec<(String, String)>)> {
    let mut all = Vec::new();
    for shop in Shop::everywhere().await {
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
        let router = shop.router.clone();
        all.push((shop, router, attempts));
    }
    all
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn staff_read_payments_page_by_page() {
    for (shop, router, attempts) in shops_with_three_payments().await {
        let kind = shop.cells.kind;
        let (status, first) = get(&router, "shop", READER, &format!("{LIST}?limit=2")).await;
        assert_eq!(
            (status, &first["pagination"]["has_more"]),
            (200, &json!(true)),
            "{kind}"
        );
        let cursor = first["pagination"]["cursor"].as_str().unwrap();
        let next = format!("{LIST}?limit=2&cursor={cursor}");
        let (_, second) = get(&router, "shop", READER, &next).await;
        let mut seen = ids(&first);
        seen.extend(ids(&second));
        let mut expected: Vec<String> = attempts.iter().map(|(id, _)| id.clone()).collect();
        expected.sort();
        expected.reverse();
        assert_eq!(seen, expected, "{kind}");
        let (status, refused) = get(&router, "other", READER, &next).await;
        assert_eq!(
            (status, &refused["code"]),
            (400, &json!("invalid_cursor")),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn the_payments_of_one_order_are_found_in_its_own_shop_only() {
    for (shop, router, attempts) in shops_with_three_payments().await {
        let kind = shop.cells.kind;
        let of_order = format!("{LIST}?order_id={}", attempts[1].1);
        let (_, one) = get(&router, "shop", READER, &of_order).await;
        assert_eq!(ids(&one), [attempts[1].0.clone()], "{kind}");
        assert_eq!(one["data"][0]["state"], "declined", "{kind}");
        assert_eq!(one["data"][0]["reason"], "insufficient_funds", "{kind}");
        let (_, others) = get(&router, "other", READER, &of_order).await;
        assert_eq!(others["data"], json!([]), "{kind}: {others}");
    }
}

#[tokio::test]
async fn the_provider_itself_says_what_it_charged() {
    for (shop, router, attempts) in shops_with_three_payments().await {
        let kind = shop.cells.kind;
        let charges = format!("{CHARGES}?limit=1");
        let (status, page) = get(&router, "shop", READER, &charges).await;
        assert_eq!((status, ids(&page).len()), (200, 1), "{kind}");
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
        assert_eq!((status, page["data"].clone()), (200, json!([])), "{kind}");
        let strange = format!("{charges}&cursor=no_such_charge");
        assert_eq!(
            get(&router, "shop", READER, &strange).await.0,
            400,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn only_staff_who_may_read_payments_do() {
    for (shop, router, _) in shops_with_three_payments().await {
        let kind = shop.cells.kind;
        for path in [LIST, CHARGES] {
            assert_eq!(
                get(&router, "shop", None, path).await.0,
                401,
                "{kind} {path}"
            );
            let other = Some("orders:read");
            assert_eq!(
                get(&router, "shop", other, path).await.0,
                403,
                "{kind} {path}"
            );
        }
        let live = NewTenant {
            slug: "live".to_owned(),
            name: "live".to_owned(),
            currency: Currency::EUR,
            test_mode: false,
            isolation: Isolation::Shared,
        };
        shop.cells.storage().create_tenant(live).await.expect(kind);
        assert_eq!(get(&router, "live", READER, CHARGES).await.0, 404, "{kind}");
        assert_eq!(get(&router, "live", READER, LIST).await.0, 200, "{kind}");
    }
}
