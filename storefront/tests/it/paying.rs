//! From the checkout form to an order: paid, declined, asked about, forgotten.

use crate::browser::{Browser, Page, with};
use crate::html::{attribute, between, tags};
use crate::market::Market;

pub(crate) const HOST: &str = "shop.localhost";
const BUY: &str = "<form class=\"buy-form\"";
pub(crate) const FORM: &str = "<form id=\"checkout\"";
pub(crate) const IDA: [(&str, &str); 8] = [
    ("email", "ida@example.com"),
    ("name", "Ida Lindqvist"),
    ("line1", "Storgatan 12"),
    ("postal_code", "211 42"),
    ("city", "Malmö"),
    ("country", "SE"),
    ("shipping_option_id", "standard"),
    ("intent", "pay"),
];

pub(crate) async fn with_print(market: &Market) -> Browser {
    let mut browser = Browser::new(&market.router, HOST);
    let form = browser.get("/products/print").await.form(BUY);
    browser.post("/cart/lines", &form).await.location();
    browser
}

/// Pays as Ida with a test card; the address of the order.
async fn pay(browser: &mut Browser, token: &str) -> String {
    let page = browser.get("/checkout").await;
    let form = with(
        with(page.form(FORM), &IDA),
        &[("payment", &format!("test:{token}"))],
    );
    let order = browser.post("/checkout", &form).await.location();
    assert!(order.starts_with("/orders/order_"), "{order}");
    order
}

fn value_of<'p>(page: &'p Page, id: &str) -> &'p str {
    let tag = tags(&page.body, "input")
        .into_iter()
        .find(|tag| attribute(tag, "id") == Some(id))
        .expect("the field");
    attribute(tag, "value").expect("a value")
}

#[tokio::test]
async fn missing_fields_are_named_and_typed_ones_stay() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    let some = [
        ("email", "ida@example.com"),
        ("name", "Ida <b>"),
        ("city", "Malmö"),
    ];
    let typed = with(page.form(FORM), &some);
    let refused = browser.post("/checkout", &typed).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("Please look at 3 things"),
        "{}",
        refused.body
    );
    for told in [
        "#line1\">Enter street and number",
        "#postal_code\">Enter a postal code",
    ] {
        assert!(refused.body.contains(told), "{told}");
    }
    assert!(
        refused
            .body
            .contains("id=\"country-error\">Choose a country<")
    );
    assert_eq!(value_of(&refused, "name"), "Ida &lt;b&gt;");
    assert_eq!(value_of(&refused, "city"), "Malmö");
    assert_eq!(value_of(&refused, "email"), "ida@example.com");
    let key = |page: &Page| page.form(FORM)[0].1.clone();
    assert_eq!(key(&refused), key(&page), "one visit, one key");
    let order = browser
        .post("/checkout", &with(refused.form(FORM), &IDA))
        .await
        .location();
    assert!(order.starts_with("/orders/order_"));
}

#[tokio::test]
async fn a_shopper_pays_without_any_script() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    assert_eq!(
        (page.status, page.header("cache-control")),
        (200, "private, no-store")
    );
    assert!(
        page.body.contains("value=\"standard\" required checked"),
        "the first is chosen"
    );
    assert!(
        page.body.contains("<dd data-total=\"total\">€52.90</dd>"),
        "{}",
        page.body
    );
    let order = pay(&mut browser, "tok_success").await;
    let page = browser.get(&order).await;
    assert!(
        page.body.contains("data-state=\"processing\""),
        "{}",
        page.body
    );
    assert!(page.body.contains(&format!("data-watch=\"{order}/state\"")));
    assert!(page.body.contains("<dd data-total=\"total\">€52.90</dd>"));
    market.settle().await;
    let page = browser.get(&order).await;
    assert!(page.body.contains("data-state=\"paid\"") && page.body.contains("Thank you, Ida"));
    for row in [
        "Ida Lindqvist",
        "Storgatan 12",
        "211 42 Malmö",
        "Sweden",
        "Test order",
    ] {
        assert!(page.body.contains(row), "{row}");
    }
    assert_eq!(browser.cookie("stoa_cart"), None, "the cart is spent");
    assert_eq!(browser.cookie("stoa_cart_count"), None);
    assert_eq!(market.charges().await, 1);
}

