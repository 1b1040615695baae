//! The documentation: what a route declares is what the document and the pages say.

use expect_test::expect_file;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use stoa_kernel::Money;
use stoa_rest::{
    Access, ApiInfo, ErrorCode, ErrorPage, Json, Limit, Method, Operation, Page, Path, Permission,
    Query, Routes, code,
};

use crate::support::{router, send};

const SOLD_OUT: ErrorCode = ErrorCode::new("sold_out", 409, "Not enough of it is left");

#[derive(Deserialize, JsonSchema)]
struct Listing {
    /// Words to look for.
    q: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Product {
    /// In the address of the product.
    handle: String,
    price: Money,
}

fn routes() -> Routes<()> {
    Routes::new("catalog")
        .route(
            Method::GET,
            "/api/v1/products",
            Access::Shopper,
            Operation::new("listProducts", "List products")
                .query::<Listing>()
                .returns::<Page<Product>>(200),
            async |Query(listing): Query<Listing>| {
                format!("{:?} {}", listing.q, listing.limit.get())
            },
        )
        .route(
            Method::PUT,
            "/api/v1/admin/products/{id}",
            Access::Staff(Permission::ProductsWrite),
            Operation::new("changeProduct", "Change a product")
                .body::<Product>()
                .requires_if_match()
                .requires_idempotency_key()
                .returns::<Product>(200)
                .returns_problem(&SOLD_OUT),
            async |Path(_): Path<String>, Json(product): Json<Product>| Json(product),
        )
        .error_pages(&[ErrorPage {
            code: &SOLD_OUT,
            markdown: "# sold_out\n\nStatus **409**. <script>alert(1)</script>\n",
        }])
        .with_docs(&ApiInfo {
            title: "Stoa".into(),
            version: "0.1.0".into(),
            description: "A <test> of `docs`.".into(),
        })
}

#[tokio::test]
async fn the_document_says_what_the_routes_declare() {
    let answer = send(
        &router(routes()),
        "GET /api/v1/openapi.json\nHost: nobody",
        "",
    )
    .await;
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let declared = format!(
        "{:#}\n{:#}",
        document["paths"]["/api/v1/products"], document["paths"]["/api/v1/admin/products/{id}"]
    );
    expect_file!["declared.json"].assert_eq(&format!("{declared}\n"));
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let names: Vec<&String> = schemas.keys().collect();
    assert_eq!(
        names,
        [
            "FieldError",
            "Money",
            "Pagination",
            "Problem",
            "Product",
            "ProductPage"
        ]
    );
    assert_eq!(schemas["Product"]["additionalProperties"], json!(false));
}

/// No route without an access, no operation without an id of its own.
#[tokio::test]
async fn every_operation_states_its_access_and_has_its_own_id() {
    let document = send(&router(routes()), "GET /api/v1/openapi.json", "")
        .await
        .json();
    let mut ids = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            assert!(
                operation["x-stoa-access"]["kind"].is_string(),
                "{method} {path}"
            );
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{method} {path}"
            );
        }
    }
    assert_eq!(ids.len(), 7);
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_escapes_everything() {
    let router = router(routes());
    let page = send(&router, "GET /docs\nHost: nobody", "").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self';"),
        "{policy}"
    );
    let html = page.text();
    for part in [
        "A &lt;test&gt; of <code>docs</code>.",
        "<span class=\"m put\">put</span> <code>/api/v1/admin/products/{id}</code>",
        "<span class=\"access staff\">staff <code>products:write</code></span>",
        "<td>In the query. Words to look for.</td>",
        "<a href=\"/docs/errors/sold_out\">",
        "<td><a href=\"#schema-Money\">Money</a></td>",
    ] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"));
    assert_eq!(
        send(&router, "GET /docs/style.css", "")
            .await
            .status
            .as_u16(),
        200
    );
    let tag = page.header("etag").expect("a tag").to_owned();
    let again = send(&router, &format!("GET /docs\nIf-None-Match: {tag}"), "").await;
    assert_eq!(again.status.as_u16(), 304);
}

#[tokio::test]
async fn every_code_has_its_page() {
    let router = router(routes());
    let index = send(&router, "GET /docs/errors", "").await.text();
    for code in code::ALL.iter().chain([&SOLD_OUT]) {
        let page = send(&router, &format!("GET /docs/errors/{}", code.code), "").await;
        assert_eq!(page.status.as_u16(), 200, "{}", code.code);
        assert!(page.text().contains(&format!("<h1>{}</h1>", code.code)));
        assert!(
            index.contains(&format!("/docs/errors/{}\"", code.code)),
            "{}",
            code.code
        );
    }
    let own = send(&router, "GET /docs/errors/sold_out", "").await.text();
    assert!(own.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(
        send(&router, "GET /docs/errors/no_such", "").await.code(),
        "not_found"
    );
}

/// A page in the folder that no table knows would be dead; modules own the codes beyond ours.
#[test]
fn every_code_of_this_crate_has_a_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
    for code in code::ALL {
        let path = format!("{folder}/{}.md", code.code);
        assert!(std::path::Path::new(&path).is_file(), "{path}");
    }
}
