//! Price lists for groups of customers.

use serde_json::{Value as Json, json};
use stoa_kernel::{Currency, CustomerId};

use crate::support::{Shop, euros, everywhere, line, request, variant};

const GROUPS: &str = "/api/v1/admin/customer-groups";
const LISTS: &str = "/api/v1/admin/price-lists";

fn customer(number: u128) -> CustomerId {
    CustomerId::from_u128(number)
}

/// Makes a group; its path.
async fn group(shop: &Shop, handle: &str) -> String {
    let key = [("idempotency-key", handle)];
    let body = json!({"handle": handle, "name": "Some"});
    let made = shop.send("POST", GROUPS, &key, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    format!("{GROUPS}/{}", made.json["id"].as_str().expect("an id"))
}

async fn members(shop: &Shop, group: &str, body: Json) -> Json {
    let path = format!("{group}/members");
    shop.send("PATCH", &path, &[], Some(body)).await.json
}

/// Makes a list with a price for variant 1; its path.
async fn list(shop: &Shop, terms: &Json, amount: i64) -> String {
    let name = terms["name"].as_str().expect("a name");
    let key = [("idempotency-key", name)];
    let made = shop.send("POST", LISTS, &key, Some(terms.clone())).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let path = format!("{LISTS}/{}", made.json["id"].as_str().expect("an id"));
    let price = json!({"amount": amount, "currency": "EUR"});
    let body = json!({"prices": [{"variant_id": variant(1), "price": price}]});
    let set = shop
        .send("PUT", &format!("{path}/prices"), &key, Some(body))
        .await;
    assert_eq!(set.status, 200, "{}", set.json);
    path
}

/// What one unit costs somebody.
async fn unit(shop: &Shop, who: Option<u128>) -> i64 {
    let mut asked = request(vec![line(1, 1)], None);
    asked.customer = who.map(customer);
    asked.email = Some("member@example.com".to_owned());
    shop.quote(asked).await.expect("a quote").lines[0]
        .unit_price
        .amount
}

#[tokio::test]
async fn a_groups_list_holds_for_its_members_only() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "groups").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let trade = group(&shop, "trade").await;
        let staff = group(&shop, "staff").await;
        let add = json!({"add": [customer(7), customer(8)]});
        let changed = members(&shop, &trade, add.clone()).await;
        assert_eq!(changed, json!({"changed": 2}), "{}", cells.kind);
        let again = members(&shop, &trade, add).await;
        assert_eq!(again, json!({"changed": 0}), "{}", cells.kind);
        members(&shop, &staff, json!({"add": [customer(9)]})).await;
        // Whoever it is, nothing more is read while no list is for a group.
        unit(&shop, Some(7)).await;
        let before = shop.statements();
        assert_eq!(unit(&shop, Some(7)).await, 1_000, "{}", cells.kind);
        assert_eq!(shop.statements() - before, 2, "{}", cells.kind);
        let terms = json!({"name": "Trade", "currency": "EUR", "groups": ["trade", "staff"]});
        list(&shop, &terms, 600).await;
        assert_eq!(unit(&shop, Some(7)).await, 600, "{}", cells.kind);
        assert_eq!(unit(&shop, Some(9)).await, 600, "{}", cells.kind);
        assert_eq!(unit(&shop, Some(10)).await, 1_000, "{}", cells.kind);
        assert_eq!(unit(&shop, None).await, 1_000, "{}", cells.kind);
        let listed = shop.listed(1, Currency::EUR);
        assert_eq!(listed, Some((1_000, None)), "{}", cells.kind);
        for (who, statements) in [(None, 2), (Some(10), 3), (Some(7), 4)] {
            let before = shop.statements();
            unit(&shop, who).await;
            assert_eq!(shop.statements() - before, statements, "{}", cells.kind);
        }
        members(&shop, &trade, json!({"remove": [customer(7)]})).await;
        assert_eq!(unit(&shop, Some(7)).await, 1_000, "{}", cells.kind);
        assert_eq!(unit(&shop, Some(8)).await, 600, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_list_that_comes_to_be_for_a_group_leaves_the_listings() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "leaving").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        group(&shop, "trade").await;
        let mut terms = json!({"name": "Sale", "currency": "EUR"});
        let path = list(&shop, &terms, 700).await;
        let listed = || shop.listed(1, Currency::EUR);
        assert_eq!(listed(), Some((700, Some(1_000))), "{}", cells.kind);
        terms["groups"] = json!(["trade"]);
        let set = shop.send("PUT", &path, &[], Some(terms.clone())).await;
        assert_eq!(set.json["groups"], json!(["trade"]), "{}", cells.kind);
        assert_eq!(listed(), Some((1_000, None)), "{}", cells.kind);
        terms["groups"] = json!([]);
        shop.send("PUT", &path, &[], Some(terms)).await;
        assert_eq!(listed(), Some((700, Some(1_000))), "{}", cells.kind);
    }
}

