//! Every refusal of the edge itself, to the byte.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde::Deserialize;
use stoa_kernel::ProductId;
use stoa_rest::{Access, Json, Method, Operation, Path, Query, Routes};

use crate::support::{Answer, router, router_with, send};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    quantity: u32,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    limit: stoa_rest::Limit,
}

fn routes() -> Routes<()> {
    Routes::new("test")
        .route(
            Method::GET,
            "/products",
            Access::Shopper,
            Operation::new("listProducts", "List"),
            async |Query(listing): Query<Listing>| listing.limit.get().to_string(),
        )
        .route(
            Method::GET,
            "/products/{id}",
            Access::Shopper,
            Operation::new("readProduct", "Read"),
            async |Path(id): Path<ProductId>| id.to_string(),
        )
        .route(
            Method::POST,
            "/lines",
            Access::Shopper,
            Operation::new("addLine", "Add").body_limit(64),
            async |Json(line): Json<Line>| line.quantity.to_string(),
        )
        .route(
            Method::GET,
            "/panic",
            Access::Shopper,
            Operation::new("panic", "Panic"),
            panicking,
        )
        .route(
            Method::GET,
            "/slow",
            Access::Shopper,
            Operation::new("slow", "Slow"),
            std::future::pending::<()>,
        )
}

async fn panicking() {
    panic!("the secret inside");
}

fn check(answer: &Answer, expected: &Expect) {
    let mut text = format!("{}\n", answer.status.as_u16());
    for (name, value) in &answer.headers {
        text.push_str(&format!(
            "{name}: {}\n",
            value.to_str().expect("an ASCII header")
        ));
    }
    text.push_str(&format!("\n{}\n", answer.text()));
    expected.assert_eq(&text);
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_with_a_request_id() {
    let answer = send(&router(routes()), "GET /nowhere", "").await;
    check(
        &answer,
        &expect![[r#"
        404
        content-type: application/problem+json
        x-request-id: 910a2dec89025cc1beeb8da1658eec67
        x-content-type-options: nosniff
        cache-control: no-store
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-length: 145

        {"type":"/docs/errors/not_found","title":"There is nothing here","status":404,"code":"not_found","request_id":"910a2dec89025cc1beeb8da1658eec67"}
    "#]],
    );
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let answer = send(&router(routes()), "DELETE /products", "").await;
    check(
        &answer,
        &expect![[r#"
        405
        content-type: application/problem+json
        x-request-id: 910a2dec89025cc1beeb8da1658eec67
        x-content-type-options: nosniff
        cache-control: no-store
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        allow: GET,HEAD
        content-length: 180

        {"type":"/docs/errors/method_not_allowed","title":"The resource does not take this method","status":405,"code":"method_not_allowed","request_id":"910a2dec89025cc1beeb8da1658eec67"}
    "#]],
    );
}

#[tokio::test]
async fn an_id_that_is_none_is_not_found() {
    let answer = send(&router(routes()), "GET /products/prod_x", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (404, "not_found".into())
    );
}

#[tokio::test]
async fn a_panic_says_nothing_of_the_inside() {
    let answer = send(&router(routes()), "GET /panic\nX-Request-Id: r-1", "").await;
    check(
        &answer,
        &expect![[r#"
        500
        content-type: application/problem+json
        x-request-id: r-1
        x-content-type-options: nosniff
        cache-control: no-store
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-length: 125

        {"type":"/docs/errors/internal","title":"Something went wrong on our side","status":500,"code":"internal","request_id":"r-1"}
    "#]],
    );
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_cut_off() {
    let router = router_with(routes(), |config| {
        config.handler_time_max = Duration::from_millis(20);
    });
    let answer = send(&router, "GET /slow", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (504, "handler_timeout".into())
    );
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let router = router(routes());
    let json = "POST /lines\nContent-Type: application/json\nX-Request-Id: r-1";
    let answer = send(&router, json, r#"{"quantity":-1}"#).await;
    check(
        &answer,
        &expect![[r#"
        422
        content-type: application/problem+json
        x-request-id: r-1
        x-content-type-options: nosniff
        cache-control: no-store
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-length: 291

        {"type":"/docs/errors/invalid_request","title":"A field is not valid","status":422,"code":"invalid_request","detail":"`quantity` is not valid: invalid value: integer `-1`, expected u32.","errors":[{"field":"quantity","reason":"invalid value: integer `-1`, expected u32"}],"request_id":"r-1"}
    "#]],
    );
    let answer = send(&router, json, r#"{"quantity":1,"price":2}"#).await;
    assert_eq!(answer.json()["errors"][0]["field"], "price");
}

#[tokio::test]
async fn a_wrong_limit_is_named() {
    let router = router(routes());
    for bad in ["0", "251", "-1", "x", ""] {
        let answer = send(&router, &format!("GET /products?limit={bad}"), "").await;
        assert_eq!(answer.status.as_u16(), 422, "{bad}");
        assert_eq!(
            answer.json()["errors"],
            serde_json::json!([
                { "field": "limit", "reason": "must be a whole number from 1 to 250" }
            ])
        );
    }
    assert_eq!(
        send(&router, "GET /products?limit=250", "").await.text(),
        "250"
    );
    assert_eq!(send(&router, "GET /products", "").await.text(), "50");
}

#[tokio::test]
async fn broken_json_is_malformed() {
    let json = "POST /lines\nContent-Type: application/json; charset=utf-8\nX-Request-Id: r-1";
    check(
        &send(&router(routes()), json, r#"{"quantity":"#).await,
        &expect![[r#"
        400
        content-type: application/problem+json
        x-request-id: r-1
        x-content-type-options: nosniff
        cache-control: no-store
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-length: 182

        {"type":"/docs/errors/malformed_json","title":"The body is not JSON","status":400,"code":"malformed_json","detail":"EOF while parsing a value at line 1 column 12","request_id":"r-1"}
    "#]],
    );
}

#[tokio::test]
async fn another_type_of_body_is_unsupported() {
    let router = router(routes());
    for head in ["POST /lines", "POST /lines\nContent-Type: text/plain"] {
        let answer = send(&router, head, r#"{"quantity":1}"#).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (415, "unsupported_media_type".into())
        );
    }
    let answer = send(
        &router,
        "POST /lines\nContent-Type: Application/vnd.a+json",
        r#"{"quantity":3}"#,
    );
    assert_eq!(answer.await.text(), "3");
}

#[tokio::test]
async fn a_large_body_is_refused_before_and_while_it_comes() {
    let router = router(routes());
    let large = format!(r#"{{"quantity":1{}}}"#, " ".repeat(64));
    let json = "POST /lines\nContent-Type: application/json\nX-Request-Id: r-1";
    let declared = format!("{json}\nContent-Length: {}", large.len());
    let answer = send(&router, &declared, large.clone()).await;
    check(
        &answer,
        &expect![[r#"
        413
        connection: close
        content-type: application/problem+json
        x-request-id: r-1
        x-content-type-options: nosniff
        cache-control: no-store
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-length: 188

        {"type":"/docs/errors/payload_too_large","title":"The body is too large","status":413,"code":"payload_too_large","detail":"This route takes bodies of at most 64 bytes.","request_id":"r-1"}
    "#]],
    );
    let undeclared = send(&router, json, large).await;
    assert_eq!(
        (undeclared.status, undeclared.body),
        (answer.status, answer.body)
    );
}

#[tokio::test]
async fn a_long_address_is_refused() {
    let router = router(routes());
    let answer = send(&router, &format!("GET /{}", "a".repeat(8192)), "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (414, "uri_too_long".into())
    );
}
