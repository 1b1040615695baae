//! What search engines, feed readers and sharers read, and the words of other languages.

use serde_json::Value;

use crate::browser::{Browser, with};
use crate::goods::Goods;
use crate::html::{attribute, between, tags};
use crate::market::Market;

const HOST: &str = "shop.localhost";

fn facts(html: &str) -> Vec<Value> {
    let scripts = html.split("<script type=\"application/ld+json\">").skip(1);
    let texts = scripts.map(|rest| rest.split_once("</script>").expect("an end").0);
    texts
        .map(|text| serde_json::from_str(text).expect("JSON"))
        .collect()
}

#[tokio::test]
async fn sitemaps_lead_to_every_page_and_robots_to_the_sitemaps() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let robots = browser.get("/robots.txt").await;
    assert_eq!(robots.header("content-type"), "text/plain; charset=utf-8");
    assert!(
        robots
            .body
            .ends_with("\nSitemap: http://shop.localhost/sitemap.xml\n")
    );
    let index = browser.get("/sitemap.xml").await;
    assert_eq!(
        index.header("content-type"),
        "application/xml; charset=utf-8"
    );
    let parts: Vec<&str> = index
        .body
        .split("<loc>")
        .skip(1)
        .map(|rest| rest.split("</loc>").next().expect("an address"))
        .collect();
    assert_eq!(
        parts,
        [
            "http://shop.localhost/sitemaps/pages.xml",
            "http://shop.localhost/sitemaps/products-1.xml"
        ]
    );
    let products = browser.get("/sitemaps/products-1.xml").await;
    for path in ["/products/mug", "/products/print"] {
        let entry = format!("<url><loc>http://shop.localhost{path}</loc></url>");
        assert!(products.body.contains(&entry), "{}", products.body);
    }
    let pages = browser.get("/sitemaps/pages.xml").await;
    assert!(
        pages
            .body
            .contains("<loc>http://shop.localhost/collections/kitchen</loc>")
    );
    for missing in [
        "/sitemaps/products-2.xml",
        "/sitemaps/products-0.xml",
        "/sitemaps/x",
    ] {
        assert_eq!(browser.get(missing).await.status, 404, "{missing}");
    }
    let mut other = Browser::new(&market.router, "other.localhost");
    let index = other.get("/sitemap.xml").await;
    assert!(!index.body.contains("products-1"), "{}", index.body);
    assert_eq!(other.get("/sitemaps/products-1.xml").await.status, 404);
}

#[tokio::test]
async fn a_feed_tells_what_is_new_in_the_shop_and_in_a_collection() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    for path in ["/feed.xml", "/collections/kitchen/feed.xml"] {
        let feed = browser.get(path).await;
        assert_eq!(
            feed.header("content-type"),
            "application/rss+xml; charset=utf-8"
        );
        assert_eq!(feed.body.matches("<item>").count(), 2, "{path}");
        assert!(
            feed.body.contains("<title>Harbour &lt;Mug&gt;</title>"),
            "{}",
            feed.body
        );
        assert!(
            feed.body
                .contains("<link>http://shop.localhost/products/print</link>")
        );
        let tag = feed.header("etag").to_owned();
        let again = browser.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, 304);
    }
    assert_eq!(
        browser.get("/collections/nothing/feed.xml").await.status,
        404
    );
}

#[tokio::test]
async fn pages_say_what_they_are_to_search_engines() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let home = browser.get("/").await;
    let found = facts(&home.body);
    assert_eq!(found[0]["@type"], "Organization");
    assert_eq!(
        found[1]["potentialAction"]["target"]["urlTemplate"],
        "http://shop.localhost/search?q={search_term_string}"
    );
    let product = browser.get("/products/mug?variant=x&utm_source=y").await;
    let found = facts(&product.body);
    assert_eq!(found[0]["offers"]["price"], "24.00");
    assert_eq!(found[0]["offers"]["priceCurrency"], "EUR");
    assert_eq!(found[1]["@type"], "BreadcrumbList");
    assert_eq!(found[1]["itemListElement"][1]["name"], "Harbour <Mug>");
    for told in [
        "<link rel=\"canonical\" href=\"http://shop.localhost/products/mug\">",
        "<meta property=\"og:type\" content=\"product\">",
        "<meta property=\"og:image\" content=\"http://shop.localhost/media/sample/mug.svg\">",
        "<meta name=\"twitter:card\" content=\"summary_large_image\">",
        "hreflang=\"de\" href=\"http://shop.localhost/products/mug?lang=de\"",
        "hreflang=\"x-default\" href=\"http://shop.localhost/products/mug\"",
        "type=\"application/rss+xml\"",
    ] {
        assert!(product.body.contains(told), "{told}: {}", product.body);
    }
    let list = browser.get("/collections/kitchen?sort=price&cursor=").await;
    assert!(
        list.body.contains(
            "<link rel=\"canonical\" href=\"http://shop.localhost/collections/kitchen\">"
        )
    );
    assert!(
        list.body
            .contains("<meta name=\"description\" content=\"For the table.\">")
    );
}

