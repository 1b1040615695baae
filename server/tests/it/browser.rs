//! A real browser, from the home page to a paid order.

mod journeys;
mod keyboard;
mod window;

use fantoccini::Locator;

use self::window::Browser;
use crate::audit::Books;
use crate::support::{Backend, Merchant, Shopper, Stoa, backends, eventually};

/// A product on the home page of which something is in stock.
async fn product_on_home(browser: &Browser, shopper: &Shopper) -> serde_json::Value {
    for link in browser
        .client
        .find_all(Locator::Css("a[href^='/products/']"))
        .await
        .expect("links")
    {
        let path = link
            .attr("href")
            .await
            .expect("an answer")
            .expect("an address");
        let handle = path
            .trim_start_matches("/products/")
            .split(['?', '#'])
            .next();
        let product = shopper.product(handle.expect("a handle")).await;
        if product["variants"][0]["available"] == true {
            return product;
        }
    }
    panic!("nothing on the home page is in stock");
}

/// Home, product, cart, checkout, paid: as a person would.
async fn buy(backend: &Backend, scripts: bool) {
    let shop = Stoa::all(backend).await;
    let Some(browser) = Browser::open(scripts).await else {
        return;
    };
    let home = format!("http://localhost:{}", shop.port());
    let shopper = Shopper::new(&shop.url(), "demo");
    let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
    browser.client.goto(&home).await.expect("the home page");
    let product = product_on_home(&browser, &shopper).await;
    let handle = product["handle"].as_str().expect("a handle");
    browser
        .click(&format!("a[href^='/products/{handle}']"))
        .await;
    let title = browser.find("h1").await.text().await.expect("text");
    assert_eq!(title, product["title"].as_str().expect("a title"));
    browser.click("#add").await;
    // Where scripts run the cart opens beside the page; elsewhere it is the next page.
    if scripts {
        browser.click("dialog.drawer[open] a[href='/cart']").await;
    }
    browser.click("main a[href='/checkout']").await;
    browser.fill_in().await;
    browser.choose("test:tok_success").await;
    browser.click("#pay").await;
    if scripts {
        browser.find("#order[data-state=paid]").await;
    } else {
        eventually("the page to say paid", async || {
            browser.client.refresh().await.ok()?;
            browser
                .client
                .find(Locator::Css("#order[data-state=paid]"))
                .await
                .ok()
        })
        .await;
    }
    let orders = merchant.list("/api/v1/admin/orders").await;
    assert_eq!(orders.len(), 1);
    let order = merchant
        .get(&format!(
            "/api/v1/admin/orders/{}",
            orders[0]["id"].as_str().expect("an id")
        ))
        .await;
    let variant = order["lines"][0]["variant_id"]
        .as_str()
        .expect("a variant")
        .to_owned();
    let (on_hand, reserved) = merchant.level(&variant).await;
    assert_eq!(reserved, 1);
    let books = Books::read(&merchant, &[], &[(variant, on_hand)].into()).await;
    assert_eq!(books.faults(), Vec::<String>::new());
    assert_eq!(books.charges.len(), 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_buys_from_the_home_page_to_a_paid_order() {
    for backend in backends().await {
        buy(&backend, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_without_scripts_buys_as_well() {
    buy(&Backend::Sqlite, false).await;
}
