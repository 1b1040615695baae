//! Two shops never see each other, in every isolation level, through any route there is.

mod shop;
mod strangers;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use self::shop::{Alpha, MARK, body_for, fill};
use crate::support::{Backend, Merchant, Stoa, backends};

async fn make_tenant(shop: &Stoa, slug: &str, isolation: &str) -> Merchant {
    let made = shop.command(&[
        "tenant",
        "create",
        slug,
        "--isolation",
        isolation,
        "--test-mode",
        // All of them are called alike: nothing that is told apart by it is told apart.
        "--name",
        "The Shop",
    ]);
    assert!(made.status.success(), "{made:?}");
    let key = shop.command(&["key", "create", "--tenant", slug, "--kind", "secret"]);
    assert!(key.status.success(), "{key:?}");
    let key = String::from_utf8(key.stdout)
        .expect("UTF-8")
        .trim()
        .to_owned();
    Merchant::new(&shop.url(), slug, &key)
}

async fn send(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let bytes = response.bytes().await.expect("a body");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::String(text)),
    )
}

/// The path of a route with the shop's own ids in it.
fn fill_path(pattern: &str, alpha: &Alpha) -> String {
    let mut path = Vec::new();
    let mut before = "";
    for part in pattern.split('/') {
        let shopper_side = pattern.starts_with("/api/v1/products") || !pattern.starts_with("/api");
        match part.starts_with('{') {
            // The providers' own address: they know shops by their ways to pay.
            true if pattern.starts_with("/api/v1/webhooks") => {
                path.push(alpha.ids["providers"].clone())
            }
            true if part.contains("handle") || (shopper_side && before == "products") => {
                path.push("marked".to_owned());
            }
            true => path.push(
                alpha
                    .ids
                    .get(before)
                    .cloned()
                    .unwrap_or_else(|| "x".to_owned()),
            ),
            false => path.push(part.to_owned()),
        }
        if !part.starts_with('{') {
            before = part;
        }
    }
    path.join("/")
}

/// The shop's pages, which the API's document does not list.
const PAGES: [&str; 25] = [
    "/",
    "/products/{handle}",
    "/products/{handle}/card",
    "/products/{handle}/choice",
    "/collections/{handle}",
    "/collections/{handle}/feed.xml",
    "/search",
    "/search/suggest",
    "/feed.xml",
    "/robots.txt",
    "/sitemap.xml",
    "/sitemaps/products-1.xml",
    "/sitemaps/pages.xml",
    "/cart",
    "/checkout",
    "/checkout/wait",
    "/orders/{order_id}",
    "/orders/{order_id}/state",
    "/pay/{order_id}",
    "/pay/{order_id}/wait",
    "/media/{key}/photo.png",
    "/theme-preview/{token}",
    "/assets/themes/{digest}/theme.css",
    "/admin/mailbox",
    "/admin/mailbox/{mail_id}",
];

/// Every route there is.
fn routes(document: &Value) -> Vec<(Method, String)> {
    let mut all: Vec<(Method, String)> = PAGES
        .iter()
        .map(|page| (Method::GET, (*page).to_owned()))
        .collect();
    for (pattern, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let verb = method.to_uppercase().parse::<Method>().expect("a method");
            all.push((verb, pattern.clone()));
        }
    }
    all
}

/// Calls routes as `caller`, with alpha's ids, and returns where the mark came back.
async fn leaks(routes: &[(Method, String)], caller: &Merchant, alpha: &Alpha) -> Vec<String> {
    let mut leaks = Vec::new();
    for (verb, pattern) in routes {
        let path = fill_path(pattern, alpha);
        let mut request = caller
            .request(verb.clone(), &path)
            .header("if-match", "*")
            .header("idempotency-key", format!("{verb}-{path}"))
            .header("stoa-cart-token", "guess")
            .header("stoa-order-token", "guess");
        if !matches!(*verb, Method::GET | Method::HEAD | Method::DELETE) {
            request = request.json(&body_for(&path, alpha));
        }
        let (status, answer) = send(request).await;
        assert!(status.as_u16() < 500, "{verb} {path}: {status} {answer}");
        if answer.to_string().contains(MARK) {
            leaks.push(format!("{verb} {pattern}"));
        }
    }
    leaks
}

