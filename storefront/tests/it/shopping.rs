//! The way from a product to a paid order, as forms without any script post it.

use stoa_storefront::{OrderState, Theme};

use crate::html::{attribute, between, tags};
use crate::{after, sale, samples};

#[test]
fn a_product_of_one_variant_posts_its_id() {
    let html = Theme::new()
        .product(&samples::product_tent())
        .expect("a page");
    let form = between(&html, "<form class=\"buy-form\"", "</form>");
    assert!(form.contains("method=\"post\" action=\"/cart/lines\""));
    let hidden = format!(
        "<input type=\"hidden\" name=\"variant_id\" value=\"{}\">",
        samples::VARIANT_TENT
    );
    assert!(form.contains(&hidden));
    assert!(tags(form, "fieldset").is_empty());
    assert!(html.contains("<span class=\"price-now is-sale\">€420.00</span>"));
    assert!(html.contains("<span class=\"sr\">Was </span>€480.00"));
    assert!(html.contains("Save €60.00 (12%)"));
    assert!(html.contains(">Low stock: the last one</p>"));
}

#[test]
fn options_are_posted_by_value_and_the_script_knows_every_variant() {
    let html = Theme::new()
        .product(&samples::product_mug())
        .expect("a page");
    let form = between(&html, "<form class=\"buy-form\"", "</form>");
    let names: Vec<_> = tags(form, "input")
        .into_iter()
        .filter(|tag| attribute(tag, "type") == Some("radio") && tag.contains(" checked"))
        .map(|tag| (attribute(tag, "name"), attribute(tag, "value")))
        .collect();
    assert_eq!(
        names,
        [
            (Some("option1"), Some("Oat")),
            (Some("option2"), Some("Small"))
        ]
    );
    assert!(
        !form.contains("name=\"variant_id\""),
        "without a script the options decide"
    );
    assert!(form.contains("name=\"product\" value=\"harbour-mug\""));
    let data = between(form, "id=\"variants\">", "</script>");
    let variants: serde_json::Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(variants.as_array().map(Vec::len), Some(8));
    assert_eq!(variants[0]["id"], samples::VARIANT_OAT);
    assert_eq!(variants[0]["options"], serde_json::json!(["Oat", "Small"]));
    assert_eq!(variants[1]["price"], "€32.00");
    assert_eq!(variants[7]["availability"], "sold-out");
}

#[test]
fn a_sold_out_product_cannot_be_added() {
    let html = Theme::new()
        .product(&samples::product_sold_out())
        .expect("a page");
    assert!(html.contains(
        "<button id=\"add\" class=\"button button-wide\" type=\"submit\" data-add=\"Add to cart\" data-out=\"Sold out\" data-none=\"Not available\" disabled>Sold out</button>"
    ));
    assert!(html.contains("https://schema.org/OutOfStock"));
}

#[test]
fn search_engines_get_price_brand_and_stock() {
    let html = Theme::new()
        .product(&samples::product_mug())
        .expect("a page");
    let data = between(&html, "<script type=\"application/ld+json\">", "</script>");
    let facts: serde_json::Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(facts["@type"], "Product");
    assert_eq!(facts["brand"]["name"], "Kilnhouse");
    assert_eq!(facts["offers"]["price"], "24.00");
    assert_eq!(facts["offers"]["priceCurrency"], "EUR");
    assert_eq!(
        facts["offers"]["availability"],
        "https://schema.org/InStock"
    );
    assert!(html.contains("<meta property=\"og:type\" content=\"product\">"));
    assert!(
        html.contains(
            "<link rel=\"canonical\" href=\"https://marram.example/products/harbour-mug\">"
        )
    );
}

#[test]
fn cart_lines_are_changed_and_removed_by_forms() {
    let html = Theme::new().cart(&sale::cart(false)).expect("a page");
    for action in [
        "/cart/lines/line_1",
        "/cart/lines/line_1/remove",
        "/cart/lines/line_2",
    ] {
        assert!(
            html.contains(&format!("<form method=\"post\" action=\"{action}\">")),
            "{action}"
        );
    }
    assert!(html.contains("<label class=\"sr\" for=\"qty-1\">Quantity of Harbour Mug</label>"));
    assert!(html.contains("<dd data-total=\"subtotal\">€212.00</dd>"));
    assert!(html.contains("<dd data-total=\"shipping\">At checkout</dd>"));
    assert!(html.contains("href=\"/checkout\""));
    let stopped = Theme::new().cart(&sale::cart(true)).expect("a page");
    assert!(!stopped.contains("href=\"/checkout\""));
    let empty = Theme::new().cart(&sale::cart_empty()).expect("a page");
    assert!(empty.contains("Your cart is empty."));
}

