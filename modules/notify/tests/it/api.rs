//! The mailbox routes: pages, one mail, and nobody without the permission.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use stoa_kernel::{ApiKeyId, Currency, OrderId, TenantId, Timestamp};
use stoa_rest::{
    Caller, Credential, Gate, Permission, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_telemetry::Metrics;
use tower::ServiceExt as _;

use crate::support::{Shop, everywhere, start};

/// One shop on every host; the key names the permission it has.
struct OneShop(TenantId);

#[async_trait]
impl Gate for OneShop {
    async fn tenant(&self, _: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(RequestTenant::new(TenantInfo {
            id: self.0,
            slug: "acme".to_owned(),
            name: "acme".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let secret = credential.map(Credential::secret).unwrap_or_default();
        let permissions = secret
            .parse::<Permission>()
            .into_iter()
            .collect::<PermissionSet>();
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}

async fn get(router: &Router, path: &str, key: &str) -> (u16, Value) {
    let request = Request::builder()
        .uri(path)
        .header("authorization", format!("Bearer {key}"));
    let request = request.body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn staff_page_through_the_mailbox_and_open_a_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        for order in 1..=3 {
            shop.confirm(OrderId::from_u128(order)).await;
            cells.clock.advance(Duration::from_secs(1));
        }
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let config = RouterConfig::new(metrics, cells.deps.ids.clone());
        let router = start(&cells)
            .routes
            .into_router(Arc::new(OneShop(shop.tenant)), config);

        let (status, first) = get(&router, "/api/v1/admin/mailbox?limit=2", "orders:read").await;
        assert_eq!(
            (status, subjects(&first)),
            (200, vec![1_003, 1_002]),
            "{}",
            cells.kind
        );
        assert_eq!(
            first["data"][0]["text"],
            Value::Null,
            "a list holds no bodies"
        );
        let cursor = first["pagination"]["cursor"].as_str().expect("a cursor");
        let next = format!("/api/v1/admin/mailbox?limit=2&cursor={cursor}");
        let (status, last) = get(&router, &next, "orders:read").await;
        assert_eq!(
            (status, subjects(&last)),
            (200, vec![1_001]),
            "{}",
            cells.kind
        );
        assert_eq!(last["pagination"]["has_more"], false, "{}", cells.kind);

        let id = last["data"][0]["id"].as_str().expect("an id");
        let path = format!("/api/v1/admin/mailbox/{id}");
        let (status, mail) = get(&router, &path, "orders:read").await;
        assert_eq!(
            (status, &mail["to"]),
            (200, &Value::from("ada@example.com"))
        );
        assert!(
            mail["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("Thank you"))
        );

        let (status, problem) = get(&router, &path, "products:read").await;
        assert_eq!((status, &problem["code"]), (403, &Value::from("forbidden")));
        for missing in ["job_00000000000000000000000000", "nothing"] {
            let path = format!("/api/v1/admin/mailbox/{missing}");
            let (status, problem) = get(&router, &path, "orders:read").await;
            assert_eq!(
                (status, &problem["code"]),
                (404, &Value::from("mail_not_found"))
            );
        }
    }
}

fn subjects(page: &Value) -> Vec<u32> {
    let number = |row: &Value| {
        let subject = row["subject"].as_str()?;
        subject
            .strip_prefix("Your order ")?
            .strip_suffix(" at acme")?
            .parse()
            .ok()
    };
    let rows = page["data"].as_array().expect("a list");
    rows.iter()
        .map(|row| number(row).expect("a subject"))
        .collect()
}
