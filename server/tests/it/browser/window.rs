//! One real browser window, driven as a person's hands and eyes would. Asserts nothing.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;

use crate::support::eventually;

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(30);

/// ChromeDriver on a free port, and one browser session in it.
pub(crate) struct Browser {
    driver: Child,
    pub(crate) client: Client,
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
    pub(crate) async fn open(scripts: bool) -> Option<Self> {
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

    pub(crate) async fn find(&self, css: &str) -> Element {
        let began = std::time::Instant::now();
        loop {
            let wait = self.client.wait().at_most(PATIENCE);
            let error = match wait.for_element(Locator::Css(css)).await {
                Ok(element) => return element,
                Err(error) => error,
            };
            // A page that turns while it is looked at answers so; the next one is looked at anew.
            let turned = error.to_string().contains("aborted by navigation");
            if !turned || began.elapsed() > PATIENCE {
                let page = self.client.source().await.unwrap_or_default();
                panic!("`{css}` did not come: {error}\n{page}");
            }
        }
    }

    /// Clicks once it is there; again, where a script replaced it in the meantime.
    pub(crate) async fn click(&self, css: &str) {
        eventually(css, async || self.find(css).await.click().await.ok()).await;
    }

    /// Types once the field is there; again, where a script replaced it in the meantime.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let css = format!("[name={name}]");
        eventually(&css, async || {
            let field = self.find(&css).await;
            field.clear().await.ok()?;
            field.send_keys(text).await.ok()?;
            (field.prop("value").await.ok()?.as_deref() == Some(text)).then_some(())
        })
        .await;
    }

    /// Everything that checkout asks for but the payment.
    pub(crate) async fn fill_in(&self) {
        self.fill("email", "ada@example.com").await;
        self.fill("name", "Ada Lovelace").await;
        self.fill("line1", "12 St James's Square").await;
        self.fill("postal_code", "SW1Y 4JH").await;
        self.fill("city", "London").await;
        let country = self.find("#country").await;
        country.select_by_value("GB").await.expect("a country");
        self.click("label[for='ship-1']").await;
    }

    /// Chooses how to pay, such as `test:tok_success`.
    pub(crate) async fn choose(&self, payment: &str) {
        let card = self
            .find(&format!("input[name=payment][value='{payment}']"))
            .await;
        let id = card.attr("id").await.expect("an answer").expect("an id");
        self.click(&format!("label[for='{id}']")).await;
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("the page");
    }

    pub(crate) async fn close(self) {
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
