//! Categories, a collection's own order, pictures in many sizes, and prices that are missing in a
//! currency.

use std::sync::Arc;

use stoa_contracts::search::{Facet, FacetKind, FacetValue, SearchPage};
use stoa_kernel::Currency;

use crate::assortment::{Finds, Gallery, SellsIn, Sorted};
use crate::browser::{Browser, with};
use crate::html::{attribute, between, tags};
use crate::market::Market;

const HOST: &str = "shop.localhost";

/// With a tree of categories, and search that finds what it is told to.
async fn sorted() -> (Market, Arc<Finds>) {
    let finds = Arc::new(Finds::default());
    let search = finds.clone();
    let market = Market::compose(false, |shop, options| {
        shop.catalog = Arc::new(Sorted(shop.catalog.clone()));
        options.search = Some(search);
    })
    .await;
    market.stock_up().await;
    (market, finds)
}

async fn id_of(market: &Market, handle: &str) -> stoa_kernel::ProductId {
    let catalog = &market.peers.catalog;
    let found = catalog.product(market.shop, handle, Currency::EUR).await;
    found.expect("an answer").expect("a product").id
}

fn facet(name: &str, values: &[(&str, u64)]) -> Facet {
    Facet {
        name: name.to_owned(),
        kind: FacetKind::Values,
        approximate: false,
        values: values
            .iter()
            .map(|&(value, count)| FacetValue {
                value: value.to_owned(),
                count,
                selected: false,
            })
            .collect(),
    }
}

#[tokio::test]
async fn the_tree_leads_from_every_page_to_categories_and_back() {
    let (market, finds) = sorted().await;
    *finds.page.lock().expect("unpoisoned") = Some(SearchPage {
        products: vec![id_of(&market, "mug").await],
        total: 1,
        facets: vec![
            facet("category", &[("tableware", 1), ("cups", 1)]),
            facet("collection", &[("kitchen", 1), ("gifts", 1)]),
        ],
        ..SearchPage::default()
    });
    let mut browser = Browser::new(&market.router, HOST);
    let home = browser.get("/").await;
    let menu = between(&home.body, "<nav class=\"wrap menu-wide\"", "</nav>");
    for link in [
        "<summary>Tableware</summary>",
        "<a href=\"/categories/tableware\">All of Tableware</a>",
        "<a href=\"/categories/cups\">Cups &amp; mugs</a>",
        "<li><a href=\"/categories/light\">Light</a></li>",
        "<a href=\"/collections/kitchen\">Kitchen &amp; Table</a>",
    ] {
        assert!(menu.contains(link), "{link}: {menu}");
    }
    let cups = browser.get("/categories/cups").await;
    assert_eq!(cups.status, 200, "{}", cups.body);
    let crumbs = between(&cups.body, "<nav class=\"crumbs\"", "</nav>");
    assert!(crumbs.contains("<a href=\"/categories/tableware\">Tableware</a>"));
    assert!(crumbs.contains("aria-current=\"page\">Cups &amp; mugs</span>"));
    assert!(
        cups.body
            .contains("\"item\": \"http://shop.localhost/categories/cups\"")
    );
    assert!(cups.body.contains("<a href=\"/products/mug\">"));
    // Its own facet is the tree; collections are called by their titles.
    assert!(!cups.body.contains("name=\"category\""));
    assert!(
        cups.body
            .contains("value=\"kitchen\"><span>Kitchen &amp; Table</span>")
    );
    {
        let asked = finds.asked.lock().expect("unpoisoned");
        let filter = &asked.last().expect("a query").filters[0];
        assert_eq!(
            (filter.name.as_str(), &filter.values),
            ("category", &vec!["cups".to_owned()])
        );
    }
    let parent = browser.get("/categories/tableware?lang=de").await;
    assert!(parent.body.contains("<h1>Geschirr</h1>"));
    let below = between(&parent.body, "<nav class=\"children\"", "</nav>");
    assert!(below.contains("href=\"/categories/cups\""));
    assert_eq!(browser.get("/categories/nothing").await.status, 404);
    let map = browser.get("/sitemaps/pages.xml").await;
    assert!(
        map.body
            .contains("<loc>http://shop.localhost/categories/cups</loc>")
    );
}

#[tokio::test]
async fn a_product_tells_its_category_and_its_attributes() {
    let (market, _) = sorted().await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get("/products/mug").await;
    let crumbs = between(&page.body, "<nav class=\"crumbs\"", "</nav>");
    let links: Vec<_> = tags(crumbs, "a")
        .into_iter()
        .map(|tag| attribute(tag, "href").expect("an address"))
        .collect();
    assert_eq!(links, ["/", "/categories/tableware", "/categories/cups"]);
    assert!(
        page.body
            .contains("<dt>Material</dt><dd>Stoneware &lt;raw&gt;</dd>")
    );
    assert!(
        page.body
            .contains("\"item\": \"http://shop.localhost/categories/tableware\"")
    );
}

