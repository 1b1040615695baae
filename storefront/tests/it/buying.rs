//! Filling and changing a cart by forms alone.

use crate::browser::{Browser, with};
use crate::goods::Goods;
use crate::html::{between, tags};
use crate::market::Market;

const HOST: &str = "shop.localhost";
const BUY: &str = "<form class=\"buy-form\"";

#[tokio::test]
async fn options_are_bought_by_their_values_and_a_cart_begins() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let form = browser.get("/products/mug").await.form(BUY);
    let form = with(form, &[("option1", "Large"), ("quantity", "2")]);
    let added = browser.post("/cart/lines", &form).await;
    let cart = browser.get(&added.location()).await;
    assert_eq!(cart.status, 200);
    assert_eq!(cart.header("cache-control"), "private, no-store");
    assert!(
        cart.body
            .contains("<span>Harbour &lt;Mug&gt; is in your cart.</span>")
    );
    assert!(cart.body.contains("<p class=\"muted small\">Large</p>"));
    assert!(cart.body.contains("<p class=\"line-total\">€48.00</p>"));
    assert!(
        cart.body
            .contains("<dd data-total=\"subtotal\">€48.00</dd>")
    );
    assert!(
        cart.body
            .contains("<dd data-total=\"shipping\">At checkout</dd>")
    );
    assert!(cart.body.contains("Includes "));
    assert_eq!(browser.cookie("stoa_cart_count"), Some("2"));
    // A second time the line grows; the cart stays the same.
    let key = browser.cookie("stoa_cart").expect("a cart").to_owned();
    browser.post("/cart/lines", &form).await.location();
    assert_eq!(browser.cookie("stoa_cart"), Some(key.as_str()));
    let cart = browser.get("/cart").await;
    assert_eq!(
        tags(&cart.body, "li")
            .iter()
            .filter(|tag| tag.contains("cart-line"))
            .count(),
        1
    );
    assert!(
        cart.body
            .contains("<dd data-total=\"subtotal\">€96.00</dd>")
    );
}

#[tokio::test]
async fn a_refused_purchase_shows_the_product_again_with_what_was_chosen() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let form = browser.get("/products/mug").await.form(BUY);
    let cases = [
        (
            ("option1", "Huge"),
            "Please choose a combination that is made.",
        ),
        (("quantity", "11"), "Only 10 can be had."),
        (("quantity", "1.5"), "Enter a whole number from 1 to 999."),
        (("quantity", "1000"), "Enter a whole number from 1 to 999."),
        (
            ("variant_id", "var_00000000000000000000000009"),
            "This is not for sale any more.",
        ),
    ];
    for (changed, told) in cases {
        let page = browser
            .post("/cart/lines", &with(form.clone(), &[changed]))
            .await;
        assert_eq!(page.status, 422, "{changed:?}");
        assert!(
            page.body.contains(&format!("<span>{told}</span>")),
            "{changed:?}"
        );
        assert!(page.body.contains(BUY), "{changed:?}");
        assert_eq!(page.header("cache-control"), "private, no-store");
    }
    let page = browser
        .post("/cart/lines", &with(form, &[("quantity", "11")]))
        .await;
    assert_eq!(page.form(BUY)[2], ("quantity".to_owned(), "11".to_owned()));
    assert_eq!(browser.cookie("stoa_cart"), None, "nothing was bought");
    // A form that names nothing has only the cart to come back to.
    assert_eq!(browser.post("/cart/lines", &[]).await.status, 422);
}

