//! Codes, notes, new prices, the drawer, and carts that come back: what a cart is besides its lines.

use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, Money, VariantId};
use stoa_storage::{Cause, Error, Tx};

use crate::browser::{Browser, Page};
use crate::market::Market;

const HOST: &str = "shop.localhost";
const BUY: &str = "<form class=\"buy-form\"";

fn field(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

async fn add(browser: &mut Browser, handle: &str) {
    let form = browser.get(&format!("/products/{handle}")).await.form(BUY);
    browser.post("/cart/lines", &form).await.location();
}

async fn with_print(market: &Market) -> Browser {
    let mut browser = Browser::new(&market.router, HOST);
    add(&mut browser, "print").await;
    browser
}

#[tokio::test]
async fn a_code_is_applied_explained_and_forgotten() {
    let market = Market::stocked().await;
    market.coupon("TENTH", 5).await;
    let mut browser = with_print(&market).await;
    let added = browser
        .post("/cart/coupons", &field("coupon", " tenth "))
        .await;
    assert_eq!(added.location(), "/cart");
    let cart = browser.get("/cart").await;
    for told in [
        "<strong>tenth</strong>",
        "A tenth off: you save €4.80.",
        "<dt>A tenth off (tenth)</dt><dd>−€4.80</dd>",
        "<dd data-total=\"subtotal\">€48.00</dd>",
        "<dd data-total=\"total\">€43.20</dd>",
    ] {
        assert!(cart.body.contains(told), "{told}: {}", cart.body);
    }
    let gone = browser
        .post("/cart/coupons/remove", &field("coupon", "tenth"))
        .await;
    assert_eq!(gone.location(), "/cart");
    let cart = browser.get("/cart").await;
    assert!(cart.body.contains("<dd data-total=\"total\">€48.00</dd>"));
}

#[tokio::test]
async fn a_code_that_will_never_work_is_said_beside_its_field_and_not_kept() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    for (typed, told) in [
        ("NOSUCH", "We do not know this code."),
        ("", "Type the code first."),
        ("4111 1111 1111 1111", "This looks like a card number"),
    ] {
        let refused = browser.post("/cart/coupons", &field("coupon", typed)).await;
        assert_eq!(refused.status, 422, "{typed}");
        let error = format!("id=\"coupon-error\">{told}");
        assert!(refused.body.contains(&error), "{typed}: {}", refused.body);
        assert!(!browser.get("/cart").await.body.contains("code-tag"));
    }
}

#[tokio::test]
async fn a_note_is_kept_and_a_card_number_in_it_is_not() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let note = field("note", "Ring twice\r\n<please>");
    let saved = browser.post("/cart/note", &note).await.location();
    assert_eq!(saved, "/cart?noted=1");
    let cart = browser.get(&saved).await;
    assert!(cart.body.contains("Ring twice\n&lt;please&gt;</textarea>"));
    let card = field("note", "my card 4242 4242 4242 4242");
    let refused = browser.post("/cart/note", &card).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("id=\"note-error\">This"));
}

#[tokio::test]
async fn a_new_price_is_told_with_the_old_one_until_it_is_accepted() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let variant: VariantId = {
        let key = browser.cookie("stoa_cart").expect("a cart").to_owned();
        let (id, token) = key.split_once('.').expect("a key");
        let key = stoa_contracts::cart::CartKey {
            id: id.parse().expect("an id"),
            token: token.to_owned(),
        };
        let cart = market.peers.carts.view(market.shop, &key).await;
        cart.expect("a cart").lines[0].variant_id
    };
    let price = NewPrice {
        variant,
        price: Money::new(5000, Currency::EUR),
        compare_at: None,
    };
    let (pricing, cause) = (
        market.peers.pricing.clone(),
        Cause::system(market.cells.deps.now()),
    );
    let db = market.cells.db(market.shop).await;
    db.write(async move |tx: &mut Tx<'_>| {
        pricing.set_prices(tx, &[price], &cause).await?;
        Ok::<_, Error>(())
    })
    .await
    .expect("a price");
    let cart = browser.get("/cart").await;
    let told = "Tide now costs €50.00. It was €48.00 when you put it in your cart.";
    assert!(cart.body.contains(told), "{}", cart.body);
    assert!(
        cart.body
            .contains("<s><span class=\"sr\">Was </span>€48.00</s> €50.00 each")
    );
    let accepted = browser.post("/cart/accept", &[]).await;
    assert_eq!(accepted.location(), "/cart");
    let cart = browser.get("/cart").await;
    assert!(!cart.body.contains(told) && cart.body.contains("€50.00 each"));
}

fn is_drawer(page: &Page) -> bool {
    page.body.contains("class=\"drawer-body\"") && !page.body.contains("<html")
}

#[tokio::test]
async fn the_script_gets_the_cart_alone_and_a_refusal_whole() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST).always("stoa-fragment", "drawer");
    let form = browser.get("/products/print").await.form(BUY);
    let added = browser.post("/cart/lines", &form).await;
    assert_eq!(
        (added.status, added.header("cache-control")),
        (200, "private, no-store")
    );
    assert!(is_drawer(&added), "{}", added.body);
    assert!(added.body.contains("data-count=\"1\"") && added.body.contains("Tide"));
    assert_eq!(browser.cookie("stoa_cart_count"), Some("1"));
    let start = "class=\"stepper\" method=\"post\" action=\"";
    let action = crate::html::between(&added.body, start, "\"").to_owned();
    let two = browser.post(&action, &field("quantity", "2")).await;
    assert!(is_drawer(&two) && two.body.contains("data-count=\"2\""));
    let much = browser.post(&action, &field("quantity", "11")).await;
    assert_eq!(much.status, 422);
    assert!(is_drawer(&much) && much.body.contains("Only 10 can be had."));
    let none = browser.post(&format!("{action}/remove"), &[]).await;
    assert!(is_drawer(&none) && none.body.contains("Your cart is empty."));
    let refused = crate::browser::with(form, &[("quantity", "11")]);
    assert_eq!(browser.post("/cart/lines", &refused).await.status, 422);
}

#[tokio::test]
async fn a_cart_comes_back_by_its_link_with_what_is_in_the_present_one() {
    let market = Market::stocked().await;
    let mut left = with_print(&market).await;
    let key = left.cookie("stoa_cart").expect("a cart").to_owned();
    let (id, token) = key.split_once('.').expect("a key");
    let link = format!("/cart/recover?cart={id}&token={token}");
    let mut elsewhere = Browser::new(&market.router, HOST);
    add(&mut elsewhere, "mug").await;
    assert_eq!(elsewhere.get(&link).await.location(), "/cart?recovered=1");
    assert_eq!(elsewhere.cookie("stoa_cart"), Some(key.as_str()));
    let cart = elsewhere.get("/cart?recovered=1").await;
    for told in ["Your cart is here again.", "Tide", "Harbour &lt;Mug&gt;"] {
        assert!(cart.body.contains(told), "{told}");
    }
    for wrong in [
        format!("/cart/recover?cart={id}&token={token}x"),
        "/cart/recover?cart=nonsense&token=a".to_owned(),
        "/cart/recover".to_owned(),
    ] {
        let mut thief = Browser::new(&market.router, HOST);
        assert_eq!(thief.get(&wrong).await.location(), "/cart?recovered=gone");
        assert_eq!(thief.cookie("stoa_cart"), None, "{wrong}");
    }
    // Another look at one's own cart adds nothing to it.
    left.get(&link).await.location();
    assert_eq!(left.cookie("stoa_cart_count"), Some("2"));
}
