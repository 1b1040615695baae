//! The routes: pages, one mail, settings, wordings, and nobody without the permission.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::peers::order;
use crate::support::{LOG, SETTINGS, Shop, TEMPLATES, everywhere};

#[tokio::test]
async fn staff_page_through_the_mailbox_and_open_a_mail() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        for order in 1..=3 {
            shop.confirm(order).await;
            shop.advance(Duration::from_secs(1));
        }
        for list in ["/api/v1/admin/mailbox", LOG] {
            let first = shop.get(&format!("{list}?limit=2")).await;
            assert_eq!(numbers(&first), [1_003, 1_002], "{}", cells.kind);
            assert_eq!(
                first["data"][0]["text"],
                Value::Null,
                "a list holds no bodies"
            );
            let cursor = first["pagination"]["cursor"].as_str().expect("a cursor");
            let last = shop.get(&format!("{list}?limit=2&cursor={cursor}")).await;
            assert_eq!(numbers(&last), [1_001], "{}", cells.kind);
            assert_eq!(last["pagination"]["has_more"], false, "{}", cells.kind);
        }
        let id = shop.mails().await[2].id;
        let path = format!("/api/v1/admin/mailbox/{id}");
        let mail = shop.get(&path).await;
        assert_eq!(mail["to"], "ada@example.com", "{}", cells.kind);
        let text = mail["text"].as_str().expect("a text");
        assert!(text.starts_with("Thank you!"), "{text}");

        for path in [&path, "/api/v1/admin/mailbox", LOG] {
            let key = "products:read settings:read";
            let (status, problem) = shop.call_as(key, Method::GET, path, Value::Null).await;
            assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
        }
        for missing in ["job_00000000000000000000000000", "nothing"] {
            let path = format!("/api/v1/admin/mailbox/{missing}");
            let (status, problem) = shop.call(Method::GET, &path, Value::Null).await;
            assert_eq!((status, &problem["code"]), (404, &json!("mail_not_found")));
        }
        let filtered = format!("{LOG}?kind=order_shipped&state=sent");
        assert_eq!(
            shop.get(&filtered).await["data"],
            json!([]),
            "{}",
            cells.kind
        );
        let (status, _) = shop
            .call(
                Method::GET,
                "/api/v1/admin/notifications?kind=poem",
                Value::Null,
            )
            .await;
        assert_eq!(status, 422, "{}", cells.kind);
    }
}

fn numbers(page: &Value) -> Vec<u32> {
    let number = |row: &Value| {
        let subject = row["subject"].as_str()?;
        subject
            .strip_prefix("Your order ")?
            .strip_suffix(" at acme")?
            .parse()
            .ok()
    };
    let rows = page["data"].as_array().expect("a list");
    rows.iter()
        .map(|row| number(row).expect("a subject"))
        .collect()
}

#[tokio::test]
async fn settings_are_kept_per_shop_and_nonsense_is_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        let given = json!({
            "from_name": "Acme & Sons",
            "reply_to": "care@acme.example",
            "staff_email": "staff@acme.example",
            "locale": "fr",
            "abandoned_cart": true,
            "public_url": "https://acme.example/shop/",
        });
        let mut kept = given.clone();
        kept["public_url"] = json!("https://acme.example/shop");
        assert_eq!(shop.put(SETTINGS, given).await, kept, "{}", cells.kind);
        assert_eq!(shop.get(SETTINGS).await, kept, "{}", cells.kind);
        let fresh = json!({
            "from_name": null,
            "reply_to": null,
            "staff_email": null,
            "locale": "en",
            "abandoned_cart": false,
            "public_url": null,
        });
        assert_eq!(other.get(SETTINGS).await, fresh, "{}", cells.kind);
        shop.confirm(1).await;
        let text = shop.mails().await.remove(0).text;
        let link = "Voir votre commande: https://acme.example/shop/orders/order_";
        assert!(text.contains(link), "{text}");

        for (field, value) in [
            ("from_name", "Acme\r\nBcc: all@example.com"),
            ("reply_to", "nobody"),
            ("staff_email", "a@b.example\r\nBcc: all@example.com"),
            ("locale", "German"),
            ("public_url", "javascript:alert(1)"),
            ("public_url", "https://user:pass@acme.example"),
            ("public_url", "https://acme.example/?shop=1"),
        ] {
            let (status, problem) = shop
                .call(Method::PUT, SETTINGS, json!({field: value}))
                .await;
            let named = &problem["errors"][0]["field"];
            assert_eq!((status, named), (422, &json!(field)), "{value}");
        }
        assert_eq!(shop.get(SETTINGS).await, kept, "{}", cells.kind);
        let key = "settings:read";
        let (status, _) = shop.call_as(key, Method::PUT, SETTINGS, json!({})).await;
        assert_eq!(status, 403, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_shops_own_words_take_the_place_of_the_built_in_ones() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        let path = format!("{TEMPLATES}/order_confirmation/de");
        let built_in = shop.get(&path).await;
        assert_eq!(built_in["own"], false, "{}", cells.kind);
        let subject = "Ihre Bestellung {{ order.number }} bei {{ shop.name }}";
        assert_eq!(built_in["subject"], subject, "{}", cells.kind);
        // What is built in can be put back as it is.
        let same = json!({
            "subject": subject, "text": built_in["text"], "html": built_in["html"],
        });
        shop.put(&path, same).await;

        let own = json!({
            "subject": "Danke\n{{ order.number }}",
            "text": "{% for line in order.lines %}{{ line.title|upper }}{% endfor %}",
            "html": "<b>{{ order.lines[0].title }}</b>",
        });
        let kept = shop.put(&path, own).await;
        assert_eq!(kept["own"], true, "{}", cells.kind);
        for (slug, locale) in [("acme", "de-AT"), ("other", "de-AT")] {
            let shop = if slug == "acme" { &shop } else { &other };
            shop.put(SETTINGS, json!({"locale": locale})).await;
            let mut view = order(stoa_kernel::OrderId::from_u128(1));
            view.lines[0].title = "<Tea & pot>".to_owned();
            shop.knows(view);
            let event = shop.paid(stoa_kernel::OrderId::from_u128(1)).await;
            shop.hear(&event).await;
            shop.work().await;
        }
        let mail = shop.mails().await.remove(0);
        let said = (
            mail.subject.as_str(),
            mail.text.as_str(),
            mail.html.as_str(),
        );
        let expected = ("Danke 1001", "<TEA & POT>", "<b>&lt;Tea &amp; pot&gt;</b>");
        assert_eq!(said, expected, "{}", cells.kind);
        let theirs = other.mails().await.remove(0);
        assert_eq!(
            theirs.subject, "Ihre Bestellung 1001 bei other",
            "{}",
            cells.kind
        );

        let all = shop.get(TEMPLATES).await;
        let all = all["data"].as_array().expect("a list");
        assert_eq!(all.len(), 30, "ten kinds in three languages");
        let own = all.iter().filter(|one| one["own"] == true).count();
        assert_eq!(own, 1, "{}", cells.kind);
        let (status, _) = shop.call(Method::DELETE, &path, Value::Null).await;
        assert_eq!(status, 204, "{}", cells.kind);
        assert_eq!(shop.get(&path).await, built_in, "{}", cells.kind);
        let (status, problem) = shop.call(Method::DELETE, &path, Value::Null).await;
        let code = &problem["code"];
        assert_eq!((status, code), (404, &json!("mail_template_not_found")));
    }
}