/// Everything alpha can see of itself.
async fn snapshot(alpha: &Alpha) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "products",
        "collections",
        "orders",
        "imports",
        "inventory/levels",
        "inventory/transfers",
        "locations",
        "promotions",
        "price-lists",
        "gift-cards",
        "payments",
        "payments/providers",
        "refunds",
        "ledger/entries",
        "ledger/accounts",
        "api-keys",
    ] {
        all.extend(alpha.merchant.list(&format!("/api/v1/admin/{path}")).await);
    }
    for path in ["shipping", "tax", "inventory/sourcing"] {
        all.push(alpha.merchant.get(&format!("/api/v1/admin/{path}")).await);
    }
    for what in ["orders/{}/timeline", "orders/{}/journal", "webhooks/{}"] {
        let (before, _) = what.split_once('/').expect("a path");
        let path = what.replace("{}", &alpha.ids[before]);
        let mut view = alpha.merchant.get(&format!("/api/v1/admin/{path}")).await;
        if before == "webhooks" {
            // Its health moves by itself.
            view = json!([view["url"], view["description"], view["active"]]);
        }
        all.push(view);
    }
    all
}

async fn deny_everything(shop: &Stoa, isolation: &str) {
    let document: Value = reqwest::get(format!("{}/api/v1/openapi.json", shop.url()))
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let alpha = fill(shop, &format!("alpha-{isolation}"), isolation).await;
    let beta = make_tenant(shop, &format!("beta-{isolation}"), isolation).await;
    let before = snapshot(&alpha).await;
    let routes = routes(&document);
    assert_eq!(
        leaks(&routes, &beta, &alpha).await,
        Vec::<String>::new(),
        "{isolation}"
    );
    assert_eq!(
        snapshot(&alpha).await,
        before,
        "{isolation}: beta changed what is alpha's"
    );
    // The same look, by alpha itself, sees the mark: the checker is not blind.
    let reads: Vec<_> = routes
        .into_iter()
        .filter(|(verb, _)| *verb == Method::GET)
        .collect();
    let seen = leaks(&reads, &alpha.merchant, &alpha).await;
    for expected in [
        "GET /api/v1/products/{handle}",
        "GET /api/v1/admin/orders",
        "GET /api/v1/admin/imports/{id}",
        "GET /api/v1/admin/mailbox",
        "GET /api/v1/admin/orders/{order_id}",
        "GET /api/v1/admin/orders/{order_id}/timeline",
        "GET /api/v1/admin/orders/{order_id}/invoice",
        "GET /api/v1/admin/orders.csv",
        "GET /api/v1/admin/locations/{location_id}",
        "GET /api/v1/admin/inventory/transfers/{transfer_id}",
        "GET /api/v1/admin/promotions/{promotion_id}",
        "GET /api/v1/admin/price-lists/{price_list_id}",
        "GET /api/v1/admin/gift-cards/{gift_card_id}",
        "GET /api/v1/admin/customers/{customer_id}/store-credit",
        "GET /api/v1/admin/payments/providers/{provider_id}",
        "GET /api/v1/admin/webhooks/{webhook_id}",
        "GET /api/v1/payment-methods",
    ] {
        assert!(
            seen.iter().any(|route| route == expected),
            "{expected} is not in {seen:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_shows_or_changes_another_shops_rows() {
    for backend in backends().await {
        let shop = Stoa::start(&backend, &[], &[("STOA_ALLOW_LOOPBACK", "true")]).await;
        let isolations: &[&str] = match backend {
            Backend::Sqlite => &["shared", "database"],
            Backend::Postgres(_) => &["shared", "schema", "database"],
        };
        for isolation in isolations {
            deny_everything(&shop, isolation).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_shop_is_refused_as_such() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    make_tenant(&shop, "other", "shared").await;
    let stranger = Merchant::new(&shop.url(), "other", &shop.key("sk_"));
    let (status, body) = send(stranger.request(Method::GET, "/api/v1/admin/orders")).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (403, &json!("wrong_tenant"))
    );
}
