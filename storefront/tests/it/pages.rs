//! What holds for every page: it renders, it is safe, it can be read by everybody.

use std::collections::HashSet;

use stoa_storefront::{Frame, Notice, NoticeTone, OrderState, ProductCard, RenderError, Theme};

use crate::html::{attribute, tags};
use crate::{after, lists, sale, samples};

/// Style, script and the largest page together, before pictures.
const PAGE_BYTES_MAX: usize = 100 * 1024;
const EVIL: &str = "<script>alert(1)</script>\"'&";
const EVIL_ESCAPED: &str = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;";

fn page(name: &'static str, html: Result<String, RenderError>) -> (&'static str, String) {
    let html = html.unwrap_or_else(|error| panic!("{name}: {error}: {}", error.source));
    (name, html)
}

/// What can stand between a cart and an order.
fn troubled_pages(theme: &Theme) -> Vec<(&'static str, String)> {
    vec![
        page("cart with everything", theme.cart(&sale::cart_full())),
        page("cart being paid", theme.cart(&sale::cart_frozen())),
        page(
            "checkout with codes",
            theme.checkout(&sale::checkout_with_codes()),
        ),
        page("checkout, short", theme.checkout(&sale::checkout_short())),
        page(
            "checkout, dearer",
            theme.checkout(&sale::checkout_changed()),
        ),
        page("checkout, over", theme.checkout(&sale::checkout_over())),
        page("in line", theme.waiting(&sale::waiting())),
        page("payment link", theme.pay(&after::pay(false))),
        page("payment link with errors", theme.pay(&after::pay(true))),
        page("order, late", theme.order(&after::order_late())),
    ]
}

pub(crate) fn every_page() -> Vec<(&'static str, String)> {
    let theme = Theme::new();
    let mut pages = vec![
        page("home", theme.home(&samples::home())),
        page("collection", theme.collection(&lists::collection())),
        page("category", theme.collection(&lists::category())),
        page(
            "search",
            theme.search(&lists::search("oak", samples::kitchen())),
        ),
        page(
            "search, nothing",
            theme.search(&lists::search("x", Vec::new())),
        ),
        page(
            "product with options",
            theme.product(&samples::product_mug()),
        ),
        page(
            "product not sold here",
            theme.product(&samples::product_not_sold_here()),
        ),
        page(
            "product of one variant",
            theme.product(&samples::product_tent()),
        ),
        page(
            "product sold out",
            theme.product(&samples::product_sold_out()),
        ),
        page("cart", theme.cart(&sale::cart(false))),
        page("cart with a problem", theme.cart(&sale::cart(true))),
        page("cart, empty", theme.cart(&sale::cart_empty())),
        page("checkout", theme.checkout(&sale::checkout(Vec::new()))),
        page(
            "checkout with errors",
            theme.checkout(&sale::checkout_with_errors()),
        ),
        page("not found", theme.error(&after::error(404))),
        page("broken", theme.error(&after::error(500))),
        page("mailbox", theme.mailbox(&after::mailbox())),
        page("mail", theme.mail(&after::mail())),
    ];
    pages.extend(troubled_pages(&theme));
    for state in [
        OrderState::Processing,
        OrderState::Authorized,
        OrderState::Paid,
        OrderState::Declined,
        OrderState::RequiresAction,
        OrderState::Canceled,
    ] {
        pages.push(page("order", theme.order(&after::order(state))));
    }
    pages
}

#[test]
fn no_page_needs_inline_style_or_script() {
    for (name, html) in every_page() {
        assert!(!html.contains(" style="), "{name}");
        assert!(!html.contains("<style"), "{name}");
        assert!(
            !html.contains(" onclick=") && !html.contains("javascript:"),
            "{name}"
        );
        for script in tags(&html, "script") {
            let data = attribute(script, "type").is_some_and(|kind| kind.ends_with("json"));
            assert!(
                data || attribute(script, "src").is_some(),
                "{name}: {script}"
            );
        }
    }
}

#[test]
fn every_page_has_landmarks_one_heading_and_a_skip_link() {
    for (name, html) in every_page() {
        for part in [
            "<header",
            "<main id=\"main\"",
            "<footer",
            "<a class=\"skip\" href=\"#main\">",
        ] {
            assert!(html.contains(part), "{name}: {part}");
        }
        assert_eq!(tags(&html, "h1").len(), 1, "{name}");
        assert!(html.contains("<html lang=\"en\">"), "{name}");
    }
}