#[tokio::test]
async fn a_page_that_is_not_there_helps_on() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let lost = browser.get("/products/nothing").await;
    assert_eq!(lost.status, 404);
    assert!(lost.body.contains("id=\"search-page\" name=\"q\""));
    assert!(
        lost.body
            .contains("<a class=\"chip\" href=\"/collections/kitchen\">")
    );
    assert!(
        lost.body
            .contains("<meta name=\"robots\" content=\"noindex\">")
    );
}

#[tokio::test]
async fn the_language_follows_address_then_cookie_then_browser() {
    let market = Market::stocked().await;
    let mut browser =
        Browser::new(&market.router, HOST).always("accept-language", "fr-CA,fr;q=0.9");
    let page = browser.get("/products/mug").await;
    assert!(page.body.contains("<html lang=\"fr\">") && page.body.contains(">Ajouter au panier<"));
    assert!(page.body.contains("24,00\u{a0}€"), "{}", page.body);
    assert!(
        page.header("vary").contains("accept-language")
            || page.headers.get_all("vary").iter().count() > 1
    );
    let german = browser.get("/products/mug?lang=de").await;
    assert!(
        german.body.contains("<html lang=\"de\">") && german.body.contains(">In den Warenkorb<")
    );
    assert!(
        german
            .body
            .contains("rel=\"canonical\" href=\"http://shop.localhost/products/mug?lang=de\"")
    );
    // The footer's form keeps the choice and leads back, without what the address said.
    let form = german.form("<form class=\"preferences\"");
    let chosen = with(form, &[("lang", "de")]);
    let back = browser.post("/preferences", &chosen).await;
    assert_eq!(back.location(), "/products/mug");
    assert_eq!(browser.cookie("stoa_lang"), Some("de"));
    let kept = browser.get("/cart").await;
    assert!(
        kept.body.contains("<h1>Ihr Warenkorb</h1>"),
        "{}",
        kept.body
    );
    assert!(
        browser
            .get("/?lang=en")
            .await
            .body
            .contains("<html lang=\"en\">")
    );
    assert!(
        browser
            .get("/?lang=xx")
            .await
            .body
            .contains("<html lang=\"de\">")
    );
    let foreign = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(
        browser
            .post_with("/preferences", &chosen, &foreign)
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_page_of_many_variants_carries_none_and_tells_of_each() {
    let market = Market::open().await;
    let sizes: Vec<String> = (1..=60).map(|number| format!("Size {number}")).collect();
    let sizes: Vec<&str> = sizes.iter().map(String::as_str).collect();
    let goods = Goods {
        handle: "shoe",
        title: "Shoe",
        cents: 9900,
        units: 2,
        sizes: &sizes,
    };
    let variants = market.put(market.shop, &goods).await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get("/products/shoe").await;
    assert!(!page.body.contains("id=\"variants\""));
    assert!(page.body.contains("data-choice=\"/products/shoe/choice\""));
    let selects = tags(&page.body, "select");
    assert!(
        selects
            .iter()
            .any(|tag| attribute(tag, "name") == Some("option1"))
    );
    assert_eq!(
        between(&page.body, "<select id=\"option1\"", "</select>")
            .matches("<option")
            .count(),
        60
    );
    let choice = browser.get("/products/shoe/choice?option1=Size%2044").await;
    let choice: Value = serde_json::from_str(&choice.body).expect("JSON");
    assert_eq!(choice["variant"]["id"], variants[43].to_string());
    assert_eq!(choice["variant"]["price"], "€99.00");
    assert_eq!(choice["out"], serde_json::json!([[]]));
    let none = browser.get("/products/shoe/choice?option1=Size%2099").await;
    let none: Value = serde_json::from_str(&none.body).expect("JSON");
    assert_eq!(none["variant"], Value::Null);
    let card = browser.get("/products/shoe/card").await;
    let card: Value = serde_json::from_str(&card.body).expect("JSON");
    assert_eq!(
        (&card["title"], &card["price"]),
        (&"Shoe".into(), &"€99.00".into())
    );
    // Without a script the form posts the value.
    let form = vec![
        ("product".to_owned(), "shoe".to_owned()),
        ("option1".to_owned(), "Size 7".to_owned()),
        ("quantity".to_owned(), "1".to_owned()),
    ];
    let added = browser.post("/cart/lines", &form).await.location();
    assert!(browser.get(&added).await.body.contains("Size 7"));
}

#[tokio::test]
async fn the_search_box_is_told_what_begins_so() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let told = browser.get("/search/suggest?q=tide").await;
    assert_eq!(told.header("content-type"), "application/json");
    let told: Value = serde_json::from_str(&told.body).expect("JSON");
    assert_eq!(told["items"][0]["title"], "Tide");
    assert_eq!(told["items"][0]["url"], "/products/print");
    assert_eq!(told["items"][0]["price"], "€48.00");
    let none = browser.get("/search/suggest?q=").await;
    assert_eq!(none.body, "{\"items\":[]}");
}