#[tokio::test]
async fn a_double_click_pays_once() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    let form = with(page.form(FORM), &IDA);
    let first = browser.post("/checkout", &form).await.location();
    let second = browser.post("/checkout", &form).await.location();
    assert_eq!(first, second);
    // Another window and another key change nothing: one cart, one order.
    assert_eq!(browser.get("/checkout").await.location(), first);
    market.settle().await;
    assert_eq!(browser.post("/checkout", &form).await.location(), first);
    assert_eq!(browser.get("/checkout").await.location(), first);
    assert_eq!(market.charges().await, 1);
}

#[tokio::test]
async fn after_a_decline_the_same_order_can_be_paid_again() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let order = pay(&mut browser, "tok_decline").await;
    market.settle_soon().await;
    let page = browser.get(&order).await;
    assert!(
        page.body.contains("data-state=\"declined\""),
        "{}",
        page.body
    );
    assert!(
        page.body
            .contains("<a class=\"button\" href=\"/checkout\">Try again")
    );
    let again = browser.get("/checkout").await;
    assert_eq!(again.status, 200);
    assert!(again.body.contains("The last payment did not go through"));
    assert_eq!(value_of(&again, "city"), "Malmö", "nothing is typed twice");
    assert_eq!(pay(&mut browser, "tok_success").await, order);
    market.settle_soon().await;
    assert!(
        browser
            .get(&order)
            .await
            .body
            .contains("data-state=\"paid\"")
    );
    assert_eq!(market.charges().await, 1);
}

#[tokio::test]
async fn the_bank_asks_and_sends_the_shopper_back_to_the_order() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let order = pay(&mut browser, "tok_3ds").await;
    market.work().await;
    let page = browser.get(&order).await;
    assert!(
        page.body.contains("data-state=\"requires_action\""),
        "{}",
        page.body
    );
    let bank = between(&page.body, "<a class=\"button\" href=\"", "\"").to_owned();
    let back = market.at_bank(&bank, "approve").await;
    assert_eq!(back, "http://shop.localhost/checkout/return");
    assert_eq!(browser.get("/checkout/return").await.location(), order);
    assert!(
        browser.get(&order).await.body.contains("data-watch="),
        "it follows by itself"
    );
    market.settle_soon().await;
    assert!(
        browser
            .get(&order)
            .await
            .body
            .contains("data-state=\"paid\"")
    );
    let mut stranger = Browser::new(&market.router, HOST);
    assert_eq!(stranger.get("/checkout/return").await.location(), "/cart");
}

#[tokio::test]
async fn a_canceled_order_leaves_its_things_in_a_new_cart() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let order = pay(&mut browser, "tok_3ds").await;
    let old = browser.cookie("stoa_cart").expect("a cart").to_owned();
    market.settle().await;
    let page = browser.get(&order).await;
    assert!(
        page.body.contains("data-state=\"canceled\""),
        "{}",
        page.body
    );
    let cart = browser.get("/cart").await;
    assert!(
        cart.body.contains("Your things are in a new cart."),
        "{}",
        cart.body
    );
    assert!(cart.body.contains("Tide") && cart.body.contains("href=\"/checkout\""));
    assert_ne!(browser.cookie("stoa_cart"), Some(old.as_str()));
    let again = pay(&mut browser, "tok_success").await;
    assert_ne!(again, order);
    market.settle_soon().await;
    assert!(
        browser
            .get(&again)
            .await
            .body
            .contains("data-state=\"paid\"")
    );
}

#[tokio::test]
async fn nobody_pays_another_total_than_the_one_they_saw() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    let dearer = with(
        with(page.form(FORM), &IDA),
        &[("shipping_option_id", "express")],
    );
    let asked = browser.post("/checkout", &dearer).await;
    assert_eq!(asked.status, 409);
    assert!(
        asked
            .body
            .contains("It was <s>€52.90</s> and is now <strong>€60.90</strong>")
    );
    assert!(
        asked.body.contains("<span data-label>Pay €60.90</span>"),
        "{}",
        asked.body
    );
    assert_eq!(value_of(&asked, "city"), "Malmö");
    let form = with(
        with(asked.form(FORM), &IDA),
        &[("shipping_option_id", "express")],
    );
    let order = browser.post("/checkout", &form).await.location();
    assert!(browser.get(&order).await.body.contains("€60.90"));
}

