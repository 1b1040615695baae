//! Looking around: home, collections, search, products. No page of these knows the shopper.

use crate::browser::Browser;
use crate::goods::Goods;
use crate::html::{between, tags};
use crate::market::Market;

#[tokio::test]
async fn home_leads_to_collections_and_products() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, "shop.localhost:8080");
    let home = browser.get("/").await;
    assert_eq!(home.status, 200, "{}", home.body);
    assert_eq!(home.header("content-type"), "text/html; charset=utf-8");
    assert!(
        home.body
            .contains("<a href=\"/collections/kitchen\">Kitchen &amp; Table</a>")
    );
    assert!(
        home.body
            .contains("<a href=\"/products/mug\">Harbour &lt;Mug&gt;</a>")
    );
    assert!(
        home.body.contains("href=\"http://shop.localhost:8080/\""),
        "canonical"
    );
    let kitchen = browser.get("/collections/kitchen").await;
    assert_eq!(kitchen.status, 200);
    assert!(
        kitchen
            .body
            .contains("<p class=\"lede\">For the table.</p>"),
        "{}",
        kitchen.body
    );
    assert_eq!(kitchen.body.matches("class=\"card\"").count(), 2);
    assert!(
        kitchen
            .body
            .contains("aria-current=\"page\">Kitchen &amp; Table</a>")
    );
    let all = browser.get("/collections/all?sort=-price").await;
    let (tide, mug) = (all.body.find(">Tide</a>"), all.body.find("Mug&gt;</a>"));
    assert!(tide.is_some() && tide < mug, "the dearer comes first");
    assert!(all.body.contains("<option value=\"-price\" selected>"));
}

