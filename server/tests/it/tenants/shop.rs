//! One shop with something of everything in it, and what to send to each route about it.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{make_tenant, send};
use crate::support::{Merchant, Placed, Shopper, Stoa, address, eventually};

/// Stands in every text that only the first shop may see.
pub(super) const MARK: &str = "ALPHASECRET";
/// Where stock is that nobody put elsewhere.
const HOME: &str = "loc_00000000000000000000000000";
/// Customers are people of a sign-in elsewhere; nothing is asked of their ids.
const CUSTOMER: &str = "cus_00000000000000000000000001";

/// One shop, its key, and the ids of everything it has.
pub(super) struct Alpha {
    pub(super) merchant: Merchant,
    /// Path parameter to id: `product_id` and the like, by what the path says before it.
    pub(super) ids: BTreeMap<&'static str, String>,
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
pub(super) async fn fill(shop: &Stoa, slug: &str, isolation: &str) -> Alpha {
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
    let mut ids: BTreeMap<&'static str, String> = [
        ("products", id_of(&product)),
        ("collections", id_of(&made)),
        ("carts", cart.id),
        ("lines", line),
        ("orders", placed.order.clone()),
        ("checkouts", placed.order.clone()),
        ("imports", import),
        ("mailbox", mail),
        ("variant", variant.clone()),
        ("customers", CUSTOMER.to_owned()),
    ]
    .into();
    ids.extend(furnish(&merchant, &variant, &placed.order).await);
    Alpha { merchant, ids }
}

fn id_of(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("an id in {value}"))
        .to_owned()
}