#[tokio::test]
async fn a_collection_keeps_the_order_of_its_merchant_until_asked_for_another() {
    let (market, finds) = sorted().await;
    *finds.page.lock().expect("unpoisoned") = Some(SearchPage {
        products: vec![id_of(&market, "print").await],
        total: 7,
        facets: vec![facet("vendor", &[("Kilnhouse", 5), ("Ostwerk", 2)])],
        ..SearchPage::default()
    });
    let mut browser = Browser::new(&market.router, HOST);
    let own = browser.get("/collections/kitchen").await;
    // By hand the mug comes first; the newest is the print, which is all that search was told.
    let (mug, print) = (
        own.body.find("/products/mug\""),
        own.body.find("/products/print\""),
    );
    assert!(mug.is_some() && mug < print, "{}", own.body);
    assert!(own.body.contains("role=\"status\">7 products</p>"));
    assert!(
        own.body
            .contains("<option value=\"featured\" selected>Featured</option>")
    );
    assert!(own.body.contains("name=\"vendor\" value=\"Kilnhouse\""));
    assert_eq!(
        finds
            .asked
            .lock()
            .expect("unpoisoned")
            .last()
            .expect("a query")
            .limit,
        1
    );
    let newest = browser.get("/collections/kitchen?sort=newest").await;
    assert!(!newest.body.contains("<a href=\"/products/mug\">"));
    let narrowed = browser.get("/collections/kitchen?vendor=Kilnhouse").await;
    assert!(!narrowed.body.contains("<a href=\"/products/mug\">"));
    // While search is being built the goods are there, only unfiltered.
    *finds.page.lock().expect("unpoisoned") = None;
    let built = browser
        .get("/collections/kitchen?sort=featured&vendor=")
        .await;
    assert!(built.body.contains("<a href=\"/products/mug\">"));
    let category = browser.get("/categories/cups").await;
    assert_eq!(
        (category.status, category.header("retry-after")),
        (503, "1")
    );
}

#[tokio::test]
async fn pictures_come_in_many_sizes_the_first_at_once_and_the_rest_later() {
    let market = Market::compose(false, |_, options| options.media = Some(Arc::new(Gallery))).await;
    market.stock_up().await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get("/products/mug").await;
    let stage = between(&page.body, "<div class=\"gallery-track\"", "</div>");
    for part in [
        "<picture><source type=\"image/avif\" srcset=\"/media/sample/mug.svg-1440.avif 1440w\" sizes=\"(min-width: 60rem) 50vw, 100vw\">",
        "<img src=\"/media/sample/mug.svg-1440.jpg\" srcset=\"/media/sample/mug.svg-1440.jpg 1440w\" sizes=\"(min-width: 60rem) 50vw, 100vw\"",
        "width=\"1600\" height=\"2000\" fetchpriority=\"high\"",
        "href=\"/media/sample/mug.svg-2400.jpg\"",
    ] {
        assert!(stage.contains(part), "{part}: {stage}");
    }
    assert!(page.body.contains(
        "<meta property=\"og:image\" content=\"http://shop.localhost/media/sample/mug.svg-2400.jpg\">"
    ));
    let list = browser.get("/collections/kitchen").await;
    let images = tags(&list.body, "img");
    let at_once = |image: &&&str| image.contains("fetchpriority=\"high\"");
    assert_eq!(images.iter().filter(at_once).count(), 1);
    assert!(images[0].contains("fetchpriority=\"high\"") && images.len() == 2);
    let home = browser.get("/").await;
    let later = |image: &&str| image.contains("loading=\"lazy\"");
    assert!(tags(&home.body, "img").iter().all(later));
}

#[tokio::test]
async fn what_has_no_price_in_a_currency_is_said_not_to_be_sold_in_it() {
    let usd: Currency = "USD".parse().expect("a currency");
    let pricing = Arc::new(SellsIn(vec![Currency::EUR, usd]));
    let market = Market::compose(false, |_, options| options.pricing = Some(pricing)).await;
    market.stock_up().await;
    let mut browser = Browser::new(&market.router, HOST);
    let euros = browser.get("/products/mug").await;
    assert!(euros.body.contains("€24.00") && euros.body.contains("id=\"pref-currency\""));
    let dollars = browser.get("/products/mug?currency=USD").await;
    assert!(
        dollars
            .body
            .contains("<span class=\"price-now\">Not sold in USD</span>")
    );
    assert!(
        dollars
            .body
            .contains("<a href=\"#pref-currency\">Choose another currency</a>")
    );
    let button = between(&dollars.body, "<button id=\"add\"", "</button>");
    assert!(button.contains(" disabled>Not available"), "{button}");
    assert!(!dollars.body.contains("\"offers\""));
    let list = browser.get("/collections/all?currency=USD").await;
    assert!(list.body.contains("Not sold in USD") && !list.body.contains("Sold out"));
    // Nor can a form that was sent all the same put it into a cart of dollars.
    let form = dollars.form("<form class=\"preferences\"");
    let chosen = with(form, &[("lang", "en"), ("currency", "USD")]);
    browser.post("/preferences", &chosen).await.location();
    assert_eq!(browser.cookie("stoa_currency"), Some("USD"));
    let plain = browser.get("/collections/kitchen").await;
    assert!(plain.body.contains("Not sold in USD"));
    // Another shop sells in its own currency and in the same others.
    let mut other = Browser::new(&market.router, "other.localhost");
    let page = other.get("/?currency=GBP").await;
    assert!(page.body.contains("Prices in EUR"), "{}", page.body);
}

#[tokio::test]
async fn countries_are_called_as_the_page_speaks() {
    let market = Market::stocked().await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get("/products/print").await;
    let added = page.form("<form class=\"buy-form\"");
    browser.post("/cart/lines", &added).await.location();
    let page = browser.get("/checkout?lang=de").await;
    assert!(
        page.body
            .contains("<option value=\"AT\">Österreich</option>"),
        "{}",
        page.body
    );
    let page = browser.get("/checkout?lang=fr").await;
    assert!(
        page.body
            .contains("<option value=\"DE\">Allemagne</option>")
    );
}