#[tokio::test]
async fn groups_are_made_once_and_stay_while_a_list_names_them() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "made").await;
        let path = group(&shop, "trade").await;
        let same = Some(json!({"handle": "trade", "name": "Other"}));
        let key = [("idempotency-key", "other")];
        let taken = shop.send("POST", GROUPS, &key, same.clone()).await;
        let refusal = (409, "customer_group_taken", "");
        assert_eq!(taken.refusal(), refusal, "{}", cells.kind);
        let renamed = shop
            .send("PUT", &path, &[("if-match", "\"1\"")], same)
            .await;
        assert_eq!(renamed.json["name"], "Other", "{}", cells.kind);
        let moved = Some(json!({"handle": "wholesale", "name": "Other"}));
        let refused = shop.send("PUT", &path, &[], moved).await;
        assert_eq!(refused.refusal().2, "handle", "{}", cells.kind);
        let unknown = json!({"name": "A", "currency": "EUR", "groups": ["trade", "club"]});
        let key = [("idempotency-key", "unknown")];
        let refused = shop.send("POST", LISTS, &key, Some(unknown)).await;
        assert_eq!(refused.refusal().2, "groups[1]", "{}", cells.kind);
        let terms = json!({"name": "Trade", "currency": "EUR", "groups": ["trade"]});
        let named = list(&shop, &terms, 600).await;
        let refused = shop.send("DELETE", &path, &[], None).await;
        let refusal = (409, "customer_group_in_use", "");
        assert_eq!(refused.refusal(), refusal, "{}", cells.kind);
        shop.send("DELETE", &named, &[], None).await;
        let gone = shop.send("DELETE", &path, &[], None).await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        let listed = shop.send("GET", GROUPS, &[], None).await;
        assert_eq!(listed.json["data"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test]
async fn members_are_listed_page_by_page_and_stay_with_their_shop() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "pages").await;
        let theirs = Shop::open(&cells, "pages-others").await;
        let path = group(&shop, "trade").await;
        let ids: Vec<String> = (1..=5).map(|each| customer(each).to_string()).collect();
        members(&shop, &path, json!({"add": ids})).await;
        let both = json!({"add": [customer(6)], "remove": [customer(6)]});
        let refused = members(&shop, &path, both).await;
        assert_eq!(refused["errors"][0]["field"], "add", "{}", cells.kind);
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = format!("{path}/members?limit=2{cursor}");
            let page = shop.send("GET", &page, &[], None).await.json;
            let rows = page["data"].as_array().expect("rows");
            seen.extend(rows.iter().map(|row| row["customer_id"].clone()));
            match page["pagination"]["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(json!(seen), json!(ids), "{}", cells.kind);
        let foreign = theirs.send("GET", &path, &[], None).await;
        assert_eq!(foreign.status, 404, "{}", cells.kind);
    }
}