#[tokio::test]
async fn updating_the_total_keeps_everything_and_asks_for_nothing() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    let update = [
        ("intent", "update"),
        ("shipping_option_id", "express"),
        ("name", "Ida"),
    ];
    let shown = browser
        .post("/checkout", &with(page.form(FORM), &update))
        .await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert!(shown.body.contains("<dd data-total=\"total\">€60.90</dd>"));
    assert!(shown.body.contains("value=\"express\" required checked"));
    assert_eq!(value_of(&shown, "name"), "Ida");
    assert!(!shown.body.contains("error-summary"));
}

#[tokio::test]
async fn what_the_shop_refuses_is_said_beside_the_field() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    let form = with(page.form(FORM), &IDA);
    let card = with(form.clone(), &[("line1", "4111 1111 1111 1111")]);
    let refused = browser.post("/checkout", &card).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused
            .body
            .contains("id=\"line1-error\">This looks like a card number")
    );
    let token = with(form.clone(), &[("payment", "test:tok_")]);
    let refused = browser.post("/checkout", &token).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("href=\"#payment\">This way to pay"),
        "{}",
        refused.body
    );
    // Sold to others meanwhile.
    let mut rival = Browser::new(&market.router, HOST);
    let buy = with(
        rival.get("/products/print").await.form(BUY),
        &[("quantity", "10")],
    );
    rival.post("/cart/lines", &buy).await.location();
    pay(&mut rival, "tok_success").await;
    let short = browser.post("/checkout", &form).await;
    assert_eq!(short.status, 409);
    assert!(
        short
            .body
            .contains("<a href=\"#fixes\">Tide is sold out: somebody was faster.</a>"),
        "{}",
        short.body
    );
    assert_ne!(
        short.form(FORM)[0].1,
        page.form(FORM)[0].1,
        "a used key is not used again"
    );
}

#[tokio::test]
async fn an_order_opens_to_its_shopper_and_to_the_link_of_the_mail_only() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let order = pay(&mut browser, "tok_success").await;
    let placed = browser
        .cookie(&format!("stoa_{}", &order["/orders/".len()..]))
        .expect("a key");
    let link = format!("{order}?token={placed}");
    market.settle_soon().await;
    let mut stranger = Browser::new(&market.router, HOST);
    for path in [
        order.clone(),
        format!("{order}?token=wrong"),
        "/orders/nonsense".to_owned(),
    ] {
        let page = stranger.get(&path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.body.contains("Ida"), "{path}");
    }
    assert_eq!(stranger.get(&format!("{order}/state")).await.status, 404);
    let opened = stranger.get(&link).await;
    assert_eq!(opened.location(), order, "the key leaves the address");
    assert!(opened.cookies()[0].contains(&format!("; Path={order}; ")));
    assert!(stranger.get(&order).await.body.contains("Thank you, Ida"));
    let mut elsewhere = Browser::new(&market.router, "other.localhost");
    assert_eq!(elsewhere.get(&link).await.status, 404);
}

#[tokio::test]
async fn the_state_of_an_order_is_told_as_json_and_as_a_stream() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let order = pay(&mut browser, "tok_success").await;
    let state = format!("{order}/state");
    let json = browser
        .get_with(&state, &[("accept", "application/json")])
        .await;
    assert_eq!(
        json.body,
        r#"{"state":"processing","settled":false,"version":1}"#
    );
    assert_eq!(json.header("cache-control"), "private, no-store");
    market.settle_soon().await;
    let stream = browser
        .get_with(&state, &[("accept", "text/event-stream")])
        .await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(
        stream.body,
        "data: {\"state\":\"paid\",\"settled\":true,\"version\":2}\n\n"
    );
}
