//! Who gets through to which route: each access against each caller.

use stoa_kernel::Actor;
use stoa_rest::{
    Access, Caller, IdempotencyKey, IdempotentJson, Method, Operation, Permission, RequestId,
    Routes, Tenant,
};

use crate::support::{STAFF_KEY, router, send};

fn routes() -> Routes<()> {
    let get = |routes: Routes<()>, path, access| {
        let operation = Operation::new("x", "x");
        routes.route(
            Method::GET,
            path,
            access,
            operation,
            async |caller: Caller| caller.id(),
        )
    };
    let routes = get(Routes::new("test"), "/public", Access::Public);
    let routes = get(routes, "/shopper", Access::Shopper);
    let routes = get(routes, "/orders", Access::Staff(Permission::OrdersRead));
    let routes = get(
        routes,
        "/products",
        Access::Staff(Permission::ProductsWrite),
    );
    get(routes, "/operator", Access::Operator)
}

/// A row per caller: its answers on the public, shopper, orders, products and operator routes.
const TABLE: [(&str, [u16; 5], &str); 8] = [
    ("", [200, 200, 401, 401, 401], "unauthorized"),
    ("Bearer pk_shop", [200, 200, 403, 403, 403], "forbidden"),
    ("Bearer sk_orders", [200, 200, 200, 403, 403], "forbidden"),
    ("Bearer sk_all", [200, 200, 200, 200, 403], "forbidden"),
    ("Bearer operator", [200, 200, 200, 200, 200], ""),
    ("Bearer sk_gone", [200, 401, 401, 401, 401], "unauthorized"),
    (
        "Bearer sk_elsewhere",
        [200, 403, 403, 403, 403],
        "wrong_tenant",
    ),
    ("Nonsense", [200, 401, 401, 401, 401], "unauthorized"),
];

#[tokio::test]
async fn every_access_meets_every_caller() {
    let router = router(routes());
    let paths = ["/public", "/shopper", "/orders", "/products", "/operator"];
    for (credential, row, refusal) in TABLE {
        for (path, status) in paths.iter().zip(row) {
            let mut head = format!("GET {path}");
            if !credential.is_empty() {
                head.push_str(&format!("\nAuthorization: {credential}"));
            }
            let answer = send(&router, &head, "").await;
            let (got, expected) = match answer.status.as_u16() {
                200 => (String::new(), ""),
                _ => (answer.code(), refusal),
            };
            assert_eq!(
                (answer.status.as_u16(), got.as_str()),
                (status, expected),
                "{head}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let answer = send(
        &router(routes()),
        "GET /products\nAuthorization: Bearer sk_orders",
        "",
    )
    .await;
    assert_eq!(
        answer.json()["detail"],
        "This key lacks the permission `products:write`."
    );
}

#[tokio::test]
async fn only_a_page_raises_the_password_dialog() {
    let router = router(routes());
    let challenges = |answer: &crate::support::Answer| {
        let all = answer.headers.get_all("www-authenticate").iter();
        all.map(|value| value.to_str().expect("ASCII").to_owned())
            .collect::<Vec<_>>()
    };
    let api = send(&router, "GET /orders", "").await;
    assert_eq!(challenges(&api), ["Bearer realm=\"stoa\""]);
    let page = send(&router, "GET /orders\nAccept: text/html,*/*", "").await;
    assert_eq!(
        challenges(&page),
        [
            "Bearer realm=\"stoa\"",
            "Basic realm=\"stoa\", charset=\"UTF-8\""
        ]
    );
    let basic = "GET /orders\nAuthorization: Basic YWRtaW46c2tfb3JkZXJz";
    assert_eq!(send(&router, basic, "").await.text(), STAFF_KEY.to_string());
}

#[tokio::test]
async fn a_host_without_a_shop_is_unknown_only_where_a_shop_is_needed() {
    let router = router(routes());
    for (head, status) in [
        ("GET /shopper\nHost: nobody.localhost:8080", 404),
        (
            "GET /orders\nHost: nobody.localhost\nAuthorization: Bearer sk_all",
            404,
        ),
        ("GET /shopper\nHost: localhost:8080\nStoa-Tenant: acme", 200),
        ("GET /shopper\nHost: ACME.localhost:8080", 200),
        ("GET /public\nHost: nobody.localhost", 200),
        (
            "GET /operator\nHost: nobody.localhost\nAuthorization: Bearer operator",
            200,
        ),
    ] {
        let answer = send(&router, head, "").await;
        assert_eq!(answer.status.as_u16(), status, "{head}");
        if status == 404 {
            assert_eq!(answer.code(), "unknown_host");
        }
    }
}

#[tokio::test]
async fn handlers_get_what_the_guard_found_out() {
    let routes = Routes::new("test").route(
        Method::GET,
        "/whoami",
        Access::Shopper,
        Operation::new("whoami", "Who am I"),
        async |Tenant(tenant): Tenant, caller: Caller, id: RequestId| {
            assert_eq!(caller.actor(), Actor::Staff(STAFF_KEY.to_string()));
            format!("{} {} {}", tenant.slug, tenant.currency, id.as_str())
        },
    );
    let head = "GET /whoami\nAuthorization: Bearer sk_all\nX-Request-Id: r-9";
    assert_eq!(send(&router(routes), head, "").await.text(), "acme EUR r-9");
}

#[tokio::test]
async fn idempotency_is_scoped_to_caller_route_and_body() {
    let routes = Routes::new("test")
        .route(
            Method::POST,
            "/carts/{id}/pay",
            Access::Shopper,
            Operation::new("pay", "Pay").requires_idempotency_key(),
            async |request: IdempotentJson<serde_json::Value>| {
                let scope = request.scope;
                let hash = stoa_rest::fingerprint(request.value.to_string().as_bytes());
                assert_eq!(scope.body_hash, hash);
                format!("{} | {} | {}", scope.caller, scope.route, scope.key)
            },
        )
        .route(
            Method::POST,
            "/key",
            Access::Shopper,
            Operation::new("key", "Key"),
            async |key: IdempotencyKey| key.as_str().to_owned(),
        );
    let router = router(routes);
    let head = "POST /carts/7/pay\nContent-Type: application/json\nAuthorization: Bearer pk_shop";
    let answer = send(
        &router,
        &format!("{head}\nIdempotency-Key: k-1"),
        "{\"a\":1}",
    )
    .await;
    assert_eq!(
        answer.text(),
        "key_00000000000000000000000002 | POST /carts/7/pay | k-1"
    );
    let missing = send(&router, head, "{}").await;
    assert_eq!(
        (missing.status.as_u16(), missing.code()),
        (400, "idempotency_key_missing".into())
    );
    for (key, status) in [
        ("a".repeat(255), 200),
        ("a".repeat(256), 400),
        ("a b".into(), 400),
    ] {
        let answer = send(&router, &format!("POST /key\nIdempotency-Key: {key}"), "").await;
        assert_eq!(answer.status.as_u16(), status, "{key}");
    }
}