#[test]
fn every_input_has_a_label_and_every_id_is_unique() {
    for (name, html) in every_page() {
        let labels: HashSet<&str> = tags(&html, "label")
            .into_iter()
            .filter_map(|tag| attribute(tag, "for"))
            .collect();
        for tag in tags(&html, "input")
            .into_iter()
            .chain(tags(&html, "select"))
            .chain(tags(&html, "textarea"))
        {
            if attribute(tag, "type") != Some("hidden") {
                let id = attribute(tag, "id").unwrap_or_else(|| panic!("{name}: {tag} has no id"));
                assert!(labels.contains(id), "{name}: no label for {id}");
            }
        }
        let mut seen = HashSet::new();
        for (at, _) in html.match_indices(" id=\"") {
            let id = attribute(&html[at..], "id").expect("an id");
            assert!(seen.insert(id), "{name}: id {id} twice");
        }
    }
}

#[test]
fn every_picture_reserves_its_space_and_says_what_it_shows() {
    for (name, html) in every_page() {
        for image in tags(&html, "img") {
            for needed in ["alt", "width", "height"] {
                assert!(attribute(image, needed).is_some(), "{name}: {image}");
            }
        }
    }
}

#[test]
fn pages_with_their_style_and_script_stay_under_100_kb() {
    let shared: usize = Theme::new()
        .assets()
        .iter()
        .map(|asset| asset.body.len())
        .sum();
    for (name, html) in every_page() {
        assert!(
            html.len() + shared < PAGE_BYTES_MAX,
            "{name}: {} + {shared}",
            html.len()
        );
    }
}

#[test]
fn assets_are_linked_by_their_hashed_names() {
    let theme = Theme::new();
    let html = theme.error(&after::error(404)).expect("a page");
    for asset in theme.assets().iter() {
        assert!(
            html.contains(&format!("\"{}\"", asset.path)),
            "{}",
            asset.path
        );
    }
}

#[test]
fn markup_in_titles_queries_and_notices_is_escaped() {
    let theme = Theme::new();
    let frame = Frame {
        shop_name: EVIL.to_owned(),
        query: EVIL.to_owned(),
        notice: Some(Notice {
            tone: NoticeTone::Warn,
            text: EVIL.to_owned(),
        }),
        ..samples::frame("")
    };
    let mut product = samples::product_mug();
    product.frame = frame;
    product.title = EVIL.to_owned();
    product.meta.title = EVIL.to_owned();
    product.options[0].values[0].value = EVIL.to_owned();
    product.variants[0].options[0] = EVIL.to_owned();
    product.meta.facts = vec![serde_json::json!({ "name": EVIL })];
    let card = ProductCard {
        title: EVIL.to_owned(),
        ..samples::kitchen().remove(0)
    };
    let search = lists::search(EVIL, vec![card]);
    let mut cart = sale::cart(true);
    cart.lines[0].title = EVIL.to_owned();
    let mut order = after::order(OrderState::Paid);
    order.address = vec![EVIL.to_owned()];
    let mut mail = after::mail();
    mail.subject = EVIL.to_owned();
    for (name, html) in [
        ("product", theme.product(&product).expect("a page")),
        ("search", theme.search(&search).expect("a page")),
        ("cart", theme.cart(&cart).expect("a page")),
        ("order", theme.order(&order).expect("a page")),
        ("mail", theme.mail(&mail).expect("a page")),
    ] {
        assert!(!html.contains("<script>alert"), "{name}");
        assert!(html.contains(EVIL_ESCAPED), "{name}");
    }
    let html = theme.product(&product).expect("a page");
    assert!(
        html.contains(r#"{"name": "\u003cscript\u003ealert(1)"#),
        "JSON cannot close its element"
    );
}

#[test]
fn addresses_are_printed_as_they_are() {
    let html = Theme::new()
        .search(&lists::search("a/b?c", Vec::new()))
        .expect("a page");
    assert!(html.contains("href=\"/collections/kitchen\""));
    assert!(html.contains("value=\"a/b?c\""));
}