#[tokio::test]
async fn a_product_shows_the_variant_that_is_asked_for() {
    let market = Market::open().await;
    let goods = Goods {
        handle: "mug",
        title: "Mug",
        cents: 2400,
        units: 3,
        sizes: &["Small", "Large"],
    };
    let variants = market.put(market.shop, &goods).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    let page = browser
        .get(&format!("/products/mug?variant={}", variants[1]))
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let form = page.form("<form class=\"buy-form\"");
    assert_eq!(
        form,
        [("product", "mug"), ("option1", "Large"), ("quantity", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert!(
        page.body
            .contains("<span class=\"price-now\">€24.00</span>")
    );
    assert!(
        page.body
            .contains("<meta name=\"description\" content=\"All of mug.\">")
    );
    let facts = between(
        &page.body,
        "<script type=\"application/ld+json\">",
        "</script>",
    );
    let facts: serde_json::Value = serde_json::from_str(facts).expect("JSON");
    assert_eq!(
        facts["image"][0],
        "http://shop.localhost/media/sample/mug.svg"
    );
    assert_eq!(
        facts["offers"]["availability"],
        "https://schema.org/InStock"
    );
    // An unknown variant is no reason to show nothing.
    let other = browser.get("/products/mug?variant=nonsense").await;
    assert_eq!(other.form("<form class=\"buy-form\"")[1].1, "Small");
}

#[tokio::test]
async fn lists_go_on_by_cursor_and_a_stale_one_begins_again() {
    let market = Market::open().await;
    for number in 0..30 {
        let (handle, title) = (format!("thing-{number:02}"), format!("Thing {number:02}"));
        let goods = Goods {
            handle: &handle,
            title: &title,
            cents: 100,
            units: 1,
            sizes: &[],
        };
        market.put(market.shop, &goods).await;
    }
    let mut browser = Browser::new(&market.router, "shop.localhost");
    for start in ["/collections/all?sort=title", "/search?q=thing"] {
        let first = browser.get(start).await;
        assert_eq!(first.body.matches("class=\"card\"").count(), 24, "{start}");
        assert!(!first.body.contains("rel=\"prev\""), "{start}");
        let next =
            between(&first.body, "button-quiet\" rel=\"next\" href=\"", "\"").replace("&amp;", "&");
        assert!(next.starts_with(start), "{next}");
        let second = browser.get(&next).await;
        assert_eq!(second.body.matches("class=\"card\"").count(), 6, "{start}");
        let prev = between(&second.body, "button-quiet\" rel=\"prev\" href=\"", "\"")
            .replace("&amp;", "&");
        assert_eq!(prev, start);
        let stale = browser.get(&format!("{start}&cursor=bm9uc2Vuc2U")).await;
        assert_eq!(stale.location(), start);
    }
}

#[tokio::test]
async fn search_finds_by_title_and_tag_and_says_when_it_finds_nothing() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    let found = browser.get("/search?q=tide").await;
    assert!(found.body.contains("1 product") && found.body.contains(">Tide</a>"));
    assert!(
        found
            .body
            .contains("<meta name=\"robots\" content=\"noindex\">")
    );
    let tagged = browser.get("/search?q=stoneware").await;
    assert!(tagged.body.contains("2 products"));
    let none = browser
        .get("/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await;
    assert_eq!(none.status, 200);
    assert!(
        none.body
            .contains("We found nothing for “&lt;script&gt;alert(1)&lt;/script&gt;”")
    );
    assert!(
        none.body
            .contains("<a class=\"chip\" href=\"/collections/kitchen\">")
    );
    for empty in ["/search", "/search?q=", "/search?q=%20"] {
        assert_eq!(browser.get(empty).await.status, 200, "{empty}");
    }
}

#[tokio::test]
async fn each_host_shows_its_own_shop_only() {
    let market = Market::stocked().await;
    let mut own = Browser::new(&market.router, "shop.localhost");
    let mut other = Browser::new(&market.router, "other.localhost");
    assert_eq!(own.get("/products/mug").await.status, 200);
    let missing = other.get("/products/mug").await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("This page is not here"));
    let home = other.get("/").await;
    assert!(!home.body.contains("Tide") && !home.body.contains("kitchen"));
    assert!(
        other
            .get("/search?q=tide")
            .await
            .body
            .contains("We found nothing")
    );
    assert_eq!(other.get("/collections/kitchen").await.status, 404);
    assert_eq!(own.get("/collections/nothing").await.status, 404);
}

#[tokio::test]
async fn public_pages_are_the_same_for_everybody_and_asked_again_by_their_tag() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    let mut shopper = Browser::new(&market.router, "shop.localhost");
    let form = shopper
        .get("/products/print")
        .await
        .form("<form class=\"buy-form\"");
    shopper.post("/cart/lines", &form).await.location();
    assert_eq!(shopper.cookie("stoa_cart_count"), Some("1"));
    for path in [
        "/",
        "/collections/kitchen",
        "/products/mug",
        "/search?q=mug",
    ] {
        let page = browser.get(path).await;
        assert_eq!(
            page.header("cache-control"),
            "public, max-age=0, stale-while-revalidate=10",
            "{path}"
        );
        assert!(page.header("vary").contains("stoa-tenant"), "{path}");
        assert!(page.cookies().is_empty(), "{path}");
        assert_eq!(page.body, shopper.get(path).await.body, "{path}");
        let tag = page.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 20, "{path}: {tag}");
        let again = browser.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), tag, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            (
                "content-security-policy",
                stoa_storefront::CONTENT_SECURITY_POLICY,
            ),
        ] {
            assert_eq!(page.header(name), value, "{path}");
        }
    }
}

#[tokio::test]
async fn a_sold_out_product_says_so() {
    let market = Market::open().await;
    let goods = Goods {
        handle: "vase",
        title: "Vase",
        cents: 100,
        units: 0,
        sizes: &[],
    };
    market.put(market.shop, &goods).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    let page = browser.get("/products/vase").await;
    assert!(page.body.contains("disabled>Sold out</button>"));
    assert!(
        browser
            .get("/")
            .await
            .body
            .contains("<span class=\"badge badge-out\">Sold out")
    );
    assert_eq!(tags(&page.body, "h1").len(), 1);
}
