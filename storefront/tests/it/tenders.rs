//! Gift cards and payment by hand at checkout, and what the order's page tells of them.

use crate::browser::{Page, with};
use crate::market::Market;
use crate::paying::{FORM, IDA, with_print};

fn label(page: &Page) -> String {
    crate::html::between(&page.body, "<span data-label>", "</span>").to_owned()
}

#[tokio::test]
async fn a_gift_card_pays_a_part_and_the_page_says_how_much() {
    let market = Market::stocked().await;
    let card = market.gift_card(1500).await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    assert_eq!(label(&page), "Pay €52.90");
    let typed = [("gift_card", card.as_str()), ("intent", "gift")];
    let shown = browser
        .post("/checkout", &with(page.form(FORM), &typed))
        .await;
    assert_eq!(shown.status, 200);
    assert_eq!(label(&shown), "Pay €37.90");
    assert!(shown.body.contains("<dt>Gift cards</dt><dd>−€15.00</dd>"));
    // A card typed and not looked at yet is never spent unseen.
    let mut unseen = with(page.form(FORM), &IDA);
    unseen = with(unseen, &[("gift_card", card.as_str())]);
    let looked = browser.post("/checkout", &unseen).await;
    assert!(
        looked.body.contains("Your code was looked at first."),
        "{}",
        looked.body
    );
    let form = with(looked.form(FORM), &IDA);
    let order = browser.post("/checkout", &form).await.location();
    market.settle_soon().await;
    let told = browser.get(&order).await;
    assert!(told.body.contains("data-state=\"paid\""), "{}", told.body);
    for row in [
        "<dt>Gift cards</dt><dd>−€15.00</dd>",
        "<dt>Paid</dt><dd>−€37.90</dd>",
    ] {
        assert!(told.body.contains(row), "{row}: {}", told.body);
    }
}

#[tokio::test]
async fn a_wrong_gift_card_is_said_beside_its_field() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let form = browser.get("/checkout").await.form(FORM);
    for (typed, told) in [
        ("NOT-A-CARD", "This gift card is not known."),
        ("", "Type the code of the card first."),
    ] {
        let typed = [("gift_card", typed), ("intent", "gift")];
        let refused = browser.post("/checkout", &with(form.clone(), &typed)).await;
        assert_eq!(refused.status, 422, "{told}");
        let error = format!("id=\"gift_card-error\">{told}");
        assert!(refused.body.contains(&error), "{told}: {}", refused.body);
        assert!(
            refused
                .body
                .contains(&format!("<a href=\"#gift_card\">{told}</a>"))
        );
    }
}

#[tokio::test]
async fn payment_by_hand_places_the_order_and_tells_how() {
    let market = Market::stocked().await;
    market.bank_transfer().await;
    let mut browser = with_print(&market).await;
    let page = browser.get("/checkout").await;
    assert!(page.body.contains("value=\"bank\"") && page.body.contains("Send it to DE02 1203."));
    assert_eq!(label(&page), "Order for €52.90");
    let form = with(with(page.form(FORM), &IDA), &[("payment", "bank")]);
    let order = browser.post("/checkout", &form).await.location();
    market.settle_soon().await;
    let told = browser.get(&order).await;
    for row in [
        "data-state=\"authorized\"",
        "<p>Send it to DE02 1203.</p><p>We pack when it arrives.</p>",
        "Promised, not taken yet",
        "<strong>Order placed</strong>",
    ] {
        assert!(told.body.contains(row), "{row}: {}", told.body);
    }
    assert_eq!(browser.cookie("stoa_cart"), None, "the cart is spent");
}

#[tokio::test]
async fn what_is_short_is_offered_in_the_quantity_that_is_left() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let cart = browser.get("/cart").await;
    let start = "<form method=\"post\" action=\"";
    let action = crate::html::between(&cart.body, start, "\"").to_owned();
    let four = vec![("quantity".to_owned(), "4".to_owned())];
    browser.post(&action, &four).await.location();
    let form = with(browser.get("/checkout").await.form(FORM), &IDA);
    let mut rival = with_print(&market).await;
    let cart = rival.get("/cart").await;
    let seven = vec![("quantity".to_owned(), "7".to_owned())];
    let theirs = crate::html::between(&cart.body, start, "\"").to_owned();
    rival.post(&theirs, &seven).await.location();
    let page = rival.get("/checkout").await;
    rival
        .post("/checkout", &with(page.form(FORM), &IDA))
        .await
        .location();
    let short = browser.post("/checkout", &form).await;
    assert_eq!(short.status, 409);
    assert!(
        short.body.contains("Only 3 of Tide can still be had."),
        "{}",
        short.body
    );
    let offer = format!("name=\"quantity\" value=\"3\" formaction=\"{action}\"");
    assert!(short.body.contains(&offer), "{}", short.body);
    // The button sends the whole form; what was typed is saved already.
    let taken = with(short.form(FORM), &[("quantity", "3")]);
    assert_eq!(browser.post(&action, &taken).await.location(), "/checkout");
    let page = browser.get("/checkout").await;
    assert!(page.body.contains("value=\"Malmö\""));
    let order = browser
        .post("/checkout", &with(page.form(FORM), &IDA))
        .await
        .location();
    assert!(order.starts_with("/orders/order_"));
}
