//! Two shops never see each other, in every isolation level, through any route there is.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Backend, Merchant, Placed, Shopper, Stoa, address, backends, eventually};

/// Stands in every text that only the first shop may see.
const MARK: &str = "ALPHASECRET";

/// One shop, its key, and the ids of everything it has.
struct Alpha {
    merchant: Merchant,
    /// Path parameter to id: `product_id` and the like, by what the path says before it.
    ids: BTreeMap<&'static str, String>,
}

async fn make_tenant(shop: &Stoa, slug: &str, isolation: &str) -> Merchant {
    let made = shop.command(&[
        "tenant",
        "create",
        slug,
        "--isolation",
        isolation,
        "--test-mode",
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

/// A file of one good product and one that is refused, both marked; returns the import's id.
async fn import_marked(merchant: &Merchant) -> String {
    let csv = format!(
        "Handle,Title,Vendor,Tags,Published,Option1 Name,Option1 Value,Variant SKU,\
         Variant Inventory Qty,Variant Price\n\
         marked,{MARK} lamp,{MARK},{MARK},true,Title,Default Title,{MARK},9,12.34\n\
         broken,{MARK} broken,{MARK},x,true,Title,Default Title,{MARK},9,{MARK}\n"
    );
    let upload = merchant.request(Method::POST, "/api/v1/admin/imports?kind=products");
    let (status, run) = send(upload.header("content-type", "text/csv").body(csv)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let import = run["id"].as_str().expect("an id").to_owned();
    eventually("the import", async || {
        let run = merchant
            .get(&format!("/api/v1/admin/imports/{import}"))
            .await;
        (run["state"] == "done").then_some(())
    })
    .await;
    import
}

/// Imports one marked product, sells it, and remembers every id on the way.
async fn fill(shop: &Stoa, slug: &str, isolation: &str) -> Alpha {
    let merchant = make_tenant(shop, slug, isolation).await;
    let import = import_marked(&merchant).await;
    let shopper = Shopper::new(&shop.url(), slug);
    let product = shopper.product("marked").await;
    let variant = product["variants"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let collection = json!({ "handle": "marked", "title": format!("{MARK} things"),
        "description_html": "", "products": ["marked"] });
    let create = merchant
        .request(Method::POST, "/api/v1/admin/collections")
        .json(&collection);
    let (status, made) = send(create).await;
    assert!(status.is_success(), "{made}");
    let cart = shopper.fill_cart(&variant, 1).await.expect("a cart");
    let details = json!({ "email": format!("{MARK}@example.com"), "shipping_address": address() });
    let patch = shopper
        .request(Method::PATCH, &format!("/api/v1/carts/{}", cart.id))
        .header("stoa-cart-token", &cart.token)
        .json(&details);
    let (status, view) = send(patch).await;
    assert!(status.is_success(), "{view}");
    let line = view["lines"][0]["id"].as_str().expect("an id").to_owned();
    let (_, body) = shopper
        .checkout(&cart, "tok_success", "key")
        .await
        .expect("an answer");
    let placed = Placed::read(&body);
    shopper.settled(&placed).await;
    let mail = eventually("the mail", async || {
        let mails = merchant.get("/api/v1/admin/mailbox").await;
        mails["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let keys = merchant.get("/api/v1/admin/api-keys").await;
    let ids = [
        (
            "products",
            product["id"].as_str().expect("an id").to_owned(),
        ),
        (
            "collections",
            made["id"].as_str().expect("an id").to_owned(),
        ),
        ("carts", cart.id),
        ("lines", line),
        ("orders", placed.order.clone()),
        ("checkouts", placed.order),
        ("imports", import),
        ("mailbox", mail),
        (
            "api-keys",
            keys["data"][0]["id"].as_str().expect("an id").to_owned(),
        ),
        ("variant", variant),
    ];
    Alpha {
        merchant,
        ids: ids.into(),
    }
}

/// The path of a route with the shop's own ids in it.
fn fill_path(pattern: &str, alpha: &Alpha) -> String {
    let mut path = Vec::new();
    let mut before = "";
    for part in pattern.split('/') {
        let shopper_side = pattern.starts_with("/api/v1/products") || !pattern.starts_with("/api");
        match part.starts_with('{') {
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

/// A body with which the route would do something, if it were let.
fn body_for(path: &str, alpha: &Alpha) -> Value {
    let variant = &alpha.ids["variant"];
    let price = json!({ "amount": 1, "currency": "EUR" });
    match path {
        _ if path.ends_with("/lines") => json!({ "variant_id": variant, "quantity": 1 }),
        _ if path.contains("/lines/") => json!({ "quantity": 2 }),
        _ if path.ends_with("/checkouts") => {
            let payment = json!({ "provider": "test", "token": "tok_success" });
            json!({ "cart_id": alpha.ids["carts"], "payment": payment })
        }
        _ if path.ends_with("/levels") => json!({ "variant_id": variant, "on_hand": 1 }),
        _ if path.ends_with("/prices") => {
            json!({ "prices": [{ "variant_id": variant, "price": price }] })
        }
        _ if path.contains("/collections") => {
            json!({ "handle": "stolen", "title": "Stolen", "description_html": "",
                "products": ["marked"] })
        }
        _ => json!({}),
    }
}

/// The shop's pages, which the API's document does not list.
const PAGES: [&str; 8] = [
    "/",
    "/products/{handle}",
    "/collections/{handle}",
    "/search",
    "/cart",
    "/checkout",
    "/orders/{order_id}",
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
    ] {
        all.extend(alpha.merchant.list(&format!("/api/v1/admin/{path}")).await);
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
        let shop = Stoa::all(&backend).await;
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
