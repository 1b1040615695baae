//! A real browser, from the home page to a paid order.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;

use crate::audit::Books;
use crate::support::{Backend, Merchant, Shopper, Stoa, backends, eventually};

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(30);

/// ChromeDriver on a free port, and one browser session in it.
struct Browser {
    driver: Child,
    client: Client,
    _profile: tempfile::TempDir,
}

/// Chromium and its driver, where the suite has installed them.
#[expect(
    clippy::disallowed_methods,
    reason = "tests read where their browser is"
)]
fn installed() -> Option<(String, String)> {
    let chromium = std::env::var("STOA_TEST_CHROMIUM")
        .ok()
        .filter(|path| !path.is_empty())?;
    let driver = std::env::var("STOA_TEST_CHROMEDRIVER")
        .ok()
        .filter(|path| !path.is_empty())?;
    Some((chromium, driver))
}

impl Browser {
    /// `None` where no browser is installed.
    async fn open(scripts: bool) -> Option<Self> {
        let (chromium, driver) = installed()?;
        let port = {
            let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            probe.local_addr().expect("its number").port()
        };
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver starts");
        let profile = tempfile::tempdir().expect("a folder");
        let mut options = json!({
            "binary": chromium,
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-dev-shm-usage", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--window-size=1280,1000",
                format!("--user-data-dir={}", profile.path().display()),
            ],
        });
        if !scripts {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let url = format!("http://127.0.0.1:{port}");
        let client = eventually("the browser", async || {
            let mut builder = ClientBuilder::new(hyper_util_connector());
            builder
                .capabilities(capabilities.clone())
                .connect(&url)
                .await
                .ok()
        })
        .await;
        Some(Self {
            driver,
            client,
            _profile: profile,
        })
    }

    async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        match wait.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => {
                let page = self.client.source().await.unwrap_or_default();
                panic!("`{css}` did not come: {error}\n{page}");
            }
        }
    }

    /// Clicks once it is there; again, where a script replaced it in the meantime.
    async fn click(&self, css: &str) {
        eventually(css, async || self.find(css).await.click().await.ok()).await;
    }

    async fn fill(&self, name: &str, text: &str) {
        let element = self.find(&format!("[name={name}]")).await;
        element.clear().await.expect("a field");
        element.send_keys(text).await.expect("a field");
    }

    async fn close(self) {
        self.client
            .clone()
            .close()
            .await
            .expect("the session closes");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

fn hyper_util_connector() -> hyper_util::client::legacy::connect::HttpConnector {
    hyper_util::client::legacy::connect::HttpConnector::new()
}

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
    browser
        .client
        .goto(&format!("{home}/cart"))
        .await
        .expect("the cart");
    browser.click("main a[href='/checkout']").await;
    browser.fill("email", "ada@example.com").await;
    browser.fill("name", "Ada Lovelace").await;
    browser.fill("line1", "12 St James's Square").await;
    browser.fill("postal_code", "SW1Y 4JH").await;
    browser.fill("city", "London").await;
    let country = browser.find("#country").await;
    country.select_by_value("GB").await.expect("a country");
    browser.click("label[for='ship-1']").await;
    let card = browser
        .find("input[name=payment_token][value=tok_success]")
        .await;
    let id = card.attr("id").await.expect("an answer").expect("an id");
    browser.click(&format!("label[for='{id}']")).await;
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