#[tokio::test]
async fn lines_change_and_go_and_a_wrong_quantity_stays_in_its_field() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let form = browser.get("/products/print").await.form(BUY);
    browser.post("/cart/lines", &form).await.location();
    let page = browser.get("/cart").await;
    let action = between(&page.body, "<form method=\"post\" action=\"", "\"").to_owned();
    let quantity = |units: &str| vec![("quantity".to_owned(), units.to_owned())];
    for (typed, told) in [
        ("11", "Only 10 can be had."),
        ("-1", "Enter a whole number from 0 to 999."),
        ("", "Enter a whole number from 0 to 999."),
    ] {
        let refused = browser.post(&action, &quantity(typed)).await;
        assert_eq!(refused.status, 422, "{typed}");
        assert!(refused.body.contains(told), "{typed}: {}", refused.body);
        if typed == "11" {
            assert!(refused.body.contains("max=\"999\" value=\"11\""));
        }
    }
    assert_eq!(
        browser.post(&action, &quantity("3")).await.location(),
        "/cart"
    );
    assert!(browser.get("/cart").await.body.contains("€144.00"));
    assert_eq!(browser.cookie("stoa_cart_count"), Some("3"));
    assert_eq!(
        browser.post(&action, &quantity("0")).await.location(),
        "/cart"
    );
    assert!(
        browser
            .get("/cart")
            .await
            .body
            .contains("Your cart is empty.")
    );
    // Removed in another window meanwhile: the page shows what is.
    assert_eq!(
        browser
            .post(&format!("{action}/remove"), &[])
            .await
            .location(),
        "/cart"
    );
    assert_eq!(
        browser
            .post("/cart/lines/nonsense", &quantity("1"))
            .await
            .status,
        404
    );
    for reloaded in ["/cart/lines", action.as_str()] {
        assert_eq!(browser.get(reloaded).await.location(), "/cart");
    }
}

#[tokio::test]
async fn a_line_that_sold_out_stops_the_checkout_and_counts_nothing() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    for handle in ["print", "mug"] {
        let form = browser.get(&format!("/products/{handle}")).await.form(BUY);
        browser.post("/cart/lines", &form).await.location();
    }
    market.withdraw("mug").await;
    let cart = browser.get("/cart").await;
    assert!(cart.body.contains("This is not sold any more."));
    assert!(
        cart.body
            .contains("<dd data-total=\"subtotal\">€48.00</dd>"),
        "{}",
        cart.body
    );
    assert!(!cart.body.contains("href=\"/checkout\""));
}

#[tokio::test]
async fn a_cookie_that_opens_nothing_is_taken_away() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let form = browser.get("/products/print").await.form(BUY);
    browser.post("/cart/lines", &form).await.location();
    let key = browser.cookie("stoa_cart").expect("a cart").to_owned();
    let mut forged = key.clone();
    forged.push('x');
    for value in [forged.as_str(), "nonsense", ""] {
        let mut thief = Browser::new(&market.router, HOST);
        thief.set_cookie("stoa_cart", value);
        let page = thief.get("/cart").await;
        assert!(page.body.contains("Your cart is empty."), "{value}");
        assert_eq!(thief.cookie("stoa_cart"), None, "{value}");
        thief.set_cookie("stoa_cart", value);
        assert_eq!(thief.get("/checkout").await.location(), "/cart", "{value}");
    }
    // A cart of one shop opens nothing in another.
    let mut elsewhere = Browser::new(&market.router, "other.localhost");
    elsewhere.set_cookie("stoa_cart", &key);
    assert!(
        elsewhere
            .get("/cart")
            .await
            .body
            .contains("Your cart is empty.")
    );
    assert!(browser.get("/cart").await.body.contains("Tide"));
}

#[tokio::test]
async fn cart_cookies_are_bound_to_the_host_where_shoppers_come_by_https() {
    for secure in [false, true] {
        let market = Market::with(secure).await;
        let goods = Goods {
            handle: "vase",
            title: "Vase",
            cents: 100,
            units: 1,
            sizes: &[],
        };
        market.put(market.shop, &goods).await;
        let mut browser = Browser::new(&market.router, HOST);
        let form = browser.get("/products/vase").await.form(BUY);
        let page = browser.post("/cart/lines", &form).await;
        let cookies = page.cookies();
        let (name, flags) = if secure {
            (
                "__Host-stoa_cart=cart_",
                "; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly; Secure",
            )
        } else {
            (
                "stoa_cart=cart_",
                "; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly",
            )
        };
        assert!(
            cookies[0].starts_with(name) && cookies[0].ends_with(flags),
            "{cookies:?}"
        );
        assert!(
            cookies[1].starts_with("stoa_cart_count=1; Path=/"),
            "{cookies:?}"
        );
        assert!(!cookies[1].contains("HttpOnly"), "the script reads it");
        assert_eq!(
            browser.get("/checkout").await.status,
            200,
            "secure: {secure}"
        );
    }
}
