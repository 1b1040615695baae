//! What is no page of the shop: forms of others, addresses of nothing, files, the mailbox.

use crate::browser::{Browser, with};
use crate::html::between;
use crate::market::{Market, PICTURE};

const HOST: &str = "shop.localhost:8080";
const BUY: &str = "<form class=\"buy-form\"";

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let form = browser.get("/products/print").await.form(BUY);
    let own = "http://shop.localhost:8080";
    let foreign: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "http://other.localhost:8080")],
        &[("origin", "http://shop.localhost:9090")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", own), ("sec-fetch-site", "same-site")],
    ];
    for headers in foreign {
        for path in [
            "/cart/lines",
            "/cart/lines/x",
            "/cart/lines/x/remove",
            "/checkout",
        ] {
            let page = browser.post_with(path, &form, headers).await;
            assert_eq!(page.status, 403, "{path}: {headers:?}");
            assert!(
                page.body.contains("That form came from somewhere else"),
                "{headers:?}"
            );
        }
    }
    assert_eq!(browser.cookie("stoa_cart"), None);
    let allowed: [&[(&str, &str)]; 4] = [
        &[],
        &[("origin", own)],
        &[("origin", "https://shop.localhost:8080")],
        &[("sec-fetch-site", "same-origin")],
    ];
    for headers in allowed {
        assert_eq!(
            browser
                .post_with("/cart/lines", &form, headers)
                .await
                .status,
            303,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_page_for_people_and_a_problem_for_programs() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get("/nothing/here").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert!(
        page.body.contains("Kitchen &amp; Table"),
        "the way back is there"
    );
    let id = page.header("x-request-id");
    assert!(page.body.contains(&format!("<code>{id}</code>")));
    for path in ["/api/v1/nothing", "/api", "/v1/track"] {
        let problem = browser.get(path).await;
        assert_eq!(problem.status, 404, "{path}");
        assert_eq!(
            problem.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert!(problem.body.contains("\"code\":\"not_found\""), "{path}");
    }
    let program = browser
        .get_with("/nothing", &[("accept", "application/json")])
        .await;
    assert_eq!(program.header("content-type"), "application/problem+json");
    assert_eq!(browser.post("/nothing", &[]).await.status, 404, "not 405");
    assert_eq!(
        browser.get("/api/v1/products").await.status,
        200,
        "the API is not shadowed"
    );
}

#[tokio::test]
async fn files_are_kept_by_their_names_and_tags() {
    let market = Market::open().await;
    let mut browser = Browser::new(&market.router, HOST);
    let home = browser.get("/").await;
    let css = between(&home.body, "<link rel=\"stylesheet\" href=\"", "\"").to_owned();
    let forever = "public, max-age=31536000, immutable";
    let day = "public, max-age=86400";
    for (path, kind, cache) in [
        (css.as_str(), "text/css; charset=utf-8", forever),
        ("/media/sample/mug.svg", "image/svg+xml", day),
        ("/favicon.svg", "image/svg+xml", day),
        ("/favicon.ico", "image/svg+xml", day),
    ] {
        let file = browser.get(path).await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(
            (file.header("content-type"), file.header("cache-control")),
            (kind, cache)
        );
        let tag = file.header("etag").to_owned();
        let again = browser.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!(
            (again.status, again.header("cache-control")),
            (304, cache),
            "{path}"
        );
    }
    let picture = browser.get("/media/sample/mug.svg").await;
    assert_eq!(picture.body.as_bytes(), PICTURE);
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    assert_eq!(picture.header("content-security-policy"), policy);
    for missing in [
        "/assets/theme.css",
        "/media/sample/none.svg",
        "/media/sample/..%2Fmug.svg",
    ] {
        assert_eq!(browser.get(missing).await.status, 404, "{missing}");
    }
    assert!(
        browser
            .get("/robots.txt")
            .await
            .body
            .contains("Disallow: /checkout\n")
    );
}

#[tokio::test]
async fn only_staff_read_the_mailbox() {
    let market = Market::stocked().await;
    let mut shopper = Browser::new(&market.router, HOST);
    let form = shopper.get("/products/print").await.form(BUY);
    shopper.post("/cart/lines", &form).await.location();
    let page = shopper.get("/checkout").await;
    let ida = [
        ("email", "ida@example.com"),
        ("name", "Ida"),
        ("line1", "Storgatan 12"),
        ("postal_code", "211 42"),
        ("city", "Malmö"),
        ("country", "SE"),
        ("shipping_option_id", "standard"),
        ("payment_token", "tok_success"),
    ];
    let form = with(page.form("<form id=\"checkout\""), &ida);
    shopper.post("/checkout", &form).await.location();
    market.settle().await;
    market.settle().await;

    let refused = shopper.get("/admin/mailbox").await;
    assert_eq!(refused.status, 401);
    let challenges: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
    assert!(
        challenges
            .iter()
            .any(|one| one.as_bytes().starts_with(b"Basic ")),
        "{challenges:?}"
    );
    let other = market.staff("products:read").await;
    let mut other = Browser::new(&market.router, HOST).always("authorization", other);
    assert_eq!(other.get("/admin/mailbox").await.status, 403);

    let key = market.staff("orders:read").await;
    let mut staff = Browser::new(&market.router, HOST).always("authorization", key);
    let list = staff.get("/admin/mailbox").await;
    assert_eq!(
        (list.status, list.header("cache-control")),
        (200, "private, no-store")
    );
    assert!(list.body.contains("to ida@example.com"), "{}", list.body);
    let url = between(
        &list.body,
        "<ul class=\"mail-list\" role=\"list\">\n<li><a href=\"",
        "\"",
    );
    let mail = staff.get(url).await;
    assert!(
        mail.body.contains(&format!("src=\"{url}/body\" sandbox=")),
        "{}",
        mail.body
    );
    let body = staff.get(&format!("{url}/body")).await;
    assert_eq!(
        body.header("content-security-policy"),
        stoa_storefront::MAIL_BODY_POLICY
    );
    // The letter's link opens the order in a browser that never saw the shop.
    let letter = body.body.replace("&#x2f;", "/").replace("&amp;", "&");
    let path = format!("/orders/order_{}", between(&letter, "/orders/order_", "\""));
    let mut phone = Browser::new(&market.router, HOST);
    let order = phone.get(&path).await.location();
    assert!(phone.get(&order).await.body.contains("Thank you, Ida"));
    let nothing = staff
        .get("/admin/mailbox/job_00000000000000000000000000")
        .await;
    assert_eq!(nothing.status, 404);
}