#[tokio::test]
async fn a_broken_template_is_refused_with_its_line_and_reason() {
    let cells = everywhere().await.remove(0);
    let shop = Shop::open(&cells, "acme").await;
    let path = format!("{TEMPLATES}/order_shipped/en");
    let put = async |field: &str, source: &str| {
        let mut body = json!({"subject": "s", "text": "t", "html": "h"});
        body[field] = json!(source);
        let (status, problem) = shop.call(Method::PUT, &path, body).await;
        assert_eq!(status, 422, "{source}");
        assert_eq!(problem["code"], "mail_template_refused", "{source}");
        assert_eq!(problem["errors"][0]["field"], field, "{source}");
        problem["errors"][0]["reason"]
            .as_str()
            .expect("a reason")
            .to_owned()
    };
    assert_eq!(
        put("text", "fine\n{{ order.colour }}").await,
        "line 2: undefined value"
    );
    assert_eq!(
        put("html", "\n\n{% if order %}").await,
        "line 3: syntax error: unexpected end of input, expected end of block"
    );
    // There on one sample, not on the other.
    assert_eq!(
        put("text", "{{ order.address[0] }}").await,
        "line 1: undefined value"
    );
    assert_eq!(
        put("subject", "{{ range(9) }}").await,
        "line 1: a call cannot be used in a mail"
    );
    assert_eq!(
        put("subject", &"x".repeat(501)).await,
        "is longer than 500 bytes"
    );
    assert_eq!(shop.get(&path).await["own"], false);

    let missing = ["order_shipped/English", "poem/en"];
    for path in missing {
        let path = format!("{TEMPLATES}/{path}");
        let (status, problem) = shop.call(Method::GET, &path, Value::Null).await;
        let code = &problem["code"];
        assert_eq!((status, code), (404, &json!("mail_template_not_found")));
    }
}

#[tokio::test]
async fn a_preview_shows_a_mail_about_made_up_facts_and_keeps_nothing() {
    let cells = everywhere().await.remove(0);
    let shop = Shop::open(&cells, "acme").await;
    let path = format!("{TEMPLATES}/abandoned_cart/fr/preview");
    let (status, made) = shop.call(Method::POST, &path, json!({})).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["subject"], "Votre panier chez Tea & More");
    let text = "{{ cart.total }}";
    let (status, made) = shop.call(Method::POST, &path, json!({"text": text})).await;
    assert_eq!((status, &made["text"]), (200, &json!("47,60 EUR")));
    let (status, _) = shop
        .call(Method::POST, &path, json!({"text": "{{ x }}"}))
        .await;
    assert_eq!(status, 422);
    let kept = shop.get(&format!("{TEMPLATES}/abandoned_cart/fr")).await;
    assert_eq!(kept["own"], false);
    assert_eq!(shop.log().await.len(), 0);
}