#[test]
fn checkout_posts_everything_an_order_needs() {
    let html = Theme::new()
        .checkout(&sale::checkout(Vec::new()))
        .expect("a page");
    let form = between(&html, "<form id=\"checkout\"", "</form>");
    let mut names: Vec<&str> = tags(form, "input")
        .into_iter()
        .chain(tags(form, "select"))
        .filter_map(|tag| attribute(tag, "name"))
        .collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "idempotency_key",
            "expected_total",
            "expected_due",
            "back",
            "email",
            "name",
            "line1",
            "line2",
            "postal_code",
            "city",
            "region",
            "shipping_option_id",
            "payment",
            "coupon",
            "gift_cards",
            "gift_card",
            "country",
        ]
    );
    let tokens: Vec<_> = tags(form, "input")
        .into_iter()
        .filter(|tag| attribute(tag, "name") == Some("payment"))
        .filter_map(|tag| attribute(tag, "value"))
        .collect();
    assert_eq!(
        tokens,
        [
            "test:tok_success",
            "test:tok_decline",
            "test:tok_3ds",
            "test:tok_delay",
            "test:tok_timeout_after_charge"
        ]
    );
    assert!(form.contains("<option value=\"SE\" selected>Sweden</option>"));
    assert!(
        form.contains("<span class=\"radio-price\">€12.90</span>"),
        "express has a price of its own"
    );
    assert!(form.contains("<span data-label>Pay €216.90</span>"));
    let pay = tags(form, "button")
        .into_iter()
        .find(|tag| attribute(tag, "id") == Some("pay"));
    assert!(
        pay.is_some_and(|tag| !tag.contains("disabled")),
        "works without a script"
    );
}

#[test]
fn errors_stand_on_top_and_beside_their_fields() {
    let html = Theme::new()
        .checkout(&sale::checkout_with_errors())
        .expect("a page");
    let summary = between(&html, "<div class=\"error-summary\"", "</div>");
    assert!(summary.contains("role=\"alert\""));
    assert!(summary.contains("Please look at 2 things"));
    assert!(summary.contains("<a href=\"#postal_code\">Enter a postal code</a>"));
    let email = tags(&html, "input")
        .into_iter()
        .find(|tag| attribute(tag, "id") == Some("email"));
    let email = email.expect("the field");
    assert_eq!(attribute(email, "aria-invalid"), Some("true"));
    assert_eq!(attribute(email, "aria-describedby"), Some("email-error"));
    assert_eq!(
        attribute(email, "value"),
        Some("ida.example.com"),
        "what was typed stays"
    );
    assert!(html.contains("<p class=\"field-error\" id=\"email-error\">"));
}

#[test]
fn only_a_processing_order_reloads_and_asks_for_its_status() {
    let theme = Theme::new();
    let processing = theme
        .order(&after::order(OrderState::Processing))
        .expect("a page");
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>";
    assert!(processing.contains(refresh));
    assert!(
        processing.contains("data-state=\"processing\" data-version=\"3\" data-watch=\"/orders/")
    );
    let paid = theme
        .order(&after::order(OrderState::Paid))
        .expect("a page");
    assert!(!paid.contains("http-equiv"));
    assert!(paid.contains("Thank you, Ida") && paid.contains("Order 1042"));
    let declined = theme
        .order(&after::order(OrderState::Declined))
        .expect("a page");
    assert!(declined.contains("<a class=\"button\" href=\"/checkout\">Try again"));
    let asked = theme
        .order(&after::order(OrderState::RequiresAction))
        .expect("a page");
    assert!(asked.contains("data-state=\"requires_action\"") && asked.contains("href=\"/bank\""));
}

#[test]
fn private_pages_stay_out_of_search_engines() {
    let theme = Theme::new();
    let noindex = "<meta name=\"robots\" content=\"noindex\">";
    assert!(
        theme
            .cart(&sale::cart(false))
            .expect("a page")
            .contains(noindex)
    );
    assert!(
        theme
            .order(&after::order(OrderState::Paid))
            .expect("a page")
            .contains(noindex)
    );
    assert!(
        !theme
            .home(&samples::home())
            .expect("a page")
            .contains(noindex)
    );
}

#[test]
fn a_mail_is_shown_in_a_sandbox() {
    let html = Theme::new().mail(&after::mail()).expect("a page");
    assert!(html.contains("<iframe class=\"mail-body\" src=\"/mailbox/2/body\" sandbox="));
}
