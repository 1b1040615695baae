//! The routes: the token opens one order, staff see all of their own shop.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use stoa_kernel::{ApiKeyId, Currency, OrderId, TenantId, Timestamp};
use stoa_rest::{
    Caller, Credential, Gate, Permission, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

use crate::support::{Shop, everywhere, order, paid, start};

/// Every host is a shop; `staff` may read its orders.
struct OpenGate {
    shops: Vec<(String, TenantId)>,
}

#[async_trait]
impl Gate for OpenGate {
    async fn tenant(&self, host: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        let shop = self.shops.iter().find(|(slug, _)| slug == host);
        Ok(shop.map(|(slug, id)| {
            RequestTenant::new(TenantInfo {
                id: *id,
                slug: slug.clone(),
                name: slug.clone(),
                currency: Currency::EUR,
                test_mode: true,
            })
        }))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        _: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let permissions = PermissionSet::EMPTY
            .with(Permission::OrdersRead)
            .with(Permission::OrdersWrite);
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}

pub(crate) fn router(cells: &TestCells, shops: &[(&str, &Shop<'_>)]) -> Router {
    let shops = shops
        .iter()
        .map(|(slug, shop)| ((*slug).to_owned(), shop.tenant))
        .collect();
    let metrics = Metrics::new(Timestamp::from_micros(0));
    let config = RouterConfig::new(metrics, cells.deps.ids.clone());
    start(cells)
        .routes
        .into_router(Arc::new(OpenGate { shops }), config)
}

pub(crate) async fn send(
    router: &Router,
    request: Request<Body>,
) -> (StatusCode, HeaderMap, String) {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.expect("a body");
    let text = String::from_utf8(body.to_bytes().to_vec()).expect("text");
    (status, headers, text)
}

/// As staff of `acme`.
pub(crate) async fn read(router: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder()
        .uri(path)
        .header("host", "acme")
        .header(STAFF.0, STAFF.1);
    send(router, request.body(Body::empty()).expect("a request")).await
}

/// As staff of `acme`.
pub(crate) async fn post(router: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("host", "acme")
        .header("content-type", "application/json")
        .header(STAFF.0, STAFF.1);
    let request = request
        .body(Body::from(body.to_string()))
        .expect("a request");
    let (status, _, text) = send(router, request).await;
    (status, serde_json::from_str(&text).expect("JSON"))
}

async fn get(router: &Router, host: &str, path: &str, header: (&str, &str)) -> (StatusCode, Value) {
    let request = Request::builder()
        .uri(path)
        .header("host", host)
        .header(header.0, header.1);
    let request = request.body(Body::empty()).expect("a request");
    let (status, _, text) = send(router, request).await;
    (status, serde_json::from_str(&text).expect("JSON"))
}

const STAFF: (&str, &str) = ("authorization", "Bearer staff");

#[tokio::test]
async fn only_the_orders_own_token_opens_it() {
    for cells in everywhere().await {
        let acme = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        for shop in [&acme, &other] {
            shop.create(&order(1)).await.expect(cells.kind);
            shop.create(&order(2)).await.expect(cells.kind);
        }
        let router = router(&cells, &[("acme", &acme), ("other", &other)]);
        let id = OrderId::from_u128(1);
        let token = acme.orders.token(acme.tenant, id);
        assert_eq!(token.len(), 43);
        let path = format!("/api/v1/orders/{id}");
        let (status, body) = get(&router, "acme", &path, ("stoa-order-token", &token)).await;
        assert_eq!(
            (status, &body["id"]),
            (StatusCode::OK, &Value::from(id.to_string()))
        );
        assert_eq!(body["totals"]["total"]["amount"], 5_831, "{}", cells.kind);

        let wrong = [
            ("acme", path.clone(), String::new()),
            ("acme", path.clone(), token[1..].to_owned()),
            ("acme", path.clone(), format!("{token}=")),
            ("other", path.clone(), token.clone()),
            (
                "acme",
                format!("/api/v1/orders/{}", OrderId::from_u128(2)),
                token.clone(),
            ),
            ("acme", "/api/v1/orders/order_1".to_owned(), token.clone()),
        ];
        for (host, path, token) in wrong {
            let (status, body) = get(&router, host, &path, ("stoa-order-token", &token)).await;
            assert_eq!(
                (status, &body["code"]),
                (StatusCode::NOT_FOUND, &Value::from("order_not_found")),
                "{} {host} {path} {token}",
                cells.kind
            );
        }
    }
}

#[tokio::test]
async fn staff_page_through_their_own_orders_newest_first() {
    for cells in everywhere().await {
        let acme = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        other.create(&order(9)).await.expect(cells.kind);
        for seed in 1..=5 {
            acme.create(&order(seed)).await.expect(cells.kind);
            if seed % 2 == 0 {
                cells.clock.advance(std::time::Duration::from_secs(1));
            }
        }
        acme.step(OrderId::from_u128(2), paid(1))
            .await
            .expect(cells.kind);
        acme.step(OrderId::from_u128(4), paid(2))
            .await
            .expect(cells.kind);
        let router = router(&cells, &[("acme", &acme), ("other", &other)]);

        let mut seen = Vec::new();
        let mut path = "/api/v1/admin/orders?limit=2".to_owned();
        let mut pages = 0;
        loop {
            let (status, page) = get(&router, "acme", &path, STAFF).await;
            assert_eq!(status, StatusCode::OK, "{}: {page}", cells.kind);
            seen.extend(ids(&page));
            pages += 1;
            let Some(cursor) = page["pagination"]["cursor"].as_str() else {
                break;
            };
            path = format!("/api/v1/admin/orders?limit=2&cursor={cursor}");
            if pages == 1 {
                acme.create(&order(6)).await.expect(cells.kind);
                let (status, stolen) = get(&router, "other", &path, STAFF).await;
                assert_eq!(
                    (status, &stolen["code"]),
                    (400.try_into().expect("a status"), &"invalid_cursor".into())
                );
            }
        }
        assert_eq!((pages, seen), (3, vec![5, 4, 3, 2, 1]), "{}", cells.kind);
    }
}

#[tokio::test]
async fn staff_find_orders_by_where_they_stand_and_open_their_own() {
    for cells in everywhere().await {
        let acme = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        other.create(&order(9)).await.expect(cells.kind);
        for seed in 1..=6 {
            acme.create(&order(seed)).await.expect(cells.kind);
            cells.clock.advance(std::time::Duration::from_secs(1));
        }
        acme.step(OrderId::from_u128(2), paid(1))
            .await
            .expect(cells.kind);
        acme.step(OrderId::from_u128(4), paid(2))
            .await
            .expect(cells.kind);
        let router = router(&cells, &[("acme", &acme), ("other", &other)]);

        let filtered = async |query: &str| {
            let path = format!("/api/v1/admin/orders?{query}");
            ids(&get(&router, "acme", &path, STAFF).await.1)
        };
        assert_eq!(
            filtered("payment_status=paid").await,
            [4, 2],
            "{}",
            cells.kind
        );
        assert_eq!(
            filtered("status=canceled").await,
            [0_u128; 0],
            "{}",
            cells.kind
        );
        assert_eq!(
            filtered("status=pending&payment_status=pending").await,
            [6, 5, 3, 1]
        );

        let (status, one) = get(
            &router,
            "acme",
            &format!("/api/v1/admin/orders/{}", OrderId::from_u128(2)),
            STAFF,
        )
        .await;
        assert_eq!(
            (status, &one["payment_status"]),
            (StatusCode::OK, &Value::from("paid"))
        );
        let foreign = format!("/api/v1/admin/orders/{}", OrderId::from_u128(9));
        let (status, problem) = get(&router, "acme", &foreign, STAFF).await;
        let expected = (StatusCode::NOT_FOUND, &Value::from("order_not_found"));
        assert_eq!((status, &problem["code"]), expected, "{}", cells.kind);
    }
}

pub(crate) fn ids(page: &Value) -> Vec<u128> {
    let rows = page["data"].as_array().expect("a list");
    let id = |row: &Value| row["id"].as_str().and_then(|id| id.parse::<OrderId>().ok());
    rows.iter()
        .map(|row| id(row).expect("an id").as_u128())
        .collect()
}