/// A thing of each kind that a merchant can make besides goods, each with the mark in its words.
async fn furnish(
    merchant: &Merchant,
    variant: &str,
    order: &str,
) -> BTreeMap<&'static str, String> {
    let make = async |path: &str, body: Value| {
        let request = merchant
            .request(Method::POST, &format!("/api/v1/admin/{path}"))
            .header("idempotency-key", path);
        let (status, made) = send(request.json(&body)).await;
        assert!(status.is_success(), "{path}: {status} {made}");
        made
    };
    let amount = json!({ "amount": 500, "currency": "EUR" });
    let location = make("locations", json!({ "name": MARK, "ships": false })).await;
    let lines = json!([{ "variant_id": variant, "units": 1 }]);
    let transfer = make(
        "inventory/transfers",
        json!({ "origin_id": HOME, "destination_id": location["id"], "lines": lines, "note": MARK }),
    )
    .await;
    let benefit = json!({ "kind": "percentage", "rate_ppm": 10_000 });
    let promotion = make(
        "promotions",
        json!({ "title": MARK, "codes": [MARK], "benefit": benefit }),
    )
    .await;
    let prices = make(
        "price-lists",
        json!({ "name": MARK, "currency": "EUR", "enabled": false }),
    )
    .await;
    let card = make("gift-cards", json!({ "amount": amount, "note": MARK })).await;
    let credit = format!("customers/{CUSTOMER}/store-credit");
    make(&credit, json!({ "amount": amount, "reason": MARK })).await;
    make(&format!("orders/{order}/notes"), json!({ "text": MARK })).await;
    let bank = json!({ "id": "bank", "kind": "manual", "title": MARK, "instructions": MARK });
    let provider = make("payments/providers", bank).await;
    let parcel = make(&format!("orders/{order}/fulfilments"), json!({})).await;
    let payments = merchant.list("/api/v1/admin/payments").await;
    let keys = merchant.get("/api/v1/admin/api-keys").await;
    // Nobody listens there: what is told is refused, and stays on the list.
    let hook = json!({ "url": format!("http://127.0.0.1:9/{MARK}"), "subjects": ["*"],
        "description": MARK });
    let hook = id_of(&make("webhooks", hook).await);
    make(&format!("webhooks/{hook}/test"), json!({})).await;
    let path = format!("/api/v1/admin/webhooks/{hook}/deliveries");
    let delivery = eventually("a delivery", async || {
        let list = merchant.get(&path).await;
        list["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    [
        ("locations", id_of(&location)),
        ("transfers", id_of(&transfer)),
        ("promotions", id_of(&promotion)),
        ("price-lists", id_of(&prices)),
        ("gift-cards", id_of(&card)),
        ("providers", id_of(&provider)),
        ("fulfilments", id_of(&parcel)),
        // A draft is an order that was not placed; its routes must not take any other shop's.
        ("draft-orders", order.to_owned()),
        ("payments", id_of(&payments[0])),
        ("api-keys", id_of(&keys["data"][0])),
        ("webhooks", hook),
        ("deliveries", delivery),
    ]
    .into()
}

/// A body with which the route would do something, if it were let.
pub(super) fn body_for(path: &str, alpha: &Alpha) -> Value {
    let id = |name: &str| alpha.ids[name].as_str();
    let variant = id("variant");
    let price = json!({ "amount": 1, "currency": "EUR" });
    let line = json!({ "variant_id": variant, "units": 1, "counted": 1, "quantity": 1 });
    let lines_of = |fields: &[&str]| {
        let pick = fields
            .iter()
            .map(|field| ((*field).to_owned(), line[*field].clone()));
        json!([Value::Object(pick.collect())])
    };
    let last = path.rsplit('/').next().unwrap_or_default();
    match last {
        "lines" => json!({ "variant_id": variant, "quantity": 1 }),
        "checkouts" => {
            let payment = json!({ "provider": "test", "token": "tok_success" });
            json!({ "cart_id": id("carts"), "payment": payment })
        }
        "levels" => json!({ "variant_id": variant, "on_hand": 1 }),
        "adjustments" => {
            json!({ "variant_id": variant, "delta": 1, "reason": "found", "location_id": id("locations") })
        }
        "counts" => json!({ "lines": lines_of(&["variant_id", "counted"]) }),
        "transfers" => json!({ "origin_id": HOME, "destination_id": id("locations"),
            "lines": lines_of(&["variant_id", "units"]) }),
        "prices" => json!({ "prices": [{ "variant_id": variant, "price": price }] }),
        "notes" => json!({ "text": "stolen" }),
        "assign" => json!({ "customer_id": CUSTOMER }),
        "store-credit" | "top-ups" => json!({ "amount": price, "reason": "stolen" }),
        "gift-cards" => json!({ "amount": price }),
        "capture" => json!({ "amount": price }),
        "cancel" if path.contains("/orders/") && !path.contains("/fulfilments/") => {
            json!({ "reason": "stolen" })
        }
        "refunds" => json!({ "amount": price }),
        "cancel" | "receive" | "disable" | "send" => json!({}),
        "replay" if !path.contains("deliveries") => {
            json!({ "from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z" })
        }
        _ if path.contains("/lines/") => json!({ "quantity": 2 }),
        _ if path.contains("/carts/") => json!({ "email": "thief@example.com" }),
        _ if path.contains("/locations") => json!({ "name": "stolen" }),
        _ if path.contains("/promotions") => {
            json!({ "title": "stolen", "benefit": { "kind": "free_shipping" } })
        }
        _ if path.contains("/price-lists") => json!({ "name": "stolen", "currency": "EUR" }),
        _ if path.contains("/providers/") => json!({ "title": "stolen" }),
        _ if path.contains("/providers") => {
            json!({ "id": "bank", "kind": "manual", "title": "stolen" })
        }
        _ if path.contains("/admin/webhooks") => {
            json!({ "url": "http://127.0.0.1:9/", "subjects": ["*"], "description": "stolen" })
        }
        _ if path.contains("/collections") => {
            json!({ "handle": "stolen", "title": "Stolen", "description_html": "",
                "products": ["marked"] })
        }
        _ if path.contains("/products") => json!({ "title": "stolen", "handle": "stolen" }),
        _ => json!({}),
    }
}
